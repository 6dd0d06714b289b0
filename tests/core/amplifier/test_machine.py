"""The table of the amplifier machine, walked through completely, and the properties that can be read from it."""

from __future__ import annotations

from itertools import product

import pytest

from stationd.core.amplifier.machine import ENDS, TABLE, Event, Phase, rows

ACTS = {Phase.WRITING, Phase.PROVING}


def test_every_phase_answers_every_event() -> None:
    assert set(TABLE) == set(product(Phase, Event))


def test_an_end_is_the_end() -> None:
    assert {cell for (phase, _), cell in TABLE.items() if phase in ENDS for cell in [cell] if cell is not phase} == set()


def test_nothing_is_written_but_after_a_person_let_it() -> None:
    entries = {event for (phase, event), cell in TABLE.items() if cell is Phase.WRITING and phase is not Phase.WRITING}
    assert entries == {Event.GO}


def test_only_proof_reaches() -> None:
    assert {(phase, event) for (phase, event), cell in TABLE.items() if cell is Phase.REACHED and phase not in ENDS} == {
        (Phase.PROVING, Event.AGREES)
    }


@pytest.mark.parametrize("phase", [each for each in Phase if each not in ENDS])
def test_everything_that_goes_on_can_be_held_and_ended_by_the_unit_itself(phase: Phase) -> None:
    assert TABLE[phase, Event.HOLD] is Phase.HELD
    assert TABLE[phase, Event.PROTECTS] is Phase.TRIPPED


def test_held_goes_on_by_people_alone() -> None:
    left = {event for event in Event if TABLE[Phase.HELD, event] in ACTS}
    assert left == {Event.GO, Event.GO_THERE}


def test_blindness_lets_nothing_out() -> None:
    assert {TABLE[phase, Event.GO_BLIND] for phase in (Phase.IDLE, Phase.HELD, Phase.WRITING)} == {Phase.HELD}


def test_every_phase_can_be_reached_and_every_one_has_a_way_to_an_end() -> None:
    reached, ahead = set(), [Phase.IDLE]
    while ahead:
        phase = ahead.pop()
        if phase not in reached:
            reached.add(phase)
            ahead += [TABLE[phase, event] for event in Event]
    assert reached == set(Phase)


def test_the_picture_shows_what_changes_and_nothing_else() -> None:
    assert ("idle", "go", "writing") in rows()
    assert all(phase != after for phase, _, after in rows())
