"""`support summary` and `support bundle`: what can be found out about a station without its daemon, for people far away.

Nothing here needs the daemon, a free disk, a sound configuration or a whole journal: each thing that cannot be read becomes a
sentence that says so. What the living daemon tells over its socket is added. Nothing here writes but the bundle itself, and it
acts on nothing; the journal is read only, and no lock is taken on it.

Rooms: `station_file` (what stands in it, its mistakes, what is secret), `machine` (processes, unit, disk, versions), `past` (the
journal), `told` (these facts as the page that is read over a telephone), `living` (the documents of the daemon), `collecting`
and `packing` (the bundle), `command` (the words).
"""

from __future__ import annotations

from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """Carry out `summary` or `bundle [since 24h]` with its options; return 0 when it is done, 1 when it failed, 2 for bad words."""
    from stationd.support.command import run  # everything else is loaded when somebody asks for it

    return run(words)
