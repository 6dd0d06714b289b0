"""What the sampling loop is measured against: cyclictest, a bare loop of our own, and something that keeps the CPUs busy.

cyclictest (Debian package rt-tests) gives its histogram in nanoseconds; where it is not installed the bare loop stands in. Busy
CPUs are made by stress-ng where that is installed, else by processes of our own.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("sampler_floor.c")
PRIORITY = 80  # that of the examples of rt-tests; above all that a daemon would use, so that both are disturbed by the same
LONGEST_NS = 500_000  # of the histograms; later ones are counted together
BURN = "while True: pass"
LINE = re.compile(r"^(\d+)[ \t]+0*([1-9]\d*)$", re.MULTILINE)  # cyclictest prints a million of them, most of none
BEYOND = re.compile(r"^# Histogram Overflows: 0*([1-9]\d*)", re.MULTILINE)


class Bucket(NamedTuple):
    """How many wake-ups were late by low_ns to high_ns."""

    low_ns: float
    high_ns: float
    wakes: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How to wake up. `priority` 0 is SCHED_OTHER; `deep` False keeps the CPU from its sleeping states."""

    rate_hz: int
    priority: int
    cpu: int
    deep: bool

    @property
    def dma_latency_us(self) -> int:
        """As sampler.h has it: 0, or -1 to leave it alone."""
        return -1 if self.deep else 0


@dataclass(frozen=True, slots=True)
class Machine:
    """What is installed, and what is allowed. A string says why something is not there; empty: it is."""

    cpu: int
    no_real_time: str
    cyclictest: str | None
    stress: str | None
    floor: Path | None


@dataclass(frozen=True, slots=True)
class Floor:
    """What the bare loop cost and how late it was."""

    cpu_ns: int
    wakes: int
    lateness: tuple[Bucket, ...]


@contextmanager
def machine() -> Iterator[Machine]:
    """Look at this machine and compile the bare loop, where a C compiler is."""
    with tempfile.TemporaryDirectory(prefix="stationd-bench-") as directory:
        cpu = max(os.sched_getaffinity(0))
        yield Machine(cpu, _no_real_time(), shutil.which("cyclictest"), shutil.which("stress-ng"), _compiled(Path(directory)))


def _compiled(directory: Path) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = directory / "sampler_floor"
    subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
    return program


def _no_real_time() -> str:
    """Return why a real-time priority and a CPU that stays awake are not to be had; tried in a process of its own."""
    attempt = (
        f"import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param({PRIORITY}));"
        "os.write(os.open('/dev/cpu_dma_latency', os.O_WRONLY), bytes(4))"
    )
    done = subprocess.run([sys.executable, "-c", f"import sys\ntry: {attempt}\nexcept OSError as e: sys.exit(e.errno)"], check=False)
    return os.strerror(done.returncode) if done.returncode in errno.errorcode else ""


# ---------------------------------------------------------------- what is measured


def percentile_us(buckets: Sequence[Bucket], share: float) -> float:
    """Return below which lateness, in us, this share of the wake-ups lies: a straight line within its bucket."""
    wanted = share * sum(bucket.wakes for bucket in buckets)
    before = 0
    for bucket in buckets:
        if before + bucket.wakes >= wanted:
            part = (wanted - before) / bucket.wakes
            return (bucket.low_ns + part * (bucket.high_ns - bucket.low_ns)) / 1000.0
        before += bucket.wakes
    return 0.0


def histogram(text: str, width_ns: int) -> tuple[Bucket, ...]:
    """Return the histogram that cyclictest or the bare loop printed: lines of nanoseconds and how often.

    What was later than the histogram reaches lies in one last bucket.
    """
    buckets = [Bucket(int(low_ns), int(low_ns) + width_ns, int(wakes)) for low_ns, wakes in LINE.findall(text)]
    buckets += [Bucket(LONGEST_NS, LONGEST_NS, int(wakes)) for wakes in BEYOND.findall(text)]
    return tuple(sorted(buckets))


def run_cyclictest(program: str, pace: Pace, seconds: float) -> tuple[Bucket, ...]:
    """Let cyclictest run at this pace."""
    words = [program, "-q", "-t1", "-N", "-i", str(1_000_000 // pace.rate_hz), "-a", str(pace.cpu), "-h", str(LONGEST_NS)]
    words += ["-l", str(round(seconds * pace.rate_hz))]
    words += ["-m", f"-p{pace.priority}"] if pace.priority else ["--policy=other"]
    words += ["--default-system"] if pace.deep else []
    return histogram(subprocess.run(words, check=True, capture_output=True, text=True).stdout, 1)


def run_floor(program: Path, pace: Pace, seconds: float, slack_ns: int = 0) -> Floor:
    """Let the bare loop run at this pace. `slack_ns` 0 leaves the timer slack at the kernel's 50 us."""
    numbers = (1_000_000_000 // pace.rate_hz, round(seconds * pace.rate_hz), pace.priority, pace.cpu, pace.dma_latency_us, slack_ns)
    text = subprocess.run([program, *map(str, numbers)], check=True, capture_output=True, text=True).stdout
    first, _, rest = text.partition("\n")
    cpu_ns, wakes = first.split()
    return Floor(int(cpu_ns), int(wakes), histogram(rest, 100))


@contextmanager
def busy_cpus(stress: str | None, wanted: bool) -> Iterator[None]:
    """Keep every CPU busy meanwhile, if wanted."""
    count = (os.cpu_count() or 1) if wanted else 0
    words = [[stress, "--quiet", "--cpu", str(count)]] if count and stress else [[sys.executable, "-c", BURN]] * count
    processes = [subprocess.Popen(each, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for each in words]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()
