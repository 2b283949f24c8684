#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where a file goes that nobody placed: by what its source or its header says that it is. The applications' own rules judge."""
import io
import json
import os
import pickle
import random
import shlex
import sqlite3
import struct
import unittest
import zipfile

from harness import SOURCE, Case
from hub import sha256

with open(os.path.join(SOURCE, "tests/data/application_folders.json"), encoding="utf-8") as rules:
    RULES = json.load(rules)
FOLDERS = {"comfyui": "ComfyUI", "a1111": "stable-diffusion-webui"}


def tensors(names, dtype="F16", metadata=None, shape=(1, 2)):
    """A safetensors file with these tensors."""
    size = 2 * shape[0] * shape[1]
    header = {"__metadata__": metadata} if metadata else {}
    for number, name in enumerate(names):
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [number * size, (number + 1) * size]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size * len(names))


def gguf(pairs, words=0):
    """A GGUF file without tensors: texts and numbers, and behind them a vocabulary."""
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()
    body = b""
    for key, value in pairs.items():
        body += text(key) + (struct.pack("<I", 8) + text(value) if isinstance(value, str) else struct.pack("<II", 4, value))
    if words:
        body += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, words) + b"".join(text(f"word{i:08}") for i in range(words))
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) + bool(words)) + body


def packed(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


LORA = tensors(["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight", "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight"])
VAE = tensors(["decoder.conv_in.weight", "decoder.conv_out.weight", "encoder.conv_in.weight"])
FLUX = tensors(["double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"])
WHOLE = tensors(["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight", "cond_stage_model.x"])
SILENT = tensors(["t"])
PICKLE = b"\x80\x02}q\x00."


class KindsCase(Case):
    number = 1000

    def version(self, data, name, kind, file="Model", format="SafeTensor", others=(), **more):
        """A version of Civitai's with one file, and maybe others: (name, bytes, members). Returns its number."""
        KindsCase.number += 1
        version = KindsCase.number
        files = []
        for place, (own, content, members) in enumerate([(name, data, {"type": file, "primary": True}), *others]):
            files.append({"id": version * 10 + place, "name": own, "sizeKB": len(content) / 1024,
                          "metadata": {"format": format, "size": "pruned", "fp": "fp16", **members.pop("metadata", {})},
                          "hashes": {"SHA256": sha256(content).upper()}, **members})
            self.hub.blobs["cdn"][f"/storage/{version * 10 + place}"] = content
        body = {"id": version, "modelId": version + 50000, "name": "v1", "baseModel": "SD 1.5", "usageControl": "Download",
                "model": {"name": name, "type": kind}, "files": files, **more}

        def download(handler):
            asked = handler.path.partition("fileId=")[2]
            return 307, b"", {"Location": f"{self.hub.cdn.url}/storage/{asked}?X-Amz-Signature=secret-signature"}
        self.hub.routes["service"][f"/api/v1/model-versions/{version}"] = lambda _: (200, body, {})
        self.hub.routes["service"][f"/api/download/models/{version}"] = download
        return version

    def listed(self, application):
        """What the application lists, by its own rules: {category: names}."""
        found = {}
        for category, rule in RULES[application].items():
            for folder in rule["folders"]:
                top = os.path.join(self.machine.root, FOLDERS[application], folder)
                for here, _, files in os.walk(top):
                    for name in files:
                        if os.path.splitext(name)[1].lower() in rule["endings"]:
                            found.setdefault(category, set()).add(os.path.relpath(os.path.join(here, name), top))
        return found

    def refused(self, *arguments, code=2):
        before = self.machine.snapshot()
        result = self.machine.run("pull", "-y", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        self.assertEqual(self.machine.snapshot(), before)
        return result.err

    def entry(self):
        return list(self.entries().values())[-1]


# type of the model, name and bytes of the file, its type; the category of each application, None: it has none
EVERY_KIND = [
    ("Checkpoint", "whole.safetensors", WHOLE, "Model", "checkpoints", "checkpoints"),
    ("Checkpoint", "pruned.safetensors", SILENT, "Pruned Model", "checkpoints", "checkpoints"),
    ("Checkpoint", "flux.safetensors", FLUX, "Model", "checkpoints", "diffusion_models"),
    ("Checkpoint", "flux-Q4.gguf", gguf({"general.architecture": "flux"}), "Model", "checkpoints", "unet_gguf"),
    ("LORA", "style.safetensors", LORA, "Model", "loras", "loras"),
    ("LoCon", "locon.safetensors", SILENT, "Model", "loras", "loras"),
    ("DoRA", "dora.safetensors", SILENT, "Model", "loras", "loras"),
    ("TextualInversion", "easy.safetensors", SILENT, "Model", "embeddings", "embeddings"),
    ("TextualInversion", "bad.safetensors", SILENT, "Negative", "embeddings", "embeddings"),
    ("Hypernetwork", "hyper.pt", PICKLE, "Model", "hypernetworks", "hypernetworks"),
    ("AestheticGradient", "laion.pt", PICKLE, "Model", "aesthetic_embeddings", None),
    ("Controlnet", "canny.safetensors", SILENT, "Model", "controlnet", "controlnet"),
    ("Upscaler", "4x.pth", PICKLE, "Model", "upscale_models", "upscale_models"),
    ("MotionModule", "mm.safetensors", SILENT, "Model", "animatediff_models", "animatediff_models"),
    ("VAE", "kl.safetensors", VAE, "Model", "vae", "vae"),
    ("Checkpoint", "inside.vae.safetensors", VAE, "VAE", "vae", "vae"),
    ("Checkpoint", "t5.safetensors", SILENT, "Text Encoder", "text_encoders", "text_encoders"),
    ("TextEncoder", "clip_l.safetensors", SILENT, "Model", "text_encoders", "text_encoders"),
    ("CLIP", "clip_g.safetensors", SILENT, "Model", "text_encoders", "text_encoders"),
    ("UNet", "unet.safetensors", SILENT, "Model", "checkpoints", "diffusion_models"),
    ("Checkpoint", "diffusion.safetensors", SILENT, "Diffusion Model", "checkpoints", "diffusion_models"),
    ("Checkpoint", "unet-alone.safetensors", SILENT, "UNet", "checkpoints", "diffusion_models"),
    ("Checkpoint", "encoder.safetensors", SILENT, "CLIPVision", None, "clip_vision"),
    ("Checkpoint", "depth.safetensors", SILENT, "ControlNet", "controlnet", "controlnet"),
    ("Checkpoint", "4x-own.pth", PICKLE, "Upscaler", "upscale_models", "upscale_models"),
    ("Checkpoint", "more.safetensors", SILENT, "Enhancement LoRA", "loras", "loras"),
    ("CLIPVision", "vision.safetensors", SILENT, "Model", None, "clip_vision"),
    ("Checkpoint", "eyes.safetensors", SILENT, "Vision Encoder", None, "clip_vision"),
    ("Detection", "face.pt", PICKLE, "Model", "adetailer", "ultralytics_bbox"),
    ("Detection", "face-seg.pt", PICKLE, "Model", "adetailer", "ultralytics_segm"),
    ("Poses", "poses.zip", packed({"one.png": b"png"}), "Archive", "poses", None),
    ("Wildcards", "cards.zip", packed({"colours.txt": b"red\n"}), "Archive", "wildcards", None),
    ("Wildcards", "names.txt", b"Ada\nGrace\n", "Model", "wildcards", None),
    ("Workflows", "flow.json", b'{"nodes": []}', "Model", None, "workflows"),
    ("ComfyWorkflows", "flows.zip", packed({"a.json": b"{}", "sub/b.json": b"{}"}), "Archive", None, "workflows"),
    ("Checkpoint", "look.json", b"{}", "Workflow", None, "workflows"),
    ("VisionLanguage", "florence.safetensors", SILENT, "Model", None, "LLM"),
    ("LLM", "words.safetensors", SILENT, "Model", None, "LLM"),
    ("Checkpoint", "other-name.yaml", b"model: {}\n", "Config", "configs", "configs"),
]


class EveryKindTest(KindsCase):
    def lands(self, application, category, kind, name, data, file, arguments):
        before = self.listed(application)
        version = self.version(data, name, kind, file)
        if category is None:
            self.assertIn("no folder for that", self.refused(f"civitai:{version}", *arguments))
            return
        self.pull("--allow-pickle", f"civitai:{version}", *arguments)
        after = self.listed(application)
        new = {c: names - before.get(c, set()) for c, names in after.items() if names - before.get(c, set())}
        self.assertIn(category, new, (kind, file, name, new))
        self.check_registry()

    def test_into_the_application_that_is_named(self):
        for kind, name, data, file, a1111, comfyui in EVERY_KIND:
            for application, category in (("a1111", a1111), ("comfyui", comfyui)):
                with self.subTest(kind=kind, name=name, application=application):
                    self.lands(application, category, kind, name, data, file, ["--to", application])

    def test_without_a_word_about_the_place(self):
        for kind, name, data, file, a1111, comfyui in EVERY_KIND:
            with self.subTest(kind=kind, name=name):
                application, category = ("a1111", a1111) if a1111 else ("comfyui", comfyui)
                if name.endswith(".gguf") or kind == "LLM":
                    continue
                self.lands(application, category, kind, name, data, file, [])

    def test_the_application_that_is_here(self):
        for folder, place in (("ComfyUI/models", "ComfyUI/models/loras"), ("stable-diffusion-webui", "stable-diffusion-webui/models/Lora"),
                              ("stable-diffusion-webui-forge", "stable-diffusion-webui-forge/models/Lora")):
            with self.subTest(folder=folder):
                self.machine.close()
                self.setUp()
                os.makedirs(os.path.join(self.machine.root, folder))
                self.pull(f"civitai:{self.version(LORA, 'style.safetensors', 'LORA')}")
                self.assertEqual(os.listdir(os.path.join(self.machine.root, place)), ["style.safetensors"])
        # and there it stays, whatever comes to the machine
        os.makedirs(os.path.join(self.machine.root, "stable-diffusion-webui"))
        id = self.entry()["id"]
        self.assertIn("in place", self.pull(id).out)

    def test_a_language_model(self):
        data = gguf({"general.architecture": "llama"})
        self.pull(f"civitai:{self.version(data, 'words.gguf', 'LLM', format='GGUF')}")
        self.assertEqual(self.read(self.machine.store("words.gguf")), data)

    def test_what_no_application_has_a_folder_for(self):
        for kind, name, file in (("LORA", "train.zip", "Training Data"), ("LORA", "all.zip", "Archive"), ("LORA", "all.zip", "Model"),
                                 ("Other", "thing.safetensors", "Model"), ("LORA", "readme.txt", "Other"), ("Checkpoint", "set.zip", "Training Data")):
            version = self.version(packed({"1.png": b"png"}) if name.endswith("zip") else SILENT, name, kind, file)
            for arguments in ([], ["--to", "comfyui"], ["--to", "a1111"]):
                told = self.refused(f"civitai:{version}", *arguments)
                self.assertIn("--to", told)
                self.assertIn(name, told)

    def test_the_configuration_has_the_name_of_its_checkpoint(self):
        version = self.version(WHOLE, "model.safetensors", "Checkpoint", others=[("v2.yaml", b"model: {}\n", {"type": "Config"})])
        self.pull(f"civitai:{version}")
        self.pull(f"civitai:{version}?type=Config", "--to", "a1111")
        self.assertEqual(sorted(os.listdir(os.path.join(self.machine.root, "stable-diffusion-webui/models/Stable-diffusion"))),
                         ["model.safetensors", "model.yaml"])

    def test_a_second_run_knows_without_asking(self):
        version = self.version(LORA, "again.safetensors", "LORA")
        self.pull(f"civitai:{version}")
        self.hub.forget()
        self.pull("--offline", f"civitai:{version}")
        self.pull(f"civitai:{version}")
        self.assertEqual(self.hub.asked(), [])
        os.remove(os.path.join(self.machine.root, "stable-diffusion-webui/models/Lora/again.safetensors"))
        self.pull(f"civitai:{version}")
        self.assertEqual(self.listed("a1111"), {"loras": {"again.safetensors"}})

    def test_what_it_is_stands_in_the_entry(self):
        self.pull(f"civitai:{self.version(LORA, 'style.safetensors', 'LORA')}")
        self.assertEqual((self.entry()["kind"], self.entry()["tags"]), ("lora", ["LoRA"]))


class HeaderTest(KindsCase):
    def hf(self, name, data):
        KindsCase.number += 1
        self.hub.hf(f"org/r{KindsCase.number}", {name: data})
        return f"hf:org/r{KindsCase.number}/{name}"

    def test_the_header_says_where_it_goes(self):
        cases = [
            ("a.safetensors", LORA, "ComfyUI/models/loras", "lora"),
            ("b.safetensors", VAE, "ComfyUI/models/vae", "vae"),
            ("c.safetensors", FLUX, "ComfyUI/models/diffusion_models", "diffusion"),
            ("d.safetensors", WHOLE, "ComfyUI/models/checkpoints", "checkpoint"),
            ("e.safetensors", tensors(["encoder.block.0.layer.0.SelfAttention.q.weight"]), "ComfyUI/models/text_encoders", "text-encoder"),
            ("f.safetensors", tensors(["controlnet_cond_embedding.conv_in.weight"]), "ComfyUI/models/controlnet", "controlnet"),
            ("g.safetensors", tensors(["emb_params"]), "ComfyUI/models/embeddings", "textual-inversion"),
            ("h.gguf", gguf({"general.architecture": "flux"}), "ComfyUI/models/diffusion_models", "diffusion"),
            ("i.gguf", gguf({"general.architecture": "t5encoder"}), "ComfyUI/models/text_encoders", "text-encoder"),
            ("j.gguf", gguf({"general.architecture": "clip", "general.type": "mmproj"}), "server/ai/llama-cpp/models", "projector"),
            ("k.gguf", gguf({"general.architecture": "bert", "bert.embedding_length": 384}), "server/ai/llama-cpp/models", "embedding"),
            ("l.gguf", gguf({"general.architecture": "llama", "llama.context_length": 8192}, 40000), "server/ai/llama-cpp/models", "llm"),
            ("m.gguf", gguf({}), "server/ai/llama-cpp/models", "llm"),
        ]
        for name, data, folder, kind in cases:
            for uri in (self.hf(name, data), self.hub.url(f"/files/u-{name}", data) + f"#sha256={sha256(data)}"):
                with self.subTest(uri=uri):
                    self.pull(uri)
                    path = os.path.join(self.machine.root, folder, os.path.basename(uri.partition("#")[0]))
                    self.assertEqual(self.read(path), data)
                    entry = next(e for e in self.entries().values() if any(self.machine.registered_path(f["path"]) == path for f in e["files"]))
                    self.assertEqual(entry["kind"], kind)
        self.check_registry()

    def test_the_folder_that_it_lies_in_is_a_fall_back(self):
        self.pull(self.hf("split_files/vae/x.safetensors", SILENT))
        self.assertEqual(self.listed("comfyui"), {"vae": {"x.safetensors"}})
        self.pull(self.hf("loras/y.safetensors", VAE))
        self.assertEqual(self.listed("comfyui"), {"vae": {"x.safetensors", "y.safetensors"}}, "the header counts for more")

    def test_where_nothing_tells_the_user_is_asked(self):
        told = self.refused(self.hf("silent.safetensors", SILENT))
        self.assertIn("neither its source nor its header says what silent.safetensors is", told)
        told = self.refused(self.hf("silent.safetensors", SILENT), "--to", "comfyui")
        self.pull(self.hf("silent.safetensors", SILENT), "--to", "comfyui/loras")
        self.pull(self.hf("silent.safetensors", SILENT), "--to", "comfyui//silent.safetensors")
        self.assertEqual(self.listed("comfyui"), {"loras": {"silent.safetensors"}})

    def test_a_refusal_is_told_as_what_it_is(self):
        self.hub.hf("org/gated", {"x.safetensors": LORA}, gated=True, token="t")
        self.refused("hf:org/gated/x.safetensors", code=6)


class DescribedTest(KindsCase):
    def test_what_is_pulled_says_what_it_is(self):
        data = gguf({"general.architecture": "llama", "llama.context_length": 8192, "general.file_type": 15, "general.size_label": "8B",
                     "general.license": "mit"})
        self.machine.manifest([self.machine.simple("m.gguf", data)])
        self.pull()
        entry = self.entries()["m"]
        self.assertEqual([entry[k] for k in ("architecture", "quantization", "parameters", "context_length", "license", "format")],
                         ["llama", "Q4_K_M", "8B", 8192, "mit", "gguf"])

    def test_what_a_manifest_says_stands_and_the_difference_is_told(self):
        data = gguf({"general.architecture": "llama", "llama.context_length": 8192, "general.file_type": 15, "general.size_label": "8B"})
        model = {**self.machine.simple("m.gguf", data), "quantization": "Q8_0", "parameters": "70B", "context_length": 131072}
        self.machine.manifest([model])
        told = self.pull().err
        for words in ("m: its file says a quantization of Q4_K_M, the manifest Q8_0", "so many parameters: 8B, the manifest 70B",
                      "a context of 8192, the manifest 131072"):
            self.assertIn(words, told)
        entry = self.entries()["m"]
        self.assertEqual([entry[k] for k in ("quantization", "parameters", "context_length")], ["Q8_0", "70B", 131072])
        self.machine.manifest([{**model, "quantization": "Q4_K_M", "parameters": "8.03B", "context_length": 4096}])
        self.machine.run("rm", "-y", "m")
        self.assertNotIn("its file says", self.pull().err)

    def test_the_file_that_a_runtime_opens(self):
        self.hub.hf("org/whole", {".gitattributes": b"*.bin filter=lfs\n", "README.md": b"# read\n", "config.json": b"{}", "model.safetensors": FLUX})
        self.pull("hf:org/whole", "--to", "training")
        self.assertEqual(os.path.basename(self.entry()["file_path"]), "model.safetensors")
        parts = {"README.md": b"# read\n", "model_index.json": b"{}", "safety_checker/model.safetensors": SILENT,
                 "unet/diffusion_pytorch_model.safetensors": FLUX, "vae/diffusion_pytorch_model.safetensors": VAE}
        self.hub.hf("org/pipeline", parts)
        self.pull("hf:org/pipeline", "--to", "training")
        self.assertIn("unet/diffusion_pytorch_model.safetensors", self.entry()["file_path"])


class ChoiceTest(KindsCase):
    def six(self):
        others = [(f"m-{q}.gguf", gguf({"general.architecture": "flux", "general.name": q}),
                   {"type": "Model", "metadata": {"quantType": q, "format": "GGUF", "fp": None}}) for q in ("Q8_0", "Q5_K_M", "Q4_K_M")]
        others += [("m-fp8.safetensors", FLUX, {"type": "Pruned Model", "metadata": {"fp": "fp8"}}), ("m.vae.safetensors", VAE, {"type": "VAE"})]
        return self.version(WHOLE, "m.safetensors", "Checkpoint", others=others), others

    def test_each_key_of_a_pasted_address_chooses(self):
        version, others = self.six()
        for query, name in (("quantType=Q8_0", "m-Q8_0.gguf"), ("type=Model&format=GGUF&quantType=Q5_K_M", "m-Q5_K_M.gguf"), ("fp=fp8", "m-fp8.safetensors"),
                            ("type=VAE", "m.vae.safetensors"), (f"fileId={version * 10 + 3}", "m-Q4_K_M.gguf"), ("format=SafeTensor&type=Pruned%20Model", "m-fp8.safetensors")):
            for address in (f"https://civitai.com/api/download/models/{version}?{query}&token=secretsecretsecret", f"civitai:{version}?{query}"):
                planned = json.loads(self.machine.run("plan", "--json", address).out)["data"]
                self.assertEqual([f["name"] for m in planned["models"] for f in m["files"]], [name], address)

    def test_the_list_shows_what_differs(self):
        version, _ = self.six()
        told = self.refused(f"civitai:{version}?format=GGUF")
        for words in ("several of its files could be meant", "m-Q8_0.gguf (Q8_0, ", "m-Q4_K_M.gguf (Q4_K_M, "):
            self.assertIn(words, told)
        self.assertNotIn("pruned", told)

    def test_a_pin_overrules_what_civitai_says(self):
        version = self.version(LORA, "wrong.safetensors", "LORA")
        real, told_of = sha256(LORA), sha256(b"another")
        body = self.hub.routes["service"][f"/api/v1/model-versions/{version}"](None)[1]
        body["files"][0]["hashes"]["SHA256"] = told_of.upper()
        result = self.machine.run("pull", "-y", f"civitai:{version}")
        self.assertEqual(result.returncode, 10, result.err)
        self.assertIn("Civitai says", result.err)
        self.machine.manifest([{"id": "wrong", "kind": "lora", "use_cases": [], "files": [
            {"from": [f"civitai:{version}"], "sha256": real, "to": [{"store": "a1111", "folder": "loras"}]}]}])
        told = self.pull("wrong").err
        self.assertIn(f"Civitai says that its sha256 is {told_of}; the pin says {real}, and that is what counts", told)
        self.assertEqual(self.listed("a1111"), {"loras": {"wrong.safetensors"}})
        # A pin that is wrong itself is named as the one that claims it.
        self.machine.manifest([{"id": "other", "kind": "lora", "use_cases": [], "files": [
            {"from": [f"civitai:{version}"], "sha256": "1" * 64, "to": [{"store": "a1111", "folder": "loras", "name": "o.safetensors"}]}]}])
        result = self.machine.run("pull", "-y", "--update", "other")
        self.assertEqual(result.returncode, 10, result.err)
        self.assertIn("the manifest pins", result.err)

    def test_a_pin_behind_the_address(self):
        version = self.version(LORA, "wrong.safetensors", "LORA")
        self.hub.routes["service"][f"/api/v1/model-versions/{version}"](None)[1]["files"][0]["hashes"]["SHA256"] = "A" * 64
        self.pull(f"civitai:{version}#sha256={sha256(LORA)}")
        self.assertEqual(self.listed("a1111"), {"loras": {"wrong.safetensors"}})

    def test_the_hint_has_the_name_as_one_word(self):
        version = self.version(packed({"a.txt": b"x"}), "my $(x) it's.zip", "Wildcards", format="Other")
        hint = self.refused(f"civitai:{version}", "--to", "comfyui")
        word = hint[hint.rindex("--to ") + 5:hint.rindex(" for the store's own folder")]
        self.assertEqual(shlex.split(word), ["comfyui//my $(x) it's.zip"])

    def test_early_access_is_told_in_the_plan(self):
        version = self.version(LORA, "early.safetensors", "LORA", availability="EarlyAccess", earlyAccessEndsAt="2099-01-02T03:04:05.678Z")
        result = self.machine.run("plan", f"civitai:{version}")
        self.assertIn("in early access until 2099-01-02", result.err)
        past = self.version(LORA, "late.safetensors", "LORA", earlyAccessEndsAt="2020-01-02T03:04:05.678Z")
        self.assertNotIn("early access", self.machine.run("plan", f"civitai:{past}").err)
        closed = self.version(LORA, "closed.safetensors", "LORA", usageControl="Generation")
        self.assertIn("on the site alone", self.refused(f"civitai:{closed}", code=5))


class CardTest(KindsCase):
    """What a page or a sidecar tells a user is kept, shown and found."""
    lora = "stable-diffusion-webui/models/Lora/"

    def card(self, entry):
        return {k: entry[k] for k in ("trigger_words", "base_model", "model_name", "version_name", "page", "preview", "preferred_weight") if k in entry}

    def test_of_what_is_pulled(self):
        version = self.version(LORA, "style.safetensors", "LORA", trainedWords=["inkStyle", " watercolor, soft "], baseModel="SDXL 1.0",
                               images=[{"url": "https://image.civitai.com/x.jpeg"}])
        self.pull(f"civitai:{version}")
        self.assertEqual(self.card(self.entry()), {
            "trigger_words": ["inkStyle", "watercolor, soft"], "base_model": "SDXL 1.0", "model_name": "style.safetensors", "version_name": "v1",
            "page": f"{self.hub.service.url}/models/{version + 50000}?modelVersionId={version}", "preview": "https://image.civitai.com/x.jpeg"})
        shown = self.machine.run("show", self.entry()["id"]).out
        for words in ("inkStyle", "SDXL 1.0", "https://image.civitai.com/x.jpeg"):
            self.assertIn(words, shown)
        for words, count in (("inkstyle", 1), ("sdxl LoRA", 1), ("sdxl checkpoint", 0), ("nothing", 0)):
            listed = json.loads(self.machine.run("list", "--json", "--search", words).out)["data"]["models"]
            self.assertEqual(len(listed), count, words)
        self.machine.run("verify")
        self.assertIn("trigger_words", self.entry())

    def test_what_is_installed_is_shown_as_it_is(self):
        """A source spelled out is no word of a manifest's: what it may be does not hide what it is."""
        version = self.version(LORA, "style.safetensors", "LORA")
        self.assertNotIn("checkpoint", self.machine.run("show", f"civitai:{version}").out)
        self.pull(f"civitai:{version}")
        for name in (f"civitai:{version}", f"https://civitai.com/models/{version + 50000}?modelVersionId={version}"):
            shown = self.machine.run("show", name)
            self.assertRegex(shown.out, r"kind +lora")
            self.assertNotIn("checkpoint", shown.out)
            self.assertEqual(shown.out.count("installed"), 1, shown.out)
            models = json.loads(self.machine.run("show", name, "--json").out)["data"]["models"]
            self.assertEqual([(m["manifest"], m["registered"]["kind"]) for m in models], [(None, "lora")])

    def adopted(self, ending=None, content=None):
        self.write(self.lora + "x.safetensors", LORA)
        if ending:
            self.write(self.lora + "x" + ending, json.dumps(content).encode())
        result = self.machine.run("adopt")
        self.assertEqual(result.returncode, 0, result.err)
        return self.entry()

    def test_sidecars_of_five_tools(self):
        version = {"id": 5, "modelId": 6, "name": "v2", "baseModel": "Pony", "trainedWords": ["a", "b"], "model": {"name": "Ink", "type": "LORA"},
                   "images": [{"url": "https://i.example/p.png"}],
                   "files": [{"id": 7, "name": "x.safetensors", "primary": True, "hashes": {"SHA256": sha256(LORA)}, "sizeKB": len(LORA) / 1024}]}
        whole = {"trigger_words": ["a", "b"], "base_model": "Pony", "model_name": "Ink", "version_name": "v2", "preview": "https://i.example/p.png",
                 "page": "https://civitai.com/models/6?modelVersionId=5"}
        cases = {
            ".civitai.info": (version, whole),
            ".api_info.json": ({"id": 6, "name": "Ink", "type": "LORA", "modelVersions": [{"id": 4, "files": []}, version]}, whole),
            ".cm-info.json": ({"ModelId": 6, "VersionId": 5, "ModelName": "Ink", "VersionName": "v2", "BaseModel": "Pony", "TrainedWords": ["a", "b"],
                              "ThumbnailImageUrl": "https://i.example/p.png", "Hashes": {"SHA256": sha256(LORA)}}, whole),
            ".metadata.json": ({"sha256": sha256(LORA), "model_name": "Ink", "base_model": "Pony", "usage_tips": '{"strength": 0.8}', "civitai": version,
                               "preview_url": "C:/p.png"}, {**whole, "preferred_weight": 0.8}),
            ".json": ({"activation text": "a, b", "sd version": "SDXL", "preferred weight": 0.7, "modelId": 6, "modelVersionId": 5,
                      "sha256": sha256(LORA).upper()},
                     {"trigger_words": ["a", "b"], "base_model": "SDXL", "preferred_weight": 0.7, "page": whole["page"]}),
        }
        for ending, (content, card) in cases.items():
            with self.subTest(ending=ending):
                self.machine.close()
                self.setUp()
                entry = self.adopted(ending, content)
                self.assertEqual(self.card(entry), card)
                self.assertTrue(entry["source"].startswith("civitai:6@5"), entry["source"])
        self.assertIn("sidecar", json.dumps(json.loads(self.machine.run("verify", "--store", "a1111", "--json").out)["data"]))

    def test_what_is_no_sidecar_is_none(self):
        self.write(self.lora + "x.json", b'{"architectures": ["A"]}')
        self.write(self.lora + "alone.json", b"{}")
        self.assertEqual(self.card(self.adopted()), {})
        looked = json.loads(self.machine.run("verify", "--store", "a1111", "--json").out)
        self.assertNotIn("alone.json", json.dumps(looked))

    def told(self, path):
        """Who told the digest of a file, of those whose digest was right."""
        looked = json.loads(self.machine.run("verify", "--store", "a1111", "--json").out)["data"]
        return {os.path.basename(f["path"]): (f["told_by"], f["state"]) for s in [looked] for f in looked["files"]}[os.path.basename(path)]

    def test_the_cache_in_its_spellings(self):
        path = self.write(self.lora + "sub/style.safetensors", LORA)
        other = self.write("stable-diffusion-webui/models/Stable-diffusion/anime/x.safetensors", WHOLE)
        self.write("stable-diffusion-webui/cache.json", json.dumps({"hashes": {
            "lora/style": {"mtime": os.stat(path).st_mtime, "sha256": sha256(LORA)},
            "checkpoint/anime\\x.safetensors": {"mtime": os.stat(other).st_mtime, "sha256": sha256(WHOLE)}}}).encode())
        for file in path, other:
            self.assertEqual(self.told(file), ("cache.json", "ok"))

    def test_the_cache_of_version_1_7_and_later(self):
        """A database of Python's diskcache with pickled values, larger than one page, and then cut and turned at random."""
        path = self.write(self.lora + "sub/style.safetensors", LORA)
        self.write("stable-diffusion-webui/cache/hashes/x", b"")
        where = os.path.join(self.machine.root, "stable-diffusion-webui/cache/hashes/cache.db")
        database = sqlite3.connect(where)
        database.execute("CREATE TABLE Settings (key TEXT NOT NULL UNIQUE, value)")
        database.execute("CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL, "
                         "access_time REAL, access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, mode INTEGER DEFAULT 0, "
                         "filename TEXT, value BLOB)")
        for number in range(600):
            title = "lora/style" if number == 433 else f"checkpoint/sub\\model {number}.safetensors" + "x" * (number % 7 * 900)
            value = {"mtime": os.stat(path).st_mtime, "sha256": sha256(LORA)} if number == 433 else {"mtime": 1.5, "sha256": sha256(title.encode())}
            database.execute("INSERT INTO Cache (key, raw, store_time, access_time, mode, value) VALUES (?, 1, 1.0, 1.0, 4, ?)",
                             (title, pickle.dumps(value, protocol=number % 4 + 2 if number != 433 else 5)))
        database.commit()
        database.close()
        self.assertEqual(self.told(path), ("cache.json", "ok"))
        whole, chance = self.read(where), random.Random(7)
        for _ in range(60):
            broken = bytearray(whole[:chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
            for _ in range(chance.randrange(40)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            self.write(where, bytes(broken))
            self.assertIn(self.machine.run("verify", "--store", "a1111").returncode, (0, 1))

    def test_what_hf_download_left(self):
        path = self.write(self.lora + "repo/style.safetensors", LORA)
        note = self.lora + "repo/.cache/huggingface/download/style.safetensors.metadata"
        self.write(note, f"{'c' * 40}\n{sha256(LORA)}\n{os.stat(path).st_mtime + 1}\n".encode())
        self.assertEqual(self.told(path), ("sidecar", "ok"))
        self.write(note, f"{'c' * 40}\n{sha256(b'older')}\n{os.stat(path).st_mtime - 100}\n".encode())
        self.assertNotEqual(self.told(path)[0], "sidecar")


class SidecarTest(KindsCase):
    """Written where the user wants them, and taken by rm if they are ours still."""
    lora = "stable-diffusion-webui/models/Lora"

    def inked(self):
        return self.version(LORA, "style.safetensors", "LORA", trainedWords=["inkStyle", "soft light"], baseModel="Illustrious")

    def beside(self):
        return sorted(os.listdir(os.path.join(self.machine.root, self.lora)))

    def content(self, name):
        return json.loads(self.read(os.path.join(self.machine.root, self.lora, name)))

    def test_what_each_application_reads(self):
        version = self.inked()
        self.pull("--sidecars", "a1111,lora-manager", f"civitai:{version}")
        self.assertEqual(self.beside(), ["style.json", "style.metadata.json", "style.safetensors"])
        card = self.content("style.json")
        self.assertEqual((card["activation text"], card["sd version"]), ("inkStyle, soft light", "SDXL"))
        card = self.content("style.metadata.json")
        self.assertEqual((card["file_name"], card["sha256"], card["base_model"], card["size"]), ("style", sha256(LORA), "Illustrious", len(LORA)))
        self.assertEqual((card["civitai"]["id"], card["civitai"]["modelId"], card["civitai"]["trainedWords"]),
                         (version, version + 50000, ["inkStyle", "soft light"]))
        self.check_registry()
        self.assertEqual(self.machine.run("verify").returncode, 0)
        shown = self.machine.run("show", f"civitai:{version}").out
        self.assertEqual((shown.count("written by ncmodel"), shown.count("no source")), (2, 0), shown)
        dumped = self.machine.run("manifest", "dump")
        self.assertEqual((dumped.returncode, [len(m["files"]) for m in json.loads(dumped.out)["models"]]), (0, [1]), dumped.err)
        # One that its application wrote to is no damage, and stays.
        self.write(self.lora + "/style.json", b'{"activation text": "mine"}')
        self.assertEqual(self.machine.run("verify").returncode, 0)
        result = self.machine.run("rm", "-y", f"civitai:{version}")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(self.beside(), ["style.json"])
        self.assertIn("style.json", result.out + result.err)

    def test_later_and_without_writing_over_anything(self):
        version = self.inked()
        mine = self.write(self.lora + "/style.json", b'{"activation text": "mine"}')
        self.pull(f"civitai:{version}")
        self.assertEqual(self.beside(), ["style.json", "style.safetensors"])
        self.pull("--sidecars", "a1111,lora-manager", f"civitai:{version}")
        self.assertEqual(self.beside(), ["style.json", "style.metadata.json", "style.safetensors"])
        self.assertEqual(self.read(mine), b'{"activation text": "mine"}')
        told = self.pull("--sidecars", "a1111,lora-manager", f"civitai:{version}").err
        self.assertIn("style.json is there already", told)
        self.assertNotIn("style.metadata.json is there", told)
        self.check_registry()
        self.machine.run("rm", "-y", f"civitai:{version}")
        self.assertEqual(self.beside(), ["style.json"])

    def test_others_stay_and_are_named_or_go_with_a_word(self):
        for arguments, left in (([], ["style.civitai.info", "style.preview.png"]), (["--sidecars"], [])):
            version = self.inked()
            self.pull(f"civitai:{version}")
            for name in ("style.civitai.info", "style.preview.png"):
                self.write(f"{self.lora}/{name}", b"{}")
            self.write(f"{self.lora}/style-2.json", b"{}")
            result = self.machine.run("rm", "-y", f"civitai:{version}", *arguments)
            self.assertEqual(result.returncode, 0, result.err)
            self.assertTrue(all(name in result.out for name in left), result.out)
            self.assertEqual(self.beside(), sorted(left + ["style-2.json"]))

    def test_what_goes_by_one_name_is_not_kept_by_another(self):
        """Two applications with one folder: it is the same file."""
        version = self.inked()
        os.makedirs(os.path.join(self.machine.root, self.lora))
        os.makedirs(os.path.join(self.machine.root, "ComfyUI/models"))
        os.symlink("../../" + self.lora, os.path.join(self.machine.root, "ComfyUI/models/loras"))
        self.pull("--sidecars", "a1111", f"civitai:{version}")
        self.pull(f"civitai:{version}", "--to", "comfyui")
        result = self.machine.run("rm", "-y", f"civitai:{version}")
        self.assertEqual((result.returncode, self.beside()), (0, []), result.err)
        self.assertNotIn("kept", result.out)

    def test_what_a_namesake_may_need_stays(self):
        version = self.inked()
        self.pull(f"civitai:{version}")
        self.write(f"{self.lora}/style.pt", PICKLE)
        self.write(f"{self.lora}/style.json", b"{}")
        self.machine.run("rm", "-y", f"civitai:{version}", "--sidecars")
        self.assertEqual(self.beside(), ["style.json", "style.pt"])

    def test_they_move_with_their_model(self):
        version = self.inked()
        self.pull("--sidecars", "a1111", f"civitai:{version}")
        moved = self.machine.run("mv", "-y", f"civitai:{version}", "--to", "comfyui/loras")
        self.assertEqual(moved.returncode, 0, moved.err + moved.out)
        self.assertEqual(self.beside(), [])
        self.assertEqual(sorted(os.listdir(os.path.join(self.machine.root, "ComfyUI/models/loras"))), ["style.json", "style.safetensors"])
        self.check_registry()

    def test_nothing_told_nothing_written(self):
        self.hub.hf("org/plain", {"x.safetensors": LORA})
        self.pull("--sidecars", "a1111", "hf:org/plain/x.safetensors")
        self.assertEqual(os.listdir(os.path.join(self.machine.root, "ComfyUI/models/loras")), ["x.safetensors"])
        self.assertEqual(self.machine.run("pull", "--sidecars", "invoke", "x").returncode, 2)


if __name__ == "__main__":
    unittest.main()
