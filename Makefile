# What can be done in this clone. All that it makes lies below .venv and var; `make run` and `make test` install what
# they need, as root or by sudo.
PYTHON ?= python3
DRIVERS ?= auto
HTTP ?= 127.0.0.1:8080
HTTPS ?= 127.0.0.1:8443
DESTDIR ?=
PREFIX ?= /opt/xapid
export PYTHON

PREPARE := make.d/prepare.sh
BIN := .venv/bin
NEITHER_ROOT_NOR_QEMU := not libvirt and not root and not slow and not lab and not xen and not spare

.DEFAULT_GOAL := help
.PHONY: help install run stop clean unit test check bench fuzz load proof docs migration lab-test install-host

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: ## Make .venv/bin/xapid; needs Python 3.11 and no root
	@$(PREPARE) venv

run: ## Start the daemon, say how to reach it, stay until Ctrl-C; DRIVERS=sim needs no root
ifneq ($(DRIVERS),sim)
	@$(PREPARE) guests
	@$(PREPARE) venv libvirt client
else
	@$(PREPARE) venv client
endif
	@$(BIN)/python make.d/run.py up --http $(HTTP) --https $(HTTPS) --drivers $(DRIVERS)

stop: ## Stop the daemon of `make run`; guests run on
	@[ ! -d var ] || [ ! -x $(BIN)/python ] || $(BIN)/python make.d/run.py stop

clean: ## Stop it, end its guests, and remove all that it kept
	@[ ! -d var ] || { $(PREPARE) venv && $(BIN)/python make.d/run.py clean; }

unit: ## Tests that need neither root nor QEMU: five minutes on two processors
	@$(PREPARE) venv dev
	@$(BIN)/pytest -q -n auto -m "$(NEITHER_ROOT_NOR_QEMU)" tests

test: ## All tests but those of the lab; installs what they need
	@make.d/test.sh

check: ## Lint, types, and who may import whom
	@$(PREPARE) venv dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_layering.py

bench: ## Speed, as ratios to a baseline of the same run; QUICK=1: rougher, in two minutes
	@$(PREPARE) venv dev
	@for each in tests/bench/bench_*.py; do $(BIN)/python -m tests.bench.$$(basename $$each .py) $(if $(QUICK),--quick) || exit; done

fuzz: ## Attack what reads bytes of clients, and every message; FUZZ="--seconds 60 json", see tests/fuzz
	@$(PREPARE) venv dev
	@$(BIN)/python -m tests.fuzz $(FUZZ)

load: ## Many clients for a while, with kill -9 now and then; LOAD="--clients 200 --seconds 3600 --kill 300"
	@$(PREPARE) venv dev
	@$(BIN)/python -m tests.load $(LOAD)

proof: ## Run what shows each point of the first issue, and say ok or FAIL
	@$(PREPARE) venv dev
	@$(BIN)/python make.d/proof.py

docs: ## Write the pages that are made from the code, and build/docs/html with the reference
	@$(PREPARE) venv dev
	$(BIN)/python -c 'from xapid.runtime.config import sample_file; print(sample_file(), end="")' >etc/xapid.toml
	$(BIN)/python -m tests.coverage_page
	$(BIN)/sphinx-build -q -W --keep-going -j auto -d build/docs/read -b html docs build/docs/html
	$(BIN)/sphinx-build -q -W --keep-going -d build/docs/read -b man docs build/docs/man
	cp build/docs/man/xapid.8 build/docs/man/xapid.toml.5 docs/man/

migration: ## Write a migration from what changed in the datamodel; M="what changed"
	@$(PREPARE) venv dev
	@$(BIN)/python make.d/migration.py "$(M)"

lab-test: ## Tests on virtual hosts; needs root
	@$(PREPARE) guests
	@$(PREPARE) venv dev libvirt
	@$(BIN)/pytest -q -m lab tests

install-host: ## Install for systemd: PREFIX and /etc/xapid, below DESTDIR
	@make.d/install_host.sh "$(DESTDIR)" "$(PREFIX)"
