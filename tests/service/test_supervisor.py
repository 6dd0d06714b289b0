"""What hangs or fails is made anew alone, in virtual time; parts that wait for others are left in peace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from stationd.links.beat import Beat
from stationd.service.reload import Swap, carry_out
from stationd.service.supervisor import LEFT_S, STEADY_S, STUCK_S, TWICE_S, Kind, Part, Supervisor
from stationd.service.watchdog import Watchdog
from tests.virtual_time import VirtualLoop, run

WATCHDOG_S = 10.0
PATIENCE_S = 5.0


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Manager:
    """A service manager that notes when it was told that everything lives."""

    watchdog_s: float | None = WATCHDOG_S
    fed: list[float] = field(default_factory=list)

    def watchdog(self) -> None:
        self.fed.append(now())

    def silent_s(self) -> float:
        return now() - self.fed[-1] if self.fed else float("inf")


@dataclass
class Work:
    """A part that lives from second to second and does what the test wants of it: `acts` are done once each, in their order."""

    name: str = "work"
    kind: Kind = Kind.OUTPUT
    beat: Beat = field(default_factory=Beat)
    acts: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    lived: list[float] = field(default_factory=list)
    running: int = 0

    async def run(self) -> None:
        self.begun.append(now())
        self.running += 1
        assert self.running == 1, "a part runs once at a time"
        try:
            while True:
                while self.acts:
                    await self.acts.pop(0)()
                self.beat.within(1.0, "living")
                self.lived.append(now())
                await asyncio.sleep(1.0)
        finally:
            self.running -= 1

    @property
    def part(self) -> Part:
        return Part(self.name, self.run, self.beat, PATIENCE_S, self.kind)


async def hang() -> None:
    await asyncio.get_running_loop().create_future()


async def fail() -> None:
    raise ValueError("what nobody expected")


def stubborn(times: int) -> Callable[[], Awaitable[None]]:
    async def hang_on() -> None:
        for _ in range(times):
            try:
                await hang()
            except asyncio.CancelledError:
                continue
        await hang()

    return hang_on


Scene = Callable[[Supervisor, Manager], Awaitable[None]]


def play(scene: Scene, *parts: Part, manager: Manager | None = None) -> list[Any]:
    """Run a scene with these parts and a watchdog; return what was logged."""
    manager = manager or Manager()

    async def main() -> None:
        async with Supervisor() as supervisor:
            for part in parts:
                supervisor.start(part)
            supervisor.start(Part("watchdog", Watchdog(supervisor, manager).run, kind=Kind.VITAL))
            await scene(supervisor, manager)
            for name in tuple(supervisor.parts):
                await supervisor.stop(name)
            raise End

    with capture_logs() as logs:
        try:
            run(main())
        except* End:
            pass
    return logs


class End(Exception):
    """The scene is over."""


def once(work: Work, *acts: Callable[[], Awaitable[None]]) -> None:
    work.acts.extend(acts)


# ---------------------------------------------------------------------- made anew


def test_a_part_that_hangs_is_made_anew_alone_and_the_others_do_not_notice() -> None:
    hanging, other = Work("hanging"), Work("other")

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        once(hanging, hang)
        await asyncio.sleep(20.0)
        assert len(hanging.begun) == 2
        assert now() - hanging.lived[-1] <= 1.0
        assert supervisor.rebuilt == {"hanging": 1, "other": 0, "watchdog": 0}
        assert len(other.begun) == 1
        assert max(b - a for a, b in pairwise(other.lived)) == pytest.approx(1.0)
        assert manager.silent_s() < WATCHDOG_S / 2

    play(scene, hanging.part, other.part)


def test_the_log_says_where_it_hung() -> None:
    work = Work()

    async def scene(_: Supervisor, __: Manager) -> None:
        await asyncio.sleep(5.0)
        once(work, hang)
        await asyncio.sleep(20.0)

    (line,) = [each for each in play(scene, work.part) if "hangs" in each["event"]]
    assert line["part"] == "work"
    assert line["doing"] == "living"
    assert line["silent_s"] > PATIENCE_S
    steps = line["stack"].split(" > ")
    assert [step.rsplit(" ", 1)[-1] for step in steps[:3]] == ["_working", "run", "hang"]
    assert ["test_supervisor.py:" in step for step in steps[:3]] == [False, True, True]


@pytest.mark.parametrize("kind", [Kind.STATION, Kind.OUTPUT])
def test_an_exception_of_a_part_that_can_be_had_again_ends_nothing_but_itself(kind: Kind) -> None:
    failing, other = Work("failing", kind), Work("other")

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        once(failing, fail)
        await asyncio.sleep(5.0)
        assert len(failing.begun) == 2
        assert failing.begun[1] - failing.begun[0] <= 2 * STEADY_S + 1.0, "the first time at once"
        assert supervisor.rebuilt["failing"] == 1
        assert len(other.begun) == 1
        assert manager.silent_s() < WATCHDOG_S / 2

    (line,) = [each for each in play(scene, failing.part, other.part) if "failed" in each["event"]]
    assert line["part"] == "failing"
    assert isinstance(line["exc_info"], ValueError)


def test_a_part_that_returns_by_itself_is_made_anew() -> None:
    begun: list[float] = []

    async def brief() -> None:
        begun.append(now())

    async def scene(_: Supervisor, __: Manager) -> None:
        await asyncio.sleep(60.0)

    play(scene, Part("brief", brief))
    pauses = [round(b - a) for a, b in pairwise(begun)]
    assert pauses[:6] == [0, 1, 2, 4, 8, 10]
    assert set(pauses[6:]) == {10}, "never quicker than that, whatever happens"


def test_a_part_that_has_been_well_for_a_minute_begins_again_with_no_pause() -> None:
    work = Work()

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        for _ in range(3):
            once(work, fail)
            await asyncio.sleep(TWICE_S + 10.0)
        assert len(work.begun) == 4
        for failed in work.begun[1:]:
            assert min(abs(failed - lived) for lived in work.lived) <= 1.0
        assert supervisor.rebuilt["work"] == 3

    play(scene, work.part)


def test_what_does_not_end_when_it_is_cancelled_gets_no_second_one_beside_it_and_starves_until_its_successor_lives() -> None:
    work = Work(kind=Kind.STATION)

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        once(work, stubborn(12))
        await asyncio.sleep(PATIENCE_S + STUCK_S)
        assert supervisor.starving() == (), "a while is left to it"
        assert supervisor.trouble() == "work: does not end"
        await asyncio.sleep(4.0)
        assert (len(work.begun), work.running) == (1, 1)
        assert supervisor.starving() == ("work: does not end",)
        while len(work.begun) == 1:
            await asyncio.sleep(0.5)
            assert supervisor.starving() or len(work.begun) == 2
        await asyncio.sleep(3.0)
        assert supervisor.starving() == ()
        await asyncio.sleep(WATCHDOG_S / 2)
        assert manager.silent_s() < WATCHDOG_S / 2

    logs = play(scene, work.part)
    assert sum("does not end" in each["event"] for each in logs) == 12


def test_an_unwinding_that_takes_seconds_is_no_second_failure() -> None:
    work = Work()

    async def unwind_slowly() -> None:
        try:
            await hang()
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3.0)
            await asyncio.sleep(0.5)

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        once(work, unwind_slowly)
        for _ in range(int(TWICE_S)):
            await asyncio.sleep(1.0)
            assert supervisor.starving() == ()
            assert manager.silent_s() < WATCHDOG_S / 2
        assert len(work.begun) == 2

    play(scene, work.part)


def test_a_part_of_the_station_that_begins_in_a_daemon_that_runs_and_fails_at_once_each_time_starves() -> None:
    work = Work(kind=Kind.STATION)

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        await supervisor.begun([])
        once(work, fail, fail)
        supervisor.start(work.part)
        await asyncio.sleep(5.0)
        assert supervisor.starving() == ("work: failed: ValueError, twice in a minute",)

    play(scene)


def test_a_daemon_ends_although_a_part_does_not() -> None:
    released = asyncio.Event()

    async def never_ends() -> None:
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    async def main() -> None:
        begun = now()
        with contextlib.suppress(BaseExceptionGroup):
            async with Supervisor() as supervisor:
                supervisor.start(Part("bus a", never_ends))
                supervisor.start(Part("bus b", never_ends))
                await asyncio.sleep(1.0)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await supervisor.stop("bus b")
                assert supervisor.leaving == {"bus b"}
                raise End
        assert now() - begun <= 2.0 + LEFT_S + 0.1
        released.set()

    with capture_logs() as logs:
        run(main())
    left = [each["part"] for each in logs if each["event"] == "the daemon ends without a part that does not end"]
    assert sorted(left) == ["bus a", "bus b"]


# ---------------------------------------------------------------------- what starves


@pytest.mark.parametrize("kind", [Kind.STATION, Kind.OUTPUT])
def test_a_part_that_hangs_twice_in_a_minute_starves_the_watchdog(kind: Kind) -> None:
    work, manager = Work(kind=kind), Manager()

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        once(work, hang)
        await asyncio.sleep(20.0)
        assert supervisor.starving() == ()
        once(work, hang)
        await asyncio.sleep(25.0)
        assert supervisor.starving() == ("work: hung in living, twice in a minute",)
        assert manager.silent_s() > WATCHDOG_S

    logs = play(scene, work.part, manager=manager)
    (line,) = [each for each in logs if each["event"] == "the watchdog is not fed"]
    assert line["why"] == ("work: hung in living, twice in a minute",)


def test_hanging_again_after_more_than_a_minute_starves_nothing() -> None:
    work = Work()

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        for _ in range(5):
            once(work, hang)
            await asyncio.sleep(20.0)
            assert supervisor.starving() == ()
            await asyncio.sleep(TWICE_S - 5.0)
            assert manager.silent_s() < WATCHDOG_S / 2
        assert supervisor.rebuilt["work"] == 5

    play(scene, work.part)


def test_exceptions_of_an_output_never_starve_those_of_a_part_of_the_station_do() -> None:
    async def scene(supervisor: Supervisor, _: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        once(output, *[fail] * 9)
        once(bus, *[fail] * 9)
        await asyncio.sleep(30.0)
        assert supervisor.rebuilt["output"] > 3
        assert supervisor.starving() == ("bus: failed: ValueError, twice in a minute",)

    output, bus = Work("output", Kind.OUTPUT), Work("bus", Kind.STATION)
    play(scene, output.part, bus.part)


def test_what_has_never_worked_in_this_run_does_not_ask_for_another_fresh_start() -> None:
    """A fresh start has just been tried: one after the other would only take the sight from all that works."""
    work = Work(kind=Kind.STATION)
    once(work, *[hang] * 100)

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        for _ in range(60):
            await asyncio.sleep(10.0)
            assert supervisor.starving() == ()
            assert manager.silent_s() < WATCHDOG_S / 2
        assert supervisor.trouble() == "work: hung"
        assert supervisor.rebuilt["work"] > 20

    play(scene, work.part)


def test_a_vital_part_that_is_silent_starves_at_once_and_only_as_long_as_it_is() -> None:
    beat, prods = Beat(), [0]
    alive = [True]

    def prod() -> None:
        prods[0] += 1
        if alive[0]:
            beat.rest()

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(30.0)
        assert manager.silent_s() < WATCHDOG_S / 2
        alive[0] = False
        silent = now()
        await asyncio.sleep(30.0)
        assert manager.fed[-1] - silent <= WATCHDOG_S / 3, "once more at most"
        assert supervisor.rebuilt["engine"] == 0
        alive[0] = True
        await asyncio.sleep(WATCHDOG_S)
        assert manager.silent_s() < WATCHDOG_S / 2

    logs = play(scene, Part("engine", hang_for_ever, beat, kind=Kind.VITAL, prod=prod))
    assert [each["event"] for each in logs] == ["the watchdog is not fed", "the watchdog is fed again"]
    assert logs[0]["why"] == ("engine: gives no sign of life",)
    assert "hang_for_ever" in logs[0]["stacks"]["engine"]


async def hang_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_part_that_makes_itself_anew_starves_while_it_says_that_this_does_not_help() -> None:
    said = [""]

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        await asyncio.sleep(20.0)
        said[0] = "its source hung twice in a minute"
        await asyncio.sleep(20.0)
        assert supervisor.starving() == ("sampler: its source hung twice in a minute",)
        assert manager.silent_s() > WATCHDOG_S
        said[0] = ""
        await asyncio.sleep(5.0)
        assert manager.silent_s() < WATCHDOG_S / 2

    play(scene, Part("sampler", hang_for_ever, failing=lambda: said[0]))


# ---------------------------------------------------------------------- patience


def test_patience_counts_only_while_something_should_have_happened() -> None:
    work, resting = Work("work"), Work("resting")

    async def rest() -> None:
        resting.beat.rest("the broker")
        await asyncio.sleep(86_400.0)

    async def long() -> None:
        work.beat.within(3600.0, "a long exchange")
        await asyncio.sleep(3600.0 + PATIENCE_S - 1.0)

    async def scene(supervisor: Supervisor, manager: Manager) -> None:
        once(resting, rest)
        once(work, long)
        for _ in range(10):
            await asyncio.sleep(900.0)
            assert manager.silent_s() < WATCHDOG_S / 2
        assert supervisor.rebuilt == {"work": 0, "resting": 0, "watchdog": 0}

    play(scene, work.part, resting.part)


def test_a_loop_that_was_held_up_blames_no_part() -> None:
    """A process that is stopped, or a machine that stands still, for a minute: then everybody is late, and nobody hangs."""
    work = Work(kind=Kind.STATION)

    class Stopped(VirtualLoop):
        def stand_still(self, seconds: float) -> None:
            self._virtual.now += seconds

    async def main() -> None:
        async with Supervisor() as supervisor:
            supervisor.start(work.part)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, Stopped)
            for _ in range(20):
                await asyncio.sleep(1.7)
                loop.stand_still(60.0)
            assert supervisor.rebuilt["work"] == 0
            await supervisor.stop("work")
            raise End

    with pytest.raises(ExceptionGroup) as group:
        run(main(), Stopped)
    assert group.group_contains(End)


def test_a_part_that_hangs_before_its_first_sign_is_found_too() -> None:
    beat, begun = Beat(), list[float]()

    async def mute() -> None:
        begun.append(now())
        await hang()

    async def scene(_: Supervisor, __: Manager) -> None:
        await asyncio.sleep(PATIENCE_S + 3.0)
        assert len(begun) == 2

    play(scene, Part("mute", mute, beat, PATIENCE_S))


# ---------------------------------------------------------------------- starting and ending


def ended_by(*parts: Part) -> ExceptionGroup[Exception]:
    async def main() -> None:
        async with Supervisor() as supervisor:
            for part in parts:
                supervisor.start(part)

    with pytest.raises(ExceptionGroup) as group, capture_logs():
        run(main())
    return group.value


def test_an_exception_of_a_vital_part_ends_the_daemon_and_every_other_part_ends_well() -> None:
    work, engine = Work("work"), Work("engine", Kind.VITAL)
    once(engine, lambda: asyncio.sleep(10.0), fail)
    found = ended_by(work.part, engine.part)
    assert [type(error) for error in found.exceptions] == [ValueError]
    assert work.running == engine.running == 0
    assert len(work.begun) == 1


def test_what_cannot_begin_at_the_start_holds_nobody_up_is_told_and_tried_again() -> None:
    async def taken() -> None:
        raise OSError(98, "Address already in use")

    pages, other = Work("pages"), Work("other")

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        began = now()
        await supervisor.begun(["pages", "other"])
        assert now() == began
        assert supervisor.trouble() == "pages: failed: [Errno 98] Address already in use"
        await asyncio.sleep(20.0)
        assert pages.running == 1
        assert supervisor.rebuilt["pages"] == 4
        assert len(other.begun) == 1

    once(pages, taken, taken, taken, taken)
    said = play(scene, pages.part, other.part)
    stacks = [each for each in said if each.get("part") == "pages" and each.get("exc_info")]
    assert len(stacks) == 1, "the same refusal has its stack in the log once"


def test_a_part_that_will_not_be_again_is_counted_no_longer() -> None:
    staying, going = Work("staying"), Work("going")

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        await asyncio.sleep(1.0)
        await carry_out(supervisor, [Swap(("going",)), Swap(("staying",), (staying.part,))])
        assert "going" not in supervisor.rebuilt
        assert "staying" in supervisor.rebuilt

    play(scene, staying.part, going.part)


def test_parts_start_and_stop_one_by_one_while_the_others_run_untouched() -> None:
    staying, going = Work("staying"), Work("going")

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        await asyncio.sleep(5.0)
        await supervisor.stop("going")
        assert going.running == 0
        assert "going" not in supervisor.parts
        await asyncio.sleep(5.0)
        with pytest.raises(ValueError, match='"staying" runs already'):
            supervisor.start(staying.part)
        with pytest.raises(KeyError):
            await supervisor.stop("going")
        supervisor.start(going.part)
        await asyncio.sleep(5.0)
        assert going.running == 1
        assert len(staying.begun) == 1
        assert max(b - a for a, b in pairwise(staying.lived)) == pytest.approx(1.0)
        assert supervisor.rebuilt["going"] == 0

    play(scene, staying.part, going.part)


def test_a_part_that_is_stopped_while_it_hangs_or_waits_to_be_made_anew_ends() -> None:
    hanging, failing = Work("hanging"), Work("failing")

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        once(hanging, hang)
        once(failing, *[fail] * 6)
        await asyncio.sleep(5.5)
        await supervisor.stop("hanging")
        await supervisor.stop("failing")
        assert hanging.running == failing.running == 0
        assert list(supervisor.parts) == ["watchdog"]

    play(scene, hanging.part, failing.part)


def test_what_goes_wrong_in_the_end_of_one_part_ends_no_other() -> None:
    async def bad_end() -> None:
        try:
            await hang()
        finally:
            raise ValueError("a bad end")

    other = Work("other")

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        await asyncio.sleep(1.0)
        await supervisor.stop("bad")
        await asyncio.sleep(5.0)
        assert now() - other.lived[-1] <= 1.0

    logs = play(scene, Part("bad", bad_end), other.part)
    assert any("did not end well" in each["event"] for each in logs)


def test_trouble_is_told_for_a_minute_with_the_names_of_the_parts() -> None:
    one, two = Work("bus a"), Work("mqtt")

    async def scene(supervisor: Supervisor, _: Manager) -> None:
        await asyncio.sleep(2 * STEADY_S)
        assert supervisor.trouble() == ""
        once(one, hang)
        once(two, fail)
        await asyncio.sleep(PATIENCE_S + 4.0)
        assert supervisor.trouble() == "bus a: hung in living; mqtt: failed: ValueError"
        await asyncio.sleep(TWICE_S)
        assert supervisor.trouble() == ""

    play(scene, one.part, two.part)
