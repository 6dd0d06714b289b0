"""What the kernel says of the terminal that somebody sits at: its name, whether a wire ends there, and how fast that is.

Follows termios(3) and the names of Linux's serial drivers. What follows from it for the screens is in stationd.shell.dress.

A serial line that is unplugged is no hang-up: whoever plugs in next would go on in the session of the one before. So a shell on it ends
by itself when no key is pressed for a while, and nothing in the environment, which a person may set, makes that while longer.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import termios
from collections.abc import Mapping
from typing import NamedTuple

SERIAL = re.compile(r"/dev/tty(S|USB|ACM|AMA|O|mxc|PS|SAC|LP)\d+")
IDLE = "STATIONCTL_IDLE_S"
IDLE_S = 600.0  # long enough to read a screen, short enough that nobody else has come in (assumption)
LEAST_IDLE_S = 0.1
BAUD = {getattr(termios, f"B{rate}"): rate for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)}


class Facts(NamedTuple):
    """Of one terminal. `baud` is 0 where there is no wire, or its speed is not known."""

    name: str
    serial: bool
    baud: int


def of_terminal(descriptor: int) -> Facts:
    """Return the facts; those of no wire where the kernel says nothing."""
    name, speed = "", 0
    with contextlib.suppress(OSError):
        name = os.ttyname(descriptor)
    serial = SERIAL.fullmatch(name) is not None
    if serial:
        with contextlib.suppress(termios.error):
            speed = BAUD.get(termios.tcgetattr(descriptor)[5], 0)
    return Facts(name, serial, speed)


def idle_s(facts: Facts, environ: Mapping[str, str]) -> float | None:
    """Return after how long without a key a shell ends; None where it stays: behind a pseudo terminal a hang-up is seen.

    A time of the environment that is no time (text, nan, inf, 0 or less) counts for nothing.
    """
    wished = 0.0
    with contextlib.suppress(ValueError):
        wished = float(environ.get(IDLE, 0.0))
    usual = IDLE_S if facts.serial else None
    if not (math.isfinite(wished) and wished > 0.0):
        return usual
    return max(min(wished, usual or wished), LEAST_IDLE_S)
