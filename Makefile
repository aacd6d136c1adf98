PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.ready_for_docs

.PHONY: demo test test-oldest test-newest lint docs package audit setup clean

# The main job on a real scene: Indian Pines -> GeoTIFF -> Zarr -> windows, spectra, GeoTIFF, report, picture.
demo: $(READY)
	$(BIN)/python examples/demo.py demo

# Everything that is checked: style, types, tests. A process of one thread a core, each with the tests of whole files.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile

# The same package on both ends of what it supports, each in an environment of its own.
test-oldest test-newest: test-%:
	.ci/stack $*

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation as a site, in site/; a broken link or an unknown name fails.
docs: $(DOCS_READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The wheel and the sdist, in dist/, installed and tried in clean environments.
package:
	.ci/package

# Known vulnerabilities of the versions in constraints.txt; status 3 where no service can be reached.
audit:
	.ci/audit

setup: $(READY)

$(READY): pyproject.toml constraints.txt hatch_build.py $(wildcard xr_inr/core/kernels/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[fit,demo,bench,dev]'
	touch $(READY)

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $(DOCS_READY)

clean:
	rm -rf $(VENV) .venvs dist demo site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f xr_inr/core/kernels/_kernels*.so xr_inr/core/kernels/_kernels*.pyd
