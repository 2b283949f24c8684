# SPDX-License-Identifier: MIT
"""LM Studio and llama.cpp's router, as their documentation records their answers, and servers that are neither.

LM Studio: lmstudio-ai/docs 1_developer/2_rest/list.md, load.md, unload.md. llama.cpp: ggml-org/llama.cpp
tools/server/README.md, "Using multiple models".
"""
import http.server
import json
import threading


class Site:
    """`answer(method, path, body)` gives (status, object or bytes); every request is kept with its headers."""

    def __init__(self):
        site, self.seen = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                site.seen.append((self.command, self.path, json.loads(body) if body else None, dict(self.headers)))
                status, told = site.answer(self.command, self.path, json.loads(body) if body else None)
                data = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = reply

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:  # who hung up has seen enough
                    pass

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


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
