"""`ncmodel mv`: stores and models go to another place, and at each moment the old or the new files are whole and
registered. Kills: NCM_MV_KILLS (default 40)."""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import Case, gguf, sha256
from test_adopt import AdoptTest as Adopting
from test_adopt import chat, lora
from test_moved import MovedTest as Moved

COMMIT = "d" * 40
PLACES = {"ollama": ".ollama/models", "hf": ".cache/huggingface/hub", "training": "training/models"}


class MvCase(Case):
    ollama, hf, adopt = Adopting.ollama, Adopting.hf, Adopting.adopt
    world, said, verdicts = Moved.world, Moved.said, Moved.verdicts

    def setUp(self):
        super().setUp()
        self.config = os.path.join(self.machine.home, ".config/ncmodel/config.json")
        self.new = os.path.join(self.machine.home, "new place")

    def mv(self, *arguments, code=0, env=None):
        result = self.machine.run("mv", "-y", "--json", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        document = json.loads(result.out)
        result.data, result.errors = document["data"], document.get("errors", [])
        return result

    def check_sound(self):
        m = self.machine
        verified = m.run("verify")
        self.assertEqual(verified.returncode, 0, verified.out + verified.err)
        plan = m.run("plan", "--offline", "--exit-code")
        self.assertEqual(plan.returncode, 0, plan.out + plan.err)
        adopted = self.adopt()
        self.assertEqual(set(self.verdicts(adopted).values()), {"known"}, adopted.out)

    def tree(self, path):
        """Files and links below a folder but ours."""
        found = {}
        for folder, folders, files in os.walk(path):
            folders[:] = [f for f in folders if f != ".ncmodel"]
            for name in files + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
                at = os.path.join(folder, name)
                found[os.path.relpath(at, path)] = "-> " + os.readlink(at) if os.path.islink(at) else sha256(self.read(at))
        return found

    def other_disk(self):
        if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(self.machine.home).st_dev:
            self.skipTest("there is no second file system")
        folder = tempfile.mkdtemp(prefix="ncmodel-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, folder, True)
        return os.path.join(folder, "store")


class StoreTest(MvCase):
    def move_store(self, store, path, new):
        m = self.machine
        before, old = self.entries(), os.path.join(m.root, path)
        tree, times = self.tree(old), {f: os.lstat(os.path.join(old, f)).st_mtime_ns for f in self.tree(old)}
        planned = m.run("mv", "-n", store, new)
        self.assertEqual(planned.returncode, 0, planned.err)
        self.assertEqual((self.tree(old), os.path.exists(new), os.path.exists(self.config)), (tree, False, False))
        result = self.mv(store, new)
        self.assertEqual(self.said(self.entries()), self.said(before))
        self.assertEqual({f: d for f, d in self.tree(new).items()}, tree)
        self.assertEqual(self.tree(old), {})
        self.assertEqual({f: os.lstat(os.path.join(new, f)).st_mtime_ns for f in tree if tree[f][0] != "-"},
                         {f: t for f, t in times.items() if tree[f][0] != "-"})
        with open(self.config) as file:
            self.assertEqual(json.load(file)["stores"][store], new)
        self.assertEqual(os.listdir(m.store(".ncmodel")).count("moving"), 0)
        self.assertFalse([n for n in os.listdir(m.store(".ncmodel")) if n.startswith(("moving-", "removing-"))])
        self.check_sound()
        return result

    def test_ollama(self):
        self.world()
        result = self.move_store("ollama", ".ollama/models", self.new)
        self.assertEqual(result.data["to_copy"], 0)
        self.assertEqual(result.data["settings"], ["Ollama: OLLAMA_MODELS=" + self.new])

    def test_hugging_face(self):
        self.world()
        result = self.move_store("hf", ".cache/huggingface/hub", self.new)
        self.assertIn("HF_HUB_CACHE=" + self.new, result.data["settings"][0])

    def test_folders(self):
        self.world()
        self.move_store("training", "training/models", self.new)

    def test_the_store_that_has_models_json(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 100_000))])
        self.pull()
        self.mv("llama-cpp", self.new)
        self.assertEqual(sorted(self.tree(self.new)), ["a.gguf"])
        self.assertEqual(self.entries()["a"]["file_path"], os.path.join(self.new, "a.gguf"))
        self.assertEqual(sorted(self.tree(m.store())), ["models.json", "ncmodel.lock"])
        self.check_sound()

    def test_two_names_of_one_folder(self):
        m = self.machine
        self.world()
        old = os.path.join(m.root, "training/models")
        env = {"NCMODEL_STORE_TTS": old}
        self.mv("training", self.new, env=env)
        with open(self.config) as file:
            self.assertEqual(json.load(file)["stores"], {"tts": self.new, "training": self.new})
        self.assertEqual(self.tree(old), {})
        self.check_sound()

    def test_to_another_file_system(self):
        disk = self.other_disk()
        self.world()
        for store, path in (("ollama", ".ollama/models"), ("hf", ".cache/huggingface/hub"),
                            ("training", "training/models")):
            result = self.move_store(store, path, disk + "-" + store)
            self.assertEqual(result.data["to_copy"] > 0, True)
            os.remove(self.config)
            self.machine.env["NCMODEL_STORE_" + store.upper()] = disk + "-" + store

    def test_the_configuration_keeps_what_it_has(self):
        self.world()
        os.makedirs(os.path.dirname(self.config))
        real = os.path.join(self.machine.home, "dotfiles.json")
        with open(real, "w") as out:
            json.dump({"jobs": 2, "stores": {"a1111": "/x", "training": os.path.join(self.machine.root, "training/models")}},
                      out)
        os.chmod(real, 0o600)
        os.symlink(real, self.config)
        self.mv("training", self.new)
        with open(real) as file:
            self.assertEqual(json.load(file), {"jobs": 2, "stores": {"a1111": "/x", "training": self.new}})
        self.assertTrue(os.path.islink(self.config))
        self.assertEqual(os.stat(real).st_mode & 0o777, 0o600)
        self.check_sound()

    def test_what_nobody_registered(self):
        m = self.machine
        self.world()
        mine = self.write("training/models/notes.txt", b"mine")
        deep = self.write("training/models/deep/log.txt", b"log")
        self.mv("training", self.new)
        self.assertEqual(self.read(mine), b"mine")
        self.assertEqual(sorted(self.tree(self.new)), ["a.gguf", "spelled.gguf"])
        self.assertEqual(self.mv("training", self.new, code=2).errors[0]["code"], "usage")
        back = os.path.join(m.root, "training/models")
        self.mv("training", back)
        self.mv("training", self.new, "--all")
        self.assertEqual(sorted(self.tree(self.new)), ["a.gguf", "deep/log.txt", "notes.txt", "spelled.gguf"])
        self.assertFalse(os.path.exists(deep))
        self.check_sound()

    def test_what_others_use_stays(self):
        """Of an Ollama store: a tag that is not registered keeps its blobs, and the moved one has them, too."""
        m = self.machine
        self.world()
        old = os.path.join(m.root, ".ollama/models")
        registry = m.registry()
        registry["models"] = [e for e in registry["models"] if e["id"] != "tiny-chat:latest"]
        registry["models"][0]["x-mine"] = 1
        with open(m.store("models.json"), "w") as out:
            json.dump(registry, out)
        kept = "manifests/registry.ollama.ai/library/tiny-chat/latest"
        manifest = json.loads(self.read(os.path.join(old, kept)))
        blobs = {"blobs/" + x["digest"].replace(":", "-") for x in [manifest["config"], *manifest["layers"]]}
        self.mv("ollama", self.new)
        self.assertEqual(set(self.tree(old)), {kept} | blobs)
        self.assertIn("manifests/registry.ollama.ai/library/tiny/latest", self.tree(self.new))

    def test_second_layout_of_ollama(self):
        self.world()
        old = os.path.join(self.machine.root, ".ollama/models")
        manifest = self.read(os.path.join(old, "manifests/registry.ollama.ai/library/tiny/latest"))
        blob = self.write(os.path.join(old, "blobs/sha256-" + sha256(manifest)), manifest)
        link = os.path.join(old, "manifests-v2/ollama.com/library/tiny/latest")
        os.makedirs(os.path.dirname(link))
        os.symlink("../../../../blobs/" + os.path.basename(blob), link)
        self.move_store("ollama", ".ollama/models", self.new)

    def test_links_go_as_links(self):
        m = self.machine
        real = self.write(os.path.join(m.home, "elsewhere/big.gguf"), chat(3))
        os.makedirs(os.path.join(m.root, "training/models"))
        os.symlink(real, os.path.join(m.root, "training/models/big.gguf"))
        os.symlink("../../../elsewhere/big.gguf", os.path.join(m.root, "training/models/rel.gguf"))
        self.adopt()
        self.mv("training", self.new)
        self.assertEqual(os.readlink(os.path.join(self.new, "big.gguf")), real)
        self.assertEqual(os.path.realpath(os.path.join(self.new, "rel.gguf")), real)
        self.assertEqual(self.read(real), chat(3))
        self.assertEqual(m.run("verify").returncode, 0)

    def test_what_is_in_the_way_is_not_overwritten(self):
        self.world()
        other = self.write(os.path.join(self.new, "a.gguf"), b"mine")
        before, text = self.tree(self.machine.root), self.entries()
        result = self.mv("training", self.new, code=11)
        self.assertIn("a.gguf", result.err)
        self.assertEqual((self.read(other), self.tree(self.machine.root), self.entries()), (b"mine", before, text))
        # Of the same size it is seen when it is read.
        self.write(other, b"x" * 100_000)
        self.mv("training", self.new, code=11)
        self.assertEqual(self.read(other), b"x" * 100_000)
        self.assertEqual((self.tree(self.machine.root), self.entries()), (before, text))
        os.remove(other)
        self.mv("training", self.new)
        self.check_sound()

    def test_the_same_folder_by_another_name(self):
        """There is nothing to move, and the new names are the old ones."""
        m = self.machine
        self.world()
        old, before = os.path.join(m.root, "training/models"), self.entries()
        os.makedirs(os.path.join(m.root, "tts"))
        for link, arguments in ((self.new, ["training", self.new]), (os.path.join(m.root, "tts/models"), ["a", "--to", "tts"])):
            os.symlink(old, link)
            result = self.mv(*arguments, code=11)
            self.assertIn("by another name", result.err)
            self.assertEqual((self.entries(), sorted(self.tree(old))), (before, ["a.gguf", "spelled.gguf"]))
        self.assertFalse(os.path.exists(self.config))
        self.assertEqual(m.run("verify").returncode, 0)

    def test_names_that_no_note_can_hold(self):
        self.world()
        odd = os.path.join(os.fsencode(self.machine.root), b"training/models/\xff.txt")
        with open(odd, "wb") as out:
            out.write(b"mine")
        self.mv("training", self.new + "\udcff", code=2)
        result = self.mv("training", self.new, "--all")
        self.assertEqual([f["state"] for f in result.data["files"] if f["from"].endswith(".txt")], ["stays"])
        self.assertTrue(os.path.exists(odd))
        self.assertEqual(sorted(self.tree(self.new)), ["a.gguf", "spelled.gguf"])
        self.check_sound()

    def test_a_note_that_was_put_there(self):
        """Who owns the folder of notes can give their name to a file that root made for him."""
        if os.geteuid() != 0:
            self.skipTest("not root")
        m = self.machine
        self.world()
        victims = os.path.join(m.home, "victims")
        victim = self.write(os.path.join(victims, "x"), b"root's")
        status = os.lstat(victim)
        os.chown(m.store(".ncmodel"), 1234, 1234)
        for path in (m.store(), m.store("models.json")):
            os.chown(path, 1234, 1234)
        registered = os.path.join(m.root, "training/models/a.gguf")
        note = m.store(".ncmodel/moving-0123456789abcdef")
        files = [{"from": "/nowhere", "to": registered, "registered": True, "size": 1, "mtime_ns": 1, "store": "training"},
                 {"from": victim, "to": registered, "registered": False, "size": status.st_size,
                  "mtime_ns": status.st_mtime_ns, "store": "tts"}]
        self.write(note, json.dumps({"ncmodel_move": 1, "store": "tts", "from": victims, "to": "/nowhere",
                                     "files": files}).encode())
        os.chmod(note, 0o600)
        m.run("mv", "-y", "whisper-cpp", self.new)
        self.assertTrue(os.path.exists(victim))

    def test_wrong_wishes(self):
        m = self.machine
        self.world()
        for arguments in (["nowhere", self.new], ["training", os.path.join(m.root, "training/models/sub")],
                          ["training", os.path.join(m.root, "training")], ["training"], [],
                          ["training", os.path.join(m.root, ".ollama/models")], ["a", "--to", "nowhere"],
                          ["a", "--to", "comfyui/nowhere"], ["a", "--to", "comfyui"], ["a", "--to", "ollama"],
                          ["tiny", "--to", "training"], ["nobody", "--to", "training"], ["--to", "training"]):
            before = self.tree(m.root)
            self.assertEqual(self.mv(*arguments, code=2).errors[0]["code"], "usage", arguments)
            self.assertEqual(self.tree(m.root), before)
        asked = m.run("mv", "training", self.new)
        self.assertEqual(asked.returncode, 2)
        self.assertIn("-y", asked.err)

    def test_a_claim_that_its_author_could_not_make(self):
        """models.json names a file of root's, and somebody else may write it: root does not carry it off."""
        if os.geteuid() != 0:
            self.skipTest("not root")
        m = self.machine
        self.world()
        os.chown(m.store("models.json"), 65534, 65534)
        result = self.mv("training", self.new, code=11)
        self.assertIn("is not believed", result.err)
        self.assertFalse(os.path.exists(self.config))
        self.assertEqual(sorted(self.tree(os.path.join(m.root, "training/models"))), ["a.gguf", "spelled.gguf"])

    def test_owners_stay(self):
        if os.geteuid() != 0:
            self.skipTest("not root")
        self.world()
        old = os.path.join(self.machine.root, ".ollama/models")
        for folder, folders, files in os.walk(old):
            for name in [".", *folders, *files]:
                os.lchown(os.path.join(folder, name), 1234, 1235)
        os.makedirs(os.path.dirname(self.config), exist_ok=True)
        with open(self.config, "w") as out:
            out.write("{}")
        os.chmod(self.config, 0o600)
        os.chown(self.config, 1234, 1235)
        disk = self.other_disk()
        self.mv("ollama", disk)
        status = os.stat(self.config)
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (1234, 1235, 0o600))
        for folder, folders, files in os.walk(disk):
            folders[:] = [f for f in folders if f != ".ncmodel"]
            for name in [*folders, *files]:
                status = os.lstat(os.path.join(folder, name))
                self.assertEqual((status.st_uid, status.st_gid), (1234, 1235), os.path.join(folder, name))
        self.assertEqual(os.stat(disk).st_uid, 1234)

    def test_no_room(self):
        disk = self.other_disk()
        self.world()
        self.mv("training", disk, code=9, env={"NCMODEL_RESERVE": "1000TiB"})
        self.assertFalse(os.path.exists(disk))


class BusyTest(MvCase):
    def test_an_open_file(self):
        self.world()
        path = os.path.join(self.machine.root, "training/models/a.gguf")
        with open(path, "rb") as file:
            program = subprocess.Popen(["sleep", "60"], stdin=file)
        with program:
            try:
                result = self.mv("training", self.new, code=11)
                self.assertIn(f"in use: sleep (process {program.pid})", result.err)
            finally:
                program.kill()
        self.assertFalse(os.path.exists(self.new))
        self.mv("training", self.new)

    def test_a_running_ollama(self):
        m = self.machine
        self.world()
        program = os.path.join(m.home, "ollama")
        with open(program, "w") as out:
            out.write("#!/bin/sh\nsleep 60\n")
        os.chmod(program, 0o755)
        old = os.path.join(m.root, ".ollama/models")
        for env, code in (({"OLLAMA_MODELS": old}, 11), ({"HOME": m.root}, 11), ({"HOME": "/nowhere"}, 0)):
            with subprocess.Popen([program, "serve"], env={"PATH": os.environ["PATH"], **env}, start_new_session=True) as ollama:
                try:
                    time.sleep(0.2)
                    result = self.mv("ollama", self.new, code=code)
                    if code:
                        self.assertIn("ollama", result.err)
                finally:
                    os.killpg(ollama.pid, signal.SIGKILL)
        self.check_sound()


class ModelTest(MvCase):
    def test_a_model_to_another_application(self):
        m = self.machine
        old = self.write("stable-diffusion-webui/models/Lora/x.safetensors", lora(1))
        self.adopt()
        name = list(self.entries())[0]
        before = self.entries()
        self.mv(name, "--to", "comfyui")
        new = os.path.join(m.root, "ComfyUI/models/loras/x.safetensors")
        self.assertEqual((os.path.exists(old), self.read(new)), (False, lora(1)))
        entry = self.entries()[name]
        self.assertEqual((entry["store"], entry["files"][0]["store"]), ("comfyui", "comfyui"))
        self.assertEqual({k: v for k, v in entry.items() if k not in ("store", "files", "file_path")},
                         {k: v for k, v in before[name].items() if k not in ("store", "files", "file_path")})
        self.assertEqual(m.run("verify").returncode, 0)
        self.mv(name, "--to", "comfyui/checkpoints")
        self.assertTrue(os.path.exists(os.path.join(m.root, "ComfyUI/models/checkpoints/x.safetensors")))
        self.assertFalse(os.path.exists(self.config))
        self.assertEqual(self.mv(name, "--to", "comfyui/checkpoints").data["going"], 0)

    def test_an_ollama_model_between_stores(self):
        self.world()
        self.mv("tiny-chat:latest", "--to", "ollama-small")
        entry = self.entries()["tiny-chat:latest"]
        self.assertEqual({f["store"] for f in entry["files"]}, {"ollama-small"})
        old = os.path.join(self.machine.root, ".ollama/models")
        self.assertEqual([f for f in self.tree(old) if "tiny-chat" in f], [])
        self.check_sound()

    def test_a_model_that_a_manifest_places(self):
        m = self.machine
        m.manifest([m.simple("x.gguf", gguf("x", 3000))])
        self.assertEqual(m.run("pull", "-y").returncode, 0)
        told = self.mv("x", "--to", "training").data["settings"]
        self.assertEqual(len(told), 1)
        self.assertIn("the manifest of x (profile test)", told[0])
        self.assertEqual(self.mv("x", "--to", "training").data["going"], 0)

    def test_what_two_models_share(self):
        """The one that moves has its own file then; the other keeps its."""
        m = self.machine
        path = self.write("training/models/a.gguf", chat(1))
        self.adopt()
        registry = m.registry()
        other = json.loads(json.dumps(registry["models"][0]))
        other.update({"id": "other", "name": "other"})
        registry["models"].append(other)
        with open(m.store("models.json"), "w") as out:
            json.dump(registry, out)
        first = registry["models"][0]["id"]
        self.mv(first, "--to", "llama-cpp")
        self.assertEqual((self.read(path), self.read(m.store("a.gguf"))), (chat(1), chat(1)))
        self.assertEqual(m.run("verify").returncode, 0)

    def test_from_outside_every_store(self):
        m = self.machine
        path = self.write(os.path.join(m.home, "Downloads/a.gguf"), chat(1))
        self.adopt(path)
        result = self.mv(list(self.entries())[0], "--to", "llama-cpp")
        self.assertEqual(result.data["left"], 1)
        self.assertIn("outside every store", result.data["files"][0]["why"])
        self.assertEqual((self.read(path), self.read(m.store("a.gguf"))), (chat(1), chat(1)))
        self.assertEqual(m.run("verify").returncode, 0)


class KillTest(MvCase):
    def check_registered(self, before):
        """Every file of models.json is whole, wherever it is registered now."""
        entries = self.entries()
        self.assertEqual(self.said(entries), self.said(before))
        for entry in entries.values():
            for file in entry["files"]:
                self.assertEqual(sha256(self.read(self.machine.registered_path(file["path"]))), file["sha256"])

    def kill_and_go_on(self, store, path, new, dice, kills):
        m = self.machine
        before, old = self.entries(), os.path.join(m.root, path)
        tree = self.tree(old)
        # How long a whole one takes is not known beforehand: the moments get later until one is not killed.
        moment, done = 0.002, 0
        while True:
            process = m.start("mv", "-y", store, new, start_new_session=True)
            try:
                process.communicate(timeout=moment * dice.uniform(0.5, 1.5))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                done += 1
                moment *= 1.25
                self.check_registered(before)
                continue
            break
        again = m.run("mv", "-y", store, new)
        self.assertIn(again.returncode, (0, 2), again.err)
        self.check_registered(before)
        self.assertEqual((self.tree(new), self.tree(old)), (tree, {}), f"after {done} kills")
        self.assertFalse([n for n in os.listdir(m.store(".ncmodel")) if n.startswith(("moving-", "removing-"))])
        self.check_sound()
        return done

    def test_at_any_moment(self):
        seed = int(os.environ.get("NCM_KILL_SEED", str(random.randrange(1 << 30))))
        wanted = int(os.environ.get("NCM_MV_KILLS", "40"))
        dice, kills, place = random.Random(seed), 0, 0
        print(f"seed {seed}", flush=True)
        self.world()
        places = dict(PLACES)
        disk = "/dev/shm" if os.path.isdir("/dev/shm") else self.machine.home
        folder = tempfile.mkdtemp(prefix="ncmodel-test-", dir=disk)
        self.addCleanup(shutil.rmtree, folder, True)
        while kills < wanted:
            for store in places:
                place += 1
                new = os.path.join(folder if place % 2 else self.machine.home, f"place-{place}")
                kills += self.kill_and_go_on(store, places[store], new, dice, kills)
                places[store] = new
        print(f"{kills} kills", flush=True)

    def between(self):
        """The moment after models.json was switched and before the configuration is: that cannot be written."""
        m = self.machine
        self.world()
        before, old = self.entries(), {s: os.path.join(m.root, path) for s, path in PLACES.items()}
        trees = {store: self.tree(path) for store, path in old.items()}
        os.makedirs(os.path.dirname(self.config))
        os.symlink("/proc/nowhere/config.json", self.config)
        for store, path in old.items():
            new = os.path.join(m.home, "place", store)
            self.assertIn("models.json has the new places", self.mv(store, new, code=1).err)
            self.assertEqual((self.tree(path), self.tree(new)), (trees[store], trees[store]))
        self.assertTrue(all(f["path"].startswith(os.path.join(m.home, "place/"))
                            for e in self.entries().values() for f in e["files"]))
        return before, old, trees

    def go_on(self, before, old, trees, stores=PLACES):
        if os.path.islink(self.config):
            os.remove(self.config)
        for store in stores:
            self.mv(store, os.path.join(self.machine.home, "place", store))
            self.check_sound()
        for store, path in old.items():
            self.assertEqual((self.tree(path), self.tree(os.path.join(self.machine.home, "place", store))), ({}, trees[store]))
        self.check_registered(before)
        notes = os.listdir(self.machine.store(".ncmodel"))
        self.assertFalse([n for n in notes if n.startswith(("moving-", "removing-"))])
        self.check_sound()

    def test_between_models_json_and_the_configuration(self):
        """All is whole, and the same command goes on."""
        before, old, trees = self.between()
        self.check_registered(before)
        self.check_sound()
        stores = {s["id"]: s["path"] for s in json.loads(self.machine.run("stores", "--json").out)["data"]["stores"]}
        for store in old:
            place = os.path.join(self.machine.home, "place", store)
            self.assertEqual(stores[store], place)
            self.assertIn(f"ncmodel mv {store} {place}", self.mv(store, self.new, code=11).err)
        self.go_on(before, old, trees)

    def test_the_configuration_written_by_hand(self):
        """As the hint says: then it says where the stores lie, and the same command removes the old files, of all."""
        before, old, trees = self.between()
        os.remove(self.config)
        with open(self.config, "w") as out:
            json.dump({"stores": {store: os.path.join(self.machine.home, "place", store) for store in old}}, out)
        self.check_sound()
        self.go_on(before, old, trees, ["ollama"])

    def test_what_else_is_run_between_them_fetches_and_doubles_nothing(self):
        before, old, trees = self.between()
        m = self.machine
        self.hub.forget()
        for command in (["pull", "--offline"], ["verify", "--repair"], ["adopt"], ["gc", "-y", "--min-age", "0"], ["pull"]):
            result = m.run(*command, *(["-y"] if command[0] == "pull" else []))
            self.assertEqual(result.returncode, 0, result.out + result.err)
            self.check_registered(before)
            for store, path in old.items():
                self.assertEqual(self.tree(os.path.join(m.home, "place", store)), trees[store], command)
                self.assertEqual(self.tree(path), trees[store], command)
        self.go_on(before, old, trees)


del Adopting, Moved
if __name__ == "__main__":
    unittest.main()
