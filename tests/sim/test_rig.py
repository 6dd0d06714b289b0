"""RIG.toml: every mistake is named with file, key and reason; the shipped example and the demonstration are sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from stationd.sim.cable import KB_330, S1_341, End
from stationd.sim.demo_rig import Route, demo_rig, station
from stationd.sim.rig import EXAMPLE, RULES, RigError, check, load_rig, parse_rig

CABLE = {"test_set": "s1-341", "fibre_pairs": 2}
FEED = {"port": "p", "driver": "ea-ps10000", "ratings": {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0}}
BOOSTER = {"port": "p", "driver": "keopsys-cefa", "role": "booster", "fibre_pair": 1}
RTU = {"protocol": "modbus-rtu"}
TEXT = {"protocol": "text"}


def problems(**sections: object) -> list[str]:
    with pytest.raises(RigError) as caught:
        parse_rig({"cable": CABLE, **sections}, "rig.toml")
    return list(caught.value.problems)


def test_the_shipped_example_is_sound() -> None:
    rig = load_rig(EXAMPLE)
    assert rig.cable.parameters() == S1_341
    assert {port.link for port in rig.port.values()} == {"pty", "tcp"}
    assert rig.fault


@pytest.mark.parametrize("pairs", [1, 8, 24])
@pytest.mark.parametrize("route", Route)
def test_the_demonstration_is_sound_for_any_number_of_pairs(route: Route, pairs: int) -> None:
    rig = demo_rig(route, pairs)
    assert list(check(rig)) == []
    assert len(rig.port) == len(rig.device) == 2 * (2 + 2 * pairs)


def test_the_demonstration_has_both_stations_and_every_kind_of_amplifier() -> None:
    rig = demo_rig(Route.MAIN, 8)
    amplifiers = {device.driver for device in rig.device.values() if device.fibre_pair}
    assert amplifiers == {"keopsys-cefa", "fiberlabs", "amonics-aedfa", "edfa68"}
    assert rig.device["aktau-pfe"].driver == "ea-ps10000"
    assert rig.device["siyazan-pfe"].driver == "fug-probus5"
    assert len(rig.at(End.A)) == len(rig.at(End.B)) == 18
    assert demo_rig(Route.RESERVE).cable.parameters() == KB_330
    assert (station(Route.RESERVE, End.A), station(Route.RESERVE, End.B)) == ("kuryk", "buzovna")


def test_a_file_that_is_no_toml_is_one_problem_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[cable\n")
    with pytest.raises(RigError, match=r"broken\.toml: .*line 1"):
        load_rig(path)


def test_an_explicit_cable_is_taken_as_it_is_written() -> None:
    cable = {"length_km": 100.0, "repeaters_km": [50.0], "conductor_ohm_per_km": 0.8, "fibre_pairs": 1}
    rig = parse_rig({"cable": cable, "port": {"p": RTU}, "device": {"d": FEED}})
    assert rig.cable.parameters().repeaters_km == (50.0,)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"prot": {}}, 'rig.toml: prot: unknown section; did you mean "port"?'),
        ({"cable": {"test_set": "s2"}}, "rig.toml: cable: test_set 's2' is unknown; known: tc-380, s1-341, kb-330"),
        ({"cable": {}}, "rig.toml: cable: needs a test_set or a length_km"),
        (
            {"cable": {"length_km": 100.0, "repeaters_km": [150.0]}},
            "rig.toml: cable: repeaters_km is (150.0,), it must be rising and inside the line",
        ),
        ({"port": {"p": {"protocol": "text", "bauds": 9600}}}, 'rig.toml: port.p.bauds: unknown key; did you mean "baud"?'),
        ({"port": {"p": {"protocol": "text", "baud": "9600"}}}, "rig.toml: port.p.baud: input should be a valid integer, not '9600'"),
        ({"port": {"p": {}}}, "rig.toml: port.p.protocol: field required"),
        ({"port": {"p": {"protocol": "modbus-tcp"}}, "device": {"d": FEED}}, 'rig.toml: port.p.link: modbus-tcp needs link = "tcp"'),
        ({"port": {"p": TEXT}}, "rig.toml: port.p: no device is on it"),
        ({"port": {"p": RTU}, "device": {"d": {**FEED, "port": "q"}}}, "rig.toml: device.d.port: no [port.q]; known: p"),
        (
            {"port": {"p": RTU}, "device": {"d": {**FEED, "driver": "ea-ps1000"}}},
            "rig.toml: device.d.driver: 'ea-ps1000' is not simulated; did you mean \"ea-ps10000\"?",
        ),
        (
            {"port": {"p": TEXT}, "device": {"d": FEED}},
            "rig.toml: device.d.driver: ea-ps10000 speaks modbus-rtu or modbus-tcp, port p text",
        ),
        ({"port": {"p": RTU}, "device": {"d": {**FEED, "role": "booster"}}}, "rig.toml: device.d.role: ea-ps10000 can be pfe, not booster"),
        (
            {"port": {"p": RTU}, "device": {"d": {**FEED, "ratings": {"voltage_v": 1.0, "current_ma": 1.0}}}},
            "rig.toml: device.d.ratings.power_w: is missing; for example ratings = { power_w = 1000.0 }",
        ),
        ({"port": {"p": TEXT}, "device": {"d": {**BOOSTER, "dialect": "lf"}}}, "rig.toml: device.d.dialect: 'lf' is unknown"),
        (
            {"port": {"p": TEXT}, "device": {"d": {**BOOSTER, "fibre_pair": 3}}},
            "rig.toml: device.d.fibre_pair: 3 is above cable.fibre_pairs = 2",
        ),
        (
            {"port": {"p": TEXT}, "device": {"d": {**BOOSTER, "role": "raman"}}},
            "rig.toml: device.d.role: raman exists on a line without repeaters only",
        ),
        (
            {"port": {"p": TEXT}, "device": {"d": {**BOOSTER, "lacks": ["mode-switch"]}}},
            "rig.toml: device.d.lacks: keopsys-cefa cannot lack 'mode-switch'",
        ),
        (
            {"port": {"p": RTU, "q": RTU}, "device": {"d": FEED, "e": {**FEED, "port": "q"}}},
            "rig.toml: device: 2 power feeds at end a; a station has one",
        ),
        (
            {"port": {"p": RTU}, "device": {"d": FEED, "e": {**FEED, "end": "b"}}},
            "rig.toml: device: 2 devices have address 1, channel 1 on port p",
        ),
        (
            {"port": {"p": TEXT}, "device": {"d": BOOSTER, "e": {**BOOSTER, "address": 2, "role": "preamp"}}},
            "rig.toml: port.p: keopsys-cefa is alone on its line; its channels share one address",
        ),
        (
            {"port": {"p": RTU}, "device": {"d": FEED}, "fault": [{"port": "p", "kind": "lat"}]},
            "rig.toml: fault[1].kind: 'lat' is unknown; did you mean \"late\"?",
        ),
        (
            {"port": {"p": RTU}, "device": {"d": FEED}, "fault": [{"port": "z", "kind": "late"}]},
            "rig.toml: fault[1].port: no [port.z]; known: p",
        ),
        ({"fault": {"port": "p"}}, "rig.toml: fault: must be a list, [[fault]]"),
        ({"port": 3}, "rig.toml: port: must be a table of named sections"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_reason(sections: dict[str, object], expected: str) -> None:
    found = problems(**sections)
    assert any(problem.startswith(expected) for problem in found), found


def test_all_mistakes_are_named_at_once() -> None:
    found = problems(port={"p": {"protocol": "morse"}, "q": {"protocol": "text", "baud": 1}}, device={"d": {"colour": "red"}})
    assert len(found) == 5


def test_every_simulated_device_is_either_a_power_feed_an_amplifier_or_io() -> None:
    assert {rule.roles for rule in RULES.values()} == {("pfe",), ("io",), ("booster", "preamp", "raman", "ropa-pump")}
