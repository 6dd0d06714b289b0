"""The bundle as a file: parts in, one .zip of bounded size out, on the first place that takes it whole.

The oldest lines go first when it is too big, then the biggest parts, and the list of contents says so. A place is taken only with
room to spare, since a journal that finds its disk full is worse than no bundle. The file is written under a temporary name, brought
to the disk and renamed: there is never half a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

MEGA = 1_000_000
MOST_BYTES = 20 * MEGA
ON_THE_STATE_DISK, ELSEWHERE = 100 * MEGA, 4 * MEGA  # what stays free beside the bundle (assumption: an hour of the journal at its worst)
CONTENTS = "contents.txt"
SMALLEST_EXCERPT = 64 * 1024  # an excerpt is halved until it is as small; then it goes as a whole
OVERHEAD = 400  # bytes of a zip file for each part: both headers, with a long name
FIRST_OF_ZIP = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle. An `excerpt` is lines of text, the oldest first, of which any number may be left out from the front."""

    name: str
    data: bytes
    excerpt: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be had, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Written:
    """The file on the disk. `passed_over` says of each place before it why it was not taken."""

    path: Path
    size: int
    sha256: str
    passed_over: tuple[str, ...]


class NoPlace(Exception):
    """No place takes the bundle; the text says why of each."""


def packed(
    parts: Iterable[Part], missing: Sequence[Missing], head: Sequence[str], utc_s: float, most: int = MOST_BYTES
) -> tuple[bytes, str]:
    """Return the bytes of the zip, and the list of its contents. `head` are lines above it."""
    kept, gone = _capped(sorted(parts, key=lambda part: part.name), most)
    listing = contents(kept, [*missing, *gone], head)
    at = _zip_time(utc_s)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in [(CONTENTS, listing.encode()), *((part.name, part.data) for part in kept)]:
            about = zipfile.ZipInfo(name, at)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o600 << 16
            bundle.writestr(about, data)
    return buffer.getvalue(), listing


def contents(parts: Sequence[Part], missing: Sequence[Missing], head: Sequence[str]) -> str:
    """Return the list: size and SHA-256 of each part, what was left out of it, and what could not be had at all."""
    lines = [*head, "", f"{'bytes':>12}  {'sha256':64}  name"]
    for part in parts:
        lines.append(f"{len(part.data):12d}  {hashlib.sha256(part.data).hexdigest()}  {part.name}")
        lines += [f"{'':12}  {part.name}: {note}" for note in part.notes]
    lines += ["", "not in this bundle:"] if missing else []
    lines += [f"{each.name}: {' '.join(each.why.split())}" for each in missing]
    return "\n".join(lines) + "\n"


def _capped(parts: list[Part], most: int) -> tuple[list[Part], list[Missing]]:
    """Return the parts that fit, and those that were left out."""
    sizes = {part.name: _size(part) for part in parts}
    gone: list[Missing] = []
    while parts and sum(sizes.values()) > most:
        biggest = max(parts, key=lambda part: (part.excerpt and len(part.data) > SMALLEST_EXCERPT, sizes[part.name]))
        if biggest.excerpt and len(biggest.data) > SMALLEST_EXCERPT:
            smaller = _halved(biggest)
            parts[parts.index(biggest)] = smaller
            sizes[biggest.name] = _size(smaller)
        else:
            parts.remove(biggest)
            gone.append(Missing(biggest.name, f"left out: the bundle would be larger than {most} bytes"))
            del sizes[biggest.name]
    return parts, gone


def _halved(part: Part) -> Part:
    """Return the newer half of the lines."""
    middle = part.data.find(b"\n", len(part.data) // 2) + 1
    data = part.data[middle:] if middle else b""
    before = part.data.count(b"\n")
    lost = before - data.count(b"\n")
    return replace(part, data=data, notes=(*part.notes, f"the oldest {lost} of {before} lines are left out, for the size of the bundle"))


def _size(part: Part) -> int:
    return len(zlib.compress(part.data, 6)) + OVERHEAD + 100 * (1 + len(part.notes))


def _zip_time(utc_s: float) -> tuple[int, int, int, int, int, int]:
    """Return the time of the entries, UTC, in the years that a zip file knows."""
    try:
        at = datetime.fromtimestamp(utc_s, UTC)
    except (ValueError, OSError, OverflowError):
        return FIRST_OF_ZIP
    return (at.year, at.month, at.day, at.hour, at.minute, at.second) if 1980 <= at.year < 2108 else FIRST_OF_ZIP


# Where it is written.


def places(state: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the directories in which a bundle may be written, the best one first."""
    home = environ.get("HOME", "")
    homes = [Path(home)] if home.startswith("/") else []
    return [state / "bundles", *homes, Path("/tmp"), Path("/dev/shm")]  # noqa: S108 - made there with O_EXCL, and mode 0600


def written(data: bytes, name: str, directories: Sequence[Path], state: Path) -> Written:
    """Write the file in the first place that takes it. NoPlace with the reason of each when none does."""
    passed: list[str] = []
    for directory in directories:
        try:
            _room_for(len(data), directory, state)
            path = _write(data, directory, name)
        except OSError as error:
            passed.append(f"{directory}: {error.strerror or error}")
            continue
        return Written(path, len(data), hashlib.sha256(data).hexdigest(), tuple(passed))
    raise NoPlace("; ".join(passed))


def _room_for(size: int, directory: Path, state: Path) -> None:
    room = os.statvfs(directory)
    spare = ON_THE_STATE_DISK if _device(directory) == _device(state) else ELSEWHERE
    free = room.f_bavail * room.f_frsize
    if free < size + spare:
        raise OSError(f"{free // MEGA} MB are free; the bundle wants {-(-size // MEGA)} MB, and {spare // MEGA} MB stay free beside it")


def _device(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        while not path.exists() and path != path.parent:
            path = path.parent
        return path.stat().st_dev
    return None


def _write(data: bytes, directory: Path, name: str) -> Path:
    """Write a whole file or none. OSError."""
    unfinished, path = directory / f".{name}.new", _free(directory, name)
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()  # of one that was killed
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    return path


def _free(directory: Path, name: str) -> Path:
    """Return the name, with a number before its ending where it is taken."""
    stem, dot, ending = name.rpartition(".")
    names = [name, *(f"{stem}-{number}{dot}{ending}" for number in range(2, 100))]
    return next((directory / each for each in names if not os.path.lexists(directory / each)), directory / name)
