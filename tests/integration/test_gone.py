#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What its source has no longer: the lock remembers who else served a digest, and pinned bytes are looked up by it."""
import json
import os
import random
import shutil
import unittest

from drift_case import DriftCase
from harness import gguf, safetensors, sha256

ROUNDS = int(os.environ.get("NCM_GONE_ROUNDS", "25"))
BIG = 17 << 20  # from this size on all places of a file serve it together


class GoneCase(DriftCase):
    def drop(self, *parts):
        """The service knows nothing of these any more."""
        for table in (self.hub.routes, self.hub.blobs):
            for server in table.values():
                for path in [path for path in server if any(part in path for part in parts)]:
                    del server[path]

    def empty_machine(self):
        """Nothing but the lock is left."""
        lock = self.lock_text()
        shutil.rmtree(self.machine.root)
        self.write(self.machine.store("ncmodel.lock"), lock.encode())
        self.hub.forget()

    def pulled(self, *arguments, code=0):
        result = self.pull("--json", *arguments, code=code)
        return json.loads(result.out), result

    def model(self, uris, **spec):
        self.machine.manifest([{"id": "m", "files": [{"from": uris, "insecure_http": True, **spec,
                                                      "to": [{"store": "llama-cpp", "name": "m.gguf"}]}]}])

    def places(self, uri):
        return self.locked()[uri]["files"][0].get("places")

    def arrived(self, data):
        self.assertEqual(self.read(self.machine.store("m.gguf")), data)
        self.check_registry()


class PlacesTest(GoneCase):
    def test_the_second_place_is_remembered(self):
        """its bytes came from there, so the first time and every time the lock says so; a second pull changes nothing"""
        data = gguf("two", 50_000)
        self.hub.hf("org/two", {"m.gguf": data})
        second = self.hub.url("/files/two.gguf", data)
        self.model(["hf:org/two/m.gguf", second])
        self.pull()
        self.assertIsNone(self.places("hf:org/two/m.gguf"))
        self.empty_machine()
        self.hub.fault("/xet/org/two/m.gguf", "status", times=None, status=404)
        self.pull()
        self.arrived(data)
        self.assertEqual(self.places("hf:org/two/m.gguf"), [second])
        before = self.lock_text()
        self.pull("--json")
        self.assertEqual(self.lock_text(), before)
        lock = self.machine.run("lock", "--json")
        self.assertEqual((lock.returncode, self.lock_text()), (0, before))

    def test_lock_check_tells_them(self):
        data = gguf("two", 50_000)
        self.hub.hf("org/two", {"m.gguf": data})
        second = self.hub.url("/files/two.gguf", data)
        self.model(["hf:org/two/m.gguf", second])
        self.hub.fault("/xet/org/two/m.gguf", "status", times=None, status=404)
        self.pull()
        self.drop("org/two")
        data, states = self.ask("lock", "--check", code=3)
        self.assertEqual(states, {"m": "gone"})
        self.assertIn(f"who else served 1 of its 1 file: {second}", self.entry(data, "m")["detail"])

    def test_a_locked_pull_writes_no_lock(self):
        data = gguf("two", 50_000)
        self.hub.hf("org/two", {"m.gguf": data})
        self.model(["hf:org/two/m.gguf", self.hub.url("/files/two.gguf", data)])
        self.pull()
        self.empty_machine()
        before = self.lock_text()
        self.hub.fault("/xet/org/two/m.gguf", "status", times=None, status=404)
        self.pull("--locked")
        self.assertEqual(self.lock_text(), before)

    def test_a_signed_address_is_no_place(self):
        """neither its signature nor what is left of it is kept"""
        data = gguf("signed", 50_000)
        self.hub.hf("org/two", {"m.gguf": data})
        self.hub.url("/files/two.gguf", data)
        self.model(["hf:org/two/m.gguf", self.hub.service.url + "/files/two.gguf?X-Amz-Signature=5ecreT"])
        self.hub.fault("/xet/org/two/m.gguf", "status", times=None, status=404)
        self.pull()
        self.arrived(data)
        self.assertIsNone(self.places("hf:org/two/m.gguf"))
        for folder, _, names in os.walk(self.machine.home):
            for name in names:
                self.assertNotIn(b"5ecreT", b"" if "manifests" in folder else self.read(os.path.join(folder, name)), name)

    def test_a_place_is_of_its_bytes(self):
        """other bytes of the same source: what served the old ones is forgotten"""
        data, other = gguf("one", 50_000), gguf("other", 60_000)
        self.hub.hf("org/two", {"m.gguf": data}, commit="a" * 40)
        second = self.hub.url("/files/two.gguf", data)
        self.model(["hf:org/two/m.gguf", second])
        self.hub.fault("/xet/org/two/m.gguf", "status", times=None, status=404)
        self.pull()
        self.assertEqual(self.places("hf:org/two/m.gguf"), [second])
        self.hub.faults.clear()
        self.hub.hf("org/two", {"m.gguf": other}, commit="b" * 40)
        self.pull("--update")
        self.arrived(other)
        self.assertIsNone(self.places("hf:org/two/m.gguf"))


class LostTest(GoneCase):
    """Pinned by the lock alone; then the repository is gone."""

    def setUp(self):
        super().setUp()
        self.data = gguf("lost", 50_000)
        self.hub.hf("org/lost", {"m.gguf": self.data})
        self.model(["hf:org/lost/m.gguf"])
        self.pull()
        self.empty_machine()
        self.drop("org/lost")

    def remember(self, *places):
        lock = json.loads(self.lock_text())
        lock["entries"]["hf:org/lost/m.gguf"]["files"][0]["places"] = list(places)
        self.write(self.machine.store("ncmodel.lock"), json.dumps(lock).encode())

    def test_the_places_of_the_lock(self):
        """the first that has it; one that has it not, has other bytes, or cannot be reached is passed over"""
        there = self.hub.url("/z/lost.gguf", self.data)
        other = self.hub.url("/files/other.gguf", gguf("other", 40_000))
        self.remember(other, "hf:org/gone/m.gguf", "http://127.0.0.1:9/x.gguf", there)
        found, result = self.pulled("--locked")
        self.arrived(self.data)
        self.assertEqual(found["data"]["result"]["models"][0]["served_by"], there)
        told = " ".join(result.err.split())
        self.assertIn(f"its pinned bytes come from {there}", told)
        self.assertEqual(self.locked()["hf:org/lost/m.gguf"]["pinned"], "hf:org/lost/m.gguf@" + "c" * 40)

    def test_the_plan_says_where_it_comes_from(self):
        there = self.hub.url("/files/lost.gguf", self.data)
        self.remember(there)
        plan = json.loads(self.machine.run("plan", "--json").out)["data"]
        file = plan["models"][0]["files"][0]
        self.assertEqual((file["source"], plan["to_get"]), (there, len(self.data)))

    def test_same_size_other_bytes(self):
        """what lies about its content is found out, and the next place asked"""
        lie = self.hub.url("/files/a.gguf", self.data[:-1] + b"!")
        there = self.hub.url("/files/b.gguf", self.data)
        self.remember(lie, there)
        found, _ = self.pulled()
        self.arrived(self.data)
        self.assertEqual(found["data"]["result"]["models"][0]["served_by"], there)

    def test_web_server_with_content_by_its_digest(self):
        self.hub.blobs["cdn"]["/b/blobs/sha256/" + sha256(self.data)] = self.data
        self.hub.url("/files/lost.gguf", self.data)
        self.remember(self.hub.service.url + "/files/lost.gguf")
        self.pull("--mirror", self.hub.cdn.url + "/b")
        self.arrived(self.data)
        self.assertEqual(self.hub.asked("/files/lost.gguf"), [])
        self.assertIn(self.hub.cdn.url + "/b/blobs/sha256/" + sha256(self.data), self.places("hf:org/lost/m.gguf"))

    def test_a_folder_needs_nobody(self):
        bundle = os.path.join(self.machine.home, "bundle")
        self.write(os.path.join(bundle, "blobs/sha256", sha256(self.data)), self.data)
        self.pull("--mirror", bundle)
        self.arrived(self.data)
        self.assertEqual([r["path"] for r in self.hub.asked() if "by-hash" in r["path"]], [])

    def test_another_entry_with_the_same_bytes(self):
        """the lock knows them of another source, which nothing wants now"""
        there = self.hub.url("/files/lost.gguf", self.data)
        lock = json.loads(self.lock_text())
        entry = lock["entries"]["hf:org/lost/m.gguf"]
        lock["entries"][there] = {**entry, "pinned": there, "revision": None}
        self.write(self.machine.store("ncmodel.lock"), json.dumps(lock).encode())
        self.pull()
        self.arrived(self.data)
        self.assertEqual(self.places("hf:org/lost/m.gguf"), [there])

    def test_nobody_has_it(self):
        """all who were asked are named, with who could not be; the code stays that of the source's answer"""
        self.remember("http://127.0.0.1:9/x.gguf", self.hub.service.url + "/files/no.gguf")
        for command in (["pull", "-y", "--json"], ["plan", "--json"]):
            result = self.machine.run(*command, "--retries", "1", "--mirror", self.hub.cdn.url + "/b")
            self.assertEqual(result.returncode, 5, result.err)
            error = json.loads(result.out)["errors"][0]
            for word in ("org/lost", self.hub.cdn.url + "/b (no)",
                         "http://127.0.0.1:9/x.gguf (not known: network)", self.hub.service.url + "/files/no.gguf (no)",
                         "Civitai (no)"):
                self.assertIn(word, error["message"])
            self.assertIn("--mirror DIR", error["hint"])

    def test_who_cannot_be_asked_does_not_say_no(self):
        result = self.machine.run("plan", "--json", "--retries", "1", "--mirror", "http://127.0.0.1:9/b",
                                  env={"NCMODEL_CACHE": "s3:bucket/prefix", "NCMODEL_S3_ENDPOINT": "http://127.0.0.1:9",
                                       "NCMODEL_S3_ACCESS_KEY": "key", "NCMODEL_S3_SECRET_KEY": "secret"})
        self.assertEqual(result.returncode, 5, result.err)
        error = json.loads(result.out)["errors"][0]["message"]
        for word in ("http://127.0.0.1:9/b (not known)", "s3:bucket/prefix (not known)"):
            self.assertIn(word, error)

    def test_a_service_that_fails_is_asked_once(self):
        """one for all files: what it cannot tell of the first it cannot tell of the others"""
        files = {f"{name}.gguf": gguf(name, 50_000) for name in "abcdef"}
        self.machine.manifest([self.machine.simple(name, data) for name, data in files.items()])
        for name in files:
            del self.hub.blobs["service"]["/files/" + name]
        result = self.machine.run("pull", "-y", "--json", "--retries", "1", env={"NCMODEL_CIVITAI_ENDPOINT": "http://127.0.0.1:9"})
        errors = [error["message"] for error in json.loads(result.out)["errors"]]
        self.assertEqual(len([e for e in errors if e.endswith("Civitai (not known)")]), 6, errors)
        self.assertEqual(result.err.count("127.0.0.1:9"), 0, result.err)

    def test_another_model_with_the_same_bytes(self):
        """its source is one, too: nobody need be asked by digest"""
        url = self.hub.url("/files/same.gguf", self.data)
        self.machine.manifest([
            {"id": "m", "files": [{"from": ["hf:org/lost/m.gguf"], "to": [{"store": "llama-cpp", "name": "m.gguf"}]}]},
            {"id": "n", "files": [{"from": [url], "insecure_http": True, "sha256": sha256(self.data), "size": len(self.data),
                                   "to": [{"store": "llama-cpp", "name": "n.gguf"}]}]}])
        self.pull()
        self.arrived(self.data)
        self.assertEqual(self.read(self.machine.store("n.gguf")), self.data)
        self.assertEqual([r["path"] for r in self.hub.asked() if "by-hash" in r["path"]], [])
        self.assertEqual(self.places("hf:org/lost/m.gguf"), [url])

    def test_what_could_not_be_told_is_not_gone(self):
        """a service that fails has not dropped anything: nobody else is asked"""
        self.remember(self.hub.url("/files/lost.gguf", self.data))
        for status, code in ((503, 7), (403, 6)):
            self.hub.forget()
            self.hub.fault("/api/models/org/lost/tree/" + "c" * 40, "status", times=None, status=status)
            result = self.machine.run("pull", "-y", "--retries", "1")
            self.assertEqual(result.returncode, code, result.err)
            self.assertEqual([r for r in self.hub.asked() if "/files/" in r["path"] or "by-hash" in r["path"]], [])
            self.hub.faults.clear()

    def test_a_service_by_digest(self):
        """Civitai is asked last, and for weights alone"""
        self.hub.civitai(101, 77, "m.gguf", self.data)
        found, _ = self.pulled()
        self.arrived(self.data)
        self.assertTrue(found["data"]["result"]["models"][0]["served_by"].startswith("civitai:77@101"))
        self.assertTrue(self.places("hf:org/lost/m.gguf")[0].startswith("civitai:77@101"))

    def test_offline_asks_nobody(self):
        self.remember(self.hub.url("/files/lost.gguf", self.data))
        self.pull("--offline", code=11)
        self.assertEqual(self.hub.asked(), [])

    def test_other_bytes_under_the_name(self):
        """what the lock pins is looked up; with --update what is served now is taken"""
        other = gguf("other", 50_000)
        for locked in ([], ["--locked"]):
            self.hub.hf("org/lost", {"m.gguf": other}, commit="c" * 40)
            self.remember()
            self.pull(*locked, code=10)
            self.remember(self.hub.url("/files/lost.gguf", self.data))
            self.pull(*locked)
            self.arrived(self.data)
            self.empty_machine()
        self.pull("--update")
        self.arrived(other)


class AnyTest(GoneCase):
    """Random worlds: of web servers, places of the lock and a service by digest each has the bytes, has them not, has others, or says
    so and has not."""

    HAVE = {"right": lambda data: data, "none": lambda _: None, "other": lambda data: data + b"!",
            "lie": lambda data: data[:-1] + bytes([data[-1] ^ 1])}

    def world(self, rng, data):
        """In the order in which they are to be asked: (its path, what it has)."""
        digest = sha256(data)
        places = [(f"/b{number}/blobs/sha256/{digest}", rng.choice(list(self.HAVE))) for number in range(rng.randrange(3))]
        lock = sorted({f"/p/{rng.randrange(100):02}.gguf" for _ in range(rng.randrange(5))})
        places += [(path, rng.choice(list(self.HAVE))) for path in lock]
        self.drop("/b0/", "/b1/", "/p/", "by-hash", "/download/")
        for path, kind in places:
            if self.HAVE[kind](data) is not None:
                self.hub.url(path, self.HAVE[kind](data))
        if rng.random() < 0.5:
            self.hub.civitai(101, 77, "m.gguf", data)
            places.append(("/api/download/models/101", "right"))
        return places, [self.hub.service.url + path for path in lock]

    def test_the_first_that_has_it_serves(self):
        rng = random.Random(18)
        data = gguf("any", 40_000)
        self.hub.hf("org/lost", {"m.gguf": data})
        self.model(["hf:org/lost/m.gguf"])
        self.pull()
        self.drop("org/lost")
        for number in range(ROUNDS):
            self.empty_machine()
            places, noted = self.world(rng, data)
            lock = json.loads(self.lock_text())
            lock["entries"]["hf:org/lost/m.gguf"]["files"][0]["places"] = noted
            self.write(self.machine.store("ncmodel.lock"), json.dumps(lock).encode())
            bundles = sorted({path.split("/")[1] for path, _ in places if "/blobs/" in path})
            first = next((n for n, (_, kind) in enumerate(places) if kind == "right"), None)
            mirrors = [word for bundle in bundles for word in ("--mirror", f"{self.hub.service.url}/{bundle}")]
            result = self.machine.run("pull", "-y", "--json", "--locked", *mirrors)
            with self.subTest(round=number, places=places):
                report = json.loads(result.out)
                asked = [r["path"] for r in self.hub.asked()]
                if first is None:
                    self.assertIn(result.returncode, (5, 10), result.err)
                    for path, kind in places:  # who lied was believed until it was fetched
                        self.assertTrue(kind == "lie" or path.split("/blobs/")[0] in report["errors"][0]["message"], path)
                    self.assertEqual(self.files(), {})
                    continue
                self.assertEqual(result.returncode, 0, result.err)
                self.arrived(data)
                served = report["data"]["result"]["models"][0]["served_by"]
                self.assertIn("civitai:77@101" if "download" in places[first][0] else places[first][0], served)
                self.assertEqual([path for path, _ in places[first + 1:] if path in asked], [])
                times = [asked.index(path) for path, _ in places[:first + 1]]
                self.assertEqual(times, sorted(times))


class WholeTest(GoneCase):
    def test_a_repository_file_by_file(self):
        """some files are here, some at other places; the small ones are known by their SHA-256, too, once they came"""
        files = {"model.safetensors": safetensors("w", 90_000), "config.json": b'{"a": 1}', "vae.safetensors": safetensors("v", 30_000)}
        self.hub.hf("org/whole", files, small=("config.json",))
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/whole"], "to": [{"store": "llama-cpp"}]}]}])
        self.pull()
        before = self.files()
        os.unlink(self.machine.store("whole/model.safetensors"))
        os.unlink(self.machine.store("whole/config.json"))
        self.drop("org/whole")
        lock = json.loads(self.lock_text())
        for file in lock["entries"]["hf:org/whole"]["files"]:
            file["places"] = [self.hub.url("/w/" + file["path"], files[file["path"]])]
        self.write(self.machine.store("ncmodel.lock"), json.dumps(lock).encode())
        self.hub.forget()
        self.pull()
        self.assertEqual(self.files(), before)
        self.assertEqual({r["path"] for r in self.hub.fetched() if r["path"].startswith("/w/")}, {"/w/model.safetensors", "/w/config.json"})
        self.check_registry()

    def test_verify_repairs_by_digest(self):
        data = gguf("m", 50_000)
        self.hub.hf("org/lost", {"m.gguf": data})
        self.model(["hf:org/lost/m.gguf"])
        self.pull()
        self.drop("org/lost")
        lock = json.loads(self.lock_text())
        lock["entries"]["hf:org/lost/m.gguf"]["files"][0]["places"] = [self.hub.url("/files/lost.gguf", data)]
        self.write(self.machine.store("ncmodel.lock"), json.dumps(lock).encode())
        with open(self.machine.store("m.gguf"), "r+b") as file:
            file.seek(5000)
            file.write(b"damage")
        result = self.machine.run("verify", "--repair", "-y")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.arrived(data)


class OllamaTest(GoneCase):
    """Its manifest, which no pin holds, is content by its digest like its layers."""

    def setUp(self):
        super().setUp()
        self.layers = [("model", gguf("ollama", 120_000)), ("template", b"{{ .Prompt }}"), ("license", b"MIT")]
        manifest = self.hub.ollama("library/tiny", self.layers, tag="1b")
        self.machine.manifest([{"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]}])
        self.pull()
        self.before = self.files()
        for data in [self.read(os.path.join(self.machine.root, path)) for path in self.before] + [manifest]:
            self.hub.blobs["cdn"]["/b/blobs/sha256/" + sha256(data)] = data
        self.empty_machine()

    def test_gone(self):
        self.drop("/v2/")
        self.pull(code=5)
        self.pull("--locked", "--mirror", self.hub.cdn.url + "/b")
        self.assertEqual(self.files(), self.before)
        self.check_registry()
        self.assertEqual(self.machine.run("lock", "--check", "--json").returncode, 3)  # it is gone for that

    def test_another_model_under_its_name(self):
        """the registry has the blobs yet, and hands out no manifest by its digest"""
        self.hub.ollama("library/tiny", [("model", gguf("other", 90_000))], tag="1b")
        self.pull(code=10)
        for path in [path for path in self.hub.blobs["cdn"] if path.startswith("/b/") and "manifest" not in path]:
            if len(self.hub.blobs["cdn"][path]) > 100_000:
                del self.hub.blobs["cdn"][path]
        self.pull("--mirror", self.hub.cdn.url + "/b")
        self.assertEqual(self.files(), self.before)
        self.check_registry()


class PinnedTest(GoneCase):
    """A manifest's pin needs no lock."""

    def test_by_the_manifest_alone(self):
        for size in (50_000, BIG):
            data = gguf("pinned", size)
            self.hub.civitai(101, 77, "m.gguf", data)
            self.model(["hf:org/never/m.gguf", self.hub.service.url + "/files/never.gguf"], sha256=sha256(data), size=size)
            shutil.rmtree(self.machine.root)
            found, _ = self.pulled()
            self.arrived(data)
            self.assertTrue(found["data"]["result"]["models"][0]["served_by"].startswith("civitai:77@101"))

    def test_gone_between_plan_and_fetch(self):
        """nobody is asked about an address that is pinned before it is fetched"""
        data = gguf("pinned", 50_000)
        self.hub.civitai(101, 77, "m.gguf", data)
        self.model([self.hub.service.url + "/files/never.gguf"], sha256=sha256(data), size=len(data))
        self.pull()
        self.arrived(data)

    def test_nobody_has_it(self):
        data = gguf("pinned", 50_000)
        self.model([self.hub.service.url + "/files/never.gguf"], sha256=sha256(data), size=len(data))
        result = self.pull(code=5)
        self.assertIn("Civitai (no)", " ".join(result.err.split()))


if __name__ == "__main__":
    unittest.main()
