"""The screens of acting: 79 columns, 7-bit ASCII, nothing missing shown as there, and no hold without its warning."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.console import act_forms, audit
from stationd.core.operation.task import Ending
from stationd.core.operation.words import Cause
from stationd.shell import denials, emergency
from stationd.shell.exits import Exit
from stationd.shell.methods import AUDIT, OPERATION, SETPOINT
from stationd.shell.screens import acting as act_screens
from stationd.shell.wish import Kind
from tests.console.desk import value
from tests.shell.screens.test_status import NAMES, STAMPS, fits
from tests.shell.scripted import NOTHING, STAMP, T, progress, view

TEXTS = st.text(max_size=120) | st.sampled_from(["door 2 OPEN (io1.di2, 0.2 s ago)", "корабль у кабеля", "x" * 200])
FLAGS = st.booleans()
STAMP_OR_NONE = STAMPS | st.none()


def figures(unit: str) -> st.SearchStrategy[Any]:
    known = st.builds(value, st.floats(allow_nan=False, allow_infinity=False) | st.floats(-2000, 2000), st.just(unit), st.just("good"))
    return known | st.just({**NOTHING, "u": unit})


NUMBERS = st.floats(0, 1e6, allow_nan=False)
TASKS = st.one_of(
    st.fixed_dictionaries(
        {"verb": st.sampled_from(["energise", "ramp"]), "toMilliamperes": NUMBERS, "rateMilliamperesPerSecond": NUMBERS},
        optional={"part": st.sampled_from(["single", "master", "follower", None])},
    ),
    st.fixed_dictionaries({"verb": st.just("off"), "rateMilliamperesPerSecond": NUMBERS}),
    st.fixed_dictionaries({"verb": st.just("polarity"), "negative": FLAGS}),
    st.fixed_dictionaries({"verb": st.sampled_from(["pump", "electroding"]), "on": FLAGS}),
    st.fixed_dictionaries({"verb": st.just("mode"), "mode": NAMES}),
    st.fixed_dictionaries({"verb": st.just("remove-hold"), "hold": NAMES}),
    st.fixed_dictionaries({"verb": st.just("bypass"), "interlock": NAMES, "forSeconds": NUMBERS}),
    st.fixed_dictionaries({"verb": NAMES}),
)
REASONS = st.fixed_dictionaries({"cause": st.sampled_from([cause.value for cause in Cause]), "why": TEXTS, "remedy": TEXTS})
CHECKS = st.fixed_dictionaries({"name": NAMES, "shown": TEXTS, "good": FLAGS, "reason": REASONS | st.none()})
PROGRESS = st.fixed_dictionaries(
    {"phase": NAMES}
    | {name: figures("mA") for name in ("setTo", "measured", "target")}
    | {"voltage": figures("V"), "rise": figures("V/s"), "left": figures("s")}
)
VIEWS = st.builds(
    view,
    st.sampled_from(["waiting", "armed", "starting", "running", "held", "closed"]),
    name=st.sampled_from(["OP-1", "OP-123456789"]), object=NAMES, task=TASKS, command=st.sampled_from(["operate", "lethal"]),
    since=STAMPS, armedAt=STAMPS, armer=NAMES, reason=TEXTS, effect=st.lists(TEXTS, max_size=4), limits=st.lists(TEXTS, max_size=4),
    checks=st.lists(CHECKS, max_size=12), approver=NAMES, wantsApproval=FLAGS, offered=st.sampled_from([None, "resume", "back"]),
    left=figures("s"), progress=PROGRESS, ending=st.none() | st.sampled_from([ending.value for ending in Ending]),
    cause=st.none() | st.sampled_from([cause.value for cause in Cause]), detail=TEXTS,
)  # fmt: skip
HOLDS = st.fixed_dictionaries({"name": NAMES, "object": NAMES, "who": NAMES, "yours": FLAGS, "reason": TEXTS, "since": STAMPS})
INTERLOCKS = st.fixed_dictionaries(
    {
        "name": NAMES, "feeds": st.lists(NAMES, max_size=4), "bypassedUntil": STAMP_OR_NONE,
        "closed": st.builds(value, FLAGS | st.none(), st.just("")),
    }
)  # fmt: skip
AUTHORITIES = st.fixed_dictionaries(
    {
        "holder": NAMES, "yours": FLAGS, "place": st.sampled_from(["none", "local", "remote"]), "released": FLAGS,
        "since": STAMP_OR_NONE, "requestedBy": NAMES, "keySwitch": st.sampled_from(["local", "remote", None]),
    }
)  # fmt: skip
STAGED = st.fixed_dictionaries(
    {"device": NAMES, "name": NAMES, "point": NAMES, "now": figures("dB"), "staged": figures("dB"), "who": NAMES, "yours": FLAGS}
)
CHANGES = st.fixed_dictionaries({"device": NAMES, "name": NAMES, "point": NAMES, "before": figures("dBm"), "after": figures("dBm")})
APPLIED = st.fixed_dictionaries(
    {
        "name": NAMES, "at": STAMPS, "who": NAMES, "reason": TEXTS, "changes": st.lists(CHANGES, max_size=3), "detail": TEXTS,
        "state": st.sampled_from(["unconfirmed", "reverted"]), "confirmUntil": STAMP_OR_NONE,
    }
)  # fmt: skip
ENTRIES = st.fixed_dictionaries(
    {
        "id": NAMES, "at": STAMPS, "kind": NAMES, "subject": NAMES, "who": NAMES,
        "document": st.none() | st.dictionaries(NAMES | st.just("reason"), TEXTS, max_size=3),
    }
)  # fmt: skip
ANSWERS = st.one_of(
    st.tuples(st.just(Kind.OPERATIONS), st.fixed_dictionaries({"operations": st.lists(VIEWS, max_size=6)})),
    st.tuples(st.just(Kind.HOLDS), st.fixed_dictionaries({"holds": st.lists(HOLDS, max_size=20)})),
    st.tuples(st.just(Kind.INTERLOCKS), st.fixed_dictionaries({"interlocks": st.lists(INTERLOCKS, max_size=30)})),
    st.tuples(st.just(Kind.AUTHORITY), st.fixed_dictionaries({"authority": AUTHORITIES})),
    st.tuples(st.just(Kind.DIFF), st.fixed_dictionaries({"staged": st.lists(STAGED, max_size=30)})),
    st.tuples(st.just(Kind.APPLIED), st.fixed_dictionaries({"applied": st.lists(APPLIED, max_size=20)})),
    st.tuples(st.just(Kind.AUDIT), st.fixed_dictionaries({"entries": st.lists(ENTRIES, max_size=30), "torn": st.integers(0, 3)})),
)


@settings(max_examples=60, deadline=None)
@given(VIEWS, st.sampled_from(["", "K7Q4"]))
def test_any_operation_fits_the_columns_and_the_code_is_shown_while_it_is_wanted(form: dict[str, Any], code: str) -> None:
    rows = act_screens.arming_screen(form, code)
    assert fits(rows, None)
    wanted = act_screens.waits(form) or act_screens.may_begin(form)
    assert not code or any(row.endswith(code) for row in rows) == wanted
    for lines in (act_screens.operation_screen(form, T), act_screens.ending_lines(form, "22:43:31Z "), act_screens.running_lines(form)):
        assert fits(lines, None)
    assert fits([*act_screens.approval_lines(form), *act_screens.left_lines(form["name"], running=True)], None)


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_any_list_fits_the_columns(answer: tuple[Kind, dict[str, Any]]) -> None:
    assert fits(act_screens.shown(*answer, T, None), None)
    assert fits(act_screens.shown(*answer, T), 25)  # with the row that counts torn records


@settings(max_examples=40, deadline=None)
@given(st.lists(HOLDS, max_size=8))
def test_no_hold_is_shown_without_saying_that_it_is_no_isolation(holds: list[dict[str, Any]]) -> None:
    rows = act_screens.shown(Kind.HOLDS, {"holds": holds}, T, None)
    assert sum("NOT AN ISOLATION" in row for row in rows) >= len(holds)


@settings(max_examples=40, deadline=None)
@given(st.lists(REASONS, min_size=1, max_size=5), st.sampled_from([OPERATION, SETPOINT]))
def test_any_refusal_fits_the_columns_and_says_that_nothing_was_sent(reasons: list[dict[str, Any]], interface: str) -> None:
    code, rows = denials.told(f"{interface}.Refused", {"asked": "it", "cause": "", "detail": "", "hint": "", "reasons": reasons})
    assert fits(rows, None)
    assert rows[-1] == "Nothing was sent."
    assert code in (Exit.REFUSED, Exit.NOT_PERMITTED, Exit.CONFLICT)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries({"device": NAMES, "confirmed": st.none() | FLAGS, "detail": TEXTS}), max_size=4), NAMES)
def test_any_emergency_fits_the_columns(feeds: list[dict[str, Any]], name: str) -> None:
    far = {"name": name, "known": True, "feed": {"on": True}, "age": value(1.0, "s")}
    status = {"power_feeds": {str(feed["device"]): {"output_current": NOTHING} for feed in feeds}, "far_end": far}
    assert fits([*emergency.told(feeds, 1.0), *emergency.measured(feeds, status)], None)


@settings(max_examples=1)
@given(st.tuples(VIEWS, PROGRESS, CHECKS, HOLDS, INTERLOCKS, AUTHORITIES, STAGED, APPLIED, CHANGES, ENTRIES))
def test_the_forms_of_these_tests_are_those_of_the_interface(forms: tuple[dict[str, Any], ...]) -> None:
    real = (
        act_forms.Operation, act_forms.Progress, act_forms.Precondition, act_forms.HoldNote, act_forms.Interlock, act_forms.AuthorityState,
        act_forms.Staged, act_forms.Applied, act_forms.ChangedValue, audit.Entry,
    )  # fmt: skip
    assert [set(form) for form in forms] == [{field.name for field in fields(each)} for each in real]


@pytest.mark.parametrize(
    ("ending", "cause", "code"),
    [
        ("reached", None, Exit.DONE), ("deviated", "abortion-due-to-deviation", Exit.FAILED), ("timed-out", "time-limit-over", Exit.FAILED),
        ("aborted-by-trip", "abortion-by-trip", Exit.FAILED), ("closed-held", None, Exit.FAILED),
        ("not-executed", "blocked-by-health", Exit.REFUSED), ("not-executed", "time-limit-over", Exit.REFUSED),
        ("not-executed", "no-access-authority", Exit.NOT_PERMITTED), ("not-executed", "1-of-n-control", Exit.CONFLICT),
    ],
)  # fmt: skip
def test_each_ending_has_its_exit_code(ending: str, cause: str | None, code: Exit) -> None:
    assert act_screens.exit_of(view("closed", ending=ending, cause=cause)) == code


def test_every_ending_of_the_core_has_an_exit_code_and_what_holds_is_not_done() -> None:
    codes = {ending: act_screens.exit_of(view("closed", ending=ending.value)) for ending in Ending}
    assert [ending for ending, code in codes.items() if code is Exit.DONE] == [Ending.REACHED]
    assert act_screens.exit_of(view("held", ending="reached")) == Exit.FAILED


def test_every_cause_with_a_code_of_its_own_is_a_word_of_the_core() -> None:
    assert set(denials.ACT_CAUSES) <= {cause.value for cause in Cause}


def test_every_error_of_the_acting_interfaces_has_a_code_and_sentences() -> None:
    from stationd.console.audit import AuditInterface
    from stationd.console.operation import OperationInterface
    from stationd.console.setpoint import SetpointInterface

    said = {"cause": "some-cause", "detail": "some detail", "hint": "a hint", "operation": "OP-9", "hold": "H-9", "reasons": []}
    for error in (*OperationInterface.errors, *SetpointInterface.errors, *AuditInterface.errors):
        assert denials.is_of_acting(error.name, said)
        assert error.name.rpartition(".")[2] in denials.ERRORS
        code, rows = denials.told(error.name, said)
        assert code is not Exit.DONE
        assert len(rows) > 1
    assert denials.is_of_acting("org.varlink.service.InterfaceNotFound", {"interface": AUDIT})
    assert not denials.is_of_acting("io.stationd.Alarm.Refused", said)


def test_what_is_not_known_is_not_shown_as_a_number() -> None:
    form = view("running", progress=progress(None))
    assert not any(sign.isdigit() for sign in act_screens.progress_text(form))
    closed = {"name": "io1.di4", "feeds": ["pfe-a"], "closed": value(None, "", "bad"), "bypassedUntil": None}
    assert "NOT KNOWN" in act_screens.shown(Kind.INTERLOCKS, {"interlocks": [closed]}, T)[-1]


def test_only_the_operation_of_a_feed_that_can_kill_advises_emergency_off() -> None:
    assert "EMERGENCY-OFF pfe-a" in " ".join(act_screens.running_lines(view("running")))
    bypass = {"verb": "bypass", "interlock": "io1.di4", "forSeconds": 600.0}
    for task in (bypass, {"verb": "pump", "on": True}, {"verb": "remove-hold", "hold": "H-7"}):
        assert "EMERGENCY-OFF" not in " ".join(act_screens.running_lines(view("running", task=task, object="io1.di4")))


def checks() -> list[dict[str, Any]]:
    """What is checked before a feed is energised, with interlocks and a far end."""
    shown = {
        "read only": "Aktau may send orders to its units", "role": "a.bekov may give commands of class lethal",
        "holds": "holds on pfe-a: none",
        **{f"interlock io1.{name}": f"interlock io1.{name} closed (io1.{name}, 0.3 s ago)" for name in "abc"},
        "fault of the unit": "fault of the unit none (pfe-a.fault, 0.3 s ago)",
        "discharge": "line discharged: 0 V (pfe-a.voltage), limit 50 V",
        "readings": "pfe-a answers, oldest value 0.3 s ago", "audit": "the audit can be written, since 1.0 s",
        "far feed": "Siyazan pfe-b OFF (2.0 s ago)", "authority": "authority LOCAL a.bekov", "current": "current 500 mA, limit 1000 mA",
        "rate": "rate 50 mA/s, limit 50 mA/s", "remote control of pfe-a": "remote control of pfe-a on (pfe-a.remote, 0.3 s ago)",
    }  # fmt: skip
    return [{"name": name, "shown": text, "good": True, "reason": None} for name, text in shown.items()]


ENERGISES: dict[str, Any] = {
    "checks": checks(),
    "effect": ["Puts up to 1200 V on the sea cable.", "A person touching the cable, joint or ship end can be killed.",
               "Ramps from 0 to 500 mA."],
    "limits": ["trips if V > 1200 V twice; holds if V rises faster than 400 V/s", "holds if the current is off by more than 15 mA for 2 s",
               "on the way up waits at 250 mA until V stays the same (within 1 %)"],
}  # fmt: skip


@pytest.mark.parametrize("stays", [True, False])
def test_the_screen_of_arming_is_one_screen_with_its_effect_right_above_the_code(stays: bool) -> None:
    rows = act_screens.arming_screen(view("waiting", **ENERGISES), "K7Q4", stays=stays)
    assert len(rows) <= 23
    assert rows[-1].endswith("K7Q4")
    assert rows[-4] == "EFFECT   Puts up to 1200 V on the sea cable."
    assert [row.strip() for row in rows[-3:-1]] == ENERGISES["effect"][1:]
    said = " ".join(" ".join(rows).split())
    assert "15 OK: interlocks 3/3 closed; holds on pfe-a: none; pfe-a answers, oldest value 0.3 s ago; Siyazan pfe-b OFF" in said
    assert "authority LOCAL a.bekov" in said


def test_whoever_approves_reads_the_effect_last() -> None:
    rows = act_screens.arming_screen(view("waiting", **ENERGISES))
    assert len(rows) <= 22
    assert rows[-1].strip() == "Ramps from 0 to 500 mA."


def test_what_is_not_good_or_only_bypassed_is_told_in_full_beside_what_is_counted() -> None:
    open_door = {"name": "interlock io1.d", "shown": "interlock io1.d OPEN", "good": False, "reason": {"cause": "blocked-by-interlocking"}}
    bypassed = {"name": "interlock io1.e", "shown": "interlock io1.e BYPASSED for another 9m00s", "good": True, "reason": None}
    rows = act_screens.arming_screen(view("armed", **{**ENERGISES, "checks": [*checks(), open_door, bypassed]}), "K7Q4")
    said = " ".join(" ".join(rows).split())
    assert "interlock io1.d OPEN NOT OK: blocked-by-interlocking" in said
    assert "interlock io1.e BYPASSED for another 9m00s" in said
    assert "interlocks 3/5 closed" in said


def test_every_check_stands_by_itself_for_whoever_looks_at_the_operation_without_a_screen() -> None:
    rows = act_screens.operation_screen(view("waiting", **ENERGISES), T, None)
    assert sum(row.endswith("OK") for row in rows) == len(checks())


@pytest.mark.parametrize("others", [0, 30], ids=["line by line", "in short"])
def test_critical_alarms_that_stand_are_a_note_and_not_ok(others: int) -> None:
    alarms = {"name": "alarms", "shown": "critical alarms that stand: pfe/PFE-TRIP", "good": True, "reason": None}
    more = [{"name": f"check {number}", "shown": "closed", "good": True, "reason": None} for number in range(others)]
    rows = act_screens.arming_screen(view("armed", checks=[*more, alarms]), "K7Q4")
    (row,) = (row for row in rows if "PFE-TRIP" in row)
    assert "note: critical alarms that stand: pfe/PFE-TRIP" in row
    assert "OK" not in row


def test_the_audit_says_what_was_asked_and_why_it_was_refused() -> None:
    hold, step = {"cause": "blocked-by-hold", "why": "H-7 by j.smith", "remedy": "ask him"}, {"cause": "step-limit", "why": "too far"}
    document = {"asked": "arm pfe-a off rate 20 mA/s", "reasons": [hold, step]}
    body = {"kind": "refused", "subject": "pfe-a", "who": "a.bekov", "document": document}  # as stationd.outputs.act_records writes it
    entry = {"id": "1", "at": STAMP, "kind": "refused", "subject": "pfe-a", "who": "a.bekov", "document": body}
    first, second = act_screens.shown(Kind.AUDIT, {"entries": [entry], "torn": 0}, T, None)[2:]
    assert first.endswith("pfe-a   refused   a.bekov")
    assert second.strip() == "asked: arm pfe-a off rate 20 mA/s   blocked-by-hold: H-7 by j.smith"


def test_the_audit_shows_what_somebody_has_noted() -> None:
    entry = {"id": "1", "at": STAMP, "kind": "note", "subject": "shift", "who": "a.bekov", "document": {"text": "ship at km 40"}}
    assert "ship at km 40" in " ".join(act_screens.shown(Kind.AUDIT, {"entries": [entry], "torn": 0}, T, None))


def test_the_age_of_an_interlock_is_that_of_its_reading() -> None:
    closed = {**value(False, ""), "t": "2026-11-22T22:43:30.700Z"}
    form = {"name": "io1.di4", "feeds": ["pfe-a"], "closed": closed, "bypassedUntil": STAMP}
    row = act_screens.shown(Kind.INTERLOCKS, {"interlocks": [form]}, T)[-1]
    assert "OPEN, 0.3 s ago" in row
    assert "BYPASSED until 22:43:31Z" in row
