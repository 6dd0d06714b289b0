"""Run a program that ends when the one that started it ends, even by kill -9: `python -m stationd.sim.tether PROGRAM ...`.

For the demonstration and the benchmarks, so that nothing of them is ever left behind. See PR_SET_PDEATHSIG in prctl(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
TETHER = (sys.executable, "-m", "stationd.sim.tether")


def run(words: list[str]) -> None:
    """Become the program that the words name; SIGTERM reaches it when the parent is gone."""
    parent = os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() == parent:  # else it went away just before
        os.execvp(words[0], words)  # noqa: S606 - to become another program is what this is for


if __name__ == "__main__":
    run(sys.argv[1:])
