"""The check sum of a piece is the same whether it is summed by itself or found from the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stationd.wire.crc import CheckSums
from tests.wire.test_modbus import crc


@given(st.binary(max_size=60), st.binary(max_size=300), st.binary(max_size=60))
def test_a_frame_with_its_check_sum_is_right_wherever_it_stands(before: bytes, body: bytes, after: bytes) -> None:
    frame = body + crc(body)
    sums = CheckSums(before + frame + after)
    start, end = len(before), len(before) + len(frame)
    assert [sums.right(start, end) for _ in range(3)] == [True, True, True]


@given(st.binary(min_size=3, max_size=200), st.data())
def test_every_piece_is_judged_as_the_specification_sums_it(received: bytes, data: st.DataObject) -> None:
    sums = CheckSums(received)
    for _ in range(5):
        start = data.draw(st.integers(0, len(received) - 3))
        end = data.draw(st.integers(start + 3, len(received)))
        assert sums.right(start, end) == (crc(received[start : end - 2]) == received[end - 2 : end])
