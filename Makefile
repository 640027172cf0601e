# Everything is installed below .venv/ and run below .local/, where downloads are kept too. Tests use the temporary folder.
AIRFLOW_VERSION ?= 3.3.1
PYTHON ?= python3
DATA ?=
# They often wait for servers, so twice as many as cores.
WORKERS ?= 4

AIRFLOW_PYTHON = .venv/airflow-$(AIRFLOW_VERSION)/bin/python
# On its own, for a comma would end an argument of $(or).
FULL_BENCHMARK = --sizes 100MB:3,1GB:3,5GB:1 --paced 1GB:3 --write-docs
# For Amazon MWAA; the first three have no default.
BUCKET ?=
ENVIRONMENT ?=
EXPORT_BUCKET ?=
EXPORT_PREFIX ?= chargebee
ENVIRONMENT_CLASS ?= mw1.small
PARQUET ?=
.PHONY: help demo compose-check screenshots mwaa-bundle mwaa-check test test-all e2e e2e-all benchmark lint wheel clean environment tools readers observers

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: environment tools  ## run the DAG for real against a simulator (DATA=invoices.csv, AIRFLOW_VERSION=2.11.2)
	@$(AIRFLOW_PYTHON) local/demo.py $(if $(DATA),--data "$(DATA)")

compose-check:  ## bring docker-compose.yaml up and run the DAG in it; needs a container engine
	@$(PYTHON) local/compose_check.py $(ARGS)

test: environment tools readers observers  ## unit and integration tests (AIRFLOW_VERSION=2.11.2)
	@env -u PYTHONDONTWRITEBYTECODE $(AIRFLOW_PYTHON) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-all: tools  ## the same on all five Airflow versions; tests that use no Airflow: on the oldest and the newest
	@.venv/tools/bin/nox $(if $(ARGS),-- $(ARGS))

e2e: tools  ## runs, backfills and crashes in a real Airflow; needs apt's postgresql and redis-server (AIRFLOW_VERSION=2.11.2)
	@$(PYTHON) tests/e2e/run.py $(AIRFLOW_VERSION)

e2e-all: tools  ## the same on every Airflow version, with a table at the end
	@$(PYTHON) tests/e2e/run.py

benchmark: environment tools  ## measure the upload task, and write docs/performance.md (ARGS="--sizes 100MB:1")
	@$(AIRFLOW_PYTHON) benchmarks/upload.py $(or $(ARGS),$(FULL_BENCHMARK))

lint: environment tools  ## ruff, mypy, and which module may import which
	@.venv/tools/bin/ruff check .
	@.venv/tools/bin/ruff format --check .
	@.venv/tools/bin/mypy --python-executable $(AIRFLOW_PYTHON)
	@PYTHONPATH=plugins .venv/tools/bin/lint-imports --cache-dir .local/import_linter
	@.venv/tools/bin/shellcheck deploy/mwaa/deploy.sh

wheel: tools  ## the wheel in dist/, which adds the Chargebee connection type to the UI
	@SOURCE_DATE_EPOCH=315532800 .venv/tools/bin/python -m hatchling build -t wheel -d dist

screenshots:  ## make docs/images again, from the stack of docker-compose.yaml that is up; needs Chromium
	@$$($(PYTHON) local/environment.py screenshots) local/screenshots.py $(ARGS)

mwaa-bundle: tools  ## all that MWAA needs, in dist/ (AIRFLOW_VERSION= BUCKET= ENVIRONMENT= EXPORT_BUCKET=)
	@$(PYTHON) local/mwaa_bundle.py $(AIRFLOW_VERSION) --bucket "$(BUCKET)" --environment "$(ENVIRONMENT)" \
		--export-bucket "$(EXPORT_BUCKET)" --prefix "$(EXPORT_PREFIX)" --environment-class "$(ENVIRONMENT_CLASS)" \
		$(if $(PARQUET),--parquet)

mwaa-check: environment tools  ## install that bundle as MWAA does, and run its DAG against the simulator
	@$(AIRFLOW_PYTHON) local/mwaa_check.py dist/mwaa-$(AIRFLOW_VERSION)

clean:  ## remove what was installed and run
	rm -rf .venv .local dist .pytest_cache .ruff_cache .mypy_cache .hypothesis

environment:  ## Airflow and this project's requirements, in .venv/ (AIRFLOW_VERSION=2.11.2)
	@$(PYTHON) local/environment.py $(AIRFLOW_VERSION) >/dev/null

tools:
	@$(PYTHON) local/environment.py tools >/dev/null

readers:
	@$(PYTHON) local/environment.py readers >/dev/null

observers:
	@$(PYTHON) local/environment.py observers-$(AIRFLOW_VERSION) >/dev/null
