"""The station file, also one that is broken: what stands in it, its mistakes with their lines, and its text without secrets.

A file that is no TOML is still text: names and paths that the rest needs are looked for in its lines, and secrets are removed from
the text itself, so that nothing depends on it being right. Too much is removed rather than too little; references to credentials
and to files of secrets stay, since they are what one looks for.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from stationd.problem import Problem

LARGEST = 4 << 20  # bytes; a station file has some tens of thousands
STATE, SOCKET = Path("/var/lib/stationd"), Path("/run/stationd/io.stationd")  # the defaults of [station] and [control]
REMOVED = "(removed)"
_NAME = r"[A-Za-z0-9_.-]*(?:pass|secret|token|pwd|psk|credential|api_?key)[A-Za-z0-9_.-]*|(?:[A-Za-z0-9_.-]*[_.-])?key"
_WEAK = r"[A-Za-z0-9_.-]*(?:password|passwd|secret|token|pwd|psk)[A-Za-z0-9_.-]*"
_VALUE = r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|\"(?:[^\"\\\n]|\\.)*(?:\"|$)|'[^'\n]*(?:'|$)|\[.*?(?:\]|\Z)|[^\s,}\]#&\"']*"
_PAIR = r"(?<![A-Za-z0-9_.-])([\"']?)({})\1(\s*[=:]\s*)({})"
_IN_FILE, _ELSEWHERE = (
    re.compile(_PAIR.format(name, _VALUE), re.IGNORECASE | re.DOTALL | re.MULTILINE) for name in (_NAME, _WEAK)
)  # in a log and in documents "key" is that of an alarm, and "passed" a result
_REFERENCE = re.compile(r"""(["'])(credential:[A-Za-z0-9_.-]+|file:/[^\s"']*)\1""")
_LOADED = re.compile(r"[A-Za-z0-9_.-]+:/[A-Za-z0-9_./-]*")  # what a unit loads a credential from, as comments quote it
_LOGIN = re.compile(r"//[^\s\"',]*@")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)
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


def redacted(text: str, *, of_file: bool = False) -> str:
    """Return a text without secrets; of the station file every value goes that a name calls one."""
    text = _PEM.sub(REMOVED, text)
    text = (_IN_FILE if of_file else _ELSEWHERE).sub(_kept, text)
    return _LOGIN.sub(f"//{REMOVED}@", text)


def _kept(found: re.Match[str]) -> str:
    quote, name, mark, value = found.groups()
    reference = _REFERENCE.fullmatch(value) or (name.lower() == "loadcredential" and _LOADED.fullmatch(value))
    shown = value if reference or not value else f'"{REMOVED}"'
    return f"{quote}{name}{quote}{mark}{shown}"
