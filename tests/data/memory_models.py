# SPDX-License-Identifier: MIT
"""Tiny models of many architectures, whose headers say all that theirs do: what `ncmodel fit` counts of them is held against
what llama.cpp took for them (memory_record.py, memory.json). All their weights are zero."""
import struct

F32, F16 = 0, 1
WIDTH = {F32: 4, F16: 2}
VOCABULARY = 4096


class Model:
    def __init__(self, architecture, layers=4, width=256, wide=512, heads=8, kv_heads=2, vocabulary=VOCABULARY, **keys):
        self.architecture, self.layers, self.width, self.wide = architecture, layers, width, wide
        self.heads, self.kv_heads, self.vocabulary = heads, kv_heads, vocabulary
        self.tensors = []
        self.keys = {"general.architecture": architecture, "general.name": "tiny " + architecture}
        self.own(block_count=layers, context_length=131072, embedding_length=width, feed_forward_length=wide)
        self.keys[architecture + ".attention.layer_norm_rms_epsilon"] = 1e-5
        if heads:
            self.keys[architecture + ".attention.head_count"] = heads
            self.keys[architecture + ".attention.head_count_kv"] = kv_heads
        self.more(keys)

    def own(self, **keys):
        self.more(keys)

    def more(self, keys):
        for key, value in keys.items():
            self.keys[self.architecture + "." + key.replace("__", ".")] = value

    def add(self, name, *dimensions, kind=F16):
        self.tensors.append((name, dimensions, F32 if len(dimensions) == 1 else kind))

    def ends(self, output=True, norm="output_norm"):
        self.add("token_embd.weight", self.width, self.vocabulary)
        self.add(norm + ".weight", self.width)
        if output:
            self.add("output.weight", self.width, self.vocabulary)

    def attention(self, layer, head=32, heads=None, kv_heads=None, norms=(), norm="attn_norm", bias=False, rows=None):
        heads, kv_heads, block = heads or self.heads, kv_heads or self.kv_heads, "blk.%d." % layer
        if norm:
            self.add(block + norm + ".weight", self.width)
        for part, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            self.add(block + "attn_%s.weight" % part, self.width, count * head)
            if bias:
                self.add(block + "attn_%s.bias" % part, count * head)
        self.add(block + "attn_output.weight", heads * head, self.width)
        for name in norms:
            self.add(block + name + ".weight", (rows or {}).get(name, head if name.startswith("attn_") else self.width))

    def network(self, layer, gate=True, norm="ffn_norm"):
        block = "blk.%d." % layer
        if norm:
            self.add(block + norm + ".weight", self.width)
        for part in ("up", "gate") if gate else ("up",):
            self.add(block + "ffn_%s.weight" % part, self.width, self.wide)
        self.add(block + "ffn_down.weight", self.wide, self.width)

    def experts(self, layer, count, wide, norm="ffn_norm", bias=False, shared=0):
        block = "blk.%d." % layer
        if norm:
            self.add(block + norm + ".weight", self.width)
        self.add(block + "ffn_gate_inp.weight", self.width, count, kind=F32)
        for part in ("up", "gate"):
            self.add(block + "ffn_%s_exps.weight" % part, self.width, wide, count)
        self.add(block + "ffn_down_exps.weight", wide, self.width, count)
        if shared:
            for part in ("up", "gate"):
                self.add(block + "ffn_%s_shexp.weight" % part, self.width, shared)
            self.add(block + "ffn_down_shexp.weight", shared, self.width)
        if bias:
            self.add(block + "ffn_gate_inp.bias", count)
            self.add(block + "attn_output.bias", self.width)
            for part, length in (("up", wide), ("gate", wide), ("down", self.width)):
                self.add(block + "ffn_%s_exps.bias" % part, length, count, kind=F32)

    def write(self, path):
        with open(path, "wb") as file:
            file.write(header(self))
            file.truncate(file.tell() + sum(padded(size(tensor)) for tensor in self.tensors))


def size(tensor):
    length = WIDTH[tensor[2]]
    for dimension in tensor[1]:
        length *= dimension
    return length


def padded(length, to=32):
    return (length + to - 1) // to * to


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def value(item):
    """A value with its type."""
    if isinstance(item, bool):
        return struct.pack("<IB", 7, item)
    if isinstance(item, int):
        return struct.pack("<II", 4, item) if item < 1 << 32 else struct.pack("<IQ", 10, item)
    if isinstance(item, float):
        return struct.pack("<If", 6, item)
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    kind, form = (7, "B") if isinstance(item[0], bool) else (5, "i") if isinstance(item[0], int) else (6, "f")
    if isinstance(item[0], str):
        return struct.pack("<IIQ", 9, 8, len(item)) + b"".join(text(one) for one in item)
    return struct.pack("<IIQ", 9, kind, len(item)) + struct.pack("<%d%s" % (len(item), form), *item)


def header(model):
    words = ["<unk>", "<s>", "</s>", "<|endoftext|>"] + ["t%d" % number for number in range(model.vocabulary - 4)]
    keys = dict(model.keys)
    keys.update({"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": words,
                 "tokenizer.ggml.scores": [0.0] * len(words), "tokenizer.ggml.token_type": [1] * len(words)})
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(model.tensors), len(keys))
    for key, item in keys.items():
        out += text(key) + value(item)
    offset = 0
    for name, dimensions, kind in model.tensors:
        out += text(name) + struct.pack("<I%dQIQ" % len(dimensions), len(dimensions), *dimensions, kind, offset)
        offset += padded(size((name, dimensions, kind)))
    return out + b"\0" * (padded(len(out)) - len(out))


def plain(architecture, output=True, layers=4, vocabulary=VOCABULARY, bias=False, norms=(), **keys):
    model = Model(architecture, layers=layers, vocabulary=vocabulary, **keys)
    model.ends(output)
    for layer in range(model.layers):
        model.attention(layer, bias=bias, norms=norms)
        model.network(layer)
    return model


def heads_of(length):
    return {"attention__key_length": length, "attention__value_length": length}


def gemma(architecture, layers, heads, head, norms, **keys):
    model = Model(architecture, layers=layers, heads=heads, **heads_of(head), **keys)
    model.ends(False)
    for layer in range(layers):
        model.attention(layer, head=head, norms=norms)
        model.network(layer)
    return model


def qwen3moe():
    model = Model("qwen3moe", expert_count=8, expert_used_count=2, expert_feed_forward_length=128, **heads_of(64))
    model.ends()
    for layer in range(4):
        model.attention(layer, head=64, norms=("attn_q_norm", "attn_k_norm"))
        model.experts(layer, 8, 128)
    return model


def gpt_oss():
    model = Model("gpt-oss", layers=6, expert_count=8, expert_used_count=4, expert_feed_forward_length=128,
                  attention__sliding_window=128, rope__dimension_count=64, **heads_of(64))
    model.ends()
    for layer in range(6):
        model.attention(layer, head=64, norms=("post_attention_norm",), bias=True)
        model.add("blk.%d.attn_sinks.weight" % layer, 8)
        model.experts(layer, 8, 128, norm=None, bias=True)
    return model


def deepseek2():
    model = Model("deepseek2", layers=5, kv_heads=1, attention__key_length=96 + 32, attention__value_length=96,
                  attention__key_length_mla=64, attention__value_length_mla=32, attention__kv_lora_rank=96,
                  attention__q_lora_rank=64, rope__dimension_count=32, expert_count=8, expert_used_count=2,
                  expert_feed_forward_length=128, expert_shared_count=1, leading_dense_block_count=1,
                  expert_weights_scale=1.0, expert_gating_func=2)
    model.ends()
    for layer in range(5):
        block = "blk.%d." % layer
        model.add(block + "attn_norm.weight", 256)
        model.add(block + "attn_q_a_norm.weight", 64)
        model.add(block + "attn_kv_a_norm.weight", 96)
        model.add(block + "attn_q_a.weight", 256, 64)
        model.add(block + "attn_q_b.weight", 64, 8 * 64)
        model.add(block + "attn_kv_a_mqa.weight", 256, 96 + 32)
        model.add(block + "attn_k_b.weight", 32, 96, 8)
        model.add(block + "attn_v_b.weight", 96, 32, 8)
        model.add(block + "attn_output.weight", 8 * 32, 256)
        if layer == 0:
            model.network(layer)
        else:
            model.experts(layer, 8, 128, shared=128)
    return model


def olmo2():
    model = Model("olmo2", layers=8, attention__sliding_window=512)
    model.ends()
    for layer in range(8):
        model.attention(layer, norm=None, norms=("attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm"),
                        rows={"attn_q_norm": 256, "attn_k_norm": 64})
        model.network(layer, norm=None)
    return model


def cohere2():
    model = Model("cohere2", layers=8, attention__sliding_window=1024, logit_scale=0.25,
                  attention__layer_norm_epsilon=1e-5)
    model.ends(False)
    for layer in range(8):
        model.attention(layer)
        model.network(layer, norm=None)
    return model


def phi3():
    model = Model("phi3", heads=8, kv_heads=8, attention__sliding_window=1024, rope__dimension_count=32)
    model.ends()
    for layer in range(4):
        block = "blk.%d." % layer
        model.add(block + "attn_norm.weight", 256)
        model.add(block + "attn_qkv.weight", 256, 768)
        model.add(block + "attn_output.weight", 256, 256)
        model.add(block + "ffn_norm.weight", 256)
        model.add(block + "ffn_up.weight", 256, 1024)
        model.add(block + "ffn_down.weight", 512, 256)
    return model


def ssm(model, layer, second):
    block, inner, state = "blk.%d." % layer, 512, 16
    if second:
        conv, ranks = inner + 2 * state, 8
        model.add(block + "ssm_in.weight", 256, inner + conv + ranks)
        model.add(block + "ssm_conv1d.weight", 4, conv, kind=F32)
        model.add(block + "ssm_conv1d.bias", conv)
        model.add(block + "ssm_dt.bias", ranks)
        model.add(block + "ssm_a", 1, ranks, kind=F32)
        model.add(block + "ssm_d", 1, ranks, kind=F32)
        model.add(block + "ssm_norm.weight", inner, 1, kind=F32)
    else:
        model.add(block + "ssm_in.weight", 256, 2 * inner)
        model.add(block + "ssm_conv1d.weight", 4, inner, kind=F32)
        model.add(block + "ssm_conv1d.bias", inner)
        model.add(block + "ssm_x.weight", inner, 16 + 2 * state)
        model.add(block + "ssm_dt.weight", 16, inner)
        model.add(block + "ssm_dt.bias", inner)
        model.add(block + "ssm_a", state, inner, kind=F32)
        model.add(block + "ssm_d", inner)
    model.add(block + "ssm_out.weight", inner, 256)


def mamba(architecture, second):
    model = Model(architecture, heads=0, wide=0, ssm__conv_kernel=4, ssm__inner_size=512, ssm__state_size=16,
                  ssm__time_step_rank=8 if second else 16, **({"ssm__group_count": 1} if second else {}))
    model.ends()
    for layer in range(4):
        model.add("blk.%d.attn_norm.weight" % layer, 256)
        ssm(model, layer, second)
    return model


def falcon_h1():
    model = Model("falcon-h1", ssm__conv_kernel=4, ssm__inner_size=512, ssm__state_size=16, ssm__time_step_rank=8,
                  ssm__group_count=1, **heads_of(32))
    model.ends()
    for layer in range(4):
        ssm(model, layer, True)
        model.attention(layer)
        model.network(layer, norm=None)
        model.add("blk.%d.ffn_norm" % layer, 256)
    return model


def lfm2():
    kv_heads = [0, 0, 2, 0, 0, 2]
    model = Model("lfm2", layers=6, kv_heads=kv_heads, shortconv__l_cache=3)
    model.ends(False, norm="token_embd_norm")
    for layer, kept in enumerate(kv_heads):
        block = "blk.%d." % layer
        if kept:
            model.attention(layer, kv_heads=kept, norms=("attn_q_norm", "attn_k_norm"))
        else:
            model.add(block + "attn_norm.weight", 256)
            model.add(block + "shortconv.conv.weight", 3, 256, kind=F32)
            model.add(block + "shortconv.in_proj.weight", 256, 768)
            model.add(block + "shortconv.out_proj.weight", 256, 256)
        model.network(layer)
    return model


def bert():
    model = Model("bert", heads=8, kv_heads=8, attention__causal=False, attention__layer_norm_epsilon=1e-12, pooling_type=1,
                  context_length=512)
    model.keys["tokenizer.ggml.token_type_count"] = 2
    model.add("token_embd.weight", 256, VOCABULARY)
    model.add("position_embd.weight", 256, 512, kind=F32)
    model.add("token_types.weight", 256, 2, kind=F32)
    for part in ("weight", "bias"):
        model.add("token_embd_norm." + part, 256)
    for layer in range(4):
        block = "blk.%d." % layer
        model.attention(layer, norm=None, bias=True)
        for norm in ("attn_output_norm", "layer_output_norm"):
            for part in ("weight", "bias"):
                model.add(block + norm + "." + part, 256)
        model.network(layer, gate=False, norm=None)
    return model


def llama4():
    model = Model("llama4", layers=8, expert_count=8, expert_used_count=1, expert_feed_forward_length=128,
                  interleave_moe_layer_step=2, **heads_of(32))
    model.ends()
    for layer in range(8):
        model.attention(layer)
        if layer % 2:
            model.experts(layer, 8, 128, shared=128)
        else:
            model.network(layer)
    return model


AROUND = ("post_attention_norm", "post_ffw_norm")
NORMED = ("attn_q_norm", "attn_k_norm")

MODELS = {
    "llama": lambda: plain("llama"),
    "llama-large-vocabulary": lambda: plain("llama", vocabulary=65536),
    "qwen2": lambda: plain("qwen2", bias=True),
    "qwen3": lambda: plain("qwen3", output=False, norms=NORMED, **heads_of(32)),
    "qwen3moe": qwen3moe,
    "gemma": lambda: gemma("gemma", 4, 8, 64, ()),
    "gemma2": lambda: gemma("gemma2", 6, 4, 64, AROUND, attention__sliding_window=1024, attn_logit_softcapping=50.0,
                            final_logit_softcapping=30.0),
    "gemma3": lambda: gemma("gemma3", 12, 4, 64, NORMED + AROUND, attention__sliding_window=1024),
    "phi3": phi3,
    "olmo2": olmo2,
    "cohere2": cohere2,
    "gpt-oss": gpt_oss,
    "deepseek2": deepseek2,
    "llama4": llama4,
    "mamba": lambda: mamba("mamba", False),
    "mamba2": lambda: mamba("mamba2", True),
    "falcon-h1": falcon_h1,
    "lfm2": lfm2,
    "bert": bert,
}
