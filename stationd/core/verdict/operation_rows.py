"""The rows of the event table for what people do on purpose: while an operation changes the line, and a feed that it has switched off.

They stand above all others: what an operation does to voltage, current and light is no fault. Two things are none of its doing and
are told all the same (`broken`): light that goes while there is current enough, and a current that leaves the line between the ends.
An operation that is held explains nothing: the plant stands still. Nothing is learnt until the line has settled.
"""

from __future__ import annotations

from dataclasses import replace

from stationd.core.verdict.evidence import Evidence, Power
from stationd.core.verdict.light_rows import healthy, say_healthy
from stationd.core.verdict.said import HIGH, LOW, MEDIUM, Said, short, volts
from stationd.core.verdict.words import Ours


def acting(e: Evidence) -> bool:
    """An operation of either end runs, or the line settles after one, and nothing is wrong that it does not explain."""
    return e.acting and not e.broken


def say_acting(e: Evidence) -> Said:
    """Name the operations."""
    own = [f"{act.name} ({act.target}) is {act.phase} here" for act in e.own_acts]
    far = [f"{act.name} ({act.target}) is {act.phase} at {e.far_station}" for act in e.far_acts]
    first = (*e.own_acts, *e.far_acts)[:1]
    sentence = "The line settles after an operation"
    if first:
        whose = "" if e.own_acts else f" of {e.far_station}"
        sentence = short(f"{first[0].name}{whose} changes the line: {first[0].target}", f"{first[0].name}{whose} changes the line")
    return Said(Ours.NOTHING, MEDIUM, sentence, "both power feeds", (*own, *far), ("show operations", "show line"), one_end=not e.far_known)


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


def held_words(e: Evidence) -> tuple[str, ...]:
    """Return which operations are held, and at what current of ours."""
    near = e.electric.near
    at = f" at {near.current_ma:.0f} mA" if near is not None else ""
    return tuple(f"{act.name} is held{at}" for act in e.held)


def as_left(e: Evidence) -> bool:
    """The line is sound in a state that an operation has brought it into: held, or fed by us alone."""
    return (bool(e.held) or e.electric.alone) and healthy(e)


def say_as_left(e: Evidence) -> Said:
    """Say what is on purpose beside what is seen to be well."""
    said = say_healthy(e)
    if not e.electric.alone:
        return replace(said, why=(*held_words(e), *said.why))
    why = f"the feed of {e.far_station} was off when our operation energised the line"
    return replace(said, sentence="Line is fed by us alone", why=(why, *held_words(e), *said.why))


def low_sound(e: Evidence) -> bool:
    """An operation has left the line at a low current, and nothing speaks against that line."""
    return e.low and e.low_fits is not False and not e.contacts.tripped


def say_low_sound(e: Evidence) -> Said:
    """Say that dark repeaters are no fault now."""
    near = e.electric.near
    current = f"{near.current_ma:.0f} mA" if near is not None else "a low current"
    why = [f"{current} is too little for the repeaters: dark pairs tell nothing", *held_words(e)]
    why.append("the voltage is that of a sound line" if e.low_fits else f"the feed of {e.far_station} is not known")
    todo = ("show operations", "show line")
    return Said(Ours.NOTHING, MEDIUM, f"Line is fed with {current} on purpose", "whole line", tuple(why), todo, one_end=not e.low_fits)


def low_odd(e: Evidence) -> bool:
    """An operation has left the line at a low current, and the voltage is not that of a sound line."""
    return e.low and e.low_fits is False and not e.contacts.tripped


def say_low_odd(e: Evidence) -> Said:
    """At so low a current there is no light to tell a cut from a shunt."""
    near = e.electric.near
    why = (f"{volts(near.voltage_v if near else None)} here; a sound line would show another voltage", *held_words(e))
    todo = ("do not raise the current", f"ask {e.far_station} for its voltage and current", "show line")
    sentence = "Voltage does not fit the line at this low current"
    return Said(Ours.CANNOT_TELL, LOW, sentence, "power feeds or cable", why, todo, one_end=not e.far_known)
