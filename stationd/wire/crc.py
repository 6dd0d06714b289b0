"""CRC-16 of Modbus RTU for many pieces of the same received bytes, as they come from a line that babbles.

What it is: after one pass over the bytes each piece costs the same few steps however long it is, because the remainder is linear:
with R(k) the remainder of the first k bytes and Z(n, r) a remainder after n more zero bytes, a frame from a to b ends with its right
check sum if and only if R(b) = Z(b - a, R(a) xor 0xFFFF). What it is not: a table of its own; that is pymodbus', as everywhere here.
Follows "MODBUS over Serial Line" V1.02, 6.2.2.
"""

from __future__ import annotations

from array import array
from functools import lru_cache

from pymodbus.framer import FramerRTU

START = 0xFFFF
_TABLE = tuple(FramerRTU.crc16_table)


class CheckSums:
    """The check sums of frames within `received`. One frame is summed by itself; only from the second on the pass is worth it."""

    def __init__(self, received: bytes) -> None:
        self._received = received
        self._remainders: list[int] | None = None
        self._one = True

    def right(self, start: int, end: int) -> bool:
        """Return whether `received[start:end]` ends with the check sum of what stands before it."""
        if self._one:
            self._one = False
            return FramerRTU.check_CRC(self._received[start : end - 2], int.from_bytes(self._received[end - 2 : end], "big"))
        if self._remainders is None:
            self._remainders = _remainders(self._received)
        return self._remainders[end] == _after_zeros(self._remainders[start] ^ START, end - start)


def _remainders(received: bytes) -> list[int]:
    """Return the remainder, begun at 0, before the first byte and after each one."""
    remainder, found = 0, [0]
    for byte in received:
        remainder = remainder >> 8 ^ _TABLE[(remainder ^ byte) & 0xFF]
        found.append(remainder)
    return found


def _after_zeros(remainder: int, count: int) -> int:
    low, high = _shift(count)
    return low[remainder & 0xFF] ^ high[remainder >> 8]


@lru_cache(maxsize=256)  # lengths of a frame: a driver's blocks have a dozen
def _shift(count: int) -> tuple[array[int], array[int]]:
    """Return what becomes of each low and of each high byte of a remainder after so many zero bytes."""
    images = [1 << place for place in range(16)]
    for _ in range(count):
        images = [image >> 8 ^ _TABLE[image & 0xFF] for image in images]
    return _sums_of(images[:8]), _sums_of(images[8:])


def _sums_of(images: list[int]) -> array[int]:
    """Return the sum of the images of the bits that are set, for each byte."""
    found = [0]
    for image in images:
        found += [image ^ each for each in found]
    return array("H", found)
