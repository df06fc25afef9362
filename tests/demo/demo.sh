#!/usr/bin/env bash
# Sends a handful of requests through a running chain and prints what happened. Fails when
# something else happened than should.
set -euo pipefail
base=$1 admin=$2 log=$3
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# ask TITLE PATTERN CURL-ARGUMENTS…: the answer, headers included, must match the pattern.
ask() {
  local title=$1 pattern=$2
  shift 2
  printf '\n\033[1m%s\033[0m\n' "$title"
  curl -sS -i --max-time 10 "$@" | tr -d '\r' > "$answer"
  grep -E '^HTTP|^x-mock-name|^x-ratelimit-remaining|^x-should-retry|^x-ai-cost' "$answer" | sed 's/^/  /'
  sed -e '1,/^$/d' "$answer" | cut -c 1-200 | head -n 12 | sed 's/^/  /'
  grep -qE "$pattern" "$answer" || { echo "expected: $pattern" >&2; cat "$answer" >&2; exit 1; }
}
json=(-H 'content-type: application/json')
user='"messages": [{"role": "user", "content": "Hello"}]'

ask 'The alias "fast" goes to gpt-4.1-mini; the answer names what was asked for' '"model":"fast"' \
  "$base/v1/chat/completions" "${json[@]}" -d "{\"model\": \"fast\", $user}"
ask 'Anthropic, streaming: another model, another upstream' '^x-mock-name: anthropic' -N \
  "$base/v1/messages" "${json[@]}" -d "{\"model\": \"claude-sonnet-4\", \"max_tokens\": 64, \"stream\": true, $user}"
ask 'Gemini: the model stands in the path' '^x-mock-name: gemini' \
  "$base/v1beta/models/gemini-2.5-flash:generateContent" "${json[@]}" -d '{"contents": [{"parts": [{"text": "Hello"}]}]}'
ask '"auto": the cheapest model that fits' '"model":"auto"' \
  "$base/v1/chat/completions" "${json[@]}" -d "{\"model\": \"auto\", $user}"
ask 'An e-mail address: the model never sees it, and its answer still names it' 'heard: mail jane.roe@example.org' \
  "$base/v1/chat/completions" "${json[@]}" -d '{"model": "fast", "messages": [{"role": "user", "content": "mail jane.roe@example.org"}]}'
ask 'A secret: refused' 'PASSWORD: 1' \
  "$base/v1/chat/completions" "${json[@]}" -d '{"model": "fast", "messages": [{"role": "user", "content": "password: Tr0ub4dor&3"}]}'
ask 'Every answer says what is left of the limits' '^x-ratelimit-remaining-tokens: [0-9]+' \
  "$base/v1/chat/completions" "${json[@]}" -d "{\"model\": \"fast\", \"max_tokens\": 100, $user}"
ask 'And what it has cost, in US dollars' '^x-ai-cost-usd: 0\.0000' \
  "$base/v1/chat/completions" "${json[@]}" -H 'authorization: Bearer sk-demo' -d "{\"model\": \"fast\", $user}"
ask 'More than the hourly limit of Gemini allows: 429, and no use in trying again' '^x-should-retry: false' \
  "$base/v1beta/models/gemini-2.5-flash:generateContent" "${json[@]}" \
  -d '{"contents": [{"parts": [{"text": "Hello"}]}], "generationConfig": {"maxOutputTokens": 4000}}'
ask 'A model nobody declared: 404, in the shape of the API' 'model_not_found' \
  "$base/v1/chat/completions" "${json[@]}" -d "{\"model\": \"gpt-9\", $user}"
ask 'A second "model" key: refused, for who knows which one the upstream would read' "given more than once" \
  "$base/v1/chat/completions" "${json[@]}" -d "{\"model\": \"fast\", \"model\": \"gpt-4.1\", $user}"
ask 'What is no AI request is sent to no provider' '^HTTP.* 404' "$base/v1/files" -X POST -d x
ask 'The list of models' '"id":"gpt-4.1-mini"' "$base/v1/models"

printf '\n\033[1mWhat Prometheus sees\033[0m\n'
curl -sS "$admin/stats/prometheus?filter=weir_requests" | grep '^weir_requests_total' | sed 's/^/  /' | tee "$answer"
grep -q 'filter="model-router".*model="gpt-4.1-mini".*} 6$' "$answer" || { echo "expected six requests to gpt-4.1-mini" >&2; exit 1; }
curl -sS "$admin/stats/prometheus?filter=weir_tokens" | grep '^weir_tokens_total' | sed 's/^/  /' | tee "$answer"
grep -q 'model="gpt-4.1",identity="other",type="input",source="usage"' "$answer" || { echo "expected tokens of gpt-4.1" >&2; exit 1; }
curl -sS "$admin/stats/prometheus?filter=weir_cost" | grep '^weir_cost_picousd_total' | sed 's/^/  /' | tee "$answer"
grep -q 'model="gpt-4.1",provider="openai",identity="other"' "$answer" || { echo "expected a cost of gpt-4.1" >&2; exit 1; }
curl -sS "$admin/stats/prometheus?filter=weir_redactions" | grep '^weir_redactions_total' | sed 's/^/  /' | tee "$answer"
grep -q 'type="EMAIL".*} 1$' "$answer" || { echo "expected an e-mail address" >&2; exit 1; }

printf '\n\033[1mWho has spent what: make report LOG=…\033[0m\n'
for _ in $(seq 50); do grep -q '"path":"/v1/models"' "$log" && break; sleep 0.1; done
make --no-print-directory report LOG="$log" | tee "$answer" | sed 's/^/  /'
grep -qE '^gpt-4.1-mini +6 +0 ' "$answer" || { echo "expected six priced requests to gpt-4.1-mini" >&2; exit 1; }
printf '\nAll as expected.\n'
