"""Nothing secret is written or shown: canaries in addresses and tokens, looked for in all output and every file."""
import json
import os
import re
import threading
import unittest
import urllib.parse

from harness import Case, TOKENS, gguf, sha256

# What aria2 (CVE-2019-3500), curl and the hubs' own tools let out: parameters of signed and keyed addresses.
NAMES = ["token", "key", "sig", "access_token", "password", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
         "Signature", "Policy", "api_key", "apikey", "auth", "secret", "Key-Pair-Id", "X-Goog-Signature", "hdnea", "download_token",
         "AWSAccessKeyId", "GoogleAccessId", "Expires", "sv", "se", "sp", "X-Amz-Date", "client_secret", "sessionid", "%74oken",
         "Token", "jwt", "x-oss-signature", "hm", "rlkey"]
USER = "canaryUser"


def canary(number):
    return f"cAnArY{number:03d}x"


class Watch(threading.Thread):
    """Looks at the command line of every process that we have started, over and over, for canaries that nobody typed there."""

    def __init__(self, canaries):
        super().__init__(daemon=True)
        self.canaries = [c.encode() for c in canaries]
        self.typed, self.seen, self.looks, self.ended = set(), [], 0, threading.Event()
        self.start()

    def children_of(self, thread, process="self"):
        """All that came from a thread."""
        try:
            with open(f"/proc/{process}/task/{thread}/children") as file:
                children = file.read().split()
            for child in children:
                yield child
                for one in os.listdir(f"/proc/{child}/task"):
                    yield from self.children_of(one, child)
        except OSError:
            return

    def run(self):
        while not self.ended.wait(0.002):
            for number in {n for thread in os.listdir("/proc/self/task") for n in self.children_of(thread)}:
                try:
                    file = os.open(f"/proc/{number}/cmdline", os.O_RDONLY)
                    try:
                        # in one read: between two the process may have become another, and half of each is a line of nobody's
                        words = os.read(file, 1 << 20).split(b"\0")
                    finally:
                        os.close(file)
                except OSError:
                    continue
                self.seen += [(words, c) for c in self.canaries for w in words if c in w and w not in self.typed]
                self.looks += 1

    def end(self):
        self.ended.set()
        self.join()


class SecretsCase(Case):
    """`ncmodel` runs whose every output is kept; check() finds no canary in them, nor in any file."""

    def setUp(self):
        super().setUp()
        self.outputs = []
        self.tmp = os.path.join(self.machine.home, "tmp")
        os.makedirs(self.tmp)
        self.machine.env["TMPDIR"] = self.tmp
        self.inputs = set()
        self.canaries = [canary(i) for i in range(len(NAMES))] + [USER, "canaryPassword", *TOKENS.values()]
        self.watch = Watch(self.canaries)
        self.addCleanup(self.watch.end)
        start = self.machine.start
        self.machine.start = lambda *arguments, **options: self.watch.typed.update(map(str.encode, arguments)) or start(
            *arguments, **options)

    def run_it(self, *arguments, code=None, env=None):
        result = self.machine.run(*arguments, env={**TOKENS, **(env or {})})
        self.outputs.append((arguments, result.out + result.err))
        if code is not None:
            self.assertEqual(result.returncode, code, (arguments, result.err + result.out))
        return result

    def input(self, name, text):
        """A file of the user's own, which may hold secrets."""
        path = os.path.join(self.machine.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        self.inputs.add(path)
        return path

    def query(self, first="id=3&"):
        return "?" + first + "&".join(f"{name}={canary(i)}" for i, name in enumerate(NAMES))

    def found(self):
        """Where canaries are: in which output, file or file name. What somebody may have encoded is decoded once."""
        places = []
        for arguments, text in self.outputs:
            places += [(arguments, c, text) for c in self.canaries if c in text or c in urllib.parse.unquote(text)]
        for folder, _, files in os.walk(self.machine.home):
            for name in files:
                path = os.path.join(folder, name)
                if path in self.inputs or os.path.islink(path) or not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    data = path.encode() + b"\n" + file.read()
                places += [(path, c, data[:2000]) for c in self.canaries if c.encode() in data]
        return places

    def check(self):
        self.assertEqual(self.found(), [])
        self.watch.end()
        self.assertEqual(self.watch.seen, [])

    def signed(self, name, data, right=None):
        """A file that is served to whoever has the signature alone: 403 for others."""
        def answer(handler):
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
            if query.get("token", [""])[0] != (right or canary(0)):
                return 403, b"the signature has expired: " + handler.path.encode(), {}
            return 200, data, {"Content-Type": "application/octet-stream"}

        self.hub.routes["service"]["/files/" + name] = answer
        return f"{self.hub.service.url}/files/{name}"

    def model(self, url, name="a.gguf", **extra):
        return {"id": name.split(".")[0],
                "files": [{"from": [url], "insecure_http": True, "to": [{"store": "llama-cpp", "name": name}], **extra}]}

    def manifest_file(self, models, name="given.json"):
        full = [{"name": m["id"], "kind": "llm", "use_cases": ["General"], **m} for m in models]
        return self.input(name, json.dumps({"schema_version": 1, "profile": "given", "phase": 1, "priority": "high",
                                            "models": full}))

    def entry(self, name):
        return next(m for m in self.machine.registry()["models"] if m["id"] == name)

    def locked(self):
        with open(self.machine.store("ncmodel.lock")) as file:
            return json.load(file)["entries"]


class CanaryTest(SecretsCase):
    def test_no_command_shows_or_writes_a_secret(self):
        data = gguf("signed", 300_000)
        url = self.signed("a.gguf", data)
        given = self.manifest_file([self.model(url + self.query())])
        f = ["-f", given]
        self.run_it(*f, "plan", code=0)
        self.run_it(*f, "plan", "-v", code=0)
        self.run_it(*f, "plan", "--json", code=0)
        self.run_it(*f, "pull", "--dry-run", code=0)
        self.run_it(*f, "pull", "-y", "--progress", "json", code=0)
        for command in (["list"], ["list", "-v"], ["list", "--available"], ["show", "a"], ["verify"], ["verify", "-v"], ["outdated"],
                        ["diff"], ["lock", "--check"], ["lock", "--update"], ["lock", "--prune"], ["stores"], ["df"], ["log"],
                        ["log", "a"], ["gc", "-n"], ["link", "-n"], ["adopt", "-n"], ["verify", "--store"], ["manifest", "dump"],
                        ["manifest", "check", given], ["rm", "-n", "a"], ["pull", "-y", "a"], ["profiles"], ["mv", "-n", "llama-cpp",
                                                                                                 self.machine.store("../else")],
                        ["pull", "-y", "--locked", "a"], ["pull", "-y", "--offline", "a"], ["pull", "--update", "-y", "a"]):
            self.run_it(*f, *command)
            self.run_it(*f, *command, "--json")
        os.remove(self.machine.store("a.gguf"))
        for command in (["list"], ["show", "a"], ["verify"], ["verify", "--repair", "-y"], ["outdated"], ["pull", "-y", "a"],
                        ["rm", "-y", "a"], ["log"], ["gc", "-y", "--min-age", "0"]):
            self.run_it(*command)
            self.run_it(*command, "--json")
        self.assertEqual(self.outputs[-1][0][0], "gc")
        self.check()
        self.assertGreater(self.watch.looks, 60)

    def test_failures_tell_no_secret(self):
        data = gguf("bad", 200_000)
        url = self.signed("a.gguf", data)
        gone = self.hub.service.url + "/files/not-there.gguf"
        self.signed("expired.gguf", data, right="something else")
        wrong = self.signed("wrong.gguf", data)
        models = [self.model(gone + self.query(), "gone.gguf"),
                  self.model(self.hub.service.url + "/files/expired.gguf" + self.query(), "expired.gguf"),
                  self.model(wrong + self.query(), "wrong.gguf", sha256="0" * 64),
                  self.model("http://127.0.0.1:1/x.gguf" + self.query(), "nobody.gguf"),
                  self.model(url + self.query(), "pickle.bin")]
        given = self.manifest_file(models)
        for model in models:
            for command in (["plan"], ["pull", "-y"], ["pull", "-y", "--locked"], ["pull", "-y", "--offline"], ["lock"], ["diff"]):
                self.run_it("-f", given, *command, model["id"], "--retries", "1")
                self.run_it("-f", given, *command, model["id"], "--retries", "1", "--json")
        self.run_it("log")
        self.run_it("log", "--json")
        self.run_it("gc", "-y", "--min-age", "0")
        self.check()

    def test_what_is_typed_wrong_is_told_without_its_secrets(self):
        data = gguf("typed", 50_000)
        url = self.signed("a.gguf", data)
        host = self.hub.service.url.split("://")[1]
        typed = [f"https://{USER}:canaryPassword@{host}/a.gguf", f"https://{USER}:canaryPassword@{host}/a.gguf" + self.query(),
                 f"htp://{USER}:canaryPassword@{host}/a.gguf", f"htps//{USER}:canaryPassword@{host}/a.gguf",
                 f"http:/{USER}:canaryPassword@{host}/a.gguf", f"https://{USER}:canary/Password@{host}/a.gguf",
                 "https:" + url[5:] + self.query(), url + self.query(), url + self.query("") + "#sha256=12", "hf:org/repo/a.gguf" + self.query(),
                 "civitai:12" + self.query(), "civitai:x" + self.query(), "ollama:x" + self.query(), "ftp://h/x" + self.query(),
                 f"https://huggingface.co/org/repo/resolve/main/a.gguf{self.query()}",
                 f"https://civitai.com/api/download/models/12{self.query()}", f"https://h/x?u=https%3A%2F%2F{USER}%3AcanaryPassword%40h",
                 f"{url};jsessionid={canary(0)}", "a" + self.query()]
        for word in typed:
            for command in (["pull", "-y"], ["plan"], ["show"], ["rm", "-y"], ["verify"], ["log"], ["lock"], ["outdated"]):
                self.run_it(*command, word, "--json", *([] if command[0] in ("show", "rm", "verify", "log") else ["--retries", "1"]))
                self.run_it(*command, word)
        self.check()

    def test_configuration_environment_and_proxies(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 1000))])
        secret = f"{USER}:canaryPassword"
        bad = [f"http://{secret}@h/", f"htp://{secret}@h", f"{secret}@h:80", f"http://h/x{self.query()}"]
        for value in bad:
            for name in ("HF_ENDPOINT", "NCMODEL_CIVITAI_ENDPOINT", "NCMODEL_OLLAMA_REGISTRY"):
                self.run_it("plan", env={name: value})
            for key in ("root", *(["layout"] if "//" in value else []), "profile", "cacert", "reserve", "limit_rate", "jobs", "unknown"):
                config = self.input("bad/config.json", json.dumps({key: value}))
                self.run_it("plan", "--config", config)
            for document in ({"endpoints": {"huggingface": value}}, {"mirrors": {value: "https://b/"}},
                             {"mirrors": {"https://b/": value}}, {"stores": {"x": value}}, {value: 1}):
                config = self.input("bad/config.json", json.dumps(document))
                self.run_it("plan", "--config", config)
                self.run_it("plan", "--config", config, "--json")
        for proxy in (f"http://{secret}@127.0.0.1:1", f"htp://{secret}@127.0.0.1:1", f"{secret}@127.0.0.1:1",
                      f"http://{USER}:canary Password@127.0.0.1:1", f"http://{USER}:canaryPassword@no such host:3"):
            for name in ("https_proxy", "http_proxy", "all_proxy"):
                self.run_it("pull", "-y", "https://files.example/x.gguf", "http://files.example/y.gguf#sha256=" + "0" * 64, "a",
                            "--retries", "1", env={name: proxy, "NO_PROXY": ""})
        self.check()

    def test_a_pull_cut_short_leaves_no_secret(self):
        data = gguf("slow", 4_000_000)
        url = self.hub.url("/files/slow.gguf", data)
        given = self.manifest_file([self.model(url + self.query(), "slow.gguf", size=len(data), sha256=sha256(data))])
        process = self.machine.start("-f", given, "pull", "-y", "--limit-rate", "300K", env=TOKENS)
        staging = self.machine.store(".ncmodel/staging")
        for _ in range(100):
            if process.poll() is not None or (os.path.isdir(staging) and os.listdir(staging)):
                break
            threading.Event().wait(0.1)
        seen = b""
        for name in ("cmdline", "environ"):
            with open(f"/proc/{process.pid}/{name}", "rb") as file:
                seen += file.read() if name == "cmdline" else b""
        children = [p for p in os.listdir("/proc") if p.isdigit() and self.parent(p) == process.pid]
        self.assertEqual(children, [])
        process.kill()
        out, err = process.communicate()
        self.outputs.append((("killed",), out + err + seen.decode()))
        self.assertTrue(os.listdir(staging))
        self.check()
        self.run_it("gc", "-y", "-v")
        self.run_it("-f", given, "plan", "-v")
        self.run_it("-f", given, "pull", "-y", code=0)
        self.check()

    def test_a_server_that_quotes_the_request_is_quoted_without_its_secrets(self):
        class Everything(dict):
            def __contains__(self, path):
                return True

            def __getitem__(self, path):
                return answer

        def answer(handler):
            said = f"{handler.headers.get('Authorization')} may not have {handler.path}: {urllib.parse.unquote(handler.path)}"
            for word in re.findall(r"=([^&]*)", handler.path):
                said += f" <SignatureProvided>{word}</SignatureProvided>"
            return status, json.dumps({"error": said, "message": said, "errors": [{"message": said}]}).encode(), {
                "Content-Type": "application/json", "X-Error-Message": said}

        self.hub.routes["service"] = Everything()
        url = self.hub.service.url + "/files/a.gguf" + self.query() + "#sha256=" + "0" * 64
        for status in (400, 401, 403, 404, 409, 412, 429, 500, 200):
            for source in (url, "hf:org/repo/a.gguf", "hf:org/repo", "civitai:12@34", "ollama:x"):
                to = [] if source.startswith("ollama") else ["--to", "llama-cpp"]
                for more in ([], ["--json"]):
                    self.run_it("pull", "-y", source, *to, *more, "--retries", "1")
        self.run_it("log")
        self.assertIn("[secret]", "".join(text for _, text in self.outputs))
        self.check()

    def test_a_terminal_shows_no_secret(self):
        data = gguf("terminal", 300_000)
        given = self.manifest_file([self.model(self.signed("a.gguf", data) + self.query())])
        for command in (["plan", "-v"], ["pull", "-y", "--limit-rate", "1M"], ["list"], ["show", "a"], ["outdated"], ["rm", "-y", "a"]):
            out, _ = self.on_terminal(["-f", given, *command], {"TERM": "xterm", **TOKENS}, columns=400)
            self.outputs.append((("terminal", *command), out))
        self.check()

    def test_words_that_are_completed_hold_no_secret(self):
        data = gguf("completed", 30_000)
        url = self.signed("a.gguf", data)
        self.run_it("pull", "-y", url + self.query() + "#sha256=" + sha256(data), "--to", "llama-cpp", code=0)
        for command in ("show", "rm", "pull", "log", "verify"):
            answer = self.run_it("completion", "--answer", "--", command, "", code=0).out
            self.assertIn("a.gguf" if command != "pull" else "", answer)
        self.check()

    @staticmethod
    def parent(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return int(file.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            return 0


class SignedTest(SecretsCase):
    """An address that was signed is remembered without its signature, and that it had one."""

    def pulled(self, first="id=3&"):
        self.data = gguf("signed", 30_000)
        self.url = self.signed("a.gguf", self.data)
        self.run_it("pull", "-y", self.url + self.query(first) + "#sha256=" + sha256(self.data), "--to", "llama-cpp", code=0)
        (entry,) = self.machine.registry()["models"]
        return entry

    def test_models_json_and_the_lock_have_the_bare_address_and_say_that_it_was_signed(self):
        entry = self.pulled()
        self.assertEqual(entry["source"], f"{self.url}?id=3#sha256={sha256(self.data)}")
        self.assertIs(entry["signed"], True)
        self.assertEqual((entry["files"][0]["source"], entry["files"][0]["signed"]), (entry["source"], True))
        (key,) = self.locked()
        self.assertTrue(key.startswith(self.url + "?id=3"), key)
        self.assertIs(self.locked()[key]["signed"], True)
        shown = json.loads(self.run_it("show", entry["id"], "--json", code=0).out)["data"]
        self.assertIn('"signed": true', json.dumps(shown))
        self.assertIn("signed", self.run_it("show", entry["id"], code=0).out)
        self.check()

    def test_a_harmless_query_stays(self):
        data = gguf("plain", 20_000)
        self.hub.url("/files/b.gguf", data)
        url = self.hub.service.url + "/files/b.gguf?id=3&download=true&quantType=Q8_0"
        given = self.manifest_file([self.model(url, "b.gguf")])
        self.run_it("-f", given, "pull", "-y", code=0)
        self.assertEqual(self.entry("b")["source"], url)
        self.assertNotIn("signed", self.entry("b"))
        self.assertEqual(list(self.locked()), [url])
        self.assertNotIn("signed", self.locked()[url])

    def test_a_path_of_this_machine_is_no_address(self):
        names = ["a?token=abc123def456.gguf", "b&key=Zm9vYmFyYmF6.gguf", "lora:v1@2.gguf"]
        for name in names:
            path = self.machine.store(name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(gguf(name, 5_000))
        self.assertEqual(self.run_it("adopt").returncode, 0)
        paths = sorted(self.machine.registered_path(m["file_path"]) for m in self.machine.registry()["models"])
        self.assertEqual(paths, sorted(map(self.machine.store, names)))
        listed = json.loads(self.run_it("list", "--json").out)["data"]["models"]
        self.assertEqual(sorted(f["path"] for m in listed for f in m["files"]), paths)
        self.assertEqual(self.run_it("verify").returncode, 0)

    def test_a_new_signature_is_the_same_model(self):
        entry = self.pulled()
        again = self.url + "?token=" + canary(0) + "&id=3&X-Amz-Date=later#sha256=" + sha256(self.data)
        result = self.run_it("pull", "-y", again, "--to", "llama-cpp", code=0)
        self.assertEqual([m["id"] for m in self.machine.registry()["models"]], [entry["id"]], result.out)
        os.remove(self.machine.store("a.gguf"))
        self.run_it("pull", "-y", again, "--to", "llama-cpp", code=0)
        self.assertEqual(self.read(self.machine.store("a.gguf")), self.data)
        self.check()

    def test_what_needs_the_signature_asks_for_a_new_one(self):
        entry = self.pulled()
        for command in (["outdated"], ["lock", "--check"]):
            result = self.run_it(*command)
            self.assertNotRegex(result.err + result.out, r"\b403\b")
        os.remove(self.machine.store("a.gguf"))
        before = len(self.hub.requests)
        marked = self.url + "?id=3#signed#sha256=" + sha256(self.data)
        for command in (["verify", "--repair", "-y"], ["outdated"], ["pull", "-y", marked, "--to", "llama-cpp"]):
            result = self.run_it(*command)
            self.assertIn("its address was signed", result.err + result.out, command)
            self.assertIn("ncmodel pull URL", result.err + result.out, command)
            self.assertEqual(result.returncode, 6, command)
        self.assertEqual(len(self.hub.requests), before)
        self.assertTrue(entry["id"])
        self.check()

    def test_offline_does_not_promise_what_the_network_cannot_bring(self):
        result = self.run_it("pull", "-y", "--offline", "https://h.example/x.gguf#signed", "--to", "llama-cpp", code=6)
        self.assertIn("its address was signed", result.err)
        self.assertIn("ncmodel pull URL", result.err)
        self.assertNotIn("without --offline", result.err)
        self.assertNotIn("#signed", result.err + result.out)

    def test_what_is_in_place_needs_no_signature(self):
        data = gguf("unpinned", 40_000)
        url = self.signed("u.gguf", data)
        given = self.manifest_file([self.model(url + self.query(), "u.gguf")])
        self.run_it("-f", given, "pull", "-y", code=0)
        self.signed("u.gguf", data, right="new")
        self.assertIn("in place", self.run_it("-f", given, "pull", "-y", code=0).out)
        given = self.manifest_file([self.model(url + "?id=3&token=new", "u.gguf")])
        self.assertIn("in place", self.run_it("-f", given, "pull", "-y", code=0).out)
        os.remove(self.machine.store("u.gguf"))
        self.run_it("-f", given, "pull", "-y", code=0)
        self.assertEqual(self.read(self.machine.store("u.gguf")), data)
        self.assertEqual(len(self.machine.registry()["models"]), 1)
        self.check()

    def test_a_partial_goes_on_with_a_new_signature(self):
        data = gguf("partial", 6_000_000)
        url = self.hub.url("/files/p.gguf", data)
        process = self.machine.start("pull", "-y", url + "?token=" + canary(0) + "#sha256=" + sha256(data), "--to", "llama-cpp",
                                     "--limit-rate", "1M")
        staging = self.machine.store(".ncmodel/staging")
        for _ in range(200):
            if os.path.isdir(staging) and any(n for n in os.listdir(staging)):
                break
            threading.Event().wait(0.05)
        threading.Event().wait(2)
        process.kill()
        process.communicate()
        self.run_it("pull", "-y", url + "?token=" + canary(1) + "#sha256=" + sha256(data), "--to", "llama-cpp", code=0)
        ranges = [r["headers"].get("range") for r in self.hub.requests if canary(1) in r["target"] and r["method"] == "GET"]
        self.assertTrue(ranges and all(r and not r.startswith("bytes=0-") for r in ranges), ranges)
        self.check()

    def test_an_expired_address_says_what_to_do(self):
        self.pulled()
        self.signed("a.gguf", self.data, right="new")
        os.remove(self.machine.store("a.gguf"))
        result = self.run_it("pull", "-y", self.url + self.query() + "#sha256=" + sha256(self.data), "--to", "llama-cpp")
        self.assertEqual(result.returncode, 6, result.err)
        self.assertRegex(result.err, "signed|expired|new address")
        self.check()

    def test_a_list_is_imported_without_signatures_and_says_so(self):
        data = gguf("listed", 20_000)
        url = self.signed("listed.gguf", data)
        text = f"{url}{self.query()}\n  out=listed.gguf\n  checksum=sha-256={sha256(data)}\nhttps://h.example/b.gguf?download=true\n"
        listed = self.input("list.txt", text)
        out = os.path.join(self.machine.home, "imported.json")
        result = self.run_it("manifest", "import", listed, "-o", out, "--to", "llama-cpp", code=0)
        self.assertIn("signed", result.err)
        with open(out) as file:
            manifest = json.load(file)
        first, second = manifest["models"]
        self.assertEqual([a.split("#sha256")[0] for a in first["files"][0]["from"]], [url + "?id=3#signed"])
        self.assertTrue(any("signed" in note for note in first["notes"]), first)
        self.assertEqual(second["files"][0]["from"], ["https://h.example/b.gguf?download=true"])
        self.run_it("manifest", "check", out, code=0)
        result = self.run_it("-f", out, "pull", "-y", first["id"], code=6)
        self.assertIn("its address was signed", result.err)
        self.check()

    def test_a_dump_has_no_signature_and_can_be_read_again(self):
        self.pulled()
        out = os.path.join(self.machine.home, "dump.json")
        result = self.run_it("manifest", "dump", "-o", out, code=0)
        self.assertIn("signed", result.err)
        self.run_it("manifest", "check", out, code=0)
        self.run_it("-f", out, "pull", "-y", code=0)
        os.remove(self.machine.store("ncmodel.lock"))
        self.run_it("-f", out, "plan", code=0)
        self.assertIn("in place", self.run_it("-f", out, "pull", "-y", code=0).out)
        os.rename(self.machine.store("a.gguf"), self.machine.store("moved.gguf"))
        for command in (["plan"], ["pull", "-y"]):
            self.assertIn("its address was signed", self.run_it("-f", out, *command, code=6).err)
        self.check()

    def test_a_list_of_comfyui_manager_too(self):
        url = "https://h.example/l.safetensors" + self.query()
        listed = self.input("list.json", json.dumps({"models": [{
            "name": "L", "type": "lora", "base": "SDXL", "save_path": "loras", "filename": "l.safetensors", "url": url,
            "reference": f"https://{USER}:canaryPassword@h.example/page" + self.query(), "description": "see " + url}]}))
        out = os.path.join(self.machine.home, "imported.json")
        self.run_it("manifest", "import", listed, "-o", out)
        with open(out) as file:
            self.assertIn("https://h.example/l.safetensors?id=3#signed", file.read())
        self.check()


class OlderTest(SecretsCase):
    """What an older version wrote with its secrets is shown without them, and the next write cleans it."""

    def test_an_old_registry_and_lock_are_cleaned(self):
        data = gguf("old", 30_000), gguf("new", 20_000)
        self.machine.manifest([self.machine.simple("a.gguf", data[0]), self.machine.simple("b.gguf", data[1])])
        self.run_it("pull", "-y", "a", code=0)
        document = self.machine.registry()
        secret = "https://h.example/a.gguf" + self.query()
        document["models"][0]["source"] = document["models"][0]["files"][0]["source"] = secret
        with open(self.machine.store("models.json"), "w") as file:
            json.dump(document, file)
        with open(self.machine.store("ncmodel.lock")) as file:
            lock = json.load(file)
        (key,) = lock["entries"]
        lock["entries"] = {secret: {**lock["entries"][key], "pinned": secret}}
        lock["entries"][secret]["files"][0]["url"] = secret
        with open(self.machine.store("ncmodel.lock"), "w") as file:
            json.dump(lock, file)
        for command in (["list"], ["show", "a"], ["outdated"], ["verify"], ["manifest", "dump"], ["lock", "--check"], ["adopt", "-n"]):
            self.run_it(*command)
            self.run_it(*command, "--json")
        self.run_it("pull", "-y", "b", code=0)
        entry = self.entry("a")
        self.assertEqual((entry["source"], entry["signed"]), ("https://h.example/a.gguf?id=3", True))
        self.assertIn("https://h.example/a.gguf?id=3", self.locked())
        self.check()


class ClearTokenTest(SecretsCase):
    """A token goes over plain http to this machine alone, unless that was said."""

    def test_a_token_does_not_go_in_clear_to_another_machine(self):
        for name, source in (("HF_ENDPOINT", "hf:org/repo/a.gguf"), ("NCMODEL_CIVITAI_ENDPOINT", "civitai:12@34")):
            env = {name: "http://mirror.invalid"}
            result = self.run_it("pull", "-y", source, "--to", "llama-cpp", "--retries", "1", env=env, code=11)
            self.assertIn("http://mirror.invalid", result.err)
            self.assertIn("--allow-http-token", result.err)
            result = self.run_it("pull", "-y", source, "--to", "llama-cpp", "--retries", "1", "--json", env=env, code=11)
            (error,) = json.loads(result.out)["errors"]
            self.assertEqual((error["code"], error["retryable"]), ("policy", False))
            allowed = self.run_it("pull", "-y", source, "--to", "llama-cpp", "--retries", "1", "--allow-http-token", env=env)
            self.assertNotIn("plain http", allowed.err)
            self.assertEqual(allowed.returncode, 7, allowed.err)
            config = self.input("config.json", json.dumps({"allow_http_token": True}))
            said = self.run_it("pull", "-y", source, "--to", "llama-cpp", "--retries", "1", "--config", config, env=env)
            self.assertEqual(said.returncode, 7, said.err)
            none = self.machine.run("pull", "-y", source, "--to", "llama-cpp", "--retries", "1", env=env)
            self.assertEqual(none.returncode, 7, none.err)
        self.check()

    def test_a_proxy_sees_no_token_that_it_should_not(self):
        asked = len(self.hub.requests)
        env = {"HF_ENDPOINT": "http://mirror.invalid", "http_proxy": self.hub.service.url, "NO_PROXY": ""}
        self.run_it("pull", "-y", "hf:org/repo/a.gguf", "--to", "llama-cpp", "--retries", "1", env=env, code=11)
        self.assertEqual(len(self.hub.requests), asked)


if __name__ == "__main__":
    unittest.main()
