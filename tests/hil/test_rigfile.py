"""Rig files: those that are shipped are right, and every mistake of a wrong one is told at once."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hil.rigfile import RIGS, Kind, RigFileError, Way, filled, find, load, parse, simulated_of

SHIPPED = sorted(RIGS.glob("*.toml"))
ADDRESSES = {
    **{name: f"/dev/pts/{place}" for place, name in enumerate(tomllib.loads((RIGS / "sim.toml").read_text())["port"])},
    "aktau-io": "tcp://127.0.0.1:1", "siyazan-io": "tcp://127.0.0.1:2",
    "control": "unix:/run/control", "light-a": "shm:/a", "light-b": "shm:/b",
}  # fmt: skip


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_rig_is_without_mistakes(path: Path) -> None:
    rig = load(path, ADDRESSES if simulated_of(path) else None)
    assert rig.stations
    assert (rig.safety is not None) == (rig.kind is Kind.BENCH)
    assert len(rig.sha256) == 64


def rack() -> dict[str, Any]:
    return copy.deepcopy(tomllib.loads((RIGS / "rack.toml").read_text()))


def mistakes(raw: dict[str, Any]) -> str:
    with pytest.raises(RigFileError) as found:
        parse(raw, RIGS / "rack.toml")
    return "\n".join(found.value.problems)


def test_every_mistake_is_told_at_once_with_its_place_and_what_would_be_right() -> None:
    raw = rack()
    hil = raw["hil"]
    hil["kind"] = "banch"
    hil["titel"] = "x"
    hil["persons"] = ["aliya"]
    hil["proxied"] = ["pfo"]
    hil["place"] = "lima"
    hil["port"]["pfe"]["address"] = "serial"
    hil["station"]["rack"]["template"] = "nowhere.toml"
    hil["safety"]["voltage_v"] = 15000.0
    del hil["safety"]["off"]
    del hil["safety"]["load_serial"]
    hil["act"]["shunt"]["way"] = "magic"
    hil["act"]["explode"] = {"way": "scpi", "address": "tcp://h:1"}
    hil["limit"] = {"x": {"unit": "ms", "lo": 2.0, "hi": 1.0}}
    hil["calibrated"]["attenuator"] = "last year"
    raw["cabel"] = {}
    told = mistakes(raw)
    for sentence in (
        "kind: 'banch' is unknown; did you mean \"bench\"?", 'titel: unknown key; did you mean "title"?', "persons: needs two",
        "there is no port 'pfo'; did you mean \"pfe\"?", "place: a place is labgrid's", "needs exactly one of path, address, resource",
        "must begin with tcp://", "there is no file", "voltage_v: is 15000, it must be from 0 to 1500", "safety.off: is missing",
        "load_serial: is missing; a text", "way: 'magic' is unknown", "act.explode: unknown", "command: is missing",
        "lo: 2 is above hi = 1", "must be a date such as 2026-01-31, not 'last year'", 'cabel: unknown section; did you mean "cable"?',
    ):  # fmt: skip
        assert sentence in told, sentence


def test_a_bench_without_safety_is_refused() -> None:
    raw = rack()
    del raw["hil"]["safety"]
    assert "safety: is missing" in mistakes(raw)


def test_a_place_that_nobody_knows_is_told_and_not_used() -> None:
    raw = filled({"hil": {"port": {"pfe": {"path": "@nowhere@"}}}}, {"somewhere": "/dev/x"})
    assert raw == {"hil": {"port": {"pfe": {"path": "@nowhere@"}}}}
    broken = rack()
    broken["hil"]["port"]["pfe"]["path"] = "@nowhere@"
    assert "@nowhere@ is no port of the simulated plant" in mistakes(broken)


def test_an_unknown_rig_names_those_that_there_are() -> None:
    with pytest.raises(RigFileError, match=r'no rig \'simm\'; did you mean "sim"'):
        find("simm")


def test_a_file_that_is_no_toml_is_one_mistake(tmp_path: Path) -> None:
    path = tmp_path / "torn.toml"
    path.write_text("[hil\n")
    with pytest.raises(RigFileError, match=r"torn\.toml"):
        load(path)


def test_acts_are_read_as_they_stand_there() -> None:
    rig = load(RIGS / "rack.toml")
    shunt, contact = rig.acts["shunt"], rig.acts["contact"]
    assert (shunt.way, shunt.outputs["km50"], shunt.settles_s) == (Way.MODBUS_COIL, 0, 0.02)
    assert contact.inverted
    assert rig.meters["a.current_ma"].scale == 1000.0


def test_a_bench_whose_line_may_be_energised_has_limits_and_meters_at_every_end_that_is_fed() -> None:
    raw = rack()
    del raw["hil"]["safety"]["supply"]
    del raw["hil"]["meter"]
    told = mistakes(raw)
    for sentence in ("safety.supply.a: is missing", 'meter."a.voltage_v": is missing', 'meter."a.current_ma": is missing'):
        assert sentence in told
    del raw["hil"]["act"]["feed"]
    assert not parse(raw, RIGS / "rack.toml").energises


def test_a_verb_of_one_end_is_missing_at_the_other_and_that_is_said() -> None:
    rig = load(RIGS / "two-stations.toml")
    assert rig.missing("feed") == ""
    half = replace(rig, acts={name: act for name, act in rig.acts.items() if name != "feed.b"})
    assert 'no [hil.act."feed.b"]' in half.missing("feed")
    assert rig.missing("load") == "the rig file has no [hil.act.load]"


def test_a_real_bench_latches_and_a_simulated_one_need_not() -> None:
    raw = rack()
    raw["hil"]["latches"] = False
    assert "latches: must be true" in mistakes(raw)
    raw["hil"]["simulated"] = "sim.toml"
    assert not parse(raw, RIGS / "rack.toml").latches
