#!/usr/bin/env bash
# Makes what envoy.yaml needs in place of an identity provider and a certificate authority, in
# envoy/auth/demo: a key set and JWTs, an authority, a server's and clients' certificates.
# For trying out: the private keys lie beside what they sign.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf demo && mkdir demo && cd demo

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# bytes HEX: as bytes.
bytes() { printf "$(sed 's/../\\x&/g' <<< "$1")"; }

# The identity provider.
openssl genrsa -out jwt.key 2048 2> /dev/null
modulus=$(openssl rsa -in jwt.key -noout -modulus | sed 's/^Modulus=//')
printf '{"keys":[{"kty":"RSA","alg":"RS256","kid":"demo","n":"%s","e":"AQAB"}]}\n' \
  "$(bytes "$modulus" | base64url)" > jwks.json
# token CLAIM AUDIENCE: a JWT good for ten years.
token() {
  local head body
  head=$(printf '{"alg":"RS256","kid":"demo","typ":"JWT"}' | base64url)
  body=$(printf '{"iss":"https://login.example.org","aud":"%s","sub":"someone",%s,"exp":%d}' \
    "$2" "$1" "$(($(date +%s) + 315360000))" | base64url)
  printf '%s.%s.%s' "$head" "$body" "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign jwt.key | base64url)"
}
token '"team":"search"' ai > search.jwt
token '"team":"support"' ai > support.jwt
token '"team":"search"' elsewhere > elsewhere.jwt
token '"groups":["search"]' ai > teamless.jwt

# The certificate authority, and a second one nobody trusts.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2> /dev/null
}
# certificate NAME SAN AUTHORITY
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout "$1.key" -out "$1.csr" 2> /dev/null
  openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 3650 \
    -extfile <(printf 'subjectAltName=%s' "$2") -out "$1.pem" 2> /dev/null
  rm "$1.csr"
}
authority ca
authority other-ca
certificate localhost DNS:localhost ca
certificate billing URI:spiffe://example.org/ns/shop/sa/billing ca
certificate web URI:spiffe://example.org/ns/shop/sa/web ca
certificate foreign URI:spiffe://elsewhere.org/ns/shop/sa/billing ca
certificate forged URI:spiffe://example.org/ns/shop/sa/web other-ca
