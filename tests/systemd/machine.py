"""A system that is booted for a test: an overlay on the root of this machine, or on that of another release of Debian, in systemd-nspawn.

What it is: what is needed so that a manager runs as PID 1 without one on the host: a control group of its own, a writable layer in
memory that goes with the test, nothing of the machine's own services. Nothing of the machine is changed. What it is not: a virtual
machine; the kernel, its clock and its limits are the host's.
It follows the approach of systemd's own integration tests, which take systemd-nspawn wherever that is enough.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CGROUPS = Path("/sys/fs/cgroup")
LOOK_S = 0.2
MANAGER = "systemd 2"  # the first line that a manager of any release of ours writes: "systemd 252.39-1~deb12u1 running in system mode"
LAYER = "1G"  # of memory at most: the package, its bytecode and a journal are a tenth of it
WANTS = "etc/systemd/system/multi-user.target.wants", "etc/systemd/system/timers.target.wants"
# Into the group of its own, in each hierarchy that there is; then the limit that no hang outlives.
START = 'for group in $GROUPS_OF_ITS_OWN; do echo $$ > "$group/cgroup.procs"; done; exec timeout --kill-after=5 "$@"'
# mlock is refused without it, whatever a unit may do.
CAPABILITIES = "CAP_IPC_LOCK"
# Forbidden in containers, as it could also set the clock, which needs a right that this one does not have.
CALLS = "adjtimex clock_adjtime"


class Impossible(Exception):
    """This machine cannot boot one; the text says what would be needed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a boot: the lines by name, and what is left when a line is missing."""

    lines: dict[str, dict[str, object]]
    console: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A root that can be booted as often as wanted; what one boot wrote the next one finds."""

    root: Path
    out: Path
    package: Path

    def boot(self, phase: str, limit_s: float, given_up: threading.Event) -> Report:
        """Boot, run a phase of the suite, and return what came of it. Impossible where not even the manager began."""
        (self.out / "phase").write_text(f"PHASE={phase}\n", encoding="ascii")
        with _own_groups(self.root.parent.name) as groups, (self.out / f"{phase}.console").open("wb") as console:
            environment = {**os.environ, "GROUPS_OF_ITS_OWN": " ".join(map(str, groups)), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
            words = ["sh", "-c", START, "sh", f"{limit_s:g}", *self._container()]
            with subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console) as running:
                while running.poll() is None and not given_up.wait(LOOK_S):
                    pass
                running.terminate()  # timeout(1) hands it on, and that is the end of the container
        told = self.out / f"{phase}.json"
        lines = json.loads(told.read_text(encoding="utf-8")) if told.exists() else []
        said = (self.out / f"{phase}.console").read_text(errors="replace")
        if not lines and MANAGER not in said:
            raise Impossible(f"no system can be booted here: {said.strip()[-300:]}")
        return Report({line["line"]: line for line in lines}, self._last_words(phase))

    def _container(self) -> list[str]:
        return [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={self.root}", "--private-network",
            "--console=read-only", f"--capability={CAPABILITIES}", f"--system-call-filter={CALLS}",
            f"--bind-ro={HERE}:/payload", f"--bind={self.out}:/out",
            f"--bind-ro={self.package.parent}:/deb", f"--machine=station-{self.root.parent.name}", "--boot", "--",
            "systemd.unit=suite.target",
        ]  # fmt: skip

    def _last_words(self, phase: str) -> str:
        files = (self.out / f"{phase}.console", self.out / "suite.log")
        return "\n".join(file.read_text(errors="replace")[-3000:] for file in files if file.exists())


@contextlib.contextmanager
def machine(lower: Path, scratch: Path, package: Path) -> Iterator[Machine]:
    """Make a machine on a root that is only read. Impossible says why it cannot be."""
    _possible()
    layer, root, out = scratch / "layer", scratch / "root", scratch / "out"
    for folder in (layer, root, out):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as mounted:
        _mount(mounted, "tmpfs", layer, f"size={LAYER}", "tmpfs")
        (layer / "upper").mkdir()
        (layer / "work").mkdir()
        _mount(mounted, "overlay", root, f"lowerdir={lower},upperdir={layer / 'upper'},workdir={layer / 'work'}", "overlay")
        _prepare(root)
        alone = scratch / "package"
        alone.mkdir()
        yield Machine(root, out, Path(shutil.copy(package, alone)))


def _possible() -> None:
    if os.geteuid() != 0:
        raise Impossible("only root boots a system: sudo make test-systemd")
    if shutil.which("systemd-nspawn") is None:
        raise Impossible("systemd-nspawn is not installed; to run this: apt install systemd-container")


def _mount(mounted: contextlib.ExitStack, kind: str, where: Path, options: str, device: str) -> None:
    done = subprocess.run(["mount", "-t", kind, "-o", options, device, where], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Impossible(f"this machine does not mount: {done.stderr.strip()}")
    mounted.callback(subprocess.run, ["umount", "--lazy", where], check=False)


def _prepare(root: Path) -> None:
    """Put the suite in, and leave every service of the machine itself out."""
    for wants in WANTS:
        for link in (root / wants).glob("*"):
            link.unlink()
    for unit in ("suite.service", "suite.target"):
        shutil.copy(HERE / "inside" / unit, root / "etc/systemd/system")
    # Not that of the host; and none at all would be a first boot, which enables every service that there is.
    (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n", encoding="ascii")
    for trace in ("var/log/journal", "var/lib/stationd", "etc/stationd", "opt/stationd", "run/stationd"):  # of this machine's own
        shutil.rmtree(root / trace, ignore_errors=True)
    (root / "var/log/journal").mkdir(parents=True)
    # A policy of the machine (invoke-rc.d(8)) that keeps packages from starting their services is not one of the station.
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)


@contextlib.contextmanager
def _own_groups(name: str) -> Iterator[list[Path]]:
    """Make a control group in each hierarchy that a manager needs, where the host has no manager that would give it one."""
    there = [CGROUPS / name for name in ("systemd", "unified") if (CGROUPS / name / "cgroup.procs").exists()]
    groups = [] if Path("/run/systemd/system").exists() else [place / f"booted-{os.getpid()}-{name}" for place in there]
    for group in groups:
        group.mkdir(exist_ok=True)
    try:
        yield groups
    finally:
        for group in groups:
            for folder in sorted([group, *(path for path in group.rglob("*") if path.is_dir())], key=lambda path: -len(path.parts)):
                with contextlib.suppress(OSError):
                    folder.rmdir()
