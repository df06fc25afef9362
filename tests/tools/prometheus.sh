#!/usr/bin/env bash
# Leaves a real Prometheus and its promtool at .tools/prometheus: those beside $PROMETHEUS, or on
# PATH, or out of Debian's package, which is unpacked and not installed. Where none can be had, the
# tests that need one are skipped and say so; in CI that is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=.tools/prometheus
mkdir -p "$dir"

fetch() (
  command -v apt-get > /dev/null && command -v dpkg > /dev/null || return 1
  apt-cache show prometheus > /dev/null 2>&1 || apt-get update -qq || return 1
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  # apt fetches as a user of its own where it can.
  chmod 755 "$download"
  echo "fetching Prometheus from Debian"
  (cd "$download" && apt-get download prometheus > apt.log 2>&1) || { cat "$download/apt.log" >&2; return 1; }
  dpkg -x "$download"/prometheus_*.deb "$download/root" || return 1
  mv -f "$download/root/usr/bin/prometheus" "$download/root/usr/bin/promtool" "$dir"
)
take() { ln -sfn "$1" "$dir/prometheus"; ln -sfn "$2" "$dir/promtool"; }

if [ -n "${PROMETHEUS:-}" ]; then
  promtool=$(dirname "$(realpath "$PROMETHEUS")")/promtool
  [ -x "$promtool" ] || { echo "no promtool beside PROMETHEUS=$PROMETHEUS" >&2; exit 1; }
  take "$(realpath "$PROMETHEUS")" "$promtool"
elif [ -x "$dir/prometheus" ] && [ -x "$dir/promtool" ]; then
  exit 0
elif command -v prometheus > /dev/null && command -v promtool > /dev/null; then
  take "$(command -v prometheus)" "$(command -v promtool)"
elif ! fetch; then
  echo "no Prometheus: tests that need one will be skipped" >&2
  [ -z "${CI:-}" ]
  exit
fi
"$dir/prometheus" --version 2>&1 | sed -nE 's|^prometheus, version ([^ ]+).*|Prometheus \1 at .tools/prometheus|p'
