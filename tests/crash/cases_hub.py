# SPDX-License-Identifier: MIT
"""A pull into the cache of huggingface_hub that is cut short: never a name without bytes, never a ref without all names."""
import hashlib
import json
import os

from cases import Case, pages
from mirror import ORIGIN
from oracle import Oracle

CACHE = ".cache/huggingface/hub"
REPOSITORY, COMMIT = "org/repo", "ab" * 20
FOLDER = f"{CACHE}/models--org--repo"
SNAPSHOT, REF, TREE = f"{FOLDER}/snapshots/{COMMIT}/", f"{FOLDER}/refs/main", f"{FOLDER}/trees/{COMMIT}.json"
TAG = f"{CACHE}/CACHEDIR.TAG"
TAG_BEGINS = b"Signature: 8a477f597d28d172789f06886806bc55\n"


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_lock(path):
    """The library's own: empty, and left."""
    return path.startswith(f"{CACHE}/.locks/models--")


class HubOracle(Oracle):
    """What huggingface_hub would complain of (scan_cache_dir): links that lead nowhere, refs of no snapshot."""

    def look(self, left):
        links = {path: file.link for path, (file, *_) in left.paths.items() if file.link is not None}
        wrong = [f"{path} leads to {link}, which is not there" for path, link in links.items()
                 if os.path.normpath(os.path.join(os.path.dirname(path), link)) not in left.paths]
        if links and TREE not in left.paths:
            wrong.append("a snapshot has files, and nothing tells what it lacks")
        if REF in left.paths:
            wrong += [f"{REF} is there without {path}" for path in self.case.names if path not in links]
        return wrong + super().look(left)

    def look_at_file(self, path, content):
        if is_lock(path):
            return [f"{path} is not empty"] if content.size else []
        if path == TAG:
            return [] if content.bytes().startswith(TAG_BEGINS) else [f"{path} is damaged"]
        return super().look_at_file(path, content)

    def compare_folder(self, root, selector_check):
        wrong, rest = super().compare_folder(root, selector_check)
        fitting = {f"{path} should not be there" for path in self.case.walk(root) if is_lock(path) or path == TAG}
        return [fault for fault in wrong if fault not in fitting], rest

    def compare_registry(self, root, selector_check):
        """It has the names in the snapshot, and nothing else of the cache."""
        unnamed = {f"models.json does not name {path}" for path in self.case.final if path not in self.case.names}
        return [fault for fault in super().compare_registry(root, selector_check) if fault not in unnamed]


class Hub(Case):
    """Small files, of which git's SHA-1 is known, and a large one; in several folders."""
    Oracle = HubOracle

    def build(self):
        files = {"config.json": b"{}\n", "model.gguf": pages("model", 300000), "sub/notes.txt": b"notes\n",
                 "sub/deep/more.txt": b"more\n"}
        entries, notes, self.names = [], {}, set()
        for name, data in sorted(files.items()):
            large = name.endswith(".gguf")
            blob = f"{FOLDER}/blobs/{self.sha(data) if large else git_sha1(data)}"
            entry = {"type": "file", "path": name, "oid": git_sha1(data), "size": len(data)}
            notes[name] = {"size": len(data), "blob_id": git_sha1(data)}
            if large:
                entry["lfs"] = {"oid": self.sha(data), "size": len(data), "pointerSize": 134}
                notes[name] |= {"lfs_sha256": self.sha(data), "lfs_size": len(data)}
            entries.append(entry)
            self.serve(f"/{REPOSITORY}/resolve/{COMMIT}/{name}", data, blob)
            self.final[SNAPSHOT + name] = data
            self.names.add(SNAPSHOT + name)
        self.final[REF] = COMMIT.encode()
        self.final[TREE] = json.dumps({"format_version": 1, "files": notes}, indent=1).encode()
        self.model("repo", {"from": [f"hf:{REPOSITORY}"], "to": [{"store": "hf"}]})
        api = f"/api/models/{REPOSITORY}"
        self.other[f"{api}/revision/main"] = json.dumps({"id": REPOSITORY, "sha": COMMIT, "gated": False}).encode()
        self.other[f"{api}/tree/{COMMIT}"] = json.dumps(entries).encode()

    def environment(self, home, mirror):
        return {**super().environment(home, mirror), "HF_ENDPOINT": ORIGIN}

    @staticmethod
    def walk(root):
        for folder, _, names in os.walk(root):
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), root)
