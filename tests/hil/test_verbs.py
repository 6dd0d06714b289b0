"""The verbs of a rig: what is done by hand is undone by hand, and what a rig lacks is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hil.acts import Hands
from hil.rig import Missing
from hil.rigfile import RIGS, Act, Way, load
from hil.verbs import Verbs
from tests.hil.relays import RelayBox


@pytest.fixture
def box() -> Iterator[RelayBox]:
    one = RelayBox()
    yield one
    one.close()


def verbs(box: RelayBox) -> Verbs:
    acts = {
        "shunt": Act(Way.MODBUS_COIL, box.address, outputs={"km50": 0, "km170": 1}),
        "contact": Act(Way.MODBUS_COIL, box.address, outputs={"door": 8, "earthed": 11}, inverted=True),
    }
    return Verbs(load(RIGS / "rack.toml"), Hands(), acts, {})


def test_a_repair_brings_back_what_was_changed_and_nothing_else(box: RelayBox) -> None:
    hands = verbs(box)
    hands.do("shunt", {"km": 50.0, "ohm": 10.0, "port": "km50"})
    hands.contact("rack", "door", False)
    hands.contact("rack", "earthed", True)
    assert box.coils == {0: True, 8: True, 11: False}
    box.orders.clear()
    hands.do("repair", {})
    assert box.orders == [(11, True), (8, False), (0, False)]
    box.orders.clear()
    hands.do("repair", {})
    assert box.orders == []


def test_what_the_rig_lacks_is_said_with_the_key_that_would_give_it(box: RelayBox) -> None:
    with pytest.raises(Missing, match=r"rig rack has no 'load' \(\[hil\.act\.load\]\)"):
        verbs(box).do("load", {"ohm": 500.0})
    with pytest.raises(Missing, match=r"no meter 'a\.current_ma'"):
        verbs(box).measure("a.current_ma")
    with pytest.raises(Missing, match="needs a simulated plant"):
        verbs(box).written(0)


def test_no_feed_is_set_above_the_ceiling_of_the_bench(box: RelayBox) -> None:
    with pytest.raises(ValueError, match=r"1200 mA is above the rig's ceiling of 1100 mA"):
        verbs(box).feed("rack", 1200.0)
    assert box.orders == []


def test_a_port_without_a_name_that_a_rig_knows_is_a_mistake(box: RelayBox) -> None:
    with pytest.raises(ValueError, match="no optical port of a rig"):
        verbs(box).attenuate("somewhere", 3.0)
