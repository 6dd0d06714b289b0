"""Interlocks and over-voltage: what can be why our feed is off, and what somebody did afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from stationd.core.line.plan import Contact, FeedPoints, LinePlan
from stationd.core.line.words import Cable, End
from stationd.core.model import GOOD, Level, PointId, Quality, Reading, Reason
from stationd.core.verdict.evidence import Power
from stationd.core.watch.station_side import StationSide

LOOP, HIGH, DOOR, STOP = PointId("pfe", "loop"), PointId("pfe", "high"), PointId("io", "di1"), PointId("io", "di2")
CONTACTS = (Contact("DOOR-OPEN", DOOR, True), Contact("EMERGENCY-STOP", STOP, True))
FEED = FeedPoints("pfe", over_voltage=(HIGH,), interlocks=(LOOP,))
PLAN = LinePlan("s1", End.A, Cable(341.0, 1.0, (68.2,), 40.0), "Aktau", "Siyazan", feeds=(FEED,), contacts=CONTACTS)
STALE = Quality(Level.STALE, Reason.TIMEOUT)


@dataclass(slots=True)
class Side:
    """The station's side, asked once a second while values and the feed change."""

    now: float = 100.0
    here: Power = Power.FEEDING
    shown: dict[PointId, bool] = field(default_factory=lambda: {LOOP: True, HIGH: False, DOOR: False, STOP: False})
    stale: set[PointId] = field(default_factory=set)
    side: StationSide = field(init=False)

    def __post_init__(self) -> None:
        self.side = StationSide(PLAN, self._look)

    def _look(self, point: PointId | None) -> Reading | None:
        if point is None or point not in self.shown:
            return None
        return Reading(point, self.shown[point], STALE if point in self.stale else GOOD, self.now)

    def wait(self, seconds: int = 1) -> tuple[str, bool]:
        """Return the interlock and whether over-voltage switched the feed off, after so many readings."""
        found = ("", False)
        for _ in range(seconds):
            self.now += 1.0
            high = self.side.over_voltage(self.here, self.now)
            found = (self.side.contacts(self.here, self.now).interlock, high)
        return found


def running() -> Side:
    side = Side()
    side.wait(30)
    return side


@pytest.mark.parametrize(("point", "is_open"), [(LOOP, False), (DOOR, True), (STOP, True)])
def test_an_interlock_that_opens_as_the_feed_goes_off_is_why(point: PointId, is_open: bool) -> None:
    side = running()
    side.shown[point], side.here = is_open, Power.OFF
    assert side.wait(1)[0] == str(point)
    assert side.wait(600)[0] == str(point)


def test_an_interlock_that_is_read_before_the_feed_is_why_too() -> None:
    side = running()
    side.shown[DOOR] = True
    side.wait(2)
    side.here = Power.OFF
    assert side.wait(1)[0] == str(DOOR)


@pytest.mark.parametrize(("point", "is_open"), [(LOOP, False), (DOOR, True)])
def test_a_door_that_is_opened_after_the_feed_went_off_is_not_why(point: PointId, is_open: bool) -> None:
    side = running()
    side.here = Power.OFF
    side.wait(20)
    side.shown[point] = is_open
    assert side.wait(60)[0] == ""


def test_a_door_that_stood_open_while_the_line_was_fed_is_not_why() -> None:
    side = running()
    side.shown[DOOR] = True
    side.wait(60)
    side.here = Power.OFF
    assert side.wait(60)[0] == ""


def test_an_interlock_that_was_open_when_the_daemon_started_can_be_why() -> None:
    side = Side(here=Power.OFF)
    side.shown[DOOR] = True
    assert side.wait(30)[0] == str(DOOR)


def test_a_contact_that_cannot_be_read_holds_nothing() -> None:
    side = running()
    side.shown[DOOR], side.here = True, Power.OFF
    side.stale.add(DOOR)
    assert side.wait(5)[0] == ""


def test_over_voltage_stays_why_until_the_feed_is_on_again_whoever_resets_the_flag() -> None:
    side = running()
    side.shown[HIGH], side.here = True, Power.OFF
    assert side.wait(10)[1]
    side.shown[HIGH] = False
    assert side.wait(3600)[1]
    side.here = Power.UNKNOWN
    assert not side.wait(5)[1]
    side.here = Power.OFF
    assert side.wait(5)[1]
    side.here = Power.FEEDING
    assert not side.wait(5)[1]
    side.here = Power.OFF
    assert not side.wait(5)[1]


def test_a_flag_of_over_voltage_that_stood_while_the_line_was_fed_is_not_why_it_is_off_now() -> None:
    side = running()
    side.shown[HIGH] = True
    side.wait(60)
    side.here = Power.OFF
    assert not side.wait(60)[1]


def test_over_voltage_that_has_switched_nothing_off_is_not_told() -> None:
    side = running()
    side.shown[HIGH] = True
    assert not side.wait(2)[1]
