# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo check test ansible-test test-matrix bench docs build format changelog clean

# Each target runs in .venv, which scripts/in-venv makes from a pinned requirement file where it is missing or outdated.
DEMO := @scripts/in-venv demo
TEST := @scripts/in-venv test
DEV := @scripts/in-venv dev

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## See the collection at work, without an account
	$(DEMO) env PYTHONPATH=tests/emulator python scripts/demo.py

check: ## Style, types and unit tests, in seconds
	$(DEV) python scripts/check.py

test: ## Everything that has to pass
	$(DEV) python scripts/test.py

ansible-test: ## Sanity, unit and integration tests as ansible-test runs them
	$(DEV) python scripts/ansible_tests.py

test-matrix: ## Unit, integration and sanity tests on every supported ansible-core
	$(DEV) python scripts/matrix.py

bench: ## Measure, and write the tables and plots in docs/
	$(TEST) python tests/benchmark/run.py

docs: ## Render the documentation to .build/docs/html
	$(DEV) python scripts/docs.py

build: ## Build the archive and install it below .build/collections
	$(DEMO) python scripts/build_collection.py

format: ## Format the code and fix what ruff can fix
	$(DEV) ruff format .
	$(DEV) ruff check --fix .

changelog: ## Put the fragments and new plugins into CHANGELOG.md, under the version of galaxy.yml
	$(DEV) antsibull-changelog release --update-existing --reload-plugins

clean: ## Remove everything that make has made
	rm -rf .build .venv .venv.lock
