"""The people of a station: the control socket, who may come in, and the doors behind it. Connects, and decides nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stationd.config.model import Control
from stationd.console.anew import Anew
from stationd.console.peer import Accounts, Peer, Role
from stationd.console.places import USUAL
from stationd.console.seats import Seats
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.console.socket_file import bound, leads_to
from stationd.service.descriptors import CONTROL, Listeners


async def open_control(
    section: Control,
    doors: Doors,
    identify: Callable[[socket.socket], Peer] | None,
    ended: Callable[[str], None],
    listeners: Listeners,
) -> ControlSocket:
    """Return the control socket of a station, listening. `identify` takes the place of the kernel's word; `ended` hears of sessions."""
    accounts = await asyncio.to_thread(Accounts.of_machine, frozenset(section.shared_accounts))
    path, group = Path(section.socket), accounts.groups.get(Role.VIEW)
    listener, seats = _kept(path, group, listeners), Seats()
    made = interfaces(doors, USUAL, Anew(accounts.role_now) if identify is None else None, seats)
    control = ControlSocket(path, made, identify or accounts.peer, group, listener=listener, ended=ended, seats=seats)
    control.start()
    return control


def _kept(path: Path, group: int | None, listeners: Listeners) -> socket.socket | None:
    """Return a listener that is kept over restarts, that of before or a new one; None where nobody keeps any."""
    before = listeners.claim(CONTROL, [partial(leads_to, path)])
    if before or not listeners.kept_over_restarts:
        return before[0] if before else None
    listener = bound(path, group, USUAL.backlog)
    listeners.keep(CONTROL, [listener])
    return listener
