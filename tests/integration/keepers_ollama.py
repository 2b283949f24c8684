# SPDX-License-Identifier: MIT
"""A store that a real Ollama server made: ncmodel understands it, and what ncmodel does to it the server accepts."""
import hashlib
import json
import os
import shutil
import stat
import tempfile
import threading
import unittest
import urllib.request

import keepers_case
import ollama_peer
from keepers_case import KeeperCase, content, flip, tree, truncate

MINE, SECOND, STYLED, CHAT = "mine:latest", "mine:second", "styled:latest", "tiny-chat:latest"
binary = master = registry = None


def setUpModule():
    """One store, made by the server: two names of one model, one that shares its weights, two pulled from a registry."""
    global binary, master, registry
    binary = ollama_peer.find()
    folder = tempfile.mkdtemp(prefix="keepers-ollama-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    at = keepers_case.servers.environment()
    master, registry = os.path.join(folder, "models"), at["LOOPBACK_OLLAMA_FRONT"].removeprefix("http://")
    with serving(master) as server:
        server.create(MINE, "FROM " + gguf())
        server.command("cp", MINE, SECOND)
        server.create(STYLED, "FROM " + MINE, "SYSTEM Be brief.", "PARAMETER temperature 0.3")
        pull(server, code())
        pull(server, registry + "/library/tiny-chat:latest")
        # under the name that the public registry has it by
        server.command("cp", registry + "/library/tiny-chat:latest", CHAT)
        server.command("rm", registry + "/library/tiny-chat:latest")


def gguf():
    return os.path.join(keepers_case.servers.environment()["LOOPBACK_FIXTURES"], "gguf/tiny-chat-q4_k_m.gguf")


def code():
    return registry + "/acme/tiny-code:1.1b-q4_K_M"


def pull(server, name):
    server.command("pull", "--insecure", "http://" + name)


def serving(store):
    """The server as users run it: it prunes what no manifest names when it starts."""
    return ollama_peer.Peer(binary, store, True)


def manifest_of(name):
    host, path = ("registry.ollama.ai/library", name) if "/" not in name else name.split("/", 1)
    return "manifests/%s/%s" % (host, path.replace(":", "/"))


def blobs_of(store, *names):
    """Kind -> blob of the manifests; the path below the store. The configuration's kind is "config"."""
    found = {}
    for name in names:
        document = json.loads(content(os.path.join(store, manifest_of(name))))
        for layer in (*document["layers"], {**document["config"], "mediaType": "config"}):
            found.setdefault(layer["mediaType"].rsplit(".", 1)[-1], "blobs/" + layer["digest"].replace(":", "-"))
    return found


def all_blobs(store, *names):
    return {blob for name in names for blob in blobs_of(store, name).values()}


class OllamaCase(KeeperCase):
    def setUp(self):
        super().setUp()
        self.store = os.path.join(self.machine.root, ".ollama/models")
        self.fresh()
        self.names = {MINE, SECOND, STYLED, CHAT, code()}

    def fresh(self):
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(master, self.store)

    def path(self, *parts):
        return os.path.join(self.store, *parts)

    def check_served(self, names, run=(), store=None):
        """A real server lists exactly these, opens each, and runs some."""
        with serving(store or self.store) as server:
            self.check_server(server, names, run)

    def check_server(self, server, names, run=()):
        self.assertEqual(set(server.listed()), set(names))
        for name in names:
            self.assertTrue(server.show(name)["tensors"], name)
        for name in run:
            server.generate(name)

    def check_store(self, names, ailing=None, code=0, bad=()):
        """What `verify --store` makes of the store, in JSON and in text."""
        models, found = self.survey("ollama", self.store, code=code)
        self.assertEqual(found, ailing or {})
        self.assertEqual({name: state == "ok" for name, state in models.items()}, {name: name not in bad for name in names})
        self.check_text("ollama", self.store, found, code)

    def ids(self):
        """Ollama's name -> the id that models.json has it by."""
        return {m["name"]: m["id"] for m in self.told("list")["models"]}


class VerifyTest(OllamaCase):
    def test_a_store_of_the_server_is_clean(self):
        """verify --store: clean, and every model has the name that Ollama lists it by"""
        self.check_store(self.names)
        with serving(self.store) as server:
            self.assertEqual(set(self.survey("ollama", self.store)[0]), set(server.listed()))
            self.check_store(self.names)
        self.assertFalse(os.path.exists(self.machine.store("models.json")), "it needs no registry, and makes none")

    def test_damage_is_named_exactly(self):
        """verify --store: a flipped bit, a cut, a missing and a foreign blob are each named, with the models that they hurt"""
        weights, own, config = blobs_of(master, MINE)["model"], blobs_of(master, code())["model"], blobs_of(master, CHAT)["config"]
        sharing = {MINE, SECOND, STYLED}
        for what, blob, damage, state, bad in (
                ("a bit of weights", own, lambda p: flip(p, 1_000_000), "damaged", {code()}),
                ("a bit of weights that three models share", weights, lambda p: flip(p, 70_000), "damaged", sharing),
                ("a bit of a configuration", config, lambda p: flip(p, 30), "damaged", {CHAT}),
                ("weights cut short", weights, lambda p: truncate(p, 600_000), "truncated", sharing),
                ("an empty blob", config, lambda p: truncate(p, 0), "truncated", {CHAT}),
                ("no weights", own, os.unlink, "missing", {code()})):
            with self.subTest(what):
                self.fresh()
                damage(self.path(blob))
                self.check_store(self.names, {blob: state}, 4, bad)

    def test_what_no_model_needs_is_named(self):
        """verify --store: blobs without a manifest, half a manifest, unfinished downloads"""
        os.unlink(self.path(manifest_of(STYLED)))
        left = self.names - {STYLED}
        orphans = {blob: "unreferenced" for blob in all_blobs(master, STYLED) - all_blobs(master, *left)}
        self.assertTrue(orphans)
        self.check_store(left, orphans)

        self.fresh()
        partial = "blobs/sha256-" + "0" * 64 + "-partial"
        for name in (partial, partial + "-0"):
            with open(self.path(name), "wb") as out:
                out.write(b"half")
        self.check_store(self.names, {partial: "partial", partial + "-0": "partial"})

        self.fresh()
        os.truncate(self.path(manifest_of(CHAT)), 100)
        # what the rest of the manifest named nobody can tell: its blobs are not called unreferenced
        self.check_store(self.names, {manifest_of(CHAT): "damaged"}, 4, {CHAT})

    def test_repair_fetches_what_the_registry_has(self):
        """verify --store --repair: what came from a registry is right again, and the server runs it"""
        own, chat = blobs_of(master, code()), blobs_of(master, CHAT)
        flip(self.path(own["model"]), 1_000_000)
        truncate(self.path(chat["model"]), 4096)
        os.unlink(self.path(chat["config"]))
        damaged = [own["model"], chat["model"], chat["config"]]
        self.forget_requests()
        self.ncmodel("verify", "--store", "ollama", self.store, "--repair")
        self.assertEqual(tree(self.store), tree(master))
        asked = {r["target"].split("?")[0].rsplit("/", 1)[-1] for r in self.requests("/ollama/") if r["method"] == "GET"}
        # configurations are read to tell what the models are
        configs = {own["config"], chat["config"]}
        self.assertEqual(asked, {blob.removeprefix("blobs/").replace("-", ":") for blob in {*damaged, *configs}}, "nothing else")
        self.check_store(self.names)
        self.check_served(self.names, run=(code(), CHAT))

    def test_what_was_made_here_cannot_be_fetched_and_is_left(self):
        """verify --store --repair: a model of no registry stays damaged and named; the others are repaired"""
        weights, own = blobs_of(master, MINE)["model"], blobs_of(master, code())["model"]
        flip(self.path(weights), 70_000)
        flip(self.path(own), 70_000)
        result = self.machine.run("verify", "--store", "ollama", self.store, "--repair")
        self.assertNotEqual(result.returncode, 0, result.out)
        self.assertIn("mine", result.err + result.out)
        self.check_store(self.names, {weights: "damaged"}, 4, {MINE, SECOND, STYLED})
        self.assertEqual(content(self.path(own)), content(os.path.join(master, own)))


class AdoptTest(OllamaCase):
    def setUp(self):
        super().setUp()
        self.ncmodel("adopt")

    def test_adopted_where_it_lies(self):
        """adopt, list, show, verify: every model is registered, nothing is moved, and a second adopt changes nothing"""
        self.assertEqual(tree(self.store), tree(master))
        self.check_registry()
        ids = self.ids()
        self.assertEqual(set(ids), self.names)
        shown = self.ncmodel("show", ids[code()]).out
        self.assertIn(os.path.basename(blobs_of(master, code())["model"]).removeprefix("sha256-"), shown)
        self.ncmodel("verify")
        before = content(self.machine.store("models.json"))
        again = self.told("adopt")
        self.assertEqual(content(self.machine.store("models.json")), before)
        self.assertEqual({m["verdict"] for m in again["models"]}, {"known"})
        self.check_served(self.names, run=(MINE,))

    def test_rm_leaves_what_others_use(self):
        """rm: exactly the blobs that were the model's alone go; the server lists, shows and runs the rest"""
        ids, left = self.ids(), set(self.names)
        for name, runs in ((MINE, (SECOND,)), (STYLED, (SECOND,)), (code(), (CHAT,)), (SECOND, (CHAT,))):
            with self.subTest(name):
                left -= {name}
                self.ncmodel("rm", "-y", ids[name])
                wanted = all_blobs(master, *left) | {manifest_of(n) for n in left}
                self.assertEqual(set(tree(self.store)), wanted)
                self.assertEqual(set(self.ids()), left)
                self.check_served(left, run=runs)
                self.assertEqual(set(tree(self.store)), wanted, "and the server had nothing to prune")
        self.check_registry()
        self.ncmodel("verify")

    def test_rm_leaves_what_an_unregistered_model_uses(self):
        """rm: blobs stay that a model uses of which models.json knows nothing; the server runs it"""
        with serving(self.store) as server:
            server.create("late", "FROM " + MINE, "SYSTEM Be late.")
            for name in (MINE, SECOND, STYLED):
                self.ncmodel("rm", "-y", self.ids()[name])
            self.check_server(server, {"late:latest", CHAT, code()}, run=("late",))
        self.check_store({"late:latest", CHAT, code()})

    def test_rm_before_a_running_server(self):
        """rm and gc while the server runs a model of the same weights"""
        ids = self.ids()
        with serving(self.store) as server:
            server.generate(MINE)
            self.ncmodel("rm", "-y", ids[STYLED])
            self.ncmodel("gc", "-y", "--min-age", "0")
            self.check_server(server, self.names - {STYLED}, run=(MINE, SECOND))
            server.command("rm", SECOND)
            self.check_server(server, self.names - {STYLED, SECOND}, run=(MINE,))
            # registered, and gone: by another's hand
            self.assertIn(ids[SECOND], self.ncmodel("verify", code=4).out)


class CollectTest(OllamaCase):
    def test_gc_takes_what_no_manifest_names(self):
        """gc: after a manifest was deleted by hand its blobs go, unless they are young; shared ones and the rest stay"""
        for name in (STYLED, code()):
            os.unlink(self.path(manifest_of(name)))
        partial = self.path("blobs/sha256-" + "0" * 64 + "-partial-3")
        with open(partial, "wb") as out:
            out.write(b"half")
        left = self.names - {STYLED, code()}
        before = tree(self.store)
        self.ncmodel("gc", "-y")
        self.assertEqual(tree(self.store), before, "all of it is young")
        self.ncmodel("gc", "--dry-run", "--min-age", "0")
        self.assertEqual(tree(self.store), before)
        told = self.told("gc", "-y", "--min-age", "0")
        self.assertEqual(set(tree(self.store)), all_blobs(master, *left) | {manifest_of(n) for n in left})
        self.assertEqual(told["removed"], len(before) - len(tree(self.store)))
        self.check_store(left)
        self.check_served(left, run=(MINE, CHAT))
        self.assertIn("othing", self.ncmodel("gc", "-y", "--min-age", "0").out)

    def test_gc_takes_nothing_while_a_manifest_cannot_be_read(self):
        """gc: half a manifest may name any blob: none goes"""
        os.unlink(self.path(manifest_of(code())))
        os.truncate(self.path(manifest_of(STYLED)), 50)
        before = tree(self.store)
        self.ncmodel("gc", "-y", "--min-age", "0", code=1)
        self.assertEqual(tree(self.store), before)


class LinkTest(OllamaCase):
    def setUp(self):
        super().setUp()
        self.file = self.machine.store("tiny-chat-q4_k_m.gguf")
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        shutil.copy(gguf(), self.file)
        self.blob = self.path(blobs_of(master, MINE)["model"])

    def link(self, *arguments):
        told = self.told("link", *arguments)
        self.assertEqual(told["failed"], 0)
        return told

    def check_one(self):
        """One file, which nobody can write to by accident."""
        self.assertEqual(os.stat(self.file).st_ino, os.stat(self.blob).st_ino)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode) & 0o222, 0)

    def check_whole(self):
        self.assertEqual(content(self.file), content(gguf()))

    def test_the_server_works_on_a_linked_store(self):
        """link: one file for Ollama and llama.cpp; `ollama cp`, `create`, `pull` and `rm` work on it, and leave the other's alone"""
        self.assertEqual(self.link()["linked"], 1)
        self.check_one()
        self.check_whole()
        self.check_store(self.names)
        self.assertEqual(self.link()["linked"], 0, "a second time there is nothing to do")
        with serving(self.store) as server:
            self.check_server(server, self.names, run=(MINE, STYLED))
            server.command("cp", MINE, "third")
            server.create("from-file", "FROM " + self.file)
            server.create("from-model", "FROM " + MINE, "SYSTEM Be kind.")
            pull(server, code())
            added = {"third:latest", "from-file:latest", "from-model:latest"}
            self.check_server(server, self.names | added, run=("third", "from-file"))
            self.check_one()
            for name in (MINE, SECOND, STYLED, *added):
                server.command("rm", name)
            self.check_server(server, {CHAT, code()}, run=(CHAT,))
        self.assertFalse(os.path.exists(self.blob))
        self.check_whole()
        self.check_store({CHAT, code()})

    def test_a_pull_over_a_link(self):
        """link: the server pulls a linked blob anew, and what is linked with it keeps its bytes"""
        weights = self.path(blobs_of(master, code())["model"])
        other = self.machine.store("code.gguf")
        shutil.copy(weights, other)
        self.link()
        self.assertEqual(os.stat(other).st_ino, os.stat(weights).st_ino)
        with serving(self.store) as server:
            server.command("rm", code())
            self.assertFalse(os.path.exists(weights))
            pull(server, code())
            self.check_server(server, self.names, run=(code(),))
        self.assertEqual(content(other), content(weights))
        self.assertNotEqual(os.stat(other).st_ino, os.stat(weights).st_ino)
        self.link()
        self.assertEqual(os.stat(other).st_ino, os.stat(weights).st_ino)

    def test_unlink(self):
        """link --unlink: bytes of their own again, which can be written to; the server does not notice"""
        self.link()
        self.assertEqual(self.link("--unlink")["linked"], 1)
        self.assertNotEqual(os.stat(self.file).st_ino, os.stat(self.blob).st_ino)
        with open(self.file, "r+b") as out:
            out.write(b"mine")
        self.check_store(self.names)
        self.check_served(self.names, run=(MINE,))

    def test_link_while_the_server_runs_the_model(self):
        """link, verify and adopt while the server generates with the model"""
        with serving(self.store) as server:
            server.generate(MINE)
            ended, failures = threading.Event(), []

            def keep_generating():
                try:
                    while not ended.is_set():
                        server.generate(STYLED)
                        server.generate(MINE)
                except Exception as error:  # told below: a thread's own goes nowhere
                    failures.append(error)

            thread = threading.Thread(target=keep_generating)
            thread.start()
            try:
                self.assertEqual(self.link()["linked"], 1)
                self.ncmodel("adopt")
                self.ncmodel("verify")
                self.ncmodel("verify", "--store", "ollama", self.store)
                self.assertEqual(self.link("--unlink")["linked"], 1)
                self.assertEqual(self.link()["linked"], 1)
            finally:
                ended.set()
                thread.join()
            self.assertEqual(failures, [])
            self.check_server(server, self.names, run=(MINE,))
        self.check_one()


class TwoStoresTest(OllamaCase):
    """Two services of one application, each with its folder."""

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.store)
        self.small, self.large = (os.path.join(self.machine.root, name, "models") for name in (".ollama-small", ".ollama-large"))

    def inodes(self, name):
        return [[os.stat(os.path.join(store, blob)).st_ino for store in (self.small, self.large)]
                for kind, blob in sorted(blobs_of(self.small, name).items()) if kind == "model"]

    def test_one_model_in_both_is_linked(self):
        """link: two stores of two servers share the weights of a model that both have; each serves, and forgets, its own"""
        shutil.copytree(master, self.small)
        with serving(self.large) as server:
            pull(server, code())
        ((one, other),) = self.inodes(code())
        self.assertNotEqual(one, other)
        self.assertGreaterEqual(self.told("link")["linked"], 1)
        ((one, other),) = self.inodes(code())
        self.assertEqual(one, other)
        with serving(self.small) as small, serving(self.large) as large:
            self.check_server(small, self.names, run=(code(),))
            self.check_server(large, {code()}, run=(code(),))
            small.command("rm", code())
            self.check_server(small, self.names - {code()}, run=(MINE,))
            self.check_server(large, {code()}, run=(code(),))
        self.ncmodel("verify", "--store", "ollama-small,ollama-large")

    def test_a_pull_into_both_fetches_once(self):
        """pull: a manifest with both stores as targets fetches each blob once; both servers list and run the model"""
        self.machine.manifest([{"id": "tiny-chat", "files": [
            {"from": ["ollama:tiny-chat"], "to": [{"store": "ollama-small"}, {"store": "ollama-large"}]}]}])
        self.forget_requests()
        self.pull()
        sent = [r["target"].split("?")[0].rsplit("/", 1)[-1] for r in self.requests("/ollama/") if r["method"] == "GET"]
        blobs = blobs_of(self.small, CHAT)
        sent.remove("sha256:" + blobs["config"].removeprefix("blobs/sha256-"))  # read before, to tell what the model is
        self.assertEqual(sorted(sent), sorted("sha256:" + blob.removeprefix("blobs/sha256-") for blob in blobs.values()))
        self.assertEqual(tree(self.small), tree(self.large))
        ((one, other),) = self.inodes(CHAT)
        self.assertEqual(one, other, "one copy on disk")
        self.assertEqual(os.stat(os.path.join(self.small, blobs["model"])).st_mode & 0o222, 0)
        for store in (self.small, self.large):
            self.check_served({CHAT}, run=(CHAT,), store=store)
        self.ncmodel("verify")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                urllib.request.Request(self.at["NCMODEL_OLLAMA_REGISTRY"] + "/v2/library/tiny-chat/manifests/latest", headers={
                    "Accept": "application/vnd.docker.distribution.manifest.v2+json"}), timeout=30) as answer:
            digest = hashlib.sha256(answer.read()).hexdigest()
        with serving(self.large) as server:
            self.assertEqual(server.listed()[CHAT]["digest"], digest)
