"""A program in a process group of its own, of which nothing is left: not its children, not what they mounted, not their files.

    begun ends by itself -> what it left behind is killed -> its mounts, network namespaces and files are taken away
    time is over, Ctrl-C -> SIGTERM, a wait of GRACE_S, SIGKILL for the whole group -> the same
    whoever began it dies (even by kill -9) -> the kernel sends it SIGTERM (stationd.sim.tether), and it ends its own group

What it is not: a sandbox. A program that leaves its group is not found; no proof does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from stationd.sim.tether import TETHER

UNWOUND_S, GRACE_S = 15.0, 20.0  # to unmount and to end daemons in peace (assumption: a daemon ends within a few seconds)
IN_MEMORY = "PROOF_IN_MEMORY"  # in the environment: where files are that need no disk
ROOT = Path(__file__).resolve().parents[2]
SCRATCH = "PROOF_SCRATCH"  # in the environment: the directories of a program
MEMORY = Path("/dev/shm")
NAMESPACE = "proof"  # and the number of the process: the network namespaces of tests.reliability.flood
NAMESPACES = Path("/run/netns")
ENDED = 128  # and the number of the signal: the exit status of a shell for it


class Group:
    """A program that was begun. `code` is its exit status as soon as it has ended."""

    def __init__(self, words: Sequence[str], cwd: Path, output: IO[str], more: Mapping[str, str] | None = None) -> None:
        self._scratch = [Path(tempfile.mkdtemp(prefix="p-"))]  # short: paths of sockets have at most 107 bytes (unix(7))
        if MEMORY.is_dir():
            self._scratch.append(Path(tempfile.mkdtemp(prefix="p-", dir=MEMORY)))
        for place in self._scratch:
            place.chmod(0o711)  # other users of a proof reach the sockets in it
        own = {"TMPDIR": str(self._scratch[0]), IN_MEMORY: str(self._scratch[-1]), SCRATCH: os.pathsep.join(map(str, self._scratch))}
        environment = {**os.environ, **(more or {}), **own}
        self._process = subprocess.Popen(
            [*TETHER, *words], cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )

    def wait(self, seconds: float) -> int:
        """Wait for its end. subprocess.TimeoutExpired."""
        return self._process.wait(max(0.0, seconds))

    def ask_to_end(self) -> None:
        """Send SIGTERM, so that several groups end at the same time."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self) -> None:
        """End it if it still runs, and take away what is left of it. Nothing happens the second time."""
        self.ask_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._clean()

    def _clean(self) -> None:
        for namespace in NAMESPACES.glob(f"{NAMESPACE}{self._process.pid}*"):
            subprocess.run(["ip", "netns", "del", namespace.name], check=False)
        for place in self._scratch:
            take_away(place)


def take_away(place: Path) -> None:
    """Unmount what is mounted below a directory, and remove it."""
    for mount in mounts_below(place):
        subprocess.run([shutil.which("fusermount3") or "fusermount", "-u", "-z", str(mount)], check=False)
    shutil.rmtree(place, ignore_errors=True)


def mounts_below(place: Path) -> Iterator[Path]:
    """Give what is mounted below a directory, the innermost first (proc_pid_mountinfo(5); our names need no unescaping)."""
    points = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    yield from sorted((each for each in points if each.is_relative_to(place)), key=lambda each: len(each.parts), reverse=True)


def end_in_peace(most_s: float | None = None) -> None:
    """Let SIGTERM unwind this process, so that what it began ends with it; with `most_s` its whole group is killed if that takes longer."""

    def unwind(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if most_s is not None:
            signal.signal(signal.SIGALRM, lambda *_: end_group())
            signal.setitimer(signal.ITIMER_REAL, most_s)
        raise SystemExit(ENDED + number)

    signal.signal(signal.SIGTERM, unwind)


def end_group() -> NoReturn:
    """End the group of this process, itself as well: there may be nobody left to do it, or to take away its files."""
    for place in filter(None, os.environ.get(SCRATCH, "").split(os.pathsep)):
        take_away(Path(place))
    os.killpg(os.getpgrp(), signal.SIGKILL)
    raise SystemExit(ENDED + signal.SIGKILL)  # not reached
