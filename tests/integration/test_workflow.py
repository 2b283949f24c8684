#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a ComfyUI workflow needs: planned, pulled, and made into a manifest."""
import io
import json
import os
import unittest
import zipfile

import templates_peer
from harness import Case, safetensors, sha256
from workflows import dump, entry, graph, load, node, png, subgraph, text_chunk

HF = "https://huggingface.co/org/repo/resolve/main/"
BASE, LORA, VAE = safetensors("base", 3 << 20), safetensors("lora", 1 << 20), safetensors("vae", 2 << 20)
MODELS = {"checkpoints": "base.safetensors", "loras": "split/lora.safetensors", "vae": "vae.safetensors"}


def wanted(folder, name=None, **more):
    path = MODELS[folder]
    return entry(folder, name or os.path.basename(path), f"https://huggingface.co/org/repo/blob/main/{path}?download=true", **more)


class WorkflowTest(Case):
    def setUp(self):
        super().setUp()
        self.hub.hf("org/repo", {"base.safetensors": BASE, "split/lora.safetensors": LORA, "vae.safetensors": VAE})
        stores = json.loads(self.machine.run("stores", "--json").out)["data"]["stores"]
        self.comfy = next(store["path"] for store in stores if store["id"] == "comfyui")

    def workflow(self, *nodes, name="graph.json", **more):
        return self.save(name, dump(graph(*nodes, **more)))

    def save(self, name, content):
        return self.write(os.path.join(self.machine.home, name), content)

    def models(self, *parts):
        return os.path.join(self.comfy, "models", *parts)

    def plan(self, path, *arguments, code=0):
        result = self.machine.run("plan", "--workflow", path, *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def data(self, path, *arguments, code=0):
        return json.loads(self.plan(path, "--json", *arguments, code=code).out)["data"]

    def test_it_is_pulled_into_the_folders_of_its_loaders(self):
        path = self.workflow(load(wanted("checkpoints")), load(wanted("vae"), mode=4),
                             node("LoraLoader", ["style\\lora.safetensors", 1, 1], wanted("loras")))
        self.assertIn("to fetch", self.plan(path).out)
        self.plan(path, "--exit-code", code=3)
        self.pull("--workflow", path)
        self.assertEqual(self.read(self.models("checkpoints", "base.safetensors")), BASE)
        self.assertEqual(self.read(self.models("loras", "style", "lora.safetensors")), LORA)
        self.assertFalse(os.path.exists(self.models("vae", "vae.safetensors")))
        self.check_registry()
        self.plan(path, "--exit-code")

    def test_a_picture_has_it_too(self):
        path = self.save("made.png", png(text_chunk(b"workflow", dump(graph(load(wanted("vae")))))))
        self.pull("--workflow", path)
        self.assertEqual(self.read(self.models("vae", "vae.safetensors")), VAE)

    def test_what_lies_here_under_another_name_is_not_fetched(self):
        self.write(self.models("checkpoints", "my old name.safetensors"), BASE)
        path = self.workflow(load(wanted("checkpoints")))
        result = self.plan(path, "--exit-code", code=3)
        self.assertIn("my old name.safetensors", result.out)
        self.hub.forget()
        self.pull("--workflow", path)
        self.assertEqual(self.read(self.models("checkpoints", "base.safetensors")), BASE)
        self.assertEqual(self.hub.asked(server="cdn"), [])

    def test_one_source_in_two_folders_is_fetched_once(self):
        path = self.workflow(load(wanted("vae")), node("CLIPLoader", ["vae.safetensors"], dict(wanted("vae"), directory="text_encoders")))
        self.pull("--workflow", path)
        self.assertEqual(self.read(self.models("vae", "vae.safetensors")), VAE)
        self.assertEqual(self.read(self.models("text_encoders", "vae.safetensors")), VAE)
        self.assertEqual(len([one for one in self.hub.asked(server="cdn") if one["method"] == "GET"]), 1)

    def test_what_has_no_source_is_told_and_the_rest_is_pulled(self):
        path = self.workflow(load(wanted("vae")), node("LoraLoader", ["nobody knows.safetensors", 1, 1]),
                             node("LoraLoader", ["noted.safetensors", 1, 1]), node("Note", [f"from {HF}noted.safetensors"]))
        result = self.plan(path, "--exit-code", code=5)
        self.assertIn("loras/nobody knows.safetensors, which a LoraLoader asks for, has no source", result.err)
        self.assertIn("models/loras/nobody knows.safetensors", result.err)
        self.assertIn("https://civitai.com/search/models?query=nobody+knows", result.err)
        self.assertIn("nobody checked: " + HF + "noted.safetensors", result.err)
        self.pull("--workflow", path, code=5)
        self.assertEqual(self.read(self.models("vae", "vae.safetensors")), VAE)
        self.write(self.models("loras", "nobody knows.safetensors"), LORA)
        self.write(self.models("loras", "noted.safetensors"), LORA)
        self.assertIn("loras/noted.safetensors is there", self.plan(path, "--exit-code").out)

    def test_programs_are_told_the_same(self):
        path = self.workflow(load(wanted("vae")), node("X", ["a.onnx"], properties={"cnr_id": "pack", "ver": "1.0.0"}),
                             node("LoraLoader", ["l.safetensors", 1, 1]))
        told = self.data(path, code=5)["workflow"]
        self.assertEqual((told["files"], told["file"]), (3, path))
        self.assertEqual(told["custom_nodes"], [{"id": "pack", "version": "1.0.0", "repository": None, "source": "comfy:pack@1.0.0"}])
        self.assertEqual([(rest["name"], rest["folder"], rest["node"], rest["path"], rest["present"]) for rest in told["without_source"]],
                         [("a.onnx", None, "X", None, False), ("l.safetensors", "loras", "LoraLoader", self.models("loras", "l.safetensors"), False)])
        self.assertIn("nothing tells in which folder", told["without_source"][0]["reason"])
        told = self.data(path, "--to", "comfyui/onnx", code=5)["workflow"]
        self.assertEqual(told["without_source"][0]["path"], self.models("onnx", "a.onnx"))

    def test_a_manifest_knows_the_source_of_a_name(self):
        self.machine.manifest([{"id": "known", "license": "mit", "files": [
            {"from": ["hf:org/repo/base.safetensors"], "sha256": sha256(BASE), "size": len(BASE),
             "to": [{"store": "comfyui", "folder": "checkpoints", "name": "renamed.safetensors"}]}]}])
        path = self.workflow(node("CheckpointLoaderSimple", ["sub/renamed.safetensors"]))
        planned = self.data(path)["models"]
        self.assertEqual([(model["license"], model["files"][0]["path"]) for model in planned], [("mit", self.models("checkpoints", "sub", "renamed.safetensors"))])
        self.pull("--workflow", path)
        self.assertEqual(self.read(self.models("checkpoints", "sub", "renamed.safetensors")), BASE)

    def test_all_profiles_are_asked_for_names(self):
        self.machine.manifest([{"id": "known", "files": [{"from": ["hf:org/repo/base.safetensors"], "to": [{"store": "comfyui", "folder": "checkpoints"}]}]}],
                              profile="other")
        path = self.workflow(node("CheckpointLoaderSimple", ["base.safetensors"]))
        self.assertEqual([model["source"][:28] for model in self.data(path)["models"]], ["hf:org/repo/base.safetensors"])
        self.plan(path, "--profile", "test", code=5)

    def test_what_is_registered_elsewhere_is_linked(self):
        self.pull("hf:org/repo/vae.safetensors", "--to", "a1111/vae")
        self.hub.forget()
        path = self.workflow(node("VAELoader", ["sub/vae.safetensors"]),
                             node("LoraLoader", ["other name.safetensors", 1, 1], entry("loras", "other name.safetensors", " ", hash=sha256(VAE), hash_type="SHA256")))
        path = self.save("graph.json", self.read(path).replace(b'" "', b'""'))
        self.pull("--workflow", path)
        self.assertEqual(self.read(self.models("vae", "sub", "vae.safetensors")), VAE)
        self.assertEqual(self.read(self.models("loras", "other name.safetensors")), VAE)
        self.assertEqual(self.hub.asked(server="cdn"), [])

    def test_a_name_that_several_have_is_nobodys(self):
        def model(name, file):
            return {"id": name, "files": [{"from": [f"hf:org/repo/{file}"], "to": [{"store": "comfyui", "folder": "vae", "name": f"{name}/x.safetensors"}]}]}
        self.machine.manifest([model("a", "base.safetensors"), model("b", "vae.safetensors")])
        self.plan(self.workflow(node("VAELoader", ["x.safetensors"])), code=5)

    def test_its_digest_is_a_pin(self):
        path = self.workflow(load(wanted("vae", hash=sha256(BASE), hash_type="SHA256")))
        self.pull("--workflow", path, code=10)
        self.assertFalse(os.path.exists(self.models("vae", "vae.safetensors")))

    def test_names_that_lead_out_are_refused(self):
        path = self.workflow(node("VAELoader", ["../../../x.safetensors"], entry("vae", "../../../x.safetensors", HF + "vae.safetensors")),
                             node("VAELoader", ["ok.safetensors"], entry("../vae", "ok.safetensors", HF + "vae.safetensors")),
                             node("VAELoader", ["bad\x1b[31m.safetensors"]))
        result = self.machine.run("pull", "-y", "--workflow", path)
        self.assertEqual(result.returncode, 5, result.err)
        self.assertNotIn("\x1b", result.err + result.out)
        self.assertFalse(os.path.exists(self.comfy))

    def test_code_is_no_model(self):
        path = self.workflow(node("Fetch", [], entry("custom_nodes", "evil/__init__.py", HF + "vae.safetensors"), entry("custom_nodes", "evil.so", HF + "vae.safetensors")))
        result = self.machine.run("pull", "-y", "--workflow", path)
        self.assertEqual(result.returncode, 11, result.err)
        self.assertFalse(os.path.exists(self.comfy))

    def test_nothing_to_have(self):
        path = self.workflow(node("LoadImage", ["x.png"]))
        self.assertEqual(self.plan(path, "--exit-code").out, f"{path} names no models.\n")
        self.assertIn("names no models", self.machine.run("pull", "-y", "--workflow", path).out)
        result = self.machine.run("manifest", "import", path)
        self.assertEqual((result.returncode, result.out), (2, ""))
        self.assertIn("names no models", result.err)

    def test_wrong_use(self):
        path = self.workflow(load(wanted("vae")))
        for arguments, says in ((["--phase", "1"], "another selector"), (["some-model"], "another selector"), (["--to", "nowhere"], "nowhere")):
            self.assertIn(says, self.plan(path, *arguments, code=2).err)
        self.assertIn("there is no file", self.plan(path + "x", code=2).err)
        self.assertIn("no workflow in it", self.plan(self.save("text", b"hello"), code=2).err)

    def test_a_manifest_is_made_of_it(self):
        inner = subgraph("1111-1111", load(wanted("checkpoints")))
        path = self.save("made.png", png(text_chunk(b"workflow", dump(graph(
            node("1111-1111", []), load(wanted("vae")), node("ThingLoader", ["t.safetensors"], entry("LLM", "t.safetensors", HF + "vae.safetensors")),
            definitions={"subgraphs": [inner]})))))
        made = os.path.join(self.machine.home, "made.json")
        result = self.machine.run("manifest", "import", path, "-o", made)
        self.assertEqual(result.returncode, 0, result.err)
        with open(made, encoding="utf-8") as file:
            models = json.load(file)["models"]
        places = [(file["from"][0], target.get("folder"), target["name"]) for m in models for file in m["files"] for target in file["to"]]
        self.assertEqual(sorted(places, key=str), [
            ("hf:org/repo/base.safetensors", "checkpoints", "base.safetensors"),
            ("hf:org/repo/vae.safetensors", "vae", "vae.safetensors"), ("hf:org/repo/vae.safetensors", None, "models/LLM/t.safetensors")])
        self.assertEqual(self.machine.run("manifest", "check", made).returncode, 0)
        self.assertEqual(self.machine.run("-f", made, "lock").returncode, 0)
        self.assertEqual(self.machine.run("-f", made, "pull", "-y", "--locked").returncode, 0)

    def test_templates_become_manifests(self):
        """ComfyUI's own: every file in its folder, and those that ask for nothing are told to."""
        documents, reason = templates_peer.read()
        if not documents:
            self.skipTest("no templates of ComfyUI here: " + reason)
        for path, document in documents.items():
            wanted = {(folder, name) for folder, name, _ in templates_peer.models_of(document)}
            result = self.machine.run("manifest", "import", path)
            with self.subTest(template=os.path.basename(path)):
                if not wanted:
                    self.assertEqual((result.returncode, result.out), (2, ""))
                    self.assertIn("names no models", result.err)
                    continue
                self.assertEqual(result.returncode, 0, result.err)
                targets = [to for model in json.loads(result.out)["models"] for file in model["files"] for to in file["to"]]
                self.assertEqual({(to["folder"], to["name"]) if "folder" in to else tuple(to["name"].split("/")[1:]) for to in targets}, wanted)

    def test_a_list_from_a_pipe_is_read_as_before(self):
        pipe = os.path.join(self.machine.home, "pipe")
        os.mkfifo(pipe)
        running = self.machine.start("manifest", "import", pipe)
        with open(pipe, "w", encoding="utf-8") as out:
            out.write("ollama pull llama3.2:3b\n")
        told, errors = running.communicate(timeout=60)
        self.assertEqual((running.returncode, len(json.loads(told)["models"])), (0, 1), errors)

    def test_an_import_knows_names_by_manifests(self):
        self.machine.manifest([{"id": "known", "license": "mit", "files": [
            {"from": ["hf:org/repo/base.safetensors"], "sha256": sha256(BASE), "size": len(BASE), "to": [{"store": "comfyui", "folder": "checkpoints"}]}]}])
        result = self.machine.run("manifest", "import", self.workflow(node("CheckpointLoaderSimple", ["base.safetensors"])))
        self.assertEqual(result.returncode, 0, result.err)
        made = json.loads(result.out)["models"]
        self.assertEqual([(model["license"], file["sha256"], file["size"], file["to"]) for model in made for file in model["files"]],
                         [("mit", sha256(BASE), len(BASE), [{"store": "comfyui", "folder": "checkpoints", "name": "base.safetensors"}])])

    def test_an_import_tells_what_it_left_out(self):
        path = self.workflow(load(wanted("vae")), node("LoraLoader", ["l.safetensors", 1, 1]))
        result = self.machine.run("manifest", "import", path, "--json")
        self.assertEqual(result.returncode, 2)
        told = json.loads(result.out)["data"]
        self.assertEqual(told["model_count"], 1)
        self.assertEqual(told["left_out"], [{"line": None, "what": "loras/l.safetensors", "reason": "the workflow has no source for it"}])

    def pack(self, version="1.2.0"):
        """A pack in ComfyUI's registry."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("__init__.py", "raise SystemExit('never run')")
            archive.writestr("requirements.txt", "numpy>=1.25\nevil\x1b[31m\n")
        url = self.hub.url(f"/pack-{version}.zip", buffer.getvalue())
        answer = {"version": version, "downloadUrl": url}
        self.hub.routes["service"][f"/nodes/some-pack/versions/{version}"] = lambda _: (200, answer, {})
        self.hub.routes["service"]["/nodes/some-pack"] = lambda _: (200, {"id": "some-pack", "latest_version": answer}, {})
        self.machine.env["NCMODEL_COMFY_ENDPOINT"] = self.hub.service.url
        return os.path.join(self.comfy, "custom_nodes", "some-pack")

    def test_packs_of_nodes_are_told_and_unpacked_on_demand(self):
        place = self.pack()
        path = self.workflow(load(wanted("vae")), node("X", [], properties={"cnr_id": "some-pack", "ver": "1.2.0"}),
                             node("Y", [], properties={"cnr_id": "unknown", "ver": "nightly"}))
        self.assertRegex(self.plan(path).out, "(?s)--custom-nodes unpacks.*comfy:some-pack@1.2.0.*unknown  nightly  no source")
        self.pull("--workflow", path)
        self.assertFalse(os.path.exists(place))
        result = self.pull("--workflow", path, "--custom-nodes")
        self.assertTrue(os.path.isfile(os.path.join(place, "__init__.py")))
        self.assertRegex(result.out, r"(?s)needs of Python.*requirements.txt\):\n  numpy>=1.25\n  evil\\x1b\[31m")
        self.assertNotIn("\x1b", result.out)
        self.check_registry()
        self.plan(path, "--custom-nodes", "--exit-code")

    def test_a_pack_is_a_source_of_its_own(self):
        place = self.pack("2.0.0")
        self.pull("comfy:some-pack")
        self.assertTrue(os.path.isfile(os.path.join(place, "requirements.txt")))
        self.assertIn("comfy:some-pack@2.0.0", json.dumps(self.machine.registry()))
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        self.pack("2.1.0")
        self.assertIn("2.1.0", self.machine.run("outdated").out)
        self.assertEqual(self.machine.run("pull", "-y", "comfy:no-pack@1").returncode, 5)
        self.assertEqual(self.machine.run("pull", "-y", "comfy:../x").returncode, 2)

    def test_a_manifest_has_the_packs_on_demand(self):
        place = self.pack()
        path = self.workflow(node("X", ["a.safetensors"], entry("LLM", "a.safetensors", HF + "vae.safetensors"), properties={"cnr_id": "some-pack", "ver": "1.2.0"}))
        made = os.path.join(self.machine.home, "made.json")
        self.assertEqual(self.machine.run("manifest", "import", path, "-o", made, "--custom-nodes").returncode, 0)
        self.assertEqual(self.machine.run("manifest", "check", made).returncode, 0)
        self.assertEqual(self.machine.run("-f", made, "pull", "-y").returncode, 0)
        self.assertTrue(os.path.isfile(os.path.join(place, "__init__.py")))


if __name__ == "__main__":
    unittest.main()
