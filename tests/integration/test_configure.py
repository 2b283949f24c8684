#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`ncmodel link --configure`: applications are told where files are, in their own settings, and those keep every other byte."""
import configparser
import fcntl
import json
import os
import shlex
import sys
import unittest

try:
    import yaml
except ImportError:
    print("python3-yaml is not installed (scripts/setup --test)")
    sys.exit(77)

from harness import gguf
from test_apps import AppsCase, comfyui_paths

MARK, END = "# >>> ncmodel", "# <<< ncmodel "


class ConfigureCase(AppsCase):
    def setUp(self):
        super().setUp()
        self.webui = os.path.join(self.m.root, "stable-diffusion-webui")
        for folder in ("models/Stable-diffusion", "models/Lora", "models/VAE", "embeddings", "extensions"):
            os.makedirs(os.path.join(self.webui, folder))

    def configure(self, app, *arguments, code=0):
        result = self.m.run("link", "--configure", app, "--json", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return json.loads(result.out)["data"]

    def told(self, data, state="added"):
        return {(s["key"], s["value"]) for s in data["settings"] if s["state"] == state}


class ComfyUITest(ConfigureCase):
    def setUp(self):
        super().setUp()
        self.comfyui = os.path.join(self.m.root, "ComfyUI")
        self.yaml = os.path.join(self.comfyui, "extra_model_paths.yaml")
        os.makedirs(self.comfyui)

    def folders(self):
        place = lambda name: os.path.join(self.webui, name)
        return {("checkpoints", place("models/Stable-diffusion")), ("diffusion_models", place("models/Stable-diffusion")),
                ("loras", place("models/Lora")), ("vae", place("models/VAE")), ("embeddings", place("embeddings"))}

    def seen(self):
        return {(key, folder) for key, folder, _ in comfyui_paths(self.yaml)}

    def put(self, text):
        self.write(self.yaml, text if isinstance(text, bytes) else text.encode())
        return self.read(self.yaml)

    def refused(self, why, *arguments):
        before = self.read(self.yaml)
        data = self.configure("comfyui", *arguments, code=11)
        self.assertEqual([file["state"] for file in data["files"]], ["refused"])
        self.assertRegex(data["files"][0]["why"], why)
        self.assertEqual(self.read(self.yaml), before)
        self.assertEqual(os.listdir(self.comfyui), ["extra_model_paths.yaml"])

    def test_comfyui_reads_the_stores_folders(self):
        data = self.configure("comfyui", "--dry-run")
        self.assertEqual((data["files"][0]["state"], os.listdir(self.comfyui)), ("would-write", []))
        data = self.configure("comfyui")
        self.assertEqual((data["files"][0]["state"], data["files"][0]["path"]), ("written", self.yaml))
        self.assertEqual(self.told(data), self.folders())
        self.assertEqual(self.seen(), self.folders())
        again = self.configure("comfyui")
        self.assertEqual(again["files"][0]["state"], "same")
        self.assertEqual({setting["state"] for setting in data["settings"]}, {"added"})
        self.assertEqual({setting["state"] for setting in again["settings"]}, {"there"})
        # ncmodel reads it, too, and each folder stays its own store's
        self.assertEqual([id for id, s in self.stores().items() if s["why"] == "application"], [])
        self.assertEqual(self.configure("comfyui", "--undo")["files"][0]["state"], "removed")
        self.assertEqual(os.listdir(self.comfyui), [])
        self.assertEqual(self.configure("comfyui", "--undo")["files"][0]["state"], "same")
        logged = json.loads(self.m.run("log", "--json").out)["data"]
        actions = [entry["action"] for entry in logged["entries"]]
        self.assertEqual(actions, ["configured", "unconfigured"])

    def test_what_the_user_wrote_stays_byte_for_byte(self):
        own = ("# mine\n", "my-own:\n  base_path: /x\n  loras: |\n    a\n    b\n")
        for name, text in {"plain": "".join(own), "no end": "".join(own).rstrip("\n"), "one line": "a:", "empty": "", "comment": "# x",
                           "windows": "".join(own).replace("\n", "\r\n"), "windows without end": "a:\r\n  b: c", "mark": "\ufeff" + own[1],
                           "lone mark": "\ufeff", "document": "%YAML 1.1\n---\n" + own[1], "blank lines": own[1] + "\n\n",
                           "text at the end": "a:\n  b: |+\n    c\n\n"}.items():
            with self.subTest(name):
                before = self.put(text)
                users = yaml.safe_load(text) or {}
                self.assertEqual(self.configure("comfyui")["files"][0]["state"], "written")
                after = self.read(self.yaml)
                self.assertTrue(after.startswith(before))
                now = yaml.safe_load(after.decode("utf-8"))
                ours = now.pop("ncmodel-a1111")
                self.assertEqual(set(ours), {"base_path", *(key for key, _ in self.folders())})
                strip = lambda value: {k: strip(v) for k, v in value.items()} if isinstance(value, dict) else \
                    value.rstrip("\n") if isinstance(value, str) and not text.endswith("\n") else value
                self.assertEqual(strip(now), strip(users))
                if "\r\n" in text:
                    self.assertEqual(after.count(b"\n"), after.count(b"\r\n"))
                self.assertEqual(self.configure("comfyui")["files"][0]["state"], "same")
                self.configure("comfyui", "--undo")
                self.assertEqual(self.read(self.yaml), before)

    def test_the_block_follows_the_stores(self):
        before = self.put("mine:\n  vae: /v")
        self.configure("comfyui")
        with open(self.yaml, "a") as file:
            file.write("later:\n  loras: /l\n")
        os.makedirs(os.path.join(self.webui, "models/ControlNet"))
        self.assertEqual(self.configure("comfyui")["files"][0]["state"], "written")
        self.assertEqual(self.seen(), self.folders() | {("controlnet", os.path.join(self.webui, "models/ControlNet")), ("vae", "/v"),
                                                        ("loras", "/l")})
        self.configure("comfyui", "--undo")
        self.assertEqual(self.read(self.yaml), before + b"\nlater:\n  loras: /l\n")

    def test_a_store_is_chosen(self):
        os.makedirs(os.path.join(self.m.root, "Fooocus/models/loras"))
        self.configure("comfyui", "--store", "fooocus")
        self.assertEqual(self.seen(), {("loras", os.path.join(self.m.root, "Fooocus/models/loras"))})
        self.configure("comfyui")
        self.assertEqual(self.seen(), self.folders() | {("loras", os.path.join(self.m.root, "Fooocus/models/loras"))})
        self.m.run("link", "--configure", "comfyui", "--store", "nosuch")

    def test_what_is_said_already_is_not_said_again(self):
        self.put("a111:\n  base_path: ../stable-diffusion-webui\n  loras: models/Lora\n")
        data = self.configure("comfyui")
        self.assertEqual(self.told(data, "there"), {("loras", os.path.join(self.webui, "models/Lora"))})
        found = [pair[:2] for pair in comfyui_paths(self.yaml)]
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(set(found), self.folders())

    def test_a_section_of_ours_that_is_not_ours(self):
        before = self.put("ncmodel-a1111:\n  loras: /mine\n")
        data = self.configure("comfyui")
        self.assertEqual(self.told(data, "differs"), {("ncmodel-a1111", self.webui)})
        self.assertEqual(self.read(self.yaml), before)

    def test_what_is_not_added_to(self):
        for text, why in (("a: [\n", "not valid YAML"), ("{a: b}\n", "something else"), ("- a\n", "no list of sections"), ("  a: b\n", "something else"),
                          ("a: b\n...\n", "something else"), ("a: 1\n---\nb: 2\n", "second document"), (b"a: \xff\n", "UTF-8"),
                          ("a:\n\tb: c\n", "not valid YAML"), ("a: b\n".encode("utf-16"), "UTF-8"), ("a: !!python/name:x y\n", "a tag"),
                          ("a: \"b", "not valid YAML")):
            with self.subTest(text):
                self.put(text)
                self.refused(why)

    def test_an_edited_block_is_its_editors(self):
        self.put("mine:\n  vae: /v\n")
        self.configure("comfyui")
        good = self.read(self.yaml).decode()
        for text in (good.replace("models/Lora", "models/Mine"), good.replace(END, "# "), good.replace(MARK, "# "), good + good):
            self.put(text)
            self.refused("edited|not whole")
            self.refused("edited|not whole", "--undo")

    def test_whose_the_file_is(self):
        self.put("a:\n")
        os.chmod(self.yaml, 0o444)
        self.refused("read-only")
        os.chmod(self.yaml, 0o640)
        self.configure("comfyui")
        self.assertEqual(os.stat(self.yaml).st_mode & 0o777, 0o640)
        self.put("a:\n")
        other = os.path.join(self.m.home, "other")
        os.link(self.yaml, other)
        self.refused("other names")
        os.unlink(other)
        if os.geteuid() == 0:
            os.chown(self.yaml, 65534, 65534)
            self.refused("another user")

    def test_a_link_of_the_users_is_followed(self):
        dotfile = self.write(os.path.join(self.m.home, "dotfiles/paths.yaml"), b"a:\n")
        os.symlink(dotfile, self.yaml)
        self.configure("comfyui")
        self.assertTrue(os.path.islink(self.yaml))
        self.assertEqual(self.seen(), self.folders())
        self.assertIn(MARK, self.read(dotfile).decode())
        self.configure("comfyui", "--undo")
        self.assertEqual(self.read(dotfile), b"a:\n")
        os.unlink(dotfile)
        data = self.configure("comfyui", code=11)
        self.assertIn("leads to nothing", data["files"][0]["why"])
        if os.geteuid() == 0:
            self.write(dotfile, b"a:\n")
            os.chown(self.yaml, 65534, 65534, follow_symlinks=False)
            self.assertIn("another user's link", self.configure("comfyui", code=11)["files"][0]["why"])

    def test_a_file_that_is_being_written(self):
        self.put("a:\n")
        with open(self.yaml, "r+b") as file:
            try:
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            except OSError:
                self.skipTest("no leases here")
            self.refused("open for writing")
        self.configure("comfyui")

    def test_names_that_yaml_could_take_for_something_else(self):
        odd = os.path.join(self.m.home, "a: b #c 'd' \"e\\f\" $HOME ~ é")
        os.makedirs(os.path.join(odd, "models/Lora"))
        layout = os.path.join(self.m.home, "layout.json")
        with open(layout, "w") as out:
            json.dump({"schema_version": 1, "layout": "mine", "registry": "models.json", "stores": {
                "comfyui": {"kind": "folders", "path": "ComfyUI", "folders": {"loras": "models/loras"}},
                "other": {"kind": "folders", "path": odd, "folders": {"loras": "models/Lora"}},
                "good": {"kind": "folders", "path": odd.replace(" $HOME", ""), "folders": {"loras": "models/Lora"}}}}, out)
        os.makedirs(os.path.join(odd.replace(" $HOME", ""), "models/Lora"))
        self.configure("comfyui", "--layout", layout)
        self.assertEqual(self.seen(), {("loras", os.path.join(odd, "models/Lora")),
                                       ("loras", os.path.join(odd.replace(" $HOME", ""), "models/Lora"))})

    def test_wrong_lines(self):
        for arguments in (["--undo"], ["--configure", "comfyui", "x"], ["--configure", "comfyui", "--unlink"], ["--configure", "nosuch"]):
            self.assertEqual(self.m.run("link", *arguments).returncode, 2, arguments)

    def test_a_folder_of_its_own_that_the_user_has_elsewhere(self):
        """by "stores" of the configuration: the application does not know of it until it is told, and then both know"""
        disk = os.path.join(self.m.home, "big loras")
        os.makedirs(disk)
        config = os.path.join(self.m.env["XDG_CONFIG_HOME"], "ncmodel/config.json")
        self.write(config, json.dumps({"stores": {"comfyui/loras": disk}}).encode())
        for state in "written", "same":
            self.assertEqual(self.configure("comfyui")["files"][0]["state"], state)
            self.assertEqual(self.seen(), self.folders() | {("loras", disk)})
            self.assertEqual([id for id in self.stores() if id.startswith("comfyui")], ["comfyui", "comfyui/loras"])
        self.configure("comfyui", "--undo")
        self.assertFalse(os.path.exists(self.yaml))


class FlagsTest(ConfigureCase):
    """Options are printed, and no file is written."""

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.m.root, "ComfyUI/models/loras"))

    def test_options_to_start_with(self):
        before = self.m.snapshot()
        loras = [f"'{self.webui}/models/Lora'", f"'{self.m.root}/ComfyUI/models/loras'"]
        self.assertEqual(self.configure("a1111")["advice"], [f"--lora-dir {loras[1]}"])
        forge = self.configure("forge")
        self.assertIn(f"--lora-dir {loras[0]}", forge["advice"])
        self.assertEqual(self.told(forge, "left"), {("--lora-dir", f"{self.m.root}/ComfyUI/models/loras")})
        neo = self.configure("forge-neo")["advice"]
        self.assertEqual([line for line in neo if "lora" in line.lower() and "--lora" in line], [f"--lora-dirs {path}" for path in loras])
        self.assertIn("My Models", self.m.run("link", "--configure", "lmstudio").out)
        self.assertEqual(self.m.snapshot(), before)


class NotThereTest(ConfigureCase):
    def test_an_application_that_is_not_there_is_told_nothing(self):
        """Its folder is not made for it: `git clone` would not go there any more."""
        for app in "comfyui", "fooocus", "sdnext", "swarmui":
            with self.subTest(app):
                for arguments in [], ["--dry-run"]:
                    run = self.m.run("link", "--configure", app, *arguments)
                    self.assertEqual(run.returncode, 2, run.out + run.err)
                    self.assertIn(f"--store-path {app}=DIR", run.err)
                self.assertEqual(self.m.run("link", "--configure", app, "--undo").returncode, 0)
        self.assertEqual(os.listdir(self.m.root), ["stable-diffusion-webui"])


class JsonTest(ConfigureCase):
    """Fooocus and SD.Next: absent keys alone, the old bytes beside the file, and back if it is as we left it."""

    def setUp(self):
        super().setUp()
        self.fooocus, self.sdnext = (os.path.join(self.m.root, name) for name in ("Fooocus", "sdnext"))
        for folder in (self.fooocus + "/models/checkpoints", self.fooocus + "/models/loras", self.sdnext):
            os.makedirs(folder)
        self.config = os.path.join(self.fooocus, "config.txt")

    def place(self, *names):
        return [os.path.join(self.webui, name) for name in names]

    def test_fooocus_looks_in_its_own_folder_first(self):
        data = self.configure("fooocus")
        self.assertEqual(data["files"][0]["state"], "written")
        with open(self.config) as file:
            config = json.load(file)
        self.assertEqual(config, {"path_checkpoints": [self.fooocus + "/models/checkpoints", *self.place("models/Stable-diffusion")],
                                  "path_loras": [self.fooocus + "/models/loras", *self.place("models/Lora")],
                                  "path_embeddings": self.place("embeddings")[0], "path_vae": self.place("models/VAE")[0]})
        for value in config.values():       # else Fooocus would fall back
            for folder in value if isinstance(value, list) else [value]:
                self.assertTrue(os.path.isdir(folder))
        again = self.configure("fooocus")
        self.assertEqual((self.told(again), again["files"][0]["state"]), (set(), "same"))
        self.assertEqual(len(self.told(again, "there")), 4)
        self.assertEqual(self.configure("fooocus", "--undo")["files"][0]["state"], "removed")
        self.assertEqual(os.listdir(self.fooocus), ["models"])
        self.assertEqual(self.configure("fooocus", "--undo")["files"][0]["state"], "same")

    def test_bytes_of_others_stay(self):
        for text in ("{}", "{\n}\n", '{"a": 1}', '{ "a": 1 }\n', '{\n  "a": {"b": "}"},\n  "c": [1,2.50, "\\u00e9"]\n}\n\n', '{\r\n\t"a": 1\r\n}\r\n'):
            with self.subTest(text):
                before = self.read(self.write(self.config, text.encode()))
                self.configure("fooocus")
                after = self.read(self.config)
                now = json.loads(after)
                ours = {key: now.pop(key) for key in list(now) if key.startswith("path_")}
                self.assertEqual((now, len(ours)), (json.loads(before), 4))
                body = before.rstrip()[:-1].rstrip()
                self.assertTrue(after.startswith(body))
                self.assertTrue(after.endswith(before[before.rindex(b"}"):]))
                self.assertEqual(self.configure("fooocus", "--undo")["files"][0]["state"], "written")
                self.assertEqual(self.read(self.config), before)
                self.assertEqual(sorted(os.listdir(self.fooocus)), ["config.txt", "models"])

    def test_keys_that_are_there_are_told(self):
        mine = {"path_loras": ["/mine"], "path_vae": self.place("models/VAE")[0]}
        self.write(self.config, json.dumps(mine).encode())
        data = self.configure("fooocus")
        self.assertEqual(self.told(data, "differs"), {("path_loras", *self.place("models/Lora"))})
        self.assertEqual(self.told(data, "there"), {("path_vae", *self.place("models/VAE"))})
        with open(self.config) as file:
            now = json.load(file)
        self.assertEqual({key: now[key] for key in mine}, mine)

    def test_what_was_changed_since_is_not_undone(self):
        self.write(self.config, b'{"a": 1}')
        self.configure("fooocus")
        with open(self.config, "a") as file:
            file.write("\n")
        before = self.read(self.config)
        self.assertIn("changed since", self.configure("fooocus", "--undo", code=11)["files"][0]["why"])
        self.assertEqual(self.read(self.config), before)
        kept = [name for name in os.listdir(self.fooocus) if "before-ncmodel" in name]
        self.assertEqual(self.read(os.path.join(self.fooocus, kept[0])), b'{"a": 1}')

    def test_one_folder_is_not_taken_from_the_application(self):
        self.write(self.sdnext + "/models/Lora/own.safetensors")
        self.write(self.sdnext + "/models/VAE/put files here.txt")
        os.makedirs(os.path.join(self.m.root, "ComfyUI/models/checkpoints"))
        data = self.configure("sdnext", "--dry-run")
        self.assertIn(("lora_dir", *self.place("models/Lora")), self.told(data, "left"))
        self.assertEqual(len([s for s in data["settings"] if s["key"] == "ckpt_dir" and s["state"] == "left"]), 3)
        self.assertIn(("vae_dir", *self.place("models/VAE")), self.told(data))
        self.configure("sdnext", "--store", "a1111")
        with open(self.sdnext + "/config.json") as file:
            self.assertEqual(json.load(file)["ckpt_dir"], *self.place("models/Stable-diffusion"))

    def test_what_is_no_json(self):
        for text in (b"{", b"[]", b"", b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}", b"{} // x", b'{"a": "\xff"}'):
            before = self.read(self.write(self.config, text))
            self.assertEqual(self.configure("fooocus", code=11)["files"][0]["state"], "refused")
            self.assertEqual(self.read(self.config), before)


class SwarmUITest(ConfigureCase):
    """Settings.fds: sections by tabs, lists with ';'."""

    def setUp(self):
        super().setUp()
        self.swarm = os.path.join(self.m.root, "SwarmUI")
        self.path = self.swarm + "/Data/Settings.fds"
        for name in ("Stable-Diffusion", "Lora", "VAE"):
            os.makedirs(f"{self.swarm}/Models/{name}")

    def values(self):
        """The keys of Paths, as FreneticDataSyntax has them."""
        found, inside = {}, False
        for line in self.read(self.path).decode().splitlines():
            if line.startswith("\t") and inside:
                key, _, value = line.strip().partition(": ")
                self.assertNotIn(key, found)
                if not key.startswith("#"):
                    found[key] = value.split(";")
            elif not line.startswith("#"):
                inside = line.strip() == "Paths:"
        return found

    def expected(self, **others):
        both = lambda own, other: [f"{self.swarm}/Models/{own}", f"{self.webui}/models/{other}"]
        return {"SDModelFolder": both("Stable-Diffusion", "Stable-diffusion"), "SDLoraFolder": both("Lora", "Lora"),
                "SDVAEFolder": both("VAE", "VAE"), **others}

    def test_absent_keys_alone(self):
        for text, others in ((None, {}), ("", {}), ("Network:\n\tPort: 7801\n", {}),
                             ("# x\nPaths:\n\t# y\n\tModelRoot: Models\nNetwork:\n\tSDVAEFolder: no\n", {"ModelRoot": ["Models"]}),
                             ("Paths:\r\n\tSDLoraFolder: Lora\r\n", {"SDLoraFolder": ["Lora"]})):
            with self.subTest(text):
                before = self.read(self.write(self.path, text.encode())) if text is not None else None
                data = self.configure("swarmui")
                self.assertEqual(data["files"][0]["state"], "written")
                self.assertEqual(self.values(), self.expected(**others))
                self.assertEqual(self.told(data, "differs") != set(), "SDLoraFolder" in others)
                if before:
                    after = self.read(self.path).splitlines(True)
                    self.assertEqual([line for line in after if line in before.splitlines(True)], before.splitlines(True))
                self.configure("swarmui", "--undo")
                self.assertEqual(self.read(self.path) if os.path.exists(self.path) else b"", before or b"")

    def test_a_space_at_the_end_is_none_of_a_value(self):
        lora = os.path.join(self.webui, "models/Lora ")
        os.rename(lora.rstrip(), lora)
        layout = os.path.join(self.m.home, "layout.json")
        with open(layout, "w") as out:
            json.dump({"schema_version": 1, "layout": "mine", "registry": "models.json", "stores": {
                "swarmui": {"kind": "folders", "path": "SwarmUI", "folders": {"loras": "Models/Lora"}},
                "other": {"kind": "folders", "path": "x", "folders": {"loras": lora}}}}, out)
        data = self.configure("swarmui", "--layout", layout, code=11)
        self.assertIn("ends in a space", data["files"][0]["why"])

    @unittest.skipIf(os.geteuid() != 0, "needs links of two users")
    def test_a_link_of_another_user_on_the_way_is_not_followed(self):
        """root in somebody's application writes nowhere else for him"""
        elsewhere = os.path.join(self.m.home, "elsewhere")
        os.makedirs(elsewhere)
        os.symlink(elsewhere, self.swarm + "/Data")
        self.configure("swarmui")
        self.assertTrue(os.path.exists(elsewhere + "/Settings.fds"))
        self.configure("swarmui", "--undo")
        os.chown(self.swarm + "/Data", 65534, 65534, follow_symlinks=False)
        before = os.listdir(elsewhere)
        data = self.configure("swarmui", code=11)
        self.assertIn("/Data is another user's link", data["files"][0]["why"])
        self.assertEqual(os.listdir(elsewhere), before)

    def test_its_own_folder_has_to_be_there(self):
        data = self.configure("swarmui", "--dry-run")
        self.assertIn(("SDEmbeddingFolder", self.webui + "/embeddings"), self.told(data, "left"))


class GgufTest(ConfigureCase):
    """Programs that want files: registered models, by path."""

    def setUp(self):
        super().setUp()
        m, self.weights, self.eyes = self.m, gguf("w", 4000), gguf("e", 3000)
        there = lambda name: [{"store": "koboldcpp", "name": name}]
        seer = m.simple("seer.gguf", self.weights, to=there("seer.gguf"))
        eyes = m.simple("seer-mmproj.gguf", self.eyes, to=there("seer-mmproj.gguf"))["files"][0]
        seer["files"].append({**eyes, "role": "mmproj"})
        own = m.simple("own.gguf", gguf("o", 3000))
        odd = m.simple("odd.gguf", gguf("x", 3000), to=there("odd#1.gguf"))
        m.manifest([seer, own, odd])
        self.pull()
        self.place = os.path.join(m.root, "koboldcpp/models")
        self.jan = os.path.join(m.root, ".local/share/Jan/data/llamacpp/models")

    def test_presets_of_llama_cpp(self):
        path = self.m.store("models.ini")
        own = b"version = 1\n[*]\nctx-size = 0 ; mine\n\n[mine]\nmodel = /x.gguf"
        for before in (None, own):
            if before:
                self.write(path, before)
            data = self.configure("llama-cpp")
            self.assertEqual(self.told(data, "left"), {("odd", self.place + "/odd#1.gguf")})
            self.assertEqual(shlex.split(data["advice"][0])[3:], ["--models-preset", path])
            parsed = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";", "#"))
            parsed.read_string("[top]\n" + self.read(path).decode())
            self.assertEqual(dict(parsed["seer"]), {"model": self.place + "/seer.gguf", "mmproj": self.place + "/seer-mmproj.gguf"})
            self.assertEqual(sorted(parsed.sections()), ["seer", "top"] if not before else ["*", "mine", "seer", "top"])
            self.assertEqual(self.configure("llama-cpp")["files"][0]["state"], "same")
            self.configure("llama-cpp", "--undo")
            self.assertEqual(self.read(path) if os.path.exists(path) else None, before)

    def test_a_preset_of_the_same_name_is_the_users(self):
        path = self.write(self.m.store("models.ini"), b"[seer]\nmodel = /mine.gguf\n")
        data = self.configure("llama-cpp")
        self.assertEqual((len(self.told(data, "differs")), self.read(path)), (1, b"[seer]\nmodel = /mine.gguf\n"))

    def test_jan_has_models_where_they_lie(self):
        self.write(self.jan + "/own/model.yml", b"name: mine\n")
        self.assertEqual(self.configure("jan", "--dry-run")["files"][0]["state"], "would-write")
        self.assertEqual(os.listdir(self.jan), ["own"])
        data = self.configure("jan")
        self.assertEqual(self.told(data, "differs"), {("own", self.m.store("own.gguf"))})
        self.assertEqual(sorted(os.listdir(self.jan)), ["odd", "own", "seer"])
        with open(self.jan + "/seer/model.yml") as file:
            self.assertEqual(yaml.safe_load(file), {"model_path": self.place + "/seer.gguf", "mmproj_path": self.place + "/seer-mmproj.gguf",
                                                    "name": "seer", "size_bytes": len(self.weights) + len(self.eyes)})
        self.assertEqual({file["state"] for file in self.configure("jan")["files"]}, {"same"})
        # What is removed is told no more.
        self.assertEqual(self.m.run("rm", "-y", "odd").returncode, 0)
        self.configure("jan")
        self.assertEqual(sorted(os.listdir(self.jan)), ["own", "seer"])
        self.configure("jan", "--undo")
        self.assertEqual(os.listdir(self.jan), ["own"])
        self.assertEqual(self.read(self.jan + "/own/model.yml"), b"name: mine\n")


if __name__ == "__main__":
    unittest.main()
