"""The bundle as a file: whole or not there, never too big, and the list of contents tells the truth."""

from __future__ import annotations

import hashlib
import io
import os
import random
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stationd.support.packing import CONTENTS, Missing, NoPlace, Part, packed, places, written

ROOT = Path(__file__).resolve().parents[2]
UTC_S = 1_795_000_000.0


def noise(size: int) -> bytes:
    return b"".join(f"{random.Random(number).getrandbits(400):x}\n".encode() for number in range(size // 101))


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name) for name in bundle.namelist()}


def test_the_contents_name_size_and_digest_of_each_part_and_what_is_missing() -> None:
    data, listing = packed([Part("b.txt", b"two"), Part("a.txt", b"one")], [Missing("log.txt", "no\njournalctl")], ["head"], UTC_S)
    inside = opened(data)
    assert list(inside) == [CONTENTS, "a.txt", "b.txt"]
    assert inside[CONTENTS].decode() == listing
    assert f"           3  {hashlib.sha256(b'one').hexdigest()}  a.txt" in listing.splitlines()
    assert "log.txt: no journalctl" in listing.splitlines()


def test_the_same_parts_make_the_same_bundle() -> None:
    parts = [Part("a.txt", b"one"), Part("b.txt", b"two")]
    assert packed(parts, [], [], UTC_S) == packed(parts[::-1], [], [], UTC_S)


def test_the_oldest_lines_go_first_and_that_is_said() -> None:
    lines = noise(600_000)
    data, listing = packed([Part("e.jsonl", lines, excerpt=True), Part("station.toml", b"x" * 1000)], [], [], UTC_S, 200_000)
    assert len(data) <= 200_000
    inside = opened(data)
    assert lines.endswith(inside["e.jsonl"])
    assert len(inside["e.jsonl"]) > 50_000
    assert "lines are left out, for the size of the bundle" in listing


def test_what_is_still_too_big_goes_as_a_whole_and_small_things_stay() -> None:
    data, listing = packed([Part("selftest/big.json", noise(600_000)), Part("summary.txt", b"A station")], [], [], UTC_S, 100_000)
    assert len(data) <= 100_000
    assert set(opened(data)) == {CONTENTS, "summary.txt"}
    assert "selftest/big.json: left out" in listing


def test_a_time_that_no_zip_knows_is_no_reason_to_fail() -> None:
    for utc_s in (0.0, -1e12, 1e12, 9e9):
        assert opened(packed([Part("a", b"1")], [], [], utc_s)[0])["a"] == b"1"


def test_the_first_place_that_takes_it_is_taken_and_the_others_are_told(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    done = written(b"data", "s.zip", [tmp_path / "none", good], tmp_path / "nowhere")
    assert (done.path, done.path.read_bytes()) == (good / "s.zip", b"data")
    assert done.path.stat().st_mode & 0o777 == 0o600
    assert len(done.passed_over) == 1
    assert "No such file" in done.passed_over[0]


def test_a_bundle_never_takes_the_place_of_another(tmp_path: Path) -> None:
    names = [written(data, "s.zip", [tmp_path], tmp_path).path.name for data in (b"one", b"two", b"three")]
    assert names == ["s.zip", "s-2.zip", "s-3.zip"]
    assert (tmp_path / "s.zip").read_bytes() == b"one"


def test_a_link_that_waits_for_us_in_an_open_directory_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for name in (".s.zip.new", "s.zip"):
        (tmp_path / name).symlink_to(victim)
    written(b"data", "s.zip", [tmp_path], tmp_path)
    assert victim.read_bytes() == b"precious"


def test_no_half_file_is_left_where_the_disk_ends(tmp_path: Path) -> None:
    program = (
        "import pathlib, resource, sys; from stationd.support import packing\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "try: packing.written(b'x' * 5000, 's.zip', [pathlib.Path(sys.argv[1])], pathlib.Path('/nowhere'))\n"
        "except packing.NoPlace as why: print(why)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert "File too large" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


@contextmanager
def disk(place: Path, options: str) -> Iterator[Path]:
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a small disk wants root, and the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_passed_over_and_stays_as_full_as_it_was(tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=1m") as small:
        (small / "journal").write_bytes(bytes(1 << 20))
        done = written(bytes(500_000), "s.zip", [small, tmp_path], small)
        assert done.path.parent == tmp_path
        assert "MB are free" in done.passed_over[0]
        assert [path.name for path in small.iterdir()] == ["journal"]


def test_a_disk_that_refuses_while_it_is_written_is_passed_over(tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=64m,nr_inodes=2") as small:
        (small / "the-last-inode").touch()
        done = written(b"data", "s.zip", [small, tmp_path], tmp_path / "elsewhere")
        assert done.path.parent == tmp_path
        assert "No space left on device" in done.passed_over[0]
        assert [path.name for path in small.iterdir()] == ["the-last-inode"]


def test_where_no_place_takes_it_every_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoPlace) as why:
        written(b"data", "s.zip", [tmp_path / "a", tmp_path / "b"], tmp_path)
    assert str(why.value).count("No such file") == 2


def test_places_are_looked_for_in_the_order_that_people_expect(tmp_path: Path) -> None:
    assert places(tmp_path, {"HOME": "/home/a"}) == [tmp_path / "bundles", Path("/home/a"), Path("/tmp"), Path("/dev/shm")]
    assert places(tmp_path, {}) == [tmp_path / "bundles", Path("/tmp"), Path("/dev/shm")]
