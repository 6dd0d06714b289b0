"""Evidence for tests: a healthy line, and what each event of a landing station changes about it."""

from __future__ import annotations

from dataclasses import replace

from stationd.core.light.pair import PairLight
from stationd.core.light.pump import Ageing
from stationd.core.line.far import FarLight
from stationd.core.line.words import End, Fault, Feed, Interval, Location
from stationd.core.verdict.evidence import Contacts, Electric, Evidence, Power, Sign
from stationd.core.verdict.words import First

NOW = 1000.0
PAIRS = 8


def pair(number: int, **changes: object) -> PairLight:
    lit = PairLight(
        number, receive_dbm=-18.0, transmit_dbm=10.0, receive_lost=False, transmit_lost=False, receive_change_db=0.0,
        transmit_change_db=0.0, booster=f"fp{number}-booster", far=FarLight(-18.0, 10.0, lost=False), far_change_db=0.0,
        far_transmit_lost=False,
    )  # fmt: skip
    return replace(lit, **changes)  # type: ignore[arg-type]


def feed(volts: float, milliamperes: float = 1000.0, *, on: bool = True) -> Feed:
    return Feed(milliamperes, volts, NOW, on)


HEALTHY_FEEDS = Electric(Power.FEEDING, Power.FEEDING, Sign.NONE, 2, near=feed(250.5), far=feed(250.5), step_v=0.0, far_step_v=0.0)


def evidence(**changes: object) -> Evidence:
    healthy = Evidence(
        end=End.A, station="Aktau", far_station="Siyazan", now=NOW, since=NOW, length_km=341.0, demarcation_km=4.0,
        pairs=tuple(pair(number) for number in range(1, PAIRS + 1)), electric=HEALTHY_FEEDS, far_known=True,
    )  # fmt: skip
    return replace(healthy, **changes)  # type: ignore[arg-type]


def electric(**changes: object) -> Electric:
    return replace(HEALTHY_FEEDS, **changes)  # type: ignore[arg-type]


def every(**changes: object) -> tuple[PairLight, ...]:
    return tuple(pair(number, **changes) for number in range(1, PAIRS + 1))


def one(number: int, **changes: object) -> tuple[PairLight, ...]:
    return tuple(pair(each, **(changes if each == number else {})) for each in range(1, PAIRS + 1))


def located(km: float, half_km: float = 0.5, fault: Fault = Fault.SHUNT) -> Location:
    return Location(fault, Interval(km, km - half_km, km + half_km), km, km, 0.4)


DARK = {"receive_lost": True, "receive_dbm": None, "receive_change_db": None, "lost_t": NOW - 0.5}
DARK_THERE = FarLight(None, 10.0, lost=True, lost_t=NOW - 0.5)
SHUNT = electric(sign=Sign.SHUNT, near=feed(50.0), step_v=-200.5, far_step_v=200.4, location=located(50.0))
FAR_OFF = electric(sign=Sign.FAR_TRIP, ends=2, there=Power.OFF, near=feed(501.0), far=feed(0.0, 0.0, on=False), step_v=250.5, whole_v=501.0)
OFF = electric(here=Power.OFF, sign=Sign.UNCLEAR, near=feed(0.0, 0.0, on=False))


def silent(from_one_end: Evidence) -> Evidence:
    """The same without the far end."""
    alone = replace(from_one_end.electric, there=Power.UNKNOWN, far=None, far_step_v=None, ends=min(from_one_end.electric.ends, 1))
    pairs = tuple(replace(each, far=None, far_change_db=None, far_transmit_lost=None) for each in from_one_end.pairs)
    return replace(from_one_end, far_known=False, far_why="nothing for 2 s", far_alarms=(), electric=alone, pairs=pairs)


CUT = evidence(pairs=every(**DARK, far=DARK_THERE), electric=replace(SHUNT, location=located(118.4, fault=Fault.CUT)))
AGED = (Ageing("fp3-booster", "pump1_current", 960.0, 0.96, against_baseline=False),)
TRIPPED = Contacts(tripped="pfe-a.fault")
SEEN_FIRST = First("light-lost", "Aktau fp1-rx", NOW - 0.5, 0.001)
