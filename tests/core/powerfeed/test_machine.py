"""The table of the power feed machine, walked to the last cell."""

from __future__ import annotations

from stationd.core.powerfeed.machine import ENDS, RISING, RUNNING, TABLE, TROUBLE, WAYS, WRONG, Event, Phase, rows, step


def reachable(start: Phase, without: frozenset[Event] = frozenset()) -> set[Phase]:
    found, wave = {start}, [start]
    while wave:
        here = wave.pop()
        new = {step(here, event) for event in Event if event not in without} - found
        found |= new
        wave += new
    return found


def test_every_phase_has_a_cell_for_every_event() -> None:
    assert set(TABLE) == {(phase, event) for phase in Phase for event in Event}
    assert set(WAYS) == set(TROUBLE) == set(Phase)
    assert all(len(cells) == len(WRONG) for cells in TROUBLE.values())


def test_every_phase_is_reachable_from_idle() -> None:
    assert reachable(Phase.IDLE) == set(Phase)


def test_a_person_can_hold_every_running_phase_and_two_readings_beyond_a_limit_trip_it() -> None:
    for phase in RUNNING:
        assert step(phase, Event.HOLD) is Phase.HELD
        assert step(phase, Event.LIMIT) is Phase.TRIPPED
        assert step(phase, Event.TOO_LONG) in (Phase.HELD, Phase.DONE)


def test_everything_unsure_holds_while_current_or_voltage_may_rise() -> None:
    unsure = set(WRONG) - {Event.LIMIT, Event.DEVICE_TRIP}
    for phase in RISING | {Phase.SETTLING, Phase.DESCENDING}:
        assert {step(phase, event) for event in unsure} == {Phase.HELD}


def test_nothing_unsure_stops_an_output_from_going_off() -> None:
    for phase in (Phase.SWITCHING_OFF, Phase.DISCHARGING):
        for event in (Event.STALE, Event.GAP, Event.FAR_LOST, Event.FAR_HELD, Event.DEVIATION, Event.RISE, Event.DEVICE_TRIP):
            assert step(phase, event) is phase


def test_no_ended_operation_ever_moves_again() -> None:
    for phase in ENDS:
        assert {step(phase, event) for event in Event} == {phase}


def test_only_a_persons_word_leads_out_of_a_hold() -> None:
    words = {Event.PREPARE, Event.AWAIT, Event.RAMP, Event.FOLLOW, Event.SETTLE, Event.DESCEND, Event.DISCHARGE, Event.SWITCH}
    leads = {event for event in Event if step(Phase.HELD, event) is not Phase.HELD}
    assert leads <= words | {Event.DEVICE_TRIP}
    assert step(Phase.HELD, Event.LIMIT) is Phase.HELD  # no software trip in steady feed
    assert reachable(Phase.HELD, frozenset(words | {Event.DEVICE_TRIP})) == {Phase.HELD}


def test_nothing_that_descends_or_switches_ever_comes_to_rise_without_a_hold_between() -> None:
    for phase in (Phase.DESCENDING, Phase.SWITCHING_OFF, Phase.DISCHARGING, Phase.SWITCHING):
        found, wave = {phase}, [phase]
        while wave:
            new = {step(wave[0], event) for event in Event} - found - {Phase.HELD}
            wave = [*wave[1:], *new]
            found |= new
        assert not found & RISING


def test_a_ramp_reaches_its_end_only_through_settling_and_a_feed_goes_off_only_through_the_proof_of_discharge() -> None:
    to_done = {phase for phase in Phase for event in Event if step(phase, event) is Phase.DONE and phase is not Phase.DONE}
    assert to_done == {Phase.SETTLING, Phase.DISCHARGING, Phase.SWITCHING}
    assert {phase for phase in Phase if step(phase, Event.IS_OFF) is not phase} == {Phase.SWITCHING_OFF}


def test_rows_name_every_cell_that_changes_something_and_no_other() -> None:
    shown = set(rows())
    assert len(shown) == len(rows()) == sum(cell is not phase for (phase, _), cell in TABLE.items())
    assert all(phase != following for phase, _, following in shown)
