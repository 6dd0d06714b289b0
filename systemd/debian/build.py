"""Builds the Debian packages: `python systemd/debian/build.py [--twice] [RELEASE...]`, or `make deb`.

For each release of Debian: the locked dependencies as wheels and nothing else, our own wheel with the extension in C built by the
distribution's Python, units and examples by manifest.toml, and what dpkg wants. Nothing of it depends on the place, the time or the
machine: the time is that of the last change (or SOURCE_DATE_EPOCH), and --twice builds everything again elsewhere and compares.

It follows Debian Policy and the layout of a virtual environment (pyvenv.cfg), so that /opt/stationd/bin/python3 finds its packages by
itself, whoever starts it and however.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import control
import recipe
import sbom
from recipe import ROOT, Release, Unfit

UV = Path(sys.executable).with_name("uv")
DISTRIBUTION_PYTHON = Path("/usr/bin/python3")  # any other writes its own place into the extension (RUNPATH)
PLATFORM = "x86_64-manylinux_2_36"  # of Debian 12, which Debian 13 runs too
NEEDED = {"dpkg-deb": "dpkg", "strip": "binutils", "readelf": "binutils", "gcc": "gcc", "git": "git"}
WHEEL = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
PROGRAMS = {"stationd": "stationd.__main__", "stationctl": "stationd.shell.client", "stationctl-login": "stationd.shell.login"}
# -I: neither the environment nor the directory of whoever types it decides what is loaded.
LAUNCHER = """\
#!/opt/stationd/bin/python3 -I
import sys
from {module} import main
sys.exit(main())
"""
# Debian's own Python: of the version that is gone back from only these few modules need to be whole. B: nothing is written beside them.
ROLLBACK = """\
#!/usr/bin/python3 -IB
import sys
sys.path.insert(0, "/opt/stationd/libexec/rollback")
from rollback import main
sys.exit(main())
"""
VENV = "home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n"
DOC = "usr/share/doc/stationd"
NOT_SHIPPED = ("bin", ".lock", "**/__pycache__", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED",
               "*.dist-info/direct_url.json", "*.dist-info/uv_cache.json", "**/_testcapi.*.so")  # fmt: skip


def main() -> int:
    """Build what the words say into dist/, and print each package with its SHA-256."""
    parser = argparse.ArgumentParser(description="Builds the Debian packages into dist/.")
    known = {release.name: release for release in recipe.read().releases}
    parser.add_argument("release", nargs="*", choices=[*known, []], metavar="RELEASE", help=f"one of {', '.join(known)}; all without it")
    parser.add_argument("--twice", action="store_true", help="build everything a second time, elsewhere, and compare")
    parser.add_argument("--revision", default="1", help="Debian's revision of this version (default 1)")
    words = parser.parse_args()
    try:
        _look_for_tools()
        return _build([known[name] for name in words.release or known], words.revision, twice=words.twice)
    except (Unfit, OSError) as error:
        print(f"make deb: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"make deb: {error}\n{error.stderr or ''}", file=sys.stderr)
        return 1


def _look_for_tools() -> None:
    missing = sorted({package for program, package in NEEDED.items() if shutil.which(program) is None})
    if missing:
        raise Unfit(f"install the Debian packages {' '.join(missing)}")
    include = subprocess.run([DISTRIBUTION_PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
                             capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    if not Path(include, "Python.h").exists():
        raise Unfit("the headers of /usr/bin/python3 are missing: install the Debian package python3-dev")


def _build(releases: list[Release], revision: str, *, twice: bool) -> int:
    changed_s = _changed_s()
    (ROOT / "dist").mkdir(exist_ok=True)
    for count, room in enumerate(("build/deb", "build/deb-again")[: 1 + twice]):
        place = ROOT / room
        shutil.rmtree(place, ignore_errors=True)
        wheel = _wheel(place, changed_s)
        for release in releases:
            started_s = time.monotonic()
            package = _package(release, wheel, place, revision, changed_s)
            if count:
                _same(package, ROOT / "dist" / package.name)
            else:
                for old in (ROOT / "dist").glob(f"stationd_*~{release.name}_*.deb"):  # of another tree
                    old.unlink()
                package = package.rename(ROOT / "dist" / package.name)
            print(f"{_digest(package)}  {package.name}  {package.stat().st_size} bytes, {time.monotonic() - started_s:.1f} s", flush=True)
    return 0


def _same(again: Path, first: Path) -> None:
    if _digest(again) != _digest(first):
        raise Unfit(f"{first.name} is not reproducible: {again} differs from {first}; diffoscope shows where")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _changed_s() -> int:
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(epoch)
    return int(subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=True).stdout)


# ---------------------------------------------------------------- our own wheel


def _wheel(place: Path, changed_s: int) -> Path:
    """Build stationd's wheel from the files of the tree, in a copy of them, with the distribution's Python."""
    source, builder = place / "source", place / "builder"
    for name in recipe.tracked("stationd", "drivers", "native", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    told = source / "stationd/__init__.py"
    old, new = (f'__version__ = "{version}"' for version in (recipe.number(), recipe.version(changed_s)))
    told.write_text(told.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    _run([UV, "venv", "--quiet", "--python", DISTRIBUTION_PYTHON, builder], changed_s)
    _run([UV, "pip", "install", "--quiet", "--python", builder / "bin/python", "--require-hashes", "--no-build",
          "--requirement", ROOT / "requirements.lock"], changed_s)  # fmt: skip
    # No debugging information: with it a path of this machine would be in the extension, and in the build id that is made of all of it.
    flags = {"CFLAGS": "-g0", "LDFLAGS": "-Wl,-z,relro,-z,now"}
    _run([builder / "bin/python", "-c", WHEEL, place], changed_s, cwd=source, **flags)
    (wheel,) = place.glob("stationd-*.whl")
    return wheel


def _run(words: list[str | Path], changed_s: int, cwd: Path = ROOT, **more: str) -> str:
    """Run a program in an environment that is the same everywhere; return what it prints."""
    fixed = {"SOURCE_DATE_EPOCH": str(changed_s), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "DPKG_DEB_THREADS_MAX": "1"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "CFLAGS", "LDFLAGS"))}
    done = subprocess.run(words, cwd=cwd, env={**clean, **fixed, **more}, capture_output=True, text=True, check=True)
    return done.stdout


# ---------------------------------------------------------------- one package


def _package(release: Release, wheel: Path, place: Path, revision: str, changed_s: int) -> Path:
    """Stage the tree of one release and make its package."""
    tree = place / release.name
    site = tree / release.site
    _install(release, wheel, site, changed_s)
    inside = sbom.components(site, release.lock)
    if unknown := [component.name for component in inside if not component.license]:
        raise Unfit(f"no licence is stated by {', '.join(unknown)}: systemd/debian/sbom.py")
    version = f"{recipe.version(changed_s)}-{revision}~{release.name}"
    _programs(release, tree)
    for path, to in recipe.read().placed(release):
        _copy(path, tree / to)
    _documents(release, tree, inside, version, changed_s)
    _control(release, tree, version)
    _settle(tree, changed_s)
    package = place / f"stationd_{version}_{recipe.ARCHITECTURE}.deb"
    _run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--build", tree, package], changed_s)
    return package


def _install(release: Release, wheel: Path, site: Path, changed_s: int) -> None:
    """Put the locked wheels and our own into the private site directory; nothing is compiled, fetched by name or run."""
    into: list[str | Path] = [UV, "pip", "install", "--quiet", "--no-deps", "--no-build", "--python-version", release.python,
                              "--python-platform", PLATFORM, "--link-mode", "copy", "--target", site]  # fmt: skip
    _run([*into, "--require-hashes", "--requirement", release.lock], changed_s)
    _run([*into, "--no-index", wheel], changed_s)
    for pattern in NOT_SHIPPED:
        for path in list(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for extension in sorted(site.rglob("*.so")):
        if subprocess.run(["readelf", "-S", extension], capture_output=True, text=True, check=True).stdout.count(".symtab"):
            _run(["strip", "--strip-unneeded", extension], changed_s)
        if re.search(r"\((RPATH|RUNPATH)\)", _run(["readelf", "-d", extension], changed_s)):
            raise Unfit(f"{extension} looks for libraries in a place of its own (RUNPATH)")


def _programs(release: Release, tree: Path) -> None:
    """Make /opt/stationd a virtual environment on the distribution's Python, with our programs."""
    home = tree / "opt/stationd"
    (home / "bin").mkdir()
    (home / "pyvenv.cfg").write_text(VENV.format(python=release.python), encoding="utf-8")
    (home / "bin/python3").symlink_to(f"/usr/bin/python{release.python}")
    (home / "bin/python").symlink_to("python3")
    (tree / "usr/bin").mkdir(parents=True)
    for name, module in PROGRAMS.items():
        control.executable(home / "bin" / name, LAUNCHER.format(module=module))
        (tree / "usr/bin" / name).symlink_to(f"/opt/stationd/bin/{name}")
    (home / "tree").write_text(f"{recipe.tree()}\n", encoding="ascii")  # what these packages are made of, for whoever has a tree to compare
    control.executable(home / "bin/stationd-rollback", ROLLBACK)
    (tree / "usr/sbin").mkdir()
    (tree / "usr/sbin/stationd-rollback").symlink_to("/opt/stationd/bin/stationd-rollback")


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


def _documents(release: Release, tree: Path, inside: list[sbom.Component], version: str, changed_s: int) -> None:
    date = datetime.fromtimestamp(changed_s, UTC).date().isoformat()
    doc, man = tree / DOC, tree / "usr/share/man"
    control.packed(doc / "changelog.Debian.gz", control.changelog(version, changed_s))
    (doc / "copyright").write_text(control.copyright_of(release, inside), encoding="utf-8")
    control.packed(doc / "README.md.gz", (ROOT / "README.md").read_text(encoding="utf-8"))
    bill = sbom.document(inside, f"Debian {release.debian}, {recipe.ARCHITECTURE}", recipe.commit(), changed_s)
    (doc / "stationd.cdx.json").write_text(bill, encoding="utf-8")
    (dist_info,) = (tree / release.site).glob("stationd-*.dist-info")
    own = dist_info / "sboms"
    own.mkdir()
    (own / "stationd.cdx.json").write_text(bill, encoding="utf-8")
    tables: dict[str, list[str | Path]] = {
        "stationd.8": [recipe.HERE / "manual.py"],
        "stationctl.1": ["-m", "stationd.shell.grammar.manual"],
    }
    for page, words in tables.items():
        control.packed(man / f"man{page[-1]}" / f"{page}.gz", _run([sys.executable, *words, date], changed_s, PYTHONPATH=str(ROOT)))
    for page in ("stationd-rollback.8", "stationctl-login.1"):
        text = (recipe.HERE / page).read_text(encoding="utf-8").replace("@DATE@", date).replace("@VERSION@", recipe.number())
        control.packed(man / f"man{page[-1]}" / f"{page}.gz", text)
    _copy(recipe.HERE / "lintian-overrides", tree / "usr/share/lintian/overrides/stationd")


def _control(release: Release, tree: Path, version: str) -> None:
    directory = tree / "DEBIAN"
    texts = {"control": control.fields(release, version, tree), "md5sums": control.sums(tree), "conffiles": control.conffiles(tree)}
    scripts = {name: control.script(name, release, tree) for name in control.SCRIPTS}
    directory.mkdir()
    for name, text in texts.items():
        if text:
            (directory / name).write_text(text, encoding="utf-8")
    for name, text in scripts.items():
        control.executable(directory / name, text)


def _settle(tree: Path, changed_s: int) -> None:
    """Give everything one mode and one time, so that only its content counts."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            program = path.is_dir() or (path.parent.name in ("bin", "DEBIAN") and path.read_bytes()[:2] == b"#!")
            path.chmod(0o755 if program else 0o644)
        os.utime(path, (changed_s, changed_s), follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main())
