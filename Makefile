# The two commands of the README, and what a developer runs between commits.

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin

.PHONY: demo test lint docs docs-check bench long fuzz soak clean

demo: $(BIN)/breachflow ## a whole story on an example organisation
	$(BIN)/breachflow demo

test: $(VENV)/.test-ready ## everything, on a fresh machine
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf .cache/typed && mkdir -p .cache/typed && cp -r breachflow .cache/typed/
	cp -r agents templates .cache/typed/breachflow/  # as they are installed: mypy does not follow the mapping
	cd .cache/typed && $(abspath $(BIN))/mypy --config-file ../../pyproject.toml

docs: $(VENV)/.test-ready ## write again what is generated: schemas, the AsyncAPI document, the pages of the products
	$(BIN)/python docs/generate.py

docs-check: $(VENV)/.test-ready ## say which of them is stale
	$(BIN)/python docs/generate.py --check

bench: $(VENV)/.test-ready ## ratios against a baseline of the same run; no timed tests
	for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

long: $(VENV)/.test-ready ## what takes longer than CI may: 100 kills, 10,000 hostile inputs, 10,000 examples a property
	BREACHFLOW_KILLS=100 BREACHFLOW_HOSTILE=10000 BREACHFLOW_EXAMPLES=10000 $(BIN)/python -m pytest $(PYTEST_ARGS)

fuzz: $(VENV)/.test-ready ## the readers under mutated payloads: ten minutes each, one minute a mapping
	$(BIN)/python tests/fuzz/run.py

soak: $(VENV)/.test-ready ## half an hour at 1,000 events a second: memory and descriptors stay flat
	$(BIN)/python tests/programs/soak.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/breachflow: | $(BIN)/python
	$(BIN)/python -m pip install --quiet .

$(VENV)/.test-ready: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
