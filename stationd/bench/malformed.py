"""Messages that no client should send, drawn from a seed: the same seed makes the same bytes. For the benchmark and for tests.

What it is: ten ways to be wrong. Bytes that are no call, and calls that are nearly right, of every method that the description of
an interface (org.varlink.service.GetInterfaceDescription) names: each has at least one mistake for which it has to be refused, so
that whatever is answered otherwise was let in.
What it is not: a fuzzer that learns; hypothesis does that in the tests.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

END = b"\0"
METHOD = re.compile(r"^method (\w+)\((.*)\) -> ", re.MULTILINE)
INTERFACE = re.compile(r"^interface ([\w.]+)", re.MULTILINE)
ERROR = re.compile(r"^error (\w+)", re.MULTILINE)
MOST_RANDOM_BYTES = 2000
DEEPEST = 20_000  # brackets; beyond what a parser of Python follows, and within one message
GIANT_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024
NAMING = frozenset({"operation", "key", "device", "hold", "interlock", "point", "path", "id", "subject"})
NOTHINGS = ("no-such-thing", "OP-99999", "nowhere/NOTHING", "\ud800\x1b[2J", "../../etc/passwd", "x" * 300)
GIANT_EVERY = 500  # messages: more would be a test of how quickly the attacker writes


class Fault(Enum):
    """What is wrong with a message."""

    NOISE = "random bytes"
    CUT = "broken JSON"
    TYPE = "wrong types"
    UNKNOWN = "unknown methods"
    NAME = "names of nothing"
    DEEP = "deep nesting"
    HUGE = "huge numbers"
    NULS = "NULs"
    HALF = "half messages"
    GIANT = "16 MiB without NUL"


SMALL = tuple(fault for fault in Fault if fault is not Fault.GIANT)


@dataclass(frozen=True, slots=True)
class Method:
    """A method and its parameters, name and type each, as the description has them."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is sent."""

    fault: Fault
    raw: bytes

    @property
    def finished(self) -> bool:
        """Whether it has an end, so that an answer is due; after the others the client has to hang up."""
        return END in self.raw

    def pieces(self) -> Iterator[bytes]:
        """Yield what is to be sent; a message of 16 MiB is made only while it is."""
        if self.fault is Fault.GIANT:
            yield from (self.raw for _ in range(GIANT_BYTES // len(self.raw)))
        else:
            yield self.raw


def methods(description: str) -> Iterator[Method]:
    """Yield the methods of an interface."""
    found = INTERFACE.search(description)
    assert found is not None, description[:80]
    for name, inside in METHOD.findall(description):
        pairs = (each.partition(":") for each in _apart(inside))
        yield Method(f"{found[1]}.{name}", tuple((parameter.strip(), kind.strip()) for parameter, _, kind in pairs))


def declared(description: str) -> frozenset[str]:
    """Return the errors of an interface, with its name."""
    found = INTERFACE.search(description)
    assert found is not None, description[:80]
    return frozenset(f"{found[1]}.{name}" for name in ERROR.findall(description))


def malformed(draw: random.Random, known: Sequence[Method]) -> Malformed:
    """Return the next message that is wrong in one of the ways; one in GIANT_EVERY is a giant."""
    fault = draw.choice(SMALL) if draw.randrange(GIANT_EVERY) else Fault.GIANT
    return Malformed(fault, MAKERS[fault](draw, draw.choice(known)))


def _apart(inside: str) -> list[str]:
    """Split parameters at the commas that are in no bracket."""
    found, depth = [""], 0
    for sign in inside:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            found.append("")
        else:
            found[-1] += sign
    return [each for each in found if each.strip()]


# ---------------------------------------------------------------------- messages

def _noise(draw: random.Random, _: Method) -> bytes:
    return draw.randbytes(draw.randint(1, MOST_RANDOM_BYTES)).replace(b"{", b"[") + END


def _cut(draw: random.Random, method: Method) -> bytes:
    whole = json.dumps({"method": method.name, "parameters": {"key": "x" * draw.randint(0, 200)}}).encode()
    return whole[: draw.randint(1, len(whole) - 1)] + END


def _wrong_types(draw: random.Random, method: Method) -> bytes:
    parameters = {name: _right(kind) for name, kind in method.parameters}
    if method.parameters and draw.random() < 0.9:
        name, kind = draw.choice(method.parameters)
        parameters[name] = draw.choice(_wrong(kind))
    else:
        parameters[draw.choice(("x", "", "\ud800", "self", "__class__"))] = draw.choice((1, None, "x", [], {}))
    return _called(method.name, parameters, draw.choice(({}, {}, {"more": False}, {"upgrade": False})))


def _unknown(draw: random.Random, method: Method) -> bytes:
    interface, _, name = method.name.rpartition(".")
    names = (
        f"{interface}.{name.lower()}", f"{interface}.{name}{name}", f"{interface}.__init__", f"{interface}.errors", f"{interface}._who",
        f"io.stationd.Nothing.{name}", f"{interface.upper()}.{name}", f"{interface}2.{name}", f"{interface}.Ğ", f"{interface}.\udfff",
    )  # fmt: skip
    return _called(draw.choice(names), {})


def _names_of_nothing(draw: random.Random, method: Method) -> bytes:
    naming = [name for name, _ in method.parameters if name in NAMING]
    if not naming:
        return _unknown(draw, method)
    parameters = {name: _right(kind) for name, kind in method.parameters}
    return _called(method.name, {**parameters, draw.choice(naming): draw.choice(NOTHINGS)})


def _deep(draw: random.Random, method: Method) -> bytes:
    depth = draw.randint(2000, DEEPEST)
    opening, closing = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    inner = opening * depth + (b"1" + closing * depth if draw.random() < 0.5 else b"")
    whole = draw.choice((inner, b'{"method":"%s","parameters":{"x":%s}}' % (method.name.encode(), inner)))
    return whole[: PIECE_BYTES - 1] + END


def _huge(draw: random.Random, method: Method) -> bytes:
    number = draw.choice(("1e999", "-1e999", "9" * 4000, "-" + "9" * 300, "1e308", "0." + "0" * 3000 + "1"))
    texts = {name: json.dumps(_right(kind)) for name, kind in method.parameters}
    texts[draw.choice([*(name for name, kind in method.parameters if kind.lstrip("?") != "float"), "x"])] = number
    inside = ",".join(f"{json.dumps(name)}:{text}" for name, text in texts.items() if text != "null")
    return f'{{"method":"{method.name}","parameters":{{{inside},"y":1}}}}'.encode() + END


def _nuls(draw: random.Random, method: Method) -> bytes:
    call = json.dumps({"method": method.name}).encode()
    at = draw.randint(1, len(call) - 1)
    return draw.choice((END * draw.randint(1, 300), END + call, call[:at] + END + call[at:] + END))


def _half(draw: random.Random, method: Method) -> bytes:
    call = json.dumps({"method": method.name, "parameters": {}}).encode()
    return call[: draw.randint(1, len(call))]


def _giant(draw: random.Random, _: Method) -> bytes:
    return bytes((draw.randint(1, 255),)) * PIECE_BYTES


MAKERS: dict[Fault, Callable[[random.Random, Method], bytes]] = {
    Fault.NOISE: _noise, Fault.CUT: _cut, Fault.TYPE: _wrong_types, Fault.UNKNOWN: _unknown,
    Fault.NAME: _names_of_nothing, Fault.DEEP: _deep, Fault.HUGE: _huge,
    Fault.NULS: _nuls, Fault.HALF: _half, Fault.GIANT: _giant,
}  # fmt: skip


def _called(method: str, parameters: object, more: Mapping[str, object] | None = None) -> bytes:
    return json.dumps({"method": method, "parameters": parameters, **(more or {})}).encode() + END


def _right(kind: str) -> Any:
    """Return something that a parameter of this type may be."""
    match kind:
        case "string":
            return "pfe-a"
        case "int":
            return 5
        case "float":
            return 5.0
        case "bool":
            return False
        case _ if kind.startswith("?"):
            return None
        case _ if kind.startswith("[]"):
            return [_right(kind[2:])]
    return {}


def _wrong(kind: str) -> Sequence[object]:
    """Return what a parameter of this type may not be."""
    always: tuple[object, ...] = ({"no-such-field": 1}, [[]], {"": []})
    match kind.lstrip("?"):
        case "string":
            return (*always, 5, True, [], 1.5)
        case "int":
            return (*always, "5", True, [], "", 1.5)
        case "float":
            return (*always, "5", True, [], "nan")
        case "bool":
            return (*always, "true", 1, 0, [])
        case "object":
            return (*always,)
        case word if word.startswith("[]"):
            return (*(each for each in always if each != [[]]), "pfe-a", 5, True, [5], [None], [{"x": 1}])
    return (*always, "pfe-a", 5, True, [])
