# make demo, make test, make check, make docs and make ui are what is needed every day; `make help` lists all targets.

PYTHON ?= python3
WORKERS ?= 2
PORT ?= 5000
MLFLOW_TRACKING_URI ?= sqlite:///$(CURDIR)/mlflow.db
# else `make ui` sends anonymous usage statistics to MLflow's makers
export MLFLOW_DISABLE_TELEMETRY ?= true

UV_VERSION := 0.13.9
BIN := .venv/bin
UV := .venv/.uv-$(UV_VERSION)
READY := .venv/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-browser test-slow ui check docs setup lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(READY) ## simulate, train, compare with the baselines, fit the forest: the quickstart
	$(BIN)/python -m hrtem_lab.train +experiment=quickstart

test: $(READY) ## the default tests; WORKERS=2 says how many run at once, ARGS="-k name" goes to pytest
	$(BIN)/python -m pytest -m "not slow and not browser" -n $(WORKERS) --dist worksteal $(ARGS)

test-browser: $(READY) ## the tests of pages, in headless Chromium (Debian: chromium, chromium-driver)
	$(BIN)/python -m pytest -m browser $(ARGS)

test-slow: $(READY) ## the tests that take long: whole trainings, many processes
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal $(ARGS)

ui: $(READY) ## open MLflow on the runs so far (MLFLOW_TRACKING_URI, PORT=5000)
	MLFLOW_TRACKING_URI="$(MLFLOW_TRACKING_URI)" $(BIN)/python -m hrtem_lab.ui port=$(PORT)

check: $(READY) ## style and types: ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY) ## build the site into site/; open site/index.html
	$(BIN)/python docs/tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

setup: $(READY) ## only set up .venv; PYTHON=python3.12 chooses another Python

lock: $(UV) ## write requirements.lock anew; BUMP="--upgrade" or "--upgrade-package NAME" moves the versions on
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra fast --extra onnx --extra serve --extra docs --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --quiet $(BUMP) --output-file requirements.lock

clean: ## remove .venv, caches, outputs/ and mlruns/; the lab's records, mlflow.db and mlartifacts/, stay
	rm -rf .venv .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis outputs mlruns build dist site *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every step may be repeated, and its stamp comes last, so a set-up that was stopped goes on at the next call. uv takes its
# settings (an index, a proxy, a cache) from the environment. What builds comes from the lock, too: setuptools by the
# constraints (hydra-core needs a package without a wheel), hatchling and editables by going without isolation.
# Compiled at once and on all cores, the libraries start in seconds even where Python may not write beside them.
$(READY): requirements.lock pyproject.toml $(UV)
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --requirements requirements.lock \
		--build-constraints requirements.lock --compile-bytecode
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "hrtem_lab needs Python 3.11 or newer, and '$(PYTHON)' is not: say which, as in make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall uv==$(UV_VERSION)
	@touch $@
