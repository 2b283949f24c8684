#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every application's folders: the shipped stores, sub-folders, and folders of a store that lie elsewhere by their owner's word."""
import json
import os
import unittest

from harness import SOURCE, Case, gguf, safetensors
from hub import sha256


class FoldersTest(Case):
    def setUp(self):
        super().setUp()
        self.m = self.machine

    def stores(self, *arguments):
        result = self.m.run("stores", "--json", *arguments)
        self.assertEqual(result.returncode, 0, result.err)
        return {store["id"]: store for store in json.loads(result.out)["data"]["stores"]}

    def url(self, name, data):
        return f"{self.hub.url('/files/' + name, data)}#sha256={sha256(data)}"

    def layout(self, **stores):
        path = os.path.join(self.m.home, "layout.json")
        with open(path, "w") as out:
            json.dump({"schema_version": 1, "layout": "mine", "registry": "models.json", "stores": stores}, out)
        return path

    def test_each_picture_application_takes_a_lora(self):
        places = {"forge": "stable-diffusion-webui-forge/models/Lora", "forge-neo": "sd-webui-forge-neo/models/Lora",
                  "sdnext": "sdnext/models/Lora", "swarmui": "SwarmUI/Models/Lora", "fooocus": "Fooocus/models/loras",
                  "invokeai": "invokeai/in-place/loras"}
        for store, place in places.items():
            data = safetensors(store, 3000)
            self.pull(self.url(store + ".safetensors", data), "--to", store + "/loras")
            self.assertEqual(self.read(os.path.join(self.m.root, place, store + ".safetensors")), data)

    def test_each_language_application_takes_a_file(self):
        places = {"jan": ".local/share/Jan/data/llamacpp/models", "koboldcpp": "koboldcpp/models",
                  "textgen": "text-generation-webui/user_data/models", "localai": "LocalAI/models"}
        for store, place in places.items():
            data = gguf(store, 3000)
            self.pull(self.url(store + ".gguf", data), "--to", f"{store}//{store}/model.gguf")
            self.assertEqual(self.read(os.path.join(self.m.root, place, store, "model.gguf")), data)

    def test_what_is_there_already_is_where_it_goes(self):
        for found, store in (("sd-webui-forge-classic", "forge-neo"), ("automatic", "sdnext"),
                             ("text-generation-webui/models", "textgen"), (".config/Jan/data/llamacpp/models", "jan")):
            os.makedirs(os.path.join(self.m.root, found))
            self.assertEqual(os.path.relpath(self.stores()[store]["path"], self.m.root), found)

    def test_a_sub_folder(self):
        data = safetensors("s", 3000)
        self.pull(self.url("s.safetensors", data), "--to", "comfyui/loras/Flux/Styles/")
        path = os.path.join(self.m.root, "ComfyUI/models/loras/Flux/Styles/s.safetensors")
        self.assertEqual(self.read(path), data)
        model = self.m.simple("t.safetensors", data)
        model["files"][0]["to"] = [{"store": "comfyui", "folder": "loras/Flux", "name": "t.safetensors"}]
        self.m.manifest([model])
        self.pull()
        self.assertEqual(self.read(os.path.join(self.m.root, "ComfyUI/models/loras/Flux/t.safetensors")), data)
        for folder in ("loras/../x", "nosuch/Flux", "loras//x"):
            model["files"][0]["to"][0]["folder"] = folder
            self.m.manifest([model])
            self.assertNotEqual(self.m.run("plan").returncode, 0, folder)

    def test_a_folder_on_another_disk(self):
        disk = os.path.join(self.m.home, "disk")
        layout = self.layout(app={"kind": "folders", "path": "app", "folders": {"vae": "models/vae", "loras": disk}})
        data, other = safetensors("a", 3000), safetensors("b", 3000)
        self.pull("--layout", layout, self.url("a.safetensors", data), "--to", "app/loras")
        self.assertEqual(self.read(os.path.join(disk, "a.safetensors")), data)
        self.assertFalse(os.path.exists(os.path.join(self.m.root, "app")))
        self.pull("--layout", layout, self.url("b.safetensors", other), "--to", "app/vae")
        stores = self.stores("--layout", layout)
        self.assertEqual(stores["app/loras"]["path"], disk)
        self.assertEqual([stores[id]["model_count"] for id in ("app", "app/loras")], [1, 1])
        for store, count in (("app", 2), ("app/loras", 1)):
            listed = json.loads(self.m.run("list", "--json", "--layout", layout, "--store", store).out)["data"]["models"]
            self.assertEqual(len(listed), count, store)
            looked = json.loads(self.m.run("verify", "--json", "--layout", layout, "--store", store).out)["data"]
            self.assertEqual(sum(s["model_count"] for s in looked["stores"]), count, looked)
        # Damage there is mended there, and what is removed is gone.
        with open(os.path.join(disk, "a.safetensors"), "r+b") as file:
            file.seek(2900)
            file.write(b"\0" * 50)
        self.assertEqual(self.m.run("verify", "--layout", layout).returncode, 4)
        self.m.run("verify", "--repair", "--layout", layout)
        self.assertEqual(self.read(os.path.join(disk, "a.safetensors")), data)
        removed = self.m.run("rm", "-y", "--layout", layout, next(m["id"] for m in listed if "a.safetensors" in m["id"]))
        self.assertEqual(removed.returncode, 0, removed.err)
        self.assertEqual([f for f in os.listdir(disk) if not f.startswith(".")], [])

    def test_what_is_there_by_hand_is_adopted_with_its_store(self):
        disk = os.path.join(self.m.home, "disk")
        layout = self.layout(app={"kind": "folders", "path": "app", "folders": {"loras": disk}})
        self.write(os.path.join(disk, "sub/x.safetensors"), safetensors("x", 3000))
        for arguments in (["--store", "app"], []):
            found = json.loads(self.m.run("adopt", "--json", "--dry-run", "--layout", layout, *arguments).out)["data"]
            self.assertEqual(len(found["models"]), 1, found)


if __name__ == "__main__":
    unittest.main()
