#!/usr/bin/env bash
# Fuzzes each target in turn for FUZZ_SECONDS (default 900), or those that FUZZ_TARGETS names, with a
# nightly toolchain. What is found on the way goes to target/fuzz; only seeds and former crashes are
# committed. The input of a crash is left in fuzz/artifacts: give it a name, put it in the target's
# folder in fuzz/corpus, and `cargo test -p weir-laws` runs it from then on.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.13.2
if [ "$(.tools/bin/cargo-fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
  echo "building cargo-fuzz $version"
  cargo install --quiet --locked --debug --root .tools --target-dir target/tools "cargo-fuzz@$version"
fi
seconds=${FUZZ_SECONDS:-900}
read -ra targets <<<"${FUZZ_TARGETS:-$(sed -nE 's/^name = "([a-z]+)"$/\1/p' fuzz/Cargo.toml | tr '\n' ' ')}"
export RUSTUP_TOOLCHAIN=${FUZZ_TOOLCHAIN:-nightly}
# The flags of the workspace's own are for modules.
.tools/bin/cargo-fuzz build --target-dir target/fuzz/build
failed=()
for target in "${targets[@]}"; do
  found=target/fuzz/corpus/$target
  mkdir -p "$found"
  echo "fuzzing $target for $seconds seconds"
  log=target/fuzz/$target.log
  if .tools/bin/cargo-fuzz run --target-dir target/fuzz/build "$target" "$found" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -max_len=4096 -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1; then
    grep -E '^(stat::number_of_executed_units|#[0-9]+.*DONE)' "$log" || true
  else
    tail -n 40 "$log"
    failed+=("$target")
  fi
done
((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}"; exit 1; }
