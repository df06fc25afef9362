# Every command of the project; CI runs nothing else. `make` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# A module and the package that makes it. A workspace build would mix features, so each is
# built alone. The crates are ordinary libraries, of which only this makes modules: were they
# `cdylib`s themselves, the bundle's build would overwrite each filter's.
MODULES      := model_router=model-router pii_redact=pii-redact token_limit=token-limit cost=cost weir=weir
TEST_MODULES := probe=probe
WASM         := target/wasm32-wasip1/release
OUT          := target/weir
ENVOY_VERSION := 1.40.0
VERSION := $(shell sed -nE 's/^version = "(.*)"/\1/p' Cargo.toml | head -n 1)
# Where `make run` listens.
PORT       ?= 10000
ADMIN_PORT ?= 9901
LLM_PORT   ?= 18080

export WEIR_COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: run
run: filters envoy mock ## Build everything and run Envoy with the chain before a mock LLM
	@PORT=$(PORT) ADMIN_PORT=$(ADMIN_PORT) LLM_PORT=$(LLM_PORT) tests/demo/run.sh follow

.PHONY: demo
demo: filters envoy mock ## The same, but send a few requests, show what happens, and stop
	@PORT=$(PORT) ADMIN_PORT=$(ADMIN_PORT) LLM_PORT=$(LLM_PORT) tests/demo/run.sh demo

.PHONY: filters
filters: ## Build every module into target/weir
	@$(MAKE) --no-print-directory modules LIST="$(MODULES)"

.PHONY: modules
modules: rust
	@mkdir -p $(OUT)
	@for pair in $(LIST); do \
	  cargo rustc --quiet --locked --release --target wasm32-wasip1 --crate-type cdylib -p "$${pair#*=}"; \
	  cmp -s $(WASM)/"$${pair%=*}".wasm $(OUT)/"$${pair%=*}".wasm || \
	    install -m 644 $(WASM)/"$${pair%=*}".wasm $(OUT)/"$${pair%=*}".wasm; \
	done

.PHONY: envoy
envoy: ## Put a real Envoy at .tools/envoy
	@tests/tools/envoy.sh $(ENVOY_VERSION)

.PHONY: mock
mock: rust
	@cargo build --quiet --locked --release -p mock-llm

# A toolchain without the wasm target (rustup may be told not to install by itself).
.PHONY: rust
rust:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust by rustup, https://rustup.rs"; exit 1; }
	@[ -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-wasip1" ] || rustup target add wasm32-wasip1

.PHONY: test
test: filters envoy sdks redis prometheus ## Run every test, those in real Envoy included
	@$(MAKE) --no-print-directory modules LIST="$(TEST_MODULES)"
	@tests/tools/test.sh

.PHONY: chaos
chaos: filters envoy ## Faults that take long: slow streams, updates, CHAOS_MINUTES (1) of everything at once
	@$(MAKE) --no-print-directory modules LIST="$(TEST_MODULES)"
	CHAOS_MINUTES=$${CHAOS_MINUTES:-1} cargo test --locked -p weir-tests --test chaos -- --ignored --nocapture --test-threads=1

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZ_SECONDS (900), or FUZZ_TARGETS="sse limits"; needs a nightly toolchain
	@tests/tools/fuzz.sh

.PHONY: sdks
sdks:
	@tests/tools/sdks.sh

.PHONY: prometheus
prometheus: ## Put a real Prometheus at .tools/prometheus
	@tests/tools/prometheus.sh

.PHONY: compose-test
compose-test: filters envoy mock prometheus redis ## Run docker-compose.yml for real, in an engine of its own
	@cargo build --quiet --locked --release -p rls
	@tests/tools/compose_test.sh

.PHONY: redis
redis:
	@tests/tools/redis.sh

.PHONY: check
check: format lint deny docs imports manifests images-check demo test ## All that CI runs

.PHONY: format
format:
	cargo fmt --all --check

.PHONY: lint
lint: rust
	cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	cargo clippy --quiet --locked --target wasm32-wasip1 -p model-router -p pii-redact -p token-limit -p cost -p weir -p probe -- -D warnings

.PHONY: deny
deny: ## Check licences and dependency rules
	@tests/tools/deny.sh

.PHONY: manifests
manifests: ## Check the Kubernetes manifests against the schemas of their resources
	@tests/tools/manifests.sh

.PHONY: docs
docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps

.PHONY: imports
imports: filters ## Check what the modules import and how large they are
	@python3 tests/tools/wasm_budget.py $(foreach m,$(MODULES),$(OUT)/$(firstword $(subst =, ,$(m))).wasm)

.PHONY: images
images: filters ## Write each module as an OCI image, with checksums, into target/images
	@python3 tools/images/images.py target/images $(VERSION) $(WEIR_COMMIT) $(foreach m,$(MODULES),$(OUT)/$(firstword $(subst =, ,$(m))).wasm)

.PHONY: images-check
images-check: filters
	@python3 tests/tools/images_test.py $(OUT)/model_router.wasm $(OUT)/pii_redact.wasm

.PHONY: bench
bench: filters envoy mock ## Measure every chain in real Envoy into docs/benchmarks.md; QUICK=1 for a glance
	@$(MAKE) --no-print-directory modules LIST="$(TEST_MODULES)"
	@cargo build --quiet --locked --release -p weir-bench
	@target/release/weir-bench $(if $(QUICK),--quick) docs/benchmarks.md

.PHONY: tokens-independent
tokens-independent: rust ## Compare token counts with a tokenizer in JavaScript
	@tests/tools/tokens_independent.sh

.PHONY: prices
prices: ## Make the price table anew from LiteLLM's newest, or LITELLM=version; show what changed
	@python3 crates/prices/tools/refresh.py $(LITELLM)
	@mkdir -p target && tests/tools/litellm.sh
	@.tools/litellm/bin/python crates/prices/tools/golden.py crates/prices/data/prices.txt sample > target/golden.txt
	@mv target/golden.txt crates/prices/tests/golden.txt
	@echo "now look at what changed, then: cargo test -p weir-prices"

.PHONY: prices-check
prices-check: rust ## Compare the costs of all models with LiteLLM's own calculator
	@mkdir -p target; if tests/tools/litellm.sh; then \
	  .tools/litellm/bin/python crates/prices/tools/golden.py crates/prices/data/prices.txt all > target/golden-all.txt; \
	  WEIR_GOLDEN=$(CURDIR)/target/golden-all.txt cargo test --quiet --locked -p weir-prices --test golden -- --nocapture; \
	else echo "skipped prices-check: LiteLLM could not be installed"; fi

.PHONY: weirctl
weirctl: rust ## Build target/release/weirctl, which checks configurations and explains decisions
	@cargo build --quiet --locked --release -p weirctl

.PHONY: report
report: rust ## Spend by identity, model and provider in a JSON access log: LOG=path, default stdin
	@cargo run --quiet --locked --release -p weirctl -- report $(LOG)

.PHONY: schemas
schemas: ## Write the JSON Schemas of all configurations anew, and the README's table of PII types
	WEIR_UPDATE_SCHEMAS=1 cargo test --locked -p weir-tests --test suite schemas
	WEIR_UPDATE_SCHEMAS=1 cargo test --locked -p pii-redact --test readme

.PHONY: score-pii
score-pii: rust ## Score the PII scanner on the labelled set (ARGS="--misses EMAIL")
	@cargo run --quiet --locked -p pii-set -- $(ARGS)

.PHONY: pii-set
pii-set: rust ## Write the labelled PII set anew
	WEIR_UPDATE_PII_SET=1 cargo test --locked -p pii-set --test set

.PHONY: clean
clean: ## Remove everything built
	cargo clean
	rm -rf .tools
