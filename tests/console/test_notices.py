"""The hub of notices, its bell, and the sentences of what the real desks say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.console.notice_sentences import Said, measured, of_act, of_alarm, of_message, tidy
from stationd.console.notices import MOST_WAITING, Kind, Notice, Notices, Ring
from stationd.console.peer import Peer
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.type import Severity
from stationd.core.alarm.words import AlarmRecord, Annunciate, Why
from stationd.core.operation.words import Noted
from tests.console.desk import CRITICAL, MINOR, OPERATOR, POWER, Desk

SAID = Said(lambda key: "Power feed has tripped", lambda name: ": pfe-a energise to 1000 mA", lambda t: "22:10Z")


def say(hub: Notices, ring: Ring, t: float = 0.0) -> bool:
    """Return whether a notice rings."""
    box = hub.open(OPERATOR)
    hub.say(Notice(Kind.ALARM, t, "x", ring=ring))
    hub.close(box)
    found: list[Notice] = list(box.waiting)
    return found[0].bell


def test_the_bell_rings_for_what_wants_it_and_is_silenced_until_a_new_critical_alarm() -> None:
    hub = Notices()
    assert [say(hub, ring) for ring in (Ring.NO, Ring.USUAL, Ring.ALARM)] == [False, True, True]
    hub.silence(100.0, "a.bekov")
    assert [say(hub, ring, 50.0) for ring in (Ring.NO, Ring.USUAL)] == [False, False]
    assert hub.silent_until(50.0) == 100.0
    assert say(hub, Ring.ALARM, 50.0)
    assert hub.silent_until(50.0) is None
    assert say(hub, Ring.USUAL, 51.0)


def test_a_silence_is_over_at_its_time() -> None:
    hub = Notices()
    hub.silence(100.0, "a.bekov")
    assert (say(hub, Ring.USUAL, 99.9), say(hub, Ring.USUAL, 100.0)) == (False, True)


def test_an_alarm_of_a_flood_is_quiet_but_ends_a_silence_and_rings_then() -> None:
    hub = Notices()
    assert [say(hub, ring) for ring in (Ring.FLOOD, Ring.USUAL)] == [False, True]
    hub.silence(100.0, "a.bekov")
    assert [say(hub, Ring.FLOOD, 50.0) for _ in range(2)] == [True, False]
    assert hub.silent_until(50.0) is None


@given(st.integers(0, 3 * MOST_WAITING), st.integers(0, 50))
def test_a_mailbox_is_bounded_and_counts_exactly_what_it_dropped(sent: int, more: int) -> None:
    hub = Notices()
    box = hub.open(OPERATOR)
    for number in range(sent + more):
        hub.say(Notice(Kind.HOLD, 0.0, str(number)))
    assert len(box.waiting) == min(sent + more, MOST_WAITING)
    assert box.dropped + len(box.waiting) == sent + more


async def test_what_was_dropped_is_told_before_what_is_left_and_once() -> None:
    hub = Notices()
    box = hub.open(OPERATOR)
    for number in range(MOST_WAITING + 3):
        hub.say(Notice(Kind.HOLD, 0.0, str(number)))
    first, second = await box.take(), await box.take()
    assert (first.kind, first.text.split(":")[0]) == (Kind.DROPPED, "3 notices were dropped")
    assert (second.text, second.number) == ("3", first.number + 1)
    rest = [(await box.take()).kind for _ in range(MOST_WAITING - 1)]
    assert set(rest) == {Kind.HOLD}


def test_who_has_his_answer_is_not_told_again_and_everybody_else_is() -> None:
    hub = Notices()
    own, other = hub.open(OPERATOR), hub.open(POWER)
    hub.say(Notice(Kind.HOLD, 0.0, "answered", by=OPERATOR.called, answered=True))
    hub.say(Notice(Kind.OPERATION, 0.0, "for all", by=OPERATOR.called))
    assert ([each.text for each in own.waiting], [each.text for each in other.waiting]) == (["for all"], ["answered", "for all"])


def heard_of(desk: Desk, *, told: bool = True) -> list[Notice | None]:
    """Return what is said of all that happens on a desk from now on; `told`: people were told of each alarm when it came."""
    found: list[Notice | None] = []

    def record(one: AlarmRecord) -> None:
        found.append(of_alarm(one, told=told))

    def message(one: Annunciate) -> None:
        found.append(of_message(one, SAID))

    desk.subscribe(record)
    desk.subscribe_messages(message)
    return found


async def test_a_critical_alarm_has_a_sentence_for_each_turn_of_its_life_and_another_has_none() -> None:
    desk = Desk()
    found = heard_of(desk)
    desk.signal(MINOR, True)
    assert found
    assert set(found) == {None}
    desk.signal(CRITICAL, True)
    desk.signal(CRITICAL, False)
    texts = [(notice.text, notice.ring) for notice in found if notice is not None]
    assert texts == [
        ("CRITICAL pfe-a/PFE-TRIP raised: Power feed has tripped", Ring.ALARM),
        ("pfe-a/PFE-TRIP is gone, and waits for a person", Ring.NO),
    ]


async def test_the_end_of_what_nobody_was_told_of_is_told_to_nobody() -> None:
    desk = Desk()
    found = heard_of(desk, told=False)
    desk.signal(CRITICAL, True)
    desk.signal(CRITICAL, False)
    assert [notice.text.partition(":")[0] for notice in found if notice is not None] == ["CRITICAL pfe-a/PFE-TRIP raised"]


@pytest.mark.parametrize(
    ("why", "letter", "audible", "how", "ring"),
    [
        (Why.RAISED, Letter.NEW, True, "raised", Ring.ALARM),
        (Why.RAISED, Letter.NEW, False, "raised", Ring.FLOOD),
        (Why.RAISED, Letter.GONE, True, "raised and gone again", Ring.ALARM),
        (Why.ESCALATED, Letter.NEW, True, "got worse", Ring.ALARM),
        (Why.RELEASED, Letter.NEW, True, "remains, its cause is gone", Ring.ALARM),
        (Why.RELEASED, Letter.LATCHED_NEW, True, "is gone, and waits for a person", Ring.ALARM),
        (Why.RETURNED, Letter.NEW, True, "shown again", Ring.USUAL),
        (Why.UNSHELVED, Letter.NEW, False, "shown again", Ring.NO),
    ],
)
def test_a_message_says_why_it_comes_and_rings_as_the_alarm_core_says(
    why: Why, letter: Letter, audible: bool, how: str, ring: Ring
) -> None:
    notice = of_message(Annunciate(CRITICAL, letter, why, Severity.CRITICAL, 1, audible, 5.0), SAID)
    assert notice is not None
    assert (notice.text, notice.ring, notice.t) == (f"CRITICAL pfe-a/PFE-TRIP {how}: Power feed has tripped", ring, 5.0)


SENTENCES: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("armed", "OP-42", "a.bekov", {"class": "operate"}, "a.bekov has armed OP-42: pfe-a energise to 1000 mA"),
    ("approved", "OP-42", "n.aliyeva", {}, "n.aliyeva has approved OP-42: pfe-a energise to 1000 mA"),
    ("rejected", "OP-42", "n.aliyeva", {"why": "not yet"}, "n.aliyeva has rejected OP-42: not yet"),
    ("disarmed", "OP-42", "stationd", {"why": "its countdown is over"}, "OP-42 is disarmed: its countdown is over"),
    ("disarmed", "OP-42", "a.bekov", {}, "OP-42 is disarmed by a.bekov"),
    ("intent", "OP-42", "a.bekov", {}, "a.bekov has executed OP-42: pfe-a energise to 1000 mA"),
    ("held", "OP-42", "guest", {"measured": None, "unit": "mA"}, "OP-42 HELD by guest"),
    ("held", "OP-42", "stationd", {"why": "door", "measured": 12345.67, "unit": "mA"}, "OP-42 HELD at 12345.7 mA: door"),
    ("result", "OP-42", "stationd", {"ending": "reached", "measured": 1000.0, "unit": "mA"}, "OP-42 ended: reached at 1000 mA"),
    ("result", "OP-42", "stationd", {"ending": "aborted-by-trip", "detail": "it tripped"}, "OP-42 ended: aborted-by-trip: it tripped"),
    ("emergency-off", "pfe-a", "a.bekov", {}, "EMERGENCY-OFF pfe-a by a.bekov: OFF is being sent, NOT SAFE TO TOUCH"),
    ("emergency-off", "pfe-a", "stationd", {"operation": "OP-42", "why": "over-voltage"}, "OP-42 switches pfe-a off at once: over-voltage"),
    ("emergency-off-result", "pfe-a", "a.bekov", {"confirmed": True}, "pfe-a is OFF by read-back; NOT SAFE TO TOUCH"),
    ("emergency-off-result", "pfe-a", "a.bekov", {"confirmed": None}, "EMERGENCY-OFF pfe-a is NOT CONFIRMED"),
    (
        "hold-added", "H-7", "j.smith", {"object": "pfe-a", "reason": "ship on cable"},
        "j.smith has set H-7 on pfe-a: ship on cable - NOT AN ISOLATION",
    ),
    ("hold-removed", "H-7", "j.smith", {"approver": "n.aliyeva"}, "H-7 is removed by j.smith and n.aliyeva"),
    ("bypass-begun", "io1.di4", "a.bekov", {"for_s": 1200.0, "approver": "n"}, "interlock io1.di4 is BYPASSED by a.bekov and n for 20 min"),
    ("bypass-ended", "io1.di4", "stationd", {"why": "its time is over"}, "the bypass of io1.di4 has ended: its time is over"),
    (
        "authority", "authority", "a.bekov", {"verb": "take", "before": "REMOTE duty.noc", "after": "LOCAL a.bekov", "reason": "on site"},
        "the authority is LOCAL a.bekov, taken by a.bekov (was REMOTE duty.noc): on site",
    ),
    (
        "reverted", "A-3", "stationd", {"applied_by": "a.bekov", "changes": [{"point": "oa.gain", "before": 34.0, "after": 35.0}]},
        "SETPOINT reverted: not confirmed (a.bekov, 22:10Z), A-3: oa.gain 35 -> 34",
    ),
    ("left", "A-3", "stationd", {"applied_by": "a.bekov"}, "SETPOINT A-3 of a.bekov was NOT reverted and stays; confirm or revert it"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "subject", "who", "document", "text"), SENTENCES, ids=lambda each: each if isinstance(each, str) else "")
def test_what_happens_is_one_sentence_with_its_numbers(kind: str, subject: str, who: str, document: dict[str, Any], text: str) -> None:
    notice = of_act(Noted(kind, subject, 1.0, who, document), SAID)
    assert notice is not None
    assert notice.text == text


OTHERS = {"offered", "restarted", "applied", "confirmed", "revert-refused", "apply-failed", "something new"}
KINDS = sorted({kind for kind, *_ in SENTENCES} | OTHERS)
ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.text(max_size=5), max_size=2)
NAMES = ["why", "measured", "unit", "ending", "detail", "operation", "confirmed", "object", "reason", "approver", "for_s", "changes", "way"]


@given(st.sampled_from(KINDS), st.text(max_size=600), st.text(max_size=40), st.dictionaries(st.sampled_from(NAMES), ODD))
def test_no_record_makes_a_sentence_that_breaks_a_terminal_or_fails(kind: str, subject: str, who: str, document: dict[str, Any]) -> None:
    notice = of_act(Noted(kind, subject, 1.0, who, document), SAID)
    if notice is not None:
        assert notice.text.isprintable()
        assert 0 < len(notice.text) <= 500
        assert re.search(r"\bnan\b|\binf\b", notice.text) is None or any(word in f"{subject}{who}{document}" for word in ("nan", "inf"))


def test_steps_on_the_way_are_for_the_audit_alone() -> None:
    for kind in ("passed", "refused", "session-lost", "apply-intent", "revert-intent", "discarded", "rolled-back"):
        assert of_act(Noted(kind, "OP-42", 1.0, "a.bekov"), SAID) is None


@pytest.mark.parametrize("value", [None, True, "12", float("nan"), float("inf")])
def test_a_figure_that_is_none_is_never_shown_as_one(value: object) -> None:
    assert measured({"measured": value, "unit": "mA"}) == ""


def test_a_sentence_that_is_too_long_says_that_it_is_shortened() -> None:
    assert tidy("x" * 3000).endswith("(shortened)")
    assert len(tidy("x" * 3000)) <= 500


def test_a_peer_without_a_name_is_known_by_his_number() -> None:
    hub = Notices()
    box = hub.open(Peer(77, 77, 1, OPERATOR.role))
    hub.say(Notice(Kind.HOLD, 0.0, "x", by="uid 77", answered=True))
    assert list(box.waiting) == []
