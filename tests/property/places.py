# SPDX-License-Identifier: MIT
"""Where things lie below the top: the stores of the default layout, and what is outside of all of them."""
import os

ROOT = "root"
STORES = {
    "llama-cpp": ROOT + "/server/ai/llama-cpp/models",
    "a1111": ROOT + "/stable-diffusion-webui",
    "comfyui": ROOT + "/ComfyUI",
    "ollama": ROOT + "/.ollama/models",
    "ollama-small": ROOT + "/.ollama-small/models",
    "hf": ROOT + "/.cache/huggingface/hub",
}
FOLDERS = {
    "llama-cpp": STORES["llama-cpp"],
    "a1111/loras": STORES["a1111"] + "/models/Lora",
    "a1111/vae": STORES["a1111"] + "/models/VAE",
    "comfyui/loras": STORES["comfyui"] + "/models/loras",
    "comfyui/checkpoints": STORES["comfyui"] + "/models/checkpoints",
    "comfyui/llm": STORES["comfyui"] + "/models/LLM",
}
OLLAMA = ("ollama", "ollama-small")
REGISTRY = STORES["llama-cpp"] + "/models.json"
LOCK = STORES["llama-cpp"] + "/ncmodel.lock"
ELSEWHERE = "elsewhere"  # another disk, another application: outside of every store


def store_of(path, disk=None):
    """The store that a path is inside of, or None. What a link at a layout's folder leads to is inside, too."""
    for name, folder in STORES.items():
        if path.startswith(folder + "/"):
            return name
    for name, folder in FOLDERS.items():
        node = disk.get(folder) if disk else None
        if node and node.kind == "l":
            real = disk.resolve(folder)
            if real and path.startswith(real + "/"):
                return name.split("/")[0]
    return None


def registered(path, top):
    """The path below the top of a file that models.json names, or None when it lies elsewhere."""
    if not os.path.isabs(path):
        path = os.path.join(top, os.path.dirname(STORES["llama-cpp"]), path)
    path = os.path.normpath(path)
    return path[len(top) + 1:] if path.startswith(top + "/") else None
