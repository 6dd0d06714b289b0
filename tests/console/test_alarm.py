"""io.stationd.Alarm at the socket: what is shown, who may order what, and what becomes of an order."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from asyncvarlink import varlinksignature
from hypothesis import given
from hypothesis import strategies as st

from stationd.console.alarm import MOST_CHANGES, AlarmInterface
from stationd.console.peer import Accounts, NotKnown, Peer, Role
from stationd.console.persons import MOST_WAITING, VALID_S, TwoPersons
from stationd.console.places import Limits
from stationd.console.text import TooLong, one_line
from stationd.core.operation.task import CommandClass
from tests.console.desk import CRITICAL, DEVICE_LOST, KEYS, MINOR, OPERATOR, POWER, POWER_TOO, ROOT, VIEWER, Caller, serving, until

ALARM = "io.stationd.Alarm."
KEY = str(DEVICE_LOST)
REASON = "sensor wet, WO 4720"
ORDERS: dict[str, dict[str, Any]] = {
    "Acknowledge": {"keys": [KEY]},
    "Reset": {"key": KEY, "note": "looked at it"},
    "Shelve": {"key": KEY, "seconds": 600, "reason": REASON},
    "Unshelve": {"key": KEY},
    "ReturnToService": {"key": KEY},
    "AddNote": {"key": KEY, "text": "looked at it"},
}
AHEAD = {"t": "2026-11-19T10:00:00Z"}  # within 7 days of the desk's time


async def listed(caller: Caller, shown: str = "active") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await caller.call(ALARM + "List", {"filter": {"shown": shown}}))["parameters"]["alarms"]
    return found


async def test_a_new_alarm_is_listed_with_what_to_do_and_every_number_says_what_it_is() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        answer = (await (await served.caller(VIEWER)).call(ALARM + "List"))["parameters"]
        (found,) = answer["alarms"]
        assert (found["key"], found["letter"], found["state"], found["severity"]) == (str(CRITICAL), "B", "new", "critical")
        assert found["firstAction"]
        assert found["consequence"]
        assert answer["total"] == 1
        for name in ("count", "age", "value", "hides"):
            assert {"v", "u", "t", "q"} <= found[name].keys(), name
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["since"]["t"])
        assert found["age"]["v"] == 10.0


async def test_every_answer_is_what_the_description_says() -> None:
    async with serving() as served:
        for key in KEYS:
            served.desk.signal(key, True)
        caller, power, second = await served.caller(), await served.caller(POWER), await served.caller(POWER_TOO)
        await caller.call(ALARM + "Acknowledge", {"keys": [str(MINOR)]})
        await caller.call(ALARM + "Shelve", ORDERS["Shelve"])
        for who in (power, second):
            await who.call(ALARM + "TakeOutOfService", {"key": str(CRITICAL), "until": AHEAD, "reason": REASON})
        calls = {"List": {"filter": {"shown": "all"}}, "History": {}, "Statistics": {}, "Acknowledge": {"keys": [KEY, "x"]}, "Monitor": {}}
        for method, parameters in calls.items():
            caller.ask(ALARM + method, parameters, more=True)
            signature = varlinksignature(getattr(AlarmInterface, method))
            assert signature is not None
            assert signature.return_type.fromjson((await caller.answer())["parameters"])


async def test_what_has_no_value_is_not_called_good() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        (found,) = await listed(await served.caller())
        assert (found["value"]["v"], found["value"]["q"], found["value"]["why"]) == (None, "bad", "not-offered")


async def test_on_a_simulation_no_number_is_called_good() -> None:
    async with serving(live=False) as served:
        served.desk.signal(CRITICAL, True)
        caller = await served.caller()
        text = json.dumps([await caller.call(ALARM + "List"), await caller.call(ALARM + "Statistics")])
        assert '"good"' not in text
        assert '"sim"' in text


async def test_a_list_holds_only_what_was_asked_for() -> None:
    async with serving() as served:
        caller = await served.caller()
        for key in KEYS:
            served.desk.signal(key, True)
        await caller.call(ALARM + "Shelve", ORDERS["Shelve"])
        assert {each["key"] for each in await listed(caller)} == {str(CRITICAL), str(MINOR)}
        assert [each["key"] for each in await listed(caller, "shelved")] == [KEY]
        assert len(await listed(caller, "all")) == 3
        by_type = await caller.call(ALARM + "List", {"filter": {"shown": "all", "type": CRITICAL.type}})
        assert [each["key"] for each in by_type["parameters"]["alarms"]] == [str(CRITICAL)]
        few = await caller.call(ALARM + "List", {"filter": {"shown": "all", "limit": 1}})
        assert (len(few["parameters"]["alarms"]), few["parameters"]["total"]) == (1, 3)


# Who.


@pytest.mark.parametrize("method", ORDERS)
async def test_who_may_only_look_gives_no_order(method: str) -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        answer = await (await served.caller(VIEWER)).call(ALARM + method, ORDERS[method])
        assert answer["error"] == ALARM + "Refused"
        assert answer["parameters"]["cause"] == "no-access-authority"
        assert "stationd-operate" in answer["parameters"]["hint"]
        assert served.desk.orders == []


@pytest.mark.parametrize("peer", [VIEWER, OPERATOR, ROOT], ids=lambda peer: peer.name)
async def test_only_persons_of_the_power_group_take_an_alarm_out_of_service(peer: Peer) -> None:
    async with serving() as served:
        answer = await (await served.caller(peer)).call(ALARM + "TakeOutOfService", {"key": KEY, "until": AHEAD, "reason": REASON})
        assert answer["parameters"]["cause"] == "no-access-authority"


async def test_who_did_it_is_what_the_kernel_says_whatever_the_client_adds() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        caller = await served.caller(Peer(4242, 4242, 77, Role.OPERATE))
        caller.ask(ALARM + "Acknowledge", {"keys": [KEY]}, who="root", uid=0)  # type: ignore[arg-type]
        assert (await caller.answer())["parameters"]["result"][0]["done"]
        ((order, peer),) = served.desk.orders
        assert order.who == "uid 4242"
        assert (peer.uid, peer.pid) == (4242, 77)
        refused = await caller.call(ALARM + "Acknowledge", {"keys": [KEY], "who": "root"})
        assert refused["error"] == "org.varlink.service.InvalidParameter"


def test_rights_follow_from_groups_and_never_for_root_or_the_service_where_persons_answer() -> None:
    accounts = Accounts(900, {Role.VIEW: 10, Role.OPERATE: 11, Role.POWER: 12})
    for uid in (0, 900):
        nobody = accounts.identified(uid, 12, 1, frozenset({10, 11, 12}))
        assert {command for command in CommandClass if nobody.may(command)} == {
            CommandClass.READ, CommandClass.NOTE, CommandClass.SET, CommandClass.EMERGENCY
        }  # fmt: skip
    assert accounts.identified(5, 1, 1, frozenset({99})).role is Role.NONE
    assert accounts.identified(5, 10, 1, frozenset()).role is Role.VIEW
    assert accounts.identified(5, 1, 1, frozenset({10, 12})).may(CommandClass.LETHAL)
    with pytest.raises(NotKnown, match="PrivateUsers"):
        accounts.identified(65534, 65534, 1, frozenset({65534}))
    with pytest.raises(NotKnown, match="65534"):
        accounts.identified(65534, 12, 1, frozenset({10, 11, 12}))
    overflown = Accounts(65534, accounts.groups).identified(65534, 12, 1, frozenset({10, 11, 12}))
    assert not overflown.person, "a service that itself runs as that user takes nobody of it for a person"


# Orders.


async def test_the_life_of_a_latching_or_plain_alarm_by_orders() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        caller = await served.caller()
        (outcome,) = (await caller.call(ALARM + "Acknowledge", {"keys": [f"{KEY}#1"], "note": "seen"}))["parameters"]["result"]
        assert (outcome["done"], outcome["letter"]) == (True, "C")
        (found,) = await listed(caller)
        assert (found["seen"]["by"], found["seen"]["note"]) == ("uid 4242", "seen")
        assert (await caller.call(ALARM + "Reset", ORDERS["Reset"]))["error"] == ALARM + "StillActive"
        assert "error" not in await caller.call(ALARM + "AddNote", ORDERS["AddNote"])
        events = (await caller.call(ALARM + "History", {"key": KEY}))["parameters"]["events"]
        assert [event["event"] for event in events] == ["raise", "ack", "note"]
        assert len({event["id"] for event in events}) == 3


async def test_the_past_is_told_with_the_qualities_of_its_time_and_one_odd_record_fails_no_other() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        (first,) = served.desk.past
        words = ("sim", "good", "stale", "bad", "", "of a later version")
        served.desk.past = [replace(first, value=1.5, unit="dBm", quality=word) for word in words]
        caller = await served.caller()
        events = (await caller.call(ALARM + "History", {"key": KEY}))["parameters"]["events"]
        assert [event["value"]["q"] for event in events] == ["sim", "good", "stale", "bad", "good", "of a later version"]
        assert [event["value"]["v"] for event in events][:4] == [1.5, 1.5, None, None]


async def test_an_acknowledgement_of_what_is_past_is_refused_and_the_others_are_taken() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        served.desk.signal(CRITICAL, True)
        caller = await served.caller()
        keys = [f"{KEY}#7", "no key at all", str(CRITICAL), "nowhere/NOTHING", f"{KEY}#{'9' * 5000}"]
        results = (await caller.call(ALARM + "Acknowledge", {"keys": keys}))["parameters"]["result"]
        assert [each["done"] for each in results] == [False, False, True, False, False]
        assert [each["cause"] for each in results] == ["occurrence-passed", "no-such-alarm", None, "no-such-alarm", "no-such-alarm"]


async def test_a_shelf_says_until_when_and_is_refused_beyond_the_limit_of_the_severity() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        caller = await served.caller()
        shelved = await caller.call(ALARM + "Shelve", ORDERS["Shelve"])
        assert set(shelved["parameters"]["until"]) == {"t", "synchronised"}
        assert (await caller.call(ALARM + "Acknowledge", {"keys": [KEY]}))["parameters"]["result"][0]["error"] == "Hidden"
        assert "error" not in await caller.call(ALARM + "Unshelve", {"key": KEY})
        never = await caller.call(ALARM + "Shelve", {"key": str(CRITICAL), "seconds": 60, "reason": REASON})
        assert never == {"error": ALARM + "NotShelvable", "parameters": {"key": str(CRITICAL), "maxSeconds": 0}}
        short = await caller.call(ALARM + "Shelve", {"key": KEY, "seconds": 60, "reason": "wet"})
        assert short == {"error": ALARM + "ReasonRequired", "parameters": {"minLength": 8}}


async def test_out_of_service_takes_two_different_persons_who_want_the_same() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        wish = {"key": str(CRITICAL), "until": AHEAD, "reason": REASON}
        first, second = await served.caller(POWER), await served.caller(POWER_TOO)
        name = (await first.call(ALARM + "TakeOutOfService", wish))["parameters"]["operation"]
        again = (await first.call(ALARM + "TakeOutOfService", wish))["parameters"]["operation"]
        other = await second.call(ALARM + "TakeOutOfService", {**wish, "until": {"t": "2026-11-20T10:00:00Z"}})
        assert served.desk.orders == []
        assert len({name, again, other["parameters"]["operation"]}) == 3
        joined = (await second.call(ALARM + "TakeOutOfService", wish))["parameters"]["operation"]
        assert joined == again
        ((order, _),) = served.desk.orders
        assert (order.who, order.second) == ("uid 4244", "uid 4245")
        assert [each["key"] for each in await listed(first, "out_of_service")] == [str(CRITICAL)]
        assert "error" not in await first.call(ALARM + "ReturnToService", {"key": str(CRITICAL)})


def test_a_wish_without_a_second_person_is_forgotten_and_never_many_are_kept() -> None:
    persons = TwoPersons()
    persons.wait(CRITICAL, 1.0, REASON, POWER, now=0.0)
    assert persons.join(CRITICAL, 1.0, POWER_TOO, now=VALID_S) is None
    for number in range(3 * MOST_WAITING):
        persons.wait(CRITICAL, float(number), REASON, POWER, now=200.0)
    assert persons.join(CRITICAL, 0.0, POWER_TOO, now=200.0) is None
    assert persons.join(CRITICAL, 3.0 * MOST_WAITING - 1, POWER_TOO, now=200.0) is not None


async def test_an_order_whose_end_is_not_seen_is_neither_done_nor_refused() -> None:
    async with serving(Limits(order_s=0.05)) as served:
        served.desk.signal(DEVICE_LOST, True)
        served.desk.held = asyncio.Event()
        caller = await served.caller()
        for method in ("Acknowledge", "Shelve"):
            assert (await caller.call(ALARM + method, ORDERS[method]))["error"] == ALARM + "OutcomeUnknown"
        served.desk.held = None
        assert (await caller.call(ALARM + "Acknowledge", ORDERS["Acknowledge"]))["parameters"]["result"][0]["done"]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("Acknowledge", {"keys": []}),
        ("Acknowledge", {"keys": [KEY] * 101}),
        ("Acknowledge", {"keys": [KEY], "note": "x" * 501}),
        ("Shelve", {"key": KEY, "seconds": 10**30, "reason": REASON}),
        ("Shelve", {"key": KEY, "seconds": True, "reason": REASON}),
        ("AddNote", {"key": KEY, "text": "x" * 60_000}),
        ("History", {"limit": 0}),
        ("History", {"limit": 1001}),
        ("History", {"since": {"t": "yesterday"}}),
        ("History", {"since": {"t": "2026-11-22T10:00:00"}}),
        ("TakeOutOfService", {"key": KEY, "until": {"t": "9" * 5000}, "reason": REASON}),
        ("List", {"filter": {"shown": "everything"}}),
        ("List", {"filter": {"limit": 100_000}}),
        ("List", {"filter": {"no": 1}}),
    ],
)
async def test_what_is_out_of_bounds_is_refused_by_the_name_of_the_parameter(method: str, parameters: dict[str, Any]) -> None:
    async with serving() as served:
        answer = await (await served.caller(POWER)).call(ALARM + method, parameters)
        assert answer["error"] == "org.varlink.service.InvalidParameter"
        assert answer["parameters"]["parameter"] in {*parameters}
        assert served.desk.orders == []


@pytest.mark.parametrize("key", ["", "x", "a/b/c/d", "x" * 50_000, "nowhere/NOTHING", "\ud800/X", "a\x1b[2J/B"])
async def test_a_key_that_is_none_is_said_back_clean(key: str) -> None:
    async with serving() as served:
        caller = await served.caller()
        for method in ("Reset", "Shelve", "Unshelve", "ReturnToService", "AddNote"):
            answer = await caller.call(ALARM + method, {**ORDERS[method], "key": key})
            assert answer["error"] == ALARM + "NoSuchAlarm"
            assert len(answer["parameters"]["key"]) <= 200
            assert answer["parameters"]["key"].isprintable()


@given(st.text(max_size=600))
def test_what_is_kept_of_a_text_is_one_line_without_anything_that_acts_on_a_terminal(text: str) -> None:
    try:
        kept = one_line(text)
    except TooLong:
        assert len(text) > 500
        return
    assert kept.isprintable()
    assert kept.encode().decode() == kept
    assert len(kept) <= 500
    assert one_line(kept) == kept


async def test_a_note_is_cleaned_before_it_goes_anywhere() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        caller = await served.caller()
        await caller.call(ALARM + "AddNote", {"key": KEY, "text": "a\x00b\x1b[31m\nc\u202ed\ud800  e ж"})
        ((order, _),) = served.desk.orders
        assert order.text == "a b [31m c d e ж"


# Streams.


async def test_a_monitor_begins_with_everything_and_goes_on_with_each_change() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        caller, other = await served.caller(VIEWER), await served.caller()
        caller.ask(ALARM + "Monitor", more=True)
        first = await caller.answer()
        assert first["continues"]
        assert first["parameters"]["change"]["snapshot"]
        assert [each["key"] for each in first["parameters"]["change"]["alarms"]] == [KEY]
        await other.call(ALARM + "Acknowledge", {"keys": [KEY], "note": "seen"})
        change = (await caller.answer())["parameters"]["change"]
        assert (change["event"], change["note"], change["alarms"][0]["letter"]) == ("ack", "seen", "C")


async def test_a_monitor_of_one_resource_tells_of_no_other() -> None:
    async with serving() as served:
        caller = await served.caller()
        caller.ask(ALARM + "Monitor", {"filter": {"resource": "pfe-a"}}, more=True)
        await caller.answer()
        served.desk.signal(DEVICE_LOST, True)
        served.desk.signal(CRITICAL, True)
        assert (await caller.answer())["parameters"]["change"]["alarms"][0]["key"] == str(CRITICAL)


async def test_who_goes_during_a_monitor_is_forgotten() -> None:
    async with serving() as served:
        caller = await served.caller()
        caller.ask(ALARM + "Monitor", more=True)
        await caller.answer()
        assert len(served.desk.listeners) == 1
        caller.close()
        await until(lambda: not served.desk.listeners and not served.server.connections)


async def test_a_monitor_that_is_not_read_is_told_and_dropped_and_holds_up_nobody() -> None:
    async with serving(Limits(answer_s=0.2, stop_s=5.0)) as served:
        slow, good = await served.caller(VIEWER), await served.caller()
        slow.ask(ALARM + "Monitor", more=True)
        await slow.answer()
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001  # a client that does not read
        for number in range(3 * MOST_CHANGES):
            await served.desk.obey(_note(number), OPERATOR)
            if number % 500 == 0:
                assert "parameters" in await good.call("io.stationd.Status.GetStatus")
        await asyncio.sleep(0)
        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]  # noqa: SLF001
        last = (await slow.end()).split(b"\0")[-2]
        assert json.loads(last)["error"] in {ALARM + "TooSlow", "io.stationd.Status.NotServed"}
        await until(lambda: served.server.connections == 1)
        assert served.desk.listeners == []


def _note(number: int) -> Any:
    from stationd.core.alarm.words import AddNote

    return AddNote(DEVICE_LOST, "somebody", f"note {number}")


async def test_who_sends_more_than_a_message_during_a_monitor_is_dropped() -> None:
    async with serving() as served:
        caller = await served.caller()
        caller.ask(ALARM + "Monitor", more=True)
        await caller.answer()
        caller.put(b"x" * 100_000)
        assert b"during a stream" in await caller.end()
        assert served.desk.listeners == []


async def test_the_status_is_looked_at_once_for_all_who_monitor_it() -> None:
    async with serving() as served:
        callers = [await served.caller() for _ in range(8)]
        before = served.station.looks
        for caller in callers:
            caller.ask("io.stationd.Status.Monitor", more=True)
        for caller in callers:
            assert (await caller.answer())["continues"]
        assert served.station.looks - before <= 2
