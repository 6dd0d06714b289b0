"""The configuration file of a station: read, checked as a whole, and handed on as frozen models.

`load` is what the daemon uses, `check` what `stationd check` prints: all mistakes at once, one line each. The catalogue of
drivers comes from the caller, since which drivers there are is not the business of this room.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stationd.config.alarms import alarm_plan, check_alarms
from stationd.config.devices import check_devices
from stationd.config.light import check_light, settings_of
from stationd.config.line import check_line
from stationd.config.listing import defaults
from stationd.config.machine_checks import check_machines
from stationd.config.model import StationConfig
from stationd.config.plant import plant_of
from stationd.config.problem import Finding
from stationd.config.problem import Path as KeyPath
from stationd.config.secret import SecretError, resolve_secret
from stationd.driver import Driver
from stationd.problem import Problem
from stationd.regular_file import read_regular

__all__ = [
    "ConfigErrors",
    "Problem",
    "SecretError",
    "StationConfig",
    "alarm_plan",
    "check",
    "defaults",
    "load",
    "read",
    "resolve_secret",
    "settings_of",
]

LONGEST_FILE = 1 << 20  # bytes; the file of a station of 24 fibre pairs has some 40 kB (assumption: nobody writes twenty times that)
UNNAMED = "station.toml"  # what a text that comes from no file is called
_SYNTAX_PLACE = re.compile(r" \((at (?:line \d+, column \d+|end of document))\)$")
_TABLE_NAME = re.compile(r"\('[^()]*'\,?\)")  # tomllib shows [bus.pfe] as ('bus', 'pfe')
_PLAIN = str.maketrans({"(": "[", ")": "]", "'": None, ",": ".", " ": None})


class ConfigErrors(Exception):
    """The file has mistakes; `problems` holds every one of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems; the message is their lines."""
        super().__init__("\n".join(problem.render() for problem in problems))
        self.problems = tuple(problems)


def load(path: Path, catalogue: Mapping[str, Driver]) -> StationConfig:
    """Return the configuration of a file, or raise ConfigErrors with every mistake in it."""
    config, problems = check(path, catalogue)
    if config is None:
        raise ConfigErrors(problems)
    return config


def read(path: Path) -> bytes | Problem:
    """Return what a station file holds, read once and whole, or why it cannot be had. Waits for nothing that is no file."""
    try:
        return read_regular(path, LONGEST_FILE)
    except OSError as error:
        return Finding((), "", f"cannot be read: {error.strerror or error}").problem(str(path))


def check(
    source: Path | str | bytes, catalogue: Mapping[str, Driver], file: str = ""
) -> tuple[StationConfig | None, tuple[Problem, ...]]:
    """Check a file, or what was read of one; return the configuration when there is no problem, else None and the problems.

    `file` is what a text is called in a problem.
    """
    file = file or (str(source) if isinstance(source, Path) else UNNAMED)
    content = read(source) if isinstance(source, Path) else source
    if isinstance(content, Problem):
        return None, (content,)
    raw, failed = _parsed(content)
    if failed is not None:
        return None, (failed.problem(file),)
    try:
        plant = plant_of(raw)
        findings = [*plant.findings, *check_devices(plant, catalogue), *check_line(plant, catalogue)]
        findings += [*check_machines(plant, catalogue), *check_light(plant)]
        findings = findings or check_alarms(plant.config(), catalogue)
        if findings:
            return None, tuple(finding.problem(file) for finding in _in_file_order(findings, raw))
    except RecursionError:
        return None, (Finding((), "", "has tables that are nested too deeply", "no section has more than three levels").problem(file),)
    return plant.config(), ()


def _parsed(source: str | bytes) -> tuple[dict[str, object], Finding | None]:
    try:
        text = source if isinstance(source, str) else source.decode("utf-8-sig")
        return tomllib.loads(text), None
    except UnicodeDecodeError as error:
        return {}, Finding((), "", f"is not UTF-8 at byte {error.start}", "save it as UTF-8")
    except RecursionError:
        return {}, Finding((), "", "is not TOML: lists or tables are nested too deeply")
    except ValueError as error:  # TOMLDecodeError, and int()'s own refusal of a number of thousands of digits
        return {}, _syntax(str(error))


def _syntax(message: str) -> Finding:
    place = _SYNTAX_PLACE.search(message)
    where = f" {place[1]}" if place else ""
    what = _TABLE_NAME.sub(lambda match: match[0].translate(_PLAIN), _SYNTAX_PLACE.sub("", message))
    return Finding((), "", f"is not TOML{where}: {what}", "nothing else could be checked")


def _in_file_order(findings: Sequence[Finding], raw: Mapping[str, object]) -> list[Finding]:
    """Sort findings as their keys stand in the file; what is not there goes with the table it belongs to."""
    order = {path: place for place, path in enumerate(_paths(raw, ()))}

    def place(finding: Finding) -> int:
        tables = (finding.path[:length] for length in range(len(finding.path), 0, -1))
        return next((order[path] for path in tables if path in order), len(order))

    return sorted(findings, key=place)


def _paths(raw: object, path: KeyPath) -> Iterator[KeyPath]:
    yield path
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _paths(value, (*path, key))
    elif isinstance(raw, list):
        for index, value in enumerate(raw, 1):
            yield from _paths(value, (*path, index))
