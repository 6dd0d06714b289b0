"""R12: a flood of packets from the wire while the daemon reads its unit: SYN, UDP and ARP to a tenth of a link of 100 Mbit/s.

The daemon and its unit live in a network namespace of their own; the flood comes over a pair of virtual Ethernet ports from outside, made
by hand (AF_PACKET), so that nothing of this machine's own network takes part. Needs root and the Debian package iproute2.

    python -m tests.reliability.flood INTERFACE MAC ADDRESS PORT SECONDS      the flood itself
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.figures import Figure, Share
from tests.reliability.station import Station, station

ROOT = Path(__file__).resolve().parents[2]
LINK_BIT_PER_S, SHARE = 100e6, 0.10
FRAME_BITS = (64 + 20) * 8  # the shortest frame with preamble and gap between frames (IEEE 802.3)
PER_S = round(LINK_BIT_PER_S * SHARE / FRAME_BITS)
STEP_S = 0.002
OUTSIDE, INSIDE = "10.231.7.1", "10.231.7.2"
RECOVERY_S = 10.0
FRAMES = 4096  # different ones
IPV4, ARP = 0x0800, 0x0806
TCP, UDP = 6, 17


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R12."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield Figure("cases", None, least=1)
        yield Figure("why", "needs root, and ip of the Debian package iproute2")
        return
    yield from asyncio.run(flooded(float(share.of(30, 600))))


async def flooded(seconds: float) -> list[Figure]:
    """Let the flood come for so long."""
    name = f"proof{os.getpid()}"
    with namespace(name) as (interface, mac), tempfile.TemporaryDirectory() as home:
        async with station(Path(home), host=INSIDE, inside=("ip", "netns", "exec", name)) as running:
            port = (await metrics_port(running)).rpartition(":")[2]
            await running.begin_heart()
            words = [sys.executable, "-m", "tests.reliability.flood", interface, mac, INSIDE, port, str(seconds)]
            flood = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=subprocess.PIPE)
            said, _ = await flood.communicate()
            ended = time.monotonic()
            heart = await running.heart()
            recovered_s = await recovery(running, ended)
    sent = int(said)
    return [
        Figure("cases", sent, least=int(PER_S * seconds * 0.8)),
        Figure("packets_per_s", sent / seconds),
        Figure("recovery_s", recovered_s, most=RECOVERY_S),
        *heart.figures(),
    ]


async def metrics_port(running: Station) -> str:
    """Return host and port of the page."""
    return str(json.loads((running.home / "ports.json").read_text())["metrics"]).split("/")[2]


async def recovery(running: Station, ended: float) -> float:
    """Return how long after the flood a scrape and a question at the socket are answered and the unit is read."""
    asked = len(running.questions())
    await running.page()
    await running.alarms()
    while len(running.questions()) == asked:
        await asyncio.sleep(0.01)
    return time.monotonic() - ended


@contextlib.contextmanager
def namespace(name: str) -> Iterator[tuple[str, str]]:
    """Make a network namespace with a way into it; gives the interface outside and the address of the one inside."""
    outside, inside = f"{name}o"[:15], f"{name}i"[:15]
    _ip("netns", "add", name)
    try:
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", name)
        _ip("addr", "add", f"{OUTSIDE}/24", "dev", outside)
        _ip("link", "set", outside, "up")
        for words in (("addr", "add", f"{INSIDE}/24", "dev", inside), ("link", "set", inside, "up"), ("link", "set", "lo", "up")):
            _ip("-n", name, *words)
        shown = _ip("-n", name, "-o", "link", "show", inside)
        yield outside, shown.split("link/ether ")[1].split()[0]
    finally:
        _ip("netns", "del", name)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


# ---------------------------------------------------------------------- the flood


def frames(mac: bytes, address: str, port: int) -> list[bytes]:
    """Return frames to this station: SYN to its page, UDP to any port, ARP for it, from senders that do not exist."""
    rng = random.Random(1)
    return [one_of(number % 3, rng, mac, address, port) for number in range(FRAMES)]


def one_of(kind: int, rng: random.Random, mac: bytes, address: str, port: int) -> bytes:
    """Return one frame."""
    sender_mac = bytes((2, *rng.randbytes(5)))
    sender = f"10.231.7.{rng.randint(3, 254)}"
    match kind:
        case 0:
            return ethernet(mac, sender_mac, IPV4, ip(TCP, sender, address, syn(rng, sender, address, port)))
        case 1:
            datagram = struct.pack(">4H", rng.randint(1024, 65535), rng.randint(1, 65535), 26, 0) + rng.randbytes(18)
            return ethernet(mac, sender_mac, IPV4, ip(UDP, sender, address, datagram))
        case _:
            asks = struct.pack(">HHBBH", 1, IPV4, 6, 4, 1) + sender_mac + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(address)
            return ethernet(b"\xff" * 6, sender_mac, ARP, asks)


def ethernet(to: bytes, sender: bytes, kind: int, body: bytes) -> bytes:
    """Return a frame of at least 60 bytes."""
    return (to + sender + kind.to_bytes(2, "big") + body).ljust(60, b"\0")


def ip(protocol: int, sender: str, to: str, body: bytes) -> bytes:
    """Return an IPv4 packet (RFC 791)."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, socket.inet_aton(sender), socket.inet_aton(to))
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def syn(rng: random.Random, sender: str, to: str, port: int) -> bytes:
    """Return a TCP segment that begins a connection (RFC 9293)."""
    head = struct.pack(">HHIIBBHHH", rng.randint(1024, 65535), port, rng.getrandbits(32), 0, 0x50, 2, 65535, 0, 0)
    pseudo = socket.inet_aton(sender) + socket.inet_aton(to) + struct.pack(">BBH", 0, TCP, len(head))
    return head[:16] + checksum(pseudo + head).to_bytes(2, "big") + head[18:]


def checksum(data: bytes) -> int:
    """Return the check sum of the internet (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def pour(interface: str, mac: str, address: str, port: int, seconds: float) -> int:
    """Send at the rate for so long; return how many frames left."""
    ready = frames(bytes.fromhex(mac.replace(":", "")), address, port)
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        begun = time.monotonic()
        while (passed_s := time.monotonic() - begun) < seconds:
            for _ in range(max(0, int(passed_s * PER_S) - sent)):
                with contextlib.suppress(OSError):
                    wire.send(ready[sent % FRAMES])
                sent += 1
            time.sleep(STEP_S)
    return sent


if __name__ == "__main__":
    sys.stdout.write(f"{pour(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))}\n")
