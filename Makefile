# `make help` lists the commands. Everything happens in .venv; nothing is installed for the user but it.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# pip installs exactly what the lock names: no resolving, and each file checked by its hash.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
SECONDS_OF = start=$$SECONDS; $(1) && echo "$(2): $$((SECONDS - start)) s"

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: install
install: $(VENV)/.installed  ## Make the virtual environment with all that runs (no torch)

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "photosearch needs Python 3.11: found none called $(PYTHON); install it or set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Debian keeps venv apart: apt-get install python3.11-venv"; exit 1; }

$(VENV)/.installed: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages (some 400 MB; a minute or two from an empty cache) ..."
	@$(call SECONDS_OF,$(INSTALL) -r requirements/run.txt,packages installed)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-test: requirements/test.txt $(VENV)/.installed
	@echo "Installing what the tests need (torch among it, 5.5 GB; some minutes) ..."
	@$(call SECONDS_OF,$(INSTALL) -r requirements/test.txt,test packages installed)
	@touch $@

.PHONY: install-test
install-test: $(VENV)/.installed-test  ## Add what the tests need: torch, and Debian's PostgreSQL, PgBouncer, Chromium, registry, buildah, nginx
	@scripts/install-debian-packages postgresql pgbouncer chromium tuxpaint-stamps-default docker-registry buildah skopeo openssl nginx

.PHONY: demo
demo: install  ## From nothing to a photo that finds its listing; ARGS=--exit ends after the proof
	@$(BIN)/photosearch demo $(ARGS)

.PHONY: test
test: install-test lint  ## Run lint, types, import contracts and the whole test suite
	@$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-test  ## Check style, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

.PHONY: bench
bench: install-test  ## Measure speed and memory, print the table of docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

.PHONY: torture
torture: install-test  ## Kill, stop, damage and overload an installation for minutes, then look at all of it
	@$(BIN)/python -m torture $(ARGS)

.PHONY: format
format: $(VENV)/.installed-test  ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: lock
lock:  ## Resolve the dependencies anew into requirements/
	@UPGRADE=$(UPGRADE) scripts/lock

.PHONY: clean
clean:  ## Remove the virtual environment, caches and the demo's folder
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-artifacts demo-state *.egg-info
