#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small well made headers to begin with, without the bytes that the targets put before theirs: seeds.py FOLDER"""
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data"))
import memory_models  # noqa: E402


def text(value):
    return struct.pack("<Q", len(value)) + value


def gguf():
    pairs = (text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
             + text(b"llama.block_count") + struct.pack("<II", 4, 2)
             + text(b"llama.attention.head_count_kv") + struct.pack("<IIQii", 9, 5, 2, 1, -2)
             + text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"bc")
             + text(b"nested") + struct.pack("<IIQIQB", 9, 9, 1, 0, 1, 7))
    tensor = text(b"token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 2, 8, 0)
    return struct.pack("<IQQ", 3, 1, 5) + pairs + tensor + b"\0" * 200


def safetensors():
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 8


def pickled(protocol):
    tensor = (b"\x80\x02}X\1\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nHalfStorage\nX\1\0\0\0"
              b"0X\3\0\0\0cpuK\4tQK\0K\2K\2\x86K\2K\1\x86\x89)tRs.")
    return tensor[1:] if protocol == 0 else pickle.dumps({"a": [1, 2.5, (3, "x" * 9)], "b": {4, 5}, "c": 1 << 80}, protocol)[1:]


def onnx():
    tensor = b"\x08\3\x08\4\x10\1\x42\1w\x4a\x30" + b"\0" * 48
    graph = b"\x12\4main\x2a" + bytes([len(tensor)]) + tensor
    return b"\x12\1p\x3a" + bytes([len(graph)]) + graph


def zipped(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        out.writestr("archive/data.pkl", b"\x80" + pickled(0))
        out.writestr("archive/version", b"3\n")
        out.writestr("archive/data/0", b"\0" * 8)
    return file.getvalue()[4:]


def manifest(layers):
    def blob(kind, **more):
        return {"mediaType": "application/vnd.ollama.image." + kind, "digest": "sha256:" + hashlib.sha256(kind.encode()).hexdigest(),
                "size": 12, **more}

    plain = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
             "config": {**blob("config"), "mediaType": "application/vnd.docker.container.image.v1+json"},
             "layers": [blob(kind) for kind in layers]}
    return json.dumps(plain).encode()


def manifest_list():
    entry = {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": "sha256:" + "a" * 64, "size": 5,
             "runner": "llamacpp", "format": "gguf"}
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.ollama.manifest.list.v2+json", "manifests": [entry]}).encode()


def shaped(make):
    """One of the models that `fit` is held against, with few words, and without its weights."""
    model = make()
    model.vocabulary = 16
    return memory_models.header(model)[4:]


CONFIGS = [
    {"model_type": "qwen3_next", "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
     "layer_types": ["linear_attention", "full_attention"] * 2, "full_attention_interval": 2, "num_experts": 8, "num_experts_per_tok": 2,
     "moe_intermediate_size": 32, "vocab_size": 100, "max_position_embeddings": 4096},
    {"text_config": {"model_type": "gemma3_text", "num_hidden_layers": 6, "sliding_window": 512, "sliding_window_pattern": 6,
                     "num_kv_shared_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 9}},
    {"model_type": "deepseek_v3", "num_hidden_layers": 3, "q_lora_rank": 24, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
     "v_head_dim": 8, "n_routed_experts": 4, "first_k_dense_replace": 1, "num_nextn_predict_layers": 1, "hidden_size": 32},
]


def main():
    seeds = {"gguf": [gguf()], "safetensors": [safetensors()], "pickle": [pickled(p) for p in (0, 2, 3, 4, 5)], "onnx": [onnx()],
             "zip": [zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED)],
             "manifest": [manifest(["model"]), manifest(["model", "template", "license", "params", "manifest-blob"]), manifest_list()],
             "fit_gguf": [shaped(make) for name, make in memory_models.MODELS.items() if "large" not in name],
             "fit_config": [json.dumps(config).encode() for config in CONFIGS]}
    for name, contents in seeds.items():
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        for i, content in enumerate(contents):
            with open(os.path.join(folder, "seed-%d" % i), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
