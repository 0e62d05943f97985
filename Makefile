# make install | demo | test | test-slow | lint | bench. All but the first install by themselves.
# Needs Python 3.11 or newer, nothing else: make PYTHON=python3.12 chooses one.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.installed-peers
BENCHMARKS := peers_streams streams order familiarity fewshot autonomy speed r19 server durability safety value

.DEFAULT_GOAL := install
.PHONY: install demo test test-slow lint bench java chromium clean

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Quickstudy needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@rm -f $(INSTALLED) $(PEERS)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --requirement requirements.lock
	$(PIP) --no-deps --editable .
	$(BIN)/python -m quickstudy.warm
	@touch $@

$(PEERS): requirements-peers.lock $(INSTALLED)
	$(PIP) --requirement requirements.lock --requirement requirements-peers.lock
	@touch $@

demo: $(INSTALLED)
	$(BIN)/quickstudy demo

test: $(INSTALLED)
	QUICKSTUDY_EXAMPLES=few $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

# one at a time: crashes, browsers and servers bring processes of their own; and all examples of
# what `make test` tries on a few
test-slow: $(INSTALLED) chromium
	$(BIN)/python -m pytest -m "slow or many_examples"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

chromium:
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 \
		|| { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
		|| echo "No Chromium: the tests of the page will be skipped. Install it as your system does."

java:
	@java -version >/dev/null 2>&1 \
		|| { echo "make bench needs Java: CapyMOA, one of the peers, runs on it. Install a JRE (17 or newer)."; exit 1; }

bench: java $(PEERS)
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit 1; done
	$(BIN)/python benchmarks/headline.py --write

clean:
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
