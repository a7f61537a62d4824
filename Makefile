# The two commands: `make run` plays a crisis and stays up; `make test` runs the tests.
# Both set themselves up. They need Python 3.11 or newer with venv, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python .ci/install.py

.PHONY: setup run test nightly lint bench messages docs release lock clean

setup: $(VENV)/ready-to-run  ## make .venv with stemtide in it

BUILT_FROM := pyproject.toml hatch_build.py $(wildcard src/stemtide/kernels/*.c src/stemtide/kernels/browser/*.c) $(wildcard src/stemtide/hub/locale/*/LC_MESSAGES/*.po)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Stemtide needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV): the first time takes some minutes" >&2
	@echo "  Making $(VENV)" >&2; $(PYTHON) -m venv $(VENV)

$(VENV)/packages: requirements.lock | $(BIN)/python
	@$(INSTALL) "What Stemtide needs" --require-hashes -r requirements.lock
	@touch $@

# Where there is no C++ compiler, the first list brings one.
$(VENV)/packages-of-tests: requirements.lock requirements-dev.lock $(if $(shell command -v c++),,$(VENV)/packages) | $(BIN)/python
	@$(INSTALL) "What the tests need" --rest-of requirements-dev.lock requirements.lock
	@touch $@

$(VENV)/ready-to-run: $(VENV)/packages $(BUILT_FROM)
	@$(INSTALL) "Stemtide itself" --no-build-isolation --no-deps -e .
	@touch $@

# Both lists of packages at the same time: on two cores they take little longer than one.
$(VENV)/ready-to-test: requirements.lock requirements-dev.lock $(BUILT_FROM)
	@$(MAKE) --silent --jobs=2 $(VENV)/ready-to-run $(VENV)/packages-of-tests
	@touch $@

run: $(VENV)/ready-to-run  ## a hub, three agents, a crisis; stays up until Ctrl-C
	@$(BIN)/stemtide demo

test: $(VENV)/ready-to-test  ## every test but the long ones; names what it leaves out
	@$(BIN)/python -m tests.everything

nightly: $(VENV)/ready-to-test  ## the long tests too, all of the hub on both databases, another order
	@$(BIN)/python -m tests.everything --nightly

# What the oldest Python lacks. A newer one has a newer numpy, whose types that one cannot read.
AS_OLDEST := --python-version 3.11 --no-warn-unused-ignores \
  --disable-error-code call-overload --disable-error-code arg-type

lint: $(VENV)/ready-to-test  ## style, types, import contracts, templates, migrations
	$(BIN)/ruff format --check src tests benchmarks hatch_build.py
	$(BIN)/ruff check src tests benchmarks hatch_build.py
	$(BIN)/lint-imports
	$(BIN)/mypy src
	$(BIN)/python -c "import sys; sys.exit(sys.version_info >= (3, 12))" || $(BIN)/mypy src $(AS_OLDEST)
	$(BIN)/djlint --check --lint src/stemtide/hub/desk/templates
	STEMTIDE_DATA_DIR=$$(mktemp -d) $(BIN)/python -m django makemigrations --check --dry-run --settings stemtide.hub.settings

bench: $(VENV)/ready-to-test  ## measure against the bars; prints ratios
	@$(BIN)/python -m benchmarks

messages: $(VENV)/ready-to-test  ## collect the texts that people see, for translators
	@$(BIN)/python -m tests.house.messages

docs: $(VENV)/ready-to-test  ## build the site of the documentation, which the hub serves at /docs
	@$(BIN)/python docs/build.py

release: $(VENV)/ready-to-test  ## wheels for two kinds of processor, sources, components and sums, in dist
	@$(BIN)/python .ci/release.py dist

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock:  ## renew the lock files (needs uv): of a checkout, of its tests, and of what a release installs
	$(LOCK) --extra hub --extra agent --extra demo --extra build -o requirements.lock pyproject.toml
	$(LOCK) --extra hub --extra agent --extra demo --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(LOCK) --extra hub -c requirements.lock -o deploy/hub.lock pyproject.toml
	$(LOCK) --extra agent -c requirements.lock -o deploy/agent.lock pyproject.toml

clean:  ## remove what setup and the tests made
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
