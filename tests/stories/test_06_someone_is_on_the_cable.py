"""Story 6: someone is on the cable. A hold refuses every order with its text, at both ends, over the shift change, and is no isolation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.people import ALIYEVA, BEKOV, SMITH, Place
from tests.stories.terminal import Terminal, sitting

TEXT = "ship on cable, PSO J. Smith, PSM-0093"
NO_ISOLATION = "NOT AN ISOLATION"
REASON = 'reason "a try of the story"'
ORDERS = (
    f"arm pfe {{}} energise to 1000 mA rate 20 mA/s {REASON}", f"arm pfe {{}} ramp to 999 mA rate 20 mA/s {REASON}",
    f"arm pfe {{}} off rate 20 mA/s {REASON}", f"arm pfe {{}} electroding on {REASON}",
)  # fmt: skip


@pytest.fixture(scope="module")
def held(line: Line, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The safety officer has called, and a hold was set."""
    with sitting(line.sockets["aktau"], SMITH, home=tmp_path_factory.mktemp("home")) as smith:
        smith.at_prompt()
        said = smith.answer(f'hold add pfe a reason "{TEXT}"')
        assert re.search(r"\bH-1 holds pfe-a\b", said), said
        assert NO_ISOLATION in said
    line.until("siyazan", "show pfe", "Aktau  ON")
    return line


@pytest.fixture
def bekov(held: Line, home: Path) -> Iterator[Terminal]:
    """He sits in Aktau and has the authority."""
    with sitting(held.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        terminal.acts("authority request")
        yield terminal


def refused(answer: str) -> None:
    flat = " ".join(answer.split())
    assert flat.count("REFUSED") == 1, answer
    assert "blocked-by-hold" in flat, answer
    assert TEXT in flat, answer
    assert NO_ISOLATION in flat, answer
    assert "Nothing was sent" in flat, answer


def test_every_order_for_the_feed_is_refused_with_the_text_of_the_hold(bekov: Terminal) -> None:
    for order in ORDERS:
        refused(bekov.acts(order.format("a")))


def test_every_order_at_the_other_end_is_refused_with_it_too(held: Line, home: Path) -> None:
    with sitting(held.sockets["siyazan"], ALIYEVA, home=home) as aliyeva:
        aliyeva.at_prompt()
        aliyeva.acts("authority request")
        refused(aliyeva.acts(ORDERS[1].format("b")))


def test_the_screens_of_the_hold_say_whose_it_is_and_that_it_is_no_isolation(bekov: Terminal) -> None:
    for command in ("show holds", "show status", "handover show"):
        flat = " ".join(bekov.answer(command).split())
        assert "H-1" in flat, flat
        assert NO_ISOLATION in flat, flat
    assert re.search(SMITH.called, bekov.answer("show holds"))


def test_only_who_has_set_it_removes_it(bekov: Terminal) -> None:
    flat = " ".join(bekov.answer("hold remove H-1").split())
    assert "second-person-missing" in flat
    assert "arm hold H-1 remove" in flat
    assert "H-1" in bekov.answer("show holds")


def test_who_takes_the_shift_is_shown_it_first(held: Line, home: Path) -> None:
    with sitting(held.sockets["aktau"], ALIYEVA, home=home, place=Place.SSH) as aliyeva:
        aliyeva.at_prompt()
        page = " ".join(aliyeva.answer("handover show").split())
        assert page.index(TEXT) < page.index("ALARMS")
        assert TEXT in " ".join(aliyeva.answer("handover take").split())


def test_it_does_not_stand_in_the_way_of_switching_off_in_an_emergency(bekov: Terminal) -> None:
    assert "output OFF confirmed by read-back" in " ".join(bekov.answer("EMERGENCY-OFF pfe a").split())
