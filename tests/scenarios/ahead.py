"""Runs of two stations ahead of the tests that ask for them, in two processes of their own.

What it is: the results of one function for a list of keys. Asking for one lets it and the next few be worked out, so that a
whole module keeps two cores busy and a single test costs no more than its own run.
What it is not: a way to make runs differ: what a run brings depends on its key alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")
PROCESSES = 2
AHEAD = 4


class Ahead(Generic[Key, Result]):
    """`work` and its results must be able to go from process to process; `keys` are in the order in which tests ask."""

    def __init__(self, pool: ProcessPoolExecutor, work: Callable[[Key], Result], keys: Sequence[Key]) -> None:
        self._pool = pool
        self._work = work
        self._keys = list(dict.fromkeys(keys))
        self._runs: dict[Key, Future[Result]] = {}

    def __getitem__(self, key: Key) -> Result:
        """Return the result for a key of the list."""
        place = self._keys.index(key)
        for each in self._keys[place : place + AHEAD]:
            if each not in self._runs:
                self._runs[each] = self._pool.submit(self._work, each)
        return self._runs[key].result()
