"""A directory tree that stands for an IIO device in sysfs, and a FIFO that stands for its character device. Support of the tests."""

from __future__ import annotations

import os
from pathlib import Path

TIMESTAMP = "le:s64/64>>0"


class Tree:
    """One device `iio:device0` called "taps", with a buffer, a trigger and a clock that may be chosen."""

    def __init__(self, root: Path, types: list[str], *, numbered: bool = True, timestamp: bool = True) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.devices = self.sysfs / "bus/iio/devices"
        self.device = self.devices / "iio:device0"
        self.buffer = self.device / ("buffer0" if numbered else "buffer")
        self.elements = self.buffer if numbered else self.device / "scan_elements"
        for directory in (self.dev, self.buffer, self.elements, self.device / "trigger"):
            directory.mkdir(parents=True, exist_ok=True)
        self.write({"name": "taps", "sampling_frequency": "100", "current_timestamp_clock": "realtime", "trigger/current_trigger": ""})
        for name, value in (("enable", "0"), ("length", "128"), ("watermark", "1")):
            (self.buffer / name).write_text(value + "\n")
        for number, word in enumerate(types):
            self.channel(f"in_voltage{number}", number, word)
        if timestamp:
            self.channel("in_timestamp", len(types), TIMESTAMP)
        self.node = self.dev / "iio:device0"
        os.mkfifo(self.node)
        self.writer = os.open(self.node, os.O_RDWR | os.O_NONBLOCK)

    def write(self, values: dict[str, str]) -> None:
        for path, value in values.items():
            (self.device / path).write_text(value + "\n")

    def channel(self, name: str, index: int, word: str, on: str = "0") -> None:
        for what, value in (("en", on), ("index", str(index)), ("type", word)):
            (self.elements / f"{name}_{what}").write_text(value + "\n")

    def trigger(self, name: str, rate: str | None) -> None:
        directory = self.devices / "trigger0"
        directory.mkdir()
        (directory / "name").write_text(name + "\n")
        if rate is not None:
            (directory / "sampling_frequency").write_text(rate + "\n")

    def other_device(self, node: str, name: str) -> None:
        (self.devices / node).mkdir()
        (self.devices / node / "name").write_text(name + "\n")

    def replace(self, path: str, target: str) -> None:
        """Make an attribute a link to something that behaves otherwise, such as /dev/full."""
        (self.device / path).unlink()
        (self.device / path).symlink_to(target)

    def values(self) -> dict[str, str]:
        """All attributes, for "left as it was found"."""
        files = [path for path in self.devices.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.devices)): path.read_text().strip() for path in files}

    def push(self, data: bytes) -> None:
        assert os.write(self.writer, data) == len(data)

    def hang_up(self) -> None:
        os.close(self.writer)
        self.writer = -1

    def end(self) -> None:
        if self.writer >= 0:
            os.close(self.writer)

    @property
    def keys(self) -> dict[str, object]:
        return {"sysfs_root": self.sysfs, "device_root": self.dev, "where": "iio:device0"}
