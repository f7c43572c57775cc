# cftapp: `make up` runs everything, `make test` tests all but what takes long (`make test-slow`), `make demo` walks the loop once.
# Needs Python 3.11 or newer and nothing else. Paths are relative, so a folder with spaces in its name works.
.DEFAULT_GOAL := help
.PHONY: help up dev backup restore demo test test-slow test-one fast coverage lint types boundaries check install manage format
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	if "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
PY := $(BIN)/python
STAMP := .venv/installed
DEV := .venv/installed-dev
# What pyproject.toml asks for, with the extras named as arguments, a line each.
REQUIREMENTS := import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	extras = [project["optional-dependencies"][name] for name in sys.argv[1:]]; \
	print(*project["dependencies"], *sum(extras, []), sep="\n")
PIP := "$(PY)" -m pip install --quiet --disable-pip-version-check --no-input --no-compile -c constraints.txt
# Tests see nothing of this shell but what is named here; each worker has its own PostgreSQL and Redis.
WORKERS ?= 2
PYTEST := env -i PATH="$$PATH" HOME="$$HOME" LANG=C.UTF-8 TMPDIR="$${TMPDIR:-/tmp}" $${CI:+CI="$$CI"} \
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive "$(PY)" -m pytest
FAILED := { echo "The installation failed; the reason is above. Mend it and run the same command again."; exit 1; }

help: ## what can be done here
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

$(STAMP): constraints.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "cftapp needs Python 3.11, 3.12 or 3.13: install one, or name it with 'make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)'."; exit 1; fi
	@if [ ! -x $(PY) ]; then echo "making .venv with $(PYTHON)"; "$(PYTHON)" -m venv .venv || \
		{ rm -rf .venv; echo "Python's venv module is missing: install it (Debian, Ubuntu: apt-get install python3-venv)."; exit 1; }; fi
	@echo "installing what constraints.txt pins (the first time downloads torch)"
	@"$(PY)" -c '$(REQUIREMENTS)' ml > .venv/requirements.txt
	@$(PIP) -r .venv/requirements.txt || $(FAILED)
	@touch $(STAMP)

$(DEV): $(STAMP)
	@echo "installing what the tests need"
	@"$(PY)" -c '$(REQUIREMENTS)' ml dev > .venv/requirements.txt
	@$(PIP) -r .venv/requirements.txt || $(FAILED)
	@touch $(DEV)

install: $(DEV) ## the virtual environment, as constraints.txt pins it

up: $(STAMP) ## every process on this machine; prints the address and the demo accounts
	@exec "$(PY)" -m cftapp.local.up --with-parent

dev: $(DEV) ## `make up` that reloads web and workers whenever a file of Python or a template changes
	@exec "$(PY)" -m cftapp.local.up --with-parent --reload

backup: $(STAMP) ## a new folder with both databases, adapters and the log's heads, keys apart: make backup TO=backups/today
	@to="$(or $(TO),backups/$$(date -u +%Y%m%dT%H%M%SZ))"; "$(PY)" manage.py backup "$$to" --keys "$$to.keys"

restore: $(STAMP) ## a backup into an empty CFT_VAR: make restore FROM=backups/today KEPT=var.before/checkpoints
	@if [ -z "$(FROM)" ]; then echo "Name the backup's folder: make restore FROM=backups/today"; exit 1; fi
	@exec "$(PY)" -m cftapp.local.restore "$(FROM)" $(if $(KEYS),--keys "$(KEYS)") $(if $(KEPT),--kept "$(KEPT)") \
		$(if $(NOTHING_KEPT),--nothing-kept)

demo: $(STAMP) ## the whole loop once without a browser, to a verdict
	@exec "$(PY)" -m cftapp.local.demo

manage: $(STAMP) ## Django's command line as owner: make manage ARGS="verify_log"
	@exec "$(PY)" manage.py $(ARGS)

lint: $(DEV) ## style
	@"$(PY)" -m ruff check .
	@"$(PY)" -m ruff format --check .

types: $(DEV) ## mypy, strict
	@"$(PY)" -m mypy

boundaries: $(DEV) ## imports point up, engines stay clean, only evaluation opens the vault
	@"$(PY)" -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

check: lint types boundaries ## everything static

test: check ## static checks, then every test but the long ones, on real services, engines and a browser
	@$(PYTEST) -n $(WORKERS) --dist loadfile -m "not slow" $(PYTEST_ARGS)

test-slow: $(DEV) ## the long tests: fuzz, kills of workers, whole runs, every page once the loop has filled it
	@$(PYTEST) -n $(WORKERS) --dist loadfile -m "slow or crawl" $(PYTEST_ARGS)

fast: $(DEV) ## pure tests only: no database, no service, no browser, no torch
	@$(PYTEST) -n $(WORKERS) --dist loadfile -m pure $(ARGS)

test-one: $(DEV) ## some tests, in this process: make test-one ARGS="tests/audit -k merkle"
	@$(PYTEST) $(ARGS)

coverage: $(DEV) ## as test, without the static checks, with a table of the lines that no test ran
	@$(PYTEST) -n $(WORKERS) --dist loadfile -m "not slow" --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

format: $(DEV) ## write the style
	@"$(PY)" -m ruff check --fix .
	@"$(PY)" -m ruff format .
