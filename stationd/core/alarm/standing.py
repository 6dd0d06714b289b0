"""One alarm of the desk: its flags and what is remembered beside them. Only stationd.core.alarm.desk changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from stationd.core.alarm import condition
from stationd.core.alarm.machine import Flags, Letter, Variant, letter
from stationd.core.alarm.plan import Rule
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmView, Outage, Seen, Shelf
from stationd.core.model import Quality, Value

NORMAL = Flags()


@dataclass(frozen=True, slots=True)
class News:
    """What came with a look or a change: when (`t`), since when it truly was (`onset`), and with which value.

    `proven`: it was read, not assumed because nothing could be read. `severity` is set where the source knows better than the rule.
    """

    t: float
    onset: float
    value: Value | None = None
    quality: Quality | None = None
    note: str = ""
    proven: bool = True
    severity: Severity | None = None


@dataclass(slots=True)
class Standing:
    """An alarm as it stands. Times are monotonic seconds of this run.

    `proven`: that it is active was read, not assumed. `explains`: the inhibitor knows it as a cause. `waiting`: people are to
    be told when the time for its causes is over, and at `told_t` they were (None: not yet of this occurrence). `found_t` is when
    the very first reading was beyond the limit: how long that was so before, nobody remembers.
    """

    rule: Rule
    severity: Severity
    worst: Severity
    flags: Flags = NORMAL
    occurrence: int = 0
    count: int = 0
    onset: float = 0.0
    changed_t: float = 0.0
    told_t: float | None = None
    value: Value | None = None
    quality: Quality | None = None
    note: str = ""
    unknown: bool = True
    proven: bool = False
    explains: bool = False
    first_out: bool = False
    waiting: bool = False
    waiting_until: float = 0.0
    causes: frozenset[AlarmKey] = frozenset()
    shelf: Shelf | None = None
    outage: Outage | None = None
    seen: Seen | None = None
    state: condition.State = field(default_factory=condition.State)
    last: News | None = None
    found_t: float | None = None

    @property
    def key(self) -> AlarmKey:
        """What makes it this alarm."""
        return self.rule.key

    @property
    def letter(self) -> Letter:
        """Its letter, from the flags."""
        return letter(self.flags)

    @property
    def variant(self) -> Variant:
        """What its type, and how bad it is now, change in the machine."""
        kind = self.rule.type
        return Variant(kind.latching, kind.may_be_shelved(self.gravest))

    @property
    def gravest(self) -> Severity:
        """The worst of what it is by rule, is now, and was since somebody acknowledged it."""
        return self.severity.worst(self.worst).worst(self.rule.severity)

    @property
    def may_explain(self) -> bool:
        """True while it explains others: read as active, and hidden by no person."""
        return self.flags.active and self.proven and not self.flags.shelved and not self.flags.out_of_service

    def why_hidden(self) -> str:
        """Return in words what hides it."""
        if self.outage is not None and self.flags.out_of_service:
            return f"out of service by {self.outage.who} and {self.outage.second}: {self.outage.reason}"
        if self.flags.suppressed:
            return f"suppressed by {', '.join(map(str, sorted(self.causes)))}"
        return f"shelved by {self.shelf.who}: {self.shelf.reason}" if self.shelf is not None else "hidden"

    def view(self, hides: int) -> AlarmView:
        """Return it as it stands; `hides` is the number of alarms that are folded under it."""
        return AlarmView(
            self.key, self.rule.type, self.letter, self.severity, self.worst, self.flags.active, self.unknown, self.occurrence,
            self.count, self.onset, self.changed_t, self.value, self.quality, self.note, self.first_out,
            tuple(sorted(self.causes)), hides, self.shelf, self.outage, self.seen, self.told_t is not None,
        )  # fmt: skip


def standing(rule: Rule) -> Standing:
    """Return an alarm that has never come."""
    return Standing(rule, rule.severity, rule.severity)
