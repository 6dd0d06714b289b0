"""The disk of one station as a test wants it: its state lies on a mounted file system that forgets, fills up, fails and hangs on demand.

What it is: the start and end of hil.lossyfs as a process of its own, and its orders (extended attributes of its root) as the
faults of hil.faults. What it is not: the disk of the machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hil.acts import RigFailed
from hil.faults import Fault, FaultError, Kind
from hil.tether import TETHER

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 10.0
MISSING = "there is no FUSE on this machine; to run this: apt install fuse3"
EVER = 1_000_000_000


def possible() -> str:
    """Return why no station can have such a disk here, empty where it can."""
    mounts = Path("/dev/fuse").exists() and bool(shutil.which("fusermount3"))
    return "" if mounts and os.access("/dev/fuse", os.R_OK | os.W_OK) else MISSING


class LossyDisk:
    """A mounted disk at a directory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def begin(self, fault: Fault) -> None:
        """Let a fault of the disk begin. FaultError for one that is none."""
        match fault.kind:
            case Kind.DISK_LOST:
                self._order("cut", str(fault.seed))
            case Kind.DISK_FULL:
                self._order("quota", f"{fault.param('bytes'):.0f}")
            case Kind.DISK_ERROR:
                self._order("fail", f"sync {fault.param('call'):.0f} EIO {EVER}")
            case Kind.DISK_SLOW:
                self._order("fsync", f"{fault.param('fsync_s'):g}")
            case _:
                raise FaultError(f"{fault.kind.value} is no fault of a disk")

    def end(self) -> None:
        """End every fault."""
        for name, value in (("quota", ""), ("fail", ""), ("fsync", "0")):
            self._order(name, value)

    @property
    def used(self) -> int:
        """The bytes of all files on it."""
        return sum(each.stat().st_size for each in self.place.rglob("*") if each.is_file())

    def _order(self, name: str, value: str) -> None:
        os.setxattr(self.place, f"user.{name}", value.encode())


@contextlib.contextmanager
def lossy_disk(place: Path, seed: int) -> Iterator[LossyDisk]:
    """Mount such a disk at an empty directory as long as the block. RigFailed when it does not come up."""
    words = [*TETHER, sys.executable, "-m", "hil.lossyfs", str(place), str(seed)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_S
        while not place.is_mount():
            if process.poll() is not None or time.monotonic() > until:
                said = process.stderr.read().decode(errors="replace")[-500:] if process.stderr and process.poll() is not None else ""
                raise RigFailed(f"the disk at {place} is not mounted: {said}")
            time.sleep(0.02)
        yield LossyDisk(place)
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(place)], capture_output=True, check=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
