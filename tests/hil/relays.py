"""A relay box for tests: Modbus TCP, coils and discrete inputs, real sockets. It stands for the contactor and the interlock loop."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading


class RelayBox:
    """`coils` as they were switched last, `inputs` as the test sets them; `orders` all that was switched."""

    def __init__(self) -> None:
        self.coils: dict[int, bool] = {}
        self.inputs: dict[int, bool] = {}
        self.orders: list[tuple[int, bool]] = []
        self.dead: set[int] = set()  # coils that are answered with an empty body and do not move
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._over = threading.Event()
        self._switched = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_off(self, coil: int, patience_s: float = 20.0) -> bool:
        with self._switched:
            return self._switched.wait_for(lambda: self.coils.get(coil) is False, patience_s)

    def close(self) -> None:
        self._over.set()
        self._thread.join(10.0)
        self._listener.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                link, _ = self._listener.accept()
                with link, contextlib.suppress(OSError, struct.error):
                    link.settimeout(5.0)
                    while head := link.recv(7):
                        body = link.recv(struct.unpack(">H", head[4:6])[0] - 1)
                        answer = self._answer(body)
                        link.sendall(head[:4] + struct.pack(">H", len(answer) + 1) + head[6:7] + answer)

    def _answer(self, pdu: bytes) -> bytes:
        function, address, value = struct.unpack(">BHH", pdu)
        if function == 2:
            return bytes([2, 1, self.inputs.get(address, False)])
        if function == 1:
            return bytes([1, 1, self.coils.get(address, False)])
        if address in self.dead:
            return b""
        with self._switched:
            self.coils[address] = value == 0xFF00
            self.orders.append((address, self.coils[address]))
            self._switched.notify_all()
        return pdu
