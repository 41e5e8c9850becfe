# make demo   the whole house on this machine, with a WhatsApp of its own (ARGS="--once --json" …)
# make test   everything the tests need, then the tests
# make bench  the benchmarks        make lint   ruff
# make lock   renew the lock files  make docs   what is written from the code
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint lock docs clean

VENV := .venv
ARGS ?=
LEVEL ?= demo
TIME := $(VENV)/.setup-seconds

help:
	@sed -n 's/^# //p' Makefile

# What is needed is put in place once for each lock file; a second run costs nothing.
$(VENV)/.demo: requirements-demo.lock pyproject.toml tools/setup.sh
	@bash tools/setup.sh demo
$(VENV)/.test: requirements.lock pyproject.toml tools/setup.sh
	@bash tools/setup.sh test

setup: $(VENV)/.$(LEVEL)

demo: $(VENV)/.demo
	@DAFTAR_SETUP_SECONDS="$$(bash tools/setup.sh spent)" $(VENV)/bin/daftar demo $(ARGS)

test: $(VENV)/.test
	@$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

bench: $(VENV)/.test
	@$(VENV)/bin/python -m benchmarks.bridge $(ARGS)

lint: $(VENV)/.test
	@$(VENV)/bin/ruff check .

# Three files of one resolution: everything; what the demo needs; what the office's server needs.
lock: $(VENV)/.test
	@bash tools/lock.sh

docs: $(VENV)/.demo
	@$(VENV)/bin/python -m cli.reference
	@$(VENV)/bin/python -m bot.reference > docs/commands.md

clean:
	rm -rf $(VENV) .demo build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
