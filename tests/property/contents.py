# SPDX-License-Identifier: MIT
"""Small contents: files that are what they say, and the ways in which a file is not what it says."""
import hashlib
import json
import struct

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.ollama.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.ollama.image."


def filling(seed, size):
    return b"".join(hashlib.sha256(f"{seed}/{i}".encode()).digest() for i in range(size // 32 + 1))[:size]


def gguf(seed, size):
    """Magic, version 3, no tensors, no metadata, then filling."""
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + filling(seed, size)


def safetensors(seed, size, note=""):
    header = {"t": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    if note:
        header["__metadata__"] = {"note": note}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + filling(seed, size)


def edited(data):
    """A safetensors file whose header another program has edited; the tensors are as they were. Else other filling."""
    if data[8:9] != b"{":
        return data[:24] + filling("edited", len(data) - 24)
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header["__metadata__"] = {"note": "mine"}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length:]


def sound(data):
    """Whether the structure holds: True, False, or None for a format that has none."""
    if data[:4] == b"GGUF":
        return len(data) >= 24 or False
    if data[8:9] == b"{":
        length = struct.unpack("<Q", data[:8])[0]
        try:
            header = json.loads(data[8:8 + length])
            end = max((t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError):
            return False
        return 8 + length + end == len(data)
    return None


def no_model(data):
    """Why bytes without a digest are no model of weights, or None."""
    if not data:
        return "empty"
    if data.lstrip()[:9].lower() in (b"<!doctype", b"<html><bo") or data.lstrip()[:5].lower() == b"<html":
        return "a web page"
    if data.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    return "truncated" if sound(data) is False else None


def descriptor(kind, data):
    return {"mediaType": kind, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def image(config, layers):
    """An Ollama manifest of these bytes."""
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config),
                       "layers": [descriptor(LAYER + kind, data) for kind, data in layers]}).encode()


def anchor(manifest, *extra):
    """The same manifest that also lists manifests, as Ollama 0.40 leaves it for older servers."""
    document = json.loads(manifest)
    document["layers"] += [descriptor(kind, data) for kind, data in extra]
    return json.dumps(document).encode()


def manifest_list(*children):
    return json.dumps({"schemaVersion": 2, "mediaType": LIST, "manifests": [
        {**descriptor(MANIFEST, child), "runner": "ggml", "format": "gguf"} for child in children]}).encode()
