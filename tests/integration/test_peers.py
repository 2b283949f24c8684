"""`pull` against real servers: nginx in the shapes of Hugging Face, Civitai, a CDN and a web server; docker-registry.

Their logs and Python alone say what was right: which bytes of a file were sent how often, and who was shown a token.
"""
import contextlib
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata
import unittest
import urllib.request

from harness import SOURCE, Case, gguf, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import loopback  # noqa: E402
import nginx_text as nginx  # noqa: E402

BLOCK = 4096
EDGES = 16 * BLOCK  # an orderly stop may lose the begun block of each connection
IN_FLIGHT = 4 << 20  # what a kill -9 may cost: on disk, but not yet noted in the journal
BIG = 16 << 20
SLOWLY = ("--limit-rate", "4M")  # so that there is a middle to interrupt
LLAMA, LORAS = "server/ai/llama-cpp/models/", "ComfyUI/models/loras/"
LOGIN = nginx.answer(200, "<!DOCTYPE html><title>Sign in</title>", "text/html")

servers = None


class Servers(loopback.Loopback):
    """Adds two hosts of our own: slow downloads behind signatures that end, and answers of Civitai that go wrong."""

    def start(self):
        super().start()
        self.big = {name: gguf(name, 24) + random.Random(name).randbytes(BIG - 24) for name in ("one.gguf", "two.gguf")}
        self.digests = {name: sha256(data) for name, data in self.big.items()}
        for name, data in self.big.items():
            with open(self._path("www/plain/files", name), "wb") as file:
                file.write(data)
        return self

    def port(self, name):
        """The ports of a site, as the log spells them."""
        return {str(n) for n in (self.ours if name == "ours" else self.ports[name])}

    def url(self, path):
        return f"http://127.0.0.1:{self.ours[0]}{path}"

    def _plain(self):
        self.ours, others = (), {self.registry, *(port for pair in self.ports.values() for port in pair)}
        while not self.ours or others & set(self.ours):
            self.ours = tuple(loopback.free_ports(4))
        trouble = os.path.join(self.state, "trouble")
        files = ["types { }", "default_type application/octet-stream;",
                 nginx.file(os.path.join(self.state, "www/plain/files/"))[-1]]
        far = f"return 302 http://localhost:{self.ours[2]}/vault/$1?Signature=%s-signature;"
        door = nginx.server(
            self.ours[:2], self.certificate, self._civitai(),
            nginx.location("/files/", *files, exact=False),
            nginx.location("~ ^/signed/(.+)$", f'if (-f "{trouble}") {{ {far % "second"} }}', far % "first",
                           exact=False))
        vault = nginx.server(
            self.ours[2:], self.certificate,
            nginx.location("/vault/", 'set $state "$arg_signature";',
                           f'if (-f "{trouble}") {{ set $state "$state-late"; }}',
                           'if ($state ~ "^(|first-signature-late)$") { return 403; }',
                           "if ($http_authorization) { return 400; }", *files, exact=False),
            *(nginx.location(f"/{name}/", *files, nginx.header("Content-Disposition", f'attachment; filename="{told}"'),
                             exact=False)
              for name, told in (("evil", "../../../../evil.safetensors"), ("named", "../../from-header.safetensors"))))
        # Small buffers: what a server has sent is then nearly what the client has got.
        return super()._plain() + re.sub(r"listen ([^;]+);", r"listen \1 sndbuf=64k;", door + vault)

    def _civitai(self):
        """Versions: 1 is sent to the log-in page, 2 is one, 3 has hostile names, 4 has no name but in a header."""
        data = self.files["safetensors/tiny-lora.safetensors"]
        storage = f"return 307 http://localhost:{self.ours[2]}/%s/tiny-lora.safetensors?X-Amz-Signature=x;"
        downloads = {1: ['return 307 "/login?returnUrl=/model-versions/1&reason=download-auth";'], 2: LOGIN,
                     3: [storage % "evil"], 4: [storage % "named"]}
        names = {3: "..\\..\\/../../../\x1b[2J\u202eevil\r\n.safetensors", 4: None}
        parts = [nginx.location("/login", *LOGIN)]
        for version, lines in downloads.items():
            file = {"id": 70 + version, "name": names.get(version, "tiny.safetensors"), "sizeKB": len(data) / 1024,
                    "type": "Model", "primary": True, "metadata": {"format": "SafeTensor"},
                    "hashes": {"SHA256": sha256(data).upper()}}
            answer = os.path.join(self.state, f"version-{version}.json")
            with open(answer, "w", encoding="utf-8") as out:
                json.dump({"id": version, "modelId": 50 + version, "name": "v1", "files": [file],
                           "model": {"name": "Tiny", "type": "LORA"}}, out)
            parts += [nginx.location(f"/api/v1/model-versions/{version}", *nginx.file(answer, "application/json")),
                      nginx.location(f"/api/download/models/{version}", *lines)]
        return "".join(parts)

    def cut_all_connections(self):
        """Ends nginx's worker; the master starts another."""
        master = next(child.pid for child in self.children if child.args[0].endswith("nginx"))
        with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as file:
            for worker in file.read().split():
                os.kill(int(worker), signal.SIGKILL)

    def settle(self):
        """Until nginx is done with every client: it logs a request when that ends."""
        ports = {port for name in (*loopback.SITES, "ours") for port in self.port(name)}
        for _ in range(400):
            with open("/proc/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
            if not any(row[3] in ("01", "08") and str(int(row[1].split(":")[1], 16)) in ports for row in rows):
                return
            time.sleep(0.05)
        raise AssertionError("connections to nginx stay open")


def setUpModule():
    global servers
    folder = tempfile.mkdtemp(prefix="ncmodel-peers-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    servers = Servers(folder)
    unittest.addModuleCleanup(servers.stop)
    servers.start()


class PeerCase(Case):
    def setUp(self):
        super().setUp()
        self.at = servers.environment()
        self.machine.env |= {"NCMODEL_OLLAMA_REGISTRY": self.at["LOOPBACK_OLLAMA_FRONT"],
                             **{name: self.at[name] for name in ("HF_ENDPOINT", "NCMODEL_CIVITAI_ENDPOINT")}}
        self.forget()

    def forget(self):
        servers.settle()
        self.seen = os.path.getsize(self.at["LOOPBACK_REQUESTS"])

    def asked(self, site=None, path=""):
        servers.settle()
        with open(self.at["LOOPBACK_REQUESTS"], encoding="utf-8") as log:
            log.seek(self.seen)
            found = [json.loads(line) for line in log]
        return [r for r in found if (not site or r["server"] in servers.port(site)) and path in r["target"]]

    def model(self, name, *places, to="llama-cpp", **spec):
        kind, folder = ("llm", {}) if to == "llama-cpp" else ("lora", {"folder": "loras"})
        return {"id": name.split(".")[0], "kind": kind, "files": [
            {"from": list(places), "to": [{"store": to, **folder}], **spec}]}

    def big(self, name, way="/files/"):
        return self.model(name, servers.url(way + name), insecure_http=True, sha256=servers.digests[name], size=BIG)

    def everything(self):
        """A model from each kind of source."""
        data, node = servers.files["plain/tiny-stt.bin"], servers.files["archive/demo-node-1.0.tar.gz"]
        self.machine.manifest([
            {"id": "tiny-chat", "files": [{"from": ["ollama:tiny-chat"]}]},
            self.model("chat", "hf:demo/tiny-chat-GGUF/tiny-chat-q4_k_m.gguf"),
            self.model("gated", "hf:demo/tiny-gated/tiny-gated.safetensors", to="comfyui"),
            self.model("style", "civitai:6002?fileId=7003", to="comfyui"),
            self.model("stt", self.at["LOOPBACK_PLAIN"] + "/tiny-stt.bin", insecure_http=True, sha256=sha256(data)),
            {"id": "node", "kind": "custom-node", "use_cases": [], "files": [
                {"from": [self.at["LOOPBACK_GITHUB"] + "/demo/demo-node/archive/refs/tags/v1.0.tar.gz"],
                 "insecure_http": True, "sha256": sha256(node), "extract": {"strip": 1},
                 "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]},
        ])

    def tokens(self):
        return {name: self.at[name] for name in ("HF_TOKEN", "CIVITAI_TOKEN")}

    def check_everything(self):
        self.check_files({LLAMA + "tiny-chat-q4_k_m.gguf": "gguf/tiny-chat-q4_k_m.gguf",
                          LLAMA + "tiny-stt.bin": "plain/tiny-stt.bin",
                          LORAS + "tiny-gated.safetensors": "safetensors/tiny-gated.safetensors",
                          LORAS + "tinyStyle.safetensors": "safetensors/tiny-lora.safetensors"})

    def check_files(self, wanted):
        disk = self.machine.snapshot()
        for path, fixture in wanted.items():
            self.assertEqual(disk.get(path), sha256(servers.files[fixture]), path)
        self.check_registry()

    def holds(self, secret):
        """The files of home and root that hold a text."""
        found = []
        for folder, _, files in os.walk(self.machine.home):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    if secret.encode() in file.read():
                        found.append(os.path.join(folder, name))
        return found

    # bytes: those of a file that are on disk, and those that were sent

    def on_disk(self, name):
        """Which blocks of a big file lie right in its partial. The content is noise: a gap cannot look right."""
        data, right = servers.big[name], set()
        for part in glob.glob(self.machine.store(".ncmodel", "staging", f"*{servers.digests[name]}*")):
            if part.endswith(".json"):
                continue
            with contextlib.suppress(FileNotFoundError), open(part, "rb") as file:  # it may just have been placed
                there = file.read()
                right |= {at for at in range(0, len(data), BLOCK) if there[at:at + BLOCK] == data[at:at + BLOCK]}
        return right

    def wait_for(self, name, size, process):
        while len(self.on_disk(name)) * BLOCK < size:
            self.assertIsNone(process.poll(), "it ended before it could be interrupted")
            time.sleep(0.02)

    def sent(self, requests, size):
        """[(first, end)] of the file's bytes that each answer carried."""
        spans = []
        for request in requests:
            if request["method"] != "GET" or request["status"] not in (200, 206):
                continue
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request["range"]) if request["status"] == 206 else None
            self.assertTrue(wanted or request["status"] == 200, request)
            first = int(wanted[1]) if wanted else 0
            spans.append((first, min(first + request["sent"], size)))
        return spans

    def check_sent_once(self, requests, size, allowed=EDGES):
        """Every byte was sent, and none again but for a few at the seams."""
        spans = sorted(self.sent(requests, size))
        covered = again = 0
        for first, end in spans:
            self.assertLessEqual(first, covered, f"a gap: {spans}")
            again += max(0, min(end, covered) - first)
            covered = max(covered, end)
        self.assertEqual(covered, size, spans)
        self.assertLessEqual(again, allowed, f"sent again: {spans}")


class OllamaTest(PeerCase):
    def pulled(self, registry):
        self.machine.manifest([{"id": "chat", "files": [{"from": ["ollama:tiny-chat"]}]},
                               {"id": "code", "files": [{"from": ["ollama:acme/tiny-code:1.1b-q4_K_M"]}]}])
        self.pull(env={"NCMODEL_OLLAMA_REGISTRY": registry})
        return os.path.join(self.machine.root, ".ollama/models")

    def check_store(self, registry):
        store, wanted = self.pulled(registry), {}
        for image in servers.images[0], servers.images[2]:
            request = urllib.request.Request(
                f"{self.at['NCMODEL_OLLAMA_REGISTRY']}/v2/{image.name}/manifests/{image.tag}",
                headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                manifest = answer.read()
            wanted[f"manifests/registry.ollama.ai/{image.name}/{image.tag}"] = manifest
            for layer in (json.loads(manifest)["config"], *json.loads(manifest)["layers"]):
                wanted["blobs/" + layer["digest"].replace(":", "-")] = image.blobs[layer["digest"]]
        found = {}
        for part in ("blobs", "manifests"):
            for folder, _, files in os.walk(os.path.join(store, part)):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as file:
                        found[os.path.relpath(os.path.join(folder, name), store)] = file.read()
        self.assertEqual(sorted(found), sorted(wanted))
        for path, data in wanted.items():
            self.assertEqual(found[path], data, path)
        blobs = {path for path in found if path.startswith("blobs/")}
        self.assertEqual(blobs, {"blobs/sha256-" + sha256(found[path]) for path in blobs})
        self.assertEqual(set(os.listdir(store)), {"blobs", "manifests", ".ncmodel"})
        self.check_registry()

    def test_a_store_as_ollama_makes_it(self):
        self.check_store(self.at["NCMODEL_OLLAMA_REGISTRY"])

    def test_the_same_store_when_blobs_come_from_another_host(self):
        self.check_store(self.at["LOOPBACK_OLLAMA_FRONT"])
        blobs = self.asked("storage", "/ollama/")
        self.assertTrue(blobs)
        self.assertTrue(all("Signature=signed" in r["target"] and not r["authorization"] for r in blobs))

    def test_a_real_ollama_accepts_it(self):
        store, image = self.pulled(self.at["NCMODEL_OLLAMA_REGISTRY"]), servers.images[0]
        checked = subprocess.run(
            [sys.executable, os.path.join(SOURCE, "tests/integration/ollama_peer.py"), "check", store, "--no-build",
             "--model", "tiny-chat", "--size", str(image.size()), "--digest", image.digest, "--family", "llama",
             "--quantization", image.model.quantization, "--parameters", image.model.size_label(), "--prune"],
            capture_output=True, text=True, timeout=120)
        if checked.returncode == 77:
            self.skipTest(checked.stdout.strip())
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


class ResumeTest(PeerCase):
    def interrupted(self, name, size, number, code):
        """Pulls until that much is on disk, then sends the signal. Returns the blocks on disk."""
        # A shell that runs the tests in the background lets them ignore SIGINT, and what they start inherits that.
        process = self.machine.start("pull", "-y", *SLOWLY,
                                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            self.wait_for(name, size, process)
        finally:
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, err)
        self.assertNotIn("Sanitizer", err)
        self.assertNotIn(LLAMA + name, self.machine.snapshot())
        return self.on_disk(name)

    def check_kept(self, there, requests, allowed, why):
        """No block that was on disk was sent again."""
        self.assertIn(206, [r["status"] for r in requests])
        spans = self.sent(requests, BIG)
        again = sum(BLOCK for at in there for first, end in spans if first <= at and at + BLOCK <= end)
        print(f"{why}: {len(there) * BLOCK} bytes were on disk, {again} of them were sent again", flush=True)
        self.assertLessEqual(again, allowed, spans)

    def test_an_interrupted_pull_goes_on_from_what_is_on_disk(self):
        name = "one.gguf"
        self.machine.manifest([self.big(name)])
        there = self.interrupted(name, 5 << 20, signal.SIGINT, 130)
        self.forget()
        more = self.interrupted(name, 10 << 20, signal.SIGKILL, -signal.SIGKILL)
        self.check_kept(there, self.asked("ours", name), EDGES, "SIGINT")
        self.assertLessEqual(there, more, "nothing that was there is lost")
        self.forget()
        self.pull()
        self.check_kept(more, self.asked("ours", name), IN_FLIGHT, "kill -9")
        self.assertEqual(self.machine.snapshot()[LLAMA + name], servers.digests[name])
        self.check_registry()

    def test_two_pulls_at_once_share_the_work(self):
        name, m = "two.gguf", self.machine
        m.manifest([self.big(name), {"id": "tiny-chat", "files": [{"from": ["ollama:tiny-chat"]}]}])
        both = [m.start("pull", "-y", *SLOWLY) for _ in range(2)]
        for process in both:
            _, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
            self.assertNotIn("Sanitizer", err)
        # A connection may be cut when another takes a part of its range over.
        self.check_sent_once(self.asked("ours", name), BIG, IN_FLIGHT)
        digest = next(iter(servers.images[0].blobs))
        self.check_sent_once(self.asked("storage", digest), len(servers.images[0].blobs[digest]))
        self.assertEqual(m.snapshot()[LLAMA + name], servers.digests[name])
        self.check_registry()

    def test_an_expired_signature_is_resolved_anew(self):
        name, trouble = "one.gguf", os.path.join(servers.state, "trouble")
        self.addCleanup(lambda: os.path.exists(trouble) and os.unlink(trouble))
        self.machine.manifest([self.big(name, "/signed/")])
        process = self.machine.start("pull", "-y", "-vv", *SLOWLY)
        self.wait_for(name, 4 << 20, process)
        with open(trouble, "w", encoding="ascii"):
            pass
        before = self.on_disk(name)
        servers.cut_all_connections()
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(self.machine.snapshot()[LLAMA + name], servers.digests[name])
        later = [r for r in self.asked("ours", "/vault/") if "second" in r["target"]]
        self.check_kept(before, later, EDGES, "another signature")
        self.assertFalse([r for r in self.asked("ours") if r["authorization"]])
        self.assertNotIn("-signature", out + err)
        self.assertEqual(self.holds("-signature"), [])

    def test_pulling_again_asks_for_nothing(self):
        self.everything()
        self.pull(env=self.tokens())
        before, listed = self.machine.snapshot(), self.machine.registry()
        self.assertTrue(self.asked())
        self.forget()
        self.pull()
        self.assertEqual(self.asked(), [])
        self.assertEqual((self.machine.snapshot(), self.machine.registry()), (before, listed))


class TokenTest(PeerCase):
    def test_a_gated_repository_wants_a_token_and_a_licence(self):
        self.machine.manifest([self.model("gated", "hf:demo/tiny-gated/tiny-gated.safetensors", to="comfyui")])
        page = "/demo/tiny-gated"
        for token, says in ((None, (page, "licence", "HF_TOKEN")),
                            (self.at["LOOPBACK_HF_TOKEN_NO_ACCESS"], (page, "licence")),
                            ("hf_mistyped0000000000000000000000003", ("reject", "HF_TOKEN"))):
            result = self.pull(code=6, env={"HF_TOKEN": token} if token else None)
            for word in says:
                self.assertIn(word, result.err)
            self.assertNotIn(token or "hf_", result.err + result.out)
            self.assertNotIn("tiny-gated.safetensors", str(self.machine.snapshot()))
        self.pull(env={"HF_TOKEN": self.at["HF_TOKEN"]})
        self.check_files({LORAS + "tiny-gated.safetensors": "safetensors/tiny-gated.safetensors"})

    def test_tokens_are_seen_by_their_service_alone(self):
        self.everything()
        result = self.machine.run("pull", "-y", "-vv", "--json", env=self.tokens())
        self.assertEqual(result.returncode, 0, result.err)
        self.check_everything()
        asked = "verify -vv", "show gated --json", "list --json"
        runs = [result, *(self.machine.run(*words.split()) for words in asked)]
        requests = self.asked()
        self.assertTrue([r for r in requests if "ignature=" in r["target"]])
        for name, site in (("HF_TOKEN", "hub"), ("CIVITAI_TOKEN", "civitai")):
            token = self.at[name]
            self.assertTrue([r for r in requests if token in r["authorization"]], "the service did get it")
            for request in requests:
                self.assertNotIn(token, request["target"] + request["referer"] + request["cookie"])
                if token in request["authorization"]:
                    self.assertIn(request["server"], servers.port(site), request)
            for run in runs:
                self.assertNotIn(token, run.out + run.err)
            self.assertEqual(self.holds(token), [])
        for site in ("cdn", "storage", "plain", "front"):
            self.assertTrue(self.asked(site), site)
            self.assertEqual({r["authorization"] for r in self.asked(site)}, {""}, site)
        self.assertEqual(self.holds("Signature=sign"), [])
        self.assertNotIn("Signature=sign", result.out + result.err)

    def test_a_token_file_serves_too(self):
        path = os.path.join(self.machine.home, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.at["HF_TOKEN"] + "\n")
        self.machine.manifest([self.model("private", "hf:demo/tiny-private/tiny-private.safetensors", to="comfyui")])
        self.pull(code=5)
        self.pull(env={"HF_TOKEN_PATH": path})
        self.assertEqual(self.holds(self.at["HF_TOKEN"]), [path])


class CivitaiTest(PeerCase):
    def test_what_civitai_refuses(self):
        refused = (6002, 6, "CIVITAI_TOKEN"), (6004, 6, "2099-01-01"), (6005, 5, "disabled"), (6006, 5, "no file")
        for version, code, says in refused:
            self.machine.manifest([self.model("c", f"civitai:{version}", to="comfyui")])
            self.assertIn(says, self.pull(code=code).err, version)
            self.assertEqual([path for path in self.machine.snapshot() if "safetensors" in path], [])
        self.machine.manifest([self.model("c", "civitai:6002", to="comfyui")])
        self.pull(env={"CIVITAI_TOKEN": self.at["CIVITAI_TOKEN"]})
        self.check_files({LORAS + "tinyStyle.safetensors": "safetensors/tiny-lora.safetensors"})

    def test_a_login_page_is_never_a_model(self):
        ours = {"NCMODEL_CIVITAI_ENDPOINT": servers.url("")}
        for version, codes, says in ((1, (6,), "CIVITAI_TOKEN"), (2, (5,), "page")):
            self.machine.manifest([self.model("c", f"civitai:{version}", to="comfyui")])
            result = self.machine.run("pull", "-y", "--retries", "1", env=ours)
            self.assertIn(result.returncode, codes, result.err)
            self.assertIn(says, result.err)
            self.assertEqual([path for path in self.machine.snapshot() if "safetensors" in path], [])

    def placed_name(self, version):
        """The name that the one file of a version of ours was given."""
        outside = set(os.listdir(self.machine.home))
        self.machine.manifest([self.model("c", f"civitai:{version}", to="comfyui")])
        result = self.pull(env={"NCMODEL_CIVITAI_ENDPOINT": servers.url("")})
        self.assertNotRegex(result.out + result.err, "[\x1b\u202e]")
        (place,) = [path for path, digest in self.machine.snapshot().items()
                    if digest == sha256(servers.files["safetensors/tiny-lora.safetensors"])]
        folder, name = os.path.split(place)
        self.assertEqual(folder, LORAS[:-1])
        bad = [c for c in name if c in "\\/:*?\"<>|" or unicodedata.category(c).startswith("C")]
        self.assertEqual(bad, [], ascii(name))
        self.assertLessEqual(set(os.listdir(self.machine.home)), outside | {".cache", ".local"})
        self.check_registry()
        return name

    def test_a_hostile_name_is_made_safe(self):
        self.assertRegex(self.placed_name(3), r"^[^.].*evil.*\.safetensors$")

    def test_a_name_that_only_a_header_gives(self):
        self.assertEqual(self.placed_name(4), "from-header.safetensors")


class ConnectionTest(PeerCase):
    def stt(self, place):
        data = servers.files["plain/tiny-stt.bin"]
        self.machine.manifest([self.model("tiny-stt.bin", place + "/tiny-stt.bin", sha256=sha256(data), size=len(data),
                                          insecure_http=place.startswith("http:"))])

    def arrived(self):
        self.check_files({LLAMA + "tiny-stt.bin": "plain/tiny-stt.bin"})
        shutil.rmtree(self.machine.root)
        os.makedirs(self.machine.root)

    def nothing(self):
        disk = self.machine.snapshot()
        self.assertEqual([path for path in disk if path.endswith((".bin", ".gguf", ".safetensors"))], [])

    def test_a_private_authority_has_to_be_named(self):
        self.stt(self.at["LOOPBACK_TLS_PLAIN"])
        result = self.pull("--retries", "1", code=15)
        for word in ("certificate", "--cacert", "SSL_CERT_FILE", "tiny-stt"):
            self.assertIn(word, result.err)
        self.nothing()
        absent = os.path.join(self.machine.home, "absent.pem")
        result = self.machine.run("pull", "-y", "--cacert", absent)
        self.assertEqual(result.returncode, 2, result.err)
        for word in (absent, "there is no file", "--cacert"):
            self.assertIn(word, result.err)
        result = self.machine.run("pull", "-y", env={"SSL_CERT_FILE": absent})
        self.assertEqual(result.returncode, 2, result.err)
        for word in ("CA bundle", absent, "No such file", "SSL_CERT_FILE"):
            self.assertIn(word, result.err)
        self.nothing()
        self.pull("--cacert", self.at["SSL_CERT_FILE"])
        self.arrived()
        self.pull(env={"SSL_CERT_FILE": self.at["SSL_CERT_FILE"]})
        self.arrived()
        self.assertEqual({r["scheme"] for r in self.asked("plain")}, {"https"})

    def test_a_system_without_authorities_is_told_so_and_not_asked_again(self):
        self.stt(self.at["LOOPBACK_TLS_PLAIN"])
        # what a Debian without ca-certificates has there
        result = self.run_with_mounts("mount -t tmpfs none /etc/ssl/certs", "pull", "-y")
        self.assertEqual(result.returncode, 1, result.stderr)  # 7 would be tried again
        for word in ("CA bundle", "No such file", "ca-certificates", "SSL_CERT_FILE", "tiny-stt"):
            self.assertIn(word, result.stderr)
        self.nothing()

    def test_every_service_over_tls(self):
        secure = {"HF_ENDPOINT": self.at["LOOPBACK_TLS_HF"],
                  "NCMODEL_CIVITAI_ENDPOINT": self.at["LOOPBACK_TLS_CIVITAI"],
                  "NCMODEL_OLLAMA_REGISTRY": self.at["LOOPBACK_TLS_OLLAMA"], **self.tokens()}
        for name in ("LOOPBACK_PLAIN", "LOOPBACK_GITHUB"):
            self.at[name] = self.at[name.replace("LOOPBACK_", "LOOPBACK_TLS_")]
        self.everything()
        self.pull("--retries", "1", code=15, env=secure)
        self.nothing()
        self.assertEqual(self.asked(), [], "no token was sent to a server that could not be trusted")
        self.pull(env={**secure, "SSL_CERT_FILE": self.at["SSL_CERT_FILE"]})
        self.check_everything()
        self.assertEqual({r["scheme"] for r in self.asked()}, {"https"})

    def dead_proxy(self):
        """An address that refuses connections for as long as the test runs."""
        nobody = socket.socket()  # bound and not listening
        self.addCleanup(nobody.close)
        nobody.bind(("127.0.0.1", 0))
        del self.machine.env["NO_PROXY"]
        return f"127.0.0.1:{nobody.getsockname()[1]}"

    def refused_by(self, **proxies):
        result = self.pull("-vv", "--retries", "1", code=7, env=proxies)
        self.nothing()
        self.assertNotIn("pass-word", result.err + result.out)
        return result.err

    def test_a_dead_proxy_fails_and_no_proxy_heals_it(self):
        dead = self.dead_proxy()
        self.stt(self.at["LOOPBACK_PLAIN"])
        for name in ("http_proxy", "all_proxy"):
            self.assertIn(dead.replace(":", " port "), self.refused_by(**{name: f"http://user:pass-word@{dead}"}))
        self.assertEqual(self.asked(), [])
        for name in ("no_proxy", "NO_PROXY"):
            self.pull(env={"http_proxy": "http://" + dead, name: "example.org, 127.0.0.1"})
            self.arrived()
        self.stt(self.at["LOOPBACK_TLS_PLAIN"])
        secure = {"https_proxy": "http://" + dead, "SSL_CERT_FILE": self.at["SSL_CERT_FILE"]}
        self.refused_by(**secure)
        self.pull(env={**secure, "no_proxy": "127.0.0.1"})
        self.arrived()

    def test_a_dead_proxy_is_told_as_one(self):
        dead = self.dead_proxy()
        self.stt(self.at["LOOPBACK_PLAIN"])
        self.assertRegex(self.refused_by(http_proxy="http://" + dead).lower(), "proxy")

    def test_a_misspelt_proxy_does_not_tell_its_password(self):
        dead = self.dead_proxy()
        self.stt(self.at["LOOPBACK_PLAIN"])
        for proxy in ("htpp://user:pass-word@%s", "http://user:pass-word@%sx", "http://user:pass-word/@%s"):
            result = self.machine.run("pull", "-y", "-vv", "--retries", "1", env={"http_proxy": proxy % dead})
            self.assertIn(result.returncode, (2, 7), result.err)
            self.nothing()
            self.assertNotIn("pass-word", result.err + result.out)

    def test_a_proxy_that_lives_is_used(self):
        # nginx answers a proxy's requests from its own files: enough to see that they went there.
        self.stt("http://nowhere.invalid/files")
        del self.machine.env["NO_PROXY"]
        self.pull(env={"http_proxy": f"http://127.0.0.1:{servers.ports['plain'][0]}"})
        self.arrived()
        self.assertTrue(self.asked("plain", "tiny-stt.bin"))


class ShardTest(PeerCase):
    def test_split_models_arrive_whole(self):
        self.machine.manifest([
            self.model("split", "hf:demo/tiny-split-GGUF/Q4_K_M/tiny-split-q4_k_m-00002-of-00003.gguf@v1.0"),
            {"id": "sharded", "kind": "llm", "files": [{"from": ["hf:demo/tiny-sharded/model.safetensors.index.json"],
                                                        "to": [{"store": "llama-cpp", "name": "sharded"}]}]},
            {"id": "base", "kind": "training-base", "use_cases": [], "files": [
                {"from": ["hf:demo/tiny-sharded"], "to": [{"store": "training", "name": "base"}]}]},
        ])
        self.pull()
        disk = self.machine.snapshot()
        wanted = {name: data for name, data in servers.files.items() if name.startswith(("gguf-split/", "sharded/"))}
        for name, data in wanted.items():
            places = {os.path.basename(os.path.dirname(path)) for path, digest in disk.items()
                      if os.path.basename(path) == os.path.basename(name) and digest == sha256(data)}
            self.assertTrue(places, name)
            if name.startswith("sharded/"):
                self.assertIn("base", places, name)
            if "model-0" in name or "index" in name:
                self.assertIn("sharded", places, name)
            if len(data) > 100_000:
                self.check_sent_once(self.asked("cdn", sha256(data)), len(data))
        self.check_registry()


if __name__ == "__main__":
    try:
        for program in ("nginx", "docker-registry", "openssl"):
            loopback.program(program)
    except loopback.Failed as reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    unittest.main()
