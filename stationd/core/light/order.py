"""What came first on one fibre pair: the fibre towards us, our own sending, or light that comes back.

An amplifier that protects people shuts off within a second of the loss of the light from the other side, and restarts by pulses
(automatic shutdown, manuals of amplifiers). Then what is not sent follows from what is not received and is no cause; and light
that has come back for long says nothing of a fibre that breaks today. Nothing here judges; times are of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RESTART_S = 310.0  # amplifiers that shut off try again every 100 to 300 s (manuals)
EARLIER_S, LATER_S = 3.0, 7.0  # light that comes back is asked for every five seconds, what is lost every second (assumption)


@dataclass(frozen=True, slots=True)
class Span:
    """Within what times something began."""

    low: float
    high: float


def follows(sent: Span | None, received: Span | None) -> bool | None:
    """Return whether sending stopped after light was no longer received; None where the times do not tell. None: it did not stop."""
    if sent is None or received is None or sent.high < received.low:
        return False
    return True if sent.low > received.high else None


class Followers:
    """The pairs on which our sending stopped after receiving: that stays the reason until we send again, or should have."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bool | None, float]] = {}

    def look(self, number: int, sent: Span | None, received: Span | None, now: float) -> bool | None:
        """Return what `follows` says, or what it said while light was lost, for as long as a restart may take."""
        first = follows(sent, received)
        if sent is None:
            self._known.pop(number, None)
        elif received is not None:
            self._known[number] = (first, now)
        else:
            said, lost_t = self._known.get(number, (False, 0.0))
            return said if now <= lost_t + RESTART_S else False
        return first


class Returns:
    """Light that comes back at one pair: since when, and whether it began together with a loss of light."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._with_loss = False

    def look(self, now: float, losses: Iterable[float], *, comes_back: bool) -> tuple[bool, bool]:
        """Return whether it comes back, and whether it stood before anything was lost.

        `losses` are the times of what is lost or reduced now. What began with a loss is kept as long as something is lost: an
        amplifier that has shut off sends nothing that could come back.
        """
        begun = tuple(losses)
        if comes_back and self._since is None:
            self._since = now
        elif not comes_back and not (self._with_loss and begun):
            self._since, self._with_loss = None, False
        since = self._since
        if since is None:
            return False, False
        self._with_loss = self._with_loss or any(since - LATER_S <= each <= since + EARLIER_S for each in begun)
        return True, not self._with_loss
