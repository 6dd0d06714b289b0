"""Story 7: a hand is in the cabinet. One line switches the feed off, and says that the cable is not safe to touch all the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.people import BEKOV, CRON, SMITH, Person
from tests.stories.terminal import sitting

ORDER = "EMERGENCY-OFF pfe a"
SAFE_ONLY_AFTER = "Safe only after: the other end is off, discharge, earth, lock, test."


def told(text: str) -> None:
    flat = " ".join(text.split())
    assert re.search(r"pfe-a OFF sent, output OFF confirmed by read-back", flat), text
    assert re.search(r"pfe-a measured \S+ mA \+?\d(\.\d)? V", flat), text  # the current is that of the line, which Siyazan feeds
    assert "NOT SAFE TO TOUCH" in flat
    assert SAFE_ONLY_AFTER in flat
    assert re.search(r"Siyazan feed ON, age", flat), text


@pytest.mark.parametrize("person", [BEKOV, SMITH], ids=lambda person: person.role)
def test_one_line_without_a_question_switches_it_off_and_the_read_back_says_so(line: Line, home: Path, person: Person) -> None:
    line.order("repair")
    line.until("aktau", "show pfe", "pfe-a  ON   1000")
    with sitting(line.sockets["aktau"], person, home=home) as terminal:
        terminal.at_prompt()
        told(terminal.answer(ORDER))
    assert "pfe-a  OFF" in line.shows("aktau", "show", "pfe")


def test_it_works_as_one_command_too_and_its_exit_code_says_that_it_is_off(line: Line, home: Path) -> None:
    line.order("repair")
    line.until("aktau", "show pfe", "pfe-a  ON   1000")
    with sitting(line.sockets["aktau"], BEKOV, *ORDER.split(), home=home) as terminal:
        assert terminal.ended() == 0
        told(terminal.text)


def test_everybody_at_the_station_is_told_who_has_switched_off(line: Line, home: Path) -> None:
    line.order("repair")
    line.until("aktau", "show pfe", "pfe-a  ON   1000")
    with sitting(line.sockets["aktau"], BEKOV, home=home) as other, sitting(line.sockets["aktau"], SMITH, home=home) as terminal:
        other.at_prompt()
        terminal.at_prompt()
        told(terminal.answer(ORDER))
        said = " ".join(other.sees("EMERGENCY-OFF", "NOT SAFE TO TOUCH").split())
        assert re.search(rf"EMERGENCY-OFF pfe-a by {SMITH.called}", said), said


def test_what_is_not_that_line_switches_nothing_off_and_says_what_would(line: Line, home: Path) -> None:
    line.order("repair")
    line.until("aktau", "show pfe", "pfe-a  ON   1000")
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        for typed in ("emergency-off pfe a", "EMERGENCY-OF pfe a", "EMERGENCY-OFF"):
            assert "EMERGENCY-OFF" in terminal.answer(typed)
            assert "pfe-a  ON " in terminal.answer("show pfe")


def test_who_may_only_look_is_refused_and_told_where_the_red_button_is(line: Line, home: Path) -> None:
    line.order("repair")
    line.until("aktau", "show pfe", "pfe-a  ON   1000")
    with sitting(line.sockets["aktau"], CRON, home=home) as terminal:
        terminal.at_prompt()
        refused = " ".join(terminal.answer(ORDER).split())
        assert "no-access-authority" in refused
        assert "red emergency-off button" in refused
        assert "pfe-a  ON " in terminal.answer("show pfe")
