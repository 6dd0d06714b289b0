"""Run a program that ends when the one that started it ends, even by kill -9: `python tether.py PROGRAM ...` (PR_SET_PDEATHSIG, prctl(2)).

Everything that a rig starts is started so: nothing of a run is left behind, whatever becomes of the run. With `-9` before the program it
is killed: a station that a fault has stopped (SIGSTOP) would never take a SIGTERM.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
TETHER = (sys.executable, "-I", "-S", str(Path(__file__)))
SHORT_TETHER = (*TETHER, "-9")


def run(words: list[str]) -> None:
    """Become the program that the words name; SIGTERM, or after -9 SIGKILL, reaches it when the parent is gone."""
    parent, number = os.getppid(), signal.SIGTERM
    if words[0] == "-9":
        number, words = signal.SIGKILL, words[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() == parent:  # else it went away just before
        os.execvp(words[0], words)  # noqa: S606 - to become another program is what this is for


if __name__ == "__main__":
    run(sys.argv[1:])
