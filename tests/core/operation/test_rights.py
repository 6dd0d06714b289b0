"""What a person may is looked at anew at every step, whatever it was at login."""

from __future__ import annotations

from dataclasses import replace

from stationd.core.operation.orders import Approve, Hold
from stationd.core.operation.words import Accepted, Cause, Refused
from tests.core.operation.rig import ALIYEVA, BEKOV, ENERGISE, NO_POWER, SMITH, Rig


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
