# Everything a contributor or the CI runs. Needs GNU make and Python 3.11 or newer, nothing installed by hand.
# `make PYTHON=python3.12 test` chooses the interpreter; ARGS goes to the tool: `make test ARGS="-k silence"`.

PYTHON ?= python3
VENV := .venv
QUIX := .venv-quix
TOOLS := .venv-tools
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PACKAGES := scorers streams alerts vigia

.DEFAULT_GOAL := help
.PHONY: help demo test test-kafka faults operator-path soak lint goldens quality bench gate kafka lock sbom audit site grafana-types pin-images clean

help: ## list these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

demo: $(VENV)/demo.stamp ## a year of real households on an embedded broker, alarms as they come
	$(BIN)/vigia demo $(ARGS)

# Files of tests run side by side, the tests of a file in their order. They wait more than they compute.
SIDE_BY_SIDE = --numprocesses $(1) --dist loadfile
TESTS ?= 3
KAFKAS ?= 2

test: $(VENV)/dev.stamp ## all tests that need no real broker, TESTS=n files side by side
	$(BIN)/python -m pytest -m "not kafka and not faults" $(call SIDE_BY_SIDE,$(TESTS)) $(ARGS)

test-kafka: $(VENV)/dev.stamp ## the tests on a real Apache Kafka (Java 17 and Maven), KAFKAS=n files side by side, each on its own
	$(BIN)/python -m pytest -m "kafka and not faults" $(call SIDE_BY_SIDE,$(KAFKAS)) $(ARGS)

faults: $(VENV)/dev.stamp ## the whole fault matrix on a real Apache Kafka, and its table; about an hour
	VIGIA_TEST_GONE=$${VIGIA_TEST_GONE:-600} VIGIA_TEST_STORM=$${VIGIA_TEST_STORM:-300} \
	  $(BIN)/python -m pytest -m "kafka or faults" --timeout 5400 tests/faults $(ARGS)

operator-path: $(VENV)/dev.stamp ## install, connect, upgrade, lose a disk, scale, grow, restore: timed; ARGS=COMMIT begins with its release
	$(BIN)/python -m tests.faults.operator_path $(ARGS)

HOURS ?= 1
soak: $(VENV)/dev.stamp ## workers under random faults for HOURS=n; fails if anything is lost or memory grows
	$(BIN)/python -m tests.faults.soak $(HOURS)

kafka: $(VENV)/dev.stamp ## run a real Apache Kafka on this machine until Ctrl-C (Java 17 and Maven)
	$(BIN)/python -m vigia.lab.local_kafka $(ARGS)

lint: $(VENV)/dev.stamp ## format, style, types, spelling, and that the documents tell the truth
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py

goldens: $(VENV)/dev.stamp ## write the expected alarms of the scenarios; review the diff like code
	$(BIN)/python -m pytest tests/scorers/alarms/test_scenarios.py --goldens $(ARGS)

quality: $(VENV)/dev.stamp ## how good risk and alarms are: CDNOW, the Complete Journey, a simulated business
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.quality $(ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.quality.alarms
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.quality.simulated

gate: $(VENV)/dev.stamp ## fail if the worker keeps less than 0.6 of a bare loop that hosts the same core
	$(BIN)/python -m tests.bench.sides --rounds 3 --customers 2000 --least 0.6

CUSTOMERS ?= 10000 100000
ROUNDS ?= 5
bench: $(VENV)/dev.stamp $(QUIX)/stamp ## measure: core, worker beside Quix Streams and a bare loop, latency, gateway, scale; half an hour
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m tests.bench.sides --rounds $(ROUNDS)
	$(BIN)/python -m tests.bench.latency
	$(BIN)/python -m tests.bench.intake
	$(BIN)/python -m tests.bench.places
	$(BIN)/python -m tests.bench.scale $(CUSTOMERS)
	$(BIN)/python -m tests.bench.sizing

# Quix Streams needs another version of a library than we do, so it has an environment of its own, made on demand.
$(QUIX)/stamp: tests/bench/requirements-quix.txt | $(BIN)/python
	@$(PYTHON) -m venv $(QUIX)
	@$(QUIX)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	@touch $@

# A lock holds versions and hashes, never where they came from. UPGRADE=1 takes the newest versions allowed.
COMPILE = $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
LOCK = $(COMPILE) pyproject.toml --group build

lock: $(TOOLS)/stamp ## resolve the dependencies into the locks (UPGRADE=1 for newer versions)
	$(LOCK) --all-extras --output-file requirements-dev.lock
	$(LOCK) --extra demo --constraints requirements-dev.lock --output-file requirements-demo.lock
	$(LOCK) --constraints requirements-dev.lock --output-file requirements.lock
	$(COMPILE) --group pyproject.toml:tools --output-file requirements-tools.lock

# Its environment is apart from the one whose packages it looks at.
$(TOOLS)/stamp: requirements-tools.lock
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	@touch $@

sbom: $(TOOLS)/stamp ## write the list of all packages of an installation, in CycloneDX: dist/sbom.json
	@mkdir -p dist
	$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
	  --of JSON --output-file dist/sbom.json

audit: $(TOOLS)/stamp ## ask a service for known vulnerabilities of all packages; status 3 if none answers
	$(TOOLS)/bin/python deploy/audit.py requirements.lock requirements-demo.lock requirements-dev.lock

site: $(TOOLS)/stamp ## build the site of the documents into out/site; a link that leads nowhere is an error
	$(TOOLS)/bin/mkdocs build --strict --quiet

grafana-types: $(VENV)/dev.stamp ## check the dashboards against Grafana's own types; needs Node.js and a registry of npm
	$(BIN)/python deploy/grafana/typecheck.py out/grafana-types

pin-images: ## write the digests of the images into docker-compose.yml and deploy/Dockerfile; needs Docker and a registry
	$(PYTHON) deploy/pin_images.py docker-compose.yml deploy/Dockerfile

clean: ## remove the environment and everything that tools left behind
	rm -rf $(VENV) $(QUIX) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made once, and again when the project's needs or their lock change.
$(VENV)/%.stamp: requirements-%.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked packages into $(VENV) ..."
	@$(PIP) install --require-hashes --requirement $<
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Vigía needs Python 3.11 or newer; '$(PYTHON)' is missing or older. Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON)' cannot make an environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
