"""What can be known of an alarm before it ever comes: its key, its type, and which causes may explain it.

The types that stationd brings are in stationd.core.alarm.catalogue; which of them a station has, in stationd.core.alarm.plan.
Follows the approach of RFC 8632 (key of an alarm, severities, text that says what to do) and ITU-T X.733 (severities).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How bad an alarm is.

    CRITICAL: traffic lost or life at risk, act now; MAJOR: service affected, act within 10 minutes; MINOR: redundancy or margin
    lost, act in this shift; WARNING: drift, plan work.
    """

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """A number that is higher for what is worse."""
        return _RANKS[self]

    def worst(self, other: Severity) -> Severity:
        """Return the worse of two."""
        return self if self.rank >= other.rank else other


_RANKS = {Severity.WARNING: 0, Severity.MINOR: 1, Severity.MAJOR: 2, Severity.CRITICAL: 3}


class AlarmKey(NamedTuple):
    """What makes an alarm this one: where, what, and which of several. The same key is the same alarm, whenever it comes."""

    resource: str
    type: str
    qualifier: str = ""

    def __str__(self) -> str:
        """Return the form used in topics, in the shell and in the journal: `resource/TYPE` or `resource/TYPE/qualifier`."""
        return "/".join(self) if self.qualifier else f"{self.resource}/{self.type}"


def alarm_key(text: str) -> AlarmKey | None:
    """Return the key that a text names, or None when it is no key."""
    parts = text.split("/")
    return AlarmKey(*parts) if len(parts) in (2, 3) and all(parts) else None


class Reach(Enum):
    """Where the cause of an alarm is to be looked for, seen from the resource of the effect.

    PAIR, FEED and LINE reach only what receives its light from the line: a booster does not go dark with the cable. RETURN reaches
    only what sends: many boosters shut themselves off for people's eyes when their pair receives nothing any more.
    """

    SAME = "the same resource"
    BUS = "the bus that it is on"
    PAIR = "equipment and taps of the same fibre pair"
    RETURN = "what receives on the same fibre pair, seen from what sends"
    FEED = "the power feeds of a line with repeaters"
    LINE = "the sea cable"
    SAMPLER = "the optical sampler"
    STATION = "anywhere in the station"


class Cause(NamedTuple):
    """An alarm type that explains another while it is active.

    `lasting`: for as long as it stands, whenever the other begins, since the other follows from it: a feed that is off gives no
    current. Without that, a cause of the same unit explains what comes with it and not what comes days later: a fault bit that
    stands, acknowledged, is no reason why the output is lost tomorrow.
    `intended`: people bring it about, so that it explains also what is graver than itself. A cause that is lasting or intended
    takes over what another one hides when it begins: what a ramp up leaves behind was hidden by the feed that was off.
    """

    type: str
    reach: Reach
    lasting: bool = False
    intended: bool = False


class Delays(NamedTuple):
    """How long a condition must hold before the alarm is raised, and be gone before it is cleared."""

    on_s: float
    off_s: float


# Defaults by what is watched; usual figures of alarm management, to be checked against the plant (assumption).
DIGITAL = Delays(0.0, 2.0)
OPTICAL = Delays(1.0, 5.0)
LEVEL = Delays(10.0, 60.0)
TEMPERATURE = Delays(60.0, 300.0)
AT_ONCE = Delays(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class AlarmType:
    """A kind of alarm. `text` is what is wrong, `consequence` what it means if nobody acts, `first_action` what to do first.

    `deadband` is in the unit of the point that is watched. `limits` says where the default limit comes from. `runbook` is the
    chapter of the station's runbook. A `safety` input that cannot be read counts as raised, is never shelved and never folded
    under a cause. A type without `runbook` of its own has its id.
    """

    id: str
    severity: Severity
    text: str
    consequence: str
    first_action: str
    latching: bool = False
    shelvable: bool = True
    delays: Delays = DIGITAL
    deadband: float = 0.0
    suppressed_by: tuple[Cause, ...] = ()
    safety: bool = False
    service_affecting: bool = False
    limits: str = ""
    runbook: str = ""

    def may_be_shelved(self, severity: Severity) -> bool:
        """Return whether it may be shelved at a severity: critical alarms and safety inputs never."""
        return self.shelvable and not self.safety and severity is not Severity.CRITICAL
