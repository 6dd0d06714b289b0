"""The README says what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from stationd.core.amplifier import machine as amplifier
from stationd.core.operation import machine as operation
from stationd.core.operation.diagram import summary
from stationd.core.powerfeed import machine as powerfeed

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.parametrize("machine", [operation, powerfeed, amplifier], ids=["operation", "power feed", "amplifier"])
def test_the_transition_diagram_of_the_readme_is_the_table(machine: object) -> None:
    printed = "\n".join(summary(machine.rows()))  # type: ignore[attr-defined]
    assert printed in README.read_text(), f"print it anew:\n{printed}"


def test_the_short_form_of_a_table_says_all_of_it_and_nothing_else() -> None:
    rows = list(operation.rows())
    told = set()
    text = " ".join(line.strip() if line.startswith("     ") else "\n" + line.strip() for line in summary(rows))
    for entry in text.strip().split("\n"):
        states, _, rest = entry.partition(": ")
        events, _, following = rest.rpartition(" -> ")
        told |= {(state, event, following.strip()) for state in states.split(", ") for event in events.split()}
    assert told == set(rows)
