"""The station file, also one that is broken: names, places of mistakes, and no secret that leaves it."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.support import station_file
from stationd.support.station_file import REMOVED, checked, line_of, place_of, read, redacted
from tests.support.remains import SECRET, station

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "systemd/stations").glob("*.toml")), ids=lambda path: path.stem)
def test_what_holds_no_secret_stays_as_it_is(path: Path) -> None:
    text = path.read_text()
    assert redacted(text, of_file=True) == text


@pytest.mark.parametrize(
    "line",
    [
        'password = "{}"', "password = '{}'", "password={}", 'password = """\n{}\n"""', "'password' = '{}'", '"Broker_Password" = "{}"',
        'mqtt = {{ url = "x", password = "{}" }}', 'mqtt.password = "{}"', 'key = "{}"', 'api_key = "{}"', 'far_station.key = "{}"',
        'token: "{}"', 'secrets = ["a", "{}"]', 'secrets = [\n"a",\n"{}"\n]', '# password = "{}"', 'password = "{}', 'PASSWD = "a\\"{}"',
        'url = "mqtts://user:{}@broker:8883"', 'url = "mqtt://{}@broker"', 'url = "mqtt://u:a@{}@broker"', 'url = "http://h/?token={}&x=1"',
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----\n{}", 'password = "credential:{}!"',
    ],
)  # fmt: skip
def test_no_secret_leaves_the_file(line: str) -> None:
    text = f'[station]\nname = "aktau"\n[mqtt]\n{line.format(SECRET)}\n'
    assert SECRET not in redacted(text, of_file=True)
    assert REMOVED in redacted(text, of_file=True)


@pytest.mark.parametrize("line", ['password = "credential:mqtt"', 'key = "file:/etc/stationd/far.key"', 'interlocks = ["io1.cable_key"]'])
def test_references_to_secrets_stay(line: str) -> None:
    assert redacted(line, of_file=True) == line


@given(st.text(alphabet=string.printable + "äж\x00", max_size=200))
def test_any_text_can_be_redacted_and_read(text: str) -> None:
    redacted(text)
    redacted(text, of_file=True)
    line_of(text, "station.name")


@pytest.mark.parametrize("line", ['{"key": "line/LINE-DOWN", "passed": 9, "bypassedUntil": null}', "alarm raised key=pfe-a/PFE-TRIP"])
def test_elsewhere_a_key_is_that_of_an_alarm(line: str) -> None:
    assert redacted(line) == line


@pytest.mark.parametrize("line", ['{{"password": "{}"}}', "login failed password={} user=a", "connecting to mqtt://u:{}@broker"])
def test_no_secret_leaves_a_log(line: str) -> None:
    assert SECRET not in redacted(line.format(SECRET))


def test_a_file_that_is_no_toml_still_says_who_it_is(tmp_path: Path) -> None:
    file = station(tmp_path, tmp_path / "state", "[bus.pfe]\nbaud = 19200 mA\n")
    found = read(file)
    assert (found.name, found.operator, found.state) == ("aktau", "Kazakhtelecom", tmp_path / "state")
    (problem,) = checked(file).problems
    assert place_of(problem, found.text) == "line 8"


def test_a_mistake_has_its_line(tmp_path: Path) -> None:
    file = station(tmp_path, tmp_path, '[bus.pfe]\nport = "/dev/ttyS0"\nprotocol = "modbus-rtu"\nbaud = "fast"\n[bus.b]\nport = "x"\n')
    places = [place_of(problem, file.read_text()) for problem in checked(file).problems]
    assert "line 10, bus.pfe.baud" in places
    assert "line 12, bus.b.port" in places


def test_the_entries_of_a_list_are_counted() -> None:
    text = '[[alarm]]\npoint = "a.b"\n[[alarm]]\ntype = "X"\npoint = "c.d"\n'
    assert line_of(text, "alarm[2].point") == 5
    assert line_of(text, "alarm[2].below") == 3
    assert line_of(text, "nothing.here") is None


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    found = read(tmp_path / "none.toml")
    assert found.trouble == f"there is no {tmp_path}/none.toml"
    assert found.state == station_file.STATE
