"""What a reload of the station file changes: the old configuration against the new one, part by part.

Nothing is done here. `stationd.service` and the composition root do it; SIGHUP only asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload: the parts that were started, stopped or replaced, or why nothing at all was done.

    `refused` is one sentence: what stands in the way, with its live value, and what would change it; "" when the new file is in force.
    With nothing changed both are empty.
    """

    changed: tuple[str, ...] = ()
    refused: str = ""
