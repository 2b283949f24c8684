# SPDX-License-Identifier: MIT
"""A cache that the real huggingface_hub made: ncmodel understands it, and what ncmodel does to it huggingface_hub accepts.

Each proof is made in both shapes that a cache has today: a repository's blobs as files of its own, and, since files lie in Xet
storage, as links to blobs that all repositories of the cache share.
"""
import glob
import os
import shutil
import tempfile
import unittest

import hf_peer
import keepers_case
from keepers_case import KeeperCase, content, flip, tree, truncate

HISTORY, CHAT = "demo/tiny-history", "demo/tiny-chat-GGUF"
WEIGHTS, OTHER, LORA = "tiny-chat-q4_k_m.gguf", "tiny-chat-f16.gguf", "old/tiny-lora.safetensors"
FILES = {"main": {WEIGHTS, OTHER, "config.json", "README.md"}, "v1.0": {WEIGHTS, LORA, "config.json", "README.md"}}
programs, masters = None, {}


def setUpModule():
    """A cache of each shape: two commits of a repository, and two files of another that has the same weights."""
    global programs
    programs = hf_peer.find()
    folder = tempfile.mkdtemp(prefix="keepers-hf-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    endpoint = keepers_case.servers.environment()["HF_ENDPOINT"]
    for xet in (False, True):
        masters[xet] = os.path.join(folder, "xet" if xet else "plain", "hub")
        with hf_peer.Client(programs, masters[xet], endpoint, xet) as client:
            for revision in FILES:
                client.download(HISTORY, revision=revision)
            client.download(CHAT, WEIGHTS, "config.json")
        large = glob.glob(os.path.join(masters[xet], "models--*/blobs", "?" * 64))
        assert large and all(os.path.islink(blob) == xet for blob in large), large


class HubCase(KeeperCase):
    xet = False

    def setUp(self):
        super().setUp()
        self.cache = os.path.join(self.machine.root, ".cache/huggingface/hub")
        self.fresh()
        self.client = hf_peer.Client(programs, self.cache, self.at["HF_ENDPOINT"], self.xet)
        self.offline = hf_peer.Client(programs, self.cache)
        for client in self.client, self.offline:
            self.addCleanup(client.close)
        self.commits = {name: self.read_ref(name) for name in FILES}
        self.names = {f"{HISTORY}@{c}" for c in self.commits.values()} | {f"{CHAT}@{self.read_ref('main', CHAT)}"}

    def fresh(self):
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.copytree(masters[self.xet], self.cache, symlinks=True)

    def repository(self, name=HISTORY):
        return "models--" + name.replace("/", "--")

    def read_ref(self, ref, name=HISTORY):
        return content(os.path.join(masters[self.xet], self.repository(name), "refs", ref)).decode()

    def snapshot(self, ref, *path, name=HISTORY):
        """Below the cache."""
        return os.path.join(self.repository(name), "snapshots", self.read_ref(ref, name), *path)

    def path(self, *parts):
        return os.path.join(self.cache, *parts)

    def real(self, *parts):
        return os.path.realpath(self.path(*parts))

    def below(self, path):
        return os.path.relpath(path, self.cache)

    def check_cache(self, names, ailing=None, code=0, bad=()):
        models, found = self.survey("hf", self.cache, code=code)
        self.assertEqual(found, ailing or {})
        self.assertEqual({name: state == "ok" for name, state in models.items()}, {name: name not in bad for name in names})
        self.check_text("hf", self.cache, found, code)

    def check_accepted(self, refs=FILES, chat=True):
        """huggingface_hub has nothing to complain of, finds these commits whole, and needs no network for them."""
        seen = self.client.accepts()
        wanted = {self.commits[ref]: FILES[ref] for ref in refs}
        self.assertEqual({c: set(r["files"]) for c, r in seen.get(HISTORY, {}).items()}, wanted)
        self.assertEqual(CHAT in seen, chat)
        for ref in refs:
            self.client.verify(HISTORY, ref)
            self.assertEqual(self.offline.download(HISTORY, revision=ref), self.path(self.snapshot(ref)))
            for name in FILES[ref]:
                self.assertEqual(content(self.path(self.snapshot(ref, name))),
                                 content(os.path.join(masters[self.xet], self.snapshot(ref, name))))
        if chat:
            self.assertEqual(self.offline.download(CHAT, WEIGHTS), self.path(self.snapshot("main", WEIGHTS, name=CHAT)))

    def sharing(self, link):
        """The models whose file this is: with shared blobs those of other repositories, too."""
        wanted = self.real(link)
        paths = glob.glob(self.path("models--*/snapshots/*/**/*"), recursive=True)
        parts = [self.below(p).split(os.sep) for p in paths if os.path.isfile(p) and os.path.realpath(p) == wanted]
        return {p[0].removeprefix("models--").replace("--", "/") + "@" + p[2] for p in parts}, \
            {os.path.join(*p) for p in parts}

    def ids(self):
        found = {}
        for model in self.told("list")["models"]:
            found[model["source"].removeprefix("hf:")] = model["id"]
        return found


class PlainTest(HubCase):
    def test_a_cache_of_the_hub_is_clean(self):
        """verify --store: clean; every commit of every repository is there"""
        self.check_cache(self.names)
        self.check_accepted()

    def test_damage_is_named_exactly(self):
        """verify --store: a flipped bit, a cut and a missing blob, of large files and of git's, with the commits that they hurt"""
        for what, name, damage, state in (
                ("a bit of weights of two commits", WEIGHTS, lambda p: flip(p, 1_000_000), "damaged"),
                ("a bit of weights of one commit", OTHER, lambda p: flip(p, 200_000), "damaged"),
                ("a bit of a small file", "config.json", lambda p: flip(p, 3), "damaged"),
                ("weights cut short", OTHER, lambda p: truncate(p, 100_000), "truncated"),
                ("an empty small file", "config.json", lambda p: truncate(p, 0), "truncated"),
                ("no weights", WEIGHTS, os.unlink, "missing"),
                ("no small file", "README.md", os.unlink, "missing")):
            with self.subTest(what):
                self.fresh()
                models, links = self.sharing(self.snapshot("main", name))
                damage(self.real(self.snapshot("main", name)))
                self.check_cache(self.names, {link: state for link in links}, 4, models)

    def test_what_nothing_needs_is_named(self):
        """verify --store: a blob whose link was deleted, an unfinished download, a ref without its commit"""
        blob = self.below(os.path.normpath(os.path.join(self.path(self.snapshot("main")),
                                                        os.readlink(self.path(self.snapshot("main", OTHER))))))
        os.unlink(self.path(self.snapshot("main", OTHER)))
        self.check_cache(self.names, {blob: "unreferenced"})

        self.fresh()
        partial = os.path.join(self.repository(), "blobs", "0" * 64 + ".deadbeef.incomplete")
        with open(self.path(partial), "wb") as out:
            out.write(b"half")
        self.assertEqual(self.client.scan()["incomplete"], [self.path(partial)])
        self.check_cache(self.names, {partial: "partial"})

        self.fresh()
        shutil.rmtree(self.path(self.snapshot("v1.0")))
        ref = os.path.join(self.repository(), "refs/v1.0")
        models, found = self.survey("hf", self.cache)
        self.assertEqual(found.pop(ref), "orphaned")
        self.assertEqual(set(found.values()), {"unreferenced"})
        self.assertEqual(set(models), self.names - {f"{HISTORY}@{self.commits['v1.0']}"})

    def test_repair_fetches_from_the_hub(self):
        """verify --store --repair: every file is right again, where it was; huggingface_hub agrees"""
        flip(self.real(self.snapshot("main", WEIGHTS)), 1_000_000)
        truncate(self.real(self.snapshot("main", OTHER)), 100_000)
        flip(self.real(self.snapshot("main", "config.json")), 3)
        os.unlink(self.real(self.snapshot("v1.0", LORA)))
        self.ncmodel("verify", "--store", "hf", self.cache, "--repair")
        self.assertEqual(tree(self.cache), tree(masters[self.xet]))
        self.check_cache(self.names)
        self.check_accepted()

    def test_adopted_where_it_lies(self):
        """adopt, list, verify: every commit is registered, nothing is moved, and a second adopt changes nothing"""
        self.ncmodel("adopt")
        self.assertEqual(tree(self.cache), tree(masters[self.xet]))
        self.check_registry()
        self.assertEqual(set(self.ids()), self.names)
        self.ncmodel("verify")
        before = content(self.machine.store("models.json"))
        self.assertEqual({m["verdict"] for m in self.told("adopt")["models"]}, {"known"})
        self.assertEqual(content(self.machine.store("models.json")), before)
        self.check_accepted()

    def test_rm_of_one_commit(self):
        """rm: the commit's ref, links and own blobs go; the other commit and the other repository stay whole"""
        self.ncmodel("adopt")
        ids = self.ids()
        gone = {self.real(self.snapshot("main", name)) for name in (OTHER, "config.json")}
        self.ncmodel("rm", "-y", ids[f"{HISTORY}@{self.commits['main']}"])
        self.check_accepted(refs=("v1.0",))
        self.assertFalse(os.path.lexists(self.path(self.repository(), "refs/main")))
        self.assertEqual([p for p in gone if os.path.exists(p)], [])
        self.check_cache(self.names - {f"{HISTORY}@{self.commits['main']}"})
        self.ncmodel("verify")
        self.check_registry()
        # and what was removed can be had again
        self.client.download(HISTORY)
        self.check_accepted()

    def test_rm_of_what_is_shared_with_what_is_not_registered(self):
        """rm: a blob stays that a repository uses of which models.json knows nothing"""
        self.ncmodel("adopt")
        ids = self.ids()
        self.ncmodel("rm", "-y", ids.pop(f"{CHAT}@{self.read_ref('main', CHAT)}"))
        self.check_accepted(chat=False)
        self.client.download(CHAT, WEIGHTS, "config.json")
        for model in ids.values():
            self.ncmodel("rm", "-y", model)
        self.check_accepted(refs=())
        self.assertEqual(content(self.path(self.snapshot("main", WEIGHTS, name=CHAT))),
                         content(os.path.join(masters[self.xet], self.snapshot("main", WEIGHTS, name=CHAT))))
        self.check_cache({f"{CHAT}@{self.read_ref('main', CHAT)}"})

    def test_gc_takes_what_no_snapshot_links(self):
        """gc: unlinked blobs and unfinished downloads go, unless they are young; the rest stays whole"""
        partial = self.path(self.repository(), "blobs", "0" * 64 + ".deadbeef.incomplete")
        with open(partial, "wb") as out:
            out.write(b"half")
        loose = self.path(self.repository(), "blobs", os.path.basename(os.readlink(self.path(self.snapshot("main", OTHER)))))
        payload = os.path.realpath(loose)
        shutil.rmtree(self.path(self.snapshot("main")))
        os.unlink(self.path(self.repository(), "refs/main"))
        before = tree(self.cache)
        self.ncmodel("gc", "-y")
        self.assertEqual(tree(self.cache), before, "all of it is young")
        self.ncmodel("gc", "-y", "--min-age", "0")
        for path in partial, loose, payload:
            self.assertFalse(os.path.lexists(path), path)
        self.check_cache(self.names - {f"{HISTORY}@{self.commits['main']}"})
        self.check_accepted(refs=("v1.0",))

    def test_link_with_a_folder(self):
        """link: a copy in llama.cpp's folder becomes one file with the cache's; each outlives the other; --unlink"""
        copy = self.machine.store(WEIGHTS)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(self.path(self.snapshot("main", WEIGHTS)), copy)
        data = content(copy)
        self.assertGreaterEqual(self.told("link")["linked"], 1)
        inodes = {os.stat(p).st_ino for p in (copy, self.path(self.snapshot("main", WEIGHTS)),
                                              self.path(self.snapshot("main", WEIGHTS, name=CHAT)))}
        self.assertEqual(len(inodes), 1)
        self.assertEqual(os.stat(copy).st_mode & 0o222, 0)
        self.check_accepted()
        self.check_cache(self.names)
        self.assertEqual(self.told("link")["linked"], 0)
        # hf cache rm, then a download anew: the copy does not care
        self.client.hf("cache", "rm", "-y", "model/" + HISTORY, "--cache-dir", self.cache)
        self.assertEqual(content(copy), data)
        for revision in FILES:
            self.client.download(HISTORY, revision=revision)
        self.check_accepted()
        self.told("link")
        self.told("link", "--unlink")
        self.assertNotEqual(os.stat(copy).st_ino, os.stat(self.path(self.snapshot("main", WEIGHTS))).st_ino)
        with open(copy, "r+b") as out:
            out.write(b"mine")
        self.check_accepted()


class SharedBlobsTest(PlainTest):
    xet = True

    def shortDescription(self):
        return "with shared blobs, " + super().shortDescription()

    def test_a_shared_blob_that_no_repository_links(self):
        """verify --store and gc: it is named, and goes; one that a dataset links stays"""
        links = {name: self.path(self.repository(), "blobs", os.path.basename(os.readlink(self.path(self.snapshot(ref, name)))))
                 for ref, name in (("main", OTHER), ("v1.0", LORA))}
        payloads = {name: os.path.realpath(link) for name, link in links.items()}
        for ref, name in (("main", OTHER), ("v1.0", LORA)):
            os.unlink(self.path(self.snapshot(ref, name)))
        os.unlink(links[OTHER])
        snapshot, etag = self.path("datasets--demo--set/snapshots", "0" * 40), os.path.basename(links[LORA])
        os.makedirs(snapshot)
        os.makedirs(self.path("datasets--demo--set/blobs"))
        os.rename(links[LORA], self.path("datasets--demo--set/blobs", etag))
        os.symlink("../../blobs/" + etag, os.path.join(snapshot, "train.bin"))
        self.check_cache(self.names, {self.below(payloads[OTHER]): "unreferenced"})
        self.ncmodel("gc", "-y", "--min-age", "0")
        self.assertFalse(os.path.exists(payloads[OTHER]))
        self.assertEqual(os.path.realpath(os.path.join(snapshot, "train.bin")), payloads[LORA])
        self.assertTrue(os.path.exists(payloads[LORA]))
        self.check_cache(self.names)
        self.assertEqual(self.client.scan()["warnings"], [])
