# SPDX-License-Identifier: MIT
"""Kubernetes' own types (k8s.io/api), as a program that reads files by them: tests/kubernetes, built once into the test cache."""
import hashlib
import os
import shutil
import subprocess
import tempfile

from peer import Rejected, Skip, cache, locked

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubernetes")


def _path():
    total = hashlib.sha256()
    for name in sorted(os.listdir(SOURCES)):
        with open(os.path.join(SOURCES, name), "rb") as file:
            total.update(file.read())
    return os.path.join(cache(), "kubernetes-reader-" + total.hexdigest()[:12])


def _build(path):
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if not go:
        raise Skip("no Go here")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="build-") as folder:
        shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
        got = subprocess.run([go, "mod", "download"], cwd=folder, capture_output=True, text=True, check=False)
        if got.returncode:
            raise Skip("cannot fetch k8s.io/api: " + got.stderr.strip()[-300:])
        made = subprocess.run(["nice", go, "build", "-p", "1", "-o", "reader", "."], cwd=folder, env={**os.environ, "GOFLAGS": ""},
                              capture_output=True, text=True, check=False)
        if made.returncode:
            raise Rejected("the reader of Kubernetes' files does not build:\n" + made.stderr[-4000:])
        os.rename(os.path.join(folder, "reader"), path)


def prepare():
    """The program, or Skip. It takes files, prints a line of kind and name for each object, and ends with 1 if one is refused."""
    path = _path()
    with locked():
        if not os.access(path, os.X_OK):
            _build(path)
    return path
