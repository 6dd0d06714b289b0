"""Keepers in memory of what the edge node wants remembered: the journal's place in tests. They can fail like a disk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from stationd.core.model import PointId
from stationd.outputs.sparkplug.catalogue import Sample
from stationd.outputs.sparkplug.memory import Batch


class Numbers:
    """Birth numbers; `broken` fails like a full disk."""

    def __init__(self, last: int | None = None, broken: bool = False) -> None:
        self.last = last
        self.broken = broken
        self.saved: list[int] = []

    async def load(self) -> int | None:
        if self.broken:
            raise OSError(28, "no space left on device")
        return self.last

    async def save(self, number: int) -> None:
        if self.broken:
            raise OSError(28, "no space left on device")
        self.last = number
        self.saved.append(number)


class Store:
    """A history whose positions are the numbers of its records."""

    def __init__(self, in_a_batch: int = 3) -> None:
        self.records: list[tuple[PointId, Sample]] = []
        self.sent: dict[str, int] = {}
        self.failures = 0
        self._in_a_batch = in_a_batch

    def add(self, point: PointId, sample: Sample) -> None:
        self.records.append((point, sample))

    def position(self) -> int:
        return len(self.records)

    async def waiting(self, device: str, until: int) -> AsyncGenerator[Batch, None]:
        start = self.sent.get(device, 0)
        for at in range(start, until, self._in_a_batch):
            if self.failures:
                self.failures -= 1
                raise OSError(5, "input/output error")
            end = min(at + self._in_a_batch, until)
            yield Batch(end, tuple(record for record in self.records[at:end] if record[0].device == device))

    async def delivered(self, positions: Mapping[str, int]) -> None:
        for device, position in positions.items():
            assert position > self.sent.get(device, -1)
            self.sent[device] = position
