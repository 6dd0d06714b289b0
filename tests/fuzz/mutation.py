"""Changes to inputs, drawn from a seed: the same seed makes the same inputs on every machine.

What it is: the usual dozen ways to damage bytes, several one after the other, among them those that make an input as long as it may
be. What it is not: guided by coverage; atheris is, where it is installed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"NaN", b"Infinity", b"9" * 30, b"1_000", b"0x7fffffff", b"-0.0", b"2147483648", b"1e-400")
BYTES = (0, 1, 0x0A, 0x0D, 0x1B, 0x22, 0x5B, 0x5C, 0x7B, 0x7D, 0x7F, 0x80, 0xC3, 0xED, 0xFE, 0xFF)
DIGITS = re.compile(rb"[0-9]+")
MOST_STEPS = 6
LONG_EVERY = 40  # one mutation in so many grows to the largest size: what is quadratic shows there

Change = Callable[["Mutation", bytearray], None]


class Mutation:
    """A source of inputs. `seeds` are what it starts from, `words` what it puts in, `largest` the most bytes of an input."""

    def __init__(self, draw: random.Random, seeds: Sequence[bytes], words: Sequence[bytes], largest: int) -> None:
        self.draw = draw
        self._seeds = seeds
        self._words = words or (b"\0",)
        self._largest = largest

    def next(self) -> bytes:
        """Return the next input."""
        data = bytearray(self.draw.choice(self._seeds))
        for _ in range(self.draw.randint(1, MOST_STEPS)):
            self.draw.choice(CHANGES)(self, data)
        if not self.draw.randrange(LONG_EVERY):
            self._stretch(data)
        return bytes(data[: self._largest])

    def flip(self, data: bytearray) -> None:
        """Change a bit."""
        if data:
            data[self.draw.randrange(len(data))] ^= 1 << self.draw.randrange(8)

    def write(self, data: bytearray) -> None:
        """Put another byte in the place of one."""
        if data:
            data[self.draw.randrange(len(data))] = self._byte()

    def insert(self, data: bytearray) -> None:
        """Put some bytes in between."""
        at = self._place(data)
        data[at:at] = bytes(self._byte() for _ in range(self.draw.randint(1, 8)))

    def word(self, data: bytearray) -> None:
        """Put a word in between."""
        at = self._place(data)
        data[at:at] = self.draw.choice(self._words)

    def swap_word(self, data: bytearray) -> None:
        """Put a word in the place of another that stands there."""
        there = [word for word in self._words if word and word in data]
        if there:
            old = self.draw.choice(there)
            at = data.find(old)
            data[at : at + len(old)] = self.draw.choice(self._words)

    def number(self, data: bytearray) -> None:
        """Put an odd number in the place of one, or in between."""
        found = [match.span() for match in DIGITS.finditer(data)]
        start, end = self.draw.choice(found) if found else (self._place(data),) * 2
        data[start:end] = self.draw.choice(NUMBERS)

    def cut(self, data: bytearray) -> None:
        """Take bytes away."""
        start, end = self._span(data)
        del data[start:end]

    def end(self, data: bytearray) -> None:
        """Take the end away."""
        del data[self._place(data) :]

    def repeat(self, data: bytearray) -> None:
        """Write a piece again."""
        start, end = self._span(data)
        data[end:end] = data[start:end] * self.draw.randint(1, 4)

    def move(self, data: bytearray) -> None:
        """Put a piece somewhere else."""
        start, end = self._span(data)
        piece = data[start:end]
        del data[start:end]
        at = self._place(data)
        data[at:at] = piece

    def splice(self, data: bytearray) -> None:
        """Go on with the end of another seed."""
        other = self.draw.choice(self._seeds)
        at = self._place(data)
        data[at:] = other[self.draw.randint(0, len(other)) :]

    def _stretch(self, data: bytearray) -> None:
        """Write a short piece again and again, until the input is as long as it may be."""
        start, end = self._span(data)
        piece = bytes(data[start : min(end, start + 12)]) if self.draw.randrange(2) else self.draw.choice(self._words)
        piece = piece or b"["
        data[end:end] = piece * max(0, (self._largest - len(data)) // len(piece))

    def _byte(self) -> int:
        return self.draw.choice(BYTES) if self.draw.randrange(2) else self.draw.randrange(256)

    def _place(self, data: bytearray) -> int:
        return self.draw.randint(0, len(data))

    def _span(self, data: bytearray) -> tuple[int, int]:
        start = self._place(data)
        return start, min(len(data), start + 1 + int(self.draw.expovariate(1 / 16)))


CHANGES: tuple[Change, ...] = (
    Mutation.flip, Mutation.write, Mutation.insert, Mutation.word, Mutation.word, Mutation.swap_word, Mutation.number,
    Mutation.cut, Mutation.end, Mutation.repeat, Mutation.move, Mutation.splice,
)  # fmt: skip
