"""The parts of a bench that labgrid knows: ports by their resources, power switches and outputs by their drivers.

What it is: the only module that touches labgrid, and only where a rig file names an environment (`labgrid = "bench-a.yaml"`). labgrid
brings a `serial` package of its own, so it lives in the bench's virtual environment and never in that of the product
(hil/requirements.lock).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from hil.acts import RigFailed
from hil.rigfile import PortSection


def opened(environment: str) -> Callable[[str], Any]:
    """Return what finds a driver of the environment's target `main` by its name. RigFailed where labgrid is not installed."""
    target = target_of(environment)

    def driver(name: str) -> Any:
        for protocol in ("PowerProtocol", "DigitalOutputProtocol"):
            found = _found(target, protocol, name)
            if found is not None:
                target.activate(found)
                return found
        raise RigFailed(f"the labgrid environment has no power or output driver {name!r}")

    return driver


def target_of(environment: str) -> Any:
    """Return the target `main` of a labgrid environment file."""
    try:
        labgrid = importlib.import_module("labgrid")
    except ImportError as error:
        raise RigFailed("labgrid is not installed here; use the virtual environment of the bench: hil/requirements.lock") from error
    return labgrid.Environment(environment).get_target("main")


def port_of(environment: str, port: PortSection) -> PortSection:
    """Return where a resource is: a device file (RawSerialPort, USBSerialPort) or a raw TCP port (NetworkSerialPort)."""
    target = target_of(environment)
    for resource in target.resources:
        if resource.name == port.resource:
            target.await_resources([resource], timeout=10.0)
            return located(port, vars_of(resource))
    raise RigFailed(f"the labgrid environment has no resource {port.resource!r}")


def located(port: PortSection, resource: Mapping[str, Any]) -> PortSection:
    """Return a port at the place of a resource."""
    speed = int(resource.get("speed") or port.speed)
    if resource.get("host"):
        if resource.get("protocol") == "rfc2217":
            raise RigFailed(f"{port.resource}: the fault box carries raw bytes; let ser2net offer this port as raw TCP, not rfc2217")
        return PortSection(address=f"socket://{resource['host']}:{resource['port']}", speed=speed, protocol=port.protocol)
    return PortSection(path=str(resource["port"]), speed=speed, protocol=port.protocol)


def vars_of(resource: Any) -> Mapping[str, Any]:
    """Return what a resource says of its place."""
    return {name: getattr(resource, name, None) for name in ("host", "port", "speed", "protocol")}


def _found(target: Any, protocol: str, name: str) -> Any:
    wanted = getattr(importlib.import_module("labgrid.protocol"), protocol)
    for driver in target.drivers:
        if isinstance(driver, wanted) and driver.name == name:
            return driver
    return None
