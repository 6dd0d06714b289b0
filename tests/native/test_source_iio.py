"""The IIO source against stand-ins of their devices, under address and undefined-behaviour sanitizers.

Leaks, memory taken while reading and descriptors left open are failures too (native/test_sources.c).

Where there is root and /dev/fuse, one device is a FUSE file behind the real system calls; else FIFOs and plain files stand for them.
"""

from __future__ import annotations

import errno
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native.iio_tree import Tree
from tests.native.source_probe import Probe, needs_fuse, running

PLAIN = ["le:u16/16>>0"] * 4
SCAN = struct.Struct("<4Hq")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    one = Tree(tmp_path, PLAIN)
    yield one
    one.end()


def scans(count: int) -> list[tuple[int, ...]]:
    return [(n, n + 100, n + 200, 65535 - n, 1_000_000_000 + n * 1_000_000) for n in range(count)]


def packed(rows: list[tuple[int, ...]]) -> bytes:
    return b"".join(SCAN.pack(*row) for row in rows)


# ---------------------------------------------------------------- scans


def test_scans_come_back_as_counts_with_their_own_times(probe: Probe, tree: Tree) -> None:
    opened = probe.open("iio", **tree.keys, index="0,1,2,3")
    assert (opened["opened"], opened["paced"], opened["timed"], opened["monotonic"]) == (0, 1, 1, 1)
    rows = scans(5)
    tree.push(packed(rows))
    answer = probe.read()
    assert answer["counts"] == [list(row[:4]) for row in rows]
    assert answer["times"] == [row[4] for row in rows]
    assert answer["drained"] == 1
    probe.close()


def test_channels_are_chosen_by_number_and_come_in_the_order_asked_for(probe: Probe, tree: Tree) -> None:
    for name, index in (("in_voltage0", 2), ("in_voltage2", 0)):
        tree.channel(name, index, "le:u16/16>>0")
    assert probe.open("iio", **tree.keys, index="2,3,0")["opened"] == 0
    tree.push(struct.pack("<3H2xq", 12, 10, 13, 5))  # in_voltage2, in_voltage0 (index 2), in_voltage3
    assert probe.read()["counts"] == [[12, 13, 10]]
    probe.close()


def test_a_scan_is_whole_wherever_the_bytes_are_cut(probe: Probe, tree: Tree) -> None:
    probe.open("iio", **tree.keys, index="0,1,2,3")
    rows = scans(3)
    data = packed(rows)
    for cut in range(1, len(data)):
        tree.push(data[:cut])
        first = probe.read()
        tree.push(data[cut:])
        second = probe.read()
        assert first["returned"] == cut // SCAN.size
        assert first["drained"] == 1
        assert first["counts"] + second["counts"] == [list(row[:4]) for row in rows], cut
        assert first["times"] + second["times"] == [row[4] for row in rows], cut
    probe.close()


@pytest.mark.parametrize(
    ("layout", "data", "count"),
    [("be:u16/16>>0", "1234", 0x1234), ("le:s16/16>>0", "feff", -2), ("le:u12/16>>0", "34f2", 0x234), ("le:u12/16>>4", "4523", 0x234)],
)
def test_one_channel_of_another_layout_does_not_change_its_neighbours(
    probe: Probe, tmp_path: Path, layout: str, data: str, count: int
) -> None:
    tree = Tree(tmp_path, [*PLAIN[:2], layout, *PLAIN[:1]], timestamp=False)
    probe.open("iio", **tree.keys, index="0,1,2,3")
    tree.push(bytes.fromhex("01ff02ff" + data + "03ff"))
    assert probe.read()["counts"] == [[0xFF01, 0xFF02, count, 0xFF03]]
    probe.close()
    tree.end()


def test_neighbours_that_differ_in_their_shift_alone_are_each_shifted_by_their_own(probe: Probe, tmp_path: Path) -> None:
    tree = Tree(tmp_path, ["le:u12/16>>4", "le:u12/16>>0"], timestamp=False)
    probe.open("iio", **tree.keys, index="0,1")
    tree.push(struct.pack("<HH", 0x1234, 0x1234))
    assert probe.read()["counts"] == [[0x123, 0x234]]
    probe.close()
    tree.end()


def test_no_more_scans_are_taken_than_there_is_room_and_the_rest_follows(probe: Probe, tree: Tree) -> None:
    probe.open("iio", **tree.keys, index="0,1,2,3")
    tree.push(packed(scans(5)))
    answers = [probe.read(2) for _ in range(4)]
    assert [answer["returned"] for answer in answers] == [2, 2, 1, 0]
    assert [answer["drained"] for answer in answers] == [0, 0, 1, 1]
    assert probe.read(0)["returned"] == 0
    probe.close()


def test_nothing_yet_is_no_error_and_an_interrupted_call_is_made_again(probe: Probe, tree: Tree) -> None:
    probe.open("iio", **tree.keys, index="0,1,2,3")
    assert probe.read()["returned"] == 0
    tree.push(packed(scans(1)))
    probe.fault(errno.EINTR)
    assert probe.read()["returned"] == 1
    probe.close()


def test_a_failed_reading_is_told_and_loses_no_bytes(probe: Probe, tree: Tree) -> None:
    probe.open("iio", **tree.keys, index="0,1,2,3")
    data = packed(scans(1))
    tree.push(data[:7])
    assert probe.read()["returned"] == 0
    probe.fault(errno.EIO)
    assert probe.read()["returned"] == -errno.EIO
    tree.push(data[7:])
    assert probe.read()["counts"] == [list(scans(1)[0][:4])]
    probe.close()


def test_a_device_that_hangs_up_is_gone_after_its_last_scan(probe: Probe, tree: Tree) -> None:
    probe.open("iio", **tree.keys, index="0,1,2,3")
    tree.push(packed(scans(2))[:-3])
    tree.hang_up()
    assert probe.read()["returned"] == 1
    assert probe.read()["returned"] == -errno.ENODATA
    probe.close()


@pytest.mark.parametrize("gone", [errno.ENODEV, errno.ENXIO, errno.EBADF])
def test_the_errors_of_a_lost_device_are_passed_on(probe: Probe, tree: Tree, gone: int) -> None:
    probe.open("iio", **tree.keys, index="0")
    probe.fault(gone)
    assert probe.read()["returned"] == -gone
    probe.close()


def test_a_node_that_cannot_be_read_is_an_error_at_each_reading(probe: Probe, tree: Tree) -> None:
    tree.node.unlink()
    tree.node.mkdir()
    probe.open("iio", **tree.keys, index="0")
    assert [probe.read()["returned"] for _ in range(2)] == [-errno.EISDIR] * 2
    probe.close()


@needs_fuse
def test_a_character_device_behind_the_kernel_is_read_as_a_fifo_is(program: Path, tree: Tree) -> None:
    data = packed(scans(3))
    parts = [["data", data[start : start + 20].hex()] for start in range(0, len(data), 20)]
    reads = [parts[0], ["errno", errno.EINTR], parts[1], ["errno", errno.EIO], *parts[2:]]
    mounted = tree.dev / "fuse"
    mounted.mkdir()
    served = {"iio:device0": {"kind": "stream", "reads": [*reads, ["errno", errno.ENODEV]]}}
    with running(program, served, mounted) as probe:
        assert probe.open("iio", **{**tree.keys, "device_root": mounted}, index="0,1,2,3")["opened"] == 0
        assert probe.ask("wait 1000")["ready"] == 1
        answers = [probe.read() for _ in range(5)]
        assert [answer["returned"] for answer in answers] == [1, 1, -errno.EIO, 1, -errno.ENODEV]
        assert [row for answer in answers for row in answer["counts"]] == [list(row[:4]) for row in scans(3)]
        probe.close()


# ---------------------------------------------------------------- layouts against an oracle

ELEMENT = st.tuples(st.sampled_from("bl"), st.sampled_from("su"), st.sampled_from((8, 16, 32, 64)), st.integers(1, 24), st.integers(0, 40))


def word(element: tuple[str, str, int, int, int]) -> tuple[str, int, int]:
    order, sign, storage, bits, shift = element
    bits = min(bits, storage)
    shift = min(shift, storage - bits)
    return f"{order}e:{sign}{bits}/{storage}>>{shift}", bits, shift


def place(element: tuple[str, str, int, int, int], count: int, noise: int) -> bytes:
    """Put a count where its layout has it, with noise in all bits that are not its own."""
    order, _, storage, _, _ = element
    _, bits, shift = word(element)
    own = ((1 << bits) - 1) << shift
    value = (noise & ~own | count << shift & own) & ((1 << storage) - 1)
    return value.to_bytes(storage // 8, "big" if order == "b" else "little")


def oracle(elements: list[Any], counts: list[int], noise: int, time: int | None) -> bytes:
    """One scan: each element at a multiple of its length, the whole a multiple of the longest."""
    parts = [place(element, count, noise) for element, count in zip(elements, counts, strict=True)]
    parts += [] if time is None else [struct.pack("<q", time)]
    scan = b""
    for part in parts:
        scan += b"\xee" * (-len(scan) % len(part)) + part
    return scan + b"\xee" * (-len(scan) % max(map(len, parts)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), elements=st.lists(ELEMENT, min_size=1, max_size=12), timed=st.booleans(), numbered=st.booleans())
def test_any_layout_is_decoded_as_the_oracle_packed_it(
    lasting: Probe, data: st.DataObject, elements: list[Any], timed: bool, numbered: bool
) -> None:
    if data.draw(st.booleans(), label="all alike"):
        elements = [elements[0]] * len(elements)
    order = data.draw(st.permutations(range(len(elements))), label="channel order")
    rows, stream = [], b""
    for n in range(3):
        counts = []
        for element in elements:
            _, bits, _ = word(element)
            low = -(1 << bits - 1) if element[1] == "s" else 0
            counts.append(data.draw(st.integers(low, low + (1 << bits) - 1)))
        rows.append([counts[i] for i in order])
        stream += oracle(elements, counts, data.draw(st.integers(0, (1 << 64) - 1)), n - 1 if timed else None)
    with tempfile.TemporaryDirectory() as root:
        probe, tree = lasting, Tree(Path(root), [word(element)[0] for element in elements], numbered=numbered, timestamp=timed)
        opened = probe.open("iio", **tree.keys, index=",".join(map(str, order)))
        assert (opened["opened"], opened["timed"]) == (0, timed), opened
        tree.push(stream)
        answer = probe.read()
        assert answer["counts"] == rows
        assert answer["times"] == ([-1, 0, 1] if timed else [])
        probe.close()
        tree.end()


@needs_fuse
def test_a_channel_that_the_device_keeps_on_is_stepped_over(program: Path, tree: Tree) -> None:
    mounted = tree.dev / "fuse"
    mounted.mkdir()
    tree.replace("buffer0/in_voltage1_en", str(mounted / "on"))
    with running(program, {"on": {"kind": "constant", "text": "1\n"}}, mounted) as probe:
        assert probe.open("iio", **tree.keys, index="0,2")["opened"] == 0
        tree.push(struct.pack("<3H2xq", 10, 11, 12, 5))
        assert probe.read()["counts"] == [[10, 12]]
        probe.close()


@needs_fuse
@pytest.mark.parametrize(("attribute", "keys", "words"), [
    ("sampling_frequency", {"rate": 1000}, ["the rate is 984.5 Hz", "1000 Hz were asked for"]),
    ("buffer0/length", {"buffer_scans": 1000}, ["length is 984 scans after 1000 were written"]),
    ("buffer0/watermark", {"watermark": 8}, ['watermark is "984" after "8"', "does not take this value"]),
])  # fmt: skip
def test_what_the_device_did_not_take_is_seen_by_reading_it_back(
    program: Path, tree: Tree, attribute: str, keys: dict[str, int], words: list[str]
) -> None:
    mounted = tree.dev / "fuse"
    mounted.mkdir()
    tree.replace(attribute, str(mounted / "fixed"))
    text = "984.5\n" if attribute == "sampling_frequency" else "984\n"
    with running(program, {"fixed": {"kind": "constant", "text": text}}, mounted) as probe:
        opened = probe.open("iio", **{**tree.keys, "rate": 100, **keys}, index="0")
        assert opened["opened"] < 0
        for part in words:
            assert part in opened["error"]


@needs_fuse
def test_a_rate_within_a_hundredth_is_taken(program: Path, tree: Tree) -> None:
    mounted = tree.dev / "fuse"
    mounted.mkdir()
    tree.replace("sampling_frequency", str(mounted / "fixed"))
    with running(program, {"fixed": {"kind": "constant", "text": "991.5\n"}}, mounted) as probe:
        assert probe.open("iio", **tree.keys, rate=1000, index="0")["opened"] == 0
        probe.close()
