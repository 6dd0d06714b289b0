"""Simulated Modbus units on paced pseudo terminals, in a process of their own, for measurements of the daemon's side alone.

Each unit's registers repeat a pattern of three: the register's own address, then the time at which it was read (tenths of
milliseconds of CLOCK_MONOTONIC, high word, low word). So every answer says which question it belongs to and when it was made.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from pymodbus.constants import ExcCodes

from stationd.driver import Protocol
from stationd.links.port import PortSettings
from stationd.sim.exact_thread import ExactThread
from stationd.sim.line import LineCounts, LineSettings
from stationd.sim.modbus_server import Bank, RtuServer
from stationd.sim.ports import PtyPort
from stationd.sim.wire_faults import Faults, LineFault

REGISTERS = 3000
TICKS = 10_000  # of a second, in the registers
START_S = 30.0


@dataclass(frozen=True, slots=True)
class BenchLine:
    """What stands on the simulated line."""

    baud: int
    units: tuple[int, ...] = (1,)
    faults: tuple[LineFault, ...] = ()
    seed: int = 1


class _Telling(Mapping[int, int]):
    """The registers at one instant, worked out only where they are read."""

    def __init__(self) -> None:
        ticks = int(time.monotonic() * TICKS)
        self._time = (ticks >> 16 & 0xFFFF, ticks & 0xFFFF)

    def __getitem__(self, address: int) -> int:
        """Return address or time, by the place in the pattern."""
        if not 0 <= address < REGISTERS:
            raise KeyError(address)
        return address if address % 3 == 0 else self._time[address % 3 - 1]

    def __iter__(self) -> Iterator[int]:
        return iter(range(REGISTERS))

    def __len__(self) -> int:
        return REGISTERS


class TellingUnit:
    """A unit whose answers tell address and time."""

    functions = frozenset((3,))

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return the holding registers as they are now."""
        return _Telling() if bank is Bank.HOLDING else {}

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Refuse: nothing here is to be written."""
        return ExcCodes.ILLEGAL_FUNCTION


class Equipment:
    """The process; a context manager. `settings` is what a bus needs to open the line."""

    def __init__(self, line: BenchLine) -> None:
        context = multiprocessing.get_context("spawn")
        self._directory = tempfile.TemporaryDirectory(prefix="stationd-bench-")
        path = Path(self._directory.name) / "line"
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(line, path, far), daemon=True)
        self.settings = PortSettings(str(path), line.baud)

    def __enter__(self) -> Equipment:
        self._process.start()
        self._expect("ready")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pipe.send(None)
        self._process.join(START_S)
        self._directory.cleanup()

    def use(self, faults: tuple[LineFault, ...]) -> None:
        """Change the faults of the line."""
        self._pipe.send(faults)
        self._expect("done")

    def counts(self) -> LineCounts:
        """Return what happened on the wire."""
        self._pipe.send("counts")
        counts = self._pipe.recv()
        assert isinstance(counts, LineCounts)
        return counts

    def _expect(self, word: str) -> None:
        if not self._pipe.poll(START_S) or self._pipe.recv() != word:
            raise RuntimeError("the simulated equipment did not answer")


def _serve(line: BenchLine, path: Path, pipe: Connection) -> None:
    asyncio.run(_run(line, path, pipe))


async def _run(line: BenchLine, path: Path, pipe: Connection) -> None:
    thread = ExactThread()
    faults = Faults(Protocol.MODBUS_RTU, line.seed)
    _use(faults, line.faults)
    port = PtyPort(thread, path, LineSettings(line.baud, framed_by_silence=True), line.seed)
    server = RtuServer(thread, dict.fromkeys(line.units, TellingUnit()), faults, port.send, dict.fromkeys(line.units, 0.0))
    port.connect(server.heard)
    thread.start()
    await server.start()
    port.start()
    pipe.send("ready")
    try:
        while (order := await asyncio.to_thread(pipe.recv)) is not None:
            if order == "counts":
                pipe.send(port.counts())
            else:
                _use(faults, order)
                pipe.send("done")
    finally:
        port.stop()
        await server.stop()
        thread.close()


def _use(faults: Faults, wanted: tuple[LineFault, ...]) -> None:
    faults.clear()
    for fault in wanted:
        faults.add(fault)
