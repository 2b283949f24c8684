"""`verify --store`: what other tools put on the disk is looked at with no manifest and no models.json, and mended."""
import hashlib
import json
import os
import unittest

from harness import Case, safetensors, sha256
from test_repair import MIB, SPAN, content, flip, varied

COMMIT = "c" * 40


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
    return path


class SurveyCase(Case):
    def verify(self, *arguments, code=0, env=None):
        """The JSON document, and what people read of the same."""
        result = self.machine.run("verify", "--store", *arguments, "--json", env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        document = json.loads(result.out)
        self.assertEqual(document["ok"], code == 0)
        self.data, self.errors = document["data"], document["errors"]
        self.states = {f["path"]: f["state"] for f in self.data["files"]}
        self.models = {m["id"]: m["state"] for m in self.data["models"]}
        return self.data

    def text(self, *arguments, code=0):
        result = self.machine.run("verify", "--store", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result.out

    def expect(self, path, state, model=None):
        """That file alone is wrong, it is named so, and so is its model."""
        self.assertEqual(self.states[path], state)
        bad = [p for p, s in self.states.items() if s in ("damaged", "truncated", "missing", "unreadable")]
        self.assertEqual(bad, [path])
        if model:
            self.assertEqual({m: s for m, s in self.models.items() if s not in ("ok", "unproved")}, {model: state})
            self.assertEqual([(e["code"], e["model"]) for e in self.errors], [("damaged", model)])
            self.assertIn(path, self.errors[0]["message"])


class OllamaTest(SurveyCase):
    def setUp(self):
        super().setUp()
        self.store = os.path.join(self.machine.root, ".ollama/models")
        self.weights = {name: varied(name, 2 * MIB) for name in ("tiny", "other")}
        for name, data in self.weights.items():
            manifest = self.hub.ollama(f"library/{name}", [("model", data), ("template", b"{{ .Prompt }}")], tag="1b")
            write(os.path.join(self.store, "manifests/registry.ollama.ai/library", name, "1b"), manifest)
            parsed = json.loads(manifest)
            for blob in parsed["layers"] + [parsed["config"]]:
                digest = blob["digest"].removeprefix("sha256:")
                write(self.blob(digest), self.hub.blobs["cdn"]["/blob/" + digest])
        self.tiny = self.blob(sha256(self.weights["tiny"]))

    def blob(self, digest):
        return os.path.join(self.store, "blobs", "sha256-" + digest)

    def test_a_sound_store(self):
        self.verify("ollama")
        self.assertEqual(self.models, {"tiny:1b": "ok", "other:1b": "ok"})
        self.assertEqual(set(self.states.values()), {"ok"})
        model = next(m for m in self.data["models"] if m["id"] == "tiny:1b")
        self.assertEqual((model["source"], model["architecture"], model["parameters"], model["quantization"]),
                         ("ollama:tiny:1b", "llama", "1B", "Q4_K_M"))
        self.assertIn("2 models, 2 ok.", self.text("ollama"))
        self.assertFalse(os.path.exists(self.machine.store("models.json")), "nothing is registered by looking")
        self.assertEqual(self.hub.asked(), [])

    def test_a_flipped_byte_a_cut_blob_and_one_that_is_gone(self):
        flip(self.tiny, 1000)
        self.verify("ollama", code=4)
        self.expect(self.tiny, "damaged", "tiny:1b")
        self.assertIn("1 damaged: tiny:1b", self.text("ollama", code=4))
        os.truncate(self.tiny, 77)
        self.verify("ollama", "--quick", code=4)
        self.expect(self.tiny, "truncated", "tiny:1b")
        os.unlink(self.tiny)
        self.verify("ollama", "--quick", code=4)
        self.expect(self.tiny, "missing", "tiny:1b")

    def test_quick_reads_no_content(self):
        flip(self.tiny, MIB)
        self.verify("ollama", "--quick")
        self.assertEqual(self.data["bytes"], 0)

    def test_without_its_manifest_a_blob_is_nobodys(self):
        os.unlink(os.path.join(self.store, "manifests/registry.ollama.ai/library/tiny/1b"))
        self.verify("ollama")
        self.assertEqual({p for p, s in self.states.items() if s == "unreferenced"}, {self.tiny})
        self.assertEqual(self.models, {"other:1b": "ok"})
        text = self.text("ollama")
        self.assertIn("`ncmodel gc` gives back 2.10 MB", text)
        self.assertIn(self.tiny, text)

    def test_repair(self):
        other = self.blob(sha256(self.weights["other"]))
        flip(self.tiny, 1000)
        os.unlink(other)
        before = os.stat(self.tiny)
        plan = self.machine.run("verify", "--store", "ollama", "--repair", "--dry-run")
        self.assertEqual(plan.returncode, 4, plan.err)
        self.assertIn("To repair:", plan.out)
        self.assertEqual(os.stat(self.tiny).st_mtime_ns, before.st_mtime_ns)
        result = self.machine.run("verify", "--store", "ollama", "--repair")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertIn("Repaired 2 of 2 models", result.out)
        self.assertEqual((content(self.tiny), content(other)), (self.weights["tiny"], self.weights["other"]))
        self.verify("ollama")
        self.assertFalse(os.path.exists(self.machine.store("models.json")))

    def test_only_the_damaged_part_is_fetched(self):
        data = varied("large", 40 * MIB)
        manifest = self.hub.ollama("library/large", [("model", data)])
        write(os.path.join(self.store, "manifests/registry.ollama.ai/library/large/latest"), manifest)
        config = json.loads(manifest)["config"]["digest"].removeprefix("sha256:")
        write(self.blob(config), self.hub.blobs["cdn"]["/blob/" + config])
        path = write(self.blob(sha256(data)), data)
        self.verify("ollama")  # which leaves checkpoints
        flip(path, SPAN + 5)
        self.verify("ollama", code=4)
        damaged = next(f["damaged"] for f in self.data["files"] if f["path"] == path)
        self.assertEqual(damaged, [{"first": SPAN, "last": 2 * SPAN - 1}])
        result = self.machine.run("verify", "--store", "ollama", "--repair", "-x", "1")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(sum(r["sent"] for r in self.hub.asked("/blob/" + sha256(data))), SPAN)
        self.assertEqual(sha256(content(path)), sha256(data))

    def test_a_store_elsewhere(self):
        moved = os.path.join(self.machine.home, "moved here")
        os.rename(self.store, moved)
        self.verify("ollama", moved)
        self.assertEqual(len(self.models), 2)
        tiny = os.path.join(moved, "blobs", os.path.basename(self.tiny))
        flip(tiny, 5)
        self.verify("ollama", moved, code=4)
        self.expect(tiny, "damaged", "tiny:1b")
        result = self.machine.run("verify", "--repair", "--store", "ollama", moved)
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(content(tiny), self.weights["tiny"])

    def test_wrong_usage(self):
        for arguments in (["nothing"], ["ollama", "/nowhere"], ["ollama,a1111", self.store], ["ollama", self.store, self.store],
                          ["ollama", "--phase", "1"], ["ollama", "--repair", "--quick"]):
            with self.subTest(arguments):
                result = self.machine.run("verify", "--store", *arguments)
                self.assertEqual(result.returncode, 2, result.err + result.out)
        self.assertIn("its stores are", self.machine.run("verify", "--store", "nothing").err)

    def test_a_store_that_is_not_there_is_no_damage(self):
        self.verify("comfyui,ollama")
        self.assertEqual([s["there"] for s in self.data["stores"]], [False, True])
        self.assertIn("not there", self.text("comfyui"))


class HuggingFaceTest(SurveyCase):
    def setUp(self):
        super().setUp()
        self.cache = os.path.join(self.machine.root, ".cache/huggingface/hub")
        self.repo = os.path.join(self.cache, "models--org--tiny")
        self.files = {"model.safetensors": safetensors("hf", 2 * MIB), "config.json": b'{"a": 1}\n'}
        self.hub.hf("org/tiny", self.files, commit=COMMIT)
        self.serve_as_git_file("org/tiny", "config.json")
        self.build()

    def serve_as_git_file(self, repo, name):
        """As the hub does it with small files: no sha256 in the listing, and a redirect on the same origin."""
        data, routes = self.files[name], self.hub.routes["service"]
        cached = f"/api/resolve-cache/models/{repo}/{COMMIT}/{name}"
        self.hub.blobs["service"][cached] = data
        for revision in ("main", COMMIT):
            tree = routes[f"/api/models/{repo}/tree/{revision}"]

            def without_lfs(handler, tree=tree):
                status, entries, headers = tree(handler)
                return status, [{k: v for k, v in e.items() if k != "lfs" or e["path"] != name} for e in entries], headers
            routes[f"/api/models/{repo}/tree/{revision}"] = without_lfs
            routes[f"/{repo}/resolve/{revision}/{name}"] = lambda _: (307, b"", {
                "Location": cached, "X-Repo-Commit": COMMIT, "X-Linked-Size": len(data), "X-Linked-Etag": f'"{git_sha1(data)}"'})

    def build(self):
        write(os.path.join(self.repo, "refs/main"), COMMIT.encode())
        self.links, self.blobs = {}, {}
        for name, data in self.files.items():
            etag = git_sha1(data) if name.endswith(".json") else sha256(data)
            self.blobs[name] = write(os.path.join(self.repo, "blobs", etag), data)
            self.links[name] = os.path.join(self.repo, "snapshots", COMMIT, name)
            os.makedirs(os.path.dirname(self.links[name]), exist_ok=True)
            os.symlink(f"../../blobs/{etag}", self.links[name])

    def test_a_sound_cache(self):
        self.verify("hf")
        self.assertEqual(self.models, {"org/tiny": "ok"})
        self.assertEqual(self.data["models"][0]["source"], f"hf:org/tiny@{COMMIT}")
        self.assertEqual(self.data["models"][0]["revision"], COMMIT)
        self.assertEqual({f["path"]: f["real"] for f in self.data["files"]},
                         {self.links[n]: self.blobs[n] for n in self.files})
        self.assertEqual([n for n in os.listdir(self.cache) if n not in (".locks", "models--org--tiny")], [],
                         "huggingface_hub takes every other name for a repository")

    def test_each_kind_of_damage(self):
        for name in self.files:
            with self.subTest(name):
                flip(self.blobs[name], 5)
                self.verify("hf", code=4)
                self.expect(self.links[name], "damaged", "org/tiny")
                flip(self.blobs[name], 5)
        os.truncate(self.blobs["model.safetensors"], 1000)
        self.verify("hf", "--quick", code=4)
        self.expect(self.links["model.safetensors"], "truncated", "org/tiny")
        os.unlink(self.blobs["model.safetensors"])
        self.verify("hf", code=4)
        self.expect(self.links["model.safetensors"], "missing", "org/tiny")

    def test_what_is_left_over(self):
        blobs = os.path.join(self.repo, "blobs")
        write(os.path.join(blobs, "a" * 64), b"x")
        write(os.path.join(blobs, "b" * 64 + ".12345678.incomplete"), b"x")
        write(os.path.join(self.repo, "refs/refs/pr/1"), b"d" * 40)
        self.verify("hf")
        counts = self.data["counts"]
        self.assertEqual((counts["unreferenced"], counts["partial"], counts["orphaned"]), (1, 1, 1))
        os.unlink(self.links["config.json"])
        self.verify("hf")
        self.assertEqual(self.states[self.blobs["config.json"]], "unreferenced")

    def test_repair(self):
        flip(self.blobs["model.safetensors"], 2000)
        os.unlink(self.blobs["config.json"])
        result = self.machine.run("verify", "--store", "hf", "--repair")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.verify("hf")
        for name, data in self.files.items():
            self.assertEqual(content(self.links[name]), data)
            self.assertTrue(os.path.islink(self.links[name]))
            self.assertEqual(os.stat(self.blobs[name]).st_mode & 0o777, 0o644)
        flip(self.blobs["config.json"], 3)
        os.truncate(self.blobs["model.safetensors"], 1000)
        result = self.machine.run("verify", "--store", "hf", "--repair", "--json")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(json.loads(result.out)["data"]["repair"]["models_ok"], 1)
        self.verify("hf")
        self.assertEqual(os.listdir(os.path.join(self.cache, ".locks/.ncmodel/staging")), [])

    def test_a_commit_of_one_small_file(self):
        os.unlink(self.links["model.safetensors"])
        del self.files["model.safetensors"]
        self.hub.hf("org/tiny", self.files, commit=COMMIT)
        self.serve_as_git_file("org/tiny", "config.json")
        flip(self.blobs["config.json"], 3)
        result = self.machine.run("verify", "--store", "hf", "--repair")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(content(self.links["config.json"]), self.files["config.json"])

    def test_only_the_damaged_part_is_fetched(self):
        self.files = {"large.gguf": varied("hf large", 40 * MIB)}
        self.hub.hf("org/tiny", self.files, commit=COMMIT)
        self.build()
        os.unlink(os.path.join(self.repo, "snapshots", COMMIT, "config.json"))
        self.verify("hf", "--quick")
        self.verify("hf")  # which leaves checkpoints
        flip(self.blobs["large.gguf"], SPAN + 5)
        result = self.machine.run("verify", "--store", "hf", "--repair", "-x", "1")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(sum(r["sent"] for r in self.hub.asked("/xet/org/tiny/large.gguf")), SPAN)
        self.verify("hf")

    def test_a_cache_without_links(self):
        for name, data in self.files.items():
            os.unlink(self.links[name])
            os.rename(self.blobs[name], self.links[name])
        self.verify("hf")
        self.assertEqual(self.models, {"org/tiny": "unproved"})
        tree = {"format_version": 1, "files": {n: {"size": len(d), "blob_id": git_sha1(d)} for n, d in self.files.items()}}
        write(os.path.join(self.repo, "trees", COMMIT + ".json"), json.dumps(tree).encode())
        self.verify("hf")
        self.assertEqual(self.models, {"org/tiny": "ok"})
        flip(self.links["config.json"], 3)
        self.verify("hf", code=4)
        self.expect(self.links["config.json"], "damaged", "org/tiny")
        result = self.machine.run("verify", "--store", "hf", "--repair")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(content(self.links["config.json"]), self.files["config.json"])

    def test_where_the_cache_lies(self):
        elsewhere = os.path.join(self.machine.home, "elsewhere")
        os.makedirs(elsewhere)
        os.rename(self.cache, os.path.join(elsewhere, "hub"))
        for env in ({"HF_HOME": elsewhere}, {"HF_HUB_CACHE": elsewhere + "/hub", "HF_HOME": "/nowhere"},
                    {"HF_HOME": "~/elsewhere"}):
            with self.subTest(env):
                self.verify("hf", env=env)
                self.assertEqual(self.models, {"org/tiny": "ok"})
        os.rename(elsewhere, os.path.join(self.machine.home, "huggingface"))
        self.verify("hf", env={"XDG_CACHE_HOME": self.machine.home})
        self.assertEqual(self.models, {"org/tiny": "ok"})

    def test_nothing_is_pulled_into_it(self):
        data = varied("x", 1000)
        url = self.hub.url("/x.gguf", data)
        result = self.machine.run("pull", "-y", f"{url}#sha256={sha256(data)}", "--to", "hf")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("Hugging Face cache", result.err)
        self.assertFalse(os.path.exists(os.path.join(self.cache, "x.gguf")))


class FoldersTest(SurveyCase):
    def setUp(self):
        super().setUp()
        self.webui = os.path.join(self.machine.root, "stable-diffusion-webui")
        self.checkpoints = os.path.join(self.webui, "models/Stable-diffusion")
        self.loras = os.path.join(self.webui, "models/Lora")
        self.data_of = {name: safetensors(name, MIB) for name in ("sdxl", "nice", "plain")}
        self.sdxl = write(os.path.join(self.checkpoints, "sdxl.safetensors"), self.data_of["sdxl"])
        self.nice = write(os.path.join(self.loras, "sub dir/nice.safetensors"), self.data_of["nice"])
        self.plain = write(os.path.join(self.loras, "plain.safetensors"), self.data_of["plain"])
        write(self.sdxl + ".sha256", f"{sha256(self.data_of['sdxl'])}  sdxl.safetensors\n".encode())
        self.hub.civitai(7, 70, "nice.safetensors", self.data_of["nice"])
        _, version, _ = self.hub.routes["service"]["/api/v1/model-versions/7"](None)
        write(os.path.join(self.loras, "sub dir/nice.civitai.info"), json.dumps(version).encode())

    def test_a_sound_folder(self):
        self.verify("a1111")
        self.assertEqual(self.models, {"sdxl": "ok", "nice": "ok", "plain": "unproved"})
        nice = next(m for m in self.data["models"] if m["id"] == "nice")
        self.assertEqual((nice["source"], nice["known_by"]), ("civitai:70@7?fileId=70", "civitai"))
        self.assertEqual({f["path"]: f["told_by"] for f in self.data["files"]},
                         {self.sdxl: "sidecar", self.nice: "sidecar", self.plain: None})
        self.assertIn("3 models, 2 ok, 1 unproved", self.text("a1111"))

    def test_each_kind_of_damage(self):
        flip(self.sdxl, 5000)
        self.verify("a1111")
        self.assertEqual((self.states[self.sdxl], self.models["sdxl"], self.errors), ("differs", "differs", []))
        self.assertIn("1 differs: sdxl", self.text("a1111"))
        flip(self.sdxl, 5000)
        os.truncate(self.plain, MIB // 2)
        self.verify("a1111", "--quick", code=4)
        self.expect(self.plain, "truncated", "plain")
        write(self.plain, b"<!DOCTYPE html><html><body>Please log in</body></html>")
        self.verify("a1111", code=4)
        self.expect(self.plain, "damaged", "plain")

    def test_what_is_left_over(self):
        os.unlink(self.nice)
        part = write(os.path.join(self.checkpoints, "new.safetensors.part"), b"x")
        self.verify("a1111")
        info = os.path.join(self.loras, "sub dir/nice.civitai.info")
        self.assertEqual((self.states[info], self.states[part]), ("orphaned", "partial"))
        self.assertNotIn("nice", self.models)

    def test_repair_of_what_has_a_source(self):
        os.truncate(self.nice, MIB // 2)
        os.truncate(self.sdxl, MIB // 2)
        result = self.machine.run("verify", "--store", "a1111", "--repair")
        self.assertEqual(result.returncode, 4, result.err + result.out)
        self.assertIn("nothing tells where it came from: " + self.sdxl, result.err)
        self.assertEqual(content(self.nice), self.data_of["nice"])
        self.verify("a1111", code=4)
        self.expect(self.sdxl, "truncated", "sdxl")

    def test_only_the_damaged_part_is_fetched(self):
        data = safetensors("large", 40 * MIB)
        path = write(os.path.join(self.checkpoints, "large.safetensors"), data)
        self.hub.civitai(8, 80, "large.safetensors", data, sizeKB=round(len(data) / 1024, 1))  # near enough for a plan
        _, version, _ = self.hub.routes["service"]["/api/v1/model-versions/8"](None)
        write(os.path.join(self.checkpoints, "large.civitai.info"), json.dumps(version).encode())
        self.verify("a1111")  # which leaves checkpoints
        flip(path, SPAN + 5)
        result = self.machine.run("verify", "--store", "a1111", "--repair", "large", "-y", "-x", "1")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(sum(r["sent"] for r in self.hub.asked("/storage/8")), SPAN)
        self.assertEqual(sha256(content(path)), sha256(data))

    def test_models_json_tells_digests_and_sources_too(self):
        data = varied("registered", MIB)
        self.machine.manifest([self.machine.simple("registered.gguf", data)])
        self.pull()
        path = self.machine.store("registered.gguf")
        self.verify("llama-cpp")
        self.assertEqual(self.models, {"registered": "ok"})
        flip(path, 5000)
        self.verify("llama-cpp", code=4)
        self.expect(path, "damaged", "registered")
        result = self.machine.run("verify", "--store", "llama-cpp", "--repair")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(content(path), data)
        self.check_registry()

    def test_hostile_names_reach_no_terminal(self):
        name = write(os.path.join(self.loras, "a\x1b]0;x\x07b.safetensors"), b"junk")
        out = self.text("a1111", code=4)
        self.assertNotIn("\x1b", out)
        self.verify("a1111", code=4)
        self.assertEqual(self.states[name], "damaged")

    def test_several_stores(self):
        write(os.path.join(self.machine.root, "ComfyUI/models/loras/nice.safetensors"),
              self.data_of["nice"])
        self.verify("a1111", "--store", "comfyui")
        self.assertEqual(self.models, {"sdxl": "ok", "nice": "unproved", "nice-a1111": "ok", "plain": "unproved"})


if __name__ == "__main__":
    unittest.main()
