# SPDX-License-Identifier: MIT
"""One big model as Hugging Face serves it (nginx alone) and as Ollama's registry does (docker-registry behind nginx)."""
import hashlib
import json
import mmap
import os
import subprocess
import sys
import types

from servers import die_with_parent, free_ports, program, start_nginx, stop, wait_for

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[1:1] = [os.path.join(TESTS, "servers"), os.path.join(TESTS, "fixtures")]
import nginx_text  # noqa: E402
import ollama_image  # noqa: E402
import registry_site  # noqa: E402


class HuggingFace:
    """A repository with one file. Its bytes come from another address, as the hub's large files do."""

    REPOSITORY = "bench/big"

    def __init__(self, state, file, address):
        commit = hashlib.sha1(b"bench").hexdigest()
        entry = {"type": "file", "path": file.name, "size": file.size, "oid": commit,
                 "lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 135}}
        info = {"_id": commit[:24], "id": self.REPOSITORY, "modelId": self.REPOSITORY, "sha": commit, "private": False, "gated": False,
                "disabled": False, "tags": [], "downloads": 0, "likes": 0, "siblings": [{"rfilename": file.name}]}
        api = "/api/models/" + self.REPOSITORY
        facts = [nginx_text.header(name, value) for name, value in (
            ("X-Repo-Commit", commit), ("X-Linked-Size", str(file.size)), ("X-Linked-Etag", '"%s"' % file.sha256), ("Accept-Ranges", "bytes"))]
        parts = [nginx_text.location(api, *nginx_text.answer(200, json.dumps(info)))]
        for revision in ("main", commit):
            parts += [nginx_text.location("%s/revision/%s" % (api, revision), *nginx_text.answer(200, json.dumps(info))),
                      nginx_text.location("%s/tree/%s" % (api, revision), *nginx_text.answer(200, json.dumps([entry]))),
                      nginx_text.location("/%s/resolve/%s/%s" % (self.REPOSITORY, revision, file.name), *facts, 'return 302 "%s";' % address)]
        port, = free_ports(1)
        self.url = "http://127.0.0.1:%d" % port
        self.process = start_nginx(state, "  server {\n    listen 127.0.0.1:%d;\n%s  }\n" % (port, "".join(parts)), port)

    def close(self):
        stop(self.process)


class Ollama:
    """A registry with one model. Blobs come by redirect from another host, which serves docker-registry's own files."""

    MODEL = "library/big"

    def __init__(self, state, file, folder, certificate):
        registry, front, tls, storage = free_ports(4)
        self.host = "127.0.0.1:%d" % front
        os.makedirs(state)
        with open(os.path.join(state, "registry.yml"), "w", encoding="utf-8") as out:
            out.write(registry_site.configuration(folder, registry))
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")}, "OTEL_TRACES_EXPORTER": "none"}
        with open(os.path.join(state, "registry.log"), "wb") as log:
            self.registry = subprocess.Popen([program("docker-registry"), "serve", os.path.join(state, "registry.yml")], env=environment,
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        wait_for(registry, self.registry, "docker-registry")
        self._push(registry, file)
        blobs = os.path.join(folder, "docker/registry/v2/blobs/sha256/$first/$first$rest/data")
        site = registry_site.front((front, tls), (storage, storage), certificate, registry)
        site += "  server {\n    listen 127.0.0.1:%d;\n%s  }\n" % (storage, nginx_text.location(
            '~ "^/ollama/.+/blobs/sha256:(?<first>..)(?<rest>[0-9a-f]+)$"', 'alias "%s";' % blobs, exact=False))
        self.process = start_nginx(os.path.join(state, "nginx"), site, front)

    def _push(self, port, file):
        facts = types.SimpleNamespace(size_label=lambda: "1B", quantization="Q4_K_M")
        with open(file.path, "rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            image = ollama_image.Image(self.MODEL, "latest", facts, view)
            registry_site.push(port, image)
            image.blobs.clear()

    def close(self):
        stop(self.process)
        stop(self.registry)
