#!/usr/bin/env bash
# Leaves a Redis server at .tools/redis/redis-server: $REDIS_SERVER, or the one on PATH, or Debian's
# package with the libraries it needs, unpacked there and not installed. Where none can be had, the
# tests that need one are skipped and say so; in CI that is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
home=.tools/redis
works() { "$1" --version >/dev/null 2>&1; }

works "$home/redis-server" && exit 0
rm -rf "$home"
mkdir -p "$home"

if [ -n "${REDIS_SERVER:-}" ]; then
  works "$REDIS_SERVER" || { echo "REDIS_SERVER=$REDIS_SERVER does not run" >&2; exit 1; }
  ln -s "$(realpath "$REDIS_SERVER")" "$home/redis-server"
  exit 0
elif on_path=$(command -v redis-server); then
  ln -s "$on_path" "$home/redis-server"
  exit 0
fi

fetch() (
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
  apt-cache show redis-tools >/dev/null 2>&1 || apt-get update -qq || return 1
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  # The C library is the system's; all others of the closure come along.
  libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances redis-tools | grep -E '^lib' | grep -vE '^(libc6|libcrypt1|libgcc)' | sort -u)
  cd "$download" || return 1
  # shellcheck disable=SC2086 # one word for each package
  apt-get -qq download redis-server redis-tools $libraries 2>apt.log || { cat apt.log >&2; return 1; }
  for package in *.deb; do dpkg -x "$package" unpacked || return 1; done
  # The server is a link into the tools' package.
  cp -L unpacked/usr/bin/redis-server server
  mkdir lib
  # Only what the system does not have: one that is brought along may bring up others.
  while missing=$(LD_LIBRARY_PATH=lib ldd server | awk '/not found/ { print $1; exit }') && [ -n "$missing" ]; do
    cp -L "$(find unpacked -name "$missing" -print -quit)" "lib/$missing" || return 1
  done
  cp -a lib server "$OLDPWD/$home/"
)

echo "fetching Redis from Debian"
if fetch; then
  cat > "$home/redis-server" <<'SH'
#!/bin/sh
home=$(dirname "$(realpath "$0")")
LD_LIBRARY_PATH="$home/lib" exec "$home/server" "$@"
SH
  chmod 755 "$home/redis-server"
  works "$home/redis-server" && exit 0
fi
rm -rf "$home"
echo "no Redis: tests that need one will be skipped" >&2
[ -z "${CI:-}" ]
