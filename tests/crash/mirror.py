# SPDX-License-Identifier: MIT
"""A server that knows which bytes of each URL it has sent.

It is asked as a proxy (http_proxy), so that every run has its own and all of them see the same URLs: what is recorded on one
is replayed on another.
"""
import hashlib
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ORIGIN = "http://models.example"
SECOND = "http://mirror.example"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def etag_of(data):
    return sha256(data)[:16]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        mirror = self.server.mirror
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        data = mirror.files.get(path)
        try:
            if data is None:
                self.start(404, {"Content-Length": 0})
            else:
                self.give(mirror, path, data)
        except OSError:
            self.close_connection = True  # a client that was killed

    do_HEAD = do_GET

    def start(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def give(self, mirror, path, data):
        etag = '"%s"' % mirror.etag(path)
        headers = {"Content-Type": "application/octet-stream", "ETag": etag, "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if self.headers.get("If-Range") not in (None, etag):
            wanted = None
        first, end, status = 0, len(data), 200
        if wanted:
            start, last = wanted.removeprefix("bytes=").split("-")
            first, end, status = int(start), min(int(last) + 1, len(data)) if last else len(data), 206
            if first >= len(data):
                return self.start(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": 0})
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
        self.start(status, {**headers, "Content-Length": end - first})
        if self.command == "GET":
            self.send(mirror, path, data, first, end)

    def send(self, mirror, path, data, first, end):
        view, step = memoryview(data), 1 << 16
        for at in range(first, end, step):
            size = mirror.may_send(path, at, min(step, end - at))
            self.wfile.write(view[at:at + size])
            if size < min(step, end - at):
                mirror.released.wait()
                raise OSError("held back")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, mirror):
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request, client_address):
        pass


class Mirror:
    """files: {path of the URL: bytes}, whatever the host."""

    def __init__(self, files=None):
        self.files, self.tags = dict(files or {}), {}
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.forget()
        self.server = Server(self)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def proxy(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def forget(self):
        """Counts from zero, and holds nothing back."""
        with self.lock:
            self.sent, self.left = {}, None

    def hold_after(self, size):
        """So many bytes of all files together are sent from now on; then nothing moves any more."""
        with self.lock:
            self.left = size
            self.released.clear()

    def release(self):
        with self.lock:
            self.left = None
        self.released.set()

    def may_send(self, path, at, size):
        with self.lock:
            if self.left is not None:
                size = min(size, self.left)
                self.left -= size
            if size:
                self.sent.setdefault(path, []).append((at, at + size))
            return size

    def etag(self, path):
        if path not in self.tags:
            self.tags[path] = etag_of(self.files[path])
        return self.tags[path]

    def ollama(self, name, layers, tag="latest"):
        """layers: [(type, bytes)]. Returns (the manifest, its blobs)."""
        config = json.dumps({"model_format": "gguf", "model_family": "llama", "model_type": "1B",
                             "file_type": "Q4_K_M"}).encode()

        def descriptor(kind, data):
            return {"mediaType": kind, "digest": "sha256:" + sha256(data), "size": len(data)}

        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": descriptor("application/vnd.docker.container.image.v1+json", config),
            "layers": [descriptor(f"application/vnd.ollama.image.{kind}", data) for kind, data in layers]}).encode()
        blobs = [config] + [data for _, data in layers]
        self.files[f"/v2/library/{name}/manifests/{tag}"] = manifest
        for data in blobs:
            self.files[f"/v2/library/{name}/blobs/sha256:{sha256(data)}"] = data
        return manifest, blobs
