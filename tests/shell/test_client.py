"""`stationctl`: what may be typed, what comes out, and the exit code of every ending."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stationd.console.places import Limits
from stationd.core.alarm.type import AlarmKey
from stationd.shell.client import main
from stationd.shell.exits import Exit, refusal
from stationd.shell.grammar.command import CHOICES, Class, first_word
from stationd.shell.grammar.table import COMMANDS, understood
from stationd.shell.options import options
from stationd.shell.wish import Kind, Usage
from tests.console.daemon_process import daemon
from tests.console.desk import CRITICAL, DEVICE_LOST, MINOR, VIEWER, Desk, Served, serving
from tests.console.people import hall
from tests.shell.scripted import scripted

ORDERS = sorted({first_word(command.form) for command in COMMANDS if command.klass is not Class.READ})
ROOT = Path(__file__).resolve().parents[2]
KEY = str(DEVICE_LOST)
REASON = "sensor wet, WO 4720"


async def typed(served: Served, *words: str, options: tuple[str, ...] = ()) -> int:
    return await asyncio.to_thread(main, ["--socket", str(served.path), *options, *words])


# Words.


@pytest.mark.parametrize("line", ["show status", "sh st", "sho stat", "show st"])
def test_words_that_only_read_may_be_shortened(line: str) -> None:
    assert understood(line.split()).kind is Kind.STATUS


@pytest.mark.parametrize("shown", CHOICES["ALARMS"])
def test_each_list_of_alarms_has_its_word(shown: str) -> None:
    assert understood(["show", "alarms", shown]).parameters == {"filter": {"shown": shown.replace("-", "_")}}


@pytest.mark.parametrize("word", [order[:length] for order in ORDERS for length in range(1, len(order))])
def test_no_order_is_taken_from_a_shortened_word(word: str) -> None:
    with pytest.raises(Usage):
        understood([word, KEY, "2h", REASON])


@pytest.mark.parametrize(
    "line",
    [
        [], [""], ["show"], ["show", "x"], ["show", "alarms", "a"], ["show", "alarms", "sh", "x"], ["show", "status", "x"], ["frobnicate"],
        ["ack"], ["ack", KEY, "two", "words"], ["ack", KEY, "a note", str(CRITICAL)], ["reset", KEY], ["note"], ["unshelve"],
        ["unshelve", KEY, KEY], ["shelve", KEY], ["shelve", KEY, "2h"], ["shelve", KEY, "2", REASON], ["shelve", KEY, "2 h", REASON],
        ["shelve", KEY, "2hh", REASON], ["shelve", KEY, "h", REASON], ["shelve", KEY, "-2h", REASON], ["unshelve", "-x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_no_command_is_said_to_be(line: list[str]) -> None:
    with pytest.raises(Usage) as wrong:
        understood(line)
    assert len(str(wrong.value)) > 10


def test_an_acknowledgement_tells_keys_from_the_note() -> None:
    wish = understood(["ack", "PFE-TRIP", KEY, "a/B/c#4", "NOC ticket 88123"])
    assert wish.keys == ("PFE-TRIP", KEY, "a/B/c#4")
    assert wish.parameters == {"note": "NOC ticket 88123"}
    assert understood(["ack", KEY]).parameters == {}


def test_durations_have_units_and_fillers_are_not_reasons() -> None:
    wish = understood(["shelve", KEY, "for", "1h30m", "one-shot", "reason", "sensor", "wet"])
    assert wish.parameters == {"seconds": 5400, "oneShot": True, "reason": "sensor wet"}
    assert understood(["shelve", KEY, "90s", REASON]).parameters == {"seconds": 90, "reason": REASON}


# Answers.


async def test_show_status_prints_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        assert await typed(served, "show", "status") == Exit.DONE
        out, err = capsys.readouterr()
        assert out.startswith("AKTAU LIVE")
        assert "ALARMS  1 critical" in out
        assert err == ""
        assert len(out.splitlines()) <= 24


async def test_json_says_which_station_and_when_whatever_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        for words in (("show", "status"), ("show", "alarms"), ("ack", KEY), ("note", "looked at it", KEY), ("shelve", KEY, "1h", REASON)):
            assert await typed(served, *words, options=("--json",)) == Exit.DONE
            answer = json.loads(capsys.readouterr().out)
            assert (answer["station"], answer["mode"]) == ("aktau", "live")
            assert answer["asOf"].endswith("Z")
            assert "data" in answer


async def test_plain_is_one_line_for_each_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        served.desk.signal(MINOR, True)
        await typed(served, "show", "alarms", options=("--plain",))
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("B critical 20")


async def test_orders_say_what_became_of_the_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        assert await typed(served, "ack", KEY, "on site") == Exit.DONE
        assert capsys.readouterr().out == f"{KEY} acknowledged: it stays active (state C)\n"
        assert await typed(served, "shelve", KEY, "1h", REASON) == Exit.DONE
        assert "shelved until 20" in capsys.readouterr().out
        assert await typed(served, "unshelve", KEY) == Exit.DONE
        assert await typed(served, "note", "looked at it", KEY) == Exit.DONE
        assert [event.event for event in served.desk.past][-2:] == ["unshelve", "note"]


async def test_a_type_alone_is_enough_where_there_is_one_and_it_names_the_coming_that_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        assert await typed(served, "ack", CRITICAL.type) == Exit.DONE
        order, _ = served.desk.orders[0]
        assert order.targets[0].occurrence == 1
        assert await typed(served, "ack", "NO-SUCH-TYPE") == Exit.NO_SUCH_THING


async def test_a_key_in_full_means_the_coming_that_stands_when_it_is_typed_unless_it_says_another() -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        served.desk.signal(DEVICE_LOST, False)
        served.desk.signal(DEVICE_LOST, True)
        served.desk.signal(CRITICAL, True)
        assert await typed(served, "ack", KEY, f"{CRITICAL}#7") == Exit.CONFLICT
        order, _ = served.desk.orders[-1]
        assert [target.occurrence for target in order.targets] == [2, 7]
        assert await typed(served, "ack", "fp9-booster/NO-SUCH-TYPE") == Exit.NO_SUCH_THING


async def test_ack_all_visible_takes_what_waits_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        assert await typed(served, "ack", "all-visible") == Exit.NO_SUCH_THING
        served.desk.signal(CRITICAL, True)
        served.desk.signal(MINOR, True)
        served.desk.signal(DEVICE_LOST, True)
        await typed(served, "ack", KEY)
        assert await typed(served, "ack", "all-visible", "handover") == Exit.DONE
        order, _ = served.desk.orders[-1]
        assert {(target.key, target.occurrence) for target in order.targets} == {(CRITICAL, 1), (MINOR, 1)}


async def test_a_type_with_a_number_is_that_coming_of_the_only_alarm_of_the_type() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        assert await typed(served, "ack", f"{CRITICAL.type}#1") == Exit.DONE
        order, _ = served.desk.orders[-1]
        assert [(target.key, target.occurrence) for target in order.targets] == [(CRITICAL, 1)]
        assert await typed(served, "ack", f"{CRITICAL.type}#7") == Exit.CONFLICT


async def test_all_visible_is_all_however_many_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(tuple(AlarmKey(f"fp{number}-booster", "LOW-OUTPUT") for number in range(205)))
    for key in desk.keys:
        desk.signal(key, True)
    async with serving(desk=desk) as served:
        assert await typed(served, "ack", "all-visible") == Exit.DONE
        assert len(capsys.readouterr().out.splitlines()) == 205
        assert [len(order.targets) for order, _ in served.desk.orders] == [100, 100, 5]
        assert await typed(served, "ack", "all-visible") == Exit.NO_SUCH_THING


# Exit codes.


async def test_the_exit_codes_of_what_a_daemon_answers(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        key = str(CRITICAL)
        endings = {
            ("show", "nothing"): Exit.USAGE,
            ("shelve", KEY, "1h", "wet"): Exit.USAGE,
            ("note", "x" * 501, KEY): Exit.USAGE,
            ("shelve", key, "1h", REASON): Exit.REFUSED,
            ("ack", "nowhere/NOTHING"): Exit.NO_SUCH_THING,
            ("unshelve", "nowhere/NOTHING"): Exit.NO_SUCH_THING,
            ("reset", key, "looked at it"): Exit.CONFLICT,
            ("ack", f"{key}#9"): Exit.CONFLICT,
        }
        assert {words: await typed(served, *words) for words in endings} == endings
        capsys.readouterr()
        await typed(served, "shelve", key, "1h", REASON)
        out, err = capsys.readouterr()
        assert out == ""
        assert [line[:8].strip() for line in err.splitlines()] == ["REFUSED", "why", "to do", ""]
        assert max(map(len, err.splitlines())) <= 79


async def test_without_the_role_it_is_not_permitted(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        served.usual = VIEWER
        served.desk.signal(DEVICE_LOST, True)
        assert await typed(served, "show", "alarms") == Exit.DONE
        capsys.readouterr()
        assert await typed(served, "ack", KEY) == Exit.NOT_PERMITTED
        assert "no-access-authority" in capsys.readouterr().err
        assert await typed(served, "ack", KEY, options=("--json",)) == Exit.NOT_PERMITTED
        out, err = capsys.readouterr()
        assert out == ""
        assert json.loads(err)["parameters"]["cause"] == "no-access-authority"


async def test_an_answer_with_a_stale_value_ends_with_8_if_that_was_asked_for() -> None:
    async with serving() as served:
        assert await typed(served, "show", "status") == Exit.DONE
        assert await typed(served, "show", "status", options=("--strict",)) == Exit.NOT_GOOD
        assert await typed(served, "show", "alarms", options=("--strict",)) == Exit.DONE


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="console") as name:
        yield Path(name)


@contextlib.contextmanager
def answering(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """A daemon of this test's own, which does with one connection what the test says."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield
        thread.join()


def status_then(last: bytes | None) -> Callable[[socket.socket], None]:
    """Answer GetStatus, take the next call, then send `last` and close, or (None) hold the line until the client goes."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        status = {"station": "x", "mode": "sim", "t": "2026-11-22T22:04:12.000Z"}
        connection.sendall(json.dumps({"parameters": {"status": status}}).encode() + b"\0")
        connection.recv(65536)
        if last is None:
            connection.recv(1)
        else:
            connection.sendall(last)

    return serve


@pytest.mark.parametrize("last", [b"", b"{", b"nonsense\0", None], ids=["closed", "half", "garbage", "silent"])
def test_an_order_whose_answer_is_lost_has_an_unknown_outcome(last: bytes | None, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(folder / "s", status_then(last)):
        assert main(["--socket", str(folder / "s"), "--timeout", "0.3", "ack", f"{KEY}#1"]) == Exit.OUTCOME_UNKNOWN
    if last != b"nonsense\0":
        assert "OUTCOME UNKNOWN" in capsys.readouterr().err


def silent(connection: socket.socket) -> None:
    """Take whatever comes, and answer nothing."""
    while connection.recv(65536):
        pass


@pytest.mark.parametrize(
    ("words", "look"),
    [
        ("note seen", "show handover"), ("hold-ramp", "show operations"), ("hold add pfe-x reason ship", "show holds"),
        ("discard", "show diff"), ("confirm", "show applied"), ("authority request", "show authority"), ("baseline take", "show baseline"),
        (f"ack {KEY}#1", None), (f"shelve {KEY} 1h reason wet", None), ("ack all-visible", None),
    ],
)  # fmt: skip
def test_what_was_sent_and_not_answered_is_unknown_and_what_was_not_sent_is_not(
    words: str, look: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(folder / "s", silent):
        code = main(["--socket", str(folder / "s"), "--timeout", "0.3", *words.split()])
    said = capsys.readouterr().err
    if look is None:  # these ask something first, and have sent nothing but that
        assert (code, said.splitlines()[-1]) == (Exit.NO_DAEMON, "Nothing was sent.")
    else:
        assert code == Exit.OUTCOME_UNKNOWN
        assert f"stationctl {look}" in " ".join(said.split())


@pytest.mark.parametrize("words", ["--json hold-ramp", "baseline take"])
def test_an_order_that_was_answered_is_done_whatever_can_be_looked_at_after_it(words: str, folder: Path) -> None:
    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        done = {"names": [], "detail": "", "durable": True, "baseline": {"durable": True}}
        connection.sendall(json.dumps({"parameters": done}).encode() + b"\0")
        silent(connection)

    with answering(folder / "s", once):
        assert main(["--socket", str(folder / "s"), "--timeout", "0.3", *words.split()]) == Exit.DONE


@pytest.mark.parametrize("last", [b"", b"nonsense\0", None], ids=["closed", "garbage", "silent"])
def test_a_question_whose_answer_is_lost_has_no_daemon(last: bytes | None, folder: Path) -> None:
    with answering(folder / "s", status_then(last)):
        assert main(["--socket", str(folder / "s"), "--timeout", "0.3", "show", "alarms"]) == Exit.NO_DAEMON


@pytest.mark.parametrize("answer", [b"{}", b'{"parameters": {"alarms": 7, "asOf": []}}', b'{"parameters": {"result": [{}]}}'])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("show alarms", Exit.NO_DAEMON), ("sh alarms", Exit.NO_DAEMON),
        (f"ack {KEY}", Exit.NO_DAEMON), (f"ack {KEY}#1", Exit.OUTCOME_UNKNOWN),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_no_traceback(
    answer: bytes, words: str, code: Exit, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(folder / "s", status_then(answer + b"\0")):
        assert main(["--socket", str(folder / "s"), "--timeout", "5", *words.split()]) == code
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "code"), [({"names": [], "durable": False}, 6), ({"names": [], "durable": True}, 0)], ids=["not on disk", "done"]
)
def test_a_reader_who_has_seen_enough_changes_no_exit_code(answer: dict[str, object], code: int, folder: Path) -> None:
    with scripted(folder / "s") as scripted_daemon:
        scripted_daemon.answers["Hold"] = lambda _: ("", answer)
        scripted_daemon.answers["GetStatus"] = lambda _: ("", {"status": {}})
        scripted_daemon.answers["List"] = lambda _: ("", {"alarms": []})
        for words, expected in (("hold-ramp", code), ("check", 0)):
            reading, writing = os.pipe()
            os.close(reading)
            program = f"import sys; from stationd.shell.client import main; sys.exit(main(['--socket', {str(folder / 's')!r}, {words!r}]))"
            done = subprocess.run([sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
            os.close(writing)
            assert done.returncode == expected
            assert "Traceback" not in done.stderr


def test_a_check_that_finds_trouble_says_so_by_its_code_to_nobody_too(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = f"import sys; from stationd.shell.client import main; sys.exit(main(['--socket', {str(folder / 'none')!r}, 'check']))"
    assert subprocess.run([sys.executable, "-c", program], stdout=writing, cwd=ROOT).returncode == 3
    os.close(writing)


def test_an_output_that_cannot_be_written_is_said_and_no_traceback() -> None:
    program = "import sys; from stationd.shell.client import main; sys.exit(main(['--help']))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == Exit.FAILED
    assert done.stderr.startswith("stationctl: the output cannot be written: No space left on device")
    assert "Traceback" not in done.stderr


def on_a_terminal(words: list[str], rows: int) -> list[str]:
    """Return what a command writes on a terminal of so many rows."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    program = [sys.executable, "-m", "stationd.shell.client", *words]
    with subprocess.Popen(program, stdout=follower, cwd=ROOT) as running, os.fdopen(leader, "rb", buffering=0) as screen:
        os.close(follower)
        written = bytearray()
        with contextlib.suppress(OSError):  # the end of a terminal is an error of its reader
            while more := screen.read(65536):
                written += more
        assert running.wait() == Exit.DONE
    return written.decode().splitlines()


async def test_on_a_terminal_the_list_of_alarms_fits_and_says_how_to_see_the_rest_and_in_a_pipe_it_is_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = Desk(tuple(AlarmKey(f"fp{number}-booster", "LOW-OUTPUT") for number in range(12)))
    for key in desk.keys:
        desk.signal(key, True)
    async with serving(desk=desk) as served:
        shown = await asyncio.to_thread(on_a_terminal, ["--socket", str(served.path), "show", "alarms", "all"], 24)
        assert await typed(served, "show", "alarms", "all") == Exit.DONE
    whole = capsys.readouterr().out.splitlines()
    assert len(shown) <= 23
    assert any("more: stationctl --plain show alarms all" in line for line in shown)
    assert not any("more: stationctl" in line for line in whole)
    assert all(any(str(key) in line for line in whole) for key in desk.keys)


def test_without_a_daemon_it_says_what_to_look_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", str(folder / "nothing"), "show", "status"]) == Exit.NO_DAEMON
    assert "systemctl status stationd" in capsys.readouterr().err
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "dead"))
    assert main(["--socket", str(folder / "dead"), "show", "status"]) == Exit.NO_DAEMON


def test_every_error_of_the_interfaces_has_a_code_and_sentences() -> None:
    from stationd.console.alarm import AlarmInterface
    from stationd.console.session import SessionInterface
    from stationd.console.status import StatusInterface

    for error in (*AlarmInterface.errors, *StatusInterface.errors, *SessionInterface.errors):
        said = refusal(error.name, {"cause": "some-cause", "detail": "some detail", "hint": "some hint", "key": KEY, "why": "why"})
        assert said.why
        assert said.code is not Exit.DONE
        assert said.code is not Exit.FAILED or error.name.endswith("InternalError")


def test_what_is_not_there_is_said_with_where_the_names_are() -> None:
    device = refusal("io.stationd.Status.NoSuchDevice", {"device": "nope"})
    assert device == (Exit.NO_SUCH_THING, "no-such-device: nothing is called nope here", "look at the names: show amp, show pfe")
    assert refusal("io.stationd.Diagnostics.NoSuchFault", {"id": "last"}).why == "no-such-fault: no fault was recorded here so far"
    with pytest.raises(Usage, match="show points"):
        understood(["plot", "nope"])


HEAVY = (
    "asyncio", "asyncvarlink", "argparse", "dataclasses", "pydantic", "aiohttp", "pymodbus", "prompt_toolkit", "structlog", "varlink",
    "stationd.config", "stationd.console", "stationd.app",
)  # fmt: skip
LOADED = f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
FREQUENT = (
    "show status", "--json show status", "--plain show status", "show alarms", "show alarms all", "show pfe", "show operations",
    "show line", "show health", "check", "--json check", f"ack {KEY} seen",
)  # fmt: skip


def carried_out(path: Path, line: str) -> tuple[int, str]:
    """Return the exit code of a command, and which heavy modules it has loaded by its end."""
    words = ["--socket", str(path), *line.split()]
    program = f"import sys; from stationd.shell.client import main; code = main({words}); {LOADED}; sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    return done.returncode, (done.stderr.splitlines() or ["nothing"])[-1]


@pytest.fixture(scope="module")
def running() -> Iterator[Path]:
    with daemon() as path:
        yield path


def test_it_starts_without_anything_heavy() -> None:
    program = f"import sys, stationd.shell.client; {LOADED}; sys.exit('stationd.core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


@pytest.mark.parametrize("line", FREQUENT)
def test_what_is_typed_often_is_carried_out_without_anything_heavy(line: str, running: Path) -> None:
    code, loaded = carried_out(running, line)
    assert code not in (Exit.USAGE, Exit.NO_DAEMON)
    assert loaded == "[]"


def test_an_explanation_loads_the_texts_of_the_core_which_are_dataclasses_and_nothing_else_that_is_heavy(running: Path) -> None:
    """The English texts of alarms stand in the core alone; reading them there costs that one module, and only who explains pays it."""
    assert carried_out(running, f"explain {KEY}") == (Exit.DONE, "['dataclasses']")


@pytest.mark.parametrize("line", ["EMERGENCY-OFF pfe-a", "EMERGENCY-OFF all", "--json EMERGENCY-OFF all"])
async def test_an_emergency_off_loads_nothing_heavy(line: str) -> None:
    async with hall(Limits(confirmed_s=0.05)) as house:
        _, loaded = await asyncio.to_thread(carried_out, house.path, line)
        assert [type(order).__name__ for order in house.plant.orders] == ["EmergencyOff"]
    assert loaded == "[]"


def test_help_and_bad_options_need_no_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.DONE
    assert "outcome unknown" in " ".join(capsys.readouterr().out.split())
    for line in ("--timeout 0", "--timeout x", "--timeout nan", "--json --plain", "--yes", "--socket", "--timeout"):
        assert main(["show", "status", *line.split()]) == Exit.USAGE
        assert capsys.readouterr().out == ""


def test_options_stand_anywhere_and_after_two_dashes_nothing_is_one() -> None:
    found = options(["show", "--json", "alarms", "--socket=/x", "--timeout", "3", "--", "--strict"], "/s", 10.0)
    assert found == (("show", "alarms", "--strict"), "/x", 3.0, True, False, False, False)


@pytest.mark.parametrize("words", [("ack", KEY, "seen"), ("shelve", KEY, "2h", REASON)])
async def test_an_order_that_a_restart_would_forget_says_so_and_ends_like_one_whose_end_is_unknown(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving() as served:
        served.desk.signal(DEVICE_LOST, True)
        served.desk.durable = False
        assert await typed(served, *words) == Exit.OUTCOME_UNKNOWN
        assert "NOT ON DISK: this is lost if stationd restarts" in capsys.readouterr().err
        served.desk.durable = True
        assert await typed(served, "note", "looked at it", KEY) == Exit.DONE
        assert "NOT ON DISK" not in capsys.readouterr().err
