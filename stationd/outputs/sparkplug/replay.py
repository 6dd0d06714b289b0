"""Stored samples on their way to the broker: which devices have some waiting, what was written, what counts as sent.

Data of quality of service 0 is never acknowledged. It counts as sent when the connection has stayed up for one keepalive after
it was written: when the broker has answered a question that was asked so much later. Until then it is sent again over the next
connection, so a sample can come once more for each connection that was lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing

import structlog

from stationd.core.model import PointId
from stationd.outputs.sparkplug.catalogue import Sample
from stationd.outputs.sparkplug.memory import History
from stationd.outputs.sparkplug.node import EdgeNode

Samples = tuple[tuple[PointId, Sample], ...]
Send = Callable[[str, Samples], Awaitable[bool]]

log = structlog.get_logger()

IN_A_MESSAGE = 200  # stored values: some 6 KB
LOOK_EVERY_S = 0.2
AFTER_FAILURE_S = 5.0
SAVE_S = 2.0  # a disk that hangs is not waited for any longer


class Replay:
    """What one edge node has to catch up with, and on this connection has. Without a history there is nothing, and no cost.

    `per_s` limits how many stored values are sent in a second.
    """

    def __init__(self, node: EdgeNode, history: History | None, per_s: float) -> None:
        self._node = node
        self._history = history
        self._per_s = per_s
        self._caught_up: set[str] = set()
        self._written: deque[tuple[float, dict[str, int]]] = deque()
        self._sent: dict[str, int] = {}  # what the keeper was told; goes back only with the clock of the machine

    @property
    def caught_up(self) -> int:
        """How many devices have nothing waiting that was stored before they were born."""
        return len(self._caught_up)

    def position(self) -> int | None:
        """Return the position behind everything that is known of now; None without a history."""
        return self._history.position() if self._history else None

    def begin(self) -> None:
        """Forget the last connection: what was not proved then is sent again."""
        self._caught_up.clear()
        self._written.clear()

    def live_is_written(self, position: int | None) -> None:
        """Note that all readings up to a position have been written live, of every device that has nothing older waiting."""
        self._caught_up &= self._node.alive()
        if position is not None:
            self._note(dict.fromkeys(self._caught_up, position))

    async def run(self, send: Send) -> None:
        """Catch up with one device after the other, as long as the connection lasts. `send` says whether the device was there."""
        while self._history is not None:
            device = next(iter(sorted(self._node.alive() - self._caught_up)), None)
            if device is None:
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            try:
                if not await self._catch_up(self._history, device, send):
                    await asyncio.sleep(LOOK_EVERY_S)
            except OSError as error:
                log.warning("stored readings cannot be read", device=device, reason=str(error))
                await asyncio.sleep(AFTER_FAILURE_S)

    async def count_as_sent(self, before: float) -> None:
        """Have the keeper remember what was written before a time (of the loop's clock): the broker has answered since."""
        positions: dict[str, int] = {}
        while self._written and self._written[0][0] <= before:
            for device, position in self._written.popleft()[1].items():
                if position != self._sent.get(device):
                    self._sent[device] = positions[device] = position
        if self._history is not None and positions:
            await kept("positions of stored readings", self._history.delivered(positions))

    async def _catch_up(self, history: History, device: str, send: Send) -> bool:
        """Send what is stored of a device; return False when the device was lost meanwhile."""
        until = history.position()
        async with aclosing(history.waiting(device, until)) as batches:
            async for batch in batches:
                for chunk in _chunks(batch.samples):
                    if not await send(device, chunk):
                        return False
                    await asyncio.sleep(len(chunk) / self._per_s)
                self._note({device: batch.position})
        self._note({device: until})
        self._caught_up.add(device)
        return True

    def _note(self, positions: dict[str, int]) -> None:
        if positions:
            self._written.append((asyncio.get_running_loop().time(), positions))


async def kept(what: str, saving: Awaitable[None]) -> None:
    """Wait until something is saved, but not for ever, and go on without when it cannot be."""
    try:
        async with asyncio.timeout(SAVE_S):
            await saving
    except (OSError, TimeoutError) as error:
        log.warning("not saved", what=what, reason=str(error) or "the disk does not answer")


def _chunks(samples: Samples) -> Iterator[Samples]:
    for at in range(0, len(samples), IN_A_MESSAGE):
        yield samples[at : at + IN_A_MESSAGE]
