"""`link`, `link --unlink`, and a pull of what lies somewhere already: what shares bytes afterwards, and that nothing is lost."""
import fcntl
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from harness import Case, filling, gguf, sha256

MIB = 1 << 20
FIEMAP, SHARED = 0xC020660B, 0x2000
NOBODY = 65534
COMFY = "ComfyUI/models"


def varied(seed, size=3 * MIB):
    return gguf(seed, size // 2) + filling(seed + "'", size - size // 2)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def flip(path, offset):
    """As a disk does it: the file's times stay."""
    before = os.stat(path)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))
    os.chmod(path, before.st_mode & 0o7777)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def extents(path):
    """[(physical, length, flags)], as FS_IOC_FIEMAP tells."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        answer = bytearray(struct.pack("=QQIIII", 0, (1 << 64) - 1, 1, 0, 64, 0) + bytes(64 * 56))
        fcntl.ioctl(file.fileno(), FIEMAP, answer)
    count = struct.unpack_from("=I", answer, 20)[0]
    found = [struct.unpack_from("=QQQQQI", answer, 32 + i * 56) for i in range(count)]
    return [(physical, length, flags) for _, physical, length, _, _, flags in found]


class LinkCase(Case):
    def put(self, path, data, mode=0o644):
        path = os.path.join(self.machine.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def blob(self, data, store=".ollama"):
        return self.put(f"{store}/models/blobs/sha256-{sha256(data)}", data)

    def hub_blob(self, data, name="model.gguf"):
        """As huggingface_hub keeps it. Returns the blob and the link that leads to it."""
        repo = ".cache/huggingface/hub/models--org--name"
        blob = self.put(f"{repo}/blobs/{sha256(data)}", data)
        snapshot = os.path.join(self.machine.root, repo, "snapshots", "c" * 40)
        os.makedirs(snapshot)
        os.symlink(f"../../blobs/{sha256(data)}", os.path.join(snapshot, name))
        self.put(f"{repo}/refs/main", b"c" * 40)
        return blob, os.path.join(snapshot, name)

    def link(self, *arguments, code=0):
        result = self.machine.run("link", "--json", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        self.assertEqual(self.staged(), [])
        return json.loads(result.out)["data"]

    def staged(self):
        return [os.path.join(folder, name) for folder, _, names in os.walk(self.machine.root)
                if folder.endswith(".ncmodel/staging") for name in names]

    def states(self, report):
        return {file["path"]: file["state"] for group in report["groups"] for file in group["files"]}

    def check_one(self, *paths):
        self.assertEqual(len({os.stat(path).st_ino for path in paths}), 1, paths)
        for path in paths:
            self.assertFalse(os.path.islink(path))
            self.assertEqual(os.stat(path).st_mode & 0o7777, 0o444, path)

    def check_quick(self):
        quick = self.machine.run("verify", "--quick")
        self.assertEqual(quick.returncode, 0, quick.out)
        self.check_registry()


class LinkTest(LinkCase):
    def setUp(self):
        super().setUp()
        self.data = varied("one")
        self.machine.manifest([self.machine.simple("a.gguf", self.data)])

    def spread(self):
        """A registered file, and copies that others put there."""
        self.pull()
        hub_blob, self.snapshot = self.hub_blob(self.data)
        return [self.machine.store("a.gguf"), self.blob(self.data), hub_blob,
                self.put(f"{COMFY}/unet/b.gguf", self.data), self.blob(self.data, ".ollama-large")]

    def test_one_copy_for_all_applications(self):
        paths, before = self.spread(), self.machine.snapshot()
        would = self.link("--dry-run")
        self.assertEqual((would["linked"], would["gain"]), (4, 4 * len(self.data)))
        self.assertEqual(len({os.stat(path).st_ino for path in paths}), 5, "a dry run changes nothing")
        report = self.link()
        self.assertEqual((report["linked"], report["gain"], report["failed"]), (4, 4 * len(self.data), 0))
        self.assertEqual(report["groups"][0]["sha256"], "sha256:" + sha256(self.data))
        self.check_one(*paths)
        after = self.machine.snapshot()
        after["server/ai/llama-cpp/models/models.json"] = before["server/ai/llama-cpp/models/models.json"]
        self.assertEqual(after, before)
        self.assertEqual(content(self.snapshot), self.data)
        self.check_quick()
        self.hub.forget()
        pulled = self.pull()
        self.assertNotIn("checking", pulled.err)  # models.json has the new mtime
        self.assertEqual(self.hub.asked(), [])
        again = self.link()
        self.assertEqual((again["linked"], again["gain"], again["hashed"]), (0, 0, 0))

    def test_and_back(self):
        paths = self.spread()
        self.link()
        report = self.link("--unlink")
        self.assertEqual((report["linked"], report["gain"]), (4, 4 * len(self.data)))
        self.assertEqual(len({os.stat(path).st_ino for path in paths}), 5)
        for path in paths:
            self.assertEqual(content(path), self.data)
            self.assertEqual(os.stat(path).st_mode & 0o7777, 0o644)
        self.check_quick()
        self.assertEqual(self.link("--unlink")["groups"], [])
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_what_it_says(self):
        self.spread()
        self.put("stable-diffusion-webui/other.gguf", varied("two"))
        would = self.machine.run("link", "-n").out
        self.assertIn("4 copies would be linked, 12.6 MB given back", would)
        said = self.machine.run("link", "-v").out
        self.assertIn("4 copies linked, 12.6 MB given back", said)
        self.assertIn("hardlink", said)
        self.assertNotIn("other.gguf", said)
        self.assertIn("Nothing to link", self.machine.run("link").out)
        self.assertEqual(self.machine.run("link", "-q").out, "")
        self.assertIn("4 files got bytes of their own again, 12.6 MB taken", self.machine.run("link", "--unlink").out)
        self.assertIn("Nothing to take apart", self.machine.run("link", "--unlink").out)

    def test_models_json_before_the_crash_claims_nothing_wrong(self):
        paths = self.spread()
        os.utime(paths[1], ns=(1, 1))  # the one that is kept
        old = content(self.machine.store("models.json"))
        self.link()
        self.assertNotEqual(content(self.machine.store("models.json")), old)
        with open(self.machine.store("models.json"), "wb") as file:
            file.write(old)
        self.assertIn("checking", self.pull().err)
        self.check_quick()
        with open(self.machine.store("models.json"), "wb") as file:
            file.write(old)
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.check_quick()

    def test_least_and_places(self):
        self.spread()
        self.assertEqual(self.link("--least", "4M")["groups"], [])
        self.assertEqual(self.link("--store", "ollama")["groups"], [])
        self.assertEqual(self.link("--store", "ollama,ollama-large")["linked"], 1)
        outside = tempfile.mkdtemp(dir=self.machine.home)
        shutil.copy(self.machine.store("a.gguf"), os.path.join(outside, "x.gguf"))
        self.assertEqual(self.link("--store", "ollama", outside)["linked"], 1)
        self.assertEqual(self.machine.run("link", "--store", "nothing").returncode, 2)
        self.assertEqual(self.machine.run("link", os.path.join(outside, "gone")).returncode, 2)

    def test_another_file_system_is_told(self):
        if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == os.stat(self.machine.root).st_dev:
            self.skipTest("no second file system")
        folder = tempfile.mkdtemp(prefix="ncmodel-link-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, folder)
        self.pull()
        shutil.copy(self.machine.store("a.gguf"), os.path.join(folder, "a.gguf"))
        shutil.copy(self.machine.store("a.gguf"), os.path.join(folder, "b.gguf"))
        self.assertEqual(sorted(self.states(self.link(folder)).values()), ["hardlink", "kept", "skipped"])
        self.check_one(os.path.join(folder, "a.gguf"), os.path.join(folder, "b.gguf"))
        self.put(f"{COMFY}/unet/b.gguf", self.data)
        self.assertEqual(self.link(folder)["linked"], 1, "each file system has a copy of its own")
        said = self.machine.run("link", folder).out
        self.assertIn("on another file system", said)
        self.assertIn("would save 3.15 MB", said)

    def test_what_cannot_be_replaced_is_an_error(self):
        paths = self.spread()
        if subprocess.run(["chattr", "+i", paths[0]], capture_output=True, check=False).returncode != 0:
            self.skipTest("no file can be made immutable here")
        self.addCleanup(subprocess.run, ["chattr", "-i", paths[0]], check=True)
        report = self.link(code=1)
        self.assertEqual((report["failed"], report["linked"], self.states(report)[paths[0]]), (1, 3, "failed"))
        self.assertEqual(content(paths[0]), self.data)
        self.assertIn("failed", self.machine.run("link").out)

    def test_damage_is_mended_under_all_names_at_once(self):
        self.data = varied("big", 40 * MIB)
        self.machine.manifest([self.machine.simple("a.gguf", self.data)])
        paths = self.spread()
        self.link()
        flip(paths[0], 20 * MIB)
        self.hub.forget()
        repaired = self.machine.run("verify", "--repair", "-x", "1")
        self.assertEqual(repaired.returncode, 0, repaired.err)
        self.assertEqual(sum(r["sent"] for r in self.hub.asked()), 16 * MIB)
        self.check_one(*paths)
        for path in paths:
            self.assertEqual(sha256(content(path)), sha256(self.data))


class UserTest(LinkCase):
    """As anybody but root, to whom 0444 means something."""

    def run_as_user(self, *arguments):
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.machine.home], check=True)
        process = self.machine.start(*arguments, user=NOBODY, group=NOBODY, extra_groups=[])
        process.out, process.err = process.communicate(timeout=120)
        return process

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        try:
            if self.run_as_user("version").returncode != 0:
                self.skipTest("the program cannot be run by another user from where it lies")
        except PermissionError:
            self.skipTest("the program cannot be run by another user from where it lies")

    def test_links_come_and_go_and_damage_is_mended(self):
        data = varied("big", 40 * MIB)
        self.machine.manifest([self.machine.simple("a.gguf", data)])
        pulled = self.run_as_user("pull", "-y")
        self.assertEqual(pulled.returncode, 0, pulled.err)
        paths = [self.machine.store("a.gguf"), self.blob(data)]
        linked = self.run_as_user("link")
        self.assertEqual(linked.returncode, 0, linked.err)
        self.check_one(*paths)
        flip(paths[0], 20 * MIB)
        self.hub.forget()
        repaired = self.run_as_user("verify", "--repair", "-x", "1")
        self.assertEqual(repaired.returncode, 0, repaired.err)
        self.assertEqual(sum(r["sent"] for r in self.hub.asked()), 16 * MIB, "mended in place")
        self.check_one(*paths)
        self.assertEqual(content(paths[1]), data)
        parted = self.run_as_user("link", "--unlink")
        self.assertEqual(parted.returncode, 0, parted.err)
        self.assertEqual({os.stat(path).st_mode & 0o7777 for path in paths}, {0o644})
        self.assertNotEqual(os.stat(paths[0]).st_ino, os.stat(paths[1]).st_ino)

    def test_what_belongs_to_others_stays_theirs(self):
        data = varied("theirs")
        theirs, mine, also = self.blob(data), self.put(f"{COMFY}/unet/b.gguf", data), self.put(f"{COMFY}/unet/c.gguf", data)
        self.run_as_user("version")
        os.chown(theirs, 0, 0)
        process = self.machine.start("link", "--json", user=NOBODY, group=NOBODY, extra_groups=[])
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(os.stat(theirs).st_nlink, 1)
        self.assertEqual(os.stat(theirs).st_mode & 0o7777, 0o644)
        self.check_one(mine, also)
        self.assertEqual(json.loads(out)["data"]["linked"], 1)


class SharedBlocksTest(LinkCase):
    """File systems that can let two files have the same blocks."""

    def mount(self, *mkfs):
        if os.geteuid() != 0 or not shutil.which(mkfs[0]):
            self.skipTest(f"needs root and {mkfs[0]}")
        image = os.path.join(self.machine.home, "image")
        with open(image, "wb") as file:
            file.truncate(512 * MIB)
        made = subprocess.run([*mkfs, image], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            self.skipTest(made.stderr)
        mounted = subprocess.run(["mount", "-o", "loop", image, self.machine.root], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("nothing can be mounted here: " + mounted.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", self.machine.root], check=True)

    def free(self):
        os.sync()
        room = os.statvfs(self.machine.root)
        return room.f_bfree * room.f_frsize

    def check_blocks_are_shared(self):
        data = varied("shared", 24 * MIB)
        self.machine.manifest([self.machine.simple("a.gguf", data)])
        self.pull()
        paths = [self.machine.store("a.gguf"), self.blob(data), self.put(f"{COMFY}/unet/b.gguf", data)]
        before, free = [os.stat(path) for path in paths], self.free()
        report = self.link()
        self.assertEqual((report["linked"], report["gain"]), (2, 2 * len(data)))
        self.assertEqual(sorted(self.states(report).values()), ["kept", "reflink", "reflink"])
        self.assertGreater(self.free() - free, 1.9 * len(data))
        for path, was in zip(paths, before):
            now = os.stat(path)
            self.assertEqual((now.st_ino, now.st_mtime_ns, now.st_mode), (was.st_ino, was.st_mtime_ns, was.st_mode))
            self.assertEqual(content(path), data)
            self.assertTrue(all(flags & SHARED for _, _, flags in extents(path)), path)
        self.check_quick()
        again = self.link()
        self.assertEqual((again["linked"], again["gain"], again["hashed"]), (0, 0, 0))
        with open(paths[2], "r+b") as file:  # each is still a file of its own
            file.write(b"????")
        self.assertEqual(content(paths[0]), data)

    def check_names_come_apart_for_nothing(self):
        data = varied("apart", 24 * MIB)
        first = self.blob(data)
        second = os.path.join(self.machine.root, f"{COMFY}/unet/c.gguf")
        os.link(first, second)
        free = self.free()
        report = self.link("--unlink")
        self.assertEqual((report["linked"], report["gain"], content(second)), (1, 0, data))
        self.assertNotEqual(os.stat(first).st_ino, os.stat(second).st_ino)
        self.assertLess(free - self.free(), MIB)

    def check_pull_shares_blocks(self):
        data = varied("pulled", 24 * MIB)
        blob = self.blob(data)
        self.machine.manifest([self.machine.simple("pulled.gguf", data)])
        free = self.free()
        self.pull("--offline")
        path = self.machine.store("pulled.gguf")
        self.assertEqual((content(path), os.stat(path).st_mode & 0o7777), (data, 0o644))
        self.assertNotEqual(os.stat(path).st_ino, os.stat(blob).st_ino)
        self.assertLess(free - self.free(), MIB)

    def check_all(self):
        self.check_blocks_are_shared()
        self.check_names_come_apart_for_nothing()
        self.check_pull_shares_blocks()

    def test_xfs(self):
        self.mount("mkfs.xfs", "-q", "-m", "reflink=1")
        self.check_all()

    def test_btrfs(self):
        self.mount("mkfs.btrfs", "-q")
        self.check_all()

    def test_xfs_without_shared_blocks(self):
        self.mount("mkfs.xfs", "-q", "-m", "reflink=0")
        data = varied("plain")
        paths = [self.blob(data), self.put(f"{COMFY}/unet/b.gguf", data)]
        self.assertEqual(self.link()["linked"], 1)
        self.check_one(*paths)


class ElsewhereTest(LinkCase):
    """A pull of bytes that are on this machine already."""

    def wanted(self, name, data, **extra):
        self.machine.manifest([self.machine.simple(name, data, **extra)])
        self.hub.forget()

    def plan(self):
        result = self.machine.run("plan", "--json")
        self.assertEqual(result.returncode, 0, result.err)
        return json.loads(result.out)["data"]["models"][0]

    def check_linked(self, data, found, name="a.gguf"):
        planned = self.plan()
        self.assertEqual((planned["to_get"], planned["files"][0]["step"]), (0, "link"))
        self.assertEqual(planned["files"][0]["from"], found)
        self.assertIn(f"linked from {found}", self.machine.run("plan").out)
        self.pull("--offline")
        self.assertEqual(self.hub.asked(), [])
        self.check_one(found, self.machine.store(name))
        self.assertEqual(content(found), data)
        self.check_quick()

    def check_fetched(self, data, damaged, name="a.gguf"):
        self.pull("--offline", code=11)
        wrong = content(damaged)
        self.pull()
        self.assertTrue(self.hub.asked())
        self.assertEqual(content(self.machine.store(name)), data)
        self.assertEqual(content(damaged), wrong, "it is not ours to mend")
        self.assertNotEqual(os.stat(damaged).st_ino, os.stat(self.machine.store(name)).st_ino)
        self.check_quick()

    def test_a_blob_of_ollama(self):
        data = varied("blob")
        self.wanted("a.gguf", data)
        self.check_linked(data, self.blob(data, ".ollama-small"))

    def test_a_damaged_blob_of_ollama(self):
        data = varied("blob")
        blob = self.blob(data)
        flip(blob, 2 * MIB)
        self.wanted("a.gguf", data)
        self.check_fetched(data, blob)

    def test_a_small_blob_of_ollama(self):
        data = gguf("small", 5000)
        self.wanted("a.gguf", data)
        self.check_linked(data, self.blob(data))

    def test_a_blob_of_the_hugging_face_cache(self):
        data = varied("hub")
        self.wanted("a.gguf", data)
        blob, snapshot = self.hub_blob(data)
        self.check_linked(data, blob)
        self.assertEqual(content(snapshot), data)

    def test_a_blob_that_all_repositories_share(self):
        """The name of such a blob is another hash's."""
        data = varied("shared blob")
        self.wanted("a.gguf", data)
        blob, snapshot = self.hub_blob(data)
        shared = os.path.join(self.machine.root, ".cache/huggingface/hub/blobs/ab/ab" + "0" * 62)
        os.makedirs(os.path.dirname(shared))
        os.rename(blob, shared)
        os.symlink("../../blobs/ab/ab" + "0" * 62, blob)
        self.check_linked(data, shared)
        self.assertEqual(content(snapshot), data)

    def test_a_damaged_blob_of_the_hugging_face_cache(self):
        data = varied("hub")
        blob, _ = self.hub_blob(data)
        flip(blob, MIB)
        self.wanted("a.gguf", data)
        self.check_fetched(data, blob)

    def test_a_file_under_any_name(self):
        data = varied("stray")
        self.wanted("a.gguf", data)
        self.put(f"{COMFY}/unet/same-size.gguf", varied("not it"))
        self.check_linked(data, self.put("stable-diffusion-webui/models/x/whatever.safetensors", data))

    def test_a_damaged_file_under_any_name(self):
        data = varied("stray")
        stray = self.put(f"{COMFY}/unet/stray.gguf", data)
        flip(stray, len(data) - 1)
        self.wanted("a.gguf", data)
        self.check_fetched(data, stray)

    def test_an_ollama_model_of_what_llama_cpp_has(self):
        weights = varied("weights")
        self.put("server/ai/llama-cpp/models/w.gguf", weights)
        self.hub.ollama("library/tiny", [("model", weights), ("template", b"{{ .Prompt }}")])
        self.machine.manifest([{"id": "tiny", "files": [{"from": ["ollama:tiny"]}]}])
        self.pull()
        self.assertFalse([r for r in self.hub.asked() if r["path"].endswith(sha256(weights))])
        self.check_one(self.machine.store("w.gguf"), os.path.join(self.machine.root, ".ollama/models/blobs/sha256-" + sha256(weights)))
        self.check_quick()

    def test_what_the_lock_pins_needs_no_source(self):
        data = varied("pinned by the lock")
        self.hub.hf("org/model", {"m.gguf": data})
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/model/m.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.pull()
        os.rename(self.machine.store("m.gguf"), self.blob(data))
        self.hub.forget()
        self.pull("--offline")
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(content(self.machine.store("m.gguf")), data)
        self.check_quick()

    def test_what_may_be_written_to_is_copied(self):
        """The same rule as for link: a file of two names is one that is only read."""
        text = b'{"vocabulary": "' + b"x" * (2 * MIB) + b'"}'
        self.wanted("tokenizer.json", text)
        found = self.put(f"{COMFY}/unet/tokenizer.json", text)
        self.assertEqual(self.plan()["files"][0]["step"], "copy")
        self.pull("--offline")
        placed = self.machine.store("tokenizer.json")
        self.assertNotEqual(os.stat(placed).st_ino, os.stat(found).st_ino)
        self.assertEqual(os.stat(placed).st_mode & 0o7777, 0o644)
        self.check_quick()

    def test_two_places_of_one_file(self):
        data = varied("two places")
        to = [{"store": "llama-cpp", "name": "a.gguf"}, {"store": "comfyui", "folder": "unet", "name": "a.gguf"}]
        self.wanted("a.gguf", data, to=to)
        self.pull()
        self.check_one(self.machine.store("a.gguf"), os.path.join(self.machine.root, f"{COMFY}/unet/a.gguf"))
        self.check_quick()


if __name__ == "__main__":
    unittest.main()
