"""What the edge node needs remembered beyond its connection, and by whom it does not care (in a station: the journal).

Both are told what they have to keep and never asked to decide. A failure is an OSError; it is logged, and the connection goes
on with what is known: a disk that is full must not silence a station.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

from stationd.core.model import PointId
from stationd.outputs.sparkplug.catalogue import Sample


class BirthNumbers(Protocol):
    """Keeps one number from 0 to 255 over restarts (tck-id-topics-nbirth-bdseq-increment)."""

    async def load(self) -> int | None:
        """Return the number that was saved last, None where there is none; OSError when it cannot be read."""

    async def save(self, number: int) -> None:
        """Keep a number; return when a power cut would not lose it any more; OSError when that is not possible."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Stored samples of one device, oldest first, and the position behind the last of them."""

    position: int
    samples: tuple[tuple[PointId, Sample], ...]


class History(Protocol):
    """The stored samples of every device, in the order in which they were stored.

    A position is a number that only its keeper understands and that grows with what is stored, for example the number of the
    last record. Of each device it remembers the position up to which everything counts as sent.
    """

    def position(self) -> int:
        """Return the position behind everything that is stored or will be stored of readings up to now. Quick: no disk."""

    def waiting(self, device: str, until: int) -> AsyncGenerator[Batch, None]:
        """Return what is stored of a device between the position that counts as sent and `until`, oldest first."""

    async def delivered(self, positions: Mapping[str, int]) -> None:
        """Remember for some devices that everything up to a position counts as sent. Positions never go back."""
