"""The station file, also one that is broken: names, and places of mistakes."""

from __future__ import annotations

import string
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stationd.support import station_file
from stationd.support.station_file import checked, line_of, place_of, read
from tests.support.remains import station


def test_a_file_that_is_no_toml_still_says_who_it_is(tmp_path: Path) -> None:
    file = station(tmp_path, tmp_path / "state", "[bus.pfe]\nbaud = 19200 mA\n")
    found = read(file)
    assert (found.name, found.operator, found.state) == ("aktau", "Kazakhtelecom", tmp_path / "state")
    (problem,) = checked(file).problems
    assert place_of(problem, found.text) == "line 8"


def test_a_mistake_has_its_line(tmp_path: Path) -> None:
    file = station(tmp_path, tmp_path, '[bus.pfe]\nport = "/dev/ttyS0"\nprotocol = "modbus-rtu"\nbaud = "fast"\n[bus.b]\nport = "x"\n')
    places = [place_of(problem, file.read_text()) for problem in checked(file).problems]
    assert "line 10, bus.pfe.baud" in places
    assert "line 12, bus.b.port" in places


def test_the_entries_of_a_list_are_counted() -> None:
    text = '[[alarm]]\npoint = "a.b"\n[[alarm]]\ntype = "X"\npoint = "c.d"\n'
    assert line_of(text, "alarm[2].point") == 5
    assert line_of(text, "alarm[2].below") == 3
    assert line_of(text, "nothing.here") is None


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    found = read(tmp_path / "none.toml")
    assert found.trouble == f"there is no {tmp_path}/none.toml"
    assert found.state == station_file.STATE


@given(st.text(alphabet=string.printable + "\u00e4\u0436\x00", max_size=200))
def test_a_line_is_looked_for_in_any_text(text: str) -> None:
    line_of(text, "station.name")
