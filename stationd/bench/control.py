"""How long EMERGENCY-OFF takes to the wire, and until it is proved, on a line that is busy all the time.

Eight units at 19200 baud are polled without a pause; a person's order goes the whole way: engine, desk of operations, poller, bus,
pseudo terminal. The line notes when the last character of OFF has arrived. The goal is what no owner of a line can beat in the worst
instant: the longest transaction of this run, which may just have begun, one silence, and the characters of OFF itself (`limit`).
Then the same with the unit just timed out and in quarantine (nothing of that may add to it), with a disk whose every fsync hangs for
30 s, and on a text line at 9600 baud, whose answers carry no address.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from stationd.bench.control_line import FEED, OFF_LINE, REGISTERS, START_S, UNITS, Equipment, Kind
from stationd.bench.journal_faults import WATCHED, Disk, environment
from stationd.bench.row import Row
from stationd.board import Board
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan
from stationd.core.model import PointId, Reason, Value, WriteDone
from stationd.core.operation.desk import Operations
from stationd.core.operation.orders import EmergencyOff, Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import CommandClass
from stationd.core.operation.words import Refused
from stationd.core.powerfeed.words import DrivenPoints, FeedPlan
from stationd.core.station import Station
from stationd.device import Device, codec_for
from stationd.driver import POWER_FEED, Coil, Driver, Holding, Point, Protocol, Query
from stationd.engine import Engine, Outside
from stationd.links.bus import Bus
from stationd.links.exact_loop import exact_loop
from stationd.links.port import PortSettings
from stationd.links.trace import Direction, FrameTrace
from stationd.outputs.act_records import ActRecords
from stationd.outputs.alarm_document import AlarmDocuments
from stationd.outputs.document import Documents, Identity, Mode
from stationd.outputs.journal import Journal, SystemClock
from stationd.outputs.records import Recorder
from stationd.poller import Poller
from stationd.wire.registers import U16
from stationd.wire.text import As, Dialect, Field

NAME = f"u{FEED}"
EVERY_S = 0.5  # more than the line can carry: it is never idle
SAMPLES, FEW = 100, 25
LEARN_S = 5.0  # for the longest transaction
QUARANTINED_S = 0.3  # after a time-out; the quarantine lasts 1 s
HANG_S = 30.0
ON = PointId(NAME, "output_on")
BEKOV = Person(1001, "bench", "1001:1", frozenset(CommandClass), local=True)


class State(Enum):
    """What the unit or the disk does while the order is given."""

    WELL = "well"
    TIMED_OUT = "just timed out"
    QUARANTINE = "in quarantine"
    HANGING = "fsync hangs 30 s"


CASES = (
    *((Kind.RTU, state) for state in (State.WELL, State.TIMED_OUT, State.QUARANTINE)),
    *((Kind.TEXT, state) for state in (State.WELL, State.TIMED_OUT)),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: to the last character of OFF, and to the proof, of each order; and the longest transaction of that run."""

    wire_s: list[float]
    proved_s: list[float]
    longest_s: float


def control_rows() -> Iterator[Row]:
    """Measure every case."""
    for kind, state in CASES:
        with Equipment(kind) as equipment, asyncio.Runner(loop_factory=exact_loop) as runner:
            yield from _rows(kind, state, runner.run(_case(equipment, kind, state)))
    yield from _rows(Kind.RTU, State.HANGING, _on_a_hanging_disk())


def _rows(kind: Kind, state: State, measured: Measured) -> Iterator[Row]:
    name = f"{kind.value}, {state.value}"
    limit_s = measured.longest_s + _own_s(kind)
    yield Row("control", f"longest transaction: {name}", 1e3 * measured.longest_s, "ms")
    for word, seconds in (("p50", statistics.median(measured.wire_s)), ("p99", _p99(measured.wire_s)), ("max", max(measured.wire_s))):
        goal = ("<= 1 limit", seconds <= limit_s) if word == "p99" else ("", None)
        yield Row("control", f"OFF {word}: {name}", 1e3 * seconds, "ms", 1e3 * limit_s, seconds / limit_s, *goal)
    for word, seconds in (("p50", statistics.median(measured.proved_s)), ("max", max(measured.proved_s))):
        yield Row("control", f"proved {word}: {name}", seconds, "s")


def _own_s(kind: Kind) -> float:
    """Return the silence before OFF and its own characters."""
    return (3.5 + 8) * 10 / 19200 if kind is Kind.RTU else len(OFF_LINE) * 10 / 9600


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


# ---------------------------------------------------------------------- the daemon's side


@dataclass(slots=True)
class _Rig:
    """A daemon without its outer parts: one line, one feed to drive off."""

    engine: Engine
    bus: Bus
    proved: list[float] = field(default_factory=list)


async def _case(
    equipment: Equipment, kind: Kind, state: State, desk: Operations | None = None, outside: Outside | None = None, disk: Disk | None = None
) -> Measured:
    draw = random.Random(1)
    measured = Measured([], [], 0.0)
    desk = desk or _desk(asyncio.get_running_loop().time())
    async with _daemon(equipment.settings, kind, desk, outside) as rig:
        rig.bus.trace.start(100_000)
        await asyncio.sleep(LEARN_S)
        longest_s = longest(rig.bus.trace)
        rig.bus.trace.stop()
        if disk is not None:
            disk.hang(HANG_S)
        for _ in range(SAMPLES if state is State.WELL else FEW):
            await asyncio.sleep(draw.uniform(0.05, 0.15))
            await _trouble(equipment, rig, state, draw)
            asked = time.monotonic()
            await _drive_off(rig)
            measured.wire_s.append(equipment.off_after(asked) - asked)
            measured.proved_s.append(rig.proved[-1] - asked)
    return Measured(measured.wire_s, measured.proved_s, longest_s)


async def _trouble(equipment: Equipment, rig: _Rig, state: State, draw: random.Random) -> None:
    """Bring the unit into the state in which the order is to find it."""
    if state not in (State.TIMED_OUT, State.QUARANTINE):
        return
    await asyncio.sleep(1.5)  # the last quarantine is over
    failures = rig.bus.statistics.failures
    before = failures[Reason.TIMEOUT]
    equipment.drop_one()
    async with asyncio.timeout(START_S):
        while failures[Reason.TIMEOUT] == before:
            await asyncio.sleep(0.0005)
    if state is State.QUARANTINE:
        await asyncio.sleep(QUARANTINED_S + draw.uniform(0.0, 0.1))


async def _drive_off(rig: _Rig) -> None:
    already = len(rig.proved)
    outcome, _ = await rig.engine.act(EmergencyOff(BEKOV, (NAME,)))
    assert not isinstance(outcome, Refused), f"EMERGENCY-OFF was refused: {outcome}"
    async with asyncio.timeout(START_S):
        while len(rig.proved) == already:
            await asyncio.sleep(0.001)


@asynccontextmanager
async def _daemon(settings: PortSettings, kind: Kind, desk: Operations, outside: Outside | None) -> AsyncIterator[_Rig]:
    devices = _devices(kind)
    board = Board(devices, asyncio.get_running_loop().time())
    bus = Bus("bench", settings, read_only=False)
    proved: list[float] = []

    async def cut_off(target: PointId, value: Value) -> WriteDone:
        done = await poller.cut_off(target, value)
        if done.reason is not Reason.NONE:
            raise RuntimeError(f"not proved: {done}")
        proved.append(done.t)
        return done

    engine = Engine(board, Station(board.periods(), None, None, desk), cut_off, outside, cut_off=cut_off)
    poller = Poller(bus, devices, engine.post)
    bus.on_change = poller.link_changed
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(work) for work in (bus.run(), poller.run(), engine.run())]
        yield _Rig(engine, bus, proved)
        for task in running:
            task.cancel()


def _desk(now: float) -> Operations:
    current, voltage, setpoint, remote = (PointId(NAME, f"r{n}") for n in range(4))
    points = DrivenPoints(current, voltage, setpoint, ON, remote)
    feed = FeedPlan(NAME, points, nominal_ma=1000.0, max_v=5000.0, ramp_ma_per_s=20.0)
    return Operations(ActingPlan("bench", "Bench", read_only=False, feeds={NAME: feed}), now)


def _devices(kind: Kind) -> list[Device]:
    if kind is Kind.TEXT:
        driver = Driver(
            "bench-supply", POWER_FEED, (Protocol.TEXT,),
            (
                Point("r0", Query("MV?"), Field(r"(\d+) .*"), unit="V", every_s=EVERY_S / 10),
                Point("output_on", Query("OUT?"), Field(r"([01])", As.TEXT), access="rw", put=Query("OUT {value}"),
                      values={"1": True, "0": False}, every_s=EVERY_S / 10),
            ),
            "none: a unit of the benchmark", dialects={"cr": Dialect(done="OK")},
        )  # fmt: skip
        return [Device(NAME, driver, codec_for(Protocol.TEXT, driver))]
    registers = tuple(Point(f"r{n}", Holding(n), U16, every_s=EVERY_S) for n in range(REGISTERS))
    switch = Point("output_on", Coil(0), access="rw", put=Coil(0), every_s=EVERY_S)
    points = (*registers, switch)
    driver = Driver("bench-feed", POWER_FEED, (Protocol.MODBUS_RTU,), points, "none: a unit of the benchmark", addresses=(1, 247))
    return [Device(f"u{unit}", driver, codec_for(Protocol.MODBUS_RTU, driver), unit) for unit in UNITS]


def longest(trace: FrameTrace) -> float:
    """Return the longest time from the begin of a question to the last piece of its answer."""
    found, begun, end = 0.0, None, 0.0
    for piece in trace.pieces():
        if piece.direction is Direction.OUT:
            found = max(found, end - begun) if begun is not None else 0.0
            begun = piece.t
        end = piece.t
    return found


# ---------------------------------------------------------------------- a disk that hangs


def _on_a_hanging_disk() -> Measured:
    """Run this module as a program whose disk hangs (stationd.bench.journal_faults)."""
    with tempfile.TemporaryDirectory(prefix="stationd-bench-") as name:
        place = Path(name) / WATCHED
        place.mkdir()
        command = [sys.executable, "-m", __name__, str(place)]
        done = subprocess.run(command, env=environment(Path(name)), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"the daemon on the hanging disk ended with {done.returncode}: {done.stderr[-500:]}")
    return Measured(**json.loads(lines[-1]))


async def _with_journal(equipment: Equipment, place: Path) -> Measured:
    identity, clock, plan = Identity("bench", "Bench", Mode.SIM), SystemClock(), Plan({})
    now = asyncio.get_running_loop().time()
    board, alarms, disk = Board(_devices(Kind.RTU), now), Alarms(plan, now), Disk()
    journal = Journal.open(place / "journal.sqlite", clock=clock)
    documents = AlarmDocuments(identity, board, alarms)
    desk = _desk(now)
    acts = ActRecords(desk, identity, lambda effects: None)
    recorder = Recorder(journal, clock, identity, alarms, Documents(identity, board), documents, acts=acts, publish=True)
    recorder.restore(await journal.start())
    try:
        return await _case(equipment, Kind.RTU, State.HANGING, desk, recorder, disk)
    finally:
        disk.hang(0.0)
        await journal.close(HANG_S + START_S)


def main(place: Path) -> None:
    """Measure on the disk that this program was started with, and print the figures."""
    with Equipment(Kind.RTU) as equipment, asyncio.Runner(loop_factory=exact_loop) as runner:
        print(json.dumps(asdict(runner.run(_with_journal(equipment, place)))), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
