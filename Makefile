# Each target makes .venv by itself when it is missing or older than its lock.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
CATALOGUES := $(wildcard src/rushes/locales/*.po)

.PHONY: run dev test test-slow real-servers check bench lock screens clean

run: $(VENV)/.run          ## the site with the rehearsal backend: http://127.0.0.1:8000/
	@RUSHES_PORT=$(PORT) exec $(BIN)/rushes demo

dev: $(VENV)/.dev          ## the same, started anew whenever a Python file changes
	@$(BIN)/rushes mock --port 8010 --folder data/rehearsal & trap "kill $$!" EXIT; \
	RUSHES_BACKEND_URL=http://127.0.0.1:8010/v1 $(BIN)/uvicorn rushes.app:site --factory \
	  --reload --reload-dir src --no-proxy-headers --ws none --port $(PORT)

test: $(VENV)/.dev         ## everything but the slow tests, in under four minutes
	@$(BIN)/pytest -q -n 3 --dist loadfile -m "not slow"

test-slow: $(VENV)/.dev    ## kills, faults, proxies; real servers, where the next one was run
	@$(BIN)/pytest -q -n 2 --dist loadfile -m slow || { \
	  echo "Once more and one at a time, what failed beside others:"; \
	  $(BIN)/pytest -q -m slow --last-failed --last-failed-no-failures none; }

real-servers: $(VENV)/.dev ## install the servers that the slow tests start, outside the tree
	@$(BIN)/python -m tests.real.environments

check: $(VENV)/.dev        ## lint, types, import contracts, documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -q tests/test_docs.py tests/test_settings.py

bench: $(VENV)/.dev        ## figures against a named rival; see bench/README.md
	@for script in bench/bench_*.py; do $(BIN)/python $$script || exit 1; done

screens: $(VENV)/.dev      ## the pictures in docs/screens, from the real programs
	@$(BIN)/python -m tests.e2e.screens

lock: $(VENV)/.dev         ## resolve the locks anew from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra mock --group build --generate-hashes \
	  --no-emit-index-url --universal --no-annotate --no-header -q -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra mock --group build --group dev --generate-hashes \
	  --no-emit-index-url --universal --no-annotate --no-header -q -c requirements.lock \
	  -o requirements-dev.lock
	@for server in tests/real/locks/*.in; do $(BIN)/uv pip compile $$server --generate-hashes \
	  --no-emit-index-url --universal --python-version 3.11 --no-annotate --no-header -q \
	  -o $${server%.in}.lock || exit 1; done

clean:
	@rm -rf $(VENV) build dist

# .run: enough for the demo; .dev: everything. Either one is enough for `make run`.
$(VENV)/.run: requirements.lock pyproject.toml hatch_build.py $(CATALOGUES)
	@sh .ci/venv $(PYTHON) $(VENV) requirements.lock && touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml hatch_build.py $(CATALOGUES)
	@sh .ci/venv $(PYTHON) $(VENV) requirements-dev.lock && touch $@ $(VENV)/.run
