"""`ncmodel adopt`: what other tools put here is recognised and registered where it lies, and not a byte of it changes."""
import hashlib
import json
import os
import shutil
import sys
import unittest

from harness import SOURCE, Case, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "fixtures"))
import gguf  # noqa: E402
import ollama_image  # noqa: E402
import safetensors  # noqa: E402

COMMIT = "d" * 40


def chat(seed, size=60_000, quantization="Q4_K_M"):
    return gguf.Model(f"Chat {seed}", quantization, size, seed).single()


def lora(seed):
    names = [f"lora_unet_down_blocks_0_attentions_{i}.lora_{way}.weight" for i in range(2) for way in ("up", "down")]
    return safetensors.encode(safetensors.noise(names, 20_000, seed))


class AdoptTest(Case):
    def ollama(self, store, seed=1, name="tiny-chat", tag="latest"):
        image = ollama_image.Image("library/" + name, tag, gguf.Model(f"Chat {seed}", "Q4_K_M", 60_000, seed), chat(seed))
        image.write_store(os.path.join(self.machine.root, store))
        return image

    def hf(self, repo, files, commit=COMMIT):
        """The cache as huggingface_hub makes it: blobs under their sha256 or git sha1, and links to them."""
        base = os.path.join(self.machine.root, ".cache/huggingface/hub", "models--" + repo.replace("/", "--"))
        for name, data in files.items():
            large = name.endswith((".gguf", ".safetensors"))
            etag = sha256(data) if large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.write(os.path.join(base, "blobs", etag), data)
            link = os.path.join(base, "snapshots", commit, name)
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(os.path.relpath(os.path.join(base, "blobs", etag), os.path.dirname(link)), link)
        self.write(os.path.join(base, "refs", "main"), commit.encode())
        return base

    def adopt(self, *arguments, code=0):
        result = self.machine.run("adopt", "--json", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        result.data = json.loads(result.out)["data"] or {}
        result.models = {m["id"]: m for m in result.data.get("models", [])}
        return result

    def verdicts(self, result):
        return {name: model["verdict"] for name, model in result.models.items()}

    def text_of_registry(self):
        with open(self.machine.store("models.json")) as file:
            return file.read()

    def check_again(self):
        """What was adopted is known, whole, and reads no byte a second time."""
        before, files = self.text_of_registry(), self.machine.snapshot()
        again = self.adopt()
        self.assertEqual(set(self.verdicts(again).values()), {"known"}, again.out)
        self.assertEqual((again.data["hashed"], again.data["new"]), (0, 0))
        self.assertEqual(self.text_of_registry(), before)
        self.assertEqual(self.machine.snapshot(), files)
        self.check_registry()
        verified = self.machine.run("verify")
        self.assertEqual(verified.returncode, 0, verified.out + verified.err)

    def test_what_manifests_pin(self):
        m = self.machine
        weights, eye, config = chat(1), chat(2), b'{"a": 1}'
        m.manifest([
            {"id": "wise", "name": "The Wise One", "use_cases": ["Reasoning"], "performance_score": 0.91, "tags": ["Mine"],
             "files": [{"from": [f"hf:org/wise/wise.gguf@{COMMIT}"], "to": [{"store": "llama-cpp", "name": "wise.gguf"}],
                        "size": len(weights), "sha256": sha256(weights)},
                       {"from": [f"hf:org/wise/config.json@{COMMIT}"], "to": [{"store": "llama-cpp", "name": "wise.json"}],
                        "size": len(config), "sha256": sha256(config), "role": "config"}]},
            {"id": "seer", "kind": "vlm", "variants": [{"name": "small", "files": [
                {"from": [f"hf:org/seer/s.gguf@{COMMIT}"], "to": [{"store": "llama-cpp"}], "size": len(eye),
                 "sha256": sha256(eye)}]}],
             "files": [{"from": [f"hf:org/seer/big.gguf@{COMMIT}"], "to": [{"store": "llama-cpp"}], "size": 9,
                        "sha256": "0" * 64}]}])
        self.write(m.store("any-name.gguf"), weights)
        self.write(m.store("s.gguf"), eye)
        files = m.snapshot()
        told = self.adopt("--dry-run", code=4)
        self.assertEqual(self.verdicts(told), {"wise": "refused", "seer": "new"})
        self.assertIn("config.json", told.models["wise"]["detail"])
        self.assertEqual(m.snapshot(), files)
        self.assertFalse(os.path.exists(m.store(".ncmodel")))
        self.assertEqual(told.data["hashed"], len(weights) + len(eye))

        result = self.adopt(code=4)
        self.assertEqual(self.entries().keys(), {"seer"})
        self.assertEqual(self.entries()["seer"]["variant"], "small")
        os.rename(m.store("any-name.gguf"), m.store("wise.gguf"))
        self.write(m.store("wise.json"), config)  # no model's name: a manifest alone knows of it
        result = self.adopt()
        self.assertEqual(self.verdicts(result), {"wise": "new", "seer": "known"})
        self.assertEqual([f["role"] for f in self.entries()["wise"]["files"]], ["weights", "config"])
        self.assertEqual(m.run("plan", "--offline", "--exit-code", "wise").returncode, 0)
        self.check_again()

    def test_a_pull_keeps_what_was_adopted(self):
        m, weights = self.machine, chat(1)
        m.manifest([{"id": "wise", "name": "The Wise One", "use_cases": ["Reasoning"], "performance_score": 0.91,
                     "license": "MIT", "files": [{"from": [f"hf:org/wise/wise.gguf@{COMMIT}"], "size": len(weights),
                                                  "to": [{"store": "llama-cpp", "name": "wise.gguf"}],
                                                  "sha256": sha256(weights)}]}])
        path = self.write(m.store("wise.gguf"), weights)
        os.utime(path, ns=(1, 1234567890123456789))
        result = self.adopt()
        self.assertEqual(self.verdicts(result), {"wise": "new"})
        self.assertEqual(result.models["wise"]["known_by"], "manifest")
        entry = self.entries()["wise"]
        self.assertEqual((entry["display_name"], entry["use_cases"], entry["performance_score"], entry["license"]),
                         ("The Wise One", ["Reasoning"], 0.91, "MIT"))
        self.assertEqual((entry["profile"], entry["phase"], entry["trust"]), ("test", 1, "manifest"))
        self.assertEqual(entry["files"][0]["mtime_ns"], 1234567890123456789)
        plan = m.run("plan", "--offline", "--exit-code")
        self.assertEqual(plan.returncode, 0, plan.out + plan.err)
        # Bytes of another content with the size and mtime that were recorded: nobody reads them.
        data = bytearray(weights)
        data[-1] ^= 1
        self.write(path, data)
        os.utime(path, ns=(1, 1234567890123456789))
        self.assertEqual(m.run("plan", "--offline", "--exit-code").returncode, 0)
        self.write(path, weights)
        os.utime(path, ns=(1, 1234567890123456789))
        self.check_again()

    def test_two_ollama_stores(self):
        m = self.machine
        small = self.ollama(".ollama-small/models")
        self.ollama(".ollama-large/models")
        self.ollama(".ollama-large/models", 2, "other", "7b")
        result = self.adopt()
        self.assertEqual(self.verdicts(result), {name: "new" for name in (
            "tiny-chat:latest", "tiny-chat:latest-ollama-large", "other:7b")})
        self.assertEqual({x["known_by"] for x in result.models.values()}, {"ollama"})
        for entry in self.entries().values():
            self.assertEqual((entry["use_cases"], entry["privacy_tier"], entry["cost_score"]), (["General"], "Internal", 0.75))
            self.assertEqual({f["store"] for f in entry["files"]}, {entry["store"]})
            self.assertEqual(entry["files"][0]["role"], "model")
        one = self.entries()["tiny-chat:latest-ollama-large"]
        self.assertEqual(one["store"], "ollama-large")
        self.assertEqual(one["source"], f"ollama:tiny-chat:latest@sha256:{small.digest.removeprefix('sha256:')}")
        self.check_again()
        # The lock knows the tags now: what is here need not be looked up.
        m.manifest([{"id": "mine", "files": [{"from": ["ollama:other:7b"], "to": [{"store": "ollama-large"}]}]}])
        plan = json.loads(m.run("plan", "--offline", "--json").out)
        self.assertEqual({f["step"] for f in plan["data"]["models"][0]["files"]}, {"keep"})

    def test_one_model_in_two_ollama_stores(self):
        image = self.ollama(".ollama-small/models")
        self.ollama(".ollama-large/models")
        self.ollama(".ollama/models")
        self.machine.manifest([{"id": "pair", "files": [{
            "from": ["ollama:tiny-chat"], "digest": "sha256:" + image.digest.removeprefix("sha256:"),
            "to": [{"store": "ollama-small"}, {"store": "ollama-large"}]}]}])
        result = self.adopt()
        self.assertEqual(self.verdicts(result), {"pair": "new", "tiny-chat:latest": "new"})
        self.assertEqual({f["store"] for f in self.entries()["pair"]["files"]}, {"ollama-small", "ollama-large"})
        self.assertEqual(self.entries()["tiny-chat:latest"]["store"], "ollama")
        self.assertEqual(self.machine.run("plan", "--offline", "--exit-code").returncode, 0)
        self.check_again()

    def test_hugging_face_cache(self):
        weights = chat(1)
        base = self.hf("org/wise-GGUF", {"wise-q4.gguf": weights, "README.md": b"# Wise\n", "config.json": b"{}"})
        result = self.adopt()
        self.assertEqual(len(result.models), 1)
        entry = list(self.entries().values())[0]
        self.assertEqual((result.models[entry["id"]]["known_by"], entry["source"], entry["revision"], entry["store"]),
                         ("hf", f"hf:org/wise-GGUF@{COMMIT}", COMMIT, "hf"))
        self.assertEqual(len(entry["files"]), 3)
        self.assertTrue(entry["files"][0]["path"].endswith(sha256(weights)), entry["files"])
        self.check_again()
        dump = self.machine.run("manifest", "dump")
        self.assertEqual(dump.returncode, 0, dump.err)
        files = json.loads(dump.out)["models"][0]["files"]
        self.assertEqual({(f["from"][0], f["sha256"]) for f in files}, {
            (f"hf:org/wise-GGUF/{name}@{COMMIT}", sha256(data)) for name, data in
            (("wise-q4.gguf", weights), ("README.md", b"# Wise\n"), ("config.json", b"{}"))})
        self.assertEqual([f["to"] for f in files], [[{"store": "hf"}]] * 3)
        # One byte of a small file, whose name is git's sha1.
        shutil.rmtree(base)
        os.remove(self.machine.store("models.json"))
        base = self.hf("org/wise-GGUF", {"wise-q4.gguf": weights, "config.json": b"{}"})
        for name in os.listdir(os.path.join(base, "blobs")):
            if len(name) == 40:
                self.write(os.path.join(base, "blobs", name), b"{ ")
        refused = self.adopt(code=4)
        self.assertEqual(set(self.verdicts(refused).values()), {"refused"})
        self.assertFalse(os.path.exists(self.machine.store("models.json")))

    def test_a_model_of_a_manifest_in_the_cache_is_linked_by_pull(self):
        m, weights = self.machine, chat(1)
        self.hf("org/wise", {"wise.gguf": weights, "README.md": b"# Wise\n"})
        m.manifest([{"id": "wise", "files": [{"from": [f"hf:org/wise/wise.gguf@{COMMIT}"], "size": len(weights),
                                              "sha256": sha256(weights), "to": [{"store": "llama-cpp", "name": "w.gguf"}]}]}])
        self.assertEqual(self.verdicts(self.adopt()), {"wise": "new"})
        self.assertEqual(len(self.entries()["wise"]["files"]), 1)
        self.check_again()
        pulled = m.run("pull", "-y", "--offline")
        self.assertEqual(pulled.returncode, 0, pulled.err)
        with open(m.store("w.gguf"), "rb") as file:
            self.assertEqual(file.read(), weights)

    def test_image_models(self):
        m, first, second = self.machine, lora(1), lora(2)
        path = "stable-diffusion-webui/models/Lora/style.safetensors"
        self.write(path, first)
        self.write("stable-diffusion-webui/models/Lora/style.civitai.info", json.dumps({
            "id": 77, "modelId": 7, "model": {"name": "Style", "type": "LORA"},
            "files": [{"id": 770, "name": "style.safetensors", "primary": True,
                       "hashes": {"SHA256": sha256(first).upper()}}]}).encode())
        self.write("ComfyUI/models/loras/other.safetensors", second)
        os.link(os.path.join(m.root, path),
                os.path.join(m.root, "ComfyUI/models/loras/copy.safetensors"))
        result = self.adopt()
        self.assertEqual(sorted(x["known_by"] for x in result.models.values()), ["civitai", "header", "header"])
        for entry in self.entries().values():
            self.assertEqual((entry["kind"], entry["use_cases"], entry["tags"]), ("lora", [], ["LoRA"]), entry)
        styled = [e for e in self.entries().values() if e["source"]][0]
        self.assertEqual((styled["source"], styled["display_name"]), ("civitai:7@77?fileId=770", "Style"))
        self.check_again()
        dumped = json.loads(m.run("manifest", "dump").out)["models"]
        self.assertEqual([x["files"][0]["from"] for x in dumped], [["civitai:7@77?fileId=770"]])

    def test_one_content_in_two_stores(self):
        m, data = self.machine, lora(1)
        for place in ("stable-diffusion-webui/models/Lora/a.safetensors", "ComfyUI/models/loras/b.safetensors"):
            self.write(place, data)
        m.manifest([{"id": "style", "kind": "lora", "use_cases": [], "files": [
            {"from": [f"hf:org/style/x.safetensors@{COMMIT}"], "size": len(data), "sha256": sha256(data),
             "to": [{"store": "a1111", "folder": "loras", "name": "a.safetensors"},
                    {"store": "comfyui", "folder": "loras", "name": "b.safetensors"}]}]}])
        self.assertEqual(self.verdicts(self.adopt()), {"style": "new"})
        self.assertEqual([f["store"] for f in self.entries()["style"]["files"]], ["a1111", "comfyui"])
        self.assertEqual(m.run("plan", "--offline", "--exit-code").returncode, 0)
        self.check_again()

    def test_what_is_broken_is_refused_by_name(self):
        m = self.machine
        self.write(m.store("good.gguf"), chat(1))
        self.write(m.store("short.gguf"), chat(2)[:-5000])
        for i, shard in enumerate(gguf.Model("Split", "Q4_K_M", 200_000, 3).split(3)):
            if i != 1:
                self.write(m.store(f"split-0000{i + 1}-of-00003.gguf"), shard)
        image = self.ollama(".ollama/models")
        blob = os.path.join(m.root, ".ollama/models/blobs", list(image.blobs)[0].replace(":", "-"))
        data = bytearray(image.blobs[list(image.blobs)[0]])
        data[len(data) // 2] ^= 1
        self.write(blob, data)
        result = self.adopt(code=4)
        refused = {n: x["detail"] for n, x in result.models.items() if x["verdict"] == "refused"}
        self.assertEqual(len(refused), 3, refused)
        text = "\n".join(refused.values())
        for part in ("short.gguf is truncated", "split-00002-of-00003.gguf is missing", os.path.basename(blob)):
            self.assertIn(part, text)
        self.assertEqual(len(self.entries()), 1)
        self.assertEqual(len(json.loads(result.out)["errors"]), 3)

    def test_outside_every_store(self):
        m = self.machine
        folder = os.path.join(m.home, "Downloads")
        self.write(os.path.join(folder, "deep/one.gguf"), chat(1))
        two = self.write(os.path.join(folder, "two.gguf"), chat(2))
        self.write(m.store("in-store.gguf"), chat(3))
        result = self.adopt(two)
        self.assertEqual([x["files"][0]["path"] for x in result.models.values()], [two])
        result = self.adopt(folder)
        self.assertEqual(sorted(self.verdicts(result).values()), ["known", "new"])
        for entry in self.entries().values():
            self.assertIsNone(entry["store"])
            self.assertTrue(os.path.isabs(entry["file_path"]))
        self.assertEqual(m.run("verify").returncode, 0)
        self.assertEqual(m.run("list", "--by-store").returncode, 0)
        self.adopt(m.store("in-store.gguf"))
        self.assertEqual(len(self.entries()), 3)
        self.adopt(os.path.join(m.home, "nowhere"), code=2)

    def test_registered_and_changed(self):
        m, weights = self.machine, chat(1)
        path = self.write(m.store("a.gguf"), weights)
        self.adopt()
        name = list(self.entries())[0]
        registry = m.registry()
        registry["models"][0].update({"use_cases": ["Vision"], "x-mine": 7})
        with open(m.store("models.json"), "w") as file:
            json.dump(registry, file)
        os.utime(path, ns=(5, 5))
        result = self.adopt()
        self.assertEqual(self.verdicts(result), {name: "changed"})
        entry = self.entries()[name]
        self.assertEqual((entry["use_cases"], entry["x-mine"], entry["files"][0]["mtime_ns"]), (["Vision"], 7, 5))
        self.write(path, chat(2, 70_000))
        result = self.adopt()
        self.assertEqual(self.verdicts(result), {name: "changed"})
        self.assertEqual(self.entries()[name]["files"][0]["sha256"], sha256(chat(2, 70_000)))
        self.check_again()

    def test_a_repository_that_grew(self):
        first, second = chat(1), chat(2, 70_000)
        self.hf("org/wise", {"a.gguf": first})
        name = list(self.adopt().models)[0]
        self.hf("org/wise", {"b.gguf": second})
        self.assertEqual(self.verdicts(self.adopt()), {name: "changed"})
        self.assertEqual(len(self.entries()[name]["files"]), 2)
        self.check_again()

    def test_more_than_the_manifest_has(self):
        m, first, second = self.machine, chat(1), chat(2, 70_000)
        m.manifest([{"id": "wise", "files": [{"from": [f"hf:org/wise/a.gguf@{COMMIT}"], "size": len(first),
                                              "sha256": sha256(first), "to": [{"store": "llama-cpp"}]}]}])
        self.hf("org/wise", {"a.gguf": first})
        self.adopt()
        self.hf("org/wise", {"b.gguf": second})
        result = self.adopt()
        self.assertEqual(sorted(self.verdicts(result).values()), ["known", "new"])
        self.assertEqual([f["sha256"] for f in self.entries()["wise"]["files"]], [sha256(first)])
        self.check_again()

    def test_two_files_of_one_entry_touched(self):
        m, one, two = self.machine, chat(1), chat(2)
        m.manifest([{"id": "pair", "files": [
            {"from": [f"hf:org/p/{n}.gguf@{COMMIT}"], "size": len(d), "sha256": sha256(d),
             "to": [{"store": "llama-cpp", "name": n + ".gguf"}]} for n, d in (("one", one), ("two", two))]}])
        paths = [self.write(m.store("one.gguf"), one), self.write(m.store("two.gguf"), two)]
        self.adopt()
        for path in paths:
            os.utime(path, ns=(7, 7))
        self.assertEqual(self.verdicts(self.adopt()), {"pair": "changed"})
        self.assertEqual([f["mtime_ns"] for f in self.entries()["pair"]["files"]], [7, 7])
        self.check_again()

    def test_links_between_stores(self):
        m, data = self.machine, lora(1)
        self.write("stable-diffusion-webui/models/Lora/a.safetensors", data)
        os.makedirs(os.path.join(m.root, "ComfyUI/models"))
        os.symlink(os.path.join(m.root, "stable-diffusion-webui/models/Lora"),
                   os.path.join(m.root, "ComfyUI/models/loras"))
        self.assertEqual(list(self.verdicts(self.adopt()).values()), ["new"])
        self.assertEqual(len(self.entries()), 1)
        # A store that lies on another disk keeps its name.
        elsewhere = os.path.join(m.root, "elsewhere")
        self.ollama("elsewhere")
        os.makedirs(os.path.join(m.root, ".ollama"))
        os.symlink(elsewhere, os.path.join(m.root, ".ollama/models"))
        self.assertEqual(sorted(self.verdicts(self.adopt(elsewhere)).values()), ["new"])
        files = self.entries()["tiny-chat:latest"]["files"]
        self.assertEqual({f["store"] for f in files}, {"ollama"})
        self.assertTrue(all("/.ollama/models/" in m.registered_path(f["path"]) for f in files), files)
        self.check_again()

    def test_a_sidecar_that_is_older_than_its_file(self):
        m, data = self.machine, lora(1)
        self.write("stable-diffusion-webui/models/Lora/a.safetensors", data)
        self.write("stable-diffusion-webui/models/Lora/a.safetensors.sha256", b"0" * 64 + b"  a.safetensors\n")
        self.assertIn("sidecar", list(self.adopt(code=4).models.values())[0]["detail"])
        m.manifest([{"id": "style", "kind": "lora", "use_cases": [], "files": [
            {"from": [f"hf:org/s/a.safetensors@{COMMIT}"], "size": len(data), "sha256": sha256(data),
             "to": [{"store": "a1111", "folder": "loras"}]}]}])
        self.assertEqual(self.verdicts(self.adopt()), {"style": "new"})

    def test_of_an_older_script(self):
        m = self.machine
        self.write(m.store("old.gguf"), chat(1))
        with open(m.store("models.json"), "w") as file:
            json.dump({"models": [{"name": "old one", "file_path": "models/old.gguf", "size_mb": 1, "capabilities": ["x"],
                                   "performance_score": 0.5, "cost_score": 0.5, "privacy_tier": "Public",
                                   "use_cases": ["CodeAnalysis"]}]}, file)
        self.assertEqual(self.verdicts(self.adopt()), {"old one": "changed"})
        entry = m.registry()["models"][0]
        self.assertEqual((entry["name"], entry["use_cases"], entry["privacy_tier"]), ("old one", ["CodeAnalysis"], "Public"))
        self.assertEqual(entry["files"][0]["sha256"], sha256(chat(1)))
        self.check_again()

    def test_models_json_was_lost(self):
        m, hub = self.machine, self.hub
        hub.hf("org/lone", {"lone.gguf": chat(1)}, COMMIT)
        hub.ollama("library/tiny", [("model", chat(2)), ("template", b"{{ .Prompt }}")])
        hub.hf("org/two", {"x.gguf": chat(3)}, COMMIT)
        m.manifest([{"id": "lone", "files": [{"from": ["hf:org/lone/lone.gguf"], "to": [{"store": "llama-cpp", "name": "l.gguf"}]}]},
                    {"id": "tiny", "files": [{"from": ["ollama:tiny"]}]}])
        self.pull()
        self.pull("hf:org/two/x.gguf")
        before = self.entries()
        os.remove(m.store("models.json"))
        result = self.adopt()
        self.assertEqual({n: x["known_by"] for n, x in result.models.items()},
                         {"lone": "manifest", "tiny": "manifest", list(before)[2]: "lock"})
        came = ("origin", "source", "revision")  # what was fetched has been found now
        for name, entry in self.entries().items():
            self.assertEqual({f["origin"] for f in entry["files"]}, {"adopted"})
            for one in (entry, before[name]):
                one["files"] = [{k: v for k, v in f.items() if k not in came} for f in one["files"]]
            for key in ("source", "revision", "files", "use_cases", "store", "kind"):
                self.assertEqual(entry[key], before[name][key], (name, key))
        self.check_again()
        dumped = os.path.join(m.home, "dump.json")
        self.assertEqual(m.run("manifest", "dump", "-o", dumped).returncode, 0)
        plan = m.run("-f", dumped, "plan", "--offline", "--exit-code")
        self.assertEqual(plan.returncode, 0, plan.out + plan.err)
        self.assertEqual(m.run("plan", "--offline", "--exit-code").returncode, 0)
        self.assertIn("lone", m.run("list").out)

    def test_text(self):
        m = self.machine
        self.write(m.store("a\x1b[31m.gguf"), chat(1))
        self.write(m.store("short.gguf"), chat(2)[:-5000])
        told = m.run("adopt", "--dry-run")
        self.assertEqual(told.returncode, 4, told.err)
        self.assertNotIn("\x1b", told.out)
        self.assertRegex(told.out, r"(?m)^refused +short ")
        self.assertRegex(told.out, r"To register: 1 .*1 refused")
        nothing = m.run("adopt", "--store", "tts")
        self.assertEqual((nothing.returncode, nothing.out), (0, "No model was found.\n"), nothing.err)
        self.assertEqual(m.run("adopt", "--store", "no-such").returncode, 2)


if __name__ == "__main__":
    unittest.main()
