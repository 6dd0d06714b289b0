"""The daemon with faults planted in it that only a mistake of the program could make: started in its place by a drop-in of the unit.

    SIGUSR2      the event loop hangs, for ever, in a sleep
    SIGRTMIN+1   the next exchange of the bus that is named in $HANGING_BUS never ends
    SIGRTMIN+2   from now on none of its exchanges ends, whoever asks anew

The product has none of these doors: the faults are here, and the daemon is the one that is installed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

from stationd.__main__ import main
from stationd.links.bus import Bus

NAME = os.environ.get("HANGING_BUS", "")
sound = Bus._transact  # noqa: SLF001  # planted in the middle of it on purpose
hanging = {"times": 0.0}


def hang_the_loop(_number: int, _frame: FrameType | None) -> None:
    """Never return."""
    while True:
        time.sleep(3600)


async def transact(self: Bus, *words: Any) -> Any:
    """Do an exchange, or hang."""
    if self.name == NAME and hanging["times"] > 0:
        hanging["times"] -= 1
        await asyncio.get_running_loop().create_future()
    return await sound(self, *words)


def plant() -> None:
    """Plant the faults."""
    signal.signal(signal.SIGUSR2, hang_the_loop)
    signal.signal(signal.SIGRTMIN + 1, lambda *_: hanging.update(times=1))
    signal.signal(signal.SIGRTMIN + 2, lambda *_: hanging.update(times=float("inf")))
    Bus._transact = transact  # type: ignore[method-assign]  # noqa: SLF001


if __name__ == "__main__":
    plant()
    main(sys.argv[1:])
