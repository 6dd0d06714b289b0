"""What this station shows of itself: contacts, interlocks, trips, units and ports that give no news."""

from __future__ import annotations

from collections.abc import Iterable

from stationd.core.light.pair import Look, number_of, true
from stationd.core.line.plan import Contact, FeedPoints, LinePlan
from stationd.core.model import Level, PointId, Reason
from stationd.core.verdict.evidence import Contacts, Power

ANSWERED = frozenset({Reason.NOT_OFFERED, Reason.BELOW_RANGE, Reason.NEVER_READ})  # no value, and yet no silence
ASKED_S = 5.0  # what began so short before the feed was last seen to feed can be why it is off: each is asked in turn (assumption)
LAG_S = 0.3  # a contact that opened before the feed went off says so at the latest so long after that was seen (assumption)
DOORS = ("DOOR-OPEN", "COVER-OPEN", "KEY-REMOVED", "EMERGENCY-STOP", "PFE-INTERLOCK-OPEN")


class StationSide:
    """Looks at the last readings. Ports are told by `link`."""

    def __init__(self, plan: LinePlan, look: Look) -> None:
        self._look = look
        self._down: set[str] = set()
        self._fed_t = float("-inf")  # when our feed was last seen to feed
        self._off_t: float | None = None  # since when it is known not to
        self._high = False  # over-voltage has switched it off, and it has not fed since
        self._rose_t: float | None = None  # since when a flag of over-voltage holds
        self._closed_t: dict[PointId, float] = {}  # of interlocks: when they were last seen closed
        self._opened_t: dict[PointId, float] = {}  # and since when they are open
        self.replan(plan)

    def replan(self, plan: LinePlan) -> None:
        """Look at the units of another plan of the same line from now on."""
        self._plan = plan
        self._points: dict[str, list[PointId]] = {}
        for point in plan.points():
            self._points.setdefault(point.device, []).append(point)

    def link(self, bus: str, *, up: bool) -> None:
        """Note that a port is open, or that it is gone."""
        (self._down.discard if up else self._down.add)(bus)

    def contacts(self, here: Power, now: float) -> Contacts:
        """Return what contacts and flags say. An interlock is told only if it can be why our feed is off."""
        self._stand(here, now)
        feeds = self._plan.feeds
        return Contacts(
            tripped=self._feed_word(feeds, "tripped", wanted=True) or self._contact("PFE-TRIP"),
            interlock=self._interlock(),
            mains=self._mains() or self._contact("MAINS-FAIL"),
            converter=self._contact("CONVERTER-FAIL", "REDUNDANCY-LOST"),
            electroding=self._contact("ELECTRODING-ON"),
        )

    def over_voltage(self, here: Power, now: float) -> bool:
        """Return whether over-voltage has switched our feed off. That stays so until it feeds again, whoever resets a flag."""
        self._stand(here, now)
        points = [point for feed in self._plan.feeds for point in feed.over_voltage]
        holds = any(true(self._look(point)) for point in points)
        self._rose_t = (self._rose_t if self._rose_t is not None else now) if holds else None
        fresh = self._rose_t is not None and self._rose_t >= self._fed_t - ASKED_S
        self._high = here is not Power.FEEDING and (self._high or (fresh and here in (Power.OFF, Power.AT_LIMIT)))
        return self._high and here in (Power.OFF, Power.AT_LIMIT)

    def setpoint_ma(self) -> float | None:
        """Return the set current of our feed, where it says so."""
        return next((found for feed in self._plan.feeds if (found := number_of(self._look(feed.setpoint_ma))) is not None), None)

    def mute(self) -> tuple[str, ...]:
        """Return the units of the line that give no news of any point that they were read of."""
        return tuple(sorted(device for device, points in self._points.items() if self._is_mute(points)))

    def buses_lost(self, mute: Iterable[str]) -> tuple[str, ...]:
        """Return the ports that are gone, or behind which every unit of the line is mute."""
        silent = set(mute)
        lost = set(self._down & self._plan.buses.keys())
        for bus, devices in self._plan.buses.items():
            concerned = [device for device in devices if device in self._points]
            if concerned and silent.issuperset(concerned):
                lost.add(bus)
        return tuple(sorted(lost))

    def _is_mute(self, points: Iterable[PointId]) -> bool:
        found = [reading for point in points if (reading := self._look(point)) is not None]
        return bool(found) and all(
            each.quality.level in (Level.STALE, Level.BAD) and each.quality.reason not in ANSWERED for each in found
        )

    def _feed_word(self, feeds: Iterable[FeedPoints], name: str, *, wanted: bool) -> str:
        points: list[PointId] = [point for feed in feeds for point in getattr(feed, name)]
        return next((str(point) for point in points if true(self._look(point)) is wanted), "")

    def _stand(self, here: Power, now: float) -> None:
        """Note since when our feed does not feed. While it cannot be read, what was known stays."""
        if here is Power.FEEDING:
            self._fed_t, self._off_t = now, None
        elif here in (Power.OFF, Power.AT_LIMIT) and self._off_t is None:
            self._off_t = now

    def _interlock(self) -> str:
        """Return the first open interlock that can be why our feed is off: opened neither long before nor after that."""
        closed = {point: true(self._look(point)) for feed in self._plan.feeds for point in feed.interlocks}
        found = {point: not each for point, each in closed.items() if each is not None}
        contacts = {each.point: self._holds(each) for each in self._plan.contacts if each.type in DOORS}
        found |= {point: each for point, each in contacts.items() if each is not None}
        why = [str(point) for point, is_open in found.items() if self._is_why(point, is_open=is_open)]
        return why[0] if why else ""

    def _is_why(self, point: PointId, *, is_open: bool) -> bool:
        reading = self._look(point)
        assert reading is not None
        if not is_open:
            self._closed_t[point] = reading.t
            self._opened_t.pop(point, None)
            return False
        opened_t = self._opened_t.setdefault(point, reading.t)
        after = self._off_t is not None and self._closed_t.get(point, float("-inf")) > self._off_t + LAG_S
        return opened_t >= self._fed_t - ASKED_S and not after

    def _mains(self) -> str:
        points = [feed.mains_failed for feed in self._plan.feeds if feed.mains_failed is not None]
        return next((str(point) for point in points if true(self._look(point))), "")

    def _contact(self, *types: str) -> str:
        """Return the point of the first contact of these types that holds; a value that is not good holds nothing."""
        found = (contact for contact in self._plan.contacts if contact.type in types and self._holds(contact))
        return next((str(contact.point) for contact in found), "")

    def _holds(self, contact: Contact) -> bool | None:
        """Return whether a contact has the value that it stands for; None where nothing good is known of it."""
        reading = self._look(contact.point)
        return None if reading is None or not reading.quality.good else _same(reading.value, contact.value)


def _same(value: object, wanted: object) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
