"""The event table of a landing station, row by row, and what no evidence may ever lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.light.pair import PairLight
from stationd.core.light.pump import Ageing
from stationd.core.line.far import FarLight
from stationd.core.line.words import End, Feed, Interval, Location
from stationd.core.line.words import Fault as FaultKind
from stationd.core.verdict.evidence import Contacts, Electric, Evidence, Power, Sign
from stationd.core.verdict.first import FIRSTS
from stationd.core.verdict.judge import judge
from stationd.core.verdict.said import SENTENCE
from stationd.core.verdict.words import Confidence, First, Kind, Ours
from tests.core.verdict.cases import (
    AGED,
    CUT,
    DARK,
    DARK_THERE,
    FAR_OFF,
    NOW,
    OFF,
    SEEN_FIRST,
    SHUNT,
    TRIPPED,
    electric,
    every,
    evidence,
    feed,
    located,
    one,
    silent,
)

EARTH = electric(sign=Sign.EARTH, step_v=8.0, far_step_v=7.5)
ROWS = {
    "nothing": (evidence(), Kind.HEALTHY, Ours.NOTHING, Confidence.HIGH),
    "shunt fault, fed from both ends": (evidence(electric=SHUNT), Kind.SHUNT, Ours.NO, Confidence.HIGH),
    "mis-set current": (
        evidence(electric=electric(sign=Sign.MIS_SET, step_v=-76.0, far_step_v=76.0, own_shift_ma=0.01, far_shift_ma=0.5)),
        Kind.MIS_SET, Ours.NO, Confidence.HIGH,
    ),
    "mis-set current here": (
        evidence(electric=electric(sign=Sign.MIS_SET, step_v=76.0, far_step_v=-76.0, own_shift_ma=0.5, far_shift_ma=0.01)),
        Kind.MIS_SET, Ours.YES, Confidence.HIGH,
    ),
    "geomagnetic storm or tide": (evidence(electric=EARTH), Kind.EARTH_POTENTIAL, Ours.NO, Confidence.HIGH),
    "cable cut, conductor in the sea": (CUT, Kind.CABLE_CUT, Ours.NO, Confidence.HIGH),
    "cable cut near the virtual earth": (
        evidence(pairs=every(**DARK, far=DARK_THERE)), Kind.CABLE_CUT, Ours.CANNOT_TELL, Confidence.MEDIUM,
    ),
    "single fibre towards us": (evidence(pairs=one(3, **DARK)), Kind.FIBRE_BREAK, Ours.NO, Confidence.HIGH),
    "single fibre towards the far end": (evidence(pairs=one(3, far=DARK_THERE)), Kind.FIBRE_BREAK, Ours.NO, Confidence.LOW),
    "insulated open": (
        evidence(
            pairs=every(**DARK, far=DARK_THERE),
            electric=replace(OFF, there=Power.OFF, over_voltage_here=True, over_voltage_there=True),
        ),
        Kind.OPEN, Ours.CANNOT_TELL, Confidence.HIGH,
    ),
    "voltage at its limit without current": (
        evidence(electric=electric(here=Power.AT_LIMIT, sign=Sign.OPEN, there=Power.AT_LIMIT, near=feed(800.0, 0.0))),
        Kind.OPEN, Ours.CANNOT_TELL, Confidence.MEDIUM,
    ),
    "our feed trips": (evidence(electric=OFF, contacts=TRIPPED), Kind.FEED_TRIP_HERE, Ours.YES, Confidence.HIGH),
    "the far feed trips": (evidence(electric=FAR_OFF), Kind.FEED_TRIP_FAR, Ours.NO, Confidence.HIGH),
    "both feeds off": (
        evidence(electric=replace(OFF, there=Power.OFF), pairs=every(**DARK, far=DARK_THERE)),
        Kind.BOTH_OFF, Ours.CANNOT_TELL, Confidence.HIGH,
    ),
    "mains of both stations": (
        evidence(electric=replace(OFF, there=Power.OFF), contacts=Contacts(mains="io1.di6")), Kind.BOTH_OFF, Ours.YES, Confidence.MEDIUM,
    ),
    "converter failed": (evidence(contacts=Contacts(converter="io1.di4")), Kind.CONVERTER, Ours.YES, Confidence.HIGH),
    "pump of a repeater": (
        evidence(pairs=one(3, receive_change_db=-0.7, far_change_db=-0.4), faded=(3,)), Kind.REPEATER_PUMP, Ours.NO, Confidence.HIGH,
    ),
    "repeater failed": (
        evidence(pairs=every(**DARK), electric=electric(sign=Sign.REPEATER, step_v=-20.0, far_step_v=-20.0)),
        Kind.REPEATER_FAILED, Ours.NO, Confidence.HIGH,
    ),
    "terminal pump at its end of life": (evidence(ageing=AGED), Kind.TERMINAL_PUMP, Ours.YES, Confidence.HIGH),
    "our transmitter off": (
        evidence(pairs=one(3, transmit_lost=True, transmit_dbm=None, far=DARK_THERE)), Kind.TERMINAL_PUMP, Ours.YES, Confidence.HIGH,
    ),
    "their transmitter off": (
        evidence(pairs=one(3, **DARK, far=FarLight(-18.0, None, lost=False), far_transmit_lost=True)),
        Kind.TERMINAL_PUMP, Ours.NO, Confidence.HIGH,
    ),
    "connector opened at our station": (
        evidence(pairs=one(3, **DARK, reflects=True, reduced=True, far=DARK_THERE)), Kind.CONNECTOR, Ours.YES, Confidence.HIGH,
    ),
    "patch behind our tap": (evidence(pairs=one(3, patch_dark=True)), Kind.CONNECTOR, Ours.YES, Confidence.MEDIUM),
    "Raman or ROPA pump off": (
        evidence(pairs=one(3, pump_off="fp3-ropa", receive_change_db=-14.0)), Kind.PUMP_OFF, Ours.YES, Confidence.HIGH,
    ),
    "electroding": (evidence(contacts=Contacts(electroding="io1.di5")), Kind.ELECTRODING, Ours.NOTHING, Confidence.HIGH),
    "door, cover or key": (
        evidence(electric=OFF, contacts=Contacts(interlock="io1.di1", tripped="pfe-a.fault")), Kind.INTERLOCK, Ours.YES, Confidence.HIGH,
    ),
    "their door": (
        evidence(electric=FAR_OFF, far_alarms=("pfe-a/PFE-INTERLOCK-OPEN/io1.di1",)), Kind.INTERLOCK, Ours.NO, Confidence.HIGH,
    ),
    "sensor": (evidence(pairs=one(3, sensor="fp3-rx")), Kind.SENSOR, Ours.YES, Confidence.HIGH),
    "serial line lost": (
        evidence(buses_lost=("pfe",), mute=("pfe-a",), electric=electric(here=Power.UNKNOWN, sign=Sign.UNKNOWN, near=None)),
        Kind.BUS_LOST, Ours.YES, Confidence.HIGH,
    ),
    "nothing can be read": (
        silent(evidence(pairs=(), electric=Electric(), mute=("pfe-a",))), Kind.CANNOT_TELL, Ours.CANNOT_TELL, Confidence.LOW,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_each_row_of_the_event_table_has_its_verdict(name: str) -> None:
    given_evidence, kind, ours, confidence = ROWS[name]
    verdict = judge(given_evidence)
    assert (verdict.kind, verdict.ours, verdict.confidence) == (kind, ours, confidence), verdict


@pytest.mark.parametrize("name", ROWS)
def test_every_verdict_says_what_where_why_and_what_next(name: str) -> None:
    verdict = judge(ROWS[name][0])
    assert 0 < len(verdict.sentence) <= SENTENCE
    assert verdict.where
    assert verdict.why
    assert verdict.next or verdict.kind is Kind.HEALTHY


@pytest.mark.parametrize("name", ROWS)
def test_without_the_far_end_nothing_gets_surer_and_the_verdict_says_that_it_rests_on_this_end(name: str) -> None:
    whole, kind, _, _ = ROWS[name]
    alone = judge(silent(whole))
    ranks = list(Confidence)
    assert alone.one_end
    assert alone.kind is not Kind.HEALTHY or alone.confidence is not Confidence.HIGH
    if alone.kind is kind and alone.ours is not Ours.YES:
        assert ranks.index(alone.confidence) >= ranks.index(judge(whole).confidence)


def test_a_fault_of_the_cable_is_ours_only_with_its_whole_interval_within_our_demarcation() -> None:
    shunts = [evidence(electric=replace(SHUNT, location=located(km, 1.0))) for km in (2.0, 3.5, 6.0)]
    assert [judge(each).ours for each in shunts] == [Ours.YES, Ours.CANNOT_TELL, Ours.NO]


def test_the_demarcation_of_the_station_at_end_b_counts_from_its_own_shore() -> None:
    here = evidence(end=End.B, electric=replace(SHUNT, location=located(339.0, 1.0)))
    assert judge(here).ours is Ours.YES
    assert "2.0 km from Aktau" in judge(here).where  # the case is named so; what counts is the distance


def test_what_else_is_wrong_is_named_beside_what_explains_most() -> None:
    verdict = judge(evidence(electric=SHUNT, pairs=one(3, reflects=True, reduced=True)))
    assert verdict.kind is Kind.SHUNT
    assert any(reason.startswith("also: Connector open") for reason in verdict.why)


def test_a_cut_is_not_told_as_eight_broken_fibres() -> None:
    assert not any(reason.startswith("also:") for reason in judge(CUT).why)


def test_fibres_that_are_dark_here_and_lit_there_are_no_cut() -> None:
    dark_one_way = evidence(pairs=every(**DARK), electric=SHUNT)
    assert judge(dark_one_way).kind is not Kind.CABLE_CUT


def test_what_came_first_is_told_and_a_tie_is_told_as_one() -> None:
    later = First("voltage-step", "Aktau pfe-a", NOW - 0.2, 0.1)
    vague = replace(later, t=NOW - 0.4, uncertainty_s=0.5)
    clear, tied = judge(replace(CUT, events=(later, SEEN_FIRST))), judge(replace(CUT, events=(vague, SEEN_FIRST)))
    assert (clear.first_out, clear.tied) == (SEEN_FIRST, ())
    assert tied.first_out is None
    assert set(tied.tied) == {vague, SEEN_FIRST}


def test_a_far_end_that_does_not_fit_the_line_takes_certainty_away() -> None:
    doubted = judge(evidence(electric=electric(contradicted=True)))
    assert (doubted.kind, doubted.confidence, doubted.one_end) == (Kind.HEALTHY, Confidence.MEDIUM, True)


# ---------------------------------------------------------------------- any evidence

maybe = st.none() | st.booleans()
level = st.none() | st.floats(-60.0, 30.0)
change = st.none() | st.floats(-40.0, 10.0)
volts = st.none() | st.floats(-900.0, 900.0)
feeds = st.none() | st.builds(
    Feed, st.floats(-1.0, 2000.0), st.floats(-10.0, 1000.0), st.just(NOW), maybe, st.none(), st.floats(0.0, 5.0)
)
far_lights = st.none() | st.builds(FarLight, level, level, maybe, st.none() | st.floats(NOW - 100, NOW))
names = st.sampled_from(["", "pfe-a", "io1.di1", "fp3-rx", "a-device-with-a-very-long-name-that-fits-nowhere-at-all-in-a-line"])


def intervals(low: float, width: float, share: float) -> Interval:
    return Interval(low + share * width, low, low + width)


places = st.builds(intervals, st.floats(0.0, 300.0), st.floats(0.0, 41.0), st.floats(0.0, 1.0))
locations = st.none() | st.builds(
    Location, st.sampled_from(FaultKind), places, st.none() | st.floats(0, 341), st.none() | st.floats(0, 341), volts,
    st.none() | st.integers(1, 4),
)  # fmt: skip
SEEN_HERE = (
    ("receive_dbm", level), ("transmit_dbm", level), ("receive_lost", maybe), ("lost_t", st.none() | st.floats(NOW - 9, NOW)),
    ("waiting", st.booleans()), ("receive_change_db", change), ("transmit_change_db", change),
)  # fmt: skip
LOCAL_FAULTS = (
    ("transmit_lost", maybe), ("sensor", st.none() | names), ("patch_dark", st.booleans()), ("reflects", st.booleans()),
    ("reduced", st.booleans()), ("no_client", st.booleans()), ("pump_off", st.none() | names), ("booster", st.none() | names),
)  # fmt: skip
SEEN_THERE = (("far", far_lights), ("far_change_db", change), ("far_transmit_lost", maybe))
electrics = st.builds(
    Electric,
    here=st.sampled_from(Power), there=st.sampled_from(Power), sign=st.sampled_from(Sign), ends=st.integers(0, 2),
    candidates=st.lists(st.sampled_from(Sign), max_size=3).map(tuple), location=locations, visible=st.booleans(), near=feeds, far=feeds,
    step_v=volts, far_step_v=volts, own_shift_ma=st.none() | st.floats(-2, 2), residual_v=volts, over_voltage_here=st.booleans(),
    over_voltage_there=st.booleans(), contradicted=st.booleans(), settling=st.booleans(),
)  # fmt: skip
alarms = st.lists(
    st.sampled_from(["x", "pfe-a/PFE-TRIP", "pfe-a/PFE-INTERLOCK-OPEN/io1.di1", "fp1-ropa/PUMP-OFF", "fp1-ropa/ROPA-PUMP-OFF", "//"]),
    max_size=3,
).map(tuple)  # fmt: skip
events = st.lists(
    st.builds(First, st.sampled_from([*FIRSTS, "nonsense"]), names, st.floats(NOW - 9, NOW), st.floats(0.0, 5.0)), max_size=4
).map(tuple)


def pairs_of(*fields: tuple[tuple[str, st.SearchStrategy[object]], ...]) -> st.SearchStrategy[tuple[PairLight, ...]]:
    given_fields = {name: strategy for group in fields for name, strategy in group}
    single = st.builds(PairLight, number=st.integers(1, 64), **given_fields)  # type: ignore[arg-type]
    return st.lists(single, max_size=4, unique_by=lambda each: each.number).map(tuple)


anything = st.builds(
    Evidence,
    end=st.sampled_from(End), station=names, far_station=names, now=st.just(NOW), since=st.floats(0.0, NOW), length_km=st.just(341.0),
    demarcation_km=st.sampled_from([0.0, 4.0, 341.0]), fed=st.booleans(), pairs=pairs_of(SEEN_HERE, LOCAL_FAULTS, SEEN_THERE),
    electric=electrics, contacts=st.builds(Contacts, names, names, names, names, names), far_known=st.booleans(), far_why=names,
    far_alarms=alarms, buses_lost=st.lists(names, max_size=2).map(tuple), mute=st.lists(names, max_size=9).map(tuple),
    ageing=st.lists(st.builds(Ageing, names, names, st.floats(0, 2000), st.floats(0, 3), st.booleans()), max_size=2).map(tuple),
    faded=st.lists(st.integers(1, 64), max_size=3, unique=True).map(tuple), events=events,
)  # fmt: skip


@given(anything)
@settings(max_examples=150, deadline=None)
def test_whatever_the_evidence_there_is_a_verdict_that_fits_the_screen(found: Evidence) -> None:
    verdict = judge(found)
    assert 0 < len(verdict.sentence) <= SENTENCE
    assert verdict.where
    assert found.far_known or verdict.one_end
    assert found.far_known or verdict.kind is not Kind.HEALTHY or verdict.confidence is not Confidence.HIGH


nothing_here = st.builds(
    replace,
    anything,
    pairs=pairs_of(SEEN_HERE, SEEN_THERE),
    contacts=st.just(Contacts()),
    buses_lost=st.just(()),
    ageing=st.just(()),
    demarcation_km=st.just(0.0),
).map(lambda found: replace(found, electric=_runs(found.electric)))


def _runs(found: Electric) -> Electric:
    """Our feed is on, and its set point has not moved."""
    return replace(found, here=Power.FEEDING, own_shift_ma=0.0, over_voltage_here=False)


@given(nothing_here)
@settings(max_examples=150, deadline=None)
def test_without_evidence_of_a_local_fault_it_is_never_ours(found: Evidence) -> None:
    pairs = tuple(each for each in found.pairs if not each.waiting)
    assert judge(replace(found, pairs=pairs)).ours is not Ours.YES


from_the_far_end = st.tuples(
    st.builds(dict, far_known=st.just(True), far_alarms=alarms, events=events),
    st.lists(st.tuples(far_lights, change, maybe), min_size=8, max_size=8),
    st.tuples(st.sampled_from(Power), feeds, st.booleans()),
)
LOCALLY_RIGHT = {
    name: case for name, case in ROWS.items() if name in ("nothing", "our feed trips", "converter failed", "sensor", "serial line lost",
    "connector opened at our station", "Raman or ROPA pump off", "terminal pump at its end of life", "electroding")
}  # fmt: skip


@pytest.mark.parametrize("name", LOCALLY_RIGHT)
@given(said=from_the_far_end)
@settings(max_examples=30, deadline=None)
def test_no_message_of_the_far_end_turns_a_right_verdict_into_a_wrong_one_that_is_sure_of_itself(name: str, said: tuple) -> None:  # type: ignore[type-arg]
    """What voltage and current mean together is found elsewhere; here everything else that a far end may say is made up."""
    right, kind, ours, _ = LOCALLY_RIGHT[name]
    whole, lights, (power, far_feed, over_voltage) = said
    pairs = tuple(
        replace(each, far=far, far_change_db=changed, far_transmit_lost=sends)
        for each, (far, changed, sends) in zip(right.pairs, lights, strict=True)
    )
    electricity = replace(right.electric, there=power, far=far_feed, over_voltage_there=over_voltage)
    verdict = judge(replace(right, pairs=pairs, electric=electricity, **whole))
    wrong = verdict.kind is not kind or verdict.ours not in (ours, Ours.CANNOT_TELL)
    also_right = {Kind.BOTH_OFF, Kind.OPEN} if kind is Kind.FEED_TRIP_HERE else set()  # ours is off; what theirs is only they can say
    assert not wrong or verdict.confidence is Confidence.LOW or verdict.kind in also_right, verdict
