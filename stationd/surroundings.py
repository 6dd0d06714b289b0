"""What a daemon finds around it: the clocks, the start of the machine, its ports, the loop that samples light, the journal's threads.

What it is: the only things of the machine that the composition root takes from outside. The defaults are the machine itself. A line
that is simulated in time that is not real gives others: then no thread runs beside the event loop, and no clock of the machine is read.
What it is not: configuration; nobody sets this in a file.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from stationd.config.effective import Source
from stationd.console.peer import Peer
from stationd.farstation.exchange import Exchange
from stationd.links.opening import Opener, open_link
from stationd.links.sampler.native import Native
from stationd.links.sampler.settings import SamplerSettings, Watch
from stationd.outputs.journal import Moment, SystemClock
from stationd.outputs.records import Machine
from stationd.service.descriptors import Listeners


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`clock` looks at the time of day and at the monotonic clock, which has to be that of the running event loop.

    `exchange` is the way to the far station; with one no broker is looked for.
    `run` names this run in the ids of records and must never come twice (empty: one is made). With `threads` false the journal
    works in the event loop, between two of its turns. `identify` says who is at the other end of a connection to the control
    socket; None: the kernel does (stationd.console.peer). `source` is the file that the configuration came from; None: it came from none.
    `listeners` are the listening sockets that the service manager has kept, and where new ones are given to be kept.
    """

    clock: Callable[[], Moment] = field(default_factory=SystemClock)
    machine: Callable[[], Machine] = Machine.now
    open_port: Opener = open_link
    sampling_loop: Callable[[SamplerSettings, tuple[Watch, ...]], Native] = Native
    exchange: Exchange | None = None
    run: str = ""
    threads: bool = True
    identify: Callable[[socket.socket], Peer] | None = None
    source: Source | None = None
    listeners: Listeners = field(default_factory=Listeners)
