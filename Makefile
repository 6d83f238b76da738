# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo check test test-long test-mutants ansible-test test-matrix conformance nox bench docs build format changelog pins release clean

# Each target runs in .venv, which scripts/in-venv makes, and brings up to date with a pinned requirement file.
DEMO := @scripts/in-venv demo
BENCH := @scripts/in-venv bench
DEV := @scripts/in-venv dev
NOX := @scripts/in-venv nox nox

PIN := uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-annotate --no-emit-index-url \
	--custom-compile-command "make pins"

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## See the collection at work, without an account
	$(DEMO) env PYTHONPATH=tests/emulator python scripts/demo.py

check: ## Style, types and unit tests, in seconds
	$(DEV) python scripts/test.py check

test: ## Everything that has to pass
	$(DEV) python scripts/test.py test

test-long: ## What takes minutes: all of the fuzzing, trials run many times, downloads
	$(DEV) python scripts/test.py long

conformance: ## Ask the emulator what nobody has recorded of the cloud; or your cloud, see guide_conformance.rst
	$(DEMO) env PYTHONPATH=tests:tests/emulator:tests/namespace python -m conformance

test-mutants: ## Change the code in many places, one at a time, and count what the fast tests notice
	$(DEV) python tests/mutation/mutants.py

test-matrix: ## Sanity, unit and integration tests on every supported ansible-core
	$(NOX) --tags sanity tests

nox: ## What nox offers, or some of it: make nox SESSION="sanity-2.20 units-2.21" [ARGS="..."]
	$(NOX) $(if $(SESSION),--session $(SESSION),--list) $(if $(ARGS),-- $(ARGS))

ansible-test: ## Sanity, unit and integration tests as ansible-test runs them, on the oldest Python too
	$(DEV) python scripts/test.py ansible-test

bench: ## Measure, and write the tables and plots in docs/
	$(BENCH) python tests/benchmark/run.py
	$(BENCH) python scripts/figures.py

docs: ## Render the documentation to .build/docs/html
	$(DEV) python scripts/docs.py

build: ## Build the archive and install it below .build/collections
	$(DEMO) python scripts/build_collection.py

format: ## Format the code and fix what ruff can fix
	$(DEV) ruff format .
	$(DEV) ruff check --fix .

changelog: ## Put the fragments and new plugins into CHANGELOG.md, under the version of galaxy.yml
	$(DEV) antsibull-changelog release --update-existing --reload-plugins

pins: ## Pin the newest versions of what requirements/ names
	$(DEV) $(PIN) --output-file requirements/constraints.txt requirements/dev.txt
	$(DEV) $(PIN) --output-file requirements/nox/constraints.txt requirements/nox/nox.txt

release: ## Check, write the changelog, build and tag: make release VERSION=1.2.0
	$(DEV) python scripts/release.py --only-check "$(VERSION)"
	@$(MAKE) test
	$(DEV) python scripts/release.py "$(VERSION)"

clean: ## Remove everything that make has made
	rm -rf .build .venv .venv.lock
