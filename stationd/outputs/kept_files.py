"""Small files that people ask for: reports of self-tests, texts that were saved. Blocks on the disk: for threads. OSError where it fails.

A file is written under a temporary name, brought to the disk and renamed, so that a kill leaves the whole of it or nothing. Nothing
is ever overwritten and no link is followed; reports go when there are too many, saved texts never do by themselves. Texts have a directory
of their own, so that nothing else takes their room. Files of other names are never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from stationd.outputs.document import Document
from stationd.outputs.journal.place import lasting_directory

MOST_REPORTS = 50
MOST_TEXTS, MOST_TEXT_BYTES, LARGEST_TEXT = 100, 20 << 20, 60 << 10
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
SAVED = Path("bundles", "saved")  # below the state directory
FAULT_BUNDLE = re.compile(r"F-\d{4}-\d{2}-\d{2}-\d+\.zip")  # nobody is to take a text for a bundle of a fault
REPORT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}\.\d{3}Z\.json")
NEW = ".new"


class Unfit(Exception):
    """A text is not saved: `cause` is one word, the text says what is, `hint` what would change it."""

    def __init__(self, cause: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.cause, self.hint = cause, hint


def write_report(state: Path, report: Document, utc_s: float) -> Path:
    """Write a report of a self-test under its time; the oldest ones go beyond the number that is kept."""
    directory = state / "selftest"
    lasting_directory(directory)
    path = directory / f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H%M%S}.{int(utc_s * 1000) % 1000:03d}Z.json"
    _written(path, json.dumps(report, indent=1, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
    reports = sorted(each for each in directory.iterdir() if REPORT.fullmatch(each.name))
    for old in reports[:-MOST_REPORTS]:
        old.unlink()
    return path


def save_text(state: Path, name: str, text: str) -> Path:
    """Write a text below bundles/saved/. Unfit for a name or a size that is not taken."""
    if not NAME.fullmatch(name) or FAULT_BUNDLE.fullmatch(name):
        raise Unfit("bad-name", "the name is not taken", "1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot, not the name of a fault")
    data = text.encode(errors="backslashreplace")
    if len(data) > LARGEST_TEXT:
        raise Unfit("too-large", f"the text has {len(data)} bytes; at most {LARGEST_TEXT} are saved", "save less: | match, | last")
    directory = state / SAVED
    lasting_directory(directory)
    path = directory / name
    taken = Unfit("name-taken", f"there is a file {path} already; nothing is overwritten", "take another name")
    if os.path.lexists(path):
        raise taken
    _check_room(directory, len(data))
    try:
        _written(path, data)
    except FileExistsError:  # somebody was quicker
        raise taken from None
    return path


def _check_room(directory: Path, size: int) -> None:
    sizes = [each.stat().st_size for each in _texts(directory)]
    if len(sizes) >= MOST_TEXTS or sum(sizes) + size > MOST_TEXT_BYTES:
        detail = f"{len(sizes)} texts of {sum(sizes) >> 10} KiB are saved already"
        hint = f"at most {MOST_TEXTS} of {MOST_TEXT_BYTES >> 20} MiB together: delete some in {directory}"
        raise Unfit("no-room", detail, hint)


def _texts(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.is_file() and not path.name.startswith("."):
            yield path


def _written(path: Path, data: bytes) -> None:
    """Bring a new file to the disk, whole or not at all. FileExistsError where there is one of that name."""
    new = f".{path.name}{NEW}"
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=directory)  # of one that was killed
        _fill(new, directory, data)
        try:
            # Unlike a rename this never replaces a file that came meanwhile.
            os.link(new, path.name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(new, dir_fd=directory)
        os.fsync(directory)
    finally:
        os.close(directory)


def _fill(name: str, directory: int, data: bytes) -> None:
    """Make a file that was not there and bring its bytes to the disk; of a failure nothing is left."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=directory)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=directory)
        raise
