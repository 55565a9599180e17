# Everything happens in a virtual environment of its own, .venv, which the first command makes.

ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
  LOWEST_PY := .venv-lowest/Scripts/python
  CANDIDATES := py python3 python
else
  BIN := .venv/bin
  LOWEST_PY := .venv-lowest/bin/python
  CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 python
endif
PY := $(BIN)/python
INSTALLED := .venv/installed
LOWEST := .venv-lowest/installed
IS_RECENT := import sys; sys.exit(sys.version_info < (3, 11))

# Override with make PYTHON=/path/to/python3.11
PYTHON ?= $(shell for name in $(CANDIDATES); do \
  if "$$name" -c '$(IS_RECENT)' >/dev/null 2>&1; then echo "$$name"; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-windows soak lint diagrams clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 20

demo: $(INSTALLED) ## watch a link go through every state
	@$(PY) -m stui_supervisor demo

test: lint ## everything that has to hold
	$(PY) -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term

# What the dependencies are used for: links, encryption, files, locks, the keyring, the log and the platform's directories.
test-lowest: $(LOWEST) ## a part of the tests with the lowest versions of all dependencies that are allowed
	$(LOWEST_PY) -m pytest --numprocesses 2 --dist loadfile tests/contracts \
	  $(patsubst %,tests/adapters/%.py,files/test_lock host/test_clock journal/test_journal keyring/test_credentials \
	    keyring/test_items profiles/test_store zmq/test_context zmq/test_link zmq/test_monitored_socket zmq/test_subscription) \
	  $(patsubst %,tests/scenarios/test_%.py,backend_restarts credentials delivery encrypted_link formats \
	    hanging_keyring notifications upgrade) \
	  tests/machine/test_link_state.py tests/link/test_backoff.py tests/test_public_names.py

test-windows: $(INSTALLED) ## the tests of files, sockets, processes and the command, under Windows' Python in Wine
	.ci/windows

soak: $(INSTALLED) ## the long tests, with many more examples and seeds
	$(PY) -m pytest --soak --timeout=3600

lint: $(INSTALLED) ## style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

diagrams: $(INSTALLED) ## draw the diagrams of the states and the plan of the code again
	$(PY) -m stui_supervisor diagram --write diagrams
	$(PY) -m tests.architecture

clean: ## remove what the other commands made
	rm -rf .venv .venv-lowest .venv-windows build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Python 3.11 or later is needed and was not found; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(PYTHON)" -c '$(IS_RECENT)' || { echo "$(PYTHON) is not Python 3.11 or later" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(LOWEST): pyproject.toml .ci/lowest $(INSTALLED)
	$(PY) -m venv --clear .venv-lowest
	$(PY) .ci/lowest >.venv-lowest/lowest.txt
	$(LOWEST_PY) -m pip install --quiet --disable-pip-version-check --constraint .venv-lowest/lowest.txt -e '.[dev]'
	@touch $@
