"""The process that takes the voltage off a bench when the run that used it is gone, also by kill -9: `python -m hil.deadman WILL`.

It holds the reading end of a pipe whose other end only the run has, and does nothing until that breaks. A run that has seen the voltage
gone says so before (`DONE`), and there is nothing to do. Else it switches off until the meters show that it is off, latches the rig when
that does not succeed at once, and goes on trying. It belongs to a session of its own, so that neither Ctrl-C nor a terminal that closes
reaches it, and it takes no SIGTERM.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time

from hil.acts import Hands, RigFailed
from hil.labgrid_parts import opened
from hil.lock import Rack
from hil.switching import DONE, Will, switched_off

QUIET_TRIES = 3  # a relay box that answers a second later is no reason to call somebody (assumption)
AGAIN_S, LATER_S = 0.5, 2.0
TRIES_S = 3600.0  # whoever was called has pulled the plug by then (assumption)
SIMULATED_S = 10.0  # simulated equipment, on which nothing latches, went with the run


def main(text: str) -> int:
    """Wait for the pipe to break, then switch off until it is done; returns the exit code."""
    will = Will.of(text)
    hands = Hands(opened(will.labgrid) if will.labgrid else None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.buffer.read().endswith(DONE):
        return 0
    return _switch_off(will, hands)


def _switch_off(will: Will, hands: Hands) -> int:
    until, tries = time.monotonic() + (TRIES_S if will.latches else SIMULATED_S), 0
    while time.monotonic() < until:
        try:
            switched_off(will.off, will.meters, hands)
        except RigFailed as why:
            tries += 1
            if tries == QUIET_TRIES:
                _call(will, str(why))
            time.sleep(AGAIN_S if tries < QUIET_TRIES else LATER_S)
        else:
            return 0
    return 1


def _call(will: Will, why: str) -> None:
    """Latch the rig and say it where somebody may see it."""
    if will.latches is None:
        return
    reason = f"the run is gone and THE VOLTAGE MAY STILL BE ON: {why}"
    with contextlib.suppress(OSError):
        Rack(will.latches).latch(will.rig, reason, will.token)
    with contextlib.suppress(OSError):
        sys.stderr.write(f"\a\nrig {will.rig}: {reason}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
