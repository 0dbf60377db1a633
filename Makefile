# The commands of the README. Everything is installed in .venv and stored in var/, in this folder.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements.lock
BROWSER_LOCK := requirements-browser.lock
SERVER_LOCK := requirements-server.lock
LOWEST_LOCK := requirements-lowest.lock
BROWSER_READY := $(VENV)/.browser_ready
CLUSTER_LOCK := requirements-cluster.lock
CLUSTER_READY := $(VENV)/.cluster_ready
LOADERS_LOCK := requirements-loaders.lock
LOADERS_READY := $(VENV)/.loaders_ready
EXAMPLE := var/example
EXAMPLE_BINS := 800

-include .env
# The sandbox has a separate Dagster state, so that its runs are not mistaken for those of the real buckets.
ifneq ($(filter 1 true t yes y on,$(shell echo "$(OFF_PLATFORM_SANDBOX)" | tr A-Z a-z)),)
SANDBOX := OFF_PLATFORM_SANDBOX=1 DAGSTER_HOME=$(CURDIR)/var/sandbox/dagster
endif
# `dg` reads from the dagster.yaml in this folder that it must not collect usage statistics.
export DAGSTER_HOME := $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY := 1
# Containers often set it; each test process would then compile all test modules again.
unexport PYTHONDONTWRITEBYTECODE

# Each worker takes neighbouring tests, which share the fixtures of their module or package; how many
# workers there are says off_platform_tests/conftest.py.
IN_PARALLEL := -n auto --dist worksteal

# The command itself reports that Ctrl-C stopped it; make would add a line.
interruptible = trap : INT; $(1) || [ $$? = 130 ]

.PHONY: help setup run ui month test coverage quick soak thorough browser cluster loaders package example screenshots chromium check format docs lock benchmarks clean

help:  ## Show these commands.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(READY)  ## Set up .venv with the locked versions.

run: setup  ## Run the platform once on the sandbox, offline, and print a summary.
	@$(call interruptible,OFF_PLATFORM_SANDBOX=1 $(BIN)/off-platform run)

ui: setup  ## Open Dagster's UI at localhost:3000; OFF_PLATFORM_SANDBOX=1 for the sandbox.
	@. $(BIN)/activate && $(call interruptible,$(SANDBOX) off-platform ui)

month: setup  ## Run the monthly job now, as the schedule would: key list, index, changes, bins.
	@$(SANDBOX) $(BIN)/off-platform $(if $(SANDBOX),sandbox,home)
	@. $(BIN)/activate && $(SANDBOX) dg launch --job monthly \
		--partition $$(date -u +%Y-%m-01)

test: setup  ## Run all tests except those of soak, browser, cluster, loaders and package.
	@$(BIN)/pytest $(IN_PARALLEL) -m "not soak and not browser and not cluster and not loaders and not package"

coverage: setup  ## Run the tests of `make test` with coverage; takes 1.5 times as long.
	@$(BIN)/pytest $(IN_PARALLEL) -m "not soak and not browser and not cluster and not loaders and not package" --cov=off_platform --cov-report=term:skip-covered

quick: setup  ## Run only tests that take less than a second.
	@$(BIN)/pytest $(IN_PARALLEL) -m "not slow and not soak and not cluster and not loaders and not package"

soak: setup  ## Run the long tests: a daemon for many minutes, many kills, thousands of files.
	@$(BIN)/pytest $(IN_PARALLEL) -m soak

thorough: setup  ## Run the Hypothesis tests with ten times as many examples.
	@$(BIN)/pytest $(IN_PARALLEL) -m hypothesis --hypothesis-profile thorough

browser: chromium $(BROWSER_READY)  ## Run the tests in a real browser; needs Chromium (apt-get install chromium).
	@$(BIN)/pytest -m browser

cluster: $(CLUSTER_READY)  ## Run the tests on a small Ray cluster, and of the run launchers of clusters.
	@$(BIN)/pytest -m cluster

loaders: $(LOADERS_READY)  ## Load image sets with datasets, webdataset, mlcroissant, polars, Ray Data.
	@$(BIN)/pytest $(IN_PARALLEL) -m loaders

package: setup  ## Build wheel and sdist, and try them in empty environments: locked and lowest versions.
	@$(BIN)/pytest -n 2 -m package off_platform_tests/test_package.py

example: $(LOADERS_READY)  ## Train a small model on a set of generated bins, and evaluate it.
	@$(BIN)/off-platform sandbox --out $(EXAMPLE)/sandbox --products 12 --bins $(EXAMPLE_BINS)
	@# Some metadata of the sandbox is unreadable on purpose, which is exit code 1.
	@OFF_PLATFORM_SANDBOX=0 OFF_PLATFORM_LAKE=$(EXAMPLE)/lake \
		OFF_PLATFORM_BINS_BUCKET=$(EXAMPLE)/sandbox/aft-vbi-pds \
		$(BIN)/off-platform bins --n all --most-quantity 5 --split train=0.75,test=0.25 \
		--stratify expected_quantity --out $(EXAMPLE)/set || [ $$? = 1 ]
	@$(BIN)/python examples/train_on_a_set.py $(EXAMPLE)/set

screenshots: chromium $(BROWSER_READY)  ## Update the README's pictures from the sandbox.
	@$(BIN)/python -m off_platform_tests.browser.screenshots

check: setup  ## Run formatter, linter and type checker, and check the definitions.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@. $(BIN)/activate && dg check defs && dg check toml

format: setup  ## Format the code and apply the linter's fixes.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

benchmarks: setup  ## Compare with alternative tools; see benchmarks/README.md.
	@$(BIN)/python -m benchmarks

docs: setup  ## Update the pages of docs/ generated from the code.
	@$(BIN)/python -m off_platform.documentation

lock:  ## Update the lock within the bounds of pyproject.toml.
	@python3 -m venv var/lock && var/lock/bin/pip install --quiet uv
	@var/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--extra ui --extra server --extra publish --group dev --group build pyproject.toml --output-file $(LOCK)
	@var/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--constraint $(LOCK) --extra server pyproject.toml --output-file $(SERVER_LOCK)
	@var/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--resolution lowest-direct --extra ui pyproject.toml --output-file $(LOWEST_LOCK)
	@var/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--constraint $(LOCK) --group pyproject.toml:browser --output-file $(BROWSER_LOCK)
	@var/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--constraint $(LOCK) --group pyproject.toml:loaders --output-file $(LOADERS_LOCK)
	@var/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--constraint $(LOCK) --constraint $(LOADERS_LOCK) --extra server --extra publish --extra cluster pyproject.toml --output-file $(CLUSTER_LOCK)

clean:  ## Remove .venv and the sandbox; the lake in var/lake stays.
	@rm -rf $(VENV) var/sandbox

chromium:
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name > /dev/null && exit 0; done; \
		{ echo "Chromium is missing; on Debian: apt-get install chromium" >&2; exit 1; }

$(READY): $(LOCK) pyproject.toml
	@sh deploy/make_venv.sh $(VENV) $(PYTHON)
	@echo "Setting up $(VENV): some 190 packages, once; how long it takes depends on network, disk and pip's cache."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@sh deploy/quiet_dg.sh $(VENV)
	@touch $@

$(CLUSTER_READY): $(READY) $(CLUSTER_LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(CLUSTER_LOCK)
	@touch $@

$(LOADERS_READY): $(READY) $(LOADERS_LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(LOADERS_LOCK)
	@touch $@

$(BROWSER_READY): $(READY) $(BROWSER_LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(BROWSER_LOCK)
	@touch $@
