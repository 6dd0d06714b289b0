"""An incident as people read it: which verdict counts, which methods say where, and what came first."""

from __future__ import annotations

from typing import Any

from stationd.core.line.words import Fault, Interval, Location
from stationd.core.verdict.words import First, Kind
from stationd.outputs.clock import Clock
from stationd.outputs.incidents import line_facts
from stationd.outputs.incidents.fault import fault_document, methods, section, sequence
from stationd.outputs.incidents.saying import says_most
from tests.outputs.incidents.scene import DOCUMENTS, PLAN, cut, verdict

CLOCK = Clock(1_795_000_000.0, 100.0)
LATER = "2026-11-18T11:06:41.000000Z"
LINE = line_facts(PLAN)


def told(*verdicts: Any) -> list[dict[str, Any]]:
    return [dict(DOCUMENTS.verdict(each, CLOCK)) for each in verdicts]


def head(*verdicts: Any, events: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "id": "F-1", "opened": "", "opened_utc_s": 1.0, "synchronised": True, "verdicts": told(*verdicts), "line": LINE, "events": events,
    }  # fmt: skip


def test_the_last_of_the_best_located_verdicts_is_the_one_that_is_told() -> None:
    bare = verdict(Kind.CABLE_CUT, 100.0)
    assert says_most(told(bare, cut(100.0), bare, verdict(Kind.HEALTHY, 100.0)))["location"] is not None
    assert says_most(told(cut(100.0), verdict(Kind.SHUNT, 100.0), verdict(Kind.CANNOT_TELL, 100.0)))["kind"] == "cable-cut"
    assert says_most(told(verdict(Kind.CANNOT_TELL, 100.0)))["kind"] == "cannot-tell"


def test_each_end_and_both_together_are_methods_with_their_own_kilometre() -> None:
    rows = list(methods(told(cut(100.0))[0], LINE))
    assert [(row["method"], row["weight"]) for row in rows[:3]] == [
        ("aktau voltage / cable model", "medium"),
        ("siyazan voltage / cable model", "medium"),
        ("both ends together", "high"),
    ]
    assert [row["km"]["v"] for row in rows[:3]] == [118.5, 118.3, 118.4]  # type: ignore[index]
    assert rows[2]["half"]["v"] == 0.3  # type: ignore[index]
    assert "residual +1.2 V" in str(rows[2]["why"])


def test_ends_that_do_not_agree_have_little_weight_and_say_so() -> None:
    location = Location(Fault.SHUNT, Interval(118.4, 118.1, 118.7), 118.4, 131.0, 40.0)
    rows = list(methods(told(verdict(Kind.SHUNT, 100.0, location=location, place=location.place))[0], LINE))
    assert [row["weight"] for row in rows[:2]] == ["low", "low"]
    assert "do not agree" in str(rows[0]["why"])


def test_one_end_alone_gives_no_method_of_both() -> None:
    location = Location(Fault.SHUNT, Interval(68.2, 60.0, 70.0), 68.2, None, None, repeater=1)
    rows = list(methods(told(verdict(Kind.SHUNT, 100.0, location=location, place=location.place))[0], LINE))
    assert [row["method"] for row in rows] == ["aktau voltage / cable model", "repeater R1"]
    assert rows[1]["km"]["v"] == 68.2  # type: ignore[index]


def test_a_place_lies_between_its_repeaters_or_the_station() -> None:
    found = section(told(cut(100.0))[0], LINE)
    assert found == {"after": 1, "after_km": 68.2, "before": 2, "before_km": 136.4}
    place = Interval(300.0, 299.0, 301.0)
    assert section(told(verdict(Kind.CABLE_CUT, 100.0, place=place))[0], LINE) == {
        "after": 4, "after_km": 272.8, "before": None, "before_km": 341.0,
    }  # fmt: skip
    assert section(told(verdict(Kind.SENSOR, 100.0))[0], LINE) is None


def test_inputs_that_go_dark_together_are_one_row_and_an_alarm_does_not_say_it_again() -> None:
    tied = tuple(First("light-lost", f"Aktau fp{pair}-rx", 100.0 + pair / 1000, 0.001) for pair in range(1, 9))
    raised = [
        {"what": "raise", "body": {"kind": "alarm", "event": "raise", "type": kind, "resource": resource, "t": LATER}}
        for kind, resource in (("LIGHT-LOST", "fp3-rx"), ("PFE-TRIP", "pfe"))
    ]
    whole = head(verdict(Kind.CABLE_CUT, 100.0, tied=tied), events=tuple(raised))
    rows = sequence(whole, whole["verdicts"][0])
    assert [(row["what"], row["count"], row["first"]) for row in rows] == [("light-lost", 8, True), ("PFE-TRIP", 1, False)]
    assert (rows[0]["where"], rows[0]["until"]) == ("Aktau fp1-rx", "Aktau fp8-rx")


def test_a_record_of_an_older_version_without_its_newer_fields_is_still_shown() -> None:
    bare = {"id": "F-1", "opened": "", "opened_utc_s": 1.0, "synchronised": True, "verdicts": [{"kind": "shunt"}]}
    document = fault_document(bare)
    assert document["methods"] == []
    assert document["sequence"] == []


def test_what_happened_in_the_window_and_belongs_to_the_fault_before_or_after_is_not_in_the_sequence() -> None:
    times = {"BEFORE": "2026-11-18T11:06:20Z", "OWN": "2026-11-18T11:06:41Z", "AFTER": "2026-11-18T11:08:00Z"}
    raised = tuple(
        {"what": "raise", "body": {"kind": "alarm", "event": "raise", "type": kind, "resource": "pfe", "t": t}} for kind, t in times.items()
    )
    whole = head(verdict(Kind.SHUNT, 100.0), events=raised) | {"opened_utc_s": 1_795_000_000.0}
    first = whole | {"ended_utc_s": 1_795_000_030.0}
    second = whole | {"before": "F-0"}
    assert [row["what"] for row in sequence(first, whole["verdicts"][0])] == ["BEFORE", "OWN"]
    assert [row["what"] for row in sequence(second, whole["verdicts"][0])] == ["OWN", "AFTER"]
