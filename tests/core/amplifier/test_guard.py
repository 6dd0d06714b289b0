"""What an amplifier's own protection does is followed, told and never defeated."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.amplifier.guard import PROTECTING, TABLE, Guard, Guarded, protecting, rows, watch
from stationd.core.amplifier.look import KNOWN_S, RESTART_AFTER_S, Look, look_of
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import GOOD, PointId, Reading, Value
from stationd.core.powerfeed.words import FRESH_S, Seen
from tests.core.amplifier.unit import APR, FAULT, LOST, MODE, OFF, OUTPUT, PLAN, PUMP, SENDING, seen_of

NOW = 500.0
LOOKS: list[tuple[dict[PointId, Value], Look]] = [
    (SENDING, Look.LIT),
    (OFF, Look.OFF),
    (SENDING | {OUTPUT: -45.0}, Look.TRYING),
    (SENDING | {LOST: True}, Look.PULSE),
    (OFF | {LOST: True}, Look.SHUT),
    (SENDING | {APR: True}, Look.REDUCING),
    (OFF | {APR: True}, Look.SHUT),
    (SENDING | {FAULT: True}, Look.FAULT),
    (OFF | {FAULT: True, APR: True, LOST: True}, Look.FAULT),
]


def lives(*steps: dict[PointId, Value], every_s: float = 10.0) -> list[Guarded]:
    guard, told = Guard(), []
    for at, values in enumerate(steps):
        t = NOW + at * every_s
        guard = watch(PLAN, guard, seen_of(values, t), t)
        told.append(guard.state)
    return told


@pytest.mark.parametrize(("values", "look"), LOOKS)
def test_what_is_read_is_one_word(values: dict[PointId, Value], look: Look) -> None:
    assert look_of(PLAN, seen_of(values, NOW), NOW) is look


@pytest.mark.parametrize("missing", [PUMP, LOST, APR, FAULT, OUTPUT])
def test_what_the_unit_should_say_and_does_not_makes_it_unknown(missing: PointId) -> None:
    readings = {point: both for point, both in seen_of(SENDING, NOW).readings.items() if point != missing}
    assert look_of(PLAN, Seen(readings), NOW) is Look.BLIND


@pytest.mark.parametrize("point", [PUMP, LOST, APR, FAULT])
def test_one_damaged_bit_decides_nothing(point: PointId) -> None:
    flipped = seen_of(SENDING | {point: not SENDING[point]}, NOW, before=SENDING)
    assert look_of(PLAN, flipped, NOW) is Look.UNSURE
    assert watch(PLAN, Guard(Guarded.SENDING, 1.0), flipped, NOW) == Guard(Guarded.SENDING, 1.0)


def test_old_readings_are_no_readings() -> None:
    assert look_of(PLAN, seen_of(SENDING, NOW - KNOWN_S), NOW) is Look.BLIND


def test_a_unit_without_a_pump_point_is_told_by_its_light() -> None:
    plan = AmplifierPlan("fp1-preamp", 1, output_dbm=OUTPUT, lost=LOST)
    assert look_of(plan, seen_of({OUTPUT: 3.0, LOST: False}, NOW), NOW) is Look.LIT
    assert look_of(plan, seen_of({OUTPUT: -45.0, LOST: True}, NOW), NOW) is Look.SHUT


def test_every_state_answers_every_look() -> None:
    assert set(TABLE) == set(product(Guarded, Look))
    assert all(state != after for state, _, after in rows())


def test_a_shut_down_unit_is_followed_through_its_restart() -> None:
    pulse = SENDING | {LOST: True, OUTPUT: 8.0}
    shut = OFF | {LOST: True}
    assert lives(SENDING, shut, pulse, shut, OFF, SENDING | {OUTPUT: -40.0}, SENDING) == [
        Guarded.SENDING, Guarded.SHUT_DOWN, Guarded.RESTARTING, Guarded.SHUT_DOWN, Guarded.RESTARTING, Guarded.RESTARTING, Guarded.SENDING,
    ]  # fmt: skip


def test_a_unit_that_somebody_has_switched_off_is_dark_and_not_restarting() -> None:
    assert lives(SENDING, OFF) == [Guarded.SENDING, Guarded.DARK]


def test_nobody_waits_for_a_restart_for_ever() -> None:
    guard = watch(PLAN, Guard(Guarded.RESTARTING, NOW), seen_of(OFF, NOW + RESTART_AFTER_S - 1), NOW + RESTART_AFTER_S - 1)
    assert guard.state is Guarded.RESTARTING
    assert guard.restart_after_s == RESTART_AFTER_S
    guard = watch(PLAN, guard, seen_of(OFF, NOW + RESTART_AFTER_S), NOW + RESTART_AFTER_S)
    assert guard == Guard(Guarded.DARK, NOW + RESTART_AFTER_S)
    assert guard.restart_after_s is None


def test_the_time_since_is_that_of_the_change() -> None:
    guard = watch(PLAN, Guard(), seen_of(SENDING, NOW), NOW)
    assert watch(PLAN, guard, seen_of(SENDING, NOW + 60), NOW + 60) == Guard(Guarded.SENDING, NOW)


@pytest.mark.parametrize("state", Guarded)
def test_protection_has_the_say_while_it_reduces_has_shut_down_or_restarts(state: Guarded) -> None:
    assert Guard(state).protecting is (state in {Guarded.REDUCED, Guarded.SHUT_DOWN, Guarded.RESTARTING})
    assert Guard(state).protecting is (state in PROTECTING)


def test_what_protects_is_told_with_its_point_and_age() -> None:
    sentence = protecting(PLAN, seen_of(OFF | {LOST: True}, NOW - 0.3), NOW)
    assert sentence == "no light at its input, the unit keeps itself off (fp1-booster.los, 0.3 s ago)"
    reduced = protecting(PLAN, seen_of(SENDING | {APR: True}, NOW), NOW)
    assert reduced == "the unit has reduced its power or shut down by itself (fp1-booster.apr_active, 0.0 s ago)"


def test_one_reading_is_enough_to_refuse() -> None:
    assert protecting(PLAN, seen_of(SENDING | {LOST: True}, NOW, before=SENDING), NOW) is not None


def test_a_unit_that_is_well_does_not_protect_itself() -> None:
    assert protecting(PLAN, seen_of(OFF, NOW), NOW) is None
    assert protecting(PLAN, seen_of({PUMP: False, MODE: "apc", LOST: False, APR: False}, NOW), NOW) is None


@given(
    lost=st.lists(st.tuples(st.booleans(), st.floats(0, 40)), max_size=2),
    reduced=st.lists(st.tuples(st.booleans(), st.floats(0, 40)), max_size=2),
)
def test_missing_data_never_says_that_the_protection_is_at_rest(lost: list[tuple[bool, float]], reduced: list[tuple[bool, float]]) -> None:
    def readings(point: PointId, given_: list[tuple[bool, float]]) -> tuple[Reading, ...]:
        ordered = sorted(given_, key=lambda each: -each[1])
        return tuple(Reading(point, value, GOOD, NOW - age) for value, age in ordered)

    seen = Seen({LOST: readings(LOST, lost), APR: readings(APR, reduced)})
    pairs = [([value for value, _ in each], [age for _, age in each]) for each in (lost, reduced)]
    rests = all(values == [False, False] and min(ages) < FRESH_S for values, ages in pairs)
    assert (protecting(PLAN, seen, NOW) is None) is rests
