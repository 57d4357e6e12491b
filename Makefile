# Everything a developer does. A target tells what it is for after its ##; `make help` prints them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The tools run here must not inherit the flags of this make.
unexport MAKEFLAGS MFLAGS MAKELEVEL

VENV := .venv
BIN := $(VENV)/bin
# Other compilers, only to be measured beside this one.
PEERS := .venv-benchmark
# The first Python that is new enough, and not too new for the dependencies.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
  "$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
  && { echo "$$python"; break; }; done)
# A test that needs one of these fails, instead of being left out, where the tool is missing.
FPGANN_REQUIRE_TOOLS ?= ghdl,verilator,yosys
export FPGANN_REQUIRE_TOOLS
# What `make fuzz` draws.
COUNT ?= 500
SEED ?= 0

PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal --durations 40

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: install-light ## Compile two trained networks to VHDL and prove them bit-exact (needs no torch)
	@$(BIN)/python examples/demo.py

.PHONY: test
test: install ## Run the fast tests
	@$(PYTEST) -m "not slow"

.PHONY: test-full
test-full: install ## Run all tests, the slow ones too
	@$(PYTEST)

.PHONY: fuzz
fuzz: install ## Prove random models in all simulators: COUNT of them (500), from SEED (0) on
	@$(BIN)/python -m tests.fuzz --count $(COUNT) --seed $(SEED) --jobs 2

.PHONY: lint
lint: install ## Check style, types, import layers, spelling and VHDL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	git ls-files -z | xargs -0 $(BIN)/codespell
	$(BIN)/vsg --configuration hdl/vsg.yaml --output_format syntastic --filename hdl/*.vhd

.PHONY: format
format: install ## Rewrite Python and VHDL in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/vsg --configuration hdl/vsg.yaml --fix --output_format syntastic --filename hdl/*.vhd

.PHONY: examples
examples: install ## Train the example networks again and export them (needs torch)
	@for script in examples/*/train.py; do echo "$$script"; $(BIN)/python "$$script"; done

.PHONY: benchmark
benchmark: install-light benchmark-env ## Measure speeds beside those of peers (some minutes; never part of the tests)
	@$(BIN)/python benchmarks/reference_speed.py --peers $(PEERS)/bin/python
	@mkdir -p BUILD
	@$(BIN)/python benchmarks/network.py BUILD/benchmark.onnx --rounding even
	@$(BIN)/fpgann compile BUILD/benchmark.onnx -o BUILD/benchmark --force
	@$(BIN)/python benchmarks/simulation_speed.py BUILD/benchmark --da4ml $(PEERS)/bin/python
	@$(BIN)/fpgann compile BUILD/benchmark.onnx -o BUILD/benchmark_hls --target hls --force
	@$(BIN)/python benchmarks/csim_speed.py BUILD/benchmark_hls --peers $(PEERS)/bin/python

.PHONY: calibrate
calibrate: install-light ## Synthesise layers and fit the coefficients of the estimates (hours of one core; goes on where it stopped)
	@$(BIN)/python benchmarks/calibrate.py

.PHONY: judge-estimates
judge-estimates: install-light ## Compare estimates with Yosys on the models of the corpus (hours; goes on where it stopped)
	@$(BIN)/python benchmarks/calibration_judge.py

.PHONY: benchmark-env
benchmark-env: $(PEERS)/.stamp ## Make .venv-benchmark with the peers that benchmarks run

.PHONY: docs
docs: install-light ## Write the generated pages of docs/ again
	@$(BIN)/python docs/generate.py

.PHONY: node-table
node-table: install ## Run the operator tests of the corpus and note their results for docs/node-tests.md
	@$(BIN)/python -m tests.corpus.node_tests
	@$(BIN)/python docs/generate.py

.PHONY: install
install: $(VENV)/.stamp-all ## Make .venv with everything, for development

.PHONY: install-light
install-light: $(VENV)/.stamp-light ## Make .venv with what compiling and simulating needs

.PHONY: system
system: ## Install the system packages (ghdl, g++, ...) with apt, or say what to install
	@tools/install-system-packages "$(PYTHON)"

.PHONY: clean
clean: ## Remove what tests, builds and simulators left behind
	rm -rf dist build BUILD .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
	find . -path ./$(VENV) -prune -o -name sim_build -type d -print0 | xargs -0 rm -rf

.PHONY: distclean
distclean: clean ## Remove .venv as well
	rm -rf $(VENV) $(PEERS)

# One environment in two sizes: the full one serves as the light one too.
$(VENV)/.stamp-all: pyproject.toml constraints.txt $(VENV)/bin/python
	@echo "Installing fpgann with every extra into $(VENV) (some minutes)"
	@$(PIP_INSTALL) --editable '.[all]'
	@touch $(VENV)/.stamp-light $@

$(VENV)/.stamp-light: pyproject.toml constraints.txt $(VENV)/bin/python
	@echo "Installing fpgann with its simulators into $(VENV)"
	@$(PIP_INSTALL) --editable '.[sim]'
	@touch $@

$(VENV)/bin/python: | system
	@"$(PYTHON)" -m venv $(VENV)

$(PEERS)/.stamp: benchmarks/requirements.txt | system
	@"$(PYTHON)" -m venv $(PEERS)
	@echo "Installing the peers into $(PEERS)"
	@$(PEERS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@
