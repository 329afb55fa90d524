# Prerequisites: Python 3.11 or later with venv, git, make. `make help` says what there is.

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 2

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
PYTEST := $(BIN)/python -m pytest
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports templates relations lock reference sbom contract-n8n clean

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(RUNTIME) ## start the portal with six weeks of history; PORT=8000
	$(BIN)/python manage.py demo --port $(PORT)

# Pages in a browser and the demo are tried once: what they show does not depend on the database below.
test: $(DEVELOPMENT) ## run all tests on SQLite and on PostgreSQL
	@status=0; \
	$(PYTEST) --db sqlite --numprocesses $(JOBS) --dist loadscope $(ARGS) || status=1; \
	$(PYTEST) --db postgres --numprocesses $(JOBS) --dist loadscope -m "not browser and not demo" $(ARGS) || status=1; \
	exit $$status

check: lint types imports templates relations ## linters, types, import rules, migrations

lint: $(DEVELOPMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEVELOPMENT)
	$(BIN)/mypy

imports: $(DEVELOPMENT)
	$(BIN)/lint-imports --no-cache

templates: $(DEVELOPMENT)
	$(BIN)/djlint templates --lint --quiet

relations: $(DEVELOPMENT)
	DATABASE_URL=sqlite://:memory: $(BIN)/python manage.py makemigrations --check --dry-run
	$(PYTEST) --quiet --db sqlite tests/architecture -m "not browser"
	$(PYTEST) --quiet --db postgres tests/architecture/test_migrations.py

lock: $(DEVELOPMENT) ## write both lock files from pyproject.toml; UPGRADE=1 takes newer versions
	$(LOCK) --group dev --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock

reference: $(DEVELOPMENT) ## write the reference part of docs/api.md from the schema
	$(BIN)/python .ci/api_reference.py

sbom: $(RUNTIME) ## write var/sbom.cdx.json: what a running portal consists of
	$(BIN)/python .ci/sbom.py var/sbom.cdx.json

contract-n8n: $(DEVELOPMENT) ## try the kit with a real n8n (opt-in: npm, 1.4 GB); ARGS=--record keeps what it sends
	$(BIN)/python tests/slos/contract_n8n.py $(ARGS)

clean: ## remove the environment, caches and the demo's data
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: an environment is installed once per lock file, so that a second run starts at once.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "opsportal needs Python 3.11 or later; say which: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "This Python has no venv (Debian: apt-get install python3-venv)."; exit 1; }

$(RUNTIME): requirements.lock | $(BIN)/python
	$(PIP_INSTALL) --requirement requirements.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock | $(BIN)/python
	$(PIP_INSTALL) --requirement requirements-dev.lock
	@touch $@
