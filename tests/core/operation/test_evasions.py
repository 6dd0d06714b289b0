"""Ways round the rules that were once open: each is shut."""

from __future__ import annotations

from dataclasses import replace

from stationd.core.amplifier.words import AmplifierPlan, SetValue
from stationd.core.operation.desk import Operations
from stationd.core.operation.orders import AddHold, Apply, Approve, Execute, Hold, Stage, Way
from stationd.core.operation.views import Phase
from tests.core.operation.rig import ALIYEVA, BEKOV, CODE, FEED, KEY, NEXT_CODE, OMAROV, PFE, PLAN, POINTS, SMITH, Rig, p

RAMAN = "raman"


def test_who_only_brought_a_held_operation_down_is_not_approved_to_raise_it() -> None:
    rig = Rig()
    name = rig.held(8)
    other = replace(OMAROV, local=True)
    rig.authority(other)
    rig.beat()
    rig.prepare(name, Way.BACK, other)
    rig.alive = {other.session}
    rig.obey(Execute(other, name, NEXT_CODE))
    rig.beat(2)
    rig.obey(Hold(other, name))
    rig.beat()
    rig.prepare(name, Way.RESUME, other)
    assert rig.view(name).wants_approval


def test_a_hold_of_this_run_and_one_that_is_remembered_late_under_its_name_both_stand() -> None:
    old = Rig()
    old.obey(AddHold(BEKOV, PFE, "ship on cable, PSM-0093"))
    new = Rig()
    new.obey(AddHold(SMITH, "line", "diver at the landing point"))
    new.follow(new.desk.restore(old.desk.saved(old.t), new.t, 5.0))
    assert {hold.reason for hold in new.desk.holds()} == {"ship on cable, PSM-0093", "diver at the landing point"}
    assert len({hold.name for hold in new.desk.holds()}) == 2


def test_a_memory_that_has_lost_its_holds_holds_the_station() -> None:
    rig = Rig()
    rig.running()
    kept = {name: value for name, value in rig.desk.saved(rig.t).items() if name != "holds"}
    new = Operations(rig.plan, rig.t)
    new.restore(kept, rig.t, 1.0)
    assert [hold.object for hold in new.holds()] == ["station"]


def test_the_key_switch_at_local_stops_who_works_from_afar_whatever_he_was_when_he_got_the_authority() -> None:
    rig = Rig(plan=replace(PLAN, key_switch=KEY))
    rig.plant[KEY] = True
    rig.beat(2)
    rig.authority(BEKOV)
    rig.plant[KEY] = False
    rig.beat(3)
    far = replace(BEKOV, local=False, session="1001:500")
    name = rig.arm(who=far).names[0]  # type: ignore[union-attr]
    rig.obey(Approve(ALIYEVA, name))
    rig.alive = {far.session}
    rig.obey(Execute(far, name, CODE))
    rig.beat(4)
    assert rig.phase(name) is Phase.RUNNING
    rig.plant[KEY] = True
    rig.beat(4)
    assert rig.phase(name) is Phase.HELD


def test_a_setting_that_acts_by_itself_holds_a_ramp_that_runs() -> None:
    auto = p("auto_restart")
    plan = replace(PLAN, feeds={PFE: replace(FEED, points=replace(POINTS, self_acting=(auto,)))})
    rig = Rig(plan=plan)
    rig.plant[auto] = False
    rig.beat(3)
    name = rig.running(beats=4)
    rig.plant[auto] = True
    rig.beat(4)
    assert rig.phase(name) is Phase.HELD


def test_a_disk_that_fails_holds_a_ramp_that_runs() -> None:
    rig = Rig()
    name = rig.running(beats=4)
    rig.write_disk(False)
    rig.beat(4)
    assert rig.phase(name) is Phase.HELD


def test_light_of_the_watt_class_is_not_turned_up_with_its_permissive_open_or_light_coming_back() -> None:
    for closed, loss_db, sent in ((False, 40.0, 0), (True, 12.0, 0), (True, 40.0, 1)):
        value = SetValue(p("pump1", RAMAN), "mA", 0.0, 1000.0, 50.0)
        unit = AmplifierPlan(
            RAMAN, 2, pump_on=p("pump_on", RAMAN), pump_writable=True, fault=p("fault", RAMAN), return_loss_db=p("loss", RAMAN),
            interlocks=(p("di6", "io1"),), raman=True, set_values={"pump1-current": value},
        )  # fmt: skip
        rig = Rig(plan=replace(PLAN, amplifiers={RAMAN: unit}, devices=frozenset({RAMAN, "io1", PFE})))
        shown = {p("pump_on", RAMAN): True, p("fault", RAMAN): False, p("loss", RAMAN): loss_db, p("di6", "io1"): closed}
        rig.plant |= {**shown, p("pump1", RAMAN): 500.0}
        rig.beat(4)
        rig.authority(BEKOV)
        rig.obey(Stage(BEKOV, p("pump1", RAMAN), 550.0))
        rig.obey(Apply(BEKOV, "more light please"))
        rig.beat(4)
        assert len(rig.sent) == sent, (closed, loss_db)
