# SPDX-License-Identifier: MIT
"""The cache of huggingface_hub as a place to pull into. What the library itself makes of it, keepers_hub.py asks."""
import hashlib
import json
import os
import shutil
import signal
import unittest

from harness import Case, gguf, safetensors, sha256
from test_disks import DiskCase, wait_until

FIRST, SECOND = "ab" * 20, "cd" * 20
REPO, FOLDER = "org/Some-Repo", "models--org--Some-Repo"


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def wanted_tree(repo, files, small, commit, *references):
    """What the cache is to hold, by the library's documentation: path -> bytes, or a link's text in a tuple."""
    folder, found = "models--" + repo.replace("/", "--"), {}
    for name, data in files.items():
        etag = git_sha1(data) if name in small else sha256(data)
        found[f"{folder}/blobs/{etag}"] = data
        found[f"{folder}/snapshots/{commit}/{name}"] = ("../" * (2 + name.count("/")) + "blobs/" + etag,)
    return found | {f"{folder}/refs/{name}": commit.encode() for name in references}


class HubStoreCase(Case):
    def setUp(self):
        super().setUp()
        self.cache = os.path.join(self.machine.root, ".cache/huggingface/hub")
        self.small = ("config.json", "sub/deep/notes.txt", ".gitattributes")
        self.files = {"config.json": b'{"a":1}\n', "sub/deep/notes.txt": b"notes\n", ".gitattributes": b"*.gguf filter=lfs\n",
                      "model.gguf": gguf("model", 3_000_000), "sub/part.safetensors": safetensors("part", 70_000)}
        self.publish()

    def publish(self, repo=REPO, files=None, commit=FIRST, **more):
        self.hub.hf(repo, self.files if files is None else files, commit=commit, small=self.small, **more)

    def to_cache(self, *arguments, **options):
        return self.pull(*arguments, "--to", "hf", **options)

    def tree(self):
        found = {}
        for at, folders, names in os.walk(self.cache):
            folders[:] = [f for f in folders if f != ".locks"]
            for name in names:
                path = os.path.join(at, name)
                found[os.path.relpath(path, self.cache)] = (os.readlink(path),) if os.path.islink(path) else self.read(path)
        found.pop("CACHEDIR.TAG", None)
        self.listings = {path.split("/")[-1]: found.pop(path) for path in list(found) if "/trees/" in path}
        return found

    def listing(self, files=None):
        """trees/<commit>.json as the library's own is: keepers_hub.py compares with it."""
        def note(name, data):
            if name in self.small:
                return {"size": len(data), "blob_id": git_sha1(data)}
            return {"size": len(data), "blob_id": git_sha1(data), "lfs_sha256": sha256(data), "lfs_size": len(data)}
        files = files or self.files
        return json.dumps({"format_version": 1, "files": {name: note(name, files[name]) for name in sorted(files)}}, indent=1)

    def wanted(self, *references, files=None, commit=FIRST, repo=REPO):
        return wanted_tree(repo, self.files if files is None else files, self.small, commit, *references)

    def assertTree(self, wanted):
        def short(tree):
            return {path: data if isinstance(data, tuple) or len(data) < 100 else sha256(data) for path, data in tree.items()}
        self.assertEqual(short(self.tree()), short(wanted))

    def path(self, *parts):
        return os.path.join(self.cache, FOLDER, *parts)

    def fetched(self):
        """The files of which bytes came."""
        asked = [r["path"] for r in self.hub.asked() if r["method"] == "GET"]
        return {path.split(f"/{REPO}/")[1].split("/", 2 if "/resolve/" in path else 0)[-1] for path in asked
                if "/xet/" in path or "/resolve/" in path}

    def sound(self):
        run = self.machine.run("verify")
        self.assertEqual(run.returncode, 0, run.out + run.err)
        run = self.machine.run("verify", "--store", "hf")
        self.assertEqual(run.returncode, 0, run.out + run.err)
        self.check_registry()


class PullTest(HubStoreCase):
    def test_a_repository(self):
        self.to_cache(f"hf:{REPO}")
        self.assertTree(self.wanted("main"))
        locks = os.path.join(self.cache, ".locks", FOLDER)
        self.assertEqual({name for name in os.listdir(locks)}, {os.path.basename(path) + ".lock" for path in self.tree() if "/blobs/" in path})
        self.assertEqual({oct(os.stat(os.path.join(locks, name)).st_mode & 0o666) for name in os.listdir(locks)}, {"0o644"})
        self.assertTrue(self.read(os.path.join(self.cache, "CACHEDIR.TAG")).startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n"))
        self.sound()
        # models.json names what a program opens, and whose bytes that is
        entry, = self.entries().values()
        by_path = {os.path.relpath(self.machine.registered_path(f["path"]), self.cache): f for f in entry["files"]}
        self.assertEqual(set(by_path), {f"{FOLDER}/snapshots/{FIRST}/{name}" for name in self.files})
        for path, file in by_path.items():
            self.assertEqual(os.path.realpath(os.path.join(self.cache, path)), file["target"])
        # a second time nothing is fetched, and nothing changes
        self.hub.forget()
        self.assertIn("in place", self.to_cache(f"hf:{REPO}").out)
        self.assertEqual(self.fetched(), set())
        self.assertTree(self.wanted("main"))
        self.assertEqual(self.to_cache(f"hf:{REPO}", "--offline").returncode, 0)

    def test_adopt_leaves_it_as_it_was_pulled(self):
        """What programs open stays what models.json names: adopt knows it by its name, not by its blob."""
        self.to_cache(f"hf:{REPO}")
        self.pull(f"hf:{REPO}/model.gguf", "--to", "llama-cpp")
        before = self.entries()
        run = self.machine.run("adopt")
        self.assertEqual(run.returncode, 0, run.err)
        self.assertNotIn("brought up to date", run.out)
        self.assertEqual(self.entries(), before)
        # one that was damaged and mended outside keeps its name, too
        os.utime(self.path("blobs", sha256(self.files["model.gguf"])))
        self.assertEqual(self.machine.run("adopt").returncode, 0)
        self.assertEqual({f["path"] for e in self.entries().values() for f in e["files"]}, {f["path"] for e in before.values() for f in e["files"]})
        self.sound()

    def test_a_revision(self):
        """A branch or tag gets its reference, a commit has none, and one with a slash a folder."""
        self.publish(branches=("v1.0", "refs/pr/1", "refs%2Fpr%2F1"))
        self.to_cache(f"hf:{REPO}@{FIRST}")
        self.assertTree(self.wanted())
        self.to_cache(f"hf:{REPO}@v1.0")
        self.assertTree(self.wanted("v1.0"))
        self.to_cache(f"hf:{REPO}@refs/pr/1")
        self.assertTree(self.wanted("v1.0", "refs/pr/1"))
        self.sound()

    def test_a_part(self):
        for source, names in ((f"hf:{REPO}/model.gguf", ["model.gguf"]), (f"hf:{REPO}/sub/*", ["sub/part.safetensors", "sub/deep/notes.txt"])):
            told = self.to_cache(source)
            self.assertIn("part of", told.err)
            part = {name: self.files[name] for name in names}
            self.assertLessEqual(self.wanted("main", files=part).items(), self.tree().items())
        self.assertNotIn(f"{FOLDER}/snapshots/{FIRST}/config.json", self.tree())
        self.sound()

    def test_a_manifest(self):
        self.machine.manifest([{"id": "both", "files": [{"from": [f"hf:{REPO}"], "to": [{"store": "hf"}, {"store": "training"}]}]}])
        check = self.machine.run("manifest", "check", os.path.join(self.machine.manifests, "test/phase-1-high.json"))
        self.assertEqual(check.returncode, 0, check.out + check.err)
        self.pull("both")
        self.assertTree(self.wanted("main"))
        self.assertEqual(self.read(os.path.join(self.machine.root, "training/models/Some-Repo/model.gguf")), self.files["model.gguf"])
        self.sound()

    def test_two_files_of_the_same_bytes(self):
        self.files["twin.gguf"] = self.files["model.gguf"]
        self.publish()
        self.to_cache(f"hf:{REPO}")
        self.assertTree(self.wanted("main"))
        self.assertEqual(len(self.hub.asked(server="cdn")), 2, "the part, and one of the twins")
        self.sound()

    def test_a_newer_commit(self):
        """pull --update: the new snapshot and the reference; the old snapshot stays until its model is removed."""
        self.to_cache(f"hf:{REPO}")
        newer = {**self.files, "config.json": b'{"a":2}\n'}
        self.publish(files=newer, commit=SECOND)
        before = self.tree()
        self.assertIn("in place", self.to_cache(f"hf:{REPO}").out)
        self.assertTree(before)  # the lock pins the first commit
        self.hub.forget()
        self.to_cache("--update", f"hf:{REPO}")
        self.assertTree({**before, **self.wanted("main", files=newer, commit=SECOND)})
        self.assertEqual(self.fetched(), {"config.json"})
        self.sound()

    def test_an_older_commit_that_was_pruned(self):
        """`hf cache prune` removes what no reference means: the next pull knows no more of it."""
        self.to_cache(f"hf:{REPO}")
        newer = {**self.files, "config.json": b'{"a":2}\n'}
        self.publish(files=newer, commit=SECOND)
        self.to_cache("--update", f"hf:{REPO}")
        shutil.rmtree(self.path("snapshots", FIRST))
        os.unlink(self.path("blobs", git_sha1(self.files["config.json"])))
        self.assertEqual(self.machine.run("verify").returncode, 4)
        self.hub.forget()
        self.to_cache(f"hf:{REPO}")
        self.assertEqual(self.fetched(), set())
        entry, = self.entries().values()
        self.assertEqual({f["path"].split("/snapshots/")[1][:40] for f in entry["files"]}, {SECOND})
        self.assertTree(self.wanted("main", files=newer, commit=SECOND))
        self.sound()

    def test_what_is_refused(self):
        path = self.machine.manifest([{**self.machine.simple("x.gguf", gguf("x", 5000)), "id": "plain"}])
        with open(path, encoding="utf-8") as file:
            text = file.read().replace('"llama-cpp"', '"hf"').replace('"name": "x.gguf"', '"note": ""').replace(',\n              "note": ""', "")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        for arguments, word in ((["plain"], "hf: source"), ([f"hf:{REPO}", "--to", "hf//name"], "leave folder and name out")):
            run = self.machine.run("pull", "-y", *arguments)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(word, run.err)
        check = self.machine.run("manifest", "check", path)
        self.assertEqual(check.returncode, 2)
        self.assertIn('store "hf" takes', check.err + check.out)
        self.assertFalse(os.path.exists(self.path()))
        self.publish(files={**self.files, "code.py": b"import os\n"})
        run = self.machine.run("pull", "-y", f"hf:{REPO}", "--to", "hf")
        self.assertEqual(run.returncode, 11, run.err)
        self.assertIn("--exclude '*.py'", run.err)
        self.to_cache(f"hf:{REPO}", "--exclude", "*.py")
        self.assertTree(self.wanted("main"))


class ThereAlreadyTest(HubStoreCase):
    def fill(self, wanted):
        for path, data in wanted.items():
            path = os.path.join(self.cache, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(data, tuple):
                os.symlink(data[0], path)
            else:
                self.write(path, data)

    def test_a_whole_cache(self):
        self.fill(self.wanted("main"))
        self.to_cache(f"hf:{REPO}")
        self.assertEqual(self.fetched(), set())
        self.assertTree(self.wanted("main"))
        self.sound()

    def test_adopted_first(self):
        """The blobs that adopt registered become the names that lead to them, each file once."""
        self.fill(self.wanted("main"))
        self.assertEqual(self.machine.run("adopt").returncode, 0)
        known, = self.entries().values()
        self.assertEqual(len(known["files"]), len(self.files))
        self.to_cache(f"hf:{REPO}")
        self.assertEqual(self.fetched(), set())
        self.assertTree(self.wanted("main"))
        entry, = self.entries().values()
        self.assertEqual(len(entry["files"]), len(self.files))
        self.sound()
        self.assertEqual(self.machine.run("rm", "-y", entry["id"]).returncode, 0)
        self.assertTree({})

    def test_blobs_of_another_commit(self):
        self.fill(self.wanted("main", commit=SECOND))
        self.to_cache(f"hf:{REPO}")
        self.assertEqual(self.fetched(), set())
        self.assertTree({**self.wanted(commit=SECOND), **self.wanted("main")})

    def test_a_damaged_blob(self):
        wanted = self.wanted("main")
        blob = f"{FOLDER}/blobs/{sha256(self.files['model.gguf'])}"
        self.fill({**wanted, blob: gguf("other", 3_000_000)})
        self.to_cache(f"hf:{REPO}")
        self.assertEqual(self.fetched(), {"model.gguf"})
        self.assertTree(wanted)
        self.sound()

    def test_a_link_that_leads_elsewhere(self):
        wanted = self.wanted("main")
        self.fill({**wanted, f"{FOLDER}/snapshots/{FIRST}/config.json": ("../../blobs/" + "0" * 40,)})
        self.to_cache(f"hf:{REPO}")
        self.assertTree(wanted)
        self.assertEqual(self.fetched(), set())

    def test_a_shared_blob(self):
        """A repository's blob that is a link into blobs/ is read, and stays one."""
        wanted = self.wanted("main")
        blob, shared = f"{FOLDER}/blobs/{sha256(self.files['model.gguf'])}", "blobs/ab/" + "ab" * 32
        wanted |= {blob: ("../../" + shared,), shared: self.files["model.gguf"]}
        self.fill({path: wanted[path] for path in (blob, shared)})
        self.to_cache(f"hf:{REPO}")
        self.assertTree(wanted)
        self.assertNotIn("model.gguf", self.fetched())
        self.sound()
        self.assertEqual(self.to_cache(f"hf:{REPO}").out.count("in place") > 0, True)

    def test_a_cache_without_links(self):
        """Where huggingface_hub could make no links, the files lie in the snapshot."""
        files = {f"{FOLDER}/snapshots/{FIRST}/{name}": data for name, data in self.files.items()}
        files[f"{FOLDER}/refs/main"] = FIRST.encode()
        self.fill(files)
        self.to_cache(f"hf:{REPO}")
        self.assertTree(files)
        self.assertEqual(self.fetched(), set())
        self.sound()

    def test_somebody_elses_file_in_the_snapshot(self):
        own = self.write(os.path.join(self.cache, FOLDER, "snapshots", FIRST, "model.gguf"), b"mine")
        run = self.machine.run("pull", "-y", f"hf:{REPO}", "--to", "hf")
        self.assertEqual(run.returncode, 11, run.err)
        self.assertIn("in the way", run.err)
        self.assertEqual(self.read(own), b"mine")
        self.assertEqual(self.fetched(), set(), "it is told before anything is fetched")

    def test_copies_of_other_applications(self):
        """What llama.cpp has is linked into the cache, and what the cache has into its folder."""
        self.pull(f"hf:{REPO}/model.gguf")
        self.hub.forget()
        self.to_cache(f"hf:{REPO}")
        self.assertNotIn("model.gguf", self.fetched())
        self.assertTree(self.wanted("main"))
        self.hub.forget()
        self.pull(f"hf:{REPO}/sub/part.safetensors", "--to", "comfyui/checkpoints")
        self.assertEqual(self.fetched(), set())
        self.sound()

    def test_a_cache_of_a_small_file_by_its_pin(self):
        """A manifest's SHA-256 of a file that lies in git: its blob is called by git's digest all the same."""
        data = self.files["config.json"]
        self.machine.manifest([{"id": "one", "files": [{"from": [f"hf:{REPO}/config.json@{FIRST}"], "sha256": sha256(data),
                                                        "size": len(data), "to": [{"store": "hf"}]}]}])
        self.pull("one")
        self.assertTree(self.wanted(files={"config.json": data}))
        self.hub.forget()
        self.pull("one")
        self.assertEqual(self.hub.asked(), [], "what is there needs no network")
        self.pull("one", "--offline")


class CrashTest(HubStoreCase):
    def test_killed_and_resumed(self):
        data = gguf("large", 12_000_000)
        self.files["model.gguf"] = data
        self.publish()
        self.hub.hold(f"/xet/{REPO}/model.gguf", 9_000_000)
        process = self.machine.start("pull", "-y", f"hf:{REPO}", "--to", "hf", "--connections", "1")
        journal = os.path.join(self.cache, ".locks/.ncmodel/staging", sha256(data) + ".part.journal")
        wait_until(lambda: os.path.exists(journal) and DiskCase.lines_of(journal) > 3, 60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertFalse(any("/snapshots/" in path or "/refs/" in path for path in self.tree()), "no name before all bytes are there")
        self.hub.release()
        self.hub.forget()
        self.to_cache(f"hf:{REPO}")
        self.assertTree(self.wanted("main"))
        self.assertLess(sum(r["sent"] for r in self.hub.asked(server="cdn") if "model.gguf" in r["path"]), len(data))
        self.sound()

    def test_two_at_once(self):
        runs = [self.machine.start("pull", "-y", f"hf:{REPO}", "--to", "hf") for _ in range(2)]
        for run in runs:
            out, err = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 0, out + err)
        self.assertTree(self.wanted("main"))
        self.sound()


class ListingTest(HubStoreCase):
    """trees/<commit>.json: by it the library tells offline whether all of a commit is there."""

    def check_listings(self, *commits):
        self.tree()
        self.assertEqual(self.listings, {commit + ".json": self.listing().encode() for commit in commits})

    def test_whole_and_in_part(self):
        self.to_cache(f"hf:{REPO}?include=*.json")
        self.check_listings(FIRST)
        self.to_cache(f"hf:{REPO}")
        self.check_listings(FIRST)
        self.sound()

    def test_one_file_does_not_tell_of_the_others(self):
        self.to_cache(f"hf:{REPO}/model.gguf")
        self.check_listings()

    def test_names_of_all_kinds(self):
        self.files["s\u00fc\u00df \U0001f600.txt"] = b"x"
        self.publish()
        self.to_cache(f"hf:{REPO}")
        self.tree()
        self.assertEqual(json.loads(self.listings[FIRST + ".json"]), json.loads(self.listing()))

    def test_what_the_library_would_not_note(self):
        """a Xet hash that is none: the library writes no listing then"""
        path = f"/api/models/{REPO}/tree/{FIRST}"
        answer = self.hub.routes["service"][path]

        def broken(handler):
            status, entries, headers = answer(handler)
            return status, [{**entry, "xetHash": "z" * 64} for entry in entries], headers
        self.hub.routes["service"][path] = broken
        self.to_cache(f"hf:{REPO}")
        self.check_listings()
        self.assertTree(self.wanted("main"))

    def test_other_stores_have_none(self):
        self.pull(f"hf:{REPO}", "--to", "comfyui")
        self.assertFalse(os.path.exists(self.cache))

    def test_removed_with_its_commit(self):
        self.to_cache(f"hf:{REPO}")
        id, = self.entries()
        self.assertEqual(self.machine.run("rm", "-y", id).returncode, 0)
        self.check_listings()


class UpkeepTest(HubStoreCase):
    def setUp(self):
        super().setUp()
        self.to_cache(f"hf:{REPO}")
        self.id, = self.entries()

    def ok(self, *arguments, code=0):
        run = self.machine.run(*arguments)
        self.assertEqual(run.returncode, code, run.out + run.err)
        return run

    def test_rm(self):
        self.ok("rm", "-y", self.id)
        self.assertEqual({path for path in self.tree() if FOLDER in path}, set())
        self.assertEqual(self.entries(), {})
        self.to_cache(f"hf:{REPO}")
        self.assertTree(self.wanted("main"))

    def test_rm_of_two_commits(self):
        """One model at two commits: both go. Another model of the cache keeps the blobs that it links."""
        newer = {**self.files, "config.json": b'{"a":2}\n'}
        self.publish(files=newer, commit=SECOND, branches=("next",))
        self.to_cache(f"hf:{REPO}@next")
        self.assertEqual(list(self.entries()), [self.id])
        self.to_cache(f"hf:{REPO}/model.gguf@next")
        other, = set(self.entries()) - {self.id}
        self.ok("rm", "-y", self.id)
        self.assertTree(self.wanted(files={"model.gguf": self.files["model.gguf"]}, commit=SECOND) | {
            path: data for path, data in self.tree().items() if "/refs/" in path})
        self.ok("verify", other)

    def test_gc_and_df_find_nothing_to_do(self):
        before = self.tree()
        self.ok("gc", "-y", "--min-age", "0")
        self.ok("df")
        self.ok("stores")
        self.ok("outdated")
        self.ok("diff")
        self.ok("adopt")
        self.assertTree(before)
        self.assertEqual(list(self.entries()), [self.id])
        self.sound()

    def test_damage_is_found_and_mended(self):
        blob = self.path("blobs", sha256(self.files["model.gguf"]))
        with open(blob, "r+b") as file:
            file.seek(100_000)
            file.write(b"damage")
        self.ok("verify", code=4)
        self.ok("verify", "--repair")
        self.assertTree(self.wanted("main"))
        os.unlink(blob)
        os.unlink(self.path("blobs", git_sha1(self.files["config.json"])))
        self.ok("verify", code=4)
        self.ok("verify", "--repair")
        self.assertTree(self.wanted("main"))
        self.sound()

    def test_a_link_that_is_gone(self):
        for name in ("model.gguf", "config.json"):
            os.unlink(self.path("snapshots", FIRST, name))
        self.ok("verify", code=4)
        self.hub.forget()
        self.ok("verify", "--repair")
        self.assertTree(self.wanted("main"))
        os.unlink(self.path("snapshots", FIRST, "model.gguf"))
        os.unlink(self.path("refs/main"))
        self.to_cache(f"hf:{REPO}")
        self.assertTree(self.wanted("main"))
        self.assertEqual(self.fetched(), set(), "the bytes are there")

    def test_mv(self):
        self.ok("mv", "-y", "hf", os.path.join(self.machine.root, "elsewhere"))
        self.cache = os.path.join(self.machine.root, "elsewhere")
        self.assertTree(self.wanted("main"))
        self.sound()

    def test_dump_and_pull_anew(self):
        dump = self.ok("manifest", "dump", "--profile", "test").out
        for model in json.loads(dump)["models"]:
            self.assertEqual({t["store"] for f in model["files"] for t in f["to"]}, {"hf"})
        os.rename(self.cache, self.cache + "-old")
        os.unlink(self.machine.store("models.json"))
        os.unlink(self.machine.store("ncmodel.lock"))
        with open(os.path.join(self.machine.manifests, "test", "phase-1-high.json"), "w", encoding="utf-8") as out:
            out.write(dump)
        self.pull("--all")
        self.assertTree(self.wanted())

    def test_link(self):
        copy = self.machine.store("copy.gguf")
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        self.write(copy, self.files["model.gguf"])
        self.ok("link")
        self.sound()
        self.assertTree(self.wanted("main"))


class DiskTest(DiskCase, HubStoreCase):
    def life(self, *quirks):
        """Where there are no links, the files lie in the snapshot, as huggingface_hub has it."""
        self.mount(*quirks)
        self.to_cache(f"hf:{REPO}")
        wanted = {f"{FOLDER}/snapshots/{FIRST}/{name}": data for name, data in self.files.items()}
        self.assertTree({**wanted, f"{FOLDER}/refs/main": FIRST.encode()})
        self.sound()
        self.hub.forget()
        self.assertIn("in place", self.to_cache(f"hf:{REPO}").out)
        self.assertEqual(self.fetched(), set())
        self.flip(f"{FOLDER}/snapshots/{FIRST}/model.gguf")
        self.ok("verify", code=4)
        self.ok("verify", "--repair")
        self.assertTree({**wanted, f"{FOLDER}/refs/main": FIRST.encode()})
        self.ok("rm", "-y", *self.entries())
        self.assertTree({})

    def flip(self, path):
        path = os.path.join(self.cache, path)
        before = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(1000)
            file.write(b"damage")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def test_without_links(self):
        self.life("link")

    def test_without_links_by_another_answer(self):
        self.life("link-nosys")

    def test_smb(self):
        self.life("link-notsup", "chmod", "fsync")

    def test_two_names_that_are_one(self):
        self.files["Config.json"] = b'{"a":3}\n'
        self.small += ("Config.json",)
        self.publish()
        self.mount("case")
        run = self.machine.run("pull", "-y", f"hf:{REPO}", "--to", "hf")
        self.assertEqual(run.returncode, 11, run.err)
        self.assertIn("for one name", run.err)
        self.to_cache(f"hf:{REPO}", "--exclude", "Config.json")
        self.sound()


if __name__ == "__main__":
    unittest.main()
