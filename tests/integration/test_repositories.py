"""Whole repositories have a folder of their own, and what was put elsewhere by an earlier version stays there."""
import json
import os
import unittest

from harness import Case, gguf, safetensors


class RepositoryTest(Case):
    def publish(self, repo, edition=1, **more):
        files = {"config.json": f'{{"of": "{repo}", "edition": {edition}}}'.encode(),
                 "model.safetensors": safetensors(f"{repo}{edition}", 9_000), "sub/tokens.json": f'["{repo}"]'.encode(), **more}
        self.hub.hf(repo, files, commit="cdef"[edition] * 40, small=[name for name in files if name.endswith(".json")])
        return files

    def folder(self, *parts):
        place = os.path.join(self.machine.root, *parts)
        found = {}
        for folder, _, names in os.walk(place):
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, place)] = self.read(path)
        return found

    def place(self, store, folder=None):
        with open(os.path.join(self.machine.env["NCMODEL_DATADIR"], "layouts/default.json"), encoding="utf-8") as file:
            layout = json.load(file)["stores"][store]
        return [layout["path"], *([layout["folders"][folder]] if folder else [])]

    def sound(self):
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.check_registry()

    def test_two_do_not_mix(self):
        first, second = self.publish("org/First"), self.publish("org/Second")
        for repo in ("org/First", "org/Second"):
            self.pull(f"hf:{repo}", "--to", "training")
            self.pull(f"hf:{repo}", "--to", "comfyui/diffusers")
        for place in (self.place("training"), self.place("comfyui", "diffusers")):
            self.assertEqual(self.folder(*place, "First"), first)
            self.assertEqual(self.folder(*place, "Second"), second)
        self.assertIn("in place", self.pull("hf:org/First", "--to", "training").out)
        self.sound()

    def test_the_folder_can_be_named(self):
        files = self.publish("org/First")
        self.pull("hf:org/First", "--to", "comfyui/llm/mine")
        self.pull("hf:org/First", "--to", "training//base/first")
        self.assertEqual(self.folder(*self.place("comfyui", "llm"), "mine"), files)
        self.assertEqual(self.folder(*self.place("training"), "base/first"), files)
        self.assertFalse(os.path.exists(os.path.join(self.machine.root, *self.place("training"), "First")))
        self.sound()

    def test_one_file_is_a_repository_too(self):
        self.hub.hf("org/One", {"model.gguf": gguf("one", 5_000)})
        self.pull("hf:org/One", "--to", "training")
        self.pull("hf:org/One", "--to", "training//named")
        for name in ("One", "named"):
            self.assertEqual(self.folder(*self.place("training"), name), {"model.gguf": gguf("one", 5_000)})
        # of one file that is spelled out, NAME is the file's name
        self.pull("hf:org/One/model.gguf", "--to", "training//file.gguf")
        self.assertTrue(os.path.isfile(os.path.join(self.machine.root, *self.place("training"), "file.gguf")))
        self.sound()

    def test_a_manifest_without_a_name(self):
        files = self.publish("org/First")
        self.machine.manifest([{"id": "first", "files": [{"from": ["hf:org/First@main"], "to": [{"store": "training"}]}]}])
        self.pull("first")
        self.assertEqual(self.folder(*self.place("training"), "First"), files)

    def test_what_lies_flat_stays_there(self):
        """As an earlier version left it; a newer revision has another file, which goes beside the others."""
        m = self.machine
        self.publish("org/First")
        self.pull("hf:org/First", "--to", "training")
        flat = os.path.join(m.root, *self.place("training"))
        for name in os.listdir(flat + "/First"):
            os.rename(f"{flat}/First/{name}", f"{flat}/{name}")
        os.rmdir(flat + "/First")
        with open(m.store("models.json"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("/First/", text)
        with open(m.store("models.json"), "w", encoding="utf-8") as file:
            file.write(text.replace("/First/", "/"))
        self.sound()
        self.hub.forget()
        self.assertIn("in place", self.pull("hf:org/First", "--to", "training").out)
        newer = self.publish("org/First", 2, **{"new.json": b"[2]"})
        self.pull("hf:org/First", "--to", "training", "--update")
        found = {name: data for name, data in self.folder(*self.place("training")).items() if not name.startswith(".ncmodel")}
        self.assertEqual(found, newer)
        self.assertEqual(len(self.entries()["org/First"]["files"]), len(newer))
        self.sound()


if __name__ == "__main__":
    unittest.main()
