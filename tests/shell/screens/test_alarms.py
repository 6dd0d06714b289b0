"""The screens of the past and the figures of alarms: floods and what chatters first, every type, nothing cut off."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.console import forms
from stationd.core.alarm.catalogue import ALL_TYPES
from stationd.shell.screens import alarms, typeset
from tests.console.desk import value
from tests.shell.screens.test_plant import holds
from tests.shell.screens.test_status import NAMES, STAMPS, VALUES, fits

COUNTS = st.integers(0, 10**6)
KEYS = st.sampled_from(["station/ENV-HUM", "fp1-booster/AMP-LOS/x", "y" * 90 + "/Z"])
EVENTS = st.fixed_dictionaries(
    {
        "id": NAMES, "at": STAMPS, "key": KEYS, "event": st.sampled_from(["raise", "clear", "acknowledge"]), "value": VALUES,
        "before": st.sampled_from("ABCDEFGHI"), "after": st.sampled_from("ABCDEFGHI"), "severity": st.sampled_from(sorted(alarms.SHORT)),
        "occurrence": COUNTS, "by": NAMES, "note": NAMES, "cause": NAMES,
    }
)  # fmt: skip
STATS = st.fixed_dictionaries(
    {name: st.builds(value, COUNTS | st.floats(0, 1e6), st.just("")) for name in ("rate", "mean")}
    | {name: st.builds(value, COUNTS, st.just("")) for name in ("floods", "floodPeriods", "annunciations")}
    | {name: st.builds(value, COUNTS, st.just("")) for name in ("shelved", "suppressed", "outOfService")}
    | {"floodTime": st.builds(value, st.floats(0, 1e7), st.just("s")), "busiestTypes": st.builds(value, st.floats(0, 100), st.just("%"))}
    | {"flood": st.booleans(), "chattering": st.lists(KEYS, max_size=4), "standing": st.lists(KEYS, max_size=4)}
)
ROWS = st.none() | st.integers(14, 60)
COUNTED = ("rate", "mean", "floods", "floodPeriods", "annunciations", "shelved", "suppressed", "outOfService")


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, max_size=20), ROWS)
def test_any_past_fits_and_each_event_is_on_it_or_counted(events: list[dict[str, Any]], rows: int | None) -> None:
    assert fits(alarms.alarm_history_screen(events, rows), rows)
    every = alarms.alarm_history_screen(events, None)
    assert fits(every, None)
    for event in events:
        assert holds(every, f"{event['key']}#{event['occurrence']}")
        if typeset.plain(event["value"]) is not None:
            assert holds(every, typeset.value(event["value"]))


@settings(max_examples=60, deadline=None)
@given(STATS, ROWS)
def test_any_figures_fit_and_the_flood_the_rate_and_what_chatters_come_first(stats: dict[str, Any], rows: int | None) -> None:
    assert fits(alarms.statistics_screen(stats, rows), rows)
    every = alarms.statistics_screen(stats, None)
    labels = [line.split()[0] for line in every[2:] if line[0] not in " -"]
    assert labels[:3] == ["FLOOD", "RATE", "CHATTERING"]
    for key in stats["chattering"]:
        assert holds(every, key)
    for name in ("rate", "mean", "floods", "annunciations"):
        shown = f"{stats[name]['v']:.12g}" if isinstance(stats[name]["v"], float) else str(stats[name]["v"])
        assert holds(every, shown)


def test_what_chatters_is_followed_by_what_to_do_about_it() -> None:
    quiet = {name: value(0, "") for name in COUNTED}
    stats = {**quiet, "floodTime": value(0.0, "s"), "busiestTypes": value(0.0, "%"), "flood": False, "standing": []}
    lines = alarms.statistics_screen({**stats, "chattering": ["station/ENV-HUM"]})
    at = next(number for number, line in enumerate(lines) if line.startswith("CHATTERING"))
    assert lines[at].split() == ["CHATTERING", "station/ENV-HUM"]
    assert "shelve station/ENV-HUM 8h" in lines[at + 1]
    assert not any("Next:" in line for line in alarms.statistics_screen({**stats, "chattering": []}))
    assert any("FLOOD NOW" in line for line in alarms.statistics_screen({**stats, "chattering": [], "flood": True}))


def test_every_type_of_alarm_is_on_the_list_with_what_to_do_first() -> None:
    lines = alarms.types_screen(None)
    assert fits(lines, None)
    for each in ALL_TYPES:
        assert any(line.startswith(f"{each.id} ") for line in lines)
        assert holds([" ".join(line.split()) for line in lines], "".join(each.first_action.split()))
    assert fits(alarms.types_screen(23), 23)


def test_an_event_that_changed_no_letter_and_one_of_an_unsure_clock_say_so() -> None:
    event = {
        "id": "1", "at": {"t": "2026-11-22T22:43:31.000Z", "synchronised": False}, "key": "a/T", "event": "note",
        "before": "C", "after": "C", "severity": "minor", "occurrence": 3, "value": None,
        "by": "a.bekov", "note": "sensor wet", "cause": "",
    }  # fmt: skip
    assert alarms.alarm_history_screen([event])[-1] == '~2026-11-22 22:43:31Z C     MINOR a/T#3  note  by a.bekov  "sensor wet"'


@settings(max_examples=1)
@given(EVENTS, STATS)
def test_the_forms_of_these_tests_are_those_of_the_interface(event: dict[str, Any], stats: dict[str, Any]) -> None:
    assert set(event) == {field.name for field in fields(forms.Event)}
    assert set(stats) == {field.name for field in fields(forms.Stats)}


def test_why_an_alarm_was_not_acknowledged_is_said_in_three_parts() -> None:
    outcome = {"key": "a/T", "done": False, "letter": None, "error": "x", "cause": "no-such-alarm", "detail": "gone", "hint": "show alarms"}
    assert alarms.not_acknowledged_lines(outcome) == ["REFUSED  ack a/T", " why     no-such-alarm: gone", " to do   show alarms"]
