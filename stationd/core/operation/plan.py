"""What can be acted on at this station, and who else has a say. Made from the station's file by stationd.config.acting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.model import PointId
from stationd.core.powerfeed.words import FeedPlan


@dataclass(frozen=True, slots=True)
class ActingPlan:
    """The whole. `capacity` and `route` are for effect sentences ("the sea cable Aktau - Siyazan").

    `key_switch` is the contact that says local (True) or remote (False); None: not wired. `line` is the name of the segment that
    both stations share, "" where no line hangs on the feeds.
    """

    station: str
    title: str
    read_only: bool
    feeds: Mapping[str, FeedPlan] = field(default_factory=dict)
    amplifiers: Mapping[str, AmplifierPlan] = field(default_factory=dict)
    line: str = ""
    route: str = ""
    far_title: str = ""
    key_switch: PointId | None = None
    emergency_button: str = "the red emergency-off button of the power feed equipment"
    longest_bypass_s: float = 1800.0
    devices: frozenset[str] = frozenset()  # every device of the station: what a hold may name, beside "line" and "station"

    def interlocks(self) -> Mapping[PointId, tuple[str, ...]]:
        """Return every permissive with the devices that it lets run."""
        found: dict[PointId, tuple[str, ...]] = {}
        needs = [(plan.device, plan.interlocks) for plan in self.feeds.values()]
        needs += [(plan.device, plan.interlocks) for plan in self.amplifiers.values()]
        for device, points in needs:
            for point in points:
                found[point] = (*found.get(point, ()), device)
        return found

    def segment(self, device: str) -> str:
        """Return what only one operation at a time may touch: the line for feeds, the fibre pair for amplifiers."""
        if device in self.feeds:
            return self.line or device
        amplifier = self.amplifiers.get(device)
        return f"fibre pair {amplifier.fibre_pair}" if amplifier is not None and amplifier.fibre_pair else device
