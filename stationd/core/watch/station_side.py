"""What this station shows of itself: contacts, interlocks, trips, units and ports that give no news."""

from __future__ import annotations

from collections.abc import Iterable

from stationd.core.light.pair import Look, number_of, true
from stationd.core.line.plan import FeedPoints, LinePlan
from stationd.core.model import Level, PointId, Reason
from stationd.core.verdict.evidence import Contacts, Power

ANSWERED = frozenset({Reason.NOT_OFFERED, Reason.BELOW_RANGE, Reason.NEVER_READ})  # no value, and yet no silence
RECENT_S = 60.0  # an over-voltage that was seen so short before the feed went off is why (assumption)
DOORS = ("DOOR-OPEN", "COVER-OPEN", "KEY-REMOVED", "EMERGENCY-STOP", "PFE-INTERLOCK-OPEN")


class StationSide:
    """Looks at the last readings. Ports are told by `link`."""

    def __init__(self, plan: LinePlan, look: Look) -> None:
        self._plan = plan
        self._look = look
        self._down: set[str] = set()
        self._points: dict[str, list[PointId]] = {}
        self._high_t = float("-inf")
        for point in plan.points():
            self._points.setdefault(point.device, []).append(point)

    def link(self, bus: str, *, up: bool) -> None:
        """Note that a port is open, or that it is gone."""
        (self._down.discard if up else self._down.add)(bus)

    def contacts(self) -> Contacts:
        """Return what contacts and flags say."""
        feeds = self._plan.feeds
        return Contacts(
            tripped=self._feed_word(feeds, "tripped", wanted=True) or self._contact("PFE-TRIP"),
            interlock=self._feed_word(feeds, "interlocks", wanted=False) or self._contact(*DOORS),
            mains=self._mains() or self._contact("MAINS-FAIL"),
            converter=self._contact("CONVERTER-FAIL", "REDUNDANCY-LOST"),
            electroding=self._contact("ELECTRODING-ON"),
        )

    def over_voltage(self, here: Power, now: float) -> bool:
        """Return whether over-voltage has switched our feed off."""
        points = [point for feed in self._plan.feeds for point in feed.over_voltage]
        if any(true(self._look(point)) for point in points):
            self._high_t = now
        return here in (Power.OFF, Power.AT_LIMIT) and now - self._high_t <= RECENT_S

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

    def _mains(self) -> str:
        points = [feed.mains_failed for feed in self._plan.feeds if feed.mains_failed is not None]
        return next((str(point) for point in points if true(self._look(point))), "")

    def _contact(self, *types: str) -> str:
        """Return the point of the first contact of these types that holds; a value that is not good holds nothing."""
        for contact in self._plan.contacts:
            reading = self._look(contact.point)
            if contact.type in types and reading is not None and reading.quality.good and _same(reading.value, contact.value):
                return str(contact.point)
        return ""


def _same(value: object, wanted: object) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
