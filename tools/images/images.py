#!/usr/bin/env python3
"""Writes each module as an OCI image: `images.py OUT VERSION COMMIT MODULE.wasm…`.

An image is a directory `OUT/<module>` in the OCI image layout, which `skopeo`, `crane` and `oras`
push as it is. In it is one layer, gzipped, with one file, `/plugin.wasm`: what the fetchers of Istio
and Envoy Gateway look for. The same module makes the same bytes with the same Python: no file has a
time, an owner, or a name from outside.

The modules themselves lie beside the images, and `sha256sum -c SHA256SUMS` in OUT checks all of it.
An image's digest, by which it is pinned, is the sum of its manifest.

Nothing is needed but Python: no Docker, no registry.
"""

import gzip
import hashlib
import io
import json
import shutil
import sys
import tarfile
from pathlib import Path

FILE = "plugin.wasm"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
# Both fetchers refuse a layer of any other type, an uncompressed one too.
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX = "application/vnd.oci.image.index.v1+json"


def main(out, version, commit, *modules):
    out = Path(out)
    sums = []
    for module in map(Path, modules):
        wasm = module.read_bytes()
        if not wasm.startswith(b"\0asm"):
            sys.exit(f"{module} is no WebAssembly")
        digest = image(out / module.stem, module.stem, wasm, version, commit)
        (out / module.name).write_bytes(wasm)
        sums.append((hashlib.sha256(wasm).hexdigest(), module.name))
        sums.append((digest, f"{module.stem}/blobs/sha256/{digest}"))
        print(f"{out / module.stem}  sha256:{digest}")
    lines = [f"{digest}  {name}\n" for digest, name in sums]
    (out / "SHA256SUMS").write_text("".join(lines))


def image(directory, name, wasm, version, commit):
    """Writes the layout and returns the digest by which the image is pulled."""
    blobs = directory / "blobs" / "sha256"
    shutil.rmtree(directory, ignore_errors=True)
    blobs.mkdir(parents=True)

    def blob(media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    unpacked = layer(wasm)
    labels = {
        "org.opencontainers.image.title": f"weir {name}",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    config = {
        # A registry asks for them. A module runs in any Envoy.
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(unpacked).hexdigest()]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(CONFIG, compact(config)),
        "layers": [blob(LAYER, gzip.compress(unpacked, compresslevel=9, mtime=0))],
        "annotations": labels,
    }
    entry = blob(MANIFEST, compact(manifest))
    entry["annotations"] = {"org.opencontainers.image.ref.name": version}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    (directory / "index.json").write_bytes(compact(index))
    (directory / "oci-layout").write_bytes(compact({"imageLayoutVersion": "1.0.0"}))
    return entry["digest"].removeprefix("sha256:")


def layer(wasm):
    """A tar archive of the one file, of no time and no owner."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(FILE)
        entry.size = len(wasm)
        entry.mode = 0o644
        tar.addfile(entry, io.BytesIO(wasm))
    return archive.getvalue()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
