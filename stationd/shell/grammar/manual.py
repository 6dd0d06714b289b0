"""The table as people read it: the text of --help, and the manual page. Both say exactly what the parser takes. Pure.

The page follows man(7). It is made in the build: `python -m stationd.shell.grammar.manual > stationctl.1`.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from stationd.shell.exits import MEANINGS
from stationd.shell.grammar.command import Class, Command
from stationd.shell.grammar.match import written
from stationd.shell.grammar.table import COMMANDS, PIPES

OPTIONS = (
    ("--socket PATH", "the control socket; /run/stationd/io.stationd"),
    ("--json", "the answer as one document"),
    ("--plain", "lines only, complete, without a screen's limits"),
    ("--timeout S", "how long to wait for the daemon; 10"),
    ("--strict", "end with 8 when a value is stale or bad"),
)
CLASSES = {
    Class.READ: "Looking (group stationd-view). These words may be typed short where only one begins so",
    Class.NOTE: "Noting (group stationd-operate). From here on every word is typed in full",
    Class.SET: "Setting amplifiers (stationd-operate, with authority)",
    Class.OPERATE: "Operating: on a terminal, from the arming to the end (stationd-operate, with authority)",
    Class.LETHAL: "What can kill: two persons of stationd-power",
    Class.EMERGENCY: "Emergency (stationd-operate, nothing else)",
}
DESCRIPTION = (
    "Shows the station at a glance, its alarms and its line, and acts on the plant along one guarded path: what can kill is armed by one "
    "person, approved by another, and begun with the code of the arming screen. Without words, on a terminal, it is a shell with the same "
    "words. One-shot it never pages, never asks, never colours; data goes to standard output, everything else to standard error."
)
LEFT, COLUMNS = 41, 79
KEY_NOTE = "KEY is resource/TYPE or resource/TYPE/qualifier, with #N one coming of it; TYPE alone where there is only one such alarm."


def usage() -> list[str]:
    """Return every command with its line of help, at most 79 columns wide."""
    lines = ["usage: stationctl [--socket PATH] [--json|--plain] [--timeout S] [--strict] [WORDS...]", ""]
    lines[:1] = textwrap.wrap(lines[0], COLUMNS, subsequent_indent="       ")
    lines += ["Without words, on a terminal: the shell. ? there, at any place, shows what may follow.", ""]
    lines[-2:-1] = textwrap.wrap(lines[-2], COLUMNS)
    for klass, title in CLASSES.items():
        lines += [*textwrap.wrap(f"{title}:", COLUMNS), *(row for command in _of(klass) for row in _entry(command)), ""]
    lines += ["Behind a bar (show alarms | match PFE | count):", *(row for command in PIPES for row in _entry(command)), ""]
    lines += textwrap.wrap(KEY_NOTE, COLUMNS)
    codes = "exit: " + "  ".join(f"{int(code)} {meaning}" for code, meaning in MEANINGS.items())
    return [*lines, *textwrap.wrap(codes, COLUMNS, subsequent_indent="      ")]


def _of(klass: Class) -> list[Command]:
    return [command for command in COMMANDS if command.klass is klass]


def _entry(command: Command) -> list[str]:
    form = f"  {written(command.form)}"
    if len(form) < LEFT:
        return textwrap.wrap(command.help, COLUMNS, initial_indent=f"{form:{LEFT}}", subsequent_indent=" " * LEFT)
    return [*textwrap.wrap(form, COLUMNS, subsequent_indent="      ", break_on_hyphens=False),
            *textwrap.wrap(command.help, COLUMNS, initial_indent=" " * LEFT, subsequent_indent=" " * LEFT)]  # fmt: skip


def page(version: str, date: str) -> str:
    """Return the manual page stationctl(1) in the language of man(7)."""
    return "".join(f"{line}\n" for line in _page(version, date))


def _page(version: str, date: str) -> Iterator[str]:
    yield f'.TH STATIONCTL 1 "{date}" "stationd {version}" "stationd"'
    yield from (".SH NAME", r"stationctl \- the shell of a cable landing station", ".SH SYNOPSIS")
    yield r".B stationctl"
    yield r"[\fB\-\-socket\fR PATH] [\fB\-\-json\fR|\fB\-\-plain\fR] [\fB\-\-timeout\fR S] [\fB\-\-strict\fR] [WORDS...]"
    yield from (".SH DESCRIPTION", _roff(DESCRIPTION))
    yield ".SH OPTIONS"
    for name, meaning in OPTIONS:
        yield from (".TP", rf"\fB{_roff(name)}\fR", _roff(meaning))
    yield ".SH COMMANDS"
    for klass, title in CLASSES.items():
        yield f'.SS "{_roff(title)}"'
        yield from (row for command in _of(klass) for row in _roff_entry(command))
    yield '.SS "Behind a bar"'
    yield from (row for command in PIPES for row in _roff_entry(command))
    yield from (".SS KEYS", _roff(KEY_NOTE), ".SH EXIT STATUS")
    for code, meaning in MEANINGS.items():
        yield from (".TP", rf"\fB{int(code)}\fR", _roff(meaning))
    yield _roff("stationctl check alone ends with 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, as monitoring plugins do.")
    yield from (".SH FILES", ".TP", r"\fI/run/stationd/io.stationd\fR", "the control socket")
    yield from (".SH SEE ALSO", r".BR stationd (8)")


def _roff_entry(command: Command) -> list[str]:
    return [".TP", rf"\fB{_roff(written(command.form))}\fR", _roff(command.help)]


def _roff(text: str) -> str:
    """Return a text in which nothing is taken for a request."""
    safe = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{safe}" if safe[:1] in (".", "'") else safe


def main() -> int:
    """Print the manual page; its date is given, so that the same tree makes the same page."""
    import stationd

    date = sys.argv[1] if len(sys.argv) > 1 else ""
    sys.stdout.write(page(stationd.__version__, date))
    return 0


if __name__ == "__main__":
    sys.exit(main())
