# SPDX-License-Identifier: MIT
"""One command: what it was, what it said, and all there was before and after it."""
import json

import places
from disk import ours

READERS = {"plan", "list", "show", "df", "diff", "outdated", "manifest"}


class Registry:
    """models.json as it was at one moment."""

    def __init__(self, disk):
        node = disk.get(places.REGISTRY)
        self.text = node.data if node else None
        self.models, self.fault = [], None
        if node:
            try:
                self.models = json.loads(node.data)["models"]
            except (ValueError, KeyError, TypeError) as error:
                self.fault = repr(error)
        self.top = disk.top
        self.owners = {}
        for model in self.models:
            for file in model.get("files", ()):
                path = places.registered(file["path"], disk.top)
                if path:
                    path = disk.canonical(path)
                    self.owners.setdefault(path, []).append((model, file))

    def ids(self):
        return [model.get("id") or model["name"] for model in self.models]

    def paths(self):
        """(id, path) -> SHA-256."""
        return {(model.get("id") or model["name"], file["path"]): file.get("sha256")
                for model in self.models for file in model.get("files", ())}

    def digests(self, path):
        return {file.get("sha256") for _, file in self.owners.get(path, ())}


class Step:
    """One command: what it was, and all there was before and after it."""

    def __init__(self, words, before, here, closed, wants=(), ids=(), again=False):
        self.words, self.before, self.here, self.closed = words, before, here, set(closed)
        self.command, self.wants, self.ids, self.again = words[0], list(wants), set(ids), again
        has = words.__contains__
        self.force, self.update, self.offline, self.locked = has("--force"), has("--update"), has("--offline"), has("--locked")
        self.repair, self.dry, self.quick, self.json = has("--repair"), has("-n"), has("--quick"), has("--json")
        self.store = words[words.index("--store") + 1] if has("--store") else None
        self.young = has("--min-age")
        self.registry, self.lock = Registry(before), lock_of(before)
        self.sent = []

    def end(self, code, out, err, killed, after):
        self.code, self.out, self.err, self.killed, self.after = code, out, err, killed, after
        self.later = Registry(after)
        self.sent = self.here.sent()
        self.reads = self.dry or self.command in READERS or (self.command == "verify" and not self.repair) or (
            self.command == "lock" and "--check" in self.words)

    def expected(self, want, disk=None):
        """Where the bytes of a want have to be, in real folders -> SHA-256; None if its revision has no such file."""
        found = want.expected(self.here, self.lock, self.update)
        return None if found is None else {(disk or self.before).canonical(path): digest for path, digest in found.items()}

    def looked(self):
        """The folders that the command has to look through, or None when it says itself what it looks at."""
        if self.command in ("adopt", "link") and any("/" in word for word in self.words[1:]):
            return []
        return [places.STORES[self.store]] if self.store else list(places.STORES.values())

    def changed(self):
        for path, node in self.before.items():
            if node.kind != "d" and not ours(path) and not node.same(self.after.get(path)):
                yield path, node, self.after.get(path) if path in self.after and self.after[path].kind != "d" else None

    def added(self):
        for path, node in self.after.items():
            if node.kind != "d" and not ours(path) and path not in self.before:
                yield path, node

    def name(self):
        return self.command + "".join(f" {w}" for w in self.words if w in ("--force", "--repair", "--store"))

    def document(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return None


def lock_of(disk):
    try:
        return json.loads(disk[places.LOCK].data)
    except (KeyError, ValueError):
        return {}
