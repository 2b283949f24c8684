"""`outdated` over the stand-ins: what upstream has newer than what is installed."""
import json
import re
import unittest

from drift_case import NEW, OLD, DriftCase
from harness import gguf, safetensors, sha256


class OutdatedTest(DriftCase):
    def test_every_source_moves_and_can_be_followed(self):
        self.publish(1)
        self.machine.manifest(self.moving() + [self.plain()])
        self.pull()
        _, states = self.ask("outdated")
        self.assertEqual(set(states.values()), {"same"})
        self.publish(2)
        self.hub.forget()
        data, states = self.ask("outdated", code=3)
        self.assertEqual(states, {"hf": "moved", "tag": "moved", "civitai": "moved", "url": "moved"})
        self.assert_no_content_was_fetched()
        self.assertEqual(self.entry(data, "civitai")["before"]["revision"], "101")
        self.assertEqual(self.entry(data, "civitai")["after"]["revision"], "102")
        self.assertEqual(self.entry(data, "hf")["to_get"], len(self.bytes["hf"]))
        self.assertIn("1B → 2B", self.entry(data, "tag")["detail"])
        self.assertEqual([f["name"] for f in self.entry(data, "tag")["files"]], ["config", "model"])
        shown = self.machine.run("outdated")
        self.assertIn("4 outdated, 0 gone, 0 up to date", shown.out)
        follow = re.search(r"ncmodel lock --update (.+) && ncmodel pull (.+)", shown.out)
        self.assertEqual(follow[1], follow[2])
        self.assertEqual(sorted(follow[1].split()), ["civitai", "hf", "tag"], "in the order in which they were complete")
        self.assertEqual(self.machine.run("lock", "--update", "hf", "tag", "civitai").returncode, 0)
        _, states = self.ask("outdated", "hf", code=3)
        self.assertEqual(states, {"hf": "moved"}, "it is what is installed that counts, not the lock")
        self.pull("hf", "tag", "civitai")
        _, states = self.ask("outdated", "hf", "tag", "civitai")
        self.assertEqual(set(states.values()), {"same"})
        self.check_registry()

    def test_the_same_bytes_at_another_commit_are_not_newer(self):
        files = {"model.gguf": gguf("m", 9_000), "config.json": b"{}\n"}
        self.small_files_without_sha256(files, OLD)
        self.machine.manifest([{"id": "repo", "files": [{"from": ["hf:org/repo"], "to": [{"store": "llama-cpp", "name": "repo"}]}]}])
        self.pull()
        self.small_files_without_sha256(files, NEW)
        data, states = self.ask("outdated")
        self.assertEqual(states, {"repo": "same"})
        self.assertEqual(self.entry(data, "repo")["detail"], "same bytes")
        self.assertEqual(self.entry(data, "repo")["after"]["revision"], NEW)
        data, states = self.ask("lock", "--update", "--dry-run")
        self.assertEqual((states, self.entry(data, "repo")["files"]), ({"repo": "moved"}, []))
        self.small_files_without_sha256({**files, "config.json": b"[]\n"}, "c" * 40)
        data, states = self.ask("outdated", code=3)
        self.assertEqual([f["name"] for f in self.entry(data, "repo")["files"]], ["config.json"])
        data, states = self.ask("lock", "--update", "--dry-run")
        self.assertEqual([f["name"] for f in self.entry(data, "repo")["files"]], ["config.json"])

    def small_files_without_sha256(self, files, commit):
        """As the Hub lists what is no LFS file: git's digest alone."""
        self.hub.hf("org/repo", files, commit=commit)
        for revision in ("main", commit):
            path = f"/api/models/org/repo/tree/{revision}"
            full = self.hub.routes["service"][path]

            def tree(handler, full=full):
                status, entries, headers = full(handler)
                for entry in entries:
                    if entry["size"] < 100:
                        del entry["lfs"]
                return status, entries, headers
            self.hub.routes["service"][path] = tree

    def test_what_the_manifest_pins_is_not_outdated(self):
        self.publish(1)
        hf, tag, civitai = self.moving()
        hf["files"][0]["from"] = [f"hf:org/model-GGUF/model.gguf@{OLD}"]
        tag["files"][0]["digest"] = "sha256:" + sha256(self.hub.blobs["service"]["/v2/library/tiny/manifests/1b"])
        civitai["files"][0]["from"] = ["civitai:101"]
        self.machine.manifest([hf, tag, civitai, self.plain(sha256=sha256(self.bytes["url"]))])
        self.pull()
        self.publish(2)
        data, states = self.ask("outdated")
        self.assertEqual(set(states.values()), {"pinned"})
        for entry in data["entries"]:
            self.assertIn("pinned by the manifest", entry["detail"])
        self.assertIn("4 pinned while upstream moved on", self.machine.run("outdated").out)

    def test_the_second_source_of_a_model_has_a_revision_of_its_own(self):
        self.publish(1)
        self.hub.civitai(301, 77, "second.safetensors", safetensors("second", 4_000))
        to = [{"store": "comfyui", "folder": "checkpoints"}]
        self.machine.manifest([{"id": "two", "kind": "checkpoint", "use_cases": [],
                                "files": [{"from": ["civitai:101"], "to": to}, {"from": ["civitai:301"], "to": to}]}])
        self.pull()
        self.hub.civitai(302, 77, "second.safetensors", safetensors("newer", 4_500))
        data, _ = self.ask("outdated")
        self.assertEqual([(e["uri"], e["state"], e["before"]["revision"], e["after"]["revision"]) for e in data["entries"]],
                         [("civitai:101", "same", "101", "101"), ("civitai:301", "pinned", "301", "302")])

    def test_what_upstream_does_not_have_any_more(self):
        self.publish(1)
        self.machine.manifest(self.moving()[:2])
        self.pull()
        self.hub.hf("org/model-GGUF", {"renamed.gguf": self.bytes["hf"]}, commit=NEW)
        data, states = self.ask("outdated", code=3)
        self.assertEqual(states, {"hf": "gone", "tag": "same"})

    def test_sources_spelled_out_and_those_that_nobody_knows(self):
        self.publish(1)
        self.pull("ollama:tiny:1b")
        self.pull("civitai:101", "--to", "comfyui/checkpoints")
        with open(self.machine.store("models.json")) as file:
            registry = json.load(file)
        registry["models"].append({**registry["models"][0], "name": "old", "id": "old", "source": None, "revision": None,
                                   "files": [], "file_path": "models/old.gguf"})
        with open(self.machine.store("models.json"), "w") as file:
            json.dump(registry, file)
        self.publish(2)
        data, states = self.ask("outdated", code=3)
        self.assertEqual(states, {"tiny:1b": "moved", "civitai:101": "pinned", "old": "unknown"})
        self.assertIn("pinned by its source", self.entry(data, "civitai:101")["detail"])

    def test_nothing_is_installed(self):
        result = self.machine.run("outdated")
        self.assertEqual((result.returncode, result.out), (0, ""))

    def test_one_failure_does_not_hide_the_others(self):
        self.publish(1)
        self.machine.manifest(self.moving())
        self.pull()
        self.publish(2)
        result = self.machine.run("outdated", "--json", "--retries", "1", env={"HF_ENDPOINT": "http://127.0.0.1:1"})
        self.assertEqual(result.returncode, 7, result.err)
        states = {e["model"]: e["state"] for e in json.loads(result.out)["data"]["entries"]}
        self.assertEqual(states, {"hf": "unknown", "tag": "moved", "civitai": "moved"})


if __name__ == "__main__":
    unittest.main()
