"""Reading a small file that somebody else has put there: whole, at once, bounded, and never waiting for what is no file.

Opened without blocking (open(2), O_NONBLOCK), so that a FIFO or a device in the place of a file is a sentence and no hang. What hangs all
the same is the file system below, a network one for example: whoever cannot wait for that reads in a thread.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most so many bytes. OSError, whose strerror is a sentence, for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.EINVAL, "it is a socket or a device, and no file", str(path)) from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            what = next((word for is_kind, word in KINDS if is_kind(mode)), "something else")
            raise OSError(errno.EINVAL, f"it is {what}, and no file", str(path))
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is longer than {most} bytes", str(path))
    return content
