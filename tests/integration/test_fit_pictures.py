"""`ncmodel fit` of picture models: their stages run one after another, so the largest decides. Sizes are those of the tensors,
activations by the family's formula, by hand."""
import json
import os
import unittest

from harness import sha256
from test_fit import MIB, FitCase

PIXELS = 1024 * 1024
FEW = 128 * MIB  # what a stage takes beside what grows with the picture
BLOCK = 1 << 20

SDXL = {"model.diffusion_model.output_blocks.5.1.transformer_blocks.1.attn1.to_v.weight": [640, 640],
        "model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3], "model.diffusion_model.filling": [BLOCK, 512],
        "conditioner.embedders.0.filling": [BLOCK, 128], "first_stage_model.decoder.conv_in.weight": [512, 4, 3, 3],
        "first_stage_model.filling": [BLOCK, 32]}
FLUX = {"double_blocks.0.img_attn.qkv.weight": [9216, 3072], "double_blocks.0.txt_attn.proj.weight": [3072, 3072],
        "filling": [BLOCK, 11500]}
T5 = {"encoder.block.0.layer.0.SelfAttention.q.weight": [4096, 4096], "filling": [BLOCK, 4650]}
CLIP = {"text_model.encoder.layers.0.mlp.fc1.weight": [3072, 768], "filling": [BLOCK, 117]}
VAE = {"decoder.conv_in.weight": [512, 16, 3, 3], "encoder.conv_in.weight": [128, 3, 3, 3], "decoder.filling": [BLOCK, 80]}
CONTROL = {"control_model.input_blocks.0.0.weight": [320, 4, 3, 3], "control_model.filling": [BLOCK, 600]}


def size_of(tensors, only=""):
    """In F16."""
    total = 0
    for name, shape in tensors.items():
        size = 2
        for dimension in shape:
            size *= dimension
        total += size if name.startswith(only) else 0
    return total


def header_of(tensors, **metadata):
    offset, header = 0, {"__metadata__": metadata}
    for name, shape in tensors.items():
        size = size_of({name: shape})
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


class PictureCase(FitCase):
    def picture(self, name, tensors, **metadata):
        head = header_of(tensors, **metadata)
        path = os.path.join(self.machine.home, name + ".safetensors")
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(len(head) + size_of(tensors))
        return path

    def peak(self, *arguments):
        card = self.model(*arguments)["card"]
        return card["weights"] + card["compute"]


class StageTest(PictureCase):
    def sdxl(self):
        return self.picture("sdxl", SDXL, **{"modelspec.architecture": "stable-diffusion-xl-v1-base"})

    def test_the_peak_and_not_the_sum(self):
        path = self.sdxl()
        denoiser = size_of(SDXL, "model.") + 500 * PIXELS - 5960000 + FEW
        decoder = size_of(SDXL, "first_stage_model.") + 13 * 512 * PIXELS + FEW
        self.assertGreater(decoder, denoiser)
        self.assertEqual(self.peak(path), decoder)
        tile = size_of(SDXL, "first_stage_model.") + 13 * 512 * 512 * 512 + FEW
        self.assertEqual(self.peak(path, "--tiled"), max(tile, denoiser))
        self.assertEqual(self.peak(path, "--keep-all"), size_of(SDXL) + 13 * 512 * PIXELS + FEW)
        self.assertEqual(self.peak(path, "--image", "512x512"), max(tile, size_of(SDXL, "model.") + 500 * 512 * 512 - 5960000 + FEW))

    def test_a_controlnet_works_with_the_denoiser(self):
        path, control = self.sdxl(), self.picture("control", CONTROL)
        active = 500 * PIXELS - 5960000
        denoiser = size_of(SDXL, "model.") + size_of(CONTROL) + active + active // 3 + FEW
        self.assertEqual(self.peak(path, "--part", control, "--tiled"), denoiser)

    def test_three_sizes_of_sd3(self):
        """Activations of each for 1024 x 1024, attention in full: no one has measured them with flash attention."""
        blocks = {"medium": ["joint_blocks.0.", "joint_blocks.23."], "3.5-medium": ["joint_blocks.0.x_block.attn.ln_k.weight"],
                  "3.5-large": ["joint_blocks.0.", "joint_blocks.37.x_block.attn.ln_k.weight"]}
        formulas = {"medium": (1.65e7, 234.7, 0.001465), "3.5-medium": (1.74e7, 281.7, 0.001465),
                    "3.5-large": (2.32e7, 410.4, 0.00232)}
        for name, (constant, linear, square) in formulas.items():
            tensors = {block + "filling": [BLOCK, 64] for block in blocks[name]}
            path = self.picture("sd3-" + name, tensors)
            active = int(constant + linear * PIXELS + square * PIXELS * PIXELS)
            with self.subTest(name):
                self.assertEqual(self.peak(path), size_of(tensors) + active + FEW)

    def test_wrong_words(self):
        path = self.sdxl()
        self.assertIn("--with", self.machine.run("fit", self.picture("t5", T5), "--part", path).err)
        self.assertEqual(self.machine.run("fit", path, "--part", "/nowhere.safetensors").returncode, 5)


class FluxTest(PictureCase):
    """FLUX.1: transformer, two text encoders and a decoder, each in its file."""

    ACTIVE = int(4.65e7 + 997.8 * PIXELS + 0.001457 * PIXELS * PIXELS)

    def test_its_own_stages(self):
        flux, parts = self.picture("flux", FLUX), []
        for name, tensors in (("t5", T5), ("clip", CLIP), ("vae", VAE)):
            parts += ["--part", self.picture(name, tensors)]
        alone = self.model(flux)
        self.assertIn("its text encoder or decoder is in another file, and not in the figure", alone["remarks"])
        self.assertEqual(self.peak(flux), size_of(FLUX) + self.ACTIVE + FEW)
        self.assertEqual(self.peak(flux, *parts), size_of(FLUX) + self.ACTIVE + FEW)  # the transformer is the largest stage
        self.assertEqual(self.model(flux, *parts)["remarks"], [])
        whole = sum(size_of(tensors) for tensors in (FLUX, T5, CLIP, VAE))
        self.assertEqual(self.peak(flux, *parts, "--keep-all"), whole + 13 * 512 * PIXELS + FEW)

    def test_both_text_encoders_are_one_stage(self):
        small = {**FLUX, "filling": [BLOCK, 16]}
        flux = self.picture("flux", small)
        way = [flux, "--part", self.picture("t5", T5), "--part", self.picture("clip", CLIP)]
        self.assertEqual(self.peak(*way), size_of(T5) + size_of(CLIP) + FEW)

    def test_what_a_manifest_requires_is_counted(self):
        files, models = {"flux": FLUX, "t5": T5, "clip": CLIP, "vae": {**VAE, "decoder.filling": [BLOCK, 40]}}, []
        kinds = {"flux": "diffusion", "t5": "text-encoder", "clip": "text-encoder", "vae": "vae"}
        small = {name: {**tensors, **{key: [64, 64] for key in tensors if "filling" in key}} for name, tensors in files.items()}
        for name, tensors in small.items():
            data = header_of(tensors) + bytes(size_of(tensors))
            self.hub.hf("org/" + name, {name + ".safetensors": data})
            models.append({"id": name, "kind": kinds[name],
                           "files": [{"from": ["hf:org/%s/%s.safetensors" % (name, name)], "sha256": sha256(data), "size": len(data),
                                      "to": [{"store": "llama-cpp", "name": name + ".safetensors"}]}],
                           **({"requires": ["t5", "clip", "vae"]} if name == "flux" else {})})
        self.machine.manifest(models)
        [row] = self.fit("flux", "--image", "64x64", "--keep-all")["models"]
        self.assertEqual(row["card"]["weights"], sum(size_of(tensors) for tensors in small.values()))
        self.assertIn("counted with what it requires: t5, clip, vae", row["remarks"])
        way = ["flux", "--image", "64x64", "--keep-all", "--part", self.picture("control", CONTROL)]
        row, weights = self.model(*way), row["card"]["weights"]
        self.assertEqual(row["card"]["weights"], weights + size_of(CONTROL))
        self.assertIn("counted with what it requires: t5, clip, vae", row["remarks"])


if __name__ == "__main__":
    unittest.main()
