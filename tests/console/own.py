"""A DiagnosticsDoor for tests of the interface: fixed documents, and a record of what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from stationd.console.diagnostics_door import NotSaved, Unknown, What
from stationd.console.door import Document, NotDone

POINT, FEED = "pfe-a.output_current", "pfe-a"
REPORT = {"kind": "self", "mode": "live", "good": True, "passed": 1, "failed": 0, "unknown": 0, "rows": [], "saved": None, "not_saved": ""}


@dataclass
class Own:
    """Answers at once; `held` is set to keep what reads the disk from answering, `disk` is False where it fails."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    held: asyncio.Event | None = None
    disk: bool = True

    async def clock(self) -> Document:
        return await self._read({"utc": "2026-11-22T22:04:12.000Z"})

    async def health(self) -> Document:
        return await self._read({"good": True, "troubles": []})

    async def version(self) -> Document:
        return await self._read({"stationd": "0.1.0"})

    def config(self, path: str) -> Document:
        if path not in ("", "pfe.pfe-a.max_v"):
            raise Unknown(What.KEY, path, ["pfe.pfe-a.max_v"])
        return {"path": path, "value": 800.0}

    def log(self, since_utc_s: float | None, most: int) -> Document:
        self.asked.append((since_utc_s, most))
        return {"events": [], "dropped": 0, "cut": False}

    async def history(self, point: str, seconds: int, columns: int) -> Document:
        if point != POINT:
            raise Unknown(What.POINT, point, [POINT])
        self.asked.append((point, seconds, columns))
        return await self._read({"point": point, "columns": [None] * columns})

    def points(self) -> Sequence[Document]:
        return [{"point": POINT, "unit": "mA"}]

    async def events(self, subject: str, since_utc_s: float | None, most: int) -> Document:
        if subject != FEED:
            raise Unknown(What.DEVICE, subject, [FEED])
        self.asked.append((subject, since_utc_s, most))
        return await self._read({"subject": subject, "events": []})

    def feed(self, device: str) -> Document:
        if device != FEED:
            raise Unknown(What.FEED, device, [FEED])
        return {"device": device}

    async def self_test(self) -> Document:
        return await self._read(REPORT)

    async def link_test(self) -> Document:
        return await self._read({**REPORT, "kind": "link"})

    async def save(self, name: str, text: str) -> str:
        if name == "taken":
            raise NotSaved("name-taken", "it is there", "take another name")
        self.asked.append((name, text))
        await self._read({})
        return f"/var/lib/stationd/bundles/saved/{name}"

    async def _read(self, document: Document) -> Document:
        if self.held is not None:
            await self.held.wait()
        if not self.disk:
            raise NotDone("No space left on device")
        return document
