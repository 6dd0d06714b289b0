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
from stationd.links.sampler import SamplerSettings
from stationd.wire import calibration as front_end
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
    truth("pump_on"),
    Point("serial", Holding(4), registers.Format("char", 8)),
)
CONTACTS = (*(truth(f"di{n}") for n in range(1, 9)), Point("do1", Coil(9), access="rw"))
LIMITED = tuple(
    Point(name, Holding(9), registers.U16, unit, limits=limits, access="rw")
    for name, unit, limits in (
        ("output_setpoint", "dBm", (0.0, 40.0)), ("pump1_current_setpoint", "mA", (0.0, 2000.0)), ("gain_setpoint", "dB", None),
        ("tilt_setpoint", "dB", (-2.0, 2.0)),
    )
)  # fmt: skip


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
            "keopsys-cefa", AMPLIFIER, (TEXT,), (*AMPLIFIER_POINTS, *LIMITED[:2]),
            dialects={"cr": text.Dialect(), "nul": text.Dialect(terminator=b"\0")},
        ),
        driver("fiberlabs", AMPLIFIER, (TEXT,), (*AMPLIFIER_POINTS, *LIMITED), channels=4),
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
    assert (station.amplifier["fp1-booster"].pump1_ma, station.amplifier["fp1-preamp"].tilt_db) == ((60.0, 400.0), (-1.0, 1.0))
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


LINEAR = """[sampler.calibration.tap]
model = "linear"
responsivity_a_per_w = 0.5
transimpedance_ohm = 1000.0"""
LOG_AMP = """[sampler.calibration.tap]
model = "log-amp\""""


def sampled(*changes: Sequence[str]) -> SamplerSettings:
    """Return what the sampler is told by the valid file after textual changes."""
    changed = VALID
    for old, new in changes:
        assert changed.count(old) == 1, old
        changed = changed.replace(old, new)
    station, problems = config.check(changed, CATALOGUE)
    assert problems == ()
    assert station is not None
    assert station.sampler is not None
    return config.settings_of(station.sampler)


IIO = 'source = "iio:iio:device0"\nrate_hz = 1000\n'


def test_seconds_of_buffer_are_scans_for_the_kernel_and_the_longest_silence_of_a_source() -> None:
    settings = sampled((IIO, f"{IIO}buffer_s = 1.5\n"))
    assert settings.source.buffer_scans == 1500
    assert settings.wake_s == 1.5, "the kernel's own watermark may be the whole buffer"
    assert sampled((IIO, f"{IIO}watermark = 250\n")).wake_s == 0.25
    assert sampled().wake_s == 2.0


def test_the_next_register_begins_after_the_bytes_of_the_one_before() -> None:
    for layout, stride in (("le:u16/16>>0", 2), ("be:s24/32>>8", 4), ("le:u8/8>>0", 1)):
        assert sampled((IIO, f'source = "mmap:/dev/uio0"\nrate_hz = 1000\ntype = "{layout}"\n')).source.stride == stride


def test_a_photodiode_and_its_amplifier_make_volts_of_milliwatts() -> None:
    """0.5 A/W into 1 kOhm are 500 V/W: a volt is 2 mW."""
    linear = VALID[VALID.index(LOG_AMP) : VALID.index("[[sampler.channel]]")]
    text = LINEAR + "\nvalid_counts = [64, 65471]\nvolts_per_count = 78.127e-6\n\n"
    here = ("los_dbm = -38.0\nclear_dbm = -36.0", "los_dbm = 5.0\nclear_dbm = 6.0")
    there = ("fibre_pair = 2\n\n[[alarm]]", "fibre_pair = 2\nlos_dbm = 5.0\nclear_dbm = 6.0\n\n[[alarm]]")
    law = sampled((linear, text), here, there).channels[0].calibration.law
    assert law == front_end.Linear(2.0, 0.0)


def test_every_figure_of_a_channel_reaches_the_sampler() -> None:
    keys = {"lost_n": 4, "lost_m": 9, "back_n": 6, "back_m": 8, "step_db": 1.5, "step_s": 0.25, "step_scans": 7}
    text = "clear_dbm = -36.0\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
    channel = sampled(("clear_dbm = -36.0\n", text)).channels[0]
    assert {key: getattr(channel, key) for key in keys} == keys
    assert (channel.name, channel.index, channel.los_dbm, channel.clear_dbm) == ("fp1-rx", 0, -38.0, -36.0)


def test_a_limit_at_the_floor_of_the_front_end_is_none() -> None:
    other = ("fibre_pair = 2\n\n[[alarm]]", "fibre_pair = 2\nlos_dbm = -37.0\n\n[[alarm]]")
    (problem,) = planted(("tap_db = 20.0", "tap_db = 20.0\nfloor_dbm = -38.0"), other)
    assert problem.startswith("sampler.channel[1].los_dbm = -38.0: cannot be told by [sampler.calibration.tap], which measures -38.0 to")


def test_scans_that_wait_for_each_other_longer_than_a_second_are_refused() -> None:
    assert planted((IIO, f"{IIO}watermark = 1000\n")) == []
    (problem,) = planted((IIO, f"{IIO}watermark = 3000\n"))
    assert problem.startswith("sampler.watermark = 3000: is 3.0 s of scans at rate_hz = 1000")
    assert problem.endswith("(at most 1 s, 1000 scans)")
    (problem,) = planted((IIO, f"{IIO}watermark = 600\nbuffer_s = 0.5\n"))
    assert problem == "sampler.watermark = 600: is more than buffer_s = 0.5 holds (it would never be reached)"


DIODE = "[sampler.calibration.tap]\nmodel = \"linear\"\nvalid_counts = [64, 65471]\nvolts_per_count = 78.127e-6\n"
FRONT_END = VALID[VALID.index(LOG_AMP) : VALID.index("[[sampler.channel]]")]
BOUNDS = [
    ("volts_per_count = 78.127e-6", "volts_per_count = 1e300", "must be 1e-09 to 10"),
    ("volts_per_count = 78.127e-6", "volts_per_count = 1e-300", "must be 1e-09 to 10"),
    ("volts_per_count = 78.127e-6", "volts_per_count = inf", "must be a finite number"),
    ("volts_per_decade = 0.2", "volts_per_decade = 1e-300", "must be 0.001 to 10"),
    ("volts_per_decade = 0.2", "volts_per_decade = 11", "must be 0.001 to 10"),
    (FRONT_END, f"{DIODE}responsivity_a_per_w = 1e-300\ntransimpedance_ohm = 1e5\n\n", "must be 0.001 to 100"),
    (FRONT_END, f"{DIODE}responsivity_a_per_w = 1.0\ntransimpedance_ohm = 1e-300\n\n", "must be 1 to 100000000000"),
    (FRONT_END, f"{DIODE}responsivity_a_per_w = 1.0\ntransimpedance_ohm = 1e300\n\n", "must be 1 to 100000000000"),
    (FRONT_END, f"{DIODE}milliwatts_per_volt = 1e300\n\n", "must be 1e-10 to 1000000"),
    (FRONT_END, f"{DIODE}milliwatts_per_volt = 0.0\n\n", "must be above 0: counts have to rise with the light"),
]


@pytest.mark.parametrize(("old", "new", "reason"), BOUNDS)
def test_a_figure_of_a_front_end_that_nobody_builds_is_refused_by_its_bounds(old: str, new: str, reason: str) -> None:
    (problem,) = planted((old, new))
    assert f": {reason}" in problem


def test_the_outermost_figures_of_a_front_end_that_are_taken_are_no_error() -> None:
    for per_watt, ohms in (("0.001", "1.0"), ("100.0", "1e11")):
        for volts in ("1e-9", "10.0"):
            text = f"{DIODE.replace('78.127e-6', volts)}responsivity_a_per_w = {per_watt}\ntransimpedance_ohm = {ohms}\n\n"
            assert all("cannot be told by" in problem for problem in planted((FRONT_END, text)))


def table(*pairs: str) -> list[str]:
    text = f'[sampler.calibration.tap]\nmodel = "table"\nvalid_counts = [64, 65471]\ntable = [{", ".join(pairs)}]\n\n'
    return planted((FRONT_END, text))


def test_a_table_says_which_of_its_pairs_is_wrong_and_why() -> None:
    for word in ("nan", "inf", "-inf"):
        assert f"must have finite numbers: pair 2 has {word}" in table("[1000, -70.0]", f"[2000, {word}]")[0]
    assert "pair 2 is less than 0.001 dB above the one before it" in table("[1000, 0.0]", "[2000, 5e-324]")[0]
    assert "pair 1 is out of range" in table("[1000, -151.0]", "[2000, 0.0]")[0]


def sourced(*keys: str) -> list[str]:
    return planted((IIO, "\n".join((*keys, "rate_hz = 1000\n"))))


SCRIPTS = [
    ("bogus", '"bogus" is no word of a script'),
    ("levle all 5", 'did you mean "level"?'),
    ("level all", 'there are 1 words behind "level" (it needs CHANNEL COUNTS'),
    ("level all 14000 noise 3", 'there are 4 words behind "level"'),
    ("level 2 5", '"2" is no CHANNEL (0 to 1, the place of'),
    ("level all 99999999", '"99999999" is no COUNTS (a whole number from -16777215 to 16777215)'),
    ("noise x", '"x" is no AMPLITUDE'),
    ("error EFUN 1", '"EFUN" is no error of a converter'),
    ("at 5", "is not complete"),
    ("at 5 paced 3", '"paced" holds from the beginning'),
    ("back 5", "move times of its own"),
    ("noise 1; " * 50 + "noise 1; " * 20, "is too long: a script has at most 511 characters behind \"sim:\", this one has 630"),
]


@pytest.mark.parametrize(("script", "reason"), SCRIPTS)
def test_a_mistake_in_a_script_is_found_without_playing_it(script: str, reason: str) -> None:
    (problem,) = sourced(f'source = "sim:{script}"')
    assert problem.startswith("sampler.source = ")
    assert reason in problem


def test_every_word_of_a_script_may_be_used() -> None:
    script = "level all 1; wave 1 5 9; noise 3; at 9 error EIO 2; skip 1; at 99 gone; stall 5; back 1; ahead 2; timed 1;"
    assert sourced(f'source = "sim:{script}"') == sourced('source = "sim:paced 10"') == sourced('source = "sim"') == []


MMAP = 'source = "mmap:/dev/uio0"'
REGISTERS = [
    ('type = "u16/16"', 'type = "u16/16": is no layout of a register'),
    ('type = "le:u32/32"', "has counts of 32 bits (the sampler takes at most 24)"),
    ('type = "le:u12/24"', "has 24 storage bits"),
    ('type = "le:u0/16"', "has 0 significant bits in 16"),
    ('type = "le:u12/16>>5"', "(a shift of at most 4)"),
    ('type = "le:u16/16X2"', "has 2 values in one register"),
    ("stride = 1", "stride = 1: is less than the 2 bytes of a register"),
    ("stride = 3", "stride = 3: is no multiple of the 2 bytes of a register"),
    ("offset = 5", "offset = 5: is no multiple of the 2 bytes of a register"),
]


@pytest.mark.parametrize(("key", "reason"), REGISTERS)
def test_registers_that_cannot_be_read_are_refused(key: str, reason: str) -> None:
    (problem,) = sourced(MMAP, key)
    assert reason in problem
    assert sourced(MMAP, 'type = "be:s24/32>>8"', "stride = 8", "offset = 4") == []


def test_an_spi_source_names_devices_that_are_there_once_and_have_the_inputs() -> None:
    assert "needs a device below /dev/" in sourced('source = "spi:/tmp/x"', 'chip = "ads8688"')[0]
    assert "has /dev/spidev0.0 twice" in sourced('source = "spi:/dev/spidev0.0,/dev/spidev0.0"', 'chip = "ads8688"')[0]
    (problem,) = planted((IIO, 'source = "spi:/dev/spidev0.0"\nchip = "ads8688"\n'), ("index = 1", "index = 8"))
    assert problem.startswith("sampler.channel[2].index = 8: is beyond the 8 inputs of 1 converter (device x 8 + input, 0 to 7)")


def test_what_would_find_noise_or_nothing_is_refused() -> None:
    (problem,) = sourced('source = "iio:iio:device0"', "stuck_s = 0.009")
    assert "is shorter than 10 samples at rate_hz = 1000" in problem
    assert sourced('source = "iio:iio:device0"', "stuck_s = 0.010") == sourced('source = "iio:iio:device0"', "stuck_s = 0.0") == []
    (problem,) = planted(("index = 1\n", "index = 1\nstep_db = 1.0\nstep_s = 0.002\n"))
    assert "step_scans = 3 by default: is longer than step_s = 0.002 (at most 2 at this rate)" in problem
    (problem,) = planted(("index = 1\n", "index = 1\nstep_db = 0.007\n"))
    assert "step_db = 0.007: is less than [sampler.calibration.tap] can tell, 0.00781 dB" in problem
    assert planted(("index = 1\n", "index = 1\nstep_db = 0.008\n")) == []


def test_an_empty_name_of_a_calibration_is_none() -> None:
    (problem,) = planted(("index = 1\n", 'index = 1\ncalibration = ""\n'))
    assert problem.startswith('sampler.channel[2].calibration = "": there is no [sampler.calibration.""]')


def test_each_folder_of_the_sampler_has_an_example_of_its_own() -> None:
    for key, example in (("sysfs_root", "/sys"), ("device_root", "/dev"), ("captures", "/var/lib/stationd/captures")):
        (problem,) = sourced('source = "iio:iio:device0"', f'{key} = "here"')
        assert problem.endswith(f'(for example "{example}")')
    assert "is longer than 127 bytes" in sourced('source = "iio:iio:device0"', f'sysfs_root = "/{"x" * 127}"')[0]


def spi(chip: str, rate_hz: int, second: int = 1) -> list[str]:
    source = f'source = "spi:/dev/spidev0.0,/dev/spidev0.1"\nrate_hz = {rate_hz}\nchip = "{chip}"\n'
    return planted((IIO, source), ("index = 1", f"index = {second}"))


def test_the_clocks_of_an_spi_bus_are_counted_for_each_chip() -> None:
    """An ads8688 takes a frame of 32 clocks more than it has inputs, an mcp3208 24 clocks for each input; 900000 are allowed."""
    assert spi("ads8688", 9375) == []  # 3 frames
    assert "2 channels need 900096 clocks a second" in spi("ads8688", 9376)[0]
    assert spi("ads8688", 7031, second=8) == []  # 4 frames: two chips
    assert "2 channels need 900096 clocks a second" in spi("ads8688", 7032, second=8)[0]
    assert spi("mcp3208", 18750, second=8) == []
    assert "2 channels need 900048 clocks a second" in spi("mcp3208", 18751, second=8)[0]


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
        there = stations[station.line.far_station]
        assert station.far_station is not None
        assert {feed.max_v for feed in there.pfe.values()} in (set(), {station.far_station.max_v})
    assert {station.line.profile.value for station in stations.values() if station.line} == {"repeatered", "unrepeatered"}
