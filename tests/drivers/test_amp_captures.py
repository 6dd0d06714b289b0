"""Golden exchanges: every question of an amplifier's table, byte for byte, and what its answers mean.

The files lie in `captures/`, one exchange a line: dialect | channel | question | answer | meaning | source. Bytes of text
protocols are written with escapes, binary ones in hexadecimal. A meaning is one of

    point = value unit; point = !reason     what is read ("~" behind the unit: to four digits)
    asked                                   a captured question without its answer
    refused reason                          the unit refuses the question
    write point = value                     the question writes; answer "-" where the unit takes it in silence
    write refused point = value             the same, and the unit refuses it
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from stationd.core.model import Reading
from stationd.device import Block, Device, codec_for
from stationd.driver import Driver, Protocol
from stationd.wire.exchange import Answer, Outcome, Refusal

FILES = sorted((Path(__file__).parent / "captures").glob("amp_*.txt"))
T = 4711.0


@dataclass(frozen=True)
class Exchange:
    """One line of a capture file."""

    driver: Driver
    dialect: str
    channel: int
    question: bytes
    answer: bytes | None
    meaning: str

    @property
    def device(self) -> Device:
        protocol = self.driver.protocols[0]
        codec = codec_for(protocol, self.driver, None if self.dialect == "-" else self.dialect)
        return Device("amp", self.driver, codec, channel=self.channel)

    @property
    def number(self) -> int:
        """The sequence number of a captured question; text has none."""
        return int.from_bytes(self.question[5:7], "big") if self.driver.protocols == (Protocol.FRAME68,) else 0

    def asked(self) -> Block:
        """The one block of the device's plan that is this question."""
        blocks = [one for one in self.device.plan() if self.encoded(one) == self.question]
        assert len(blocks) == 1, f"{len(blocks)} blocks ask {self.question!r}"
        return blocks[0]

    def encoded(self, block: Block) -> bytes:
        return block.exchange.codec.encode(block.exchange.question, self.number)

    def outcome(self, question: object) -> Outcome:
        """What the codec makes of the answer, all of it."""
        assert self.answer is not None
        found = self.device.codec.find(question, self.number, self.answer)
        assert found is not None, f"no answer in {self.answer!r}"
        assert (found.start, found.end) == (0, len(self.answer))
        return found.outcome


def raw(text: str, binary: bool) -> bytes | None:
    if text == "-":
        return None
    return bytes.fromhex(text) if binary else text.encode("ascii").decode("unicode_escape").encode("latin-1")


def parse(path: Path, text: str) -> Exchange:
    dialect, channel, question, answer, meaning, source = (part.strip() for part in text.split(" | "))
    assert source, f"{path.name}: an exchange without its source"
    driver = importlib.import_module(f"drivers.{path.stem}").DRIVER
    binary = driver.protocols == (Protocol.FRAME68,)
    sent = raw(question, binary)
    assert sent is not None
    return Exchange(driver, dialect, int(channel), sent, raw(answer, binary), meaning)


def exchanges() -> list[object]:
    return [
        pytest.param(parse(path, text), id=f"{path.stem}-{number}")
        for path in FILES
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if text and not text.startswith("#")
    ]


def check_reading(exchange: Exchange, readings: dict[str, Reading], expected: str) -> None:
    name, _, rest = (part.strip() for part in expected.partition("="))
    reading = readings[name]
    assert reading.t == T
    if rest.startswith("!"):
        assert (reading.value, reading.quality.reason.value) == (None, rest[1:])
        return
    point = exchange.driver.point(name)
    assert point is not None
    number, _, unit = rest.removesuffix("~").strip().partition(" ")
    value = ast.literal_eval(number)
    assert reading.quality.good, reading
    assert type(reading.value) is type(value) or not isinstance(value, (bool, str))
    assert reading.value == (pytest.approx(value, abs=1e-4 if rest.endswith("~") else 1e-9) if unit else value)
    assert point.unit == unit


def check_write(exchange: Exchange, wish: str) -> None:
    refused = wish.startswith("refused ")
    name, _, value = (part.strip() for part in wish.removeprefix("refused ").partition("="))
    order = exchange.device.prepare(name, ast.literal_eval(value))
    question = order.write.question
    assert order.write.writes
    assert order.write.codec.encode(question, 0) == exchange.question
    if exchange.answer is None:
        assert not order.write.codec.answers(question)
    else:
        assert isinstance(exchange.outcome(question), Refusal if refused else Answer)


@pytest.mark.parametrize("exchange", exchanges())
def test_an_exchange_is_asked_and_understood_as_captured(exchange: Exchange) -> None:
    if exchange.meaning.startswith("write "):
        check_write(exchange, exchange.meaning.removeprefix("write "))
        return
    block = exchange.asked()
    if exchange.meaning == "asked":
        return
    outcome = exchange.outcome(block.exchange.question)
    if exchange.meaning.startswith("refused "):
        assert isinstance(outcome, Refusal)
        assert outcome.fault.value == exchange.meaning.removeprefix("refused ")
        return
    assert isinstance(outcome, Answer)
    readings = {reading.point.point: reading for reading in exchange.device.decode(block, outcome.body, T)}
    for expected in exchange.meaning.split(";"):
        check_reading(exchange, readings, expected)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_question_and_every_write_of_the_table_has_a_golden_exchange(path: Path) -> None:
    known = [parse(path, text) for text in path.read_text().splitlines() if text and not text.startswith("#")]
    understood = [one for one in known if not one.meaning.startswith("write ") and one.answer is not None]
    written = " ".join(one.meaning for one in known if one.meaning.startswith("write "))
    driver = known[0].driver
    missing = {point.name for point in driver.points if "w" in point.access and f" {point.name} =" not in written}
    unasked = {point.name for block in known[0].device.plan() for point in block.points}
    unasked -= {point.name for one in understood for point in one.asked().points}
    assert not missing
    assert not unasked
