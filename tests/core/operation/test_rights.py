"""What a person may is looked at anew at every step, whatever it was at login."""

from __future__ import annotations

from dataclasses import replace

from stationd.core.operation.orders import Approve, AuthorityVerb, Hold, SetAuthority
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause, Refused
from tests.core.operation.rig import ALIYEVA, BEKOV, ENERGISE, NO_POWER, SMITH, Rig, causes


def test_a_right_that_was_taken_away_since_login_is_refused_at_every_step_with_why() -> None:
    why = "a.bekov was in stationd-power at login, and is in stationd-operate only now"
    rig = Rig()
    rig.authority()
    fewer = {each.uid: replace(each, classes=NO_POWER, doubt=why) for each in (BEKOV, ALIYEVA)}
    found = [rig.arm(ENERGISE, who=fewer[BEKOV.uid])]
    assert isinstance(rig.arm(), Accepted)
    found.append(rig.obey(Approve(fewer[ALIYEVA.uid], "OP-1")))
    assert isinstance(rig.obey(Approve(ALIYEVA, "OP-1")), Accepted)
    found.append(rig.execute("OP-1", who=fewer[BEKOV.uid]))
    rig.alive.add(BEKOV.session)
    assert isinstance(rig.execute("OP-1"), Accepted)
    rig.beat(6)
    rig.obey(Hold(SMITH))
    rig.beat()
    found.append(rig.prepare("OP-1", who=fewer[BEKOV.uid]))
    for refused in found:
        assert isinstance(refused, Refused)
        assert [each.cause for each in refused.reasons] == [Cause.NO_AUTHORITY]
        assert why in refused.reasons[0].why
    assert isinstance(rig.prepare("OP-1"), Accepted)
    assert len(rig.notes("refused")) == len(found), "each stands in the audit"


def test_the_authority_is_lost_at_once_with_the_session_in_which_it_was_gained() -> None:
    rig = Rig()
    rig.authority()
    rig.leave(SMITH)
    rig.leave(replace(BEKOV, session="1001:78"))
    assert rig.desk.authority().holder == BEKOV.name
    rig.leave(BEKOV)
    view = rig.desk.authority()
    assert (view.uid, view.holder, view.released) == (None, "", False)
    assert rig.notes("authority")[-1].document["verb"] == "session-ended"
    assert causes(rig.arm()) == {Cause.SWITCHING_HIERARCHY}


def test_what_runs_in_another_session_of_the_holder_holds_then() -> None:
    rig = Rig()
    rig.authority(replace(BEKOV, session="1001:78"))
    assert isinstance(rig.arm(), Accepted)
    rig.obey(Approve(ALIYEVA, "OP-1"))
    rig.alive.add(BEKOV.session)
    rig.execute("OP-1")
    rig.beat(4)
    assert rig.phase("OP-1") is Phase.RUNNING
    rig.leave(replace(BEKOV, session="1001:78"))
    assert (rig.phase("OP-1"), rig.view("OP-1").cause) == (Phase.HELD, Cause.SWITCHING_HIERARCHY)


def test_who_has_asked_and_is_gone_is_granted_nothing() -> None:
    rig = Rig()
    rig.authority()
    assert isinstance(rig.obey(SetAuthority(ALIYEVA, AuthorityVerb.REQUEST)), Accepted)
    rig.leave(ALIYEVA)
    assert rig.desk.authority().requested_by == ""
    assert causes(rig.obey(SetAuthority(BEKOV, AuthorityVerb.GRANT, ALIYEVA.name))) == {Cause.NOT_SELECTED}
    assert rig.desk.authority().holder == BEKOV.name
