# The menu of this repository. The first two are all that a newcomer needs.
.DEFAULT_GOAL := help
.PHONY: help quickstart test peers reliability bench lint fmt docs deny gate

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: ## see the main job done, with no account and no network
	cargo run --locked --example quickstart

test: peers ## run every test, those against independent programs too
	cargo test --locked --all-features

peers: ## install the programs that tests/peers/ talks to, where missing
	scripts/peers

reliability: ## repeat what docs/reliability.md reports, with its figures (some minutes)
	scripts/reliability

bench: ## compare with skopeo, regsync and crane, and with docs/performance.md's goals (some minutes)
	scripts/bench

lint: ## formatting and clippy, as the gate sees them
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings

fmt: ## format the code
	cargo fmt

docs: ## build the documentation of the code, warnings are errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features

deny: ## advisories, licences, bans and sources of all dependencies (needs cargo-deny and the network)
	cargo deny --locked check

gate: ## everything that a change has to pass
	.ci/run
