"""From the station file to the plan of its alarms, and what is wrong with causes and effects."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config import StationConfig, alarm_plan
from stationd.core.alarm.condition import Above, Below, Burst, Equals
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk, plan_of

STATIONS = Path(__file__).parents[1] / "systemd" / "stations"
SMALL = """
[station]
name = "aktau"
[bus.a]
port = "/dev/ttyS0"
protocol = "text"
[device.fp1-booster]
driver = "keopsys-cefa"
bus = "a"
role = "booster"
[device.fp1-preamp]
driver = "keopsys-cefa"
bus = "a"
role = "preamp"
fibre_pair = 1
[bus.b]
port = "/dev/ttyS1"
protocol = "text"
"""


def checked(text: str) -> tuple[StationConfig | None, str]:
    found, problems = config.check(text.replace('[device.fp1-preamp]\ndriver = "keopsys-cefa"\nbus = "a"', TWO), CATALOG)
    return found, "\n".join(problem.render() for problem in problems)


TWO = '[device.fp1-preamp]\ndriver = "keopsys-cefa"\nbus = "b"'  # one unit on each point-to-point line


def planned(text: str) -> Plan:
    found, mistakes = checked(text)
    assert mistakes == ""
    assert found is not None
    return alarm_plan(found, CATALOG)


def shipped(name: str) -> Plan:
    found, problems = config.check(STATIONS / f"{name}.toml", CATALOG)
    assert problems == ()
    assert found is not None
    return alarm_plan(found, CATALOG)


def test_a_station_with_repeaters_watches_feeds_fibres_and_the_line_without_any_entry_of_its_own() -> None:
    plan = shipped("aktau")
    for name in ("pfe-a/PFE-TRIP", "pfe-a/LINE-UNDER-CURRENT", "fp1-preamp/AMP-LOS", "fp8-rx/LIGHT-LOST", "pfe/BUS-DOWN"):
        assert AlarmKey(*name.split("/")) in plan.rules, name
    assert len(plan.groups[AlarmKey("line", "LINE-DOWN")]) == 8
    assert any(link.cause == AlarmKey("pfe-a", "PFE-TRIP") and link.effect == AlarmKey("fp1-rx", "LIGHT-LOST") for link in plan.links)


def test_the_voltage_that_is_expected_is_the_share_of_one_of_two_ends() -> None:
    condition = shipped("aktau").rules[AlarmKey("pfe-a", "LINE-UNDER-VOLTAGE")].condition
    assert condition.test == Below(pytest.approx(0.9 * (341.0 + 4 * 40.0) / 2 - 34.1), pytest.approx(0.02 * 250.5))


def test_an_earth_potential_of_a_magnetic_storm_along_the_whole_line_is_no_fault_of_the_line() -> None:
    plan, storm_v = shipped("aktau"), 0.1 * 341.0
    over, under = (plan.rules[AlarmKey("pfe-a", name)].condition.test for name in ("LINE-OVER-VOLTAGE", "LINE-UNDER-VOLTAGE"))
    assert isinstance(over, Above)
    assert isinstance(under, Below)
    assert under.limit + under.deadband < 250.5 - storm_v < 250.5 + storm_v < over.limit - over.deadband


def test_a_line_without_repeaters_does_not_explain_dark_fibres_by_a_feed() -> None:
    plan = shipped("kuryk")
    assert not any(link.cause.type == "PFE-TRIP" for link in plan.links)


def test_an_entry_takes_the_place_of_the_stations_own_alarm_of_that_type_and_point() -> None:
    entry = '[[alarm]]\ntype = "AMP-LOS"\npoint = "fp1-preamp.los"\nequals = true\non_delay_s = 7.0\nseverity = "minor"\n'
    rule = planned(SMALL + entry).rules[AlarmKey("fp1-preamp", "AMP-LOS")]
    assert (rule.condition.test, rule.condition.on_delay_s, rule.severity) == (Equals(True), 7.0, Severity.MINOR)


def test_an_entry_of_an_unknown_type_watches_its_point() -> None:
    entry = '[[alarm]]\ntype = "OURS"\npoint = "fp1-booster.output_power"\nbelow = 12.0\ndeadband = 0.5\n'
    rule = planned(SMALL + entry).rules[AlarmKey("fp1-booster", "OURS", "output_power")]
    assert (rule.condition.test, rule.point) == (Below(12.0, 0.5), PointId("fp1-booster", "output_power"))


def test_an_entry_adds_a_cause_within_its_reach() -> None:
    entry = '[[suppression]]\ncause = "AMP-FAULT"\neffect = "AMP-COOLER"\nreach = "same"\n'
    before, after = planned(SMALL), planned(SMALL + entry)
    added = {(link.cause, link.effect) for link in after.links} - {(link.cause, link.effect) for link in before.links}
    assert all(cause.resource == effect.resource for cause, effect in added)


COUNTED = '[[alarm]]\ntype = "OURS"\npoint = "fp1-booster.output_power"\nbelow = 12.0\n'


def test_an_entry_may_be_raised_by_a_count_of_short_passes_within_a_time() -> None:
    made = planned(f"{SMALL}{COUNTED}on_delay_s = 30.0\ncount = 5\nwithin_s = 10.0\n")
    rule = made.rules[AlarmKey("fp1-booster", "OURS", "output_power")]
    assert rule.condition.burst == Burst(5, 10.0)
    desk, power = Desk(plan_of(rule)), PointId("fp1-booster", "output_power")
    for _ in range(5):
        assert desk.letter(rule.key) == "A"
        desk.read(power, 20.0)
        desk.wait(1.0)
        desk.read(power, 11.0)
        desk.wait(1.0)
    assert desk.letter(rule.key) == "B"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("on_delay_s = 9.0\ncount = 5\n", "alarm[1].count = 5: needs within_s"),
        ("on_delay_s = 9.0\nwithin_s = 10.0\n", "alarm[1].within_s = 10: needs count"),
        ("count = 5\nwithin_s = 10.0\n", "alarm[1].count = 5: on_delay_s is 0, so that the first time raises it already"),
        ("on_delay_s = 9.0\ncount = 1\nwithin_s = 10.0\n", "alarm[1].count = 1: must be 2 to 100"),
    ],
)
def test_what_is_wrong_with_counting_is_said(keys: str, sentence: str) -> None:
    found, mistakes = checked(f"{SMALL}{COUNTED}{keys}")
    assert found is None
    assert sentence in mistakes


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ('cause = "AMP-LOP"\neffect = "AMP-LOS"\nreach = "same"', "go round in a circle"),
        ('cause = "NO-SUCH"\neffect = "AMP-LOS"', "this station has no alarm of that type"),
        ('cause = "AMP-LOS"\neffect = "AMP-LOSS"', "this station has no alarm of that type"),
        ('cause = "STALE"\neffect = "AMP-FAULT"', "is worse than"),
        ('cause = "AMP-LOS"\neffect = "AMP-FAULT"\nreach = "everywhere"', "must be one of"),
    ],
)
def test_what_is_wrong_with_a_suppression_is_said(entry: str, sentence: str) -> None:
    found, mistakes = checked(f"{SMALL}[[suppression]]\n{entry}\n")
    assert found is None
    assert sentence in mistakes
