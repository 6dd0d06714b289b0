"""The screen of what runs here: the program, what it stands on, the file by which it was configured, the drivers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.typeset import RULE, ascii_only, bounded, headed, in_columns, moment, wrapped

ROWS = 23
LABEL = 10
WIDTHS = (22, 12, 12)
CHANGED = {True: "the file is ANOTHER ONE now: it takes effect at the next start", False: "the file is as it was loaded"}


def version_screen(version: Mapping[str, Any], rows: int | None = ROWS) -> list[str]:
    """Return the screen."""
    found, light = version.get("config"), version.get("sampler")
    config = found if isinstance(found, Mapping) else {}
    sampler = f"   sampler ABI {_word(light.get('abi'))}" if isinstance(light, Mapping) else ""
    top = [
        *wrapped(f"stationd {_word(version.get('stationd'))}   {headed(version)}   {moment(version.get('t'))}"),
        *_row("runs on", f"{_word(version.get('platform'))} {version.get('machine') or ''}   Python {_word(version.get('python'))}   "
                         f"SQLite {_word(version.get('sqlite'))}{sampler}"),
        *_row("file", _word(config.get("path"))),
        *_row("sha256", _word(config.get("sha256"))),
        *_row("loaded", f"{moment(config.get('loaded'))}   {CHANGED.get(config.get('changed'), 'whether it has changed is not known')}"),  # type: ignore[arg-type]
        RULE,
        *in_columns(("Driver", "kind", "protocol"), WIDTHS, "devices"),
    ]  # fmt: skip
    drivers = version.get("drivers")
    body = [row for each in drivers if isinstance(each, Mapping) for row in _driver(each)] if isinstance(drivers, Sequence) else []
    return bounded(top, body or ["none"], [], rows, "show version")


def _driver(driver: Mapping[str, Any]) -> list[str]:
    devices = driver.get("devices")
    names = ", ".join(map(str, devices)) if isinstance(devices, Sequence) and not isinstance(devices, str) else ""
    cells = [_word(driver.get(name) or "-") for name in ("model", "kind", "protocol")]
    return in_columns(cells, WIDTHS, names)


def _row(label: str, text: str) -> list[str]:
    return wrapped(text, f"{label:<{LABEL}}")


def _word(found: object) -> str:
    return "--" if found is None else ascii_only(found)
