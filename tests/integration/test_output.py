#!/usr/bin/python3
"""Every command with --json, after success and failure, against its shipped schema. Nothing undocumented passes."""
import copy
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import schemas  # noqa: E402

if not schemas.AVAILABLE:
    print("python3-jsonschema is not installed (scripts/setup --test)")
    sys.exit(77)

from drift_case import DriftCase  # noqa: E402
from harness import BINARY, SOURCE, filling, gguf, safetensors, sha256  # noqa: E402

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import oci_site  # noqa: E402
import s3_store  # noqa: E402
import runtime_site  # noqa: E402

MIB = 1 << 20


def commands():
    """As the program itself lists them."""
    out = subprocess.run([BINARY, "help"], capture_output=True, text=True, check=True).stdout
    block = out.split("Commands", 1)[1].split("\n\n", 1)[0]
    return [line.split()[0] for line in block.splitlines() if line.startswith("  ") and line.split()]


def objects(value):
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


class OutputCase(DriftCase):
    seen = {}  # command → the documents with data in this run; for the checks of the schemas themselves

    def document(self, *arguments, code=0, env=None):
        result = self.machine.run(*arguments, "--json", env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        document = json.loads(result.out)
        self.assertEqual(schemas.faults("envelope", document), [], result.out)
        self.assertEqual(document["exit_code"], code)
        self.check_forms(document["data"])
        if document["data"]:
            self.seen.setdefault(document["command"], []).append(document)
        return document["data"]

    def check_forms(self, data):
        """The promises that are of all commands: `models` is an array, and what is called a time is one."""
        for inner in objects(data):
            self.assertIsInstance(inner.get("models", []), list)
            for name, value in inner.items():
                if value is not None and (name.endswith("_at") or name in ("time", "since")):
                    self.assertRegex(value, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$", name)

    def damage(self, path, offset=0):
        before = os.stat(path)
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(b"damage")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class OutputTest(OutputCase):
    def test_what_was_pulled(self):
        self.publish(1)
        self.machine.manifest(self.moving() + [self.plain(), {
            "id": "gone", "files": [{"from": [self.hub.service.url + "/files/gone.gguf"], "insecure_http": True,
                                     "to": [{"store": "llama-cpp"}]}]}])
        self.document("plan", code=5)
        self.document("plan", "hf", "--offline", code=11)
        self.document("plan", "hf", "--exit-code", code=3)
        self.document("pull", "--dry-run", "hf")
        self.document("pull", "--reserve", "100000GB", "hf", code=9)
        data = self.document("pull", "--retries", "1", code=5)
        self.assertEqual({m["outcome"] for m in data["result"]["models"]}, {"pulled", "failed"})
        self.document("pull", "hf")
        self.document("pull", "hf", "--locked")
        self.document("pull", "ollama:tiny:1b", "--to", "nowhere", code=2)
        for arguments in (["list"], ["list", "--available"], ["list", "hf"], ["show", "hf", "tag", "gone"], ["df"], ["diff"], ["log"],
                          ["log", "hf"], ["verify"], ["verify", "--quick"], ["adopt"], ["adopt", "--dry-run"],
                          ["lock", "hf", "tag", "civitai", "url"], ["lock", "hf", "--update", "--dry-run"], ["lock", "hf", "--check"],
                          ["outdated"], ["manifest", "dump"], ["link", "--dry-run"], ["gc", "--dry-run"]):
            data = self.document(*arguments)
            self.assertTrue(data, arguments)
        self.document("list", "nosuch", code=2)
        self.document("show", "hf", "nosuch", code=2)
        self.document("log", "nosuch", code=2)
        self.publish(2)
        self.document("outdated", code=3)
        self.document("lock", "--check", code=3)
        self.document("lock", "--update", code=5)
        self.document("diff", "--exit-code", code=3)
        self.document("mv", "llama-cpp", os.path.join(self.machine.root, "elsewhere"), "--dry-run")
        self.document("mv", "llama-cpp", os.path.join(self.machine.root, "elsewhere"), "-y")
        self.document("mv", "nosuch", "/nowhere", code=2)
        self.document("stores")
        self.write("inspected.gguf", gguf("inspected", 100))
        self.document("inspect", os.path.join(self.machine.root, "inspected.gguf"))
        self.document("inspect", "/nowhere", code=5)
        self.document("inspect", code=2)
        self.document("fit", "--vram", "12GB")
        self.document("fit", "--stages", code=2)
        self.document("status")
        self.document("doctor", "--offline")
        self.document("export", "litellm")
        bundle = os.path.join(self.machine.home, "bundle")
        self.document("bundle", "create", bundle)
        self.document("bundle", "verify", bundle)
        self.document("bundle", "import", bundle, "-n", code=11)  # the lock pins what was published since
        self.document("bundle", "import", bundle, "-n", "--update")
        os.unlink(os.path.join(bundle, "ncmodel.lock"))
        self.document("bundle", "verify", bundle, code=4)
        self.document("rm", "hf", code=2)
        self.document("rm", "hf", "--dry-run")
        self.document("rm", "hf", "-y")
        self.document("rm", "hf", "-y", code=2)
        self.machine.manifest(self.moving()[1:])
        self.document("lock", "--prune")
        self.document("df")

    def test_damage_and_repair(self):
        big = gguf("big", MIB) + filling("big'", 39 * MIB)
        self.machine.manifest([self.machine.simple("big.gguf", big), self.machine.simple("small.gguf", gguf("small", 3000)),
                               self.machine.simple("lost.gguf", gguf("lost", 3000))])
        self.pull()
        self.damage(self.machine.store("big.gguf"), 20 * MIB)
        self.write("server/ai/llama-cpp/models/extra.gguf", gguf("extra", 100))
        with open(self.machine.store("small.gguf"), "ab") as file:
            file.write(b"more")
        os.unlink(self.machine.store("lost.gguf"))
        data = self.document("verify", code=4)
        self.assertEqual({f["verdict"] for f in data["files"]}, {"damaged", "size", "missing"})
        self.document("verify", "--quick", code=4)
        self.document("verify", "--repair", "--dry-run", "-y", code=4)
        self.hub.fault("/files/lost.gguf", "status", times=None, status=404)
        self.document("verify", "--repair", "-y", "--retries", "1", code=5)
        self.hub.faults.clear()
        self.document("verify", "--repair", "-y")
        self.document("verify", "--repair", "-y")
        self.document("verify", "--repair", "--quick", code=2)
        self.document("gc", "--replaced", "--dry-run")
        self.document("gc", "--replaced", "-y")

    def test_running_servers(self):
        site = runtime_site.Router("one", "two")
        self.addCleanup(site.close)
        self.machine.manifest([self.machine.simple("one.gguf", gguf("one", 3000))], runtime={"preload": ["one"], "idle_unload_seconds": 9})
        for arguments, code in ((["preload"], 0), (["load", "two", "none"], 5), (["ps", "--available"], 0), (["unload", "two"], 0), (["node"], 0),
                                (["pull", "--via-server", "ollama:x"], 14)):
            self.assertTrue(self.document(*arguments, "--server", site.url, code=code) or code == 14)
        self.document("ps", "--server", "http://127.0.0.1:1", code=14)

    def test_a_registry_that_is_pushed_to(self):
        site = oci_site.Liar()
        self.addCleanup(site.close)
        self.machine.manifest([self.machine.simple("one.gguf", gguf("one", 3000))])
        self.pull("--all")
        site.serve(oci_site.image("models/one", "taken"))
        for tag in ("free", "taken"):
            self.document("push", "-n", f"oci:localhost:{site.port}/models/one:{tag}", "--all")
        self.document("push", f"oci:localhost:{site.port}/models/one:taken", "--all", code=11)

    def test_a_bucket_that_is_shared(self):
        site = s3_store.Store()
        self.addCleanup(site.close)
        site.objects["models/team/blobs/sha256/zz/what"] = b"?"
        self.machine.env |= {"NCMODEL_CACHE": "s3:models/team", "NCMODEL_S3_ENDPOINT": site.url,
                             "NCMODEL_S3_ACCESS_KEY": s3_store.s3_site.ACCESS, "NCMODEL_S3_SECRET_KEY": s3_store.s3_site.SECRET}
        self.document("cache", code=2)
        self.document("cache", "gc", code=2)
        self.machine.manifest([self.machine.simple("one.gguf", gguf("one", 3000))])
        self.pull("--all")
        self.document("cache", "status")
        self.document("cache", "push", "-n", "--all")
        self.document("cache", "push", "--all", "--name", "one")
        self.document("cache", "verify")
        self.document("cache", "pull", "-n")
        self.document("cache", "pull", "-y")
        self.document("cache", "gc", "--days", "0", "-y")
        for name in list(site.objects):
            site.objects[name] = b"other"
        self.document("cache", "verify", code=4)
        self.document("cache", "gc", code=2)

    def test_what_others_left(self):
        data = gguf("same", 2 * MIB)
        for name in ("one", "two"):
            self.write(f"server/ai/llama-cpp/models/{name}.gguf", data)
        self.write("server/ai/llama-cpp/models/cut.gguf", data[:1000])
        self.write("server/ai/llama-cpp/models/page.gguf", b"<!DOCTYPE html><html></html>")
        orphan = gguf("orphan", 5000)
        self.write(f".ollama/models/blobs/sha256-{sha256(orphan)}", orphan)
        self.write(f".ollama/models/blobs/sha256-{sha256(b'other')}-partial", b"part")
        os.makedirs(os.path.join(self.machine.root, ".ollama/models/manifests"))
        picture = safetensors("picture", 3000)
        path = self.write("ComfyUI_windows_portable/ComfyUI/models/checkpoints/picture.safetensors", picture)
        self.write(path + ".sha256", b"0" * 64)
        for store in ("ollama", "llama-cpp", "comfyui", "hf", "ollama,llama-cpp,comfyui"):
            for depth in ([], ["--quick"]):
                result = self.machine.run("verify", "--store", store, *depth, "--json")
                self.assertEqual(schemas.faults("envelope", json.loads(result.out)), [])
        self.document("verify", "--store", "nosuch", code=2)
        self.machine.run("verify", "--store", "llama-cpp", "--repair", "-y", "--json")
        self.document("adopt", "--dry-run", code=4)
        self.document("adopt", code=4)
        self.document("adopt", "/nosuch", code=2)
        for arguments in (["link", "--dry-run"], ["link"], ["link"], ["link", "--unlink", "--dry-run"], ["link", "--unlink"]):
            self.document(*arguments)
        self.document("link", "--store", "nosuch", code=2)
        self.document("gc", "--min-age", "0", "--dry-run")
        self.document("gc", "--min-age", "0", code=2)
        self.document("gc", "--min-age", "0", "-y")
        self.document("gc", "-y")
        self.document("gc", "--keep-partial", "--all", code=2)
        self.document("df")
        self.document("manifest", "dump", code=2)
        self.document("list")
        self.document("log")

    def test_what_needs_no_models(self):
        home = self.machine.home
        good, bad, urls = (os.path.join(home, name) for name in ("good.json", "bad.json", "urls.txt"))
        with open(urls, "w", encoding="utf-8") as file:
            file.write("https://host.example/a.gguf\nnonsense\n")
        with open(bad, "w", encoding="utf-8") as file:
            file.write('{"schema_version": 1}')
        for arguments, code in (
                (["--profile", "noa", "select", "--usecase", "Reasoning"], 0), (["select"], 2),
                (["version"], 0), (["limits"], 0), (["profiles"], 0), (["help"], 0), (["help", "pull"], 0), (["help", "nosuch"], 2),
                (["pull", "--help"], 0), (["completion", "bash"], 0), (["completion", "tcsh"], 2), (["list"], 0), (["verify"], 0), (["df"], 0),
                (["gc", "-y"], 0), (["log"], 0), (["outdated"], 0), (["show"], 2), (["rm"], 2), (["nosuch"], 2), (["pull", "--nosuch"], 2),
                (["bundle"], 2), (["bundle", "create", os.path.join(home, "b")], 2), (["bundle", "verify", home], 2),
                (["manifest"], 2), (["manifest", "dump"], 2), (["manifest", "init", "mine"], 0), (["manifest", "init", "mine"], 11),
                (["manifest", "import", urls, "-o", good], 2), (["manifest", "import", urls, "--to", "comfyui/loras"], 2),
                (["manifest", "check", good], 0), (["manifest", "check", good, bad, "/nosuch"], 2), (["--version"], 0),
                (["--profile", "nosuch", "plan"], 2), (["--config", "/nosuch", "list"], 2)):
            with self.subTest(arguments=arguments):
                self.document(*arguments, code=code)

    def test_a_registry_that_cannot_be_read(self):
        self.write("server/ai/llama-cpp/models/models.json", b"{ nothing")
        for command in (["list"], ["show", "x"], ["verify"], ["rm", "-y", "x"], ["gc", "-y"], ["df"], ["adopt"], ["link"], ["plan"], ["diff"],
                        ["outdated"], ["pull"], ["manifest", "dump"]):
            with self.subTest(command=command):
                self.document(*command, code=1)

    def test_the_shipped_profiles(self):
        for profile in sorted(os.listdir(os.path.join(SOURCE, "manifests"))):
            if os.path.exists(os.path.join(SOURCE, "manifests", profile, "phase-1-high.json")):
                data = self.document("--profile", profile, "list", "--available")
                self.document("--profile", profile, "show", data["models"][0]["id"])

    def test_the_log_and_the_events(self):
        self.publish(1)
        self.machine.manifest(self.moving() + [self.plain(sha256=sha256(self.bytes["url"]), size=len(self.bytes["url"]))])
        self.hub.fault("/files/url.gguf", "status", times=None, status=404)
        events = []
        for command in (["pull", "-y", "-v", "--retries", "1"], ["lock"], ["verify", "-v"], ["rm", "-y", "-v", "tag"], ["gc", "-y"]):
            result = self.machine.run(*command, "--progress", "json")
            events += [json.loads(line) for line in result.err.splitlines()]
        self.assertLessEqual({"started", "fetched", "placed", "registered", "failed", "error", "resolved", "note", "verified", "debug"},
                             {event["event"] for event in events})
        for event in events:
            self.assertEqual(schemas.faults("event", event), [], event)
        with open(os.path.join(self.machine.home, ".local/state/ncmodel/log.jsonl"), encoding="ascii") as file:
            lines = [json.loads(line) for line in file]
        self.assertLessEqual({"registered", "removed", "failed"}, {line["action"] for line in lines})
        for line in lines:
            self.assertEqual(schemas.faults("logline", line), [], line)

    def test_models_json_keeps_its_own_times(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 3000))])
        self.pull(env={"TZ": "Asia/Tokyo"})
        told = self.document("list", env={"TZ": "Asia/Tokyo"})["models"][0]
        self.assertEqual(told["installed_at_local"], self.entries()["a"]["installed_at"])
        import datetime
        local = datetime.datetime.strptime(told["installed_at_local"], "%Y-%m-%d %H:%M:%S")
        utc = datetime.datetime.strptime(told["installed_at"], "%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual(local - utc, datetime.timedelta(hours=9))


class SchemaTest(unittest.TestCase):
    """The schemas themselves: complete, and strict. After all others: it looks at what they saw."""

    def test_every_command_has_one(self):
        names = commands()
        self.assertIn("pull", names)
        listed = schemas.STORE[schemas.BASE + "output/envelope.schema.json"]["properties"]["command"]["enum"]
        self.assertEqual(sorted(names), sorted(name for name in listed if name))
        for name in names:
            self.assertIn(f"{schemas.BASE}output/{name}.schema.json", schemas.STORE)

    def test_each_is_a_schema(self):
        for schema in schemas.STORE.values():
            schemas.jsonschema.Draft202012Validator.check_schema(schema)

    def test_every_command_was_seen(self):
        self.assertEqual(sorted(OutputCase.seen), sorted(commands()))

    def test_nothing_undocumented_passes(self):
        for name, documents in OutputCase.seen.items():
            document = max(documents, key=lambda d: len(json.dumps(d)))
            document["data"].pop("manifest", None)  # its format allows more
            for i in range(len(list(objects(document)))):
                changed = copy.deepcopy(document)
                list(objects(changed))[i]["undocumented"] = 1
                self.assertNotEqual(schemas.faults("envelope", changed), [], (name, i))
                if i > 60:
                    break

    def test_nothing_documented_may_be_missing(self):
        """Every member of every document is there because its schema wants it, or may be absent as the schema says."""
        for name, documents in OutputCase.seen.items():
            document = documents[0]
            for member in ("data", "errors", "command", "schema", "ok", "exit_code"):
                changed = {k: v for k, v in document.items() if k != member}
                self.assertNotEqual(schemas.faults("envelope", changed), [], (name, member))


if __name__ == "__main__":
    unittest.main()
