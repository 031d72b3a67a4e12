# Two commands do everything on a fresh machine that has Python 3.11 or newer:
#   make demo    sets up and runs the main job
#   make test    sets up and runs the tests

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

.PHONY: demo test check lock clean
.DEFAULT_GOAL := demo

demo: .venv/ready
	$(BIN)/triage demo

test: .venv/ready
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "triage needs Python 3.11 or newer; none was found on PATH" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Needs uv; the lock holds for every Python from 3.11 on.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --group dev --extra lab --extra pdf --extra web \
		--no-emit-index-url --no-annotate --quiet --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv
