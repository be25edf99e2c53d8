# The steps of .ci/run, by name.

# Format, lint and test: what a change must pass.
all: fmt lint proto test

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The README's test command: needs only Rust and a C compiler.
test:
    cargo test --workspace

# buf lint, and breaking changes against the main branch.
proto:
    cd proto && buf lint && buf breaking --against '../.git#branch=main,subdir=proto'

# Tests on real PostgreSQL and NATS servers. See CONTRIBUTING.md for the two URLs.
backends:
    .ci/backends

# Rewrites the checked-in snapshots: access matrix, costs, OpenAPI description, LIMITS.md.
snapshots:
    UPDATE_SNAPSHOTS=1 cargo test -p stoa-tests

# The chart: strict lint and every scenario rendered and checked.
helm:
    helm/check

ci:
    bash .ci/run

# Counts the lines of every room. `just figures DIR` does so for another checkout.
figures dir='.':
    python3 tests/figures/figures.py {{dir}}
