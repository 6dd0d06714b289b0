"""Story 12: cron in the network centre wants the truth: codes and documents, never a page, a colour, a question or an endless wait."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.stories.line import Line, one_shot
from tests.stories.people import CRON


@pytest.fixture(autouse=True)
def sound(line: Line) -> None:
    """Each test begins with a sound line."""
    line.order("repair")
    line.until("aktau", "show status", "VERDICT Line is healthy")
    line.until("aktau", "show pfe", "pfe-a  ON   1000")


def test_check_says_that_nothing_is_critical_when_the_line_is_sound(line: Line) -> None:
    line.until("aktau", "check", "OK S1 ")  # a daemon that has just begun has not read every value yet
    answer = one_shot(line.sockets["aktau"], "check", person=CRON)
    assert answer.code == 0, answer
    assert answer.out.startswith("OK S1 ")


def test_a_value_that_is_older_than_its_limit_has_an_exit_code_of_its_own(line: Line) -> None:
    words = ("--json", "show", "pfe", "a", "--strict")
    assert one_shot(line.sockets["aktau"], *words, person=CRON).code == 0
    line.order("unplug aktau-pfe")
    line.until("aktau", "show pfe a", "STALE")
    answer = one_shot(line.sockets["aktau"], *words, person=CRON)
    assert answer.code == 8, answer
    current = json.loads(answer.out)["data"]["device"]["points"]["output_current"]
    assert current["q"] in ("stale", "bad")
    assert one_shot(line.sockets["aktau"], "--json", "show", "pfe", "a", person=CRON).code == 0  # without the word it is an answer
    line.order("plug")


@pytest.mark.parametrize("command", ["check", "show status", "show alarms", "show alarms types", "show audit", "show config", "help"])
def test_nothing_is_paged_coloured_or_asked_whatever_the_terminal_is_said_to_be(line: Line, command: str) -> None:
    socket_path = line.sockets["aktau"]
    answer = one_shot(socket_path, *command.split(), person=CRON, TERM="xterm-256color", LANG="C.UTF-8", CLICOLOR_FORCE="1")
    assert answer.code in (0, 1)
    assert answer.out
    assert "\x1b" not in answer.out + answer.err
    assert "--More--" not in answer.out
    assert answer.out.isascii()


def test_check_is_critical_with_the_cause_when_the_line_is_down_and_no_longer_says_so_when_it_is_up_again(line: Line) -> None:
    line.order("cut 118.4")
    line.until("aktau", "show status", "Cable cut", "THE FAULT IS NOT IN THIS STATION", "line/LINE-")
    answer = one_shot(line.sockets["aktau"], "check", person=CRON)
    assert answer.code == 2
    (row,) = answer.out.splitlines()
    assert row.startswith("CRITICAL S1 down ")
    assert "cause line/LINE-" in row
    assert "alarms_critical=" in row.partition(" | ")[2]
    assert not answer.err
    line.order("repair")
    line.until("aktau", "show status", "VERDICT Line is healthy")
    line.until("aktau", "show alarms", "E   CRIT")  # gone, and nobody has seen it
    assert "S1 down" not in one_shot(line.sockets["aktau"], "check", person=CRON).out


def test_a_daemon_that_does_not_answer_is_unknown_and_not_an_endless_wait(tmp_path: Path) -> None:
    mute = tmp_path / "mute"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(mute))
        listener.listen()
        answer = one_shot(mute, "--timeout", "2", "check", person=CRON)
        assert answer.code == 3
        assert answer.out.startswith("UNKNOWN")
        assert "\x1b" not in answer.out


def test_a_daemon_that_is_not_there_is_unknown_too(tmp_path: Path) -> None:
    answer = one_shot(tmp_path / "nothing", "check", person=CRON)
    assert answer.code == 3
    assert answer.out.startswith("UNKNOWN")
