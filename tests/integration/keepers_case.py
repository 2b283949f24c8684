# SPDX-License-Identifier: MIT
"""What the proofs of keepers.py share: a machine for each, the local services, and a look at what `ncmodel` says."""
import json
import os
import sys

from harness import SOURCE, Case

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import loopback  # noqa: E402

SOUND = ("ok", "unproved")
servers = None


def start_servers(folder):
    """Once a run: nginx and docker-registry. Returns what stops them."""
    global servers
    servers = loopback.Loopback(folder)
    servers.start()
    return servers.stop


def content(path):
    with open(path, "rb") as file:
        return file.read()


def flip(path, offset):
    """As a disk does it: a bit turns, and the file's times and mode stay. A file that is read-only is replaced: disks do not ask."""
    before = os.stat(path)
    data = bytearray(content(path))
    data[offset] ^= 0x10
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.write(data)
    os.chmod(path, before.st_mode & 0o7777)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path, size):
    before = os.stat(path)
    os.chmod(path, 0o600)
    os.truncate(path, size)
    os.chmod(path, before.st_mode & 0o7777)


def tree(folder):
    """Everything below a folder but locks and what is ncmodel's own: path -> bytes, or where a link leads."""
    found = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f not in (".ncmodel", ".locks")]
        for name in files:
            path = os.path.join(at, name)
            found[os.path.relpath(path, folder)] = os.readlink(path) if os.path.islink(path) else content(path)
    return found


class KeeperCase(Case):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.at = servers.environment()
        self.machine.env |= {"NCMODEL_OLLAMA_REGISTRY": self.at["LOOPBACK_OLLAMA_FRONT"], "HF_ENDPOINT": self.at["HF_ENDPOINT"],
                             "SSL_CERT_FILE": self.at["SSL_CERT_FILE"]}

    def ncmodel(self, *arguments, code=0):
        result = self.machine.run(*arguments)
        self.assertEqual(result.returncode, code, " ".join(arguments) + "\n" + result.err + result.out)
        return result

    def told(self, *arguments, code=0):
        """The data of the one JSON document that a command prints."""
        document = json.loads(self.ncmodel(*arguments, "--json", code=code).out)
        self.assertEqual((document["ok"], document["exit_code"]), (code == 0, code))
        return document["data"]

    def survey(self, store, path, *more, code=0):
        """`verify --store`: the models by name (of a commit: with it), and what is not sound, as paths below the store."""
        data = self.told("verify", "--store", store, path, *more, code=code)
        self.assertEqual([s["path"] for s in data["stores"]], [path])
        models = {m["name"] + ("@" + m["revision"] if store == "hf" else ""): m["state"] for m in data["models"]}
        self.assertEqual(len(models), len(data["models"]), "no two models have one name")
        ailing = {os.path.relpath(f["path"], path): f["state"] for f in data["files"] if f["state"] not in SOUND}
        return models, ailing

    def check_text(self, store, path, ailing, code):
        """What the JSON names, a person reads too, and nothing else."""
        text = self.ncmodel("verify", "--store", store, path, code=code).out
        for name, state in ailing.items():
            line = [line for line in text.splitlines() if os.path.join(path, name) in line]
            self.assertTrue(line, f"{name} is not named:\n{text}")
            if state in ("damaged", "truncated", "missing", "unreadable"):
                self.assertTrue(any(state.upper() in at for at in line), text)
        named = {word.rstrip(":") for line in text.splitlines() if line.startswith("    ") for word in line.split()
                 if word.startswith(path + "/")}
        self.assertEqual(named, {os.path.join(path, name) for name in ailing}, text)

    def requests(self, path=""):
        with open(self.at["LOOPBACK_REQUESTS"], encoding="utf-8") as log:
            log.seek(getattr(self, "seen", 0))
            return [r for r in map(json.loads, log) if path in r["target"]]

    def forget_requests(self):
        self.seen = os.path.getsize(self.at["LOOPBACK_REQUESTS"])
