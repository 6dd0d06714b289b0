"""What the line watch shows: to the screens, and to the far station."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.light.baseline import Baseline
from stationd.core.light.pair import PairLight
from stationd.core.line.far import FarEvent, FarLight
from stationd.core.line.plan import LinePlan
from stationd.core.line.words import Cable, Feed
from stationd.core.verdict.words import Verdict


@dataclass(frozen=True, slots=True)
class PairView:
    """A fibre pair as it stands: levels in dBm (None: dark or not known), the change against what is normal in dB.

    `lost` is None where it is not known. `remark` is empty or says in a few words what is odd.
    """

    number: int
    receive_dbm: float | None
    transmit_dbm: float | None
    receive_change_db: float | None
    transmit_change_db: float | None
    lost: bool | None
    lost_t: float | None
    far: FarLight | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class LineView:
    """All that the screens show of the line. `near` and `far` are the latest measurements (None: unknown)."""

    plan: LinePlan
    verdict: Verdict
    near: Feed | None
    far: Feed | None
    far_known: bool
    far_why: str
    far_heard_t: float | None
    virtual_earth_km: float | None
    residual_v: float | None
    learnt: Cable | None
    learnt_sigma_ohm_per_km: float | None
    pairs: tuple[PairView, ...]
    baseline: Baseline | None


@dataclass(frozen=True, slots=True)
class NearEnd:
    """What this end says to the far station: its feed, its light by pair, and what happened lately."""

    feed: Feed | None
    light: Mapping[int, FarLight] = field(default_factory=dict)
    events: tuple[FarEvent, ...] = ()


def pair_view(pair: PairLight) -> PairView:
    """Return how a pair is shown."""
    return PairView(
        pair.number,
        pair.receive_dbm,
        pair.transmit_dbm,
        pair.receive_change_db,
        pair.transmit_change_db,
        pair.receive_lost,
        pair.lost_t,
        pair.far,
        remark(pair),
    )


def remark(pair: PairLight) -> str:
    """Return in a few words what is odd about a pair, or ""."""
    odd = (
        (pair.sensor is not None, f"sensor {pair.sensor}"),
        (pair.patch_dark, "no light behind the tap"),
        (pair.reflects, "light comes back"),
        (pair.reduced, "power reduced"),
        (pair.transmit_lost is True, "sends nothing"),
        (pair.pump_off is not None, f"pump {pair.pump_off} off"),
        (pair.far_lost is True, "lost at the far end"),
    )
    return ", ".join(words for holds, words in odd if holds)


def far_light(pair: PairLight) -> FarLight:
    """Return a pair as it is told to the far station."""
    sends = None if pair.transmit_lost else pair.transmit_dbm
    return FarLight(pair.receive_dbm, sends, pair.receive_lost, pair.lost_t)
