"""`ncmodel adopt --identify`: files that nothing here knows are known by their digest to Civitai, the lock and manifests."""
import json
import os
import sys
import unittest

from harness import SOURCE, Case, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "fixtures"))
import safetensors  # noqa: E402

COMMIT = "d" * 40


def lora(seed):
    names = [f"lora_unet_down_blocks_0_attentions_{i}.lora_{way}.weight" for i in range(2) for way in ("up", "down")]
    return safetensors.encode(safetensors.noise(names, 20_000, seed))


class IdentifyTest(Case):
    FOLDER = "stable-diffusion-webui/models/Lora"

    def put(self, name, data):
        return self.write(os.path.join(self.machine.root, self.FOLDER, name), data)

    def adopt(self, *arguments, code=0):
        result = self.machine.run("adopt", *arguments, "--json")
        self.assertEqual(result.returncode, code, result.err + result.out)
        return json.loads(result.out)["data"]

    def asked(self):
        return [r["path"] for r in self.hub.requests if "by-hash" in r["path"]]

    def lock(self):
        with open(self.machine.store("ncmodel.lock")) as file:
            return json.load(file)

    def test_civitai_knows_it(self):
        data, other = lora(1), lora(2)
        self.put("any name.safetensors", data)
        self.put("nobodys.safetensors", other)
        self.hub.civitai(777, 77, "style.safetensors", data)
        self.adopt()
        self.assertEqual(self.asked(), [])
        self.assertEqual({e["source"] for e in self.entries().values()}, {None})
        refused = self.machine.run("adopt", "--identify")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("-y", refused.err)
        self.assertEqual(self.asked(), [])
        before = self.machine.snapshot()
        told = self.adopt("--identify", "-y", "--dry-run")
        self.assertEqual((told["changed"], told["known"]), (1, 1))
        self.assertEqual(self.machine.snapshot(), before)
        self.adopt("--identify", "-y")
        found = {e["files"][0]["sha256"]: e for e in self.entries().values()}
        entry = found[sha256(data)]
        self.assertEqual((entry["source"], entry["revision"], entry["trust"]), ("civitai:77@777?fileId=7770", "777", "upstream"))
        self.assertEqual(entry["files"][0]["source"], "civitai:77@777?fileId=7770")
        self.assertIsNone(found[sha256(other)]["source"])
        self.assertEqual([f["sha256"] for e in self.lock()["entries"].values() for f in e["files"]], [sha256(data)])
        self.assertEqual(self.machine.run("verify").returncode, 0)
        again = self.adopt("--identify", "-y")
        self.assertEqual((again["changed"], again["known"], again["hashed"]), (0, 2, 0))
        # what --repair needs
        path = os.path.join(self.machine.root, self.FOLDER, "any name.safetensors")
        with open(path, "r+b") as file:
            file.seek(len(data) // 2)
            file.write(b"damage")
        repaired = self.machine.run("verify", "--repair", "-y")
        self.assertEqual(self.read(path), data, repaired.err + repaired.out)

    def test_the_question(self):
        data = lora(1)
        self.put("x.safetensors", data)
        self.hub.civitai(777, 77, "style.safetensors", data)
        text, code = self.answer(b"n\n", "adopt", "--identify")
        self.assertEqual((code, self.asked()), (0, []), text)
        self.assertFalse(os.path.exists(self.machine.store("models.json")))
        text, code = self.answer(b"y\n", "adopt", "--identify")
        self.assertEqual(code, 0, text)
        self.assertEqual([e["source"] for e in self.entries().values()], ["civitai:77@777?fileId=7770"])

    def test_at_once(self):
        data = lora(1)
        self.put("x.safetensors", data)
        self.hub.civitai(777, 77, "style.safetensors", data)
        self.hub.routes["service"]["/api/v1/models/77"] = lambda _: (200, {
            "id": 77, "allowCommercialUse": ["Image", "Rent"], "allowNoCredit": False, "allowDerivatives": True}, {})
        told = self.adopt("--identify", "-y")
        self.assertEqual([m["known_by"] for m in told["models"]], ["civitai"])
        entry, = self.entries().values()
        self.assertEqual((entry["source"], entry["license"]),
                         ("civitai:77@777?fileId=7770", "Civitai: commercial use Image, Rent; credit required"))

    def test_many_at_once(self):
        self.hub.hf("org/many", {f"{i}.safetensors": lora(100 + i) for i in range(9)}, COMMIT)  # not all are here
        self.assertEqual(self.machine.run("lock", "hf:org/many", "--to", "comfyui/diffusers").returncode, 0)
        for i in range(8):
            self.put(f"asked-{i}.safetensors", lora(i))
            self.put(f"locked-{i}.safetensors", lora(100 + i))
            self.hub.civitai(700 + i, 70 + i, f"{i}.safetensors", lora(i))
        self.adopt("--identify", "-y")
        sources = {os.path.basename(e["file_path"]): e["source"] for e in self.entries().values()}
        for i in range(8):
            self.assertEqual(sources[f"asked-{i}.safetensors"], f"civitai:{70 + i}@{700 + i}?fileId={7000 + 10 * i}")
            self.assertEqual(sources[f"locked-{i}.safetensors"], f"hf:org/many/{i}.safetensors@{COMMIT}")
        self.assertEqual(len(self.asked()), 8)

    def test_what_its_page_tells_a_user(self):
        data = lora(1)
        self.put("x.safetensors", data)
        self.hub.civitai(777, 77, "style.safetensors", data)
        self.hub.routes["service"]["/api/v1/model-versions/777"](None)[1].update(
            trainedWords=["inkStyle"], baseModel="SDXL 1.0", images=[{"url": "https://i.example/p.png"}])
        self.adopt("--identify", "-y")
        entry, = self.entries().values()
        self.assertEqual([entry.get(key) for key in ("trigger_words", "base_model", "model_name", "version_name", "page", "preview")],
                         [["inkStyle"], "SDXL 1.0", "style.safetensors", "v1", "https://civitai.com/models/77?modelVersionId=777",
                          "https://i.example/p.png"])
        found = json.loads(self.machine.run("list", "--search", "inkstyle", "--json").out)["data"]["models"]
        self.assertEqual(len(found), 1)

    def test_the_short_hash(self):
        data = lora(1)
        self.put("x.safetensors", data)
        self.hub.civitai(777, 77, "style.safetensors", data, hashes={"AutoV2": sha256(data)[:10].upper()})
        del self.hub.routes["service"][f"/api/v1/model-versions/by-hash/{sha256(data)}"]
        self.adopt("--identify", "-y")
        self.assertEqual([e["source"] for e in self.entries().values()], ["civitai:77@777?fileId=7770"])

    def test_another_file_of_the_version_is_not_it(self):
        data = lora(1)
        self.put("x.safetensors", data)
        self.hub.civitai(777, 77, "style.safetensors", data, hashes={"SHA256": "0" * 64, "AutoV2": sha256(data)[:10]})
        self.adopt("--identify", "-y")
        self.assertEqual([e["source"] for e in self.entries().values()], [None])

    def test_who_cannot_be_asked_costs_nothing_but_the_answer(self):
        self.put("x.safetensors", lora(1))
        self.put("y.safetensors", lora(2))
        result = self.machine.run("adopt", "--identify", "-y", env={"NCMODEL_CIVITAI_ENDPOINT": "http://127.0.0.1:9",
                                                                    "NCMODEL_RETRIES": "0"})
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(result.err.count("not everything could be identified"), 1, result.err)
        self.assertEqual(len(self.entries()), 2)

    def test_a_file_that_the_lock_or_a_manifest_pins_in_something_larger(self):
        m, one, two = self.machine, lora(1), lora(2)
        self.hub.hf("org/many", {"a.safetensors": one, "b.safetensors": lora(3)}, COMMIT)
        m.manifest([{"id": "pair", "kind": "lora", "use_cases": [], "files": [
            {"from": [f"hf:org/p/p.safetensors@{COMMIT}"], "to": [{"store": "a1111", "folder": "loras"}], "sha256": sha256(two),
             "size": len(two)},
            {"from": [f"hf:org/p/q.safetensors@{COMMIT}"], "to": [{"store": "a1111", "folder": "loras"}], "sha256": "1" * 64,
             "size": 7, "role": "adapter"}]}])
        locked = m.run("lock", "hf:org/many", "--to", "comfyui/diffusers")
        self.assertEqual(locked.returncode, 0, locked.err)
        self.put("one.safetensors", one)
        self.adopt()
        self.assertEqual([e["source"] for e in self.entries().values()], [f"hf:org/many/a.safetensors@{COMMIT}"])
        self.assertEqual(self.asked(), [])


if __name__ == "__main__":
    unittest.main()
