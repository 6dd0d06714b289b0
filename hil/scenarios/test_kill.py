"""kill -9, a power cut, a process that hangs: the line stays as it is, and what the station knew it still knows.

The power cut of this file takes the process alone; what is lost with pages that were not synced is in test_disk.
"""

from __future__ import annotations

import time

import pytest

from hil import alarms
from hil.acting import Crew, Curve
from hil.faults import Fault, Kind
from hil.record import Dimension, Plot, Trace
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

TO_MA, RATE_MA_PER_S, KILL_AT_MA = 500.0, 100.0, 200.0
LEAD_MA, METER_MA = 100.0, 3.0  # a set point goes at most a second of its rate ahead of the measured current
TRANSIT_S = 0.3  # what was on the wire when the daemon died arrives within this
READY_MOST_S, READY_MARGINAL_S = 15.0, 8.0  # of a machine that does much else; the daemon itself needs less than 3 s
KEY = "io/MAINS-FAIL/di6"


@pytest.mark.rig(needs=["persons", "feed", "repair", "written", "meter:a.current_ma", "fault:process"], acts=True)
@pytest.mark.timeout(180)
def test_a_daemon_killed_in_mid_ramp_leaves_the_current_where_it_is(rig: Rig, aktau: Station, measure: Sheet, seed: int) -> None:
    """Kill -9 at 200 mA of a ramp; the next one holds, sends nothing, and says so."""
    end, feed = aktau.section.end, aktau.section.feed
    for name in rig.stations:
        rig.feed(name, 0.0)
    aktau.until(lambda page: (page.value("stationd_pfe_output_current_amperes", device=feed) or 0.0) < 0.005, 20.0, "the feed is not off")
    crew, curve = Crew.of(aktau), Curve()
    name, code = crew.arm(feed, {"verb": "energise", "toMilliamperes": TO_MA, "rateMilliamperesPerSecond": RATE_MA_PER_S})
    crew.first.order("Execute", operation=name, code=code)
    with crew.first.present(name):
        killed_ma = curve.until(rig, end, lambda now: now > KILL_AT_MA)
        killed_s = curve.current[-1][0]
        with rig.inject(Fault(Kind.PROCESS_KILL, aktau.name, {}, seed)):
            curve.watch(rig, end, TRANSIT_S)
            before = len(rig.written())
            curve.watch(rig, end, 1.0)
    ready_s = aktau.wait_ready()
    curve.watch(rig, end, 2.0)
    after = len(rig.written()) - before
    phase = crew.phase(name)
    stands_ma = curve.current[-1][1]
    crew.first.order("Disarm", operation=name)
    plot = Plot(
        "Killed in mid ramp", Dimension("time", "s"), Dimension("current", "mA"),
        [Trace("measured", curve.current), Trace("killed", [(killed_s, 0.0), (killed_s, killed_ma + LEAD_MA)])],
        [Trace("lead", [(killed_s, killed_ma + LEAD_MA), (curve.current[-1][0], killed_ma + LEAD_MA)])],
    )  # fmt: skip
    measure("moves_after_kill", stands_ma - killed_ma, "mA", lo=-METER_MA, hi=LEAD_MA + METER_MA, plot=plot)
    measure("commands_after_kill", after, "", hi=0)
    measure("operation_holds", float(phase == "held"), "", lo=1.0)
    measure("ready_after_kill", ready_s, "s", lo=0.0, hi=READY_MOST_S, marginal_hi=READY_MARGINAL_S)


@pytest.mark.rig(needs=["persons", "contact", "repair", "fault:power"])
@pytest.mark.parametrize("kind", [Kind.PROCESS_KILL, Kind.POWER_CUT], ids=lambda kind: kind.value)
def test_alarms_have_the_same_letters_after_it(kind: Kind, rig: Rig, aktau: Station, measure: Sheet, seed: int) -> None:
    """An acknowledged alarm stays acknowledged, a new one stays new; nothing is sent to any unit."""
    alarms.rest(aktau, "io")
    rig.contact(aktau.name, "mains", False)
    alarms.wait_up(aktau, KEY, 20.0)
    alarms.acknowledge_all(aktau)
    rig.contact(aktau.name, "converter", False)
    alarms.wait_up(aktau, "io/CONVERTER-FAIL/di7", 20.0)
    before = {key: letter for key, letter in alarms.letters(aktau).items() if key.startswith("io/")}
    sent = len(rig.written()) if not rig.features["written"] else 0
    with rig.inject(Fault(kind, aktau.name, {}, seed)):
        pass
    ready_s = aktau.wait_ready()
    after = {key: letter for key, letter in alarms.letters(aktau).items() if key.startswith("io/")}
    measure("letters_changed", len({key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}), "", hi=0)
    measure("alarms_kept", len(before), "", lo=2)
    if rig.features["written"]:
        measure.leave_out("commands_after_start", rig.features["written"])
    else:
        measure("commands_after_start", len(rig.written()) - sent, "", hi=0)
    measure("ready_after", ready_s, "s", lo=0.0, hi=READY_MOST_S, marginal_hi=READY_MARGINAL_S)


@pytest.mark.rig(needs=["fault:process", "repair", "persons", "two-stations"])
@pytest.mark.parametrize("kind", [Kind.PROCESS_STOP, Kind.PROCESS_HANG], ids=lambda kind: kind.value)
def test_a_station_that_hangs_is_missed_by_the_other_and_goes_on(kind: Kind, rig: Rig, aktau: Station, measure: Sheet, seed: int) -> None:
    """All of it stopped, or its loop alone: the far station says that it hears nothing, and everything is read again afterwards."""
    other = next(each for each in rig.stations.values() if each is not aktau)
    with rig.inject(Fault(kind, aktau.name, {}, seed)):
        missed_s = alarms.wait_up(other, "station/FAR-STATION-LOST", 30.0)
    begin = time.monotonic()
    aktau.wait_ready()
    measure("far_end_missed_after", missed_s, "s", lo=0.0, hi=20.0)
    measure("read_again_after", time.monotonic() - begin, "s", lo=0.0, hi=12.0)
    measure("far_end_heard_again", alarms.wait_gone(other, frozenset({"station/FAR-STATION-LOST"}), 40.0), "s", lo=0.0, hi=40.0)
