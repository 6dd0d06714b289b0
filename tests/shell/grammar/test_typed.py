"""A line as it is typed: what stands in quotes is text, and nothing is glued to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.grammar.table import understood
from stationd.shell.grammar.typed import of_arguments, staged, words_of
from stationd.shell.wish import Usage

BARE = st.text(st.characters(exclude_characters='"|', exclude_categories=["Z", "C"]), min_size=1).filter(str.split)


@given(st.text(max_size=20).filter(lambda text: '"' not in text), BARE)
def test_text_that_is_glued_to_a_closing_quote_is_refused(text: str, glued: str) -> None:
    with pytest.raises(Usage, match="closing quote"):
        words_of(f'note "{text}"{glued}')


def test_a_forgotten_line_end_does_not_become_a_part_of_the_reason() -> None:
    with pytest.raises(Usage, match="hold stands right behind a closing quote"):
        words_of('arm pfe a off rate 10 mA/s reason "test of the ramp"hold remove H-1')


def test_a_bar_may_stand_right_behind_a_quote() -> None:
    assert staged(words_of('show alarms | match "a b"|count')).stages == (("match", "a b"), ("count",))


@pytest.mark.parametrize("note", ["SEEN", "OK", "all-visible", "a/B", "PFE-TRIP#3"])
def test_a_quoted_word_is_a_note_and_never_an_alarm_or_a_word_of_the_command(note: str) -> None:
    wish = understood(words_of(f'ack PFE-TRIP "{note}"'))
    assert (wish.keys, wish.parameters) == (("PFE-TRIP",), {"note": note})
    with pytest.raises(Usage):
        understood(words_of(f'ack "{note}"'))


def test_a_quoted_word_of_a_command_is_the_begin_of_its_reason() -> None:
    assert understood(words_of('shelve a/B 8h "one-shot"')).parameters == {"seconds": 28_800, "reason": "one-shot"}


def test_on_a_command_line_a_word_with_a_blank_was_quoted() -> None:
    words = of_arguments(["note", "a | b", "|", "count"])
    assert staged(words) == (("note", "a | b"), (("count",),))
    assert understood(of_arguments(["ack", "PFE-TRIP", "seen by me"])).parameters == {"note": "seen by me"}
