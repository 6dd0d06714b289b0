"""Driver files: read as they are meant, or refused with every mistake, its place, and what would be right."""

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
from stationd.driverform import DialectTable, Head, Row
from stationd.wire.exchange import WireFault
from stationd.wire.registers import I16, U16, U32, Format, chars
from stationd.wire.text import As, CheckSum, Dialect, Field

HEAD = """
model = "acme-meter"
kind = "io"
protocol = "modbus"
manual = "ACME meter manual rev C, table 4"
max_block = 100
"""
INLET = """
[[point]]
name = "inlet_voltage"
at = "holding:10"
format = "u16"
scale = 0.1
unit = "V"
every_s = 1.0
access = "r"
limits = [0.0, 900.0]
doc = "Mains inlet"
"""
TALKER = """
model = "acme-talker"
kind = "pfe"
protocol = "text"
manual = "ACME talker manual, chapter 7"
late_s = 2.0
settle_s = 1.5
channels = 2
addresses = [0, 30]

[ratings]
voltage_v = 600.0
current_ma = "required"

[dialect]
terminator = "\\r"
reply_terminator = "\\r\\n"
prefix = "\\u0002"
check_sum = "dollar-hex"
done = "OK"
refusals = [{ pattern = "ERR 7", fault = "busy" }, { pattern = "ERR .*" }]
unasked = "![0-9]{2}"
select = "ADR {unit}"

[[point]]
name = "output_current"
at = "query:MC?"
format = 'MC=(\\S+)'
scale = 1000.0
unit = "mA"
rated_limits = ["current_ma", -0.05, 1.05]
doc = "Measured current"

[[point]]
name = "current_setpoint"
at = "query:PC?"
format = 'PC=(\\S+)'
scale = 1000.0
unit = "mA"
access = "rw"
put = "query:PC {value:.3f}"
read_back = "shown_setpoint"
tolerance = 2.0
rated_limits = ["current_ma", 0, 1]
doc = "Programmed current"

[[point]]
name = "shown_setpoint"
at = "query:PS?"
format = 'PS=(\\S+)'
scale = 1000.0
unit = "mA"
every_s = 60.0
doc = "What the unit shows of it"

[[point]]
name = "output_voltage"
at = "query:MV?"
format = 'MV=(\\S+)'
unit = "V"
absent = "---"
doc = "Measured voltage"

[[point]]
name = "output_on"
at = "query:OUT?"
format = '(ON|OFF)'
read_as = "text"
values = { ON = true, OFF = false }
access = "rw"
put = "query:OUT {value}"
doc = "Output"

[[point]]
name = "remote"
at = "query:STA?"
format = 'STA=([0-9A-F]{2})'
read_as = "hex"
bit = 7
doc = "Remote"

[[point]]
name = "regulation"
at = "query:STA?"
format = 'STA=([0-9A-F]{2})'
read_as = "hex"
bits = [0, 1]
values = { 0 = "off", 1 = "cv", 2 = "cc" }
doc = "What limits it"

[[point]]
name = "fault"
at = "query:STA?"
format = 'STA=([0-9A-F]{2})'
read_as = "hex"
mask = 0x1C
doc = "Any fault"

[[point]]
name = "interlock"
missing = "the unit has none"
"""


def driver_of(source: str) -> Driver:
    driver, problems = parse(source, "acme.toml")
    assert [problem.render() for problem in problems] == []
    assert driver is not None
    return driver


def lines(source: str, taken: tuple[str, ...] = ()) -> list[str]:
    driver, problems = parse(source, "acme.toml", taken)
    assert (driver is None) == bool(problems)
    return [problem.render() for problem in problems]


def row(**keys: str) -> str:
    """A [[point]] of these keys, as TOML."""
    return "\n[[point]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def changed(source: str, old: str, new: str) -> str:
    assert source.count(old) == 1, old
    return source.replace(old, new)


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


# What is wrong.


def pointed(**keys: str) -> str:
    """A file whose second point has these keys; what is not given is sound."""
    sound = {"name": '"p"', "at": '"holding:20"', "format": '"u16"', "doc": '"A point"'}
    return HEAD + INLET + row(**{key: value for key, value in {**sound, **keys}.items() if value})


MISTAKES = [
    (changed(HEAD + INLET, 'model = "acme-meter"', 'model = "Acme Meter"'), "model", 'must have only a-z, 0-9, "-" and "_"'),
    (changed(HEAD + INLET, 'model = "acme-meter"\n', ""), "model", "is missing"),
    (changed(HEAD + INLET, '"io"', '"ampliflier"'), "kind", "must be 'pfe', 'amplifier' or 'io'"),
    (changed(HEAD + INLET, '"modbus"', '"frame68"'), "protocol", "must be 'modbus' or 'text'"),
    (changed(HEAD + INLET, '"ACME meter manual rev C, table 4"', '" "'), "manual", "must name"),
    (changed(HEAD + INLET, "max_block = 100", "max_block = 126"), "max_block", "must be within 1 to 125"),
    (changed(HEAD + INLET, "max_block = 100", 'max_block = "100"'), "max_block", "must be a whole number"),
    (changed(HEAD + INLET, "max_block", "max_blok"), "max_blok", "unknown key (did you mean \"max_block\"?)"),
    (changed(HEAD + INLET, "max_block = 100", "max_block = 0"), "max_block", "must be within 1 to 125"),
    (HEAD.replace("100", "19") + row(name='"p"', at='"holding:1"', format='"char 40"', doc='"P"'), "max_block", "20 registers"),
    (HEAD + "late_s = 0.5\n" + INLET, "late_s", "must be within 1 to 60 s"),
    (HEAD + "late_s = nan\n" + INLET, "late_s", "must be a finite number"),
    (HEAD + "addresses = [247, 1]\n" + INLET, "addresses", "must be [lowest, highest] within 0 to 255"),
    (HEAD + "addresses = [1]\n" + INLET, "addresses", "must have 2 entries"),
    (HEAD + "ratings = { voltage_v = 0.0 }\n" + INLET, "ratings.voltage_v", "must be greater than 0"),
    (HEAD + 'ratings = { voltage_v = "given" }\n' + INLET, "ratings", 'must be a number, or "required"'),
    (HEAD, "point", "a driver without points measures nothing"),
    (HEAD + "point = 3\n", "point", "must be a list"),
    (HEAD + "point = [3]\n", "point[1]", "must be a table"),
    (HEAD + '[dialect]\nterminator = "\\r"\nreply_terminator = "\\r"\n' + INLET, "dialect", "only a text protocol has one"),
    (changed(TALKER, '"Remote"', '""'), "point[6].doc", "must say in a few words what it is"),
    (changed(HEAD + INLET, "model =", "modle ="), "modle", 'unknown key (did you mean "model"?)'),
    (changed(HEAD + INLET, "format =", "formt ="), "point[1].formt", 'unknown key (did you mean "format"?)'),
    (changed(TALKER, 'put = "query:PC', 'putt = "query:PC'), "point[2].putt", 'unknown key (did you mean "put"?)'),
    (changed(TALKER, 'done = "OK"', 'don = "OK"'), "dialect.don", 'unknown key (did you mean "done"?)'),
    (pointed(name='"Inlet"'), "point[2].name", "must be a-z, 0-9 and _"),
    (pointed(name='"inlet_voltage"'), "point[2].name", "point 1 is called so"),
    (pointed(name='"Inlet_Voltage"'), "point[2].name", "point 1 is called inlet_voltage, which differs only by case"),
    (pointed(name=""), "point[2].name", "is missing"),
    (pointed(name="7"), "point[2].name", "must be a string"),
    (pointed(at=""), "point[2].at", "is missing"),
    (pointed(at='"holding:65536"'), "point[2].at", "addresses are 0 to 65535"),
    (pointed(at='"holding:65535"', format='"f32"'), "point[2].at", "addresses are 0 to 65535"),
    (pointed(at='"40508"'), "point[2].at", 'is no place that can be asked (document address 40508 is "holding:507")'),
    (pointed(at='"holding:-1"'), "point[2].at", "is no place that can be asked"),
    (pointed(at='"register:1"'), "point[2].at", "is no place that can be asked"),
    (pointed(at='"query:MV?"', format='"(.+)"'), "point[2].at", "a query is read over a text protocol only"),
    (pointed(at='"holding:10"', format='"u32"'), "point[2].at", "its registers overlap those of inlet_voltage (10 to 10)"),
    (pointed(missing='"not built"'), "point[2].at", "stands beside missing"),
    (pointed(format='"u17"'), "point[2].format", "is unknown (one of u16, i16, u32, i32, f32"),
    (pointed(format='"f32 abdc"'), "point[2].format", "is unknown (one of u16, i16, u32, i32, f32"),
    (pointed(format='"bool"'), "point[2].format", "a register needs a number format"),
    (pointed(format='"bits"'), "point[2].format", "needs the bits that are meant"),
    (pointed(format=""), "point[2].format", "is missing"),
    (pointed(at='"coil:1"', format='"u16"'), "point[2].format", "a coil is one bit"),
    (pointed(bit="16"), "point[2].bit", "bits are 0 to 15"),
    (pointed(bits="[3, 1]"), "point[2].bits", "bits are counted from 0, the lowest first"),
    (pointed(mask="0x10000"), "point[2].mask", "bits are 0 to 15"),
    (pointed(bit="1", mask="2"), "point[2].mask", "stands beside bit"),
    (pointed(format='"f32"', bit="1"), "point[2].bit", "only whole numbers have bits"),
    (pointed(bit="3") + row(name='"q"', at='"holding:20"', format='"u16"', bit="3", doc='"Q"'), "point[3].bit", "overlap those of p"),
    (
        pointed(bits="[2, 4]") + row(name='"q"', at='"holding:20"', format='"u16"', bits="[4, 5]", doc='"Q"'),
        "point[3].bits",
        "its bits overlap those of p",
    ),
    (pointed(scale="0"), "point[2].scale", "must not be 0"),
    (pointed(scale="inf"), "point[2].scale", "must be a finite number"),
    (pointed(scale="true"), "point[2].scale", "must be a number"),
    (pointed(bit="1", scale="2.0"), "point[2].scale", "only a measured number has it"),
    (pointed(limits="[10.0, 1.0]"), "point[2].limits", "must be [lowest, highest], the lowest first ([1, 10])"),
    (pointed(limits="[1.0, 1.0]"), "point[2].limits", "must be [lowest, highest]"),
    (pointed(limits="[1.0]"), "point[2].limits", "must have 2 entries"),
    (pointed(limits="[0, nan]"), "point[2].limits[2]", "must be a finite number"),
    (pointed(rated_limits='["volts", 0, 1]'), "point[2].rated_limits", "names no rating of this driver"),
    (pointed(rated_limits='[0, 1, "volts"]'), "point[2].rated_limits", "must be [rating, lowest share, highest share]"),
    (pointed(of='"volts"'), "point[2].of", "is no rating of this driver"),
    (pointed(every_s="0"), "point[2].every_s", "must be within 0.05 to 86400 s"),
    (pointed(doc='"  "'), "point[2].doc", "must say in a few words what it is"),
    (pointed(unit='"µA"'), "point[2].unit", "must be plain ASCII text"),
    (pointed(values='{ 0 = "off", 1 = true }'), "point[2].values", "must all be words"),
    (pointed(values='{ on = "off" }'), "point[2].values.on", "is not the raw number that is read"),
    (pointed(values='{ 1 = "a", 0x1 = "b" }'), "point[2].values.0x1", "raw number 1 stands there twice"),
    (pointed(values="{ 0 = [1] }"), "point[2].values", "must be a table that gives each raw number"),
    (pointed(access='"w"'), "point[2].access", "must be 'r' or 'rw'"),
    (pointed(at='"input:20"', access='"rw"'), "point[2].put", "what stands at input can only be read"),
    (pointed(access='"rw"', bit="1"), "point[2].put", "writing single bits of a register would overwrite the others"),
    (pointed(access='"rw"', format='"char 8"'), "point[2].access", "character strings can only be read"),
    (pointed(put='"coil:5"'), "point[2].access", "a point that is only read has no put"),
    (pointed(access='"rw"', put='"coil"'), "point[2].put", "is no place that can be asked"),
    (pointed(access='"rw"', read_back='"q"'), "point[2].read_back", "is no point of this driver that can be read"),
    (changed(TALKER, "PC {value:.3f}", "PC"), "point[2].put", "must say how it is written, with {value}"),
    (changed(TALKER, "PC {value:.3f}", "PC {value}"), "point[2].put", "must say how many decimals are sent"),
    (changed(TALKER, "PC {value:.3f}", "PC {value:.3f} {x}"), "point[2].put", "must be printable ASCII text with {value} once"),
    (changed(TALKER, "OUT {value}", "OUT {value:d}"), "point[5].put", "a word is not sent as a number"),
    (changed(TALKER, "'PC=(\\S+)'", "'PC=(\\S+'"), "point[2].format", "is not a regular expression: missing )"),
    (changed(TALKER, "'PC=(\\S+)'", "'PC=(\\S)(\\S+)'"), "point[2].format", "the pattern has 2 groups"),
    (changed(TALKER, "'PC=(\\S+)'", "'PC=\\S+'"), "point[2].format", "the pattern has 0 groups"),
    (changed(TALKER, '"query:PC?"', '"query:"'), "point[2].at", "a command is made of printable ASCII characters"),
    (changed(TALKER, '"query:PC?"', '"holding:1"').replace("'PC=(\\S+)'", '"u16"'), "point[2].at", "a register is read over Modbus only"),
    (changed(TALKER, 'select = "ADR {unit}"', 'select = "ADR"'), "dialect.select", "must contain {unit}"),
    (changed(TALKER, "addresses = [0, 30]\n", ""), "addresses", "a text unit has addresses exactly when its dialect selects it"),
    (changed(TALKER, 'done = "OK"', 'done = "OK("'), "dialect.done", "is not a regular expression"),
    (changed(TALKER, '"ERR 7"', '"ERR ["'), "dialect.refusals", "is not a regular expression"),
    (changed(TALKER, 'fault = "busy"', 'fault = "bussy"'), "dialect.refusals[1].fault", "must be 'checksum'"),
    (changed(TALKER, 'terminator = "\\r"\nreply', "reply"), "dialect.terminator", "is missing"),
    (changed(TALKER, '"dollar-hex"', '"crc"'), "dialect.check_sum", "must be 'none', 'dollar-hex' or 'spellman'"),
    (changed(TALKER, 'prefix = "\\u0002"', 'prefix = "\\u00e9"'), "dialect.prefix", "must be ASCII characters"),
    (changed(TALKER, 'name = "interlock"', 'name = "interlok"'), "point", "kind pfe needs interlock"),
    (changed(TALKER, 'missing = "the unit has none"', 'missing = " "'), "point[9].missing", "must say in a few words"),
    (changed(TALKER, 'absent = "---"', 'absent = 3'), "point[4].absent", "must be a string"),
    (changed(TALKER, 'unit = "V"', 'unit = "mV"'), "point[4].unit", "output_voltage of kind pfe is in V"),
    (changed(TALKER, '"cv", 2', '"CV", 2'), "point[7].values", "regulation is one of cc, cp, cr, cv, off"),
    (changed(TALKER, "ON = true, OFF = false", 'ON = "on", OFF = "off"'), "point[5].values", "output_on is true or false"),
]
SINGLE = [pytest.param(*mistake, id=f"{mistake[1]}-{index}") for index, mistake in enumerate(MISTAKES)]


@pytest.mark.parametrize(("source", "key", "reason"), SINGLE)
def test_one_mistake_is_one_message_that_says_where_and_why(source: str, key: str, reason: str) -> None:
    driver, (problem,) = parse(source, "acme.toml")
    assert driver is None
    assert (problem.file, problem.key) == ("acme.toml", key)
    assert reason in f"{problem.reason} ({problem.hint})"


def test_a_text_unit_without_a_dialect_is_told_what_is_missing() -> None:
    start, end = TALKER.index("[dialect]"), TALKER.index("[[point]]")
    (line,) = lines(changed(TALKER[:start] + TALKER[end:], "addresses = [0, 30]\n", ""))
    assert line == 'acme.toml: dialect: a text protocol needs it (for example terminator = "\\r" and reply_terminator = "\\r")'


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    source = HEAD.replace('"io"', '"iu"') + row(name='"A"', at='"holding:1"', format='"u16"', doc='"A"')
    source += row(name='"b"', at='"holding:x"', format='"u99"', scale="0", limits="[2, 1]")
    source += row(name='"c"', at='"holding:3"', format='"u16"', unknown="1", doc='"C"')
    source += row(name='"d"', at='"holding:1"', format='"u32"', access='"rw"', read_back='"e"', doc='"D"')
    _, problems = parse(source, "acme.toml", taken=("acme-meter",))
    assert [(problem.key, problem.value, problem.reason.partition(";")[0]) for problem in problems] == [
        ("kind", '"iu"', "must be 'pfe', 'amplifier' or 'io'"),
        ("model", '"acme-meter"', "is the name of a driver that exists already"),
        ("point[1].name", '"A"', "must be a-z, 0-9 and _, begin with a letter and be at most 40 long"),
        ("point[2].at", '"holding:x"', "is no place that can be asked"),
        ("point[2].format", '"u99"', "is unknown"),
        ("point[2].doc", "", "must say in a few words what it is"),
        ("point[2].scale", "0", "must not be 0: every reading would be 0"),
        ("point[2].limits", "[2, 1]", "must be [lowest, highest], the lowest first"),
        ("point[3].unknown", "1", "unknown key"),
        ("point[4].at", '"holding:1"', "its registers overlap those of A (1 to 1)"),
        ("point[4].read_back", '"e"', "is no point of this driver that can be read"),
    ]


def test_a_message_names_file_key_value_reason_and_what_would_be_right() -> None:
    (line,) = lines(changed(HEAD + INLET, '"holding:10"', '"40011"'))
    assert line == (
        'acme.toml: point[1].at = "40011": is no place that can be asked (document address 40011 is "holding:10")'
    )


def test_a_point_with_mistakes_still_counts_as_there() -> None:
    assert lines(changed(TALKER, "'PS=(\\S+)'", "'PS='")) == [
        'acme.toml: point[3].format = "PS=": the pattern has 0 groups; exactly one (...) catches the value (write (?:...) for the others)'
    ]


def test_a_message_is_printable_whatever_stands_in_the_file() -> None:
    source = HEAD + INLET + '"\\u0007" = 1\n' + row(name='"p"', at='"holding:3"', format='"\\u0000"', doc='"\\u001b[2J"')
    assert len(lines(source)) == 3
    assert all(line.isprintable() for line in lines(source))


def test_what_is_not_toml_is_said_with_its_line() -> None:
    (line,) = lines(HEAD + "max_gap = = 3\n")
    assert line.startswith("acme.toml: is not TOML: ")
    assert "line 7" in line


def test_a_long_value_is_shown_in_part() -> None:
    (line,) = lines(changed(HEAD + INLET, '"holding:10"', f'"{"x" * 500}"'))
    assert len(line) < 220
    (line,) = lines(pointed(bit="0x" + "f" * 5000))
    assert "(a very long number)" in line


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
