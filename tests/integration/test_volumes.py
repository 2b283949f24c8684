#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bundles as volumes: tars of a size that FAT can hold, the same bytes from the same models, and nothing in them believed."""
import glob
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tarfile
import time
import unittest

from harness import gguf, safetensors, sha256
from test_bundle import KILLS, BundleCase, tree

VOLUME = 40_000_000


class VolumeCase(BundleCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.bundle)
        self.folder = os.path.join(self.machine.home, "usb")
        self.file = os.path.join(self.folder, "models.tar")
        self.own = os.path.dirname(self.machine.store("models.json"))
        self.random = random.Random(os.environ.get("NCM_SEED", "18"))

    def installed(self, **files):
        self.machine.manifest([self.machine.simple(name + ".gguf", data) for name, data in files.items()])
        self.pull()

    def created(self, *arguments, volume=VOLUME):
        self.bundle_of("create", self.file, *arguments, "--volume", str(volume))
        return self.volumes()

    def volumes(self):
        return sorted(glob.glob(os.path.join(self.folder, "*.tar")))

    def left(self):
        """What unpacking left beside models.json."""
        return [path for path in glob.glob(self.machine.root + "/**/import-*", recursive=True, include_hidden=True)]

    def flip(self, path, at):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 0x55]))


class VolumesTest(VolumeCase):
    def test_from_one_machine_to_another_in_any_order(self):
        self.every_kind()
        shutil.rmtree(self.bundle)
        before, listed = self.models(self.machine.snapshot()), self.entries()
        volumes = self.created(volume=17_200_000)
        self.assertTrue(all(os.path.getsize(path) <= 17_200_000 for path in volumes))
        self.bundle_of("verify", *reversed(volumes))
        self.bundle_of("verify", self.folder)
        self.another_machine()
        self.random.shuffle(volumes)
        self.bundle_of("import", *volumes, "-y", "--json")
        self.assertEqual(self.hub.asked(), [])
        self.assertEqual(self.models(self.machine.snapshot()), before)
        self.assertEqual(sorted(self.entries()), sorted(listed))
        self.check_registry()
        self.assertEqual(self.left(), [])
        self.assertEqual(self.machine.run("verify", "-q").returncode, 0)

    def test_any_tar_reads_them(self):
        data = {name: gguf(name, size) for name, size in (("big", 90 << 20), ("small", 50_000), ("other", 30 << 20))}
        self.installed(**data)
        volumes = self.created()
        self.assertGreater(len(volumes), 3)
        unpacked = os.path.join(self.machine.home, "unpacked")
        os.makedirs(unpacked)
        for path in volumes:
            subprocess.run(["tar", "-xf", path, "-C", unpacked], check=True)
            with tarfile.open(path) as tar:
                members = tar.getmembers()
            self.assertEqual(members[0].name, "volume.json")
            self.assertEqual({(m.mtime, m.uid, m.gid, m.mode, m.type) for m in members}, {(0, 0, 0, 0o644, tarfile.REGTYPE)})
        blobs = os.path.join(unpacked, "blobs/sha256")
        for content in data.values():
            parts = sorted(glob.glob(os.path.join(blobs, sha256(content) + "*")))
            self.assertEqual(b"".join(self.read(part) for part in parts), content)
        self.assertEqual(len(glob.glob(blobs + "/*.*")) > 1, True)

    def test_one_file_is_the_folder(self):
        self.installed(big=gguf("big", 40 << 20), small=gguf("small", 50_000))
        self.bundle_of("create", self.file)
        self.bundle_of("create", self.bundle)
        unpacked = os.path.join(self.machine.home, "unpacked")
        os.makedirs(unpacked)
        subprocess.run(["tar", "-xf", self.file, "-C", unpacked], check=True)
        os.unlink(os.path.join(unpacked, "volume.json"))
        self.assertEqual(tree(unpacked), tree(self.bundle))

    def test_the_same_models_make_the_same_bytes(self):
        self.installed(big=gguf("big", 60 << 20), small=gguf("small", 50_000))
        first = {os.path.basename(path): sha256(self.read(path)) for path in self.created()}
        self.folder = os.path.join(self.machine.home, "again")
        self.file = os.path.join(self.folder, "models.tar")
        shutil.rmtree(glob.glob(self.machine.root + "/**/.ncmodel/checkpoints", recursive=True, include_hidden=True)[0])
        self.assertEqual({os.path.basename(path): sha256(self.read(path)) for path in self.created()}, first)

    def test_what_is_there_and_right_stays(self):
        self.installed(big=gguf("big", 90 << 20), small=gguf("small", 50_000))
        volumes = self.created()
        whole = {path: sha256(self.read(path)) for path in volumes}
        self.flip(volumes[1], os.path.getsize(volumes[1]) // 2)
        os.unlink(volumes[2])
        inodes = {path: os.stat(path).st_ino for path in volumes[:2]}
        made = json.loads(self.bundle_of("create", self.file, "--volume", str(VOLUME), "--json").out)["data"]
        self.assertEqual([v["state"] for v in made["volumes"]], ["ok", "copied", "copied"])
        self.assertEqual({path: sha256(self.read(path)) for path in volumes}, whole)
        self.assertEqual(os.stat(volumes[0]).st_ino, inodes[volumes[0]])

    def test_volumes_of_an_earlier_run_are_told(self):
        self.installed(big=gguf("big", 50 << 20), small=gguf("small", 50_000))
        self.created()
        self.assertNotIn("earlier run", self.bundle_of("create", self.file, "--volume", str(VOLUME)).err)
        told = self.bundle_of("create", self.file, "small", "--volume", str(VOLUME)).err
        self.assertIn("models-002.tar is of an earlier run", " ".join(told.split()))
        os.unlink(self.volumes()[1])
        self.bundle_of("verify", self.folder)

    def test_damage_at_home_is_not_carried_away(self):
        self.installed(big=gguf("big", 40 << 20))
        self.flip(self.machine.store("big.gguf"), 20 << 20)
        told = self.bundle_of("create", self.file, "--volume", str(VOLUME), code=4)
        self.assertIn("big.gguf has other bytes than models.json says, at 16777216-33554431", told.err)
        self.assertEqual(self.volumes(), [])
        self.assertEqual(self.machine.run("verify", "--repair", "-y").returncode, 0)
        self.created()
        self.bundle_of("verify", self.folder)

    def test_sizes(self):
        self.installed(x=gguf("x", 50_000))
        for size, hint in (("1MB", "--volume 4GB"), ("5GB", "FAT")):
            told = self.bundle_of("create", self.file, "--volume", size, code=2)
            self.assertIn(hint, told.err)
        self.assertEqual(self.volumes(), [])
        self.bundle_of("create", self.file, "--volume", "4GB")
        self.bundle_of("import", *self.volumes(), "-n", code=2)

    def test_what_brings_the_rest_is_told(self):
        """the hint names the volume that is missing or damaged: that one alone, imported again, brings what it lacked"""
        big, small = gguf("big", 50 << 20), gguf("small", 50_000)
        self.installed(big=big, small=small)
        whole = {path: self.read(path) for path in self.created()}
        second = self.volumes()[1]
        for make, hint in ((os.unlink, "volume 2 of 2 is missing: import it, too; what has come stays"),
                           (lambda path: self.flip(path, os.path.getsize(path) // 2),
                            "models-002.tar is damaged: copy it again, and import it; what has come stays"),
                           (lambda path: os.truncate(path, os.path.getsize(path) // 2),
                            "models-002.tar is damaged: copy it again, and import it; what has come stays")):
            with self.subTest(hint):
                self.another_machine()
                make(second)
                told = json.loads(self.bundle_of("import", self.folder, "-y", "--json", code=11).out)
                self.assertEqual({error["hint"] for error in told["errors"]}, {hint})
                self.write(second, whole[second])
                self.bundle_of("import", second, "-y")
                self.assertEqual(self.read(self.machine.store("big.gguf")), big)
                self.assertEqual(self.read(self.machine.store("small.gguf")), small)

    def test_what_is_installed_is_not_unpacked(self):
        self.installed(big=gguf("big", 40 << 20), small=gguf("small", 50_000))
        volumes = self.created()
        for path in volumes:
            self.flip(path, os.path.getsize(path) - 60_000)
        again = json.loads(self.bundle_of("import", *volumes, "-y", "--json").out)["data"]["result"]
        self.assertEqual((again["present"], again["pulled"]), (2, 0))


class ForTest(VolumeCase):
    """A bundle for a machine that has some of it."""

    def test_only_what_the_lock_lacks(self):
        data = {name: gguf(name, 3_000_000) for name in "abc"}
        manifest = self.hub.ollama("library/tiny", [("model", gguf("ollama", 2 << 20)), ("license", b"MIT")], tag="1b")
        models = [self.machine.simple(name + ".gguf", content) for name, content in data.items()]
        tiny = {"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]}
        lock = os.path.join(self.machine.home, "their.lock")
        for chosen in range(8):
            there = {name for bit, name in enumerate("abc") if chosen >> bit & 1}
            self.another_machine()
            self.machine.manifest([model for model in models if model["id"] in there] + [tiny] * (chosen % 2))
            if there:
                self.pull()
            theirs = os.path.join(self.machine.home, "theirs")
            shutil.rmtree(theirs, True)
            shutil.copytree(self.machine.root, theirs, symlinks=True)
            self.write(lock, self.read(self.machine.store("ncmodel.lock")) if there else b'{"schema_version": 1, "entries": {}}')
            self.machine.manifest(models + [tiny])
            self.pull()
            whole = self.models(self.machine.snapshot())
            shutil.rmtree(self.folder, True)
            made = json.loads(self.bundle_of("create", self.file, "--for", lock, "--json").out)["data"]
            blobs = {file["sha256"][7:] for file in made["files"] if file["path"].startswith("blobs/")}
            self.assertEqual({name for name, content in data.items() if sha256(content) not in blobs}, there)
            self.assertIn(sha256(manifest), blobs)
            self.assertEqual(made["assumed"], len(there) + chosen % 2)
            self.bundle_of("verify", self.file)
            shutil.rmtree(self.machine.root)
            shutil.copytree(theirs, self.machine.root, symlinks=True)
            self.hub.forget()
            self.bundle_of("import", self.file, "-y")
            self.assertEqual(self.models(self.machine.snapshot()), whole)
            self.assertEqual(self.hub.asked(), [])

    def test_what_the_receiver_lacks_after_all_is_told(self):
        self.installed(a=gguf("a", 3_000_000), b=gguf("b", 2_000_000))
        lock = os.path.join(self.machine.home, "their.lock")
        self.write(lock, self.read(self.machine.store("ncmodel.lock")))
        self.bundle_of("create", self.file, "--for", lock)
        self.another_machine()
        self.write(self.machine.store("b.gguf"), gguf("b", 2_000_000))
        result = self.bundle_of("import", self.file, "-y", code=11)
        self.assertIn(f"sha256 {sha256(gguf('a', 3_000_000))} is not in the bundle", result.err)
        self.assertIn("made without --for it has it", result.err)
        self.assertIn("hint: ask for a bundle made without --for: it has files that are not here", result.err)
        self.assertNotIn("bundle verify", result.err)
        self.assertEqual(list(self.entries()), ["b"])
        self.assertIn("copy it from there", self.bundle_of("create", self.file, "--for", lock + "x", code=2).err)


class DeltaTest(VolumeCase):
    """A bundle for a machine that has another version: only the pieces that differ travel, and they come out as the new one."""

    PIECE = 16 << 20

    def setUp(self):
        super().setUp()
        self.lock = os.path.join(self.machine.home, "their.lock")
        self.machine.manifest([{"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]},
                               {"id": "m", "files": [{"from": ["hf:org/m/m.gguf"], "to": [{"store": "llama-cpp"}]}]},
                               {"id": "pipe", "files": [{"from": ["hf:org/pipe"], "to": [{"store": "hf"}]}]}])

    def publish(self, versions):
        for name, data in versions.items():
            if name == "tiny":
                self.hub.ollama("library/tiny", [("model", data), ("license", b"MIT")], tag="1b")
            else:
                file = {"m": "m.gguf", "pipe": "model.safetensors"}[name]
                self.hub.hf("org/" + name, {file: data}, commit=sha256(data)[:40])

    def edited(self, data):
        """Some bytes changed, and perhaps its length."""
        data = bytearray(data)
        for _ in range(self.random.randrange(4)):
            data[self.random.randrange(1 << 10, len(data))] ^= 1 + self.random.randrange(255)
        size = self.random.choice((0, 0, 5_000, -5_000, 20 << 20, -(20 << 20)))
        return bytes(data[:len(data) + size] if size < 0 else data + self.random.randbytes(size))

    def shared(self, old, new):
        """Of the pieces that end in both at the same place: bytes that are equal."""
        return sum(len(piece) for at in range(0, len(new), self.PIECE) if (piece := new[at:at + self.PIECE]) == old[at:at + self.PIECE]
                   and (len(piece) == self.PIECE and at + self.PIECE < len(old) or len(old) == len(new)))

    def two_versions(self, old, new):
        """The second machine has the old one, and this one the new."""
        self.publish(old)
        self.pull()
        self.assertEqual(self.machine.run("lock", "--checkpoints").returncode, 0)
        shutil.copy(self.machine.store("ncmodel.lock"), self.lock)
        shutil.copytree(self.machine.store("ncmodel.lock.checkpoints"), self.lock + ".checkpoints")
        self.theirs = os.path.join(self.machine.home, "theirs")
        shutil.copytree(self.machine.root, self.theirs, symlinks=True)
        self.publish(new)
        self.another_machine()
        self.pull()
        self.whole = self.models(self.machine.snapshot())

    def carried(self, *arguments, volume=VOLUME):
        made = json.loads(self.bundle_of("create", self.file, "--for", self.lock, "--volume", str(volume), "--json").out)["data"]
        self.bundle_of("verify", self.folder)
        shutil.rmtree(self.machine.root)
        shutil.copytree(self.theirs, self.machine.root, symlinks=True)
        self.hub.forget()
        return made

    def test_any_edit(self):
        old = {name: make(name, size) for name, make, size in
               (("tiny", gguf, 70 << 20), ("m", gguf, (48 << 20) + 4_321), ("pipe", safetensors, 3 * self.PIECE))}
        for name in old:
            old[name] = old[name][:-5_000] + self.random.randbytes(5_000)
        new = {name: self.edited(data) for name, data in old.items()}
        self.two_versions(old, new)
        made = self.carried()
        reused = {file["sha256"][7:]: file["reused"] for file in made["files"]}
        for name in old:
            if new[name] != old[name]:
                self.assertEqual(reused[sha256(new[name])], self.shared(old[name], new[name]), name)
        self.assertEqual(made["reused"], sum(reused.values()))
        self.assertLess(sum(map(os.path.getsize, self.volumes())), made["size"] - made["reused"] + 100_000 * len(self.volumes()))
        self.bundle_of("import", self.folder, "-y", "--update")
        self.assertEqual(self.hub.asked(), [])
        now = self.models(self.machine.snapshot())
        self.assertEqual({path: now.get(path) for path in self.whole}, self.whole)
        self.assertEqual(self.left(), [])

    def one_edit(self):
        old = {"m": gguf("m", 70 << 20)}
        data = bytearray(old["m"])
        data[40 << 20] ^= 1
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/m/m.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.two_versions(old, {"m": bytes(data)})
        return sha256(old["m"]), bytes(data)

    def test_a_piece_travels_alone(self):
        _, new = self.one_edit()
        made = self.carried()
        self.assertEqual(made["reused"], len(new) - self.PIECE)
        self.assertLess(sum(map(os.path.getsize, self.volumes())), self.PIECE + 50_000)
        with tarfile.open(self.volumes()[0]) as tar:
            self.assertIn(f"blobs/sha256/{sha256(new)}.{2 * self.PIECE:015}", tar.getnames())
        twice = [self.read(path) for path in self.volumes()]
        self.bundle_of("import", *self.volumes(), "-y", "--update")
        self.assertEqual(self.read(self.machine.store("m.gguf")), new)
        self.assertEqual(self.machine.run("verify", "-q").returncode, 0)
        self.assertEqual(len(twice), 1)

    def test_one_version_after_the_other(self):
        """What was imported is what the lock over there pins then, wherever it lies: the next bundle goes by that."""
        names, old = ("tiny", "m", "pipe"), {}
        versions = {name: [make(name, 52 << 20)] for name, make in zip(names, (gguf, gguf, safetensors))}
        for name in names:
            for piece in (1, 2):
                data = bytearray(versions[name][-1])
                data[piece * self.PIECE + 5] ^= 1
                versions[name].append(bytes(data))
        old = {name: versions[name][0] for name in names}
        for step in (1, 2):
            new = {name: versions[name][step] for name in names}
            self.publish(old)
            if step == 1:
                self.two_versions(old, new)
            else:
                self.assertEqual(self.machine.run("lock", "--checkpoints").returncode, 0)
                shutil.copy(self.machine.store("ncmodel.lock"), self.lock)
                shutil.rmtree(self.lock + ".checkpoints")
                shutil.copytree(self.machine.store("ncmodel.lock.checkpoints"), self.lock + ".checkpoints")
                shutil.rmtree(self.theirs)
                shutil.copytree(self.machine.root, self.theirs, symlinks=True)
                shutil.rmtree(self.folder)
                self.publish(new)
                self.another_machine()
                self.pull()
                self.whole = self.models(self.machine.snapshot())
            made = self.carried()
            self.assertEqual(made["reused"], sum(len(data) - self.PIECE for data in new.values()))
            refused = self.bundle_of("import", self.folder, "-y", code=11)
            self.assertIn("to take what the bundle pins: --update", refused.err)
            self.bundle_of("import", self.folder, "-y", "--update")
            now = self.models(self.machine.snapshot())
            self.assertEqual({path: now.get(path) for path in self.whole}, self.whole)
            self.assertEqual(self.left(), [])
            self.assertEqual(self.machine.run("pull", "--locked", "--offline", "-y").returncode, 0)
            old = new

    def test_a_folder_has_whole_files(self):
        _, new = self.one_edit()
        self.bundle_of("create", self.bundle, "--for", self.lock)
        self.assertEqual(self.read(os.path.join(self.blobs, sha256(new))), new)

    def test_without_their_checkpoints_it_goes_whole(self):
        _, new = self.one_edit()
        shutil.rmtree(self.lock + ".checkpoints")
        told = self.bundle_of("create", self.file, "--for", self.lock)
        self.assertIn("m.gguf goes whole: the lock pins another version", told.err)
        self.assertEqual(self.carried()["reused"], 0)
        self.bundle_of("import", self.folder, "-y", "--update")
        self.assertEqual(self.read(self.machine.store("m.gguf")), new)

    def test_checkpoints_that_lie_prove_nothing(self):
        old, new = self.one_edit()
        path = os.path.join(self.lock + ".checkpoints", old)
        packed = bytearray(self.read(path)[:-32])
        packed[72 + 5] ^= 1  # of the state behind the first piece
        self.write(path, bytes(packed) + bytes.fromhex(sha256(bytes(packed))))
        self.assertEqual(self.carried()["reused"], len(new) - 3 * self.PIECE)
        self.bundle_of("import", self.folder, "-y", "--update")
        self.assertEqual(self.read(self.machine.store("m.gguf")), new)

    def test_the_older_version_is_not_there_or_damaged(self):
        old, new = self.one_edit()
        self.carried()
        path = self.machine.store("m.gguf")
        self.flip(path, 3 << 20)
        told = self.bundle_of("import", self.folder, "-y", "--update", code=11)
        self.assertIn(f"the older version here, sha256 {old}, has other bytes at 0-16777215 than it should", told.err)
        self.flip(path, 3 << 20)
        os.rename(path, path + ".away")
        told = self.bundle_of("import", self.folder, "-y", "--update", code=11)
        self.assertIn(f"bytes 0-16777215 are those of an older version, sha256 {old}, that no model here has", told.err)
        self.bundle_of("verify", self.folder)  # nothing is wrong with the volumes
        self.assertIn("hint: ask for a bundle made without --for: this one builds on older versions that are not here, or damaged", told.err)
        self.assertNotIn("bundle verify", told.err)
        os.rename(path + ".away", path)
        self.bundle_of("import", self.folder, "-y", "--update")
        self.assertEqual(self.read(path), new)
        self.assertEqual(self.left(), [])

    def test_what_is_left_out_is_proven_here_too(self):
        _, new = self.one_edit()
        self.flip(self.machine.store("m.gguf"), 3 << 20)  # in a piece that both versions share
        self.assertIn("at 0-16777215", self.bundle_of("create", self.file, "--for", self.lock, code=4).err)
        self.flip(self.machine.store("m.gguf"), 3 << 20)
        with open(self.machine.store("m.gguf"), "r+b") as file:  # as it was in the older version
            file.seek(40 << 20)
            file.write(bytes([new[40 << 20] ^ 1]))
        self.assertIn("at 33554432-50331647", self.bundle_of("create", self.file, "--for", self.lock, code=4).err)
        self.assertEqual(self.volumes(), [])

    def test_a_second_copy_of_the_older_version_serves(self):
        old = gguf("m", 70 << 20)
        self.machine.manifest([{"id": name, "files": [{"from": ["hf:org/m/m.gguf"], "to": [{"store": "llama-cpp", "name": name + ".gguf"}]}]}
                               for name in ("a", "b")])
        self.two_versions({"m": old}, {"m": old[:40 << 20] + b"x" + old[(40 << 20) + 1:]})
        self.carried()
        for damaged in ("a", "b"):
            path = self.machine.store(damaged + ".gguf")
            data = self.read(path)
            os.unlink(path)
            self.write(path, b"y" + data[1:])
            told = self.machine.run("bundle", "import", self.folder, "-y", "--update")
            self.assertNotIn("has other bytes", told.err)
            shutil.rmtree(self.machine.root)
            shutil.copytree(self.theirs, self.machine.root, symlinks=True)

    def test_an_index_that_lies_is_refused(self):
        old, new = self.one_edit()
        good = json.loads(self.carried() and self.member("bundle.json"))
        blob = next(file for file in good["files"] if "base" in file)
        for ranges in ([], [{"start": 0, "end": 5}], [{"start": 5, "end": self.PIECE}], [{"start": self.PIECE, "end": self.PIECE}],
                       [{"start": self.PIECE, "end": 0}], [{"start": 0, "end": 80 << 20}], [{"start": 0}], ["x"],
                       [{"start": self.PIECE, "end": 2 * self.PIECE}, {"start": 0, "end": self.PIECE}]):
            blob["base"]["ranges"] = ranges
            self.write(os.path.join(self.bundle, "bundle.json"), json.dumps(good).encode())
            self.bundle_of("verify", self.bundle, code=2)

    def member(self, name):
        with tarfile.open(self.volumes()[0]) as tar:
            return tar.extractfile(name).read()


class DamageTest(VolumeCase):
    """Wherever a byte is flipped: no other byte comes out, and what is not touched does."""

    def setUp(self):
        super().setUp()
        self.data = {name: gguf(name, size) for name, size in
                     (("a", 3_000_000), ("b", 70 << 20), ("c", 2_000_000), ("d", 5_000_000))}
        self.installed(**self.data)
        self.paths = self.created()
        self.whole = [self.read(path) for path in self.paths]
        self.another_machine()

    def check_what_came(self):
        came = set()
        for name, data in self.data.items():
            path = self.machine.store(name + ".gguf")
            if os.path.exists(path):
                self.assertEqual(self.read(path), data)
                came.add(name)
        return came

    def test_a_flipped_byte(self):
        for number in range(24):
            volume = self.random.randrange(len(self.paths))
            at = self.random.randrange(len(self.whole[volume]) - 1024) if number % 3 else self.random.randrange(30) * 512 + number
            self.flip(self.paths[volume], at)
            told = self.machine.run("bundle", "verify", *self.paths)
            if told.returncode:  # a byte between two entries is nobody's
                self.assertEqual(told.returncode, 4, told.err)
                self.assertIn(os.path.basename(self.paths[volume]), told.out)
            result = self.machine.run("bundle", "import", *self.paths, "-y")
            came = self.check_what_came()
            self.assertGreaterEqual(len(came), 3, (number, volume, at, result.err))
            self.assertEqual(result.returncode == 0, len(came) == 4, result.err)
            self.write(self.paths[volume], self.whole[volume])
            if len(came) < 4:
                self.bundle_of("import", self.paths[volume], "-y")  # it alone brings what was lacking
                self.assertEqual(self.check_what_came(), set(self.data))
            if number % 4 == 0:
                self.assertEqual(self.machine.run("verify", "-q").returncode, 0)
            self.another_machine()
        self.assertEqual(self.hub.asked(), [])

    def test_a_document_is_named_though_another_volume_has_it(self):
        with tarfile.open(self.paths[1]) as tar:
            places = {m.name: m.offset_data for m in tar.getmembers() if not m.name.startswith("blobs/")}
        self.assertGreater(len(places), 4)
        for name, at in places.items():
            inside = self.whole[1].index(b"index_sha256") + 20 if name == "volume.json" else at + 40
            self.flip(self.paths[1], inside)
            told = self.bundle_of("verify", *self.paths, code=4).out
            self.assertIn(f"models-002.tar: damaged: {name}", told)
            self.assertNotIn("not given", told)
            self.write(self.paths[1], self.whole[1])
        self.bundle_of("verify", *self.paths)

    def test_a_volume_that_says_it_is_anothers_is_imported_all_the_same(self):
        for number in range(len(self.paths)):
            at = self.whole[number].index(b"index_sha256") + 20
            self.write(self.paths[number], self.whole[number][:at] + bytes([self.whole[number][at] ^ 1]) + self.whole[number][at + 1:])
            self.bundle_of("import", *self.paths, "-y")
            self.assertEqual(self.check_what_came(), set(self.data))
            self.write(self.paths[number], self.whole[number])
            self.another_machine()

    def test_two_imports_at_once(self):
        for _ in range(3):
            two = [self.machine.start("bundle", "import", *self.paths, "-y") for _ in range(2)]
            for process in two:
                _, told = process.communicate(timeout=120)
                self.assertEqual(process.returncode, 0, told)
            self.assertEqual(self.check_what_came(), set(self.data))
            self.assertEqual(self.left(), [])
            self.another_machine()

    def test_what_is_not_there_at_all(self):
        for action in ("verify", "import"):
            told = self.bundle_of(action, self.file, code=2).err
            self.assertIn(f"there is no {self.file}", told)
            self.assertIn("or the folder that has them", told)
        self.bundle_of("verify", self.folder)
        self.assertIn("give the missing volumes", self.bundle_of("verify", self.paths[0], code=4).err)

    def test_a_piece_is_named(self):
        with tarfile.open(self.paths[0]) as tar:
            member = next(m for m in tar.getmembers() if m.size > 16 << 20)
            at = member.offset_data + (17 << 20)
        start = int(member.name.split(".")[1]) if "." in member.name else 0
        span = start + (16 << 20)
        self.flip(self.paths[0], at)
        told = self.bundle_of("verify", self.folder, code=4)
        self.assertIn(f"models-001.tar: bytes {span}-{span + (16 << 20) - 1} are damaged", told.out)
        result = self.machine.run("bundle", "import", self.folder, "-y")
        self.assertIn(f"models-001.tar: bytes {span}-{span + (16 << 20) - 1} are damaged", result.err)

    def test_a_volume_that_is_not_there(self):
        result = self.machine.run("bundle", "import", *self.paths[1:], "-y")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("volume 1 of 3: it is not given", result.err)
        self.assertIn("in no volume that is here", result.err)
        came = self.check_what_came()
        self.assertGreaterEqual(len(came), 1)
        self.assertEqual(len(self.left()), 1)
        self.bundle_of("import", self.paths[0], "-y")
        self.assertEqual(self.check_what_came(), set(self.data))
        self.assertEqual(self.left(), [])

    def test_two_at_once(self):
        """the second waits for the first, and then finds all of it here"""
        for _ in range(3):
            processes = [self.machine.start("bundle", "import", *self.paths, "-y") for _ in range(2)]
            for process in processes:
                out, err = process.communicate(timeout=120)
                self.assertEqual(process.returncode, 0, out + err)
            self.assertEqual(self.check_what_came(), set(self.data))
            self.assertEqual(self.left(), [])
            self.another_machine()

    def test_what_was_unpacked_is_damaged_meanwhile(self):
        """what lies unpacked from an earlier run and is no longer right is unpacked anew"""
        self.machine.run("bundle", "import", *self.paths[1:], "-y")
        whole = [path for folder in self.left() for path in glob.glob(folder + "/blobs/sha256/*") if len(os.path.basename(path)) == 64]
        self.assertTrue(whole)
        for path in whole:
            self.flip(path, 1000)
        for path in self.machine.snapshot():
            if path.endswith(".gguf"):
                os.unlink(os.path.join(self.machine.root, path))
        self.machine.run("status")
        self.bundle_of("import", *self.paths, "-y")
        self.assertEqual(self.check_what_came(), set(self.data))
        self.assertEqual(self.left(), [])

    def test_what_is_left_goes_with_gc(self):
        self.machine.run("bundle", "import", *self.paths[1:], "-y")
        self.assertEqual(len(self.left()), 1)
        for arguments in ([], ["--keep-partial", "--min-age", "0"]):
            self.assertEqual(self.machine.run("gc", "-y", *arguments).returncode, 0)
            self.assertEqual(len(self.left()), 1)
        before = self.models(self.machine.snapshot())
        self.assertEqual(self.machine.run("gc", "-y", "--min-age", "0").returncode, 0)
        self.assertEqual(self.left(), [])
        self.assertEqual(self.models(self.machine.snapshot()), before)
        self.bundle_of("import", *self.paths, "-y")
        self.assertEqual(self.check_what_came(), set(self.data))

    def test_cut_short(self):
        for size in (0, 100, 512, 20_000, 10_000_000, len(self.whole[0]) - 1024):
            with open(self.paths[0], "r+b") as file:
                file.truncate(size)
            self.bundle_of("verify", *self.paths, code=4)
            result = self.machine.run("bundle", "import", *self.paths, "-y")
            self.assertGreaterEqual(len(self.check_what_came()), 1, result.err)
            self.write(self.paths[0], self.whole[0])
            self.another_machine()


class HostileTest(VolumeCase):
    def tar(self, *members):
        """A volume of these (name, bytes or type) behind the documents of a right one."""
        out = io.BytesIO()
        with tarfile.open(self.right) as source, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for member in source.getmembers():
                if not member.name.startswith("blobs/"):
                    tar.addfile(member, source.extractfile(member))
            for name, data in members:
                member = tarfile.TarInfo(name)
                if isinstance(data, bytes):
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                else:
                    member.type = data
                    member.linkname = "/etc/passwd"
                    tar.addfile(member)
        return self.write(os.path.join(self.machine.home, "hostile.tar"), out.getvalue())

    def test_what_no_bundle_has_is_refused(self):
        data = gguf("x", 50_000)
        self.installed(x=data)
        self.bundle_of("create", self.file)
        self.right = self.file
        blob = "blobs/sha256/" + sha256(data)
        self.another_machine()
        before = tree(self.machine.home)
        for members in ([("../evil", b"x")], [("/etc/evil", b"x")], [("blobs/../../evil", b"x")], [(blob, tarfile.SYMTYPE)],
                        [(blob, tarfile.LNKTYPE)], [(blob, tarfile.FIFOTYPE)], [(blob, tarfile.DIRTYPE)], [("other", b"x")],
                        [("blobs/sha256/" + "0" * 64, data)], [(blob, data + b"more")], [(blob + ".000000000000001", b"x")],
                        [(blob + ".000000016777216", b"x")], [(blob + ".1", b"x")], [("manifests/../../x.json", b"{}")],
                        [("manifests/.ncmodel/x.json", b"{}")]):
            path = self.tar(*members)
            for action in (["verify"], ["import", "-y"]):
                result = self.machine.run("bundle", action[0], path, *action[1:])
                self.assertEqual(result.returncode, 11, (members[0][0], result.err))
                self.assertIn("refused", result.err)
            os.unlink(path)
        self.assertEqual({n: d for n, d in tree(self.machine.home).items() if "log.jsonl" not in n},
                         {n: d for n, d in before.items() if "log.jsonl" not in n})

    def test_what_is_no_volume(self):
        self.installed(x=gguf("x", 50_000))
        self.bundle_of("create", self.file)
        path = os.path.join(self.machine.home, "x.tar")
        for data in (b"", b"x" * 5000, bytes(5000), self.read(self.file)[:512]):
            self.write(path, data)
            self.assertIn("no sound bundle.json", self.bundle_of("verify", path, code=2).err)
        os.unlink(path)
        os.mkfifo(path)
        self.bundle_of("import", path, "-y", code=11)
        other = os.path.join(self.machine.home, "other.tar")
        self.installed(y=gguf("y", 50_000))
        self.bundle_of("create", other, "y")
        self.assertIn("not of one bundle", self.bundle_of("verify", self.file, other, code=2).err)

    def test_other_bytes_by_the_right_name(self):
        data = gguf("x", 50_000)
        self.installed(x=data)
        self.bundle_of("create", self.file)
        self.right = self.file
        path = self.tar(("blobs/sha256/" + sha256(data), data[:-1] + b"!"))
        self.another_machine()
        self.bundle_of("verify", path, code=4)
        result = self.machine.run("bundle", "import", path, "-y")
        self.assertNotEqual(result.returncode, 0)
        self.assertFalse(os.path.exists(self.machine.store("x.gguf")))


class VolumeKillTest(VolumeCase):
    """Killed at any moment: what has a name is right, and the same command goes on to the same end."""

    def setUp(self):
        super().setUp()
        self.data = {"a": gguf("a", 50 << 20), **{name: gguf(name, 6 << 20) for name in "bcd"}}
        self.installed(**self.data)

    def test_create(self):
        arguments = ("create", self.file, "--volume", "20MB")
        self.timed(*arguments)
        whole = {path: sha256(self.read(path)) for path in self.volumes()}
        for _ in range(KILLS):
            if self.random.random() < 0.4:
                shutil.rmtree(self.folder, True)
            self.killed(*arguments)
            for path in self.volumes():
                self.assertEqual(sha256(self.read(path)), whole[path])
        self.bundle_of(*arguments)
        self.assertEqual({os.path.join(self.folder, name): digest for name, digest in tree(self.folder).items()}, whole)

    def test_two_create_at_once(self):
        for arguments in (("create", self.file, "--volume", "20MB"), ("create", self.folder + "/folder")):
            self.create_twice(arguments)

    def create_twice(self, arguments):
        shutil.rmtree(self.folder, True)
        self.timed(*arguments)
        whole = {os.path.join(self.folder, name): digest for name, digest in tree(self.folder).items()}
        for _ in range(KILLS):
            shutil.rmtree(self.folder)
            first = self.machine.start("bundle", *arguments)
            time.sleep(self.random.random() * self.whole)
            second = self.machine.start("bundle", *arguments)
            for process in (first, second):
                out, err = process.communicate(timeout=120)
                self.assertEqual(process.returncode, 0, out + err)
            self.assertEqual({os.path.join(self.folder, name): digest for name, digest in tree(self.folder).items()}, whole)

    def test_interrupted(self):
        volumes = self.created(volume=20_000_000)
        self.another_machine()
        self.timed("import", *volumes, "-y")
        interrupted = 0
        for _ in range(KILLS):
            self.another_machine()
            process = self.machine.start("bundle", "import", *volumes, "-y")
            time.sleep(self.random.random() * self.whole)
            process.send_signal(signal.SIGINT)
            process.communicate()
            self.assertIn(process.returncode, (0, 130, -signal.SIGINT))
            interrupted += process.returncode == 130
            self.bundle_of("import", *volumes, "-y")
            self.assertEqual({name: self.read(self.machine.store(name + ".gguf")) for name in self.data}, self.data)
        self.assertGreater(interrupted, 0)

    def test_import(self):
        volumes = self.created(volume=20_000_000)
        self.another_machine()
        self.timed("import", *volumes, "-y")
        for _ in range(KILLS):
            if self.random.random() < 0.4:
                self.another_machine()
            self.random.shuffle(volumes)
            self.killed("import", *volumes, "-y")
            for path, digest in self.machine.snapshot().items():
                if path.endswith(".gguf"):
                    self.assertEqual(digest, sha256(self.data[os.path.basename(path)[0]]), path)
        self.bundle_of("import", *volumes, "-y")
        self.assertEqual({name: self.read(self.machine.store(name + ".gguf")) for name in self.data}, self.data)
        self.assertEqual(self.left(), [])
        self.check_registry()
        self.assertEqual(self.hub.asked(), [])


if __name__ == "__main__":
    unittest.main()
