# The two commands that people type: `make demo` and `make test`. `make help` lists the others.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOLS := eval "$$(ops/toolchain.sh)"
DATA ?= headwater-data

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## Build the binary `headwater` (debug profile) and say where it is.
	@$(TOOLS); \
	echo "building headwater; the first time this takes some twenty minutes on two cores"; \
	cargo build --workspace --bins; \
	echo "built $$CARGO_TARGET_DIR/debug/headwater"

demo: build ## The whole story on real purchases; leaves a data folder in DATA.
	@$(TOOLS); "$$CARGO_TARGET_DIR/debug/headwater" demo --fresh --data "$(DATA)"

test: ## Every test, those with a real Kafka broker and a real S3 server too; says how many ran.
	@$(TOOLS); ops/test.sh

conformance: ## What takes an hour or two: the property tests with many cases, and the replay cases in every way.
	@$(TOOLS); ops/conformance.sh

lint: ## Formatting, clippy as errors, and the house rules.
	@$(TOOLS); cargo fmt --all --check; \
	cargo clippy --workspace --all-targets --quiet -- -D warnings; \
	cargo xtask tidy

readme: build ## Run every command of the README in a scratch folder.
	@$(TOOLS); ops/readme.sh

bench: ## The benchmarks, release build; needs another half hour the first time.
	@$(TOOLS); cargo xtask bench fold

install: build ## Put `headwater` into ~/.local/bin.
	@$(TOOLS); install -D "$$CARGO_TARGET_DIR/debug/headwater" "$$HOME/.local/bin/headwater"; \
	echo "installed $$HOME/.local/bin/headwater"

.PHONY: help build demo test conformance lint readme bench install
