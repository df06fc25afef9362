#!/usr/bin/env bash
# Runs every test and says at the end how many there were, over all binaries.
set -euo pipefail
cd "$(dirname "$0")/../.."
log=target/test.log
mkdir -p target
status=0
cargo test --locked --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "\nweir: %d passed, %d failed\n", passed, failed }' "$log"
exit "$status"
