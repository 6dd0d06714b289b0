"""The clocks of the machine, and whether the kernel calls the time of day synchronised.

The question is that of adjtimex(2) with no mode, which needs no privilege. Where the sandbox forbids even the question (ProtectClock=
of systemd) the answer is that of stationd-witness.service, which asks in our place (systemd/stationd_witness.py); without it, "not
known to be synchronised". chrony, ntpd and systemd-timesyncd all tell the kernel.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path

from stationd.outputs.journal.record import Moment
from stationd.regular_file import read_regular

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
STA_UNSYNC = 0x0040
ROOM = 512  # struct timex is 208 bytes on 64-bit Linux, less on 32-bit
LONG = ctypes.sizeof(ctypes.c_long)
LARGEST_ERROR_AT, ESTIMATED_ERROR_AT, STATUS_AT = 3 * LONG, 4 * LONG, 5 * LONG  # after modes, offset, freq: each as wide as a long
ASK_EVERY_S = 1.0
LIBRARY = ctypes.CDLL(None, use_errno=True)
WITNESS = Path("/run/stationd-witness/clock")
LONGEST = 256  # bytes; the witness writes some fifty
MOST_US = 16_000_000  # NTP_PHASE_LIMIT of Linux: no error that the kernel tells is larger
OLDEST_S = 5.0  # assumption: the witness writes once a second; after five it is gone or stuck


@dataclass(frozen=True, slots=True)
class KernelTime:
    """What the kernel says of a clock that it calls synchronised: the largest and the estimated error in seconds, the leap due (state)."""

    largest_error_s: float
    estimated_error_s: float
    state: int


def asked() -> KernelTime | None:
    """Return what the kernel says now, or its witness where the sandbox forbids the question. None: not known to be synchronised."""
    adjtimex = getattr(LIBRARY, "adjtimex", None)
    timex = ctypes.create_string_buffer(ROOM)
    state = TIME_ERROR if adjtimex is None else adjtimex(timex)
    if state < 0:
        return witnessed()
    status = ctypes.c_int.from_buffer(timex, STATUS_AT).value
    largest_us, estimated_us = (ctypes.c_long.from_buffer(timex, at).value for at in (LARGEST_ERROR_AT, ESTIMATED_ERROR_AT))
    return _understood(state, status, largest_us, estimated_us)


def witnessed(file: Path = WITNESS) -> KernelTime | None:
    """Return what the witness has written. None also when that is old, torn, absurd, or no file."""
    try:
        asked_at, *words = read_regular(file, LONGEST).decode("ascii").split()
        state, status, largest_us, estimated_us = (int(word) for word in words)
        fresh = 0.0 <= time.monotonic() - float(asked_at) <= OLDEST_S
    except (OSError, ValueError):
        return None
    whole = all(0 <= error_us <= MOST_US for error_us in (largest_us, estimated_us))
    return _understood(state, status, largest_us, estimated_us) if fresh and whole else None


def _understood(state: int, status: int, largest_us: int, estimated_us: int) -> KernelTime | None:
    if not 0 <= state < TIME_ERROR or status & STA_UNSYNC:
        return None
    return KernelTime(largest_us / 1e6, estimated_us / 1e6, state)


class SystemClock:
    """Called, it looks at both clocks. May be called from any thread; asks the kernel at most once a second."""

    def __init__(self) -> None:
        self._asked_at = -ASK_EVERY_S
        self._known: KernelTime | None = None

    def __call__(self) -> Moment:
        """Return this moment. Synchronised, it says the largest error that the kernel then allows for."""
        t = time.monotonic()
        if t - self._asked_at >= ASK_EVERY_S:
            self._asked_at = t
            self._known = asked()
        known = self._known
        return Moment(time.time(), known is not None, t, None if known is None else known.largest_error_s)
