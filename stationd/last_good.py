"""The station file that was taken up last, kept in the state directory for a start whose own file cannot be used.

    file taken up --> copy: its path, its text, those of its driver files, a digest          one file, replaced at once, synced
    start, file missing, mistaken or unreadable --> copy of the same path --> the station runs by it, read-only, and says so

Why: a reload that is refused leaves a bad file behind. Were the next start refused for it, whatever ends the daemon then (a crash, a
power cut) would leave the station unwatched until somebody comes. Read-only, because nobody knows what the new file was to change.

The driver files belong to the copy: the station file is checked against them, and may be of no use without. What it is not: a history,
or a way around a mistake: the file is what counts, and as soon as it can be used the copy is not looked at. A copy is that of one path:
a daemon that is started with another file never uses it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stationd.loading import Loaded, Texts, checked
from stationd.regular_file import read_regular

COPY = "station.taken-up.json"
FORMAT = 1
LONGEST = 64 << 20  # bytes; a station file and its driver files have at most 1 MiB each (assumption: there are not sixty of them)
USUAL_STATE = Path("/var/lib/stationd")  # StateDirectory= of the unit


def places(environment: Mapping[str, str], texts: Texts | None) -> tuple[Path, ...]:
    """Return the state directories to keep a copy in, or to look for one: that of the file as far as it can be read, and the unit's."""
    told = [Path(each) for each in environment.get("STATE_DIRECTORY", "").split(":") if each]  # systemd.exec(5)
    named = _state_of(texts) if texts is not None else None
    return tuple(dict.fromkeys((*((named,) if named is not None else ()), *told)))


def keep(texts: Texts, directories: Sequence[Path]) -> None:
    """Have these texts found by the next start. What is there already is not written again. OSError where the disk refuses."""
    content = _written(texts)
    for directory in directories:
        file = directory / COPY
        with contextlib.suppress(OSError):
            if read_regular(file, LONGEST) == content:
                continue
        _replace(file, content)


def instead_of(refused: Loaded, path: Path, directories: Sequence[Path]) -> Loaded | None:
    """Return the last file that was taken up in the place of one that cannot be, read-only; None where there is none of this path."""
    for directory in (*directories, USUAL_STATE):
        texts = _kept(path, directory / COPY)
        loaded = checked(texts) if texts is not None else None
        if loaded is not None and loaded.config is not None:
            station = loaded.config.station.model_copy(update={"read_only": True})
            return replace(loaded, config=replace(loaded.config, station=station), mistakes=refused.mistakes)
    return None


def _state_of(texts: Texts) -> Path | None:
    try:
        raw = tomllib.loads(texts.station.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    station = raw.get("station")
    state = station.get("state", str(USUAL_STATE)) if isinstance(station, dict) else None
    return Path(state) if isinstance(state, str) and state.startswith("/") and "\0" not in state else None


def _written(texts: Texts) -> bytes:
    body = {"path": _absolute(texts.path), "station": texts.station.decode(), "drivers": dict(texts.drivers)}
    return json.dumps({"format": FORMAT, "sha256": _digest(body), **body}, indent=1).encode() + b"\n"


def _kept(path: Path, file: Path) -> Texts | None:
    """Return what a copy holds when it is whole and that of this path."""
    try:
        raw = json.loads(read_regular(file, LONGEST))
        body = {name: raw[name] for name in ("path", "station", "drivers")}
        if raw["format"] != FORMAT or raw["sha256"] != _digest(body) or body["path"] != _absolute(path):
            return None
        return Texts(path, body["station"].encode(), body["drivers"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100  not resolved: the path itself names the station, wherever a link leads today


def _replace(file: Path, content: bytes) -> None:
    """Write a file so that after a power cut there is the old one or the whole new one."""
    descriptor, new = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(writing.fileno())
        Path(new).replace(file)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
