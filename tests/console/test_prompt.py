"""The prompt has one shape for ever, whatever stands in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.console.handover import MODES
from stationd.console.peer import Locality, Peer, Role
from stationd.console.prompt import SHAPE, Seen, marks, operations, place_word, span, station_word
from stationd.core.model import PointId
from stationd.core.operation.task import Progress
from stationd.core.operation.views import AppliedView, AuthorityView, InterlockView, OperationView, Phase
from tests.console.acting import operation

NOW = 1000.0
TIMES = st.none() | st.floats(-1e9, 1e9)
FIGURES = st.none() | st.floats()  # also what is no number
TEXTS = st.text(max_size=60)


@st.composite
def operation_views(draw: st.DrawFn) -> OperationView:
    view = operation(draw(TEXTS), draw(st.sampled_from(Phase)))
    progress = Progress("ramping", None, draw(FIGURES), None, draw(TEXTS))
    return replace(view, until_t=draw(TIMES), since_t=draw(st.floats(-1e9, 1e9)), progress=progress)


SEEN = st.builds(
    Seen,
    unseen=st.integers(0, 10**6),
    operations=st.lists(operation_views(), max_size=6),
    interlocks=st.lists(st.builds(InterlockView, st.just(PointId("io1", "di1")), st.just(()), st.none(), st.none(), TIMES), max_size=3),
    applied=st.lists(
        st.builds(
            AppliedView, TEXTS, st.just(0.0), TEXTS, TEXTS, st.just(()), st.sampled_from(["unconfirmed", "left", "confirmed"]), TIMES
        ),
        max_size=4,
    ),
    silent_until_t=TIMES,
)


@given(
    name=TEXTS, mode=st.sampled_from(sorted(MODES)), seen=SEEN, uid=st.none() | st.integers(1, 3), local=st.booleans(),
    locality=st.sampled_from(Locality),
)  # fmt: skip
def test_every_prompt_has_the_shape_that_scripts_wait_for(
    name: str, mode: str, seen: Seen, uid: int | None, local: bool, locality: Locality
) -> None:
    peer = Peer(1, 1, 1, Role.POWER, locality=locality)
    place, found = place_word(AuthorityView("x", uid, local), peer.orderer), marks(seen, NOW)
    text = f"{station_word(name)} {MODES[mode]} {place}" + (f" [{', '.join(found)}]" if found else "") + "> "
    assert SHAPE.match(text), text
    assert "\n" not in text
    assert len(found) <= 7


def held(**progress: Any) -> OperationView:
    return replace(operation("OP-42", Phase.HELD), progress=Progress("ramping", None, **progress))


@pytest.mark.parametrize(
    ("view", "mark"),
    [
        (replace(operation("OP-42", Phase.WAITING), until_t=NOW + 171.9), "OP-42 waiting 171s"),
        (replace(operation("OP-42", Phase.ARMED), until_t=NOW + 43.0), "OP-42 armed 43s"),
        (replace(operation("OP-42", Phase.ARMED), until_t=NOW - 1.0), "OP-42 armed 0s"),
        (operation("OP-42", Phase.RUNNING), "OP-42 running"),
        (held(measured=742.2, target=None, unit="mA"), "OP-42 held 742mA"),
        (held(measured=None, target=None, unit="mA"), "OP-42 held"),
        (held(measured=float("nan"), target=None, unit="mA"), "OP-42 held"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_an_operation_is_one_mark_without_an_invented_number(view: OperationView, mark: str) -> None:
    assert operations([view], NOW) == [mark]


def test_no_name_breaks_out_of_its_brackets() -> None:
    assert marks(Seen(operations=[operation("OP]> \n[4,2", Phase.RUNNING)]), NOW) == ["OP?> ??4?2 running"]


def test_the_most_urgent_three_operations_are_shown_and_none_that_is_closed() -> None:
    phases = (Phase.WAITING, Phase.CLOSED, Phase.ARMED, Phase.HELD, Phase.RUNNING)
    shown = operations([operation(f"OP-{number}", phase) for number, phase in enumerate(phases)], NOW)
    assert [mark.split()[:2] for mark in shown] == [["OP-4", "running"], ["OP-3", "held"], ["OP-2", "armed"]]


def test_an_apply_that_stays_is_marked_without_a_time() -> None:
    def seen(state: str) -> Seen:
        return Seen(applied=[AppliedView("A-1", 0.0, "a.bekov", "drift", (), state, NOW + 600.0)])

    assert [marks(seen(state), NOW) for state in ("unconfirmed", "left", "confirmed", "reverted")] == [
        ["unconfirmed 10m"],
        ["unconfirmed"],
        [],
        [],
    ]


def test_whoever_holds_the_authority_sees_where_he_is() -> None:
    at_console = Peer(1, 1, 1, Role.POWER, locality=Locality.LOCAL).orderer
    elsewhere = Peer(1, 1, 2, Role.POWER, locality=Locality.UNKNOWN).orderer
    local, remote, nobody = AuthorityView("x", 1, True), AuthorityView("x", 1, False), AuthorityView()
    assert [place_word(view, at_console) for view in (local, remote, nobody)] == ["local", "remote", "view"]
    assert [place_word(view, elsewhere) for view in (local, remote, nobody)] == ["remote", "remote", "view"]


SPANS = [(-5.0, "0s"), (43.9, "43s"), (119.0, "119s"), (120.0, "2m"), (1290.0, "21m"), (7200.0, "2h")]


@pytest.mark.parametrize(("seconds", "text"), SPANS)
def test_a_span_is_never_longer_than_what_is_left(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_station_whose_name_is_no_word_has_a_prompt_all_the_same() -> None:
    assert [station_word(name) for name in ("aktau", "kuryk_2", "сиязань", "")] == ["AKTAU", "KURYK-2", "-------", "STATION"]
