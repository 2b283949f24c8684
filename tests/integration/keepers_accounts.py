# SPDX-License-Identifier: MIT
"""An Ollama that runs as a user of its own, as Linux installs it, and root, who pulls into its store with ncmodel."""
import os
import shutil
import tempfile
import unittest

import keepers_case
import ollama_peer
from keepers_case import KeeperCase
from keepers_ollama import CHAT

SERVICE = 5003
binary = None


def setUpModule():
    """A server that its user may run, wherever it was built."""
    global binary
    folder = tempfile.mkdtemp(prefix="keepers-accounts-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    binary = shutil.copy(ollama_peer.find(), folder)
    os.chmod(binary, 0o755)


@unittest.skipIf(os.geteuid() != 0, "only root can be several users")
class ServiceTest(KeeperCase):
    def setUp(self):
        super().setUp()
        self.store = os.path.join(self.machine.root, ".ollama/models")
        os.makedirs(self.store)
        os.chmod(self.machine.home, 0o755)
        for path in (self.machine.root, os.path.dirname(self.store), self.store):
            os.chown(path, SERVICE, SERVICE)
        self.code = keepers_case.servers.environment()["LOOPBACK_OLLAMA_FRONT"].removeprefix("http://") + "/acme/tiny-code:1.1b-q4_K_M"

    def check_owners(self):
        for at, folders, files in os.walk(self.store):
            for name in folders + files:
                path = os.path.join(at, name)
                self.assertEqual(os.lstat(path).st_uid, SERVICE, path)

    def serving(self):
        return ollama_peer.Peer(binary, self.store, True, SERVICE)

    def as_service(self, *arguments):
        home = os.path.join(self.machine.root, "home")
        process = self.machine.start(*arguments, user=SERVICE, group=SERVICE, extra_groups=[],
                                     env={"HOME": home, "XDG_CONFIG_HOME": home})
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err + out)

    def everything(self, umask):
        before = os.umask(umask)
        self.addCleanup(os.umask, before)
        self.machine.manifest([{"id": "tiny-chat", "files": [{"from": ["ollama:tiny-chat"], "to": [{"store": "ollama"}]}]}])
        os.chmod(self.machine.manifests, 0o755)
        for at, folders, files in os.walk(self.machine.manifests):
            for name in folders + files:
                os.chmod(os.path.join(at, name), 0o755)
        self.pull()
        self.check_owners()
        with self.serving() as server:
            self.assertEqual(set(server.listed()), {CHAT})
            self.assertTrue(server.show(CHAT)["tensors"])
            server.generate(CHAT)
            server.command("cp", CHAT, "copy")
            server.command("rm", CHAT)
            server.command("pull", "--insecure", "http://" + self.code)
            self.assertEqual(set(server.listed()), {"copy:latest", self.code})
            self.pull()  # back again, while the server runs
            self.assertEqual(set(server.listed()), {CHAT, "copy:latest", self.code})
            server.create("styled", "FROM " + CHAT, "SYSTEM Be brief.")
            server.generate("styled:latest")
            server.command("rm", CHAT)
            server.command("rm", "styled:latest")
            server.command("rm", "copy:latest")
            server.command("rm", self.code)
            self.assertEqual(set(server.listed()), set())
        self.assertEqual(os.listdir(os.path.join(self.store, "blobs")), [], "it could remove every blob")
        self.pull()
        self.ncmodel("verify")
        self.ncmodel("verify", "--store", "ollama")
        self.check_owners()
        self.as_service("verify")
        self.as_service("verify", "--store", "ollama")
        self.as_service("rm", "-y", "tiny-chat")
        with self.serving() as server:
            self.assertEqual(set(server.listed()), set())
        self.assertEqual(os.listdir(os.path.join(self.store, "blobs")), [])

    def test_umask_022(self):
        """pull as root into the store of an Ollama with its own user: it lists, runs, copies, removes, pulls; umask 022"""
        self.everything(0o022)

    def test_umask_077(self):
        """pull as root into the store of an Ollama with its own user: it lists, runs, copies, removes, pulls; umask 077"""
        self.everything(0o077)
