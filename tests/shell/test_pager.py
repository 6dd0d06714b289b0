"""One screen after the other, on a real terminal, and only where somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.console.desk import STATUS, value
from tests.shell.scripted import Scripted, scripted, view
from tests.shell.shelling import Person, at_shell, furnish

MORE = "--More-- (SPACE, q, /text)"


@pytest.fixture
def daemon() -> Iterator[Scripted]:
    amplifiers = {f"fp{number:02}-amp": {"up": True, "input_power": value(-18.31, "dBm")} for number in range(60)}
    with TemporaryDirectory(prefix="shell") as name, scripted(Path(name) / "s") as served:
        furnish(served)
        served.answers["GetStatus"] = lambda _: ("", {"status": {**STATUS, "amplifiers": amplifiers}})
        yield served


def at_more(person: Person) -> str:
    """Ask for more than a screen; return what stands above the question."""
    before = person.at
    person.types("show amp\r")
    person.sees(MORE)
    return person.seat.screen[before : person.at]


def test_a_long_answer_stops_at_the_end_of_the_screen_and_goes_on_with_the_space_bar(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        page = at_more(person)
        assert 20 <= page.count("\n") <= 26  # 24 rows, one of them for the question, and the line that was typed
        for _ in range(2):
            person.types(" ")
        person.prompted()
        assert "fp59-amp" in person.read


def test_q_leaves_it(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        at_more(person)
        person.types("q")
        person.prompted()
        assert "fp59-amp" not in person.read


def test_ctrl_c_leaves_it_and_the_shell_goes_on(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        at_more(person)
        person.types("\x03")
        person.prompted()
        person.types("show pfe\r")
        person.sees("Next:  show pfe")


def test_a_text_is_looked_for(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        at_more(person)
        person.types("/FP39\x7f0\r")
        person.sees("lines skipped")
        person.sees("fp30-amp")
        assert "fp25-amp" not in person.read
        person.types("/nowhere\r")
        person.sees("nothing more with: nowhere")
        person.sees(MORE)


ARM = 'arm pfe a energise to 1000 mA rate 20 mA/s reason "repair done WO 4711"'
WAYS = pytest.mark.parametrize("keys", ["  ", "q", "\x03"], ids=["to the end", "q", "Ctrl-C"])


@pytest.mark.parametrize("line", [ARM, "approve OP-42"])
@WAYS
def test_what_is_read_before_saying_yes_never_scrolls_off_and_its_end_is_always_shown(daemon: Scripted, keys: str, line: str) -> None:
    checks = [{"name": f"far feed {number}", "shown": f"contact {number} OPEN", "good": False, "reason": None} for number in range(30)]
    daemon.view = view(checks=checks)
    with at_shell(daemon) as person:
        person.orders(line)
        person.sees(MORE)
        assert "OP-42" in person.read
        person.types(keys)
        person.sees("EFFECT   Puts up to +2250 V")
        person.sees("code K7Q4" if line == ARM else "type OP-42 to approve")
        if line == ARM:
            person.prompted()
            assert MORE not in person.seat.screen[person.seat.screen.rfind("EFFECT") :]


def test_the_size_that_was_set_counts(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.types("terminal size 80 100\r")
        person.sees("100 rows")
        person.prompted()
        person.types("show amp\r")
        person.sees("fp59-amp")
        person.prompted()
        assert MORE not in person.read


@pytest.mark.parametrize("line", ["show amp | no-more", "show amp | json", "show amp | match fp"])
def test_what_goes_through_a_bar_that_takes_it_whole_does_not_stop(daemon: Scripted, line: str) -> None:
    with at_shell(daemon) as person:
        person.types(f"{line}\r")
        if "match" in line:
            person.sees(MORE)
            return
        person.sees("fp59-amp")
        person.prompted()
        assert MORE not in person.read


def test_a_plain_terminal_never_stops(daemon: Scripted) -> None:
    with at_shell(daemon, "dumb") as person:
        person.types("show amp\n")
        person.sees("fp59-amp")
        person.prompted()
        assert MORE not in person.read


def test_what_fits_the_screen_does_not_stop(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.types("show pfe\r")
        person.sees("Next:  show pfe")
        person.prompted()
        assert MORE not in person.read


def test_who_leaves_a_page_standing_on_a_console_is_logged_out(daemon: Scripted) -> None:
    with at_shell(daemon, STATIONCTL_IDLE_S="0.5") as person:
        person.types("show amp\r")
        person.sees("logged out")


def test_what_the_station_tells_and_its_bell_come_through_a_page_that_stands(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        at_more(person)
        daemon.tells(kind="alarm", severity="critical", text="B! PFE-TRIP of pfe-a", bell=True, id=1)
        person.sees("B! PFE-TRIP of pfe-a")
        person.sees(MORE)
        assert person.seat.screen.count("\x07") == 1
        person.types("/fp5")
        person.sees("/fp5")
        daemon.tells(kind="alarm", text="and another one", bell=False, id=2)
        person.sees("and another one")
        person.sees("/fp5")
        person.types("0\r")
        person.sees("fp50-amp")
