#!/usr/bin/env bash
# Leaves LiteLLM's own calculator at .tools/litellm, of the version our price table is made from.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(sed -nE '1s/.* litellm ([0-9.]+);.*/\1/p' crates/prices/data/prices.txt)
[ "$(cat .tools/litellm/version 2>/dev/null)" = "$version" ] && exit 0
echo "fetching LiteLLM $version and what it needs, some 300 MB"
rm -rf .tools/litellm
mkdir -p .tools
python3 -m venv .tools/litellm
pip=(.tools/litellm/bin/python -m pip install --quiet --disable-pip-version-check)
# Its pins can ask for releases younger than a mirror has, so they are taken loosely: only the
# arithmetic is used, and no network.
"${pip[@]}" --no-deps "litellm==$version"
"${pip[@]}" 'aiohttp<4' 'boto3<2' 'click<9' fastuuid filelock 'httpx[http2]' 'huggingface-hub<2' \
  'importlib-metadata<9' 'jinja2<4' 'jsonschema<5' 'openai<4' packaging pydantic pydantic-settings \
  python-dotenv pyyaml tiktoken tokenizers typing-extensions
echo "$version" > .tools/litellm/version
