#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Content by its digest: folders and web servers that have blobs/sha256/HEX stand in for every source, and nothing of them is
believed."""
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, Case, gguf, safetensors, sha256

KILLS = int(os.environ.get("NCM_BUNDLE_KILLS", "12"))
BIG = 20 << 20  # over the size from which several places serve one file


class MirrorCase(Case):
    """One machine that has pulled, and the folder of content that is made of it by hand."""

    def setUp(self):
        super().setUp()
        self.bundle = os.path.join(self.machine.home, "bundle")
        self.blobs = os.path.join(self.bundle, "blobs/sha256")
        os.makedirs(self.blobs)

    def put(self, data, name=None):
        return self.write(os.path.join(self.blobs, name or sha256(data)), data)

    def another_machine(self, lock=False):
        """An empty root; with the lock of the first, if that is said."""
        kept = self.read(self.machine.store("ncmodel.lock")) if lock else None
        shutil.rmtree(self.machine.root)
        os.makedirs(self.machine.store())
        if kept:
            self.write(self.machine.store("ncmodel.lock"), kept)
        self.hub.forget()

    def models(self, found):
        """What was there of models, and what the programs' own files say."""
        return {path: digest for path, digest in found.items()
                if os.path.basename(path) not in ("models.json", "ncmodel.lock") and "/trees/" not in path}

    def every_kind(self):
        """A model of each kind of store; what it pulled lies in the bundle, too."""
        m, hub = self.machine, self.hub
        hub.hf("org/model-GGUF", {"model-Q4_K_M.gguf": gguf("hf", 300_000)})
        hub.hf("org/pipe", {"model.safetensors": safetensors("pipe", 70_000), "config.json": b"{}", "README.md": b"# hi"},
               small=("config.json", "README.md"))
        manifest = hub.ollama("library/tiny", [("model", gguf("ollama", 120_000)), ("template", b"{{ .Prompt }}"),
                                               ("license", b"MIT")], tag="1b")
        m.manifest([
            {"id": "one", "files": [{"from": ["hf:org/model-GGUF/model-Q4_K_M.gguf"], "to": [{"store": "llama-cpp"}]}]},
            {"id": "pipe", "files": [{"from": ["hf:org/pipe"], "to": [{"store": "hf"}]}]},
            {"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]},
            m.simple("plain.gguf", gguf("plain", 90_000)),
        ])
        self.pull()
        self.put(manifest)
        for folder, folders, names in os.walk(m.root):
            folders[:] = [name for name in folders if name != ".ncmodel"]
            for name in names:
                self.put(self.read(os.path.join(folder, name)))


class FolderTest(MirrorCase):
    def test_every_store_comes_out_ready_without_a_network(self):
        self.every_kind()
        before, listed = self.models(self.machine.snapshot()), self.entries()
        self.another_machine(lock=True)
        self.pull("--locked", "--offline", "--mirror", self.bundle)
        self.assertEqual(self.models(self.machine.snapshot()), before)
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(self.entries().keys(), listed.keys())
        self.check_registry()
        again = self.machine.run("verify", "--json")
        self.assertEqual(again.returncode, 0, again.err)

    def test_only_what_it_has_is_taken(self):
        """Each subset of three: what is in the folder is not asked for, the rest is."""
        data = {name: gguf(name, 40_000) for name in "abc"}
        self.machine.manifest([self.machine.simple(name + ".gguf", data[name]) for name in "abc"])
        for chosen in range(8):
            shutil.rmtree(self.bundle)
            os.makedirs(self.blobs)
            there = {name for bit, name in enumerate("abc") if chosen >> bit & 1}
            for name in there:
                self.put(data[name])
            self.another_machine()
            self.pull("--mirror", self.bundle)
            self.assertEqual({r["path"] for r in self.hub.fetched()}, {f"/files/{name}.gguf" for name in set("abc") - there})

    def test_what_is_wrong_is_not_believed(self):
        data = gguf("x", 50_000)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        for wrong in (data[:-1], data[:-1] + b"!", b"", data + b"!"):
            self.another_machine()
            self.put(wrong, sha256(data))
            self.pull("--mirror", self.bundle)
            self.assertEqual(len(self.hub.fetched()), 1, len(wrong))
            self.assertEqual(self.read(self.machine.store("x.gguf")), data)

    def test_a_pipe_or_a_link_in_its_place_is_left_alone(self):
        data = gguf("x", 50_000)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        path = os.path.join(self.blobs, sha256(data))
        for make in (lambda: os.mkfifo(path), lambda: os.symlink("/dev/zero", path), lambda: os.mkdir(path)):
            self.another_machine()
            make()
            self.pull("--mirror", self.bundle)
            self.assertEqual(len(self.hub.fetched()), 1)
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)

    def test_several_and_the_configuration(self):
        data = {name: gguf(name, 40_000) for name in "ab"}
        self.machine.manifest([self.machine.simple(name + ".gguf", data[name]) for name in "ab"])
        self.put(data["a"])
        settings = os.path.join(self.machine.home, ".config/ncmodel")
        self.write(os.path.join(settings, "second/blobs/sha256", sha256(data["b"])), data["b"])
        self.write(os.path.join(settings, "config.json"), json.dumps({"bundles": ["second"]}).encode())
        self.pull("--mirror", "bundle", "--offline")  # below the working folder
        self.assertEqual(self.hub.asked(), [])

    def test_a_plan_names_the_folder(self):
        data = gguf("x", 50_000)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        path = self.put(data)
        plan = json.loads(self.machine.run("plan", "--json", "--offline", "--mirror", self.bundle).out)["data"]
        self.assertEqual((plan["models"][0]["files"][0]["from"], plan["to_get"]), (path, 0))

    def test_verify_repairs_from_it(self):
        self.every_kind()
        before = self.models(self.machine.snapshot())
        for name in ("plain.gguf", "model-Q4_K_M.gguf"):
            with open(self.machine.store(name), "r+b") as file:
                file.seek(5000)
                file.write(b"damage")
        self.hub.forget()
        result = self.machine.run("verify", "--repair", "--offline", "-y", "--mirror", self.bundle)
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(self.models(self.machine.snapshot()), before)
        self.assertEqual(self.hub.asked(), [])


class AddressTest(MirrorCase):
    def serve(self, data):
        self.hub.blobs["cdn"]["/b/blobs/sha256/" + sha256(data)] = data

    def test_it_stands_in_for_a_source_that_fails(self):
        for size in (50_000, BIG):
            data = gguf("x", size)
            self.machine.manifest([self.machine.simple("x.gguf", data)])
            self.another_machine()
            self.serve(data)
            self.hub.fault("/files/x.gguf", "status", times=None, status=404)
            result = self.pull("--json", "--mirror", self.hub.cdn.url + "/b")
            self.assertEqual(self.read(self.machine.store("x.gguf")), data)
            served = json.loads(result.out)["data"]["result"]["models"][0]["served_by"]
            self.assertEqual(served, self.hub.cdn.url + "/b/blobs/sha256/" + sha256(data))

    def test_one_that_has_it_not_harms_nothing(self):
        for size in (50_000, BIG):
            data = gguf("x", size)
            self.machine.manifest([self.machine.simple("x.gguf", data)])
            self.another_machine()
            self.pull("--mirror", self.hub.cdn.url + "/b")
            self.assertEqual(self.read(self.machine.store("x.gguf")), data)

    def test_what_it_has_does_not_come_from_the_source(self):
        for size in (50_000, BIG):
            data = gguf("x", size)
            self.machine.manifest([self.machine.simple("x.gguf", data)])
            self.another_machine()
            self.serve(data)
            self.pull("--mirror", self.hub.cdn.url + "/b")
            self.assertEqual(self.read(self.machine.store("x.gguf")), data)
            self.assertEqual([r for r in self.hub.asked("/files/x.gguf") if r["method"] == "GET"], [])

    def test_one_that_cannot_be_reached_is_told_once(self):
        data = {name: gguf(name, 50_000) for name in "abc"}
        self.machine.manifest([self.machine.simple(name + ".gguf", data[name]) for name in "abc"])
        result = self.pull("--retries", "1", "--mirror", "http://127.0.0.1:9/b")
        self.assertEqual(" ".join(result.err.split()).count("http://127.0.0.1:9/b cannot be asked"), 1)
        self.assertEqual(self.files().keys(), {f"server/ai/llama-cpp/models/{name}.gguf" for name in "abc"})

    def test_half_of_it_is_not_asked_for(self):
        data = gguf("x", 50_000)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        self.hub.blobs["cdn"]["/b/blobs/sha256/" + sha256(data)] = data[:20_000]
        self.pull("--mirror", self.hub.cdn.url + "/b")
        self.assertEqual([r["method"] for r in self.hub.asked(server="cdn")], ["HEAD"])
        self.assertEqual(self.read(self.machine.store("x.gguf")), data)

    def test_one_that_lies_is_found_out(self):
        data = gguf("x", BIG)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        self.hub.blobs["cdn"]["/b/blobs/sha256/" + sha256(data)] = data[:-100] + bytes(100)
        result = self.machine.run("pull", "-y", "--mirror", self.hub.cdn.url + "/b")
        if result.returncode == 0:
            self.assertEqual(self.read(self.machine.store("x.gguf")), data)
        else:
            self.assertFalse(os.path.exists(self.machine.store("x.gguf")))

    def test_what_is_no_place(self):
        for place in ("ftp://host/b", "http://user:secret@host/b", "http://host/b?x", "http://"):
            result = self.machine.run("plan", "--mirror", place)
            self.assertEqual(result.returncode, 2, place)
            self.assertNotIn("secret", result.err + result.out)
            self.assertIn("blobs/sha256", result.err)


def tree(folder):
    """Every file below a folder, with its digest."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                found[os.path.relpath(os.path.join(at, name), folder)] = sha256(file.read())
    return found


class BundleCase(MirrorCase):
    def bundle_of(self, *arguments, code=0):
        result = self.machine.run("bundle", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def killed(self, *arguments):
        """Runs for a random part of the time that it would take."""
        process = self.machine.start("bundle", *arguments)
        time.sleep(self.random.random() * self.whole)
        process.kill()
        process.communicate()

    def timed(self, *arguments):
        began = time.monotonic()
        self.bundle_of(*arguments)
        self.whole = time.monotonic() - began


class BundleTest(BundleCase):
    def test_from_one_machine_to_another(self):
        self.every_kind()
        shutil.rmtree(self.bundle)
        before, listed = self.models(self.machine.snapshot()), self.entries()
        made = json.loads(self.bundle_of("create", self.bundle, "--json").out)["data"]
        self.assertEqual(sorted(made["models"]), sorted(listed))
        self.assertEqual(made["left_out"], [])
        self.assertLessEqual({file["sha256"][7:] for file in made["files"] if file["path"].startswith("blobs/")}, set(before.values()))
        self.bundle_of("verify", self.bundle)
        self.another_machine()
        self.bundle_of("import", self.bundle, "-y", "--json")
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(self.models(self.machine.snapshot()), before)
        self.assertEqual(sorted(self.entries()), sorted(listed))
        self.check_registry()
        self.assertEqual(self.machine.run("verify", "-q").returncode, 0)
        again = json.loads(self.bundle_of("import", self.bundle, "-y", "--json").out)["data"]["result"]
        self.assertEqual((again["present"], again["pulled"]), (len(listed), 0))

    def test_the_same_models_make_the_same_bytes(self):
        self.every_kind()
        other = os.path.join(self.machine.home, "other")
        shutil.rmtree(self.bundle)
        self.bundle_of("create", self.bundle)
        self.bundle_of("create", other)
        self.assertEqual(tree(self.bundle), tree(other))
        self.assertIn("bundle.json", tree(other))

    def test_it_goes_on_with_what_is_right(self):
        self.every_kind()
        shutil.rmtree(self.bundle)
        self.bundle_of("create", self.bundle)
        whole = tree(self.bundle)
        victims = sorted(name for name in whole if name.startswith("blobs/"))
        for number, victim in enumerate(victims):
            path = os.path.join(self.bundle, victim)
            if number % 3 == 0:
                os.unlink(path)
            elif number % 3 == 1:
                with open(path, "r+b") as file:
                    byte = file.read(1)
                    file.seek(0)
                    file.write(bytes([byte[0] ^ 1]))
        self.put(b"half", ".0123456789abcdef.tmp")
        bad = json.loads(self.bundle_of("verify", self.bundle, "--json", code=4).out)["data"]
        states = {file["path"]: file["state"] for file in bad["files"]}
        for number, victim in enumerate(victims):
            self.assertEqual(states[victim], ("missing", "damaged", "ok")[number % 3])
        made = json.loads(self.bundle_of("create", self.bundle, "--json").out)["data"]
        states = {file["path"]: file["state"] for file in made["files"]}
        for number, victim in enumerate(victims):
            self.assertEqual(states[victim], ("copied", "copied", "ok")[number % 3])
        self.assertEqual(tree(self.bundle), whole)

    def test_a_flipped_byte_is_named_with_its_piece_and_the_rest_comes(self):
        big, small = gguf("big", 40 << 20), gguf("small", 50_000)
        self.machine.manifest([self.machine.simple("big.gguf", big), self.machine.simple("small.gguf", small)])
        self.pull()
        self.bundle_of("create", self.bundle)
        with open(os.path.join(self.blobs, sha256(big)), "r+b") as file:
            file.seek(20 << 20)
            file.write(b"!!!!")
        told = self.bundle_of("verify", self.bundle, code=4)
        self.assertIn("damaged: bytes 16777216-33554431", told.out)
        self.another_machine()
        result = self.machine.run("bundle", "import", self.bundle, "-y")
        self.assertEqual(result.returncode, 11, result.err)
        self.assertIn(f"`ncmodel bundle verify {self.bundle}` tells which", result.err)
        self.assertNotIn("without --offline", result.err)
        self.assertEqual(self.read(self.machine.store("small.gguf")), small)
        self.assertFalse(os.path.exists(self.machine.store("big.gguf")))
        self.assertEqual(self.hub.asked(), [])

    def test_checkpoints_come_along(self):
        data = gguf("x", 40 << 20)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        self.pull()
        checkpoints = self.machine.store(".ncmodel/checkpoints", sha256(data))
        before = self.read(checkpoints)
        self.bundle_of("create", self.bundle)
        self.bundle_of("create", self.bundle + ".tar")
        for place in (self.bundle, self.bundle + ".tar"):
            self.another_machine()
            self.bundle_of("import", place, "-y")
            self.assertEqual(self.read(checkpoints), before)

    def test_damage_at_home_is_not_carried_away(self):
        data = gguf("x", 50_000)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        self.pull()
        self.write(self.machine.store("x.gguf"), data[:-1] + b"!")
        told = self.bundle_of("create", self.bundle, code=4)
        self.assertIn("x.gguf has sha256", told.err)
        self.assertIn("`ncmodel verify --repair` mends it", told.err)
        self.assertEqual(os.listdir(self.blobs), [])
        self.machine.run("verify", "--repair", "-y")
        self.bundle_of("create", self.bundle)
        self.assertEqual(os.listdir(self.blobs), [sha256(data)])

    def test_nothing_installed(self):
        data = gguf("x", 50_000)
        self.machine.manifest([self.machine.simple("x.gguf", data)])
        self.assertIn("`ncmodel pull` installs models", self.bundle_of("create", self.bundle, code=2).err)
        self.assertIn("`ncmodel bundle create DIR` makes one", self.bundle_of("verify", self.bundle, code=2).err)
        self.assertIn("usage: ncmodel bundle create|verify|import DIR|FILE.tar... [MODEL...]", self.bundle_of("create", code=2).err)
        self.pull()
        self.bundle_of("create", self.bundle)
        self.bundle_of("verify", self.bundle)

    def test_what_was_unpacked_is_told(self):
        import io
        import tarfile
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            member = tarfile.TarInfo("node/__init__.py")
            member.size = 2
            archive.addfile(member, io.BytesIO(b"{}"))
        node = out.getvalue()
        plain = self.machine.simple("x.gguf", gguf("x", 50_000))
        self.machine.manifest([plain, {
            "id": "node", "kind": "custom-node", "use_cases": [],
            "files": [{"from": [self.hub.url("/node.tar.gz", node)], "insecure_http": True, "sha256": sha256(node),
                       "extract": {"strip": 1}, "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]}])
        self.pull()
        made = self.bundle_of("create", self.bundle, "--json")
        data = json.loads(made.out)["data"]
        self.assertEqual((data["models"], len(data["left_out"])), (["x"], 1))
        self.assertIn("unpacked from an archive", data["left_out"][0])

    def test_what_is_no_bundle(self):
        self.bundle_of("verify", self.machine.home, code=2)
        self.bundle_of("import", self.machine.home + "/nowhere", code=2)
        for arguments in ((), ("create",), ("send", "x"), ("verify", "x", "y")):
            self.bundle_of(*arguments, code=2)
        index = os.path.join(self.bundle, "bundle.json")
        for text in ("", "[]", "{}", '{"schema_version": 3, "files": []}',
                     '{"schema_version": 1, "files": [{"path": "../x", "size": 1, "sha256": "%s"}]}' % ("0" * 64),
                     json.dumps({"schema_version": 1, "files": 2 * [{"path": "ncmodel.lock", "size": 1, "sha256": "0" * 64}]})):
            with open(index, "w") as out:
                out.write(text)
            self.bundle_of("verify", self.bundle, code=2)
            self.bundle_of("import", self.bundle, code=2)

    def test_newer_models_are_taken_when_that_is_said(self):
        def publish(text):
            data = gguf(text, 30_000)
            manifest = self.hub.ollama("library/tiny", [("model", data)], tag="1b")
            self.hub.hf("org/pipe", {"model.safetensors": safetensors(text, 20_000)}, commit=sha256(data)[:40])
            return manifest
        first = publish("old")
        self.machine.manifest([{"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]},
                               {"id": "pipe", "files": [{"from": ["hf:org/pipe"], "to": [{"store": "hf"}]}]}])
        self.pull()
        old = os.path.join(self.machine.home, "old")
        shutil.copytree(self.machine.root, old, symlinks=True)
        second = publish("new")
        self.pull("--update")
        self.bundle_of("create", self.bundle)
        self.assertNotIn(sha256(gguf("old", 30_000)), os.listdir(self.blobs))
        new = self.models(self.machine.snapshot())
        shutil.rmtree(self.machine.root)
        shutil.copytree(old, self.machine.root, symlinks=True)
        self.hub.forget()
        refused = self.bundle_of("import", self.bundle, "-y", code=11)
        self.assertIn("--update", refused.err)
        tag = ".ollama/models/manifests/registry.ollama.ai/library/tiny/1b"
        self.assertEqual(self.machine.snapshot()[tag], sha256(first))
        self.bundle_of("import", self.bundle, "-y", "--update")
        self.assertEqual(self.machine.snapshot()[tag], sha256(second))
        self.assertEqual(self.models(self.machine.snapshot()), new)
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(self.machine.run("pull", "--locked", "--offline", "-y").returncode, 0)

    def test_what_is_there_counts_not_what_the_lock_has_since(self):
        def publish(text):
            self.hub.hf("org/pipe", {"model.safetensors": safetensors(text, 20_000)}, commit=sha256(text.encode())[:40])
            self.hub.hf("org/m", {"m.gguf": gguf(text, 20_000)}, commit=sha256(text.encode())[:40])
        publish("old")
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/m/m.gguf"], "to": [{"store": "llama-cpp"}]}]},
                               {"id": "pipe", "files": [{"from": ["hf:org/pipe"], "to": [{"store": "hf"}]}]}])
        self.pull()
        publish("new")
        self.assertEqual(self.machine.run("lock", "--update").returncode, 0)
        self.bundle_of("create", self.bundle)
        self.assertEqual(set(os.listdir(self.blobs)), {sha256(safetensors("old", 20_000)), sha256(gguf("old", 20_000))})
        self.another_machine()
        self.bundle_of("import", self.bundle, "m", "-y")
        self.assertEqual(self.read(self.machine.store("m.gguf")), gguf("old", 20_000))

    def test_a_part_of_it(self):
        self.every_kind()
        shutil.rmtree(self.bundle)
        made = json.loads(self.bundle_of("create", self.bundle, "plain", "tiny", "--json").out)["data"]
        self.assertEqual(sorted(made["models"]), ["plain", "tiny"])
        self.another_machine()
        self.bundle_of("import", self.bundle, "tiny", "-y")
        self.assertEqual(list(self.entries()), ["tiny"])


class OtherDiskTest(BundleCase):
    """What has to be copied is read once: until then its name is taken at its word."""

    def setUp(self):
        super().setUp()
        if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(self.machine.home).st_dev:
            self.skipTest("there is no second file system")
        self.bundle = tempfile.mkdtemp(prefix="ncmodel-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.bundle, True)
        self.blobs = os.path.join(self.bundle, "blobs/sha256")

    def carried(self, **files):
        """A machine that has nothing, and a bundle of these models on the other disk."""
        self.machine.manifest([self.machine.simple(name + ".gguf", data) for name, data in files.items()])
        self.pull()
        self.bundle_of("create", self.bundle)
        self.another_machine(lock=True)

    def damage(self, data, at=5000):
        with open(os.path.join(self.blobs, sha256(data)), "r+b") as file:
            file.seek(at)
            file.write(b"!!!!")

    def test_it_is_read_once(self):
        data = gguf("x", 40 << 20)
        self.carried(x=data)
        result = subprocess.run(["sh", "-c", '"$@" >/dev/null 2>&1 && cat /proc/$$/io', "sh", BINARY, "bundle", "import", self.bundle, "-y"],
                                env=self.machine.env, capture_output=True, text=True, cwd=self.machine.home)
        self.assertEqual(result.returncode, 0, result.stderr)
        counts = dict(line.split(": ") for line in result.stdout.splitlines())
        self.assertEqual(self.read(self.machine.store("x.gguf")), data)
        self.assertLess(int(counts["rchar"]), len(data) * 5 // 4)

    def test_a_name_that_lies_is_found_out(self):
        good, bad = gguf("good", 2 << 20), gguf("bad", 2 << 20)
        self.carried(good=good, bad=bad)
        self.damage(bad)
        refused = self.bundle_of("import", self.bundle, "-y", code=11)
        self.assertIn("is not what it is called", refused.err)
        self.assertIn(f"`ncmodel bundle verify {self.bundle}` tells which", refused.err)
        self.assertEqual(self.read(self.machine.store("good.gguf")), good)
        self.assertFalse(os.path.exists(self.machine.store("bad.gguf")))
        self.assertEqual(self.hub.asked(), [])
        pulled = self.pull("--mirror", self.bundle)
        self.assertIn("is not what it is called", pulled.err)
        self.assertEqual({r["path"] for r in self.hub.fetched()}, {"/files/bad.gguf"})
        self.assertEqual(self.read(self.machine.store("bad.gguf")), bad)

    def test_the_source_is_asked_after_all(self):
        """What the lock pins and the folder seemed to have was settled without it."""
        self.hub.ollama("library/tiny", [("model", gguf("ollama", 2 << 20)), ("license", b"MIT")], tag="1b")
        self.machine.manifest([{"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]}])
        self.pull()
        before = self.models(self.machine.snapshot())
        self.bundle_of("create", self.bundle)
        self.another_machine(lock=True)
        self.damage(gguf("ollama", 2 << 20))
        self.pull("--locked", "--mirror", self.bundle)
        self.assertEqual(self.models(self.machine.snapshot()), before)

    def test_another_twin_is_taken(self):
        data = gguf("x", 2 << 20)
        self.carried(x=data)
        self.damage(data)
        self.write(self.machine.store("elsewhere.gguf"), data)
        self.pull("--offline", "--mirror", self.bundle)
        self.assertEqual(self.read(self.machine.store("x.gguf")), data)
        self.assertEqual(self.hub.asked(), [])

    def test_holes_are_kept(self):
        size, head = 600 << 20, gguf("x", 1 << 20)
        path = self.machine.store("x.gguf")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(head)
            file.seek(size - 5)
            file.write(b"bytes")
        found = subprocess.run(["sha256sum", path], capture_output=True, text=True).stdout[:64]
        model = self.machine.simple("x.gguf", head)
        model["files"][0].update(sha256=found, size=size)
        self.machine.manifest([model])
        self.pull("--offline")
        self.bundle_of("create", self.bundle)
        blob = os.path.join(self.blobs, found)
        self.assertEqual((os.stat(blob).st_size, os.stat(blob).st_blocks * 512 < 4 << 20), (size, True))
        self.another_machine()
        self.bundle_of("import", self.bundle, "-y")
        self.assertEqual((os.stat(path).st_size, os.stat(path).st_blocks * 512 < 4 << 20), (size, True))
        self.assertEqual(self.machine.run("verify", "-q").returncode, 0)


class KillTest(BundleCase):
    """Killed at any moment: what has a name is right, and the same command goes on to the same end."""

    def setUp(self):
        super().setUp()
        self.data = {name: gguf(name, 8 << 20) for name in "abcdef"}
        self.machine.manifest([self.machine.simple(name + ".gguf", data) for name, data in self.data.items()])
        self.pull()
        shutil.rmtree(self.bundle)
        self.random = random.Random(os.environ.get("NCM_SEED", "18"))

    def test_create(self):
        self.timed("create", self.bundle)
        whole = tree(self.bundle)
        for _ in range(KILLS):
            if self.random.random() < 0.4:
                shutil.rmtree(self.bundle)
            self.killed("create", self.bundle)
            for name, digest in tree(self.bundle).items() if os.path.isdir(self.bundle) else ():
                if name.startswith("blobs/") and not os.path.basename(name).startswith("."):
                    self.assertEqual(os.path.basename(name), digest)
        self.bundle_of("create", self.bundle)
        self.assertEqual(tree(self.bundle), whole)

    def test_import(self):
        self.bundle_of("create", self.bundle)
        whole = tree(self.bundle)
        self.another_machine()
        self.timed("import", self.bundle, "-y")
        for _ in range(KILLS):
            if self.random.random() < 0.4:
                self.another_machine()
            self.killed("import", self.bundle, "-y")
            for path, digest in self.machine.snapshot().items():
                if path.endswith(".gguf"):
                    self.assertEqual(digest, sha256(self.data[os.path.basename(path)[0]]), path)
        self.bundle_of("import", self.bundle, "-y")
        self.assertEqual({name: self.read(self.machine.store(name + ".gguf")) for name in self.data}, self.data)
        self.assertEqual(tree(self.bundle), whole)
        self.check_registry()
        self.assertEqual(self.hub.asked(), [])


if __name__ == "__main__":
    unittest.main()
