"""What servers and proxies say no to, and for how long: exit code, class, `retryable`, words, and how often they were asked.

Retrying helps after 7 and 8 alone. What stays as it is ends with 15, or with the class of what it is, and asks for no other try.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from harness import SOURCE, Case, gguf, safetensors, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import odd  # noqa: E402
from faultserver import FaultServer, Served  # noqa: E402

AGAIN = "run the same command again"


class OddCase(Case):
    def ends(self, arguments, exit_code, code, says, lasting, env=None):
        """Runs it with --json; returns the one error, after a look at the text of a run without."""
        result = self.machine.run(*arguments, "--json", env=env)
        self.assertEqual(result.returncode, exit_code, result.err + result.out)
        document = json.loads(result.out)
        self.assertEqual(document["exit_code"], exit_code)
        self.assertEqual({e["code"] for e in document["errors"]}, {code}, result.out)
        error = document["errors"][0]
        self.assertEqual(error["retryable"], not lasting, error)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, error["message"] + " " + (error["hint"] or ""))
            self.assertIn(word, " ".join(result.err.split()))
        if lasting:
            self.assertNotIn(AGAIN, result.err)
            self.assertTrue(error["hint"], error)
        return error

    def pull_ends(self, *more, env=None, arguments=()):
        return self.ends(["pull", "-y", *arguments], *more, env=env)

    def nothing_came(self):
        self.assertEqual([p for p in self.machine.snapshot() if not p.endswith((".json", ".lock"))], [])


class FileCase(OddCase):
    """One file of a plain URL, at a server that can be told what to do."""

    tls = None

    def setUp(self):
        super().setUp()
        self.server = FaultServer(tls=self.tls).start()
        self.addCleanup(self.server.stop)
        self.data = gguf("odd", 50_000)

    def wanted(self, name="odd.gguf", pinned=False, url=None, data=None):
        data = data or self.data
        address = url or self.server.put(name, Served(data))
        pins = {"sha256": sha256(data), "size": len(data)} if pinned else {}
        self.machine.manifest([{"id": "odd", "files": [{"from": [address], "insecure_http": True, **pins,
                                                        "to": [{"store": "llama-cpp", "name": name}]}]}])

    def does(self, fault, only="get", **more):
        self.server.rules([{"match": "^/f/", "fault": fault, "only": only, **more}])

    def asked(self, method=None):
        return [r for r in self.server.requests() if method in (None, r["method"])]


class HeadTest(FileCase):
    """Links that are signed for GET answer HEAD with 403 (S3's presigned GetObject); some servers do not know HEAD."""

    def test_a_refused_head_is_no_answer(self):
        for status in (401, 403, 404, 405, 501):
            with self.subTest(status=status):
                name = f"head{status}.gguf"
                self.server.reset()
                self.wanted(name)
                self.does("status", only="head", code=str(status))
                result = self.machine.run("plan", "--json")
                self.assertEqual(result.returncode, 0, result.err)
                self.assertEqual(json.loads(result.out)["data"]["to_get"], len(self.data), "its size is known from a range")
                first = self.asked("GET")
                self.assertEqual([r["range"] for r in first], ["bytes=0-0"])
                self.pull()
                self.assertEqual(self.read(self.machine.store(name)), self.data)

    def test_without_ranges_the_body_is_not_read_for_its_size(self):
        data = gguf("large", 8 << 20)
        self.wanted("large.gguf", data=data)
        self.server.rules([{"match": "^/f/", "only": "head", "fault": "status", "code": "403"},
                           {"match": "^/f/", "only": "get", "fault": "ignore-range"}])
        result = self.machine.run("plan", "--json")
        self.assertEqual(json.loads(result.out)["data"]["to_get"], len(data), result.err)
        self.assertLess(self.server.sent(), 6 << 20)

    def test_what_is_not_there_for_get_either_is_not_there(self):
        self.wanted()
        for status, exit_code, code in ((404, 5, "not_found"), (403, 6, "auth_required")):
            self.server.reset()
            self.does("status", only="", code=str(status))
            self.pull_ends(exit_code, code, str(status), True)
            self.assertEqual([r["method"] for r in self.asked()], ["HEAD", "GET"])

    def test_a_nightly_check_believes_no_head_either(self):
        self.wanted(pinned=True)
        self.pull()
        self.does("status", only="head", code="403")
        result = self.machine.run("lock", "--check")
        self.assertEqual(result.returncode, 0, result.err + result.out)


class LastingTest(FileCase):
    def test_gzip_that_nobody_asked_for(self):
        self.wanted(pinned=True)
        self.does("gzip")
        self.pull_ends(15, "protocol", ["odd.gguf", "encoded (gzip)", "another source"], True)
        self.assertEqual(len(self.asked()), 1)
        self.nothing_came()

    def test_two_lengths(self):
        self.wanted(pinned=True)
        self.does("two-lengths")
        self.pull_ends(15, "protocol", ["two lengths"], True)
        self.assertEqual(len(self.asked()), 1)

    def test_no_http_at_all(self):
        self.wanted(pinned=True)
        self.does("length", value="-5")
        self.pull_ends(15, "protocol", ["not HTTP as it should be"], True)
        self.assertEqual(len(self.asked()), 1)

    def test_a_redirect_loop(self):
        self.wanted(pinned=True)
        self.does("redirect-loop")
        self.pull_ends(15, "protocol", ["more than 10 redirects", "browser"], True)
        self.assertEqual(len(self.asked()), 11)

    def test_412_and_what_else_a_server_says_no_to(self):
        self.wanted(pinned=True)
        for status in (400, 405, 409, 412, 501, 505):
            with self.subTest(status=status):
                self.server.reset()
                self.does("status", code=str(status), text="you need\x1b[31m a newer version\nsecond line")
                error = self.pull_ends(15, "server_refused", [str(status), "a newer version"], True)
                self.assertNotIn("second line", error["message"])
                self.assertEqual(len(self.asked()), 1)

    def test_the_words_of_storage(self):
        self.wanted(pinned=True)
        text = ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message>"
                "<SignatureProvided>c2VjcmV0</SignatureProvided></Error>")
        self.does("status", code="403", text=text, type="application/xml")
        error = self.pull_ends(6, "auth_required", ["Request has expired"], True)
        self.assertNotIn("c2VjcmV0", json.dumps(error))
        self.wanted(pinned=True, url=self.server.url + "/f/odd.gguf?X-Amz-Signature=canary")
        error = self.pull_ends(6, "auth_required", ["Request has expired", "get a new address"], True)
        self.assertNotIn("canary", json.dumps(error))

    def test_a_page_in_the_place_of_weights(self):
        data = safetensors("odd", 9_000)
        self.wanted("x.safetensors", data=data)
        self.does("html", only="")
        error = self.pull_ends(5, "not_found", ["a web page", "<html", "browser"], True)
        self.assertIn("x.safetensors", error["message"])
        self.assertLessEqual(len(self.asked()), 2)
        self.nothing_came()

    def test_plain_http_where_nobody_allowed_it(self):
        result = self.machine.run("pull", "-y", "--json", "http://example.org/x.gguf")
        self.assertEqual(result.returncode, 2, result.err)
        (error,) = json.loads(result.out)["errors"]
        self.assertEqual((error["code"], error["retryable"]), ("usage", False))
        self.assertIn("https", error["hint"])
        self.assertEqual(self.asked(), [])

    def test_a_redirect_to_no_web_address(self):
        self.wanted(pinned=True)
        self.does("redirect", to="ftp://127.0.0.1/x")
        self.pull_ends(15, "protocol", ["redirects (302)"], True)
        self.assertEqual(len(self.asked()), 1)


class PassingTest(FileCase):
    def test_statuses(self):
        self.wanted(pinned=True)
        for status, exit_code, code in ((500, 7, "network"), (502, 7, "network"), (503, 7, "network"), (504, 7, "network"),
                                        (408, 7, "network"), (429, 8, "rate_limited")):
            with self.subTest(status=status):
                self.server.reset()
                self.does("status", code=str(status), **{"retry-after": "0"})
                self.pull_ends(exit_code, code, str(status), False, arguments=("--retries", "2"))
                self.assertEqual(len(self.asked()), 2)

    def test_a_lost_connection(self):
        self.wanted(pinned=True)
        self.does("drop")
        self.pull_ends(7, "network", "connection", False, arguments=("--retries", "2"))
        self.assertEqual(len(self.asked()), 2)

    def test_an_unknown_host(self):
        self.wanted(pinned=True, url="https://nowhere.invalid/odd.gguf")
        self.pull_ends(7, "network", ["nowhere.invalid", "spelling"], False, arguments=("--retries", "1"))


class SlowTest(FileCase):
    LIMITS = ("--speed-limit", "100", "--speed-time", "1")

    def slow(self):
        self.wanted(pinned=True)
        self.does("drip", bytes="1", every="0.5")

    def test_two_bytes_a_second_end(self):
        self.slow()
        began = time.monotonic()
        self.pull_ends(7, "network", ["odd.gguf", "100 bytes a second", "--speed-limit"], False, arguments=self.LIMITS)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(len(self.asked()), 2)

    def test_what_came_is_kept(self):
        self.data = gguf("large", 3 << 20)
        self.wanted(pinned=True)
        slow = {"fault": "drip", "bytes": "1", "every": "0.5"}
        self.server.rules([{"match": "^/f/", "only": "get", "nth": {"0": {**slow, "bytes": "1048576", "every": "60"}}},
                           {"match": "^/f/", "only": "get", **slow}])
        self.pull_ends(7, "network", "what is here is kept", False, arguments=self.LIMITS)
        asked = self.asked()
        self.server.reset()
        self.pull(*self.LIMITS)
        self.assertEqual(self.read(self.machine.store("odd.gguf")), self.data)
        self.assertRegex(asked[1]["range"], "bytes=1048576-")
        self.assertLess(self.server.sent(), 2 << 20 | 1 << 10)

    def test_a_byte_now_and_then_ends(self):
        """Each connection brings something before it is given up as stalled, so tries without progress there are none."""
        self.wanted(pinned=True)
        self.does("drip", bytes="1", every="5.5")
        self.pull_ends(7, "network", "bytes a second", False, arguments=("--speed-limit", "100", "--speed-time", "6"))

    def test_silence_has_all_its_tries(self):
        self.wanted(pinned=True)
        self.does("silence", times="3")
        self.pull(*self.LIMITS)
        self.assertEqual(len(self.asked()), 4)

    def test_by_variable_and_by_file(self):
        self.slow()
        self.pull_ends(7, "network", "100 bytes a second", False, env={"NCMODEL_SPEED_LIMIT": "100", "NCMODEL_SPEED_TIME": "1"})
        self.server.reset()
        self.slow()
        path = self.write(os.path.join(self.machine.home, "config.json"), b'{"speed_limit": "100", "speed_time": 1}')
        self.pull_ends(7, "network", "100 bytes a second", False, arguments=("--config", path))

    def test_a_second_try_that_is_fast(self):
        self.slow()
        self.does("drip", bytes="1", every="0.5", times="1")
        self.pull(*self.LIMITS)
        self.assertEqual(len(self.asked()), 2)

    def test_another_place_that_is_fast(self):
        self.slow()
        url = self.server.put("other.gguf", Served(self.data))
        self.machine.manifest([{"id": "odd", "files": [{
            "from": [self.server.url + "/f/odd.gguf", url], "insecure_http": True, "sha256": sha256(self.data),
            "size": len(self.data), "to": [{"store": "llama-cpp", "name": "odd.gguf"}]}]}])
        self.server.rules([{"match": "^/f/odd", "only": "get", "fault": "drip", "bytes": "1", "every": "0.5"}])
        self.pull(*self.LIMITS)
        self.assertEqual(self.read(self.machine.store("odd.gguf")), self.data)

    def test_a_limit_of_the_users_own_is_not_slowness(self):
        self.data = gguf("small", 6_000)
        self.wanted("small.gguf", pinned=True)
        self.pull("--limit-rate", "2000", "--speed-limit", "100000", "--speed-time", "1")
        self.assertEqual(len(self.asked("GET")), 1)

    def test_without_a_limit_it_is_waited_for(self):
        self.data = gguf("tiny", 40)
        self.wanted("tiny.gguf", pinned=True)
        self.does("drip", bytes="8", every="0.5")
        self.pull("--speed-limit", "0", "--speed-time", "1")
        self.assertEqual(len(self.asked("GET")), 1)

    def test_a_slow_answer_about_a_model(self):
        self.hub.hf("org/one", {"one.gguf": self.data})
        self.machine.manifest([{"id": "one", "files": [{"from": ["hf:org/one/one.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.server.rules([{"match": "^/api/", "fault": "drip", "bytes": "1", "every": "0.5", "body": "x" * 500}])
        self.pull_ends(7, "network", ["100 bytes a second"], False, env={"HF_ENDPOINT": self.server.url},
                       arguments=(*self.LIMITS, "--retries", "1"))


class ProxyTest(OddCase):
    def setUp(self):
        super().setUp()
        del self.machine.env["NO_PROXY"]

    def proxy(self, status, **more):
        proxy = odd.Proxy(status, **more)
        self.addCleanup(proxy.close)
        return proxy

    def wanted(self, count=1, pinned=False, scheme="https"):
        data = gguf("odd", 5_000)
        pins = {"sha256": sha256(data), "size": len(data)} if pinned else {}
        self.machine.manifest([{"id": f"odd{i}", "files": [{
            "from": [f"{scheme}://files.example/odd{i}.gguf"], "insecure_http": True, **(pins if i == 0 or not pinned else {
                "sha256": sha256(b"%d" % i), "size": len(data)}), "to": [{"store": "llama-cpp"}]}]} for i in range(count)])

    def test_a_server_that_is_no_proxy_gets_no_proxy_s_password(self):
        """407 is a proxy's word alone (RFC 9110, 15.5.8); a server that says it is not to be taken for one."""
        server = self.proxy(407)
        self.machine.manifest([{"id": "odd", "files": [{"from": [server.url + "/odd.gguf"], "insecure_http": True,
                                                        "to": [{"store": "llama-cpp"}]}]}])
        error = self.pull_ends(15, "server_refused", ["no proxy is named", server.url, "http_proxy"], True)
        self.assertNotIn("https_proxy", error["hint"])
        self.assertNotIn("PASSWORD", error["hint"])

    def test_407_is_asked_once(self):
        for pinned in (False, True):
            for scheme in ("https", "http"):
                with self.subTest(pinned=pinned, scheme=scheme):
                    proxy = self.proxy(407)
                    self.wanted(12, pinned, scheme)
                    result = self.machine.run("pull", "-y", "--json", env={scheme + "_proxy": proxy.url})
                    errors = json.loads(result.out)["errors"]
                    self.assertEqual(result.returncode, 15, result.err)
                    self.assertEqual({(e["code"], e["retryable"]) for e in errors}, {("server_refused", False)})
                    for word in ("proxy wants a user and password", "Squid proxy-caching", scheme + "_proxy", "USER:PASSWORD"):
                        self.assertIn(word, errors[0]["message"] + errors[0]["hint"])
                    self.assertNotIn(AGAIN, result.err)
                    self.assertEqual(len(proxy.asked), 1, proxy.asked)

    def test_a_wrong_password_is_tried_once(self):
        proxy = self.proxy(407)
        for pinned in (False, True):
            proxy.asked.clear()
            self.wanted(12, pinned)
            result = self.machine.run("pull", "-y", "--json", env={"https_proxy": f"http://anna:hunter2secret@{proxy.address}"})
            self.assertEqual(result.returncode, 15, result.err)
            self.assertIn("rejects the user and password", result.err)
            self.assertNotIn("hunter2", result.err + result.out)
            self.assertEqual(len(proxy.asked), 1)
            self.assertIn("proxy-authorization", proxy.asked[0][2])

    def test_a_host_that_needs_none_opens_no_gate(self):
        proxy, data = self.proxy(407), gguf("near", 5_000)
        self.wanted(12)
        path = os.path.join(self.machine.manifests, "test", "phase-1-high.json")
        with open(path, encoding="utf-8") as file:
            models = json.load(file)["models"]
        self.machine.manifest([self.machine.simple("near.gguf", data, pinned=False), *models])
        result = self.machine.run("pull", "-y", "--json", env={"https_proxy": proxy.url, "http_proxy": proxy.url,
                                                               "no_proxy": "127.0.0.1"})
        self.assertEqual(result.returncode, 15, result.err)
        self.assertEqual(len(proxy.asked), 1)
        self.assertEqual(self.read(self.machine.store("near.gguf")), data)

    def test_a_socks_proxy(self):
        for user in ("", "anna:hunter2secret@"):
            proxy = odd.Socks()
            self.addCleanup(proxy.close)
            self.wanted(5)
            result = self.machine.run("pull", "-y", "--json", env={"all_proxy": f"socks5h://{user}{proxy.address}"})
            self.assertEqual(result.returncode, 15, result.err)
            self.assertIn("user and password", result.err)
            self.assertIn("all_proxy", result.err)
            self.assertIn("socks5h://USER:PASSWORD@HOST:PORT", result.err)
            self.assertNotIn("hunter2", result.err + result.out)
            self.assertEqual(proxy.asked, 1)

    def test_a_proxy_that_wants_more_than_a_password(self):
        proxy = self.proxy(407, challenge="Negotiate")
        self.wanted()
        self.pull_ends(15, "server_refused", ["Negotiate", "Basic"], True, env={"https_proxy": proxy.url})
        self.assertEqual(len(proxy.asked), 1)

    def test_a_host_that_is_not_on_the_list(self):
        for scheme, pinned in (("https", True), ("http", True), ("https", False), ("http", False)):
            proxy = self.proxy(403)
            self.wanted(pinned=pinned, scheme=scheme)
            self.pull_ends(15, "server_refused", ["the proxy", "files.example", "403", "no_proxy"], True,
                           env={scheme + "_proxy": proxy.url})
            self.assertEqual(len(proxy.asked), 1)

    def test_a_proxy_that_cannot_reach_it_now(self):
        proxy = self.proxy(503)
        self.wanted(pinned=True)
        self.pull_ends(7, "network", ["the proxy", "files.example", "503"], False, env={"https_proxy": proxy.url},
                       arguments=("--retries", "2"))
        self.assertEqual(len(proxy.asked), 2)


class TlsTest(FileCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder)
        certificate, key = (os.path.join(folder, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
        cls.tls = (certificate, key)

    def test_a_certificate_that_nobody_vouches_for(self):
        for pinned in (False, True):
            self.wanted(pinned=pinned, url=self.server.tls_url + "/f/odd.gguf")
            self.pull_ends(15, "untrusted", ["certificate", "--cacert", "SSL_CERT_FILE"], True)
            self.assertEqual(self.asked(), [])

    def test_it_is_named(self):
        self.server.put("odd.gguf", Served(self.data))
        self.wanted(pinned=True, url=self.server.tls_url + "/f/odd.gguf")
        self.pull("--cacert", self.tls[0])

    def test_tls_that_is_too_old_and_none(self):
        for answer in (odd.ALERT_PROTOCOL_VERSION, odd.BAD_REQUEST):
            server = odd.NoTls(answer)
            self.addCleanup(server.close)
            self.wanted(pinned=True, url=server.url + "/odd.gguf")
            self.pull_ends(15, "untrusted", ["TLS 1.2", "127.0.0.1"], True)
            self.assertEqual(server.asked, 1)

    def test_from_https_to_plain_http(self):
        self.server.put("odd.gguf", Served(self.data))
        self.wanted(pinned=True, url=self.server.tls_url + "/f/odd.gguf")
        self.does("redirect-plain")
        self.pull_ends(11, "policy", ["from https to plain http"], True, arguments=("--cacert", self.tls[0]))
        self.assertEqual(len(self.asked()), 1)


class RegistryTest(OddCase):
    """Ollama's registry answers 412 to clients that it holds too old for a model (ollama#14876, #16483)."""

    TEXT = "The model you are pulling requires a newer version of Ollama.\n\nPlease download the latest version at:\n\n"

    def test_412(self):
        said = json.dumps({"errors": [{"code": "x", "message": "requires a newer version of Ollama"}]})
        for body, kind in ((self.TEXT, "text/plain"), (said, "application/json")):
            with self.subTest(kind=kind):
                path = "/v2/library/new/manifests/latest"
                self.hub.faults.clear()
                self.hub.forget()
                self.hub.fault(path, "status", None, status=412, body=body, type=kind)
                self.pull_ends(15, "server_refused", ["new:latest: ", "requires a newer version of Ollama", "ollama pull new"], True,
                               arguments=("ollama:new",))
                self.assertEqual(len(self.hub.asked(path)), 1)


class MirrorTest(OddCase):
    def setUp(self):
        super().setUp()
        self.files = {"one.gguf": gguf("one", 5_000), "two.gguf": gguf("two", 6_000)}

    def mirror(self, *lacks):
        mirror = odd.Mirror("org/one", self.files, lacks)
        self.addCleanup(mirror.close)
        return mirror, {"HF_ENDPOINT": mirror.url}

    def test_one_file_needs_no_list(self):
        for lacks in (("tree",), ("api",)):
            mirror, env = self.mirror(*lacks)
            self.pull("hf:org/one/one.gguf", env=env)
            self.assertEqual(self.read(self.machine.store("one.gguf")), self.files["one.gguf"])
            self.machine.run("rm", "-y", "hf:org/one/one.gguf")

    def test_a_whole_repository_needs_the_list(self):
        mirror, env = self.mirror("tree")
        self.pull_ends(15, "protocol", [mirror.address, "list of files", "/tree/", "HF_ENDPOINT", "hf:org/one/FILE"], True,
                       env=env, arguments=("hf:org/one", "--to", "llama-cpp"))
        self.assertEqual(len(mirror.asked), 2)

    def test_no_api_at_all(self):
        mirror, env = self.mirror("api")
        self.pull_ends(5, "not_found", [mirror.address, "/api/models/", "HF_ENDPOINT"], True,
                       env=env, arguments=("hf:org/one", "--to", "llama-cpp"))

    def test_no_commit(self):
        mirror, env = self.mirror("api", "commit")
        error = self.pull_ends(15, "protocol", [mirror.address, "X-Repo-Commit", "HF_ENDPOINT", "hf:org/one/one.gguf@"], True,
                               env=env, arguments=("hf:org/one/one.gguf",))
        self.assertNotIn("Hugging Face says", error["message"])
        self.pull("hf:org/one/one.gguf@" + mirror.COMMIT, env=env)  # the hint, followed

    def test_no_size(self):
        mirror, env = self.mirror("api", "size")
        address = f"{mirror.url}/org/one/resolve/{mirror.COMMIT}/one.gguf"
        self.pull_ends(15, "protocol", [mirror.address, "no size", address, "HF_ENDPOINT"], True,
                       env=env, arguments=("hf:org/one/one.gguf",))


if __name__ == "__main__":
    unittest.main()
