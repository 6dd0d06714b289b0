from __future__ import annotations

from collections.abc import Iterator

import pytest

from stationd.core.amplifier import machine as amplifier
from stationd.core.operation.diagram import WIDTH, picture
from stationd.core.operation.machine import (
    BEGINNING,
    FACTS,
    HOLDING,
    NOT_BEGUN,
    ORDERS,
    PHASES,
    SELECTED,
    TABLE,
    Event,
    State,
    rows,
    step,
)
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Cause
from stationd.core.powerfeed import machine as feed

OPEN = frozenset(State) - {State.NONE, State.CLOSED}
OF_NOBODY = (Event.DISARMED, Event.TIMED_OUT, Event.EMERGENCY, Event.TRIPPED, Event.HOLD)  # no code, no approval


def reachable(start: State, events: frozenset[Event]) -> set[State]:
    found, edge = {start}, [start]
    while edge:
        state = edge.pop()
        after = {cell for event in events if isinstance(cell := step(state, event), State)} - found
        found |= after
        edge += after
    return found


def test_the_table_says_something_of_every_event_in_every_state() -> None:
    assert set(TABLE) == {(state, event) for state in State for event in Event}
    assert set(ORDERS) | set(FACTS) == set(Event)
    assert not set(ORDERS) & set(FACTS)


def test_facts_are_never_refused() -> None:
    assert all(isinstance(step(state, event), State) for state in State for event in FACTS)


def test_every_state_can_be_reached_and_none_is_left_over() -> None:
    assert reachable(State.NONE, frozenset(Event)) == set(State)
    assert set(PHASES) == set(State)
    assert NOT_BEGUN | HOLDING | BEGINNING | {State.RUNNING} == OPEN
    assert SELECTED < OPEN


def test_running_is_entered_by_a_kept_intent_alone_and_an_intent_is_announced_by_executing_alone() -> None:
    into_running = {(state, event) for (state, event), cell in TABLE.items() if cell is State.RUNNING and state is not State.RUNNING}
    assert into_running == {(State.STARTING, Event.INTENT_KEPT), (State.RESUMING, Event.INTENT_KEPT)}
    into_beginning = {event for (state, event), cell in TABLE.items() if cell in BEGINNING and state not in BEGINNING}
    assert into_beginning == {Event.EXECUTED}


def test_nothing_that_two_must_decide_runs_without_an_approval() -> None:
    assert State.RUNNING not in reachable(State.WAITING, frozenset(Event) - {Event.APPROVED})
    alone = frozenset(Event) - {Event.APPROVED, Event.PREPARED}
    assert State.RUNNING not in reachable(State.ASKED, alone)


@pytest.mark.parametrize("state", sorted(OPEN, key=str))
def test_emergency_and_trips_close_whatever_is_open_at_once(state: State) -> None:
    assert step(state, Event.EMERGENCY) is State.CLOSED
    assert step(state, Event.TRIPPED) is State.CLOSED


@pytest.mark.parametrize("state", sorted(OPEN, key=str))
def test_every_open_operation_can_be_stopped_and_closed_without_a_code(state: State) -> None:
    assert State.CLOSED in reachable(state, frozenset(OF_NOBODY))


def test_whatever_runs_is_held_by_anybody_by_a_changed_plant_by_a_lost_session_and_by_itself() -> None:
    for event in (Event.HOLD, Event.CHANGED, Event.SESSION_GONE, Event.KEEP_ALIVE_LOST, Event.STOPPED, Event.RESTARTED):
        assert step(State.RUNNING, event) is State.HELD


def test_after_a_restart_nothing_runs_and_what_had_not_begun_is_closed() -> None:
    for state in OPEN:
        assert step(state, Event.RESTARTED) is (State.CLOSED if state in NOT_BEGUN else State.HELD)


def test_a_lost_intent_never_leads_to_an_act() -> None:
    for state in BEGINNING:
        for event in (Event.INTENT_LOST, Event.TIMED_OUT, Event.CHANGED, Event.SESSION_GONE, Event.HOLD, Event.EMERGENCY):
            assert PHASES[_state(step(state, event))] in (Phase.CLOSED, Phase.HELD)


def test_the_second_wrong_code_ends_what_the_first_one_left_standing() -> None:
    assert step(State.ARMED, Event.WRONG_CODE) is State.DOUBTED
    assert step(State.DOUBTED, Event.WRONG_CODE) is State.CLOSED
    assert step(State.OFFERED, Event.WRONG_CODE) is State.MISTYPED
    assert step(State.MISTYPED, Event.WRONG_CODE) is State.HELD


def test_a_closed_operation_stays_closed_whatever_happens() -> None:
    for event in Event:
        cell = step(State.CLOSED, event)
        assert cell is (State.CLOSED if event in FACTS else Cause.NOT_SELECTED)


def _state(cell: State | Cause) -> State:
    assert isinstance(cell, State)
    return cell


# The product of the operation machine and that of the power feed: the feed is begun, held and let go on as the desk does.


def product_steps(op: State, drive: feed.Phase) -> Iterator[tuple[str, State, feed.Phase]]:
    for event in Event:
        after = step(op, event)
        if isinstance(after, State) and event not in (Event.ENDED, Event.STOPPED, Event.TRIPPED):
            yield from ((event.value, after, phase) for phase in led(op, after, drive))
    if op is State.RUNNING or op in HOLDING:
        for happens in feed.Event:
            if op is State.RUNNING or happens is feed.Event.DEVICE_TRIP:
                yield from followed(op, drive, happens)


def led(op: State, after: State, drive: feed.Phase) -> set[feed.Phase]:
    """What the desk makes of the executor when an operation moves."""
    if after is State.RUNNING and op in BEGINNING:
        begins = (feed.Event.PREPARE, feed.Event.RAMP, feed.Event.DESCEND, feed.Event.DISCHARGE, feed.Event.SWITCH, feed.Event.AWAIT)
        return {feed.step(drive, event) for event in (*begins, feed.Event.SETTLE, feed.Event.UNFIT)}
    if after is State.HELD and op is State.RUNNING:
        return {feed.step(drive, feed.Event.HOLD)}
    return {drive}


def followed(op: State, drive: feed.Phase, happens: feed.Event) -> Iterator[tuple[str, State, feed.Phase]]:
    after = feed.step(drive, happens)
    if after is drive:
        return
    match after:
        case feed.Phase.HELD:
            said = Event.STOPPED
        case feed.Phase.TRIPPED:
            said = Event.TRIPPED
        case feed.Phase.DONE:
            said = Event.ENDED
        case _:
            yield happens.value, op, after
            return
    yield happens.value, _state(step(op, said)), after


def product() -> dict[tuple[State, feed.Phase], set[tuple[str, State, feed.Phase]]]:
    start = (State.NONE, feed.Phase.IDLE)
    found: dict[tuple[State, feed.Phase], set[tuple[str, State, feed.Phase]]] = {}
    edge = [start]
    while edge:
        node = edge.pop()
        if node in found:
            continue
        found[node] = set(product_steps(*node))
        edge += [(op, drive) for _, op, drive in found[node]]
    return found


def test_in_the_product_of_both_machines_nothing_rises_but_in_an_operation_that_runs() -> None:
    for (op, drive), steps in product().items():
        if op not in (State.RUNNING, State.CLOSED):
            assert drive not in feed.RISING, (op, drive)
        if drive in feed.RISING and op is State.CLOSED:
            continue  # the desk lets go of the executor of what is closed: it is never asked again
        rising = {(event, after) for event, after, phase in steps if phase in feed.RISING and drive not in feed.RISING}
        assert all(after is State.RUNNING for _, after in rising), (op, drive, rising)


def test_in_the_product_every_running_state_can_be_held_tripped_and_cut_off() -> None:
    running = [(node, steps) for node, steps in product().items() if node[0] is State.RUNNING and node[1] in feed.RUNNING]
    assert running
    for (_, drive), steps in running:
        events = {event: (after, phase) for event, after, phase in steps}
        assert events["hold"] == (State.HELD, feed.Phase.HELD)
        assert events["emergency"][0] is State.CLOSED
        assert any(phase is feed.Phase.TRIPPED for _, phase in events.values()), drive


def test_the_pictures_of_all_three_machines_fit_the_readme_and_leave_nothing_out() -> None:
    for table in (rows(), feed.rows(), amplifier.rows()):
        lines = picture(table)
        assert lines
        assert max(map(len, lines)) <= WIDTH
        assert all(line.isascii() for line in lines)
        for state, event, following in table:
            assert any(line.startswith(f" {state} ") for line in lines)
            assert event in " ".join(lines)
            assert any(line.endswith(f"-> {following}") for line in lines)
    assert picture(()) == ()
