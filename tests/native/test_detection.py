"""What the loop finds on a channel, compared with an oracle that is written as plainly as Python allows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd._sampler import lib
from tests.native.samplers import FIRST_NS, Sampler, Watch, create, times, watches

PERIOD_NS = 1_000_000
DARK, DIM, LIT, DEAD, BLINDED = 5, 50, 500, -1, 1001
WATCH = Watch(valid=(0, 1000), lost_below=10, back_above=100, lost=(3, 5), back=(2, 2))


@dataclass
class Oracle:
    """One channel: the last M samples that are news, oldest first, each with its time."""

    watch: Watch
    dark: bool = False
    saturated: bool = False
    news: deque[tuple[bool, int]] = field(default_factory=deque)
    outside: list[int] = field(default_factory=list)
    inside: list[int] = field(default_factory=list)
    found: list[tuple[int, int, int]] = field(default_factory=list)  # kind, time of the deciding sample, time of the first

    def gap(self) -> None:
        self.inside.clear()
        self.outside.clear()
        if self.dark:
            self.news.clear()

    def sample(self, count: int, time: int) -> None:
        low, high = self.watch.valid
        enough = max(1, self.watch.lost[1])
        if not low <= count <= high:
            self.inside.clear()
            self.outside.append(time)
            if not self.saturated and len(self.outside) >= enough:
                self.saturated = True
                self.found.append((lib.SAMPLER_SATURATED, time, self.outside[0]))
            return
        self.outside.clear()
        if self.saturated:
            self.inside.append(time)
            if len(self.inside) >= enough:
                self.saturated = False
                self.found.append((lib.SAMPLER_SATURATED_END, time, self.inside[0]))
                self.inside.clear()
        self._light(count, time)

    def _light(self, count: int, time: int) -> None:
        if not self.watch.lost[0]:
            return
        n, m = self.watch.back if self.dark else self.watch.lost
        counts = count > self.watch.back_above if self.dark else count < self.watch.lost_below
        self.news.append((counts, time))
        while len(self.news) > m:
            self.news.popleft()
        hits = [when for hit, when in self.news if hit]
        if len(hits) >= n:
            self.dark = not self.dark
            self.news.clear()
            self.found.append((lib.SAMPLER_LOST if self.dark else lib.SAMPLER_BACK, time, hits[0]))


def n_of_m(draw: st.DrawFn) -> tuple[int, int]:
    m = draw(st.integers(1, 32))
    return draw(st.integers(1, m)), m


@st.composite
def any_watch(draw: st.DrawFn) -> Watch:
    lost = draw(st.just((0, 0)) | st.builds(lambda: n_of_m(draw)))
    return Watch((0, 1000), 10, draw(st.sampled_from([10, 100])), lost, n_of_m(draw))


counts = st.sampled_from([DARK, DARK, DARK, 9, 10, DIM, 100, 101, LIT, LIT, DEAD, BLINDED, 0, 1000])
steps = st.lists(st.tuples(st.lists(counts, min_size=3, max_size=3), st.sampled_from([0, 0, 0, 0, 0, 0, 1, 7])), max_size=200)


@settings(max_examples=300, deadline=None)
@given(
    watch=st.lists(any_watch(), min_size=3, max_size=3),
    steps=steps,
    first_slot=st.sampled_from([0, 2**64 - 1, 2**64 - 50, 2**63]),
    window=st.integers(1, 50),
    block=st.integers(1, 40),
)
def test_loss_and_return_of_light_are_those_of_the_oracle(
    watch: list[Watch], steps: list[tuple[list[int], int]], first_slot: int, window: int, block: int
) -> None:
    sampler = create(watch, first_slot=first_slot, window_slots=window, window_ring=4096, event_ring=4096, segment_scans=block)
    oracles = [Oracle(each) for each in watch]
    slot = 0
    rows, stamps, slots = [], [], {}
    for row, missing in steps:
        skipped = missing if rows else 0
        slot += 1 + skipped
        time = FIRST_NS + slot * PERIOD_NS
        slots[time] = (first_slot + slot - 1) % 2**64
        for oracle, count in zip(oracles, row, strict=True):
            if skipped:
                oracle.gap()
            oracle.sample(count, time)
        rows.append(row)
        stamps.append(time)
    for begin in range(0, len(rows), block):
        assert sampler.push(rows[begin : begin + block], stamps[begin : begin + block]) == len(rows[begin : begin + block])
        sampler.drain_all()
    for channel, oracle in enumerate(oracles):
        mine = [(e.kind, e.sample_ns, e.since_ns) for e in sampler.events if e.channel == channel]
        assert mine == oracle.found
        assert all(e.slot == slots[e.sample_ns] for e in sampler.events if e.channel == channel)
        assert bool(sampler.dark >> channel & 1) == oracle.dark
    stats = sampler.assert_accounted()
    assert (stats.scans, stats.slots) == (len(rows), slot)
    assert_windows_tell_the_same(sampler, rows, slot, window)


def assert_windows_tell_the_same(sampler: Sampler, rows: list[list[int]], slots: int, window: int) -> None:
    taken = 0
    for each in sampler.windows:
        own = rows[taken : taken + each.record.scans]
        taken += each.record.scans
        assert each.record.scans + each.record.missed >= window
        assert bool(each.record.flags & lib.SAMPLER_MISSED) == (each.record.missed > 0)
        for channel, level in enumerate(each.levels):
            column = [row[channel] for row in own]
            assert level.sum == sum(column)
            assert (level.min, level.max) == ((min(column), max(column)) if column else (0, 0))
            assert level.saturated == sum(not 0 <= count <= 1000 for count in column)
    assert [each.record.number for each in sampler.windows] == list(range(len(sampler.windows)))
    accounted = sum(each.record.scans + each.record.missed for each in sampler.windows)
    assert slots - accounted < window


@pytest.mark.parametrize("n", [1, 2, 3, 8, 32])
def test_light_is_found_lost_exactly_n_minus_1_samples_after_the_crossing(n: int) -> None:
    sampler = create([Watch(valid=(0, 1000), lost_below=10, back_above=100, lost=(n, n))] * 96)
    rows = [[LIT] * 96] * 100 + [[DARK] * 96] * 50
    stamps = list(times(150))
    assert sampler.push(rows, stamps) == 150
    sampler.drain(events=200)
    lost = [event for event in sampler.events if event.kind == lib.SAMPLER_LOST]
    assert len(lost) == 96
    assert {(event.slot, event.sample_ns, event.since_ns) for event in lost} == {(100 + n - 1, stamps[100 + n - 1], stamps[100])}


def test_a_dead_converter_is_not_darkness_and_does_not_clear_it() -> None:
    sampler = create([WATCH])
    rows = [[LIT]] * 10 + [[DEAD]] * 10 + [[LIT]] * 10 + [[DARK]] * 5 + [[BLINDED]] * 10
    sampler.push(rows, list(times(len(rows))))
    sampler.drain()
    kinds = [event.kind for event in sampler.events]
    assert kinds == [lib.SAMPLER_SATURATED, lib.SAMPLER_SATURATED_END, lib.SAMPLER_LOST, lib.SAMPLER_SATURATED]
    assert sampler.dark == 1


def test_missing_samples_never_help_to_clear_a_loss() -> None:
    sampler = create([WATCH])
    dark, lit = [[DARK]] * 10, [[LIT]]
    begin = list(times(11))
    sampler.push(dark + lit, begin)
    sampler.push(lit, [begin[-1] + 20 * PERIOD_NS])
    sampler.drain()
    assert sampler.dark == 1
    sampler.push(lit, [begin[-1] + 21 * PERIOD_NS])
    sampler.drain()
    assert sampler.dark == 0


def test_a_loss_shorter_than_a_window_is_seen_in_it_even_when_its_events_were_lost() -> None:
    sampler = create([WATCH] * 3, event_ring=2)
    rows = ([[LIT] * 3] * 5 + [[DARK] * 3] * 5 + [[LIT] * 3] * 5) * 3
    rows += [[LIT] * 3] * (100 - len(rows))
    sampler.push(rows, list(times(100)))
    sampler.drain()
    assert sampler.statistics().events_lost > 0
    assert (sampler.dark, sampler.latch) == (0, 7)
    assert all(level.flags & lib.SAMPLER_WAS_DARK and not level.flags & lib.SAMPLER_IS_DARK for level in sampler.windows[0].levels)


def test_an_event_that_gets_through_says_how_many_were_lost_before_it() -> None:
    sampler = create([WATCH], event_ring=2)
    flicker = [[DARK]] * 5 + [[LIT]] * 5
    sampler.push(flicker * 4, list(times(40)))
    sampler.drain()
    sampler.push(flicker, list(times(10, FIRST_NS + 40 * PERIOD_NS)))
    sampler.drain()
    assert [(event.number, event.lost_before) for event in sampler.events] == [(0, 0), (1, 0), (8, 6), (9, 0)]
    sampler.assert_accounted()


def test_a_flapping_channel_is_limited_and_its_state_stays_right() -> None:
    sampler = create([WATCH, WATCH], event_burst=4, event_every=1000, event_ring=4096)
    rows = ([[DARK, LIT]] * 5 + [[LIT, LIT]] * 5) * 20 + [[DARK, DARK]] * 5
    sampler.push(rows, list(times(len(rows))))
    sampler.drain_all()
    assert sum(event.channel == 0 for event in sampler.events) == 4
    assert sum(event.channel == 1 for event in sampler.events) == 1
    assert sampler.dark == 3
    assert sampler.assert_accounted().events_limited == 37
    assert sampler.windows[0].levels[0].flags & lib.SAMPLER_IS_LIMITED
    assert not sampler.windows[0].levels[1].flags & lib.SAMPLER_IS_LIMITED


def test_a_count_on_the_limit_is_neither_dark_nor_lit_again() -> None:
    sampler = create([Watch(valid=(0, 1000), lost_below=10, back_above=100, lost=(2, 3), back=(2, 3))])
    sampler.push([[9], [10], [10], [9], [9], [101], [100], [100], [101], [101]], list(times(10)))
    sampler.drain()
    assert [(event.kind, event.slot) for event in sampler.events] == [(lib.SAMPLER_LOST, 4), (lib.SAMPLER_BACK, 9)]


def test_what_is_missing_is_no_part_of_a_row() -> None:
    watch = Watch((0, 1000), 10, 100, (3, 3), (3, 3), 50, 3, ((0, -20, 20), (1000, 900, 1100)))
    sampler = create([watch])
    rows = [[500]] * 60 + [[DEAD]] * 2 + [[700]] * 2
    sampler.push(rows[:62], list(times(62)))
    after = FIRST_NS + 70 * PERIOD_NS
    sampler.push([[DEAD]] * 2 + [[500]] * 60, list(times(62, after)))
    sampler.push([[700]] * 2, list(times(2, after + 62 * PERIOD_NS)))
    sampler.push([[700]], [after + 70 * PERIOD_NS])
    sampler.drain()
    assert [event.kind for event in sampler.events if event.kind != lib.SAMPLER_GAP] == []


def test_other_limits_begin_with_an_empty_history() -> None:
    sampler = create([WATCH])
    lib.sampler_tick(sampler.handle, FIRST_NS)
    sampler.push([[DARK]] * 2, list(times(2, FIRST_NS + PERIOD_NS)))
    assert lib.sampler_watch(sampler.handle, watches([Watch(valid=(0, 1000), lost_below=10, back_above=100, lost=(2, 5))])) == 1
    lib.sampler_tick(sampler.handle, FIRST_NS + 10 * PERIOD_NS)
    sampler.push([[LIT]], [FIRST_NS + 20 * PERIOD_NS])
    sampler.drain()
    assert lib.SAMPLER_LOST not in [event.kind for event in sampler.events]
    assert lib.sampler_watch(sampler.handle, watches([Watch(valid=(0, 1000))])) == -22  # EINVAL: it would cease to look


def test_losses_are_counted_for_each_channel_even_when_their_events_are_not_made() -> None:
    sampler = create([WATCH, WATCH], event_burst=1, event_every=10**6)
    sampler.push(([[DARK, LIT]] * 5 + [[LIT, LIT]] * 5) * 7, list(times(70)))
    drained = sampler.drain()
    assert list(drained.losses[0:2]) == [7, 0]


# ---------------------------------------------------------------- steps

LINEAR = ((0, -20, 20), (1000, 900, 1100))  # a tenth of the level at 1000, never less than 20


def step_watch(scans: int = 3, slots: int = 50) -> Watch:
    return Watch(step_slots=slots, step_scans=scans, knots=LINEAR)


def test_a_step_is_found_after_so_many_scans_with_the_level_before_it() -> None:
    sampler = create([step_watch()])
    rows = [[1000]] * 120 + [[880]] * 120
    stamps = list(times(240))
    sampler.push(rows, stamps)
    sampler.drain()
    (event,) = sampler.events
    assert (event.kind, event.count, event.reference) == (lib.SAMPLER_STEP_DOWN, 880, 1000)
    assert (event.since_ns, event.sample_ns) == (stamps[120], stamps[122])


@settings(max_examples=60, deadline=None)
@given(place=st.integers(100, 299), up=st.booleans(), scans=st.integers(1, 8))
def test_a_step_is_found_once_wherever_it_lies_in_a_block(place: int, up: bool, scans: int) -> None:
    sampler = create([step_watch(scans)])
    after = 1120 if up else 880
    rows = [[1000]] * place + [[after]] * (400 - place)
    stamps = list(times(400))
    sampler.push(rows, stamps)
    sampler.drain()
    assert [(e.kind, e.since_ns) for e in sampler.events] == [(lib.SAMPLER_STEP_UP if up else lib.SAMPLER_STEP_DOWN, stamps[place])]


def test_a_count_that_is_still_but_another_one_is_not_stuck() -> None:
    sampler = create([WATCH], stuck_scans=250)
    sampler.push([[LIT + number // 200] for number in range(800)], list(times(800)))
    sampler.drain()
    assert sampler.events == []


def test_a_dead_count_or_an_unfinished_run_gives_no_reference_of_steps() -> None:
    both = Watch((0, 2000), step_slots=20, step_scans=8, knots=LINEAR)
    sampler = create([both])
    rows = [[1000]] * 45 + [[-1]] * 2 + [[1000]] * 33 + [[1000]] * 15 + [[700]] * 25
    sampler.push(rows, list(times(len(rows))))
    sampler.drain()
    steps = [(event.kind, event.reference) for event in sampler.events if event.kind in (lib.SAMPLER_STEP_DOWN, lib.SAMPLER_STEP_UP)]
    assert steps == [(lib.SAMPLER_STEP_DOWN, 1000)]


def test_a_glitch_shorter_than_asked_and_a_slow_drift_are_no_steps() -> None:
    sampler = create([step_watch(scans=3, slots=20)])
    rows = [[1000]] * 50 + [[500]] * 2 + [[1000]] * 50 + [[1000 - number // 4] for number in range(1200)]
    sampler.push(rows, list(times(len(rows))))
    sampler.drain()
    assert sampler.events == []


def test_a_change_within_the_window_of_steps_is_found_although_each_sample_moves_little() -> None:
    sampler = create([step_watch(scans=3, slots=50)])
    rows = [[1000]] * 100 + [[1000 - 3 * number] for number in range(50)] + [[850]] * 100
    sampler.push(rows, list(times(len(rows))))
    sampler.drain()
    assert lib.SAMPLER_STEP_DOWN in [event.kind for event in sampler.events]


def test_no_steps_are_looked_for_in_darkness() -> None:
    both = Watch((0, 2000), 10, 100, (3, 3), (3, 3), 20, 5, LINEAR)
    sampler = create([both])
    dark = [[number % 2 * 9] for number in range(100)]
    sampler.push([[1000]] * 60 + dark + [[1000]] * 60, list(times(220)))
    sampler.drain()
    assert [event.kind for event in sampler.events] == [lib.SAMPLER_LOST, lib.SAMPLER_BACK]


# ---------------------------------------------------------------- stuck


def test_a_count_that_never_changes_is_stuck_until_it_moves() -> None:
    sampler = create([WATCH, WATCH], stuck_scans=300)
    rows = [[LIT, LIT + number % 2] for number in range(400)] + [[LIT + number % 2, LIT] for number in range(100)]
    sampler.push(rows, list(times(500)))
    sampler.drain()
    assert [(event.kind, event.channel) for event in sampler.events] == [(lib.SAMPLER_STUCK, 0), (lib.SAMPLER_STUCK_END, 0)]
    assert sampler.events[0].since_ns == FIRST_NS
    assert sampler.events[1].since_ns == FIRST_NS + 400 * PERIOD_NS
    assert [bool(window.levels[0].flags & lib.SAMPLER_IS_STUCK) for window in sampler.windows] == [False, False, True, True, False]
