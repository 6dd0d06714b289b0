"""The fuzzing itself: it finds what it looks for, and the same seed tries the same inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fuzz.campaign import MOST_YARDS, inputs_of, run
from tests.fuzz.target import Broken, Target, holds

SEEDS = (b"key = 17\n", b"list = [1, 2, 3]\n")
ENOUGH = 4000


class Planted(Target):
    """A target with seeds of its own."""

    def seeds(self) -> list[bytes]:
        return [b"", *SEEDS]


def planted(feed: Callable[[bytes], object], name: str = "planted") -> Target:
    return Planted(name, lambda data: feed(data) and None, (b"[", b"="))


def crashes(data: bytes) -> None:
    if b"=" in data and data.partition(b"=")[2].strip().isdigit():
        int(data.partition(b"=")[2]) // len(data.partition(b"=")[0])


def promises_too_much(data: bytes) -> None:
    holds(data.count(b"[") <= data.count(b"]") + 3, "brackets are closed")


def is_quadratic(data: bytes) -> None:
    rest, found = data, 0
    while rest:
        found += rest.count(b"[[[")
        rest = rest[12:]


HELD: list[bytes] = []


def leaks(data: bytes) -> None:
    HELD.extend(bytes((number,)) * 40 for number in range(8))


def is_sound(data: bytes) -> None:
    data.count(b"=")


@pytest.mark.parametrize(("feed", "error"), [(crashes, ZeroDivisionError), (promises_too_much, Broken)])
def test_an_undeclared_error_and_a_broken_promise_are_found(feed: Callable[[bytes], None], error: type[Exception]) -> None:
    report = run(planted(feed), ENOUGH)
    assert {type(found) for _, found in report.findings} == {error}


def test_what_takes_too_long_for_a_long_input_is_found() -> None:
    assert run(planted(is_quadratic), 200).slowest_yards > MOST_YARDS
    assert run(planted(is_sound), 200).slowest_yards < MOST_YARDS


def test_what_every_input_leaves_behind_is_counted() -> None:
    assert run(planted(leaks), ENOUGH).grown > 4.0
    assert run(planted(is_sound), ENOUGH).grown < 1.0


def test_the_same_seed_tries_the_same_inputs_and_another_one_others() -> None:
    target = planted(is_sound)
    tries = [list(inputs_of(target, 500, seed)) for seed in (1, 1, 2)]
    assert tries[0] == tries[1] != tries[2]
    assert tries[0][: 1 + len(SEEDS)] == [b"", *SEEDS]
    assert max(map(len, tries[0])) == target.largest, "some inputs are as long as they may be"
