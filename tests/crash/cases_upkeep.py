# SPDX-License-Identifier: MIT
"""Removals and collections that are cut short: nothing names bytes that are not there, and a gc ends what was begun."""
import hashlib
import json
import os

from cases import NODE, Case, pages
from oracle import MODELS, NEEDED, REGISTRY, Oracle, is_own

NODES = "ComfyUI/custom_nodes/node"
OLLAMA = ".ollama/models"


class Kept(Oracle):
    """Each model is there as a whole, or nothing of it is; what is nobody's is not there."""

    def compare_folder(self, root, selector_check):
        with open(os.path.join(root, REGISTRY), encoding="utf-8") as file:
            text = file.read()
        installed = {model["name"] for model in json.loads(text)["models"]}
        wrong = [f"models.json: {line}" for line in selector_check.check(text)]
        expected = {path for name, paths in self.case.files.items() if name in installed or name in self.case.stay
                    for path in paths}
        wrong += [f"{name} is not in models.json" for name in self.case.stay - installed]
        rest = []
        for folder, folders, names in os.walk(root):
            relative = os.path.relpath(folder, root)
            if not folders and not names and not is_own(relative) and relative not in self.case.folders:
                wrong.append(f"the folder {relative} is empty and still there")
            for name in names:
                path = os.path.normpath(os.path.join(relative, name))
                if path in expected:
                    expected.discard(path)
                    with open(os.path.join(folder, name), "rb") as file:
                        if file.read() not in self.case.right(path):
                            wrong.append(f"{path} is wrong")
                elif is_own(path) and NEEDED.search(path):
                    continue
                elif path not in (REGISTRY, MODELS + "/ncmodel.lock"):
                    wrong.append(f"{path} is nobody's and still there")
        return wrong + [f"{path} is missing" for path in expected], rest


class Upkeep(Case):
    """
    files    {model: paths} that it has in the beginning
    stay     models that nothing may happen to
    folders  that may be empty
    """
    Oracle = Kept

    def build(self):
        self.url("one.gguf", pages("one", 300000))
        self.url("two.gguf", pages("two", 100000))
        self.archive("node.tar.gz", NODE)
        shared = ("template", b"{{ .Prompt }}")
        self.ollama("tiny", [("model", pages("tiny", 90000)), shared])
        self.ollama("other", [("model", pages("other", 80000)), shared])
        self.files = {name: [path for path in self.final if f"/{name}" in path] for name in ("one", "two", "node")}
        for name in ("tiny", "other"):
            manifest = f"{OLLAMA}/manifests/registry.ollama.ai/library/{name}/latest"
            self.files[name] = [manifest, *self.references[manifest]]
        self.stay = {"two", "other"}
        self.folders = {f"{OLLAMA}/blobs", f"{OLLAMA}/manifests", os.path.dirname(NODES)}
        self.garbage()

    def garbage(self):
        """Beyond what is pulled."""

    def prepare(self, run):
        run("pull", "-y")
        self.old, self.final, self.served = self.final, {}, {}


class Remove(Upkeep):
    """Files of their own, an unpacked archive, and an Ollama model that shares a blob with another."""
    steps = [(["rm", "-y", "one", "node", "tiny"], 0)]
    again = [["gc", "-y", "--min-age", "0"]]


class Collect(Upkeep):
    """What killed runs and other tools left, and a removal that was cut short already."""
    steps = [(["gc", "-y", "--min-age", "0", "--all"], 0)]
    again = steps[0][:1]

    def garbage(self):
        self.stay = set(self.files)
        staging = f"{MODELS}/.ncmodel/staging"
        self.left = {
            f"{staging}/commit-0123456789abcdef": b"x" * 5000,
            f"{staging}/{'a' * 64}.part": b"half of it",
            f"{staging}/{'b' * 64}.part.dir/lib/deep/x.py": b"pass",
            f"{OLLAMA}/blobs/sha256-{hashlib.sha256(b'orphan').hexdigest()}": b"orphan",
            f"{OLLAMA}/blobs/sha256-{'c' * 64}-partial": b"half",
            f"{os.path.dirname(NODES)}/gone/sub/y.py": b"pass\n",
            f"{os.path.dirname(NODES)}/gone/lib/x.py": b"pass\n",
        }

    def prepare(self, run):
        super().prepare(run)
        for path, data in self.left.items():
            path = os.path.join(self.recorded_root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(data)
        self.old.update(self.left)
        noted = [os.path.join(self.recorded_root, path) for path in self.left if "/gone/" in path]
        with open(os.path.join(self.recorded_root, MODELS, ".ncmodel", "removing-0123456789abcdef"), "w") as out:
            json.dump({"ncmodel_removal": 1, "models": ["gone"], "files": [
                {"path": path, "kind": "file", "store": "comfyui", "size": 5, "mtime_ns": os.stat(path).st_mtime_ns}
                for path in noted]}, out)
