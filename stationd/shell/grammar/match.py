"""Which command a row of words is. Pure.

All rows of the table are followed at once, word by word. A word that is written out wins over a slot, a slot over a word that is cut
short; and only commands that read may be cut short at all, where just one word begins so. Whatever does not fit is told with the
place, what would fit there, and how the whole line is written.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from stationd.shell.grammar.command import CHOICES, UNITS, Class, Command, Filled, Path, Step, What, first_word, paths
from stationd.shell.grammar.slots import SLOTS
from stationd.shell.grammar.typed import Quoted
from stationd.shell.wish import Usage, Wish

EMERGENCY_OFF = "EMERGENCY-OFF"
EMERGENCY_FORMS = f"{EMERGENCY_OFF} all, or {EMERGENCY_OFF} and the name of a feed (show pfe)"
MOST_FORMS = 4  # that an error shows


class Way(NamedTuple):
    """How far the words have come along one way through one command."""

    command: Command
    path: Path
    at: int = 0
    got: tuple[tuple[str, Any], ...] = ()

    @property
    def ended(self) -> bool:
        """True when the command may end here."""
        return self.at == len(self.path)


class Offer(NamedTuple):
    """A step that may come next on a way."""

    way: Way
    step: Step
    goes_to: int

    @property
    def words(self) -> Sequence[str]:
        """The words that may be typed for it; none for a slot."""
        match self.step.what:
            case What.WORD:
                return (self.step.name,)
            case What.CHOICE:
                return CHOICES[self.step.name]
        return ()


class Read(NamedTuple):
    """A command that was understood, with its slots filled."""

    command: Command
    filled: Filled

    @property
    def wish(self) -> Wish:
        """What it asks for. Usage where that is not clear."""
        return self.command.ask(self.filled)


def read(table: Sequence[Command], words: Sequence[str]) -> Read:
    """Return the command that the words are. Usage, in one sentence, when they are none."""
    if not words:
        raise Usage("what is to be done? For example: show status")
    ways = beginning(table, words[0])
    for number, word in enumerate(words):
        ways = _advanced(ways, word, words[:number])
    for way in ways:
        if way.ended:
            return Read(way.command, _filled(way))
    raise Usage(_unfinished(ways, words))


def beginning(table: Sequence[Command], word: str) -> list[Way]:
    """Return the ways on which a first word can stand; all of them where none can."""
    rows = [row for row in table if first_word(row.form).startswith(word.casefold() if row.klass is Class.READ else word)]
    return [Way(row, path) for row in rows or table for path in paths(row.form)]


def offers(ways: Iterable[Way]) -> Iterator[Offer]:
    """Give what may come next."""
    for way in ways:
        if way.at and (way.path[way.at - 1].many or _is_rest(way.path[way.at - 1])):
            yield Offer(way, way.path[way.at - 1], way.at)
        if not way.ended:
            yield Offer(way, way.path[way.at], way.at + 1)


def follow(ways: list[Way], word: str) -> list[Way]:
    """Return the ways that go on with a word; none where no way does. For completion: nothing is said of what is wrong."""
    try:
        return _advanced(ways, word, ())
    except Usage:
        return []


def _advanced(ways: list[Way], word: str, before: Sequence[str]) -> list[Way]:
    offered = list(offers(ways))
    text = isinstance(word, Quoted)
    exact = [] if text else [_taken(offer, word) for offer in offered if word in offer.words]
    if exact:
        return exact
    slots = [taken for offer in offered if offer.step.what is What.SLOT and (taken := _slot(offer, word)) is not None]
    if slots:
        return slots
    reads = [] if text else [offer for offer in offered if offer.way.command.klass is Class.READ]
    short = [(offer, full) for offer in reads for full in offer.words if _begins(full, word)]
    meant = sorted({full for _, full in short})
    if len(meant) > 1:
        raise Usage(f"{word} may be {' or '.join(meant)}")
    if not short:
        raise Usage(_stuck(offered, word, before))
    return [_taken(offer, full) for offer, full in short]


def _begins(full: str, word: str) -> bool:
    return bool(word) and full not in UNITS and full.startswith(word)


def _taken(offer: Offer, word: str) -> Way:
    way, step = offer.way, offer.step
    got = way.got if step.what is What.WORD else (*way.got, (step.name, word))
    return Way(way.command, way.path, offer.goes_to, got)


def _slot(offer: Offer, word: str) -> Way | None:
    """Return the way with its slot filled; None where the word does not fit."""
    slot, way = SLOTS[offer.step.name], offer.way
    if offer.step.name == "KEY" and isinstance(word, Quoted):
        return None  # a note may look like the type of an alarm
    continued = slot.rest and offer.goes_to == way.at
    try:
        known = word if continued else slot.read(word)
    except Usage:
        return None
    return Way(way.command, way.path, offer.goes_to, (*way.got, (offer.step.name, known)))


def _is_rest(step: Step) -> bool:
    return step.what is What.SLOT and SLOTS[step.name].rest


def _filled(way: Way) -> Filled:
    """Return the slots with what stands in them: texts joined, of those that may be many a tuple."""
    filled: dict[str, Any] = {}
    for step in way.path:
        found = [known for name, known in way.got if name == step.name]
        if step.what is What.SLOT and SLOTS[step.name].rest:
            filled[step.name] = " ".join(found)
        elif step.what is not What.WORD:
            filled[step.name] = tuple(found) if step.many else found[0]
    return filled


# What is said when it is none.


def written(form: str) -> str:
    """Return a form as it is shown to people: an example in each slot, the words of each choice."""
    tokens = form.replace("[", "[ ").replace("]", " ]").split()
    return " ".join(_example(token) for token in tokens).replace("[ ", "[").replace(" ]", "]")


def _example(token: str) -> str:
    name, mark = token.removesuffix("..."), "..." if token.endswith("...") else ""
    if name in CHOICES:
        return "|".join(CHOICES[name]) + mark
    return (SLOTS[name].example if name in SLOTS else name) + mark


def _stuck(offered: Sequence[Offer], word: str, before: Sequence[str]) -> str:
    known = sorted({full for offer in offered for full in offer.words})
    if word.casefold() == EMERGENCY_OFF.casefold():
        return f"{EMERGENCY_OFF} is typed in capitals: {EMERGENCY_FORMS}: nothing was sent"
    if full := [each for each in known if word and each.startswith(word) and each not in UNITS]:
        return f"{word}: an order is typed in full: {' or '.join(full)}"
    units = [each for each in known if each in UNITS]
    if units:
        return _wrong_unit(units, word, before) + _forms(offered)
    complaints = sorted({complaint for offer in offered if (complaint := _complaint(offer, word))})
    if len(complaints) == 1:
        return complaints[0] + _forms(offered)
    if not known and not complaints:
        return f"{word} is too much: no more words belong behind {' '.join(before)} (a text of several words stands in quotes)"
    if len(known) == 1 and not complaints:
        return f"{word or 'nothing'} stands where {known[0]} belongs{_forms(offered)}"
    near = difflib.get_close_matches(word, known, 1)
    meant = f"; {near[0]} is meant?" if near else ""
    after = f" after {' '.join(before[-3:])}" if before else ""
    return f"{word or 'nothing'} is not understood{after}{meant}{_comes(offered)}{_forms(offered)}"


def _complaint(offer: Offer, word: str) -> str:
    if offer.step.what is not What.SLOT:
        return ""
    try:
        SLOTS[offer.step.name].read(word)
    except Usage as wrong:
        return str(wrong)
    return ""


def _wrong_unit(units: Sequence[str], word: str, before: Sequence[str]) -> str:
    number = " ".join(before[-2:])
    if word in UNITS or word.casefold() in ("a", "ma", "ka", "w", "mw", "v"):
        return f"{number} is written in {units[0]}, not in {word}"
    return f"{number} has no unit: write {number} {units[0]}"


def _unfinished(ways: Sequence[Way], words: Sequence[str]) -> str:
    if words[0] == EMERGENCY_OFF:
        return f"{EMERGENCY_OFF} what? {EMERGENCY_FORMS}: nothing was sent"
    offered = [offer for offer in offers(ways) if offer.goes_to != offer.way.at]
    known = {full for offer in offered for full in offer.words}
    if units := known & UNITS:
        return _wrong_unit(sorted(units), "", words) + _forms(offered)
    after = " ".join(words[-4:])
    if known == {"reason"}:
        return f'why? It ends with reason "..."{_forms(offered)}'
    return f"{after} wants more words{_comes(offered)}{_forms(offered)}"


def _comes(offered: Sequence[Offer]) -> str:
    """Return what would fit."""
    words = sorted({full for offer in offered for full in offer.words})
    slots = sorted({f"{SLOTS[offer.step.name].called} such as {SLOTS[offer.step.name].example}"
                    for offer in offered if offer.step.what is What.SLOT})  # fmt: skip
    fitting = [*words, *slots]
    return f"; there comes: {', '.join(fitting)}" if fitting else ""


def _forms(offered: Sequence[Offer]) -> str:
    """Return how the commands are written that are still possible, when they are few."""
    forms = list(dict.fromkeys(offer.way.command.form for offer in offered))
    return f". The form: {'; or '.join(map(written, forms))}" if 0 < len(forms) <= MOST_FORMS else ""
