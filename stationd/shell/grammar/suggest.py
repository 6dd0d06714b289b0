"""What may follow what is typed so far: for `?` everything, for the Tab key only words that look or note. Pure.

No word of a command that acts on the plant is ever completed, and EMERGENCY-OFF least of all: a key that is hit twice must not write
what kills. `?` names them, since somebody who looks for a word has to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stationd.shell.grammar.command import CHOICES, UNITS, Class, Command, What
from stationd.shell.grammar.match import Offer, Way, beginning, follow, offers
from stationd.shell.grammar.slots import SLOTS

COMPLETED = frozenset({Class.READ, Class.NOTE})
END = "<Enter>"
Names = Callable[[str], Sequence[str]]


class Next(NamedTuple):
    """Something that may come next: a word or, for a slot, what is wanted there; `help` in one line."""

    word: str
    help: str
    klass: Class
    slot: str = ""


def following(table: Sequence[Command], words: Sequence[str], begun: str) -> list[Next]:
    """Return what may be typed after `words` when `begun` stands there already, the more harmless first, each once.

    A word that leads to one command has the help of that command.
    """
    ways = _ways(table, words, begun)
    found = [Next(END, way.command.help, way.command.klass) for way in ways if way.ended and words and not begun][:1]
    found += [each for offer in offers(ways) for each in _nexts(offer, begun)]
    said: dict[str, list[Next]] = {}
    for each in sorted(found, key=lambda each: each.klass):
        said.setdefault(each.word, []).append(each)
    return [several[0] if len({each.help for each in several}) == 1 else several[0]._replace(help="") for several in said.values()]


def completions(table: Sequence[Command], words: Sequence[str], begun: str, names: Names) -> list[str]:
    """Return the words that the Tab key may write; `names` gives those of the station for a slot."""
    harmless = [command for command in table if command.klass in COMPLETED]
    found: list[str] = []
    for each in following(harmless, words, begun):
        if each.word == END:
            continue
        found += [name for name in names(each.slot) if name.startswith(begun)] if each.slot else [each.word]
    return sorted(dict.fromkeys(found))


def _ways(table: Sequence[Command], words: Sequence[str], begun: str) -> list[Way]:
    first = words[0] if words else begun
    ways = beginning(table, first)
    for word in words:
        ways = follow(ways, word)
    return ways


def _nexts(offer: Offer, begun: str) -> list[Next]:
    command = offer.way.command
    if offer.step.what is What.SLOT:
        slot = SLOTS[offer.step.name]
        return [Next(f"<{slot.called}>", f"such as {slot.example}", command.klass, offer.step.name)]
    words = CHOICES[offer.step.name] if offer.step.what is What.CHOICE else (offer.step.name,)
    fitting = [word for word in words if word.startswith(begun)]
    return [Next(word, "its unit" if word in UNITS else command.help, command.klass) for word in fitting]
