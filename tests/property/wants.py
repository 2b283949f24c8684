# SPDX-License-Identifier: MIT
"""What a pull can be asked for, and what it has to bring: for each place the SHA-256 of what the source serves there."""
import os
import re

from hub import sha256

import world
from places import FOLDERS


def key_of(source):
    """The model behind a source as models.json or a command spells it: what it is, without revision and digest."""
    if not source:
        return None
    scheme, _, rest = source.partition(":")
    if scheme == "hf":
        path, _, _ = rest.partition("@")
        parts = path.split("/")
        return "hf", "/".join(parts[:2]), "/".join(parts[2:]) or None
    if scheme == "civitai":
        number = re.match(r"(?:\d+@)?(\d+)", rest)
        return ("civitai", int(number.group(1))) if number else ("civitai", rest)
    if scheme == "ollama":
        name, _, tag = rest.partition("@")[0].partition(":")
        return "ollama", name.rsplit("/", 1)[-1], tag or "latest"
    return "url", source.partition("#")[0].removeprefix(world.HOST)


def same(one, other):
    """Whether two keys are of one model. A repository and a file of it are."""
    if one is None or other is None:
        return False
    if one[:2] == other[:2] and one[0] == other[0] == "hf":
        return one[2] is None or other[2] is None or one[2] == other[2]
    return one == other


class Want:
    def __init__(self, source, to, name=None, pin=None, id=None):
        self.source, self.to, self.name, self.pin, self.id = source, to, name, pin, id
        self.key = key_of(source)

    def arguments(self):
        return [self.source] + self.place()

    def place(self):
        if self.to in (None, "llama-cpp"):
            return []
        return ["--to", self.to + (f"/{self.name}" if self.name else "")]

    def model(self):
        """Its entry in a manifest."""
        store, _, folder = (self.to or "ollama").partition("/")
        target = {"store": store, **({"folder": folder} if folder else {}), **({"name": self.name} if self.name else {})}
        spec = {"from": [self.source], "to": [target], **({"sha256": self.pin} if self.pin else {})}
        return {"id": self.id, "name": self.id, "kind": "llm", "use_cases": ["General"], "files": [spec]}

    def lie(self, here):
        """Whether the world tells any lie of it."""
        return any(address[0] == self.key[0] and address[1] == self.key[1] for address in here.lies)

    def locked(self, lock):
        """What the lock pins of it: (revision, digest of the one file), each may be None."""
        names = {self.source, self.source.partition("#")[0]}
        if self.key[0] == "ollama":
            names.add(f"ollama:{self.key[1]}:{self.key[2]}")
        for name, entry in lock.get("entries", {}).items():
            if name in names:
                files = entry.get("files") or [{}]
                return entry.get("revision"), files[0].get("sha256") if len(files) == 1 else None
        return None, None

    def fetched(self, sent, digest):
        """Whether content of it went out, of these paths."""
        mark = {"hf": f"/{digest}/", "civitai": f"/storage/{self.key[1]}", "url": "/files/" + str(self.key[1]).split("?")[0]}
        return any(mark.get(self.key[0], "\0") in path + "/" and (self.key[0] != "hf" or self.key[1] in path) for path in sent)

    def revision(self, here, lock, update):
        kind = self.key[0]
        pinned, digest = (None, None) if update else self.locked(lock)
        if kind == "hf":
            spelled = self.source.partition("@")[2]
            if len(spelled) == 40:
                return spelled
            return pinned or here.head(self.key[1]).id
        if kind == "ollama":
            return (pinned or "sha256:" + sha256(here.images[self.key[1]])).removeprefix("sha256:")
        if kind == "url":
            spelled = re.search(r"#sha256=([0-9a-f]{64})", self.source)
            return spelled.group(1) if spelled else self.pin or digest or sha256(here.addresses[self.key[1]])
        return str(self.key[1])

    def expected(self, here, lock, update):
        """Path -> SHA-256, or None if the revision lacks it. Of an Ollama model: nothing (see its names)."""
        revision, kind = self.revision(here, lock, update), self.key[0]
        if kind == "ollama":
            return {}
        folder = FOLDERS[self.to]
        if kind == "hf":
            commit = here.commit(self.key[1], revision)
            if commit is None:
                return None
            if self.key[2] is None:
                own = f"{folder}/{self.name or os.path.basename(self.key[1])}"
                return {f"{own}/{name}": sha256(data) for name, data in commit.files.items()}
            if self.key[2] not in commit.files:
                return None
            digest = self.pin or sha256(commit.files[self.key[2]])
            return {f"{folder}/{self.name or os.path.basename(self.key[2])}": digest}
        if kind == "civitai":
            return {f"{folder}/{self.name or 'lora-model.safetensors'}": sha256(here.versions[self.key[1]])}
        return {f"{folder}/{self.name or world.basename(self.key[1])}": revision}
