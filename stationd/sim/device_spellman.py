"""A simulated Spellman high-voltage supply of the XRV class (RS-232, or LAN form without the check sum).

Written apart from the driver, from the command set and vectors that a public driver uses (pymeasure, spellmanXRV.py).
Frames are STX command,arguments, check character ETX; a frame without the check character is answered without one.
Assumptions: the order of arguments where the source names but does not order them (22: HV on, interlock 1, interlock 2,
supply fault, local, ready; 68: over- and under-voltage, over- and under-current, over-temperature, anode arc, cathode arc,
watchdog, over-power; 19: kV, mA); a refused command is answered with 1 instead of $; a frame with a wrong check character or
an unknown command is not answered; commands that set are refused while the panel has control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stationd.sim.device_text import ANSWER_S, LONGEST_LINE
from stationd.sim.line import Late
from stationd.sim.stage import FeedDesk, Stage

STX, ETX = b"\x02", b"\x03"
FULL_SCALE = 4095
OVER_RANGE = 1.2
DONE, REFUSED = "$", "1"
BAUD_CODES = ("1", "2", "3", "4", "5")
RATED_FORM = "{:g},{:g},0"  # kV, mA and polarity
CONFIGURATION = ["110", "100", "100", "4", "50", "0"]  # over-voltage %, V ramp, I ramp, arcs, quench time, watchdog


class Spellman:
    """One supply, alone on its line."""

    def __init__(self, stage: Stage, desk: FeedDesk) -> None:
        self.desk = desk
        self.interlocks = [True, True]
        self._stage = stage
        self._configuration = list(CONFIGURATION)
        self._hours_s = 0.0
        self._counted_at = stage.now
        self._received = bytearray()
        stage.enlist(self._count_hours)

    def set_interlock(self, number: int, closed: bool) -> None:
        """Close or open interlock loop 1 or 2; open means off."""
        self.interlocks[number - 1] = closed
        self.desk.set_interlock(all(self.interlocks))

    def feed(self, data: bytes) -> list[Late]:
        """Take bytes; return answers."""
        self._received += data
        pieces = []
        while (end := self._received.find(ETX)) >= 0:
            frame = bytes(self._received[:end])
            del self._received[: end + 1]
            start = frame.rfind(STX)
            reply = self._frame(frame[start + 1 :]) if start >= 0 else None
            if reply is not None:
                pieces.append((ANSWER_S, STX + reply + ETX))
        del self._received[:-LONGEST_LINE]
        return pieces

    def _frame(self, body: bytes) -> bytes | None:
        text, _, given = body.rpartition(b",")
        text += b","
        if given not in (b"", check_character(text)):
            return None
        self._stage.settle()
        reply = self._command(text.decode("latin-1").split(",")[:-1])
        if reply is None:
            return None
        sent = f"{text[: text.find(b',')].decode('latin-1')},{reply},".encode("latin-1")
        return sent + check_character(sent) if given else sent

    def _command(self, words: list[str]) -> str | None:
        command, arguments = words[0], words[1:]
        if not arguments:
            read = self._reads().get(command)
            return read() if read is not None else self._do(command)
        if command not in ("07", "10", "11", "27", "98"):
            return None
        if not self.desk.feed.remote and command != "07":
            return REFUSED
        return DONE if self._set(command, arguments) else REFUSED

    def _reads(self) -> Mapping[str, Callable[[], str]]:
        desk = self.desk
        return {
            "14": lambda: str(_share(desk.voltage.target, desk.rated_v)),
            "15": lambda: str(_share(desk.current.target, desk.rated_ma)),
            "19": lambda: f"{self._kilovolts()},{self._milliamperes()},0,0",
            "21": lambda: f"{self._hours_s / 3600:.1f}",
            "22": self._status,
            "23": lambda: "SWM9999-999,REV01",
            "27": lambda: ",".join(self._configuration),
            "28": lambda: RATED_FORM.format(desk.rated_v / 1000, desk.rated_ma),
            "60": self._kilovolts,
            "68": self._faults,
            "69": lambda: "2048,2048,2048",
        }

    def _do(self, command: str) -> str | None:
        if command != "31":
            return None
        self.desk.acknowledge()
        return DONE

    def _kilovolts(self) -> str:
        return str(_share(self.desk.measure()[1], self.desk.rated_v * OVER_RANGE))

    def _milliamperes(self) -> str:
        return str(_share(self.desk.measure()[0], self.desk.rated_ma * OVER_RANGE))

    def _status(self) -> str:
        feed, desk = self.desk.feed, self.desk
        ready = all(self.interlocks) and not desk.tripped
        flags = (feed.output_on, *self.interlocks, desk.tripped, not feed.remote, ready)
        return ",".join(str(int(flag)) for flag in flags)

    def _faults(self) -> str:
        return ",".join(str(int(flag)) for flag in (self.desk.tripped, *(False,) * 8))

    def _set(self, command: str, arguments: list[str]) -> bool:
        match command:
            case "07":
                return arguments[0] in BAUD_CODES
            case "27":
                fits = len(arguments) == len(self._configuration) and all(word.isdecimal() for word in arguments)
                self._configuration = arguments if fits else self._configuration
                return fits
            case "98":
                return arguments[0] in ("0", "1") and self.desk.switch(arguments[0] == "1")
        if not arguments[0].isdecimal() or int(arguments[0]) > FULL_SCALE:
            return False
        share = int(arguments[0]) / FULL_SCALE
        if command == "10":
            self.desk.set_voltage(share * self.desk.rated_v)
        else:
            self.desk.set_current(share * self.desk.rated_ma)
        return True

    def _count_hours(self, now: float) -> None:
        if self.desk.feed.output_on:
            self._hours_s += now - self._counted_at
        self._counted_at = now


def _share(value: float, full: float) -> int:
    return max(0, min(FULL_SCALE, round(value / full * FULL_SCALE)))


def check_character(text: bytes) -> bytes:
    """Return the check character of a frame's text, its last comma included."""
    return bytes((((-sum(text)) & 0x7F) | 0x40,))
