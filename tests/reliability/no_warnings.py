"""R20: not one warning. Python's development mode, asyncio's debug mode, the sanitizers and valgrind over native/.

A part of the suite that reaches every room runs under `python -X dev` with PYTHONASYNCIODEBUG=1 (pytest makes each warning an error, also
those of files, sockets and tasks that nobody closed or awaited); then a whole daemon lives so and its log is read.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.reliability import pytests
from tests.reliability.figures import Figure, Share
from tests.reliability.station import station

DEBUG = {"PYTHONASYNCIODEBUG": "1"}
DEVELOPMENT = ("-X", "dev")
ROOMS = (
    "tests/wire", "tests/links/test_bus.py", "tests/links/test_bus_faults.py", "tests/links/test_serial.py", "tests/outputs",
    "tests/console/test_server.py", "tests/console/test_operation.py", "tests/service/test_supervisor.py", "tests/test_engine.py",
    "tests/test_poller.py", "tests/test_schedule.py", "tests/core/alarm/test_desk.py", "tests/integration/test_station.py",
    "tests/farstation",
)  # fmt: skip
NATIVE = "tests/native"
PART_OF_NATIVE = "tests/native/test_accounting.py"
TOOLS = ("gcc", "clang", "valgrind")  # without one of them tests are skipped, and say which Debian package is missing
COMPLAINTS = re.compile(r"Warning|never awaited|never retrieved|Traceback|Executing <|unclosed|leaked")
SLOW = re.compile(r"Executing <.* took [\d.]+ seconds")
LIVES_S = 15.0


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R20. A warning fails its test and ends the proof."""
    root = Path(__file__).resolve().parents[2]
    rooms = ["tests"] if share.release else [each for each in ROOMS if (root / each).exists()][: share.of(len(ROOMS), 0)]
    ran = pytests.run(*rooms, "-n", "2", settings=DEBUG, python=DEVELOPMENT)
    yield Figure("tests_in_development_mode", ran.passed, least=share.of(300, 3000))
    native = pytests.run(NATIVE if share.part == 1.0 else PART_OF_NATIVE)
    yield Figure("tests_of_native", native.passed, least=share.of(50, 50))
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    yield Figure("tests_of_native_skipped", native.skipped, most=None if missing else 0)
    yield Figure("tools_missing", ", ".join(missing))
    complaints, slow = asyncio.run(life())
    yield Figure("cases", ran.passed + native.passed)
    yield Figure("complaints_of_a_daemon", complaints, most=0)
    yield Figure("slow_turns_of_its_loop", slow)


async def life() -> tuple[int, int]:
    """Let a daemon live in development mode; return how many lines of its log complain, and how many turns took 0.1 s and more."""
    with tempfile.TemporaryDirectory() as name:
        async with station(Path(name), python=DEVELOPMENT, environment=DEBUG) as running:
            for _ in range(int(LIVES_S)):
                await running.page()
                await running.alarms("all")
                await asyncio.sleep(1.0)
            await running.end()
        lines = running.log.splitlines()
    slow = [line for line in lines if SLOW.search(line)]
    complaints = [line for line in lines if COMPLAINTS.search(line) and line not in slow]
    if complaints:
        raise pytests.Broken("\n".join(complaints[:10]))
    return len(complaints), len(slow)
