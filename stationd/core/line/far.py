"""What the far station says about its end of the line, once a second. It may refuse or hold here, and never starts anything.

An event of the engine, made by stationd.farstation from a message that is signed, fresh and in order; all else is counted
there and never comes here. Times are seconds of this station's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.line.words import Feed


@dataclass(frozen=True, slots=True)
class FarLight:
    """One fibre pair at the far station: levels in dBm (None: not measured or dark) and since when its light is lost there.

    `lost` is None where the far station does not know. `lost_t` is the time of the first dark sample.
    """

    receive_dbm: float | None = None
    transmit_dbm: float | None = None
    lost: bool | None = None
    lost_t: float | None = None


@dataclass(frozen=True, slots=True)
class FarEvent:
    """Something that happened at the far station, for the question what came first. `what` is a word of FIRSTS in the verdict."""

    what: str
    where: str
    t: float
    uncertainty_s: float


@dataclass(frozen=True, slots=True)
class FarLine:
    """One message. What the far operator does not share is None or empty: unknown, never healthy.

    `t` is when it was sent; `uncertainty_s` what both clocks may be wrong together. `alarms` are the types of alarms that stand
    there, as `resource/TYPE`.
    """

    t: float
    received: float
    uncertainty_s: float
    boot: str
    sequence: int
    feed: Feed | None = None
    light: Mapping[int, FarLight] = field(default_factory=dict)
    events: tuple[FarEvent, ...] = ()
    alarms: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    earth: str | None = None
    operation: Mapping[str, str] | None = None
    shared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FarSilent:
    """Nothing valid has come for `max_age_s`: from now on the far end is unknown. `why` says what was wrong, if anything came."""

    t: float
    why: str
