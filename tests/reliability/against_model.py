"""R18: alarms against a model of them, restarts included, and the outbox against a list."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability import pytests
from tests.reliability.figures import Figure, Share
from tests.reliability.outbox_model import TAKEN, OutboxAgainstList

STEPS_EACH = 50


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R18. A step that does not agree with the model ends the proof."""
    steps = share.of(20_000, 1_000_000)
    ran = pytests.run("tests/core/alarm/test_model.py", settings={"ALARM_MODEL_STEPS": str(steps)}, seconds=steps / 20)
    yield Figure("steps_of_alarms", steps)
    yield Figure("machines_of_alarms", ran.passed, least=1)
    wanted = share.of(4_000, 100_000)
    checks, runs = list(HealthCheck), 2 * wanted // STEPS_EACH  # some end early
    used = settings(max_examples=runs, stateful_step_count=STEPS_EACH, deadline=None, suppress_health_check=checks, database=None)
    run_state_machine_as_test(OutboxAgainstList, settings=used)
    yield Figure("steps_of_outbox", TAKEN["steps"], least=wanted)
    yield Figure("cases", steps + TAKEN["steps"])
    yield Figure("differences", 0, most=0)
