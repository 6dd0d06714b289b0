"""The alarms that every station has by itself: which points of which kind of unit are watched, and with which limits.

Limits are assumptions, to be checked at commissioning; an entry [[alarm]] of the station's file takes the place of the rule
with the same type and point. Points that a unit lacks make no rule. What needs a figure of the single unit (lowest output,
end of life of a pump) has a type in the catalogue and no rule here: only the station knows the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stationd.core.alarm.condition import Above, Below, Equals, Outside, Test
from stationd.core.alarm.plan import LINE, SAMPLER, STATION, Custom, Facts, Plan, Rule, Suppression, Unit, custom_rule, links_of, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.model import PointId


@dataclass(frozen=True, slots=True)
class Usual:
    """One row: an alarm on the first of `points` that a unit has, or (`each`) one alarm on each of them."""

    type: str
    points: tuple[str, ...]
    test: Test
    each: bool = False
    after_good: bool = False


TRUE, FALSE = Equals(True), Equals(False)
BAND, LIMIT, UNDER_LIMIT, DEVIATION, DEADBAND = 0.02, 0.05, 0.10, 0.005, 0.005  # shares of the nominal current (assumption)
OVER_VOLTAGE, UNDER_VOLTAGE, VOLTAGE_DEADBAND = 1.10, 0.90, 0.02  # shares of the expected voltage (assumption)
AT_LIMIT = 0.98  # share of max_v from which the voltage counts as limited (assumption)

POWER_FEED = (
    Usual("PFE-TRIP", ("fault",), TRUE),
    Usual("FEED-OFF", ("output_on",), FALSE),  # also of one that was never seen on: nobody may remember that it was
    Usual("PFE-INTERLOCK-OPEN", ("interlock",), FALSE),
    Usual(
        "PFE-PROTECTION",
        (
            "over_voltage_alarm", "over_current_alarm", "over_power_alarm", "over_voltage", "over_current", "over_power",
            "under_voltage", "under_current", "watchdog_fault", "foldback",
        ),
        TRUE,
        each=True,
    ),
    Usual("FEED-MODE", ("third_regulator",), TRUE),
    Usual("PFE-TEMPERATURE", ("case_temperature",), Above(50.0, 3.0)),  # assumption
    Usual("PFE-TEMPERATURE", ("over_temperature_alarm", "over_temperature"), TRUE, each=True),
    Usual("ARC", ("anode_arc", "cathode_arc"), TRUE, each=True),
    Usual("REMOTE-DISABLED", ("remote",), FALSE, after_good=True),
    Usual("AUTO-RESTART-ON", ("auto_restart",), TRUE),
    Usual("WATCHDOG-ON", ("watchdog",), Above(0.0)),  # a time; 0 is off
    Usual("MAINS-FAIL", ("mains_failed",), TRUE),
)
AMPLIFIER = (
    Usual("AMP-INTERLOCK", ("interlock_locked",), TRUE),  # locked out: the unit must stay dark
    Usual("AMP-FAULT", ("fault",), TRUE),
    Usual("AMP-LOS", ("los",), TRUE),
    Usual("AMP-LOP", ("loss_of_output", "output_alarm", "alarm_lop_1"), TRUE),
    Usual("PUMP-OFF", ("pump_on",), FALSE, after_good=True),
    Usual("PUMP-TEMPERATURE", ("pump1_temperature", "pump2_temperature"), Above(40.0, 2.0), each=True),  # 40 degC: limit of some units
    Usual("PUMP-TEMPERATURE", ("pump1_temperature_alarm", "pump2_temperature_alarm"), TRUE, each=True),
    Usual("PUMP-COLD", ("pump1_temperature", "pump2_temperature"), Below(15.0, 2.0), each=True),  # 15 degC: limit of some units
    Usual("PUMP-TEMPERATURE-DRIFT", ("pump1_temperature_off_set_point", "pump2_temperature_off_set_point"), TRUE, each=True),
    Usual("PUMP-CURRENT-LOW", ("pump1_current_low", "pump2_current_low"), TRUE, each=True),
    Usual("AMP-TEMPERATURE", ("case_temperature",), Above(60.0, 3.0)),  # assumption; some units shut down at 65 degC
    Usual("AMP-TEMPERATURE", ("case_temperature_warning",), TRUE, each=True),
    Usual("AMP-COOLER", ("pump1_cooler_warning", "pump2_cooler_warning", "alarm_tec"), TRUE, each=True),
    Usual("AMP-KEY-OFF", ("key_on",), FALSE),
    Usual("APR-ACTIVE", ("apr_active",), TRUE),
    Usual("ORL-HIGH", ("alarm_orl",), TRUE),
    Usual("OUT-OF-GAIN", ("gain_limited", "alarm_out_of_gain"), TRUE),
    Usual("AMP-INPUT-OVERLOAD", ("alarm_input_overload",), TRUE),
    Usual("MID-STAGE-LOSS", ("alarm_mid_stage_loss",), TRUE),
    Usual("STAGE-LOS", ("alarm_los_2",), TRUE),
    Usual("STAGE-LOP", ("alarm_lop_2",), TRUE),
    Usual("AMP-SHUTOFF", ("alarm_shutoff",), TRUE),
    Usual("AMP-ATTENUATOR", ("alarm_voa",), TRUE),
    Usual("AMP-NOTICE", ("alarm_sld", "alarm_dis", "alarm_los_l", "alarm_flag_1", "alarm_flag_2"), TRUE, each=True),
    Usual("AMP-AUTO-RESTART-ON", ("auto_recovery",), TRUE),
)
TAP = (Usual("LIGHT-LOST", ("los",), TRUE),)
PUMP_CURRENTS = ("pump1_current", "pump2_current")
USUAL = {"pfe": POWER_FEED, "amplifier": AMPLIFIER, "tap": TAP}

# What parts of the program say, by resource.
OF_STATION = (
    "CLOCK-UNSYNC", "CLOCK-STEPPED", "DISK-FULL", "STORAGE-FAILED", "STORAGE-SLOW", "JOURNAL-DAMAGED", "AUDIT", "HISTORY-DROPPED",
    "BROKER-LOST", "SPARKPLUG-LOST", "INCIDENTS-DROPPED", "OUTBOX-REDUCED", "FAR-STATION-LOST", "FAR-STATION-REJECTED",
    "TASK-REBUILT", "CONFIG-REJECTED", "REVIEW-DUE", "OP-HELD", "OPERATION", "BYPASS", "UNCONFIRMED",
    "EMERGENCY-OFF-FAILED",
)  # fmt: skip
OF_LINE = (
    "LINE-DOWN", "LINE-BREAK", "LINE-SHUNT", "FAR-FEED-OFF", "BALANCE-DRIFT", "EARTH-POTENTIAL", "REPEATER-PUMP", "FAR-OPERATION",
    "LINE-FED-ALONE",
)  # fmt: skip
OF_SAMPLER = ("SAMPLER-LOST", "SAMPLER-TIME-JUMP", "SAMPLES-MISSED")
OF_TAP = ("LIGHT-STEP", "TAP-SATURATED", "TAP-STUCK", "TAP-DISAGREES")
OF_FEED = ("VOLTAGE-STEP", "FEED-SWITCHED-OFF")
OF_AMPLIFIER = ("PUMP-CURRENT-HIGH",)


def plan(facts: Facts, custom: Iterable[Custom] = (), own: Iterable[Suppression] = ()) -> Plan:
    """Return all alarms of a station, with the entries of its own file in the place of built-in rules that they replace."""
    rules = {each.key: each for each in (*_said(facts), *_watched(facts))}
    usual = {(each.type.id, each.point): each.key for each in rules.values() if each.point is not None}
    rules |= {each.key: each for each in (custom_rule(entry, usual) for entry in custom)}
    watched = {each.point for each in rules.values() if each.point is not None}
    return Plan(
        rules=rules,
        links=links_of(rules, facts, own),
        silent=_silent(facts, watched),
        periods=_periods(facts, watched),
        groups=_groups(facts, rules),
        taps=frozenset(unit.name for unit in facts.units if unit.kind == "tap"),
    )


def _said(facts: Facts) -> Iterator[Rule]:
    """Make the rules of what is not found by watching a point."""
    taps = [unit for unit in facts.units if unit.kind == "tap"]
    yield from (rule(AlarmKey(STATION, name)) for name in OF_STATION)
    yield from (rule(AlarmKey(LINE, name)) for name in OF_LINE)
    yield from (rule(AlarmKey(SAMPLER, name)) for name in OF_SAMPLER if taps)
    yield from (rule(AlarmKey(bus, "BUS-DOWN")) for bus in facts.buses)
    yield from (rule(AlarmKey(unit.name, "STALE")) for unit in facts.units)
    yield from (rule(AlarmKey(tap.name, name)) for tap in taps for name in OF_TAP)
    yield from (rule(AlarmKey(unit.name, name)) for unit in facts.units if unit.kind == "pfe" for name in OF_FEED)
    pumping = [unit for unit in facts.units if unit.kind == "amplifier" and not unit.points.keys().isdisjoint(PUMP_CURRENTS)]
    yield from (rule(AlarmKey(unit.name, name)) for unit in pumping for name in OF_AMPLIFIER)


def _watched(facts: Facts) -> Iterator[Rule]:
    for unit in facts.units:
        for row in USUAL.get(unit.kind, ()):
            yield from _rows(unit, row)
        if unit.kind == "pfe":
            yield from _feed(unit)


def _rows(unit: Unit, row: Usual) -> Iterator[Rule]:
    there = [point for point in row.points if point in unit.points]
    for point in there if row.each else there[:1]:
        key = AlarmKey(unit.name, row.type, point if row.each else "")
        yield rule(key, row.test, PointId(unit.name, point), after_good=row.after_good)


def _feed(unit: Unit) -> Iterator[Rule]:
    """Make the rules whose limits follow from the configured current and voltage, and those of the interlocks."""
    for name, point, test in _feed_limits(unit):
        if point in unit.points:
            yield rule(AlarmKey(unit.name, name), test, PointId(unit.name, point))
    for interlock in unit.interlocks:
        yield rule(AlarmKey(unit.name, "PFE-INTERLOCK-OPEN", str(interlock)), FALSE, interlock)


def _feed_limits(unit: Unit) -> Iterator[tuple[str, str, Test]]:
    """Find the limits. They hold from the first reading on: a feed that is off hides them, and one that is on must be right."""
    if (nominal := unit.nominal_ma) is not None:
        back = DEADBAND * nominal
        yield "LINE-OVER-CURRENT", "output_current", Above((1 + BAND) * nominal, back)
        yield "LINE-OVER-CURRENT-LIMIT", "output_current", Above((1 + LIMIT) * nominal, back)
        yield "LINE-UNDER-CURRENT", "output_current", Below((1 - BAND) * nominal, back)
        yield "LINE-UNDER-CURRENT-LIMIT", "output_current", Below((1 - UNDER_LIMIT) * nominal, back)
        low, high = (1 - DEVIATION) * nominal, (1 + DEVIATION) * nominal
        yield "CURRENT-DEVIATION", "output_current", Outside(low, high, 0.2 * (high - low))
    if unit.max_v is not None:
        yield "LINE-OVER-VOLTAGE-LIMIT", "output_voltage", Above(AT_LIMIT * unit.max_v, VOLTAGE_DEADBAND * unit.max_v)
    if unit.expected_v is not None:
        back = VOLTAGE_DEADBAND * unit.expected_v
        yield "LINE-OVER-VOLTAGE", "output_voltage", Above(OVER_VOLTAGE * unit.expected_v + unit.earth_v, back)
        yield "LINE-UNDER-VOLTAGE", "output_voltage", Below(UNDER_VOLTAGE * unit.expected_v - unit.earth_v, back)


def _silent(facts: Facts, watched: set[PointId]) -> dict[PointId, AlarmKey]:
    """Return whose alarm a silent point raises. Of a unit on which nothing is watched, every point counts."""
    silent: dict[PointId, AlarmKey] = {}
    for unit in facts.units:
        points = [PointId(unit.name, point) for point in unit.points]
        counted = [point for point in points if point in watched] or points
        silent |= dict.fromkeys(counted, AlarmKey(unit.name, "STALE"))
    return silent


def _periods(facts: Facts, watched: set[PointId]) -> dict[PointId, float]:
    every = {PointId(unit.name, point): period_s for unit in facts.units for point, period_s in unit.points.items()}
    return {point: every.get(point, 1.0) for point in watched} | {point: every[point] for point in _silent(facts, watched)}


def _groups(facts: Facts, rules: dict[AlarmKey, Rule]) -> dict[AlarmKey, tuple[AlarmKey, ...]]:
    """Return the alarm of the whole line: every tap that receives from it is dark. One tap alone is a fibre, not the line."""
    dark = (AlarmKey(unit.name, "LIGHT-LOST") for unit in facts.units if unit.kind == "tap" and unit.receives)
    members = tuple(key for key in dark if key in rules)
    return {AlarmKey(LINE, "LINE-DOWN"): members} if len(members) > 1 else {}
