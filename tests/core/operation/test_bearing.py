"""Which new critical alarms stop which operations: none stops the way down, and no dark fibre stops a feed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.alarm.catalogue import CATALOGUE
from stationd.core.alarm.machine import Event as AlarmEvent
from stationd.core.alarm.plan import LINE, STATION
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.operation.bearing import EVERYWHERE, bears, explains
from stationd.core.operation.case import Case, lowers
from stationd.core.operation.orders import Approve, Hold, Way
from stationd.core.operation.task import (
    Bypass,
    Electrode,
    Energise,
    Pump,
    RampTo,
    RemoveHold,
    SetMode,
    SetPolarity,
    SwitchOff,
    Task,
)
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause
from tests.core.operation.rig import ALIYEVA, AMP, BEKOV, DOOR, PFE, SMITH, Rig, critical
from tests.core.operation.station import AMPLIFIER, NOW, PLAN, evidence, feeding

TAPPED = replace(PLAN, amplifiers={**PLAN.amplifiers, "amp1": replace(AMPLIFIER, taps=("fp1-in", "fp1-out"))})
SEEN = evidence(feeding())
LOWERING: tuple[tuple[str, Task, Way | None], ...] = (
    ("pfe-a", SwitchOff(20.0), None), ("pfe-a", RampTo(400.0, 10.0), None), ("pfe-a", Energise(1000.0, 10.0), Way.BACK),
    ("pfe-a", RampTo(1100.0, 10.0), Way.BACK), ("pfe-a", Electrode(False), None), ("pfe-a", Electrode(True), Way.BACK),
    ("amp1", Pump(False), None), ("amp1", Pump(True), Way.BACK), ("amp1", SetMode("off"), None), ("amp1", SetMode("apc"), Way.BACK),
)  # fmt: skip
RAISING: tuple[tuple[str, Task, Way | None], ...] = (
    ("pfe-a", Energise(1000.0, 10.0), None), ("pfe-a", Energise(1000.0, 10.0), Way.RESUME), ("pfe-a", RampTo(1100.0, 10.0), None),
    ("pfe-a", SetPolarity(True), None), ("pfe-a", Electrode(True), None),
)  # fmt: skip
LIGHTING: tuple[tuple[str, Task, Way | None], ...] = (("amp1", Pump(True), None), ("amp1", SetMode("acc"), Way.RESUME))
TYPES = sorted(each for each, kind in CATALOGUE.items() if kind.severity is Severity.CRITICAL)
RESOURCES = (STATION, LINE, "pfe-a", "pfe-b", "io1", "io9", "amp1", "raman1", "fp1-in", "fp2-in")
ALARMS = st.builds(AlarmKey, st.sampled_from(RESOURCES), st.sampled_from(TYPES))


def case(what: tuple[str, Task, Way | None]) -> Case:
    name, task, way = what
    return Case(TAPPED, SEEN, name, task, NOW, way=way)


@given(what=st.sampled_from(LOWERING), key=ALARMS)
def test_no_alarm_keeps_anything_from_being_brought_down(what, key) -> None:
    assert lowers(case(what))
    assert not bears(case(what), key)


@given(what=st.sampled_from(RAISING), key=ALARMS)
def test_what_raises_on_a_feed_is_stopped_by_the_feed_its_contacts_the_line_and_the_station_and_by_no_fibre(what, key) -> None:
    assert not lowers(case(what))
    assert bears(case(what), key) is (key.resource in {"pfe-a", "io1", LINE, STATION} or key.type in EVERYWHERE)


@given(what=st.sampled_from(LIGHTING), key=ALARMS)
def test_what_raises_light_is_stopped_by_its_unit_its_taps_and_the_station_and_by_no_feed(what, key) -> None:
    assert not lowers(case(what))
    assert bears(case(what), key) is (key.resource in {"amp1", "fp1-in", STATION} or key.type in EVERYWHERE)


def test_pumps_of_the_watt_class_are_stopped_by_the_contacts_of_their_own_interlock() -> None:
    assert bears(case(("raman1", Pump(True), None)), AlarmKey("io1", "DOOR-OPEN"))


@given(key=ALARMS)
def test_a_bypass_is_stopped_by_what_stops_the_units_that_it_lets_run_and_a_hold_that_goes_by_the_line(key) -> None:
    bypass = bears(case(("io1.di1", Bypass(PLAN.feeds["pfe-a"].interlocks[0], 60.0), None)), key)
    assert bypass is (key.resource in {"pfe-a", "pfe-b", "io1", LINE, STATION} or key.type in EVERYWHERE)
    assert bears(case(("H-1", RemoveHold("H-1"), None)), key) is (key.resource in {LINE, STATION} or key.type in EVERYWHERE)


def test_a_ramp_down_is_one_until_its_current_has_come_down_and_a_ramp_up_never() -> None:
    def ramps(set_to: float, measured: float, to_ma: float) -> bool:
        seen = evidence(feeding(current_setpoint=set_to, output_current=measured))
        return lowers(Case(PLAN, seen, "pfe-a", RampTo(to_ma, 10.0), NOW))

    assert ramps(500.0, 510.0, 400.0)
    assert ramps(400.0, 410.0, 400.0)
    assert not ramps(400.0, 400.0, 400.0)
    assert not ramps(390.0, 410.0, 400.0)
    assert not ramps(300.0, 290.0, 400.0)


def test_a_ramp_whose_set_point_is_not_known_counts_as_one_that_raises() -> None:
    seen = evidence({point: value for point, value in feeding().items() if point != PLAN.feeds["pfe-a"].points.setpoint_ma})
    assert not lowers(Case(PLAN, seen, "pfe-a", RampTo(400.0, 10.0), NOW))


def test_what_a_feed_brings_about_by_itself_is_explained_and_a_broken_cable_is_not() -> None:
    for name in ("LINE-DOWN", "LINE-UNDER-CURRENT-LIMIT", "FEED-OFF", "LIGHT-LOST"):
        assert explains(Energise(1000.0, 10.0), critical(f"line/{name}", NOW))
    assert not explains(Energise(1000.0, 10.0), critical("line/LINE-BREAK", NOW))
    assert explains(Pump(True), critical("fp1/LIGHT-LOST", NOW))
    assert not explains(Pump(True), critical("pfe-a/FEED-OFF", NOW))


# At the desk.


BEARING = ["line/LINE-BREAK", "io1/KEY-REMOVED", "pfe-a/LINE-OVER-CURRENT-LIMIT", "station/FIRE", "io7/EMERGENCY-STOP"]


@pytest.mark.parametrize("key", BEARING)
def test_a_new_critical_alarm_that_bears_on_it_takes_back_what_is_armed_and_holds_what_runs(key: str) -> None:
    rig = Rig()
    name = rig.armed()
    rig.take(critical(key, rig.t))
    assert (rig.phase(name), rig.view(name).cause) == (Phase.CLOSED, Cause.PROCESS)
    assert key in rig.view(name).detail
    rig = Rig()
    name = rig.running(beats=8)
    rig.take(critical(key, rig.t))
    assert (rig.phase(name), rig.view(name).cause) == (Phase.HELD, Cause.PROCESS)


@pytest.mark.parametrize("key", ["fp1/LIGHT-LOST", "booster/AMP-INTERLOCK", "fp3-tap/LOSS-OF-LIGHT"])
def test_dark_fibres_and_amplifiers_stop_no_feed_whether_armed_or_running(key: str) -> None:
    rig = Rig()
    name = rig.armed()
    rig.take(critical(key, rig.t))
    assert rig.phase(name) is Phase.ARMED
    rig.alive.add(BEKOV.session)
    rig.execute(name)
    rig.beat(4)
    rig.take(critical(key, rig.t))
    assert rig.phase(name) is Phase.RUNNING


def fed() -> Rig:
    """Return a station whose feed carries its current."""
    rig = Rig()
    rig.running(beats=80)
    rig.beat(2)
    return rig


@pytest.mark.parametrize("task", [SwitchOff(20.0), RampTo(100.0, 20.0)])
@pytest.mark.parametrize("key", ["line/LINE-BREAK", "station/FIRE", "pfe-a/ARC", "io1/DOOR-OPEN"])
def test_a_line_is_brought_down_through_every_new_alarm(task: Task, key: str) -> None:
    rig = fed()
    assert isinstance(rig.arm(task), Accepted)
    rig.take(critical(key, rig.t))
    rig.obey(Approve(ALIYEVA, "OP-2"))
    rig.take(critical(key, rig.t, AlarmEvent.ESCALATE))
    assert rig.execute("OP-2") == Accepted(("OP-2",))
    rig.beat(4)
    rig.take(critical(key, rig.t))
    assert rig.phase("OP-2") is Phase.RUNNING


def test_an_alarm_on_the_way_back_stops_nothing_and_lets_nobody_go_up_again_alone() -> None:
    rig = Rig()
    name = rig.held()
    rig.prepare(name, Way.BACK)
    rig.alive.add(BEKOV.session)
    rig.execute(name, "M2RT")
    rig.beat()
    rig.take(critical("line/LINE-BREAK", rig.t))
    assert rig.phase(name) is Phase.RUNNING
    rig.obey(Hold(SMITH, name))
    rig.beat()
    assert isinstance(rig.prepare(name, Way.RESUME), Accepted)
    assert rig.view(name).wants_approval


def test_only_what_moves_a_feed_explains_alarms_of_the_line() -> None:
    rig = Rig()
    name = rig.armed(Pump(False), AMP)
    rig.alive.add(BEKOV.session)
    rig.execute(name)
    assert rig.phase(name) is Phase.RUNNING
    assert rig.alarm("OPERATION") is False
    rig = Rig()
    rig.plant[DOOR] = False
    rig.beat(2)
    rig.armed(Bypass(DOOR, 60.0), PFE)  # named after the feed by whoever asked for it
    rig.execute("OP-1")
    assert rig.alarm("BYPASS") is True
    assert [each.active for each in rig.effects if getattr(each, "key", None) == AlarmKey(STATION, "OPERATION")] == [False]
    assert rig.view("OP-1").object == str(DOOR)
