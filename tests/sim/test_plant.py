"""The plant as its devices see it: set-points in, measured values out, events in between."""

from dataclasses import replace
from statistics import fmean, pstdev

import pytest

from stationd.sim.amplifier import OPEN_RETURN_LOSS_DB
from stationd.sim.cable import TC_380, CableParameters, Cut, End, InsulatedOpen, Regulation, RepeaterDropChange, RepeaterShorted, Shunt
from stationd.sim.meters import Meter, Meters, quiet
from stationd.sim.optics import (
    DARK_DBM,
    AmplifierPumpLoss,
    ConnectorOpen,
    Direction,
    FibreBreak,
    RepeaterPumpLoss,
    Role,
    SpanLossStep,
    TapFault,
    TransmitterOff,
)
from stationd.sim.plant import Event, Plant

TO_B, TO_A = Direction.A_TO_B, Direction.B_TO_A


def calm(cable: CableParameters = TC_380) -> Plant:
    return Plant(cable, fibre_pairs=2, meters=quiet(Meters()))


def switch(plant: Plant, end: End, *, on: bool) -> None:
    plant.set_power_feed(end, replace(plant.power_feed(end), output_on=on))


# Meters


def test_a_meter_shows_steps_of_its_resolution() -> None:
    meter = Meter(0.1, 0.05)
    assert all(round(meter.read(270.03, 1, t / 7) * 10, 6).is_integer() for t in range(200))


def test_the_noise_of_a_meter_has_the_stated_size_and_no_offset() -> None:
    meter = Meter(0.001, 0.05)
    readings = [meter.read(270.0, 1, n * meter.conversion_s) for n in range(4000)]
    assert fmean(readings) == pytest.approx(270, abs=0.004)
    assert pstdev(readings) == pytest.approx(0.05, rel=0.05)


def test_the_same_seed_gives_the_same_readings_and_another_seed_others() -> None:
    times = [n * 0.1 for n in range(50)]
    first, again, other = (Plant(seed=seed) for seed in (1, 1, 2))
    assert [first.measure(End.A, t) for t in times] == [again.measure(End.A, t) for t in times]
    assert [first.measure(End.A, t) for t in times] != [other.measure(End.A, t) for t in times]
    assert [first.measure(End.A, t) for t in times] != [first.measure(End.B, t) for t in times]


def test_two_readings_within_one_conversion_agree() -> None:
    assert Plant().measure(End.A, 5.001) == Plant().measure(End.A, 5.019)


# Power


def test_the_default_line_is_balanced_at_one_ampere() -> None:
    plant = calm()
    assert plant.measure(End.A, 0.0) == (1000.0, 270.0)
    assert plant.measure(End.B, 0.0) == (1000.0, 270.0)


def test_a_written_set_point_moves_both_ends() -> None:
    plant = calm()
    plant.set_power_feed(End.B, replace(plant.power_feed(End.B), current_setpoint_ma=1000.5))
    assert plant.measure(End.A, 0.0)[1] == 194.3
    assert plant.measure(End.B, 0.0)[1] == 345.8


def test_the_solution_is_kept_until_something_changes() -> None:
    plant = calm()
    before, version = plant.electrical(), plant.version
    assert plant.electrical() is before
    plant.set_power_feed(End.A, plant.power_feed(End.A))
    assert (plant.electrical(), plant.version) == (before, version)
    switch(plant, End.A, on=False)
    assert plant.electrical() != before
    assert plant.version > version


def test_an_earth_potential_shows_at_both_ends() -> None:
    plant = calm()
    plant.set_earth_potential(10.0)
    assert (plant.measure(End.A, 0.0)[1], plant.measure(End.B, 0.0)[1]) == (275.0, 275.0)


def test_a_meter_without_a_minus_sign_never_shows_one() -> None:
    plant = Plant(TC_380)
    switch(plant, End.A, on=False)
    switch(plant, End.B, on=False)
    readings = [plant.measure(end, t / 10) for end in End for t in range(200)]
    assert all(value >= 0 for reading in readings for value in reading)


# Events


def test_a_cable_cut_moves_levels_and_volts() -> None:
    plant = calm()
    plant.apply(Cut(120.0, 5.0))
    assert plant.measure(End.A, 0.0)[1] == pytest.approx(165.0, abs=0.1)
    assert plant.measure(End.B, 0.0)[1] == pytest.approx(384.9, abs=0.1)
    for end in End:
        for pair in (1, 2):
            state = plant.amplifier(end, pair, Role.PREAMP, 0.0)
            assert (state.input_dbm, state.los) == (DARK_DBM, True)
            assert not plant.amplifier(end, pair, Role.BOOSTER, 0.0).los


def test_a_shunt_moves_volts_and_leaves_the_light() -> None:
    plant = calm()
    before = plant.amplifier(End.A, 1, Role.PREAMP, 0.0)
    plant.apply(Shunt(50.0, 0.0))
    assert plant.measure(End.A, 0.0)[1] == 50.0
    assert plant.amplifier(End.A, 1, Role.PREAMP, 0.0) == before


def test_an_insulated_open_kills_the_repeaters_and_with_them_the_light() -> None:
    plant = calm()
    plant.apply(InsulatedOpen(120.0))
    assert plant.electrical().regulation_a is Regulation.CV
    assert plant.light(1, TO_B).dark
    assert plant.light(1, TO_A).dark


def test_one_end_that_trips_leaves_the_light_and_both_take_it() -> None:
    plant = calm()
    switch(plant, End.A, on=False)
    assert not plant.light(1, TO_B).dark
    switch(plant, End.B, on=False)
    assert plant.light(1, TO_B).dark


def test_repair_brings_everything_back() -> None:
    plant = calm()
    before = [plant.amplifier(end, 1, Role.PREAMP, 0.0) for end in End]
    for event in (Cut(120.0), FibreBreak(20.0, pair=1), TransmitterOff(End.A, 1)):
        plant.apply(event)
    plant.repair()
    assert [plant.amplifier(end, 1, Role.PREAMP, 0.0) for end in End] == before
    assert (plant.fault, plant.events) == (None, ())


def test_one_event_is_cleared_and_the_others_stay() -> None:
    plant = calm()
    plant.apply(FibreBreak(20.0, pair=1, direction=TO_B))
    plant.apply(FibreBreak(20.0, pair=2, direction=TO_B))
    plant.clear(FibreBreak(20.0, pair=1, direction=TO_B))
    assert not plant.light(1, TO_B).dark
    assert plant.light(2, TO_B).dark
    with pytest.raises(ValueError, match="not on the line"):
        plant.clear(FibreBreak(20.0, pair=1, direction=TO_B))


def test_a_new_electrical_fault_takes_the_place_of_the_old() -> None:
    plant = calm()
    plant.apply(Shunt(50.0, 1000.0))
    plant.apply(Cut(50.0))
    assert plant.fault == Cut(50.0)
    plant.clear(Cut(50.0))
    assert plant.fault is None


def test_a_silent_transmitter_is_seen_by_its_booster_and_by_the_far_preamp_only() -> None:
    plant = calm()
    plant.apply(TransmitterOff(End.A, 1))
    booster = plant.amplifier(End.A, 1, Role.BOOSTER, 0.0)
    assert (booster.los, booster.pump_on) == (True, False)
    assert plant.amplifier(End.B, 1, Role.PREAMP, 0.0).los
    assert not plant.amplifier(End.A, 1, Role.PREAMP, 0.0).los
    assert not plant.amplifier(End.B, 2, Role.PREAMP, 0.0).los


def test_an_open_connector_shows_in_the_return_loss_here_and_as_darkness_there() -> None:
    plant = calm()
    plant.apply(ConnectorOpen(End.A, 1, Role.BOOSTER))
    booster = plant.amplifier(End.A, 1, Role.BOOSTER, 0.0)
    assert booster.return_loss_db == pytest.approx(OPEN_RETURN_LOSS_DB, abs=0.1)
    assert booster.apr_active
    assert plant.amplifier(End.B, 1, Role.PREAMP, 0.0).los


def test_a_lost_booster_pump_is_nearly_healed_by_the_line() -> None:
    plant = calm()
    before = plant.amplifier(End.B, 1, Role.PREAMP, 0.0).input_dbm
    plant.apply(AmplifierPumpLoss(End.A, 1, Role.BOOSTER))
    assert plant.amplifier(End.A, 1, Role.BOOSTER, 0.0).output_dbm == pytest.approx(14, abs=0.01)
    assert plant.amplifier(End.B, 1, Role.PREAMP, 0.0).input_dbm == pytest.approx(before, abs=0.02)


def test_loss_of_signal_keeps_its_hysteresis_between_readings() -> None:
    plant = calm()
    nominal = plant.fibre.nominal_receive_dbm
    faint, between = SpanLossStep(4, nominal + 39.0, 1, TO_B), SpanLossStep(4, nominal + 37.0, 1, TO_B)
    plant.apply(between)
    assert not plant.amplifier(End.B, 1, Role.PREAMP, 0.0).los
    plant.clear(between)
    plant.apply(faint)
    assert plant.amplifier(End.B, 1, Role.PREAMP, 0.0).los
    plant.clear(faint)
    plant.apply(between)
    assert plant.amplifier(End.B, 1, Role.PREAMP, 0.0).los


# The unrepeatered profile


def test_an_unrepeatered_line_is_lit_without_any_feed() -> None:
    plant = calm(CableParameters(341.0))
    assert plant.measure(End.A, 0.0) == (0.0, 0.0)
    assert plant.amplifier(End.B, 1, Role.PREAMP, 0.0).input_dbm == pytest.approx(-10.06)


@pytest.mark.parametrize(("role", "gain_db"), [(Role.RAMAN, 10.0), (Role.ROPA_PUMP, 12.0)])
def test_a_pump_that_goes_off_takes_its_gain_at_the_receiving_end_only(role: Role, gain_db: float) -> None:
    plant = calm(CableParameters(341.0))
    before = plant.light(1, TO_B).receive_dbm
    plant.set_amplifier(End.B, 1, role, replace(plant.amplifier_settings(End.B, 1, role), pump_on=False))
    assert plant.light(1, TO_B).receive_dbm == pytest.approx(before - gain_db, abs=0.01)
    assert plant.light(1, TO_A).receive_dbm == pytest.approx(before)


# Bad input


@pytest.mark.parametrize(
    "event",
    [
        Shunt(400.0, 0.0),
        FibreBreak(-1.0),
        FibreBreak(10.0, pair=3),
        SpanLossStep(5, 1.0),
        RepeaterPumpLoss(4),
        AmplifierPumpLoss(End.A, 1, Role.RAMAN),
        ConnectorOpen(End.A, 0, Role.BOOSTER),
        TransmitterOff(End.B, 9),
    ],
)
def test_an_event_that_cannot_be_on_this_line_is_refused_and_changes_nothing(event: Event) -> None:
    plant = calm()
    with pytest.raises(ValueError, match=r"must be|no .* on pair"):
        plant.apply(event)
    assert (plant.fault, plant.events, plant.version) == (None, (), 0)


def test_an_amplifier_that_is_not_there_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="no preamp on pair 7: pairs are 1 to 2"):
        calm().amplifier(End.A, 7, Role.PREAMP, 0.0)
    with pytest.raises(ValueError, match="repeaters"):
        calm().amplifier_settings(End.A, 1, Role.RAMAN)


# What passes


def test_after_a_change_the_meters_go_to_the_new_state_in_their_time_and_the_equipment_is_there_at_once() -> None:
    plant = calm()
    before = plant.measure(End.A, 0.0)
    plant.resettle(10.0)
    plant.apply(Shunt(50.0, 10.0))
    assert plant.electrical().voltage_a_v == pytest.approx(50.05, abs=0.01)
    assert plant.measure(End.A, 10.0) == pytest.approx(before, abs=0.2)
    readings = [plant.measure(End.A, 10.0 + n * 0.05)[1] for n in range(60)]
    assert readings == sorted(readings, reverse=True)
    assert readings[-1] == pytest.approx(50.05, abs=0.1)


def test_a_change_without_a_transient_is_there_at_once() -> None:
    plant = calm()
    plant.apply(Shunt(50.0, 10.0))
    assert plant.measure(End.A, 0.0)[1] == pytest.approx(50.05, abs=0.1)


def test_a_dip_is_missing_current_that_comes_back() -> None:
    plant = calm()
    plant.resettle(0.0, 0.1, dip=0.05)
    assert plant.measure(End.B, 0.0)[0] == pytest.approx(950, abs=0.1)
    assert plant.measure(End.B, 2.0)[0] == pytest.approx(1000, abs=0.1)


def test_a_tone_is_a_ripple_on_the_meters_of_its_own_end_only() -> None:
    plant = calm()
    plant.set_tone(End.A, 100.0)
    here, there = ({plant.measure(end, n * 0.02)[0] for n in range(100)} for end in End)
    assert max(here) - min(here) == pytest.approx(2.0, abs=0.3)
    assert there == {1000.0}


def test_events_of_repeaters_add_up_and_are_undone_one_by_one() -> None:
    plant = calm()
    for event in (RepeaterDropChange(0, -2.0), RepeaterShorted(1), RepeaterDropChange(0, -1.0)):
        plant.apply(event)
    assert sum_v(plant) == pytest.approx(540 - 40 - 3, abs=0.1)
    assert plant.electrical().repeaters_powered == (True, False, True, True)
    plant.clear(RepeaterShorted(1))
    assert sum_v(plant) == pytest.approx(537, abs=0.1)
    plant.repair()
    assert sum_v(plant) == pytest.approx(540, abs=0.1)
    with pytest.raises(ValueError, match="repeater of the event is 4"):
        plant.apply(RepeaterShorted(4))


def sum_v(plant: Plant) -> float:
    return plant.electrical().voltage_a_v + plant.electrical().voltage_b_v


def test_a_shorted_repeater_leaves_every_fibre_dark_and_a_wrong_tap_no_amplifier() -> None:
    plant = calm()
    plant.apply(TapFault(End.A, 1, transmitted=False, offset_db=-6.0))
    assert plant.amplifier(End.A, 1, Role.PREAMP, 0.0).input_dbm == calm().amplifier(End.A, 1, Role.PREAMP, 0.0).input_dbm
    plant.apply(RepeaterShorted(3))
    assert all(plant.light(pair, direction).dark for pair in (1, 2) for direction in Direction)
