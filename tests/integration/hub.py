"""Stand-ins for the services, on loopback unless another address is said.

Hugging Face and Civitai have no server to install, so these follow their recorded protocols: the tree API, the
resolve redirect with X-Linked-* headers, Civitai's version API and its signed storage redirect. The Ollama registry's protocol is
here too, for faults that docker-registry cannot be made to show. One "service" port and one "cdn" port, so that a redirect leaves
the origin. Every request is recorded; faults are put on a path and taken in order.
"""
import hashlib
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Fault:
    """What goes wrong with one path: `times` answers (None: all of them)."""

    def __init__(self, kind, times=1, **options):
        self.kind, self.times, self.options = kind, times, options


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    gone = False  # has lost all its files, also those that it is sending

    def __init__(self, hub, name, address):
        self.hub, self.label = hub, name
        super().__init__((address, 0), Handler)

    @property
    def url(self):
        return "http://%s:%d" % self.server_address

    def handle_error(self, request, client_address):
        pass  # a client that goes away in the middle is what the tests are about


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        hub, self.sent = self.server.hub, 0
        path = urllib.parse.unquote(self.path.split("?")[0])
        entry = {"server": self.server.label, "method": self.command, "path": path, "target": self.path,
                 "headers": {k.lower(): v for k, v in self.headers.items()}, "status": None, "sent": 0}
        with hub.lock:
            hub.requests.append(entry)
            fault = hub.take_fault(path, self.command)
        self.entry = entry
        try:
            self.answer(hub, path, fault)
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_HEAD = do_GET

    def start(self, status, headers):
        self.entry["status"] = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def reply(self, status, body=b"", headers=None, kind="text/plain"):
        if isinstance(body, (dict, list)):
            body, kind = json.dumps(body).encode(), "application/json"
        elif isinstance(body, str):
            body = body.encode()
        self.start(status, {"Content-Type": kind, "Content-Length": len(body), **(headers or {})})
        if self.command != "HEAD":
            self.put(body)

    def put(self, data, rate=None):
        view = memoryview(data)
        step = max(1024, rate // 50) if rate else 1 << 16
        while view:
            if self.server.gone:
                self.close_connection = True
                raise ConnectionResetError
            self.wfile.write(view[:step])
            self.sent += min(step, len(view))
            self.entry["sent"] = self.sent
            view = view[step:]
            if rate:
                time.sleep(step / rate)

    def answer(self, hub, path, fault):
        kind = fault.kind if fault else None
        if self.server.gone:
            return self.start(404, {"Content-Length": 0})
        if kind == "status":
            return self.reply(fault.options["status"], fault.options.get("body", "no"),
                              fault.options.get("headers"), fault.options.get("type", "text/plain"))
        if kind == "drop":
            self.close_connection = True
            return self.connection.close()
        if kind == "redirect":
            return self.reply(302, b"", {"Location": fault.options["to"]})
        if path in hub.routes[self.server.label]:
            status, body, headers = hub.routes[self.server.label][path](self)
            return self.reply(status, body, headers)
        if path in hub.blobs[self.server.label]:
            return self.serve(hub.blobs[self.server.label][path], fault, hub.held.get(path))
        return self.reply(404, "not here")

    def serve(self, data, fault, held=None):
        """A file with ranges and an ETag, as nginx serves it, and what can go wrong with that."""
        kind = fault.kind if fault else None
        if kind == "bytes":
            data = fault.options["data"]
        etag = '"%s"' % sha256(data)[:16]
        headers = {"Content-Type": "application/octet-stream", "ETag": etag, "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if self.headers.get("If-Range") not in (None, etag):
            wanted = None
        if kind == "html":
            return self.reply(200, "<html><body>Please log in</body></html>", None, "text/html")
        if kind == "no-range":
            wanted = None
            del headers["Accept-Ranges"]
        status, first = 200, 0
        if wanted:
            span = wanted.removeprefix("bytes=").split("-")
            first = int(span[0])
            last = int(span[1]) if span[1] else len(data) - 1
            if first >= len(data):
                return self.reply(416, "", {"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            body, status = data[first:last + 1], 206
        else:
            body = data
        if kind == "wrong-range":
            headers["Content-Range"] = f"bytes {first + 7}-{len(data) - 1}/{len(data)}"
            status = 206
        if kind == "gzip":
            import gzip
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = len(body)
        if kind == "long":
            headers.pop("Content-Length")
            body += b"x" * 100000
            self.close_connection = True
            headers["Connection"] = "close"
        if kind == "cut-without-length":
            headers.pop("Content-Length")
            body = body[:fault.options["at"]]
            self.close_connection = True
            headers["Connection"] = "close"
        self.start(status, headers)
        if self.command == "HEAD":
            return
        if kind == "cut":
            self.put(body[:fault.options["at"]])
            self.wfile.flush()
            self.close_connection = True
            return self.connection.shutdown(2)
        if held is not None:
            ready = max(held - first, 0)
            self.put(body[:ready])
            self.wfile.flush()
            self.server.hub.released.wait(60)
            body = body[ready:]
        self.put(body, self.server.hub.rate)


class Hub:
    def __init__(self, address="127.0.0.1"):
        self.lock = threading.Lock()
        self.requests, self.faults = [], {}
        self.routes = {"service": {}, "cdn": {}}
        self.blobs = {"service": {}, "cdn": {}}
        self.rate = None  # bytes a second for each connection
        self.held, self.released = {}, threading.Event()
        self.service, self.cdn = Server(self, "service", address), Server(self, "cdn", address)
        for server in (self.service, self.cdn):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.released.set()
        for server in (self.service, self.cdn):
            server.shutdown()
            server.server_close()

    def fault(self, path, kind, times=1, **options):
        self.faults.setdefault(path, []).append(Fault(kind, times, **options))

    def take_fault(self, path, method):
        """The next fault of a path. A HEAD uses none up: it meets only those that stay."""
        queue = self.faults.get(path)
        if not queue or (method == "HEAD" and queue[0].times is not None):
            return None
        fault = queue[0]
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                queue.pop(0)
        return fault

    def asked(self, path=None, server=None):
        with self.lock:
            return [r for r in self.requests if (path is None or r["path"] == path) and
                    (server is None or r["server"] == server)]

    def fetched(self, **which):
        """The same without the looks at a header that tell what a file is, and so where it goes."""
        return [r for r in self.asked(**which) if r["headers"].get("range") != "bytes=0-262143"]

    def hold(self, path, at):
        """Of this file only so many bytes come until release()."""
        self.held[path] = at

    def release(self):
        self.released.set()

    def forget(self):
        with self.lock:
            self.requests.clear()

    # plain URLs

    def url(self, path, data):
        self.blobs["service"][path] = data
        return self.service.url + path

    # Hugging Face

    def hf(self, repo, files, commit="c" * 40, gated=False, token=None, small=(), branches=(), also=()):
        """A repository whose LFS files redirect to the CDN, as the Hub does it. Of those called in `small`, which lie in git
        itself, it tells git's SHA-1 alone. `branches` are other names of the commit; `also` are spellings of the repository that
        the Hub redirects to its own, as it does for another case of the letters."""
        def allowed(handler):
            return not gated or handler.headers.get("Authorization") == f"Bearer {token}"

        def refuse(handler):
            if handler.headers.get("Authorization"):
                return 403, {"error": f"Access to model {repo} is restricted and you are not in the authorized list."}, {
                    "X-Error-Code": "GatedRepo", "X-Error-Message": f"Access to model {repo} is restricted"}
            return 401, {"error": "Access to this repo is restricted"}, {"X-Error-Code": "GatedRepo"}

        def info(_):
            return 200, {"id": repo, "sha": commit, "gated": "manual" if gated else False, "siblings": [
                {"rfilename": name} for name in files]}, {}

        def git_sha1(data):
            return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

        def entry(name, data):
            lfs = {} if name in small else {"lfs": {"oid": sha256(data), "size": len(data), "pointerSize": 134}}
            return {"type": "file", "oid": git_sha1(data), "size": len(data), "path": name, **lfs}

        def tree_of(folder):
            def tree(handler):
                deep = "recursive=true" in handler.path.lower()
                inside = [n for n in files if n.startswith(folder) and (deep or "/" not in n[len(folder):])]
                if folder and not inside:
                    return 404, "Entry not found", {"X-Error-Code": "EntryNotFound"}
                return 200, [entry(n, files[n]) for n in inside], {}
            return tree

        routes = self.routes["service"]
        for spelling in also:
            for path in (f"/api/models/{spelling}", *(f"/api/models/{spelling}/revision/{r}" for r in ("main", commit, *branches))):
                routes[path] = lambda handler, spelling=spelling: (307, b"", {"Location": handler.path.replace(spelling, repo, 1)})
        for revision in ("main", commit, *branches):
            routes[f"/api/models/{repo}/revision/{revision}"] = info
            folders = {""} | {n[:n.rindex("/") + 1] for n in files if "/" in n}
            for folder in folders:
                path = f"/api/models/{repo}/tree/{revision}" + ("/" + folder.rstrip("/") if folder else "")
                routes[path] = tree_of(folder)
            for name, data in files.items():
                cdn = f"/xet/{repo}/{name}"
                self.blobs["cdn"][cdn] = data

                def resolve(handler, data=data, cdn=cdn, name=name):
                    if not allowed(handler):
                        return refuse(handler)
                    if name in small:
                        return 200, data, {"X-Repo-Commit": commit, "ETag": f'"{git_sha1(data)}"'}
                    return 302, b"", {"Location": f"{self.cdn.url}{urllib.parse.quote(cdn)}?Signature=secret-signature&Expires=1",
                                      "X-Repo-Commit": commit, "X-Linked-Size": len(data),
                                      "X-Linked-Etag": f'"{sha256(data)}"'}
                routes[f"/{repo}/resolve/{revision}/{name}"] = resolve
        routes[f"/api/models/{repo}"] = info

    # Civitai

    def civitai(self, version, model, name, data, token=None, **file):
        entry = {"id": version * 10, "name": name, "type": "Model", "sizeKB": len(data) / 1024, "primary": True,
                 "metadata": {"format": "SafeTensor", "size": "pruned", "fp": "fp16"},
                 "hashes": {"SHA256": sha256(data).upper(), "AutoV2": sha256(data)[:10].upper()},
                 "downloadUrl": f"https://civitai.com/api/download/models/{version}", **file}
        body = {"id": version, "modelId": model, "name": "v1", "status": "Published", "usageControl": "Download",
                "model": {"name": name, "type": "Checkpoint"}, "files": [entry]}
        storage = f"/storage/{version}"
        self.blobs["cdn"][storage] = data

        def download(handler):
            if token and handler.headers.get("Authorization") != f"Bearer {token}":
                return 401, {"error": "Unauthorized",
                             "message": "The creator of this asset requires you to be logged in to download it"}, {}
            return 307, b"", {"Location": f"{self.cdn.url}{storage}?X-Amz-Signature=secret-signature"}

        routes = self.routes["service"]
        routes[f"/api/v1/model-versions/{version}"] = lambda _: (200, body, {})
        for digest in (sha256(data), sha256(data)[:10]):
            routes[f"/api/v1/model-versions/by-hash/{digest}"] = lambda _: (200, body, {})
        routes[f"/api/v1/models/{model}"] = lambda _: (200, {"id": model, "name": name, "modelVersions": [body]}, {})
        routes[f"/api/download/models/{version}"] = download

    # Ollama's registry

    def ollama(self, name, layers, tag="latest", config=None):
        """layers: [(type, bytes)]. Blobs redirect to the CDN; a bearer token is asked for, as ollama's registry does for some."""
        config = json.dumps(config or {"model_format": "gguf", "model_family": "llama", "model_type": "1B",
                                       "file_type": "Q4_K_M"}).encode()

        def descriptor(kind, data):
            return {"mediaType": kind, "digest": "sha256:" + sha256(data), "size": len(data)}

        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": descriptor("application/vnd.docker.container.image.v1+json", config),
            "layers": [descriptor(f"application/vnd.ollama.image.{kind}", data) for kind, data in layers]}).encode()
        self.blobs["service"][f"/v2/{name}/manifests/{tag}"] = manifest
        for data in [config] + [data for _, data in layers]:
            self.blobs["cdn"][f"/blob/{sha256(data)}"] = data
            location = f"{self.cdn.url}/blob/{sha256(data)}?Signature=secret-signature"
            self.routes["service"][f"/v2/{name}/blobs/sha256:{sha256(data)}"] = \
                lambda _, location=location: (307, b"", {"Location": location})
        return manifest
