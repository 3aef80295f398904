# Two commands do everything on a fresh machine: `make run` and `make test`.

# Container images often set it. Every job would compile the library again and digest its code again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
DEV := .venv-dev/bin
CORES ?= all
STUDY ?= config.yaml
# Of this checkout, wherever the library in .venv lies: Snakemake finds its logger plugin there.
HERE := PYTHONPATH=$(CURDIR)/workflow$${PYTHONPATH:+:$$PYTHONPATH}
# Read first: what is no UTF-8 or no YAML ends Snakemake with a traceback.
SNAKEMAKE := $(BIN)/python -m repdyn name --study $(STUDY) > /dev/null && $(HERE) $(BIN)/snakemake --cores $(CORES) --configfile $(STUDY) --rerun-incomplete --quiet reason host --logger repdyn
NAME = $(shell $(BIN)/python -m repdyn name --study $(STUDY))

.DEFAULT_GOAL := help
.PHONY: help setup run report compare unlock plan layers test lint docs unit pipeline browser documentation cluster gpu lock clean

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: .venv-dev/dev.done  ## create .venv from the hashed lock, and beside it .venv-dev with the tools of the tests

run: .venv/run.done  ## run a study: make run [STUDY=workflow/studies/….yaml] [CORES=8]
	@$(SNAKEMAKE)

# Where runs have failed, what is there is reported all the same.
report: .venv/run.done  ## results/…/report.html, explorer.html and lab-book.html, with all that they need: make report [STUDY=…]
	@$(SNAKEMAKE) -- reported || { test ! -d results/$(NAME) || $(BIN)/python -m repdyn report --study $(STUDY); exit 1; }
	@$(SNAKEMAKE) --report results/$(NAME)/lab-book.html --report-stylesheet workflow/report/report.css -- reported

compare: .venv/run.done  ## what several studies found, as table and figure: make compare STUDIES="results/a results/b"
	@$(BIN)/python -m repdyn compare $(STUDIES) $(addprefix --output ,$(OUTPUT)) $(addprefix --into ,$(PAGE))

unlock: .venv/run.done  ## after a kill -9 or a power cut, and when no Snakemake runs: take away the lock that one left
	@$(SNAKEMAKE) --unlock

plan: .venv/run.done  ## print what a study will take, before it runs: jobs, disk, memory: make plan [STUDY=…]
	@$(BIN)/python -m repdyn plan --study $(STUDY)

layers: .venv/run.done  ## print the layers that would be observed of each architecture: make layers [STUDY=…]
	@$(BIN)/python -m repdyn layers --study $(STUDY)

# Side by side where one leaves a core idle: mypy, a browser, commands one after the other, a cluster that waits.
test: .venv-dev/dev.done  ## check everything, from lint to a tiny study on a Slurm of its own
	$(MAKE) --jobs=2 --output-sync=target lint docs browser
	$(MAKE) unit
	$(MAKE) pipeline
	$(MAKE) --jobs=2 --output-sync=target documentation cluster

docs: .venv-dev/dev.done  ## the documentation as a site, docs/_build/html/index.html; every warning is an error
	$(DEV)/sphinx-build --quiet --fresh-env --fail-on-warning --jobs auto --builder html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

lint: .venv-dev/dev.done  ## ruff, mypy, the directions of imports, snakefmt, snakemake --lint
	$(DEV)/ruff check --quiet workflow tests docs/*.py
	$(DEV)/ruff format --quiet --check workflow tests docs/*.py
	$(DEV)/mypy
	$(DEV)/mypy docs/reference.py
	PYTHONPATH=workflow $(DEV)/lint-imports --no-cache --no-logo
	$(DEV)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

unit: .venv-dev/dev.done  ## unit tests, on every core
	$(DEV)/pytest tests/unit --numprocesses auto

pipeline: .venv-dev/dev.done  ## a tiny study through Snakemake, on every core
	$(DEV)/pytest tests/pipeline --numprocesses auto --dist loadfile

browser: .venv-dev/dev.done  ## the explorer in a headless Chromium, where there is one
	$(DEV)/pytest tests/browser

documentation: .venv-dev/dev.done  ## every command and code block of README and docs, in .venv alone
	$(DEV)/pytest tests/documentation

cluster: .venv-dev/dev.done  ## a tiny study through a Slurm that the tests start; needs root and Slurm's programs
	$(DEV)/pytest tests/cluster

gpu: .venv/run.done  ## on a GPU: what is right and how fast, in six minutes, as a table and gpu.json; without one it says so
	@PYTHONPATH=workflow $(BIN)/python tests/gpu/measure.py --into gpu.json

lock:  ## pin the requirements anew (needs uv)
	envs/lock

clean:  ## delete .venv, .venv-dev, the built documentation and Snakemake's records; results stay
	rm -rf .venv .venv-dev docs/_build .snakemake

.venv/run.done: envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# It sees what .venv holds and adds to it, so that the tests run studies in .venv alone, as users do.
.venv-dev/dev.done: .venv/run.done envs/requirements-dev.lock
	$(BIN)/python -m venv .venv-dev
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> $$($(DEV)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/run.pth
	$(DEV)/pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/requirements-dev.lock
	@touch $@
