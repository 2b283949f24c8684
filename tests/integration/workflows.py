# SPDX-License-Identifier: MIT
"""ComfyUI workflows in every form, made from the facts of the format, each with the models that it has to give.

CASES: name → (bytes, [(folder, name, url)]); what is hostile or no workflow is in REFUSED: name → (bytes, a word of the reason).
"""
import copy
import json
import struct
import zlib

HF = "https://huggingface.co/org/repo/resolve/main/"
CASES, REFUSED = {}, {}


def entry(folder, name, url=None, **more):
    return {"name": name, "url": url or HF + name, "directory": folder, **more}


def node(kind, values, *models, number=1, mode=0, **more):
    properties = {"Node name for S&R": kind, **more.pop("properties", {})}
    if models:
        properties["models"] = list(models)
    return {"id": number, "type": kind, "mode": mode, "inputs": [], "outputs": [], "properties": properties,
            "widgets_values": values, **more}


def graph(*nodes, **more):
    for number, one in enumerate(nodes, 1):
        one["id"] = number
    return {"id": "0", "revision": 0, "last_node_id": len(nodes), "nodes": list(nodes), "links": [], "groups": [], "config": {},
            "version": 0.4, **more}


def subgraph(name, *nodes, inputs=(), links=(), **more):
    made = graph(*nodes)
    return {"id": name, "name": name, "nodes": made["nodes"], "links": list(links), "inputs": list(inputs), "outputs": [], **more}


def dump(value):
    return json.dumps(value).encode()


def case(name, content, *expected):
    assert name not in CASES
    CASES[name] = (content if isinstance(content, bytes) else dump(content), sorted(expected, key=str))


def of(*entries):
    return [(e["directory"], e["name"], e["url"]) for e in entries]


# -- carriers ------------------------------------------------------------------------------------------------------------
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def text_chunk(key, text):
    return chunk(b"tEXt", key + b"\0" + text)


def packed_chunk(key, text):
    return chunk(b"zTXt", key + b"\0\0" + zlib.compress(text))


def international_chunk(key, text, packed=False):
    return chunk(b"iTXt", key + b"\0" + (b"\1\0" if packed else b"\0\0") + b"en\0\0" + (zlib.compress(text) if packed else text))


def tiff(texts, order="<"):
    """An EXIF block whose first directory has these texts, by tag."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    at, entries, data = 8 + 2 + 12 * len(texts) + 4, b"", b""
    for tag, text in sorted(texts.items()):
        entries += struct.pack(order + "HHII", tag, 2, len(text) + 1, at + len(data))
        data += text + b"\0"
    return head + struct.pack(order + "H", len(texts)) + entries + bytes(4) + data


def overlapping(text, count):
    """One whose texts all lie in the same place."""
    entry = struct.pack("<HHII", 0x10e, 2, len(text), 8 + 2 + 12 * count)
    return b"II*\0" + struct.pack("<IH", 8, count) + entry * count + text


def webp(exif):
    exif += b"\0" * (len(exif) % 2)
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(10) + b"EXIF" + struct.pack("<I", len(exif)) + exif
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg(exif):
    data = b"Exif\0\0" + exif
    return b"\xff\xd8\xff\xe0\0\4\0\0\xff\xe1" + struct.pack(">H", len(data) + 2) + data + b"\xff\xda\0\2\xff\xd9"


def element(number, content, unknown=False):
    size = b"\x01" + b"\xff" * 7 if unknown else struct.pack(">Q", len(content) | 1 << 56)
    return number + size + content


def webm(tags, live=False):
    simple = b"".join(element(b"\x67\xc8", element(b"\x45\xa3", key) + element(b"\x44\x87", text)) for key, text in tags)
    segment = element(b"\x1f\x43\xb6\x75", bytes(3000)) + element(b"\x12\x54\xc3\x67", element(b"\x73\x73", simple))
    return element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm")) + element(b"\x18\x53\x80\x67", segment, live)


def box(kind, content, large=False):
    if large:
        return struct.pack(">I", 1) + kind + struct.pack(">Q", len(content) + 16) + content
    return struct.pack(">I", len(content) + 8) + kind + content


def mp4(tags, quicktime=False):
    keys = b"".join(struct.pack(">I", len(key) + 8) + b"mdta" + key for key, _ in tags)
    items = b"".join(box(struct.pack(">I", i), box(b"data", struct.pack(">II", 1, 0) + text)) for i, (_, text) in enumerate(tags, 1))
    return mp4_of(box(b"keys", bytes(4) + struct.pack(">I", len(tags)) + keys) + box(b"ilst", items), quicktime)


def mp4_of(boxes, quicktime=False):
    meta = box(b"meta", (b"" if quicktime else bytes(4)) + box(b"hdlr", bytes(8) + b"mdta" + bytes(12)) + boxes)
    moov = box(b"moov", box(b"mvhd", bytes(100)) + (meta if quicktime else box(b"udta", meta)))
    return box(b"ftyp", b"isom" + bytes(4)) + box(b"mdat", bytes(5000), large=True) + moov


# -- the editor's form -----------------------------------------------------------------------------------------------------
SDXL = entry("checkpoints", "sd_xl_base_1.0.safetensors")
VAE = entry("vae", "ae.safetensors")
LORA = entry("loras", "detail.safetensors")
CLIP = entry("text_encoders", "clip_l.safetensors")
T5 = entry("text_encoders", "t5xxl_fp16.safetensors")
FLUX = entry("diffusion_models", "flux1-dev.safetensors")


def load(model, mode=0):
    kind = {"checkpoints": "CheckpointLoaderSimple", "vae": "VAELoader", "loras": "LoraLoader", "diffusion_models": "UNETLoader",
            "text_encoders": "CLIPLoader"}[model["directory"]]
    return node(kind, [model["name"]] + ([1, 1] if kind == "LoraLoader" else ["default"] if kind != "VAELoader" else []), model, mode=mode)


SIMPLE = graph(load(SDXL), load(VAE), node("KSampler", [1, "randomize", 20, 7.5, "euler", "normal", 1]))
SIMPLE_MODELS = of(SDXL, VAE)
PROMPT = {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}, "_meta": {"title": "Load"}},
          "5": {"class_type": "LoraLoader", "inputs": {"lora_name": "b.safetensors", "model": ["4", 0], "strength_model": 1.0}}}
PROMPT_MODELS = [("checkpoints", "a.safetensors", None), ("loras", "b.safetensors", None)]

case("plain", SIMPLE, *SIMPLE_MODELS)
case("byte-order-mark", b"\xef\xbb\xbf" + dump(SIMPLE), *SIMPLE_MODELS)
case("not-a-number", dump(SIMPLE).replace(b"7.5", b"NaN").replace(b"20", b"-Infinity"), *SIMPLE_MODELS)
case("no-models", graph(node("LoadImage", ["picture.png", "image"]), node("SaveImage", ["ComfyUI"])))
case("empty-graph", graph())
case("muted", graph(load(SDXL), load(LORA, mode=2)), *of(SDXL))
case("bypassed", graph(load(SDXL), load(LORA, mode=4)), *of(SDXL))
case("muted-here-active-there", graph(load(LORA, mode=2), load(LORA)), *of(LORA))
case("all-muted", graph(load(SDXL, mode=2), load(VAE, mode=4)))
case("mode-is-a-real-number", graph(load(SDXL), load(LORA, mode=4.0)), *of(SDXL))
case("twice", graph(load(SDXL), load(SDXL)), *of(SDXL))
case("renamed", graph(node("CheckpointLoaderSimple", ["mine.safetensors"], SDXL)), ("checkpoints", "mine.safetensors", None))
case("moved-into-a-folder", graph(node("CheckpointLoaderSimple", ["SDXL/sd_xl_base_1.0.safetensors"], SDXL)),
     ("checkpoints", "SDXL/sd_xl_base_1.0.safetensors", SDXL["url"]))
case("backslashes", graph(node("CheckpointLoaderSimple", ["SDXL\\base.safetensors"], entry("checkpoints", "SDXL\\base.safetensors", HF))),
     ("checkpoints", "SDXL/base.safetensors", HF))
case("without-entries", graph(node("CheckpointLoaderSimple", ["a.ckpt"]), node("VAELoader", ["taesd"]), node("VAELoader", ["pixel_space"])),
     ("checkpoints", "a.ckpt", None))
case("address-of-another-node", graph(load(LORA, mode=4), node("LoraLoaderModelOnly", [LORA["name"], 1])), *of(LORA))
case("older-list", graph(node("CheckpointLoaderSimple", [SDXL["name"]]), models=[SDXL, VAE]), *of(SDXL, VAE))
case("older-list-muted", graph(node("CheckpointLoaderSimple", [SDXL["name"]]), node("VAELoader", [VAE["name"]], mode=2), models=[SDXL, VAE]),
     *of(SDXL))
case("several-widgets", graph(node("DualCLIPLoader", [CLIP["name"], T5["name"], "flux", "default"], CLIP, T5), load(FLUX)), *of(CLIP, T5, FLUX))
case("quadruple", graph(node("QuadrupleCLIPLoader", ["a.safetensors", "b.safetensors", "c.safetensors", "d.safetensors"])),
     *[("text_encoders", f"{x}.safetensors", None) for x in "abcd"])
case("gguf", graph(node("UnetLoaderGGUF", ["flux1-dev-Q4_K_S.gguf"]), node("DualCLIPLoaderGGUF", ["t5-Q5_K_M.gguf", "clip_l.safetensors", "flux"])),
     ("diffusion_models", "flux1-dev-Q4_K_S.gguf", None), ("text_encoders", "t5-Q5_K_M.gguf", None), ("text_encoders", "clip_l.safetensors", None))
case("rgthree", graph(node("Power Lora Loader (rgthree)", [{}, {"type": "PowerLoraLoaderHeaderWidget"}, {"on": True, "lora": "on.safetensors", "strength": 1},
     {"on": False, "lora": "off.safetensors", "strength": 1}, {"on": True, "lora": "None", "strength": 1}, {}, ""])), ("loras", "on.safetensors", None))
case("rgthree-stack", graph(node("Lora Loader Stack (rgthree)", ["a.safetensors", 1, "sub/b.safetensors", 0.5, "None", 1, "None", 1])),
     ("loras", "a.safetensors", None), ("loras", "sub/b.safetensors", None))
case("comfyroll", graph(node("CR LoRA Stack", ["On", "a.safetensors", 1, 1, "Off", "b.safetensors", 1, 1, "Off", "None", 1, 1])), ("loras", "a.safetensors", None))
case("values-by-name", graph(node("Some Loader", {"ckpt_name": "a.safetensors", "vae_name": "Baked VAE", "lora_name": "l.safetensors", "n": 3})),
     ("checkpoints", "a.safetensors", None), ("loras", "l.safetensors", None))
case("unknown-class", graph(node("Somebody's Thing", ["x.safetensors", "prompt", 3])), (None, "x.safetensors", None))
case("unknown-class-that-says", graph(node("Somebody's Thing", ["x.safetensors"], entry("ipadapter", "x.safetensors"))),
     ("ipadapter", "x.safetensors", HF + "x.safetensors"))
case("unknown-class-with-inputs", graph(node("Efficient Loader", ["a.safetensors", "v.safetensors", -1], inputs=[
    {"name": n, "type": "COMBO", "widget": {"name": n}, "link": None} for n in ("ckpt_name", "vae_name", "clip_skip")])),
    ("checkpoints", "a.safetensors", None), ("vae", "v.safetensors", None))
case("fetches-for-itself", graph(node("DownloadAndLoadThing", ["fp16"], entry("LLM", "x.safetensors"))), ("LLM", "x.safetensors", HF + "x.safetensors"))
case("embeddings", graph(node("CLIPTextEncode", ["a cat, (embedding:easynegative:1.2), embedding:sub/other.pt\nembedding:"])),
     ("embeddings", "easynegative", None), ("embeddings", "sub/other.pt", None))
case("addresses-are-no-names", graph(node("Downloader", ["https://example.com/a.safetensors"]), node("T", ["line\nb.safetensors"])))
case("notes", graph(node("MarkdownNote", ["get [it](https://example.com/x/noted.safetensors?download=true) into models/loras/other.safetensors"]),
     node("LoraLoader", ["noted.safetensors", 1, 1])), ("loras", "noted.safetensors", None))
case("primitive", graph(node("PrimitiveNode", ["p.safetensors", "fixed"]), node("CheckpointLoaderSimple", ["p.safetensors"])),
     ("checkpoints", "p.safetensors", None))
case("animatediff", graph(node("ADE_LoadAnimateDiffModel", ["mm.ckpt"]), node("ADE_AnimateDiffLoRALoader", ["zoom.ckpt", 1])),
     ("animatediff_models", "mm.ckpt", None), ("animatediff_motion_lora", "zoom.ckpt", None))
case("detectors", graph(node("UltralyticsDetectorProvider", ["bbox/face.pt"]), node("SAMLoader", ["sam_vit_b.pth", "AUTO"])),
     ("ultralytics", "bbox/face.pt", None), ("sams", "sam_vit_b.pth", None))
case("odd-values", {"nodes": [node("VAELoader", [None, [], {}, 3, True, ".safetensors", "dir/.ckpt"]), {"id": 9}, {"type": 3}, 4, None]})
case("two-places-of-one-name", graph(load(VAE), node("VAELoader", [VAE["name"]], dict(VAE, directory="vae_approx"))),
     *of(VAE, dict(VAE, directory="vae_approx")))

# -- sub-graphs ------------------------------------------------------------------------------------------------------------
INNER = subgraph("11111111-1111", load(LORA))
OUTER = subgraph("22222222-2222", load(FLUX), node("11111111-1111", []))


def nested(*instances, subgraphs=(INNER, OUTER)):
    return graph(*copy.deepcopy(instances), definitions={"subgraphs": copy.deepcopy(list(subgraphs))})


case("subgraph", nested(node("11111111-1111", [])), *of(LORA))
case("subgraph-in-subgraph", nested(node("22222222-2222", []), load(SDXL)), *of(LORA, FLUX, SDXL))
case("subgraph-unused", nested(load(SDXL)), *of(SDXL))
case("subgraph-muted", nested(node("22222222-2222", [], mode=2), load(SDXL)), *of(SDXL))
case("subgraph-bypassed-once", nested(node("22222222-2222", [], mode=4), node("11111111-1111", [])), *of(LORA))
case("muted-in-subgraph", nested(node("3", []), subgraphs=[subgraph("3", load(SDXL), load(LORA, mode=2))]), *of(SDXL))
case("defined-in-subgraph", nested(node("22222222-2222", []), subgraphs=[dict(OUTER, definitions={"subgraphs": [INNER]})]), *of(LORA, FLUX))
case("shown-widget", nested(node("4", ["mine.safetensors", None], properties={"proxyWidgets": [["1", "ckpt_name"], ["2", "vae_name"]]}),
     subgraphs=[subgraph("4", load(SDXL), load(VAE))]), ("checkpoints", "mine.safetensors", None), *of(VAE))
case("shown-widget-numbered", nested(node("5", ["mine.safetensors"], properties={"proxyWidgets": [["1", "clip_name2"]]}),
     subgraphs=[subgraph("5", node("DualCLIPLoader", [CLIP["name"], T5["name"], "flux"], CLIP, T5))]), ("text_encoders", "mine.safetensors", None), *of(CLIP))
case("shown-widget-of-two-levels", nested(
    node("7", ["mine.safetensors"], properties={"proxyWidgets": [["1", "ckpt_name"]]}),
    subgraphs=[subgraph("6", load(SDXL)), subgraph("7", node("6", [SDXL["name"]], properties={"proxyWidgets": [["1", "ckpt_name"]]},
                                                           inputs=[{"name": "ckpt_name", "widget": {"name": "ckpt_name"}}]))]),
    ("checkpoints", "mine.safetensors", None))
case("shown-input", nested(
    node("8", ["mine.safetensors"], properties={"proxyWidgets": [["-1", "model file"]]}),
    subgraphs=[subgraph("8", node("VAELoader", [VAE["name"]], VAE, inputs=[{"name": "vae_name", "widget": {"name": "vae_name"}, "link": 3}]),
                        inputs=[{"name": "other"}, {"name": "model file"}],
                        links=[{"id": 3, "origin_id": -10, "origin_slot": 1, "target_id": 1, "target_slot": 0, "type": "COMBO"}])]),
    ("vae", "mine.safetensors", None))
case("group-node", graph(node("workflow>pair", []), node("workflow/pair", [], mode=4), extra={"groupNodes": {"pair": {"nodes": [load(SDXL), load(VAE)]}}}), *of(SDXL, VAE))

# -- the server's form, and pictures and videos ------------------------------------------------------------------------------
case("api", PROMPT, *PROMPT_MODELS)
case("api-stack", {"1": {"class_type": "Power Lora Loader (rgthree)", "inputs": {
    "lora_1": {"on": True, "lora": "a.safetensors", "strength": 1}, "lora_2": {"on": False, "lora": "b.safetensors", "strength": 1}}}},
     ("loras", "a.safetensors", None))
case("api-gguf", {"1": {"class_type": "UnetLoaderGGUF", "inputs": {"unet_name": "q.gguf"}}, "2": {"class_type": "Other", "inputs": {"vae_name": "v.pt", "file": "z.onnx"}}},
     ("diffusion_models", "q.gguf", None), ("vae", "v.pt", None), (None, "z.onnx", None))
case("api-not-a-number", dump({**PROMPT, "9": {"class_type": "X", "inputs": {"a": 5}, "is_changed": [5]}}).replace(b"[5]", b"[NaN]"), *PROMPT_MODELS)
case("png-text", png(text_chunk(b"prompt", dump(PROMPT)), text_chunk(b"workflow", dump(SIMPLE))), *SIMPLE_MODELS)
case("png-packed", png(packed_chunk(b"workflow", dump(SIMPLE))), *SIMPLE_MODELS)
case("png-international", png(international_chunk(b"workflow", dump(SIMPLE))), *SIMPLE_MODELS)
case("png-international-packed", png(international_chunk(b"workflow", dump(SIMPLE), True)), *SIMPLE_MODELS)
case("png-prompt-alone", png(text_chunk(b"prompt", dump(PROMPT))), *PROMPT_MODELS)
case("png-latin-1", png(text_chunk(b"workflow", json.dumps(graph(node("VAELoader", ["f\xfcr.pt"])), ensure_ascii=False).encode("latin-1"))), ("vae", "f\xfcr.pt", None))
case("png-among-others", png(text_chunk(b"parameters", b"steps: 3"), text_chunk(b"Software", b"x"), packed_chunk(b"workflow", dump(SIMPLE))), *SIMPLE_MODELS)
case("webp", webp(tiff({0x10f: b"workflow:" + dump(SIMPLE), 0x110: b"prompt:" + dump(PROMPT)})), *SIMPLE_MODELS)
case("webp-big-endian", webp(b"Exif\0\0" + tiff({0x10e: b"Workflow:" + dump(SIMPLE)}, ">")), *SIMPLE_MODELS)
case("jpeg", jpeg(tiff({0x110: b"prompt:" + dump(PROMPT)})), *PROMPT_MODELS)
case("webm", webm([(b"ENCODER", b"Lavf"), (b"PROMPT", dump(PROMPT)), (b"WORKFLOW", dump(SIMPLE))]), *SIMPLE_MODELS)
case("webm-live", webm([(b"workflow", dump(SIMPLE))], live=True), *SIMPLE_MODELS)
case("webm-comment", webm([(b"COMMENT", dump({"prompt": json.dumps(PROMPT), "workflow": SIMPLE}))]), *SIMPLE_MODELS)
case("mp4", mp4([(b"prompt", dump(PROMPT)), (b"workflow", dump(SIMPLE))]), *SIMPLE_MODELS)
case("mp4-quicktime", mp4([(b"workflow", dump(SIMPLE))], quicktime=True), *SIMPLE_MODELS)
case("mp4-comment", mp4_of(box(b"ilst", box(b"\xa9cmt", box(b"data", struct.pack(">II", 1, 0) + dump({"prompt": json.dumps(PROMPT)}))))), *PROMPT_MODELS)

# -- what is none, or means harm -----------------------------------------------------------------------------------------------
LAUGHS = graph(node("d0", []), definitions={"subgraphs": [
    subgraph(f"d{i}", *[node(f"d{i + 1}", []) for _ in range(10)]) for i in range(20)] + [subgraph("d20", load(SDXL))]})
DEEP = b'{"nodes":' + b"[" * 100000 + b"]" * 100000 + b"}"
REFUSED.update({
    "bomb": (png(packed_chunk(b"workflow", b"{" + b" " * (40 << 20))), "unpacks to more"),
    "cycle": (dump(graph(node("a", []), definitions={"subgraphs": [subgraph("a", node("b", [])), subgraph("b", node("a", []))]})), "nested deeper"),
    "itself": (dump(graph(node("a", []), definitions={"subgraphs": [subgraph("a", node("a", []))]})), "nested deeper"),
    "laughs": (dump(LAUGHS), "more than 100000 nodes"),
    "deep": (DEEP, "nested deeper"),
    "many": (dump(graph(node("X", [f"{i}.safetensors" for i in range(10001)]))), "more than 10000 files"),
    "huge": (b'{"nodes":[], "x": "' + b"x" * (33 << 20) + b'"}', "larger than"),
    "shown-often": (dump(nested(node("a", ["x"] * 9000, properties={"proxyWidgets": [["-1", "w"]] * 9000}), subgraphs=[
        subgraph("a", links=[{"origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0}] * 40000, inputs=[{"name": "w"}])])), "more than"),
    "offered-often": (dump(graph(node("X", ["a.safetensors"] * 20000, *[entry("vae", f"{i}.pt") for i in range(20000)]))), "more than"),
    "shown-in-one": (dump(graph(
        node("a", ["v"] * 20000, properties={"proxyWidgets": [["1", f"w{i}"] for i in range(20000)]}),
        definitions={"subgraphs": [subgraph("a", node("X", ["v"] * 20000))]})), "more than"),
    "exif-overlapping": (webp(overlapping(b'comment:{"a": "' + b"x" * (1 << 20) + b'"}', 60000)), "no workflow"),
    "broken": (b'{"nodes": [', "not valid JSON"),
    "twice-the-same-key": (b'{"nodes": [], "nodes": []}', "not valid JSON"),
    "nothing": (b"", "no workflow"),
    "other-json": (b'{"models": []}', "no workflow"),
    "list": (b"[1]", "no workflow"),
    "text": (b"ollama pull x\n", "no workflow"),
    "picture": (png(), "no workflow"),
    "picture-cut-off": (png(text_chunk(b"workflow", dump(SIMPLE)))[:200], "cut off"),
    "packed-badly": (png(chunk(b"zTXt", b"workflow\0\0" + b"\x78\x9cgarbage")), "damaged"),
    "packed-cut-off": (png(chunk(b"zTXt", b"workflow\0\0" + zlib.compress(dump(SIMPLE))[:40])), "damaged"),
    "packed-otherwise": (png(chunk(b"zTXt", b"workflow\0\0" + b"not packed at all")), "not compressed"),
    "video": (webm([]), "no workflow"),
    "film": (mp4([]), "no workflow"),
    "boxes": (box(b"ftyp", b"isom") + struct.pack(">I", 0) + b"moov" + (struct.pack(">I", 0) + b"moov") * 200000, "no workflow"),
    "segments": (element(b"\x1a\x45\xdf\xa3", b"") + b"\x18\x53\x80\x67\xff" * 200000, "no workflow"),
})
