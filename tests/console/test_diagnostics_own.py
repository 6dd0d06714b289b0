"""The daemon about itself over the control socket: who may ask what, and how each refusal is said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stationd.console.peer import Peer
from stationd.console.places import USUAL
from stationd.shell.exits import Exit, refusal
from tests.console.desk import OPERATOR, ROOT, VIEWER, Served, serving
from tests.console.own import FEED, POINT, Own

NAME = "io.stationd.Diagnostics"
READS: list[tuple[str, dict[str, Any], str]] = [
    ("GetClock", {}, "clock"),
    ("GetHealth", {}, "health"),
    ("GetVersion", {}, "version"),
    ("GetConfig", {}, "config"),
    ("GetConfig", {"path": "pfe.pfe-a.max_v"}, "config"),
    ("GetLog", {}, "log"),
    ("GetHistory", {"point": POINT, "seconds": 3600, "columns": 66}, "series"),
    ("ListPoints", {}, "points"),
    ("GetEvents", {"subject": FEED}, "events"),
    ("GetFeed", {"device": FEED}, "feed"),
]
NOTES: list[tuple[str, dict[str, Any], str]] = [
    ("SelfTest", {}, "report"),
    ("LinkTest", {}, "report"),
    ("SaveText", {"name": "status.txt", "text": "all is well"}, "path"),
]


async def ask(served: Served, method: str, parameters: dict[str, Any], peer: Peer = OPERATOR) -> dict[str, Any]:
    caller = await served.caller(peer)
    answer = await caller.call(f"{NAME}.{method}", parameters)
    caller.close()
    return answer


@pytest.mark.parametrize(("method", "parameters", "name"), READS)
@pytest.mark.parametrize("peer", [VIEWER, OPERATOR, ROOT])
async def test_whoever_may_look_may_read(method: str, parameters: dict[str, Any], name: str, peer: Peer) -> None:
    async with serving() as served:
        assert name in (await ask(served, method, parameters, peer))["parameters"]


@pytest.mark.parametrize(("method", "parameters", "name"), NOTES)
async def test_tests_and_saved_texts_want_somebody_who_may_write_notes(method: str, parameters: dict[str, Any], name: str) -> None:
    own = Own()
    async with serving(own=own) as served:
        refused = await ask(served, method, parameters, VIEWER)
        assert refused["error"] == f"{NAME}.NotAllowed"
        assert refused["parameters"]["cause"] == "no-access-authority"
        assert own.asked == []
        assert name in (await ask(served, method, parameters, OPERATOR))["parameters"]


@pytest.mark.parametrize("method", ["GetLine", "GetBaseline", "ListFaults", "GetFault", "TakeBaseline", "MakeBundle"])
async def test_a_station_without_a_line_says_so(method: str) -> None:
    async with serving() as served:
        answer = await ask(served, method, {})
        assert answer["error"] == f"{NAME}.NoLine"
        said = refusal(answer["error"], answer["parameters"])
        assert said.code is Exit.NO_SUCH_THING
        assert "no [line]" in said.why


@pytest.mark.parametrize(
    ("method", "parameters", "error", "near"),
    [
        ("GetConfig", {"path": "pfe.pfe-a.maxv"}, "NoSuchKey", "pfe.pfe-a.max_v"),
        ("GetHistory", {"point": "pfe-a.curent", "seconds": 60, "columns": 10}, "NoSuchPoint", POINT),
        ("GetEvents", {"subject": "pfe"}, "NoSuchDevice", FEED),
        ("GetFeed", {"device": "io1"}, "NoSuchDevice", FEED),
    ],
)
async def test_what_there_is_none_of_is_named_with_what_was_probably_meant(
    method: str, parameters: dict[str, Any], error: str, near: str
) -> None:
    async with serving() as served:
        answer = await ask(served, method, parameters)
        assert answer["error"] == f"{NAME}.{error}"
        assert answer["parameters"]["near"] == [near]
        said = refusal(answer["error"], answer["parameters"])
        assert said.code is Exit.NO_SUCH_THING
        assert near in said.to_do


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("GetHistory", {"point": POINT, "seconds": 0, "columns": 10}),
        ("GetHistory", {"point": POINT, "seconds": 400 * 86_400 + 1, "columns": 10}),
        ("GetHistory", {"point": POINT, "seconds": 60, "columns": 0}),
        ("GetHistory", {"point": POINT, "seconds": 60, "columns": 201}),
        ("GetHistory", {"point": POINT, "seconds": True, "columns": 10}),
        ("GetLog", {"limit": 0}),
        ("GetLog", {"limit": 1001}),
        ("GetLog", {"since": {"t": "yesterday", "synchronised": None}}),
        ("GetEvents", {"subject": FEED, "limit": 1001}),
        ("GetEvents", {"subject": FEED, "since": {"t": "2026-11-22T22:04:12", "synchronised": None}}),
    ],
)
async def test_numbers_and_times_out_of_bounds_are_refused_by_name(method: str, parameters: dict[str, Any]) -> None:
    async with serving() as served:
        assert (await ask(served, method, parameters))["error"] == "org.varlink.service.InvalidParameter"


async def test_a_time_is_handed_on_as_the_time_it_names() -> None:
    own = Own()
    async with serving(own=own) as served:
        await ask(served, "GetLog", {"since": {"t": "2026-11-22T22:04:12Z", "synchronised": True}, "limit": 7})
    assert own.asked == [(1_795_385_052.0, 7)]


async def test_a_disk_that_fails_or_hangs_ends_with_a_sentence_and_not_with_a_hang() -> None:
    own = Own(disk=False)
    async with serving(replace(USUAL, order_s=0.05), own=own) as served:
        failed = await ask(served, "GetHealth", {})
        assert failed["error"] == f"{NAME}.NotDone"
        assert "No space left" in failed["parameters"]["detail"]
        own.held = asyncio.Event()
        hung = await ask(served, "GetClock", {})
        assert hung["error"] == f"{NAME}.NotDone"
        assert "the disk may hang" in hung["parameters"]["detail"]


@pytest.mark.parametrize(("cause", "code"), [("name-taken", 9), ("bad-name", 2), ("too-large", 2), ("no-room", 5)])
def test_each_way_not_to_save_has_its_code(cause: str, code: int) -> None:
    assert refusal(f"{NAME}.NotSaved", {"cause": cause, "detail": "it is so", "hint": "do this"}).code == code


async def test_a_text_that_is_not_saved_says_why() -> None:
    async with serving() as served:
        answer = await ask(served, "SaveText", {"name": "taken", "text": ""})
        assert answer["error"] == f"{NAME}.NotSaved"
        assert answer["parameters"] == {"cause": "name-taken", "detail": "it is there", "hint": "take another name"}
