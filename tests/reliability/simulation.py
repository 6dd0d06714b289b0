"""R17: a whole station in simulated time, with faults drawn by a seed, and what must be true after each: 500 of them.

    python -m tests.reliability.simulation SEED [SECONDS]      plays one seed again, bit for bit, and prints what happened

A unit of some make and a module of contacts are read by the whole daemon (stationd.app) in one process, without a thread and without a
clock of the machine. For a while the seed lets lines spoil answers, ports hang up, contacts open, clocks jump, people acknowledge and
shelve, and the daemon end and start again, told to or killed; then everything is healed. A kill leaves what was on the disk at that moment,
as kill -9 does: the copy of the state that is taken then. Follows the approach of FoundationDB's simulation: one seed, one run. A digest
over everything that the journal holds shows that a seed gives the same run again.

It measures less than the paper's row in this: before a change a life is 51 simulated seconds, before a release one hour; of those as many
are lived as fit into the HOURS of the release, 10,000 of them being what it wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import structlog

from stationd.app import App, load
from stationd.core.alarm.machine import Event
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Shelve, Target
from stationd.core.model import PointId
from stationd.links.port import Link, PortSettings, Receiver
from stationd.outputs.journal import Query
from stationd.sim.device_io import Contact, IoModule
from stationd.sim.meters import quiet
from stationd.surroundings import Surroundings
from tests import virtual_time
from tests.memory_rig import MemoryRig
from tests.reliability.bus_wires import BESIDE, MAKES, SUBJECT, Found, Make, Passage, Spoil, Wire, rig_of, station_text, wires
from tests.reliability.figures import Figure, Share
from tests.two_stations import STATE_BELOW, Computer, WallClock

HEALTHY_S, TROUBLE_S, HEALED_S = 5.0, 30.0, 16.0
HOUR_S = 3600.0  # the life of a release
COMMITTED_S = 0.5  # so old a record is on the disk, at the latest (assumption; the writer takes what is there at once)
EARLIEST_S, LATEST_S = 9e8, 2.7e9  # to which a clock jumps: 1998 and 2055, beyond 2038
PROCESSES = 2
REPLAYED = 10  # seeds that are played twice
CHUNK = 50  # seeds for a process between two looks at the clock
SOON_S = 5.0  # what is read so often has to be read again when all is healed
CONTACTS = (Contact.DOOR, Contact.MAINS, Contact.CONVERTER)
CONTACT_ALARM = "".join(
    f'[[alarm]]\ntype = "{name}"\npoint = "beside.{point}"\nequals = false\n'
    for name, point in (("MAINS-FAIL", "di6"), ("ROOM-DOOR", "di1"))
)
JUMPS_S = (1.0, -1.0, 3600.0, -3600.0, 3.2e8, -3.2e8)
TRANSIENT = ("STALE", "BUS-DOWN", "MAINS-FAIL", "ROOM-DOOR", "STORAGE-FAILED", "TASK-REBUILT")  # nothing of this stands in a healed station


@dataclass(slots=True)
class World:
    """The station of a seed and all that surrounds it."""

    seed: int
    make: Make
    rng: random.Random
    rig: MemoryRig
    home: Path
    tasks: asyncio.TaskGroup
    clock: WallClock = field(default_factory=WallClock)
    computer: Computer = field(default_factory=lambda: Computer("boot"))
    starts: int = 0
    happened: list[str] = field(default_factory=list)
    records: list[AlarmRecord] = field(default_factory=list)
    spoils: dict[str, Spoil] = field(default_factory=dict)
    too_old: list[str] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    read: set[PointId] = field(default_factory=set)  # what was good at some time
    _app: App | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def app(self) -> App:
        """The daemon that runs."""
        assert self._app is not None
        return self._app

    async def open_port(self, settings: PortSettings, bus: Receiver) -> Link:
        """Open a port, with a passage in between that spoils what `spoils` has for it."""
        name = next(each for each, address in self.rig.addresses.items() if address == settings.port)
        passage = Passage(bus, Found("", ""), spoil=lambda question, answer: self._spoilt(name, question, answer))
        passage.link = self.rig.simulation.port(name).open(passage)  # type: ignore[attr-defined]  # it is one in memory
        return passage

    def _spoilt(self, name: str, question: bytes, answer: bytes) -> list[tuple[float, bytes]]:
        return list(self.spoils[name](question, answer)) if name in self.spoils else [(0.0, answer)]

    async def start(self) -> None:
        """Start the daemon."""
        loaded = load(self.home / "station.toml")
        assert loaded.config is not None, loaded.mistakes
        self.starts += 1
        around = Surroundings(
            clock=self.clock, machine=self.computer, open_port=self.open_port, run=f"run-{self.starts}", threads=False
        )  # fmt: skip
        self._app = App(loaded.config, loaded.catalogue, around)
        self._app.recorder.subscribe(self.records.append)
        self._task = self.tasks.create_task(self._app.run())
        await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End it as systemd does."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    def look_at_age(self) -> None:
        """Note what is called good for longer than it may."""
        now = asyncio.get_running_loop().time()
        for point, every_s in self.app.board.periods().items():
            reading = self.app.board[point]
            if reading.quality.good:
                self.read.add(point)
            if reading.quality.good and now - reading.t > max(3.0 * every_s, 2.0) + 0.2:
                self.too_old.append(f"{point} of {now - reading.t:.1f} s ago")


# ---------------------------------------------------------------------- what happens


async def spoil(world: World) -> None:
    """Let a line spoil answers for a while."""
    usable = [each for each in wires() if each.spoils is not None and world.make.protocol in each.only]
    wire: Wire = world.rng.choice(usable)
    assert wire.spoils is not None
    world.spoils[SUBJECT] = wire.spoils(world.make.protocol, world.rng.getrandbits(32))
    world.happened.append(f"spoil {wire.name}")
    await asyncio.sleep(world.rng.uniform(1.0, 8.0))
    world.spoils.pop(SUBJECT, None)


async def hang_up(world: World) -> None:
    """Let a port go, and come back."""
    name, down_s = world.rng.choice((SUBJECT, BESIDE)), world.rng.uniform(0.0, 6.0)
    world.happened.append(f"hang up {name} {down_s:.3f}")
    world.rig.simulation.port(name).hang_up(down_s)
    await asyncio.sleep(0.0)


async def black_hole(world: World) -> None:
    """Let a line swallow everything for a while."""
    name = world.rng.choice((SUBJECT, BESIDE))
    world.happened.append(f"black hole {name}")
    world.rig.simulation.port(name).black_hole(True)
    await asyncio.sleep(world.rng.uniform(0.5, 8.0))
    world.rig.simulation.port(name).black_hole(False)


async def contact(world: World) -> None:
    """Let a contact open for a while."""
    panel, which = world.rig.simulation.panel(BESIDE), world.rng.choice(CONTACTS)
    assert isinstance(panel, IoModule)
    world.happened.append(f"contact {which.name}")
    panel.set_contact(which, False)
    await asyncio.sleep(world.rng.uniform(0.1, 6.0))
    panel.set_contact(which, True)


async def jump(world: World) -> None:
    """Set the clock."""
    by_s = world.rng.choice([each for each in JUMPS_S if EARLIEST_S < world.clock.ahead_s + each < LATEST_S])
    world.happened.append(f"clock {by_s:+g}")
    world.clock.ahead_s += by_s
    await asyncio.sleep(0.0)


async def people(world: World) -> None:
    """Let somebody acknowledge what stands, or shelve one of it."""
    views = [view for view in world.app.alarms.views() if view.letter.value in "BDE"]
    if not views:
        return
    view = world.rng.choice(views)
    world.happened.append(f"see {view.key}")
    if world.rng.random() < 0.7:
        await world.app.engine.order(Acknowledge(tuple(Target(each.key, each.occurrence) for each in views), "aliya"))
    else:
        await world.app.engine.order(Shelve(view.key, world.rng.uniform(1.0, 10.0), "aliya", "a proof"))


async def restart(world: World) -> None:
    """End the daemon or kill it, and start it again, sometimes with the machine."""
    killed = world.rng.random() < 0.5
    world.happened.append("kill" if killed else "restart")
    now = asyncio.get_running_loop().time()
    young = {str(record.key) for record in world.records if killed and record.t > now - COMMITTED_S}
    before = {key: letter for key, letter in letters(world).items() if key not in young}
    await (kill(world) if killed else world.stop())
    await asyncio.sleep(world.rng.uniform(0.0, 3.0))
    if world.rng.random() < 0.3:
        world.computer = Computer(f"{world.computer.boot}+", asyncio.get_running_loop().time())
    await world.start()
    kept = {key: letter for key, letter in letters(world).items() if key in before}
    lost = {key for key, letter in before.items() if letter in "BCEF" and key not in kept}
    assert not lost, f"alarms are forgotten by a {world.happened[-1]}: {lost}"


async def kill(world: World) -> None:
    """Leave of the daemon what is on the disk now; what it does at its end has never been."""
    state, left = world.home / "state", world.home / "left"
    world.kills.append(asyncio.get_running_loop().time())
    shutil.copytree(state, left)
    said = len(world.records)
    await world.stop()
    del world.records[said:]
    shutil.rmtree(state)
    left.rename(state)


HAPPENINGS: tuple[tuple[Callable[[World], object], int], ...] = (
    (spoil, 4), (hang_up, 2), (black_hole, 2), (contact, 3), (jump, 1), (people, 3),
)  # fmt: skip


def letters(world: World) -> dict[str, str]:
    """Return the alarms that are not normal."""
    return {str(view.key): view.letter.value for view in world.app.alarms.views() if view.letter.value != "A"}


# ---------------------------------------------------------------------- one seed


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a seed. `broken` is empty when every invariant held."""

    seed: int
    digest: str
    records: int
    restarts: int
    kills: int
    happened: tuple[str, ...]
    broken: str = ""


def played(seed: int, trouble_s: float = TROUBLE_S) -> Played:
    """Play a seed, with trouble for so long."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return virtual_time.run(_play(seed, trouble_s), virtual_time.LoneLoop)


async def _play(seed: int, trouble_s: float) -> Played:
    rng = random.Random(seed)
    make = rng.choice(MAKES)
    rig = rig_of(make)
    memory = MemoryRig(rig, seed)
    memory.simulation.plant.meters = quiet(memory.simulation.plant.meters)
    below = next(each for each in STATE_BELOW if each.is_dir())
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=below) as name:
        async with asyncio.TaskGroup() as tasks:
            plant = tasks.create_task(memory.run())
            world = World(seed, make, rng, memory, Path(name), tasks)
            text = station_text(make, rig, memory.addresses, Path(name)) + CONTACT_ALARM
            (world.home / "station.toml").write_text(text)
            await world.start()
            broken, digest, count = "", "", 0
            try:
                await trouble(world, trouble_s)
                digest, count = await judged(world)
            except AssertionError as error:
                broken = str(error) or "an assertion"
            await world.stop()
            plant.cancel()
    return Played(seed, digest, count, world.starts - 1, len(world.kills), tuple(world.happened), broken)


async def trouble(world: World, trouble_s: float) -> None:
    """Let things happen, some of them at the same time, restarts between them; then heal everything."""
    await asyncio.sleep(HEALTHY_S)
    world.look_at_age()
    end = asyncio.get_running_loop().time() + trouble_s
    kinds, weights = zip(*HAPPENINGS, strict=True)
    while asyncio.get_running_loop().time() < end:
        chosen = world.rng.choices(kinds, weights, k=world.rng.randint(1, 3))
        async with asyncio.TaskGroup() as happening:
            for each in chosen:
                happening.create_task(each(world))
        world.look_at_age()
        if world.rng.random() < 0.2:
            await restart(world)
        await asyncio.sleep(world.rng.uniform(0.0, 1.5))
    await asyncio.sleep(HEALED_S)
    world.look_at_age()


async def judged(world: World) -> tuple[str, int]:
    """See that every invariant holds; return the digest of the journal, and how many records it is of."""
    assert not world.too_old, f"called good for too long: {world.too_old[:3]}"
    assert not world.rig.simulation.written, f"something was written: {world.rig.simulation.written[:3]}"
    standing = {key: letter for key, letter in letters(world).items() if letter in "BC" and key.rpartition("/")[2] in TRANSIENT}
    assert not standing, f"alarms of what is healed: {standing}"
    old = [str(point) for point, every_s in world.app.board.periods().items() if every_s <= SOON_S and not _fresh(world, point, every_s)]
    assert not old, f"not read again after {HEALED_S} s: {old[:5]}"
    check_letters(surviving(world))
    verified = await world.app.journal.verify_audit()
    assert verified is not None and verified.intact, "the chain of the audit is broken"  # noqa: PT018
    found = await world.app.journal.entries(Query(most=10**6))
    assert found.torn == 0
    numbers = [(each.run, each.sequence) for each in found.records]
    assert len(numbers) == len(set(numbers)), "records are doubled"
    known = {json.loads(each.body).get("id") for each in found.records if each.kind != "start"}
    assert len(known) == sum(each.kind != "start" for each in found.records), "two records have one id"
    text = "\n".join(map(repr, found.records))
    return hashlib.sha256(text.encode()).hexdigest(), len(found.records)


def _fresh(world: World, point: PointId, every_s: float) -> bool:
    """Tell whether a point was read in time; what was ever good has to be good again, "never read" is no answer for it."""
    reading = world.app.board[point]
    if reading.quality.good:
        return asyncio.get_running_loop().time() - reading.t <= max(3.0 * every_s, 2.0) + 0.2
    return point not in world.read


def surviving(world: World) -> list[AlarmRecord]:
    """Return the records without those that a kill took: what comes after it begins with their numbers again. Only young ones may go."""
    kept: list[AlarmRecord] = []
    for record in world.records:
        while kept and kept[-1].number >= record.number:
            gone = kept.pop()
            young = any(killed - COMMITTED_S <= gone.t <= killed for killed in world.kills)
            assert young, f"{gone.key} {gone.event.value} is forgotten"
        kept.append(record)
    return kept


def check_letters(records: list[AlarmRecord]) -> None:
    """Each event of an alarm begins with the letter with which the one before it ended, over all restarts."""
    last: dict[str, str] = defaultdict(lambda: "A")
    for record in records:
        key = str(record.key)
        if record.event is not Event.NOTE:
            assert record.before.value == last[key], f"{key}: {record.event.value} begins with {record.before.value} after {last[key]}"
            last[key] = record.after.value


# ---------------------------------------------------------------------- all of them


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R17."""
    trouble_s = HOUR_S - HEALTHY_S - HEALED_S if share.release else TROUBLE_S
    wanted = share.of(500, 10_000)
    # The CI tries the same ones each time, so that it tells of the change; everybody else other ones, and those that break are printed.
    first = 0 if "CI" in os.environ else random.SystemRandom().randrange(10**6) * 1000
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        found = lives(pool, range(first, first + wanted), trouble_s, share.hours * 3600.0)
        again = list(pool.map(partial(played, trouble_s=trouble_s), range(first, first + REPLAYED)))
    for each in found:
        if each.broken:
            sys.stdout.write(f"python -m tests.reliability.simulation {each.seed} {trouble_s:g}: {each.broken}\n")
    seeds = len(found)
    yield Figure("cases", seeds, least=wanted)
    yield Figure("first_seed", first)
    yield Figure("simulated_s_of_each", HEALTHY_S + trouble_s + HEALED_S)
    yield Figure("happenings", sum(len(each.happened) for each in found), least=seeds)
    yield Figure("restarts", sum(each.restarts - each.kills for each in found), least=seeds // 20)
    yield Figure("kills", sum(each.kills for each in found), least=seeds // 20)
    yield Figure("records", sum(each.records for each in found), least=seeds)
    yield Figure("seeds_that_break", sum(bool(each.broken) for each in found), most=0)
    yield Figure("seeds_that_differ_when_replayed", sum(a != b for a, b in zip(found, again, strict=False)), most=0)


def lives(pool: ProcessPoolExecutor, seeds: Sequence[int], trouble_s: float, most_s: float) -> list[Played]:
    """Play the seeds; of a release those that are begun within its hours."""
    begun = time.monotonic()
    found: list[Played] = []
    at_once = PROCESSES * CHUNK
    for place in range(0, len(seeds), at_once):
        if most_s and time.monotonic() - begun > most_s:
            break
        found += pool.map(partial(played, trouble_s=trouble_s), seeds[place : place + at_once])
    return found


if __name__ == "__main__":
    once = played(int(sys.argv[1]), *map(float, sys.argv[2:]))
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write("\n".join((*once.happened, once.digest, once.broken or "every invariant holds")) + "\n")
