"""The screen of an operation that runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.screens.running import BAR, bar, running_screen
from tests.console.desk import value
from tests.shell.scripted import NOTHING, progress, view

CURRENTS = st.floats(-10.0, 2000.0)


@given(CURRENTS, st.lists(st.text(max_size=200), max_size=5), st.text(max_size=120))
def test_whatever_it_shows_is_ascii_that_fits(current_ma: float, said: list[str], who: str) -> None:
    lines = running_screen(view("running", progress=progress(current_ma), approver=who, object=who), "22:43:31Z", said)
    assert max(map(len, lines)) <= 79
    assert "".join(lines).isascii()


@given(CURRENTS, CURRENTS)
def test_the_bar_never_shows_more_or_less_than_there_is(set_ma: float, target_ma: float) -> None:
    shown = bar({"setTo": value(set_ma, "mA"), "target": value(target_ma, "mA")})
    if target_ma > 0 and 0 <= set_ma <= target_ma:
        assert shown.index("]") == BAR + 1
        assert shown.count("=") == int(set_ma / target_ma * BAR)
    else:
        assert shown == ""


def test_what_is_not_known_has_no_figure() -> None:
    unknown = {**progress(None), "phase": "ramping"}
    lines = running_screen(view("running", progress=unknown), "22:43:31Z")
    assert not [line for line in lines if "measured" in line or "voltage" in line]
    assert bar({"setTo": NOTHING, "target": value(1000.0, "mA")}) == ""


def test_a_check_that_is_not_good_is_named() -> None:
    checks = [{"name": "door 2", "shown": "OPEN, 0.2 s ago", "good": False, "reason": None}]
    lines = running_screen(view("running", progress=progress(418.0), checks=checks), "22:43:31Z")
    assert any("NOT OK door 2: OPEN, 0.2 s ago" in line for line in lines)


def test_the_rows_stay_where_they_are_while_figures_change() -> None:
    before, after = (running_screen(view("running", progress=progress(each)), "22:43:31Z") for each in (1.0, 999.0))
    assert len(before) == len(after)
    assert [line[:12] for line in before] == [line[:12] for line in after]
