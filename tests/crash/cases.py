# SPDX-License-Identifier: MIT
"""What is recorded, and what is right then."""
import gzip
import io
import json
import os
import shutil
import signal
import tarfile

from mirror import ORIGIN, SECOND, Mirror, etag_of, sha256
from oracle import MODELS

MIB = 1 << 20
NODE = {"__init__.py": b"NODES = {}\n", "lib/x.py": b"pass\n" * 3000}


def pages(name, size):
    """A GGUF file of nothing, then text that compresses well and is different on every page."""
    filler = (name.encode() + b" is what this page is of, ") * 200
    text = b"".join(b"%016x" % at + filler[:4080] for at in range(size // 4096 + 1))
    return (b"GGUF\x03\0\0\0" + bytes(16) + text)[:size]


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"top/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


class Stop:
    """A run that gets a signal when the server has sent so many bytes and nothing moves any more."""

    def __init__(self, after, number):
        self.after, self.number = after, number


class Case:
    """
    served   {path of a URL: bytes} that a pull fetches
    final    {path: bytes} that has to be there in the end
    old      {path: bytes} that was there before, and may be still
    gone     paths that need not be there, though models.json names them
    steps    what is recorded: (arguments, exit code or Stop)
    again    what is run after a crash, each with exit code 0
    asked_again  so many bytes may be sent again, because only the server can say that they are the same file's
    """
    steps = [(["pull", "-y"], 0)]
    again = [["pull", "-y"]]
    asked_again = 0
    thin = 1  # of so many points in the middle of nothing but writes, one is looked at
    share = 1.0

    def __init__(self):
        self.served, self.final, self.old, self.references, self.other = {}, {}, {}, {}, {}
        self.models, self.digests, self.where, self.gone = [], {}, {}, set()
        self.recorded_root = None
        self.build()

    # for build()

    def serve(self, url, data, *paths):
        self.served[url] = data
        self.where[url] = list(paths)
        self.final.update((path, data) for path in paths)

    def url(self, name, data, pinned=True, folders=("f",), to=None, paths=None, **spec):
        for folder in folders:
            self.serve(f"/{folder}/{name}", data, *(paths or [f"{MODELS}/{name}"]))
        mark = f"#sha256={self.sha(data)}" if len(folders) > 1 else ""
        self.model(name.split(".")[0], {
            "from": [f"{host}/{folder}/{name}{mark}" for host, folder in zip((ORIGIN, SECOND), folders)],
            "insecure_http": True,
            "to": to or [{"store": "llama-cpp", "name": name}],
            **({"sha256": self.sha(data), "size": len(data)} if pinned else {}), **spec})

    def archive(self, name, files, place="f"):
        folder = "ComfyUI/custom_nodes/" + name.split(".")[0]
        self.url(name, tarball(files), folders=[place], extract={"strip": 1}, paths=[folder],
                 to=[{"store": "comfyui", "folder": "custom_nodes", "name": name.split(".")[0]}])
        self.models[-1].update(kind="custom-node", use_cases=[])
        del self.final[folder]
        self.where[f"/{place}/{name}"] = []
        self.final.update((f"{folder}/{path}", data) for path, data in files.items())

    def model(self, name, *files):
        self.models.append({"id": name, "name": name, "kind": "llm", "use_cases": ["General"], "files": list(files)})

    def ollama(self, name, layers):
        mirror = Mirror()
        manifest, blobs = mirror.ollama(name, layers)
        mirror.close()
        paths = [f".ollama/models/blobs/sha256-{self.sha(data)}" for data in blobs]
        for data, path in zip(blobs, paths):
            self.serve(f"/v2/library/{name}/blobs/sha256:{self.sha(data)}", data, path)
        # The configuration is read for what it says, too.
        config = f"/v2/library/{name}/blobs/sha256:{self.sha(blobs[0])}"
        self.other[config] = self.served.pop(config)
        self.other[f"/v2/library/{name}/manifests/latest"] = manifest
        path = f".ollama/models/manifests/registry.ollama.ai/library/{name}/latest"
        self.final[path] = manifest
        self.references[path] = paths
        self.model(name, {"from": [f"ollama:{name}"]})

    # what the oracle asks

    def sha(self, data):
        if id(data) not in self.digests:
            self.digests[id(data)] = (sha256(data), data)
        return self.digests[id(data)][0]

    def right(self, path):
        return [data[path] for data in (self.final, self.old) if path in data]

    def mended(self, path, content):
        return False

    def right_parts(self, url, left):
        """Ranges of a file that is wrong as a whole, which need not be sent."""
        return []

    def places(self, url):
        return self.where[url]

    def url_of(self, partial):
        for url, data in self.served.items():
            # a plain URL has no revision, and its file the name that the URL ends with
            unpinned = f"url-{sha256((ORIGIN + url).encode())[:16]}{sha256(chr(10).encode() + url.rsplit('/')[-1].encode())[:16]}"
            if partial.replace(".repair.", ".") in (f"{self.sha(data)}.part", f"{unpinned}.part"):
                return url
        return None

    def fetched(self, partial, etag=None):
        return self.served.get(self.url_of(partial))

    def urls_of(self, partial, etag=None):
        """All places of those bytes."""
        data = self.fetched(partial, etag)
        return [url for url in self.served if self.served[url] is data]

    def relative(self, path, root=None):
        root = root or self.recorded_root
        if os.path.isabs(path):
            return os.path.relpath(path, root)
        return os.path.normpath(os.path.join(os.path.dirname(MODELS), path))

    # how it is run

    def mirror(self):
        return Mirror({**self.served, **self.other})

    def environment(self, home, mirror):
        """A machine of its own, with the manifests of this case."""
        folder = os.path.join(home, "manifests", "test")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "phase-1-high.json"), "w") as out:
            json.dump({"schema_version": 1, "profile": "test", "phase": 1, "priority": "high", "models": self.models}, out)
        return {"HOME": home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "NCMODEL_ROOT": os.path.join(home, "root"),
                "XDG_CONFIG_HOME": os.path.join(home, ".config"), "NCMODEL_PROFILE": "test",
                "NCMODEL_DATADIR": os.path.join(os.environ["NCM_TEST_SOURCE"], "manifests"),
                "NCMODEL_MANIFEST_DIR": os.path.join(home, "manifests"), "NCMODEL_RESERVE": "0",
                "NCMODEL_OLLAMA_REGISTRY": ORIGIN, "http_proxy": mirror.proxy,
                **{name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}}

    def prepare(self, run):
        """Before anything is recorded. run(*arguments) is the program."""

    def before_step(self, number, mirror):
        """Before each of the steps."""


class Pull(Case):
    """Files of several kinds at once: over several connections, past the page cache, without a journal, of Ollama."""
    share = 2.0

    def build(self):
        self.url("seven.gguf", pages("seven", 7 * MIB))
        self.url("nine.gguf", pages("nine", 9 * MIB + 1234))
        self.url("small.gguf", pages("small", 40000))
        self.ollama("tiny", [("model", pages("tiny", 700000)), ("template", b"{{ .Prompt }}")])


class Resume(Case):
    """A run that was killed, one that was interrupted, and one that ends it."""
    steps = [(["pull", "-y"], Stop(5 * MIB, signal.SIGKILL)), (["pull", "-y"], Stop(7 * MIB, signal.SIGINT)),
             (["pull", "-y"], 0)]

    def build(self):
        self.url("pinned.gguf", pages("pinned", 10 * MIB))
        self.url("other.gguf", pages("other", 6 * MIB))


class FirstUse(Case):
    """Nobody knows a digest beforehand: nothing would show that bytes were believed which are not there."""
    steps = [(["pull", "-y"], Stop(4 * MIB, signal.SIGINT)), (["pull", "-y"], Stop(MIB, signal.SIGKILL)),
             (["pull", "-y"], 0)]
    asked_again = 1

    def build(self):
        self.url("free.gguf", pages("free", 9 * MIB), pinned=False)


class Twins(Case):
    """One content for two stores, and an archive."""

    def build(self):
        data = pages("twin", 300000)
        self.url("twin.gguf", data, to=[{"store": "llama-cpp", "name": "twin.gguf"},
                                        {"store": "comfyui", "folder": "checkpoints", "name": "twin.gguf"}],
                 paths=[f"{MODELS}/twin.gguf", "ComfyUI/models/checkpoints/twin.gguf"])
        self.archive("node.tar.gz", NODE)


class Update(Case):
    """A file and an unpacked archive are replaced by other versions of them."""
    steps = [(["pull", "-y", "--update"], 0)]
    again = [["pull", "-y", "--update"]]

    def build(self):
        self.url("changing.gguf", pages("old", 3 * MIB))
        self.archive("node.tar.gz", {**NODE, "gone.py": b"pass\n"})
        self.before = self.served, self.models
        self.old, self.final, self.served, self.models = self.final, {}, {}, []
        self.url("changing.gguf", pages("new", 2 * MIB))
        self.archive("node.tar.gz", {**NODE, "lib/x.py": b"pass # better\n"}, "g")
        # A new version has its names before models.json knows of it: what it has no more may be named until then.
        self.gone = set(self.old) - set(self.final)

    def prepare(self, run):
        now = self.served, self.models
        self.served, self.models = self.before
        run("pull", "-y")
        self.served, self.models = now


class Changed(Case):
    """The server has another file of the same length when a run goes on. Only its ETag tells."""
    steps = [(["pull", "-y"], Stop(2 * MIB, signal.SIGINT)), (["pull", "-y"], Stop(MIB, signal.SIGINT)), (["pull", "-y"], 0)]
    asked_again = 1

    def build(self):
        self.url("changed.gguf", pages("after", 3 * MIB), pinned=False)
        self.before = pages("before", 3 * MIB)

    def before_step(self, number, mirror):
        url, = self.served
        mirror.files[url] = self.before if number == 0 else self.served[url]
        mirror.tags.clear()

    def fetched(self, partial, etag=None):
        return self.before if etag == f'"{etag_of(self.before)}"' else super().fetched(partial)


class Long(Case):
    """More than the bytes after which the data is synced while others are still written; from two places at once."""
    thin = 12

    def build(self):
        self.url("long.gguf", pages("long", 276 * MIB), folders=("f", "g"))


class Link(Case):
    """Four copies of one file become one."""
    steps = [(["link"], 0)]
    again = [["link"]]
    copies = "ComfyUI/models/checkpoints/twin.gguf", "stable-diffusion-webui/models/Stable-diffusion/twin.gguf"

    def build(self):
        data = pages("twin", 1300000)
        self.url("twin.gguf", data, to=[{"store": "llama-cpp", "name": "twin.gguf"}, *(
            {"store": store, "folder": "checkpoints", "name": "twin.gguf"} for store in ("comfyui", "a1111"))],
                 paths=[f"{MODELS}/twin.gguf", *self.copies])
        self.ollama("tiny", [("model", data), ("template", b"{{ .Prompt }}")])

    def prepare(self, run):
        """A pull would link them at once: each gets bytes of its own, and the same times."""
        run("pull", "-y")
        for path in self.final:
            path = os.path.join(self.recorded_root, path)
            if os.stat(path).st_nlink > 1:
                shutil.copy2(path, path + ".copy")
                os.chmod(path + ".copy", 0o644)
                os.rename(path + ".copy", path)
            os.chmod(path, 0o644)


class Unlink(Link):
    """And they get bytes of their own again."""
    steps = [(["link", "--unlink"], 0)]
    again = [["link", "--unlink"]]

    def prepare(self, run):
        super().prepare(run)
        run("link")


class Repair(Case):
    """A file with damage in two places, mended where it lies; one that is not there, and one that was cut."""
    steps = [(["verify", "--repair"], 0)]
    again = [["verify", "--repair"]]
    flips = (5, 33 * MIB)

    def build(self):
        for name, size in (("broken", 34 * MIB), ("missing", MIB), ("short", 300000)):
            self.url(f"{name}.gguf", pages(name, size))
        self.broken, missing, short = self.final
        damaged = bytearray(self.final[self.broken])
        for at in self.flips:
            damaged[at] ^= 0x10
        self.old = {self.broken: bytes(damaged), short: self.final[short][:100000]}
        self.gone = {missing}

    def prepare(self, run):
        run("pull", "-y")
        for path in self.gone:
            os.unlink(os.path.join(self.recorded_root, path))
        for path, data in self.old.items():
            path = os.path.join(self.recorded_root, path)
            status = os.stat(path)
            with open(path, "r+b") as file:
                file.write(data)
                file.truncate()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def mended(self, path, content):
        """Each damaged byte may be right already; all others are."""
        if path != self.broken or content.size != len(self.final[path]):
            return False
        bounds = [0] + [end for flip in self.flips for end in (flip, flip + 1)] + [content.size]
        return all(any(content.differs(data, start, end) is None for data in self.right(path))
                   for start, end in zip(bounds, bounds[1:]))

    def right_parts(self, url, left):
        """Checkpoints tell which 16 MiB are damaged."""
        if self.places(url) != [self.broken]:
            return []
        content, data = left.paths[self.broken][1], self.served[url]
        spans = [(start, min(start + 16 * MIB, len(data))) for start in range(0, len(data), 16 * MIB)]
        return [span for span in spans if content.differs(data, *span) is None]
