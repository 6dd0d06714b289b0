"""Somebody at the shell: a scripted daemon that has what a shell asks for, and a terminal with `stationctl` alone on it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stationd.shell.typing_in import FASTEST_PER_S, READ_S
from tests.console.desk import STATUS
from tests.shell.scripted import STAMP, Scripted, Sitting, sitting

PROMPT = "AKTAU LIVE local"
DOCUMENTED = re.compile(r"^[A-Z0-9-]+ (LIVE|SIM|HIL) [a-z]+( \[[^]]*\])?> $")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x07")
NOT_SERVED = ("List", "Authority", "Holds", "Interlocks", "GetHealth", "GetClock", "GetHandover", "ListPoints")


def stand(daemon: Scripted, *marks: str, mode: str = "LIVE") -> None:
    """Let the daemon show this in the prompt."""
    daemon.answers["GetPrompt"] = lambda _: ("", {"prompt": {"station": "AKTAU", "mode": mode, "place": "local", "marks": list(marks)}})


def furnish(daemon: Scripted) -> None:
    """Give a scripted daemon what a shell asks for by itself."""
    stand(daemon)
    daemon.answers["GetStatus"] = lambda _: ("", {"status": STATUS})
    daemon.answers["Announce"] = lambda _: ("", {})
    daemon.answers["Monitor"] = lambda _: ("", {"notice": {"kind": "hello", "t": STAMP, "text": "", "bell": False, "id": 0}})
    for method in NOT_SERVED:
        daemon.answers[method] = lambda _: ("org.varlink.service.InterfaceNotFound", {"interface": "it"})


class Person:
    """Somebody at the shell, who reads on from where he has read so far."""

    def __init__(self, seat: Sitting) -> None:
        self.seat = seat
        self.at = 0

    def sees(self, text: str) -> None:
        """Read on until this stands there."""
        self.at = self.seat.until(text, after=self.at)

    def prompted(self, marks: str = "") -> None:
        """Read on until the prompt stands there."""
        self.sees(f"{PROMPT}{f' [{marks}]' if marks else ''}>")

    def types(self, text: str) -> None:
        """Press keys."""
        self.seat.types(text)

    def orders(self, line: str) -> None:
        """Type a line that acts, which a machine does too quickly: it stays to be read, and wants Enter once more."""
        self.types(line)
        self.sees(line[-6:])
        self.types("\r")
        self.reads(line)

    def reads(self, line: str) -> None:
        """Read a line that was shown, for as long as a person takes, and press Enter."""
        self.sees("then press Enter")
        self.sees(line[-6:])
        time.sleep(1.5 * READ_S)
        self.types("\r")

    def by_hand(self, line: str) -> None:
        """Type a line as a person does, sign by sign, and press Enter."""
        for sign in f"{line}\r":
            time.sleep(1.5 / FASTEST_PER_S)
            self.types(sign)

    @property
    def read(self) -> str:
        """Everything on the screen so far, without what only moves the cursor."""
        return CONTROL.sub("", self.seat.screen)


@contextlib.contextmanager
def at_shell(daemon: Scripted, term: str = "vt100", first: str = PROMPT, **more: str) -> Iterator[Person]:
    """Somebody sits at the shell, and has the first prompt before him."""
    home = daemon.path.parent
    environment: Mapping[str, str] = {"XDG_STATE_HOME": str(home), "LANG": "C", "LC_ALL": "C", **more}
    with sitting(daemon.path, term=term, more=environment) as seat:
        person = Person(seat)
        person.sees(first)
        yield person


def history(path: Path) -> list[str]:
    """Return what the shell has written down."""
    file = path / "stationctl" / "history"
    return file.read_text().splitlines() if file.exists() else []


def off(confirmed: bool | None) -> tuple[str, dict[str, Any]]:
    """Return an answer to EMERGENCY-OFF."""
    since = STAMP if confirmed else None
    return "", {"devices": [{"device": "pfe-a", "confirmed": confirmed, "since": since, "detail": ""}], "allConfirmed": bool(confirmed)}
