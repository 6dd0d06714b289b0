"""The page for the telephone: twenty letters, words that can be said, a check sum that finds what was heard wrong."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.screens.phone import LETTERS, TOPICS, Answers, check_sum, grouped, living, page, said, spoken, verified
from tests.console.desk import STATUS, value

SAYABLE = re.compile(r"[A-Za-z0-9 .,:-]*")
VERDICT = {
    "kind": "cable-cut", "ours": "no", "confidence": "high", "sentence": "LINE DOWN", "where": "sea cable",
    "since": "2026-11-22T22:01:07.000Z",
}  # fmt: skip
ALARM = {
    "key": "line/LINE-BREAK", "letter": "B", "severity": "critical", "text": "The cable is broken",
    "since": {"t": "2026-11-22T22:01:07.000Z", "synchronised": True},
}  # fmt: skip
LISTING = {"alarms": [ALARM], "asOf": {"t": STATUS["t"], "synchronised": True}}


def test_every_line_has_its_letter_and_there_are_twenty() -> None:
    lines = living(Answers(STATUS | {"verdict": VERDICT}, LISTING, [], [], {"holder": ""}))
    assert [line[:2] for line in lines] == [f"{letter} " for letter in LETTERS]
    assert len(lines) == len(TOPICS) + 1 == 20
    assert lines[3] == "D verdict LINE DOWN"
    assert lines[4] == "E is it ours NO, confidence high, sea cable, since 22:01:07 UTC"
    assert lines[5] == "F our feed pfe-a on, 1 000 mA, plus 1 412 V"
    assert lines[12] == "M alarm 1 B critical line LINE-BREAK, since 22:01:07 UTC, The cable is broken"
    assert lines[15] == "P operations none, no hold, authority with nobody"


@pytest.mark.parametrize(("ours", "words"), [("yes", "YES"), ("no", "NO"), ("cannot-tell", "cannot be told")])
def test_whose_it_is_is_always_on_the_page(ours: str, words: str) -> None:
    verdict = {**VERDICT, "ours": ours, "confidence": "medium", "sentence": "x" * 60, "where": "a very long description of a place " * 3}
    assert living(Answers(STATUS | {"verdict": verdict}))[4].startswith(f"E is it ours {words}, confidence medium")


@given(st.dictionaries(st.sampled_from(list(TOPICS)), st.lists(st.text(max_size=120), max_size=6)))
def test_any_text_becomes_a_page_that_can_be_said(topics: dict[str, list[str]]) -> None:
    lines = page(topics)
    assert [line[0] for line in lines] == list(LETTERS)
    assert max(map(len, lines)) <= 79
    assert all(SAYABLE.fullmatch(line) for line in lines)
    assert verified("\n".join(lines))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*STATUS, "verdict", "far_end", "you"]), json_like))
def test_a_status_of_another_version_still_becomes_a_page(status: dict[str, object]) -> None:
    assert verified("\n".join(living(Answers(status))))


def test_the_check_sum_does_not_mind_how_it_was_written_down() -> None:
    lines = living(Answers(STATUS, LISTING))
    heard = "\n\n".join(line.lower().replace(",", "").replace(" 000 ", "000 ") for line in lines)
    assert verified(heard)


def test_the_check_sum_finds_what_was_heard_wrong() -> None:
    lines, chance = living(Answers(STATUS, LISTING)), random.Random(1)
    missed = 0
    for _ in range(500):
        number = chance.randrange(len(lines) - 1)
        places = [at for at, sign in enumerate(lines[number]) if sign.isdigit() or sign.isalpha()]
        at = chance.choice(places)
        wrong = chance.choice([sign for sign in "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789" if sign != lines[number][at].upper()])
        heard = [*lines]
        heard[number] = lines[number][:at] + wrong + lines[number][at + 1 :]
        missed += verified("\n".join(heard))
    assert missed <= 2  # of 10 000 possible sums one is the right one by chance


def test_the_check_sum_is_the_documented_one() -> None:
    assert check_sum(["A station aktau, live."]) == f"{__import__('zlib').crc32(b'ASTATIONAKTAULIVE') % 10_000:04d}"


def test_numbers_are_in_groups_and_their_value_is_kept() -> None:
    numbers = (0, 12345, 1000.5, -1412, 1234567.891)
    assert [grouped(each, 2) for each in numbers] == ["0", "12 345", "1 000.5", "minus 1 412", "1 234 567.89"]


def test_signs_are_words() -> None:
    assert said("-18.3 dBm (+-0.3) 5 % fp1-booster/LOW") == "minus 18.3 dBm plus minus 0.3 5 percent fp1-booster LOW"
    assert spoken(value(-18.31, "dBm")) == "minus 18.31 dBm"
    assert spoken(value(None, "dBm", "stale", last=-18.3)) == "minus 18.3 dBm stale"
    assert spoken(value(None, "dBm", "bad")) == "no value"
    assert spoken(None) == "not known"
