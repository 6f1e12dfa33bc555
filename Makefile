# The menu of this repository. The first two are all that a newcomer needs.
.DEFAULT_GOAL := help
.PHONY: help quickstart test peers flakes reliability bench soak lint clippy deploy-check image-test fmt docs deny gate

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: ## see the main job done, with no account and no network
	cargo run --locked --example quickstart

# Tests wait more than they compute: two for each processor.
export RUST_TEST_THREADS ?= $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))

test: peers ## run every test, those against independent programs too
	cargo test --locked --all-features

peers: ## install the programs that tests/peers/ talks to, where missing
	scripts/peers

flakes: peers ## find tests that depend on luck: all of them 20 times on busy processors, 20 times on one (hours)
	scripts/flakes

reliability: ## repeat what docs/reliability.md reports, with its figures (some minutes)
	scripts/reliability

soak: ## a thousand passes of a daemon: does its memory grow, what does it cost idle? (some minutes)
	cargo bench --locked --bench soak

bench: ## compare with skopeo, regsync and crane, and with docs/performance.md's goals (some minutes)
	scripts/bench

lint: deploy-check clippy ## formatting, clippy and the files of deploy/, as the gate sees them

clippy: ## formatting and clippy alone
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings

deploy-check: peers ## check Dockerfile, deploy/ and workflows with tools that know their formats
	scripts/deploy-check

image-test: ## build the container image without a registry and run it (as root, on Debian; some minutes)
	scripts/image-test

fmt: ## format the code
	cargo fmt

# With the example, dependencies have the features that clippy has checked them with, and are not checked once more.
docs: ## build the documentation of the code, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features --lib --examples

deny: ## advisories, licences, bans and sources of all dependencies (needs cargo-deny and the network)
	cargo deny --locked check

gate: ## everything that a change has to pass
	.ci/run
