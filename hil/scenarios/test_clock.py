"""The wall clock of a station is set by months, drifts, or is not synchronised: no alarm of the plant moves, and readings go on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hil import alarms, clock
from hil.door import ALARM
from hil.faults import Fault, Kind
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

CASES = ((Kind.CLOCK_STEP, {"step_s": 90 * 86_400.0}), (Kind.CLOCK_STEP, {"step_s": -3600.0}), (Kind.CLOCK_DRIFT, {"rate": 1.2}))
LOOK_S = 3.0
PATIENCE_S = 10.0
OF_THE_CLOCK = ("station/", "sampler/")  # what is told of the clock itself, and what a busy machine makes


@pytest.fixture(name="own", scope="module")
def with_its_own_clock(rig: Rig) -> Iterator[Station]:
    """The station at end a on a clock of its own, which the kernel calls synchronised, as long as this file lasts."""
    if clock.possible():
        pytest.skip(clock.possible())
    station = next(each for each in rig.stations.values() if each.section.end == "a")
    station.stop()
    wall = clock.WallClock(station.home)
    wall.say(clock.Says.SYNCHRONISED)
    station.environment = dict(wall.environment)
    station.start()
    station.wait_ready()
    yield station
    station.stop()
    station.environment = {}


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


@pytest.mark.rig(needs=["fault:clock", "persons", "repair"])
def test_a_clock_that_is_not_synchronised_is_said_to_be_none(rig: Rig, own: Station, measure: Sheet, seed: int) -> None:
    """The kernel says that the clock is synchronised, then that it is not: so do the times of the station."""
    before = _becomes(own, synchronised=True)
    with rig.inject(Fault(Kind.CLOCK_UNSYNCHRONISED, own.name, {}, seed)):
        after = _becomes(own, synchronised=False)
    measure("synchronised_before", float(before), "", lo=1.0)
    measure("synchronised_without", float(after), "", hi=0.0)


def _becomes(station: Station, *, synchronised: bool) -> bool:
    """Return whether the times of the station are synchronised, once they are as they should be or some seconds have gone."""
    until = time.monotonic() + PATIENCE_S
    while (now := bool(station.ask(f"{ALARM}.List")["asOf"]["synchronised"])) is not synchronised and time.monotonic() < until:
        time.sleep(0.1)
    return now


def _up(station: Station) -> frozenset[str]:
    return frozenset(key for key in alarms.up(station) if not key.startswith(OF_THE_CLOCK))
