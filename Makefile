# Needs python3 (3.11 or newer), pip and make; everything else is set up here.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test check bench soak docs test-matrix wheel clean .venv

help: ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | column -t -s:

demo: .venv ## three tiny sites (Django, Flask, Starlette) on one folder
	$(BIN)/python -m example_sites.demo

test: .venv wheel ## the whole suite, then the built wheel on its own
	$(BIN)/python -m pytest
	tests/run_wheel

check: .venv wheel ## lint, types, imports, packaging, docs
	tests/run_checks

bench: .venv ## speed and memory beside raw calls and other libraries
	$(BIN)/python -m benchmarks

soak: .venv ## the suite with its long counts: hours
	KVCORE_SOAK=1 $(BIN)/python -m pytest --override-ini timeout=0

docs: .venv ## HTML pages in build/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs

test-matrix: ## the suite on every supported Python, oldest and newest frameworks
	tests/run_matrix

wheel: .venv
	rm -rf build/dist
	$(BIN)/python -m build --no-isolation --outdir build/dist . >build/build.log || (cat build/build.log; false)

clean: ## remove all that the targets made
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv: .venv/made

.venv/made: constraints/dev.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --constraint constraints/dev.txt pip
	$(BIN)/pip install --quiet --constraint constraints/dev.txt --group dev
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@
