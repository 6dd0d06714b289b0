"""The operations that this shell has armed or prepared: only here they are begun, and with this shell they end."""

from __future__ import annotations

import contextlib
import time

from stationd.shell.caller import Failed, Line
from stationd.shell.daemon import Daemon
from stationd.shell.methods import OPERATION
from stationd.shell.screens import acting as act_screens

LEAVING_S = 3.0  # whoever leaves waits so long at most, for all of them together; the end of the connection disarms them anyway


class Owned:
    """Names of operations, as they were armed or prepared in this shell."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._armed: dict[str, None] = {}
        self._prepared: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._armed or name in self._prepared

    def arms(self, name: str) -> None:
        """Note that it was armed here."""
        self._armed[name] = None

    def prepares(self, name: str) -> None:
        """Note that it held, and that going on was asked for here."""
        self._prepared[name] = None

    def forget(self) -> None:
        """The session is another one: what was armed by the one before has ended with it."""
        self._armed.clear()
        self._prepared.clear()

    def given_up(self) -> list[str]:
        """Disarm what was armed here and has not begun; return what to say of it. What holds stays as it is."""
        lines: list[str] = []
        until = time.monotonic() + LEAVING_S
        for name in self._armed:
            with contextlib.suppress(Failed, KeyError, TypeError):
                lines += self._given_up(name, until - time.monotonic())
        return lines

    def _given_up(self, name: str, within_s: float) -> list[str]:
        if within_s <= 0.0:
            return [f"{name} ends with this session."]
        with contextlib.closing(Line(self._daemon.socket, within_s)) as line:  # the one that is kept may be in the middle of an answer
            view = line.call(f"{OPERATION}.Get", {"operation": name})["operation"]
            if view["phase"] in ("starting", "running", "held"):
                return act_screens.left_lines(name, running=view["phase"] != "held")
            if view["phase"] not in ("waiting", "armed"):
                return []
            try:
                line.call(f"{OPERATION}.Disarm", {"operation": name}, acts=True)
            except Failed as failed:
                return [f"{name} ends with this session.", *failed.lines]
        return [f"{name} is disarmed. Nothing was sent."]
