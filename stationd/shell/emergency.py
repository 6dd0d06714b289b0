"""EMERGENCY-OFF from the command line: sent before anything else is asked, printed or looked up, then told until it is known.

It asks nothing: the word in capitals with its object is the confirmation. It needs no terminal and no other answer of the daemon.
Whatever becomes of it, the last lines say that the cable is not safe to touch.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from stationd.shell.caller import Failed, Line
from stationd.shell.exits import Exit
from stationd.shell.feeds import of_station, only
from stationd.shell.methods import OPERATION
from stationd.shell.screens.typeset import ascii_only, value, wrapped
from stationd.shell.wish import Wish

Form = Mapping[str, Any]
CONNECT_S = 60.0  # so long it goes on being tried at a daemon that takes no connection; the red button is named at once (assumption)
ANSWER_S = 15.0  # the daemon answers after 10 s at most, and says so if it goes on after that
LOOK_S, LOOK_EVERY_S = 3.0, 0.3  # for a reading that was made after the OFF: a feed is read every second (assumption)
LOOK_KEPT = timedelta(seconds=0.25)  # so old may the daemon's look at the station be (stationd.console.status)
HINT_S = 1.0  # whoever has typed it wrong wants to type it again at once
INCONSISTENT = "inconsistent-parameters"
EMERGENCY_METHOD = f"{OPERATION}.EmergencyOff"
EMERGENCY_OFF = "EMERGENCY-OFF"
RED_BUTTON = "Press the red emergency-off button of the power feed equipment."
NOT_SAFE = (
    "NOT SAFE TO TOUCH: the cable may hold charge, and the other end may feed it.",
    "Safe only after: the other end is off, discharge, earth, lock, test.",
)


def off(wish: Wish, socket: str, *, as_json: bool) -> Exit:
    """De-energise. Failed when that was refused, or when nobody knows; what to press then stands in its lines."""
    started = time.monotonic()
    try:
        line = Line(socket, CONNECT_S, _not_taken)
    except Failed as failed:
        raise _failed(failed, "Nothing was sent.") from None
    with contextlib.closing(line):
        line.renew(ANSWER_S)
        try:
            answer = _ordered(line, wish.keys, as_json)
        except Failed as failed:
            if failed.parameters.get("cause") != INCONSISTENT:
                raise _failed(failed) from None
            answer = _meant(line, wish, failed, as_json)
        return _shown(line, answer, time.monotonic() - started, as_json)


def _ordered(line: Line, objects: Sequence[str], as_json: bool) -> Form:
    """Send it, then say that it was asked for. Failed when it is refused, or nobody knows."""
    lost = line.send(EMERGENCY_METHOD, {"objects": list(objects)}, acts=True)
    if not as_json:
        _say(_row(f"{EMERGENCY_OFF} {' '.join(objects)}  ", "asked for"))
    return line.answer(lost)


def _meant(line: Line, wish: Wish, failed: Failed, as_json: bool) -> Form:
    """Order it once more where the station has one feed alone, whatever its name is: that is the one. Otherwise name the feeds."""
    status = _looked(line)
    feed = only(of_station(status), wish.keys)
    if feed is None:
        raise _failed(failed, *forms(status)) from None
    if not as_json:
        _say(wrapped(f"No feed is called {' '.join(wish.keys)} here. The only one is {ascii_only(feed)}: that one is meant."))
    line.renew(ANSWER_S)
    try:
        return _ordered(line, [feed], as_json)
    except Failed as again:
        raise _failed(again) from None


def may_be_typed(socket: str) -> list[str]:
    """Return what may be typed at this station, for somebody who has typed it wrong; nothing where the daemon does not say so at once."""
    try:
        with contextlib.closing(Line(socket, HINT_S)) as line:
            return forms(line.call("io.stationd.Status.GetStatus", {})["status"])
    except (Failed, KeyError, TypeError, AttributeError):
        return []


def _not_taken() -> None:
    """Say at once that it is not sent yet, on standard error: scripts have their document on the other."""
    rows = wrapped(f"NOT SENT YET: the daemon takes no connection; it goes on being tried for {CONNECT_S:.0f} s. {RED_BUTTON}")
    with contextlib.suppress(OSError):
        sys.stderr.write("".join(f"{row}\n" for row in rows))
        sys.stderr.flush()


def _failed(failed: Failed, *sent: str) -> Failed:
    lines = (*failed.lines, *sent, RED_BUTTON, *_not_safe())
    return Failed(failed.code, *lines, error=failed.error, parameters=failed.parameters)


def _shown(line: Line, answer: Form, took_s: float, as_json: bool) -> Exit:
    found = answer.get("devices")
    feeds = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    others = str(answer.get("detail") or "")  # what was named and is no feed
    code = exit_of(feeds)
    if as_json:
        status = _looked(line)
        form = {"asOf": status.get("t"), "station": status.get("station"), "mode": status.get("mode"), "data": answer}
        _say([json.dumps(form)])
    else:
        _say([*told(feeds, took_s), *wrapped(others)] if others else told(feeds, took_s))
        status, after = _read_after(line, feeds)
        _say([*(forms(status) if others else []), *measured(feeds, status, after), *_not_safe()])
    return Exit.NO_SUCH_THING if others and code is Exit.DONE else code


def forms(status: Form) -> list[str]:
    """Return what may be typed here, one line for each feed; nothing where that is not known."""
    names = [ascii_only(name) for name in of_station(status)]
    return ["What may be typed here:", *(f"  {EMERGENCY_OFF} {name}" for name in (*names, "all"))] if names else []


def told(feeds: Sequence[Form], took_s: float) -> list[str]:
    """Return for each feed whether its read-back has shown that it is off."""
    lines = [] if feeds else wrapped(f"NOT KNOWN: the daemon says nothing of any feed. {RED_BUTTON}")
    for feed in feeds:
        match feed.get("confirmed"):
            case True:
                word = f"OFF sent, output OFF confirmed by read-back within {took_s:.1f} s"
            case False:
                word = f"NOT CONFIRMED, given up. {RED_BUTTON}"
            case _:
                word = f"NOT CONFIRMED YET: it goes on being sent. {RED_BUTTON}"
        lines += _row(str(feed.get("device")), "   ".join(filter(None, (word, str(feed.get("detail") or "")))))
    return lines


def measured(feeds: Sequence[Form], status: Form, after: datetime | None = None) -> list[str]:
    """Return what is measured of these feeds, with its age where it was not measured `after` the OFF was confirmed, and of the far end.

    Nothing where that is not known.
    """
    lines: list[str] = []
    shown = status.get("power_feeds")
    for feed in feeds:
        name = str(feed.get("device"))
        form = shown.get(name) if isinstance(shown, Mapping) else None
        if isinstance(form, Mapping):
            said = f"{value(form.get('output_current'))}   {value(form.get('output_voltage'))}"
            lines += _row(name, f"measured {said}{_when(feed, form, status, after)}")
    far = status.get("far_end")
    if isinstance(far, Mapping):
        there = far.get("feed")
        on = there.get("on") if isinstance(there, Mapping) and far.get("known") else None
        state = "not known" if on is None else "ON" if on else "OFF"
        lines += _row(str(far.get("name") or "far end"), f"feed {state}, age {value(far.get('age'))}")
    return lines


def _when(feed: Form, form: Form, status: Form, after: datetime | None) -> str:
    """Return how old a reading is, unless it was made when the feed was known to be off."""
    read, now, since = _read_at(form), _time(status), _time(feed.get("since"))
    if read is None or now is None:
        return ""
    if feed.get("confirmed") is True and after is not None and read > after:
        return ""
    before = "before the OFF, " if since is not None and read < since else ""
    return f"   ({before}{max((now - read).total_seconds(), 0.0):.1f} s ago)"


def _read_after(line: Line, feeds: Sequence[Form]) -> tuple[Form, datetime | None]:
    """Return the station as soon as every feed that is off was read after that, or as it then is; and the time that counts as after."""
    off = [str(feed.get("device")) for feed in feeds if feed.get("confirmed") is True]
    until = time.monotonic() + LOOK_S
    status = _looked(line)
    first = _time(status)
    after = None if first is None else first + LOOK_KEPT
    while after is not None and time.monotonic() < until:
        shown = status.get("power_feeds")
        read = [_read_at(shown[name]) for name in off if name in shown] if isinstance(shown, Mapping) else []
        if all(each is not None and each > after for each in read):
            break
        time.sleep(LOOK_EVERY_S)
        status = _looked(line) or status
    return status, after


def _read_at(form: object) -> datetime | None:
    """Return when current and voltage were read, the older of the two."""
    found = [_time(form.get(name)) for name in ("output_current", "output_voltage")] if isinstance(form, Mapping) else []
    return min((each for each in found if each is not None), default=None)


def _time(form: object) -> datetime | None:
    """Return the time of a form of the daemon, all of which are in UTC."""
    try:
        return datetime.fromisoformat(str(form.get("t"))) if isinstance(form, Mapping) else None
    except ValueError:
        return None


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
