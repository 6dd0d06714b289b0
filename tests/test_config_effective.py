"""The configuration in force as a document: all of it with its defaults, and none of its secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drivers import CATALOG
from stationd.config import StationConfig, check
from stationd.config.effective import Source, count_of, digest_of, effective, source_of

TEXT = """
[station]
name = "aktau"
[far_station]
key = "credential:far.key"
[bus.pfe]
port = "/dev/ttyPFE"
protocol = "modbus-rtu"
[device.pfe-a]
driver = "ea-ps10000"
bus = "pfe"
ratings = { voltage_v = 1000.0, current_ma = 1500.0, power_w = 1500.0 }
[line]
profile = "repeatered"
length_km = 341.0
end = "a"
far_station = "siyazan"
[mqtt]
url = "mqtts://broker.example:8883"
username = "stationd"
password = "file:/etc/stationd/broker"
"""


def config() -> StationConfig:
    found, mistakes = check(TEXT, CATALOG)
    assert mistakes == ()
    assert found is not None
    return found


def test_what_the_file_does_not_say_is_there_and_marked_as_a_default() -> None:
    known = effective(config(), feeds=["pfe-a"])
    assert known.below("bus.pfe.baud") == (19200, ["bus.pfe.baud"])
    assert known.below("bus.pfe.port") == ("/dev/ttyPFE", [])
    value, defaults = known.below("pfe.pfe-a")
    assert isinstance(value, dict)
    assert value["max_v"] == 800.0
    assert "pfe.pfe-a.max_v" in defaults
    assert known.below("sampler") == (None, [])
    assert count_of(known.tree) > 60
    json.dumps(known.tree, allow_nan=False)


def test_of_a_secret_there_is_only_the_reference() -> None:
    known = effective(config())
    assert known.below("mqtt.password")[0] == "file:/etc/stationd/broker"
    assert known.below("far_station.key")[0] == "credential:far.key"


def test_whatever_looks_like_a_secret_and_is_no_reference_is_withheld() -> None:
    plain = config()
    assert plain.mqtt is not None
    leaked = plain.mqtt.model_copy(update={"password": "hunter2", "url": "mqtts://me:hunter2@broker:8883"})
    object.__setattr__(plain, "mqtt", leaked)
    shown = json.dumps(effective(plain).tree)
    assert "hunter2" not in shown
    assert "broker:8883" in shown


@pytest.mark.parametrize("path", ["pfe.pfe-a.maxv", "bus.pfe.bauds", "nonsense", "bus..pfe", ".", "bus.pfe.baud.more", "alarm.1"])
def test_a_path_that_there_is_not_is_refused(path: str) -> None:
    with pytest.raises(KeyError):
        effective(config(), feeds=["pfe-a"]).below(path)


def test_the_key_that_was_probably_meant_is_named() -> None:
    with pytest.raises(KeyError) as missing:
        effective(config(), feeds=["pfe-a"]).below("pfe.pfe-a.maxv")
    assert missing.value.args[0] == "pfe.pfe-a.max_v"


def test_the_source_is_the_digest_of_what_was_read(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    assert digest_of(file) is None
    file.write_text(TEXT)
    digest = digest_of(file)
    assert digest is not None
    assert source_of(file, TEXT.encode(), 5.0) == Source(file, digest, 5.0)
    file.write_text(TEXT + "\n")
    assert digest_of(file) != digest
