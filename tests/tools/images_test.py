#!/usr/bin/env python3
"""What `tools/images/images.py` writes is what Istio and Envoy Gateway fetch, and always the same.

`images_test.py MODULE.wasm…` makes images of the modules twice and reads them as a fetcher would: by
the digests from the index down. An engine that runs (`docker info`) has to load them too, and give
back the module.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools/images/images.py"


def make(out, modules):
    subprocess.run([sys.executable, TOOL, out, "1.2.3", "abc", *modules], check=True, stdout=subprocess.PIPE)


def contents(directory):
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def same(found, expected, what):
    if found != expected:
        sys.exit(f"images: {what}: {found!r} where {expected!r} should be")


def fetch(layout, module, files):
    """Goes from the index to the module, and looks at each step at what the fetchers look at."""
    used = set()

    def blob(descriptor):
        name = descriptor["digest"].removeprefix("sha256:")
        data = files[f"{layout}/blobs/sha256/{name}"]
        same(hashlib.sha256(data).hexdigest(), name, f"{layout}: digest")
        same(len(data), descriptor["size"], f"{layout}: size")
        used.add(name)
        return data

    same(json.loads(files[f"{layout}/oci-layout"]), {"imageLayoutVersion": "1.0.0"}, layout)
    index = json.loads(files[f"{layout}/index.json"])
    same(len(index["manifests"]), 1, f"{layout}: manifests")
    top = index["manifests"][0]
    same(top["mediaType"], "application/vnd.oci.image.manifest.v1+json", layout)
    manifest = json.loads(blob(top))
    same(manifest["mediaType"], top["mediaType"], layout)
    config = json.loads(blob(manifest["config"]))
    same(len(manifest["layers"]), 1, f"{layout}: layers")
    layer = manifest["layers"][0]
    same(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip", layout)
    packed = blob(layer)
    same(packed[4:8], b"\0\0\0\0", f"{layout}: gzip's time")
    unpacked = gzip.decompress(packed)
    same(config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(unpacked).hexdigest()], layout)
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as tar:
        members = tar.getmembers()
        same([member.name for member in members], ["plugin.wasm"], f"{layout}: files")
        same((members[0].mtime, members[0].uid, members[0].mode), (0, 0, 0o644), layout)
        same(tar.extractfile(members[0]).read() == module.read_bytes(), True, f"{layout}: the module")
    there = {name.rsplit("/", 1)[1] for name in files if name.startswith(f"{layout}/blobs/")}
    same(there, used, f"{layout}: blobs")
    return top["digest"].removeprefix("sha256:")


def main(*modules):
    modules = [Path(module) for module in modules]
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch, "first"), Path(scratch, "second")
        make(first, modules)
        # Another time, another name of the directory, other times and rights of the files.
        copies = []
        for module in modules:
            copy = Path(scratch, "copies", module.name)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(module.read_bytes())
            os.utime(copy, (1, 1))
            copy.chmod(0o600)
            copies.append(copy)
        make(second, copies)
        files = contents(first)
        same(contents(second) == files, True, "made twice")
        # Made where something is already, it leaves nothing of that.
        make(second, [Path(copies[0]), *copies[1:]])
        same(contents(second) == files, True, "made again")
        sums = files["SHA256SUMS"].decode().splitlines()
        expected = []
        for module in modules:
            digest = fetch(module.stem, module, files)
            expected += [f"{hashlib.sha256(module.read_bytes()).hexdigest()}  {module.name}",
                         f"{digest}  {module.stem}/blobs/sha256/{digest}"]
        same(sums, expected, "SHA256SUMS")
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=first, check=True)
        engine = runs_engine()
        for module in modules if engine else []:
            load(module, files)
    loaded = "loaded by an engine and read back" if engine else "not loaded: no engine is running"
    print(f"images: {len(modules)} as they should be, made the same twice, {loaded}")


def runs_engine():
    return shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def load(module, files):
    """Lets the engine load the very blobs, in the form it reads, and reads the module from it."""
    layout, name = module.stem, f"weir-images-test/{module.stem}:1.2.3"
    blob = lambda digest: files[f"{layout}/blobs/sha256/{digest.removeprefix('sha256:')}"]
    index = json.loads(files[f"{layout}/index.json"])
    manifest = json.loads(blob(index["manifests"][0]["digest"]))
    parts = {
        "config.json": blob(manifest["config"]["digest"]),
        "layer.tar": blob(manifest["layers"][0]["digest"]),
        "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode(),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, data in parts.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    docker = lambda *arguments, **more: subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, **more).stdout
    docker("load", "--quiet", input=archive.getvalue())
    container = docker("create", name, "none").decode().strip()
    try:
        with tarfile.open(fileobj=io.BytesIO(docker("cp", f"{container}:/plugin.wasm", "-"))) as tar:
            same(tar.extractfile("plugin.wasm").read() == module.read_bytes(), True, f"{layout}: loaded")
    finally:
        docker("rm", container)
        docker("rmi", name)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
