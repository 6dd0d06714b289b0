"""How long `stationctl show status` takes, and what becomes of a person's requests while others attack the control socket.

The daemon is that of Aktau on its simulated equipment, in a process of its own (stationd.bench.shell_station); the equipment in
another one. First the command, start to finish, beside a bare interpreter that imports what such a client needs, by turns. Then two
clients that mean well ask at fixed times, whether they have been answered or not: one who may act, and one who looks, who is of the
same kind as most attackers. First alone; then while 100,000 malformed requests come; then while 100 readers that never read fight for every
place of those who look; strangers knock again and again both times (stationd.bench.shell_attack). STATIOND_SHELL_REQUESTS is another
number of requests.
The attackers run at the lowest priority: they take what the daemon, its equipment and the clients leave of the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stationd.bench.malformed import declared
from stationd.bench.row import Row, at_most
from stationd.bench.shell_users import END, Who, answer_of, asked, connected
from stationd.console.peer import Role
from stationd.sim.tether import TETHER

BARE = (sys.executable, "-c", "import asyncio, json, socket")
SCRIPT = Path(sys.executable).with_name("stationctl")
CALLED = (sys.executable, "-c", "import sys; from stationd.shell.client import main; sys.exit(main())")  # what the script does
PAIRS = 40
MOST_RATIO, MORE_S = 1.5, 0.060
REQUESTS, READERS, STRANGERS, SEED = 100_000, 100, 4, 1
EVERY_S = 0.05  # requests of a client that means well: faster than any screen asks
QUIET_S, WARM_S, READ_S, SETTLE_S, LONGEST_S = 30.0, 20.0, 40.0, 15.0, 1800.0
START_S, STOP_S = 90.0, 20.0
LOWEST_PRIORITY = 19
GOAL_MS, GOAL_BYTES = 50.0, 10e6
SERVICE = "org.varlink.service"
METHODS = ("io.stationd.Status.GetStatus", "io.stationd.Alarm.List", "io.stationd.Operation.List")
OPERATOR, VIEWER = Who(Role.OPERATE, 5001), Who(Role.VIEW, 5002)


def shell_rows() -> Iterator[Row]:
    """Run both."""
    with tempfile.TemporaryDirectory(prefix="stationd-bench-") as name, station(Path(name)) as (process, path):
        yield from one_shot_rows(path)
        yield from attack_rows(process, path, int(os.environ.get("STATIOND_SHELL_REQUESTS", REQUESTS)))


@contextlib.contextmanager
def station(directory: Path) -> Iterator[tuple[int, str]]:
    """Run the station; give the number of its daemon's process and the path of its control socket."""
    words = [*TETHER, sys.executable, "-m", "stationd.bench.shell_station", str(directory)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            process, path = running.stdout.readline().split()
            wait_until_ready(path, running)
            yield int(process), path
        finally:
            running.terminate()
            running.wait(STOP_S)


def wait_until_ready(path: str, running: subprocess.Popen[str]) -> None:
    """Wait until the daemon has read every unit of its station. RuntimeError with its log."""
    end, units = time.monotonic() + START_S, dict[str, Any]()
    while time.monotonic() < end and running.poll() is None:
        with contextlib.suppress(OSError), connected(path, VIEWER) as own:
            units = asked(own, METHODS[0])["status"]["devices"]
            if units and all(unit["up"] for unit in units.values()):
                return
        time.sleep(0.2)
    log = Path(path).with_name("log").read_text()
    raise RuntimeError(f"the station was not ready within {START_S:g} s: {units}\n{log[-2000:]}")


# ---------------------------------------------------------------------- one command


def one_shot_rows(path: str) -> Iterator[Row]:
    """Time the command and the bare interpreter by turns."""
    begins = (str(SCRIPT),) if SCRIPT.exists() else CALLED
    command, bare = (*begins, "--socket", path, "show", "status"), BARE
    taken = [(timed(bare), timed(command)) for _ in range(PAIRS + 1)][1:]  # the first one of each finds a cold disk
    bare_s, whole_s = (statistics.median(each) for each in zip(*taken, strict=True))
    yield Row("shell", "python -c 'import asyncio, json, socket'", 1e3 * bare_s, "ms")
    yield Row("shell", "stationctl show status", 1e3 * whole_s, "ms", 1e3 * bare_s, whole_s / bare_s)
    ratio = (whole_s - MORE_S) / bare_s
    goal = f"<= {MOST_RATIO:g}"
    yield Row("shell", "the same, less 60 ms", 1e3 * (whole_s - MORE_S), "ms", 1e3 * bare_s, ratio, goal, ratio <= MOST_RATIO)


def timed(words: Sequence[str]) -> float:
    """Return how long a program takes from its start to its end."""
    begin = time.perf_counter()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    taken_s = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return taken_s


# ---------------------------------------------------------------------- who means well


class Client:
    """Somebody who asks at fixed times, from a thread of his own. What he waits counts from the time at which he wanted to ask.

    `anew`: with a connection for each request, as a command has.
    """

    def __init__(self, path: str, who: Who, *, anew: bool = False) -> None:
        self._path, self._who, self._anew = path, who, anew
        self._own: socket.socket | None = None
        self._waits_s: list[float] = []
        self.failures: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)
        self._thread.start()

    def take(self) -> list[float]:
        """Return what was waited since this was asked last."""
        taken, self._waits_s = self._waits_s, []
        return taken

    def stop(self) -> None:
        """Have no more asked."""
        self._ended.set()
        self._thread.join()

    def _ask_on(self) -> None:
        number, due = 0, time.perf_counter()
        while not self._ended.wait(max(due - time.perf_counter(), 0)):
            try:
                self._ask(METHODS[number % len(METHODS)])
                self._waits_s.append(time.perf_counter() - due)
            except OSError as error:
                self.failures[str(error)[:200]] += 1
                self._hang_up()
            number, due = number + 1, due + EVERY_S
        self._hang_up()

    def _ask(self, method: str) -> None:
        self._own = self._own or connected(self._path, self._who)
        self._own.sendall(json.dumps({"method": method}).encode() + END)
        if (answer := answer_of(self._own)).startswith(b'{"error"'):
            raise ConnectionError(answer[:200].decode())
        if self._anew:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._own is not None:
            self._own.close()
        self._own = None


# ---------------------------------------------------------------------- the attack


def attack_rows(process: int, path: str, requests: int) -> Iterator[Row]:
    """Measure the clients alone, then with the attackers; then the daemon, when it has come to rest."""
    clients = {
        "who acts": Client(path, OPERATOR),
        "who looks": Client(path, VIEWER),
        "who comes anew": Client(path, OPERATOR, anew=True),
    }
    try:
        time.sleep(WARM_S)
        before, memory = standing(path), Memory(process)
        take(clients)
        time.sleep(QUIET_S)
        alone = take(clients)
        yield from wait_rows("alone", alone)
        answered = dict[str, dict[str, Any]]()
        for name, counts in attacks(requests).items():
            cpu_s, begin = cpu_of(process), time.monotonic()
            take(clients)
            answered[name] = attacked(path, counts, memory)
            took_s = time.monotonic() - begin
            yield from wait_rows(name, take(clients), alone)
            yield Row("shell", f"{name}: time", took_s, "s")
            yield Row("shell", f"{name}: CPU of the daemon", 100 * (cpu_of(process) - cpu_s) / took_s, "%")
        time.sleep(SETTLE_S)
        memory.look()
        yield at_most("shell", "requests that failed", sum(client.failures.total() for client in clients.values()), "", 0)
        yield from let_in_rows(path, before, answered)
        yield from memory.rows()
    finally:
        for client in clients.values():
            client.stop()


def attacks(requests: int) -> Mapping[str, Mapping[str, int]]:
    """Return who attacks at the same time, and how many of each. The readers leave nobody else who looks a place."""
    return {"malformed": {"malformed": requests, "strangers": STRANGERS}, "readers": {"readers": READERS, "strangers": STRANGERS}}


def take(clients: Mapping[str, Client]) -> dict[str, list[float]]:
    """Return what each client has waited since this was asked last."""
    return {name: client.take() for name, client in clients.items()}


def wait_rows(name: str, under: Mapping[str, list[float]], alone: Mapping[str, list[float]] | None = None) -> Iterator[Row]:
    """Say how long the clients waited, beside what they waited alone."""
    for who, waits_s in under.items():
        for word, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            here_ms = 1e3 * quantile(waits_s, share)
            there_ms = 1e3 * quantile(alone[who], share) if alone else None
            goal = (f"<= {GOAL_MS:g}", here_ms <= GOAL_MS) if word == "p99" and alone else ("", None)
            yield Row("shell", f"{name}: {word} of one {who}", here_ms, "ms", there_ms, here_ms / there_ms if there_ms else None, *goal)
        yield Row("shell", f"{name}: requests of one {who}", len(waits_s), "")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))]


def attacked(path: str, counts: Mapping[str, int], memory: Memory) -> dict[str, Any]:
    """Attack in these ways at once, until the malformed requests are through or for READ_S; return what each attacker says."""
    running = {way: attacker(way, path, count) for way, count in counts.items()}
    sender = running.get("malformed")
    try:
        end = time.monotonic() + (READ_S if sender is None else LONGEST_S)
        while (sender is None or sender.poll() is None) and time.monotonic() < end:
            time.sleep(1.0)
            memory.look()
        for each in running.values():
            if each is not sender:
                each.send_signal(signal.SIGINT)
        return {way: json.loads(each.communicate(timeout=STOP_S)[0]) for way, each in running.items()}
    finally:
        for each in running.values():
            each.kill()
            each.wait()


def attacker(way: str, path: str, count: int) -> subprocess.Popen[str]:
    """Start one of them."""
    words = [*TETHER, sys.executable, "-m", "stationd.bench.shell_attack", way, path, str(SEED), str(count)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    os.setpriority(os.PRIO_PROCESS, running.pid, LOWEST_PRIORITY)
    return running


# ---------------------------------------------------------------------- nothing was let in


@dataclass(frozen=True, slots=True)
class Standing:
    """What an order would have changed."""

    audit: str
    operations: str
    holds: str
    staged: str
    notes: str


def standing(path: str) -> Standing:
    """Ask for everything that an order would change."""
    with connected(path, OPERATOR) as own:
        asks = ("Audit.Head", "Operation.List", "Operation.Holds", "Setpoint.Diff", "Session.GetHandover")
        audit, operations, holds, staged, page = (asked(own, f"io.stationd.{each}") for each in asks)
    return Standing(*map(json.dumps, (audit, operations, holds, staged, page["page"]["notes"])))


def declared_errors(path: str) -> frozenset[str]:
    """Return every error that the daemon says it has."""
    found = frozenset[str]()
    with connected(path, OPERATOR) as own:
        for name in asked(own, f"{SERVICE}.GetInfo")["interfaces"]:
            found |= declared(asked(own, f"{SERVICE}.GetInterfaceDescription", {"interface": name})["description"])
    return found


def let_in_rows(path: str, before: Standing, answered: Mapping[str, dict[str, Any]]) -> Iterator[Row]:
    """Say what the attackers were answered, and whether anything of the station is another than before."""
    errors, let_in, unanswered = Counter[str](), list[str](), 0
    for name, ways in answered.items():
        for way, said in ways.items():
            errors.update(said["errors"])
            let_in += said["let_in"]
            unanswered += said["unanswered"]
            yield Row("shell", f"{name}: {way}, sent", said["sent"], "")
            yield Row("shell", f"{name}: {way}, connections", said["connections"], "")
    strange = errors.keys() - declared_errors(path)
    after = standing(path)
    changed = [each.name for each in fields(Standing) if getattr(before, each.name) != getattr(after, each.name)]
    yield at_most("shell", "malformed requests and strangers let in", len(let_in), "", 0)
    yield at_most("shell", "malformed requests never answered", unanswered, "", 0)
    yield at_most("shell", "errors that no description has", len(strange), "", 0)
    yield at_most("shell", "errors that are a mistake of ours", errors["io.stationd.Status.InternalError"], "", 0)
    yield at_most("shell", "audit, operations, holds ... that changed", len(changed), "", 0)
    for line in (*let_in[:5], *sorted(strange), *changed):
        print(line, file=sys.stderr)


# ---------------------------------------------------------------------- what it cost the daemon


class Memory:
    """The resident memory of a process, as the kernel counts it (VmRSS of proc(5)), from now on."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._looks = [self._now()]

    def look(self) -> None:
        """Look once more; the last look counts as the end."""
        self._looks.append(self._now())

    def rows(self) -> Iterator[Row]:
        """Say how much it grew, at most and in the end."""
        first = self._looks[0]
        yield Row("shell", "daemon: memory before", first / 1e6, "MB")
        yield at_most("shell", "daemon: memory grew at most by", (max(self._looks) - first) / 1e6, "MB", GOAL_BYTES / 1e6)
        yield at_most("shell", "daemon: memory grew in the end by", (self._looks[-1] - first) / 1e6, "MB", GOAL_BYTES / 1e6)

    def _now(self) -> int:
        lines = Path(f"/proc/{self._process}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def cpu_of(process: int) -> float:
    """Return the seconds of CPU that a process has used: utime and stime of proc(5)."""
    spent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")
