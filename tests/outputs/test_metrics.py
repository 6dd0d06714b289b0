from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

import drivers
import stationd
from stationd.board import Board
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.model import Tick
from stationd.links.sampler import SamplerStatistics
from stationd.outputs.captures import CaptureStatistics
from stationd.outputs.journal import Journal
from stationd.outputs.metrics import FAMILIES, Line, Metrics, MqttStatistics, Sources
from stationd.outputs.sparkplug.client import SparkplugStatistics
from stationd.outputs.sparkplug.node import NodeCounts
from tests.outputs.plant import BAD, LIVE, SIMULATED, STALE, TAP, UNCERTAIN, Bus, board, busy_bus, show

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(page: bytes) -> Series:
    samples = [sample for family in text_string_to_metric_families(page.decode()) for sample in family.samples]
    assert all(sample.timestamp is None for sample in samples)
    series = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(series) == len(samples), "a series stands twice on the page"
    return series


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def scraped(target: Board, sources: Sources | None = None) -> Series:
    return parsed(await Metrics(LIVE, target, sources or Sources()).scrape())


def names(series: Series) -> set[str]:
    return {name for name, _ in series}


async def test_points_of_the_kinds_have_families_in_base_units() -> None:
    target = board()
    show(target, "pfe-a.output_current", 1000.0)
    show(target, "pfe-a.output_voltage", 437.5)
    show(target, "fp1-booster.input_power", -12.5)
    show(target, "fp1-booster.output_power", 14.0)
    show(target, "fp1-booster.gain", 26.5)
    show(target, "fp1-booster.pump1_current", 250.0)
    show(target, "fp1-booster.pump2_current", 251.0)
    show(target, "fp1-booster.pump1_temperature", 25.1)
    series = await scraped(target)
    assert series[key("stationd_pfe_output_current_amperes", device="pfe-a")] == 1.0
    assert series[key("stationd_pfe_output_voltage_volts", device="pfe-a")] == 437.5
    assert series[key("stationd_amplifier_input_power_dbm", device="fp1-booster")] == -12.5
    assert series[key("stationd_amplifier_output_power_dbm", device="fp1-booster")] == 14.0
    assert series[key("stationd_amplifier_gain_decibels", device="fp1-booster")] == 26.5
    assert series[key("stationd_amplifier_pump_current_amperes", device="fp1-booster", pump="1")] == 0.25
    assert series[key("stationd_amplifier_pump_current_amperes", device="fp1-booster", pump="2")] == 0.251
    assert series[key("stationd_amplifier_pump_temperature_celsius", device="fp1-booster", pump="1")] == 25.1
    assert "stationd_point_value" not in names(series)


async def test_a_point_without_a_family_appears_with_its_own_unit() -> None:
    target = board()
    show(target, "fp1-booster.case_temperature", 31.5)
    show(target, "fp1-booster.los", False)
    show(target, "pfe-a.output_on", True)
    show(target, "meter.inlet", 231)
    series = await scraped(target)
    assert series[key("stationd_point_value", device="fp1-booster", point="case_temperature", unit="degC")] == 31.5
    assert series[key("stationd_point_value", device="fp1-booster", point="los", unit="")] == 0.0
    assert series[key("stationd_point_value", device="pfe-a", point="output_on", unit="")] == 1.0
    assert series[key("stationd_point_value", device="meter", point="inlet", unit='V "ac"')] == 231.0


async def test_a_value_that_is_not_good_is_absent_and_never_repeated() -> None:
    target = board()
    for name in ("pfe-a.output_current", "fp1-booster.input_power", "meter.inlet", "fp1-booster.gain"):
        show(target, name, 1.0)
    metrics = Metrics(LIVE, target, Sources())
    assert "stationd_point_value" in names(parsed(await metrics.scrape()))
    show(target, "pfe-a.output_current", 1.0, quality=STALE)
    show(target, "fp1-booster.input_power", None, quality=BAD)
    show(target, "fp1-booster.gain", 1.0, quality=UNCERTAIN)
    show(target, "meter.inlet", float("nan"))
    left = names(parsed(await metrics.scrape()))
    assert not {name for name in left if name.startswith(("stationd_pfe", "stationd_amplifier", "stationd_point_value"))}


async def test_words_are_no_numbers() -> None:
    target = board()
    show(target, "pfe-a.regulation", "1")
    assert "stationd_point_value" not in names(await scraped(target))


async def test_a_device_is_up_while_one_of_its_points_is_fresh() -> None:
    target = board()
    show(target, "pfe-a.output_current", 1.0, quality=STALE)
    show(target, "fp1-booster.los", True)
    series = await scraped(target)
    assert [series[key("stationd_device_up", device=name)] for name in ("pfe-a", "fp1-booster", "meter")] == [0.0, 1.0, 0.0]


async def test_the_last_success_is_the_wall_clock_time_of_the_exchange() -> None:
    target = board()
    show(target, "meter.inlet", 230.0, t=time.monotonic() - 60.0)
    show(target, "meter.inlet", None, t=time.monotonic(), quality=BAD)
    series = await scraped(target)
    seen = series[key("stationd_point_last_success_timestamp_seconds", device="meter", point="inlet")]
    assert abs(time.time() - 60.0 - seen) < 5.0
    assert len([name for name, _ in series if name == "stationd_point_last_success_timestamp_seconds"]) == 1


async def test_the_counters_of_the_buses_are_on_the_page() -> None:
    buses: dict[str, Line] = {"pfe": busy_bus(), "amps": Bus(up=False)}
    series = await scraped(board(), Sources(buses))
    assert series[key("stationd_bus_transactions_total", bus="pfe")] == 7
    assert series[key("stationd_bus_failures_total", bus="pfe", reason="timeout")] == 2
    assert series[key("stationd_bus_failures_total", bus="pfe", reason="illegal-address")] == 1
    assert series[key("stationd_bus_quarantines_total", bus="pfe")] == 2
    assert [series[key("stationd_bus_up", bus=bus)] for bus in buses] == [1.0, 0.0]
    assert key("stationd_bus_failures_total", bus="amps", reason="timeout") not in series


async def test_waiting_times_of_all_buses_are_one_histogram_for_each_class() -> None:
    series = await scraped(board(), Sources({"pfe": busy_bus(), "amps": busy_bus()}))
    bucket = "stationd_bus_queue_seconds_bucket"
    assert series[key(bucket, **{"class": "read-back", "le": "0.01"})] == 0
    assert series[key(bucket, **{"class": "read-back", "le": "0.03"})] == 2
    assert series[key(bucket, **{"class": "read-back", "le": "+Inf"})] == 4
    assert series[key("stationd_bus_queue_seconds_count", **{"class": "emergency"})] == 4
    assert abs(series[key("stationd_bus_queue_seconds_sum", **{"class": "emergency"})] - 10.04) < 1e-9


async def test_a_busy_ratio_lies_between_0_and_1_and_does_not_depend_on_who_asks() -> None:
    bus = Bus()
    metrics = Metrics(LIVE, board(), Sources({"pfe": bus}))
    bus.statistics.busy_s = 1e9
    for _ in range(2):
        assert parsed(await metrics.scrape())[key("stationd_bus_busy_ratio", bus="pfe")] == 1.0


async def test_the_daemon_tells_of_itself() -> None:
    mqtt = MqttStatistics(connected=True, connections=2, published=30, dropped=4)
    series = parsed(await Metrics(SIMULATED, board(), Sources(mqtt=mqtt, inbox_dropped=lambda: 5)).scrape())
    assert series[key("stationd_build_info", version=stationd.__version__)] == 1
    assert series[key("stationd_station_info", station="aktau", mode="sim")] == 1
    assert abs(series[key("stationd_up_since_timestamp_seconds")] - time.time()) < 60
    assert series[key("stationd_engine_inbox_dropped_total")] == 5
    assert series[key("stationd_mqtt_connected")] == 1
    assert series[key("stationd_mqtt_published_total")] == 30
    assert series[key("stationd_mqtt_dropped_total")] == 4
    assert series[key("stationd_scrape_duration_seconds")] > 0
    assert key("stationd_event_loop_lag_seconds_count") in series


def sampled() -> SamplerStatistics:
    statistics = SamplerStatistics(channels=8, rebuilds=2, running=True, real_time=True)
    statistics.counts.update(slots=1000, scans=990, missed=10, lateness_sum_ns=50_000_000)
    statistics.lateness[3] = 1  # up to 2.048 us
    statistics.lateness[7] = 900  # up to 32.768 us
    statistics.lateness[-1] = 89
    statistics.delivery_s.observe(0.0003)
    return statistics


async def test_the_light_of_a_channel_has_families_of_its_own() -> None:
    target = board((TAP,))
    for point, value in (("power", -12.5), ("power_min", -13.0), ("power_max", -12.0), ("los", False)):
        show(target, f"fp1-rx.{point}", value)
    series = await scraped(target)
    assert series[key("stationd_optical_power_dbm", channel="fp1-rx")] == -12.5
    assert series[key("stationd_optical_power_min_dbm", channel="fp1-rx")] == -13.0
    assert series[key("stationd_optical_power_max_dbm", channel="fp1-rx")] == -12.0
    assert series[key("stationd_optical_los", channel="fp1-rx")] == 0.0
    assert "stationd_point_value" not in names(series)


async def test_the_sampler_tells_what_it_took_and_what_it_missed() -> None:
    series = await scraped(board(), Sources(sampler=sampled, captures=CaptureStatistics(written=3, failed=1)))
    assert series[key("stationd_sampler_samples_total")] == 8 * 990
    assert series[key("stationd_sampler_slots_total")] == 1000
    assert series[key("stationd_sampler_missed_total")] == 10
    assert series[key("stationd_sampler_rebuilds_total")] == 2
    assert series[key("stationd_sampler_running")] == 1
    assert series[key("stationd_sampler_memory_locked")] == 0
    assert series[key("stationd_captures_written_total")] == 3
    bucket = "stationd_sampler_lateness_seconds_bucket"
    assert [series[key(bucket, le=le)] for le in ("4.096e-06", "1.6384e-05", "3.2768e-05", "0.268435456", "+Inf")] == [1, 1, 901, 901, 990]
    assert series[key("stationd_sampler_lateness_seconds_sum")] == 0.05
    assert series[key("stationd_sampler_event_delivery_seconds_bucket", le="0.0005")] == 1


async def test_without_mqtt_and_buses_their_families_are_absent() -> None:
    assert not {name for name in names(await scraped(board())) if name.startswith(("stationd_mqtt", "stationd_bus"))}


async def test_the_page_passes_the_linter_of_prometheus(promtool: Path) -> None:
    target = board((TAP,))
    for name in target.points:
        show(target, str(name), 1.5)
    sources = Sources({"pfe": busy_bus()}, MqttStatistics(), sampler=sampled, captures=CaptureStatistics())
    page = await Metrics(LIVE, target, sources).scrape()
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_family_has_the_unit_that_the_drivers_use() -> None:
    for driver in drivers.CATALOG.values():
        for point in driver.points:
            family = FAMILIES.get((driver.kind.name, point.name))
            assert family is None or family.unit == point.unit, f"{driver.model}.{point.name}"


def test_the_catalogue_gives_each_family_one_help_text_and_no_series_twice() -> None:
    texts = {(family.name, family.text) for family in FAMILIES.values()}
    assert len({name for name, _ in texts}) == len(texts)
    assert len({(family.name, family.labels) for family in FAMILIES.values()}) == len(FAMILIES)


async def test_alarms_and_the_journal_have_families(tmp_path: Path, promtool: Path) -> None:
    key_of_door, now = AlarmKey("station", "ROOM-DOOR"), asyncio.get_running_loop().time()
    desk, journal = Alarms(Plan({key_of_door: rule(key_of_door)}), now), Journal.open(tmp_path / "journal.sqlite")
    await journal.start()
    desk.handle(Signal(key_of_door, True, now), now)
    desk.handle(Tick(now + 10.0), now + 10.0)
    sources = Sources(alarms=desk, journal=journal, sparkplug=(SparkplugStatistics(), NodeCounts()))
    page = await Metrics(SIMULATED, board(), sources).scrape()
    await journal.close()
    series = parsed(page)
    assert series[key("stationd_alarms", state="new", severity="warning")] == 1.0
    assert series[key("stationd_alarms", state="acknowledged", severity="critical")] == 0.0
    assert series[key("stationd_alarm_annunciations_total", type="ROOM-DOOR")] == 1.0
    assert series[key("stationd_alarm_flood")] == 0.0
    assert series[key("stationd_outbox_records")] == 0.0
    assert series[key("stationd_outbox_dropped_total", **{"class": "reading"})] == 0.0
    assert series[key("stationd_journal_good")] == 1.0
    assert series[key("stationd_sparkplug_births_total")] == 0.0
    said = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True)
    assert said.returncode == 0, said.stdout + said.stderr
