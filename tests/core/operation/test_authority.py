"""Authority: one holder, who is at the station goes before who is not, and what can kill wants a release or somebody there."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.operation.authority import IDLE_S, TABLE, Act, Actor, AuthorityDesk, Standing, actor, refusal, standing
from stationd.core.operation.orders import AuthorityVerb, Person, SetAuthority
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import AuthorityView
from stationd.core.operation.words import Accepted, Cause, Refused
from tests.core.operation.station import NOW, person

HERE, THERE = person("a.bekov", 1001), person("duty.noc", 1005, local=False)
ALSO_HERE, ALSO_THERE = person("n.aliyeva", 1002), person("j.smith", 1009, local=False)
REQUEST, GRANT, RELEASE, TAKE = AuthorityVerb
ACTING = (CommandClass.SET, CommandClass.OPERATE, CommandClass.LETHAL)


def ask(
    desk: AuthorityDesk, who: Person, verb: AuthorityVerb, to: str = "", *, now: float = NOW, key: bool | None = None, wired: bool = False
) -> Accepted | Refused:
    outcome, notes = desk.obey(SetAuthority(who, verb, to, "because of the work"), key, wired, now)
    assert bool([each for each in notes if each.who == who.name]) == isinstance(outcome, Accepted)
    return outcome


def held_by(*steps: tuple[Person, AuthorityVerb]) -> AuthorityDesk:
    desk = AuthorityDesk(NOW)
    for who, verb in steps:
        assert isinstance(ask(desk, who, verb), Accepted)
    return desk


def cause(outcome: Accepted | Refused) -> Cause:
    assert isinstance(outcome, Refused)
    assert all(each.why and each.remedy for each in outcome.reasons)
    return outcome.reasons[0].cause


def may(desk: AuthorityDesk, who: Person, wanted: CommandClass, *, key: bool | None = None, wired: bool = False) -> bool:
    return refusal(desk.view(), who, wanted, key, wired) is None


def test_the_table_has_a_cell_for_all_that_can_happen_and_for_nothing_else() -> None:
    possible = {
        (stands, asks, verb) for stands, asks, verb in product(Standing, Actor, AuthorityVerb)
        if stands is not Standing.NONE or asks in (Actor.LOCAL, Actor.REMOTE)
    }  # fmt: skip
    assert set(TABLE) == possible


def test_in_the_table_nobody_afar_ever_takes_from_who_is_at_the_station() -> None:
    for verb in AuthorityVerb:
        assert TABLE[Standing.LOCAL, Actor.REMOTE, verb] not in (Act.GAIN, Act.ALLOW, Act.FREE, Act.HAND_OVER)
        assert TABLE[Standing.NONE, Actor.REMOTE, verb] is not Act.ALLOW
        assert TABLE[Standing.REMOTE, Actor.REMOTE, verb] is not Act.ALLOW


def test_nobody_may_act_without_it_and_requesting_what_is_free_gains_it() -> None:
    desk = AuthorityDesk(NOW)
    assert not any(may(desk, HERE, each) for each in ACTING)
    assert all(may(desk, HERE, each) for each in (CommandClass.READ, CommandClass.NOTE, CommandClass.EMERGENCY))
    ask(desk, HERE, REQUEST)
    assert all(may(desk, HERE, each) for each in ACTING)
    assert not any(may(desk, ALSO_HERE, each) for each in ACTING)
    assert cause(ask(desk, HERE, REQUEST)) is Cause.REACHED


def test_a_remote_holder_may_do_what_can_kill_only_when_somebody_at_the_station_has_released_it() -> None:
    desk = held_by((THERE, REQUEST))
    assert may(desk, THERE, CommandClass.OPERATE)
    found = refusal(desk.view(), THERE, CommandClass.LETHAL, None, wired=False)
    assert found is not None
    assert found.cause is Cause.SWITCHING_HIERARCHY
    assert "nobody there has released it" in found.why
    assert cause(ask(desk, ALSO_THERE, RELEASE)) is Cause.SWITCHING_HIERARCHY
    ask(desk, HERE, RELEASE)
    assert may(desk, THERE, CommandClass.LETHAL)
    assert desk.view().released


def test_a_local_release_is_for_the_next_remote_holder_and_ends_with_them() -> None:
    desk = held_by((HERE, REQUEST), (HERE, RELEASE), (THERE, REQUEST))
    assert may(desk, THERE, CommandClass.LETHAL)
    ask(desk, THERE, RELEASE)
    ask(desk, ALSO_THERE, REQUEST)
    assert not may(desk, ALSO_THERE, CommandClass.LETHAL)


def test_granting_goes_to_who_has_asked_and_from_here_to_afar_releases() -> None:
    desk = held_by((HERE, REQUEST))
    assert cause(ask(desk, HERE, GRANT, "duty.noc")) is Cause.NOT_SELECTED
    assert isinstance(ask(desk, THERE, REQUEST), Accepted)
    assert desk.view().requested_by == "duty.noc"
    assert desk.view().holder == "a.bekov"
    assert cause(ask(desk, HERE, GRANT, "n.aliyeva")) is Cause.NOT_SELECTED
    ask(desk, HERE, GRANT, "duty.noc")
    assert (desk.view().holder, desk.view().local, desk.view().released, desk.view().requested_by) == ("duty.noc", False, True, "")
    ask(desk, ALSO_THERE, REQUEST)
    ask(desk, THERE, GRANT)
    assert not desk.view().released


def test_who_is_at_the_station_takes_it_with_a_reason_and_never_the_reverse() -> None:
    desk = held_by((THERE, REQUEST))
    outcome, _ = desk.obey(SetAuthority(HERE, TAKE, reason="short"), None, False, NOW)
    assert cause(outcome) is Cause.INCONSISTENT
    ask(desk, HERE, TAKE)
    assert cause(ask(desk, THERE, TAKE)) is Cause.SWITCHING_HIERARCHY
    assert desk.view().holder == "a.bekov"
    ask(desk, ALSO_HERE, TAKE)
    assert desk.view().holder == "n.aliyeva"


def test_what_was_released_to_one_remote_person_is_not_released_to_another_who_takes_it() -> None:
    desk = held_by((HERE, RELEASE), (THERE, REQUEST), (ALSO_THERE, TAKE))
    assert not may(desk, ALSO_THERE, CommandClass.LETHAL)


def test_a_holder_who_comes_to_the_station_is_local_from_then_on_and_one_who_leaves_is_not() -> None:
    desk = held_by((THERE, REQUEST))
    came = person("duty.noc", 1005, local=True)
    assert may(desk, came, CommandClass.LETHAL)  # the kernel proves it with each order
    ask(desk, came, REQUEST)
    assert desk.view().local
    assert not may(desk, THERE, CommandClass.LETHAL)
    ask(desk, THERE, REQUEST)
    assert not desk.view().local
    assert not desk.view().released


@pytest.mark.parametrize("key", [True, None])
def test_the_key_switch_at_local_or_unknown_refuses_everybody_afar_everything(key: bool | None) -> None:
    desk = held_by((HERE, RELEASE), (THERE, REQUEST))
    assert not any(may(desk, THERE, each, key=key, wired=True) for each in ACTING)
    assert may(desk, THERE, CommandClass.NOTE, key=key, wired=True)
    for verb in AuthorityVerb:
        assert cause(ask(desk, THERE, verb, key=key, wired=True)) is Cause.SWITCHING_HIERARCHY
    ask(desk, HERE, TAKE, key=key, wired=True)
    assert all(may(desk, HERE, each, key=key, wired=True) for each in ACTING)


def test_the_key_switch_at_remote_releases() -> None:
    desk = held_by((THERE, REQUEST))
    assert may(desk, THERE, CommandClass.LETHAL, key=False, wired=True)
    assert not may(desk, THERE, CommandClass.LETHAL, key=False, wired=False)


def test_who_does_nothing_for_a_quarter_of_an_hour_does_not_hold_it_any_more() -> None:
    desk = held_by((HERE, REQUEST))
    assert desk.deadline() == NOW + IDLE_S
    desk.touch(HERE, NOW + 600)
    desk.touch(THERE, NOW + 1400)
    assert desk.expire(NOW + 1499.9) == ()
    (noted,) = desk.expire(NOW + 1500)
    assert (noted.kind, noted.document["before"], noted.document["after"]) == ("authority", "LOCAL a.bekov", "NONE")
    assert desk.deadline() is None


def test_a_release_and_a_request_grow_old_too() -> None:
    desk = held_by((HERE, RELEASE))
    assert desk.view().released
    desk.expire(NOW + IDLE_S)
    assert not desk.view().released
    waiting = held_by((HERE, REQUEST), (THERE, REQUEST))
    waiting.touch(HERE, NOW + IDLE_S)
    waiting.expire(NOW + IDLE_S)
    assert waiting.view().requested_by == ""
    assert cause(ask(waiting, HERE, GRANT, "duty.noc", now=NOW + IDLE_S)) is Cause.NOT_SELECTED


def test_accounts_without_the_role_or_without_one_person_have_no_part_in_it() -> None:
    desk = AuthorityDesk(NOW)
    assert cause(ask(desk, person(classes=frozenset({CommandClass.NOTE})), REQUEST)) is Cause.NO_AUTHORITY
    assert cause(ask(desk, person(identified=False), REQUEST)) is Cause.NO_AUTHORITY


PEOPLE = [person(name, uid, local=local) for name, uid in (("a", 1), ("b", 2), ("c", 3)) for local in (True, False)]


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(AuthorityVerb), st.sampled_from([0.0, 300.0, 901.0])), max_size=25))
def test_whatever_is_asked_there_is_one_holder_and_only_who_is_here_ever_releases(steps: list[tuple[Person, AuthorityVerb, float]]) -> None:
    desk, now = AuthorityDesk(NOW), NOW
    for who, verb, later_s in steps:
        now += later_s
        desk.expire(now)
        before = desk.view()
        ask(desk, who, verb, now=now)
        after = desk.view()
        if after.released and not before.released:
            assert who.local
        if before.uid is not None and before.local and after.uid != before.uid and not who.local:
            assert who.uid == before.uid, "only the holder gives it from afar"
        assert (after.uid is None) == (after.holder == "")
        assert standing(after) is not Standing.NONE or not any(refusal(after, who, each, None, False) is None for each in ACTING)
        assert actor(after, who) in Actor
    assert AuthorityView() == AuthorityView()
