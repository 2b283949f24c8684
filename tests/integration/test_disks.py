"""Disks that people have: what vfat, exFAT, SMB, NFS and FUSE refuse (tests/servers/oddfs.py) costs a line, never a model.

One life of a machine for each quirk and for each profile: pull, kill, resume, verify, repair, adopt, link, mv, rm, gc. As root
with /dev/fuse nothing is skipped; a package that is missing then is a failure (scripts/setup --test).
"""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, SOURCE, Case, gguf, safetensors, sha256

ODDFS = os.path.join(SOURCE, "tests", "servers", "oddfs.py")
HAS_FUSE = os.path.exists("/dev/fuse") and os.geteuid() == 0
NOBODY = 65534
COMFY = "ComfyUI/models"


def is_mounted(path):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == path for line in mounts)


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.01)


@unittest.skipUnless(HAS_FUSE, "FUSE needs root and /dev/fuse")
class DiskCase(Case):
    def mount(self, *quirks):
        """The machine's root becomes a file system with these quirks. Returns the folder behind it."""
        backing = tempfile.mkdtemp(prefix="ncmodel-test-")
        self.addCleanup(shutil.rmtree, backing, ignore_errors=True)
        return self.mount_at(self.machine.root, backing, *quirks)

    def mount_at(self, root, backing, *quirks):
        self.serve(root, "/usr/bin/python3", ODDFS, backing, root, *quirks)
        return backing

    def mount_exfat(self):
        """The machine's root becomes Debian's exFAT on a loop device."""
        image, root = os.path.join(self.machine.home, "disk"), self.machine.root
        with open(image, "wb") as file:
            file.truncate(256 << 20)
        subprocess.run(["/usr/sbin/mkfs.exfat", image], check=True, stdout=subprocess.DEVNULL)
        device = subprocess.run(["/usr/sbin/losetup", "--find", "--show", image], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        try:
            self.serve(root, "/usr/sbin/mount.exfat-fuse", "-d", device, root)
        finally:
            subprocess.run(["/usr/sbin/losetup", "-d", device], check=True)  # as soon as it is unmounted

    def serve(self, root, *command):
        """A file system at root, which ends with the test: libfuse unmounts on SIGTERM."""
        log = tempfile.TemporaryFile("w+")
        self.addCleanup(log.close)
        server = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGTERM))
        self.addCleanup(self.unmount, server, root)
        wait_until(lambda: is_mounted(root) or server.poll() is not None)
        log.seek(0)
        self.assertIsNone(server.poll(), log.read() + "\nscripts/setup --test installs what this needs")

    def unmount(self, server, root):
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if is_mounted(root):
            subprocess.run(["umount", "-l", root], check=False)

    patient = False  # what is said to be worth another try gets it

    def ok(self, *arguments, code=0, env=None):
        result = self.machine.run(*arguments, env=env)
        for _ in range(5):
            if self.patient and result.returncode not in (0, code) and "Stale file handle" in result.out + result.err:
                result = self.machine.run(*arguments, env=env)
        self.assertEqual(result.returncode, code, " ".join(arguments) + "\n" + result.out + result.err)
        return result

    def kill_in_the_middle(self):
        """A pull of big.gguf, of which 6 MiB have come."""
        self.hub.hold("/files/big.gguf", 6 << 20)
        process = self.machine.start("pull", "-y", "--connections", "1")
        staging = self.machine.store(".ncmodel/staging")
        wait_until(lambda: os.path.isdir(staging) and any(self.lines_of(os.path.join(staging, name)) > 3 for name in os.listdir(staging)))
        process.kill()
        process.communicate()
        self.hub.release()

    @staticmethod
    def lines_of(path):
        if not path.endswith(".journal"):
            return 0
        with open(path, "rb") as journal:
            return journal.read().count(b"\n")

    def at(self, *parts):
        return os.path.join(self.machine.root, *parts)


def flip(path, offset):
    """As a disk does it: below the file system, so its times stay."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class LifeTest(DiskCase):
    """A whole life on each disk."""

    def live(self, behind, has_links):
        m, hub = self.machine, self.hub
        big, style = gguf("big", 9 << 20), safetensors("style", 300_000)
        hub.ollama("library/tiny", [("model", gguf("ollama", 120_000)), ("template", b"{{ .Prompt }}")], tag="1b")
        spec = {"from": [hub.url("/files/style.safetensors", style)], "insecure_http": True, "sha256": sha256(style),
                "size": len(style), "to": [{"store": "a1111", "folder": "loras"}, {"store": "comfyui", "folder": "loras"}]}
        m.manifest([m.simple("big.gguf", big), {"id": "style", "kind": "lora", "files": [spec]},
                    {"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]}])
        self.kill_in_the_middle()
        self.ok("pull", "-y")
        self.assertEqual(self.read(m.store("big.gguf")), big)
        self.check_registry()
        self.ok("verify")
        self.ok("plan", "--offline", "--exit-code")
        self.repair(os.path.join(behind, os.path.relpath(m.store("big.gguf"), m.root)), big)
        self.adopt()
        self.link_and_part(has_links)
        self.ok("mv", "-y", "llama-cpp", self.at("elsewhere"))
        self.ok("verify")
        self.ok("rm", "-y", "big", "tiny")
        self.ok("gc", "-y", "--min-age", "0")  # also what the kill left half written
        self.assertFalse(os.path.exists(self.at("elsewhere", "big.gguf")))
        self.assertEqual(self.leftovers(behind), [])
        self.ok("verify")

    def live_with(self, *quirks):
        self.patient = bool({"stale", "nfs"} & set(quirks))
        self.live(self.mount(*quirks), {"link", "link-nosys", "link-notsup", "vfat", "smb", "all"}.isdisjoint(quirks))

    def test_life_on_exfat(self):
        self.mount_exfat()
        self.live(self.machine.root, has_links=False)

    def test_life_on_exfat_of_a_user_who_owns_nothing_there(self):
        """Such a disk shows every file as root's, and lets everybody write."""
        self.mount_exfat()
        start = self.machine.start
        self.machine.start = lambda *arguments, **options: start(*arguments, **options, user=NOBODY, group=NOBODY, extra_groups=[])
        for folder, folders, files in os.walk(self.machine.home):
            folders[:] = [name for name in folders if name != "root"]
            for name in ["", *files]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)
        self.live(self.machine.root, has_links=False)

    def repair(self, behind, data):
        flip(behind, len(data) // 2)
        self.ok("verify", code=4)
        self.ok("verify", "--repair", "-y")
        self.assertEqual(self.read(self.machine.store("big.gguf")), data)

    def adopt(self):
        for folder in ("checkpoints", "vae"):
            self.write(f"{COMFY}/{folder}/own.safetensors", safetensors("own", 1 << 20))
        self.ok("adopt", "--store", "comfyui")
        found = [file["path"] for model in self.machine.registry()["models"] for file in model["files"]]
        self.assertEqual(len([path for path in found if path.endswith("own.safetensors")]), 2)

    def link_and_part(self, has_links):
        promised = json.loads(self.ok("link", "-n", "--json").out)["data"]
        done = json.loads(self.ok("link", "--json").out)["data"]
        self.assertEqual(promised["gain"], done["gain"], "a dry run promises what the run can do")
        self.assertEqual(done["gain"] > 0, has_links)
        self.ok("verify")
        self.ok("link", "--unlink")
        self.ok("verify")

    def leftovers(self, behind):
        """What was only to try the file system, or to write, and is there still."""
        return [name for _, folders, files in os.walk(behind) for name in folders + files if name.endswith((".tmp", ".part", ".new"))]


for quirks in (["chmod"], ["utimens"], ["fsync"], ["link"], ["link-nosys"], ["link-notsup"], ["case"], ["colon"], ["statvfs"], ["flock"],
               ["reads"], ["over"], ["stale"], ["vfat"], ["smb"], ["nfs"], ["all"]):
    setattr(LifeTest, "test_life_with_" + quirks[0].replace("-", "_"), lambda self, quirks=tuple(quirks): self.live_with(*quirks))


class SaidTest(DiskCase):
    """What cannot be had is said, once and where it matters; what is wrong stays an error."""

    def test_once_a_run_and_store_in_one_line(self):
        self.mount("all")
        m = self.machine
        m.manifest([m.simple(f"{name}.gguf", gguf(name, 50_000)) for name in ("one", "two")])
        for arguments in (["pull", "-y"], ["rm", "-y", "one"]):
            said = [line for line in self.ok(*arguments).err.splitlines() if "this file system" in line]
            self.assertEqual(said, ["ncmodel: llama-cpp: this file system keeps no modes, keeps no times, has no hard links, cannot sync, "
                                    "has no locks, does not tell its free space, takes names that differ in case alone for one"])

    def test_nothing_is_said_where_nothing_lacks(self):
        for quirks in ([], ["reads"]):
            self.setUp()
            self.mount(*quirks)
            self.machine.manifest([self.machine.simple("one.gguf", gguf("one", 50_000))])
            self.assertNotIn("file system", self.ok("pull", "-y").err)

    def test_free_space_that_nobody_tells_is_not_known(self):
        self.mount("statvfs")
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 50_000))])
        reserve = {"NCMODEL_RESERVE": "1G"}
        disk, = json.loads(self.ok("plan", "--json", env=reserve).out)["data"]["disks"]
        self.assertEqual((disk["free"], disk["enough"]), (None, None))
        self.assertRegex(self.ok("plan", env=reserve).out, r"free \?  not known")
        self.assertIn("free space is not known", self.ok("pull", "-y", env=reserve).out)
        self.assertIn("free space is not known", self.ok("df").out)
        disk, = json.loads(self.ok("df", "--json").out)["data"]["disks"]
        self.assertEqual((disk["free"], disk["total"]), (None, None))
        self.ok("mv", "-n", "llama-cpp", self.at("elsewhere"), env=reserve)

    def test_an_error_of_the_disk_stays_one(self):
        self.mount("fsync-eio")
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 200_000))])
        result = self.ok("pull", "-y", code=1)
        self.assertIn("Input/output error", result.err)
        self.assertIn("that disk or its server fails", result.err)
        self.assertNotIn("run it as", result.err)
        self.assertFalse(os.path.exists(m.store("one.gguf")))

    def memory(self, size):
        """The machine's root becomes a disk of that size."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.machine.root], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.machine.root], check=False)

    def test_what_would_fit_can_be_pulled(self):
        self.memory(5 << 20)
        self.hub.hf("org/some", {f"{name}.gguf": gguf(name, 3 << 20) for name in ("one", "two")})
        said = self.ok("pull", "-y", "hf:org/some/one.gguf", "hf:org/some/two.gguf", code=9).err
        fitting = re.search("these would fit: ([^;]*);", said).group(1).split()
        self.ok("pull", "-y", *fitting)

    def test_the_disk_that_is_full_is_named(self):
        self.memory(5 << 20)
        with open(self.at("filling"), "wb") as file:
            file.write(bytes(3 << 20))
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 2 << 20))])
        said = self.ok("pull", "-y", code=9).err
        self.assertIn("No space left", said)
        self.assertIn("the disk of " + os.path.dirname(m.store("one.gguf")), said)

    def test_what_is_read_only_is_not_a_matter_of_users(self):
        m, mount = self.machine, lambda *how: subprocess.run(["mount", *how, self.machine.root], check=True)
        self.memory("10m")
        m.manifest([m.simple(name + ".gguf", gguf(name, 20_000)) for name in ("one", "two")])
        self.ok("pull", "-y", "one")
        mount("-o", "remount,ro")
        for arguments in (["pull", "-y"], ["rm", "-y", "one"], ["mv", "-y", "llama-cpp", self.at("new")]):
            with self.subTest(arguments):
                said = self.ok(*arguments, code=1).err
                self.assertIn("Read-only file system", said)
                self.assertIn("for writing", said)
                self.assertNotIn("as a user", said)

    def test_what_exfat_cannot_do_is_no_advice(self):
        self.mount_exfat()
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 20_000))])
        warned = self.ok("pull", "-y").err
        self.assertIn("everybody may write", warned)
        self.assertIn("umask=022", warned)
        self.assertNotIn("chmod", warned)
        moved = self.ok("mv", "-y", "llama-cpp", self.at("new"))
        self.assertEqual(moved.err.count("this file system"), 1, moved.err)
        self.assertNotIn("another disk", moved.out)

    def test_a_stale_handle_is_told_and_worth_another_try(self):
        self.mount("stale-ever")
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 200_000))])
        self.write("server/ai/llama-cpp/models/one.gguf", gguf("one", 200_000))
        document = json.loads(self.ok("plan", "--json", code=1).out)
        error, = document["errors"]
        self.assertEqual((error["code"], error["retryable"]), ("stale", True))
        self.assertIn("Stale file handle", error["message"])
        self.assertIn("run the same command again", error["hint"])

    def test_names_that_differ_in_case_are_one_place_there(self):
        for mount in (lambda: self.mount("case"), self.mount_exfat):
            self.setUp()
            mount()
            self.check_names_of_case()

    def check_names_of_case(self):
        m = self.machine
        first, second = gguf("first", 50_000), gguf("second", 60_000)
        m.manifest([m.simple("model.gguf", first)])
        self.pull()
        m.manifest([{**m.simple("Model.gguf", second), "id": "other"}])
        for more in ([], ["--force"]):
            self.hub.forget()
            result = self.ok("pull", "-y", "other", *more, code=11)
            self.assertIn("is a file of model", result.err)
            self.assertEqual(self.hub.asked("/files/Model.gguf"), [])
        self.assertEqual(self.read(m.store("model.gguf")), first)
        self.ok("verify")

    def test_a_port_in_a_registrys_name_is_refused_before_a_byte(self):
        for mount, code in ((self.mount, 0), (lambda: self.mount("colon"), 11), (self.mount_exfat, 11)):
            self.setUp()
            mount()
            self.hub.ollama("acme/tiny", [("model", gguf("tiny", 50_000))])
            host = self.hub.service.url.removeprefix("http://")
            result = self.ok("pull", "-y", f"ollama:{host}/acme/tiny", code=code)
            fetched = [r for r in self.hub.asked() if r["method"] == "GET" and sha256(gguf("tiny", 50_000)) in r["path"]]
            self.assertEqual(fetched == [], code != 0)
            if code:
                self.assertIn("has no ':' in names", result.err)

    def test_a_dry_run_of_a_pull_counts_a_copy_where_there_are_no_links(self):
        data = gguf("shared", 2 << 20)
        for quirks, step in ((["link"], "copy"), (["utimens"], "link")):
            self.setUp()
            self.mount(*quirks)
            m = self.machine
            self.write(COMFY + "/unet/shared.gguf", data)
            m.manifest([m.simple("shared.gguf", data)])
            plan = json.loads(self.ok("pull", "-n", "--json").out)["data"]
            self.assertIn('"step": "%s"' % step, json.dumps(plan))
            self.ok("pull", "-y")

    def test_a_dry_run_of_mv_tells_what_is_copied(self):
        for quirks, copies in (["link"], True), (["utimens"], False):
            self.setUp()
            self.mount(*quirks)
            self.machine.manifest([self.machine.simple("one.gguf", gguf("one", 50_000))])
            self.ok("pull", "-y")
            for more in (["-n"], ["-y"]):
                moved = json.loads(self.ok("mv", *more, "--json", "llama-cpp", self.at("elsewhere")).out)["data"]
                self.assertEqual([file["copied"] for file in moved["files"]], [copies])

    def test_locks_hold_where_flock_has_none(self):
        self.mount("flock")
        m = self.machine
        m.manifest([m.simple("big.gguf", gguf("big", 9 << 20)), m.simple("other.gguf", gguf("other", 5_000))])
        self.hub.hold("/files/big.gguf", 1 << 20)
        first = m.start("pull", "-y", "big")
        try:
            wait_until(lambda: self.hub.asked("/files/big.gguf"))
            self.ok("pull", "-y", "other", "--no-wait", code=13)
        finally:
            self.hub.release()
            first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0)
        self.ok("pull", "-y", "other", "--no-wait")

    def test_a_journal_that_is_open_is_not_renamed_over(self):
        """The same bytes from another address: the journal begins anew while it is open."""
        self.mount("over")
        data = gguf("big", 9 << 20)
        self.machine.manifest([self.machine.simple("big.gguf", data)])
        self.kill_in_the_middle()
        self.machine.manifest([{**self.machine.simple("mirrored.gguf", data), "id": "big"}])
        self.hub.forget()
        self.ok("pull", "-y")
        self.assertEqual(self.read(self.machine.store("mirrored.gguf")), data)
        self.assertLess(sum(request["sent"] for request in self.hub.asked("/files/mirrored.gguf")), len(data), "it was resumed")


class DemonstrationTest(DiskCase):
    """scripts/demo, its machine on such a disk."""

    def show(self, root):
        result = subprocess.run([os.path.join(SOURCE, "scripts", "demo"), "--root", root, "--program", BINARY], capture_output=True, text=True,
                                env={**os.environ, "TMPDIR": self.machine.home}, stdin=subprocess.DEVNULL, timeout=300, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    def test_on_every_quirk_together(self):
        self.mount("all")
        self.show(self.machine.root)

    def test_on_exfat(self):
        self.mount_exfat()
        said = self.show(self.machine.root).stderr
        self.assertRegex(said, r"comfyui: this file system keeps no modes.*has no hard links")


if __name__ == "__main__":
    unittest.main()
