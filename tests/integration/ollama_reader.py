# SPDX-License-Identifier: MIT
"""How the two generations of Ollama read a store, in Python and from what is known of them: which models each would list, and that
each of these is whole. Shares no code with the program."""
import hashlib
import json
import os
import re

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.ollama.manifest.list.v2+json"
RUNNERS = ("ggml", "ollama", "llamacpp", "mlx")
BLOB = re.compile(r"sha256-[0-9a-f]{64}$")


class Broken(Exception):
    pass


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Reader:
    def __init__(self, store):
        self.store = store

    def blob(self, digest):
        """The bytes of a blob, which have its digest."""
        path = os.path.join(self.store, "blobs", digest.replace(":", "-"))
        if not os.path.isfile(path):
            raise Broken(f"{digest} is not there")
        data = read(path)
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise Broken(f"{digest} is damaged")
        return data

    def check(self, manifest):
        """Everything that a plain manifest names is there. Returns the digests, weights first."""
        layers = [layer["digest"] for layer in [manifest["config"], *manifest["layers"]]
                  if layer.get("mediaType") not in (MANIFEST, LIST)]
        for digest in layers:
            self.blob(digest)
        return layers

    def walk(self, folder):
        """("host/namespace/model:tag", path)"""
        root = os.path.join(self.store, folder)
        for at, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                parts = os.path.relpath(os.path.join(at, name), root).split(os.sep)
                if len(parts) != 4:
                    raise Broken(f"{at}/{name} is no manifest")
                host = parts[0].replace("%3A", ":").lower()
                host = "registry.ollama.ai" if host == "ollama.com" else host
                yield f"{host}/{parts[1]}/{parts[2]}:{parts[3]}".removeprefix("registry.ollama.ai/library/"), os.path.join(at, name)


class Old(Reader):
    """Ollama before 0.40: manifests/ alone, and no lists."""

    def models(self):
        """name -> digests of what it runs"""
        return {name: self.check(json.loads(read(path))) for name, path in self.walk("manifests")}

    def prune(self):
        """What it removes when it starts: blobs that no manifest names, as if all were older than an hour."""
        named = set()
        for _, path in self.walk("manifests"):
            manifest = json.loads(read(path))
            named |= {layer["digest"].replace(":", "-") for layer in [manifest["config"], *manifest["layers"]]}
        for blob in set(os.listdir(os.path.join(self.store, "blobs"))) - named:
            os.unlink(os.path.join(self.store, "blobs", blob))


class New(Reader):
    """Ollama 0.40: manifests-v2/ first, then manifests/ for what is not there."""

    def v2(self, path):
        if not os.path.islink(path):
            return read(path)
        target = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        if os.path.dirname(target) != os.path.join(self.store, "blobs") or not BLOB.match(os.path.basename(target)):
            raise Broken(f"{path} leads out of the store")
        return self.blob(os.path.basename(target).replace("-", ":", 1))

    def choose(self, listed):
        there = {}
        for child in listed["manifests"]:
            if os.path.isfile(os.path.join(self.store, "blobs", child["digest"].replace(":", "-"))):
                there.setdefault(child["runner"], child["digest"])
        for runner in RUNNERS:
            if runner in there:
                return json.loads(self.blob(there[runner]))
        raise Broken("no compatible manifest")

    def models(self):
        found = {}
        for name, path in [*self.walk("manifests-v2"), *self.walk("manifests")]:
            if name in found:
                continue
            if os.path.islink(path) and not os.path.exists(path):
                continue
            manifest = json.loads(self.v2(path) if "manifests-v2" in path else read(path))
            found[name] = self.check(self.choose(manifest) if "manifests" in manifest else manifest)
        return found
