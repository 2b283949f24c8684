# SPDX-License-Identifier: MIT
"""nginx on loopback with a configuration of its own, its log, and wires that make connections long or narrow."""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from meter import Failed

RATE = 40 << 20  # bytes a second: nginx's "40m"

CONFIGURATION = """{user}worker_processes auto;
daemon off;
pid "{state}/nginx.pid";
error_log "{state}/nginx-error.log" warn;
events {{ worker_connections 1024; }}
http {{
  log_format requests escape=json '{{"target":"$request_uri","status":$status,"sent":$body_bytes_sent,"range":"$http_range"}}';
  access_log "{state}/requests.jsonl" requests;
  client_body_temp_path "{state}/tmp/body";
  proxy_temp_path "{state}/tmp/proxy";
  fastcgi_temp_path "{state}/tmp/fastcgi";
  uwsgi_temp_path "{state}/tmp/uwsgi";
  scgi_temp_path "{state}/tmp/scgi";
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  types {{ }}
  default_type application/octet-stream;
{servers}}}
"""

FILES = """  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl;
    # What this port has sent is nearly what the client has got: little waits in the kernel.
    listen 127.0.0.1:{counted} sndbuf=64k;
    ssl_certificate "{state}/server.pem";
    ssl_certificate_key "{state}/server.key";
    location /files/ {{ alias "{files}/"; }}
    location /limited/ {{ limit_rate 40m; alias "{files}/"; }}
    location /disk/ {{ alias "{disk}/"; }}
  }}
"""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def program(name):
    """Servers live in sbin, which users may not have in their path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if not found:
        raise Failed("%s is not installed; scripts/bench does it" % name)
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


def wait_for(port, process, what):
    for _ in range(200):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Failed("%s does not start" % what)


def stop(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_nginx(state, servers, port):
    """Starts nginx with these servers, whose state and log are below `state`. Returns when it listens on `port`."""
    os.makedirs(os.path.join(state, "tmp"), exist_ok=True)
    with open(os.path.join(state, "nginx.conf"), "w", encoding="utf-8") as out:
        out.write(CONFIGURATION.format(user="user root;\n" if os.geteuid() == 0 else "", state=state, servers=servers))
    process = subprocess.Popen(
        [program("nginx"), "-p", state, "-e", os.path.join(state, "nginx-error.log"), "-c", os.path.join(state, "nginx.conf")],
        stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    wait_for(port, process, "nginx")
    return process


class Nginx:
    """Serves the folder `files`: `/files/` as fast as it can, `/limited/` at 40 MiB a second a request. What is too large
    for memory lies in the folder `disk` and is served as `/disk/`."""

    def __init__(self, state, files):
        self.state, self.files, self.disk = state, files, os.path.join(state, "disk")
        os.makedirs(self.disk)
        self._certificates()
        self.plain, self.tls, self.counted = free_ports(3)
        self.process = start_nginx(state, FILES.format(state=state, files=files, disk=self.disk, plain=self.plain, tls=self.tls,
                                                       counted=self.counted), self.plain)

    def _certificates(self):
        """A certificate for 127.0.0.1 that is its own authority."""
        self.ca, self.key = os.path.join(self.state, "server.pem"), os.path.join(self.state, "server.key")
        made = subprocess.run(
            [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7",
             "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-addext", "extendedKeyUsage=serverAuth", "-addext", "basicConstraints=critical,CA:TRUE"],
            cwd=self.state, capture_output=True, text=True)
        if made.returncode:
            raise Failed("openssl: " + made.stderr)

    def url(self, name, tls=False, place="files", port=None):
        return "%s://127.0.0.1:%d/%s/%s" % ("https" if tls else "http", port or (self.tls if tls else self.plain), place, name)

    def settle(self):
        """Until every client is gone: nginx logs a request when that ends."""
        ports = {"%04X" % p for p in (self.plain, self.tls, self.counted)}
        for _ in range(500):
            with open("/proc/net/tcp", encoding="ascii") as rows:
                fields = [row.split() for row in rows][1:]
            if not any(f[3] in ("01", "08") and f[1].split(":")[1] in ports for f in fields):
                return
            time.sleep(0.02)
        raise Failed("connections to nginx stay open")

    def mark(self):
        """The log's end, to read from there later."""
        self.settle()
        return os.path.getsize(os.path.join(self.state, "requests.jsonl"))

    def requests(self, mark):
        self.settle()
        with open(os.path.join(self.state, "requests.jsonl"), encoding="utf-8") as log:
            log.seek(mark)
            return [json.loads(line) for line in log]

    def close(self):
        stop(self.process)


class Wire:
    """A proxy before `port` (wire.c): connections with a round trip of `rtt` ms, a window, a rate in bytes a second."""

    def __init__(self, helper, port, rtt=0, window=0, rate=0):
        self.port = free_ports(1)[0]
        self.process = subprocess.Popen(
            [helper, str(self.port), str(port), "--rtt", str(rtt), "--window", str(window), "--rate", str(rate)],
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        wait_for(self.port, self.process, "the wire")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        stop(self.process)


