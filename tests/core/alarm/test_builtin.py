"""What every station watches by itself: each rule at what is right and at what is wrong, each alarm bit of each driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config import StationConfig, alarm_plan
from stationd.core.alarm.builtin import USUAL, plan
from stationd.core.alarm.condition import Above, Below, Equals, Outside
from stationd.core.alarm.plan import Facts, Plan, Rule, Unit
from stationd.core.alarm.type import AlarmKey
from stationd.core.model import GOOD, NOT_OFFERED, Level, LinkChanged, PointId, Quality, Reading, Reason, Value
from stationd.driver import Driver, Missing, Point
from tests.core.alarm.plans import Desk

STATIONS = Path(__file__).parents[3] / "systemd" / "stations"

# (type, point, what is right, what is wrong), the limits as assumed in stationd.core.alarm.builtin
FEED: tuple[tuple[str, str, Value, Value], ...] = (
    ("PFE-TRIP", "fault", False, True),
    ("FEED-OFF", "output_on", True, False),
    ("PFE-INTERLOCK-OPEN", "interlock", True, False),
    ("PFE-PROTECTION", "over_voltage_alarm", False, True),
    ("PFE-PROTECTION", "over_current_alarm", False, True),
    ("PFE-PROTECTION", "over_power_alarm", False, True),
    ("PFE-PROTECTION", "over_voltage", False, True),
    ("PFE-PROTECTION", "over_current", False, True),
    ("PFE-PROTECTION", "over_power", False, True),
    ("PFE-PROTECTION", "under_voltage", False, True),
    ("PFE-PROTECTION", "under_current", False, True),
    ("PFE-PROTECTION", "watchdog_fault", False, True),
    ("PFE-PROTECTION", "foldback", False, True),
    ("FEED-MODE", "third_regulator", False, True),
    ("PFE-TEMPERATURE", "case_temperature", 49.9, 50.1),
    ("PFE-TEMPERATURE", "over_temperature_alarm", False, True),
    ("PFE-TEMPERATURE", "over_temperature", False, True),
    ("ARC", "anode_arc", False, True),
    ("ARC", "cathode_arc", False, True),
    ("REMOTE-DISABLED", "remote", True, False),
    ("AUTO-RESTART-ON", "auto_restart", False, True),
    ("WATCHDOG-ON", "watchdog", 0, 10),
    ("MAINS-FAIL", "mains_failed", False, True),
    ("LINE-OVER-CURRENT", "output_current", 1019.0, 1021.0),
    ("LINE-OVER-CURRENT-LIMIT", "output_current", 1049.0, 1051.0),
    ("LINE-UNDER-CURRENT", "output_current", 981.0, 979.0),
    ("LINE-UNDER-CURRENT-LIMIT", "output_current", 901.0, 899.0),
    ("CURRENT-DEVIATION", "output_current", 1004.0, 1006.0),
    ("CURRENT-DEVIATION", "output_current", 996.0, 994.0),
    ("LINE-OVER-VOLTAGE", "output_voltage", 330.0, 332.0),
    ("LINE-UNDER-VOLTAGE", "output_voltage", 270.0, 268.0),
    ("LINE-OVER-VOLTAGE-LIMIT", "output_voltage", 783.0, 785.0),
)
AMPLIFIER: tuple[tuple[str, str, Value, Value], ...] = (
    ("AMP-INTERLOCK", "interlock_locked", False, True),
    ("AMP-FAULT", "fault", False, True),
    ("AMP-LOS", "los", False, True),
    ("AMP-LOP", "loss_of_output", False, True),
    ("AMP-LOP", "output_alarm", False, True),
    ("AMP-LOP", "alarm_lop_1", False, True),
    ("PUMP-OFF", "pump_on", True, False),
    ("PUMP-TEMPERATURE", "pump1_temperature", 39.9, 40.1),
    ("PUMP-TEMPERATURE", "pump2_temperature", 39.9, 40.1),
    ("PUMP-TEMPERATURE", "pump1_temperature_alarm", False, True),
    ("PUMP-TEMPERATURE", "pump2_temperature_alarm", False, True),
    ("PUMP-COLD", "pump1_temperature", 15.1, 14.9),
    ("PUMP-COLD", "pump2_temperature", 15.1, 14.9),
    ("PUMP-TEMPERATURE-DRIFT", "pump1_temperature_off_set_point", False, True),
    ("PUMP-TEMPERATURE-DRIFT", "pump2_temperature_off_set_point", False, True),
    ("PUMP-CURRENT-LOW", "pump1_current_low", False, True),
    ("PUMP-CURRENT-LOW", "pump2_current_low", False, True),
    ("AMP-TEMPERATURE", "case_temperature", 59.9, 60.1),
    ("AMP-TEMPERATURE", "case_temperature_warning", False, True),
    ("AMP-COOLER", "pump1_cooler_warning", False, True),
    ("AMP-COOLER", "pump2_cooler_warning", False, True),
    ("AMP-COOLER", "alarm_tec", False, True),
    ("AMP-KEY-OFF", "key_on", True, False),
    ("APR-ACTIVE", "apr_active", False, True),
    ("ORL-HIGH", "alarm_orl", False, True),
    ("OUT-OF-GAIN", "gain_limited", False, True),
    ("OUT-OF-GAIN", "alarm_out_of_gain", False, True),
    ("AMP-INPUT-OVERLOAD", "alarm_input_overload", False, True),
    ("MID-STAGE-LOSS", "alarm_mid_stage_loss", False, True),
    ("STAGE-LOS", "alarm_los_2", False, True),
    ("STAGE-LOP", "alarm_lop_2", False, True),
    ("AMP-SHUTOFF", "alarm_shutoff", False, True),
    ("AMP-ATTENUATOR", "alarm_voa", False, True),
    ("AMP-NOTICE", "alarm_sld", False, True),
    ("AMP-NOTICE", "alarm_dis", False, True),
    ("AMP-NOTICE", "alarm_los_l", False, True),
    ("AMP-NOTICE", "alarm_flag_1", False, True),
    ("AMP-NOTICE", "alarm_flag_2", False, True),
    ("AMP-AUTO-RESTART-ON", "auto_recovery", False, True),
)
TAP: tuple[tuple[str, str, Value, Value], ...] = (("LIGHT-LOST", "los", False, True),)
ROWS = [*(("pfe", *row) for row in FEED), *(("amplifier", *row) for row in AMPLIFIER), *(("tap", *row) for row in TAP)]


def unit(kind: str, *points: str) -> Unit:
    """Return a unit with these points; of a feed of 1000 mA, 300 V of 800 V, on a line whose earth may move by 1 V."""
    limits = (1000.0, 800.0, 300.0, 1.0) if kind == "pfe" else (None, None, None, 0.0)
    nominal_ma, max_v, expected_v, earth_v = limits
    return Unit("u", kind, dict.fromkeys(points, 1.0), nominal_ma=nominal_ma, max_v=max_v, expected_v=expected_v, earth_v=earth_v)


@pytest.mark.parametrize(("kind", "name", "point", "right", "wrong"), ROWS)
def test_each_built_in_rule_is_silent_at_what_is_right_and_raised_at_what_is_wrong(
    kind: str, name: str, point: str, right: Value, wrong: Value
) -> None:
    desk = Desk(plan(Facts((unit(kind, point),))))
    (key,) = (each.key for each in desk.alarms.plan.rules.values() if each.type.id == name and each.point is not None)
    for value, letter in ((right, "A"), (wrong, "B")):
        desk.read(PointId("u", point), value)
        desk.wait(300.0)
        assert desk.alarms.ledger.standings[key].flags.active is (letter == "B")


def test_the_table_above_has_every_built_in_rule() -> None:
    watched = {(kind, row.type, point) for kind, rows in USUAL.items() for row in rows for point in row.points}
    in_table = {(kind, name, point) for kind, name, point, _, _ in ROWS}
    assert watched <= in_table
    assert {point for kind, _, point in in_table - watched if kind == "pfe"} == {"output_current", "output_voltage"}


def test_an_interlock_of_a_laser_that_cannot_be_read_counts_as_open() -> None:
    desk = Desk(plan(Facts((unit("amplifier", "interlock_locked"),))))
    desk.read(PointId("u", "interlock_locked"), None, Quality(Level.BAD, Reason.TIMEOUT))
    assert desk.letter(AlarmKey("u", "AMP-INTERLOCK")) == "B"


# Points that are true or false and raise nothing by themselves, with the reason.
SAME = "another point that is watched says the same"
FAULT = "is part of fault, which is watched"
STATE = "a state of work, not an alarm"
SETTING = "a setting that is as somebody chose it"
SAYS_NOTHING: dict[tuple[str, str], str] = {
    ("edfa68", "alarm_los_1"): SAME,  # los
    ("edfa68", "alarm_apr"): SAME,  # apr_active
    ("edfa68", "alarm_heater_temperature"): FAULT,
    ("edfa68", "alarm_pump_overcurrent"): FAULT,
    ("edfa68", "alarm_pump_temperature"): FAULT,
    ("edfa68", "alarm_module_temperature_low"): FAULT,
    ("edfa68", "alarm_module_temperature_high"): FAULT,
    ("edfa68", "power_clamped"): STATE,
    ("fiberlabs", "pump_current_alarm"): FAULT,
    ("fiberlabs", "temperature_alarm"): FAULT,
    ("fiberlabs", "level_interlock"): SETTING,
    ("keopsys-cefa", "pumps_disabled"): SAME,  # pump_on
    ("keopsys-cefa", "key_off"): SAME,  # key_on
    ("ea-ps10000", "sinking"): STATE,
    ("fug-probus5", "calibrating"): "set by the maker at the unit only",
    ("fug-probus5", "output_command"): SETTING,
    ("fug-probus5", "polarity_negative"): SETTING,
    ("fug-probus5", "voltage_control"): STATE,
    ("fug-probus5", "current_control"): STATE,
    ("fug-probus5", "ramping_voltage"): STATE,
    ("fug-probus5", "ramping_current"): STATE,
    ("spellman-xrv", "interlock_1"): SAME,  # interlock
    ("spellman-xrv", "interlock_2"): SAME,
    ("spellman-xrv", "supply_fault"): SAME,  # fault
    ("spellman-xrv", "ready"): STATE,
    ("spellman-xrv", "watchdog_on"): SAME,  # watchdog
    ("tdk-genesys", "foldback_enabled"): SETTING,
    ("tdk-genesys", "shut_off"): SAME,  # interlock
    ("tdk-genesys", "enable_open"): SAME,
    ("tdk-genesys", "off_at_panel"): SAME,  # output_on
}


def bits(driver: Driver) -> set[str]:
    """Return the points of a driver that are true or false, but for what it keeps of the past."""
    return {point.name for point in driver.points if _is_bit(point) and "r" in point.access and not point.name.startswith("latched_")}


def _is_bit(point: Point) -> bool:
    if isinstance(point.at, Missing) or point.unit:
        return False
    return set(map(type, point.values.values())) == {bool} if point.values else point.mask is not None


@pytest.mark.parametrize("driver", [each for each in CATALOG.values() if each.kind.name in USUAL], ids=lambda driver: str(driver.model))
def test_each_bit_of_each_driver_raises_an_alarm_or_has_a_reason_not_to(driver: Driver) -> None:
    watched = {point for row in USUAL[driver.kind.name] for point in row.points}
    silent = {point for model, point in SAYS_NOTHING if model == driver.model}
    assert bits(driver) - watched == silent
    assert bits(driver)


@pytest.mark.parametrize("driver", CATALOG.values(), ids=lambda driver: str(driver.model))
def test_no_rule_watches_two_points_of_a_unit_that_say_the_same(driver: Driver) -> None:
    points = {p.name: 1.0 for p in driver.points if not isinstance(p.at, Missing) and "r" in p.access}
    rules = plan(Facts((Unit("u", driver.kind.name, points),))).rules
    for name in ("AMP-LOS", "AMP-LOP", "PUMP-OFF", "AMP-FAULT", "PFE-TRIP", "FEED-OFF"):
        assert sum(key.type == name for key in rules) <= 1


# What hides what, and for how long.


def told(desk: Desk) -> list[str]:
    return [f"{each.key}" for each in desk.told()]


def test_a_bus_that_dies_hours_into_a_failure_of_the_mains_is_told() -> None:
    units = (Unit("pfe", "pfe", {"mains_failed": 1.0}, "b1"), Unit("amp", "amplifier", {"fault": 1.0}, "b2"))
    desk = Desk(plan(Facts(units, ("b1", "b2"), repeatered=True)))
    desk.read(PointId("amp", "fault"), False)
    desk.read(PointId("pfe", "mains_failed"), True)
    desk.wait(4 * 3600.0)
    desk.take(LinkChanged("b2", False, ("amp",), desk.t))
    desk.take(Reading(PointId("amp", "fault"), False, Quality(Level.STALE, Reason.LINK_DOWN), desk.t))
    desk.wait(10.0)
    assert told(desk) == ["pfe/MAINS-FAIL", "b2/BUS-DOWN"]


def test_the_mains_explain_rectifiers_and_phases_and_nothing_else() -> None:
    made = plan(Facts((Unit("pfe", "pfe", {"mains_failed": 1.0}, "b1"), Unit("io", "io", {"di1": 1.0}, "b1")), ("b1",), repeatered=True))
    assert [link for link in made.links if link.cause.type == "MAINS-FAIL"] == []


@pytest.mark.parametrize("hours", [0, 72])
def test_a_fault_bit_that_stands_for_days_does_not_hide_that_the_output_is_lost(hours: int) -> None:
    points = dict.fromkeys(("fault", "pump_on", "loss_of_output"), 1.0)
    desk = Desk(plan(Facts((Unit("amp", "amplifier", points, "b1", 1),), ("b1",), repeatered=True)))
    for point, value in (("pump_on", True), ("loss_of_output", False), ("fault", True)):
        desk.read(PointId("amp", point), value)
    desk.wait(5.0 + hours * 3600.0)
    desk.read(PointId("amp", "pump_on"), False)
    desk.read(PointId("amp", "loss_of_output"), True)
    desk.wait(10.0)
    assert told(desk) == ["amp/AMP-FAULT", "amp/PUMP-OFF"][: 2 if hours else 1]
    assert desk.letter(AlarmKey("amp", "AMP-LOP")) == "H"


def test_a_feed_that_is_off_for_days_still_explains_that_there_is_no_current() -> None:
    points = dict.fromkeys(("output_on", "output_current"), 1.0)
    desk = Desk(plan(Facts((Unit("pfe", "pfe", points, "b1", nominal_ma=1000.0),), ("b1",), repeatered=True)))
    desk.read(PointId("pfe", "output_current"), None, NOT_OFFERED)
    desk.read(PointId("pfe", "output_on"), False)
    desk.wait(72 * 3600.0)
    desk.read(PointId("pfe", "output_current"), 0.0)
    desk.wait(60.0)
    assert told(desk) == ["pfe/FEED-OFF"]


def test_a_feed_that_goes_off_a_day_after_a_fault_of_its_supply_is_told() -> None:
    points = dict.fromkeys(("output_on", "fault"), 1.0)
    desk = Desk(plan(Facts((Unit("pfe", "pfe", points, "b1"),), ("b1",), repeatered=True)))
    desk.read(PointId("pfe", "output_on"), True)
    desk.read(PointId("pfe", "fault"), True)
    desk.wait(86_400.0)
    desk.read(PointId("pfe", "output_on"), False)
    desk.wait(10.0)
    assert told(desk) == ["pfe/PFE-TRIP", "pfe/FEED-OFF"]


# The shipped stations, whose whole line goes dark.


@dataclass
class Station:
    """A shipped station at its desk: every point that is watched, at what is right for its rules."""

    config: StationConfig
    plan: Plan
    desk: Desk
    values: dict[PointId, Value] = field(default_factory=dict)

    def read_all(self, seconds: int) -> None:
        for _ in range(seconds):
            for point in self.plan.periods:
                self.desk.take(Reading(point, self.values.get(point, 1.0), GOOD, self.desk.t))
            self.desk.wait(1.0)


def shipped(name: str) -> Station:
    found, problems = config.check(STATIONS / f"{name}.toml", CATALOG)
    assert problems == ()
    assert found is not None
    made = alarm_plan(found, CATALOG)
    station = Station(found, made, Desk(made))
    for each in made.rules.values():
        if each.point is not None:
            station.values.setdefault(each.point, right(each))
    for feed, limits in found.pfe.items():
        station.values[PointId(feed, "output_current")] = limits.nominal_ma
        over = made.rules.get(AlarmKey(feed, "LINE-OVER-VOLTAGE"))
        if over is not None and isinstance(over.condition.test, Above):
            station.values[PointId(feed, "output_voltage")] = 0.85 * over.condition.test.limit
    return station


def right(each: Rule) -> Value:
    match each.condition.test:
        case Equals(bool(wrong)):
            return not wrong
        case Equals():
            return "cc"
        case Outside(low, high):
            return (low + high) / 2
        case Below(limit, deadband):
            return limit + deadband + 0.01 * abs(limit)
        case Above(limit, deadband):
            return limit - deadband - 0.01 * abs(limit)


DARK = ("los", "alarm_lop_1", "alarm_lop_2", "alarm_los_2", "output_alarm", "loss_of_output", "apr_active", "alarm_shutoff")


def go_dark(station: Station) -> None:
    """Let all light from the line be lost, as taps and receiving amplifiers say it: dark, shut off, reduced to eye-safe."""
    for point in station.values:
        if "-rx" in point.device or "preamp" in point.device:
            if point.point in DARK:
                station.values[point] = True
            elif point.point in ("input_power", "output_power", "power"):
                station.values[point] = -40.0


def trip(station: Station) -> None:
    """Let all feeds be off, as each of them says it."""
    for feed in station.config.pfe:
        off: dict[str, Value] = {"fault": True, "output_on": False, "output_current": 0.0, "output_voltage": 0.0, "regulation": "cv"}
        for name, value in off.items():
            if PointId(feed, name) in station.values:
                station.values[PointId(feed, name)] = value


@pytest.mark.parametrize("tripped", [True, False], ids=["feeds-trip", "cable-cut"])
@pytest.mark.parametrize("name", ["aktau", "siyazan", "kuryk", "buzovna"])
def test_a_shipped_station_says_nothing_when_all_is_right_and_one_thing_when_its_line_goes_dark(name: str, tripped: bool) -> None:
    station = shipped(name)
    station.read_all(90)
    assert told(station.desk) == []
    go_dark(station)
    for point in station.values:
        if point.point == "los":
            station.desk.read(point, station.values[point])
    station.desk.wait(0.7)
    if tripped:
        trip(station)
    station.read_all(60)
    feeds = list(station.config.pfe) if tripped else []
    cause = ("PFE-TRIP", "FEED-OFF") if feeds else ("LINE-DOWN",)
    assert len(told(station.desk)) == max(len(feeds), 1), told(station.desk)
    assert {each.key.type for each in station.desk.told()} <= set(cause)
