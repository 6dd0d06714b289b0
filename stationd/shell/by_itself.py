"""The commands that `stationctl` carries out by itself, or with more than one question: explain, check, wait, watch, help, support."""

from __future__ import annotations

import os
import sys

from stationd.shell.caller import Failed
from stationd.shell.daemon import Daemon
from stationd.shell.exits import Exit
from stationd.shell.screens.typeset import fitting
from stationd.shell.told import Asked, Told
from stationd.shell.wish import Kind, Usage, Wish


def told(wish: Wish, daemon: Daemon, asked: Asked) -> Told:
    """Carry one of them out. Failed, Usage as everywhere."""
    match wish.kind:
        case Kind.EXPLAIN:
            return _explained(str(wish.parameters["word"]), asked)
        case Kind.ALARM_TYPES:
            from stationd.shell.screens import alarms

            lines = alarms.types_screen(None if asked.plain else asked.rows)
            return Told(lines, lines)
        case Kind.CHECK:
            from stationd.shell import checking

            code, line = checking.looked(daemon.socket, daemon.timeout_s)
            return Told([line], line, Exit(int(code)))
        case Kind.LAMP:
            from stationd.shell import lamp

            lines = lamp.lamp_lines(utf8=asked.utf8)
            return Told(lines, lines)
        case Kind.HELP:
            from stationd.shell.grammar.manual import usage

            lines = usage()
            return Told(lines, lines)
        case Kind.SUPPORT:
            from stationd.shell import supporting

            return supporting.told(wish, daemon)
        case Kind.WAIT_ALARM | Kind.WAIT_OPERATION | Kind.WAIT_LINE:
            from stationd.shell import waiting

            return Told((), code=waiting.waited(wish, daemon.another, _say))
    raise Usage(f"{wish.kind.value} is carried out on its own: no other command takes it")


def _explained(word: str, asked: Asked) -> Told:
    from stationd.shell import explain

    found = explain.explained(word, asked.language, utf8=asked.utf8)
    if isinstance(found, explain.Unknown):
        raise Failed(Exit.NO_SUCH_THING, *found.lines())
    return Told(found, found)


def _say(line: str) -> None:
    """Say how far it is, at once: whoever waits wants to know. Where nobody reads any more the code still says how it ended."""
    try:
        sys.stdout.write("".join(f"{row}\n" for row in fitting([line])))
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
