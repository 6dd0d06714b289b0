"""The interface for set values: staged by name and unit, sent together, and every refusal whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stationd.console.places import Limits
from stationd.core.model import PointId
from stationd.core.operation import orders as core
from stationd.core.operation.views import StagedView
from stationd.core.operation.words import Accepted
from tests.console.acting import GAIN, REFUSED, SHARED, Plant, acting
from tests.console.desk import OPERATOR, VIEWER, Caller

SETPOINT = "io.stationd.Setpoint"
WHO = replace(OPERATOR, name="").orderer  # this machine knows no user of that number
STAGE = {"device": "fp1-booster", "name": "gain", "value": 35.1, "unit": "dB"}
ORDERS: list[tuple[str, dict[str, Any], core.ActOrder]] = [
    ("Stage", STAGE, core.Stage(WHO, GAIN, 35.1)),
    ("Discard", {}, core.Discard(WHO)),
    ("Apply", {"reason": "tilt after repair"}, core.Apply(WHO, "tilt after repair")),
    ("Apply", {"reason": "tilt after repair", "confirmWithinSeconds": 600}, core.Apply(WHO, "tilt after repair", 600.0)),
    ("Confirm", {}, core.Confirm(WHO)),
    ("Revert", {"reason": "it was better"}, core.Revert(WHO, "it was better")),
    ("Rollback", {"number": 2}, core.Rollback(WHO, 2)),
]
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("Stage", {**STAGE, "unit": "dBm"}, "unit"),
    ("Stage", {**STAGE, "value": True}, "value"),
    ("Stage", {**STAGE, "value": "35.1"}, "value"),
    ("Stage", {**STAGE, "value": 10**400}, "value"),
    ("Stage", {**STAGE, "extra": 1}, "extra"),
    ("Apply", {"reason": "x" * 501}, "reason"),
    ("Apply", {"reason": "tilt", "confirmWithinSeconds": 0}, "confirmWithinSeconds"),
    ("Apply", {"reason": "tilt", "confirmWithinSeconds": True}, "confirmWithinSeconds"),
    ("Apply", {}, "reason"),
    ("Revert", {"reason": 3}, "reason"),
    ("Rollback", {"number": 0}, "number"),
    ("Rollback", {"number": 21}, "number"),
    ("Rollback", {"number": True}, "number"),
]


async def call(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Return the short name of the error, or "", and the parameters."""
    answer = await caller.call(f"{SETPOINT}.{method}", parameters)
    return answer.get("error", "").removeprefix(f"{SETPOINT}."), answer.get("parameters", {})


@pytest.mark.parametrize(("method", "parameters", "order"), ORDERS, ids=lambda each: each if isinstance(each, str) else "")
async def test_an_order_reaches_the_desk_as_it_was_given(method: str, parameters: dict[str, Any], order: core.ActOrder) -> None:
    async with acting(plant=Plant(outcomes=[Accepted(("A-4",), "1 value")], durable=False)) as floor:
        caller = await floor.caller()
        assert await call(caller, method, parameters) == ("", {"names": ["A-4"], "detail": "1 value", "durable": False})
        assert floor.plant.orders == [order]


@pytest.mark.parametrize(("method", "parameters", "_"), ORDERS, ids=lambda each: each if isinstance(each, str) else "")
@pytest.mark.parametrize("peer", [VIEWER, SHARED], ids=["viewer", "shared account"])
async def test_who_may_not_set_gives_no_order(method: str, parameters: dict[str, Any], _: core.ActOrder, peer: Any) -> None:
    async with acting(usual=peer) as floor:
        error, said = await call(await floor.caller(), method, parameters)
        assert (error, said["cause"]) == ("NotAllowed", "no-access-authority")
        assert floor.plant.orders == []


@pytest.mark.parametrize(("method", "parameters", "_"), ORDERS, ids=lambda each: each if isinstance(each, str) else "")
async def test_a_refusal_says_all_its_reasons(method: str, parameters: dict[str, Any], _: core.ActOrder) -> None:
    async with acting(plant=Plant(outcomes=[REFUSED])) as floor:
        error, said = await call(await floor.caller(), method, parameters)
        assert (error, said["cause"], len(said["reasons"])) == ("Refused", "blocked-by-hold", 2)
        assert said["reasons"][1]["remedy"] == "open the earth switch at the cabinet"


async def test_an_order_whose_end_is_not_seen_is_answered_as_unknown() -> None:
    async with acting(Limits(order_s=0.05), Plant(stuck=asyncio.Event())) as floor:
        error, said = await call(await floor.caller(), "Apply", {"reason": "tilt after repair"})
        assert error == "OutcomeUnknown"
        assert "0.05 s" in said["detail"]


@pytest.mark.parametrize(("method", "parameters", "parameter"), BAD, ids=lambda each: each if isinstance(each, str) else "")
async def test_what_cannot_be_meant_is_refused_by_the_name_of_the_parameter(
    method: str, parameters: dict[str, Any], parameter: str
) -> None:
    async with acting() as floor:
        caller = await floor.caller()
        error, said = await call(caller, method, parameters)
        assert (error, said) == ("org.varlink.service.InvalidParameter", {"parameter": parameter})
        assert floor.plant.orders == []


@pytest.mark.parametrize(
    ("device", "name", "known"), [("fp1-booster", "tilt", ["gain"]), ("fp9-booster", "gain", []), ("pfe-a", "current", [])]
)
async def test_a_set_value_that_there_is_not_is_named_with_those_that_there_are(device: str, name: str, known: list[str]) -> None:
    async with acting() as floor:
        found = await call(await floor.caller(), "Stage", {**STAGE, "device": device, "name": name})
        assert found == ("NoSuchSetValue", {"device": device, "name": name, "known": known})


async def test_what_is_staged_is_shown_beside_what_is_now() -> None:
    async with acting(usual=VIEWER) as floor:
        floor.plant.waiting = [StagedView(GAIN, "dB", None, 35.1, "a.bekov"), StagedView(GAIN, "dB", 34.0, 35.0, "uid 4243")]
        _, said = await call(await floor.caller(), "Diff")
        first, second = said["staged"]
        assert (first["device"], first["name"], first["staged"]["v"], first["staged"]["u"]) == ("fp1-booster", "gain", 35.1, "dB")
        assert (first["now"]["v"], first["now"]["q"], first["yours"]) == (None, "bad", False)
        assert (second["now"]["v"], second["now"]["q"], second["yours"]) == (34.0, "good", True)


async def test_what_was_applied_is_shown_with_both_values_and_when_it_goes_back() -> None:
    async with acting(usual=VIEWER) as floor:
        floor.plant.sent.append(replace(floor.plant.sent[0], changes=((PointId("gone", "gain"), 1.0, 2.0),), confirm_until_t=None))
        _, said = await call(await floor.caller(), "List")
        first, second = said["applied"]
        assert (first["name"], first["state"]) == ("A-3", "unconfirmed")
        (change,) = first["changes"]
        assert (change["name"], change["before"]["v"], change["after"]["v"], change["after"]["u"]) == ("gain", 34.0, 35.0, "dB")
        assert first["confirmUntil"]["t"] > first["at"]["t"]
        assert (second["changes"][0]["name"], second["confirmUntil"]) == ("gain", None)
