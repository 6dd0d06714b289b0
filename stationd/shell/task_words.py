"""What a feed, an amplifier or an interlock is to do, in the words of `arm`, as the task that the daemon takes. Pure.

Every number has its word and its unit, none is left out, and a current is written in mA alone: one unit for each quantity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stationd.shell.wish import Usage, seconds_in

CONTACT = r"[a-z0-9][a-z0-9_-]*\.[a-z0-9][a-z0-9_.-]*"
TO, RATE = ("to", "mA", "toMilliamperes"), ("rate", "mA/s", "rateMilliamperesPerSecond")
Words = tuple[str, ...]
FEED_VERBS = ("energise", "ramp", "off", "polarity", "electroding")


def plant_task(group: str, words: Words) -> Mapping[str, object]:
    """Read what a feed or an amplifier is to do; without `group` it may be either."""
    if group != "amp":
        feed = _feed_task(words)
        if feed is not None:
            return feed
    if group != "pfe":
        amplifier = _amplifier_task(words)
        if amplifier is not None:
            return amplifier
    forms = {"pfe": FEED_FORMS, "amp": AMPLIFIER_FORMS}.get(group, FEED_FORMS + AMPLIFIER_FORMS)
    raise Usage(f"{' '.join(words) or 'nothing'} is none of: {'; '.join(forms)}")


FEED_FORMS = (
    "energise [master|follower] to 1000 mA rate 10 mA/s", "ramp to 500 mA rate 10 mA/s", "off rate 20 mA/s", "polarity pos|neg",
    "electroding on|off",
)  # fmt: skip
AMPLIFIER_FORMS = ("pump-on", "pump-off", "mode acc|apc|agc")


def _feed_task(words: Words) -> Mapping[str, object] | None:
    match words:
        case ("energise", "master" | "follower" as part, *amounts):
            return {"verb": "energise", "part": part, **_profile(f"energise {part}", tuple(amounts))}
        case ("energise" | "ramp" as verb, *amounts):
            return {"verb": verb, **_profile(verb, tuple(amounts))}
        case ("off", *amounts):
            return {"verb": "off", **_amounts("off rate 20 mA/s", tuple(amounts), RATE)}
        case ("polarity", "pos" | "neg" as sign):
            return {"verb": "polarity", "negative": sign == "neg"}
        case ("electroding", "on" | "off" as state):
            return {"verb": "electroding", "on": state == "on"}
    return None


def _amplifier_task(words: Words) -> Mapping[str, object] | None:
    match words:
        case ("pump-on" | "pump-off" as verb,):
            return {"verb": "pump", "on": verb == "pump-on"}
        case ("mode", "acc" | "apc" | "agc" as mode):
            return {"verb": "mode", "mode": mode}
    return None


def bypass_task(name: str, words: Words) -> Mapping[str, object]:
    """Read for how long an interlock is to count as closed."""
    form = 'arm interlock io1.di4 bypass for 10m reason "..."'
    if len(words) != 3 or words[:2] != ("bypass", "for") or re.fullmatch(CONTACT, name) is None:
        raise Usage(f"{form}: the names are in show interlocks")
    return {"verb": "bypass", "interlock": name, "forSeconds": seconds_in(words[2])}


def contact_name(text: str) -> str:
    """Return the name of an interlock. Usage when it is none."""
    if re.fullmatch(CONTACT, text) is None:
        raise Usage(f"{text} is no interlock; their names are like io1.di4: show interlocks")
    return text


def _profile(verb: str, words: Words) -> Mapping[str, float]:
    return _amounts(f"{verb} to 1000 mA rate 10 mA/s", words, TO, RATE)


def _amounts(form: str, words: Words, *wanted: tuple[str, str, str]) -> Mapping[str, float]:
    """Read word, number and unit as often as wanted, all of them, in their order."""
    found: dict[str, float] = {}
    rest = list(words)
    for word, unit, parameter in wanted:
        if rest[:1] != [word]:
            raise Usage(f"{word} is missing: write {form}" if not rest else f"{rest[0]} stands where {word} belongs: write {form}")
        text = rest[1] if rest[1:] else ""
        found[parameter] = figure_in(text, f"{word} {text}".strip(), unit)
        if rest[2:3] != [unit]:
            raise Usage(f"{word} {text} has no unit: write {word} {text} {unit}" if not rest[2:] or rest[2] in ("to", "rate", "reason")
                        else f"{word} is written in {unit}, not in {rest[2]}: {form}")  # fmt: skip
        del rest[:3]
    nothing_more(form, tuple(rest))
    return found


def nothing_more(form: str, words: Sequence[str]) -> None:
    """Usage when there are words that nothing is made of."""
    if words:
        raise Usage(f"{words[0]} is not understood there: {form}")


def figure_in(text: str, shown: str, unit: str) -> float:
    """Return the number that a word is. Usage, with what was typed as it is `shown`, for anything else: no exponents, no commas."""
    if re.fullmatch(r"[+-]?\d{1,6}(\.\d{1,6})?", text, re.ASCII) is None:
        raise Usage(f"{shown or 'nothing'}: a number with its unit, for example 10 {unit}" + _glued(text, unit))
    return float(text)


def _glued(text: str, unit: str) -> str:
    return f"; with a space: {text.removesuffix(unit)} {unit}" if text.endswith(unit) and text != unit else ""
