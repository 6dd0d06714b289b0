"""Mistakes in driver files: each is one message that says where it is, why it cannot be, and what would be right."""

from __future__ import annotations

import pytest

from stationd.driverfile import parse
from tests.driver_texts import HEAD, INLET, TALKER, changed, row


def lines(source: str, taken: tuple[str, ...] = ()) -> list[str]:
    driver, problems = parse(source, "acme.toml", taken)
    assert (driver is None) == bool(problems)
    return [problem.render() for problem in problems]


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
    (changed(HEAD + INLET, "max_block", "max_blok"), "max_blok", 'unknown key (did you mean "max_block"?)'),
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
    (changed(TALKER, 'absent = "---"', "absent = 3"), "point[4].absent", "must be a string"),
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
    assert line == ('acme.toml: point[1].at = "40011": is no place that can be asked (document address 40011 is "holding:10")')


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
