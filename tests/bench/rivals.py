# SPDX-License-Identifier: MIT
"""The commands that others would type for the same work, and which of them this machine has."""
import os
import shlex
import shutil
import subprocess

PROGRAMS = {"curl": ["--version"], "wget": ["--version"], "aria2c": ["--version"], "axel": ["--version"], "openssl": ["version"],
            "sha256sum": ["--version"], "dd": ["--version"], "strace": ["--version"], "jq": ["--version"],
            "nginx": ["-v"]}


def missing(*names):
    """Why a competitor cannot run, or None."""
    absent = [name for name in names if not shutil.which(name)]
    return "no %s here" % ", ".join(absent) if absent else None


def versions():
    found = {}
    for name, ask in PROGRAMS.items():
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if path:
            told = subprocess.run([path, *ask], capture_output=True, text=True)
            found[name] = (told.stdout + told.stderr).splitlines()[0].strip()
    return found


def curl(url, out, ca=None):
    return ["curl", "-q", "-sSf", *(["--cacert", ca] if ca else []), "-o", out, url]


def wget(url, out, ca=None):
    return ["wget", "--no-config", "-nv", *(["--ca-certificate", ca] if ca else []), "-O", out, url]


def axel(url, out, ca=None, connections=16):
    # it knows no option for a certificate authority
    return ["axel", "-q", "-n", str(connections), *(["-k"] if ca else []), "-o", out, url]


def aria2(url, out, size, ca=None, sha256=None):
    """-x16 -s16. Files that are too small for 16 of its 20 MiB parts get smaller ones, so that it may open 16 connections."""
    part = max(1, min(20, size >> 25))
    return ["aria2c", "--no-conf", "-q", "-x16", "-s16", "-k%dM" % part, *(["--ca-certificate=" + ca] if ca else []),
            *(["--checksum=sha-256=" + sha256] if sha256 else []), "-d", os.path.dirname(out), "-o", os.path.basename(out), url]


def sha256sum(path, sha256):
    return "echo %s | sha256sum -c --status" % shlex.quote("%s  %s" % (sha256, path))


def openssl(path):
    return "openssl dgst -sha256 %s" % shlex.quote(path)


def then(command, check):
    """First the one, then the other, as a shell does it."""
    return ["sh", "-c", "%s && %s" % (shlex.join(command), check)]
