# SPDX-License-Identifier: MIT
"""Moves that are cut short: the old or the new files are whole and registered, and the same commands end it."""
from cases import Case, pages

OLLAMA, SMALL = ".ollama/models", ".ollama-small/models"


class Move(Case):
    """A file to another application's folder, and an Ollama model that shares a blob with one that stays."""
    steps = [(["mv", "-y", "one", "--to", "training"], 0), (["mv", "-y", "tiny", "--to", "ollama-small"], 0)]
    again = [arguments for arguments, _ in steps]

    def build(self):
        self.url("one.gguf", pages("one", 300000))
        self.url("two.gguf", pages("two", 100000))
        shared = ("template", b"{{ .Prompt }}")
        self.ollama("tiny", [("model", pages("tiny", 90000)), shared])
        self.ollama("other", [("model", pages("other", 80000)), shared])

    def prepare(self, run):
        run("pull", "-y")
        self.old, self.served = dict(self.final), {}
        tiny = f"{OLLAMA}/manifests/registry.ollama.ai/library/tiny/latest"
        other = set(self.references[f"{OLLAMA}/manifests/registry.ollama.ai/library/other/latest"])
        for path in [tiny, *self.references[tiny]]:
            self.final[path.replace(OLLAMA, SMALL)] = self.old[path]
        for path in {tiny, *self.references[tiny]} - other:
            del self.final[path]
        self.references[tiny.replace(OLLAMA, SMALL)] = [blob.replace(OLLAMA, SMALL) for blob in self.references[tiny]]
        one = [path for path in self.final if path.endswith("/one.gguf")][0]
        self.final["training/models/one.gguf"] = self.final.pop(one)
