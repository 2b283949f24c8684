# SPDX-License-Identifier: MIT
"""An Ollama store that has a second folder of manifests, as Ollama 0.40 and newer make it: nothing of it is lost, and both
generations of Ollama run what was pulled."""
import json
import os
import shutil
import sys
import unittest

from harness import SOURCE, Case, gguf
from hub import sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "fixtures"))
import ollama_peer  # noqa: E402
import ollama_v2  # noqa: E402
from ollama_reader import Broken, New, Old  # noqa: E402

CHAT = "tiny-chat:latest"


class V2Case(Case):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.store = ollama_v2.Store(os.path.join(self.machine.root, ".ollama/models"))
        self.weights = gguf("chat", 120_000)
        # as Ollama's registry writes it
        told = self.hub.ollama("library/tiny-chat", [("model", self.weights), ("template", b"{{ .Prompt }}")])
        self.manifest = self.serve(ollama_v2.as_go(json.loads(told)))

    def serve(self, manifest):
        self.hub.blobs["service"]["/v2/library/tiny-chat/manifests/latest"] = manifest
        return manifest

    def ncmodel(self, *arguments, code=0):
        result = self.machine.run(*arguments)
        self.assertEqual(result.returncode, code, " ".join(arguments) + "\n" + result.err + result.out)
        return result

    def told(self, *arguments, code=0):
        return json.loads(self.ncmodel(*arguments, "--json", code=code).out)["data"]

    def pull_chat(self, v2=True):
        """Pulled into a store that has manifests-v2/ already, or has it afterwards."""
        if not v2:
            os.rmdir(self.store.path("manifests-v2"))
        self.pull("ollama:tiny-chat")
        os.makedirs(self.store.path("manifests-v2"), exist_ok=True)
        return [m["id"] for m in self.told("list")["models"]][0]

    def models(self, reader=New):
        return set(reader(self.store.root).models())

    def weights_of(self, name, reader=New):
        return {digest for digest in reader(self.store.root).models()[name]} & {
            "sha256:" + x.removeprefix("sha256-") for x in os.listdir(self.store.path("blobs"))
            if os.path.getsize(self.store.path("blobs", x)) > 10_000}

    def check_runs_pulled(self):
        for reader in (New, Old):
            self.assertEqual(self.weights_of(CHAT, reader), {"sha256:" + sha256(self.weights)}, reader.__name__)

    def ailing(self, code=0):
        data = self.told("verify", "--store", "ollama", code=code)
        return {os.path.relpath(f["path"], self.store.root): f["state"] for f in data["files"]
                if f["state"] not in ("ok", "unproved")}

    def surveyed(self):
        return {m["name"]: m["state"] for m in self.told("verify", "--store", "ollama")["models"]}


# Each of these is a row of what ncmodel did to such a store before it knew the second folder (commit dea123c): they fail there.
class LostTest(V2Case):
    def test_rm_leaves_a_copy_that_only_the_second_folder_names(self):
        chat = self.pull_chat(v2=False)
        self.store.copy("mycopy:latest", self.manifest)
        before = New(self.store.root).models()
        self.ncmodel("rm", "-y", chat)
        self.assertEqual(New(self.store.root).models(), {"mycopy:latest": before["mycopy:latest"]})

    def test_a_model_of_the_second_folder_is_no_garbage(self):
        child = json.loads(self.store.create("base:latest", gguf("mine", 60_000)))
        os.unlink(self.store.v2_path("base:latest"))
        child = ollama_v2.plain(child["config"], child["layers"], "llamacpp", "gguf")
        self.store.put_v2("mine:latest", self.store.list_of((child, "llamacpp"), absent=[(b"{}", "mlx")]))
        # the manifest that the child was made of
        left = {"blobs/" + x for x in set(os.listdir(self.store.path("blobs"))) - self.reached("mine:latest", child)}
        self.assertEqual(len(left), 1)
        self.assertEqual(self.ailing(), {path: "unreferenced" for path in left})
        self.assertEqual(self.surveyed(), {"mine:latest": "ok"})
        before = New(self.store.root).models()
        self.ncmodel("gc", "-y", "--min-age", "0")
        self.assertEqual(New(self.store.root).models(), before)
        self.assertEqual(self.ailing(), {})

    def reached(self, name, child):
        with open(self.store.v2_path(name), "rb") as file:
            listed = file.read()
        digests = [ollama_v2.digest_of(listed), ollama_v2.digest_of(child)]
        parsed = json.loads(child)
        digests += [layer["digest"] for layer in [parsed["config"], *parsed["layers"]]]
        return {digest.replace(":", "-") for digest in digests}

    def test_pull_sees_that_a_newer_ollama_runs_another(self):
        self.pull_chat(v2=False)
        other = self.store.create(CHAT, gguf("other", 70_000))
        result = self.ncmodel("pull", "-y", "ollama:tiny-chat", code=11)
        self.assertIn("manifests-v2", result.err + result.out)
        self.assertIn("--force", result.err + result.out)
        self.assertEqual(self.weights_of(CHAT), {json.loads(other)["layers"][0]["digest"]}, "it is as it was")
        self.pull("--force", "ollama:tiny-chat")
        self.check_runs_pulled()
        # what was replaced is made nowhere else: it stays whole
        self.ncmodel("gc", "-y", "--min-age", "0")
        for layer in json.loads(other)["layers"]:
            self.assertTrue(New(self.store.root).blob(layer["digest"]))
        files = self.store.files()
        self.pull("ollama:tiny-chat")
        self.assertEqual(self.store.files(), files, "now there is nothing to do")
        self.ncmodel("verify")

    def test_rm_leaves_another_model_of_the_same_name_whole(self):
        chat = self.pull_chat(v2=False)
        self.store.create(CHAT, gguf("other", 70_000))
        before = New(self.store.root).models()
        self.ncmodel("rm", "-y", chat)
        self.assertEqual(New(self.store.root).models(), before)
        self.assertFalse(os.path.exists(self.store.blob_path("sha256:" + sha256(self.weights))))

    def test_adopt_sees_what_only_the_second_folder_has(self):
        self.store.create("mine:latest", gguf("mine", 60_000))
        found = self.told("adopt", "--dry-run")["models"]
        self.assertEqual([(m["name"], m["verdict"]) for m in found], [("mine:latest", "new")])

    def convert(self):
        chat = self.pull_chat(v2=False)
        self.store.convert(CHAT, gguf("converted", 130_000))
        return chat

    def test_what_ollama_converted_is_sound(self):
        self.convert()
        self.ncmodel("verify")
        self.ncmodel("verify", "--quick")
        self.assertEqual(self.ailing(), {})
        self.assertEqual(self.surveyed(), {CHAT: "ok"})

    def test_adopt_knows_what_ollama_converted(self):
        self.convert()
        found = self.told("adopt", "--dry-run")["models"]
        self.assertEqual([(m["name"], m["verdict"]) for m in found], [(CHAT, "known")])

    def test_pull_and_repair_leave_an_anchor(self):
        self.convert()
        files, before = self.store.files(), New(self.store.root).models()
        with open(self.store.legacy_path(CHAT), "rb") as file:
            anchor = file.read()
        for arguments in (("pull", "-y", "ollama:tiny-chat"), ("verify", "--repair"), ("gc", "-y", "--min-age", "0")):
            self.ncmodel(*arguments)
            self.assertEqual(self.store.files(), files, arguments)
            with open(self.store.legacy_path(CHAT), "rb") as file:
                self.assertEqual(file.read(), anchor, arguments)
        self.assertEqual(New(self.store.root).models(), before)

    def test_what_was_converted_of_another_registry_is_sound(self):
        """Its manifest is not written as Ollama writes it, and its bytes are nowhere any more: what it named is known all the same"""
        self.serve(json.dumps(json.loads(self.manifest), indent=1, sort_keys=True).encode())
        chat = self.convert()
        self.ncmodel("verify")
        self.assertEqual(self.surveyed(), {CHAT: "ok"})
        self.assertEqual({m["verdict"] for m in self.told("adopt", "--dry-run")["models"]}, {"known"})
        files = self.store.files()
        self.pull("ollama:tiny-chat")
        self.assertEqual(self.store.files(), files)
        self.ncmodel("rm", "-y", chat)
        self.assertEqual(self.store.files(), set())

    def test_rm_takes_all_of_what_ollama_converted(self):
        chat = self.convert()
        self.store.create("mine:latest", gguf("mine", 60_000))
        self.ncmodel("rm", "-y", chat)
        self.assertEqual(self.models(), {"mine:latest"})
        self.assertEqual(self.ailing(), {}, "nothing is left of it")
        self.assertEqual(self.models(Old), set(), "nor its shadow")


class PullTest(V2Case):
    def test_both_generations_run_what_was_pulled(self):
        """pull into a store of Ollama 0.40: both read it; an old server prunes nothing that a new one needs; verify, pull again, rm"""
        chat = self.pull_chat()
        self.assertTrue(os.path.islink(self.store.v2_path(CHAT)))
        self.assertEqual(os.readlink(self.store.v2_path(CHAT)), "../../../../blobs/sha256-" + sha256(self.manifest))
        self.check_runs_pulled()
        Old(self.store.root).prune()
        self.check_runs_pulled()
        self.ncmodel("verify")
        self.assertEqual(self.ailing(), {})
        before = self.machine.snapshot()
        self.pull("ollama:tiny-chat")
        self.assertEqual(self.machine.snapshot(), before)
        self.ncmodel("rm", "-y", chat)
        self.assertEqual(self.store.files(), set())

    def test_a_tag_that_moves_moves_in_both(self):
        self.pull_chat()
        self.weights = gguf("newer", 90_000)
        self.serve(ollama_v2.as_go(json.loads(self.hub.ollama("library/tiny-chat", [("model", self.weights)]))))
        self.pull("--update", "ollama:tiny-chat")
        self.check_runs_pulled()
        self.assertEqual(os.listdir(self.store.path(".ncmodel/staging")), [])
        self.assertFalse(os.path.exists(self.store.path(".ncmodel/replaced")), "its source has the old one, too")

    def test_a_manifest_that_is_not_written_as_ollama_writes_it(self):
        """Other registries have other spaces and orders: the digest is of the bytes"""
        manifest = self.serve(json.dumps(json.loads(self.manifest), indent=1, sort_keys=True).encode())
        self.pull_chat()
        self.check_runs_pulled()
        self.ncmodel("verify")
        before = self.machine.snapshot()
        self.pull("ollama:tiny-chat")
        self.assertEqual(self.machine.snapshot(), before)
        self.assertEqual(self.told("list")["models"][0]["revision"], "sha256:" + sha256(manifest))

    def test_forms_of_a_name(self):
        """a link, a hard link or a copy; a host with a port"""
        for how in ("link", "hard", "copy"):
            with self.subTest(how):
                name = f"localhost:5000/me/{how}:1b"
                self.store.create(name, gguf(how, 50_000), how)
                self.assertEqual(self.surveyed()[name], "ok")
        self.assertEqual(self.ailing(), {})
        before = self.store.files()
        self.ncmodel("gc", "-y", "--min-age", "0")
        self.assertEqual(self.store.files(), before)

    def test_a_link_to_nothing(self):
        """Ollama takes the old folder's manifest then, and so does everything here; rm takes the link, too"""
        chat = self.pull_chat()
        os.unlink(self.store.blob_path("sha256:" + sha256(self.manifest)))
        self.assertEqual(self.weights_of(CHAT), {"sha256:" + sha256(self.weights)})
        self.ncmodel("verify")
        self.assertEqual(self.surveyed(), {CHAT: "ok"})
        self.ncmodel("rm", "-y", chat)
        self.assertEqual(self.store.files(), set())

    def test_nothing_is_removed_where_a_manifest_cannot_be_read(self):
        self.pull_chat()
        orphan = self.store.blob(b"nobody's")
        for what, damage in (("half a manifest", lambda path: os.symlink(os.path.relpath(
                                 self.store.blob_path(self.store.blob(b"{")), os.path.dirname(path)), path)),
                             ("a folder in a folder too many", lambda path: os.makedirs(path + "/a") or open(path + "/a/b", "x").close()),
                             ("a link out of the store", lambda path: os.symlink("/etc/passwd", path)),
                             ("a link to nothing", lambda path: os.symlink("../../../../blobs/sha256-" + "0" * 64, path))):
            with self.subTest(what):
                path = self.store.v2_path("bad:latest")
                os.makedirs(os.path.dirname(path), exist_ok=True)
                damage(path)
                self.assertIn("bad", self.ncmodel("gc", "-y", "--min-age", "0", code=1).err)
                self.assertTrue(os.path.exists(self.store.blob_path(orphan)))
                shutil.rmtree(os.path.dirname(path))
        self.ncmodel("gc", "-y", "--min-age", "0")
        self.assertFalse(os.path.exists(self.store.blob_path(orphan)))


class AdoptTest(V2Case):
    def test_adopted_where_it_is(self):
        """adopt, list, show, verify, dump, df, link, rm of models that only the second folder has"""
        manifest = self.store.create("mine:latest", gguf("mine", 1_200_000))
        child = json.loads(self.store.create("part:latest", gguf("part", 70_000)))
        os.unlink(self.store.v2_path("part:latest"))
        child = ollama_v2.plain(child["config"], child["layers"], "llamacpp", "gguf")
        self.store.put_v2("listed:latest", self.store.list_of((child, "llamacpp")))
        self.ncmodel("gc", "-y", "--min-age", "0")
        before = New(self.store.root).models()
        self.ncmodel("adopt")
        self.assertEqual({m["verdict"] for m in self.told("adopt")["models"]}, {"known"})
        ids = {m["name"]: m["id"] for m in self.told("list")["models"]}
        self.assertEqual(set(ids), {"mine:latest", "listed:latest"})
        self.ncmodel("verify")
        self.assertIn("mine", self.ncmodel("show", ids["mine:latest"]).out)
        dumped = self.ncmodel("manifest", "dump", "--profile", "here").out
        self.assertIn("sha256:" + sha256(manifest), dumped)
        self.ncmodel("link", "--least", "1")
        self.assertEqual(New(self.store.root).models(), before)
        self.ncmodel("rm", "-y", ids["mine:latest"])
        self.assertEqual(self.models(), {"listed:latest"})
        self.ncmodel("rm", "-y", ids["listed:latest"])
        self.assertEqual(self.store.files(), set())

    def test_what_a_newer_ollama_pulled(self):
        """Its anchor is in the old folder: registered once, with the registry's digest; pull has nothing to do"""
        for kind, data in (("model", self.weights), ("template", b"{{ .Prompt }}")):
            self.store.layer(kind, data)
        document = json.loads(self.manifest)
        self.store.blob(self.hub.blobs["cdn"]["/blob/" + document["config"]["digest"].removeprefix("sha256:")])
        self.store.put_v2(CHAT, self.manifest)
        self.store.put_legacy(CHAT, ollama_v2.plain(document["config"], [*document["layers"], {
            "mediaType": ollama_v2.MANIFEST, "digest": "sha256:" + sha256(self.manifest), "size": len(self.manifest)}]))
        files = self.store.files()
        self.ncmodel("adopt")
        models = self.told("list")["models"]
        self.assertEqual([m["revision"] for m in models], ["sha256:" + sha256(self.manifest)])
        self.ncmodel("verify")
        self.pull("ollama:tiny-chat")
        self.assertEqual(self.store.files(), files)

    def test_df_counts_what_ollama_converted(self):
        self.pull_chat(v2=False)
        before = self.told("df")
        self.store.convert(CHAT, gguf("converted", 1_300_000))
        after = self.told("df")
        grown = after["phases"][0]["on_disk"] - before["phases"][0]["on_disk"]
        self.assertGreaterEqual(grown, 1_300_000)

    def test_a_damaged_converted_blob_is_found(self):
        self.pull_chat(v2=False)
        self.store.convert(CHAT, gguf("converted", 130_000))
        blob = self.store.blob_path("sha256:" + sha256(gguf("converted", 130_000)))
        with open(blob, "r+b") as file:
            file.seek(50_000)
            file.write(b"\0\0\0\0")
        self.assertEqual(self.ailing(code=4), {os.path.relpath(blob, self.store.root): "damaged"})


@unittest.skipUnless(ollama_peer.find(), "Ollama is not built; ollama_peer.py build does it")
class RealTest(V2Case):
    def test_an_old_server_keeps_and_lists_what_was_pulled(self):
        self.pull_chat()
        with ollama_peer.Peer(ollama_peer.find(), self.store.root, True) as server:
            self.assertEqual(set(server.listed()), {CHAT})
        self.check_runs_pulled()


class ReaderTest(V2Case):
    def test_the_readers_refuse(self):
        """The check of the checks: a model that lacks a blob is no model to them"""
        manifest = self.store.create("mine:latest", gguf("mine", 60_000))
        self.assertEqual(self.models(), {"mine:latest"})
        os.unlink(self.store.blob_path(json.loads(manifest)["layers"][0]["digest"]))
        self.assertRaises(Broken, self.models)


if __name__ == "__main__":
    unittest.main()
