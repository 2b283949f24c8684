# SPDX-License-Identifier: MIT
"""The world that serves: repositories with equal file names, Civitai versions, Ollama tags and plain addresses, all of which move,
lose files and lie. The answers are those of the stand-ins of tests/integration/hub.py; what is served is decided anew each time.
"""
import hashlib
import json
import os

from hub import Handler, Hub, sha256

import contents

REPOS = ("ann/chat", "bob/chat", "bob/eye")
VERSIONS = {11: 1, 12: 1, 21: 2}  # Civitai: version -> model
TAGS = ("tiny", "other")
ADDRESSES = ("model.safetensors", "other/model.safetensors", "chat.gguf", "get?id=1", "get?id=2")
HOST = "https://files.example/"
LIES = ("gone", "page", "pointer", "cut", "other", "empty", "typed")  # typed: the right bytes, called text/html
WEIGHTS = (".gguf", ".safetensors")


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Commit:
    def __init__(self, repo, number, files):
        self.id = hashlib.sha1(f"{repo}/{number}".encode()).hexdigest()
        self.files = files


class Live(dict):
    """A table of the stand-ins whose entries are found when they are asked for."""

    def __init__(self, find):
        super().__init__()
        self.find = find

    def __contains__(self, path):
        return self.find(path) is not None

    def __getitem__(self, path):
        return self.find(path)


class Quick(Handler):
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_GET(self):
        self.server.hub.count()
        super().do_GET()
        self.wfile.flush()

    do_HEAD = do_GET


class World(Hub):
    def __init__(self):
        super().__init__()
        for server in (self.service, self.cdn):
            server.RequestHandlerClass = Quick
        self.routes = {"service": Live(self.route), "cdn": Live(self.stored)}
        self.blobs = {"service": {}, "cdn": {}}
        self.begin()

    def begin(self):
        """As it is at the start of each run."""
        self.forget()
        self.lies, self.counter, self.kill_at, self.victim = {}, 0, None, None
        self.commits = {repo: [Commit(repo, 0, self.files_of(repo, 0))] for repo in REPOS}
        self.versions = {version: contents.safetensors(f"civitai {version}", 300 + version) for version in VERSIONS}
        self.images, self.manifests, self.layers = {}, {}, {}
        for name in TAGS:
            self.push(name, 0)
        self.addresses = {}
        for name in ADDRESSES:
            self.put(name, 0)
        self.known = set()  # of every content that was ever served rightly
        self.note_known()

    @staticmethod
    def files_of(repo, number):
        """The files that have equal names in all of them, and other bytes."""
        files = {"mmproj-F16.gguf": contents.gguf(f"{repo} mmproj {number}", 420),
                 "model.safetensors": contents.safetensors(f"{repo} model {number}", 380),
                 "config.json": json.dumps({"model_type": repo, "revision": number}).encode()}
        if repo == "bob/chat":
            files["sub/vae.safetensors"] = contents.safetensors(f"{repo} vae {number}", 200)
        return files

    def note_known(self):
        for commits in self.commits.values():
            self.known.update(sha256(data) for commit in commits for data in commit.files.values())
        self.known.update(sha256(data) for data in self.versions.values())
        self.known.update(self.manifests)
        self.known.update(self.layers)
        self.known.update(sha256(data) for data in self.addresses.values())

    # what moves

    def head(self, repo):
        return self.commits[repo][-1]

    def move(self, repo, how):
        """A new commit: "all", "weights", "config" have new bytes; "drop" loses a file; "back" is the first one's files again."""
        number, files = len(self.commits[repo]), dict(self.head(repo).files)
        fresh = self.files_of(repo, number)
        for name in fresh:
            if how == "all" or (how == "weights") == name.endswith(WEIGHTS) and how in ("weights", "config"):
                files[name] = fresh[name]
        if how == "drop" and len(files) > 1:
            del files[sorted(files)[0]]
        if how == "back":
            files = dict(self.commits[repo][0].files)
        self.commits[repo].append(Commit(repo, number, files))
        self.note_known()

    def push(self, name, number):
        layers = [("model", contents.gguf(f"{name} {number}", 500)), ("template", b"{{ .Prompt }}")]
        config = json.dumps({"model_format": "gguf", "model_family": "llama", "model_type": "1B", "file_type": "Q4_K_M",
                             "made": f"{name} {number}"}).encode()
        manifest = contents.image(config, layers)
        self.images[name] = manifest
        self.manifests[sha256(manifest)] = manifest
        self.layers.update({sha256(data): data for data in [config] + [data for _, data in layers]})

    def put(self, name, number):
        make = contents.gguf if name.endswith(".gguf") else contents.safetensors
        self.addresses[name] = make(f"{name} {number}", 350)

    def lie(self, address, kind):
        """Serves something else. What nothing can tell from a model of an address without a digest is what that address has now."""
        if address[0] == "url" and kind in ("cut", "other"):
            body = self.lied(self.addresses[address[1]], kind)
            if contents.no_model(body) is None:
                self.addresses[address[1]] = body
                self.note_known()
                return
        self.lies[address] = kind

    @staticmethod
    def lied(data, kind):
        return {"page": b"<!DOCTYPE html><html><body>Please log in</body></html>", "cut": data[:-40], "other": data[:-4] + b"LIED",
                "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
                    sha256(data).encode(), len(data)), "empty": b""}[kind]

    # what is asked

    def count(self):
        with self.lock:
            self.counter += 1
            if self.kill_at is not None and self.counter >= self.kill_at and self.victim:
                self.victim.kill()
                self.kill_at = None

    def content(self, address, data):
        """A file as it is served, or a lie."""
        lie = self.lies.get(address)
        if lie is None:
            return self.whole(data)
        if lie == "typed":
            return self.whole(data, "text/html")
        if lie == "gone":
            return lambda _: (404, "not here", {"X-Error-Code": "EntryNotFound"})
        return self.whole(self.lied(data, lie), "text/html" if lie == "page" else "application/octet-stream")

    @staticmethod
    def whole(data, kind="application/octet-stream"):
        def answer(handler):
            span = handler.headers.get("Range")
            etag = '"%s"' % sha256(data)[:16]
            headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": kind}
            if not span or handler.headers.get("If-Range") not in (None, etag):
                return 200, data, headers
            first, last = span.removeprefix("bytes=").split("-")
            first, last = int(first), min(int(last or len(data) - 1), len(data) - 1)
            if first >= len(data):
                return 416, b"", {"Content-Range": f"bytes */{len(data)}"}
            return 206, data[first:last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"}
        return answer

    def route(self, path):
        parts = path.strip("/").split("/")
        if path.startswith("/api/models/"):
            return self.listing("/".join(parts[2:4]), parts[4:])
        if path.startswith("/api/resolve-cache/models/"):
            return self.small("/".join(parts[3:5]), parts[5], "/".join(parts[6:]))
        if path.startswith("/api/v1/") or path.startswith("/api/download/"):
            return self.civitai_route(parts)
        if path.startswith("/v2/library/"):
            return self.ollama_route(parts[2], parts[3], parts[4])
        if path.startswith("/files/"):
            return self.address_route
        if len(parts) > 4 and parts[2] == "resolve":
            return self.resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        return None

    def commit(self, repo, revision):
        for commit in self.commits.get(repo, ()):
            if commit.id == revision:
                return commit
        return self.head(repo) if repo in self.commits and revision == "main" else None

    def listing(self, repo, rest):
        commit = self.commit(repo, rest[1] if len(rest) > 1 else "main")
        if commit is None:
            return lambda _: (404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        if not rest or rest[0] == "revision":
            return lambda _: (200, {"id": repo, "sha": commit.id, "gated": False,
                                    "siblings": [{"rfilename": name} for name in commit.files]}, {})
        folder = "".join(part + "/" for part in rest[2:])

        def tree(handler):
            deep = "recursive=true" in handler.path.lower()
            inside = [n for n in sorted(commit.files) if n.startswith(folder) and (deep or "/" not in n[len(folder):])]
            if not inside:
                return 404, "Entry not found", {"X-Error-Code": "EntryNotFound"}
            return 200, [self.entry(name, commit.files[name]) for name in inside], {}
        return tree

    @staticmethod
    def entry(name, data):
        entry = {"type": "file", "oid": git_sha1(data), "size": len(data), "path": name}
        if name.endswith(WEIGHTS):
            entry["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": 134}
        return entry

    def resolve(self, repo, revision, name):
        commit = self.commit(repo, revision)
        if commit is None or name not in commit.files or self.lies.get(("hf", repo, name)) == "gone":
            return lambda _: (404, "Entry not found", {"X-Error-Code": "EntryNotFound" if commit else "RevisionNotFound"})
        data = commit.files[name]
        large = name.endswith(WEIGHTS)
        to = f"{self.cdn.url}/lfs/{repo}/{sha256(data)}/{name}?Signature=signed" if large else \
            f"/api/resolve-cache/models/{repo}/{commit.id}/{name}"
        etag = sha256(data) if large else git_sha1(data)
        return lambda _: (302 if large else 307, b"", {"Location": to, "X-Repo-Commit": commit.id,
                                                       "X-Linked-Size": len(data), "X-Linked-Etag": f'"{etag}"'})

    def small(self, repo, revision, name):
        commit = self.commit(repo, revision)
        return self.content(("hf", repo, name), commit.files[name]) if commit and name in commit.files else None

    def civitai_version(self, version):
        data = self.versions[version]
        return {"id": version, "modelId": VERSIONS[version], "name": "v1", "status": "Published", "usageControl": "Download",
                "model": {"name": f"Lora {VERSIONS[version]}", "type": "LORA"}, "files": [
                    {"id": version * 10, "name": "lora-model.safetensors", "type": "Model", "sizeKB": len(data) / 1024,
                     "primary": True, "metadata": {"format": "SafeTensor", "fp": "fp16"},
                     "hashes": {"SHA256": sha256(data).upper(), "AutoV2": sha256(data)[:10].upper()},
                     "downloadUrl": f"https://civitai.com/api/download/models/{version}"}]}

    def civitai_route(self, parts):
        number = int(parts[-1]) if parts[-1].isdigit() else None
        if parts[:3] == ["api", "v1", "models"] and number in VERSIONS.values():
            made = [self.civitai_version(v) for v, model in VERSIONS.items() if model == number]
            return lambda _: (200, {"id": number, "name": f"Lora {number}", "modelVersions": made[::-1]}, {})
        if number not in self.versions:
            return None
        if parts[2] == "model-versions":
            return lambda _: (200, self.civitai_version(number), {})
        return lambda _: (307, b"", {"Location": f"{self.cdn.url}/storage/{number}?X-Amz-Signature=signed"})

    def ollama_route(self, name, what, reference):
        if what == "manifests":
            manifest = self.manifests.get(reference.removeprefix("sha256:")) if ":" in reference else \
                self.images.get(name) if reference == "latest" else None
            if manifest is None or self.lies.get(("ollama", name)) == "gone":
                return None
            return lambda _: (200, manifest, {"Content-Type": contents.MANIFEST})
        digest = reference.removeprefix("sha256:")
        return (lambda _: (307, b"", {"Location": f"{self.cdn.url}/blob/{name}/{digest}?Signature=signed"})) \
            if digest in self.layers else None

    def address_route(self, handler):
        name = handler.path.removeprefix("/files/")
        if name not in self.addresses:
            return 404, "not here", {}
        return self.content(("url", name), self.addresses[name])(handler)

    def stored(self, path):
        parts = path.strip("/").split("/")
        if parts[0] == "lfs":
            repo, name = "/".join(parts[1:3]), "/".join(parts[4:])
            for commit in self.commits.get(repo, ()):
                if name in commit.files and sha256(commit.files[name]) == parts[3]:
                    return self.content(("hf", repo, name), commit.files[name])
        if parts[0] == "storage" and int(parts[1]) in self.versions:
            return self.content(("civitai", int(parts[1])), self.versions[int(parts[1])])
        if parts[0] == "blob" and parts[2] in self.layers:
            return self.content(("ollama", parts[1]), self.layers[parts[2]])
        return None

    def sent(self):
        """Paths of which content went out: not what only asks for a head, a header, a listing or a redirect."""
        return sorted({r["path"] for r in self.fetched() if r["method"] == "GET" and r["status"] in (200, 206) and r["sent"] > 16 and (
            r["server"] == "cdn" or r["path"].startswith(("/files/", "/api/resolve-cache/")))})


def basename(address):
    return os.path.basename(address.split("?")[0])
