"""Whose bytes a pull brings, and whose it leaves alone: an exit code of 0 is true, whatever names, revisions and servers say.

What is said of `rm` and `gc`, of stores and of Ollama's second layout is in test_whose_removal, test_whose_store and
test_ollama_v2.
"""
import json
import os
import re
import shutil
import unittest

from harness import Case, gguf, safetensors, sha256
from test_pull import tarball

NOBODY = 65534
OLD, NEW = "a" * 40, "b" * 40  # commits


class WhoseCase(Case):
    def setUp(self):
        super().setUp()
        self.loras = os.path.join(self.machine.root, "stable-diffusion-webui/models/Lora")
        self.comfy = os.path.join(self.machine.root, "ComfyUI/models")

    def sent(self):
        """Paths of content that went out since forget()."""
        return sorted({r["path"] for r in self.hub.fetched() if r["sent"] and r["method"] == "GET" and
                       r["path"].startswith(("/xet/", "/storage/", "/files/", "/blob/", "/download"))})

    def refused(self, *arguments, code=11, say=()):
        """Refused before any content was fetched, and nothing has changed. Returns its hint."""
        before = self.machine.snapshot()
        self.hub.forget()
        result = self.pull(*arguments, code=code)
        for word in say:
            self.assertIn(word, result.err)
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.machine.snapshot(), before)
        plan = self.machine.run("plan", *[a for a in arguments if a != "--force"])
        self.assertEqual(plan.returncode, code, "the plan says so, too: " + plan.err)
        return result.err

    def other_name(self, hint, name):
        """What the hint says to do, with this name."""
        found = re.search(r"--to (\S+/)NAME", hint)
        self.assertTrue(found, hint)
        return "--to", found[1] + name

    def sound(self):
        """Every entry is true, and verify says so."""
        self.check_registry()
        result = self.machine.run("verify")
        self.assertEqual(result.returncode, 0, result.err + result.out)

    def kept(self, store):
        """What was set aside in a store: path below it -> content."""
        folder, found = os.path.join(store, ".ncmodel/replaced"), {}
        for at, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(at, name)
                found[os.path.relpath(path, folder).split("/", 1)[1]] = self.read(path)
        return found

    def planned(self, *arguments, code=0):
        result = self.machine.run("plan", "--json", *arguments)
        self.assertEqual(result.returncode, code, result.err)
        return [file for model in json.loads(result.out)["data"]["models"] for file in model["files"]]

    def older(self):
        """models.json and the lock as an older version wrote them."""
        with open(self.machine.store("models.json")) as file:
            registry = json.load(file)
        for model in registry["models"]:
            model.pop("profiles", None)
            for file in model["files"]:
                for key in ("origin", "source", "revision", "target"):
                    file.pop(key, None)
        with open(self.machine.store("ncmodel.lock")) as file:
            lock = json.load(file)
        for entry in lock["entries"].values():
            for file in entry["files"]:
                file.pop("git_sha1", None)
        return {"models.json": registry, "ncmodel.lock": lock}

    def put(self, documents):
        for name, document in documents.items():
            self.write(self.machine.store(name), json.dumps(document).encode())


class NamesakeTest(WhoseCase):
    """Equal names of different models."""

    def setUp(self):
        super().setUp()
        self.first, self.second = gguf("first", 30_000), gguf("second", 30_000)
        self.hub.hf("A/vision", {"mmproj-F16.gguf": self.first})
        self.hub.hf("B/vision", {"mmproj-F16.gguf": self.second})

    def both(self, name):
        self.assertEqual(self.read(self.machine.store("mmproj-F16.gguf")), self.first)
        self.assertEqual(self.read(self.machine.store(name)), self.second)
        self.assertEqual(len(self.entries()), 2)
        self.sound()

    def test_one_after_another(self):
        self.pull("hf:A/vision/mmproj-F16.gguf")
        hint = self.refused("hf:B/vision/mmproj-F16.gguf", say=["is a file of A/vision/mmproj-F16.gguf"])
        self.assertIn("ncmodel rm A/vision/mmproj-F16.gguf", hint)
        self.pull("hf:B/vision/mmproj-F16.gguf", *self.other_name(hint, "mmproj-B.gguf"))
        self.both("mmproj-B.gguf")
        self.hub.forget()
        self.pull("hf:A/vision/mmproj-F16.gguf")
        self.assertEqual(self.sent(), [])

    def test_the_same_size_or_not(self):
        self.hub.hf("B/vision", {"mmproj-F16.gguf": gguf("second", 40_000)})
        self.pull("hf:A/vision/mmproj-F16.gguf")
        self.refused("hf:B/vision/mmproj-F16.gguf", say=["is a file of A/vision/mmproj-F16.gguf"])

    def test_the_other_removed_as_the_hint_says(self):
        self.pull("hf:A/vision/mmproj-F16.gguf")
        hint = self.refused("hf:B/vision/mmproj-F16.gguf")
        command = re.search(r"ncmodel rm (\S+)", hint)
        self.assertEqual(self.machine.run("rm", "-y", command[1]).returncode, 0)
        self.pull("hf:B/vision/mmproj-F16.gguf")
        self.assertEqual(self.read(self.machine.store("mmproj-F16.gguf")), self.second)
        self.sound()

    def vision(self, id, org, **to):
        return {"id": id, "files": [{"from": [f"hf:{org}/vision/mmproj-F16.gguf"], "to": [{"store": "llama-cpp", **to}]}]}

    def test_across_manifests(self):
        self.machine.manifest([self.vision("first", "A")], profile="one")
        self.machine.manifest([self.vision("second", "B")], profile="two")
        self.pull("--profile", "one")
        self.refused("--profile", "two", say=["is a file of first", "another \"name\""])
        self.machine.manifest([self.vision("second", "B", name="mmproj-B.gguf")], profile="two")
        self.pull("--profile", "two")
        self.both("mmproj-B.gguf")

    def test_two_profiles_in_one_command(self):
        self.machine.manifest([self.vision("first", "A")], profile="one")
        self.machine.manifest([self.vision("second", "B")], profile="two")
        result = self.pull("--profile", "one,two", code=11)
        self.assertIn("second: ", result.err)
        self.assertEqual(self.sent(), ["/xet/A/vision/mmproj-F16.gguf"])
        self.assertEqual(list(self.entries()), ["first"])
        self.sound()

    def test_both_in_one_command(self):
        result = self.pull("hf:A/vision/mmproj-F16.gguf", "hf:B/vision/mmproj-F16.gguf", code=11)
        self.assertEqual(self.sent(), ["/xet/A/vision/mmproj-F16.gguf"], "told before any byte of the second")
        self.assertIn("of A/vision/mmproj-F16.gguf", result.err)
        self.pull("hf:B/vision/mmproj-F16.gguf", *self.other_name(result.err, "mmproj-B.gguf"))
        self.both("mmproj-B.gguf")

    def test_with_a_manifest_and_without(self):
        self.machine.manifest([self.vision("first", "A")])
        self.pull()
        self.refused("hf:B/vision/mmproj-F16.gguf", say=["is a file of first"])
        self.pull("hf:A/vision/mmproj-F16.gguf")
        self.assertEqual(list(self.entries()), ["first"], "it is that model")

    def test_a_file_where_another_needs_a_folder(self):
        for first, second in (("d/x", "d/x/y.gguf"), ("e/x/y.gguf", "e/x")):
            with self.subTest(first=first):
                self.pull("hf:A/vision/mmproj-F16.gguf", "--to", f"llama-cpp//{first}")
                self.refused("hf:B/vision/mmproj-F16.gguf", "--to", f"llama-cpp//{second}", say=["A/vision"])
                self.refused("--force", "hf:B/vision/mmproj-F16.gguf", "--to", f"llama-cpp//{second}")
                self.sound()

    def test_a_file_and_a_folder_in_one_command(self):
        self.machine.manifest([self.vision("first", "A", name="d/x")], profile="one")
        self.machine.manifest([self.vision("second", "B", name="d/x/y.gguf")], profile="two")
        result = self.pull("--profile", "one,two", code=11)
        self.assertIn("second: ", result.err)
        self.assertEqual(self.sent(), ["/xet/A/vision/mmproj-F16.gguf"])
        self.sound()

    def test_three_versions_of_civitai(self):
        data = [safetensors(f"lora{i}", 20_000) for i in range(3)]
        for i in range(3):
            self.hub.civitai(700 + i, 70 + i, "lora-model.safetensors", data[i])
        spelled = [f"civitai:{700 + i}" for i in range(3)]
        result = self.pull(*spelled, "--to", "a1111/loras", code=11)
        self.assertEqual(self.sent(), ["/storage/700"])
        self.assertEqual(result.err.count("have both"), 2, result.err)
        for i in (1, 2):
            hint = self.refused(spelled[i], "--to", "a1111/loras", say=["is a file of"])
            self.pull(spelled[i], *self.other_name(hint, f"lora-{i}.safetensors"))
        names = ["lora-model.safetensors", "lora-1.safetensors", "lora-2.safetensors"]
        self.assertEqual([self.read(os.path.join(self.loras, name)) for name in names], data)
        self.assertEqual(len(self.entries()), 3)
        self.sound()

    def test_names_of_220_bytes(self):
        stem = "模型" * 35 + "e" * 3
        names = [f"{stem}{i}.gguf" for i in "ab"]
        self.assertGreater(min(len(name.encode()) for name in names), 210)
        files = {name: gguf(name, 9_000) for name in names}
        self.hub.hf("C/long", files)
        for name in names:
            self.pull(f"hf:C/long/{name}")
        there = [name for name in os.listdir(self.machine.store()) if name.endswith(".gguf")]
        self.assertEqual(sorted(there), sorted(names))
        for name in names:
            self.assertEqual(self.read(self.machine.store(name)), files[name])
        self.assertEqual(len(self.entries()), 2)
        self.sound()


class RepositoryTest(WhoseCase):
    """Small files, of which the Hub tells git's SHA-1 and no SHA-256."""

    def publish(self, repo, edition, commit):
        files = {"model.safetensors": safetensors(f"{repo}{edition}", 30_000),
                 "config.json": json.dumps({"model": repo, "edition": edition, "pad": "x" * 9}).encode(), "vocab.txt": b"a\nb\n"}
        self.hub.hf(repo, files, commit=commit, small=("config.json", "vocab.txt"))
        return files

    def lock(self):
        with open(self.machine.store("ncmodel.lock")) as file:
            return json.load(file)

    def assert_lock_is_true(self, uri, files, commit):
        entry = self.lock()["entries"][uri]
        self.assertEqual(entry["revision"], commit)
        self.assertEqual({f["path"]: f["sha256"] for f in entry["files"]}, {name: sha256(data) for name, data in files.items()})

    def folder(self, *name):
        return {n: self.read(self.machine.store(*name, n)) for n in os.listdir(self.machine.store(*name))
                if not n.startswith((".", "models.json", "ncmodel.lock")) and os.path.isfile(self.machine.store(*name, n))}

    def test_two_of_them_in_one_store(self):
        first, second = self.publish("A/m", 1, OLD), self.publish("B/m", 1, NEW)
        self.pull("hf:A/m", "--to", "llama-cpp")
        hint = self.refused("hf:B/m", "--to", "llama-cpp", say=["is a file of A/m"])
        self.pull("hf:B/m", *self.other_name(hint, "b"))
        self.assertEqual(self.folder("m"), first)
        self.assertEqual(self.folder("b"), second)
        self.assert_lock_is_true("hf:A/m", first, OLD)
        self.assert_lock_is_true("hf:B/m", second, NEW)
        self.sound()

    def test_a_file_that_both_have(self):
        """Equal bytes in one place: it is of both, and stays until both are gone."""
        for repo in ("A/m", "B/m"):
            files = {f"{repo[0]}.safetensors": safetensors(repo, 9_000), "config.json": b'{"same": true}'}
            self.hub.hf(repo, files, small=("config.json",))
            self.pull(f"hf:{repo}", "--to", "llama-cpp")
        self.sound()
        self.assertEqual(len(self.entries()), 2)
        self.assertEqual(self.machine.run("rm", "-y", "A/m").returncode, 0)
        self.assertTrue(os.path.exists(self.machine.store("m/config.json")))
        self.sound()

    def moved(self, *update):
        self.publish("A/m", 1, OLD)
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:A/m"], "to": [{"store": "llama-cpp", "name": "m"}]}]}])
        self.pull()
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        files = self.publish("A/m", 2, NEW)
        self.assertEqual(self.machine.run("outdated").returncode, 3)
        for command in update:
            result = self.machine.run(*command)
            self.assertEqual(result.returncode, 0, result.err)
        return files

    def check_new(self, files):
        self.assertEqual(self.folder("m"), files)
        self.assert_lock_is_true("hf:A/m", files, NEW)
        self.sound()
        for command in (["outdated"], ["lock", "--check"], ["diff", "--exit-code"], ["pull", "-y", "--locked", "--offline"]):
            result = self.machine.run(*command)
            self.assertEqual(result.returncode, 0, f"{command}: {result.err}{result.out}")
        entry = self.entries()["m"]
        self.assertEqual({f["revision"] for f in entry["files"]}, {NEW})
        lock = self.read(self.machine.store("ncmodel.lock"))
        shutil.rmtree(self.machine.root)
        self.write(self.machine.store("ncmodel.lock"), lock)
        self.pull("--locked")
        self.assertEqual(self.folder("m"), files)
        self.sound()

    def test_a_new_revision(self):
        self.check_new(self.moved(["pull", "-y", "--update"]))

    def test_a_new_revision_by_the_lock(self):
        self.check_new(self.moved(["lock", "--update"], ["pull", "-y"]))

    def test_a_new_revision_of_one_file_spelled_out(self):
        for edition, commit in ((1, OLD), (2, NEW)):
            files = self.publish("A/m", edition, commit)
            self.pull("--update", "hf:A/m/config.json", "--to", "llama-cpp")
            self.assertEqual(self.folder(), {"config.json": files["config.json"]})
            self.assert_lock_is_true("hf:A/m/config.json", {"config.json": files["config.json"]}, commit)
            self.sound()

    def test_a_revision_with_the_same_files(self):
        """The commit is another, the bytes are not: what is recorded is where they are from today."""
        files = self.publish("A/m", 1, OLD)
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:A/m"], "to": [{"store": "llama-cpp", "name": "m"}]}]}])
        self.pull()
        self.publish("A/m", 1, NEW)
        self.hub.forget()
        self.pull("--update")
        self.assertEqual(self.sent(), [])
        self.check_new(files)

    def as_the_older_version_left_it(self, kept):
        """A new revision whose weights came and whose small files did not: no digest in models.json, zeros in the lock."""
        for name, data in kept.items():
            self.write(self.machine.store("m", name), data)
        older = self.older()
        for file in (f for model in older["models.json"]["models"] for f in model["files"]):
            if os.path.basename(file["path"]) in kept:
                status = os.stat(self.machine.registered_path(file["path"]))
                file.update(sha256=None, size=status.st_size, mtime_ns=status.st_mtime_ns)
        for file in (f for entry in older["ncmodel.lock"]["entries"].values() for f in entry["files"]):
            if os.path.basename(file["path"]) in kept:
                file["sha256"] = "0" * 64
        self.put(older)

    def test_what_an_older_version_left_is_healed(self):
        old = self.publish("A/m", 1, OLD)
        new = self.moved(["pull", "-y", "--update"])
        self.as_the_older_version_left_it({"config.json": old["config.json"]})
        self.assertNotIn("0" * 64, json.dumps(self.machine.registry()))
        self.pull()
        self.check_new(new)
        self.assertNotIn("0" * 64, json.dumps(self.lock()))

    def test_the_right_bytes_without_a_digest_are_recorded(self):
        new = self.moved(["pull", "-y", "--update"])
        self.as_the_older_version_left_it({"config.json": new["config.json"]})
        self.pull()
        self.assertEqual(self.kept(self.machine.store()), {})
        self.check_new(new)


class UsersFileTest(WhoseCase):
    """What the user made or changed is not lost."""

    def setUp(self):
        super().setUp()
        self.mine, self.theirs = safetensors("mine", 20_000), safetensors("theirs", 20_000)
        self.hub.civitai(900, 90, "style.safetensors", self.theirs)
        self.path = os.path.join(self.loras, "style.safetensors")
        self.store = os.path.join(self.machine.root, "stable-diffusion-webui")

    def adopt(self):
        result = self.machine.run("adopt", "--store", "a1111")
        self.assertEqual(result.returncode, 0, result.err + result.out)

    def test_an_adopted_lora(self):
        self.write(self.path, self.mine)
        self.adopt()
        id, = self.entries()
        hint = self.refused("civitai:900", "--to", "a1111/loras", say=[self.path, f"is a file of {id}"])
        self.pull("civitai:900", *self.other_name(hint, "theirs.safetensors"))
        self.assertEqual(self.read(self.path), self.mine)
        self.assertEqual(self.read(os.path.join(self.loras, "theirs.safetensors")), self.theirs)
        self.assertEqual(len(self.entries()), 2)
        self.sound()

    def test_forced_over_it(self):
        self.write(self.path, self.mine)
        self.adopt()
        before = self.entries()
        file, = self.planned("--force", "civitai:900", "--to", "a1111/loras")
        result = self.pull("--force", "civitai:900", "--to", "a1111/loras")
        self.assertEqual(self.read(self.path), self.theirs)
        self.assertEqual(self.kept(self.store), {"models/Lora/style.safetensors": self.mine})
        self.assertTrue(file["sets_aside"])
        self.assertIn("keeps aside what is there now", " ".join(result.err.split()))
        self.assertIn(".ncmodel/replaced/", result.err)
        self.machine.run("gc", "-y", "--min-age", "0", "--all")
        self.assertEqual(self.kept(self.store), {"models/Lora/style.safetensors": self.mine})
        listed = self.machine.run("gc", "--replaced", "-n")
        self.assertEqual(listed.returncode, 0, listed.err)
        self.assertIn("models/Lora/style.safetensors", "".join(listed.out.split()))
        self.assertLessEqual(set(before), set(self.entries()), "models.json forgets nothing but by rm")

    def edited(self):
        data = gguf("plain", 20_000)
        self.machine.manifest([self.machine.simple("plain.gguf", data)])
        self.pull()
        path = self.machine.store("plain.gguf")
        edit = data[:-3] + b"my!"
        self.write(path, edit)
        return path, data, edit

    def test_an_edited_file(self):
        """It stays until the user says which of the two he wants, and then it is kept."""
        for way in (["pull", "-y", "--force"], ["verify", "--repair", "-y", "plain"]):
            with self.subTest(way):
                path, data, edit = self.edited()
                hint = self.refused(say=["was changed since"])
                self.assertIn("ncmodel verify --repair plain", hint)
                self.assertIn("--force", hint)
                if "--force" in way:
                    file, = self.planned("--force")
                    self.assertEqual((file["step"], file["sets_aside"]), ("replace", True))
                result = self.machine.run(*way)
                self.assertEqual(result.returncode, 0, result.err + result.out)
                self.assertEqual(self.read(path), data)
                self.assertEqual(self.kept(self.machine.store()), {"plain.gguf": edit})
                self.assertIn(".ncmodel/replaced/", result.err)
                self.sound()
                shutil.rmtree(self.machine.store(".ncmodel/replaced"))

    def test_what_the_source_can_bring_back_is_not_kept(self, meanwhile=lambda path: None):
        old, new = gguf("old", 20_000), gguf("new", 20_000)
        self.hub.hf("A/m", {"m.gguf": old}, commit=OLD)
        self.pull("hf:A/m/m.gguf")
        self.hub.hf("A/m", {"m.gguf": new}, commit=NEW)
        meanwhile(self.machine.store("m.gguf"))
        file, = self.planned("--update", "hf:A/m/m.gguf")
        self.assertFalse(file.get("sets_aside"))
        self.pull("--update", "hf:A/m/m.gguf")
        self.assertEqual(self.read(self.machine.store("m.gguf")), new)
        self.assertEqual(self.kept(self.machine.store()), {})

    def test_copied_back(self):
        """Other times, the same bytes: its source has them."""
        self.test_what_the_source_can_bring_back_is_not_kept(lambda path: os.utime(path, ns=(1, 1)))

    def test_an_edited_small_file(self):
        """The Hub tells git's SHA-1 of it alone."""
        self.hub.hf("A/m", {"config.json": b'{"a": 1}'}, small=("config.json",))
        self.pull("hf:A/m/config.json", "--to", "llama-cpp")
        path = self.machine.store("config.json")
        self.write(path, b'{"a": 2}')
        self.refused("hf:A/m/config.json", "--to", "llama-cpp", say=["was changed since ncmodel recorded it"])
        self.pull("hf:A/m/config.json", "--to", "llama-cpp", "--force")
        self.assertEqual(self.read(path), b'{"a": 1}')
        self.assertEqual(self.kept(self.machine.store()), {"config.json": b'{"a": 2}'})
        self.sound()

    def test_a_link_stays(self):
        data = gguf("plain", 20_000)
        target = self.write(os.path.join(self.machine.home, "elsewhere.gguf"), self.mine)
        os.makedirs(self.machine.store())
        os.symlink(target, self.machine.store("plain.gguf"))
        self.machine.manifest([self.machine.simple("plain.gguf", data)])
        self.refused(say=["a symbolic link", "is in the way"])
        self.refused("--force")
        self.assertEqual(os.readlink(self.machine.store("plain.gguf")), target)
        self.assertEqual(self.read(target), self.mine)

    def test_a_registered_link_that_leads_elsewhere_now(self):
        data = gguf("plain", 20_000)
        first, second = (self.write(os.path.join(self.machine.home, f"{i}.gguf"), d) for i, d in enumerate((data, self.mine)))
        path = self.machine.store("plain.gguf")
        os.makedirs(self.machine.store())
        os.symlink(first, path)
        self.machine.manifest([self.machine.simple("plain.gguf", data)])
        result = self.machine.run("adopt", "--store", "llama-cpp")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.pull()
        self.assertEqual(self.sent(), [])
        os.unlink(path)
        os.symlink(second, path)
        self.refused(say=["a symbolic link of plain is in the way"])
        self.assertEqual(os.readlink(path), second)


class AnswerTest(WhoseCase):
    """What a server sends in the place of a model, with 200."""

    endings = ["/files/x.safetensors", "/files/x.gguf", "/files/x.bin", "/files/x", "/files/get?id=3", "/files/?id=3"]

    def serve(self, path, body, kind="application/octet-stream", head=True, **headers):
        def answer(handler):
            if handler.command == "HEAD" and not head:
                return 405, b"", {}
            return 200, body, {"Content-Type": kind, **headers}
        self.hub.routes["service"][path.split("?")[0]] = answer
        return self.hub.service.url + path

    def unpinned(self, *addresses, **to):
        """Models of nothing but their addresses."""
        self.machine.manifest([{"id": f"m{i}", "files": [{
            "from": [address], "insecure_http": True, "allow_pickle": True,
            "to": [{"store": "comfyui", "folder": "loras", **to}]}]} for i, address in enumerate(addresses)])

    def nothing(self):
        self.assertEqual({p: d for p, d in self.machine.snapshot().items() if not p.endswith("ncmodel.lock")}, {})
        self.assertFalse(os.path.exists(self.machine.store("models.json")) and self.machine.registry()["models"])

    def test_what_is_no_model(self):
        whole = safetensors("whole", 50_000)
        page = b"<!doctype html><html><head><title>Sign in to go on</title></head></html>"
        bodies = {
            "a page": (page, "text/html"), "a page called otherwise": (page, "application/octet-stream"),
            "an error": (b'{"error": "Sign in to go on"}', "application/json"),
            "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 123\n", "text/plain"),
            "nothing": (b"", "application/octet-stream"), "nothing called a page": (b"", "text/html"),
        }
        for name, (body, kind) in bodies.items():
            for ending in self.endings:
                with self.subTest(name, ending=ending):
                    self.unpinned(self.serve(ending, body, kind))
                    result = self.machine.run("pull", "-y")
                    self.assertIn(result.returncode, (5, 7, 10, 11), result.err + result.out)
                    if b"Sign in" in body:
                        self.assertIn("Sign in to go on", result.err)
                    self.nothing()
        for cut in (len(whole) - 1, 5_000, 40):
            for ending in ["/files/x.safetensors", "/files/?id=3"]:
                with self.subTest(cut=cut, ending=ending):
                    self.unpinned(self.named("x.safetensors", whole[:cut], ending))
                    result = self.machine.run("pull", "-y")
                    self.assertIn(result.returncode, (10, 11), result.err + result.out)
                    self.nothing()

    def test_a_page_in_a_repository_s_place(self):
        """Of what the Hub tells nothing of: a mirror without its API."""
        self.hub.routes["service"]["/A/m/resolve/main/x.gguf"] = lambda _: (
            200, b"<html><title>Sign in to go on</title></html>", {"Content-Type": "text/html"})
        result = self.machine.run("pull", "-y", "hf:A/m/x.gguf")
        self.assertNotEqual(result.returncode, 0)
        self.nothing()

    def test_a_digest_beats_every_other_sign(self):
        data = safetensors("pinned", 20_000)
        for ending in self.endings:
            for kind in ("text/html", "application/json", "text/plain"):
                with self.subTest(ending=ending, kind=kind):
                    address = self.serve(ending, data, kind)
                    self.pull(f"{address}#sha256={sha256(data)}", "--to", f"comfyui/checkpoints/{self.endings.index(ending)}-{kind[:4]}.safetensors")
        self.sound()
        page = b"<html><title>A page that was asked for</title></html>"
        self.pull(f"{self.serve('/files/page.safetensors', page, 'text/html')}#sha256={sha256(page)}", "--to", "comfyui/loras")
        self.assertEqual(self.read(os.path.join(self.comfy, "loras/page.safetensors")), page)

    def named(self, name, data, path="/files/?id=3", head=True):
        return self.serve(path, data, head=head, **{"Content-Disposition": f'attachment; filename="{name}"'})

    def lora(self, *name):
        return os.path.join(self.comfy, "loras", *name)

    def test_the_server_names_what_the_address_does_not(self):
        for number, path in enumerate(("/files/?id=3", "/files/download?id=3", "/files/get.php?id=3", "/files/3/")):
            for head in (True, False):
                name = f"real-name-{number}{head}.safetensors"
                with self.subTest(path=path, head=head):
                    self.unpinned(self.named(name, safetensors(name, 20_000), path, head))
                    self.machine.run("rm", "-y", "m0")
                    if head:
                        self.assertEqual([f["path"] for f in self.planned()], [self.lora(name)])
                    self.pull()
                    self.assertEqual(os.listdir(self.lora()), [name])
                    self.hub.forget()
                    self.pull()
                    self.assertEqual(self.sent(), [], "the second time it is there")
                    self.pull("--locked", "--offline")
                    self.pull("--update")
                    self.assertEqual(os.listdir(self.lora()), [name])
                    self.assertEqual(len(self.entries()), 1)
                    with open(self.machine.store("models.json")) as file:
                        self.assertNotIn('"sha256": null', file.read())
                    os.unlink(self.machine.store("ncmodel.lock"))

    def test_what_the_lock_pins_whatever_it_is_called(self):
        data, other = gguf("named", 20_000), gguf("other", 20_000)
        for head in (True, False):
            for name in ("real-name.gguf", "new-name.gguf"):
                self.unpinned(self.named("real-name.gguf", data, "/files/download?id=3", head))
                self.pull("--update")
                os.unlink(self.lora("real-name.gguf"))
                self.named(name, other, "/files/download?id=3", head)
                self.pull(code=10)
                self.pull("--locked", code=10)
                self.assertEqual(os.listdir(self.lora()), [])

    def test_the_server_s_name_is_taken(self):
        mine, data = safetensors("mine", 20_000), safetensors("named", 20_000)
        path = self.write(self.lora("real-name.safetensors"), mine)
        for head in (True, False):
            address = self.named("real-name.safetensors", data, head=head)
            self.unpinned(address)
            self.hub.forget()
            result = self.pull(code=11)
            self.assertIn(path, result.err)
            self.assertIn("another \"name\"", result.err)
            if head:
                self.assertEqual(self.sent(), [], "told before any byte")
            self.assertEqual(self.read(path), mine)
            self.assertEqual(os.listdir(self.lora()), ["real-name.safetensors"])
        self.unpinned(address, name="other.safetensors")
        self.pull()
        self.assertEqual(self.read(path), mine)
        self.assertEqual(self.read(self.lora("other.safetensors")), data)
        self.sound()

    def test_two_that_the_server_calls_the_same(self):
        for head in (True, False):
            for force in ([], ["--force"]):
                with self.subTest(head=head, force=force):
                    name = f"same{head}{len(force)}.safetensors"
                    data = [safetensors(f"{name}{i}", 20_000 + i) for i in range(2)]
                    addresses = [self.named(name, data[i], f"/files/{i}/", head) for i in range(2)]
                    self.unpinned(*addresses)
                    result = self.pull(*force, code=11)
                    self.assertEqual(len(self.entries()), 1)
                    self.assertIn("another \"name\"", result.err)
                    self.assertEqual(os.listdir(self.lora()), [name])
                    won = data.index(self.read(self.lora(name)))
                    self.sound()
                    second = f"second-{name}"
                    self.pull(f"{addresses[1 - won]}#sha256={sha256(data[1 - won])}", "--to", f"comfyui/loras/{second}")
                    self.assertEqual([self.read(self.lora(n)) for n in (name, second)], [data[won], data[1 - won]])
                    self.assertEqual(len(self.entries()), 2)
                    self.sound()
                    self.machine.run("rm", "-y", *self.entries())
                    os.unlink(self.machine.store("ncmodel.lock"))



class UnreadableTest(WhoseCase):
    """What cannot be read is not absent."""

    def setUp(self):
        super().setUp()
        self.data = safetensors("wanted", 20_000)
        self.address = self.hub.url("/files/wanted.safetensors", self.data) + f"#sha256={sha256(self.data)}"
        self.folder = os.path.join(self.comfy, "loras")
        os.makedirs(self.folder)

    def unprivileged(self, *arguments, code):
        options = {}
        if os.geteuid() == 0:
            for at, _, files in os.walk(self.machine.home):
                for path in [at] + [os.path.join(at, name) for name in files]:
                    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        process = self.machine.start(*arguments, **options)
        process.out, process.err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, process.err + process.out)
        return process

    def forbid(self, path):
        mode = os.stat(path).st_mode
        os.chmod(path, 0)
        self.addCleanup(lambda: os.path.exists(path) and os.chmod(path, mode))

    def told(self, path, *arguments):
        """Both say that it cannot be read, and nothing is fetched."""
        self.hub.forget()
        for command in (["plan"], ["pull", "-y"], ["pull", "-y", "--force"]):
            result = self.unprivileged(*command, self.address, "--to", "comfyui/loras", *arguments, code=1)
            self.assertIn("cannot tell what is at", result.err)
            self.assertIn(path, result.err)
            self.assertIn("Permission denied", result.err)
        self.assertEqual(self.sent(), [])

    def test_the_folder(self):
        self.forbid(self.folder)
        self.told(self.folder)
        os.chmod(self.folder, 0o755)
        self.assertEqual(os.listdir(self.folder), [])

    def test_the_file(self):
        path = self.write(os.path.join(self.folder, "wanted.safetensors"), b"mine")
        self.forbid(path)
        self.told(path)
        os.chmod(path, 0o644)
        self.assertEqual(self.read(path), b"mine")

    def test_the_right_file_that_is_registered(self):
        self.unprivileged("pull", "-y", self.address, "--to", "comfyui/loras", code=0)
        self.forbid(self.folder)
        self.told(self.folder)
        result = self.unprivileged("verify", code=4)
        self.assertIn("UNREADABLE", result.out)
        self.assertNotIn("MISSING", result.out)

    def test_the_store(self):
        store = os.path.dirname(self.comfy)
        self.forbid(store)
        self.told(store)

    def test_models_json(self):
        path = self.write(self.machine.store("models.json"), b'{"models": []}')
        self.forbid(path)
        result = self.unprivileged("pull", "-y", self.address, "--to", "comfyui/loras", code=1)
        self.assertIn("models.json", result.err)
        os.chmod(path, 0o644)
        self.assertEqual(self.read(path), b'{"models": []}')
        self.assertEqual(os.listdir(self.folder), [])


class FirstUseTest(WhoseCase):
    """Bytes of which nobody told a digest beforehand."""

    def setUp(self):
        super().setUp()
        self.old, self.new = gguf("old", 20_000), gguf("new", 20_000)
        self.machine.manifest([self.machine.simple("tofu.gguf", self.old, pinned=False)])
        self.pull()
        self.path = self.machine.store("tofu.gguf")

    def serve(self, data):
        self.hub.blobs["service"]["/files/tofu.gguf"] = data

    def forget_the_lock(self):
        os.unlink(self.machine.store("ncmodel.lock"))

    def test_the_source_was_not_asked(self):
        for lock in (True, False):
            with self.subTest(lock=lock):
                self.serve(self.new)
                if not lock:
                    self.forget_the_lock()
                file, = self.planned()
                self.assertEqual((file["step"], file.get("unconfirmed"), file["first_use"]), ("keep", True, False))
                self.assertIn("source not asked", " ".join(self.machine.run("plan", "-v").out.split()))
                self.hub.forget()
                result = self.pull()
                self.assertEqual(self.sent(), [])
                self.assertIn("tofu is as it was trusted on first use", result.out)
                self.assertIn("--update", result.out)
                self.assertEqual(self.read(self.path), self.old)
                self.sound()

    def test_update_fetches_it_again(self):
        for data in (self.old, self.new):
            self.serve(data)
            file, = self.planned("--update")
            self.assertFalse(file.get("unconfirmed"))
            self.hub.forget()
            self.pull("--update")
            self.assertEqual(self.sent(), ["/files/tofu.gguf"])
            self.assertEqual(self.read(self.path), data)
            self.sound()
        self.pull("--locked", "--offline")
        self.assertEqual(self.kept(self.machine.store()), {}, "it came from there, and was as it came")

    def test_an_edit_is_not_trusted(self):
        """Not by its name, its size, or its mtime."""
        edit = self.old[:-3] + b"my!"
        for lock in (True, False):
            status = os.stat(self.path)
            self.write(self.path, edit)
            if lock:
                os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
            else:
                self.forget_the_lock()
            self.refused(say=["was changed since ncmodel recorded it"])
            self.assertEqual(self.read(self.path), edit)
            self.pull("--force")
            self.assertEqual(self.read(self.path), self.old)
            self.assertIn(edit, self.kept(self.machine.store()).values())
            shutil.rmtree(self.machine.store(".ncmodel/replaced"))
            self.sound()

    def test_touched_is_still_trusted(self):
        os.utime(self.path, ns=(1, 1))
        for lock in (True, False):
            if not lock:
                self.forget_the_lock()
            self.hub.forget()
            self.pull()
            self.assertEqual(self.sent(), [])
            self.sound()

    def test_the_same_name_from_elsewhere_is_not(self):
        """Another address, the same size: what was trusted of one says nothing of the other."""
        other = self.hub.url("/files/elsewhere.gguf", self.new)
        self.machine.manifest([{"id": "other", "files": [{"from": [other], "insecure_http": True,
                                                          "to": [{"store": "llama-cpp", "name": "tofu.gguf"}]}]}])
        self.refused(say=["is a file of tofu"])

    def test_another_revision_of_what_was_trusted(self):
        """A mirror of the Hub that tells no digests: a commit is not the one before."""
        def publish(data, commit):
            def resolve(_):
                return 200, data, {"X-Repo-Commit": commit, "Content-Type": "application/octet-stream"}
            for revision in ("main", commit):
                self.hub.routes["service"][f"/A/m/resolve/{revision}/m.gguf"] = resolve
        publish(self.old, OLD)
        self.pull("hf:A/m/m.gguf")
        path = self.machine.store("m.gguf")
        self.assertEqual(self.read(path), self.old)
        publish(self.new, NEW)
        self.forget_the_lock()
        self.pull("hf:A/m/m.gguf")
        self.assertEqual(self.read(path), self.new)
        self.assertEqual(self.entries()["A/m/m.gguf"]["revision"], NEW)
        self.sound()

    def test_an_archive(self):
        address = self.hub.url("/files/node.tar.gz", tarball({"x.py": b"1\n"}))
        self.machine.manifest([{"id": "node", "kind": "custom-node", "use_cases": [], "files": [{
            "from": [address], "insecure_http": True, "extract": {"strip": 1},
            "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]}])
        self.pull()
        self.hub.url("/files/node.tar.gz", tarball({"x.py": b"2\n"}))
        self.assertIn("node is as it was trusted on first use", self.pull().out)
        self.pull("--update")
        self.assertEqual(self.read(os.path.join(os.path.dirname(self.comfy), "custom_nodes/node/x.py")), b"2\n")
        self.sound()


class WholeTest(WhoseCase):
    """One model in several places is one model, and all of it."""

    def setUp(self):
        super().setUp()
        self.data = safetensors("lora", 20_000)
        self.hub.hf("A/m", {"m.safetensors": self.data, "m-Q4.gguf": gguf("q4", 9_000), "m-Q8.gguf": gguf("q8", 9_000)})
        self.a1111 = os.path.join(self.loras, "m.safetensors")
        self.comfyui = os.path.join(self.comfy, "loras/m.safetensors")

    def places(self, id):
        return {self.machine.registered_path(file["path"]) for file in self.entries()[id]["files"]}

    def removed(self, *paths):
        self.assertEqual(self.machine.run("rm", "-y", *self.entries()).returncode, 0)
        self.assertEqual([path for path in paths if os.path.exists(path)], [])
        self.assertEqual(self.entries(), {})

    def test_two_stores_one_after_the_other(self):
        self.pull("hf:A/m/m.safetensors", "--to", "comfyui/loras")
        self.hub.forget()
        self.pull("hf:A/m/m.safetensors", "--to", "a1111/loras")
        self.assertEqual(self.sent(), [])
        self.assertEqual(list(self.entries()), ["A/m/m.safetensors"])
        self.assertEqual(self.places("A/m/m.safetensors"), {self.a1111, self.comfyui})
        self.sound()
        self.removed(self.a1111, self.comfyui)

    def test_two_folders_of_a_manifest_that_grew(self):
        def manifest(*folders):
            self.machine.manifest([{"id": "m", "files": [{"from": ["hf:A/m/m.safetensors"], "to": [
                {"store": "comfyui", "folder": folder} for folder in folders]}]}])
        paths = [os.path.join(self.comfy, folder, "m.safetensors") for folder in ("loras", "vae")]
        manifest("loras")
        self.pull()
        manifest("loras", "vae")
        self.pull()
        self.assertEqual(self.places("m"), set(paths))
        manifest("vae")
        self.pull()
        self.assertEqual(self.places("m"), set(paths), "models.json forgets nothing but by rm")
        self.sound()
        self.removed(*paths)

    def test_two_quantizations(self):
        def file(name):
            return [{"from": [f"hf:A/m/{name}"], "to": [{"store": "llama-cpp"}]}]
        self.machine.manifest([{"id": "m", "quantization": "Q4_0", "files": file("m-Q4.gguf"), "variants": [
            {"name": "q8", "quantization": "Q8_0", "files": file("m-Q8.gguf")}]}])
        self.pull()
        self.pull("--variant", "q8")
        paths = [self.machine.store(name) for name in ("m-Q4.gguf", "m-Q8.gguf")]
        self.assertEqual(self.places("m"), set(paths))
        self.sound()
        before = self.read(paths[0])
        self.write(paths[0], b"!" + before[1:])
        self.assertEqual(self.machine.run("verify").returncode, 4, "it is still looked at")
        self.write(paths[0], before)
        self.sound()
        self.removed(*paths)


class TogetherTest(WhoseCase):
    """Several profiles that have the same ids."""

    def model(self, name, data, id="m", **more):
        return {**self.machine.simple(name, data), "id": id, **more}

    def test_the_same_model(self):
        data = gguf("same", 30_000)
        self.machine.manifest([self.model("m.gguf", data, use_cases=["CodeGeneration"])], profile="one")
        self.machine.manifest([self.model("m.gguf", data, use_cases=["Reasoning"])], profile="two")
        for steps in (["one,two"], ["one", "two"], ["two", "one"]):
            with self.subTest(steps=steps):
                self.hub.forget()
                for profiles in steps:
                    self.pull("--profile", profiles)
                self.assertEqual(sum(r["sent"] for r in self.hub.asked("/files/m.gguf") if r["method"] == "GET"), len(data))
                entry, = self.entries().values()
                self.assertEqual((sorted(entry["profiles"]), sorted(entry["use_cases"])),
                                 (["one", "two"], ["CodeGeneration", "Reasoning"]))
                self.assertEqual(len(entry["files"]), 1)
                self.pull("--profile", "one,two")
                self.assertEqual(self.entries(), {"m": entry}, "nothing changes any more")
                self.sound()
                self.assertEqual(self.machine.run("rm", "-y", "m").returncode, 0)

    def test_other_files_of_it(self):
        """One wants it in one form, the other in another: it is registered whole."""
        one, two = gguf("one", 30_000), gguf("two", 20_000)
        self.machine.manifest([self.model("m-q8.gguf", one, use_cases=["CodeGeneration"])], profile="one")
        self.machine.manifest([self.model("m-q4.gguf", two, use_cases=["Reasoning"])], profile="two")
        for steps in (["one,two"], ["one", "two"]):
            with self.subTest(steps=steps):
                for profiles in steps:
                    self.pull("--profile", profiles)
                entry, = self.entries().values()
                self.assertEqual(sorted(entry["profiles"]), ["one", "two"])
                self.assertEqual(sorted(entry["use_cases"]), ["CodeGeneration", "Reasoning"])
                self.assertEqual({os.path.basename(f["path"]): f["sha256"] for f in entry["files"]},
                                 {"m-q8.gguf": sha256(one), "m-q4.gguf": sha256(two)})
                self.sound()
                self.assertEqual(self.machine.run("rm", "-y", "m").returncode, 0)
                self.assertFalse(os.path.exists(self.machine.store("m-q8.gguf")) or
                                 os.path.exists(self.machine.store("m-q4.gguf")))

    def test_other_bytes_in_its_place(self):
        one, two = gguf("one", 30_000), gguf("two", 20_000)
        first, second = self.model("m.gguf", one), self.model("x.gguf", two)
        second["files"][0]["to"][0]["name"] = "m.gguf"
        self.machine.manifest([first], profile="one")
        self.machine.manifest([second], profile="two")
        result = self.pull("--profile", "one,two", code=11)
        self.assertEqual(self.sent(), ["/files/m.gguf"])
        self.assertIn("another \"name\"", result.err)
        self.refused("--profile", "two")
        self.assertEqual(self.read(self.machine.store("m.gguf")), one)
        self.sound()

    def test_one_pins_it_and_the_other_does_not(self):
        """One address is one content; the digest that one of them knows holds for both."""
        data = gguf("same", 30_000)
        self.machine.manifest([self.model("m.gguf", data, id="m")], profile="one")
        loose = self.machine.simple("m.gguf", data, pinned=False)
        self.machine.manifest([{**loose, "id": "n"}], profile="two")
        for profiles in ("one,two", "two,one"):
            with self.subTest(profiles=profiles):
                self.hub.forget()
                self.pull("--profile", profiles)
                self.assertEqual(sum(r["sent"] for r in self.hub.asked("/files/m.gguf") if r["method"] == "GET"), len(data))
                self.assertEqual(set(self.entries()), {"m", "n"})
                self.sound()
                self.assertEqual(self.machine.run("rm", "-y", "m").returncode, 0)
                self.assertTrue(os.path.exists(self.machine.store("m.gguf")))
                self.assertEqual(self.machine.run("rm", "-y", "n").returncode, 0)
                os.unlink(self.machine.store("ncmodel.lock"))
        self.hub.blobs["service"]["/files/m.gguf"] = gguf("other", 30_000)
        self.pull("--profile", "two,one", code=10)
        self.assertFalse(os.path.exists(self.machine.store("m.gguf")))

    def node(self, id, data, *stores, pinned=True):
        address = self.hub.url("/files/node.tar.gz", data)
        return {"id": id, "kind": "custom-node", "use_cases": [], "files": [{
            "from": [address], "insecure_http": True, **({"sha256": sha256(data)} if pinned else {}), "extract": {"strip": 1},
            "to": [{"store": store, "folder": folder, "name": "node"} for store, folder in stores]}]}

    def test_an_archive(self):
        """Both have the same one in the same folder: fetched and unpacked once, and of both."""
        data = tarball({"x.py": b"1\n", "lib/y.py": b"2\n"})
        folder = os.path.join(os.path.dirname(self.comfy), "custom_nodes/node")
        for ids in (("node", "node"), ("node", "other")):
            for pinned in ((True, True), (True, False), (False, True), (False, False)):
                with self.subTest(ids=ids, pinned=pinned):
                    for name, id, pin in zip(("one", "two"), ids, pinned):
                        self.machine.manifest([self.node(id, data, ("comfyui", "custom_nodes"), pinned=pin)], profile=name)
                    self.hub.forget()
                    self.pull("--profile", "one,two")
                    self.assertEqual(sum(r["sent"] for r in self.hub.asked("/files/node.tar.gz") if r["method"] == "GET"), len(data))
                    self.assertEqual(set(self.entries()), set(ids))
                    for entry in self.entries().values():
                        self.assertEqual({os.path.relpath(self.machine.registered_path(f["path"]), folder) for f in entry["files"]},
                                         {"x.py", "lib/y.py"})
                    self.assertEqual(self.kept(os.path.dirname(self.comfy)), {})
                    self.sound()
                    self.hub.forget()
                    self.pull("--profile", "one,two")
                    self.assertEqual(self.sent(), [])
                    self.assertEqual(self.machine.run("rm", "-y", *self.entries()).returncode, 0)
                    self.assertFalse(os.path.exists(folder))
                    os.unlink(self.machine.store("ncmodel.lock"))

    def test_an_archive_in_two_stores(self):
        data = tarball({"x.py": b"1\n"})
        self.machine.manifest([self.node("node", data, ("comfyui", "custom_nodes"))], profile="one")
        self.machine.manifest([self.node("node", data, ("a1111", "extensions"))], profile="two")
        self.pull("--profile", "one,two")
        self.assertEqual(self.sent(), ["/files/node.tar.gz"])
        self.sound()
        self.assertEqual(len(self.entries()["node"]["files"]), 2)

    def test_one_disk_answer(self):
        """Content that two profiles want is counted once."""
        data = gguf("same", 30_000)
        self.machine.manifest([self.model("m.gguf", data)], profile="one")
        self.machine.manifest([self.model("n.gguf", data, id="n")], profile="two")
        result = self.machine.run("plan", "--json", "--profile", "one,two")
        plan = json.loads(result.out)["data"]
        self.assertEqual((plan["to_get"], sum(disk["needed"] for disk in plan["disks"])), (len(data), len(data)))


class OlderEntryTest(WhoseCase):
    """models.json as versions wrote it that knew neither origins nor the sources of single files."""

    def setUp(self):
        super().setUp()
        self.old, self.new = gguf("old", 20_000), gguf("new", 21_000)
        self.hub.hf("A/m", {"m.gguf": self.old, "config.json": b'{"edition": 1}'}, commit=OLD, small=("config.json",))
        self.tofu = gguf("tofu", 9_000)
        self.models = [{"id": "m", "files": [{"from": ["hf:A/m"], "to": [{"store": "llama-cpp", "name": "m"}]}]},
                       self.machine.simple("tofu.gguf", self.tofu, pinned=False),
                       self.machine.simple("pin.gguf", gguf("pin", 9_000))]
        self.machine.manifest(self.models)
        self.pull()
        self.pull("hf:A/m/m.gguf", "--to", "comfyui/checkpoints/spelled.gguf")
        self.put(self.older())

    def test_a_pull_has_nothing_to_do(self):
        before, listed = self.machine.snapshot(), self.entries()
        self.hub.forget()
        self.pull()
        self.pull("hf:A/m/m.gguf", "--to", "comfyui/checkpoints/spelled.gguf")
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(self.machine.snapshot(), before)
        self.assertEqual(self.entries(), listed)
        os.unlink(self.machine.store("ncmodel.lock"))
        self.hub.forget()
        self.pull()
        self.assertEqual(self.sent(), [], "nor is anything fetched without the lock")
        self.sound()

    def test_an_update_replaces(self):
        self.hub.hf("A/m", {"m.gguf": self.new, "config.json": b'{"edition": 2}'}, commit=NEW, small=("config.json",))
        self.hub.url("/files/tofu.gguf", self.new)
        self.pull("--update")
        self.assertEqual(self.read(self.machine.store("m/m.gguf")), self.new)
        self.assertEqual(self.read(self.machine.store("m/config.json")), b'{"edition": 2}')
        self.assertEqual(self.read(self.machine.store("tofu.gguf")), self.new)
        self.assertEqual(self.kept(self.machine.store()), {}, "they were as they had come")
        self.assertEqual({f["origin"] for f in self.entries()["m"]["files"] if "origin" in f}, {"fetched"})
        self.sound()

    def test_an_edit_is_kept(self):
        os.unlink(self.machine.store("m/m.gguf"))  # spelled.gguf is the same file
        self.write(self.machine.store("m/m.gguf"), b"GGUF my own")
        self.refused(say=["was changed since ncmodel recorded it"])
        self.pull("--force")
        self.assertEqual(self.read(self.machine.store("m/m.gguf")), self.old)
        self.assertEqual(self.kept(self.machine.store()), {"m/m.gguf": b"GGUF my own"})
        self.sound()

    def test_another_may_not_replace(self):
        self.hub.hf("B/m", {"m.gguf": self.new})
        self.refused("hf:B/m/m.gguf", "--to", "llama-cpp//m/m.gguf", say=["is a file of m"])

    def test_rm_removes(self):
        self.assertEqual(self.machine.run("rm", "-y", *self.entries()).returncode, 0)
        self.assertEqual([n for n in self.machine.snapshot() if not n.endswith((".json", ".lock"))], [])
        self.assertFalse(os.path.exists(self.machine.store("m/config.json")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
