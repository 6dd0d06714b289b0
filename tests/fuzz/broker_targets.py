"""What comes from the broker: the far station's message, commands of Sparkplug hosts, and what a primary host says of itself.

Promised: the far message is believed or rejected, never raised over, and a link that has heard it goes on to post only what can be
shown (stationd.farstation); a Sparkplug payload is one or PayloadError, and nothing but a rebirth is ever done for a command.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache

from stationd.core.line.far import FarLine
from stationd.core.model import Reading
from stationd.farstation.link import Posted
from stationd.farstation.message import decoded
from stationd.farstation.seal import MARK, seal
from stationd.farstation.words import Message, Rejection, Result
from stationd.outputs.sparkplug.node import EdgeNode, Heard, Moment
from stationd.outputs.sparkplug.payload import MOST_BYTES, Metric, Payload, PayloadError, decode, encode
from tests.farstation.ends import KEY, Post, Station, Way, station
from tests.fuzz.target import Target, holds, parsing
from tests.outputs.sparkplug.session import START_MS, catalogue
from tests.virtual_time import VirtualLoop

LONGEST = 400  # characters of a sentence for people


@cache
def _loop() -> VirtualLoop:
    return VirtualLoop()


def far_message(data: bytes) -> None:
    """Feed the link with the bytes as a body that is rightly signed (first byte even), or as they are."""
    if not data:
        return
    payload = seal(data[1:], KEY) if data[0] % 2 == 0 else data[1:]
    with parsing:
        found = decoded(payload, KEY)
    holds(isinstance(found, Message | Rejection), f"{found!r} is neither a message nor a rejection")
    if isinstance(found, Rejection):
        holds(len(found.detail) < LONGEST, f"a sentence of {len(found.detail)} characters")
        holds(data[0] % 2 or found.result is not Result.WRONG_SIGNATURE, "our own signature is wrong")
    else:
        holds(found == decoded(seal(payload[: payload.rindex(MARK)] + b"}", KEY), KEY), "two looks at a message differ")
    _loop().run_until_complete(_heard(payload))


async def _heard(payload: bytes) -> None:
    """Have a link hear it twice: what comes again is never believed again, and what is posted can be shown."""
    one: Station = station("aktau", "siyazan", Way())
    for _ in range(2):
        one.link.receive(payload, False)
    counted = one.link.statistics.results
    holds(counted.total() == 2, f"{counted} of two messages")
    holds(counted[Result.ACCEPTED] <= 1, "the same message was believed twice")
    _check_posted(one.post, [each for _, each in one.post.taken])


def _check_posted(post: Post, news: Sequence[Posted]) -> None:
    for each in news:
        match each:
            case Reading(point, value, _, t):
                holds(math.isfinite(t), f"{point} is of the time {t}")
                holds(not isinstance(value, float) or math.isfinite(value), f"{point} = {value}")
            case FarLine():
                holds(math.isfinite(each.t), f"the far line is of the time {each.t}")
    holds(len(post.lines) <= 1, "one message made two lines")


def sparkplug_command(data: bytes) -> None:
    """Feed the payload to the decoder and to a node; what could be decoded and is written again says the same."""
    try:
        with parsing:
            found = decode(data)
    except PayloadError as error:
        holds(len(str(error)) < LONGEST + 4 * len(data), "the sentence is longer than what it is about")
        found = None
    else:
        holds(len(data) <= MOST_BYTES, "more than the most bytes were decoded")
        _check_same(found)
    node = _online()
    heard = node.received("spBv1.0/caspian/NCMD/aktau", data, Moment(START_MS, 1001.0))
    wants = found is not None and any(metric.name == "Node Control/Rebirth" and metric.value is True for metric in found.metrics)
    holds((heard is Heard.MALFORMED) == (found is None), f"{heard} of {found}")
    holds((heard is Heard.REBIRTH) == wants, f"{heard} of {found}")
    sent = [node.next_message(Moment(START_MS, 1001.0)) for _ in range(4)]
    holds(all(each is None or "BIRTH" in each.topic for each in sent), "a command made more than births")


def _check_same(found: Payload) -> None:
    """Whatever is understood of a payload (texts, truths, whole numbers) is understood again when we write it."""
    kept = tuple(
        Metric(metric.name, metric.alias, metric.timestamp_ms, value=metric.value)
        for metric in found.metrics
        if isinstance(metric.value, bool | str) or metric.value is None
    )
    again = decode(encode(Payload(found.timestamp_ms, kept, found.seq)))
    holds(again == Payload(found.timestamp_ms, kept, found.seq), f"{again} was {kept}")


def _online() -> EdgeNode:
    node = EdgeNode(catalogue(), None)
    node.answers("pfe-a")
    node.connecting(Moment(START_MS, 1000.0))
    node.connected()
    while node.next_message(Moment(START_MS, 1000.0)) is not None:
        pass
    return node


def sparkplug_state(data: bytes) -> None:
    """Feed what a primary host says of itself: whatever it is, the node waits, is online, or leaves."""
    node = EdgeNode(catalogue("host"), None)
    node.connecting(Moment(START_MS, 1000.0))
    node.connected()
    first = node.received("spBv1.0/STATE/host", data, Moment(START_MS, 1001.0))
    holds(first in (Heard.MALFORMED, Heard.NOTHING, Heard.HOST_ONLINE, Heard.HOST_OFFLINE), f"{first} of a state")
    node.next_message(Moment(START_MS, 1001.0))
    known = json.dumps({"online": True, "timestamp": START_MS + 120_000}).encode()  # of a host whose clock is right
    second = node.received("spBv1.0/STATE/host", known, Moment(START_MS + 120_000, 1121.0))
    holds(second is Heard.HOST_ONLINE, f"after it a host that is there is {second}")




FAR_WORDS = tuple(
    word.encode()
    for word in '"v":null "q":"good" "q":"bad" "mode":"live" "mode":"sim" "sequence":9007199254740993 "feed":null "light":{} "1":{} '
    'true false null [] {} "2026-11-22T22:04:12.000000Z" "9999-12-31T23:59:59.999999Z" "0001-01-01T00:00:00.000000Z" \\ud800 '
    '"heard":null "rx_dbm": "lost":true "since":null "events":[ "operation":null "earth":"x" ,"signature":"'.split()
)
COMMAND_WORDS = (b"Node Control/Rebirth", b"\x12\x18\x0a\x14", b"\x70\x01", b"\x38\x01", b"\xff" * 9 + b"\x01", b"\x20\x0b")
STATE_WORDS = (b"online", b"timestamp", b"true", b"false", b":", b"{", b"}", b"1772366400000")
TARGETS = (
    Target("far-message", far_message, FAR_WORDS, cost=4),
    Target("sparkplug-command", sparkplug_command, COMMAND_WORDS, cost=3),
    Target("sparkplug-state", sparkplug_state, STATE_WORDS, cost=2),
)
