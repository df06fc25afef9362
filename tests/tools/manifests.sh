#!/usr/bin/env bash
# Checks the Kubernetes manifests of envoy/istio and envoy/envoy-gateway against the schemas of their
# resources, and that the check would find a field that no schema knows.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "skipped manifests: npm is missing"
  exit 0
fi
# The resources of Istio 1.29, Gateway API 1.5 and Envoy Gateway, as TypeScript and as validators.
wanted="@kubernetes-models/istio@3.0.1 @kubernetes-models/gateway-api@2.0.0
  @kubernetes-models/envoy-gateway@2.0.0 kubernetes-models@5.1.0 typescript@5.9.3 yaml@2.9.1"
tools=.tools/manifests
if [ "$(cat $tools/wanted 2>/dev/null)" != "$wanted" ]; then
  rm -rf $tools
  mkdir -p $tools
  echo '{"private": true, "type": "module"}' > $tools/package.json
  # They say they want a newer Node than they need.
  npm install --prefix $tools --silent --no-audit --no-fund --loglevel=error $wanted
  echo "$wanted" > $tools/wanted
fi
exec node tests/tools/manifests.mjs "$@"
