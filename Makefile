# Everything a newcomer runs. Python 3.11+ with venv and make is all that is assumed.
.DEFAULT_GOAL := help
.PHONY: help serve test test-clients fuzz lint format docs golden bench bench-routing lock clean

# The first Python that will do, but rather one that does not load its interpreter as a shared
# library (distributions' own do not, pyenv's often do): it serves a fifth more requests.
WILL_DO := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
IS_FAST := from pathlib import Path; m = Path("/proc/self/maps"); exit(m.exists() and "libpython" in m.read_text())
PYTHON ?= $(shell for p in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do \
	if command -v $$p >/dev/null 2>&1 && $$p -c '$(WILL_DO)' 2>/dev/null; \
	then : $${some:=$$p}; if $$p -c '$(IS_FAST)'; then some=$$p; break; fi; fi; done; echo $$some)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

help:
	@echo "make serve   run the gateway on http://127.0.0.1:8080 (ARGS=\"…\" goes to dragoman serve)"
	@echo "make test    set up everything needed, then lint and run the whole test suite"
	@echo "make test-clients   drive the gateway with real clients from npm, unmodified"
	@echo "make fuzz    look for inputs that break a law (ARGS=\"--target f1 --seconds 600\")"
	@echo "make lint    ruff, import contracts, pyright strict"
	@echo "make bench   measure against nginx and LiteLLM; writes docs/benchmarks.md"
	@echo "make bench-routing   simulate a pool for a day; writes docs/routing.md"
	@echo "make docs    write the pages made from the code; make golden: rewrite golden files"
	@echo "make lock    refresh the lock files"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Dragoman needs Python 3.11 or newer with venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.lock | $(BIN)/python
	@echo "installing Dragoman into $(VENV)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/runtime
	@echo "installing what the tests need into $(VENV)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

serve: $(VENV)/runtime
	@exec $(BIN)/dragoman serve $(ARGS)

# Two processes, file by file: half of the tests' time is waiting for sockets and processes.
test: lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

$(VENV)/clients/ready: tests/clients/package.json $(VENV)/dev
	@echo "installing the clients of tests/clients/package.json"
	@mkdir -p $(VENV)/clients && cp tests/clients/package.json $(VENV)/clients/
	@npm install --prefix $(VENV)/clients --no-audit --no-fund --silent
	@touch $@

test-clients: $(VENV)/clients/ready
	@DRAGOMAN_CLIENTS=$(abspath $(VENV)/clients) $(BIN)/python -m pytest tests/clients $(ARGS)

$(VENV)/fuzz: $(VENV)/dev
	@echo "installing atheris into $(VENV)"
	@$(PIP) install 'atheris>=3,<4'
	@touch $@

fuzz: $(VENV)/fuzz
	@$(BIN)/python -m tests.fuzz.run $(ARGS)

lint: $(VENV)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright

format: $(VENV)/dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/dev
	@$(BIN)/python -m bench.run $(ARGS)

bench-routing: $(VENV)/dev
	@nice -n 10 $(BIN)/python -m bench.routing $(ARGS)

docs: $(VENV)/dev
	@$(BIN)/python -m dragoman.config.reference.write docs
	@$(BIN)/python -m dragoman.dialects.chat.compatibility.write docs

golden: $(VENV)/dev
	@$(BIN)/python -m pytest -q tests/golden --update-golden

# The lock names versions and hashes for every supported Python and no registry.
lock: $(BIN)/python
	@$(PIP) install 'uv>=0.9'
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--no-annotate --python-version 3.11 pyproject.toml build-requirements.in -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--no-annotate --python-version 3.11 -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock

clean:
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis bench/build
