"""From the station file to the plan of the line watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config.line_plan import line_plan
from stationd.core.line.plan import LinePlan
from stationd.core.line.words import End
from stationd.core.model import PointId

STATIONS = Path(__file__).parents[1] / "systemd" / "stations"


def shipped(name: str) -> LinePlan:
    found, problems = config.check(STATIONS / f"{name}.toml", CATALOG)
    assert problems == ()
    assert found is not None
    made = line_plan(found, CATALOG)
    assert made is not None
    return made


def test_a_station_knows_its_end_its_cable_and_the_points_of_every_pair() -> None:
    plan = shipped("aktau")
    assert (plan.end, plan.station, plan.far_station, plan.cable.length_km) == (End.A, "Aktau", "Siyazan", 341.0)
    assert [pair.number for pair in plan.pairs] == list(range(1, 9))
    first = plan.pairs[0]
    assert first.receive_tap == "fp1-rx"
    assert first.booster is not None
    assert first.preamp is not None
    assert first.preamp.lost == PointId("fp1-preamp", "los")
    assert PointId("fp1-rx", "power") in plan.points()


def test_interlocks_limits_and_demarcation_come_from_the_file() -> None:
    feed = next(each for each in shipped("aktau").feeds if each.device == "pfe-a")
    assert PointId("io1", "di1") in feed.interlocks
    assert (feed.nominal_ma, feed.max_v) == (1000.0, 800.0)
    assert shipped("aktau").demarcation_km == 4.0


def test_the_station_at_the_other_end_counts_its_own_kilometres_from_its_own_shore() -> None:
    assert shipped("siyazan").end is End.B
    assert shipped("siyazan").from_here_km(341.0) == 0.0


def test_a_line_without_repeaters_is_not_fed() -> None:
    assert not shipped("kuryk").cable.fed


@pytest.mark.parametrize("text", ['[station]\nname = "alone"\n'])
def test_a_station_without_a_line_has_no_plan(text: str) -> None:
    found, problems = config.check(text, CATALOG)
    assert problems == ()
    assert found is not None
    assert line_plan(found, CATALOG) is None
