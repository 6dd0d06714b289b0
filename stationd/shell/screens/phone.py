"""The page that is read over a telephone: twenty lines, each with its letter, so that "read me line G" is enough. Pure.

A letter means the same topic wherever the page comes from, the living daemon (`living`) or a machine without one
(stationd.support). What is not known is said to be not known. 7-bit ASCII, at most 79 columns, numbers in groups of three, no sign
that is hard to say. What finds no place in a line is counted there, and never cut in two.

The last line is a check sum of four digits over the lines before it, so that whoever wrote them down knows that he heard right:
CRC-32 (that of zlib and of Ethernet) of the text, modulo 10 000. The text is taken as it is heard: capitals, no spaces, and no
full stop, comma, colon or hyphen at the end of a word; each line begins with its letter. `verified` checks a page.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from stationd.shell.screens.status import place_words
from stationd.shell.screens.typeset import COLUMNS, age, ascii_only, clock, is_value
from stationd.shell.screens.unjudged import AGAIN, sentence, unjudged

Form = Mapping[str, Any]
Texts = Sequence[str]
TOPICS = {
    "station": "station",
    "time": "time",
    "source": "daemon",
    "verdict": "verdict",
    "whose": "is it ours",
    "feed": "our feed",
    "far": "far end",
    "amplifiers": "amplifiers",
    "light": "light",
    "buses": "ports",
    "values": "values",
    "alarms": "alarms",
    "first": "alarm 1",
    "second": "alarm 2",
    "third": "alarm 3",
    "acting": "operations",
    "disk": "disk",
    "settings": "configuration",
    "software": "software",
}
LETTERS = "ABCDEFGHIJKLMNOPQRST"  # the last one is that of the check sum
SEVERITIES = ("critical", "major", "minor", "warning")
RANKED = ("first", "second", "third")
ON_THE_LIST = frozenset("BCDEF")
HIDDEN = (("H", "suppressed"), ("G", "shelved"), ("I", "out of service"))
HEARD = ".,:;-"  # nobody reads these aloud at the end of a word
SENTENCE = 40  # characters: what is longer is a sentence, whose beginning is worth having; what is shorter is a fact, whole or not at all
NOT_KNOWN = ("not known",)
NONE = ("none",)
SIGNS = {
    "+-": " plus minus ", "+": " plus ", "%": " percent", "&": " and ", "=": " is ", "<": " below ", ">": " above ", "#": " number ",
    "@": " at ", "~": " about ", "?": " uncertain", "*": " times ",
}  # fmt: skip
OURS = {"yes": "YES", "no": "NO", "cannot-tell": "cannot be told", "nothing-wrong": "nothing is wrong"}


class Answers(NamedTuple):
    """What the daemon answered; None for what it did not. `machine` are topics that the machine itself knows, such as its disk."""

    status: Form
    alarms: Form | None = None
    operations: Sequence[Form] | None = None
    holds: Sequence[Form] | None = None
    authority: Form | None = None
    machine: Mapping[str, Texts] = {}


# The page.


def page(topics: Mapping[str, Texts]) -> list[str]:
    """Return the twenty lines; a topic that is missing is said to be not known."""
    named = zip(LETTERS, TOPICS.items(), strict=False)
    lines = [_fitted(f"{letter} {label}", topics.get(topic) or NOT_KNOWN) for letter, (topic, label) in named]
    return [*lines, f"{LETTERS[-1]} check sum of the lines A to S is {check_sum(lines)}"]


def check_sum(lines: Iterable[str]) -> str:
    """Return the four digits for these lines, as the text of the module says."""
    words = (word.strip(HEARD) for line in lines for word in line.upper().split())
    return f"{zlib.crc32(''.join(words).encode('ascii', 'replace')) % 10_000:04d}"


def verified(text: str) -> bool:
    """Return whether a page that was written down, however it is spaced, has the check sum of its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and lines[-1].split()[-1] == check_sum(lines[:-1])


def _fitted(start: str, texts: Texts) -> str:
    """Return the line with as many of the texts as find place, and the number of the others."""
    spoken = [text for text in map(said, texts) if text]
    for kept in range(len(spoken), 0, -1):
        begin, rest = f"{start} {', '.join(spoken[:kept])}", len(spoken) - kept
        if rest and len(spoken[kept]) > SENTENCE and len(begin) + SENTENCE <= COLUMNS:
            return _whole_words(f"{begin}, {spoken[kept]}")
        line = f"{begin}{f', and {rest} more' if rest else ''}"
        if len(line) <= COLUMNS:
            return line
    return _whole_words(f"{start} {spoken[0] if spoken else NOT_KNOWN[0]}")


def _whole_words(line: str) -> str:
    """Return the beginning of a line that is too long, up to the end of a word that is no part of a number, and say that it goes on."""
    room = COLUMNS - len(" and so on")
    words = line[: room + 1].split(" ")[:-1]
    while words and not words[-1][-1:].isalpha():
        words.pop()
    begin = " ".join(words)
    return f"{begin if len(begin) > COLUMNS // 3 else line[:room]} and so on"


# How things are said.


def said(text: object) -> str:
    """Return a text without the signs that are hard to say over a telephone."""
    plain = re.sub(r"(?<![\w.])-(?=\d)", " minus ", ascii_only(text).replace("+-", SIGNS["+-"]))
    for sign, word in SIGNS.items():
        plain = plain.replace(sign, word)
    plain = re.sub(r"[^A-Za-z0-9 .,:;-]", " ", plain).replace(";", ",")
    return re.sub(r" +([.,:])", r"\1", re.sub(r" +", " ", plain)).strip()


def grouped(number: float, decimals: int = 0) -> str:
    """Return a number in groups of three digits, without zeros at its end: 12 345.6."""
    text = f"{abs(number):,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return ("minus " if number < 0 and text.strip("0.,") else "") + text.replace(",", " ")


def spoken(form: object) -> str:
    """Return a value of the documents with its unit; stale, missing and bad ones are said to be that."""
    if not is_value(form):
        return NOT_KNOWN[0]
    assert isinstance(form, Mapping)
    stale = form["q"] == "stale"
    known = form.get("last") if stale else form["v"]
    match known:
        case None:
            return "below range" if form.get("why") == "below-range" else "no value"
        case bool():
            text = "yes" if known else "no"
        case int() | float():
            text = f"{grouped(known, 2)} {form.get('u') or ''}".strip()
            text = f"plus {text}" if form.get("u") == "V" and known > 0 else text
        case _:
            text = str(known)
    return text + (" stale" if stale else " uncertain" if form["q"] == "uncertain" else "")


def alarm_texts(alarm: Form, today: str) -> list[str]:
    """Return how an alarm is said: its letter, how bad it is, its key, since when, and what it is."""
    since = f"since {clock(alarm['since'], today)} UTC" if alarm.get("since") else "since when is not known"
    return [f"{alarm['letter']} {alarm['severity']} {alarm['key']}", since, str(alarm.get("text") or "")]


def counts(alarms: Iterable[Form]) -> list[str]:
    """Return how many alarms there are, by how bad they are, and how many are hidden, by what hides them."""
    every = list(alarms)
    by_severity = Counter(alarm["severity"] for alarm in every if alarm["letter"] in ON_THE_LIST)
    by_letter = Counter(alarm["letter"] for alarm in every)
    told = [f"{by_severity[word]} {word}" for word in SEVERITIES if by_severity[word]] or ["none"]
    return told + [f"{by_letter[letter]} {word}" for letter, word in HIDDEN if by_letter[letter]]


def worst_first(alarms: Iterable[Form]) -> list[Form]:
    """Return the alarms of the main list, the worst first; of these those that wait for somebody, what came first, and the line."""
    listed = [alarm for alarm in alarms if alarm["letter"] in ON_THE_LIST and alarm["severity"] in SEVERITIES]


    def rank(alarm: Form) -> tuple[int, str, bool, bool]:
        of_line = str(alarm["key"]).startswith("line/")
        return SEVERITIES.index(alarm["severity"]), str(alarm["letter"]), not alarm.get("firstOut"), not of_line

    return sorted(listed, key=rank)


# The living daemon.


def living(answers: Answers) -> list[str]:
    """Return the page of what the daemon answered."""
    status = answers.status
    topics: dict[str, Texts] = {**answers.machine, **_head(status, answers.machine), **_verdict(status, answers.alarms)}
    topics |= {"feed": _feeds(status), "far": _far(status), "amplifiers": _amplifiers(status), "light": _light(status)}
    topics |= {"buses": _buses(status), "values": _values(status), "acting": _acting(answers)}
    if answers.alarms is not None:
        topics |= alarm_topics(answers.alarms["alarms"], str(answers.alarms["asOf"]["t"]))
    return page(topics)


def alarm_topics(alarms: Iterable[Form], today: str) -> dict[str, Texts]:
    """Return the topics of alarms: how many, and the three worst."""
    every = list(alarms)
    worst = worst_first(every)
    rows = {topic: alarm_texts(alarm, today) for topic, alarm in zip(RANKED, worst, strict=False)}
    return {"alarms": counts(every), **{topic: rows.get(topic, NONE) for topic in RANKED}}


def verdict_topics(verdict: Form, today: str, *prefix: str) -> dict[str, Texts]:
    """Return the topics of a verdict: the answer, and whose the fault is, how sure that is, where it lies and since when it is."""
    alone = "seen from this end alone" if verdict.get("one_end") else ""
    sure = f"confidence {verdict.get('confidence') or 'not known'}"
    whose = OURS.get(str(verdict.get("ours")), "not known")
    since = f"since {clock({'t': verdict['since']}, today)} UTC" if isinstance(verdict.get("since"), str) and verdict["since"] else ""
    said_of = [*prefix, str(verdict.get("sentence") or NOT_KNOWN[0]), alone]
    return {"verdict": said_of, "whose": [whose, sure, place_words(verdict), since]}


def _when(stamp: object) -> str:
    text = ascii_only(stamp)
    return f"{text[:10]} {text[11:19]} UTC"


def _head(status: Form, machine: Mapping[str, Texts]) -> dict[str, Texts]:
    you = status.get("you")
    who = f"asked by {you.get('name')} with the role {you.get('role')}" if isinstance(you, Mapping) else ""
    name = [str(status.get("station") or "not known"), str(status.get("mode") or ""), str(status.get("operator") or "")]
    return {"station": name, "time": [_when(status.get("t"))], "source": ["answers", who, *machine.get("source", ())]}


def _verdict(status: Form, alarms: Form | None) -> dict[str, Texts]:
    verdict, new = status.get("verdict"), unjudged(status, alarms)
    if new is not None:
        return {"verdict": [sentence(status, new)], "whose": ["cannot be told yet", AGAIN]}
    return verdict_topics(verdict, str(status.get("t"))) if isinstance(verdict, Mapping) else {}


def _feeds(status: Form) -> Texts:
    feeds = _named(status.get("power_feeds"))
    return [text for name, feed in feeds for text in _feed(name, feed)] or NONE


def _feed(name: str, feed: Form) -> list[str]:
    if not feed.get("up"):
        return [f"{name} does not answer"]
    return [f"{name} {_state(_v(feed.get('output_on')))}", spoken(feed.get("output_current")), spoken(feed.get("output_voltage"))]


def _far(status: Form) -> Texts:
    far = status.get("far_end")
    if not isinstance(far, Mapping):
        return NOT_KNOWN
    if not far.get("known"):
        return [f"{far.get('name') or ''} unknown", str(far.get("why") or "nothing heard")]
    feed = far.get("feed")
    if not isinstance(feed, Mapping):
        return [str(far.get("name")), "its feed is not told"]
    return [f"{far.get('name')} {_state(feed.get('on'))}", spoken(feed.get("current")), spoken(feed.get("voltage"))]


def _amplifiers(status: Form) -> Texts:
    amplifiers = _named(status.get("amplifiers"))
    answer = sum(1 for _, each in amplifiers if each.get("up"))
    troubled = [f"{name} {word}" for name, each in amplifiers for word in _troubles(each)]
    return [f"{answer} of {len(amplifiers)} answer", *(troubled or ["none with a fault"])] if amplifiers else NONE


def _troubles(amplifier: Form) -> list[str]:
    if not amplifier.get("up"):
        return ["does not answer"]
    return [word for point, word in (("los", "no light"), ("fault", "fault")) if _v(amplifier.get(point)) is True]


def _light(status: Form) -> Texts:
    taps = _named(status.get("taps"))
    dark = [f"{name} {'dark' if _v(tap.get('los')) is True else 'not known'}" for name, tap in taps if _v(tap.get("los")) is not False]
    return [f"{len(taps) - len(dark)} of {len(taps)} inputs have light", *dark] if taps else NONE


def _buses(status: Form) -> Texts:
    buses = _named(status.get("buses"))
    down = [f"{name} down" for name, bus in buses if not bus.get("up")]
    return [f"{len(buses) - len(down)} of {len(buses)} open", *down] if buses else NONE


def _values(status: Form) -> Texts:
    quality = status.get("quality")
    if not isinstance(quality, Mapping):
        return NOT_KNOWN
    return [f"{grouped(count)} {word}" for word, count in quality.items() if isinstance(count, int) and count] or NONE


def _acting(answers: Answers) -> Texts:
    if answers.operations is None and answers.holds is None:
        return NOT_KNOWN
    running = [each for each in answers.operations or () if each.get("phase") != "closed"]
    said_of = [f"{each.get('name')} {each.get('phase')} on {each.get('object')}" for each in running] or ["none"]
    held = [f"hold {each.get('name')} on {each.get('object')} by {each.get('who')}" for each in answers.holds or ()] or ["no hold"]
    holder = answers.authority.get("holder") if answers.authority is not None else None
    return [*said_of, *held, *([f"authority {holder or 'with nobody'}"] if holder is not None else [])]


def _named(group: object) -> list[tuple[str, Form]]:
    return [(str(name), each) for name, each in group.items() if isinstance(each, Mapping)] if isinstance(group, Mapping) else []


def _state(on: object) -> str:
    return "on" if on is True else "off" if on is False else "state not known"


def _v(form: object) -> Any:
    return form.get("v") if isinstance(form, Mapping) else None


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    return f"{age(seconds)} ago"
