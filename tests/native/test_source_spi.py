"""The SPI source against stand-ins of their devices, under address and undefined-behaviour sanitizers.

Leaks, memory taken while reading and descriptors left open are failures too (native/test_sources.c).

The device files are FUSE files with models of the chips behind them; without root and /dev/fuse only refusals are tested.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.native.source_probe import Probe, needs_fuse, running


def spi(chip: str, faults: Sequence[object] = ()) -> dict[str, object]:
    return {"kind": "spi", "chip": chip, "faults": list(faults)}


@needs_fuse
def test_each_count_of_an_ads8688_belongs_to_its_input_and_to_this_scan(program: Path, dev: Path) -> None:
    with running(program, {"spidev0.0": spi("ads8688")}, dev) as probe:
        opened = probe.open("spi", where=dev / "spidev0.0", chip="ads8688", speed_hz=17000000, index="5,0,7")
        assert (opened["opened"], opened["paced"], opened["timed"]) == (0, 0, 0)
        for n in range(4):  # four frames for each scan; the first frame's result is of the scan before
            assert probe.read()["counts"] == [[5 << 12 | 4 * n + 1, 4 * n + 2, 7 << 12 | 4 * n + 3]]
        probe.close()


@needs_fuse
def test_each_count_of_an_mcp3208_belongs_to_its_input_and_to_this_scan(program: Path, dev: Path) -> None:
    with running(program, {"spidev0.0": spi("mcp3208")}, dev) as probe:
        probe.open("spi", where=dev / "spidev0.0", chip="mcp3208", speed_hz=1000000, index="0,1,2,3,4,5,6,7")
        for n in range(2):
            assert probe.read()["counts"] == [[number << 9 | 8 * n + number for number in range(8)]]
        probe.close()


@needs_fuse
def test_inputs_are_numbered_through_all_chips(program: Path, dev: Path) -> None:
    files = {f"spidev1.{number}": spi("mcp3208") for number in range(3)}
    where = ",".join(str(dev / name) for name in files)
    with running(program, files, dev) as probe:
        probe.open("spi", where=where, chip="mcp3208", speed_hz=1000000, index="17,2,18,3")
        assert probe.read()["counts"] == [[1 << 9, 2 << 9, 2 << 9 | 1, 3 << 9 | 1]]
        probe.close()


@needs_fuse
def test_failed_messages_are_errors_and_never_old_counts(program: Path, dev: Path) -> None:
    faults = [None, {"errno": errno.EIO}, {"short": 3}, {"errno": errno.EINTR}, None, {"errno": errno.ESHUTDOWN}]
    with running(program, {"spidev0.0": spi("ads8688", faults)}, dev) as probe:
        probe.open("spi", where=dev / "spidev0.0", chip="ads8688", speed_hz=1000000, index="0,1")
        assert [probe.read()["returned"] for _ in range(4)] == [1, -errno.EIO, -errno.EIO, 1]
        assert probe.read()["returned"] == -errno.ENODEV
        probe.close()


@needs_fuse
def test_a_bus_that_is_busy_is_an_error_for_the_host_sets_the_pace(program: Path, dev: Path) -> None:
    with running(program, {"spidev0.0": spi("ads8688", [None, {"errno": errno.EAGAIN}])}, dev) as probe:
        probe.open("spi", where=dev / "spidev0.0", chip="ads8688", speed_hz=1000000, index="0")
        assert [probe.read()["returned"] for _ in range(3)] == [1, -errno.EAGAIN, 1]
        probe.close()


@needs_fuse
def test_what_the_driver_did_not_fill_is_not_the_scan_before(program: Path, dev: Path) -> None:
    files = {"spidev0.0": spi("mcp3208", [None, {"unfilled": 1}]), "spidev0.1": spi("ads8688", [None, {"unfilled": 1}])}
    with running(program, files, dev) as probe:
        probe.open("spi", where=dev / "spidev0.0", chip="mcp3208", speed_hz=1000000, index="1")
        assert [probe.read()["returned"] for _ in range(2)] == [1, -errno.EIO]
        probe.close()
        probe.open("spi", where=dev / "spidev0.1", chip="ads8688", speed_hz=1000000, index="1")
        assert [probe.read()["counts"] for _ in range(2)] == [[[1 << 12 | 1]], [[0xFFFF]]]  # the end of the range: saturated
        probe.close()


@needs_fuse
def test_one_chip_that_fails_makes_no_half_scan(program: Path, dev: Path) -> None:
    files = {"spidev0.0": spi("ads8688"), "spidev0.1": spi("ads8688", [None, {"errno": errno.ETIMEDOUT}])}
    with running(program, files, dev) as probe:
        probe.open("spi", where=f"{dev / 'spidev0.0'},{dev / 'spidev0.1'}", chip="ads8688", speed_hz=1000000, index="0,8")
        assert [probe.read()["returned"] for _ in range(3)] == [1, -errno.ETIMEDOUT, 1]
        probe.close()


@needs_fuse
def test_an_mcp3208_whose_line_is_stuck_high_is_no_light(program: Path, dev: Path) -> None:
    with running(program, {"spidev0.0": spi("mcp3208", [{"stuck": 255}, {"stuck": 0}])}, dev) as probe:
        probe.open("spi", where=dev / "spidev0.0", chip="mcp3208", speed_hz=1000000, index="0")
        assert probe.read()["returned"] == -errno.EIO
        assert probe.read()["counts"] == [[0]]  # stuck low cannot be told from no light: the watch's valid range is for that
        probe.close()


@needs_fuse
def test_an_interrupted_transfer_is_made_again(program: Path, dev: Path) -> None:
    with running(program, {"spidev0.0": spi("mcp3208")}, dev) as probe:
        probe.open("spi", where=dev / "spidev0.0", chip="mcp3208", speed_hz=1000000, index="0")
        probe.fault(errno.EINTR)
        assert probe.read()["returned"] == 1
        probe.close()


SPI_MISTAKES: list[tuple[dict[str, object], list[str]]] = [
    ({"chip": "ads9999"}, ['chip "ads9999" is not known', "ads8688 or mcp3208"]),
    ({"chip": "mcp3208", "speed_hz": 17000000}, ["17000000 Hz does not suit the mcp3208", "10000 to 2000000"]),
    ({"chip": "ads8688", "speed_hz": 0}, ["0 Hz does not suit the ads8688"]),
    ({"chip": "ads8688", "where": "/nowhere/spidev0.0"}, ["cannot open /nowhere/spidev0.0", "No such file", "right is a spidev file"]),
    ({"chip": "ads8688", "where": "/dev/null"}, ["/dev/null does not answer as spidev"]),
    ({"chip": "ads8688", "where": ","}, ["no SPI device file is given"]),
]


@pytest.mark.parametrize(("keys", "words"), SPI_MISTAKES)
def test_a_wrong_spi_source_is_refused_with_a_sentence(lasting: Probe, keys: dict[str, object], words: list[str]) -> None:
    opened = lasting.open("spi", **{"where": "/dev/null", "speed_hz": 1000000, "index": "0", **keys})
    assert opened["opened"] < 0
    for part in words:
        assert part in opened["error"]


@needs_fuse
def test_an_input_beyond_the_last_chip_is_refused(program: Path, dev: Path) -> None:
    with running(program, {"spidev0.0": spi("ads8688")}, dev) as probe:
        opened = probe.open("spi", where=dev / "spidev0.0", chip="ads8688", speed_hz=1000000, index="0,8")
        assert opened["opened"] == -errno.EINVAL
        assert "input 8" in opened["error"]
        assert "0 to 7" in opened["error"]
