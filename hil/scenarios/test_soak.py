"""Soak: the station goes on for hours with faults now and then, and neither grows nor loses count. `--hours 24` for a day; else seconds."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from hil.faults import Fault, Kind
from hil.record import Dimension, Plot, Trace
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

SHORT_S = 8.0
EVERY_S = 1.0
KINDS = (Kind.DROP, Kind.BIT_ERRORS, Kind.DELAY, Kind.DUPLICATE, Kind.CRC)
GROWS_MB_PER_H, GROWS_AT_FIRST_MB = 1.0, 15.0  # caches and the history fill in the first minutes (assumption)
FAULT_S = 1.0


@pytest.mark.rig(needs=["fault:serial", "repair"])
@pytest.mark.timeout(0)
def test_the_station_neither_grows_nor_loses_count(
    rig: Rig, aktau: Station, measure: Sheet, seed: int, request: pytest.FixtureRequest
) -> None:
    """Every now and then a fault of a line; memory, missed samples and exchanges are looked at all the time."""
    seconds = float(request.config.option.hours) * 3600.0 or SHORT_S
    chance, begin, memory, faults = random.Random(seed), time.monotonic(), list[tuple[float, float]](), 0
    while (passed := time.monotonic() - begin) < seconds:
        memory.append((passed / 60.0, _memory_mb(aktau)))
        if chance.random() < 0.3:
            line = chance.choice(rig.file.proxied)
            with rig.inject(Fault(chance.choice(KINDS), line, {"share": 0.5}, chance.randrange(1 << 30))):
                time.sleep(FAULT_S)
            faults += 1
        time.sleep(min(EVERY_S * max(1.0, seconds / 3600.0), 60.0))
    page = aktau.until(lambda page: all(value == 1.0 for value in page.values("stationd_device_up").values()), 20.0, "a unit stays away")
    scans, missed = (page.value(f"stationd_sampler_{name}_total") or 0.0 for name in ("scans", "missed"))
    slots = page.value("stationd_sampler_slots_total") or 0.0
    plot = Plot("Memory of the daemon", Dimension("time", "min"), Dimension("memory", "MB"), [Trace("resident", memory)])
    allowed_mb = GROWS_AT_FIRST_MB + GROWS_MB_PER_H * seconds / 3600.0
    measure("memory_grows", memory[-1][1] - memory[0][1], "MB", hi=allowed_mb, plot=plot)
    measure("slots_unaccounted", slots - scans - missed, "", lo=0.0, hi=2.0)  # the page is made while the loop goes on
    measure("events_dropped", sum(page.values("stationd_outbox_dropped_total").values()), "", hi=0)
    measure("faults_injected", faults, "")
    measure("daemon_runs", float(aktau.running), "", lo=1.0)


def _memory_mb(station: Station) -> float:
    assert station.process is not None
    for line in Path(f"/proc/{station.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024.0
    return 0.0
