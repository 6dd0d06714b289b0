"""Every kind of terminal: 7-bit where the locale is C, no control sequence on a dumb one, small screens on a slow line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.people import BEKOV, CRON
from tests.stories.terminal import Kind, Terminal, sitting

XTERM, VT100, DUMB, NO_SIZE = Kind("xterm", "C.UTF-8"), Kind("vt100", "C"), Kind("dumb", "C"), Kind("vt100", "C", (0, 0))
KINDS = pytest.mark.parametrize("kind", [XTERM, VT100, DUMB, NO_SIZE], ids=["xterm", "vt100", "dumb", "0x0"])
PAINT_BYTES, NUMBER_BYTES = 2000, 100
COLUMNS, ROWS = 79, 24
REFRESHES = 4
COMMANDS = (
    "show status", "show alarms", "show line", "show fault", "show pfe", "show pfe a", "show amp", "show optical", "show operations",
    "show handover", "show health", "show sessions", "explain LINE-BREAK", "help",
)  # fmt: skip
ADDRESS = re.compile(rb"\x1b\[(\d+);(\d+)H")
CLEAR = b"\x1b[H\x1b[2J"


@pytest.fixture(scope="module", autouse=True)
def cut(line: Line) -> None:
    """A cut line fills the screens, once its place is known: until then it cannot be told whose the fault is."""
    line.order("cut 118.4")
    line.until("aktau", "show status", "Cable cut", "THE FAULT IS NOT IN THIS STATION")


def keeps_to(kind: Kind, raw: bytes | bytearray) -> None:
    """Complain of what such a terminal must not be sent."""
    if "UTF-8" not in kind.lang:
        assert raw.isascii()
    if kind.term == "dumb":
        assert b"\x1b" not in raw
        assert b"\b" not in raw


@pytest.fixture
def shell(line: Line, home: Path, kind: Kind) -> Iterator[Terminal]:
    """Somebody has logged in."""
    with sitting(line.sockets["aktau"], BEKOV, home=home, kind=kind, STATIONCTL_LANG="ru") as terminal:
        terminal.at_prompt()
        yield terminal


@KINDS
def test_the_first_screen_of_a_shell_is_small_and_whole(shell: Terminal, kind: Kind) -> None:
    keeps_to(kind, shell.raw)
    assert len(shell.raw) <= PAINT_BYTES
    assert "VERDICT THE FAULT IS NOT IN THIS STATION" in shell.text
    assert max(map(len, shell.text.splitlines())) <= COLUMNS


@KINDS
def test_the_status_as_one_command_is_small_and_whole(line: Line, home: Path, kind: Kind) -> None:
    with sitting(line.sockets["aktau"], CRON, "show", "status", home=home, kind=kind) as terminal:
        assert terminal.ended() == 0
        keeps_to(kind, terminal.raw)
        assert len(terminal.raw) <= PAINT_BYTES
        assert terminal.text.count("\n") <= ROWS
        assert max(map(len, terminal.text.splitlines())) <= COLUMNS
        assert terminal.text.splitlines()[-1].strip()


@KINDS
def test_no_command_sends_what_the_terminal_cannot_show(shell: Terminal, kind: Kind) -> None:
    for command in COMMANDS:
        shown = shell.answer(command)
        keeps_to(kind, shell.raw)
        assert max(map(len, shown.splitlines())) <= COLUMNS, shown


@KINDS
def test_help_within_a_line_and_the_tab_key_send_no_more_than_that(shell: Terminal, kind: Kind) -> None:
    shell.presses("show al\t")
    if kind.term == "dumb":
        shell.presses("arms ?\r")
    else:
        shell.sees("show alarms")
        shell.presses("?")
    shell.sees("shelved", "history")
    if kind.term == "dumb":
        shell.at_prompt()
    shell.presses("\x15\r")
    shell.at_prompt()
    keeps_to(kind, shell.raw)


@KINDS
@pytest.mark.parametrize("way", ["one command", "in the shell"])
def test_a_live_view_costs_little_for_each_number_that_changes(line: Line, home: Path, kind: Kind, way: str) -> None:
    words = ("watch", "show", "pfe") if way == "one command" else ()
    with sitting(line.sockets["aktau"], BEKOV, *words, home=home, kind=kind) as terminal:
        if not words:
            terminal.at_prompt()
            terminal.types("watch show pfe")
        begin = len(terminal.raw)
        if kind.term == "dumb":
            appended(terminal)
        else:
            painted(terminal, 0 if words else begin)
        keeps_to(kind, terminal.raw)
        terminal.presses("q")
        assert terminal.ended() == 0 if words else terminal.at_prompt()


def painted(terminal: Terminal, begin: int) -> None:
    """Count what a view in place sends after its first frame: each change has an address, and each frame ends with one of the cursor's."""

    def later() -> bytes:
        at = terminal.raw.find(CLEAR, begin)
        return bytes(terminal.raw[at + len(CLEAR) :]) if at >= 0 else b""

    def frames() -> int:
        rows = [int(row) for row, _ in ADDRESS.findall(later())]
        return rows.count(max(rows, default=0))

    terminal.until(lambda: frames() > REFRESHES, "nothing is refreshed")
    first = ADDRESS.search(later())
    assert first is not None
    assert first.start() <= PAINT_BYTES
    sent, changes = len(later()) - first.start(), len(ADDRESS.findall(later())) - frames()
    assert sent <= NUMBER_BYTES * changes, f"{sent} bytes for {changes} changes"


def appended(terminal: Terminal) -> None:
    """Look at what a view of lines adds: only lines, each with the time before it, none longer than the screen."""
    terminal.until(lambda: len(re.findall(r"(?m)^\d\d:\d\d:\d\dZ ", terminal.text)) > REFRESHES, "no line is added")
    assert max(map(len, terminal.text.splitlines())) <= COLUMNS
