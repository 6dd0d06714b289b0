"""How long this process has been running, as the kernel knows it: the time since `exec`, and not only since Python had read its modules."""

from __future__ import annotations

import os
import time
from pathlib import Path

STARTED = 21  # the 22nd field of /proc/PID/stat is the start, in ticks since the start of the machine (proc(5))


def own_age_s(stat: Path = Path("/proc/self/stat")) -> float | None:
    """Return the age of this process in seconds, exact to a tick (10 ms); None where the kernel does not say."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()  # the name of the program may contain anything
        started_s = int(fields[STARTED - 2]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
