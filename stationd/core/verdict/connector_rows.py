"""The row of the event table for connectors of this station: light comes back, or there is light before a patch and none behind.

A connector shows itself by light that begins to come back as something is lost. What came back before tells nothing of a loss, and
on one fibre alone a break in the first kilometres cannot be told from it. Which sensor is believed is stationd.core.light's.
"""

from __future__ import annotations

from collections.abc import Callable

from stationd.core.light.pair import PairLight
from stationd.core.verdict.evidence import Evidence
from stationd.core.verdict.said import HIGH, MEDIUM, Said, pairs_text, short
from stationd.core.verdict.words import Ours


def _pairs(e: Evidence, holds: Callable[[PairLight], bool]) -> list[PairLight]:
    return [pair for pair in e.pairs if holds(pair)]


def _numbers(pairs: list[PairLight]) -> tuple[int, ...]:
    return tuple(pair.number for pair in pairs)


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def _open(pair: PairLight) -> bool:
    """Light has begun to come back as power was reduced or light was lost on one of the sides."""
    return pair.reflects and not pair.stands and bool(pair.reduced or pair.receive_lost or pair.transmit_lost or pair.far_lost)


def connector(e: Evidence) -> bool:
    """A connector of ours is open: light comes back, or there is light before a patch of ours and none behind it."""
    return bool(_pairs(e, _unplugged))


def _unplugged(pair: PairLight) -> bool:
    return _open(pair) or pair.patch_dark or pair.sent_patch_dark


def say_connector(e: Evidence) -> Said:
    """A connector between our amplifier and the tap, or just behind it."""
    found = _pairs(e, _unplugged)
    pair = found[0]
    if pair.sent_patch_dark:
        return _say_sent_patch(e, pair)
    if not _open(pair):
        why = ("the tap of this pair has light, the amplifier behind it has none",)
        where = f"{e.station}, between tap and preamplifier"
        sentence = f"{_cap(pairs_text([pair.number]))}: our patch to the preamplifier is open"
        return Said(Ours.YES, MEDIUM, short(sentence), where, why, ("check the patch cord", "show line"), pairs=_numbers(found))
    reasons = ["light comes back into our amplifier"]
    reasons += ["it has reduced its power by itself"] if pair.reduced else []
    reasons += [f"{e.far_station} has lost our light"] if pair.far_lost else []
    reasons += ["no light is received on this pair"] if pair.receive_lost else []
    sentence = f"Connector open in our station, {pairs_text(_numbers(found))}"
    if not pair.receive_lost:
        return _say_open_or_near(e, found, tuple(reasons))
    todo = ("nobody looks into fibres", "close the connector of this pair, then check the level: show line")
    return Said(
        Ours.YES, HIGH if len(reasons) >= 3 else MEDIUM, sentence, f"{e.station}, line side of {pair.booster or 'the amplifier'}",
        tuple(reasons), todo, pairs=_numbers(found), one_end=not e.far_known,
    )  # fmt: skip


def _say_sent_patch(e: Evidence, pair: PairLight) -> Said:
    """Between our transmit amplifier and the tap that all light passes on its way to the line."""
    unit = pair.booster or "the transmit amplifier"
    why = (f"{unit} shines, the tap behind it has no light", f"{e.far_station} has lost our light")
    sentence = f"{_cap(pairs_text([pair.number]))}: our patch behind the transmit amplifier is open"
    where, todo = f"{e.station}, between {unit} and tap", ("nobody looks into fibres", "check the patch cord", "show line")
    return Said(Ours.YES, HIGH, short(sentence, "Our patch behind a transmit amplifier is open"), where, why, todo, pairs=(pair.number,))


def _say_open_or_near(e: Evidence, found: list[PairLight], why: tuple[str, ...]) -> Said:
    """One fibre alone: a break in the first kilometres sends light back as an open connector does."""
    sentence = f"Connector open, or fibre broken close to us, {pairs_text(_numbers(found))}"
    why = (*why, "a break in the first kilometres looks the same")
    todo = ("nobody looks into fibres", "check the connector, then the optical trace", "show line")
    sentence = short(sentence, "A connector is open, or a fibre broken close to us")
    where = f"{e.station}, or the first kilometres"
    return Said(Ours.CANNOT_TELL, MEDIUM, sentence, where, why, todo, pairs=_numbers(found), one_end=not e.far_known)
