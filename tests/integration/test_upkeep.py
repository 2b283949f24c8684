"""rm, gc and df over the real binary: what is asked, what goes, what is told of it."""
import calendar
import json
import os
import signal
import time
import unittest

from harness import Case, gguf
from hub import sha256


def on_disk(root):
    """Bytes that everything below the root takes, each inode once; our own locks, notes and checkpoints aside."""
    seen = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".ncmodel"]
        for name in files:
            if name not in ("models.json", "ncmodel.lock"):
                status = os.lstat(os.path.join(folder, name))
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


class UpkeepCase(Case):
    def run_ok(self, *arguments, code=0, env=None):
        result = self.machine.run(*arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def document(self, *arguments, code=0):
        answer = json.loads(self.run_ok(*arguments, "--json", code=code).out)
        self.assertEqual((answer["exit_code"], answer["ok"]), (code, code == 0))
        return answer

    def installed(self):
        return {model["id"] for model in self.machine.registry()["models"]}

    def ollama_store(self, *parts):
        return os.path.join(self.machine.root, ".ollama/models", *parts)

    def two_ollama_models(self):
        """They share a template."""
        for name in ("tiny", "other"):
            self.hub.ollama(f"library/{name}", [("model", gguf(name, 120_000)), ("template", b"{{ .Prompt }}")])
        self.machine.manifest([{"id": name, "files": [{"from": [f"ollama:{name}"]}]} for name in ("tiny", "other")])
        self.pull()

    def blob(self, data):
        return self.ollama_store("blobs", "sha256-" + sha256(data))


class RemoveTest(UpkeepCase):
    def setUp(self):
        super().setUp()
        m = self.machine
        m.manifest([m.simple(f"{name}.gguf", gguf(name, 300_000)) for name in ("one", "two", "three")])
        self.pull()

    def test_the_question(self):
        for text, code, told in ((b"n\n", 0, "Nothing was removed"), (b"\n", 0, "Nothing was removed"),
                                 (b"\x03", 130, "Nothing was removed")):
            out, exit_code = self.answer(text, "rm", "one", "two")
            self.assertEqual(exit_code, code, out)
            self.assertIn("Remove 2 models, ", out)
            self.assertIn(told, out)
        self.assertEqual(self.installed(), {"one", "two", "three"})
        out, exit_code = self.answer(b"y\n", "rm", "one", "two")
        self.assertEqual(exit_code, 0, out)
        self.assertIn("Removed 2 models, ", out)
        self.assertEqual(self.installed(), {"three"})
        self.assertFalse(os.path.exists(self.machine.store("one.gguf")))
        self.assertTrue(os.path.exists(self.machine.store("three.gguf")))
        self.check_registry()

    def test_a_store_of_several(self):
        """who names one of a model's stores does not mean the others: nothing is removed, and it is said how"""
        m = self.machine
        model = m.simple("both.gguf", gguf("both", 200_000))
        model["files"][0]["to"] = [{"store": "llama-cpp"}, {"store": "comfyui", "folder": "loras"}]
        m.manifest([model])
        self.pull()
        before = m.snapshot()
        result = m.run("rm", "-y", "both", "--store", "comfyui")
        self.assertEqual(result.returncode, 2, result.out + result.err)
        self.assertIn("both lies in llama-cpp, too", result.err)
        self.assertEqual(m.snapshot(), before)
        self.run_ok("rm", "-y", "both", "--store", "comfyui", "--store", "llama-cpp")
        self.assertNotIn("both", self.installed())

    def test_without_a_terminal_yes_must_be_said(self):
        before = self.machine.snapshot()
        self.assertIn("-y", self.run_ok("rm", "one", code=2).err)
        self.document("rm", "one", code=2)
        self.run_ok("rm", "-n", "one")
        plan = self.document("rm", "-n", "one")["data"]
        self.assertEqual((plan["models"], plan["removed"]), (["one"], 0))
        self.assertEqual([file["state"] for file in plan["files"]], ["goes"])
        self.assertEqual(self.machine.snapshot(), before)

    def test_files_are_counted_as_everywhere(self):
        """Checkpoints go with their model, and are none of its files."""
        model = self.machine.simple("large.gguf", gguf("large", 17 << 20))
        self.machine.manifest([model])
        self.pull("large")
        result = self.run_ok("rm", "-n", "-v", "large").out
        self.assertIn("/checkpoints/", result)
        self.assertRegex(result, r"(?m)^large +1 file ")

    def test_every_name_is_checked_first(self):
        result = self.run_ok("rm", "-y", "one", "tow", code=2)
        self.assertIn("two", result.err)
        self.run_ok("rm", "-y", code=2)
        self.assertEqual(self.installed(), {"one", "two", "three"})
        self.run_ok("rm", "-y", "one")
        self.run_ok("rm", "-y", "one", code=2)

    def test_what_is_told_is_what_was_given_back(self):
        os.link(self.machine.store("two.gguf"), os.path.join(self.machine.home, "mine.gguf"))
        before = on_disk(self.machine.root)
        data = self.document("rm", "-y", "one", "two")["data"]
        one, two = (next(f for f in data["files"] if f["path"].endswith(name)) for name in ("one.gguf", "two.gguf"))
        self.assertEqual((two["freed"], two["state"]), (0, "removed"))
        self.assertEqual(one["freed"], data["freed"])
        # two.gguf went from the root, and is still on the disk under its other name
        mine = os.stat(os.path.join(self.machine.home, "mine.gguf")).st_blocks * 512
        self.assertEqual(before - on_disk(self.machine.root), data["freed"] + mine)

    def test_a_changed_file_stays(self):
        with open(self.machine.store("one.gguf"), "ab") as file:
            file.write(b"my own work")
        result = self.run_ok("rm", "-y", "one")
        self.assertIn("changed", result.out)
        self.assertTrue(os.path.exists(self.machine.store("one.gguf")))
        self.assertEqual(self.installed(), {"two", "three"})

    def test_foreign_keys_and_other_entries_survive(self):
        path = self.machine.store("models.json")
        document = self.machine.registry()
        document["x-mine"] = {"deep": [1, 2.5, "three"]}
        document["models"][1]["x-note"] = "keep me"
        with open(path, "w") as out:
            json.dump(document, out)
        kept = [model for model in document["models"] if model["id"] != document["models"][0]["id"]]
        self.run_ok("rm", "-y", document["models"][0]["id"])
        now = self.machine.registry()
        self.assertEqual((now["models"], now["x-mine"]), (kept, document["x-mine"]))
        self.assertEqual(now["total_models"], 2)

    def test_pull_brings_it_back(self):
        before = self.machine.snapshot()
        self.run_ok("rm", "-y", "one")
        self.pull("--locked")
        after = self.machine.snapshot()
        registry = "server/ai/llama-cpp/models/models.json"
        self.assertEqual({k: v for k, v in before.items() if k != registry},
                         {k: v for k, v in after.items() if k != registry})

    def test_many_at_once(self):
        """Each model is asked for by two; whatever wins, nothing is torn and nothing half removed."""
        processes = [self.machine.start("rm", "-y", name) for name in ("one", "two", "three") for _ in range(2)]
        codes = []
        for process in processes:
            out, err = process.communicate(timeout=120)
            self.assertNotIn("Sanitizer", err)
            codes.append(process.returncode)
            self.assertIn(process.returncode, (0, 2), out + err)  # 2: it was gone already
        self.assertGreaterEqual(codes.count(0), 3)
        self.assertEqual(self.installed(), set())
        self.assertEqual([name for name in os.listdir(self.machine.store()) if name.endswith(".gguf")], [])
        self.check_registry()

    def test_no_wait(self):
        self.hub.rate = 100_000
        m = self.machine
        m.manifest([m.simple("slow.gguf", gguf("slow", 5_000_000))])
        puller = m.start("pull", "-y")
        try:
            while not any(r["path"].endswith("slow.gguf") and r["status"] for r in self.hub.requests):
                time.sleep(0.02)
            self.assertEqual(self.document("rm", "-y", "--no-wait", "one", code=13)["errors"][0]["code"], "busy")
            self.assertIn("one", self.installed())
        finally:
            puller.send_signal(signal.SIGKILL)
            puller.communicate()
        self.run_ok("rm", "-y", "one")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_folder_without_permission(self):
        os.chmod(self.machine.store(), 0o555)
        try:
            self.run_ok("rm", "-y", "one", code=1)
        finally:
            os.chmod(self.machine.store(), 0o755)
        self.assertIn("one", self.installed())


class OllamaTest(UpkeepCase):
    def setUp(self):
        super().setUp()
        self.two_ollama_models()

    def test_a_shared_blob_stays_until_the_last(self):
        self.run_ok("rm", "-y", "tiny")
        self.assertFalse(os.path.exists(self.ollama_store("manifests/registry.ollama.ai/library/tiny")))
        self.assertFalse(os.path.exists(self.blob(gguf("tiny", 120_000))))
        self.assertTrue(os.path.exists(self.blob(b"{{ .Prompt }}")))
        self.run_ok("verify")
        self.run_ok("rm", "-y", "other")
        self.assertEqual(os.listdir(self.ollama_store("blobs")), [])
        self.assertEqual(os.listdir(self.ollama_store("manifests")), [])
        self.assertIn("Nothing to remove", self.run_ok("gc", "-y", "--min-age", "0").out)

    def test_an_unreadable_manifest_keeps_the_blobs(self):
        with open(self.ollama_store("manifests/registry.ollama.ai/library/broken"), "w") as out:
            out.write("not JSON")
        result = self.run_ok("rm", "-y", "tiny", code=1)
        self.assertIn("cannot be read", result.out)
        self.assertTrue(os.path.exists(self.blob(gguf("tiny", 120_000))))
        result = self.run_ok("gc", "-y", "--min-age", "0", code=1)
        self.assertIn("Nothing to remove", result.out)
        self.assertIn("can be read: manifests/registry.ollama.ai/library/broken: ", result.err)
        os.unlink(self.ollama_store("manifests/registry.ollama.ai/library/broken"))
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertFalse(os.path.exists(self.blob(gguf("tiny", 120_000))))
        self.run_ok("verify")


class CollectTest(UpkeepCase):
    def killed_pull(self):
        """Leaves a partial of a few MB. The bytes are on disk when the next run could go on from them."""
        m = self.machine
        self.hub.rate = 2_000_000
        m.manifest([m.simple("large.gguf", gguf("large", 8_000_000))])
        process = m.start("pull", "-y")
        partial = m.store(".ncmodel/staging", sha256(gguf("large", 8_000_000)) + ".part")
        while not (os.path.exists(partial + ".journal") and os.path.getsize(partial + ".journal") > 400):
            time.sleep(0.02)
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return partial

    def test_a_partial_that_is_wanted_waits_for_the_next_pull(self):
        partial = self.killed_pull()
        for arguments in ([], ["--min-age", "0"], ["--min-age", "0", "--all", "--keep-partial", "-n"]):
            code = 2 if "--keep-partial" in arguments else 0
            self.run_ok("gc", "-y", *arguments, code=code)
            self.assertTrue(os.path.exists(partial))
        self.assertGreater(self.document("df")["data"]["partial"], 0)
        data = self.document("gc", "-y", "--min-age", "0", "--all")["data"]
        self.assertEqual((data["removed"], data["freed"] > 0), (2, True))
        self.assertEqual(os.listdir(self.machine.store(".ncmodel/staging")), [])

    def test_without_a_terminal_yes_must_be_said(self):
        self.assertIn("Nothing to remove", self.run_ok("gc").out)
        self.killed_pull()
        self.run_ok("gc", "--min-age", "0", "--all", code=2)
        out, code = self.answer(b"n\n", "gc", "--min-age", "0", "--all")
        self.assertEqual(code, 0, out)
        self.assertIn("Nothing was removed", out)
        out, code = self.answer(b"y\n", "gc", "--min-age", "0", "--all")
        self.assertEqual(code, 0, out)
        self.assertIn("Removed 2 files", out)
        self.assertIn("Nothing to remove", self.run_ok("gc", "--min-age", "0", "--all").out)

    def test_df_and_gc_agree(self):
        self.two_ollama_models()
        with open(self.blob(b"orphan" * 10_000), "wb") as out:
            out.write(b"orphan" * 10_000)
        day = time.time() - 86400 * 3
        os.utime(self.blob(b"orphan" * 10_000), (day, day))
        usage = self.document("df")["data"]
        stores = {store["name"]: store for store in usage["stores"]}
        self.assertEqual(stores["ollama"]["on_disk"], on_disk(self.ollama_store()))
        self.assertEqual({phase["name"]: phase["model_count"] for phase in usage["phases"]}, {"Phase 1 (high)": 2})
        self.assertEqual([case["name"] for case in usage["use_cases"]], ["General"])
        self.assertEqual(usage["freeable"], 0)  # its ctime says that it was put there just now
        before = on_disk(self.ollama_store())
        data = self.document("gc", "-y", "--min-age", "0")["data"]
        self.assertEqual(before - on_disk(self.ollama_store()), data["freed"])
        self.assertGreater(data["freed"], 50_000)
        self.run_ok("verify")

    def test_what_a_moved_tag_left_is_told(self):
        m, hub = self.machine, self.hub
        m.manifest([{"id": "tag", "files": [{"from": ["ollama:tiny:1b"]}]}])
        hub.ollama("library/tiny", [("model", gguf("old", 300_000)), ("license", b"MIT")], tag="1b")
        self.pull()
        self.assertEqual(self.document("df")["data"]["unnamed"], 0)
        self.assertNotIn("any more", self.run_ok("df").out)
        hub.ollama("library/tiny", [("model", gguf("new", 400_000)), ("license", b"MIT")], tag="1b")
        self.pull("--update")
        left = os.stat(self.blob(gguf("old", 300_000))).st_blocks * 512
        usage = self.document("df")["data"]
        self.assertEqual((usage["unnamed"], usage["unnamed_registered"], usage["unnamed_models"]), (left, left, ["tag"]))
        out = self.run_ok("df").out
        self.assertRegex(out, r"Blobs that no manifest .* as a tag that moved leaves them, take \d")
        self.assertIn("registered for tag: `ncmodel rm` of it and a new pull", out)
        # as that says
        self.run_ok("rm", "-y", "tag")
        self.pull()
        self.assertEqual(self.document("df")["data"]["unnamed"], 0)
        self.assertFalse(os.path.exists(self.blob(gguf("old", 300_000))))

    def test_what_waits_for_its_age_is_told(self):
        self.two_ollama_models()
        begun = time.time()
        with open(self.blob(b"orphan" * 50_000), "wb") as out:
            out.write(b"orphan" * 50_000)
        left = os.stat(self.blob(b"orphan" * 50_000)).st_blocks * 512
        usage = self.document("df")["data"]
        self.assertEqual((usage["freeable"], usage["waiting"]["files"]), (0, 1))
        self.assertEqual((usage["unnamed"], usage["unnamed_registered"], usage["waiting"]["bytes"]), (left, 0, left))
        self.assertIn("until ", self.run_ok("df").out)
        # as long as it is to wait, and not what is to stay
        waiting = self.document("gc", "-n", "--min-age", "48")["data"]["waiting"]
        until = calendar.timegm(time.strptime(waiting["last"], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertTrue(begun + 48 * 3600 - 60 < until <= time.time() + 48 * 3600, waiting)
        self.assertEqual((waiting["files"], waiting["bytes"], waiting["first"]), (1, left, waiting["last"]))
        out = self.run_ok("gc", "-n").out
        self.assertRegex(out, r"Nothing to remove\.\n1 file, 30\d.*, changed lately and waits for its age, until 20\d\d-")
        self.assertIn("`ncmodel gc --min-age 0`", out)
        usage = self.document("gc", "-n", "--min-age", "0")["data"]
        self.assertEqual((usage["going"], usage["waiting"]["files"], usage["freed"]), (1, 0, left))
        self.run_ok("gc", "-y", "--min-age", "0")
        self.assertEqual(self.document("df")["data"]["unnamed"], 0)
        self.run_ok("verify")

    def test_a_partial_waits_unless_it_is_wanted(self):
        self.killed_pull()
        waiting = self.document("gc", "-n")["data"]["waiting"]
        self.assertEqual(waiting["files"], 0)
        self.assertIn("wants it; --all --min-age 0 removes it", self.run_ok("gc", "-n").out)
        waiting = self.document("gc", "-n", "--all")["data"]["waiting"]
        self.assertEqual(waiting["files"], 1)
        self.assertIn("it is young; --min-age 0 removes it", self.run_ok("gc", "-n", "--all").out)

    def test_links_are_told(self):
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 500_000))])
        self.pull()
        os.makedirs(os.path.join(m.root, "whisper.cpp/models"))
        os.link(m.store("one.gguf"), os.path.join(m.root, "whisper.cpp/models/one.gguf"))
        usage = self.document("df")["data"]
        self.assertEqual(usage["saved_by_links"], os.stat(m.store("one.gguf")).st_blocks * 512)
        self.assertIn("Hard links save", self.run_ok("df").out)


if __name__ == "__main__":
    unittest.main()
