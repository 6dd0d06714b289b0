"""What is a secret, wherever it stands: in the station file, in the log, in a document, in a line of text."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import CATALOG
from stationd.config import check
from stationd.config.effective import effective
from stationd.log import Ring
from stationd.redaction import WITHHELD, names_a_secret, redacted, redacted_document

ROOT = Path(__file__).resolve().parents[1]
SECRET = "hunter2-do-not-tell"


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
    assert WITHHELD in redacted(text, of_file=True)


@pytest.mark.parametrize("line", ['password = "credential:mqtt"', 'key = "file:/etc/stationd/far.key"', 'interlocks = ["io1.cable_key"]'])
def test_references_to_secrets_stay(line: str) -> None:
    assert redacted(line, of_file=True) == line


@given(st.text(alphabet=string.printable + "\u00e4\u0436\x00", max_size=200))
def test_any_text_can_be_redacted_and_read(text: str) -> None:
    redacted(text)
    redacted(text, of_file=True)
    redacted_document({text: [text, {text: 5}]})


@pytest.mark.parametrize("line", ['{"key": "line/LINE-DOWN", "passed": 9, "bypassedUntil": null}', "alarm raised key=pfe-a/PFE-TRIP"])
def test_elsewhere_a_key_is_that_of_an_alarm(line: str) -> None:
    assert redacted(line) == line


@pytest.mark.parametrize("line", ['{{"password": "{}"}}', "login failed password={} user=a", "connecting to mqtt://u:{}@broker"])
def test_no_secret_leaves_a_log(line: str) -> None:
    assert SECRET not in redacted(line.format(SECRET))


EVERYWHERE = [
    "password={}", "passwd: {}", "pass={}", "user a, db_pass = {}", "psk={}", "api_key={}", "api-key: {}", "private_key = '{}'", "token={}",
    "credential={}", "client_secret: {}", "passphrase={}", "mqtt://u:p/{}@broker", "mqtt://u:{}/w@broker", "https://h/?api_key={}&x=1",
    "Authorization: Bearer {}", "authorization=Basic {}", "sent bearer {}", "mosquitto_pub --password {} -t x", "{'password': '{}'}",
    '{"a": {"psk": "{}"}}', r'{"body": "{\"psk\": \"{}\"}"}', r'said {\"psk\": \"{}\"',
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.parametrize("line", EVERYWHERE)
def test_one_rule_holds_for_the_log_the_configuration_and_bundles(line: str) -> None:
    text, ring = line.replace("{}", SECRET), Ring()
    ring.processor(None, "info", {"event": text, "detail": text, "list": [text], "psk": SECRET, "api_key": SECRET, "credential": SECRET})
    assert SECRET not in repr(ring.events())
    assert SECRET not in redacted(text)
    assert SECRET not in redacted(text, of_file=True)
    assert SECRET not in json.dumps(redacted_document({"detail": text, "list": [{"x": text}]}))


NAMES = ["password", "broker_pass", "psk", "wifi.psk", "api_key", "apikey", "credential", "far_token", "passphrase", "pwd"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_name_calls_a_secret_is_one_everywhere(name: str) -> None:
    assert names_a_secret(name)
    assert names_a_secret(name, of_file=True)
    assert redacted_document({name: SECRET, "n": 1}) == {name: WITHHELD, "n": 1}
    assert redacted_document({name: [SECRET]}) == {name: WITHHELD}
    assert redacted_document({name: None}) == {name: None}


@pytest.mark.parametrize("name", ["key", "cable_key", "passed", "bypassedUntil", "bypass", "passband", "keys"])
def test_in_the_log_and_in_documents_a_key_is_that_of_an_alarm_and_passed_a_result(name: str) -> None:
    assert not names_a_secret(name)
    assert redacted_document({name: "pfe-a/PFE-TRIP"}) == {name: "pfe-a/PFE-TRIP"}


@pytest.mark.parametrize("path", sorted((ROOT / "systemd/stations").glob("*.toml")), ids=lambda path: path.stem)
def test_of_a_station_without_secrets_the_configuration_is_whole(path: Path) -> None:
    config, mistakes = check(path.read_text(), CATALOG)
    assert config is not None, mistakes
    assert WITHHELD not in json.dumps(effective(config).tree)


def test_a_document_within_a_document_stays_one() -> None:
    inner = json.dumps({"psk": SECRET, "n": [1.5, None], "key": "pfe-a/PFE-TRIP"})
    found = redacted_document({"body": json.dumps({"payload": inner}), "other": inner.replace(SECRET, "")})
    assert isinstance(found, dict)
    assert json.loads(json.loads(found["body"])["payload"]) == {"psk": WITHHELD, "n": [1.5, None], "key": "pfe-a/PFE-TRIP"}
    assert found["other"] == inner.replace(SECRET, "")
    assert json.loads(redacted(json.dumps({"body": inner})))["body"] == inner.replace(SECRET, WITHHELD)


NO_SECRETS = ["credential:far.key cannot be read", "LoadCredential=far.key:/etc/stationd/far.key", "the x-token expired"]


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_is_said(text: str) -> None:
    assert redacted(text) == text
