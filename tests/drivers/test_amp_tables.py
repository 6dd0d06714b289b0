"""What every amplifier's table promises, whatever the unit: names and units, refusals, and no invented value."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import CATALOG, amp_amonics_aedfa, amp_edfa68, amp_fiberlabs, amp_keopsys_cefa, amp_template
from stationd.core.model import Level, Reason
from stationd.device import Block, Device, codec_for
from stationd.driver import AMPLIFIER, Binary, Driver, Missing, Point, Protocol, Query
from stationd.wire.exchange import Answer, FrameError
from stationd.wire.text import Field, place

MODULES = (amp_amonics_aedfa, amp_edfa68, amp_fiberlabs, amp_keopsys_cefa, amp_template)
DRIVERS = tuple(module.DRIVER for module in MODULES)
TEXT = tuple(driver for driver in DRIVERS if driver.protocols == (Protocol.TEXT,))
WRITABLE = tuple((driver, point) for driver in DRIVERS for point in driver.points if "w" in point.access)

quick = settings(max_examples=60, deadline=None)
each_driver = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.model)
each_writable = pytest.mark.parametrize(("driver", "point"), WRITABLE, ids=lambda one: getattr(one, "model", None) or one.name)


# The published orders, written out once more: a slip in a driver's table shows here.
UM20_BITS = {
    "pumps_disabled": (15, "W"),
    "loss_of_output": (14, "A"),
    "los": (13, "A"),
    "case_temperature_warning": (12, "W"),
    "pump2_temperature_alarm": (11, "A"),
    "pump2_cooler_warning": (10, "W"),
    "pump1_temperature_alarm": (9, "A"),
    "pump1_cooler_warning": (8, "W"),
    "pump2_current_low": (7, "W"),
    "pump1_current_low": (5, "W"),
    "key_off": (3, "A"),
    "pump2_temperature_off_set_point": (1, "W"),
    "pump1_temperature_off_set_point": (0, "W"),
}
PUBLISHED_ALARMS = [
    "los_1",
    "heater_temperature",
    "lop_1",
    "pump_overcurrent",
    "pump_temperature",
    "module_temperature_low",
    "module_temperature_high",
    "los_2",
    "lop_2",
    "shutoff",
    "orl",
    "apr",
    "tec",
    "sld",
    "out_of_gain",
    "voa",
    "input_overload",
    "dis",
    "los_l",
    "mid_stage_loss",
    "flag_1",
    "flag_2",
]


def device(driver: Driver, dialect: str | None = None, channel: int = 1) -> Device:
    return Device("amp", driver, codec_for(driver.protocols[0], driver, dialect), channel=channel)


def sent(driver: Driver, name: str, value: Any, channel: int = 1) -> bytes:
    """The bytes that ask the unit to take a value."""
    order = device(driver, channel=channel).prepare(name, value)
    return order.write.codec.encode(order.write.question, 0)


def test_the_four_are_in_the_catalogue_and_the_example_is_not() -> None:
    for model in ("amonics-aedfa", "edfa68", "fiberlabs", "keopsys-cefa"):
        assert CATALOG[model].model == model
    assert amp_template.DRIVER not in CATALOG.values()


@each_driver
def test_what_the_kind_promises_is_there_in_its_unit_or_missing_for_a_reason(driver: Driver) -> None:
    assert driver.kind is AMPLIFIER
    for name, unit in {**AMPLIFIER.required, **AMPLIFIER.optional}.items():
        point = driver.point(name)
        if isinstance(point and point.at, Missing):
            continue
        assert point is not None or name in AMPLIFIER.optional, f"{name} is promised"
        assert point is None or point.unit == unit
    assert all(len(point.at.why) > 20 for point in driver.points if isinstance(point.at, Missing))


@each_driver
def test_names_are_words_that_metrics_and_topics_can_carry_and_each_is_explained(driver: Driver) -> None:
    names = [point.name for point in driver.points]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) for name in names)
    assert all(point.doc or isinstance(point.at, Missing) for point in driver.points)
    assert driver.manual


@each_driver
def test_a_pattern_takes_one_value_and_a_channel_of_its_own(driver: Driver) -> None:
    patterns = [point.fmt.pattern for point in driver.points if isinstance(point.fmt, Field)]
    assert all(re.compile(pattern.replace("{channel}", "1").replace("{before}", "0")).groups == 1 for pattern in patterns)


@each_driver
def test_lost_light_is_seen_within_a_second(driver: Driver) -> None:
    for name in ("input_power", "output_power", "los", "fault"):
        point = driver.point(name)
        assert point is not None
        assert point.every_s <= 1.0


@each_driver
def test_what_never_changes_is_asked_seldom(driver: Driver) -> None:
    for name in ("identity", "serial_number", "firmware"):
        point = driver.point(name)
        assert point is None or point.every_s >= 600.0


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.DRIVER.model)
def test_a_driver_is_a_table_and_at_most_two_functions(module: Any) -> None:
    source = Path(module.__file__).read_text()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    assert len(functions) <= 2
    assert 40 <= len(source.splitlines()) <= 200


@each_writable
def test_a_written_value_is_read_back_from_the_place_that_shows_it(driver: Driver, point: Point) -> None:
    value = next(iter(point.values.values())) if point.values else (point.limits or (0.0, 0.0))[1]
    order = device(driver).prepare(point.name, value)
    assert order.shown_by is point
    assert order.read_back.points == (point,)
    assert not order.read_back.exchange.writes


@each_writable
def test_a_set_point_that_comes_back_different_is_no_agreement(driver: Driver, point: Point) -> None:
    if point.values or not point.limits:
        return
    tolerance = device(driver).prepare(point.name, point.limits[1]).tolerance
    assert 0.0 < tolerance <= {"dBm": 0.11, "mA": 1.1}[point.unit]


@each_writable
def test_outside_its_limits_nothing_is_sent(driver: Driver, point: Point) -> None:
    if point.values:
        return
    assert point.limits, "a number that can be written needs limits"
    low, high = point.limits
    for wish in (low - 0.001, high + 0.001, float("nan"), float("inf"), -float("inf")):
        with pytest.raises(FrameError):
            device(driver).prepare(point.name, wish)


@each_writable
@quick
@given(wish=st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(["on", "off", "RKP=1", "apc"])))
def test_a_wish_becomes_bytes_or_a_frame_error(driver: Driver, point: Point, wish: bool | float | str) -> None:
    try:
        order = device(driver).prepare(point.name, wish)
    except FrameError:
        return
    assert isinstance(point.put, Query)
    command = order.write.question.command
    form = re.escape(point.put.command.replace("{channel}", "1"))
    assert re.fullmatch(re.sub(r"\\{value.*?\\}", r"(-?[0-9]+([.][0-9]+)?|ACC|APC)", form), command)


@each_driver
def test_what_is_not_writable_cannot_be_written(driver: Driver) -> None:
    for point in driver.points:
        if "w" not in point.access:
            with pytest.raises(FrameError, match="cannot be written"):
                device(driver).prepare(point.name, 1.0)


def check_honest(unit: Device, block: Block, body: Any) -> None:
    for reading in unit.decode(block, body, 1.0):
        assert (reading.value is None) == (reading.quality.level is Level.BAD)
        assert reading.quality.good or reading.quality.reason is not Reason.NONE


def near_answers(driver: Driver) -> st.SearchStrategy[str]:
    """Texts that have the form of an answer, and texts that do not."""
    patterns = [place(point.fmt.pattern, 1) for point in driver.points if isinstance(point.fmt, Field)]
    printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
    return st.one_of(st.text(printable, max_size=30), *(st.from_regex(one, fullmatch=True, alphabet=printable) for one in patterns))


@pytest.mark.parametrize("driver", TEXT, ids=lambda driver: driver.model)
@quick
@given(data=st.data(), channel=st.integers(1, 4))
def test_no_text_raises_and_what_is_no_value_is_bad(driver: Driver, data: st.DataObject, channel: int) -> None:
    answer = data.draw(near_answers(driver))
    unit = device(driver, channel=channel)
    for block in unit.plan():
        check_honest(unit, block, answer)


@quick
@given(st.binary(max_size=40), st.integers(1, 8))
def test_no_data_of_a_module_raises(data: bytes, channel: int) -> None:
    unit = device(amp_edfa68.DRIVER, channel=channel)
    for block in unit.plan():
        check_honest(unit, block, data)


# The units one by one.


def test_factory_settings_of_a_keopsys_cannot_be_sent() -> None:
    driver = amp_keopsys_cefa.DRIVER
    commands = [at.command for point in driver.points for at in (point.at, point.put) if isinstance(at, Query)]
    assert not [command for command in commands if "RKP" in command.upper() or command.startswith(("K0", "K1"))]
    with pytest.raises(FrameError, match="no point"):
        device(driver).prepare("RKP", 1)


def test_an_alarm_word_of_a_keopsys_sets_its_own_bit_and_no_other() -> None:
    unit = device(amp_keopsys_cefa.DRIVER)
    (block,) = [block for block in unit.plan() if block.cells[0].at == Query("ALA?")]
    bits = {name: bit for name, (bit, _) in UM20_BITS.items()}
    assert {name: (bit, doc[0]) for name, bit, doc in amp_keopsys_cefa.ALARM_BITS} == UM20_BITS
    for bit in range(16):
        readings = {reading.point.point: reading.value for reading in unit.decode(block, f"ALA={1 << bit:04X}", 1.0)}
        assert readings.pop("fault") == (bit in (14, 11, 9))
        assert readings == {name: own == bit for name, own in bits.items()}


def test_a_module_names_22_alarms_twice_from_bit_31_downwards() -> None:
    unit = device(amp_edfa68.DRIVER)
    (block,) = [block for block in unit.plan() if isinstance(block.cells[0].at, Binary) and block.cells[0].at.command == 0x40]
    assert len(PUBLISHED_ALARMS) == 22
    for at, name in enumerate(PUBLISHED_ALARMS):
        word = (1 << 31 - at).to_bytes(4, "big")
        now = {reading.point.point for reading in unit.decode(block, word + bytes(4), 1.0) if reading.value}
        before = {reading.point.point for reading in unit.decode(block, bytes(4) + word, 1.0) if reading.value}
        assert now - {"los", "fault"} == {f"alarm_{name}"}
        assert before == {f"latched_{name}"}
        assert ("los" in now) == (name == "los_1")
        assert ("fault" in now) == (name in amp_edfa68.FAULTS)


def test_a_module_is_never_written() -> None:
    assert not [point for point in amp_edfa68.DRIVER.points if "w" in point.access or point.put]


@pytest.mark.parametrize(("state", "word"), [("on", b" 1"), ("off", b" 0")])
def test_a_channel_of_an_amonics_is_switched_by_its_word(state: str, word: bytes) -> None:
    assert sent(amp_amonics_aedfa.DRIVER, "acc_state", state, channel=2) == b":DRIV:ACC:STAT:CH2" + word + b"\r\n"


@pytest.mark.parametrize("state", ["busy", "lock"])
def test_states_that_only_the_unit_can_reach_are_refused(state: str) -> None:
    for name in ("acc_state", "apc_state"):
        with pytest.raises(FrameError, match="can be asked for"):
            device(amp_amonics_aedfa.DRIVER).prepare(name, state)


@quick
@given(st.floats(-20.0, 33.0))
def test_levels_of_an_amonics_survive_the_way_through_milliwatts(level_dbm: float) -> None:
    unit = device(amp_amonics_aedfa.DRIVER)
    order = unit.prepare("output_setpoint", level_dbm)
    (shown,) = unit.decode(order.read_back, order.write.question.command.rpartition(" ")[2], 1.0)
    assert isinstance(shown.value, float)
    assert abs(shown.value - level_dbm) <= max(order.tolerance, 0.25)  # 1/1000 mW at -20 dBm is a quarter of a decibel


@pytest.mark.parametrize("answer", ["0", "0.0", "-0.003"])
def test_no_light_at_an_amonics_is_below_range_and_no_number(answer: str) -> None:
    unit = device(amp_amonics_aedfa.DRIVER)
    (block,) = [block for block in unit.plan() if block.points[0].name == "output_power"]
    (reading,) = unit.decode(block, answer, 1.0)
    assert (reading.value, reading.quality.reason) == (None, Reason.BELOW_RANGE)


@pytest.mark.parametrize(("answer", "level"), [("PUS=4500", Level.GOOD), ("PUS=4501", Level.UNCERTAIN), ("PUS=9999", Level.UNCERTAIN)])
def test_a_level_that_no_amplifier_has_is_uncertain(answer: str, level: Level) -> None:
    unit = device(amp_keopsys_cefa.DRIVER)
    (block,) = [block for block in unit.plan() if block.points[0].name == "output_power"]
    (reading,) = unit.decode(block, answer, 1.0)
    assert reading.quality.level is level
    assert reading.value is not None


@pytest.mark.parametrize("driver", [amp_fiberlabs.DRIVER, amp_keopsys_cefa.DRIVER], ids=lambda driver: driver.model)
def test_what_a_unit_stores_for_good_is_not_in_the_table(driver: Driver) -> None:
    commands = " ".join(at.command for point in driver.points for at in (point.at, point.put) if isinstance(at, Query))
    assert "SAVE" not in commands
    assert "RKP" not in commands


@pytest.mark.parametrize("dialect", sorted(amp_keopsys_cefa.DRIVER.dialects))
def test_every_dialect_of_a_keopsys_ends_lines_alike_both_ways(dialect: str) -> None:
    unit = device(amp_keopsys_cefa.DRIVER, dialect)
    (block,) = [block for block in unit.plan() if block.points[0].name == "output_power"]
    end = {"cr": b"\r", "crlf": b"\r\n", "nul": b"\0"}[dialect]
    assert unit.codec.encode(block.exchange.question, 0) == b"PUS?" + end
    found = unit.codec.find(block.exchange.question, 0, b"PUS=2310" + end)
    assert found is not None
    assert found.outcome == Answer("PUS=2310")
