# GNU make 3.81 and BSD tools are enough. `make` alone explains itself.
PROFILE ?= laptop
DATA ?= embedded
WORK ?=
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

# the environment is the lock file's, nothing else's
unexport PYTHONPATH
unexport PYTHONHOME
export PYTHONNOUSERSITE := 1

.DEFAULT_GOAL := help
.PHONY: help book pdf slides test notebooks wheel clean

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  e.g. make book PROFILE=smoke, make book DATA=real WORK=ee443, make test PYTHON=python3.12"

book: $(STAMP) ## execute every chapter (PROFILE=laptop, DATA=embedded), build the static book, say where it is
	@$(VENV)/bin/lt book --profile $(PROFILE) --data $(DATA) $(WORK:%=--work %)

pdf: $(STAMP) ## the book, and all of it as one PDF; says where that is
	@$(VENV)/bin/lt pdf --profile $(PROFILE) --data $(DATA) $(WORK:%=--work %)

slides: $(STAMP) ## the book and a deck of slides for each chapter, say where they are
	@$(VENV)/bin/lt slides --profile $(PROFILE) --data $(DATA) $(WORK:%=--work %)

test: $(STAMP) ## lint, unit tests, the smoke book, its pages in a browser, outputs kept in notebooks
	@.ci/test $(PY)

notebooks: $(STAMP) ## re-make every .ipynb from its .py (the .py is the source)
	$(PY) -m lt_lib.lab.publish.book sync

wheel: $(STAMP) ## the library alone, to install elsewhere; says where it is
	@rm -rf build _build/wheel && $(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir _build/wheel .
	@rm -rf build && ls _build/wheel/*.whl

clean: ## remove built books; trained records in _build/records stay
	@if [ -d _build ]; then find _build -mindepth 1 -maxdepth 1 ! -name records -exec rm -rf {} +; fi

# uv installs the lock in half a minute; where it cannot be had, pip does the same more slowly. Both compile, and
# so is lt_lib: where PYTHONDONTWRITEBYTECODE is set, every start would compile 1,700 modules again
$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null; then \
		echo "Python 3.11, 3.12 or 3.13 is needed, $(or $(PYTHON),python3) is none; name one: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; fi
	@echo "setting up $(VENV) from requirements.lock"
	@"$(PYTHON)" -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv 2>/dev/null \
		&& $(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements.lock \
		|| $(PY) -m pip install --compile --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(PY) -m compileall -q lt_lib
	@touch $(STAMP)
