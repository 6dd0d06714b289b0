"""The service manager and the journal as a line of the suite sees them: orders, properties, entries, and waiting for what must come."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
UNIT = "stationd.service"
DROP_INS = Path("/run/systemd/system") / f"{UNIT}.d"
LOOK_S = 0.05
BUSY = 1.5  # assumption: processes that want a CPU, for each of them
PATIENCE_S = 30.0  # for what comes by itself on a busy machine; a line that promises a time measures it
PLAIN = {"SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "cat", "SYSTEMD_EMOJI": "0", "LC_ALL": "C.UTF-8"}


class NotHere(Exception):
    """This machine cannot show what the line is about; the text says what is missing."""


def run(*words: object, within_s: float = 90.0, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a program; its exit code has to be `code`, None: any."""
    command = [str(word) for word in words]
    done = subprocess.run(
        command, env={**os.environ, **PLAIN}, capture_output=True, text=True, errors="replace", timeout=within_s, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert code is None or done.returncode == code, f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done


MEASURED: list[tuple[str, float, float]] = []  # what the line that is carried out has measured: what, seconds, the most that is promised


def kept_within(took_s: float, most_s: float, what: str) -> None:
    """Hold a promise about time. On a machine that has far more to do than it can, a longer time says nothing: NotHere."""
    MEASURED.append((what, took_s, most_s))
    load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    if took_s > most_s and load > BUSY * cpus:
        raise NotHere(f"{what} took {took_s:.1f} s of {most_s:g} s, on a machine with a load of {load:.1f} on {cpus} CPUs")
    assert took_s <= most_s, f"{what} took {took_s:.1f} s, promised are {most_s:g} s"


def systemctl(*words: object, code: int | None = 0) -> str:
    """Give the manager an order; return what it says."""
    return run("systemctl", *words, code=code).stdout.strip()


def version() -> int:
    """Return the version of the manager, for example 252."""
    return int(run("systemctl", "--version").stdout.split()[1])


def shown(name: str, unit: str = UNIT) -> str:
    """Return one property of a unit."""
    return systemctl("show", "--value", "--property", name, unit)


def state() -> str:
    """Return the state of the service with the manager's finer word: active/running."""
    return f"{shown('ActiveState')}/{shown('SubState')}"


def main_pid() -> int:
    """Return the number of the daemon's process, 0 while there is none."""
    return int(shown("MainPID"))


def since_boot_s(name: str, unit: str = UNIT) -> float:
    """Return a time of a unit (for example ActiveEnterTimestampMonotonic), seconds of the monotonic clock."""
    return int(shown(name, unit)) / 1e6


def until(what: Callable[[], T], why: str, within_s: float = PATIENCE_S) -> T:
    """Wait until something is true and return it; AssertionError with `why` and the last answer when it never is."""
    give_up = time.monotonic() + within_s
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < give_up, f"{why}: not within {within_s:g} s; the last answer was {answer!r}; {state()}"
        time.sleep(LOOK_S)


def until_active(within_s: float = PATIENCE_S) -> int:
    """Wait until the service runs; return its process."""
    until(lambda: state() == "active/running", "the service never became active", within_s)
    return main_pid()


def changed(name: str, lines: str) -> None:
    """Add a drop-in to the service until `restored`."""
    DROP_INS.mkdir(parents=True, exist_ok=True)
    (DROP_INS / f"{name}.conf").write_text(f"[Service]\n{lines}\n", encoding="utf-8")
    systemctl("daemon-reload")


def restored(name: str) -> None:
    """Take a drop-in away again."""
    (DROP_INS / f"{name}.conf").unlink(missing_ok=True)
    systemctl("daemon-reload")


class Journal:
    """The entries of the journal from the moment this was made on. `namespace` "": the machine's own, where the manager speaks."""

    def __init__(self, namespace: str = "stationd") -> None:
        self._words = ["journalctl", "--output=json", "--quiet", "--no-pager", *([f"--namespace={namespace}"] if namespace else [])]
        last = run(*self._words, "--lines=1", code=None).stdout.strip()
        self._after = [f"--after-cursor={json.loads(last)['__CURSOR']}"] if last else []

    def entries(self, *matches: str) -> list[Mapping[str, str]]:
        """Return the entries that have one of these fields (NAME=value); all without any.

        They are chosen here: journalctl swallows the first match after a cursor whose own entry does not match.
        """
        run("journalctl", "--sync", *[word for word in self._words if word.startswith("--namespace")], code=None)
        found = [json.loads(line) for line in run(*self._words, *self._after, code=None).stdout.splitlines()]
        wanted = [tuple(match.split("=", 1)) for match in matches]
        return [entry for entry in found if not wanted or any(entry.get(name) == value for name, value in wanted)]

    def texts(self, *matches: str) -> str:
        """Return what the entries say, one a line."""
        return "\n".join(text_of(entry) for entry in self.entries(*matches))

    def until_said(self, text: str, *matches: str, within_s: float = PATIENCE_S) -> str:
        """Wait until an entry contains a text; return that entry's."""
        last = ""

        def found() -> str:
            nonlocal last
            last = self.texts(*matches)
            return next((line for line in last.splitlines() if text in line), "")

        try:
            return until(found, f'the journal never said "{text}"', within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said: {last[-3000:]}") from None


def text_of(entry: Mapping[str, object]) -> str:
    """Return the message of an entry; the journal gives bytes as numbers where they are no plain text."""
    message = entry.get("MESSAGE", "")
    return bytes(message).decode(errors="replace") if isinstance(message, list) else str(message)
