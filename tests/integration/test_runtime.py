#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ps, load, unload, preload: what running servers are asked, and what of their answers is believed. LM Studio and llama.cpp are
stand-ins (tests/servers/runtime_site.py); a real llama.cpp is asked where it can be fetched (llama_peer.py), a real Ollama where it is
built (ollama_peer.py build)."""
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import urllib.request

import hub as hub_module
from harness import SOURCE, TOKENS, Case, gguf, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "fixtures"))
import listener  # noqa: E402
import llama_peer  # noqa: E402
import ollama_peer  # noqa: E402
import runtime_site  # noqa: E402
from peer import free_port  # noqa: E402


class RuntimeCase(Case):
    def serve(self, site):
        self.addCleanup(site.close)
        return site

    def run_on(self, *arguments, code=0, **servers):
        """The document of a run with these servers."""
        flags = [word for name, url in servers.items() for word in ("--server", "%s=%s" % (name, url))]
        result = self.machine.run(*arguments, *flags, "--json")
        self.assertEqual(result.returncode, code, result.err + result.out)
        return json.loads(result.out)

    def loaded(self, **servers):
        return {s["name"]: None if not s["known"] else {m["name"] for m in s["models"]}
                for s in self.run_on("ps", **servers)["data"]["servers"]}


class NotRunningTest(RuntimeCase):
    def test_nobody_listens(self):
        """Exit 14, soon, with what to start"""
        begun = time.monotonic()
        for command in (["ps"], ["load", "x"], ["unload", "x"]):
            result = self.machine.run(*command, env={"OLLAMA_HOST": "127.0.0.1:%d" % free_port()})
            self.assertEqual(result.returncode, 14, result.err)
            self.assertRegex(result.err, "(?s)server ollama.*hint: start it .*ollama serve.*lms server start.*llama-server")
        self.assertLess(time.monotonic() - begun, 10)

    def test_one_of_two_does_not_run(self):
        other = self.serve(runtime_site.LmStudio("tiny"))
        document = self.run_on("ps", code=14, small="http://127.0.0.1:%d" % free_port(), large=other.url)
        self.assertEqual([(s["name"], s["kind"], s["known"], s["models"]) for s in document["data"]["servers"]],
                         [("small", None, False, []), ("large", "lmstudio", True, [])])
        self.assertEqual([e["code"] for e in document["errors"]], ["runtime"])

    def test_a_server_that_never_answers(self):
        """--timeout bounds a server that takes the connection and says nothing; Ctrl-C ends it at once"""
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            url = "http://127.0.0.1:%d" % silent.getsockname()[1]
            begun = time.monotonic()
            self.run_on("ps", "--timeout", "1", code=14, mute=url)
            self.assertLess(time.monotonic() - begun, 8)
            for command in (["ps"], ["ps", "--json"], ["load", "x"]):
                process = self.machine.start(*command, "--server", url)
                time.sleep(1)
                process.send_signal(signal.SIGINT)
                begun = time.monotonic()
                out, err = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 130)
                if "--json" in command:
                    self.assertEqual(json.loads(out)["exit_code"], 130)
                self.assertIn("interrupted", err)
                self.assertLess(time.monotonic() - begun, 5)

    def test_impostors(self):
        """What is no such server is told as that, and what it says reaches no terminal as it is"""
        evil = "\x1b]0;owned\x07\x1b[31m\u202e"
        for status, told in ((200, b"<html>a router's log-in page</html>"), (200, {"version": 1}), (200, []), (404, {}),
                             (500, {"error": evil}), (200, {"models": [{"key": evil}]}), (200, {"data": [{"id": "m"}]}), (200, b"")):
            with self.subTest(status=status, told=told):
                site = self.serve(runtime_site.Stranger(status, told))
                result = self.machine.run("ps", "--server", site.url)
                self.assertEqual(result.returncode, 14, result.err + result.out)
                self.assertIn("is no Ollama, LM Studio or llama.cpp router", result.err)
                self.assertNotRegex(result.err + result.out, "[\x00-\x09\x0b-\x1f\x7f\u202e]")

    def test_a_redirect_is_no_server(self):
        """What listens there cannot send the question on to another"""
        real = self.serve(runtime_site.Router("tiny"))

        class Redirect(listener.Handler):
            def do_GET(self):
                self.reply(302, b"{}", [("Content-Type", "application/json"), ("Location", real.url + self.path)])

        site = self.serve(listener.Listener(Redirect))
        self.run_on("ps", code=14, there=site.url)
        self.assertEqual(real.seen, [])

    def test_names_are_escaped_and_no_secret_is_sent(self):
        site = self.serve(runtime_site.LmStudio("a\x1b[31mb\nc"))
        site.instances["a\x1b[31mb\nc"] = ["a\x1b[31mb\nc"]
        result = self.machine.run("ps", "--available", "--server", site.url, env=TOKENS)
        self.assertEqual(result.returncode, 0, result.err)
        self.assertNotIn("\x1b", result.out)
        for *_, headers in site.seen:
            self.assertNotIn("Authorization", headers)
            self.assertFalse([value for value in headers.values() if any(t in value for t in TOKENS.values())])


class ServersTest(RuntimeCase):
    def test_where_servers_are(self):
        """--server before the configuration, whose servers OLLAMA_HOST is one more of"""
        one, two = self.serve(runtime_site.LmStudio()), self.serve(runtime_site.Router())
        configuration = os.path.join(self.machine.home, "servers.json")
        with open(configuration, "w", encoding="utf-8") as out:
            json.dump({"servers": {"a": one.url, "b": two.url}}, out)
        ask = ["--config", configuration, "ps", "--json"]
        kinds = lambda *more, **env: [(s["name"], s["kind"]) for s in json.loads(self.machine.run(*ask, *more, env=env).out)["data"]["servers"]]
        self.assertEqual(kinds(), [("a", "lmstudio"), ("b", "llamacpp")])
        self.assertEqual(kinds("--server", "b"), [("b", "llamacpp")])
        self.assertEqual(kinds("--server", "c=" + one.url, "--server", "b"), [("c", "lmstudio"), ("b", "llamacpp")])
        self.assertEqual(kinds(OLLAMA_HOST=two.url), [("a", "lmstudio"), ("b", "llamacpp"), ("ollama", "llamacpp")])
        for wrong in ("d", "a b=http://127.0.0.1:1", "x=ftp://h", "http://u:secret@h/"):
            result = self.machine.run(*ask[:3], "--server", wrong)
            self.assertEqual(result.returncode, 2, wrong)
            self.assertNotIn("secret", result.err)

    def test_ollama_host(self):
        """As Ollama reads it"""
        site = self.serve(runtime_site.Router())
        port = site.url.rsplit(":", 1)[1]
        for said in ("127.0.0.1:" + port, "localhost:" + port, ":" + port, "0.0.0.0:" + port, site.url, site.url + "/"):
            with self.subTest(said):
                self.assertEqual(self.machine.run("ps", env={"OLLAMA_HOST": said}).returncode, 0)
        told = json.loads(self.machine.run("ps", "--json", env={"OLLAMA_HOST": "example.invalid"}).out)
        self.assertEqual(told["data"]["servers"][0]["url"], "http://example.invalid:11434")
        bad = self.machine.run("ps", env={"OLLAMA_HOST": "http://u:secret@h"})
        self.assertEqual((bad.returncode, "secret" in bad.err), (2, False))
        self.assertEqual(self.machine.run("list", env={"OLLAMA_HOST": "http://u:secret@h"}).returncode, 0, "who asks no server does not mind")


class OthersTest(RuntimeCase):
    def test_lm_studio(self):
        site = self.serve(runtime_site.LmStudio("org/tiny", "other"))
        (deed,) = self.run_on("load", "org/tiny", "--keep-alive", "5m", s=site.url)["data"]["models"]
        self.assertEqual((deed["outcome"], deed["server"], deed["name"], deed["keep_alive_ignored"]), ("loaded", "s", "org/tiny", True))
        self.assertEqual((deed["running"]["context"], deed["running"]["vram"], deed["running"]["until"]), (4096, None, None))
        self.run_on("load", "org/tiny", s=site.url)
        self.assertEqual(site.instances["org/tiny"], ["org/tiny"], "no second instance")
        site.instances["org/tiny"].append("org/tiny:2")
        self.assertEqual(self.loaded(s=site.url), {"s": {"org/tiny", "org/tiny:2"}})
        (deed,) = self.run_on("unload", "org/tiny", s=site.url)["data"]["models"]
        self.assertEqual((deed["outcome"], site.instances["org/tiny"]), ("unloaded", []))
        (deed,) = self.run_on("unload", "org/tiny", s=site.url)["data"]["models"]
        self.assertEqual(deed["outcome"], "not_loaded")

    def test_a_router(self):
        """It answers before it is done: it is loaded when it is listed as loaded"""
        site = self.serve(runtime_site.Router("tiny", "broken", bad=("broken",)))
        (deed,) = self.run_on("load", "tiny", r=site.url)["data"]["models"]
        self.assertEqual((deed["outcome"], deed["running"]["state"]), ("loaded", "loaded"))
        document = self.run_on("load", "broken", code=15, r=site.url)
        self.assertIn("could not load broken (exit code 1)", document["errors"][0]["message"])
        self.assertEqual(self.run_on("unload", "tiny", r=site.url)["data"]["models"][0]["outcome"], "unloaded")
        self.assertEqual(self.loaded(r=site.url), {"r": set()})

    def test_one_that_sleeps(self):
        """Loaded and asleep: load wakes it, for the router refuses to load it; unload ends it"""
        site = self.serve(runtime_site.Router("tiny"))
        site.state["tiny"] = ["sleeping"]
        (seen,) = self.run_on("ps", r=site.url)["data"]["servers"][0]["models"]
        self.assertEqual((seen["name"], seen["state"]), ("tiny", "sleeping"))
        (deed,) = self.run_on("load", "tiny", r=site.url)["data"]["models"]
        self.assertEqual((deed["outcome"], deed["running"]["state"]), ("loaded", "loaded"))
        self.assertNotIn("/models/load", [path for _, path, *_ in site.seen])
        site.state["tiny"] = ["sleeping"]
        self.assertEqual(self.run_on("unload", "tiny", r=site.url)["data"]["models"][0]["outcome"], "unloaded")

    def test_unload_waits_for_all_together(self):
        """However many do not go: --timeout is of all of them"""
        class Stubborn(runtime_site.LmStudio):
            def answer(self, method, path, body):
                return (200, {"instance_id": body["instance_id"]}) if path.endswith("/unload") else super().answer(method, path, body)

        names = ["m%d" % i for i in range(4)]
        site = self.serve(Stubborn(*names))
        for name in names:
            site.instances[name] = [name, name + ":2"]
        begun = time.monotonic()
        document = self.run_on("unload", *names, "--timeout", "2", code=14, s=site.url)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual([d["outcome"] for d in document["data"]["models"]], ["failed"] * 4)
        self.assertIn("still loaded after 2 s", document["errors"][0]["message"])

    def test_one_that_stays_takes_no_time_of_the_others(self):
        class Slow(runtime_site.Router):
            def answer(self, method, path, body):
                if path == "/models/unload" and body["model"] == "stays":
                    return 200, {"success": True}
                return super().answer(method, path, body)

        site = self.serve(Slow("stays", "goes"))
        site.steps = 6
        site.state = {"stays": ["loaded"], "goes": ["loaded"]}
        deeds = self.run_on("unload", "stays", "goes", "--timeout", "2", code=14, r=site.url)["data"]["models"]
        self.assertEqual([(d["model"], d["outcome"]) for d in deeds], [("stays", "failed"), ("goes", "unloaded")])

    def test_a_model_of_models_json_by_its_file(self):
        """A router lists files: the model of the manifest is the one whose file that is"""
        self.machine.manifest([self.machine.simple("tiny-q4.gguf", gguf(1, 2000))])
        self.assertEqual(self.machine.run("pull", "-y").returncode, 0)
        site = self.serve(runtime_site.Router("other", "tiny-q4"))
        (deed,) = self.run_on("load", "tiny-q4", r=site.url)["data"]["models"]
        self.assertEqual((deed["outcome"], deed["name"]), ("loaded", "tiny-q4"))

    def test_nobody_has_it(self):
        site = self.serve(runtime_site.Router("tiny"))
        document = self.run_on("load", "tinny", "tiny", code=5, r=site.url)
        self.assertEqual([d["outcome"] for d in document["data"]["models"]], ["failed", "loaded"], "the others are loaded")
        self.assertIn("ps --available", document["errors"][0]["hint"])
        self.assertEqual(self.run_on("ps", "--available", r=site.url)["data"]["servers"][0]["available"], ["tiny"])
        self.assertEqual(self.machine.run("load").returncode, 2)

    def test_a_server_that_does_not_answer_may_have_it(self):
        site = self.serve(runtime_site.Router("tiny"))
        self.run_on("load", "tinny", code=14, a="http://127.0.0.1:%d" % free_port(), r=site.url)
        self.run_on("load", "tiny", a="http://127.0.0.1:%d" % free_port(), r=site.url)


class CardTest(RuntimeCase):
    """What servers of this machine say that they have on the card, against what the card says is used."""

    def setUp(self):
        super().setUp()
        self.program = os.path.join(self.machine.home, "bin", "nvidia-smi")
        os.makedirs(os.path.dirname(self.program))
        self.machine.env["PATH"] = os.path.dirname(self.program) + ":/usr/bin:/bin"
        self.cards("12288, 2048, 3, 41, 550.54.14, NVIDIA \\033[2J RTX 3060")

    def cards(self, *lines):
        with open(self.program, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nprintf '%s\\n'\n" % "\\n".join(lines))
        os.chmod(self.program, 0o755)

    def ollama(self, *gibs):
        return self.serve(runtime_site.Ollama(*({"name": "m%d" % i, "size": gib << 30, "size_vram": gib << 30}
                                                for i, gib in enumerate(gibs)))).url

    def test_the_rest_is_told(self):
        servers = {"small": self.ollama(2), "large": self.ollama(3, 1)}
        gpu = self.run_on("ps", **servers)["data"]["gpu"]
        self.assertEqual([(c["total"], c["used"], c["told_by"]) for c in gpu["cards"]], [(12 << 30, 10 << 30, "nvidia-smi")])
        self.assertEqual((gpu["used"], gpu["told"], gpu["untold_models"], gpu["unexplained"]), (10 << 30, 6 << 30, 0, 4 << 30))
        text = self.machine.run("ps", *[word for s in servers.items() for word in ("--server", "%s=%s" % s)]).out
        self.assertRegex(text, r"RTX 3060: 10\.0 GiB of 12\.0 GiB used\.\n.*small 2\.0 GiB, large 4\.0 GiB; explained by none: 4\.0 GiB")
        self.assertNotIn("\x1b", text)

    def test_what_is_not_told(self):
        """A server that tells no memory, one that does not run, and cards that tell nothing: the rest is told as that"""
        lms = self.serve(runtime_site.LmStudio("tiny"))
        lms.instances["tiny"] = ["tiny"]
        gpu = self.run_on("ps", code=14, l=lms.url, none="http://127.0.0.1:%d" % free_port())["data"]["gpu"]
        self.assertEqual((gpu["told"], gpu["untold_models"], gpu["unexplained"]), (0, 1, 10 << 30))
        self.cards("12288, 2048, 3, 41, 550, A", "[N/A], [N/A], [N/A], 41, 550, B")
        gpu = self.run_on("ps", o=self.ollama(20))["data"]["gpu"]
        self.assertEqual((len(gpu["cards"]), gpu["used"], gpu["unexplained"]), (2, None, None))
        self.cards("12288, 2048, 3, 41, 550, A", "8192, 7168, 3, 41, 550, B")
        gpu = self.run_on("ps", o=self.ollama(20))["data"]["gpu"]
        self.assertEqual((gpu["used"], gpu["told"], gpu["unexplained"]), (11 << 30, 20 << 30, 0))
        self.cards()
        self.assertIsNone(self.run_on("ps", o=self.ollama(1))["data"]["gpu"])

    def test_servers_of_other_machines_are_not_on_this_card(self):
        far = self.ollama(5).replace("127.0.0.1", "0.0.0.0")  # an address that is not the loopback's, and leads there
        gpu = self.run_on("ps", far=far, near=self.ollama(1))["data"]["gpu"]
        self.assertEqual((gpu["told"], gpu["unexplained"]), (1 << 30, 9 << 30))


class DyingTest(RuntimeCase):
    def test_an_ollama_that_dies_while_it_is_asked(self):
        """What no request loads is tried as an embedding model, too: that the server is gone by then is an error, not a crash"""
        class Dying(runtime_site.Site):
            def answer(self, method, path, body):
                if path == "/api/embed":
                    raise ConnectionError
                return {"/api/version": (200, {"version": "0.17.4"}), "/api/tags": (200, {"models": [{"name": "m"}]}),
                        "/api/ps": (200, {"models": []}), "/api/generate": (400, {"error": "m does not support generate"})}[path]

        document = self.run_on("load", "m", code=15, o=self.serve(Dying()).url)
        self.assertIn("does not support generate", document["errors"][0]["message"])


class PreloadTest(RuntimeCase):
    """The set of a profile, for as long as its idle rule says."""

    def profile(self, **more):
        self.machine.manifest([self.machine.simple(name + ".gguf", gguf(i, 2000)) for i, name in enumerate(("one", "two"))], **more)

    def test_the_set_of_the_profile(self):
        site = self.serve(runtime_site.Router("one", "two", "three"))
        self.profile(runtime={"preload": ["two", "one"], "idle_unload_seconds": 60})
        deeds = self.run_on("preload", r=site.url)["data"]["models"]
        self.assertEqual([(d["model"], d["outcome"], d["keep_alive_ignored"]) for d in deeds], [("two", "loaded", True), ("one", "loaded", True)])
        self.assertEqual(self.loaded(r=site.url), {"r": {"one", "two"}})

    def test_a_profile_that_says_nothing(self):
        """Its hint's two ways: load by name, and a manifest that says so"""
        site = self.serve(runtime_site.Router("one", "two"))
        self.profile()
        document = self.run_on("preload", code=2, r=site.url)
        self.assertRegex(document["errors"][0]["hint"], "ncmodel load MODEL.*preload")
        self.run_on("load", "one", r=site.url)
        self.profile(runtime={"preload": ["two"]})
        self.run_on("preload", r=site.url)
        self.assertEqual(self.loaded(r=site.url), {"r": {"one", "two"}})

    def test_what_the_document_says(self):
        """idle_unload_after: 300, preload_on_boot: llama3.2:3b and nomic-embed-text: Ollama is asked for these, for 300 seconds"""
        asked = []

        class Ollama(runtime_site.Site):
            def answer(self, method, path, body):
                names = ["llama3.2:3b", "nomic-embed-text:latest"]
                if path == "/api/generate":
                    asked.append((body["model"], body["keep_alive"], body.get("prompt")))
                return 200, {"/api/version": {"version": "0.17.4"}, "/api/tags": {"models": [{"name": n} for n in names]},
                             "/api/ps": {"models": [{"name": name, "size": 1, "size_vram": 1} for name, *_ in asked]},
                             "/api/generate": {"done": True, "done_reason": "load"}}[path]

        site = self.serve(Ollama())
        deeds = self.run_on("preload", "--profile", "nebula-rtx3060", o=site.url)["data"]["models"]
        self.assertEqual([(d["model"], d["outcome"]) for d in deeds], [("llama-3.2-3b", "loaded"), ("nomic-embed-text", "loaded")])
        self.assertEqual(asked, [("llama3.2:3b", 300, None), ("nomic-embed-text:latest", 300, None)])


class PullTest(RuntimeCase):
    """pull --via-server: the server fetches, and what it has is held against the registry."""

    def ollama(self, digest, *lines):
        class Ollama(runtime_site.Site):
            def answer(self, method, path, body):
                if path == "/api/pull":
                    return 200, b"".join(json.dumps(line).encode() + b"\n" for line in lines)
                return 200, {"/api/version": {"version": "0.17.4"},
                             "/api/tags": {"models": [{"name": "tiny:latest", "digest": digest}]}}[path]
        return self.serve(Ollama())

    def setUp(self):
        super().setUp()
        self.digest = self.hub.ollama("library/tiny", [("model", gguf(3, 5000))])
        with urllib.request.urlopen(self.hub.service.url + "/v2/library/tiny/manifests/latest") as answer:
            self.digest = hashlib.sha256(answer.read()).hexdigest()
        self.lines = [{"status": "pulling manifest"}, {"status": "pulling ab", "digest": "sha256:ab", "total": 10, "completed": 5},
                      {"status": "verifying sha256 digest"}, {"status": "success"}]

    def test_it_has_what_the_registry_has(self):
        site = self.ollama(self.digest, *self.lines)
        (deed,) = self.run_on("pull", "--via-server", "ollama:tiny", o=site.url)["data"]["models"]
        self.assertEqual((deed["outcome"], deed["server"], deed["name"], deed["digest"]), ("pulled", "o", "tiny:latest", self.digest))
        self.assertIn(("POST", "/api/pull", {"model": "tiny:latest"}), [request[:3] for request in site.seen])
        self.assertFalse(os.path.exists(self.machine.store()), "nothing is written here")
        for manner in ("json", "plain", "bar"):
            result = self.machine.run("pull", "--via-server", "tiny", "--server", site.url, "--progress", manner)
            self.assertEqual((result.returncode, result.out), (0, "tiny:latest: pulled on %s\n" % site.url[7:]), result.err)

    def test_it_has_something_else(self):
        site = self.ollama("0" * 64, *self.lines)
        document = self.run_on("pull", "--via-server", "ollama:tiny", code=10, o=site.url)
        self.assertIn("the registry says sha256:" + self.digest, document["errors"][0]["message"])
        site = self.ollama(self.digest, *self.lines)
        self.machine.manifest([{"id": "pinned", "files": [{"from": ["ollama:tiny"], "digest": "sha256:" + "1" * 64}]}])
        document = self.run_on("pull", "--via-server", "pinned", code=10, o=site.url)
        self.assertIn("its manifest says sha256:1111", document["errors"][0]["message"])

    def test_it_fails(self):
        """Its own words; an answer that ends early is no success; a line without end is not read for ever"""
        for lines, code, says in (([{"status": "pulling manifest"}, {"error": "no such \x1b[31mmodel"}], 15, "it says: no such"),
                                  (self.lines[:2], 15, "ended before"), ([{"status": "x" * 100_000}], 15, "larger than")):
            site = self.ollama(self.digest, *lines)
            document = self.run_on("pull", "--via-server", "ollama:tiny", code=code, o=site.url)
            self.assertIn(says, document["errors"][0]["message"])
        self.run_on("pull", "--via-server", "ollama:tiny", code=14, o="http://127.0.0.1:%d" % free_port())
        self.run_on("pull", "--via-server", "ollama:tiny", code=14, o=self.serve(runtime_site.Router()).url)
        self.run_on("pull", "--via-server", code=2, o=site.url)


class LlamaServerTest(RuntimeCase):
    """A real llama-server as a router, over the presets that export writes."""
    ODD = "it's a $HOME 100% model, n°1 {x} & y.gguf"

    @classmethod
    def setUpClass(cls):
        cls.binary, why = llama_peer.prepare()
        if not cls.binary:
            raise unittest.SkipTest(why)

    def setUp(self):
        super().setUp()
        import make_models
        sound = next(iter(make_models.make_images(7, 1 << 20)[0].blobs.values()))
        models = [self.machine.simple(name + ".gguf", data) for name, data in (("plain", sound), ("odd", sound), ("broken", gguf(1, 3000)))]
        models[1]["files"][0]["to"][0]["name"] = self.ODD
        self.machine.manifest(models)
        self.pull()
        self.presets = os.path.join(self.machine.home, "presets.ini")
        with open(self.presets, "w", encoding="utf-8") as out:
            out.write(self.machine.run("export", "llama-server").out)

    def state(self, url):
        return {m["name"]: m["state"] for m in self.run_on("ps", r=url)["data"]["servers"][0]["models"]}

    def test_presets_and_verbs(self):
        log = os.path.join(self.machine.home, "log")
        with llama_peer.Router(self.binary, self.presets, log, "--sleep-idle-seconds", "2", "--ctx-size", "256") as router:
            (server,) = self.run_on("ps", "--available", r=router.url)["data"]["servers"]
            self.assertEqual((server["kind"], sorted(server["available"]), server["models"]), ("llamacpp", ["broken", "odd", "plain"], []))
            self.assertEqual(server["version"], "b1-7e4c0a9")
            (deed,) = self.run_on("load", "odd", r=router.url)["data"]["models"]
            self.assertEqual((deed["outcome"], deed["running"]["state"]), ("loaded", "loaded"))
            for _ in range(300):
                if self.state(router.url)["odd"] == "sleeping":
                    break
                time.sleep(0.1)
            self.assertEqual(self.state(router.url), {"odd": "sleeping"})
            (deed,) = self.run_on("load", "odd", r=router.url)["data"]["models"]
            self.assertEqual((deed["outcome"], deed["running"]["state"]), ("loaded", "loaded"), "woken")
            document = self.run_on("load", "broken", code=15, r=router.url)
            self.assertIn("could not load broken (exit code ", document["errors"][0]["message"])
            (deed,) = self.run_on("unload", "odd", r=router.url)["data"]["models"]
            self.assertEqual((deed["outcome"], self.state(router.url)), ("unloaded", {}))


class Front:
    """registry.ollama.ai as a real Ollama reaches it: a proxy that leads to a stand-in with a certificate of that name."""

    def __init__(self, hub, folder):
        self.asked = set()
        certificate, key = (os.path.join(folder, "front." + end) for end in ("crt", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=registry.ollama.ai", "-addext", "subjectAltName=DNS:registry.ollama.ai", "-keyout", key,
                        "-out", certificate], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.registry = hub_module.Server(hub, "service")
        self.registry.socket = tls.wrap_socket(self.registry.socket, server_side=True)
        self.proxy = socket.create_server(("127.0.0.1", 0))
        address = "http://127.0.0.1:%d" % self.proxy.getsockname()[1]
        self.environment = {"HTTPS_PROXY": address, "https_proxy": address, "NO_PROXY": "127.0.0.1", "SSL_CERT_FILE": certificate}

    def __enter__(self):
        for loop in (self.registry.serve_forever, self.accept):
            threading.Thread(target=loop, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.proxy.close()
        self.registry.shutdown()
        self.registry.server_close()

    def accept(self):
        while True:
            try:
                client, _ = self.proxy.accept()
            except OSError:
                return
            threading.Thread(target=self.tunnel, args=(client,), daemon=True).start()

    def tunnel(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.add(head.split()[1].decode())
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with client, socket.create_connection(self.registry.server_address) as behind:
            threading.Thread(target=self.copy, args=(behind, client), daemon=True).start()
            self.copy(client, behind)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass  # one of them has hung up


@unittest.skipUnless(ollama_peer.find(), "Ollama is not built: tests/integration/ollama_peer.py build")
class OllamaTest(RuntimeCase):
    """Two real servers with the demonstration's models."""

    def setUp(self):
        super().setUp()
        import make_models
        self.images = make_models.make_images(7, 1 << 20)
        self.peers = {}
        for name in ("small", "large"):
            store = tempfile.mkdtemp(prefix="ollama-store-")
            self.addCleanup(shutil.rmtree, store, ignore_errors=True)
            for image in self.images if name == "large" else self.images[:1]:
                image.write_store(store)
            peer = ollama_peer.Peer(ollama_peer.find(), store, False)
            self.addCleanup(peer.__exit__)
            peer.__enter__()
            self.peers[name] = peer
        self.at = {name: peer.url for name, peer in self.peers.items()}
        self.first, self.last = ("%s:%s" % (i.name.removeprefix("library/"), i.tag) for i in (self.images[0], self.images[-1]))

    def running(self, name):
        return {m["name"]: m for m in self.peers[name].ask("/api/ps")["models"]}

    def test_two_servers(self):
        """Loaded where it is, told as Ollama tells it, unloaded everywhere"""
        self.assertEqual(self.loaded(**self.at), {"small": set(), "large": set()})
        deeds = self.run_on("load", self.first, self.last, "--keep-alive", "10m", **self.at)["data"]["models"]
        self.assertEqual([(d["server"], d["name"], d["outcome"]) for d in deeds],
                         [("small", self.first, "loaded"), ("large", self.last, "loaded")])
        told = self.running("small")[self.first]
        (seen,) = self.run_on("ps", **self.at)["data"]["servers"][0]["models"]
        self.assertEqual((seen["name"], seen["memory"], seen["vram"], seen["context"]),
                         (self.first, told["size"], told["size_vram"], told["context_length"]))
        left = time.mktime(time.strptime(seen["until"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
        self.assertTrue(500 < left < 620, left)
        self.run_on("load", self.first, "--keep-alive", "forever", **self.at)
        (seen,) = self.run_on("ps", **self.at)["data"]["servers"][0]["models"]
        self.assertEqual((seen["until"], seen["for_ever"]), (None, True))
        self.assertRegex(self.machine.run("ps", "--server", "small=" + self.at["small"]).out, "(?s)small: Ollama .*for ever")
        self.run_on("load", self.first, large=self.at["large"])
        deeds = self.run_on("unload", self.first, **self.at)["data"]["models"]
        self.assertEqual([(d["server"], d["outcome"]) for d in deeds], [("small", "unloaded"), ("large", "unloaded")])
        self.assertEqual((set(self.running("small")), set(self.running("large"))), (set(), {self.last}))

    def test_the_set_of_a_profile(self):
        """Each on the server that has it, for as long as the idle rule says"""
        ids = {"chat": self.first, "other": self.last}
        self.machine.manifest([{"id": name, "files": [{"from": ["ollama:" + tag], "to": [{"store": "ollama"}]}]} for name, tag in ids.items()],
                              runtime={"preload": list(ids), "idle_unload_seconds": 600})
        deeds = self.run_on("preload", **self.at)["data"]["models"]
        self.assertEqual([(d["model"], d["server"], d["name"], d["outcome"]) for d in deeds],
                         [("chat", "small", self.first, "loaded"), ("other", "large", self.last, "loaded")])
        for server, tag in (("small", self.first), ("large", self.last)):
            (seen,) = [s for s in self.run_on("ps", **self.at)["data"]["servers"] if s["name"] == server][0]["models"]
            left = time.mktime(time.strptime(seen["until"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
            self.assertEqual(seen["name"], tag)
            self.assertTrue(500 < left < 620, left)

    def test_it_fetches_what_the_registry_has(self):
        """A server whose store is its own: what it lists after the pull is held against the registry, and it runs the model"""
        image = self.images[0]
        for digest, data in image.blobs.items():  # a redirect, as the registry's own answers are: Ollama wants one
            self.hub.blobs["cdn"]["/" + digest] = data
            for name in ("wanted", "oddly"):
                self.hub.routes["service"]["/v2/library/%s/blobs/%s" % (name, digest)] = (
                    lambda handler, to=self.hub.cdn.url + "/" + digest: (307, b"", {"Location": to}))
        odd = json.dumps(dict(reversed(json.loads(image.manifest).items())), indent=1).encode()  # Ollama writes it down in its own way
        for name, manifest in (("wanted", image.manifest), ("oddly", odd)):
            self.hub.routes["service"]["/v2/library/%s/manifests/latest" % name] = lambda handler, manifest=manifest: (200, manifest, {
                "Content-Type": "application/vnd.docker.distribution.manifest.v2+json"})
        with Front(self.hub, self.machine.home) as front:
            store = tempfile.mkdtemp(prefix="ollama-store-")
            self.addCleanup(shutil.rmtree, store, ignore_errors=True)
            with unittest.mock.patch.dict(os.environ, front.environment):
                peer = ollama_peer.Peer(ollama_peer.find(), store, False)
            with peer:
                (deed,) = self.run_on("pull", "--via-server", "ollama:wanted", own=peer.url)["data"]["models"]
                self.assertEqual((deed["outcome"], deed["server"], deed["name"]), ("pulled", "own", "wanted:latest"))
                self.assertEqual(deed["digest"], peer.listed()["wanted:latest"]["digest"])
                self.assertEqual(front.asked, {"registry.ollama.ai:443"})
                peer.generate("wanted")
                (deed,) = self.run_on("pull", "--via-server", "ollama:oddly", own=peer.url)["data"]["models"]
                self.assertEqual((deed["outcome"], deed["digest"]), ("pulled", image.digest.removeprefix("sha256:")))
                self.machine.manifest([{"id": "odd-one", "files": [{"from": ["ollama:oddly"], "digest": "sha256:" + sha256(odd)}]}])
                self.assertEqual(self.run_on("pull", "--via-server", "odd-one", own=peer.url)["data"]["models"][0]["outcome"], "pulled")

    def test_a_model_that_cannot_be_loaded(self):
        """Ollama's own words"""
        peer = self.peers["small"]
        model = [b for b in os.listdir(os.path.join(peer.environment["OLLAMA_MODELS"], "blobs"))]
        largest = max((os.path.join(peer.environment["OLLAMA_MODELS"], "blobs", b) for b in model), key=os.path.getsize)
        os.chmod(largest, 0o644)
        os.truncate(largest, 2000)
        document = self.run_on("load", self.first, code=15, small=peer.url)
        self.assertIn("server small: it says: ", document["errors"][0]["message"])


if __name__ == "__main__":
    unittest.main()
