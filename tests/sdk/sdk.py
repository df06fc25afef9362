"""The official SDKs, unchanged, through the chain: streaming and not, tools, errors, lists.

Usage: sdk.py SOCKET   (a unix socket of Envoy's listener)
"""

import sys

import anthropic
import httpx2
import openai


def transport():
    return httpx2.Client(transport=httpx2.HTTPTransport(uds=sys.argv[1]))


oai = openai.OpenAI(api_key="sk-test", base_url="http://weir/v1", http_client=transport(), max_retries=0)
azure = openai.AzureOpenAI(
    api_key="k", api_version="2024-10-21", azure_endpoint="http://weir", http_client=transport(), max_retries=0
)
ant = anthropic.Anthropic(api_key="sk-ant-test", base_url="http://weir", http_client=transport(), max_retries=0)

HEARD = 'Grüße, "quoted" 🦀'
USER = [{"role": "user", "content": HEARD}]
TOOL = {
    "type": "function",
    "function": {"name": "lookup", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}},
}


def check(name, found, expected):
    if found != expected:
        sys.exit(f"{name}: found {found!r}, expected {expected!r}")
    print("ok", name)


def refused(name, call, kind, status, code=None):
    try:
        call()
    except kind as error:
        check(name, (error.status_code, getattr(error, "code", None)), (status, code))
    else:
        sys.exit(f"{name}: was not refused")


answer = oai.chat.completions.create(model="fast", messages=USER)
check("chat", (answer.model, answer.choices[0].message.content), ("fast", f"openai (gpt-4.1-mini) heard: {HEARD}"))
check("chat usage", answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)

stream = oai.chat.completions.create(
    model="fast", messages=USER, stream=True, n=2, stream_options={"include_usage": True}
)
texts, models, usage = ["", ""], set(), None
for chunk in stream:
    models.add(chunk.model)
    usage = chunk.usage or usage
    for choice in chunk.choices:
        texts[choice.index] += choice.delta.content or ""
check("chat stream", (texts, models), ([f"openai (gpt-4.1-mini) heard: {HEARD}"] * 2, {"fast"}))
check("chat stream usage", usage is not None and usage.completion_tokens > 0, True)

called = oai.chat.completions.create(
    model="fast", messages=USER, tools=[TOOL], extra_headers={"x-mock-tool-call": "true"}
)
check("tool call", called.choices[0].message.tool_calls[0].function.name, "lookup")

answer = oai.responses.create(model="fast", input="Hello")
check("responses", (answer.model, answer.output_text), ("fast", "openai (gpt-4.1-mini) heard: Hello"))
text, final = "", None
for event in oai.responses.create(model="fast", input="Hello", stream=True):
    if event.type == "response.output_text.delta":
        text += event.delta
    if event.type == "response.completed":
        final = event.response
check("responses stream", (text, final.model), ("openai (gpt-4.1-mini) heard: Hello", "fast"))

check("completions", oai.completions.create(model="fast", prompt="Hi").model, "fast")
vectors = oai.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
check("embeddings", (len(vectors.data), vectors.model), (2, "text-embedding-3-small"))
check("models", "gpt-4.1-mini" in [m.id for m in oai.models.list()], True)
check("one model", oai.models.retrieve("fast").id, "fast")
answer = azure.chat.completions.create(model="fast", messages=USER)
check("azure", (answer.model, answer.choices[0].message.content.split(" heard")[0]), ("fast", "openai (gpt-4.1-mini)"))

answer = ant.messages.create(model="claude-sonnet-4-20250514", max_tokens=64, messages=USER)
check(
    "anthropic",
    (answer.model, answer.content[0].text),
    ("claude-sonnet-4-20250514", f"anthropic (claude-sonnet-4) heard: {HEARD}"),
)
with ant.messages.stream(model="claude-sonnet-4-20250514", max_tokens=64, messages=USER) as stream:
    text = "".join(stream.text_stream)
    final = stream.get_final_message()
check(
    "anthropic stream",
    (final.model, text),
    ("claude-sonnet-4-20250514", f"anthropic (claude-sonnet-4) heard: {HEARD}"),
)
counted = ant.messages.count_tokens(model="claude-sonnet-4", messages=USER)
check("anthropic count_tokens", counted.input_tokens > 0, True)
check("anthropic models", "claude-sonnet-4" in [m.id for m in ant.models.list()], True)

refused(
    "openai unknown model",
    lambda: oai.chat.completions.create(model="gpt-9", messages=USER),
    openai.NotFoundError,
    404,
    "model_not_found",
)
refused(
    "openai bad model",
    lambda: oai.chat.completions.create(model="a\nb", messages=USER),
    openai.BadRequestError,
    400,
)
refused(
    "anthropic unknown model",
    lambda: ant.messages.create(model="claude-9", max_tokens=1, messages=USER),
    anthropic.NotFoundError,
    404,
)
print("all passed")
