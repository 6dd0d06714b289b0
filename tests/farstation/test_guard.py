from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.farstation.guard import Difference, Guard, difference
from stationd.farstation.words import Message, Result
from stationd.outputs.document import Mode
from tests.farstation.ends import EXPECTED, NOW, message


def judged(guard: Guard, said: Message, utc_s: float | None = None, clocks: Difference | None = None) -> Result:
    rejection = guard.judge(said, said.sent_utc_s if utc_s is None else utc_s, clocks)
    return Result.ACCEPTED if rejection is None else rejection.result


def test_the_sequence_of_a_run_only_rises() -> None:
    guard = Guard(EXPECTED)
    assert judged(guard, message(5)) is Result.ACCEPTED
    assert judged(guard, message(5)) is Result.REPLAYED
    assert judged(guard, message(4)) is Result.OUT_OF_ORDER
    assert judged(guard, message(9, NOW + 1)) is Result.ACCEPTED
    assert judged(guard, message(5)) is Result.REPLAYED
    assert judged(guard, message(8, NOW + 1)) is Result.OUT_OF_ORDER
    assert judged(guard, message(10, NOW + 2)) is Result.ACCEPTED


def test_another_run_is_believed_only_when_it_was_sent_later_and_an_earlier_run_never_comes_back() -> None:
    guard = Guard(EXPECTED)
    assert judged(guard, message(50, NOW, "run-1")) is Result.ACCEPTED
    assert judged(guard, message(1, NOW, "run-2")) is Result.REPLAYED
    assert judged(guard, message(1, NOW - 0.1, "run-2")) is Result.REPLAYED
    assert judged(guard, message(1, NOW + 0.1, "run-2")) is Result.ACCEPTED
    assert judged(guard, message(51, NOW + 1.0, "run-1")) is Result.OUT_OF_ORDER
    assert judged(guard, message(2, NOW + 1.1, "run-2")) is Result.ACCEPTED


def test_a_reader_that_has_just_started_believes_nothing_that_is_older_than_the_limit() -> None:
    recorded = message(7)
    assert judged(Guard(EXPECTED), recorded, NOW + 2.1) is Result.TOO_OLD
    restarted = Guard(EXPECTED)  # within the limit it is as good as fresh, once, and holds nothing up
    assert judged(restarted, recorded, NOW + 1.9) is Result.ACCEPTED
    assert judged(restarted, recorded, NOW + 1.9) is Result.REPLAYED
    assert judged(restarted, message(9, NOW + 1.9)) is Result.ACCEPTED


@pytest.mark.parametrize(
    ("ahead_s", "result", "said"),
    [(5.0, Result.FROM_THE_FUTURE, "5.0 s"), (-5.0, Result.TOO_OLD, "5.0 s"), (1.0, Result.ACCEPTED, ""), (-2.0, Result.ACCEPTED, "")],
)
def test_a_far_clock_that_is_wrong_is_refused_and_it_is_said_by_how_much(ahead_s: float, result: Result, said: str) -> None:
    rejection = Guard(EXPECTED).judge(message(1, NOW + ahead_s), NOW)
    assert (rejection.result if rejection else Result.ACCEPTED) is result
    assert said in (rejection.detail if rejection else "")


def test_a_slow_way_hides_no_wrong_clock_that_a_round_trip_shows() -> None:
    patient = replace(EXPECTED, max_age_s=10.0)
    behind = message(1, NOW - 5.0)
    assert judged(Guard(patient), behind, NOW) is Result.ACCEPTED  # nothing tells a slow way from a wrong clock
    assert judged(Guard(patient), behind, NOW, Difference(-5.0, 0.1)) is Result.WRONG_CLOCK
    assert judged(Guard(patient), behind, NOW, Difference(-5.0, 4.5)) is Result.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"station": "aktau"}, Result.OUR_OWN),
        ({"station": "kuryk"}, Result.WRONG_STATION),
        ({"line": "kb"}, Result.WRONG_LINE),
        ({"mode": Mode.LIVE}, Result.WRONG_MODE),
    ],
)
def test_who_is_not_the_far_end_of_this_line_is_not_believed(changes: dict[str, Any], result: Result) -> None:
    guard = Guard(EXPECTED)
    assert judged(guard, message(1, **changes)) is result
    assert judged(guard, message(1)) is Result.ACCEPTED


def test_what_is_rejected_changes_nothing() -> None:
    guard = Guard(EXPECTED)
    assert judged(guard, message(100, NOW + 60.0), NOW) is Result.FROM_THE_FUTURE
    assert judged(guard, message(99, NOW - 60.0), NOW) is Result.TOO_OLD
    assert judged(guard, message(1, NOW)) is Result.ACCEPTED


@given(st.permutations(range(12)), st.integers(0, 11))
def test_in_whatever_order_messages_come_what_is_believed_rises(order: list[int], again: int) -> None:
    guard = Guard(EXPECTED)
    heard = [*order, order[again]]
    believed = [number for number in heard if judged(guard, message(number, NOW + 0.01 * number), NOW + 0.2) is Result.ACCEPTED]
    assert believed == sorted(set(believed))
    assert believed[-1] == 11


@given(st.floats(-10, 10), st.floats(0, 3), st.floats(0, 3), st.floats(0, 1))
def test_the_difference_of_the_clocks_is_known_to_half_the_round_trip(
    ahead_s: float, there_s: float, back_s: float, thinks_s: float
) -> None:
    heard_s = 100.0 + there_s + ahead_s
    found = difference(100.0, heard_s, heard_s + thinks_s, 100.0 + there_s + thinks_s + back_s)
    if found is None:  # a way that takes no time, within the last digit
        assert there_s + back_s < 1e-9
        return
    assert abs(found.ahead_s - ahead_s) <= found.uncertainty_s + 1e-9
    assert found.at_least_s <= abs(ahead_s) + 1e-9 <= found.at_most_s + 2e-9


def test_times_that_cannot_be_compare_nothing() -> None:
    assert difference(100.0, 200.0, 199.0, 101.0) is None
    assert difference(100.0, 100.1, 105.0, 101.0) is None
