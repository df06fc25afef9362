#!/usr/bin/env bash
# Puts a provider's key where envoy.yaml looks for it, or changes it while Envoy runs:
#   printf %s "$OPENAI_API_KEY" | envoy/providers/key.sh openai
# The file is moved into place whole, which is what Envoy notices.
set -euo pipefail
name=$1 dir=${WEIR_KEYS:-/etc/weir/keys}
key=$(cat)
umask 077
mkdir -p "$dir"
cat > "$dir/.$name.new" <<EOF
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: $name
    generic_secret: { secret: { inline_string: '${key//\'/\'\'}' } }
EOF
mv "$dir/.$name.new" "$dir/$name.yaml"
