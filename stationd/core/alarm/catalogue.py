"""The catalogue: every alarm type that stationd brings, by its id; and the type of an alarm that a station makes itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stationd.core.alarm.type import AlarmType, Severity
from stationd.core.alarm.types_optical import OPTICAL_TYPES
from stationd.core.alarm.types_power import POWER_TYPES
from stationd.core.alarm.types_station import STATION_TYPES

ALL_TYPES = (*POWER_TYPES, *OPTICAL_TYPES, *STATION_TYPES)
CATALOGUE: Mapping[str, AlarmType] = MappingProxyType({each.id: each for each in ALL_TYPES})


def type_of(name: str) -> AlarmType:
    """Return the type of that id; one that the catalogue does not have is made with texts that say so.

    Such a type comes from the station's own file, so its text can say no more than what was configured.
    """
    known = CATALOGUE.get(name)
    if known is not None:
        return known
    return AlarmType(
        name,
        Severity.MAJOR,
        f"{name}: a limit of the station's own configuration is passed",
        "As the station's own list of alarms says",
        f"Look up {name} in the station's list, then read the point that is watched",
    )
