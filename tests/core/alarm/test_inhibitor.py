"""The bookkeeping of causes alone: what explains now, since when, until when."""

from __future__ import annotations

from stationd.core.alarm.inhibit import Explanation, Inhibitor, Link, graph
from stationd.core.alarm.type import AlarmKey

CAUSE, EFFECT, OTHER = (AlarmKey("x", name) for name in ("CAUSE", "EFFECT", "OTHER"))
LINKS = (Link(CAUSE, EFFECT, 1.5, 60.0),)


def test_a_cause_that_never_held_or_still_holds_fades_for_nobody() -> None:
    inhibitor = Inhibitor(graph(LINKS))
    assert inhibitor.faded(CAUSE) == ()
    inhibitor.began(CAUSE, 100.0)
    assert inhibitor.faded(CAUSE) == ()
    assert inhibitor.known(CAUSE) == Explanation(100.0)
    assert inhibitor.ended(CAUSE, 110.0) == 170.0
    assert inhibitor.faded(CAUSE) == (EFFECT,)
    assert inhibitor.known(CAUSE) is None


def test_what_explains_nothing_by_the_plan_of_today_is_not_taken_back() -> None:
    inhibitor = Inhibitor(graph(LINKS))
    assert inhibitor.restore(OTHER, Explanation(100.0, 110.0)) is None
    assert inhibitor.known(OTHER) is None
    assert inhibitor.restore(CAUSE, Explanation(100.0, 110.0)) == 170.0
    assert inhibitor.known(CAUSE) == Explanation(100.0, 110.0)


def test_what_follows_twice_from_a_cause_follows_once() -> None:
    follows = Link(CAUSE, EFFECT, within_s=5.0, follows=True)
    assert graph((follows, follows)) == graph((follows,))
