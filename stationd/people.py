"""The people of a station: the control socket, who may come in, and the doors behind it. Connects, and decides nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

from stationd.config.model import Control
from stationd.console.anew import Anew
from stationd.console.peer import Accounts, Peer, Role
from stationd.console.places import USUAL
from stationd.console.seats import Seats
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.console.socket_file import handed_over


async def open_control(
    section: Control, doors: Doors, identify: Callable[[socket.socket], Peer] | None, ended: Callable[[str], None]
) -> ControlSocket:
    """Return the control socket of a station, listening. `identify` takes the place of the kernel's word; `ended` hears of sessions."""
    accounts = await asyncio.to_thread(Accounts.of_machine, frozenset(section.shared_accounts))
    listener, group = handed_over(os.environ, os.getpid()), accounts.groups.get(Role.VIEW)
    seats = Seats()
    made = interfaces(doors, USUAL, Anew(accounts.role_now) if identify is None else None, seats)
    control = ControlSocket(Path(section.socket), made, identify or accounts.peer, group, listener=listener, ended=ended, seats=seats)
    control.start()
    return control
