"""push: SHA-256 checkpoints of larger files as an artifact that refers to the manifest; pull: believes none of them."""
import glob
import json
import os
import random
import re
import threading
import time
import unittest

import oras_peer
import push_case
from harness import gguf, sha256
from push_case import PushCase

import oci_site as site
import registry_site
from registry_proxy import Proxy

SPAN = 16 << 20
KILLS = int(os.environ.get("NCM_PUSH_KILLS", "6"))
TYPE = "application/vnd.ncmodel.checkpoints.v1"
DATA = gguf("checkpoints", 4 * SPAN) + gguf("last", SPAN + 7)
servers = None


def setUpModule():
    global servers
    servers = push_case.start("open")


class Checkpoints(PushCase):
    def setUp(self):
        super().setUp()
        self.proxy = Proxy(servers.ports["open"])
        self.addCleanup(self.proxy.close)
        self.model = self.installed({"model.gguf": DATA, "config.json": b"{}"}, name=f"origin/c{id(self)}")

    def kept(self):
        """The checkpoints that the store keeps."""
        [path] = glob.glob(self.machine.store("**/.ncmodel/checkpoints/*"), recursive=True) or glob.glob(self.machine.store(".ncmodel/checkpoints/*"))
        return path

    def ask(self, what):
        """Of the repository that was pushed to."""
        status, _, body = registry_site._ask(servers.ports["open"], "GET", f"/v2/pushed/p{self.count}/{what}", headers={"Accept": f"{site.MANIFEST}, {site.INDEX}"})
        return json.loads(body) if status == 200 else None

    def listed(self, told):
        """What the fallback tag names."""
        index = self.ask("manifests/" + told["digest"].replace(":", "-"))
        return index and index["manifests"]

    def forget(self):
        """As on another machine."""
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        for path in glob.glob(self.machine.store("**/.ncmodel/checkpoints/*"), recursive=True):
            os.remove(path)

    def pulled(self, code=0):
        """Pulls through the proxy; returns what was asked of it."""
        self.forget()
        self.proxy.asked.clear()
        self.pull(self.place(port=self.proxy.port), "--to", "llama-cpp", code=code)
        if code == 0:
            self.assertEqual(sorted(self.files().values()), sorted([sha256(DATA), sha256(b"{}")]))
        return [path for _, path in self.proxy.asked]

    def test_of_a_registry_that_lists_none_a_tag_does(self):
        told = self.push(self.place(), self.model)["data"]
        self.assertEqual(told["checkpoints"], 1)
        [child] = self.listed(told)
        self.assertEqual(child["artifactType"], TYPE)
        referrer = self.ask("manifests/" + child["digest"])
        self.assertEqual((referrer["artifactType"], referrer["subject"]["digest"], referrer["config"]["mediaType"]),
                         (TYPE, told["digest"], "application/vnd.oci.empty.v1+json"))
        [layer] = referrer["layers"]
        self.assertEqual(layer["annotations"][site.TITLE], "ncmodel.lock.checkpoints/" + sha256(DATA))
        self.assertEqual(self.blob(self.place(), layer["digest"]), self.read(self.kept()))

    def test_again_is_nothing(self):
        told = self.push(self.place(port=self.proxy.port), self.model)["data"]
        self.proxy.asked.clear()
        again = self.push(self.place(port=self.proxy.port), self.model)["data"]
        self.assertEqual((again["unchanged"], again["checkpoints"], again["digest"]), (True, 1, told["digest"]))
        self.assertEqual({method for method, _ in self.proxy.asked} - {"GET", "HEAD"}, set())
        self.assertEqual(len(self.listed(told)), 1)

    def test_they_come_with_the_next_push_if_they_were_not_kept(self):
        kept, right = self.kept(), self.read(self.kept())
        os.remove(kept)
        told = self.push(self.place(), self.model)["data"]
        self.assertEqual((told["checkpoints"], self.listed(told)), (0, None))
        self.write(kept, right)
        self.assertEqual(self.push(self.place(), self.model)["data"]["checkpoints"], 1)
        self.assertEqual(len(self.listed(told)), 1)

    def test_what_is_sent_has_them_from_its_hash(self):
        """whatever its store keeps"""
        right = self.read(self.kept())
        os.remove(self.kept())
        told = self.push("--piece", "20MiB", self.place(port=self.proxy.port), self.model)["data"]
        self.assertEqual((told["sent"] > 0, told["checkpoints"]), (True, 1))
        [child] = self.listed(told)
        self.assertEqual(self.blob(self.place(), self.ask("manifests/" + child["digest"])["layers"][0]["digest"]), right)

    def test_dry_run(self):
        self.assertEqual(self.push("-n", self.place(), self.model)["data"]["checkpoints"], 0)

    def test_what_others_say_of_it_stays(self):
        told = self.push(self.place(), self.model)["data"]
        [child] = self.listed(told)
        other = {**child, "artifactType": "application/vnd.acme.signature", "annotations": {"acme": "kept"}, "digest": told["digest"]}
        other["size"] = len(json.dumps(self.ask("manifests/v1"), separators=(",", ":")))
        index = json.dumps({"schemaVersion": 2, "mediaType": site.INDEX, "manifests": [other]}).encode()
        status, _, body = registry_site._ask(servers.ports["open"], "PUT", f"/v2/pushed/p{self.count}/manifests/" + told["digest"].replace(":", "-"), index,
                                             {"Content-Type": site.INDEX})
        self.assertEqual(status, 201, body)
        self.push(self.place(), self.model)
        self.assertEqual(self.listed(told), [other, child])

    def test_of_a_registry_that_lists_them(self):
        self.proxy.lists = True
        told = self.push(self.place(port=self.proxy.port), self.model)["data"]
        self.assertEqual(told["checkpoints"], 1)
        self.assertIsNone(self.listed(told))
        self.assertEqual([(of, found["artifactType"]) for of, found in self.proxy.referrers], [(told["digest"], TYPE)])
        asked = self.pulled()
        self.assertTrue([path for path in asked if "/referrers/" in path])
        self.assertFalse([path for path in asked if "/manifests/sha256-" in path])
        self.assertIn(self.checkpoints_digest(), " ".join(asked))

    def checkpoints_digest(self):
        return site.digest(self.read(self.kept()))

    def test_they_are_used(self):
        told = self.push(self.place(), self.model)["data"]
        asked = self.pulled()
        self.assertEqual(sum("/referrers/" in path for path in asked), 1)
        self.assertIn(f"/v2/pushed/p{self.count}/manifests/" + told["digest"].replace(":", "-"), asked)
        self.assertIn(self.checkpoints_digest(), " ".join(asked))

    def test_a_byte_that_is_wrong_once_costs_its_piece(self):
        """without them the whole file would be fetched again, and fail"""
        self.push(self.place(), self.model)
        at, sent = 2 * SPAN + 5, []

        def spoil(path, span, data):
            first = int(re.match(r"bytes (\d+)-", span)[1]) if span else 0
            if site.digest(DATA) not in path or not first <= at < first + len(data):
                return data
            sent.append(first)
            return data if len(sent) > 1 else data[:at - first] + bytes([data[at - first] ^ 1]) + data[at - first + 1:]
        self.proxy.changes.append(spoil)
        self.pulled()
        self.assertEqual(len(sent), 2)

    def test_small_files_ask_for_none(self):
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        model = self.installed({"small.gguf": gguf("small", 3 * SPAN)}, name=f"origin/s{id(self)}")
        told = self.push(self.place(), model)["data"]
        self.assertEqual(told["checkpoints"], 1)
        self.forget()
        self.proxy.asked.clear()
        self.pull(self.place(port=self.proxy.port), "--to", "llama-cpp")
        self.assertFalse([path for _, path in self.proxy.asked if "/referrers/" in path])

    def test_nothing_of_them_is_believed(self):
        """whatever a registry lists, the model comes, and is right"""
        told = self.push(self.place(), self.model)["data"]
        right = self.read(self.kept())
        forged = right[:72] + bytes(32) + right[104:-32]
        forged += bytes.fromhex(sha256(forged))

        def referrer(layer, path=sha256(DATA), **more):
            layers = [site.descriptor(TYPE + ".raw", layer, {site.TITLE: "ncmodel.lock.checkpoints/" + path}, **more)]
            return json.dumps({"schemaVersion": 2, "mediaType": site.MANIFEST, "artifactType": TYPE, "config": site.descriptor(*site.EMPTY), "layers": layers}).encode()

        def index(*manifests):
            return json.dumps({"schemaVersion": 2, "mediaType": site.INDEX, "manifests":
                               [site.descriptor(site.MANIFEST, manifest, artifactType=TYPE) for manifest in manifests]}).encode()

        def serve(listed, manifests=(), blobs=()):
            known = {site.digest(data): data for data in (*manifests, *blobs)}

            def lie(method, path):
                name = path.split("?")[0].rsplit("/", 1)[1]
                if "/referrers/" in path:
                    return 200, listed, [("Content-Type", site.INDEX)]
                return (200, known[name], [("Content-Type", site.MANIFEST)]) if method == "GET" and name in known else None
            self.proxy.lies[:] = [lie]
        many = [referrer(right, sha256(str(i).encode())) for i in range(200)]
        for name, arguments in {
                "states that are not the file's": (index(referrer(forged)), [referrer(forged)], [forged]),
                "no JSON": (b"<html>",), "nothing": (b"",), "an empty list": (b'{"schemaVersion":2,"manifests":[]}',),
                "a manifest in its place": (referrer(right),), "endless": (b" " * (5 << 20),),
                "many": (index(*many), many), "that is not there": (index(referrer(right + b"x")),),
                "of another size": (index(referrer(right[:-1])), [referrer(right[:-1])], [right[:-1]]),
                "itself": (index(self.proxy_manifest(told)),),
                "noise": (index(referrer(bytes(len(right)))), [referrer(bytes(len(right)))], [bytes(len(right))])}.items():
            with self.subTest(name):
                serve(*arguments)
                asked = self.pulled()
                self.assertLess(len(asked), 60)

    def test_a_registry_that_does_not_answer_is_asked_once(self):
        self.push(self.place(), self.model)
        ended = threading.Event()
        self.addCleanup(ended.set)

        def hang(_, path):
            return ended.wait(60) and (500, b"") if "/referrers/" in path or "/manifests/sha256-" in path else None
        self.proxy.lies.append(hang)
        begun = time.monotonic()
        asked = self.pulled()
        self.assertLess(time.monotonic() - begun, 25)
        self.assertFalse([path for path in asked if "/manifests/sha256-" in path])

    def proxy_manifest(self, told):
        _, _, body = registry_site._ask(servers.ports["open"], "GET", f"/v2/pushed/p{self.count}/manifests/{told['digest']}", headers={"Accept": site.MANIFEST})
        return body

    def test_that_they_are_refused_is_no_failure(self):
        self.proxy.lies.append(lambda method, path: (405, b"{}") if method == "PUT" and "/manifests/sha256" in path else None)
        result = self.machine.run("push", self.place(port=self.proxy.port), self.model)
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("checkpoints, which help to pull it, could not be", result.err)
        self.assertTrue(self.manifest(self.place()))

    def test_oras_sees_them(self):
        binary, why = oras_peer.prepare()
        if not binary:
            self.skipTest(why)
        self.push(self.place(), self.model)
        where = self.place().removeprefix("oci:")
        folder = os.path.join(self.machine.home, "oras")
        os.makedirs(folder)
        found = json.loads(oras_peer.run(binary, folder, "discover", "--format", "json", "--artifact-type", TYPE, where))
        [referrer] = found.get("referrers") or found["manifests"]
        oras_peer.run(binary, folder, "pull", where.rsplit(":", 1)[0] + "@" + referrer["digest"])
        self.assertEqual(self.read(os.path.join(folder, "ncmodel.lock.checkpoints", sha256(DATA))), self.read(self.kept()))


class Resumed(PushCase):
    """Against a real registry that a proxy holds up."""

    def test_killed_at_any_moment(self):
        """the tag names nothing or all of it, and the run after that completes it"""
        chance = random.Random(os.environ.get("NCM_SEED", "18"))
        files = {f"part-{i}.gguf": gguf(f"any moment {i}", (2 << 20) + i) for i in range(3)}
        source = site.Liar()  # another registry, so that nothing is mounted
        self.addCleanup(source.close)
        source.serve(site.modelpack(f"liar/k{id(self)}", "v1", files))
        self.pull(f"oci:localhost:{source.port}/liar/k{id(self)}:v1", "--to", "llama-cpp")
        model = self.machine.registry()["models"][-1]["id"]
        for form in ([], ["--tar"]):
            for i in range(KILLS // 2):
                place = self.place(f"-{i // 3}{''.join(form)}")
                running = self.machine.start("push", "--piece", "256KiB", *form, place, model)
                time.sleep(chance.uniform(0, 0.5))
                running.kill()
                running.communicate()
                manifest = self.manifest(place)
                if manifest:
                    for layer in manifest["layers"]:
                        self.blob(place, layer["digest"])
                if i % 3 == 2 or manifest:
                    self.push("--piece", "256KiB", *form, place, model)
                    found = [self.blob(place, layer["digest"]) for layer in self.manifest(place)["layers"]]
                    self.assertEqual([any(data in layer for layer in found) for data in files.values()], [True] * 3)

    def test_killed_between_pieces(self):
        data = gguf("between", 6 << 20)
        model = self.installed({"m.gguf": data}, name=f"origin/r{id(self)}")
        proxy, held = Proxy(servers.ports["open"]), threading.Event()
        self.addCleanup(proxy.close)
        self.addCleanup(held.set)

        def hold(method, _):
            if method == "PATCH" and sum(asked == "PATCH" for asked, _ in proxy.asked) == 4:
                held.wait(20)
                return 503, b"{}"
            return None
        proxy.lies.append(hold)
        running = self.machine.start("push", "--piece", "1MiB", self.place(port=proxy.port), model)
        for _ in range(400):
            if sum(asked == "PATCH" for asked, _ in proxy.asked) >= 4:
                break
            time.sleep(0.05)
        running.kill()
        running.communicate()
        held.set()
        proxy.lies.clear()
        proxy.asked.clear()
        self.push("-v", "--piece", "1MiB", self.place(port=proxy.port), model)
        self.pull(self.place(), "--to", "lmstudio")
        self.assertEqual(sum(method == "PATCH" for method, _ in proxy.asked), 3)


if __name__ == "__main__":
    unittest.main()
