"""People, faults and restarts in any order, on a supply behind a real pseudo terminal: the current never does what nobody asked for.

A seeded random walk, for time is real here: arming, approval, execution, holds, resume, back, lost sessions, silence, wrong codes,
EMERGENCY-OFF, restarts of the daemon, contacts that open, hands at the panel, and a line that is late, lost, damaged, doubled,
echoed, foreign, stuck or gone. Beside it stands a witness who looks at the *true* current and at the set point in the unit, not at what the
daemon knows of them. STATIOND_RAMP_STEPS sets the steps over all walks (a release takes 20,000), STATIOND_RAMP_SEED the first seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stationd.app import App, load
from stationd.core.operation.orders import (
    Approve,
    Arm,
    AuthorityVerb,
    Disarm,
    EmergencyOff,
    Execute,
    Hold,
    KeepAlive,
    Prepare,
    SetAuthority,
    Way,
)
from stationd.core.operation.task import Energise, FeedTask, RampTo, SwitchOff
from stationd.core.operation.views import OperationView, Phase
from stationd.core.operation.words import Accepted
from stationd.sim.cable import End
from stationd.sim.device_io import INTERLOCKS, Contact, IoModule
from stationd.sim.wire_faults import FaultKind, LineFault
from tests.integration.acting_house import DEVIATION_MA, RATE_DOWN, RATE_UP, Feed, House, house, until
from tests.operators import CODE, REASON, Operator

STEPS = int(os.environ.get("STATIOND_RAMP_STEPS", "400"))
SEED = int(os.environ.get("STATIOND_RAMP_SEED", "1"))
WALKS = tuple(Feed) * 4  # at the same time, each with a plant, a line and a daemon of its own
LOOK_S = 0.02
SLACK_MA = 3.0  # droop of the feed: its current is so far from its set point
RECENT_S = 12.0  # a write may wait so long for its line; what it goes by was measured before
TRANSIT_S = 0.25  # what was on the wire when a daemon ended arrives within this
MOST_MA = 500.0
RATES = (25.0, 50.0, RATE_UP)
BEGUN = (Phase.STARTING, Phase.RUNNING)
LATE_S = (0.2, 1.2)  # within what the drivers declare
NOISES = (FaultKind.NOISE_BEFORE, FaultKind.NOISE_AFTER, FaultKind.NOISE_INSIDE, FaultKind.TRUNCATED, FaultKind.BIT_ERRORS)
DISTURBANCES = (
    FaultKind.LATE, FaultKind.DROP, FaultKind.DUPLICATE, FaultKind.ECHO, FaultKind.BABBLE, FaultKind.STUCK, FaultKind.MUTE,
    FaultKind.WRONG_UNIT, FaultKind.WRONG_FUNCTION, FaultKind.WRONG_LENGTH, *NOISES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grant:
    """What two persons have agreed to: this operation may raise the current to here, at this rate."""

    operation: str
    to_ma: float
    rate_ma_per_s: float

    @property
    def lead_ma(self) -> float:
        """A second of the rate, and no more than counts as a deviation: with one step more than that a current is out of its profile."""
        return min(self.rate_ma_per_s * 1.0, DEVIATION_MA)


@dataclass(slots=True)
class Witness:
    """Looks at the plant; knows of the daemon only whether an operation runs, and of the people what they have agreed to.

    `profile_ma` is the highest that the profile can be: from the current at which it was granted, at its rate while it runs, and
    never further from the current than one step. It never rises by itself while nothing runs.
    """

    house: House
    profile_ma: float = 0.0
    grant: Grant | None = None
    lead_ma: float = DEVIATION_MA
    silent_from_t: float | None = None  # from then on nothing at all may reach the unit
    held_commands: int | None = None  # how many had reached it when the operation was seen to hold
    seen_t: float = 0.0
    set_ma: float = 0.0
    on: bool = False
    highest_ma: float = 0.0
    recent: deque[tuple[float, float]] = field(default_factory=deque)

    def begin(self) -> None:
        """Take what is there now as given."""
        self.seen_t, self.set_ma, self.on = self.house.now, self._set_ma(), self._on()
        self.recent.append((self.seen_t, self.house.current_ma))

    def agree(self, grant: Grant | None) -> None:
        """Two persons let the current rise, or (None) let something happen that must not raise it."""
        self.grant, self.silent_from_t, self.held_commands = grant, None, None
        if grant is not None:
            self.lead_ma, self.profile_ma = grant.lead_ma, self.house.current_ma

    def look(self, phase: Phase | None) -> None:
        """Look once; `phase` is that of the operation of the grant, or of the one that is open."""
        now, current_ma = self.house.now, self.house.current_ma
        runs = self.grant is not None and phase in BEGUN
        if self.grant is not None and runs:
            gone_ma = self.grant.rate_ma_per_s * (now - self.seen_t)
            self.profile_ma = max(self.profile_ma, min(self.grant.to_ma, self.profile_ma + gone_ma))
        self._note(now, current_ma)
        self._never_above(current_ma)
        self._never_jumps()
        self._never_by_itself(now, phase)
        most_ma = max(each for _, each in self.recent)
        self.profile_ma = min(self.profile_ma, most_ma + self.lead_ma if runs else most_ma)
        self.seen_t, self.set_ma, self.on, self.highest_ma = now, self._set_ma(), self._on(), max(self.highest_ma, current_ma)

    def _note(self, now: float, current_ma: float) -> None:
        self.recent.append((now, current_ma))
        while self.recent[0][0] < now - RECENT_S:
            self.recent.popleft()

    def _never_above(self, current_ma: float) -> None:
        most_ma = self.profile_ma + self.lead_ma + SLACK_MA
        assert current_ma <= most_ma, f"{current_ma:.1f} mA, the profile is at {self.profile_ma:.1f} mA and a step is {self.lead_ma:.0f} mA"

    def _never_jumps(self) -> None:
        set_ma, measured_ma = self._set_ma(), max(each for _, each in self.recent)
        if set_ma > self.set_ma:
            assert set_ma <= self.set_ma + self.lead_ma + SLACK_MA, f"set point from {self.set_ma:.1f} to {set_ma:.1f} mA in one step"
            assert set_ma <= measured_ma + self.lead_ma + SLACK_MA, f"set point {set_ma:.1f} mA at {measured_ma:.1f} mA"
        if self._on() and not self.on:
            assert self.grant is not None, "the output went on, and nobody has asked for it"

    def _never_by_itself(self, now: float, phase: Phase | None) -> None:
        """Nothing is sent after a restart; at most the one write that was under way when an operation began to hold."""
        commands = len(self.house.simulation.written)
        if self.silent_from_t is not None:
            sent = [each.command for each in self.house.written(self.silent_from_t)]
            assert not sent, f"after a restart, and nobody has asked for it: {sent}"
        if phase is not Phase.HELD:
            self.held_commands = None
        elif self.held_commands is None:
            self.held_commands = commands
        else:
            sent = [each.command for each in self.house.simulation.written[self.held_commands :]]
            assert len(sent) <= 1, f"while it holds: {sent}"

    def _set_ma(self) -> float:
        return self.house.simulation.stage.feeds[End.A].current.target

    def _on(self) -> bool:
        return self.house.simulation.stage.feeds[End.A].feed.output_on


class Walk:
    """One walk: a house, a daemon in it, two persons, and what happens to them. `story` is what has happened lately."""

    def __init__(self, one: House, seed: int) -> None:
        self.house = one
        self.random = random.Random(seed)
        self.witness = Witness(one)
        self.story: deque[str] = deque(maxlen=60)
        self.did: Counter[str] = Counter()
        self.person: Operator
        self.name: str | None = None
        self.there = True  # whether the keep-alives of the person come
        self.wrong = False  # whether something is broken that somebody would mend
        self._running: asyncio.Task[None] | None = None

    # the daemon

    async def start(self) -> None:
        """Start a daemon in a task of its own."""
        loaded = load(self.house.config)
        assert loaded.config is not None, loaded.mistakes
        app = App(loaded.config, loaded.catalogue)
        self.person = Operator(app)
        self._running = asyncio.create_task(app.run())
        await asyncio.sleep(0)  # it has begun: what it holds it gives back however soon it is ended

    async def stop(self) -> None:
        """End the daemon as systemd does."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])

    def view(self) -> OperationView | None:
        """Return the operation that is open, or None."""
        views = self.person.app.acting.operations(asyncio.get_running_loop().time())
        return next((each for each in views if each.phase is not Phase.CLOSED), None)

    def phase(self) -> Phase | None:
        view = self.view()
        return None if view is None else view.phase

    # what goes on all the time

    async def witness_it(self) -> None:
        self.witness.begin()
        while True:
            assert self._running is not None
            self.witness.look(self.phase())
            await asyncio.sleep(LOOK_S)

    async def say_it_is_there(self) -> None:
        while True:
            view = self.view()
            if self.there and view is not None and view.phase in BEGUN:
                await self.person.app.engine.act(KeepAlive(self.person.who, view.name), self.person.who.name)
            await asyncio.sleep(1.0)

    # what people do

    async def begin(self) -> None:
        """Arm something that suits the plant, have it approved, and execute it; or nearly."""
        await self.person.tell(SetAuthority(self.person.who, AuthorityVerb.REQUEST))
        task = self._task()
        armed = await self.person.tell(Arm(self.person.who, "pfe", task, REASON, CODE))
        if not isinstance(armed, Accepted):
            await self._refused("")
            return
        (name,) = armed.names[:1]
        if self.random.random() < 0.1:
            await self._refuse_a_wrong_code(name)
        await self.person.tell(Approve(self.person.second, name))
        if self.random.random() < 0.1:
            self._say("left armed", str(task))
            return
        await self._execute(name, task, Way.RESUME)

    def _task(self) -> FeedTask:
        rate, to_ma = self.random.choice(RATES), round(self.random.uniform(20.0, MOST_MA), 1)
        if not self.house.simulation.stage.feeds[End.A].feed.output_on:
            return Energise(to_ma, rate)
        return SwitchOff(RATE_DOWN) if self.random.random() < 0.25 else RampTo(to_ma, rate)

    async def _refuse_a_wrong_code(self, name: str) -> None:
        wrong = await self.person.tell(Execute(self.person.who, name, "AAAA"))
        assert not isinstance(wrong, Accepted)

    async def _execute(self, name: str, task: FeedTask, way: Way) -> None:
        begun_ma = self.house.current_ma
        outcome = await self.person.tell(Execute(self.person.who, name, CODE))
        if not isinstance(outcome, Accepted):
            self._say("not executed", "; ".join(each.why for each in self.person.refused[-1].reasons))
            return
        self.there = True
        self.witness.agree(self._granted(name, task, way))
        self._say("executed", f"{way.value} {task} at {begun_ma:.1f} mA")

    async def _refused(self, what: str) -> None:
        """Nobody tries again at once."""
        self._say("refused", f"{what} " + "; ".join(each.why for each in self.person.refused[-1].reasons))
        await asyncio.sleep(0.5)

    def _granted(self, name: str, task: FeedTask, way: Way) -> Grant | None:
        if way is Way.BACK or isinstance(task, SwitchOff) or not isinstance(task, Energise | RampTo):
            return None
        return Grant(name, task.to_ma, task.rate_ma_per_s)

    async def until_it_runs(self, task: FeedTask) -> None:
        """Arm this task and execute it as soon as nothing stands in the way."""
        while self.phase() not in BEGUN:
            await self.person.tell(SetAuthority(self.person.who, AuthorityVerb.REQUEST))
            armed = await self.person.tell(Arm(self.person.who, "pfe", task, REASON, CODE))
            if isinstance(armed, Accepted):
                await self.person.tell(Approve(self.person.second, armed.names[0]))
                await self._execute(armed.names[0], task, Way.RESUME)
            await asyncio.sleep(0.1)

    async def go_on(self) -> None:
        """Let what holds go on or back, or close it."""
        view = self.view()
        if view is None or view.phase is not Phase.HELD:
            return
        way = self.random.choice((Way.RESUME, Way.RESUME, Way.RESUME, Way.BACK))
        if self.random.random() < 0.1:
            await self.person.tell(Disarm(self.person.who, view.name))
            self._say("closed", view.name)
            return
        await self.person.tell(SetAuthority(self.person.who, AuthorityVerb.REQUEST))
        prepared = await self.person.tell(Prepare(self.person.who, view.name, way, CODE))
        if not isinstance(prepared, Accepted):
            await self._refused(way.value)
            return
        await self.person.tell(Approve(self.person.second, view.name))
        assert isinstance(view.task, Energise | RampTo | SwitchOff)
        await self._execute(view.name, view.task, way)

    async def hold(self) -> None:
        """Somebody says hold."""
        await self.person.tell(Hold(self.random.choice((self.person.who, self.person.second))))
        self._say("hold")

    async def disarm(self) -> None:
        """Give up what is armed and was not executed."""
        view = self.view()
        if view is not None and view.phase in (Phase.ARMED, Phase.WAITING):
            await self.person.tell(Disarm(self.person.who, view.name))
            self._say("disarmed")

    async def leave(self) -> None:
        """The session of the person ends."""
        self.person.leave()
        self._say("session lost")

    async def fall_silent(self) -> None:
        """The person is not heard of any more, though the session is there."""
        self.there = False
        self._say("silent")

    async def emergency_off(self) -> None:
        """Whatever is going on, EMERGENCY-OFF takes the output off; nobody has to mend the line first for it to begin."""
        await self.person.must(EmergencyOff(self.person.second, ("all",)))
        self.witness.agree(None)
        self._say("emergency-off")
        await asyncio.sleep(self.random.uniform(0.0, 1.0))
        await self.mend()
        await until(lambda: all(each.confirmed is not None for each in self.person.app.acting.cut_offs()))
        assert all(each.confirmed for each in self.person.app.acting.cut_offs())
        assert not self.house.simulation.stage.feeds[End.A].feed.output_on

    async def restart(self) -> None:
        """The daemon ends and starts anew."""
        await self.stop()
        self._say("restart")
        arrived_t = self.house.now + TRANSIT_S
        await asyncio.sleep(TRANSIT_S)  # what was written while somebody had asked for it may still be on its way
        self.witness.agree(None)
        self.witness.silent_from_t = arrived_t
        await self.start()

    # what the world does

    async def disturb(self) -> None:
        """Something is wrong with what the supply answers."""
        self.wrong, kind = True, self.random.choice(DISTURBANCES)
        share = self.random.choice((0.05, 0.2, 0.5, 1.0))
        self.house.simulation.faults("pfe").add(
            LineFault(kind, share=share, delay_s=self.random.uniform(*LATE_S), size=self.random.choice((1, 2, 8)))
        )
        self._say("disturbed", f"{kind.value} {share}")

    async def unplug(self) -> None:
        """A port hangs up, is gone, or swallows everything."""
        port = self.house.simulation.port(self.random.choice(("pfe", "pfe", "io")))
        self.wrong, what = True, self.random.choice(("hang up", "stop", "black hole"))
        match what:
            case "hang up":
                port.hang_up(self.random.uniform(0.0, 1.0))
            case "stop":
                port.stop()
            case _:
                port.black_hole(True)
        self._say("unplugged", what)

    async def open_contact(self) -> None:
        """A door is opened: the interlock loop switches the supply off."""
        self.wrong = True
        self._module().set_contact(self.random.choice(INTERLOCKS), False)
        self._say("contact opened")

    async def turn_down(self) -> None:
        """Somebody at the panel turns the current down while nothing runs."""
        desk, plant = self.house.simulation.stage.feeds[End.A], self.house.simulation.plant
        if self.phase() in BEGUN or not desk.feed.output_on:
            return
        plant.set_power_feed(End.A, replace(desk.feed, current_setpoint_ma=round(desk.feed.current_setpoint_ma / 2, 1)))
        self._say("turned down")

    async def mend(self) -> None:
        """All that is wrong with lines and contacts is put right."""
        for name in ("pfe", "io"):
            self.house.simulation.faults(name).clear()
            self.house.simulation.port(name).start()
            self.house.simulation.port(name).black_hole(False)
        for contact in (*INTERLOCKS, Contact.EARTHED, Contact.LOCAL):
            self._module().set_contact(contact, contact in INTERLOCKS)
        self.wrong = False
        self._say("mended")

    async def wait(self) -> None:
        """Nothing happens for a while."""
        await asyncio.sleep(0.5)

    def _module(self) -> IoModule:
        module = self.house.simulation.panel("io")
        assert isinstance(module, IoModule)
        return module

    def _say(self, what: str, more: str = "") -> None:
        self.did[what] += 1
        self.story.append(f"{self.house.now:8.2f} s {self.house.current_ma:6.1f} mA {what} {more}".rstrip())

    # the walk

    async def steps(self, count: int) -> None:
        """Take so many steps."""
        for _ in range(count):
            step, _ = self._choose()
            await step()
            await asyncio.sleep(self.random.uniform(0.0, 0.4))

    def _choose(self) -> tuple[Callable[[], Awaitable[None]], int]:
        """Return what happens next: what people would do at this moment more often than anything else."""
        natural: dict[Phase | None, Callable[[], Awaitable[None]]] = {None: self.begin, Phase.HELD: self.go_on, Phase.ARMED: self.disarm}
        choices = [
            (natural.get(self.phase(), self.wait), 60), (self.mend, 40 if self.wrong else 0), (self.wait, 10), (self.hold, 4),
            (self.disturb, 6), (self.unplug, 2),
            (self.leave, 2), (self.fall_silent, 1), (self.open_contact, 1), (self.turn_down, 2), (self.emergency_off, 1),
            (self.restart, 2),
        ]  # fmt: skip
        return self.random.choices(choices, [weight for _, weight in choices])[0]


@contextlib.asynccontextmanager
async def walking(folder: Path, feed: Feed, seed: int) -> AsyncIterator[Walk]:
    """Run a house with a daemon, and its witness, as long as the block."""
    async with house(folder, feed) as one, asyncio.TaskGroup() as tasks:
        walk = Walk(one, seed)
        await walk.start()
        beside = [tasks.create_task(walk.witness_it()), tasks.create_task(walk.say_it_is_there())]
        try:
            yield walk
        finally:
            for each in beside:
                each.cancel()
            await walk.stop()


async def walked(folder: Path, feed: Feed, seed: int, steps: int) -> Counter[str]:
    """Take a walk; return how often each thing has happened. A failure tells its seed and the end of its story."""
    walk: Walk | None = None
    try:
        async with walking(folder, feed, seed) as walk:
            await walk.steps(steps)
    except* AssertionError as failed:
        story = "\n".join(walk.story) if walk is not None else ""
        pytest.fail(f"{feed.name}, seed {seed}: {failed.exceptions}\n{story}")
    assert walk is not None
    walk.did["highest mA"] = round(walk.witness.highest_ma)
    return walk.did


@pytest.mark.timeout(240 + STEPS)
async def test_whatever_happens_the_current_is_never_a_step_above_the_profile_never_jumps_and_never_moves_by_itself(tmp_path: Path) -> None:
    share = max(1, STEPS // len(WALKS))
    walks = [walked(tmp_path / str(n), feed, SEED + n, share) for n, feed in enumerate(WALKS)]
    did = await asyncio.gather(*walks)
    total = sum(did, Counter())
    assert total["executed"] >= STEPS // 40, total  # it was about something
    assert max(each["highest mA"] for each in did) >= 50, total


@pytest.mark.parametrize("feed", Feed)
async def test_a_supply_that_went_off_at_a_current_comes_back_at_none(tmp_path: Path, feed: Feed) -> None:
    async with walking(tmp_path, feed, SEED) as walk:
        task = Energise(200.0, RATE_UP)
        await walk.until_it_runs(task)
        await until(lambda: walk.house.current_ma >= 120.0)
        await walk.emergency_off()
        walk.witness.highest_ma = 0.0
        await walk.until_it_runs(task)
        await until(lambda: walk.view() is None or walk.witness.highest_ma > 0.0)
        assert 0.0 < walk.witness.highest_ma <= 0.5 * RATE_UP
