"""A person at a terminal: keys go in, everything that the program writes comes out. The program is `stationctl`, the terminal a pty.

What it is: a real pseudo terminal, the controlling one of its process, so that hanging up is a hang-up. It answers the one question that
terminals of the xterm family answer, where the cursor is. What it is not: an emulator: control sequences are taken out, not carried out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.stories.line import CLIENT, PATIENCE_S, ROOT, surroundings
from tests.stories.people import Person, Place

# The first terminal that a session of its own opens is its controlling one; then it becomes the program itself.
BECOME = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.executable, [sys.executable, '-m', *sys.argv[1:]])"
PROMPT = re.compile(r"(?:^|\n)(?P<prompt>[A-Z0-9-]+ (?:LIVE|SIM|HIL) [a-z]+(?: \[(?P<marks>[^]]*)\])?> ?)$")
MORE = "--More-- (SPACE, q, /text)"
SEQUENCES = re.compile(r"\x1b\[[0-9;?>=]*[A-Za-z]|\x1b[=>()][0-9A-B]?|\x07")
WHERE, HERE = b"\x1b[6n", b"\x1b[24;1R"
KEY_S = 0.043  # between two keys of a quick typist; what comes faster the shell takes for pasted, and it does not act on that
QUIET_S = 0.1  # no byte for so long: what was written is whole (it is looked at again if not)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of terminal: its name, the locale, and its size in rows and columns."""

    term: str = "vt100"
    lang: str = "C"
    size: tuple[int, int] = (24, 80)


def shown(raw: bytes | bytearray) -> str:
    """Return what stands in the lines that were written: what came after a return to the begin of a line covers what was there."""
    return "\n".join(_covered(row) for row in SEQUENCES.sub("", raw.decode("utf-8", "replace")).split("\n"))


def _covered(row: str) -> str:
    standing = ""
    for part in row.split("\r"):
        standing = part + standing[len(part) :]
    return standing.rstrip() + (" " if standing.endswith("> ") else "")


class Terminal:
    """Somebody sits there."""

    def __init__(self, socket: str | Path, person: Person, *words: str, place: Place, kind: Kind, home: Path, **more: str) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", *kind.size, 0, 0))
        typed = [sys.executable, "-c", BECOME, CLIENT, "--socket", str(socket), *words]
        around = surroundings(person, place, home, TERM=kind.term, LANG=kind.lang, **more)
        self.process = subprocess.Popen(
            typed, stdin=follower, stdout=follower, stderr=follower, cwd=ROOT, env=around, start_new_session=True
        )
        os.close(follower)
        self.raw = bytearray()
        self.mark = 0

    # What is seen.

    @property
    def text(self) -> str:
        """Everything that was written, as it stands after it; what moves the cursor elsewhere than to the begin of its line is left out."""
        return shown(self.raw)

    @property
    def news(self) -> str:
        """What was written since the mark."""
        return shown(self.raw[self.mark :])

    @property
    def flat(self) -> str:
        """The same as one line: how it is folded does not matter."""
        return " ".join(self.news.split())

    def sees(self, *texts: str) -> str:
        """Wait until all these texts were written since the mark, wherever lines are folded; return that."""
        self.until(lambda: all(text in self.flat for text in texts), f"{texts} never came")
        return self.news

    def at_prompt(self) -> str:
        """Wait until the shell asks for the next line; return its prompt."""
        self._until_quiet(lambda: PROMPT.search(self.news) is not None, "no prompt came")
        found = PROMPT.search(self.news)
        assert found is not None
        return found["prompt"]

    def until(self, met: Callable[[], bool], complaint: str) -> None:
        """Read until a condition is met; a page that stands meanwhile is turned."""
        give_up = time.monotonic() + PATIENCE_S
        while not met():
            if self.news.endswith(MORE):
                os.write(self._leader, b" ")
            assert self._more(max(give_up - time.monotonic(), 0.0)) or met(), f"{complaint}:\n{self.news}"

    def _until_quiet(self, met: Callable[[], bool], complaint: str) -> None:
        """Read until a condition is met and stays so while nothing more comes for a moment."""
        self.until(met, complaint)
        while self._more(QUIET_S):
            self.until(met, complaint)

    # What is done.

    def presses(self, keys: str) -> None:
        """Press keys, and nothing else."""
        self.mark = len(self.raw)
        os.write(self._leader, keys.encode())

    def types(self, line: str) -> None:
        """Type a line."""
        self.presses(f"{line}\r")

    def types_by_hand(self, line: str) -> None:
        """Type a line key by key, as fast as a person does: so what acts is taken."""
        self.mark = len(self.raw)
        next_t = time.monotonic()
        for key in f"{line}\r":
            os.write(self._leader, key.encode())
            next_t = max(next_t, time.monotonic()) + KEY_S
            while (left_s := next_t - time.monotonic()) > 0:
                self._more(left_s)

    def acts(self, line: str) -> str:
        """As `answer`, typed by hand."""
        self.types_by_hand(line)
        return self._answered(line)

    def answer(self, line: str) -> str:
        """Type a line in the shell, turn every page, and return what was written until the next prompt, the prompt included."""
        self.types(line)
        return self._answered(line)

    def _answered(self, line: str) -> str:
        self.until(lambda: "\n" in self.news, f"{line} was not taken")

        def done() -> bool:
            while self.news.endswith(MORE):
                os.write(self._leader, b" ")
                self._more(PATIENCE_S)
            return PROMPT.search(self.news.partition("\n")[2]) is not None

        self._until_quiet(done, f"{line} has no end")
        return self.news.partition("\n")[2]

    def hangs_up(self) -> None:
        """Go away as a line that drops does."""
        os.close(self._leader)
        self._leader = -1
        self.process.wait(PATIENCE_S)

    def ended(self) -> int:
        """Return the exit code, when everything that was written is here."""
        give_up = time.monotonic() + PATIENCE_S
        while self._more(max(give_up - time.monotonic(), 0.0)):
            pass
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        if self._leader >= 0:
            os.close(self._leader)

    def _more(self, wait_s: float) -> bool:
        if not select.select([self._leader], [], [], wait_s)[0]:
            return False
        try:
            more = os.read(self._leader, 65536)
        except OSError:  # the end of a terminal is an error of its reader
            return False
        self.raw += more
        if WHERE in more:
            os.write(self._leader, HERE)
        return bool(more)


@contextlib.contextmanager
def sitting(
    socket: str | Path, person: Person, *words: str, home: Path, place: Place = Place.CONSOLE, kind: Kind = Kind(), **more: str
) -> Iterator[Terminal]:
    """Somebody sits at a terminal; with words he has typed one command, without he has logged in."""
    terminal = Terminal(socket, person, *words, place=place, kind=kind, home=home, **more)
    try:
        yield terminal
    finally:
        terminal.close()
