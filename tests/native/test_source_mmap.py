"""The source of mapped registers against stand-ins of their devices, under address and undefined-behaviour sanitizers.

Leaks, memory taken while reading and descriptors left open are failures too (native/test_sources.c).

A UIO device is a FUSE file that serves its interrupt numbers and its page (root, /dev/fuse and Linux 6.6); plain files need nothing.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.native.source_probe import Probe, needs_fuse, needs_mapped_fuse, running


def test_registers_of_a_file_are_read_anew_at_each_scan(probe: Probe, tmp_path: Path) -> None:
    file = tmp_path / "registers"
    file.write_bytes(struct.pack("<8I", *(n << 8 for n in range(8))))
    opened = probe.open("mmap", where=file, type="le:s24/32>>8", offset=4, stride=8, index="2,0")
    assert (opened["opened"], opened["paced"], opened["timed"]) == (0, 0, 0)
    assert probe.read()["counts"] == [[5, 1]]
    with file.open("r+b") as stream:
        stream.seek(20)
        stream.write(struct.pack("<i", -7 << 8))
    answer = probe.read(3)
    assert answer["counts"] == [[-7, 1]]
    assert answer["drained"] == 1
    probe.close()


@pytest.mark.parametrize(
    ("layout", "data", "count"),
    [("le:u8/8", "81", 129), ("be:s16/16", "fffe", -2), ("le:u24/32", "010203ff", 0x030201), ("be:u12/64>>40", "0012340000000000", 0x234)],
)
def test_a_register_is_loaded_at_its_own_size(probe: Probe, tmp_path: Path, layout: str, data: str, count: int) -> None:
    (tmp_path / "registers").write_bytes(bytes.fromhex(data))
    probe.open("mmap", where=tmp_path / "registers", type=layout, index="0")
    assert probe.read()["counts"] == [[count]]
    probe.close()


def test_a_file_that_is_cut_shorter_ends_the_source_not_the_process(probe: Probe, tmp_path: Path) -> None:
    file = tmp_path / "registers"
    file.write_bytes(bytes(3 * 4096))
    probe.open("mmap", where=file, type="le:u16/16", offset=2 * 4096, stride=2, index="0,1")
    assert probe.read()["returned"] == 1
    os.truncate(file, 4096)
    assert probe.read()["returned"] == -errno.ENODATA
    probe.close()


MMAP_MISTAKES: list[tuple[dict[str, object], list[str]]] = [
    ({"where": "/nowhere/uio0"}, ["cannot find", "/nowhere/uio0", "No such file"]),
    ({"where": "/dev/null"}, ["cannot map", "/dev/null"]),
    ({"where": "/"}, ["cannot map"]),
    ({"type": "u16"}, ['layout "u16"', 'neither "be:" nor "le:"']),
    ({"type": "le:u32/32"}, ["a register has counts of 32 bits"]),
    ({"type": "le:u16/16X2"}, ["a register has 2 values"]),
    ({"index": "0,32"}, ["ends at byte 66", "has 64 bytes"]),
    ({"offset": 64}, ["ends at byte 66", "has 64 bytes"]),
    ({"offset": 4294967294, "index": "0,16777215", "stride": 4294967294}, ["has 64 bytes"]),
    ({"offset": 3}, ["offset 3 or stride 2 is no multiple of the 2 bytes"]),
    ({"stride": 0, "index": "0,1"}, ["0 bytes apart", "a stride of 2 or more"]),
    ({"index": "3,3"}, ["channels 0 and 1 are both input 3"]),
]


@pytest.mark.parametrize(("keys", "words"), MMAP_MISTAKES)
def test_wrong_registers_are_refused_with_a_sentence(lasting: Probe, tmp_path: Path, keys: dict[str, object], words: list[str]) -> None:
    (tmp_path / "registers").write_bytes(bytes(64))
    opened = lasting.open("mmap", **{"where": tmp_path / "registers", "type": "le:u16/16", "stride": 2, "index": "0", **keys})
    assert opened["opened"] < 0
    for part in words:
        assert part in opened["error"]


def uio_map(root: Path, size: str = "0x1000", offset: str = "0x0") -> Path:
    directory = root / "sys/class/uio/uio0/maps/map0"
    directory.mkdir(parents=True)
    (directory / "size").write_text(size + "\n")
    (directory / "offset").write_text(offset + "\n")
    return root / "sys"


def uio(numbers: Sequence[object], *, allowed: bool = True, writes: Sequence[int | None] = ()) -> dict[str, object]:
    registers = struct.pack("<4H", 0, 7, 11, 13).hex()
    return {"uio0": {"kind": "uio", "numbers": list(numbers), "allowed": allowed, "registers": registers, "writes": list(writes)}}


COUNTED = [
    ([None, 40, 41, 44, None], [0, 0, 2, 0]),  # nothing was missed before the first that was seen
    ([0xFFFFFFFE, 2, 3, 1, None], [3, 0, 0, 0]),  # a first number at opening; round the end of 32 bits; a new start
]


@needs_fuse
@needs_mapped_fuse
@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize(("numbers", "missed"), COUNTED)
def test_an_interrupt_makes_a_scan_and_a_jump_of_its_number_tells_what_was_missed(
    program: Path, tmp_path: Path, dev: Path, numbers: list[int | None], missed: list[int], allowed: bool
) -> None:
    sysfs = uio_map(tmp_path, offset="0x2")
    with running(program, uio(numbers, allowed=allowed), dev) as probe:
        opened = probe.open("mmap", where=dev / "uio0", sysfs_root=sysfs, type="le:u16/16", stride=2, index="0,1,2")
        assert (opened["opened"], opened["paced"]) == (0, 1), opened
        answers = [probe.read() for _ in range(4)]
        assert [answer["returned"] for answer in answers] == [1, 1, 1, 0]
        assert [answer["missed"] for answer in answers] == missed
        assert answers[0]["counts"] == [[7, 11, 13]]
        probe.close()


@needs_fuse
@needs_mapped_fuse
@pytest.mark.parametrize("refused", [errno.EIO, errno.ENOMEM, errno.EAGAIN])
def test_a_scan_counts_though_the_next_interrupt_could_not_be_allowed(program: Path, tmp_path: Path, dev: Path, refused: int) -> None:
    sysfs = uio_map(tmp_path)
    with running(program, uio([40, 44, None, 46], writes=[None, refused, None, refused]), dev) as probe:
        probe.open("mmap", where=dev / "uio0", sysfs_root=sysfs, type="le:u16/16", stride=2, index="1")
        answers = [probe.read() for _ in range(3)]
        assert [(answer["returned"], answer["missed"], answer["drained"]) for answer in answers] == [(1, 3, 0), (0, 0, 1), (1, 1, 0)]
        probe.close()


@needs_fuse
@needs_mapped_fuse
def test_a_uio_device_whose_interrupt_cannot_be_allowed_again_is_gone(program: Path, tmp_path: Path, dev: Path) -> None:
    sysfs = uio_map(tmp_path)
    with running(program, uio([40, 44, 45, 46], writes=[None, *[errno.EPERM] * 9]), dev) as probe:
        probe.open("mmap", where=dev / "uio0", sysfs_root=sysfs, type="le:u16/16", stride=2, index="1")
        first, *others = [probe.read() for _ in range(3)]
        assert (first["returned"], first["missed"], first["counts"]) == (1, 3, [[7]])
        assert [answer["returned"] for answer in others] == [-errno.ENODEV] * 2
        probe.close()


@needs_fuse
@needs_mapped_fuse
def test_a_uio_device_that_disappears_is_gone(program: Path, tmp_path: Path, dev: Path) -> None:
    sysfs = uio_map(tmp_path)
    with running(program, uio([None, 1, "errno", errno.EIO]), dev) as probe:
        probe.open("mmap", where=dev / "uio0", sysfs_root=sysfs, type="le:u16/16", stride=2, index="1")
        assert [probe.read()["returned"] for _ in range(2)] == [1, -errno.ENODEV]
        probe.close()


@needs_fuse
@needs_mapped_fuse
def test_a_uio_device_without_an_interrupt_is_read_at_the_hosts_pace(program: Path, tmp_path: Path, dev: Path) -> None:
    sysfs = uio_map(tmp_path)
    with running(program, uio(["errno", errno.EIO]), dev) as probe:
        assert probe.open("mmap", where=dev / "uio0", sysfs_root=sysfs, type="le:u16/16", stride=2, index="1")["paced"] == 0
        assert probe.read()["counts"] == [[7]]
        probe.close()


MAP_MISTAKES = [
    ("lots", "0x0", ["map0/size", "hexadecimal"]),
    ("0x2", "0x0", ["ends at byte 4", "has 2 bytes"]),
    ("0x40", "0x1", ["map0/offset is no multiple"]),
]


@pytest.mark.parametrize(("size", "offset", "words"), MAP_MISTAKES)
def test_a_wrong_map_of_a_uio_device_is_refused_with_a_sentence(
    lasting: Probe, tmp_path: Path, dev: Path, size: str, offset: str, words: list[str]
) -> None:
    (dev / "uio0").write_bytes(bytes(64))
    opened = lasting.open("mmap", where=dev / "uio0", sysfs_root=uio_map(tmp_path, size, offset), type="le:u16/16", stride=2, index="1")
    assert opened["opened"] < 0
    for part in words:
        assert part in opened["error"]
