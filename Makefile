# Each command makes the virtual environment it needs on its first run; later runs start at once.
# Another Python:  make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
SEEDS ?= 1000
INSTALLER ?= $(BIN)/python -m pip install --quiet

BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test simulate check docs screenshots bench bench-service clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo 'make demo    play the demo game       make demo ARGS="--autoplay --seed 1"'
	@echo 'make test    run all tests            make test ARGS="-k journal"'
	@echo 'make simulate SEEDS=1000   look for failures in simulated runs'
	@echo 'make check   style and format (ruff), types (mypy)'
	@echo 'make docs    the documentation site, into build/site'
	@echo 'make screenshots   make the pictures in the README and docs again'
	@echo 'make bench   measure; writes build/bench.json'
	@echo 'make bench-service   measure the service, with wrk; writes build/bench_service.json'
	@echo 'make clean   remove the virtual environment and everything built'

# [dev] contains [pygame], so where it is installed the demo needs nothing more.
demo: $(firstword $(wildcard $(VENV)/dev.installed) $(VENV)/pygame.installed)
	@$(BIN)/python examples/pygame_demo $(ARGS)

test: $(VENV)/dev.installed
	@$(BIN)/python -m pytest $(ARGS)

simulate: $(VENV)/dev.installed
	@$(BIN)/python -m tests.simulation.cli --seeds $(SEEDS) $(ARGS)

check: $(VENV)/dev.installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy --platform win32 --cache-dir .mypy_cache/win32 discord_achievements

# The variable silences an advertisement that mkdocs-material prints on every run.
docs: $(VENV)/docs.installed
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file docs/site/mkdocs.yml
	@echo 'Open build/site/index.html'

screenshots: $(VENV)/dev.installed
	@$(BIN)/python -m tests.docs.screenshots

bench: $(VENV)/dev.installed
	@$(BIN)/python -m tests.perf.bench $(ARGS)

bench-service: $(VENV)/dev.installed
	@$(BIN)/python -m tests.perf.bench_service $(ARGS)

clean:
	rm -rf $(VENV) .venv-* $(NODE)/node_modules build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find discord_achievements tests examples -name __pycache__ -prune -exec rm -rf {} +

# What the tests run with Node. Without npm, these tests are reported as not run.
NODE := tests/support/node
$(VENV)/dev.installed: | $(NODE)/node_modules/installed
$(NODE)/node_modules/installed: $(NODE)/package.json
	@if command -v npm >/dev/null; then \
		echo "Installing packages for Node into $(NODE)/node_modules ..." && \
		npm install --prefix $(NODE) --no-package-lock --no-audit --no-fund --silent && touch $@; \
	fi

# One stamp for each extra: installing again waits until the requirements change.
$(VENV)/%.installed: setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing discord_achievements[$*] into $(VENV) ..."
	@$(INSTALLER) --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed and $(PYTHON) is %d.%d; name another one: make PYTHON=python3.13 ..." % sys.version_info[:2])'
	@echo "Creating the virtual environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
