"""While an operation changes the line on purpose, what a ramp brings about is folded under it; what a ramp does not bring about is not."""

from __future__ import annotations

from stationd.core.alarm.builtin import plan
from stationd.core.alarm.inhibit import HOLD_OFF_S
from stationd.core.alarm.plan import LINE, STATION, Facts, Unit
from stationd.core.alarm.type import AlarmKey
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk

OPERATION = AlarmKey(STATION, "OPERATION")
OFF, LIMIT, UNDER = (AlarmKey("pfe", name) for name in ("FEED-OFF", "LINE-UNDER-CURRENT-LIMIT", "LINE-UNDER-CURRENT"))
LOW_V, DEVIATION, TRIP = (AlarmKey("pfe", name) for name in ("LINE-UNDER-VOLTAGE", "CURRENT-DEVIATION", "PFE-TRIP"))
OVER_V = AlarmKey("pfe", "LINE-OVER-VOLTAGE-LIMIT")
POINTS = {"fault": 0.5, "output_on": 0.5, "output_current": 0.5, "output_voltage": 0.5}
FEED = Unit("pfe", "pfe", POINTS, bus="b", nominal_ma=1000.0, max_v=800.0, expected_v=270.0)
RATE, STEP_S = 10.0, 0.5
HOLD_S = 80.0  # a ramp with its hold points takes longer than an ended cause goes on explaining


class Line(Desk):
    """A desk with one feed; `show` is what its meters show."""

    def __init__(self) -> None:
        super().__init__(plan(Facts((FEED,), ("b",), repeatered=True)))
        self.fault = False

    def show(self, current_ma: float, on: bool = True, volts: float | None = None) -> None:
        self.read(PointId("pfe", "fault"), self.fault)
        self.read(PointId("pfe", "output_on"), on)
        self.read(PointId("pfe", "output_current"), current_ma)
        self.read(PointId("pfe", "output_voltage"), 0.27 * current_ma if volts is None else volts)

    def stay(self, seconds: float, current_ma: float, on: bool = True, volts: float | None = None) -> None:
        for _ in range(int(seconds / STEP_S)):
            self.show(current_ma, on, volts)
            self.wait(STEP_S)

    def ramp(self, low: int, high: int) -> None:
        for current_ma in range(low, high + 1, int(RATE)) if high > low else range(low, high - 1, -int(RATE)):
            self.stay(1.0, float(current_ma))

    def seen(self) -> set[AlarmKey]:
        """Return what people see as standing alarms."""
        return {view.key for view in self.alarms.views() if view.letter.value in ("B", "C", "E", "J", "K")}


def test_a_feed_that_is_off_is_ramped_up_and_only_the_operation_is_shown() -> None:
    desk = Line()
    desk.stay(600.0, 0.0, on=False)
    assert desk.seen() == {OFF}
    desk.say(OPERATION, active=True)
    desk.stay(5.0, 0.0)
    desk.stay(HOLD_S, 100.0)
    desk.ramp(100, 500)
    desk.stay(HOLD_S, 500.0)
    assert desk.seen() == {OPERATION}
    desk.ramp(500, 1000)
    desk.stay(HOLD_S, 1000.0)
    desk.say(OPERATION, active=False)
    desk.stay(2 * HOLD_OFF_S, 1000.0)
    assert desk.seen() == set()
    assert {each.key for each in desk.told() if each.why.value == "raised"} <= {OFF, OPERATION}


def test_a_feed_that_was_ramped_down_and_switched_off_shows_that_it_is_off_and_nothing_else() -> None:
    desk = Line()
    desk.stay(60.0, 1000.0)
    desk.say(OPERATION, active=True)
    desk.ramp(1000, 0)
    desk.stay(10.0, 0.0, on=False)
    desk.say(OPERATION, active=False)
    desk.stay(3 * HOLD_OFF_S, 0.0, on=False)
    assert desk.seen() == {OFF}


def test_a_ramp_that_holds_for_long_shows_the_low_current_again() -> None:
    desk = Line()
    desk.stay(60.0, 0.0, on=False)
    desk.say(OPERATION, active=True)
    desk.ramp(0, 500)
    desk.say(OPERATION, active=False)
    desk.stay(HOLD_OFF_S - 10.0, 500.0)
    assert LIMIT not in desk.seen()
    desk.stay(20.0, 500.0)
    assert LIMIT in desk.seen()


def test_an_operation_hides_no_low_current_that_people_saw_before_it() -> None:
    desk = Line()
    desk.stay(60.0, 1000.0)
    desk.stay(30.0, 700.0)
    assert LIMIT in desk.seen()
    desk.say(OPERATION, active=True)
    desk.stay(30.0, 700.0)
    assert LIMIT in desk.seen()


def test_an_operation_hides_neither_a_trip_nor_a_voltage_at_its_limit() -> None:
    desk = Line()
    desk.stay(60.0, 1000.0)
    desk.say(OPERATION, active=True)
    desk.stay(5.0, 1000.0, volts=795.0)
    assert desk.seen() == {OPERATION, OVER_V}
    desk.fault = True
    desk.stay(5.0, 0.0, on=False)
    assert TRIP in desk.seen()


def by_watch(name: str) -> AlarmKey:
    return AlarmKey("pfe" if name.startswith("FEED") else LINE, name)


def test_a_feed_that_is_switched_off_on_purpose_is_told_as_that_and_one_that_then_trips_as_a_trip() -> None:
    desk = Line()
    desk.stay(60.0, 1000.0)
    desk.say(OPERATION, active=True)
    desk.ramp(1000, 0)
    desk.show(0.0, on=False)
    desk.say(by_watch("FEED-SWITCHED-OFF"), active=True)
    desk.stay(10.0, 0.0, on=False)
    desk.say(OPERATION, active=False)
    desk.stay(3 * HOLD_OFF_S, 0.0, on=False)
    assert desk.seen() == {by_watch("FEED-SWITCHED-OFF")}
    assert OFF not in {each.key for each in desk.told()}
    desk.say(by_watch("FEED-SWITCHED-OFF"), active=False)
    desk.stay(2 * HOLD_OFF_S, 0.0, on=False)
    assert OFF in desk.seen()


def test_a_voltage_that_an_operation_of_the_far_station_raises_is_told_as_that_operation() -> None:
    desk = Line()
    desk.stay(60.0, 1000.0)
    desk.say(by_watch("FAR-OPERATION"), active=True)
    desk.stay(60.0, 1000.0, volts=500.0)
    assert desk.seen() == {by_watch("FAR-OPERATION")}


def test_the_voltage_of_a_line_that_is_fed_from_one_end_on_purpose_is_no_over_voltage() -> None:
    desk = Line()
    desk.stay(60.0, 0.0, on=False)
    desk.say(OPERATION, active=True)
    desk.stay(60.0, 1000.0, volts=500.0)
    desk.say(OPERATION, active=False)
    desk.wait(5.0)
    desk.say(by_watch("LINE-FED-ALONE"), active=True)
    desk.stay(3 * HOLD_OFF_S, 1000.0, volts=500.0)
    assert desk.seen() == {by_watch("LINE-FED-ALONE")}


def test_an_emergency_off_that_failed_is_shown_whatever_else_is_wrong() -> None:
    desk = Line()
    failed = AlarmKey(STATION, "EMERGENCY-OFF-FAILED")
    desk.fault = True
    desk.say(OPERATION, active=True)
    desk.say(failed, active=True)
    desk.stay(5.0, 0.0, on=False)
    assert failed in desk.seen()
