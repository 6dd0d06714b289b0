"""The verbs of a rig, carried out by whatever its file says: relay boxes, instruments, or the control port of a simulation.

What it is: the part of hil.rig.Rig that changes and measures the plant, for both kinds of rig. What it is not: the stations or their
faults.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from hil.acts import Hands, RigFailed, control
from hil.rig import Missing
from hil.rigfile import Act, RigFile, StationSection, Way

CONTACTOR = "contactor"  # so begin the names of the outputs that put voltage on the line
OPEN_IN_SERVICE = ("earthed", "local")  # of a station in service, not earthed and operated from afar
PORT = re.compile(r"(?P<end>[ab])-fp(?P<pair>\d+)-rx")


class Verbs:
    """`acts` and `meters` are those of the rig file, or all of them by one control port."""

    def __init__(self, file: RigFile, hands: Hands, acts: Mapping[str, Act], meters: Mapping[str, Act]) -> None:
        self._file, self._hands, self._acts, self._meters = file, hands, acts, meters
        self._undo: dict[tuple[str, str, str], Mapping[str, object]] = {}  # what brings each thing back that was changed here

    def do(self, verb: str, fields: Mapping[str, object]) -> float:
        """Carry out a verb; Missing where the rig does not have it."""
        if verb == "repair" and verb not in self._acts:
            return self._repair()
        act = self._act(verb, fields)
        back = _back(verb, fields)
        if back is not None:
            self._undo[verb, str(fields.get("end")), str(fields.get("which") or fields.get("port"))] = back
        return self._hands.do(act, verb, fields)

    def _act(self, verb: str, fields: Mapping[str, object]) -> Act:
        act = self._acts.get(f"{verb}.{fields.get('end')}") or self._acts.get(verb)
        if act is None:
            raise Missing(f"rig {self._file.name} has no {verb!r} ([hil.act.{verb}])")
        return act

    def rest(self) -> None:
        """Bring everything to where it is in service, whatever an earlier run left: this one knows nothing of it.

        Contactors stay as they are (off, see hil.safety), a load keeps its value, and a feed of a bench is off.
        """
        if "repair" in self._acts:
            self._hands.do(self._acts["repair"], "repair", {})
            return
        for verb in ("shunt", "cut"):
            for port in self._acts[verb].outputs if verb in self._acts else ():
                self._hands.do(self._acts[verb], verb, {"port": port, "on": False})
        power = self._acts.get("power")
        for device in power.outputs if power else ():
            if not device.startswith(CONTACTOR):
                self.do("power", {"device": device, "on": True})
        for station in self._file.stations.values():
            self._rest_at(station)

    def _rest_at(self, station: StationSection) -> None:
        end = station.end
        contacts = self._acts.get(f"contact.{end}") or self._acts.get("contact")
        for name in contacts.outputs if contacts else ():
            of, _, which = name.rpartition("-")
            if contacts is not None and of in ("", end):
                self._hands.do(contacts, "contact", {"end": end, "which": which, "closed": which not in OPEN_IN_SERVICE})
        if "attenuate" in self._acts:
            for pair in range(1, station.pairs + 1):
                self.attenuate(f"{end}-fp{pair}-rx", 0.0)
        if station.feed and (f"feed.{end}" in self._acts or "feed" in self._acts):
            self._feed(end, 0.0)

    def contactors(self, on: bool) -> None:
        """Close or open the contactors of a bench; a simulation has none."""
        act = self._acts.get("power")
        for name in act.outputs if act else ():
            if name.startswith(CONTACTOR):
                self.do("power", {"device": name, "on": on})

    def _repair(self) -> float:
        """Bring back, by hand, everything that was changed by hand, the last first."""
        done_t = time.monotonic()
        for (verb, *_), fields in reversed(list(self._undo.items())):
            done_t = self._hands.do(self._act(verb, fields), verb, fields)
        self._undo.clear()
        return done_t

    def attenuate(self, port: str, db: float) -> float:
        """Weaken the light at a port such as a-fp1-rx."""
        found = PORT.fullmatch(port)
        if found is None:
            raise ValueError(f"{port!r} is no optical port of a rig; for example a-fp1-rx")
        return self.do("attenuate", {"end": found["end"], "pair": int(found["pair"]), "db": db, "port": port})

    def contact(self, station: str, which: str, closed: bool) -> float:
        """Close or open a contact of a station."""
        return self.do("contact", {"end": self._end(station), "which": which, "closed": closed})

    def feed(self, station: str, current_ma: float) -> float:
        """Set a feed at its panel. ValueError above the ceiling of the bench."""
        safety = self._file.safety
        if safety is not None and not 0.0 <= current_ma <= safety.current_ma:
            raise ValueError(f"{current_ma:g} mA is above the rig's ceiling of {safety.current_ma:g} mA, or below nothing")
        return self._feed(self._end(station), current_ma)

    def _feed(self, end: str, current_ma: float) -> float:
        on = current_ma > 0.0
        more = {} if self._by_control("feed", end) else {"current_a": current_ma / 1000.0, "state": "ON" if on else "OFF"}
        return self.do("feed", {"end": end, "on": on, "current_ma": current_ma, **more})

    def _by_control(self, verb: str, end: str) -> bool:
        act = self._acts.get(f"{verb}.{end}") or self._acts.get(verb)
        return act is not None and act.way is Way.CONTROL

    def measure(self, meter: str) -> float:
        """Return what a meter shows."""
        if meter not in self._meters:
            raise Missing(f"rig {self._file.name} has no meter {meter!r} ([hil.meter]); there are {', '.join(self._meters) or 'none'}")
        return self._hands.ask(self._meters[meter], meter)

    def written(self, since: int) -> Sequence[Sequence[Any]]:
        """Return the commands that reached units."""
        act = self._acts.get("written")
        if act is None:
            raise Missing(f"rig {self._file.name} has no witness of what reaches the units; that needs a simulated plant")
        try:
            listed: Sequence[Sequence[Any]] = control(act.address, {"do": "written", "since": since})["ok"]
        except (OSError, ValueError, KeyError) as error:
            raise RigFailed(f"the witness does not answer: {error}") from error
        return listed

    def _end(self, station: str) -> str:
        return self._file.stations[station].end


def _back(verb: str, fields: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return what undoes a verb, None where nothing does: mains, loads and panels are set anew by who needs them."""
    match verb:
        case "attenuate":
            return {**fields, "db": 0.0}
        case "shunt" | "cut":
            return {**fields, "on": False}
        case "contact":
            return {**fields, "closed": fields["which"] not in OPEN_IN_SERVICE}
        case _:
            return None


def by_control(address: str, verbs: Sequence[str]) -> tuple[dict[str, Act], dict[str, Act]]:
    """Return acts and meters that all go by the control port of a simulation."""
    quantities = ("current_ma", "voltage_v", "set_ma")
    meters = {f"{end}.{name}": Act(Way.CONTROL, address, f"{end}.{name}") for end in ("a", "b") for name in quantities}
    return {verb: Act(Way.CONTROL, address) for verb in verbs}, meters
