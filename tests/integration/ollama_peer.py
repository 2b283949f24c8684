#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Asks a real Ollama server whether it accepts a model store.

  ollama_peer.py build                         builds Ollama into the cache (minutes, once); prints its path
  ollama_peer.py check STORE [--model NAME [--size N] [--digest HEX] [--family F] [--quantization Q] [--parameters P]]
                       [--generate] [--prune] [--no-build]
                                               starts `ollama serve` on STORE and asks /api/tags and /api/show
  ollama_peer.py selftest [--no-build]         proves on a store made by hand that `check` passes and fails as it should

Without --model every model that Ollama lists is shown, and at least one must be there. --generate lets it load the model and
produce a few tokens. --prune leaves on what Ollama does at start: deleting blobs that no manifest names.
Exit: 0 accepted, 1 not accepted, 77 skipped (no Go, no compiler, no way to fetch the sources).
Cache: $NCMODEL_TEST_CACHE, default ${XDG_CACHE_HOME:-~/.cache}/ncmodel-test. $NCMODEL_TEST_OLLAMA names another binary.
"""
import argparse
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
from peer import SKIP, GoProgram, Rejected, Skip, die_with_parent, download, end, free_port  # noqa: E402

PROGRAM = GoProgram("ollama", "github.com/ollama/ollama", os.environ.get("NCMODEL_TEST_OLLAMA_VERSION", "v0.17.4"))
AUDIO = "github.com/gen2brain/malgo@v0.11.24"


# -- the binary ----------------------------------------------------------------------------------------------------------
def headers(go, folder):
    """Headers that Ollama keeps in a folder named vendor, which Go leaves out of module archives: from Debian and a Go module."""
    include = os.path.join(folder, "include")
    os.makedirs(os.path.join(include, "miniaudio"), exist_ok=True)
    shutil.copy(os.path.join(download(go, AUDIO, folder), "miniaudio.h"), os.path.join(include, "miniaudio", "miniaudio.h"))
    for package, name in (("nlohmann-json3-dev", "nlohmann"), ("libstb-dev", "stb")):
        if os.path.isdir("/usr/include/" + name):
            continue
        # unpacked, not installed: this needs no root
        if not shutil.which("apt-get") or subprocess.run(["apt-get", "-qq", "download", package], cwd=folder,
                                                         stderr=subprocess.DEVNULL).returncode:
            raise Skip("headers of %s are missing" % package)
        for archive in glob.glob(os.path.join(folder, package + "_*.deb")):
            subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        if not os.path.isdir(os.path.join(include, name)):
            shutil.move(os.path.join(folder, "usr", "include", name), os.path.join(include, name))
    return include


find = PROGRAM.find


def build():
    if find():
        return find()
    if not shutil.which("g++") and not shutil.which("clang++"):
        raise Skip("no C++ compiler here")
    return PROGRAM.build(lambda go, folder: {"CGO_ENABLED": "1", "CGO_CPPFLAGS": "-I" + headers(go, folder)})


# -- the server ----------------------------------------------------------------------------------------------------------
class Peer:
    def __init__(self, binary, store, prune, user=None):
        self.binary = binary
        self.user = {"user": user, "group": user, "extra_groups": []} if user else {}
        self.home = tempfile.mkdtemp(prefix="ollama-peer-")  # its keys and history stay out of the user's home
        port = free_port()
        self.url = "http://127.0.0.1:%d" % port
        self.environment = dict(os.environ, HOME=self.home, OLLAMA_HOST="127.0.0.1:%d" % port, OLLAMA_MODELS=os.path.abspath(store),
                                OLLAMA_NO_CLOUD="1", OLLAMA_CONTEXT_LENGTH="256", OLLAMA_LLM_LIBRARY="cpu")
        if not prune:
            self.environment["OLLAMA_NOPRUNE"] = "1"
        if user:
            os.chown(self.home, user, user)
        self.log = open(os.path.join(self.home, "log"), "wb")
        self.process = subprocess.Popen([binary, "serve"], env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent, **self.user)

    def __enter__(self):
        for _ in range(300):
            if self.process.poll() is not None:
                raise Rejected("ollama serve ended:\n" + self.tail())
            try:
                self.ask("/api/version")
                return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise Rejected("ollama serve does not answer:\n" + self.tail())

    def __exit__(self, *unused):
        end(self.process)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def tail(self):
        with open(os.path.join(self.home, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def ask(self, path, body=None, timeout=120):
        data = json.dumps(body).encode() if body is not None else None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.url + path, data), timeout=timeout) as answer:
            return json.loads(answer.read())

    def command(self, *arguments):
        """Runs `ollama ARGUMENT...` against the server, as a user does."""
        done = subprocess.run([self.binary, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, cwd=self.home, **self.user)
        if done.returncode:
            raise Rejected("ollama %s: %s\n%s" % (" ".join(arguments), done.stderr.strip(), self.tail()))
        return done.stdout

    def create(self, name, *lines):
        """`ollama create` from a Modelfile with these lines."""
        modelfile = os.path.join(self.home, "Modelfile")
        with open(modelfile, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        os.chmod(modelfile, 0o644)
        self.command("create", name, "-f", modelfile)

    def listed(self):
        """What it lists, by name."""
        return {m["name"]: m for m in self.ask("/api/tags")["models"]}

    def show(self, name):
        try:
            return self.ask("/api/show", {"model": name})
        except urllib.error.HTTPError as error:
            raise Rejected("Ollama cannot show %s: %s" % (name, error.read().decode(errors="replace"))) from None

    def generate(self, name):
        """Loads the model and has it produce a few tokens."""
        try:
            told = self.ask("/api/generate", {"model": name, "prompt": "a", "raw": True, "stream": False,
                                              "options": {"num_predict": 4, "seed": 1}})
        except urllib.error.HTTPError as error:
            raise Rejected("Ollama cannot run %s: %s\n%s" % (name, error.read().decode(errors="replace"), self.tail())) from None
        if not told.get("eval_count"):
            raise Rejected("Ollama produced nothing with %s" % name)


def expect(what, got, wanted):
    if wanted is not None and str(got) != str(wanted):
        raise Rejected("%s is %s, not %s" % (what, got, wanted))


def check(binary, store, model=None, size=None, digest=None, family=None, quantization=None, parameters=None, generate=False, prune=False):
    """Raises Rejected unless the server lists and opens the model. Returns lines that say what it saw."""
    seen = []
    with Peer(binary, store, prune) as peer:
        listed = peer.listed()
        wanted = [model if ":" in model else model + ":latest"] if model else sorted(listed)
        if not wanted:
            raise Rejected("Ollama lists no model")
        for name in wanted:
            if name not in listed:
                raise Rejected("Ollama does not list %s, only %s" % (name, ", ".join(sorted(listed)) or "nothing"))
            entry, details = listed[name], listed[name]["details"]
            expect("size", entry["size"], size)
            expect("digest", entry["digest"], digest.removeprefix("sha256:") if digest else None)
            expect("family", details["family"], family)
            expect("quantization", details["quantization_level"], quantization)
            expect("parameter size", details["parameter_size"], parameters)
            shown = peer.show(name)
            expect("family in /api/show", shown["details"]["family"], family)
            # what it read out of the model file itself
            expect("general.architecture", shown["model_info"].get("general.architecture"), details["family"])
            if not shown.get("tensors"):
                raise Rejected("Ollama sees no tensors in %s" % name)
            line = "%s %s %d bytes %s %s %s, %d tensors" % (name, entry["digest"][:12], entry["size"], details["family"],
                                                          details["parameter_size"], details["quantization_level"], len(shown["tensors"]))
            if generate:
                peer.generate(name)
                line += ", ran"
            seen.append(line)
    return seen


# -- proof of the check itself -------------------------------------------------------------------------------------------
def selftest(binary):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures"))
    import make_models
    images = make_models.make_images(7, 1 << 20)
    base = tempfile.mkdtemp(prefix="ollama-store-")

    def store(name):
        folder = os.path.join(base, name)
        for image in images:
            image.write_store(folder)
        return folder

    def refused(what, folder, **wanted):
        try:
            check(binary, folder, **wanted)
        except Rejected as reason:
            print("refused as it should be, %s: %s" % (what, str(reason).splitlines()[0]))
        else:
            raise Rejected("the check passes a store with " + what)

    try:
        good = store("good")
        for image in images:
            short = "%s:%s" % (image.name.removeprefix("library/"), image.tag)
            for line in check(binary, good, short, image.size(), image.digest, "llama", image.model.quantization,
                              image.model.size_label(), generate=True, prune=True):
                print("accepted " + line)
        first = images[0]
        digests = list(first.blobs)  # model, template, license, params, config

        def blob(folder, digest):
            return os.path.join(folder, "blobs", digest.replace(":", "-"))

        refused("another size", good, model="tiny-chat", size=1)
        refused("another digest", good, model="tiny-chat", digest="0" * 64)
        refused("no such model", good, model="absent")
        folder = store("no-model")
        os.unlink(blob(folder, digests[0]))
        refused("the model blob missing", folder, model="tiny-chat")
        folder = store("no-config")
        os.unlink(blob(folder, digests[-1]))
        refused("the config blob missing", folder, model="tiny-chat")
        folder = store("short")
        os.truncate(blob(folder, digests[0]), 2000)
        refused("a model blob cut short", folder, model="tiny-chat")
        folder = store("html")
        with open(blob(folder, digests[0]), "wb") as out:
            out.write(b"<html>sign in</html>".ljust(len(first.blobs[digests[0]])))
        refused("a page in place of the model", folder, model="tiny-chat")
        folder = store("manifest")
        with open(os.path.join(folder, "manifests/registry.ollama.ai/library/tiny-chat/latest"), "wb") as out:
            out.write(first.manifest[:100])
        refused("half a manifest", folder, model="tiny-chat")
        refused("an empty store", os.path.join(base, "empty"))
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Asks a real Ollama server whether it accepts a model store")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build")
    for command in ("check", "selftest"):
        sub = commands.add_parser(command)
        sub.add_argument("--no-build", action="store_true", help="skip (77) when Ollama is not built yet")
        if command == "check":
            sub.add_argument("store")
            for name in ("model", "digest", "family", "quantization", "parameters"):
                sub.add_argument("--" + name)
            sub.add_argument("--size", type=int)
            sub.add_argument("--generate", action="store_true")
            sub.add_argument("--prune", action="store_true")
    options = vars(parser.parse_args())
    command = options.pop("command")
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # so that what was started is stopped
    try:
        if options.pop("no_build", False) and not find():
            raise Skip("Ollama is not built; `ollama_peer.py build` does it")
        binary = build()
        if command == "build":
            print(binary)
        elif command == "check":
            for line in check(binary, **options):
                print("accepted " + line)
        else:
            selftest(binary)
    except Skip as reason:
        print("SKIP: %s" % reason)
        return SKIP
    except Rejected as reason:
        print("NOT ACCEPTED: %s" % reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
