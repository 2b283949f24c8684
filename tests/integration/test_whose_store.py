"""Whose bytes lie in a store, and from where: what verify --store, adopt and link say of them is true, and nothing of the
user's changes but by name."""
import json
import os
import pty
import select
import struct
import sys
import time
import unittest

from harness import BINARY, SOURCE, Case, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "fixtures"))
import gguf  # noqa: E402
import safetensors  # noqa: E402

COMMIT = "e" * 40
NOBODY = 65534


def lora(seed, size=20_000):
    names = [f"lora_unet_down_blocks_0_attentions_{i}.lora_{way}.weight" for i in range(2) for way in ("up", "down")]
    return safetensors.encode(safetensors.noise(names, size, seed))


def edited(data):
    """The same tensors behind a header that another program wrote something into."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header["__metadata__"] = {**header.get("__metadata__", {}), "modelspec.title": "my own words"}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + length:]


def tensors_of(data):
    return data[8 + struct.unpack("<Q", data[:8])[0]:]


class StoreCase(Case):
    def setUp(self):
        super().setUp()
        self.loras = os.path.join(self.machine.root, "stable-diffusion-webui/models/Lora")
        self.comfy = os.path.join(self.machine.root, "ComfyUI/models")

    def unprivileged(self, *arguments):
        """As somebody who may not read everything."""
        options = {}
        if os.geteuid() == 0:
            for folder, _, files in os.walk(self.machine.home):
                for name in [folder] + [os.path.join(folder, f) for f in files]:
                    os.chown(name, NOBODY, NOBODY, follow_symlinks=False)
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        process = self.machine.start(*arguments, **options)
        process.out, process.err = process.communicate(timeout=60)
        return process

    def forbid(self, path):
        os.chmod(path, 0)
        self.addCleanup(os.chmod, path, 0o755)

    def adopt(self, *arguments, code=0):
        result = self.machine.run("adopt", "--json", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return {m["id"]: m for m in json.loads(result.out)["data"]["models"]}

    def survey(self, *arguments, code=0):
        result = self.machine.run("verify", "--json", "--store", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return {f["path"]: f for f in json.loads(result.out)["data"]["files"]}


class SidecarTest(StoreCase):
    """A sidecar is somebody's word."""

    def version(self, name, files):
        """Civitai's word on a version, of which the hub serves the first file."""
        self.hub.civitai(7, 70, name, files[0])
        _, version, _ = self.hub.routes["service"]["/api/v1/model-versions/7"](None)
        first = version["files"][0]
        version["files"] = [{**first, "id": first["id"] + i, "primary": i == 0, "sizeKB": len(data) / 1024,
                             "metadata": {"fp": ("fp16", "fp32")[i], "format": "SafeTensor"},
                             "hashes": {"SHA256": sha256(data).upper()}} for i, data in enumerate(files)]
        return version

    def sidecar(self, version):
        self.write(os.path.join(self.loras, "style.civitai.info"), json.dumps(version).encode())

    def test_another_file_of_the_version(self):
        half, full = lora(1), lora(2, 40_000)
        path = self.write(os.path.join(self.loras, "style.safetensors"), full)
        self.sidecar(self.version("style.safetensors", [half, full]))
        for yes in ([], ["-y"]):
            result = self.machine.run("verify", "--store", "a1111", "--repair", *yes)
            self.assertEqual(result.returncode, 0, result.err + result.out)
            self.assertEqual(self.read(path), full)
        found = self.survey("a1111")[path]
        self.assertEqual(found["state"], "ok")
        self.assertIn("as file 2 (fp32)", found["detail"])
        self.assertEqual(list(self.adopt().values())[0]["source"], "civitai:70@7?fileId=71")
        self.assertEqual(list(self.entries().values())[0]["files"][0]["source"], "civitai:70@7?fileId=71")

    def test_an_edited_header(self):
        data = lora(1)
        mine = edited(data)
        path = self.write(os.path.join(self.loras, "style.safetensors"), mine)
        version = self.version("style.safetensors", [data])
        for auto_v3, says in ((None, "whether in its header alone is not known"),
                              (sha256(tensors_of(data))[:12].upper(), "(its header alone)")):
            if auto_v3:
                version["files"][0]["hashes"]["AutoV3"] = auto_v3
            self.sidecar(version)
            found = self.survey("a1111")[path]
            self.assertEqual(found["state"], "differs")
            self.assertIn("differs from what its sidecar says", found["detail"])
            self.assertIn(says, found["detail"])
        for arguments in (["--repair"], ["--repair", "-y"]):
            result = self.machine.run("verify", "--store", "a1111", *arguments)
            self.assertEqual(result.returncode, 0, result.err + result.out)
            self.assertEqual(self.read(path), mine)
        # By name, but nobody was asked.
        result = self.machine.run("verify", "--store", "a1111", "--repair", "style")
        self.assertEqual(result.returncode, 2, result.err + result.out)
        self.assertIn("-y", result.err)
        self.assertEqual(self.read(path), mine)
        for words in (["--repair", "nobody", "-y"], ["--repair", "no/body", "-y"], ["style"], ["--repair", "/nowhere", "style"]):
            result = self.machine.run("verify", "--store", "a1111", *words)
            self.assertEqual(result.returncode, 2, result.err + result.out)
        self.assertEqual(self.read(path), mine)
        result = self.machine.run("verify", "--store", "a1111", "--repair", "style", "-y")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.assertEqual(self.read(path), data)

    def ask(self, answer, *arguments):
        """On a terminal of its own."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.machine.home)
            os.execve(BINARY, [BINARY, *arguments], {**self.machine.env, "TERM": "dumb"})
        shown, answered = b"", False
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                block = os.read(terminal, 4096)
            except OSError:
                break
            if not block:
                break
            shown += block
            if b"[y/N]" in shown and not answered:
                answered = True
                os.write(terminal, answer + b"\n")
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), shown.decode(errors="replace"), answered

    def test_the_question(self):
        data, mine = lora(1), lora(3)
        path = self.write(os.path.join(self.loras, "style.safetensors"), mine)
        self.sidecar(self.version("style.safetensors", [data]))
        command = ("verify", "--store", "a1111", "--repair", "style")
        code, shown, answered = self.ask(b"", *command)
        self.assertTrue(answered, shown)
        self.assertIn("style.safetensors", shown)
        self.assertEqual((code, self.read(path)), (0, mine), shown)
        code, shown, answered = self.ask(b"y", *command)
        self.assertEqual((code, self.read(path)), (0, data), shown)

    def test_registered_files_are_asked_for_too(self):
        data = gguf.Model("Chat", "Q4_K_M", 60_000, 1).single()
        self.machine.manifest([self.machine.simple("chat.gguf", data)])
        self.pull()
        path = self.write(self.machine.store("chat.gguf"), data[:-7])
        code, shown, answered = self.ask(b"n", "verify", "--repair")
        self.assertTrue(answered, shown)
        self.assertEqual((code, self.read(path)), (4, data[:-7]), shown)
        code, shown, answered = self.ask(b"", "verify", "--repair", "-y")
        self.assertFalse(answered, shown)
        self.assertEqual((code, self.read(path)), (0, data), shown)


class UnreadableTest(StoreCase):
    """What cannot be read is not absent."""

    def test_a_store(self):
        self.write(os.path.join(self.loras, "a.safetensors"), lora(1))
        webui = os.path.join(self.machine.root, "stable-diffusion-webui")
        self.forbid(webui)
        for command in (["verify", "--store", "a1111"], ["verify", "--store", "a1111", "--repair"], ["adopt"],
                        ["adopt", "--store", "a1111"], ["link", "--dry-run"], ["link", "--store", "a1111"]):
            with self.subTest(command):
                result = self.unprivileged(*command, "--json")
                self.assertEqual(result.returncode, 1, result.err + result.out)
                errors = json.loads(result.out)["errors"]
                self.assertEqual({e["code"] for e in errors}, {"io"}, errors)
                self.assertIn(webui, errors[0]["message"])
                result = self.unprivileged(*command)
                self.assertEqual(result.returncode, 1)
                self.assertIn(webui, result.out + result.err)
                self.assertIn("Permission denied", result.out + result.err)

    def test_a_folder_in_it(self):
        self.write(os.path.join(self.loras, "a.safetensors"), lora(1))
        deep = os.path.join(self.loras, "deep")
        self.write(os.path.join(deep, "b.safetensors"), lora(2))
        self.forbid(deep)
        for command in (["verify", "--store", "a1111"], ["adopt"], ["link"], ["link", self.loras]):
            with self.subTest(command):
                result = self.unprivileged(*command, "--json")
                self.assertEqual(result.returncode, 1, result.err + result.out)
                document = json.loads(result.out)
                self.assertEqual([e["code"] for e in document["errors"]], ["io"])
                self.assertIn(deep, document["errors"][0]["message"])
        self.assertEqual(len(self.entries()), 1, "what can be read is adopted all the same")

    def test_a_file(self):
        path = self.write(os.path.join(self.loras, "a.safetensors"), lora(1))
        self.write(os.path.join(self.comfy, "loras/b.safetensors"), lora(1))
        self.forbid(path)
        result = self.unprivileged("verify", "--store", "a1111", "--json")
        self.assertEqual(result.returncode, 4, result.err + result.out)
        self.assertIn("unreadable", result.out)
        result = self.unprivileged("adopt", "--store", "a1111")
        self.assertEqual(result.returncode, 4, result.err + result.out)
        result = self.unprivileged("link", "--least", "1", "--json")
        self.assertEqual(result.returncode, 1, result.err + result.out)
        self.assertIn(path, json.loads(result.out)["errors"][0]["message"])

    def test_a_sidecar(self):
        self.write(os.path.join(self.loras, "a.safetensors"), lora(1))
        sidecar = self.write(os.path.join(self.loras, "a.safetensors.sha256"), sha256(lora(2)).encode())
        self.forbid(sidecar)
        result = self.unprivileged("verify", "--store", "a1111")
        self.assertEqual(result.returncode, 1, result.err + result.out)
        self.assertIn(sidecar, result.out)

    def test_a_registered_file_below_it(self):
        folder = os.path.join(self.loras, "deep")
        self.write(os.path.join(folder, "a.safetensors"), lora(1))
        self.adopt()
        self.forbid(folder)
        result = self.unprivileged("verify", "--json")
        self.assertEqual(result.returncode, 4, result.err + result.out)
        self.assertEqual([f["verdict"] for f in json.loads(result.out)["data"]["files"]], ["unreadable"])
        self.assertNotIn("missing", json.dumps(self.entries()))


class StructureTest(StoreCase):
    def test_truncated_stays_so_after_it_was_registered(self):
        """What models.json recorded on first use does not make it whole."""
        path = self.write(self.machine.store("cut.safetensors"), lora(1)[:-100])
        data = self.read(path)
        with open(self.machine.store("models.json"), "w") as file:
            json.dump({"models": [{
                "name": "cut", "id": "cut", "file_path": "models/cut.safetensors", "size_mb": 1, "capabilities": ["x"],
                "performance_score": 0.5, "cost_score": 0.5, "privacy_tier": "Public", "use_cases": ["General"],
                "trust": "first-use", "source": "https://h.invalid/cut.safetensors",
                "files": [{"path": "models/cut.safetensors", "size": len(data), "sha256": sha256(data),
                           "mtime_ns": os.stat(path).st_mtime_ns, "role": "weights", "store": "llama-cpp"}]}]}, file)
        self.assertEqual(self.survey("llama-cpp", code=4)[path]["state"], "truncated")

    def test_what_is_no_model(self):
        for name, data in (("page.bin", b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"),
                           ("error.pt", b'{"error": "Invalid token"}'), ("empty.ckpt", b""),
                           ("pointer.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"),
                           ("cut.gguf", gguf.Model("Chat", "Q4_K_M", 60_000, 1).single()[:-1000])):
            with self.subTest(name):
                path = self.write(self.machine.store(name), data)
                found = self.survey("llama-cpp", code=4)[path]
                self.assertIn(found["state"], ("damaged", "truncated"))
                refused = self.adopt(code=4)
                self.assertEqual({m["verdict"] for m in refused.values()}, {"refused"})
                self.assertFalse(os.path.exists(self.machine.store("models.json")))
                os.remove(path)

    def test_a_name_that_json_cannot_hold(self):
        folder = os.fsencode(self.machine.store())
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, b"caf\xe9.gguf"), "wb") as file:
            file.write(gguf.Model("Chat", "Q4_K_M", 60_000, 1).single())
        refused = self.adopt(code=4)
        self.assertEqual([m["verdict"] for m in refused.values()], ["refused"])
        self.assertIn("UTF-8", list(refused.values())[0]["detail"])
        self.assertFalse(os.path.exists(self.machine.store("models.json")))


class LinkTest(StoreCase):
    """A link at a file's own name is registered as the link."""

    def setUp(self):
        super().setUp()
        self.target = self.write(os.path.join(self.machine.home, "other disk/v.safetensors"), lora(1))
        self.link = os.path.join(self.comfy, "vae/v.safetensors")
        os.makedirs(os.path.dirname(self.link))
        os.symlink(self.target, self.link)

    def file(self):
        (entry,) = self.entries().values()
        (file,) = entry["files"]
        return file

    def test_what_is_recorded(self):
        self.adopt()
        file = self.file()
        self.assertEqual((self.machine.registered_path(file["path"]), file["target"], file["store"], file["origin"]),
                         (self.link, self.target, "comfyui", "adopted"))
        self.assertNotIn("source", file)
        self.assertEqual({m["verdict"] for m in self.adopt().values()}, {"known"})
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_of_an_older_version(self):
        """It registered what the link leads to."""
        self.adopt()
        registry = self.machine.registry()
        (entry,) = registry["models"]
        entry["x-mine"] = 7
        for key in ("target", "origin"):
            del entry["files"][0][key]
        entry["files"][0].update({"path": self.target, "store": None})
        with open(self.machine.store("models.json"), "w") as file:
            json.dump(registry, file)
        self.assertEqual({m["verdict"] for m in self.adopt().values()}, {"changed"})
        self.assertEqual(self.machine.registered_path(self.file()["path"]), self.link)
        self.assertEqual(self.machine.registry()["models"][0]["x-mine"], 7)
        self.assertEqual({m["verdict"] for m in self.adopt().values()}, {"known"})

    def test_a_file_became_a_link(self):
        path = self.write(os.path.join(self.loras, "a.safetensors"), lora(5))
        self.adopt("--store", "a1111")
        os.rename(path, os.path.join(self.machine.home, "away"))
        os.symlink(os.path.join(self.machine.home, "away"), path)
        told = self.machine.run("verify")
        self.assertEqual(told.returncode, 4)
        self.assertIn("a link now", told.out)
        self.adopt("--store", "a1111")
        self.assertEqual(self.file()["target"], os.path.join(self.machine.home, "away"))
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_named_on_the_command_line(self):
        self.adopt(self.link)
        self.assertEqual(self.machine.registered_path(self.file()["path"]), self.link)

    def test_verify_follows_it(self):
        self.adopt()
        other = self.write(os.path.join(self.machine.home, "other disk/w.safetensors"), lora(2))
        for change, verdict in ((lambda: None, "ok"), (lambda: self.write(self.target, lora(3)), "damaged"),
                                (lambda: os.replace(other, self.target), "damaged"),
                                (lambda: os.remove(self.target), "missing")):
            change()
            result = self.machine.run("verify", "--json")
            files = json.loads(result.out)["data"]["files"]
            self.assertEqual([f["verdict"] for f in files], [verdict])
            self.assertEqual(result.returncode, 0 if verdict == "ok" else 4)
        os.remove(self.link)
        os.symlink(self.write(os.path.join(self.machine.home, "third/v.safetensors"), lora(1)), self.link)
        self.assertEqual(self.machine.run("verify").returncode, 0, "led elsewhere, and the same bytes")

    def test_the_target_is_registered_too(self):
        self.write(os.path.join(self.loras, "v.safetensors"), lora(1))
        self.adopt()
        files = [self.machine.registered_path(f["path"]) for e in self.entries().values() for f in e["files"]]
        self.assertEqual(sorted(files), sorted([self.link, os.path.join(self.loras, "v.safetensors")]))


class MovedTest(StoreCase):
    """A file that was moved or renamed is found again by its digest."""

    def setUp(self):
        super().setUp()
        self.old = self.write(os.path.join(self.loras, "style.safetensors"), lora(1))
        self.adopt()
        registry = self.machine.registry()
        registry["models"][0].update({"use_cases": ["Vision"], "x-mine": 7})
        with open(self.machine.store("models.json"), "w") as file:
            json.dump(registry, file)

    def expect(self, *paths):
        (entry,) = self.entries().values()
        self.assertEqual((entry["id"], entry["x-mine"]), ("style", 7))
        self.assertEqual(sorted(self.machine.registered_path(f["path"]) for f in entry["files"]), sorted(paths))
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.assertEqual({m["verdict"] for m in self.adopt().values()}, {"known"})
        return entry

    def test_into_another_folder_under_another_name(self):
        new = os.path.join(self.loras, "SDXL/renamed.safetensors")
        os.makedirs(os.path.dirname(new))
        os.rename(self.old, new)
        self.assertEqual({i: m["verdict"] for i, m in self.adopt().items()}, {"style": "changed"})
        self.expect(new)

    def test_into_another_store(self):
        new = os.path.join(self.comfy, "loras/style.safetensors")
        os.makedirs(os.path.dirname(new))
        os.rename(self.old, new)
        self.adopt()
        entry = self.expect(new)
        self.assertEqual((entry["store"], entry["files"][0]["store"]), ("comfyui", "comfyui"))

    def test_a_copy_is_a_further_file(self):
        new = self.write(os.path.join(self.comfy, "loras/copy.safetensors"), lora(1))
        self.adopt()
        self.expect(self.old, new)

    def test_moved_and_copied(self):
        new = [os.path.join(self.comfy, f"loras/{name}.safetensors") for name in ("one", "two")]
        for path in new:
            self.write(path, lora(1))
        os.remove(self.old)
        self.adopt()
        self.expect(*new)

    def test_a_whole_store(self):
        root, moved = os.path.join(self.machine.root, "stable-diffusion-webui"), os.path.join(self.machine.root, "webui")
        os.rename(root, moved)
        self.machine.env["NCMODEL_STORE_A1111"] = moved
        self.adopt()
        self.expect(os.path.join(moved, "models/Lora/style.safetensors"))

    def test_whether_it_is_gone_is_not_known(self):
        new = os.path.join(self.comfy, "loras/style.safetensors")
        os.makedirs(os.path.dirname(new))
        self.write(new, lora(1))
        folder = os.path.dirname(self.old)
        self.forbid(folder)
        result = self.unprivileged("adopt")
        self.assertEqual(result.returncode, 1, result.err + result.out)
        os.chmod(folder, 0o755)
        self.expect(self.old, new)

    def test_shards(self):
        shards = gguf.Model("Split", "Q4_K_M", 200_000, 3).split(3)
        for i, shard in enumerate(shards):
            self.write(self.machine.store(f"split-0000{i + 1}-of-00003.gguf"), shard)
        self.adopt()
        os.makedirs(self.machine.store("deep"))
        for i in range(3):
            name = f"split-0000{i + 1}-of-00003.gguf"
            os.rename(self.machine.store(name), self.machine.store("deep", name))
        self.adopt()
        files = [e["files"] for e in self.entries().values() if len(e["files"]) == 3]
        self.assertEqual([[os.path.basename(f["path"]) for f in fs] for fs in files],
                         [[f"split-0000{i + 1}-of-00003.gguf" for i in range(3)]])
        self.assertTrue(all("/deep/" in f["path"] for f in files[0]))
        self.assertEqual(len(self.entries()), 2)


class OriginTest(StoreCase):
    def test_what_a_pull_fetched_stays_fetched(self):
        data = gguf.Model("Chat", "Q4_K_M", 60_000, 1).single()
        self.machine.manifest([self.machine.simple("chat.gguf", data)])
        self.pull()
        before = self.entries()["chat"]["files"][0]
        os.utime(self.machine.store("chat.gguf"), ns=(5, 5))
        self.adopt()
        after = self.entries()["chat"]["files"][0]
        self.assertEqual({**after, "mtime_ns": 0}, {**before, "mtime_ns": 0})

    def test_what_a_manifest_pins_can_be_had_again(self):
        data = gguf.Model("Chat", "Q4_K_M", 60_000, 1).single()
        self.machine.manifest([{"id": "wise", "files": [{
            "from": [f"hf:org/wise/wise.gguf@{COMMIT}"], "size": len(data), "sha256": sha256(data),
            "to": [{"store": "llama-cpp", "name": "wise.gguf"}]}]}])
        self.write(self.machine.store("wise.gguf"), data)
        self.write(self.machine.store("mine.gguf"), gguf.Model("Chat", "Q4_K_M", 60_000, 2).single())
        self.adopt()
        files = {name: entry["files"][0] for name, entry in self.entries().items()}
        self.assertEqual((files["wise"]["origin"], files["wise"]["source"], files["wise"]["revision"]),
                         ("adopted", f"hf:org/wise/wise.gguf@{COMMIT}", COMMIT))
        self.assertEqual((files["mine"]["origin"], files["mine"].get("source")), ("adopted", None))


if __name__ == "__main__":
    unittest.main()
