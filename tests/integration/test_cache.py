"""The cache in S3 is written: push, status, verify, gc, and what a pull leaves there; against a stand-in that knows less and breaks
off, and against a real MinIO where it can be had. NCMODEL_TEST_KILLS: how often a sender is killed (12)."""
import hashlib
import json
import os
import random
import signal
import sys
import time
import unittest

from harness import SOURCE, Case, gguf, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import s3_peer  # noqa: E402
import s3_site  # noqa: E402
import s3_store  # noqa: E402

LLAMA = "server/ai/llama-cpp/models"
MIB = 1 << 20
KILLS = int(os.environ.get("NCMODEL_TEST_KILLS", "8"))


def blob(data, folder="blobs"):
    return "%s/sha256/%s/%s" % (folder, sha256(data)[:2], sha256(data))


class CacheCase(Case):
    """What holds of every server. A subclass has `bucket`: key → bytes, as the server has them, and put()."""

    def setUp(self):
        super().setUp()
        self.prefix = "t%d" % random.getrandbits(40)
        self.set_up_server()
        self.machine.env["NCMODEL_CACHE"] = "s3:models/" + self.prefix

    def installed(self, **files):
        """Registered models, one a file, that no cache was near."""
        self.machine.manifest([self.machine.simple(name + ".gguf", data) for name, data in files.items()])
        self.pull(env={"NCMODEL_CACHE": ""})
        return files

    def cache(self, *arguments, code=0, env=None):
        result = self.machine.run("cache", *arguments, "--json", env=env)
        self.assertEqual(result.returncode, code, result.out + result.err)
        return json.loads(result.out)

    def states(self, told):
        return {item["model"] or item["key"]: item["state"] for item in told["data"]["items"]}

    def holds(self, *contents):
        """Each content by its digest, and nothing else in blobs/."""
        there = self.bucket()
        self.assertEqual({key: sha256(there[key]) for key in there if key.startswith("blobs/")},
                         {blob(data): sha256(data) for data in contents})

    def test_no_faster_than_allowed(self):
        """`limit_rate` holds for what is sent, too, however many parts go at once"""
        self.installed(a=gguf("slow", 5 * MIB), b=gguf("slow too", 1 * MIB))
        began = time.monotonic()
        self.cache("push", "--all", env={"NCMODEL_CONFIG": self.write("slow.json", b'{"limit_rate": "2M"}')})
        self.assertGreater(time.monotonic() - began, 2.5)

    def test_push(self):
        """sent, told, kept by a lock, and not sent twice; another machine pulls it without the source"""
        big, small = gguf("big", 40 * MIB + 12345), gguf("small", 30000)
        self.installed(big=big, small=small)
        self.assertEqual(set(self.states(self.cache("status")).values()), {"absent"})
        dry = self.cache("push", "-n", "--all")
        self.assertEqual((set(self.states(dry).values()), dry["data"]["sent"]), ({"to-send"}, len(big) + len(small)))
        self.assertEqual(self.bucket(), {})
        told = self.cache("push", "--all", "--name", "here")
        self.assertEqual((set(self.states(told).values()), told["data"]["sent"], told["data"]["lock"]), ({"sent"}, len(big) + len(small), "here"))
        self.holds(big, small)
        self.assertEqual(sorted(key for key in self.bucket() if not key.startswith("blobs/")),
                         [blob(big, "checkpoints"), "locks/here.lock"])
        again = self.cache("push", "--all", "--name", "here")
        self.assertEqual((set(self.states(again).values()), again["data"]["sent"]), ({"there"}, 0))
        self.assertEqual(set(self.states(self.cache("status")).values()), {"there"})
        self.assertEqual(set(self.states(self.cache("status", "big")).keys()), {"big"})
        self.assertEqual({item["state"] for item in self.cache("verify")["data"]["items"]}, {"ok"})
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.hub.requests.clear()
        self.pull()
        self.assertEqual([r for r in self.hub.requests if r["method"] == "GET"], [])
        self.check_registry()

    def test_push_needs_a_choice(self):
        self.installed(one=gguf("one", 3000))
        self.assertEqual(self.cache("push", code=2)["errors"][0]["code"], "usage")
        self.cache("push", "nosuch", code=2)
        self.cache("push", "--all", "--name", "a/b", code=2)
        self.cache("push", "--all", env={"NCMODEL_CACHE": ""}, code=2)

    def test_damaged_stays_out(self):
        """a file that is not what models.json says is refused, wherever it is wrong; nothing of it stays"""
        data = gguf("damaged", 40 * MIB)
        self.installed(m=data)
        path = self.machine.store("m.gguf")
        for at in (0, 20 * MIB, len(data) - 1):
            with self.subTest(at=at):
                with open(path, "r+b") as file:
                    file.seek(at)
                    file.write(bytes([data[at] ^ 1]))
                told = self.cache("push", "m", code=4)
                self.assertIn("ncmodel verify --repair m", told["errors"][0]["hint"])
                self.assertEqual(self.bucket(), {})
                self.assertEqual(self.uploads(), [])
                self.assertEqual(self.machine.run("verify", "--repair", "-y", "m", env={"NCMODEL_CACHE": ""}).returncode, 0)
        self.cache("push", "m")
        self.holds(data)

    def kept(self, lock):
        """The digests that a lock in the cache names."""
        return {f["sha256"] for e in json.loads(self.bucket()[f"locks/{lock}.lock"])["entries"].values() for f in e["files"]}

    def test_half_sent(self):
        """a push that fails says of each file what came of it; what is there whole is kept by the lock, as what it kept before"""
        first, bad, last, old = gguf("first", 3000), gguf("bad", 40 * MIB), gguf("last", 5000), gguf("old", 6000)
        two = self.machine.simple("a.gguf", first)
        two["files"] += self.machine.simple("b.gguf", bad)["files"]
        self.machine.manifest([two, self.machine.simple("c.gguf", last), self.machine.simple("old.gguf", old)])
        self.pull(env={"NCMODEL_CACHE": ""})
        self.cache("push", "old", "--name", "h")
        with open(self.machine.store("b.gguf"), "r+b") as file:
            file.write(b"x")
        told = self.cache("push", "--all", "--name", "h", code=4, env={"NCMODEL_JOBS": "1"})
        items = {os.path.basename(item["file"]): item for item in told["data"]["items"]}
        self.assertEqual({name: item["state"] for name, item in items.items()},
                         {"a.gguf": "sent", "b.gguf": "failed", "c.gguf": "to-send", "old.gguf": "there"})
        self.assertIn("is not what models.json says", items["b.gguf"]["reason"])
        self.assertEqual((told["data"]["lock"], told["data"]["sent"], told["data"]["absent"]), ("h", len(first), 2))
        self.assertEqual(len(told["errors"]), 1)
        self.assertEqual(self.kept("h"), {sha256(first), sha256(old)})
        self.assertEqual(self.cache("gc", "--days", "0", "-y")["data"]["items"], [])
        human = self.machine.run("cache", "push", "--all", "--name", "h", env={"NCMODEL_JOBS": "1"})
        self.assertEqual(human.returncode, 4)
        self.assertIn("1 failed, 1 not come to. The lock \"h\" keeps what is there.", human.out)
        self.assertEqual(self.machine.run("verify", "--repair", "-y", "a", env={"NCMODEL_CACHE": ""}).returncode, 0)
        told = self.cache("push", "a", "--name", "h")
        self.assertEqual(self.kept("h"), {sha256(first), sha256(bad), sha256(old)})

    def test_small_damaged_stays_out(self):
        data = gguf("damaged", 5000)
        self.installed(m=data)
        with open(self.machine.store("m.gguf"), "r+b") as file:
            file.write(b"x")
        self.cache("push", "m", code=4)
        self.assertEqual(self.bucket(), {})

    def test_wrong_checkpoints(self):
        """checkpoints that are wrong do not keep a right file out; right ones go with it"""
        data = gguf("wrong", 40 * MIB)
        self.installed(m=data)
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.machine.root) for name in names if name == sha256(data)]
        self.assertTrue(found)
        with open(found[0], "r+b") as file:
            text = bytearray(file.read())
            text[80] ^= 1
            text[-32:] = hashlib.sha256(text[:-32]).digest()
            file.seek(0)
            file.write(text)
        self.cache("push", "m")
        self.holds(data)
        self.assertEqual({item["state"] for item in self.cache("verify")["data"]["items"]}, {"ok"})

    def test_verify(self):
        """what is damaged is named, and removed where the user says so"""
        big, small = gguf("big", 40 * MIB), gguf("small", 30000)
        self.installed(big=big, small=small)
        self.cache("push", "--all")
        self.put(blob(big), big[:-1] + b"x")
        self.put("blobs/sha256/zz/what", b"?")
        told = self.cache("verify", code=4)
        states = {item["key"]: item["state"] for item in told["data"]["items"]}
        self.assertEqual(states, {blob(big): "damaged", blob(small): "ok", blob(big, "checkpoints"): "damaged", "blobs/sha256/zz/what": "strange"})
        self.cache("verify", "--remove")
        self.holds(small)
        self.cache("push", "--all")
        self.holds(big, small)
        self.assertEqual(self.cache("verify")["data"]["bad"], 0)

    def test_of_another_size(self):
        """an object that is too short is no content: status says so, and a push replaces it"""
        data = gguf("short", 30000)
        self.installed(m=data)
        self.put(blob(data), data[:-1])
        self.assertEqual(self.states(self.cache("status", "m")), {"m": "damaged"})
        self.cache("push", "m")
        self.holds(data)

    def test_gc(self):
        """what no lock has goes, when it is old; dry without -y; what cannot be told stays"""
        one, two, three = gguf("one", 40 * MIB), gguf("two", 3000), gguf("three", 3000)
        self.installed(one=one, two=two)
        self.assertEqual(self.cache("gc", "--days", "0", code=2)["errors"][0]["code"], "usage")
        self.cache("push", "one", "--name", "a")
        self.cache("push", "two", "--name", "b")
        self.put(blob(three), three)
        self.put("parts/sha256/%s/0" % sha256(one), b"piece")
        self.put("notes.txt", b"a user's")
        self.assertEqual(self.cache("gc")["data"]["items"], [])
        dry = self.cache("gc", "--days", "0")["data"]
        self.assertEqual({item["key"]: item["state"] for item in dry["items"]},
                         {blob(three): "unused", "parts/sha256/%s/0" % sha256(one): "unused"})
        self.assertEqual(sorted(dry["locks"]), ["locks/a.lock", "locks/b.lock"])
        self.holds(one, two, three)
        self.put("locks/c.lock", b'{"entries": []}')
        self.assertEqual(self.cache("gc", "--days", "0", "-y", code=2)["errors"][0]["code"], "manifest_invalid")
        self.holds(one, two, three)
        self.put("locks/c.lock", json.dumps({"entries": {"x": {"files": [{"path": "x", "sha256": sha256(three)}]}}}).encode())
        self.cache("gc", "--days", "0", "-y")
        self.holds(one, two, three)
        self.delete("locks/a.lock")
        self.delete("locks/c.lock")
        lock = os.path.join(self.machine.home, "given.lock")
        with open(lock, "w", encoding="utf-8") as out:
            json.dump({"entries": {"x": {"files": [{"path": "x", "sha256": sha256(three)}, {"path": "y", "sha256": None}]}}}, out)
        self.cache("gc", "--days", "0", "-y", "--for", lock + "x", code=2)
        for text in ("junk", "{}", '{"entries": []}', '{"schema_version": 1, "models": []}'):
            with open(lock + "bad", "w", encoding="utf-8") as out:
                out.write(text)
            told = self.cache("gc", "--days", "0", "-y", "--for", lock + "bad", code=2)
            self.assertIn("copy it anew", told["errors"][0]["hint"])
        self.cache("gc", "--days", "0", "-y", "--for", lock)
        self.holds(two, three)
        self.assertEqual(sorted(self.bucket()), sorted([blob(two), blob(three), "locks/b.lock", "notes.txt"]))

    def test_locks_add_up(self):
        """a choice is added to the lock; --all says what the machine has"""
        one, two = gguf("one", 3000), gguf("two", 4000)
        self.installed(one=one, two=two)
        pins = lambda: self.kept("h")  # noqa: E731
        self.cache("push", "one", "--name", "h")
        self.assertEqual(pins(), {sha256(one)})
        self.cache("push", "two", "--name", "h")
        self.assertEqual(pins(), {sha256(one), sha256(two)})
        self.assertEqual(self.machine.run("rm", "-y", "one").returncode, 0)
        self.cache("push", "--all", "--name", "h")
        self.assertEqual(pins(), {sha256(two)})

    def test_one_entry_of_a_model(self):
        """what no source named is not kept beside what one names by now"""
        self.installed(m=gguf("m", 3000))
        lock, = [os.path.join(folder, name) for folder, _, names in os.walk(self.machine.root) for name in names if name == "ncmodel.lock"]
        os.rename(lock, lock + ".aside")
        keys = lambda: list(json.loads(self.bucket()["locks/h.lock"])["entries"])  # noqa: E731
        self.cache("push", "m", "--name", "h")
        self.assertEqual(keys(), ["installed:m"])
        os.rename(lock + ".aside", lock)
        self.cache("push", "m", "--name", "h")
        self.assertEqual(keys(), [self.hub.service.url + "/files/m.gguf"])

    def test_killed(self):
        """kill -9 at any moment: no object is there before it is right, and the next run sends only the rest"""
        data = gguf("killed", 96 * MIB)
        self.installed(m=data)
        for i in range(KILLS):
            process = self.machine.start("cache", "push", "m", "--name", "h")
            time.sleep(random.Random(i).uniform(0.02, 0.9))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            there = self.bucket()
            for key in there:
                if key.startswith("blobs/"):
                    self.assertEqual((key, sha256(there[key])), (blob(data), sha256(data)))
            if blob(data) in there:
                self.delete(blob(data))
        self.cache("push", "m", "--name", "h")
        self.holds(data)
        self.assertEqual(self.uploads(), [])
        self.assertEqual(self.cache("verify")["data"]["bad"], 0)

    def test_filled_by_a_pull(self):
        """what came from its source is in the cache afterwards, with its checkpoints; another machine asks the source for nothing"""
        big, small, unpinned = gguf("big", 40 * MIB + 1), gguf("small", 30000), gguf("unpinned", 20 * MIB)
        self.machine.manifest([self.machine.simple("big.gguf", big), self.machine.simple("small.gguf", small),
                               self.machine.simple("unpinned.gguf", unpinned, pinned=False)])
        result = self.pull()
        self.assertIn("3 files", result.err)
        self.assertIn("went into the cache", result.err)
        self.holds(big, small, unpinned)
        self.assertEqual({key for key in self.bucket() if not key.startswith("blobs/")}, {blob(big, "checkpoints"), blob(unpinned, "checkpoints")})
        self.assertEqual(self.cache("verify")["data"]["bad"], 0)
        self.assertEqual(self.notes(), None)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.hub.requests.clear()
        result = self.pull()
        self.assertNotIn("went into the cache", result.err)
        self.assertEqual([r["path"] for r in self.hub.requests if r["method"] == "GET" and "unpinned" not in r["path"]], [])
        self.check_registry()

    def notes(self):
        """Digests of what is still to be sent; None: nobody has noted anything."""
        for folder, folders, names in os.walk(self.machine.root):
            if folder.endswith(".fill"):
                return sorted(names)
        return None

    def test_pull_from_the_cache_alone(self):
        """what is pinned comes from there; what is not there, or not pinned, says so; the source is asked for nothing"""
        big, small, free = gguf("big", 40 * MIB), gguf("small", 3000), gguf("free", 4000)
        self.machine.manifest([self.machine.simple("big.gguf", big), self.machine.simple("small.gguf", small),
                               self.machine.simple("free.gguf", free, pinned=False)])
        self.pull("big", "free", "--no-fill")
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.hub.requests.clear()
        told = self.cache("pull", "-y", "big", code=11)
        self.assertIn("has it not", told["errors"][0]["message"])
        self.put(blob(big), big)
        self.put(blob(free), free)
        self.cache("pull", "-y", "big")
        self.cache("pull", "-y", "free")  # a lock pins it since the first pull
        self.check_registry()
        self.assertEqual(set(self.files().values()), {sha256(big), sha256(free)})
        self.cache("pull", "-y", "small", code=11)
        self.put(blob(small), small[:-1] + b"x")
        self.cache("pull", "-y", "small", code=10)
        self.assertEqual(self.hub.requests, [])
        os.unlink(os.path.join(self.machine.root, LLAMA, "ncmodel.lock"))
        self.assertEqual(self.machine.run("rm", "-y", "free").returncode, 0)
        told = self.cache("pull", "-y", "free", code=11)
        self.assertIn("neither manifest nor lock pin", told["errors"][0]["message"])
        self.cache("pull", "-y", "small", env={"NCMODEL_CACHE": ""}, code=2)

    def test_a_cache_that_cannot_be_asked_is_not_one_that_has_it_not(self):
        """`cache pull` and `cache status` end with what hinders, not with "not there" """
        self.machine.manifest([self.machine.simple(name + ".gguf", gguf(name, 3000)) for name in ("big", "small")])
        for env, code in (({"NCMODEL_S3_SECRET_KEY": "wrong"}, 6), ({"NCMODEL_S3_ENDPOINT": "http://127.0.0.1:9"}, 7),
                          ({"NCMODEL_CACHE": "s3:no-such-bucket"}, 5)):
            with self.subTest(env):
                self.cache("status", env=env, code=code)
                if code == 5:
                    continue
                errors = self.cache("pull", "-y", "--all", env=env, code=code)["errors"]
                self.assertNotIn("has it not", str(errors))
        self.assertEqual(self.cache("status")["data"]["items"], [])

    def test_ollama_from_the_cache_alone(self):
        """its manifest is content, too"""
        data = gguf("ollama", 17 * MIB)
        self.hub.ollama("library/tiny", [("model", data), ("template", b"{{ .Prompt }}")], tag="1b")
        self.machine.manifest([{"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]}])
        self.pull("--no-fill")
        tag = os.path.join(self.machine.root, ".ollama/models/manifests/registry.ollama.ai/library/tiny/1b")
        with open(tag, "rb") as file:
            manifest = file.read()
        self.cache("push", "--all")
        self.assertIn(blob(manifest), self.bucket())
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.hub.requests.clear()
        self.cache("pull", "-y")
        self.check_registry()
        with open(tag, "rb") as file:
            self.assertEqual(file.read(), manifest)
        self.assertEqual(self.hub.requests, [])

    def test_no_fill(self):
        """the user, or the configuration, wants it not"""
        data = gguf("no", 20 * MIB)
        self.machine.manifest([self.machine.simple("m.gguf", data)])
        self.pull("--no-fill")
        self.assertEqual((self.bucket(), self.notes()), ({}, None))
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        config = os.path.join(self.machine.home, "c.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"cache_fill": False}, out)
        self.pull("--config", config)
        self.assertEqual((self.bucket(), self.notes()), ({}, None))

    def test_pull_killed_while_it_fills(self):
        """kill -9 at any moment of a pull that fills: no wrong object is there, and the next pull completes it"""
        data = [gguf("fill%d" % i, size) for i, size in enumerate((48 * MIB, 17 * MIB, 30000))]
        self.machine.manifest([self.machine.simple("m%d.gguf" % i, d) for i, d in enumerate(data)])
        for i in range(KILLS):
            process = self.machine.start("pull", "-y")
            time.sleep(random.Random(i).uniform(0.05, 1.2))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            there = self.bucket()
            for key in there:
                if key.startswith("blobs/"):
                    self.assertEqual(key.split("/")[-1], sha256(there[key]))
                elif key.endswith(".lease"):
                    self.delete(key)  # what time does to those of who has died
            self.pull()
            self.holds(*data)
            self.assertEqual((self.uploads(), self.notes()), ([], None))
            self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
            for key in self.bucket():
                self.delete(key)


class StandIn(CacheCase):
    def set_up_server(self):
        self.site = s3_store.Store()
        self.addCleanup(self.site.close)
        self.site.objects["models/.here"] = b""
        self.machine.env.update({"NCMODEL_S3_ENDPOINT": self.site.url, "NCMODEL_S3_ACCESS_KEY": s3_site.ACCESS,
                                 "NCMODEL_S3_SECRET_KEY": s3_site.SECRET})

    def bucket(self):
        start = "models/%s/" % self.prefix
        return {name[len(start):]: data for name, data in self.site.objects.items() if name.startswith(start)}

    def put(self, key, data):
        self.site.objects["models/%s/%s" % (self.prefix, key)] = data

    def delete(self, key):
        del self.site.objects["models/%s/%s" % (self.prefix, key)]

    def uploads(self):
        return list(self.site.uploads)

    def parts_sent(self):
        return [path for method, path, _ in self.site.seen if method == "PUT" and "partNumber" in path]

    def test_resumed(self):
        """what an earlier run has sent is not sent again; what is there and is other bytes, is"""
        data = gguf("resumed", 80 * MIB)
        self.installed(m=data)
        left = [3]

        def trouble(path):
            if "partNumber" not in path:
                return None
            left[0] -= 1
            return (403, "AccessDenied") if left[0] < 0 else None
        self.site.trouble = trouble
        self.cache("push", "m", code=6)
        (upload, (_, parts)), = self.site.uploads.items()
        self.assertEqual(len(parts), 3)
        self.site.trouble = lambda path: None
        missing, wrong = {1, 2, 3, 4, 5} - set(parts), min(parts)
        parts[wrong] = b"x" * len(parts[wrong])
        self.site.seen.clear()
        self.cache("push", "m")
        self.holds(data)
        self.assertEqual(sorted(int(path.split("partNumber=")[1].split("&")[0]) for path in self.parts_sent()),
                         sorted(missing | {wrong}))
        self.assertEqual(self.site.uploads, {})

    def test_without_conditions(self):
        data, small = gguf("plain", 40 * MIB), gguf("small", 3000)
        self.installed(m=data, s=small)
        for self.site.conditions in ("no", "ignored"):
            self.cache("push", "--all", "--name", "h")
            self.holds(data, small)
            for key in list(self.bucket()):
                self.delete(key)

    def test_trouble_at_the_end(self):
        """the server says 200 and then that it failed: asked again, and no success if it stays so"""
        data = gguf("end", 40 * MIB)
        self.installed(m=data)
        self.site.inner_error = 1
        self.cache("push", "m")
        self.holds(data)
        self.delete(blob(data))
        self.site.inner_error = 99
        self.cache("push", "m", code=7)
        self.holds()

    def test_half_removed(self):
        """a gc, or a verify, that cannot remove all says what it has removed"""
        self.installed(m=gguf("m", 3000))
        self.cache("push", "m", "--name", "h")
        for arguments, keys in ((("gc", "--days", "0", "-y"), [blob(gguf("old", size)) for size in (3000, 3001, 3002)]),
                                (("verify", "--remove"), ["blobs/sha256/00/%d" % i for i in range(3)])):
            with self.subTest(arguments[0]):
                for key, size in zip(keys, (3000, 3001, 3002)):
                    self.put(key, gguf("old", size))
                left, real = [1], self.site.do

                def do(request, *rest):
                    left[0] -= request.command == "DELETE"
                    return self.site.error(request, 403, "AccessDenied") if left[0] < 0 else real(request, *rest)
                self.site.do = do
                told = self.cache(*arguments, code=6)
                self.site.do = real
                states = [item["state"] for item in told["data"]["items"] if item["key"] in keys]
                self.assertEqual((len(states), states.count("removed")), (3, 1))
                self.assertEqual(told["data"]["removed"], sum(item["size"] for item in told["data"]["items"] if item["state"] == "removed"))
                self.assertEqual(len(set(keys) & set(self.bucket())), 2)
                self.cache("verify", "--remove")
                self.cache("gc", "--days", "0", "-y")

    def test_lock_not_written(self):
        """what was sent is told although the lock that is to keep it cannot be written"""
        data = gguf("m", 3000)
        self.installed(m=data)
        self.site.trouble = lambda path: (403, "AccessDenied") if "/locks/" in path else None
        told = self.cache("push", "m", code=6)
        self.assertEqual((self.states(told), told["data"]["lock"], told["data"]["sent"]), ({"m": "sent"}, None, len(data)))

    def test_name_before_all(self):
        """a name that is none is told before anything is sent"""
        self.installed(m=gguf("m", 3000))
        self.cache("push", "m", "--name", "a/b", code=2)
        self.assertEqual(self.bucket(), {})

    def test_clock_of_the_server(self):
        """what is old, the server's clock says"""
        self.installed(one=gguf("one", 3000))
        self.cache("push", "one")
        old = gguf("old", 3000)
        self.put(blob(old), old)
        name = "models/%s/%s" % (self.prefix, blob(old))
        self.site.modified[name] = time.time() - 15 * 24 * 3600
        self.assertEqual([item["key"] for item in self.cache("gc")["data"]["items"]], [blob(old)])
        self.site.modified[name] = time.time() - 13 * 24 * 3600
        self.assertEqual(self.cache("gc")["data"]["items"], [])

    def test_cannot_be_filled(self):
        """a cache that takes nothing is a warning, once, and no failure; the next pull tries again"""
        data, other = gguf("m", 20 * MIB), gguf("o", 3000)
        self.machine.manifest([self.machine.simple("m.gguf", data), self.machine.simple("o.gguf", other)])
        real = self.site.do
        self.site.do = lambda request, *rest: self.site.error(request, 403, "AccessDenied") if request.command != "GET" else real(request, *rest)
        result = self.pull()
        self.assertEqual(" ".join(result.err.split()).count("the cache was not filled"), 1, result.err)
        self.assertIn("--no-fill", result.err)
        self.assertEqual(self.notes(), sorted([sha256(data), sha256(other)]))
        self.site.do = real
        self.assertIn("2 files", self.pull().err)
        self.holds(data, other)
        self.assertEqual(self.notes(), None)

    def test_storm_while_it_fills(self):
        data = gguf("m", 20 * MIB)
        self.machine.manifest([self.machine.simple("m.gguf", data)])
        self.site.trouble = lambda path: (503, "SlowDown") if "upload" in path else None
        result = self.pull("--retries", "1")
        self.assertIn("the cache was not filled", " ".join(result.err.split()))
        self.check_registry()

    def damaged(self, name, data, at):
        """The cache has it with a wrong byte, and this machine has it no more."""
        self.installed(**{name: data})
        self.cache("push", name)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        wrong = bytearray(data)
        wrong[at] ^= 1
        self.put(blob(data), bytes(wrong))

    def test_checkpoints_show_a_bad_byte(self):
        """with checkpoints from the cache what is wrong in it is asked of the source alone"""
        data = gguf("bad", 80 * MIB)
        self.damaged("m", data, 40 * MIB)
        for folder, _, names in os.walk(self.machine.root):
            self.assertNotIn(sha256(data), names)
        self.hub.requests.clear()
        result = self.pull("--retries", "3")
        self.check_registry()
        self.assertIn("are wrong; they are asked for again", result.err)
        self.assertIn(sum(r["sent"] for r in self.hub.requests if r["method"] == "GET"), (16 * MIB, 32 * MIB))

    def pull_past_damage(self, code, fault, **options):
        """What a fresh machine says and gets, where the cache has a wrong byte; it is not waited for for ever."""
        self.damaged("mid", gguf("mid", 63 * MIB), 30 * MIB)
        self.hub.fault("/files/mid.gguf", fault, None, **options)
        self.hub.requests.clear()
        result = self.machine.run("pull", "-y", "--retries", "3", timeout=60)
        self.assertEqual(result.returncode, code, result.out + result.err)
        self.assertIn("are wrong; they are asked for again", result.err)
        return result

    def test_a_bad_byte_and_a_source_without_ranges(self):
        """the source cannot give the one span that is wrong, but all of it"""
        self.pull_past_damage(0, "no-range")
        self.check_registry()

    def test_a_bad_byte_and_no_source(self):
        """nobody has the right bytes: that is told"""
        result = self.pull_past_damage(5, "status", status=404)
        self.assertIn("404", result.err)

    def test_forged_checkpoints(self):
        """those that are wrong hold up nothing"""
        data, other = gguf("forged", 40 * MIB), gguf("other", 40 * MIB)
        self.installed(m=data, o=other)
        self.cache("push", "--all")
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        text = bytearray(self.bucket()[blob(data, "checkpoints")])
        text[72:104] = self.bucket()[blob(other, "checkpoints")][72:104]
        text[-32:] = hashlib.sha256(text[:-32]).digest()
        self.put(blob(data, "checkpoints"), bytes(text))
        self.pull()
        self.check_registry()

    def test_a_list_that_is_cut(self):
        """what is not known to be the whole list is no list: of a lock that it hides nothing is removed"""
        one, two = gguf("one", 3000), gguf("two", 3000)
        self.installed(one=one, two=two)
        self.cache("push", "one", "--name", "a")
        self.cache("push", "two", "--name", "b")
        real, sent = self.site.listing, self.site.send_text
        hostile = {
            "no token": lambda text: text.replace("false</IsTruncated>", "true</IsTruncated>"),
            "no list": lambda text: "<html>sign in</html>",
            "not whole": lambda text: text[:text.index("<Contents>")] + text[text.index("</Contents>") + 11:].replace("</ListBucketResult>", ""),
            "no size": lambda text: text.replace("<Size>", "<Sise>", 1),
            "no key": lambda text: text.replace("<Key>", "<Kee>", 1),
        }
        for name, change in hostile.items():
            def listing(request, bucket, asked, change=change):
                self.site.send_text = lambda request, status, text: sent(request, status, change(text) if "locks" in str(asked) else text)
                try:
                    return real(request, bucket, asked)
                finally:
                    self.site.send_text = sent
            self.site.listing = listing
            with self.subTest(name):
                told = self.cache("gc", "--days", "0", "-y", code=15)
                self.assertEqual(told["errors"][0]["code"], "protocol")
        self.site.listing = real
        self.holds(one, two)

    def test_keys_that_lead_elsewhere(self):
        """a name with dots in it is another object's once it is an address: neither is touched"""
        one = gguf("one", 3000)
        self.installed(one=one)
        self.cache("push", "one", "--name", "a")
        for key in ("parts/sha256/%s/../../../locks/a.lock" % sha256(one), "parts/sha256/%s/../../../../other" % sha256(one),
                    "blobs/../locks/a.lock", "blobs/./x", "checkpoints/.."):
            self.put(key, b"x")
        self.site.objects["models/other"] = b"another's"
        before = dict(self.site.objects)
        self.site.seen.clear()
        self.cache("gc", "--days", "0", "-y")
        self.cache("verify", "--remove")
        self.assertEqual([path for method, path, _ in self.site.seen if method == "DELETE"], [])
        self.assertEqual(self.site.objects, before)

    def test_pieces_of_other_names_stay(self):
        """below parts/ only what a fill leaves is a piece"""
        one = gguf("one", 3000)
        self.installed(one=one)
        self.cache("push", "one", "--name", "a")
        begins = "parts/sha256/%s/" % sha256(one)
        for name in ("0", "16777216.lease", "join.lease", "0/x", "notes.txt", "-1"):
            self.put(begins + name, b"x")
        self.assertEqual(sorted(item["key"] for item in self.cache("gc", "--days", "0")["data"]["items"]),
                         [begins + name for name in ("0", "16777216.lease", "join.lease")])

    def test_names_for_a_terminal(self):
        """what a bucket calls its objects is shown escaped"""
        self.installed(one=gguf("one", 3000))
        self.cache("push", "one", "--name", "a")
        real = self.site.listing
        self.put("locks/X.lock", b"no lock")
        sent = self.site.send_text
        def listing(request, bucket, asked):
            self.site.send_text = lambda request, status, text: sent(request, status, text.replace("locks/X.lock", "locks/&#27;[31m&#10;red.lock"))
            try:
                return real(request, bucket, asked)
            finally:
                self.site.send_text = sent
        self.site.listing = listing
        for arguments in (["gc"], ["gc", "--json"], ["verify"]):
            result = self.machine.run("cache", *arguments)
            self.assertNotIn("\x1b", result.out + result.err)
            self.assertNotIn("31m\nred", result.out + result.err)

    def test_refused(self):
        """keys that may read alone are told so"""
        self.installed(m=gguf("m", 3000))
        self.site.trouble = lambda path: None
        real = self.site.do
        self.site.do = lambda request, *rest: self.site.error(request, 403, "AccessDenied") if request.command != "GET" else real(request, *rest)
        told = self.cache("push", "m", code=6)
        self.assertIn("s3:PutObject", told["errors"][0]["hint"])


class Minio(CacheCase):
    tls = False

    @classmethod
    def setUpClass(cls):
        cls.peer = s3_peer.Peer(s3_peer.built(), tls=cls.tls).__enter__()
        cls.addClassCleanup(cls.peer.__exit__)
        cls.peer.bucket("models")

    def set_up_server(self):
        peer = self.peer
        self.machine.env.update({"NCMODEL_S3_ENDPOINT": peer.url, "NCMODEL_S3_ACCESS_KEY": s3_peer.ACCESS,
                                 "NCMODEL_S3_SECRET_KEY": s3_peer.SECRET, "SSL_CERT_FILE": peer.ca if peer.tls else ""})

    def bucket(self):
        _, body = self.peer.must("GET", "/models", query="list-type=2&prefix=" + self.prefix)
        keys = [part.split("</Key>")[0] for part in body.decode().split("<Key>")[1:]]
        return {key[len(self.prefix) + 1:]: self.peer.must("GET", "/models/" + key)[1] for key in keys}

    def put(self, key, data):
        self.peer.put("models", "%s/%s" % (self.prefix, key), data)

    def delete(self, key):
        self.peer.must("DELETE", "/models/%s/%s" % (self.prefix, key))

    def uploads(self):
        _, body = self.peer.must("GET", "/models", query="prefix=%s&uploads=" % self.prefix)
        return body.decode().split("<UploadId>")[1:]


class MinioOverTls(Minio):
    tls = True

    # One whole round is enough: what differs is the connection.
    test_gc = test_verify = test_locks_add_up = test_damaged_stays_out = test_wrong_checkpoints = test_killed = None
    test_pull_killed_while_it_fills = test_no_fill = test_pull_from_the_cache_alone = None


del CacheCase

if __name__ == "__main__":
    unittest.main()
