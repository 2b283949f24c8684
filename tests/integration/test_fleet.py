#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/provision-fleet: the Ansible role over ssh, on machines of their own kind (fleet_hosts)."""
import glob
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import threading
import unittest

import fleet_hosts
from harness import BINARY, DATA, SOURCE, TOKENS, Machine, gguf, safetensors
from hub import sha256

SCRIPT = os.path.join(SOURCE, "scripts/provision-fleet")
S3, AUTH = "fleet:s3canary:/Canary0003", {"auths": {"registry.example": {"auth": "Y2FuYXJ5OmNhbmFyeTAwMDQ="}}}
HOME = "/srv/fleetmodels"
MODELS = HOME + "/server/ai/llama-cpp/models"
PLAIN, GATED, CIVITAI = gguf("plain", 34 << 20), gguf("gated", 200_000), safetensors("civitai", 100_000)


class ScriptTest(unittest.TestCase):
    def script(self, *arguments):
        return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)

    def test_words(self):
        told = self.script("--help")
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        for option in ("INVENTORY", "--check", "--tags verify", "--limit"):
            self.assertIn(option, told.stdout)
        self.assertEqual(self.script().returncode, 2)
        none = self.script("no-such-file")
        self.assertEqual(none.returncode, 2)
        example = re.search(r"\S+\.example\.yml", none.stderr).group()
        self.assertTrue(os.path.exists(os.path.join(SOURCE, example)))


@unittest.skipUnless(shutil.which("ansible-playbook") and shutil.which("sudo") and os.geteuid() == 0, "needs root, sudo and Ansible")
class HereTest(unittest.TestCase):
    """On this machine alone, with nothing installed."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, text=None, mode=0o644):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def program(self):
        """The real one, whose manifests are the sources', and which gets nowhere: the built-in profile is large."""
        nowhere = "HTTP_PROXY=%s HTTPS_PROXY=%s ALL_PROXY=%s" % (("http://127.0.0.1:9",) * 3)
        return self.path("ncmodel", "#!/bin/sh\n%s NCMODEL_DATADIR=%s exec %s \"$@\"\n"
                         % (nowhere, DATA, os.path.abspath(BINARY)), 0o755)

    def provision(self, *options, **variables):
        inventory = self.path("inventory.json", json.dumps({"models": {"hosts": {"localhost": {
            "ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3", "ncmodel_user": "root",
            "ncmodel_create_user": False, "ncmodel_home": self.folder, **variables}}}}))
        return self.script(inventory, *options)

    def script(self, *arguments):
        return subprocess.run([SCRIPT, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def test_what_is_not_there_is_said(self):
        made = self.provision("--tags", "pull", ncmodel_program="/nowhere/ncmodel")
        self.assertEqual(made.returncode, 2, made.stderr)
        self.assertIn("/nowhere/ncmodel is not there: set ncmodel_package or ncmodel_archive", made.stdout)
        self.assertNotIn("exit code", made.stdout)

    def test_an_inventory_of_no_use_is_refused(self):
        """Where Ansible itself would skip everything and be content."""
        for text, said in (("", "in its group `models`"), ("other: {hosts: {one: }}\n", "in its group `models`"),
                           ("models: {hosts: }\n", "in its group `models`"), ("models:\n  hosts:\n  - x: {\n", "cannot be read"),
                           ("{{ junk", "cannot be read")):
            made = self.script(self.path("inventory.yml", text))
            self.assertEqual((made.returncode, made.stdout), (2, ""), text)
            self.assertEqual(len(made.stderr.splitlines()), 1, made.stderr)
            self.assertIn(said, made.stderr)
        self.assertEqual(self.provision("--limit", "another").returncode, 1)  # as the script's own words have it

    def test_a_misspelt_variable_is_refused(self):
        made = self.provision("--tags", "pull", ncmodel_phase=[1], ncmodel_program=self.program())
        self.assertEqual(made.returncode, 2, made.stderr)
        self.assertIn("No variable of the role has the name ncmodel_phase:", made.stdout)
        self.assertNotIn("Pull the models", made.stdout)

    def test_a_host_that_no_run_has_been_to(self):
        """Its user has another HOME, so nothing else may be taken for what the role writes."""
        for tag in ("pull", "verify"):
            made = self.provision("--tags", tag, ncmodel_program=self.program())
            self.assertEqual(made.returncode, 2, made.stdout)
            self.assertIn("run this without --tags first", made.stdout)
        self.assertFalse(os.path.exists(self.path("server")))

    def test_nothing_to_verify_is_a_failure(self):
        self.assertEqual(self.provision("--tags", "files").returncode, 0)
        made = self.provision("--tags", "verify", ncmodel_program=self.program())
        self.assertEqual(made.returncode, 2, made.stdout)
        self.assertIn("No model is registered on this host", made.stdout)


class CommandLines(threading.Thread):
    """Every command line that was seen on any of the machines."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.ended = set(), threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            for path in glob.glob("/proc/[0-9]*/cmdline"):
                try:
                    with open(path, "rb") as file:
                        self.seen.add(file.read())
                except OSError:
                    pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def deb(tree, path):
    """A package of what lies in `tree`, as small as one can be."""
    os.makedirs(os.path.join(tree, "DEBIAN"))
    architecture = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    with open(os.path.join(tree, "DEBIAN/control"), "w", encoding="ascii") as control:
        control.write("Package: ncmodel\nVersion: 1.0\nArchitecture: %s\nMaintainer: nobody <nobody@localhost>\nDescription: test\n"
                      % architecture)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, stdout=subprocess.DEVNULL)


class Provisioned:
    """What a run said: its exit code, its text, and of each machine the numbers of its last lines."""

    def __init__(self, result):
        self.code, self.text = result.returncode, result.stdout + result.stderr
        self.recap = {name: {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", rest)}
                      for name, rest in re.findall(r"(?m)^(\w+) +: (ok=.*)$", result.stdout)}

    def numbers(self, key):
        return {name: numbers[key] for name, numbers in self.recap.items()}


class Site:
    """Two machines, an origin that both reach, and what their keeper has: program, manifests, lock, tokens and an inventory."""

    def __init__(self):
        self.machine = Machine(fleet_hosts.BRIDGE)
        self.hub, self.home = self.machine.hub, self.machine.home
        self.fleet = fleet_hosts.Fleet(self.home, ["one", "two"])
        self.hosts = self.fleet.hosts
        self.config = {"endpoints": {"huggingface": self.hub.service.url, "civitai": self.hub.service.url}, "allow_http_token": True,
                       "reserve": 0, "retries": 1}
        self.want()
        self.pack()
        self.inventory = self.path("inventory.json")
        with open(self.inventory, "w", encoding="ascii") as file:
            json.dump({"models": {"hosts": {
                "one": {"ansible_host": self.hosts["one"].address, "ncmodel_package": self.path("ncmodel.deb")},
                "two": {"ansible_host": self.hosts["two"].address, "ansible_user": "root", "ncmodel_archive": self.path("ncmodel.tar.gz")}},
                "vars": self.variables()}}, file)

    def path(self, name):
        return os.path.join(self.home, name)

    def variables(self):
        return {"ansible_user": "keeper", "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_common_args": " ".join(self.fleet.ssh_options()), "ncmodel_user": "fleetmodels", "ncmodel_home": HOME,
                "ncmodel_manifests": self.machine.manifests, "ncmodel_lock": self.path("fleet.lock"), "ncmodel_profile": "test",
                "ncmodel_config": self.config,
                "ncmodel_secrets": {"huggingface": TOKENS["HF_TOKEN"], "civitai": TOKENS["CIVITAI_TOKEN"], "s3": S3, "registries": AUTH}}

    def want(self):
        """Three models, two of which want a token, and their lock with its checkpoints."""
        self.hub.hf("Org/Gated", {"gated.gguf": GATED}, gated=True, token=TOKENS["HF_TOKEN"])
        self.hub.civitai(11, 22, "art.safetensors", CIVITAI, token=TOKENS["CIVITAI_TOKEN"])
        self.machine.manifest([self.machine.simple("plain.gguf", PLAIN),
                               {"id": "gated", "files": [{"from": ["hf:Org/Gated/gated.gguf"], "to": [{"store": "llama-cpp"}]}]},
                               {"id": "art", "kind": "checkpoint",
                                "files": [{"from": ["civitai:11"], "to": [{"store": "a1111", "folder": "checkpoints"}]}]}])
        with open(self.path("config.json"), "w", encoding="ascii") as file:
            json.dump(self.config, file)
        for line in (["lock"], ["pull", "-y", "plain"], ["lock", "--checkpoints"]):
            made = self.machine.run("--config", self.path("config.json"), *line, "--lock", self.path("fleet.lock"), env=TOKENS)
            if made.returncode:
                raise AssertionError(made.err)

    def pack(self):
        """The program for its default place, as a tar and as a package."""
        for tree, prefix in (("tree", ""), ("package", "usr/local")):
            root = self.path(os.path.join(tree, prefix))
            os.makedirs(os.path.join(root, "bin"))
            shutil.copy(BINARY, os.path.join(root, "bin/ncmodel"))
            shutil.copytree(DATA, os.path.join(root, "share/ncmodel/manifests"))
        deb(self.path("package"), self.path("ncmodel.deb"))
        with tarfile.open(self.path("ncmodel.tar.gz"), "w:gz", compresslevel=1) as archive:
            for name in ("bin", "share"):
                archive.add(self.path("tree/" + name), name)

    def provision(self, *options):
        env = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_TIMEOUT": "20"}
        return Provisioned(subprocess.run([SCRIPT, self.inventory, *options], env=env, cwd=self.home, stdin=subprocess.DEVNULL,
                                          capture_output=True, text=True, check=False))

    def close(self):
        self.fleet.close()
        self.machine.close()


@unittest.skipUnless(os.environ.get(fleet_hosts.INSIDE), fleet_hosts.missing() or "run it as a program")
class FleetTest(unittest.TestCase):
    """Converged once for all tests; each leaves it so."""

    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.close)
        cls.hosts, cls.hub = cls.site.hosts, cls.site.hub
        cls.before = cls.site.provision("--check")
        cls.before_there = [host.ssh("ls -d %s /usr/local/bin/ncmodel" % HOME).stdout for host in cls.hosts.values()]
        with CommandLines() as lines:
            cls.first = cls.site.provision("-vvv", "--diff")
        cls.lines = lines.seen

    def setUp(self):
        self.hub.forget()

    def provision(self, *options, code=0):
        made = self.site.provision(*options)
        self.assertEqual(made.code, code, made.text)
        return made

    def check_whole(self, *names):
        for name in names or self.hosts:
            said = self.hosts[name].sh("cd %s && sha256sum %s/plain.gguf %s/gated.gguf stable-diffusion-webui/models/Stable-diffusion/*"
                                       % (HOME, MODELS, MODELS))
            self.assertEqual([line.split()[0] for line in said.splitlines()], [sha256(data) for data in (PLAIN, GATED, CIVITAI)])

    def damage(self, name, path):
        """One byte of it, with the time that it had."""
        self.hosts[name].sh("cd %s && touch -r %s t && printf x | dd of=%s bs=1 seek=4000 conv=notrunc 2>&1 && touch -r t %s && rm t"
                            % (MODELS, path, path, path))

    def test_a_check_writes_nothing(self):
        self.assertEqual(self.before.code, 0, self.before.text)
        self.assertEqual(self.before_there, ["", ""])
        self.assertIn("What would be pulled shows once", self.before.text)
        self.assertTrue(all(self.before.numbers("changed").values()))

    def test_every_machine_has_all_of_it(self):
        self.assertEqual(self.first.code, 0, self.first.text)
        self.check_whole()
        for host in self.hosts.values():
            self.assertEqual(host.sh("stat -c '%%U %%a' %s/models.json %s/.config/ncmodel/civitai-token" % (MODELS, HOME)).split(),
                             ["fleetmodels", "644", "fleetmodels", "600"])

    def test_what_else_was_written(self):
        for host in self.hosts.values():
            self.assertEqual(json.loads(host.sh("cat %s/.config/containers/auth.json" % HOME)), AUTH)
            self.assertEqual(host.sh("cat %s/.config/ncmodel/s3-keys" % HOME), S3 + "\n")
            self.assertEqual(host.sh("ls %s/.config/ncmodel/ncmodel.lock.checkpoints" % HOME), sha256(PLAIN) + "\n")

    def test_tokens_are_seen_by_nobody(self):
        self.assertTrue([line for line in self.lines if b"pull\0--json" in line])
        for token in [*TOKENS.values(), S3, AUTH["auths"]["registry.example"]["auth"]]:
            self.assertNotIn(token, self.first.text)
            self.assertFalse([line for line in self.lines if token.encode() in line])

    def test_again_nothing_changes(self):
        again = self.provision("--tags", "all,verify")
        self.assertEqual(again.numbers("changed"), {"one": 0, "two": 0}, again.text)
        self.assertEqual([r for r in self.hub.asked() if r["sent"] > 10_000], [])

    def test_one_is_broken_and_another_is_down(self):
        self.damage("one", "plain.gguf")
        self.hosts["two"].stop()
        self.addCleanup(self.hosts["two"].start)
        made = self.provision("--tags", "verify", code=4)
        self.assertEqual((made.numbers("failed"), made.numbers("unreachable")), ({"one": 0, "two": 0}, {"one": 0, "two": 1}))
        self.assertEqual(made.recap["one"]["changed"], 1, made.text)
        self.check_whole("one")

    def test_planned_then_failed_then_mended(self):
        self.damage("one", "gated.gguf")
        self.hosts["two"].sh("rm %s/plain.gguf" % MODELS)
        planned = self.provision("--tags", "pull,verify", "--check")
        self.assertEqual(planned.numbers("changed"), {"one": 1, "two": 2}, planned.text)  # a pull believes size and time
        self.hub.fault("/files/plain.gguf", "status", times=None, status=404)
        self.addCleanup(self.hub.faults.clear)
        failed = self.provision("--tags", "pull", code=2)
        # until a verify has noted what it found
        self.assertEqual((failed.numbers("failed"), failed.numbers("changed")), ({"one": 0, "two": 1}, {"one": 1, "two": 0}), failed.text)
        self.assertIn("ncmodel's exit code is 5: docs/troubleshooting.md", failed.text)
        self.hub.faults.clear()
        self.assertEqual(self.provision("--tags", "pull,verify").numbers("changed"), {"one": 0, "two": 1})
        self.check_whole()


if __name__ == "__main__":
    fleet_hosts.alone()
    unittest.main()
