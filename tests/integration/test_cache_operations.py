"""Operations on a bucket, one by one (tests/unit/cache_facts.c): against a stand-in that checks each signature by the rules, with
servers that know less, and against a real MinIO where it can be had."""
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import unittest

SOURCE = os.environ.get("NCM_TEST_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FACTS = os.environ["NCM_CACHE_FACTS"]
sys.path[:0] = [os.path.join(SOURCE, "tests", "servers"), os.path.dirname(os.path.abspath(__file__))]
import s3_peer  # noqa: E402
import s3_site  # noqa: E402
import s3_store  # noqa: E402

MIB = 1 << 20


class Operations:
    """What holds of every server. `endpoint` and `keys` are the subclass's."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.place = "s3:models/t%d" % random.getrandbits(48)

    def raw(self, *arguments, env=None):
        home = self.folder.name
        environment = {"HOME": home, "XDG_CONFIG_HOME": home, "PATH": os.environ["PATH"], "NCMODEL_CACHE": self.place,
                       "NCMODEL_S3_ENDPOINT": self.endpoint, "NCMODEL_S3_ACCESS_KEY": self.keys[0], "NCMODEL_S3_SECRET_KEY": self.keys[1],
                       **{k: v for k, v in os.environ.items() if k in ("NCMODEL_DATADIR", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")},
                       **(env or {})}
        result = subprocess.run([FACTS, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn(self.keys[1], result.stdout)
        return json.loads(result.stdout)

    def op(self, *arguments, **options):
        facts = self.raw(*arguments, **options)
        self.assertNotIn("error", facts, facts)
        return facts

    def fails(self, *arguments, **options):
        return self.raw(*arguments, **options)["error"]

    def file(self, size, seed):
        path = os.path.join(self.folder.name, "data-%s" % seed)
        data = random.Random(seed).randbytes(size)
        with open(path, "wb") as out:
            out.write(data)
        return path, data

    def test_object(self):
        """put, head, get, list, delete; a second put with the condition is refused, one without replaces"""
        self.assertEqual(self.op("head", "a/b")["there"], False)
        self.assertEqual(self.op("get", "a/b")["there"], False)
        made = self.op("put", "a/b", "one", "new")
        self.assertEqual(made["made"], "made")
        there = self.op("head", "a/b")
        self.assertEqual((there["there"], there["size"], there["etag"]), (True, 3, made["etag"]))
        self.assertIn(there["age"], range(0, 60))
        self.assertEqual(self.op("get", "a/b")["data"], "one")
        self.assertEqual(self.op("put", "a/b", "two", "new")["made"], "exists")
        self.assertEqual(self.op("get", "a/b")["data"], "one")
        self.assertEqual(self.op("put", "a/b", "two")["made"], "made")
        self.assertEqual(self.op("get", "a/b")["data"], "two")
        self.op("delete", "a/b")
        self.op("delete", "a/b")
        self.assertEqual(self.op("get", "a/b")["there"], False)

    def test_compare_and_swap(self):
        tag = self.op("put", "lease", "one", "new")["etag"]
        swapped = self.op("put", "lease", "two", "match=" + tag)
        self.assertEqual(swapped["made"], "made")
        self.assertEqual(self.op("put", "lease", "three", "match=" + tag)["made"], "exists")
        self.assertEqual(self.op("get", "lease")["data"], "two")
        self.op("delete", "lease")
        self.assertEqual(self.op("put", "lease", "four", "match=" + swapped["etag"])["made"], "exists")

    def test_race(self):
        """of many that write at once with the condition one alone is told that it made it"""
        results = []
        threads = [threading.Thread(target=lambda i=i: results.append((self.op("put", "race", "by %d" % i, "new")["made"], i)))
                   for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [i for made, i in results if made == "made"]
        self.assertEqual(len(winners), 1, results)
        self.assertEqual(self.op("get", "race")["data"], "by %d" % winners[0])

    def test_empty_and_too_large(self):
        self.op("put", "empty", "")
        self.assertEqual((self.op("get", "empty")["data"], self.op("head", "empty")["size"]), ("", 0))
        self.op("put", "large", "x" * 101)
        self.assertEqual(self.fails("get", "large"), "protocol")

    def test_keys_of_all_kinds(self):
        """what has to be encoded is signed as it is sent, and read back as it was"""
        keys = ["k/a b+c", "k/é=1@2", "k/~(y)!'*$&;,:", "k/100%", "k/q?r#s", "k/<x>&amp;\"y\"", "k/%41"]
        for key in keys:
            self.op("put", key, "at " + key)
            self.assertEqual(self.op("get", key)["data"], "at " + key)
        listed = self.op("list", "k/")["objects"]
        self.assertEqual(sorted(o["key"] for o in listed), sorted(keys))
        self.assertEqual({o["size"] for o in listed}, {len(("at " + k).encode()) for k in keys})
        self.assertTrue(all(0 <= o["age"] < 120 and o["etag"] for o in listed), listed)
        self.assertEqual(len(self.op("list", "k/q")["objects"]), 1)
        self.assertEqual(self.op("list", "none/")["objects"], [])

    def test_parts(self):
        """in parts, out of order, one sent twice; seen by nobody before its end; finished once"""
        path, data = self.file(12 * MIB, 1)
        upload = self.op("start", "m")["id"]
        self.assertEqual(self.op("uploads", "m")["uploads"], [upload])
        self.assertEqual(self.op("uploads", "mm")["uploads"], [])
        self.assertEqual(self.op("parts", "m", upload)["parts"], [])
        for number, start, size in ((3, 10 * MIB, 2 * MIB), (1, 0, 5 * MIB), (2, 0, 5 * MIB), (2, 5 * MIB, 5 * MIB)):
            tag = self.op("part", "m", upload, number, path, start, size)["etag"]
            self.assertEqual(tag.strip('"'), hashlib.md5(data[start:start + size]).hexdigest())
        self.assertEqual([(n, s) for n, s, _ in self.op("parts", "m", upload)["parts"]], [(1, 5 * MIB), (2, 5 * MIB), (3, 2 * MIB)])
        self.assertEqual(self.op("head", "m")["there"], False)
        self.assertEqual(self.op("finish", "m", upload, "new")["made"], "made")
        self.assertEqual(self.op("head", "m")["size"], len(data))
        self.assertEqual(self.whole("m"), data)
        self.assertEqual(self.op("parts", "m", upload)["there"], False)
        self.assertEqual(self.op("uploads", "m")["uploads"], [])
        self.op("abort", "m", upload)

    def test_finished_by_another(self):
        path, data = self.file(6 * MIB, 2)
        first, second = self.op("start", "m")["id"], self.op("start", "m")["id"]
        self.assertEqual(sorted(self.op("uploads", "m")["uploads"]), sorted([first, second]))
        for upload in (first, second):
            self.op("part", "m", upload, 1, path, 0, 6 * MIB)
        self.assertEqual(self.op("finish", "m", first, "new")["made"], "made")
        self.assertEqual(self.op("finish", "m", second, "new")["made"], "exists")
        self.op("abort", "m", second)
        self.assertEqual(self.op("parts", "m", second)["there"], False)
        self.assertEqual(self.whole("m"), data)

    def test_copies(self):
        """an object of other objects, without a byte through here"""
        path, data = self.file(11 * MIB, 3)
        for i, (start, size) in enumerate(((0, 5 * MIB), (5 * MIB, 5 * MIB), (10 * MIB, MIB)), 1):
            self.op("file", "parts/a b/%d" % i, path, start, size)
        upload = self.op("start", "joined")["id"]
        for i in (1, 2, 3):
            self.assertEqual(self.op("copy", "joined", upload, i, "parts/a b/%d" % i)["made"], "made")
        self.assertEqual(self.fails("copy", "joined", upload, 4, "parts/none"), "not_found")
        tag = self.op("head", "parts/a b/3")["etag"]
        self.assertEqual(self.op("copy", "joined", upload, 3, "parts/a b/3", tag)["made"], "made")
        self.assertEqual(self.op("copy", "joined", upload, 3, "parts/a b/2", tag)["made"], "exists")
        self.assertEqual(self.op("copy", "joined", upload, 3, "parts/none", tag)["made"], "exists")
        self.assertEqual(self.op("finish", "joined", upload)["made"], "made")
        self.assertEqual(self.whole("joined"), data)

    def test_refused(self):
        for env, error in (({"NCMODEL_S3_ACCESS_KEY": "nobody"}, "auth_required"), ({"NCMODEL_S3_SECRET_KEY": "wrong" * 8}, "auth_required"),
                           ({"NCMODEL_CACHE": "s3:no"}, "usage"), ({"NCMODEL_CACHE": ""}, "usage"), ({"NCMODEL_CACHE": "http://x"}, "usage")):
            for op in (("put", "k", "x"), ("get", "k"), ("head", "k"), ("list", ""), ("delete", "k"), ("start", "k")):
                with self.subTest(env=env, op=op[0]):
                    self.assertEqual(self.fails(*op, env=env), error)


class StandIn(Operations, unittest.TestCase):
    keys = (s3_site.ACCESS, s3_site.SECRET)

    def setUp(self):
        super().setUp()
        self.site = s3_store.Store()
        self.addCleanup(self.site.close)
        self.endpoint = self.site.url
        self.site.objects["models/.here"] = b""

    def whole(self, key):
        return self.site.objects["%s/%s" % (self.place[3:], key)]

    def test_pages(self):
        self.site.page = 3
        for i in range(8):
            self.op("put", "p/%d" % i, "x")
        self.assertEqual([o["key"] for o in self.op("list", "p/")["objects"]], ["p/%d" % i for i in range(8)])
        path, _ = self.file(100, 4)
        upload = self.op("start", "m")["id"]
        for i in range(1, 9):
            self.op("part", "m", upload, i, path, i, 10)
        self.assertEqual([p[0] for p in self.op("parts", "m", upload)["parts"]], list(range(1, 9)))

    def test_lists_that_are_none(self):
        """what may be more than it shows is no list: who takes it for one removes what others need"""
        for i in range(3):
            self.op("put", "p/%d" % i, "x")
        for what, told in (("cut", lambda text: text.replace("false", "true")), ("half", lambda text: text[:-60]),
                           ("other", lambda text: "<html>Welcome</html>"), ("empty", lambda text: ""),
                           ("no size", lambda text: text.replace("Size>", "S>")), ("no key", lambda text: text.replace("Key>", "K>"))):
            with self.subTest(what):
                self.site.told = told
                self.assertEqual(self.fails("list", "p/"), "protocol")

    def test_lists_of_others(self):
        """what does not begin as was asked for is nobody's here"""
        self.op("put", "p/1", "x")
        self.op("put", "q", "x")
        prefix = self.place.partition("/")[2]
        self.site.told = lambda text: text.replace(prefix + "/p/1", prefix + "/q")
        self.assertEqual(self.op("list", "p/")["objects"], [])

    def test_without_conditions(self):
        """a server that refuses conditions is told from one whose condition does not hold; one that ignores them cannot be"""
        self.site.conditions = "no"
        self.assertEqual(self.op("put", "a", "one", "new")["made"], "unsupported")
        self.assertEqual(self.op("head", "a")["there"], False)
        self.assertEqual(self.op("put", "a", "one")["made"], "made")
        self.site.conditions = "ignored"
        self.assertEqual(self.op("put", "a", "two", "new")["made"], "made")

    def test_without_copies(self):
        self.site.copies = False
        self.op("put", "p", "x")
        upload = self.op("start", "j")["id"]
        self.assertEqual(self.op("copy", "j", upload, 1, "p")["made"], "unsupported")

    def test_trouble_after_200(self):
        """a finish that fails after its 200 is tried again, and is no success"""
        path, data = self.file(1000, 5)
        upload = self.op("start", "m")["id"]
        self.op("part", "m", upload, 1, path, 0, 1000)
        self.site.inner_error = 2
        self.assertEqual(self.op("finish", "m", upload)["made"], "made")
        self.assertEqual(self.whole("m"), data)
        upload = self.op("start", "n")["id"]
        self.op("part", "n", upload, 1, path, 0, 1000)
        self.site.inner_error = 99
        self.assertEqual(self.fails("finish", "n", upload), "network")
        self.assertNotIn("%s/n" % self.place[3:], self.site.objects)

    def test_silent_finish(self):
        """a finish that ends before it says what came of it is looked at again: only what is there is a success"""
        path, _ = self.file(1000, 6)
        for told, done in (("", True), ("<html>Welcome</html>", True), ("  <CompleteMultipartUploadResult>", True), ("", False)):
            with self.subTest(told, done=done):
                key = "m%d" % self.site.count
                upload = self.op("start", key)["id"]
                self.op("part", key, upload, 1, path, 0, 1000)

                def answer(text, told=told, done=done, key=key):
                    if not done:
                        self.site.objects.pop("%s/%s" % (self.place[3:], key))
                    return told
                self.site.told = answer
                if done:
                    self.assertEqual(self.op("finish", key, upload)["made"], "exists")
                else:
                    self.fails("finish", key, upload)

    def test_storm(self):
        """503 is waited out, and ends if it does not end"""
        left = [2]

        def trouble(path):
            left[0] -= 1
            return (503, "SlowDown") if left[0] >= 0 else None
        self.site.trouble = trouble
        for op in (("put", "a", "x"), ("get", "a"), ("list", ""), ("start", "a")):
            left[0] = 2
            self.op(*op)
        self.site.trouble = lambda path: (503, "SlowDown")
        config = os.path.join(self.folder.name, "c.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"retries": 2}, out)
        self.assertEqual(self.fails("put", "a", "x", env={"NCMODEL_CONFIG": config}), "rate_limited")

    def test_clock(self):
        self.site.skew = s3_site.datetime.timedelta(minutes=20)
        facts = self.raw("put", "a", "x")
        self.assertEqual(facts["error"], "auth_required")
        self.assertIn("clocks differ", facts["message"])


class Minio(Operations, unittest.TestCase):
    keys = (s3_peer.ACCESS, s3_peer.SECRET)

    @classmethod
    def setUpClass(cls):
        cls.peer = s3_peer.Peer(s3_peer.built()).__enter__()
        cls.addClassCleanup(cls.peer.__exit__)
        cls.peer.bucket("models")
        cls.endpoint = cls.peer.url

    def whole(self, key):
        return self.peer.must("GET", "/%s/%s" % (self.place[3:], key))[1]

    def test_no_bucket(self):
        for op in (("put", "k", "x"), ("get", "k"), ("list", ""), ("start", "k")):
            with self.subTest(op=op[0]):
                self.assertEqual(self.raw(*op, env={"NCMODEL_CACHE": "s3:nowhere"}).get("error"), "not_found")


if __name__ == "__main__":
    unittest.main()
