"""EMERGENCY-OFF as far as the desk has to do with it: which feeds are being cut off, and how far that has come. Pure; no clock.

The cutting off itself (drain the line, send OFF, repeat it until the read-back shows it) is stationd.poller's, above every
queue. A software trip takes the same way. While a feed is cut off nothing is armed on it; after a restart nothing is sent again.

One that is not confirmed is an alarm of its own, 5 s after the order or as soon as it is given up, until the output reads off: then,
or whenever that is read later, twice. Until then nothing raises anything on that feed.
Above authority, holds, arm state and disk; the record stands beside the act, never before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from stationd.core.model import PointId, Reason, WriteDone
from stationd.core.operation.words import CutOff, CutOffState
from stationd.core.powerfeed.words import FeedPlan, Seen

OFF = False
LATE_S = 5.0  # an OFF that has not shown after so long is told as failing, while it is still being sent (assumption)
READS_OFF = "the output reads off now, twice"
READS_ON = "the unit answers again, and its output reads ON"
RESTARTED = "the daemon was started anew before the read-back showed it off: look at the feed"


class CutOffs:
    """One state for each feed that was ever cut off in this run, or was being cut off when the last one ended."""

    def __init__(self, feeds: Mapping[str, FeedPlan]) -> None:
        self.replan(feeds)
        self._states: dict[str, CutOffState] = {}
        self._since: dict[str, float] = {}  # of each that was never confirmed, since when it is waited for; for ever where it was given up

    def replan(self, feeds: Mapping[str, FeedPlan]) -> None:
        """Go on with other feeds; what was cut off stays told."""
        self._switch = {plan.points.on: device for device, plan in feeds.items()}
        self._points = {device: plan.points.on for device, plan in feeds.items()}

    def begin(self, devices: Iterable[str], who: str, why: str, now: float) -> list[CutOff]:
        """Return what has to be sent. A feed that is being cut off already is told so once more: nothing is lost by that."""
        found = []
        for device in devices:
            if device not in self.running():
                self._states[device] = CutOffState(device, who, now)
                self._since.setdefault(device, now)
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
        return self._told(device, confirmed, detail)

    def read(self, point: PointId, seen: Seen, now: float) -> CutOffState | None:
        """Look at the output of a feed whose cut-off was given up; return its state where that is news."""
        device = self._switch.get(point, "")
        state, both = self._states.get(device), seen.readings.get(point, ())
        if state is None or state.confirmed is not False or not both or any(each.t <= state.since_t for each in both):
            return None
        truth = seen.truth(point, now)
        detail = {True: READS_ON, False: READS_OFF, None: state.detail}[truth]
        return self._told(device, truth is False, detail) if detail != state.detail else None

    def _told(self, device: str, confirmed: bool, detail: str) -> CutOffState:
        self._states[device] = replace(self._states[device], confirmed=confirmed, detail=detail)
        if confirmed:
            self._since.pop(device, None)
        else:
            self._since[device] = -inf
        return self._states[device]

    def failing(self, now: float) -> tuple[CutOffState, ...]:
        """Return those that were given up, or are not confirmed so long after the order."""
        late = (device for device, since_t in self._since.items() if now >= since_t + LATE_S)
        return tuple(self._states[device] for device in sorted(late))

    def deadline(self, now: float) -> float | None:
        """Return when the next one is late."""
        ends = (since_t + LATE_S for since_t in self._since.values())
        return min((end for end in ends if now < end), default=None)

    def forget(self, device: str) -> None:
        """The feed is operated anew: what was is history, unless it was never seen to be off."""
        if device not in self._since:
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
        """Put one back, and return True when it had not ended: it counts as given up, and a person has to look.

        One of this run is newer and stays.
        """
        if state.device not in self._points or state.device in self._states:
            return False
        pending = state.confirmed is None
        self._states[state.device] = replace(state, confirmed=False, detail=RESTARTED) if pending else state
        if state.confirmed is not True:
            self._since[state.device] = -inf
        return pending
