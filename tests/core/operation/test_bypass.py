"""Bypasses end by themselves and at a restart, and are told each time."""

from __future__ import annotations

import json

import pytest

from stationd.core.operation.bypass import Bypasses
from stationd.core.operation.orders import EndBypass
from stationd.core.operation.task import Bypass
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause
from tests.core.operation import rig as whole
from tests.core.operation.station import ARMER, DOOR, KEY, NOW


def test_a_bypass_stands_for_its_time_and_not_a_moment_longer() -> None:
    bypasses = Bypasses()
    (begun,) = bypasses.begin(Bypass(DOOR, 600.0), ARMER, "n.aliyeva", NOW)
    assert (begun.kind, begun.subject, begun.who, begun.document["approver"]) == ("bypass-begun", "io1.di1", "a.bekov", "n.aliyeva")
    assert bypasses.standing() == {DOOR: NOW + 600}
    assert bypasses.deadline() == NOW + 600
    assert bypasses.expire(NOW + 599.9) == ()
    (ended,) = bypasses.expire(NOW + 600)
    assert (ended.kind, ended.document["who"], ended.document["why"]) == ("bypass-ended", "a.bekov", "its time is over")
    assert bypasses.standing() == {}
    assert bypasses.deadline() is None


def test_each_interlock_has_its_own_end() -> None:
    bypasses = Bypasses()
    bypasses.begin(Bypass(DOOR, 600.0), ARMER, "n.aliyeva", NOW)
    bypasses.begin(Bypass(KEY, 300.0), ARMER, "n.aliyeva", NOW)
    assert bypasses.deadline() == NOW + 300
    assert [each.subject for each in bypasses.expire(NOW + 400)] == ["io1.di2"]
    assert set(bypasses.standing()) == {DOOR}


def test_a_restart_ends_all_and_tells_of_each() -> None:
    bypasses = Bypasses()
    bypasses.begin(Bypass(DOOR, 600.0), ARMER, "n.aliyeva", NOW)
    again = Bypasses()
    (ended,) = again.restore(json.loads(json.dumps(bypasses.saved())), 5.0)
    assert (ended.kind, ended.subject, ended.document["why"]) == ("bypass-ended", "io1.di1", "the daemon was restarted")
    assert again.standing() == {}


@pytest.mark.parametrize("saved", [{}, None, [], "x", {"interlocks": 7}, {"interlocks": [7, None]}])
def test_a_damaged_memory_brings_no_bypass_back(saved: object) -> None:
    bypasses = Bypasses()
    assert bypasses.restore(saved, NOW) == ()
    assert bypasses.standing() == {}


def bypassed() -> tuple[whole.Rig, str]:
    """Return a station whose door is bypassed and open, and a feed that runs all the same."""
    rig = whole.Rig()
    first = rig.armed(Bypass(whole.DOOR, 600.0), str(whole.DOOR))
    rig.execute(first)
    rig.plant[whole.DOOR] = False
    rig.beat(2)
    assert set(rig.desk.interlocks(rig.t)[0].feeds) == {whole.PFE}
    name = rig.running(beats=4)
    assert rig.phase(name) is Phase.RUNNING
    return rig, name


def test_anybody_who_may_write_a_note_ends_a_bypass_and_what_runs_on_it_holds() -> None:
    rig, name = bypassed()
    assert rig.alarm("BYPASS") is True
    outcome = rig.obey(EndBypass(whole.SMITH, whole.DOOR))
    assert isinstance(outcome, Accepted)
    assert outcome.names == (str(whole.DOOR),)
    assert rig.phase(name) is Phase.HELD
    assert "io1.door OPEN" in rig.view(name).detail
    (ended,) = rig.notes("bypass-ended")
    assert (ended.subject, ended.who) == (str(whole.DOOR), whole.SMITH.name)
    assert rig.alarm("BYPASS") is False


def test_who_may_only_look_ends_no_bypass_and_none_is_ended_that_does_not_stand() -> None:
    rig, name = bypassed()
    assert whole.causes(rig.obey(EndBypass(whole.GUEST, whole.DOOR))) == {Cause.NO_AUTHORITY}
    assert whole.causes(rig.obey(EndBypass(whole.SMITH, whole.KEY))) == {Cause.NOT_SELECTED}
    assert rig.phase(name) is Phase.RUNNING
    assert [each.subject for each in rig.notes("refused")[-2:]] == [str(whole.DOOR), str(whole.KEY)]
