"""Events in the journal of systemd: read as journald reads them, lost where nobody does, and never waited for."""

from __future__ import annotations

import array
import fcntl
import io
import json
import logging
import os
import pty
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stationd import log
from stationd.journald import DATAGRAM_BYTES, LONGEST_VALUE_BYTES, SEALS, JournalSocket, encoded, field_name, is_journal
from stationd.log import Journald, Lines, Ring, Voice, entry


def decoded(entry: bytes) -> dict[str, str]:
    """Read an entry as systemd's journal-importer does."""
    fields, rest = {}, entry
    while rest:
        line, _, after = rest.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            (size,) = struct.unpack("<Q", after[:8])
            name, value, after = line, after[8 : 8 + size], after[8 + size :]
            assert after[:1] == b"\n"
            after = after[1:]
        fields[name.decode()] = value.decode()
        rest = after
    return fields


class Reader:
    """Stands where journald stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(20)

    def next(self) -> dict[str, str]:
        data, rights, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        if not data:
            files = array.array("i")
            files.frombytes(rights[0][2])
            with os.fdopen(files[0], "rb") as memory:
                assert fcntl.fcntl(memory, fcntl.F_GET_SEALS) & SEALS == SEALS
                memory.seek(0)
                data = memory.read()
        return decoded(data)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    found = Reader(tmp_path / "socket")
    yield found
    found.socket.close()


@pytest.fixture
def way(reader: Reader) -> Iterator[JournalSocket]:
    found = JournalSocket(str(reader.path))
    yield found
    found.close()


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_value_comes_back_as_it_was_whatever_signs_it_has(fields: dict[str, str]) -> None:
    assert decoded(encoded(fields.items())) == fields


@given(st.text(max_size=100))
def test_every_name_of_a_field_is_one_that_the_journal_takes(word: str) -> None:
    name = field_name(word)
    assert len(name) <= 64
    assert all(sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_" for sign in name)
    assert not name or name[0].isalpha()


def test_a_value_cannot_begin_another_field() -> None:
    fields = {"MESSAGE": "harmless\nPRIORITY=0", "PRIORITY": "6"}
    assert decoded(encoded(fields.items())) == fields


def test_an_event_has_its_fields_and_a_message_that_reads_by_itself(reader: Reader, way: JournalSocket) -> None:
    voice = Voice(Journald(way, Lines(lambda _: False, structlog.processors.JSONRenderer())))
    log.name_station(voice, "aktau")
    voice.msg("warning", {"event": "alarm", "alarm_key": "pfe/PFE-TRIP", "bus": "pfe", "timestamp": "t", "level": "warning"})
    assert reader.next() == {
        "MESSAGE": "alarm alarm_key=pfe/PFE-TRIP bus=pfe", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "stationd", "STATION": "aktau",
        "ALARM_KEY": "pfe/PFE-TRIP", "BUS": "pfe",
    }  # fmt: skip


def test_a_trace_is_many_lines_of_one_message(reader: Reader, way: JournalSocket) -> None:
    fields = entry("error", {"event": "it failed", "exception": "Traceback:\n  line 1\nValueError"}, "")
    assert way.send(encoded(fields))
    assert reader.next()["MESSAGE"] == "it failed\nTraceback:\n  line 1\nValueError"


def test_a_field_of_ours_never_takes_the_place_of_one_of_the_journal_and_no_secret_is_told() -> None:
    fields = dict(entry("info", {"event": "e", "message": "m", "priority": 0, "password": "hunter2", "_pid": 7}, "aktau"))
    assert (fields["PRIORITY"], fields["STATIOND_PRIORITY"], fields["STATIOND_MESSAGE"]) == ("6", "0", "'m'"[1:-1])
    assert "hunter2" not in repr(fields)
    assert fields["PID"] == "7"


@pytest.mark.parametrize("size", [DATAGRAM_BYTES - 100, DATAGRAM_BYTES + 1, 5 * DATAGRAM_BYTES])
def test_an_event_of_any_size_arrives_whole(reader: Reader, way: JournalSocket, size: int) -> None:
    assert way.send(encoded([("MESSAGE", "x" * size)]))
    assert len(reader.next()["MESSAGE"]) == size


def test_what_is_left_out_of_a_huge_value_is_said() -> None:
    value = decoded(encoded([("MESSAGE", "x" * (LONGEST_VALUE_BYTES + 7))]))["MESSAGE"]
    assert value.endswith("x ... and 7 bytes more, left out")


def test_without_a_reader_an_event_goes_to_stderr_with_its_priority(tmp_path: Path) -> None:
    lines: list[str] = []
    otherwise = Lines(lambda line: not lines.append(line), structlog.processors.JSONRenderer(), prioritised=True)  # type: ignore[func-returns-value]
    way = JournalSocket(str(tmp_path / "none"))
    Voice(Journald(way, otherwise)).msg("error", {"event": "disk", "bus": "pfe"})
    way.close()
    assert lines[0].startswith("<3>{")
    assert json.loads(lines[0][3:]) == {"event": "disk", "bus": "pfe"}


def test_a_reader_that_does_not_read_costs_events_and_no_time_and_the_loss_is_said_afterwards(reader: Reader, way: JournalSocket) -> None:
    voice = Voice(Journald(way, Lines(lambda _: False, structlog.processors.JSONRenderer())))
    taken = -1
    while not voice.lost:
        voice.msg("info", {"event": "waits"})
        taken += 1
    for _ in range(9):
        voice.msg("info", {"event": "gone"})
    assert voice.lost == 10
    assert {reader.next()["MESSAGE"] for _ in range(taken)} == {"waits"}
    voice.msg("info", {"event": "here again"})
    said = reader.next()
    assert (said["PRIORITY"], said["LOST"]) == ("4", "10")
    assert reader.next()["MESSAGE"] == "here again"


def test_the_stream_of_the_journal_is_known_by_its_inode() -> None:
    ours, other = socket.socketpair()
    with ours, other:
        there = os.fstat(ours.fileno())
        assert is_journal(f"{there.st_dev}:{there.st_ino}", ours.fileno())
        assert not is_journal(f"{there.st_dev}:{there.st_ino}", other.fileno())
        assert not is_journal("", ours.fileno())
        assert not is_journal("a:b", ours.fileno())


def clean() -> None:
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = [each for each in logging.getLogger().handlers if type(each).__module__ != log.__name__]


@pytest.mark.parametrize("make", [os.pipe, pty.openpty])
def test_a_pipe_or_terminal_that_nobody_reads_never_holds_the_daemon_up(make: object) -> None:
    reading, writing = make()  # type: ignore[operator]
    with os.fdopen(writing, "w") as stream:
        try:
            voice = log.set_up(stream, Ring())
            ended = threading.Event()

            def speak() -> None:
                for number in range(3000):
                    structlog.get_logger().info("line", number=number)
                ended.set()

            threading.Thread(target=speak, daemon=True).start()
            assert ended.wait(60)
            assert voice.lost > 0
        finally:
            clean()
            os.close(reading)


def test_a_stream_whose_reader_has_gone_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        try:
            voice = log.set_up(stream, Ring())
            structlog.get_logger().warning("into the void")
            assert voice.lost == 1
        finally:
            clean()


def test_a_library_says_its_trace_too() -> None:
    stream = io.StringIO()
    try:
        log.set_up(stream, Ring())
        try:
            raise ValueError("odd")
        except ValueError:
            logging.getLogger("some.library").exception("it broke")
    finally:
        clean()
    said = json.loads(stream.getvalue())
    assert (said["event"], said["library"], said["level"]) == ("it broke", "some.library", "error")
    assert "ValueError: odd" in said["exception"]
