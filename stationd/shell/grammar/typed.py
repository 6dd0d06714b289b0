"""A line as it is typed, taken apart: words, quoted text, and the stages behind each bar. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stationd.shell.wish import Usage

BAR = "|"


class Line(NamedTuple):
    """The words of a command, and those of each stage that its output goes through."""

    words: tuple[str, ...]
    stages: tuple[tuple[str, ...], ...] = ()


def words_of(text: str) -> list[str]:
    """Return the words of a line; what stands in double quotes is one word, and a bar outside of them is one too.

    Usage when a quote is left open. Nothing else has a meaning: no escape, no variable, no pattern. A quote within a word is refused,
    since nobody means it.
    """
    words: list[str] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign.isspace():
            at += 1
        elif sign == BAR:
            words.append(BAR)
            at += 1
        elif sign == '"':
            end = text.find('"', at + 1)
            if end < 0:
                raise Usage(f"the quote before {text[at + 1 : at + 21].strip() or 'the end'} is not closed")
            words.append(Quoted(text[at + 1 : end]))
            at = end + 1
            if at < len(text) and not text[at].isspace() and text[at] != BAR:
                glued = text[at : at + 20].split(maxsplit=1)[0]
                raise Usage(f"{glued} stands right behind a closing quote: put a space between them, or mend the quotes")
        else:
            end = at
            while end < len(text) and not text[end].isspace() and text[end] not in '"|':
                end += 1
            if end < len(text) and text[end] == '"':
                raise Usage(f"a quote stands inside of {text[at:end]}: put a space before it")
            words.append(text[at:end])
            at = end
    return words


class Quoted(str):
    """A word that stood in quotes: it is text, never a bar, a word of a command, or the name of an alarm."""

    __slots__ = ()


def of_arguments(words: Iterable[str]) -> list[str]:
    """Return the words of a command line, from which another shell has taken the quotes: what has a blank in it was quoted."""
    return [Quoted(word) if any(sign.isspace() for sign in word) else word for word in words]


def staged(words: list[str]) -> Line:
    """Return a command and its stages. Usage when a stage is empty."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == BAR and not isinstance(word, Quoted):
            parts.append([])
        else:
            parts[-1].append(word)
    if len(parts) > 1 and not all(parts):
        raise Usage("nothing stands beside the bar: for example show alarms | count")
    return Line(tuple(parts[0]), tuple(tuple(part) for part in parts[1:]))
