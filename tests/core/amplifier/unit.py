"""A fibre amplifier as the machines see it: its plan, and readings that a test gives one by one."""

from __future__ import annotations

from dataclasses import replace

from stationd.core.amplifier import AmplifierExecutor, amplifier_executor
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import GOOD, NEVER_READ, PointId, Reading, Reason, Tick, Value, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import AmplifierTask, Ended, Put, Said, Stopped
from stationd.core.powerfeed.words import Seen

NAME = "fp1-booster"
PUMP, MODE, OUTPUT, LOST, APR, FAULT = (PointId(NAME, point) for point in ("pump_on", "mode", "output_power", "los", "apr_active", "fault"))
PLAN = AmplifierPlan(
    NAME, 1, pump_on=PUMP, pump_writable=True, mode=MODE, mode_writable=True, modes=("acc", "apc"),
    output_dbm=OUTPUT, lost=LOST, reduced=(APR,), fault=FAULT,
)  # fmt: skip
SENDING: dict[PointId, Value] = {PUMP: True, MODE: "apc", OUTPUT: 17.0, LOST: False, APR: False, FAULT: False}
OFF: dict[PointId, Value] = SENDING | {PUMP: False, OUTPUT: -45.0}


def seen_of(values: dict[PointId, Value], t: float, before: dict[PointId, Value] | None = None) -> Seen:
    """Two readings of each point, half a second apart."""
    older = before if before is not None else values
    first = {point: Reading(point, older.get(point, value), GOOD, t - 0.5) for point, value in values.items()}
    return Seen({point: (first[point], Reading(point, value, GOOD, t)) for point, value in values.items()})


class Unit:
    """The unit, its readings and one task on it. `said` is everything; time goes on by `read`."""

    def __init__(self, task: AmplifierTask, values: dict[PointId, Value] | None = None, plan: AmplifierPlan = PLAN) -> None:
        self.now = 100.0
        self.values = dict(OFF if values is None else values)
        self.seen = seen_of(self.values, self.now)
        self.executor: AmplifierExecutor = amplifier_executor(plan, task)
        self.said: list[Said] = []

    def _take(self, step: tuple[AmplifierExecutor, tuple[Said, ...]]) -> tuple[Said, ...]:
        self.executor, said = step
        self.said += said
        return said

    def begin(self) -> tuple[Said, ...]:
        return self._take(self.executor.begin(self.seen, self.now))

    def hold(self) -> tuple[Said, ...]:
        return self._take(self.executor.hold("a person wants it", self.now))

    def go(self, way: Way = Way.RESUME) -> tuple[Said, ...]:
        return self._take(self.executor.go(way, self.seen, self.now))

    def tick(self, seconds: float) -> tuple[Said, ...]:
        self.now += seconds
        return self._take(self.executor.take(Tick(self.now), self.seen, self.now))

    def read(self, point: PointId, value: Value | None, seconds: float = 0.1) -> tuple[Said, ...]:
        self.now += seconds
        reading = Reading(point, value, NEVER_READ if value is None else GOOD, self.now)
        kept = (*self.seen.readings.get(point, ()), reading)[-2:]
        self.seen = replace(self.seen, readings={**self.seen.readings, point: kept})
        return self._take(self.executor.take(reading, self.seen, self.now))

    def poll(self, changed: dict[PointId, Value] | None = None, times: int = 2) -> None:
        """Read every point anew, so often."""
        self.values |= changed or {}
        for _ in range(times):
            self.now += 0.5
            for point, value in self.values.items():
                self.read(point, value, seconds=0.0)

    def done(self, reason: Reason = Reason.NONE, read_back: Value | None = None, detail: str = "") -> tuple[Said, ...]:
        """Answer the last write; without a reason the unit shows what was asked."""
        put = self.puts()[-1]
        self.now += 0.1
        shown = put.value if reason is Reason.NONE else read_back
        return self._take(self.executor.take(WriteDone(put.target, put.value, shown, reason, detail, self.now), self.seen, self.now))

    def puts(self) -> list[Put]:
        return [each for each in self.said if isinstance(each, Put)]

    def ended(self) -> Ended | None:
        found = [each for each in self.said if isinstance(each, Ended)]
        assert len(found) <= 1
        return found[0] if found else None

    def stopped(self) -> list[Stopped]:
        return [each for each in self.said if isinstance(each, Stopped)]
