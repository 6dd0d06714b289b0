"""The screens of people: 79 columns, warnings first, and a prompt that always has its documented form."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.console import session_forms
from stationd.shell.screens import people, typeset
from tests.console.desk import value
from tests.shell.screens.test_plant import holds
from tests.shell.screens.test_status import NAMES, STAMPS, fits
from tests.shell.scripted import NOTHING, STAMP

PROMPT = re.compile(r"^[A-Z0-9-]+ (LIVE|SIM|HIL) [a-z]+( \[[^]]*\])?> $")
FLAGS = st.booleans()
STAMP_OR_NONE = STAMPS | st.none()
COUNTS = st.integers(0, 999)
TEXTS = st.text(max_size=120)
SECONDS = st.builds(value, st.floats(0, 1e6), st.just("s")) | st.just(NOTHING)
RATES = st.builds(value, st.floats(0, 1000), st.just("1/10min")) | st.just(NOTHING)
OPERATIONS = st.lists(st.sampled_from(["OP-42", "OP-123456789"]), max_size=3)
SEATS = st.fixed_dictionaries(
    {
        "user": NAMES, "uid": COUNTS, "role": st.sampled_from(["view", "operate", "power"]), "place": NAMES, "line": NAMES,
        "locality": st.sampled_from(["local", "remote", "unknown"]), "shell": FLAGS, "since": STAMPS, "idle": SECONDS,
        "authority": FLAGS, "authoritySince": STAMP_OR_NONE, "armed": OPERATIONS, "approved": OPERATIONS, "you": FLAGS,
    }
)  # fmt: skip
ALARM_LINES = st.fixed_dictionaries(
    {
        "key": NAMES, "letter": st.sampled_from("BCDEFGI"), "severity": st.sampled_from(["critical", "warning", "?"]), "text": TEXTS,
        "since": STAMP_OR_NONE, "age": SECONDS, "until": STAMP_OR_NONE, "by": NAMES, "reason": TEXTS,
    }
)  # fmt: skip
LISTS = {
    "shelved": ALARM_LINES,
    "outOfService": ALARM_LINES,
    "holds": st.fixed_dictionaries({"name": NAMES, "object": NAMES, "who": NAMES, "yours": FLAGS, "reason": TEXTS, "since": STAMPS}),
    "bypasses": st.fixed_dictionaries({"interlock": NAMES, "feeds": st.lists(NAMES, max_size=3), "until": STAMPS, "left": SECONDS}),
    "operations": st.fixed_dictionaries(
        dict.fromkeys(("name", "object", "task", "phase", "armer", "approver", "text"), NAMES)
        | {"yours": FLAGS, "since": STAMPS, "left": SECONDS}
    ),
    "unconfirmed": st.fixed_dictionaries(
        {
            "name": NAMES, "who": NAMES, "at": STAMPS, "reason": TEXTS, "changes": st.lists(TEXTS, max_size=3),
            "confirmUntil": STAMP_OR_NONE, "left": SECONDS, "text": TEXTS,
        }
    ),
    "staged": st.fixed_dictionaries(
        {"device": NAMES, "name": NAMES, "value": st.builds(value, st.floats(-1e5, 1e5), st.just("dB")), "who": NAMES, "yours": FLAGS}
    ),
    "notes": st.fixed_dictionaries({"at": STAMPS, "by": NAMES, "text": TEXTS}),
}  # fmt: skip
PAGES = st.fixed_dictionaries(
    {
        "asOf": STAMPS, "station": NAMES, "mode": NAMES, "bookKnown": FLAGS, "notesLeftOut": COUNTS, "silentUntil": STAMP_OR_NONE,
        "shift": st.none() | st.fixed_dictionaries({"by": NAMES, "since": STAMPS, "yours": FLAGS}),
        "written": st.none() | st.fixed_dictionaries({"by": NAMES, "at": STAMPS, "text": TEXTS}),
        "alarms": st.fixed_dictionaries(
            dict.fromkeys(("critical", "major", "minor", "warning", "open", "unacknowledged"), COUNTS)
            | {"lines": st.lists(ALARM_LINES, max_size=4)}
        ),
        "flood": st.fixed_dictionaries(
            {"rate": RATES, "peak": RATES, "flood": FLAGS, "floods": st.builds(value, COUNTS, st.just("")),
             "chattering": st.lists(NAMES, max_size=3)}
        ),
        "clock": st.fixed_dictionaries({"t": NAMES, "synchronised": FLAGS}),
        "journal": st.fixed_dictionaries({"good": FLAGS, "state": NAMES, "detail": TEXTS}),
        "audit": st.fixed_dictionaries({"position": COUNTS, "digest": NAMES}),
    }
    | {name: st.lists(strategy, max_size=3) for name, strategy in LISTS.items()}
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(SEATS, max_size=12), st.none() | st.integers(8, 40))
def test_any_list_of_sessions_fits_and_names_what_each_has_armed(seats: list[dict[str, Any]], rows: int | None) -> None:
    assert fits(people.sessions_screen(seats, rows), rows)
    every = people.sessions_screen(seats)
    assert fits(every, None)
    for seat in seats:
        assert all(holds(every, name) for name in seat["armed"])


@settings(max_examples=40, deadline=None)
@given(PAGES)
def test_any_page_of_a_handover_fits_and_warns_before_anything_else(page: dict[str, Any]) -> None:
    assert fits(people.handover_screen(page))
    every = people.handover_screen(page, None)
    assert fits(every, None)
    warnings = people.handover_warnings(page)
    assert len(warnings) >= sum(len(page[name]) for name in ("operations", "bypasses", "holds", "unconfirmed", "staged"))
    first = next(number for number, row in enumerate(every) if row.startswith("ALARMS"))
    for warning in warnings:
        assert holds([row.removeprefix(people.WARNING) for row in every[:first]], typeset.ascii_only(warning))
    for staged in page["staged"]:
        assert holds(every, typeset.value(staged["value"]))


@settings(max_examples=15, deadline=None)
@given(PAGES)
def test_no_hold_is_handed_over_without_saying_that_it_is_no_isolation(page: dict[str, Any]) -> None:
    said = [text for text in people.handover_warnings(page) if text.startswith("HOLD ")]
    assert len(said) == len(page["holds"])
    assert all("NOT AN ISOLATION" in text for text in said)


@settings(max_examples=1)
@given(SEATS, PAGES)
def test_the_forms_of_these_tests_are_those_of_the_interface(seat: dict[str, Any], page: dict[str, Any]) -> None:
    assert set(seat) == {field.name for field in fields(session_forms.Seat)}
    assert set(page) == {field.name for field in fields(session_forms.Handover)}


@given(st.text(max_size=20), st.sampled_from(["LIVE", "SIM", "HIL", "x", None]), st.text(max_size=10), st.lists(st.text(max_size=20)))
def test_every_prompt_has_the_form_that_scripts_wait_for(station: str, mode: str | None, place: str, marks: list[str]) -> None:
    shown = people.prompt_text({"station": station, "mode": mode, "place": place, "marks": marks})
    assert PROMPT.fullmatch(shown)


@pytest.mark.parametrize(
    ("marks", "shown"),
    [
        ([], "AKTAU LIVE local> "), (["1!"], "AKTAU LIVE local [1!]> "),
        (["OP-42 armed 43s", "BYPASS 21m"], "AKTAU LIVE local [OP-42 armed 43s, BYPASS 21m]> "),
    ],
)  # fmt: skip
def test_the_prompt_says_who_may_act_and_what_is_armed(marks: list[str], shown: str) -> None:
    assert people.prompt_text({"station": "AKTAU", "mode": "LIVE", "place": "local", "marks": marks}) == shown


def test_a_station_of_unknown_mode_may_be_the_sea_cable_and_is_marked() -> None:
    assert people.prompt_text({"station": "AKTAU", "mode": "?", "place": "local", "marks": []}) == "AKTAU LIVE local [mode not known]> "
    assert people.prompt_text({"marks": ["daemon gone"]}) == "STATION LIVE view [daemon gone, station and mode not known]> "


def notice(text: str, **more: Any) -> dict[str, Any]:
    usual = {"id": 1, "t": STAMP, "kind": "operation", "severity": "", "bell": False, "by": "n.aliyeva", "yours": False}
    return {**usual, "text": text, **more}


def test_a_notice_is_a_whole_line_with_its_time() -> None:
    assert people.notice_lines(notice("OP-42 approved by n.aliyeva"), False) == ["22:43:31Z OP-42 approved by n.aliyeva"]
    assert people.notice_lines(notice("", kind="hello"), False) == []
    unsure = {**STAMP, "synchronised": False}
    assert people.notice_lines(notice("x", t=unsure), False) == ["~22:43:31Z x"]


def test_a_notice_in_local_time_keeps_its_utc_and_names_the_zone() -> None:
    (line,) = people.notice_lines(notice("x"), True)
    assert re.fullmatch(r"22:43:31Z \(\d\d:\d\d:\d\d [+-]\d\d(:\d\d)?\) x", line)


@given(st.text(max_size=300), FLAGS)
def test_any_notice_is_whole_lines(text: str, local: bool) -> None:
    assert fits([*people.notice_lines(notice(text), local), ""], None)
