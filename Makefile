# The front door: `make demo` and `make test` set themselves up on a machine that has only Python
# and this checkout. `make help` lists everything.

VENV   ?= .venv
STAMP  := $(VENV)/.installed
BIN    := $(VENV)/bin
PYTEST  = $(BIN)/python -m pytest

# How many processes run the tests; torch takes one thread in each.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup test test-quick lint types demo bench docs clean
# A recipe that fails leaves no target behind, and the steps of one go in order.
.DELETE_ON_ERROR:
.NOTPARALLEL:

help: ## list what can be made
	@echo "make demo         set up, then show what artstyle can do here"
	@echo "make test         set up, then everything that must hold: style, types, tests"
	@echo "make test-quick   the tests that need no real pictures and no ten seconds"
	@echo "make setup        a virtual environment in $(VENV) with artstyle and its tools"
	@echo "make bench        measure how fast things are here; writes reports/bench-*.json"
	@echo "make docs         write docs/commands.md from the help texts"
	@echo "make clean        remove caches and builds (the environment stays; rm -r $(VENV) removes it)"

setup: $(STAMP)

# Done again only when pyproject.toml changes, when the checkout was moved, or when the Python it
# was made with has gone. The stamp is written last: a set-up that was broken off is taken up by the
# next one.
ALIVE := $(shell [ "$$(cat "$(STAMP)" 2>/dev/null)" = "$(CURDIR)" ] && \
	"$(BIN)/python" -c 'import artstyle' 2>/dev/null && echo yes)

$(STAMP): pyproject.toml scripts/setup.sh $(if $(ALIVE),,FORCE)
	@sh scripts/setup.sh "$(VENV)"
	@printf '%s\n' "$(CURDIR)" >"$@"

.PHONY: FORCE
FORCE:

lint: $(STAMP)
	@sh scripts/timed.sh "ruff check" $(BIN)/ruff check .
	@sh scripts/timed.sh "ruff format" $(BIN)/ruff format --check .

types: $(STAMP)
	@sh scripts/timed.sh "mypy" $(BIN)/mypy

test: $(STAMP) lint types
	@sh scripts/timed.sh "pytest" $(PYTEST) -n $(JOBS) --durations=10

test-quick: $(STAMP)
	@sh scripts/timed.sh "pytest" $(PYTEST) -n $(JOBS) -m "not slow and not shared"

demo: $(STAMP)
	@sh scripts/demo.sh "$(BIN)/artstyle"

bench: $(STAMP)
	@for bench in tests/bench/bench_*.py; do \
		name=$$(basename "$$bench" .py | tr _ -); \
		sh scripts/timed.sh "$$name" $(BIN)/python "$$bench" --json "reports/$$name.json" || exit 1; \
	done

docs: $(STAMP)
	@ARTSTYLE_WRITE_DOCS=1 $(PYTEST) -q tests/cli/test_docs.py tests/unit/test_weights_docs.py

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find artstyle stylegan_ext tests -name __pycache__ -type d -prune -exec rm -rf {} +
