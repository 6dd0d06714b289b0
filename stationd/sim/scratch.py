"""A directory that lasts as long as the process that made it, and is cleared away by the next one if that process was killed.

What it is: for the files of a simulation, which nobody needs afterwards. What it is not: a place for anything of a station.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch(name: str, below: Path) -> Iterator[Path]:
    """Make `below/NAME-PID-XXXX` for the block; before that remove those of our own whose process does not live any more."""
    for left in _abandoned(name, below):
        shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-{os.getpid()}-", dir=below))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _abandoned(name: str, below: Path) -> Iterator[Path]:
    pattern = re.compile(rf"{re.escape(name)}-(\d+)-\w+")
    for path in below.iterdir():
        match = pattern.fullmatch(path.name)
        if match and not _lives(int(match[1])) and path.lstat().st_uid == os.geteuid():
            yield path


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
