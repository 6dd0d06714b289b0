"""The alarm machine, walked through completely: its table as people read it, and ten properties of everything reachable."""

from __future__ import annotations

from itertools import product

import pytest

from stationd.core.alarm.machine import COLUMNS, TABLE, Denial, Event, Flags, Letter, Step, Variant, letter, step

VARIANTS = [Variant(latching, shelvable) for latching, shelvable in product((False, True), repeat=2)]
VARIANT_IDS = ["plain, never shelved", "plain", "latching, never shelved", "latching"]
HIDING = {Letter.SHELVED, Letter.SUPPRESSED, Letter.OUT_OF_SERVICE}

# The table of the design, in its own words: "!" people are told, "-" no change, "?" a refusal. Where a cell names several
# outcomes, all of them are listed, in the order: active, latched, else.
DESIGN = """
from raise clear escalate ack reset           shelve       unshelve  suppress release   out return
A    B!    -     -        -   -               G            -         H        -         I   -
B    -     D,E   B!       C   still-active    G            -         H        -         I   -
C    -     A,F   B!       -   still-active    G            -         H        -         I   -
D    B!    -     -        A   -               G            -         H        -         I   -
E    B!    -     -        F   not-acknowledged G           -         H        -         I   -
F    B!    -     -        -   A               G            -         H        -         I   -
G    G     G     G        hidden hidden       G            B!,E!,A,D H        -         I   -
H    H     H     H        hidden hidden       H            H         H        B!,E!,G,A,D I -
I    I     I     I        hidden hidden       out-of-service I       I        I         I   B!,E!,H,A,D
"""


def cells() -> dict[tuple[str, Event], set[str]]:
    lines = [line.split() for line in DESIGN.strip().splitlines()]
    return {(line[0], event): set(line[1 + at].split(",")) for line in lines[1:] for at, event in enumerate(COLUMNS)}


def reachable(variant: Variant) -> dict[Flags, list[tuple[Event, Step | Denial, Flags]]]:
    """Every state that can be reached from normal, with what each event does there."""
    found: dict[Flags, list[tuple[Event, Step | Denial, Flags]]] = {}
    ahead = [Flags()]
    while ahead:
        flags = ahead.pop()
        if flags in found:
            continue
        found[flags] = []
        for event in Event:
            result = step(variant, flags, event)
            after = flags if isinstance(result, Denial) else result.flags
            found[flags].append((event, result, after))
            ahead.append(after)
    return found


def seen(before: Flags, result: Step | Denial) -> str:
    if isinstance(result, Denial):
        return result.value
    after = letter(result.flags).value + ("!" if result.annunciate else "")
    return "-" if result == Step(before) else after


@pytest.mark.parametrize("variant", VARIANTS, ids=VARIANT_IDS)
def test_every_cell_does_what_the_design_says(variant: Variant) -> None:
    design, met = cells(), set()
    for flags, ways in reachable(variant).items():
        for event, result, _ in ways:
            if event is Event.NOTE:
                assert result == Step(flags)
                continue
            place = (letter(flags).value, event)
            if event is Event.SHELVE and not variant.shelvable and letter(flags) is not Letter.OUT_OF_SERVICE:
                assert result is Denial.NOT_SHELVABLE
                continue
            got = seen(flags, result)
            allowed = design[place] | ({"-"} if {letter(flags).value, "-"} & design[place] else set())
            assert got in allowed, f"{place}: {got} is not {design[place]}"
            met.add((place, got))
    never = {"D"} if variant.latching else {"E", "F"}
    rows = {row for row, _ in design} - never - (set() if variant.shelvable else {"G"})
    assert {place for place, _ in met} >= {(row, e) for row in rows for e in COLUMNS if e is not Event.SHELVE or variant.shelvable}


def test_the_table_has_a_cell_for_every_letter_and_event() -> None:
    assert set(TABLE) == set(product(Letter, Event))


@pytest.mark.parametrize(("variant", "states"), list(zip(VARIANTS, (16, 24, 20, 30), strict=True)), ids=VARIANT_IDS)
def test_the_machine_is_as_small_as_designed(variant: Variant, states: int) -> None:
    assert len(reachable(variant)) == states


@pytest.mark.parametrize("variant", VARIANTS, ids=VARIANT_IDS)
class TestEverythingReachable:
    def test_p1_an_active_alarm_is_never_shown_as_normal(self, variant: Variant) -> None:
        assert all(letter(flags) is not Letter.NORMAL for flags in reachable(variant) if flags.active)

    def test_p2_active_visible_and_unacknowledged_is_new(self, variant: Variant) -> None:
        for flags in reachable(variant):
            if flags.active and not flags.hidden and not flags.acked:
                assert letter(flags) is Letter.NEW

    def test_p3_a_visible_latched_alarm_is_never_normal(self, variant: Variant) -> None:
        assert all(letter(flags) is not Letter.NORMAL for flags in reachable(variant) if flags.latched and not flags.hidden)

    def test_p4_gone_is_for_types_without_a_latch_and_latched_letters_for_those_with_one(self, variant: Variant) -> None:
        letters = {letter(flags) for flags in reachable(variant)}
        assert (Letter.GONE in letters) is not variant.latching
        assert (Letter.LATCHED_NEW in letters) is variant.latching
        assert (Letter.LATCHED_ACKNOWLEDGED in letters) is variant.latching

    def test_p5_every_state_has_a_letter_and_it_is_derived_from_the_flags_alone(self, variant: Variant) -> None:
        for flags in reachable(variant):
            assert letter(flags) is letter(Flags(*(getattr(flags, name) for name in Flags.__slots__)))

    def test_p6_a_latch_ends_only_by_the_reset_of_an_acknowledged_inactive_alarm(self, variant: Variant) -> None:
        for flags, ways in reachable(variant).items():
            for event, _, after in ways:
                if flags.latched and not after.latched:
                    assert event is Event.RESET
                    assert flags.acked
                    assert not flags.active
                    assert not flags.hidden

    def test_p7_becoming_visible_and_active_is_always_told(self, variant: Variant) -> None:
        for flags, ways in reachable(variant).items():
            was = flags.active and not flags.hidden
            for _, result, after in ways:
                if not was and after.active and not after.hidden:
                    assert isinstance(result, Step)
                    assert result.annunciate

    def test_p8_only_an_acknowledgement_makes_a_visible_active_alarm_acknowledged(self, variant: Variant) -> None:
        for flags, ways in reachable(variant).items():
            for event, _, after in ways:
                if after.active and after.acked and not after.hidden and not (flags.active and flags.acked and not flags.hidden):
                    assert event is Event.ACK

    def test_p9_hiding_and_showing_never_change_what_is_true_of_the_plant(self, variant: Variant) -> None:
        hiding = {Event.SHELVE, Event.UNSHELVE, Event.SUPPRESS, Event.RELEASE, Event.OUT_OF_SERVICE, Event.RETURN}
        for flags, ways in reachable(variant).items():
            for event, _, after in ways:
                if event in hiding:
                    assert (after.active, after.latched) == (flags.active, flags.latched)

    def test_p10_normal_can_be_reached_from_everywhere(self, variant: Variant) -> None:
        graph = reachable(variant)
        home, grew = {Flags()}, True
        while grew:
            new = {flags for flags, ways in graph.items() if flags not in home and any(after in home for _, _, after in ways)}
            grew, home = bool(new), home | new
        assert home == set(graph)

    def test_a_refusal_changes_nothing_and_what_is_hidden_makes_no_sound(self, variant: Variant) -> None:
        for ways in reachable(variant).values():
            for _, result, after in ways:
                if isinstance(result, Step) and result.annunciate:
                    assert letter(after) not in HIDING
