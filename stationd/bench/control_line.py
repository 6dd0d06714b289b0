"""The line of the benchmark of EMERGENCY-OFF, in a process of its own: units that can be switched, and a note of when OFF arrived.

A paced pseudo terminal of the simulator with eight Modbus units, or with one supply that answers lines of text. One answer of the feed can
be dropped. What it is not: a supply; the registers never change.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from pymodbus.constants import ExcCodes

from stationd.driver import Protocol
from stationd.links.port import PortSettings
from stationd.sim.exact_thread import ExactThread
from stationd.sim.line import LineSettings
from stationd.sim.modbus_server import Bank, RtuServer
from stationd.sim.ports import PtyPort
from stationd.sim.wire_faults import FaultKind, Faults, LineFault

UNITS, FEED, REGISTERS = tuple(range(1, 9)), 3, 40
START_S = 30.0
WRITE_COIL, OFF_LINE = b"\x05", b"OUT 0\r"


class Kind(Enum):
    """What stands on the line."""

    RTU = "8 units"
    TEXT = "text line"


class SwitchedUnit:
    """Forty registers and an output that can be switched."""

    functions = frozenset((1, 3, 5))

    def __init__(self) -> None:
        self._on = 1

    def snapshot(self, bank: Bank) -> Mapping[int, int]:
        """Return registers that never change, and the output."""
        match bank:
            case Bank.HOLDING:
                return dict.fromkeys(range(REGISTERS), 7)
            case Bank.COILS:
                return {0: self._on}
            case _:
                return {}

    def write(self, bank: Bank, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Switch the output."""
        self._on = values[0]
        return None


class TextUnit:
    """A supply that answers lines; `heard` and `send` as those of stationd.sim.modbus_server.RtuServer."""

    def __init__(self, port: PtyPort, faults: Faults) -> None:
        self._port = port
        self._faults = faults
        self._on = 1

    def heard(self, frame: bytes) -> None:
        """Answer one line."""
        match frame:
            case b"OUT 0\r":
                self._on, answer = 0, b"OK\r"
            case b"OUT?\r":
                answer = b"%d\r" % self._on
            case _:
                answer = b"1234 " + b"x" * 40 + b"\r"
        self._port.send([(0.002 + delay_s, data) for delay_s, data in self._faults.answers(frame, answer)])


class Equipment:
    """The units in a process of their own; a context manager. `settings` is what a bus needs to open the line."""

    def __init__(self, kind: Kind) -> None:
        context = multiprocessing.get_context("spawn")
        self._directory = tempfile.TemporaryDirectory(prefix="stationd-bench-")
        path = Path(self._directory.name) / "line"
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(kind, path, far), daemon=True)
        self.settings = PortSettings(str(path), 19200 if kind is Kind.RTU else 9600)

    def __enter__(self) -> Equipment:
        self._process.start()
        self._ask(None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pipe.send("end")
        self._process.join(START_S)
        self._directory.cleanup()

    def drop_one(self) -> None:
        """Let the next answer of the feed get lost."""
        self._ask("drop")

    def off_after(self, t: float) -> float:
        """Return when the last character of the first OFF after `t` had arrived (CLOCK_MONOTONIC is one for all processes)."""
        times = self._ask("offs")
        assert isinstance(times, list)
        return min(float(each) for each in times if each >= t)

    def _ask(self, word: str | None) -> object:
        if word is not None:
            self._pipe.send(word)
        if not self._pipe.poll(START_S):
            raise RuntimeError("the simulated equipment did not answer")
        return self._pipe.recv()


def _serve(kind: Kind, path: Path, pipe: Connection) -> None:
    asyncio.run(_run(kind, path, pipe))


async def _run(kind: Kind, path: Path, pipe: Connection) -> None:
    thread, offs = ExactThread(), list[float]()
    rtu = kind is Kind.RTU
    faults = Faults(Protocol.MODBUS_RTU if rtu else Protocol.TEXT, 1)
    port = PtyPort(thread, path, LineSettings(19200, framed_by_silence=True) if rtu else LineSettings(9600))
    server = RtuServer(thread, {unit: SwitchedUnit() for unit in UNITS}, faults, port.send)
    answer = server.heard if rtu else TextUnit(port, faults).heard

    def heard(frame: bytes) -> None:
        if frame[1:2] == WRITE_COIL or frame == OFF_LINE:
            offs.append(time.monotonic())
        answer(frame)

    port.connect(heard)
    thread.start()
    await server.start()
    port.start()
    pipe.send("ready")
    try:
        while (word := await asyncio.to_thread(pipe.recv)) != "end":
            if word == "drop":
                faults.clear()
                faults.add(LineFault(FaultKind.DROP, times=1, unit=FEED if rtu else None))
            pipe.send(list(offs))
    finally:
        port.stop()
        await server.stop()
        thread.close()
