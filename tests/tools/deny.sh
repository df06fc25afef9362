#!/usr/bin/env bash
# Licences, sources and dependency rules of deny.toml. Needs no network but the registry; the
# advisory database is not there, so advisories are not checked.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.20.2
if [ "$(.tools/bin/cargo-deny --version 2>/dev/null)" != "cargo-deny $version" ]; then
  echo "building cargo-deny $version"
  cargo install --quiet --locked --debug --root .tools --target-dir target/tools "cargo-deny@$version"
fi
.tools/bin/cargo-deny --locked --log-level error check bans licenses sources
