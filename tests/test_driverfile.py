"""Driver files: each word means one thing, and nonsense is refused without breaking anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import CATALOG
from stationd.core.model import GOOD
from stationd.device import Device, codec_for
from stationd.driver import INPUT_OUTPUT, POWER_FEED, Coil, Driver, Holding, Point, Protocol, Query
from stationd.driverfile import LONGEST_FILE, load_directory, parse
from stationd.driverfile.form import DialectTable, Head, Row
from stationd.driverfile.rowcheck import slow_pattern
from stationd.wire.exchange import WireFault
from stationd.wire.registers import I16, U16, U32, Format, chars
from stationd.wire.text import As, CheckSum, Dialect, Field
from tests.driver_texts import HEAD, INLET, TALKER, row


def driver_of(source: str) -> Driver:
    driver, problems = parse(source, "acme.toml")
    assert [problem.render() for problem in problems] == []
    assert driver is not None
    return driver


# What a file means.


def test_the_smallest_file_is_a_driver() -> None:
    assert driver_of(HEAD + INLET) == Driver(
        "acme-meter",
        INPUT_OUTPUT,
        (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP),
        (Point("inlet_voltage", Holding(10), U16, "V", 0.1, limits=(0.0, 900.0), doc="Mains inlet"),),
        "ACME meter manual rev C, table 4",
        max_block=100,
        addresses=(1, 247),
    )


def test_a_text_unit_has_a_dialect_and_everything_that_a_python_driver_has() -> None:
    driver = driver_of(TALKER)
    assert (driver.kind, driver.protocols, driver.channels, driver.addresses) == (POWER_FEED, (Protocol.TEXT,), 2, (0, 30))
    assert (driver.late_s, driver.settle_s) == (2.0, 1.5)
    assert driver.ratings == {"voltage_v": 600.0, "current_ma": None}
    assert driver.dialects == {
        "default": Dialect(
            b"\r",
            b"\r\n",
            b"\x02",
            CheckSum.DOLLAR_HEX,
            "OK",
            (("ERR 7", WireFault.BUSY), ("ERR .*", WireFault.REFUSED)),
            "![0-9]{2}",
            "ADR {unit}",
            "OK",
        )
    }
    assert driver.point("current_setpoint") == Point(
        "current_setpoint",
        Query("PC?"),
        Field(r"PC=(\S+)"),
        "mA",
        1000.0,
        access="rw",
        rated_limits=("current_ma", 0.0, 1.0),
        put=Query("PC {value:.3f}"),
        read_back="shown_setpoint",
        tolerance=2.0,
        doc="Programmed current",
    )
    masks = {point.name: point.mask for point in driver.points if point.mask is not None}
    assert masks == {"remote": 0x80, "regulation": 0x03, "fault": 0x1C}
    assert driver.points[4].fmt == Field("(ON|OFF)", As.TEXT)


def test_a_driver_from_a_file_reads_and_writes_like_any_other() -> None:
    driver = driver_of(TALKER)
    unit = Device("d", driver, codec_for(Protocol.TEXT, driver), 3, ratings={"voltage_v": 600.0, "current_ma": 1000.0})
    order = unit.prepare("current_setpoint", 250.0)
    assert order.write.codec.encode(order.write.question, 0) == b"\x02PC 0.250$A8\r"
    (status,) = (block for block in unit.plan() if block.points[0].name == "remote")
    assert {one.point.point: (one.value, one.quality) for one in unit.decode(status, "STA=8A", 1.0)} == {
        "remote": (True, GOOD),
        "regulation": ("cc", GOOD),
        "fault": (True, GOOD),
    }


@pytest.mark.parametrize(
    ("keys", "point"),
    [
        ({"at": '"input:7"', "format": '"i32 cdab"'}, {"fmt": Format("i32", 2, "cdab")}),
        ({"at": '"holding:7"', "format": '"char 40"'}, {"fmt": chars(40)}),
        ({"at": '"holding:7"', "format": '"i16"', "offset": "-40", "unit": '"degC"'}, {"fmt": I16, "offset": -40.0}),
        ({"at": '"coil:7"', "format": '"bool"'}, {"fmt": None}),
        ({"at": '"discrete:7"'}, {"fmt": None}),
        ({"at": '"holding:7"', "format": '"bits"', "bit": "15"}, {"fmt": U16, "mask": 0x8000}),
        ({"at": '"holding:7"', "format": '"u32"', "bits": "[9, 10]"}, {"fmt": U32, "mask": 0x600}),
        ({"at": '"holding:7"', "format": '"u16"', "values": '{ 0x10 = "a", 2 = "b" }'}, {"values": {16: "a", 2: "b"}}),
    ],
    ids=str,
)
def test_a_word_of_the_file_means_one_thing(keys: dict[str, str], point: dict[str, object]) -> None:
    (read,) = driver_of(HEAD + row(name='"p"', doc='"A point"', **keys)).points
    assert {name: getattr(read, name) for name in point} == point


def test_the_state_of_a_supply_is_written_by_its_coil() -> None:
    keys = {"at": '"holding:505"', "format": '"u32"', "bit": "7", "access": '"rw"', "put": '"coil:405"', "doc": '"Output"'}
    (point,) = driver_of(HEAD + row(name='"output_on"', **keys)).points
    assert (point.put, point.mask, point.access) == (Coil(405), 0x80, "rw")


# Nonsense.

KEYS = st.sampled_from([*Head.model_fields, *Row.model_fields, *DialectTable.model_fields, "point", "dialect", "x", "pattern"])
VALUES = st.one_of(
    st.sampled_from(
        [
            '"modbus"', '"text"', '"pfe"', '"io"', '"rw"', '"holding:10"', '"query:X?"', '"coil:9"', '"u16"', '"f32 cdab"', '"bits"',
            "'V=(.+)'", "'('", '"bool"', '"query:X {value:.2f}"', '"hex"', "true", "nan", "inf", "1e400", "-1", "0x" + "f" * 400,
            '{ 0 = "a" }', '{ pattern = "x" }', "[1, 2]", '["a", 0, 1]', '[{ pattern = "(" }]', "2026-01-01", "[]", "{}", '"\\u0000"',
        ]
    ),
    st.integers(-5, 70000).map(str),
    st.floats(-1e9, 1e9).map(str),
)  # fmt: skip
TABLES = st.sampled_from(["[[point]]", "[[point]]", "[dialect]", "[ratings]", "[point]", "[[dialect]]", ""])
FRAGMENTS = st.lists(
    st.tuples(TABLES, st.dictionaries(KEYS, VALUES, max_size=8)).map(
        lambda part: part[0] + "\n" + "".join(f"{key} = {value}\n" for key, value in part[1].items())
    ),
    max_size=5,
).map("\n".join)


@settings(max_examples=400, deadline=None)
@given(FRAGMENTS)
def test_a_file_of_nonsense_is_refused_and_never_breaks_anything(source: str) -> None:
    driver, problems = parse(source, "acme.toml")
    assert driver is None
    assert problems
    assert all(problem.reason and problem.render().isprintable() for problem in problems)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_a_text_of_noise_is_refused_and_never_breaks_anything(source: str) -> None:
    driver, problems = parse(source, "acme.toml")
    assert driver is None
    assert problems


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_is_accepted_can_be_asked_and_written(keys: dict[str, str]) -> None:
    driver, problems = parse(HEAD + row(**{"name": '"p"', "at": '"holding:3"', "format": '"u16"', "doc": '"P"', **keys}), "f")
    assert (driver is None) == bool(problems)
    if driver is not None:
        unit = Device("d", driver, codec_for(driver.protocols[0], driver))
        assert all(unit.codec.encode(block.exchange.question, 1) for block in unit.plan())


# Files of a directory.


def test_a_directory_gives_its_drivers_and_the_mistakes_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD + INLET)
    (tmp_path / "b.toml").write_text(HEAD + INLET)
    (tmp_path / "c.toml").write_text(TALKER.replace("acme-talker", "ea-ps10000"))
    (tmp_path / "d.toml").write_bytes(b'model = "\xff"')
    (tmp_path / "e.toml").write_text(TALKER)
    (tmp_path / "f.toml").mkdir()
    (tmp_path / "notes.txt").write_text("not a driver")
    drivers, problems = load_directory(tmp_path, taken=CATALOG)
    assert [driver.model for driver in drivers] == ["acme-meter", "acme-talker"]
    assert [(problem.file, problem.key) for problem in problems] == [
        (str(tmp_path / "b.toml"), "model"),
        (str(tmp_path / "c.toml"), "model"),
        (str(tmp_path / "d.toml"), ""),
    ]
    assert "exists already" in problems[0].reason
    assert "not UTF-8 at byte 9" in problems[2].reason


def test_a_directory_that_is_not_there_has_no_drivers_and_no_mistakes(tmp_path: Path) -> None:
    assert load_directory(tmp_path / "drivers") == ((), ())


def test_a_file_that_is_no_driver_at_all_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"#" * (LONGEST_FILE + 1))
    _, (problem,) = load_directory(tmp_path)
    assert "longer than" in problem.reason


@pytest.mark.parametrize("pattern", ["((?:a+)+)b", "((?:a|aa)*)b", "(.*)a.*b.*c.*d", "(a{1,999}b)+"])
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    assert slow_pattern(pattern)


@pytest.mark.parametrize("pattern", [r"MV=([+-]?\d+\.\d*)", r"(?:[^,]*,){3}([^,]*)", "(ON|OFF)", "(.*)"])
def test_patterns_of_real_meters_are_taken(pattern: str) -> None:
    assert slow_pattern(pattern) == ""


def test_a_text_command_that_is_no_question_has_to_be_vouched_for() -> None:
    switching = TALKER.replace('"query:PC?"', '"query:OUT 1"')
    driver, problems = parse(switching, "talker.toml")
    assert driver is None
    assert "reads = true" in problems[0].render()
    vouched = switching.replace('at = "query:OUT 1"', 'at = "query:OUT 1"\nreads = true')
    assert parse(vouched, "talker.toml")[1] == ()
