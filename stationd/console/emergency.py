"""EMERGENCY-OFF from the command line: sent before anything else is asked, printed or looked up, then told until it is known.

It asks nothing: the word in capitals with its object is the confirmation. It needs no terminal and no other answer of the daemon.
Whatever becomes of it, the last lines say that the cable is not safe to touch. Follows shell.md 7.10.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from stationd.console.caller import Failed, Line
from stationd.console.exits import Exit
from stationd.console.typeset import ascii_only, value, wrapped
from stationd.console.wish import Wish

Form = Mapping[str, Any]
ANSWER_S = 15.0  # the daemon answers after 10 s at most, and says so if it goes on after that
LOOK_S = 3.0
RED_BUTTON = "Press the red emergency-off button of the power feed equipment."
NOT_SAFE = (
    "NOT SAFE TO TOUCH: the cable may hold charge, and the other end may feed it.",
    "Safe only after: the other end is off, discharge, earth, lock, test.",
)


def off(wish: Wish, socket: str, *, as_json: bool) -> Exit:
    """De-energise. Failed when that was refused, or when nobody knows; what to press then stands in its lines."""
    started = time.monotonic()
    try:
        line = Line(socket, ANSWER_S)
    except Failed as failed:
        raise _failed(failed, "Nothing was sent.") from None
    with contextlib.closing(line):
        try:
            lost = line.send(wish.method, wish.parameters, acts=True)
            if not as_json:
                _say([f"{_clock()} EMERGENCY-OFF {ascii_only(' '.join(wish.keys))}   sent"])
            answer = line.answer(lost)
        except Failed as failed:
            raise _failed(failed) from None
        return _shown(answer, time.monotonic() - started, _looked(line), as_json)


def _failed(failed: Failed, *sent: str) -> Failed:
    lines = (*failed.lines, *sent, RED_BUTTON, *_not_safe())
    return Failed(failed.code, *lines, error=failed.error, parameters=failed.parameters)


def _shown(answer: Form, took_s: float, status: Form, as_json: bool) -> Exit:
    found = answer.get("devices")
    feeds = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    if as_json:
        form = {"asOf": status.get("t"), "station": status.get("station"), "mode": status.get("mode"), "data": answer}
        _say([json.dumps(form)])
    else:
        _say([*told(feeds, took_s), *measured(feeds, status), *_not_safe()])
    return exit_of(feeds)


def told(feeds: Sequence[Form], took_s: float) -> list[str]:
    """Return for each feed whether its read-back has shown that it is off."""
    lines = [] if feeds else wrapped(f"NOT KNOWN: the daemon says nothing of any feed. {RED_BUTTON}")
    for feed in feeds:
        match feed.get("confirmed"):
            case True:
                word = f"output OFF   confirmed by read-back within {took_s:.1f} s"
            case False:
                word = f"NOT CONFIRMED, given up. {RED_BUTTON}"
            case _:
                word = f"NOT CONFIRMED YET: it goes on being sent. {RED_BUTTON}"
        lines += _row(str(feed.get("device")), "   ".join(filter(None, (word, str(feed.get("detail") or "")))))
    return lines


def measured(feeds: Sequence[Form], status: Form) -> list[str]:
    """Return what is measured now of these feeds and of the far end; nothing where that is not known."""
    lines: list[str] = []
    shown = status.get("power_feeds")
    for name in (str(feed.get("device")) for feed in feeds):
        form = shown.get(name) if isinstance(shown, Mapping) else None
        if isinstance(form, Mapping):
            said = f"{value(form.get('output_current'))}   {value(form.get('output_voltage'))}"
            lines += _row(name, f"measured {said}")
    far = status.get("far_end")
    if isinstance(far, Mapping):
        feed = far.get("feed")
        on = feed.get("on") if isinstance(feed, Mapping) and far.get("known") else None
        state = "not known" if on is None else "ON" if on else "OFF"
        lines += _row(str(far.get("name") or "far end"), f"feed {state}, age {value(far.get('age'))}")
    return lines


def exit_of(feeds: Sequence[Form]) -> Exit:
    """Return 0 when every feed is confirmed off, 1 when one was given up, 6 while one is not known."""
    states = [feed.get("confirmed") for feed in feeds]
    if any(state is False for state in states):
        return Exit.FAILED
    return Exit.DONE if states and all(state is True for state in states) else Exit.OUTCOME_UNKNOWN


def _looked(line: Line) -> Form:
    line.renew(LOOK_S)
    try:
        status: Form = line.call("io.stationd.Status.GetStatus", {})["status"]
    except (Failed, KeyError):
        return {}
    return status


def _row(name: str, text: str) -> list[str]:
    return wrapped(text, f"{_clock()} {ascii_only(name)} ", " " * 10)


def _not_safe() -> list[str]:
    return [row for sentence in NOT_SAFE for row in wrapped(sentence)]


def _clock() -> str:
    return time.strftime("%H:%M:%SZ", time.gmtime())


def _say(lines: Sequence[str]) -> None:
    """Print, and go on where nobody can read it: what was ordered is more than what is said of it."""
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
