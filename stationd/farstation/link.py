"""The link to the far station: says once a second what is known of this end, and hears what the other end says of its own.

    watch, board -> near -> message -> seal --exchange--> unseal -> guard -> far -> FarLine, readings --> engine
                                                             '-> counted by reason      silence -> FarSilent

It only ever hands on what it has: what cannot be sent now is forgotten (the next second brings a newer one), and what comes is judged
on the spot in a time that its size bounds. It never waits for the broker, for the disk or for anybody but the clock. What comes from
the far end may refuse or hold here, and never starts or raises anything but the two alarms about the far station itself.

Without a key nothing is said and nothing heard: the far end is unknown for that reason, and the rest of the station works.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from uuid import uuid4

import structlog

from stationd.core.alarm.plan import STATION
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.model import LinkChanged, ReadFailed, Reading
from stationd.farstation.exchange import Exchange
from stationd.farstation.far import Arrival, far_line, readings, uncertainty_s
from stationd.farstation.guard import Difference, Expected, Guard, difference
from stationd.farstation.message import decoded, encoded
from stationd.farstation.near import NearStation
from stationd.farstation.unit import FarUnit
from stationd.farstation.words import ClockTold, Heard, Message, Rejection, Result
from stationd.links.beat import Beat
from stationd.outputs.clock import Clock
from stationd.outputs.journal import Moment

log = structlog.get_logger()

EVERY_S = 1.0  # contract: at least once a second
SENT_REMEMBERED = 64  # messages of ours whose echo is still of use
LOG_EVERY_S = 60.0  # a reason for which messages are rejected is written to the log so often
LOST = AlarmKey(STATION, "FAR-STATION-LOST")
REJECTED = AlarmKey(STATION, "FAR-STATION-REJECTED")
QUIET_S = 2 * EVERY_S  # without a rejected message: then the alarm's own minute begins
STARTED_S = 5.0  # after the start both ends have found the broker and each other; until then nobody is called (assumption)
NEVER_HEARD = "no valid message has come since the start"

Posted = Reading | ReadFailed | LinkChanged | FarLine | FarSilent | Signal
Post = Callable[[Sequence[Posted]], None]


@dataclass(slots=True)
class FarStatistics:
    """What the link counts, and what it knows of the last message that was believed."""

    results: Counter[Result] = field(default_factory=Counter)
    sent: int = 0
    heard: bool = False
    sent_t: float | None = None
    received_t: float | None = None
    clocks: Difference | None = None
    uncertainty_s: float | None = None
    received_utc_s: float | None = None
    shared: frozenset[str] | None = None  # by the last message; None: none has come
    sequence: int | None = None  # of the last message that was believed
    why: str = NEVER_HEARD

    def age_s(self, now: float) -> float | None:
        """Return how old the last valid message is; None while the far end is unknown."""
        return max(now - self.sent_t, 0.0) if self.heard and self.sent_t is not None else None

    @property
    def rejected(self) -> int:
        """How many messages were not believed."""
        return sum(count for result, count in self.results.items() if result is not Result.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Settings:
    """Who is expected to speak, and the secret of both stations; how it is read and checked: stationd.config.secret.

    `no_key` says why there is none; `key` is empty then, and nothing is signed or believed with it.
    """

    expected: Expected
    key: bytes
    no_key: str = ""

    @property
    def own_topic(self) -> str:
        """Where this station speaks."""
        return f"stationd/{self.expected.station}/line"

    @property
    def far_topic(self) -> str:
        """Where the far station speaks."""
        return f"stationd/{self.expected.far_station}/line"


class FarLink:
    """One far station. `post` is Engine.post; `run` is its one task and ends only when cancelled."""

    def __init__(
        self,
        settings: Settings,
        near: NearStation,
        unit: FarUnit,
        exchange: Exchange,
        post: Post,
        clock: Callable[[], Moment],
        boot: str = "",
    ) -> None:
        self.statistics = FarStatistics()
        self.beat = Beat()
        self._settings = settings
        self._near = near
        self._unit = unit
        self._exchange = exchange
        self._post = post
        self._clock = clock
        self._boot = boot or uuid4().hex
        self._sequence = 0
        self._guard = Guard(settings.expected)
        self._heard: Heard | None = None
        self._sent: OrderedDict[int, float] = OrderedDict()
        self._refusals = _Refusals()
        self._said_silent = False
        self._said_result: Result | None = None
        self._call_at: float | None = None

    async def run(self) -> None:
        """Speak and listen until cancelled."""
        if self._settings.no_key:
            self._without_key(self._clock().t)
            self.beat.rest("no key")
            await asyncio.get_running_loop().create_future()
        self._exchange.subscribe(self._settings.far_topic, self.receive)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            now = loop.time()
            if now >= due:
                due = max(due + EVERY_S, now)  # after a machine that slept, once and not for every second of its sleep
                self._speak()
            self._look(self._clock().t)
            wake = due if self._said_silent else min(due, self._silent_at())
            self.beat.within(max(0.0, wake - loop.time()))
            await asyncio.sleep(max(0.0, wake - loop.time()))

    def _without_key(self, now: float) -> None:
        """Say once why the far end stays unknown; nobody waits here for what cannot come."""
        why = f"no key: {self._settings.no_key}"
        self.statistics.why, self._said_silent = why, True
        log.error("far station unknown", station=self._settings.expected.far_station, reason=why)
        self._post([FarSilent(now, why), LinkChanged(_link(self._unit), False, (self._unit.name,), now), Signal(LOST, True, now, note=why)])

    # ------------------------------------------------------------------ our end

    def _speak(self) -> None:
        moment = self._clock()
        self._sequence += 1
        message = self._near.message(moment, self._boot, self._sequence, _told(moment), self._heard)
        self._sent[self._sequence] = moment.t
        while len(self._sent) > SENT_REMEMBERED:
            self._sent.popitem(last=False)
        self._exchange.publish(self._settings.own_topic, encoded(message, self._settings.key))
        self.statistics.sent += 1

    # ------------------------------------------------------------------ the far end

    def receive(self, payload: bytes, retained: bool) -> None:
        """Take what came on the topic of the far station. Never waits and never fails, whatever it is."""
        moment = self._clock()
        judged = self._judge(payload, retained, moment)
        if isinstance(judged, Rejection):
            self._reject(judged, moment.t)
        else:
            self._believe(judged, moment)

    def _judge(self, payload: bytes, retained: bool, moment: Moment) -> Message | Rejection:
        if retained:
            return Rejection(Result.RETAINED, "was kept by the broker, nobody knows since when")
        message = decoded(payload, self._settings.key)
        if isinstance(message, Rejection):
            return message
        return self._guard.judge(message, moment.utc_s, self._round_trip(message, moment)) or message

    def _round_trip(self, message: Message, moment: Moment) -> Difference | None:
        """Compare the clocks by the message of ours that the far end has heard last."""
        heard = message.heard
        if heard is None or heard.boot != self._boot or heard.sequence not in self._sent:
            return None
        ahead_s = moment.utc_s - moment.t
        return difference(self._sent[heard.sequence] + ahead_s, heard.utc_s, message.sent_utc_s, moment.utc_s)

    def _believe(self, message: Message, moment: Moment) -> None:
        statistics, expected = self.statistics, self._settings.expected
        clocks = self._round_trip(message, moment)
        known_s = uncertainty_s(_told(moment), message.clock, clocks, expected)
        arrival = Arrival(message, moment, known_s, self._settings.expected.max_age_s)
        line = far_line(arrival)
        self._heard = Heard(message.boot, message.sequence, round(moment.utc_s, 6))
        news: list[Posted] = [line, *readings(arrival, self._unit)]
        if not statistics.heard:
            log.info("far station heard", station=expected.far_station, boot=message.boot, clocks_known_to_s=round(known_s, 3))
            news = [LinkChanged(_link(self._unit), True, (self._unit.name,), moment.t), *news, Signal(LOST, False, moment.t)]
        statistics.results[Result.ACCEPTED] += 1
        statistics.heard, statistics.why, self._said_silent, self._refusals.last = True, "", False, ""
        self._refusals.result = None
        self._call_at = None
        statistics.sent_t, statistics.received_t, statistics.received_utc_s = min(line.t, moment.t), moment.t, moment.utc_s
        statistics.shared, statistics.sequence = line.shared, message.sequence
        statistics.clocks, statistics.uncertainty_s = clocks, known_s
        self._post(news)

    def _reject(self, rejection: Rejection, now: float) -> None:
        self.statistics.results[rejection.result] += 1
        if self._refusals.take(rejection, now):
            log.warning("a message in the far station's name is rejected", reason=rejection.result.value, detail=rejection.detail)

    # ------------------------------------------------------------------ silence

    def _silent_at(self) -> float:
        """Return when the last valid message is too old, if none comes until then."""
        sent_t = self.statistics.sent_t
        return -inf if sent_t is None else sent_t + self._settings.expected.max_age_s

    def _look(self, now: float) -> None:
        """Say once that the far end is unknown, and whether messages were rejected since the last look."""
        news: list[Posted] = []
        if not self._said_silent and now >= self._silent_at():
            news = self._silence(now)
        elif self._said_silent and self._refusals.result is not self._said_result:
            self._said_result, self.statistics.why = self._refusals.result, self._why()
            news = [FarSilent(now, self.statistics.why)]
        if self._call_at is not None and now >= self._call_at:
            self._call_at = None
            self.statistics.why = self._why()
            news.append(Signal(LOST, True, now, note=self.statistics.why))
        if (signal := self._refusals.look(now)) is not None:
            news.append(signal)
        if news:
            self._post(news)

    def _why(self) -> str:
        """Return why the far end is unknown: since when, which stays true, and what was wrong with what came since."""
        last_utc_s = self.statistics.received_utc_s
        said = NEVER_HEARD if last_utc_s is None else f"no valid message since {_second(last_utc_s)}"
        return "; ".join(filter(None, (said, self._refusals.last)))

    def _silence(self, now: float) -> list[Posted]:
        statistics, expected = self.statistics, self._settings.expected
        statistics.why, self._said_result = self._why(), self._refusals.result
        statistics.heard, statistics.clocks, statistics.uncertainty_s, self._said_silent = False, None, None, True
        log.warning("far station unknown", station=expected.far_station, reason=statistics.why)
        self._call_at = now + STARTED_S if statistics.sent_t is None else now
        return [FarSilent(now, statistics.why), LinkChanged(_link(self._unit), False, (self._unit.name,), now)]


class _Refusals:
    """What was rejected lately, for the alarm and the log: a flood of messages is neither a flood of signals nor of lines."""

    def __init__(self) -> None:
        self.last = ""  # since the last valid message
        self.result: Result | None = None  # its kind
        self._t = -inf
        self._active = False
        self._logged: dict[Result, float] = {}

    def take(self, rejection: Rejection, now: float) -> bool:
        """Count one; return True when the log has to say it."""
        self._t, self.result = now, rejection.result
        self.last = f"the last message was rejected ({rejection.result.value}): {rejection.detail}"
        if now < self._logged.get(rejection.result, -inf) + LOG_EVERY_S:
            return False
        self._logged[rejection.result] = now
        return True

    def look(self, now: float) -> Signal | None:
        """Return what is new for the alarm, which itself waits a minute before it clears."""
        recent = now < self._t + QUIET_S
        if recent is self._active:
            return None
        self._active = recent
        return Signal(REJECTED, recent, now, note=self.last if recent else "")


def _link(unit: FarUnit) -> str:
    """Return the name of the way to the far station; no bus has such a name."""
    return f"far station {unit.name}"


def _second(utc_s: float) -> str:
    """Return a time of day with its date, to the second."""
    return f"{Clock(utc_s, 0.0).written(0.0)[:19].replace('T', ' ')}Z"


def _told(moment: Moment) -> ClockTold:
    return ClockTold(moment.synchronised, moment.uncertainty_s)
