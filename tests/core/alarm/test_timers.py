"""Many deadlines, moved again and again: the earliest is always the one that is given, and what is outdated does not pile up."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from stationd.core.alarm.timers import Timers

NAMES = st.sampled_from("abcdef")
MOVES = st.lists(st.tuples(NAMES, st.none() | st.integers(0, 20).map(float)), max_size=300)


@given(MOVES)
def test_the_earliest_of_the_deadlines_that_stand_is_given_and_of_equal_ones_the_one_that_was_set_first(
    moves: list[tuple[str, float | None]],
) -> None:
    timers, known = Timers[str](), dict[str, tuple[float, int]]()
    for number, (name, t) in enumerate(moves):
        timers.set(name, t)
        if t is None:
            known.pop(name, None)
        elif known.get(name, (None, 0))[0] != t:
            known[name] = (t, number)
        assert timers.of(name) == t
        assert timers.next() == min((each for each, _ in known.values()), default=None)
    order = [(name, known[name][0]) for name in sorted(known, key=known.__getitem__)]
    assert [timers.take(1e9) for _ in order] == order
    assert timers.take(1e9) is None


def test_a_deadline_that_is_moved_a_hundred_thousand_times_leaves_no_trace_of_the_times_before() -> None:
    timers = Timers[str]()
    timers.set("first", 0.5)
    before = sys.getallocatedblocks()
    for number in range(100_000):
        timers.set("moved", 1000.0 - number * 0.001)
    assert sys.getallocatedblocks() - before < 2000
    assert timers.next() == 0.5
    assert timers.take(0.4) is None
    assert [timers.take(2000.0), timers.take(2000.0)] == [("first", 0.5), ("moved", 1000.0 - 99_999 * 0.001)]
