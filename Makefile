# make report   run the whole study of PROFILE (default quick) and write results/<study>/report.html
# make test     all tests
# make test-colab  every notebook at smoke size with Colab's versions, through its Colab branch: for
#               a release; it writes to /content/study
# make test-jax the core's tests with JAX in place of TensorFlow, in an environment of its own
# make lab      JupyterLab on the notebooks
# make bench    speed beside named peers: prints ratios, writes results/benchmarks.csv (half an hour
#               on 2 cores; ARGS=training for one, ARGS=--list for their names)
# Each builds .venv from environment.yml first if it is missing or older than environment.yml; bench
# builds .venv-bench, the same and PyTorch and OpenCV: 4 GB, more where pip takes the GPU build of it.

PROFILE ?= quick
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
JAX_TESTS := $(addprefix tests/test_,lab.py layers.py losses.py models.py metrics.py critic.py \
	nogan.py precision.py)
PINS := sed -n 's/^ *- \([a-z0-9-]*==[^ ]*\).*/\1/p' environment.yml

.PHONY: report test test-jax test-colab lab lint bench

report: .venv/ready
	$(PY) -m lib.study $(PROFILE) $(ARGS)

test: .venv/ready
	$(PY) -m pytest $(ARGS)

test-jax: .venv-jax/ready
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest $(JAX_TESTS) $(ARGS)

test-colab: .venv-colab/ready
	.venv-colab/bin/python tests/colab_release.py

lab: .venv/ready
	MALLOC_ARENA_MAX=1 $(PY) -m jupyterlab notebooks $(ARGS)

lint: .venv/ready
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

bench: .venv-bench/ready
	.venv-bench/bin/python tests/benchmarks $(ARGS)

.venv/ready: environment.yml
	$(PYTHON) -m venv .venv
	$(PINS) > .venv/requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r .venv/requirements.txt
	touch $@

.venv-colab/ready: tests/requirements-colab.txt
	$(PYTHON) -m venv .venv-colab
	.venv-colab/bin/python -m pip install --quiet --disable-pip-version-check \
		-r tests/requirements-colab.txt
	touch $@

.venv-jax/ready: environment.yml tests/requirements-jax.txt
	$(PYTHON) -m venv .venv-jax
	$(PINS) | grep -v tensorflow > .venv-jax/requirements.txt
	.venv-jax/bin/python -m pip install --quiet --disable-pip-version-check \
		-r .venv-jax/requirements.txt -r tests/requirements-jax.txt
	touch $@

.venv-bench/ready: environment.yml tests/benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	$(PINS) > .venv-bench/requirements.txt
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check \
		-r .venv-bench/requirements.txt -r tests/benchmarks/requirements.txt
	touch $@
