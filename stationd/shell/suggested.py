"""What a line that is not finished may become: the lines for `?`, the words for the Tab key. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stationd.shell.grammar import suggest
from stationd.shell.grammar.command import Command
from stationd.shell.grammar.match import read
from stationd.shell.grammar.table import COMMANDS, PIPES
from stationd.shell.grammar.typed import BAR, Quoted, words_of
from stationd.shell.screens.typeset import COLUMNS, ascii_only, wrapped
from stationd.shell.wish import Usage

WORD = 22  # columns of a word before its line of help
NOTHING = "nothing may follow here"


class Place(NamedTuple):
    """The end of a line: the words before it, the one that is begun there, and which table they belong to."""

    words: tuple[str, ...]
    begun: str
    table: Sequence[Command]


class Completed(NamedTuple):
    """What the Tab key writes, and, where it cannot decide, between what."""

    more: str
    options: Sequence[str] = ()


def place(text: str) -> Place | None:
    """Return where a line stands; None inside of quotes, where everything is text."""
    try:
        words = words_of(text)
    except Usage:
        return None
    begun = ""
    if words and not text[-1].isspace() and not isinstance(words[-1], Quoted) and words[-1] != BAR:
        begun = words.pop()
    bars = [number for number, word in enumerate(words) if word == BAR and not isinstance(word, Quoted)]
    if bars:
        return Place(tuple(words[bars[-1] + 1 :]), begun, PIPES)
    return Place(tuple(words), begun, COMMANDS)


def may_follow(text: str) -> list[str]:
    """Return the lines that `?` prints."""
    at = place(text)
    if at is None:
        return wrapped("inside of quotes everything is text: close them first")
    found = suggest.following(at.table, at.words, at.begun)
    if not found:
        return wrapped(_why_nothing(at))
    return [row for each in found for row in _row(each.word, each.help or _alone(at, each.word))]


def completed(text: str, names: suggest.Names) -> Completed:
    """Return what the Tab key does with a line that ends where it is pressed."""
    at = place(text)
    if at is None:
        return Completed("")
    found = suggest.completions(at.table, at.words, at.begun, names)
    if len(found) == 1:
        return Completed(f"{found[0][len(at.begun) :]} ")
    more = _begin_of_all(found)[len(at.begun) :]
    return Completed(more, () if more else found)


def _begin_of_all(words: Sequence[str]) -> str:
    """Return what all words begin with."""
    shortest = min(words, key=len, default="")
    same = [all(word.startswith(shortest[:size]) for word in words) for size in range(1, len(shortest) + 1)]
    return shortest[: sum(same)]


def in_columns(words: Sequence[str]) -> list[str]:
    """Return words side by side, as many as fit a line."""
    return wrapped("  ".join(map(ascii_only, words)), "  ")


def _row(word: str, help_line: str) -> list[str]:
    first = f"  {ascii_only(word):{WORD}} "
    if len(first) > COLUMNS // 2:
        return [first.rstrip(), *wrapped(help_line, " " * (WORD + 3))]
    return wrapped(help_line, first) if help_line else [first.rstrip()]


def _alone(at: Place, word: str) -> str:
    """Return what a word does that more may follow, when nothing follows; nothing where it cannot stand alone."""
    try:
        return read(at.table, [*at.words, word]).command.help
    except Usage:
        return ""


def _why_nothing(at: Place) -> str:
    words = [*at.words, *([at.begun] if at.begun else [])]
    try:
        read(at.table, words)
    except Usage as wrong:
        return str(wrong)
    return NOTHING
