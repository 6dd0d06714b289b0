"""How long an alarm may be hidden by people, by its severity. Pure.

Follows the design's shelving policy: warning and minor up to 8 h, major up to 2 h, critical alarms and safety inputs never; out of
service with a review within 7 days. An alarm that gets worse on its shelf keeps no longer one than its new severity allows.
"""

from __future__ import annotations

from stationd.core.alarm.type import AlarmType, Severity

SHELF_WARNING_S = 300.0  # people are warned so long before a shelf ends
LONGEST_SHELF_S = {Severity.WARNING: 8 * 3600, Severity.MINOR: 8 * 3600, Severity.MAJOR: 2 * 3600, Severity.CRITICAL: 0}
LONGEST_OUTAGE_S = 7 * 86_400


def longest_shelf_s(kind: AlarmType, severity: Severity) -> int:
    """Return the longest shelf of an alarm in seconds; 0 where it cannot be shelved at all."""
    return LONGEST_SHELF_S[severity] if kind.may_be_shelved(severity) else 0
