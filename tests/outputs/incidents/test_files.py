"""The directory of incidents: what goes first when there is no room, and what a disk that refuses leaves as it was."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stationd.outputs.incidents.course import Incident, Settings
from stationd.outputs.incidents.files import Files, Statistics
from stationd.outputs.incidents.record import Damaged

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KIB = 1024


def named(days_ago: int, number: int = 1) -> str:
    return f"F-{NOW - timedelta(days=days_ago):%Y-%m-%d}-{number}"


def incident(name: str) -> Incident:
    return Incident(name, NOW.timestamp(), True, ({"kind": "shunt"},))


def files(state: Path, quota: int) -> tuple[Files, Statistics]:
    statistics = Statistics()
    return Files(state, replace(Settings(), quota=quota), statistics), statistics


def put(target: Files, name: str, size: int = KIB) -> None:
    target.events.mkdir(parents=True, exist_ok=True)
    (target.events / name).write_bytes(b"x" * size)


def left(target: Files) -> list[str]:
    return sorted(path.name for path in target.events.iterdir())


@contextlib.contextmanager
def no_room(bytes_: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a full disk would not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_within_the_quota_nothing_goes_however_old_it_is(tmp_path: Path) -> None:
    target, statistics = files(tmp_path, 4 * KIB)
    for days in (1, 400, 4000):
        put(target, f"{named(days)}.jsonl.gz")
    target.make_room(NOW.timestamp())
    assert len(left(target)) == statistics.records == 3
    assert statistics.bytes == 3 * KIB


def test_damaged_files_go_first_then_the_oldest_that_are_older_than_a_year(tmp_path: Path) -> None:
    target, statistics = files(tmp_path, 3 * KIB)
    put(target, f"{named(1)}.jsonl.gz.damaged")
    for days in (2, 300, 400, 500):
        put(target, f"{named(days)}.jsonl.gz")
    put(target, "notes of the shift.txt", 100 * KIB)
    target.make_room(NOW.timestamp())
    assert left(target) == sorted([*(f"{named(days)}.jsonl.gz" for days in (2, 300, 400)), "notes of the shift.txt"])
    assert (statistics.deleted, statistics.deleted_pinned) == (2, 0)


def test_records_of_the_last_year_go_last_the_oldest_first_and_that_is_counted(tmp_path: Path) -> None:
    target, statistics = files(tmp_path, 2 * KIB)
    for days in (3, 30, 300, 400):
        put(target, f"{named(days)}.jsonl.gz")
    target.make_room(NOW.timestamp())
    assert left(target) == sorted(f"{named(days)}.jsonl.gz" for days in (3, 30))
    assert (statistics.deleted, statistics.deleted_pinned) == (2, 1)


def test_the_newest_record_stays_although_it_alone_is_too_much(tmp_path: Path) -> None:
    target, _ = files(tmp_path, KIB)
    put(target, f"{named(1)}.jsonl.gz", 9 * KIB)
    put(target, f"{named(1, 12)}.jsonl.gz", 9 * KIB)
    target.make_room(NOW.timestamp())
    assert left(target) == [f"{named(1, 12)}.jsonl.gz"]


def test_a_full_disk_leaves_every_file_that_was_there_whole_and_no_half_one(tmp_path: Path) -> None:
    target, _ = files(tmp_path, 1 << 20)
    name = named(0)
    lines = [b'{"format": 1, "id": "%s", "verdicts": []}\n' % name.encode(), b'{"end": 0}\n']
    target.keep(incident(name))
    target.record(name, iter(lines))
    target.bundle(name, lambda file: file.write(b"old"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    noise = bytes(index * index % 251 for index in range(9000))
    with no_room(64):
        for write in (
            lambda: target.keep(replace(incident(name), recorded=True)),
            lambda: target.record(name, iter([noise])),
            lambda: target.bundle(name, lambda file: file.write(noise)),
        ):
            with pytest.raises(OSError):  # noqa: PT011 - whatever a full disk says
                write()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    target.record(name, iter(lines))
    with target.reading(name) as file:
        assert file.readline(1000) == lines[0]


def test_what_a_kill_left_half_written_is_removed_at_the_start(tmp_path: Path) -> None:
    target, _ = files(tmp_path, 1 << 20)
    put(target, f".{named(0)}.jsonl.gz.new")
    put(target, ".swp")
    names, open_ones = target.load()
    assert (names, open_ones, left(target)) == (frozenset(), (), [".swp"])


def test_a_name_is_not_given_twice_although_its_record_is_damaged(tmp_path: Path) -> None:
    target, _ = files(tmp_path, 1 << 20)
    put(target, f"{named(0, 3)}.jsonl.gz.damaged")
    assert target.load()[0] == {named(0, 3)}


def test_an_open_incident_that_is_nested_too_deeply_is_set_aside_and_the_start_goes_on(tmp_path: Path) -> None:
    target, statistics = files(tmp_path, 1 << 20)
    put(target, f"{named(0)}.open.json")
    (target.events / f"{named(0)}.open.json").write_bytes(b'{"verdicts":' + b"[" * 100_000)
    assert target.load()[1] == ()
    assert statistics.set_aside == 1


def test_a_record_whose_line_is_nested_too_deeply_is_damaged(tmp_path: Path) -> None:
    target, _ = files(tmp_path, 1 << 20)
    target.record(named(0), iter([b"[" * 100_000 + b"\n"]))
    with pytest.raises(Damaged), target.reading(named(0)):
        pass


@pytest.mark.parametrize("cut", [1, 5, 30, 60])
def test_a_record_that_is_cut_anywhere_is_damaged(tmp_path: Path, cut: int) -> None:
    target, statistics = files(tmp_path, 1 << 20)
    name = named(0)
    path = target.record(name, iter([b'{"format": 1, "id": "%s", "verdicts": []}\n' % name.encode(), b'{"end": 0}\n']))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(Damaged), target.reading(name):
        pass
    assert statistics.set_aside == 1


def test_the_oldest_bundles_go_beyond_the_number_that_is_kept(tmp_path: Path) -> None:
    target = Files(tmp_path, replace(Settings(), bundles=2), Statistics())
    for number in (1, 2, 3):
        target.bundle(named(0, number), lambda file: file.write(b"zip"))
        at = time.time() - 100 + number
        os.utime(target.bundles / f"{named(0, number)}.zip", (at, at))
    target.bundle(named(0, 4), lambda file: file.write(b"zip"))
    assert sorted(path.stem for path in target.bundles.iterdir()) == [named(0, 3), named(0, 4)]
