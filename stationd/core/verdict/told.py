"""What the line watch tells and takes: the change of the verdict as an effect, and the order to take a baseline with its answer."""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.light.baseline import Baseline
from stationd.core.verdict.words import Verdict


@dataclass(frozen=True, slots=True)
class VerdictChanged:
    """Effect: the answer to "is it ours?" has changed at `t`; `before` is what it was. To be kept, published and shown."""

    verdict: Verdict
    before: Verdict
    t: float


@dataclass(frozen=True, slots=True)
class TakeBaseline:
    """Order: what is measured now is the normal state of the line. `who` takes it, `note` says after which work."""

    who: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class BaselineTaken:
    """The baseline was taken."""

    baseline: Baseline


@dataclass(frozen=True, slots=True)
class BaselineRefused:
    """It was not, and the one before stays. `cause` is one word; each of `missing` says what is not as it must be."""

    cause: str
    missing: tuple[str, ...]


BaselineOutcome = BaselineTaken | BaselineRefused
