"""What the readings of one amplifier say at this moment: in values, in sentences, and as one word for the table of the guard.

Two ages are used. What lets a write out is read within FRESH_S, twice the same, as all that gates an operation: one damaged bit, or
what was before a silence, must let nothing out. What only supervises may be as old as three of the periods with which drivers read the
switches of a unit (10 s): between two polls a pump is not unknown. Missing data is never good: what a unit should say and does not
makes it BLIND.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import PointId, Reading, Value
from stationd.core.powerfeed.words import FRESH_S, Seen

KNOWN_S = 30.0  # three periods of the slowest point that tells how a unit is set (10 s), as for any stale value
LIT_DBM = -10.0  # usual output threshold of amplifier makers; the dark of an unpumped unit is 20 dB and more below
RESTART_AFTER_S = 300.0  # units try again by themselves 60 to 300 s after light is back: the longest of the public manuals


class Look(Enum):
    """What is seen of an amplifier. SHUT: it protects and sends nothing; PULSE: it sends into a line from which nothing comes.

    UNSURE is no state of the unit: one damaged bit, or the first reading of a change.
    """

    FAULT = "reports a fault"
    REDUCING = "reduces its power"
    SHUT = "keeps itself off"
    PULSE = "sends without input"
    TRYING = "pump on, no output"
    LIT = "pump on, output there"
    OFF = "pump off"
    UNSURE = "two readings differ"  # the next one tells
    BLIND = "not known"
    OVERDUE = "no restart in time"  # told by the clock: see stationd.core.amplifier.guard


def newest(seen: Seen, point: PointId | None, now: float, within_s: float) -> Reading | None:
    """Return the last reading if it is good and not older than `within_s`."""
    last = seen.readings.get(point, ())[-1:] if point is not None else ()
    return last[0] if last and last[0].quality.good and now < last[0].t + within_s else None


def settled(seen: Seen, point: PointId | None, now: float, within_s: float) -> Value | None:
    """Return what the last two good readings agree on, the newest not older than `within_s`: one damaged bit decides nothing."""
    last = newest(seen, point, now, within_s)
    both = seen.readings.get(point, ())[-2:] if point is not None else ()
    if last is None or len(both) < 2 or not both[0].quality.good or both[0].value != last.value:
        return None
    return last.value


def number(seen: Seen, point: PointId | None, now: float, within_s: float = KNOWN_S) -> float | None:
    """Return the newest good number."""
    reading = newest(seen, point, now, within_s)
    return None if reading is None or reading.value is None or isinstance(reading.value, (bool, str)) else float(reading.value)


def flags(plan: AmplifierPlan) -> tuple[PointId, ...]:
    """Return the points with which the unit says that its own protection acts."""
    return tuple(point for point in (plan.lost, *plan.reduced) if point is not None)


def telling(plan: AmplifierPlan) -> frozenset[PointId]:
    """Return the points from which the state of the unit is told."""
    return frozenset(point for point in (plan.pump_on, plan.output_dbm, plan.fault, *flags(plan)) if point is not None)


def lit(plan: AmplifierPlan, seen: Seen, now: float) -> bool | None:
    """Return whether light comes out, by the unit's own monitor; None where it has none or it says nothing."""
    level = number(seen, plan.output_dbm, now)
    return None if level is None else level >= LIT_DBM


def look_of(plan: AmplifierPlan, seen: Seen, now: float, within_s: float = KNOWN_S) -> Look:
    """Return the one word. What the unit says of its own protection goes before what is missing, and that before all else."""
    said = {point: settled(seen, point, now, within_s) for point in (plan.fault, *flags(plan))}
    pump = settled(seen, plan.pump_on, now, within_s) if plan.pump_on is not None else lit(plan, seen, now)
    if plan.fault is not None and said[plan.fault] is True:
        return Look.FAULT
    if any(said[point] is True for point in plan.reduced):
        return Look.SHUT if pump is False else Look.REDUCING
    if plan.lost is not None and said[plan.lost] is True and pump is not None:
        return Look.PULSE if pump is True else Look.SHUT
    if pump is None or any(point is not None and value is None for point, value in said.items()):
        return Look.UNSURE if _changing(seen, (plan.pump_on, *said), now, within_s) else Look.BLIND
    return _by_output(plan, seen, now) if pump is True else Look.OFF


def _changing(seen: Seen, points: Iterable[PointId | None], now: float, within_s: float) -> bool:
    """Return True where nothing is missing, and only the last two good readings of a point differ."""
    there = [point for point in points if point is not None]
    twice = (seen.readings.get(point, ())[-2:] for point in there)
    return all(newest(seen, point, now, within_s) is not None for point in there) and all(
        len(both) == 2 and both[0].quality.good for both in twice
    )


def _by_output(plan: AmplifierPlan, seen: Seen, now: float) -> Look:
    if plan.output_dbm is None:
        return Look.LIT
    match lit(plan, seen, now):
        case None:
            return Look.BLIND
        case shown:
            return Look.LIT if shown else Look.TRYING


def acting(plan: AmplifierPlan, seen: Seen, now: float) -> bool:
    """Return True when the unit surely protects itself, or reports a fault: two fresh readings say so."""
    return any(settled(seen, point, now, FRESH_S) is True for point in (plan.fault, *flags(plan)))


def acts(plan: AmplifierPlan, seen: Seen, now: float) -> bool:
    """Return True when a single reading says that the unit protects itself: enough to refuse."""
    return any(last.value is True for last in (newest(seen, point, now, KNOWN_S) for point in flags(plan)) if last is not None)


def unseen(plan: AmplifierPlan, seen: Seen, now: float, within_s: float = FRESH_S) -> PointId | None:
    """Return the first point of the unit's protection that is not surely known now. None: all are."""
    asked = tuple(point for point in (plan.fault, *flags(plan)) if point is not None)
    return next((point for point in asked if not isinstance(settled(seen, point, now, within_s), bool)), None)


def shown(plan: AmplifierPlan, seen: Seen, now: float) -> str:
    """Return the live state in words: "pump on, mode apc, output +17.0 dBm"."""
    parts = [f"pump {_switch(newest(seen, plan.pump_on, now, KNOWN_S))}"] if plan.pump_on is not None else []
    if plan.mode is not None:
        parts.append(f"mode {_word(newest(seen, plan.mode, now, KNOWN_S))}")
    if plan.output_dbm is not None:
        level = number(seen, plan.output_dbm, now)
        parts.append("output not known" if level is None else f"output {level:+.1f} dBm")
    return ", ".join(parts)


def aged(point: PointId, reading: Reading | None, now: float) -> str:
    """Return "fp1-booster.los, 0.3 s ago", or that nothing is known."""
    return f"{point}, no good reading" if reading is None else f"{point}, {max(0.0, now - reading.t):.1f} s ago"


def _switch(reading: Reading | None) -> str:
    if reading is None or not isinstance(reading.value, bool):
        return "not known"
    return "on" if reading.value else "off"


def _word(reading: Reading | None) -> str:
    return "not known" if reading is None else str(reading.value)
