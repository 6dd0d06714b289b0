"""EMERGENCY-OFF as far as the desk has to do with it: which feeds are being cut off, and how far that has come. Pure; no clock.

The cutting off itself (drain the line, send OFF, repeat it until the read-back shows it) is stationd.poller's, above every
queue. A software trip takes the same way. While a feed is cut off nothing is armed on it; after a restart nothing is sent again.
Follows ruling 5: above authority, holds, arm state and disk; the record stands beside the act, never before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from stationd.core.model import PointId, Reason, WriteDone
from stationd.core.operation.words import CutOff, CutOffState
from stationd.core.powerfeed.words import FeedPlan

OFF = False
RESTARTED = "the daemon was started anew before the read-back showed it off: look at the feed"


class CutOffs:
    """One state for each feed that was ever cut off in this run, or was being cut off when the last one ended."""

    def __init__(self, feeds: Mapping[str, FeedPlan]) -> None:
        self._switch = {plan.points.on: device for device, plan in feeds.items()}
        self._points = {device: plan.points.on for device, plan in feeds.items()}
        self._states: dict[str, CutOffState] = {}

    def begin(self, devices: Iterable[str], who: str, why: str, now: float) -> list[CutOff]:
        """Return what has to be sent. A feed that is being cut off already is told so once more: nothing is lost by that."""
        found = []
        for device in devices:
            if device not in self.running():
                self._states[device] = CutOffState(device, who, now)
            found.append(CutOff(self._points[device], OFF, why))
        return found

    def device(self, target: PointId) -> str:
        """Return the feed whose output is switched with this point and which is being cut off now, or ""."""
        device = self._switch.get(target, "")
        return device if device in self.running() else ""

    def done(self, device: str, news: WriteDone) -> CutOffState:
        """Take the end of it: confirmed, or given up."""
        confirmed = news.reason is Reason.NONE
        detail = "output reads off" if confirmed else f"{news.reason.value}: {news.detail}".removesuffix(": ")
        self._states[device] = replace(self._states[device], confirmed=confirmed, detail=detail)
        return self._states[device]

    def forget(self, device: str) -> None:
        """The feed is operated anew: what was is history."""
        if device not in self.running():
            self._states.pop(device, None)

    def running(self) -> frozenset[str]:
        """Return the feeds that are being cut off: neither confirmed nor given up."""
        return frozenset(device for device, state in self._states.items() if state.confirmed is None)

    def states(self) -> tuple[CutOffState, ...]:
        """Return all, the newest first."""
        return tuple(sorted(self._states.values(), key=lambda state: (-state.since_t, state.device)))

    def saved(self, now: float) -> list[dict[str, object]]:
        """Return them as plain values, with ages instead of times."""
        return [
            {"device": each.device, "who": each.who, "age_s": now - each.since_t, "confirmed": each.confirmed, "detail": each.detail}
            for each in self.states()
        ]

    def restore(self, state: CutOffState) -> bool:
        """Put one back, and return True when it had not ended: it counts as given up, and a person has to look."""
        if state.device not in self._points:
            return False
        pending = state.confirmed is None
        self._states[state.device] = replace(state, confirmed=False, detail=RESTARTED) if pending else state
        return pending
