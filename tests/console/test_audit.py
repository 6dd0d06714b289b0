"""The interface for the audit: records as they stand, the walk along the chain, and a disk that does not answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stationd.console.door import AuditHead, AuditVerified
from stationd.console.places import Limits
from tests.console.acting import ENTRY, Book, acting
from tests.console.desk import VIEWER, Caller

AUDIT = "io.stationd.Audit"


async def call(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    answer = await caller.call(f"{AUDIT}.{method}", parameters)
    return answer.get("error", "").removeprefix(f"{AUDIT}."), answer.get("parameters", {})


async def test_records_are_shown_as_they_stand_to_all_who_may_look() -> None:
    book = Book()
    async with acting(audit=book, usual=VIEWER) as floor:
        caller = await floor.caller()
        error, said = await call(caller, "List", {"last": 5, "since": {"t": "2026-11-21T00:00:00Z", "synchronised": True}})
        assert (error, said["torn"]) == ("", 3)
        (entry,) = said["entries"]
        assert (entry["id"], entry["kind"], entry["subject"], entry["who"]) == ("run-7", "armed", "OP-42", "a.bekov")
        assert entry["document"] == ENTRY.document
        assert entry["at"]["synchronised"] is True
        await call(caller, "List")
        assert book.asked == [(1_795_219_200.0, 5), (None, 100)]


async def test_a_chain_that_holds_and_one_that_does_not_are_told_apart() -> None:
    book = Book()
    async with acting(audit=book, usual=VIEWER) as floor:
        caller = await floor.caller()
        whole = {"intact": True, "position": 2, "digest": "ab" * 32, "brokenAt": None, "why": None}
        assert await call(caller, "Verify") == ("", whole)
        book.found = AuditVerified(AuditHead(1, "cd" * 32), 2, "record 2 is torn")
        broken = {"intact": False, "position": 1, "digest": "cd" * 32, "brokenAt": 2, "why": "record 2 is torn"}
        assert await call(caller, "Verify") == ("", broken)
        assert await call(caller, "Head") == ("", {"head": {"position": 2, "digest": "ab" * 32}})


@pytest.mark.parametrize("method", ["List", "Verify"])
async def test_a_disk_that_cannot_be_read_is_said_and_is_not_an_empty_record(method: str) -> None:
    async with acting(audit=Book(torn=True)) as floor:
        error, said = await call(await floor.caller(), method)
        assert (error, said["detail"]) == ("NotRead", "the journal cannot be read")


async def test_a_disk_that_hangs_is_said() -> None:
    async with acting(Limits(order_s=0.05), audit=Book(stuck=asyncio.Event())) as floor:
        error, said = await call(await floor.caller(), "List")
        assert error == "NotRead"
        assert "0.05 s" in said["detail"]


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"last": 0}, "last"),
        ({"last": 1001}, "last"),
        ({"last": True}, "last"),
        ({"since": {"t": "yesterday", "synchronised": True}}, "since"),
        ({"since": 5}, "since"),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_the_name_of_the_parameter(parameters: dict[str, Any], parameter: str) -> None:
    async with acting(audit=Book()) as floor:
        error, said = await call(await floor.caller(), "List", parameters)
        assert (error, said) == ("org.varlink.service.InvalidParameter", {"parameter": parameter})
