"""The pages stationd(8) and stationd-rollback(8) in the language of man(7); the first is made of the parser of the command line."""

# ruff: noqa: SLF001 - argparse has no public way to what a parser takes

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import stationd
import stationd.__main__ as program

EXITS = (
    ("0", "ended as asked"),
    ("1", "failed"),
    ("2", "wrong use, or a faulty station file: every mistake is on standard error, nothing was started"),
    ("75", "another instance holds the state directory"),
)
FILES = (
    ("/etc/stationd/station.toml", "the station; the service starts once it is there"),
    ("/var/lib/stationd/journal.sqlite", "alarms, events, what people ordered, what waits for the broker, the history"),
    ("/run/stationd/io.stationd", "the control socket, for stationctl(1)"),
    ("/usr/share/doc/stationd/examples/", "four stations to start from"),
)
DESCRIPTION = (
    "Reads the power feed, the amplifiers and the light of a landing station and raises its alarms. It never makes the line worse: "
    "starting, stopping or upgrading it changes nothing of the plant, and a station is read-only unless its file says otherwise."
)
SERVICE = (
    "As a service it is stationd.service. Its own lines are in a journal of their own: journalctl --namespace=stationd. "
    "systemctl reload stationd reads the station file again; a faulty one leaves everything running as it was and says why."
)


def page(version: str, date: str) -> str:
    """Return the page stationd(8). `date` as YYYY-MM-DD."""
    return "".join(f"{line}\n" for line in _page(version, date))


def _page(version: str, date: str) -> Iterator[str]:
    parser = program._parser()
    yield f'.TH STATIOND 8 "{date}" "stationd {version}" "stationd"'
    yield from (".SH NAME", r"stationd \- controller daemon of submarine\-cable landing stations", ".SH SYNOPSIS")
    yield from (r"\fBstationd\fR \fICOMMAND\fR [\fIWORDS\fR...]", ".SH DESCRIPTION")
    yield _roff(DESCRIPTION)
    yield from (".SH COMMANDS", *_commands(parser))
    yield from (".SH SERVICE", _roff(SERVICE), ".SH EXIT STATUS")
    for code, meaning in EXITS:
        yield from (".TP", rf"\fB{code}\fR", _roff(meaning))
    yield ".SH FILES"
    for path, meaning in FILES:
        yield from (".TP", rf"\fI{_roff(path)}\fR", _roff(meaning))
    yield from (".SH SEE ALSO", r"\fBstationctl\fR(1), \fBstationd\-rollback\fR(8)")


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._subparsers._group_actions if parser._subparsers else ():
        assert isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions:
            yield from (f".SS {_roff(_usage(action.choices[choice.dest]))}", _roff(choice.help or ""))
            yield from _options(action.choices[choice.dest])


def _usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().removeprefix("usage: ").replace("[-h] ", "").replace(" [-h]", "").split())


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if action.help and "-h" not in action.option_strings and not isinstance(action, argparse._SubParsersAction):
            name = " ".join(filter(None, (", ".join(action.option_strings), _value(action))))
            yield from (".TP", rf"\fB{_roff(name)}\fR", _roff(action.help))


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "|".join(str(choice) for choice in action.choices)
    name = action.metavar or ("" if action.option_strings else action.dest)
    return name if isinstance(name, str) else " ".join(name)


def _roff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    print(page(stationd.__version__, sys.argv[1]), end="")
