"""`explain WORD`: what a word of the screens means, in the language of whoever reads it.

Explains alarm types, causes of refusals, letters, units, qualities, verdicts, words of screens and of operations; not how commands
are typed, which is the grammar's. English texts of alarms are those of the core and stand nowhere else; all other texts are in
stationd/shell/explanations, one file for each language. Needs no daemon: a word is explained as well when nothing answers.

Follows the approach of message catalogues by id: what is typed, searched for and read over a telephone stays English, only the
explanation is translated. Nothing is read before the first word is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from stationd.shell.screens.typeset import COLUMNS, ascii_only

LANGUAGES = ("en", "ru", "kk", "az")
ENGLISH = "en"
MOST_NEAR, LIKE = 12, 5  # words that are offered for one that is not known: all that have it in them, else some that look like it
GAP = 2
COMMAND, GLUE = re.compile(r"\b(?:show alarms|show|support|stationd|authority|baseline|EMERGENCY-OFF) (?=[a-z])"), "\x00"
Texts = Mapping[str, str]
Table = Mapping[str, Mapping[str, Texts]]


class Entry(NamedTuple):
    """One explanation: the kind of the word, the word as screens show it, severity of an alarm type or "", texts by field."""

    kind: str
    word: str
    severity: str
    texts: Texts


class Unknown(NamedTuple):
    """No such word, or a part of several; `near` are words that may be meant, those that begin so first."""

    word: str
    near: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return that in 7-bit ASCII, at most 79 columns."""
        said = f"look at: {', '.join(self.near)}" if self.near else "look at: show alarms types"
        return [*_wrapped(f"{self.word or 'no word'}: not known, or not one word alone", ""), *_wrapped(said, "")]


def explained(word: str, language: str = ENGLISH, *, utf8: bool = False) -> list[str] | Unknown:
    """Return a word explained, in lines of at most 79 columns: title, meaning, consequence, what to do first.

    `word` may be an alarm's key, and shortened as long as one word alone begins so. Only with `utf8` there are other than 7-bit
    ASCII signs; without it a translation is replaced by English, and a line says why.
    """
    shown, why = _shown_in(language, utf8=utf8)
    entries = looked_up(word, shown)
    if isinstance(entries, Unknown):
        return entries
    lines = _wrapped(why, "") if why else []
    for entry in entries:
        lines += [*([""] if lines else []), *_entry_lines(entry, shown)]
    also = _see_also(entries)
    lines += _wrapped(", ".join(also), f"{_label('see_also', shown)}: ") if also else []
    return lines if shown == ENGLISH else [*lines, *_wrapped(_label("not_reviewed", shown), "")]


def looked_up(word: str, language: str = ENGLISH) -> tuple[Entry, ...] | Unknown:
    """Return what is known of a word: several entries where screens use one word in several senses (A is a letter and a unit).

    Where the language has no text for it, that of English is given.
    """
    found = _found(word)
    if isinstance(found, Unknown):
        return found
    own = _table(language) if language in LANGUAGES else {}
    return tuple(
        Entry(kind, name, _severity(name) if kind == "alarm" else "", own.get(kind, {}).get(name) or _words()[kind][name])
        for kind, name in found
    )


def known_words() -> tuple[str, ...]:
    """Return all that can be explained, as screens show it, each word once."""
    return tuple(dict.fromkeys(name for names in _words().values() for name in names))


# Which word is meant.

Name = tuple[str, str]


def _found(word: str) -> tuple[Name, ...] | Unknown:
    """Return kind and word of all that is meant: spelled exactly so, spelled otherwise, inside an alarm's key, or begun so."""
    wanted = " ".join(word.split())
    for text in dict.fromkeys((wanted, _without_marks(wanted), _type_of(wanted))):
        exact = tuple(name for name in _names() if text in (name[1], f"{name[0]}.{name[1]}"))
        found = exact or tuple(name for name in _names() if _alike(text) in (_alike(name[1]), _alike(f"{name[0]}.{name[1]}")))
        if text and found:
            return found
    return _begun(wanted)


def _begun(wanted: str) -> tuple[Name, ...] | Unknown:
    """Return the word that begins so, if it is the only one and no other has it as a part: trip may well mean PFE-TRIP."""
    start = _alike(wanted)
    spelled = {_alike(name): name for name in known_words()}
    begun = [alike for alike in spelled if start.strip("-") and alike.startswith(start)]
    parts = [alike for alike in spelled if start.strip("-") and start in alike.split("-") and alike not in begun]
    if len(begun) == 1 and not parts:
        return tuple(name for name in _names() if _alike(name[1]) == begun[0])
    near = (begun + parts)[:MOST_NEAR] or _looking_like(start, spelled)
    return Unknown(ascii_only(wanted), tuple(spelled[each] for each in near))


def _looking_like(start: str, spelled: Mapping[str, str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(start, spelled, LIKE)


def _see_also(entries: tuple[Entry, ...]) -> list[str]:
    """Return words that differ from this one by their spelling alone: STALE is an alarm type, stale a quality."""
    said, shown = {_alike(entry.word) for entry in entries}, {entry.word for entry in entries}
    return [name for name in known_words() if _alike(name) in said and name not in shown]


def _names() -> Iterator[Name]:
    return ((kind, name) for kind, names in _words().items() for name in names)


def _alike(text: str) -> str:
    """Return a word as it is compared: a blank is as good as a hyphen, a small letter as a capital."""
    return re.sub(r"[ _-]+", "-", text.casefold())


def _without_marks(text: str) -> str:
    """Return a state without the marks beside it (B! is B), a key without the number of its occurrence."""
    return re.sub(r"(#\d+|[!?]+)$", "", text) or text


def _type_of(text: str) -> str:
    """Return the type of an alarm's key, place/TYPE or place/TYPE/which; else nothing."""
    parts = _without_marks(text).split("/")
    return parts[1] if len(parts) in (2, 3) and all(parts) else ""


# What the files and the core say.


@cache
def _words() -> Table:
    """Return all words with their English texts, by kind; the alarm types first, since they are asked for most."""
    from stationd.core.alarm.catalogue import CATALOGUE

    alarms = {
        each.id: {"meaning": each.text, "consequence": each.consequence, "first": each.first_action} for each in CATALOGUE.values()
    }
    return {"alarm": alarms, **{kind: names for kind, names in _table(ENGLISH).items() if kind != "label"}}


@cache
def _table(language: str) -> Table:
    """Return a language's file; nothing where this installation does not have it."""
    import tomllib
    from importlib.resources import files

    file = files("stationd.shell.explanations") / f"{language}.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def _severity(name: str) -> str:
    from stationd.core.alarm.catalogue import CATALOGUE

    return CATALOGUE[name].severity.value


def _label(name: str, language: str) -> str:
    labels = {**_table(ENGLISH)["label"], **_table(language).get("label", {})}
    return str(labels[name])


# Lines.


def _shown_in(language: str, *, utf8: bool) -> tuple[str, str]:
    """Return the language that is shown, and why it is not the one that was asked for."""
    if language not in LANGUAGES or not _table(language):
        return ENGLISH, f"there are no explanations in {ascii_only(language)}; there are: {', '.join(filter(_table, LANGUAGES))}"
    if language != ENGLISH and not utf8:
        return ENGLISH, f"this terminal shows 7-bit ASCII only; explanations in {language} need UTF-8"
    return language, ""


def _entry_lines(entry: Entry, language: str) -> list[str]:
    title = [entry.word, _label(entry.kind, language), *([_label(entry.severity, language)] if entry.severity else [])]
    labels = {field: _label(field, language) for field in entry.texts}
    wide = max(map(len, labels.values())) + GAP
    rows = [row for field, text in entry.texts.items() for row in _wrapped(text, f"  {labels[field]:<{wide}}")]
    return [*_wrapped("   ".join(title), ""), *rows]


def _wrapped(text: str, first: str) -> list[str]:
    """Return a text on as many lines as it needs, under its beginning, no command in it cut in two.

    Letters of these languages are one column wide each, and no text has a control character, so that one can stand for a blank.
    """
    import textwrap

    kept = COMMAND.sub(lambda found: found.group().replace(" ", GLUE), text)
    width = textwrap.TextWrapper(COLUMNS, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
    return [line.replace(GLUE, " ") for line in width.wrap(kept)]
