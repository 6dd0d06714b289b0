"""A line with two power feeds in virtual time, and a bench that lets an executor drive one of them. Nothing here knows the machine.

The line is the simulator's twin (stationd.sim.solver), which shares no code with the model of the line that the machine checks
against. Time goes in small steps; readings, writes and their answers take as long as the test says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from stationd.core.line.words import Cable
from stationd.core.model import GOOD, PointId, Quality, Reading, Reason, Tick, Value, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Ended, FeedTask, Passed, Put, Said, Stopped
from stationd.core.powerfeed import FeedExecutor, feed_executor
from stationd.core.powerfeed.words import DrivenPoints, FarFeed, FeedPlan, Seen
from stationd.sim.cable import S1_341, CableParameters, Electrical, End, Polarity, PowerFeed
from stationd.sim.solver import solve

STEP_S = 0.1
DISCHARGE_TAU_S = 1.0
CABLE = Cable(341.0, 1.0, (68.2, 136.4, 204.6, 272.8), 40.0)


def point(name: str) -> PointId:
    return PointId("pfe", name)


POINTS = DrivenPoints(
    current_ma=point("current"),
    voltage_v=point("voltage"),
    setpoint_ma=point("set"),
    on=point("on"),
    remote=point("remote"),
    voltage_setpoint_v=point("set_v"),
    regulation=point("regulation"),
    fault=point("fault"),
    polarity_negative=point("negative"),
    slew_ma_per_s=point("slew"),
    slew_mode=point("slew_mode"),
    electroding=PointId("io1", "do1"),
)
PLAN = FeedPlan(
    "pfe", POINTS, nominal_ma=1000.0, max_v=800.0, ramp_ma_per_s=10.0, cable=CABLE, far_max_v=800.0, remote_writable=True,
    slew_follow="follow", far_title="Siyazan",
)  # fmt: skip
SINGLE = replace(PLAN, points=replace(POINTS, voltage_setpoint_v=None))


@dataclass
class Line:
    """Both feeds on one cable, solved when something changes."""

    cable: CableParameters = S1_341
    feeds: dict[End, PowerFeed] = field(default_factory=lambda: {End.A: _off(Polarity.POSITIVE), End.B: _off(Polarity.NEGATIVE)})
    _state: Electrical | None = None

    def change(self, end: End, **changes: object) -> None:
        self.feeds[end] = replace(self.feeds[end], **changes)  # type: ignore[arg-type]
        self._state = None

    def state(self) -> Electrical:
        if self._state is None:
            self._state = solve(self.cable, self.feeds[End.A], self.feeds[End.B])
        return self._state


def _off(polarity: Polarity) -> PowerFeed:
    return PowerFeed(output_on=False, current_setpoint_ma=0.0, voltage_setpoint_v=0.0, balance_v=250.0, droop_s=3.3e-6, polarity=polarity)


@dataclass
class Unit:
    """One supply as its interface shows it, with meters that lag and settings that can be spoilt from outside."""

    line: Line
    end: End = End.A
    has_voltage: bool = True
    meter_s: float = 0.0  # the meters show what was so long ago
    offset_ma: float = 0.0
    fault: bool = False
    remote: bool = False
    negative: bool = False
    tone: bool = False
    slew: Value = 0.0
    slew_mode: Value = "off"
    aim_ma: float | None = None  # where a set point is on its way to, in a unit that slews
    regulation: str | None = None
    voltage: float | None = None  # what the voltmeter is made to show
    left_v: float = 0.0
    history: deque[tuple[float, float, float]] = field(default_factory=deque)

    def run(self, now: float) -> None:
        """Let the time go on by one step."""
        self._slew()
        volts = self.line.state().voltage_v(self.end)
        self.left_v = max(volts, self.left_v * (1 - STEP_S / DISCHARGE_TAU_S))
        self.history.append((now, self.line.state().current_ma(self.end), self.left_v))
        while len(self.history) > 1 and self.history[1][0] <= now - self.meter_s:
            self.history.popleft()

    def _slew(self) -> None:
        if self.aim_ma is None:
            return
        stands_ma, most_ma = self.line.feeds[self.end].current_setpoint_ma, float(self.slew) * STEP_S
        next_ma = stands_ma + max(-most_ma, min(most_ma, self.aim_ma - stands_ma))
        self.line.change(self.end, current_setpoint_ma=next_ma)
        self.aim_ma = None if next_ma == self.aim_ma else self.aim_ma

    def shown(self) -> dict[PointId, Value]:
        feed = self.line.feeds[self.end]
        _, current, volts = self.history[0]
        mode = self.regulation or self.line.state().regulation(self.end).value
        found: dict[PointId, Value] = {
            POINTS.current_ma: round(current + self.offset_ma, 1),
            POINTS.voltage_v: round(volts if self.voltage is None else self.voltage, 1),
            POINTS.setpoint_ma: feed.current_setpoint_ma if self.aim_ma is None else self.aim_ma,
            POINTS.on: feed.output_on,
            POINTS.remote: self.remote,
            point("set_v"): feed.voltage_setpoint_v,
            point("regulation"): mode,
            point("fault"): self.fault,
            point("negative"): self.negative,
            point("slew"): self.slew,
            point("slew_mode"): self.slew_mode,
            PointId("io1", "do1"): self.tone,
        }
        return found

    def write(self, target: PointId, value: Value) -> None:
        match target.point:
            case "set" if self.slew_mode == "follow" and self.line.feeds[self.end].output_on:
                self.aim_ma = float(value)
            case "set":
                self.line.change(self.end, current_setpoint_ma=float(value))
            case "set_v":
                self.line.change(self.end, voltage_setpoint_v=float(value))
            case "on":
                self.line.change(self.end, output_on=value)
            case "do1":
                self.tone = bool(value)
            case name:
                setattr(self, name, value)


@dataclass
class Bench:
    """Polls a unit, gives its executor everything in order, carries its writes out, and keeps what it said."""

    executor: FeedExecutor
    unit: Unit
    poll_s: float = 0.5
    write_s: float = 0.1
    now: float = 100.0
    seen: Seen = field(default_factory=Seen)
    said: list[Said] = field(default_factory=list)
    put: list[tuple[float, Put, float]] = field(default_factory=list)  # when, what, and the newest current that was known then
    lost: Callable[[float], bool] = lambda now: False
    fails: Callable[[Put], WriteDone | None] = lambda put: None
    muted: set[PointId] = field(default_factory=set)
    spoilt: dict[PointId, Quality] = field(default_factory=dict)
    far: Callable[[float], FarFeed | None] | None = None
    ticks: bool = True
    _writes: deque[tuple[float, Put]] = field(default_factory=deque)
    polled: float = float("-inf")

    def __post_init__(self) -> None:
        if not self.unit.has_voltage:
            self.unit.line.change(self.unit.end, voltage_setpoint_v=800.0)

    # what happens

    def step(self) -> None:
        self.now = round(self.now + STEP_S, 6)
        self.unit.run(self.now)
        if self.far is not None:
            self.seen = replace(self.seen, far=self.far(self.now))
        while self._writes and self._writes[0][0] <= self.now:
            self._answer(self._writes.popleft()[1])
        if self.now >= self.polled + self.poll_s - 1e-6 and not self.lost(self.now):
            self.polled = self.now
            self.poll()
        due = self.executor.deadline()
        if self.ticks and due is not None and self.now >= due:
            self._take(Tick(self.now))

    def poll(self) -> None:
        for each, value in self.unit.shown().items():
            if each not in self.muted:
                quality = self.spoilt.get(each, GOOD)
                self.read(Reading(each, value if quality.good else None, quality, self.now))

    def read(self, reading: Reading) -> None:
        before = self.seen.readings.get(reading.point, ())
        self.seen = replace(self.seen, readings={**self.seen.readings, reading.point: (*before, reading)[-2:]})
        self._take(reading)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-6:
            self.step()

    def run_until(self, there: Callable[[], bool], most_s: float = 400.0) -> None:
        end = self.now + most_s
        while not there():
            assert self.now < end, f"not there after {most_s} s: {self.phase}, {self.said[-4:]}"
            self.step()

    # what people and the desk do

    def begin(self) -> None:
        self.run(1.1)
        self.begin_now()

    def begin_now(self) -> None:
        self._turn(*self.executor.begin(self.seen, self.now))

    def go(self, way: Way) -> None:
        self._turn(*self.executor.go(way, self.seen, self.now))

    def hold(self, why: str = "by a person") -> None:
        self._turn(*self.executor.hold(why, self.now))

    # what came of it

    @property
    def phase(self) -> str:
        return self.executor.drive.phase.value

    @property
    def ended(self) -> Ended | None:
        return next((each for each in self.said if isinstance(each, Ended)), None)

    @property
    def stopped(self) -> str | None:
        return next((each.detail for each in reversed(self.said) if isinstance(each, Stopped)), None)

    @property
    def passed(self) -> list[str]:
        return [each.detail for each in self.said if isinstance(each, Passed)]

    @property
    def puts(self) -> list[Put]:
        return [each for _, each, _ in self.put]

    @property
    def currents(self) -> list[float]:
        return [float(each.value) for each in self.puts if each.target == POINTS.setpoint_ma]

    def measured(self) -> float:
        return float(self.unit.shown()[POINTS.current_ma])

    def number(self) -> int:
        return len(self.put)

    def _take(self, event: Reading | WriteDone | Tick) -> None:
        self._turn(*self.executor.take(event, self.seen, self.now))

    def _turn(self, executor: FeedExecutor, said: tuple[Said, ...]) -> None:
        self.executor = executor
        self.said += said
        for each in said:
            if isinstance(each, Put):
                newest = self.seen.number(POINTS.current_ma, self.now)
                self.put.append((self.now, each, float("nan") if newest is None else newest))
                self._writes.append((self.now + (0.0 if each.urgent else self.write_s), each))

    def _answer(self, put: Put) -> None:
        failed = self.fails(put)
        if failed is None:
            self.unit.write(put.target, put.value)
        self._take(failed or WriteDone(put.target, put.value, put.value, Reason.NONE, "", self.now))


def bench(task: FeedTask, plan: FeedPlan = SINGLE, line: Line | None = None, **unit: object) -> Bench:
    """A bench with a discharged line and a cold unit."""
    has_voltage = plan.points.voltage_setpoint_v is not None
    return Bench(feed_executor(plan, task), Unit(line or Line(), has_voltage=has_voltage, **unit))  # type: ignore[arg-type]


def energised(task: FeedTask, plan: FeedPlan = SINGLE, at_ma: float = 1000.0, **unit: object) -> Bench:
    """A bench on which end A feeds the line alone at this current."""
    made = bench(task, plan, **unit)
    made.unit.line.change(End.A, output_on=True, current_setpoint_ma=at_ma, voltage_setpoint_v=800.0)
    made.unit.left_v = made.unit.line.state().voltage_v(End.A)
    return made


def far_off(now: float) -> FarFeed:
    """A far station that is there and feeds nothing."""
    return FarFeed(now, 0.0, 0.0, False, "off", now)


def failed(put: Put, shown: Value | None, reason: Reason = Reason.REFUSED, t: float = 0.0) -> WriteDone:
    return WriteDone(put.target, put.value, shown, reason, "", t)
