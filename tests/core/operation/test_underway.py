"""No answer to a write is taken for that to another one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import IntentKept, PointId, Reason, Value, Write, WriteDone
from stationd.core.operation.task import Pump
from stationd.core.operation.underway import WRITE_LOST_S, Underway
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause
from tests.core.operation.rig import AMP, BEKOV, CODE, Rig, causes, p

POINT, OTHER = PointId("pfe-a", "current_setpoint"), PointId("pfe-b", "current_setpoint")


def done(asked: Value, target: PointId = POINT) -> WriteDone:
    return WriteDone(target, asked, asked, Reason.NONE, "", 0.0)


def test_an_answer_goes_to_whose_write_it_was_and_once() -> None:
    underway = Underway()
    underway.begin("OP-1", Write(POINT, 10.0, ""), 0.0)
    assert underway.answered(done(10.0, OTHER)) == ""
    assert underway.answered(done(11.0)) == ""
    assert underway.waits(POINT)
    assert underway.answered(done(10.0)) == "OP-1"
    assert not underway.waits(POINT)
    assert underway.answered(done(10.0)) == ""


def test_an_answer_to_an_earlier_write_is_news_to_nobody_once_another_is_out_even_of_the_same_value() -> None:
    underway = Underway()
    underway.begin("OP-1", Write(POINT, 10.0, ""), 0.0)
    underway.begin("OP-2", Write(POINT, 10.0, ""), 40.0)
    assert underway.answered(done(10.0)) == ""
    assert underway.unanswered("pfe-a", 41.0) == (POINT, 40.0)
    assert underway.answered(done(10.0)) == "OP-2"


@given(st.lists(st.tuples(st.sampled_from(["OP-1", "OP-2"]), st.sampled_from([1.0, 2.0]), st.booleans()), max_size=12))
def test_whatever_is_answered_late_or_never_news_is_only_ever_of_the_newest_write(steps) -> None:
    underway, newest = Underway(), ("", 0.0)
    for operation, value, answers in steps:
        if answers:
            assert underway.answered(done(value)) in ("", newest[0] if newest[1] == value else "")
        else:
            underway.begin(operation, Write(POINT, value, ""), 0.0)
            newest = (operation, value)


def test_a_write_that_is_not_answered_is_waited_for_half_a_minute() -> None:
    underway = Underway()
    underway.begin("OP-1", Write(POINT, 10.0, ""), 5.0)
    assert underway.unanswered("pfe-a", 5.0 + WRITE_LOST_S - 0.1) == (POINT, 5.0)
    assert underway.unanswered("pfe-b", 6.0) is None
    assert underway.unanswered("pfe-a", 5.0 + WRITE_LOST_S) is None


def test_the_late_answer_to_an_operation_that_is_over_moves_no_later_one() -> None:
    rig = Rig()
    rig.silent_to = p("pump_on", AMP)
    name = rig.armed(Pump(False), AMP)
    rig.alive.add(BEKOV.session)
    rig.execute(name)
    rig.wait(70)
    assert rig.phase(name) is Phase.CLOSED
    assert rig.arm(Pump(False), AMP) == Accepted(("OP-2",))
    assert rig.execute("OP-2") == Accepted(("OP-2",))
    before = rig.view("OP-2").progress.phase
    rig.take(WriteDone(p("pump_on", AMP), False, None, Reason.REFUSED, "of a minute ago", rig.t))
    assert (rig.phase("OP-2"), rig.view("OP-2").progress.phase) == (Phase.RUNNING, before)


def test_while_a_write_is_not_answered_nothing_else_is_armed_on_its_unit() -> None:
    rig = Rig()
    rig.silent_to = p("pump_on", AMP)
    name = rig.armed(Pump(False), AMP)
    rig.alive.add(BEKOV.session)
    rig.execute(name)
    rig.leave(BEKOV)
    rig.disarm(name)
    assert rig.phase(name) is Phase.CLOSED
    assert Cause.PROCESS in causes(rig.arm(Pump(False), AMP))


def test_the_answer_of_the_disk_to_an_earlier_step_begins_no_later_one() -> None:
    rig = Rig(disk=None)
    name = rig.armed()
    rig.alive.add(BEKOV.session)
    rig.execute(name, CODE)
    first = rig.notes("intent")[0].intent
    rig.wait(4)
    assert rig.phase(name) is Phase.CLOSED
    rig.armed()
    rig.execute("OP-2", CODE)
    rig.take(IntentKept(first, True, rig.t))
    assert rig.phase("OP-2") is Phase.STARTING
    assert rig.sent == []
