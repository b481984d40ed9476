# make report   run the whole study of PROFILE (default quick) and write results/<study>/report.html
# make test     all tests
# make lab      JupyterLab on the notebooks
# Each builds .venv from environment.yml first if it is missing or older than environment.yml.

PROFILE ?= quick
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python

.PHONY: report test lab lint

report: .venv/ready
	$(PY) -m lib.study $(PROFILE) $(ARGS)

test: .venv/ready
	$(PY) -m pytest $(ARGS)

lab: .venv/ready
	$(PY) -m jupyterlab notebooks $(ARGS)

lint: .venv/ready
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

.venv/ready: environment.yml
	$(PYTHON) -m venv .venv
	sed -n 's/^ *- \([a-z0-9-]*==[^ ]*\).*/\1/p' environment.yml > .venv/requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r .venv/requirements.txt
	touch $@
