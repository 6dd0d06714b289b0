"""Work that may hang: done beside, and left alone when its time is over. A disk that does not answer stops nobody here.

What hangs goes on hanging in a thread of its own, which does not hold up the end of the program.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
LONGEST_OUTPUT = 16 << 20  # bytes of a program's answer


class TooSlow(Exception):
    """The time was over."""


class Deadline:
    """The time that is left for everything together."""

    def __init__(self, limit_s: float) -> None:
        self._until = time.monotonic() + limit_s

    def left_s(self, most_s: float = 1e9) -> float:
        """Return how many seconds are left, at most so many; never less than 0."""
        return max(min(self._until - time.monotonic(), most_s), 0.0)


def within(limit_s: float, work: Callable[[], T]) -> T:
    """Return what the work returns, or raise what it raises; TooSlow when it does not end in time."""
    results: list[T] = []
    errors: list[BaseException] = []

    def beside() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            errors.append(error)

    thread = threading.Thread(target=beside, daemon=True)
    thread.start()
    thread.join(limit_s)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    raise TooSlow(f"no answer within {limit_s:.0f} s")


def printed(words: Sequence[str], limit_s: float) -> str:
    """Return what a program prints. OSError where there is none, TooSlow where it does not end in time."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words of ours, no shell
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=max(limit_s, 0.1), check=False
        )
    except subprocess.TimeoutExpired:
        raise TooSlow(f"{words[0]} did not answer within {limit_s:.0f} s") from None
    return done.stdout[-LONGEST_OUTPUT:].decode("utf-8", "replace")
