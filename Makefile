# Everything that a developer, a visitor or the CI types. Each target sets .venv up by itself, exactly as the lock files say.
#
#   make demo [SCENARIO=cable-cut] [ROUTES=main|reserve|both] [FIBRE_PAIRS=8] [SECONDS=60] [PORTS_FILE=PATH] [MQTT_URL=mqtt://host:1883]
#     (MQTT_URL reaches the demo by the environment, as make hands on what is set on its command line.)
#   make reliability [ROWS="R2 R4"] [PART=0.1]    make release-proof HOURS=72    make planted
#   make test [TESTS=tests/wire]    make lint    make bench [BENCH=bus]    make lock [UPGRADE=--upgrade]    make wheel    make man
#   make deb [DEB="py3.13 --twice"]    make test-systemd [SYSTEMD="-k this-machine"]    (as root, boots a container)
#   make fuzz [TARGET=modbus-rtu] [SECONDS=60] [INPUTS=10000] [FRAMES=1000000] [GUIDED=1]    make coverage [TESTS=tests/wire]
#   make hil [RIG=sim] [SCENARIOS="test_ramp.py test_light.py"] [HOURS=24] [SEED=1] [PERSON="A. Bekov"]

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
DEMO_READY := $(VENV)/.ready-demo
DEV_READY := $(VENV)/.ready-dev
PROOF_READY := $(VENV)/.ready-proof

TESTS ?= tests
PYTEST ?= $(BIN)/python -m pytest
# What only computes runs on every core. What mostly waits (for plants, disks and people, all in real time) runs file beside file. What
# looks at ports and clocks closely has the machine to itself afterwards, and so have the scenarios, which fill every core by themselves.
COMPUTING := tests/core tests/wire tests/drivers tests/farstation tests/fuzz tests/shell/grammar tests/shell/screens \
	$(wildcard tests/test_config*.py tests/test_driverfile*.py)
WAITING := tests/stories tests/integration tests/console tests/support tests/outputs $(wildcard tests/shell/test_*.py)
SIDE_BY_SIDE := 3
DEMO_WORDS = $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(ROUTES),--routes $(ROUTES)) \
	$(if $(FIBRE_PAIRS),--fibre-pairs $(FIBRE_PAIRS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	$(if $(PORTS_FILE),--ports-file $(PORTS_FILE))

NATIVE := setup.py $(wildcard native/*.c native/*.h native/*.py)

.PHONY: demo test test-systemd hil reliability release-proof planted lint bench fuzz coverage lock wheel deb man clean
.DELETE_ON_ERROR:

demo: $(DEMO_READY)
	@exec $(BIN)/stationd demo $(DEMO_WORDS)

test: $(DEV_READY)
ifeq ($(TESTS),tests)
	$(PYTEST) --numprocesses auto --dist worksteal $(COMPUTING)
	$(PYTEST) --numprocesses $(SIDE_BY_SIDE) --dist loadfile $(WAITING)
	$(PYTEST) $(TESTS) $(addprefix --ignore=,$(COMPUTING) $(WAITING))
else
	$(PYTEST) $(TESTS)
endif

# The service on a real systemd, from the packages in dist/; they are built when there is none or something has changed since.
test-systemd: $(DEV_READY)
	@[ -n "$$(ls dist/*.deb 2>/dev/null)" ] && [ -z "$$(find stationd drivers native systemd -type f ! -name '*.pyc' ! -name '*.so' \
		-newer "$$(ls -t dist/*.deb | tail -1)")" ] || $(MAKE) deb
	$(BIN)/python -m pytest tests/systemd/booted.py $(SYSTEMD)

# The scenarios of hil/ on a rig: the simulated one, or RIG=bench-sim, or a bench of hil/rigs. PERSON="NAME": who is present at a bench.
hil: $(DEV_READY)
	$(BIN)/python -m pytest $(addprefix hil/scenarios/,$(SCENARIOS)) $(if $(SCENARIOS),,hil) --rig $(RIG) $(if $(HOURS),--hours $(HOURS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(PERSON),--person "$(PERSON)") --junitxml=build/hil/$(notdir $(basename $(RIG))).xml

RIG ?= sim

# The goals R1-R20 as proofs: their figures go into build/reliability.json, of which the README's table is made. ROWS="R2 R4" runs some,
# PART=0.1 a tenth of each.
reliability: $(DEV_READY)
	$(BIN)/python -m tests.reliability $(ROWS) $(if $(PART),--part $(PART)); kept=$$?; $(BIN)/python -m tests.reliability.table; exit $$kept

# The same at the size of a release, with soaks of HOURS hours. A proof is only worth what it finds: planted tries it.
release-proof: $(DEV_READY)
	@[ -n "$(HOURS)" ] || { echo "how long are the soaks to be? For example: make release-proof HOURS=72" >&2; exit 1; }
	$(BIN)/python -m tests.reliability --hours $(HOURS) $(ROWS); kept=$$?; $(BIN)/python -m tests.reliability.table; exit $$kept

planted: $(DEV_READY)
	$(BIN)/python -m tests.reliability.planted

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every parser of outside bytes, for longer than the tests do. GUIDED=1: guided by what is gone through, with atheris.
fuzz: $(if $(GUIDED),$(PROOF_READY),$(DEV_READY))
	@mkdir -p build
	$(BIN)/python -m tests.fuzz $(TARGET) --json build/fuzz.json $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(FRAMES),--frames $(FRAMES)) $(if $(GUIDED),--guided)

# Which branches the tests go through, the programs that they start included. It takes about twice as long as the tests.
coverage: $(PROOF_READY)
	rm -rf build/coverage && mkdir -p build/coverage
	-$(MAKE) --ignore-errors test PYTEST="$(BIN)/coverage run $(COVERED) -m pytest --hypothesis-profile=ci"
	$(BIN)/coverage combine --quiet $(COVERED)
	$(BIN)/coverage html --quiet $(COVERED) --directory build/coverage/html
	$(BIN)/coverage json --quiet $(COVERED) -o build/coverage/files.json
	$(BIN)/python -m tests.fuzz.covered build/coverage/files.json build/coverage.json

COVERED = --rcfile=tests/fuzz/coverage.toml --data-file=$(CURDIR)/build/coverage/data

bench: $(DEMO_READY)
	$(BIN)/stationd bench $(BENCH)

lock: $(DEV_READY)
	$(BIN)/uv pip compile $(LOCK_WORDS) --all-extras --output-file requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK_WORDS) --extra demo --extra build --constraints requirements-dev.lock \
		--output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK_WORDS) --output-file tests/fuzz/tools.lock tests/fuzz/tools.in
	$(BIN)/python systemd/debian/lock.py

# No address of a package index may get into the files; --no-annotate keeps a change of them readable.
LOCK_WORDS = --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --no-annotate $(UPGRADE)

# The manual page, made of the table of commands. Its date is that of the last change, so that the same tree makes the same page.
man: man/stationctl.1

man/stationctl.1: $(DEMO_READY) $(wildcard stationd/shell/grammar/*.py stationd/shell/exits.py)
	@mkdir -p man
	$(BIN)/python -m stationd.shell.grammar.manual "$$(git log -1 --format=%cs 2>/dev/null)" > $@

# The wheel for every Python from 3.11 on, and the extension imported by each of them that is installed here.
wheel: $(DEV_READY) man
	rm -rf build dist
	$(BIN)/python -m pip --disable-pip-version-check --no-input wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@for python in $(PYTHONS); do \
		$$python -c '' 2>/dev/null || { echo "$$python: not installed here"; continue; }; \
		at=build/for-$$(echo $$python | tr / _) && rm -rf $$at && $$python -m venv $$at && \
		pip="$$at/bin/python -m pip --disable-pip-version-check --no-input install --quiet" && \
		$$pip --require-hashes --requirement requirements.lock && $$pip --no-deps dist/*.whl && \
		(cd build && ../$$at/bin/python -c "import sys; from stationd._sampler import lib; print(sys.version.split()[0], 'ABI', lib.SAMPLER_ABI)") \
			|| exit 1; \
	done

PYTHONS ?= python3.11 python3.12 python3.13

# The packages of Debian 12 and 13, the same bytes from the same commit; --twice proves it. Needs dpkg, binutils, gcc, python3-dev.
deb: $(DEV_READY)
	$(BIN)/python systemd/debian/build.py $(DEB)

clean:
	rm -rf $(VENV) build dist man stationd/_sampler.abi3.so *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is not Python 3.11 or newer; name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "$(PYTHON) cannot make a virtual environment; install the Debian package python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# What the extension in C is built with; looked for before each build, not only the first.
define NEEDS_COMPILER
	@command -v $${CC:-gcc} >/dev/null || { echo "there is no C compiler $${CC:-gcc}; install the Debian package gcc" >&2; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
		|| { echo "the headers of $(PYTHON) are missing; install the Debian package python3-dev" >&2; exit 1; }
endef

$(DEMO_READY): requirements.lock pyproject.toml $(NATIVE) | $(VENV)/.made
	$(NEEDS_COMPILER)
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_READY): requirements-dev.lock pyproject.toml $(NATIVE) | $(VENV)/.made
	$(NEEDS_COMPILER)
	$(PIP) --require-hashes --requirement requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@ $(DEMO_READY)

# What only `make fuzz GUIDED=1` and `make coverage` use.
$(PROOF_READY): tests/fuzz/tools.lock $(DEV_READY)
	$(PIP) --require-hashes --requirement tests/fuzz/tools.lock
	@touch $@
