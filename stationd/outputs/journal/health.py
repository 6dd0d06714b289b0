"""How the journal is, and what it has counted: what alarms, metrics and screens are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from stationd.links.statistics import Histogram
from stationd.outputs.journal.audit import Head
from stationd.outputs.journal.frames import Gathered, Tier
from stationd.outputs.journal.record import RecordClass
from stationd.outputs.journal.shelf import Holding
from stationd.outputs.journal.store import Total
from stationd.outputs.journal.trimming import Trimmed


class State(Enum):
    """Whether what is handed over reaches the disk."""

    STARTING = "starting"
    GOOD = "good"
    FAILING = "failing"  # the disk refuses or does not answer; it is tried again by itself
    NEWER = "newer-schema"  # the file is a newer stationd's; nothing is written
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Health:
    """The state, why, and since which monotonic second. `set_aside` are the damaged files of this run.

    `damage` has a sentence for everything else that could not be trusted: torn rows, a file that is gone or another station's.
    """

    state: State
    reason: str = ""
    since_t: float = 0.0
    set_aside: tuple[str, ...] = ()
    waiting_bytes: int = 0
    damage: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """True when records reach the disk."""
        return self.state is State.GOOD


@dataclass(slots=True)
class TierStatistics:
    """The history of one tier: values and bytes in the file, and how far back it reaches in seconds of use."""

    holding: Holding = field(default_factory=Holding)
    reached_s: float = 0.0

    @property
    def bytes_per_value(self) -> float:
        """Return the stored bytes of a reading, or of a minute with its three values; 0 without any."""
        return self.holding.stored / self.holding.records if self.holding.records else 0.0


@dataclass(slots=True)
class JournalStatistics:
    """What was counted since the start. Written by the threads of the journal, read by whoever exports it."""

    committed: Counter[RecordClass] = field(default_factory=Counter)
    committed_bytes: int = 0
    lost: Counter[RecordClass] = field(default_factory=Counter)  # in memory, for want of room while the disk failed
    commit_s: Histogram = field(default_factory=Histogram)
    failures: int = 0
    set_asides: int = 0
    torn: int = 0  # rows and blocks whose check sum was wrong, and which were left out
    outbox: dict[RecordClass, Total] = field(default_factory=lambda: {each: Total() for each in RecordClass})
    outbox_over: int = 0  # bytes above the limit that alarms, commands and audit need
    trimmed: Trimmed = field(default_factory=Trimmed)
    gathered: Gathered = field(default_factory=Gathered)
    history_lost: int = 0  # readings that were dropped in memory before the thread could take them
    history_crowded: int = 0  # records of the history that went before their time for want of room
    history: dict[Tier, TierStatistics] = field(default_factory=lambda: {tier: TierStatistics() for tier in Tier})
    event_bytes: int = 0
    audit: Head = field(default_factory=Head)
