from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stationd.outputs.sparkplug.payload import MOST_BYTES, DataType, Metric, Payload, PayloadError, Property, decode, encode
from tests.outputs.sparkplug import schema

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
UINT64 = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
VALUES: dict[DataType, st.SearchStrategy[Any]] = {
    DataType.INT64: st.integers(-(2**63), 2**63 - 1),
    DataType.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: TEXT,
}
FIELD_OF = {
    DataType.INT64: "long_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
}
PROPERTIES = st.one_of(
    st.builds(Property, TEXT, st.just(DataType.INT32), st.integers(0, 2**31 - 1)),
    st.builds(Property, TEXT, st.just(DataType.DATE_TIME), UINT64),
    st.builds(Property, TEXT, st.just(DataType.STRING), TEXT),
)


@st.composite
def metrics(draw: st.DrawFn, properties: bool = True) -> Metric:
    datatype = draw(st.sampled_from(list(VALUES)))
    return Metric(
        draw(TEXT),
        draw(st.none() | UINT64),
        draw(st.none() | UINT64),
        int(datatype),
        draw(st.none() | VALUES[datatype]),
        draw(st.booleans()),
        tuple(draw(st.lists(PROPERTIES, max_size=3))) if properties else (),
    )


def payloads(properties: bool = True) -> st.SearchStrategy[Payload]:
    return st.builds(Payload, st.none() | UINT64, st.lists(metrics(properties), max_size=5).map(tuple), st.none() | UINT64)


def present(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None


@quick
@given(payloads())
def test_the_protocol_buffer_runtime_reads_every_payload_as_it_was_meant(payload: Payload) -> None:
    read = schema.Payload.FromString(encode(payload))
    assert (present(read, "timestamp"), present(read, "seq")) == (payload.timestamp_ms, payload.seq)
    assert len(read.metrics) == len(payload.metrics)
    for metric, meant in zip(read.metrics, payload.metrics, strict=True):
        assert (present(metric, "name") or "", present(metric, "alias")) == (meant.name, meant.alias)
        assert (present(metric, "timestamp"), metric.datatype) == (meant.timestamp_ms, meant.datatype)
        assert (metric.is_historical, metric.is_null) == (meant.historical, meant.value is None)
        assert metric.WhichOneof("value") == (None if meant.value is None else FIELD_OF[DataType(meant.datatype or 0)])
        if meant.value is not None:
            bits = getattr(metric, metric.WhichOneof("value"))
            assert (bits - (bits >> 63 << 64) if meant.datatype == DataType.INT64 else bits) == meant.value
        kept = [(key, value.type, getattr(value, value.WhichOneof("value"))) for key, value in pairs(metric)]
        assert kept == [(each.key, each.datatype, each.value) for each in meant.properties]


def pairs(metric: Any) -> list[tuple[str, Any]]:
    return list(zip(metric.properties.keys, metric.properties.values, strict=True))


@quick
@given(payloads(properties=False))
def test_what_is_written_is_read_back_the_same(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@quick
@given(payloads())
def test_what_the_runtime_writes_is_read_the_same_as_what_we_write(payload: Payload) -> None:
    written = schema.Payload.FromString(encode(payload)).SerializeToString()
    assert decode(written) == decode(encode(payload))


@quick
@given(st.binary(max_size=300))
def test_whatever_bytes_come_nothing_but_the_decoders_own_error_is_raised(data: bytes) -> None:
    with contextlib.suppress(PayloadError):
        assert isinstance(decode(data), Payload)


@quick
@given(payloads(), st.data())
def test_a_payload_with_damaged_bytes_is_read_or_refused_and_nothing_else(payload: Payload, data: st.DataObject) -> None:
    damaged = bytearray(encode(payload) or b"\0")
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(0, len(damaged))) :]
    with contextlib.suppress(PayloadError):
        assert isinstance(decode(bytes(damaged)), Payload)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x08", "cut off"),
        (b"\x08" + b"\xff" * 11, "more than ten bytes"),
        (b"\x12\x05\x0a", "1 are left"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "no field 0"),
        (b"\x12\x04\x0a\x02\xff\xfe", "UTF-8"),
        (b"\x12\x02\x08\x01", "where a text belongs"),
        (b"\0" * (MOST_BYTES + 1), f"at most {MOST_BYTES}"),
    ],
)
def test_bytes_that_are_no_payload_are_refused_with_the_place_and_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(PayloadError, match=why):
        decode(data)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [("int_value", 2**32 - 5, -5), ("float_value", 1.5, 1.5), ("bytes_value", b"abc", None), ("long_value", 2**64 - 1, -1)],
)
def test_values_of_kinds_that_only_others_send_are_read_or_passed_over(field: str, value: Any, expected: Any) -> None:
    datatype = 4 if field == "long_value" else 3
    message = schema.Payload(metrics=[{"name": "x", "datatype": datatype, field: value}])
    assert decode(message.SerializeToString()).metrics[0].value == expected


def test_a_metric_that_says_null_has_no_value_whatever_stands_beside_it() -> None:
    message = schema.Payload(metrics=[{"name": "x", "is_null": True, "datatype": 11, "boolean_value": True}])
    assert decode(message.SerializeToString()).metrics[0].value is None


def test_a_number_that_is_none_never_travels_as_one() -> None:
    read = schema.Payload.FromString(encode(Payload(1, (Metric("x", value=None),), 0)))
    assert read.metrics[0].is_null
    assert read.metrics[0].WhichOneof("value") is None
