"""What the demonstration tells people of the events that its stations publish, and the names that it takes."""

from __future__ import annotations

import pytest

from stationd.core.verdict.words import Kind, Ours
from stationd.demo import demo, news_of
from stationd.sim.scenario import Says
from stationd.sim.world import SCENARIOS

SHUNT = {"kind": "shunt", "ours": "no", "confidence": "high", "sentence": "Shunt fault at km 50.0 +- 0.3"}
EVENT = {"kind": "verdict", "station": "aktau", "verdict": SHUNT}
EXPECTED = {"aktau": Says((Kind.SHUNT,), (Ours.NO,))}


def test_a_verdict_is_told_with_whose_it_is_and_whether_it_is_what_the_scenario_expects() -> None:
    assert list(news_of(EVENT, EXPECTED)) == ["aktau: Shunt fault at km 50.0 +- 0.3  [ours: no, high]  as it should be"]
    wrong = {**EVENT, "verdict": {**SHUNT, "ours": "yes"}}
    assert list(news_of(wrong, EXPECTED)) == ["aktau: Shunt fault at km 50.0 +- 0.3  [ours: yes, high]"]
    assert list(news_of(EVENT, {})) == ["aktau: Shunt fault at km 50.0 +- 0.3  [ours: no, high]"]


def test_of_the_alarms_those_of_the_line_are_told_when_they_are_raised() -> None:
    alarm = {"kind": "alarm", "station": "aktau", "resource": "line", "event": "raise", "severity": "critical"}
    alarm |= {"key": "line/LINE-DOWN", "text": "Dark"}
    assert list(news_of(alarm, {})) == ["aktau: alarm line/LINE-DOWN, critical: Dark"]
    assert list(news_of({**alarm, "event": "clear"}, {})) == []
    assert list(news_of({**alarm, "resource": "pfe"}, {})) == []


def test_other_events_are_not_told() -> None:
    assert list(news_of({"kind": "light-lost", "station": "aktau", "channel": "fp1-rx"}, EXPECTED)) == []


def test_the_word_list_and_an_unknown_name_show_every_scenario_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo("list", None, "main", 8, None) == 0
    listed = capsys.readouterr().out
    assert demo("no-such-scenario", None, "main", 8, None) == 2
    refused = capsys.readouterr().err
    for scenario in SCENARIOS.values():
        assert scenario.name in listed
        assert scenario.title in listed
        assert scenario.title in refused
