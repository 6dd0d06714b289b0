"""However often somebody asks, what needs two persons needs two; and no code is worth more than two tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.alarm.words import Signal
from stationd.core.model import GOOD, PointId, Reading, Value
from stationd.core.operation import lifecycle
from stationd.core.operation.book import Book
from stationd.core.operation.course import executor_for, second_person_wanted
from stationd.core.operation.dossier import Dossier
from stationd.core.operation.gate import STORAGE_FAILED
from stationd.core.operation.machine import State
from stationd.core.operation.orders import Approve, Arm, AuthorityVerb, Execute, Person, Prepare, Reject, SetAuthority, Way
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, Cause
from tests.core.operation.rig import (
    ALIYEVA,
    BEKOV,
    CODE,
    DOOR,
    ENERGISE,
    NEXT_CODE,
    OMAROV,
    PFE,
    PLAN,
    SMITH,
    WHY,
    Rig,
    causes,
    quiet_plant,
)

OTHER = replace(OMAROV, local=True)


def taken(rig: Rig, who: Person) -> None:
    rig.obey(SetAuthority(who, AuthorityVerb.TAKE, reason="the shift of the other is over"))


def taken_over() -> tuple[Rig, str]:
    """Return a held operation of a.bekov's, approved by n.aliyeva, and d.omarov at the station with the authority."""
    rig = Rig()
    name = rig.held()
    taken(rig, OTHER)
    return rig, name


def test_who_takes_an_operation_up_does_not_become_the_one_who_ran_it_by_asking_twice() -> None:
    rig, name = taken_over()
    for _ in range(3):
        assert rig.prepare(name, Way.RESUME, who=OTHER) == Accepted((name,))
        assert rig.view(name).wants_approval
        assert causes(rig.execute(name, NEXT_CODE, who=OTHER)) == {Cause.SECOND_PERSON}


@pytest.mark.parametrize("ended", ["rejected", "over"])
def test_nor_by_asking_again_after_nobody_has_agreed(ended: str) -> None:
    rig, name = taken_over()
    rig.prepare(name, Way.RESUME, who=OTHER)
    if ended == "rejected":
        assert rig.obey(Reject(ALIYEVA, name)) == Accepted((name,))
    else:
        rig.wait(180)
    assert rig.view(name).offered is None
    assert rig.prepare(name, Way.RESUME, who=OTHER) == Accepted((name,))
    assert rig.view(name).wants_approval


def test_nor_over_a_restart() -> None:
    rig, name = taken_over()
    assert rig.prepare(name, Way.RESUME, who=OTHER) == Accepted((name,))
    rig.restart()
    rig.beat(2)
    taken(rig, OTHER)
    assert rig.prepare(name, Way.BACK, who=OTHER) == Accepted((name,))
    assert rig.view(name).wants_approval


def test_nor_does_who_had_approved_the_run_after_another_has_approved_an_offer_that_lapsed() -> None:
    rig, name = taken_over()
    rig.prepare(name, Way.RESUME, who=OTHER)
    assert rig.obey(Approve(BEKOV, name)) == Accepted((name,))
    rig.wait(121)
    assert rig.view(name).offered is None
    approver = replace(ALIYEVA, local=True)
    taken(rig, approver)
    assert rig.prepare(name, Way.BACK, who=approver) == Accepted((name,))
    assert rig.view(name).wants_approval


def test_who_had_approved_it_does_not_bring_it_down_alone_by_asking_twice() -> None:
    rig = Rig()
    name = rig.held()
    approver = replace(ALIYEVA, local=True)
    taken(rig, approver)
    for _ in range(3):
        rig.prepare(name, Way.BACK, who=approver)
        assert rig.view(name).wants_approval
    assert rig.obey(Approve(OMAROV, name)) == Accepted((name,))
    assert rig.execute(name, NEXT_CODE, who=approver) == Accepted((name,))


def test_who_has_run_it_brings_it_down_alone_whoever_asked_in_between() -> None:
    rig, name = taken_over()
    rig.prepare(name, Way.RESUME, who=OTHER)
    taken(rig, BEKOV)
    rig.alive.add(BEKOV.session)
    assert rig.prepare(name, Way.BACK) == Accepted((name,))
    assert not rig.view(name).wants_approval
    assert rig.execute(name, NEXT_CODE) == Accepted((name,))


def test_a_new_offer_makes_the_code_of_before_worthless() -> None:
    rig = Rig()
    name = rig.held()
    for code in ("AAAA", "BBBB", "CCCC"):
        assert rig.obey(Prepare(BEKOV, name, Way.RESUME, code)) == Accepted((name,))
    assert causes(rig.execute(name, "BBBB")) == {Cause.INCONSISTENT}
    assert causes(rig.execute(name, CODE)) == {Cause.INCONSISTENT}
    assert (rig.phase(name), rig.view(name).offered) == (Phase.HELD, None)
    assert causes(rig.execute(name, "CCCC")) == {Cause.NOT_SELECTED}


TRIES = st.tuples(st.sampled_from([BEKOV, replace(BEKOV, session="1001:99"), ALIYEVA, SMITH]), st.sampled_from(["", "AAAA", CODE, "Z"]))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(TRIES, st.just(None)), max_size=12))
def test_whatever_is_typed_of_each_offer_at_most_two_wrong_codes_are_taken_and_only_of_whom_it_is_for(steps) -> None:
    rig = Rig()
    name, wrong = rig.held(), 2
    for step in steps:
        if step is None:
            assert rig.prepare(name) == Accepted((name,))
            wrong = 0
            continue
        who, code = step
        found = causes(rig.obey(Execute(who, name, code)))
        if wrong < 2 and who.uid == BEKOV.uid:
            assert found == {Cause.INCONSISTENT}
            wrong += 1
        else:
            assert found <= {Cause.NOT_SELECTED, Cause.LOCKED_BY_OTHER}
        assert (rig.view(name).offered is None) is (wrong == 2)
    assert rig.phase(name) is Phase.HELD


def test_an_empty_code_of_an_arming_opens_nothing() -> None:
    rig = Rig()
    name = rig.armed()
    assert causes(rig.execute(name, "")) == {Cause.INCONSISTENT}
    assert rig.sent == []


def test_an_approval_looks_at_every_precondition_itself() -> None:
    """Through the orders of operations alone, without the desk that looks at all of them with every order."""
    book = Book(PLAN, 0.0)
    look(book, quiet_plant())
    book.authority.obey(SetAuthority(BEKOV, AuthorityVerb.TAKE, reason="shift begins here"), None, False, 1.0)
    book.gate.storage(Signal(STORAGE_FAILED, False, 1.0))
    assert lifecycle.obey(book, Arm(BEKOV, PFE, ENERGISE, WHY, CODE), 1.0) == Accepted(("OP-1",))
    look(book, {DOOR: False})
    assert causes(lifecycle.obey(book, Approve(ALIYEVA, "OP-1"), 1.0)) == {Cause.INTERLOCKING}
    assert book.opened["OP-1"].approver == ""
    look(book, {DOOR: True})
    for who, found in ((OTHER, {Cause.SWITCHING_HIERARCHY}), (BEKOV, set[Cause]())):
        book.authority.obey(SetAuthority(who, AuthorityVerb.TAKE, reason="the other one goes home"), None, False, 1.0)
        outcome = lifecycle.obey(book, Approve(ALIYEVA, "OP-1"), 1.0)
        assert outcome == Accepted(("OP-1",)) if not found else causes(outcome) == found


def look(book: Book, values: Mapping[PointId, Value]) -> None:
    """Let the gate read these twice."""
    for point, value in values.items():
        t = max((each.t for each in book.gate.seen.readings.get(point, ())), default=0.5)
        book.gate.read(Reading(point, value, GOOD, t + 0.05), 1.0)
        book.gate.read(Reading(point, value, GOOD, t + 0.1), 1.0)


def test_whoever_has_not_run_it_wants_an_approver_for_the_way_up_though_nothing_else_has_happened() -> None:
    dossier = Dossier("OP-1", PFE, ENERGISE, CommandClass.LETHAL, State.HELD, 0.0, 0.0, BEKOV, WHY, ran_uid=BEKOV.uid, held_t=10.0)
    dossier.executor = executor_for(Book(PLAN, 0.0), PFE, ENERGISE)
    assert not second_person_wanted(dossier, BEKOV, Way.RESUME, 609.0)
    assert second_person_wanted(dossier, OTHER, Way.RESUME, 609.0)
    assert second_person_wanted(dossier, BEKOV, Way.RESUME, 610.0)
