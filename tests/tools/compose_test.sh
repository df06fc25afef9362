#!/usr/bin/env bash
# Runs docker-compose.yml as it is: up, the README's curl, a query of the dashboard, down.
#
# It uses a container engine of its own, in a network namespace of its own: its data and sockets are
# in a temporary directory, and bridges, firewall rules and ports are seen by nobody else. No registry
# is needed: images are made here, under the names the compose file asks for, from programs of this
# machine and of Debian's packages. They are
#   envoy, redis, prometheus   the real programs
#   mock-llm                   the one this checkout builds
#   ratelimit                  tests/rls, which stands in for envoyproxy/ratelimit, if it is there
#   build                      looks whether what it would build is there (`make` has built it)
#   grafana                    says that it is healthy, and nothing more: no Grafana is in reach
# so what is tested is the file: services, mounts, ports, names, commands, and that they fit.
#
# Needs root, Debian, docker.io, docker-compose and iptables; without them it is skipped. It takes a
# minute, two on a busy machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD

skip() { echo "compose-test: skipped, $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "it has to be root to run an engine of its own"
command -v apt-get > /dev/null && command -v dpkg > /dev/null || skip "its images are made of Debian's packages"
install='apt-get install docker.io docker-compose iptables'
for program in dockerd docker iptables unshare; do
  command -v "$program" > /dev/null || skip "$program is missing ($install)"
done
# As a program of its own, or as a plugin of Docker's.
if command -v docker-compose > /dev/null; then
  compose() { docker-compose "$@"; }
elif docker compose version > /dev/null 2>&1; then
  compose() { docker compose "$@"; }
else
  skip "docker-compose is missing ($install)"
fi

if [ -z "${WEIR_COMPOSE_DIR:-}" ]; then
  unshare --net true 2> /dev/null || skip "it may not make a network namespace"
  dir=$(mktemp -d /tmp/weir-compose.XXXXXX)
  trap 'rm -rf "$dir" 2> /dev/null || true' EXIT
  trap 'exit 130' INT TERM
  chmod 755 "$dir"
  # A shell for the images, unpacked and not installed.
  mkdir -m 755 "$dir/debs"
  apt-cache show busybox-static > /dev/null 2>&1 || apt-get update -qq || true
  (cd "$dir/debs" && apt-get download busybox-static > "$dir/apt.log" 2>&1) ||
    skip "Debian's packages are out of reach: $(tail -n 1 "$dir/apt.log")"
  dpkg -x "$dir"/debs/busybox-static_*.deb "$dir/busybox"
  WEIR_COMPOSE_DIR=$dir unshare --net "$0"
  exit
fi

dir=$WEIR_COMPOSE_DIR
"$dir/busybox/bin/busybox" ip link set lo up
export DOCKER_HOST=unix://$dir/docker.sock DOCKER_BUILDKIT=0 COMPOSE_PROJECT_NAME=weir-compose-test
export DOCKER_CONFIG=$dir/config
engine=
finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$engine" ]; then
    [ "$status" = 0 ] || compose logs --no-color --tail 40 2>&1 | tail -n 200 || true
    compose down --volumes --timeout 2 > /dev/null 2>&1 || true
    kill "$engine" 2> /dev/null || true
    wait "$engine" 2> /dev/null || true
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir -p "$dir/config"
dockerd --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
  > "$dir/engine.log" 2>&1 &
engine=$!
for _ in $(seq 150); do
  docker info > /dev/null 2>&1 && break
  kill -0 "$engine" 2> /dev/null || break
  sleep 0.2
done
docker info > /dev/null 2>&1 || {
  reason=$(tail -n 1 "$dir/engine.log")
  kill "$engine" 2> /dev/null || true
  engine=
  skip "no engine can be started here: $reason"
}
echo "engine $(docker version --format '{{.Server.Version}}'), compose $(compose version --short)"

# image NAME ENTRYPOINT PROGRAM=PATH…: makes an image of programs, their libraries and a shell.
image() {
  local name=$1 entrypoint=$2 tree=$dir/tree pair library
  shift 2
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,etc,tmp,dev,proc,lib64,usr/local/bin}
  chmod 1777 "$tree/tmp"
  echo 'root:x:0:0:root:/:/bin/sh' > "$tree/etc/passwd"
  cp "$dir/busybox/bin/busybox" "$tree/bin/busybox"
  for applet in $("$tree/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
  done
  for pair in "$@"; do
    install -D -m 755 "${pair%%=*}" "$tree/${pair#*=}"
    while read -r library; do
      install -D -m 755 "$library" "$tree$library"
    done < <(LD_LIBRARY_PATH=$root/.tools/redis/lib ldd "${pair%%=*}" 2> /dev/null | grep -oE '/[^ ]+' | sort -u)
  done
  tar -C "$tree" -c . | docker import --change "ENTRYPOINT $entrypoint" --change 'ENV PATH=/usr/local/bin:/bin' \
    --change "ENV LD_LIBRARY_PATH=$root/.tools/redis/lib" - "$name" > /dev/null
  echo "image $name"
}
# What the file asks for, so that a new name there is a new name here.
wanted() { sed -nE "s|^    image: (.*$1.*)|\1|p" docker-compose.yml; }
redis=$(realpath .tools/redis/redis-server)
[ ! -x .tools/redis/server ] || redis=$root/.tools/redis/server
script() { printf '#!/bin/sh\n%s\n' "$2" > "$dir/$1"; echo "$dir/$1"; }

image "$(wanted rust:)" '[]' "$(script make 'test -f target/release/mock-llm && ls target/weir/model_router.wasm target/weir/pii_redact.wasm target/weir/token_limit.wasm target/weir/cost.wasm')"=bin/make
image "$(wanted envoyproxy/envoy:)" '[]' "$(realpath .tools/envoy)"=usr/local/bin/envoy
image "$(wanted debian:)" '[]' "$(realpath target/release/mock-llm)"=unused/mock-llm
# As in the official image, which is made so that other containers may ask it.
image "$(wanted redis:)" '["redis-server", "--protected-mode", "no"]' "$redis"=usr/local/bin/redis-server
image "$(wanted prom/prometheus:)" '["/bin/prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp/prometheus"]' \
  "$(realpath .tools/prometheus/prometheus)"=bin/prometheus
image "$(wanted grafana/)" '["/bin/grafana"]' "$(script grafana 'for file in provisioning/datasources/weir.yml provisioning/dashboards/weir.yml dashboards/weir.json; do
  test -s "/etc/grafana/$file" || exit 1
done
while :; do printf "HTTP/1.0 200 OK\r\n\r\n{\"database\": \"ok\"}" | nc -l -p 3000 > /dev/null; done')"=bin/grafana
echo "         which is a stand-in: no Grafana is in reach"
if [ -n "$(wanted ratelimit:)" ]; then
  image "$(wanted ratelimit:)" '[]' "$(realpath target/release/rls)"=bin/rls \
    "$(script ratelimit '# It wants an address, and has a name.
until redis=$(nslookup "${REDIS_URL%%:*}" | sed -nE "s/^Address: ([0-9.]+)$/\1/p" | tail -n 1) && [ -n "$redis" ]; do sleep 1; done
exec rls --listen 0.0.0.0:8081 --config "$RUNTIME_ROOT/$RUNTIME_SUBDIRECTORY/config/config.yaml" --redis "$redis:${REDIS_URL#*:}"')"=bin/ratelimit
  echo "         which is tests/rls in its place"
fi

# While there is an engine: it has to load the images of `make images`.
python3 tests/tools/images_test.py target/weir/model_router.wasm

compose up -d --no-build 2>&1 | sed 's/^/  /'
for _ in $(seq 150); do
  curl -fsS -o /dev/null http://localhost:9901/ready 2> /dev/null && break
  sleep 0.2
done

# The command of the README, as it stands there, until the mock is up.
ask=$(awk '/^\$ curl -s localhost:10000/ { sub(/^\$ /, ""); on = 1 } on { print; if (!/\\$/) exit }' README.md)
for _ in $(seq 50); do
  answer=$(bash -c "$ask" || true)
  [[ $answer == *'heard: Hello'* ]] && break
  sleep 0.2
done
echo "\$ $ask"
printf '%s\n' "$answer" | cut -c 1-160
[[ $answer == *'openai (gpt-4.1-mini) heard: Hello'* ]] || { echo "the README's curl has another answer" >&2; exit 1; }

# A rate takes two scrapes: some requests in between.
query='sum by (model) (rate(weir_tokens_total{type=~"input|output"}[1m])) > 0'
for _ in $(seq 60); do
  bash -c "$ask" > /dev/null
  result=$(curl -fsS http://localhost:9090/api/v1/query --data-urlencode "query=$query" 2> /dev/null || true)
  [[ $result == *'"model":"gpt-4.1-mini"'* ]] && break
  sleep 0.5
done
echo "\$ $query"
printf '%s\n' "$result" | cut -c 1-160
[[ $result == *'"model":"gpt-4.1-mini"'* ]] || { echo "Prometheus has no tokens by model" >&2; exit 1; }
rules=$(curl -fsS http://localhost:9090/api/v1/rules | grep -o '"name":"Weir[A-Za-z]*"' | sort -u | wc -l)
[ "$rules" = "$(grep -c '  - alert: ' envoy/observability/alerts.yml)" ] || { echo "Prometheus has $rules alerts" >&2; exit 1; }
echo "$rules alerts are loaded"
curl -fsS http://localhost:3000/api/health | grep -q ok || { echo "Grafana's files are not in their places" >&2; exit 1; }

if [ -n "$(wanted ratelimit:)" ]; then
  asked() { curl -fsS 'http://localhost:9901/stats?filter=^cluster.openai.ratelimit' | tr '\n' ' '; }
  stats=$(asked)
  echo "global limits: $stats"
  [[ $stats == *'ratelimit.ok: '[1-9]* ]] || { echo "the rate limit service was not reached" >&2; exit 1; }
fi
compose down --timeout 2 2>&1 | sed 's/^/  /'
echo "compose-test: passed"
