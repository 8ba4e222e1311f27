# One command for each thing one does here. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV := tools/uv
FIRST_TIME := echo "The first time, this fetches packages and compiles Rust: 2 to 5 minutes without output."
PY := .venv/bin/python
BIN := .venv/bin
SYNC_FLAGS := --quiet --locked
export UV_PYTHON_DOWNLOADS ?= never
export UV_NO_PROGRESS ?= 1
export PYTHONDONTWRITEBYTECODE ?=

# Tests of one file run in one process, files on every core; PARALLEL= runs them one after the other.
PARALLEL ?= --numprocesses auto --dist loadfile
# Networks of processes wait for timeouts much of the time: three at a time keep two cores busy.
PARALLEL_NET ?= --numprocesses 3 --dist loadfile
# make test ROOM=crypto: one room. make test ARGS='-x -k word': more for pytest.
ROOM ?=
ARGS ?=
# The rooms whose results must not depend on the interpreter: tested on every interpreter from 3.11 on that the machine has.
DETERMINISTIC := model crypto merkle pki proof state contracts modules ledger
# make demo DIR=/some/folder: the folder whose files are anchored, 1,000 at least. Default: the Python installation's own tree.
DIR ?=
# make demo-net ENGINE=etcd: the crash-tolerant engine.
ENGINE ?= cometbft
# Seconds for each fuzz target in make test-long.
FUZZ_SECONDS ?= 60
# Seeds of make simulate, and the first of them.
SEEDS ?= 100
FIRST ?= 0

.PHONY: help setup setup-tools engines abci-protos demo demo-net test test-others test-net simulate test-long test-lowest fuzz lint format bench docs requirements clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: ROOM=crypto (test), ARGS='-x' (pytest), DIR=folder of 1,000 files or more (demo), FUZZ_SECONDS=60 (test-long), SEEDS=1000 FIRST=0 (simulate), PART=ledger (requirements)"

setup: ## make .venv with everything that is needed; quick when nothing changed
	@$(if $(wildcard .venv),,$(FIRST_TIME))
	@$(UV) sync $(SYNC_FLAGS)

# What the linters and the documents' tools need, without compiling native/.
setup-tools:
	@$(UV) sync $(SYNC_FLAGS) --inexact --no-install-package govchain-native

# The external engines: folder of engines/ and the package that becomes engines/bin/FOLDER.
ENGINES := cometbft=github.com/cometbft/cometbft/cmd/cometbft etcd=.
GO := go

engines: $(foreach engine,$(ENGINES),engines/bin/$(firstword $(subst =, ,$(engine)))) ## build the external engines, pinned in engines/, into engines/bin

engines/bin/%: engines/%/go.mod engines/%/go.sum $(wildcard engines/*/*.go)
	@command -v $(GO) >/dev/null || { echo "make engines: Go 1.26 or later is not on the PATH" >&2; exit 2; }
	@echo "building $@ (a minute or two)"
	@mkdir -p engines/bin
	@cd engines/$* && CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false" $(GO) build -o ../bin/$*.new \
	  $(patsubst $*=%,%,$(filter $*=%,$(ENGINES)))
	@mv engines/bin/$*.new $@

abci-protos: ## the Python form of the engine's messages anew, from the pinned module's .proto files
	@UV_PROJECT_ENVIRONMENT=.venv-protos $(UV) sync $(SYNC_FLAGS) --only-group protos
	@.venv-protos/bin/python -m tools.abci_protos --write

demo: setup ## a chain, 1,000 and more files, a package, its verification and a refused forgery
	@rm -rf .demo
	@$(BIN)/govchain demo --dir .demo --verifier "$(CURDIR)/tools/verify_package.py" $(if $(DIR),--files "$(DIR)")

demo-net: setup engines ## four organisations, one ledger, a killed node, the same blocks everywhere (ENGINE=etcd: three, Raft)
	@rm -rf .demo-net
	@$(BIN)/govchain demo net --engine $(ENGINE) --dir .demo-net --verifier "$(CURDIR)/tools/verify_package.py" $(if $(DIR),--files "$(DIR)")

test: setup ## all tests but the long ones and those that start engines; then the deterministic rooms on the machine's other interpreters
	@if [ -n "$(ROOM)" ] && [ ! -d "tests/$(ROOM)" ]; then echo "make test: there is no tests/$(ROOM)" >&2; exit 2; fi
	@$(PY) -m pytest -m "not long and not net" $(PARALLEL) $(if $(ROOM),tests/$(ROOM)) $(ARGS)
	@$(MAKE) test-others ROOM="$(ROOM)" ARGS="$(ARGS)"

test-others: setup
	@rooms="$(wildcard $(addprefix tests/,$(if $(ROOM),$(filter $(ROOM),$(DETERMINISTIC)),$(DETERMINISTIC))))"; \
	[ -n "$$rooms" ] || exit 0; \
	failed=""; \
	while read -r version python; do \
	  echo "== Python $$version: $$rooms"; \
	  { UV_PROJECT_ENVIRONMENT=".venv-$$version" $(UV) sync $(SYNC_FLAGS) --python "$$python" \
	    && ".venv-$$version/bin/python" -m pytest -q -m "not long and not net" $(PARALLEL) $$rooms $(ARGS); } </dev/null || failed="$$failed $$version"; \
	done < <($(PY) -m tools.interpreters); \
	[ -z "$$failed" ] || { echo "make test: failed on Python$$failed" >&2; exit 1; }

test-net: setup engines ## the tests that start external engines as processes on loopback
	@GOVCHAIN_ENGINES="$(CURDIR)/engines/bin" $(PY) -m pytest -m "net and not long" $(PARALLEL_NET) $(if $(ROOM),tests/$(ROOM)) $(ARGS)

simulate: setup ## replicas in one process under seeded faults: SEEDS=1000 of them from FIRST=0
	@$(PY) -m tests.simulator --seeds $(SEEDS) --first $(FIRST)

test-long: setup engines ## every test, with more repetitions, 1,000 seeds of the simulator, then each fuzz target for FUZZ_SECONDS
	@GOVCHAIN_TEST_LONG=1 $(PY) -m pytest -m "not net" --timeout 3600 $(if $(ROOM),tests/$(ROOM)) $(ARGS)
	@GOVCHAIN_TEST_LONG=1 GOVCHAIN_ENGINES="$(CURDIR)/engines/bin" $(PY) -m pytest -m net --timeout 3600 $(if $(ROOM),tests/$(ROOM)) $(ARGS)
	@$(MAKE) simulate SEEDS=1000
	@$(MAKE) test-others ROOM="$(ROOM)" ARGS="$(ARGS)"
	@$(MAKE) fuzz

fuzz: ## each fuzz target for FUZZ_SECONDS
	@UV_PROJECT_ENVIRONMENT=.venv-fuzz $(UV) sync $(SYNC_FLAGS) --group fuzz
	@.venv-fuzz/bin/python -m tools.fuzz --seconds $(FUZZ_SECONDS)

test-lowest: ## the tests with the lowest dependency versions that pyproject.toml allows
	@$(UV) venv --quiet --clear .venv-lowest
	@$(UV) pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --group dev --editable .
	@$(UV) pip list --python .venv-lowest/bin/python
	@# The project's own tools are tested with the locked linters only.
	@.venv-lowest/bin/python -m pytest -m "not long and not net" $(PARALLEL) --requirements-record=none \
	  --ignore tests/house --ignore tests/tidy $(if $(ROOM),tests/$(ROOM)) $(ARGS)

lint: setup-tools ## ruff, mypy, the import arrows, the tidy rules: every step, then whether one failed
	@failed=""; \
	$(BIN)/ruff check . || failed="$$failed ruff-check"; \
	$(BIN)/ruff format --check . || failed="$$failed ruff-format"; \
	$(BIN)/mypy || failed="$$failed mypy"; \
	$(BIN)/lint-imports || failed="$$failed imports"; \
	$(PY) -m tools.tidy || failed="$$failed tidy"; \
	if [ -f native/Cargo.toml ]; then (cd native && cargo fmt --check) || failed="$$failed cargo-fmt"; fi; \
	[ -z "$$failed" ] || { echo "make lint: failed:$$failed" >&2; exit 1; }

format: setup-tools ## let ruff and cargo format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@if [ -f native/Cargo.toml ]; then cd native && cargo fmt; fi

bench: setup ## the benches of SM2, the ledger and the API, as JSON under .bench/ and as tables
	@mkdir -p .bench
	@$(BIN)/govchain bench sm2 --force --json-file .bench/sm2.json
	@$(BIN)/govchain bench ledger --force --json-file .bench/ledger.json
	@$(BIN)/govchain bench api --force --json-file .bench/api.json

docs: setup ## dead links, missing sections and outdated commands in the documents
	@$(PY) -m tools.check_docs
	@$(PY) -m tools.api_docs --check

requirements: setup-tools ## which requirements have a passing test, part by part (PART=ledger, JSON=1)
	@$(PY) -m tools.requirements $(if $(PART),--part $(PART)) $(if $(JSON),--json)

clean: ## remove what the targets made
	@rm -rf .venv .venv-* .demo .demo-net .bench .fuzz .requirements-shown.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis engines/bin dist
