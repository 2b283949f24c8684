"""Roots and stores that somebody moved by hand: what verify, plan and repair say then, and adopt, which mends it."""
import io
import json
import os
import tarfile
import unittest

from harness import gguf, safetensors, sha256
from test_adopt import AdoptTest as Adopting
from test_adopt import chat

STORES = {"OLLAMA": ".ollama/models", "HF": ".cache/huggingface/hub", "TRAINING": "training/models"}


def packed(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo("top/" + name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class MovedTest(Adopting):
    """The world of test_adopt, without its tests."""

    def world(self):
        m = self.machine
        self.hub.ollama("library/tiny", [("model", gguf("o", 300_000)), ("template", b"{{ .Prompt }}")])
        a = {**m.simple("a.gguf", gguf("a", 100_000)), "use_cases": ["Reasoning"], "performance_score": 0.9}
        a["files"][0]["to"] = [{"store": "training", "name": "a.gguf"}]
        m.manifest([a, {"id": "tiny", "files": [{"from": ["ollama:tiny"]}]}])
        self.pull()
        data = gguf("s", 70_000)
        self.pull(self.hub.url("/files/spelled.gguf", data) + "#sha256=" + sha256(data), "--to", "training")
        self.ollama(".ollama/models")
        self.hf("org/wise-GGUF", {"wise-q4.gguf": chat(5), "README.md": b"# Wise\n", "config.json": b"{}"})
        self.adopt()
        return self.entries()

    def said(self, entries):
        """What models.json says of each model and file, but for where it lies."""
        def file(f):
            return {k: v for k, v in f.items() if k not in ("path", "mtime_ns")} | {"name": os.path.basename(f["path"])}
        return {name: {**{k: v for k, v in e.items() if k not in ("file_path", "files", "verified_at", "verify_result")},
                       "files": [file(f) for f in e["files"]]} for name, e in entries.items()}

    def move_root(self):
        m = self.machine
        new = os.path.join(m.home, "new root")
        os.rename(m.root, new)
        m.env["NCMODEL_ROOT"] = m.root = new

    def move_stores(self):
        """Their folders get other names, too."""
        m = self.machine
        os.makedirs(os.path.join(m.home, "disk"))
        for name, path in STORES.items():
            new = os.path.join(m.home, "disk", name.lower())
            os.rename(os.path.join(m.root, path), new)
            m.env["NCMODEL_STORE_" + name] = new

    def files(self, entries):
        return {name: sorted((os.path.basename(f["path"]), f["sha256"], f["store"], f["role"], f["origin"], f["source"])
                             for f in entry["files"]) for name, entry in entries.items()}

    def check_mended(self, before, said=None):
        m, said = self.machine, said or self.said
        result = self.adopt()
        self.assertEqual([n for n, v in self.verdicts(result).items() if v in ("new", "refused")], [])
        self.maxDiff = None
        self.assertEqual(said(self.entries()), said(before))
        self.check_again()
        plan = m.run("plan", "--offline", "--exit-code")
        self.assertEqual(plan.returncode, 0, plan.out + plan.err)

    def check_messages(self, missing):
        m = self.machine
        verified = m.run("verify")
        self.assertEqual(verified.returncode, 4)
        self.assertIn("lies at", verified.out)
        self.assertIn("`ncmodel adopt` finds it", verified.out)
        self.hub.forget()
        repair = m.run("verify", "--repair", "--dry-run")
        self.assertNotIn("does not have the bytes", repair.err)
        self.assertNotIn("check the spelling", repair.err)
        self.assertEqual(repair.err.count("`ncmodel adopt` finds them"), missing, repair.err)

    def test_a_root_that_was_moved(self):
        before = self.world()
        self.move_root()
        self.check_messages(5)
        self.check_mended(before)

    def test_stores_that_were_moved(self):
        before = self.world()
        self.move_stores()
        self.check_messages(5)
        self.check_mended(before)

    def test_a_pull_between_registers_nothing_twice(self):
        before = self.world()
        self.move_stores()
        self.hub.forget()
        self.pull()
        self.assertEqual([r for r in self.hub.asked() if r["path"].startswith(("/files/", "/blob/"))], [])
        self.check_mended(before, self.files)

    def test_what_is_gone_stays_registered(self):
        """A disk that is not there just now: nothing of it is forgotten."""
        before = self.world()
        self.machine.env["NCMODEL_STORE_TRAINING"] = os.path.join(self.machine.home, "empty")
        os.rename(os.path.join(self.machine.root, "training"), os.path.join(self.machine.home, "away"))
        self.adopt()
        self.assertEqual(self.entries(), before)

    def with_small_files(self):
        """What no application takes for a model: an unpacked archive (with an empty file), a repository's small files."""
        m = self.machine
        node = packed({"node.py": b"pass\n", "lib/__init__.py": b"", "README.md": b"# Node\n"})
        self.hub.hf("org/whole", {"model.safetensors": safetensors("w", 5000), "config.json": b"{}", "tokenizer.json": b"[]"})
        m.manifest([
            {"id": "node", "kind": "custom-node", "use_cases": [], "tags": ["CustomNode"], "files": [{
                "from": [self.hub.url("/files/node.tar.gz", node)], "insecure_http": True, "role": "archive",
                "sha256": sha256(node), "extract": {"strip": 1},
                "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]},
            {"id": "whole", "kind": "training-base", "files": [{"from": ["hf:org/whole"],
                                                                "to": [{"store": "training", "name": "whole"}]}]}])
        self.pull()
        before = self.entries()
        self.assertEqual([len(before[name]["files"]) for name in ("node", "whole")], [3, 3])
        return before

    def move_store(self, store, folder):
        m = self.machine
        old = next(f["path"] for e in self.entries().values() for f in e["files"] if f["store"] == store)
        old = m.registered_path(old).partition(folder)[0] + folder
        new = os.path.join(m.home, "moved", store)
        os.makedirs(os.path.dirname(new), exist_ok=True)
        os.rename(old, new)
        m.env["NCMODEL_STORE_" + store.upper()] = new
        return new

    def test_small_files_go_with_their_root(self):
        before = self.with_small_files()
        self.move_root()
        self.check_mended(before)

    def test_small_files_go_with_their_store(self):
        before = self.with_small_files()
        self.move_store("comfyui", "ComfyUI")
        self.move_store("training", "training/models")
        result = self.machine.run("adopt", "--dry-run", "--json")
        self.assertEqual({x["id"]: x["verdict"] for x in json.loads(result.out)["data"]["models"]},
                         {"node": "changed", "whole": "changed"})
        self.assertEqual(self.entries(), before)
        self.check_mended(before)

    def test_small_files_that_are_not_all_there_are_not_followed(self):
        before = self.with_small_files()
        new = os.path.join(self.move_store("comfyui", "ComfyUI"), "custom_nodes/node")
        self.write(os.path.join(new, "node.py"), b"fail\n")
        self.adopt()
        self.assertEqual(self.entries()["node"], before["node"], "other bytes")
        self.write(os.path.join(self.machine.home, "outside", "node.py"), b"pass\n")
        os.remove(os.path.join(new, "node.py"))
        os.symlink(os.path.join(self.machine.home, "outside", "node.py"), os.path.join(new, "node.py"))
        self.adopt()
        self.assertEqual(self.entries()["node"], before["node"], "the store does not have them")
        os.remove(os.path.join(new, "node.py"))
        self.write(os.path.join(new, "node.py"), b"pass\n")
        self.adopt("--store", "training")
        self.assertEqual(self.entries()["node"], before["node"], "nobody asked for that store")
        self.adopt("--store", "comfyui")
        self.assertNotEqual(self.entries()["node"], before["node"])
        self.assertEqual(self.machine.run("verify", "node").returncode, 0)


for name in [n for n in dir(Adopting) if n.startswith("test_")]:
    setattr(MovedTest, name, None)
del Adopting

if __name__ == "__main__":
    unittest.main()
