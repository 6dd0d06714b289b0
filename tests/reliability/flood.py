"""R12: a flood of packets from the wire while the daemon reads its unit, to a tenth of a link of 100 Mbit/s.

Follows the approach of public lists of robustness tests for controllers: storms of SYN, UDP, ARP and ICMP, of fragments that never become
whole, of headers that contradict themselves, and of Ethernet broadcasts; a change gets all of them mixed, a release each kind on its own as
well. What counts is what came in: the frames that the interface inside has received.

It measures less than the paper's row in this: the list is ours, not that of a certifier; 30 s before a change is taken; the share of the
link is that of a virtual one, which has no speed of its own. The daemon and its unit live in a network namespace of their own; the flood
comes over a pair of virtual Ethernet ports from outside, made by hand (AF_PACKET), so that nothing of this machine's own network takes
part. Needs root and the Debian package iproute2.

    python -m tests.reliability.flood INTERFACE MAC ADDRESS PORT SECONDS [KIND]      the flood itself, of one kind or all
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
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
IPV4, ARP, LOCAL = 0x0800, 0x0806, 0x88B5  # LOCAL: a type for experiments (IEEE 802), nobody listens to it
ICMP, TCP, UDP = 1, 6, 17
BROADCAST = b"\xff" * 6
MORE_FRAGMENTS = 0x2000
CI_S, KIND_S, MIXED_S = 30, 60.0, 120.0
ARRIVED = 0.8  # of the rate: the sender shares the cores of this machine


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R12."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield Figure("cases", None, least=1)
        yield Figure("why", "needs root, and ip of the Debian package iproute2")
        return
    phases = [(kind.value, KIND_S) for kind in Storm] + [("", MIXED_S)] if share.release else [("", float(share.of(CI_S, CI_S)))]
    yield from asyncio.run(flooded(phases))


async def flooded(phases: Sequence[tuple[str, float]]) -> list[Figure]:
    """Let one flood come after the other, each for so long."""
    came, recovered_s = 0, []
    with apart() as there, tempfile.TemporaryDirectory() as home:
        async with station(Path(home), host=INSIDE, inside=there.words, deciding=True) as running:
            port = (await metrics_port(running)).rpartition(":")[2]
            await running.begin_heart()
            for kind, seconds in phases:
                before = there.received()
                words = [sys.executable, "-m", "tests.reliability.flood", there.outside, there.mac, INSIDE, port, str(seconds)]
                flood = await asyncio.create_subprocess_exec(*words, *([kind] if kind else []), cwd=ROOT, stdout=subprocess.DEVNULL)
                await flood.wait()
                came += there.received() - before
                recovered_s.append(await recovery(running, time.monotonic()))
            heart = await running.heart()
    whole_s = sum(seconds for _, seconds in phases)
    return [
        Figure("cases", came, least=int(PER_S * whole_s * ARRIVED)),
        Figure("kinds", len(Storm)),
        Figure("packets_received_per_s", came / whole_s),
        Figure("recovery_s", None if None in recovered_s else max(each for each in recovered_s if each is not None), most=RECOVERY_S),
        *heart.figures(),
    ]


async def metrics_port(running: Station) -> str:
    """Return host and port of the page."""
    return str(json.loads((running.home / "ports.json").read_text())["metrics"]).split("/")[2]


async def recovery(running: Station, ended: float) -> float | None:
    """Return how long after the flood a scrape and a question at the socket are answered and the unit is read; None: far too long."""
    asked = len(running.questions())
    try:
        async with asyncio.timeout(2 * RECOVERY_S):
            await running.page()
            await running.alarms()
            while len(running.questions()) == asked:
                await asyncio.sleep(0.01)
    except TimeoutError:
        return None
    return time.monotonic() - ended


@dataclass(frozen=True, slots=True)
class Apart:
    """A network namespace and the way into it. It lasts as long as the process that holds it, so that nothing outlives a killed proof."""

    holder: int
    outside: str
    inside: str
    mac: str

    @property
    def words(self) -> tuple[str, ...]:
        """Return what stands before a command that is to run in it."""
        return ("nsenter", f"--net=/proc/{self.holder}/ns/net", "--")

    def received(self) -> int:
        """Return how many frames the interface inside has received."""
        lines = Path(f"/proc/{self.holder}/net/dev").read_text().splitlines()
        return next(int(line.split(":")[1].split()[1]) for line in lines if line.strip().startswith(f"{self.inside}:"))


@contextlib.contextmanager
def apart() -> Iterator[Apart]:
    """Make a network namespace with a way into it."""
    outside, inside = f"proof{os.getpid()}o"[:15], f"proof{os.getpid()}i"[:15]
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]) as holder:
        try:
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
                time.sleep(0.01)
            enter = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--", "ip")
            _run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", str(holder.pid))
            _run("ip", "addr", "add", f"{OUTSIDE}/24", "dev", outside)
            _run("ip", "link", "set", outside, "up")
            for words in (("addr", "add", f"{INSIDE}/24", "dev", inside), ("link", "set", inside, "up"), ("link", "set", "lo", "up")):
                _run(*enter, *words)
            shown = _run(*enter, "-o", "link", "show", inside)
            yield Apart(holder.pid, outside, inside, shown.split("link/ether ")[1].split()[0])
        finally:
            holder.kill()


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


# ---------------------------------------------------------------------- the flood


class Storm(Enum):
    """The kinds."""

    SYN = "syn"
    UDP = "udp"
    ARP = "arp"
    ICMP = "icmp"
    FRAGMENT = "fragment"
    BAD_IP = "bad-ip"
    BAD_TCP = "bad-tcp"
    BROADCAST = "broadcast"


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom a flood is for, and where its numbers come from."""

    rng: random.Random
    mac: bytes
    address: str
    port: int


def frames(aim: Aim, kinds: Sequence[Storm]) -> list[bytes]:
    """Return frames to this station by turns of each kind, from senders that do not exist."""
    return [one_of(kinds[number % len(kinds)], aim) for number in range(FRAMES)]


def one_of(kind: Storm, aim: Aim) -> bytes:
    """Return one frame."""
    rng = aim.rng
    sender_mac, sender = bytes((2, *rng.randbytes(5))), f"10.231.7.{rng.randint(3, 254)}"
    match kind:
        case Storm.ARP:
            asks = struct.pack(">HHBBH", 1, IPV4, 6, 4, 1) + sender_mac + socket.inet_aton(sender) + bytes(6)
            return ethernet(BROADCAST, sender_mac, ARP, asks + socket.inet_aton(aim.address))
        case Storm.BROADCAST:
            return ethernet(BROADCAST, sender_mac, rng.choice((LOCAL, ARP, IPV4)), rng.randbytes(46))
        case _:
            return ethernet(aim.mac, sender_mac, IPV4, packet(kind, aim, sender))


def packet(kind: Storm, aim: Aim, sender: str) -> bytes:
    """Return one IPv4 packet."""
    rng = aim.rng
    match kind:
        case Storm.UDP:
            return ip(UDP, sender, aim.address, datagram(rng))
        case Storm.ICMP:
            echo = bytes((8, 0, 0, 0)) + rng.randbytes(18)
            return ip(ICMP, sender, aim.address, echo[:2] + checksum(echo).to_bytes(2, "big") + echo[4:])
        case Storm.FRAGMENT:
            place = MORE_FRAGMENTS | rng.randrange(0, 0x1FFF, 3)  # the rest never comes, and some lie over others
            return ip(UDP, sender, aim.address, datagram(rng), (rng.getrandbits(16), place))
        case Storm.BAD_IP:
            whole = bytearray(ip(TCP, sender, aim.address, syn(rng, sender, aim.address, aim.port)))
            whole[rng.choice((0, 2, 3, 9, 10))] ^= rng.randint(1, 255)  # version and length, total length, protocol, check sum
            return bytes(whole)
        case Storm.BAD_TCP:
            segment = bytearray(syn(rng, sender, aim.address, aim.port))
            segment[12:14] = rng.randbytes(2)  # length of the header and every flag
            return ip(TCP, sender, aim.address, summed(sender, aim.address, bytes(segment)) if rng.randrange(2) else bytes(segment))
        case _:
            return ip(TCP, sender, aim.address, syn(rng, sender, aim.address, aim.port))


def datagram(rng: random.Random) -> bytes:
    """Return a datagram of UDP (RFC 768) from and to any port."""
    return struct.pack(">4H", rng.randint(1024, 65535), rng.randint(1, 65535), 26, 0) + rng.randbytes(18)


def ethernet(to: bytes, sender: bytes, kind: int, body: bytes) -> bytes:
    """Return a frame of at least 60 bytes."""
    return (to + sender + kind.to_bytes(2, "big") + body).ljust(60, b"\0")


def ip(protocol: int, sender: str, to: str, body: bytes, part: tuple[int, int] = (0, 0)) -> bytes:
    """Return an IPv4 packet (RFC 791); `part` is its identification, and its flags with its place in the whole."""
    addresses = socket.inet_aton(sender) + socket.inet_aton(to)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), *part, 64, protocol, 0) + addresses
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def syn(rng: random.Random, sender: str, to: str, port: int) -> bytes:
    """Return a TCP segment that begins a connection (RFC 9293)."""
    head = struct.pack(">HHIIBBHHH", rng.randint(1024, 65535), port, rng.getrandbits(32), 0, 0x50, 2, 65535, 0, 0)
    return summed(sender, to, head)


def summed(sender: str, to: str, segment: bytes) -> bytes:
    """Return a TCP segment with its check sum."""
    blank = segment[:16] + bytes(2) + segment[18:]
    pseudo = socket.inet_aton(sender) + socket.inet_aton(to) + struct.pack(">BBH", 0, TCP, len(blank))
    return blank[:16] + checksum(pseudo + blank).to_bytes(2, "big") + blank[18:]


def checksum(data: bytes) -> int:
    """Return the check sum of the internet (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def pour(interface: str, ready: Sequence[bytes], seconds: float) -> None:
    """Send at the rate for so long."""
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        begun = time.monotonic()
        while (passed_s := time.monotonic() - begun) < seconds:
            for _ in range(max(0, int(passed_s * PER_S) - sent)):
                with contextlib.suppress(OSError):  # what did not leave has not come in, which is where it is counted
                    wire.send(ready[sent % FRAMES])
                sent += 1
            time.sleep(STEP_S)


if __name__ == "__main__":
    INTERFACE, MAC, ADDRESS, PORT, SECONDS, *KINDS = sys.argv[1:]
    AIM = Aim(random.Random(1), bytes.fromhex(MAC.replace(":", "")), ADDRESS, int(PORT))
    pour(INTERFACE, frames(AIM, [Storm(kind) for kind in KINDS] or list(Storm)), float(SECONDS))
