"""What the kernel says of the terminal that somebody sits at: its name, whether a wire ends there, and how fast that is.

Follows termios(3) and the names of Linux's serial drivers. What follows from it for the screens is in stationd.shell.dress.
"""

from __future__ import annotations

import contextlib
import os
import re
import termios
from collections.abc import Mapping
from typing import NamedTuple

SERIAL = re.compile(r"/dev/tty(S|USB|ACM|AMA|O|mxc|PS|SAC|LP)\d+")
IDLE = "STATIONCTL_IDLE_S"
IDLE_S = 600.0  # nobody notices an unplugged cable, and the next person inherits the session
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
    """Return after how long without a key a shell ends; None where it stays: behind a pseudo terminal a hang-up is seen."""
    with contextlib.suppress(ValueError):
        return max(float(environ[IDLE]), 0.1) if IDLE in environ else IDLE_S if facts.serial else None
    return IDLE_S
