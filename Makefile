# Everything that people and the CI call. `make` lists it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Passed on to `ctutor dev`, for instance ARGS="--listen 127.0.0.1:9000".
ARGS ?=

target := $(or $(CARGO_TARGET_DIR),target)
playground := web/playground
playground_sources := $(addprefix $(playground)/,index.html package.json vite.config.js tsconfig.json) \
	$(shell find $(playground)/src -type f)

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: dev
dev: setup-dev $(playground)/dist/index.html ## Build and run everything in one process; ARGS="…" goes to `ctutor dev`
	cargo build --workspace --bin ctutor
	exec $(target)/debug/ctutor dev $(ARGS)

.PHONY: build
build: setup-dev $(playground)/dist/index.html ## Build the `ctutor` that is shipped
	cargo build --locked --profile dist --package ctutor
	@echo "built $(target)/dist/ctutor"

.PHONY: test
test: setup-test $(playground)/dist/index.html ## Run all tests
	cargo build --workspace --bins --tests --examples
	scripts/conformance
	cargo test --doc --workspace
	scripts/with-servers cargo nextest run --workspace

.PHONY: verify
verify: setup-verify $(playground)/dist/index.html lint test ## Run exactly what the CI runs

.PHONY: lint
lint: setup-verify $(playground)/dist/index.html ## Check format, spelling, dependencies, lints and documentation
	cargo fetch --locked
	cargo fmt --all --check
	$(playground)/node_modules/.bin/biome ci --error-on-warnings
	typos
	cargo machete --skip-target-dir
	cargo deny --log-level error check bans licenses sources
	cargo clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items

.PHONY: advisories
advisories: ## Look for known vulnerabilities of the dependencies (asks the network)
	cargo deny check advisories

.PHONY: playground
playground: $(playground)/dist/index.html ## Build the GraphQL playground, if its sources have changed

.PHONY: clean
clean: ## Remove what was built
	cargo clean
	rm -rf $(playground)/dist $(playground)/node_modules

.PHONY: setup-dev setup-test setup-verify
setup-dev:
	@scripts/setup dev
setup-test:
	@scripts/setup test
setup-verify:
	@scripts/setup verify

$(playground)/dist/index.html: $(playground_sources) $(playground)/node_modules/.package-lock.json
	cd $(playground) && npm run --silent build
	touch $@

$(playground)/node_modules/.package-lock.json: $(playground)/package-lock.json
	cd $(playground) && npm ci --no-audit --no-fund --loglevel=error
	touch $@
