"""`lock` and `diff` over the stand-ins: tags and branches that move between two runs, pins that vanish, disks that differ."""
import json
import os
import signal
import threading
import unittest

from drift_case import NEW, OLD, DriftCase
from harness import TOKENS, gguf, safetensors, sha256
from test_pull import tarball


class LockTest(DriftCase):
    def test_pins_without_content_and_only_once(self):
        self.publish(1)
        pinned = self.plain(sha256=sha256(self.bytes["url"]))
        first_use = {**self.plain(), "id": "tofu"}
        first_use["files"][0]["from"] = [self.hub.url("/files/tofu.gguf", gguf("tofu", 5_000))]
        first_use["files"][0]["to"][0]["name"] = "tofu.gguf"
        self.machine.manifest(self.moving() + [pinned, first_use])
        data, states = self.ask("lock", "--dry-run")
        self.assertFalse(data["written"])
        self.assertFalse(os.path.exists(self.machine.store("ncmodel.lock")))
        data, states = self.ask("lock")
        self.assertEqual(states, {"hf": "new", "tag": "new", "civitai": "new", "url": "new", "tofu": "unpinned"})
        self.assertTrue(data["written"])
        self.assertEqual(self.entry(data, "hf")["after"], {"revision": OLD, "size": 30_000})
        self.assert_no_content_was_fetched()
        entries = self.locked()
        self.assertEqual(entries["hf:org/model-GGUF/model.gguf"]["files"][0]["sha256"], sha256(self.bytes["hf"]))
        self.assertEqual(entries["civitai:4384@latest"]["revision"], "101")
        self.assertNotIn(first_use["files"][0]["from"][0], entries, "nothing tells its digest before the first pull")

        before = self.lock_text()
        self.machine.manifest(self.moving() + [pinned])
        self.hub.forget()
        data, states = self.ask("lock")
        self.assertEqual(set(states.values()), {"same"})
        self.assertEqual(self.hub.asked(), [], "what is pinned is not asked for")
        self.assertEqual(self.lock_text(), before)
        self.pull("--locked")
        self.check_registry()
        self.assertEqual(self.lock_text(), before)

    def test_what_is_locked_is_what_is_pulled_after_upstream_moved(self):
        self.publish(1)
        old = self.bytes["civitai"]
        self.machine.manifest(self.moving()[2:])
        self.ask("lock")
        self.publish(2)
        self.pull("--locked")
        self.assertEqual(self.machine.snapshot()["ComfyUI/models/checkpoints/picture.safetensors"],
                         sha256(old))

    def test_update_shows_what_moves_and_follows(self):
        self.publish(1)
        self.machine.manifest(self.moving())
        self.pull()
        before = self.lock_text()
        self.publish(2)
        data, states = self.ask("lock", "--update", "--dry-run")
        self.assertEqual(set(states.values()), {"moved"})
        self.assertEqual(self.lock_text(), before)
        tag = self.entry(data, "tag")
        self.assertIn("the tag names another model", tag["detail"])
        self.assertIn("1B → 2B", tag["detail"])
        self.assertEqual([f["name"] for f in tag["files"]], ["config", "model"], "the licence is the same")
        self.assertEqual(self.entry(data, "hf")["files"], [{
            "name": "model.gguf", "before": {"size": 30_000, "sha256": "sha256:" + sha256(gguf("hf1", 30_000))},
            "after": {"size": 60_000, "sha256": "sha256:" + sha256(gguf("hf2", 60_000))}}])
        self.assertEqual(self.entry(data, "hf")["to_get"], 60_000)
        shown = self.machine.run("lock", "--update", "-v")
        self.assertEqual(shown.returncode, 0, shown.err)
        self.assertIn("0 new, 3 moved, 0 as before. Written.", shown.out)
        self.assertIn("30.0 kB → 60.0 kB", shown.out)
        after = self.lock_text()
        self.assertNotEqual(after, before)
        data, states = self.ask("lock", "--update")
        self.assertEqual((set(states.values()), data["written"]), ({"same"}, False))
        self.assertEqual(self.lock_text(), after)
        self.pull("--locked")
        self.assertEqual(self.machine.snapshot()["server/ai/llama-cpp/models/hf.gguf"], sha256(self.bytes["hf"]))
        self.check_registry()

    def test_update_of_one_model_leaves_the_others(self):
        self.publish(1)
        self.machine.manifest(self.moving())
        self.ask("lock")
        self.publish(2)
        self.ask("lock", "--update", "tag")
        entries = self.locked()
        self.assertEqual(entries["hf:org/model-GGUF/model.gguf"]["revision"], OLD)
        self.assertEqual(entries["ollama:tiny:1b"]["files"][0]["sha256"], sha256(self.bytes["tag"]))

    def test_what_fails_keeps_its_pin_and_stops_nobody(self):
        self.publish(1)
        self.machine.manifest(self.moving())
        self.ask("lock")
        self.publish(2)
        self.hub.fault("/v2/library/tiny/manifests/1b", "status", None, status=404)
        result = self.machine.run("lock", "--update", "--json")
        self.assertEqual(result.returncode, 5, result.err)
        entries = self.locked()
        self.assertEqual(entries["ollama:tiny:1b"]["files"][0]["sha256"], sha256(gguf("tag1", 20_000)))
        self.assertEqual(entries["hf:org/model-GGUF/model.gguf"]["revision"], NEW)
        self.hub.fault("/api/models/org/model-GGUF/revision/main", "status", None, status=401,
                       headers={"X-Error-Message": "Invalid credentials in Authorization header"})
        self.assertEqual(self.machine.run("lock", "--update").returncode, 1, "two classes")

    def test_the_manifest_is_right_when_it_pins_something_else(self):
        self.publish(1)
        self.machine.manifest([self.plain(sha256=sha256(self.bytes["url"]))])
        self.ask("lock")
        self.publish(2)
        self.machine.manifest([self.plain(sha256=sha256(self.bytes["url"]))])
        result = self.machine.run("lock")
        self.assertEqual(result.returncode, 11, result.err)
        self.assertIn("ncmodel lock --update url", result.err)
        data, states = self.ask("lock", "--update")
        self.assertEqual(states, {"url": "moved"})
        self.assertEqual(self.locked()[self.url]["files"][0]["sha256"], sha256(self.bytes["url"]))

    def test_update_leaves_what_the_manifest_pins(self):
        self.publish(1)
        hf, tag, _ = self.moving()
        hf["files"][0]["sha256"] = sha256(self.bytes["hf"])
        tag["files"][0]["digest"] = "sha256:" + sha256(self.hub.blobs["service"]["/v2/library/tiny/manifests/1b"])
        self.machine.manifest([hf, tag])
        self.ask("lock")
        before = self.lock_text()
        self.publish(2)
        _, states = self.ask("lock", "--update")
        self.assertEqual(set(states.values()), {"same"})
        self.assertEqual(self.lock_text(), before)

    def test_a_plain_url_that_moved_keeps_the_pin_of_its_first_pull(self):
        self.publish(1)
        self.machine.manifest([self.plain()])
        self.pull()
        before = self.lock_text()
        _, states = self.ask("lock", "--update")
        self.assertEqual(states, {"url": "same"})
        self.publish(2)
        data, states = self.ask("lock", "--update")
        self.assertEqual(states, {"url": "moved"})
        self.assertIn("pull --update", self.entry(data, "url")["detail"])
        self.assertEqual(self.lock_text(), before)
        self.hub.fault("/files/url.gguf", "status", None, status=416)
        _, states = self.ask("lock", "--update")
        self.assertEqual(states, {"url": "unknown"})

    def test_the_second_place_is_pinned_by_its_digests(self):
        self.publish(1)
        model = self.moving()[0]
        model["files"][0]["from"].insert(0, "hf:org/nowhere/model.gguf")
        self.machine.manifest([model])
        data, states = self.ask("lock")
        self.assertEqual(states, {"hf": "new"})
        self.assertIsNone(self.entry(data, "hf")["after"]["revision"], "a revision of the second place")
        pinned = self.locked()["hf:org/nowhere/model.gguf"]
        self.assertEqual((pinned["revision"], pinned["pinned"]), (None, f"hf:org/model-GGUF/model.gguf@{OLD}"))
        self.ask("lock", "--check")
        _, states = self.ask("lock", "--update")
        self.assertEqual(states, {"hf": "same"})
        self.pull("--locked")

    def test_a_pickle_gets_no_pin_behind_the_policy(self):
        url = self.hub.url("/files/x.ckpt", b"\x80\x02" + b"x" * 5_000)
        self.hub.hf("org/pickles", {"x.ckpt": b"\x80\x02" + b"x" * 5_000})
        self.machine.manifest([{"id": "pickle", "kind": "checkpoint", "files": [
            {"from": ["hf:org/pickles/x.ckpt"], "to": [{"store": "comfyui", "folder": "checkpoints"}]}]}])
        result = self.machine.run("lock")
        self.assertEqual(result.returncode, 11, result.err)
        self.assertFalse(os.path.exists(self.machine.store("ncmodel.lock")))
        self.pull(code=11)
        _, states = self.ask("lock", "--allow-pickle")
        self.assertEqual(states, {"pickle": "new"})
        self.assertTrue(url)

    def test_extra_pins_are_told_and_dropped_when_asked(self):
        self.publish(1)
        m = self.machine
        m.manifest(self.moving())
        self.ask("lock")
        self.pull("ollama:tiny:1b", "--profile", "test")
        other = os.path.join(m.manifests, "other")
        os.makedirs(other)
        with open(m.manifest(self.moving()[2:])) as source, open(os.path.join(other, "phase-1-high.json"), "w") as out:
            out.write(source.read().replace('"profile": "test"', '"profile": "other"'))
        m.manifest([self.plain(sha256=sha256(self.bytes["url"]))])
        data, states = self.ask("lock", "--update")
        self.assertEqual(states, {"url": "new", "hf:org/model-GGUF/model.gguf": "extra"},
                         "another profile names one, and one is installed")
        self.assertIn("hf:org/model-GGUF/model.gguf", self.locked(), "nothing is dropped unasked")
        _, states = self.ask("lock", "--update", "url")
        self.assertEqual(states, {"url": "same"}, "a selector looks at its models alone")
        self.assertEqual(m.run("lock", "--prune", "url").returncode, 2)
        before = self.lock_text()
        self.ask("lock", "--prune", "--dry-run")
        self.assertEqual(self.lock_text(), before)
        data, _ = self.ask("lock", "--prune")
        self.assertTrue(data["written"])
        self.assertEqual(set(self.locked()), {self.url, "ollama:tiny:1b", "civitai:4384@latest"})
        data, states = self.ask("lock", "--prune")
        self.assertEqual((states, data["written"]), ({"url": "same"}, False))

    def test_an_interruption_leaves_the_lock_as_it_was(self):
        self.publish(1)
        self.machine.manifest(self.moving())
        self.ask("lock")
        before = self.lock_text()
        self.publish(2)
        asked, go_on = threading.Event(), threading.Event()
        path = "/v2/library/tiny/manifests/1b"
        manifest = self.hub.blobs["service"].pop(path)

        def wait(_):
            asked.set()
            go_on.wait(60)
            return 200, manifest, {}
        self.hub.routes["service"][path] = wait
        process = self.machine.start("lock", "--update")
        self.assertTrue(asked.wait(60))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        go_on.set()
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(self.lock_text(), before)


class CheckTest(DriftCase):
    def setUp(self):
        super().setUp()
        self.publish(1)
        self.machine.manifest(self.moving() + [self.plain(sha256=sha256(self.bytes["url"]), size=len(self.bytes["url"]))])
        self.ask("lock")
        self.hub.forget()

    def test_all_as_pinned(self):
        before = self.lock_text()
        data, states = self.ask("lock", "--check")
        self.assertEqual(set(states.values()), {"same"})
        self.assertEqual((data["same"], data["differing"], data["unknown"]), (4, 0, 0))
        self.assert_no_content_was_fetched()
        self.assertEqual(self.lock_text(), before)
        self.assertEqual(self.machine.run("lock", "--check", "--update").returncode, 2)

    def test_a_branch_and_a_newer_version_change_nothing_that_is_pinned(self):
        self.publish(2)
        data, states = self.ask("lock", "--check", code=3)
        self.assertEqual(states, {"hf": "same", "civitai": "same", "tag": "moved", "url": "moved"})
        self.assertIn("the pinned layers are still served", self.entry(data, "tag")["detail"])
        self.assertEqual(self.entry(data, "url")["after"]["size"], 20_000)
        shown = self.machine.run("lock", "--check")
        self.assertEqual(shown.returncode, 3)
        self.assertIn("2 as pinned, 2 moved, 0 gone", shown.out)

    def test_what_is_gone(self):
        layer = sha256(self.bytes["tag"])
        self.publish(2)
        routes = self.hub.routes["service"]
        del routes[f"/v2/library/tiny/blobs/sha256:{layer}"]
        for path in [p for p in routes if OLD in p or p == "/api/v1/model-versions/101"]:
            del routes[path]
        del self.hub.blobs["service"]["/files/url.gguf"]
        data, states = self.ask("lock", "--check", code=3)
        self.assertEqual(set(states.values()), {"gone"})
        self.assertIn("not served any more", self.entry(data, "tag")["detail"])
        self.assertEqual(self.entry(data, "hf")["error"], "not_found")

    def test_other_bytes_under_a_pinned_version(self):
        other = safetensors("replaced", 25_000)
        self.hub.civitai(101, 4384, "picture.safetensors", other)
        data, states = self.ask("lock", "--check", "civitai", code=3)
        self.assertEqual(states, {"civitai": "moved"})
        self.assertEqual(self.entry(data, "civitai")["files"][0]["after"]["sha256"], "sha256:" + sha256(other))

    def test_a_repository_that_was_gated_since(self):
        self.hub.hf("org/model-GGUF", {"model.gguf": self.bytes["hf"]}, commit=OLD, gated=True)
        result = self.machine.run("lock", "--check", "hf", "--json")
        self.assertEqual(result.returncode, 6, result.err)
        self.assertEqual(json.loads(result.out)["data"]["entries"][0]["state"], "unknown")

    def test_sources_are_asked_side_by_side(self):
        routes, asked = self.hub.routes["service"], {}
        paths = ("/api/v1/model-versions/101", f"/api/models/org/model-GGUF/tree/{OLD}")
        for path, other in zip(paths, reversed(paths)):
            answer, asked[path] = routes[path], threading.Event()

            def meet(handler, answer=answer, path=path, other=other):
                asked[path].set()
                return answer(handler) if asked[other].wait(60) else (500, "the other one was not asked for", {})
            routes[path] = meet
        self.ask("lock", "--check", "--retries", "1")

    def test_a_pin_that_is_a_revision_alone(self):
        document = json.loads(self.lock_text())
        for entry in document["entries"].values():
            entry["pinned"] = None
        with open(self.machine.store("ncmodel.lock"), "w") as file:
            json.dump(document, file)
        self.ask("lock", "--check")
        self.publish(2)
        _, states = self.ask("lock", "--check", code=3)
        self.assertEqual(states, {"hf": "same", "civitai": "same", "tag": "moved", "url": "moved"})

    def test_a_source_spelled_out_can_be_locked_and_checked(self):
        self.hub.ollama("library/other", [("model", gguf("o", 3_000))])
        _, states = self.ask("lock", "ollama:other")
        self.assertEqual(states, {"other:latest": "new"})
        _, states = self.ask("lock", "--check", "ollama:other")
        self.assertEqual(states, {"other:latest": "same"})
        self.pull("--locked", "ollama:other")

    def test_what_is_not_in_the_lock(self):
        self.machine.manifest(self.moving() + [self.machine.simple("new.gguf", gguf("n", 1_000))])
        _, states = self.ask("lock", "--check", code=3)
        self.assertEqual(states["new"], "unpinned")

    def test_without_a_network_nothing_can_be_told(self):
        dead = {"HF_ENDPOINT": "http://127.0.0.1:1"}
        data, states = self.ask("lock", "--check", "hf", "--retries", "1", code=7, env=dead)
        self.assertEqual(states, {"hf": "unknown"})
        self.assertEqual(data["unknown"], 1)
        data, states = self.ask("lock", "--check", "--retries", "1", code=7, env=dead)
        self.assertEqual(states["tag"], "same", "the others are looked at all the same")


class DiffTest(DriftCase):
    def test_every_state_without_a_request(self):
        self.publish(1)
        m, models = self.machine, self.moving()
        others = [m.simple(f"{name}.gguf", gguf(name, 4_000)) for name in ("edited", "missing", "extra", "fresh", "mine")]
        m.manifest(models + others[:3] + [self.plain(sha256=sha256(self.bytes["url"]))])
        self.pull()
        entries = self.locked()
        self.assertEqual(m.run("diff", "--exit-code").returncode, 0)
        self.assertIn("No differences: 7 models are as manifest and lock say.", m.run("diff").out)
        with open(m.store("edited.gguf"), "ab") as file:
            file.write(b"!")
        os.unlink(m.store("missing.gguf"))
        with open(m.store("mine.gguf"), "wb") as file:
            file.write(b"of somebody else")
        del entries["ollama:tiny:1b"]
        with open(m.store("ncmodel.lock"), "w") as file:
            json.dump({"schema_version": 1, "entries": entries}, file)
        m.manifest(models + others[:2] + others[3:] + [self.plain(sha256="0" * 64), {
            "id": "unasked", "files": [{"from": ["hf:org/other/x.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        before, listed = m.snapshot(), self.lock_text()
        self.hub.forget()
        data, states = self.ask("diff")
        self.assertEqual(states, {"hf": "same", "tag": "unpinned", "civitai": "same", "edited": "changed",
                                  "missing": "missing", "extra": "extra", "fresh": "new", "mine": "new", "url": "changed",
                                  "unasked": "new"})
        self.assertIn("the manifest pins other bytes", self.entry(data, "url")["detail"])
        self.assertIn("in the way", self.entry(data, "mine")["detail"])
        self.assertEqual(self.entry(data, "fresh")["to_get"], 4_000)
        self.assertEqual(self.entry(data, "edited")["files"][0]["name"], m.store("edited.gguf"))
        self.assertEqual(m.run("diff", "--exit-code", "-q").returncode, 3)
        shown = m.run("diff")
        self.assertEqual(shown.returncode, 0)
        self.assertIn("4 to add, 3 to change, 1 that no manifest has.", shown.out)
        self.assertNotIn(" hf ", shown.out)
        self.assertIn(" hf ", m.run("diff", "-v").out)
        _, states = self.ask("diff", "hf")
        self.assertEqual(states, {"hf": "same"}, "what no manifest has is told only of the whole")
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual((m.snapshot(), self.lock_text()), (before, listed))

    def test_a_pin_that_moved_is_a_change_until_it_is_pulled(self):
        self.publish(1)
        self.machine.manifest(self.moving())
        self.pull()
        self.publish(2)
        self.ask("lock", "--update")
        _, states = self.ask("diff", "--exit-code", code=3)
        self.assertEqual(set(states.values()), {"changed"})
        self.assertIn("another revision is pinned than is installed", self.machine.run("diff").out)
        self.pull("--locked")
        self.ask("diff", "--exit-code")

    def test_models_of_another_profile_are_not_extra(self):
        self.publish(1)
        m = self.machine
        other = os.path.join(m.manifests, "other")
        os.makedirs(other)
        with open(m.manifest(self.moving()[:1])) as source, open(os.path.join(other, "phase-1-high.json"), "w") as out:
            out.write(source.read().replace('"profile": "test"', '"profile": "other"'))
        self.pull("--profile", "other")
        m.manifest([self.plain(sha256=sha256(self.bytes["url"]))])
        self.pull()
        _, states = self.ask("diff")
        self.assertEqual(states, {"url": "same"})
        os.unlink(os.path.join(other, "phase-1-high.json"))
        os.rmdir(other)
        _, states = self.ask("diff")
        self.assertEqual(states, {"url": "same", "hf": "extra"})


class ArchiveTest(DriftCase):
    def node(self, data):
        return {"id": "node", "kind": "custom-node", "use_cases": [], "files": [{
            "from": [self.hub.url("/node.tar.gz", data)], "insecure_http": True, "sha256": sha256(data),
            "extract": {"strip": 1}, "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]}

    def test_another_archive_at_the_same_url_replaces_the_first(self):
        m = self.machine
        m.manifest([self.node(tarball({"__init__.py": b"OLD = 1\n", "gone.py": b"x\n"}))])
        self.pull()
        m.manifest([self.node(tarball({"__init__.py": b"NEW = 2\n"}))])
        self.pull(code=11)
        _, states = self.ask("diff", "--exit-code", code=3)
        self.assertEqual(states, {"node": "changed"})
        self.pull("--update")
        disk, folder = m.snapshot(), "ComfyUI/custom_nodes/node/"
        self.assertEqual(disk[folder + "__init__.py"], sha256(b"NEW = 2\n"))
        self.assertNotIn(folder + "gone.py", disk)
        self.check_registry()
        self.hub.forget()
        self.pull()
        self.assertEqual(self.hub.asked(), [])
        self.ask("diff", "--exit-code")

    def test_entries_that_know_no_archive_are_believed_by_their_url(self):
        m = self.machine
        m.manifest([self.node(tarball({"__init__.py": b"OLD = 1\n"}))])
        self.pull()
        with open(m.store("models.json")) as file:
            registry = json.load(file)
        for file in registry["models"][0]["files"]:
            del file["archive_sha256"]
        with open(m.store("models.json"), "w") as out:
            json.dump(registry, out)
        self.hub.forget()
        self.pull()
        self.assertEqual(self.hub.asked(), [])


class SecretsTest(DriftCase):
    def test_no_secret_is_shown_or_written(self):
        self.publish(1)
        self.hub.hf("org/model-GGUF", {"model.gguf": self.bytes["hf"]}, commit=OLD, gated=True, token=TOKENS["HF_TOKEN"])
        signed = self.hub.service.url + "/files/signed.gguf?token=very-secret-query"
        self.hub.url("/files/signed.gguf", gguf("s", 3_000))
        self.machine.manifest(self.moving() + [{"id": "signed", "files": [
            {"from": [signed], "insecure_http": True, "to": [{"store": "llama-cpp"}]}]}])
        shown = ""
        for command in (["lock", "-vv"], ["lock", "--check", "-vv"], ["lock", "--update", "-vv", "--json"], ["diff", "-vv"],
                        ["outdated", "-vv"]):
            result = self.machine.run(*command, env=TOKENS)
            shown += result.err + (result.out if "--json" not in command else "")
        self.hub.fault("/files/signed.gguf", "status", None, status=404)
        shown += self.machine.run("lock", "--update", env=TOKENS).err
        shown += self.lock_text()
        for secret in (*TOKENS.values(), "secret-signature", "very-secret-query"):
            self.assertNotIn(secret, shown)


if __name__ == "__main__":
    unittest.main()
