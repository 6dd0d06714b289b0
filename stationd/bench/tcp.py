"""Modbus TCP against a client in C: libmodbus on the same machine, the same server, in the same run.

The C program is compiled here when a C compiler and the Debian package libmodbus-dev are installed; else the row says so.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stationd.bench.row import Row
from stationd.links.bus import Bus
from stationd.links.exact_loop import exact_loop
from stationd.links.port import PortSettings
from stationd.links.statistics import Priority
from stationd.wire.exchange import Answer, Exchange
from stationd.wire.modbus import Read, Table, Tcp

SOURCE = Path(__file__).with_name("libmodbus_peer.c")
REGISTERS = 100
SEGMENTS = 5
SEGMENT_S = 1.0


def tcp_rows() -> Iterator[Row]:
    """Measure both clients in turn against one C server."""
    with tempfile.TemporaryDirectory(prefix="stationd-bench-") as directory:
        program = Path(directory) / "peer"
        missing = _compile(program)
        if missing:
            yield Row("bus", f"Modbus TCP not measured: {missing}", 0.0, "")
            return
        server = subprocess.Popen([program, "server"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            ours, theirs = _both(program, port)
        finally:
            server.kill()
            server.wait()
    name = f"Modbus TCP, {REGISTERS} registers"
    yield Row("bus", f"transactions/s, {name}", ours, "1/s", theirs, ours / theirs)


def _compile(program: Path) -> str:
    """Return what is missing, or nothing when the program is there."""
    compiler = shutil.which("cc")
    if compiler is None:
        return "a C compiler (Debian package gcc)"
    if not Path("/usr/include/modbus/modbus.h").exists():
        return "Debian package libmodbus-dev"
    subprocess.run([compiler, "-O2", "-o", program, SOURCE, "-lmodbus"], check=True)
    return ""


def _both(program: Path, port: int) -> tuple[float, float]:
    ours, theirs = [], []
    for _ in range(SEGMENTS):
        with asyncio.Runner(loop_factory=exact_loop) as runner:
            ours.append(runner.run(_rate(port)))
        words = [str(program), "client", str(port), str(REGISTERS), str(SEGMENT_S)]
        theirs.append(float(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
    return statistics.median(ours), statistics.median(theirs)


async def _rate(port: int) -> float:
    bus = Bus("bench", PortSettings(f"tcp://127.0.0.1:{port}"))
    up = asyncio.Event()
    bus.on_change = lambda is_up: up.set() if is_up else None
    owner = asyncio.create_task(bus.run())
    exchange = Exchange(Tcp(), 1, Read(1, Table.HOLDING, 0, REGISTERS))
    try:
        async with asyncio.timeout(10.0):
            await up.wait()
        begin, count = time.monotonic(), 0
        while time.monotonic() - begin < SEGMENT_S:
            done = await bus.ask(exchange, Priority.FAST)
            count += isinstance(done.outcome, Answer)
        return count / (time.monotonic() - begin)
    finally:
        owner.cancel()
        await asyncio.gather(owner, return_exceptions=True)
