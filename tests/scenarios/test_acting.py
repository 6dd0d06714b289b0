"""Two stations that feed one line from both ends, people at each, in virtual time: whatever happens, both ends stay within their limits.

Two whole daemons, the line between them, and the *true* voltage and current of the plant ten times a second. What goes right is one
test; what may go wrong is a seeded course of ramps, holds, trips, lost contact in either direction, currents that somebody at the panel
sets wrongly, cuts, opens, restarts and EMERGENCY-OFF. The equipment itself would allow 800 V here, the stations' files allow less: what
keeps the voltage is what the daemons have set. STATIOND_DOUBLE_END_SEEDS sets how many courses are played (a release takes 50).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from stationd.core.operation.orders import (
    AddHold,
    Approve,
    Arm,
    AuthorityVerb,
    Disarm,
    DropHold,
    EmergencyOff,
    Execute,
    Hold,
    KeepAlive,
    Prepare,
    SetAuthority,
    Way,
)
from stationd.core.operation.task import Ending, Energise, FeedTask, Part, RampTo, SwitchOff
from stationd.core.operation.views import OperationView, Phase
from stationd.core.operation.words import Accepted, ActOutcome, Cause, Refused
from stationd.core.powerfeed.steps import FOLLOWER_LIMIT
from stationd.sim.cable import Cut, End, InsulatedOpen
from stationd.sim.happening import feeds_off, trip
from tests import virtual_time
from tests.operators import CODE, REASON, Operator
from tests.scenarios.ahead import Ahead
from tests.two_stations import Line, two_stations

SEEDS = tuple(range(1, int(os.environ.get("STATIOND_DOUBLE_END_SEEDS", "3")) + 1))
COURSE_S = 240.0
PAUSES_S = (8.0, 20.0, 40.0)  # the longest between two happenings, by seed: where little happens the line comes to its full current
LOOK_S = 0.1
NOMINAL_MA = 1000.0
MOST_V = 560.0  # the whole line takes 501 V at nominal current, and 34 V of earth potential are allowed for
RATE, SLOW, DEVIATION_MA = 40.0, 10.0, 30.0
ROUNDED_V = 0.5  # how near a limit a unit can be set
HEARD_S = 3.5  # the message is 2 s old at most, one a second is sent, and a look is taken twice a second
BOTH_KNOWN_S = 6.0
LEAVES = (SwitchOff,)  # nothing that is unsure stops an output that is on its way off
GOES_ON = ("switching off", "discharging")
DROOP_MA = 2.0  # of a feed at less than its share
MISSETS_MA = (-3.0, -1.0, -0.5, 0.5, 1.0, 3.0)


def limits(text: str) -> str:
    """Return a station file whose own limits are lower than those of its equipment, and whose ramps are quick."""
    assert text.count("max_v = 800.0") == 2
    text = text.replace("max_v = 800.0", f"max_v = {MOST_V}")
    return text.replace("[pfe.pfe]\n", f"[pfe.pfe]\nramp_ma_per_s = {RATE}\nramp_down_ma_per_s = {RATE}\ndeviation_ma = {DEVIATION_MA}\n")


@dataclass(slots=True)
class Station:
    """The people of one station, who are there and say so."""

    line: Line
    end: End
    there: bool = True

    @property
    def people(self) -> Operator:
        return Operator(self.line.stations[self.end].app)

    def open(self) -> OperationView | None:
        """Return the operation that is open here."""
        views = self.line.stations[self.end].app.acting.operations(asyncio.get_running_loop().time())
        return next((each for each in views if each.phase is not Phase.CLOSED), None)

    def named(self, name: str) -> OperationView:
        return self.people.view(name)

    @property
    def on(self) -> bool:
        return self.line.simulation.plant.power_feed(self.end).output_on

    async def tell(self, order: object) -> ActOutcome:
        return await self.people.tell(order)  # type: ignore[arg-type]

    async def authority(self) -> None:
        await self.tell(SetAuthority(self.people.who, AuthorityVerb.REQUEST))

    async def arm(self, task: FeedTask) -> str | Refused:
        """Arm a task and have it approved; return its name, or why not."""
        await self.authority()
        armed = await self.tell(Arm(self.people.who, "pfe", task, REASON, CODE))
        if isinstance(armed, Refused):
            return armed
        await self.tell(Approve(self.people.second, armed.names[0]))
        return armed.names[0]

    async def execute(self, name: str) -> bool:
        return isinstance(await self.tell(Execute(self.people.who, name, CODE)), Accepted)

    async def go_on(self, name: str, way: Way) -> bool:
        """Let what holds go on; return whether that was taken."""
        await self.authority()
        if isinstance(await self.tell(Prepare(self.people.who, name, way, CODE)), Refused):
            return False
        await self.tell(Approve(self.people.second, name))
        return await self.execute(name)

    async def say_they_are_there(self) -> None:
        """Keep what runs alive, for ever."""
        while True:
            view = self.open()
            if view is not None and view.phase in (Phase.STARTING, Phase.RUNNING):
                await self.tell(KeepAlive(self.people.who, view.name))
            await asyncio.sleep(1.0)


@dataclass(slots=True)
class Pair:
    """Both stations, and the highest true voltage and current so far."""

    line: Line
    stations: dict[End, Station]
    highest_v: dict[End, float] = field(default_factory=lambda: dict.fromkeys(End, 0.0))
    highest_ma: float = 0.0
    apart_v: float = 0.0  # how much the two voltages have differed while both ends were on

    async def watch(self) -> None:
        """Look at the plant, ten times a second, for ever."""
        while True:
            self.line.simulation.stage.settle()
            state = self.line.simulation.plant.electrical()
            for end in End:
                self.highest_v[end] = max(self.highest_v[end], abs(state.voltage_v(end)))
                self.highest_ma = max(self.highest_ma, abs(state.current_ma(end)))
            if all(each.on for each in self.stations.values()):
                self.apart_v = max(self.apart_v, abs(state.voltage_a_v - state.voltage_b_v))
            await asyncio.sleep(LOOK_S)

    async def until(self, condition: Callable[[], bool], most_s: float = 300.0) -> None:
        """Wait in virtual time; what never comes fails with how both ends stand."""
        loop = asyncio.get_running_loop()
        end = loop.time() + most_s
        while not condition():
            assert loop.time() < end, [(each.end, each.open()) for each in self.stations.values()]
            await asyncio.sleep(LOOK_S)

    async def ended(self) -> None:
        """Wait until nothing is open at either end, and both have heard of that."""
        await self.until(lambda: not any(each.open() for each in self.stations.values()))
        await asyncio.sleep(2.0)

    async def energise(self, master: End, rate: float = RATE) -> dict[End, str]:
        """Both ends arm their halves, have them approved, and begin."""
        names: dict[End, str] = {}
        for end, part in ((master, Part.MASTER), (master.other, Part.FOLLOWER)):
            name = await self.stations[end].arm(Energise(NOMINAL_MA, rate, part))
            assert isinstance(name, str), name
            names[end] = name
            await asyncio.sleep(2.0)  # the other end hears of it
        for end in (master, master.other):
            assert await self.stations[end].execute(names[end])
        return names

    def current_ma(self) -> float:
        return self.line.simulation.plant.electrical().current_a_ma


@contextlib.asynccontextmanager
async def double_end(seed: int = 1, *, fed: bool = False) -> AsyncIterator[Pair]:
    """Run the line with people at both ends, off and discharged (`fed`: healthy in service), as long as the block."""
    before = () if fed else (feeds_off(*End),)
    async with two_stations(fibre_pairs=1, seed=seed, written=limits, before=before) as line, asyncio.TaskGroup() as tasks:
        pair = Pair(line, {end: Station(line, end) for end in End})
        beside = [tasks.create_task(pair.watch()), *(tasks.create_task(each.say_they_are_there()) for each in pair.stations.values())]
        await asyncio.sleep(BOTH_KNOWN_S)
        try:
            yield pair
        finally:
            for each in beside:
                each.cancel()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    virtual_time.run(whole(), virtual_time.LoneLoop)


# ---------------------------------------------------------------------- what goes right


def test_a_line_that_was_switched_off_at_both_ends_is_energised_from_both_and_each_carries_half() -> None:
    async def scene() -> None:
        async with double_end(fed=True) as pair:
            names = {}
            for end, station in pair.stations.items():
                name = await station.arm(SwitchOff(RATE))
                assert isinstance(name, str), name
                names[end] = name
                assert await station.execute(name)
                await pair.ended()
            assert {pair.stations[end].named(name).ending for end, name in names.items()} == {Ending.REACHED}
            pair.apart_v = 0.0
            names = await pair.energise(End.A, SLOW)  # the units slew slowly too, when one end hands over
            await pair.ended()
            views = [pair.stations[end].named(name) for end, name in names.items()]
            assert [each.ending for each in views] == [Ending.REACHED, Ending.REACHED], views
            assert pair.current_ma() == pytest.approx(NOMINAL_MA, abs=2.0)
            assert pair.apart_v <= 60.0
            assert max(pair.highest_v.values()) <= MOST_V
            for end in End:
                feed = pair.line.simulation.plant.power_feed(end)
                assert feed.current_setpoint_ma == NOMINAL_MA
                assert feed.voltage_setpoint_v == pytest.approx(MOST_V, abs=ROUNDED_V)

    play(scene)


# ---------------------------------------------------------------------- what the other end may say


@pytest.mark.parametrize("end", End)
def test_a_hold_that_is_set_at_one_end_holds_both_and_refuses_at_the_other_until_it_is_dropped(end: End) -> None:
    async def scene() -> None:
        async with double_end() as pair:
            here, there = pair.stations[end], pair.stations[end.other]
            await pair.energise(End.A)
            await pair.until(lambda: pair.current_ma() > 150.0)
            held = await here.tell(AddHold(here.people.who, "line", "diver at the beach manhole"))
            assert isinstance(held, Accepted)
            await asyncio.sleep(HEARD_S)
            views = [each.open() for each in (here, there)]
            assert [each is not None and each.phase for each in views] == [Phase.HELD, Phase.HELD]
            stands_ma = pair.current_ma()
            for each, view in zip((here, there), views, strict=True):
                assert view is not None
                assert not await each.go_on(view.name, Way.RESUME)
                await each.tell(Disarm(each.people.who, view.name))
            await asyncio.sleep(HEARD_S)
            refused = await there.arm(RampTo(200.0, RATE))
            assert isinstance(refused, Refused)
            assert Cause.HOLD in {reason.cause for reason in refused.reasons}
            assert pair.current_ma() == pytest.approx(stands_ma, abs=1.0)
            assert isinstance(await here.tell(DropHold(here.people.who, held.names[0])), Accepted)
            await asyncio.sleep(HEARD_S)
            refused = await there.arm(RampTo(200.0, RATE))
            causes = {reason.cause for reason in refused.reasons} if isinstance(refused, Refused) else set()
            assert Cause.HOLD not in causes

    play(scene)


@pytest.mark.parametrize("deaf", [(End.A,), (End.B,), (End.A, End.B)], ids=["a", "b", "both"])
def test_lost_contact_in_either_direction_holds_both_and_nothing_goes_on_until_it_is_back(deaf: tuple[End, ...]) -> None:
    async def scene() -> None:
        async with double_end() as pair:
            await pair.energise(End.B)
            await pair.until(lambda: pair.current_ma() > 150.0)
            for end in deaf:
                pair.line.silence(end.other, True)
            await asyncio.sleep(2 * HEARD_S)  # an end that still hears, hears that the other one holds
            views = {end: each.open() for end, each in pair.stations.items()}
            assert {view is not None and view.phase for view in views.values()} == {Phase.HELD}
            stands_ma = pair.current_ma()
            for end in deaf:
                view = views[end]
                assert view is not None
                assert not await pair.stations[end].go_on(view.name, Way.RESUME)
            await asyncio.sleep(10.0)
            assert pair.current_ma() == pytest.approx(stands_ma, abs=1.0)
            for end in deaf:
                pair.line.silence(end.other, False)
            await asyncio.sleep(HEARD_S)
            for end, view in views.items():
                assert view is not None
                assert await pair.stations[end].go_on(view.name, Way.RESUME)
            await pair.ended()
            endings = [pair.stations[end].named(view.name).ending for end, view in views.items() if view is not None]
            assert endings == [Ending.REACHED, Ending.REACHED]
            assert max(pair.highest_v.values()) <= MOST_V

    play(scene)


@pytest.mark.parametrize("km", [20.0, 320.0])
def test_a_conductor_that_parts_while_both_ends_ramp_drives_neither_above_its_limit(km: float) -> None:
    async def scene() -> None:
        async with double_end() as pair:
            await pair.energise(End.A)
            await pair.until(lambda: pair.current_ma() > 300.0)
            pair.line.simulation.plant.apply(InsulatedOpen(km))
            await asyncio.sleep(HEARD_S)
            phases = {view.phase for each in pair.stations.values() if (view := each.open()) is not None}
            assert phases <= {Phase.HELD}
            assert max(pair.highest_v.values()) == pytest.approx(MOST_V, abs=ROUNDED_V)  # of the master: there the charge goes

    play(scene)


# ---------------------------------------------------------------------- whatever happens


@dataclass(frozen=True, slots=True)
class Brought:
    """What a course has brought: the highest true values, what was done how often, and what must not have been."""

    highest_v: dict[End, float]
    highest_ma: float
    did: Counter[str]
    wrong: tuple[str, ...]
    story: tuple[str, ...]


class Course:
    """A seeded course: at each step people at one of the ends do something, or something happens to the line."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.random = random.Random(seed)
        self._pause_s = PAUSES_S[seed % len(PAUSES_S)]
        self.did: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.story: list[str] = []
        self.held: dict[End, tuple[float, str]] = {}  # since when, and the name of the hold
        self.deaf: dict[End, float] = {}  # since when an end hears nothing
        self._loop = asyncio.get_running_loop()
        self._begun_t = self._loop.time()

    async def run(self, seconds: float) -> None:
        """Let things happen for so long."""
        until_t = self._loop.time() + seconds
        while self._loop.time() < until_t:
            step, what = self._choose()
            self._say(what)
            await step(self.random.choice(tuple(End)))
            await asyncio.sleep(self.random.uniform(0.2, self._pause_s))

    async def watch(self) -> None:
        """Look at what must never be, for ever."""
        while True:
            for end in End:
                self._look_at(end)
            await asyncio.sleep(LOOK_S)

    def _look_at(self, end: End) -> None:
        view, now = self.pair.stations[end].open(), self._loop.time()
        if view is None or view.phase is not Phase.RUNNING or isinstance(view.task, LEAVES) or view.progress.phase in GOES_ON:
            return
        reasons = [f"hold at {each.value}" for each, (since_t, _) in self.held.items() if now > since_t + HEARD_S]
        reasons += [f"{each.value} hears nothing" for each, since_t in self.deaf.items() if each is end and now > since_t + HEARD_S]
        if reasons and (wrong := f"{view.name} at {end.value} runs ({view.progress.phase}) though {reasons}") not in self.wrong:
            self.wrong.append(wrong)
            self._say("wrong", wrong)

    def _choose(self) -> tuple[Callable[[End], Awaitable[None]], str]:
        choices: list[tuple[Callable[[End], Awaitable[None]], str, int]] = [
            (self.work, "work", 40), (self.mend, "mend", 40 if self._is_wrong() else 0), (self.hold, "hold", 4),
            (self.set_hold, "set a hold", 3), (self.trip, "trip", 3), (self.lose, "lose contact", 4), (self.misset, "set wrongly", 5),
            (self.part, "cut or open", 2), (self.restart, "restart", 2), (self.emergency_off, "emergency-off", 1),
        ]  # fmt: skip
        step, what, _ = self.random.choices(choices, [weight for _, _, weight in choices])[0]
        return step, what

    def _is_wrong(self) -> bool:
        """Return whether there is something that somebody would mend."""
        simulation = self.pair.line.simulation
        return bool(self.held or self.deaf or simulation.plant.fault or any(feed.tripped for feed in simulation.stage.feeds.values()))

    # people

    async def work(self, end: End) -> None:
        """Let go on what holds, or begin what suits the line."""
        views = {each: station.open() for each, station in self.pair.stations.items()}
        held = [(each, view) for each, view in views.items() if view is not None and view.phase is Phase.HELD]
        if held:
            await self._go_on(held)
        elif not any(views.values()):
            await self._begin(end)

    async def _go_on(self, held: list[tuple[End, OperationView]]) -> None:
        way = self.random.choice((Way.RESUME, Way.RESUME, Way.RESUME, Way.BACK))
        for end, view in held:
            station = self.pair.stations[end]
            taken = await station.go_on(view.name, way)
            if not taken and self.random.random() < 0.3:
                await station.tell(Disarm(station.people.who, view.name))
            self._say(way.value if taken else "refused", f"{view.name} at {end.value}")

    async def _begin(self, end: End) -> None:
        on = [each for each, station in self.pair.stations.items() if station.on]
        if not on:
            with contextlib.suppress(AssertionError):  # refused, for a reason that stands: people try later
                await self.pair.energise(end)
                self._say("energised", f"master {end.value}")
            return
        await self._begin_alone(end if len(on) == 2 else on[0], leave=len(on) == 1 or self.random.random() < 0.4)

    async def _begin_alone(self, end: End, *, leave: bool) -> None:
        station, set_ma = self.pair.stations[end], self.pair.line.simulation.plant.power_feed(end).current_setpoint_ma
        task = SwitchOff(RATE) if leave else RampTo(round(set_ma + self.random.uniform(-3.0, 3.0), 1), RATE)
        name = await station.arm(task)
        if isinstance(name, str):
            await station.execute(name)
        if isinstance(name, str):
            self._say("begun", f"{task} at {end.value}")
        else:
            self._say("refused", f"{task} at {end.value}: {'; '.join(each.why for each in name.reasons)}")

    async def hold(self, end: End) -> None:
        station = self.pair.stations[end]
        await station.tell(Hold(station.people.second))

    async def set_hold(self, end: End) -> None:
        """Nobody is to act on the line until this is dropped; the other end is refused at once it has heard of it."""
        if end in self.held:
            return
        station, other = self.pair.stations[end], self.pair.stations[end.other]
        outcome = await station.tell(AddHold(station.people.who, "line", "work at the earth bed"))
        assert isinstance(outcome, Accepted)
        self.held[end] = (self._loop.time(), outcome.names[0])
        await asyncio.sleep(HEARD_S)
        if other.open() is None and isinstance(name := await other.arm(RampTo(500.0, RATE)), str):
            self.wrong.append(f"{name} was armed at {end.other.value} under a hold at {end.value}")

    async def emergency_off(self, end: End) -> None:
        station = self.pair.stations[end]
        await station.tell(EmergencyOff(station.people.second, ("all",)))
        await asyncio.sleep(2.0)
        if station.on:
            self.wrong.append(f"the feed at {end.value} is on after EMERGENCY-OFF")

    async def restart(self, end: End) -> None:
        run = self.pair.line.stations[end]
        await run.stop()
        await asyncio.sleep(self.random.uniform(0.1, 4.0))
        await run.start()

    # the line

    async def trip(self, end: End) -> None:
        trip(end)(self.pair.line.simulation)

    async def lose(self, end: End) -> None:
        """One end, or both, hear nothing of the other."""
        for each in self.random.choice(((end,), tuple(End))):
            self.pair.line.silence(each.other, True)
            self.deaf.setdefault(each, self._loop.time())

    async def misset(self, end: End) -> None:
        """Somebody at the panel turns the current by a little."""
        plant = self.pair.line.simulation.plant
        feed = plant.power_feed(end)
        if feed.output_on and feed.current_setpoint_ma > 10.0:
            by_ma = self.random.choice(MISSETS_MA)
            plant.set_power_feed(end, replace(feed, current_setpoint_ma=round(feed.current_setpoint_ma + by_ma, 1)))

    async def part(self, end: End) -> None:
        """The cable is cut, or parted without touching the sea."""
        plant, km = self.pair.line.simulation.plant, self.random.uniform(10.0, 330.0)
        plant.apply(self.random.choice((Cut(km), InsulatedOpen(km))))

    async def mend(self, end: End) -> None:
        """Holds are dropped, lines repaired, trips acknowledged, messages arrive again."""
        simulation = self.pair.line.simulation
        for each, (_, name) in tuple(self.held.items()):
            if isinstance(await self.pair.stations[each].tell(DropHold(self.pair.stations[each].people.who, name)), Accepted):
                del self.held[each]
        for each in End:
            self.pair.line.silence(each, False)
            simulation.stage.feeds[each].acknowledge()
        self.deaf.clear()
        simulation.plant.repair()

    def _say(self, what: str, more: str = "") -> None:
        self.did[what] += 1
        state = self.pair.line.simulation.plant.electrical()
        currents, volts = f"{state.current_a_ma:6.1f}/{state.current_b_ma:6.1f} mA", f"{state.voltage_a_v:5.1f}/{state.voltage_b_v:5.1f} V"
        self.story.append(f"{self._loop.time() - self._begun_t:7.1f} s {currents} {volts} {what} {more}".rstrip())


def course(seed: int) -> Brought:
    """Play a course."""

    async def scene() -> Brought:
        async with double_end(seed) as pair:
            one = Course(pair, seed)
            watching = asyncio.create_task(one.watch())
            await one.run(COURSE_S)
            watching.cancel()
            return Brought(pair.highest_v, pair.highest_ma, one.did, tuple(one.wrong), tuple(one.story))

    return virtual_time.run(scene(), virtual_time.LoneLoop)


@pytest.fixture(scope="module")
def courses(processes: ProcessPoolExecutor) -> Ahead[int, Brought]:
    return Ahead(processes, course, SEEDS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_through_every_ramp_hold_trip_loss_and_misset_both_ends_stay_within_their_limits(seed: int, courses: Ahead[int, Brought]) -> None:
    brought = courses[seed]
    told = "\n".join(brought.story[-60:])
    assert max(brought.highest_v.values()) <= MOST_V + ROUNDED_V, told
    assert brought.highest_ma <= FOLLOWER_LIMIT * NOMINAL_MA + DROOP_MA, told  # that much a follower may feed into a cut at its end
    assert not brought.wrong, f"{brought.wrong}\n{told}"


def test_the_courses_were_about_something(courses: Ahead[int, Brought]) -> None:
    brought = [courses[seed] for seed in SEEDS]
    assert max(each.highest_ma for each in brought) > 300.0
    assert max(max(each.highest_v.values()) for each in brought) > 150.0
    assert sum(each.did["energised"] for each in brought) >= len(SEEDS)
