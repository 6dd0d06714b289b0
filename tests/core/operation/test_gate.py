"""What is believed of what comes in: only what can be true, and never more than was said."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.line.far import FarLine
from stationd.core.line.words import Feed
from stationd.core.model import GOOD, Level, LinkChanged, Quality, Reading, Reason, Value
from stationd.core.operation.gate import Gate, gate_points
from stationd.core.operation.look import Look
from stationd.core.operation.task import Energise
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Cause
from tests.core.operation.rig import DOOR, FAR_PLAN, PFE, POINTS, Rig, far_line, p
from tests.core.operation.station import PLAN, at

STALE = Quality(Level.STALE, Reason.TIMEOUT)
CURRENT = at("pfe-a", "output_current")


def gate() -> Gate:
    return Gate(PLAN)


@pytest.mark.parametrize("value", [nan, inf, -inf, 1e300, 10**400, -(10**400)])
def test_a_number_that_is_none_is_no_value(value: Value) -> None:
    found = gate()
    found.read(Reading(CURRENT, value, GOOD, 10.0), 10.0)
    assert found.seen.number(CURRENT, 10.0) is None
    assert found.seen.readings[CURRENT][-1].quality.level is Level.BAD


@pytest.mark.parametrize("t", [nan, inf])
def test_a_value_of_a_time_that_is_none_is_no_value_and_the_next_good_one_is(t: float) -> None:
    found = gate()
    found.read(Reading(CURRENT, 5.0, GOOD, t), 10.0)
    assert found.seen.last(CURRENT, 10.0) is None
    found.read(Reading(CURRENT, 6.0, GOOD, 10.5), 10.5)
    assert found.seen.number(CURRENT, 10.5) == 6.0


def test_nothing_is_newer_than_now_so_that_nothing_stays_fresh_for_ever() -> None:
    found = gate()
    found.read(Reading(CURRENT, 5.0, GOOD, 1e6), 10.0)
    assert found.seen.number(CURRENT, 11.9) == 5.0
    assert found.seen.number(CURRENT, 12.0) is None


def test_an_earlier_good_reading_that_comes_late_says_nothing_and_what_became_stale_is_said_at_once() -> None:
    found = gate()
    for t, value in ((10.0, 5.0), (10.5, 6.0), (10.2, 7.0)):
        found.read(Reading(CURRENT, value, GOOD, t), 11.0)
    assert [each.value for each in found.seen.readings[CURRENT]] == [5.0, 6.0]
    found.read(Reading(CURRENT, 6.0, STALE, 10.5), 11.0)
    assert found.seen.number(CURRENT, 11.0) is None


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0, 3)), max_size=8))
def test_a_flag_is_only_what_the_last_two_good_readings_of_different_times_agree_on(said) -> None:
    found, point = gate(), at("pfe-a", "output_on")
    for value, t in said:
        found.read(Reading(point, value, GOOD if value is not None else STALE, t), 3.0)
    both = found.seen.readings.get(point, ())
    assert len(both) <= 2
    if found.seen.truth(point, 3.0) is not None:
        assert both[0].t < both[1].t
        assert both[0].value == both[1].value == found.seen.truth(point, 3.0)


def test_a_reading_that_says_what_two_have_said_is_no_news_but_for_its_time() -> None:
    found = gate()
    values = enumerate((5.0, 5.0, 5.0, 6.0, 6.0, 6.0), start=1)
    said = []
    for each in (Reading(CURRENT, value, GOOD, float(t)) for t, value in values):
        said.append(found.repeats(each))
        found.read(each, each.t)
    assert said == [False, False, True, False, False, True]
    assert not found.repeats(Reading(CURRENT, 6.0, STALE, 7.0))


def test_of_what_came_over_a_port_that_is_down_nothing_is_known_but_since_when_there_is_no_answer() -> None:
    found, remote = gate(), at("pfe-a", "remote")
    for t in (0.5, 1.0):
        for point, value in ((CURRENT, 5.0), (remote, True), (at("io1", "di1"), True)):
            found.read(Reading(point, value, GOOD, t), t)
    found.lose(LinkChanged("a", False, ("pfe-a",), 1.2))
    assert found.seen.number(CURRENT, 1.2) is None
    assert found.seen.truth(remote, 1.2) is None
    assert found.seen.truth(at("io1", "di1"), 1.2) is True
    assert Look(found.seen, 13.0).missing(remote) == "pfe-a.remote: no answer for 12.0 s, link-down"
    found.read(Reading(remote, True, GOOD, 14.0), 14.0)
    assert found.seen.truth(remote, 14.0) is None, "what was known before the port was lost confirms nothing"


@pytest.mark.parametrize("t", [nan, inf])
def test_a_message_of_the_far_station_without_a_time_is_none(t: float) -> None:
    found = gate()
    found.far(FarLine(t, 10.0, 0.1, "boot", 1))
    assert found.seen.far is None
    assert found.seen.far_why


def test_what_the_far_station_says_in_no_number_is_not_known() -> None:
    found = gate()
    found.far(FarLine(10.0, 10.0, 0.1, "boot", 1, Feed(nan, inf, nan, True)))
    far = found.seen.far
    assert far is not None
    assert (far.current_ma, far.voltage_v, far.feed_t) == (None, None, None)


def test_whether_the_other_feeds_of_a_line_are_on_is_read_as_fast_as_what_else_gates_its_energising() -> None:
    assert at("pfe-b", "output_on") in gate_points(PLAN, "pfe-a")
    assert at("pfe-b", "output_current") not in gate_points(PLAN, "pfe-a")
    apart = replace(PLAN, line="")
    assert at("pfe-b", "output_on") not in gate_points(apart, "pfe-a")


@pytest.mark.parametrize("closed", [True, False])
def test_what_opens_an_interlock_lets_no_write_out_any_more_not_even_that_of_the_same_moment(closed: bool) -> None:
    rig = Rig()
    name = rig.running(Energise(500.0, 5.0), beats=8)
    rig.settle()
    rig.t += 0.05
    rig.read()
    rig.t += 0.3  # the next step of the ramp is due at whatever comes
    sent = len(rig.sent)
    rig.take(Reading(DOOR, closed, GOOD, rig.t))
    assert (rig.phase(name) is Phase.RUNNING) is closed
    assert (len(rig.sent) > sent) is closed


@pytest.mark.parametrize("held", [(), ("H-3 line by far",)])
def test_a_hold_of_the_far_station_lets_no_write_out_any_more_not_even_that_of_the_same_moment(held: tuple[str, ...]) -> None:
    rig = Rig(FAR_PLAN)
    rig.far = far_line(rig.t)
    rig.beat()
    name = rig.running(Energise(500.0, 5.0), beats=8)
    rig.settle()
    rig.t += 0.05
    rig.read()
    rig.t += 0.3
    sent = len(rig.sent)
    rig.take(replace(rig.far, t=rig.t, received=rig.t, sequence=99, holds=held))
    assert (rig.phase(name) is Phase.RUNNING) is (not held)
    assert (len(rig.sent) > sent) is (not held)


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.ARMED])
def test_a_trip_is_told_as_what_it_is_from_its_first_reading_on(phase: Phase) -> None:
    rig = Rig()
    rig.authority()
    rig.arm() if phase is Phase.WAITING else rig.armed()
    rig.t += 0.3
    rig.take(Reading(POINTS.on, True, GOOD, rig.t))
    view = rig.view("OP-1")
    assert (view.phase, view.cause) == (Phase.CLOSED, Cause.REACHED)
    assert view.detail == f"output of {PFE} ON since 0.0 s, to be confirmed by a second reading ({p('output_on')})"


def test_a_flag_that_has_just_come_to_read_well_still_stands_in_the_way() -> None:
    rig = Rig()
    rig.plant[DOOR] = False
    rig.beat(2)
    rig.authority()
    rig.t += 0.3
    rig.take(Reading(DOOR, True, GOOD, rig.t))
    rig.t += 0.2
    outcome = rig.arm()
    (why,) = (each.why for each in getattr(outcome, "reasons", ()))
    assert why == f"interlock {DOOR} closed since 0.2 s, to be confirmed by a second reading ({DOOR})"
