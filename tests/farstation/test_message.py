from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import Level
from stationd.farstation.message import decoded, encoded
from stationd.farstation.seal import LARGEST, seal
from stationd.farstation.words import (
    ClockTold,
    FeedTold,
    Happened,
    Heard,
    LightTold,
    Message,
    Operation,
    Rejection,
    Result,
    Share,
    Told,
)
from stationd.outputs.document import Mode
from tests.farstation.ends import KEY, NOW, message

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
times = st.integers(0, 4_000_000_000_000_000).map(lambda micro: round(micro / 1e6, 6))
levels = st.none() | st.floats(-60, 30).map(lambda level: round(level, 4))


def told(values: st.SearchStrategy[float] | st.SearchStrategy[bool] | st.SearchStrategy[str]) -> st.SearchStrategy[Told]:
    fresh = st.builds(Told, values, st.sampled_from((Level.GOOD, Level.UNCERTAIN)), times)
    return fresh | st.builds(Told, st.none(), st.sampled_from((Level.STALE, Level.BAD)), times)


numbers = st.floats(-20_000, 20_000)
feeds = st.builds(FeedTold, told(numbers), told(numbers), told(st.booleans()), told(st.sampled_from(("cc", "cv", "off"))))
messages = st.builds(
    Message,
    station=texts,
    line=texts,
    mode=st.sampled_from(Mode),
    boot=texts,
    sequence=st.integers(0, 2**53),
    sent_utc_s=times,
    clock=st.builds(ClockTold, st.booleans(), st.none() | st.floats(0, 1e6)),
    heard=st.none() | st.builds(Heard, texts, st.integers(0, 2**53), times),
    shared=st.frozensets(st.sampled_from(Share)),
    feed=st.none() | feeds,
    earth=st.none() | texts,
    light=st.dictionaries(
        st.integers(1, 256), st.builds(LightTold, levels, levels, st.none() | st.booleans(), st.none() | times), max_size=5
    ),
    events=st.lists(st.builds(Happened, texts, texts, times, st.floats(0, 1e6)), max_size=4).map(tuple),
    alarms=st.lists(texts, max_size=4).map(tuple),
    holds=st.lists(texts, max_size=4).map(tuple),
    operation=st.none() | st.builds(Operation, st.text(max_size=10), st.text(max_size=10), st.text(max_size=10)),
)


@given(messages)
def test_what_is_said_is_what_is_heard(said: Message) -> None:
    assert decoded(encoded(said, KEY), KEY) == said


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_the_reader_fail(payload: bytes) -> None:
    assert isinstance(decoded(payload, KEY), Rejection)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_at_all_make_the_reader_fail_even_rightly_signed(body: bytes) -> None:
    assert isinstance(decoded(seal(b"{" + body, KEY), KEY), Rejection)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.data(), plain)
def test_whatever_stands_in_the_place_of_a_member_the_reader_answers(data: st.DataObject, other: object) -> None:
    document: dict[str, Any] = json.loads(encoded(message(), KEY))
    del document["signature"]
    name = data.draw(st.sampled_from(sorted(document)))
    row: dict[str, Any] = document
    while isinstance(row[name], dict) and row[name] and data.draw(st.booleans()):
        row = row[name]
        name = data.draw(st.sampled_from(sorted(row)))
    row[name] = other
    decoded(seal(json.dumps(document).encode(errors="backslashreplace"), KEY), KEY)


def test_a_message_with_any_bit_changed_is_not_believed() -> None:
    sealed = encoded(message(), KEY)
    for place in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[place] ^= 1 << bit
            assert isinstance(decoded(bytes(changed), KEY), Rejection), (place, bit)


def test_the_signature_is_an_hmac_sha256_over_all_bytes_before_its_member() -> None:
    sealed = encoded(message(), KEY)
    start, _, rest = sealed.rpartition(b',"signature":')
    assert json.loads(rest.removesuffix(b"}")) == hmac.new(KEY, start, hashlib.sha256).hexdigest()
    assert json.loads(sealed)["feed"]["current"] == {"v": 1000.1, "u": "mA", "t": "2026-11-18T11:06:39.700000Z", "q": "sim"}


def result(payload: bytes) -> Result:
    found = decoded(payload, KEY)
    return found.result if isinstance(found, Rejection) else Result.ACCEPTED


def test_why_bytes_are_not_believed() -> None:
    sealed = encoded(message(), KEY)
    bare = sealed[: sealed.rindex(b',"signature"')] + b"}"
    assert result(sealed) is Result.ACCEPTED
    assert result(bare) is Result.UNSIGNED
    assert result(encoded(message(), b"another key of 16+")) is Result.WRONG_SIGNATURE
    assert result(b"good morning") is Result.MALFORMED
    assert result(b"") is Result.MALFORMED
    assert result(b"{" + b" " * LARGEST + b"}") is Result.TOO_BIG
    assert result(seal(b"{" + b"[" * 60_000 + b"}", KEY)) is Result.MALFORMED
    assert result(seal(bare.replace(b'"sequence":1,', b'"sequence":1,"sequence":2,'), KEY)) is Result.MALFORMED


WRONG: dict[str, list[Any]] = {
    "station": [None, "", 7, "x" * 201],
    "mode": ["LIVE", "test", True, []],
    "sequence": [-1, 1.5, True, "1", None, 2**60],
    "sent": [0, "2026-11-18T12:00:00Z", "2026-13-18T12:00:00.000000Z", "2026-11-18T12:00:00.000000+00:00", "\u0662026", None],
    "clock": [None, {}, {"synchronised": 1, "uncertainty_s": 0}, {"synchronised": True}, {"synchronised": True, "uncertainty_s": -1}],
    "heard": [{}, 3, {"boot": "x", "sequence": 1}],
    "shared": [None, "feed", [1], {}],
    "feed": [3, {}, [], {"current": {"v": 1, "u": "mA", "t": "2026-11-18T12:00:00.000000Z", "q": "good"}}],
    "light": [None, [], {"0": {}}, {"x": {}}, {"1": {}}, {"1": None}, {"9999": {}}],
    "events": [None, {}, [1], [{}], [{"what": "x", "where": "y", "t": "2026-11-18T12:00:00.000000Z", "uncertainty_s": 1e300}]],
    "alarms": [None, [3], "x", ["x"] * 1001],
    "holds": [None, [None]],
    "operation": [3, {}, {"id": 1, "phase": "", "target": ""}],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_member_of_the_wrong_kind_is_never_guessed_at(name: str, value: object) -> None:
    document = json.loads(encoded(message(), KEY))
    del document["signature"]
    assert result(seal(json.dumps(document).encode(), KEY)) is Result.ACCEPTED
    document[name] = value
    assert result(seal(json.dumps(document).encode(), KEY)) is Result.MALFORMED
    del document[name]
    assert result(seal(json.dumps(document).encode(), KEY)) is Result.MALFORMED


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "20001", "true", '"1000"', "null"])
def test_a_current_that_is_no_number_within_reason_is_no_current(value: str) -> None:
    sealed = encoded(message(), KEY)
    bare = sealed[: sealed.rindex(b',"signature"')] + b"}"
    changed = bare.replace(b'"current":{"v":1000.1', b'"current":{"v":' + value.encode())
    assert changed != bare
    assert result(seal(changed, KEY)) is Result.MALFORMED


def test_a_newer_station_may_say_more() -> None:
    document = json.loads(encoded(message(), KEY))
    del document["signature"]
    document["weather"] = {"sea": "calm"}
    document["shared"].append("weather")
    assert decoded(seal(json.dumps(document, separators=(",", ":")).encode(), KEY), KEY) == message()


def test_a_flood_of_events_and_alarms_never_makes_a_message_too_big() -> None:
    flooded = replace(message(), alarms=("alarm" * 40,) * 300, events=(Happened("e" * 200, "w" * 200, NOW, 0.0),) * 200)
    found = decoded(encoded(flooded, KEY), KEY)
    assert isinstance(found, Message)
    assert found.feed == flooded.feed
