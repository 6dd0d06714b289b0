"""What a target is: bytes go in, and whatever is not the declared answer or error is a finding.

`feed` returns quietly for every input for which all that was promised holds. It raises Broken where a promise does not hold, and
lets every other exception through: which errors are declared is known to the target, which catches those and no others.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CORPUS = HERE / "corpus"


class Broken(AssertionError):
    """A promise does not hold for this input; the text says which."""


def holds(promise: object, sentence: str) -> None:
    """Raise Broken with the sentence unless the promise holds."""
    if not promise:
        raise Broken(sentence)


class Stopwatch:
    """Adds up what a target spends in what is being tried, apart from its own checks. A target that never starts it is timed as a whole."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self._begun_s = 0.0

    def __enter__(self) -> None:
        self._begun_s = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.spent_s += time.thread_time() - self._begun_s


parsing = Stopwatch()


@dataclass(frozen=True, slots=True)
class Target:
    """One door. `also` are files of the tree that are good seeds as they are; `words` are pieces that mutations put in.

    `cost` is about how many inputs of other targets one input of this one takes; `largest` bounds what is tried, in bytes.
    """

    name: str
    feed: Callable[[bytes], None]
    words: tuple[bytes, ...] = ()
    also: tuple[Path, ...] = ()
    cost: int = 1
    largest: int = 64 * 1024

    @property
    def kept(self) -> Path:
        """Return the file of kept inputs: bytes as Python writes them, one a line; "#" begins a line that says why one is kept."""
        return CORPUS / f"{self.name}.seeds"

    def seeds(self) -> list[bytes]:
        """Return the kept inputs in their order, the empty one first, and the files that are seeds as they are."""
        lines = self.kept.read_text("ascii").splitlines() if self.kept.exists() else []
        kept = [ast.literal_eval(line) for line in lines if line and not line.startswith("#")]
        return [b"", *kept, *(path.read_bytes() for path in self.also)]
