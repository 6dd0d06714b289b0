"""The station file, also one that is broken: what stands in it, and its mistakes with their lines.

A file that is no TOML is still text: names and paths that the rest needs are looked for in its lines, and what it has of secrets is
withheld from the text itself (stationd.redaction), so that nothing depends on it being right.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from stationd.problem import Problem

LARGEST = 4 << 20  # bytes; a station file has some tens of thousands
STATE, SOCKET = Path("/var/lib/stationd"), Path("/run/stationd/io.stationd")  # the defaults of [station] and [control]
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?")
_AT_LINE = re.compile(r"\bat line (\d+)")


@dataclass(frozen=True, slots=True)
class StationFile:
    """What is known of a station from its file. `trouble` says why it cannot be read; `text` is empty then."""

    path: Path
    text: str = ""
    trouble: str = ""
    name: str = ""
    mode: str = ""
    operator: str = ""
    state: Path = STATE
    socket: Path = SOCKET


@dataclass(frozen=True, slots=True)
class Checked:
    """What `stationd check` says. `summary` is one sentence when there is no mistake."""

    problems: tuple[Problem, ...]
    summary: str


def read(path: Path) -> StationFile:
    """Return what stands in a file, whatever it is."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8-sig", "replace")
    except PermissionError:
        return StationFile(path, trouble=f"this user may not read {path}")
    except FileNotFoundError:
        return StationFile(path, trouble=f"there is no {path}")
    except (OSError, ValueError) as error:
        return StationFile(path, trouble=f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
    found = {name: _stands(text, section, name) for section, name in KEYS}
    state, socket = (Path(found[name]) if found[name].startswith("/") else usual for name, usual in (("state", STATE), ("socket", SOCKET)))
    return StationFile(path, text, "", found["name"], found["mode"] or "live", found["operator"], state, socket)


KEYS = (("station", "name"), ("station", "mode"), ("station", "operator"), ("station", "state"), ("control", "socket"))


def _stands(text: str, section: str, key: str) -> str:
    """Return the word that stands at a key; "" where there is none."""
    try:
        table = tomllib.loads(text).get(section)
        value = table.get(key) if isinstance(table, dict) else None
    except (ValueError, RecursionError):
        number = line_of(text, f"{section}.{key}")
        line = text.splitlines()[number - 1] if number else ""
        found = re.match(r"""[^=]*=\s*["']([^"']*)["']""", line)
        value = found[1] if found else None
    return value if isinstance(value, str) else ""


def line_of(text: str, key: str) -> int | None:
    """Return the line, counted from 1, in which a key such as bus.pfe.baud or alarm[2].point stands, or the table that it is of."""
    path = key.replace('"', "")
    section, _, name = path.rpartition(".")
    counts: dict[str, int] = {}
    here, table_line = "", None
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.fullmatch(line)
        if header:
            here = header[1].replace('"', "").replace(" ", "")
            counts[here] = counts.get(here, 0) + 1
            if path in (here, f"{here}[{counts[here]}]"):
                return number
            table_line = number if section in (here, f"{here}[{counts[here]}]") else table_line
        elif section in (here, f"{here}[{counts.get(here, 0)}]") and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*=""", line):
            return number
    return table_line


def checked(path: Path) -> Checked:
    """Check a file as the daemon would; whatever goes wrong is raised."""
    from stationd import app  # all drivers and models, which nothing else here needs

    loaded = app.load(path)
    if loaded.config is None:
        return Checked(loaded.mistakes, "")
    return Checked((), f"no mistakes, {len(loaded.config.device)} devices on {len(loaded.config.bus)} ports")


def place_of(problem: Problem, text: str) -> str:
    """Return where a mistake stands: its line where that can be told, and its key."""
    at = _AT_LINE.search(problem.reason)
    number = int(at[1]) if at else line_of(text, problem.key) if problem.key else None
    return ", ".join(filter(None, (f"line {number}" if number else "", problem.key)))
