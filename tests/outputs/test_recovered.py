"""What is put back of an alarm whose row was torn has the letter that its last event told."""

from __future__ import annotations

import pytest

from stationd.core.alarm.machine import letter
from stationd.core.alarm.memory import flags_of
from stationd.outputs.journal.journal import Restored
from stationd.outputs.recovered import FLAGS, read_desk


@pytest.mark.parametrize(("told", "word"), FLAGS.items())
def test_the_letter_of_the_last_event_is_the_letter_that_comes_back(told: str, word: str) -> None:
    assert letter(flags_of(word)).value == told


@pytest.mark.parametrize("text", ["[" * 100_000, '{"key":' * 100_000], ids=["lists", "objects"])
def test_a_text_that_is_nested_too_deeply_leaves_the_others_as_they_are(text: str) -> None:
    sound = '{"key":"pfe-a/PFE-TRIP","flags":"acl---"}'
    found = read_desk(Restored(True, {"pfe-a/PFE-TRIP": sound, "pfe-b/PFE-TRIP": text}, {"desk": text}), "desk", {"pfe-a/PFE-TRIP"})
    assert [row.key for row in found.rows] == ["pfe-a/PFE-TRIP"]
