"""Simulated days: thirty of everything that is kept, and two of the whole daemon. Nothing may grow that has no end.

    python -m tests.reliability.month DAYS HOURS      prints what grew, as JSON

What it is: the second half of R6, in a process of its own, so that its memory is its own. The journal lives thirty days in virtual time
with a reading a minute of some points, alarms that come and go and are delivered; its quotas are small, so that the oldest has to go. The
daemon (stationd.app) lives in virtual time too, but with everything that it does every second, which is why it lives for two days.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from stationd.app import App, load
from stationd.core.model import GOOD, PointId, Reading
from stationd.driver import Protocol
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Kept, Message, Moment, Record, RecordClass
from stationd.sim.rig import Cable, Device, Port, Rig
from stationd.surroundings import Surroundings
from tests import virtual_time
from tests.memory_rig import MemoryRig
from tests.two_stations import BEGIN_UTC_S, STATE_BELOW, Computer, WallClock

HOUR_S, DAY_S, MINUTE_S = 3600.0, 86_400.0, 60.0
POINTS, ALARM_EVERY_MIN = 20, 10
HISTORY_BYTES, EVENTS_BYTES = 1 << 19, 1 << 19  # the quotas: both are full after some days
SETTLED = 1 / 3  # of the time: what is needed once has been made by then
UNIT = 'model = "slow-unit"\nkind = "io"\nprotocol = "modbus"\nmanual = "none: a unit of a proof"\n'
POINT = '[[point]]\nname = "r{n}"\nat = "holding:{n}"\nformat = "u16"\nevery_s = 60.0\ndoc = "Register {n}"\n'
STATION = """
[station]
name = "proof"
mode = "sim"
state = "{home}/state"
[bus.line]
port = "{port}"
protocol = "modbus-tcp"
[device.u1]
driver = "slow-unit"
bus = "line"
address = 1
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of what must not grow."""

    resident_mib: float
    descriptors: int
    tasks: int
    objects: int

    @classmethod
    def now(cls) -> Size:
        """Look at this process."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        tasks = len(asyncio.all_tasks())
        return cls(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list(Path("/proc/self/fd").iterdir())), tasks, len(gc.get_objects()))

    def grown(self, before: Size) -> dict[str, float]:
        """Return by how much there is more than before."""
        names = ("resident_mib", "descriptors", "tasks", "objects")
        return {f"{name}_grown": getattr(self, name) - getattr(before, name) for name in names}


def below() -> Path:
    """Return where the files are, in memory where that can be."""
    return next(each for each in STATE_BELOW if each.is_dir())


# ---------------------------------------------------------------------- what is kept


async def kept(days: float) -> dict[str, float]:
    """Live for so many days; return what grew after the first third, and what is left in the end."""
    loop = asyncio.get_running_loop()
    settings = replace(
        JournalSettings(), group_s=MINUTE_S, threads=False, events=EVENTS_BYTES,
        history=replace(HistorySettings(), frame_s=10 * MINUTE_S, quota=HISTORY_BYTES),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="month-", dir=below()) as name:
        path = Path(name, "journal.sqlite")
        journal = Journal.open(path, settings, lambda: Moment(BEGIN_UTC_S + loop.time(), True, loop.time()), run="run-1")
        assert (await journal.start()).known
        settled: Size | None = None
        delivered = 0
        for minute in range(round(days * 1440)):
            journal.record_readings(list(readings(minute, loop.time())))
            if minute % ALARM_EVERY_MIN == 0:
                delivered += await alarm(journal, minute)
            await asyncio.sleep(MINUTE_S)
            if settled is None and minute >= days * 1440 * SETTLED:
                settled = Size.now()
        assert settled is not None
        found = {f"kept_{what}": value for what, value in Size.now().grown(settled).items()}
        left = sum(total.records for total in journal.statistics.outbox.values())
        crowded = {"history": journal.statistics.history_crowded, "events": journal.statistics.trimmed.events_crowded}
        await journal.close()
        size = sum(each.stat().st_size for each in Path(name).iterdir())
    gone = {f"kept_{what}_gone_for_want_of_room": count for what, count in crowded.items()}
    return {**found, **gone, "kept_days": days, "kept_alarms": delivered, "kept_left_in_outbox": left, "kept_mib": size / 2**20}


def readings(minute: int, now: float) -> Iterator[Reading]:
    """Give what a minute brings; no two are equal, so that nothing is packed away to nothing."""
    for n in range(POINTS):
        yield Reading(PointId("d", f"p{n}"), (minute * 7919 + n * 104_729) % 1000 / 10.0, GOOD, now)


async def alarm(journal: Journal, minute: int) -> int:
    """Let an alarm come or go."""
    key, body = f"a{minute // ALARM_EVERY_MIN % 7}", json.dumps({"n": minute, "text": "x" * 300})
    messages = (Message("event", body.encode()),)
    record = Record(journal.stamp(), RecordClass.ALARM, "raise", body, subject=key, states={key: body}, messages=messages)
    committed = int(await journal.append(record) is Kept.COMMITTED)
    journal.outbox.done([each.id for each in await journal.outbox.next(20)])  # to a broker that is always there
    return committed


# ---------------------------------------------------------------------- the whole daemon


async def daemon(hours: float) -> dict[str, float]:
    """Let a station live for so many hours; return what grew after the first third."""
    port = Port(link="tcp", protocol=Protocol.MODBUS_TCP)
    rig = Rig(Cable(test_set="s1-341", fibre_pairs=1), {"line": port}, {"u1": Device(port="line", driver="registers")}, light={})
    memory = MemoryRig(rig)
    with tempfile.TemporaryDirectory(prefix="month-", dir=below()) as name:
        home = Path(name)
        (home / "drivers").mkdir()
        (home / "drivers" / "slow-unit.toml").write_text(UNIT + "".join(POINT.format(n=n) for n in range(8)))
        (home / "station.toml").write_text(STATION.format(home=home, port=memory.addresses["line"]))
        loaded = load(home / "station.toml")
        assert loaded.config is not None, loaded.mistakes
        around = Surroundings(clock=WallClock(), machine=Computer("boot"), open_port=memory.open_port, run="run-1", threads=False)
        async with asyncio.TaskGroup() as tasks:
            app = App(loaded.config, loaded.catalogue, around)
            running = tasks.create_task(app.run())
            await asyncio.sleep(hours * HOUR_S * SETTLED)
            settled = Size.now()
            await asyncio.sleep(hours * HOUR_S * (1.0 - SETTLED))
            found = {f"daemon_{what}": value for what, value in Size.now().grown(settled).items()}
            standing = sum(view.letter.value in "BC" for view in app.alarms.views())
            running.cancel()
    return {**found, "daemon_days": hours / 24, "daemon_alarms_standing": standing}


def main(days: float, hours: float) -> None:
    """Live both lives."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found = virtual_time.run(kept(days), virtual_time.LoneLoop) | virtual_time.run(daemon(hours), virtual_time.LoneLoop)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
