"""R18: alarms against a model of them, restarts included, and the outbox against a list."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

from tests.core.alarm.test_model import AlarmsAgainstModel
from tests.reliability.figures import Figure, Share
from tests.reliability.outbox_model import TAKEN, OutboxAgainstList

STEPS_OF_ALARMS, STEPS_OF_OUTBOX = 100, 50  # of one life
STEPS: Counter[str] = Counter()  # that were compared


class CountedAlarms(AlarmsAgainstModel):
    """The model of the alarms; each look that compares the two is counted."""

    @invariant()
    def counted(self) -> None:
        """Count a step."""
        STEPS["alarms"] += 1


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R18."""
    steps, messages = share.of(20_000, 1_000_000), share.of(4_000, 100_000)
    differ = differs(CountedAlarms, 5 * steps // 4 // STEPS_OF_ALARMS, STEPS_OF_ALARMS)  # more than wanted: some lives end early
    differ += differs(OutboxAgainstList, 2 * messages // STEPS_OF_OUTBOX, STEPS_OF_OUTBOX)
    yield Figure("steps_of_alarms", STEPS["alarms"], least=steps)
    yield Figure("steps_of_outbox", TAKEN["steps"], least=messages)
    yield Figure("cases", STEPS["alarms"] + TAKEN["steps"])
    yield Figure("models_that_differ", differ, most=0)


def differs(machine: type[RuleBasedStateMachine], lives: int, steps: int) -> int:
    """Return 1 where the real thing and its model differ in any of so many lives, and print the shortest story of it."""
    used = settings(
        max_examples=max(1, lives), stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    try:
        run_state_machine_as_test(machine, settings=used)
    except (AssertionError, FlakyFailure):  # what differs only sometimes differs
        traceback.print_exc()
        return 1
    return 0
