#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the library says of model files, against the packages that write and read them: gguf and safetensors.

They come from the package index into a virtual environment in the test cache (as ollama_peer.py's Ollama does); where that
cannot be had the test is skipped. NCM_FORMAT_FACTS names tests/unit/format_facts.c, built.
"""
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import model_peer

FACTS = os.environ["NCM_FORMAT_FACTS"]
INSIDE = "NCM_TEST_FORMATS_INSIDE"
SKIP = 77


# -- the packages --------------------------------------------------------------------------------------------------------
if INSIDE not in os.environ:
    interpreter, reason = model_peer.prepare()
    if not interpreter:
        print("SKIP: no gguf and safetensors packages here: " + reason)
        sys.exit(SKIP)
    os.execve(interpreter, [interpreter, *sys.argv], {**os.environ, INSIDE: "1"})

import gguf  # noqa: E402
import numpy  # noqa: E402
import safetensors  # noqa: E402
import safetensors.numpy  # noqa: E402

FOLDER = tempfile.TemporaryDirectory(prefix="ncmodel-formats-")
NUMBERS = itertools.count()


# -- what the library says -----------------------------------------------------------------------------------------------
def path_of(name="model"):
    return os.path.join(FOLDER.name, "%s-%d" % (name, next(NUMBERS)))


def facts(*paths):
    """Of each file; a sanitizer's finding is a failure."""
    lines = []
    for start in range(0, len(paths), 500):
        told = subprocess.run([FACTS, *paths[start : start + 500]], capture_output=True, text=True, check=False)
        assert told.returncode == 0 and not told.stderr, told.stderr
        lines += told.stdout.splitlines()
    return [json.loads(line) for line in lines]


def facts_of_bytes(*contents):
    paths = []
    for content in contents:
        paths.append(path_of("bytes"))
        with open(paths[-1], "wb") as out:
            out.write(content)
    told = facts(*paths)
    for path in paths:
        os.unlink(path)
    return told


def same(what, got, wanted):
    assert got == wanted, "%s is %r, not %r" % (what, got, wanted)


# -- GGUF ----------------------------------------------------------------------------------------------------------------
def write(architecture, fill, **options):
    path = path_of("gguf")
    writer = gguf.GGUFWriter(path, architecture, **options)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def check_extents(path, told):
    """Against what the package's reader finds."""
    reader = gguf.GGUFReader(path)
    same("soundness of %s" % told.get("fault"), told["soundness"], "sound")
    same("tensor_count", told["tensor_count"], len(reader.tensors))
    same("parameter_count", told["parameter_count"], sum(int(t.n_elements) for t in reader.tensors))
    same("extent", told["extent"], max(int(t.data_offset) + int(t.n_bytes) for t in reader.tensors))


def an_llm():
    def fill(writer):
        writer.add_name("Tiny, really")
        writer.add_license("mit")
        writer.add_size_label("1.5B")
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
        writer.add_context_length(32768)
        writer.add_embedding_length(512)
        writer.add_token_list(["<s>", "a", "é"] * 1000)
        writer.add_token_scores([0.5] * 3000)
        writer.add_token_types([1] * 3000)
        for number, value in enumerate([True, -1, 1.5, "x", [1, 2], [True], [1.0], ["a", "b"]]):
            writer.add_key_value("test.value%d" % number, value, gguf.GGUFValueType.get_type(value))
        for kind in "uint8 int8 uint16 int16 uint32 int32 float32 uint64 int64 float64".split():
            getattr(writer, "add_" + kind)("test." + kind, 1)
        writer.add_tensor("token_embd.weight", numpy.ones((7, 5), dtype=numpy.float32))
        writer.add_tensor("output_norm.weight", numpy.ones(3, dtype=numpy.float16))
        writer.add_tensor("scalar", numpy.ones((), dtype=numpy.float32))
        writer.add_tensor("video", numpy.ones((1, 2, 3, 4, 5), dtype=numpy.float32))

    path = write("qwen2", fill)
    told = facts(path)[0]
    check_extents(path, told)
    for key, value in {"format": "gguf", "name": "Tiny, really", "license": "mit", "architecture": "qwen2", "parameters": "1.5B",
                       "quantization": "Q4_K_M", "kind": "llm", "context_length": 32768, "dimensions": 0}.items():
        same(key, told[key], value)
    return path


def every_tensor_type():
    """Of each a tensor in the middle, so that both its size and the next one's place must be right."""
    paths, names = [], []
    for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
        def fill(writer, kind=kind, block=block, size=size):
            writer.add_tensor("first", numpy.zeros(5, dtype=numpy.float32))
            writer.add_tensor("many", numpy.zeros((64, 768 // block * size), dtype=numpy.uint8), raw_dtype=kind)
            writer.add_tensor("last", numpy.zeros(5, dtype=numpy.float32))
        paths.append(write("llama", fill))
        names.append(kind.name)
    for path, name, told in zip(paths, names, facts(*paths)):
        try:
            check_extents(path, told)
            same("quantization", told["quantization"], name)
        except AssertionError as error:
            raise AssertionError("type %s: %s" % (name, error)) from None
    assert len(paths) > 30


def every_file_type():
    kinds = [k for k in gguf.LlamaFileType if k != gguf.LlamaFileType.GUESSED]
    paths = [write("llama", lambda writer, kind=kind: writer.add_file_type(kind)) for kind in kinds]
    for kind, told in zip(kinds, facts(*paths)):
        same("file type", told.get("quantization"), kind.name.replace("MOSTLY_", "").replace("ALL_", ""))


def every_architecture():
    names = sorted(set(gguf.MODEL_ARCH_NAMES.values()))
    paths = [write(name, lambda writer: writer.add_embedding_length(64)) for name in names]
    pooled = [write(name, lambda writer: writer.add_pooling_type(gguf.PoolingType.LAST)) for name in names]
    for name, told in zip(names, facts(*paths)):
        embeds = "bert" in name or name in ("gemma-embedding", "llama-embed")
        other = {"clip": "projector", "t5encoder": "text-encoder", "wavtokenizer-dec": None}
        same("kind of " + name, told.get("kind"), "embedding-model" if embeds else other.get(name, "llm"))
        same("dimensions of " + name, told["dimensions"], 64 if embeds else 0)
    for name, told in zip(names, facts(*pooled)):
        same("kind of pooled " + name, told.get("kind"), "embedding-model")


def alignments_shards_and_byte_orders():
    def fill(writer):
        for number in range(6):
            writer.add_tensor("t%d" % number, numpy.ones((3, 5), dtype=numpy.float32))

    def aligned(writer):
        writer.add_custom_alignment(64)
        fill(writer)

    path = write("llama", aligned)
    check_extents(path, facts(path)[0])
    big = facts(write("llama", fill, endianess=gguf.GGUFEndian.BIG))[0]
    same("big endian", (big["soundness"], big["tensor_count"], big["architecture"]), ("unjudged", 6, "llama"))
    assert "big-endian" in big["fault"], big
    write("llama", fill, split_max_tensors=2)
    shards = [os.path.join(FOLDER.name, name) for name in os.listdir(FOLDER.name) if "-of-" in name]
    same("shards", len(shards), 3)
    for shard, told in zip(shards, facts(*shards)):
        check_extents(shard, told)


def bad_gguf(path):
    """What the package's reader cannot read is not sound here, and a cut is told as one."""
    with open(path, "rb") as file:
        data = file.read()
    extent = facts(path)[0]["extent"]
    cuts = sorted(random.Random(1).sample(range(4, extent), 300)) + [extent - 1]
    for cut, told in zip(cuts, facts_of_bytes(*(data[:cut] for cut in cuts))):
        same("cut after %d bytes" % cut, told["soundness"], "truncated")
    with open(path + ".cut", "wb") as out:
        out.write(data[: extent - 1])
    try:
        gguf.GGUFReader(path + ".cut")
        raise AssertionError("the package reads a cut file")
    except ValueError:
        pass

    def refused(what, content):
        with open(path + ".bad", "wb") as out:
            out.write(content)
        same(what, facts(path + ".bad")[0]["soundness"], "broken")
        try:
            gguf.GGUFReader(path + ".bad")
        except Exception:  # pylint: disable=broad-except  # whatever it raises, it does not read it
            return
        raise AssertionError("the package reads a file with " + what)

    key = data.index(b"general.file_type") + len("general.file_type")
    refused("a value of no type", data[:key] + struct.pack("<I", 13) + data[key + 4 :])
    refused("a key of 2^63 bytes", data[:24] + struct.pack("<Q", 1 << 63) + data[32:])
    refused("version 0", data[:4] + struct.pack("<I", 0) + data[8:])


# -- safetensors ---------------------------------------------------------------------------------------------------------
def accepts(content):
    """Whether the package reads it."""
    try:
        safetensors.deserialize(content)
        return True
    except safetensors.SafetensorError:
        return False


def a_lora():
    path = path_of("safetensors")
    tensors = {"lora_unet_down_blocks_0_attn2_to_k.lora_down.weight": numpy.ones((4, 768), dtype=numpy.float16),
               "lora_unet_down_blocks_0_attn2_to_k.lora_up.weight": numpy.ones((320, 4), dtype=numpy.float16),
               "lora_unet_down_blocks_0_attn2_to_k.alpha": numpy.array(4, dtype=numpy.float32)}
    for number, kind in enumerate(["bool", "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64",
                                   "complex64"]):
        tensors["t%d" % number] = numpy.zeros((number, 3), dtype=kind)
    safetensors.numpy.save_file(tensors, path, {"ss_output_name": "ink é", "ss_network_module": "networks.lora"})
    told = facts(path)[0]
    for key, value in {"format": "safetensors", "soundness": "sound", "name": "ink é", "kind": "lora", "architecture": "sd1.5",
                       "quantization": "F16", "tensor_count": len(tensors), "extent": os.path.getsize(path),
                       "parameter_count": sum(t.size for t in tensors.values())}.items():
        same(key, told[key], value)
    with open(path, "rb") as file:
        return file.read()


def with_header(header, data=0):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def every_dtype():
    """The package names its types when it is asked for one that it has not; each must have the same width here."""
    try:
        safetensors.deserialize(with_header({"a": {"dtype": "none", "shape": [], "data_offsets": [0, 0]}}))
        raise AssertionError("the package has a type of this name")
    except safetensors.SafetensorError as error:
        names = str(error).split("expected one of", 1)[1].split("`")[1::2]
    assert len(names) > 15, names
    cases = [(name, size) for name in names for size in (2, 4, 6, 8, 16, 32, 64, 128)]
    contents = [with_header({"a": {"dtype": name, "shape": [8], "data_offsets": [0, size]}}, size) for name, size in cases]
    for (name, size), content, told in zip(cases, contents, facts_of_bytes(*contents)):
        same("8 of %s in %d bytes" % (name, size), told["soundness"] == "sound", accepts(content))


def handmade():
    """Some sound, some not: the package has the same opinion of each."""
    def tensor(dtype="U8", shape=(2,), offsets=(0, 2), **more):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}

    contents = [with_header(*case) for case in [
        ({}, 0), ({}, 1), ({"__metadata__": {}}, 0), ({"__metadata__": None}, 0), ({"__metadata__": []}, 0),
        ({"__metadata__": {"a": 1}}, 0), ({"__metadata__": {"a": "b"}}, 0), ({"a": tensor()}, 2), ({"a": tensor()}, 1),
        ({"a": tensor()}, 3), ({"a": tensor(more=[1, {}])}, 2), ({"a": tensor(shape=[3])}, 2), ({"a": tensor(shape=[-2])}, 2),
        ({"a": tensor(shape=[2.0])}, 2), ({"a": tensor(shape=["2"])}, 2), ({"a": tensor(shape=[1, 2, 1])}, 2),
        ({"a": tensor(shape=[0, 9], offsets=[0, 0])}, 0), ({"a": tensor(offsets=[1, 3])}, 3), ({"a": tensor(offsets=[2, 0])}, 2),
        ({"a": tensor(offsets=[0])}, 2), ({"a": tensor(offsets=[0, 2, 4])}, 2), ({"a": tensor("u8")}, 2), ({"a": tensor("F4")}, 2),
        ({"a": tensor("F4", [4])}, 2), ({"a": tensor("F4", [3])}, 2), ({"a": tensor("F16", [1])}, 2),
        ({"a": tensor(shape=[1 << 32, 1 << 32], offsets=[0, 0])}, 0), ({"a": tensor(shape=[1 << 62, 0], offsets=[0, 0])}, 0),
        ({"a": tensor("U64", shape=[1 << 61], offsets=[0, 0])}, 0), ({"a": tensor(), "b": tensor(offsets=[2, 4])}, 4),
        ({"b": tensor(offsets=[2, 4]), "a": tensor()}, 4), ({"a": tensor(), "b": tensor(offsets=[1, 3])}, 3),
        ({"a": tensor(), "b": tensor(offsets=[3, 5])}, 5), ({"a": tensor(), "b": tensor()}, 2), ({"a": 1}, 0), ({"a": None}, 0),
        ({"a": {"dtype": "U8", "shape": [2]}}, 2), ({"a": {"dtype": "U8", "data_offsets": [0, 2]}}, 2),
        (b"{}    ", 0), (b"{} x", 0), (b"{}\0\0", 0), (b"{\"\xff\":1}", 0), (b"{\"a\":", 0), (b"{\"\\ud800\":1}", 0),
        (b"{" + b"[" * 1000, 0), (b"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"x\":" + b"[" * 20 + b"]" * 20
                                 + b"}}", 2)]]
    count = 0
    for content, told in zip(contents, facts_of_bytes(*contents)):
        if told["soundness"] != "unjudged":
            same("%r (%s)" % (content, told.get("fault")), told["soundness"] == "sound", accepts(content))
            count += 1
    assert count > len(contents) - 3, "only %d of %d were judged" % (count, len(contents))


def mutated(content, rounds=3000):
    """The same for small changes to a header: flipped bits, other digits, pieces gone or doubled, other lengths."""
    rng, contents = random.Random(7), []
    header_end = 8 + struct.unpack("<Q", content[:8])[0]
    for _ in range(rounds):
        data = bytearray(content)
        for _ in range(rng.randint(1, 2)):
            at, length = rng.randrange(8, header_end), rng.randint(1, 9)
            way = rng.randrange(6)
            if way == 0:
                data[at] ^= 1 << rng.randrange(8)
            elif way == 1:
                data[at : at + 1] = rng.choice([b"0", b"9", b"-", b'"', b"{", b"]", b",", b" ", b"1e3", b"null"])
            elif way == 2:
                del data[at : at + length]
            elif way == 3:
                data[at:at] = data[at : at + length]
            elif way == 4:
                del data[-length:]
            else:
                digits = [i for i in range(8, min(header_end, len(data))) if 48 <= data[i] <= 57]
                data[rng.choice(digits)] = rng.randrange(48, 58)
        if rng.randrange(3):  # the length follows what was put in or taken out of the header
            data[:8] = struct.pack("<Q", max(2, bytes(data).rfind(b"}", 0, header_end + 20) - 7))
        contents.append(bytes(data))
    sound = judged = 0
    for data, told in zip(contents, facts_of_bytes(*contents)):
        if told["soundness"] == "unjudged":
            continue
        same("%r (%s)" % (data[:header_end], told.get("fault")), told["soundness"] == "sound", accepts(data))
        judged += 1
        sound += told["soundness"] == "sound"
    assert judged > rounds * 0.8 and sound > rounds * 0.02, (judged, sound)
    return "%d judged alike, %d of them sound" % (judged, sound)


def main():
    model = an_llm()
    print("ok an_llm")
    bad_gguf(model)
    print("ok bad_gguf")
    for test in (every_tensor_type, every_file_type, every_architecture, alignments_shards_and_byte_orders):
        test()
        print("ok " + test.__name__)
    lora = a_lora()
    print("ok a_lora")
    every_dtype()
    print("ok every_dtype")
    handmade()
    print("ok handmade")
    print("ok mutated: " + mutated(lora))


if __name__ == "__main__":
    main()
