"""The guard: of the messages that are rightly signed, which one is from the far station, fresh, and newer than all before. Pure.

Within a run of the far daemon (`boot`) the sequence only rises. Another run is believed only when it was sent later than all that was
believed before, and a run that was followed by another never comes back. Age is told by UTC, so that a clock at the far end that is
wrong by more than the limits makes the far end unknown instead of making its values look new. What a reader that has just started
believes can be at most `max_age_s` old, whoever brings it.

A round trip says more about both clocks than either kernel: the far message tells when our own message came there. Follows the
approach of the on-wire protocol of NTP (RFC 5905, section 8): offset = ((T2 - T1) + (T3 - T4)) / 2, known to half the delay.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from stationd.farstation.words import Message, Rejection, Result
from stationd.outputs.document import Mode

CLOCK_TOLERANCE_S = 1.0  # both clocks together may be wrong by so much (assumption: NTP over bad links keeps 0.1 s)
STAMP_TOLERANCE_S = 0.05  # a measurement and its message are of one clock, which may have been set in between (assumption)
OLDEST_S = 10.0  # the largest max_age_s that a station can be given
REMEMBERED_RUNS = 16
REMEMBERED_MESSAGES = 128  # of this run: what came twice is told from what came too late


@dataclass(frozen=True, slots=True)
class Expected:
    """Who may speak: the far station, about this line, of an end that is as real as ours. `station` is ourselves."""

    station: str
    far_station: str
    line: str
    mode: Mode
    max_age_s: float
    clock_tolerance_s: float = CLOCK_TOLERANCE_S


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the far clock is ahead of ours, and how well that is known: a round trip took 2 x `uncertainty_s`."""

    ahead_s: float
    uncertainty_s: float

    @property
    def at_most_s(self) -> float:
        """The largest difference that fits."""
        return abs(self.ahead_s) + self.uncertainty_s

    @property
    def at_least_s(self) -> float:
        """The smallest difference that fits."""
        return max(abs(self.ahead_s) - self.uncertainty_s, 0.0)


def believable_stamp(utc_s: float, sent_utc_s: float, max_age_s: float) -> bool:
    """Return whether a message can tell of that time: not from after it was sent, nor from more than `max_age_s` before.

    Both are of the far clock, so that what both clocks are apart does not matter.
    """
    return sent_utc_s - max_age_s - STAMP_TOLERANCE_S <= utc_s <= sent_utc_s + STAMP_TOLERANCE_S


def difference(sent_s: float, heard_s: float, answered_s: float, received_s: float) -> Difference | None:
    """Compare two clocks: sent and received by ours, heard and answered by theirs. None where that took less than no time."""
    delay_s = (received_s - sent_s) - (answered_s - heard_s)
    if delay_s < 0.0 or answered_s < heard_s or received_s < sent_s:
        return None
    return Difference(((heard_s - sent_s) + (answered_s - received_s)) / 2, delay_s / 2)


class Guard:
    """What has been believed so far. `judge` takes one message and the UTC of its arrival; only what it accepts changes anything."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._boot = ""
        self._sequence = -1
        self._sent_utc_s = 0.0
        self._runs: deque[str] = deque(maxlen=REMEMBERED_RUNS)
        self._seen: deque[int] = deque(maxlen=REMEMBERED_MESSAGES)

    def judge(self, message: Message, utc_s: float, clocks: Difference | None = None) -> Rejection | None:
        """Return why the message is not believed; None when it is, and then it counts as the last one."""
        rejection = self._who(message) or self._when(message, utc_s, clocks) or self._order(message)
        if rejection is None:
            self._accept(message)
        return rejection

    def _who(self, message: Message) -> Rejection | None:
        expected = self._expected
        if message.station == expected.station:
            return Rejection(Result.OUR_OWN, "is a message of this station itself")
        if message.station != expected.far_station:
            return Rejection(Result.WRONG_STATION, f"comes from {message.station!r}, not from {expected.far_station!r}")
        if message.line != expected.line:
            return Rejection(Result.WRONG_LINE, f"speaks of the line {message.line!r}, not of {expected.line!r}")
        if message.mode is not expected.mode:
            return Rejection(Result.WRONG_MODE, f"comes from a station in mode {message.mode.value}; this one is {expected.mode.value}")
        return None

    def _when(self, message: Message, utc_s: float, clocks: Difference | None) -> Rejection | None:
        age_s, tolerance_s = utc_s - message.sent_utc_s, self._expected.clock_tolerance_s
        if age_s < -tolerance_s:
            return Rejection(Result.FROM_THE_FUTURE, f"was sent {-age_s:.1f} s from now: the far clock is ahead of ours by that or more")
        if age_s > self._expected.max_age_s:
            return Rejection(Result.TOO_OLD, f"was sent {age_s:.1f} s ago by the far clock: it is behind ours, or the way takes too long")
        if clocks is not None and clocks.at_least_s > tolerance_s:
            where = "ahead of" if clocks.ahead_s > 0 else "behind"
            return Rejection(Result.WRONG_CLOCK, f"the far clock is {clocks.at_least_s:.1f} s or more {where} ours")
        return None

    def _order(self, message: Message) -> Rejection | None:
        if message.boot == self._boot:
            if message.sequence in self._seen:
                return Rejection(Result.REPLAYED, f"number {message.sequence} was believed before")
            if message.sequence < self._sequence:
                return Rejection(Result.OUT_OF_ORDER, f"number {message.sequence} comes after {self._sequence}")
            return None
        if message.boot in self._runs:
            return Rejection(Result.OUT_OF_ORDER, "comes from an earlier run: old, or two daemons speak for the far station")
        if message.sent_utc_s <= self._sent_utc_s:
            return Rejection(Result.REPLAYED, "comes from another run and was sent before what was believed last")
        return None

    def _accept(self, message: Message) -> None:
        if message.boot != self._boot:
            self._runs.append(self._boot)
            self._seen.clear()
        self._boot, self._sequence, self._sent_utc_s = message.boot, message.sequence, message.sent_utc_s
        self._seen.append(message.sequence)
