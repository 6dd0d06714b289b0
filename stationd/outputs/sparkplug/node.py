"""The state machine of the edge node: what happens goes in, the next message comes out. No clock, no broker, no waiting.

    away --connecting, connected--> waiting for the primary host --online--> online --offline--> leaving --> away
                                    (without a primary host at once)

A message is made only when somebody is there to send it, and takes its sequence number only then: `next_message` is asked for
one at a time, and a message that cannot be sent ends the connection, which starts again with a birth and the number 0. So no
number is ever missing (tck-id-payloads-sequence-num-incrementing), and what waits is at most one sample of each metric.

Order (tck-id-payloads-dbirth-order, -ndata-order): NBIRTH, DBIRTH of every device that answers, then deaths, then data.

The one command that is obeyed is `Node Control/Rebirth`; any other is counted as refused and has no effect. A rebirth begins when
the births before it are out. Rebirths may come in a burst of three, then one in ten seconds: a host that asks again and again is
answered with the next birth that is due, and cannot keep data from the others until then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from stationd.core.model import PointId
from stationd.outputs.sparkplug import messages
from stationd.outputs.sparkplug.catalogue import NODE, REBIRTH, Catalogue, Sample, Trust, fitted
from stationd.outputs.sparkplug.messages import Announced, Message
from stationd.outputs.sparkplug.payload import Metric, PayloadError, decode

NUMBERS = 256  # seq and bdSeq count from 0 to 255 and begin again
REBIRTHS_AT_ONCE = 3.0  # assumption: several hosts may miss the same message
REBIRTH_EVERY_S = 10.0  # assumption: a birth of a large station is some 100 KB
AHEAD_MS = 60_000  # a host whose clock is further ahead than this counts as being so far ahead: it must not silence later news
LONGEST_STATE = 4096  # bytes of a STATE message; it has some 50
NOT_YET = Sample(None, Trust.BAD, 0, "bad never-read")


class Moment(NamedTuple):
    """Now, on both clocks: UTC in ms for what is published, monotonic seconds for how long something lasted."""

    utc_ms: int
    s: float


class Heard(Enum):
    """What a received message meant."""

    NOTHING = "nothing"
    REBIRTH = "rebirth"
    REFUSED = "refused"
    MALFORMED = "malformed"
    HOST_ONLINE = "host-online"
    HOST_OFFLINE = "host-offline"


class Phase(Enum):
    """How far the connection has come."""

    AWAY = "away"
    CONNECTING = "connecting"
    WAITING = "waiting"
    ONLINE = "online"
    LEAVING = "leaving"


@dataclass(slots=True)
class NodeCounts:
    """What the node has seen since the start of the daemon."""

    births: int = 0
    messages: int = 0
    rebirths_asked: int = 0
    commands_refused: int = 0
    malformed: int = 0
    values: int = 0
    values_replayed: int = 0


class EdgeNode:
    """One edge node. `last_birth_number` is the bdSeq of the last connection of any earlier run; None when there was none.

    `counts` are those of the node of this run whose place this one takes.
    """

    def __init__(self, catalogue: Catalogue, last_birth_number: int | None = None, counts: NodeCounts | None = None) -> None:
        self.catalogue = catalogue
        self.phase = Phase.AWAY
        self.counts = counts or NodeCounts()
        self._birth_number = -1 if last_birth_number is None else last_birth_number
        self._seq = 0
        aliases = catalogue.aliases()
        self._metrics = {point: Announced(kind, aliases[point]) for point, kind in catalogue.kinds().items()}
        self._current = dict.fromkeys(self._metrics, NOT_YET)
        self._published: dict[PointId, Sample] = {}
        self._pending: dict[str, dict[PointId, None]] = {}
        self._answering: set[str] = set()
        self._born: set[str] = set()  # devices that are alive to hosts, and NODE after the NBIRTH
        self._rebirth_wanted = False
        self._rebirths_left = REBIRTHS_AT_ONCE
        self._refilled_s = 0.0
        self._host_online = False
        self._host_at: int | None = None

    # The connection.

    def restore(self, last_birth_number: int) -> None:
        """Continue after the birth number of an earlier run; only before the first connection."""
        self._birth_number = last_birth_number

    def connecting(self, now: Moment) -> Message:
        """Begin a connection; return its will. It takes a birth number, also when nobody answers: the broker may have seen it."""
        self.phase = Phase.CONNECTING
        self._birth_number = (self._birth_number + 1) % NUMBERS
        self._host_online = False
        self._host_at = None  # what the broker retains is the truth now
        self._rebirth_wanted = False
        self._born.clear()
        return messages.node_death(self.catalogue, self._birth_number, now.utc_ms)

    @property
    def birth_number(self) -> int:
        """The bdSeq of this connection, to be kept for the next run before it is used."""
        return self._birth_number

    def subscriptions(self) -> tuple[str, ...]:
        """Return the topics to subscribe before any birth: the commands last, so that they are there once this is done."""
        state = (messages.state_topic(self.catalogue),) if self.catalogue.primary_host else ()
        return (*state, messages.topic(self.catalogue, "NCMD"))

    def connected(self) -> None:
        """Note that the connection stands and the subscriptions are made."""
        self.phase = Phase.ONLINE if self._host_online or not self.catalogue.primary_host else Phase.WAITING

    def disconnected(self) -> None:
        """Note that the connection has ended, whatever the reason."""
        self.phase = Phase.AWAY
        self._born.clear()

    def goodbye(self, now: Moment) -> Message:
        """Return what to publish before a wanted disconnection, and publish nothing more."""
        self.phase = Phase.LEAVING
        return messages.node_death(self.catalogue, self._birth_number, now.utc_ms)

    # What comes from outside.

    def update(self, samples: Mapping[PointId, Sample]) -> None:
        """Take the latest samples of some metrics; a metric that was not announced is passed over."""
        for point, sample in samples.items():
            metric = self._metrics.get(point)
            if metric is not None:
                self._current[point] = fitted(sample, metric.kind)
                self._note(point)

    def answers(self, device: str) -> None:
        """Note that a device answers; KeyError for one that was not announced."""
        if device not in self.catalogue.devices:
            raise KeyError(device)
        self._answering.add(device)

    def is_lost(self, device: str) -> None:
        """Note that a device does not answer any more."""
        self._answering.discard(device)

    def is_answering(self, device: str) -> bool:
        """Return what was last noted of a device."""
        return device in self._answering

    def received(self, topic: str, payload: bytes, now: Moment, retained: bool = False) -> Heard:
        """Take a message of the broker. HOST_OFFLINE asks for `goodbye` and the end of the connection."""
        if self.catalogue.primary_host and topic == messages.state_topic(self.catalogue):
            return self._host_state(payload, now)
        if topic != messages.topic(self.catalogue, "NCMD") or retained:  # a command is never retained; an old one is none
            return Heard.NOTHING
        try:
            return self._command(payload)
        except PayloadError:
            self.counts.malformed += 1
            return Heard.MALFORMED

    # What goes out.

    def next_message(self, now: Moment) -> Message | None:
        """Return the one message that is to be sent now, or None. It must be sent, or the connection ended."""
        if self.phase is not Phase.ONLINE:
            return None
        if self._rebirth_wanted and not self._answering - self._born and self._may_be_reborn(now):
            self._rebirth_wanted = False
            self._born.clear()
        if NODE not in self._born:
            return self._node_birth(now)
        return self._device_birth(now) or self._device_death(now) or self._data(now)

    def due_s(self, now: Moment) -> float | None:
        """Return in how many seconds a rebirth that has to wait is due; None when none waits."""
        if not self._rebirth_wanted or self.phase is not Phase.ONLINE:
            return None
        self._refill(now)
        return max(0.0, (1.0 - self._rebirths_left) * REBIRTH_EVERY_S)

    def alive(self) -> frozenset[str]:
        """Return the devices whose stored samples can be sent now: hosts know them, and all births are out."""
        if self.phase is not Phase.ONLINE or NODE not in self._born or self._answering - self._born:
            return frozenset()
        if self._rebirth_wanted and self._rebirths_left >= 1.0:  # the births come next
            return frozenset()
        return frozenset((self._born & self._answering) - {NODE})

    def replay(self, device: str, samples: Sequence[tuple[PointId, Sample]], now: Moment) -> Message | None:
        """Return stored samples as historical data, with their own times; None while the device is not `alive`."""
        if device not in self.alive():
            return None
        known = [(self._metrics[point], sample) for point, sample in samples if point.device == device and point in self._metrics]
        if not known:
            return None
        self.counts.values_replayed += len(known)
        metrics = [messages.data_metric(metric, fitted(sample, metric.kind), historical=True) for metric, sample in known]
        return messages.data(self.catalogue, device, metrics, self._next_seq(), now.utc_ms)

    # Births and deaths.

    def _node_birth(self, now: Moment) -> Message:
        self._born = {NODE}
        self._pending.clear()
        self._published.clear()
        self._seq = 0
        self.counts.births += 1
        metrics = self._birth_metrics(NODE, now)
        return messages.node_birth(self.catalogue, self._birth_number, metrics, self._next_seq(), now.utc_ms)

    def _device_birth(self, now: Moment) -> Message | None:
        device = next((name for name in self.catalogue.devices if name in self._answering and name not in self._born), None)
        if device is None:
            return None
        self._born.add(device)
        return messages.device_birth(self.catalogue, device, self._birth_metrics(device, now), self._next_seq(), now.utc_ms)

    def _device_death(self, now: Moment) -> Message | None:
        device = next((name for name in self.catalogue.devices if name in self._born and name not in self._answering), None)
        if device is None:
            return None
        self._born.discard(device)
        self._pending.pop(device, None)
        return messages.device_death(self.catalogue, device, self._next_seq(), now.utc_ms)

    def _birth_metrics(self, device: str, now: Moment) -> list[Metric]:
        kinds = self.catalogue.devices[device] if device else self.catalogue.own
        self._pending.pop(device, None)
        return [messages.birth_metric(self._metrics[kind.point], self._published_now(kind.point, now)) for kind in kinds]

    # Data.

    def _note(self, point: PointId) -> None:
        waiting = self._pending.setdefault(point.device, {})
        if point.device not in self._born or self._current[point].same(self._published.get(point)):
            waiting.pop(point, None)
        else:
            waiting[point] = None

    def _data(self, now: Moment) -> Message | None:
        device = next((name for name, points in self._pending.items() if points), None)
        if device is None:
            return None
        metrics = []
        for point in self._pending.pop(device):
            before = self._published.get(point)
            metrics.append(messages.data_metric(self._metrics[point], self._published_now(point, now), before))
        self.counts.values += len(metrics)
        return messages.data(self.catalogue, device, metrics, self._next_seq(), now.utc_ms)

    def _published_now(self, point: PointId, now: Moment) -> Sample:
        """Return the current sample and note it as said, never older than the last one said of this metric.

        A last one that lies in the future was dated by a clock that has been set back since: then the new time counts.
        """
        sample, before = self._current[point], self._published.get(point)
        if sample is NOT_YET:
            sample = Sample(None, Trust.BAD, now.utc_ms, NOT_YET.why)
        elif before is not None and sample.at_ms < before.at_ms <= now.utc_ms:
            sample = Sample(sample.value, sample.trust, before.at_ms, sample.why, sample.last_good_ms)
        self._published[point] = sample
        return sample

    def _next_seq(self) -> int:
        seq = self._seq
        self._seq = (seq + 1) % NUMBERS
        self.counts.messages += 1
        return seq

    # Commands and the primary host.

    def _command(self, payload: bytes) -> Heard:
        wanted = refused = False
        for metric in decode(payload).metrics:
            if metric.name == REBIRTH and isinstance(metric.value, bool):
                wanted = wanted or metric.value
            else:
                refused = True
        self.counts.commands_refused += refused
        self.counts.rebirths_asked += wanted
        if wanted and NODE in self._born:
            self._rebirth_wanted = True
        return Heard.REBIRTH if wanted else Heard.REFUSED if refused else Heard.NOTHING

    def _may_be_reborn(self, now: Moment) -> bool:
        self._refill(now)
        if self._rebirths_left < 1.0:
            return False
        self._rebirths_left -= 1.0
        return True

    def _refill(self, now: Moment) -> None:
        self._rebirths_left = min(REBIRTHS_AT_ONCE, self._rebirths_left + (now.s - self._refilled_s) / REBIRTH_EVERY_S)
        self._refilled_s = now.s

    def _host_state(self, payload: bytes, now: Moment) -> Heard:
        state = _state(payload)
        if state is None:
            self.counts.malformed += 1
            return Heard.MALFORMED
        online, at = state
        if self._host_at is not None and at < self._host_at:  # a late will of an earlier connection of the host
            return Heard.NOTHING
        self._host_at = min(at, now.utc_ms + AHEAD_MS)
        self._host_online = online
        return self._host_came() if online else self._host_went()

    def _host_came(self) -> Heard:
        if self.phase is Phase.WAITING:
            self.phase = Phase.ONLINE
        return Heard.HOST_ONLINE

    def _host_went(self) -> Heard:
        if self.phase is not Phase.ONLINE:
            return Heard.NOTHING
        self.phase = Phase.LEAVING
        return Heard.HOST_OFFLINE


def _state(payload: bytes) -> tuple[bool, int] | None:
    """Return whether the host is online, and since when; None for anything but {"online": true or false, "timestamp": ms}."""
    if len(payload) > LONGEST_STATE:
        return None
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    match document:
        case {"online": bool(online), "timestamp": int(at)} if not isinstance(at, bool):
            return online, at
        case _:
            return None
