"""docs/walks: each source document from top to bottom, and what the commands of its page print. The pages are their own source: a
line "$ ncmodel ..." in a block `console` is run, and what follows it up to the next one is what it printed.

  test_walks.py             the pages say what the commands print now
  test_walks.py --write     and are written anew if not

The machine of a page has 1,340 GB of disk, all free, and no graphics card but the one of <!-- card: RTX 3060, 12 --> (GB). Until a page says
<!-- stand-ins -->, the shipped profiles count, and loopback servers that answer look-ups with the sizes and digests that
the profiles pin or expect, and have no byte of a model. After it the profiles have the same models, names and places, and the servers
serve each file 100,000 times smaller."""
import glob
import gzip
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import unittest

from harness import BINARY, DATA, SOURCE, Machine, filling, gguf, preload, safetensors
from hub import sha256
import nvml

SMALLER = 100_000
ROOT = "/srv/machine"  # what a page calls the root; the true one has as many letters
PAGES = sorted(glob.glob(os.path.join(SOURCE, "docs", "walks", "*.md")))
DISK = r"""
#define _GNU_SOURCE
#include <sys/statvfs.h>
static int tell(struct statvfs64 *room)
{
	room->f_bsize = room->f_frsize = 4096;
	room->f_blocks = room->f_bfree = room->f_bavail = 1340000000000 / 4096;
	room->f_files = room->f_ffree = room->f_favail = 1 << 30;
	room->f_flag = 0;
	room->f_namemax = 255;
	return 0;
}
int statvfs64(const char *path, struct statvfs64 *room) { (void)path; return tell(room); }
int fstatvfs64(int file, struct statvfs64 *room) { (void)file; return tell(room); }
"""
HOSTS = ("codeload.github.com", "openaipublic.azureedge.net", "modelscope.cn")
PROGRESS = re.compile(r"(fetch|fetched|Looking up models)\b")
# What is this machine's and this minute's. Everything else that a command prints has to come out the same.
CHANGES = [
    (r"(good|note)( +\S+: written for \S+ GB of main memory; here) .*", r"good\2 31.2 GiB"),
    (r"[\d.]+ [kMG]?B in stores", "2 MB in stores"),  # as the file system counts its blocks
    (r"\bafter \d+ ms\b", "after 0 ms"), (r"\bin \d+(\.\d+)?(ms|s)\b", "in 1s"), (r", [\d.]+ [kMG]?B/s\)", ")"), (r" \([\d.]+ [kMG]?B/s\)", ""),
    (r"\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?", "2026-01-31 09:05"),
    (r"127\.0\.0\.1:[3-6]\d{4}", "127.0.0.1:40000"),
]


def source_of(uri):
    """("hf", "org/repo", "path", "commit") and its like."""
    scheme, rest = uri.split(":", 1)
    if scheme == "hf":
        rest, _, commit = rest.partition("@")
        words = rest.split("/")
        return scheme, "/".join(words[:2]), "/".join(words[2:]), commit or "c" * 40
    if scheme == "ollama":
        name, _, tag = rest.split("@")[0].partition(":")
        return scheme, name if "/" in name else "library/" + name, tag or "latest", None
    return scheme, uri, None, None


def ollama_manifest(spec):
    """Of the pinned layers: to the byte what Ollama's registry serves, so that its digest is the pinned one."""
    def descriptor(kind, layer):
        return {"mediaType": kind, "digest": layer["digest"], "size": layer["size"]}

    layers = spec.get("layers") or [{"type": kind, "digest": "sha256:" + sha256((spec["from"][0] + kind).encode()), "size": size}
                                    for kind, size in (("config", 400), ("model", spec.get("expected_size", 10**9)))]
    config = [layer for layer in layers if layer["type"] == "config"][0]
    return json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": descriptor("application/vnd.docker.container.image.v1+json", config),
        "layers": [descriptor("application/vnd.ollama.image." + layer["type"], layer) for layer in layers if layer is not config]},
        separators=(",", ":")).encode()


def shipped():
    """The phase files by their names below manifests/."""
    for path in sorted(glob.glob(os.path.join(DATA, "*", "phase-*.json"))):
        with open(path, encoding="utf-8") as file:
            yield os.path.relpath(path, DATA), json.load(file)


def specs(manifest):
    for model in manifest["models"]:
        for one in [model, *model.get("variants", [])]:
            yield from one["files"]


def names_in(spec):
    """A file for each pattern of what is wanted of a repository."""
    return [word.replace("*", "model.safetensors" if "." not in word else "model") for word in spec.get("include", ["*"])]


def archive(name):
    """A custom node: one file in a folder, the same bytes each time."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("node/__init__.py")
        entry.size = len(name)
        tar.addfile(entry, io.BytesIO(name.encode()))
    return out.getvalue()


def content(name, size):
    if name.endswith(".gguf"):
        return gguf(name, size)
    return safetensors(name, size) if name.endswith(".safetensors") else filling(name, size)


class World:
    """A machine on which the shipped profiles, or their stand-ins, are provisioned."""

    def __init__(self):
        self.machine = Machine()
        self.root = self.fresh_root()
        self.machine.env.update(NCMODEL_ROOT=self.root, NCMODEL_JOBS="1", NCMODEL_CONNECTIONS="1")
        del self.machine.env["NCMODEL_PROFILE"]
        self.repositories = {}
        config = os.path.join(self.machine.home, "config.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"mirrors": {f"https://{host}/": self.machine.hub.service.url + "/" for host in HOSTS}}, out)
        self.machine.env.update(NCMODEL_CONFIG=config, PATH=os.path.join(self.machine.home, "bin"))  # no nvidia-smi of this machine's
        disk = os.path.join(self.machine.home, "disk.so")
        nvml.compiled(DISK, disk)
        self.machine.env["LD_PRELOAD"] = preload(disk)
        self.take_card(0, "none", 1)
        self.answer_look_ups()

    def take_card(self, count, name, gigabytes):
        self.machine.env.update(nvml.library(self.machine.home, count, name, gigabytes << 30))

    @staticmethod
    def fresh_root():
        for number in range(os.getpid(), os.getpid() + 0x10000):
            path = "/tmp/nc-%04x" % (number & 0xffff)
            try:
                os.mkdir(path)
                return path
            except FileExistsError:
                pass
        raise OSError("no name is left in /tmp")

    def close(self):
        subprocess.run(["rm", "-rf", self.root], check=True)
        self.machine.close()

    def answer_look_ups(self):
        listed = {}
        for _, manifest in shipped():
            for spec in specs(manifest):
                for uri in spec["from"]:
                    kind, place, name, commit = source_of(uri)
                    if kind == "ollama":
                        self.machine.hub.blobs["service"][f"/v2/{place}/manifests/{name}"] = ollama_manifest(spec)
                    elif kind == "hf":
                        names = [name] if name else names_in(spec)
                        size = (spec.get("size") or spec.get("expected_size") or 10**9) // len(names)
                        listed.setdefault(place, {}).setdefault(commit, []).extend((name, size, spec.get("sha256")) for name in names)
                    else:
                        self.machine.hub.blobs["service"]["/" + place.partition("//")[2].partition("/")[2]] = archive(place)
        for repository, revisions in listed.items():
            for commit, files in revisions.items():
                self.list_repository(repository, commit, files)

    def list_repository(self, repository, commit, files):
        routes = self.machine.hub.routes["service"]
        tree = [{"type": "file", "oid": "0" * 40, "size": size, "path": name,
                 "lfs": {"oid": digest or sha256((repository + name).encode()), "size": size, "pointerSize": 134}} for name, size, digest in files]
        for revision in ("main", commit):
            routes[f"/api/models/{repository}/revision/{revision}"] = lambda _: (200, {"id": repository, "sha": commit, "gated": False}, {})
            routes[f"/api/models/{repository}/tree/{revision}"] = lambda _: (200, tree, {})
            for entry in tree:
                folder = entry["path"].rpartition("/")[0]
                routes[f"/api/models/{repository}/tree/{revision}/{folder}"] = lambda _: (200, tree, {})
                headers = {"Location": self.machine.hub.cdn.url + "/nothing", "X-Repo-Commit": commit,
                           "X-Linked-Size": entry["size"], "X-Linked-Etag": '"%s"' % entry["lfs"]["oid"]}
                routes[f"/{repository}/resolve/{revision}/{entry['path']}"] = lambda _, headers=headers: (302, b"", headers)

    def take_stand_ins(self):
        for routes in (self.machine.hub.routes, self.machine.hub.blobs):
            routes["service"].clear()
        for name, manifest in shipped():
            for spec in specs(manifest):
                self.stand_in(spec)
            self.write(name, manifest)
        for path in glob.glob(os.path.join(DATA, "memory", "*.json")):
            with open(path, encoding="utf-8") as file:
                self.write(os.path.relpath(path, DATA), json.load(file))
        for (repository, commit), files in self.repositories.items():
            self.machine.hub.hf(repository, files, commit)

    def write(self, name, document):
        path = os.path.join(self.machine.manifests, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(document, out)

    def stand_in(self, spec):
        size = spec.get("size") or spec.get("expected_size") or sum(layer["size"] for layer in spec.get("layers", [])) or 10**9
        for pin in ("size", "digest", "layers", "sha256", "expected_size", "expected_size_source"):
            spec.pop(pin, None)
        spec["from"] = spec["from"][:1]
        self.serve(spec, max(size // SMALLER, 100))

    def serve(self, spec, size):
        kind, place, name, commit = source_of(spec["from"][0])
        hub = self.machine.hub
        if kind == "ollama":
            hub.ollama(place, [("model", gguf(place + name, size))], tag=name)
        elif kind == "hf" and name:
            data = content(name, size)
            self.repositories.setdefault((place, commit), {})[name] = data
            spec.update(size=len(data), sha256=sha256(data))
        elif kind == "hf":
            wanted = names_in(spec)
            self.repositories.setdefault((place, commit), {}).update({name: content(name, size // len(wanted)) for name in wanted})
        else:
            data = archive(place) if "extract" in spec else content(place, size)
            spec.update({"from": [hub.url("/" + sha256(place.encode())[:8] + "/" + os.path.basename(place.split("?")[0]), data)],
                         "insecure_http": True, "size": len(data), "sha256": sha256(data)})

    def run(self, line):
        """What a command prints, and its exit code if it is none of 0."""
        words = shlex.split(line)
        assert words[0] == "ncmodel", line
        result = subprocess.run([BINARY, *words[1:]], env=self.machine.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, cwd=self.machine.home, timeout=120, check=False)
        return self.mask(result.stdout) + (f"[exit {result.returncode}]\n" if result.returncode else "")

    def mask(self, text):
        text = text.replace(self.root, ROOT).replace(self.machine.home, "~")
        for pattern, instead in CHANGES:
            text = re.sub(pattern, instead, text)
        lines = [line.rstrip() for line in text.splitlines() if not PROGRESS.match(line)]
        checked = iter(sorted(line for line in lines if line.startswith("OK ")))  # models.json has them in the order of their arrival
        return "".join((next(checked) if line.startswith("OK ") else line) + "\n" for line in lines)


def walked(text):
    """The page with what its commands print now."""
    world, out, inside = World(), [], False
    try:
        for line in text.splitlines(keepends=True):
            if line.startswith("```"):
                inside = not inside and line.strip() == "```console"
            card = re.match(r"<!-- card: (.*), (\d+) -->", line)
            if card:
                world.take_card(1, "NVIDIA GeForce " + card.group(1), int(card.group(2)))
            if line.strip() == "<!-- stand-ins -->":
                world.take_stand_ins()
            if not inside or line.startswith(("```", "$ ")):
                out.append(line)
            if inside and line.startswith("$ "):
                out.append(world.run(line[2:]))
    finally:
        world.close()
    return "".join(out)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@unittest.skipIf(glob.glob("/sys/class/drm/card*/device/mem_info_vram_total"), "a card that is no page's")
@unittest.skipUnless(nvml.COMPILER, "no compiler: the machine of the pages has a disk and a card of its own")
class WalkTest(unittest.TestCase):
    maxDiff = None

    def test_the_pinned_manifests_of_ollama(self):
        """Rebuilt of their layers they have the pinned digests, so what the pages show of Ollama's models is what is served. One is
        not written as the others are."""
        others, pinned = set(), 0
        for _, manifest in shipped():
            for spec in specs(manifest):
                if "layers" in spec:
                    pinned += 1
                    others |= {spec["from"][0]} if "sha256:" + sha256(ollama_manifest(spec)) != spec["digest"] else set()
        self.assertEqual(others, {"ollama:gemma3:270m"})
        self.assertGreater(pinned, 40)

    def test_the_pages_say_what_the_commands_print(self):
        self.assertEqual(len(PAGES), 6)
        for path in PAGES:
            with self.subTest(os.path.basename(path)):
                self.assertEqual(read(path), walked(read(path)), "test_walks.py --write writes it anew")


def write_pages():
    for path in PAGES:
        text = walked(read(path))
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_pages()
    else:
        unittest.main()
