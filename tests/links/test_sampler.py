"""The optical sampler at work: the real loop in C with invented light."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from stationd.core.model import Event, Level, LightEvent, LightKind, LinkChanged, PointId, Reading, Reason
from stationd.links.aside import apart
from stationd.links.sampler import ChannelSettings, OpticalSampler, RawCapture, SamplerSettings, SourceSettings
from stationd.links.sampler.apart import Abandoned
from stationd.links.sampler.native import Native
from stationd.wire.calibration import Calibration, LogAmp
from tests.native.iio_tree import Tree
from tests.virtual_time import run

pytest.importorskip("stationd._sampler", reason="the extension is not built: pip install . (Debian package gcc)")

TAP = Calibration("tap", LogAmp(0.2, -70.0), (1, 65534), 78.127e-6, tap_db=20.0, floor_dbm=-45.0)
LIT, DARK = 14_000, 100
PATIENCE_S = 30.0
POWER, LOS = PointId("fp1-rx", "power"), PointId("fp1-rx", "los")


def settings(script: str = f"level all {LIT}; noise 2", **more: Any) -> SamplerSettings:
    channels = (ChannelSettings("fp1-rx", 0, TAP), ChannelSettings("fp2-rx", 1, TAP))
    whole = SamplerSettings(SourceSettings("sim", script), channels, rate_hz=2000, window_s=0.05, priority=0, lock_memory=False)
    return replace(whole, **more)


@dataclass
class Work:
    """A sampler at work and what it has handed on."""

    sampler: OpticalSampler
    task: asyncio.Task[None]
    events: list[Event]
    captures: list[RawCapture] = field(default_factory=list)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.005)

    def last(self, point: PointId) -> Reading | None:
        return next((each for each in reversed(self.events) if isinstance(each, Reading) and each.point == point), None)

    def reason(self, point: PointId) -> Reason | None:
        reading = self.last(point)
        return reading.quality.reason if reading else None

    def lights(self, *kinds: LightKind) -> list[LightEvent]:
        return [each for each in self.events if isinstance(each, LightEvent) and each.kind in kinds]

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(PATIENCE_S):
                await self.task


@contextlib.asynccontextmanager
async def working(wanted: SamplerSettings, temperature: Callable[[], float | None] = lambda: None) -> AsyncIterator[Work]:
    events: list[Event] = []
    captures: list[RawCapture] = []

    def post(more: Sequence[Event]) -> None:
        events.extend(more)

    async def written(capture: RawCapture) -> None:
        captures.append(capture)

    def keep(capture: RawCapture) -> asyncio.Task[None]:
        return asyncio.ensure_future(written(capture))

    sampler = OpticalSampler(wanted, post, keep, temperature)
    work = Work(sampler, asyncio.create_task(sampler.run()), events, captures)
    try:
        yield work
    finally:
        await work.stop()


async def test_windows_arrive_as_levels_of_the_fibre() -> None:
    async with working(settings()) as work:
        await work.until(lambda: work.last(POWER) is not None and work.sampler.statistics().running)
        reading = work.last(POWER)
        assert reading is not None
        assert reading.value == pytest.approx(TAP.level_dbm(LIT), abs=0.02)
        assert 0.0 <= time.monotonic() - reading.t < PATIENCE_S
        assert work.last(LOS) is not None


async def test_light_that_goes_and_comes_back_is_told_with_the_times_of_its_own_samples() -> None:
    async with working(settings(f"level all {LIT}; noise 2; at 300 level 0 {DARK}; at 700 level 0 {LIT}")) as work:
        await work.until(lambda: len(work.lights(LightKind.BACK)) == 1)
        (lost,), (back,) = work.lights(LightKind.LOST), work.lights(LightKind.BACK)
        assert {lost.channel, back.channel} == {"fp1-rx"}
        assert lost.exact
        assert lost.since < lost.t <= lost.found <= back.found
        assert lost.level_dbm is None  # below what can be measured
        assert back.level_dbm == pytest.approx(TAP.level_dbm(LIT), abs=0.02)
        told = [each for each in work.events if isinstance(each, Reading) and each.point == LOS and each.t == lost.t]
        assert [each.value for each in told] == [True]
        assert sum(work.sampler.statistics().delivery_s.counts) == 2


async def test_a_source_that_is_lost_makes_every_point_bad_at_once_and_is_opened_again() -> None:
    async with working(settings(f"level all {LIT}; noise 2; at 200 gone")) as work:
        await work.until(lambda: work.reason(POWER) is Reason.SOURCE_LOST)
        assert len(work.lights(LightKind.ENDED)) == 1
        for point in ("power", "power_min", "power_max", "los"):
            reading = work.last(PointId("fp2-rx", point))
            assert reading is not None
            assert (reading.value, reading.quality.level, reading.quality.reason) == (None, Level.BAD, Reason.SOURCE_LOST)
        assert any(isinstance(each, LinkChanged) and not each.up for each in work.events)
        await work.until(lambda: work.last(POWER) is not None and work.reason(POWER) is not Reason.SOURCE_LOST)
        assert work.sampler.statistics().rebuilds == 1
        assert work.sampler.statistics().counts["scans"] > 200, "the counters of the former loop are kept"


async def test_the_slots_of_an_outage_are_missed_and_a_source_that_flaps_is_logged_once() -> None:
    with capture_logs() as logs:
        async with working(settings(f"level all {LIT}; noise 2; at 200 gone")) as work:
            await work.until(lambda: work.sampler.statistics().rebuilds == 2 and work.sampler.statistics().counts["scans"] > 410)
            await work.stop()
            counts = work.sampler.statistics().counts
            assert accounted(dict(counts))
            assert counts["missed"] >= 2000 * (1.0 + 2.0), "two outages, of 1 and 2 s at least"
            assert counts["overruns"] >= 2
    said = [each["event"] for each in logs]
    assert said.count("optical sampler runs") == 1
    assert said.count("optical sampler does not run") == 1


async def test_a_thread_that_hangs_in_its_source_is_left_alone_and_another_loop_goes_on() -> None:
    async with working(settings(f"level all {LIT}; noise 2; at 300 stall 20000", window_s=0.05)) as work:
        await work.until(lambda: work.reason(POWER) is Reason.NO_SAMPLES)
        await work.until(lambda: work.sampler.statistics().abandoned == 1)
        await work.until(lambda: work.last(POWER) is not None and work.reason(POWER) is not Reason.NO_SAMPLES)
        assert work.sampler.statistics().rebuilds == 1
        assert work.sampler.failing == ""
        await work.until(lambda: work.sampler.statistics().abandoned == 2)
        assert work.sampler.failing, "made anew, it hung again: for the watchdog"


async def test_no_level_from_before_is_handed_on_after_the_source_was_said_to_be_lost() -> None:
    many = tuple(replace(settings().channels[0], name=f"c{number}", index=number) for number in range(60))
    wanted = replace(settings(f"level all {LIT}; noise 2; paced 100; at 50 gone", window_s=0.025), channels=many)
    async with working(wanted) as work:
        lost = PointId("c59", "power")
        await work.until(lambda: work.reason(lost) is Reason.SOURCE_LOST)
        for _ in range(50):
            await asyncio.sleep(0)  # whatever was still to be handed on has its turn
        readings = [each for each in work.events if isinstance(each, Reading)]
        first = next(place for place, each in enumerate(readings) if each.quality.reason is Reason.SOURCE_LOST)
        assert [each for each in readings[first:] if each.value is not None] == []


async def test_a_source_that_cannot_be_opened_is_told_once_and_tried_again() -> None:
    async with working(settings(source=SourceSettings("shm", "/nowhere/light"))) as work:
        await work.until(lambda: work.sampler.statistics().rebuilds >= 1)
        assert work.reason(POWER) is Reason.SOURCE_LOST
        assert len(work.lights(LightKind.ENDED)) == 1
        assert not work.sampler.statistics().running


async def test_a_source_from_which_nothing_comes_any_more_is_made_anew() -> None:
    """A converter that sets the pace, and whose pace is a thousand years."""
    async with working(settings(f"level all {LIT}; paced 65536", rate_hz=1)) as work:
        await work.until(lambda: work.reason(POWER) is Reason.NO_SAMPLES)
        assert (work.last(POWER) or pytest.fail("no reading")).quality.level is Level.BAD


def accounted(counts: dict[str, int]) -> bool:
    return (
        counts["slots"] == counts["scans"] + counts["missed"]
        and counts["windows"] == counts["windows_read"] + counts["windows_lost"]
        and counts["events"] == counts["events_read"] + counts["events_lost"]
        and counts["triggers"]
        == counts["captures_read"] + counts["captures_lost"] + counts["captures_merged"] + counts["captures_limited"]
    )


async def test_a_reader_that_stalls_loses_nothing_that_is_not_counted() -> None:
    flapping = f"level all {LIT}; noise 2; level 0 4000; wave 0 3500 200"  # below and above the limits every 0.1 s
    wanted = settings(flapping, window_s=0.005, capture_on=frozenset({LightKind.LOST}), capture_every_s=0.01)
    async with working(wanted) as work:
        await work.until(lambda: bool(work.lights(LightKind.LOST)))
        time.sleep(0.7)  # the stall itself: nothing in this process can read meanwhile
        await work.until(lambda: work.sampler.statistics().counts["windows_lost"] > 0 and bool(work.captures))
        await work.stop()
        counts = dict(work.sampler.statistics().counts)
        assert accounted(counts), counts
        assert counts["windows_lost"] > 0
        kinds = [each.kind for each in work.lights(LightKind.LOST, LightKind.BACK) if each.channel == "fp1-rx"]
        assert all(before is not after for before, after in pairwise(kinds)), "lost and back take turns"


async def test_raw_samples_round_an_event_are_handed_on_with_what_was_before_it() -> None:
    wanted = settings(
        f"level all {LIT}; noise 2; at 600 level 0 {DARK}", capture_on=frozenset({LightKind.LOST}), capture_pre_s=0.1, capture_post_s=0.1
    )
    async with working(wanted) as work:
        await work.until(lambda: bool(work.captures))
        capture = work.captures[0]
        counts = array("i", capture.counts)
        assert len(counts) == 2 * capture.scans
        assert (capture.kind, capture.channel) == (LightKind.LOST, "fp1-rx")
        slots = array("Q", capture.slots)
        trigger = slots.index(capture.trigger_slot)
        assert trigger >= 200
        assert capture.scans - trigger >= 200
        assert [count < 1000 for count in counts[0::2][trigger - 4 : trigger + 2]] == [False, False, True, True, True, True]
        assert all(count > 1000 for count in counts[1::2])
        assert array("q", capture.times_ns)[trigger] == capture.trigger_ns


async def test_a_technician_gets_raw_samples_without_an_event() -> None:
    async with working(settings(capture_pre_s=0.05, capture_post_s=0.05)) as work:
        assert not work.sampler.capture(), "nothing runs yet"
        await work.until(lambda: work.sampler.statistics().running)
        assert work.sampler.capture()
        await work.until(lambda: bool(work.captures))
        assert work.captures[0].kind is None


async def test_thresholds_follow_the_temperature() -> None:
    warm = replace(TAP, intercept_db_per_c=-0.5)
    los_dbm = warm.level_dbm(LIT) - 5.0
    channels = (ChannelSettings("fp1-rx", 0, warm, los_dbm, los_dbm + 1.0),)
    now_c = [25.0]
    async with working(settings(channels=channels), lambda: now_c[0]) as work:
        await work.until(lambda: work.sampler.statistics().running)
        assert not work.lights(LightKind.LOST)
        now_c[0] = 45.0  # the same counts are 10 dB less light now
        await work.until(lambda: bool(work.lights(LightKind.LOST)))
        await work.until(lambda: (work.last(POWER) or pytest.fail("no reading")).value == pytest.approx(los_dbm - 5.0, abs=0.1))


async def test_a_stopped_sampler_leaves_no_thread_and_has_accounted_for_everything() -> None:
    def threads() -> int:
        """Count the threads of the loop in C; others of this process come and go."""
        names = []
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):
                names.append((task / "comm").read_text().strip())
        return names.count("sampler")

    async with working(settings()) as first:
        await first.until(lambda: first.sampler.statistics().running)
    before = threads()
    async with working(settings()) as work:
        await work.until(lambda: work.sampler.statistics().running)
        assert threads() == before + 1
    assert threads() == before
    assert accounted(dict(work.sampler.statistics().counts))


# What hangs, and what is told of it.


def hanging(folder: Path) -> tuple[Tree, SamplerSettings]:
    """A device whose sampling frequency is a file that blocks whoever reads it, as a driver that hangs does."""
    tree = Tree(folder, ["le:u16/16>>0", "le:u16/16>>0"])
    (tree.device / "sampling_frequency").unlink()
    os.mkfifo(tree.device / "sampling_frequency")
    source = SourceSettings("iio", "iio:device0", sysfs_root=str(tree.sysfs), device_root=str(tree.dev))
    return tree, settings(source=source)


def let_go(tree: Tree) -> bool:
    """Answer everybody who reads the frequency, now and from now on; False while nobody does."""
    path = tree.device / "sampling_frequency"
    try:
        held = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    path.replace(path.with_name("gone"))
    path.write_text("100\n")
    os.write(held, b"100\n" * opening())
    os.close(held)
    return True


def opening() -> int:
    """Count the threads that open a source; those that still end one belong to an earlier test."""
    return sum(thread.name == "sampler-open" for thread in threading.enumerate())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_opening_that_hangs_is_cancelled_at_once_and_freed_when_it_comes_back(tmp_path: Path) -> None:
    tree, wanted = hanging(tmp_path)
    task = asyncio.create_task(OpticalSampler(wanted, lambda _: None).run())
    await until(lambda: opening() == 1)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done
    assert opening() == 1, "its thread is still in there"
    await until(lambda: let_go(tree))
    await until(lambda: opening() == 0)
    await until(lambda: open_files(tree.node) == 1)  # the one of this test: what was opened is freed again, in a thread of its own
    tree.end()


def open_files(path: Path) -> int:
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += each.readlink() == path
    return found


def test_openings_that_hang_are_told_and_three_of_them_are_the_most(tmp_path: Path) -> None:
    """In virtual time: the ten seconds of each opening pass at once."""
    tree, wanted = hanging(tmp_path)
    events: list[Event] = []

    async def main() -> None:
        sampler = OpticalSampler(wanted, events.extend)
        task = asyncio.create_task(sampler.run())
        failed = []
        for _ in range(600):
            await asyncio.sleep(0.5)
            failed.append(sampler.failed_twice_in_a_minute)
            assert sampler.failing == "", "it has never sampled, and a fresh start would not help it"
        statistics = sampler.statistics()
        assert (statistics.abandoned, statistics.hanging, opening()) == (3, 3, 3)
        reasons = [each.quality.reason for each in events if isinstance(each, Reading) and each.point == POWER]
        assert reasons == [Reason.TIMEOUT] * 3 + [Reason.SOURCE_LOST]
        assert len([each for each in events if isinstance(each, LightEvent)]) == 1
        assert not failed[19], "once is no reason to restart the daemon"
        assert failed[46]
        assert not failed[-1], "a minute later it is no news"
        task.cancel()
        await asyncio.wait([task])

    with capture_logs() as logs:
        run(main())
    assert sum("hangs" in each["event"] for each in logs) == 3
    assert any("no other is made" in each.get("cause", "") for each in logs)
    assert let_go(tree)
    while opening():
        time.sleep(0.01)  # the event loop has ended: they are on their own
    tree.end()


async def test_a_thread_that_comes_back_is_freed_after_all(tmp_path: Path) -> None:
    """The second attempt to end it comes when its reading of the source has come to an end."""
    loop = Native(settings(f"level all {LIT}; at 10 stall 1500", window_s=0.005), settings().watches(None))
    loop.start()
    await until(lambda: loop.statistics().scans >= 9)
    abandoned = Abandoned()
    assert not loop.end(0.05)
    abandoned.leave_ending(apart(partial(loop.end, 0.05), "sampler-end"), loop)
    assert abandoned.number == 1
    retrying = asyncio.create_task(abandoned.retry(0.1))
    await until(lambda: abandoned.freed == 1)
    assert abandoned.number == 0
    retrying.cancel()


async def test_scans_that_are_gathered_for_longer_than_the_usual_silence_are_no_silence() -> None:
    source = SourceSettings("sim", f"level all {LIT}; noise 2; paced 3000", watermark=3000)
    async with working(settings(source=source, rate_hz=1000)) as work:
        await work.until(lambda: work.sampler.statistics().counts["scans"] >= 3000)
        assert work.sampler.statistics().rebuilds == 0
        assert work.reason(POWER) is not Reason.NO_SAMPLES


# Captures.


async def test_a_writer_that_fails_is_counted_and_costs_no_other_capture() -> None:
    calls: list[RawCapture] = []

    def keep(capture: RawCapture) -> asyncio.Future[None]:
        calls.append(capture)
        if len(calls) == 1:
            raise MemoryError("no room for the description")
        done = asyncio.get_running_loop().create_future()
        done.set_exception(ValueError("no room for the file")) if len(calls) == 2 else done.set_result(None)
        return done

    sampler = OpticalSampler(settings(capture_pre_s=0.01, capture_post_s=0.01, capture_every_s=0.01), lambda _: None, keep)
    work = Work(sampler, asyncio.create_task(sampler.run()), [])
    for number in range(1, 7):  # more than there is memory for at once
        await work.until(lambda: sampler.statistics().running)
        await work.until(sampler.capture)
        await work.until(lambda number=number: len(calls) == number)  # type: ignore[misc]
    await work.until(lambda: sampler.statistics().captures_failed == 2)
    await work.stop()


async def test_a_capture_says_what_was_in_force_at_its_trigger_and_not_when_it_was_copied() -> None:
    warm = replace(TAP, intercept_db_per_c=-0.5)
    now_c, held, captures = [25.0], asyncio.Event(), list[RawCapture]()

    async def keep(capture: RawCapture) -> None:
        captures.append(capture)
        await held.wait()

    channels = (ChannelSettings("fp1-rx", 0, warm),)
    wanted = settings(channels=channels, capture_pre_s=0.01, capture_post_s=0.01, capture_every_s=0.01)
    sampler = OpticalSampler(wanted, lambda _: None, keep, lambda: now_c[0])
    work = Work(sampler, asyncio.create_task(sampler.run()), [])
    await work.until(lambda: sampler.statistics().running)
    await work.until(sampler.capture)
    await work.until(lambda: len(captures) == 1)
    await work.until(sampler.capture)
    await work.until(lambda: sampler.statistics().counts["captures_queued"] == 1)
    now_c[0] = 45.0
    await work.until(lambda: sampler.thresholds != captures[0].watches)
    held.set()
    await work.until(lambda: len(captures) == 2)
    assert (captures[1].temperature_c, captures[1].watches) == (25.0, captures[0].watches)
    await work.stop()


# What is told, and when.


async def test_a_loss_that_was_limited_is_told_in_the_turn_that_saw_it_missing() -> None:
    window_s = 1.0
    flapping = f"level all {LIT}; noise 2; level 0 4000; wave 0 3500 20; at 200 level 0 {LIT}"
    async with working(settings(flapping, window_s=window_s)) as work:
        await work.until(lambda: any(not each.exact for each in work.lights(LightKind.LOST)))
        told = next(each for each in work.lights(LightKind.LOST) if not each.exact)
        assert told.found - told.t < window_s / 5


async def test_how_a_channel_that_flapped_ends_is_told_however_long_a_window_is() -> None:
    flapping = f"level all {LIT}; noise 2; level 0 4000; wave 0 3500 20; at 2600 wave 0 0 1; at 2600 level 0 {DARK}"
    async with working(settings(flapping, window_s=400.0)) as work:
        await work.until(lambda: any(not each.exact for each in work.lights(LightKind.LOST)))
        await work.until(lambda: work.sampler.statistics().counts["scans"] > 2610)
        await work.until(lambda: (told := work.lights(LightKind.LOST, LightKind.BACK))[-1].kind is LightKind.LOST and len(told) % 2 == 1)
        await work.until(lambda: work.lights(LightKind.LOST)[-1].t > work.lights(LightKind.LOST)[0].t + 1.2)
        assert work.sampler.statistics().counts["windows"] == 0


async def test_events_that_one_turn_does_not_take_are_all_taken_before_the_end_is_told() -> None:
    channels = tuple(ChannelSettings(f"c{n}", n, TAP) for n in range(128))
    toggles = "; ".join(f"at {100 + 80 * n} level all {(DARK, LIT)[n % 2]}" for n in range(8))
    async with working(settings(f"level all {LIT}; noise 2; {toggles}; at 800 gone", channels=channels)) as work:
        await work.until(lambda: work.sampler.statistics().counts["scans"] > 0)
        time.sleep(0.8)  # the stall itself: all of it has happened when the reader looks again
        await work.until(lambda: work.reason(PointId("c0", "power")) in (Reason.SOURCE_LOST, Reason.NO_SAMPLES))
        assert work.reason(PointId("c0", "power")) is Reason.SOURCE_LOST
        for kind in (LightKind.LOST, LightKind.BACK):
            assert [each.exact for each in work.lights(kind)] == [True] * 512
        await work.until(lambda: not work.sampler.statistics().running)
        assert work.sampler.statistics().counts["events_lost"] == 0


async def test_what_the_machine_did_not_grant_is_said_once_and_shown_as_not_granted() -> None:
    with capture_logs() as logs:
        async with working(settings(cpu=1023)) as work:
            await work.until(lambda: work.sampler.statistics().counts["windows_read"] >= 20)  # a second: four checks
            statistics = work.sampler.statistics()
            assert statistics.running
            assert not statistics.real_time, "none was asked for"
            assert not statistics.memory_locked
            conditions = work.last(PointId("fp1-rx", "conditions"))
            assert conditions is not None
            assert isinstance(conditions.value, str)
            assert statistics.flagged["not-real-time"] == 0
    assert sum("not bound to its CPU" in each["event"] for each in logs) == 1


async def test_a_sampler_that_has_lost_its_source_shows_nothing_as_running() -> None:
    async with working(settings(f"level all {LIT}; noise 2; at 1500 gone")) as work:
        await work.until(lambda: work.sampler.statistics().running)
        await work.until(lambda: work.reason(POWER) is Reason.SOURCE_LOST)
        await work.until(lambda: work.sampler.statistics().rebuilds == 0 and not work.sampler.statistics().running)


async def test_a_scan_that_is_less_than_half_a_period_late_is_not_late() -> None:
    async with working(settings(rate_hz=20)) as work:
        await work.until(lambda: (counts := work.sampler.statistics().counts)["late"] < counts["scans"] > 3)


async def test_a_channel_that_makes_too_many_events_is_limited_to_one_a_second() -> None:
    async with working(settings(f"level all {LIT}; noise 2; level 0 4000; wave 0 3500 20")) as work:
        await work.until(lambda: work.sampler.statistics().counts["events_limited"] > 20)
        assert work.sampler.statistics().counts["events"] < 20


async def test_the_same_count_is_a_dead_converter_only_after_the_time_that_was_set() -> None:
    async with working(settings(f"level all {LIT}", stuck_s=1000.0)) as work:
        await work.until(lambda: work.sampler.statistics().counts["windows_read"] >= 5)
        assert work.lights(LightKind.STUCK) == []
        assert work.reason(POWER) is not Reason.STUCK


WITHOUT_EXTENSION = """
import asyncio, sys
sys.modules["stationd._sampler"] = None
from tests.links.test_sampler import OpticalSampler, settings

async def main():
    events = []
    task = asyncio.create_task(OpticalSampler(settings(), events.extend).run())
    while not events:
        await asyncio.sleep(0.01)
    task.cancel()
    print({each.quality.reason.value for each in events if hasattr(each, "quality")})

asyncio.run(main())
"""


def test_without_the_extension_every_point_is_bad_and_the_log_says_how_to_build_it() -> None:
    code = WITHOUT_EXTENSION.replace("from tests.links.test_sampler import OpticalSampler, settings", SETTINGS_ALONE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "{'source-lost'}" in done.stdout, done.stderr
    assert "apt install gcc" in done.stdout


SETTINGS_ALONE = """
from stationd.links.sampler import ChannelSettings, OpticalSampler, SamplerSettings, SourceSettings
from stationd.wire.calibration import Calibration, LogAmp

def settings():
    return SamplerSettings(SourceSettings("sim", ""), (ChannelSettings("a", 0, Calibration("c", LogAmp(0.2, -70.0), (1, 9))),))
"""
