"""Reads that stop early, as those of network and FUSE mounts do: no sound file is called truncated, none damaged."""
import io
import json
import os
import subprocess
import tarfile
import unittest

from harness import Case, preload, safetensors, sha256
from test_repair import MIB, SPAN, content, flip, varied

COMMIT = "c" * 40


def tarball(data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("node-1.0/nodes.py")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class ReadsTest(Case):
    def setUp(self):
        super().setUp()
        self.short = {"LD_PRELOAD": preload(os.environ["NCM_SHORTENER"]), "NCM_SHORT_ROOT": os.path.realpath(self.machine.home)}

    def run_short(self, *arguments, code=0):
        result = self.machine.run(*arguments, env=self.short)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def test_the_reads_are_short(self):
        """Else the others would prove nothing."""
        path = os.path.join(self.machine.home, "probe")
        with open(path, "wb") as out:
            out.write(b"x" * 100)
        script = f"import os; f = os.open({path!r}, 0); print(len(os.read(f, 100)), len(os.pread(f, 100, 50)))"
        alone = {**os.environ, **self.short, "LD_PRELOAD": os.environ["NCM_SHORTENER"]}
        probe = subprocess.run(["python3", "-c", script], env=alone, capture_output=True, text=True, check=True)
        self.assertEqual(probe.stdout.split(), ["50", "25"])

    def models(self):
        m, weights, node = self.machine, varied("big", 2 * SPAN + 12345), tarball(b"x = 1\n" * 50_000)
        self.hub.url("/node.tar.gz", node)
        self.hub.hf("org/tiny", {"tiny.safetensors": safetensors("hf", 2 * MIB), "config.json": b'{"a": 1}\n'},
                    commit=COMMIT)
        m.manifest([
            m.simple("big.gguf", weights),
            m.simple("unpinned.gguf", varied("unpinned", MIB), pinned=False),
            {"id": "tiny", "files": [{"from": [f"hf:org/tiny@{COMMIT}"], "to": [{"store": "llama-cpp", "name": "tiny"}]}]},
            {"id": "node", "kind": "custom-node", "use_cases": [],
             "files": [{"from": [self.hub.service.url + "/node.tar.gz"], "insecure_http": True, "sha256": sha256(node),
                        "extract": {"strip": 1},
                        "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]}])
        return weights

    def test_pull_and_verify(self):
        weights = self.models()
        self.run_short("pull", "-y")
        self.assertEqual(content(self.machine.store("big.gguf")), weights)
        self.run_short("verify")
        self.run_short("plan", "--offline", "--exit-code")

    def test_an_interrupted_pull_goes_on(self):
        weights = self.models()
        staging = self.machine.store(".ncmodel/staging")
        os.makedirs(staging)
        with open(os.path.join(staging, sha256(weights) + ".part"), "wb") as out:
            out.write(weights[:SPAN + 777])
        self.run_short("pull", "-y", "big")
        self.assertEqual(content(self.machine.store("big.gguf")), weights)

    def test_a_damaged_span_is_mended(self):
        weights = self.models()
        self.pull("big")
        path = self.machine.store("big.gguf")
        flip(path, SPAN + 99)
        self.run_short("verify", "--repair", "big")
        self.assertEqual(content(path), weights)

    def lay_out(self):
        """A folder, an Ollama store and a Hugging Face cache, all sound."""
        root = self.machine.root
        self.write(os.path.join(root, "stable-diffusion-webui/models/Lora/own.safetensors"), safetensors("own", MIB))
        self.write(self.machine.store("own.gguf"), varied("own", 2 * MIB))
        manifest = self.hub.ollama("library/tiny", [("model", varied("ollama", 2 * MIB)), ("template", b"{{ .Prompt }}")],
                                   tag="1b")
        ollama = os.path.join(root, ".ollama/models")
        self.write(os.path.join(ollama, "manifests/registry.ollama.ai/library/tiny/1b"), manifest)
        parsed = json.loads(manifest)
        for blob in parsed["layers"] + [parsed["config"]]:
            digest = blob["digest"].removeprefix("sha256:")
            self.write(os.path.join(ollama, "blobs", "sha256-" + digest), self.hub.blobs["cdn"]["/blob/" + digest])
        repo, data = os.path.join(root, ".cache/huggingface/hub/models--org--tiny"), safetensors("hf", 2 * MIB)
        self.write(os.path.join(repo, "refs/main"), COMMIT.encode())
        self.write(os.path.join(repo, "blobs", sha256(data)), data)
        os.makedirs(os.path.join(repo, "snapshots", COMMIT))
        os.symlink(f"../../blobs/{sha256(data)}", os.path.join(repo, "snapshots", COMMIT, "model.safetensors"))

    def test_verify_store(self):
        self.lay_out()
        for store in ("a1111", "llama-cpp", "ollama", "hf"):
            with self.subTest(store):
                told = json.loads(self.run_short("verify", "--store", store, "--json").out)
                states = {f["path"]: f["state"] for f in told["data"]["files"]}
                self.assertGreater(len(states), 0)
                self.assertLessEqual(set(states.values()), {"ok", "unproved"}, states)

    def test_adopt_and_link(self):
        self.lay_out()
        self.write(os.path.join(self.machine.root, "server/ai/llama-cpp/models/twin.gguf"), varied("own", 2 * MIB))
        before = self.machine.snapshot()
        told = json.loads(self.run_short("adopt", "--json").out)
        self.assertEqual({m["verdict"] for m in told["data"]["models"]}, {"new"}, told)
        self.run_short("verify")
        self.run_short("link")
        after = self.machine.snapshot()
        self.assertEqual({path: after.get(path) for path in before}, before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
