"""What the official SDKs read through pii-redact: the values, as if nothing had been in between.

Usage: values.py SOCKET   (a unix socket of Envoy's listener)
"""

import json
import sys

import anthropic
import httpx2
import openai

TEXT = 'Mail jane.roe@example.org and "joe@example.org" from 203.0.113.7: [EMAIL_1'
USER = [{"role": "user", "content": TEXT}]
PARAMETERS = {"type": "object", "properties": {"text": {"type": "string"}}}
DELTAS = {"x-mock-deltas": "chars"}
CALL = {"x-mock-tool-call": "true"}


def client():
    return httpx2.Client(transport=httpx2.HTTPTransport(uds=sys.argv[1]))


gpt = openai.OpenAI(api_key="k", base_url="http://weir/v1", http_client=client(), max_retries=0)
claude = anthropic.Anthropic(api_key="k", base_url="http://weir", http_client=client(), max_retries=0)


def check(name, said):
    if not said.endswith(TEXT):
        sys.exit(f"{name}: {said!r}")
    print("ok", name)


chat = dict(model="gpt-4o", messages=USER)
tools = [{"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}]
check("chat", gpt.chat.completions.create(**chat).choices[0].message.content)
stream = gpt.chat.completions.create(**chat, stream=True, extra_headers=DELTAS)
check("chat stream", "".join(c.choices[0].delta.content or "" for c in stream if c.choices))
call = gpt.chat.completions.create(**chat, tools=tools, extra_headers=CALL).choices[0].message.tool_calls[0]
check("chat call", json.loads(call.function.arguments)["text"])
with gpt.chat.completions.stream(**chat, tools=tools, extra_headers=CALL) as events:
    message = events.get_final_completion().choices[0].message
check("chat call stream", json.loads(message.tool_calls[0].function.arguments)["text"])

answer = dict(model="gpt-4o", input=TEXT)
check("responses", gpt.responses.create(**answer).output_text)
with gpt.responses.stream(**answer, extra_headers=DELTAS) as events:
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    check("responses stream", deltas)
    check("responses stream's end", events.get_final_response().output_text)

ask = dict(model="claude-x", max_tokens=999, messages=USER)
check("messages", claude.messages.create(**ask).content[0].text)
with claude.messages.stream(**ask, extra_headers=DELTAS) as events:
    check("messages stream", "".join(events.text_stream))
    check("messages stream's end", events.get_final_message().content[0].text)
tools = [{"name": "f", "input_schema": PARAMETERS}]
with claude.messages.stream(**ask, tools=tools, extra_headers=CALL) as events:
    check("messages call stream", events.get_final_message().content[0].input["text"])

secret = [{"role": "user", "content": "password: Tr0ub4dor&3"}]
for name, refused, blocked in [
    ("openai", openai.BadRequestError, lambda: gpt.chat.completions.create(model="gpt-4o", messages=secret)),
    ("anthropic", anthropic.BadRequestError, lambda: claude.messages.create(model="x", max_tokens=9, messages=secret)),
]:
    try:
        sys.exit(f"{name}: {blocked()}")
    except refused as error:
        if "PASSWORD: 1" not in str(error) or "Tr0ub4dor" in str(error):
            sys.exit(f"{name}: {error}")
    print("ok", name, "blocked")
