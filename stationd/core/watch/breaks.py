"""What no operation explains while it changes the line: light that goes with current enough, and a current that leaves the line. Pure.

Whatever is ramped, a repeater that has its current shines, and what goes in at one end comes out at the other. So the two are looked
for while everything else waits until the line has settled. What is found stands until it is seen to be over, or nobody acts any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from stationd.core.light.pair import PairLight
from stationd.core.line.words import Feed
from stationd.core.watch.aftermath import KNEE_SHARE
from stationd.core.watch.feeds import FeedWatch

PARTED_SHARE, PARTED_S = 0.10, 3.0  # of the nominal current, for so long: more than lag and meters make on a ramp (assumption)
BESIDE_S = 1.5  # readings of the two ends that are compared are no further apart: a period, and the way of the message
FALLS_SHARE, FALLS_S = 0.01, 3.0  # a current that has fallen by so much within that time is being brought down (assumption)


class Breaks:
    """Looks at both feeds with every judgement."""

    def __init__(self, feeds: FeedWatch) -> None:
        self._feeds = feeds
        self._near: deque[Feed] = deque(maxlen=32)
        self._bright_t: float | None = None  # since when our current is high enough for light, and not brought down
        self._parted_t: float | None = None
        self._dark = False
        self.parted = False

    def look(self, pairs: Iterable[PairLight], now: float, *, acting: bool) -> bool:
        """Return whether something is wrong that no operation explains; always False while nobody acts."""
        self._remember()
        self._light(tuple(pairs))
        self._current(now)
        if not acting:
            self._dark, self.parted = False, False
        return self._dark or self.parted

    def _remember(self) -> None:
        near = self._feeds.near
        if near is not None and (not self._near or near.t > self._near[-1].t):
            self._near.append(near)
            bright = near.on is not False and near.current_ma >= KNEE_SHARE * self._feeds.nominal_ma and not self._falls(near)
            self._bright_t = (self._bright_t if self._bright_t is not None else near.t) if bright else None

    def _falls(self, near: Feed) -> bool:
        most_ma = max((each.current_ma for each in self._near if each.t >= near.t - FALLS_S), default=near.current_ma)
        return near.current_ma < most_ma - FALLS_SHARE * self._feeds.nominal_ma

    def _light(self, pairs: tuple[PairLight, ...]) -> None:
        known = [pair for pair in pairs if pair.receive_lost is not None]
        if not (known and all(pair.receive_lost for pair in known) and len(known) >= min(2, len(pairs))):
            self._dark = False
        elif self._bright_t is not None:
            since = self._bright_t
            self._dark = self._dark or all(pair.lost_t is not None and pair.lost_t >= since for pair in known)

    def _current(self, now: float) -> None:
        far = self._feeds.far
        beside = [] if far is None or not far.on else [each for each in self._near if each.on and abs(each.t - far.t) <= BESIDE_S]
        apart_ma = min((abs(each.current_ma - far.current_ma) for each in beside), default=None) if far is not None else None
        if apart_ma is None or apart_ma <= PARTED_SHARE * self._feeds.nominal_ma:
            self._parted_t, self.parted = None, False
            return
        self._parted_t = now if self._parted_t is None else self._parted_t
        self.parted = self.parted or now >= self._parted_t + PARTED_S
