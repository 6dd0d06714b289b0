"""The watchdog of the service manager: fed only while everything lives that has to, or that can be had again without a fresh start.

    every third of its interval: prod the vital parts -> all gave a sign since? nothing failed twice in a minute? -> WATCHDOG=1
                                                             '- no: one line in the log says who and why; nothing is sent

Follows the approach of sd_watchdog_enabled(3) (feed at half the interval or more often) and of F Prime's Svc::Health, which feeds a
watchdog only while all pings come back. A loop that stands still sends nothing by itself; SIGABRT then leaves the stacks of all threads
(`leave_stacks`).

What it is not: a judge. Who hangs is found by stationd.service.supervisor; without a service manager that watches there is no watchdog.
"""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from typing import Protocol

import structlog

from stationd.service.supervisor import Supervisor

log = structlog.get_logger()

SHARE = 3.0  # of the interval: two that are late in a row do no harm yet


class Notifier(Protocol):
    """The way to the service manager, as far as the watchdog goes it (stationd.service.notify)."""

    watchdog_s: float | None

    def watchdog(self) -> None:
        """Say that everything that has to live does."""


class Watchdog:
    """`run` feeds the watchdog of a notifier until cancelled; it waits for ever where nobody watches."""

    def __init__(self, supervisor: Supervisor, notifier: Notifier) -> None:
        self._supervisor = supervisor
        self._notifier = notifier
        self._signs: dict[str, int] = {}  # of each vital part, at the last look
        self._starving: tuple[str, ...] = ()

    async def run(self) -> None:
        """Feed."""
        interval_s = self._notifier.watchdog_s
        if interval_s is None:
            await asyncio.get_running_loop().create_future()
            return
        while True:
            self._prod()
            await asyncio.sleep(interval_s / SHARE)
            starving = (*self._silent(), *self._supervisor.starving())
            self._say(starving)
            if not starving:
                self._notifier.watchdog()

    def _prod(self) -> None:
        """Ask every vital part for a sign."""
        for part in self._supervisor.vital():
            assert part.beat is not None
            self._signs[part.name] = part.beat.number
            part.prod()

    def _silent(self) -> tuple[str, ...]:
        """Return which vital parts have given no sign since they were asked."""
        silent = [part for part in self._supervisor.vital() if part.beat is not None and part.beat.number == self._signs.get(part.name)]
        return tuple(f"{part.name}: gives no sign of life" for part in silent)

    def _say(self, starving: tuple[str, ...]) -> None:
        """Say once why the watchdog is not fed, and once that it is again."""
        if starving == self._starving:
            return
        self._starving = starving
        if starving:
            names = [sentence.partition(":")[0] for sentence in starving]
            log.critical("the watchdog is not fed", why=starving, stacks={name: self._supervisor.hangs_at(name) for name in names})
        else:
            log.warning("the watchdog is fed again")


def leave_stacks() -> None:
    """Have the Python stacks of all threads written to stderr when a signal ends this process: SIGABRT of the watchdog, or a fault."""
    if sys.__stderr__ is not None:
        faulthandler.enable(file=sys.__stderr__, all_threads=True)
