"""The disk that forgets (hil.disk), and the same mounted (hil.lossyfs)."""

from __future__ import annotations

import errno
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest

from hil.disk import ROOT, SECTOR_BYTES, Disk, DiskError
from tests.reliability.mounted import Lossy, lossy, why_not


def tree(disk: Disk) -> dict[str, bytes | None]:
    return dict(disk.tree())


def written(disk: Disk, name: str, data: bytes, *, file: bool, directory: bool) -> int:
    number = disk.create(ROOT, name)
    disk.write(number, 0, data)
    if file:
        disk.sync(number)
    if directory:
        disk.sync(ROOT)
    return number


@pytest.mark.parametrize(
    ("file", "directory", "left"),
    [(True, True, {"a": b"new"}), (True, False, {}), (False, True, {"a": b""}), (False, False, {})],
)
def test_a_file_outlasts_a_cut_when_it_and_its_directory_were_synced(file: bool, directory: bool, left: dict[str, bytes]) -> None:
    disk = Disk()
    written(disk, "a", b"new", file=file, directory=directory)
    assert tree(disk) == {"a": b"new"}
    assert tree(disk.cut()) == left


def test_a_rename_outlasts_a_cut_only_when_its_directory_was_synced_after_it() -> None:
    disk = Disk()
    written(disk, "a", b"old", file=True, directory=True)
    written(disk, ".new", b"new", file=True, directory=False)
    disk.rename(ROOT, ".new", ROOT, "a")
    assert tree(disk.cut()) == {"a": b"old"}
    disk.sync(ROOT)
    assert tree(disk.cut()) == {"a": b"new"}


def test_a_deletion_is_undone_by_a_cut_until_its_directory_is_synced() -> None:
    disk = Disk()
    written(disk, "a", b"x", file=True, directory=True)
    disk.unlink(ROOT, "a")
    assert tree(disk.cut()) == {"a": b"x"}
    disk.sync(ROOT)
    assert tree(disk.cut()) == {}


def test_a_new_directory_is_lost_with_all_that_is_synced_in_it_until_its_own_name_is_synced() -> None:
    disk = Disk()
    below = disk.mkdir(ROOT, "events")
    number = disk.create(below, "a")
    disk.write(number, 0, b"x")
    disk.sync(number)
    disk.sync(below)
    assert tree(disk.cut()) == {}
    disk.sync(ROOT)
    assert tree(disk.cut()) == {"events": None, "events/a": b"x"}


def test_by_chance_any_sectors_survive_and_none_that_was_never_written() -> None:
    disk = Disk()
    number = written(disk, "a", bytes(4 * SECTOR_BYTES), file=True, directory=True)
    disk.write(number, 100, b"\1" * (3 * SECTOR_BYTES))
    seen = {tree(disk.cut(random.Random(seed)))["a"] for seed in range(50)}
    assert len(seen) > 10
    for data in seen:
        assert data is not None
        borders = [0, 100, *(n * SECTOR_BYTES for n in range(1, 4)), 100 + 3 * SECTOR_BYTES]
        assert all(len(set(data[a:b])) <= 1 for a, b in pairwise(borders)), "a sector is whole or not at all"
        assert not any(data[:100])


def test_by_chance_names_change_in_their_order() -> None:
    disk = Disk()
    for name in "abc":
        written(disk, name, b"", file=True, directory=False)
    assert {"".join(tree(disk.cut(random.Random(seed)))) for seed in range(50)} == {"", "a", "ab", "abc"}


def test_a_cut_leaves_the_disk_that_was_cut_as_it_was() -> None:
    disk = Disk()
    number = written(disk, "a", b"old", file=True, directory=True)
    disk.write(number, 0, b"new")
    after = disk.cut()
    after.write(after.lookup(ROOT, "a"), 0, b"???")
    assert tree(disk) == {"a": b"new"}


def test_what_does_not_fit_is_refused_and_what_is_there_can_be_written_over() -> None:
    disk = Disk()
    disk.quota = 10
    number = written(disk, "a", b"0123456789", file=False, directory=False)
    disk.write(number, 0, b"9")
    with pytest.raises(DiskError) as full:
        disk.write(number, 10, b"x")
    assert full.value.errno == errno.ENOSPC
    disk.truncate(number, 0)
    disk.write(number, 0, b"x")


# ---------------------------------------------------------------------- mounted

needs_mount = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can be mounted")


@pytest.fixture
def mounted() -> object:
    with lossy() as disk:
        yield disk


@needs_mount
def test_a_mounted_disk_forgets_at_a_cut_what_was_not_synced(mounted: Lossy) -> None:
    kept, lost = mounted.path / "kept", mounted.path / "lost"
    for path in (kept, lost):
        path.write_bytes(b"x" * 10_000)
    sync(kept)
    sync(mounted.path)
    handle = os.open(lost, os.O_RDWR)
    mounted.order("cut", "")
    assert kept.read_bytes() == b"x" * 10_000
    assert lost.read_bytes() == b""
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        os.pwrite(handle, b"x", 0)
    os.close(handle)


@needs_mount
def test_a_mounted_disk_fails_as_ordered_and_is_well_after_the_repair(mounted: Lossy) -> None:
    path = mounted.path / "a"
    path.write_bytes(b"x")
    mounted.fail("sync", "EIO", n=2, count=1)
    sync(path)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync(path)
    sync(path)
    mounted.fail("any", "EROFS")
    with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
        (mounted.path / "b").write_bytes(b"x")
    mounted.repair()
    mounted.order("quota", "100")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (mounted.path / "b").write_bytes(b"x" * 1000)
    mounted.repair()
    (mounted.path / "b").write_bytes(b"x" * 1000)


@needs_mount
def test_names_of_a_mounted_disk_can_be_made_renamed_listed_and_removed(mounted: Lossy) -> None:
    below = mounted.path / "d" / "e"
    below.mkdir(parents=True)
    for n in range(300):
        (below / f"file{n}").touch()
    assert sorted(each.name for each in below.iterdir()) == sorted(f"file{n}" for n in range(300))
    os.link(below / "file0", mounted.path / "linked")
    (below / "file1").rename(mounted.path / "linked2")
    with pytest.raises(OSError, match=os.strerror(errno.ENOTEMPTY)):
        below.rmdir()
    for path in below.iterdir():
        path.unlink()
    below.rmdir()
    assert sorted(each.name for each in mounted.path.iterdir()) == ["d", "linked", "linked2"]


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
