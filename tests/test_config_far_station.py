from __future__ import annotations

from pathlib import Path

import pytest

from drivers import CATALOG
from stationd import config
from stationd.config import SecretError
from stationd.config.far_station import far_settings, far_unit_of, shared
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


def test_a_short_secret_is_refused_with_what_would_be_right_and_never_shown(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"has 15 bytes.*at least 16.*openssl rand -hex 32") as error:
        far_settings(station(tmp_path, b"0123456789abcde\n"), {})
    assert "0123456789" not in str(error.value)


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
