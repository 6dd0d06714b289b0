"""The words that every room shares: points, qualities, readings, events and effects.

Times called `t` or `now` are seconds of CLOCK_MONOTONIC; wall-clock time is attached only where a value leaves the
program (stationd.outputs). Values are plain Python numbers, strings and booleans; their unit is named by the point.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from stationd.core.line.far import FarLine, FarSilent


class PointId(NamedTuple):
    """The name of one measured or set value: a device of the configuration and a point of its driver."""

    device: str
    point: str

    def __str__(self) -> str:
        """Return the form used in configuration files, topics and log lines: `device.point`."""
        return f"{self.device}.{self.point}"


class Level(Enum):
    """How far a value may be trusted, after OPC UA's good, uncertain and bad, with staleness told apart."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    STALE = "stale"
    BAD = "bad"


class Reason(Enum):
    """Why a value is not plainly good, or why an exchange failed. The words are label values of metrics."""

    NONE = ""
    NEVER_READ = "never-read"
    NOT_OFFERED = "not-offered"
    OUT_OF_RANGE = "out-of-range"
    BELOW_RANGE = "below-range"
    TIMEOUT = "timeout"
    GARBLED = "garbled"
    CHECKSUM = "checksum"
    LINK_DOWN = "link-down"
    QUEUE_FULL = "queue-full"
    READ_ONLY = "read-only"
    BABBLE = "babble"
    BUSY = "busy"
    GATEWAY = "gateway"
    ILLEGAL_FUNCTION = "illegal-function"
    ILLEGAL_ADDRESS = "illegal-address"
    ILLEGAL_VALUE = "illegal-value"
    DEVICE_FAILURE = "device-failure"
    REFUSED = "refused"
    MALFORMED = "malformed"
    SATURATED = "saturated"
    STUCK = "stuck"
    SAMPLES_MISSED = "samples-missed"
    NO_SAMPLES = "no-samples"
    SOURCE_LOST = "source-lost"
    NO_TEMPERATURE = "no-temperature"
    TIME_JUMPED = "time-jumped"
    TIME_ESTIMATED = "time-estimated"


@dataclass(frozen=True, slots=True)
class Quality:
    """A level and the word that says why; equal qualities are interchangeable."""

    level: Level
    reason: Reason = Reason.NONE

    @property
    def good(self) -> bool:
        """True only for a value that may be shown and acted on without a remark."""
        return self.level is Level.GOOD


GOOD = Quality(Level.GOOD)
OUT_OF_RANGE = Quality(Level.UNCERTAIN, Reason.OUT_OF_RANGE)
NEVER_READ = Quality(Level.BAD, Reason.NEVER_READ)
NOT_OFFERED = Quality(Level.BAD, Reason.NOT_OFFERED)

Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one point.

    `value` is None exactly when the quality is BAD. `t` is the time of the exchange that brought the value, not of the
    polling cycle and not of its publication; a STALE reading keeps the value and the time of its last good exchange.
    """

    point: PointId
    value: Value | None
    quality: Quality
    t: float


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A port came up or went down; `devices` are the devices that can only be reached through it."""

    bus: str
    up: bool
    devices: tuple[str, ...]
    t: float


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """An exchange that should have brought these points failed; what was known before stays until it is stale."""

    points: tuple[PointId, ...]
    reason: Reason
    t: float


@dataclass(frozen=True, slots=True)
class WriteDone:
    """The end of a Write: `reason` is NONE when the read-back agreed with what was asked."""

    target: PointId
    asked: Value
    read_back: Value | None
    reason: Reason
    detail: str
    t: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened, but the deadline that the station asked for has come."""

    t: float


class LightKind(Enum):
    """What the optical sampler found. The words are those of MQTT, of file names and of the configuration."""

    LOST = "light-lost"
    BACK = "light-back"
    STEP_DOWN = "step-down"
    STEP_UP = "step-up"
    SATURATED = "saturated"
    SATURATED_END = "saturated-end"
    STUCK = "stuck"
    STUCK_END = "stuck-end"
    ENDED = "source-lost"


@dataclass(frozen=True, slots=True)
class LightEvent:
    """Something happened to the light of a channel, or (`channel` empty) to the source of all samples.

    `t` is the time of the deciding sample, `since` that of the first sample of the run that led to it, `found` when it was
    seen. Where `exact` is False the sampler's own event was lost: then nothing is known but that it happened between `since`
    and `t`. `level_dbm` is the level of the deciding sample (None: below what can be measured, beyond what the converter can
    tell, or not known), `reference_dbm` that before a step. `number` counts the events of this run of the daemon; `lost_before`
    are events of the sampler that nobody could take just before this one; where `exact` is False, so many more losses of the
    same channel lie between `since` and `t`.
    """

    kind: LightKind
    channel: str
    t: float
    since: float
    found: float
    number: int
    lost_before: int = 0
    level_dbm: float | None = None
    reference_dbm: float | None = None
    exact: bool = True


@dataclass(frozen=True, slots=True)
class IntentKept:
    """What became of an announced act's record: `kept` is True when it is on the disk. Only then may the act begin."""

    number: int
    kept: bool
    t: float


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last connection of a session is gone (see stationd.core.operation.orders.Person)."""

    session: str
    t: float


Event = Reading | LinkChanged | ReadFailed | WriteDone | LightEvent | FarLine | FarSilent | IntentKept | SessionEnded | Tick


@dataclass(frozen=True, slots=True)
class Restate:
    """Effect: what the board shows of this point is now this reading (never a newer value, only a lesser quality)."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Write:
    """Effect: ask a device to take a value; the answer comes back as WriteDone after a read-back."""

    target: PointId
    value: Value
    why: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Effect: tell everybody outside, at once and in order."""

    event: LightEvent

