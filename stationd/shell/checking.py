"""`stationctl check`: one line and one code for a monitoring system. Follows the approach of the Monitoring Plugins guidelines.

OK 0, WARNING 1, CRITICAL 2, UNKNOWN 3, whatever the codes of the other commands are. It answers within ten seconds, never asks,
pages or colours. What is hidden by people or by its cause does not count: somebody has decided that already. The figures behind
the bar are counts of alarms and of values and the age of the data; traffic is not among them, since nobody measures it here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

from stationd.shell.caller import Failed, Form, Line
from stationd.shell.exits import ALARM, SERVICE, STATUS
from stationd.shell.screens.typeset import age, ascii_only
from stationd.shell.screens.unjudged import sentence, unjudged

LONGEST_S = 10.0  # what a check may take (assumption: a monitoring system waits for ten seconds, and calls what takes longer dead)
DOWN = frozenset({"cable-cut", "insulated-open", "both-feeds-off"})
PLANNED = frozenset({"operation", "electroding", "feed-switched-off"})
HEALTHY, CANNOT_TELL = "healthy", "cannot-tell"
LINE_ALARMS = ("LINE-DOWN", "LINE-BREAK")
GONE = frozenset("DEF")  # the condition is over: not acknowledged yet, or latched
COUNTED = frozenset("BCDEF")  # not those that are shelved, suppressed or out of service
SEVERITIES = ("critical", "major", "minor", "warning")


class Code(IntEnum):
    """The codes of a monitoring plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Finding(NamedTuple):
    """What is wrong, and how bad that is."""

    code: Code
    text: str


def looked(socket: str, timeout_s: float = LONGEST_S) -> tuple[Code, str]:
    """Ask the daemon; UNKNOWN when it does not answer in time, whatever the reason."""
    try:
        line = Line(socket, min(timeout_s, LONGEST_S))
        try:
            status = line.call(f"{STATUS}GetStatus", {})["status"]
            return judged(status, _alarms(line))
        finally:
            line.close()
    except Failed as failed:
        return Code.UNKNOWN, _one_line(f"UNKNOWN {failed.lines[0] if failed.lines else 'the daemon does not answer'}")
    except (KeyError, TypeError, ValueError, AttributeError) as strange:
        return Code.UNKNOWN, _one_line(f"UNKNOWN the answer of the daemon is not understood: {strange!r}")


def _alarms(line: Line) -> Form | None:
    try:
        return line.call(f"{ALARM}List", {"filter": {"shown": "active"}})
    except Failed as failed:
        if failed.error != f"{SERVICE}InterfaceNotFound":
            raise
        return None


def judged(status: Form, alarms: Form | None) -> tuple[Code, str]:
    """Return the code and the line for what the daemon knows. Pure."""
    listed = [each for each in (alarms or {}).get("alarms", ()) if each["letter"] in COUNTED]
    found = sorted(_findings(status, listed), key=lambda finding: -finding.code)
    code = found[0].code if found else Code.OK
    said = ", ".join(finding.text for finding in found if finding.code is code) or _well(status)
    line = f"{code.name} {_name(status).upper()} {said}"
    return code, f"{_one_line(line)} | {_figures(status, listed)}"


def line_is_down(status: Form, alarms: Form | None) -> bool | None:
    """Return whether the line is down; None when that cannot be told, or nobody judges it."""
    if any(_is_of_line(each) and each.get("active") for each in (alarms or {}).get("alarms", ())):
        return True
    kind = _kind(status)
    if kind is None or kind == CANNOT_TELL:
        return None
    return kind in DOWN or kind == "feed-switched-off"


def _findings(status: Form, listed: list[Form]) -> Iterator[Finding]:
    yield from _of_verdict(status, listed)
    new = unjudged(status, {"alarms": listed})
    if new is not None:
        yield Finding(Code.WARNING, sentence(status, new))
    worst = [each for each in listed if each["severity"] == "critical" and not _is_of_line(each)]
    if worst:
        yield Finding(Code.CRITICAL, f"critical: {_keys(worst)}")
    major = [each for each in listed if each["severity"] == "major"]
    if major:
        yield Finding(Code.WARNING, f"major: {_keys(major)}")
    unknown = [each for each in listed if each.get("unknown")]
    if unknown:
        yield Finding(Code.WARNING, f"not known whether it still holds: {_keys(unknown)}")
    counts = _counts(status)
    poor = [f"{counts.get(word, 0)} {word}" for word in ("stale", "bad") if counts.get(word, 0)]
    if poor:
        yield Finding(Code.WARNING, f"values {' and '.join(poor)}")
    mute = [name for name, feed in _items(status.get("power_feeds")) if not feed.get("up")]
    if mute:
        yield Finding(Code.WARNING, f"power feed does not answer: {' '.join(mute)}")


def _of_verdict(status: Form, listed: list[Form]) -> Iterator[Finding]:
    verdict, kind = status.get("verdict"), _kind(status)
    of_line = [each for each in listed if _is_of_line(each)]
    down = [each for each in of_line if each["letter"] not in GONE or each.get("unknown")]
    if down or kind in DOWN:
        yield Finding(Code.CRITICAL, f"down{_for(status, down)}{f', cause {_keys(down)}' if down else f', {_sentence(verdict)}'}")
    elif of_line:
        yield Finding(Code.CRITICAL, _was_down(status, of_line))
    if not down and kind not in DOWN:
        yield from _of_other_verdicts(kind, verdict)


def _of_other_verdicts(kind: str | None, verdict: object) -> Iterator[Finding]:
    """Give what somebody should look at though the line is not down."""
    if kind == CANNOT_TELL:
        yield Finding(Code.WARNING, f"line not known: {_sentence(verdict)}")
    elif kind is not None and kind != HEALTHY:
        word = "planned" if kind in PLANNED else "line"
        yield Finding(Code.WARNING, f"{word}: {_sentence(verdict)}")


def _was_down(status: Form, gone: list[Form]) -> str:
    """Return that the line is down no more, since when where a verdict says so, and what people have not done yet."""
    verdict = status.get("verdict")
    since = verdict.get("since") if isinstance(verdict, Mapping) and _kind(status) == HEALTHY else None
    seconds = _between(since, status.get("t")) if since else None
    back = "" if seconds is None else f", back since {str(since)[11:19]}Z ({age(seconds)})"
    wait = "not reset" if all(each["letter"] == "F" for each in gone) else "not acknowledged"
    return f"was down{back}, {wait}: {_keys(gone)}"


def _for(status: Form, down: list[Form]) -> str:
    """Return since how long the line is down."""
    verdict = status.get("verdict")
    since = [each["since"]["t"] for each in down if isinstance(each.get("since"), Mapping)]
    since += [verdict["since"]] if isinstance(verdict, Mapping) and verdict.get("since") and not since else []
    seconds = _between(min(since), status.get("t")) if since else None
    return "" if seconds is None else f" {age(seconds)}"


def _name(status: Form) -> str:
    """Return the name of the line, or of a station that watches none."""
    line = status.get("line")
    return str((line.get("name") if isinstance(line, Mapping) else None) or status.get("station") or "station")


def _well(status: Form) -> str:
    verdict = status.get("verdict")
    return _sentence(verdict) if isinstance(verdict, Mapping) else "no alarm that counts"


def _figures(status: Form, listed: list[Form]) -> str:
    by_severity, counts = Counter(each["severity"] for each in listed), _counts(status)
    figures = [f"alarms_{word}={by_severity[word]}" for word in SEVERITIES]
    figures += [f"values_{word}={counts.get(word, 0)}" for word in ("stale", "bad")]
    oldest = _oldest_s(status)
    return " ".join([*figures, *([] if oldest is None else [f"age_s={oldest:.1f}"])])


def _oldest_s(status: Form) -> float | None:
    """Return how old the oldest of the values that count as fresh is: they are no better than that. None without any."""
    groups = (status.get(name) for name in ("power_feeds", "amplifiers", "taps"))
    forms = (form for group in groups for _, each in _items(group) for form in each.values() if isinstance(form, Mapping))
    ages = [_between(form.get("t"), status.get("t")) for form in forms if form.get("q") in ("good", "sim", "uncertain")]
    return max((seconds for seconds in ages if seconds is not None), default=None)


def _between(begin: object, end: object) -> float | None:
    try:
        return max((datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(begin))).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _is_of_line(alarm: Form) -> bool:
    return str(alarm.get("key", "")).startswith(tuple(f"line/{name}" for name in LINE_ALARMS))


def _kind(status: Form) -> str | None:
    verdict = status.get("verdict")
    return str(verdict.get("kind")) if isinstance(verdict, Mapping) else None


def _sentence(verdict: object) -> str:
    return str(verdict.get("sentence") or verdict.get("kind")) if isinstance(verdict, Mapping) else ""


def _counts(status: Form) -> Mapping[str, Any]:
    quality = status.get("quality")
    return quality if isinstance(quality, Mapping) else {}


def _items(group: object) -> list[tuple[str, Form]]:
    return [(str(name), dict(each)) for name, each in group.items() if isinstance(each, Mapping)] if isinstance(group, Mapping) else []


def _keys(alarms: list[Form]) -> str:
    return " ".join(str(each["key"]) for each in alarms[:5]) + (f" and {len(alarms) - 5} more" if len(alarms) > 5 else "")


def _one_line(text: str) -> str:
    """Return a text as one line of ASCII without the bar, which would begin the figures."""
    return " ".join(ascii_only(text).replace("|", " ").split())
