"""Whose bytes lie in a store that others write to as well: other programs during a pull, other users by models.json and
by links."""
import json
import os
import subprocess
import time
import unittest

from harness import gguf
from hub import sha256
from test_whose_removal import NOBODY, WhoseCase as Base, as_root

GROUP = 4242  # nobody is known to be in it


class OddCase(Base):
    def all_bytes(self):
        """Of every file below the root, ours too."""
        return {self.read(os.path.join(folder, name)) for folder, _, names in os.walk(self.machine.root)
                for name in names if not os.path.islink(os.path.join(folder, name))}


class MeanwhileTest(OddCase):
    """What comes to a place while a pull is under way is looked at before the name changes hands."""

    def setUp(self):
        super().setUp()
        self.place = self.machine.store("a.gguf")
        self.mine = gguf("mine", 50_000)
        self.old, self.new = gguf("old", 100_000), gguf("new", 3_000_000)

    def pull_and(self, meanwhile, *arguments):
        self.hub.rate = 2_000_000
        staging = self.machine.store(".ncmodel/staging")
        process = self.machine.start("pull", "-y", *arguments)
        while process.poll() is None and not any(
                name.endswith(".part") for name in (os.listdir(staging) if os.path.isdir(staging) else [])):
            time.sleep(0.01)
        self.assertIsNone(process.poll(), "it ended before anything was fetched")
        meanwhile()
        process.out, process.err = process.communicate(timeout=60)
        return process

    def put_mine(self):
        self.write(self.place + ".new", self.mine)
        os.rename(self.place + ".new", self.place)

    def write_mine(self):
        self.write(self.place, self.mine)

    def test_another_file_is_not_the_one_that_may_be_replaced(self):
        for meanwhile in (self.put_mine, self.write_mine):
            self.machine.manifest([self.machine.simple("a.gguf", self.old, pinned=False)])
            self.pull("--update", "--force")
            self.machine.manifest([self.machine.simple("a.gguf", self.new, pinned=False)])
            result = self.pull_and(meanwhile, "--update")
            self.assertEqual(result.returncode, 11, result.err)
            self.assertIn(self.place, result.err)
            self.assertEqual(self.read(self.place), self.mine)
            self.hub.rate = None
        # As the hint says.
        self.pull("--update", "--force")
        self.assertEqual(self.read(self.place), self.new)
        self.assertIn(self.mine, self.all_bytes())

    def test_force_keeps_it_aside(self):
        self.machine.manifest([self.machine.simple("a.gguf", self.new)])
        result = self.pull_and(self.put_mine, "--force")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(self.read(self.place), self.new)
        self.assertIn(self.mine, self.all_bytes())
        self.assertIn("gc --replaced", result.err)

    def test_what_vanished_is_put_there(self):
        self.machine.manifest([self.machine.simple("a.gguf", self.old, pinned=False)])
        self.pull()
        self.machine.manifest([self.machine.simple("a.gguf", self.new, pinned=False)])
        result = self.pull_and(lambda: os.unlink(self.place), "--update")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(self.read(self.place), self.new)

    def test_the_right_bytes_need_no_second_placing(self):
        self.mine = self.new
        self.machine.manifest([self.machine.simple("a.gguf", self.new)])
        result = self.pull_and(self.put_mine)
        self.assertEqual(result.returncode, 0, result.err)
        self.check_registry()


class TakenTest(OddCase):
    """Two models claim one path: who has it keeps it."""

    def test_a_repair_of_the_one_leaves_the_other_s_sound_file(self):
        data, other = gguf("a", 100_000), gguf("c", 90_000)
        self.machine.manifest([self.machine.simple("a.gguf", data, pinned=False)])
        self.pull()
        path = self.machine.store("a.gguf")
        taken = self.machine.simple("c.gguf", other, to=[{"store": "llama-cpp", "name": "a.gguf"}])
        self.machine.manifest([taken])
        self.pull("--force")
        for model in ([], ["a"]):
            result = self.machine.run("verify", "--repair", "-y", *model)
            self.assertEqual(result.returncode, 11, result.err + result.out)
            self.assertIn("is a file of c", result.err)
            self.assertIn("ncmodel rm a", result.err)
            self.assertEqual(self.read(path), other)
        # As the hint says.
        self.run_ok("rm", "-y", "a")
        self.assertEqual(self.read(path), other)
        self.run_ok("verify")

    def test_both_damaged_it_is_mended_for_each(self):
        data = gguf("a", 100_000)
        self.machine.manifest([self.machine.simple("a.gguf", data, pinned=False)])
        self.pull()
        self.write(self.machine.store("a.gguf"), data[:-5])
        self.run_ok("verify", "--repair", "-y")
        self.assertEqual(self.read(self.machine.store("a.gguf")), data)


class HintTest(OddCase):
    """What a hint says works when it is typed."""

    def test_another_file_is_served_than_the_lock_pins(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("old", 100_000), pinned=False)])
        self.pull()
        os.unlink(self.machine.store("a.gguf"))
        new = gguf("new", 100_001)
        self.hub.url("/files/a.gguf", new)
        hint = "ncmodel pull --update a"
        for command in (("pull", "-y"), ("verify", "--repair", "-y")):
            result = self.machine.run(*command)
            self.assertEqual(result.returncode, 10, result.err)
            self.assertIn(hint, result.err)
        self.run_ok(*hint.split()[1:], "-y")
        self.assertEqual(self.read(self.machine.store("a.gguf")), new)

    def test_outdated_tells_the_command_that_takes_it(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("old", 100_000), pinned=False)])
        self.pull()
        new = gguf("new", 100_001)
        self.hub.url("/files/a.gguf", new)
        told = self.run_ok("outdated", code=3).out
        self.assertIn("to take it: ncmodel pull --update", told)
        self.run_ok("pull", "--update", "-y")
        self.assertEqual(self.read(self.machine.store("a.gguf")), new)

    @as_root
    def test_whose_staging_it_is(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 100_000))])
        os.makedirs(self.machine.store(".ncmodel/staging"), 0o700)
        for folder in (self.machine.root, self.machine.store()):
            os.chmod(folder, 0o777)
        process = self.machine.start("pull", "-y", user=NOBODY, group=NOBODY, extra_groups=[])
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("--store-path llama-cpp=PATH", err)


@as_root
class ForgedTest(OddCase):
    """models.json names files of somebody else's."""

    def forge(self, path, data, group=False):
        url = self.hub.url("/files/evil.gguf", data)
        name = self.machine.store("models.json")
        if os.path.exists(name):
            os.unlink(name)
        self.register("x", {"path": path, "store": "comfyui", "role": "weights", "size": len(data),
                            "sha256": sha256(data), "mtime_ns": 1, "origin": "fetched", "source": url}, source=url)
        if group:
            os.chown(self.machine.store(), 0, GROUP)
            os.chmod(self.machine.store(), 0o2775)
        else:
            for forged in (name, self.machine.store()):
                os.chown(forged, NOBODY, NOBODY)

    def test_a_repair_writes_nothing_where_the_writer_could_not(self):
        program = self.write(self.comfy("main.py"), b"print()\n" * 100)
        for group in (False, True):
            for path in (program, self.comfy("custom_nodes/new/node.gguf")):
                self.forge(path, gguf("evil", 30_000), group)
                answer = self.document("verify", "--repair", "-y", code=11)
                self.assertEqual([e["code"] for e in answer["errors"]], ["policy"])
                self.assertIn(path, answer["errors"][0]["message"])
                self.assertEqual(self.read(program), b"print()\n" * 100)
                self.assertFalse(os.path.exists(self.comfy("custom_nodes")))

    def test_it_writes_where_the_hint_was_followed(self):
        data = gguf("x", 30_000)
        path = self.write(self.comfy("models/vae/x.gguf"), data[:-5])
        self.forge(path, data)
        self.document("verify", "--repair", "-y", code=11)
        for name in ("models.json", ""):
            os.chown(self.machine.store(name), 0, 0)
        self.document("verify", "--repair", "-y")
        self.assertEqual(self.read(path), data)

    def test_a_group_that_may_write_it_deletes_nothing_of_others(self):
        for number, path in enumerate(("", "models.json")):
            victim = self.write(self.comfy("models/vae", str(number)))
            self.register(f"x{number}", self.entry(victim, "comfyui"))
            os.chown(self.machine.store(path), 0, GROUP)
            os.chmod(self.machine.store(path), 0o775)
            self.assertIn("not believed", self.told(self.document("rm", "-y", f"x{number}")["data"], victim)["why"])
            self.assertTrue(os.path.exists(victim))
            # Where all of it may remove files, it is believed.
            shared = self.write(self.comfy("models/loras", str(number)))
            os.chown(os.path.dirname(shared), 0, GROUP)
            os.chmod(os.path.dirname(shared), 0o2775)
            self.register(f"y{number}", self.entry(shared, "comfyui"))
            if path:
                os.chown(self.machine.store(path), 0, GROUP)
                os.chmod(self.machine.store(path), 0o775)
            self.run_ok("rm", "-y", f"y{number}")
            self.assertFalse(os.path.exists(shared))
            os.chmod(self.machine.store(), 0o755)

    def test_a_record_makes_no_private_file_public(self):
        data = gguf("x", 2_000_000)
        private = self.elsewhere("private.gguf", gguf("y", 2_000_000))
        os.chmod(private, 0o600)
        self.machine.manifest([self.machine.simple("a.gguf", data)])
        for mode in (0o600, 0o644):
            os.chmod(private, mode)
            os.chmod(os.path.dirname(private), 0o700)
            status = os.stat(private)
            self.forge(private, data)
            self.register("z", {"path": private, "store": "comfyui", "role": "weights", "size": len(data),
                                "sha256": sha256(data), "mtime_ns": status.st_mtime_ns, "origin": "fetched"})
            result = self.machine.run("pull", "-y", "--json")
            self.assertEqual(result.returncode, 0, result.err)
            self.assertNotIn(private, result.err)
            self.assertEqual(self.read(self.machine.store("a.gguf")), data)
            os.unlink(self.machine.store("a.gguf"))


@as_root
class StagingTest(OddCase):
    """Whoever owns the folder that files are renamed from chooses what is placed."""

    def test_somebody_s_staging_is_not_used(self):
        data = gguf("a", 300_000)
        self.machine.manifest([self.machine.simple("a.gguf", data)])
        part = self.write(self.machine.store(".ncmodel/staging", sha256(data) + ".part"), data)
        own = self.machine.store(".ncmodel")
        for folder in (own, os.path.dirname(part)):
            for name in (own, os.path.dirname(part), part):
                os.chown(name, 0, 0)
            os.chown(folder, NOBODY, NOBODY)
            result = self.pull(code=11)
            self.assertIn(f"{own} belongs to the user {NOBODY}", result.err)
            self.assertFalse(os.path.exists(self.machine.store("a.gguf")))
        hint = f"chown -R {os.geteuid()} {own}"
        self.assertIn(hint, result.err)
        subprocess.run(hint.split(), check=True)
        self.pull()
        os.unlink(self.machine.store("a.gguf"))
        # Who owns the store could place anything himself.
        for name in (self.machine.store(), own, os.path.dirname(part)):
            os.chown(name, NOBODY, NOBODY)
        self.pull()


@as_root
class PrivateTest(OddCase):
    """root reads what others may not, and keeps it to himself."""

    def setUp(self):
        super().setUp()
        self.data = gguf("secret", 2_000_000)

    def test_somebody_s_link_tells_nothing_of_a_private_file(self):
        secret = self.elsewhere("root/secret.gguf", self.data)
        os.chmod(secret, 0o600)
        link = self.comfy("models/vae/s.gguf")
        os.makedirs(os.path.dirname(link))
        os.symlink(secret, link)
        os.lchown(link, NOBODY, NOBODY)
        for command in (("adopt",), ("verify", "--store", "comfyui")):
            result = self.machine.run(*command, "--json")
            self.assertEqual(result.returncode, 4, result.err + result.out)
            self.assertNotIn(sha256(self.data), result.out)
            self.assertIn(link, result.out)
        self.assertFalse(os.path.exists(self.machine.store("models.json")))
        os.lchown(link, 0, 0)
        self.run_ok("adopt")
        self.assertIn(sha256(self.data), json.dumps(self.machine.registry()))

    def test_a_private_file_of_somebody_s_is_not_copied(self):
        private = self.write(self.comfy("models/vae/s.gguf"), self.data)
        os.chmod(private, 0o600)
        os.chown(private, NOBODY, NOBODY)
        self.machine.manifest([self.machine.simple("a.gguf", self.data)])
        result = self.pull()
        self.assertNotIn(private, result.err)
        os.chmod(private, 0o644)
        os.unlink(self.machine.store("a.gguf"))
        self.assertIn(private, self.pull().err)


if __name__ == "__main__":
    unittest.main()
