"""The copy of the station file that was taken up last: of one path, whole or not at all, and never a way to write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stationd.last_good import COPY, instead_of, keep, places
from stationd.loading import Loaded, load
from tests.driver_texts import HEAD, INLET

GOOD = """
[station]
name = "aktau"
read_only = false
state = "{state}"
[bus.io]
port = "/dev/ttyIO"
protocol = "modbus-rtu"
[device.meter]
driver = "acme-meter"
bus = "io"
"""
BAD = "this is no station file"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "etc" / "drivers").mkdir(parents=True)
    (tmp_path / "etc" / "drivers" / "meter.toml").write_text(HEAD + INLET)
    (tmp_path / "etc" / "station.toml").write_text(GOOD.format(state=tmp_path / "state"))
    return tmp_path


def kept(home: Path) -> Path:
    """Have the good file kept; return its path."""
    file = home / "etc" / "station.toml"
    loaded = load(file)
    assert loaded.mistakes == ()
    assert loaded.texts is not None
    keep(loaded.texts, places({}, loaded.texts))
    return file


def found(file: Path, environment: dict[str, str]) -> Loaded | None:
    refused = load(file)
    assert refused.config is None
    return instead_of(refused, file, places(environment, refused.texts))


@pytest.mark.parametrize("lack", ["mistaken", "no TOML", "missing", "no driver"])
def test_a_start_without_a_file_that_can_be_used_goes_by_the_last_one_read_only(home: Path, lack: str) -> None:
    file = kept(home)
    match lack:
        case "mistaken":
            file.write_text(file.read_text().replace('name = "aktau"', 'name = "aktau"\ncolour = "blue"'))
        case "no TOML":
            file.write_text(BAD)
        case "missing":
            file.unlink()
        case "no driver":
            (home / "etc" / "drivers" / "meter.toml").unlink()
    loaded = found(file, {"STATE_DIRECTORY": str(home / "state")})
    assert loaded is not None
    assert loaded.config is not None
    assert loaded.config.station.name == "aktau"
    assert loaded.config.station.read_only
    assert "acme-meter" in loaded.catalogue
    assert loaded.mistakes, "they are said all the same"
    assert loaded.source is not None
    assert loaded.source.path == file


def test_the_directory_that_a_mistaken_file_names_is_looked_in_too(home: Path) -> None:
    file = kept(home)
    file.write_text(file.read_text().replace("[bus.io]", "[bus.io]\ncolour = 1"))
    assert found(file, {}) is not None


def test_the_copy_of_another_path_is_never_used(home: Path) -> None:
    kept(home)
    other = home / "etc" / "other.toml"
    other.write_text(BAD)
    assert found(other, {"STATE_DIRECTORY": str(home / "state")}) is None


@pytest.mark.parametrize("spoil", [b"", b"{", b"[]", b'{"format": 1}'])
def test_a_copy_that_is_not_whole_is_none(home: Path, spoil: bytes) -> None:
    file = kept(home)
    (home / "state" / COPY).write_bytes(spoil)
    file.write_text(BAD)
    assert found(file, {"STATE_DIRECTORY": str(home / "state")}) is None


def test_a_copy_that_somebody_has_changed_is_none(home: Path) -> None:
    file = kept(home)
    copy = home / "state" / COPY
    raw = json.loads(copy.read_text())
    copy.write_text(json.dumps({**raw, "station": raw["station"].replace("aktau", "baku")}))
    file.write_text(BAD)
    assert found(file, {"STATE_DIRECTORY": str(home / "state")}) is None


def test_what_is_kept_already_is_not_written_again_and_leaves_nothing_beside_it(home: Path) -> None:
    kept(home)
    before = (home / "state" / COPY).stat()
    kept(home)
    assert (home / "state" / COPY).stat().st_ino == before.st_ino
    assert [each.name for each in (home / "state").iterdir()] == [COPY]
    assert before.st_mode & 0o777 == 0o600
