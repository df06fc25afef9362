#!/usr/bin/env python3
"""Checks modules: they import only what Envoy gives, and stay within their size.

A WebAssembly module begins with a magic number and a version; then come sections, each with an
id, a length and its content. Section 2 lists the imports as pairs of names and a kind.
Source: WebAssembly Core Specification 2.0, section 5.5.
"""

import sys
from pathlib import Path

# Bytes. A budget is raised in the commit that needs it, with the reason.
# Where tokens are counted, two vocabularies make up 10.1 million of them; prices are 84,000; the
# detectors' table and the regular expressions of the operator's own 1.0 million.
BUDGET = {
    "model_router.wasm": 880_000,
    "pii_redact.wasm": 1_900_000,
    "token_limit.wasm": 11_000_000,
    "cost.wasm": 11_170_000,
    "weir.wasm": 12_900_000,
}

# Host functions of proxy-wasm ABI 0.2.1, all of which Envoy provides (the SDK's traits refer to
# most of them), and what Envoy provides of WASI.
ABI = """
    add_header_map_value call_foreign_function close_stream continue_stream define_metric
    dequeue_shared_queue done enqueue_shared_queue get_buffer_bytes get_current_time_nanoseconds
    get_header_map_pairs get_header_map_value get_log_level get_property get_shared_data get_status
    grpc_call grpc_cancel grpc_close grpc_send grpc_stream http_call increment_metric log
    record_metric register_shared_queue remove_header_map_value replace_header_map_value
    resolve_shared_queue send_local_response set_buffer_bytes set_effective_context
    set_header_map_pairs set_property set_shared_data set_tick_period_milliseconds
"""
WASI = "clock_time_get environ_get environ_sizes_get fd_write proc_exit random_get sched_yield"
ALLOWED = {
    "env": {f"proxy_{name}" for name in ABI.split()},
    "wasi_snapshot_preview1": set(WASI.split()),
}


def leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def name(data, at):
    length, at = leb(data, at)
    return data[at : at + length].decode(), at + length


def imports(data):
    if data[:8] != b"\0asm\1\0\0\0":
        raise SystemExit("not a WebAssembly module")
    at = 8
    while at < len(data):
        section = data[at]
        size, at = leb(data, at + 1)
        if section == 2:
            count, here = leb(data, at)
            for _ in range(count):
                module, here = name(data, here)
                field, here = name(data, here)
                if data[here] != 0:
                    raise SystemExit(f"imports {module}.{field}, which is no function")
                _, here = leb(data, here + 1)
                yield module, field
        at += size


def main():
    failed = False
    for path in map(Path, sys.argv[1:]):
        data = path.read_bytes()
        found = sorted(imports(data))
        foreign = [f"{m}.{f}" for m, f in found if f not in ALLOWED.get(m, ())]
        size, budget = len(data), BUDGET.get(path.name)
        if budget is None:
            print(f"{path.name}: no budget is set in {Path(__file__).name}")
            failed = True
            continue
        print(f"{path.name}: {size} of {budget} bytes, {len(found)} imports")
        if foreign:
            print(f"  imports what is not allowed: {', '.join(foreign)}")
        if size > budget:
            print("  is larger than its budget")
        failed |= bool(foreign) or size > budget
    sys.exit(failed)


if __name__ == "__main__":
    main()
