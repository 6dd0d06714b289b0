"""The names for the Tab key are those that the daemon's own interfaces give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd.shell.caller import Line
from stationd.shell.methods import OPERATION
from stationd.shell.names import ASKED, Names
from tests.console.daemon_process import daemon
from tests.shell.scripted import scripted


@pytest.fixture(scope="module")
def running() -> Iterator[Path]:
    with daemon() as path:
        yield path


# Not of operations and faults, which this daemon has none of.
@pytest.mark.parametrize("slot", [slot for slot, (method, *_) in ASKED.items() if not method.startswith(OPERATION) and slot != "FAULT"])
def test_every_name_is_found_in_what_a_daemon_answers(slot: str, running: Path) -> None:
    method, parameters, found = ASKED[slot]
    line = Line(str(running), 10.0)
    try:
        answer = line.call(method, parameters)
    finally:
        line.close()
    assert all(isinstance(name, str) and name for name in found(answer))


def test_a_point_is_completed_by_its_name(tmp_path: Path) -> None:
    with scripted(tmp_path / "s") as made:
        made.answers["ListPoints"] = lambda _: ("", {"points": [{"point": "pfe.output_current", "unit": "mA"}]})
        assert Names(str(tmp_path / "s"))("POINT") == ["pfe.output_current"]
