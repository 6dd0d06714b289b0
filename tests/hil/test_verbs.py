"""The verbs of a rig: what is done by hand is undone by hand, and what a rig lacks is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hil.acts import Hands, RigFailed
from hil.rig import Missing
from hil.rigfile import RIGS, Act, Way, load
from hil.verbs import Verbs
from tests.hil.instruments import Instrument
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


def test_a_run_begins_with_every_relay_where_it_is_in_service_whatever_an_earlier_run_left(box: RelayBox) -> None:
    box.coils = {0: True, 1: True, 8: True, 11: False}
    verbs(box).rest()
    assert box.coils == {0: False, 1: False, 8: False, 11: True}


def test_the_contacts_of_both_ends_are_different_coils(box: RelayBox) -> None:
    contact = Act(Way.MODBUS_COIL, box.address, outputs={"a-door": 8, "b-door": 24}, inverted=True)
    hands = Verbs(load(RIGS / "two-stations.toml"), Hands(), {"contact": contact}, {})
    hands.contact("aktau", "door", False)
    hands.contact("siyazan", "door", True)
    assert box.coils == {8: True, 24: False}
    hands.contact("siyazan", "door", False)
    hands.do("repair", {})
    assert box.coils == {8: False, 24: False}


def test_each_port_of_light_is_an_output_of_the_attenuator_that_has_a_number() -> None:
    meter = Instrument("1")
    act = Act(Way.SCPI, meter.address, ":OUTP{output}:ATT {db:.2f}", outputs={"a-fp1-rx": 1, "b-fp1-rx": 3})
    Verbs(load(RIGS / "two-stations.toml"), Hands(), {"attenuate": act}, {}).attenuate("b-fp1-rx", 12.5)
    assert meter.heard == [":OUTP3:ATT 12.50\n*OPC?\n"]
    meter.close()


def test_a_feed_of_each_end_is_set_in_its_own_way_and_what_is_refused_is_told() -> None:
    fug = Instrument("E0")
    file = load(RIGS / "two-stations.toml")
    hands = Verbs(file, Hands(), {"feed.b": replace(file.acts["feed.b"], address=fug.address, settles_s=0.0)}, {})
    hands.feed("siyazan", 500.0)
    assert fug.heard == [">S1 0.500\n", ">BON 1\n"]
    fug.value = "E5"
    with pytest.raises(RigFailed, match="is answered with 'E5'"):
        hands.feed("siyazan", 500.0)
    with pytest.raises(Missing, match="no 'feed'"):
        hands.feed("aktau", 500.0)
    fug.close()


def test_contactors_are_the_outputs_that_are_called_so(box: RelayBox) -> None:
    power = Act(Way.MODBUS_COIL, box.address, outputs={"contactor-a": 0, "contactor-b": 1, "io": 2})
    Verbs(load(RIGS / "rack.toml"), Hands(), {"power": power}, {}).contactors(on=True)
    assert box.coils == {0: True, 1: True}


def test_the_time_of_an_order_is_taken_before_it_goes_out() -> None:
    slow = Instrument("1")
    before = time.monotonic()
    done_t = Hands().do(Act(Way.SCPI, slow.address, "ATT 3", settles_s=0.05), "attenuate", {})
    assert before <= done_t <= time.monotonic() - 0.05
    slow.close()
