"""The screen of the configuration in force: each key with its value, those that stand at their default marked. Pure.

It is written as the file would be, so that a line can be copied into it: what is not set is a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stationd.shell.screens.typeset import RULE, ascii_only, bounded, wrapped

ROWS = 23
DEFAULT = "   # default"


def config_screen(config: Mapping[str, Any], rows: int | None = ROWS) -> list[str]:
    """Return the screen."""
    path = str(config.get("path") or "")
    digest = str(config.get("sha256") or "")
    top = [*wrapped(f"CONFIG  {path or 'all'}   of {config.get('file') or 'no file'}{f'   sha256 {digest[:8]}' if digest else ''}"), RULE]
    found = config.get("defaults")
    defaults = frozenset(map(str, found)) if isinstance(found, Sequence) and not isinstance(found, str) else frozenset[str]()
    body = [row for line in _lines(config.get("value"), path, defaults) for row in _fitted(line)]
    return bounded(top, body or ["none"], [], rows, f"show config {path}".rstrip())


def _lines(value: object, path: str, defaults: frozenset[str]) -> Iterator[str]:
    """Give the lines of one value: a table with its head, a list of tables one after the other, anything else as a key."""
    if isinstance(value, Mapping):
        plain = {name: each for name, each in value.items() if not _has_tables(each)}
        if path and (plain or not value):
            yield f"[{path}]"
        for name, each in plain.items():
            yield _key(str(name), each, f"{path}.{name}" if path else str(name), defaults)
        for name, each in value.items():
            if name not in plain:
                yield from _lines(each, f"{path}.{name}" if path else str(name), defaults)
    elif _has_tables(value):
        assert isinstance(value, Sequence)
        for number, each in enumerate(value, 1):
            yield from _lines(each, f"{path}.{number}", defaults)
    else:
        yield _key(path.rpartition(".")[2], value, path, defaults)


def _has_tables(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(each, Mapping) for each in value))


def _key(name: str, value: object, path: str, defaults: frozenset[str]) -> str:
    mark = DEFAULT if path in defaults else ""
    return f"# {name} is not set" if value is None else f"{name} = {json.dumps(value, ensure_ascii=True)}{mark}"


def _fitted(line: str) -> list[str]:
    """Return a line, and what is too long for it on the next ones; a text without spaces is broken, never cut."""
    return wrapped(ascii_only(line), following="    ")
