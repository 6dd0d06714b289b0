"""The wall clock of one station, set, drifting, or not synchronised, while the monotonic clock goes on.

What it is: the environment in which a daemon is started so that hil/wallclock.c stands before the C library's clock, and the small file
that says what the time is. It reaches that process alone. What it is not: the clock of the machine, which nobody here touches.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import time
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

SOURCE = Path(__file__).with_name("wallclock.c")
LIBRARY = "wallclock.so"
MISSING = "there is no C compiler for the clock's shim; to run this: apt install gcc"
FIELDS = struct.Struct("=qqqq")  # offset, since, rate, says: as in wallclock.c
BUILD_S = 60.0


class Says(Enum):
    """What the kernel is made to say of the clock."""

    MACHINE = 0
    UNSYNCHRONISED = 1
    SYNCHRONISED = 2


def possible() -> str:
    """Return why a station cannot have a clock of its own here, empty where it can."""
    return "" if shutil.which("gcc") else MISSING


class WallClock:
    """The clock of one station in its folder; it is right until it is told otherwise. RuntimeError where the shim cannot be built."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "wallclock"
        if not self._file.exists():
            self._file.write_bytes(bytes(FIELDS.size))
        if not (folder / LIBRARY).exists():
            self._build()

    @property
    def environment(self) -> Mapping[str, str]:
        """What the daemon must be started with."""
        return {"LD_PRELOAD": str(self._folder / LIBRARY), "HIL_WALL_CLOCK": str(self._file)}

    def right(self) -> None:
        """Let it be right again, and as synchronised as the machine's is."""
        self._say(0, 0, 0, Says.MACHINE)

    def step(self, seconds: float, says: Says = Says.MACHINE) -> None:
        """Set it forward, or back with a minus."""
        self._say(round(seconds * 1e9), 0, 0, says)

    def drift(self, rate: float) -> None:
        """Let it run at this rate from now on; 1 is right."""
        self._say(0, time.time_ns(), round((rate - 1.0) * 1e6), Says.MACHINE)

    def say(self, says: Says) -> None:
        """Let it be right, and synchronised or not."""
        self._say(0, 0, 0, says)

    def _say(self, offset_ns: int, since_ns: int, rate_ppm: int, says: Says) -> None:
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), FIELDS.size) as there:
            there[:] = FIELDS.pack(offset_ns, since_ns, rate_ppm, says.value)

    def _build(self) -> None:
        words = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", str(self._folder / LIBRARY), str(SOURCE), "-ldl"]
        built = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_S, check=False)
        if built.returncode != 0:
            raise RuntimeError(f"the clock's shim cannot be built: {built.stderr}")
