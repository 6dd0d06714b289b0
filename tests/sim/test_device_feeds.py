"""Simulated power supplies: the published vectors, the refusals, and what they do to the plant."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import exp

import pytest
from pymodbus.constants import ExcCodes

from stationd.sim.cable import End, InsulatedOpen, Polarity
from stationd.sim.device_ea import EaSupply
from stationd.sim.device_genesys import AC_FAIL, ENABLE_OPEN, SHUT_OFF, Genesys, GenesysLine
from stationd.sim.device_io import ELECTRODING_RELAY, Contact, IoModule, Lacking
from stationd.sim.device_spellman import Spellman, check_character
from stationd.sim.devices import text_line
from stationd.sim.modbus_server import Bank
from stationd.sim.plant import DISCHARGE_S
from stationd.sim.stage import FeedDesk
from tests.sim.stand import Stand, words

FULL = 0xCCCC


def test_fug_answers_the_published_vectors_in_their_order() -> None:
    unit = Stand("fug-probus5", off=True).text()
    vectors = [
        (">S1 1.000", "E0"),
        (">S1R 0.010", "E0"),
        (">S1B 1", "E0"),
        (">BON 1", "E0"),
        (">S1S ?", "S1S:1"),
        (">DIR ?", "DIR:1"),
        (">S0 999999", "E5"),
        (">S1S 1", "E6"),
    ]
    assert [(asked, unit.ask(asked)) for asked, _ in vectors] == vectors


def test_fug_ramp_follows_the_clock_and_carries_the_plant_along() -> None:
    unit = Stand("fug-probus5", off=True).text()
    for command in (">S1R 0.010", ">S1B 1", ">S1 0.500", ">BON 1"):
        assert unit.ask(command) == "E0"
    unit.clock.now += 20.0
    assert unit.ask(">S1A ?") == "S1A:0.200000"
    assert unit.plant.power_feed(End.A).current_setpoint_ma == pytest.approx(200.0)
    unit.clock.now += 31.0
    assert (unit.ask(">S1A ?"), unit.ask(">S1S ?")) == ("S1A:0.500000", "S1S:0")


def test_fug_ramp_up_only_falls_at_once() -> None:
    unit = Stand("fug-probus5").text()
    for command in (">S1R 0.010", ">S1B 2", ">S1 0.500"):
        unit.ask(command)
    assert unit.ask(">S1A ?") == "S1A:0.500000"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (">NIX ?", "E2"),
        (">S0 abc", "E4"),
        (">S0 nan", "E4"),
        (">S0 -1", "E5"),
        (">M0 1", "E6"),
        (">S1B 7", "E5"),
        (">M0I 8", "E5"),
        ("*WHO?", "E10"),
        ("N7", "E13"),
        ("X", "E1"),
        (">" + 60 * "S", "E15"),
        ("*IDN?", "FUG HCK 800 - 20 000 MOD 17022-01-01"),
        (">KS ?", "KS:161"),
    ],
)
def test_fug_refuses_and_answers_by_its_manual(asked: str, answer: str) -> None:
    assert Stand("fug-probus5").text().ask(asked) == answer


def test_fug_takes_no_set_value_while_its_panel_has_control() -> None:
    unit = Stand("fug-probus5").text()
    unit.plant.set_power_feed(End.A, replace(unit.plant.power_feed(End.A), remote=False))
    assert [unit.ask(command) for command in (">S0 100", ">S1 0.5", ">BON 0", ">DSD ?", ">BON ?")] == ["E6", "E6", "E6", "DSD:0", "BON:1"]


def test_fug_remembers_its_last_error() -> None:
    unit = Stand("fug-probus5").text()
    unit.ask(">S0 999999")
    assert unit.ask(">KE ?") == "KE:5"


def test_fug_speaks_probus_4_as_well() -> None:
    unit = Stand("fug-probus5").text()
    assert [unit.ask(command) for command in ("U700", "I0.9", "N3")] == ["E0"] * 3
    assert unit.ask("?") == "1000.000000"
    assert [unit.ask(command) for command in ("G1", "I0.8")] == ["E0", "E0"]
    assert unit.ask(">S1 ?") == "S1:0.900000"
    assert (unit.ask("X"), unit.ask(">S1 ?")) == ("E0", "S1:0.800000")
    assert (unit.ask("="), unit.ask(">S1 ?"), unit.ask(">S0 ?")) == ("E0", "S1:0.000000", "S0:0.000000")


@pytest.mark.parametrize(("command", "end"), [("Y0", b"\r\n"), ("Y1", b"\n\r"), ("Y2", b"\n"), (">KT 3", b"\r")])
def test_fug_ends_its_lines_as_it_is_told(command: str, end: bytes) -> None:
    unit = Stand("fug-probus5").text()
    unit.ask(command)
    assert unit.feed(b">BON ?\n") == b"BON:1" + end


def test_fug_turns_its_polarity_by_probus_4_and_only_while_it_is_off() -> None:
    unit = Stand("fug-probus5").text()
    assert (unit.ask(">DX ?"), unit.ask("P1"), unit.ask(">DX ?")) == ("DX:0", "E6", "DX:0")
    unit.ask(">BON 0")
    assert (unit.ask("P1"), unit.ask(">DX ?"), unit.plant.power_feed(End.A).polarity) == ("E0", "DX:1", Polarity.NEGATIVE)
    assert (unit.ask("P2"), unit.ask(">DX 0"), unit.ask(">DX ?")) == ("E5", "E6", "DX:1")
    unit.plant.set_power_feed(End.A, replace(unit.plant.power_feed(End.A), remote=False))
    assert (unit.ask("P0"), unit.ask(">DX ?")) == ("E6", "DX:1")


def test_a_feed_that_is_switched_off_last_shows_how_the_line_discharges() -> None:
    stand = Stand("fug-probus5")
    far = FeedDesk(stand.stage, End.B, 1000.0, 1500.0)
    unit = stand.text()
    assert unit.ask(">BON 0") == "E0"
    assert unit.ask(">M0 ?") == "M0:0.000000", "the far end feeds, and this one is a way to earth"
    unit.ask(">BON 1")
    far.switch(False)
    full_v = stand.plant.measure(End.A, unit.clock.now)[0]
    assert full_v > 450
    unit.ask(">BON 0")
    shown = []
    for _ in range(6):
        shown.append(stand.plant.measure(End.A, unit.clock.now)[1])
        unit.clock.now += DISCHARGE_S
    assert shown[0] == pytest.approx(501.0, abs=2.0)
    assert [after / before for before, after in pairwise(shown)] == [pytest.approx(exp(-1.0), rel=0.02)] * 5
    assert stand.plant.measure(End.A, unit.clock.now)[0] == 0.0, "the current is gone at once"
    assert stand.plant.measure(End.B, unit.clock.now)[1] == 0.0


def test_a_line_that_is_fed_again_shows_no_old_charge() -> None:
    stand = Stand("fug-probus5")
    unit, far = stand.text(), FeedDesk(stand.stage, End.B, 1000.0, 1500.0)
    far.switch(False)
    unit.ask(">BON 0")
    far.switch(True)
    assert stand.plant.measure(End.A, unit.clock.now)[1] == 0.0


def test_a_knob_that_is_turned_in_the_plant_is_adopted() -> None:
    unit = Stand("fug-probus5").text()
    unit.plant.set_power_feed(End.A, replace(unit.plant.power_feed(End.A), current_setpoint_ma=990.0, voltage_setpoint_v=700.0))
    assert (unit.ask(">S1 ?"), unit.ask(">S1A ?"), unit.ask(">S0 ?")) == ("S1:0.990000", "S1A:0.990000", "S0:700.000000")
    assert unit.plant.power_feed(End.A).current_setpoint_ma == 990.0


def test_a_feed_into_an_open_line_trips_and_stays_off() -> None:
    unit = Stand("tdk-genesys").text()
    unit.ask("ADR 1")
    unit.plant.apply(InsulatedOpen(100.0))
    assert unit.ask("OUT?") == "ON"
    unit.clock.now += 0.06
    assert (unit.ask("OUT?"), unit.ask("FLT?")) == ("OFF", "10")
    assert not unit.plant.power_feed(End.A).output_on


def test_ea_reads_are_shares_of_the_ratings() -> None:
    unit, _ = Stand("ea-ps10000").modbus()
    voltage, current, power = words(unit, 507, 3)
    assert voltage / FULL * 1000 == pytest.approx(250.5, abs=0.02)
    assert current / FULL * 1500 == pytest.approx(1000.0, abs=0.03)
    assert power / FULL * 1500 == pytest.approx(250.5, abs=0.1)


def test_ea_state_tells_output_remote_and_regulation() -> None:
    unit, _ = Stand("ea-ps10000").modbus()
    high, low = words(unit, 505, 2)
    state = high << 16 | low
    assert (state >> 7 & 1, state >> 11 & 1, state >> 9 & 3, state >> 15 & 1) == (1, 1, 2, 0)


def test_ea_takes_no_write_before_it_is_remote() -> None:
    unit, _ = Stand("ea-ps10000").modbus()
    assert unit.write(Bank.COILS, 402, [0]) is None
    before = words(unit, 501)
    assert unit.write(Bank.HOLDING, 501, [0x6666]) is ExcCodes.NEGATIVE_ACKNOWLEDGE
    assert unit.write(Bank.COILS, 405, [0]) is ExcCodes.NEGATIVE_ACKNOWLEDGE
    assert words(unit, 501) == before
    assert unit.write(Bank.COILS, 402, [1]) is None
    assert unit.write(Bank.HOLDING, 501, [0x6666]) is None
    assert words(unit, 501) == [0x6666]


@pytest.mark.parametrize(("register", "raw"), [(500, 0xD0E6), (501, 0xFFFF), (550, 0xFFFF), (507, 0), (0, 1)])
def test_ea_refuses_what_cannot_be_set(register: int, raw: int) -> None:
    unit, _ = Stand("ea-ps10000").modbus()
    assert unit.write(Bank.HOLDING, register, [raw]) in (ExcCodes.ILLEGAL_VALUE, ExcCodes.ILLEGAL_ADDRESS)


def test_ea_writes_several_registers_all_or_none() -> None:
    unit, _ = Stand("ea-ps10000").modbus()
    before = words(unit, 500, 3)
    assert unit.write(Bank.HOLDING, 500, [1000, 0xFFFF, 1000]) is ExcCodes.ILLEGAL_VALUE
    assert words(unit, 500, 3) == before


def test_ea_stays_local_while_the_panel_locks_it() -> None:
    unit, panel = Stand("ea-ps10000").modbus()
    assert isinstance(panel, EaSupply)
    unit.write(Bank.COILS, 402, [0])
    panel.locked = True
    assert unit.write(Bank.COILS, 402, [1]) is ExcCodes.NEGATIVE_ACKNOWLEDGE
    assert words(unit, 506)[0] & 0x1F == 1


def test_ea_over_voltage_alarm_stays_until_it_is_acknowledged() -> None:
    stand = Stand("ea-ps10000")
    unit, _ = stand.modbus()
    assert unit.write(Bank.HOLDING, 550, [round(0.2 * FULL)]) is None
    words(unit, 505)
    stand.clock.now += 0.06
    high, low = words(unit, 505, 2)
    assert (high & 1, low >> 15 & 1, low >> 7 & 1) == (1, 1, 0)
    assert unit.write(Bank.COILS, 405, [1]) is ExcCodes.NEGATIVE_ACKNOWLEDGE
    unit.write(Bank.HOLDING, 550, [FULL])
    assert unit.write(Bank.COILS, 411, [1]) is None
    assert unit.write(Bank.COILS, 405, [1]) is None


def genesys() -> tuple[GenesysLine, list[Genesys]]:
    """Two units on one line, one at each end of the cable."""
    first = Stand("tdk-genesys", address=5)
    second = first.device.model_copy(update={"address": 6, "end": End.B})
    line, panels = text_line(first.stage, {"five": first.device, "six": second})
    assert isinstance(line, GenesysLine)
    return line, [panel for panel in panels.values() if isinstance(panel, Genesys)]


def said(line: GenesysLine, text: str) -> str:
    return b"".join(data for _, data in line.feed(text.encode() + b"\r")).decode()


def test_genesys_units_listen_only_after_their_address() -> None:
    line, _ = genesys()
    assert said(line, "MV?") == ""
    assert said(line, "ADR 5") == "OK\r"
    assert said(line, "mv?") == "250.500\r"
    assert said(line, "ADR 9") == ""
    assert said(line, "MV?") == ""


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("", "OK"),
        ("IDN?", "LAMBDA,GENX-Y"),
        ("REV?", "REV:1U:4.3"),
        ("NIX?", "C01"),
        ("PV", "C02"),
        ("PV abc", "C03"),
        ("PV 9999", "C05"),
        ("OVP 100", "E04"),
        ("UVL 790", "E06"),
        ("OUT 2", "C03"),
        ("PV 7X\b00", "OK"),
        ("STT?$3A", "MV(250.500),PV(800.000),MC(1.0000),PC(1.0000),SR(06),FR(00)$"),
        ("STAT?$7B", "06$66"),
        ("STAT?$7C", "C04$A7"),
    ],
)
def test_genesys_answers_by_its_manual(asked: str, answer: str) -> None:
    line, _ = genesys()
    said(line, "ADR 5")
    got = said(line, asked)
    assert got.startswith(answer) if answer.endswith("$") else got == answer + "\r"


def test_genesys_set_points_keep_their_distance_from_the_protections() -> None:
    line, _ = genesys()
    said(line, "ADR 5")
    assert [said(line, each) for each in ("OVP 850", "PV 840", "UVL 700", "PV 600")] == ["OK\r", "E01\r", "OK\r", "E02\r"]


def test_genesys_repeats_its_last_command() -> None:
    line, _ = genesys()
    said(line, "ADR 5")
    assert said(line, "PV?") == said(line, "\\") == "800.000\r"


@pytest.mark.parametrize("fault", [AC_FAIL, SHUT_OFF, ENABLE_OPEN])
def test_genesys_goes_off_with_a_fault_and_refuses_to_come_back_while_it_lasts(fault: int) -> None:
    line, units = genesys()
    said(line, "ADR 5")
    units[0].press(fault, on=True)
    assert [said(line, each) for each in ("OUT?", "FLT?", "OUT 1")] == ["OFF\r", f"{fault:02X}\r", "E07\r"]
    units[0].press(fault, on=False)
    assert [said(line, each) for each in ("OUT 1", "OUT?", "FLT?", "FEVE?", "FEVE?")] == ["OK\r", "ON\r", "00\r", f"{fault:02X}\r", "00\r"]


def test_genesys_asks_for_service_once_when_an_enabled_fault_is_new() -> None:
    line, units = genesys()
    sent: list[bytes] = []
    line.send = lambda pieces: sent.extend(data for _, data in pieces)
    said(line, "ADR 5")
    said(line, f"FENA {SHUT_OFF:02X}")
    units[0].press(SHUT_OFF, on=True)
    for _ in range(3):
        said(line, "FLT?")
    assert sent == [b"!05\r"]


@pytest.mark.parametrize(("text", "character"), [(b"28,", b"j"), (b"14,", b"o"), (b"10,1280,", b"|")])
def test_spellman_check_characters_are_the_published_ones(text: bytes, character: bytes) -> None:
    assert check_character(text) == character


def spellman(text: bytes) -> bytes:
    return b"\x02" + text + check_character(text) + b"\x03"


def test_spellman_sets_and_shows_shares_of_twelve_bits() -> None:
    unit = Stand("spellman-xrv").text()
    assert unit.feed(spellman(b"10,1280,")) == spellman(b"10,$,")
    assert unit.feed(spellman(b"14,")) == spellman(b"14,1280,")
    assert unit.plant.power_feed(End.A).voltage_setpoint_v == pytest.approx(1280 / 4095 * 1000)
    assert unit.feed(spellman(b"60,")) == spellman(b"60,%d," % round(250.5 / 1200 * 4095))


def test_spellman_without_check_characters_is_answered_without_them() -> None:
    assert Stand("spellman-xrv").text().feed(b"\x0228,\x03") == b"\x0228,1,1500,0,\x03"


@pytest.mark.parametrize("damaged", [b"\x0228,k\x03", b"\x0299,\x03", b"28,j\x03"])
def test_spellman_does_not_answer_what_it_cannot_read(damaged: bytes) -> None:
    assert Stand("spellman-xrv").text().feed(damaged) == b""


def test_spellman_refuses_too_much_and_an_open_interlock() -> None:
    unit = Stand("spellman-xrv").text()
    assert isinstance(unit.panel, Spellman)
    assert unit.feed(spellman(b"10,4096,")) == spellman(b"10,1,")
    unit.panel.set_interlock(2, closed=False)
    assert unit.feed(spellman(b"22,")) == spellman(b"22,0,1,0,0,0,0,")
    assert unit.feed(spellman(b"98,1,")) == spellman(b"98,1,")
    unit.panel.set_interlock(2, closed=True)
    assert unit.feed(spellman(b"98,1,")) == spellman(b"98,$,")


def test_the_io_module_shows_the_line_in_microamperes() -> None:
    unit, panel = Stand("modbus-io").modbus()
    assert isinstance(panel, IoModule)
    loops = unit.snapshot(Bank.INPUT)
    assert (loops[0], loops[1]) == (4000 + 8000, 4000 + round(16000 * 0.2505))
    panel.broken_loops.add(1)
    panel.contacts[2] = False
    assert unit.snapshot(Bank.INPUT)[0] == 0
    assert unit.snapshot(Bank.DISCRETE)[2] == 0


def test_the_first_relay_of_the_io_module_puts_the_tone_on_the_line_of_its_station() -> None:
    stand = Stand("modbus-io")
    unit, _ = stand.modbus()

    def spread_ma() -> float:
        shown = [stand.plant.measure(End.A, n * 0.02)[0] for n in range(100)]
        return max(shown) - min(shown)

    assert spread_ma() < 0.5
    assert unit.write(Bank.COILS, ELECTRODING_RELAY - 1, [1]) is None
    assert spread_ma() > 1.0
    assert unit.write(Bank.COILS, 0, [0, 0, 0, 1]) is None
    assert spread_ma() < 0.5


def test_a_station_at_rest_is_not_earthed_and_is_operated_from_afar() -> None:
    unit, panel = Stand("modbus-io").modbus()
    assert isinstance(panel, IoModule)
    assert [unit.snapshot(Bank.DISCRETE)[n] for n in range(8)] == [1, 1, 1, 0, 0, 1, 1, 1]
    panel.set_contact(Contact.EARTHED, closed=True)
    panel.set_contact(Contact.LOCAL, closed=True)
    panel.switch_relay(3, on=True)
    assert [unit.snapshot(Bank.DISCRETE)[n] for n in (3, 4)] == [1, 1]
    panel.rest()
    assert [unit.snapshot(Bank.DISCRETE)[n] for n in (3, 4)] == [0, 0]
    assert unit.snapshot(Bank.COILS)[2] == 0


def test_the_io_module_switches_its_relays_and_nothing_else() -> None:
    unit, _ = Stand("modbus-io").modbus()
    assert unit.write(Bank.COILS, 1, [1, 1]) is None
    assert [unit.snapshot(Bank.COILS)[at] for at in range(4)] == [0, 1, 1, 0]
    assert unit.write(Bank.INPUT, 0, [1]) is ExcCodes.ILLEGAL_ADDRESS


def test_a_register_block_says_where_each_value_comes_from() -> None:
    unit, _ = Stand("registers", address=3, registers=10).modbus()
    assert words(unit, 1, 3) == [769, 770, 771]
    assert len(unit.snapshot(Bank.HOLDING)) == 10


def test_illegal_registers_are_not_there() -> None:
    unit, _ = Stand("registers", illegal=[4]).modbus()
    assert isinstance(unit, Lacking)
    assert 4 not in unit.snapshot(Bank.HOLDING)
    assert 5 in unit.snapshot(Bank.HOLDING)


def test_a_door_that_opens_switches_the_feed_of_its_station_off_and_a_trip_opens_its_own_contact() -> None:
    stand = Stand("modbus-io")
    unit, panel = stand.modbus()
    assert isinstance(panel, IoModule)
    desk = FeedDesk(stand.stage, End.A, 1000.0, 1500.0)
    panel.set_contact(Contact.DOOR, closed=False)
    assert (desk.feed.output_on, unit.snapshot(Bank.DISCRETE)[0], desk.tripped) == (False, 0, False)
    panel.set_contact(Contact.DOOR, closed=True)
    assert not desk.feed.output_on
    assert desk.switch(True)
    panel.set_contact(Contact.CONVERTER, closed=False)
    assert (desk.feed.output_on, unit.snapshot(Bank.DISCRETE)[3]) == (True, 0)
    desk.trip()
    assert unit.snapshot(Bank.DISCRETE)[Contact.FEED_TRIP.value - 1] == 0
    desk.acknowledge()
    assert unit.snapshot(Bank.DISCRETE)[Contact.FEED_TRIP.value - 1] == 1


def test_a_supply_that_tripped_for_another_reason_does_not_report_over_voltage() -> None:
    stand = Stand("ea-ps10000")
    unit, panel = stand.modbus()
    assert isinstance(panel, EaSupply)
    panel.desk.trip()
    assert words(unit, 505, 2)[1] >> 15 & 1 == 1
    assert words(unit, 505, 2)[0] & 1 == 0
    panel.desk.acknowledge()
    panel.desk.trip(over_voltage=True)
    assert words(unit, 505, 2)[0] & 1 == 1
