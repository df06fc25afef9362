"""What the official SDKs make of a refusal by the rate limit service.

Usage: global_limits.py SOCKET   (a unix socket of Envoy's listener)

Team `trial` has used up its day.
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


def check(name, condition, shown):
    if not condition:
        sys.exit(f"{name}: {shown!r}")
    print("ok", name)


def refusal(sdk, call):
    global sent
    sent = 0
    try:
        call()
    except sdk.RateLimitError as error:
        return error
    sys.exit("it was not refused")


# With all their retries: a day is too long to wait for.
gpt = openai.OpenAI(
    api_key="k", base_url="http://weir/v1", http_client=client(), default_headers={"x-team": "trial"}
)
error = refusal(openai, lambda: gpt.chat.completions.create(model="fast", messages=USER, max_tokens=5))
check("openai", error.code == "rate_limit_exceeded" and sent == 1, (error, sent))

claude = anthropic.Anthropic(
    api_key="k", base_url="http://weir", http_client=client(), default_headers={"x-team": "trial"}
)
error = refusal(anthropic, lambda: claude.messages.create(model="fast", messages=USER, max_tokens=5))
check("anthropic", error.body["error"]["type"] == "rate_limit_error" and sent == 1, (error.body, sent))
print("all passed")
