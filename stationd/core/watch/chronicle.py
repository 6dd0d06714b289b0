"""What happened at this end and at the far one, each with its time and how well that is known; for the question what came first."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any

from stationd.core.light.pair import true
from stationd.core.light.watch import SAMPLE_S
from stationd.core.line.far import FarEvent
from stationd.core.line.plan import LinePlan
from stationd.core.model import LightEvent, LightKind, PointId, Reading
from stationd.core.verdict.words import First

KEPT = 200
ASKED_S = 5.0  # amplifiers are asked so often for what comes back
TOLD_S = 120.0  # so long what happened here is told to the far station, once a second


class Chronicle:
    """Keeps the last events of both ends. Times are of this station's monotonic clock."""

    def __init__(self, plan: LinePlan) -> None:
        self._station = plan.station
        self._far_station = plan.far_station
        self._near: deque[First] = deque(maxlen=KEPT)
        self._far: deque[First] = deque(maxlen=KEPT)
        self._reflecting: frozenset[str] = frozenset()
        self._states: dict[PointId, tuple[bool, float]] = {}
        self.replan(plan)

    def replan(self, plan: LinePlan, anew: Container[str] = ()) -> None:
        """Note what the points of this plan tell from now on; what has happened stays, and of devices that are `anew` nothing was read."""
        self._words = _words(plan)
        self._states = {point: state for point, state in self._states.items() if point in self._words and point.device not in anew}
        self._sending = {pair.transmit_tap for pair in plan.pairs}
        self._taps = {tap for pair in plan.pairs for tap in (pair.transmit_tap, pair.receive_tap) if tap is not None}

    def light(self, event: LightEvent) -> None:
        """Note a loss of light: at its first dark sample."""
        if event.kind is LightKind.LOST and event.channel in self._taps:
            what = "transmit-lost" if event.channel in self._sending else "light-lost"
            wide = SAMPLE_S if event.exact else max((event.t - event.since) / 2, SAMPLE_S)
            t = event.since if event.exact else (event.t + event.since) / 2
            self._add(what, event.channel, t, wide)

    def read(self, reading: Reading) -> None:
        """Note a contact or flag that has turned to what is bad: some time between its last reading and this one."""
        rule = self._words.get(reading.point)
        state = true(reading)
        if rule is None or state is None:
            return
        what, bad = rule
        before = self._states.get(reading.point)
        self._states[reading.point] = (state, reading.t)
        if state is bad and before is not None and before[0] is not bad:
            self._between(what, str(reading.point), before[1], reading.t)

    def stepped(self, device: str, after: float, t: float) -> None:
        """Note a step of the voltage of our feed, between two readings."""
        self._between("voltage-step", device, after, t)

    def reflects(self, devices: Iterable[str], now: float) -> None:
        """Note the amplifiers into which light comes back now; asked every five seconds, it began some time since then."""
        found = frozenset(devices)
        for device in sorted(found - self._reflecting):
            self._between("reflection", device, now - ASKED_S, now)
        self._reflecting = found

    def hear(self, events: Iterable[FarEvent]) -> None:
        """Take what the far station tells; it tells the same for a while."""
        for event in events:
            told = First(event.what, f"{self._far_station} {event.where}".strip(), event.t, event.uncertainty_s)
            same = (each for each in self._far if (each.what, each.where) == (told.what, told.where))
            if all(abs(each.t - told.t) > each.uncertainty_s + told.uncertainty_s for each in same):
                self._far.append(told)

    def since(self, begin: float, end: float) -> tuple[First, ...]:
        """Return what happened at either end within these times."""
        return tuple(each for each in (*self._near, *self._far) if begin <= each.t <= end)

    def earliest(self, begin: float) -> float | None:
        """Return the time of the first event of this end since then, or None."""
        return min((each.t for each in self._near if each.t >= begin), default=None)

    def told(self, now: float) -> tuple[FarEvent, ...]:
        """Return what is told to the far station."""
        prefix, recent = f"{self._station} ", [each for each in self._near if each.t >= now - TOLD_S]
        return tuple(FarEvent(each.what, each.where.removeprefix(prefix), each.t, each.uncertainty_s) for each in recent)

    def saved(self, now: float, wanted: Collection[First]) -> list[dict[str, Any]]:
        """Return those events that are wanted, in plain types, times as ages."""
        both = ((each, far) for events, far in ((self._near, False), (self._far, True)) for each in events if each in wanted)
        return [
            {"what": each.what, "where": each.where, "age_s": now - each.t, "uncertainty_s": each.uncertainty_s, "far": far}
            for each, far in both
        ]

    def restore(self, plain: Iterable[Mapping[str, Any]], t: float) -> None:
        """Put back what was saved at `t`. KeyError, TypeError or ValueError, and nothing changed, for what is none."""
        found = [
            (First(str(each["what"]), str(each["where"]), t - float(each["age_s"]), float(each["uncertainty_s"])), bool(each["far"]))
            for each in plain
        ]
        for event, far in found:
            (self._far if far else self._near).append(event)

    def _between(self, what: str, where: str, after: float, t: float) -> None:
        self._add(what, where, (after + t) / 2, max((t - after) / 2, SAMPLE_S))

    def _add(self, what: str, where: str, t: float, uncertainty_s: float) -> None:
        self._near.append(First(what, f"{self._station} {where}", t, uncertainty_s))


def _words(plan: LinePlan) -> dict[PointId, tuple[str, bool]]:
    """Return what a point tells of, and at which of its values."""
    words: dict[PointId, tuple[str, bool]] = {}
    for feed in plan.feeds:
        words |= dict.fromkeys(feed.interlocks, ("interlock", False))
        words |= dict.fromkeys(feed.tripped, ("feed-trip", True)) | dict.fromkeys(feed.over_voltage, ("over-voltage", True))
        words |= {feed.on: ("feed-off", False)} if feed.on is not None else {}
        words |= {feed.mains_failed: ("mains-failed", True)} if feed.mains_failed is not None else {}
    for contact in plan.contacts:
        if contact.type == "MAINS-FAIL" and isinstance(contact.value, bool):
            words[contact.point] = ("mains-failed", contact.value)
    for pair in plan.pairs:
        for unit in pair.amplifiers():
            words |= dict.fromkeys(unit.reduced, ("power-reduced", True)) | dict.fromkeys(unit.reflected, ("reflection", True))
    return words
