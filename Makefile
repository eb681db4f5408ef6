# The one door: `make` lists what there is. Everything runs in .venv, which is made when it is first needed.
# Works with GNU make 3.81 (macOS) and later.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check -qq
UV := uv==0.13.9
SECONDS ?= 60

# These rooms decide what a prescriber sees: every line and every branch of them is tested.
PROVED := cds_service/clinical/*,cds_service/rules/*,cds_service/hooks/*,cds_service/fhir/*

# As many tests at a time as there are processors; those that start servers one after the other (tests/conftest.py).
SIDE_BY_SIDE := -n auto --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help serve check lint types layers test docs audit coverage golden bench soak burden mutation format lock wheel sbom clean

help: ## list these targets
	@echo "make <target>, where <target> is one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

serve: $(VENV)/.runtime ## run the service on http://127.0.0.1:8080 (settings: CDS_* variables)
	@$(RUN) -m cds_service serve

check: lint types layers test docs audit ## all that must hold before a change lands

lint: $(VENV)/.dev ## ruff and yamllint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m yamllint --strict .

types: $(VENV)/.dev ## mypy
	$(RUN) -m mypy

layers: $(VENV)/.dev ## which room may import what
	$(VENV)/bin/lint-imports --no-logo

test: $(VENV)/.dev ## the tests, and that they reach every branch of the rooms that decide
	$(RUN) -m pytest $(SIDE_BY_SIDE) --cov --cov-report=
	@$(RUN) -m coverage report --include='$(PROVED)' --fail-under=100

docs: $(VENV)/.dev ## the generated reference pages are current
	$(RUN) -m cds_service docs --check

audit: $(VENV)/.dev ## no known vulnerability or unwanted licence in what is shipped (AUDIT=strict: fail if nobody can be asked)
	@$(RUN) -m supply_chain.audit

coverage: $(VENV)/.dev ## what the tests reach, room by room, also as htmlcov/index.html
	$(RUN) -m pytest $(SIDE_BY_SIDE) -q --cov --cov-report=html
	@$(RUN) -m coverage report
	@$(RUN) -m coverage report --include='$(PROVED)' --fail-under=100

golden: $(VENV)/.dev ## write the answers of fixtures/ anew; read the diff as clinical text
	$(RUN) -m pytest tests/journeys --update-golden -q

bench: $(VENV)/.dev ## how fast the service answers
	$(RUN) -m benchmarks

soak: $(VENV)/.dev ## whether it lasts: SECONDS=60 of mixed, partly hostile load in production mode
	$(RUN) -m benchmarks.soak --seconds $(SECONDS)

burden: $(VENV)/.dev ## how often prescribers are interrupted, and whether rightly
	$(RUN) -m benchmarks.burden

mutation: $(VENV)/.dev ## whether the tests notice a rule that was changed
	$(RUN) -m benchmarks.mutation

format: $(VENV)/.dev ## format the code, and mend what ruff can mend
	$(RUN) -m ruff check --fix-only .
	$(RUN) -m ruff format .

lock: $(VENV)/.made ## pin what pyproject.toml asks for (UPGRADE=--upgrade: the newest of everything)
	@$(PIP) install $(UV)
	$(RUN) -m uv pip compile pyproject.toml --output-file requirements.txt $(UPGRADE) \
	    --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet
	$(RUN) -m uv pip compile pyproject.toml --group dev --constraints requirements.txt --output-file requirements-dev.txt $(UPGRADE) \
	    --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet

wheel: $(VENV)/.dev ## build dist/
	$(RUN) -m hatchling build

sbom: $(VENV)/.dev ## the bill of materials of what is shipped, dist/sbom.cdx.json (CycloneDX)
	@$(RUN) -m supply_chain.sbom

clean: ## remove all that was made here, .venv included
	rm -rf $(VENV) dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find cds_service tests benchmarks supply_chain -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The stamps: .made is the bare environment, .runtime has what the service needs, .dev also what its tests need.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "This needs Python 3.11 or newer, and \`$(PYTHON)\` is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	    echo "Name a newer one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.txt | $(VENV)/.made
	@echo "Installing what the service needs into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(VENV)/.made
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.runtime $@
