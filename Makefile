# make demo    install the runtime into .venv and make demo.mp4
# make test    install everything for development into .venv, then lint, types, tests
# make lint    ruff and mypy only
# make bench   speed and memory
# make test-newest   the tests on the newest versions of everything, into .venv-newest
# make test-lowest   the tests on the lowest versions that pyproject.toml allows, into .venv-lowest (Python 3.11)
# Another interpreter: make PYTHON=python3.13 test
# Windows has no make: README.md and CONTRIBUTING.md have the same in commands of Python.
.POSIX:
.SUFFIXES:

PYTHON = python3
VENV = .venv
LOCK = constraints/constraints.txt
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
NEWEST_PIP = .venv-newest/bin/python -m pip --disable-pip-version-check
LOWEST_PIP = .venv-lowest/bin/python -m pip --disable-pip-version-check
TORCH = 2.13.0
TORCH_LOWEST = 2.6.0
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

test-newest: .venv-newest/stamp
	.venv-newest/bin/python -m pytest

test-lowest: .venv-lowest/stamp
	.venv-lowest/bin/python -m pytest

clean:
	rm -rf $(VENV) .venv-newest .venv-lowest build dist src/mssync.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mssync needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "this Python has no venv: install it first (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
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

# What an installation without our constraints gets today; `make clean` forgets it.
.venv-newest/stamp: pyproject.toml
	$(PYTHON) -m venv --clear .venv-newest
	if [ "$$(uname -s)" = Linux ]; then \
	  $(NEWEST_PIP) install -q --no-deps --retries 1 --index-url $(TORCH_CPU_INDEX) torch || \
	  $(NEWEST_PIP) install -q --no-deps torch==$(TORCH)+cpu 2>/dev/null || \
	  echo "no CPU build of torch in reach; the package index decides"; \
	fi
	$(NEWEST_PIP) install -q -e '.[dev]'
	$(NEWEST_PIP) freeze --exclude-editable > $@

# pip always takes the newest, so uv solves this one. The lowest versions have wheels for the oldest Python only.
.venv-lowest/stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "the lowest versions are for Python 3.11: make PYTHON=python3.11 test-lowest")'
	$(PYTHON) -m venv --clear .venv-lowest
	$(LOWEST_PIP) install -q uv
	if [ "$$(uname -s)" = Linux ]; then \
	  $(LOWEST_PIP) install -q --no-deps torch==$(TORCH_LOWEST)+cpu 2>/dev/null || \
	  $(LOWEST_PIP) install -q --no-deps --retries 1 --index-url $(TORCH_CPU_INDEX) torch==$(TORCH_LOWEST) || \
	  echo "no CPU build of torch in reach; the package index decides"; \
	fi
	.venv-lowest/bin/uv pip install -q -p .venv-lowest/bin/python --resolution lowest-direct -e '.[dev]' torch==$(TORCH_LOWEST)
	$(LOWEST_PIP) freeze --exclude-editable > $@

.PHONY: demo test test-newest test-lowest lint bench clean
