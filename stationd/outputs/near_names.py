"""Names that were probably meant by one that there is not, found within a bounded number of steps however many names there are. Pure.

Somebody who asks may ask for anything, again and again, and the answer is made on the event loop that also serves the equipment. So a
name is not compared with every other one: only with the few that stand beside it in the alphabet, read from the beginning (the unit is
right, the point is not) and read from the end (the point is right, the unit is not).
"""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Iterable, Sequence

MOST = 5  # names in an answer
BESIDE = 8  # names on each side, read in both directions: 32 comparisons, some 1 ms on a 2-core x86 machine
LONGEST = 80  # characters of a wrong name that are looked at: longer than any key of a station file
ALIKE = 0.5  # of difflib's measure, where 1 is the same word (assumption: a unit or a point of its own may be wrong)


class NearNames:
    """Names in both orders. Made once where they stay the same."""

    def __init__(self, names: Iterable[str]) -> None:
        self._forward = sorted(names)
        self._backward = sorted(name[::-1] for name in self._forward)

    def of(self, wrong: str) -> list[str]:
        """Return the names that were probably meant, the likeliest first; those with the same last part stand behind."""
        word = wrong[:LONGEST]
        beside = [*_beside(word, self._forward), *(name[::-1] for name in _beside(word[::-1], self._backward))]
        alike = difflib.get_close_matches(word, [name[:LONGEST] for name in beside], MOST, ALIKE)
        whole = {name[:LONGEST]: name for name in beside}
        last = word.rpartition(".")[2]
        same = [name for name in beside if name.rpartition(".")[2] == last]
        return list(dict.fromkeys([*(whole[name] for name in alike), *same]))[:MOST]


def _beside(word: str, ordered: Sequence[str]) -> Sequence[str]:
    """Return the names around the place where a word would stand."""
    place = bisect_left(ordered, word)
    return ordered[max(place - BESIDE, 0) : place + BESIDE]
