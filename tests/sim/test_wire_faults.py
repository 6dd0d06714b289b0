"""Faults in front of the line: what each kind does to an answer, how often, and that a seed repeats it."""

from __future__ import annotations

import pytest
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from stationd.driver import Protocol
from stationd.sim.wire_faults import FaultKind, Faults, LineFault, crc16, foreign, frame68

RTU_QUESTION = bytes.fromhex("010301FB000375C6")
RTU_BODY = bytes.fromhex("010306334D8885199A")
RTU_ANSWER = RTU_BODY + crc16(RTU_BODY)
TCP_ANSWER = bytes.fromhex("000700000009010306334D8885199A")
ANSWER_68 = frame68(bytes.fromhex("35008C0226"))
WRONG = (FaultKind.WRONG_UNIT, FaultKind.WRONG_FUNCTION, FaultKind.WRONG_LENGTH)


def rtu(*faults: LineFault, seed: int = 1) -> Faults:
    made = Faults(Protocol.MODBUS_RTU, seed)
    for fault in faults:
        made.add(fault)
    return made


def only(faults: Faults, answer: bytes = RTU_ANSWER) -> bytes:
    [(delay_s, data)] = faults.answers(RTU_QUESTION, answer, 1)
    assert delay_s == 0.0
    return data


def test_without_faults_an_answer_passes_unchanged() -> None:
    assert rtu().answers(RTU_QUESTION, RTU_ANSWER, 1) == [(0.0, RTU_ANSWER)]


@pytest.mark.parametrize(
    ("frame", "end"),
    [("000301FB0003", "7417"), ("010301FB0003", "75C6"), ("00050192FF00", "2DFA"), ("00050195FF00", "9C3B"), ("000601F56666", "325F")],
)
def test_the_check_sum_is_that_of_the_published_frames(frame: str, end: str) -> None:
    assert crc16(bytes.fromhex(frame)) == bytes.fromhex(end)


@pytest.mark.parametrize(
    "frame",
    [
        "68 0005 68 31 005F 01 01 92 16",
        "68 0005 68 30 0060 01 01 92 16",
        "68 0005 68 3A 00A1 01 01 DD 16",
        "68 0004 68 40 00A7 01 E8 16",
        "68 0004 68 62 00AB 00 0D 16",
        "68 0005 68 35 008C 00 01 C2 16",
    ],
)
def test_the_0x68_frame_is_that_of_the_captures(frame: str) -> None:
    whole = bytes.fromhex(frame)
    assert frame68(whole[4:-2]) == whole


def test_a_late_answer_is_whole_and_late() -> None:
    assert rtu(LineFault(FaultKind.LATE, delay_s=0.3)).answers(RTU_QUESTION, RTU_ANSWER, 1) == [(0.3, RTU_ANSWER)]


def test_a_dropped_answer_is_nothing() -> None:
    assert rtu(LineFault(FaultKind.DROP)).answers(RTU_QUESTION, RTU_ANSWER, 1) == []


def test_a_duplicate_is_the_same_answer_twice() -> None:
    assert rtu(LineFault(FaultKind.DUPLICATE)).answers(RTU_QUESTION, RTU_ANSWER, 1) == [(0.0, RTU_ANSWER)] * 2


def test_an_echo_is_the_question_before_the_answer() -> None:
    assert rtu(LineFault(FaultKind.ECHO)).answers(RTU_QUESTION, RTU_ANSWER, 1) == [(0.0, RTU_QUESTION), (0.0, RTU_ANSWER)]


def test_noise_stands_before_behind_or_inside_the_answer() -> None:
    before = only(rtu(LineFault(FaultKind.NOISE_BEFORE, size=3)))
    after = only(rtu(LineFault(FaultKind.NOISE_AFTER, size=3)))
    inside = only(rtu(LineFault(FaultKind.NOISE_INSIDE, size=3)))
    assert before[3:] == after[:-3] == RTU_ANSWER
    assert len(inside) == len(RTU_ANSWER) + 3
    assert inside[0] == RTU_ANSWER[0]
    assert inside[-1] == RTU_ANSWER[-1]


def test_a_truncated_answer_lacks_its_end() -> None:
    assert only(rtu(LineFault(FaultKind.TRUNCATED, size=2))) == RTU_ANSWER[:-2]


def test_bit_errors_turn_over_as_many_bits_as_asked() -> None:
    damaged = only(rtu(LineFault(FaultKind.BIT_ERRORS, size=3)))
    assert sum((a ^ b).bit_count() for a, b in zip(damaged, RTU_ANSWER, strict=True)) == 3


def test_babble_is_as_long_as_asked_and_not_the_answer() -> None:
    babble = only(rtu(LineFault(FaultKind.BABBLE, size=40)))
    assert len(babble) == 40


def test_a_mute_unit_hears_nothing_and_the_others_do() -> None:
    faults = rtu(LineFault(FaultKind.MUTE, unit=3))
    assert [faults.hears(unit) for unit in (2, 3, 4)] == [True, False, True]


def test_a_stuck_unit_repeats_its_first_answer_to_each_question() -> None:
    faults = rtu(LineFault(FaultKind.STUCK))
    other = RTU_QUESTION[:-2] + b"??"
    assert only(faults, b"first") == b"first"
    assert faults.answers(other, b"other", 1) == [(0.0, b"other")]
    assert only(faults, b"second") == b"first"


def test_a_stuck_unit_keeps_the_number_of_a_numbered_question() -> None:
    tcp, binary = Faults(Protocol.MODBUS_TCP), Faults(Protocol.FRAME68)
    for faults in (tcp, binary):
        faults.add(LineFault(FaultKind.STUCK))
    tcp.answers(b"\0\1rest-q", b"\0\1old", 1)
    binary.answers(frame68(b"\x35\0\1q"), frame68(b"\x35\0\1old"))
    assert tcp.answers(b"\0\2rest-q", b"\0\2new", 1) == [(0.0, b"\0\2old")]
    assert binary.answers(frame68(b"\x35\0\2q"), frame68(b"\x35\0\2new")) == [(0.0, frame68(b"\x35\0\2old"))]


@pytest.mark.parametrize("kind", WRONG)
def test_a_foreign_rtu_frame_is_sound_and_differs_where_it_says(kind: FaultKind) -> None:
    frame = foreign(Protocol.MODBUS_RTU, kind, RTU_ANSWER, b"")
    assert FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))
    same = {FaultKind.WRONG_UNIT: frame[0] == 1, FaultKind.WRONG_FUNCTION: frame[1] == 3, FaultKind.WRONG_LENGTH: len(frame) == 11}
    assert [each for each, equal in same.items() if not equal] == [kind]


@pytest.mark.parametrize("kind", WRONG)
def test_a_foreign_tcp_frame_keeps_its_transaction_and_is_sound(kind: FaultKind) -> None:
    frame = foreign(Protocol.MODBUS_TCP, kind, TCP_ANSWER, b"")
    used, unit, transaction, pdu = FramerSocket(DecodePDU(False)).decode(frame)
    assert (used, transaction) == (len(frame), 7)
    same = {FaultKind.WRONG_UNIT: unit == 1, FaultKind.WRONG_FUNCTION: pdu[0] == 3, FaultKind.WRONG_LENGTH: len(pdu) == 8}
    assert [each for each, equal in same.items() if not equal] == [kind]


@pytest.mark.parametrize("kind", WRONG)
def test_a_foreign_0x68_frame_is_sound(kind: FaultKind) -> None:
    frame = foreign(Protocol.FRAME68, kind, ANSWER_68, b"")
    assert frame != ANSWER_68
    assert frame68(frame[4:-2]) == frame


def test_a_foreign_text_line_is_the_answer_before_or_a_shorter_one() -> None:
    assert foreign(Protocol.TEXT, FaultKind.WRONG_FUNCTION, b"MC:1.0\r\n", b"MV:270\r\n") == b"MV:270\r\n"
    assert foreign(Protocol.TEXT, FaultKind.WRONG_LENGTH, b"MC:1.0\r\n", b"") == b"MC:1.\r\n"


def test_a_fault_strikes_every_kth_answer_and_no_more_often_than_asked() -> None:
    faults = rtu(LineFault(FaultKind.DROP, every=3, times=2))
    struck = [not faults.answers(RTU_QUESTION, RTU_ANSWER, 1) for _ in range(12)]
    assert [place for place, each in enumerate(struck, 1) if each] == [3, 6]
    assert faults.struck == {FaultKind.DROP: 2}


def test_a_share_strikes_about_as_often_as_it_says() -> None:
    faults = rtu(LineFault(FaultKind.DROP, share=0.3))
    lost = sum(not faults.answers(RTU_QUESTION, RTU_ANSWER, 1) for _ in range(2000))
    assert 500 < lost < 700


def test_a_fault_of_one_unit_leaves_the_others_alone() -> None:
    faults = rtu(LineFault(FaultKind.DROP, unit=2))
    assert faults.answers(RTU_QUESTION, RTU_ANSWER, 1) == [(0.0, RTU_ANSWER)]
    assert faults.answers(RTU_QUESTION, RTU_ANSWER, 2) == []


def test_faults_add_up_and_can_be_taken_away() -> None:
    late, twice = LineFault(FaultKind.LATE, delay_s=0.2), LineFault(FaultKind.DUPLICATE)
    faults = rtu(late, twice)
    assert faults.answers(RTU_QUESTION, RTU_ANSWER, 1) == [(0.2, RTU_ANSWER), (0.0, RTU_ANSWER)]
    faults.remove(late)
    assert faults.active == (twice,)
    faults.clear()
    assert only(faults) == RTU_ANSWER


def test_a_seed_repeats_every_fault() -> None:
    def run(seed: int) -> list[object]:
        faults = rtu(LineFault(FaultKind.BIT_ERRORS, share=0.5), LineFault(FaultKind.NOISE_INSIDE, share=0.5), seed=seed)
        return [faults.answers(RTU_QUESTION, RTU_ANSWER, 1) for _ in range(50)]

    assert run(7) == run(7)
    assert run(7) != run(8)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"size": 0}, {"delay_s": -1.0}, {"share": 1.5}, {"share": float("nan")}, {"times": 0}])
def test_an_impossible_fault_is_refused_with_its_field(wrong: dict[str, float]) -> None:
    [name] = wrong
    with pytest.raises(ValueError, match=name):
        LineFault(FaultKind.LATE, **wrong)  # type: ignore[arg-type]
