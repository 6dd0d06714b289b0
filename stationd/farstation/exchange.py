"""The way between two stations as the link sees it: bytes to a topic, bytes from a topic. No promise of delivery, order or honesty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Deliver = Callable[[bytes, bool], None]
"""Takes the bytes of a message, and whether they were retained by the broker. Never waits and never fails."""


class Exchange(Protocol):
    """A connection that may be down at any time. Neither method waits or fails."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send this soon, or never: what was given before for the same topic and has not been sent is forgotten."""

    def subscribe(self, topic: str, deliver: Deliver) -> None:
        """Have what comes on a topic delivered from now on, over every reconnection; in the event loop."""
