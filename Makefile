# Every target does its own set-up, which is repeated only when a file it depends on has changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-slow check lint floors format lock notebooks bench bench-quick figures calibration cohorts criticism decisions language clean

READY := .venv/.ready
DOCS_READY := .venv/.docs
BIN := .venv/bin
DEMO_DIR := bayesltv-demo
PYTEST_ARGS :=
# Folder by folder: what compiles or fits comes first, and the many quick files fill what time is left on either side.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
NOTEBOOKS := $(wildcard notebooks/*.py)
BENCHMARKS := $(wildcard benchmarks/bench_*.py)

# Walking the blocks and running the chains is parallel already: threads below that only get in each other's way.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
TEST_ENV := MPLBACKEND=Agg $(ONE_THREAD)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything pinned

$(READY): pyproject.toml constraints.txt .python-version .ci/setup
	@.ci/setup
	@touch $@

$(DOCS_READY): $(READY)
	@.ci/setup docs
	@touch $@

demo: $(READY) ## Run everything on real purchases, into DEMO_DIR=bayesltv-demo
	$(BIN)/bayesltv demo --out $(DEMO_DIR)

test: $(READY) ## Run all tests but the slow ones (more options: PYTEST_ARGS="-n 0 -k cells")
	$(TEST_ENV) $(BIN)/pytest -m "not slow and not calibration" $(WORKERS) $(PYTEST_ARGS)

test-fast: $(READY) ## Run the tests of single parts only: units and properties
	$(TEST_ENV) $(BIN)/pytest -m "not slow and not calibration" $(WORKERS) $(PYTEST_ARGS) tests/unit tests/property

test-slow: $(DOCS_READY) ## Run the slow tests: mutations, killed runs, fuzz, recovery (under an hour on two cores)
	$(TEST_ENV) $(BIN)/pytest -m slow $(WORKERS) $(PYTEST_ARGS)

check: lint floors ## Lint, format, types, import floors, dependencies

lint: $(READY) ## Lint, format, types, dependencies: what `make test` does not look at
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry src

floors: $(READY) ## Check that imports go downward only
	$(BIN)/pytest tests/unit/test_imports.py

format: $(READY) ## Put the source into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(DOCS_READY) ## Run every notebook once, and keep it with its outputs in build/notebooks
	$(TEST_ENV) $(BIN)/python docs/make_gallery.py $(NOTEBOOKS)

docs: notebooks ## Build the site into build/site, from the notebooks that ran; asks nothing of the network
	$(TEST_ENV) $(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site

bench: $(READY) ## Run every benchmark (better with nothing else running)
	@set -e; for benchmark in $(BENCHMARKS); do echo "$$benchmark"; $(TEST_ENV) $(BIN)/python "$$benchmark"; done

bench-quick: $(READY) ## Run a small version of every benchmark
	@set -e; for benchmark in $(BENCHMARKS); do echo "$$benchmark"; $(TEST_ENV) $(BIN)/python "$$benchmark" --quick; done

figures: demo ## Renew the README's pictures from the demo's
	cp $(DEMO_DIR)/figures/{ltv_intervals,tracking_cumulative}.png docs/figures/

calibration: $(READY) ## Calibrate by simulation, renew docs/calibration.md, compare Laplace and NUTS (2 h; kept in .calibration)
	SBC_RANKS=.calibration $(TEST_ENV) $(BIN)/pytest -n 0 -m calibration tests/recovery
	$(TEST_ENV) $(BIN)/python tests/sbc_report.py .calibration
	$(TEST_ENV) $(BIN)/python tests/recovery/laplace_corners.py .calibration/laplace

decisions: $(READY) ## Renew the pictures and figures of docs/decisions.md, from what make demo has made
	$(TEST_ENV) $(BIN)/python docs/make_decisions.py $(DEMO_DIR)

criticism: $(READY) ## Renew the pictures and figures of docs/criticism.md
	$(TEST_ENV) $(BIN)/python docs/make_criticism.py

cohorts: $(READY) ## Renew the pictures and figures of docs/cohorts.md
	$(TEST_ENV) $(BIN)/python docs/make_cohorts.py

language: $(READY) ## Renew the catalogues: new texts into each .po, to be translated there, and .po into .mo
	PYTHONPATH=tests $(BIN)/python tests/catalogues.py

lock: ## Resolve constraints.txt, keeping pins that still fit (LOCK_ARGS=--upgrade: none)
	.ci/setup lock $(LOCK_ARGS)

clean: ## Remove everything that make and the tests have made
	rm -rf .venv .uv .calibration $(DEMO_DIR) build dist docs/reference docs/gallery docs/benchmarks.md .hypothesis .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
