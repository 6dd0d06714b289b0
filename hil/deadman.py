"""The process that takes the voltage off a bench when the run that used it is gone, also by kill -9: `python -m hil.deadman ACT [LABGRID]`.

It holds the reading end of a pipe whose other end only the run has, and does nothing until that breaks. It belongs to a session of its own,
so that neither Ctrl-C nor a terminal that closes reaches it, and it takes no SIGTERM.
"""

from __future__ import annotations

import json
import signal
import sys
import time

from hil.acts import Hands, RigFailed
from hil.labgrid_parts import opened
from hil.safety import act_of

TRIES = 20
AGAIN_S = 0.5


def main(act_text: str, labgrid: str) -> int:
    """Wait for the pipe to break, then switch off until it is done; returns the exit code."""
    act = act_of(json.loads(act_text))
    hands = Hands(opened(labgrid) if labgrid else None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    for _ in range(TRIES):
        try:
            hands.do(act, "off", {})
        except RigFailed:
            time.sleep(AGAIN_S)
        else:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
