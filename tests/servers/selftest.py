#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Proves that the servers of this folder do what the tests believe of them."""
import concurrent.futures
import hashlib
import http.client
import json
import os
import socket
import ssl
import sys
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faultserver import Faults, FaultServer, content  # noqa: E402
from loopback import Loopback  # noqa: E402

MANIFEST = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *unused):
        return None


def ask(address, headers=None, method="GET", authority=None):
    """(status, headers, body), redirects not followed."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    handlers = [NoRedirect, urllib.request.ProxyHandler({})] + ([urllib.request.HTTPSHandler(context=context)] if context else [])
    try:
        with urllib.request.build_opener(*handlers).open(urllib.request.Request(address, headers=headers or {}, method=method), timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def bearer(token):
    return {"Authorization": "Bearer " + token}


class LoopbackServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="loopback test ")  # the space is on purpose
        cls.servers = Loopback(cls.folder.name, size=300_000).start()
        cls.env = cls.servers.environment()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(cls.servers.stop)

    def test_large_file_of_the_hub(self):
        data = self.servers.files["gguf/tiny-chat-q4_k_m.gguf"]
        token = bearer(self.env["HF_TOKEN"])
        status, headers, _ = ask(self.env["HF_ENDPOINT"] + "/demo/tiny-chat-GGUF/resolve/main/tiny-chat-q4_k_m.gguf", token)
        self.assertEqual(status, 302)
        self.assertEqual(headers["X-Linked-Size"], str(len(data)))
        self.assertEqual(headers["X-Linked-Etag"], '"%s"' % hashlib.sha256(data).hexdigest())
        self.assertEqual(len(headers["X-Repo-Commit"]), 40)
        self.assertTrue(headers["Location"].startswith(self.env["LOOPBACK_CDN"]))
        self.assertEqual(ask(headers["Location"], token)[0], 400)
        self.assertEqual(ask(headers["Location"].split("?")[0])[0], 403)
        status, _, body = ask(headers["Location"], {"Range": "bytes=10-"})
        self.assertEqual((status, body), (206, data[10:]))

    def test_small_file_of_the_hub(self):
        status, headers, _ = ask(self.env["HF_ENDPOINT"] + "/demo/tiny-chat-GGUF/resolve/main/config.json")
        self.assertEqual(status, 307)
        self.assertTrue(headers["Location"].startswith("/api/resolve-cache/models/demo/tiny-chat-GGUF/"))
        status, headers, body = ask(self.env["HF_ENDPOINT"] + headers["Location"])
        self.assertEqual(headers["ETag"], '"%s"' % hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest())

    def test_errors_of_the_hub(self):
        hub = self.env["HF_ENDPOINT"]
        gated, public = hub + "/demo/tiny-gated/resolve/main/tiny-gated.safetensors", hub + "/demo/tiny-chat-GGUF/resolve/"
        for address, headers, status, code in [
            (gated, {}, 401, "GatedRepo"), (gated, bearer(self.env["LOOPBACK_HF_TOKEN_NO_ACCESS"]), 403, "GatedRepo"),
            (gated, bearer(self.env["HF_TOKEN"]), 302, None), (public + "main/config.json", bearer("wrong"), 401, None),
            (public + "main/absent", {}, 404, "EntryNotFound"), (public + "absent/config.json", {}, 404, "RevisionNotFound"),
            (hub + "/demo/absent/resolve/main/x", {}, 401, "RepoNotFound"),
            (hub + "/api/models/demo/tiny-private", {}, 401, "RepoNotFound"),
            (hub + "/api/models/demo/tiny-private", bearer(self.env["HF_TOKEN"]), 200, None),
        ]:
            answer = ask(address, headers)
            self.assertEqual((answer[0], answer[1]["X-Error-Code"]), (status, code), address)

    def test_listing_of_the_hub(self):
        base = self.env["HF_ENDPOINT"] + "/api/models/demo/"
        tree = json.loads(ask(base + "tiny-split-GGUF/tree/main?recursive=true")[2])
        self.assertEqual(sum(e["path"].endswith(".gguf") and e["lfs"]["size"] == e["size"] for e in tree), 3)
        _, headers, first = ask(base + "tiny-paged/tree/main?recursive=true")
        self.assertIn("https://huggingface.co/", headers["Link"])
        second = ask(base + "tiny-paged/tree/main?recursive=true&cursor=page2")[2]
        self.assertEqual(len(json.loads(first)) + len(json.loads(second)), 6)

    def test_civitai(self):
        site = self.env["NCMODEL_CIVITAI_ENDPOINT"]
        version = json.loads(ask(site + "/api/v1/model-versions/6002")[2])
        data = self.servers.files["safetensors/tiny-lora.safetensors"]
        self.assertEqual(version["files"][0]["hashes"]["SHA256"], hashlib.sha256(data).hexdigest().upper())
        self.assertEqual(round(version["files"][0]["sizeKB"] * 1024), len(data))
        download, token = site + "/api/download/models/6002?fileId=7003", bearer(self.env["CIVITAI_TOKEN"])
        status, _, body = ask(download)
        self.assertEqual((status, json.loads(body)["error"]), (401, "Unauthorized"))
        self.assertEqual(ask(download, token, "HEAD")[0], 401)
        status, headers, _ = ask(download, token)
        self.assertEqual(status, 307)
        self.assertEqual(ask(headers["Location"], token)[0], 400)
        self.assertEqual(ask(headers["Location"])[2], data)
        self.assertIn("reason=download-auth", ask(download, {**token, "User-Agent": "Mozilla/5.0"})[1]["Location"])
        self.assertEqual([ask(site + "/api/download/models/%d" % v)[0] for v in (6004, 6005, 6006, 9)], [403, 401, 410, 404])

    def test_ollama_registry(self):
        for image in self.servers.images:
            path = "/v2/%s/" % image.name
            for base in (self.env["NCMODEL_OLLAMA_REGISTRY"], self.env["LOOPBACK_OLLAMA_FRONT"]):
                self.assertEqual(ask(base + path + "manifests/" + image.tag, MANIFEST)[2], image.manifest)
            for digest, blob in image.blobs.items():
                self.assertEqual(ask(self.env["NCMODEL_OLLAMA_REGISTRY"] + path + "blobs/" + digest)[2], blob)
                location = ask(self.env["LOOPBACK_OLLAMA_FRONT"] + path + "blobs/" + digest)[1]["Location"]
                self.assertNotIn("127.0.0.1", location)
                self.assertEqual(ask(location, {"Range": "bytes=1-"})[2], blob[1:])
                self.assertEqual(ask(location, bearer("x"))[0], 400)

    def test_plain_and_tls(self):
        data = self.servers.files["plain/tiny-stt.bin"]
        status, headers, body = ask(self.env["LOOPBACK_PLAIN"] + "/tiny-stt.bin")
        self.assertEqual(body, data)
        status, _, body = ask(self.env["LOOPBACK_PLAIN"] + "/tiny-stt.bin", {"Range": "bytes=5-", "If-Range": headers["ETag"]})
        self.assertEqual((status, body), (206, data[5:]))
        self.assertEqual(ask(self.env["LOOPBACK_TLS_PLAIN"] + "/tiny-stt.bin", authority=self.env["SSL_CERT_FILE"])[2], data)
        with self.assertRaises(urllib.error.URLError):
            ask(self.env["LOOPBACK_TLS_PLAIN"] + "/tiny-stt.bin")
        location = ask(self.env["LOOPBACK_TLS_GITHUB"] + "/demo/demo-node/archive/refs/tags/v1.0.tar.gz", authority=self.env["SSL_CERT_FILE"])[1]["Location"]
        self.assertTrue(location.startswith("https://"))
        self.assertEqual(ask(location, authority=self.env["SSL_CERT_FILE"])[2], self.servers.files["archive/demo-node-1.0.tar.gz"])

    def test_stops(self):
        with tempfile.TemporaryDirectory() as folder:
            with Loopback(folder, size=100_000) as servers:
                ports = [servers.registry] + [p for pair in servers.ports.values() for p in pair]
            for port in ports:
                with socket.socket() as probe, self.assertRaises(ConnectionRefusedError):
                    probe.connect(("127.0.0.1", port))


class FaultServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = FaultServer().start()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.server.reset()

    def raw(self, target, headers="", limit=200_000):
        """Everything that comes within a moment, as bytes."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.server.ports[0])) as connection:
            connection.settimeout(0.3)
            connection.sendall(("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (target, headers)).encode())
            try:
                while len(got) < limit:
                    part = connection.recv(65536)
                    if not part:
                        break
                    got += part
            except (socket.timeout, ConnectionResetError):
                pass
        return got

    def test_good_answers(self):
        data = content("a", 5000)
        status, headers, body = ask(self.server.url + "/f/a?size=5000")
        self.assertEqual((status, body, headers["ETag"]), (200, data, '"%s"' % hashlib.sha256(data).hexdigest()))
        status, headers, body = ask(self.server.url + "/f/a?size=5000", {"Range": "bytes=100-"})
        self.assertEqual((status, body, headers["Content-Range"]), (206, data[100:], "bytes 100-4999/5000"))
        self.assertEqual(ask(self.server.url + "/f/a?size=5000", {"Range": "bytes=5000-"})[0], 416)
        self.assertEqual(ask(self.server.url + "/f/a?size=5000", {"Range": "bytes=1-", "If-Range": '"x"'})[0], 200)
        self.assertEqual([r["sent"] for r in self.server.requests("/f/a")], [5000, 4900, 0, 5000])

    def test_every_fault_does_something(self):
        good = {h: self.raw("/f/a?size=5000", h) for h in ("", "Range: bytes=1000-\r\n")}
        same = {"none", "redirect-tls", "flaky"}  # the good answer; needs TLS; left to chance
        same |= {"change", "no-if-range"}  # need versions: below
        names = [name for name, _ in Faults.table() if name not in same]

        def both(name):
            target = "/f/a?size=5000&fault=%s" % name
            return {h: self.raw(target + "&at=2000" if name == "flip" else target, h) for h in good}

        with concurrent.futures.ThreadPoolExecutor(16) as pool:  # most of it is waiting
            for name, got in zip(names, pool.map(both, names)):
                self.assertTrue(got != good, name)  # not assertNotEqual: nobody wants to see the bytes
                self.assertNotIn(b"no fault", got[""][:200], name)

    def test_times_and_rules(self):
        address = self.server.url + "/f/a?fault=status&code=503&times=2"
        self.assertEqual([ask(address)[0] for _ in range(3)], [503, 503, 200])
        self.server.rules([{"match": "^/api/x$", "body": "{}", "type": "application/json", "header": "X-A: b"},
                           {"match": "^/f/b", "fault": "status", "code": "429", "retry-after": "1", "skip": "1", "times": "1"}])
        status, headers, body = ask(self.server.url + "/api/x")
        self.assertEqual((status, body, headers["X-A"]), (200, b"{}", "b"))
        self.assertEqual([ask(self.server.url + "/f/b")[0] for _ in range(3)], [200, 429, 200])

    def test_versions(self):
        old, new = content("old", 3000), content("new", 4000)
        address = self.server.put("v", old, new)
        etags = ['"%s"' % hashlib.sha256(data).hexdigest() for data in (old, new)]
        self.assertEqual(ask(address, {"Range": "bytes=10-19"})[2], old[10:20])
        self.server.rules([{"match": "^/f/v", "fault": "change", "times": "1"}])
        self.assertEqual(ask(address)[2], old, "the answer that brings the change is the last of the old")
        self.assertEqual((ask(address)[1]["ETag"], ask(address)[2]), (etags[1], new))
        status, _, body = ask(address, {"Range": "bytes=10-19", "If-Range": etags[0]})
        self.assertEqual((status, body), (200, new))
        self.server.rules([{"match": "^/f/v", "fault": "no-if-range"}])
        status, headers, body = ask(address, {"Range": "bytes=10-19", "If-Range": etags[0]})
        self.assertEqual((status, body, headers["ETag"]), (206, new[10:20], etags[1]))

    def test_signed_addresses_expire(self):
        data = content("s", 900_000)
        address = self.server.put("s", data)
        self.server.rules([{"match": "^/f/s", "fault": "redirect-signed", "requests": "2"}])
        first, second = ask(address)[1]["Location"], ask(address)[1]["Location"]
        self.assertTrue(first.startswith(self.server.other_url + "/signed/"))
        self.assertNotEqual(first, second)
        self.assertEqual([ask(first, {"Range": "bytes=5-9"})[0] for _ in range(3)], [206, 206, 403])
        self.assertEqual(ask(second)[2], data)
        self.assertEqual(ask(second[:-1] + "t")[0], 403, "signed for another file")
        self.server.rules([{"match": "^/f/s", "fault": "redirect-signed", "bytes": "300000"}])
        third = ask(address)[1]["Location"]
        with self.assertRaises(http.client.IncompleteRead) as cut:
            ask(third)
        self.assertLess(len(cut.exception.partial), len(data))
        self.assertEqual(ask(third)[0], 403)

    def test_schedules_hit_concurrent_requests_and_end(self):
        data = content("big", 24 << 20)
        address = self.server.put("big", data)
        self.server.rules([{"match": "^/f/big", "nth": {"1": {"fault": "status", "code": "503"}, "6": {"fault": "416"}}}])

        def piece(n):
            return ask(address, {"Range": "bytes=%d-%d" % (n << 20, (n + 1 << 20) - 1)})

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            got = list(pool.map(piece, range(24)))
        self.assertEqual(sorted(status for status, _, _ in got), [206] * 22 + [416, 503])
        self.assertTrue(all(body == data[n << 20 : n + 1 << 20] for n, (status, _, body) in enumerate(got) if status == 206))

        def thrown(seed):
            self.server.rules([{"match": "^/f/big", "chance": 0.5, "seed": seed, "most": 5, "only": "get", "faults": [
                {"fault": "status", "code": "500", "burst": "2"}, {"fault": "gzip", "only": "range"}, {"fault": "416"}]}])
            self.assertEqual(ask(address, method="HEAD")[0], 200)
            return [(s, h["Content-Encoding"]) for s, h, _ in (ask(address + "?" + str(n), {"Range": "bytes=0-9"}) for n in range(40))]

        first = thrown(7)
        self.assertEqual(first, thrown(7), "a seed repeats")
        self.assertNotEqual(first, thrown(8))
        self.assertEqual(sum(answer != (206, None) for answer in first), 5)
        self.assertEqual(first[-5:], [(206, None)] * 5, "it behaves in the end")

    def test_random_places(self):
        data = content("r", 50_000)
        self.server.rules([{"match": "^/f/r", "chance": 1, "seed": 3, "faults": [{"fault": "flip", "at": "random"}]}])
        places = []
        for _ in range(3):
            body = ask(self.server.url + "/f/r?size=50000", {"Range": "bytes=1000-"})[2]
            wrong = [n for n in range(len(body)) if body[n] != data[1000 + n]]
            self.assertEqual(len(wrong), 1)
            places += wrong
        self.assertEqual(len(set(places)), 3)

    def test_log_shows_what_a_redirect_carried(self):
        _, headers, _ = ask(self.server.url + "/f/a?fault=redirect-port", bearer("secret"))
        self.assertTrue(headers["Location"].startswith(self.server.other_url))
        ask(headers["Location"], bearer("secret"))
        last = self.server.requests("/f/a")[-1]
        self.assertEqual(last["port"], self.server.ports[1])
        self.assertIn(["Authorization", "Bearer secret"], last["headers"])

    def test_before_a_real_server(self):
        with FaultServer(upstream=self.server.url) as front:
            front.rules([{"match": "^/up$", "fault": "close", "at": "3", "times": "1"}])
            self.server.rules([{"match": "^/up$", "body": "0123456789"}])
            with self.assertRaises(Exception):
                ask(front.url + "/up")
            self.assertEqual(ask(front.url + "/up")[2], b"0123456789")


if __name__ == "__main__":
    unittest.main()
