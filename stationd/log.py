"""How the daemon speaks: one event a line, JSON for machines, columns for a person at a terminal.

Under systemd the lines go to the journal with their priority in front (sd-daemon(3)), so that `journalctl -p warning` works.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# What these call an error is a peer's fault that the daemon counts, answers or reports itself, in one line of its own.
QUIET = ("pymodbus", "aiohttp.server", "mqtt")

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def set_up(stream: Any = sys.stderr) -> None:
    """Send all events to `stream`; libraries that use the standard logging speak only when something is wrong."""
    terminal = stream.isatty()
    journal = not terminal and "JOURNAL_STREAM" in os.environ
    last: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
            *([_with_priority] if journal else []),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _with_priority(_: Any, method: str, line: str | MutableMapping[str, Any]) -> str:
    return f"<{PRIORITIES.get(method, 6)}>{line}"
