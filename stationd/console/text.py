"""What people write, made fit to be kept and shown: one line, bounded, without anything that acts on a terminal. Pure."""

from __future__ import annotations

import unicodedata

LONGEST_NOTE = 500
LONGEST_NAME = 200
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, directions, halves of characters, unassigned, line ends


class TooLong(Exception):
    """A text is longer than what is kept of it. Nothing is cut off silently."""


def one_line(text: str, longest: int = LONGEST_NOTE) -> str:
    """Return the text with everything that is not to be seen turned into single spaces. TooLong beyond `longest` characters."""
    if len(text) > 4 * longest:
        raise TooLong
    visible = "".join(" " if unicodedata.category(sign) in _ACTING else sign for sign in text)
    cleaned = " ".join(visible.split())
    if len(cleaned) > longest:
        raise TooLong
    return cleaned


def shown_name(text: str) -> str:
    """Return the beginning of a name that a client sent, fit to be said back to it."""
    return one_line(text[:LONGEST_NAME])
