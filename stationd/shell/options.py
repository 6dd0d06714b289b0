"""What stands beside the words on the command line of `stationctl`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stationd.shell.wish import Usage

FLAGS = ("--json", "--plain", "--strict", "--help", "-h")


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
        elif argument in FLAGS:
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
