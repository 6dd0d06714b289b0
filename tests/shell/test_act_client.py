"""Acting from a terminal: one process from the arming to the end, a code that only a person types, and a hold when he leaves."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from stationd.console.door import Acted
from stationd.console.peer import Peer
from stationd.core.operation import orders
from stationd.core.operation.task import Energise
from stationd.core.operation.views import Phase
from stationd.shell import emergency
from stationd.shell.client import main
from stationd.shell.exits import Exit
from tests.console.acting import CLOSED, REFUSED, Plant, acting, operation
from tests.console.desk import value
from tests.shell.scripted import CODE, OPERATION, ROOT, STAMP, Scripted, Sitting, T, progress, refused, scripted, sitting, view

ARM = ("arm", "pfe", "a", "energise", "to", "1000", "mA", "rate", "20", "mA/s", "reason", "repair done WO 4711")
ASKS = "code from the screen above: "


@pytest.fixture
def daemon() -> Iterator[Scripted]:
    with TemporaryDirectory(prefix="act") as name, scripted(Path(name) / "s") as served:
        yield served


def move(daemon: Scripted, phase: str, **more: object) -> None:
    daemon.view = view(phase, **more)


def lets_run(daemon: Scripted) -> None:
    """From now on the right code begins the ramp."""

    def execute(parameters: object) -> tuple[str, dict[str, object]]:
        move(daemon, "running", progress=progress(0.0))
        return "", {"operation": daemon.view, "detail": "", "durable": True}

    daemon.answers["Execute"] = execute


def begun(daemon: Scripted, person: Sitting) -> int:
    """Bring an operation to where it runs; return the place on the screen."""
    lets_run(daemon)
    at = person.until(ASKS)
    person.types(f"{CODE}\n")
    return person.until("measured 0 mA", after=at)


# All the way.


def test_from_the_arming_to_the_end_in_one_process_and_one_connection(daemon: Scripted) -> None:
    lets_run(daemon)
    with sitting(daemon.path, *ARM) as person:
        person.until("SECOND PERSON needed")
        for shown in ("OP-42   pfe-a   ENERGISE to 1000 mA at 20 mA/s", "EFFECT   Puts up to +2250 V", "2 of 2 closed, 0.3 s ago   OK",
                      "LIMITS   V > 2400 V", "IF YOU LOSE THIS SESSION", "approve OP-42", "Valid 2m51s", CODE):  # fmt: skip
            person.until(shown)
        assert ASKS not in person.screen
        move(daemon, "armed", approver="n.aliyeva")
        person.until("OP-42 approved by n.aliyeva")
        person.until(ASKS)
        person.types("k7q4\n")
        person.until("measured 0 mA")
        move(daemon, "running", progress=progress(418.0))
        person.until("measured 418 mA, +901 V, 29s left")
        move(daemon, "closed", ending="reached", detail="1000 mA, +2148 V, stable 5 s")
        assert person.ended() == Exit.DONE
        assert "OP-42 reached: 1000 mA, +2148 V, stable 5 s" in person.screen
        assert max(map(len, re.sub(r"\x1b\[\?2004.", "", person.screen).splitlines())) <= 79
        assert person.screen.isascii()
    assert daemon.called("Arm") == [{
        "object": "pfe-a", "reason": "repair done WO 4711",
        "task": {"verb": "energise", "toMilliamperes": 1000.0, "rateMilliamperesPerSecond": 20.0},
    }]  # fmt: skip
    assert daemon.called("Execute") == [{"operation": "OP-42", "code": CODE}]
    assert daemon.called("KeepAlive")
    assert not daemon.called("Disarm")


@pytest.mark.parametrize(
    ("ending", "cause", "code"),
    [("deviated", "abortion-due-to-deviation", Exit.FAILED), ("not-executed", "blocked-by-health", Exit.REFUSED)],
)
def test_what_is_not_reached_ends_with_its_reason_and_its_code(daemon: Scripted, ending: str, cause: str, code: Exit) -> None:
    move(daemon, "armed")
    with sitting(daemon.path, *ARM) as person:
        begun(daemon, person)
        move(daemon, "closed", ending=ending, cause=cause, detail="as it went")
        assert person.ended() == code
        assert f"OP-42 {ending.upper()} ({cause}): as it went" in person.screen
        assert ("Nothing was sent." in person.screen) == (ending == "not-executed")


@pytest.mark.parametrize("way", ["resume", "back"])
def test_a_held_operation_goes_on_in_the_same_way_with_a_new_code(daemon: Scripted, way: str) -> None:
    move(daemon, "held", offered=way, wantsApproval=True, detail="the session ended", progress=progress(742.0))
    with sitting(daemon.path, way, "OP-42") as person:
        person.until("HELD     at 742 mA. the session ended.")
        person.until("SECOND PERSON needed")
        move(daemon, "held", offered=way, approver="n.aliyeva", progress=progress(742.0))
        begun(daemon, person)
        move(daemon, "closed", ending="reached", detail="there")
        assert person.ended() == Exit.DONE
    assert daemon.called("Prepare") == [{"operation": "OP-42", "way": way}]


AGREES = "type OP-42 to approve, anything else leaves: "


def test_the_second_person_sees_the_same_screen_without_the_code_and_approves_by_typing_its_name(daemon: Scripted) -> None:
    with sitting(daemon.path, "approve", "OP-42") as person:
        person.until("EFFECT   Puts up to +2250 V")
        person.until(AGREES)
        assert not daemon.called("Approve")
        person.types("op-42\n")
        assert person.ended() == Exit.DONE
        assert CODE not in person.screen
        assert "OP-42 approved" in person.screen
    assert len(daemon.called("Approve")) == 1


@pytest.mark.parametrize("answer", ["\n", "y\n", "OP-4\n", f"{CODE}\n", "\x04", "\x03"])
def test_any_other_answer_of_the_second_person_approves_nothing(daemon: Scripted, answer: str) -> None:
    with sitting(daemon.path, "approve", "OP-42") as person:
        person.until(AGREES)
        person.types(answer)
        assert person.ended() == Exit.INTERRUPTED
        assert "OP-42 is not approved by you. Nothing was sent." in person.screen
    assert not daemon.called("Approve")


def test_a_name_that_was_typed_ahead_or_pasted_approves_nothing(daemon: Scripted) -> None:
    with sitting(daemon.path, "approve", "OP-42", term="xterm") as person:
        person.types("OP-42\n")
        at = person.until(AGREES)
        looks = len(daemon.called("Get"))
        daemon.wait_for(lambda: len(daemon.called("Get")) > looks + 1)
        person.types("\x1b[200~OP-42\x1b[201~\n")
        at = person.until("REFUSED: what is pasted", after=at)
        person.until(AGREES, after=at)
        assert not daemon.called("Approve")


@pytest.mark.parametrize("phase", ["armed", "running", "closed"])
def test_what_waits_for_no_approval_is_not_approved(daemon: Scripted, phase: str) -> None:
    move(daemon, phase)
    with sitting(daemon.path, "approve", "OP-42") as person:
        assert person.ended() == Exit.CONFLICT
        said = f"object-not-selected: OP-42 does not wait for that approval any more: it is {phase.upper()}"
        assert said in " ".join(person.screen.split())
    assert not daemon.called("Approve")


def test_another_way_than_the_one_that_was_shown_is_not_approved(daemon: Scripted) -> None:
    move(daemon, "held", offered="back", wantsApproval=True)
    with sitting(daemon.path, "approve", "OP-42") as person:
        person.until(AGREES)
        move(daemon, "held", offered="resume", wantsApproval=True)
        person.types("OP-42\n")
        person.ended()
    assert not daemon.called("Approve")


@pytest.mark.parametrize(
    ("yours", "code", "said"),
    [
        (False, Exit.NOT_PERMITTED, "OP-42 was armed by a.bekov, and only a.bekov executes it"),
        (True, Exit.CONFLICT, "this operation is executed from the terminal that armed it"),
    ],
)
@pytest.mark.parametrize("phase", ["waiting", "armed"])
def test_who_cannot_execute_is_told_so_at_once(daemon: Scripted, phase: str, yours: bool, code: Exit, said: str) -> None:
    move(daemon, phase, yours=yours)
    with sitting(daemon.path, "execute", "OP-42") as person:
        assert person.ended() == code
        assert said in " ".join(person.screen.split())
        assert ASKS not in person.screen
    assert [method.rpartition(".")[2] for method, _ in daemon.calls] == ["Get"]


def test_what_can_kill_stands_right_above_the_question_for_the_code(daemon: Scripted) -> None:
    shown = [f"contact {number} closed, 0.3 s ago" for number in range(30)]
    checks = [{"name": "contact", "shown": each, "good": True, "reason": None} for each in shown]
    move(daemon, "armed", checks=checks, effect=["Puts up to +2250 V on the sea cable.", "A person touching the cable can be killed."])
    with sitting(daemon.path, *ARM) as person:
        person.until(ASKS)
        above = person.screen.splitlines()[-4:]
        assert any("can be killed" in row for row in above), above


# The code.


def test_what_was_typed_before_the_question_does_not_answer_it(daemon: Scripted) -> None:
    with sitting(daemon.path, *ARM) as person:
        person.until("SECOND PERSON needed")
        person.types(f"{CODE}\n")
        move(daemon, "armed", approver="n.aliyeva")
        at = person.until(ASKS)
        looks = len(daemon.called("Get"))
        daemon.wait_for(lambda: len(daemon.called("Get")) > looks + 1)
        assert not daemon.called("Execute")
        lets_run(daemon)
        person.types(f"{CODE}\n")
        person.until("measured 0 mA", after=at)


@pytest.mark.parametrize("block", [f"\x1b[200~{CODE}\x1b[201~\n", f"{CODE}\n{CODE}\n"], ids=["marked", "two lines"])
def test_what_is_pasted_does_not_execute(daemon: Scripted, block: str) -> None:
    move(daemon, "armed")
    with sitting(daemon.path, *ARM, term="xterm") as person:
        at = person.until(ASKS)
        person.types(block)
        person.until("REFUSED: what is pasted", after=at)
        person.until(ASKS, after=at)
        assert not daemon.called("Execute")


def test_a_wrong_code_is_said_and_asked_for_again_until_the_operation_is_closed(daemon: Scripted) -> None:
    move(daemon, "armed")
    tries: list[object] = []

    def execute(parameters: object) -> tuple[str, dict[str, object]]:
        tries.append(parameters)
        if len(tries) == 2:
            move(daemon, "closed", ending="not-executed", cause="inconsistent-parameters", detail="wrong code twice")
        return refused("inconsistent-parameters", "this is not the code", "read it again")  # type: ignore[return-value]

    daemon.answers["Execute"] = execute
    with sitting(daemon.path, *ARM) as person:
        at = person.until(ASKS)
        person.types("XXXX\n")
        at = person.until("inconsistent-parameters: this is not the code", after=at)
        person.until(ASKS, after=at)
        person.types("YYYY\n")
        assert person.ended() == Exit.REFUSED
    assert len(tries) == 2


def test_an_operation_that_is_disarmed_meanwhile_ends_the_question_with_the_reason(daemon: Scripted) -> None:
    move(daemon, "armed")
    with sitting(daemon.path, *ARM) as person:
        person.until(ASKS)
        move(daemon, "closed", ending="not-executed", cause="blocked-by-interlocking", detail="door 2 OPEN (io1.di2, 0.2 s ago)")
        assert person.ended() == Exit.REFUSED
        assert "door 2 OPEN (io1.di2, 0.2 s ago)" in " ".join(person.screen.split())
        assert not daemon.called("Execute")


# Holding and leaving.


@pytest.mark.parametrize("keys", [" ", "hold\n"], ids=["space", "word"])
def test_a_key_holds_and_the_end_says_how_it_goes_on(daemon: Scripted, keys: str) -> None:
    move(daemon, "armed")

    def hold(parameters: object) -> tuple[str, dict[str, object]]:
        move(daemon, "held", detail="a.bekov holds it", progress=progress(742.0))
        return "", {"names": ["OP-42"], "detail": "", "durable": True}

    daemon.answers["Hold"] = hold
    with sitting(daemon.path, *ARM, term="dumb") as person:
        begun(daemon, person)
        person.types(keys)
        assert person.ended() == Exit.FAILED
        assert "OP-42 HELD at 742 mA: a.bekov holds it" in person.screen
        assert "stationctl resume OP-42" in person.screen
        assert "\x1b" not in person.screen
    assert daemon.called("Hold") == [{"operation": "OP-42"}]


@pytest.mark.parametrize("keys", ["\x03", "q"], ids=["Ctrl-C", "q"])
def test_who_leaves_while_it_runs_is_told_that_it_holds_by_itself_and_nothing_more_is_sent(daemon: Scripted, keys: str) -> None:
    move(daemon, "armed")
    with sitting(daemon.path, *ARM) as person:
        begun(daemon, person)
        person.types(keys)
        assert person.ended() == Exit.INTERRUPTED
        assert "OP-42 HOLDS where it is within 5 s" in person.screen
    daemon.wait_for(lambda: daemon.connections == 0)
    assert not daemon.called("Hold")
    assert not daemon.called("Disarm")


@pytest.mark.parametrize("phase", ["waiting", "armed"])
def test_who_leaves_before_it_begins_disarms_it(daemon: Scripted, phase: str) -> None:
    move(daemon, phase)
    with sitting(daemon.path, *ARM) as person:
        person.until(ASKS if phase == "armed" else "To give it up")
        daemon.wait_for(lambda: len(daemon.called("Get")) >= 1)
        person.types("\x03")
        assert person.ended() == Exit.INTERRUPTED
        assert "OP-42 is disarmed. Nothing was sent." in person.screen
    assert daemon.called("Disarm") == [{"operation": "OP-42"}]


def test_who_thinks_better_of_going_on_leaves_it_held(daemon: Scripted) -> None:
    move(daemon, "held", offered="resume")
    with sitting(daemon.path, "resume", "OP-42") as person:
        person.until(ASKS)
        person.types("\x03")
        assert person.ended() == Exit.INTERRUPTED
        assert "OP-42 stays as it was; nothing was sent." in person.screen
    assert not daemon.called("Disarm")


def test_a_process_that_is_killed_while_it_runs_lets_go_of_its_connection(daemon: Scripted) -> None:
    move(daemon, "armed")
    with sitting(daemon.path, *ARM) as person:
        begun(daemon, person)
        person.running.send_signal(signal.SIGKILL)
        daemon.wait_for(lambda: daemon.connections == 0)
    assert not daemon.called("Hold")


def test_a_daemon_that_goes_away_while_it_runs_leaves_the_outcome_unknown(daemon: Scripted) -> None:
    move(daemon, "armed")
    with sitting(daemon.path, *ARM) as person:
        begun(daemon, person)

        def gone(_: object) -> tuple[str, dict[str, object]]:
            raise ConnectionError

        daemon.answers["KeepAlive"] = gone
        assert person.ended() == Exit.OUTCOME_UNKNOWN
        screen = " ".join(person.screen.split())
        assert "OUTCOME UNKNOWN" in screen
        assert "The daemon has ended or does not answer. Nothing is sent to the feed any more, 5 s from now at the latest" in screen
        assert "the current stands where it is. Look: stationctl show operations OP-42" in screen
        assert "You have left" not in screen
        assert "HOLDS" not in screen.partition("OUTCOME UNKNOWN")[2]


def test_the_terminal_is_as_before_when_it_has_ended(daemon: Scripted) -> None:
    move(daemon, "armed")
    program = (
        "import termios; from stationd.shell.client import main; before = termios.tcgetattr(0); main();"
        "print('SAME' if termios.tcgetattr(0) == before else 'OTHER')"
    )
    with sitting(daemon.path, *ARM, program=program) as person:
        begun(daemon, person)
        person.running.terminate()
        person.until("OP-42 HOLDS where it is within 5 s")
        person.until("SAME")


# Without a person.


@pytest.mark.parametrize("words", [ARM, ("resume", "OP-42"), ("back", "OP-42"), ("execute", "OP-42"), ("approve", "OP-42")])
def test_without_a_terminal_nothing_is_armed_approved_or_executed(daemon: Scripted, words: tuple[str, ...]) -> None:
    program = [sys.executable, "-m", "stationd.shell.client", "--socket", str(daemon.path), *words]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == Exit.NOT_PERMITTED
    assert "no-access-authority" in done.stderr
    assert "Nothing was sent." in done.stderr
    assert daemon.calls == []


# Orders without a question.


def typed(daemon: Scripted, *words: str) -> int:
    return main(["--socket", str(daemon.path), *words])


def test_an_order_is_sent_before_anything_else_is_asked(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["Hold"] = lambda _: ("", {"names": ["OP-42"], "detail": "OP-42 holds at 742 mA", "durable": True})
    assert typed(daemon, "hold-ramp") == Exit.DONE
    assert capsys.readouterr().out == "OP-42 holds at 742 mA\n"
    assert daemon.calls == [(f"{OPERATION}.Hold", {})]


def test_a_hold_says_that_it_is_no_isolation(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["AddHold"] = lambda _: ("", {"names": ["H-7"], "detail": "", "durable": True})
    assert typed(daemon, "hold", "add", "pfe", "a", "reason", "ship on cable") == Exit.DONE
    assert capsys.readouterr().out == "H-7: hold on pfe-a\nNOT AN ISOLATION - fit lock and earth\n"


def test_an_order_that_is_not_on_the_disk_says_so(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["AddHold"] = lambda _: ("", {"names": ["H-7"], "detail": "", "durable": False})
    assert typed(daemon, "hold", "add", "line", "reason", "ship on cable") == Exit.OUTCOME_UNKNOWN
    assert "NOT ON DISK" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        ("blocked-by-hold", 5), ("blocked-by-interlocking", 5), ("step-limit", 5), ("inconsistent-parameters", 5),
        ("no-access-authority", 4), ("blocked-by-switching-hierarchy", 4), ("second-person-missing", 4),
        ("locked-by-other-client", 9), ("object-already-selected", 9),
        ("1-of-n-control", 9), ("command-already-in-execution", 9),
    ],
)  # fmt: skip
def test_a_refusal_says_what_why_and_what_to_do_and_its_cause_has_a_code(
    daemon: Scripted, cause: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["Apply"] = lambda _: refused(cause, "the live value", "what helps")
    assert typed(daemon, "apply", "reason", "drift of gain") == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "REFUSED  apply reason drift of gain", f" why     {cause}: the live value", " to do   what helps", "Nothing was sent."
    ]  # fmt: skip


def test_each_remedy_of_a_refusal_stands_under_its_reason(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    error, parameters = refused("blocked-by-hold", "H-7 by j.smith", "ask j.smith")
    more = {"cause": "blocked-by-interlocking", "why": "earth switch CLOSED (io1.di4, 0.3 s ago)", "remedy": "open the earth switch"}
    door = {"cause": "blocked-by-interlocking", "why": "door OPEN (io1.di2, 0.3 s ago)", "remedy": "close it"}
    reasons = [*parameters["reasons"], more, door, {**door, "why": "door 2 OPEN (io1.di3, 0.3 s ago)"}]
    daemon.answers["Apply"] = lambda _: (error, {**parameters, "reasons": reasons})
    assert typed(daemon, "apply", "reason", "drift of gain") == Exit.REFUSED
    assert capsys.readouterr().err.splitlines()[1:8] == [
        " why     blocked-by-hold: H-7 by j.smith",
        " to do   ask j.smith",
        " why     blocked-by-interlocking: earth switch CLOSED (io1.di4, 0.3 s ago)",
        " to do   open the earth switch",
        " why     blocked-by-interlocking: door OPEN (io1.di2, 0.3 s ago)",
        " why     blocked-by-interlocking: door 2 OPEN (io1.di3, 0.3 s ago)",
        " to do   close it",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [("NoSuchOperation", 7), ("NotAllowed", 4), ("OutcomeUnknown", 6)],
)  # fmt: skip
def test_other_errors_have_their_codes(daemon: Scripted, error: str, code: int) -> None:
    daemon.answers["Disarm"] = lambda _: (f"{OPERATION}.{error}", {"operation": "OP-9", "detail": "so it is", "cause": "", "hint": ""})
    assert typed(daemon, "disarm", "OP-9") == code


# The interfaces as they are.

SHOWN = {
    "show operations": "OP-42    pfe-a   ENERGISE to 1000 mA at 10 mA/s   RUNNING   418 mA", "show operations OP-42": "EFFECT   Puts",
    "show holds": "NOT AN ISOLATION", "show interlocks": "NOT KNOWN, which counts as open", "show authority": "AUTHORITY  LOCAL a.bekov",
    "show diff": "-> 35.1 dB", "show applied": "UNCONFIRMED until",
}  # fmt: skip
ORDERS = {
    "hold add pfe a reason ship on cable": orders.AddHold, "hold remove H-7": orders.DropHold, "hold-ramp": orders.Hold,
    "authority request": orders.SetAuthority, "authority grant n.aliyeva": orders.SetAuthority, "authority release": orders.SetAuthority,
    "authority take reason he went home": orders.SetAuthority, "reject OP-42": orders.Reject, "disarm OP-42": orders.Disarm,
    "set amp fp1-booster gain 35.1 dB": orders.Stage, "apply confirm-within 10m reason drift": orders.Apply, "confirm": orders.Confirm,
    "bypass end io1.di4": orders.EndBypass,
    "discard": orders.Discard, "revert reason it was better": orders.Revert, "rollback 1": orders.Rollback,
}  # fmt: skip


async def test_every_screen_is_made_of_what_the_interfaces_answer(capsys: pytest.CaptureFixture[str]) -> None:
    async with acting() as floor:
        for line, shown in SHOWN.items():
            assert await asyncio.to_thread(main, ["--socket", str(floor.path), *line.split()]) == Exit.DONE, line
            out = capsys.readouterr().out
            assert shown in out, out
            assert max(map(len, out.splitlines())) <= 79


async def test_every_order_reaches_the_desk_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with acting() as floor:
        for line in ORDERS:
            assert await asyncio.to_thread(main, ["--socket", str(floor.path), *line.split()]) == Exit.DONE, (line, capsys.readouterr())
            assert "as asked" in capsys.readouterr().out
        assert [type(order) for order in floor.plant.orders] == list(ORDERS.values())


async def test_a_refusal_of_the_desk_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    async with acting(plant=Plant(outcomes=[REFUSED])) as floor:
        assert await asyncio.to_thread(main, ["--socket", str(floor.path), "hold-ramp"]) == Exit.REFUSED
        assert capsys.readouterr().err.splitlines()[1:] == [
            ' why     blocked-by-hold: H-7 by j.smith: "ship on cable"',
            " to do   H-7 is removed by j.smith",
            " why     blocked-by-interlocking: earth switch CLOSED (io1.di4, 0.3 s ago)",
            " to do   open the earth switch at the cabinet",
            "Nothing was sent.",
        ]


class Ramp(Plant):
    """A desk on which the operation runs once it was executed."""

    async def act(self, order: orders.ActOrder, peer: Peer) -> Acted:
        if isinstance(order, orders.Execute):
            self.shown = [operation()]
        return await super().act(order, peer)


async def test_from_the_arming_to_the_end_over_the_interface_itself() -> None:
    plant = Ramp(shown=[operation(phase=Phase.ARMED)])

    def go() -> tuple[int, str]:
        with sitting(floor.path, *ARM) as person:
            at = person.until(ASKS)
            code = re.search(r"type the code: +([A-Z0-9]{4})\n", person.screen)
            assert code
            person.types(f"{code[1].lower()}\n")
            person.until("set 420 mA, measured 418 mA, +210 V", after=at)
            plant.shown = [replace(CLOSED, name="OP-42")]
            return person.ended(), code[1]

    async with acting(plant=plant) as floor:
        ended, code = await asyncio.to_thread(go)
        assert ended == Exit.DONE
    executed = [order for order in plant.orders if isinstance(order, orders.Execute)]
    assert [order.code for order in executed] == [code]
    armed = next(order for order in plant.orders if isinstance(order, orders.Arm))
    assert (armed.object, armed.task, armed.code) == ("pfe-a", Energise(1000.0, 20.0), code)
    assert any(isinstance(order, orders.KeepAlive) for order in plant.orders)


# The emergency.


def off(*confirmed: bool | None) -> tuple[str, dict[str, object]]:
    form = {"who": "a.bekov", "since": STAMP, "detail": ""}
    devices = [{"device": name, "confirmed": word, **form} for name, word in zip(("pfe-a", "pfe-b"), confirmed, strict=False)]
    return "", {"devices": devices, "allConfirmed": all(confirmed)}


@pytest.mark.parametrize(
    ("confirmed", "code"),
    [((True, True), Exit.DONE), ((True, None), Exit.OUTCOME_UNKNOWN), ((False, None), Exit.FAILED), ((), Exit.OUTCOME_UNKNOWN)],
)
def test_emergency_off_is_the_first_thing_sent_and_never_ends_without_its_warning(
    daemon: Scripted, confirmed: tuple[bool | None, ...], code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["EmergencyOff"] = lambda _: off(*confirmed)
    assert typed(daemon, "EMERGENCY-OFF", "pfe", "a", "pfe-b") == code
    assert daemon.calls[0] == (f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a", "pfe-b"]})
    out = capsys.readouterr().out
    assert "NOT SAFE TO TOUCH" in out
    assert ("red emergency-off button" in " ".join(out.split())) == (code is not Exit.DONE)
    assert max(map(len, out.splitlines())) <= 79


def test_a_refused_emergency_off_says_where_the_red_button_is_and_never_that_it_was_sent(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["EmergencyOff"] = lambda _: refused("blocked-by-mode", "this station only reads", "press the red button in room 2")
    assert typed(daemon, "EMERGENCY-OFF", "all") == Exit.REFUSED
    out, err = capsys.readouterr()
    assert "asked for" in out
    assert "sent" not in out + err.replace("Nothing was sent.", "")
    assert "press the red button in room 2" in err
    assert "NOT SAFE TO TOUCH" in err


def reading(current_ma: float, read: str, now: str = T) -> tuple[str, dict[str, object]]:
    """A station at a time, whose feed was read at another."""
    feed = {"output_current": {**value(current_ma, "mA"), "t": read}, "output_voltage": {**value(3.0, "V"), "t": read}}
    return "", {"status": {"t": now, "station": "aktau", "mode": "live", "power_feeds": {"pfe": feed}}}


def test_emergency_off_of_no_feed_names_the_feeds_as_they_are_typed(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    why = "there is no power feed 'pfe-a' here"
    daemon.answers["EmergencyOff"] = lambda _: refused("inconsistent-parameters", why, "name one: pfe, or all")
    daemon.answers["GetStatus"] = lambda _: feeds("pfe", "pfe-2")
    assert typed(daemon, "EMERGENCY-OFF", "pfe", "a") == Exit.REFUSED
    out, err = capsys.readouterr()
    assert {"  EMERGENCY-OFF pfe", "  EMERGENCY-OFF pfe-2", "  EMERGENCY-OFF all"} <= set(err.splitlines())
    assert "Nothing was sent." in err
    assert " sent" not in out


def feeds(*names: str) -> tuple[str, dict[str, object]]:
    error, answer = reading(1000.0, T)
    feed = answer["status"]["power_feeds"]["pfe"]  # type: ignore[index]
    return error, {"status": {**answer["status"], "power_feeds": dict.fromkeys(names, feed)}}  # type: ignore[dict-item]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_only_feed_is_meant_whatever_it_is_called(daemon: Scripted, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def order(parameters: Any) -> Any:
        if parameters["objects"] == ["pfe"]:
            return cut(True)
        return refused("inconsistent-parameters", "there is no power feed 'pfe-a' here", "name one: pfe, or all")

    daemon.answers["EmergencyOff"] = order
    looks = iter([feeds("pfe"), *(reading(0.4, "2026-11-22T22:43:32.900Z", "2026-11-22T22:43:32.000Z") for _ in range(30))])
    daemon.answers["GetStatus"] = lambda _: next(looks)
    assert typed(daemon, *(["--json"] if as_json else []), "EMERGENCY-OFF", "pfe", "a") == Exit.DONE
    assert daemon.called("EmergencyOff") == [{"objects": ["pfe-a"]}, {"objects": ["pfe"]}]
    out = capsys.readouterr().out
    assert as_json or "The only one is pfe: that one is meant." in out


def test_where_there_are_two_feeds_or_no_feed_was_named_nothing_else_is_switched_off(daemon: Scripted) -> None:
    daemon.answers["EmergencyOff"] = lambda _: refused("inconsistent-parameters", "there is no power feed 'x' here")
    daemon.answers["GetStatus"] = lambda _: feeds("pfe-1", "pfe-2")
    assert typed(daemon, "EMERGENCY-OFF", "pfe", "a") == Exit.REFUSED
    daemon.answers["GetStatus"] = lambda _: feeds("pfe")
    assert typed(daemon, "EMERGENCY-OFF", "fp1-booster") == Exit.REFUSED
    assert len(daemon.called("EmergencyOff")) == 2


@pytest.mark.parametrize("words", ["EMERGENCY-OFF", "emergency-off pfe a", "Emergency-Off all"])
def test_what_was_typed_wrong_is_answered_with_the_feeds_of_this_station(
    daemon: Scripted, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["GetStatus"] = lambda _: feeds("north", "south")
    assert typed(daemon, *words.split()) == Exit.USAGE
    err = capsys.readouterr().err
    assert "nothing was sent" in err
    assert {"  EMERGENCY-OFF north", "  EMERGENCY-OFF south", "  EMERGENCY-OFF all"} <= set(err.splitlines())
    assert "pfe-a" not in err
    assert not daemon.called("EmergencyOff")


def test_a_feed_is_found_by_its_letter_or_as_the_only_one_before_anything_is_done_to_it(daemon: Scripted) -> None:
    typed_as = {("pfe",): ("a", "pfe"), ("pfe-a", "pfe-b"): ("a", "pfe-a"), ("a", "b"): ("a", "a"), ("north",): ("a", "north")}
    for names, (typed_name, meant) in typed_as.items():
        daemon.answers["GetStatus"] = lambda _, names=names: feeds(*names)  # type: ignore[misc]
        assert typed(daemon, "hold", "add", "pfe", typed_name, "reason", "ship on cable") == Exit.DONE
        assert daemon.called("AddHold")[-1]["object"] == meant


def test_a_feed_that_is_not_there_is_answered_with_those_that_are(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["GetStatus"] = lambda _: feeds("pfe")
    assert typed(daemon, "hold", "add", "pfe", "b", "reason", "ship on cable") == Exit.NO_SUCH_THING
    assert typed(daemon, "show", "pfe", "b") == Exit.NO_SUCH_THING
    assert "there is no power feed pfe-b here; there is: pfe" in capsys.readouterr().err
    assert not daemon.called("AddHold")


def test_what_is_armed_has_the_name_that_the_station_has_for_it(daemon: Scripted) -> None:
    daemon.answers["GetStatus"] = lambda _: feeds("pfe")
    with sitting(daemon.path, *ARM) as person:
        person.until("SECOND PERSON")
        assert daemon.called("Arm")[0]["object"] == "pfe"


def test_a_name_that_is_no_feed_beside_one_that_is_is_told(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    error, answer = off(True)
    daemon.answers["EmergencyOff"] = lambda _: (error, {**answer, "detail": "there is no power feed pfe-x here"})
    daemon.answers["GetStatus"] = lambda _: reading(0.0, T)
    assert typed(daemon, "EMERGENCY-OFF", "pfe", "a", "pfe-x") == Exit.NO_SUCH_THING
    out = capsys.readouterr().out
    assert "there is no power feed pfe-x here" in out
    assert "  EMERGENCY-OFF pfe\n" in out


def cut(confirmed: bool) -> tuple[str, dict[str, object]]:
    feed = {"device": "pfe", "confirmed": confirmed, "who": "a.bekov", "since": STAMP, "detail": ""}
    return "", {"devices": [feed], "allConfirmed": confirmed}


def test_what_is_shown_as_measured_was_measured_after_the_off(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter([reading(190.8, "2026-11-22T22:43:29.800Z"), reading(190.8, T), reading(0.4, "2026-11-22T22:43:31.900Z")])
    daemon.answers["EmergencyOff"] = lambda _: cut(True)
    daemon.answers["GetStatus"] = lambda _: next(looks)
    assert typed(daemon, "EMERGENCY-OFF", "pfe") == Exit.DONE
    out = capsys.readouterr().out
    assert "pfe measured 0.4 mA   +3 V\n" in out
    assert "190.8" not in out


def test_a_reading_of_before_the_off_is_shown_with_its_age() -> None:
    (_, answer), (_, look) = cut(True), reading(190.8, "2026-11-22T22:43:29.800Z")
    (row,) = emergency.measured(answer["devices"], look["status"], datetime.fromisoformat(T))  # type: ignore[arg-type]
    assert row.endswith("measured 190.8 mA   +3 V   (before the OFF, 1.2 s ago)")


@pytest.mark.parametrize("term", ["EMERGENCY-OFF", "approve", "reset", "arm", "frobnicate"])
def test_nothing_that_is_said_of_a_wrong_command_is_wider_than_the_screen(term: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([term]) == Exit.USAGE
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 79


def test_a_socket_with_a_long_name_that_does_not_answer_fits_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", f"/nowhere/{'deep/' * 10}s", "show", "status"]) == Exit.NO_DAEMON
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 79


def test_a_failure_as_json_stays_one_line(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["Hold"] = lambda _: refused("blocked-by-mode", "a long sentence " * 20)
    assert typed(daemon, "--json", "hold-ramp") == Exit.REFUSED
    assert json.loads(capsys.readouterr().err)["exit"] == Exit.REFUSED


def test_without_a_daemon_emergency_off_says_that_nothing_was_sent_and_what_to_press(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", "/nowhere/s", "EMERGENCY-OFF", "all"]) == Exit.NO_DAEMON
    err = capsys.readouterr().err
    assert "Nothing was sent." in err
    assert "red emergency-off button" in err


def test_emergency_off_waits_for_its_confirmation_also_where_nobody_reads_what_it_says(daemon: Scripted) -> None:
    daemon.answers["EmergencyOff"] = lambda _: off(False)
    program = [sys.executable, "-m", "stationd.shell.client", "--socket", str(daemon.path), "EMERGENCY-OFF", "all"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(program, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writer)
    assert done.returncode == Exit.FAILED, done.stderr


def test_emergency_off_as_json_is_one_document(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["EmergencyOff"] = lambda _: off(True)
    assert typed(daemon, "--json", "EMERGENCY-OFF", "all") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["data"]["allConfirmed"] is True


# What is looked at.


def test_a_broken_audit_ends_with_1(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["GetStatus"] = lambda _: ("", {"status": {"t": STAMP["t"]}})
    daemon.answers["Verify"] = lambda _: ("", {"intact": True, "position": 18211, "digest": "c41e", "brokenAt": None, "why": None})
    assert typed(daemon, "show", "audit", "verify") == Exit.DONE
    assert capsys.readouterr().out == "AUDIT intact: 18211 records, digest c41e\n"
    daemon.answers["Verify"] = lambda _: ("", {"intact": False, "position": 9, "digest": "c4", "brokenAt": 10, "why": "a gap"})
    assert typed(daemon, "show", "audit", "verify") == Exit.FAILED
    assert "AUDIT BROKEN at record 10: a gap" in capsys.readouterr().out
