"""Links of the user's own: every command follows those that are part of a store, and none writes through another."""
import json
import os
import unittest

from harness import gguf, safetensors
from hub import sha256
from test_upkeep import UpkeepCase

NOBODY, OTHER = 65534, 65533
as_root = unittest.skipUnless(os.geteuid() == 0, "needs the files of other users")


class LinksCase(UpkeepCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.machine.home, 0o755)
        self.disk = os.path.join(self.machine.home, "disk2")
        os.makedirs(self.disk)

    def at(self, *parts):
        return os.path.join(self.machine.root, *parts)

    def lead(self, path, target=None):
        """A link below the root to a folder on another disk, as it were."""
        target = target or os.path.join(self.disk, path.replace("/", "-"))
        os.makedirs(target, exist_ok=True)
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        os.symlink(target, self.at(path))
        return target

    def wanted(self, name, data, store, folder=None, below=""):
        url = self.hub.url(f"/files/{name}", data)
        to = {"store": store, "name": below + name, **({"folder": folder} if folder else {})}
        return {"id": name.split(".")[0], "kind": "lora", "use_cases": [],
                "files": [{"from": [url], "insecure_http": True, "size": len(data), "sha256": sha256(data), "to": [to]}]}


def damage(path):
    os.chmod(path, 0o644)
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(status.st_size - 100)
        file.write(b"\0" * 50)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


class FollowedTest(LinksCase):
    """One life of a model in a store with a link, and the same life without: no command sees a difference."""

    def live(self, path, real, model, data):
        m = self.machine
        m.manifest([model])
        self.pull()
        self.assertEqual(self.read(real), data)
        self.hub.forget()
        self.pull()
        self.assertEqual(self.hub.requests, [])
        self.run_ok("verify")
        # damage of one part, and of the whole file
        damage(path)
        self.assertEqual(m.run("verify").returncode, 4)
        self.run_ok("verify", "--repair")
        self.assertEqual(self.read(real), data)
        self.write(path, b"nothing of it")
        self.run_ok("verify", "--repair")
        self.assertEqual(self.read(real), data)
        store = model["files"][0]["to"][0]["store"]
        survey = self.document("verify", "--store", store)
        self.assertEqual([(f["path"], f["state"]) for f in survey["data"]["files"] if f["path"] == path], [(path, "ok")])
        damage(path)
        self.document("verify", "--store", store, "--repair", "-y")
        self.assertEqual(self.read(real), data)
        # what was lost is found again, in the same store and by the same path
        before = self.entries()[model["id"]]["files"][0]
        os.remove(m.store("models.json"))
        self.document("adopt")
        found = self.entries()[model["id"]]["files"][0]
        self.assertEqual((found["store"], found["path"]), (before["store"], before["path"]))
        self.assertEqual(len(self.entries()), 1)
        self.assertEqual({x["verdict"] for x in self.document("adopt")["data"]["models"]}, {"known"})
        return store

    def twins(self, path, data):
        """Linked with an equal file of another store, and parted again."""
        twin = self.write("training/models/" + os.path.basename(path), data)
        linked = self.document("link")["data"]
        self.assertEqual(os.stat(twin).st_ino, os.stat(path).st_ino, linked)
        self.document("link", "--unlink")
        self.assertNotEqual(os.stat(twin).st_ino, os.stat(path).st_ino)
        self.run_ok("verify")

    def end(self, path, real, model):
        self.assertEqual(self.document("gc", "-n", "--min-age", "0")["data"]["going"], 0)
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertTrue(os.path.exists(real))
        usage = self.document("df")["data"]
        self.assertEqual(usage["failures"], [])
        self.run_ok("rm", "-y", "--force", model["id"])
        self.assertFalse(os.path.exists(real))
        self.assertEqual(self.installed(), set())
        self.pull()
        self.assertTrue(os.path.exists(real))

    def test_folders(self):
        shapes = {"ComfyUI": "models/loras", "ComfyUI/models": "loras", "ComfyUI/models/loras": ""}
        for number, (link, below) in enumerate(shapes.items()):
            with self.subTest(link=link):
                self.doCleanups()
                self.setUp()
                data = safetensors(f"l{number}", 2_000_000)
                target = self.lead(link)
                name = f"style{number}.safetensors"
                path, real = self.at("ComfyUI/models/loras", name), os.path.join(target, below, name)
                model = self.wanted(name, data, "comfyui", "loras")
                self.live(path, real, model, data)
                self.twins(path, data)
                self.end(path, real, model)
                self.assertTrue(os.path.islink(self.at(link)))

    def test_a_store_without_folders_of_its_own(self):
        data = gguf("chat", 2_000_000)
        target = self.lead("whisper.cpp/models")
        model = self.wanted("chat.gguf", data, "whisper-cpp")
        path, real = self.at("whisper.cpp/models/chat.gguf"), os.path.join(target, "chat.gguf")
        self.live(path, real, model, data)
        self.twins(path, data)
        self.end(path, real, model)

    def test_a_folder_of_files(self):
        """Repositories and archives make folders of their own behind the link."""
        target = self.lead("ComfyUI/models/diffusers")
        self.hub.hf("org/pair", {"unet/x.safetensors": safetensors("x", 100_000), "config.json": b"{}"}, "c" * 40)
        self.pull("hf:org/pair", "--to", "comfyui/diffusers")
        folder = os.path.join(target, os.listdir(target)[0])
        self.assertEqual(self.read(os.path.join(folder, "config.json")), b"{}")
        self.run_ok("verify")
        self.run_ok("rm", "-y", "--all")
        self.assertFalse(os.path.exists(folder))
        self.assertTrue(os.path.isdir(target))

    def test_a_store_moves_with_what_lies_behind_a_link(self):
        data = safetensors("mv", 300_000)
        target = self.lead("ComfyUI/models/loras")
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras")])
        self.pull()
        new = os.path.join(self.machine.home, "new")
        self.run_ok("mv", "-y", "comfyui", new)
        self.assertEqual(self.read(os.path.join(new, "models/loras/style.safetensors")), data)
        self.assertFalse(os.path.exists(os.path.join(target, "style.safetensors")))
        self.run_ok("verify")

    def test_ollama(self):
        for links in (["blobs"], ["manifests"], ["blobs", "manifests"]):
            with self.subTest(links=links):
                self.doCleanups()
                self.setUp()
                self.ollama(links)

    def ollama(self, links):
        weights = gguf("tiny", 2_000_000)
        real = {link: self.lead(".ollama/models/" + link) for link in links}
        self.hub.ollama("library/tiny", [("model", weights), ("license", b"MIT")])
        self.pull("ollama:tiny")
        blob = self.at(".ollama/models/blobs", "sha256-" + sha256(weights))
        self.assertEqual(self.read(blob), weights)
        if "blobs" in real:
            self.assertTrue(os.path.exists(os.path.join(real["blobs"], "sha256-" + sha256(weights))))
        self.run_ok("verify")
        damage(blob)
        self.assertEqual(self.machine.run("verify").returncode, 4)
        self.run_ok("verify", "--repair")
        self.assertEqual(self.read(blob), weights)
        survey = self.document("verify", "--store", "ollama")["data"]
        self.assertEqual({f["state"] for f in survey["files"]}, {"ok"}, survey)
        os.remove(self.machine.store("models.json"))
        self.document("adopt")
        self.assertEqual({f["store"] for f in next(iter(self.entries().values()))["files"]}, {"ollama"})
        self.run_ok("verify")
        self.write(self.at(".ollama/models/blobs", "sha256-" + "0" * 64), b"orphan")
        gone = self.document("gc", "-y", "--min-age", "0")["data"]
        self.assertEqual([f["path"] for f in gone["files"] if f["state"] == "removed"],
                         [self.at(".ollama/models/blobs", "sha256-" + "0" * 64)], gone)
        self.assertEqual(self.document("df")["data"]["failures"], [])
        twin = self.write("training/models/twin.gguf", weights)
        self.document("link")
        self.assertEqual(os.stat(twin).st_ino, os.stat(blob).st_ino)
        self.run_ok("rm", "-y", "--force", *self.installed())
        self.assertFalse(os.path.exists(blob))
        for link in links:
            self.assertTrue(os.path.islink(self.at(".ollama/models", link)))

    def test_bytes_behind_a_link_are_found_by_a_pull(self):
        data = safetensors("there", 2_000_000)
        self.write(os.path.join(self.lead("ComfyUI/models/loras"), "there.safetensors"), data)
        self.machine.manifest([self.wanted("other.safetensors", data, "training")])
        self.hub.forget()
        self.pull()
        self.assertEqual(self.hub.asked("/files/other.safetensors"), [])
        self.assertEqual(self.read(self.at("training/models/other.safetensors")), data)


@as_root
class OtherDiskTest(LinksCase):
    """The link leads to another file system: bytes are staged in the store, and the plan counts both disks."""

    def on_two_disks(self, size, *arguments):
        """With a file system of so many MB behind models/loras."""
        target = self.lead("ComfyUI/models/loras", self.disk)
        return self.run_with_mounts(f"mount -t tmpfs -o size={size}m none {target}", *arguments)

    def test_what_does_not_fit_there_is_told_before(self):
        data = safetensors("big", 3_000_000)
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras")])
        result = self.on_two_disks(2, "pull", "-y")
        self.assertEqual(result.returncode, 9, result.stderr)
        self.assertEqual(self.hub.asked("/files/style.safetensors"), [])

    def test_what_fits_is_placed(self):
        data = safetensors("big", 3_000_000)
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras")])
        result = self.on_two_disks(8, "pull", "-y", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        document = json.loads(result.stdout)["data"]
        self.assertEqual([d["needed"] for d in document["plan"]["disks"]], [len(data)] * 2)
        self.assertEqual(self.entries()["style"]["files"][0]["sha256"], sha256(data))


class SharedTest(LinksCase):
    """Two ways lead to one folder."""

    def check_one(self, path):
        self.assertEqual(len(self.document("adopt")["data"]["models"]), 1)
        self.assertEqual({m["verdict"] for m in self.document("adopt")["data"]["models"]}, {"known"})
        self.assertNotIn("share", self.run_ok("link").out)
        self.run_ok("rm", "-y", "--force", *self.installed())
        self.assertFalse(os.path.exists(path))

    def test_links_of_two_stores(self):
        target = self.lead("ComfyUI/models/loras", self.disk)
        self.lead("stable-diffusion-webui/models/Lora", self.disk)
        self.check_one(self.write(os.path.join(target, "x.safetensors"), safetensors("x", 2_000_000)))

    def test_a_pull_into_both(self):
        data = safetensors("x", 300_000)
        self.lead("ComfyUI/models/loras", self.disk)
        self.lead("stable-diffusion-webui/models/Lora", self.disk)
        model = self.wanted("x.safetensors", data, "comfyui", "loras")
        model["files"][0]["to"].append({"store": "a1111", "folder": "loras", "name": "x.safetensors"})
        self.machine.manifest([model])
        self.pull()
        self.assertEqual(os.listdir(self.disk), ["x.safetensors"])
        self.run_ok("verify")
        self.run_ok("rm", "-y", "x")
        self.assertEqual(os.listdir(self.disk), [])

    @as_root
    def test_a_second_mount(self):
        path = self.write("ComfyUI/models/loras/x.safetensors", safetensors("x", 2_000_000))
        second = self.at("stable-diffusion-webui/models/Lora")
        os.makedirs(second)
        result = self.run_with_mounts(f"mount --bind {os.path.dirname(path)} {second}", "adopt", "--json")
        self.assertEqual(len(json.loads(result.stdout)["data"]["models"]), 1)

    def test_blobs_of_two_ollama_stores(self):
        """What one of them names the other's gc leaves."""
        for store in (".ollama", ".ollama-small"):
            self.lead(store + "/models/blobs", os.path.join(self.disk, "blobs"))
        weights = gguf("tiny", 300_000)
        self.hub.ollama("library/tiny", [("model", weights)])
        self.pull("ollama:tiny", "--to", "ollama-small")
        os.makedirs(self.at(".ollama/models/manifests"))
        os.remove(self.machine.store("models.json"))
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertTrue(os.path.exists(os.path.join(self.disk, "blobs/sha256-" + sha256(weights))))
        self.document("adopt")
        self.run_ok("rm", "-y", "--force", *self.installed())
        self.assertEqual(os.listdir(os.path.join(self.disk, "blobs")), [])


class ReadTest(LinksCase):
    """StabilityMatrix: `loras/{Lora,LyCORIS}` lead to folders elsewhere. They are read, and no more."""

    def setUp(self):
        super().setUp()
        self.target = self.lead("ComfyUI/models/loras/Lora", os.path.join(self.disk, "Lora"))
        self.data = safetensors("mine", 300_000)
        self.real = self.write(os.path.join(self.target, "mine.safetensors"), self.data)

    def sidecar(self, digest):
        self.write(os.path.join(self.target, "mine.cm-info.json"),
                   json.dumps({"ModelId": 7, "VersionId": 9, "Hashes": {"SHA256": digest.upper()}}).encode())

    def test_a_survey_reads_them_with_their_sidecars(self):
        self.sidecar(sha256(self.data))
        told = self.document("verify", "--store", "comfyui")["data"]
        path = self.at("ComfyUI/models/loras/Lora/mine.safetensors")
        self.assertEqual([(f["path"], f["state"]) for f in told["files"]], [(path, "ok")])
        self.sidecar("0" * 64)
        told = self.document("verify", "--store", "comfyui")["data"]
        self.assertEqual([(f["path"], f["state"]) for f in told["files"]], [(path, "differs")])

    def test_they_are_adopted_and_never_deleted(self):
        self.sidecar(sha256(self.data))
        adopted = self.document("adopt")["data"]["models"]
        self.assertEqual([m["verdict"] for m in adopted], ["new"])
        self.assertIn("civitai", json.dumps(adopted))
        self.run_ok("verify")
        self.assertEqual({m["verdict"] for m in self.document("adopt")["data"]["models"]}, {"known"})
        self.run_ok("gc", "-y", "--min-age", "0")
        removed = self.machine.run("rm", "-y", "--force", *self.installed())
        self.assertEqual(removed.returncode, 0, removed.err)
        self.assertEqual((self.installed(), self.read(self.real)), (set(), self.data))

    def test_nothing_is_repaired_or_linked_through_them(self):
        self.document("adopt")
        damage(self.real)
        broken = self.read(self.real)
        self.machine.run("verify", "--repair")
        self.machine.run("verify", "--store", "comfyui", "--repair", "-y")
        self.assertEqual(self.read(self.real), broken)
        self.write("training/models/mine.safetensors", broken)
        inode = os.stat(self.real).st_ino
        self.machine.run("link")
        self.assertEqual((os.stat(self.real).st_ino, os.stat(self.real).st_nlink), (inode, 1))

    @as_root
    def test_blobs_that_others_could_have_chosen_are_not_read(self):
        self.hub.ollama("library/tiny", [("model", gguf("t", 100_000))])
        self.pull("ollama:tiny")
        store = self.at(".ollama/models")
        os.rename(os.path.join(store, "blobs"), os.path.join(self.disk, "blobs"))
        os.symlink(os.path.join(self.disk, "blobs"), os.path.join(store, "blobs"))
        self.assertEqual({f["state"] for f in self.document("verify", "--store", "ollama")["data"]["files"]}, {"ok"})
        os.chown(os.path.join(self.disk, "blobs"), NOBODY, NOBODY)
        told = json.loads(self.machine.run("verify", "--store", "ollama", "--json").out)["data"]["files"]
        self.assertNotIn("ok", {f["state"] for f in told if "/blobs/" in f["path"]})
        self.assertIn("not followed", json.dumps(told))

    def test_a_loop_ends_and_what_was_seen_is_not_seen_again(self):
        own = self.write("ComfyUI/models/loras/own.safetensors", safetensors("own", 1000))
        for name, target in (("again", self.target), ("up", self.at("ComfyUI/models")), ("self", self.at("ComfyUI/models/loras")),
                             ("Lora/back", self.at("ComfyUI/models/loras"))):
            os.symlink(target, self.at("ComfyUI/models/loras", name))
        os.symlink("round", self.at("ComfyUI/models/loras/round"))
        told = self.document("verify", "--store", "comfyui")["data"]["files"]
        self.assertEqual(sorted(os.path.realpath(f["path"]) for f in told), sorted([own, self.real]))
        self.assertEqual(len(self.document("adopt")["data"]["models"]), 2)

    @as_root
    def test_what_others_could_have_chosen_is_not_read(self):
        for number, attack in enumerate((lambda link, target: os.lchown(link, NOBODY, NOBODY),
                                         lambda link, target: os.chown(target, NOBODY, NOBODY))):
            for place in ("models/loras/x", "models/vae"):
                link = f"ComfyUI/{place}"
                target = self.lead(link, os.path.join(self.disk, f"{number}-{os.path.basename(place)}"))
                self.write(os.path.join(target, "secret.safetensors"), safetensors("secret", 1000))
                attack(self.at(link), target)
                for arguments in (["verify", "--store", "comfyui"], ["adopt"]):
                    told = self.machine.run(*arguments, "--json")
                    self.assertNotIn("secret", told.out)
                    self.assertIn("not followed", told.out)
                os.unlink(self.at(link))


class RefusedTest(LinksCase):
    def refuse(self, *words, code=11):
        """The plan says so, no byte of the file is asked for, and --force changes nothing."""
        plan = self.machine.run("plan", "--exit-code")
        for word in words:
            self.assertIn(word, plan.out + plan.err)
        self.hub.forget()
        for more in ([], ["--force"]):
            pulled = self.machine.run("pull", "-y", *more)
            self.assertEqual(pulled.returncode, code, pulled.err)
            for word in words:
                self.assertIn(word, pulled.err)
            self.assertNotIn("other bytes", pulled.err)
        self.assertEqual(self.hub.asked("/files/style.safetensors"), [])

    def test_a_link_below_a_layouts_folder(self):
        data = safetensors("s", 100_000)
        for below, link in (("mine/", "models/loras/mine"), ("a/mine/b/", "models/loras/a/mine")):
            target = self.lead("ComfyUI/" + link)
            self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras", below)])
            self.refuse("link", self.at("ComfyUI", link), "written through")
            self.assertEqual(os.listdir(target), [])

    def test_what_lies_behind_it_already(self):
        """Also if it is the very file."""
        data = safetensors("s", 100_000)
        target = self.lead("ComfyUI/models/loras/mine")
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras", "mine/")])
        self.write(os.path.join(target, "style.safetensors"), data)
        self.refuse("written through")
        self.assertEqual(self.read(os.path.join(target, "style.safetensors")), data)

    def test_a_store_without_folders(self):
        self.lead("training/models/mine")
        self.machine.manifest([self.wanted("style.safetensors", b"x" * 1000, "training", below="mine/")])
        self.refuse("written through")

    @as_root
    def test_a_link_of_another_and_into_anothers_folder(self):
        data = safetensors("s", 100_000)
        target = self.lead("ComfyUI/models/loras")
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras")])
        link = self.at("ComfyUI/models/loras")
        os.lchown(link, NOBODY, NOBODY)
        self.refuse("written through", link)
        os.lchown(link, 0, 0)
        os.chown(target, NOBODY, NOBODY)
        self.refuse("written through", link)
        self.assertEqual(os.listdir(target), [])
        # of the store's owner both may be
        os.chown(self.at("ComfyUI"), NOBODY, NOBODY)
        os.lchown(link, NOBODY, NOBODY)
        self.pull()
        self.assertEqual(os.listdir(target), ["style.safetensors"])

    @as_root
    def test_the_owner_leads_root_nowhere_where_he_could_not_write(self):
        """His link to a folder of root's: nothing is written there, and nothing of it read or deleted."""
        data = safetensors("s", 100_000)
        target = self.lead("ComfyUI/models/loras")
        secret = self.write(os.path.join(target, "secret.safetensors"), safetensors("secret", 1000))
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras")])
        for path in ("ComfyUI", "ComfyUI/models", "ComfyUI/models/loras"):
            os.lchown(self.at(path), NOBODY, NOBODY)
        self.refuse("written through", self.at("ComfyUI/models/loras"))
        for arguments in (["verify", "--store", "comfyui"], ["adopt"]):
            told = self.machine.run(*arguments, "--json")
            self.assertNotIn("secret", told.out)
            self.assertIn("not followed", told.out)
        self.assertEqual(os.listdir(target), [os.path.basename(secret)])
        os.chmod(target, 0o777)
        self.pull()
        self.assertIn("style.safetensors", os.listdir(target))

    @as_root
    def test_a_store_s_folder_is_no_link_to_where_its_maker_could_not_write(self):
        data = safetensors("s", 100_000)
        self.machine.manifest([self.wanted("style.safetensors", data, "comfyui", "loras")])
        target = self.lead("ComfyUI")
        secret = self.write(os.path.join(target, "models/loras/secret.safetensors"), safetensors("secret", 1000))
        os.lchown(self.at("ComfyUI"), NOBODY, NOBODY)
        for arguments in (["pull", "-y"], ["pull", "-y", "--force"]):
            told = self.machine.run(*arguments)
            self.assertEqual(told.returncode, 1, told.err)
            self.assertIn(self.at("ComfyUI") + " is a link", told.err)
        self.assertNotIn("secret", self.machine.run("verify", "--store", "comfyui", "--json").out)
        self.assertEqual(os.listdir(os.path.dirname(secret)), ["secret.safetensors"])
        self.assertEqual(os.listdir(target), ["models"])
        os.chown(target, NOBODY, NOBODY)
        os.chown(os.path.join(target, "models/loras"), NOBODY, NOBODY)
        self.pull()

    @as_root
    def test_gc_takes_no_blobs_of_roots_behind_the_owners_link(self):
        target = self.lead(".ollama/models/blobs")
        blob = self.write(os.path.join(target, "sha256-" + sha256(b"x")), b"x")
        os.makedirs(self.at(".ollama/models/manifests"), exist_ok=True)
        for path in (".ollama", ".ollama/models", ".ollama/models/manifests", ".ollama/models/blobs"):
            os.lchown(self.at(path), NOBODY, NOBODY)
        self.machine.run("gc", "-y", "--min-age", "0", "--all")
        self.machine.run("gc", "-y", "--min-age", "0")
        self.assertEqual(self.read(blob), b"x")

    @as_root
    def test_ollamas_folders_of_another(self):
        self.hub.ollama("library/tiny", [("model", gguf("t", 100_000))])
        for folder in ("blobs", "manifests"):
            target = self.lead(".ollama/models/" + folder)
            os.chown(target, OTHER, OTHER)
            pulled = self.machine.run("pull", "-y", "ollama:tiny")
            self.assertNotEqual(pulled.returncode, 0)
            self.assertIn(self.at(".ollama/models", folder), pulled.err)
            self.assertIn("link", pulled.err)
            self.assertEqual(os.listdir(target), [])
            os.unlink(self.at(".ollama/models", folder))

    def test_a_disk_that_is_not_there(self):
        """A link in the place of a layout's folder that leads to nothing just now."""
        target = self.lead("ComfyUI/models/loras")
        os.rmdir(target)
        self.machine.manifest([self.wanted("style.safetensors", safetensors("s", 1000), "comfyui", "loras")])
        self.refuse("leads to nothing", self.at("ComfyUI/models/loras"), code=1)


if __name__ == "__main__":
    unittest.main()
