"""The disk of a station forgets what was not synced, fills up, fails, is slow: what was told stays told, and the lines never notice."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hil import alarms
from hil.faults import Fault, Kind
from hil.lossy import lossy_disk
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

LASTS_S = 3.0
POLLED = "stationd_bus_transactions_total"
KEY = "io/MAINS-FAIL/di6"
READY_MOST_S, READY_MARGINAL_S = 15.0, 8.0
CASES = {Kind.DISK_FULL: {}, Kind.DISK_ERROR: {"call": 1.0}, Kind.DISK_SLOW: {"fsync_s": 1.0}}


@pytest.fixture(name="lossy", scope="module")
def on_a_lossy_disk(rig: Rig, request: pytest.FixtureRequest) -> Iterator[Station]:
    """The station at end a with its state on a disk that does as it is told, as long as this file lasts."""
    station = next(each for each in rig.stations.values() if each.section.end == "a")
    station.stop()
    kept = station.state.rename(station.home / "state-kept")
    station.state.mkdir()
    with lossy_disk(station.state, int(request.config.option.seed)) as station.disk:
        station.start()
        station.wait_ready()
        yield station
        station.stop()
        station.disk = None
    station.state.rmdir()
    kept.rename(station.state)


@pytest.mark.rig(needs=["fault:disk", "persons", "contact", "repair"])
def test_a_power_cut_takes_nothing_that_was_acknowledged(rig: Rig, lossy: Station, aktau: Station, measure: Sheet, seed: int) -> None:
    """An alarm is acknowledged, the power goes, and with it everything that was not synced; the alarm is still acknowledged."""
    alarms.rest(lossy, "io")
    rig.contact(lossy.name, "mains", False)
    alarms.wait_up(lossy, KEY, 20.0)
    alarms.acknowledge_all(lossy)
    before = alarms.letters(lossy)[KEY]
    with rig.inject(Fault(Kind.DISK_LOST, lossy.name, {}, seed)):
        pass
    ready_s = lossy.wait_ready()
    measure("acknowledged_before", float(before == "C"), "", lo=1.0)
    measure("acknowledged_after", float(alarms.letters(lossy).get(KEY) == "C"), "", lo=1.0)
    measure("ready_after", ready_s, "s", lo=0.0, hi=READY_MOST_S, marginal_hi=READY_MARGINAL_S)


@pytest.mark.rig(needs=["fault:disk", "persons", "contact", "repair"])
@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.value)
def test_a_bad_disk_touches_no_reading_and_no_alarm(
    kind: Kind, rig: Rig, lossy: Station, aktau: Station, measure: Sheet, seed: int
) -> None:
    """Readings and alarms go on while the disk is full, fails or is slow."""
    assert lossy.disk is not None
    alarms.rest(lossy, "io")
    params = {"bytes": float(lossy.disk.used)} if kind is Kind.DISK_FULL else CASES[kind]
    before, begin, missing = _transactions(lossy), time.monotonic(), 0
    with rig.inject(Fault(kind, lossy.name, params, seed)):
        rig.contact(lossy.name, "mains", False)
        raised_s = alarms.wait_up(lossy, KEY, 10.0)
        while time.monotonic() - begin < LASTS_S:
            missing += lossy.page().value("stationd_pfe_output_current_amperes", device=lossy.section.feed) is None
            time.sleep(0.1)
        exchanges = (_transactions(lossy) - before) / (time.monotonic() - begin)
    measure("alarm_after", raised_s, "s", lo=0.0, hi=6.0, marginal_hi=3.0)
    measure("readings_missing", missing, "", hi=0)
    measure("exchanges_meanwhile", exchanges, "1/s", lo=3.0)
    measure("daemon_runs", float(lossy.running), "", lo=1.0)


def _transactions(station: Station) -> float:
    return sum(station.page().values(POLLED).values())
