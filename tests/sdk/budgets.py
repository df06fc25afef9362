"""How the official SDKs see costs, and that they do not come back to a budget that is used up.

Usage: budgets.py SOCKET   (a unix socket of Envoy's listener)

Each team has 200 micro-dollars a month. A token of `gpt-4o` costs one in the prompt, four in the
answer.
"""

import sys

import anthropic
import httpx2
import openai

USER = [{"role": "user", "content": "hi"}]
sent = 0


def count(request):
    global sent
    sent += 1


def client():
    return httpx2.Client(transport=httpx2.HTTPTransport(uds=sys.argv[1]), event_hooks={"request": [count]})


def asked(team, tokens):
    return {"x-team": team, "x-mock-tokens": str(tokens)}


def ask_openai(team, cap, tokens):
    sdk = openai.OpenAI(api_key="k", base_url="http://weir/v1", http_client=client())
    return sdk.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=USER, max_tokens=cap, extra_headers=asked(team, tokens)
    )


def ask_anthropic(team, cap, tokens):
    sdk = anthropic.Anthropic(api_key="k", base_url="http://weir", http_client=client())
    return sdk.messages.with_raw_response.create(
        model="gpt-4o", messages=USER, max_tokens=cap, extra_headers=asked(team, tokens)
    )


def check(name, condition, shown):
    if not condition:
        sys.exit(f"{name}: {shown!r}")
    print("ok", name)


refusals = {"openai": openai.PermissionDeniedError, "anthropic": anthropic.PermissionDeniedError}
for name, ask in [("openai", ask_openai), ("anthropic", ask_anthropic)]:
    raw = ask(name, 20, 20)
    usage = raw.parse().usage
    prompt = int(raw.headers["x-ai-input-tokens"])
    expected = round((prompt + 4 * 20) / 1e6, 12)
    check(f"{name} header", float(raw.headers["x-ai-cost-usd"]) == expected, dict(raw.headers))
    check(f"{name} usage", usage.cost == expected, usage)

    sent = 0
    try:
        ask(name, 40, 40)
        check(f"{name} is refused", False, None)
    except refusals[name] as refused:
        check(f"{name} does not come back", sent == 1, sent)
        check(f"{name} says why", "current budget of 0.0002 USD per month" in str(refused), str(refused))
        if name == "openai":
            check("openai code", refused.code == "insufficient_quota", refused.code)
    # What still fits is let through.
    check(f"{name} small", ask(name, 5, 5).status_code == 200, None)

sdk = openai.OpenAI(api_key="k", base_url="http://weir/v1", http_client=client())
stream = sdk.chat.completions.create(
    model="gpt-4o",
    messages=USER,
    max_tokens=20,
    stream=True,
    stream_options={"include_usage": True},
    extra_headers=asked("streams", 20),
)
usage = [chunk.usage for chunk in stream if chunk.usage][-1]
check("openai stream", usage.cost == round((usage.prompt_tokens + 80) / 1e6, 12), usage)
print("all passed")
