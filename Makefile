# Everything happens in a virtual environment of its own, .venv, which the first command makes.

ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
  CANDIDATES := py python3 python
else
  BIN := .venv/bin
  CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 python
endif
PY := $(BIN)/python
INSTALLED := .venv/installed
IS_RECENT := import sys; sys.exit(sys.version_info < (3, 11))

# Override with make PYTHON=/path/to/python3.11
PYTHON ?= $(shell for name in $(CANDIDATES); do \
  if "$$name" -c '$(IS_RECENT)' >/dev/null 2>&1; then echo "$$name"; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo test test-windows soak lint diagrams clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 20

demo: $(INSTALLED) ## watch a link go through every state
	@$(PY) -m stui_supervisor demo

test: lint ## everything that has to hold
	$(PY) -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term

test-windows: $(INSTALLED) ## the tests of files, sockets, processes and the command, under Windows' Python in Wine
	.ci/windows

soak: $(INSTALLED) ## the long tests, with many more examples and seeds
	$(PY) -m pytest --soak --timeout=3600

lint: $(INSTALLED) ## style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

diagrams: $(INSTALLED) ## draw the diagrams again from the table
	$(PY) -m stui_supervisor diagram --write diagrams

clean: ## remove what the other commands made
	rm -rf .venv .venv-windows build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
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
