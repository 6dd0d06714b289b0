"""What was probably meant: found among few names, however many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.outputs import near_names
from stationd.outputs.near_names import BESIDE, MOST, NearNames

UNITS = ("pfe-a", "pfe-b", *(f"fp{number}-booster" for number in range(300)))
STATION = [f"{unit}.{point}" for unit in UNITS for point in ("gain", "output_power", "los")]


class Counted(str):
    """A name that counts how many characters of it are looked at one by one: that is how a comparison begins."""

    __slots__ = ()
    looked_at = 0

    def __getitem__(self, key: object) -> str:
        Counted.looked_at += 1
        return str.__getitem__(self, key)  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("pfe-a.output_powr", "pfe-a.output_power"),
        ("pfe-c.los", "pfe-b.los"),
        ("pf-a.gain", "pfe-a.gain"),
        ("fp17-boster.gain", "fp17-booster.gain"),
    ],
)
def test_a_slip_in_the_unit_or_in_the_point_finds_what_was_meant(wrong: str, meant: str) -> None:
    assert meant in NearNames(STATION).of(wrong)


def test_the_last_part_alone_finds_names_that_end_with_it() -> None:
    assert all(name.endswith(".los") for name in NearNames(["pfe-a.los", "pfe-b.los", "pfe-a.gain", *STATION]).of("los"))


def test_a_wrong_name_is_compared_with_few_names_however_many_there_are() -> None:
    known = NearNames(Counted(f"unit-{number}.point") for number in range(20_000))
    Counted.looked_at = 0
    known.of("unit-777x.point")
    assert 0 < Counted.looked_at <= 8 * BESIDE


@given(st.text(max_size=300))
def test_whatever_is_asked_the_answer_is_short_and_of_names_that_there_are(wrong: str) -> None:
    found = NearNames(STATION).of(wrong)
    assert len(found) == len(set(found)) <= MOST
    assert set(found) <= set(STATION)


def test_names_longer_than_what_is_compared_come_back_whole() -> None:
    long = f"{'a' * near_names.LONGEST}bc"
    assert NearNames([long]).of(f"{'a' * near_names.LONGEST}bd") == [long]
