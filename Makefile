# make demo    install the runtime into .venv and make demo.mp4
# make test    install everything for development into .venv, then lint, types, tests
# make lint    ruff and mypy only
# make bench   speed and memory
# Another interpreter: make PYTHON=python3.13 test
.POSIX:
.SUFFIXES:

PYTHON = python3
VENV = .venv
LOCK = constraints/constraints.txt
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
TORCH = 2.13.0
TORCH_CPU_INDEX = https://download.pytorch.org/whl/cpu

demo: $(VENV)/runtime.stamp
	$(VENV)/bin/mssync demo -o demo.mp4 --force

test: lint
	$(VENV)/bin/python -m pytest

lint: $(VENV)/dev.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/runtime.stamp
	$(VENV)/bin/python benchmarks/speed.py
	$(VENV)/bin/python benchmarks/memory.py

clean:
	rm -rf $(VENV) build dist src/mssync.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mssync needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: $(VENV)/bin/python pyproject.toml $(LOCK)
	$(PIP) install -q -c $(LOCK) -e .
	touch $@

# On Linux the package index serves torch with several GB of CUDA: take the CPU build, from an index that the user
# has set up, else from PyTorch's own, else do with what there is. Elsewhere the plain package is the CPU build.
$(VENV)/dev.stamp: $(VENV)/bin/python pyproject.toml $(LOCK)
	if [ "$$(uname -s)" = Linux ]; then \
	  $(PIP) install -q --no-deps torch==$(TORCH)+cpu 2>/dev/null || \
	  $(PIP) install -q --no-deps --retries 1 --index-url $(TORCH_CPU_INDEX) torch==$(TORCH) || \
	  echo "no CPU build of torch in reach; the package index decides"; \
	fi
	$(PIP) install -q -c $(LOCK) -e '.[dev]'
	touch $@ $(VENV)/runtime.stamp

.PHONY: demo test lint bench clean
