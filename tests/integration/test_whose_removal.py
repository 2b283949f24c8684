"""rm, gc and df take what is ours, and nothing of what is somebody else's or not known."""
import fcntl
import json
import os
import signal
import sys
import time
import unittest

from harness import SOURCE, gguf, safetensors
from hub import sha256
from test_upkeep import UpkeepCase

sys.path.insert(0, os.path.join(SOURCE, "tests", "crash"))
from record import preload  # noqa: E402

NOBODY = 65534
COMMIT = "a" * 40
as_root = unittest.skipUnless(os.geteuid() == 0, "needs the files of other users")


class WhoseCase(UpkeepCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.machine.home, 0o755)

    def elsewhere(self, name, data=b"content"):
        """On another disk, as it were: outside every store."""
        return self.write(os.path.join(self.machine.home, "disk2", name), data)

    def comfy(self, *parts):
        return os.path.join(self.machine.root, "ComfyUI", *parts)

    def hub_cache(self, *parts):
        return os.path.join(self.machine.root, ".cache/huggingface/hub", *parts)

    def entry(self, path, store, **more):
        """A file as models.json has it."""
        status = os.stat(path)
        with open(path, "rb") as file:
            digest = sha256(file.read())
        return {"path": path, "store": store, "role": "weights", "size": status.st_size, "sha256": digest,
                "mtime_ns": status.st_mtime_ns, **more}

    def register(self, name, *files, **more):
        path = self.machine.store("models.json")
        model = {"id": name, "name": name, "type": "llm", "file_path": files[0]["path"], "files": list(files), **more}
        document = {"schema_version": 1, "models": []}
        if os.path.exists(path):
            with open(path) as file:
                document = json.load(file)
        document["models"].append(model)
        self.write(path, json.dumps(document).encode())

    def note(self, *files, kind="file", store="comfyui", name="removing-0123456789abcdef"):
        """As a removal that was killed leaves it."""
        described = [{"path": path, "kind": kind, "store": store, "size": os.lstat(path).st_size,
                      "mtime_ns": os.lstat(path).st_mtime_ns} for path in files]
        path = self.machine.store(".ncmodel", name)
        self.write(path, json.dumps({"ncmodel_removal": 1, "models": ["x"], "files": described}).encode())
        os.chmod(path, 0o600)
        return path

    def removed(self, data):
        return {file["path"] for file in data["files"] if file["state"] == "removed"}

    def told(self, data, path):
        return next(file for file in data["files"] if file["path"] == path)


class LinkTest(WhoseCase):
    def test_an_adopted_link_goes_and_not_what_it_leads_to(self):
        weights = self.elsewhere("vae.safetensors", safetensors("vae", 200_000))
        os.makedirs(self.comfy("models/vae"))
        os.symlink(weights, self.comfy("models/vae/v.safetensors"))
        self.run_ok("adopt")
        name = self.installed().pop()
        plan = self.run_ok("rm", "-n", name)
        self.assertIn(weights, plan.out)
        self.run_ok("rm", "-y", name)
        self.assertTrue(os.path.exists(weights))
        self.assertEqual(self.installed(), set())

    def test_what_was_registered_as_a_link_is_the_link(self):
        weights, link = self.elsewhere("w.safetensors"), self.comfy("models/vae/v.safetensors")
        os.makedirs(os.path.dirname(link))
        os.symlink(weights, link)
        self.register("v", self.entry(link, "comfyui", origin="adopted", target=weights))
        plan = self.run_ok("rm", "-n", "v")
        self.assertIn("the link alone, not " + weights, plan.out)
        data = self.document("rm", "-y", "v")["data"]
        self.assertEqual(self.removed(data), {link})
        self.assertEqual(self.told(data, link)["target"], weights)
        self.assertTrue(os.path.exists(weights) and not os.path.lexists(link))

    def test_its_target_goes_with_it_if_it_is_registered_itself(self):
        real, link = self.comfy("models/loras/w.safetensors"), self.comfy("models/vae/v.safetensors")
        self.write(real)
        os.makedirs(os.path.dirname(link))
        os.symlink(real, link)
        self.register("v", self.entry(link, "comfyui", origin="adopted", target=real), self.entry(real, "comfyui"))
        self.assertNotIn("the link alone", self.run_ok("rm", "-n", "v").out)
        self.run_ok("rm", "-y", "v")
        self.assertFalse(os.path.lexists(link) or os.path.exists(real))

    def test_a_link_that_was_turned_elsewhere_stays(self):
        weights, other = self.elsewhere("w.safetensors"), self.elsewhere("o.safetensors", b"other")
        link = self.comfy("models/vae/v.safetensors")
        os.makedirs(os.path.dirname(link))
        os.symlink(weights, link)
        self.register("v", self.entry(link, "comfyui", origin="adopted", target=weights))
        os.unlink(link)
        os.symlink(other, link)
        data = self.document("rm", "-y", "v")["data"]
        self.assertIn("leads elsewhere", self.told(data, link)["why"])
        self.assertTrue(os.path.islink(link))

    def test_a_file_in_the_place_of_a_link_stays(self):
        weights, link = self.elsewhere("w.safetensors"), self.comfy("models/vae/v.safetensors")
        os.makedirs(os.path.dirname(link))
        os.symlink(weights, link)
        self.register("v", self.entry(link, "comfyui", origin="adopted", target=weights))
        os.unlink(link)
        self.write(link)
        os.utime(link, ns=(os.stat(weights).st_mtime_ns,) * 2)
        self.run_ok("rm", "-y", "v")
        self.assertTrue(os.path.exists(link))

    def test_a_folder_of_the_layout_on_another_disk_is_part_of_the_store(self):
        weights = self.elsewhere("vae/v.safetensors")
        os.makedirs(self.comfy("models"))
        os.symlink(os.path.dirname(weights), self.comfy("models/vae"))
        registered = self.comfy("models/vae/v.safetensors")
        self.register("v", self.entry(registered, "comfyui"), source="https://h.example/v")
        self.assertIn("outside the store, at " + weights, self.run_ok("rm", "-n", "v").out)
        data = self.document("rm", "-y", "v")["data"]
        self.assertEqual(self.removed(data), {registered})
        self.assertFalse(os.path.exists(weights))
        self.assertTrue(os.path.islink(self.comfy("models/vae")) and os.path.isdir(os.path.dirname(weights)))

    @as_root
    def test_a_folder_link_of_somebody_else_is_not(self):
        for number, make in enumerate((lambda link: os.lchown(link, NOBODY, NOBODY), None)):
            weights = self.elsewhere(f"{number}/v.safetensors")
            folder = ("models/vae", "models/loras/mine")[number]  # the second is below a layout's folder
            os.makedirs(os.path.dirname(self.comfy(folder)), exist_ok=True)
            os.symlink(os.path.dirname(weights), self.comfy(folder))
            if make:
                make(self.comfy(folder))
            registered = self.comfy(folder, "v.safetensors")
            self.register(f"v{number}", self.entry(registered, "comfyui"))
            data = self.document("rm", "-y", f"v{number}")["data"]
            self.assertIn("through a link", self.told(data, registered)["why"])
            self.assertTrue(os.path.exists(weights))


class OutsideTest(WhoseCase):
    def test_nothing_outside_the_stores_goes(self):
        path = self.elsewhere("mine.gguf", gguf("mine", 1000))
        self.register("mine", self.entry(path, None))
        out, code = self.answer(b"n\n", "rm", "mine")
        self.assertIn("outside every store", out.replace("\r\n", " "))
        self.assertEqual(code, 0)
        data = self.document("rm", "-y", "mine")["data"]
        self.assertEqual((self.told(data, path)["state"], data["removed"]), ("kept", 0))
        self.assertIn("outside every store", self.told(data, path)["why"])
        self.assertTrue(os.path.exists(path))
        self.assertEqual(self.installed(), set())

    def test_a_note_takes_nothing_there(self):
        victim = self.elsewhere("victim")
        self.note(victim, store=None)
        self.run_ok("gc", "-y")
        self.assertTrue(os.path.exists(victim))

    def test_our_own_files_are_no_models(self):
        own = self.write(self.comfy(".ncmodel/replaced/20260101T000000Z/models/vae/x"))
        self.register("x", self.entry(own, "comfyui"))
        self.run_ok("rm", "-y", "x")
        self.assertTrue(os.path.exists(own))


@as_root
class ClaimTest(WhoseCase):
    """Root runs it, and others may write where it reads."""

    def test_a_forged_note_deletes_nothing(self):
        os.makedirs(self.machine.store(".ncmodel"))
        os.chown(self.machine.store(), NOBODY, NOBODY)
        os.chown(self.machine.store(".ncmodel"), NOBODY, NOBODY)
        victim = self.write(self.comfy("models/vae/root's"))
        os.chown(self.note(victim), NOBODY, NOBODY)
        result = self.run_ok("gc", "-y")
        self.assertTrue(os.path.exists(victim))
        self.assertIn("not believed", result.err)

    def test_a_note_of_what_its_owner_could_remove_is_believed(self):
        os.makedirs(self.machine.store(".ncmodel"))
        for own in ("file", "folder"):
            path = self.write(self.comfy("models/vae", own, "x"))
            os.chown(path if own == "file" else os.path.dirname(path), NOBODY, NOBODY)
            note = self.note(path)
            os.chown(note, NOBODY, NOBODY)
            self.run_ok("gc", "-y")
            self.assertFalse(os.path.exists(path) or os.path.exists(note), own)

    def test_the_group_may_write_the_folder(self):
        import grp
        import pwd
        try:
            user, group = pwd.getpwnam("daemon"), grp.getgrnam("daemon")
        except KeyError:
            self.skipTest("no user to try it with")
        for mode, gone in ((0o2770, True), (0o1770, False), (0o750, False)):
            path = self.write(self.comfy(f"models/vae/{mode}/x"))
            os.chown(os.path.dirname(path), 0, group.gr_gid)
            os.chmod(os.path.dirname(path), mode)
            note = self.note(path, name=f"removing-{mode:016x}")
            os.chown(note, user.pw_uid, 0)
            self.run_ok("gc", "-y")
            self.assertEqual(os.path.exists(path), not gone, oct(mode))
            self.assertEqual(os.path.exists(note), not gone, oct(mode))

    def test_a_note_is_the_word_of_its_folders_owner_too(self):
        """He can give that name to any file that root made there."""
        victim = self.write(self.comfy("models/vae/x"))
        note = self.note(victim)
        for folder in (self.machine.store(".ncmodel"), self.machine.store()):
            os.chown(folder, NOBODY, NOBODY)
            self.run_ok("gc", "-y")
            self.assertTrue(os.path.exists(victim), folder)
            os.chown(folder, 0, 0)
        self.run_ok("gc", "-y")
        self.assertFalse(os.path.exists(victim) or os.path.exists(note))

    def test_a_note_that_others_may_write_is_none(self):
        victim = self.write(self.comfy("models/vae/x"))
        note = self.note(victim)
        os.chmod(note, 0o660)
        self.run_ok("gc", "-y")
        self.assertTrue(os.path.exists(victim))
        os.chmod(note, 0o600)
        os.link(note, self.machine.store("another"))
        self.run_ok("gc", "-y")
        self.assertTrue(os.path.exists(victim))
        os.unlink(self.machine.store("another"))
        os.chmod(self.machine.store(), 0o777)
        self.run_ok("gc", "-y")
        self.assertTrue(os.path.exists(victim))
        os.chmod(self.machine.store(), 0o755)
        self.run_ok("gc", "-y")
        self.assertFalse(os.path.exists(victim))

    def test_a_forged_path_in_models_json_deletes_nothing(self):
        victim = self.write(self.comfy("models/vae/root's"))
        own = self.write(self.machine.store("own.gguf"))
        self.register("x", self.entry(victim, "comfyui"), self.entry(own, "llama-cpp"))
        os.chown(self.machine.store("models.json"), NOBODY, NOBODY)
        os.chown(self.machine.store(), NOBODY, NOBODY)
        data = self.document("rm", "-y", "x")["data"]
        self.assertEqual(self.removed(data), {own})
        self.assertIn("not believed", self.told(data, victim)["why"])
        self.assertTrue(os.path.exists(victim))

    def test_a_root_s_pull_does_not_make_it_true(self):
        """models.json is root's then, and keeps what others put there."""
        victim = self.write(self.comfy("models/vae/root's"))
        self.register("x", self.entry(victim, "comfyui"))
        os.chown(self.machine.store(), NOBODY, NOBODY)
        self.run_ok("rm", "-y", "x")
        self.assertTrue(os.path.exists(victim))

    def test_what_anybody_may_write_is_not_believed(self):
        for number, path in enumerate(("", "models.json")):
            victim = self.write(self.comfy("models/vae", str(number)))
            self.register(f"x{number}", self.entry(victim, "comfyui"))
            os.chmod(self.machine.store(path), 0o777)
            self.run_ok("rm", "-y", f"x{number}")
            os.chmod(self.machine.store(path), 0o755)
            self.assertTrue(os.path.exists(victim))


class CacheTest(WhoseCase):
    def setUp(self):
        super().setUp()
        self.blob = self.write(self.hub_cache("models--o--m/blobs", "b" * 64))
        self.link = self.hub_cache("models--o--m/snapshots", COMMIT, "w.gguf")
        self.write(self.hub_cache("models--o--m/refs/main"), COMMIT.encode())
        os.makedirs(os.path.dirname(self.link))
        os.symlink(self.blob, self.link)
        self.orphan = self.write(self.hub_cache("models--o--m/blobs", "c" * 64))

    def move_away(self, name):
        """Puts it on another disk, and a link in its place."""
        path, away = self.hub_cache("models--o--m", name).rstrip("/"), os.path.join(self.machine.home, "disk2", name.replace("/", "-") or "all")
        os.makedirs(os.path.dirname(away), exist_ok=True)
        os.rename(path, away)
        os.symlink(away, path)

    def test_blobs_stay_where_what_names_them_is_a_link(self):
        for name in ("snapshots", "snapshots/" + COMMIT, "refs", "blobs"):
            with self.subTest(name):
                self.move_away(name)
                result = self.run_ok("gc", "-y", "--min-age", "0")
                self.assertTrue(os.path.exists(self.link) and os.path.exists(self.blob) and os.path.exists(self.orphan))
                self.assertIn(os.path.join("models--o--m", name), result.err)
                path = self.hub_cache("models--o--m", name)
                away = os.readlink(path)
                os.unlink(path)
                os.rename(away, path)
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertTrue(os.path.exists(self.link) and not os.path.exists(self.orphan))

    def test_shared_blobs_stay_where_a_repository_is_a_link(self):
        shared = self.write(self.hub_cache("blobs/dd", "d" * 64))
        self.write(self.hub_cache("blobs/.huggingface-shared-blobs"))
        os.unlink(self.blob)
        os.symlink("../../blobs/dd/" + "d" * 64, self.blob)
        self.move_away("")
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertTrue(os.path.exists(shared))

    def test_rm_does_nothing_where_it_cannot_know(self):
        self.register("m", self.entry(self.link, "hf"))
        self.move_away("refs")
        answer = self.document("rm", "-y", "m", code=1)
        self.assertIn("refs", answer["errors"][0]["message"])
        self.assertTrue(os.path.exists(self.link) and os.path.exists(self.blob))
        self.assertEqual(self.installed(), {"m"})

    @as_root
    def test_an_unreadable_snapshot_keeps_every_blob(self):
        for folder, _, files in os.walk(self.hub_cache()):
            os.chown(folder, NOBODY, NOBODY)
        os.chmod(os.path.dirname(self.link), 0)
        result = self.machine.start("gc", "-y", "--min-age", "0", user=NOBODY, group=NOBODY, extra_groups=[])
        _, err = result.communicate(timeout=60)
        self.assertEqual(result.returncode, 1, err)
        self.assertIn(COMMIT, err)
        self.assertTrue(os.path.exists(self.blob) and os.path.exists(self.orphan))


@as_root
class UnreadTest(WhoseCase):
    def as_nobody(self, *arguments):
        process = self.machine.start(*arguments, user=NOBODY, group=NOBODY, extra_groups=[])
        process.out, process.err = process.communicate(timeout=60)
        self.assertNotIn("Sanitizer", process.err)
        return process

    def test_df_tells_what_it_could_not_count(self):
        self.write(self.comfy("models/vae/v.safetensors"), b"x" * 10_000)
        self.write(self.comfy("models/loras/l.safetensors"), b"x" * 20_000)
        for path, partly in ((self.comfy("models/vae"), True), (self.comfy(), False)):
            os.chmod(path, 0)
            process = self.as_nobody("df", "--json")
            answer = json.loads(process.out)
            self.assertEqual((process.returncode, answer["ok"]), (1, False), process.err)
            self.assertIn(path, answer["errors"][0]["message"])
            store = next(store for store in answer["data"]["stores"] if store["name"] == "comfyui")
            self.assertTrue(store["unread"])
            self.assertEqual(store["bytes"], 20_000 if partly else 0)
            self.assertEqual(self.as_nobody("df").returncode, 1)
            self.assertEqual(self.as_nobody("gc", "-y").returncode, 1)
            os.chmod(path, 0o755)
        self.assertEqual(self.as_nobody("df").returncode, 0)

    def test_a_store_on_a_disk_that_is_not_there(self):
        os.makedirs(os.path.dirname(self.comfy()), exist_ok=True)
        os.symlink(os.path.join(self.machine.home, "disk2"), self.comfy())
        self.assertIn(self.comfy(), self.document("df", code=1)["errors"][0]["message"])

    def test_what_may_be_used_stays(self):
        """Nobody sees where a registered path leads."""
        file = self.write(self.comfy("models/vae/v.safetensors"))
        for folder in (self.comfy(), self.comfy("models"), self.comfy("models/vae"), self.machine.store()):
            os.makedirs(folder, exist_ok=True)
            os.chown(folder, NOBODY, NOBODY)
        hidden = self.write(os.path.join(self.machine.root, "whisper.cpp/models/hidden/w.gguf"))
        self.register("v", self.entry(file, "comfyui"))
        self.register("w", self.entry(hidden, "whisper-cpp"))
        os.chown(self.machine.store("models.json"), NOBODY, NOBODY)
        os.chmod(os.path.dirname(hidden), 0)
        process = self.as_nobody("rm", "-y", "v")
        self.assertTrue(os.path.exists(file), process.out + process.err)
        self.assertIn(hidden, process.out)


class SyncTest(WhoseCase):
    """A disk that fails while a removal is under way."""

    def failing(self, folder, *arguments):
        module = os.environ["NCM_SYNC_FAULT"]
        from harness import BINARY
        return self.machine.run(*arguments, env={"LD_PRELOAD": preload(BINARY, module), "NCM_FAIL_SYNC": folder})

    def setUp(self):
        super().setUp()
        self.machine.manifest([{**self.machine.simple("one.gguf", gguf("one", 100_000)), "id": "one"}])
        self.pull()

    def test_gc_ends_what_rm_began(self):
        result = self.failing(self.machine.store(), "rm", "-y", "one")
        self.assertEqual(result.returncode, 1, result.err)
        self.assertNotEqual(result.err, "")
        if "one" in self.installed():
            self.run_ok("rm", "-y", "one")
        else:
            self.run_ok("gc", "-y")
        self.assertEqual(self.installed(), set())
        self.assertFalse(os.path.exists(self.machine.store("one.gguf")))
        self.assertIn("Nothing to remove", self.run_ok("gc", "-y").out)

    def test_what_is_not_durable_is_told(self):
        file = self.write(self.comfy("models/vae/v.safetensors"))
        self.register("v", self.entry(file, "comfyui"))
        result = self.failing(os.path.dirname(file), "rm", "-y", "v")
        self.assertEqual(result.returncode, 1, result.out)
        self.assertIn("may come back", result.err)
        self.assertFalse(os.path.exists(file))
        self.write(file)  # as after a crash, but with another time: it is not known
        self.run_ok("gc", "-y")
        self.assertTrue(os.path.exists(file))

    def test_nothing_goes_while_models_json_may_come_back(self):
        file = self.write(self.comfy("models/vae/v.safetensors"))
        self.note(file)
        self.assertEqual(self.failing(self.machine.store(), "gc", "-y").returncode, 1)
        self.assertTrue(os.path.exists(file))
        self.run_ok("gc", "-y")
        self.assertFalse(os.path.exists(file))


class ReplacedTest(WhoseCase):
    def setUp(self):
        super().setUp()
        self.old = self.write(self.comfy(".ncmodel/replaced/20260102T030405Z/models/vae/v.safetensors"), b"x" * 5000)
        self.cached = self.write(self.hub_cache(".locks/.ncmodel/replaced/20260102T030405Z/models--o--m/blobs", "a" * 64))
        self.second = self.write(self.comfy(".ncmodel/replaced/20260102T030405Z-2/models/vae/v.safetensors"))
        self.stray = self.write(self.comfy(".ncmodel/replaced/notes.txt"))

    def test_it_goes_by_its_own_command_alone(self):
        self.run_ok("gc", "-y", "--min-age", "0", "--all")
        self.assertTrue(os.path.exists(self.old))
        self.assertGreater(self.document("df")["data"]["replaced"], 5000)
        self.assertIn("gc --replaced", self.run_ok("df").out)
        self.run_ok("gc", "--replaced", code=2)
        out, code = self.answer(b"n\n", "gc", "--replaced")
        self.assertEqual(code, 0, out)
        flat = " ".join(out.split())
        self.assertIn("was " + self.comfy("models/vae/v.safetensors") + " until 2026-01-02T03:04:05Z", flat)
        self.assertIn("a" * 64, flat)
        self.assertTrue(os.path.exists(self.old))
        data = self.document("gc", "--replaced", "-y")["data"]
        self.assertEqual(self.removed(data), {self.old, self.second, self.cached})
        self.assertEqual({file["kind"] for file in data["files"]}, {"replaced"})
        self.assertFalse(os.path.exists(self.comfy(".ncmodel/replaced/20260102T030405Z")))
        self.assertTrue(os.path.exists(self.stray))
        self.assertIn("Nothing to remove", self.run_ok("gc", "--replaced").out)

    def test_it_takes_nothing_else(self):
        orphan = self.write(self.ollama_store("blobs", "sha256-" + "e" * 64))
        self.run_ok("gc", "--replaced", "-y")
        self.assertTrue(os.path.exists(orphan))
        self.run_ok("gc", "--replaced", "--all", "-y", code=2)


class OwnersTest(WhoseCase):
    def test_what_was_adopted_is_named_in_the_question(self):
        mine, theirs = (self.write(self.comfy("models/loras", name)) for name in ("mine.safetensors", "t.safetensors"))
        ours = self.write(self.comfy("models/loras/ours.safetensors"))
        self.register("m", self.entry(mine, "comfyui", origin="adopted"),
                      self.entry(theirs, "comfyui", origin="adopted", source="hf:o/m/t.safetensors@" + COMMIT),
                      self.entry(ours, "comfyui", origin="fetched", source="https://h.example/ours.safetensors"))
        out, _ = self.answer(b"n\n", "rm", "m")
        flat = " ".join(out.split())
        self.assertIn(mine + ": adopted; no source can bring it back", flat)
        self.assertIn(theirs + ": adopted", flat)
        self.assertNotIn(theirs + ": adopted; no", flat)
        self.assertNotIn(ours, flat)
        data = self.document("rm", "-y", "m")["data"]
        self.assertEqual([(self.told(data, path)["adopted"], self.told(data, path)["lost"])
                          for path in (mine, theirs, ours)], [(True, True), (True, False), (False, False)])
        self.assertEqual(self.removed(data), {mine, theirs, ours})

    def test_an_older_entry_tells_by_its_model(self):
        with_source, without = (self.write(self.comfy("models/loras", name)) for name in ("a", "b"))
        self.register("a", self.entry(with_source, "comfyui"), source="https://h.example/a")
        self.register("b", self.entry(without, "comfyui"))
        data = self.document("rm", "-n", "a", "b")["data"]
        self.assertEqual([self.told(data, path)["lost"] for path in (with_source, without)], [False, True])


class BeingWrittenTest(WhoseCase):
    """What another process writes just now is no leftover, however young a leftover may be."""

    def test_what_replaces_models_json_and_the_lock_file(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 30_000))])
        self.pull()
        for name, lock in (("models.json", "registry.lock"), ("ncmodel.lock", "lock-file.lock")):
            with self.subTest(name):
                written = self.write(self.machine.store(f".{name}.0123456789abcdef.tmp"))
                with open(self.machine.store(".ncmodel", lock), "a") as held:
                    fcntl.flock(held, fcntl.LOCK_EX)
                    self.run_ok("gc", "-y", "--min-age", "0", "--all")
                    self.assertTrue(os.path.exists(written), "its writer holds the lock")
                self.run_ok("gc", "-y", "--min-age", "0", "--all")
                self.assertFalse(os.path.exists(written), "nobody writes it")


class PartialTest(WhoseCase):
    def test_a_partial_that_is_wanted_stays_whatever_stands_in_for_its_place(self):
        """A mirror is where it is fetched from, not what it is of."""
        m = self.machine
        data = gguf("large", 8_000_000)
        m.manifest([m.simple("large.gguf", data, pinned=False)])
        self.hub.url("/mirror/large.gguf", data)
        self.hub.rate = 2_000_000
        base = self.hub.service.url
        os.makedirs(os.path.join(m.home, ".config/ncmodel"), exist_ok=True)
        with open(os.path.join(m.home, ".config/ncmodel/config.json"), "w") as out:
            json.dump({"mirrors": {base + "/files/": base + "/mirror/"}}, out)
        process = m.start("pull", "-y")
        partial = self.wait_for_partial(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertTrue(any(request["path"].startswith("/mirror/") for request in self.hub.requests))
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertTrue(os.path.exists(partial))
        self.hub.rate = None
        self.run_ok("pull", "-y")
        self.assertFalse(os.path.exists(partial))

    def wait_for_partial(self, process):
        staging = self.machine.store(".ncmodel/staging")
        while process.poll() is None:
            for name in os.listdir(staging) if os.path.isdir(staging) else []:
                journal = os.path.join(staging, name + ".journal")
                if name.endswith(".part") and os.path.exists(journal) and os.path.getsize(journal) > 200:
                    return os.path.join(staging, name)
            time.sleep(0.02)
        self.fail("it ended too early: " + "".join(process.communicate()))


if __name__ == "__main__":
    unittest.main()
