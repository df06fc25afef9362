#!/usr/bin/env python3
"""Asks LiteLLM's own calculator what usages cost, for `tests/golden.rs` to compare with.

Usage: golden.py <table> sample|all; writes to standard output. Runs in `.tools/litellm`, whose
litellm must be the one the table was made from.

A line is: provider model tier, the eight counts of `Tokens` in their order, pico-dollars.
"""

import os
import sys
from datetime import datetime, timezone
from decimal import Decimal
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # the wheel's table, not the network's

import litellm  # noqa: E402
from litellm.litellm_core_utils.llm_cost_calc import utils  # noqa: E402
from litellm.types.utils import (  # noqa: E402
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)

litellm.suppress_debug_info = True
# A Monday night in Europe, when nobody has a discount by the hour.
utils.current_billing_time = lambda: datetime(2026, 11, 16, 2, tzinfo=timezone.utc)
# input output cache_read cache_write cache_write_1h reasoning input_audio output_audio
USAGES = {
    "plain": (1234, 567, 0, 0, 0, 0, 0, 0),
    "one": (1, 1, 0, 0, 0, 0, 0, 0),
    "large": (31_999, 100_003, 0, 0, 0, 0, 0, 0),
    "cached": (10_007, 301, 8192, 0, 0, 0, 0, 0),
    "written": (12_345, 678, 1024, 4096, 0, 0, 0, 0),
    "hour": (12_345, 678, 1024, 4096, 3000, 0, 0, 0),
    "reasoning": (800, 5000, 0, 0, 0, 4321, 0, 0),
    "everything": (20_011, 3007, 9000, 5000, 2000, 1999, 0, 0),
}
AUDIO = {
    "audio": (1500, 700, 0, 0, 0, 0, 1200, 555),
    "cached audio": (2000, 100, 1500, 0, 0, 0, 900, 0),
}
SAMPLE = """
    openai/gpt-4o openai/gpt-4o-mini openai/gpt-4.1 openai/gpt-5 openai/gpt-5.4 openai/gpt-6-sol openai/o3
    openai/o4-mini openai/gpt-3.5-turbo openai/gpt-audio openai/gpt-4o-audio-preview-2025-06-03
    openai/ft:gpt-4o-2024-08-06 anthropic/claude-sonnet-4-5 anthropic/claude-opus-4-8
    anthropic/claude-haiku-4-5 anthropic/claude-opus-4-1-20250805 anthropic/claude-sonnet-5
    gemini/gemini-2.5-pro gemini/gemini-2.5-flash gemini/gemini-3-pro-preview vertex_ai/gemini-2.5-pro
    azure/gpt-4o azure/gpt-5.4 bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0 mistral/mistral-large-latest
    xai/grok-4.7 dashscope/qwen3-coder-flash dashscope/qwen-plus-2025-07-28
    openai/text-embedding-3-small openai/text-embedding-3-large gemini/gemini-embedding-001
    voyage/voyage-3-large azure/text-embedding-3-large mistral/mistral-embed deepseek/deepseek-v4-flash
    perplexity/anthropic/claude-sonnet-4-5 fireworks_ai/accounts/fireworks/models/deepseek-v4-flash-0731
""".split()


def rows(table):
    for row in open(table, encoding="utf-8"):
        if row[0] != "#":
            name, provider, _, _, *cells = row.split()
            yield name, provider, [cell.split("=")[0] for cell in cells]


def usage(counts):
    given, answered, read, write, hour, reasoning, given_audio, answered_audio = counts
    # Audio that does not fit beside what is cached must have come from the cache.
    cached_audio = max(given_audio - (given - read - write), 0)
    return Usage(
        prompt_tokens=given,
        completion_tokens=answered,
        total_tokens=given + answered,
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=read,
            cache_creation_tokens=write,
            cache_creation_token_details=CacheCreationTokenDetails(
                ephemeral_5m_input_tokens=write - hour, ephemeral_1h_input_tokens=hour
            ),
            audio_tokens=given_audio,
            cached_tokens_details={"audio_tokens": cached_audio},
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=reasoning, audio_tokens=answered_audio
        ),
    )


def cost(provider, model, tier, counts):
    how = {"call_type": "retrieve_batch"} if tier == "batch" else {"call_type": "completion"}
    if tier not in ("standard", "batch"):
        how["service_tier"] = tier
    sides = litellm.cost_per_token(
        model=model, custom_llm_provider=provider, usage_object=usage(counts), **how
    )
    total = 0
    for usd in sides:
        exact = Decimal(usd) * 10**12
        whole = round(exact)
        # Floating point is off by a part in 10^15; anything more is another number.
        if abs(exact - whole) > max(abs(exact) * Decimal("1e-14"), Decimal("1e-3")):
            raise ArithmeticError(f"{exact} pico-dollars")
        total += whole
    return total


def usages(cells):
    """Those that show something at this price."""
    yield from USAGES.items()
    if any("audio" in cell for cell in cells):
        yield from AUDIO.items()
    for above in sorted({int(cell.split(">")[1]) for cell in cells if ">" in cell}):
        for prompt in above, above + 1:
            yield "long", (prompt, 2003, prompt // 2, 5000, 1000, 500, 0, 0)


def main():
    table, what = sys.argv[1:]
    print(f"# Made by `make prices`: what litellm {version('litellm')} says usages cost.")
    print("# provider model tier input output cache_read cache_write cache_write_1h reasoning input_audio output_audio picousd")
    for name, provider, cells in rows(table):
        spelled = name if name.startswith(f"{provider}/") else f"{provider}/{name}"
        if what == "sample" and spelled not in SAMPLE:
            continue
        model = spelled.split("/", 1)[1]
        tiers = sorted({cell.split(">")[0].partition("/")[2] or "standard" for cell in cells})
        for tier in tiers:
            for _, counts in usages(cells):
                try:
                    picos = cost(provider, model, tier, counts)
                except Exception as error:  # noqa: BLE001
                    print(f"# {spelled} {tier}: {type(error).__name__}: {str(error).splitlines()[0][:120]}")
                    break
                print(provider, model, tier, *counts, picos)


main()
