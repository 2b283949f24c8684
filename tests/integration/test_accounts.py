"""Several users on one machine: a group that shares a store, a service whose store root fills, and who could spoil it."""
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

from harness import Case, gguf, preload, safetensors, sha256

SWAPPER_MODULE = os.environ.get("NCM_SWAPPER")
TEAM, ANN, BEN, SERVICE, VICTIM = 5000, 5001, 5002, 5003, 5004


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def everything(folder):
    for at, folders, files in os.walk(folder):
        yield at
        yield from (os.path.join(at, name) for name in files + [f for f in folders if os.path.islink(os.path.join(at, f))])


@unittest.skipIf(os.geteuid() != 0, "only root can be several users")
class AccountsCase(Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.machine.home, 0o755)
        self.homes = tempfile.mkdtemp(prefix="ncmodel-homes-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.homes])
        os.chmod(self.homes, 0o755)
        self.big = gguf("big", 40 << 20)

    def home(self, uid):
        path = os.path.join(self.homes, str(uid))
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            os.chown(path, uid, uid)
        return path

    def start(self, uid, *arguments, umask=0o022, groups=(TEAM,), env=None):
        home = self.home(uid)
        env = {"HOME": home, "XDG_CONFIG_HOME": os.path.join(home, ".config"), **(env or {})}
        options = {"user": uid, "group": uid, "extra_groups": list(groups)} if uid else {}
        return self.machine.start(*arguments, env=env, umask=umask, **options)

    def end(self, process, code=0):
        process.out, process.err = process.communicate(timeout=120)
        if code is not None:
            self.assertEqual(process.returncode, code, f"{process.args}\n{process.err}{process.out}")
        return process

    def run_as(self, uid, *arguments, code=0, **options):
        return self.end(self.start(uid, *arguments, **options), code)

    def model(self, name, data):
        return self.machine.simple(name, data)

    def node(self):
        data = archive({"node/a.json": b"{}", "node/deep/b.txt": b"two"})
        return {"id": "node", "kind": "custom-node", "files": [{
            "from": [self.hub.url("/files/node.tar.gz", data)], "insecure_http": True, "sha256": sha256(data), "size": len(data),
            "extract": {"strip": 1}, "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]}

    def cut_short(self, uid, path, *arguments, **options):
        """A pull that was killed in the middle of this file. How many bytes of it had been sent."""
        self.hub.hold(path, 20 << 20)
        process = self.start(uid, "pull", "-y", *arguments, **options)
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(r["path"] == path and r["sent"] == 0 and self.staged() for r in self.hub.asked(path)):
            time.sleep(0.05)
        time.sleep(1)
        self.assertIsNone(process.poll(), process.returncode is not None and process.communicate())
        process.kill()
        process.communicate()
        sent = sum(r["sent"] for r in self.hub.asked(path))
        self.hub.release()
        self.hub.held.clear()
        return sent

    def staged(self):
        return [p for p in everything(self.machine.root) if p.endswith(".part")]


class ReadTest(AccountsCase):
    def test_a_folder_that_cannot_be_read_is_not_empty(self):
        folder = os.path.join(self.machine.home, "hidden")
        os.mkdir(folder, 0o700)
        self.assertIn("cannot read the folder " + folder, self.run_as(ANN, "inspect", folder, code=1).err)

    def test_doctor_says_that_a_store_cannot_be_made(self):
        os.chmod(self.machine.root, 0o755)
        result = self.run_as(ANN, "doctor", "--offline", code=1)
        self.assertRegex(result.out, r"bad +llama-cpp: .* belongs to root, and you may not write there")


class GroupTest(AccountsCase):
    """Two users of one group, on one store."""

    def share(self, mode=0o2775):
        os.chown(self.machine.root, ANN, TEAM)
        os.chmod(self.machine.root, mode)

    def check_shared(self, umask):
        for path in everything(self.machine.root):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                continue
            word = oct(status.st_mode) + " " + path
            self.assertEqual(status.st_gid, TEAM, word)
            self.assertIn(status.st_uid, (ANN, BEN), word)
            if path != self.machine.root and os.path.basename(path) not in ("anns.gguf", "bens.gguf"):
                self.assertFalse(status.st_mode & umask & 0o007, word)
            if stat.S_ISDIR(status.st_mode):
                self.assertEqual(status.st_mode & 0o2070, 0o2070, word)
            else:
                self.assertTrue(status.st_mode & 0o040, word)
                if status.st_nlink == 1:
                    self.assertTrue(status.st_mode & 0o020, word)

    def both(self, *arguments, code=0, umask=0o022):
        return [self.run_as(uid, *arguments, code=code, umask=umask) for uid in (ANN, BEN)]

    def every_command(self, umask):
        self.share()
        data = {name: gguf(name, 30_000) for name in ("one", "two", "same")}
        data["large"] = gguf("large", 20 << 20)
        models = [self.model(name + ".gguf", content) for name, content in data.items()] + [self.node()]
        twin = self.model("same.gguf", data["same"])
        twin["files"][0]["to"].append({"store": "comfyui", "folder": "text_encoders", "name": "same.gguf"})
        models[2] = twin
        self.machine.manifest(models)
        as_ann = lambda *words, code=0: self.run_as(ANN, *words, code=code, umask=umask)
        as_ben = lambda *words, code=0: self.run_as(BEN, *words, code=code, umask=umask)

        as_ann("pull", "-y", "one")
        as_ben("pull", "-y", "two", "large")
        as_ann("pull", "-y", "same")
        as_ben("pull", "-y", "node")
        self.check_shared(umask)
        for command in (["verify"], ["list"], ["stores"], ["df"], ["gc", "-n"], ["diff"], ["outdated"], ["verify", "--store", "llama-cpp"],
                        ["log"], ["plan"], ["pull", "-y"], ["show", "one"]):
            with self.subTest(command):
                self.both(*command, umask=umask)
        self.both("lock", umask=umask)
        self.check_shared(umask)

        # What the other pulled, damaged: a part that is mended in its place, and a whole small file.
        for name, repair in (("large", as_ann), ("one", as_ben)):
            path = self.machine.store(name + ".gguf")
            before = os.stat(path)
            with open(path, "r+b") as file:
                file.seek(20_000)
                file.write(b"\0" * 16)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            as_ann("verify", code=4)
            repair("verify", "--repair", "-y")
            self.assertEqual(self.read(path), data[name])
        self.both("verify", umask=umask)
        self.check_shared(umask)

        # A file of Ann's own is registered by Ben; and the other way round.
        for owner, name, adopt in ((ANN, "anns", as_ben), (BEN, "bens", as_ann)):
            path = self.write(self.machine.store(name + ".gguf"), gguf(name, 9000))
            os.chown(path, owner, TEAM)
            os.chmod(path, 0o664)
            adopt("adopt", path)
        self.both("link", umask=umask)
        self.both("link", "--unlink", umask=umask)
        as_ben("mv", "-y", "two", "--to", "comfyui/text_encoders")
        as_ann("mv", "-y", "two", "--to", "llama-cpp")
        self.check_shared(umask)
        as_ann("rm", "-y", "large")
        as_ben("rm", "-y", "one")
        for name in ("large", "one"):
            self.assertFalse(os.path.exists(self.machine.store(name + ".gguf")))
        self.both("gc", "-y", "--min-age", "0", umask=umask)
        self.both("verify", umask=umask)
        self.check_shared(umask)

    def test_every_command_002(self):
        self.every_command(0o002)

    def test_every_command_022(self):
        self.every_command(0o022)

    def test_every_command_077(self):
        self.every_command(0o077)

    def test_what_one_pulled_he_removes_and_moves(self):
        """models.json lies in a folder that the other made. No user database knows either of them, as in a container."""
        os.chown(self.machine.root, 0, TEAM)
        os.chmod(self.machine.root, 0o2775)
        self.machine.manifest([self.model("one.gguf", gguf("one", 30_000))])
        self.run_as(ANN, "pull", "-y", "one")
        data = gguf("own", 30_000)
        source = self.hub.url("/files/own.gguf", data) + "#sha256=" + sha256(data)
        training = os.path.join(self.machine.root, "training/models/own.gguf")
        moved = os.path.join(self.machine.root, "moved")
        for command in (["rm", "-y", source], ["mv", "-y", "training", moved]):
            with self.subTest(command):
                self.run_as(BEN, "pull", "-y", source, "--to", "training")
                self.assertEqual(os.stat(os.path.dirname(training)).st_uid, BEN)
                self.run_as(BEN, *command)
                self.assertFalse(os.path.exists(training))

    def test_at_once(self):
        self.share()
        self.machine.manifest([self.model(f"m{i}.gguf", gguf(i, 200_000)) for i in range(6)])
        running = [self.start(uid, "pull", "-y", *[f"m{i}" for i in range(6) if i == 0 or i % 2 == uid % 2], umask=0o077)
                   for uid in (ANN, BEN) * 2]
        for process in running:
            self.end(process)
        self.both("verify", umask=0o077)
        self.assertEqual(len(self.machine.registry()["models"]), 6)
        self.check_shared(0o077)

    def test_the_other_goes_on(self):
        for umask in (0o002, 0o077):
            with self.subTest(oct(umask)):
                subprocess.run(["rm", "-rf", self.machine.root])
                os.mkdir(self.machine.root)
                self.share()
                name = f"big-{umask:o}"
                self.machine.manifest([self.model(name + ".gguf", self.big)])
                self.hub.released.clear()
                sent = self.cut_short(ANN, f"/files/{name}.gguf", umask=umask)
                self.assertTrue(self.staged())
                self.assertGreaterEqual(sent, 8 << 20)
                self.both("df", umask=umask)
                self.hub.forget()
                self.run_as(BEN, "pull", "-y", umask=umask)
                again = sum(r["sent"] for r in self.hub.asked(f"/files/{name}.gguf"))
                self.assertLess(again, len(self.big) - sent + (2 << 20), "resumed")
                self.assertEqual(self.read(self.machine.store(name + ".gguf")), self.big)
                self.check_shared(umask)
                self.run_as(ANN, "rm", "-y", name, umask=umask)

    def test_a_store_that_became_shared(self):
        """Made by one for himself, then opened to the group as people do it: his next pull lets the others in."""
        os.chown(self.machine.root, ANN, ANN)
        self.machine.manifest([self.model("a.gguf", gguf(1, 9000)), self.model("b.gguf", gguf(2, 9000)), self.model("c.gguf", gguf(3, 9000))])
        self.run_as(ANN, "pull", "-y", "a")
        for path in everything(self.machine.root):
            if "/.ncmodel" not in path:
                os.chown(path, ANN, TEAM)
                if os.path.isdir(path):
                    os.chmod(path, 0o2775)
        self.assertIn("staging", self.run_as(BEN, "pull", "-y", "b", code=1).err)
        self.run_as(ANN, "pull", "-y", "c")
        self.run_as(BEN, "pull", "-y", "b")
        self.run_as(ANN, "rm", "-y", "b")

    def test_without_setgid_the_umask_says_it(self):
        os.chown(self.machine.root, ANN, TEAM)
        os.chmod(self.machine.root, 0o775)
        self.machine.manifest([self.model("a.gguf", gguf(1, 9000)), self.model("b.gguf", gguf(2, 9000))])
        for uid, name in ((ANN, "a"), (BEN, "b")):
            home = self.home(uid)
            self.end(self.machine.start("pull", "-y", name, env={"HOME": home, "XDG_CONFIG_HOME": home}, umask=0o002, user=uid, group=TEAM,
                                        extra_groups=[]))
        self.assertEqual({m["id"] for m in self.machine.registry()["models"]}, {"a", "b"})

    def test_modes_of_one_user(self):
        self.machine.manifest([self.model("a.gguf", gguf(1, 20 << 20)), self.node()])
        for umask in (0o002, 0o022, 0o027, 0o077):
            with self.subTest(oct(umask)):
                subprocess.run(["rm", "-rf", self.machine.root, os.path.join(self.homes, str(ANN))])
                os.mkdir(self.machine.root)
                os.chown(self.machine.root, ANN, ANN)
                os.chmod(self.machine.root, 0o755)
                self.run_as(ANN, "pull", "-y", umask=umask)
                for path in everything(self.machine.root):
                    mode = os.stat(path).st_mode
                    if path == self.machine.root:
                        continue
                    word = oct(mode) + " " + path
                    if path.endswith("/staging"):
                        # Whose group may rename it need not be kept out of it.
                        self.assertEqual(mode & 0o7777, 0o770 if umask == 0o002 else 0o700, word)
                    else:
                        self.assertEqual(mode & 0o7777, (0o777 if stat.S_ISDIR(mode) else 0o666) & ~umask, word)

    def test_models_json_keeps_its_mode_and_group(self):
        self.share()
        self.machine.manifest([self.model("a.gguf", gguf(1, 9000)), self.model("b.gguf", gguf(2, 9000))])
        self.run_as(ANN, "pull", "-y", "a")
        registry = self.machine.store("models.json")
        os.chmod(registry, 0o640)
        os.chown(registry, ANN, TEAM)
        self.run_as(BEN, "pull", "-y", "b", umask=0)
        status = os.stat(registry)
        self.assertEqual((status.st_mode & 0o7777, status.st_gid), (0o640, TEAM))


class RootTest(AccountsCase):
    """Root works in the store of a service."""

    def setUp(self):
        super().setUp()
        os.chown(self.machine.root, SERVICE, SERVICE)
        os.chmod(self.machine.root, 0o755)

    def check_owners(self, owner=SERVICE):
        for path in everything(self.machine.root):
            status = os.lstat(path)
            self.assertEqual((status.st_uid, status.st_gid), (owner, owner), path)

    def as_service(self, *arguments, **options):
        return self.run_as(SERVICE, *arguments, groups=(), **options)

    def test_everything_belongs_to_the_service(self):
        self.hub.ollama("library/tiny", [("model", gguf("o", 30_000)), ("template", b"{{ .Prompt }}")])
        self.machine.manifest([
            self.model("one.gguf", gguf(1, 20 << 20)), self.model("two.gguf", gguf(2, 9000)), self.node(),
            {"id": "tiny", "files": [{"from": ["ollama:tiny"], "to": [{"store": "ollama"}]}]}])
        for umask in (0o022, 0o077):
            with self.subTest(oct(umask)):
                self.run_as(0, "pull", "-y", umask=umask)
                self.check_owners()
                path = self.machine.store("one.gguf")
                with open(path, "r+b") as file:
                    file.write(b"\0" * 16)
                self.run_as(0, "verify", "--repair", "-y", umask=umask, code=None)
                self.run_as(0, "lock", umask=umask)
                self.run_as(0, "mv", "-y", "two", "--to", "comfyui/text_encoders", umask=umask)
                self.run_as(0, "mv", "-y", "two", "--to", "llama-cpp", umask=umask)
                self.run_as(0, "link", umask=umask)
                self.check_owners()
                # The service does everything with it.
                for command in (["verify"], ["list"], ["df"], ["gc", "-y"], ["verify", "--store", "ollama"], ["pull", "-y"]):
                    self.as_service(*command, umask=umask)
                self.as_service("rm", "-y", "one", "two", "node", "tiny")
                self.as_service("gc", "-y", "--min-age", "0")
                self.check_owners()

    def test_the_folder_decides(self):
        """A folder of another user within: his."""
        folder = os.path.join(self.machine.root, "ComfyUI/models/loras")
        os.makedirs(folder)
        os.chown(folder, VICTIM, VICTIM)
        self.machine.manifest([{"id": "style", "files": [{
            "from": [self.hub.url("/files/style.safetensors", safetensors(1, 9000))], "insecure_http": True,
            "to": [{"store": "comfyui", "folder": "loras", "name": "style.safetensors"}]}]}])
        self.run_as(0, "pull", "-y")
        status = os.stat(os.path.join(folder, "style.safetensors"))
        self.assertEqual((status.st_uid, status.st_gid), (VICTIM, VICTIM))

    def test_what_was_there_before_stays(self):
        """A download that root began before, when owners were nobody's concern: a copy of it is the service's."""
        self.machine.manifest([self.model("big.gguf", self.big)])
        self.cut_short(0, "/files/big.gguf")
        part, = self.staged()
        os.chown(part, 0, 0)
        keep = os.open(part, os.O_RDONLY)
        self.addCleanup(os.close, keep)
        self.run_as(0, "pull", "-y")
        self.assertEqual(os.fstat(keep).st_uid, 0)
        status = os.stat(self.machine.store("big.gguf"))
        self.assertEqual(status.st_uid, SERVICE)
        self.assertEqual(self.read(self.machine.store("big.gguf")), self.big)

    def test_the_users_log_and_registry(self):
        home = self.home(SERVICE)
        self.machine.manifest([self.model("a.gguf", gguf(1, 9000))])
        self.run_as(0, "pull", "-y", env={"HOME": home, "XDG_CONFIG_HOME": home})
        for path in everything(home):
            self.assertEqual(os.lstat(path).st_uid, SERVICE, path)


SWAPPER = """
import ctypes, os, random, sys, time
store, victim, box = sys.argv[1:4]
os.setgroups([]); os.setgid(5003); os.setuid(5003)
libc = ctypes.CDLL(None)
kept = os.path.join(store, "kept-by-root")
end = time.monotonic() + float(sys.argv[4])
number = 0
while time.monotonic() < end:
    for at, folders, files in os.walk(store):
        if "/odd" in at:
            continue
        for name in folders + files:
            path = os.path.join(at, name)
            if name.startswith(("kept", "odd")) or os.path.islink(path):
                continue
            if not (name.startswith((".", "commit-")) or random.random() < .03):
                continue
            number += 1
            try:
                os.rename(path, os.path.join(store, "odd%d" % number))
                if name in folders and random.random() < .5 and os.path.isdir(kept):
                    os.rename(kept, path)
                    time.sleep(.001)
                    os.rename(path, kept)
                elif random.random() < .5:
                    os.symlink(victim, path)
                else:
                    os.link(victim, path)
            except OSError:
                pass
"""


class SwapTest(AccountsCase):
    """The service's user changes names under root's hands: what was there before never becomes his."""

    def test_swapped_names(self):
        os.chown(self.machine.root, SERVICE, SERVICE)
        victim = os.path.join(self.machine.home, "secret")
        self.write(victim, b"root's")
        os.chmod(victim, 0o666)  # so that hard links of it are allowed: protected_hardlinks
        folder = os.path.join(self.machine.home, "secrets")
        os.mkdir(folder)
        kept = os.path.join(self.machine.root, "kept-by-root")
        os.mkdir(kept)
        self.write(os.path.join(kept, "inside"), b"x")
        os.chmod(self.machine.home, 0o777)
        models = [self.model(f"m{i}.gguf", gguf(i, 20_000)) for i in range(8)] + [self.node()]
        models += [{"id": f"deep{i}", "files": [{"from": [self.hub.url(f"/files/d{i}.gguf", gguf(-i - 1, 9000))], "insecure_http": True,
                                                  "to": [{"store": "llama-cpp", "name": f"a{i}/b/c/d{i}.gguf"}]}]} for i in range(4)]
        self.machine.manifest(models)
        swapper = subprocess.Popen([sys.executable, "-c", SWAPPER, self.machine.root, victim, folder, "25"])
        self.addCleanup(swapper.wait)
        self.addCleanup(swapper.kill)
        runs = 0
        while swapper.poll() is None:
            self.run_as(0, "pull", "-y", code=None)
            runs += 1
            for path in (victim, folder):
                self.assertEqual(os.stat(path).st_uid, 0, path)
            self.assertEqual(self.read(victim), b"root's")
            for at in everything(self.machine.root):
                name = os.path.basename(at)
                if name == "inside":
                    self.assertEqual((os.lstat(at).st_uid, os.stat(os.path.dirname(at)).st_uid), (0, 0), at)
        self.assertGreater(runs, 3)


@unittest.skipUnless(SWAPPER_MODULE, "NCM_SWAPPER is not set: run it by meson")
class WorstMomentTest(AccountsCase):
    """The same at the worst moment: right after root made it, each name in turn is another's."""

    def models(self):
        self.hub.ollama("library/tiny", [("model", gguf("o", 9_000))])
        return [self.node(), {"id": "tiny", "files": [{"from": ["ollama:tiny"], "to": [{"store": "ollama"}]}]}]

    def fresh(self):
        subprocess.run(["rm", "-rf", self.machine.root])
        os.makedirs(os.path.join(self.machine.root, ".ollama/models/manifests-v2"))
        for path in everything(self.machine.root):
            os.chown(path, SERVICE, SERVICE)

    def victim(self, kind):
        path = os.path.join(self.machine.home, "victim")
        subprocess.run(["rm", "-rf", path])
        if kind == "file":
            self.write(path, b"root's")
        elif kind == "link":
            os.symlink("../blobs/elsewhere", path)
        else:
            os.mkdir(path, 0o755)
            if kind == "folder":
                self.write(os.path.join(path, "inside"), b"x")
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
        return path

    def attack(self, way, kind):
        number = 1
        while True:
            self.fresh()
            path = self.victim(kind)
            fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
            before = os.fstat(fd)
            told, tell = os.pipe()
            process = self.machine.start("pull", "-y", "--retries", "1", pass_fds=[tell], env={
                "LD_PRELOAD": preload(SWAPPER_MODULE), "NCM_SWAP_ROOT": self.machine.root, "NCM_SWAP_VICTIM": path, "NCM_SWAP_WAY": way,
                "NCM_SWAP_AT": str(number), "NCM_SWAP_TELL": str(tell)})
            process.communicate(timeout=60)
            os.close(tell)
            happened = os.read(told, 8)
            after = os.fstat(fd)
            os.close(told)
            os.close(fd)
            self.assertEqual((after.st_uid, after.st_gid, after.st_mode), (before.st_uid, before.st_gid, before.st_mode),
                             f"{way} of a {kind}, name {number}: {process.args}")
            if not happened:
                return number
            number += 1

    def test_every_name(self):
        self.machine.manifest(self.models())
        for way, kind in (("rename", "folder"), ("rename", "empty folder"), ("rename", "link"), ("link", "folder"), ("hard", "file")):
            with self.subTest(way=way, kind=kind):
                self.assertGreater(self.attack(way, kind), 20)


class ReaderTest(AccountsCase):
    """One who may look at another's store, and no more."""

    def test_he_looks(self):
        os.chown(self.machine.root, ANN, ANN)
        os.chmod(self.machine.root, 0o755)
        self.machine.manifest([self.model("a.gguf", gguf(1, 20 << 20))])
        self.run_as(ANN, "pull", "-y", "a", groups=())
        for command in (["df"], ["gc", "-n"], ["adopt", "-n"], ["verify"], ["verify", "--store", "llama-cpp"], ["list"], ["stores"], ["diff"],
                        ["link", "-n"], ["plan"], ["pull", "-y"], ["outdated"], ["log"]):
            with self.subTest(command):
                told = self.run_as(BEN, *command, groups=())
                if command != ["stores"]:
                    self.assertNotIn("staging", told.err + told.out)
                if command == ["df"]:
                    self.assertIn("> 21.0 MB", told.out, "what Ann may be fetching is not counted")


    def test_nothing_is_fetched_that_cannot_be_registered(self):
        """His store is his own, models.json another's."""
        os.chown(self.machine.root, ANN, TEAM)
        os.chmod(self.machine.root, 0o775)
        os.makedirs(self.machine.store())
        source = self.hub.url("/files/own.gguf", gguf("own", 30_000)) + "#sha256=" + sha256(gguf("own", 30_000))
        told = self.run_as(BEN, "pull", "-y", source, "--to", "training", code=1)
        self.assertIn("models.json cannot be written", told.err)
        self.assertEqual([r for r in self.hub.asked("/files/own.gguf") if r["method"] == "GET"], [])
        home = os.path.join(self.home(BEN), "models.json")
        self.run_as(BEN, "pull", "-y", source, "--to", "training", env={"NCMODEL_REGISTRY": home})


class OpenTest(AccountsCase):
    """A store that everybody may write to."""

    def test_it_is_told_once(self):
        self.machine.manifest([self.model("a.gguf", gguf(1, 9000)), self.model("b.gguf", gguf(2, 9000))])
        store = self.machine.store()
        os.makedirs(store)
        at = lambda *words: self.machine.run(*words)
        for open_at, mode in ((store, 0o777), (self.machine.root, 0o777), (os.path.dirname(store), 0o757)):
            with self.subTest(open_at):
                os.chmod(open_at, mode)
                for command in (["plan"], ["pull", "-y"]):
                    told = at(*command)
                    self.assertEqual(told.returncode, 0, told.err + told.out)
                    self.assertEqual(told.err.count("everybody may write"), 1, told.err)
                    self.assertIn(open_at, told.err)
                self.assertIn("everybody may write to " + open_at, at("stores").out)
                info = {s["id"]: s for s in json.loads(at("stores", "--json").out)["data"]["stores"]}["llama-cpp"]
                self.assertEqual(info["open_to_all"], open_at)
                self.assertTrue(info["writable"])
                at("rm", "-y", "a", "b")
                os.chmod(open_at, 0o755)
        os.chmod(self.machine.root, 0o1777)
        self.assertNotIn("everybody", at("plan").err)
        self.assertNotIn("everybody", at("stores").out)


if __name__ == "__main__":
    unittest.main()
