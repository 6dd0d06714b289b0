"""The payload of a Sparkplug B message as bytes, and back: the part of the protocol buffer schema that an edge node uses.

Follows the schema of the Sparkplug specification 3.0, chapter 6.4.1; the field numbers below are its. An encoder writes metrics
with a number, truth, text or nothing as value, and properties. The decoder is for what others send (commands): it takes any
bytes, passes over what it does not know (properties, data sets, templates), and raises nothing but PayloadError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

Value = float | int | bool | str
MOST_BYTES = 65536  # of a payload that is decoded: a command is far shorter (assumption)
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
TIMESTAMP, METRICS, SEQ = 1, 2, 3  # of Payload
NAME, ALIAS, METRIC_TIMESTAMP, DATATYPE, IS_HISTORICAL, IS_NULL, PROPERTIES = 1, 2, 3, 4, 5, 7, 9  # of Metric
INT_VALUE, LONG_VALUE, FLOAT_VALUE, DOUBLE_VALUE, BOOLEAN_VALUE, STRING_VALUE = 10, 11, 12, 13, 14, 15
FIRST_VALUE, LAST_VALUE = INT_VALUE, 19  # the one-of of Metric, with bytes, data sets, templates and extensions
KEYS, VALUES = 1, 2  # of PropertySet
PROPERTY_TYPE, PROPERTY_INT, PROPERTY_LONG, PROPERTY_STRING = 1, 3, 4, 8  # of PropertyValue
_MASK64 = (1 << 64) - 1


class PayloadError(Exception):
    """The bytes are no Sparkplug payload; the text says where and why."""


class DataType(IntEnum):
    """The data types that a station has, by their numbers in the schema."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a metric: a whole number (INT32, not negative; INT64; DATE_TIME in ms) or a text."""

    key: str
    datatype: DataType
    value: int | str


@dataclass(frozen=True, slots=True)
class Metric:
    """One value. `value` None is the null of Sparkplug. Times are UTC milliseconds of 1970. What is None or empty is left out."""

    name: str = ""
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: int | None = None
    value: Value | None = None
    historical: bool = False
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of one message; `seq` is None in the one message that has none, NDEATH."""

    timestamp_ms: int | None
    metrics: tuple[Metric, ...]
    seq: int | None


def encode(payload: Payload) -> bytes:
    """Return the bytes of a payload."""
    parts = [_number(TIMESTAMP, payload.timestamp_ms)]
    parts += [_block(METRICS, _metric(metric)) for metric in payload.metrics]
    parts.append(_number(SEQ, payload.seq))
    return b"".join(parts)


def decode(data: bytes) -> Payload:
    """Return the payload of the bytes; PayloadError for whatever is none, and for more than MOST_BYTES."""
    if len(data) > MOST_BYTES:
        raise PayloadError(f"{len(data)} bytes; a command has at most {MOST_BYTES}")
    timestamp_ms, seq, metrics = None, None, []
    for field, value in _fields(data):
        match field, value:
            case 1, int():
                timestamp_ms = value
            case 2, bytes():
                metrics.append(_decoded(value))
            case 3, int():
                seq = value
            case _:
                pass
    return Payload(timestamp_ms, tuple(metrics), seq)


def _metric(metric: Metric) -> bytes:
    parts = [
        _text(NAME, metric.name) if metric.name else b"",
        _number(ALIAS, metric.alias),
        _number(METRIC_TIMESTAMP, metric.timestamp_ms),
        _number(DATATYPE, metric.datatype),
        _number(IS_HISTORICAL, 1 if metric.historical else None),
        _number(IS_NULL, 1 if metric.value is None else None),
        _block(PROPERTIES, _property_set(metric.properties)) if metric.properties else b"",
        _value(metric.value),
    ]
    return b"".join(parts)


def _value(value: Value | None) -> bytes:
    match value:
        case None:
            return b""
        case bool():
            return _number(BOOLEAN_VALUE, int(value))
        case int():
            return _number(LONG_VALUE, value)
        case float():
            return _tag(DOUBLE_VALUE, FIXED64) + struct.pack("<d", value)
        case str():
            return _text(STRING_VALUE, value)


def _property_set(properties: tuple[Property, ...]) -> bytes:
    """Return the keys, then as many values in the same order."""
    keys = [_text(KEYS, each.key) for each in properties]
    return b"".join(keys + [_block(VALUES, _property(each)) for each in properties])


def _property(each: Property) -> bytes:
    kind = _number(PROPERTY_TYPE, each.datatype)
    if isinstance(each.value, str):
        return kind + _text(PROPERTY_STRING, each.value)
    return kind + _number(PROPERTY_INT if each.datatype is DataType.INT32 else PROPERTY_LONG, each.value)


def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _number(field: int, value: int | None) -> bytes:
    return b"" if value is None else _tag(field, VARINT) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _block(field, value.encode("utf-8", "replace"))  # half a surrogate pair must not stop a message


def _block(field: int, data: bytes) -> bytes:
    return _tag(field, LENGTH) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Return seven bits a byte, lowest first; a negative number as its two's complement of 64 bits."""
    rest = value & _MASK64
    data = bytearray()
    while rest > 0x7F:
        data.append(rest & 0x7F | 0x80)
        rest >>= 7
    data.append(rest)
    return bytes(data)


def _decoded(data: bytes) -> Metric:
    found: dict[int, int | bytes] = {}
    chosen = 0
    for field, value in _fields(data):
        found[field] = value  # of a field that stands there twice the last one counts
        chosen = field if FIRST_VALUE <= field <= LAST_VALUE else chosen
    return Metric(
        name=_words(found.get(NAME, b"")),
        alias=_whole(found.get(ALIAS)),
        timestamp_ms=_whole(found.get(METRIC_TIMESTAMP)),
        datatype=_whole(found.get(DATATYPE)),
        value=None if found.get(IS_NULL) else _chosen(chosen, found.get(chosen, 0), found.get(DATATYPE)),
        historical=bool(found.get(IS_HISTORICAL)),
    )


def _chosen(field: int, value: int | bytes, datatype: int | bytes | None) -> Value | None:
    """Return the value of the one-of; None for nothing, and for kinds of values that a station does not have."""
    match field, value:
        case 10 | 11, int():
            bits = 32 if field == INT_VALUE else 64
            signed = datatype in (1, 2, DataType.INT32, DataType.INT64) and value >> (bits - 1) & 1
            return value - (1 << bits) if signed else value
        case 12, bytes() if len(value) == 4:
            return float(struct.unpack("<f", value)[0])
        case 13, bytes() if len(value) == 8:
            return float(struct.unpack("<d", value)[0])
        case 14, int():
            return value != 0
        case 15, bytes():
            return _words(value)
        case _:
            return None


def _whole(value: int | bytes | None) -> int | None:
    return value if isinstance(value, int) else None


def _words(value: int | bytes) -> str:
    if isinstance(value, int):
        raise PayloadError(f"a number, {value}, stands where a text belongs")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise PayloadError(f"a text is no UTF-8: {error}") from error


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field: its number, and a whole number or the bytes that it has."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        field, wire_type = tag >> 3, tag & 7
        if not 0 < field < 1 << 29:
            raise PayloadError(f"byte {at}: there is no field {field}")
        if wire_type == VARINT:
            value, at = _read_varint(data, at)
            yield field, value
            continue
        length, at = _length(data, at, wire_type)
        if at + length > len(data):
            raise PayloadError(f"byte {at}: field {field} has {length} bytes, {len(data) - at} are left")
        yield field, data[at : at + length]
        at += length


def _length(data: bytes, at: int, wire_type: int) -> tuple[int, int]:
    match wire_type:
        case 1:
            return 8, at
        case 2:
            return _read_varint(data, at)
        case 5:
            return 4, at
        case _:
            raise PayloadError(f"byte {at}: wire type {wire_type} is none of 0, 1, 2 and 5")


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if at + count >= len(data):
            raise PayloadError(f"byte {at}: a number is cut off")
        byte = data[at + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value & _MASK64, at + count + 1
    raise PayloadError(f"byte {at}: a number has more than ten bytes")
