"""The whole daemon, asked by the client of another library (python-varlink), which knows of it what the daemon itself tells."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import varlink
from asyncvarlink import TypedVarlinkErrorReply, VarlinkErrorReply

import stationd.console
from stationd.bench.malformed import declared
from tests.console.daemon_process import SERVICE, SEVEN, daemon

READING: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Alarm": [("List", {}), ("List", {"filter": {"shown": "all", "limit": 5}}), ("History", {"limit": 10}), ("Statistics", {})],
    "Audit": [("List", {"last": 5}), ("Head", {}), ("Verify", {})],
    "Diagnostics": [
        ("GetClock", {}), ("GetHealth", {}), ("GetVersion", {}), ("GetConfig", {}), ("GetLog", {"limit": 5}), ("ListPoints", {}),
    ],
    "Operation": [("List", {}), ("Holds", {}), ("Authority", {}), ("Interlocks", {})],
    "Session": [("List", {}), ("GetPrompt", {}), ("GetHandover", {})],
    "Setpoint": [("Diff", {}), ("List", {})],
    "Status": [("GetStatus", {})],
}  # fmt: skip
TYPED: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    ("Alarm", "Unshelve", {"key": "nowhere/NOTHING"}, "NoSuchAlarm", {"key": "nowhere/NOTHING"}),
    ("Diagnostics", "GetFeed", {"device": "nowhere"}, "NoSuchDevice", {"cause": "no-such-device"}),
    ("Operation", "Get", {"operation": "OP-99"}, "NoSuchOperation", {"operation": "OP-99"}),
    ("Session", "Message", {"to": "nobody", "text": "hello"}, "NobodyThere", {"to": "nobody"}),
    ("Setpoint", "Stage", {"device": "oa-3", "name": "gain", "value": 1.0, "unit": "dB"}, "NoSuchSetValue", {"device": "oa-3"}),
    ("Status", "GetDevice", {"device": "nowhere"}, "NoSuchDevice", {"device": "nowhere"}),
]
WITHOUT_AN_ERROR_TO_PROVOKE = {"Audit"}  # NotRead wants a disk that cannot be read


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with daemon() as found:
        yield found


@pytest.fixture
def client(path: Path) -> Iterator[varlink.Client]:
    with varlink.Client(f"unix:{path}") as found:
        yield found


def handle(client: varlink.Client, interface: str) -> Any:
    return client.open(f"io.stationd.{interface}")


def test_it_reads_the_description_of_every_interface(client: varlink.Client) -> None:
    assert set(client.get_interfaces()) == {*SEVEN, SERVICE}
    assert client.info["product"] == "stationd"
    for name in SEVEN:
        found = client.get_interface(name)
        assert found.name == name
        assert f"interface {name}" in found.description


@pytest.mark.parametrize("interface", READING)
def test_it_reads_something_of_every_interface(client: varlink.Client, interface: str) -> None:
    with handle(client, interface) as asked:
        for method, parameters in READING[interface]:
            assert getattr(asked, method)(**parameters), method


@pytest.mark.parametrize(("interface", "method", "parameters", "error", "carried"), TYPED)
def test_it_gets_the_typed_errors_of_every_interface(
    client: varlink.Client, interface: str, method: str, parameters: dict[str, Any], error: str, carried: dict[str, Any]
) -> None:
    with handle(client, interface) as asked, pytest.raises(varlink.VarlinkError) as refused:
        getattr(asked, method)(**parameters)
    assert refused.value.error() == f"io.stationd.{interface}.{error}"
    assert carried.items() <= refused.value.parameters().items()


def test_there_is_a_typed_error_of_each_interface_that_has_one() -> None:
    assert {interface for interface, *_ in TYPED} | WITHOUT_AN_ERROR_TO_PROVOKE == set(READING)


@pytest.mark.parametrize("interface", ["Alarm", "Operation", "Session", "Status"])
def test_it_hears_the_first_of_a_stream_of_every_interface_that_has_one(client: varlink.Client, interface: str) -> None:
    with handle(client, interface) as asked:
        (first,) = islice(asked.Monitor(_more=True), 1)
        (said,) = first.values()
        assert said


def test_every_interface_with_a_stream_is_heard(client: varlink.Client) -> None:
    streaming = {name for name in SEVEN if "\nmethod Monitor(" in client.get_interface(name).description}
    assert streaming == {f"io.stationd.{name}" for name in ("Alarm", "Operation", "Session", "Status")}


def raised_by_us() -> set[type[VarlinkErrorReply]]:
    """Return every error that a module of the console has made."""
    for module in pkgutil.iter_modules(stationd.console.__path__, "stationd.console."):
        importlib.import_module(module.name)
    found, waiting = set(), [VarlinkErrorReply]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found |= {each for each in below if each.__module__.startswith("stationd.")}
    return found


def test_every_error_that_the_code_has_is_declared_by_the_interface_whose_name_it_bears(client: varlink.Client) -> None:
    every = frozenset[str]().union(*(declared(client.get_interface(name).description) for name in SEVEN))
    ours = {each.name: each for each in raised_by_us()}
    assert len(ours) > 25
    assert all(issubclass(each, TypedVarlinkErrorReply) for each in ours.values())
    assert ours.keys() <= every, f"not declared: {sorted(ours.keys() - every)}"
    assert every <= ours.keys(), f"nobody raises: {sorted(every - ours.keys())}"
