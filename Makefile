# Two commands matter: `make demo` and `make test`. Each does all of its own set-up.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# One process more than there are cores: some tests wait. Two more gain nothing.
CORES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SPREAD := --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test lint fmt bench soak screenshots lock clean chromium

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

demo: .venv/installed ## Everything on the embedded portal, up to live dashboards (ONCE=1: check and end)
	@exec $(BIN)/workbench demo $(if $(ONCE),--once)

test: .venv/installed chromium ## Run the whole suite, or ARGS=tests/metrics (CORES=0: in one process)
	@$(BIN)/python -m compileall -q workbench tests
	@$(BIN)/python -m pytest -m "not soak and not bench" -n $(CORES) $(SPREAD) $(ARGS)

lint: .venv/installed ## Style, types, stripped notebooks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy \
	  && $(BIN)/nbstripout --verify notebooks/*.ipynb

fmt: .venv/installed ## Format code and strip notebooks
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format . && $(BIN)/nbstripout notebooks/*.ipynb

bench: .venv/installed ## Speed figures, beside what one would use instead
	@$(BIN)/python -m pytest -m bench -s --timeout 0 $(ARGS)

soak: .venv/installed ## Full chaos counts and many seeds
	@$(BIN)/python -m pytest -m soak -s --timeout 0 $(ARGS)

screenshots: .venv/installed chromium ## Pictures of every dashboard, both languages, desktop and phone
	@$(BIN)/python -m tests.dashboards.screenshots $(ARGS)

lock: .venv/installed ## Pin the versions of pyproject.toml anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --upgrade -q -o requirements.lock

clean: ## Remove the environment and the demonstration's state
	rm -rf .venv .workbench outputs/*/

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv \
	  || { echo "The module venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked packages into .venv (about a minute)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests/' .venv/lib workbench || true  # on all cores; pip would on one
	@touch $@

# The browser tests skip, with this as their reason, where it cannot be installed.
chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } 2>/dev/null; } \
	  || echo "Chromium is not installed and cannot be installed here: browser tests will be skipped."
