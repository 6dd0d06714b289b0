"""An instrument for tests: a line for each question, as SCPI over TCP has it. It stands for a supply, a meter, an attenuator."""

from __future__ import annotations

import contextlib
import socket
import threading


class Instrument:
    """`value` is what it answers with to everything; None: it takes the question and never answers. `heard` are the questions."""

    def __init__(self, value: str | None) -> None:
        self.value = value
        self.heard: list[str] = []
        self.together = 0  # the most connections that were open at once
        self._open = 0
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()
        for each in self._held:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        self._open += 1
        self.together = max(self.together, self._open)
        with contextlib.suppress(OSError):
            self.heard.append(link.recv(1000).decode())
            if self.value is None:
                self._held.append(link)
                return
            self._open -= 1  # before the answer: the next question may be there before this thread goes on
            link.sendall(self.value.encode() + b"\n")
            link.close()
