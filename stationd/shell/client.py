"""`stationctl`: one command, one answer, one exit code. Small on purpose, so that it starts quickly on a small machine.

It never pages, never asks, never colours and never waits longer than its time-out. Data goes to standard output, everything
else to standard error. Follows varlink.org for the bytes on the socket; needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence

from stationd.shell import emergency
from stationd.shell.caller import SOCKET, Failed, Form, Line
from stationd.shell.exits import ALARM, SERVICE, STATUS, Exit, of_outcome, qualities
from stationd.shell.screens import acting as act_screens
from stationd.shell.screens import line as line_screens
from stationd.shell.screens import status as screens
from stationd.shell.screens.typeset import ascii_only, fitting, wrapped
from stationd.shell.wish import ACT_SHOWN, FACE_TO_FACE, Kind, Usage, Wish
from stationd.shell.words import ALL_VISIBLE, USAGE, Options, options, understood

TIMEOUT_S = 10.0
VERIFY_S = 125.0  # the daemon itself gives a walk along the whole audit 120 s
ROWS = 23  # of a terminal with 24, whose last one is for the next prompt
FEWEST_ROWS = 19  # of a smaller terminal a screen takes no fewer: the answer itself needs them


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    try:
        asked = options(sys.argv[1:] if arguments is None else arguments, SOCKET, TIMEOUT_S)
        return _told(asked)
    except Usage as wrong:
        _say(f"stationctl: {wrong}", "all commands: stationctl --help")
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        _output_is_nowhere()
        return Exit.DONE
    except OSError as error:
        _output_is_nowhere()
        _say(f"stationctl: the output cannot be written: {error.strerror or error}", "what was ordered is done")
        return Exit.FAILED


def _output_is_nowhere() -> None:
    """Let the interpreter end without another try at an output that does not work."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(asked: Options) -> int:
    """Carry out the command; say on standard error why it failed."""
    try:
        code = _carry_out(asked)
        sys.stdout.flush()
    except Failed as failed:
        _tell(failed, asked)
        return failed.code
    except (KeyError, TypeError, ValueError, AttributeError) as strange:
        _say(f"stationctl: the answer of the daemon is not understood ({strange!r})", "is it of another version? stationd version")
        return Exit.NO_DAEMON if asked.words[:1] == ("show",) else Exit.OUTCOME_UNKNOWN
    return code


def _carry_out(asked: Options) -> Exit:
    if asked.help:
        sys.stdout.write(USAGE)
        return Exit.DONE
    wish = understood(asked.words)
    if wish.kind is Kind.EMERGENCY:
        return emergency.off(wish, asked.socket, as_json=asked.json)
    if wish.kind in FACE_TO_FACE:
        return _face_to_face(wish, asked)
    with contextlib.closing(Line(asked.socket, asked.timeout_s)) as line:
        if wish.kind is Kind.ACT:
            return _act(line, wish, asked)
        status = line.call(f"{STATUS}GetStatus", {})["status"]
        match wish.kind:
            case Kind.STATUS:
                return _show_status(line, status, asked)
            case Kind.ALARMS:
                return _show_alarms(line.call(wish.method, wish.parameters), status, asked)
            case Kind.ORDER:
                return _order(line, wish, status, asked)
            case Kind.VERIFY:
                line.renew(max(asked.timeout_s, VERIFY_S))
        return _show_line(line.call(wish.method, wish.parameters, acts=wish.acts), wish.kind, status, asked)


def _face_to_face(wish: Wish, asked: Options) -> Exit:
    """Carry out what is asked and answered on a terminal, in one process from its beginning to its end."""
    from stationd.shell import act_client  # the modules of the terminal are not needed by anything else

    if asked.json or asked.plain:
        raise Usage(f"{asked.words[0]} asks and answers on the terminal: --json and --plain do not go with it")
    with contextlib.closing(Line(asked.socket, asked.timeout_s)) as line:
        return act_client.face_to_face(line, wish, asked.socket, asked.timeout_s)


def _act(line: Line, wish: Wish, asked: Options) -> Exit:
    """Give an order about the plant, before anything else is asked, and say what it has done."""
    answer = line.call(wish.method, wish.parameters, acts=True)
    if asked.json:
        status = line.call(f"{STATUS}GetStatus", {})["status"]
        _print_json(status, status["t"], answer)
    else:
        _print(act_screens.done_lines(wish, answer))
    return _durable(answer)


def _show_status(line: Line, status: Form, asked: Options) -> Exit:
    try:
        alarms = line.call(f"{ALARM}List", {})
    except Failed as failed:
        if failed.error != f"{SERVICE}InterfaceNotFound":
            raise
        alarms = None
    if asked.json:
        _print_json(status, status["t"], {**status, **({} if alarms is None else {"alarms": alarms["alarms"]})})
    elif asked.plain:
        _print(screens.status_lines(status, alarms))
    else:
        _print(screens.status_screen(status, alarms, _rows()))
    return _judged(status, asked)


def _show_alarms(listing: Form, status: Form, asked: Options) -> Exit:
    if asked.json:
        _print_json(status, listing["asOf"]["t"], listing)
    elif asked.plain:
        _print(screens.alarm_lines(listing))
    else:
        _print(screens.alarms_screen(status, listing, _rows(), " ".join(asked.words)))
    return _judged(listing, asked)


def _show_line(answer: Form, kind: Kind, status: Form, asked: Options) -> Exit:
    """Show what the station knows of its line and its faults, of operations and what belongs to them."""
    rows = None if asked.plain else _rows()
    if asked.json:
        _print_json(status, status["t"], answer)
    elif kind in ACT_SHOWN:
        _print(act_screens.shown(kind, answer, str(status["t"]), rows))
    else:
        _print(line_screens.shown(kind, answer, status, rows))
    if kind is Kind.VERIFY and not answer["intact"]:
        return Exit.FAILED
    if kind in ACT_SHOWN and kind not in (Kind.INTERLOCKS, Kind.DIFF):
        return Exit.DONE  # what is not known of an operation that does not run is nothing bad
    return _judged(answer, asked)


def _order(line: Line, wish: Wish, status: Form, asked: Options) -> Exit:
    keys = _keys(line, wish)
    if not keys:
        raise Failed(Exit.NO_SUCH_THING, "no alarm waits for an acknowledgement")
    named = {wish.parameter: keys if wish.several else keys[0]}
    answer = line.call(wish.method, {**named, **wish.parameters}, acts=True)
    outcomes = answer["result"] if wish.several else None
    if asked.json:
        _print_json(status, status["t"], answer)
    if outcomes is None:
        if not asked.json:
            _print([screens.done_line(keys[0], wish.done, answer)])
        return _durable(answer)
    for outcome in outcomes:
        _report(outcome, asked)
    return max(_durable(answer), *(of_outcome(outcome) for outcome in outcomes))


def _durable(answer: Form) -> Exit:
    """Say it when an order was carried out and yet would not outlast a restart."""
    if answer.get("durable", True):
        return Exit.DONE
    _say("NOT ON DISK: this is lost if stationd restarts", "look at the disk: stationctl show alarms")
    return Exit.OUTCOME_UNKNOWN


def _report(outcome: Form, asked: Options) -> None:
    if outcome["done"]:
        if not asked.json:
            _print([screens.acknowledged_line(outcome)])
    else:
        _say(*screens.refusal_lines(f"ack {outcome['key']}", f"{outcome['cause']}: {outcome['detail']}", outcome["hint"]))


def _keys(line: Line, wish: Wish) -> list[str]:
    """Return the keys that are meant, each with the coming that was seen where the daemon had to be asked for it."""
    if wish.several and wish.keys == (ALL_VISIBLE,):
        alarms = line.call(f"{ALARM}List", {})["alarms"]
        return [f"{alarm['key']}#{alarm['occurrence']}" for alarm in alarms if alarm["letter"] in "BDE"][:100]
    stands = _comings(line) if wish.several and any("/" in key and "#" not in key for key in wish.keys) else {}
    return [stands.get(key, key) if "/" in key else _only(line, key, wish) for key in wish.keys]


def _comings(line: Line) -> dict[str, str]:
    """Return the keys of all alarms, each with the coming that stands now: what comes after that is acknowledged by nobody."""
    alarms = line.call(f"{ALARM}List", {"filter": {"shown": "all"}})["alarms"]
    return {str(alarm["key"]): f"{alarm['key']}#{alarm['occurrence']}" for alarm in alarms}


def _only(line: Line, kind: str, wish: Wish) -> str:
    """Return the key of the only alarm of a type."""
    alarms = line.call(f"{ALARM}List", {"filter": {"shown": "all", "type": kind}})["alarms"]
    if not alarms:
        raise Failed(Exit.NO_SUCH_THING, f"no alarm of the type {kind} stands; name it in full: resource/{kind}")
    if len(alarms) > 1:
        raise Failed(Exit.USAGE, f"{kind} may be {' or '.join(alarm['key'] for alarm in alarms[:10])}")
    key, occurrence = str(alarms[0]["key"]), alarms[0]["occurrence"]
    return f"{key}#{occurrence}" if wish.several else key


def _judged(form: object, asked: Options) -> Exit:
    return Exit.NOT_GOOD if asked.strict and {"stale", "bad"} & set(qualities(form)) else Exit.DONE


def _rows() -> int | None:
    """Return how many rows a screen may have: all there are to print when nobody looks at a terminal."""
    if not sys.stdout.isatty():
        return None
    with contextlib.suppress(OSError):
        known = os.get_terminal_size(sys.stdout.fileno()).lines  # 0: a serial console that never said
        return max(known - 1, FEWEST_ROWS) if known else ROWS
    return ROWS


def _print(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _print_json(status: Form, as_of: str, data: object) -> None:
    form = {"asOf": as_of, "station": status.get("station"), "mode": status.get("mode"), "data": data}
    sys.stdout.write(json.dumps(form) + "\n")


def _say(*lines: str) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in fitting(map(ascii_only, lines))))


def _tell(failed: Failed, asked: Options) -> None:
    if asked.json:
        form = {"error": failed.error, "parameters": failed.parameters, "text": " ".join(failed.lines), "exit": int(failed.code)}
        sys.stderr.write(json.dumps(form) + "\n")  # one document, one line
        return
    _say(*(wrapped(" ".join(asked.words), "REFUSED  ") if failed.error else []), *failed.lines)


if __name__ == "__main__":
    sys.exit(main())
