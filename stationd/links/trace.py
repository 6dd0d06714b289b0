"""The frame trace of a line: what went over it, with microseconds, switched on at run time and bounded in size."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum


class Direction(Enum):
    """Which way bytes went."""

    OUT = ">"
    IN = "<"


@dataclass(frozen=True, slots=True)
class TracedBytes:
    """Bytes as they were handed over, `t` in seconds of CLOCK_MONOTONIC."""

    t: float
    direction: Direction
    data: bytes

    def render(self) -> str:
        """Return one line: seconds with microseconds, direction, hexadecimal."""
        return f"{self.t:.6f} {self.direction.value} {self.data.hex(' ')}"


class FrameTrace:
    """The latest pieces of traffic. Off until `start`; the oldest piece goes when `pieces` are held."""

    def __init__(self) -> None:
        self._kept: deque[TracedBytes] | None = None

    def start(self, pieces: int = 1000) -> None:
        """Switch on, empty, keeping at most `pieces` pieces."""
        self._kept = deque(maxlen=pieces)

    def stop(self) -> None:
        """Switch off and forget."""
        self._kept = None

    def note(self, t: float, direction: Direction, data: bytes) -> None:
        """Keep a piece of traffic if the trace is on."""
        if self._kept is not None:
            self._kept.append(TracedBytes(t, direction, data))

    def pieces(self) -> tuple[TracedBytes, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._kept or ())
