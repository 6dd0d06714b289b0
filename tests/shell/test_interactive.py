"""The shell on a real terminal: the prompt, the keys, what is pasted, what the station tells, how it ends."""

from __future__ import annotations

import signal
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from stationd.shell.exits import Exit
from stationd.shell.notices import AGAIN_S
from stationd.shell.typing_in import READ_S
from tests.shell.scripted import CODE, Scripted, progress, refused, scripted, view
from tests.shell.shelling import DOCUMENTED, Person, at_shell, furnish, off, stand

ARM = 'arm pfe a energise to 1000 mA rate 20 mA/s reason "repair done WO 4711"'
ASKS = "code from the screen above: "
EVERY = pytest.mark.parametrize("term", ["xterm", "vt100", "dumb"])
WITH_KEYS = pytest.mark.parametrize("term", ["xterm", "vt100"])


@pytest.fixture
def daemon() -> Iterator[Scripted]:
    with TemporaryDirectory(prefix="shell") as name, scripted(Path(name) / "s") as served:
        furnish(served)
        yield served


def move(daemon: Scripted, phase: str, **more: Any) -> None:
    daemon.view = view(phase, **more)


# The prompt, and what stands before it.


@EVERY
def test_the_station_stands_before_the_first_prompt(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        before = person.read.rpartition("AKTAU LIVE local")[0]
        assert "AKTAU LIVE   Kazakhtelecom" in before
        assert "Next:" in before
    assert daemon.called("Announce") == [{"shell": True, "line": None}]


def test_every_prompt_has_the_documented_form_and_is_asked_for_anew(daemon: Scripted) -> None:
    with at_shell(daemon, "dumb") as person:
        stand(daemon, "1!", "OP-42 waiting 171s")
        person.types("\n")
        person.sees("[1!, OP-42 waiting 171s]> ")
        stand(daemon)
        person.types("show pfe\n")
        person.sees("Next:  show pfe")
        person.sees("local> ")
        prompts = [line for line in person.read.splitlines() if " LIVE local" in line]
        bare = [each.removesuffix(typed) for each, typed in zip(prompts, ("", "show pfe", ""), strict=True)]
        assert [each for each in bare if not DOCUMENTED.match(each)] == []


@pytest.mark.parametrize("term", ["vt100", "dumb"])
def test_a_terminal_of_seven_bits_gets_seven_bits(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        daemon.tells(kind="message", text="T\u00fcr 2 offen", bell=True, id=1)
        person.sees("T?r 2 offen")
        person.types("explain PFE-TRIP\r")
        person.sees("PFE-TRIP")
        person.types("quit\r")
        assert person.seat.ended() == Exit.DONE
        assert person.seat.screen.isascii()


def test_nothing_that_acts_on_a_terminal_is_sent_to_a_dumb_one(daemon: Scripted) -> None:
    with at_shell(daemon, "dumb") as person:
        person.types("show ?\n")
        person.sees("the power feeds")
        person.prompted()
        for line in ("show pfe", "frobnicate", "help", "show alarms"):
            person.types(f"{line}\n")
            person.prompted()
        move(daemon, "armed")
        person.types(f"{ARM}\n")
        person.sees("then press Enter")
        person.types("quit\n")
        assert person.seat.ended() == Exit.DONE
        assert "\x1b" not in person.seat.screen


def test_plain_on_stops_everything_that_moves(daemon: Scripted) -> None:
    with at_shell(daemon, "xterm") as person:
        person.types("plain on\r")
        person.sees("nothing moves")
        person.prompted()
        at = person.at
        person.types("show pfe\n")
        person.sees("Next:  show pfe")
        person.prompted()
        assert "\x1b" not in person.seat.screen[at:]


# The keys.


@WITH_KEYS
def test_a_question_mark_tells_what_may_follow_and_leaves_the_line_as_it_is(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        person.types("show pf?")
        person.sees("the power feeds")
        person.sees("show pf")
        person.types("e\r")
        person.sees("Next:  show pfe")


def test_a_question_mark_in_quotes_is_a_sign_like_any_other(daemon: Scripted) -> None:
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon) as person:
        person.types('note "is it ours?"')
        person.sees("ours?")
        person.types("\r")
        daemon.wait_for(lambda: daemon.called("Note") != [])
    assert daemon.called("Note") == [{"text": "is it ours?"}]


@pytest.mark.parametrize(
    ("keys", "line"),
    [("sho\t", "show "), ("show pfe \t", "show pfe a "), ("EMERG\t", "EMERG"), ("EMERGENCY-OFF \t", "EMERGENCY-OFF "), ("ar\t", "ar"),
     ("appl\t", "appl"), ("disc\t", "disc"), ("arm pf\t", "arm pf"), ("execute \t", "execute "), ("set amp \t", "set amp ")],
)  # fmt: skip
def test_the_tab_key_writes_what_looks_or_notes_and_never_what_acts(daemon: Scripted, keys: str, line: str) -> None:
    with at_shell(daemon) as person:
        person.types(f"{keys}@")
        person.sees(f"{line}@")


def test_a_word_that_acts_is_typed_in_full(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.types('ar pfe a energise to 1000 mA rate 20 mA/s reason "repair done"\r')
        person.sees("typed in full")
        person.types("sh pf\r")
        person.sees("Next:  show pfe")
    assert not daemon.called("Arm")


def test_ctrl_c_takes_the_line_away_and_nothing_else(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.types("show li")
        person.sees("show li")
        person.types("\x03")
        person.prompted()
        person.types("show pfe\r")
        person.sees("Next:  show pfe")


def test_a_window_that_changes_its_size_disturbs_nothing(daemon: Scripted) -> None:
    with at_shell(daemon, "xterm") as person:
        person.seat.resized(50, 132)
        person.types("show pfe\r")
        person.sees("Next:  show pfe")
        person.seat.resized(0, 0)
        person.prompted()
        person.types("show pfe\r")
        person.sees("Next:  show pfe")


# What nobody has typed.


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_pasted_lines_that_only_look_or_note_are_each_shown_and_carried_out(daemon: Scripted) -> None:
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon, "xterm") as person:
        person.types(paste('show pfe\nnote "seen"\n'))
        person.sees("local> show pfe")
        person.sees("Next:  show pfe")
        person.sees('local> note "seen"')
        person.prompted()
    assert daemon.called("Note") == [{"text": "seen"}]


@pytest.mark.parametrize("acts", [ARM, "EMERGENCY-OFF all", "discard", 'apply reason "drift of OA-3"'])
def test_a_pasted_block_ends_at_the_first_line_that_acts(daemon: Scripted, acts: str) -> None:
    with at_shell(daemon, "xterm") as person:
        person.types(paste(f'show pfe\n{acts}\nnote "behind"\n'))
        person.sees("Next:  show pfe")
        person.sees("REFUSED: this acts")
        person.prompted()
        person.types('note "later"\r')
        daemon.wait_for(lambda: daemon.called("Note") != [])
    assert daemon.called("Note") == [{"text": "later"}]
    assert not [method for method, _ in daemon.calls if method.rpartition(".")[2] in ("Arm", "EmergencyOff", "Discard", "Apply")]


@pytest.mark.parametrize("acts", ["discard", "EMERGENCY-OFF all"])
@pytest.mark.parametrize("behind", ["", "\n"], ids=["", "with its end"])
def test_one_pasted_line_waits_for_an_enter_of_its_own(daemon: Scripted, acts: str, behind: str) -> None:
    daemon.answers["EmergencyOff"] = lambda _: off(True)
    with at_shell(daemon, "xterm") as person:
        person.types(f"{paste(acts + behind)}\r")
        person.sees("then press Enter")
        person.sees(f"local> {acts}")
        sent = [method for method, _ in daemon.calls]
        assert not {"io.stationd.Setpoint.Discard", "io.stationd.Operation.EmergencyOff"} & set(sent)
        time.sleep(1.5 * READ_S)
        person.types("\r")
        daemon.wait_for(lambda: daemon.called("Discard") + daemon.called("EmergencyOff") != [])


CONFIRM_WAYS = pytest.mark.parametrize("line", ["confirm", "discard", 'apply reason "drift today"'])


def settled(daemon: Scripted, person: Person, line: str) -> None:
    """Let everything that was sent be taken; the line is shown, and nothing of it was carried out."""
    person.sees(line[-6:])
    person.sees("then press Enter")
    person.types("\x15note 1\r")
    daemon.wait_for(lambda: daemon.called("Note") != [])
    assert not [method for method, _ in daemon.calls if method.startswith("io.stationd.Setpoint.")]


@EVERY
@CONFIRM_WAYS
def test_no_line_that_acts_runs_when_it_comes_whole_however_short_it_is(daemon: Scripted, term: str, line: str) -> None:
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon, term) as person:
        person.types(f"{line}\r")
        settled(daemon, person, line)


@EVERY
def test_a_line_that_was_pasted_unmarked_wants_more_than_the_enter_of_a_hand(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        person.types("discard")
        person.sees("discard")
        time.sleep(READ_S)
        person.types("\r")
        person.reads("discard")
        daemon.wait_for(lambda: daemon.called("Discard") != [])


@EVERY
@CONFIRM_WAYS
def test_one_sign_and_a_pause_do_not_make_a_paste_that_comes_sign_by_sign_a_hand(daemon: Scripted, term: str, line: str) -> None:
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon, term) as person:
        person.types(line[0])
        time.sleep(1.0)
        for sign in f"{line[1:]}\r":
            time.sleep(0.002)
            person.types(sign)
        settled(daemon, person, line)


@EVERY
def test_a_line_behind_another_one_in_one_unmarked_block_does_not_run(daemon: Scripted, term: str) -> None:
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon, term) as person:
        person.types("show pfe\rconfirm\r\r\r\rdiscard\r")
        person.sees("Next:  show pfe")
        settled(daemon, person, "confirm")


@EVERY
def test_what_was_typed_before_the_prompt_stood_does_not_run_by_itself(daemon: Scripted, term: str) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(_: object) -> tuple[str, dict[str, Any]]:
        asked.set()
        assert answer.wait(20)
        return "", {}

    daemon.answers["GetVersion"] = slow
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon, term) as person:
        person.types("show version\r")
        assert asked.wait(20)
        person.by_hand("discard")
        answer.set()
        settled(daemon, person, "discard")


@EVERY
def test_emergency_off_typed_while_the_command_before_still_answers_is_carried_out(daemon: Scripted, term: str) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(_: object) -> tuple[str, dict[str, Any]]:
        asked.set()
        assert answer.wait(20)
        return "", {}

    daemon.answers["GetVersion"] = slow
    daemon.answers["EmergencyOff"] = lambda _: off(True)
    with at_shell(daemon, term) as person:
        person.types("show version\r")
        assert asked.wait(20)
        person.types("discard\rEMERGENCY-OFF all\r")
        answer.set()
        daemon.wait_for(lambda: daemon.called("EmergencyOff") != [])
    assert not daemon.called("Discard")


@EVERY
def test_what_a_hand_has_typed_runs_with_its_own_enter(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        person.by_hand("discard")
        daemon.wait_for(lambda: daemon.called("Discard") != [])
        assert "then press Enter" not in person.read


@EVERY
def test_who_corrects_a_line_that_was_shown_is_shown_it_again(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        person.types("discard \r")
        person.sees("then press Enter")
        person.sees("discard")
        time.sleep(1.5 * READ_S)
        person.types("\x7f")
        person.types("\r")
        person.reads("discard")
        daemon.wait_for(lambda: daemon.called("Discard") != [])
    assert len(daemon.called("Discard")) == 1


@pytest.mark.parametrize("keys", ["\x19\r", "\x18e", "\x1b.\r", "\x1f\r", "\x1b[A\r"], ids=["yank", "macro", "last word", "undo", "up"])
def test_no_key_brings_a_line_that_acts_back_at_another_prompt(daemon: Scripted, keys: str) -> None:
    daemon.answers["Note"] = lambda _: ("", {"durable": True})
    with at_shell(daemon) as person:
        person.types("\x18(discard\x15note 1\r")  # recorded, typed, cut
        daemon.wait_for(lambda: daemon.called("Note") != [])
        person.types("\x18)")
        person.prompted()
        at = len(person.seat.screen)
        person.types(f"{keys}note 2\r")
        daemon.wait_for(lambda: len(daemon.called("Note")) > 1)
        assert "discard" not in person.seat.screen[at:]
    assert not daemon.called("Discard")


def test_what_was_cut_and_put_back_was_typed_by_no_hand(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        for sign in "discard":
            time.sleep(0.05)
            person.types(sign)
        person.types("\x15\x19")
        time.sleep(0.5)
        person.types("\r")
        person.sees("then press Enter")
    assert not daemon.called("Discard")


# Acting.


def armed(daemon: Scripted, person: Person) -> None:
    """Arm, and have it approved."""
    person.orders(ARM)
    person.sees("To begin after approval, execute OP-42   code K7Q4")
    person.prompted()
    move(daemon, "armed", approver="n.aliyeva")


def lets_run(daemon: Scripted) -> None:
    def execute(_: object) -> tuple[str, dict[str, Any]]:
        move(daemon, "running", progress=progress(0.0))
        return "", {"operation": daemon.view, "detail": "", "durable": True}

    daemon.answers["Execute"] = execute


def running(daemon: Scripted, person: Person) -> None:
    lets_run(daemon)
    armed(daemon, person)
    person.orders("execute OP-42")
    person.sees(ASKS)
    person.types(f"{CODE}\n")
    person.sees("measured")
    person.sees("SPACE")


def test_who_arms_has_his_prompt_back_and_begins_later_with_the_code(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        running(daemon, person)
        move(daemon, "closed", ending="reached", detail="1000 mA, +2148 V, stable 5 s")
        person.sees("OP-42 reached: 1000 mA")
        person.prompted()
    assert daemon.called("Execute") == [{"operation": "OP-42", "code": CODE}]
    assert daemon.called("KeepAlive")


def test_the_running_view_is_painted_once_and_then_only_its_figures_change(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        running(daemon, person)
        daemon.tells(kind="alarm", text="C MINOR ENV-DOOR open", bell=True, id=1)
        at = person.at
        person.sees("ENV-DOOR open")
        move(daemon, "running", progress=progress(418.0))
        person.sees("418")
        assert person.seat.screen.count("EFFECT") == 2
        assert person.seat.screen[at:].count("keep-alive") == 0
        assert person.seat.screen[at:].count("OP-42") == 0
        person.types("q")
        person.sees("OP-42 HOLDS")
        person.sees("C MINOR ENV-DOOR open")
        person.prompted()


def test_a_dumb_terminal_gets_the_running_view_line_by_line(daemon: Scripted) -> None:
    lets_run(daemon)
    move(daemon, "armed")
    with at_shell(daemon, "dumb") as person:
        person.orders(ARM)
        person.sees("execute OP-42   code K7Q4")
        person.prompted()
        person.orders("execute OP-42")
        person.sees(ASKS)
        person.types(f"{CODE}\n")
        person.sees("measured 0 mA")
        move(daemon, "closed", ending="reached", detail="1000 mA, stable 5 s")
        person.sees("OP-42 reached")
        person.prompted()
        assert "\x1b" not in person.seat.screen


def test_nothing_is_begun_before_the_second_person_has_agreed(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.orders(ARM)
        person.sees("SECOND PERSON needed")
        person.orders("execute OP-42")
        person.sees("second-person-missing")
        person.prompted()
        assert ASKS not in person.read
    assert not daemon.called("Execute")


def test_what_another_session_has_armed_is_not_begun_here(daemon: Scripted) -> None:
    move(daemon, "armed")
    with at_shell(daemon) as person:
        person.orders("execute OP-42")
        person.sees("locked-by-other-client")
        person.prompted()
        assert ASKS not in person.read


@pytest.mark.parametrize("keys", ["\x03", "q"], ids=["Ctrl-C", "q"])
def test_who_leaves_the_running_view_stays_in_the_shell_and_nothing_keeps_it_alive(daemon: Scripted, keys: str) -> None:
    with at_shell(daemon) as person:
        running(daemon, person)
        person.types(keys)
        person.sees("OP-42 HOLDS where it is within 5 s")
        person.prompted()
        alive = len(daemon.called("KeepAlive"))
        person.types("show pfe\r")
        person.sees("Next:  show pfe")
        person.prompted()
        assert len(daemon.called("KeepAlive")) == alive
    assert not daemon.called("Hold")


def test_the_space_bar_holds_in_the_running_view(daemon: Scripted) -> None:
    def hold(_: object) -> tuple[str, dict[str, Any]]:
        move(daemon, "held", detail="a.bekov holds it", progress=progress(742.0))
        return "", {"names": ["OP-42"], "detail": "", "durable": True}

    daemon.answers["Hold"] = hold
    with at_shell(daemon) as person:
        running(daemon, person)
        person.types(" ")
        person.sees("OP-42 HELD at 742 mA: a.bekov holds it")
        person.prompted()
    assert daemon.called("Hold") == [{"operation": "OP-42"}]


def test_ctrl_c_at_the_question_for_the_code_leaves_it_armed(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        armed(daemon, person)
        person.orders("execute OP-42")
        person.sees(ASKS)
        person.types("\x03")
        person.sees("OP-42 was not begun. Give it up: disarm OP-42")
        person.prompted()
        assert not daemon.called("Disarm")


@pytest.mark.parametrize("block", [paste(CODE) + "\n", f"{CODE}\n{CODE}\n"], ids=["marked", "two lines"])
def test_a_code_is_typed_never_pasted(daemon: Scripted, block: str) -> None:
    with at_shell(daemon, "xterm") as person:
        armed(daemon, person)
        person.orders("execute OP-42")
        person.sees(ASKS)
        person.types(block)
        person.sees("REFUSED: what is pasted")
        person.sees(ASKS)
    assert not daemon.called("Execute")


@pytest.mark.parametrize("way", ["resume", "back"])
def test_a_held_operation_goes_on_with_a_new_code_at_once_where_nobody_else_is_needed(daemon: Scripted, way: str) -> None:
    move(daemon, "held", offered=way, detail="the session ended", progress=progress(742.0))
    lets_run(daemon)
    with at_shell(daemon) as person:
        person.orders(f"{way} OP-42")
        person.sees(ASKS)
        person.types(f"{CODE}\n")
        person.sees("measured")
    assert daemon.called("Prepare") == [{"operation": "OP-42", "way": way}]


def test_the_second_person_types_the_name_below_the_same_screen(daemon: Scripted) -> None:
    move(daemon, "waiting", yours=False)
    with at_shell(daemon) as person:
        person.orders("approve OP-42")
        person.sees("EFFECT   Puts up to +2250 V")
        person.sees("type OP-42 to approve, anything else leaves: ")
        person.types("OP-42\n")
        person.sees("OP-42 approved")
        person.prompted()
    assert len(daemon.called("Approve")) == 1


@pytest.mark.parametrize(("word", "method"), [("EMERGENCY-OFF pfe a", "EmergencyOff"), ("hold-ramp", "Hold")])
@pytest.mark.parametrize("term", ["vt100", "dumb"])
def test_what_stops_something_goes_out_before_anything_else_on_a_connection_of_its_own(
    daemon: Scripted, term: str, word: str, method: str
) -> None:
    daemon.answers["EmergencyOff"] = lambda _: off(True)
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        before = len(daemon.calls)
        stood = daemon.connections
        person.types(f"{word}\r")
        daemon.wait_for(lambda: daemon.called(method) != [])
        assert daemon.calls[before][0].endswith(f".{method}")
        assert daemon.opened > stood
        person.sees("NOT SAFE TO TOUCH" if method == "EmergencyOff" else "held")
        person.prompted()
        daemon.wait_for(lambda: daemon.connections == stood)


def test_a_refusal_says_what_was_refused(daemon: Scripted) -> None:
    daemon.answers["AddHold"] = lambda _: refused("blocked-by-mode", "this is a rehearsal")
    with at_shell(daemon) as person:
        person.types('hold add pfe a reason "ship on cable"\r')
        person.sees("REFUSED  hold add pfe a reason ship on cable")
        person.sees("blocked-by-mode: this is a rehearsal")
        person.prompted()


# What the station tells.


@WITH_KEYS
def test_a_notice_stands_above_the_prompt_and_what_is_typed_stays(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        person.types("show pf")
        person.sees("show pf")
        daemon.tells(kind="alarm", severity="critical", text="B! PFE-TRIP of pfe-a", bell=True, id=1)
        person.sees("22:43:31Z B! PFE-TRIP of pfe-a")
        person.sees("\x07")
        person.sees("local> show pf")
        person.types("e\r")
        person.sees("Next:  show pfe")


def test_a_notice_without_a_bell_rings_none(daemon: Scripted) -> None:
    with at_shell(daemon, "dumb") as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        daemon.tells(kind="alarm", text="quiet", bell=False, id=1)
        person.sees("quiet")
        person.prompted()
        assert "\x07" not in person.seat.screen


def test_a_notice_waits_while_a_question_is_answered(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        armed(daemon, person)
        person.orders("execute OP-42")
        person.sees(ASKS)
        daemon.tells(kind="alarm", text="meanwhile", bell=False, id=1)
        person.types("K7")
        lets_run(daemon)
        person.types("Q4\n")
        person.sees("K7Q4")
        person.sees("meanwhile")
    assert daemon.called("Execute") == [{"operation": "OP-42", "code": CODE}]


def test_a_daemon_that_ends_is_told_and_the_one_that_comes_back_is_used(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        answers, daemon.answers = daemon.answers, {}
        daemon.hangs_up()
        person.sees("The daemon is gone")
        daemon.answers = answers
        person.sees("The daemon is back")
        person.types("show pfe\r")
        person.sees("Next:  show pfe")
        person.prompted()


def test_without_a_daemon_the_prompt_says_so_and_emergency_off_says_what_to_press() -> None:
    with TemporaryDirectory(prefix="shell") as name:
        path = Path(name) / "s"
        with scripted(path) as served:
            furnish(served)
            with at_shell(served, "dumb") as person:
                served.wait_for(lambda: served.listeners != [])
                path.unlink()
                served.hangs_up()
                person.sees("The daemon is gone")
                person.types("\n")
                person.sees("AKTAU LIVE view [daemon gone]> ")
                person.types("show pfe\n")
                person.sees("no daemon answers at")
                person.sees("AKTAU LIVE view [daemon gone]> ")
                person.types("EMERGENCY-OFF all\n")
                person.sees("Nothing was sent.")
                person.sees("red emergency-off button")


NOT_SERVED = "io.stationd.Status.NotServed", {"detail": "user 1000 has 15 connections already, which is the most for one user"}
NO_STREAM = "org.varlink.service.MethodNotFound", {"method": "Monitor"}


@EVERY
def test_a_shell_that_may_not_listen_says_so_in_its_prompt_and_listens_as_soon_as_it_may(daemon: Scripted, term: str) -> None:
    hello, daemon.answers["Monitor"] = daemon.answers["Monitor"], lambda _: NOT_SERVED
    with at_shell(daemon, term, first="NOT LISTENING") as person:
        person.prompted("not listening")
        daemon.answers["Monitor"] = hello
        person.sees("Listening again")
        person.prompted()
        daemon.tells(kind="alarm", text="B! PFE-TRIP of pfe-a", bell=True, id=1)
        person.sees("B! PFE-TRIP of pfe-a")


def test_a_daemon_that_tells_nothing_to_anybody_is_asked_once_and_the_prompt_stays_marked(daemon: Scripted) -> None:
    daemon.answers["Monitor"] = lambda _: NO_STREAM
    with at_shell(daemon, "dumb", first="NOT LISTENING") as person:
        person.prompted("not listening")
        time.sleep(AGAIN_S + 1.0)
        person.types("show pfe\n")
        person.prompted("not listening")
    assert len(daemon.called("Monitor")) == 1


@EVERY
@pytest.mark.parametrize("strange", [{"t": {}}, {"kind": None, "t": {"t": 7}}], ids=["no time", "a wrong time"])
def test_a_notice_that_cannot_be_shown_is_told_in_a_line_and_the_next_one_is_shown(
    daemon: Scripted, term: str, strange: dict[str, Any]
) -> None:
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        daemon.tells(**{"kind": "alarm", "text": "strange", "id": 1, **strange})
        if strange["t"] == {}:
            person.sees("cannot show")
        daemon.tells(kind="alarm", text="the next one", bell=False, id=2)
        person.sees("the next one")
        person.prompted()
        assert "Traceback" not in person.read


@EVERY
def test_a_prompt_that_is_refused_is_marked_and_keeps_the_mode_that_was_known(daemon: Scripted, term: str) -> None:
    stand(daemon, "1!", mode="SIM")
    with at_shell(daemon, term, first="AKTAU SIM local [1!]>") as person:
        daemon.answers["GetPrompt"] = lambda _: NOT_SERVED
        person.types("show pfe\r")
        person.sees("15 connections")
        person.sees("AKTAU SIM view [not known]>")


def test_a_shell_that_is_refused_says_why_and_invents_neither_station_nor_mode(daemon: Scripted) -> None:
    daemon.answers["Announce"] = daemon.answers["GetPrompt"] = lambda _: NOT_SERVED
    with at_shell(daemon, "dumb", first="STATION LIVE view [not known, station and mode not known]> ") as person:
        assert "which is the most for one user" in " ".join(person.read.split())
        assert "daemon gone" not in person.read


@EVERY
def test_a_prompt_that_is_printed_again_is_asked_for_again(daemon: Scripted, term: str) -> None:
    stand(daemon, "OP-42 waiting 171s")
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        person.sees("[OP-42 waiting 171s]>")
        stand(daemon, "OP-42 armed 120s")
        at = len(person.seat.screen)
        daemon.tells(kind="operation", text="OP-42 approved by n.aliyeva", bell=False, id=1)
        person.sees("OP-42 approved by n.aliyeva")
        person.sees("[OP-42 armed 120s]>")
        person.types("discard\r")
        person.sees("then press Enter")
        stand(daemon)
        daemon.tells(kind="operation", text="OP-42 is disarmed", bell=False, id=2)
        person.sees("OP-42 is disarmed")
        person.prompted()
        assert "171s" not in person.seat.screen[at:]


# How it ends.


@pytest.mark.parametrize("keys", ["\x04", "quit\r"], ids=["Ctrl-D", "quit"])
def test_who_leaves_disarms_what_he_has_armed_and_is_told_so(daemon: Scripted, keys: str) -> None:
    with at_shell(daemon) as person:
        armed(daemon, person)
        person.types(keys)
        assert person.seat.ended() == Exit.DONE
        assert "OP-42 is disarmed. Nothing was sent." in person.read
    assert daemon.called("Disarm") == [{"operation": "OP-42"}]


def test_who_leaves_does_not_close_what_holds(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        armed(daemon, person)
        move(daemon, "held", detail="the session ended", progress=progress(742.0))
        person.types("\x04")
        assert person.seat.ended() == Exit.DONE
        assert "OP-42 stays as it was" in person.read
    assert not daemon.called("Disarm")


@EVERY
def test_a_terminal_that_is_gone_takes_the_session_with_it(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        person.seat.hangs_up()
        assert person.seat.running.wait(20) != Exit.DONE
    daemon.wait_for(lambda: daemon.connections == 0)


@EVERY
def test_a_shell_that_is_ended_leaves_the_terminal_as_it_was(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term) as person:
        daemon.wait_for(lambda: daemon.listeners != [])
        person.seat.running.send_signal(signal.SIGTERM)
        assert person.seat.running.wait(20) == -signal.SIGTERM
        assert person.seat.modes[3] & termios.ICANON
        assert person.seat.modes[3] & termios.ECHO
        assert "Traceback" not in person.seat.screen
    daemon.wait_for(lambda: daemon.connections == 0)


@EVERY
def test_who_touches_no_key_for_too_long_is_logged_out(daemon: Scripted, term: str) -> None:
    with at_shell(daemon, term, STATIONCTL_IDLE_S="0.4") as person:
        assert person.seat.ended() == Exit.DONE
        assert "logged out" in person.read
    daemon.wait_for(lambda: daemon.connections == 0)
