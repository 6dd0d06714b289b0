"""What stands in the place of a small file: read once, bounded, and never waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from stationd.config import read
from stationd.problem import Problem
from stationd.regular_file import read_regular


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 16)
    assert read_regular(file, 4096) == bytes(range(256)) * 16


def test_what_is_longer_than_anybody_writes_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as made:
        made.truncate(1 << 40)  # has no blocks on the disk, and would have filled the memory
    with pytest.raises(OSError, match="longer than 4096 bytes"):
        read_regular(file, 4096)


@pytest.mark.parametrize("kind", ["FIFO", "directory", "socket", "device"])
def test_what_is_no_file_is_a_sentence_and_no_hang(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "station.toml"
    with socket.socket(socket.AF_UNIX) as listener:
        match kind:
            case "FIFO":
                os.mkfifo(place)
            case "directory":
                place.mkdir()
            case "socket":
                listener.bind(str(place))
            case "device":
                place.symlink_to("/dev/zero")
        found = read(place)
    assert isinstance(found, Problem)
    assert found.file == str(place)
    assert kind in found.reason
