# SPDX-License-Identifier: MIT
"""The real oras, built once into the test cache from its public Go module."""
import fcntl
import os
import shutil
import subprocess

from ollama_peer import cache

MODULE = "oras.land/oras/cmd/oras@v1.3.6"


def build(home):
    """Why it cannot be had; None: it is there."""
    go = shutil.which("go")
    if not go:
        return "there is no Go"
    unfinished = home + ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    built = subprocess.run([go, "install", "-p", "1", MODULE], env=os.environ | {"GOBIN": unfinished, "GOFLAGS": ""}, stdin=subprocess.DEVNULL,
                           capture_output=True, text=True)
    if built.returncode:
        return built.stderr.strip()[-300:]
    os.rename(unfinished, home)
    return None


def prepare():
    """The program, or None with a word why."""
    home = os.path.join(cache(), "oras-" + MODULE.rpartition("@")[2])
    binary = os.path.join(home, "oras")
    os.makedirs(cache(), exist_ok=True)
    with open(os.path.join(cache(), "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs build it once
        if not os.path.exists(binary):
            why = build(home)
            if why:
                return None, why
    return binary, None
