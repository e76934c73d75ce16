# Each target does all its own set-up. What a target does stands in tests/scripts.

.PHONY: help demo test test-all bench compare gpu-pack gpu-test gpu-bench sizes clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Compile the demo model, serve it, ask it one question over HTTP
	@tests/scripts/demo

test: ## Run every test: Rust, the official OpenAI clients, lints, formatting
	@tests/scripts/test

test-all: ## The same, and the slow ones: ignored tests, a minute of fuzzing
	@tests/scripts/test --all

bench: ## Measure speed: the demo model in three formats, then the kernels
	@tests/scripts/bench

compare: ## Measure against llama.cpp at full size by turns (builds it; 25 GB, half an hour)
	@benches/compare/run.py

gpu-pack: ## Build what a machine with a GPU and without Rust needs (target/gpu-pack; needs LLVM 22)
	@tests/scripts/gpu-pack

gpu-test: ## From that folder: check every kernel on the GPU of this machine
	@tests/scripts/gpu-test

gpu-bench: ## From that folder: measure on the GPU of this machine
	@tests/scripts/gpu-bench

sizes: ## Lines of Rust by crate, against their budgets
	@tests/scripts/sizes

clean: ## Remove everything that was built or installed here
	cargo clean
	rm -rf tests/clients/.venv tests/clients/node_modules tests/fuzz/target
