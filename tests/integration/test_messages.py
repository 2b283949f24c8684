"""Messages that can be followed: what failed, on what, why, and what to do next; each once, with an exit code that is true."""
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

from harness import gguf, safetensors
from test_upkeep import UpkeepCase

NOBODY = 65534
as_root = unittest.skipUnless(os.geteuid() == 0, "needs another user")


class MessageCase(UpkeepCase):
    def run_as_user(self, *arguments):
        os.chmod(self.machine.home, 0o755)
        process = self.machine.start(*arguments, user=NOBODY, group=NOBODY, extra_groups=[])
        process.out, process.err = process.communicate()
        if process.returncode != 0 and "Permission denied" in process.err and not process.out and "ncmodel:" not in process.err:
            self.skipTest("the program cannot be run by everybody here")
        return process

    def errors(self, result):
        return re.findall(r"(?m)^ncmodel: (?!warning)(.*)$", result.err)


class OfflineTest(MessageCase):
    def test_nothing_says_run_it_again(self):
        m = self.machine
        self.hub.hf("org/m", {"m.gguf": gguf("m", 300_000)})
        self.hub.ollama("library/tiny", [("model", gguf("t", 200_000))])
        m.manifest([{"id": "a", "files": [{"from": ["hf:org/m/m.gguf"], "to": [{"store": "llama-cpp"}]}]},
                    {"id": "t", "files": [{"from": ["ollama:tiny"]}]}])
        self.refused("pull", "-y"), self.refused("plan")
        self.pull()
        os.remove(m.store("m.gguf"))
        self.refused("pull", "-y", "a"), self.refused("verify", "--repair")
        shutil.rmtree(self.ollama_store())
        self.refused("pull", "-y")
        self.refused("pull", "-y", "hf:org/other/x.gguf")

    def refused(self, *arguments):
        result = self.machine.run(*arguments, "--offline")
        self.assertEqual(result.returncode, 11, result.err)
        self.assertIn("--offline forbids", result.err)
        self.assertNotRegex(result.err + result.out, "(?i)again")
        for error in json.loads(self.machine.run(*arguments, "--offline", "--json").out)["errors"]:
            if error["code"] != "damaged":
                self.assertEqual((error["code"], error["retryable"]), ("offline", False))
                self.assertNotIn("again", error["hint"])


class OutdatedTest(MessageCase):
    REPOSITORIES = {"org/m": ["m.gguf"], "org/u": ["u.gguf"], "org/v": ["v.safetensors"],
                    "org/w": ["w.safetensors", "config.json"], "org/x": ["x.safetensors", "y.safetensors", "z.json"]}
    SPELLED = (["ollama:tiny"], ["ollama:two", "--to", "ollama-small"], ["hf:org/u/u.gguf", "--to", "training"],
               ["hf:org/v/v.safetensors", "--to", "comfyui/loras/sub/other.safetensors"],
               ["hf:org/w", "--to", "comfyui/diffusers"], ["hf:org/x/*.safetensors", "--to", "comfyui/checkpoints"])

    def publish(self, seed, commit):
        for repository, names in self.REPOSITORIES.items():
            self.hub.hf(repository, {name: safetensors(seed + name, 30_000) if "safe" in name else
                                     gguf(seed + name, 30_000) if "gguf" in name else b"{}" for name in names}, commit * 40)
        for name in ("tiny", "two"):
            self.hub.ollama("library/" + name, [("model", gguf(seed + name, 20_000))])

    def test_each_hint_is_followed(self):
        """Of models that no manifest has, too: their ids are no names for a pull, and where they lie has to be said."""
        self.machine.manifest([{"id": "a", "files": [{"from": ["hf:org/m/m.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.publish("1", "a")
        for arguments in (["a"], *self.SPELLED):
            self.pull(*arguments)
        before = {name: [f["path"] for f in entry["files"] if "/blobs/" not in f["path"]]
                  for name, entry in self.entries().items()}
        self.publish("2", "b")
        shown = self.machine.run("outdated")
        self.assertEqual(shown.returncode, 3, shown.err)
        lines = re.findall(r"(?m)^To follow: (.*)$", shown.out)
        self.assertEqual(len(lines), 1 + len(self.SPELLED), shown.out)
        for command in " && ".join(lines).split(" && "):
            words = shlex.split(command)
            self.run_ok(*words[1:], *(["-y"] if words[1] == "pull" else []))
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        self.assertEqual({name: [f["path"] for f in entry["files"] if "/blobs/" not in f["path"]]
                          for name, entry in self.entries().items()}, before)
        self.run_ok("verify")


@as_root
class UndoneTest(MessageCase):
    """What could not be done is an error; what was left on purpose is told, and none."""

    def setUp(self):
        super().setUp()
        m = self.machine
        m.manifest([m.simple(name + ".gguf", gguf(name, 30_000)) for name in ("one", "two")])
        self.hub.ollama("library/tiny", [("model", gguf("t", 20_000))])
        self.pull()
        self.pull("ollama:tiny")
        self.orphan = self.write(self.blob(b"orphan"), b"orphan")

    def test_each_message_once(self):
        """What another user is fetching is his alone, and no failure; what cannot be deleted is one, told once."""
        for arguments, code in (["gc", "-n", "--min-age", "0"], 1), (["gc", "-y", "--min-age", "0"], 1), (["df"], 0):
            result = self.run_as_user(*arguments)
            self.assertEqual(result.returncode, code, result.err)
            errors = self.errors(result)
            self.assertEqual([e for e in errors if "staging" in e], [])
            self.assertEqual(len(errors), code, errors)
        adopted = self.run_as_user("adopt")
        self.assertEqual((adopted.returncode, self.errors(adopted)), (0, []), adopted.err)
        self.assertNotIn("staging", adopted.out)

    def test_gc_that_may_not_delete(self):
        os.chmod(self.machine.store(".ncmodel/staging"), 0o755)
        os.chmod(self.ollama_store(".ncmodel/staging"), 0o755)
        for flag in ("-n", "-y"):
            result = self.run_as_user("gc", flag, "--min-age", "0", "--json")
            document = json.loads(result.out)
            self.assertEqual((result.returncode, document["exit_code"], document["ok"]), (1, 1, False), result.out)
            self.assertEqual([e["code"] for e in document["errors"]], ["io"])
            self.assertIn("cannot delete from " + self.ollama_store("blobs"), document["data"]["failures"][0])
            self.assertEqual(len(document["data"]["failures"]), 1)
        self.assertTrue(os.path.exists(self.orphan))
        self.assertEqual(self.run_as_user("df").returncode, 0)

    def test_gc_that_may_not_lock(self):
        for name in (".ncmodel/staging", ".ncmodel"):
            for store in (self.machine.store(), self.ollama_store()):
                os.chmod(os.path.join(store, name), 0o755)
        os.chown(self.ollama_store("blobs"), NOBODY, NOBODY)
        os.chown(self.orphan, NOBODY, NOBODY)
        result = self.run_as_user("gc", "-y", "--min-age", "0", "--json")
        document = json.loads(result.out)
        self.assertEqual((result.returncode, document["ok"]), (1, False), result.out + result.err)
        self.assertIn("cannot lock ", document["errors"][0]["message"])
        self.assertIn("a user who may", document["errors"][0]["hint"])
        # of one store alone
        subprocess.run(["chown", "-R", str(NOBODY), self.machine.store()], check=True)
        result = self.run_as_user("gc", "-y", "--min-age", "0", "--json")
        document = json.loads(result.out)
        self.assertEqual((result.returncode, document["ok"]), (1, False), result.out + result.err)
        self.assertIn("cannot be locked", document["data"]["failures"][0])
        self.assertTrue(os.path.exists(self.orphan))

    def test_a_lock_of_another(self):
        with open(self.ollama_store(".ncmodel/lock"), "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            fcntl.lockf(lock, fcntl.LOCK_EX)
            for arguments in (["gc", "-y", "--min-age", "0"], ["rm", "-y", "tiny:latest"]):
                result = self.machine.run(*arguments, "--no-wait", "--json")
                document = json.loads(result.out)
                self.assertEqual((result.returncode, document["errors"][0]["code"], document["errors"][0]["retryable"]),
                                 (13, "busy", True), result.err)

    def test_rm_that_may_not_delete(self):
        result = self.run_as_user("rm", "-y", "one")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nothing was removed", result.err)
        self.assertIn("one", self.installed())

    def test_what_names_the_blobs_cannot_be_read(self):
        self.write(self.ollama_store("manifests/registry.ollama.ai/library/broken/latest"), b"{")
        document = self.document("gc", "-y", "--min-age", "0", code=1)
        self.assertIn("manifests/registry.ollama.ai/library/broken/latest: ", document["data"]["failures"][0])
        document = self.document("rm", "-y", "tiny:latest", code=1)
        self.assertEqual(len(document["errors"]), 1)
        self.assertTrue(os.path.exists(self.blob(gguf("t", 20_000))))

    def test_what_is_kept_on_purpose_ends_with_0(self):
        """The user's own bytes, and another model's."""
        self.write(self.machine.store("one.gguf"), b"my own")
        document = self.document("rm", "-y", "one")
        self.assertEqual((document["data"]["kept"], document["data"]["failures"]), (1, []))
        self.hub.ollama("library/other", [("model", gguf("t", 20_000)), ("license", b"MIT")])
        self.pull("ollama:other")
        document = self.document("rm", "-y", "other:latest")
        self.assertGreater(document["data"]["kept"], 0)
        self.assertEqual(document["data"]["failures"], [])


class ServersTest(MessageCase):
    def test_a_server_that_cannot_be_reached_is_told_once(self):
        """Another one answers, so the network is there."""
        m, place = self.machine, [{"store": "llama-cpp"}]
        m.manifest([m.simple("x.gguf", gguf("x", 2_000), pinned=False)] +
                   [{"id": f"u{i}", "files": [{"from": [f"hf:Org/Repo{i}/x{i}.gguf"], "to": place}]} for i in range(7)] +
                   [{"id": f"t{i}", "files": [{"from": [f"ollama:x{i}"]}]} for i in range(2)])
        result = m.run("pull", "-y", "--retry", "1", env={"HF_ENDPOINT": "http://127.0.0.1:1",
                                                         "NCMODEL_OLLAMA_REGISTRY": "http://127.0.0.1:2"})
        self.assertEqual(result.returncode, 7, result.err)
        errors = [line for line in self.errors(result) if "no connection" in line]
        self.assertEqual(len(errors), 2, result.err)
        self.assertRegex(errors[0], r"^7 models \(u0, u1, u2, u3 and 3 more\): http://127\.0\.0\.1:1: no connection")
        self.assertRegex(errors[1], r"^2 models \(t0, t1\): http://127\.0\.0\.1:2: ")
        document = json.loads(m.run("pull", "-y", "--retry", "1", "--json", env={
            "HF_ENDPOINT": "http://127.0.0.1:1", "NCMODEL_OLLAMA_REGISTRY": "http://127.0.0.1:2"}).out)
        self.assertEqual({error["model"] for error in document["errors"]}, {f"u{i}" for i in range(7)} | {"t0", "t1"})
        self.assertTrue(all(error["hint"] for error in document["errors"]))


class ProvokedTest(MessageCase):
    """As a user would: each says what failed, on what, and what to do next."""

    def test_names(self):
        for arguments, says, hint in (
                (["gc", "--foo"], "--foo", "`ncmodel help gc`"),
                (["pull", "--profile", "xyzzy"], '"xyzzy"', "the profiles are: .*noa"),
                (["adopt", "~/nothing"], "nothing at", "spelling"), (["link", "~/nothing"], "there is no", "spelling"),
                (["verify", "--store", "comfyui", "~/nothing"], "no folder", "spelling")):
            result = self.machine.run(*[word.replace("~", self.machine.home) for word in arguments])
            self.assertEqual(result.returncode, 2)
            self.assertRegex(result.err, says)
            self.assertRegex(result.err, "hint: .*" + hint)
            self.assertNotIn("did you mean", result.err)

    def test_a_list_that_is_none(self):
        path = self.write(os.path.join(self.machine.home, "list.json"), b'{"models": [')
        result = self.run_ok("manifest", "import", path, code=2)
        self.assertIn(path, result.err)

    def test_files_that_are_not_there(self):
        result = self.machine.run("list", env={"NCMODEL_DATADIR": "/nonexistent"})
        self.assertIn("NCMODEL_DATADIR", result.err)
        os.makedirs(self.machine.store("models.json"))
        for command in (["list"], ["pull", "-y"]):
            result = self.machine.run(*command)
            self.assertEqual(result.returncode, 1)
            self.assertIn("hint: a folder has its name: move that away", result.err)

    @as_root
    def test_a_profile_that_cannot_be_read_is_not_absent(self):
        os.chmod(os.path.join(self.machine.manifests, "test"), 0o700)
        result = self.run_as_user("plan")
        self.assertEqual(result.returncode, 1, result.err)
        self.assertRegex(result.err, 'cannot read the profile "test" in .*: Permission denied')

    @as_root
    def test_a_lock_that_may_not_be_written(self):
        self.machine.manifest([self.machine.simple(name + ".gguf", gguf(name, 3_000)) for name in ("one", "two")])
        self.pull("one")
        result = self.run_as_user("lock", "--update")
        self.assertEqual(result.returncode, 1, result.err)
        self.assertRegex(result.err, "(?s)cannot (lock|write) .*hint: run it as a user who may write there")

    @as_root
    def test_a_disk_that_is_full(self):
        data = gguf("big", 3_000_000)
        model = self.machine.simple("big.gguf", data, pinned=False)
        self.machine.manifest([model])
        os.makedirs(self.machine.store())
        result = self.run_with_mounts(f"mount -t tmpfs -o size=2m none {self.machine.store()}", "pull", "-y")
        self.assertEqual(result.returncode, 9, result.stderr)
        self.assertRegex(result.stderr, "(?i)space")
        self.assertIn("hint: ", result.stderr)


if __name__ == "__main__":
    unittest.main()
