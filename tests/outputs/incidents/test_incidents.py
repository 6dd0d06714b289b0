"""Incidents on a real journal and a real disk: what is opened, kept over a kill, recorded, and given away as a bundle."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stationd.core.verdict.words import Kind
from stationd.outputs.incidents import Incidents, NoSuchIncident, NotWritten
from stationd.outputs.incidents.record import read_through
from stationd.outputs.journal import Wanted
from tests.outputs.incidents.scene import (
    LONG,
    SOON,
    VOLTAGE,
    Scene,
    changed,
    cut,
    healthy,
    names,
    now,
    numbered,
    running,
    scene,
    until,
    verdict,
)  # fmt: skip

ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import asyncio, sys
from pathlib import Path
from tests.outputs.incidents.scene import LONG, changed, cut, now, running, scene, until

async def main():
    async with scene(Path(sys.argv[1]), LONG) as it, running(it.make()) as incidents:
        incidents.heard(changed(cut(now())))
        await until(lambda: incidents.statistics.opened and list(Path(sys.argv[1]).glob("events/F-*.open.json")))
        print("kept", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def records(state: Path) -> list[str]:
    return [name for name in names(state) if name.endswith(".jsonl.gz")]


def head_of(state: Path, name: str) -> dict[str, object]:
    with gzip.open(state / "events" / name) as file:
        return dict(read_through(file))


async def the_fault(incidents: Incidents, as_wished: Callable[[Mapping[str, object]], bool]) -> Mapping[str, object]:
    """Return the only incident when it is as wished."""
    async with asyncio.timeout(20):
        while not ((found := await incidents.faults()) and as_wished(found[0])):
            await asyncio.sleep(0.005)
    (fault,) = found
    return fault


async def recorded(it: Scene) -> str:
    """Play an incident to its record and return its name."""
    async with running(it.make()) as incidents:
        await it.remember(now())
        incidents.heard(changed(cut(now() - 1)))
        await the_fault(incidents, lambda fault: bool(fault["recorded"]))
    return records(it.state)[0].removesuffix(".jsonl.gz")


async def test_an_incident_is_on_the_disk_at_once_and_its_record_after_its_window(tmp_path: Path) -> None:
    async with scene(tmp_path) as it, running(it.make()) as incidents:
        incidents.heard(changed(cut(now())))
        await until(lambda: any(name.endswith(".open.json") for name in names(tmp_path)))
        fault = await the_fault(incidents, lambda fault: bool(fault["recorded"]))
        assert (fault["kind"], fault["ours"], fault["standing"]) == ("cable-cut", "no", True)
        assert len(records(tmp_path)) == 1


async def test_healthy_again_ends_an_incident_and_its_record_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path) as it, running(it.make()) as incidents:
        incidents.heard(changed(cut(now())))
        incidents.heard(changed(healthy(now())))
        await until(lambda: names(tmp_path) == records(tmp_path) != [])
        head = head_of(tmp_path, records(tmp_path)[0])
        assert head["ended_utc_s"] is not None
        assert [each["kind"] for each in head["verdicts"]] == ["cable-cut", "healthy"]  # type: ignore[attr-defined]
        assert (await incidents.fault())["standing"] is False


async def test_an_incident_survives_kill_9(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    while await process.stdout.readline() != b"kept\n":
        assert process.returncode is None
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with scene(tmp_path, LONG) as it, running(it.make()) as incidents:
        fault = await the_fault(incidents, lambda _: True)
        assert (fault["kind"], fault["recorded"], fault["standing"]) == ("cable-cut", False, True)


async def test_a_restart_in_the_middle_finishes_the_record_with_what_was_measured_before_it(tmp_path: Path) -> None:
    async with scene(tmp_path, LONG) as it:
        await it.remember(now())
        async with running(it.make()) as incidents:
            incidents.heard(changed(cut(now())))
            await until(lambda: bool(names(tmp_path)))
    async with scene(tmp_path) as it, running(it.make()) as incidents:
        incidents.heard(changed(cut(now())))  # found again by the new run: the same incident
        await the_fault(incidents, lambda fault: bool(fault["recorded"]))
        fault = await incidents.fault()
        assert fault["changes"] == 2
        assert {row["what"] for row in fault["sequence"]} == {"light-lost", "LINE-DOWN"}  # type: ignore[attr-defined]
        with zipfile.ZipFile((await incidents.bundle()).path) as bundle:
            assert len(bundle.read("csv/output_voltage.csv").splitlines()) == 31


async def test_a_bundle_opens_and_its_numbers_are_those_of_the_history(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        name = await recorded(it)
        async with running(it.make()) as incidents:
            written = await incidents.bundle(name)
        history = await it.journal.trace(Wanted(str(VOLTAGE), 0.0, 4e9))
    assert written.path == tmp_path / "bundles" / f"{name}.zip"
    assert hashlib.sha256(written.path.read_bytes()).hexdigest() == written.sha256
    with zipfile.ZipFile(written.path) as bundle:
        assert bundle.testzip() is None
        for picture in ("voltage", "current", "levels-pair-01"):
            root = ElementTree.fromstring(bundle.read(f"plots/{picture}.svg"))
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert "UTC" in bundle.read(f"plots/{picture}.svg").decode()
        rows = list(csv.DictReader(io.StringIO(bundle.read("csv/output_voltage.csv").decode())))
        assert [row["value"] for row in rows[:-2]] == [repr(sample.value) for sample in history.samples[:-2]]
        assert [(row["value"], row["quality"], row["why"]) for row in rows[-2:]] == [("", "stale", "timeout")] * 2
        sums = dict(line.split("  ")[::-1] for line in bundle.read("SHA256SUMS").decode().splitlines())
        assert sums == {name: hashlib.sha256(bundle.read(name)).hexdigest() for name in bundle.namelist() if name != "SHA256SUMS"}
        document = json.loads(bundle.read("incident.json"))
        assert document["line"]["length_km"] == 341.0
        assert document["complete"] is True
        assert ElementTree.fromstring(bundle.read("index.html").decode().removeprefix("<!DOCTYPE html>\n")).tag == "html"
        assert "'=cut" in bundle.read("events.csv").decode()


async def test_a_bundle_before_the_window_is_over_says_that_it_is_not_complete(tmp_path: Path) -> None:
    async with scene(tmp_path, LONG) as it, running(it.make()) as incidents:
        await it.remember(now())
        incidents.heard(changed(cut(now() - 1)))
        await until(lambda: bool(names(tmp_path)))
        written = await incidents.bundle()
        assert not written.complete
        with zipfile.ZipFile(written.path) as bundle:
            assert "not complete" in bundle.read("index.html").decode()


async def test_a_damaged_record_is_set_aside_and_said_and_never_shown_as_whole(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        name = await recorded(it)
        path = tmp_path / "events" / f"{name}.jsonl.gz"
        path.write_bytes(path.read_bytes()[:-20])
        (tmp_path / "events" / f"{name}.open.json").unlink(missing_ok=True)
        async with running(it.make()) as incidents:
            with pytest.raises(NoSuchIncident):
                await incidents.bundle(name)
            assert incidents.statistics.set_aside == 1
    assert f"{name}.jsonl.gz.damaged" in names(tmp_path)


async def test_a_torn_note_of_an_open_incident_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "F-2026-01-01-1.open.json").write_text('{"id": "F-2026-01-01-1", "verd')
    (tmp_path / "events" / "F-2026-01-01-2.open.json").write_text("[]")
    async with scene(tmp_path) as it, running(it.make()) as incidents:
        incidents.heard(changed(cut(now())))
        await until(lambda: len(records(tmp_path)) == 1)
        assert incidents.statistics.set_aside == 2


async def test_a_disk_that_refuses_costs_nothing_and_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("no directory")
    (tmp_path / "bundles").write_text("no directory")
    async with scene(tmp_path) as it, running(it.make()) as incidents:
        incidents.heard(changed(cut(now())))
        await until(lambda: incidents.statistics.failed > 2)
        (tmp_path / "events").unlink()
        await the_fault(incidents, lambda fault: bool(fault["recorded"]))
        with pytest.raises(NotWritten):
            await incidents.bundle()
        (tmp_path / "bundles").unlink()
        assert (await incidents.bundle()).complete


async def test_a_station_that_starts_and_cannot_tell_yet_has_no_incident(tmp_path: Path) -> None:
    async with scene(tmp_path) as it, running(it.make()) as incidents:
        incidents.heard(changed(verdict(Kind.CANNOT_TELL, now())))
        incidents.heard(changed(healthy(now())))
        assert await incidents.faults() == []
        with pytest.raises(NoSuchIncident):
            await incidents.fault()
        for name in ("../journal", "F-2026-01-01-1", "last "):
            with pytest.raises(NoSuchIncident):
                await incidents.bundle(name)


async def test_another_fault_that_holds_has_a_file_and_a_record_of_its_own_although_nothing_more_is_said(tmp_path: Path) -> None:
    settings = replace(SOON, after_s=1.0, held_s=0.1)
    async with scene(tmp_path, settings) as here, running(here.make()) as incidents:
        incidents.heard(changed(verdict(Kind.FEED_TRIP_HERE, now())))
        await until(lambda: len(names(tmp_path)) == 1)
        incidents.heard(changed(cut(now())))
        await until(lambda: len(set(numbered(tmp_path))) == 2)
        assert incidents.statistics.opened == 2
        second, first = [await incidents.fault(str(each["id"])) for each in await incidents.faults()]
    assert [(each["kind"], each["before"]) for each in (first, second)] == [("feed-trip-here", ""), ("cable-cut", first["id"])]
    assert first["ended_utc_s"] == second["opened_utc_s"]
