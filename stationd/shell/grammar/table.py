"""THE table: every command that `stationctl` has. To add one, add a row to the file of its class."""

from __future__ import annotations

from collections.abc import Sequence

from stationd.shell.grammar.acting import ACTS
from stationd.shell.grammar.asked import alone
from stationd.shell.grammar.command import Class, Command
from stationd.shell.grammar.match import Read, read
from stationd.shell.grammar.noting import NOTING
from stationd.shell.grammar.reading import READING
from stationd.shell.wish import Kind, Wish

# What a person sets for his own shell; one-shot it says nothing.
SETTINGS = (
    Command("plain ONOFF", Class.READ, "lines only, nothing that moves: for a printer, a screen reader, a slow line",
            alone(Kind.SETTING, "plain", value="ONOFF")),
    Command("time ZONE", Class.READ, "which time stands first", alone(Kind.SETTING, "time", value="ZONE")),
    Command("lang LANGUAGE", Class.READ, "of explanations", alone(Kind.SETTING, "lang", value="LANGUAGE")),
    Command("terminal size COLUMNS ROWS", Class.READ, "where the terminal does not say it",
            alone(Kind.SETTING, "size", columns="COLUMNS", rows="ROWS")),
    Command("quit", Class.READ, "leave; what you have armed is disarmed", alone(Kind.QUIT)),
)  # fmt: skip

COMMANDS: Sequence[Command] = (*READING, *NOTING, *ACTS, *SETTINGS)

# What may stand behind a bar.
PIPES: Sequence[Command] = (
    Command("match PATTERN", Class.READ, "the lines in which it occurs", alone(Kind.SETTING, "match", pattern="PATTERN")),
    Command("except PATTERN", Class.READ, "the lines in which it does not", alone(Kind.SETTING, "except", pattern="PATTERN")),
    Command("count", Class.READ, "how many lines", alone(Kind.SETTING, "count")),
    Command("last LINES", Class.READ, "the last so many lines", alone(Kind.SETTING, "last", lines="LINES")),
    Command("json", Class.READ, "the answer as a document", alone(Kind.SETTING, "json")),
    Command("no-more", Class.READ, "without stopping at the end of the screen", alone(Kind.SETTING, "no-more")),
    Command("save NAME", Class.NOTE, "into a file of the station, below bundles/", alone(Kind.SETTING, "save", name="NAME")),
)


def recognised(words: Sequence[str]) -> Read:
    """Return the command that the words are. Usage when they are none."""
    return read(COMMANDS, words)


def understood(words: Sequence[str]) -> Wish:
    """Return what is wished. Usage when that is not clear."""
    return recognised(words).wish


def stage(words: Sequence[str]) -> Wish:
    """Return what a stage behind a bar does with the lines before it. Usage when that is not clear."""
    return read(PIPES, words).wish
