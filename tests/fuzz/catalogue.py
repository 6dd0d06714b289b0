"""The list of all targets."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import broker_targets, door_targets, file_targets, memory_targets, shell_targets, wire_targets
from tests.fuzz.target import Target

MODULES = (wire_targets, broker_targets, door_targets, file_targets, memory_targets, shell_targets)
TARGETS: Mapping[str, Target] = {target.name: target for module in MODULES for target in module.TARGETS}
