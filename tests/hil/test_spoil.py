"""Faults of answers: checked when they are ordered, the same again with the same seed, and sound in themselves where they should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.faults import PARAMETERS, Fault, FaultError, FaultLog, Kind, Layer
from hil.spoil import FRAME68, RTU, TCP, TEXT, Spoiler, crc16, length_of, spoiled

READ = bytes.fromhex("01 03 01 FB 00 03")
QUESTION = READ + crc16(READ)
BODY = bytes.fromhex("01 03 06 12 34 56 78 9A BC")
ANSWER = BODY + crc16(BODY)
TCP_ANSWER = bytes.fromhex("00 07 00 00 00 09") + BODY
OF_ANSWERS = [kind for kind in Kind if kind.layer in (Layer.SERIAL, Layer.MODBUS) and kind is not Kind.UNPLUG]


def pieces(kind: Kind, answer: bytes = ANSWER, protocol: str = RTU, seed: int = 1, **params: float) -> list[tuple[float, bytes]]:
    return list(Spoiler(Fault(kind, "pfe", params, seed), protocol).pieces(QUESTION, answer))


def test_every_kind_has_its_parameters_and_every_layer_its_kinds() -> None:
    assert set(PARAMETERS) == set(Kind)
    assert {kind.layer for kind in Kind} == set(Layer)


def test_every_mistake_of_a_fault_is_told_at_once() -> None:
    with pytest.raises(FaultError) as found:
        Fault(Kind.EXCEPTION, "pfe", {"code": 12.0, "shares": 1.0})
    assert "code is 12, it must be from 1 to 11" in str(found.value)
    assert "shares is no parameter of it; it takes share, every, times, code" in str(found.value)


def test_what_is_injected_stands_in_the_log_with_its_time_and_seed(tmp_path: Path) -> None:
    log = FaultLog(tmp_path / "faults.jsonl")
    log.note("injected", Fault(Kind.DROP, "pfe", {"share": 0.5}, 7))
    (line,) = [json.loads(each) for each in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert line["kind"] == "serial.drop"
    assert (line["where"], line["params"], line["seed"]) == ("pfe", {"share": 0.5}, 7)
    assert line["t"] > 0


@given(kind=st.sampled_from(OF_ANSWERS), seed=st.integers(0, 1 << 32), answer=st.binary(min_size=5, max_size=60))
def test_the_same_seed_makes_the_same_fault(kind: Kind, seed: int, answer: bytes) -> None:
    assert pieces(kind, answer, TEXT, seed) == pieces(kind, answer, TEXT, seed)


@given(kind=st.sampled_from(OF_ANSWERS), answers=st.lists(st.binary(min_size=5, max_size=40), min_size=1, max_size=8))
def test_a_fault_that_strikes_none_changes_nothing(kind: Kind, answers: list[bytes]) -> None:
    spoiler = Spoiler(Fault(kind, "pfe", {"share": 0.0}), TEXT)
    assert [list(spoiler.pieces(QUESTION, each)) for each in answers] == [[(0.0, each)] for each in answers]
    assert spoiler.struck == 0


@pytest.mark.parametrize("kind", [Kind.EXCEPTION, Kind.WRONG_UNIT, Kind.SHORT])
def test_a_modbus_fault_is_sound_in_itself(kind: Kind) -> None:
    ((_, data),) = pieces(kind)
    assert data != ANSWER
    assert crc16(data[:-2]) == data[-2:]
    ((_, framed),) = pieces(kind, TCP_ANSWER, TCP)
    assert framed[:4] == TCP_ANSWER[:4]
    assert int.from_bytes(framed[4:6], "big") == len(framed) - 6


@pytest.mark.parametrize("code", range(1, 12))
def test_an_exception_has_its_code(code: int) -> None:
    ((_, data),) = pieces(Kind.EXCEPTION, code=float(code))
    assert data[:3] == bytes([1, 0x83, code])


def test_a_wrong_number_is_one_of_tcp_alone_and_a_wrong_check_sum_one_of_serial() -> None:
    ((_, framed),) = pieces(Kind.WRONG_ID, TCP_ANSWER, TCP)
    assert framed[:2] == b"\x00\x08"
    assert framed[2:] == TCP_ANSWER[2:]
    ((_, data),) = pieces(Kind.CRC)
    assert data[:-2] == ANSWER[:-2]
    assert crc16(data[:-2]) != data[-2:]


def test_text_has_no_modbus_faults() -> None:
    assert pieces(Kind.EXCEPTION, b"M1:+0.5\r\n", TEXT) == [(0.0, b"M1:+0.5\r\n")]


def test_stuck_repeats_the_first_answer_to_the_same_question_under_the_number_of_the_present_one() -> None:
    spoiler = Spoiler(Fault(Kind.STUCK, "io"), TCP)
    later = b"\x00\x08" + TCP_ANSWER[2:-1] + b"\x00"
    assert list(spoiler.pieces(b"\x00\x07rest", TCP_ANSWER)) == [(0.0, TCP_ANSWER)]
    assert list(spoiler.pieces(b"\x00\x08rest", later)) == [(0.0, b"\x00\x08" + TCP_ANSWER[2:])]


def test_faults_behind_each_other_each_have_their_turn() -> None:
    both = [Spoiler(Fault(Kind.DUPLICATE, "pfe"), RTU), Spoiler(Fault(Kind.DELAY, "pfe", {"delay_s": 0.2}), RTU)]
    assert spoiled(both, QUESTION, ANSWER) == [(0.2, ANSWER), (0.2, ANSWER)]


def test_times_and_every_count_answers() -> None:
    spoiler = Spoiler(Fault(Kind.DROP, "pfe", {"every": 2, "times": 2}), RTU)
    assert [bool(spoiler.pieces(QUESTION, ANSWER)) for _ in range(8)] == [True, False, True, False, True, True, True, True]


@pytest.mark.parametrize(
    ("protocol", "data", "length"),
    [(RTU, ANSWER[:3], len(ANSWER)), (RTU, b"\x01\x83\x02", 5), (RTU, b"\x01\x10\x01", 8), (RTU, b"\x01", None), (TEXT, b"M1:", None),
     (TCP, TCP_ANSWER, len(TCP_ANSWER)), (TCP, b"\x00", 6), (FRAME68, b"\x68\x00\x09", None)],
)  # fmt: skip
def test_the_end_of_an_answer_is_known_by_its_beginning_or_by_a_silence(protocol: str, data: bytes, length: int | None) -> None:
    assert length_of(protocol, data) == length


@pytest.mark.parametrize(("kind", "protocol"), [(Kind.WRONG_ID, "modbus-rtu"), (Kind.EXCEPTION, "text"), (Kind.SHORT, "text")])
def test_a_fault_that_an_answer_cannot_have_has_not_struck(kind: Kind, protocol: str) -> None:
    spoiler = Spoiler(Fault(kind, "pfe"), protocol)
    assert spoiler.pieces(QUESTION, ANSWER) == [(0.0, ANSWER)]
    assert (spoiler.seen, spoiler.struck) == (1, 0)
