"""A lossyfs in a process of its own, mounted below a temporary directory as long as a block lasts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hil.disk import ROOT as ROOT_NODE
from hil.lossyfs import EVER
from tests.reliability import group

ROOT = Path(__file__).resolve().parents[2]
IN_MEMORY = Path(os.environ.get(group.IN_MEMORY, group.MEMORY))
MOUNTED_WITHIN_S = 20.0


class Missing(Exception):
    """This machine cannot mount; the text names the Debian package."""


@dataclass(frozen=True, slots=True)
class Lossy:
    """The mount, and the orders of hil.lossyfs."""

    path: Path

    def order(self, name: str, words: str) -> None:
        """Set one of the attributes of the root."""
        os.setxattr(self.path, f"user.{name}", words.encode())

    def fail(self, kind: str, error: str, *, n: int = 1, count: int = EVER) -> None:
        """Let calls of a kind fail."""
        self.order("fail", f"{kind} {n} {error} {count}")

    def repair(self) -> None:
        """End all that was ordered."""
        for name in ("fail", "quota", "fsync"):
            self.order(name, "")

    @property
    def calls(self) -> dict[str, int]:
        """Return how many calls of each kind there were since the last order to fail."""
        found: dict[str, int] = json.loads(os.getxattr(self.path, "user.calls"))
        return found


def why_not() -> str:
    """Return in a sentence why nothing can be mounted here; empty where it can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    if shutil.which("fusermount3") is None and shutil.which("fusermount") is None:
        return "fusermount3 is not installed; to run this: apt install fuse3"
    return ""


@contextlib.contextmanager
def lossy(seed: int = 0) -> Iterator[Lossy]:
    """Mount one. Missing where that is not possible."""
    if why := why_not():
        raise Missing(why)
    with tempfile.TemporaryDirectory(prefix="lossyfs-") as name:
        path = Path(name, "disk")
        path.mkdir()
        words = [sys.executable, "-m", "hil.lossyfs", str(path), str(seed)]
        with subprocess.Popen(words, cwd=ROOT) as server:
            try:
                _wait_for(path, server)
                yield Lossy(path)
            finally:
                subprocess.run([shutil.which("fusermount3") or "fusermount", "-u", "-z", str(path)], check=False)
                server.terminate()


def _wait_for(path: Path, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + MOUNTED_WITHIN_S
    while not os.path.ismount(path) or path.stat().st_ino != ROOT_NODE:
        if server.poll() is not None or time.monotonic() > end:
            raise Missing(f"{path} is not mounted; the server ended with {server.returncode}")
        time.sleep(0.01)
