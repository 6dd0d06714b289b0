"""Story 4: energise after the repair, with a colleague in Siyazan. No step can be skipped, and none needs a manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.acting import ENERGISE, QUESTION, REASON, approves, armed, executes, switched_off
from tests.stories.line import Line
from tests.stories.people import ALIYEVA, BEKOV, SMITH, Place
from tests.stories.terminal import Terminal, sitting

SAME_MA = 3.0
NOT_IN_FULL = (
    'ar pfe a energise to 1000 mA rate 100 mA/s reason "not in full"', 'arm pfe a energise to 1000 rate 100 mA/s reason "no unit"',
    "arm pfe a energise to 1000 mA rate 100 mA/s", 'arm pfe a energise to 1 kA rate 100 mA/s reason "wrong unit"',
)  # fmt: skip


@pytest.fixture
def bekov(line: Line, home: Path) -> Iterator[Terminal]:
    """He sits at the console in Aktau, and has the authority; the line has been switched off."""
    switched_off(line)
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        terminal.acts("authority request")
        assert terminal.at_prompt().startswith("AKTAU SIM local")
        yield terminal


@pytest.fixture
def aliyeva(line: Line, home: Path) -> Iterator[Terminal]:
    """She sits in Siyazan, and has logged in to Aktau from there."""
    with sitting(line.sockets["aktau"], ALIYEVA, home=home, place=Place.SSH) as terminal:
        terminal.at_prompt()
        yield terminal


def test_two_persons_bring_the_line_to_its_current_and_each_step_says_the_next(line: Line, bekov: Terminal, aliyeva: Terminal) -> None:
    interlocks = bekov.answer("show interlocks")
    assert interlocks.count("closed") == 3
    assert "none" in bekov.answer("show holds")
    one = armed(bekov)
    screen = bekov.flat
    assert "A person touching the cable, joint or ship end can be killed." in screen
    assert f"types: approve {one.name}" in screen
    assert f"execute {one.name}" in screen
    assert "HOLDS where it is" in screen
    told = aliyeva.sees(f"has armed {one.name}", f"approve {one.name}")
    assert re.search(BEKOV.called, told)
    read = " ".join(approves(aliyeva, one.name).split())
    assert "can be killed" in read
    assert REASON in read
    assert one.code not in read
    bekov.sees(f"has approved {one.name}")
    executes(bekov, one)
    bekov.sees(one.name, "reached", "stable 5 s")
    bekov.at_prompt()
    assert line.order("current a") == pytest.approx(1000.0, abs=SAME_MA)
    aliyeva.sees(f"{one.name} ended: reached")
    assert re.search(rf"{BEKOV.called}, approved {ALIYEVA.called}", " ".join(bekov.answer("show operations").split()))


def tries_to_approve(terminal: Terminal, name: str) -> str:
    """Type all that an approval wants, as far as it is asked for; return what was written until the prompt."""
    terminal.types_by_hand(f"approve {name}")
    terminal.until(lambda: "REFUSED" in terminal.flat or "to approve" in terminal.flat, "no answer to an approval")
    if "REFUSED" not in terminal.flat:
        terminal.types_by_hand(name)
    terminal.at_prompt()
    return terminal.flat


def test_without_the_second_person_the_code_is_not_even_asked_for(line: Line, bekov: Terminal) -> None:
    one = armed(bekov)
    refused = " ".join(bekov.acts(f"execute {one.name}").split())
    assert "REFUSED" in refused
    assert "second-person-missing" in refused
    assert QUESTION not in refused
    assert line.order("current a") == pytest.approx(0.0, abs=SAME_MA)


def test_nobody_approves_what_he_has_armed_himself(bekov: Terminal) -> None:
    one = armed(bekov)
    refused = tries_to_approve(bekov, one.name)
    assert "REFUSED" in refused
    assert "second-person-missing" in refused
    assert f"{one.name} waiting" in bekov.answer("show holds").splitlines()[-1]


def test_who_has_not_the_role_neither_arms_nor_approves(line: Line, bekov: Terminal, home: Path) -> None:
    one = armed(bekov)
    with sitting(line.sockets["aktau"], SMITH, home=home) as smith:
        smith.at_prompt()
        assert "no-access-authority" in " ".join(smith.acts(ENERGISE).split())
        assert "no-access-authority" in tries_to_approve(smith, one.name)
    assert f"{one.name} waiting" in bekov.answer("show holds").splitlines()[-1]


def test_the_wrong_code_begins_nothing_and_the_second_one_ends_it(line: Line, bekov: Terminal, aliyeva: Terminal) -> None:
    one = armed(bekov)
    approves(aliyeva, one.name)
    bekov.sees(f"has approved {one.name}")
    wrong = one._replace(code=one.code[::-1] if one.code[::-1] != one.code else "2222")
    executes(bekov, wrong)
    bekov.sees("inconsistent-parameters", QUESTION)
    bekov.types_by_hand(wrong.code)
    bekov.sees("inconsistent-parameters")
    bekov.at_prompt()
    assert "NOT-EXECUTED (inconsistent-parameters)" in " ".join(bekov.answer(f"show operations {one.name}").split())
    assert line.order("current a") == pytest.approx(0.0, abs=SAME_MA)


def test_what_is_not_typed_in_full_with_every_unit_and_a_reason_arms_nothing(bekov: Terminal) -> None:
    for typed in NOT_IN_FULL:
        refused = bekov.acts(typed)
        assert not re.search(r"\bcode +\w{4}\b", refused), refused
        assert "OP-" not in refused.splitlines()[-1], refused


def test_what_was_armed_is_disarmed_when_its_author_leaves(bekov: Terminal, aliyeva: Terminal) -> None:
    one = armed(bekov)
    aliyeva.sees(f"has armed {one.name}")
    bekov.types("quit")
    assert bekov.ended() == 0
    assert one.name in bekov.news
    aliyeva.sees(f"{one.name} is disarmed")
