"""`explain WORD`: which word is meant, and what a terminal of 7 bits or of UTF-8 gets to see."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.alarm.catalogue import CATALOGUE
from stationd.shell.explain import LANGUAGES, Unknown, explained, known_words, looked_up
from stationd.shell.screens.typeset import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
PRESENT = [language for language in LANGUAGES if (files("stationd.shell.explanations") / f"{language}.toml").is_file()]


def lines_of(word: str, language: str = "en", *, utf8: bool = False) -> list[str]:
    found = explained(word, language, utf8=utf8)
    assert not isinstance(found, Unknown), found
    return found


def senses(word: str) -> set[str]:
    found = looked_up(word)
    assert not isinstance(found, Unknown), found
    return {f"{entry.kind}.{entry.word}" for entry in found}


# Which word is meant.


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("PFE-TRIP", {"alarm.PFE-TRIP"}),
        ("pfe-trip", {"alarm.PFE-TRIP"}),
        ("PFE-TRIP#3", {"alarm.PFE-TRIP"}),
        ("line/LINE-DOWN", {"alarm.LINE-DOWN"}),
        ("amp-1/LIGHT-LOW/pump 2#14", {"alarm.LIGHT-LOW"}),
        ("a/STALE", {"alarm.STALE"}),
        ("blocked-by-hold", {"cause.blocked-by-hold"}),
        ("1-of-n-control", {"cause.1-of-n-control"}),
        ("dbm", {"unit.dBm"}),
        ("%", {"unit.%"}),
        ("B", {"letter.B"}),
        ("B!", {"letter.B"}),
        ("?", {"mark.?"}),
        ("--", {"mark.--"}),
        ("stale", {"quality.stale"}),
        ("held", {"phase.HELD"}),
        ("crit", {"severity.critical"}),
        ("far rx", {"column.far rx"}),
        ("far-rx", {"column.far rx"}),
        ("  far   rx ", {"column.far rx"}),
    ],
)
def test_a_word_is_found_however_it_is_spelled_and_inside_the_key_of_an_alarm(typed: str, meant: set[str]) -> None:
    assert senses(typed) == meant


def test_a_word_of_several_senses_is_explained_in_all_of_them() -> None:
    assert senses("A") == {"letter.A", "unit.A"}
    assert senses("operate") == {"role.operate", "class.operate"}


def test_a_kind_before_the_word_chooses_the_sense() -> None:
    assert senses("unit.A") == {"unit.A"}


def test_a_word_that_differs_by_its_capitals_alone_is_named_beside_it() -> None:
    assert lines_of("stale")[-1] == "see also: STALE"
    assert senses("Stale") == {"alarm.STALE", "quality.stale"}


@pytest.mark.parametrize("typed", ["pfe-tr", "BLOCKED-BY-INTERL", "insulated"])
def test_a_beginning_is_enough_where_one_word_alone_begins_so(typed: str) -> None:
    assert len(senses(typed)) == 1


def test_a_beginning_of_several_words_is_answered_with_these_words() -> None:
    found = explained("blocked-by-h")
    assert found == Unknown("blocked-by-h", ("blocked-by-health", "blocked-by-hold"))


def test_a_part_of_a_word_is_no_beginning_of_another_one() -> None:
    found = explained("trip")
    assert isinstance(found, Unknown)
    assert {"PFE-TRIP", "tripped"} <= set(found.near)


def test_a_word_mistyped_is_answered_with_what_looks_like_it() -> None:
    found = explained("PFE-TRPI")
    assert isinstance(found, Unknown)
    assert found.near[0] == "PFE-TRIP"


@pytest.mark.parametrize("typed", ["", " ", "/", "a//b", "a/b/c/d", "#3", "!?", "frobnicate", "\x1b[31mred", "../../etc/passwd", "x" * 999])
def test_what_is_no_word_gets_an_answer_that_no_terminal_obeys(typed: str) -> None:
    found = explained(typed)
    assert isinstance(found, Unknown)
    assert all(len(line) <= COLUMNS and line.isascii() and line.isprintable() for line in found.lines())


@given(st.text(max_size=40), st.sampled_from(LANGUAGES))
def test_any_word_is_explained_or_unknown_and_fits_the_terminal(typed: str, language: str) -> None:
    found = explained(typed, language, utf8=False)
    lines = found.lines() if isinstance(found, Unknown) else found
    assert lines
    assert all(len(line) <= COLUMNS and line.isascii() for line in lines)


def test_all_known_words_are_named_once_and_each_is_explained() -> None:
    words = known_words()
    assert len(set(words)) == len(words)
    assert set(CATALOGUE) < set(words)
    assert [word for word in words if isinstance(looked_up(word), Unknown)] == []


# What is shown.


def test_an_alarm_is_told_with_its_severity_and_what_to_do_first() -> None:
    trip, text = CATALOGUE["PFE-TRIP"], " ".join(" ".join(lines_of("PFE-TRIP")).split())
    assert lines_of("PFE-TRIP")[0] == "PFE-TRIP   alarm type   CRITICAL"
    assert all(part in text for part in (trip.text, trip.consequence, trip.first_action))


@pytest.mark.parametrize("language", PRESENT)
def test_every_word_fits_79_columns_in_every_language(language: str) -> None:
    wide = {line for word in known_words() for line in lines_of(word, language, utf8=True) if len(line) > COLUMNS or not line.isprintable()}
    assert wide == set()


@pytest.mark.parametrize("language", PRESENT)
def test_no_command_in_a_text_is_cut_in_two(language: str) -> None:
    commands = re.compile(r"\b(?:show alarms (?:all|shelved|suppressed|out-of-service)|show (?:line|fault|status|holds)|support fault)\b")
    cut = [
        command for word in known_words() for entry in looked_up(word, language) for text in entry.texts.values()
        for command in commands.findall(text) if command not in "\n".join(lines_of(word, language, utf8=True))
    ]  # fmt: skip
    assert cut == []


@pytest.mark.parametrize("language", [each for each in PRESENT if each != "en"])
def test_a_translation_ends_with_the_word_that_nobody_has_reviewed_it(language: str) -> None:
    label = tomllib.loads((files("stationd.shell.explanations") / f"{language}.toml").read_text("utf-8"))["label"]["not_reviewed"]
    assert lines_of("PFE-TRIP", language, utf8=True)[-1] == label
    assert lines_of("PFE-TRIP")[-1] != label


@pytest.mark.parametrize("language", [each for each in PRESENT if each != "en"])
def test_a_terminal_of_7_bits_gets_english_and_the_reason(language: str) -> None:
    lines = lines_of("PFE-TRIP", language)
    assert lines[0] == f"this terminal shows 7-bit ASCII only; explanations in {language} need UTF-8"
    assert lines[2:] == lines_of("PFE-TRIP")
    assert "".join(lines_of(word, language)[0] for word in known_words()).isascii()


@pytest.mark.parametrize("language", ["de", "", "RU", "../secret", "ru\x1b[0m"])
def test_a_language_that_is_not_there_is_replaced_by_english_and_named(language: str) -> None:
    lines = lines_of("PFE-TRIP", language, utf8=True)
    assert lines[0].startswith("there are no explanations in ")
    assert lines[0].isprintable()
    assert "PFE-TRIP   alarm type   CRITICAL" in lines


def test_the_same_words_are_explained_in_russian() -> None:
    lines = lines_of("line/LINE-DOWN#2", "ru", utf8=True)
    assert lines[0] == "LINE-DOWN   тип аварийного сигнала   КРИТИЧЕСКИЙ"
    assert "show fault" in " ".join(" ".join(lines).split())


# What it costs, and what is shipped.


def test_nothing_heavy_is_loaded_before_a_word_is_asked_for() -> None:
    script = (
        "import sys, stationd.shell.explain; "
        "print([name for name in ('tomllib', 'difflib', 'importlib.resources', 'dataclasses', 'stationd.core') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_files_are_found_beside_the_program_and_belong_to_its_package() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    assert "*.toml" in shipped["stationd.shell.explanations"]
    assert (files("stationd.shell.explanations") / "en.toml").is_file()
