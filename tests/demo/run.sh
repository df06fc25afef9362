#!/usr/bin/env bash
# Starts the mock LLM and Envoy with envoy/quickstart/envoy.yaml on the ports wanted.
#   run.sh follow   until Ctrl-C, the logs following
#   run.sh demo     sends a few requests, says what happened, stops
set -euo pipefail
mode=$1
cd "$(dirname "$0")/../.."
port=${PORT:-10000} admin=${ADMIN_PORT:-9901} llm=${LLM_PORT:-18080}
dir=$(mktemp -d "${TMPDIR:-/tmp}/weir.XXXXXX")

children=()
stop() {
  trap - EXIT INT TERM
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT
trap 'echo; echo "stopping"; exit 0' INT TERM

sed -e "s/port_value: 10000\b/port_value: $port/" -e "s/port_value: 9901\b/port_value: $admin/" \
    -e "s/port_value: 18080\b/port_value: $llm/" -e "s/port_value: 18081\b/port_value: $((llm + 1))/" \
    -e "s/port_value: 18082\b/port_value: $((llm + 2))/" envoy/quickstart/envoy.yaml > "$dir/envoy.yaml"

target/release/mock-llm --listen "127.0.0.1:$llm=openai" --listen "127.0.0.1:$((llm + 1))=anthropic" \
  --listen "127.0.0.1:$((llm + 2))=gemini" > "$dir/mock.log" 2>&1 &
children+=($!)
.tools/envoy -c "$dir/envoy.yaml" --concurrency 2 --disable-hot-restart --file-flush-interval-msec 200 --log-level warning \
  --component-log-level wasm:info > "$dir/access.log" 2> "$dir/envoy.log" &
children+=($!)

ready() { curl -fsS -o /dev/null "http://127.0.0.1:$admin/ready" 2>/dev/null && curl -fsS -o /dev/null "http://127.0.0.1:$llm/healthz" 2>/dev/null; }
for _ in $(seq 100); do
  ready && break
  for child in "${children[@]}"; do
    kill -0 "$child" 2>/dev/null || { echo "did not start (is a port of $port, $admin, $llm-$((llm + 2)) taken?):" >&2; cat "$dir/mock.log" "$dir/envoy.log" >&2; exit 1; }
  done
  sleep 0.1
done
ready || { echo "not ready after 10 s:" >&2; cat "$dir/envoy.log" >&2; exit 1; }

base="http://127.0.0.1:$port"
if [ "$mode" = demo ]; then
  tests/demo/demo.sh "$base" "http://127.0.0.1:$admin" "$dir/access.log"
  exit
fi

cat <<EOF

Envoy $(.tools/envoy --version | sed -nE 's|.*/([0-9.]+)/.*|\1|p') with all four filters on $base, before a mock LLM. Try:

  curl -s $base/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}'

  curl -sN $base/v1/messages -H 'content-type: application/json' -H 'x-api-key: me' \\
    -d '{"model": "claude-sonnet-4", "max_tokens": 64, "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'

  curl -s $base/v1/models

Metrics: http://127.0.0.1:$admin/stats/prometheus?filter=weir    Ctrl-C stops. The logs follow.

EOF
tail -q -n +1 -F "$dir/envoy.log" "$dir/access.log" &
children+=($!)
wait "${children[1]}"
