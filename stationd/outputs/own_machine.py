"""What the kernel says of this process, its disk and its clock: memory, processor time, free space, errors of the clock.

Read on demand, the disk off the event loop (stationd.outputs.disk_worker); what the kernel or the sandbox does not tell is None, never 0.
Follows proc(5), statvfs(3) and adjtimex(2).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from stationd.outputs.journal.wall import asked
from stationd.outputs.signals import free_space

STATM = Path("/proc/self/statm")  # in pages: size, resident, ...
LEAPS = {0: "none", 1: "insert", 2: "delete", 3: "insert", 4: "none"}  # TIME_OK, INS, DEL, OOP (a leap second now), WAIT (it was)


@dataclass(frozen=True, slots=True)
class Process:
    """Resident memory in bytes, processor time in seconds, load of the machine over a minute."""

    memory_bytes: int | None
    cpu_s: float
    load: float | None


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the disk of the state directory that are free for us, and all; None where it does not say."""

    free_bytes: float | None = None
    total_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What adjtimex(2) says beyond "synchronised": the estimated error in seconds, and the leap second that is due."""

    estimated_error_s: float | None = None
    leap: str | None = None


def process() -> Process:
    """Return what this process uses now."""
    try:
        pages: int | None = int(STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        pages = None
    try:
        load: float | None = os.getloadavg()[0]
    except OSError:
        load = None
    return Process(None if pages is None else pages * os.sysconf("SC_PAGE_SIZE"), time.process_time(), load)


def disk(directory: Path) -> Disk:
    """Return how full the disk is."""
    found = free_space(directory)
    return Disk() if found is None else Disk(*found)


def kernel_clock() -> KernelClock:
    """Return what the kernel says of its clock; nothing is known where it is not synchronised or must not be asked."""
    known = asked()
    return KernelClock() if known is None else KernelClock(known.estimated_error_s, LEAPS[known.state])
