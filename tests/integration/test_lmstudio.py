#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""LM Studio's store: publisher/model/FILE, of GGUF files and of whole repositories of safetensors. Every command works on it."""
import json
import os
import unittest

from harness import Case, gguf, safetensors, sha256

COMMIT = "a" * 40


class LMStudioTest(Case):
    def path(self, *parts):
        return os.path.join(self.machine.root, ".lmstudio/models", *parts)

    def lying(self):
        """All files of the store."""
        return sorted(os.path.relpath(os.path.join(folder, name), self.path())
                      for folder, folders, names in os.walk(self.path()) if ".ncmodel" not in folder for name in names)

    def run_json(self, *arguments, code=0):
        result = self.machine.run(*arguments, "--json")
        self.assertEqual(result.returncode, code, result.err + result.out)
        return json.loads(result.out)["data"]

    def refused(self, *arguments, says):
        result = self.machine.run("pull", "-y", *arguments)
        self.assertNotEqual(result.returncode, 0)
        for text in says:
            self.assertIn(text, " ".join(result.err.split()))
        self.assertEqual(self.lying(), [])

    def publish(self):
        self.files = {"model-Q4.gguf": gguf("q4", 9_000), "mmproj-model.gguf": gguf("eye", 4_000), "README.md": b"# read"}
        self.hub.hf("org/Model-GGUF", self.files, commit=COMMIT, small=["README.md"])

    def test_a_file_has_its_place_without_being_told(self):
        self.publish()
        self.pull("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio")
        self.pull("hf:org/Model-GGUF/mmproj-model.gguf", "--to", "lmstudio")
        self.assertEqual(self.lying(), ["org/Model-GGUF/mmproj-model.gguf", "org/Model-GGUF/model-Q4.gguf"])
        self.check_registry()
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.assertIn("in place", self.pull("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio").out)

    def test_a_folder_of_gguf_files_lies_flat(self):
        """What a repository has in folders lies in the model's own: LM Studio looks no deeper."""
        self.hub.hf("org/Deep-GGUF", {"Q4/m-00001-of-00002.gguf": gguf("1", 5_000), "Q4/m-00002-of-00002.gguf": gguf("2", 5_000)})
        self.pull("hf:org/Deep-GGUF", "--include", "*.gguf", "--to", "lmstudio")
        self.assertEqual(self.lying(), ["org/Deep-GGUF/m-00001-of-00002.gguf", "org/Deep-GGUF/m-00002-of-00002.gguf"])

    def test_a_repository_of_safetensors(self):
        files = {"config.json": b"{}", "model.safetensors": safetensors("mlx", 9_000), "tokenizer.json": b"[]"}
        self.hub.hf("mlx-community/Tiny-4bit", files, small=["config.json", "tokenizer.json"])
        self.pull("hf:mlx-community/Tiny-4bit", "--to", "lmstudio")
        self.assertEqual(self.lying(), [f"mlx-community/Tiny-4bit/{name}" for name in sorted(files)])
        self.check_registry()

    def test_what_a_repository_has_besides_can_be_left_out(self):
        files = {"m.gguf": gguf("m", 5_000), "m.onnx": b"\x08\x07" + bytes(5_000), "README.md": b"# read"}
        self.hub.hf("org/Both", files, small=["README.md"])
        self.refused("hf:org/Both", "--to", "lmstudio", says=["it loads GGUF files", "leave such files out with --exclude '*.onnx'"])
        self.pull("hf:org/Both", "--to", "lmstudio", "--exclude", "*.onnx")
        self.assertEqual(self.lying(), ["org/Both/README.md", "org/Both/m.gguf"])

    def test_all_of_a_repository_written_down_and_pulled_again(self):
        """What lies beside the weights has its place told in the dump, and goes there: in folders of a repository, too."""
        self.publish()
        files = {"config.json": b"{}", "model.safetensors": safetensors("mlx", 9_000), "sub/tokenizer.json": b"[]"}
        self.hub.hf("mlx-community/Tiny-4bit", files, small=["config.json", "sub/tokenizer.json"])
        self.pull("hf:org/Model-GGUF", "hf:mlx-community/Tiny-4bit", "--to", "lmstudio")
        there, dump = self.lying(), self.machine.run("manifest", "dump")
        self.assertIn("org/Model-GGUF/README.md", there)
        self.assertEqual(self.machine.run("rm", "--all", "-y").returncode, 0)
        self.pull("-f", self.write("dumped.json", dump.out.encode()))
        self.assertEqual(self.lying(), there)

    def test_one_copy_with_other_applications(self):
        self.publish()
        self.pull("hf:org/Model-GGUF/model-Q4.gguf")
        self.pull("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio")
        one, other = self.path("org/Model-GGUF/model-Q4.gguf"), self.machine.store("model-Q4.gguf")
        self.assertEqual(len([r for r in self.hub.fetched() if "/resolve/" in r["path"]]), 1)
        self.assertEqual(self.machine.run("link", "--unlink", "--least", "1").returncode, 0)
        self.assertNotEqual(os.stat(one).st_ino, os.stat(other).st_ino)
        self.assertEqual(self.machine.run("link", "--least", "1").returncode, 0)
        self.assertEqual(self.read(one), self.read(other))
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_other_sources_have_a_publisher_too(self):
        data = gguf("plain", 8_000)
        self.machine.manifest([{"id": "plain", "files": [{"from": [self.hub.url("/files/plain-Q8.gguf", data)],
                                                           "insecure_http": True, "to": [{"store": "lmstudio"}]}]}])
        self.pull("plain")
        self.assertEqual(self.lying(), ["imported-models/plain-Q8/plain-Q8.gguf"])
        self.check_registry()

    def test_a_place_that_is_told(self):
        self.publish()
        self.pull("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio//me/mine/other.gguf")
        self.pull("hf:org/Model-GGUF/mmproj-model.gguf", "--to", "lmstudio//eye.gguf")
        self.assertEqual(self.lying(), ["me/mine/other.gguf", "org/Model-GGUF/eye.gguf"])

    def test_what_it_would_not_show_is_refused(self):
        self.publish()
        self.hub.hf("org/Picture", {"picture.safetensors": safetensors("p", 5_000), "weights.bin": b"PK" + bytes(5_000)})
        self.refused("hf:org/Picture/picture.safetensors", "--to", "lmstudio", says=["it loads GGUF files", "choose another store"])
        self.refused("hf:org/Picture/weights.bin", "--to", "lmstudio", "--allow-pickle", says=["it loads GGUF files"])
        self.refused("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio//flat/model.gguf",
                     says=["would not find it there", "--to lmstudio//PUBLISHER/MODEL/FILE"])
        self.refused("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio//a/b/c/model.gguf", says=["would not find it there"])
        self.refused("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio/loras",
                     says=['store "lmstudio" has no folder "loras"', "as in --to lmstudio"])
        self.hub.ollama("library/tiny", [("model", gguf("t", 5_000))], tag="1b")
        self.refused("ollama:tiny:1b", "--to", "lmstudio", says=['"lmstudio" is not an Ollama store', "--to ollama"])

    def test_every_command(self):
        """Nothing but the kind's own file knows it: all that works on stores works on this one."""
        self.publish()
        name = "hf:org/Model-GGUF/model-Q4.gguf"
        self.pull(name, "--to", "lmstudio")
        store = next(s for s in self.run_json("stores")["stores"] if s["id"] == "lmstudio")
        self.assertEqual((store["kind"], store["model_count"], store["there"]), ("lmstudio", 1, True))
        self.assertEqual(self.run_json("verify", "--store", "lmstudio")["models"][0]["state"], "ok")
        self.assertEqual({s["name"]: s["model_count"] for s in self.run_json("df")["stores"]}["lmstudio"], 1)
        id = self.machine.registry()["models"][0]["id"]
        # the same bytes for llama.cpp: not fetched again, and one file
        self.pull(name, "--to", "llama-cpp")
        self.assertEqual(len([r for r in self.hub.asked() if r["method"] == "GET" and "/resolve/" in r["path"]]), 1)
        # damaged, and repaired
        with open(self.path("org/Model-GGUF/model-Q4.gguf"), "r+b") as file:
            os.fchmod(file.fileno(), 0o644)
            file.seek(5_000)
            file.write(b"damage")
        self.machine.run("verify", "--repair")
        self.assertEqual(sha256(self.read(self.path("org/Model-GGUF/model-Q4.gguf"))), sha256(self.files["model-Q4.gguf"]))
        # written down, and pulled again from that
        result = self.machine.run("manifest", "dump")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn('"name": "org/Model-GGUF/model-Q4.gguf"', result.out)
        self.assertEqual(self.machine.run("rm", "-y", id).returncode, 0)
        self.assertEqual(self.lying(), [])
        self.assertTrue(os.path.isdir(self.path()))
        self.assertFalse(os.path.exists(self.path("org")), "an empty folder is left")
        self.assertEqual(self.machine.run("gc", "-y").returncode, 0)
        self.pull("-f", self.write("dumped.json", result.out.encode()))
        self.assertEqual(self.lying(), ["org/Model-GGUF/model-Q4.gguf"])
        # the store as a whole goes elsewhere, and LM Studio has to be told
        result = self.machine.run("mv", "-y", "lmstudio", os.path.join(self.machine.root, "disk2/lm"))
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertIn("LM Studio: My Models", result.out)
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_moving_in_and_out(self):
        self.publish()
        self.pull("hf:org/Model-GGUF/model-Q4.gguf")
        id = self.machine.registry()["models"][0]["id"]
        result = self.machine.run("mv", "-y", id, "--to", "lmstudio")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(self.lying(), ["org/Model-GGUF/model-Q4.gguf"])
        self.check_registry()
        self.assertEqual(self.machine.run("mv", "-y", id, "--to", "llama-cpp").returncode, 0)
        self.assertEqual(self.lying(), [])
        self.assertTrue(os.path.isfile(self.machine.store("model-Q4.gguf")))
        self.check_registry()

    def test_what_lies_there_is_found_and_its_folder_is_a_guess(self):
        self.write(self.path("org/Model-GGUF/model-Q4.gguf"), gguf("q4", 9_000))
        self.write(self.path("imported-models/own/own.gguf"), gguf("own", 9_000))
        models = self.run_json("verify", "--store", "lmstudio")["models"]
        self.assertEqual({m["id"]: (m["source"], m["guess"]) for m in models},
                         {"model-q4": (None, "org/Model-GGUF"), "own": (None, None)})
        self.assertIn("by its folder org/Model-GGUF; nothing tells for certain", self.machine.run("verify", "--store", "lmstudio").out)
        adopted = {m["id"]: m for m in self.run_json("adopt", "--store", "lmstudio")["models"]}
        self.assertIn("by its folder org/Model-GGUF", adopted["model-q4"]["detail"])
        self.assertIsNone(adopted["model-q4"]["source"], "a guess is no source")
        self.check_registry()

    def test_it_is_found_where_older_versions_had_it(self):
        os.makedirs(os.path.join(self.machine.root, ".cache/lm-studio/models"))
        self.publish()
        self.pull("hf:org/Model-GGUF/model-Q4.gguf", "--to", "lmstudio")
        self.assertTrue(os.path.isfile(os.path.join(self.machine.root, ".cache/lm-studio/models/org/Model-GGUF/model-Q4.gguf")))


if __name__ == "__main__":
    unittest.main()
