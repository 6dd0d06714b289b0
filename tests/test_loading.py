"""A station file and its driver files: read once, checked together, and given up where the disk gives none of it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path

from stationd.loading import Loaded, Reading, load
from tests.driver_texts import HEAD, INLET

METER = HEAD + INLET
STATION = '[station]\nname = "aktau"\n'


def station(folder: Path, text: str = STATION) -> Path:
    file = folder / "station.toml"
    file.write_text(text)
    return file


def test_the_digest_and_the_texts_are_of_exactly_what_was_checked(tmp_path: Path) -> None:
    file = station(tmp_path)
    (tmp_path / "drivers").mkdir()
    driver = tmp_path / "drivers" / "meter.toml"
    driver.write_text(METER)
    loaded = load(file)
    assert loaded.config is not None, loaded.mistakes
    assert loaded.source is not None
    assert loaded.texts is not None
    assert loaded.texts.station == STATION.encode()
    assert loaded.source.sha256 == hashlib.sha256(loaded.texts.station).hexdigest()
    assert dict(loaded.texts.drivers) == {str(driver): METER}


def test_a_driver_of_a_file_may_not_take_the_name_of_another(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    for name in ("one", "two"):
        (tmp_path / "drivers" / f"{name}.toml").write_text(METER)
    (mistake,) = load(station(tmp_path)).mistakes
    assert (mistake.file, mistake.key) == (str(tmp_path / "drivers" / "two.toml"), "model")


class Disk:
    """A disk that gives nothing until it is `back`."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked = 0

    def load(self, path: Path) -> Loaded:
        self.asked += 1
        self.back.wait()
        return load(path)


async def test_a_disk_that_hangs_is_given_up_and_asked_again_once_it_is_back(tmp_path: Path) -> None:
    disk = Disk()
    reading = Reading(station(tmp_path), disk.load, patience_s=0.05)
    try:
        (mistake,) = (await reading.aside()).mistakes
        assert mistake.reason == "it could not be read within 0.05 s"
        (mistake,) = (await reading.aside()).mistakes
        assert mistake.reason == "it is still being read from an earlier time"
        assert disk.asked == 1, "no second thread beside the one that hangs"
    finally:
        disk.back.set()
    loaded = None
    while loaded is None or loaded.config is None:
        loaded = await reading.aside()
        await asyncio.sleep(0)


def test_before_there_is_a_loop_a_disk_that_hangs_is_given_up_too(tmp_path: Path) -> None:
    disk = Disk()
    try:
        (mistake,) = Reading(station(tmp_path), disk.load, patience_s=0.05).now().mistakes
        assert mistake.reason == "it could not be read within 0.05 s"
    finally:
        disk.back.set()
