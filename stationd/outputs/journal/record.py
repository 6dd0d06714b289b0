"""What is handed to the journal, what it promises about it, and how much of everything it may keep.

Order is (run of the daemon, sequence) and never the time of day: a clock that is set by ten years reorders nothing. The wall time
stands beside each record with a mark that says whether the clock of the machine was synchronised then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HOUR_S, DAY_S = 3600.0, 86_400.0
YEAR_S = 365.0 * DAY_S
MOST_MESSAGES = 16  # of one record: four bits of a message's number
SIZE_OF_RECORD = 256  # what a record costs in memory and on the disk beside its texts, in bytes; an assumption on the high side


class RecordClass(Enum):
    """What a record is, which decides whether it may ever be dropped. The words are label values of metrics."""

    ALARM = "alarm"
    COMMAND = "command"
    AUDIT = "audit"
    EVENT = "event"
    READING = "reading"

    @property
    def pinned(self) -> bool:
        """True for what is never dropped to make room and is committed at once."""
        return self in (RecordClass.ALARM, RecordClass.COMMAND, RecordClass.AUDIT)


class Kept(Enum):
    """What became of a record."""

    COMMITTED = "committed"  # on the disk, through fsync
    LOST = "lost"  # dropped by the rules of the bounded memory, and counted


@dataclass(frozen=True, slots=True)
class Moment:
    """One simultaneous look at both clocks: Unix seconds, whether they are trusted, seconds of CLOCK_MONOTONIC.

    `uncertainty_s` is by how much the time of day may be wrong at most; None where nobody says.
    """

    utc_s: float
    synchronised: bool
    t: float
    uncertainty_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """The number of a record within this run of the daemon, and when it was made. Given by Journal.stamp, in order."""

    run: str
    sequence: int
    moment: Moment

    @property
    def id(self) -> str:
        """Return the name of the record for people, topics and receivers that drop duplicates."""
        return f"{self.run}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be delivered: a topic below the station's own and the bytes."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What is committed together, or not at all.

    `body` is JSON. `subject` is the key under which the record is found again, that of an alarm for example. `states` are the new
    snapshots of alarms (JSON; None: the alarm is gone) and `values` small lasting values (likewise), both replaced with this record.
    `messages` go to the outbox. A record of class AUDIT stands in the chain of the audit; any other does so if `audited`.
    """

    stamp: Stamp
    record_class: RecordClass
    kind: str
    body: str = "{}"
    subject: str = ""
    states: Mapping[str, str | None] = field(default_factory=dict)
    values: Mapping[str, str | None] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    audited: bool = False

    def __post_init__(self) -> None:
        if len(self.messages) > MOST_MESSAGES:
            raise ValueError(f"a record carries at most {MOST_MESSAGES} messages, not {len(self.messages)}")

    @property
    def size(self) -> int:
        """Return roughly what the record costs, in bytes."""
        states = sum(len(key) + len(text or "") for key, text in self.states.items())
        messages = sum(len(each.topic) + len(each.payload) + 64 for each in self.messages)
        return SIZE_OF_RECORD + len(self.body) + states + messages


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How long readings are kept, and within how many bytes."""

    frame_s: float = 10.0  # readings are brought to the disk so often: what a kill may cost of the history
    seconds_s: float = 48 * HOUR_S  # one reading a second is kept so long
    minutes_s: float = 400 * DAY_S  # minimum, mean and maximum of each minute
    quota: int = 8 * GIB
    memory: int = 8 * MIB  # for what waits while the disk fails: about an hour of 1,200 points
    pack_seconds_s: float = 2 * HOUR_S  # the span of one packed block
    pack_minutes_s: float = 3 * DAY_S
    resolutions: Mapping[str, float] = field(default_factory=dict)  # of a point `device.point`, in its unit: its last digit


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """The bounds of everything. Bytes unless the name says otherwise."""

    group_s: float = 0.2  # records that can wait are committed together so often; alarms, commands and audit never wait
    retry_s: float = 2.0  # a disk that fails is tried again so often
    slow_s: float = 3.0  # a call to the disk that lasts longer is a failure of the disk
    memory_pinned: int = 64 * MIB  # alarms, commands and audit that may wait in memory while the disk fails
    memory_events: int = 16 * MIB
    memory_readings: int = 16 * MIB
    outbox: int = 512 * MIB
    outbox_age_s: float = 7 * DAY_S
    events: int = 2 * GIB
    events_age_s: float = YEAR_S
    history: HistorySettings = field(default_factory=HistorySettings)
    threads: bool = True  # False: all work is done in the event loop, where time is not real and must not pass beside it
