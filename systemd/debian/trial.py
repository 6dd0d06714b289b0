"""What is known of a version on trial: looks at its daemon in, a verdict out. Pure; rollback.py looks and acts.

Nobody condemns a version for what is not its own: a station file with mistakes, another instance at work, a credential that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

PROVEN_S = 60.0  # ready so long without a break (assumption: whatever a start does late is done by then)
TRIAL_S = 600.0  # five starts that hang until TimeoutStartSec=60s, and the pauses between them
FAILURES = 5
STOPPED_S = 15.0  # between two starts the unit is "activating"; inactive so long means that somebody stopped it
REFUSED = 2  # the daemon's exit: the station file has mistakes
BLAMELESS = (75, 243)  # another instance holds the state directory; a credential could not be read (systemd.exec(5): EXIT_CREDENTIALS)


class Verdict(Enum):
    """What is known of a version on trial."""

    OPEN = "open"
    PROVEN = "it is proven"
    FAILED = "failed to become or to stay ready"
    REFUSED = "refuses the station file"
    UNDECIDED = "does not become ready, for want of something that is not its own"
    STOPPED = "nothing to judge"  # stopped by somebody


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service manager says of the daemon at one moment.

    `restarts` counts those that it made by itself (NRestarts); `status` is the code of the last exit, negative for a signal, None while
    it is not known: from the next start on the manager has forgotten it.
    """

    now_s: float
    state: str
    process: int
    restarts: int
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A version on trial since `since_s`; all times of the monotonic clock. `blameless`: starts that failed for no fault of its own."""

    since_s: float
    proven_s: float = PROVEN_S
    ready_since_s: float | None = None
    stopped_since_s: float | None = None
    process: int = 0
    restarts: int = 0
    status: int | None = None
    failures: int = 0
    blameless: int = 0
    refused: bool = False

    def after(self, seen: Seen) -> Trial:
        """Return the trial with one more look at the daemon. A counter that went back was set to 0 by a start by hand."""
        more = seen.restarts - self.restarts if seen.restarts >= self.restarts else seen.restarts
        ready = seen.state in ("active", "reloading")
        unbroken = ready and self.ready_since_s is not None and seen.process == self.process and not more
        status = seen.status if seen.status is not None else self.status
        stopped, failed, excused = seen.state == "inactive", seen.state == "failed", status in BLAMELESS
        refused = failed and status == REFUSED
        return replace(
            self,
            ready_since_s=(self.ready_since_s if unbroken else seen.now_s) if ready else None,
            stopped_since_s=(self.stopped_since_s if self.stopped_since_s is not None else seen.now_s) if stopped else None,
            process=seen.process,
            restarts=seen.restarts,
            status=status,
            failures=FAILURES if failed and not refused else self.failures + (0 if excused else more),
            blameless=self.blameless + (more if excused else 0),
            refused=refused,
        )

    def verdict(self, now_s: float) -> Verdict:
        """Say what is known by now."""
        if self.ready_since_s is not None and now_s - self.ready_since_s >= self.proven_s:
            return Verdict.PROVEN
        if self.refused:
            return Verdict.REFUSED
        if self.failures >= FAILURES:
            return Verdict.FAILED
        if self.stopped_since_s is not None and now_s - self.stopped_since_s >= STOPPED_S:
            return Verdict.STOPPED
        if now_s - self.since_s < TRIAL_S:
            return Verdict.OPEN
        return Verdict.UNDECIDED if self.blameless > self.failures else Verdict.FAILED
