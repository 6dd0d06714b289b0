"""Story 10: a change of shift at three o'clock. One writes, the other reads and takes; nothing that is open is lost between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.acting import armed
from tests.stories.line import Line
from tests.stories.people import ALIYEVA, BEKOV, CRON, SMITH, Place
from tests.stories.terminal import Terminal, sitting

WRITTEN = "the ship leaves on Monday, ask PSO before anything"


@pytest.fixture
def bekov(line: Line, home: Path) -> Iterator[Terminal]:
    """The outgoing one."""
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        yield terminal


@pytest.fixture
def aliyeva(line: Line, home: Path) -> Iterator[Terminal]:
    """The incoming one."""
    with sitting(line.sockets["aktau"], ALIYEVA, home=home, place=Place.SSH) as terminal:
        terminal.at_prompt()
        yield terminal


def test_what_the_one_writes_the_other_reads_and_takes_and_the_first_one_sees_who_has_taken_it(
    bekov: Terminal, aliyeva: Terminal
) -> None:
    bekov.answer(f'handover write "{WRITTEN}"')
    page = " ".join(aliyeva.answer("handover show").split())
    assert WRITTEN in page
    assert re.search(BEKOV.called, page)
    assert "digest" in page
    bekov.answer("show clock")
    taken = " ".join(aliyeva.answer("handover take").split())
    assert "the shift is yours" in taken
    said = " ".join(bekov.sees("the shift is taken by").split())
    assert re.search(rf"taken by {ALIYEVA.called} at ~?\d\d:\d\dZ", said), said
    assert re.search(rf"shift of {ALIYEVA.called}", " ".join(aliyeva.answer("handover show").split()))


def test_nobody_takes_what_he_has_written_himself(aliyeva: Terminal) -> None:
    aliyeva.answer('handover write "all is well here, nothing is open"')
    assert "second-person-missing" in " ".join(aliyeva.answer("handover take").split())


def test_who_may_only_look_takes_nothing(line: Line, home: Path) -> None:
    with sitting(line.sockets["aktau"], CRON, home=home) as cron:
        cron.at_prompt()
        assert "no-access-authority" in " ".join(cron.answer("handover take").split())


def test_taking_warns_of_every_operation_and_set_value_that_is_open_and_names_it(line: Line, home: Path, bekov: Terminal) -> None:
    bekov.acts("authority request")
    bekov.acts("set amp fp1-booster output 16.5 dBm")
    bekov.acts('apply confirm-within 5m reason "drift, WO 4712"')
    line.until("aktau", "show applied", "UNCONFIRMED")
    one = armed(bekov, 'arm pfe a off rate 20 mA/s reason "maintenance, WO 4713"')
    with sitting(line.sockets["aktau"], SMITH, home=home) as smith:
        smith.at_prompt()
        page = " ".join(smith.answer("handover show").split())
        taken = " ".join(smith.answer("handover take").split())
        assert "the shift is yours" in taken
        for text in (page, taken):
            assert one.name in text, text
            assert re.search(r"\bA-\d+\b", text), text
    bekov.acts(f"disarm {one.name}")
    bekov.acts('revert reason "the story ends"')
