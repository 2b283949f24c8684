#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts real servers on 127.0.0.1 that speak as the model services do: nginx and docker-registry over generated models.

  loopback.py start STATE [--lifetime SECONDS] [--size BYTES] [--seed N] [--hostile]   in the background; ends with the caller
  loopback.py stop STATE
  loopback.py serve STATE [...]                                                        in the foreground

STATE/env then holds shell lines: the endpoints that ncmodel reads (HF_ENDPOINT, NCMODEL_CIVITAI_ENDPOINT, NCMODEL_OLLAMA_REGISTRY,
HF_TOKEN, CIVITAI_TOKEN, SSL_CERT_FILE) and LOOPBACK_* for the rest (see environment()). STATE/requests.jsonl logs what nginx was
asked. Everything listens on free ports and stops with the process that started it, whatever way that ends.
In Python: `with Loopback(folder) as servers: servers.environment()`.
"""
import argparse
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "fixtures")]
import civitai_site  # noqa: E402
import huggingface_site  # noqa: E402
import make_models  # noqa: E402
import nginx_text  # noqa: E402
import registry_site  # noqa: E402

SITES = ("hub", "cdn", "civitai", "storage", "plain", "front")


class Failed(Exception):
    pass


def program(name):
    """Servers live in sbin, which users may not have in their path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if not found:
        raise Failed("%s is not installed; scripts/setup does it" % name)
    return found


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:  # all held until all are known, so that they differ
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: even a killed parent leaves nothing behind


class Loopback:
    """Use it from a thread that outlives it: the servers end when the thread that started them does."""

    def __init__(self, state, seed=1, size=1 << 20, hostile=False):
        self.state = os.path.abspath(state)
        self.seed, self.size, self.hostile = seed, size, hostile
        self.children = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    def _path(self, *parts):
        return os.path.join(self.state, *parts)

    def start(self):
        for old in ("www", "registry", "fixtures"):  # of an earlier run in this folder
            shutil.rmtree(self._path(old), ignore_errors=True)
        if os.path.exists(self._path("requests.jsonl")):
            os.unlink(self._path("requests.jsonl"))
        for folder in ("www/plain", "tmp", "registry"):
            os.makedirs(self._path(folder), exist_ok=True)
        # names and tokens in there are for tests alone, but the key is a key
        os.chmod(self.state, 0o700)
        self.files, self.images = make_models.generate(self._path("fixtures"), self.seed, self.size, self.hostile)
        self._certificates()
        for attempt in range(5):
            try:
                self._start_servers()
                break
            except Failed:
                self.stop()
                if attempt == 4:
                    raise
        for image in self.images:
            registry_site.push(self.registry, image)
        return self

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children = []

    def alive(self):
        return all(child.poll() is None for child in self.children)

    # -- pieces
    def _certificates(self):
        """An authority of this run, and a certificate for 127.0.0.1, localhost and registry.localhost."""
        if os.path.exists(self._path("server.pem")):
            return

        def openssl(*arguments):
            done = subprocess.run([program("openssl"), *arguments], capture_output=True, text=True, cwd=self.state)
            if done.returncode:
                raise Failed("openssl: " + done.stderr)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ncmodel test authority",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", "-new", *key[:-2], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
        with open(self._path("server.ext"), "w", encoding="utf-8") as out:
            out.write("subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.localhost\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "7",
                "-extfile", "server.ext", "-out", "server.pem")
        for name in ("ca.key", "server.csr", "server.ext", "ca.srl"):
            if os.path.exists(self._path(name)):
                os.unlink(self._path(name))

    def _plain(self):
        """Plain addresses: files with Range and ETag, a slow copy, and a code host that redirects to another origin."""
        for path, data in self.files.items():
            if path.split("/")[0] in ("plain", "archive", "hostile", "gguf", "safetensors", "pickle"):
                make_models.write(self._path("www/plain/files", path.split("/")[-1]), data)
        if not os.path.lexists(self._path("www/plain/slow")):
            os.symlink("files", self._path("www/plain/slow"))
        make_models.write(self._path("www/cdn/codeload/demo/demo-node/tar.gz/refs/tags/v1.0"), self.files["archive/demo-node-1.0.tar.gz"])
        kind = ["types { application/gzip gz; application/zip zip; }", "default_type application/octet-stream;",
                "root %s;" % nginx_text.quoted(self._path("www/plain"))]
        return nginx_text.server(
            self.ports["plain"], self.certificate,
            "    set $code http://127.0.0.1:%d;\n    if ($scheme = https) { set $code https://127.0.0.1:%d; }\n" % self.ports["cdn"],
            nginx_text.location("/files/", *kind, exact=False),
            nginx_text.location("/slow/", "limit_rate 200k;", *kind, exact=False),
            nginx_text.location("~ ^/github/(.+)/archive/refs/tags/(.+)\\.tar\\.gz$", 'return 302 "$code/codeload/$1/tar.gz/refs/tags/$2";', exact=False),
            nginx_text.location("/", "return 404;", exact=False))

    def _start_servers(self):
        numbers = free_ports(2 * len(SITES) + 1)
        self.ports = {name: (numbers[2 * i], numbers[2 * i + 1]) for i, name in enumerate(SITES)}
        self.registry = numbers[-1]
        self.certificate = (self._path("server.pem"), self._path("server.key"))
        www = self._path("www")
        hub = huggingface_site.Site(www, huggingface_site.make_repos(self.files))
        civitai = civitai_site.Site(www, self.files)
        servers = (hub.servers(self.ports["hub"], self.ports["cdn"], self.certificate)
                   + civitai.servers(self.ports["civitai"], self.ports["storage"], self.certificate, self.registry)
                   + [self._plain(), registry_site.front(self.ports["front"], self.ports["storage"], self.certificate, self.registry)])
        user = "root" if os.geteuid() == 0 else ""  # else the workers could not read a folder that is ours alone
        with open(self._path("nginx.conf"), "w", encoding="utf-8") as out:
            out.write(nginx_text.main(self.state, user, huggingface_site.MAPS + civitai_site.MAPS, servers))
        with open(self._path("registry.yml"), "w", encoding="utf-8") as out:
            out.write(registry_site.configuration(self._path("registry"), self.registry))
        self._spawn("registry.log", program("docker-registry"), "serve", self._path("registry.yml"))
        self._spawn("nginx.log", program("nginx"), "-p", self.state, "-e", self._path("nginx-error.log"), "-c", self._path("nginx.conf"))
        self._wait("http://127.0.0.1:%d/v2/" % self.registry)
        self._wait("http://127.0.0.1:%d/api/models/demo/tiny-chat-GGUF" % self.ports["hub"][0])

    def _spawn(self, log, *command):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")}
        environment["OTEL_TRACES_EXPORTER"] = "none"
        with open(self._path(log), "ab") as out:
            self.children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment,
                                                  preexec_fn=_die_with_parent))

    def _wait(self, address):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(100):
            if not self.alive():
                break
            try:
                opener.open(address, timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        logs = ""
        for name in ("nginx.log", "nginx-error.log", "registry.log"):
            if os.path.exists(self._path(name)):
                with open(self._path(name), encoding="utf-8", errors="replace") as log:
                    logs += log.read()[-1500:]
        raise Failed("%s does not answer\n%s" % (address, logs))

    def environment(self):
        plain = {name: "http://127.0.0.1:%d" % self.ports[name][0] for name in SITES}
        secure = {name: "https://127.0.0.1:%d" % self.ports[name][1] for name in SITES}
        return {
            "HF_ENDPOINT": plain["hub"], "HF_TOKEN": huggingface_site.TOKEN,
            "NCMODEL_CIVITAI_ENDPOINT": plain["civitai"], "CIVITAI_TOKEN": civitai_site.TOKEN,
            "NCMODEL_OLLAMA_REGISTRY": "http://127.0.0.1:%d" % self.registry,
            "SSL_CERT_FILE": self._path("ca.pem"), "NO_PROXY": "127.0.0.1,localhost",
            "LOOPBACK_HF_TOKEN_NO_ACCESS": huggingface_site.TOKEN_NO_ACCESS,
            "LOOPBACK_OLLAMA_FRONT": plain["front"],  # redirects blobs, as the public registry does
            "LOOPBACK_PLAIN": plain["plain"] + "/files", "LOOPBACK_SLOW": plain["plain"] + "/slow", "LOOPBACK_GITHUB": plain["plain"] + "/github",
            "LOOPBACK_CDN": plain["cdn"], "LOOPBACK_STORAGE": plain["storage"],
            "LOOPBACK_TLS_HF": secure["hub"], "LOOPBACK_TLS_CIVITAI": secure["civitai"], "LOOPBACK_TLS_OLLAMA": secure["front"],
            "LOOPBACK_TLS_PLAIN": secure["plain"] + "/files", "LOOPBACK_TLS_GITHUB": secure["plain"] + "/github",
            "LOOPBACK_CERTIFICATE": self.certificate[0], "LOOPBACK_KEY": self.certificate[1],
            "LOOPBACK_FIXTURES": self._path("fixtures"), "LOOPBACK_REQUESTS": self._path("requests.jsonl"), "LOOPBACK_PID": str(os.getpid()),
        }

    def write_environment(self):
        text = "".join("%s='%s'\n" % pair for pair in self.environment().items())
        with open(self._path("env.new"), "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(self._path("env.new"), self._path("env"))  # whoever waits for it sees it whole


# -- command line --------------------------------------------------------------------------------------------------------
def exists(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True


def serve(options):
    ended = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *unused: ended.append(1))
    servers = Loopback(options.state, options.seed, options.size, options.hostile)
    try:
        servers.start()
        servers.write_environment()
        end = time.monotonic() + options.lifetime
        while not ended and time.monotonic() < end and (not options.owner or exists(options.owner)):
            if not servers.alive():
                raise Failed("a server ended; see the logs in %s" % servers.state)
            time.sleep(0.2)
    finally:
        servers.stop()
        if os.path.exists(os.path.join(servers.state, "env")):
            os.unlink(os.path.join(servers.state, "env"))


def start(options):
    os.makedirs(options.state, exist_ok=True)
    path = os.path.join(options.state, "env")
    if os.path.exists(path):
        os.unlink(path)
    owner = options.owner or os.getppid()
    command = [sys.executable, os.path.abspath(__file__), "serve", options.state, "--seed", str(options.seed), "--size", str(options.size),
               "--lifetime", str(options.lifetime), "--owner", str(owner)] + (["--hostile"] if options.hostile else [])
    log = os.path.join(options.state, "loopback.log")
    with open(log, "ab") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    while not os.path.exists(path):
        if child.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as text:
                raise Failed("the servers do not start:\n" + text.read()[-3000:])
        time.sleep(0.05)
    print(path)


def stop(options):
    path = os.path.join(options.state, "env")
    try:
        with open(path, encoding="utf-8") as lines:
            pid = next(int(line.split("=")[1].strip().strip("'")) for line in lines if line.startswith("LOOPBACK_PID="))
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return
    for _ in range(100):
        if not exists(pid):
            return
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description="Real servers on loopback that speak as the model services do")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, action in (("start", start), ("serve", serve), ("stop", stop)):
        sub = commands.add_parser(name)
        sub.set_defaults(action=action)
        sub.add_argument("state")
        if name != "stop":
            sub.add_argument("--seed", type=int, default=1)
            sub.add_argument("--size", type=int, default=1 << 20, help="bytes of a typical model")
            sub.add_argument("--hostile", action="store_true", help="serve archives that attack, too")
            sub.add_argument("--lifetime", type=float, default=3600, help="seconds after which they stop anyway")
            sub.add_argument("--owner", type=int, help="process to end with; default for start: the caller")
    options = parser.parse_args()
    try:
        options.action(options)
    except Failed as reason:
        print("loopback: %s" % reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
