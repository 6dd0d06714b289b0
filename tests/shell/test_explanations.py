"""The files of explanations: every language says the same of the same words, in its own letters."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files

import pytest

from stationd.config.model import Mode
from stationd.core.alarm.catalogue import CATALOGUE
from stationd.core.alarm.machine import Denial, Letter
from stationd.core.alarm.type import Severity
from stationd.core.model import Level, Reason
from stationd.core.operation.applies import State
from stationd.core.operation.authority import Standing
from stationd.core.operation.task import CommandClass, Ending
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Cause
from stationd.core.powerfeed.machine import Phase as Step
from stationd.core.verdict.words import Confidence, Kind
from stationd.shell.screens.typeset import DECIMALS

Texts = dict[str, dict[str, str]]
FOLDER = files("stationd.shell.explanations")
PRESENT = sorted(each.name.removesuffix(".toml") for each in FOLDER.iterdir() if each.name.endswith(".toml"))
TRANSLATED = [language for language in PRESENT if language != "en"]
FIELDS = {"alarm": {"meaning", "consequence", "first"}, "cause": {"meaning", "remedy"}, "verdict": {"meaning", "first"}}
LETTERS = {
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "kk": "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя",
    "az": "abcçdeəfgğhxıijkqlmnoöprsştuüvyz",
}
# What stays as it is typed: commands with their words, ids in capitals with a hyphen, signed and unsigned numbers.
COMMANDS = re.compile(
    r"\bshow (?:alarms (?:all|shelved|suppressed|out-of-service)|alarms|status|line|faults?|operations|holds|interlocks|authority|diff)"
    r"|\bsupport fault|\bstationd check|\bauthority request|\bbaseline take|\[\[alarm\]\]"
)
NAMES = re.compile(r"\b[A-Z]+(?:-[A-Z]+)+\b|\b(?:UTC|MQTT|OPEN|LOST|CRIT|MAJOR|MINOR|WARN|STANDS|BELOW RANGE)\b")
NUMBERS = re.compile(r"\d+(?:\.\d+)?")


def read(language: str) -> dict[str, Texts]:
    found: dict[str, Texts] = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return found


def english() -> dict[str, Texts]:
    alarms = {
        each.id: {"meaning": each.text, "consequence": each.consequence, "first": each.first_action} for each in CATALOGUE.values()
    }
    return {**read("en"), "alarm": alarms}


def flat(language: str) -> Iterator[tuple[str, str]]:
    """Give each text with its name: kind, word and field."""
    for kind, words in (english() if language == "en" else read(language)).items():
        for word, fields in words.items():
            for field, text in {"": fields}.items() if isinstance(fields, str) else fields.items():
                yield f"{kind}.{word}.{field}", text


# Which words there are.


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cause", {each.value for each in (*Cause, *Denial)} | {"reason-required", "no-such-alarm", "occurrence-passed", "one-shot"}),
        ("unit", set(DECIMALS)),
        ("letter", {each.value for each in Letter}),
        ("quality", {each.value for each in (*Level, *Reason) if each.value} | {"sim"}),
        ("verdict", {each.value for each in Kind}),
        ("severity", {each.value for each in Severity}),
        ("authority", {each.value for each in Standing}),
        ("mode", {each.value.upper() for each in Mode}),
        ("phase", {each.value.upper() for each in Phase}),
        ("step", {each.value for each in Step} - {"held"}),
        ("ending", {each.value for each in Ending}),
        ("applied", {each.value for each in State}),
        ("class", {each.value for each in CommandClass}),
        ("confidence", {each.value.upper() for each in Confidence}),
    ],
)
def test_every_word_of_the_program_is_explained(kind: str, words: set[str]) -> None:
    assert words - set(english()[kind]) == set()


@pytest.mark.parametrize("language", PRESENT)
def test_every_language_explains_the_same_words(language: str) -> None:
    wanted, found = dict(flat("en")), dict(flat(language))
    assert (sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))) == ([], [])


def test_a_word_has_the_fields_of_its_kind() -> None:
    wrong = [
        f"{kind}.{word}" for kind, words in english().items() if kind != "label"
        for word, fields in words.items() if set(fields) != FIELDS.get(kind, {"meaning"})
    ]  # fmt: skip
    assert wrong == []


def test_there_is_english_and_the_languages_of_both_stations_and_of_their_engineers() -> None:
    assert set(PRESENT) == {"en", *LETTERS}


# What the texts are made of.


@pytest.mark.parametrize("language", PRESENT)
def test_no_text_is_empty_or_broken_into_lines(language: str) -> None:
    assert [name for name, text in flat(language) if not text.strip() or text != " ".join(text.split())] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_was_left_in_english(language: str) -> None:
    wanted = dict(flat("en"))
    assert [name for name, text in flat(language) if text == wanted.get(name)] == []


@pytest.mark.parametrize("language", PRESENT)
def test_only_letters_of_the_language_are_used(language: str) -> None:
    own = LETTERS.get(language, "")
    allowed = set(own) | set(own.upper()) | {chr(code) for code in range(0x20, 0x7F)} | (set("İ") if language == "az" else set())
    assert {name: odd for name, text in flat(language) if (odd := "".join(sorted(set(text) - allowed)))} == {}


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("pattern", [COMMANDS, NAMES, NUMBERS], ids=["commands", "names", "numbers"])
def test_what_is_typed_or_measured_stays_as_it_is(language: str, pattern: re.Pattern[str]) -> None:
    found = dict(flat(language))
    changed = {
        name: wanted for name, text in flat("en") if not name.startswith("label.")
        and (wanted := sorted(pattern.findall(text))) != sorted(pattern.findall(found.get(name, text)))
    }  # fmt: skip
    assert changed == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_says_in_its_first_lines_that_nobody_has_reviewed_it(language: str) -> None:
    head = (FOLDER / f"{language}.toml").read_text("utf-8").split("\n[", maxsplit=1)[0]
    assert "not yet reviewed by a native speaker" in head
