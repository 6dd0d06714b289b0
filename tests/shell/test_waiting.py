"""`wait`: until it is so, until the time is over, or until the daemon is gone for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stationd.shell import waiting
from stationd.shell.caller import Failed, Line
from stationd.shell.exits import Exit
from stationd.shell.grammar.table import understood
from stationd.shell.wish import Usage
from tests.console.desk import CRITICAL, DEVICE_LOST, Served, serving, until
from tests.shell.scripted import OPERATION, Scripted, scripted, view

QUICK_S = 0.01
LONG, SHORT = "timeout 30s", "timeout 0s"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Scripted]:
    with scripted(tmp_path / "s") as made:
        yield made


def caller(path: Path) -> Callable[[], Line]:
    return lambda: Line(str(path), 5.0)


def waits(path: Path, words: str, told: list[str]) -> Exit:
    return waiting.waited(understood(["wait", *words.split()]), caller(path), told.append, QUICK_S)


async def in_thread(served: Served, words: str, told: list[str]) -> Exit:
    return await asyncio.to_thread(waits, served.path, words, told)


# Alarms.


async def test_it_ends_when_the_condition_is_gone_whether_or_not_somebody_has_seen_it() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        told: list[str] = []
        task = asyncio.create_task(in_thread(served, f"alarm-clear {CRITICAL} {LONG}", told))
        await until(lambda: bool(told))
        served.desk.signal(CRITICAL, False)
        assert await task is Exit.DONE
    assert told == [f"{CRITICAL} still active", f"{CRITICAL} is clear"]


async def test_an_alarm_that_is_clear_is_not_waited_for_and_a_type_is_enough() -> None:
    async with serving() as served:
        for key in (str(CRITICAL), CRITICAL.type):
            assert await in_thread(served, f"alarm-clear {key}", []) is Exit.DONE
        served.desk.signal(CRITICAL, True)
        assert await in_thread(served, f"alarm-clear {DEVICE_LOST}", []) is Exit.DONE
        assert await in_thread(served, f"alarm-clear {CRITICAL.type} {SHORT}", []) is Exit.FAILED


async def test_no_news_is_not_clear() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        served.desk.signal(CRITICAL, None)
        told: list[str] = []
        assert await in_thread(served, f"alarm-clear {CRITICAL} {SHORT}", told) is Exit.FAILED
        assert told[-1] == f"not within 0s: {CRITICAL} is clear"


def test_an_alarm_of_which_nothing_is_known_is_not_clear_whatever_it_was_last(daemon: Scripted) -> None:
    row = {"key": "pfe-a/PFE-TRIP", "type": "PFE-TRIP", "occurrence": 1, "active": False, "unknown": True}
    daemon.answers["List"] = lambda _: ("", {"alarms": [row]})
    assert waits(daemon.path, f"alarm-clear PFE-TRIP {SHORT}", []) is Exit.FAILED


async def test_an_alarm_that_this_station_does_not_have_ends_with_7() -> None:
    async with serving() as served:
        with pytest.raises(Failed) as failed:
            await in_thread(served, "alarm-clear no-such/ALARM", [])
        assert failed.value.code is Exit.NO_SUCH_THING


# Operations.


@pytest.mark.parametrize(
    ("ending", "code"), [("reached", Exit.DONE), ("deviated", Exit.FAILED), ("aborted-by-trip", Exit.FAILED), (None, Exit.FAILED)]
)
def test_an_operation_that_has_ended_says_how(daemon: Scripted, ending: str | None, code: Exit) -> None:
    daemon.view = view("closed", ending=ending, detail="because of it")
    told: list[str] = []
    assert waits(daemon.path, "operation OP-42", told) is code
    assert told == [f"OP-42 ended: {ending}, because of it"]


async def test_a_held_operation_has_not_ended(daemon: Scripted) -> None:
    daemon.view = view("held")
    told: list[str] = []
    task = asyncio.create_task(asyncio.to_thread(waits, daemon.path, f"operation OP-42 {LONG}", told))
    await asyncio.to_thread(daemon.wait_for, lambda: len(daemon.called("Get")) > 3)
    daemon.view = view("closed", ending="reached")
    assert await task is Exit.DONE
    assert daemon.connections <= 1


def test_an_operation_that_is_not_there_ends_with_7(daemon: Scripted) -> None:
    daemon.answers["Get"] = lambda _: (f"{OPERATION}.NoSuchOperation", {"operation": "OP-7", "detail": "x", "hint": "y"})
    with pytest.raises(Failed) as failed:
        waits(daemon.path, "operation OP-7", [])
    assert failed.value.code is Exit.NO_SUCH_THING


def test_what_becomes_of_an_operation_without_its_daemon_is_for_a_person_to_look_at(tmp_path: Path) -> None:
    with scripted(tmp_path / "s") as daemon:

        def hangs_up(_: Any) -> Any:
            raise ConnectionResetError

        daemon.answers["Get"] = hangs_up
        with pytest.raises(Failed) as failed:
            waits(daemon.path, f"operation OP-42 {LONG}", [])
    assert failed.value.code is Exit.NO_DAEMON


# The line.


def the_line(daemon: Scripted, *kinds: str | None) -> None:
    left = list(kinds)

    def status(_: Any) -> Any:
        kind = left.pop(0) if len(left) > 1 else left[0]
        if kind == "lost":
            raise ConnectionResetError
        return "", {"status": {"verdict": {"kind": kind, "sentence": f"it is {kind}"} if kind else None}}

    daemon.answers["GetStatus"] = status
    daemon.answers["List"] = lambda _: ("", {"alarms": []})


def test_a_line_is_up_when_it_is_judged_to_be(daemon: Scripted) -> None:
    the_line(daemon, "cable-cut", "cannot-tell", "feed-switched-off", "healthy")
    told: list[str] = []
    assert waits(daemon.path, f"line up {LONG}", told) is Exit.DONE
    assert told == ["the line is up: it is healthy"]
    assert len(daemon.called("GetStatus")) == 4


def test_an_active_alarm_of_the_line_outweighs_the_verdict(daemon: Scripted) -> None:
    the_line(daemon, "healthy")
    daemon.answers["List"] = lambda _: ("", {"alarms": [{"key": "line/LINE-DOWN", "active": True}]})
    assert waits(daemon.path, f"line up {SHORT}", []) is Exit.FAILED


def test_a_station_that_judges_no_line_says_so(daemon: Scripted) -> None:
    the_line(daemon, None)
    with pytest.raises(Failed) as failed:
        waits(daemon.path, "line up", [])
    assert failed.value.code is Exit.NO_SUCH_THING


def test_a_daemon_that_comes_back_is_waited_for(daemon: Scripted) -> None:
    the_line(daemon, "cable-cut", "lost", "lost", "healthy")
    told: list[str] = []
    assert waits(daemon.path, f"line up {LONG}", told) is Exit.DONE
    assert told == ["the daemon is gone; waiting for it", "the line is up: it is healthy"]


def test_a_daemon_that_stays_away_ends_with_3(daemon: Scripted) -> None:
    the_line(daemon, "cable-cut", "lost")
    told: list[str] = []
    assert waiting.line_up(caller(daemon.path), time.monotonic() + 0.2, told.append, QUICK_S) is Exit.NO_DAEMON
    assert told[-1].endswith("no daemon answers")


def test_without_a_daemon_at_the_beginning_it_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        waits(tmp_path / "none", f"line up {LONG}", [])
    assert failed.value.code is Exit.NO_DAEMON


@pytest.mark.parametrize(
    "words", ["", "x", "line", "line down", "alarm-clear", "operation", "line up timeout", "line up timeout 5", "line up x timeout 5s"]
)
def test_words_that_are_no_wish_are_said_to_be_none(words: str) -> None:
    with pytest.raises(Usage):
        understood(["wait", *words.split()])
