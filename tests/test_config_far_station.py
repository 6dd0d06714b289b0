from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config.far_station import far_settings, far_unit_of, key_trouble, shared
from stationd.farstation.guard import Expected
from stationd.farstation.words import Share
from stationd.outputs.document import Mode

FILE = """
[station]
name = "aktau"
mode = "sim"
[line]
name = "s1"
profile = "repeatered"
length_km = 341.0
end = "a"
far_station = "siyazan"
fibre_pairs = 2
[far_station]
key = "file:{key}"
{more}
[mqtt]
url = "mqtt://127.0.0.1"
"""


def station(folder: Path, key: bytes = b"0123456789abcdef\n", more: str = "") -> config.StationConfig:
    (folder / "far.key").write_bytes(key)
    found, problems = config.check(FILE.format(key=folder / "far.key", more=more), CATALOG)
    assert found is not None, problems
    return found


def test_who_is_expected_to_speak_and_with_which_secret(tmp_path: Path) -> None:
    settings = far_settings(station(tmp_path, more="max_age_s = 3.0"), {})
    assert settings is not None
    assert settings.expected == Expected("aktau", "siyazan", "s1", Mode.SIM, 3.0)
    assert settings.key == b"0123456789abcdef"
    assert (settings.own_topic, settings.far_topic) == ("stationd/aktau/line", "stationd/siyazan/line")


def test_a_short_secret_is_no_key_and_it_is_said_what_would_be_right_and_never_shown(tmp_path: Path) -> None:
    found = station(tmp_path, b"0123456789abcde\n")
    settings = far_settings(found, {})
    assert settings is not None
    assert settings.key == b""
    assert "has 15 bytes" in settings.no_key
    assert "at least 16, for example from: openssl rand -hex 32" in settings.no_key
    assert "0123456789" not in settings.no_key
    assert key_trouble(found, {}) == settings.no_key


@pytest.mark.parametrize(("spoil", "said"), [(lambda key: key.unlink(), "No such file"), (lambda key: key.write_bytes(b"\n"), "is empty")])
def test_a_secret_that_is_not_there_or_empty_is_no_key_and_no_reason_not_to_start(
    spoil: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    found = station(tmp_path)
    assert key_trouble(found, {}) == ""
    spoil(tmp_path / "far.key")
    settings = far_settings(found, {})
    assert settings is not None
    assert said in settings.no_key
    assert key_trouble(found, {}) == settings.no_key


def test_a_credential_is_not_missed_where_only_the_service_would_have_it(tmp_path: Path) -> None:
    text = FILE.format(key="x", more="").replace("file:x", "credential:far.key")
    found, problems = config.check(text, CATALOG)
    assert found is not None, problems
    assert key_trouble(found, {}) == ""
    assert "No such file" in key_trouble(found, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_all_is_shared_unless_the_file_says_less(tmp_path: Path) -> None:
    assert shared(station(tmp_path)) == frozenset(Share)
    assert shared(station(tmp_path, more='share = ["light"]')) == {Share.LIGHT}
    assert shared(station(tmp_path, more="share = []")) == frozenset()


def test_the_far_station_is_a_unit_of_its_own_name(tmp_path: Path) -> None:
    unit = far_unit_of(station(tmp_path))
    assert unit is not None
    assert (unit.name, unit.role, unit.driver.kind.name, unit.pairs) == ("siyazan", "far-station", "far-station", (1, 2))


def test_both_ends_need_a_broker_to_speak_over(tmp_path: Path) -> None:
    text = FILE.format(key=tmp_path / "far.key", more="")
    found, problems = config.check(text[: text.index("[mqtt]")], CATALOG)
    assert found is None
    assert [problem.render() for problem in problems] == [
        "station.toml: far_station: both ends speak over MQTT, and there is no [mqtt] (add [mqtt], or take [far_station] out)"
    ]


def test_a_station_without_the_section_has_neither() -> None:
    found, _ = config.check('[station]\nname = "aktau"\n', CATALOG)
    assert found is not None
    assert (far_settings(found, {}), far_unit_of(found), shared(found)) == (None, None, frozenset())
