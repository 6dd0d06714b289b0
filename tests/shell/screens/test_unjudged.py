"""In the first moments of a fault the verdict is that of before: no screen, no check and no page says then that the line is healthy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.checking import judged
from stationd.shell.screens.phone import Answers, living
from stationd.shell.screens.status import status_lines, status_screen
from tests.console.desk import STATUS
from tests.shell.screens.test_status import alarm, fits, listing

WELL = {
    "kind": "healthy", "ours": "nothing-wrong", "confidence": "high", "sentence": "Line is healthy", "where": "",
    "since": "2026-11-22T22:04:00.500Z", "one_end": False,
}  # fmt: skip
LINE = {"name": "s1", "ends": {"a": "Aktau", "b": "Siyazan"}}
CUT = {**STATUS, "line": LINE, "verdict": WELL, "power_feeds": {}, "buses": {}, "quality": {"good": 812}}
NOW, BEFORE, LONG_AGO = "2026-11-22T22:04:11.700Z", "2026-11-22T22:04:00.400Z", "2026-11-22T22:01:00.000Z"
DOWN = alarm("line/LINE-DOWN", NOW, text="All watched fibres of the line are dark")
KEYS = ["line/LINE-DOWN", "line/LINE-BREAK", "pfe-a/PFE-TRIP", "pfe-a/FEED-OFF", "pfe-b/PFE-TRIP/di8"]


def said(status: dict[str, Any], *alarms: dict[str, Any]) -> list[str]:
    """Return all that a person reads or hears of it: screen, plain lines, check, telephone."""
    page = listing(*alarms)
    screen = status_screen(status, page)
    assert fits(screen)
    return ["\n".join(screen), "\n".join(status_lines(status, page)), judged(status, page)[1], "\n".join(living(Answers(status, page)))]


def test_a_line_that_has_just_gone_dark_is_down_and_not_judged_yet_and_nothing_says_that_it_is_healthy() -> None:
    screen, plain, check, page = said(CUT, DOWN)
    assert "VERDICT LINE DOWN - NOT JUDGED YET, look again in 3 s" in screen
    assert "LINE    S1 Aktau - Siyazan   DOWN since 22:04:11Z (0s)" in screen
    assert "Next:  show status  |  show alarms  |  ack line/LINE-DOWN" in screen
    assert "verdict LINE DOWN - NOT JUDGED YET, look again in 3 s" in plain
    assert check.startswith("CRITICAL S1 down 0s, cause line/LINE-DOWN | ")
    assert "D verdict LINE DOWN - NOT JUDGED YET, look again in 3 s" in page
    assert "E is it ours cannot be told yet" in page
    assert not any("healthy" in text.lower() or "confidence" in text.lower() for text in (screen, plain, check, page))


@given(st.sampled_from(KEYS), st.sampled_from("BC"), st.sampled_from(["critical", "major", "minor", "warning"]))
def test_no_alarm_of_the_line_that_is_newer_than_the_verdict_leaves_it_healthy(key: str, letter: str, severity: str) -> None:
    texts = said(CUT, alarm(key, NOW, letter=letter, severity=severity))
    assert not any("healthy" in text.lower() for text in texts)
    assert not texts[2].startswith("OK")


@pytest.mark.parametrize(("key", "words"), [("pfe-a/PFE-TRIP", "FEED TRIPPED"), ("pfe-a/FEED-OFF", "FEED OFF")])
def test_a_feed_that_is_off_is_no_proof_that_the_line_is_down(key: str, words: str) -> None:
    screen = said(CUT, alarm(key, NOW))[0]
    assert f"VERDICT {words} - NOT JUDGED YET" in screen
    assert "DOWN since" not in screen


def test_what_is_dark_is_told_before_the_feed_that_tripped_first() -> None:
    assert "VERDICT LINE DOWN" in said(CUT, alarm("pfe-a/PFE-TRIP", NOW), {**DOWN, "since": {"t": "2026-11-22T22:04:11.900Z"}})[0]


def test_what_the_verdict_does_not_explain_after_seconds_is_not_waited_for() -> None:
    old = {**CUT, "verdict": {**WELL, "since": "2026-11-22T20:00:00.000Z"}}
    screen = said(old, alarm("pfe-a/PFE-TRIP", LONG_AGO))[0]
    assert "VERDICT FEED TRIPPED - NOT EXPLAINED BY THE VERDICT, look at pfe-a/PFE-TRIP" in screen
    assert "healthy" not in screen


@pytest.mark.parametrize(
    "other",
    [alarm("line/LINE-DOWN", BEFORE, letter="D"), *(alarm("line/LINE-DOWN", NOW, letter=letter) for letter in "DEFGHI"),
     alarm("fp1-rx/LIGHT-LOST", NOW), alarm("pfe-a/PFE-TRIP", BEFORE)],
    ids=lambda each: f"{each['key']} {each['letter']}",
)  # fmt: skip
def test_what_is_gone_hidden_older_or_of_one_fibre_leaves_the_verdict_as_it_is(other: dict[str, Any]) -> None:
    screen, plain, _, page = said(CUT, other)
    assert "VERDICT Line is healthy" in screen
    assert "S1 Aktau - Siyazan   healthy for 11s" in screen
    assert "verdict sentence Line is healthy" in plain
    assert "D verdict Line is healthy" in page


def test_a_verdict_that_says_what_is_wrong_stands_whatever_the_alarms_say() -> None:
    cut = {**WELL, "kind": "cable-cut", "ours": "no", "sentence": "Cable cut, 173.0 km from Aktau (+-8.1)"}
    screen = said({**CUT, "verdict": cut}, alarm("line/LINE-BREAK", NOW))[0]
    assert "VERDICT THE FAULT IS NOT IN THIS STATION" in screen
    assert "Cable cut, 173.0 km from Aktau (+-8.1)" in screen
    assert "S1 Aktau - Siyazan   DOWN since 22:04:11Z (0s)   cable-cut" in screen


def test_without_an_alarm_desk_there_is_the_verdict() -> None:
    assert "VERDICT Line is healthy" in "\n".join(status_screen(CUT, None))
