"""What an alarm says before the line is judged: in the first moments of a fault the verdict is still that of before. Pure.

The alarm core raises LINE-DOWN with the last dark sample; the verdict waits until what goes dark together is seen together, and for the
readings of both feeds. Until then "healthy" is old news, and no screen, no check and no page says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stationd.shell.screens.typeset import age, ascii_only, clock, utc_s

HEALTHY = "healthy"
DARK = {"LINE-DOWN": "LINE DOWN", "LINE-BREAK": "LINE DOWN"}  # with these the line carries nothing
TYPES = {**DARK, "PFE-TRIP": "FEED TRIPPED", "FEED-OFF": "FEED OFF"}
STANDS = frozenset("BC")  # active, and hidden neither by its cause nor by people
SOON_S = 15.0  # a verdict comes within seconds of its alarm; what stays out of it for longer is not waited for (assumption: five times 3 s)
AGAIN = "look again in 3 s"
Form = Mapping[str, Any]


def unjudged(status: Form, alarms: Form | None) -> Form | None:
    """Return the first standing alarm of the line that a verdict of a healthy line does not know yet; None where there is none."""
    verdict = status.get("verdict")
    if not isinstance(verdict, Mapping) or verdict.get("kind") != HEALTHY:
        return None
    judged = utc_s(verdict.get("since"))
    return min((alarm for alarm in _standing(alarms, TYPES) if _newer(_since_s(alarm), judged)), key=_rank, default=None)


def _newer(since: float | None, judged: float | None) -> bool:
    """Return whether an alarm came after the verdict; where one of the times is not known it is not taken for known to the verdict."""
    return since is None or judged is None or since > judged


def sentence(status: Form, alarm: Form) -> str:
    """Return what is said in the place of the verdict."""
    now, since = utc_s(status.get("t")), _since_s(alarm)
    late = now is not None and since is not None and now - since > SOON_S
    rest = f"NOT EXPLAINED BY THE VERDICT, look at {alarm['key']}" if late else f"NOT JUDGED YET, {AGAIN}"
    return f"{TYPES[_type(alarm)]} - {rest}"


def down_words(status: Form, alarms: Form | None) -> str:
    """Return that the line is down and since when, where an alarm says so. That none does is no proof that light comes through."""
    down = min(_standing(alarms, DARK), key=_rank, default=None)
    if down is None:
        return ""
    now, since = utc_s(status.get("t")), _since_s(down)
    if since is None:
        return "DOWN"
    lasting = f" ({age(max(now - since, 0.0))})" if now is not None else ""
    return ascii_only(f"DOWN since {clock(down['since'], str(status.get('t') or ''))}Z{lasting}")


def _standing(alarms: Form | None, types: Mapping[str, str]) -> list[Form]:
    every = (alarms or {}).get("alarms", ())
    return [alarm for alarm in every if str(alarm.get("letter")) in STANDS and _type(alarm) in types]


def _rank(alarm: Form) -> tuple[bool, float]:
    """Return the order in which alarms are told: what is dark before what is not fed, what came first before the rest."""
    return _type(alarm) not in DARK, _since_s(alarm) or 0.0


def _type(alarm: Form) -> str:
    return str(alarm.get("key", "")).partition("/")[2].partition("/")[0]


def _since_s(alarm: Form) -> float | None:
    since = alarm.get("since")
    return utc_s(since.get("t")) if isinstance(since, Mapping) else None
