# SPDX-License-Identifier: MIT
"""What ncmodel pulls into the cache of huggingface_hub, the real one takes for its own: offline, online, and to be removed."""
import hashlib
import os
import shutil
import signal
import time
import unittest

import hf_peer
from keepers_case import KeeperCase, content, tree

HISTORY, CHAT = "demo/tiny-history", "demo/tiny-chat-GGUF"
programs = None


def setUpModule():
    global programs
    programs = hf_peer.find()


def without_trees(found):
    """Of one file the library asks alone; then neither it nor ncmodel notes what the commit consists of."""
    return {path: data for path, data in found.items() if "/trees/" not in path}


class HubCase(KeeperCase):
    xet = False

    def setUp(self):
        super().setUp()
        self.cache = os.path.join(self.machine.root, ".cache/huggingface/hub")
        self.client = hf_peer.Client(programs, self.cache, self.at["HF_ENDPOINT"], self.xet)
        self.offline = hf_peer.Client(programs, self.cache)
        self.other = os.path.join(self.machine.home, "other/hub")
        self.theirs = hf_peer.Client(programs, self.other, self.at["HF_ENDPOINT"], self.xet)
        for client in self.client, self.offline, self.theirs:
            self.addCleanup(client.close)

    def to_cache(self, *arguments, **options):
        return self.pull(*arguments, "--to", "hf", **options)

    def bodies(self):
        """Requests for the bytes of a file."""
        return [r["target"] for r in self.requests() if r["method"] == "GET" and
                ("/xet-bridge/" in r["target"] or "/resolve-cache/" in r["target"] or "/resolve/" in r["target"])]

    def snapshot(self, repository, commit):
        return os.path.join(self.cache, "models--" + repository.replace("/", "--"), "snapshots", commit)

    def check_trees(self, one, other):
        def short(found):
            return {path: data if len(data) < 200 else hashlib.sha256(data).hexdigest() for path, data in found.items()}
        self.assertEqual(short(without_trees(one)), short(without_trees(other)))

    def check_as_theirs(self):
        self.check_trees(tree(self.cache), tree(self.other))

    def listings(self, cache):
        return {path: data for path, data in tree(cache).items() if "/trees/" in path}

    def modes(self, folder):
        found = {}
        for at, folders, files in os.walk(folder):
            folders[:] = [f for f in folders if f not in (".locks", "trees")]
            for name in folders + files:
                path = os.path.join(at, name)
                if not os.path.islink(path):
                    found[os.path.relpath(path, folder)] = oct(os.stat(path).st_mode)
        return found


class PullTest(HubCase):
    def test_it_is_what_the_library_makes(self):
        """pull --to hf: the same cache as `hf download` makes, byte for byte, link for link and mode for mode"""
        modes = None
        for repository, revision in ((HISTORY, "main"), (HISTORY, "v1.0"), ("demo/tiny-sharded", "main"), (CHAT, "refs/pr/1")):
            with self.subTest(repository + "@" + revision):
                self.to_cache(f"hf:{repository}@{revision}")
                self.theirs.download(repository, revision=revision)
                self.check_as_theirs()
                self.assertEqual(self.listings(self.cache), self.listings(self.other))
            modes = modes or (self.modes(self.cache), self.modes(self.other))
        # of the first: what several repositories have in common is one file here, and read-only then
        self.assertEqual(*modes)
        self.assertEqual(len(self.listings(self.cache)), 4)
        self.client.accepts()
        self.ncmodel("verify")
        self.check_registry()

    def test_a_part_offline(self):
        """some files of a repository: offline the library says of the rest what it says where it fetched them itself"""
        self.to_cache(f"hf:{HISTORY}?include=*.json")
        self.theirs.download(HISTORY, "--include", "*.json")
        self.assertEqual(self.listings(self.cache), self.listings(self.other))
        self.assertEqual(len(self.listings(self.cache)), 1)
        said = []
        for cache in self.cache, self.other:
            with self.assertRaises(hf_peer.Rejected) as rejected:
                hf_peer.Client(programs, cache).download(HISTORY)
            said.append(str(rejected.exception).replace(cache, "CACHE"))
        self.assertEqual(*said)
        self.assertIn("Incomplete", said[0])

    def test_offline(self):
        """HF_HUB_OFFLINE=1: a snapshot, a file of it, and what is not there"""
        self.to_cache(f"hf:{HISTORY}")
        theirs = self.theirs.download(HISTORY)
        mine = self.offline.download(HISTORY)
        self.assertEqual(mine, self.snapshot(HISTORY, os.path.basename(theirs)))
        for name in os.listdir(theirs):
            self.assertEqual(content(self.offline.download(HISTORY, name)), content(os.path.join(theirs, name)))
        with self.assertRaises(hf_peer.Rejected):
            self.offline.download(HISTORY, "old/tiny-lora.safetensors")
        with self.assertRaises(hf_peer.Rejected):
            self.offline.download(CHAT)

    def test_online_nothing_is_fetched_again(self):
        """`hf download` and `hf cache verify` after a pull: no file's bytes cross the network"""
        self.to_cache(f"hf:{HISTORY}")
        self.to_cache(f"hf:{HISTORY}@v1.0")
        before = tree(self.cache)
        for revision in "main", "v1.0":
            self.forget_requests()
            self.client.download(HISTORY, revision=revision)
            self.assertEqual(self.bodies(), [])
            self.client.verify(HISTORY, revision)
        self.check_trees(tree(self.cache), before)
        # and what huggingface_hub noted is no hindrance
        self.ncmodel("verify", "--store", "hf", self.cache)
        self.to_cache(f"hf:{HISTORY}")
        self.client.accepts()

    def test_the_library_was_first(self):
        """`hf download`, then pull: nothing is fetched, and nothing changes"""
        self.client.download(HISTORY)
        before = tree(self.cache)
        self.forget_requests()
        self.to_cache(f"hf:{HISTORY}")
        self.assertEqual(self.bodies(), [])
        self.check_trees(tree(self.cache), before)
        self.ncmodel("verify")
        self.client.accepts()
        self.check_registry()

    def test_removed_by_the_library(self):
        """`hf cache rm` of what was pulled: verify names what is missing, and a pull brings it back"""
        self.to_cache(f"hf:{HISTORY}")
        before = tree(self.cache)
        self.client.hf("cache", "rm", "-y", "model/" + HISTORY, "--cache-dir", self.cache)
        self.assertIn("MISSING", self.ncmodel("verify", code=4).out)
        self.to_cache(f"hf:{HISTORY}")
        self.check_trees(tree(self.cache), before)
        self.client.accepts()
        self.ncmodel("verify")

    def test_removed_by_us(self):
        """rm: the library finds no trace of it, and everything else whole"""
        self.to_cache(f"hf:{HISTORY}")
        self.to_cache(f"hf:{CHAT}/config.json")
        self.client.download(HISTORY, revision="v1.0")
        self.client.download(CHAT, "tiny-chat-q4_k_m.gguf")
        self.ncmodel("rm", "-y", HISTORY)
        self.ncmodel("rm", "-y", CHAT + "/config.json")
        self.theirs.download(HISTORY, revision="v1.0")
        self.theirs.download(CHAT, "tiny-chat-q4_k_m.gguf")
        self.check_as_theirs()
        self.client.accepts()

    def test_a_part(self):
        """one file: offline it is found, the others raise what the library raises, and the rest can be added by either"""
        self.to_cache(f"hf:{HISTORY}/tiny-chat-q4_k_m.gguf")
        self.theirs.download(HISTORY, "tiny-chat-q4_k_m.gguf")
        self.check_as_theirs()
        self.assertEqual(content(self.offline.download(HISTORY, "tiny-chat-q4_k_m.gguf")),
                         content(self.theirs.download(HISTORY, "tiny-chat-q4_k_m.gguf")))
        with self.assertRaises(hf_peer.Rejected):
            self.offline.download(HISTORY, "config.json")
        self.client.accepts()
        self.forget_requests()
        self.client.download(HISTORY)
        self.theirs.download(HISTORY)
        self.assertEqual([b for b in self.bodies() if "q4_k_m" in b][1:], [], "theirs alone had it to fetch")
        self.check_as_theirs()
        self.ncmodel("verify")
        # of the repository in part, rm takes that part
        self.ncmodel("rm", "-y", f"{HISTORY}/tiny-chat-q4_k_m.gguf")
        with self.assertRaises(hf_peer.Rejected):
            self.offline.download(HISTORY, "tiny-chat-q4_k_m.gguf")
        self.assertTrue(self.offline.download(HISTORY, "config.json"))

    def test_killed_midway(self):
        """SIGKILL at any moment, then the same command: the cache is never one that the library complains of, and ends whole"""
        for delay in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
            process = self.machine.start("pull", "-y", f"hf:{HISTORY}", "--to", "hf", "--limit-rate", "2M")
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if os.path.isdir(self.cache):
                self.assertEqual([w for w in self.client.scan()["warnings"] if "snapshots" not in w.lower()], [])
        self.to_cache(f"hf:{HISTORY}")
        self.theirs.download(HISTORY)
        self.check_as_theirs()
        self.client.accepts()
        self.ncmodel("verify")

    def test_two_at_once(self):
        """two pulls and an `hf download` of one repository at the same time"""
        runs = [self.machine.start("pull", "-y", f"hf:{HISTORY}", "--to", "hf") for _ in range(2)]
        self.client.download(HISTORY)
        for run in runs:
            out, err = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 0, out + err)
        self.theirs.download(HISTORY)
        self.check_as_theirs()
        self.client.accepts()
        self.ncmodel("verify")

    def test_dumped(self):
        """manifest dump of the cache, pulled into an empty one: the same files"""
        self.to_cache(f"hf:{HISTORY}@v1.0")
        before = tree(self.cache)
        dump = self.ncmodel("manifest", "dump", "--profile", "test").out
        shutil.rmtree(self.cache)
        for name in "models.json", "ncmodel.lock":
            os.unlink(self.machine.store(name))
        with open(os.path.join(self.machine.manifests, "test", "phase-1-high.json"), "w", encoding="utf-8") as out:
            out.write(dump)
        self.pull("--all")
        self.check_trees(tree(self.cache), {path: data for path, data in before.items() if "/refs/" not in path})
        self.client.accepts()


class SharedBlobsTest(PullTest):
    """With the blobs that all repositories share, which the library makes and ncmodel only reads."""
    xet = True

    def shortDescription(self):
        return "with shared blobs, " + super().shortDescription()

    def check_as_theirs(self):
        """By what the links of the snapshots and the refs lead to: whether a blob is shared is the library's business."""
        def seen(cache):
            found = {}
            for at, _, names in os.walk(cache):
                for name in names:
                    path = os.path.join(at, name)
                    if "/snapshots/" in path or "/refs/" in path:
                        found[os.path.relpath(path, cache)] = content(path)
            return found
        self.check_trees(seen(self.cache), seen(self.other))

    def test_it_is_what_the_library_makes(self):
        """a repository that shares blobs with one that `hf download` made: they stay shared"""
        self.client.download(CHAT, "tiny-chat-q4_k_m.gguf")
        before = tree(self.cache)
        self.forget_requests()
        self.to_cache(f"hf:{CHAT}/tiny-chat-q4_k_m.gguf")
        self.check_trees(tree(self.cache), before)
        self.to_cache(f"hf:{HISTORY}")
        self.assertEqual([b for b in self.bodies() if "tiny-chat-q4_k_m" in b], [])
        self.assertLessEqual(before.items(), tree(self.cache).items())
        self.client.accepts()
        self.ncmodel("verify")
        self.ncmodel("rm", "-y", HISTORY)
        self.assertEqual(content(self.offline.download(CHAT, "tiny-chat-q4_k_m.gguf")),
                         content(self.theirs.download(CHAT, "tiny-chat-q4_k_m.gguf")))


if __name__ == "__main__":
    unittest.main()
