"""A machine for one test: a fresh root, a fresh home, the real binary, and an oracle that looks at what is on disk.

The oracle shares no code with the program: it reads models.json and the stores with Python alone.
"""
import atexit
import fcntl
import hashlib
import json
import os
import pty
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import schemas
from hub import Hub, sha256

SOURCE = os.environ.get("NCM_TEST_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("NCMODEL") or os.path.join(SOURCE, "build-plain", "cmd", "ncmodel")
DATA = os.path.join(SOURCE, "manifests")
sys.path.insert(0, os.path.join(SOURCE, "tests", "data"))
# Whoever runs the tests in the background or under nohup hands on ignored signals, which the program respects.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
TOKENS = {"HF_TOKEN": "hf_canaryCanaryCanary0001", "CIVITAI_TOKEN": "civ0canary0canary0canary00000002"}


def is_open(path):
    """Whether everybody may get there."""
    return path == "/" or (os.stat(path).st_mode & stat.S_IXOTH and is_open(os.path.dirname(path)))


# Root's tests run the program as somebody else, too. A checkout below /root is closed to them; a copy is not.
if os.geteuid() == 0 and os.path.exists(BINARY) and not is_open(os.path.abspath(BINARY)):
    folder = tempfile.mkdtemp(prefix="ncmodel-program-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    BINARY = shutil.copy(BINARY, folder)
    DATA = shutil.copytree(DATA, os.path.join(folder, "manifests"))


def gguf(seed, size):
    """The smallest thing that is a GGUF file: magic, version 3, no tensors, no metadata, then filling."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
    return head + filling(seed, size - len(head))


def safetensors(seed, size):
    header = json.dumps({"t": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + filling(seed, size)


def filling(seed, size):
    size = max(size, 0)
    block = b"".join(hashlib.sha256(f"{seed}/{i}".encode()).digest() for i in range(min(size // 32 + 1, 4096)))
    return (block * (size // len(block) + 1))[:size]


def sanitizers():
    """The libraries of those that the program was built with."""
    listed = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=False).stdout
    return [line.split("=>")[1].split()[0] for line in listed.splitlines() if "libasan" in line or "libtsan" in line]


def preload(module):
    """A sanitizer's library has to be the first."""
    return " ".join(sanitizers() + [module])


class Machine:
    def __init__(self, address="127.0.0.1"):
        self.home = tempfile.mkdtemp(prefix="ncmodel-test-")
        self.root = os.path.join(self.home, "root")
        self.manifests = os.path.join(self.home, "manifests")
        os.makedirs(self.root)
        self.hub = Hub(address)
        self.env = {
            "HOME": self.home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "NCMODEL_ROOT": self.root,
            "XDG_CONFIG_HOME": os.path.join(self.home, ".config"),
            "NCMODEL_DATADIR": DATA, "NCMODEL_PROFILE": "test",
            "NCMODEL_MANIFEST_DIR": self.manifests, "NCMODEL_RESERVE": "0", "HF_ENDPOINT": self.hub.service.url,
            "NCMODEL_CIVITAI_ENDPOINT": self.hub.service.url, "NCMODEL_OLLAMA_REGISTRY": self.hub.service.url,
            "NCMODEL_COMFY_ENDPOINT": self.hub.service.url, "NO_PROXY": "127.0.0.1",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.manifest([])

    def close(self):
        self.hub.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def store(self, *parts):
        return os.path.join(self.root, "server/ai/llama-cpp/models", *parts)

    def manifest(self, models, phase=1, profile="test", **more):
        """Writes one phase of a profile. Short entries are filled up; `more`: further members of the document."""
        folder = os.path.join(self.manifests, profile)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"phase-{phase}-{['', 'high', 'medium', 'low'][phase]}.json")
        if not models:
            models = [{"id": "unused", "files": [{"from": ["https://unused.invalid/x.gguf"],
                                                  "to": [{"store": "llama-cpp"}]}]}]
        full = [{"name": m["id"], "kind": "llm", "use_cases": ["General"], **m} for m in models]
        with open(path, "w") as out:
            json.dump({"schema_version": 1, "profile": profile, "phase": phase,
                       "priority": ["", "high", "medium", "low"][phase], "models": full, **more}, out, indent=2)
        return path

    def simple(self, name, data, pinned=True, **extra):
        """A model of one plain URL."""
        url = self.hub.url(f"/files/{name}", data)
        spec = {"from": [url], "insecure_http": True, "to": [{"store": "llama-cpp", "name": name}],
                **({"sha256": sha256(data), "size": len(data)} if pinned else {}), **extra}
        return {"id": name.split(".")[0], "files": [spec]}

    def start(self, *arguments, env=None, **options):
        return subprocess.Popen([BINARY, *arguments], env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.home, **options)

    def run(self, *arguments, env=None, timeout=120):
        process = self.start(*arguments, env=env)
        try:
            process.out, process.err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            raise
        if "Sanitizer" in process.err or "runtime error:" in process.err:
            raise AssertionError(process.err)
        if schemas.AVAILABLE and process.returncode >= 0:
            schemas.check_run(list(arguments), process.out, process.err)
        return process

    # the oracle

    def registry(self):
        with open(self.store("models.json")) as file:
            return json.load(file)

    def snapshot(self):
        """Every file below the root but our own locks and staging, with its digest."""
        found = {}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if f != ".ncmodel"]
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, self.root)] = sha256(file.read())
        return found

    def registered_path(self, path):
        return path if os.path.isabs(path) else os.path.join(os.path.dirname(self.store()), path)


class Case(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()
        self.hub = self.machine.hub
        self.addCleanup(self.machine.close)

    def pull(self, *arguments, code=0, env=None):
        result = self.machine.run("pull", "-y", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def on_terminal(self, arguments, env, question=b"[y/N]", answer=None, columns=None):
        """Runs on a terminal and answers its question; returns what it wrote and its exit code."""
        pid, fd = pty.fork()
        if pid == 0:
            if columns:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(BINARY, [BINARY, *arguments], {**self.machine.env, **env})
        out, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
            if answer is not None and question in out:
                os.write(fd, answer)
                answer = None
        os.close(fd)
        return out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def answer(self, text, *arguments):
        return self.on_terminal(arguments, {"TERM": "dumb"}, answer=text)

    def run_with_mounts(self, script, *arguments):
        """ncmodel with mounts of its own, which the script makes first. A test that cannot have them here is skipped."""
        result = subprocess.run(["unshare", "-m", "sh", "-c", script + ' && exec "$@"', "sh", BINARY, *arguments],
                                env=self.machine.env, capture_output=True, text=True)
        if result.stderr.startswith(("unshare:", "mount:")):
            self.skipTest("no mounts of one's own here: " + result.stderr)
        return result

    def write(self, path, data=b"content"):
        """In its folder, made if needed; a relative path is below the root."""
        path = os.path.join(self.machine.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def files(self):
        """Path → SHA-256 of what is in the stores, but for models.json and the lock."""
        return {path: digest for path, digest in self.machine.snapshot().items() if not path.endswith(("models.json", ".lock"))}

    def entries(self):
        return {model["id"]: model for model in self.machine.registry()["models"]}

    def check_registry(self):
        """models.json keeps its readers' contract, and every entry is true."""
        import selector_check
        with open(self.machine.store("models.json"), encoding="utf-8") as file:
            self.assertEqual(list(selector_check.check(file.read())), [])
        for model in self.machine.registry()["models"]:
            for file in model["files"]:
                with open(self.machine.registered_path(file["path"]), "rb") as content:
                    data = content.read()
                self.assertEqual(len(data), file["size"], file["path"])
                self.assertEqual(sha256(data), file["sha256"], file["path"])
