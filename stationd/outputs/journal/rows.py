"""The rows of the file: how they are numbered, and the check sum that says whether one is still what was written."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from stationd.outputs.journal.record import RecordClass

SEQUENCE_BITS, INDEX_BITS = 35, 4
CLASSES = {each.value for each in RecordClass}
VALUE = "value:"  # before the names of small values that others keep in the table `meta`


def record_id(boot: int, sequence: int) -> int:
    """Return the number of a record over all runs: in order of runs, then of sequence."""
    return boot << SEQUENCE_BITS | sequence


def message_id(boot: int, sequence: int, index: int) -> int:
    """Return the number of a message over all runs."""
    return record_id(boot, sequence) << INDEX_BITS | index


def check_sum(*columns: object) -> int:
    """Return a CRC-32 over the columns of a row: a flipped bit on the disk must not come back as a letter of an alarm."""
    total = 0
    for column in columns:
        plain = int(column) if isinstance(column, bool) else column  # as SQLite gives it back
        total = zlib.crc32(plain if isinstance(plain, bytes) else str(plain).encode("utf-8", "surrogatepass"), total)
    return total


def checked(*columns: object) -> tuple[object, ...]:
    """Return a row with its check sum as the last column."""
    return (*columns, check_sum(*columns))


def is_whole(row: Sequence[object]) -> bool:
    """Return whether the last column is the check sum of those before it."""
    return check_sum(*row[:-1]) == row[-1]
