"""What comes to the doors of this machine: the control socket and the web page, without a socket.

Promised: every answer on the control socket is JSON with parameters or with an error that a description declares, never an internal
error; the connection ends when the client has; nothing is ordered that was not asked for by a whole call. A client of the web page gets a
status line or a closed connection, and the loop hears of no exception.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from stationd.bench.malformed import declared
from stationd.console.channel import END, Channel
from stationd.console.connection import Connection
from stationd.console.peer import Peer
from stationd.console.places import USUAL
from stationd.console.seats import Seats
from stationd.console.server import Doors, interfaces, registry
from stationd.outputs.http import Health, HttpServer
from tests.console.acting import Book, Plant
from tests.console.desk import OPERATOR, POWER, VIEWER, Desk, Station
from tests.console.own import Own
from tests.console.people import Porter
from tests.fuzz.target import Broken, Target, holds
from tests.outputs.plant import SIMULATED
from tests.virtual_time import LoneLoop

PEERS = (VIEWER, OPERATOR, POWER)
PIECES = 8  # what a client sends comes in so many at most, since Channel looks at later ones only now and then
PATIENCE_S = 60.0  # of the loop's time; more than every limit of both doors
OF_VARLINK = tuple(f"org.varlink.service.{name}" for name in ("InterfaceNotFound", "MethodNotFound", "ExpectedMore", "InvalidParameter"))
INTERNAL = "io.stationd.Status.InternalError"


class Wire(asyncio.Transport):
    """A connection in memory. What is written is kept, and leaves at once."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40_000)})
        self.sent = bytearray()
        self.closed = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_reading(self) -> bool:
        return not self.paused


class ListeningLoop(LoneLoop):
    """An event loop in virtual time. It remembers what would serve a client of a listener, and what goes wrong in a callback."""

    def __init__(self) -> None:
        super().__init__()
        self.made: Callable[[], asyncio.Protocol] | None = None
        self.wrong: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.wrong.append(context))

    async def create_server(self, protocol_factory: Any, *words: Any, **named: Any) -> asyncio.Server:
        self.made = protocol_factory
        return await super().create_server(protocol_factory, *words, **named)


@cache
def _loop() -> ListeningLoop:
    return ListeningLoop()


def pieces(data: bytes, most: int) -> list[bytes]:
    """Return the bytes as they come; the first byte says in how many pieces."""
    count = 1 + data[0] % most if data else 1
    size = max(1, -(-len(data[1:]) // count))
    return [data[1:][at : at + size] for at in range(0, len(data[1:]), size)]


# The control socket.


class AllTheTime:
    """A share of the loop that never has anybody wait."""

    async def turn(self) -> None:
        return

    def used(self, seconds: float) -> None:
        pass


def control_socket(data: bytes) -> None:
    """Feed what a client sends, until it hangs up."""
    plant, desk = Plant(), Desk()
    errors = _errors()
    for answer in _answers(data, plant, desk):
        holds(answer.get("error") != INTERNAL, "an internal error")
        holds("parameters" in answer or "error" in answer, f"{str(answer)[:200]} is neither an answer nor an error")
        holds(answer.get("error", INTERNAL) in errors or "error" not in answer, f"{answer.get('error')} is declared nowhere")
    calls = data[1:].count(END)
    holds(len(plant.orders) + len(desk.orders) <= calls, f"{len(plant.orders)} orders of {calls} calls")
    holds(not _loop().wrong, f"the loop heard of {_loop().wrong[:1]}")


def _answers(data: bytes, plant: Plant, desk: Desk) -> list[dict[str, Any]]:
    """Return what a client reads who sends the bytes and hangs up."""
    loop = _loop()
    loop.wrong.clear()
    try:
        sent = loop.run_until_complete(_served(data, plant, desk))
    except TimeoutError:
        raise Broken(f"a client that has hung up is still served {PATIENCE_S:g} s later") from None
    holds(not sent or sent.endswith(END), "an answer was cut off")
    return [json.loads(each) for each in sent.split(END)[:-1]]


async def _served(data: bytes, plant: Plant, desk: Desk) -> bytes:
    peer = PEERS[data[0] // PIECES % len(PEERS)] if data else VIEWER
    wire, channel = Wire(), Channel(USUAL)
    channel.connection_made(wire)
    made = _interfaces(peer, plant, desk)
    serving = asyncio.ensure_future(Connection(channel, made, AllTheTime(), stops=True).serve())  # type: ignore[arg-type]
    async with asyncio.timeout(PATIENCE_S):
        for piece in pieces(data, PIECES):
            await _reads(wire, serving)
            if serving.done():
                break
            channel.data_received(piece)
        channel.eof_received()
        await serving
    channel.connection_lost(None)
    return bytes(wire.sent)


async def _reads(wire: Wire, serving: asyncio.Future[None]) -> None:
    """Wait until the connection wants more, or is done."""
    while wire.paused and not serving.done():
        await asyncio.sleep(0.1)


def _interfaces(peer: Peer, plant: Plant, desk: Desk) -> Any:
    seats = Seats(lambda: plant.time_s)
    doors = Doors(Station(), desk, True, operations=plant, setpoints=plant, audit=Book(), session=Porter(plant), diagnostics=Own())
    seats.enter(peer)
    return registry(interfaces(doors, USUAL, seats=seats)(peer))


@cache
def _errors() -> frozenset[str]:
    """Return every error that the interfaces of the station declare in their descriptions, and those of Varlink itself."""
    found = set(OF_VARLINK)
    for name in _described("GetInfo")["interfaces"]:
        description = _described("GetInterfaceDescription", interface=name)["description"]
        found |= declared(description)
    return frozenset(found)


def _described(method: str, **parameters: str) -> dict[str, Any]:
    call = json.dumps({"method": f"org.varlink.service.{method}", "parameters": parameters}).encode()
    (answer,) = _answers(bytes((2 * PIECES,)) + call + END, Plant(), Desk())
    found: dict[str, Any] = answer["parameters"]
    return found


# The web page.


def web_page(data: bytes) -> None:
    """Feed what a client of the web page sends, until it hangs up; then a client that means well asks."""
    loop = _loop()
    loop.wrong.clear()
    loop.run_until_complete(_asked(data))
    holds(not loop.wrong, f"the loop heard of {loop.wrong[:1]}")


async def _asked(data: bytes) -> None:
    server = HttpServer("127.0.0.1:0", SIMULATED, _page, lambda: Health(True))
    await server.start()
    made = _loop().made
    assert made is not None
    try:
        answer = await _conversation(made(), data)
        holds(not answer or answer.startswith(b"HTTP/"), f"answered {answer[:80]!r}")
        good = await _conversation(made(), b"\0GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        holds(good.startswith(b"HTTP/1.1 200 "), f"a good client is answered {good[:80]!r}")
    finally:
        await server.stop()


async def _conversation(protocol: asyncio.Protocol, data: bytes) -> bytes:
    wire = Wire()
    protocol.connection_made(wire)
    for piece in pieces(data, 64):
        if wire.closed:
            break
        protocol.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    if not wire.closed:
        protocol.eof_received()
    for _ in range(10):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    return bytes(wire.sent)


async def _page() -> bytes:
    return b"stationd_up 1\n"


CALL_WORDS = tuple(
    word.encode()
    for word in (
        '"method":|"parameters":|"more":true|"oneway":true|null|true|{}|[]|1e999|"keys":["pfe-a/PFE-TRIP"]|"key":|"seconds":|"reason":"x"|'
        '"operation":"OP-42"|"code":"123456"|"\\ud800"|"org.varlink.service.GetInfo"|"io.stationd.Alarm.Monitor"|"io.stationd.Session.Note"|'
        '"io.stationd.Operation.EmergencyOff"|"io.stationd.Operation.Arm"|"io.stationd.Status.GetStatus"|"io.stationd.Setpoint.Apply"'
    ).split("|")
)
HTTP_WORDS = tuple(
    word.encode()
    for word in (
        "GET|POST|HEAD|OPTIONS|CONNECT| / | /metrics | /healthz |HTTP/1.1|HTTP/1.0|HTTP/9.9|\r\n|\r\n\r\n|\n\n|Host: here|"
        "Content-Length: 5|Content-Length: -1|Transfer-Encoding: chunked|0\r\n\r\n|ffffffffffffffff\r\n|Expect: 100-continue|"
        "Connection: upgrade|Upgrade: websocket|%00|%2e%2e/|http://a:b@c/|Range: bytes=0-|Accept-Encoding: gzip|\0|\x80"
    ).split("|")
)
TARGETS = (
    Target("control-socket", control_socket, (*CALL_WORDS, END), cost=40),
    Target("web-page", web_page, HTTP_WORDS, cost=20),
)
