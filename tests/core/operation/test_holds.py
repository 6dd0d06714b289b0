"""Holds: set by several, removed by whoever set them, kept over restarts, and never lost because they cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.operation.holds import NOT_AN_ISOLATION, Holds, covering, sentence
from stationd.core.operation.orders import AddHold, DropHold
from stationd.core.operation.task import CommandClass
from stationd.core.operation.words import Accepted, Cause, Refused
from tests.core.operation.station import ARMER, NOW, PLAN, SECOND, hold, person

REASON = "ship on cable, PSM-0093"


def add(holds: Holds, object: str = "pfe-a", who: Any = ARMER, reason: str = REASON) -> Accepted | Refused:
    return holds.add(AddHold(who, object, reason), NOW)


def cause(outcome: Accepted | Refused) -> Cause:
    assert isinstance(outcome, Refused)
    assert all(each.why and each.remedy for each in outcome.reasons)
    return outcome.reasons[0].cause


def test_several_persons_hold_the_same_object_and_names_are_never_used_again() -> None:
    holds = Holds(PLAN)
    assert add(holds) == Accepted(("H-1",), "H-1 holds pfe-a. NOT AN ISOLATION: fit lock and earth")
    add(holds, who=SECOND)
    holds.drop(DropHold(SECOND, "H-2"), NOW)
    add(holds, "line")
    assert [(each.name, each.object, each.who) for each in holds.views()] == [("H-1", "pfe-a", "a.bekov"), ("H-3", "line", "a.bekov")]


def test_each_removes_only_their_own_and_two_persons_that_of_another() -> None:
    holds = Holds(PLAN)
    add(holds)
    refused = holds.drop(DropHold(SECOND, "H-1"), NOW + 60)
    assert cause(refused) is Cause.SECOND_PERSON
    assert isinstance(refused, Refused)
    assert refused.reasons[0].why == f'H-1 on pfe-a by a.bekov, 60.0 s ago: "{REASON}" NOT AN ISOLATION'
    assert "arm hold H-1 remove" in refused.reasons[0].remedy
    assert isinstance(holds.remove("H-1", NOW), Accepted)
    assert holds.views() == ()
    assert cause(holds.drop(DropHold(ARMER, "H-1"), NOW)) is Cause.NOT_SELECTED


@pytest.mark.parametrize(
    ("object", "reason", "who", "expected"),
    [
        ("pfe-z", REASON, ARMER, Cause.INCONSISTENT),
        ("pfe-a", "  short \n ", ARMER, Cause.INCONSISTENT),
        ("pfe-a", "x" * 201, ARMER, Cause.INCONSISTENT),
        ("pfe-a", REASON, person(classes=frozenset({CommandClass.READ})), Cause.NO_AUTHORITY),
    ],
)
def test_what_is_no_hold_is_refused(object: str, reason: str, who: Any, expected: Cause) -> None:
    assert cause(add(Holds(PLAN), object, who, reason)) is expected


def test_there_are_not_more_than_a_hundred() -> None:
    holds = Holds(PLAN)
    for _ in range(100):
        add(holds)
    assert cause(add(holds)) is Cause.STEP_LIMIT


def test_a_hold_on_the_line_or_the_station_covers_every_device_and_one_on_a_feed_all_that_feeds_its_line() -> None:
    for name, covers in (
        ("line", {"pfe-a", "pfe-b", "amp1"}), ("station", {"pfe-a", "pfe-b", "amp1"}), ("pfe-a", {"pfe-a", "pfe-b"}),
        ("amp1", {"amp1"}), ("io1", set()),
    ):  # fmt: skip
        assert {device for device in ("pfe-a", "pfe-b", "amp1") if covering((hold(name),), device, PLAN)} == covers
    apart = replace(PLAN, line="")
    assert not covering((hold("pfe-a"),), "pfe-b", apart)


def test_every_line_about_a_hold_says_that_it_is_no_isolation_and_no_terminal_obeys_a_reason() -> None:
    holds = Holds(PLAN)
    add(holds, reason="ship \x1b[2J on\ncable now")
    (kept,) = holds.views()
    assert kept.reason == "ship [2J on cable now"
    assert sentence(kept) == 'H-1 on pfe-a by a.bekov: "ship [2J on cable now" NOT AN ISOLATION'
    assert NOT_AN_ISOLATION in str(holds.remove("H-1", NOW))


@given(st.lists(st.tuples(st.sampled_from(["pfe-a", "line", "amp1"]), st.text(min_size=8, max_size=40)), max_size=6), st.floats(0, 1e6))
def test_holds_outlast_a_restart_with_their_age(wanted: list[tuple[str, str]], elapsed_s: float) -> None:
    holds = Holds(PLAN)
    for object, reason in wanted:
        add(holds, object, reason=reason)
    saved = json.loads(json.dumps(holds.saved(NOW + 30)))
    restored = Holds(PLAN)
    assert restored.restore(saved, 5.0, elapsed_s) == ()
    assert [replace(each, since_t=0.0) for each in restored.views()] == [replace(each, since_t=0.0) for each in holds.views()]
    assert all(each.since_t == pytest.approx(5.0 - elapsed_s - 30.0) for each in restored.views())
    add(restored)
    assert len({each.name for each in restored.views()}) == len(holds.views()) + 1


def row(**changed: object) -> dict[str, object]:
    return {"name": "H-4", "object": "pfe-a", "who": "j.smith", "uid": 1009, "reason": REASON, "age_s": 60.0, **changed}


@pytest.mark.parametrize(
    "saved",
    [
        {"last": 4, "holds": [row(uid="1009")]}, {"last": 4, "holds": [row(age_s=None)]}, {"last": 4, "holds": [row(name="K-4")]},
        {"last": 4, "holds": [{}]}, {"last": 4, "holds": ["H-4"]}, {"last": 4, "holds": None}, {"last": 4}, [], "H-4", 7,
        {"last": "x", "holds": [row(age_s=float("nan"))]},
    ],
)  # fmt: skip
def test_a_hold_that_cannot_be_read_becomes_one_on_the_whole_station(saved: object) -> None:
    holds = Holds(PLAN)
    (told,) = holds.restore(saved, NOW, 0.0)
    (kept,) = holds.views()
    assert kept.object == "station"
    assert kept.name in told
    assert cause(holds.drop(DropHold(person(uid=0), kept.name), NOW)) is Cause.SECOND_PERSON
    assert covering(holds.views(), "amp1", PLAN)


def test_beside_a_damaged_hold_the_others_are_kept_and_a_first_start_has_none() -> None:
    holds = Holds(PLAN)
    assert len(holds.restore({"last": 9, "holds": [row(), row(uid=None), row(name="H-6")]}, NOW, 0.0)) == 1
    assert [each.name for each in holds.views()] == ["H-4", "H-6", "H-10"]
    assert Holds(PLAN).restore({}, NOW, 0.0) == Holds(PLAN).restore(None, NOW, 0.0) == ()
