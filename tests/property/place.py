# SPDX-License-Identifier: MIT
"""One machine for one run: a fresh home below a temporary folder, the binary, and an ordinary user who runs it."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import disk
import places
import world

ORDINARY = 1234  # root reads every folder, so root's runs are an ordinary user's
PATIENCE = 60


class Base:
    """What all runs of a process share: a folder, a copy of the binary and of its data that an ordinary user can read."""

    def __init__(self, binary, source):
        roomy = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="ncmodel-property-", dir=os.environ.get("TMPDIR") or roomy)
        self.binary = shutil.copy(binary, os.path.join(self.folder, "ncmodel"))
        for library in re.findall(r"=> (/\S+)", subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout):
            if not library.startswith(("/lib", "/usr")):
                shutil.copy(library, self.folder)
        self.data = shutil.copytree(os.path.join(source, "manifests"), os.path.join(self.folder, "data"))
        self.top = os.path.join(self.folder, "home")
        self.scratch = os.path.join(self.folder, "scratch")
        os.makedirs(self.scratch)
        os.chmod(self.binary, 0o755)
        os.chmod(self.folder, 0o755)
        if os.geteuid() == 0:
            for folder, _, files in os.walk(self.folder):
                for path in [folder] + [os.path.join(folder, file) for file in files]:
                    os.chown(path, ORDINARY, ORDINARY)
            os.setgroups([])
            os.setgid(ORDINARY)
            os.setuid(ORDINARY)
        self.world = world.World()

    def close(self):
        self.world.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Place:
    def __init__(self, base):
        self.base, self.top, self.world, self.closed = base, base.top, base.world, set()
        shutil.rmtree(self.top, ignore_errors=True)
        for folder in (places.ROOT, places.ELSEWHERE, ".config/ncmodel"):
            os.makedirs(os.path.join(self.top, folder))
        with open(os.path.join(self.top, ".config/ncmodel/config.json"), "w", encoding="utf-8") as out:
            json.dump({"mirrors": {world.HOST: self.world.service.url + "/files/"}}, out)
        self.world.begin()
        url = self.world.service.url
        self.env = {
            "HOME": self.top, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": base.folder,
            "NCMODEL_ROOT": self.path(places.ROOT),
            "XDG_CONFIG_HOME": self.path(".config"), "NCMODEL_DATADIR": base.data, "NCMODEL_PROFILE": "mine",
            "NCMODEL_MANIFEST_DIR": os.path.join(base.scratch, "profiles"), "NCMODEL_RESERVE": "0", "HF_ENDPOINT": url,
            "XDG_STATE_HOME": os.path.join(base.scratch, "state"),  # the log is nobody's model
            "NCMODEL_CIVITAI_ENDPOINT": url, "NCMODEL_OLLAMA_REGISTRY": url, "NO_PROXY": "127.0.0.1",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=0"),
        }
        self.profile([])

    def close(self):
        self.open_all()
        shutil.rmtree(self.top, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def look(self):
        return disk.look(self.top, self.closed)

    # what the user does

    def write(self, path, data):
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.lexists(full):
            os.unlink(full)
        with open(full, "wb") as out:
            out.write(data)

    def overwrite(self, path, data):
        """In place: the same inode, if it may be written."""
        full = self.path(path)
        os.chmod(full, os.stat(full).st_mode | 0o200)
        with open(full, "r+b") as out:
            out.truncate(len(data))
            out.write(data)

    def link(self, path, target):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        os.symlink(target, self.path(path))

    def close_folder(self, folder):
        os.chmod(self.path(folder), 0)
        self.closed.add(folder)

    def open_all(self):
        for folder in sorted(self.closed):
            os.chmod(self.path(folder), 0o755)
        self.closed = set()

    def manifest(self, wants, path=None):
        path = path or os.path.join(self.base.scratch, "wanted.json")
        models = [want.model() for want in wants]
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"schema_version": 1, "profile": "mine", "phase": 1, "priority": "high", "models": models}, out)
        return path

    def profile(self, wants):
        folder = os.path.join(self.env["NCMODEL_MANIFEST_DIR"], "mine")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "phase-1-high.json")
        if wants:
            self.manifest(wants, path)
        else:
            unused = {"id": "unused", "name": "unused", "kind": "llm", "use_cases": ["General"], "files": [
                {"from": ["https://unused.invalid/x.gguf"], "to": [{"store": "llama-cpp"}]}]}
            with open(path, "w", encoding="utf-8") as out:
                json.dump({"schema_version": 1, "profile": "mine", "phase": 1, "priority": "high", "models": [unused]}, out)

    # what the program does

    def run(self, words, kill=None):
        """Runs it; kill: ("request", n) when the n-th request arrives, or ("ms", n). (code, out, err, killed)"""
        self.world.forget()
        process = subprocess.Popen([self.base.binary, *words], env=self.env, cwd=self.top, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.world.counter, self.world.victim = 0, process
        self.world.kill_at = kill[1] if kill and kill[0] == "request" else None
        try:
            out, err = process.communicate(timeout=kill[1] / 1000 if kill and kill[0] == "ms" else PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            if not kill:
                raise
        self.world.kill_at = self.world.victim = None
        return process.returncode, out, err, bool(kill) and process.returncode == -signal.SIGKILL
