"""From the station file to the plan of the line watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config.line_plan import line_plan
from stationd.core.line.plan import LinePlan
from stationd.core.line.uncertainty import HIGHEST_DROOP_S, Droop
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


SHIPPED = (STATIONS / "siyazan.toml").read_text()
VALID = "\n".join(line for line in SHIPPED.split("\n") if not line.startswith("sea_earth_ohm"))


def planned(text: str) -> LinePlan:
    found, problems = config.check(text, CATALOG)
    assert problems == ()
    assert found is not None
    made = line_plan(found, CATALOG)
    assert made is not None
    return made


def with_line(*keys: str) -> str:
    return VALID.replace("[line]\n", "[line]\n" + "\n".join(keys) + "\n", 1)


def test_earth_beds_and_capacitance_come_from_the_file_and_are_usual_without_it() -> None:
    usual = planned(VALID)
    assert (usual.cable.sea_earth_ohm, usual.known.sea_earth_ohm, usual.cable.capacitance_uf_per_km) == (3.5, 1.5, 0.2)
    told = planned(with_line("sea_earth_ohm = 2.4", "sea_earth_doubt_ohm = 0.2", "capacitance_uf_per_km = 0.27"))
    assert (told.cable.sea_earth_ohm, told.known.sea_earth_ohm, told.cable.capacitance_uf_per_km) == (2.4, 0.2, 0.27)


def with_droop(feed: str, *keys: str, text: str = VALID) -> str:
    return text.replace(f"[pfe.{feed}]", "\n".join([f"[pfe.{feed}]", *keys, "#"]), 1)


def test_a_droop_is_not_known_until_the_file_tells_that_of_every_feed_of_this_end() -> None:
    assert planned(VALID).known.droop_b == Droop()
    known = planned(with_droop("pfe-a", "droop_ma_per_kv = 3.3", "droop_doubt_ma_per_kv = 0.5")).known
    assert known.droop_b.low_s == pytest.approx(2.8e-6)
    assert known.droop_b.high_s == pytest.approx(3.8e-6)
    assert known.droop_b.known
    assert known.droop_a == Droop()


def test_two_feeds_of_an_end_are_known_only_together() -> None:
    aktau = (STATIONS / "aktau.toml").read_text()
    marked = with_droop("pfe-a", "droop_ma_per_kv = 3.3", text=aktau)
    assert planned(marked).known.droop_a == Droop(0.0, HIGHEST_DROOP_S)
    both = planned(with_droop("pfe-b", "droop_ma_per_kv = 5.0", text=marked)).known.droop_a
    assert both.known
    assert both.low_s == pytest.approx(3.0e-6)
    assert both.high_s == pytest.approx(5.3e-6)
