"""The list of what is inside the package, for whoever compares it with published advisories: CycloneDX 1.6, in JSON.

Made of the lock file (version and SHA-256 of each wheel) and of what the installed packages say of themselves. The same tree gives the
same bytes: the serial number is made of the content, and the time is that of the last change. Follows the approach of PEP 770 for the
place inside the dist-info directory.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "stationd.sbom")
# What packages say of their licence when they say it by classifier or in words of their own.
LICENSES = {
    "Apache 2": "Apache-2.0", "Apache 2.0": "Apache-2.0", "Apache License 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause", "BSD License": "BSD-3-Clause",
    "MIT License": "MIT", "The MIT License": "MIT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Component:
    """One package of Python inside. `sha256` is that of the wheel it came in, empty for stationd itself, which is built here."""

    name: str
    version: str
    license: str
    summary: str
    sha256: str
    needs: tuple[str, ...]


def locked(lock: Path) -> dict[str, tuple[str, str]]:
    """Return version and SHA-256 by name of what a lock file pins."""
    found = re.findall(r"^(\S+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {plain(name): (version, digest) for name, version, digest in found}


def components(site: Path, lock: Path) -> list[Component]:
    """Return every package installed in a site directory, by name."""
    pins = locked(lock)
    return sorted((_component(path, pins) for path in site.glob("*.dist-info")), key=lambda component: component.name)


def plain(name: str) -> str:
    """Return a package's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(dist_info: Path, pins: dict[str, tuple[str, str]]) -> Component:
    said = HeaderParser().parsestr((dist_info / "METADATA").read_text(encoding="utf-8"))
    name = plain(said["Name"])
    needs = {plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in said.get_all("Requires-Dist", [])}
    return Component(name, said["Version"], _license(said), said.get("Summary", ""), pins.get(name, ("", ""))[1], tuple(sorted(needs)))


def _license(said: Any) -> str:
    """Return the licence as an SPDX expression, or the package's own words for it."""
    if said["License-Expression"]:
        return str(said["License-Expression"])
    last = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if line.startswith("License :: ")]
    words = [word for word in (said["License"] or "", *last) if word and "\n" not in word and word != "OSI Approved"]
    return next((LICENSES[word] for word in words if word in LICENSES), words[0] if words else "")


def document(inside: list[Component], suite: str, commit: str, changed_s: int) -> str:
    """Return the list as a document. `suite` names the release of Debian, `changed_s` is the time of `commit` (Unix)."""
    by_name = {component.name: component for component in inside}
    own = by_name["stationd"]
    body: dict[str, Any] = {
        "metadata": {
            "timestamp": datetime.fromtimestamp(changed_s, UTC).isoformat().replace("+00:00", "Z"),
            "component": {**_entry(own), "type": "application"},
            "properties": [{"name": "stationd:debian", "value": suite}, {"name": "stationd:commit", "value": commit}],
        },
        "components": [_entry(component) for component in inside if component is not own],
        "dependencies": [
            {"ref": _purl(component), "dependsOn": [_purl(by_name[name]) for name in component.needs if name in by_name]}
            for component in inside
        ],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(body, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return json.dumps({**head, **body}, indent=1) + "\n"


def _purl(component: Component) -> str:
    return f"pkg:pypi/{component.name}@{quote(component.version)}"


def _entry(component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(component),
        "name": component.name,
        "version": component.version,
        "description": component.summary,
        "purl": _purl(component),
        "licenses": [{"expression": component.license}],
    }
    return {**entry, "hashes": [{"alg": "SHA-256", "content": component.sha256}]} if component.sha256 else entry
