"""Each fault gives its exit code and a message to act on, and leaves store and models.json as they were."""
import json
import os
import shutil
import time
import unittest

from harness import Case, gguf, sha256


class ErrorTest(Case):
    def setUp(self):
        super().setUp()
        m = self.machine
        m.manifest([m.simple("kept.gguf", gguf("kept", 3_000))])
        self.pull()
        self.before, self.listed = m.snapshot(), m.registry()
        self.hub.forget()

    def refused(self, *arguments, code, says=(), env=None, command="pull"):
        result = self.machine.run(command, *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word.lower(), result.err.lower())
        self.assertEqual(self.machine.snapshot(), self.before)
        self.assertEqual(self.machine.registry(), self.listed)
        return result

    def wanted(self, name="new.gguf", size=100_000, **extra):
        m = self.machine
        self.data = gguf(name, size)
        m.manifest([m.simple("kept.gguf", gguf("kept", 3_000)), m.simple(name, self.data, **extra)])
        return "/files/" + name

    def arrived(self, name="new.gguf"):
        self.assertEqual(self.machine.snapshot()["server/ai/llama-cpp/models/" + name], sha256(self.data))
        self.check_registry()

    # what the user says

    def test_unknown_model(self):
        self.refused("kepd", code=2, says=["kepd", "kept"])

    def test_unknown_phase(self):
        self.refused("--phase", "7", code=2, says="phase")
        self.refused("--phase", "2", code=2, says="phase")

    def test_unknown_option(self):
        self.refused("--lokced", code=2, says="--locked")

    # manifests

    def bad_manifest(self, text, *says):
        path = os.path.join(self.machine.manifests, "test", "phase-1-high.json")
        with open(path, "w") as file:
            file.write(text)
        self.refused(code=2, says=["phase-1-high.json:", *says])
        result = self.machine.run("manifest", "check", path)
        self.assertEqual(result.returncode, 2)

    def edited(self, change):
        m = self.machine
        path = m.manifest([m.simple("a.gguf", gguf("a", 10)), m.simple("b.gguf", gguf("b", 10))])
        with open(path) as file:
            document = json.load(file)
        change(document["models"])
        return json.dumps(document, indent=2)

    def test_broken_json(self):
        self.bad_manifest('{"schema_version": 1,\n "models": [', ":2:")

    def test_duplicate_key(self):
        self.bad_manifest('{"schema_version": 1, "schema_version": 1}', "duplicate")

    def test_wrong_type(self):
        self.bad_manifest(self.edited(lambda models: models[1]["files"][0].update(size="12")), "$.models[1].files[0].size",
                          "integer")

    def test_duplicate_id(self):
        self.bad_manifest(self.edited(lambda models: models[1].update(id="a")), "$.models[1].id", "\"a\"")

    def test_path_with_dots(self):
        for name in ("../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "CON", "models.json", "a\\b.gguf"):
            self.bad_manifest(self.edited(lambda models, name=name: models[0]["files"][0]["to"][0].update(name=name)),
                              "$.models[0].files[0].to[0].name")

    def test_every_fault_in_one_go(self):
        def change(models):
            models[0]["files"][0]["sha256"] = "XYZ"
            models[1]["kind"] = "spaceship"
            models[1]["phaze"] = 1
        text = self.edited(change)
        path = os.path.join(self.machine.manifests, "test", "phase-1-high.json")
        with open(path, "w") as file:
            file.write(text)
        result = self.refused(code=2)
        for word in ("sha256", "kind", "phaze"):
            self.assertIn(word, result.err)

    # the network

    def test_unknown_host(self):
        self.wanted()
        m = self.machine
        m.manifest([m.simple("new.gguf", self.data, **{"from": ["https://nowhere.invalid/new.gguf"]})])
        self.refused("--retries", "1", code=7, says=["nowhere.invalid", "new"])

    def test_refused_connection(self):
        self.wanted(**{"from": ["http://127.0.0.1:1/new.gguf"]})
        self.refused("--retries", "1", code=7, says="new.gguf")

    def test_401_403_404(self):
        for status, code in ((401, 6), (403, 6), (404, 5), (410, 5)):
            path = self.wanted(f"s{status}.gguf")
            self.hub.fault(path, "status", None, status=status)
            self.refused(code=code, says=f"s{status}.gguf")

    def test_gated_tells_where_to_accept(self):
        self.hub.hf("org/gated", {"g.gguf": gguf("g", 100)}, gated=True, token="other")
        self.machine.manifest([{"id": "gated", "files": [
            {"from": ["hf:org/gated/g.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.refused(code=6, says=["HF_TOKEN", "org/gated"])
        self.refused(code=6, says=["org/gated", "licen"], env={"HF_TOKEN": "hf_rejectedrejected"})

    def test_429_then_success(self):
        self.hub.fault(self.wanted(), "status", 2, status=429, headers={"Retry-After": "0"})
        self.pull()
        self.arrived()

    def test_429_for_ever(self):
        self.hub.fault(self.wanted(), "status", None, status=429, headers={"Retry-After": "0"})
        self.refused("--retries", "2", code=8)

    def test_500_then_success(self):
        self.hub.fault(self.wanted(), "status", 2, status=500)
        self.pull()
        self.arrived()

    def test_dropped_connections_then_success(self):
        self.hub.fault(self.wanted(), "drop", 2)
        self.pull()
        self.arrived()

    def test_truncated_body_is_resumed(self):
        path = self.wanted()
        self.hub.fault(path, "cut", 1, at=60_000)
        self.pull()
        self.arrived()
        tries = [r for r in self.hub.asked(path) if r["method"] == "GET"]
        self.assertEqual(len(tries), 2)
        self.assertLess(tries[1]["sent"], 100_000, "only what was missing came again")

    def test_wrong_digest(self):
        path = self.wanted()
        self.hub.fault(path, "bytes", None, data=gguf("evil", 100_000))
        result = self.refused(code=10, says=[sha256(self.data)[:12], sha256(gguf("evil", 100_000))[:12]])
        self.assertNotIn("Traceback", result.err)

    def test_wrong_size(self):
        for size in (99_999, 100_001):
            path = self.wanted()
            self.hub.faults.clear()
            self.hub.fault(path, "bytes", None, data=gguf("evil", size))
            self.refused(code=10, says=[str(size), "100000"])

    def test_endless_body(self):
        self.hub.fault(self.wanted(), "long", None)
        self.refused("--retries", "1", code=10)

    def test_html_instead_of_a_model(self):
        self.hub.fault(self.wanted(pinned=False), "html", None)
        result = self.machine.run("pull", "-y")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("html", result.err.lower())
        self.assertEqual(self.machine.snapshot(), self.before)

    def test_a_server_without_ranges(self):
        path = self.wanted()
        self.hub.fault(path, "cut", 1, at=50_000)
        self.hub.fault(path, "no-range", None)
        self.pull()
        self.arrived()

    def test_a_file_that_changes_between_two_tries(self):
        path = self.wanted(pinned=False)
        self.hub.fault(path, "cut", 1, at=50_000)
        new = gguf("second edition", 120_000)
        self.hub.fault(path, "bytes", None, data=new)
        self.data = new
        self.pull()
        self.arrived()

    def test_content_encoding_and_wrong_ranges_never_make_a_wrong_file(self):
        for kind in ("gzip", "wrong-range"):
            path = self.wanted(kind + ".gguf")
            self.hub.fault(path, "cut", 1, at=50_000)
            self.hub.fault(path, kind, 2)
            result = self.machine.run("pull", "-y", "--retries", "2")
            disk = self.machine.snapshot().get(f"server/ai/llama-cpp/models/{kind}.gguf")
            self.assertIn(disk, (None, sha256(self.data)), result.err)
            self.assertEqual(result.returncode == 0, disk is not None, result.err)
            shutil.rmtree(self.machine.store(".ncmodel"), ignore_errors=True)

    def test_redirect_loops_and_downgrades(self):
        path = self.wanted()
        self.hub.fault(path, "redirect", None, to=path)
        self.refused("--retries", "1", code=15, says="redirect")
        self.hub.faults.clear()
        for to in ("file:///etc/passwd", "ftp://127.0.0.1/x", "http://user:pw@127.0.0.1/x"):
            self.hub.fault(path, "redirect", 1, to=to)
            result = self.machine.run("pull", "-y", "--retries", "1")
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(self.machine.snapshot(), self.before)
            self.hub.faults.clear()

    # the disk

    def test_disk_too_small(self):
        mount = os.path.join(self.machine.home, "small")
        os.makedirs(mount)
        self.wanted(size=4_000_000)
        result = self.run_with_mounts(f"mount -t tmpfs -o size=2m none {mount}", "pull", "-y", "--store-path",
                                      f"llama-cpp={mount}/models")
        self.assertEqual(result.returncode, 9, result.stderr)
        self.assertIn("fit", result.stderr)
        self.assertFalse([r for r in self.hub.asked() if r["path"].startswith("/files/")], "nothing was fetched")
        self.assertEqual(self.machine.snapshot(), self.before)

    def test_the_reserve_counts(self):
        self.wanted()
        self.refused("--reserve", "100T", code=9, says="reserve")

    def test_read_only_store(self):
        mount = self.machine.store()
        self.wanted()
        result = self.run_with_mounts(f"mount --bind {mount} {mount} && mount -o remount,ro,bind {mount}", "pull", "-y")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("read-only", result.stderr.lower())
        self.assertEqual(self.machine.snapshot(), self.before)

    def test_broken_registry_is_left_alone(self):
        path = self.machine.store("models.json")
        with open(path, "w") as file:
            file.write('{"models": [')
        self.wanted()
        for command in (["pull", "-y"], ["list"], ["verify"]):
            result = self.machine.run(*command)
            self.assertEqual(result.returncode, 1, result.err)
            self.assertIn("models.json", result.err)
        with open(path) as file:
            self.assertEqual(file.read(), '{"models": [')

    # two at once, and stopping

    def test_two_pulls_at_once_both_end_right(self):
        m = self.machine
        self.hub.rate = 400_000
        path = self.wanted(size=400_000)
        first = m.start("pull", "-y")
        time.sleep(0.4)
        busy = m.run("pull", "-y", "--no-wait")
        second = m.start("pull", "-y")
        _, first_err = first.communicate(timeout=60)
        _, second_err = second.communicate(timeout=60)
        self.assertEqual((first.returncode, second.returncode), (0, 0), first_err + second_err)
        self.assertEqual(busy.returncode, 13, busy.err)
        self.assertIn("another ncmodel", second_err)
        self.assertEqual(len([r for r in self.hub.asked(path) if r["method"] == "GET"]), 1, "fetched once")
        self.arrived()

    def test_interrupt_stops_at_once_and_resumes(self):
        m = self.machine
        self.hub.rate = 200_000
        path = self.wanted(size=800_000)
        for number, code in ((2, 130), (15, 143)):
            process = m.start("pull", "-y")
            time.sleep(1.2)
            process.send_signal(number)
            stopped = time.monotonic()
            _, err = process.communicate(timeout=20)
            self.assertEqual(process.returncode, code, err)
            self.assertLess(time.monotonic() - stopped, 2)
            self.assertIn("same command", err)
            self.assertEqual(m.snapshot(), self.before)
        self.hub.rate = None
        self.hub.forget()
        self.pull()
        self.arrived()
        self.assertLess(sum(r["sent"] for r in self.hub.asked(path)), 600_000, "what was there was kept")


class LockWithoutFilesTest(Case):
    """An entry that names no file pins nothing: it is no reason to call anything there."""

    def lock(self, uri, **more):
        path = os.path.join(self.machine.home, "empty.lock")
        with open(path, "w") as out:
            json.dump({"schema_version": 1, "entries": {uri: {"files": [], "trust": "upstream", "pinned": uri, **more}}}, out)
        return path

    def test_an_unknown_store(self):
        lock = self.lock("ollama:tiny:1b", ollama_name="registry.ollama.ai/library/tiny/1b", revision="a" * 64)
        self.hub.ollama("library/tiny", [("model", gguf("tiny", 5_000))], tag="1b")
        for command in (["plan"], ["pull", "-y"]):
            result = self.machine.run("--lock", lock, *command, "ollama:tiny:1b", "--to", "nowhere")
            self.assertEqual(result.returncode, 2, result.err)
            self.assertIn('no store "nowhere"', result.err)

    def test_the_file_is_fetched(self):
        data, uri = gguf("plain", 5_000), "hf:org/one/plain.gguf"
        self.hub.hf("org/one", {"plain.gguf": data})
        lock = self.lock(uri)
        offline = self.machine.run("--lock", lock, "plan", "--offline", uri)
        self.assertEqual(offline.returncode, 11, offline.out)
        self.pull("--lock", lock, uri)
        with open(self.machine.store("plain.gguf"), "rb") as file:
            self.assertEqual(file.read(), data)
        with open(lock) as file:
            self.assertEqual([f["sha256"] for f in json.load(file)["entries"][uri]["files"]], [sha256(data)])


if __name__ == "__main__":
    unittest.main()
