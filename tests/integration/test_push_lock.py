"""The lock that goes along with what is pushed: where else its bytes are, as a hint that the digest proves."""
import json
import os
import unittest

import push_case
from harness import gguf, sha256
from push_case import PushCase

import oci_site as site
from registry_proxy import Proxy

servers = None
DATA, OTHER = gguf("along", 50_000), gguf("another", 50_000)


def setUpModule():
    global servers
    servers = push_case.start("open")


class Along(PushCase):
    def setUp(self):
        super().setUp()
        self.hub.hf("org/along", {"m.gguf": DATA, "config.json": b"{}"})
        self.pull("hf:org/along", "--to", "llama-cpp")
        self.model = self.machine.registry()["models"][-1]["id"]
        self.proxy = Proxy(servers.ports["open"])
        self.addCleanup(self.proxy.close)
        self.lost = [DATA]
        self.proxy.lies.append(lambda method, path: (404, b"{}") if method == "GET" and any(site.digest(data) in path for data in self.lost) else None)

    def elsewhere(self, code=0):
        """Pulls on a machine that knows nothing, from a registry that has lost a blob."""
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        if os.path.exists(self.machine.store("ncmodel.lock")):
            os.remove(self.machine.store("ncmodel.lock"))
        self.hub.forget()
        return self.pull(self.place(port=self.proxy.port), "--to", "llama-cpp", code=code)

    def test_what_the_registry_has_lost_comes_from_where_it_came_from(self):
        self.push(self.place(), self.model)
        self.assertIn("hf:org/along", self.elsewhere().err)
        self.assertEqual(sorted(self.files().values()), sorted([sha256(DATA), sha256(b"{}")]))
        self.check_registry()

    def test_it_is_asked_for_when_something_is_missing_alone(self):
        self.lost.clear()
        self.push(self.place(), self.model)
        [layer] = [layer for layer in self.manifest(self.place())["layers"] if "lock" in layer["mediaType"]]
        self.elsewhere()
        self.assertFalse([path for _, path in self.proxy.asked if layer["digest"] in path])

    def test_other_bytes_there_are_not_taken(self):
        self.push(self.place(), self.model)
        self.hub.hf("org/along", {"m.gguf": OTHER, "config.json": b"{}"})
        self.elsewhere(code=5)
        self.assertNotIn(sha256(OTHER), self.files().values())

    def lying(self, lock):
        """An artifact whose lock says what its publisher likes."""
        artifact = site.Artifact(f"pushed/p{self.count}", "v1", ("application/vnd.cncf.model.config.v1+json", b"{}"), [
            ("application/vnd.cncf.model.weight.v1.raw", DATA, {site.PATH: "m.gguf"}),
            ("application/vnd.ncmodel.lock.v1.raw", lock, {site.TITLE: "ncmodel.lock"})])
        site.push(servers.ports["open"], artifact)

    def test_a_stranger_s_lock_leads_to_known_services_alone(self):
        url = self.hub.url("/files/secret.gguf", DATA)

        def lock(uri):
            return json.dumps({"schema_version": 1, "entries": {uri: {
                "pinned": uri, "revision": None, "trust": "upstream", "resolved_at": "2026-01-01T00:00:00Z",
                "files": [{"path": "m.gguf", "url": url, "size": len(DATA), "sha256": sha256(DATA)}]}}}).encode()
        for text in (lock(url), lock(f"oci:localhost:{servers.ports['open']}/pushed/other:v1"), lock("s3:bucket/m.gguf"), b"{", b"[]", b"null",
                     lock("hf:no/such"), lock("hf:../.."), b'{"schema_version": 99, "entries": {}}', b'{"entries": []}', lock("/etc/passwd"), lock("ollama:127.0.0.1:1/x/y")):
            with self.subTest(text[:80]):
                self.lying(text)
                self.elsewhere(code=5)
                self.assertFalse([path for path in map(str, self.hub.requests) if "secret" in path])

    def test_a_lock_too_large_or_another_is_not_read(self):
        self.push(self.place(), self.model)
        [layer] = [layer for layer in self.manifest(self.place())["layers"] if "lock" in layer["mediaType"]]
        for answer in (b" " * (2 << 20), self.blob(self.place(), layer["digest"]).replace(b"upstream", b"manifest")):
            self.proxy.lies[:1] = [lambda method, path: (200, answer) if layer["digest"] in path and method == "GET" else None, *self.proxy.lies[-1:]]
            self.elsewhere(code=5)

    def test_the_machine_s_own_places_stay_its_own(self):
        """what else served the bytes to whoever pushed is no part of it"""
        path = self.machine.store("ncmodel.lock")
        first = self.push(self.place(), self.model)["data"]
        document = json.loads(self.read(path))
        for entry in document["entries"].values():
            for file in entry["files"]:
                file["places"] = ["https://mirror.internal/m.gguf"]
        self.write(path, json.dumps(document).encode())
        self.assertEqual(self.push(self.place(), self.model)["data"]["digest"], first["digest"])


if __name__ == "__main__":
    unittest.main()
