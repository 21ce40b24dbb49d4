# Two commands: `make book` and `make test`. Both begin with the environment in .venv.
PYTHON ?= python3
SCALE ?= small
WORKERS ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.PHONY: help env lock book test test-slow test-browser lint bench clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\): *.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

env: .venv/ready ## the environment in .venv, from requirements.lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
	  f"CPython 3.11, 3.12 or 3.13 is needed, this is {sys.version.split()[0]}. Next: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	awk '/^[^ ]/ {uv = /^uv==/} uv' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --require-hashes --requirement .venv/uv.txt
	@# uv takes half the time; pip knows mirrors that uv does not.
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode \
	  --requirement requirements.lock || \
	  $(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: env        ## requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra book --extra cluster --extra test --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.lock

book: env        ## every chapter on the phantom, and the book (SCALE=full: all of it)
	$(BIN)/mecore book --scale $(SCALE) --workers $(WORKERS)

test: env lint   ## lint, types and the test suite without slow tests
	$(BIN)/python -m pytest -q -n $(WORKERS) --maxprocesses 4 --dist loadfile -m "not slow and not browser"

test-slow: env   ## the slow tests
	$(BIN)/python -m pytest -q -m "slow and not browser"

test-browser: env ## the built book: in headless Chromium, and built again
	$(BIN)/python -m pytest -q -m browser

lint: env        ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: env       ## every speed, and what the choice of flow does, measured into book/measured
	$(BIN)/python -m benchmarks

clean:           ## remove the environment, the built book and its chapters
	rm -rf .venv book/_build book/chapters
