# The commands of ReVACNN. `make` alone lists them.
# ARGS goes to the program, the tests or the comparison: make run ARGS="--dataset mnist"

# A toolchain installed in this login is not on the path yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help run test bench bench-embed pictures fmt

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-13s%s\n' "$$target" "$$text"; done

run: ## build it and open the workbench; installs what it needs to run
	@.ci/packages run
	cargo run --release -- $(ARGS)

test: ## run every test; installs what they need, a virtual display with it
	@.ci/packages test
	cargo test $(ARGS)

bench: ## measure it beside PyTorch, burn and ConvNetJS on this machine
	@.ci/packages run
	cargo build --release
	examples/peers/compare $(ARGS)

bench-embed: ## measure its t-SNE beside openTSNE, scikit-learn, manifolds-rs and tsnejs on this machine
	@.ci/packages run
	cargo build --release
	examples/peers/embed/compare $(ARGS)

pictures: ## draw the README's pictures again (trains two epochs without a window; the last two are those of tests)
	@.ci/packages run
	cargo build --release
	rm -rf target/pictures
	env -u DISPLAY -u WAYLAND_DISPLAY target/release/revacnn --out target/pictures --at-most 3600
	mkdir -p examples/pictures
	cp target/pictures/workbench.png target/pictures/network.png target/pictures/filters.png target/pictures/layouts.png examples/pictures/
	UPDATE_PICTURES=1 cargo test --test pictures --test workbench readme

fmt: ## format the code
	cargo fmt
