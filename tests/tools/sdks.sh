#!/usr/bin/env bash
# Leaves a Python environment with the official SDKs at .tools/sdks, for the tests that use them.
set -euo pipefail
cd "$(dirname "$0")/../.."
wanted="openai==3.* anthropic==2.*"
[ "$(cat .tools/sdks/wanted 2>/dev/null)" = "$wanted" ] && exit 0
rm -rf .tools/sdks
mkdir -p .tools
python3 -m venv .tools/sdks 2>/dev/null || {
  # Debian splits venv off; pip can install into a folder without it. What venv has begun must
  # go first: its bin/python is a link to the system's.
  rm -rf .tools/sdks
  python3 -m pip install --quiet --disable-pip-version-check --target .tools/sdks/lib $wanted
  mkdir -p .tools/sdks/bin
  printf '#!/bin/sh\nPYTHONPATH="%s" exec python3 "$@"\n' "$PWD/.tools/sdks/lib" > .tools/sdks/bin/python
  chmod 755 .tools/sdks/bin/python
}
[ -d .tools/sdks/lib/openai ] || .tools/sdks/bin/python -m pip install --quiet --disable-pip-version-check $wanted
echo "$wanted" > .tools/sdks/wanted
