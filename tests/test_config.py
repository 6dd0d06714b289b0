"""Configuration: every mistake is named once, with key, value and reason, and nothing else is."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd import config
from stationd.config import ConfigErrors, SecretError, resolve_secret
from stationd.config.plant import SECTIONS
from stationd.driver import AMPLIFIER, INPUT_OUTPUT, POWER_FEED, Coil, Driver, Holding, Kind, Missing, Point, Protocol
from stationd.wire import registers, text

HERE = Path(__file__).parent
CASES = HERE / "config_cases"
STATIONS = HERE.parent / "systemd" / "stations"
VALID = (CASES / "valid.toml").read_text()
MISTAKES = tomllib.loads((CASES / "mistakes.toml").read_text())["case"]
KEY_LINES = [number for number, line in enumerate(VALID.splitlines()) if " = " in line]
RTU, TCP, TEXT, FRAME68 = Protocol.MODBUS_RTU, Protocol.MODBUS_TCP, Protocol.TEXT, Protocol.FRAME68


def number(name: str, unit: str, limits: tuple[float, float] | None = None) -> Point:
    return Point(name, Holding(0), registers.U16, unit, limits=limits)


def truth(name: str) -> Point:
    return Point(name, Coil(0))


FEED_POINTS = (
    number("output_current", "mA"),
    Point("output_voltage", Holding(2), registers.U16, "V", rated_limits=("voltage_v", 0.0, 1.02)),
    Point("regulation", Holding(1), registers.U16, values={0: "cv", 2: "cc", 3: "off"}),
    truth("output_on"),
    Point("interlock", Missing("the unit has no such contact")),
)
AMPLIFIER_POINTS = (
    number("output_power", "dBm", (-40.0, 40.0)),
    number("input_power", "dBm"),
    truth("los"),
    Point("serial", Holding(4), registers.Format("char", 8)),
)
CONTACTS = tuple(truth(f"di{n}") for n in range(1, 9))


def driver(
    model: str, kind: Kind, protocols: tuple[Protocol, ...], points: tuple[Point, ...], **more: Any
) -> tuple[str, Driver]:
    return model, Driver(model, kind, protocols, points, "none: made up for tests", **more)


CATALOGUE = dict(
    (
        driver(
            "ea-ps10000", POWER_FEED, (RTU, TCP), FEED_POINTS,
            ratings={"voltage_v": None, "current_ma": None}, addresses=(0, 247),
        ),
        driver("tdk-genesys", POWER_FEED, (TEXT,), FEED_POINTS, ratings={"voltage_v": 600.0}, addresses=(0, 30)),
        driver(
            "keopsys-cefa", AMPLIFIER, (TEXT,), AMPLIFIER_POINTS,
            dialects={"cr": text.Dialect(), "nul": text.Dialect(terminator=b"\0")},
        ),
        driver("fiberlabs", AMPLIFIER, (TEXT,), AMPLIFIER_POINTS, channels=4),
        driver("edfa68", AMPLIFIER, (FRAME68,), AMPLIFIER_POINTS, channels=8),
        driver("modbus-io", INPUT_OUTPUT, (RTU, TCP), CONTACTS, addresses=(1, 247)),
        driver("twins", INPUT_OUTPUT, (TEXT,), (truth("Inlet"), truth("inlet"))),
    )
)  # fmt: skip


def lines(source: Path | str) -> list[str]:
    """Return the problems of a file or text as they are printed, the file's name taken off."""
    return [problem.render().partition(": ")[2] for problem in config.check(source, CATALOGUE)[1]]


def planted(*changes: Sequence[str]) -> list[str]:
    """Return the problems of the valid file after textual changes, each of which must hit exactly one place."""
    changed = VALID
    for old, new in changes:
        assert changed.count(old) == 1, f"{old!r} is there {changed.count(old)} times"
        changed = changed.replace(old, new)
    return lines(changed)


def test_a_valid_file_gives_no_problem_and_its_values() -> None:
    station, problems = config.check(CASES / "valid.toml", CATALOGUE)
    assert problems == ()
    assert station is not None
    assert station.bus["pfe"].rs485
    assert station.bus["io"].baud == 19200
    assert station.device["pfe-a"].ratings == {"voltage_v": 1000.0, "current_ma": 2000.0}
    assert station.pfe["pfe-a"].interlocks == ("io1.di1", "io1.di2")
    assert station.pfe["spare-a"].interlocks == "hardware-only"
    assert station.sampler is not None
    assert [each.name for each in station.sampler.channel] == ["fp1-rx", "fp2-rx"]
    assert [alarm.equals for alarm in station.alarm] == [None, True, None, "cv"]
    assert station.line is not None
    assert station.line.repeaters_km == (68.2, 136.4, 204.6, 272.8)


def test_only_the_name_of_the_station_is_required() -> None:
    station, problems = config.check('[station]\nname = "aktau"\n', CATALOGUE)
    assert problems == ()
    assert station is not None
    assert station.station.read_only
    assert station.station.mode.value == "live"
    assert (station.line, station.mqtt, station.prometheus, station.control, station.sampler) == (None,) * 5


# Mistakes.


def test_twelve_planted_mistakes_give_exactly_their_twelve_messages() -> None:
    assert lines(CASES / "twelve_mistakes.toml") == [
        (
            'station.name = "Aktau": must have only a-z, 0-9, "-" and "_", begin with a letter or digit and be at most 32 long'
            ' (for example "aktau")'
        ),
        'station.read_only = "yes": must be true or false (true: provably no write leaves the box)',
        'line.length = 341.0: unknown key (did you mean "length_km"? the unit is part of the key)',
        'bus.pfe.baud = "19200": must be an integer (write 19200 without quotes)',
        'bus.amp1.port = "/dev/ttyUSB0": is already the port of [bus.pfe] (one port is one bus: put its devices there)',
        'device.pfe-a.driver = "ea-ps1000": there is no such driver (did you mean "ea-ps10000"?)',
        "device.io2.address = 1: [device.io1] is already address 1 of this bus (give it another address)",
        "device.fp1-booster.fibre_pair = 9: the line has 8 fibre pairs (see line.fibre_pairs)",
        "pfe.pfe-a.nominal_ma = 0: must be above 0 and at most 5000 (line current in service)",
        'alarm[1].point = "fp1-booster.output_pwr": keopsys-cefa has no point "output_pwr" (did you mean "output_power"?)',
        "alarm[2].deadband = -1.0: must be at least 0 (how far back it must come to clear, in the point's unit)",
        (
            'mqtt.password = (hidden): a secret never stands in this file: give "credential:NAME" or "file:/absolute/path"'
            " (credential:NAME is what systemd's LoadCredential= provides)"
        ),
    ]


@pytest.mark.parametrize("case", MISTAKES, ids=[case["what"] for case in MISTAKES])
def test_one_mistake_is_one_message(case: dict[str, Any]) -> None:
    assert planted(*case["changes"]) == case["problems"]


def test_a_problem_names_its_file_key_value_reason_and_hint(tmp_path: Path) -> None:
    file = tmp_path / "aktau.toml"
    file.write_text('[station]\nname = "aktau"\n[bus.pfe]\nport = "/dev/ttyS0"\nprotocol = "text"\nbaud = "fast"\n')
    (problem,) = config.check(file, CATALOGUE)[1]
    assert (problem.file, problem.key, problem.value) == (str(file), "bus.pfe.baud", '"fast"')
    assert problem.render() == (
        f'{file}: bus.pfe.baud = "fast": must be an integer (speed in bit/s, also of the line behind a gateway; 300 to 4000000)'
    )


def test_loading_a_faulty_file_raises_all_its_problems() -> None:
    with pytest.raises(ConfigErrors) as error:
        config.load(CASES / "twelve_mistakes.toml", CATALOGUE)
    assert len(error.value.problems) == len(str(error.value).splitlines()) == 12


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"[station]\nname = '\xff'\n", "is not UTF-8 at byte 18"),
        (b"a = " + b"[" * 5000, "is not TOML: lists or tables are nested too deeply"),
        (b"a = " + b"9" * 5000, "is not TOML: Exceeds the limit"),
        (b"[station]\nname = aktau\n", "is not TOML at line 2, column 8: Invalid value"),
    ],
    ids=["absent", "not utf-8", "too deep", "too long a number", "no quotes"],
)
def test_a_file_that_cannot_be_read_at_all_is_one_problem(content: bytes | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    if content is not None:
        file.write_bytes(content)
    station, problems = config.check(file, CATALOGUE)
    assert station is None
    assert len(problems) == 1
    assert problems[0].render().startswith(f"{file}: {reason}")


# Properties: whatever is in the file, the answer is a configuration or problems of one line each, never an exception.

QUICK = settings(max_examples=100, deadline=None)
WORDS = st.text(max_size=12).map(lambda word: "".join(char for char in word if char.isprintable() and char not in "'\\"))
VALUES = st.recursive(
    st.one_of(
        st.integers().map(str),
        st.sampled_from(["0x" + "f" * 4000, "1e400", "nan", "-inf", "true", "false", "''", "-0.0", "07:32:00", "1979-05-27"]),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        WORDS.map(lambda word: f"'{word}'"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=2).map(
            lambda table: f"{{{', '.join(f'{key} = {value}' for key, value in table.items())}}}"
        ),
    ),
    max_leaves=5,
)


def check_quietly(text_of_file: str) -> int:
    """Check a text; return the number of problems after seeing that each is a line and none is told twice."""
    station, problems = config.check(text_of_file, CATALOGUE)
    printed = [problem.render() for problem in problems]
    assert (station is None) == bool(problems)
    assert len(set(printed)) == len(printed)
    assert all(line.isprintable() for line in printed)
    return len(problems)


def with_line(number: int, key: str | None = None, value: str | None = None) -> str:
    every = VALID.splitlines()
    old_key, old_value = every[number].split(" = ", 1)
    every[number] = f"{key or old_key} = {value or old_value}"
    return "\n".join(every)


@QUICK
@given(st.sampled_from(KEY_LINES), st.text("jqwxz", max_size=8))
def test_one_renamed_key_is_one_message(number: int, ending: str) -> None:
    assert check_quietly(with_line(number, key="zz" + ending)) == 1


@pytest.mark.parametrize("number", KEY_LINES)
def test_one_letter_too_many_in_a_key_is_one_message_with_the_right_key(number: int) -> None:
    key = VALID.splitlines()[number].split(" = ")[0]
    (problem,) = config.check(with_line(number, key=key + key[-1]), CATALOGUE)[1]
    assert problem.hint.startswith(f'did you mean "{key}"?')


@pytest.mark.parametrize("value", ["1979-05-27T07:32:00Z", "07:32:00"])
@pytest.mark.parametrize("number", KEY_LINES)
def test_one_value_of_a_wrong_type_is_one_message_at_its_key(number: int, value: str) -> None:
    key = VALID.splitlines()[number].split(" = ")[0]
    (problem,) = config.check(with_line(number, value=value), CATALOGUE)[1]
    assert problem.key.endswith(f".{key}")
    assert problem.reason.startswith("must be")


@QUICK
@given(st.lists(st.tuples(st.sampled_from(KEY_LINES), VALUES), min_size=1, max_size=3))
def test_garbage_in_values_is_never_an_exception(changes: list[tuple[int, str]]) -> None:
    changed = VALID.splitlines()
    for number, value in changes:
        changed[number] = f"{changed[number].split(' = ')[0]} = {value}"
    check_quietly("\n".join(changed))


@QUICK
@given(st.sampled_from([*SECTIONS, "bus.pfe", "device.pfe-a", "sampler.channel", "zz"]), VALUES)
def test_garbage_for_a_section_is_never_an_exception(section: str, value: str) -> None:
    check_quietly(f"{section} = {value}\n{VALID}")
    check_quietly(f"{section} = {value}\n")


@QUICK
@given(st.integers(0, len(VALID)), st.integers(0, 40), st.text(max_size=6))
def test_a_torn_or_scribbled_file_is_never_an_exception(place: int, lost: int, scribble: str) -> None:
    check_quietly(VALID[:place] + scribble + VALID[place + lost :])


# Defaults, secrets, and the files that are shipped.


def test_the_listing_of_defaults_is_toml_with_every_key() -> None:
    listing = config.defaults()
    shown = tomllib.loads(listing)
    for section, model in SECTIONS.items():
        table = shown[section]
        while isinstance(table, list) or "NAME" in table or "DEVICE" in table:
            table = table[0] if isinstance(table, list) else next(iter(table.values()))
        for key, field in model.model_fields.items():
            assert key in table or f"\n# {key} is required" in listing or f"\n# {key} is not set" in listing
            assert key in ("channel", "calibration") or f"# {field.description}" in listing
    assert shown["mqtt"]["keepalive_s"] == 10
    assert shown["station"]["read_only"] is True


def test_a_secret_comes_from_a_credential_or_a_file_and_from_nowhere_else(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for file in (tmp_path / "far.key", credentials / "far.key"):
        file.write_bytes(b"swordfish\n")
    (credentials / "empty").write_bytes(b"\n")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert resolve_secret("credential:far.key", environ) == b"swordfish"
    assert resolve_secret(f"file:{tmp_path}/far.key", {}) == b"swordfish"
    for reference in ("credential:empty", "credential:absent", "credential:../far.key", "file:far.key", "swordfish"):
        with pytest.raises(SecretError) as error:
            resolve_secret(reference, environ)
        assert reference != "swordfish" or "swordfish" not in str(error.value)
    with pytest.raises(SecretError, match=r"LoadCredential=far\.key"):
        resolve_secret("credential:far.key", {})


def test_the_shipped_stations_are_valid_read_only_and_agree_on_their_lines() -> None:
    from drivers import CATALOG

    stations = {file.stem: config.load(file, CATALOG) for file in sorted(STATIONS.glob("*.toml"))}
    assert set(stations) == {"aktau", "siyazan", "kuryk", "buzovna"}
    for name, station in stations.items():
        assert station.station.name == name
        assert station.station.read_only
        assert station.station.mode.value == "live"
        assert station.line is not None
        assert station.line.far_station is not None
        far = stations[station.line.far_station].line
        assert far is not None
        assert {far.end.value, station.line.end.value} == {"a", "b"}
        ours_alone = {"end": station.line.end, "far_station": name, "demarcation_km": station.line.demarcation_km}
        assert far.model_copy(update=ours_alone) == station.line.model_copy(update={"far_station": name})
    assert {station.line.profile.value for station in stations.values() if station.line} == {"repeatered", "unrepeatered"}
