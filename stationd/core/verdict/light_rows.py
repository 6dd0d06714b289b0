"""The rows of the event table that begin with light, and those of this station's own equipment.

Ours is what shows itself here: light that comes back, an amplifier that is off, a sensor that its neighbour contradicts. A
fibre that is dark in the sea shows nothing here but darkness; then whose it is follows from what else is known.
"""

from __future__ import annotations

from collections.abc import Callable

from stationd.core.light.pair import PairLight
from stationd.core.verdict.evidence import Evidence, Power, Sign
from stationd.core.verdict.said import HIGH, LOW, MEDIUM, Said, far_unknown, misfit, pairs_text, short
from stationd.core.verdict.words import Ours

LESS_DB, MOST_DB = 0.25, 3.5  # what the loss of a pump of a repeater costs on its pair: 0.3 to 1 dB, up to 3 (event table)
SHUT_S = 0.3  # an amplifier that shuts off by itself does so no sooner after the light was lost (published: 0.55 s; assumption)
PUMP_OFF_DB = (8.0, 25.0)  # what the level falls by without Raman or ROPA pump: 10 to 20 dB (event table), and a margin


def _pairs(e: Evidence, holds: Callable[[PairLight], bool]) -> list[PairLight]:
    return [pair for pair in e.pairs if holds(pair)]


# ---------------------------------------------------------------------- what holds


def pump_off_here(e: Evidence) -> bool:
    """A Raman or ROPA pump unit of this station is off."""
    return bool(_pairs(e, lambda pair: pair.pump_off is not None))


def pump_off_there(e: Evidence) -> bool:
    """Our light arrives weak by what such a pump gives, is not lost, and the far station reports a pump that is off."""
    reported = any(each.split("/")[1:2] in (["ROPA-PUMP-OFF"], ["PUMP-OFF"]) for each in e.far_alarms)
    low, high = PUMP_OFF_DB
    weak = _pairs(e, lambda pair: pair.far_change_db is not None and low <= -pair.far_change_db <= high)
    return e.far_known and reported and bool(weak)


def received_weak(e: Evidence) -> bool:
    """What we receive is weak by as much as a Raman or ROPA pump gives, and no unit of ours is off."""
    low, high = PUMP_OFF_DB
    return bool(_pairs(e, lambda pair: pair.receive_change_db is not None and low <= -pair.receive_change_db <= high))


def transmitter_here(e: Evidence) -> bool:
    """An amplifier of ours sends nothing, and not because it has shut off as no light was received any more."""
    return bool(_pairs(e, _stopped))


def _stopped(pair: PairLight) -> bool:
    return pair.transmit_lost is True and pair.follows is False


def connector_there(e: Evidence) -> bool:
    """We receive nothing on a pair on which the far station has seen light come back."""
    return e.far_known and bool(_opened_there(e))


def _opened_there(e: Evidence) -> list[PairLight]:
    seen = {each.where for each in e.events if each.what == "reflection"}
    return _pairs(e, lambda pair: pair.receive_lost is True and f"{e.far_station} pair {pair.number}" in seen)


def transmitter_there(e: Evidence) -> bool:
    """We receive nothing on a pair on which the far station says that it sends nothing, and had not lost our light before."""
    return e.far_known and bool(_stopped_there(e))


def _stopped_there(e: Evidence) -> list[PairLight]:
    dark = _pairs(e, lambda pair: pair.receive_lost is True and pair.far_transmit_lost is True and pair.far_settled and not pair.far_sent)
    causes = [pair for pair in dark if pair.far_follows is not True]  # what was shut off because our light was lost is none
    return [pair for pair in causes if (first := _first_there(e, pair)) or (first is None and pair.far_follows is False)]


def _first_there(e: Evidence, pair: PairLight) -> bool | None:
    """Return whether the far station stopped sending as we went dark; False: only afterwards, so that this is not why.

    An amplifier that shuts off by itself needs some tenths of a second. None where the far station tells no times, or none so good.
    """
    stops = [each for each in e.events if each.what == "transmit-lost" and each.where.startswith(f"{e.far_station} ")]
    if pair.lost_t is None or not stops or any(each.uncertainty_s > SHUT_S / 2 for each in stops):
        return None
    after_s = [each.t - pair.lost_t for each in stops]
    if all(each > SHUT_S for each in after_s):
        return False
    return True if any(abs(each) <= SHUT_S for each in after_s) else None


def pump_old(e: Evidence) -> bool:
    """A pump of ours is near its end of life."""
    return bool(e.ageing)


def fibre(e: Evidence) -> bool:
    """Some pairs are dark here, and others are not."""
    dark = _pairs(e, lambda pair: pair.receive_lost is True and not pair.waiting)
    return bool(dark)


def fibre_seen_there(e: Evidence) -> bool:
    """The far station has lost our light on some pairs, while we send."""
    return e.far_known and bool(_pairs(e, lambda pair: pair.far_lost is True and pair.transmit_lost is not True))


def waiting(e: Evidence) -> bool:
    """One sensor of two went dark, and the other has not been asked since."""
    return bool(_pairs(e, lambda pair: pair.waiting))


def sensor(e: Evidence) -> bool:
    """A tap or an amplifier's monitor moved, while the other sensor of the same fibre agrees with the past."""
    return bool(_pairs(e, lambda pair: pair.sensor is not None))


def faded(e: Evidence) -> bool:
    """The level of a pair has been a little lower than at the baseline for some time."""
    return bool(e.faded)


def converter(e: Evidence) -> bool:
    """A contact says that a converter of our feed has failed."""
    return bool(e.contacts.converter)


def electroding(e: Evidence) -> bool:
    """A contact says that the tone is on the line."""
    return bool(e.contacts.electroding)


def bus_lost(e: Evidence) -> bool:
    """A port of ours is gone, or all units behind one give no news."""
    return bool(e.buses_lost)


# ---------------------------------------------------------------------- what is said


def say_pump_off_here(e: Evidence) -> Said:
    """A Raman or ROPA pump of ours."""
    found = _pairs(e, lambda pair: pair.pump_off is not None)
    fall = next((pair.receive_change_db for pair in found if pair.receive_change_db is not None), None)
    why = [f"{found[0].pump_off} gives no light"] + ([f"the level received has changed by {fall:+.1f} dB"] if fall is not None else [])
    todo = ("check interlock and pump unit before a connector is touched", "show line")
    confidence = HIGH if (fall is not None and -fall >= PUMP_OFF_DB[0]) or found[0].receive_lost else MEDIUM
    sentence = f"Raman or ROPA pump is off, {pairs_text(_numbers(found))}"
    return Said(Ours.YES, confidence, sentence, f"{e.station}, {found[0].pump_off}", tuple(why), todo, pairs=_numbers(found))


def say_pump_off_there(e: Evidence) -> Said:
    """A Raman or ROPA pump of the far station; known from there alone."""
    low, high = PUMP_OFF_DB
    found = _pairs(e, lambda pair: pair.far_change_db is not None and low <= -pair.far_change_db <= high)
    why = (f"{e.far_station} reports a pump that is off", "and receives our light weak; we send as before")
    sentence = f"Raman or ROPA pump off at the far end, {pairs_text(_numbers(found))}"
    return Said(Ours.NO, LOW, short(sentence), e.far_station, why, (f"call {e.far_station}",), pairs=_numbers(found), one_end=True)


def say_received_weak(e: Evidence) -> Said:
    """Weak as without a pump, and no pump of ours says that it is off."""
    low, high = PUMP_OFF_DB
    found = _pairs(e, lambda pair: pair.receive_change_db is not None and low <= -pair.receive_change_db <= high)
    fall = found[0].receive_change_db or 0.0
    why = (f"the level received has changed by {fall:+.1f} dB and is not lost", "no amplifier of ours says that it is off")
    todo = (f"ask {e.far_station} for the level it sends", "show line")
    sentence = f"Received level is far too low, {pairs_text(_numbers(found))}"
    return Said(Ours.CANNOT_TELL, LOW, sentence, "a fibre pair of the line", why, todo, pairs=_numbers(found))


def say_transmitter_here(e: Evidence) -> Said:
    """Our own transmit amplifier, or what feeds it with light."""
    found = _pairs(e, _stopped)
    unit = found[0].booster or "the transmit amplifier"
    client = all(pair.no_client for pair in found)
    why = [f"{unit} gives no light"] + (["it gets no light at its own input"] if client else [])
    why += [f"{e.far_station} has lost our light"] if any(pair.far_lost for pair in found) else []
    todo = ("look at the terminal equipment before it" if client else "read its alarms, key and interlock: show line",)
    sentence = f"Our transmitter is off, {pairs_text(_numbers(found))}"
    return Said(Ours.YES, HIGH, sentence, f"{e.station}, {unit}", tuple(why), todo, pairs=_numbers(found), one_end=not e.far_known)


def say_connector_there(e: Evidence) -> Said:
    """The far station sees light come back; we see that none arrives."""
    found = _opened_there(e)
    why = (f"no light is received on {pairs_text(_numbers(found))}", f"{e.far_station} sees light come back into its amplifier")
    sentence = short(f"Connector open in {e.far_station}, {pairs_text(_numbers(found))}", "A connector is open at the far end")
    return Said(Ours.NO, MEDIUM, sentence, f"{e.far_station}, line side", why, (f"call {e.far_station}",), pairs=_numbers(found))


def say_transmitter_there(e: Evidence) -> Said:
    """The far station says itself that it sends nothing, and we see it."""
    found = _stopped_there(e)
    why = (f"no light is received on {pairs_text(_numbers(found))}", f"{e.far_station} says that it sends none there")
    sentence = short(f"Transmitter of {e.far_station} is off, {pairs_text(_numbers(found))}", "A transmitter of the far end is off")
    return Said(Ours.NO, HIGH, sentence, f"transmitter of {e.far_station}", why, (f"call {e.far_station}",), pairs=_numbers(found))


def say_pump_old(e: Evidence) -> Said:
    """A pump diode of ours at the end of its life."""
    worst = max(e.ageing, key=lambda each: each.share)
    against = "of the baseline current" if worst.against_baseline else "of its end-of-life current"
    why = (f"{worst.device} {worst.point}: {worst.current_ma:.0f} mA, {100 * worst.share:.0f} % {against}",)
    pairs = tuple(pair.number for pair in e.pairs if pair.booster == worst.device)
    todo = ("order the spare; plan the change before its output falls", "show line")
    confidence = MEDIUM if worst.against_baseline else HIGH
    sentence = short(f"Pump of {worst.device} is near its end of life", "A pump diode of ours is near its end of life")
    return Said(Ours.YES, confidence, sentence, f"{e.station}, {worst.device}", why, todo, pairs=pairs)


def say_fibre(e: Evidence) -> Said:
    """Dark here: beyond our tap, because nothing of ours shows anything. Without a word from there it may be their transmitter."""
    found = _pairs(e, lambda pair: pair.receive_lost is True and not pair.waiting)
    numbers = _numbers(found)
    sends = e.far_known and all(pair.far_settled and pair.far is not None and _sends_there(e, pair) for pair in found)
    unasked = not all(pair.asked for pair in found)
    why = [f"no light is received on {pairs_text(numbers)}, others are lit"]
    why += [f"{e.far_station} sends on it" if sends else f"whether {e.far_station} sends is not known"]
    why += ["our own light arrives there"] if e.far_known and all(pair.far_lost is False for pair in found) else []
    why += [] if e.far_known else [far_unknown(e)]
    unordered, doubts = _unordered(e, found)
    why += doubts
    measure = "measure the fibre: optical trace from both ends"
    todo = (measure if sends else f"ask {e.far_station} for the level it sends", "show line")
    if unasked:
        why += ["our amplifiers have not been asked since whether light comes back"]
    if unordered or unasked or (all(pair.reduced for pair in found) and not sends):
        return Said(Ours.CANNOT_TELL, LOW, f"No light on {pairs_text(numbers)}", "fibre or connector", tuple(why), todo, pairs=numbers)
    sentence = f"Fibre broken, {pairs_text(numbers)}" if sends else f"No light from the line, {pairs_text(numbers)}"
    return Said(
        Ours.NO, HIGH if sends else MEDIUM, sentence, "beyond our tap: fibre or far transmitter" if not sends else "fibre in the cable",
        tuple(why), todo, pairs=numbers, one_end=not e.far_known,
    )  # fmt: skip


def _sends_there(e: Evidence, pair: PairLight) -> bool:
    return pair.far_sent or _first_there(e, pair) is False or (pair.far is not None and pair.far.transmit_dbm is not None)


def _unordered(e: Evidence, found: list[PairLight]) -> tuple[bool, list[str]]:
    """Return whether something else can have been the cause of the darkness, and what is to be said of the order of things."""
    why = []
    if any(pair.follows for pair in found):
        why.append("our amplifier shut off after that")
    elif any(pair.follows is None for pair in found):
        why.append("our amplifier sends nothing either; which was first is not known")
    late = [pair for pair in found if not pair.far_sent and _first_there(e, pair) is not False]  # others still sent into the darkness
    if any(pair.far_follows for pair in late):
        why.append(f"{e.far_station} had lost our light before, and then stopped sending")
    elif any(pair.far_follows is None for pair in late):
        why.append(f"{e.far_station} has lost our light and sends none; which was first is not known")
    why += ["light came back into our amplifier before that, and still does"] if any(pair.stands for pair in found) else []
    return any(pair.follows is None or pair.stands for pair in found) or any(pair.far_follows is not False for pair in late), why


def say_fibre_seen_there(e: Evidence) -> Said:
    """Only the far station sees it. Our own sending is all that this end can add."""
    found = _pairs(e, lambda pair: pair.far_lost is True and pair.transmit_lost is not True)
    sent = all(pair.transmit_lost is False for pair in found)
    why = [f"{e.far_station} says that it receives nothing on {pairs_text(_numbers(found))}"]
    why += ["our amplifier sends as before, and no light comes back" if sent else "what we send there is not measured"]
    todo = ("check our transmit level at the monitor port", "optical trace from both ends")
    sentence = f"Our light does not arrive, {pairs_text(_numbers(found))}"
    ours = Ours.NO if sent and len(found) < len(e.pairs) else Ours.CANNOT_TELL
    return Said(ours, LOW, sentence, "fibre in the cable, or far receiver", tuple(why), todo, pairs=_numbers(found), one_end=True)


def say_waiting(e: Evidence) -> Said:
    """A second sensor will tell in a moment."""
    waiting = _pairs(e, lambda pair: pair.waiting)
    found = _numbers(waiting)
    back = all(pair.receive_lost is None for pair in waiting)
    sentence = f"Light comes back on {pairs_text(found)}" if back else f"Light lost at one sensor of {pairs_text(found)}"
    why = ("the amplifier behind the tap has not shown it yet" if back else "the other sensor of the fibre has not been read since",)
    return Said(Ours.CANNOT_TELL, LOW, sentence, "fibre or sensor", why, ("wait for the next reading",), pairs=found, one_end=True)


def say_sensor(e: Evidence) -> Said:
    """The fibre is well; a sensor of ours is not."""
    found = _pairs(e, lambda pair: pair.sensor is not None)
    name = found[0].sensor or ""
    why = (f"{name} moved alone", "the other sensor of the same fibre shows what it has always shown")
    if not found[0].sensor_sure:
        why = (f"{name} has no light, the amplifier before it shines", f"whether {e.far_station} still has our light is not known")
        sentence, todo = short(f"No light at {name}: the sensor, or our patch"), ("check the patch cord", "measure at the monitor port")
        return Said(Ours.YES, MEDIUM, sentence, f"{e.station}, {name}", why, todo, pairs=_numbers(found), one_end=True)
    sentence = short(f"Sensor {name} is wrong; the fibre is well", "One of our sensors is wrong; the fibre is well")
    return Said(Ours.YES, HIGH, sentence, f"{e.station}, {name}", why, ("measure with a meter at the monitor port",), pairs=_numbers(found))


def say_faded(e: Evidence) -> Said:
    """One pair a little lower: a pump of a repeater. Several pairs: something that they share, which light alone does not name."""
    why = [f"{pairs_text([pair.number])}: {pair.receive_change_db:+.2f} dB" for pair in e.pairs if pair.number in e.faded
           and pair.receive_change_db is not None]  # fmt: skip
    both = [pair for pair in e.pairs if pair.number in e.faded and pair.far_change_db is not None and pair.far_change_db <= -LESS_DB]
    why += [f"{e.far_station} receives less on it too"] if both else []
    if len(e.faded) > 1 or not e.fed or e.electric.here is Power.ABSENT:
        sentence = f"Received level is lower, {pairs_text(e.faded)}"
        todo = ("compare the levels sent by both ends", "show line")
        return Said(Ours.CANNOT_TELL, LOW, sentence, "line or terminals", tuple(why), todo, pairs=e.faded)
    why += ["other pairs are as at the baseline"]
    todo = ("confirm with the loop gain", "note it in the line history; the spare pump carries it")
    sentence = f"A repeater pump seems to have failed, {pairs_text(e.faded)}"
    confidence = HIGH if both else MEDIUM
    return Said(Ours.NO, confidence, sentence, "a repeater of the sea cable", tuple(why), todo, pairs=e.faded, one_end=not e.far_known)


def say_converter(e: Evidence) -> Said:
    """The feed goes on; its spare is gone."""
    why = (f"{e.contacts.converter} says so", "voltage and current are as before")
    sentence = "A converter of our feed has failed; the line is fed"
    return Said(Ours.YES, HIGH, sentence, f"power feed of {e.station}", why, ("do not reset it on a live line; order the spare",))


def say_electroding(e: Evidence) -> Said:
    """Somebody tracks the cable; nothing is wrong."""
    why = (f"{e.contacts.electroding} says so", "a ripple on voltage and current is meant")
    sentence = "Electroding tone is on: nothing is wrong with the line"
    return Said(Ours.NOTHING, HIGH, sentence, f"power feed of {e.station}", why, ("check the permit and its end",))


def say_bus_lost(e: Evidence) -> Said:
    """Our own wires. The line is judged by what is left."""
    why = [f"no news from {', '.join(e.mute[:4])}" if e.mute else "its port cannot be opened"]
    if e.far_known and e.electric.there is Power.FEEDING:
        why.append(f"{e.far_station} sees the line normal")
    todo = ("check cable and adapter of this port", "show health")
    sentence = short(f"Our port {e.buses_lost[0]} is lost: readings are missing", "A port of ours is lost: readings are missing")
    return Said(Ours.YES, HIGH, sentence, f"{e.station}, port {e.buses_lost[0]}", tuple(why), todo)


def say_healthy(e: Evidence) -> Said:
    """All that can be seen is well; what cannot be seen is named."""
    why = []
    if e.electric.here is Power.FEEDING:
        why.append("voltage and current of this end are as they were")
    lit = [pair for pair in e.pairs if pair.receive_lost is False]
    why += [f"light is received on {len(lit)} of {len(e.pairs)} pairs"] if e.pairs else []
    if not e.far_known:
        why.append(far_unknown(e))
    elif e.electric.contradicted:
        why.append(f"what {e.far_station} says of its feed does not fit this line and is not used")
    elif not _told_there(e):
        why.append(far_unknown(e))
    fits = e.electric.doubt_v is None
    why += [] if fits else [misfit(e)]
    whole = e.far_known and not e.electric.contradicted and _told_there(e)
    sure = whole and fits and not any(pair.receive_lost is None for pair in e.pairs)
    sentence = "Line is healthy" if sure else "Healthy as far as this end can see" if not whole else "Healthy as far as can be seen"
    sentence = sentence if fits else "No fault to be seen, but the line facts do not fit"
    back = [pair.number for pair in e.pairs if pair.reflects]
    why += [f"light comes back into our amplifier: look at the connectors of {pairs_text(back)}"] if back else []
    return Said(Ours.NOTHING, HIGH if sure else MEDIUM, sentence, "whole line" if sure else "this end", tuple(why), (), one_end=not whole)


def _told_there(e: Evidence) -> bool:
    """The far station tells what its feed measures, or on a line without feed what its light is."""
    return e.electric.there is Power.FEEDING if e.fed else not e.pairs or any(pair.far is not None for pair in e.pairs)


def restarting(e: Evidence) -> bool:
    """Light is received again on a pair whose amplifier shut off when it was lost, and has not started again yet."""
    return bool(_pairs(e, lambda pair: pair.transmit_lost is True and not pair.receive_lost and pair.follows is not False))


def say_restarting(e: Evidence) -> Said:
    """The amplifier's own doing; how long it takes stands in its manual."""
    found = _numbers(_pairs(e, lambda pair: pair.transmit_lost is True and not pair.receive_lost and pair.follows is not False))
    sentence = f"Our amplifier has not started again, {pairs_text(found)}"
    why = ("light is received again", "it shut off by itself when that was lost and tries again every few minutes at most")
    return Said(Ours.CANNOT_TELL, LOW, sentence, f"{e.station}, amplifier", why, ("wait for its restart: show line",), pairs=found)


def healthy(e: Evidence) -> bool:
    """Something is known, and nothing of it is amiss."""
    feed = e.electric.here in (Power.FEEDING, Power.ABSENT) and e.electric.sign in (Sign.NONE, Sign.UNKNOWN)
    power_known = e.electric.here is Power.FEEDING and e.electric.sign is Sign.NONE
    lit = [pair.receive_lost for pair in e.pairs if pair.receive_lost is not None]
    return feed and (power_known or not e.fed) and not any(lit) and (bool(lit) or not e.pairs or power_known)


def say_nothing_known(e: Evidence) -> Said:
    """Too little is known for any row."""
    why = []
    if e.fed and e.electric.here is Power.UNKNOWN:
        why.append("our power feed cannot be read")
    if e.pairs and all(pair.receive_lost is None for pair in e.pairs):
        why.append("no receive level can be read")
    why += [f"no news from {', '.join(e.mute[:4])}"] if e.mute else []
    why += [] if e.far_known else [far_unknown(e)]
    sentence = short("Cannot tell: this end cannot be read" if why else "Cannot tell")
    return Said(Ours.CANNOT_TELL, LOW, sentence, "not known", tuple(why), ("show health",))


def _numbers(pairs: list[PairLight]) -> tuple[int, ...]:
    return tuple(pair.number for pair in pairs)


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
