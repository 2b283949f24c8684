"""`ncmodel doctor`: what it finds, and that its remedies help."""
import http.server
import json
import os
import shlex
import shutil
import socket
import stat
import sys
import threading
import unittest

from harness import SOURCE, TOKENS, Case, gguf

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import runtime_site  # noqa: E402


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers each path with what the test put down for it; "Date" may be another."""
    paths, date, asked = {}, None, []

    def do_GET(self):
        type(self).asked.append((self.path, self.headers.get("Authorization")))
        status, body = self.paths.get(self.path, (404, b""))
        status = status(self) if callable(status) else status
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def date_time_string(self, timestamp=None):
        return self.date or super().date_time_string(timestamp)

    def log_message(self, *_):
        pass


class DoctorTest(Case):
    def setUp(self):
        super().setUp()
        self.handler = type("Handler", (Answers,), {"paths": {"/": (200, b"")}, "asked": []})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.nobody = f"127.0.0.1:{unused.getsockname()[1]}"
        self.machine.env.update(HF_ENDPOINT=self.url, NCMODEL_CIVITAI_ENDPOINT=self.url, NCMODEL_OLLAMA_REGISTRY=self.url,
                                OLLAMA_HOST=self.nobody)
        config = os.path.join(self.machine.home, "config.json")
        with open(config, "w") as out:
            json.dump({"endpoints": {"docker": self.url, "comfy": self.url}}, out)
        self.machine.env["NCMODEL_CONFIG"] = config

    def doctor(self, *arguments, env=None, code=0):
        result = self.machine.run("doctor", "--json", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        for token in TOKENS.values():
            self.assertNotIn(token, result.out + result.err)
        data = json.loads(result.out)["data"]
        self.assertEqual(data["bad"], sum(f["state"] == "bad" for f in data["findings"]))
        self.assertEqual(code, int(data["bad"] > 0))
        self.assertEqual([f for f in data["findings"] if f["state"] in ("bad", "unknown") and not f["remedy"]], [])
        return data["findings"]

    def of(self, findings, area, subject=None):
        return [(f["state"], f["text"], f["remedy"]) for f in findings if f["area"] == area and subject in (None, f["subject"])]

    def test_a_sound_machine(self):
        findings = self.doctor()
        for area in ("servers", "clock"):
            self.assertEqual({state for state, _, _ in self.of(findings, area, "Hugging Face")}, {"good"})
        self.assertEqual(self.of(findings, "tokens", "Hugging Face")[0][0], "note")
        text = self.machine.run("doctor")
        self.assertEqual((text.returncode, text.err), (0, ""))
        self.assertIn("0 of ", text.out)

    def test_tokens(self):
        good = "Bearer " + TOKENS["HF_TOKEN"]
        self.handler.paths["/api/whoami-v2"] = (lambda h: 200 if h.headers.get("Authorization") == good else 401, b"{}")
        self.handler.paths["/api/v1/me"] = (401, b'{"error":"Unauthorized"}')
        self.assertEqual(self.of(self.doctor(env={"HF_TOKEN": TOKENS["HF_TOKEN"]}), "tokens", "Hugging Face")[0][0], "good")
        state, text, remedy = self.of(self.doctor(env={"CIVITAI_TOKEN": TOKENS["CIVITAI_TOKEN"]}, code=1), "tokens", "Civitai")[0]
        self.assertEqual(state, "bad")
        self.assertIn("CIVITAI_TOKEN", text)
        self.assertIn("make a new one", remedy)
        # Whoever asks too often is told so, and asks no second time: that says nothing of the token.
        self.handler.paths["/api/whoami-v2"] = (429, b"")
        self.handler.asked.clear()
        self.assertEqual(self.of(self.doctor(env={"HF_TOKEN": TOKENS["HF_TOKEN"]}), "tokens", "Hugging Face")[0][0], "unknown")
        self.assertEqual([path for path, _ in self.handler.asked].count("/api/whoami-v2"), 1)
        # A service that breaks says nothing of the token.
        self.handler.paths["/api/v1/me"] = (503, b"")
        self.assertEqual(self.of(self.doctor(env={"CIVITAI_TOKEN": TOKENS["CIVITAI_TOKEN"]}), "tokens", "Civitai")[0][0], "unknown")

    def test_a_clock_that_is_wrong(self):
        self.handler.date = "Sun, 06 Nov 1994 08:49:37 GMT"
        state, text, remedy = self.of(self.doctor(code=1), "clock")[0]
        self.assertEqual(state, "bad")
        self.assertIn("ahead of", text)
        self.assertIn("timedatectl", remedy)
        self.handler.date = "whenever"
        self.assertEqual(self.of(self.doctor(), "clock")[0][0], "unknown")

    def test_nobody_answers(self):
        """Said, not hung."""
        findings = self.doctor(env={"HF_ENDPOINT": "http://" + self.nobody, **TOKENS}, code=1)
        self.assertEqual(self.of(findings, "servers", "Hugging Face")[0][0], "bad")
        self.assertEqual(self.of(findings, "tokens", "Hugging Face")[0][0], "unknown")

    def test_offline(self):
        findings = self.doctor("--offline", env=TOKENS)
        self.assertEqual(self.handler.asked, [])
        self.assertEqual({f["state"] for f in findings if f["area"] == "servers" and f["subject"] != "certificates"}, {"unknown"})
        self.assertEqual(self.of(findings, "tokens", "Hugging Face")[0][0], "unknown")

    def test_ollama(self):
        note = self.of(self.doctor(), "services", "server ollama")[0]
        self.assertEqual(note[0], "note")
        self.assertIn("ollama serve", note[2])
        host = self.url.partition("://")[2]
        self.handler.paths["/api/version"] = (200, b'{"version":"0.31.2\\u001b[2J"}')
        for spelled in (host, self.url, host + "/", host.replace("127.0.0.1", "0.0.0.0"), host.replace("127.0.0.1", "")):
            with self.subTest(spelled):
                result = self.machine.run("doctor", env={"OLLAMA_HOST": spelled})
                self.assertIn("Ollama 0.31.2\\x1b[2J answers", result.out)
        with open(os.path.join(self.machine.root, "servers.json"), "w") as file:
            json.dump({"servers": {"ollama": self.url}}, file)
        told = self.machine.run("--config", file.name, "doctor", env={"OLLAMA_HOST": ""})
        self.assertIn("Ollama 0.31.2\\x1b[2J answers", told.out, "the server that ps asks")
        secret = self.machine.run("doctor", env={"OLLAMA_HOST": "http://u:s3cret@" + host})
        self.assertIn("OLLAMA_HOST is not", secret.out)
        self.assertNotIn("s3cret", secret.out + secret.err)
        store = os.path.join(self.machine.root, ".ollama/models")
        for folder in ("blobs", "manifests"):
            os.makedirs(os.path.join(store, folder))
        self.assertEqual(self.of(self.doctor(env={"OLLAMA_HOST": host}), "services", "ollama")[0][0], "good")
        os.makedirs(os.path.join(store, "manifests-v2"))
        state, text, remedy = self.of(self.doctor(env={"OLLAMA_HOST": host}), "services", "ollama")[0]
        self.assertEqual(state, "note")
        self.assertIn("update it", remedy)
        self.handler.paths["/api/version"] = (200, b"<html>a router's page</html>")
        self.assertEqual(self.of(self.doctor(env={"OLLAMA_HOST": host}, code=1), "services", "server ollama")[0][0], "bad")

    def test_programs_that_run_models(self):
        """All that are set up are asked as ps asks them: which they are, in which version, with how much loaded."""
        lms, router = runtime_site.LmStudio("org/tiny"), runtime_site.Router("a", "b")
        lms.instances["org/tiny"] = ["org/tiny"]
        stranger = runtime_site.Stranger(200, b"<html>a router's page</html>")
        for site in (lms, router, stranger):
            self.addCleanup(site.close)
        ask = ["--server", "lms=" + lms.url, "--server", "swap=" + router.url]
        findings = self.doctor(*ask)
        self.assertEqual(self.of(findings, "services", "server lms"), [("good", "LM Studio answers at %s, with 1 model loaded" % lms.url, None)])
        self.assertEqual(self.of(findings, "services", "server swap"), [("good", "llama.cpp answers at %s, with 0 models loaded" % router.url, None)])
        self.assertEqual(self.of(findings, "services", "server ollama"), [], "these and no others")
        state, text, remedy = self.of(self.doctor("--server", "x=" + stranger.url, code=1), "services", "server x")[0]
        self.assertEqual(state, "bad")
        self.assertIn("is no Ollama, LM Studio or llama.cpp router", text)
        self.assertIn("say where it is", remedy)
        state, text, remedy = self.of(self.doctor("--server", "x=http://" + self.nobody), "services", "server x")[0]
        self.assertEqual((state, text), ("note", "nothing answers at http://" + self.nobody))
        self.assertRegex(remedy, "if it shall run: start it .*lms server start")
        asked = len(lms.seen)
        self.assertEqual(self.of(self.doctor("--offline", *ask), "services", "server lms")[0][0], "unknown")
        self.assertEqual(len(lms.seen), asked)

    def test_programs_at_their_usual_address(self):
        """Where nobody set up servers, a store that is here says that its program may run: that it does not is no fault."""
        self.assertEqual(self.of(self.doctor(), "services", "server lmstudio"), [])
        os.makedirs(os.path.join(self.machine.root, ".lmstudio/models"))
        (finding,) = self.of(self.doctor(), "services", "server lmstudio")
        if finding[0] == "note":  # unless one runs on this machine
            self.assertEqual(finding[1], "no LM Studio answers at http://127.0.0.1:1234, where it would usually")
            self.assertIn("lms server start", finding[2])
        self.assertEqual(self.of(self.doctor("--server", "x=http://" + self.nobody), "services", "server lmstudio"), [])

    def test_gates(self):
        """Each gated model is asked for; the others are not."""
        hub = self.machine.hub
        token = TOKENS["HF_TOKEN"]
        hub.hf("org/Gated", {"a.gguf": gguf("a", 2000)}, gated=True, token=token)
        hub.hf("org/Open", {"b.gguf": gguf("b", 2000)})
        to = [{"store": "llama-cpp"}]
        self.machine.manifest([
            {"id": "gated", "gated": True, "files": [{"from": ["hf:org/Gated/a.gguf"], "to": to}]},
            {"id": "open", "files": [{"from": ["hf:org/Open/b.gguf"], "to": to}]}])
        hub.routes["service"]["/api/whoami-v2"] = lambda handler: (200, {}, {})
        hub.routes["service"]["/"] = lambda handler: (200, b"", {})
        env = {"HF_ENDPOINT": hub.service.url}
        found = [f for f in self.doctor(env=env, code=1) if f["area"] == "gates"]
        self.assertEqual([(f["subject"], f["state"]) for f in found], [("gated", "bad")])
        self.assertTrue(found[0]["remedy"])
        found = [f for f in self.doctor(env={**env, "HF_TOKEN": token}) if f["area"] == "gates"]
        self.assertEqual([(f["subject"], f["state"]) for f in found], [("gated", "good")])

    def test_a_folder_that_is_open_to_all(self):
        """The remedy, followed, ends it."""
        os.makedirs(self.machine.store())
        os.chmod(self.machine.store(), 0o777)
        state, _, remedy = [f for f in self.of(self.doctor(code=1), "stores", "llama-cpp") if f[0] == "bad"][0]
        self.assertEqual(shlex.split(remedy), ["chmod", "o-w", self.machine.store()])
        os.chmod(self.machine.store(), stat.S_IMODE(os.stat(self.machine.store()).st_mode) & ~0o002)
        self.doctor()

    def test_a_store_that_is_not_there_yet(self):
        """It is told of if the profile's models go to it."""
        self.assertIn("can be made", self.of(self.doctor(), "stores", "llama-cpp")[0][1])
        self.assertEqual(self.of(self.doctor(), "stores", "tts"), [])

    def test_room(self):
        os.makedirs(self.machine.store())
        room = shutil.disk_usage(self.machine.root).total
        state, text, remedy = self.of(self.doctor(env={"NCMODEL_RESERVE": str(2 * room)}, code=1), "disks")[0]
        self.assertEqual(state, "bad")
        self.assertIn("ncmodel gc", remedy)


if __name__ == "__main__":
    unittest.main()
