"""What a hand types: a line of the shell, and the arguments of a one-shot command.

Promised: a line is a command, or Usage with one sentence; a command that acts is typed out in full; the Tab key writes no word that acts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from stationd.shell.grammar.command import Class, first_word
from stationd.shell.grammar.match import written
from stationd.shell.grammar.suggest import completions, following
from stationd.shell.grammar.table import COMMANDS, PIPES, recognised, stage
from stationd.shell.grammar.typed import of_arguments, staged, words_of
from stationd.shell.screens.typeset import ascii_only, fitting
from stationd.shell.stages import checked
from stationd.shell.wish import Usage, Wish
from tests.fuzz.target import Target, holds

QUIET = frozenset({Class.READ, Class.NOTE})
ACTING = frozenset(first_word(row.form) for row in COMMANDS if row.klass not in QUIET) - frozenset(
    first_word(row.form) for row in COMMANDS if row.klass in QUIET
)
LONGEST_SENTENCE = 2000  # beside the words that were typed


def typed_line(data: bytes) -> None:
    """Feed a line: as it is typed, as arguments, and as what Tab and ? complete."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        line = staged(words_of(text))
        _understood(line.words, text)
        checked([stage(words) for words in line.stages])
    except Usage as sentence:
        _check_sentence(sentence, text)
    words = text.split(" ")[:40]
    try:
        _understood(of_arguments(words), text)
    except Usage as sentence:
        _check_sentence(sentence, text)
    following(COMMANDS, words[:-1], words[-1])
    completed = completions(COMMANDS, words[:-1], words[-1], lambda _: ("pfe-a", "fp1-booster"))
    if not words[:-1]:
        holds(ACTING.isdisjoint(completed), f"Tab writes {ACTING.intersection(completed)}")


def _understood(words: Sequence[str], text: str) -> None:
    found = recognised(words)
    if found.command.klass not in QUIET:
        holds(words[0] == first_word(found.command.form), f"{words[0]!r} was taken for {found.command.form}")
    wish = found.wish
    holds(isinstance(wish, Wish), f"{wish!r} of {text[:100]!r}")
    json.dumps(wish.parameters, default=str, allow_nan=False)


def _check_sentence(sentence: Usage, text: str) -> None:
    holds(str(sentence), "an empty sentence")
    shown = list(fitting([ascii_only(str(sentence))]))  # as it is written to the terminal
    holds(all(line.isprintable() and line.isascii() for line in shown), f"a sentence brings {shown} to the terminal")
    holds(len(str(sentence)) <= LONGEST_SENTENCE + 8 * len(text), f"a sentence of {len(str(sentence))} characters")


FORMS = tuple(written(row.form).replace("[", "").replace("]", "").replace("|", " ").encode() for row in (*COMMANDS, *PIPES))
WORDS = tuple(sorted({word for form in FORMS for word in form.split()}))
SIGNS = (b" ", b'"', b"|", b" | ", b"\t", b"\xc2\xa0", b"\xe2\x80\x8b", b"\xff", b"\0", b"#", b"/")
TARGETS = (Target("typed-line", typed_line, (*WORDS, *SIGNS), cost=20, largest=8192),)
