"""Taking an alarm out of service: read, then typed by its key, by two persons, and never without a terminal."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stationd.shell.exits import Exit
from tests.console.desk import value
from tests.shell.scripted import STAMP, Scripted, scripted, sitting
from tests.shell.shelling import at_shell, furnish

KEY = "pfe-a/PFE-TRIP"
UNTIL = "2026-11-30T06:00:00.000Z"  # as the daemon writes it
LINE = ("arm", "alarm", KEY, "out-of-service", "until", "2026-11-30T06:00Z", "reason", "trip unit is being changed")
ASKS = f"type {KEY} to go on, anything else leaves: "
ALARM: dict[str, Any] = {
    "key": KEY, "type": "PFE-TRIP", "letter": "B", "occurrence": 3, "severity": "critical", "since": STAMP, "age": value(5.0, "s"),
    "text": "the power feed has tripped", "consequence": "The cable has no power.", "outage": None, "active": True,
    "hides": value(0.0, ""), "unknown": False, "note": "",
    "firstAction": "look at it", "shelf": None, "seen": None, "causes": [],
}  # fmt: skip


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Scripted]:
    with scripted(tmp_path / "s") as made:
        furnish(made)
        stands(made)
        made.answers["TakeOutOfService"] = lambda _: ("", {"operation": "OOS-3", "durable": True})
        yield made


def stands(daemon: Scripted, **more: Any) -> None:
    alarm = {**copy.deepcopy(ALARM), **more}
    daemon.answers["List"] = lambda _: ("", {"alarms": [alarm]})


def test_it_is_shown_and_ordered_by_typing_its_key(daemon: Scripted) -> None:
    with sitting(daemon.path, *LINE) as person:
        person.until("NOBODY HEARS OF IT")
        person.until(ASKS)
        assert not daemon.called("TakeOutOfService")
        person.types(f"{KEY}\n")
        assert person.ended() == Exit.DONE
        assert "The cable has no power." in person.screen
        assert f"{KEY} is asked for, and stays in service until another user" in " ".join(person.screen.split())
    assert daemon.called("TakeOutOfService") == [{"key": KEY, "until": {"t": "2026-11-30T06:00Z"}, "reason": "trip unit is being changed"}]


def test_the_second_person_is_told_that_it_is_out_of_service(daemon: Scripted) -> None:
    def taken(_: Any) -> Any:
        stands(daemon, letter="I", outage={"review": {"t": UNTIL}, "by": "a.bekov", "second": "n.aliyeva", "reason": "x"})
        return "", {"operation": "OOS-3", "durable": True}

    daemon.answers["TakeOutOfService"] = taken
    with sitting(daemon.path, *LINE) as person:
        person.until(ASKS)
        person.types(f"{KEY}\n")
        assert person.ended() == Exit.DONE
        assert "is out of service until 2026-11-30 06:00Z, by a.bekov and n.aliyeva" in " ".join(person.screen.split())


@pytest.mark.parametrize("answer", ["\n", "y\n", "PFE-TRIP\n", "\x04", "\x03"])
def test_any_other_answer_leaves_it_in_service(daemon: Scripted, answer: str) -> None:
    with sitting(daemon.path, *LINE) as person:
        person.until(ASKS)
        person.types(answer)
        assert person.ended() == Exit.INTERRUPTED
        assert f"{KEY} stays in service. Nothing was sent." in person.screen
    assert not daemon.called("TakeOutOfService")


def test_an_alarm_that_comes_anew_meanwhile_is_another_one(daemon: Scripted) -> None:
    with sitting(daemon.path, *LINE) as person:
        person.until(ASKS)
        stands(daemon, occurrence=4)
        assert person.ended() == Exit.CONFLICT
    assert not daemon.called("TakeOutOfService")


def test_in_the_shell_it_is_asked_too(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.orders(" ".join(LINE))
        person.sees(ASKS)
        assert not daemon.called("TakeOutOfService")
        person.types(f"{KEY}\n")
        person.sees("stays in service until")
    assert len(daemon.called("TakeOutOfService")) == 1
