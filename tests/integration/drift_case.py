"""What lock, diff and outdated are tried on: one model of each kind of source, whose tags and branches move."""
import json

from harness import Case, TOKENS, gguf, safetensors, sha256

OLD, NEW = "a" * 40, "b" * 40  # commits


class DriftCase(Case):
    """One model of each kind of source. `publish` sets what upstream serves; the second edition is other bytes."""

    def setUp(self):
        super().setUp()
        self.token_env = dict(TOKENS)

    def publish(self, edition):
        hub, commit = self.hub, OLD if edition == 1 else NEW
        self.bytes = {
            "hf": gguf(f"hf{edition}", 30_000 * edition), "tag": gguf(f"tag{edition}", 20_000 * edition),
            "civitai": safetensors(f"civitai{edition}", 25_000 * edition), "url": gguf(f"url{edition}", 10_000 * edition)}
        hub.hf("org/model-GGUF", {"model.gguf": self.bytes["hf"]}, commit=commit)
        hub.ollama("library/tiny", [("model", self.bytes["tag"]), ("license", b"MIT")], tag="1b",
                   config={"model_format": "gguf", "model_family": "llama", "model_type": f"{edition}B",
                           "file_type": "Q4_K_M"})
        hub.civitai(100 + edition, 4384, "picture.safetensors", self.bytes["civitai"])
        self.url = hub.url("/files/url.gguf", self.bytes["url"])

    def moving(self):
        """What a manifest says of sources that may move."""
        return [
            {"id": "hf", "files": [{"from": ["hf:org/model-GGUF/model.gguf"], "to": [{"store": "llama-cpp", "name": "hf.gguf"}]}]},
            {"id": "tag", "files": [{"from": ["ollama:tiny:1b"]}]},
            {"id": "civitai", "kind": "checkpoint", "use_cases": [],
             "files": [{"from": ["civitai:4384@latest"], "to": [{"store": "comfyui", "folder": "checkpoints"}]}]},
        ]

    def plain(self, **pins):
        return {"id": "url", "files": [{"from": [self.url], "insecure_http": True, **pins,
                                        "to": [{"store": "llama-cpp", "name": "url.gguf"}]}]}

    def ask(self, *arguments, code=0, env=None):
        """Runs a command with --json. Returns its data and the state of each model (of a pin that has none: of its URI)."""
        result = self.machine.run(*arguments, "--json", env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        data = json.loads(result.out)["data"]
        return data, {entry["model"] or entry["uri"]: entry["state"] for entry in data["entries"]}

    def entry(self, data, model):
        return next(e for e in data["entries"] if e["model"] == model)

    def lock_text(self):
        with open(self.machine.store("ncmodel.lock"), encoding="utf-8") as file:
            return file.read()

    def locked(self):
        return json.loads(self.lock_text())["entries"]

    def assert_no_content_was_fetched(self):
        digests = {sha256(data) for data in self.bytes.values()}
        for request in self.hub.asked():
            content = request["path"].startswith(("/xet/", "/storage/", "/api/download/", "/files/")) or \
                request["path"].rsplit("/", 1)[-1] in digests
            self.assertFalse(content and request["method"] == "GET", request["path"])
