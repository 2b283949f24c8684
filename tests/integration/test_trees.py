"""Folders as people have them, made by five tools: nothing sound is called damaged, nothing unsound is registered, and nothing
but our own files changes, by `verify --store`, `adopt` and `adopt --identify`."""
import json
import os
import sys
import unittest

from harness import SOURCE, Case, sha256

sys.path.insert(0, os.path.join(SOURCE, "tests", "fixtures"))
import safetensors  # noqa: E402

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 123456\n"


def tensors(seed):
    return safetensors.encode(safetensors.noise([f"layer.{i}.weight" for i in range(2)], 20_000, seed))


def as_json(**members):
    return json.dumps(members).encode()


class TreeCase(Case):
    def setUp(self):
        super().setUp()
        self.sound, self.known, self.unsound = [], {}, []

    def put(self, path, data):
        return self.write(os.path.join(self.machine.root, self.ROOT, path), data)

    def model(self, path, seed, version=0, **more):
        """A sound file; `version`: Civitai has it."""
        data = tensors(seed)
        self.sound.append(self.put(path, data))
        if version:
            self.hub.civitai(version, version // 10, os.path.basename(path), data, **more)
            self.known[sha256(data)] = f"civitai:{version // 10}@{version}?fileId={version * 10}"
        return data

    def bad(self, path, data):
        self.unsound.append(self.put(path, data))

    def ours(self):
        return {path: digest for path, digest in self.snapshot().items()
                if os.path.basename(path) not in ("models.json", "ncmodel.lock")}

    def snapshot(self):
        found = {}
        for folder, folders, files in os.walk(self.machine.root):
            folders[:] = [name for name in folders if name != ".ncmodel"]
            for path in (os.path.join(folder, name) for name in folders + files):
                if os.path.islink(path):
                    found[path] = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        found[path] = sha256(file.read())
        return found

    def check(self, store):
        m, before = self.machine, self.ours()
        verified = m.run("verify", "--store", store, "--json")
        states = {f["path"]: f["state"] for f in json.loads(verified.out)["data"]["files"]}
        wrong = {path for path, state in states.items() if state in ("damaged", "truncated", "missing", "unreadable")}
        self.assertEqual(wrong & set(self.sound), set())
        self.assertEqual(set(self.unsound) - wrong, set())
        self.assertEqual(verified.returncode, 4 if self.unsound else 0, verified.out)
        for arguments in (("--dry-run",), (), ("--identify", "-y")):
            adopted = m.run("adopt", "--store", store, *arguments)
            self.assertEqual(adopted.returncode, 4 if self.unsound else 0, adopted.out + adopted.err)
            self.assertEqual(self.ours(), before, arguments)
        files = {f["path"]: (e, f) for e in self.entries().values() for f in e["files"]}
        paths = {m.registered_path(path) for path in files}
        self.assertEqual(set(self.sound) - paths, set())
        self.assertEqual(set(self.unsound) & paths, set())
        sources = {f["sha256"]: f.get("source") for _, f in files.values()}
        self.assertEqual({digest: sources[digest] for digest in self.known}, self.known)
        self.assertEqual(m.run("verify").returncode, 0)
        again = json.loads(m.run("adopt", "--store", store, "--json").out)["data"]
        self.assertEqual((again["new"], again["changed"]), (0, 0))
        if not self.unsound:  # what may be sound after all is read again
            self.assertEqual(again["hashed"], 0)


class HelperTest(TreeCase):
    ROOT = "stable-diffusion-webui"

    def test_automatic1111_with_civitai_helper(self):
        data = self.model("models/Stable-diffusion/dream.safetensors", 1)
        self.hub.civitai(128713, 4384, "dream.safetensors", data)
        self.put("models/Stable-diffusion/dream.civitai.info", as_json(
            id=128713, modelId=4384, name="v1", trainedWords=[], model={"name": "Dream", "type": "Checkpoint"},
            files=[{"id": 1287130, "name": "dream.safetensors", "sizeKB": len(data) / 1024, "primary": True,
                    "hashes": {"SHA256": sha256(data).upper()}}]))
        self.known[sha256(data)] = "civitai:4384@128713?fileId=1287130"
        self.put("models/Stable-diffusion/dream.preview.png", b"\x89PNG\r\n\x1a\n")
        self.model("models/Lora/styles/ink.safetensors", 2, 990)
        self.put("models/Lora/styles/ink.json", as_json(**{"activation text": "ink", "sd version": "SD1"}))
        self.model("models/VAE/v.vae.safetensors", 3)
        self.model("embeddings/bad-hands.safetensors", 4)
        cached = self.model("models/Lora/cached.safetensors", 5)
        self.put("cache.json", as_json(hashes={"lora/cached": {"mtime": 4e9, "sha256": sha256(cached)}}))
        self.put("models/Stable-diffusion/Put Stable Diffusion checkpoints here.txt", b"")
        self.bad("models/Lora/page.safetensors", PAGE)
        self.bad("models/Lora/pointer.pt", POINTER)
        self.bad("models/Lora/nothing.safetensors", b"")
        self.bad("models/Lora/refused.bin", b"Access to model org/x is restricted. Log in first.\n")
        self.bad("models/Lora/cut.safetensors", tensors(6)[:9000])
        self.check("a1111")


class MatrixTest(TreeCase):
    ROOT = "sm"

    def test_stability_matrix(self):
        self.machine.env["NCMODEL_STORE_COMFYUI"] = os.path.join(self.machine.root, "sm/Data/Models")
        data = self.model("Data/Models/StableDiffusion/a.safetensors", 1)
        self.hub.civitai(700, 70, "a.safetensors", data)
        self.known[sha256(data)] = "civitai:70@700"
        self.put("Data/Models/StableDiffusion/a.cm-info.json", as_json(
            ModelId=70, VersionId=700, ModelName="A", ModelType="Checkpoint", Hashes={"SHA256": sha256(data).upper()}))
        self.put("Data/Models/StableDiffusion/a.preview.jpeg", b"\xff\xd8\xff")
        self.model("Data/Models/Lora/b.safetensors", 2, 800)
        self.model("Data/Models/TextEncoders/t5.safetensors", 3)
        self.bad("Data/Models/Lora/c.safetensors", PAGE)
        self.check("comfyui")


class SwarmTest(TreeCase):
    ROOT = "SwarmUI"

    def test_swarm(self):
        self.model("Models/Stable-Diffusion/OfficialStableDiffusion/sdxl.safetensors", 1, 700)
        self.model("Models/Lora/l.safetensors", 2, 800)
        self.put("Models/Lora/l.swarm.json", as_json(title="L", trigger_phrase="l"))
        self.put("Models/Lora/l.swarmpreview.jpg", b"\xff\xd8\xff")
        self.model("Models/diffusion_models/flux.safetensors", 3)
        self.model("Models/clip/t5xxl.safetensors", 4)
        self.put("Models/Stable-Diffusion/model_metadata.ldb", b"\0" * 512)
        self.check("swarmui")


class ManagerTest(TreeCase):
    ROOT = "ComfyUI_windows_portable/ComfyUI"

    def test_lora_manager(self):
        data = self.model("models/loras/Style/x.safetensors", 1)
        self.hub.civitai(700, 70, "x.safetensors", data)
        self.known[sha256(data)] = "civitai:70@700?fileId=7000"
        self.put("models/loras/Style/x.metadata.json", as_json(
            file_name="x", sha256=sha256(data), base_model="SDXL 1.0", from_civitai=True, civitai={
                "id": 700, "modelId": 70, "files": [{"id": 7000, "hashes": {"SHA256": sha256(data).upper()}}]}))
        self.put("models/loras/Style/x.webp", b"RIFF")
        self.model("models/loras/y.safetensors", 2, 800)
        self.put("models/loras/y.metadata.json", as_json(file_name="y", hashes={}))
        self.check("comfyui")

    def test_links(self):
        webui = os.path.join(self.machine.root, "stable-diffusion-webui/models")
        shared, lora = tensors(1), tensors(2)
        self.write(os.path.join(webui, "Stable-diffusion/s.safetensors"), shared)
        self.write(os.path.join(webui, "Lora/l.safetensors"), lora)
        self.hub.civitai(700, 70, "s.safetensors", shared)
        os.makedirs(os.path.join(self.machine.root, self.ROOT, "models/checkpoints"))
        link = os.path.join(self.machine.root, self.ROOT, "models/checkpoints/s.safetensors")
        os.symlink(os.path.join(webui, "Stable-diffusion/s.safetensors"), link)
        os.symlink(os.path.join(webui, "Lora"), os.path.join(self.machine.root, self.ROOT, "models/loras"))
        os.symlink("nowhere.safetensors", os.path.join(self.machine.root, self.ROOT, "models/checkpoints/gone.safetensors"))
        self.sound.append(link)
        self.unsound.append(os.path.join(self.machine.root, self.ROOT, "models/checkpoints/gone.safetensors"))
        self.known[sha256(shared)] = "civitai:70@700?fileId=7000"
        self.check("comfyui")


class InvokeTest(TreeCase):
    ROOT = "invokeai/in-place"

    def pipeline(self, folder, parts, weights):
        self.put(f"{folder}/model_index.json", as_json(_class_name="StableDiffusionPipeline", **parts))
        for part, (name, seed) in weights.items():
            self.put(f"{folder}/{part}/config.json", b"{}")
            self.model(f"{folder}/{part}/{name}", seed)

    def test_a_pipeline_is_one_model(self):
        parts = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
                 "text_encoder": ["transformers", "CLIPTextModel"], "scheduler": ["diffusers", "PNDMScheduler"],
                 "tokenizer": ["transformers", "CLIPTokenizer"], "safety_checker": [None, None]}
        self.pipeline("diffusers/my-model", parts, {
            "unet": ("diffusion_pytorch_model.fp16.safetensors", 1), "vae": ("diffusion_pytorch_model.safetensors", 2),
            "text_encoder": ("model-00001-of-00002.safetensors", 3)})
        self.model("diffusers/my-model/text_encoder/model-00002-of-00002.safetensors", 4)
        self.put("diffusers/my-model/tokenizer/vocab.json", b"{}")
        self.put("diffusers/my-model/README.md", b"# Mine\n")
        self.model("loras/l.safetensors", 5)
        self.model("diffusers/lone/unet/diffusion_pytorch_model.non_ema.safetensors", 6)
        self.check("invokeai")
        entries = self.entries()
        self.assertEqual(sorted(entries), ["l", "my-model", "unet"])
        entry = entries["my-model"]
        self.assertEqual((entry["kind"], entry["format"], len(entry["files"])), ("diffusion", "diffusers", 9))
        self.assertEqual([f["role"] for f in entry["files"]][:4], ["weights"] * 4)
        self.assertEqual(entry["size_mb"], round(sum(f["size"] for f in entry["files"]) / 1048576))

    def refused(self, *words):
        adopted = self.machine.run("adopt", "--store", "invokeai")
        self.assertEqual(adopted.returncode, 4, adopted.out)
        self.assertEqual(self.machine.registry()["models"] if os.path.exists(self.machine.store("models.json")) else [], [])
        for word in words:
            self.assertIn(word, adopted.out)

    def test_an_interrupted_download_is_told(self):
        parts = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
        self.pipeline("diffusers/half", parts, {"vae": ("diffusion_pytorch_model.safetensors", 1)})
        self.put("diffusers/half/unet/config.json", b"{}")
        self.put("diffusers/half/.cache/huggingface/download/unet/abc.incomplete", b"x")
        self.refused("half", "unet is missing: has no weights")

    def test_a_missing_shard_is_told(self):
        self.put("checkpoints/big/model-00001-of-00003.safetensors", tensors(1))
        self.put("checkpoints/odd/one.safetensors", tensors(2))
        self.put("checkpoints/odd/model.safetensors.index.json", as_json(weight_map={"a": "one.safetensors", "b": "two.safetensors"}))
        self.refused("model-00002-of-00003.safetensors is missing", "two.safetensors is missing")


if __name__ == "__main__":
    unittest.main()
