"""The wall clock of one station, set, drifting, while the monotonic clock goes on: libfaketime (https://github.com/wolfcw/libfaketime).

What it is: the environment in which a daemon is started so that its wall clock follows a file, and the file. It reaches that process alone.
What it is not: a machine whose clock is not synchronised: the kernel says that (adjtimex), which needs a machine of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

LIBRARIES = tuple(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
MISSING = "libfaketime is not installed; to run this: apt install faketime"


class WallClock:
    """The clock of one station; it is right until it is told otherwise."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.right()

    @property
    def environment(self) -> Mapping[str, str]:
        """What the daemon must be started with."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def right(self) -> None:
        """Let it be right again."""
        self._say("+0")

    def step(self, seconds: float) -> None:
        """Set it forward, or back with a minus."""
        self._say(f"{seconds:+g}")

    def drift(self, rate: float) -> None:
        """Let it run at this rate from now on."""
        self._say(f"+0 x{rate:g}")

    def _say(self, text: str) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(text + "\n")
        fresh.replace(self._file)
