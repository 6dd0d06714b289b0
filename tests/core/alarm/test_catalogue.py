"""The catalogue: nobody is ever woken by a word without a meaning and a first action."""

from __future__ import annotations

import re

import pytest

from drivers import CATALOG
from stationd.core.alarm.builtin import OF_FEED, OF_LINE, OF_SAMPLER, OF_STATION, OF_TAP, USUAL, plan
from stationd.core.alarm.catalogue import ALL_TYPES, CATALOGUE, type_of
from stationd.core.alarm.condition import Above, Below, Condition, Equals
from stationd.core.alarm.inhibit import cycles
from stationd.core.alarm.plan import LINE, Custom, Facts, Suppression, Unit, entry_test, mistakes
from stationd.core.alarm.shelving import longest_shelf_s
from stationd.core.alarm.type import AlarmKey, AlarmType, Reach, Severity
from stationd.core.model import PointId
from stationd.driver import KINDS, Missing
from stationd.shell.grammar.table import understood

each_type = pytest.mark.parametrize("kind", ALL_TYPES, ids=lambda kind: kind.id)
IDS = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")


@each_type
def test_every_type_says_what_is_wrong_what_it_means_and_what_to_do_first(kind: AlarmType) -> None:
    assert IDS.fullmatch(kind.id)
    assert len(kind.id) <= 32
    for text in (kind.text, kind.consequence, kind.first_action):
        assert len(text) >= 10
        assert text == text.strip()
        assert text[0].isupper() or text[0].isdigit()
        assert text.isascii()
        assert not text.endswith(".")
    assert len(kind.text) <= 70


COMMANDS = re.compile(r"\b(show|support|baseline|hold|plot|selftest|confirm|arm|stationd)((?: (?:[a-z]+-)*[a-z]+)*)")
OF_STATIOND = {"check"}  # words of the program itself that a text may name
SHOW = re.compile(r"\b(show|support) (?!a\b)[a-z-]+")


@each_type
def test_every_command_that_a_text_names_can_be_typed(kind: AlarmType) -> None:
    for text in (kind.text, kind.consequence, kind.first_action):
        for clause in re.split(r"[;.,]", text):
            _, mark, command = clause.rpartition(": ")
            if mark and (found := COMMANDS.match(command)):
                verb, rest = found[1], found[2].split()
                assert command == found[0], f"{kind.id}: {command}"
                assert rest[0] in OF_STATIOND if verb == "stationd" else understood([verb, *rest])
        assert all(text[: found.start()].endswith(": ") for found in SHOW.finditer(text)), f"{kind.id}: commands stand after a colon"
        # It is refused on a station that only reads, where people press the red button; where it failed it was not refused.
        assert "EMERGENCY-OFF" not in text or kind.id == "EMERGENCY-OFF-FAILED"


ON_PURPOSE = {"OPERATION", "FAR-OPERATION", "FEED-SWITCHED-OFF", "LINE-FED-ALONE"}


@each_type
def test_the_causes_of_a_type_are_types_and_no_less_severe_but_for_what_people_bring_about(kind: AlarmType) -> None:
    for cause in kind.suppressed_by:
        assert CATALOGUE[cause.type].severity.rank >= kind.severity.rank or (cause.intended and cause.type in ON_PURPOSE)
        assert cause.type != kind.id or cause.reach is Reach.RETURN  # from what receives to what sends, and never back


@each_type
def test_what_protects_people_is_never_shelved_and_never_an_effect(kind: AlarmType) -> None:
    if kind.safety:
        assert kind.suppressed_by == ()
        assert "cannot be read" in kind.text
    if kind.safety or kind.severity is Severity.CRITICAL or kind.id in ("BYPASS", "OP-HELD", "AUDIT", "EMERGENCY-OFF-FAILED"):
        assert longest_shelf_s(kind, kind.severity) == 0


def test_no_type_is_there_twice() -> None:
    assert len(CATALOGUE) == len(ALL_TYPES)


def test_an_unsynchronised_clock_hides_nothing() -> None:
    assert not any(cause.type.startswith("CLOCK") for kind in ALL_TYPES for cause in kind.suppressed_by)


def test_the_domain_is_covered() -> None:
    wanted = """
    PFE-TRIP LINE-OVER-CURRENT LINE-OVER-CURRENT-LIMIT LINE-UNDER-CURRENT LINE-UNDER-CURRENT-LIMIT LINE-OVER-VOLTAGE
    LINE-OVER-VOLTAGE-LIMIT LINE-UNDER-VOLTAGE CURRENT-DEVIATION VOLTAGE-STEP EARTH-SEA-OPEN GROUND-FAULT ARC CONVERTER-FAIL
    REDUNDANCY-LOST DOOR-OPEN COVER-OPEN KEY-REMOVED EMERGENCY-STOP PFE-TEMPERATURE MAINS-FAIL BATTERY-LOW REMOTE-DISABLED
    TEST-LOAD-CONNECTED ELECTRODING-ON FAR-STATION-LOST
    AMP-LOS AMP-LOP AMP-FAULT AMP-COOLER AMP-TEMPERATURE PUMP-TEMPERATURE PUMP-COLD PUMP-CURRENT-HIGH ORL-HIGH APR-ACTIVE OUT-OF-GAIN
    AMP-INPUT-OVERLOAD MID-STAGE-LOSS AMP-INTERLOCK
    LINE-SHUNT BALANCE-DRIFT EARTH-POTENTIAL LINE-BREAK LINE-DOWN REPEATER-PUMP REPEATER-LOSS ROPA-PUMP-OFF TAP-DISAGREES
    LIGHT-LOST LIGHT-STEP TAP-SATURATED TAP-STUCK SAMPLER-LOST SAMPLER-TIME-JUMP
    BUS-DOWN STALE CLOCK-UNSYNC CLOCK-STEPPED DISK-FULL STORAGE-FAILED JOURNAL-DAMAGED AUDIT
    """.split()
    assert set(wanted) <= set(CATALOGUE)


def test_everything_that_a_station_has_by_itself_is_in_the_catalogue() -> None:
    usual = {row.type for rows in USUAL.values() for row in rows}
    assert usual | {*OF_FEED, *OF_LINE, *OF_SAMPLER, *OF_STATION, *OF_TAP} <= set(CATALOGUE)


def test_every_default_limit_says_where_it_comes_from() -> None:
    numeric = {row.type for rows in USUAL.values() for row in rows if isinstance(row.test, Above | Below)} - {"WATCHDOG-ON"}
    numeric |= {"LINE-OVER-CURRENT", "LINE-UNDER-CURRENT", "LINE-OVER-VOLTAGE", "LINE-UNDER-VOLTAGE", "CURRENT-DEVIATION"}
    for name in numeric:
        assert "assumption" in CATALOGUE[name].limits


def test_the_points_that_are_watched_by_themselves_exist_in_some_driver() -> None:
    offered = {kind.name: {*kind.required, *kind.optional} for kind in KINDS}
    for driver in CATALOG.values():
        offered[driver.kind.name] |= {point.name for point in driver.points if not isinstance(point.at, Missing)}
    for kind in ("pfe", "amplifier"):
        missing = {point for row in USUAL[kind] for point in row.points} - offered[kind]
        assert missing == set()


def station() -> Facts:
    """One end of a line with two fibre pairs, as a configuration would make it."""
    units = [
        Unit(
            "pfe-a",
            "pfe",
            {"fault": 0.5, "output_on": 0.5, "output_current": 0.5, "output_voltage": 0.5, "over_voltage_alarm": 1.0},
            bus="pfe",
            interlocks=(PointId("io1", "di1"),),
            nominal_ma=1000.0,
            max_v=800.0,
            expected_v=270.0,
        ),
        Unit("io1", "io", {"di1": 0.5, "ai1": 1.0}, bus="io"),
    ]
    for n in (1, 2):
        units += [
            Unit(f"fp{n}-booster", "amplifier", {"los": 1.0, "fault": 1.0, "output_power": 1.0}, "amps", n, receives=False),
            Unit(f"fp{n}-preamp", "amplifier", {"los": 1.0, "fault": 1.0, "pump1_temperature": 5.0}, "amps", n),
            Unit(f"fp{n}-rx", "tap", {"power": 0.1, "los": 0.1}, fibre_pair=n),
        ]
    return Facts(tuple(units), ("pfe", "io", "amps"), repeatered=True)


def causes_of(facts: Facts, key: AlarmKey) -> set[AlarmKey]:
    return {link.cause for link in plan(facts).links if link.effect == key}


def test_a_plan_has_no_circle_and_nothing_that_protects_people_is_an_effect() -> None:
    made = plan(station())
    assert cycles(made.links) == ()
    assert mistakes(made.links, made.rules) == ()
    assert not any(made.rules[link.effect].type.safety for link in made.links)


def test_what_receives_from_the_line_goes_dark_with_its_feed_and_a_booster_does_not() -> None:
    trip = AlarmKey("pfe-a", "PFE-TRIP")
    assert trip in causes_of(station(), AlarmKey("fp1-rx", "LIGHT-LOST"))
    assert trip in causes_of(station(), AlarmKey("fp1-preamp", "AMP-LOS"))
    assert trip not in causes_of(station(), AlarmKey("fp1-booster", "AMP-LOS"))


def test_a_line_without_repeaters_does_not_go_dark_with_a_feed() -> None:
    made = plan(Facts(station().units, station().buses, repeatered=False))
    assert not any(link.cause.type == "PFE-TRIP" and link.effect.resource.startswith("fp") for link in made.links)


def test_another_fibre_pair_explains_nothing() -> None:
    causes = causes_of(station(), AlarmKey("fp1-preamp", "AMP-LOS"))
    assert AlarmKey("fp1-rx", "LIGHT-LOST") in causes
    assert AlarmKey("fp2-rx", "LIGHT-LOST") not in causes


def test_a_silent_bus_explains_the_silence_of_its_own_units_only() -> None:
    assert causes_of(station(), AlarmKey("fp1-preamp", "STALE")) == {AlarmKey("amps", "BUS-DOWN")}
    assert causes_of(station(), AlarmKey("fp1-rx", "STALE")) == {AlarmKey("sampler", "SAMPLER-LOST")}


def test_the_hold_back_covers_the_poll_of_the_cause_and_one_retry() -> None:
    slow = Unit("pfe-a", "pfe", {"fault": 4.0}, bus="pfe")
    tap = Unit("fp1-rx", "tap", {"los": 0.1}, fibre_pair=1)
    made = plan(Facts((slow, tap), ("pfe",), repeatered=True))
    (link,) = (link for link in made.links if link.cause.type == "PFE-TRIP" and link.effect == AlarmKey("fp1-rx", "LIGHT-LOST"))
    assert link.hold_back_s == 4.5


def test_limits_of_a_feed_follow_its_configured_current_and_voltage() -> None:
    rules = plan(station()).rules
    assert rules[AlarmKey("pfe-a", "LINE-OVER-CURRENT")].condition.test == Above(1020.0, 5.0)
    assert rules[AlarmKey("pfe-a", "LINE-UNDER-CURRENT")].condition.test == Below(980.0, 5.0)
    assert rules[AlarmKey("pfe-a", "LINE-OVER-VOLTAGE-LIMIT")].condition.test == Above(784.0, 16.0)


def test_an_entry_of_the_file_replaces_the_built_in_rule_on_its_point_and_keeps_its_key() -> None:
    own = Custom("LIGHT-LOST", PointId("fp1-rx", "los"), Equals(True), 3.0, 4.0, Severity.MINOR)
    made, plain = plan(station(), [own]), plan(station())
    rule = made.rules[AlarmKey("fp1-rx", "LIGHT-LOST")]
    assert set(made.rules) == set(plain.rules)
    assert (rule.severity, rule.condition) == (Severity.MINOR, Condition(Equals(True), 3.0, 4.0))


def test_an_entry_of_the_file_with_a_new_type_says_that_it_is_the_stations_own() -> None:
    own = Custom("HUMIDITY", PointId("io1", "ai1"), Above(18.0, 1.0), 60.0, 60.0, Severity.WARNING)
    made = plan(station(), [own])
    rule = made.rules[AlarmKey("io1", "HUMIDITY", "ai1")]
    assert rule.type == type_of("HUMIDITY")
    assert "HUMIDITY" in rule.type.first_action
    assert made.silent[PointId("io1", "ai1")] == AlarmKey("io1", "STALE")


def test_the_test_of_an_entry_is_that_of_the_key_that_is_given() -> None:
    assert entry_test(12.0, None, None, 0.5) == Below(12.0, 0.5)
    assert entry_test(None, 12.0, None, 0.5) == Above(12.0, 0.5)
    assert entry_test(None, None, False, 0.0) == Equals(False)
    with pytest.raises(ValueError, match="none of"):
        entry_test(None, None, None, 0.0)


def test_the_interlocks_of_a_feed_are_alarms_that_take_no_news_for_the_worst() -> None:
    rule = plan(station()).rules[AlarmKey("pfe-a", "PFE-INTERLOCK-OPEN", "io1.di1")]
    assert (rule.condition.safety, rule.condition.test, rule.point) == (True, Equals(False), PointId("io1", "di1"))


def test_links_of_the_file_are_added_and_their_mistakes_are_named() -> None:
    facts = station()
    good = Suppression("MAINS-FAIL", "ROOM-DOOR")
    assert mistakes(plan(facts, own=[good]).links, plan(facts).rules, [good]) == ()
    round_ = Suppression("AMP-LOS", "LIGHT-LOST", Reach.PAIR)
    assert not any(link.cause.type == "AMP-LOS" and link.effect.type == "LIGHT-LOST" for link in plan(facts, own=[round_]).links)
    (worse,) = mistakes(plan(facts, own=[round_]).links, plan(facts).rules, [round_])
    assert worse == "LIGHT-LOST is worse than AMP-LOS and is not hidden by it"
    people = Suppression("PFE-TRIP", "PFE-INTERLOCK-OPEN")
    assert mistakes(plan(facts, own=[people]).links, plan(facts).rules, [people]) == (
        "PFE-INTERLOCK-OPEN protects people and is never hidden by PFE-TRIP",
    )
    circle = Suppression("LIGHT-LOST", "PFE-TRIP")
    (sentence, *_) = mistakes(plan(facts, own=[circle]).links, plan(facts).rules, [circle])
    assert sentence.startswith("causes go round in a circle: ")


def test_the_whole_line_is_dark_when_all_its_taps_are_and_one_tap_is_no_line() -> None:
    assert plan(station()).groups == {AlarmKey(LINE, "LINE-DOWN"): (AlarmKey("fp1-rx", "LIGHT-LOST"), AlarmKey("fp2-rx", "LIGHT-LOST"))}
    one = Facts((Unit("fp1-rx", "tap", {"los": 0.1}, fibre_pair=1),))
    assert plan(one).groups == {}
