"""What is put back of an alarm whose row was torn has the letter that its last event told."""

from __future__ import annotations

import pytest

from stationd.core.alarm.machine import letter
from stationd.core.alarm.memory import flags_of
from stationd.outputs.recovered import FLAGS


@pytest.mark.parametrize(("told", "word"), FLAGS.items())
def test_the_letter_of_the_last_event_is_the_letter_that_comes_back(told: str, word: str) -> None:
    assert letter(flags_of(word)).value == told
