"""The rows of the event table that begin with power: trips, interlocks, open, cut, shunt, mis-set current, earth potential.

The order of the rows is that of stationd.core.verdict.judge. Whose a fault of the cable is follows from where it lies; whose a
feed is, from which station's own contacts and readings show it.
"""

from __future__ import annotations

from stationd.core.verdict.evidence import Evidence, Power, Sign
from stationd.core.verdict.power_words import (
    at_limit,
    consequence,
    doubts,
    no_light,
    our_step,
    parted,
    sum_step,
    trusted,
    uneven,
    whole_line,
)
from stationd.core.verdict.said import HIGH, LOW, MEDIUM, Said, far_unknown, km, ours_at, short, volts
from stationd.core.verdict.words import Ours

INTERLOCKS = ("PFE-INTERLOCK-OPEN", "EMERGENCY-STOP", "DOOR-OPEN", "COVER-OPEN", "KEY-REMOVED")
OF_THE_FEED = ("PFE-INTERLOCK-OPEN", "EMERGENCY-STOP")  # of these no other door of a station can be meant
OFF_THERE = ("PFE-TRIP", "FEED-OFF", *INTERLOCKS)
ASK_FAR = "read its voltage and current over the order wire"


# ---------------------------------------------------------------------- what holds


def all_dark_here(e: Evidence) -> bool:
    """All pairs that are watched here have lost their light, and at least two are, or one where there is only one."""
    known = [pair.receive_lost for pair in e.pairs if pair.receive_lost is not None]
    return bool(known) and all(known) and len(known) >= min(2, len(e.pairs))


def all_dark_there(e: Evidence) -> bool:
    """The far station has lost the light of all pairs that it tells of."""
    known = [pair.far_lost for pair in e.pairs if pair.far_lost is not None]
    return e.far_known and bool(known) and all(known)


def any_lit_there(e: Evidence) -> bool:
    """The far station still receives light of ours."""
    return e.far_known and any(pair.far_lost is False for pair in e.pairs)


def _far_alarm(e: Evidence, types: tuple[str, ...]) -> str:
    """Return the first alarm of the far station of one of these types, or ""."""
    return next((each for each in e.far_alarms if each.split("/")[1:2] and each.split("/")[1] in types), "")


def off_there(e: Evidence) -> bool:
    """The far station says that its feed is off. Its alarms may stand for longer than that, or be of a stand-by unit."""
    return e.far_known and e.electric.there is not Power.FEEDING and (e.electric.there is Power.OFF or bool(_far_alarm(e, OFF_THERE)))


def interlock_here(e: Evidence) -> bool:
    """An interlock of this station is open and its feed is off."""
    return bool(e.contacts.interlock) and e.electric.here is Power.OFF


def interlock_there(e: Evidence) -> bool:
    """This end carries the line, and the far station names an interlock of its feed; an open door may be any."""
    return e.electric.sign is Sign.FAR_TRIP and e.far_known and bool(_far_alarm(e, OF_THE_FEED))


def opened(e: Evidence) -> bool:
    """No current at any voltage: a feed at its limit, or tripped by over-voltage with nothing that feeds at the far end.

    Over-voltage of the far feed alone tells nothing: it also follows when ours goes off for a reason of our own.
    """
    here, there = e.electric.here, e.electric.there
    if here is Power.AT_LIMIT:
        return True
    return here is Power.OFF and there is not Power.FEEDING and e.electric.over_voltage_here and not e.electric.powered


def both_off(e: Evidence) -> bool:
    """Both feeds are off."""
    return e.electric.here is Power.OFF and off_there(e)


def off_here(e: Evidence) -> bool:
    """Our feed is off, and what the far end does is known, shows in the light, or will not be known."""
    return e.electric.here is Power.OFF and not (off_unexplained(e) and e.electric.settling)


def carried(e: Evidence) -> bool:
    """The far end carries the line: its light comes through the repeaters, or it feeds and nobody has seen all light go."""
    return e.electric.powered or (e.electric.there is Power.FEEDING and not all_dark_here(e))


def off_unexplained(e: Evidence) -> bool:
    """Our feed is off, and neither the far end nor the light nor a contact of ours says that it is only ours."""
    return e.electric.here is Power.OFF and not carried(e) and not e.contacts.mains


def cut_unfed(e: Evidence) -> bool:
    """Our feed is off, and the far one does not carry the line: all light is gone and its current ends in the sea."""
    return e.electric.here is Power.OFF and e.electric.leaks and all_dark_here(e) and not e.electric.powered


def repeater_failed(e: Evidence) -> bool:
    """The voltage of the whole line has fallen by that of a repeater."""
    return e.electric.sign is Sign.REPEATER


def cut(e: Evidence) -> bool:
    """All fibres are dark, and either the feed sees it too or the far station is as dark."""
    if not all_dark_here(e) or e.electric.here in (Power.OFF, Power.AT_LIMIT) or e.electric.sign is Sign.FAR_TRIP:
        return False
    if any_lit_there(e) or (e.electric.here is Power.UNKNOWN and not _shines(e)):
        return False
    moved = e.electric.parted or (e.electric.step_v is not None and e.electric.sign not in (Sign.NONE, Sign.UNKNOWN, Sign.EARTH))
    return (moved and e.electric.here is Power.FEEDING) or all_dark_there(e)


def _shines(e: Evidence) -> bool:
    """The far feed gives current enough for the repeaters: while ours cannot be read, dark pairs alone may be a line without power."""
    return e.electric.there is Power.FEEDING and not e.electric.dim_there


def far_trip(e: Evidence) -> bool:
    """This end alone carries the voltage of the whole line."""
    return e.electric.sign is Sign.FAR_TRIP


def shunt(e: Evidence) -> bool:
    """The conductor touches the sea."""
    return e.electric.sign is Sign.SHUNT


def mis_set(e: Evidence) -> bool:
    """The split moved while both currents are the same."""
    return e.electric.sign is Sign.MIS_SET


def earth(e: Evidence) -> bool:
    """The sum of both voltages moved slowly."""
    return e.electric.sign is Sign.EARTH


def unclear(e: Evidence) -> bool:
    """Voltage or current changed, and what it is cannot be told."""
    return e.electric.sign is Sign.UNCLEAR


# ---------------------------------------------------------------------- what is said


def say_interlock_here(e: Evidence) -> Said:
    """An interlock of ours."""
    why = (f"{e.contacts.interlock} is open", f"the feed of {e.station} is off", *consequence(e))
    todo = ("look who is at the door, cover or key; nobody switches on before that is known", "show interlocks")
    return Said(Ours.YES, HIGH, "Our interlock is open: our feed is off", f"power feed room, {e.station}", why, todo)


def say_interlock_there(e: Evidence) -> Said:
    """An interlock of theirs."""
    sentence = short(f"Interlock open in {e.far_station}: its feed is off", "Interlock open at the far end: its feed is off")
    why = (f"{e.far_station} reports {_far_alarm(e, OF_THE_FEED)}", whole_line(e))
    confidence = HIGH if e.electric.there is Power.OFF else MEDIUM
    return Said(Ours.NO, confidence, sentence, f"power feed of {e.far_station}", why, (f"call {e.far_station}; keep our feed on",))


def say_open(e: Evidence) -> Said:
    """An insulated break: whose it is follows from where the conductor ends, not from the trip."""
    both = e.electric.over_voltage_here and e.electric.over_voltage_there and e.far_known
    found = e.electric.location
    place = found.place if found is not None else None
    where = km(e, place) if place is not None else "between the power feeds, place not known yet"
    why = [at_limit(e)]
    if e.far_known and (e.electric.over_voltage_there or e.electric.there is Power.AT_LIMIT):
        why.append(f"{e.far_station} reached its voltage limit too")
    why += [no_light(e)] if all_dark_here(e) else []
    why += [] if e.far_known else [far_unknown(e)]
    todo = ("do not raise the voltage limit", "have the open end located by its capacitance, from both ends")
    confidence = HIGH if both else MEDIUM if e.far_known or all_dark_here(e) else LOW
    sentence = "Conductor open: voltage to the limit, no current"
    return Said(ours_at(e, place), confidence, sentence, where, tuple(why), todo, place, found, one_end=not e.far_known)


def say_both_off(e: Evidence) -> Said:
    """Both feeds are off. Ours only with a cause of our own."""
    why = [f"the feed of {e.station} is off", f"{e.far_station} says that its feed is off"]
    todo = (f"call {e.far_station}", "do not switch on before both ends know why: show fault")
    if e.contacts.mains:
        why.append(f"{e.contacts.mains}: mains of {e.station} has failed")
        return Said(Ours.YES, MEDIUM, "Both feeds are off; our mains has failed", f"{e.station}, mains", tuple(why), todo)
    if e.contacts.tripped:
        why.append(f"{e.contacts.tripped} has tripped; which end was first: see the sequence")
    if e.electric.over_voltage_there:
        why.append(f"{e.far_station} tripped by over-voltage, as at an open conductor or when ours goes off")
    where = "both power feeds"
    return Said(Ours.CANNOT_TELL, HIGH, "Both feeds are off: the line has no power", where, tuple(why), todo)


def say_off_here(e: Evidence) -> Said:
    """Our feed is off and theirs is not, or cannot be read. An open line would trip it too: then it is not ours alone."""
    why = [f"{e.contacts.tripped} has tripped" if e.contacts.tripped else f"the output of the feed of {e.station} is off"]
    why += [f"{e.contacts.mains}: mains has failed"] if e.contacts.mains else []
    why += consequence(e)
    why += ["light still comes through the repeaters"] if e.electric.powered else []
    why += [no_light(e)] if all_dark_here(e) else []
    sentence = short(f"Our feed is off; {e.far_station} carries the line", "Our feed is off; the far end carries the line")
    sentence = sentence if carried(e) else "Our feed is off and no pair has light" if all_dark_here(e) else "Our power feed is off"
    todo = ("find out why before anything is switched on: show status", f"{e.far_station} keeps its feed on: call")
    ours = Ours.CANNOT_TELL if off_unexplained(e) else Ours.YES
    confidence = HIGH if carried(e) else MEDIUM
    return Said(ours, confidence, sentence, f"power feed of {e.station}", tuple(why), todo, one_end=not e.far_known)


def say_off_unexplained(e: Evidence) -> Said:
    """Our feed has just gone off; the far end's next reading tells whether it alone."""
    why = (f"the output of the feed of {e.station} is off", f"{e.far_station} has not been read since")
    todo = (f"wait for the next reading of {e.far_station}", "do not switch on")
    return Said(Ours.CANNOT_TELL, LOW, "Our feed is off; the line is being looked at", "power feed or cable", why, todo, one_end=True)


WHOLE_SHARE = 0.03  # of that voltage: droop and earth beds change it by less when one end takes over (assumption)


def _carries_what_both_gave(e: Evidence) -> bool:
    """Whether our voltage is now what both ends gave together before: no fault on the way takes any of it."""
    near, whole_v = e.electric.near, e.electric.whole_v
    return near is not None and whole_v is not None and abs(near.voltage_v - whole_v) <= WHOLE_SHARE * whole_v


def say_far_trip(e: Evidence) -> Said:
    """The far feed is off; this end shows it by itself."""
    confirmed = off_there(e)
    why = [whole_line(e)]
    why += [f"{e.far_station} says that its feed is off"] if confirmed else []
    why += [] if e.far_known else [far_unknown(e)]
    door = _far_alarm(e, INTERLOCKS) if e.far_known else ""
    why += [f"{e.far_station} reports {door}, which may be the cause"] if door else []
    if e.far_known and not confirmed and not e.electric.settling:
        why.append(f"{e.far_station} does not say that its feed is off")
    sentence = short(f"Feed of {e.far_station} is off; ours carries the line", "The far feed is off; ours carries the line")
    todo = ("keep our feed on; do not touch its limits", f"call {e.far_station}")
    # A break close to the far station looks the same from here; an alarm that stands there may be of a unit that is spare.
    confidence = HIGH if e.electric.there is Power.OFF and _carries_what_both_gave(e) else MEDIUM if confirmed else LOW
    return Said(Ours.NO, confidence, sentence, f"power feed of {e.far_station}", tuple(why), todo, one_end=not confirmed)


def say_cut(e: Evidence) -> Said:
    """The cable is broken, its conductor in the sea or too near the virtual earth to be seen."""
    found = e.electric.location
    place = found.place if found is not None else None
    where = f"sea cable, {km(e, place)}" if place is not None else "sea cable, place not known yet"
    both = all_dark_there(e)
    why = [no_light(e)]
    why += [f"{e.far_station} has lost them too"] if both else []
    why += [our_step(e)] if e.electric.step_v is not None else []
    why += [*doubts(e), *([] if e.far_known else [far_unknown(e)])]
    sentence = f"Cable cut, {km(e, place)}" if place is not None else "Cable cut: all fibres are dark"
    electric = e.electric.sign not in (Sign.NONE, Sign.UNKNOWN, Sign.EARTH)
    confidence = HIGH if both and ((electric and e.electric.ends == 2 and trusted(e)) or not e.fed) else MEDIUM
    todo = ("leave the feeds as they are; a ship needs them to find the place", "show fault; call the network centre")
    return Said(
        ours_at(e, place), confidence, short(sentence, "Cable cut: all fibres are dark"), where, tuple(why), todo, place, found,
        tuple(pair.number for pair in e.pairs), one_end=not both and e.electric.ends < 2,
    )  # fmt: skip


def say_cut_unfed(e: Evidence) -> Said:
    """A second fault after the trip of our own feed; only the far feed still measures the line."""
    found, far = e.electric.location, e.electric.far
    place = found.place if found is not None else None
    where = f"sea cable, {km(e, place)}" if place is not None else "sea cable, place not known yet"
    why = [
        no_light(e), f"our feed is off; {e.far_station} gives {volts(far.voltage_v if far else None)}: less than the whole line",
        "without our feed a shunt looks the same: repeaters beyond it have no power", *doubts(e),
    ]  # fmt: skip
    sentence = short(f"Cable cut, {km(e, place)}" if place is not None else "", "Cable cut: all fibres are dark")
    todo = ("do not switch our feed on; a ship needs to know who feeds", "show fault; call the network centre")
    return Said(
        ours_at(e, place), MEDIUM, sentence or "Cable cut: all fibres are dark", where, tuple(why), todo, place, found,
        tuple(pair.number for pair in e.pairs), one_end=True,
    )  # fmt: skip


def say_repeater_failed(e: Evidence) -> Said:
    """A repeater drops no voltage any more."""
    dark = [pair.number for pair in e.pairs if pair.receive_lost]
    why = [f"the sum of both voltages moved by {volts(sum_step(e))}, about one repeater", *([no_light(e)] if dark else [])]
    todo = ("compare the light of all pairs; measure the loop gain", "show fault")
    confidence = HIGH if e.electric.ends == 2 and dark else MEDIUM
    sentence = "A repeater has failed: its voltage is gone"
    return Said(Ours.NO, confidence, sentence, "a repeater of the sea cable", tuple(why), todo, pairs=tuple(dark))


def say_shunt(e: Evidence) -> Said:
    """The conductor has a fault to the sea."""
    found = e.electric.location
    place = found.place if found is not None and e.electric.visible else None
    where = f"sea cable, {km(e, place)}" if place is not None else "sea cable, place not visible"
    one_end = e.electric.ends < 2
    why = [parted(e) if e.electric.parted else our_step(e)]
    if e.electric.parted:
        why.append("measured while the line is being changed on purpose")
    elif not one_end:
        why.append(f"{e.far_station} moved by {volts(e.electric.far_step_v)}; the currents differ")
        why += [f"residual of the line model {volts(e.electric.residual_v)}"] if e.electric.residual_v is not None else []
    else:
        why += ["a current that is set wrong at the far end looks the same from here", far_unknown(e)]
    why += doubts(e)
    confidence = LOW if one_end else HIGH if trusted(e) else MEDIUM
    ours = Ours.CANNOT_TELL if one_end else ours_at(e, place)
    sentence = short(f"Shunt fault, {km(e, place)}" if place is not None else "Shunt fault, place not visible", "Shunt fault of the cable")
    todo = ("keep both feeds on", "record both voltages; give the place to the repair contractor: show fault")
    return Said(ours, confidence, sentence, where, tuple(why), todo, place, found if place else None, one_end=one_end)


def say_mis_set(e: Evidence) -> Said:
    """The set currents differ. Whose set point moved is seen where this end leaves its own droop line."""
    shift = e.electric.own_shift_ma
    ours = _whose_set_point(e)
    where = {Ours.YES: f"set point of {e.station}", Ours.NO: f"set point of {e.far_station}"}.get(ours, "set points of both feeds")
    why = [our_step(e), "both ends carry the same current, so nothing leaves the line"]
    if shift is not None:
        why.append(f"our own set point moved by {shift:+.2f} mA, from voltage and current of this end")
    todo = (f"compare set points with {e.far_station} by telephone; do not adjust alone", "show line")
    sentence = "Set currents differ: the voltage split has moved"
    return Said(ours, HIGH if e.electric.ends == 2 else LOW, sentence, where, tuple(why), todo, one_end=e.electric.ends < 2)


SHIFT_MA = 0.2  # a set point that moved by less is not seen beside 0.1 mA of the meter and an unknown droop (assumption)
SHIFT_RATIO = 3.0  # by so much more than the other's (assumption)


def _whose_set_point(e: Evidence) -> Ours:
    """Return whose set point moved. One end alone can only say that it was its own."""
    own, far = e.electric.own_shift_ma, e.electric.far_shift_ma
    if own is None:
        return Ours.CANNOT_TELL
    if abs(own) > SHIFT_MA and (far is None or abs(own) > SHIFT_RATIO * abs(far)):
        return Ours.YES
    return Ours.NO if far is not None and abs(far) > SHIFT_MA and abs(far) > SHIFT_RATIO * abs(own) else Ours.CANNOT_TELL


def say_earth(e: Evidence) -> Said:
    """Geomagnetic activity or tide."""
    why = (f"the sum of both voltages moved slowly by {volts(sum_step(e))}", "the currents are as they were")
    todo = ("look at the geomagnetic forecast", "watch the margin to the voltage limits: show line")
    where, sentence = "earth potential along the route", "Earth potential moves the feed voltages"
    return Said(Ours.NO, HIGH if e.electric.ends == 2 else LOW, sentence, where, why, todo, one_end=e.electric.ends < 2)


def say_unclear(e: Evidence) -> Said:
    """Something changed; say what it could be."""
    could = ", or ".join(each.value for each in e.electric.candidates)
    compared = e.electric.step_v is not None
    why = [our_step(e)] if compared or e.electric.settling else [uneven(e)]
    why += [f"it could be: {could}"] if could else []
    why += [] if e.far_known else [far_unknown(e)]
    sentence = "Voltage has changed; being measured" if e.electric.settling else "Voltage has changed; the cause cannot be told"
    if not compared and not e.electric.settling:
        why.append("what is normal is not known yet: take a baseline once the line is known to be sound")
        sentence = "The voltage split is uneven; the cause cannot be told"
    todo = (f"ask {e.far_station}: {ASK_FAR}", "show line")
    return Said(Ours.CANNOT_TELL, LOW, sentence, "power feed or cable", tuple(why), todo, one_end=e.electric.ends < 2)


def say_all_dark(e: Evidence) -> Said:
    """All fibres dark here, and neither feed nor far end says why."""
    why = ["no light is received on any pair"]
    if any_lit_there(e):
        why.append(f"{e.far_station} still receives our light")
    why += [] if e.far_known else [far_unknown(e)]
    if e.electric.sign is Sign.NONE:
        why.append("voltage and current have not changed")
    elif e.fed and e.electric.here is Power.UNKNOWN:
        why.append("our power feed cannot be read")
    todo = (f"call {e.far_station}: does it send, does it receive?", "show line")
    return Said(Ours.CANNOT_TELL, LOW, "No light on any pair; the cause cannot be told", "cable or far station", tuple(why), todo)
