"""One serial line as it is on the wire: every character takes its time, in both directions.

What it is: a state machine with explicit time (seconds of any one clock) and no input or output of its own. Bytes of the
client count as on the wire from the instant they are read; the device gets a frame when its last bit has arrived; bytes of
the device reach the client in pieces, the last one exactly when its last bit arrives.
What it is not: a UART's electrical side. Breaks, framing errors and modem lines do not exist here.
The silence of 3.5 characters, fixed at 1.75 ms above 19200 baud, and the 1.5 characters that a frame may be interrupted
for, follow "MODBUS over Serial Line" V1.02, section 2.5.1.1.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

PIECE_CHARACTERS = 8  # receive trigger of a 16550A as Linux sets it; a 1 ms step is the floor that keeps 96 ports cheap
PIECE_S = 1e-3
SILENCE_CHARACTERS = 3.5
PAUSE_CHARACTERS = 1.5
FIXED_SILENCE_S = 1.75e-3
FIXED_PAUSE_S = 0.75e-3
FIXED_ABOVE_BAUD = 19200
CLOCK_S = 1e-9  # resolution of the monotonic clock: all the slack that a gap is given
ROUNDING = 1e-6  # of a character or piece: what floating-point seconds of a long uptime may be off by

Late = tuple[float, bytes]  # seconds behind the earliest moment, bytes to send


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Characters and rules of a line. `framed_by_silence` is Modbus RTU; such a line is half duplex (RS-485)."""

    baud: int = 19200
    parity: str = "none"  # none | even | odd
    stop_bits: int = 1
    framed_by_silence: bool = False

    @property
    def character_s(self) -> float:
        """Seconds of one character: start bit, 8 data bits, parity, stop bits."""
        return (9 + (self.parity != "none") + self.stop_bits) / self.baud

    @property
    def silence_s(self) -> float:
        """Silence that must stand before a frame, 0 where silence means nothing."""
        if not self.framed_by_silence:
            return 0.0
        return FIXED_SILENCE_S if self.baud > FIXED_ABOVE_BAUD else SILENCE_CHARACTERS * self.character_s

    @property
    def pause_s(self) -> float:
        """Longest interruption inside a frame."""
        if not self.framed_by_silence:
            return 0.0
        return FIXED_PAUSE_S if self.baud > FIXED_ABOVE_BAUD else PAUSE_CHARACTERS * self.character_s

    @property
    def piece_s(self) -> float:
        """Time between two deliveries inside one answer."""
        return max(PIECE_S, PIECE_CHARACTERS * self.character_s)


@dataclass(slots=True)
class LineCounts:
    """What happened on a line since it was made. Frames are those of the client."""

    frames: int = 0
    gap_violations: int = 0
    collisions: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    answers: int = 0
    lost_bytes: int = 0  # nobody read them on the client's side
    shortest_gap_s: float = float("inf")


@dataclass(slots=True)
class _Sending:
    """One answer on its way: `done` bytes of it have been delivered."""

    begin: float
    end: float
    data: bytearray
    done: int = 0


class Line:
    """See the module. Call `received` and `send` as things happen, and `run` before them and when `deadline` has come."""

    def __init__(self, settings: LineSettings, seed: int = 0) -> None:
        self.settings = settings
        self._counts = LineCounts()
        self._random = random.Random(seed)
        self._frame = bytearray()
        self._frame_begin = self._frame_end = float("-inf")
        self._on_wire = False  # the end of `_frame` has not arrived yet
        self._collided = False
        self._heard_end = float("-inf")  # end of the last frame that the device got
        self._quiet_since = float("-inf")
        self._answers: deque[_Sending] = deque()

    def counts(self) -> LineCounts:
        """Return a copy of the counts."""
        return replace(self._counts)

    def received(self, data: bytes, now: float) -> None:
        """The client's bytes begin, or go on, at `now`."""
        self._counts.bytes_in += len(data)
        if not self._on_wire:
            self._begin_frame(now)
        self._frame += data
        self._frame_end = max(self._frame_end, now) + len(data) * self.settings.character_s
        self._on_wire = True
        self._look_for_collision()

    def _begin_frame(self, now: float) -> None:
        if self._frame_end >= self._quiet_since and now - self._frame_end <= self.settings.pause_s:
            return  # the frame goes on after a short interruption
        answering = bool(self._answers) and self._answers[0].begin < now
        gap_s = 0.0 if answering else now - self._quiet_since
        self._counts.frames += 1
        self._counts.shortest_gap_s = min(self._counts.shortest_gap_s, gap_s)
        if gap_s + CLOCK_S < self.settings.silence_s:
            self._counts.gap_violations += 1
        self._frame.clear()
        self._frame_begin = now
        self._collided = False

    def _look_for_collision(self) -> None:
        """Both ends drive the line at once. On RS-485 both frames are destroyed, on RS-232 neither is."""
        if self._collided or not self._on_wire or not self._answers:
            return
        answer = self._answers[0]
        if answer.begin >= self._frame_end or answer.end <= self._frame_begin:
            return
        self._collided = True
        self._counts.collisions += 1
        if self.settings.framed_by_silence:
            for index in range(answer.done, len(answer.data)):
                answer.data[index] ^= self._random.randrange(1, 256)

    def send(self, pieces: Iterable[Late], now: float) -> None:
        """Queue the device's bytes. A piece begins when the line has been silent long enough, or later by its delay."""
        for delay_s, data in pieces:
            begin = max(now, self._heard_end + self.settings.silence_s) + delay_s
            if self._answers:
                begin = max(begin, self._answers[-1].end + self.settings.silence_s)
            if data:
                self._answers.append(_Sending(begin, begin + len(data) * self.settings.character_s, bytearray(data)))
        self._look_for_collision()

    def deadline(self) -> float | None:
        """Return when `run` has something to do, or None."""
        times = [self._frame_end] if self._on_wire else []
        if self._answers:
            times.append(self._next_step(self._answers[0]))
        return min(times, default=None)

    @property
    def exact(self) -> bool:
        """True where the next deadline is the end of an answer from which the client counts its silence."""
        if not self.settings.framed_by_silence or not self._answers:
            return False
        return self._answers[0].end == self.deadline()

    def _next_step(self, answer: _Sending) -> float:
        next_byte_s = (answer.done + 1) * self.settings.character_s
        steps = ceil(next_byte_s / self.settings.piece_s - ROUNDING)
        return min(answer.begin + steps * self.settings.piece_s, answer.end)

    def run(self, now: float) -> tuple[bytes, bytes | None]:
        """Return what reaches the client now, and the frame whose last bit has just reached the device, if any."""
        arrived = b""
        while self._answers and (part := self._arrive(self._answers[0], now)):
            arrived += part
        self._counts.bytes_out += len(arrived)
        if not self._on_wire or now < self._frame_end:
            return arrived, None
        return arrived, self._heard()

    def _heard(self) -> bytes | None:
        self._on_wire = False
        self._heard_end = self._frame_end
        self._quiet_since = max(self._quiet_since, self._frame_end)
        frame = bytes(self._frame)
        if not self.settings.framed_by_silence:
            self._frame.clear()
            return frame
        return None if self._collided else frame

    def _arrive(self, answer: _Sending, now: float) -> bytes:
        """Return the bytes of this answer that have arrived since the last call."""
        whole = now >= answer.end
        ready = len(answer.data) if whole else max(0, int((now - answer.begin) / self.settings.character_s + ROUNDING))
        part = bytes(answer.data[answer.done : ready])
        answer.done = max(ready, answer.done)
        if whole:
            self._answers.popleft()
            self._quiet_since = max(self._quiet_since, answer.end)
            self._counts.answers += 1
        return part

    def tear(self) -> None:
        """Forget what is on the wire: the line was cut off."""
        self._answers.clear()
        self._frame.clear()
        self._on_wire = False

    def lose(self, count: int) -> None:
        """Count bytes that the client's side did not take."""
        self._counts.lost_bytes += count
