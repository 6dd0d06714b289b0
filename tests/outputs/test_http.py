from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from stationd.outputs.http import Health, HttpServer
from stationd.outputs.http_doors import Patience
from tests.outputs.plant import SIMULATED

BRIEF = Patience(connections=8, header_s=0.2, answer_s=0.2)
GOOD_HEALTH, USUAL_PATIENCE = Health(True), Patience()
BIG = b"stationd_point_value 1\n" * 1_000_000  # more than the buffers of two sockets hold


@contextlib.asynccontextmanager
async def served(
    page: bytes = b"stationd_up 1\n", health: Health = GOOD_HEALTH, patience: Patience = USUAL_PATIENCE
) -> AsyncIterator[int]:
    async def metrics() -> bytes:
        return page

    server = HttpServer("127.0.0.1:0", SIMULATED, metrics, lambda: health, patience)
    try:
        yield await server.start()
    finally:
        await server.stop()


async def answer(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Return header and body of what comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    header, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return header, body


async def get(port: int, path: str) -> tuple[bytes, bytes]:
    return await answer(port, f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())


async def closed_by_server(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionResetError):
        await reader.read()
    return True


async def test_metrics_come_in_the_text_format_of_prometheus() -> None:
    async with served() as port:
        header, body = await get(port, "/metrics")
    assert header.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8" in header.lower()
    assert body == b"stationd_up 1\n"


@pytest.mark.parametrize(("health", "status"), [(Health(True), b"200"), (Health(False, "bus pfe is closed"), b"503")])
async def test_health_is_a_status_and_a_reason(health: Health, status: bytes) -> None:
    async with served(health=health) as port:
        header, body = await get(port, "/healthz")
    assert header.startswith(b"HTTP/1.1 " + status)
    assert json.loads(body) == {"ok": health.ok, "reason": health.reason, "station": "aktau", "mode": "sim"}


async def test_the_landing_page_links_both_and_names_the_mode() -> None:
    async with served() as port:
        header, body = await get(port, "/")
    assert header.startswith(b"HTTP/1.1 200")
    assert b'href="/metrics"' in body
    assert b'href="/healthz"' in body
    assert b"Aktau (sim)" in body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"GET /etc/passwd HTTP/1.1\r\nHost: here\r\n\r\n", b"404"),
        (b"\x16\x03\x01\x02\x00\x01 this is not HTTP \r\n\r\n", b"400"),
        (b"GET /" + 20_000 * b"x" + b" HTTP/1.1\r\nHost: here\r\n\r\n", b"400"),
    ],
)
async def test_what_is_no_request_for_a_page_is_refused(request_: bytes, status: bytes) -> None:
    async with served() as port:
        header, _ = await answer(port, request_)
        assert header.startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status))
        assert (await get(port, "/metrics"))[1] == b"stationd_up 1\n"


async def test_a_header_that_never_ends_is_closed() -> None:
    async with served(patience=BRIEF) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\nX-Slow: ")
        assert await closed_by_server(reader)
        writer.close()


async def test_a_client_that_sends_nothing_is_closed() -> None:
    async with served(patience=BRIEF) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await closed_by_server(reader)
        writer.close()


async def test_a_drop_of_header_now_and_then_buys_no_time() -> None:
    async with served(patience=BRIEF) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        closing = asyncio.create_task(closed_by_server(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        while not closing.done():
            writer.write(b"X: y\r\n")
            await asyncio.wait((closing,), timeout=0.02)
        writer.close()


async def test_a_client_that_does_not_read_its_answer_loses_its_place() -> None:
    async with served(BIG, patience=Patience(connections=1, header_s=60.0, answer_s=0.2)) as port:
        _, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        lazy.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
        header = b""
        while not header.startswith(b"HTTP/1.1 200"):  # while the only place is taken, others are turned away
            with contextlib.suppress(ConnectionError):
                header, _ = await get(port, "/healthz")
        lazy.transport.abort()


async def test_a_header_cut_into_single_bytes_is_a_request() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n":
            writer.write(bytes((byte,)))
            await writer.drain()
        assert (await reader.read()).endswith(b"stationd_up 1\n")
        writer.close()


async def test_a_flood_of_mute_clients_locks_nobody_out() -> None:
    async with served(patience=Patience(connections=32)) as port:
        mute = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        for _, writer in mute:
            writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(20):
            assert (await get(port, "/metrics"))[1] == b"stationd_up 1\n"
        open_ones = [reader for reader, _ in mute if not reader.at_eof() and reader.exception() is None]
        assert len(open_ones) <= 32
        for _, writer in mute:
            writer.close()


async def test_a_flood_from_one_address_takes_no_place_of_another() -> None:
    async with served(patience=Patience(connections=8)) as port:
        reader, slow = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        slow.write(b"GET /metrics HTTP/1.1\r\n")
        mute = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert await closed_by_server(mute[0][0])
        slow.write(b"Host: here\r\n\r\n")
        assert (await reader.read()).endswith(b"stationd_up 1\n")
        for writer in (slow, *(writer for _, writer in mute)):
            writer.close()


async def test_the_newcomer_is_turned_away_only_when_every_place_is_being_served() -> None:
    finish = asyncio.Event()

    async def slow() -> bytes:
        await finish.wait()
        return b"stationd_up 1\n"

    server = HttpServer("127.0.0.1:0", SIMULATED, slow, lambda: Health(True), Patience(connections=2))
    port = await server.start()
    first, second = (asyncio.create_task(get(port, "/metrics")) for _ in range(2))
    turned_away = False
    while not turned_away:  # until both of them have their places
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            turned_away = await closed_by_server(reader)
            writer.close()
    finish.set()
    assert [(await task)[1] for task in (first, second)] == [b"stationd_up 1\n"] * 2
    await server.stop()


async def test_a_stop_waits_for_no_client() -> None:
    async with served(BIG, patience=Patience(header_s=3600.0, answer_s=3600.0)) as port:
        mute_reader, mute = await asyncio.open_connection("127.0.0.1", port)
        _, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        lazy.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
        await get(port, "/healthz")
    assert await closed_by_server(mute_reader)
    mute.close()
    lazy.transport.abort()


async def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    async with served() as port:
        second = HttpServer(f"127.0.0.1:{port}", SIMULATED, lambda: asyncio.sleep(0, b""), lambda: Health(True))
        with pytest.raises(OSError, match=str(port)):
            await second.start()
        await second.stop()
