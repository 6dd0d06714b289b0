"""How the IIO source sets a device up through sysfs, leaves it as it was found, and says what is wrong with one."""

from __future__ import annotations

import errno
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.native.iio_tree import Tree
from tests.native.source_probe import Probe

PLAIN = ["le:u16/16>>0"] * 4


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    one = Tree(tmp_path, PLAIN)
    yield one
    one.end()


# ---------------------------------------------------------------- set-up


@pytest.mark.parametrize("numbered", [True, False])
def test_the_device_is_set_up_and_left_as_it_was_found(probe: Probe, tmp_path: Path, numbered: bool) -> None:
    tree = Tree(tmp_path, PLAIN, numbered=numbered)
    tree.channel("in_voltage1", 1, "le:u16/16>>0", on="1")
    tree.trigger("pulse", "1000.000")
    before = tree.values()
    assert probe.open("iio", **tree.keys, index="0,3", trigger="pulse", watermark=10)["opened"] == 0
    changed = {Path(path).name: value for path, value in tree.values().items() if value != before[path]}
    assert changed == {
        "current_trigger": "pulse", "current_timestamp_clock": "monotonic", "in_voltage0_en": "1", "in_voltage1_en": "0",
        "in_voltage3_en": "1", "in_timestamp_en": "1", "enable": "1", "length": "2000", "watermark": "10",
    }  # fmt: skip
    probe.close()
    assert tree.values() == before
    tree.end()


def of_another_program(tree: Tree) -> None:
    """A capture as somebody else has set it up."""
    tree.channel("in_voltage2", 2, "le:u16/16>>0", on="1")
    (tree.buffer / "length").write_text("4096\n")
    (tree.buffer / "enable").write_text("1\n")


def test_a_converter_that_another_program_reads_is_left_alone(probe: Probe, tree: Tree) -> None:
    of_another_program(tree)
    before = tree.values()
    probe.refuse("dev/iio:device0", errno.EBUSY)
    opened = probe.open("iio", **tree.keys, index="0", watermark=10)
    assert opened["opened"] == -errno.EBUSY
    for part in ("dev/iio:device0 is in use", "another program reads this converter", "nothing was changed", "end that program"):
        assert part in opened["error"]
    assert tree.values() == before
    assert probe.written() == []


def test_a_buffer_that_another_program_took_away_from_the_node_is_left_alone(probe: Probe, tree: Tree) -> None:
    of_another_program(tree)
    before = tree.values()
    probe.fault(errno.EBUSY)  # of the first reading
    opened = probe.open("iio", **tree.keys, index="0")
    assert opened["opened"] == -errno.EBUSY
    assert "is in use" in opened["error"]
    assert tree.values() == before
    assert probe.written() == []


def test_a_buffer_that_runs_for_nobody_is_taken_over_and_left_running_as_it_was_found(probe: Probe, tree: Tree) -> None:
    of_another_program(tree)
    before = tree.values()
    assert probe.open("iio", **tree.keys, index="0", watermark=10)["opened"] == 0
    assert (tree.elements / "in_voltage2_en").read_text().strip() == "0"
    probe.close()
    assert tree.values() == before


def test_the_buffer_runs_again_only_when_all_else_is_put_back(probe: Probe, tree: Tree) -> None:
    of_another_program(tree)
    assert probe.open("iio", **tree.keys, index="0", watermark=10)["opened"] == 0
    assert probe.written()[0] == "enable"
    probe.refuse("buffer0/watermark", errno.EINVAL)  # what fails is tried again before the buffer runs, while it can still be set
    probe.close()
    stopped, *others, started = probe.written()
    assert (stopped, started) == ("enable", "enable")
    assert others.count("watermark") == 2
    assert "enable" not in others


def test_a_buffer_that_ran_runs_again_when_the_device_is_refused(probe: Probe, tree: Tree) -> None:
    of_another_program(tree)
    before = tree.values()
    assert probe.open("iio", **tree.keys, index="0,9")["opened"] == -errno.ENODEV
    tree.replace("buffer0/watermark", "/dev/null")
    assert probe.open("iio", **tree.keys, index="0", watermark=10)["opened"] == -errno.EIO
    assert {path: text for path, text in tree.values().items() if "watermark" not in path} == {
        path: text for path, text in before.items() if "watermark" not in path
    }


def test_a_buffer_that_is_shorter_than_asked_for_is_refused(probe: Probe, tree: Tree) -> None:
    probe.refuse("buffer0/length", 0)
    opened = probe.open("iio", **tree.keys, index="0", buffer_scans=1000)
    assert opened["opened"] == -errno.EINVAL
    assert "length is 128 scans after 1000 were written" in opened["error"]


def test_the_rate_of_the_trigger_goes_before_that_of_the_device(probe: Probe, tree: Tree) -> None:
    tree.trigger("pulse", "50")
    probe.open("iio", **tree.keys, index="0", trigger="pulse", rate=1000)
    assert (tree.devices / "trigger0/sampling_frequency").read_text() == "1000"
    assert (tree.device / "sampling_frequency").read_text() == "100\n"
    probe.close()


def test_without_a_trigger_the_rate_of_the_device_is_set(probe: Probe, tree: Tree) -> None:
    probe.open("iio", **tree.keys, index="0", rate=2500)
    assert (tree.device / "sampling_frequency").read_text() == "2500"
    probe.close()


def test_a_device_is_found_by_its_name(probe: Probe, tree: Tree) -> None:
    tree.other_device("iio:device7", "thermometer")
    assert probe.open("iio", **{**tree.keys, "where": "taps"}, index="0")["opened"] == 0
    probe.close()


def test_a_kernel_without_a_choice_of_clock_is_told_by_the_mark(probe: Probe, tree: Tree) -> None:
    (tree.device / "current_timestamp_clock").unlink()
    opened = probe.open("iio", **tree.keys, index="0")
    assert (opened["timed"], opened["monotonic"]) == (1, 0)
    probe.close()


def test_a_clock_that_cannot_be_set_is_told_by_the_mark(probe: Probe, tree: Tree) -> None:
    tree.replace("current_timestamp_clock", "/dev/full")
    opened = probe.open("iio", **tree.keys, index="0")
    assert (opened["opened"], opened["monotonic"]) == (0, 0)
    probe.close()


def test_a_device_without_timestamps_says_so(probe: Probe, tmp_path: Path) -> None:
    tree = Tree(tmp_path, PLAIN, timestamp=False)
    opened = probe.open("iio", **tree.keys, index="0,1,2,3")
    assert (opened["opened"], opened["timed"], opened["monotonic"]) == (0, 0, 0)
    tree.push(struct.pack("<4H", 1, 2, 3, 4))
    assert probe.read()["counts"] == [[1, 2, 3, 4]]
    probe.close()
    tree.end()


def test_the_plain_voltage_goes_before_others_of_its_number(probe: Probe, tree: Tree) -> None:
    tree.channel("in_temp0", 10, "le:s16/16>>0")
    tree.channel("in_voltage0-voltage1", 11, "le:s16/16>>0")
    probe.open("iio", **tree.keys, index="0")
    assert (tree.elements / "in_voltage0_en").read_text().strip() == "1"
    assert (tree.elements / "in_temp0_en").read_text().strip() == "0"
    probe.close()


def test_a_single_channel_without_a_number_is_input_0(probe: Probe, tmp_path: Path) -> None:
    tree = Tree(tmp_path, [], timestamp=False)
    tree.channel("in_voltage", 0, "be:u10/16>>2")
    assert probe.open("iio", **tree.keys, index="0")["opened"] == 0
    probe.close()
    tree.end()


# ---------------------------------------------------------------- what is wrong

Change = Callable[[Tree], object]


def unlink(path: str) -> Change:
    return lambda tree: (tree.device / path).unlink()


def value(path: str, text: str) -> Change:
    return lambda tree: tree.write({path: text})


def link(path: str, target: str) -> Change:
    return lambda tree: tree.replace(path, target)


def rate_of_steps(tree: Tree) -> None:
    tree.write({"sampling_frequency_available": "100 200"})
    tree.replace("sampling_frequency", "/dev/full")


def two_of_a_number(tree: Tree) -> None:
    for number, name in enumerate(("in_temp7", "in_current7")):
        tree.channel(name, 20 + number, "le:s16/16")


MISTAKES: list[tuple[str, Change, dict[str, object], list[str]]] = [
    ("no such device", lambda tree: None, {"where": "adc"}, ['no IIO device is called "adc"', "iio:device0 (taps)"]),
    ("two of a name", lambda tree: tree.other_device("iio:device9", "taps"), {"where": "taps"}, ["more than one", "iio:device9 (taps)"]),
    ("a path for a name", lambda tree: None, {"where": "/dev/iio:device0"}, ["no name of an IIO device", "right is"]),
    ("no IIO", lambda tree: shutil.rmtree(tree.devices), {}, ["cannot list", "IIO subsystem"]),
    ("no buffer", lambda tree: shutil.rmtree(tree.buffer), {}, ["has no buffer"]),
    ("no node", lambda tree: tree.node.unlink(), {}, ["cannot open", "dev/iio:device0", "No such file"]),
    ("no such channel", lambda tree: None, {"index": "0,9"}, ["no input 9", "no in_voltage9_en"]),
    ("one input twice", lambda tree: None, {"index": "1,0,1"}, ["channels 0 and 2 are both input 1"]),
    ("two of a number", two_of_a_number, {"index": "7"}, ["input 7", "in_temp7", "in_current7", "not known which"]),
    ("garbage type", value("buffer0/in_voltage0_type", "le:q16/16"), {}, ["in_voltage0_type", "neither s (signed) nor u (unsigned)"]),
    ("empty type", value("buffer0/in_voltage0_type", ""), {}, ["in_voltage0_type", 'neither "be:" nor "le:"']),
    ("type too wide", value("buffer0/in_voltage0_type", "le:s32/32"), {}, ["in_voltage0 has counts of 32 bits", "at most 24"]),
    ("repeated", value("buffer0/in_voltage0_type", "le:s16/16X4"), {}, ["in_voltage0 has 4 values in one element"]),
    ("odd length", value("buffer0/in_voltage0_type", "le:s16/16X3"), {}, ["in_voltage0 is 6 bytes long"]),
    ("too long beside a time", value("buffer0/in_voltage0_type", "le:s32/32X4"), {}, ["in_voltage0 is 16 bytes long", "timestamp"]),
    ("short timestamp", value("buffer0/in_timestamp_type", "le:s32/32"), {}, ["in_timestamp_type", "a timestamp has 64 bits"]),
    ("no type", unlink("buffer0/in_voltage0_type"), {}, ["cannot read", "in_voltage0_type", "No such file"]),
    ("no index", unlink("buffer0/in_voltage0_index"), {}, ["cannot read", "in_voltage0_index"]),
    ("garbage index", value("buffer0/in_voltage0_index", "-1"), {}, ['in_voltage0_index is "-1"', "right is a whole number"]),
    ("same index", value("buffer0/in_voltage0_index", "1"), {"index": "0,1"}, ["have the same index 1"]),
    ("enable not taken", link("buffer0/in_voltage0_en", "/dev/null"), {}, ["in_voltage0_en", "does not take this value"]),
    ("enable not writable", link("buffer0/in_voltage0_en", "/dev/full"), {}, ['cannot write "1"', "in_voltage0_en", "No space left"]),
    ("directory for a file", link("buffer0/in_voltage2_en", "."), {}, ["in_voltage2_en", "Is a directory"]),
    ("trigger not taken", link("trigger/current_trigger", "/dev/null"), {"trigger": "pulse"},
     ["current_trigger", "does not take this value"]),
    ("no trigger there", unlink("trigger/current_trigger"), {"trigger": "pulse"}, ["takes no trigger"]),
    ("rate not taken", link("sampling_frequency", "/dev/null"), {"rate": 5000}, ["5000 Hz were asked for", "sampling_frequency"]),
    ("rate not writable", rate_of_steps, {"rate": 5000}, ["cannot set 5000 Hz", "it can do: 100 200"]),
    ("length not taken", link("buffer0/length", "/dev/null"), {}, ["buffer0/length", "right is a whole number"]),
    ("short buffer", lambda tree: None, {"watermark": 8, "buffer_scans": 15}, ["a buffer of 15 scans", "watermark of 8", "at least 16"]),
    ("no watermark", unlink("buffer0/watermark"), {"watermark": 8}, ["cannot read", "watermark"]),
    ("buffer not stopped", link("buffer0/enable", "/dev/full"), {}, ["cannot stop the buffer", "No space left"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "keys", "words"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_wrong_device_is_refused_with_a_sentence(
    lasting: Probe, tree: Tree, change: Change, keys: dict[str, object], words: list[str]
) -> None:
    change(tree)
    opened = lasting.open("iio", **{**tree.keys, "index": "0", "rate": 100, **keys})
    assert opened["opened"] < 0
    assert opened["paced"] == 0
    for part in words:
        assert part in opened["error"]


def test_a_refused_device_is_left_as_it_was_found(probe: Probe, tree: Tree) -> None:
    before = tree.values()
    probe.refuse("buffer0/watermark", 0)  # the last of the set-up
    assert probe.open("iio", **tree.keys, index="0,1", watermark=4)["opened"] == -errno.EIO
    assert tree.values() == before
