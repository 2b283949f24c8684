"""push --tar: each file in a tar of its own, for runtimes that only unpack."""
import io
import json
import os
import re
import tarfile
import unittest

import oras_peer
import push_case
from harness import gguf, sha256
from push_case import LLAMA, PushCase

import oci_site as site

FILES = {"model.gguf": gguf("tar", (3 << 20) + 5), "config.json": b'{"a":1}', "sub/README.md": b"# read\n", "LICENSE": b"MIT\n",
         "m\u00f6dell.json": b"[]", "deep/" * 3 + "n" * 120 + ".json": b"{}", "even.gguf": gguf("even", 1024)}
servers = None


def setUpModule():
    global servers
    servers = push_case.start("open")


class Tars(PushCase):
    def setUp(self):
        super().setUp()
        self.model = self.installed(FILES, name=f"origin/t{id(self)}")

    def layers(self, place):
        """Media type, title and bytes of each by its path."""
        return {layer["annotations"][site.PATH]: (layer["mediaType"], layer["annotations"][site.TITLE], self.blob(place, layer["digest"]))
                for layer in self.manifest(place)["layers"]}

    def unpacked(self, data):
        """What a tar holds: of each file its name and bytes; nothing else, nobody's, of no time."""
        found = {}
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for entry in tar:
                self.assertTrue(entry.isreg())
                self.assertEqual((entry.mode, entry.uid, entry.gid, entry.mtime, entry.uname, entry.gname), (0o644, 0, 0, 0, "", ""))
                found[entry.name] = tar.extractfile(entry).read()
        return found

    def test_one_file_each(self):
        told = self.push("--tar", self.place(), self.model)["data"]
        layers = self.layers(self.place())
        self.assertEqual(set(layers), {*FILES, "ncmodel.lock"})
        for path, (kind, title, data) in layers.items():
            self.assertRegex(kind, r"[.]v1[.]tar$")
            self.assertEqual(title, path + ".tar")
            self.assertEqual(len(data) % 512, 0)
            self.assertEqual(list(self.unpacked(data)), [path])
            self.assertEqual(self.unpacked(data)[path], FILES.get(path, self.unpacked(data)[path]))
        self.assertEqual({file["path"]: file["layer"] for file in told["files"]}, {path: site.digest(layers[path][2]) for path in FILES})
        self.assertEqual({file["path"]: file["sha256"] for file in told["files"]}, {path: site.digest(data) for path, data in FILES.items()})
        self.assertEqual(told["sent"], sum(len(layers[path][2]) for path in FILES))
        settings = json.loads(self.blob(self.place(), self.manifest(self.place())["config"]["digest"]))
        self.assertEqual(settings["modelfs"]["diffIds"], [layer["digest"] for layer in self.manifest(self.place())["layers"]])
        self.assertIn('"entries"', self.unpacked(layers["ncmodel.lock"][2])["ncmodel.lock"].decode())

    def test_always_the_same(self):
        first = self.push("--tar", "--piece", "1MiB", self.place(), self.model)["data"]
        for path in self.files():
            os.utime(os.path.join(self.machine.root, path), (1, 1))
            os.chmod(os.path.join(self.machine.root, path), 0o600)
        self.assertTrue(self.push("--tar", self.place(), self.model)["data"]["unchanged"])
        again = self.push("--tar", self.place(tag="v2"), self.model)["data"]
        self.assertEqual((again["digest"], again["sent"], {file["state"] for file in again["files"]}), (first["digest"], 0, {"there"}))

    def test_alike_but_for_their_names(self):
        """they are different layers"""
        model = self.installed({"a.json": b"same", "b.json": b"same"}, name=f"origin/a{id(self)}")
        told = self.push("--tar", self.place(), model)["data"]
        self.assertEqual([file["state"] for file in told["files"]], ["sent", "sent"])
        self.assertEqual(len({file["layer"] for file in told["files"]}), 2)

    def test_what_is_not_what_models_json_says(self):
        path = next(path for path in self.files() if path.endswith("model.gguf"))
        with open(os.path.join(self.machine.root, path), "r+b") as file:
            file.seek(-1, 2)
            file.write(b"#")
        errors = self.push("--tar", self.place(), self.model, code=4)["errors"]
        self.assertIn("is not what models.json says", errors[0]["message"])
        self.assertIsNone(self.manifest(self.place()))

    def test_dry_run(self):
        told = self.push("-n", "--tar", self.place(), self.model)["data"]
        self.assertEqual({file["state"] for file in told["files"]}, {"to-send"})
        self.assertGreater(told["sent"], told["size"])

    def test_a_pull_says_what_to_do(self):
        """and a manifest that unpacks has the same bytes"""
        self.push("--tar", self.place(), self.model)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        result = self.machine.run("pull", "-y", self.place(), "--to", "llama-cpp")
        self.assertEqual(result.returncode, 11)
        self.assertRegex(result.err, r"is an archive.*")
        self.assertIn('"extract"', result.err)
        self.machine.manifest([{"id": "tarred", "files": [{"from": [self.place()], "extract": {}, "to": [{"store": "llama-cpp"}]}]}])
        self.pull("tarred")
        found = {path: digest for path, digest in self.files().items() if path.startswith(LLAMA)}
        self.assertEqual(sorted(found.values()), sorted(sha256(data) for data in FILES.values()))

    def test_oras(self):
        binary, why = oras_peer.prepare()
        if not binary:
            self.skipTest(why)
        self.push("--tar", self.place(), self.model)
        folder = os.path.join(self.machine.home, "oras")
        os.makedirs(folder)
        oras_peer.run(binary, folder, "pull", self.place().removeprefix("oci:"))
        for path, data in FILES.items():
            self.assertEqual(self.unpacked(self.read(os.path.join(folder, path + ".tar"))), {path: data})

    def test_words(self):
        result = self.machine.run("push", "--tar", self.place(), self.model)
        self.assertEqual(result.returncode, 0, result.err)
        self.assertTrue(re.search(r"@sha256:[0-9a-f]{64}$", result.out.strip()))


if __name__ == "__main__":
    unittest.main()
