"""How the official SDKs behave towards refusals: they come back when they are told to.

Usage: limits.py SOCKET   (a unix socket of Envoy's listener)

Teams `rate…` have 600 tokens in 30 seconds, 20 a second; teams `quota…` 30 in a month.
"""

import sys
import time

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


def openai_of(team):
    headers = {"x-team": team}
    return openai.OpenAI(api_key="k", base_url="http://weir/v1", http_client=client(), default_headers=headers)


def anthropic_of(team):
    headers = {"x-team": team}
    return anthropic.Anthropic(api_key="k", base_url="http://weir", http_client=client(), default_headers=headers)


def ask_openai(team, cap, tokens):
    return openai_of(team).chat.completions.create(
        model="gpt-4o", messages=USER, max_tokens=cap, extra_headers={"x-mock-tokens": str(tokens)}
    )


def ask_anthropic(team, cap, tokens):
    return anthropic_of(team).messages.create(
        model="gpt-4o", messages=USER, max_tokens=cap, extra_headers={"x-mock-tokens": str(tokens)}
    )


def requests(call):
    """How many requests a call makes, how long it takes, and what it ends in."""
    global sent
    sent, began, error = 0, time.monotonic(), None
    try:
        call()
    except (openai.APIStatusError, anthropic.APIStatusError) as refused:
        error = refused
    return sent, time.monotonic() - began, error


def check(name, condition, shown):
    if not condition:
        sys.exit(f"{name}: {shown!r}")
    print("ok", name)


for name, ask in [("openai", ask_openai), ("anthropic", ask_anthropic)]:
    # All but a few tokens are used. What is missing comes in 1.5 seconds: one retry, in time.
    made, _, error = requests(lambda: ask(f"rate-{name}", 580, 580))
    check(f"{name} first", (made, error) == (1, None), (made, error))
    made, took, error = requests(lambda: ask(f"rate-{name}", 30, 5))
    check(f"{name} comes back in time", made == 2 and error is None and 0.5 < took < 4, (made, took, error))

    # More than there ever is: no retry.
    made, took, error = requests(lambda: ask(f"rate-{name}", 700, 5))
    check(f"{name} too large", made == 1 and error.status_code == 429, (made, error))
    check(f"{name} too large says so", "Request too large" in str(error), str(error))

    # A quota that is used up: no retry, and it is no rate limit.
    requests(lambda: ask(f"quota-{name}", 20, 20))
    made, took, error = requests(lambda: ask(f"quota-{name}", 20, 5))
    check(f"{name} quota", made == 1 and error.status_code == 403, (made, error))

try:
    ask_openai("quota-openai", 20, 5)
except openai.PermissionDeniedError as error:
    check("openai quota code", error.code == "insufficient_quota", error.code)
print("all passed")
