# SPDX-License-Identifier: MIT
"""LM Studio and llama.cpp's router, as their documentation records their answers, and servers that are neither.

LM Studio: lmstudio-ai/docs 1_developer/2_rest/list.md, load.md, unload.md. llama.cpp: ggml-org/llama.cpp
tools/server/README.md, "Using multiple models".
"""
import json

from listener import Handler, Listener


class Request(Handler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wish = json.loads(body) if body else None
        self.server.seen.append((self.command, self.path, wish, dict(self.headers)))
        status, told = self.server.answer(self.command, self.path, wish)
        self.reply(status, told if isinstance(told, bytes) else json.dumps(told).encode(), [("Content-Type", "application/json")])

    do_POST = do_GET


class Site(Listener):
    """`answer(method, path, body)` gives (status, object or bytes); every request is kept with its headers."""

    def __init__(self):
        self.seen = []
        super().__init__(Request)


class Ollama(Site):
    """As much of it as is asked what it has loaded."""

    def __init__(self, *loaded):
        self.loaded = loaded
        super().__init__()

    def answer(self, method, path, body):
        return 200, {"/api/version": {"version": "0.17.4"}, "/api/ps": {"models": self.loaded}}[path]


class LmStudio(Site):
    def __init__(self, *keys):
        super().__init__()
        self.instances = {key: [] for key in keys}

    def answer(self, method, path, body):
        if path == "/api/v1/models" and method == "GET":
            return 200, {"models": [
                {"type": "llm", "publisher": "p", "key": key, "display_name": key, "architecture": "llama",
                 "quantization": {"name": "Q4_0", "bits_per_weight": 4}, "size_bytes": 241410208, "params_string": "270M",
                 "loaded_instances": [{"id": i, "config": {"context_length": 4096}} for i in instances],
                 "max_context_length": 32768, "format": "gguf"} for key, instances in self.instances.items()]}
        if path == "/api/v1/models/load":
            key = body["model"]
            if key not in self.instances:
                return 404, {"error": {"type": "model_not_found", "message": "no " + key}}
            count = len(self.instances[key])
            self.instances[key].append(key if count == 0 else "%s:%d" % (key, count + 1))
            return 200, {"type": "llm", "instance_id": self.instances[key][-1], "load_time_seconds": 0.1, "status": "loaded"}
        if path == "/api/v1/models/unload":
            for instances in self.instances.values():
                if body["instance_id"] in instances:
                    instances.remove(body["instance_id"])
            return 200, {"instance_id": body["instance_id"]}
        # it answers whatever it does not know with 200
        return 200, {"error": "Unexpected endpoint or method. (%s %s)" % (method, path)}


class Router(Site):
    def __init__(self, *ids, bad=()):
        super().__init__()
        self.state, self.bad, self.steps = {name: ["unloaded"] for name in ids}, bad, 2

    def answer(self, method, path, body):
        if path == "/models" and method == "GET":
            told = []
            for name, states in self.state.items():
                state = states.pop(0) if len(states) > 1 else states[0]
                status = {"value": state}
                if state == "failed":
                    status = {"value": "unloaded", "args": [], "failed": True, "exit_code": 1}
                told.append({"id": name, "object": "model", "path": "/m/" + name, "status": status})
            return 200, {"object": "list", "data": told}
        if path == "/models/load" and method == "POST" and self.state[body["model"]][-1] in ("loaded", "sleeping"):
            return 400, {"error": {"code": 400, "message": "model is already running", "type": "invalid_request_error"}}
        if path == "/tokenize" and method == "POST":
            self.state[body["model"]] = ["sleeping", "loaded"]
            return 200, {"tokens": []}
        if path == "/models/load" and method == "POST":
            self.state[body["model"]] = ["loading"] * self.steps + ["failed" if body["model"] in self.bad else "loaded"]
            return 200, {"success": True}
        if path == "/models/unload" and method == "POST":
            self.state[body["model"]] = ["loaded"] * self.steps + ["unloaded"]
            return 200, {"success": True}
        return 404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}


class Stranger(Site):
    """Answers everything with one thing."""

    def __init__(self, status, told):
        super().__init__()
        self.told = status, told

    def answer(self, method, path, body):
        return self.told
