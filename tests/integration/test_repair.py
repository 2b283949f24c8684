"""`verify --repair`: what is fetched, what it costs, and that nothing else is touched."""
import glob
import json
import os
import random
import shutil
import signal
import struct
import time
import unittest

from harness import Case, gguf, safetensors, sha256

MIB = 1 << 20
SPAN = 16 * MIB
SIZE = 40 * MIB + 12345
LAST = 2 * SPAN  # where the last span begins


def varied(seed, size=SIZE):
    """A GGUF of which no two spans are alike, so that bytes from another offset are wrong bytes."""
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + random.Random(seed).randbytes(size - 24)


def flip(path, *offsets, keep_times=True):
    """As a disk does it: a bit turns, and the file's times stay."""
    before = os.stat(path)
    os.chmod(path, 0o600)  # what has several names is read-only, and a disk does not ask
    with open(path, "r+b") as file:
        for offset in offsets:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))
    os.chmod(path, before.st_mode & 0o7777)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def content(path):
    with open(path, "rb") as file:
        return file.read()


class RepairTest(Case):
    def plain(self, name="big.gguf", data=None, **options):
        data = data or varied(name)
        self.machine.manifest([self.machine.simple(name, data, **options)])
        self.pull()
        self.hub.forget()
        return data, self.machine.store(name)

    def repair(self, *arguments, code=0):
        # One connection, so that the server's count is exact: no second one takes over the rest of a request under way.
        result = self.machine.run("verify", "--repair", "-x", "1", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def sent(self, path=None):
        return sum(r["sent"] for r in self.hub.asked(path))

    def check(self, path, data, inode=None):
        self.assertEqual(sha256(content(path)), sha256(data))
        if inode is not None:
            self.assertEqual(os.stat(path).st_ino, inode, "it was mended in its place")
        self.check_registry()
        quick = self.machine.run("verify", "--quick")
        self.assertEqual(quick.returncode, 0, quick.out)
        for model in self.machine.registry()["models"]:
            self.assertEqual(model["verify_result"], "ok")
        self.assertEqual(glob.glob(os.path.join(self.machine.root, "**/.ncmodel/staging/*"), recursive=True), [])

    def test_one_flipped_bit_costs_one_span(self):
        data, path = self.plain()
        for offset, first, last in ((0, 0, SPAN), (SPAN + 77, SPAN, LAST), (SIZE - 1, LAST, SIZE)):
            with self.subTest(offset=offset):
                inode = os.stat(path).st_ino
                flip(path, offset)
                self.hub.forget()
                found = self.machine.run("verify")
                self.assertEqual(found.returncode, 4)
                self.assertIn(f"{first}-{last - 1}", found.out)
                self.assertIn("verify --repair big", found.out)
                self.assertEqual(self.hub.asked(), [])
                self.repair()
                self.assertEqual(self.sent(), last - first)
                self.check(path, data, inode)

    def test_many_connections_ask_for_nothing_else(self):
        data, path = self.plain()
        inode = os.stat(path).st_ino
        flip(path, SPAN)
        self.assertEqual(self.machine.run("verify", "--repair").returncode, 0)
        for request in self.hub.asked():
            first, last = map(int, request["headers"]["range"].removeprefix("bytes=").split("-"))
            self.assertTrue(SPAN <= first <= last < LAST, request["headers"]["range"])
        self.check(path, data, inode)

    def test_several_spans_and_nothing_between(self):
        data, path = self.plain()
        inode = os.stat(path).st_ino
        flip(path, 5, 6, SIZE - 2, keep_times=False)
        self.repair()
        self.assertEqual(self.sent(), SPAN + SIZE - LAST)
        self.check(path, data, inode)

    def test_a_hugging_face_file_of_a_manifest_and_one_spelled_out(self):
        data, other = varied("hf"), varied("spelled")
        self.hub.hf("org/model", {"big.gguf": data, "other.gguf": other})
        self.machine.manifest([{"id": "big", "files": [{"from": ["hf:org/model/big.gguf"], "sha256": sha256(data),
                                                        "size": len(data), "to": [{"store": "llama-cpp"}]}]}])
        self.pull()
        self.pull("hf:org/model/other.gguf@main", "--to", "comfyui/loras/renamed.gguf")
        paths = [self.machine.store("big.gguf"),
                 os.path.join(self.machine.root, "ComfyUI/models/loras/renamed.gguf")]
        inodes = [os.stat(p).st_ino for p in paths]
        for path in paths:
            flip(path, SPAN + 1)
        self.hub.forget()
        self.repair()
        for name in ("big.gguf", "other.gguf"):
            self.assertEqual(self.sent(f"/xet/org/model/{name}"), SPAN)
        self.check(paths[0], data, inodes[0])
        self.check(paths[1], other, inodes[1])

    def test_a_repository_spelled_out(self):
        files = {f"part-{i}.gguf": varied(f"part{i}", 20 * MIB + i) for i in range(2)}
        self.hub.hf("org/all", {**files, "notes/config.json": b'{"a": 1}\n'})
        self.pull("hf:org/all@main", "--to", "llama-cpp")
        flip(self.machine.store("all/part-1.gguf"), 9)
        os.unlink(self.machine.store("all/notes/config.json"))
        self.hub.forget()
        self.repair()
        self.assertEqual(self.sent("/xet/org/all/part-1.gguf"), SPAN)
        self.assertEqual(self.sent("/xet/org/all/part-0.gguf"), 0)
        self.check(self.machine.store("all/part-1.gguf"), files["part-1.gguf"])

    def test_a_plain_url_spelled_out(self):
        data = varied("spelled-url")
        self.pull(f"{self.hub.url('/x.gguf', data)}#sha256={sha256(data)}")
        for lock in (True, False):
            if not lock:
                os.unlink(self.machine.store("ncmodel.lock"))
            flip(self.machine.store("x.gguf"), 1)
            self.hub.forget()
            self.repair()
            self.assertEqual(self.sent(), SPAN)
            self.check(self.machine.store("x.gguf"), data)

    def test_missing_and_truncated_files_are_fetched_whole(self):
        data, path = self.plain()
        os.unlink(path)
        self.repair()
        self.assertEqual(self.sent(), len(data))
        self.check(path, data)
        os.truncate(path, SPAN + 5)
        self.hub.forget()
        self.repair()
        self.assertEqual(self.sent(), len(data))
        self.check(path, data)

    def test_a_file_trusted_on_first_use_is_mended_and_never_renewed(self):
        data, path = self.plain(pinned=False)
        flip(path, SPAN)
        self.repair()
        self.assertEqual(self.sent("/files/big.gguf"), SPAN)
        self.check(path, data)
        self.hub.url("/files/big.gguf", varied("newer"))
        flip(path, SPAN)
        damaged = content(path)
        result = self.repair(code=10)
        self.assertIn("big", result.err)
        self.assertEqual(content(path), damaged)

    def test_an_ollama_blob_and_its_manifest(self):
        weights = varied("ollama")
        manifest = self.hub.ollama("library/tiny", [("model", weights), ("template", b"{{ .Prompt }}")], tag="1b")
        self.pull("ollama:tiny:1b")
        store = os.path.join(self.machine.root, ".ollama/models")
        blob = os.path.join(store, "blobs", "sha256-" + sha256(weights))
        inode = os.stat(blob).st_ino
        flip(blob, LAST)
        self.hub.forget()
        self.repair()
        self.assertEqual(self.sent("/blob/" + sha256(weights)), SIZE - LAST)
        self.check(blob, weights, inode)
        named = os.path.join(store, "manifests/registry.ollama.ai/library/tiny/1b")
        flip(named, 3)
        os.unlink(blob)
        os.unlink(self.machine.store("ncmodel.lock"))  # models.json says enough
        self.hub.forget()
        self.repair()
        self.assertEqual(content(named), manifest)
        self.check(blob, weights)

    def test_an_alternate_serves_when_the_source_is_gone(self):
        data = varied("alternate")
        first, second = self.hub.url("/first.gguf", data), self.hub.url("/second.gguf", data)
        self.machine.manifest([{"id": "big", "files": [{"from": [first, second], "insecure_http": True,
                                                        "sha256": sha256(data), "size": len(data),
                                                        "to": [{"store": "llama-cpp", "name": "big.gguf"}]}]}])
        self.pull()
        path = self.machine.store("big.gguf")
        inode = os.stat(path).st_ino
        flip(path, SPAN)
        self.hub.forget()
        del self.hub.blobs["service"]["/first.gguf"]
        self.repair()
        self.assertEqual(self.sent("/second.gguf"), SPAN)
        self.check(path, data, inode)

    def test_wrong_bytes_never_reach_the_file(self):
        data, path = self.plain()
        flip(path, SPAN)
        damaged = content(path)
        self.hub.url("/files/big.gguf", varied("wrong"))
        result = self.repair(code=10)
        self.assertIn("not the right ones", result.err)
        self.assertIn("fetching the whole file", result.err)
        self.assertEqual(content(path), damaged)
        self.hub.url("/files/big.gguf", data)
        self.hub.forget()
        self.repair()
        self.assertEqual(self.sent(), SPAN)
        self.check(path, data)

    def test_without_checkpoints_the_whole_file_is_fetched(self):
        data, path = self.plain()
        checkpoints = glob.glob(self.machine.store("**/.ncmodel/checkpoints/*"), recursive=True) + \
            glob.glob(self.machine.store(".ncmodel/checkpoints/*"))
        self.assertTrue(checkpoints)
        good = content(checkpoints[0])
        for what in ("gone", "torn", "forged"):
            with self.subTest(what):
                if what == "gone":
                    os.unlink(checkpoints[0])
                else:
                    with open(checkpoints[0], "wb") as out:
                        out.write(good[:60] if what == "torn" else good[:80] + bytes([good[80] ^ 1]) + good[81:])
                flip(path, SPAN)
                self.hub.forget()
                self.repair()
                self.assertEqual(self.sent(), len(data))
                self.check(path, data)
                self.assertEqual(content(checkpoints[0]), good, "they are there again")

    def test_what_an_earlier_run_left_is_proved_as_well(self):
        data, path = self.plain()
        flip(path, SPAN)
        with open(self.machine.store(".ncmodel/staging", sha256(data) + ".repair.part"), "wb") as out:
            out.truncate(SIZE)
        self.repair()
        self.assertEqual(self.sent(), SPAN)
        self.check(path, data)

    def test_a_checkpoint_from_civitai(self):
        data = safetensors("civitai", 18 * MIB)
        self.hub.civitai(7, 70, "c.safetensors", data)
        self.pull("civitai:7", "--to", "a1111/checkpoints")
        path = os.path.join(self.machine.root, "stable-diffusion-webui/models/Stable-diffusion/c.safetensors")
        flip(path, 1000)
        self.hub.forget()
        self.repair()
        self.assertEqual(self.sent("/storage/7"), SPAN)
        self.check(path, data)

    def test_checkpoints_that_go_away_meanwhile(self):
        data, path = self.plain()
        flip(path, SPAN)
        self.hub.rate = 8 * MIB
        process = self.machine.start("verify", "--repair")
        while not self.hub.asked():
            time.sleep(0.02)
        shutil.rmtree(self.machine.store(".ncmodel/checkpoints"))
        self.hub.rate = None
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("fetching the whole file", err)
        self.check(path, data)

    def test_a_file_that_cannot_be_written_is_replaced(self):
        if os.geteuid() == 0:
            self.skipTest("root may write anything")
        data, path = self.plain()
        flip(path, SPAN)
        os.chmod(path, 0o400)
        self.repair()
        self.check(path, data)

    def test_kill_and_repair_again(self):
        data, path = self.plain()
        seed = int(os.environ.get("NCM_KILL_SEED", str(random.randrange(1 << 30))))
        print(f"seed {seed}", flush=True)
        dice, inode, kills = random.Random(seed), os.stat(path).st_ino, 0
        while kills < 12:
            flip(path, *[span * SPAN + dice.randrange(SIZE - LAST) for span in range(3)])
            self.hub.rate = 100 * MIB
            while True:
                process = self.machine.start("verify", "--repair")
                try:
                    _, err = process.communicate(timeout=dice.uniform(0.05, 1.2))
                    self.assertEqual(process.returncode, 0, err)
                    break
                except Exception as stop:
                    if type(stop).__name__ != "TimeoutExpired":
                        raise
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    kills += 1
                    if kills % 4 == 0:
                        self.hub.rate = None  # and now to the end
                        self.repair()
                        break
                    now = content(path)
                    for span in range(3):
                        part = slice(span * SPAN, min((span + 1) * SPAN, SIZE))
                        wrong = (int.from_bytes(now[part], "big") ^ int.from_bytes(data[part], "big")).bit_count()
                        self.assertLess(wrong, 2, "no span is worse than it was")
            self.assertEqual(sha256(content(path)), sha256(data))
            self.assertEqual(os.stat(path).st_ino, inode)
        self.check_registry()

    def test_what_is_right_is_left_alone(self):
        data, fine = varied("bad"), varied("fine", 3 * MIB)
        m = self.machine
        m.manifest([m.simple("bad.gguf", data), m.simple("fine.gguf", fine)])
        self.pull()
        flip(m.store("bad.gguf"), 7)
        before = os.stat(m.store("fine.gguf"))
        self.hub.forget()
        self.repair()
        after = os.stat(m.store("fine.gguf"))
        self.assertEqual((before.st_ino, before.st_mtime_ns, before.st_ctime_ns),
                         (after.st_ino, after.st_mtime_ns, after.st_ctime_ns))
        self.assertEqual(self.hub.asked("/files/fine.gguf"), [])
        self.hub.forget()
        self.repair()
        self.assertEqual(self.hub.asked(), [], "nothing is damaged: nobody is asked")
        self.check(m.store("bad.gguf"), data)

    def test_a_model_that_is_not_chosen_stays_damaged(self):
        m, data = self.machine, varied("one", 18 * MIB)
        m.manifest([m.simple("one.gguf", data), m.simple("two.gguf", gguf("two", 2 * MIB))])
        self.pull()
        flip(m.store("one.gguf"), 1)
        flip(m.store("two.gguf"), 1)
        self.hub.forget()
        self.repair("one")
        self.assertEqual(self.hub.asked("/files/two.gguf"), [])
        self.assertEqual(sha256(content(m.store("one.gguf"))), sha256(data))
        self.assertEqual(m.run("verify", "two").returncode, 4)

    def test_names_of_one_file_are_mended_once(self):
        m, data = self.machine, varied("twins")
        m.manifest([m.simple("a.gguf", data)])
        self.pull()
        m.manifest([m.simple("a.gguf", data), m.simple("b.gguf", data)])
        self.pull()
        a, b = m.store("a.gguf"), m.store("b.gguf")
        linked = os.stat(a).st_ino == os.stat(b).st_ino
        flip(a, SPAN)
        if not linked:
            flip(b, SPAN)
        self.hub.forget()
        self.repair()
        self.assertEqual(self.sent(), SPAN)
        self.assertEqual(os.stat(a).st_ino == os.stat(b).st_ino, linked)
        self.check(a, data)
        self.check(b, data)

    def test_another_copy_on_this_machine_needs_no_network(self):
        m, data = self.machine, varied("copies", 18 * MIB)
        m.manifest([m.simple("a.gguf", data), m.simple("b.gguf", data)])
        self.pull()
        a, b = m.store("a.gguf"), m.store("b.gguf")
        os.unlink(b)
        shutil.copyfile(a, b)
        self.assertEqual(m.run("verify").returncode, 0)
        flip(a, 100)
        self.hub.forget()
        self.repair("--offline")
        self.assertEqual(self.hub.asked(), [])
        self.check(a, data)
        # A copy that nobody looked at is not believed: here it is damaged as well.
        os.unlink(b)
        shutil.copyfile(a, b)
        self.assertEqual(m.run("verify").returncode, 0)
        flip(a, 100)
        flip(b, 200)
        self.repair("a")
        self.assertEqual(sha256(content(a)), sha256(data))
        self.assertEqual(self.sent(), SPAN)

    def test_offline_without_a_copy_says_so(self):
        _, path = self.plain()
        flip(path, 0)
        damaged = content(path)
        result = self.repair("--offline", code=11)
        self.assertIn("--offline", result.err)
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(content(path), damaged)

    def test_a_source_that_nobody_knows_does_not_stop_the_others(self):
        m, data = self.machine, varied("known", 18 * MIB)
        m.manifest([m.simple("known.gguf", data), m.simple("lost.gguf", gguf("lost", MIB))])
        self.pull()
        m.manifest([m.simple("known.gguf", data)])
        document = m.registry()
        for model in document["models"]:
            if model["id"] == "lost":
                model["source"] = "somewhere"
                for file in model["files"]:
                    file.pop("source", None)
        with open(m.store("models.json"), "w") as out:
            json.dump(document, out)
        os.unlink(m.store("ncmodel.lock"))
        flip(m.store("known.gguf"), 0)
        flip(m.store("lost.gguf"), 0)
        result = self.repair(code=5)
        self.assertIn("nothing tells where", result.err)
        self.assertIn("lost.gguf", result.err)
        self.assertEqual(sha256(content(m.store("known.gguf"))), sha256(data))

    def test_something_else_in_the_place_is_not_overwritten(self):
        _, path = self.plain()
        os.unlink(path)
        os.mkdir(path)
        self.repair(code=11)
        self.assertTrue(os.path.isdir(path))
        self.assertEqual(self.hub.asked(), [])

    def test_an_archive_is_unpacked_again(self):
        from test_pull import tarball
        m = self.machine
        node = tarball({"__init__.py": b"NODES = {}\n", "lib/x.py": b"pass\n"})
        m.manifest([m.simple("node.tar.gz", node, extract={"strip": 1},
                             to=[{"store": "comfyui", "folder": "custom_nodes", "name": "node"}])])
        self.pull()
        path = os.path.join(m.root, "ComfyUI/custom_nodes/node/lib/x.py")
        flip(path, 0)
        self.repair()
        self.check(path, b"pass\n")

    def test_dry_run_says_what_it_would_fetch(self):
        _, path = self.plain()
        flip(path, SPAN)
        damaged = content(path)
        result = self.repair("--dry-run", code=4)
        self.assertIn("16.8 MB of 42.0 MB", result.out)
        self.assertEqual(self.hub.asked("/files/big.gguf"), [])
        self.assertEqual(content(path), damaged)
        document = json.loads(self.repair("--dry-run", "--json", code=4).out)
        self.assertEqual(document["data"]["repair"]["to_get"], SPAN)
        self.assertEqual(self.machine.run("verify", "--dry-run").returncode, 2)
        self.assertEqual(self.machine.run("verify", "--repair", "--quick").returncode, 2)

    def test_the_document(self):
        _, path = self.plain()
        flip(path, SPAN)
        document = json.loads(self.repair("--json").out)
        self.assertTrue(document["ok"])
        self.assertEqual(document["errors"], [])
        data = document["data"]
        self.assertEqual(data["files"][0]["verdict"], "damaged", "what was found")
        self.assertEqual(data["files"][0]["damaged"], [{"first": SPAN, "last": LAST - 1}])
        repair = data["repair"]
        self.assertEqual((repair["fetched"], repair["models_ok"], repair["dry_run"]), (SPAN, 1, False))
        self.assertEqual([(x["path"], x["to_get"], x["verdict"]) for x in repair["files"]], [(path, SPAN, "ok")])
        self.assertEqual([(x["id"], x["outcome"], x["fetched"]) for x in repair["models"]], [("big", "repaired", SPAN)])
        self.assertIn("/files/big.gguf", repair["models"][0]["served_by"])
        document = json.loads(self.repair("--json").out)
        self.assertNotIn("repair", document["data"], "nothing was to be repaired")


class KeptCheckpoints(Case):
    """`lock --checkpoints`: beside the lock they help, and decide nothing."""

    def setUp(self):
        super().setUp()
        self.data = varied(7)
        self.machine.manifest([{"id": "big", "files": [{"from": [self.hub.url("/files/big.gguf", self.data)], "insecure_http": True,
                                                "sha256": sha256(self.data), "size": len(self.data),
                                                "to": [{"store": "llama-cpp", "name": "big.gguf"}]}]}])
        self.place = self.machine.store("big.gguf")
        self.beside = self.machine.store("ncmodel.lock.checkpoints", sha256(self.data))

    def ok(self, *command):
        result = self.machine.run(*command)
        self.assertEqual(result.returncode, 0, result.err)
        return result

    def lock(self, *options):
        return json.loads(self.ok("lock", "--json", *options).out)["data"]

    def forget(self):
        """As on another machine, to which lock and checkpoints were copied."""
        shutil.rmtree(self.machine.store(".ncmodel"))
        for path in (self.place, self.machine.store("models.json")):
            os.remove(path)

    def test_they_are_kept_and_used(self):
        self.assertEqual(self.lock("--checkpoints")["checkpoints"], {"kept": 0, "unknown": 1})
        self.assertFalse(os.path.exists(os.path.dirname(self.beside)))
        self.ok("pull", "-y")
        self.assertNotIn("checkpoints", self.lock())
        self.assertEqual(self.lock("--checkpoints")["checkpoints"], {"kept": 1, "unknown": 0})
        right = content(self.beside)
        self.assertEqual(len(right), 72 + 2 * 32 + 32)
        self.assertIn("Checkpoints: of 1 file beside the lock.", self.ok("lock", "--checkpoints").out)
        for bad in (right, right[:-1], b"", right[:80] + bytes([right[80] ^ 1]) + right[81:], self.forged(right)):
            with self.subTest(len(bad)):
                self.forget()
                with open(self.beside, "wb") as file:
                    file.write(bad)
                self.ok("pull", "-y", "--locked")
                self.assertEqual(content(self.place), self.data)
                self.ok("verify")

    def forged(self, right):
        """Another state, and the sum over everything is right again."""
        body = right[:72] + bytes(32) + right[104:-32]
        return body + bytes.fromhex(sha256(body))

    def test_wrong_bytes_do_not_pass(self):
        self.ok("pull", "-y")
        self.lock("--checkpoints")
        self.forget()
        self.hub.url("/files/big.gguf", self.data[:LAST] + bytes([self.data[LAST] ^ 1]) + self.data[LAST + 1:])
        result = self.machine.run("pull", "-y")
        self.assertEqual(result.returncode, 10, result.err)
        self.assertFalse(os.path.exists(self.place))

    def test_prune_drops_them_with_their_pin(self):
        self.ok("pull", "-y")
        self.lock("--checkpoints")
        self.ok("lock", "--prune")
        self.assertTrue(os.path.exists(self.beside))
        self.ok("rm", "-y", "big")
        self.machine.manifest([])
        self.ok("lock", "--prune")
        self.assertFalse(os.path.exists(self.beside))


if __name__ == "__main__":
    unittest.main()
