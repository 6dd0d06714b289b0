"""Text protocols: a command line out, an answer line back, in the dialect that a maker chose.

A dialect says how lines end, whether they carry a check sum, how a unit on a shared line is chosen, and how it says yes and
no. Without a check sum a damaged digit that still reads as a number cannot be seen here; the limits of the driver's table are what
is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from stationd.wire.exchange import Answer, Found, FrameError, Garbled, Outcome, Refusal, WireFault

MAX_LINE_BYTES = 256  # longer than any published answer; so short a line is matched at once, whatever the pattern repeats


class CheckSum(Enum):
    """Check sums of text lines."""

    NONE = "none"
    DOLLAR_HEX = "dollar-hex"  # "$HH" behind the text: sum of its characters modulo 256, in hexadecimal
    SPELLMAN = "spellman"  # one character behind the last comma: ((-sum) & 0x7F) | 0x40


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one maker's units speak. Patterns are regular expressions for whole lines, check sum and frame removed."""

    terminator: bytes = b"\r"
    reply_terminator: bytes = b"\r"
    prefix: bytes = b""
    check_sum: CheckSum = CheckSum.NONE
    done: str = ""  # answer to a write ("{command}": the command sent, "{name}": its first word); "" = taken in silence
    refusals: tuple[tuple[str, WireFault], ...] = ()
    unasked: str = ""  # lines that a unit sends by itself and that answer nothing
    select: str = ""  # command that selects "{unit}" on a shared line; "" = point to point
    selected: str = "OK"


@dataclass(frozen=True, slots=True)
class Ask:
    """A command and the pattern of a good answer ("" = any); `silent` where the unit takes it without an answer."""

    unit: int
    command: str
    pattern: str = ""
    silent: bool = False


class As(Enum):
    """What the group of a field is read as."""

    NUMBER = "number"
    HEX = "hex"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Field:
    """One value in an answer: a pattern with exactly one group, searched for in the whole line.

    "{channel}" in the pattern is the device's channel, "{before}" the channels that stand before it.
    """

    pattern: str
    read_as: As = As.NUMBER
    absent: str = "N/A"

    def decode(self, answer: str, channel: int) -> float | int | str | None:
        """Return the raw value, None where the unit says that it has none; FrameError where there is no such value."""
        match = compiled(place(self.pattern, channel)).fullmatch(answer)
        if match is None:
            raise FrameError(f"answer {answer!r} does not have the form {self.pattern!r}")
        text = (match.group(1) or "").strip()
        if match.group(1) is None or text == self.absent:
            return None
        try:
            return self._read(text)
        except ValueError as error:
            raise FrameError(f"{text!r} in {answer!r} is no {self.read_as.value}") from error

    def _read(self, text: str) -> float | int | str:
        match self.read_as:
            case As.HEX:
                return _hexadecimal(text)
            case As.TEXT:
                return text
            case As.NUMBER:
                return _number(text)


def _number(text: str) -> float | int:
    """Read a decimal number; words such as "nan", "inf" or "1_000" that Python would take are no measurements."""
    if not compiled(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?").fullmatch(text):
        raise ValueError(text)
    return int(text) if compiled(r"[+-]?[0-9]{1,18}").fullmatch(text) else float(text)


def _hexadecimal(text: str) -> int:
    """Read an unsigned word of at most 64 bits; Python would also take a sign, "0x" and "1_000"."""
    if not compiled(r"[0-9A-Fa-f]{1,16}").fullmatch(text):
        raise ValueError(text)
    return int(text, 16)


def place(template: str, channel: int) -> str:
    """Fill "{channel}" and "{before}" (the number of channels in front) into a command or pattern."""
    return template.replace("{channel}", str(channel)).replace("{before}", str(channel - 1))


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern once; raises re.error for a wrong one."""
    return re.compile(pattern)


def check_sum(kind: CheckSum, text: bytes) -> bytes:
    """Return the check sum that stands behind `text` (empty for none)."""
    match kind:
        case CheckSum.DOLLAR_HEX:
            return b"$%02X" % (sum(text) & 0xFF)
        case CheckSum.SPELLMAN:
            return bytes((((-sum(text)) & 0x7F) | 0x40,))
        case CheckSum.NONE:
            return b""


def wrap(dialect: Dialect, text: str, terminator: bytes) -> bytes:
    """Return a line as it stands on the wire: prefix, text, check sum, terminator."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise FrameError(f"{text!r} has characters outside ASCII") from error
    return dialect.prefix + raw + check_sum(dialect.check_sum, raw) + terminator


def unwrap(dialect: Dialect, line: bytes) -> str | Garbled:
    """Return the text of a received line (terminator removed), or what is wrong with it."""
    if len(line) > MAX_LINE_BYTES:
        return Garbled(WireFault.MALFORMED, f"{len(line)} bytes without an end of line")
    body = line[line.rfind(dialect.prefix) + len(dialect.prefix) :] if dialect.prefix else line
    if dialect.prefix and dialect.prefix not in line:
        return Garbled(WireFault.GARBLED, f"{line!r} lacks its start character")
    length = len(check_sum(dialect.check_sum, b""))
    text, given = (body[:-length], body[-length:]) if length else (body, b"")
    # "$3a" and "$3A" are one number; Spellman's character uses both cases for different sums.
    if (given.upper() if dialect.check_sum is CheckSum.DOLLAR_HEX else given) != check_sum(dialect.check_sum, text):
        return Garbled(WireFault.CHECKSUM, f"check sum {given!r} does not belong to {text!r}")
    if any(byte < 0x20 or byte > 0x7E for byte in text):
        return Garbled(WireFault.GARBLED, f"{text!r} has characters that no answer has")
    return text.decode("ascii").strip()


def lines(received: bytes, terminator: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, end, line without terminator) of each ended line that is not empty.

    What has no end within MAX_LINE_BYTES is yielded up to there, as the last: always at the same byte, however it came.
    """
    start, longest = 0, MAX_LINE_BYTES + len(terminator)
    while (stop := received.find(terminator, start, start + longest)) >= 0:
        line = received[start:stop].strip(b"\r\n\0")
        if line:
            yield start, stop + len(terminator), line
        start = stop + len(terminator)
    if len(received) - start >= longest:
        yield start, start + longest, received[start : start + longest]


class Text:
    """The codec of one dialect. Answers carry neither unit nor number: after a time-out the whole line keeps quiet."""

    addressed = False
    numbered = False
    silence_characters = 0.0

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, question: Ask, number: int) -> bytes:
        """Return the command line; FrameError for characters that cannot be sent or that would end the line early."""
        if any(ord(character) < 0x20 for character in question.command):
            raise FrameError(f"command {question.command!r} has control characters")
        return wrap(self.dialect, question.command, self.dialect.terminator)

    def find(self, question: Ask, number: int, received: bytes) -> Found | None:
        """Return the first line that is not one of those that units send unasked."""
        for start, end, line in lines(received, self.dialect.reply_terminator):
            text = unwrap(self.dialect, line)
            if isinstance(text, str) and self.dialect.unasked and compiled(self.dialect.unasked).fullmatch(text):
                continue
            return Found(start, end, text if isinstance(text, Garbled) else self._judge(question, text))
        return None

    def _judge(self, question: Ask, text: str) -> Outcome:
        for pattern, fault in self.dialect.refusals:
            if compiled(pattern).fullmatch(text):
                return Refusal(fault, text)
        if question.pattern and not compiled(question.pattern).fullmatch(text):
            return Garbled(WireFault.GARBLED, f"{text!r} is no answer to {question.command!r}")
        return Answer(text)

    def reply_length(self, question: Ask) -> int | None:
        """Return None: the length of a text answer is not fixed."""
        return None

    def answers(self, question: Ask) -> bool:
        """Return False for a command that the unit takes in silence."""
        return not question.silent

    def shape(self, question: Ask) -> tuple[Any, ...]:
        """Return the empty shape: any late line can be mistaken for any answer."""
        return ()

    def selector(self, question: Ask) -> Ask | None:
        """Return the command that chooses the unit, where the dialect has one."""
        if not self.dialect.select:
            return None
        return Ask(question.unit, self.dialect.select.replace("{unit}", str(question.unit)), self.dialect.selected)

    def write(self, unit: int, command: str) -> Ask:
        """Return the question that writes: its answer must be the dialect's word for done."""
        name = compiled(r"\W*\w*").match(command)
        pattern = self.dialect.done.replace("{command}", re.escape(command)).replace("{name}", re.escape(name[0] if name else ""))
        return Ask(unit, command, pattern, silent=not self.dialect.done)
