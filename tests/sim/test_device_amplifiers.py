"""Simulated amplifiers: the published vectors, the refusals, latches and switches."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from stationd.sim.cable import Cut, End
from stationd.sim.device_amonics import Amonics
from stationd.sim.device_keopsys import Keopsys, Latch
from stationd.sim.optics import ConnectorOpen, Role, TransmitterOff
from stationd.sim.wire_faults import frame68
from tests.sim.stand import Stand, TextStand

OPEN = ConnectorOpen(End.A, 1, Role.BOOSTER)
DARK = TransmitterOff(End.A, 1)


def keopsys(role: str = "booster") -> tuple[TextStand, Keopsys]:
    unit = Stand("keopsys-cefa", role).text()
    assert isinstance(unit.panel, Keopsys)
    return unit, unit.panel


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("SNU?", "SNU=1234567"),
        ("VER?", "VER=6.5/V2.41"),
        ("CPU=150", "CPU!"),
        ("CPU=999", "CPU#"),
        ("ALA?", "ALA=0000"),
        ("PUS?", "PUS=1700"),
        ("PUE?", "PUE=-200"),
        ("ASS?", "ASS=2"),
        ("PUMP?", "PUMP=1"),
        ("ASI?", "ASI=-8"),
        ("XYZ?", "XYZ*"),
        ("K0", "K0*"),
        ("XYZ=1", "XYZ*"),
        ("ASS=9", "ASS#"),
    ],
)
def test_keopsys_answers_by_its_manual(asked: str, answer: str) -> None:
    unit, _ = keopsys()
    assert unit.ask(asked) == answer


def test_keopsys_with_key_and_pumps_off_reads_8008_and_does_not_start() -> None:
    unit, panel = keopsys()
    panel.turn_key(False)
    assert (unit.ask("ALA?"), unit.ask("KEY?"), unit.ask("ASS=2")) == ("ALA=8008", "KEY=0", "ASS#")
    panel.turn_key(True)
    assert (unit.ask("ALA?"), unit.ask("PUMP?")) == ("ALA=8000", "PUMP=0")
    assert (unit.ask("ASS=2"), unit.ask("PUMP?"), unit.ask("ALA?")) == ("ASS!", "PUMP=1", "ALA=0000")


def test_keopsys_stays_off_when_the_input_comes_back() -> None:
    unit, panel = keopsys()
    unit.plant.apply(DARK)
    assert (unit.ask("ALA?"), unit.ask("ASS=2")) == ("ALA=A000", "ASS#")
    unit.plant.clear(DARK)
    assert (unit.ask("PUMP?"), panel.latch) == ("PUMP=0", Latch.INPUT)
    assert (unit.ask("ASS=2"), unit.ask("PUMP?")) == ("ASS!", "PUMP=1")


def test_keopsys_feedback_is_cleared_by_the_key_only() -> None:
    unit, panel = keopsys()
    unit.plant.apply(OPEN)
    assert unit.ask("ALA?") == "ALA=A000"
    unit.plant.clear(OPEN)
    assert unit.ask("ASS=2") == "ASS#"
    panel.turn_key(False)
    panel.turn_key(True)
    assert (unit.ask("ASS=2"), unit.ask("ALA?")) == ("ASS!", "ALA=0000")


def test_keopsys_interlock_wants_a_reset_by_hand() -> None:
    unit, panel = keopsys()
    panel.open_interlock()
    assert (unit.ask("ID1?"), unit.ask("ASS=2")) == ("ID1=0", "ASS#")
    panel.reset_interlock()
    assert (unit.ask("PUMP?"), unit.ask("ASS=2"), unit.ask("PUMP?")) == ("PUMP=0", "ASS!", "PUMP=1")


def test_keopsys_preamplifier_without_shut_down_keeps_pumping_in_the_dark() -> None:
    unit, _ = keopsys("preamp")
    unit.plant.apply(Cut(100.0))
    assert (unit.ask("ALA?"), unit.ask("PUE?")) == ("ALA=2000", "PUE=-6000")


def test_keopsys_factory_settings_come_back() -> None:
    unit, _ = keopsys()
    unit.ask("CPU=120")
    assert (unit.ask("RKP=1"), unit.ask("CPU?")) == ("RKP!", "CPU=170")


@pytest.mark.parametrize(("dialect", "end"), [("cr", b"\r"), ("nul", b"\0"), ("crlf", b"\r\n")])
def test_keopsys_ends_its_lines_by_its_dialect(dialect: str, end: bytes) -> None:
    unit = Stand("keopsys-cefa", "booster", dialect=dialect).text()
    assert unit.feed(b"KEY?" + end) == b"KEY=1" + end


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("MONOUT", "17.00"),
        ("MONLDC,3", "N/A"),
        ("ACTIVE", "ACTIVE, 1"),
        ("SETMOD,1", "SETMOD, 1, 0"),
        ("SETALC,1", "SETALC, 1, 17.00"),
        ("SETALC,1,16.5", "SETALC,1,16.5"),
        ("SETALC,1,99", "!! CANNOT EXECUTE"),
        ("SETALC,2", "!! CANNOT EXECUTE"),
        ("ALMSTAT", "ALMSTAT,00"),
        ("ALMIN,1", "ALMIN, 1, -8.0, 1, 2.0"),
        ("ALMCTMP", "ALMCTMP, 60.0, 1, 0.5"),
        ("ALMCTMP,20,1,0.5", "ALMCTMP,20,1,0.5"),
        ("PRMACTV", "PRMACTV, 0, 0"),
        ("SAVEREF", "SAVEREF"),
        ("NIX", "?? UNKNOWN COMMAND"),
    ],
)
def test_fiberlabs_answers_by_its_manual(asked: str, answer: str) -> None:
    assert Stand("fiberlabs", "booster").text().ask(asked) == answer


def test_fiberlabs_counts_its_pumps_over_the_unit() -> None:
    unit = Stand("fiberlabs", "booster").text()
    first_ma, second_ma = unit.plant.amplifier(End.A, 1, Role.BOOSTER, 0.0).pump_currents_ma
    assert unit.ask("MONLDC") == f"{first_ma:.1f},{second_ma:.1f}"
    assert unit.ask("MONLDC,2") == f"{second_ma:.1f}"


def test_fiberlabs_switching_the_mode_turns_the_output_off() -> None:
    unit = Stand("fiberlabs", "booster").text()
    unit.ask("SETMOD,1,0")
    assert unit.ask("ACTIVE") == "ACTIVE, 1"
    unit.ask("SETMOD,1,1")
    assert (unit.ask("ACTIVE"), unit.ask("MONOUT")) == ("ACTIVE, 0", "-60.00")


def test_fiberlabs_alarms_follow_their_thresholds() -> None:
    unit = Stand("fiberlabs", "booster").text()
    unit.plant.apply(DARK)
    assert unit.ask("ALMSTAT") == "ALMSTAT,04"
    unit.plant.clear(DARK)
    unit.ask("ALMCTMP,20,1,0.5")
    unit.ask("ALMLDC,2,100,1,5")
    assert unit.ask("ALMSTAT") == "ALMSTAT,0A"


def amonics(*lacks: str) -> tuple[TextStand, Amonics]:
    unit = Stand("amonics-aedfa", "booster", lacks=list(lacks)).text()
    assert isinstance(unit.panel, Amonics)
    return unit, unit.panel


def said(unit: TextStand, *commands: str) -> list[str | None]:
    return [unit.ask(command, "\r\n") for command in commands]


def test_amonics_answers_bare_values_in_milliwatts() -> None:
    unit, _ = amonics()
    assert said(unit, ":SENS:POW:OUT:CH1?", ":SENS:POW:IN:CH1?", ":MODE:SW:CH1?") == ["50.118723", "0.630957", "APC"]
    assert said(unit, ":DRIV:APC:STAT:CH1?", ":DRIV:ACC:STAT:CH1?", ":DRIV:MCTRL?") == ["1", "0", "1"]
    assert unit.feed(b":CAL:SYS:MODEL?\r\n") == b"AEDFA-PA-30-B-FA\r\n"


def test_amonics_is_silent_about_what_it_lacks() -> None:
    unit, _ = amonics("input-monitor", "mode-switch")
    assert said(unit, ":SENS:POW:IN:CH1?", ":MODE:SW:CH1?", ":SENS:POW:OUT:CH2?", ":NIX?") == [None] * 4


def test_amonics_master_switch_takes_its_time_and_needs_a_channel() -> None:
    unit, _ = amonics()
    assert said(unit, ":DRIV:APC:STAT:CH1 0", ":DRIV:MCTRL?", ":DRIV:MCTRL 1", ":DRIV:MCTRL?") == [None, "0", None, "0"]
    assert said(unit, ":DRIV:APC:STAT:CH1 1", ":DRIV:MCTRL 1", ":DRIV:MCTRL?") == [None, None, "2"]
    assert said(unit, ":DRIV:APC:STAT:CH1?") == ["2"]
    unit.clock.now += 2.0
    assert said(unit, ":DRIV:MCTRL?", ":SENS:POW:OUT:CH1?") == ["1", "50.118723"]


def test_amonics_locked_interlock_is_off() -> None:
    unit, panel = amonics()
    panel.lock(True)
    assert said(unit, ":DRIV:INTERLOCK?", ":DRIV:APC:STAT:CH1?", ":DRIV:MCTRL?") == ["1", "4", "0"]
    assert float(said(unit, ":SENS:POW:OUT:CH1?")[0] or 1) == pytest.approx(0.0, abs=1e-5)


def module() -> TextStand:
    return Stand("edfa68", "booster").text()


def test_the_0x68_module_answers_under_command_and_number_of_the_question() -> None:
    unit = module()
    assert unit.feed(bytes.fromhex("68000568350 08C0001C216".replace(" ", ""))) == frame68(b"\x35\x00\x8c" + struct.pack(">h", -200))
    assert unit.feed(bytes.fromhex("680005683100 5F01019216".replace(" ", ""))) == frame68(b"\x31\x00\x5f\x01\x04")
    assert unit.feed(bytes.fromhex("680004684000A701E816")) == frame68(b"\x40\x00\xa7" + bytes(8))


def test_the_0x68_module_finds_a_frame_in_noise_and_pieces() -> None:
    unit = module()
    question = bytes.fromhex("680005683000600101" + "9216")
    received = b"".join(unit.feed(bytes((byte,))) for byte in b"\x68\x00\x13" + question + b"\x68" + question)
    assert received == 2 * frame68(b"\x30\x00\x60\x00")


@pytest.mark.parametrize("damaged", ["680005683000600101 9316", "6800056830006001019217", "68000468990001000 09A16"])
def test_the_0x68_module_does_not_answer_damage_or_unknown_commands(damaged: str) -> None:
    assert module().feed(bytes.fromhex(damaged.replace(" ", ""))) == b""


def test_the_0x68_module_latches_its_alarms() -> None:
    unit = module()
    ask = bytes.fromhex("680004684000A701E816")
    unit.plant.apply(DARK)
    now, latched = struct.unpack(">II", unit.feed(ask)[7:-2])
    assert now == latched == 1 << 31 | 1 << 22
    unit.plant.clear(DARK)
    assert struct.unpack(">II", unit.feed(ask)[7:-2]) == (0, latched)


def test_the_0x68_pump_status_has_the_published_layout() -> None:
    unit = module()
    fields = struct.unpack(">hhhhhhhhIhh", unit.feed(frame68(b"\x3a\x00\x01\x01\x01"))[7:-2])
    current_ma, _ = unit.plant.amplifier(End.A, 1, Role.BOOSTER, 0.0).pump_currents_ma
    assert fields[:2] == (round(10 * current_ma), 6000)
    assert fields[6] == 250


def test_an_amonics_that_was_switched_off_at_the_unit_shows_so() -> None:
    stand = Stand("amonics-aedfa", "booster")
    unit = stand.text()
    assert (unit.ask(":DRIV:MCTRL?"), unit.ask(":DRIV:APC:STAT:CH1?")) == ("1", "1")
    settings = stand.plant.amplifier_settings(End.A, 1, Role.BOOSTER)
    stand.plant.set_amplifier(End.A, 1, Role.BOOSTER, replace(settings, pump_on=False))
    assert (unit.ask(":DRIV:MCTRL?"), unit.ask(":DRIV:APC:STAT:CH1?")) == ("0", "0")
