"""All that the preconditions of an operation look at, at one moment. Made by the desk; nothing in it is older than it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.model import PointId
from stationd.core.operation.views import AuthorityView, HoldView, OperationView
from stationd.core.powerfeed.words import Seen


@dataclass(frozen=True, slots=True)
class Evidence:
    """`seen` holds the readings of every gate point of the station, and the far end.

    `audit_writable` None: not known yet, which is as good as no. `bypassed` says until when an interlock counts as closed.
    `opened` are the operations that are not closed; `cutting_off` the feeds of which an EMERGENCY-OFF is not confirmed yet;
    `applying` the devices to which set values are being sent. `critical` are the keys of critical alarms that stand.
    """

    seen: Seen = field(default_factory=Seen)
    audit_writable: bool | None = None
    holds: tuple[HoldView, ...] = ()
    authority: AuthorityView = field(default_factory=AuthorityView)
    bypassed: Mapping[PointId, float] = field(default_factory=dict)
    opened: tuple[OperationView, ...] = ()
    cutting_off: frozenset[str] = frozenset()
    applying: frozenset[str] = frozenset()
    critical: frozenset[str] = frozenset()
