#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The real huggingface_hub, to make a cache and to ask whether it accepts one.

  hf_peer.py build                  puts huggingface_hub into a virtual environment in the cache; prints the path of `hf`
  hf_peer.py check CACHE            asks scan_cache_dir() and `hf cache ls` for what they make of a cache
  hf_peer.py selftest [--no-build]  proves against a local hub that `check` and `hf cache verify` pass and fail as they should

Exit: 0 accepted, 1 not accepted, 77 skipped (no network to fetch the package, no nginx).
Cache: $NCMODEL_TEST_CACHE, default ${XDG_CACHE_HOME:-~/.cache}/ncmodel-test. $NCMODEL_TEST_HF_VERSION names another version.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "servers")]
from peer import SKIP, Rejected, Skip, cache, locked, say  # noqa: E402

VERSION = os.environ.get("NCMODEL_TEST_HF_VERSION", "2.4.0")

# Runs `hf`, one command a line, each in a fork: the package is loaded once. What lies in Xet storage is put where huggingface_hub
# puts it, in the blobs that all repositories of the cache share, but comes by HTTP: a local hub does not speak Xet's own protocol.
# One thread at a time makes that folder: two of 2.4.0's take each other's half-made marker for a foreign file and share nothing.
RUNNER = """
import json, os, sys, threading
import huggingface_hub.cli.cache, huggingface_hub.cli.download
import huggingface_hub.file_download as download
import huggingface_hub.utils._shared_blobs as shared
from huggingface_hub import scan_cache_dir
from huggingface_hub.cli.hf import main

real = download._download_to_tmp_and_move
download._download_to_tmp_and_move = lambda **named: real(**{**named, "xet_file_data": None})
ensure, alone = shared._ensure_shared_blobs_dir, threading.Lock()

def ensure_alone(cache):
    with alone:
        return ensure(cache)

shared._ensure_shared_blobs_dir = ensure_alone

def scan(cache):
    seen = scan_cache_dir(cache)
    json.dump({
        "warnings": [str(w) for w in seen.warnings],
        "incomplete": sorted(str(f.file_path) for f in seen.incomplete_files),
        "repos": {r.repo_id: {v.commit_hash: {
            "refs": sorted(v.refs),
            "files": {str(f.file_path.relative_to(v.snapshot_path)): f.size_on_disk for f in v.files},
        } for v in r.revisions} for r in seen.repos},
    }, sys.stdout)

answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    command, output = json.loads(line)
    child = os.fork()
    if child == 0:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.argv = ["hf", *command]
        scan(command[1]) if command[0] == "scan" else main()
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
"""


def home():
    return os.path.join(cache(), "hf-venv")


def find():
    """The folder of its programs, or None."""
    python = os.path.join(home(), "bin", "python")
    asked = [python, "-c", "import huggingface_hub, hf_xet; print(huggingface_hub.__version__)"]
    if not os.access(python, os.X_OK) or subprocess.run(asked, capture_output=True, text=True).stdout.strip() != VERSION:
        return None
    return os.path.dirname(python)


def build():
    with locked("hf-lock"):
        if not find():
            say("fetching huggingface_hub %s" % VERSION)
            for command in ([sys.executable, "-m", "venv", "--clear", home()],
                            [os.path.join(home(), "bin", "pip"), "install", "-q", "--retries", "1", "--timeout", "10",
                             "huggingface_hub==" + VERSION]):
                made = subprocess.run(command, capture_output=True, text=True)
                if made.returncode:
                    raise Skip("cannot make a virtual environment with huggingface_hub: " + (made.stdout + made.stderr).strip()[-300:])
    if not find():
        raise Rejected("huggingface_hub %s does not start" % VERSION)
    return find()


class Client:
    """`hf` with a cache of its own. `endpoint`: the hub that it asks; None: none, it is offline."""

    def __init__(self, programs, folder, endpoint=None, xet=False):
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        self.environment |= {"HF_HOME": os.path.dirname(folder), "HF_HUB_CACHE": folder, "NO_PROXY": "127.0.0.1,localhost",
                             "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                             "HF_HUB_OFFLINE": "0" if endpoint else "1", "HF_HUB_DISABLE_XET": "0" if xet else "1",
                             "NO_COLOR": "1", **({"HF_ENDPOINT": endpoint} if endpoint else {})}
        self.output = tempfile.NamedTemporaryFile(mode="r", prefix="hf-output-")
        self.runner = subprocess.Popen([os.path.join(programs, "python"), "-c", RUNNER], env=self.environment, text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.runner.stdin.close()
        self.runner.wait(30)
        self.runner.stdout.close()
        self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def hf(self, *arguments):
        """Runs `hf ARGUMENT...`, as a user does, and returns what it prints."""
        print(json.dumps([arguments, self.output.name]), file=self.runner.stdin, flush=True)
        code = self.runner.stdout.readline().strip()
        self.output.seek(0)
        printed = self.output.read()
        if code != "0":
            raise Rejected("hf %s: %s" % (" ".join(arguments), printed.strip()[-2000:] or "it does not start"))
        return printed

    def download(self, repository, *files, revision=None):
        """Returns the snapshot's folder (of one file: its path)."""
        return self.hf("download", repository, *files, *(["--revision", revision] if revision else []), "--format", "quiet").strip()

    def scan(self):
        return json.loads(self.hf("scan", self.folder))

    def listed(self):
        """What `hf cache ls` lists: "model/NAME"."""
        return sorted(entry["id"] for entry in json.loads(self.hf("cache", "ls", "--json", "--cache-dir", self.folder)))

    def verify(self, repository, revision):
        """`hf cache verify` compares every file with what the hub tells of it."""
        return self.hf("cache", "verify", repository, "--revision", revision, "--cache-dir", self.folder, "--fail-on-missing-files",
                       "--fail-on-extra-files")

    def accepts(self):
        """Raises Rejected if huggingface_hub finds anything wrong. Returns what it saw in the cache."""
        seen = self.scan()
        if seen["warnings"]:
            raise Rejected("scan_cache_dir() warns: " + "; ".join(seen["warnings"]))
        listed, wanted = self.listed(), sorted("model/" + name for name in seen["repos"])
        if listed != wanted:
            raise Rejected("`hf cache ls` lists %s, not %s" % (listed, wanted))
        return seen["repos"]


# -- proof of the check itself -------------------------------------------------------------------------------------------
def selftest(programs):
    import loopback
    base = tempfile.mkdtemp(prefix="hf-cache-")

    def refused(what, ask):
        try:
            ask()
        except Rejected as reason:
            print("refused as it should be, %s: %s" % (what, str(reason).splitlines()[0][:160]))
        else:
            raise Rejected("the check passes a cache with " + what)

    try:
        with loopback.Loopback(os.path.join(base, "servers")) as servers, \
                Client(programs, os.path.join(base, "home", "hub"), servers.environment()["HF_ENDPOINT"]) as client:
            repository = "demo/tiny-history"
            for revision in ("main", "v1.0"):
                client.download(repository, revision=revision)
                client.verify(repository, revision)
            print("accepted %s" % client.accepts())
            snapshot = os.path.realpath(client.download(repository))
            blob = os.path.realpath(os.path.join(snapshot, "tiny-chat-f16.gguf"))
            with open(blob, "r+b") as file:
                file.seek(5000)
                byte = file.read(1)
                file.seek(5000)
                file.write(bytes([byte[0] ^ 1]))
            refused("one byte changed", lambda: client.verify(repository, "main"))
            client.verify(repository, "v1.0")
            os.unlink(blob)
            refused("a blob missing", client.accepts)
            os.unlink(os.path.join(snapshot, "tiny-chat-f16.gguf"))
            client.accepts()
            refused("a link missing", lambda: client.verify(repository, "main"))
            os.mkdir(os.path.join(client.folder, ".stranger"))
            refused("a strange folder", client.accepts)
            os.rmdir(os.path.join(client.folder, ".stranger"))
            shutil.rmtree(snapshot)
            refused("a ref without its snapshot", client.accepts)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Asks the real huggingface_hub whether it accepts a cache")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build")
    for command in ("check", "selftest"):
        sub = commands.add_parser(command)
        sub.add_argument("--no-build", action="store_true", help="skip (77) when huggingface_hub is not there yet")
        if command == "check":
            sub.add_argument("cache")
    options = parser.parse_args()
    try:
        if getattr(options, "no_build", False) and not find():
            raise Skip("huggingface_hub is not there; `hf_peer.py build` fetches it")
        programs = build()
        if options.command == "build":
            print(os.path.join(programs, "hf"))
        elif options.command == "check":
            with Client(programs, os.path.abspath(options.cache)) as client:
                print("accepted %s" % client.accepts())
        else:
            selftest(programs)
    except Skip as reason:
        print("SKIP: %s" % reason)
        return SKIP
    except Rejected as reason:
        print("NOT ACCEPTED: %s" % reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
