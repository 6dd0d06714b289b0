"""The document of one power feed that can be driven: its limits, permissives, holds, and what its machine is doing. Pure.

Values are those of the board, each with the time of its own exchange; a contact counts as closed only while its reading is good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stationd.board import Board
from stationd.core.model import PointId
from stationd.core.operation.holds import covering
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.sentences import task_words
from stationd.core.operation.views import HoldView, InterlockView, OperationView, Phase
from stationd.core.powerfeed.words import FeedPlan
from stationd.outputs.document import Document, answering, valued
from stationd.outputs.figures import Figures

NO_SIGN_V = 5.0  # below it the sign of the voltage is that of the meter's noise (assumption)


@dataclass(frozen=True, slots=True)
class Around:
    """What the desk of operations says of everything; the document takes what concerns its feed."""

    plan: ActingPlan
    interlocks: Sequence[InterlockView] = ()
    holds: Sequence[HoldView] = ()
    operations: Sequence[OperationView] = ()


def feed_document(plan: FeedPlan, board: Board, around: Around, figures: Figures, droop: Mapping[str, float | None]) -> Document:
    """Return the document. `droop` is what the file says of the feed's droop and of how well it is known, in mA/kV."""
    points, clock = plan.points, figures.clock
    operation = _operation(plan.device, around.operations)
    own = {view.point: view for view in around.interlocks}
    return {
        "device": plan.device,
        "read_only": around.plan.read_only,
        "up": answering(board[point] for point in board.points if point.device == plan.device),
        "limits": _limits(plan, figures) | {name: figures.of(droop.get(name), "mA/kV") for name in ("droop", "droop_doubt")},
        "interlocks": [_interlock(point, own.get(point), board, figures) for point in plan.interlocks],
        "hardware_only": plan.interlocks_reason or None,
        "polarity": _polarity(plan, board, figures),
        **{name: _read(point, board, figures) for name, point in (
            ("regulation", points.regulation), ("earthed", points.earthed), ("electroding", points.electroding),
        )},
        "state": operation.progress.phase if operation is not None and operation.phase is not Phase.CLOSED else "idle",
        "holds": [_hold(hold, figures) for hold in covering(around.holds, plan.device, around.plan)],
        "operation": None if operation is None else {
            "id": operation.name,
            "task": task_words(operation.task),
            "phase": operation.phase.value,
            "armer": operation.armer,
            "approver": operation.approver,
            "reason": operation.reason,
            "since": clock.written(operation.since_t),
            "ending": operation.ending.value if operation.ending else None,
            "cause": operation.cause.value if operation.cause else None,
            "detail": operation.detail,
        },
    }  # fmt: skip


def _limits(plan: FeedPlan, figures: Figures) -> Document:
    return {
        "nominal": figures.sure(plan.nominal_ma, "mA"),
        "max": figures.sure(plan.max_v, "V"),
        "ramp": figures.sure(plan.ramp_ma_per_s, "mA/s"),
        "ramp_down": figures.sure(plan.ramp_down_ma_per_s, "mA/s"),
        "deviation": figures.sure(plan.deviation_ma, "mA"),
        "deviation_time": figures.sure(plan.deviation_s, "s"),
        "rise": figures.sure(plan.rise_v_per_s, "V/s"),
        "model": figures.sure(round(100 * plan.model_share, 3), "%"),
        "discharged": figures.sure(plan.discharged_v, "V"),
        "discharge_time": figures.sure(plan.discharge_s, "s"),
        "trim": figures.sure(plan.trim_ma, "mA"),
    }


def contact(point: PointId, board: Board) -> bool | None:
    """Return whether a contact is closed, by a good reading of it; None: not known, which is not closed."""
    reading = board[point] if point in board.points else None
    return reading.value if reading is not None and reading.quality.good and isinstance(reading.value, bool) else None


def _interlock(point: PointId, view: InterlockView | None, board: Board, figures: Figures) -> Document:
    reading, clock = (board[point] if point in board.points else None), figures.clock
    until = view.bypassed_until_t if view is not None else None
    age_s = None if reading is None or reading.value is None else round(max(clock.now - reading.t, 0.0), 1)
    return {
        "point": str(point),
        "closed": contact(point, board),
        "age": figures.of(age_s, "s"),
        "value": _read(point, board, figures),
        "bypassed_until": None if until is None else clock.written(until),
    }


def _read(point: PointId | None, board: Board, figures: Figures) -> Document | None:
    if point is None or point not in board.points:
        return None
    return valued(board[point], board.points[point].unit, figures.mode, figures.clock)


def _polarity(plan: FeedPlan, board: Board, figures: Figures) -> Document | None:
    """Return the polarity as a word, with the quality of its reading: what the unit says, else the sign of its voltage."""
    said = _read(plan.points.polarity_negative, board, figures)
    if said is not None:
        return _in_words(said, lambda negative: None if negative is None else "negative" if negative else "positive")
    measured = _read(plan.points.voltage_v, board, figures)
    return None if measured is None else _in_words(measured, _sign)


def _sign(known: object) -> str | None:
    if not isinstance(known, int | float) or isinstance(known, bool) or abs(known) < NO_SIGN_V:
        return None
    return "positive" if known > 0 else "negative"


def _in_words(shown: Document, word: Callable[[object], str | None]) -> Document:
    return {**shown, "u": "", "v": word(shown["v"]), **({"last": word(shown["last"])} if "last" in shown else {})}


def _hold(hold: HoldView, figures: Figures) -> Document:
    since = figures.clock.written(hold.since_t)
    return {"id": hold.name, "object": hold.object, "who": hold.who, "reason": hold.reason, "since": since}


def _operation(device: str, operations: Iterable[OperationView]) -> OperationView | None:
    """Return the open operation of a feed, else its last one: open ones come first, then the newest."""
    return next((each for each in operations if each.object == device), None)
