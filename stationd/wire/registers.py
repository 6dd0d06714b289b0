"""Numbers and strings in 16-bit registers: width, sign, word order.

The wire order of the bytes inside a register is fixed by Modbus (high byte first); the order of the words of a longer
value is not. Orders are named by the letters of the value's bytes as they appear on the wire: "abcd" is the value in big
endian, "cdab" has its words swapped, "badc" its bytes, "dcba" both.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from stationd.wire.exchange import FrameError

ORDERS = ("abcd", "cdab", "badc", "dcba")
_CODES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}


@dataclass(frozen=True, slots=True)
class Format:
    """How one value lies in registers: `kind` is a key of the table above or "char"; `registers` its length."""

    kind: str
    registers: int
    order: str = "abcd"

    def decode(self, words: Sequence[int]) -> float | int | str:
        """Return the raw value of `self.registers` registers; FrameError for a float that is no number."""
        if self.kind == "u16" and self.order == "abcd":
            return words[0]
        raw = _reorder(struct.pack(f">{self.registers}H", *words), self.order)
        if self.kind == "char":
            return _text(raw)
        (value,) = struct.unpack(">" + _CODES[self.kind], raw)
        if isinstance(value, float) and not math.isfinite(value):
            raise FrameError(f"registers {[hex(w) for w in words]} hold {value}, not a finite number")
        return int(value) if self.kind != "f32" else float(value)

    def encode(self, value: float | str) -> tuple[int, ...]:
        """Return the registers of a raw value; FrameError if it does not fit."""
        if self.kind == "char":
            raise FrameError("character strings are read only")
        try:
            number = float(value) if self.kind == "f32" else round(float(value))
            if not math.isfinite(number):
                raise ValueError(number)
            raw = struct.pack(">" + _CODES[self.kind], number)
        except (struct.error, OverflowError, ValueError) as error:
            raise FrameError(f"{value!r} does not fit into {self.kind}") from error
        return struct.unpack(f">{self.registers}H", _reorder(raw, self.order))


U16 = Format("u16", 1)
I16 = Format("i16", 1)
U32 = Format("u32", 2)
I32 = Format("i32", 2)
F32 = Format("f32", 2)


def chars(length: int) -> Format:
    """Return the format of a character string of `length` bytes, two in a register, ended by NUL or blanks."""
    return Format("char", (length + 1) // 2)


def parse_format(text: str) -> Format:
    """Return the format written as in driver files: "u16", "f32 cdab", "char 40". FrameError says what is allowed."""
    kind, _, rest = text.partition(" ")
    if kind == "char" and rest.isdecimal() and 1 <= int(rest) <= 250:
        return chars(int(rest))
    if kind in _CODES and rest in ("", *ORDERS):
        return Format(kind, 1 if kind.endswith("16") else 2, rest or "abcd")
    kinds = ", ".join(_CODES)
    raise FrameError(f'format "{text}" is unknown; one of {kinds} (with a word order {", ".join(ORDERS)}), or "char 40"')


def _reorder(raw: bytes, order: str) -> bytes:
    match order:
        case "cdab":
            return b"".join(raw[i : i + 2] for i in range(len(raw) - 2, -1, -2))
        case "badc":
            return b"".join(raw[i : i + 2][::-1] for i in range(0, len(raw), 2))
        case "dcba":
            return raw[::-1]
        case _:
            return raw


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()
