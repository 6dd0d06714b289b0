"""Watching: what changed is painted or appended, what is not known any more is marked, and the only key that acts makes it safer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stationd.shell.exits import Exit
from stationd.shell.watching import watchable
from stationd.shell.wish import Kind, Usage
from tests.console.desk import STATUS, value
from tests.shell.scripted import OPERATION, Scripted, progress, refused, scripted, sitting, view
from tests.shell.shelling import at_shell, furnish

AMPLIFIERS = {f"fp{number:02}-amp": {"up": True, "input_power": value(-18.31, "dBm")} for number in range(60)}
EVERY = pytest.mark.parametrize("term", ["xterm", "vt100", "dumb"])


@pytest.fixture
def daemon() -> Iterator[Scripted]:
    with TemporaryDirectory(prefix="shell") as name, scripted(Path(name) / "s") as served:
        furnish(served)
        yield served


def measures(daemon: Scripted, current_ma: float) -> None:
    feed = {**STATUS["power_feeds"]["pfe-a"], "output_current": value(current_ma, "mA")}
    daemon.answers["GetStatus"] = lambda _: ("", {"status": {**STATUS, "power_feeds": {"pfe-a": feed}}})


@EVERY
def test_only_what_has_changed_is_sent_again(daemon: Scripted, term: str) -> None:
    measures(daemon, 1000.0)
    with sitting(daemon.path, "watch", "show", "pfe", term=term) as person:
        at = person.until("1000")
        looks = len(daemon.called("GetStatus"))
        daemon.wait_for(lambda: len(daemon.called("GetStatus")) > looks + 1)
        measures(daemon, 987.5)
        person.until("87.5", after=at)
        assert len(person.screen) - at < 1000
        assert person.screen.count("POWER FEEDS") <= 1
        person.types("q")
        assert person.ended() == Exit.DONE
        assert person.screen.isascii()
        assert term != "dumb" or "\x1b" not in person.screen


@pytest.mark.parametrize("term", ["vt100", "dumb"])
def test_a_daemon_that_falls_silent_is_told_and_its_numbers_are_marked_not_repeated(daemon: Scripted, term: str) -> None:
    measures(daemon, 1000.0)
    with sitting(daemon.path, "watch", "show", "pfe", term=term) as person:
        at = person.until("1000")
        answers, daemon.answers = daemon.answers, {}
        moved = daemon.path.rename(daemon.path.with_name("away"))
        daemon.hangs_up()
        at = person.until("NO ANSWER since", after=at)
        if term == "vt100":
            person.until("OLD", after=at)
            person.until("? PFE", after=at)
        daemon.answers = answers
        measures(daemon, 742.0)
        moved.rename(daemon.path)
        person.until("the daemon answers again", after=at)
        person.types("q")
        assert person.ended() == Exit.DONE
        if term == "dumb":
            assert person.screen.count("1000 mA") == 1


@pytest.mark.parametrize("keys", ["q", "\x03"], ids=["q", "Ctrl-C"])
def test_the_shell_goes_on_when_a_watch_is_left(daemon: Scripted, keys: str) -> None:
    with at_shell(daemon) as person:
        person.types("watch show pfe every 1s\r")
        person.sees("q: leave")
        person.types(keys)
        person.prompted()
        person.types("show pfe\r")
        person.sees("Next:  show pfe")


def test_the_space_bar_holds_the_operation_that_is_watched(daemon: Scripted) -> None:
    daemon.view = view("running", progress=progress(742.0))
    daemon.answers["Hold"] = lambda _: ("", {"names": ["OP-42"], "detail": "", "durable": True})
    with sitting(daemon.path, "watch", "show", "operations", "OP-42") as person:
        at = person.until("SPACE: hold what runs")
        person.types(" ")
        person.until("OP-42: held", after=at)
        person.types("q")
        assert person.ended() == Exit.DONE
    assert daemon.called("Hold") == [{"operation": "OP-42"}]


def test_the_space_bar_does_nothing_where_nothing_moves(daemon: Scripted) -> None:
    with sitting(daemon.path, "watch", "show", "amp") as person:
        person.until("q: leave")
        assert "SPACE" not in person.screen
        person.types(" ")
        looks = len(daemon.called("GetStatus"))
        daemon.wait_for(lambda: len(daemon.called("GetStatus")) > looks)
        person.types("q")
        assert person.ended() == Exit.DONE
    assert not daemon.called("Hold")


def test_a_hold_that_is_refused_says_why_and_the_view_goes_on(daemon: Scripted) -> None:
    daemon.view = view("running", progress=progress(742.0))
    daemon.answers["Hold"] = lambda _: refused("no-access-authority", "guest has the role view")
    with sitting(daemon.path, "watch", "show", "operations", "OP-42") as person:
        at = person.until("SPACE: hold what runs")
        person.types(" ")
        person.until("guest has the role view", after=at)
        person.types("q")
        assert person.ended() == Exit.DONE


def test_a_watch_keeps_nothing_alive(daemon: Scripted) -> None:
    daemon.view = view("running", progress=progress(742.0))
    with sitting(daemon.path, "watch", "show", "operations", "OP-42") as person:
        person.until("q: leave")
        daemon.wait_for(lambda: len(daemon.called("Get")) > 2)
        person.types("q")
        person.ended()
    assert not daemon.called("KeepAlive")


def test_what_is_refused_at_the_first_look_ends_at_once(daemon: Scripted) -> None:
    missing = {"operation": "OP-9", "cause": "object-not-selected", "detail": "none"}
    daemon.answers["Get"] = lambda _: (f"{OPERATION}.NoSuchOperation", missing)
    with sitting(daemon.path, "watch", "show", "operations", "OP-9") as person:
        assert person.ended() == Exit.NO_SUCH_THING


def test_without_a_daemon_a_watch_ends_as_any_command_does() -> None:
    with sitting(Path("/nowhere/s"), "watch", "show", "pfe") as person:
        assert person.ended() == Exit.NO_DAEMON
        assert "no daemon answers" in person.screen


@pytest.mark.parametrize(
    "command",
    ["note x", "discard", "confirm", 'apply reason "drift of OA-3"', "hold-ramp", "check",
     "show", "show pfe | count", "watch show pfe", "EMERGENCY-OFF all"],
)  # fmt: skip
def test_only_a_command_of_show_is_watched(command: str) -> None:
    with pytest.raises(Usage):
        watchable(command)


@pytest.mark.parametrize("command", ["show audit verify", "sh audit verify"])
def test_what_takes_minutes_is_asked_once(command: str) -> None:
    with pytest.raises(Usage, match="not watched"):
        watchable(command)


@pytest.mark.parametrize(("command", "kind"), [("show pfe", Kind.FEEDS), ("sh alarms", Kind.ALARMS), ("show pfe a", Kind.FEED)])
def test_what_is_watched_may_be_typed_short(command: str, kind: Kind) -> None:
    assert watchable(command).kind is kind


def test_who_leaves_a_watch_standing_on_a_console_is_logged_out(daemon: Scripted) -> None:
    with at_shell(daemon, STATIONCTL_IDLE_S="1.2") as person:
        person.types("watch show pfe\r")
        person.sees("q: leave")
        assert person.seat.ended() == Exit.DONE
        assert "logged out" in person.read


@EVERY
def test_what_the_station_tells_and_its_bell_come_through_a_watch_at_once(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        person.types("watch show pfe every 1h\r")
        person.sees("1000" if term == "dumb" else "q: leave")
        daemon.tells(kind="alarm", severity="critical", text="B! PFE-TRIP of pfe-a", bell=True, id=1)
        at = person.at
        person.sees("B! PFE-TRIP of pfe-a")
        person.seat.until("\x07", after=at)
        person.types("q")
        if term != "dumb":
            person.sees("B! PFE-TRIP of pfe-a")  # and stays above the prompt, where the view is over
        person.prompted()
        assert person.seat.screen.count("\x07") == 1


def test_what_was_told_has_its_rows_above_a_view_that_fills_the_screen(daemon: Scripted) -> None:
    daemon.answers["GetStatus"] = lambda _: ("", {"status": {**STATUS, "amplifiers": AMPLIFIERS}})
    with at_shell(daemon) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        person.types("watch show amp\r")
        person.sees("q: leave")
        for number in range(9):
            daemon.tells(kind="alarm", text=f"notice {number}", bell=False, id=number)
        person.sees("notice 8")
        person.types("q")
        for number in range(9):
            person.sees(f"notice {number}")
        person.prompted()
