"""From the station file to the plan of acting: what can be driven, within which limits, and who has a say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config.acting import acting_plan
from stationd.core.amplifier.words import SetValue
from stationd.core.model import PointId
from stationd.core.operation.plan import ActingPlan
from stationd.core.powerfeed.words import FeedPlan
from stationd.driver import Driver
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.demo_station import station_file

STATIONS = Path(__file__).parents[1] / "systemd" / "stations"


def planned(text: str | Path, drivers: Mapping[str, Driver] = CATALOG) -> ActingPlan:
    found, problems = config.check(text, drivers)
    assert problems == ()
    assert found is not None
    return acting_plan(found, drivers)


def shipped(name: str, *changes: tuple[str, str]) -> ActingPlan:
    text = (STATIONS / f"{name}.toml").read_text()
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return planned(text)


def demo(end: End, home: Path, *, repeatered: bool = True) -> ActingPlan:
    """Return the plan of a station of the demonstration with a pair for each make of amplifier."""
    rig = demo_rig(Route.MAIN, 4, repeatered=repeatered)
    ports = {name: f"tcp://127.0.0.1:{502 + n}" if name.endswith("io") else f"/dev/{name}" for n, name in enumerate(rig.port)}
    ports |= {light: f"shm:/dev/shm/{light}" for light in rig.light.values()}
    return planned("\n".join(station_file(Route.MAIN, end, rig, ports, "mqtt://localhost:1883", home)))


def feed_of(driver: str, protocol: str, ratings: str, extra: str = "") -> FeedPlan:
    text = f"""
[station]
name = "bench"
[bus.pfe]
port = "/dev/ttyS0"
protocol = "{protocol}"
[device.pfe]
driver = "{driver}"
bus = "pfe"
ratings = {{ {ratings} }}
{extra}
"""
    return planned(text).feeds["pfe"]


FUG = ("fug-probus5", "text", "voltage_v = 1000.0, current_ma = 1500.0")
EA = ("ea-ps10000", "modbus-rtu", "voltage_v = 1000.0, current_ma = 1500.0, power_w = 1500.0")
GENESYS = ("tdk-genesys", "text", "voltage_v = 1000.0, current_ma = 1500.0")
SPELLMAN = ("spellman-xrv", "text", "voltage_v = 1000.0, current_ma = 1500.0")


# The station.


def test_a_shipped_station_only_reads_and_names_its_line_its_ends_and_its_button() -> None:
    plan = shipped("aktau")
    assert (plan.station, plan.title, plan.read_only, plan.line, plan.far_title) == ("aktau", "Aktau", True, "s1", "Siyazan")
    assert plan.route == shipped("siyazan").route == "Aktau - Siyazan"
    assert plan.emergency_button == "the red emergency-off button of the power feed equipment"
    assert plan.key_switch is None
    assert {"pfe-a", "io1", "fp8-preamp"} <= plan.devices


def test_both_feeds_of_a_station_are_of_one_line_and_can_be_switched_off() -> None:
    plan = shipped("aktau")
    assert set(plan.feeds) == {"pfe-a", "pfe-b"}
    assert {plan.segment(device) for device in plan.feeds} == {"s1"}
    assert {feed.points.on for feed in plan.feeds.values()} == {PointId("pfe-a", "output_on"), PointId("pfe-b", "output_on")}


def test_a_key_switch_an_earth_switch_and_a_tone_are_those_that_the_file_names() -> None:
    plan = shipped(
        "siyazan", ("# local_switch", "local_switch"), ("# earthed", "earthed"), ("# electroding", "electroding"),
        ('operator = "AzerTelecom"', 'operator = "AzerTelecom"\nemergency_button = "the red button at the door"'),
    )  # fmt: skip
    points = plan.feeds["pfe-a"].points
    assert (plan.key_switch, points.earthed, points.electroding) == (PointId("io1", "di5"), PointId("io1", "di4"), PointId("io1", "do1"))
    assert plan.emergency_button == "the red button at the door"


def test_a_line_without_repeaters_has_no_feed_and_no_line_that_is_shared() -> None:
    plan = shipped("kuryk")
    assert (plan.feeds, plan.line, plan.far_title) == ({}, "", "Buzovna")
    assert set(plan.amplifiers) == {f"fp{n}-{role}" for n in range(1, 5) for role in ("booster", "preamp")}


# Power feeds.


def test_every_limit_of_the_file_is_that_of_the_plan() -> None:
    keys = {
        "nominal_ma": 990.0, "max_v": 790.0, "ramp_ma_per_s": 9.0, "ramp_down_ma_per_s": 19.0, "deviation_ma": 14.0, "deviation_s": 1.5,
        "rise_v_per_s": 390.0, "discharged_v": 45.0, "discharge_s": 50.0, "model_share": 0.04, "trim_ma": 3.0,
    }  # fmt: skip
    feed = feed_of(*FUG, extra="[pfe.pfe]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()))
    assert {key: getattr(feed, key) for key in keys} == keys


def test_a_feed_without_a_section_has_no_interlock_so_that_it_cannot_be_armed_but_is_switched_off() -> None:
    feed = feed_of(*EA)
    assert (feed.interlocks, feed.interlocks_reason) == ((), "")
    assert feed.points.on == PointId("pfe", "output_on")


def test_hardware_interlocks_bring_their_reason_and_named_ones_their_points() -> None:
    bare = feed_of(*EA, extra='[pfe.pfe]\ninterlocks = "hardware-only"\ninterlocks_reason = "the loop is in the cabinet"')
    assert (bare.interlocks, bare.interlocks_reason) == ((), "the loop is in the cabinet")
    assert shipped("aktau").feeds["pfe-a"].interlocks == tuple(PointId("io1", f"di{n}") for n in (1, 2, 3))


def test_a_feed_of_the_line_knows_the_cable_and_the_far_end_and_one_on_a_bench_neither() -> None:
    feed, bench = shipped("aktau").feeds["pfe-a"], feed_of(*EA)
    assert feed.cable is not None
    assert (feed.cable.length_km, feed.far_expected, feed.far_max_v, feed.title, feed.far_title) == (341.0, True, 800.0, "Aktau", "Siyazan")
    assert (bench.cable, bench.far_expected, bench.far_max_v) == (None, False, None)
    untold = shipped("aktau", ("max_v = 800.0                     # max_v of the far", "# of the far"))
    assert untold.feeds["pfe-a"].far_max_v is None


@pytest.mark.parametrize(
    ("unit", "remote", "slew", "polarity", "acting", "fault"),
    [
        (FUG, False, True, True, (), False),
        (EA, True, False, False, (), True),
        (GENESYS, True, False, False, ("auto_restart",), True),
        (SPELLMAN, False, False, False, ("watchdog_on",), True),
    ],
    ids=["fug", "ea", "genesys", "spellman"],
)
def test_a_feed_has_the_points_that_its_unit_has(
    unit: tuple[str, str, str], remote: bool, slew: bool, polarity: bool, acting: tuple[str, ...], fault: bool
) -> None:
    feed = feed_of(*unit)
    points = feed.points
    assert feed.remote_writable is remote
    word = "follow-and-zero-when-off" if slew else None
    assert (feed.slew_follow, points.slew_ma_per_s is not None, points.slew_mode is not None) == (word, slew, slew)
    assert (points.polarity_negative is not None, points.fault is not None) == (polarity, fault)
    assert points.self_acting == tuple(PointId("pfe", each) for each in acting)
    assert points.voltage_setpoint_v == PointId("pfe", "voltage_setpoint")
    assert points.every() >= {points.on, points.setpoint_ma, points.current_ma, points.voltage_v, points.remote}


@pytest.mark.parametrize("unit", [FUG, EA, GENESYS, SPELLMAN])
def test_every_point_that_is_driven_can_be_written_and_every_gate_can_be_read(unit: tuple[str, str, str]) -> None:
    driver, points = CATALOG[unit[0]], feed_of(*unit).points
    maybe = (points.voltage_setpoint_v, points.slew_ma_per_s, points.slew_mode, points.polarity_negative)
    for driven in (points.setpoint_ma, points.on, *maybe):
        row = driver.point(driven.point) if driven is not None else None
        assert driven is None or (row is not None and row.access == "rw")
    assert all(driver.point(each.point) is not None for each in points.every())


# Amplifiers.


def test_limits_of_a_set_value_are_those_of_the_file_within_the_drivers_with_its_largest_step() -> None:
    first = shipped("aktau", ("output_dbm = [10.0, 20.0]", "output_dbm = [10.0, 20.0]\nstep_dbm = 0.5")).amplifiers["fp1-booster"]
    assert first.set_values == {
        "output": SetValue(PointId("fp1-booster", "output_setpoint"), "dBm", 10.0, 20.0, 0.5),
    }
    assert (first.set_values["output"].high, first.title, first.fibre_pair) == (20.0, "booster of fibre pair 1", 1)


def test_an_amplifier_that_only_reads_is_in_the_plan_and_has_nothing_to_set() -> None:
    module = shipped("siyazan").amplifiers["fp1-preamp"]
    assert (module.set_values, module.pump_writable, module.mode_writable, module.modes) == ({}, False, False, ())
    assert module.pump_on == PointId("fp1-preamp", "pump_on")
    assert {each.point for each in module.reduced} == {"apr_active", "alarm_apr", "alarm_shutoff"}


def test_pumps_are_switched_by_their_switch_or_by_the_mode() -> None:
    aktau, siyazan = shipped("aktau").amplifiers, shipped("siyazan").amplifiers
    keopsys, fiberlabs, amonics = aktau["fp1-booster"], aktau["fp1-preamp"], siyazan["fp1-booster"]
    assert [each.pump_writable for each in (keopsys, fiberlabs, amonics)] == [False, True, True]
    assert [each.mode_writable for each in (keopsys, fiberlabs, amonics)] == [True] * 3
    assert keopsys.modes == ("off", "acc", "apc", "agc")
    assert set(fiberlabs.modes) == set(amonics.modes) == {"acc", "apc"}
    assert (keopsys.lost, amonics.lost, fiberlabs.return_power_dbm) == (
        PointId("fp1-booster", "los"), None, PointId("fp1-preamp", "return_power"),
    )  # fmt: skip


def test_amplifiers_of_a_pair_share_a_segment() -> None:
    plan = shipped("aktau")
    assert plan.segment("fp3-booster") == plan.segment("fp3-preamp") == "fibre pair 3"


# The demonstration.


@pytest.mark.parametrize("end", End)
def test_the_stations_of_the_demonstration_can_act_and_have_all_that_an_operation_looks_at(end: End, tmp_path: Path) -> None:
    plan = demo(end, tmp_path)
    feed = plan.feeds["pfe"]
    assert not plan.read_only
    assert plan.key_switch == PointId("io", "di5")
    assert feed.interlocks == tuple(PointId("io", f"di{n}") for n in (1, 2, 3))
    assert (feed.points.earthed, feed.points.electroding, feed.far_max_v) == (PointId("io", "di4"), PointId("io", "do1"), 800.0)
    settable = {name for name, each in plan.amplifiers.items() if "output" in each.set_values}
    assert settable == {f"fp{n}-{role}" for n in (1, 2, 3) for role in ("booster", "preamp")}
    assert plan.amplifiers["fp1-booster"].set_values["output"].high == 15.0


def test_pumps_of_the_watt_class_are_known_and_have_an_interlock(tmp_path: Path) -> None:
    plan = demo(End.A, tmp_path, repeatered=False)
    pumps = {name: each for name, each in plan.amplifiers.items() if each.raman}
    assert set(pumps) == {f"fp{n}-{role}" for n in range(1, 5) for role in ("raman", "ropa-pump")}
    assert {each.interlocks for each in pumps.values()} == {(PointId("io", "di1"),)}
    assert pumps["fp2-ropa-pump"].title == "pump of the remote amplifier of fibre pair 2"
