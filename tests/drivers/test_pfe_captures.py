"""Golden exchanges of the power supplies and the I/O module: every question byte for byte, and what its answers mean.

The files lie in `captures/`, one exchange a line: dialect or protocol | unit | question | answer | meaning | source. A line
"# ratings name=number ..." says what unit it is. Text is written with escapes, Modbus in hexadecimal. A meaning is one of

    point = value unit; ...                what is read ("~" behind the unit: to six digits; "?": uncertain); = !reason: no value
    refused reason / garbled reason        the same question, and the unit refuses it or the answer is none
    write [refused reason] point = value   the question writes, and the unit takes or refuses it
    get table address count = registers    a Modbus read by itself
    line done / refused reason / asked     a command that no point sends, through the dialect alone
    select done                            how the unit is chosen on its line
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stationd.core.model import GOOD, OUT_OF_RANGE, Reading
from stationd.device import Block, Device, codec_for
from stationd.driver import Driver, Missing, Protocol
from stationd.wire import modbus
from stationd.wire.exchange import Answer, Garbled, Outcome, Refusal
from stationd.wire.text import Ask, Text

FILES = [path for path in sorted((Path(__file__).parent / "captures").glob("*.txt")) if path.stem.split("_")[0] in ("pfe", "io")]
T = 4711.0
PROTOCOLS = {"rtu": Protocol.MODBUS_RTU, "tcp": Protocol.MODBUS_TCP}


@dataclass(frozen=True)
class Exchange:
    """One line of a capture file."""

    device: Device
    question: bytes
    answer: bytes | None
    meaning: str

    @property
    def number(self) -> int:
        """The transaction number of a TCP frame; nothing else has one."""
        return int.from_bytes(self.question[:2], "big") if self.device.codec.numbered else 0

    def asked(self) -> Block:
        """The one block of the device's plan that is this question."""
        blocks = [one for one in self.device.plan() if self.encoded(one.exchange.question) == self.question]
        assert len(blocks) == 1, f"{len(blocks)} blocks ask {self.question!r}"
        return blocks[0]

    def encoded(self, question: object) -> bytes:
        return self.device.codec.encode(question, self.number)

    def outcome(self, question: object) -> Outcome:
        """What the codec makes of the answer; nothing of it may be left over."""
        assert self.answer is not None
        found = self.device.codec.find(question, self.number, self.answer)
        assert found is not None, f"no answer in {self.answer!r}"
        assert found.end == len(self.answer)
        return found.outcome


def raw(text: str, binary: bool) -> bytes | None:
    if text == "-":
        return None
    return bytes.fromhex(text) if binary else text.encode("ascii").decode("unicode_escape").encode("latin-1")


def device(driver: Driver, dialect: str, unit: int, ratings: dict[str, float]) -> Device:
    protocol = PROTOCOLS.get(dialect, Protocol.TEXT)
    return Device("pfe", driver, codec_for(protocol, driver, None if dialect in PROTOCOLS else dialect), unit, ratings=ratings)


def parse(path: Path) -> Iterator[tuple[str, Exchange]]:
    driver: Driver = importlib.import_module(f"drivers.{path.stem}").DRIVER
    ratings: dict[str, float] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("# ratings"):
            ratings = {name: float(value) for name, value in (one.split("=") for one in line.split()[2:])}
        if not line or line.startswith("#"):
            continue
        dialect, unit, question, answer, meaning, source = (part.strip() for part in line.split(" | "))
        assert source, f"{path.name}:{number}: an exchange without its source"
        sent = raw(question, dialect in PROTOCOLS)
        assert sent is not None
        yield (
            f"{path.stem}-{number}",
            Exchange(device(driver, dialect, int(unit), ratings), sent, raw(answer, dialect in PROTOCOLS), meaning),
        )


def check_reading(exchange: Exchange, readings: dict[str, Reading], expected: str) -> None:
    name, _, rest = (part.strip() for part in expected.partition("="))
    reading = readings[name]
    point = exchange.device.driver.point(name)
    assert point is not None
    assert reading.t == T
    if rest.startswith("!"):
        assert (reading.value, reading.quality.reason.value) == (None, rest[1:])
        return
    literal, _, unit = rest.rstrip("~?").rpartition(" ") if point.unit else (rest, "", "")
    value = ast.literal_eval(literal)
    assert reading.quality == (OUT_OF_RANGE if rest.endswith("?") else GOOD), reading
    assert point.unit == unit
    if isinstance(value, (bool, str)):
        assert reading.value is value or (reading.value == value and isinstance(value, str))
    else:
        assert reading.value == pytest.approx(value, rel=1e-5 if rest[-1] in "~?" else 1e-9, abs=1e-12)


def check_read(exchange: Exchange) -> None:
    block = exchange.asked()
    outcome = exchange.outcome(block.exchange.question)
    if exchange.meaning.split()[0] in ("refused", "garbled"):
        check_fault(outcome, exchange.meaning)
        return
    assert isinstance(outcome, Answer), outcome
    readings = {reading.point.point: reading for reading in exchange.device.decode(block, outcome.body, T)}
    for expected in exchange.meaning.split(";"):
        check_reading(exchange, readings, expected)


def check_fault(outcome: Outcome, meaning: str) -> None:
    kind, reason = meaning.split()[:2]
    assert isinstance(outcome, Refusal if kind == "refused" else Garbled), outcome
    assert outcome.fault.value == reason


def check_write(exchange: Exchange) -> None:
    words = exchange.meaning.split()
    refused = words[1] == "refused"
    name, _, value = (part.strip() for part in " ".join(words[3 if refused else 1 :]).partition("="))
    order = exchange.device.prepare(name, ast.literal_eval(value))
    assert order.write.writes
    assert exchange.encoded(order.write.question) == exchange.question
    outcome = exchange.outcome(order.write.question)
    if refused:
        check_fault(outcome, " ".join(words[1:3]))
    else:
        assert isinstance(outcome, Answer), outcome


def check_get(exchange: Exchange) -> None:
    _, table, address, count, _, *registers = exchange.meaning.split()
    question = modbus.Read(exchange.device.unit, modbus.Table[table.upper()], int(address), int(count))
    assert exchange.encoded(question) == exchange.question
    assert exchange.outcome(question) == Answer([int(one, 16) for one in registers])


def check_line(exchange: Exchange) -> None:
    codec = exchange.device.codec
    assert isinstance(codec, Text)
    command = exchange.question.removesuffix(codec.dialect.terminator).decode().partition("$")[0]
    question = codec.write(exchange.device.unit, command)
    assert exchange.encoded(question) == exchange.question
    match exchange.meaning.split()[1]:
        case "done":
            assert exchange.outcome(question) == Answer(codec.dialect.done)
        case "refused":
            check_fault(exchange.outcome(question), exchange.meaning.removeprefix("line "))
        case "asked":
            assert exchange.answer is None


def check_select(exchange: Exchange) -> None:
    codec = exchange.device.codec
    question = codec.selector(Ask(exchange.device.unit, "OUT?"))
    assert exchange.encoded(question) == exchange.question
    assert isinstance(exchange.outcome(question), Answer)


CHECKS = {"write": check_write, "get": check_get, "line": check_line, "select": check_select}


@pytest.mark.parametrize("exchange", [pytest.param(one, id=name) for path in FILES for name, one in parse(path)])
def test_an_exchange_is_asked_and_understood_as_captured(exchange: Exchange) -> None:
    CHECKS.get(exchange.meaning.split()[0], check_read)(exchange)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_point_that_is_read_and_every_write_has_a_golden_exchange(path: Path) -> None:
    known = [one for _, one in parse(path)]
    driver = known[0].device.driver
    read = {word for one in known for word in one.meaning.replace(";", " ").split() if one.meaning.split()[0] not in CHECKS}
    written = {one.meaning.split("=")[0].split()[-1] for one in known if one.meaning.startswith("write ")}
    asked = {point.name for point in driver.points if not isinstance(point.at, Missing)}
    assert asked - read == set()
    assert {point.name for point in driver.points if "w" in point.access} - written == set()
