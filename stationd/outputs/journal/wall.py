"""The clocks of the machine, and whether the kernel calls the time of day synchronised.

The question is that of adjtimex(2) with no mode, which needs no privilege. Where the sandbox forbids even the question the answer
is "not known to be synchronised". chrony, ntpd and systemd-timesyncd all tell the kernel.
"""

from __future__ import annotations

import ctypes
import time

from stationd.outputs.journal.record import Moment

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
STA_UNSYNC = 0x0040
ROOM = 512  # struct timex is 208 bytes on 64-bit Linux, less on 32-bit
AFTER_MODES = ctypes.sizeof(ctypes.c_long)  # `unsigned int modes`, then aligned longs: offset, freq, maxerror, esterror
LARGEST_ERROR_AT = AFTER_MODES + 2 * ctypes.sizeof(ctypes.c_long)
STATUS_AT = AFTER_MODES + 4 * ctypes.sizeof(ctypes.c_long)
ASK_EVERY_S = 1.0


class SystemClock:
    """Called, it looks at both clocks. May be called from any thread; asks the kernel at most once a second."""

    def __init__(self) -> None:
        self._adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
        self._asked_at = -ASK_EVERY_S
        self._synchronised = False
        self._uncertainty_s: float | None = None

    def __call__(self) -> Moment:
        """Return this moment."""
        t = time.monotonic()
        if t - self._asked_at >= ASK_EVERY_S:
            self._asked_at = t
            self._synchronised, self._uncertainty_s = self._ask()
        return Moment(time.time(), self._synchronised, t, self._uncertainty_s)

    def _ask(self) -> tuple[bool, float | None]:
        """Return whether the clock is synchronised, and the largest error that the kernel then allows for (maxerror, microseconds)."""
        if self._adjtimex is None:
            return False, None
        timex = ctypes.create_string_buffer(ROOM)
        state = self._adjtimex(timex)
        status = ctypes.c_int.from_buffer(timex, STATUS_AT).value
        if not 0 <= state < TIME_ERROR or status & STA_UNSYNC:
            return False, None
        return True, ctypes.c_long.from_buffer(timex, LARGEST_ERROR_AT).value / 1e6
