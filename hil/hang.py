"""Let the loop of a program stand still while its other threads run on: `python -m hil.hang PROCESS`, as long as standard input is open.

A stop signal stops every thread; what hangs in earnest is one: the main thread, in which the loop is, while samplers and logs go on. So a
tracer holds that thread alone (PTRACE_SEIZE and PTRACE_INTERRUPT, ptrace(2)), and the kernel lets it go when the tracer ends, however it
ends. Nothing is planted in the program. What it is not: a way for a program to see that it is traced, or a debugger.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # __WALL: wait for a thread too
ROOT = Path(__file__).resolve().parent.parent
HELD = b"held\n"


def hold(process: int) -> None:
    """Hold the main thread of a process until standard input ends. OSError where the kernel does not allow it."""
    trace = ctypes.CDLL(None, use_errno=True).ptrace
    trace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    for order in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if trace(order, process, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"the process cannot be held: {os.strerror(ctypes.get_errno())}")
    os.waitpid(process, WALL)
    sys.stdout.buffer.write(HELD)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


class Hanging:
    """A process whose main thread stands still until `end`. OSError where it cannot be held."""

    def __init__(self, process: int) -> None:
        words = [sys.executable, "-m", "hil.hang", str(process)]
        self._holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != HELD:
            _, said = self._holder.communicate()
            raise OSError(f"process {process} cannot be held: {said.decode(errors='replace')[-300:]}")

    def end(self) -> None:
        """Let it go on."""
        self._holder.communicate()


if __name__ == "__main__":
    hold(int(sys.argv[1]))
