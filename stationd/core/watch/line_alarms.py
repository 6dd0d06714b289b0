"""What the line watch says to the alarm desk: the alarms that no single point can show. None: not to be known, the alarm is frozen."""

from __future__ import annotations

from collections.abc import Iterator

from stationd.core.alarm.plan import LINE
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.line.plan import LinePlan
from stationd.core.verdict.evidence import Evidence, Power, Sign
from stationd.core.verdict.operation_rows import switched_off
from stationd.core.verdict.words import Confidence, Kind, Verdict

OF_VERDICT = {
    "LINE-BREAK": frozenset({Kind.CABLE_CUT, Kind.OPEN}),
    "LINE-SHUNT": frozenset({Kind.SHUNT}),
    "FAR-FEED-OFF": frozenset({Kind.FEED_TRIP_FAR, Kind.INTERLOCK}),
    "BALANCE-DRIFT": frozenset({Kind.MIS_SET}),
    "EARTH-POTENTIAL": frozenset({Kind.EARTH_POTENTIAL}),
    "REPEATER-PUMP": frozenset({Kind.REPEATER_PUMP}),
}
UNDECIDED = frozenset({Kind.CANNOT_TELL, Kind.BUS_LOST, Kind.OPERATION, Kind.SWITCHED_OFF})
Found = tuple[bool | None, str]


class LineAlarms:
    """Says once how things stand, then what has changed."""

    def __init__(self, plan: LinePlan) -> None:
        self._plan = plan
        self._said: dict[AlarmKey, bool | None] = {}

    def look(self, evidence: Evidence, verdict: Verdict, now: float) -> list[Signal]:
        """Return the signals that follow from a verdict and what it rests on."""
        found = {**dict(_of_line(evidence, verdict)), **dict(_on_purpose(evidence, self._plan)), **dict(self._of_units(evidence))}
        news = [Signal(key, active, now, note=note) for key, (active, note) in found.items() if self._said.get(key, ...) != active]
        self._said |= {signal.key: signal.active for signal in news}
        return news

    def _of_units(self, evidence: Evidence) -> Iterator[tuple[AlarmKey, Found]]:
        old = {each.device: each for each in evidence.ageing}
        for pair in self._plan.pairs:
            for unit in pair.amplifiers():
                if unit.pumps:
                    share = f"{100 * old[unit.device].share:.0f} %" if unit.device in old else ""
                    known = None if unit.device in evidence.mute else unit.device in old
                    yield AlarmKey(unit.device, "PUMP-CURRENT-HIGH"), (known, share)
        for each in evidence.pairs:
            points = next(pair for pair in self._plan.pairs if pair.number == each.number)
            unknown = each.receive_lost is None or each.waiting
            for tap, other in ((points.receive_tap, points.preamp), (points.transmit_tap, points.booster)):
                if tap is not None and other is not None:
                    holds = each.sensor in (tap, other.device)
                    yield AlarmKey(tap, "TAP-DISAGREES"), (None if unknown else holds, each.sensor or "" if holds else "")


def _on_purpose(e: Evidence, plan: LinePlan) -> Iterator[tuple[AlarmKey, Found]]:
    """Give what people have brought about, of which other alarms follow."""
    far = ", ".join(f"{act.name} of {e.far_station}: {act.target}" for act in e.far_acts)
    yield AlarmKey(LINE, "FAR-OPERATION"), (bool(far), far)
    yield AlarmKey(LINE, "LINE-FED-ALONE"), (None if e.acting else e.electric.alone, "")
    unknown = bool(e.switched_off) and e.electric.here is Power.UNKNOWN
    for feed in plan.feeds:
        yield AlarmKey(feed.device, "FEED-SWITCHED-OFF"), (None if unknown else switched_off(e), e.switched_off)


def _of_line(e: Evidence, verdict: Verdict) -> Iterator[tuple[AlarmKey, Found]]:
    unsure = verdict.kind in UNDECIDED or verdict.confidence is Confidence.LOW
    blind = e.fed and e.electric.here is not Power.FEEDING
    for name, kinds in OF_VERDICT.items():
        holds = verdict.kind in kinds and (name != "FAR-FEED-OFF" or e.electric.sign is Sign.FAR_TRIP)
        electrical = name in ("LINE-SHUNT", "FAR-FEED-OFF", "BALANCE-DRIFT", "EARTH-POTENTIAL")
        unknown = (not holds and (unsure or (electrical and (blind or e.electric.sign is Sign.UNCLEAR)))) or (holds and unsure)
        yield AlarmKey(LINE, name), (None if unknown else holds, _note(verdict) if holds else "")


def _note(verdict: Verdict) -> str:
    """Return what happened and where, the kilometre once: most sentences say it already."""
    where, _, place = verdict.where.partition(", ")
    return f"{verdict.sentence}; {where if place and place in verdict.sentence else verdict.where}"
