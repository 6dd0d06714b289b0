"""What the kernel says of the clock, once a second, for a daemon whose sandbox may not ask (stationd-clock.service).

Asks adjtimex(2) with no mode, which needs no privilege and changes nothing, and puts the answer into a file, whole or not at all:

    MONOTONIC_S STATE STATUS LARGEST_ERROR_US ESTIMATED_ERROR_US

State, status and errors are those of adjtimex(2); the first number is CLOCK_MONOTONIC of the question. stationd.outputs.journal.wall
reads it. What it is not: a part of the daemon; it imports nothing of it and runs without it.
"""

import contextlib
import ctypes
import sys
import time
from pathlib import Path

EVERY_S = 1.0
ROOM = 512  # struct timex is 208 bytes on 64-bit Linux, less on 32-bit
LONG = ctypes.sizeof(ctypes.c_long)
LARGEST_ERROR_AT, ESTIMATED_ERROR_AT, STATUS_AT = 3 * LONG, 4 * LONG, 5 * LONG  # after modes, offset and freq, all as wide as a long


def answer() -> str:
    """Return the line for this moment."""
    timex = ctypes.create_string_buffer(ROOM)
    state = ctypes.CDLL(None).adjtimex(timex)
    status = ctypes.c_int.from_buffer(timex, STATUS_AT).value
    largest, estimated = (ctypes.c_long.from_buffer(timex, at).value for at in (LARGEST_ERROR_AT, ESTIMATED_ERROR_AT))
    return f"{time.monotonic():.6f} {state} {status} {largest} {estimated}\n"


def main(path: Path) -> None:
    """Write until somebody ends this process. A file that cannot be written is tried again: the reader sees how old it is."""
    new = path.with_name(f"{path.name}.new")
    while True:
        with contextlib.suppress(OSError):
            new.write_text(answer(), encoding="ascii")
            new.replace(path)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
