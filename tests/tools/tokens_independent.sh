#!/usr/bin/env bash
# Compares token counts with gpt-tokenizer, a tokenizer in JavaScript. No other check needs node,
# so without it this one is skipped, and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
wanted=gpt-tokenizer@4.0.0
for program in node npm; do
  command -v "$program" >/dev/null || { echo "tokens-independent: skipped, $program is missing"; exit 0; }
done
if [ "$(cat .tools/tokenizer/wanted 2>/dev/null)" != "$wanted" ]; then
  rm -rf .tools/tokenizer
  mkdir -p .tools/tokenizer
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix .tools/tokenizer "$wanted"
  echo "$wanted" > .tools/tokenizer/wanted
fi
cargo build --quiet --locked -p weir-tokens --example counts
target/debug/examples/counts | NODE_PATH=.tools/tokenizer/node_modules node crates/tokens/tests/independent.cjs
