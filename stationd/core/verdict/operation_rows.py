"""The rows of the event table for what people do on purpose: while an operation changes the line, and a feed that it has switched off.

They stand above all others: what an operation does to voltage, current and light is no fault, and a fault meanwhile is for the
operation's own limits, which hold it or switch off. Nothing is located and nothing is learnt until the line has settled.
"""

from __future__ import annotations

from stationd.core.verdict.evidence import Evidence, Power
from stationd.core.verdict.said import HIGH, Said, short
from stationd.core.verdict.words import Ours


def acting(e: Evidence) -> bool:
    """An operation of either end runs or holds, or the line settles after one."""
    return e.acting


def say_acting(e: Evidence) -> Said:
    """Name the operations."""
    own = [f"{act.name} ({act.target}) is {act.phase} here" for act in e.own_acts]
    far = [f"{act.name} ({act.target}) is {act.phase} at {e.far_station}" for act in e.far_acts]
    first = (*e.own_acts, *e.far_acts)[:1]
    sentence = "The line settles after an operation"
    if first:
        whose = "" if e.own_acts else f" of {e.far_station}"
        sentence = short(f"{first[0].name}{whose} changes the line: {first[0].target}", f"{first[0].name}{whose} changes the line")
    return Said(Ours.NOTHING, HIGH, sentence, "both power feeds", (*own, *far), ("show operations", "show line"), one_end=not e.far_known)


def switched_off(e: Evidence) -> bool:
    """Our feed is off because an operation has switched it off, and not because it has tripped."""
    return bool(e.switched_off) and e.electric.here is Power.OFF and not (e.contacts.tripped or e.contacts.interlock)


def say_switched_off(e: Evidence) -> Said:
    """Say which operation it was, and whether the line lives."""
    there = e.electric.there
    words = {Power.FEEDING: f"{e.far_station} carries the line", Power.OFF: f"the feed of {e.far_station} is off too"}
    why = (f"{e.switched_off} has switched the feed of {e.station} off", words.get(there, f"the feed of {e.far_station} is not known"))
    todo = ("not safe to touch: lock, earth, test", "show operations")
    sentence = short(f"Our feed is switched off ({e.switched_off})", "Our feed is switched off")
    return Said(Ours.NOTHING, HIGH, sentence, f"power feed of {e.station}", why, todo, one_end=not e.far_known)
