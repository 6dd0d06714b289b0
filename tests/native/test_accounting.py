"""Slots, windows, events and captures: nothing is lost without being counted, and times are believed only as far as they may be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd._sampler import ffi, lib
from tests.native.samplers import FIRST_NS, Sampler, Watch, create, refusal, times

PERIOD_NS = 1_000_000
LOS = Watch(valid=(0, 1000), lost_below=10, back_above=100, lost=(2, 2))


def row(count: int, channels: int = 1) -> list[int]:
    return [count] * channels


# ---------------------------------------------------------------- times


@settings(max_examples=200, deadline=None)
@given(
    rate=st.sampled_from([1, 3, 1000, 9_999, 50_000]),
    gaps=st.lists(st.integers(0, 50) | st.just(10**7), max_size=60),
    jitter=st.lists(st.integers(-40, 40), min_size=60, max_size=60),
)
def test_a_hole_that_only_the_times_show_is_counted_to_the_slot(rate: int, gaps: list[int], jitter: list[int]) -> None:
    sampler = create([LOS], rate_hz=rate, window_slots=17, window_ring=4096, event_ring=4096)
    slots = [0]
    for gap in gaps:
        slots.append(slots[-1] + 1 + gap)
    shakes = [0, *jitter]
    stamps = [FIRST_NS + slot * 10**9 // rate + shakes[place] * 10**9 // rate // 200 for place, slot in enumerate(slots)]
    for stamp in stamps:
        sampler.push([row(500)], [stamp])
    sampler.drain_all()
    stats = sampler.assert_accounted()
    assert (stats.scans, stats.slots, stats.missed) == (len(slots), slots[-1] + 1, slots[-1] + 1 - len(slots))
    told = [(event.slot, event.reference) for event in sampler.events if event.kind == lib.SAMPLER_GAP]
    assert told == [(slots[place] + 1, gap) for place, gap in enumerate(gaps) if gap]


def test_a_time_that_goes_back_or_ahead_of_the_clock_is_not_believed_and_what_follows_is() -> None:
    sampler = create([LOS], window_slots=1, window_ring=64)
    good = list(times(10))
    back = [time - 5_000_000_000 for time in times(10, good[-1] + PERIOD_NS)]
    ahead = [time + 3_600_000_000_000 for time in times(10, good[-1] + 11 * PERIOD_NS)]
    now = good[-1]
    for stamps in (good, back, ahead):
        for stamp in stamps:
            assert sampler.push([row(500)], [stamp], now) == 1
            now += PERIOD_NS
    sampler.drain_all()
    stats = sampler.assert_accounted()
    assert (stats.time_jumps, stats.missed, stats.slots) == (2, 0, 30)
    assert [event.kind for event in sampler.events] == [lib.SAMPLER_TIME_JUMP] * 2
    assert [window.record.first_ns for window in sampler.windows] == [FIRST_NS + number * PERIOD_NS for number in range(30)]
    marked = [place for place, window in enumerate(sampler.windows) if window.record.flags & lib.SAMPLER_TIME_JUMPED]
    assert marked == [10, 20]


@settings(max_examples=300, deadline=None)
@given(
    stamps=st.lists(
        st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**10), 10**10).map(lambda off: FIRST_NS + off) | st.just(0), max_size=60
    ),
    block=st.integers(1, 10),
)
def test_whatever_times_a_source_tells_those_of_the_scans_rise_and_are_not_ahead_of_the_clock(stamps: list[int], block: int) -> None:
    sampler = create([LOS], window_slots=1, window_ring=4096, event_ring=4096)
    now = FIRST_NS
    for begin in range(0, len(stamps), block):
        some = stamps[begin : begin + block]
        now += len(some) * PERIOD_NS
        assert sampler.push([row(500)] * len(some), some, now) == len(some)
        sampler.drain_all()
        told = [window.record.last_ns for window in sampler.windows if window.record.scans]
        assert told == sorted(set(told))
        assert all(time <= now + PERIOD_NS for time in told)
    stats = sampler.assert_accounted()
    assert stats.scans == len(stamps)


def test_one_wrong_time_does_not_hide_a_hole_nor_shift_what_follows() -> None:
    sampler = create([LOS], window_slots=1, window_ring=4096)
    good = list(times(10))
    after = list(times(10, good[-1] + 1000 * PERIOD_NS))
    for stamp, now in [*zip(good, good, strict=True), (good[-1] + 10**13, after[0] - PERIOD_NS), *zip(after, after, strict=True)]:
        sampler.push([row(500)], [stamp], now)
    sampler.drain_all()
    stats = sampler.assert_accounted()
    assert (stats.time_jumps, stats.missed) == (1, 998)
    assert [window.record.first_ns for window in sampler.windows if window.record.scans][-10:] == after


def test_a_first_time_that_cannot_be_is_a_jump_and_no_hole() -> None:
    for first in (0, 1, -5, FIRST_NS - 10**11, FIRST_NS + 10**10):
        sampler = create([LOS])
        for stamp, now in ((first, FIRST_NS), (FIRST_NS + PERIOD_NS, FIRST_NS + PERIOD_NS)):
            sampler.push([row(500)], [stamp], now)
        assert (sampler.statistics().missed, sampler.statistics().time_jumps) == (0, 1)


def test_a_count_that_does_not_fit_is_refused() -> None:
    sampler = create([LOS])
    assert sampler.push([row(2**24)], [FIRST_NS]) == -34  # ERANGE
    assert sampler.statistics().scans == 0


# ---------------------------------------------------------------- windows


def test_windows_that_nobody_takes_are_lost_counted_and_the_rest_stays_right() -> None:
    sampler = create([LOS], window_slots=10, window_ring=4)
    rows = [row(500 + number // 10) for number in range(100)]
    sampler.push(rows, list(times(100)))
    sampler.drain()
    sampler.push([row(700)] * 10, list(times(10, FIRST_NS + 100 * PERIOD_NS)))
    sampler.drain()
    assert [(each.record.number, each.record.lost_before) for each in sampler.windows] == [(0, 0), (1, 0), (2, 0), (3, 0), (10, 6)]
    assert [each.levels[0].sum for each in sampler.windows] == [5000, 5010, 5020, 5030, 7000]
    sampler.assert_accounted()


def test_sums_are_exact_at_the_largest_counts() -> None:
    sampler = create([Watch()] * 2, window_slots=1000)
    sampler.push([[2**24 - 1, -(2**24)]] * 1000, list(times(1000)))
    sampler.drain()
    assert [level.sum for level in sampler.windows[0].levels] == [(2**24 - 1) * 1000, -(2**24) * 1000]


# ---------------------------------------------------------------- captures


def take_capture(sampler: Sampler) -> tuple[Any, list[dict[str, Any]]] | None:
    head, segment = ffi.new("sampler_capture *"), ffi.new("sampler_segment *")
    if lib.sampler_take_capture(sampler.handle, head) == 0:
        return None
    segments = []
    for number in range(head.segments):
        assert lib.sampler_segment_at(sampler.handle, number, segment) == 0
        scans = segment.scans
        counts = [[segment.counts[scan * head.stride + c] for c in range(sampler.channels)] for scan in range(scans)]
        segments.append({"counts": counts, "times": list(segment.times[0:scans]), "slots": list(segment.slots[0:scans])})
    assert lib.sampler_release(sampler.handle) == 0
    return head, segments


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 250), pre=st.integers(0, 60), post=st.integers(0, 60), block=st.integers(1, 70), segment=st.integers(4, 32))
def test_a_capture_holds_every_sample_around_its_trigger_once(at: int, pre: int, post: int, block: int, segment: int) -> None:
    keys = {"segment_scans": segment, "segments": 64, "pre_scans": pre, "post_scans": post, "capture_every": 10**9}
    sampler = create([LOS], capture_on=1 << lib.SAMPLER_LOST, **keys)
    rows = [row(500 + number % 7) for number in range(at)] + [row(5)] * 2 + [row(500 + number % 7) for number in range(200)]
    stamps = list(times(len(rows)))
    for begin in range(0, len(rows), block):
        sampler.push(rows[begin : begin + block], stamps[begin : begin + block])
    taken = take_capture(sampler)
    assert taken is not None
    head, segments = taken
    trigger = at + 1
    assert (head.trigger_slot, head.trigger_ns, head.kind) == (trigger, stamps[trigger], lib.SAMPLER_LOST)
    slots = [slot for each in segments for slot in each["slots"]]
    assert slots == list(range(slots[0], slots[0] + len(slots)))
    assert slots[0] <= max(0, trigger - pre)
    assert slots[-1] >= trigger + max(1, post) - 1
    assert [count for each in segments for count in each["counts"]] == [rows[slot] for slot in slots]
    assert [time for each in segments for time in each["times"]] == [stamps[slot] for slot in slots]
    sampler.assert_accounted()


def test_captures_that_nobody_takes_are_lost_and_counted_and_sampling_goes_on() -> None:
    watch = Watch(valid=(0, 1000), lost_below=10, back_above=100, lost=(1, 1))
    sampler = create([watch], segment_scans=8, segments=8, pre_scans=8, post_scans=8, capture_on=1, capture_ring=2, event_ring=4096)
    rows = [row(5 if number % 20 == 0 else 500) for number in range(1000)]
    sampler.push(rows, list(times(1000)))
    stats = sampler.assert_accounted()
    assert stats.scans == 1000
    assert stats.captures_lost > 0
    assert stats.captures_queued >= 1
    while take_capture(sampler) is not None:
        pass
    sampler.push(rows, list(times(1000, FIRST_NS + 1000 * PERIOD_NS)))
    assert sampler.assert_accounted().captures_queued >= 1


def test_a_gap_can_start_a_capture_and_a_technician_is_always_obeyed() -> None:
    sampler = create([LOS], segment_scans=8, post_scans=4, capture_on=1 << lib.SAMPLER_GAP, capture_every=10**6)
    lib.sampler_tick(sampler.handle, FIRST_NS)
    lib.sampler_tick(sampler.handle, FIRST_NS + 10 * PERIOD_NS)
    for number in range(11, 20):
        lib.sampler_tick(sampler.handle, FIRST_NS + number * PERIOD_NS)
    assert lib.sampler_trigger(sampler.handle) == 0
    for number in range(20, 40):
        lib.sampler_tick(sampler.handle, FIRST_NS + number * PERIOD_NS)
    kinds = []
    while (taken := take_capture(sampler)) is not None:
        kinds.append(taken[0].kind)
    assert kinds == [lib.SAMPLER_GAP, lib.SAMPLER_MANUAL]
    sampler.assert_accounted()


def test_the_reader_may_hold_one_capture_at_a_time() -> None:
    sampler = create([LOS], post_scans=1)
    head = ffi.new("sampler_capture *")
    assert lib.sampler_take_capture(sampler.handle, head) == 0
    assert lib.sampler_release(sampler.handle) < 0
    assert lib.sampler_trigger(sampler.handle) == 0
    assert lib.sampler_trigger(sampler.handle) < 0  # the first is not yet taken
    lib.sampler_tick(sampler.handle, FIRST_NS)
    lib.sampler_tick(sampler.handle, FIRST_NS + PERIOD_NS)
    assert lib.sampler_take_capture(sampler.handle, head) == 1
    assert lib.sampler_take_capture(sampler.handle, head) < 0


# ---------------------------------------------------------------- the clock as pace


@settings(max_examples=100, deadline=None)
@given(rate=st.sampled_from([1, 7, 1000, 30_000]), late=st.lists(st.integers(0, 5_000_000), min_size=1, max_size=50))
def test_turns_that_were_overslept_are_missed_and_never_made_up_for(rate: int, late: list[int]) -> None:
    sampler = create([LOS], rate_hz=rate, event_ring=4096, window_ring=4096)
    lib.sampler_tick(sampler.handle, FIRST_NS)
    now = FIRST_NS
    for microseconds in late:
        now = max(now, lib.sampler_due(sampler.handle)) + microseconds * 1000
        assert lib.sampler_tick(sampler.handle, now) == 1
        assert lib.sampler_tick(sampler.handle, now) == 0
    stats = sampler.assert_accounted()
    assert stats.scans == 1 + len(late)
    assert stats.slots == (now - FIRST_NS) * rate // 10**9 + 1


def test_a_scan_that_is_too_late_marks_its_window_and_the_loop_counts_it() -> None:
    sampler = create([LOS], window_slots=10, late_ns=PERIOD_NS // 2)
    for number in range(30):
        late = PERIOD_NS * 6 // 10 if number == 14 else PERIOD_NS // 10
        lib.sampler_tick(sampler.handle, FIRST_NS + number * PERIOD_NS + (late if number else 0))
    sampler.drain_all()
    assert [bool(window.record.flags & lib.SAMPLER_LATE) for window in sampler.windows] == [False, True, False]
    stats = sampler.statistics()
    assert stats.late == 1
    assert sum(stats.lateness) == 30
    assert stats.lateness_max_ns == PERIOD_NS * 6 // 10


def test_a_block_that_is_handed_over_late_marks_the_window_of_its_newest_scan() -> None:
    sampler = create([LOS], window_slots=10, late_ns=PERIOD_NS)
    for block, late in enumerate((0, 50 * PERIOD_NS, 0)):
        stamps = list(times(10, FIRST_NS + block * 10 * PERIOD_NS))
        sampler.push([row(500)] * 10, stamps, stamps[-1] + late)
    sampler.drain_all()
    assert [bool(window.record.flags & lib.SAMPLER_LATE) for window in sampler.windows] == [False, True, False]


def test_due_times_do_not_drift_over_a_year() -> None:
    sampler = create([LOS], rate_hz=30_000, event_ring=2)
    lib.sampler_tick(sampler.handle, FIRST_NS)
    year = 365 * 24 * 3600
    lib.sampler_tick(sampler.handle, FIRST_NS + year * 10**9)
    assert lib.sampler_due(sampler.handle) == FIRST_NS + year * 10**9 + 33_334
    assert sampler.assert_accounted().slots == year * 30_000 + 1


# ---------------------------------------------------------------- mistakes, and the watch


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"abi": 2}, "abi is 2, this extension has 1"),
        ({"rate_hz": 0}, "rate_hz is 0, it must be 1 to 50000"),
        ({"segments": 1}, "segments is 1, it must be 2 to 1024"),
        ({"post_scans": 64 * 16}, "segments is 16, but a capture of 0 + 1024 scans needs 18 of 64 scans"),
        (
            {"segment_scans": 65536, "segments": 1024},
            "the samples would take 9216 MiB of memory, more than 1024 MiB: fewer segments or scans in them",
        ),
        ({"capture_on": 1 << 10}, "capture_on is 1024, it must be 0 to 1023"),
        ({"pre_scans": 64 * 16}, "pre_scans is 1024, it must be 0 to 960"),
        ({"priority": -1}, "priority is -1, it must be 0 to 99"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_limits(keys: dict[str, int], words: str) -> None:
    assert refusal([LOS], **keys) == words


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (Watch(valid=(10, 5)), "valid_low is above valid_high"),
        (Watch(lost=(4, 3)), "lost_n of lost_m"),
        (Watch(lost=(1, 1), back=(0, 1)), "back_n of back_m"),
        (Watch(lost_below=10, back_above=9, lost=(1, 1)), "back_above is less than lost_below"),
        (Watch(step_slots=5, knots=((0, 0, 0),)), "2 to 16 knots"),
        (Watch(step_slots=5, knots=((0, 0, 0), (0, 0, 0))), "do not rise"),
    ],
)
def test_a_watch_that_cannot_be_is_named_with_its_channel(watch: Watch, words: str) -> None:
    sentence = refusal([LOS, watch])
    assert sentence.startswith("channel 1: ")
    assert words in sentence


def test_another_watch_is_in_force_from_the_next_block_on() -> None:
    from tests.native.samplers import watches

    sampler = create([LOS])
    lib.sampler_tick(sampler.handle, FIRST_NS)
    assert lib.sampler_watch(sampler.handle, watches([Watch(valid=(0, 1000), lost_below=600, back_above=700, lost=(1, 1))])) == 1
    assert lib.sampler_watch(sampler.handle, watches([LOS])) == -11  # EAGAIN: the first is not yet taken
    lib.sampler_tick(sampler.handle, FIRST_NS + PERIOD_NS)
    assert sampler.statistics().generation == 1
    assert lib.sampler_watch(sampler.handle, watches([Watch(valid=(10, 5))])) == -22  # EINVAL
    sampler.push([row(500)], [FIRST_NS + 5 * PERIOD_NS])
    sampler.drain()
    assert lib.SAMPLER_LOST in [event.kind for event in sampler.events]


def test_the_histogram_covers_every_lateness() -> None:
    bounds = [lib.sampler_bucket_ns(bucket) for bucket in range(lib.SAMPLER_BUCKETS)]
    assert bounds == sorted(set(bounds))
    assert bounds[0] == 0
    assert bounds[-1] > 500_000_000
    assert max(b / a for a, b in pairwise(bounds[32:])) < 1.04
