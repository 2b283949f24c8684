"""The source s3:, against a stand-in that checks each signature by the rules, and against a real MinIO where it can be had."""
import datetime
import json
import os
import sys
import time
import unittest

from harness import SOURCE, Case, gguf, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import s3_peer  # noqa: E402
import s3_site  # noqa: E402

LLAMA = "server/ai/llama-cpp/models"
KEYS = {"NCMODEL_S3_ACCESS_KEY": s3_site.ACCESS, "NCMODEL_S3_SECRET_KEY": s3_site.SECRET}


class S3Case(Case):
    keys = KEYS

    def setUp(self):
        super().setUp()
        self.site = self.serve()
        self.data = gguf("s3", 3 << 20)
        self.site.objects["models/llm/m.gguf"] = self.data
        self.machine.env.update({"NCMODEL_S3_ENDPOINT": self.site.url, **self.keys})

    def serve(self, *arguments, **options):
        site = s3_site.Site(*arguments, **options)
        self.addCleanup(site.close)
        return site

    def arrived(self, files):
        self.assertEqual(self.files(), {f"{LLAMA}/{path}": sha256(data) for path, data in files.items()})
        self.check_registry()

    def refused(self, *arguments, words, code, env=None):
        result = self.machine.run("pull", "-y", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        for word in words:
            self.assertIn(word, " ".join((result.err + result.out).split()))
        self.assertNotIn(s3_site.SECRET, result.err + result.out)
        self.assertEqual(self.files(), {})
        return result


class Objects(S3Case):
    def test_pull(self):
        """an object comes, every request signed; what is written down has neither key nor server"""
        self.pull("s3:models/llm/m.gguf")
        self.arrived({"m.gguf": self.data})
        entry = self.machine.registry()["models"][0]
        self.assertEqual(entry["source"], "s3:models/llm/m.gguf")
        self.assertTrue(all("authorization" in headers for _, _, headers in self.site.seen))
        before = len(self.site.seen)
        again = self.pull("s3://models/llm/m.gguf")
        self.assertIn("in place", again.out + again.err)
        self.assertEqual([method for method, _, _ in self.site.seen[before:] if method == "GET"], [])
        self.assertEqual(self.machine.run("rm", "-y", "s3:models/llm/m.gguf").returncode, 0)

    def test_keys_of_all_kinds(self):
        """what has to be encoded in a key is asked for, and signed, as it is"""
        for key, spelled in (("a b+c.gguf", "a%20b+c.gguf"), ("x/é=1@2.gguf", "x/é=1@2.gguf"), ("~(y)!'*$&;,:.gguf", "~(y)!'*$&;,:.gguf"),
                             ("100%.gguf", "100%25.gguf"), ("q?r#s.gguf", "q%3Fr%23s.gguf"), ("d/e.f/-_g.gguf", "d/e.f/-_g.gguf")):
            with self.subTest(key=key):
                data = gguf(key, 5000)
                self.site.objects["models/" + key] = data
                self.pull("s3:models/" + spelled, "--to", "llama-cpp")
                self.assertIn(sha256(data), self.files().values())
        self.check_registry()

    def test_digest_told_by_the_server(self):
        """a SHA-256 that it was uploaded with is held against the bytes"""
        self.site.digests.add("models/llm/m.gguf")
        self.site.digest_of = lambda name: "0" * 64
        self.refused("s3:models/llm/m.gguf", words=["sha256"], code=10)
        del self.site.digest_of
        self.pull("s3:models/llm/m.gguf")
        self.arrived({"m.gguf": self.data})

    def test_pinned(self):
        """a wrong digest is refused"""
        self.pull("s3:models/llm/m.gguf#sha256=" + sha256(self.data))
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.refused("s3:models/llm/m.gguf#sha256=" + "0" * 64, words=["sha256"], code=10)

    def test_manifest_and_lock(self):
        """of a manifest the next source is taken where the bucket has it no more"""
        spec = {"from": ["s3:models/gone.gguf", "s3:models/llm/m.gguf"], "to": [{"store": "llama-cpp", "name": "m.gguf"}],
                "sha256": sha256(self.data), "size": len(self.data)}
        self.machine.manifest([{"id": "m", "files": [spec]}])
        self.pull()
        self.arrived({"m.gguf": self.data})
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_outdated(self):
        """an object that was overwritten with another is told"""
        self.pull("s3:models/llm/m.gguf")
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        self.site.objects["models/llm/m.gguf"] = gguf("new", 2 << 20)
        self.assertEqual(self.machine.run("outdated").returncode, 3)

    def test_repair(self):
        """what was damaged is fetched again, signed"""
        self.pull("s3:models/llm/m.gguf")
        with open(self.machine.store("m.gguf"), "r+b") as file:
            file.seek(1 << 20)
            file.write(b"x" * 10)
        self.assertEqual(self.machine.run("verify", "--repair", "-y").returncode, 0)
        self.arrived({"m.gguf": self.data})

    def test_inspect(self):
        """its header is read by ranges, signed as well"""
        result = self.machine.run("inspect", "s3:models/llm/m.gguf")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("gguf", result.out.lower())
        self.assertTrue(all("authorization" in headers for _, _, headers in self.site.seen))
        self.assertTrue(any("range" in headers for _, _, headers in self.site.seen))

    def test_dump(self):
        """what was pulled can be pulled again from a dump of it"""
        self.pull("s3:models/llm/m.gguf")
        dump = os.path.join(self.machine.home, "dump.json")
        with open(dump, "w", encoding="utf-8") as out:
            out.write(self.machine.run("manifest", "dump").out)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.pull("-f", dump)
        self.arrived({"m.gguf": self.data})

    def test_bad_spellings(self):
        for uri in ("s3:", "s3:models", "s3:models/", "s3:m/x", "s3:Models/x.gguf", "s3:models//x.gguf", "s3:models/../x.gguf",
                    "s3:models/./x", "s3:models/x?y", "s3:models/x#y", "s3:models/%zz", "s3:models/%0a", "s3:models/x#sha256=1",
                    "s3:models/dir/", "s3:-models/x", "s3:models/" + "k" * 1025):
            with self.subTest(uri=uri):
                self.refused(uri, words=["s3:"], code=2)
        self.assertEqual(self.site.seen, [])


class Keys(S3Case):
    keys = {}

    def test_file(self):
        """keys from a file of the user's alone; one that others can read is told"""
        path = os.path.join(self.machine.home, ".config", "ncmodel", "s3-keys")
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"{s3_site.ACCESS}:{s3_site.SECRET}\n")
        os.chmod(path, 0o600)
        self.pull("s3:models/llm/m.gguf")
        self.arrived({"m.gguf": self.data})
        os.chmod(path, 0o644)
        self.assertIn("s3-keys", self.pull("s3:models/llm/m.gguf").err)

    def test_session(self):
        self.site.session = s3_site.SESSION
        self.refused("s3:models/llm/m.gguf", words=["session token", "NCMODEL_S3_SESSION_TOKEN"], code=6, env=KEYS)
        self.pull("s3:models/llm/m.gguf", env={**KEYS, "NCMODEL_S3_SESSION_TOKEN": s3_site.SESSION})
        self.arrived({"m.gguf": self.data})

    def test_aws_names_when_asked_alone(self):
        """a machine's keys to a cloud stay at home unless the user says so"""
        aws = {"AWS_ACCESS_KEY_ID": s3_site.ACCESS, "AWS_SECRET_ACCESS_KEY": s3_site.SECRET, "AWS_REGION": "eu-west-9"}
        self.refused("s3:models/llm/m.gguf", words=["sends no keys", "NCMODEL_S3_ACCESS_KEY"], code=6, env=aws)
        self.assertTrue(all("authorization" not in headers for _, _, headers in self.site.seen))
        self.site.region = "eu-west-9"
        self.pull("s3:models/llm/m.gguf", env={**aws, "NCMODEL_S3_USE_AWS": "1"})
        self.arrived({"m.gguf": self.data})

    def test_own_names_first(self):
        aws = {"AWS_ACCESS_KEY_ID": "OTHER", "AWS_SECRET_ACCESS_KEY": "other-secret", "NCMODEL_S3_USE_AWS": "1"}
        self.pull("s3:models/llm/m.gguf", env={**aws, **KEYS})
        self.arrived({"m.gguf": self.data})

    def test_public(self):
        """what everybody may read needs no keys"""
        self.site.public.add("models")
        self.pull("s3:models/llm/m.gguf")
        self.arrived({"m.gguf": self.data})

    def test_half(self):
        for name, missing in (("NCMODEL_S3_ACCESS_KEY", "NCMODEL_S3_SECRET_KEY"), ("NCMODEL_S3_SECRET_KEY", "NCMODEL_S3_ACCESS_KEY")):
            self.refused("s3:models/llm/m.gguf", words=[f"{name} is set, and {missing} is not"], code=2, env={name: KEYS[name]})

    def test_wrong(self):
        """each way to be refused has its own words and way out"""
        self.refused("s3:models/llm/m.gguf", words=["does not know the access key"], code=6, env={**KEYS, "NCMODEL_S3_ACCESS_KEY": "NOBODY"})
        self.refused("s3:models/llm/m.gguf", words=["is not that of the access key"], code=6,
                     env={**KEYS, "NCMODEL_S3_SECRET_KEY": "wrongSecret0123456789wrong"})

    def test_nowhere_to_be_seen(self):
        """the secret key is in no argument, output, log or file"""
        self.refused("s3:models/llm/gone.gguf", words=["no such object"], code=5, env=KEYS)
        self.pull("-v", "s3:models/llm/m.gguf", env=KEYS)
        for folder, _, names in os.walk(self.machine.home):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(s3_site.SECRET.encode(), file.read(), name)
        self.assertNotIn(s3_site.SECRET, json.dumps(self.site.seen))


class Trouble(S3Case):
    def test_clock(self):
        self.site.skew = datetime.timedelta(minutes=20)
        self.refused("s3:models/llm/m.gguf", words=["clocks differ", "timedatectl set-ntp true"], code=6)

    def test_region(self):
        """the region that the server tells is what the hint says, and that works"""
        self.site.region = "eu-central-9"
        self.refused("s3:models/llm/m.gguf", words=["in the region eu-central-9", "NCMODEL_S3_REGION=eu-central-9"], code=6)
        self.pull("s3:models/llm/m.gguf", env={"NCMODEL_S3_REGION": "eu-central-9"})
        self.arrived({"m.gguf": self.data})

    def test_region_by_redirect(self):
        self.site.trouble = lambda path: (301, "PermanentRedirect", {"x-amz-bucket-region": "ap-south-9"})
        self.refused("s3:models/llm/m.gguf", words=["in the region ap-south-9"], code=6)

    def test_missing(self):
        self.refused("s3:models/no.gguf", words=["no such object"], code=5)
        self.refused("s3:nowhere/no.gguf", words=["no such bucket"], code=5)

    def test_storm(self):
        """503 for a while, and it comes all the same; for ever, and that is told"""
        left = [3]

        def storm(path):
            left[0] -= 1
            return (503, "SlowDown") if left[0] >= 0 else None
        self.site.trouble = storm
        self.pull("s3:models/llm/m.gguf")
        self.arrived({"m.gguf": self.data})
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        left[0] = 1000
        config = os.path.join(self.machine.home, "few.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"retries": 2}, out)
        self.refused("--config", config, "s3:models/llm/m.gguf", words=["503"], code=7)

    def test_redirect_elsewhere(self):
        """a redirect to another host is followed without a signature, as the gateway of Hugging Face needs"""
        other = self.serve(public=("models",))
        other.objects = self.site.objects
        self.site.trouble = lambda path: (302, "Found", {"Location": other.url + path})
        self.pull("s3:models/llm/m.gguf")
        self.arrived({"m.gguf": self.data})
        self.assertTrue(other.seen)
        for _, _, headers in other.seen:
            self.assertFalse([name for name in headers if name == "authorization" or name.startswith("x-amz-")])

    def test_doctor(self):
        """S3 is looked at only where it is set up"""
        self.assertIn(self.site.url, self.machine.run("doctor").out)
        self.assertNotIn("amazonaws", self.machine.run("doctor", "--offline", env={"NCMODEL_S3_ENDPOINT": "", "NCMODEL_S3_ACCESS_KEY": "",
                                                                       "NCMODEL_S3_SECRET_KEY": ""}).out)


class Cache(S3Case):
    """A content of a plain address, which the cache may have."""

    def setUp(self):
        super().setUp()
        self.data = gguf("cached", 24 << 20)
        self.key = "models/team/blobs/sha256/%s/%s" % (sha256(self.data)[:2], sha256(self.data))
        self.machine.env["NCMODEL_CACHE"] = "s3://models/team/"
        self.machine.manifest([self.machine.simple("m.gguf", self.data)])

    def pull(self, *arguments, **options):
        """Read alone: what fills it is test_cache's."""
        return super().pull("--no-fill", *arguments, **options)

    def from_origin(self):
        return [r for r in self.hub.requests if r["path"] == "/files/m.gguf" and r["method"] == "GET"]

    def asked(self, method="GET"):
        return [path for verb, path, _ in self.site.seen if verb == method and path == "/" + self.key]

    def test_hit(self):
        """what the cache has comes from there, and from nowhere else"""
        self.site.objects[self.key] = self.data
        self.assertIn("from s3://models/team/\n", self.pull().out)
        self.arrived({"m.gguf": self.data})
        self.assertEqual(self.from_origin(), [])
        self.assertTrue(self.asked())
        entry = self.machine.registry()["models"][0]
        self.assertNotIn("s3:", json.dumps(entry))

    def test_miss(self):
        result = self.pull()
        self.arrived({"m.gguf": self.data})
        self.assertEqual((len(self.asked("HEAD")), bool(self.from_origin())), (1, True))
        self.assertNotIn("cache cannot", result.err)

    def test_damaged(self):
        """wrong bytes of the right size: told, and fetched from the source"""
        self.site.objects[self.key] = self.data[:-1] + b"x"
        self.assertIn("what the cache or mirror has is wrong", self.pull().err)
        self.arrived({"m.gguf": self.data})
        self.assertTrue(self.from_origin())

    def test_killed(self):
        """bytes of a right or a wrong cache, kept over a kill -9: the next pull ends with the right ones"""
        for data in (self.data, b"X" + self.data[1:], self.data[:-1] + b"X"):
            with self.subTest(first=data[:1], last=data[-1:]):
                self.site.objects[self.key] = data
                process = self.machine.start("pull", "-y", "--limit-rate", "8M")
                time.sleep(1.2)
                process.kill()
                process.communicate()
                self.assertNotIn(f"{LLAMA}/m.gguf", self.files())
                self.pull()
                self.arrived({"m.gguf": self.data})
                self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)

    def test_half(self):
        """an object of another size is not even begun with"""
        self.site.objects[self.key] = self.data[:1 << 20]
        self.pull()
        self.arrived({"m.gguf": self.data})
        self.assertEqual(self.asked(), [])

    def test_lost_in_the_middle(self):
        """the cache loses it while it comes: the rest comes from the source"""
        self.site.objects[self.key] = self.data
        left = [2]

        def trouble(path):
            left[0] -= 1
            return (404, "NoSuchKey") if left[0] < 0 else None
        self.site.trouble = trouble
        self.pull()
        self.arrived({"m.gguf": self.data})
        self.assertTrue(self.asked() and self.from_origin())

    def test_storm(self):
        """a cache that answers 503 does not hold up a pull"""
        self.site.trouble = lambda path: (503, "SlowDown")
        result = self.pull()
        self.arrived({"m.gguf": self.data})
        self.assertIn("the cache cannot be asked", " ".join(result.err.split()))

    def test_away(self):
        """nor does one that is not there, or is not one; told once"""
        for env in ({"NCMODEL_S3_ENDPOINT": "http://127.0.0.1:9"}, {"NCMODEL_CACHE": "models/team"}, {"NCMODEL_CACHE": "s3:No"},
                    {"NCMODEL_S3_SECRET_KEY": "wrongSecret0123456789wrong"}):
            with self.subTest(env=env):
                result = self.pull("--json", env=env)
                self.assertEqual((" ".join(result.err.split())).count("the cache cannot be asked"), 1)
                self.assertTrue(json.loads(result.out)["warnings"][0].startswith("the cache cannot be asked"))
                self.arrived({"m.gguf": self.data})
                self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)

    def test_unpinned(self):
        """what has no digest is not looked for"""
        self.machine.manifest([self.machine.simple("m.gguf", self.data, pinned=False)])
        self.pull()
        self.arrived({"m.gguf": self.data})
        self.assertEqual(self.site.seen, [])

    def test_source_gone(self):
        """the source has dropped it, the cache has it"""
        self.site.objects[self.key] = self.data
        del self.hub.blobs["service"]["/files/m.gguf"]
        self.pull()
        self.arrived({"m.gguf": self.data})

    def test_repository_gone(self):
        """pinned by the lock alone, and what was pinned is no repository any more; the cache is no place for the lock"""
        self.hub.hf("org/gone", {"m.gguf": self.data})
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/gone/m.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.pull()
        os.unlink(self.machine.store("m.gguf"))
        self.hub.routes["service"].clear()
        self.pull(code=5)
        self.site.objects[self.key] = self.data
        result = self.pull()
        self.assertIn("its pinned bytes come from s3://models/team/", " ".join(result.err.split()))
        self.arrived({"m.gguf": self.data})
        self.assertNotIn("s3:", self.read(self.machine.store("ncmodel.lock")).decode())


class Real:
    """The same against real ones, without and with TLS."""

    program, make = s3_peer.PROGRAM, s3_peer.Peer

    @classmethod
    def setUpClass(cls):
        binary = s3_peer.built(cls.program, cls.make.name)
        cls.peers = [cls.make(binary, tls=tls).__enter__() for tls in (False, True)]
        for peer in cls.peers:
            cls.addClassCleanup(peer.__exit__)
            peer.bucket("models")

    def setUp(self):
        super().setUp()
        self.use(self.peers[0])

    def use(self, peer):
        self.peer = peer
        self.machine.env.update({"NCMODEL_S3_ENDPOINT": peer.url, "NCMODEL_S3_ACCESS_KEY": s3_peer.ACCESS,
                                 "NCMODEL_S3_SECRET_KEY": s3_peer.SECRET, "SSL_CERT_FILE": peer.ca if peer.tls else ""})

    def test_pull(self):
        """large objects in ranges over several connections, and again; with TLS, too"""
        data = gguf("minio", 80 << 20)
        for peer in self.peers:
            with self.subTest(url=peer.url):
                self.use(peer)
                peer.put("models", "llm/big.gguf", data)
                self.pull("s3:models/llm/big.gguf")
                self.check_registry()
                self.assertEqual(self.machine.registry()["models"][0]["files"][0]["sha256"], sha256(data))
                self.assertEqual(self.machine.run("outdated").returncode, 0)
                self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)

    def test_keys_of_all_kinds(self):
        for key in ("a b+c.gguf", "x/é=1@2.gguf", "~(y)!'*$&;,.gguf", "100%.gguf", "q?r#s.gguf", "d/e.f/-_g.gguf", "%41.gguf"):
            with self.subTest(key=key):
                data = gguf(key, 5000)
                self.peer.put("models", key, data)
                spelled = key.replace("%", "%25").replace("?", "%3F").replace("#", "%23").replace(" ", "%20")
                self.pull("s3:models/" + spelled, "--to", "llama-cpp")
                self.assertIn(sha256(data), self.machine.snapshot().values())

    def test_digest_told_by_the_server(self):
        """what was uploaded with a SHA-256 is pinned by it before it is fetched"""
        data = gguf("told", 100000)
        self.peer.put("models", "told.gguf", data, checksum=True)
        self.peer.put("models", "untold.gguf", data)
        for name, first_use in (("told", False), ("untold", True)):
            self.assertEqual(self.machine.run("lock", f"s3:models/{name}.gguf").returncode, 0)
            result = self.pull(f"s3:models/{name}.gguf", "--json")
            self.assertEqual(json.loads(result.out)["ok"], True)
            with self.subTest(name=name):
                self.assertEqual("first use" in result.err, first_use, result.err)

    def test_cache(self):
        """contents by digest come from the bucket, and their source is asked for nothing of them"""
        data = gguf("cached", 40 << 20)
        self.peer.put("models", "team/blobs/sha256/%s/%s" % (sha256(data)[:2], sha256(data)), data)
        self.machine.manifest([self.machine.simple("m.gguf", data)])
        self.pull(env={"NCMODEL_CACHE": "s3:models/team"})
        self.check_registry()
        self.assertEqual([r for r in self.hub.requests if r["method"] == "GET"], [])

    def test_refusals(self):
        """the real server's errors are understood"""
        self.peer.put("models", "m.gguf", gguf("m", 5000))
        for env, uri, code, words in (
                ({"NCMODEL_S3_ACCESS_KEY": "nobody"}, "models/m.gguf", 6, "does not know the access key"),
                ({"NCMODEL_S3_SECRET_KEY": "wrongSecret0123456789wrong"}, "models/m.gguf", 6, "is not that of the access key"),
                ({"NCMODEL_S3_SESSION_TOKEN": "canarySessionToken0123456789"}, "models/m.gguf", 6, "session token"),
                ({"NCMODEL_S3_ACCESS_KEY": "", "NCMODEL_S3_SECRET_KEY": ""}, "models/m.gguf", 6, "sends no keys"),
                ({"NCMODEL_S3_REGION": "eu-west-1"}, "models/m.gguf", 6, "in the region us-east-1"),
                ({}, "models/no.gguf", 5, "no such object"), ({}, "nowhere/no.gguf", 5, "no such bucket")):
            with self.subTest(words=words):
                result = self.machine.run("pull", "-y", "s3:" + uri, env=env)
                self.assertEqual(result.returncode, code, result.err)
                self.assertIn(words, " ".join(result.err.split()))

    def test_clock(self):
        """the real server tells a clock that is off as the stand-in does, by the same code"""
        self.peer.put("models", "m.gguf", gguf("m", 5000))
        for late, status in ((-20, 403), (20, 403), (5, 200)):
            answer = self.peer.ask("GET", "/models/m.gguf", late=late)
            self.assertEqual((answer[0], b"<Code>RequestTimeTooSkewed</Code>" in answer[2]), (status, status == 403), answer)


class Minio(Real, Case):
    pass


class Versity(Real, Case):
    program, make = s3_peer.VERSITY, s3_peer.Versity


if __name__ == "__main__":
    unittest.main()
