"""The desk as the station uses it: readings, light, ports and silence of a whole small station become alarms."""

from __future__ import annotations

import pytest

from stationd.core.alarm.builtin import plan
from stationd.core.alarm.machine import Event
from stationd.core.alarm.plan import Facts, Unit
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmRecord, Signal
from stationd.core.model import (
    GOOD,
    NOT_OFFERED,
    Level,
    LightEvent,
    LightKind,
    LinkChanged,
    PointId,
    Quality,
    ReadFailed,
    Reading,
    Reason,
    Value,
    WriteDone,
)
from tests.core.alarm.plans import Desk, records

TIMEOUT = Quality(Level.BAD, Reason.TIMEOUT)
STALE = Quality(Level.STALE, Reason.TIMEOUT)
PAIRS = range(1, 9)
HEALTHY: dict[str, Value] = {
    "fault": False, "output_on": True, "output_current": 1000.0, "output_voltage": 270.0, "los": False, "power": -18.0, "di1": True,
}  # fmt: skip


def facts() -> Facts:
    feed = Unit(
        "pfe-a", "pfe", {"fault": 0.5, "output_on": 0.5, "output_current": 0.5, "output_voltage": 0.5}, "pfe",
        interlocks=(PointId("io1", "di1"),), nominal_ma=1000.0, max_v=800.0, expected_v=270.0,
    )  # fmt: skip
    io = Unit("io1", "io", {"di1": 0.5}, "io")
    preamps = [Unit(f"fp{n}-preamp", "amplifier", {"los": 1.0}, "amps", n) for n in PAIRS]
    taps = [Unit(f"fp{n}-rx", "tap", {"power": 0.1, "los": 0.1}, fibre_pair=n) for n in PAIRS]
    return Facts((feed, io, *preamps, *taps), ("pfe", "io", "amps"), repeatered=True)


FACTS = facts()
PLAN = plan(FACTS)


def healthy() -> Desk:
    desk = Desk(PLAN)
    for unit in FACTS.units:
        for point in unit.points:
            desk.read(PointId(unit.name, point), HEALTHY[point])
    for bus in FACTS.buses:
        desk.take(LinkChanged(bus, True, (), desk.t))
    return desk


def light(desk: Desk, pair: int, kind: LightKind, at: float = 0.0) -> None:
    desk.take(LightEvent(kind, f"fp{pair}-rx", desk.t + at, desk.t + at - 0.002, desk.t + at, 1, level_dbm=-40.0, reference_dbm=-18.0))


def key(text: str) -> AlarmKey:
    return AlarmKey(*text.split("/"))


def standing(desk: Desk) -> list[str]:
    return [f"{view.letter.value} {view.key}" for view in desk.alarms.views()]


def test_a_healthy_station_says_nothing_at_all() -> None:
    desk = healthy()
    desk.wait(3600.0)
    assert desk.effects == []
    assert desk.alarms.deadline() is None


def test_a_cut_cable_is_one_message_with_the_whole_line_as_its_reason() -> None:
    desk = healthy()
    for pair in PAIRS:
        light(desk, pair, LightKind.LOST)
        desk.wait(0.004)
    for pair in PAIRS:
        desk.read(PointId(f"fp{pair}-preamp", "los"), True)
    desk.wait(60.0)
    assert [str(told.key) for told in desk.told()] == ["line/LINE-DOWN"]
    (line,) = desk.alarms.views()
    assert line.hides == 16


def test_one_dark_fibre_is_that_fibre_and_not_the_line() -> None:
    desk = healthy()
    light(desk, 3, LightKind.LOST)
    desk.wait(60.0)
    assert [str(told.key) for told in desk.told()] == ["fp3-rx/LIGHT-LOST"]


def test_a_trip_of_the_feed_is_told_first_and_alone_although_the_light_was_gone_before() -> None:
    desk = healthy()
    for pair in PAIRS:
        light(desk, pair, LightKind.LOST)
    desk.wait(0.9)
    desk.read(PointId("pfe-a", "fault"), True)
    desk.read(PointId("pfe-a", "output_on"), False)
    desk.read(PointId("pfe-a", "output_current"), 0.0)
    desk.wait(30.0)
    assert [str(told.key) for told in desk.told()] == ["pfe-a/PFE-TRIP"]
    assert standing(desk) == ["B pfe-a/PFE-TRIP"]


def test_a_cable_that_is_cut_hours_after_one_feed_has_tripped_is_told() -> None:
    desk = healthy()
    desk.read(PointId("pfe-a", "fault"), True)
    desk.wait(7200.0)  # the far end carries the line alone
    for pair in PAIRS:
        light(desk, pair, LightKind.LOST)
    desk.wait(10.0)
    assert [str(told.key) for told in desk.told()] == ["pfe-a/PFE-TRIP", "line/LINE-DOWN"]


def test_light_that_the_sampler_lost_and_found_clears_after_its_delay() -> None:
    desk = healthy()
    light(desk, 1, LightKind.LOST)
    light(desk, 1, LightKind.BACK)
    desk.wait(1.9)
    assert desk.letter(key("fp1-rx/LIGHT-LOST")) == "B"
    desk.wait(0.1)
    assert desk.letter(key("fp1-rx/LIGHT-LOST")) == "D"


def test_a_step_of_light_is_an_event_that_waits_to_be_seen() -> None:
    desk = healthy()
    light(desk, 1, LightKind.STEP_DOWN)
    desk.wait(5.0)
    assert standing(desk) == ["D fp1-rx/LIGHT-STEP"]
    assert records(desk.effects)[0].note == "step-down from -18.00 dBm to -40.00 dBm"


def test_a_lost_sampler_explains_silent_taps_and_ends_with_the_next_window() -> None:
    desk = healthy()
    desk.take(LightEvent(LightKind.ENDED, "", desk.t, desk.t, desk.t, 1))
    for pair in PAIRS:
        desk.read(PointId(f"fp{pair}-rx", "los"), None, Quality(Level.BAD, Reason.SOURCE_LOST))
    desk.wait(5.0)
    assert [str(told.key) for told in desk.told()] == ["sampler/SAMPLER-LOST"]
    desk.read(PointId("fp1-rx", "los"), False)
    assert desk.letter(key("sampler/SAMPLER-LOST")) == "D"


def test_a_lost_port_is_one_message_and_freezes_what_was_read_through_it() -> None:
    desk = healthy()
    desk.take(LinkChanged("amps", False, tuple(f"fp{n}-preamp" for n in PAIRS), desk.t))
    for pair in PAIRS:
        desk.take(Reading(PointId(f"fp{pair}-preamp", "los"), False, STALE, desk.t - 0.5))
    desk.wait(10.0)
    assert [str(told.key) for told in desk.told()] == ["amps/BUS-DOWN"]
    frozen = desk.alarms.view(key("fp1-preamp/AMP-LOS"))
    assert frozen is not None
    assert frozen.unknown
    desk.take(LinkChanged("amps", True, (), desk.t))
    for pair in PAIRS:
        desk.read(PointId(f"fp{pair}-preamp", "los"), False)
    desk.wait(300.0)
    assert standing(desk) == ["D amps/BUS-DOWN"]


def test_a_unit_without_news_is_an_alarm_of_its_own_that_says_which_point_and_why() -> None:
    desk = healthy()
    desk.take(Reading(PointId("fp1-preamp", "los"), False, STALE, desk.t - 3.0))
    desk.wait(5.0)
    (record,) = records(desk.effects)
    assert (str(record.key), record.note) == ("fp1-preamp/STALE", "los: timeout")


def test_one_good_answer_and_then_silence_clears_nothing() -> None:
    desk, fault = healthy(), PointId("pfe-a", "fault")
    desk.read(fault, True)
    desk.wait(5.0)
    desk.read(fault, False)
    desk.wait(0.5)
    desk.take(ReadFailed((fault,), Reason.TIMEOUT, desk.t))
    desk.wait(60.0)
    assert desk.letter(key("pfe-a/PFE-TRIP")) == "B"
    desk.read(fault, False)
    desk.wait(1.4)
    assert desk.letter(key("pfe-a/PFE-TRIP")) == "B"
    desk.wait(0.1)  # half a second had passed before the silence
    assert desk.letter(key("pfe-a/PFE-TRIP")) == "E"


def test_an_exchange_that_fails_does_not_hold_up_an_alarm_whose_value_is_still_fresh() -> None:
    desk, voltage = healthy(), PointId("pfe-a", "output_voltage")
    desk.read(voltage, 350.0)
    desk.wait(1.0)
    desk.take(ReadFailed((voltage,), Reason.TIMEOUT, desk.t))
    desk.wait(9.0)
    assert desk.letter(key("pfe-a/LINE-OVER-VOLTAGE")) == "B"


STUCK = Quality(Level.BAD, Reason.STUCK)
CLIPPED = Quality(Level.UNCERTAIN, Reason.SATURATED)


@pytest.mark.parametrize(
    ("name", "kind", "held"), [("TAP-STUCK", LightKind.STUCK, (None, STUCK)), ("TAP-SATURATED", LightKind.SATURATED, (-1.0, CLIPPED))]
)
def test_windows_that_show_a_sound_converter_end_its_alarm_although_the_event_of_its_end_was_lost(
    name: str, kind: LightKind, held: tuple[Value | None, Quality]
) -> None:
    desk, power, alarm = healthy(), PointId("fp1-rx", "power"), AlarmKey("fp1-rx", name)
    light(desk, 1, kind)
    desk.take(Reading(power, -18.0, GOOD, desk.t - 0.05))  # a window that ended before the event
    assert desk.letter(alarm) == "B"
    kept = desk.alarms.snapshot(desk.t)
    again = Desk(PLAN, 5000.0)
    again.alarms.restore(kept, again.t, 10.0)
    again.wait(0.1)
    again.read(power, *held)
    again.wait(60.0)
    assert again.letter(alarm) == "B"
    again.read(power, None, Quality(Level.BAD, Reason.SOURCE_LOST))
    assert again.letter(alarm) == "B"
    again.read(power, -18.0)
    assert again.letter(alarm) == "D"


def test_a_level_below_what_can_be_measured_is_no_stuck_converter() -> None:
    desk = healthy()
    light(desk, 1, LightKind.STUCK)
    desk.wait(0.1)
    desk.read(PointId("fp1-rx", "power"), None, Quality(Level.BAD, Reason.BELOW_RANGE))
    assert desk.letter(key("fp1-rx/TAP-STUCK")) == "D"


def test_a_value_that_the_unit_does_not_offer_is_no_silence() -> None:
    desk = healthy()
    desk.read(PointId("fp1-preamp", "los"), None, NOT_OFFERED)
    desk.wait(100.0)
    assert desk.effects == []


def test_an_interlock_that_cannot_be_read_is_taken_for_open() -> None:
    desk = healthy()
    desk.read(PointId("io1", "di1"), None, TIMEOUT)
    assert "B pfe-a/PFE-INTERLOCK-OPEN/io1.di1" in standing(desk)
    desk.read(PointId("io1", "di1"), True)
    desk.wait(2.0)
    assert desk.letter(key("pfe-a/PFE-INTERLOCK-OPEN/io1.di1")) == "D"


def test_what_is_never_heard_of_after_the_start_is_missing_and_not_normal() -> None:
    desk = Desk(PLAN)
    assert all(view.unknown for view in desk.alarms.views(lambda view: True))
    desk.wait(14.9)
    assert desk.effects == []
    desk.wait(2.2)
    told = {str(each.key) for each in desk.told()}
    assert "pfe-a/PFE-INTERLOCK-OPEN/io1.di1" in told
    assert {f"{unit.name}/STALE" for unit in FACTS.units} <= {f"{view.key}" for view in desk.alarms.views()}


OFF: dict[str, Value] = {"fault": False, "output_on": False, "output_current": 0.0, "output_voltage": 0.0}


def test_a_feed_that_is_off_from_the_start_is_told_once_and_as_what_nobody_remembers() -> None:
    desk = Desk(PLAN)
    for point, value in OFF.items():
        desk.read(PointId("pfe-a", point), value)
    desk.wait(14.0)
    assert standing(desk) == ["B pfe-a/FEED-OFF"]
    assert [str(told.key) for told in desk.told()] == ["pfe-a/FEED-OFF"]
    notes = {str(each.key): each.note for each in records(desk.effects) if each.event is Event.RAISE}
    assert notes["pfe-a/FEED-OFF"] == "it was so when it was first read; nothing is remembered of before"


def test_a_feed_that_goes_off_later_is_no_find_of_the_start() -> None:
    desk = healthy()
    desk.read(PointId("pfe-a", "output_on"), False)
    assert [each.note for each in records(desk.effects) if each.event is Event.RAISE] == [""]


def test_a_worse_limit_takes_the_place_of_a_milder_one() -> None:
    desk = healthy()
    desk.read(PointId("pfe-a", "output_current"), 1060.0)
    desk.wait(30.0)
    assert standing(desk) == ["B pfe-a/LINE-OVER-CURRENT-LIMIT"]


def test_a_record_says_what_was_read_how_well_and_since_when() -> None:
    desk = healthy()
    began = desk.t
    desk.read(PointId("pfe-a", "output_voltage"), 350.0)
    desk.wait(4.0)
    desk.read(PointId("pfe-a", "output_voltage"), 351.0)
    desk.wait(20.0)
    (record,) = records(desk.effects)
    assert isinstance(record, AlarmRecord)
    assert (record.value, record.quality, record.onset, record.t) == (351.0, GOOD, began, began + 10.0)
    assert record.severity is Severity.MAJOR


def test_a_late_event_is_taken_before_what_ended_after_it() -> None:
    """The cause was there before the message was due, only its news came later: nobody is told of the effect."""
    desk = healthy()
    light(desk, 1, LightKind.LOST)
    seen = desk.t + 1.0
    desk.t += 1.7  # the engine was busy; the hold-back ended at 1.5 s
    desk.take(Reading(PointId("pfe-a", "fault"), True, GOOD, seen))
    desk.wait(10.0)
    assert [str(told.key) for told in desk.told()] == ["pfe-a/PFE-TRIP"]


def test_what_had_passed_of_a_delay_before_the_silence_counts_up_to_the_silence() -> None:
    desk, voltage = healthy(), PointId("pfe-a", "output_voltage")
    began = desk.t
    desk.read(voltage, 350.0)
    desk.wait(3.0)
    desk.take(Reading(voltage, 350.0, STALE, began))  # fresh until now, with the time of its last exchange
    desk.wait(17.0)
    desk.read(voltage, 350.0)
    desk.wait(6.9)
    assert desk.letter(key("pfe-a/LINE-OVER-VOLTAGE")) == "A"
    desk.wait(0.2)
    assert desk.letter(key("pfe-a/LINE-OVER-VOLTAGE")) == "B"


def test_the_message_of_a_dark_fibre_waits_no_longer_than_the_poll_of_a_fast_feed_and_a_retry() -> None:
    links = [link for link in PLAN.links if link.effect == key("fp1-rx/LIGHT-LOST")]
    assert {link.hold_back_s for link in links} == {1.5}


def test_the_record_of_a_folded_alarm_names_the_cause_that_people_see() -> None:
    desk = healthy()
    for pair in PAIRS:
        light(desk, pair, LightKind.LOST)
    desk.read(PointId("pfe-a", "fault"), True)
    desk.read(PointId("fp1-preamp", "los"), True)
    desk.wait(5.0)
    (cause,) = (each.cause for each in records(desk.effects) if each.key == key("fp1-preamp/AMP-LOS") and each.event is Event.SUPPRESS)
    assert cause == key("pfe-a/PFE-TRIP")


def test_events_of_others_are_no_business_of_the_desk() -> None:
    desk = healthy()
    assert desk.take(WriteDone(PointId("pfe-a", "remote"), True, True, Reason.NONE, "", desk.t)) == []


def test_counts_by_letter_and_severity_are_of_all_alarms() -> None:
    desk = healthy()
    light(desk, 1, LightKind.LOST)
    counts = desk.alarms.counts()
    assert sum(counts.values()) == len(PLAN.rules)
    assert [(letter.value, severity.value) for (letter, severity), count in counts.items() if letter.value == "B"] == [("B", "critical")]


def test_in_a_flood_the_list_begins_with_what_hides_most_and_only_the_first_messages_sound() -> None:
    desk = healthy()
    for pair in PAIRS:
        light(desk, pair, LightKind.STEP_UP)
        light(desk, pair, LightKind.SATURATED)
        desk.wait(3.0)
    assert desk.alarms.figures(desk.t).flood
    assert [told.audible for told in desk.told()] == [True] * 11 + [False] * (len(desk.told()) - 11)
    for pair in PAIRS:
        light(desk, pair, LightKind.LOST)
    assert standing(desk)[0] == "B line/LINE-DOWN"


def test_the_note_of_an_alarm_that_stands_follows_the_last_reason_without_a_second_event() -> None:
    here, key = Desk(PLAN), AlarmKey("station", "CONFIG-REJECTED")
    here.take(Signal(key, True, here.t, note="1 mistake, the first: station.toml: station.name"))
    here.wait(5.0)
    assert here.alarms.ledger.standings[key].flags.active
    before = len(here.effects)
    here.take(Signal(key, True, here.t, note="1 mistake, the first: station.toml: bus.pfe.port"))
    here.take(Signal(key, True, here.t))
    assert here.alarms.ledger.standings[key].note.endswith("bus.pfe.port")
    assert not any(isinstance(each, AlarmRecord) for each in here.effects[before:])
