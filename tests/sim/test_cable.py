"""The electrical twin against published test vectors and against the laws that every solution must keep."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stationd.sim.cable import (
    KB_330,
    S1_341,
    TC_380,
    CableParameters,
    Cut,
    Electrical,
    ElectricalFault,
    End,
    InsulatedOpen,
    Polarity,
    PowerFeed,
    Regulation,
    Shunt,
    balanced,
    charge_rate_v_per_s,
)
from stationd.sim.solver import solve

FEED_A, FEED_B = balanced(TC_380)


def solved(
    *,
    cable: CableParameters = TC_380,
    a: PowerFeed = FEED_A,
    b: PowerFeed = FEED_B,
    fault: ElectricalFault | None = None,
) -> Electrical:
    return solve(cable, a, b, fault)


def agrees(value: float, printed: str) -> bool:
    """True when the value is what was printed, to half of the last printed digit."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 / 10.0**decimals + 1e-9


VECTORS = [
    (0.0, 0.0, None, "1000.000", "1000.000", "270.000", "270.000", None),
    (10.0, 0.0, None, "999.984", "999.984", "274.997", "274.997", None),
    (0.0, 0.5, None, "1000.250", "1000.250", "194.29", "345.81", None),
    (0.0, 0.0, Shunt(50, 0), "1000.726", "999.275", "50.036", "489.761", "0"),
    (0.0, 0.0, Shunt(50, 10), "1000.726", "999.275", "50.051", "489.746", "0.015"),
    (0.0, 0.0, Shunt(50, 1e3), "1000.721", "999.280", "51.478", "488.321", "1.442"),
    (0.0, 0.0, Shunt(50, 1e5), "1000.437", "999.563", "137.46", "402.42", "87.44"),
    (0.0, 0.0, Shunt(50, 1e6), "1000.096", "999.905", "241.04", "298.93", "191.0"),
    (0.0, 0.0, Shunt(200, 0), "999.967", "1000.033", "279.993", "260.006", "0"),
]


@pytest.mark.parametrize(("earth_v", "missetting_ma", "fault", "i_a", "i_b", "v_a", "v_b", "v_f"), VECTORS)
def test_the_published_vectors_come_out_to_the_printed_digit(
    earth_v: float, missetting_ma: float, fault: Shunt | None, i_a: str, i_b: str, v_a: str, v_b: str, v_f: str | None
) -> None:
    cable = replace(TC_380, earth_potential_v=earth_v)
    b = replace(FEED_B, current_setpoint_ma=1000 + missetting_ma)
    state = solved(cable=cable, b=b, fault=fault)
    assert agrees(state.current_a_ma, i_a)
    assert agrees(state.current_b_ma, i_b)
    assert agrees(state.voltage_a_v, v_a)
    assert agrees(state.voltage_b_v, v_b)
    assert state.fault_v is None if v_f is None else agrees(state.fault_v or 0.0, v_f)
    assert (state.regulation_a, state.regulation_b) == (Regulation.CC, Regulation.CC)


# Laws that hold whatever the numbers are


@st.composite
def lines(draw: st.DrawFn, *, worn: bool = False) -> CableParameters:
    """Any line; a worn one has repeaters that differ, shorted ones too, and an earth potential."""
    spans = draw(st.lists(st.floats(20, 120), min_size=1, max_size=8))
    positions = [sum(spans[: n + 1]) for n in range(len(spans))]
    drop_v = draw(st.floats(0, 100))
    changes_v = st.one_of(st.just(0.0), st.just(-drop_v), st.floats(-drop_v, 10))
    return CableParameters(
        length_km=positions[-1],
        repeaters_km=tuple(positions[:-1]),
        conductor_ohm_per_km=draw(st.floats(0.5, 2.0)),
        repeater_drop_v=drop_v,
        sea_earth_ohm=draw(st.floats(0, 5)),
        earth_potential_v=draw(st.floats(-50, 50)) if worn else 0.0,
        repeater_changes_v=tuple(draw(changes_v) for _ in positions[:-1]) if worn else (),
    )


def power_taken_w(cable: CableParameters, state: Electrical, km: float) -> float:
    """What conductor, repeaters, fault, earth beds and the earth's own potential take, with a fault at `km`."""
    i_a, i_b = state.current_a_ma / 1000, state.current_b_ma / 1000
    near = sum(1 for at in cable.repeaters_km if at < km)
    conductor_w = i_a**2 * (cable.conductor_ohm_per_km * km + cable.sea_earth_ohm)
    conductor_w += i_b**2 * (cable.conductor_ohm_per_km * (cable.length_km - km) + cable.sea_earth_ohm)
    repeaters_w = sum(cable.drops_v[:near]) * cable.knee(i_a) * i_a + sum(cable.drops_v[near:]) * cable.knee(i_b) * i_b
    return conductor_w + repeaters_w + (state.fault_v or 0.0) * (i_a - i_b) + cable.earth_potential_v * i_b


@st.composite
def feeds(draw: st.DrawFn, polarity: Polarity) -> PowerFeed:
    return PowerFeed(
        output_on=draw(st.integers(0, 3)) > 0,
        current_setpoint_ma=draw(st.floats(0, 1600)),
        voltage_setpoint_v=draw(st.floats(0, 1500)),
        voltage_limit_v=draw(st.floats(0, 1500)),
        balance_v=draw(st.floats(0, 600)),
        droop_s=draw(st.sampled_from((0.0, 3.3e-6, 1e-4))),
        polarity=polarity,
    )


a_feeds, b_feeds = feeds(Polarity.POSITIVE), feeds(Polarity.NEGATIVE)
shares = st.floats(0.01, 0.99)
ohms = st.one_of(st.just(0.0), st.floats(0.001, 1e6))
quick = settings(max_examples=80, deadline=None)


@quick
@given(lines(worn=True), a_feeds, b_feeds, shares, ohms)
def test_what_leaves_a_and_does_not_reach_b_flows_through_the_shunt(
    cable: CableParameters, a: PowerFeed, b: PowerFeed, share: float, ohm: float
) -> None:
    state = solve(cable, a, b, Shunt(share * cable.length_km, ohm))
    assert state.fault_v is not None
    leak_a = state.fault_v / max(ohm, 1e-6)
    assert (state.current_a_ma - state.current_b_ma) / 1000 == pytest.approx(leak_a, abs=1e-8)


@quick
@given(lines(worn=True), a_feeds, b_feeds, shares, ohms, st.booleans())
def test_the_power_that_the_feeds_deliver_is_the_power_that_the_line_takes(
    cable: CableParameters, a: PowerFeed, b: PowerFeed, share: float, ohm: float, faulty: bool
) -> None:
    km = share * cable.length_km
    state = solve(cable, a, b, Shunt(km, ohm) if faulty else None)
    given_w = (state.voltage_a_v * state.current_a_ma + state.voltage_b_v * state.current_b_ma) / 1000
    assert given_w == pytest.approx(power_taken_w(cable, state, km), abs=1e-4, rel=1e-7)


@quick
@given(lines(worn=True), a_feeds, b_feeds, shares, ohms)
def test_a_cut_line_takes_at_each_end_what_that_end_delivers(
    cable: CableParameters, a: PowerFeed, b: PowerFeed, share: float, ohm: float
) -> None:
    km = share * cable.length_km
    state = solve(cable, a, b, Cut(km, ohm))
    i_a = state.current_a_ma / 1000
    near_v = sum(drop for at, drop in zip(cable.repeaters_km, cable.drops_v, strict=True) if at < km) * cable.knee(i_a)
    ohmic_v = i_a * (cable.conductor_ohm_per_km * km + cable.sea_earth_ohm + max(ohm, 1e-6))
    assert state.voltage_a_v == pytest.approx(ohmic_v + near_v, abs=1e-3, rel=5e-6) or state.current_a_ma == pytest.approx(0.0, abs=1e-4)


@quick
@given(lines(), a_feeds, b_feeds, shares, ohms)
def test_no_feed_ever_drives_beyond_its_voltage_limits_or_below_zero(
    cable: CableParameters, a: PowerFeed, b: PowerFeed, share: float, ohm: float
) -> None:
    km = share * cable.length_km
    for fault in (None, Shunt(km, ohm), Cut(km, ohm), InsulatedOpen(km)):
        state = solve(cable, a, b, fault)
        for end, feed in ((End.A, a), (End.B, b)):
            assert -1e-6 <= state.voltage_v(end) <= (feed.clamp_v if feed.output_on else 0.0) + 1e-6
            assert state.regulation(end) is not Regulation.OFF or not feed.output_on


@quick
@given(lines(), a_feeds, b_feeds, shares, ohms)
def test_swapping_the_stations_swaps_the_result(cable: CableParameters, a: PowerFeed, b: PowerFeed, share: float, ohm: float) -> None:
    km = share * cable.length_km
    assume(all(abs(km - at) > 1e-6 for at in cable.repeaters_km))  # on which side of a repeater "at it" is, is a convention
    mirrored = replace(cable, repeaters_km=tuple(cable.length_km - at for at in reversed(cable.repeaters_km)))
    here = solve(cable, a, b, Shunt(share * cable.length_km, ohm))
    there = solve(mirrored, b, a, Shunt((1 - share) * cable.length_km, ohm))
    assert (here.current_a_ma, here.current_b_ma) == pytest.approx((there.current_b_ma, there.current_a_ma), abs=1e-4)
    assert (here.voltage_a_v, here.voltage_b_v) == pytest.approx((there.voltage_b_v, there.voltage_a_v), abs=1e-3)
    assert here.repeaters_powered == there.repeaters_powered[::-1]


@quick
@given(lines(), a_feeds, b_feeds)
def test_a_healthy_line_carries_one_current_and_takes_its_voltage(cable: CableParameters, a: PowerFeed, b: PowerFeed) -> None:
    state = solve(cable, a, b)
    assert state.current_a_ma == pytest.approx(state.current_b_ma, abs=1e-5)
    assert state.voltage_a_v + state.voltage_b_v == pytest.approx(cable.line_v(state.current_a_ma), abs=1e-3)


@given(st.floats(1, 379))
@quick
def test_a_low_ohm_shunt_moves_the_split_but_not_the_sum(km: float) -> None:
    state = solved(fault=Shunt(km, 0))
    assert state.voltage_a_v + state.voltage_b_v == pytest.approx(540, abs=0.4)  # 0.9 mA of droop on 380 ohm


def test_the_voltage_at_a_rises_with_the_distance_of_the_shunt() -> None:
    voltages = [solved(fault=Shunt(km, 10)).voltage_a_v for km in range(0, 381, 2)]
    assert voltages == sorted(voltages)
    assert len(set(voltages)) == len(voltages)


@quick
@given(lines(worn=True), st.floats(0.02, 0.97), st.floats(0.001, 0.02), st.floats(0.0, 1e4))
def test_the_voltage_at_a_never_falls_and_that_at_b_never_rises_as_the_shunt_moves_away_from_a(
    cable: CableParameters, share: float, further: float, ohm: float
) -> None:
    cable = replace(cable, earth_potential_v=0.0)  # one that is stronger than the line would drive a feed backwards
    a, b = (replace(feed, voltage_limit_v=5000.0, voltage_setpoint_v=5000.0) for feed in balanced(cable))
    near, far = (solve(cable, a, b, Shunt(each * cable.length_km, ohm)) for each in (share, share + further))
    assert far.voltage_a_v >= near.voltage_a_v - 1e-4
    assert far.voltage_b_v <= near.voltage_b_v + 1e-4


@quick
@given(lines(), a_feeds, b_feeds, st.floats(1, 200))
def test_more_set_current_never_gives_less_current(cable: CableParameters, a: PowerFeed, b: PowerFeed, more_ma: float) -> None:
    raised = replace(a, current_setpoint_ma=a.current_setpoint_ma + more_ma)
    assert solve(cable, raised, b).current_a_ma >= solve(cable, a, b).current_a_ma - 1e-6


# Named situations


@pytest.mark.parametrize(("cable", "volts"), [(TC_380, 540.0), (S1_341, 501.0), (KB_330, 490.0)])
def test_the_shipped_lines_are_balanced_at_one_ampere(cable: CableParameters, volts: float) -> None:
    state = solve(cable, *balanced(cable))
    assert (state.current_a_ma, state.current_b_ma) == pytest.approx((1000, 1000))
    assert (state.voltage_a_v, state.voltage_b_v) == pytest.approx((volts / 2, volts / 2))
    assert state.virtual_earth_km == pytest.approx(cable.length_km / 2)
    assert all(state.repeaters_powered)


@pytest.mark.parametrize("dead", End)
def test_when_one_end_trips_the_other_carries_the_whole_line(dead: End) -> None:
    state = solved(a=replace(FEED_A, output_on=dead is not End.A), b=replace(FEED_B, output_on=dead is not End.B))
    assert state.voltage_v(dead) == 0.0
    assert state.regulation(dead) is Regulation.OFF
    assert state.voltage_v(dead.other) == pytest.approx(540, abs=0.5)
    assert state.regulation(dead.other) is Regulation.CC
    assert state.current_ma(dead) == pytest.approx(1000, abs=1)
    assert state.virtual_earth_km == (0.0 if dead is End.A else 380.0)


def test_both_ends_off_is_a_dead_line() -> None:
    state = solved(a=replace(FEED_A, output_on=False), b=replace(FEED_B, output_on=False))
    assert (state.current_a_ma, state.current_b_ma, state.voltage_a_v, state.voltage_b_v) == (0, 0, 0, 0)
    assert state.virtual_earth_km is None
    assert not any(state.repeaters_powered)


def test_a_cut_makes_each_end_feed_to_the_sea() -> None:
    state = solved(fault=Cut(120, 5))
    assert state.voltage_a_v == pytest.approx(state.current_a_ma / 1000 * 125 + 40)
    assert state.voltage_b_v == pytest.approx(state.current_b_ma / 1000 * 265 + 3 * 40)
    assert state.virtual_earth_km == 120


def test_a_cut_with_one_end_off_leaves_that_side_without_current() -> None:
    state = solved(b=replace(FEED_B, output_on=False), fault=Cut(120, 5))
    assert state.current_b_ma == pytest.approx(0, abs=1e-6)
    assert state.repeaters_powered == (True, False, False, False)


def test_an_insulated_open_drives_both_ends_to_their_limit_without_current() -> None:
    state = solved(b=replace(FEED_B, voltage_setpoint_v=600), fault=InsulatedOpen(120))
    assert (state.voltage_a_v, state.voltage_b_v) == (800, 600)
    assert (state.current_a_ma, state.current_b_ma) == pytest.approx((0, 0), abs=1e-5)
    assert (state.regulation_a, state.regulation_b) == (Regulation.CV, Regulation.CV)
    assert not any(state.repeaters_powered)


def test_a_reached_voltage_limit_turns_into_constant_voltage_and_less_current() -> None:
    state = solved(a=replace(FEED_A, voltage_limit_v=500), b=replace(FEED_B, output_on=False))
    assert (state.voltage_a_v, state.regulation_a) == (500, Regulation.CV)
    assert state.current_a_ma == pytest.approx(1000 * (500 - 160) / 380)


def test_a_shunt_on_a_line_fed_from_one_end_starves_the_repeaters_behind_it() -> None:
    state = solved(b=replace(FEED_B, output_on=False), fault=Shunt(200, 0))
    assert state.repeaters_powered == (True, True, False, False)


def test_a_weaker_far_end_is_driven_to_zero_volts_and_through() -> None:
    state = solved(b=replace(FEED_B, current_setpoint_ma=500))
    assert state.voltage_b_v == 0.0
    assert state.current_b_ma == pytest.approx(1000, abs=1)


def test_two_ends_of_the_same_polarity_drive_no_current() -> None:
    state = solved(b=replace(FEED_B, polarity=Polarity.POSITIVE))
    assert (state.current_a_ma, state.current_b_ma) == pytest.approx((0, 0), abs=1e-5)


def test_a_line_fed_with_reversed_polarities_shows_the_same_magnitudes() -> None:
    state = solved(a=replace(FEED_A, polarity=Polarity.NEGATIVE), b=replace(FEED_B, polarity=Polarity.POSITIVE))
    assert (state.current_a_ma, state.current_b_ma) == pytest.approx((1000, 1000))
    assert (state.voltage_a_v, state.voltage_b_v) == pytest.approx((270, 270))
    assert state.virtual_earth_km == pytest.approx(190)


def test_an_end_that_is_off_and_open_stops_the_current() -> None:
    state = solved(b=replace(FEED_B, output_on=False, open_when_off=True))
    assert state.current_a_ma == pytest.approx(0, abs=1e-5)
    assert state.voltage_a_v == 800


def test_a_set_point_of_zero_delivers_nothing() -> None:
    state = solved(a=replace(FEED_A, current_setpoint_ma=0), b=replace(FEED_B, current_setpoint_ma=0))
    assert (state.current_a_ma, state.voltage_a_v) == (0, 0)


def test_below_the_knee_a_repeater_drops_in_proportion_and_stays_dark() -> None:
    state = solved(a=replace(FEED_A, current_setpoint_ma=50), b=replace(FEED_B, current_setpoint_ma=50))
    current_a = state.current_a_ma / 1000
    assert state.voltage_a_v + state.voltage_b_v == pytest.approx(380 * current_a + 4 * 400 * current_a)
    assert not any(state.repeaters_powered)


@pytest.mark.parametrize(("km", "repeaters"), [(50, 0), (100, 1), (200, 2), (350, 4)])
def test_the_virtual_earth_of_a_dead_short_is_the_fault(km: float, repeaters: int) -> None:
    state = solved(fault=Shunt(km, 0))
    assert state.virtual_earth_km == pytest.approx(km)
    assert state.voltage_a_v == pytest.approx(state.current_a_ma / 1000 * km + 40 * repeaters)


def test_a_virtual_earth_inside_the_step_of_a_repeater_is_at_that_repeater() -> None:
    state = solved(b=replace(FEED_B, current_setpoint_ma=1000.5))
    assert state.virtual_earth_km == 152


def test_an_earth_bed_adds_its_own_drop_at_each_station() -> None:
    cable = replace(TC_380, sea_earth_ohm=3)
    state = solve(cable, *balanced(cable))
    assert (state.voltage_a_v, state.voltage_b_v) == pytest.approx((273, 273))
    assert state.virtual_earth_km == pytest.approx(190)


def test_an_open_in_the_middle_charges_at_twenty_six_kilovolts_a_second() -> None:
    assert charge_rate_v_per_s(TC_380, End.A, 190, 1000) == pytest.approx(26_316, abs=1)
    assert charge_rate_v_per_s(TC_380, End.B, 342, 1) == pytest.approx(131.6, abs=0.1)


@pytest.mark.parametrize("shorted", range(4))
def test_a_shorted_repeater_takes_its_step_out_of_the_voltages_and_stays_dark(shorted: int) -> None:
    changes_v = tuple(-40.0 if number == shorted else 0.0 for number in range(4))
    state = solved(cable=replace(TC_380, repeater_changes_v=changes_v))
    assert state.voltage_a_v + state.voltage_b_v == pytest.approx(500.0, abs=0.1)
    assert state.current_a_ma == pytest.approx(state.current_b_ma)
    assert [number for number, powered in enumerate(state.repeaters_powered) if not powered] == [shorted]


def test_a_repeater_that_drops_a_few_volts_less_still_has_power_for_its_pumps() -> None:
    state = solved(cable=replace(TC_380, repeater_changes_v=(0.0, -3.0, 0.0, 1.0)))
    assert state.voltage_a_v + state.voltage_b_v == pytest.approx(538.0, abs=0.1)
    assert all(state.repeaters_powered)


def test_the_virtual_earth_walks_over_a_shorted_repeater_without_a_step() -> None:
    b = replace(FEED_B, current_setpoint_ma=1000.5)  # as with the mis-set current above, but the step of repeater 2 is gone
    assert solved(cable=replace(TC_380, repeater_changes_v=(0.0, -40.0, 0.0, 0.0)), b=b).virtual_earth_km not in TC_380.repeaters_km


# Bad numbers


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"length_km": 0.0}, "length_km"),
        ({"length_km": float("nan")}, "length_km"),
        ({"length_km": 100.0, "repeaters_km": (50.0, 120.0)}, "repeaters_km"),
        ({"length_km": 100.0, "repeaters_km": (60.0, 40.0)}, "repeaters_km"),
        ({"length_km": 100.0, "conductor_ohm_per_km": -1.0}, "conductor_ohm_per_km"),
        ({"length_km": 100.0, "repeater_drop_v": -1.0}, "repeater_drop_v"),
        ({"length_km": 100.0, "earth_potential_v": float("inf")}, "earth_potential_v"),
        ({"length_km": 100.0, "repeaters_km": (50.0,), "repeater_changes_v": (1.0, 2.0)}, "repeater_changes_v"),
        ({"length_km": 100.0, "repeaters_km": (50.0,), "repeater_changes_v": (-41.0,)}, "repeater_changes_v"),
    ],
)
def test_an_impossible_line_is_refused_by_name(arguments: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        CableParameters(**arguments)  # type: ignore[arg-type]


def test_an_impossible_set_point_or_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="current_setpoint_ma"):
        PowerFeed(current_setpoint_ma=-1)
    with pytest.raises(ValueError, match="km of the fault"):
        solved(fault=Shunt(381, 0))
    with pytest.raises(ValueError, match="electrode_ohm of the fault"):
        solved(fault=Cut(100, -1))
