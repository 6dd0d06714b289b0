"""The line and its faults over the control socket: who may do what, what comes out, and how each refusal ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from stationd.console.door import Bundle, Declined, Document, NoSuchFault, NotDone
from stationd.console.peer import Peer
from stationd.shell.client import main
from stationd.shell.exits import Exit
from stationd.shell.grammar.table import understood
from stationd.shell.wish import Kind, Usage
from tests.console.desk import OPERATOR, VIEWER, Served, serving, value
from tests.shell.screens.test_line import FAULT, VERDICT

BASELINE = {"t": "2026-11-22T22:01:07.000Z", "who": "a.bekov", "note": "after repair", "values": {"fp1-rx.power": value(-18.3, "dBm")}}


@dataclass
class Line:
    """A LineDoor."""

    taken: list[tuple[str, Peer]] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    disk: bool = True

    def line(self) -> Document:
        far = {"name": "siyazan", "known": False, "why": "silent"}
        return {"station": "aktau", "line": FAULT["line"], "verdict": VERDICT, "far_station": far}

    def baseline(self) -> Document | None:
        return BASELINE if self.taken else None

    async def take_baseline(self, note: str, peer: Peer) -> Document:
        if self.missing:
            raise Declined("not-good", self.missing)
        self.taken.append((note, peer))
        return BASELINE

    async def faults(self, most: int) -> Sequence[Document]:
        return [FAULT][:most]

    async def fault(self, name: str) -> Document:
        if name not in ("last", FAULT["id"]):
            raise NoSuchFault(name)
        return FAULT

    async def bundle(self, name: str) -> Bundle:
        if not self.disk:
            raise NotDone("No space left on device")
        return Bundle(str((await self.fault(name))["id"]), "/var/lib/stationd/bundles/F-2026-11-22-1.zip", 81_234, "0" * 64, True)


async def typed(served: Served, *words: str) -> int:
    return await asyncio.to_thread(main, ["--socket", str(served.path), *words])


@pytest.mark.parametrize(
    ("line", "kind", "parameters"),
    [
        ("show line", Kind.LINE, {}),
        ("sh li", Kind.LINE, {}),
        ("show fault", Kind.FAULT, {"id": "last"}),
        ("show fault last", Kind.FAULT, {"id": "last"}),
        ("show fault F-2026-11-21-1", Kind.FAULT, {"id": "F-2026-11-21-1"}),
        ("show faults", Kind.FAULTS, {"limit": 200}),
        ("show base", Kind.BASELINE, {}),
        ("support fault", Kind.BUNDLE, {"id": "last"}),
        ("support fault F-2026-11-21-12", Kind.BUNDLE, {"id": "F-2026-11-21-12"}),
        ("baseline take", Kind.TAKE, {}),
        ("baseline take repaired", Kind.TAKE, {"note": "repaired"}),
    ],
)
def test_each_command_has_its_words(line: str, kind: Kind, parameters: dict[str, object]) -> None:
    wish = understood(line.split())
    assert (wish.kind, wish.parameters) == (kind, parameters)


@pytest.mark.parametrize(
    "line",
    [
        "show f", "show line s1", "show fault F-2026-11-21", "show fault ../journal", "show fault last last", "show faults last",
        "support", "support f", "supp fault", "support fault x", "baseline", "baseline t",
        "baseline take two words", "base take", "su fault",
    ],
)  # fmt: skip
def test_what_is_no_command_is_said_and_done_nowhere(line: str) -> None:
    with pytest.raises(Usage):
        understood(line.split())


async def test_the_line_and_its_faults_are_shown_to_everybody_of_the_station(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(line=Line()) as served:
        served.usual = VIEWER
        for words, part in (
            (("show", "line"), "SIYAZAN"),
            (("show", "fault"), "first out"),
            (("show", "fault", str(FAULT["id"])), "OURS?"),
            (("show", "faults"), FAULT["id"]),
            (("show", "baseline"), "none was taken"),
            (("--plain", "show", "line"), "SIYAZAN"),
        ):
            assert await typed(served, *words) == Exit.DONE
            assert str(part) in capsys.readouterr().out
        assert await typed(served, "--json", "show", "fault") == Exit.DONE
        assert json.loads(capsys.readouterr().out)["data"]["fault"]["id"] == FAULT["id"]


async def test_a_baseline_and_a_file_are_made_by_operators_only(capsys: pytest.CaptureFixture[str]) -> None:
    line = Line()
    async with serving(line=line) as served:
        served.usual = VIEWER
        assert await typed(served, "baseline", "take") == Exit.NOT_PERMITTED
        assert await typed(served, "support", "fault") == Exit.NOT_PERMITTED
        assert "stationd-operate" in capsys.readouterr().err
        assert line.taken == []
        served.usual = OPERATOR
        assert await typed(served, "baseline", "take", "after\trepair") == Exit.DONE
        assert await typed(served, "support", "fault") == Exit.DONE
        assert [(note, peer.uid) for note, peer in line.taken] == [("after repair", OPERATOR.uid)]
        out = capsys.readouterr().out
        assert "/var/lib/stationd/bundles/F-2026-11-22-1.zip" in out
        assert "81234 bytes" in out


async def test_a_baseline_that_is_refused_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(line=Line(missing=("fp3-rx.power is stale", "siyazan is silent"))) as served:
        assert await typed(served, "baseline", "take") == Exit.REFUSED
        said = capsys.readouterr().err
        assert "fp3-rx.power is stale; siyazan is silent" in said.replace("\n         ", " ")


async def test_what_is_not_there_and_what_the_disk_refuses_have_their_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(line=Line(disk=False)) as served:
        assert await typed(served, "show", "fault", "F-2020-01-01-1") == Exit.NO_SUCH_THING
        assert "no-such-fault" in capsys.readouterr().err
        assert await typed(served, "support", "fault") == Exit.FAILED
        assert "No space left on device" in capsys.readouterr().err
    async with serving() as served:
        assert await typed(served, "show", "line") == Exit.NO_SUCH_THING
        assert "no [line]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "parameters", "error"),
    [
        ("ListFaults", {"limit": 0}, "org.varlink.service.InvalidParameter"),
        ("ListFaults", {"limit": 201}, "org.varlink.service.InvalidParameter"),
        ("TakeBaseline", {"note": "x" * 5000}, "org.varlink.service.InvalidParameter"),
        ("GetFault", {"id": "\x1b[2J" + "x" * 5000}, "io.stationd.Diagnostics.NoSuchFault"),
    ],
)
async def test_what_no_client_of_ours_would_send_is_refused(method: str, parameters: dict[str, Any], error: str) -> None:
    async with serving(line=Line()) as served:
        caller = await served.caller()
        assert (await caller.call(f"io.stationd.Diagnostics.{method}", parameters))["error"] == error
