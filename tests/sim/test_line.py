"""The wire itself, in virtual time: every character takes its time and silence is counted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.sim.line import Line, LineSettings

RTU = LineSettings(19200, framed_by_silence=True)
TEXT = LineSettings(9600)
QUESTION = bytes(8)
ANSWER = bytes(range(25))


def heard_after(line: Line, begin: float) -> tuple[float, bytes]:
    """Run the line until the device has a frame; return when that was."""
    while (deadline := line.deadline()) is not None:
        assert deadline >= begin
        _, frame = line.run(deadline)
        if frame is not None:
            return deadline, frame
    raise AssertionError("no frame was heard")


def deliveries(line: Line) -> list[tuple[float, bytes]]:
    """Run the line to its end; return what reached the client, and when."""
    arrived = []
    while (deadline := line.deadline()) is not None:
        data, _ = line.run(deadline)
        if data:
            arrived.append((deadline, data))
    return arrived


@pytest.mark.parametrize(
    ("settings", "character_s", "silence_s"),
    [
        (LineSettings(9600, framed_by_silence=True), 10 / 9600, 35 / 9600),
        (LineSettings(19200, framed_by_silence=True), 10 / 19200, 35 / 19200),
        (LineSettings(19200, "even", framed_by_silence=True), 11 / 19200, 38.5 / 19200),
        (LineSettings(19200, stop_bits=2, framed_by_silence=True), 11 / 19200, 38.5 / 19200),
        (LineSettings(38400, framed_by_silence=True), 10 / 38400, 0.00175),
        (LineSettings(115200, framed_by_silence=True), 10 / 115200, 0.00175),
        (LineSettings(9600), 10 / 9600, 0.0),
    ],
)
def test_characters_and_silence_follow_speed_and_format(settings: LineSettings, character_s: float, silence_s: float) -> None:
    assert settings.character_s == pytest.approx(character_s)
    assert settings.silence_s == pytest.approx(silence_s)


def test_a_frame_reaches_the_device_when_its_last_bit_has_arrived() -> None:
    line = Line(RTU)
    line.received(QUESTION, 5.0)
    heard_at, frame = heard_after(line, 5.0)
    assert heard_at == pytest.approx(5.0 + 8 * RTU.character_s)
    assert frame == QUESTION


def test_a_frame_written_in_parts_is_one_frame_of_its_whole_length() -> None:
    line = Line(RTU)
    line.received(QUESTION[:3], 5.0)
    line.received(QUESTION[3:], 5.0001)
    heard_at, frame = heard_after(line, 5.0)
    assert heard_at == pytest.approx(5.0 + 8 * RTU.character_s)
    assert frame == QUESTION
    assert line.counts().frames == 1


@pytest.mark.parametrize("settings", [RTU, LineSettings(115200, framed_by_silence=True)])
def test_an_answer_begins_after_the_silence_and_ends_with_its_last_bit(settings: LineSettings) -> None:
    line = Line(settings)
    line.received(QUESTION, 5.0)
    heard_at, _ = heard_after(line, 5.0)
    line.send([(0.0, ANSWER)], heard_at)
    arrived = deliveries(line)
    assert arrived[-1][0] == pytest.approx(heard_at + settings.silence_s + 25 * settings.character_s, abs=1e-9)
    assert b"".join(data for _, data in arrived) == ANSWER


@given(st.integers(300, 4_000_000), st.integers(1, 300), st.floats(0, 1e6))
def test_no_byte_is_early_no_piece_is_shorter_than_a_millisecond(baud: int, length: int, begin: float) -> None:
    line = Line(LineSettings(baud))
    line.send([(0.0, bytes(length))], begin)
    arrived = deliveries(line)
    count = 0
    for at, data in arrived:
        count += len(data)
        assert at >= begin + count * line.settings.character_s * (1 - 1e-6) - 1e-8
    assert count == length
    times = [at for at, _ in arrived]
    assert all(later - earlier >= 1e-3 - 1e-8 for earlier, later in pairwise(times[:-1]))
    assert times[-1] == pytest.approx(begin + length * line.settings.character_s, abs=1e-8)


@pytest.mark.parametrize(("gap", "violations"), [(-1e-6, 1), (0.0, 0), (1e-6, 0)])
def test_a_frame_that_begins_too_soon_after_an_answer_is_a_violation_to_the_microsecond(gap: float, violations: int) -> None:
    line = Line(RTU)
    line.send([(0.0, ANSWER)], 5.0)
    end, _ = deliveries(line)[-1]
    line.received(QUESTION, end + RTU.silence_s + gap)
    assert line.counts().gap_violations == violations
    assert line.counts().shortest_gap_s == pytest.approx(RTU.silence_s + gap, abs=1e-9)


def test_a_frame_that_begins_too_soon_after_the_clients_own_is_a_violation() -> None:
    line = Line(RTU)
    line.received(QUESTION, 5.0)
    end, _ = heard_after(line, 5.0)
    line.received(QUESTION, end + 0.9 * RTU.silence_s)
    assert line.counts().gap_violations == 1
    assert line.counts().frames == 2


def test_a_pause_of_one_and_a_half_characters_does_not_end_a_frame() -> None:
    line = Line(RTU)
    line.received(QUESTION[:4], 5.0)
    end, first = heard_after(line, 5.0)
    line.received(QUESTION[4:], end + 1.4 * RTU.character_s)
    _, whole = heard_after(line, end)
    assert (first, whole) == (QUESTION[:4], QUESTION)
    assert line.counts().gap_violations == 0


def test_a_client_that_talks_into_an_answer_destroys_both_on_rs485() -> None:
    line = Line(RTU)
    line.send([(0.0, ANSWER)], 5.0)
    early, _ = line.run(5.0 + 5 * RTU.character_s)
    line.received(QUESTION, 5.0 + 5 * RTU.character_s)
    rest = deliveries(line)
    received = early + b"".join(data for _, data in rest)
    assert (line.counts().collisions, line.counts().gap_violations) == (1, 1)
    assert received[:5] == ANSWER[:5]
    assert all(wrong != right for wrong, right in zip(received[5:], ANSWER[5:], strict=True))


def test_the_frame_of_a_collision_never_reaches_the_device() -> None:
    line = Line(RTU)
    line.send([(0.0, ANSWER)], 5.0)
    line.received(QUESTION, 5.001)
    heard = []
    while (deadline := line.deadline()) is not None:
        heard.append(line.run(deadline)[1])
    assert not any(heard)


def test_a_late_answer_collides_with_the_next_question() -> None:
    line = Line(RTU)
    line.received(QUESTION, 5.0)
    end, _ = heard_after(line, 5.0)
    line.send([(0.1, ANSWER)], end)
    line.received(QUESTION, end + 0.1 + RTU.silence_s - RTU.character_s)
    assert line.counts().collisions == 1


def test_both_directions_of_a_point_to_point_line_are_free() -> None:
    line = Line(TEXT)
    line.send([(0.0, b"MV:1.0\r")], 5.0)
    line.received(b"MC?\r", 5.001)
    assert line.counts().collisions == 1
    heard_at, frame = heard_after(line, 5.0)
    assert frame == b"MC?\r"
    assert heard_at == pytest.approx(5.001 + 4 * TEXT.character_s)
    deliveries(line)
    assert (line.counts().bytes_out, line.counts().gap_violations) == (7, 0)


def test_a_second_answer_waits_for_the_silence_behind_the_first() -> None:
    line = Line(RTU)
    line.send([(0.0, ANSWER), (0.0, ANSWER)], 5.0)
    assert deliveries(line)[-1][0] == pytest.approx(5.0 + 50 * RTU.character_s + RTU.silence_s)


def test_a_torn_line_forgets_what_was_on_it() -> None:
    line = Line(RTU)
    line.send([(0.0, ANSWER)], 5.0)
    line.received(QUESTION, 4.0)
    line.tear()
    assert line.deadline() is None


def test_bytes_are_counted_in_both_directions() -> None:
    line = Line(RTU)
    line.received(QUESTION, 5.0)
    heard_at, _ = heard_after(line, 5.0)
    line.send([(0.0, ANSWER)], heard_at)
    deliveries(line)
    counts = line.counts()
    assert (counts.frames, counts.answers, counts.bytes_in, counts.bytes_out) == (1, 1, 8, 25)
