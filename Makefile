PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test slow fuzz lint wheel clean

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev,tensorboard,analysis,serve,ray,onnx,openvino]'
	touch $@

demo: setup
	$(BIN)/yolov3 demo

test: setup
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile

slow: setup
	$(BIN)/python -m pytest -m slow

fuzz: setup
	$(BIN)/python scripts/fuzz.py --seconds 3600 --processes $$(nproc)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy yolov3

wheel: setup
	rm -rf build  # else files that are no longer there would still be packed
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist *.egg-info
