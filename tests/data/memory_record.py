#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What llama.cpp takes for each of memory_models.py, by its own log, written to memory.json. Needs llama-cpp-python
(pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36); nothing else does.

    memory_record.py [MODEL...]      these alone are asked, and printed"""
import ctypes
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import llama_cpp
import memory_models

CONTEXTS = (512, 4096, 16384)
WAYS = (("f16", False), ("f16", True), ("q8_0", True))  # V in q8_0 needs flash attention
TYPES = {"f16": 1, "q8_0": 8}
LINES = {"weights": r"model buffer size = +([0-9.]+) MiB", "kv": r"KV buffer size = +([0-9.]+) MiB",
         "state": r"RS buffer size = +([0-9.]+) MiB", "compute": r"compute buffer size = +([0-9.]+) MiB",
         "output": r"output buffer size = +([0-9.]+) MiB"}
log = []


@llama_cpp.llama_log_callback
def listen(_level, line, _data):
    log.append(line.decode(errors="replace"))


def parts():
    whole = "".join(log)
    return {part: round(sum(float(found) for found in re.findall(line, whole)), 2) for part, line in LINES.items()}


def ask(path, context, kv, flash, embedding):
    log.clear()
    how = llama_cpp.llama_model_default_params()
    how.use_mmap, how.n_gpu_layers = False, 0
    model = llama_cpp.llama_model_load_from_file(path.encode(), how)
    if not model:
        raise RuntimeError("".join(log)[-2000:])
    run = llama_cpp.llama_context_default_params()
    run.n_ctx, run.n_batch, run.n_ubatch, run.n_seq_max = context, 512, 512, 1
    run.type_k = run.type_v = TYPES[kv]
    run.flash_attn_type, run.swa_full, run.embeddings = int(flash), False, embedding
    made = llama_cpp.llama_init_from_model(model, run)
    if not made:
        raise RuntimeError("".join(log)[-2000:])
    found = parts()
    llama_cpp.llama_free(made)
    llama_cpp.llama_model_free(model)
    return found


def record(names):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = os.path.join(folder, name + ".gguf")
            memory_models.MODELS[name]().write(path)
            for context in CONTEXTS:
                for kv, flash in WAYS:
                    row = {"model": name, "context": context, "kv_type": kv, "flash": flash}
                    row.update(ask(path, context, kv, flash, name == "bert"))
                    rows.append(row)
                    print(row, file=sys.stderr)
            os.unlink(path)
    return rows


def main():
    llama_cpp.llama_log_set(listen, ctypes.c_void_p(0))
    names = sys.argv[1:]
    rows = record(names or memory_models.MODELS)
    if names:
        return
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "memory.json"), "w") as file:
        file.write('{"by": "llama-cpp-python %s, CPU, n_ubatch 512, MiB",\n "rows": [\n' % llama_cpp.__version__)
        file.write(",\n".join("  " + json.dumps(row) for row in rows) + "\n]}\n")


main()
