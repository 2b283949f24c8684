# SPDX-License-Identifier: MIT
"""What names what in the stores of other programs: Ollama's two layouts, and the snapshots of Hugging Face's cache."""
import hashlib
import json
import os
import re

from places import STORES

HOSTS = {"registry.ollama.ai", "ollama.com"}
SHADOW = re.compile(r"^library/(llamacpp|ggml|mlx|ollama):[0-9a-f]{64}$")


class Name:
    """A model of an Ollama store: what its entry reads as, and every blob that it reaches."""

    def __init__(self, path, data, blobs, whole):
        self.path, self.data, self.blobs, self.whole = path, data, blobs, whole


def blob(store, digest):
    return f"{STORES[store]}/blobs/{digest.replace(':', '-')}"


def intact(disk, path):
    data = disk.read(path)
    return data is not None and hashlib.sha256(data).hexdigest() == path.rsplit("sha256-", 1)[-1]


def reached(disk, store, data):
    """The blobs of a manifest or a list, and whether all that a runner needs is there; None if it cannot be read."""
    try:
        document = json.loads(data)
        if "manifests" in document:
            blobs, whole = set(), False
            for child in document["manifests"]:
                path = blob(store, child["digest"])
                content = disk.read(path)
                if content is None:
                    continue  # a child that was never pulled is absent, not damaged
                below = reached(disk, store, content)
                if below is None:
                    return None
                blobs |= {path} | below[0]
                whole |= below[1] and intact(disk, path)
            return blobs, whole
        layers = [document["config"]] + document["layers"]
        paths = {blob(store, layer["digest"]) for layer in layers}
        needed = {blob(store, layer["digest"]) for layer in layers if "manifest" not in layer["mediaType"]}
        blobs = set(paths)
        for layer in layers:
            content = disk.read(blob(store, layer["digest"])) if "manifest" in layer["mediaType"] else None
            below = reached(disk, store, content) if content is not None else None
            blobs |= below[0] if below else set()
        return blobs, all(intact(disk, path) for path in needed)
    except (ValueError, KeyError, TypeError):
        return None


def entries(disk, store):
    """(logical name, path, bytes or None) of every entry of both layouts; the new one first."""
    for folder in ("manifests-v2", "manifests"):
        base = f"{STORES[store]}/{folder}"
        for path in sorted(disk.below(base)):
            parts = path[len(base) + 1:].lower().split("/")
            if len(parts) == 4:
                host = "registry.ollama.ai" if parts[0] in HOSTS else parts[0]
                yield f"{host}/{parts[1]}/{parts[2]}:{parts[3]}", path, disk.read(path)


def logical(name, tag="latest"):
    return f"registry.ollama.ai/library/{name}:{tag}"


def names(disk, store):
    """Logical name -> Name: what a look-up finds; the new layout wins, a dangling link falls through."""
    found = {}
    for name, path, data in entries(disk, store):
        if name in found or data is None or SHADOW.match(name.split("/", 1)[1]):
            continue
        below = reached(disk, store, data)
        found[name] = Name(path, data, below[0] if below else set(), bool(below and below[1]))
    return found


def named(disk, store):
    """Every blob that any entry of either layout reaches, or None if one cannot be read."""
    blobs = set()
    for _, path, data in entries(disk, store):
        if disk[path].kind == "l":
            real = disk.resolve(path)
            if real:
                blobs.add(real)
        if data is None:
            continue
        blobs.add(blob(store, "sha256:" + hashlib.sha256(data).hexdigest()))
        below = reached(disk, store, data)
        if below is None:
            return None
        blobs |= below[0]
    return blobs


def same_model(served, found):
    """Whether what a look-up finds is what was served: itself, its anchor, or a list with it as a child."""
    try:
        served, found = json.loads(served), json.loads(found)
        if "manifests" in found:
            return None  # its children tell
        plain = [layer for layer in found["layers"] if "manifest" not in layer["mediaType"]]
        return (served["config"]["digest"], [layer["digest"] for layer in served["layers"]]) == (
            found["config"]["digest"], [layer["digest"] for layer in plain])
    except (ValueError, KeyError, TypeError):
        return False


def snapshots(disk):
    """Repository folder -> {path in a snapshot: its bytes}, through the links that the cache is made of."""
    found = {}
    for repo in [p for p, n in disk.items() if n.kind == "d" and os.path.dirname(p) == STORES["hf"] and
                 os.path.basename(p).startswith("models--")]:
        real = disk.resolve(repo + "/snapshots")
        if real is None:
            continue
        for path in disk.below(real):
            data = disk.read(path)
            if data is not None:
                found.setdefault(repo, {})[path] = data
    return found


