"""A desk of operations that does as the test says, behind a real control socket; and people of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stationd.console.anew import Anew
from stationd.console.door import Acted, AuditDoor, AuditEntry, AuditFound, AuditHead, AuditVerified, Moment, NotDone
from stationd.console.peer import Peer, Role
from stationd.console.places import USUAL, Limits
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.core.amplifier.words import AmplifierPlan, SetValue
from stationd.core.model import PointId
from stationd.core.operation.orders import ActOrder, EmergencyOff, Person, Way
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import CommandClass, Ending, Energise, Progress, Task
from stationd.core.operation.views import (
    AppliedView,
    AuthorityView,
    Check,
    HoldView,
    InterlockView,
    OperationView,
    Phase,
    StagedView,
)
from stationd.core.operation.words import Accepted, ActOutcome, Cause, CutOffState, Refusal, Refused
from tests.console.desk import BEGIN_UTC_S, OPERATOR, Desk, Served, Station

GAIN = PointId("fp1-booster", "gain_setpoint")
BOOSTER = AmplifierPlan("fp1-booster", 1, set_values={"gain": SetValue(GAIN, "dB", 10, 40, 1)})
PLAN = ActingPlan("aktau", "Aktau", read_only=False, amplifiers={"fp1-booster": BOOSTER})
SHARED = Peer(4246, 4246, 1, Role.POWER, name="tech", accounts_of_many=frozenset({"tech"}))
ENERGISE = Energise(1000.0, 10.0)
REFUSED = Refused(
    "arm pfe-a energise to 1000 mA rate 10 mA/s",
    (
        Refusal(Cause.HOLD, 'H-7 by j.smith: "ship on cable"', "H-7 is removed by j.smith"),
        Refusal(Cause.INTERLOCKING, "earth switch CLOSED (io1.di4, 0.3 s ago)", "open the earth switch at the cabinet"),
    ),
)
HOLD = HoldView("H-7", "pfe-a", "j.smith", 4245, "ship on cable", 900.0)
CHECKS = (
    Check("authority", "authority LOCAL is yours"),
    Check("interlocks", "earth switch CLOSED, 0.3 s ago", REFUSED.reasons[1]),
)


def operation(name: str = "OP-42", phase: Phase = Phase.RUNNING) -> OperationView:
    """An operation of OPERATOR that has come half of its way."""
    return OperationView(
        name, "pfe-a", ENERGISE, CommandClass.LETHAL, phase, since_t=990.0, armed_t=950.0, armer="a.bekov", armer_uid=4242,
        session="4242:1", reason="repair done WO 4711", effect=("Puts up to +501 V on the sea cable.",), limits=("stops if V > 2400 V",),
        checks=CHECKS, approver="n.aliyeva", offered=Way.BACK, until_t=1060.0, kept_alive_t=999.2,
        progress=Progress("ramping", 420.0, 418.0, 1000.0, "mA", 210.0, None, 58.0),
    )  # fmt: skip


@dataclass
class Plant:
    """An OperationDoor and a SetpointDoor. `outcomes` are given one after the other, the last one again and again."""

    plan: ActingPlan = PLAN
    time_s: float = 1000.0
    outcomes: list[ActOutcome] = field(default_factory=lambda: [Accepted(("OP-42",), "as asked")])
    shown: list[OperationView] = field(default_factory=lambda: [operation()])
    held: list[HoldView] = field(default_factory=lambda: [HOLD])
    holder: AuthorityView = field(default_factory=lambda: AuthorityView("a.bekov", 4242, True, False, 910.0, "n.aliyeva", True))
    cut: list[CutOffState] = field(default_factory=list)
    waiting: list[StagedView] = field(default_factory=lambda: [StagedView(GAIN, "dB", None, 35.1, "a.bekov")])
    sent: list[AppliedView] = field(
        default_factory=lambda: [AppliedView("A-3", 980.0, "a.bekov", "tilt after repair", ((GAIN, 34.0, 35.0),), "unconfirmed", 1580.0)]
    )
    orders: list[ActOrder] = field(default_factory=list)
    asked: list[tuple[Person, str, Task]] = field(default_factory=list)
    stuck: asyncio.Event | None = None
    durable: bool = True

    async def act(self, order: ActOrder, peer: Peer) -> Acted:
        self.orders.append(order)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(order, EmergencyOff) and isinstance(outcome, Accepted):
            outcome = replace(outcome, names=order.objects)
            self.cut = [CutOffState(name, order.who.name, self.time_s) for name in order.objects]
        if self.stuck is not None:
            await self.stuck.wait()
        return Acted(outcome, self.durable)

    def confirm(self) -> None:
        self.cut = [replace(state, confirmed=True, detail="OFF by read-back") for state in self.cut]

    def checks(self, who: Person, name: str, task: Task) -> Sequence[Check]:
        self.asked.append((who, name, task))
        return CHECKS

    def operations(self) -> Sequence[OperationView]:
        return tuple(self.shown)

    def operation(self, name: str) -> OperationView | None:
        return next((view for view in self.shown if view.name == name), None)

    def holds(self) -> Sequence[HoldView]:
        return tuple(self.held)

    def authority(self) -> AuthorityView:
        return self.holder

    def interlocks(self) -> Sequence[InterlockView]:
        return (
            InterlockView(PointId("io1", "di1"), ("pfe-a",), True, 999.5),
            InterlockView(PointId("io1", "di4"), ("pfe-a",), None, None, 1600.0),
        )

    def cut_offs(self) -> Sequence[CutOffState]:
        return tuple(self.cut)

    def staged(self) -> Sequence[StagedView]:
        return tuple(self.waiting)

    def applied(self) -> Sequence[AppliedView]:
        return tuple(self.sent)

    def now(self) -> float:
        return self.time_s

    def moment(self, t: float) -> Moment:
        return Moment(BEGIN_UTC_S + t, synchronised=True)


HEAD = AuditHead(2, "ab" * 32)
ENTRY = AuditEntry("run-7", Moment(BEGIN_UTC_S, True), "armed", "OP-42", "a.bekov", {"reason": "repair done", "limits": [1, 2]})


@dataclass
class Book:
    """An AuditDoor."""

    found: AuditVerified = field(default_factory=lambda: AuditVerified(HEAD))
    asked: list[tuple[float | None, int]] = field(default_factory=list)
    stuck: asyncio.Event | None = None
    torn: bool = False

    async def entries(self, since_utc_s: float | None, most: int) -> AuditFound:
        self.asked.append((since_utc_s, most))
        await self._disk()
        return AuditFound([ENTRY], 3)

    async def verify(self) -> AuditVerified:
        await self._disk()
        return self.found

    async def _disk(self) -> None:
        if self.stuck is not None:
            await self.stuck.wait()
        if self.torn:
            raise NotDone("the journal cannot be read")

    def head(self) -> AuditHead:
        return HEAD


class Floor(Served):
    """A running control socket with a desk of operations behind it. `ended` are the sessions of which all connections are gone."""

    def __init__(self, path: Path, server: ControlSocket, plant: Plant, ended: list[str]) -> None:
        super().__init__(path, server, Desk(), Station())
        self.plant = plant
        self.ended = ended


@contextlib.asynccontextmanager
async def acting(
    limits: Limits = USUAL, plant: Plant | None = None, audit: AuditDoor | None = None, live: bool = True, usual: Peer = OPERATOR,
    anew: Anew | None = None,
) -> AsyncIterator[Floor]:
    folder, behind, ended = Path(tempfile.mkdtemp(prefix="console")), plant or Plant(), list[str]()
    floor: Floor | None = None

    def identify(connection: socket.socket) -> Peer:
        assert floor is not None
        return floor.identify(connection)

    doors = Doors(Station(), None, live, operations=behind, setpoints=behind, audit=audit)
    server = ControlSocket(folder / "io.stationd", interfaces(doors, limits, anew), identify, os.getgid(), limits, ended=ended.append)
    floor = Floor(folder / "io.stationd", server, behind, ended)
    floor.usual = usual
    server.start()
    running = asyncio.create_task(server.run())
    try:
        yield floor
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for caller in floor.callers:
            caller.close()
        shutil.rmtree(folder)


CLOSED = replace(operation("OP-41", Phase.CLOSED), ending=Ending.REACHED, cause=Cause.REACHED, detail="1000 mA, +501 V, stable 5 s")
