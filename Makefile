# Needs python3 (3.11 or newer), pip and make; everything else is set up here.
PYTHON ?= python3
BIN := .venv/bin

# Versions are pinned by name alone: where packages come from is each machine's own business.
REGISTRY_HOSTS := pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|registry[.]yarnpkg
# One process of tests for each core; `make test JOBS=0` runs them in one, as `pytest` does.
JOBS ?= auto
WHEEL_TESTS ?= tests/test_packaging.py tests/core
PACKAGES := kvcore kvcore_django kvcore_flask kvcore_starlette

.PHONY: help demo test check bench soak docs test-matrix pins clean wheel .venv

help: ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | column -t -s:

demo: .venv ## one picture shelf in Django, Flask and Starlette, on one store
	$(BIN)/python -m example_sites.demo

test: wheel ## the whole suite, then what shows that the built wheel is whole
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal
	$(BIN)/python -m tests.matrix wheel -n $(JOBS) --dist worksteal $(WHEEL_TESTS)

check: wheel ## lint, types, imports, packaging, documentation
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	set -e; for package in $(PACKAGES); do \
	    PATH="$(CURDIR)/$(BIN):$$PATH" pyright --ignoreexternal --verifytypes $$package; \
	done
	$(BIN)/lint-imports
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/check-wheel-contents build/dist
	$(MAKE) docs
	! git grep --untracked -nIE '$(REGISTRY_HOSTS)'
	! git ls-files | grep -E '(^|/)(uv|poetry|pdm|Pipfile|package-lock|yarn)[.](lock|json)$$'

bench: .venv ## speed and memory beside raw calls and other libraries
	$(BIN)/python -m benchmarks

soak: .venv ## the suite with its long counts (takes hours)
	KVCORE_SOAK=1 $(BIN)/python -m pytest --override-ini timeout=0

docs: .venv ## HTML pages in build/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs

test-matrix: wheel ## the suite on every supported Python, oldest and newest frameworks
	$(BIN)/python -m tests.matrix all -n $(JOBS) --dist worksteal

pins: .venv ## resolve the versions in constraints/ anew
	$(BIN)/python -m tests.matrix pins

clean: ## remove all that the targets made
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

wheel: .venv
	rm -rf build/dist
	$(BIN)/python -m build --quiet --no-isolation --outdir build/dist

.venv: .venv/made

.venv/made: constraints/dev.txt
	@echo "Setting up a virtualenv in .venv; the first time this takes a few minutes ..."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --constraint constraints/dev.txt pip
	$(BIN)/pip install --quiet --constraint constraints/dev.txt --group dev
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@
