"""What may be typed after `stationctl`, and what it asks of the daemon. Pure: words in, a wish or a usage error out.

Words of commands that only read may be shortened as long as they are unique; words of orders are typed in full, so that a slip
never acts. Nothing here needs the daemon. What acts on the plant is read in stationd.shell.act_words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stationd.shell import act_words
from stationd.shell.wish import Kind, Usage, Wish, full_word, seconds_in

ALARM, STATUS, DIAGNOSTICS = "io.stationd.Alarm", "io.stationd.Status", "io.stationd.Diagnostics"
LISTS = ("active", "shelved", "suppressed", "out-of-service", "all")
OF_ALARMS = ("ack", "reset", "shelve", "unshelve", "note", "baseline", "support")
ORDERS = (*OF_ALARMS, *act_words.VERBS)
ALL_VISIBLE = "all-visible"
MOST_FAULTS = 200

USAGE = f"""usage: stationctl [--socket PATH] [--json|--plain] [--timeout S] [--strict] WORDS...

  show status                              the station at a glance: is it ours?
  show alarms [active|shelved|suppressed|out-of-service|all]
  show line                                both ends, fibre pairs against the baseline
  show fault [last|ID]                     where it is, which methods agree, what came first
  show faults                              the faults that were recorded
  show baseline                            what counts as normal, since when
  baseline take ["note"]                   what is measured now counts as normal from now on
  support fault [last|ID]                  all about a fault in one file: CSV, JSON, plots
  ack KEY... ["note"]   ack all-visible    say that you have seen alarms
  reset KEY "note"                         end the latch of an alarm that is gone and acknowledged
  shelve KEY DURATION [one-shot] "reason"  hide an alarm for a time: 30m, 8h, 1h30m
  unshelve KEY                             show it again
  note KEY "text"                          write something beside an alarm

{act_words.USAGE}
KEY is resource/TYPE or resource/TYPE/qualifier, with #N one coming of it; TYPE alone where there is only one such alarm.
exit: 0 done  1 failed  2 usage  3 no daemon  4 not permitted  5 refused  6 outcome unknown  7 no such thing
      8 some value is stale or bad (with --strict)  9 conflict  130 interrupted
"""


def understood(typed: Sequence[str]) -> Wish:
    """Return what is wished. Usage when that is not clear."""
    if not typed:
        raise Usage("what is to be done? For example: show status")
    verb, rest = typed[0], tuple(typed[1:])
    match verb:
        case "ack":
            return _ack(rest)
        case "reset":
            return _order("Reset", "reset", *_key_and_text("reset", rest, "note"))
        case "note":
            return _order("AddNote", "noted", *_key_and_text("note", rest, "text"))
        case "shelve":
            return _shelve(rest)
        case "unshelve":
            if len(rest) != 1:
                raise Usage("unshelve KEY: name one alarm")
            return _order("Unshelve", "on no shelf any more", rest[0], {})
        case "baseline":
            return _baseline(rest)
        case "support":
            return _support(rest)
        case _:
            return act_words.ordered(verb, rest) or _reading(verb, rest)


def _reading(verb: str, rest: tuple[str, ...]) -> Wish:
    near = [order for order in ORDERS if verb and order.startswith(verb)]
    if near and not "show".startswith(verb):
        raise Usage(f"{verb}: an order is typed in full: {' or '.join(near)}")
    if verb in ("s", ""):
        raise Usage(f"{verb or 'nothing'} may be show, set, shelve, support")
    full_word(verb, ("show",))
    if not rest:
        raise Usage(f"show what? One of: {', '.join(SHOWN)}")
    what, more = full_word(rest[0], SHOWN), rest[1:]
    match what:
        case "alarms":
            if len(more) > 1:
                raise Usage(f"show alarms takes one word more: {', '.join(LISTS)}")
            shown = full_word(more[0], LISTS) if more else "active"
            return Wish(Kind.ALARMS, f"{ALARM}.List", {"filter": {"shown": shown.replace("-", "_")}})
        case "fault":
            return Wish(Kind.FAULT, f"{DIAGNOSTICS}.GetFault", {"id": _fault("show fault", more)})
        case "operations":
            return act_words.operations(more)
        case "audit":
            return act_words.audit(more)
    if more:
        raise Usage(f"show {what} takes no more words")
    return READINGS[what]


READINGS = {
    "status": Wish(Kind.STATUS, f"{STATUS}.GetStatus", {}),
    "line": Wish(Kind.LINE, f"{DIAGNOSTICS}.GetLine", {}),
    "faults": Wish(Kind.FAULTS, f"{DIAGNOSTICS}.ListFaults", {"limit": MOST_FAULTS}),
    "baseline": Wish(Kind.BASELINE, f"{DIAGNOSTICS}.GetBaseline", {}),
    **act_words.READINGS,
}
SHOWN = ("status", "alarms", "line", "fault", "faults", "baseline", "operations", "audit", *act_words.READINGS)


def _fault(command: str, rest: tuple[str, ...]) -> str:
    """Return the name of a fault: "last" is the newest one."""
    if len(rest) > 1 or any(re.fullmatch(r"last|F-\d{4}-\d{2}-\d{2}-\d{1,6}", word) is None for word in rest):
        raise Usage(f"{command} takes one word more: last, or a name such as F-2026-11-21-1 (show faults)")
    return rest[0] if rest else "last"


def _baseline(rest: tuple[str, ...]) -> Wish:
    if not rest or rest[0] != "take" or len(rest) > 2:
        raise Usage("baseline take [note]: the note stands in quotes; to look at it: show baseline")
    return Wish(Kind.TAKE, f"{DIAGNOSTICS}.TakeBaseline", {"note": rest[1]} if rest[1:] else {})


def _support(rest: tuple[str, ...]) -> Wish:
    if not rest or rest[0] != "fault":
        raise Usage("support fault [last|ID]: the file of a fault")
    return Wish(Kind.BUNDLE, f"{DIAGNOSTICS}.MakeBundle", {"id": _fault("support fault", rest[1:])})


def _ack(rest: tuple[str, ...]) -> Wish:
    """Take the first word and all that look like keys as keys, and one other, at the end, as the note."""
    if not rest:
        raise Usage("ack KEY... [note]: name at least one alarm")
    keys = [rest[0]]
    for number, word in enumerate(rest[1:], 1):
        if _is_key(word):
            keys.append(word)
        elif number == len(rest) - 1:
            return Wish(Kind.ORDER, f"{ALARM}.Acknowledge", {"note": word}, tuple(keys), "keys", "acknowledged")
        else:
            raise Usage(f"{word} is no key; a note of several words stands in quotes, at the end")
    return Wish(Kind.ORDER, f"{ALARM}.Acknowledge", {}, tuple(keys), "keys", "acknowledged")


def _shelve(rest: tuple[str, ...]) -> Wish:
    """Read KEY [for] DURATION [one-shot] [reason] TEXT."""
    words = list(rest)
    if len(words) > 1 and words[1] == "for":
        del words[1]
    if len(words) < 2:
        raise Usage("shelve KEY DURATION reason: for example shelve oa-3/LOW-INPUT 2h \"sensor wet, WO 4720\"")
    key, seconds, text = words[0], seconds_in(words[1]), words[2:]
    one_shot = text[:1] == ["one-shot"]
    text = text[1:] if one_shot else text
    text = text[1:] if text[:1] == ["reason"] and len(text) > 1 else text
    if not text:
        raise Usage("shelve wants a reason, in quotes, at the end")
    parameters: dict[str, object] = {"seconds": seconds, "reason": " ".join(text)}
    return _order("Shelve", "shelved", key, parameters | ({"oneShot": True} if one_shot else {}))


def _key_and_text(verb: str, rest: tuple[str, ...], parameter: str) -> tuple[str, Mapping[str, object]]:
    if len(rest) < 2:
        raise Usage(f"{verb} KEY {parameter}: name one alarm, then write in quotes what is to be said")
    return rest[0], {parameter: " ".join(rest[1:])}


def _order(method: str, done: str, key: str, parameters: Mapping[str, object]) -> Wish:
    if key.startswith("-") or not key.strip():
        raise Usage(f"{key} is no key of an alarm")
    return Wish(Kind.ORDER, f"{ALARM}.{method}", parameters, (key,), "key", done)


def _is_key(word: str) -> bool:
    return re.fullmatch(r"[^\s/]+(/[^\s/]+){1,2}", word) is not None


class Options(NamedTuple):
    """What stands beside the words."""

    words: tuple[str, ...]
    socket: str
    timeout_s: float
    json: bool
    plain: bool
    strict: bool
    help: bool


def options(arguments: Sequence[str], socket: str, timeout_s: float) -> Options:
    """Tell options from words; after "--" everything is a word. Usage when an option is unknown or has no good value."""
    words: list[str] = []
    flags: set[str] = set()
    given = {"--socket": socket, "--timeout": f"{timeout_s:g}"}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, mark, text = argument.partition("=")
        if argument == "--":
            words += rest
            break
        if name in given:
            if not mark and not rest:
                raise Usage(f"{name} wants a value")
            given[name] = text if mark else rest.pop(0)
        elif argument in ("--json", "--plain", "--strict", "--help", "-h"):
            flags.add(argument)
        elif argument.startswith("--"):
            raise Usage(f"{argument} is no option; a note that begins so stands after --")
        else:
            words.append(argument)
    if {"--json", "--plain"} <= flags:
        raise Usage("--json and --plain exclude each other")
    limit_s = _seconds(given["--timeout"])
    return Options(
        tuple(words), given["--socket"], limit_s, "--json" in flags, "--plain" in flags, "--strict" in flags, bool(flags & {"--help", "-h"})
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise Usage(f"--timeout {text}: seconds, more than 0 and at most 3600")
    return seconds
