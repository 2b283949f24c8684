"""`ncmodel fit` against the log of a real Ollama's llama.cpp, another version of it than the one of tests/data/memory.json. Skipped
where Ollama is not built."""
import os
import re
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_fit import MIB, FitCase
import memory_models
import ollama_peer

LINES = {"weights": "model", "kv": "KV", "state": "RS", "compute": "compute", "output": "output"}
# Model, context, flash attention, options. It keeps the whole context in windowed layers.
WAYS = (("llama", 4096, False, []), ("llama", 65536, True, []), ("phi3", 4096, True, []), ("gemma2", 4096, False, ["--swa-full"]),
        ("olmo2", 4096, True, ["--swa-full"]), ("mamba2", 4096, True, []), ("falcon-h1", 4096, True, []))


@unittest.skipUnless(ollama_peer.find(), "Ollama is not built: tests/integration/ollama_peer.py build")
class RunnerTest(FitCase):
    def test_what_its_runner_took(self):
        for name, context, flash, more in WAYS:
            with self.subTest(name, context=context, flash=flash):
                self.compare(name, context, flash, more)

    def compare(self, name, context, flash, more):
        path = self.written(memory_models.MODELS[name](), name + ".gguf")
        way = [path, "--context", str(context), *more, *([] if flash else ["--no-flash"])]
        took, told = self.took(path, context, flash), self.model(*way, "--gpu-layers", "0")["host"]
        for part in ("weights", "kv", "state", "output"):
            self.assertAlmostEqual(told[part] / MIB, took[part], delta=0.02, msg=part)
        bound = self.model(*way)["error"] - 100 * MIB  # of the driver's part
        self.assertLessEqual(abs(told["compute"] - took["compute"] * MIB), bound)

    def took(self, path, context, flash):
        """Without a prompt it loads the model, and makes nothing of it: all its weights are zero."""
        with tempfile.TemporaryDirectory() as store, mock.patch.dict(os.environ, OLLAMA_FLASH_ATTENTION=str(int(flash))), \
                ollama_peer.Peer(ollama_peer.find(), store, False) as peer:
            peer.create("it", "FROM " + path)
            peer.ask("/api/generate", {"model": "it", "options": {"num_ctx": context, "num_batch": 512}})
            found = self.read(os.path.join(peer.home, "log"))
            peer.ask("/api/generate", {"model": "it", "keep_alive": 0})
            return found

    def read(self, path):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        last = text[text.rindex("load_tensors: loading model tensors"):]
        return {part: sum(map(float, re.findall(word + r" buffer size = +([0-9.]+) MiB", last))) for part, word in LINES.items()}


if __name__ == "__main__":
    unittest.main()
