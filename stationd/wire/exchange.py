"""The one shape that all protocols have on a line: a question, its bytes, and how its answer is recognised.

A codec is pure. `find` looks at everything that was received since the question was sent and returns the first complete
answer to *this* question, wherever it lies among noise and foreign frames. Feeding the same bytes in one piece or one by
one finds the same frame, because the answer with the smallest end wins and nothing is decided on incomplete bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

Body = list[int] | list[bool] | str | bytes


class WireFault(Enum):
    """The kind of fault; the values are equal to the words of stationd.core.model.Reason."""

    CHECKSUM = "checksum"
    GARBLED = "garbled"
    MALFORMED = "malformed"
    BUSY = "busy"
    GATEWAY = "gateway"
    ILLEGAL_FUNCTION = "illegal-function"
    ILLEGAL_ADDRESS = "illegal-address"
    ILLEGAL_VALUE = "illegal-value"
    DEVICE_FAILURE = "device-failure"
    REFUSED = "refused"


class FrameError(Exception):
    """A value that cannot be put into or taken out of a frame; the message says what was wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The unit answered as asked. `body` is registers, bits, a text without terminator, or bytes."""

    body: Body


@dataclass(frozen=True, slots=True)
class Refusal:
    """The unit answered, in a sound frame, that it will not or cannot."""

    fault: WireFault
    detail: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """A frame in the place of the answer whose content is not that of an answer (check sum, shape)."""

    fault: WireFault
    detail: str


Outcome = Answer | Refusal | Garbled


@dataclass(frozen=True, slots=True)
class Found:
    """An outcome and where it lies in the received bytes: `received[start:end]`."""

    start: int
    end: int
    outcome: Outcome


class Codec(Protocol):
    """One protocol on one line. Questions are values of the codec's own type, opaque to the bus."""

    @property
    def addressed(self) -> bool:
        """Answers carry their unit, so that a late answer of one unit cannot be taken for another's."""

    @property
    def numbered(self) -> bool:
        """Answers carry the number of their question, so that a late answer cannot be taken for any other."""

    @property
    def silence_characters(self) -> float:
        """Characters of silence that must stand before each question (Modbus RTU: 3.5; else 0)."""

    def encode(self, question: Any, number: int) -> bytes:
        """Return the bytes to send; raises FrameError for a question that the protocol cannot carry."""

    def find(self, question: Any, number: int, received: bytes) -> Found | None:
        """Return the first complete outcome for this question in what was received, or None."""

    def reply_length(self, question: Any) -> int | None:
        """Return the length in bytes of a good answer where the protocol fixes it, else None."""

    def answers(self, question: Any) -> bool:
        """Return False where the unit takes this question in silence (a few write commands of text protocols)."""

    def shape(self, question: Any) -> tuple[Any, ...]:
        """Return what a late answer to this question could be mistaken for: questions of one unit with equal shape."""

    def selector(self, question: Any) -> Any | None:
        """Return the question that must be answered first to select the unit on the line, or None."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question together with the codec that speaks it, the unit it goes to, and whether it changes the plant."""

    codec: Codec
    unit: int
    question: Any
    writes: bool = False
