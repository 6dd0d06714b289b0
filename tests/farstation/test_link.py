from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from stationd.core.alarm.words import Signal
from stationd.core.line.far import FarSilent
from stationd.core.line.words import Feed, Regulation
from stationd.core.model import Level, LinkChanged
from stationd.core.watch.line_watch import NearEnd
from stationd.farstation.link import LOST, REJECTED
from stationd.farstation.message import decoded, encoded
from stationd.farstation.words import Heard, Message, Rejection, Result, Share
from tests import virtual_time
from tests.farstation.ends import KEY, NOW, Replayed, Station, Way, message, retained, silent, station, unsigned, usual

OTHER_KEY = b"the key of somebody else"


class Line:
    """Both ends and what lies between them."""

    def __init__(self, far_key: bytes = KEY, shared: frozenset[Share] = frozenset(Share)) -> None:
        self.ours = Way()
        self.theirs = Way(other=self.ours)
        self.ours.other = self.theirs
        self.here = station("aktau", "siyazan", self.ours)
        self.far = station("siyazan", "aktau", self.theirs, far_key, shared=shared)

    @contextlib.asynccontextmanager
    async def running(self, *ends: Station) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(end.link.run()) for end in ends or (self.here, self.far)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def after(seconds: float, prepare: Callable[[Line], None] = lambda line: None, **made: Any) -> Line:
    """Return a line whose ends have spoken for so long."""

    async def live() -> Line:
        line = Line(**made)
        prepare(line)
        async with line.running():
            await asyncio.sleep(seconds)
        return line

    return virtual_time.run(live())


def results(end: Station) -> dict[Result, int]:
    return {result: count for result, count in end.link.statistics.results.items() if count}


def written(t: float) -> str:
    """Return a second of virtual time as it is told to people."""
    return datetime.fromtimestamp(NOW + t - 1000.0, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def test_each_end_knows_the_other_within_a_second_and_then_once_a_second() -> None:
    line = after(10.5)
    for end in (line.here, line.far):
        assert 10 <= len(end.post.lines) <= 11
        assert results(end) == {Result.ACCEPTED: len(end.post.lines)}
    first = line.here.post.lines[0]
    assert first.feed is not None
    assert first.feed == Feed(1000.1, 250.4, first.feed.t, True, Regulation.CURRENT, first.uncertainty_s)
    assert first.feed.t == pytest.approx(first.t - 0.3, abs=1e-5)
    assert first.received - first.t == pytest.approx(0.03, abs=1e-5)
    assert first.light[2].lost
    assert first.light[2].lost_t == pytest.approx(990.0, abs=1e-5)
    assert first.events[0].t == pytest.approx(990.0, abs=1e-5)
    assert first.shared == {share.value for share in Share}


def test_the_far_end_is_unknown_at_the_start_and_says_so_once() -> None:
    line = after(8.0, lambda line: setattr(line.theirs, "passes", silent))
    assert [silence.why for silence in line.here.post.silences] == ["no valid message has come since the start"]
    assert not line.here.post.lines
    assert [signal.active for signal in line.here.post.signals(LOST)] == [True]


def test_nobody_is_called_at_a_start_until_both_ends_can_have_found_each_other() -> None:
    assert not after(4.5, lambda line: setattr(line.theirs, "passes", silent)).here.post.signals(LOST)
    assert [signal.active for signal in after(8.0).here.post.signals(LOST)] == [False]


def test_a_far_end_that_falls_silent_is_unknown_after_the_limit_and_known_again_at_once() -> None:
    async def live() -> Line:
        line = Line()
        async with line.running():
            await asyncio.sleep(5.5)
            line.theirs.passes = silent
            await asyncio.sleep(5.0)
            line.theirs.passes = usual
            await asyncio.sleep(2.0)
        return line

    here = virtual_time.run(live()).here
    (_, silence), before = here.post.silences, [line for line in here.post.lines if line.t < 1005.5]
    assert silence.t == pytest.approx(before[-1].t + 2.0, abs=0.01)
    assert silence.why == f"no valid message since {written(1005.03)}"
    assert [signal.active for signal in here.post.signals(LOST)] == [False, True, False]
    assert [change.up for change in here.post.of(LinkChanged)] == [False, True, False, True]
    assert here.link.statistics.heard


def test_what_is_rejected_after_the_silence_began_is_told_as_its_reason_once() -> None:
    async def live() -> Line:
        line = Line()
        async with line.running():
            await asyncio.sleep(5.5)
            line.theirs.passes = silent
            await asyncio.sleep(5.0)
            line.theirs.passes = unsigned
            await asyncio.sleep(5.0)
        return line

    here = virtual_time.run(live()).here
    told = [silence.why for silence in here.post.silences[1:]]
    assert len(told) == 2
    assert told[0] == f"no valid message since {written(1005.03)}"
    assert told[1].startswith(f"{told[0]}; the last message was rejected (unsigned)")
    assert here.link.statistics.received_t == pytest.approx(1005.03, abs=0.01)
    assert here.link.statistics.shared == frozenset(share.value for share in Share)


def test_without_a_key_the_far_end_is_unknown_for_that_reason_and_nothing_is_said_or_believed() -> None:
    line = after(8.0, prepare=lambda line: setattr(line, "here", station("aktau", "siyazan", line.ours, b"", no_key="file:/x: is empty")))
    here = line.here
    assert [silence.why for silence in here.post.silences] == ["no key: file:/x: is empty"]
    assert [(signal.active, signal.note) for signal in here.post.signals(LOST)] == [(True, "no key: file:/x: is empty")]
    assert (line.ours.sent, line.ours.readers, here.post.lines) == ([], {}, [])
    assert here.link.statistics.why == "no key: file:/x: is empty"


@pytest.mark.parametrize(("passes", "result"), [(unsigned, Result.UNSIGNED), (retained, Result.RETAINED)])
def test_what_is_not_signed_or_was_kept_by_the_broker_is_counted_and_known_to_nobody(passes: Any, result: Result) -> None:
    line = after(5.0, lambda line: setattr(line.theirs, "passes", passes))
    assert results(line.here) == {result: 5}
    assert not line.here.post.lines
    assert not [each for _, each in line.here.post.taken if not isinstance(each, Signal | LinkChanged | FarSilent)]


def test_the_messages_of_another_key_are_counted_and_known_to_nobody() -> None:
    line = after(8.0, far_key=OTHER_KEY)
    for end in (line.here, line.far):
        assert results(end).keys() == {Result.WRONG_SIGNATURE}
        assert [signal.active for signal in end.post.signals(LOST)] == [True]
        assert "wrong-signature" in end.post.signals(LOST)[0].note
        assert not end.post.lines


def test_what_is_replayed_keeps_nothing_alive() -> None:
    line = after(10.5, lambda line: setattr(line.theirs, "passes", Replayed(4)))
    assert results(line.here)[Result.ACCEPTED] == 4
    assert not line.here.link.statistics.heard
    assert "rejected" in line.here.post.silences[-1].why


@pytest.mark.parametrize("ahead_s", [5.0, -5.0])
def test_a_far_clock_that_is_five_seconds_wrong_makes_the_far_end_unknown_and_it_is_said_by_how_much(ahead_s: float) -> None:
    line = after(6.0, lambda line: setattr(line.far.clock, "ahead_s", ahead_s))
    for end in (line.here, line.far):
        assert not end.post.lines
        assert [signal.active for signal in end.post.signals(REJECTED)] == [True]
    assert "5.0 s" in line.here.post.signals(REJECTED)[0].note


def test_a_clock_that_is_set_while_we_listen_makes_the_far_end_unknown_and_then_known() -> None:
    async def live() -> Line:
        line = Line()
        async with line.running():
            await asyncio.sleep(5.5)
            line.far.clock.ahead_s = 10 * 365 * 86_400.0
            await asyncio.sleep(5.0)
            assert not line.here.link.statistics.heard
            line.far.clock.ahead_s = 0.0
            await asyncio.sleep(3.0)
        return line

    here = virtual_time.run(live()).here
    assert here.link.statistics.heard
    assert all(0.0 <= line.received - line.t < 0.1 for line in here.post.lines)


def test_the_clocks_of_both_ends_are_compared_by_a_round_trip() -> None:
    line = after(5.0, lambda line: setattr(line.far.clock, "ahead_s", 0.4))
    clocks = line.here.link.statistics.clocks
    assert clocks is not None
    assert clocks.ahead_s == pytest.approx(0.4, abs=1e-5)
    assert clocks.uncertainty_s == pytest.approx(0.03, abs=1e-5)


def test_times_are_known_as_well_as_the_best_of_kernels_and_round_trip_says() -> None:
    synchronised = after(5.0).here.post.lines
    assert synchronised[-1].uncertainty_s == pytest.approx(0.03, abs=1e-4)  # 0.04 by both kernels

    def unsynchronised(line: Line) -> None:
        line.far.clock.synchronised, line.far.clock.uncertainty_s, line.far.clock.ahead_s = False, None, 0.5

    lines = after(5.0, unsynchronised).here.post.lines
    assert lines[0].uncertainty_s == 3.0
    assert lines[-1].uncertainty_s == pytest.approx(0.53, abs=1e-4)


def test_what_an_operator_does_not_share_is_unknown_at_the_other_end() -> None:
    line = after(3.0, shared=frozenset({Share.LIGHT}))
    last = line.here.post.lines[-1]
    assert last.shared == {"light"}
    assert last.feed is None
    assert [last.events, last.alarms, last.holds] == [(), (), ()]
    assert last.light[1].receive_dbm == -21.5
    for _, _, payload in line.theirs.sent:
        assert b"1000.1" not in payload


@pytest.mark.parametrize("hidden", Share)
def test_each_part_that_is_not_shared_is_left_out_alone(hidden: Share) -> None:
    last = after(3.0, shared=frozenset(Share) - {hidden}).here.post.lines[-1]
    parts = {Share.FEED: last.feed, Share.LIGHT: last.light, Share.EVENTS: last.events}
    assert [share for share, part in parts.items() if not part] == [share for share in parts if share is hidden]


def test_the_echo_of_a_message_that_was_sent_long_ago_compares_no_clocks() -> None:
    async def compared(sequence: int) -> bool:
        line = Line()
        line.here = station("aktau", "siyazan", line.ours, boot="ours")
        async with line.running(line.here):
            await asyncio.sleep(99.5)
            now = line.here.clock().utc_s
            line.here.link.receive(encoded(message(1, now, heard=Heard("ours", sequence, now - 0.1)), KEY), False)
        return line.here.link.statistics.clocks is not None

    assert virtual_time.run(compared(100))
    assert not virtual_time.run(compared(1))
    assert not virtual_time.run(compared(101))


def test_a_feed_that_cannot_be_read_is_told_as_unknown_never_as_zero() -> None:
    line = after(3.0, lambda line: setattr(line.far.known, "near", NearEnd(None)))
    assert line.here.post.lines[-1].feed is None
    said = decoded(line.theirs.sent[-1][2], KEY)
    assert isinstance(said, Message)
    assert said.feed is not None
    assert (said.feed.current.value, said.feed.current.level) == (None, Level.BAD)
    assert not line.here.post.readings("siyazan.output_current")


@pytest.mark.parametrize(("old_s", "known"), [(1.9, True), (3.0, False)])
def test_a_far_measurement_may_be_as_old_as_its_message_may_be(old_s: float, known: bool) -> None:
    """2 s in this station's file; the message itself is fresh."""

    async def live() -> Line:
        line = Line()
        said = message(sent=line.here.clock().utc_s)
        assert said.feed is not None
        old = replace(said.feed.voltage, utc_s=said.sent_utc_s - old_s)
        line.here.link.receive(encoded(replace(said, feed=replace(said.feed, voltage=old)), KEY), False)
        return line

    assert (virtual_time.run(live()).here.post.lines[-1].feed is not None) is known


def test_a_daemon_that_starts_again_is_known_again() -> None:
    async def live() -> Line:
        line = Line()
        async with line.running(line.here):
            async with line.running(line.far):
                await asyncio.sleep(5.5)
            await asyncio.sleep(1.0)
            line.far = station("siyazan", "aktau", line.theirs)
            async with line.running(line.far):
                await asyncio.sleep(3.0)
        return line

    here = virtual_time.run(live()).here
    assert len({line.boot for line in here.post.lines}) == 2
    assert results(here) == {Result.ACCEPTED: len(here.post.lines)}


def test_our_own_message_that_comes_back_is_not_the_far_end() -> None:
    async def live() -> Station:
        line = Line()
        async with line.running(line.here):
            await asyncio.sleep(0.5)
            line.here.link.receive(line.ours.sent[-1][2], False)
        return line.here

    assert results(virtual_time.run(live())) == {Result.OUR_OWN: 1}


def test_a_flood_of_garbage_costs_bounded_memory_two_signals_and_no_valid_message() -> None:
    async def live() -> tuple[Line, int]:
        line = Line()
        async with line.running():
            await asyncio.sleep(3.5)
            garbage = [b"{" + bytes([number % 256]) * 1000 + b"}" for number in range(100)]
            foreign = encoded(message(), OTHER_KEY)
            line.here.link.receive(foreign, False)
            tracemalloc.start()
            for number in range(10_000):
                line.here.link.receive(garbage[number % 100] if number % 2 else foreign, False)
            grown, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            await asyncio.sleep(70.0)
        return line, grown

    line, grown = virtual_time.run(live())
    assert grown < 100_000
    assert results(line.here)[Result.WRONG_SIGNATURE] == 5_001
    assert [signal.active for signal in line.here.post.signals(REJECTED)] == [True, False]
    assert len(line.here.post.lines) >= 73
    assert len(line.here.post.silences) == 1  # that of the start


def test_garbage_without_end_is_one_alarm_and_never_makes_the_far_end_known() -> None:
    async def live() -> Line:
        line = Line()
        async with line.running(line.here):
            for _ in range(600):
                line.here.link.receive(b"{}", False)
                await asyncio.sleep(0.1)
        return line

    here = virtual_time.run(live()).here
    assert [signal.active for signal in here.post.signals(REJECTED)] == [True]
    assert len(here.post.silences) == 1
    assert not here.post.lines


def test_what_a_station_says_can_be_read_by_a_person_and_has_rising_numbers() -> None:
    line = after(4.5)
    said = [decoded(payload, KEY) for _, topic, payload in line.ours.sent if topic == "stationd/aktau/line"]
    assert not [each for each in said if isinstance(each, Rejection)]
    numbers = [each.sequence for each in said if isinstance(each, Message)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert line.ours.sent[0][2].startswith(b'{"station":"aktau","line":"s1","mode":"sim","boot":"')
