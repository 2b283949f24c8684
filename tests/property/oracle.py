# SPDX-License-Identifier: MIT
"""Whose bytes lie where: who wrote last what lies at each path, and what a command may therefore take away or change. It shares no
code with the program: it compares the disk and models.json before and after with what the world serves.
"""
import os

import contents
import places
import reach
from hub import sha256
from wants import key_of, same


class Oracle:
    def __init__(self):
        self.writer = {}  # path -> "user" or "ours": who wrote last what lies there
        self.moved = []  # (id, old path, new path, SHA-256) that the user moved since the last adopt
        self.forged = False  # models.json or notes were made by somebody else
        self.doomed = set()  # files of which a killed rm may have left a note
        self.doomed_keys = set()  # and the models
        self.unsettled = set()  # sidecars lie there: what differs is not known to be damaged

    def user(self, before, after, moves=None):
        """Takes in what the user or another program did."""
        for path, node in after.files().items():
            if not node.same(before.get(path)):
                old = (moves or {}).get(path)
                self.writer[path] = self.writer.get(old, "user") if old else "user"
        for path in before.files():
            if path not in after:
                self.writer.pop(path, None)

    def settle(self, step):
        for path, node in step.after.files().items():
            if not node.same(step.before.get(path)):
                self.writer[path] = "ours"
        for path in step.before.files():
            if path not in step.after:
                self.writer.pop(path, None)
        if step.command == "adopt" and not step.dry and not step.killed and not step.store and step.looked():
            self.moved = []
        if step.command == "rm" and step.killed:
            self.doomed_keys |= {key_of(m.get("source")) for m in step.registry.models if m.get("id") in step.ids}
            self.doomed |= {path for path, owners in step.registry.owners.items() if {m.get("id") for m, _ in owners} <= step.ids}

    # what is whose

    def by_user(self, path):
        return self.writer.get(path, "user") == "user"

    def may(self, step, path, old, new):
        """Whether this command may take away or change what lies there."""
        inside, owners = places.store_of(path, step.before), step.registry.owners.get(path, [])
        recorded, digest = step.registry.digests(path), sha256(old.data) if old.kind == "f" else None
        if not inside:
            return step.repair and bool(owners) and new is not None and new.kind == "f" and sha256(new.data) in recorded
        if step.dry:
            return False
        if step.command == "rm":
            return new is None and self.may_remove(step, path, old, inside, owners, recorded, digest)
        if step.command == "gc":
            return new is None and self.may_collect(step, path, inside, owners)
        if step.command == "pull":
            return new is not None and self.may_replace(step, path, old, inside, owners, recorded, digest)
        if step.command == "verify" and step.repair:
            proved = digest is not None and (self.ill_named(path, digest) or contents.no_model(old.data) is not None)
            return new is not None and new.kind == "f" and (
                (digest not in recorded and sha256(new.data) in recorded) or bool(step.store and proved))
        return False

    @staticmethod
    def ill_named(path, digest):
        name = os.path.basename(path)
        return name.startswith("sha256-") and name != "sha256-" + digest or "/blobs/" in path and len(name) == 64 and name != digest

    def may_remove(self, step, path, old, inside, owners, recorded, digest):
        ids = {model.get("id") for model, _ in owners}
        if owners and ids <= step.ids and (old.kind == "l" or digest in recorded or step.force):
            return True
        gone = [model for model in step.registry.models if model.get("id") in step.ids]
        if inside in places.OLLAMA:
            named = reach.named(step.after, inside)
            return "/manifests" in path and any(self.is_entry(path, key_of(model.get("source"))) for model in gone) or (
                "/blobs/" in path and named is not None and path not in named)
        if inside == "hf":
            repo = "/".join(path.split("/")[:places.STORES["hf"].count("/") + 2])
            return any(str(places.registered(file["path"], step.registry.top)).startswith(repo + "/")
                       for model in gone for file in model["files"])
        return False

    @staticmethod
    def is_entry(path, key):
        parts = path.lower().split("/")[-2:]
        return key is not None and key[0] == "ollama" and (parts == [key[1].lower(), key[2].lower()] or parts[0] in (
            "llamacpp", "ggml", "mlx", "ollama"))

    def may_collect(self, step, path, inside, owners):
        if owners:
            return False
        if path in self.doomed:
            return True
        if inside in places.OLLAMA:
            named = reach.named(step.before, inside)
            return step.young and "/blobs/" in path and named is not None and path not in named
        if inside == "hf":
            return step.young and "/blobs/" in path
        return not self.by_user(path)

    def may_replace(self, step, path, old, inside, owners, recorded, digest):
        if inside in places.OLLAMA:
            return any(want.key[0] == "ollama" and (self.is_entry(path, want.key) or (
                "/blobs/" in path and digest is not None and self.ill_named(path, digest))) for want in step.wants)
        wants = [want for want in step.wants
                 if path in (step.expected(want) or {})]
        if not wants:
            return False
        if step.force:
            return True
        if not owners:
            return not self.by_user(path)
        if old.kind == "l" or not all(any(same(key_of(model.get("source")), want.key) for want in wants) for model, _ in owners):
            return False
        return not (self.by_user(path) and digest in recorded and any(not model.get("source") for model, _ in owners))

    def what(self, step, path, old):
        owners = step.registry.owners.get(path)
        if not places.store_of(path, step.before):
            return "a file outside every store"
        if old.kind == "l":
            return "a link"
        store = places.store_of(path, step.before)
        if store in places.OLLAMA and ("/blobs/" in path or "/manifests" in path):
            return "a blob that is named" if "/blobs/" in path else "an Ollama manifest"
        if store == "hf":
            return "a file of the Hugging Face cache"
        if owners:
            other = step.wants and any(not same(key_of(m.get("source")), want.key) for m, _ in owners for want in step.wants)
            return ("an adopted or edited file" if self.by_user(path) else "a fetched file") + (" of another model" if other else "")
        return "a user's own file" if self.by_user(path) else "a fetched file that is not registered"

    def in_the_way(self, step, want):
        """Paths at which something lies that is not this model's and not what is wanted."""
        expected = step.expected(want) or {}
        found = []
        for path, digest in expected.items():
            node = step.before.get(path)
            if node is None or node.kind == "d":
                continue
            data = step.before.read(path)
            if data is not None and sha256(data) == digest:
                continue
            owners = step.registry.owners.get(path, [])
            mine = owners and all(same(key_of(model.get("source")), want.key) for model, _ in owners)
            if node.kind == "l" or not mine and (owners or self.by_user(path)):
                found.append(path)
        return found
