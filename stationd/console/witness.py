"""Asks the witness of this machine for the terminal of a process, where the sandbox hides the processes of others (ProtectProc=).

What it is: the daemon's side of stationd-witness.service (systemd/stationd_witness.py), a process that sees and can do nothing else. It
says what the kernel's /proc says, never what a client says. Where nobody answers in time nothing is proved, and that counts as remote.
What it is not: a wait. A question takes a moment of the loop, bounded; a witness that was silent once is left alone for a while.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

PLACE = Path("/run/stationd-witness/terminals")
LONGEST_S = 0.05  # assumption: an answer takes a tenth of a millisecond; for so long the loop may wait for a busy machine
LEFT_ALONE_S = 5.0
LONGEST_ANSWER = 32  # bytes


class Witness:
    """Called with a process and its user, it returns the number of the controlling terminal; 0: none, or nobody says."""

    def __init__(self, place: Path = PLACE) -> None:
        self._place = str(place)
        self._silent_until_t = 0.0

    def __call__(self, pid: int, uid: int) -> int:
        """Ask. Never raises."""
        if pid <= 0 or time.monotonic() < self._silent_until_t:
            return 0
        try:
            return self._answer(b"%d %d" % (pid, uid))
        except TimeoutError:
            self._silent_until_t = time.monotonic() + LEFT_ALONE_S
        except (OSError, ValueError):  # no such socket: nothing is hidden here, or nobody is there to say
            pass
        return 0

    def _answer(self, question: bytes) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(LONGEST_S)
            connection.connect(self._place)
            connection.send(question)
            return int(connection.recv(LONGEST_ANSWER))
