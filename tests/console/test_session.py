"""The interface of the people: who is here, the prompt, what they are told, messages, silence, and the change of shift."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from dataclasses import fields, replace
from typing import Any

import pytest
import varlink
from asyncvarlink import VarlinkClientProtocol, connect_unix_varlink
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stationd.console import session_forms
from stationd.console.forms import written
from stationd.console.notices import MOST_WAITING
from stationd.console.peer import Locality
from stationd.console.places import Limits
from stationd.console.prompt import SHAPE
from stationd.console.session import SessionInterface
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, Target
from stationd.core.logbook import Logbook
from stationd.core.operation.orders import SetAuthority
from stationd.core.operation.views import AuthorityView, Phase
from tests.console.acting import SHARED, operation
from tests.console.desk import BEGIN_UTC_S, CRITICAL, DEVICE_LOST, OPERATOR, POWER, POWER_TOO, ROOT, VIEWER, Desk, until
from tests.console.people import SESSION, asked, failed, hall, heard

DARK = [AlarmKey(f"fp{pair}-rx", "LIGHT-LOST") for pair in range(1, 9)]
LINE_DOWN = AlarmKey("line", "LINE-DOWN")
ARMER = replace(OPERATOR, locality=Locality.LOCAL, place="ttyS0")
ORDERS: list[tuple[str, dict[str, Any]]] = [
    ("Message", {"to": "all", "text": "hello"}),
    ("Note", {"text": "sensor wet"}),
    ("Silence", {}),
    ("WriteHandover", {"text": "all is well"}),
    ("TakeHandover", {}),
]


def printed(prompt: dict[str, Any]) -> str:
    """Return a prompt as a client prints it."""
    marks = f" [{', '.join(prompt['marks'])}]" if prompt["marks"] else ""
    return f"{prompt['station']} {prompt['mode']} {prompt['place']}{marks}> "


# The description.


async def test_every_method_and_every_error_is_in_the_description_that_clients_read() -> None:
    async with hall() as house:
        caller = await house.caller()
        info = await caller.call("org.varlink.service.GetInterfaceDescription", {"interface": SESSION})
        text = info["parameters"]["description"]
        for name in (*METHODS, "Monitor"):
            assert f"method {name}(" in text
        for name in ("NobodyThere", "NotAllowed", "Refused", "OutcomeUnknown"):
            assert f"error {name} (" in text or f"error {name}(" in text
        for form in (session_forms.Seat, session_forms.Prompt, session_forms.Notice, session_forms.Handover):
            assert all(f"{field.name}:" in text for field in fields(form))


async def test_the_client_of_another_library_understands_every_answer() -> None:
    async with hall(quiet=False) as house:
        house.desk.signal(CRITICAL, True)
        transport, protocol = await connect_unix_varlink(VarlinkClientProtocol, str(house.path))
        session = protocol.make_proxy(SessionInterface)
        assert [seat.you for seat in (await session.List())["sessions"]] == [True]
        assert (await session.GetPrompt())["prompt"].station == "AKTAU"
        page = (await session.GetHandover())["page"]
        assert page.alarms.critical == 1
        assert [each.name for each in page.operations] == ["OP-42"]
        assert await session.Note(text="sensor wet") == {"durable": True}
        assert (await session.Silence(seconds=60))["until"].synchronised is True
        transport.close()


async def test_varlinkctl_of_systemd_lists_the_sessions() -> None:
    program = shutil.which("varlinkctl")
    if program is None:
        pytest.skip("varlinkctl is not installed; to run this: apt install systemd (255 or later, Debian 13)")
    async with hall() as house:
        for words in (["introspect", house.path, SESSION], ["call", house.path, f"{SESSION}.List", "{}"]):
            done = await asyncio.to_thread(subprocess.run, [program, *words], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


async def test_the_client_of_a_third_library_lists_the_sessions() -> None:
    def ask(path: str) -> list[Any]:
        with varlink.Client.new_with_address(f"unix:{path}") as client, client.open(SESSION) as session:
            found: list[Any] = session.List()["sessions"]
            return found

    async with hall() as house:
        assert [seat["uid"] for seat in await asyncio.to_thread(ask, str(house.path))] == [OPERATOR.uid]


# Who is here.


async def test_one_seat_stands_for_each_process_however_many_connections_it_has() -> None:
    async with hall() as house:
        first, again, other = await house.caller(), await house.caller(), await house.caller(replace(POWER, pid=9))
        for caller in (first, again, other):
            await asked(caller, "GetPrompt")
        await asked(first, "Announce", {"shell": True, "line": "9600"})
        seats = (await asked(first, "List"))["sessions"]
        assert [(seat["uid"], seat["shell"], seat["line"], seat["you"]) for seat in seats] == [
            (4242, True, "9600", True),
            (4244, False, "", False),
        ]
        assert [seat["role"] for seat in seats] == ["operate", "power"]


async def test_a_seat_is_free_with_the_last_connection_and_idle_counts_from_the_last_call() -> None:
    async with hall() as house:
        first, second = await house.caller(), await house.caller(POWER)
        await asked(second, "GetPrompt")
        house.plant.time_s += 120.0
        seats = (await asked(first, "List"))["sessions"]
        assert [seat["idle"]["v"] for seat in seats] == [0.0, 120.0]
        second.close()
        await until(lambda: house.server.connections == 1)
        assert [seat["uid"] for seat in (await asked(first, "List"))["sessions"]] == [4242]


async def test_only_authority_that_is_gained_at_a_shell_hangs_on_its_session() -> None:
    async with hall() as house:
        at_a_shell, one_shot = await house.caller(), await house.caller(POWER)
        await asked(at_a_shell, "Announce", {"shell": True})
        for caller in (at_a_shell, one_shot):
            await caller.call("io.stationd.Operation.RequestAuthority")
        assert [order.who.session for order in house.plant.orders if isinstance(order, SetAuthority)] == ["4242:1", ""]


async def test_the_signs_of_life_of_a_program_do_not_make_a_person_present() -> None:
    async with hall(quiet=False) as house:
        first, second = await house.caller(), await house.caller(POWER)
        await asked(second, "GetPrompt")
        house.plant.time_s += 60.0
        assert "error" not in await second.call("io.stationd.Operation.KeepAlive", {"operation": "OP-42"})
        assert (await asked(first, "List"))["sessions"][1]["idle"]["v"] == 60.0


async def test_the_list_tells_who_has_the_authority_what_is_armed_and_who_approved() -> None:
    async with hall() as house:
        armer, approver = await house.caller(), await house.caller(POWER)
        await asked(approver, "GetPrompt")
        house.plant.shown = [replace(operation("OP-42", Phase.ARMED), approver="uid 4244"), replace(operation("OP-9", Phase.CLOSED))]
        house.plant.holder = AuthorityView("a.bekov", 4242, True, False, 910.0)
        first, second = (await asked(armer, "List"))["sessions"]
        assert (first["authority"], first["armed"], first["approved"]) == (True, ["OP-42"], [])
        assert first["authoritySince"]["synchronised"] is True
        assert (second["authority"], second["authoritySince"], second["armed"], second["approved"]) == (False, None, ["OP-42"], ["OP-42"])


async def test_what_a_client_announces_is_cleaned_bounded_and_gives_no_right() -> None:
    async with hall() as house:
        viewer = await house.caller(VIEWER)
        await asked(viewer, "Announce", {"shell": True, "line": "96\x1b[2J00"})
        assert (await asked(viewer, "List"))["sessions"][0]["line"] == "96 [2J00"
        assert (await failed(viewer, "Announce", {"shell": True, "line": "9" * 300}))[0] == "InvalidParameter"
        for method, parameters in ORDERS:
            assert (await failed(viewer, method, parameters))[0] == "NotAllowed", method


# Prompt.


async def test_a_critical_alarm_that_came_and_went_unseen_is_counted_by_the_prompt_as_by_the_handover() -> None:
    async with hall(desk=Desk(keys=(LINE_DOWN,))) as house:
        caller = await house.caller()
        house.desk.signal(LINE_DOWN, True)
        house.desk.signal(LINE_DOWN, False, after_s=100.0)
        assert [view.letter for view in house.desk.views(lambda _: True)] == [Letter.GONE]
        assert (await asked(caller, "GetPrompt"))["prompt"]["marks"][0] == "1!"
        assert (await asked(caller, "GetHandover"))["page"]["alarms"]["unacknowledged"] == 1


async def test_the_prompt_tells_the_place_only_to_whoever_holds_the_authority() -> None:
    async with hall(usual=ARMER) as house:
        house.plant.holder = AuthorityView("a.bekov", 4242, True, False, 910.0)
        holder, other, elsewhere = await house.caller(ARMER), await house.caller(POWER), await house.caller(replace(OPERATOR, pid=7))
        prompts = [(await asked(caller, "GetPrompt"))["prompt"] for caller in (holder, other, elsewhere)]
        assert [prompt["place"] for prompt in prompts] == ["local", "view", "remote"]


async def test_the_prompt_shows_what_must_not_be_forgotten() -> None:
    async with hall(quiet=False) as house:
        caller = await house.caller()
        house.desk.signal(CRITICAL, True)
        house.plant.shown = [
            replace(operation("OP-42", Phase.WAITING), until_t=house.plant.time_s + 171.4),
            replace(operation("OP-43", Phase.HELD), until_t=None),
        ]
        await asked(caller, "Silence", {"seconds": 840})
        prompt = (await asked(caller, "GetPrompt"))["prompt"]
        assert prompt["marks"] == ["1!", "OP-43 held 418mA", "OP-42 waiting 171s", "BYPASS 10m", "unconfirmed 9m", "silent 14m"]
        assert SHAPE.match(printed(prompt))


# What people are told.


async def test_a_critical_alarm_is_told_to_everybody_at_a_prompt_and_a_lesser_one_to_nobody() -> None:
    async with hall() as house:
        listener = await house.monitor(VIEWER)
        house.desk.signal(DEVICE_LOST, True)
        house.desk.signal(CRITICAL, True)
        notice = await heard(listener)
        assert (notice["kind"], notice["severity"], notice["bell"], notice["yours"]) == ("alarm", "critical", True, False)
        assert notice["text"].startswith("CRITICAL pfe-a/PFE-TRIP raised: ")
        house.desk.signal(CRITICAL, False)
        assert (await heard(listener))["text"].startswith("pfe-a/PFE-TRIP is gone")


def cable() -> Desk:
    """Return a desk of a line whose eight fibres are dark when it is cut; no trip explains anything there."""
    return Desk([*DARK, LINE_DOWN, CRITICAL], links=[Link(LINE_DOWN, dark) for dark in DARK])


async def test_a_cut_cable_is_one_line_and_one_bell_and_its_eight_dark_fibres_are_none_when_they_come_or_go() -> None:
    desk = cable()
    async with hall(desk=desk) as house:
        listener = await house.monitor(VIEWER)
        for dark in DARK:
            desk.signal(dark, True, after_s=0.001)
        desk.signal(LINE_DOWN, True)
        for dark in DARK:
            desk.signal(dark, False)
        desk.signal(LINE_DOWN, False, after_s=120.0)
        desk.signal(CRITICAL, True)
        told = [await heard(listener) for _ in range(3)]
        assert [notice["text"].partition(":")[0] for notice in told] == [
            "CRITICAL line/LINE-DOWN raised", "line/LINE-DOWN is gone, and waits for a person", "CRITICAL pfe-a/PFE-TRIP raised",
        ]  # fmt: skip
        assert [notice["bell"] for notice in told] == [True, False, True]


async def test_one_dark_fibre_is_told_when_the_time_for_its_cause_is_over_and_what_outlasts_its_cause_is_told_then() -> None:
    desk = cable()
    async with hall(desk=desk) as house:
        listener = await house.monitor(VIEWER)
        desk.signal(DARK[0], True, after_s=5.0)
        assert (await heard(listener))["text"].startswith("CRITICAL fp1-rx/LIGHT-LOST raised: Light is lost at a tap")
        await desk.obey(Acknowledge((Target(DARK[0]),), "a.bekov"), OPERATOR)
        assert (await heard(listener))["text"] == "fp1-rx/LIGHT-LOST is acknowledged by a.bekov"
        desk.signal(LINE_DOWN, True, after_s=1.0)
        desk.signal(DARK[1], True, after_s=1.0)
        desk.signal(LINE_DOWN, False, after_s=120.0)
        texts = [(await heard(listener))["text"] for _ in range(3)]
        assert texts[0] == "CRITICAL line/LINE-DOWN raised: All watched fibres of the line are dark"
        assert texts[2] == "CRITICAL fp2-rx/LIGHT-LOST remains, its cause is gone: Light is lost at a tap"


async def test_in_a_flood_of_alarms_the_bell_is_that_of_the_alarm_core() -> None:
    keys = [AlarmKey(f"pfe-{number}", "PFE-TRIP") for number in range(14)]
    desk = Desk(keys)
    async with hall(desk=desk) as house:
        listener = await house.monitor(VIEWER)
        for key in keys:
            desk.signal(key, True, after_s=1.0)
        assert [(await heard(listener))["bell"] for _ in keys] == [*[True] * 11, *[False] * 3]


async def test_what_somebody_has_done_is_told_to_the_others_and_what_holds_to_everybody() -> None:
    async with hall(quiet=False) as house:
        armer, other = await house.monitor(OPERATOR), await house.monitor(POWER)
        house.porter.tell("armed", "OP-42", "uid 4242", **{"class": "lethal"})
        house.porter.tell("held", "OP-42", "stationd", why="its session has not answered for 5 s", measured=742.3, unit="mA")
        first, second = await heard(other), await heard(other)
        assert first["text"] == (
            "uid 4242 has armed OP-42: pfe-a energise to 1000 mA rate 10 mA/s; it waits for a second person: approve OP-42"
        )
        assert second["text"] == "OP-42 HELD at 742.3 mA: its session has not answered for 5 s"
        assert (second["id"], second["bell"]) == (first["id"] + 1, True)
        assert (await heard(armer))["text"] == second["text"]


async def test_a_reader_that_is_slow_is_told_how_much_it_missed_and_costs_the_others_nothing() -> None:
    async with hall() as house:
        slow, quick = await house.monitor(OPERATOR), await house.monitor(POWER)
        for number in range(MOST_WAITING + 30):
            house.porter.tell("passed" if number < 0 else "hold-removed", f"H-{number}", "uid 1")
        notice = await heard(slow)
        assert (notice["kind"], notice["text"].split()[0]) == ("dropped", "30")
        assert (await heard(slow))["id"] == notice["id"] + 1
        assert (await heard(quick))["kind"] == "dropped", "nobody waits for anybody: the loop was not left meanwhile"
        assert (await heard(quick))["text"] == "H-30 is removed by uid 1"


async def test_a_monitor_that_ends_leaves_nothing_behind_though_its_session_goes_on() -> None:
    async with hall() as house:
        listener, other, sender = await house.monitor(POWER), await house.caller(POWER), await house.caller()
        await asked(other, "GetPrompt")
        listener.close()
        await until(lambda: house.server.connections == 2)
        assert (await failed(sender, "Message", {"to": "all", "text": "anybody?"}))[0] == "NobodyThere"


async def test_nobody_sends_himself_a_message_but_to_his_other_terminal() -> None:
    async with hall() as house:
        await house.monitor(OPERATOR)
        sender = await house.caller(OPERATOR)
        assert (await failed(sender, "Message", {"to": "all", "text": "anybody?"}))[0] == "NobodyThere"
        await house.monitor(replace(OPERATOR, pid=2))
        assert await asked(sender, "Message", {"to": "uid 4242", "text": "look at the other screen"}) == {"heard": ["uid 4242"]}


# Messages and notes.


async def test_a_message_reaches_the_shells_of_who_is_named_and_says_who_heard_it() -> None:
    async with hall() as house:
        one, two = await house.monitor(POWER), await house.monitor(POWER_TOO)
        await house.monitor(ROOT, shell=False)
        sender = await house.caller()
        assert await asked(sender, "Message", {"to": "uid 4244", "text": "ship is\x07 off the cable"}) == {"heard": ["uid 4244"]}
        assert await asked(sender, "Message", {"to": "all", "text": "thank you"}) == {"heard": ["uid 4244", "uid 4245"]}
        first = await heard(one)
        assert (first["kind"], first["text"], first["bell"]) == ("message", "uid 4242: ship is off the cable", False)
        assert first["by"] == "uid 4242"
        assert (await heard(one))["text"] == (await heard(two))["text"] == "uid 4242: thank you"
        assert [record[:2] for record in house.porter.recorded] == [("message", "uid 4244"), ("message", "all")]


async def test_a_message_that_nobody_hears_is_an_error_that_says_who_is_there() -> None:
    async with hall() as house:
        await house.monitor(POWER)
        sender = await house.caller()
        error, parameters = await failed(sender, "Message", {"to": "j.smith", "text": "are you there?"})
        assert (error, parameters["to"], parameters["there"]) == ("NobodyThere", "j.smith", ["uid 4244"])
        assert house.porter.recorded == []


async def test_a_message_that_was_heard_is_answered_so_also_while_the_disk_hangs() -> None:
    async with hall(Limits(order_s=0.05)) as house:
        await house.monitor(POWER)
        sender = await house.caller()
        house.porter.stuck = asyncio.Event()
        assert await asked(sender, "Message", {"to": "all", "text": "ship is off the cable"}) == {"heard": ["uid 4244"]}
        assert (await asked(sender, "Silence"))["until"]["t"] == written(BEGIN_UTC_S + house.plant.time_s + 900)


@pytest.mark.parametrize("text", ["", " \n ", "x" * 501])
async def test_a_text_that_says_nothing_or_too_much_is_refused_by_name(text: str) -> None:
    async with hall() as house:
        caller = await house.caller()
        for method in ("Note", "WriteHandover"):
            assert await failed(caller, method, {"text": text}) == ("InvalidParameter", {"parameter": "text"})
        assert house.porter.kept.notes == ()


async def test_a_note_stands_in_the_handover_and_an_answer_says_whether_it_is_on_the_disk() -> None:
    async with hall() as house:
        caller = await house.caller()
        assert (await asked(caller, "Note", {"text": "sensor wet, WO 4720"}))["durable"] is True
        house.porter.durable = False
        assert (await asked(caller, "Note", {"text": "door squeaks"}))["durable"] is False
        page = (await asked(caller, "GetHandover"))["page"]
        assert [note["text"] for note in page["notes"]] == ["sensor wet, WO 4720", "door squeaks"]
        assert {note["by"] for note in page["notes"]} == {"uid 4242"}


async def test_a_disk_that_hangs_is_an_outcome_that_nobody_knows() -> None:
    async with hall(Limits(order_s=0.05)) as house:
        house.porter.stuck = asyncio.Event()
        caller = await house.caller()
        error, parameters = await failed(caller, "Note", {"text": "sensor wet"})
        assert (error, "was not seen within" in parameters["detail"]) == ("OutcomeUnknown", True)


# Silence.


async def test_silence_keeps_the_bell_quiet_until_a_new_critical_alarm_comes() -> None:
    async with hall() as house:
        listener, caller = await house.monitor(POWER), await house.caller()
        until_t = (await asked(caller, "Silence"))["until"]["t"]
        assert until_t == written(BEGIN_UTC_S + house.plant.time_s + 900)
        assert "silenced the bell for 15m" in (await heard(listener))["text"]
        house.porter.tell("held", "OP-42", "stationd", why="no keep-alive")
        assert (await heard(listener))["bell"] is False
        house.plant.time_s = house.desk.time_s
        house.desk.signal(CRITICAL, True)
        alarm, ended = await heard(listener), await heard(listener)
        assert (alarm["kind"], alarm["bell"], ended["kind"]) == ("alarm", True, "silence")
        assert "new critical alarm" in ended["text"]
        assert (await asked(caller, "GetPrompt"))["prompt"]["marks"] == ["1!", "BYPASS 10m"]


async def test_silence_ends_with_its_time_and_with_zero() -> None:
    async with hall() as house:
        listener, caller = await house.monitor(POWER), await house.caller()
        await asked(caller, "Silence", {"seconds": 60})
        await heard(listener)
        house.plant.time_s += 61.0
        house.porter.tell("held", "OP-42", "stationd")
        assert (await heard(listener))["bell"] is True
        await asked(caller, "Silence", {"seconds": 60})
        await asked(caller, "Silence", {"seconds": 0})
        texts = [(await heard(listener))["text"] for _ in range(2)]
        assert texts[1] == "uid 4242 has ended the silence"
        house.porter.tell("held", "OP-42", "stationd")
        assert (await heard(listener))["bell"] is True


async def test_nobody_silences_a_station_for_longer_than_an_hour() -> None:
    async with hall() as house:
        caller = await house.caller()
        error, parameters = await failed(caller, "Silence", {"seconds": 3601})
        assert (error, parameters["cause"]) == ("Refused", "step-limit")
        assert "3601" in parameters["detail"]
        assert (await failed(caller, "Silence", {"seconds": -1}))[0] == "InvalidParameter"


# The change of shift.


async def test_a_shift_is_written_by_one_person_and_taken_by_another() -> None:
    async with hall() as house:
        first, second = await house.caller(), await house.caller(POWER)
        await asked(first, "TakeHandover")
        house.plant.time_s += 3600.0
        await asked(first, "Note", {"text": "sensor wet"})
        await asked(first, "WriteHandover", {"text": "watch the booster"})
        page = (await asked(second, "GetHandover"))["page"]
        assert (page["shift"]["by"], page["shift"]["yours"], page["written"]["text"]) == ("uid 4242", False, "watch the booster")
        outgoing = await house.monitor(replace(OPERATOR, pid=5))
        taken = await asked(second, "TakeHandover")
        assert (taken["by"], taken["warnings"], taken["durable"]) == ("uid 4244", [], True)
        notice = await heard(outgoing)
        assert (notice["kind"], notice["text"].startswith("the shift is taken from uid 4242 by uid 4244 at ")) == ("handover", True)
        after = (await asked(second, "GetHandover"))["page"]
        assert (after["shift"]["by"], after["shift"]["yours"], after["written"], after["notes"]) == ("uid 4244", True, None, [])


@pytest.mark.parametrize(("method", "words"), [("WriteHandover", "has written the handover"), ("TakeHandover", "the shift is taken by")])
async def test_a_change_of_the_book_is_told_by_the_word_of_the_disk(method: str, words: str) -> None:
    async with hall(Limits(order_s=0.05)) as house:
        listener, first, second = await house.monitor(POWER_TOO), await house.caller(), await house.caller(POWER)
        parameters = {"text": "all is well"} if method == "WriteHandover" else {}
        house.porter.durable = False
        await asked(first, method, parameters)
        assert "not on the disk" in (await heard(listener))["text"]
        house.porter.stuck = asyncio.Event()
        assert (await failed(second, method, parameters))[0] == "OutcomeUnknown"
        assert "has not said yet" in (await heard(listener))["text"]
        house.porter.durable, house.porter.stuck, house.porter.kept = True, None, Logbook(known=True)
        await asked(first, method, parameters)
        told = (await heard(listener))["text"]
        assert words in told
        assert "disk" not in told


async def test_nobody_is_told_of_a_shift_that_nobody_has_yet() -> None:
    async with hall() as house:
        listener, caller = await house.monitor(POWER), await house.caller()
        house.porter.stuck = asyncio.Event()
        caller.ask(f"{SESSION}.TakeHandover", {})
        await until(lambda: house.porter.kept.shift is not None)
        house.porter.tell("held", "OP-42", "stationd", why="no keep-alive")
        assert (await heard(listener))["kind"] == "operation"
        house.porter.stuck.set()
        assert (await heard(listener))["kind"] == "handover"


async def test_what_somebody_else_has_written_stays_and_ones_own_text_is_replaced() -> None:
    async with hall() as house:
        first, second = await house.caller(), await house.caller(POWER)
        await asked(first, "WriteHandover", {"text": "watch the booster"})
        await asked(second, "WriteHandover", {"text": "ship at km 40"})
        await asked(second, "WriteHandover", {"text": "ship at km 41"})
        written = (await asked(first, "GetHandover"))["page"]["written"]
        assert written["by"] == "uid 4244"
        assert re.fullmatch(r"ship at km 41 \| before it uid 4242, \S+ \S+: watch the booster", written["text"])
        error, told = await failed(second, "WriteHandover", {"text": "x" * 490})
        assert (error, told["cause"]) == ("Refused", "too-large")
        assert (await asked(first, "GetHandover"))["page"]["written"] == written


async def test_nobody_takes_the_shift_from_himself_or_after_his_own_text() -> None:
    async with hall() as house:
        first, second = await house.caller(), await house.caller(POWER)
        await asked(first, "TakeHandover")
        error, parameters = await failed(first, "TakeHandover")
        assert (error, parameters["cause"]) == ("Refused", "second-person-missing")
        assert "that is you" in parameters["detail"]
        await asked(second, "WriteHandover", {"text": "written for another"})
        assert (await failed(second, "TakeHandover"))[1]["cause"] == "second-person-missing"
        assert house.porter.kept.shift is not None
        assert house.porter.kept.shift.uid == OPERATOR.uid


@pytest.mark.parametrize("nobody", [ROOT, SHARED], ids=["root", "shared"])
async def test_whoever_is_no_person_in_particular_neither_writes_nor_takes(nobody: Any) -> None:
    async with hall() as house:
        caller = await house.caller(nobody)
        for method, parameters in (("TakeHandover", {}), ("WriteHandover", {"text": "all is well"})):
            error, told = await failed(caller, method, parameters)
            assert (error, told["cause"]) == ("Refused", "no-access-authority")


async def test_who_takes_the_shift_is_warned_of_all_that_is_not_finished() -> None:
    async with hall(quiet=False) as house:
        warned = (await asked(await house.caller(POWER), "TakeHandover"))["warnings"]
        assert [line.split()[0] for line in warned] == ["OP-42", "A-3", "interlock"]
        assert "energise to 1000 mA" in warned[0]
        assert "goes back by itself" in warned[1]


async def test_a_shift_is_not_taken_before_it_is_known_who_has_it() -> None:
    async with hall() as house:
        house.porter.kept = replace(house.porter.kept, known=False)
        caller = await house.caller()
        error, parameters = await failed(caller, "TakeHandover")
        assert (error, parameters["cause"]) == ("Refused", "blocked-by-health")
        assert (await asked(caller, "GetHandover"))["page"]["bookKnown"] is False


async def test_the_page_shows_everything_that_must_not_be_lost() -> None:
    async with hall(quiet=False) as house:
        house.desk.signal(CRITICAL, True)
        page = (await asked(await house.caller(), "GetHandover"))["page"]
        assert (page["alarms"]["critical"], page["alarms"]["unacknowledged"], page["alarms"]["lines"][0]["key"]) == (1, 1, str(CRITICAL))
        assert [hold["name"] for hold in page["holds"]] == ["H-7"]
        assert [bypass["interlock"] for bypass in page["bypasses"]] == ["io1.di4"]
        assert [(each["name"], each["task"]) for each in page["operations"]] == [("OP-42", "energise to 1000 mA rate 10 mA/s")]
        assert page["unconfirmed"][0]["changes"] == ["fp1-booster.gain_setpoint 34 -> 35"]
        assert [(each["name"], each["yours"]) for each in page["staged"]] == [("gain", False)]
        assert (page["audit"]["position"], len(page["audit"]["digest"])) == (2, 64)
        assert page["flood"]["rate"]["v"] == 1
        assert page["journal"] == {"good": True, "state": "good", "detail": ""}


# Hostile clients.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
METHODS = ["List", "Announce", "GetPrompt", "Message", "Note", "Silence", "GetHandover", "WriteHandover", "TakeHandover"]
NAMES = ["shell", "line", "to", "text", "seconds"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(st.tuples(st.sampled_from(METHODS), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3)), max_size=5))
def test_no_parameters_make_a_mistake_of_ours(calls: list[tuple[str, dict[str, object]]]) -> None:
    async def play() -> None:
        async with hall(quiet=False) as house:
            caller = await house.caller()
            for method, parameters in calls:
                answer = await caller.call(f"{SESSION}.{method}", parameters)
                assert answer.get("error") != "io.stationd.Status.InternalError"

    asyncio.run(play())

