# SPDX-License-Identifier: MIT
"""The shape of Hugging Face's hub as nginx configuration: API, resolve redirects, a CDN that is another origin.

Small files are git files (307 to /api/resolve-cache on the same origin, ETag is the git blob SHA-1); large ones are LFS files
(302 to the CDN with X-Linked-Size and X-Linked-Etag, the SHA-256, while the CDN's own ETag is something else).
"""
import hashlib
import json
import os
import urllib.parse

import nginx_text as nginx

TOKEN = "hf_testTokenThatHasAccess0000000001"
TOKEN_NO_ACCESS = "hf_testTokenWithoutAccess0000000002"
LFS_FROM = 10_000  # bytes; real limits differ, and these files are small

MAPS = """  map $http_authorization $hf_caller {
    "" none;
    "Bearer %s" granted;
    "Bearer %s" known;
    default bad;
  }
""" % (TOKEN, TOKEN_NO_ACCESS)

COMMON = ["add_header RateLimit '\"resolvers\";r=2999;t=124' always;",
          "add_header RateLimit-Policy '\"fixed window\";\"resolvers\";q=3000;w=300' always;",
          "add_header X-Request-Id \"Root=1-$request_id\" always;"]


class Repo:
    """`older`: the files of an earlier commit, which then has the tag v1.0."""

    def __init__(self, name, files, gated=False, private=False, pages=1, old_name=None, older=None):
        self.name, self.files, self.gated, self.private, self.pages, self.old_name = name, files, gated, private, pages, old_name
        self.commit = hashlib.sha1(name.encode()).hexdigest()
        self.revisions = ["main", self.commit, "v1.0", "refs/pr/1"]
        self.older = None
        if older:
            self.older = Repo(name, older, gated, private)
            self.older.commit = hashlib.sha1(name.encode() + b" v1.0").hexdigest()
            self.revisions.remove("v1.0")
            self.older.revisions = [self.older.commit, "v1.0"]

    def commits(self):
        return [self, self.older] if self.older else [self]


def make_repos(files):
    """Which of the fixtures make which repository."""
    readme = b"---\nlicense: mit\n---\n# Test weights\n"

    def those(folder, prefix=""):
        return {prefix + p[len(folder) + 1 :]: d for p, d in files.items() if p.startswith(folder + "/")}

    one = files.__getitem__
    return [
        Repo("demo/tiny-chat-GGUF", {**those("gguf"), "README.md": readme, "config.json": b'{"model_type":"llama"}\n'},
             old_name="demo/tiny-chat-old"),
        Repo("demo/tiny-split-GGUF", {**those("gguf-split", "Q4_K_M/"), "README.md": readme}),
        Repo("demo/tiny-sharded", those("sharded")),
        Repo("demo/tiny-diffusion", {"tiny-diffusion.safetensors": one("safetensors/tiny-diffusion.safetensors"),
                                     "vae/tiny-vae.safetensors": one("safetensors/tiny-vae.safetensors"), "README.md": readme}),
        Repo("demo/tiny-legacy", {"tiny-legacy.ckpt": one("pickle/tiny-legacy.ckpt"), "README.md": readme}),
        Repo("demo/tiny-stt", {"ggml-tiny.bin": one("plain/tiny-stt.bin")}),
        Repo("demo/tiny-gated", {"tiny-gated.safetensors": one("safetensors/tiny-gated.safetensors"), "LICENSE": b"accept me\n"}, gated=True),
        Repo("demo/tiny-private", {"tiny-private.safetensors": one("safetensors/tiny-private.safetensors")}, private=True),
        # names that must be percent-encoded, and a listing in two pages
        Repo("demo/tiny-paged", {"a b/with space #1.txt": b"space\n", "na\u00efve.txt": b"naive\n", "100%.txt": b"percent\n",
                                 "c.json": b'{"a":1}\n', "tiny.gguf": one("gguf/tiny-chat-f16.gguf")}, pages=2),
        # two commits that share a large and a small file, and of which each has both kinds of its own
        Repo("demo/tiny-history",
             {"tiny-chat-q4_k_m.gguf": one("gguf/tiny-chat-q4_k_m.gguf"), "README.md": readme,
              "tiny-chat-f16.gguf": one("gguf/tiny-chat-f16.gguf"), "config.json": b'{"model_type":"llama","revision":2}\n'},
             older={"tiny-chat-q4_k_m.gguf": one("gguf/tiny-chat-q4_k_m.gguf"), "README.md": readme,
                    "old/tiny-lora.safetensors": one("safetensors/tiny-lora.safetensors"),
                    "config.json": b'{"model_type":"llama","revision":1}\n'}),
    ]


def _entry(path, data):
    sha1 = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    if len(data) < LFS_FROM:
        return {"type": "file", "oid": sha1, "size": len(data), "path": path}
    sha256 = hashlib.sha256(data).hexdigest()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (sha256.encode(), len(data))
    return {"type": "file", "oid": hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest(), "size": len(data), "path": path,
            "lfs": {"oid": sha256, "size": len(data), "pointerSize": len(pointer)},
            "xetHash": hashlib.sha256(b"xet" + sha256.encode()).hexdigest()}


def _tree(repo):
    folders = sorted({p.rsplit("/", 1)[0] for p in repo.files if "/" in p})
    listed = [{"type": "directory", "oid": hashlib.sha1(f.encode()).hexdigest(), "size": 0, "path": f} for f in folders]
    return listed + [_entry(p, d) for p, d in sorted(repo.files.items())]


class Site:
    """Writes what is served below `folder`."""

    def __init__(self, folder, repos):
        self.folder, self.repos = folder, repos

    def _store(self, name, data):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def _json(self, name, value):
        return nginx.file(self._store(name + ".json", json.dumps(value).encode()), "application/json; charset=utf-8")

    @staticmethod
    def _errors():
        def page(name, status, code, message, body, kind="application/json"):
            extra = [nginx.header("X-Error-Code", code)] if code else []
            return nginx.location("/_/" + name, "internal;", *COMMON, *extra, nginx.header("X-Error-Message", message),
                                  *nginx.answer(status, body, kind))
        gated = "Access to model demo/tiny-gated is restricted"
        return "".join([
            page("bad-token", 401, None, "Invalid credentials in Authorization header", '{"error":"Invalid credentials in Authorization header"}'),
            page("no-repo", 401, "RepoNotFound", "Repository not found", '{"error":"Invalid username or password."}'),
            page("no-repo-known", 404, "RepoNotFound", "Repository not found", '{"error":"Repository not found"}'),
            page("gated", 401, "GatedRepo", gated + ". You must have access to it and be authenticated to access it. Please log in.",
                 '{"error":"%s."}' % gated),
            page("gated-known", 403, "GatedRepo", gated + " and you are not in the authorized list. "
                 "Visit https://huggingface.co/demo/tiny-gated to ask for access.", '{"error":"%s and you are not in the authorized list."}' % gated),
        ])

    @staticmethod
    def _guard(repo, weights):
        """Who may: metadata of a gated repository is public, its files are not; a private one does not exist for strangers."""
        if repo.private:
            return ["if ($hf_caller = none) { rewrite ^ /_/no-repo last; }", "if ($hf_caller = known) { rewrite ^ /_/no-repo-known last; }"]
        if repo.gated and weights:
            return ["if ($hf_caller = none) { rewrite ^ /_/gated last; }", "if ($hf_caller = known) { rewrite ^ /_/gated-known last; }"]
        return []

    def _info(self, repo):
        return {"_id": repo.commit[:24], "id": repo.name, "modelId": repo.name, "author": repo.name.split("/")[0], "sha": repo.commit,
                "lastModified": "2024-01-01T00:00:00.000Z", "private": repo.private, "disabled": False,
                "gated": "manual" if repo.gated else False, "tags": ["license:mit"], "downloads": 1, "likes": 0,
                "siblings": [{"rfilename": p} for p in sorted(repo.files)]}

    def _api(self, repo):
        guard, key = self._guard(repo, False), "hf/" + repo.name
        parts = [nginx.location("/api/models/" + repo.name, *guard, *COMMON, *self._json(key + "/info", self._info(repo)))]
        for commit in repo.commits():
            parts += self._api_commit(commit)
        message = '{"error":"Invalid rev id"}'
        parts.append(nginx.location("~ ^/api/models/%s/(revision|tree)/" % repo.name, *guard, *COMMON, nginx.header("X-Error-Code", "RevisionNotFound"),
                                    nginx.header("X-Error-Message", "Invalid rev id"), *nginx.answer(404, message), exact=False))
        return parts

    def _api_commit(self, repo):
        key, tree, guard, parts = "hf/%s/%s" % (repo.name, repo.commit), _tree(repo), self._guard(repo, False), []
        flat, flat_at = [e for e in tree if "/" not in e["path"]], "/_/flat/%s/%s" % (repo.name, repo.commit)
        parts.append(nginx.location(flat_at, "internal;", *COMMON, *self._json(key + "/flat", flat)))
        for revision in repo.revisions:
            base = "/api/models/%s/" % repo.name
            parts.append(nginx.location(base + "revision/" + revision, *guard, *COMMON, *self._json(key + "/info", self._info(repo))))
            top = guard + ['if ($arg_recursive !~* "^(true|1)$") { rewrite ^ "%s" last; }' % flat_at]
            if repo.pages == 1:
                parts.append(nginx.location(base + "tree/" + revision, *top, *COMMON, *self._json(key + "/tree", tree)))
            else:
                # the link names the public host even behind a mirror, as the hub's does
                link = "<https://huggingface.co/api/models/%s/tree/%s?recursive=true&limit=3&cursor=page2>; rel=\"next\"" % (
                    repo.name, urllib.parse.quote(revision, safe=""))
                top.append('if ($arg_cursor = "page2") { rewrite ^ "/_/page2/%s" last; }' % repo.name)
                parts.append(nginx.location(base + "tree/" + revision, *top, *COMMON, nginx.header("Link", link), *self._json(key + "/page1", tree[:3])))
            for folder in {p.rsplit("/", 1)[0] for p in repo.files if "/" in p}:
                below = [e for e in tree if e["path"].startswith(folder + "/")]
                parts.append(nginx.location(base + "tree/" + revision + "/" + folder, *guard, *COMMON, *self._json(key + "/in-" + folder, below)))
        if repo.pages > 1:
            parts.append(nginx.location("/_/page2/" + repo.name, "internal;", *COMMON, *self._json(key + "/page2", tree[3:])))
        return parts

    def _resolve(self, repo):
        parts = [part for commit in repo.commits() for part in self._resolve_commit(commit)]
        parts.append(nginx.location("~ ^/%s/resolve/" % repo.name, *self._guard(repo, True), *COMMON, nginx.header("X-Error-Code", "RevisionNotFound"),
                                    nginx.header("X-Error-Message", "Invalid rev id"), *nginx.answer(404, '{"error":"Invalid rev id"}'), exact=False))
        if repo.old_name:
            parts.append(nginx.location("~ ^/%s/(.*)$" % repo.old_name, *COMMON, 'return 307 "/%s/$1$is_args$args";' % repo.name, exact=False))
            parts.append(nginx.location("~ ^/api/models/%s(.*)$" % repo.old_name, *COMMON, 'return 307 "/api/models/%s$1$is_args$args";' % repo.name, exact=False))
        return parts

    def _resolve_commit(self, repo):
        parts, guard = [], self._guard(repo, True)
        commit = nginx.header("X-Repo-Commit", repo.commit)
        for path, data in repo.files.items():
            facts, address = _entry(path, data), urllib.parse.quote(path)
            lines = guard + COMMON + [commit, nginx.header("Accept-Ranges", "bytes"), nginx.header("Cache-Control", "no-store"),
                                      nginx.header("X-Linked-Size", str(len(data)))]
            if "lfs" in facts:
                digest = facts["lfs"]["oid"]
                self._store("cdn/xet-bridge/%s/%s" % (repo.commit[:24], digest), data)
                name = urllib.parse.quote(path.rsplit("/", 1)[-1])
                query = ("X-Xet-Cas-Uid=public&response-content-disposition=inline%%3B+filename*%%3DUTF-8%%27%%27%s%%3B+filename%%3D%%22%s%%22%%3B"
                         "&Expires=4102444800&Policy=policy_&Signature=signed_&Key-Pair-Id=KEY") % (name, name)
                lines += [nginx.header("X-Linked-Etag", '"%s"' % digest), nginx.header("X-Xet-Hash", facts["xetHash"]),
                          # a Link that is not the next page of anything
                          nginx.header("Link", '<https://huggingface.co/api/models/%s/xet-read-token/%s>; rel="xet-auth"' % (repo.name, repo.commit)),
                          'return 302 "$hf_cdn/xet-bridge/%s/%s?%s";' % (repo.commit[:24], digest, query)]
            else:
                cached = "/api/resolve-cache/models/%s/%s/%s" % (repo.name, repo.commit, path)
                here = self._store("hf/%s/files/%s" % (repo.name, facts["oid"]), data)
                parts.append(nginx.location(cached, *guard, *COMMON, commit, nginx.header("ETag", '"%s"' % facts["oid"]), "etag off;",
                                            *nginx.file(here, "text/plain; charset=utf-8")))
                lines += [nginx.header("X-Linked-Etag", '"%s"' % facts["oid"]),
                          'return 307 "/api/resolve-cache/models/%s/%s/%s?%s=&etag=%%22%s%%22";'
                          % (repo.name, repo.commit, address, urllib.parse.quote("/%s/resolve/main/%s" % (repo.name, path), safe=""), facts["oid"])]
            for revision in repo.revisions:
                parts.append(nginx.location("/%s/resolve/%s/%s" % (repo.name, revision, path), *lines))
        known = "|".join(r.replace(".", "\\.") for r in repo.revisions)
        parts.append(nginx.location("~ ^/%s/resolve/(%s)/" % (repo.name, known), *guard, *COMMON, commit, nginx.header("X-Error-Code", "EntryNotFound"),
                                    nginx.header("X-Error-Message", "Entry not found"), *nginx.answer(404, "Entry not found", "text/plain; charset=utf-8"), exact=False))
        return parts

    def servers(self, hub_ports, cdn_ports, certificate):
        cdn = ["    set $hf_cdn http://127.0.0.1:%d;\n    if ($scheme = https) { set $hf_cdn https://127.0.0.1:%d; }\n" % cdn_ports]
        # a rejected token is refused even where none is needed
        hub = cdn + ["    if ($hf_caller = bad) { rewrite ^ /_/bad-token last; }\n", self._errors()]
        hub.append(nginx.location("/api/whoami-v2", "if ($hf_caller = none) { rewrite ^ /_/bad-token last; }", *COMMON,
                                  *nginx.answer(200, '{"type":"user","name":"demo","auth":{"accessToken":{"role":"read"}}}')))
        for repo in self.repos:
            hub += self._api(repo) + self._resolve(repo)
        hub.append(nginx.location("/", "if ($hf_caller = none) { rewrite ^ /_/no-repo last; }", "rewrite ^ /_/no-repo-known last;", exact=False))
        storage = [
            # as object stores do: a signed address and a credential are one too many
            nginx.location("/xet-bridge/", "if ($http_authorization) { return 400 '<Error><Code>InvalidArgument</Code></Error>'; }",
                           "if ($arg_signature = \"\") { return 403 '<Error><Code>AccessDenied</Code></Error>'; }", "types { }",
                           "default_type application/octet-stream;", "root %s;" % nginx.quoted(os.path.join(self.folder, "cdn")), exact=False),
            nginx.location("/codeload/", "types { }", "default_type application/x-gzip;", "root %s;" % nginx.quoted(os.path.join(self.folder, "cdn")),
                           nginx.header("Content-Disposition", "attachment; filename=demo-node-1.0.tar.gz"), exact=False),
            nginx.location("/", "return 404;", exact=False),
        ]
        return [nginx.server(hub_ports, certificate, *hub), nginx.server(cdn_ports, certificate, *storage)]
