"""All that the preconditions of an operation look at, at one moment. Made by the desk; nothing in it is older than it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.model import PointId
from stationd.core.operation.views import AuthorityView, HoldView, OperationView
from stationd.core.powerfeed.words import Seen


@dataclass(frozen=True, slots=True)
class Evidence:
    """`seen` holds the readings of every gate point of the station, and the far end. It is the gate's own, and goes on with the plant.

    `audit_writable` None: not known yet, which is as good as no; `audit_t` is since when. `bypassed` says until when an interlock
    counts as closed. `opened` are the operations that are not closed, without how far they have come; `cutting_off` the feeds of which
    an EMERGENCY-OFF is not confirmed yet, `never_off` those of which one was given up and that did not read off since;
    `applying` the devices to which set values are being sent.

    `critical` are the keys of the critical alarms that have come in this run of the daemon and are not gone. One that stood already when
    it started is put back into the alarm desk without a record of its coming: it is missing here until it comes anew. That is safe, since
    nothing rests on it: what stands is only shown to who arms, and bars nothing; whether the plant is sound is read from the gate points
    themselves. Screens show standing alarms from the alarm desk.
    """

    seen: Seen = field(default_factory=Seen)
    audit_writable: bool | None = None
    audit_t: float = 0.0
    holds: tuple[HoldView, ...] = ()
    authority: AuthorityView = field(default_factory=AuthorityView)
    bypassed: Mapping[PointId, float] = field(default_factory=dict)
    opened: tuple[OperationView, ...] = ()
    cutting_off: frozenset[str] = frozenset()
    never_off: frozenset[str] = frozenset()
    applying: frozenset[str] = frozenset()
    critical: frozenset[str] = frozenset()
