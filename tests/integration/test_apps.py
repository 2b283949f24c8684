#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every application's folders: the shipped stores, sub-folders, and folders of a store that lie elsewhere by their owner's word."""
import json
import os
import sys
import time
import unittest

try:
    import yaml
except ImportError:
    print("python3-yaml is not installed (scripts/setup --test)")
    sys.exit(77)

from harness import Case, gguf, safetensors
from hub import sha256


class AppsCase(Case):
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


class FoldersTest(AppsCase):
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
        dumped = json.loads(self.m.run("manifest", "dump", "--layout", layout).out)
        self.assertEqual(sorted((t["store"], t["folder"], t["name"]) for m in dumped["models"] for f in m["files"] for t in f["to"]),
                         [("app", "loras", "a.safetensors"), ("app", "vae", "b.safetensors")])
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

    def test_a_folder_on_another_disk_by_the_configuration(self):
        """No layout of one's own is needed for it; what lies in the application's own folder is still seen."""
        disk = os.path.join(self.m.home, "big/loras")
        one, other = safetensors("one", 3000), safetensors("other", 4000)
        self.pull(self.url("one.safetensors", one), "--to", "comfyui/loras")
        config = self.write(os.path.join(self.m.env["XDG_CONFIG_HOME"], "ncmodel/config.json"),
                            json.dumps({"stores": {"comfyui/loras": disk}}).encode())
        self.pull(self.url("other.safetensors", other), "--to", "comfyui/loras")
        self.assertEqual(self.read(os.path.join(disk, "other.safetensors")), other)
        self.assertEqual(self.stores()["comfyui/loras"]["path"], disk)
        self.assertIn("in place", self.pull(self.url("one.safetensors", one), "--to", "comfyui/loras").out)
        self.assertEqual(self.m.run("verify", "--store", "comfyui").returncode, 0)
        self.assertEqual(len(json.loads(self.m.run("list", "--store", "comfyui", "--json").out)["data"]["models"]), 2)
        # and it moves as any store does
        moved = self.m.run("mv", "-y", "comfyui/loras", os.path.join(self.m.home, "bigger"))
        self.assertEqual(moved.returncode, 0, moved.err + moved.out)
        self.assertEqual(self.stores()["comfyui/loras"]["path"], os.path.join(self.m.home, "bigger"))
        self.check_registry()
        for wrong in "comfyui/lora", "comfy/loras", "hf/loras", "comfyui/loras/flux":
            self.write(config, json.dumps({"stores": {wrong: disk}}).encode())
            self.assertEqual(self.m.run("stores").returncode, 2, wrong)

    def test_what_is_there_by_hand_is_adopted_with_its_store(self):
        disk = os.path.join(self.m.home, "disk")
        layout = self.layout(app={"kind": "folders", "path": "app", "folders": {"loras": disk}})
        self.write(os.path.join(disk, "sub/x.safetensors"), safetensors("x", 3000))
        for arguments in (["--store", "app"], []):
            found = json.loads(self.m.run("adopt", "--json", "--dry-run", "--layout", layout, *arguments).out)["data"]
            self.assertEqual(len(found["models"]), 1, found)


def comfyui_paths(path):
    """As ComfyUI reads the file (utils/extra_config.py, main of 2025): (key, folder, is_default), in order."""
    with open(path) as file:
        config = yaml.safe_load(file)
    folder, found = os.path.dirname(os.path.abspath(path)), []
    for section in (config or {}).values():
        if section is None:
            continue
        section = dict(section)
        base = section.pop("base_path", None)
        if base is not None:
            base = os.path.join(folder, os.path.expandvars(os.path.expanduser(base)))
        first = section.pop("is_default", False)
        for key, lines in section.items():
            for line in lines.split("\n"):
                if line:
                    found.append((key, os.path.normpath(os.path.join(base or folder, line)), first))
    return found


class ExtraPathsTest(AppsCase):
    """extra_model_paths.yaml beside ComfyUI: a store that is spread over disks is seen whole."""

    def setUp(self):
        super().setUp()
        self.disk, self.comfyui = os.path.join(self.m.home, "disk"), os.path.join(self.m.root, "ComfyUI")
        self.yaml = os.path.join(self.comfyui, "extra_model_paths.yaml")

    def tell(self, text):
        self.write(self.yaml, text.encode())

    def parts(self, *arguments):
        return {id: store["path"] for id, store in self.stores(*arguments).items() if store["why"] == "application"}

    def test_it_is_read_as_comfyui_reads_it(self):
        m = self.m
        m.env["DISK"] = self.disk
        for name in ("a", "b", "c/d", "own", "über maß"):
            os.makedirs(os.path.join(self.disk, name))
        self.tell("# mine\none:\n  base_path: ${DISK}\n  loras: |\n    a\n    b\n  vae: c/d/\n  nothing: none\n"
                  "two:\n  controlnet: $DISK/../disk/own\n  embeddings: \"%s/über maß\"\n  gligen: ../../disk/a\nthree:\n"
                  % self.disk)
        os.environ["DISK"] = self.disk
        self.addCleanup(os.environ.pop, "DISK")
        told = comfyui_paths(self.yaml)
        there = {folder for _, folder, _ in told if os.path.isdir(folder)}
        parts = self.parts()
        self.assertEqual(set(parts.values()), there - {os.path.join(self.comfyui, "$DISK/../disk/own")})
        self.assertEqual(parts["comfyui/loras"], os.path.join(self.disk, "a"))
        self.assertEqual(parts["comfyui/loras:2"], os.path.join(self.disk, "b"))
        self.assertEqual(parts["comfyui/vae"], os.path.join(self.disk, "c/d"))
        self.assertEqual(self.stores()["comfyui/vae"]["told_by"], self.yaml)

    def test_what_lies_there_is_not_fetched_again(self):
        os.makedirs(self.disk)
        self.tell(f"mine:\n  loras: {self.disk}\n")
        data = safetensors("x", 2_000_000)
        path = self.write(os.path.join(self.disk, "x.safetensors"), data)
        url = self.url("x.safetensors", data)
        planned = json.loads(self.m.run("plan", "--json", url, "--to", "comfyui/loras").out)["data"]
        self.assertEqual(planned["to_get"], 0)
        self.hub.forget()
        self.pull(url, "--to", "comfyui/loras")
        self.assertEqual([r["method"] for r in self.hub.requests], ["HEAD"])
        self.assertFalse(os.path.exists(os.path.join(self.comfyui, "models/loras/x.safetensors")))
        registered = self.m.registry()["models"][0]["files"][0]
        self.assertEqual((self.m.registered_path(registered["path"]), registered["store"]), (path, "comfyui/loras"))

    def test_a_pull_goes_to_the_default(self):
        data = safetensors("y", 3000)
        for says, place in (("", os.path.join(self.comfyui, "models/vae")), ("  is_default: true\n", self.disk)):
            os.makedirs(self.disk, exist_ok=True)
            self.tell(f"mine:\n{says}  vae: {self.disk}\n")
            self.pull(self.url("y.safetensors", data), "--to", "comfyui/vae")
            self.assertEqual(self.read(os.path.join(place, "y.safetensors")), data)
            self.m.run("rm", "-y", "--all")

    def test_a_repository_stays_together(self):
        """What began in one folder goes on there."""
        os.makedirs(os.path.join(self.disk, "Repo"))
        self.tell(f"mine:\n  diffusers: {self.disk}\n")
        data = safetensors("z", 3000)
        self.pull(self.url("z.safetensors", data), "--to", "comfyui/diffusers/Repo/unet/z.safetensors")
        self.assertEqual(self.read(os.path.join(self.disk, "Repo/unet/z.safetensors")), data)

    def test_it_is_seen_whole(self):
        self.tell(f"mine:\n  loras: {self.disk}\n")
        self.write(os.path.join(self.disk, "p.safetensors"), safetensors("p", 3000))
        self.write(os.path.join(self.comfyui, "models/loras/q.safetensors"), safetensors("q", 3000))
        looked = json.loads(self.m.run("verify", "--json", "--store", "comfyui").out)["data"]
        self.assertEqual([s["path"] for s in looked["stores"]], [self.comfyui, self.disk])
        adopted = self.m.run("adopt", "--json", "--store", "comfyui")
        self.assertEqual(len(json.loads(adopted.out)["data"]["models"]), 2, adopted.out)
        self.assertEqual({model["kind"] for model in self.m.registry()["models"]}, {"lora"})
        self.assertEqual(self.m.run("verify").returncode, 0)

    def test_its_place_is_the_applications_to_say(self):
        os.makedirs(self.disk)
        self.tell(f"mine:\n  loras: {self.disk}\n")
        moved = self.m.run("mv", "-y", "comfyui/loras", os.path.join(self.m.home, "new"))
        self.assertEqual(moved.returncode, 2)
        self.assertIn("extra_model_paths.yaml", moved.err)

    def test_folders_of_other_stores_stay_theirs(self):
        os.makedirs(os.path.join(self.m.root, "stable-diffusion-webui/models/Lora"))
        os.makedirs(os.path.join(self.comfyui, "models/loras"))
        self.tell("a111:\n  base_path: ../stable-diffusion-webui\n  loras: models/Lora\n"
                  "own:\n  loras: models/loras\n")
        self.assertEqual(self.parts(), {})

    def test_whose_word_it_is(self):
        os.makedirs(self.disk)
        self.tell(f"mine:\n  loras: {self.disk}\n")
        self.assertEqual(len(self.parts()), 1)
        os.chmod(self.yaml, 0o666)
        self.assertEqual(self.parts(), {})
        self.assertIn("everybody may write it", self.stores()["comfyui"]["settings_unread"])
        os.chmod(self.yaml, 0o644)
        if os.geteuid() == 0:
            os.chown(self.yaml, 65534, 65534)
            self.assertEqual(self.parts(), {})
            self.assertIn("another user", self.stores()["comfyui"]["settings_unread"])
            self.assertIn("settings were not read", self.m.run("stores").out)
            elsewhere = self.write(os.path.join(self.m.home, "paths.yaml"), f"mine:\n  loras: {self.disk}\n".encode())
            os.unlink(self.yaml)
            os.symlink(elsewhere, self.yaml)
            self.assertEqual(len(self.parts()), 1)
            os.chown(self.yaml, 65534, 65534, follow_symlinks=False)
            self.assertEqual(self.parts(), {})
            self.assertIn("another user's link", self.stores()["comfyui"]["settings_unread"])

    def test_what_is_no_yaml_takes_nothing_away(self):
        for text in ("a: [", "a: *b", "a: !!python/object:os.system x", "- a\n---\n- b", "a: &x [*x]", "\tb: c", "a", "- a", "a:\n",
                     "a: 1", "a: [b]", "? [x]\n: y", "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
                         f"b{i}: &b{i} [{','.join(['*' + ('a' if i == 0 else f'b{i - 1}')] * 9)}]\n" for i in range(12))):
            self.tell(text)
            self.assertEqual(self.parts(), {}, text)
        self.tell("".join(f"k{i}: &a{i} x\n" for i in range(20000)) + "".join(f"l{i}: *a0\n" for i in range(20000)))
        start = time.monotonic()
        self.assertEqual(self.parts(), {})
        self.assertLess(time.monotonic() - start, 5)
        self.assertIn("more than a settings file has", self.stores()["comfyui"]["settings_unread"])
        self.tell("a: [")
        self.assertIn("extra_model_paths.yaml:2: not valid YAML", self.stores()["comfyui"]["settings_unread"])


if __name__ == "__main__":
    unittest.main()
