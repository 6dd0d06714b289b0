"""Two stations on one line, each with its own machine, that tell each other once a second what they measure and do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from stationd.core.operation.task import Energise, FeedTask, Part, RampTo
from stationd.core.powerfeed import feed_executor
from stationd.core.powerfeed.machine import ENDS, RUNNING, Phase
from stationd.core.powerfeed.words import FarFeed, FeedPlan
from stationd.sim.cable import End
from tests.core.powerfeed.plant import PLAN, STEP_S, Bench, Line, Unit

EVERY_S = 1.0
ON_THE_WAY_S = 0.3


def _operation(bench: Bench, told_ma: float | None) -> Mapping[str, str] | None:
    phase = bench.executor.drive.phase
    if phase in ENDS or phase is Phase.IDLE:
        return None
    task = bench.executor.task
    verb = task.part.value if isinstance(task, Energise) else "ramp" if isinstance(task, RampTo) else "off"
    to_ma = told_ma if told_ma is not None or not isinstance(task, Energise | RampTo) else task.to_ma
    target = verb if to_ma is None else f"{verb} to {to_ma:g} mA"
    return {"id": "OP-1", "phase": "running" if phase in RUNNING else "held", "target": target}


@dataclass
class Pair:
    """End a and end b. `cut_off` stops the messages to both; `holds` are those that both are told.

    `tells_ma` is the current that an end says it goes to, where that is not the one of its task.
    """

    a: Bench
    b: Bench
    line: Line
    cut_off: bool = False
    holds: tuple[str, ...] = ()
    tells_ma: dict[End, float] = field(default_factory=dict)
    most_v: float = 0.0
    watch: Callable[[Pair], None] = lambda pair: None
    _mail: dict[End, deque[FarFeed]] = field(default_factory=lambda: {End.A: deque(), End.B: deque()})
    _told: float = float("-inf")

    def run(self, seconds: float) -> None:
        end = self.a.now + seconds
        while self.a.now < end - 1e-6:
            self.step()

    def run_until(self, there: Callable[[], bool], most_s: float = 400.0) -> None:
        end = self.a.now + most_s
        while not there():
            assert self.a.now < end, f"not there: a {self.a.phase} {self.a.said[-2:]}, b {self.b.phase} {self.b.said[-2:]}"
            self.step()

    def step(self) -> None:
        if not self.cut_off and self.a.now >= self._told + EVERY_S - 1e-6:
            self._told = self.a.now
            self._mail[End.B].append(self._message(self.a))
            self._mail[End.A].append(self._message(self.b))
        self._deliver(self.a, End.A)
        self._deliver(self.b, End.B)
        self.a.step()
        self.b.step()
        state = self.line.state()
        self.most_v = max(self.most_v, state.voltage_a_v, state.voltage_b_v)
        self.watch(self)

    def begin(self) -> None:
        self.run(2.0)
        self.a.begin_now()
        self.b.begin_now()

    def both_ended(self) -> bool:
        return self.a.ended is not None and self.b.ended is not None

    def _message(self, bench: Bench) -> FarFeed:
        unit, seen = bench.unit, bench.seen
        feed, mode = self.line.feeds[unit.end], self.line.state().regulation(unit.end).value
        current, volts = (seen.number(getattr(bench.executor.plan.points, name), bench.now) for name in ("current_ma", "voltage_v"))
        operation = _operation(bench, self.tells_ma.get(unit.end))
        return FarFeed(bench.now, current, volts, feed.output_on, mode, bench.now - 0.2, holds=self.holds, operation=operation)

    def _deliver(self, bench: Bench, end: End) -> None:
        mail = self._mail[end]
        while mail and mail[0].t <= bench.now - ON_THE_WAY_S:
            bench.seen = replace(bench.seen, far=mail.popleft())


def energising(to_ma: float = 1000.0, plan: FeedPlan = PLAN, rate: float = 10.0) -> Pair:
    """A dead line that both ends are about to energise: a is master, b follows."""
    return _pair(Energise(to_ma, rate, Part.MASTER), Energise(to_ma, rate, Part.FOLLOWER), plan, Line())


def in_service(a: FeedTask, b: FeedTask | None = None, plan: FeedPlan = PLAN) -> Pair:
    """A line that both ends feed at 1000 mA, each with half of the voltage; end b is watched only unless it has a task."""
    line = Line()
    for end in End:
        line.change(end, output_on=True, current_setpoint_ma=1000.0, voltage_setpoint_v=800.0, balance_v=250.5)
    return _pair(a, b or RampTo(1000.0, 10.0), plan, line)


def _pair(a: FeedTask, b: FeedTask, plan: FeedPlan, line: Line) -> Pair:
    ends = [Bench(feed_executor(plan, task), Unit(line, end), poll_s=0.5) for task, end in ((a, End.A), (b, End.B))]
    for each in ends:
        each.unit.left_v = line.state().voltage_v(each.unit.end)
    ends[1].now += STEP_S / 2  # two stations never look at the same moment
    return Pair(ends[0], ends[1], line)
