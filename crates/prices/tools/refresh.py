#!/usr/bin/env python3
"""Writes `crates/prices/data/prices.txt` and `SOURCE.md` anew from the `litellm` wheel on PyPI.

Usage: refresh.py [version]; without one, the newest version that pip offers.

Only what can be priced from token counts alone is carried over. An entry that can't is left out,
so that its model counts as unpriced instead of as cheap; why is said and counted in SOURCE.md.
"""

import datetime
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections import Counter
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"
TABLE = "litellm/model_prices_and_context_window_backup.json"
MODES = {"chat", "completion", "responses", "embedding", "rerank"}
ANSWERS = {"chat", "completion", "responses"}
KINDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "cache_read_input_audio_token_cost": "cache_read_audio",
}
TIERS = {"flex": "flex", "priority": "priority", "batches": "batch", "balanced": "balanced", "ultrafast": "ultrafast"}
KEY = re.compile(rf"({'|'.join(KINDS)})(?:_above_(\d+)(k?)_tokens)?(?:_({'|'.join(TIERS)}))?")
# Providers whose higher rate begins at the threshold, not above it.
INCLUSIVE = {"xai"}
# One name for each provider that LiteLLM splits by what its own code calls.
PROVIDERS = {
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai-embedding-models": "fireworks_ai",
}


class Unpriced(Exception):
    """Why an entry is left out."""


def picos(usd, where, rounded):
    """Whole pico-dollars. What floating point has smeared is mended; a true fraction (a price in
    another currency, converted) goes up, for a cost must not come out too low."""
    exact = Decimal(usd) * 10**12
    whole = exact.to_integral_value()
    if exact != whole:
        noise = abs(exact - whole) <= abs(exact) * Decimal("1e-12")
        if not noise:
            whole = exact.to_integral_value(ROUND_CEILING)
        rounded.append((where, exact, whole, noise))
    if not 0 <= whole < 2**63:
        raise SystemExit(f"{where}: {usd} is no price")
    return int(whole)


def flat_rates(name, entry, rounded):
    rates = {}
    for key, usd in entry.items():
        match = KEY.fullmatch(key)
        if match and usd is not None:
            kind, above, k, tier = match.groups()
            above = int(above or 0) * (1000 if k else 1)
            if above and entry["litellm_provider"] in INCLUSIVE:
                above -= 1
            rates[KINDS[kind], TIERS.get(tier, ""), above] = picos(usd, f"{name} {key}", rounded)
    return rates


def ranged_rates(name, entry, rounded):
    """`tiered_pricing`: a list of ranges of prompt tokens, each with all its rates. What a range
    does not name follows from its own input or output, never from a lower range."""
    rates = {}
    for row in sorted(entry["tiered_pricing"], key=lambda row: row["range"][0]):
        above = int(row["range"][0])
        kinds = {KINDS[key]: picos(usd, f"{name} {key} >{above}", rounded) for key, usd in row.items() if key in KINDS}
        kinds.setdefault("output", picos(entry.get("output_cost_per_token", 0), name, rounded))
        fallback = {"cache_write_1h": kinds.get("cache_write", kinds["input"]), "reasoning": kinds["output"]}
        for lower, _, _ in list(rates):
            kinds.setdefault(lower, fallback.get(lower, kinds["input"]))
        rates |= {(kind, "", above): rate for kind, rate in kinds.items()}
    return rates


def reduce(name, entry, rounded):
    rates = (ranged_rates if entry.get("tiered_pricing") else flat_rates)(name, entry, rounded)
    # What the calculator of LiteLLM does not read is still the provider's price of a cache hit.
    hit = entry.get("input_cost_per_token_cache_hit")
    if hit is not None:
        rates.setdefault(("cache_read", "", 0), picos(hit, f"{name} cache hit", rounded))
    answers = entry["mode"] in ANSWERS
    given = rates.get(("input", "", 0)), rates.get(("output", "", 0))
    if not any(rates.values()):
        raise Unpriced("no price per token, or nothing but zeros: free, prepaid and unknown look alike")
    if entry.get("input_cost_per_request") or entry.get("input_cost_per_query"):
        raise Unpriced("a price per request or query")
    if entry["litellm_provider"] == "perplexity" and entry.get("search_context_cost_per_query"):
        raise Unpriced("every answer also costs a search")
    if not given[0] or (answers and not given[1]):
        raise Unpriced("prompt or answer has no price per token")
    if answers and entry.get("output_cost_per_image_token"):
        raise Unpriced("answers hold images, whose tokens usage does not tell apart")
    for kind in ("image", "video"):
        rate = entry.get(f"input_cost_per_{kind}_token")
        if rate is not None and picos(rate, name, rounded) > given[0]:
            raise Unpriced("prompts hold images or video at a higher rate, which usage does not tell apart")
    if not answers:
        rates.setdefault(("output", "", 0), 0)
    return rates


def label(kind, tier, above):
    return kind + (f"/{tier}" if tier else "") + (f">{above}" if above else "")


def line(name, entry, rates):
    provider = entry["litellm_provider"]
    provider = PROVIDERS.get(provider, provider)
    provider = provider.removeprefix("text-completion-")
    provider = "vertex_ai" if provider.startswith("vertex_ai-") else provider
    order = list(KINDS.values())
    cells = sorted(rates.items(), key=lambda item: (item[0][2], item[0][1], order.index(item[0][0])))
    limits = [str(int(entry.get(f"max_{side}_tokens") or 0)) for side in ("input", "output")]
    return " ".join([name, provider, *limits, *(f"{label(*slot)}={rate}" for slot, rate in cells)])


def fetch(version, folder):
    wanted = f"litellm=={version}" if version else "litellm"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # One platform's wheel, so that everybody's checksum is the same.
    pip += ["--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.12"]
    subprocess.run([*pip, "--dest", folder, wanted], check=True)
    return next(Path(folder).glob("litellm-*.whl"))


def uploaded(wheel):
    """When the index says the wheel was uploaded; not every mirror does."""
    request = urllib.request.Request(
        "https://pypi.org/simple/litellm/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            files = json.load(answer)["files"]
        return next(f["upload-time"] for f in files if f["filename"] == wheel.name)
    except (OSError, ValueError, KeyError, StopIteration):
        return f"not told by the index; fetched {datetime.date.today()}"


def changes(old, new):
    """What a reader of the commit wants to know first."""
    split = lambda text: {row.split(" ", 1)[0]: row.split(" ", 1)[1] for row in text.splitlines() if row[:1] != "#"}
    old, new = split(old), split(new)
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            print(f"+ {name} {new[name]}")
        elif name not in new:
            print(f"- {name} {old[name]}")
        elif old[name] != new[name]:
            before, after = (dict(c.split("=") for c in row[name].split() if "=" in c) for row in (old, new))
            cells = [
                f"{cell} {before.get(cell, 'none')} -> {after.get(cell, 'none')}"
                for cell in [*before, *(after.keys() - before.keys())]
                if before.get(cell) != after.get(cell)
            ]
            print(f"~ {name} {', '.join(cells) or 'provider or limits: ' + ' '.join(new[name].split()[:3])}")
    counts = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    changed = sum(old[name] != new[name] for name in old.keys() & new.keys())
    print(f"{counts[0]} added, {counts[1]} removed, {changed} changed, {len(new)} models in all")


def main():
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch(sys.argv[1] if len(sys.argv) > 1 else None, folder)
        checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
        with zipfile.ZipFile(wheel) as files:
            entries = json.loads(files.read(TABLE), parse_float=Decimal, parse_int=Decimal)
            licence = next(n for n in files.namelist() if re.search(r"dist-info/(licenses/)?LICENSE", n))
            licence = files.read(licence).decode().split("---\n")[-1].strip()
        upload = uploaded(wheel)
    version = wheel.name.split("-")[1]
    rows, left_out, rounded, ignored = {}, Counter(), [], Counter()
    for name, entry in entries.items():
        if entry.get("mode") not in MODES:
            continue
        mended = []
        try:
            rates = reduce(name, entry, mended)
        except Unpriced as reason:
            left_out[str(reason)] += 1
            continue
        rounded += mended
        if re.search(r"\s", name) or not name.isascii():
            raise SystemExit(f"{name!r}: no name for this table")
        name = name.lower()
        if name in rows:
            raise SystemExit(f"{name}: two entries differ in case alone")
        rows[name] = line(name, entry, rates)
        ignored.update(k for k in entry if "cost" in k and not KEY.fullmatch(k) and k != "input_cost_per_token_cache_hit")
        ignored.update(k for k in entry if "uplift" in k or k in ("off_peak_pricing", "provider_specific_entry"))
    text = (
        f"# Made by `make prices` from litellm {version}; see SOURCE.md. Pico-dollars per token.\n"
        "# name provider max_input_tokens max_output_tokens kind[/tier][>prompt tokens]=price ...\n"
        + "".join(row + "\n" for _, row in sorted(rows.items()))
    )
    noise = sum(is_noise for *_, is_noise in rounded)
    odd = [f"| `{where}` | {exact.normalize()} | {whole} |" for where, exact, whole, n in sorted(rounded) if not n]
    (DATA / "SOURCE.md").write_text(f"""# Where `prices.txt` comes from

Made by `make prices`; do not edit either file by hand.

| | |
|---|---|
| package | `litellm` {version} on PyPI, `{wheel.name}` |
| file | `{TABLE}` |
| uploaded | {upload} |
| sha256 of the wheel | `{checksum}` |
| models | {len(rows)} of {sum(e.get("mode") in MODES for e in entries.values())} that answer in text, embed or rerank |

## Left out

A model that is left out is unpriced unless the configuration prices it.

| entries | reason |
|---|---|
{chr(10).join(f"| {n} | {why} |" for why, n in left_out.most_common())}

## Not carried over

Fields of models that are in the table, by how many have them. Tools, searches, sessions, images
and seconds are not in a token count; discounts by the hour and surcharges by region or speed are
not in an answer. A cost is without them.

{", ".join(f"`{key}` {n}" for key, n in sorted(ignored.items()))}

## Rounded

{noise} prices are whole pico-dollars but for the noise of floating point (a part in 10^12), which
is taken out. These are true fractions, and go up to the next whole one:

| price | pico-dollars | taken as |
|---|---|---|
{chr(10).join(odd)}

## Licence of the data

{licence}
""")
    table = DATA / "prices.txt"
    changes(table.read_text() if table.exists() else "", text)
    table.write_text(text)
    for where, exact, whole, is_noise in rounded:
        if not is_noise:
            print(f"no whole number of pico-dollars: {where}: {exact.normalize()}, taken as {whole}")


main()
