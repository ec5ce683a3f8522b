# Everlong: each target does all that it needs. `make` alone lists them.

PYTHON ?= python3.11
RUN_DIR ?= runs/demo
BIN := .venv/bin
# Any process may import TensorFlow, which must then use the Keras that TFX and TFRS know.
export TF_USE_LEGACY_KERAS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-avx2 lint format lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1 \t/p' $(MAKEFILE_LIST) | expand -t 12

setup:  ## make .venv from the lock file and check it (nothing to do the second time)
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON). Install Python 3.11," \
	  "or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) requirements/bootstrap.py

demo: setup  ## from a simulated log to a blessed, pushed model, in runs/demo
	$(BIN)/everlong run --config pipeline/configs/demo.yaml --output-dir $(RUN_DIR)

test: lint  ## style and types, then all tests; one of them: make test ARGS='-k name'
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	  --durations 15 $(ARGS)

test-avx2: export NPY_DISABLE_CPU_FEATURES := X86_V4 AVX512_ICL AVX512_SPR
test-avx2: export OPENBLAS_CORETYPE := Haswell
test-avx2: export ONEDNN_MAX_CPU_ISA := AVX2
test-avx2: export XLA_FLAGS := --xla_cpu_max_isa=AVX2
test-avx2: setup  ## all tests as on a CPU without AVX-512
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	  -k 'not mixed_precision and not half_precision' $(ARGS)

lint: setup  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## resolve setup.py into requirements/*.txt; newer versions: make lock ARGS=--upgrade
	$(PYTHON) requirements/lock.py $(ARGS)

clean:  ## remove what setup and the tools made (not runs/)
	rm -rf .venv .tools build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
