"""`ncmodel manifest dump`, `import` and `init`: what is installed becomes a manifest that brings the same bytes again."""
import io
import json
import os
import tarfile
import unittest

from harness import Case, gguf, safetensors, sha256

COMMIT = "d" * 40


def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in (("nodes-1.0/nodes.py", b"print('node')\n"), ("nodes-1.0/web/a.txt", b"text\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def text_of(path):
    with open(path) as file:
        return file.read()


class DumpTest(Case):
    def setUp(self):
        super().setUp()
        m, hub = self.machine, self.hub
        hub.hf("org/chat", {"chat.gguf": gguf("chat", 300_000)}, COMMIT)
        hub.hf("org/many", {"a.safetensors": safetensors("a", 5000), "sub/b.safetensors": safetensors("b", 6000),
                            "config.json": b"{}"}, COMMIT)
        self.picture = safetensors("picture", 9000)
        hub.civitai(128713, 4384, "dream.safetensors", self.picture)
        hub.ollama("library/tiny", [("model", gguf("tiny", 70_000)), ("template", b"{{ .Prompt }}"),
                                    ("params", b'{"stop":["x"]}')])
        hub.ollama("library/pair", [("model", gguf("pair", 50_000))])
        self.models = [
            {"id": "chat", "description": "Talks.", "aliases": ["Chatty"], "tags": ["Mine"], "performance_score": 0.9,
             "use_cases": ["CodeGeneration"], "license": "MIT", "context_length": 4096, "requires": ["plain"],
             "notes": ["Be kind."], "files": [{"from": ["hf:org/chat/chat.gguf"], "to": [
                 {"store": "llama-cpp", "name": "talk.gguf"}]}]},
            {"id": "many", "kind": "diffusion", "use_cases": [], "files": [
                {"from": ["hf:org/many"], "to": [{"store": "comfyui", "folder": "diffusers", "name": "many"}]}]},
            {"id": "dream", "kind": "checkpoint", "use_cases": [], "files": [
                {"from": ["civitai:4384@128713"], "to": [{"store": "a1111", "folder": "checkpoints"},
                                                         {"store": "comfyui", "folder": "checkpoints"}]}]},
            {"id": "tiny", "files": [{"from": ["ollama:tiny"]}]},
            {"id": "pair", "files": [{"from": ["ollama:pair"], "to": [{"store": "ollama"}, {"store": "ollama-large"}]}]},
            m.simple("plain.gguf", gguf("plain", 4000)),
            {"id": "nodes", "kind": "custom-node", "use_cases": [], "files": [
                {"from": [hub.url("/files/nodes.tar.gz", archive())], "insecure_http": True, "extract": {"strip": 1},
                 "role": "code", "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "nodes"}]}]},
        ]
        m.manifest(self.models)

    def dump(self, *arguments, code=0, env=None):
        result = self.machine.run("manifest", "dump", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err)
        return result

    def test_a_dump_brings_the_same_bytes(self):
        m = self.machine
        self.pull()
        path = os.path.join(m.home, "dumped.json")
        result = self.dump("-o", path)
        self.assertNotIn("left out", result.err)
        self.assertEqual(m.run("manifest", "check", path).returncode, 0)
        with open(path) as file:
            dumped = json.load(file)
        self.assertEqual({e["id"] for e in dumped["models"]}, {e["id"] for e in self.models})
        for entry in dumped["models"]:
            for spec in entry["files"]:
                self.assertTrue("sha256" in spec or "digest" in spec, spec)

        plan = m.run("-f", path, "plan", "--offline", "--exit-code")
        self.assertEqual(plan.returncode, 0, plan.err + plan.out)
        before = text_of(m.store("models.json"))
        again = m.run("-f", path, "pull", "-y")
        self.assertEqual(again.returncode, 0, again.err)
        self.assertEqual(text_of(m.store("models.json")), before)

        # an empty machine, which knows nothing but the dump
        filled, m.root = m.snapshot(), os.path.join(m.home, "other")
        os.makedirs(m.root)
        m.env["NCMODEL_ROOT"] = m.root
        fresh = m.run("-f", path, "pull", "-y")
        self.assertEqual(fresh.returncode, 0, fresh.err)
        taken = m.snapshot()
        for snapshot in (filled, taken):
            for name in ("models.json", "ncmodel.lock"):
                snapshot.pop(os.path.join("server/ai/llama-cpp/models", name), None)
        self.assertEqual(taken, filled)

    def test_what_is_known_is_carried_over(self):
        self.pull()
        entry = {e["id"]: e for e in json.loads(self.dump("chat").out)["models"]}
        self.assertEqual(set(entry), {"chat"})
        chat = entry["chat"]
        for key in ("description", "aliases", "tags", "performance_score", "use_cases", "license", "context_length", "notes"):
            self.assertEqual(chat[key], self.models[0][key], key)
        self.assertNotIn("requires", chat)  # what it requires is not in this manifest
        self.assertEqual(chat["files"][0]["from"][0], f"hf:org/chat/chat.gguf@{COMMIT}")
        self.assertEqual(chat["files"][0]["to"], [{"store": "llama-cpp", "name": "talk.gguf"}])
        both = {e["id"]: e for e in json.loads(self.dump("chat", "plain").out)["models"]}
        self.assertEqual(both["chat"]["requires"], ["plain"])

    def test_ollama_has_digest_layers_and_stores(self):
        self.pull("tiny", "pair")
        tiny, pair = sorted(json.loads(self.dump().out)["models"], key=lambda m: m["id"], reverse=True)
        self.assertEqual(tiny["files"][0]["from"], ["ollama:tiny"])
        manifest = self.hub.blobs["service"]["/v2/library/tiny/manifests/latest"]
        self.assertEqual(tiny["files"][0]["digest"], "sha256:" + sha256(manifest))
        self.assertEqual(sorted(l["type"] for l in tiny["files"][0]["layers"]), ["config", "model", "params", "template"])
        self.assertEqual([t["store"] for t in pair["files"][0]["to"]], ["ollama", "ollama-large"])

    def test_without_a_source_it_is_left_out_by_name(self):
        m = self.machine
        self.pull("plain", "chat")
        with open(m.store("models.json")) as file:
            registry = json.load(file)
        for entry in registry["models"]:
            if entry["id"] == "chat":
                entry["source"] = None
        with open(m.store("models.json"), "w") as file:
            json.dump(registry, file)
        os.remove(m.store("ncmodel.lock"))
        result = self.dump()
        self.assertRegex(result.err, r"chat is left out: nothing tells where .*talk\.gguf")
        self.assertEqual([e["id"] for e in json.loads(result.out)["models"]], ["plain"])
        told = json.loads(self.dump("--json").out)["data"]
        self.assertEqual([gap["what"] for gap in told["left_out"]], ["chat"])
        self.dump("chat", code=2)

    def test_of_an_older_script(self):
        with_digest = {"models": [{"name": "old", "file_path": "models/old.gguf", "size_mb": 1, "capabilities": [],
                                   "performance_score": 0.5, "cost_score": 0.5, "privacy_tier": "Internal",
                                   "use_cases": ["General"]}]}
        os.makedirs(self.machine.store())
        with open(self.machine.store("models.json"), "w") as file:
            json.dump(with_digest, file)
        result = self.dump(code=2)
        self.assertIn("has no digest in models.json", result.err)

    def test_nothing_installed(self):
        self.assertIn("manifest init", self.dump(code=2).err)

    def test_init(self):
        m = self.machine
        path = os.path.join(m.manifests, "mine", "phase-1-high.json")
        started = m.run("manifest", "init", "mine")
        self.assertEqual(started.returncode, 0, started.err)
        self.assertIn("--profile mine plan", started.err)
        self.assertEqual(m.run("manifest", "check", path).returncode, 0)
        before = text_of(path)
        again = m.run("manifest", "init", "mine")
        self.assertEqual(again.returncode, 11, again.err)
        self.assertEqual(text_of(path), before)
        self.assertEqual(m.run("manifest", "init", "noa").returncode, 11)
        self.assertEqual(m.run("manifest", "init", "Not A Name").returncode, 2)
        self.pull("plain", "tiny")
        self.assertEqual(m.run("manifest", "init", "backup").returncode, 0)
        plan = m.run("--profile", "backup", "plan", "--offline", "--exit-code")
        self.assertEqual(plan.returncode, 0, plan.err + plan.out)


class ImportTest(Case):
    def take(self, text, *arguments, code=0):
        path = os.path.join(self.machine.home, "list")
        with open(path, "w") as file:
            file.write(text)
        result = self.machine.run("manifest", "import", path, *arguments)
        self.assertEqual(result.returncode, code, result.err)
        if result.out:
            written = os.path.join(self.machine.home, "taken.json")
            with open(written, "w") as file:
                file.write(result.out)
            check = self.machine.run("manifest", "check", written)
            self.assertEqual(check.returncode, 0, check.err)
            result.models = json.loads(result.out)["models"]
        return result

    def test_a_script(self):
        result = self.take('#!/bin/sh\nset -e\nollama pull llama3.2:3b && sudo ollama run --verbose mistral "hello; you"\n'
                           'for m in a b; do ollama pull "$m"; done\n# ollama pull not-this\nollama pull \'no good\'\n',
                           code=2)
        self.assertEqual([m["files"][0]["from"] for m in result.models],
                         [["ollama:llama3.2:3b"], ["ollama:mistral:latest"], ["ollama:a:latest"], ["ollama:b:latest"]])
        self.assertIn("line 6", result.err)
        self.assertNotIn("line 4", result.err)
        self.assertNotIn("line 2", result.err)

    def test_addresses_are_pulled(self):
        m, data = self.machine, gguf("x", 5000)
        self.hub.hf("org/repo", {"x.gguf": data}, COMMIT)
        self.take("https://huggingface.co/org/repo/resolve/main/x.gguf?download=true\n  out=mine.gguf\n"
                  f"  checksum=sha-256={sha256(data).upper()}\n", "--as-profile", "mine")
        pulled = m.run("--profile", "mine", "pull", "-y")
        self.assertEqual(pulled.returncode, 0, pulled.err)
        with open(m.store("mine.gguf"), "rb") as file:
            self.assertEqual(file.read(), data)

    def test_two_files_of_one_name(self):
        result = self.take("https://a.example/x.gguf\nhttps://b.example/X.GGUF\n", code=2)
        self.assertEqual(len(result.models), 1)
        self.assertIn("line 2", result.err)

    def test_comfyui_manager(self):
        entry = {"name": "A", "type": "lora", "base": "SDXL", "save_path": "loras/SDXL", "filename": "a.safetensors",
                 "url": "https://huggingface.co/org/repo/resolve/main/a.safetensors", "size": "4.71MB"}
        result = self.take(json.dumps({"models": [
            entry, {**entry, "name": "B", "save_path": "default", "filename": "b.safetensors"},
            {**entry, "name": "C", "save_path": "../../etc"},
            {**entry, "name": "D", "save_path": "RGT/RGT", "filename": "d.pth"},
            {**entry, "name": "E", "filename": "<huggingface>", "url": "org/whole", "save_path": "LLM"},
            {**entry, "name": "F", "filename": "../f.safetensors"}, 7, {}]}, indent=1), code=2)
        self.assertEqual([(m["name"], m["kind"], m["files"][0]["from"], m["files"][0]["to"]) for m in result.models], [
            ("A", "lora", ["hf:org/repo/a.safetensors"],
             [{"store": "comfyui", "folder": "loras", "name": "SDXL/a.safetensors"}]),
            ("B", "lora", ["hf:org/repo/a.safetensors"], [{"store": "comfyui", "folder": "loras", "name": "b.safetensors"}]),
            ("D", "lora", ["hf:org/repo/a.safetensors"], [{"store": "comfyui", "name": "models/RGT/RGT/d.pth"}]),
            ("E", "lora", ["hf:org/whole"], [{"store": "comfyui", "folder": "llm", "name": "whole"}])])
        for gap in ("line 21 is left out: C", "left out: F"):
            self.assertIn(gap, result.err)
        self.assertEqual(result.err.count("(no name)"), 2)

    def test_hostile_lists(self):
        self.take("", code=2)
        self.take("{", code=2)
        self.take('{"models": 7}', code=2)
        self.take("a" * 100_000, code=2)
        self.take("ollama pull " + "'" * 999 + "\n" + "ollama pull \x1b[31m\n", code=2)
        self.take("https://" + "a/" * 3000 + "x.gguf\n", code=2)
        self.take('{"models": [' + ",".join(['{"name": "\\u0007"}'] * 2000) + "]}", code=2)


if __name__ == "__main__":
    unittest.main()
