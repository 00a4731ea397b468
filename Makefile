# The commands of the project. They run on Debian 12; Debian 13 and Ubuntu 24.04 are untried (docs/platforms.md).
# Missing packages are installed first (scripts/bootstrap), into .venv/ or, as root, by apt. `make` alone lists the commands.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The deployment that `make verify` checks and `make packs` writes packs for
INVENTORY ?= inventories/lab
export INVENTORY

.PHONY: help lab lab-down test lint unit molecule rehearsal verify sabotage faults clients preflight audit unlock packs import diagnose status notices backup restore move windows-preview bench mutants venv docs translations requirements collection clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1 @ \2/p' $(MAKEFILE_LIST) | column -t -s@

lab: ## the lab on this machine: build it, deploy the exchange on it, make a transfer; POOL=1: three servers, two edges (root)
	@scripts/lab

lab-down: ## remove the lab and nothing else: POOL=1 (root)
	@scripts/lab_down

test: ## lint, unit tests and the molecule scenarios with their end-to-end transfers (root)
	@scripts/test

lint: ## yamllint, ruff, mypy, ansible-lint
	@scripts/test lint roles

unit: ## the unit tests
	@scripts/test unit

molecule: ## the molecule scenarios alone: RELEASE=bookworm (server and edge on another release), SCENARIO=pool (three servers, two edges) (root)
	@scripts/test molecule

rehearsal: ## README's "Point it at real hosts" as a new user, on plain hosts with SSH, from an empty folder to an upgrade (root; 15 minutes)
	@scripts/rehearsal

verify: ## the live checks, and the report reports/verify.html; INVENTORY=… and more: docs/verify.md (the lab: root)
	@scripts/verify

sabotage: ## faults put into the running lab, each must be caught and repaired: FAULT="tls or certificate" (root, 20 minutes)
	@scripts/sabotage

faults: ## kill, cut, pause and fill during runs of the lab; each must be repaired by the next run: FAULT="kill or disk" EVERY=5 (root, hours)
	@scripts/faults

audit: ## who changed what: the last runs, from the records on the hosts: INVENTORY=inventories/x CUSTOMER=x LAST=20
	@scripts/audit

unlock: ## take the lock of the exchange away from a run that was killed: INVENTORY=inventories/x
	@scripts/run playbooks/unlock.yml --inventory $(INVENTORY)

clients: ## real clients put, get, list and resume against the lab, and the table in docs/clients.md: CLIENT="curl or lftp" (root, half an hour)
	@scripts/clients

preflight: ## look at the inventory, all hosts and the directory before a first run, and change nothing: INVENTORY=inventories/x
	@scripts/run playbooks/preflight.yml --inventory $(INVENTORY)

packs: ## the customers' packs, in packs/: INVENTORY=inventories/x CUSTOMER=x ALL_FORMATS=1 DEADLINE=2027-03-01
	@scripts/packs

diagnose: ## why a customer cannot connect or transfer: CUSTOMER=x ACCOUNT=x ADDRESS=x INVENTORY=inventories/x (the lab: root)
	@scripts/diagnose

import: ## customer files from a table, beside those that exist: CSV=customers.csv INVENTORY=inventories/x DRY_RUN=1
	@scripts/import

status: ## all customers at a glance, in reports/status.html: QUERY='customers[].name' EDGE_REQUEST=1 INVENTORY=inventories/x (the lab: root)
	@scripts/status

notices: ## mails to operators and customers about what expires, fills up or went quiet: DRY_RUN=1 INVENTORY=inventories/x (the lab: root)
	@scripts/notices

backup: ## save what cannot be rebuilt, on servers and control node: INVENTORY=inventories/x CREATE=1 (the first time)
	@scripts/backup

restore: ## put it back: FOLDER=homes/acme while the service runs, or all of it onto empty hosts: SNAPSHOT=x INVENTORY=inventories/x
	@scripts/restore

move: ## to another server, while customers work; the last step interrupts them: INVENTORY=inventories/x PREPARE=1 (only copies)
	@scripts/move

windows-preview: INVENTORY := $(if $(filter file,$(origin INVENTORY)),inventories/example_windows,$(INVENTORY))
windows-preview: ## preview the arguments for each Windows host, in reports/windows/; contacts no host: INVENTORY=inventories/x
	@scripts/run playbooks/windows_preview.yml --inventory $(INVENTORY)

mutants: ## break the PowerShell modules on purpose, one place at a time, and check that the tests notice: MODULES=win_iis_settings EVERY=10
	@scripts/bootstrap
	@.venv/bin/python -m tests.windows.mutants --every $(or $(EVERY),1) $(MODULES)

bench: ## the benchmarks
	@scripts/bootstrap --lab
	@benchmarks/run

venv: ## the pinned tools in .venv/
	@scripts/bootstrap

collection: ## the collection ftps.exchange and its SBOM, in dist/: for an inventory in its own repository
	@scripts/collection

docs: venv ## write the generated references in docs/ again: roles, modules, filters, schemas, IIS, packs
	@.venv/bin/python -m scripts.reference_docs
	@.venv/bin/python -m ftps_exchange.schema docs/schema
	@.venv/bin/python -m ftps_exchange.iis.reference docs/iis.md
	@.venv/bin/python -m ftps_exchange.packs.reference docs/packs.md

translations: venv ## update the catalogues of packs, and list what is not translated
	@.venv/bin/python -m ftps_exchange.packs.catalogues

requirements: venv ## pin requirements*.txt from requirements*.in (with the oldest supported Python: 3.12)
	@scripts/pin_requirements

clean: ## remove .venv/, reports/ and caches; the lab stays
	@rm -rf .venv reports .ansible .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache src/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
