"""The wall clock of a station is set by months, drifts, or is not synchronised: no alarm of the plant moves, and readings go on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hil import alarms
from hil.clock import Says, WallClock
from hil.faults import Fault, Kind
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

CASES = ((Kind.CLOCK_STEP, {"step_s": 90 * 86_400.0}), (Kind.CLOCK_STEP, {"step_s": -3600.0}), (Kind.CLOCK_DRIFT, {"rate": 1.2}))
LOOK_S = 3.0
OF_THE_CLOCK = ("station/", "sampler/")  # what is told of the clock itself, and what a busy machine makes


@pytest.fixture(name="own")
def with_its_own_clock(rig: Rig, aktau: Station) -> Iterator[Station]:
    """The station on a clock of its own."""
    aktau.stop()
    clock = WallClock(aktau.home)
    clock.say(Says.SYNCHRONISED)
    aktau.environment = dict(clock.environment)
    aktau.start()
    aktau.wait_ready()
    yield aktau
    aktau.stop()
    aktau.environment = {}


@pytest.mark.rig(needs=["fault:clock", "persons", "repair"])
def test_a_clock_that_is_set_moves_no_alarm_and_no_reading(rig: Rig, own: Station, measure: Sheet, seed: int) -> None:
    """Forward by 90 days, right again, back by an hour, right again, then a fifth too fast."""
    before, missing = _up(own), 0
    for kind, params in CASES:
        with rig.inject(Fault(kind, own.name, params, seed)):
            until = time.monotonic() + LOOK_S
            while time.monotonic() < until:
                missing += own.page().value("stationd_pfe_output_current_amperes", device=own.section.feed) is None
                time.sleep(0.1)
            after = _up(own)
        name = "_".join([kind.value.partition(".")[2], *(f"{value:g}" for value in params.values())])
        measure(f"alarms_by_{name}", len(after - before), "", hi=0)  # those that were going before may go
        measure.attach(f"alarms-by-{name}.txt", "\n".join(sorted(after - before)))
    measure("readings_missing", missing, "", hi=0)


def _up(station: Station) -> frozenset[str]:
    return frozenset(key for key in alarms.up(station) if not key.startswith(OF_THE_CLOCK))
