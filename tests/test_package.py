"""The Debian packages: the tree that they are made of, what those in dist/ hold, and what installing and purging leave behind.

Without `make deb` only the first part runs. On a real systemd tests/systemd/ takes them through the same and more.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import stationd

ROOT = Path(__file__).resolve().parent.parent
DEBIAN = ROOT / "systemd" / "debian"
PACKAGES = Path(os.environ.get("STATIOND_DEBS", ROOT / "dist"))
ROOTS = Path(os.environ.get("SYSTEMD_TEST_ROOTS", "/var/cache/stationd-test"))
OTHER = "9" * len(stationd.__version__)
RELEASES = ("py3.11", "py3.13")
MAY_BE_PUT = ("./etc/stationd/", "./opt/stationd/", "./usr/bin/station", "./usr/sbin/stationd-", "./usr/lib/systemd/system/stationd",
              "./usr/lib/systemd/system/systemd-journald@stationd.", "./usr/lib/systemd/system/systemd-journald-sync@stationd.",
              "./usr/lib/systemd/journald@stationd.conf.d/", "./usr/lib/sysusers.d/stationd.conf", "./usr/lib/tmpfiles.d/stationd.conf",
              "./usr/lib/udev/rules.d/60-stationd.rules", "./usr/share/doc/stationd/", "./usr/share/man/man",
              "./usr/share/lintian/overrides/stationd")  # fmt: skip
# What a station may run without asking a lawyer; another one is a decision, not a dependency.
LICENCES = {"Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "PSF-2.0", "EPL-2.0", "LGPL-2.0-or-later"}


def of_package(name: str) -> ModuleType:
    """Load a program of the package's recipe, which is no module of the product."""
    spec = importlib.util.spec_from_file_location(f"debian_{name}", DEBIAN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


sys.path.append(str(DEBIAN))  # they find each other beside themselves
recipe, trials = of_package("recipe"), of_package("trial")


def pins(lock: Path) -> dict[str, tuple[str, list[str]]]:
    text = lock.read_text(encoding="utf-8")
    found = re.findall(r"^(\S+)==(\S+)[^\\\n]*((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    return {name: (version, re.findall(r"sha256:(\w+)", hashes)) for name, version, hashes in found}


# ---------------------------------------------------------------- the tree


@pytest.mark.parametrize("release", RELEASES)
def test_a_package_is_made_of_one_file_of_each_dependency_and_of_those_that_were_tested(release: str) -> None:
    tested, locked = pins(ROOT / "requirements.lock"), pins(DEBIAN / "locks" / f"{release}-amd64.lock")
    assert len(locked) >= 20
    for name, (version, hashes) in locked.items():
        assert version == tested[name][0], name
        assert len(hashes) == 1, name
        assert hashes[0] in tested[name][1], name


@pytest.mark.parametrize("release", recipe.read().releases, ids=lambda release: release.name)
def test_every_file_of_systemd_has_its_place(release: Any) -> None:
    placed = {to: path for path, to in recipe.read().placed(release)}
    assert placed["usr/lib/systemd/system/stationd.service"] == ROOT / "systemd" / "stationd.service"
    newer = [to for to in placed if "systemd257" in to]
    assert bool(newer) == (release.name == "py3.13"), "252 would be left without a reload"


# ---------------------------------------------------------------- the trial of a new version


def after(*looks: tuple[float, str, int, int] | tuple[float, str, int, int, int | None]) -> Any:
    """Return the verdict after some looks at the daemon: time, state, process, restarts, code of the last exit."""
    trial = trials.Trial(since_s=0.0)
    for look in looks:
        trial = trial.after(trials.Seen(*look))
    return trial.verdict(looks[-1][0])


def test_a_version_that_stays_ready_for_a_minute_is_proven() -> None:
    assert after((1.0, "activating", 7, 0), (2.0, "active", 7, 0), (61.0, "active", 7, 0)) is trials.Verdict.OPEN
    assert after((1.0, "activating", 7, 0), (2.0, "active", 7, 0), (62.0, "active", 7, 0)) is trials.Verdict.PROVEN


def test_the_minute_begins_anew_with_each_process() -> None:
    assert after((2.0, "active", 7, 0), (61.0, "active", 8, 1), (63.0, "active", 8, 1)) is trials.Verdict.OPEN
    assert after((2.0, "active", 7, 0), (30.0, "reloading", 7, 0), (62.0, "active", 7, 0)) is trials.Verdict.PROVEN


def test_five_starts_that_came_to_nothing_fail_it_also_between_two_looks() -> None:
    assert after((1.0, "activating", 7, 0), (9.0, "activating", 0, 4)) is trials.Verdict.OPEN
    assert after((1.0, "activating", 7, 0), (9.0, "activating", 0, 5)) is trials.Verdict.FAILED


def test_a_start_by_hand_takes_no_failure_back() -> None:
    assert after((1.0, "activating", 7, 3), (9.0, "activating", 9, 0), (20.0, "activating", 0, 2)) is trials.Verdict.FAILED


def test_a_station_file_that_is_refused_is_no_failure_of_the_version() -> None:
    assert after((1.0, "activating", 7, 0), (2.0, "failed", 0, 0, 2)) is trials.Verdict.REFUSED
    assert after((1.0, "activating", 7, 0), (2.0, "failed", 0, 0, 7)) is trials.Verdict.FAILED


@pytest.mark.parametrize("code", [75, 243])
def test_neither_another_instance_nor_a_missing_credential_is_held_against_a_version(code: int) -> None:
    looks = [(float(now_s), "activating", 0, now_s, code) for now_s in range(1, 600)]
    assert after(*looks) is trials.Verdict.OPEN
    assert after(*looks, (600.0, "activating", 0, 600, code)) is trials.Verdict.UNDECIDED


def test_how_the_last_start_ended_is_remembered_while_the_next_one_runs() -> None:
    looks = [(now_s / 2, "activating", now_s % 2, now_s // 2, None if now_s % 2 else 75) for now_s in range(2, 40)]
    assert after(*looks) is trials.Verdict.OPEN


def test_a_version_that_hangs_in_its_start_fails_in_the_end() -> None:
    hangs = [(float(now_s), "activating", 7, 0) for now_s in range(1, 600)]
    assert after(*hangs) is trials.Verdict.OPEN
    assert after(*hangs, (600.0, "activating", 7, 0)) is trials.Verdict.FAILED


def test_a_daemon_that_somebody_stops_is_not_judged() -> None:
    assert after((1.0, "active", 7, 0), (2.0, "inactive", 0, 0), (16.0, "inactive", 0, 0)) is trials.Verdict.OPEN
    assert after((1.0, "active", 7, 0), (2.0, "inactive", 0, 0), (17.0, "inactive", 0, 0)) is trials.Verdict.STOPPED


# ---------------------------------------------------------------- what is in a package


def package_of(release: str) -> Path:
    found = sorted(PACKAGES.glob(f"stationd_{stationd.__version__}*-*~{release}_*.deb"))
    if not found:
        pytest.skip(f"there is no package for {release} in {PACKAGES}; to run this: make deb")
    return found[-1]


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def unpacked(release: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp(release)
    subprocess.run(["dpkg-deb", "--raw-extract", package_of(release), at / "tree"], check=True)
    return at / "tree"


def site_of(tree: Path) -> Path:
    (site,) = tree.glob("opt/stationd/lib/python3.*/site-packages")
    return site


def test_it_puts_files_only_where_they_belong_and_all_are_roots(release: str) -> None:
    listed = subprocess.run(["dpkg-deb", "--contents", package_of(release)], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        mode, owner, *_, = line.split()
        name = line.split(None, 5)[5].partition(" -> ")[0]
        assert owner == "root/root", line
        assert re.fullmatch(r"lrwxrwxrwx|drwxr-xr-x|-rw[-x]r-[-x]r-[-x]", mode), line
        assert mode[0] == "d" or name.startswith(MAY_BE_PUT), line
        assert "__pycache__" not in name, line


def test_it_has_one_extension_of_its_own_and_none_looks_for_libraries_elsewhere(unpacked: Path) -> None:
    for tool in ("readelf", "strip"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing; install the Debian package binutils")
    extensions = sorted(unpacked.rglob("*.so*"))
    assert [path.name for path in extensions if "stationd" in path.relative_to(site_of(unpacked)).parts] == ["_sampler.abi3.so"]
    for path in extensions:
        told = subprocess.run(["readelf", "--dynamic", "--sections", "--wide", path], capture_output=True, text=True, check=True).stdout
        assert not re.search(r"\((RPATH|RUNPATH)\)", told), path
        assert not re.search(r"\.symtab|\.debug", told), path


def test_its_bill_of_materials_is_what_is_installed_with_the_hash_of_each_wheel(release: str, unpacked: Path) -> None:
    bill = json.loads((unpacked / "usr/share/doc/stationd/stationd.cdx.json").read_text())
    locked = pins(DEBIAN / "locks" / f"{release}-amd64.lock")
    assert {each["name"]: (each["version"], [each["hashes"][0]["content"]]) for each in bill["components"]} == locked
    installed = [path.name.removesuffix(".dist-info").rpartition("-")[0] for path in site_of(unpacked).glob("*.dist-info")]
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in installed} == {*locked, "stationd"}
    (beside,) = site_of(unpacked).glob("stationd-*.dist-info/sboms/*.json")  # where PEP 770 has it
    assert json.loads(beside.read_text()) == bill
    licences = {word for each in bill["components"] for word in re.findall(r"[\w.-]+", each["licenses"][0]["expression"])}
    assert licences - {"AND", "OR"} <= LICENCES


def test_a_package_says_what_tree_it_was_made_of(unpacked: Path) -> None:
    tree = (unpacked / "opt/stationd/tree").read_text().strip()
    version = re.search(r'__version__ = "(.+)"', (site_of(unpacked) / "stationd/__init__.py").read_text())
    assert version is not None
    assert version[1].endswith(f".g{tree[:8]}") or version[1] == stationd.__version__


def test_its_sums_are_those_of_its_files(unpacked: Path) -> None:
    sums = dict(reversed(line.split("  ", 1)) for line in (unpacked / "DEBIAN/md5sums").read_text().splitlines())
    files = {path.relative_to(unpacked).as_posix(): path for path in unpacked.rglob("*") if path.is_file() and not path.is_symlink()}
    wanted = {name: path for name, path in files.items() if not name.startswith(("DEBIAN/", "etc/"))}
    assert {name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in wanted.items()} == sums


def test_a_station_file_is_never_the_packages_and_its_example_survives_as_its_owner_made_it(unpacked: Path) -> None:
    assert (unpacked / "DEBIAN/conffiles").read_text() == "/etc/stationd/station.toml.example\n"
    assert not (unpacked / "etc/stationd/station.toml").exists()


def test_neither_the_environment_nor_the_directory_decides_what_a_program_loads(unpacked: Path) -> None:
    for program in sorted((unpacked / "opt/stationd/bin").iterdir()):
        if not program.is_symlink():
            assert program.read_text().splitlines()[0] in ("#!/opt/stationd/bin/python3 -I", "#!/usr/bin/python3 -IB"), program


def test_every_program_has_its_page_and_every_page_its_program(unpacked: Path) -> None:
    programs = {path.name for room in ("usr/bin", "usr/sbin") for path in (unpacked / room).iterdir()}
    assert {path.name.partition(".")[0] for path in (unpacked / "usr/share/man").rglob("*.gz")} == programs


def test_lintian_finds_nothing_that_has_no_reason() -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is missing; install the Debian package lintian")
    # One of them: the other has the same files but for the compiled ones, and lintian is slow.
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", package_of(RELEASES[-1])]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


# ---------------------------------------------------------------- installed, upgraded, purged


@contextlib.contextmanager
def changed_root(lower: Path, scratch: Path) -> Iterator[Path]:
    """Yield a root that may be written, on one that is only read, as an image of a machine that is being made: no service manager."""
    root = scratch / "root"
    with contextlib.ExitStack() as mounted:
        for kind, options, where in (("tmpfs", "size=1G", scratch / "layer"), ("overlay", None, root), ("proc", "ro", root / "proc")):
            where.mkdir(parents=True, exist_ok=True)
            if kind == "overlay":
                for part in ("upper", "work"):
                    (scratch / "layer" / part).mkdir()
                options = f"lowerdir={lower},upperdir={scratch}/layer/upper,workdir={scratch}/layer/work"
            done = subprocess.run(["mount", "-t", kind, "-o", options, kind, where], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"this machine does not mount: {done.stderr.strip()}")
            mounted.callback(subprocess.run, ["umount", "--lazy", where], check=False)
        yield root


def inside(root: Path, *words: str, code: int = 0) -> str:
    plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["chroot", root, *words], capture_output=True, text=True, env=plain, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{words}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout


def names_in(root: Path) -> set[str]:
    """Return what is there; dpkg's and the user data base's own notes are not of the package, nor is what stands outside the disk."""
    rooms = ["/etc", "/opt", "/usr", "/var/lib", "/var/log", "/var/cache", "/run", "/home", "/srv"]
    pruned = ["/usr/share/man", "/var/lib/apt", "/var/cache/apt", "/var/cache/stationd-test"]
    without = [word for path in pruned for word in ("-o", "-path", path)]
    found = inside(root, "find", *rooms, "-xdev", "(", "-false", *without, ")", "-prune", "-o", "-print").splitlines()
    own = re.compile(r"^/(etc/((passwd|group|shadow|gshadow|subuid|subgid)-|\.pwd\.lock)$|run/systemd/|var/(log/dpkg|lib/dpkg/|cache/))")
    return {name for name in found if not own.match(name)}


def accounts_of(root: Path) -> list[str]:
    return [line for name in ("passwd", "group") for line in (root / "etc" / name).read_text().splitlines()]


def another_revision(package: Path, at: Path) -> Path:
    """Return the same package as the next revision, whose program says another version. Its source is as long and as old as it was."""
    tree = at / "revision"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control, told = tree / "DEBIAN/control", site_of(tree) / "stationd/__init__.py"
    control.write_text(control.read_text().replace("-1~py", "-2~py"))
    times = told.stat()
    told.write_text(told.read_text().replace(f'"{stationd.__version__}', f'"{OTHER}'))
    os.utime(told, ns=(times.st_atime_ns, times.st_mtime_ns))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, at / "next.deb"], check=True, capture_output=True)
    return at / "next.deb"


def package_and_root() -> tuple[Path, Path]:
    """Return a root and the package for its Python: this machine's, or one that the tests of the service have made."""
    if os.geteuid() != 0:
        pytest.skip("only root installs a package: run this as root")
    for root in (Path("/"), *sorted(ROOTS.glob("*"))):
        python = root / "usr/bin/python3"
        if python.is_symlink() and (release := python.readlink().name.replace("python", "py")) in RELEASES:
            return package_of(release), root
    return pytest.skip(f"this machine has not the Python of Debian 12 or 13, and make test-systemd made no root in {ROOTS}")


@dataclass(frozen=True, slots=True)
class Image:
    """A root where `version` is installed; /root/two.deb is the next revision. `names` and `accounts` are those from before."""

    root: Path
    version: str
    names: set[str]
    accounts: list[str]

    @property
    def copies(self) -> Path:
        """Where the package keeps the version before."""
        return self.root / "var/lib/stationd-rollback"

    def keep(self, *, previous: str, proven: str) -> str:
        """Do what an upgrade does with the copies. Return which of them is the version before afterwards: one or two."""
        for copy, name in (("one", "current"), (previous, "previous")):
            shutil.copy(self.root / "root" / f"{copy}.deb", self.copies / f"{name}.deb")
        versions = {"one": self.version, "two": self.version.replace("-1~", "-2~")}
        (self.copies / "proven").write_text(json.dumps({"version": versions[proven]}))
        inside(self.root, "stationd-rollback", "keep", "another")
        told = inside(self.root, "stationd-rollback", "show")
        return next(name for name, version in versions.items() if f"kept      {version}" in told)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """One for all that follows, which is done in this order: installing it anew for each would take minutes."""
    package, lower = package_and_root()
    scratch = tmp_path_factory.mktemp("image")
    with changed_root(lower, scratch) as root:
        for own in ("etc/stationd", "var/lib/stationd", "var/lib/stationd-rollback"):  # of a stationd that this machine may have
            shutil.rmtree(root / own, ignore_errors=True)
        names, accounts = names_in(root), accounts_of(root)
        shutil.copy(package, root / "root/one.deb")
        shutil.copy(another_revision(package, scratch), root / "root/two.deb")
        inside(root, "dpkg", "--install", "/root/one.deb")
        yield Image(root, package.name.split("_")[1], names, accounts)


def test_installed_without_a_service_manager_everything_of_it_works(image: Image) -> None:
    root = image.root
    assert inside(root, "stationd", "version") == f"stationd {image.version.rpartition('-')[0]}\n"
    assert "no mistakes" in inside(root, "stationd", "check", "/etc/stationd/station.toml.example")
    assert "no daemon answers" in inside(root, "sh", "-c", "stationctl show status 2>&1; true")
    assert "check sum" in inside(root, "sh", "-c", "stationctl support summary; true")  # which starts another process of it
    assert inside(root, "dpkg", "--verify", "stationd") == ""
    assert (root / "etc/systemd/system/multi-user.target.wants/stationd.service").is_symlink()


def test_a_version_that_was_never_seen_ready_takes_the_place_of_none_that_was(image: Image) -> None:
    assert image.keep(previous="two", proven="two") == "two"
    assert image.keep(previous="two", proven="one") == "one"


def test_an_upgrade_that_was_cut_off_after_it_kept_the_copy_goes_on(image: Image) -> None:
    assert image.keep(previous="two", proven="one") == "one"
    assert not (image.copies / "current.deb").exists()
    inside(image.root, "stationd-rollback", "keep", "another")
    assert f"kept      {image.version}" in inside(image.root, "stationd-rollback", "show")


@pytest.mark.parametrize("name", [".", "previous.deb"])
def test_a_copy_that_anybody_but_root_could_have_made_is_not_installed(image: Image, name: str) -> None:
    image.keep(previous="two", proven="two")
    os.chown(image.copies / name, 1234, 1234)
    inside(image.root, "stationd-rollback", "now", code=2)
    os.chown(image.copies / name, 0, 0)
    assert inside(image.root, "dpkg-query", "--show", "--showformat=${Version}", "stationd") == image.version


def test_unpacked_and_not_configured_it_runs_its_own_sources(image: Image) -> None:
    (image.root / "etc/stationd/station.toml").write_text('[station]\nname = "aktau"\n')
    (image.root / "etc/stationd/station.toml.example").write_text("# mine\n")
    (image.copies / "work/tree").mkdir(parents=True)  # of a run that was killed
    image.keep(previous="two", proven="one")
    inside(image.root, "dpkg", "--unpack", "/root/two.deb")
    assert inside(image.root, "stationd", "version").startswith(f"stationd {OTHER}")
    inside(image.root, "dpkg", "--configure", "stationd")
    assert inside(image.root, "stationd", "version").startswith(f"stationd {OTHER}")
    assert not (image.copies / "work").exists()


def test_gone_back_by_order_it_is_as_it_was_and_says_what_is_held(image: Image) -> None:
    inside(image.root, "stationd-rollback", "now")
    assert inside(image.root, "stationd", "version") == f"stationd {image.version.rpartition('-')[0]}\n"
    told = inside(image.root, "stationd-rollback", "show")
    assert f"gone back from {image.version.replace('-1~', '-2~')}" in told
    assert "apt-mark unhold stationd" in told
    assert (image.root / "etc/stationd/station.toml").read_text() == '[station]\nname = "aktau"\n'
    assert (image.root / "etc/stationd/station.toml.example").read_text() == "# mine\n"


def test_purged_it_leaves_a_machine_as_it_was(image: Image) -> None:
    (image.copies / "work/tree").mkdir(parents=True)  # of a run that was killed
    inside(image.root, "dpkg", "--purge", "stationd")
    assert names_in(image.root) == image.names
    assert accounts_of(image.root) == [line for line in image.accounts if not line.startswith("stationd")]
