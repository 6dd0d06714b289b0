"""From what a station says to bytes, and back. Pure: bytes and a key in, words out; no clock, no connection.

Plain JSON that a person can read with `mosquitto_sub`: values are `{"v","u","t","q"}` as in every other document of the program. The
signature is that of stationd.farstation.seal. Whether a message is fresh and in order is decided by stationd.farstation.guard.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from stationd.core.model import Level, Value
from stationd.farstation import fields
from stationd.farstation.fields import Json, Malformed, written
from stationd.farstation.seal import LARGEST, seal, unseal
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
from stationd.outputs.document import Document, Mode, encode, quality_word

MOST_SEQUENCE = 2**53  # what every reader of JSON can count to
MOST_PAIRS = 256
LARGEST_MA, LARGEST_V = 20_000.0, 20_000.0  # above the top of transoceanic feeds, 1.6 A and 15 kV
LOWEST_DBM, HIGHEST_DBM = -200.0, 100.0
MOST_UNCERTAINTY_S = 1e9  # a clock that was never set
_QUALITIES = {level.value: level for level in Level} | {"sim": Level.GOOD}
_FRESH = (Level.GOOD, Level.UNCERTAIN)
Reader = Callable[[Json, str], Value]


def encoded(message: Message, key: bytes) -> bytes:
    """Return the signed message. What would make it too big (a flood of events and alarms) is left out, the oldest first."""
    document = _document(message)
    sealed = seal(encode(document), key)
    for name in ("events", "alarms"):
        if len(sealed) > LARGEST:
            document[name] = []
            sealed = seal(encode(document), key)
    return sealed


def decoded(payload: bytes, key: bytes) -> Message | Rejection:
    """Return what a message says if it was signed with this key, else why it is not believed. Never raises."""
    body = unseal(payload, key)
    if isinstance(body, Rejection):
        return body
    try:
        return _message(fields.parsed(body))
    except Malformed as wrong:
        return Rejection(Result.MALFORMED, str(wrong))


# ---------------------------------------------------------------------- words to JSON


def _document(message: Message) -> Document:
    feed, operation, heard = message.feed, message.operation, message.heard
    return {
        "station": message.station,
        "line": message.line,
        "mode": message.mode.value,
        "boot": message.boot,
        "sequence": message.sequence,
        "sent": written(message.sent_utc_s),
        "clock": {"synchronised": message.clock.synchronised, "uncertainty_s": message.clock.uncertainty_s},
        "heard": heard and {"boot": heard.boot, "sequence": heard.sequence, "received": written(heard.utc_s)},
        "shared": sorted(each.value for each in message.shared),
        "feed": feed and _feed_document(feed, message.mode),
        "earth": message.earth,
        "light": {str(pair): _light_document(light) for pair, light in message.light.items()},
        "events": [_event_document(event) for event in message.events],
        "alarms": list(message.alarms),
        "holds": list(message.holds),
        "operation": operation and {"id": operation.id, "phase": operation.phase, "target": operation.target},
    }


def _feed_document(feed: FeedTold, mode: Mode) -> Document:
    rows = {"current": (feed.current, "mA"), "voltage": (feed.voltage, "V"), "on": (feed.on, ""), "regulation": (feed.regulation, "")}
    return {
        name: {"v": told.value, "u": unit, "t": written(told.utc_s), "q": quality_word(told.level, mode)}
        for name, (told, unit) in rows.items()
    }


def _light_document(light: LightTold) -> Document:
    since = None if light.since_utc_s is None else written(light.since_utc_s)
    return {"rx_dbm": light.receive_dbm, "tx_dbm": light.transmit_dbm, "lost": light.lost, "since": since}


def _event_document(event: Happened) -> Document:
    return {"what": event.what, "where": event.where, "t": written(event.utc_s), "uncertainty_s": event.uncertainty_s}


# ---------------------------------------------------------------------- JSON to words


def _message(row: Json) -> Message:
    return Message(
        station=fields.text(row, "station"),
        line=fields.text(row, "line"),
        mode=fields.word(row, "mode", Mode),
        boot=fields.text(row, "boot"),
        sequence=fields.whole(row, "sequence", 0, MOST_SEQUENCE),
        sent_utc_s=fields.utc_s(row, "sent"),
        clock=_clock(fields.table(row, "clock")),
        heard=fields.maybe(row, "heard", _heard),
        shared=frozenset(fields.word({"shared": each}, "shared", Share) for each in _known_shares(row)),
        feed=fields.maybe(row, "feed", _feed),
        earth=fields.maybe(row, "earth", fields.text),
        light={_pair(name): _light(fields.table(row["light"], name)) for name in fields.table(row, "light")},  # type: ignore[arg-type]
        events=tuple(_event(fields.table({"events": each}, "events")) for each in fields.listed(row, "events")),
        alarms=fields.texts(row, "alarms"),
        holds=fields.texts(row, "holds"),
        operation=fields.maybe(row, "operation", _operation),
    )


def _known_shares(row: Json) -> list[str]:
    """Return the words that this version knows; a newer station may share more."""
    known = {share.value for share in Share}
    return [each for each in fields.texts(row, "shared") if each in known]


def _clock(row: Json) -> ClockTold:
    return ClockTold(fields.flag(row, "synchronised"), fields.maybe(row, "uncertainty_s", _uncertainty))


def _uncertainty(row: Json, name: str) -> float:
    return fields.number(row, name, 0.0, MOST_UNCERTAINTY_S)


def _heard(row: Json, name: str) -> Heard:
    row = fields.table(row, name)
    return Heard(fields.text(row, "boot"), fields.whole(row, "sequence", 0, MOST_SEQUENCE), fields.utc_s(row, "received"))


def _operation(row: Json, name: str) -> Operation:
    row = fields.table(row, name)
    return Operation(*(fields.text(row, each, empty=True) for each in ("id", "phase", "target")))


def _feed(row: Json, name: str) -> FeedTold:
    row = fields.table(row, name)
    return FeedTold(
        _told(row, "current", "mA", partial(fields.number, low=-LARGEST_MA, high=LARGEST_MA)),
        _told(row, "voltage", "V", partial(fields.number, low=-LARGEST_V, high=LARGEST_V)),
        _told(row, "on", "", fields.flag),
        _told(row, "regulation", "", fields.text),
    )


def _told(row: Json, name: str, unit: str, read: Reader) -> Told:
    row = fields.table(row, name)
    word, value = fields.text(row, "q"), fields.maybe(row, "v", read)
    level = _QUALITIES.get(word)
    if level is None or row.get("u") != unit:
        raise Malformed(f"{name} must have a quality out of {', '.join(_QUALITIES)} and the unit {unit!r}")
    if (value is None) == (level in _FRESH):
        raise Malformed(f"{name} is {word} and {'has no value' if value is None else 'has a value'}")
    return Told(value, level, fields.utc_s(row, "t"))


def _pair(name: str) -> int:
    if not (name.isascii() and name.isdigit() and len(name) <= 3 and 1 <= int(name) <= MOST_PAIRS):
        raise Malformed(f"light: {name[:20]!r} is no fibre pair")
    return int(name)


def _light(row: Json) -> LightTold:
    level = partial(fields.number, low=LOWEST_DBM, high=HIGHEST_DBM)
    return LightTold(
        fields.maybe(row, "rx_dbm", level),
        fields.maybe(row, "tx_dbm", level),
        fields.maybe(row, "lost", fields.flag),
        fields.maybe(row, "since", fields.utc_s),
    )


def _event(row: Json) -> Happened:
    return Happened(fields.text(row, "what"), fields.text(row, "where"), fields.utc_s(row, "t"), _uncertainty(row, "uncertainty_s"))
