"""Parts that take the place of others while the daemon runs; every part that is not named here runs on untouched.

    swap --> end the old parts, wait for their end --> start the new ones          each swap by itself, all at the same time
                                '- not within WAIT_S: they begin when those have ended, and nobody waits for that

A port has one owner: nothing begins in the place of what still runs, however long that is.

What it is not: the decision what is to be replaced (stationd.config.changes), or a judge whether that may be now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from stationd.service.supervisor import Part, Supervisor

log = structlog.get_logger()

WAIT_S = 5.0  # an end that takes longer holds no reload up (assumption)
News = TypeVar("News")


class Mouth(Generic[News]):
    """The way of a part to the engine. Once it is shut nothing comes through any more: another part has taken its place."""

    def __init__(self, post: Callable[[Sequence[News]], None]) -> None:
        self._post = post
        self._open = True

    def __call__(self, news: Sequence[News]) -> None:
        """Hand on what the part tells."""
        if self._open:
            self._post(news)

    def shut(self) -> None:
        """Hand on nothing from now on."""
        self._open = False


@dataclass(frozen=True, slots=True)
class Swap:
    """Parts that end, by name, and those that begin when they have ended."""

    ended: tuple[str, ...] = ()
    begun: tuple[Part, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.ended, *(part.name for part in self.begun))))


async def carry_out(supervisor: Supervisor, swaps: Iterable[Swap]) -> tuple[str, ...]:
    """Carry out all swaps at the same time, and return when the new parts have been started, or wait for what does not end.

    Returns a sentence for each swap that waits.
    """
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(_carry_out(supervisor, swap), name=f"swap of {', '.join(swap.names)}") for swap in swaps]
    return tuple(sentence for each in made if (sentence := each.result()))


async def _carry_out(supervisor: Supervisor, swap: Swap) -> str:
    ending = [name for name in swap.names if name in swap.ended or name in supervisor.leaving]  # of an earlier file too
    ends = {name: asyncio.create_task(supervisor.stop(name), name=f"end of {name}") for name in ending}
    if ends:
        await asyncio.wait(ends.values(), timeout=WAIT_S)
    late = [name for name, end in ends.items() if not end.done()]
    if not late:
        for part in swap.begun:
            supervisor.start(part)
        for name in swap.ended:
            supervisor.forget(name)
        return ""
    for name in late:
        ends[name].cancel()  # the wait alone; the supervisor goes on with the end
    supervisor.succeed(swap.begun, late)
    begun = " and ".join(part.name for part in swap.begun)
    sentence = f"{begun} begins when {' and '.join(late)} has ended" if begun else f"{' and '.join(late)} has not ended yet"
    log.error("a part does not end", parts=late, then=sentence)
    return sentence
