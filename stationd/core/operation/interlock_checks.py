"""Holds, permissives and the audit: what people and contacts have to say about every task, on power feeds and amplifiers alike.

Unknown or old is not closed, a power feed without any permissive is not armed unless the station's file says
why it has none, and that reason is on every arming screen. A bypass counts as closed until its end and is always shown as one.
What hardware guards by itself (the unit's own loop) has no bypass at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from stationd.core.model import PointId
from stationd.core.operation.case import Case, lowers
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.holds import covering, remover, shown
from stationd.core.operation.look import Wanted, contact, refused, span
from stationd.core.operation.views import Check
from stationd.core.operation.words import Cause

OWN_LOOP = Wanted(
    "the unit's own interlock", True, "closed", "OPEN", Cause.INTERLOCKING, "close the interlock loop at the unit", Cause.INTERLOCKING
)


def hold_checks(case: Case, devices: Sequence[str]) -> tuple[Check, ...]:
    """Return one check for each hold of this station that covers one of these devices, or one that says that there is none."""
    found = {hold.name: hold for device in devices for hold in covering(case.evidence.holds, device, case.plan)}
    checks = [
        refused(f"hold {hold.name}", Cause.HOLD, shown(hold, case.now), remover(hold))
        for hold in found.values()
    ]
    return tuple(checks) or (Check("holds", f"holds on {', '.join(devices)}: none"),)


def audit_check(evidence: Evidence, now: float) -> Check:
    """Return whether what is done could be recorded; without that nothing is."""
    since = f"since {span(max(now - evidence.audit_t, 0.0))}"
    match evidence.audit_writable:
        case True:
            return Check("audit", f"the audit can be written, {since}")
        case False:
            why = f"the audit cannot be written, {since}: the disk is full or fails"
        case None:
            why = f"it is not known whether the audit can be written, {since}"
    return refused("audit", Cause.HEALTH, why, "make room on the disk or repair it, then look with: show status")


def interlock_checks(case: Case, points: Sequence[PointId], reason: str, *, needed: bool) -> tuple[Check, ...]:
    """Return one check for each permissive. `reason` says why there is none; `needed`: without both nothing is armed."""
    if points:
        return tuple(_interlock(case, point) for point in points)
    if reason:
        return (Check("interlocks", f"interlocks in hardware only: {reason}"),)
    if not needed or lowers(case):
        return ()
    why = f"no interlock is configured for {case.object}"
    return (refused("interlocks", Cause.INTERLOCKING, why, 'name its contacts in the station\'s file, or "hardware-only" with a reason'),)


def own_loop_check(case: Case, point: PointId | None) -> tuple[Check, ...]:
    """Return how the unit's own loop stands, where the unit tells."""
    if point is None:
        return ()
    return (_no_bar_downward(case, contact(case.look, point, OWN_LOOP)),)


def _interlock(case: Case, point: PointId) -> Check:
    until_t = case.evidence.bypassed.get(point)
    if until_t is not None and case.now < until_t:
        return Check(f"interlock {point}", f"interlock {point} BYPASSED for another {span(until_t - case.now)}")
    remedy = f"close {point.point} at the station, or bypass it by two persons"
    wanted = Wanted(f"interlock {point}", True, "closed", "OPEN", Cause.INTERLOCKING, remedy, Cause.INTERLOCKING)
    return _no_bar_downward(case, contact(case.look, point, wanted))


def _no_bar_downward(case: Case, check: Check) -> Check:
    if check.good or not lowers(case):
        return check
    return Check(check.name, f"{check.shown}; no bar to bringing it down")
