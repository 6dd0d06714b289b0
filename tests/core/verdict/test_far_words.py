"""What the far station says of its contacts and trips, and how little of that makes a verdict here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.verdict.evidence import Contacts, Power
from stationd.core.verdict.judge import judge
from stationd.core.verdict.words import Kind, Ours
from tests.core.verdict.cases import DARK, DARK_THERE, FAR_OFF, OFF, every, evidence

TRIPPED_THERE = replace(OFF, there=Power.OFF, over_voltage_there=True)


@pytest.mark.parametrize("there", [Power.OFF, Power.UNKNOWN])
@pytest.mark.parametrize("contacts", [Contacts(), Contacts(interlock="io1.di1"), Contacts(tripped="pfe-a.fault")])
def test_over_voltage_of_the_far_feed_alone_never_makes_an_open_conductor(there: Power, contacts: Contacts) -> None:
    dark = every(**DARK, far=DARK_THERE)
    verdict = judge(evidence(pairs=dark, electric=replace(TRIPPED_THERE, there=there), contacts=contacts))
    assert verdict.kind is not Kind.OPEN


def test_our_interlock_is_named_though_the_far_feed_then_reached_its_limit() -> None:
    verdict = judge(evidence(electric=replace(TRIPPED_THERE, there=Power.UNKNOWN), contacts=Contacts(interlock="io1.di1")))
    assert (verdict.kind, verdict.ours) == (Kind.INTERLOCK, Ours.YES)


def test_both_feeds_off_tells_of_over_voltage_at_the_far_end() -> None:
    verdict = judge(evidence(electric=TRIPPED_THERE))
    assert verdict.kind is Kind.BOTH_OFF
    assert any("over-voltage" in each for each in verdict.why)


@pytest.mark.parametrize("door", ["room/DOOR-OPEN/io.di9", "pfe/COVER-OPEN/io.di2", "pfe/KEY-REMOVED/io.di3"])
def test_any_open_door_of_theirs_is_told_and_is_not_said_to_be_the_cause(door: str) -> None:
    verdict = judge(evidence(electric=FAR_OFF, far_alarms=(door, "pfe/PFE-TRIP")))
    assert verdict.kind is Kind.FEED_TRIP_FAR
    assert any(door in each for each in verdict.why)


@pytest.mark.parametrize("interlock", ["pfe/PFE-INTERLOCK-OPEN/io.di1", "station/EMERGENCY-STOP/io.di4"])
def test_an_interlock_of_their_feed_is_named(interlock: str) -> None:
    assert judge(evidence(electric=FAR_OFF, far_alarms=(interlock,))).kind is Kind.INTERLOCK
