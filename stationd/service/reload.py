"""Parts that take the place of others while the daemon runs; every part that is not named here runs on untouched.

    swap --> end the old parts, wait for their end --> start the new ones          each swap by itself, all at the same time

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

END_S = 5.0  # an end that takes longer is not waited for: what takes the part's place may work all the same (assumption)
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


async def carry_out(supervisor: Supervisor, swaps: Iterable[Swap]) -> None:
    """Carry out all swaps at the same time, and return when the new parts have been started."""
    async with asyncio.TaskGroup() as tasks:
        for swap in swaps:
            tasks.create_task(_carry_out(supervisor, swap), name=f"swap of {', '.join(swap.names)}")


async def _carry_out(supervisor: Supervisor, swap: Swap) -> None:
    ends = [asyncio.create_task(supervisor.stop(name), name=f"end of {name}") for name in swap.ended]
    if ends:
        _, late = await asyncio.wait(ends, timeout=END_S)
        if late:
            log.error("a part does not end; the one in its place begins all the same", parts=[task.get_name() for task in late])
    for part in swap.begun:
        supervisor.start(part)
