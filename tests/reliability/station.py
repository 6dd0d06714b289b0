"""A station for proofs: `stationd run` as a process, one unit on Modbus TCP, a control socket, a page of metrics, and E.

E is the essential function: every second the unit is read and what follows from it is decided. It is seen from outside, by the unit,
which is a process of its own and notes when it was asked; by the daemon's own histogram of how late its event loop is; and, of a station
that is `deciding`, by the alarm which the unit raises or clears with each of its answers: each has to be told at the control socket.
Goals: a period of 1 s +-4 %, lag and decision at most 50 ms in 99 of 100 cases and 500 ms ever. Where others keep the cores of this machine
busy, so that a process which only sleeps wakes up late, the limits are wider by that, as it was before whatever E has to stand began;
what it is meanwhile is told and changes nothing.

It measures less than the paper in this: the journal's copy of a decision is not waited for (R1 and R3 do that).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import statistics
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from stationd.outputs.metrics import LAG_BOUNDS_S
from tests.console.desk import Caller
from tests.reliability.figures import Figure
from tests.reliability.unit import DECIDED, SLEEPS, shown_at

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
LOOK_S = 0.05
PERIOD_S, TOLERANCE, LAG_S, LONGEST_LAG_S = 1.0, 0.04, 0.05, 0.5
CALM_S = 5.0  # so long the machine is looked at before E is
LAG = "stationd_event_loop_lag_seconds"
ALARM = "io.stationd.Alarm"

STATION = """
[station]
name = "aktau"
mode = "sim"
state = "{state}"
[control]
socket = "{home}/io.stationd"
[prometheus]
listen = "{host}:0"
[bus.line]
port = "tcp://{host}:{port}"
protocol = "modbus-tcp"
[device.u1]
driver = "proof-unit"
bus = "line"
address = 1
[[alarm]]
type = "CONTACT"
point = "u1.r0"
above = 60000.0
"""
UNIT = """
model = "proof-unit"
kind = "io"
protocol = "modbus"
manual = "none: a unit of a proof"
"""
POINT = '[[point]]\nname = "r{n}"\nat = "holding:{n}"\nformat = "u16"\ndoc = "Register {n}"\n'
Pages = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Heart:
    """E over a span: how far each period was from a second, the lag of the event loop (p99 and the largest, as bounds), the decisions.

    `machine_p99_s` is how late the machine let a process wake up that does nothing but sleep, before the span; `meanwhile_p99_s` in it.
    `decided_s` is how long after its question each value was told as an alarm, `undecided` how many never were; None: nobody looked.
    """

    off_s: tuple[float, ...]
    lag_p99_s: float
    lag_max_s: float
    machine_p99_s: float = 0.0
    meanwhile_p99_s: float = 0.0
    decided_s: tuple[float, ...] = ()
    undecided: int | None = None

    def figures(self, prefix: str = "") -> list[Figure]:
        """Return the figures with the goals as limits."""
        wider_s = 2 * self.machine_p99_s
        decisions = (
            Figure(f"{prefix}e_decided", len(self.decided_s), least=1),
            Figure(f"{prefix}e_undecided", self.undecided, most=0),
            Figure(f"{prefix}e_decided_p99_s", p99(self.decided_s), most=LAG_S + wider_s),
            Figure(f"{prefix}e_decided_max_s", max(self.decided_s, default=None), most=LONGEST_LAG_S),
        )
        return [
            Figure(f"{prefix}e_period_off_p99_s", p99(self.off_s), most=TOLERANCE * PERIOD_S + wider_s),
            Figure(f"{prefix}e_period_off_max_s", max(self.off_s, default=None), most=LONGEST_LAG_S),
            Figure(f"{prefix}e_lag_p99_s", self.lag_p99_s, most=max(LAG_S, bound_above(self.machine_p99_s))),
            Figure(f"{prefix}e_lag_max_s", self.lag_max_s, most=LONGEST_LAG_S),
            *(decisions if self.undecided is not None else ()),
            Figure(f"{prefix}machine_late_p99_s", self.machine_p99_s),
            Figure(f"{prefix}machine_late_meanwhile_p99_s", self.meanwhile_p99_s),
        ]


@dataclass(slots=True)
class Station:
    """A running daemon. `asked` is the unit's file."""

    home: Path
    state: Path
    asked: Path
    process: asyncio.subprocess.Process
    begun: float
    ready_s: float = 0.0
    _lags: dict[float, float] = field(default_factory=dict)
    _since_ns: int = 0
    _calm_p99_s: float | None = None

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.home / "log").read_text()

    async def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask at the control socket over a connection of its own, as soon as somebody answers there."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert self.process.returncode is None, f"the daemon has ended with {self.process.returncode}: {self.log[-1500:]}"
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    caller = await Caller.at(self.home / "io.stationd")
                    with contextlib.closing(caller):
                        return await caller.call(method, parameters)
                await asyncio.sleep(0.01)

    async def alarms(self, shown: str = "active") -> dict[str, str]:
        """Return the letters of the alarms."""
        answer = await self.call(f"{ALARM}.List", {"filter": {"shown": shown}})
        return {alarm["key"]: alarm["letter"] for alarm in answer["parameters"]["alarms"]}

    async def until(self, condition: Callable[[Mapping[str, str]], bool], patience_s: float = PATIENCE_S) -> float:
        """Wait until the alarms are so, and return how long that took. TimeoutError."""
        begun = time.monotonic()
        async with asyncio.timeout(patience_s):
            while not condition(await self.alarms()):
                await asyncio.sleep(LOOK_S)
        return time.monotonic() - begun

    async def page(self) -> str:
        """Return the page of metrics."""
        pages: Pages = json.loads((self.home / "ports.json").read_text())
        async with aiohttp.ClientSession() as session, session.get(pages["metrics"]) as answer:
            return await answer.text()

    async def begin_heart(self) -> None:
        """Let E be looked at from now on. The first time, see how late the machine is by itself."""
        if self._calm_p99_s is None:
            calm_ns = time.monotonic_ns()
            await asyncio.sleep(CALM_S)
            self._calm_p99_s = self._late_p99_s(calm_ns)
        self._lags = lags_of(await self.page())
        self._since_ns = time.monotonic_ns()

    async def heart(self) -> Heart:
        """Return E since the last `begin_heart`."""
        until_ns = time.monotonic_ns()
        asked = [each / 1e9 for each in self.questions() if self._since_ns <= each]
        off_s = tuple(abs(after - before - PERIOD_S) for before, after in pairwise(asked))
        lags = {bound: count - self._lags.get(bound, 0.0) for bound, count in lags_of(await self.page()).items()}
        total = max(lags.values(), default=0.0)
        at_most = [next(bound for bound, count in sorted(lags.items()) if count >= share * total) for share in (0.99, 1.0)]
        meanwhile_s = self._late_p99_s(self._since_ns)
        decided_s, undecided = await self._decisions(until_ns)
        return Heart(off_s, at_most[0], at_most[1], self._calm_p99_s or 0.0, meanwhile_s, decided_s, undecided)

    async def _decisions(self, until_ns: int) -> tuple[tuple[float, ...], int | None]:
        """Return how long each decision took, and how many have not come half a second after the last of the questions."""
        file = self.asked.with_name(f"{self.asked.name}{DECIDED}")
        if not file.exists():
            return (), None
        await asyncio.sleep(LONGEST_LAG_S)
        told: dict[int, list[int]] = defaultdict(list)
        for value, t in pairs(file):
            told[value].append(t)
        asked = [(n, t) for n, t in enumerate(self.questions()) if self._since_ns <= t <= until_ns]
        took = [min((t - begun for t in told[shown_at(n)] if t >= begun), default=None) for n, begun in asked]
        return tuple(each / 1e9 for each in took if each is not None), took.count(None)

    def questions(self) -> list[int]:
        """Return when the unit was asked, in nanoseconds of the monotonic clock."""
        data = self.asked.read_bytes()
        return [each for (each,) in struct.iter_unpack("=q", data[: len(data) // 8 * 8])]

    def _late_p99_s(self, since_ns: int) -> float:
        """Return how late the machine let sleepers wake up since then."""
        late_s = [late / 1e9 for t, late in pairs(self.asked.with_name(f"{self.asked.name}{SLEEPS}")) if t >= since_ns]
        return p99(late_s) or 0.0

    async def end(self) -> int:
        """End it as systemd does, and return its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


def p99(values: Sequence[float]) -> float | None:
    """Return what 99 of 100 values do not exceed; None of less than two."""
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else None


def pairs(file: Path) -> Iterator[tuple[int, int]]:
    """Give the pairs of numbers in a file of the unit."""
    data = file.read_bytes()
    yield from struct.iter_unpack("=qq", data[: len(data) // 16 * 16])


def bound_above(seconds: float) -> float:
    """Return the bound of the histogram's bucket into which a lag falls."""
    return next((bound for bound in LAG_BOUNDS_S if bound >= seconds), math.inf)


def lags_of(page: str) -> dict[float, float]:
    """Return how many looks at the loop were no later than each bound."""
    family = next(each for each in text_string_to_metric_families(page) if each.name == LAG)
    return {float(each.labels["le"]): each.value for each in family.samples if "le" in each.labels}


@contextlib.contextmanager
def unit(file: Path, host: str = "127.0.0.1", inside: Sequence[str] = (), door: Path | None = None) -> Any:
    """Run the unit; gives its port. With the daemon's `door` it changes what it shows, and looks there whether that is decided."""
    words = [*inside, sys.executable, "-m", "tests.reliability.unit", str(file), host, *([str(door)] if door else [])]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def write(home: Path, state: Path, port: int, host: str = "127.0.0.1", more: str = "") -> Path:
    """Write the station's file and that of its driver."""
    drivers = home / "drivers"
    drivers.mkdir(exist_ok=True)
    (drivers / "proof-unit.toml").write_text(UNIT + "".join(POINT.format(n=n) for n in range(8)))
    file = home / "station.toml"
    file.write_text(STATION.format(home=home, state=state, host=host, port=port) + more)
    return file


@contextlib.asynccontextmanager
async def station(
    home: Path,
    *,
    state: Path | None = None,
    host: str = "127.0.0.1",
    more: str = "",
    inside: Sequence[str] = (),
    python: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    deciding: bool = False,
) -> AsyncIterator[Station]:
    """Run a unit and a daemon as long as the block. `inside` are words before each command (ip netns exec ...).

    `deciding`: an alarm comes or goes with each reading, and E is also that this is told.
    """
    asked = home / "asked"
    asked.touch()
    with unit(asked, host, inside, home / "io.stationd" if deciding else None) as port:
        file = write(home, state or home / "state", port, host, more)
        async with daemon(home, file, inside, python, environment, before) as running:
            running.state = state or home / "state"
            async with asyncio.timeout(PATIENCE_S):
                while len(running.questions()) < 2:
                    await asyncio.sleep(LOOK_S)
            yield running


@contextlib.asynccontextmanager
async def daemon(
    home: Path,
    file: Path,
    inside: Sequence[str] = (),
    python: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> AsyncIterator[Station]:
    """Run the daemon of a file as long as the block, from the moment at which it answers at its control socket."""
    ports = home / "ports.json"
    ports.unlink(missing_ok=True)
    words = [*inside, sys.executable, *python, "-m", "stationd", "run", "--config", str(file), "--ports-file", str(ports)]
    begun = time.monotonic()
    with (home / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **(environment or {})}, preexec_fn=before
        )
    running = Station(home, home / "state", home / "asked", process, begun)
    try:
        await running.alarms()
        running.ready_s = time.monotonic() - begun
        async with asyncio.timeout(PATIENCE_S):
            while not ports.exists():
                await asyncio.sleep(LOOK_S)
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            await running.end()
