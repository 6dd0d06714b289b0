"""Is it ours? One pure function from the evidence to the verdict, as a table that is read from above.

The rows are those of the event table of a landing station (how events show up at the feeds, in the light, and what sees them
first). The first row that holds gives the verdict: what explains most stands first, so that a cut cable is not told as eight
broken fibres. The other rows that hold are named in `why`, since two things can be wrong at once.

Two rules bind every row. Ours is only what shows itself here. What only the far station says may refine what this end sees, and
alone it gives a verdict of LOW confidence at most.
"""

from __future__ import annotations

from dataclasses import replace

from stationd.core.verdict import connector_rows as connectors
from stationd.core.verdict import light_rows as light
from stationd.core.verdict import operation_rows as operation
from stationd.core.verdict import power_rows as power
from stationd.core.verdict.evidence import Evidence
from stationd.core.verdict.first import first_out
from stationd.core.verdict.said import SENTENCE, Row, Said
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict

ROWS: tuple[Row, ...] = (
    # what people do on purpose
    Row(Kind.OPERATION, operation.acting, operation.say_acting),
    Row(Kind.SWITCHED_OFF, operation.switched_off, operation.say_switched_off),
    Row(Kind.OPERATION, operation.low_sound, operation.say_low_sound),
    Row(Kind.CANNOT_TELL, operation.low_odd, operation.say_low_odd),
    # the line without power
    Row(Kind.OPEN, power.opened, power.say_open),
    Row(Kind.CABLE_CUT, power.cut_unfed, power.say_cut_unfed),
    Row(Kind.INTERLOCK, power.interlock_here, power.say_interlock_here),
    Row(Kind.BOTH_OFF, power.both_off, power.say_both_off),
    Row(Kind.FEED_TRIP_HERE, power.off_here, power.say_off_here),
    Row(Kind.CANNOT_TELL, power.off_unexplained, power.say_off_unexplained),
    Row(Kind.INTERLOCK, power.interlock_there, power.say_interlock_there),
    Row(Kind.FEED_TRIP_FAR, power.far_trip, power.say_far_trip),
    # the cable
    Row(Kind.REPEATER_FAILED, power.repeater_failed, power.say_repeater_failed),
    Row(Kind.CABLE_CUT, power.cut, power.say_cut),
    Row(Kind.SHUNT, power.shunt, power.say_shunt),
    # some pairs: first what shows itself here
    Row(Kind.CONNECTOR, connectors.connector, connectors.say_connector),
    Row(Kind.PUMP_OFF, light.pump_off_here, light.say_pump_off_here),
    Row(Kind.TERMINAL_PUMP, light.transmitter_here, light.say_transmitter_here),
    Row(Kind.CONNECTOR, light.connector_there, light.say_connector_there),
    Row(Kind.TERMINAL_PUMP, light.transmitter_there, light.say_transmitter_there),
    Row(Kind.CANNOT_TELL, power.all_dark_here, power.say_all_dark),
    Row(Kind.FIBRE_BREAK, light.fibre, light.say_fibre),
    Row(Kind.CANNOT_TELL, light.waiting, light.say_waiting),
    Row(Kind.CANNOT_TELL, light.restarting, light.say_restarting),
    # slow, or of this station alone
    Row(Kind.ELECTRODING, light.electroding, light.say_electroding),
    Row(Kind.MIS_SET, power.mis_set, power.say_mis_set),
    Row(Kind.CANNOT_TELL, power.unclear, power.say_unclear),
    Row(Kind.CONVERTER, light.converter, light.say_converter),
    Row(Kind.CANNOT_TELL, light.received_weak, light.say_received_weak),
    Row(Kind.SENSOR, light.sensor, light.say_sensor),
    Row(Kind.REPEATER_PUMP, light.faded, light.say_faded),
    Row(Kind.TERMINAL_PUMP, light.pump_old, light.say_pump_old),
    Row(Kind.EARTH_POTENTIAL, power.earth, power.say_earth),
    Row(Kind.BUS_LOST, light.bus_lost, light.say_bus_lost),
    # only the far station sees it
    Row(Kind.PUMP_OFF, light.pump_off_there, light.say_pump_off_there),
    Row(Kind.FIBRE_BREAK, light.fibre_seen_there, light.say_fibre_seen_there),
    # nothing
    Row(Kind.HEALTHY, operation.as_left, operation.say_as_left),
    Row(Kind.HEALTHY, light.healthy, light.say_healthy),
    Row(Kind.CANNOT_TELL, lambda e: True, light.say_nothing_known),
)
MOST_ALSO = 3  # further findings that are named beside the first
QUIET = frozenset({Kind.HEALTHY, Kind.CANNOT_TELL})
SOUND = frozenset({Kind.HEALTHY, Kind.OPERATION, Kind.SWITCHED_OFF})  # nothing came first: nothing is wrong
EXPLAINS = {  # what follows from a verdict and is not told beside it
    Kind.OPERATION: frozenset(Kind) - {Kind.BUS_LOST, Kind.SENSOR, Kind.CONNECTOR},
    Kind.SWITCHED_OFF: frozenset(Kind) - {Kind.BUS_LOST, Kind.SENSOR, Kind.CONNECTOR},
    Kind.OPEN: frozenset(Kind) - {Kind.BUS_LOST},
    Kind.INTERLOCK: frozenset(Kind) - {Kind.BUS_LOST, Kind.SENSOR, Kind.CONNECTOR},
    Kind.BOTH_OFF: frozenset(Kind) - {Kind.BUS_LOST, Kind.SENSOR, Kind.CONNECTOR},
    Kind.FEED_TRIP_HERE: frozenset(Kind) - {Kind.BUS_LOST, Kind.SENSOR, Kind.CONNECTOR, Kind.SHUNT},
    Kind.FEED_TRIP_FAR: frozenset({Kind.FEED_TRIP_FAR, Kind.MIS_SET, Kind.EARTH_POTENTIAL}),
    Kind.REPEATER_FAILED: frozenset({Kind.CABLE_CUT, Kind.FIBRE_BREAK, Kind.REPEATER_PUMP}),
    Kind.CABLE_CUT: frozenset({Kind.SHUNT, Kind.FIBRE_BREAK, Kind.REPEATER_PUMP, Kind.MIS_SET, Kind.PUMP_OFF}),
    Kind.CONNECTOR: frozenset({Kind.FIBRE_BREAK, Kind.TERMINAL_PUMP, Kind.REPEATER_PUMP}),
    Kind.TERMINAL_PUMP: frozenset({Kind.FIBRE_BREAK}),
    Kind.PUMP_OFF: frozenset({Kind.FIBRE_BREAK, Kind.REPEATER_PUMP}),
    Kind.SENSOR: frozenset({Kind.REPEATER_PUMP}),
}


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict. It is total: whatever the evidence, there is an answer, and "cannot tell" is one of them."""
    holding = [row for row in ROWS if row.holds(evidence)]
    first = holding[0]
    said = _bounded(evidence, first.say(evidence))
    also = () if first.kind in QUIET else _also(evidence, first, holding[1:])
    came, tied = first_out(evidence.events) if first.kind not in SOUND else (None, ())
    return Verdict(
        kind=first.kind, ours=said.ours, confidence=said.confidence, sentence=said.sentence[:SENTENCE], where=said.where,
        why=(*said.why, *also), next=said.next, since=evidence.since, place=said.place, location=said.location, pairs=said.pairs,
        first_out=came, tied=tied, one_end=said.one_end or not evidence.far_known,
    )  # fmt: skip


def _bounded(e: Evidence, said: Said) -> Said:
    """Hold back what contradicted figures cannot carry: a far end that does not fit the line leaves one end, and no certainty."""
    if e.electric.contradicted and said.ours is not Ours.YES and said.confidence is Confidence.HIGH:
        return replace(said, confidence=Confidence.MEDIUM)
    return said


def _also(e: Evidence, first: Row, rest: list[Row]) -> tuple[str, ...]:
    """Return the sentences of other rows that hold and that the first does not explain."""
    explained = EXPLAINS.get(first.kind, frozenset()) | {first.kind}
    others = [row for row in rest if row.kind not in QUIET and row.kind not in explained]
    return tuple(f"also: {row.say(e).sentence}" for row in others[:MOST_ALSO])

