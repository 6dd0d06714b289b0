"""Ten minutes of sampling with everything that can go wrong: a reader that stalls, sources that fail, lose scans, jump in time, and go.

Three loops run side by side, each from its making until its source is gone, and then anew. Their one reader comes every few
milliseconds, but for 0.7 s out of every five: then windows, events and captures are lost, and every one of them has to be counted.
STATIOND_SOAK_S in the environment is another length in seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from stationd.bench.row import Row, at_least, at_most
from stationd.bench.sampler_loop import Loop, LoopSettings, Outcome

SOAK_S = 600.0
READ_EVERY_S = 0.005
STALL_S, STALL_EVERY_S = 0.7, 5.0
PROGRESS_S = 60.0
PRIORITY = 40  # that of the daemon; where it is not allowed the loops run without
FULL_S = 30.0  # in so long everything has happened at least once

# Light that comes and goes on all channels, fast enough that a stall overflows the ring of events; the source is gone after 20 s.
FLAPPING = "level all 14000; wave all 12000 1000;"
SCRIPTS = {
    "host": FLAPPING + "at 20000 error EIO 7; at 40000 skip 37; at 60000 error ETIMEDOUT 3; at 120000 skip 5000; at 200000 gone",
    "paced": FLAPPING + "paced 10; at 15000 error EIO 9; at 33333 skip 123; at 90000 skip 4000; at 180000 gone",
    "timed": FLAPPING + "timed 10; at 12345 skip 55; at 40000 back 3000000; at 70000 ahead 450000000; at 100000 back 900000000;"
    "at 130000 error EPROTO 20; at 150000 skip 1; at 170000 gone",
}


@dataclass(slots=True)
class Source:
    """One source and the loops that served it, one after the other."""

    script: str
    loop: Loop
    outcomes: list[Outcome] = field(default_factory=list)

    def look(self) -> None:
        """Take what waits; when the source is gone, end the loop and make another."""
        _, gone = self.loop.drain()
        if gone:
            self.outcomes.append(self.loop.end())
            self.loop = _started(self.script)


def soak_rows(seconds: float | None = None) -> Iterator[Row]:
    """Run as long as asked for; a row now and then says that it still runs."""
    length_s = seconds if seconds is not None else float(os.environ.get("STATIOND_SOAK_S", SOAK_S))
    sources = {name: Source(script, _started(script)) for name, script in SCRIPTS.items()}
    begin = time.monotonic()
    progress, stall = begin + PROGRESS_S, begin + STALL_EVERY_S
    while (now := time.monotonic()) < begin + length_s:
        for source in sources.values():
            source.look()
        if now >= progress:
            progress += PROGRESS_S
            yield Row("soak", "minutes until now", (now - begin) / 60, "")
        stalls = now >= stall
        stall += STALL_EVERY_S if stalls else 0.0
        time.sleep(STALL_S if stalls else READ_EVERY_S)
    for source in sources.values():
        source.outcomes.append(source.loop.end())
    for name, source in sources.items():
        yield Row("soak", f"scans, source {name}", sum(each.scans for each in source.outcomes), "")
        yield at_most("soak", f"unaccounted, source {name}", sum(each.unaccounted for each in source.outcomes), "", 0)
    yield from _totals([outcome for source in sources.values() for outcome in source.outcomes], full=length_s > FULL_S)


def _totals(outcomes: list[Outcome], *, full: bool) -> Iterator[Row]:
    """Say how much went wrong: without that nothing would be shown."""
    seen = {
        "slots missed": sum(each.missed for each in outcomes),
        "windows lost": sum(each.windows_lost for each in outcomes),
        "events lost": sum(each.events_lost for each in outcomes),
        "captures lost": sum(each.captures_lost for each in outcomes),
        "readings failed": sum(each.read_errors for each in outcomes),
        "jumps in time": sum(each.time_jumps for each in outcomes),
        "sources gone": len(outcomes) - len(SCRIPTS),
    }
    for name, value in seen.items():
        yield at_least("soak", name, value, "", 1) if full else Row("soak", name, value, "")
    yield Row("soak", "windows of all loops", sum(each.windows for each in outcomes), "")
    yield Row("soak", "events of all loops", sum(each.events for each in outcomes), "")
    yield Row("soak", "captures read of all loops", sum(each.captures for each in outcomes), "")
    yield at_most("soak", "unaccounted", sum(each.unaccounted for each in outcomes), "", 0)


def _started(script: str) -> Loop:
    loop = Loop(LoopSettings(script=script, captures=True, window_slots=100, priority=PRIORITY))
    loop.start()
    return loop
