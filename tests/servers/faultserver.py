#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An HTTP/1.1 server that misbehaves on demand, on raw sockets, so that every wrong byte is meant.

What goes wrong is said by the request itself or by rules set beforehand; no restart is needed:

  GET /f/NAME?size=65536                      good answer: seeded bytes, CL, ETag, Range, If-Range
  GET /f/NAME?fault=close&at=1000             the same, cut after 1000 body bytes
  GET /f/NAME?fault=status&code=500&times=2   fails twice, then is good
  GET /signed/TOKEN/NAME                      the same under an address that expires (fault redirect-signed)
  POST /_rules  [{"match": "^/v2/.*/blobs/", "fault": "close", "at": "1000", "times": "1"}]
                                              rules, with a schedule or with dice; see schedule.py
  POST /_reset                                forgets rules and counters (the log stays)
  GET  /_sha256/NAME?size=N                   the digest of the good bytes

Bodies come from put(), from --dir (NAME is a file there), else from seeded noise of `size` bytes. With --upstream URL everything outside
/f/ is fetched from a real server and passed on, rules applied: put it before any of the loopback servers.

Parameters of every fault: times=N (only the first N requests of this path and query, or of this rule), skip=N (not the first
N), key=TEXT (a counter of its own), only=range|full|get|head (only requests with, without a Range header, of that method; with
commas: all of it), rate=BYTES (per second), header=Name:Value (added), remove=Name (dropped). Faults are listed by `faultserver.py --list`.

Every request is one JSON line in the log when it starts ("event":"begin") and when it ends ("event":"end", with the status,
the body bytes sent and how it ended).
"""
import argparse
import email.utils
import functools
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True  # the sources stay as they are, whoever runs this
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import Answer, Faults, Hangup, Wire, content  # noqa: E402
from schedule import Parameters, Schedule  # noqa: E402


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urllib.parse.urlsplit(target)
        self.path, self.query = urllib.parse.unquote(parts.path), parts.query
        self.arguments = urllib.parse.parse_qs(parts.query, keep_blank_values=True)

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class Served:
    """A file's bytes with what is said of them, made once: files of tens of megabytes are asked for in many pieces."""

    def __init__(self, data):
        self.data = data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.etag = '"%s"' % self.sha256
        self.modified = email.utils.formatdate(1704067200 + int(self.sha256[:6], 16), usegmt=True)


@functools.lru_cache(maxsize=32)
def noise(name, size):
    return Served(content(name, size))


class Signed:
    """A signed address: works for so many requests, so many bytes, so many seconds."""

    def __init__(self, name, parameters):
        self.name = name
        self.requests = parameters.whole("requests", 1 << 30)
        self.bytes = parameters.whole("bytes", 1 << 62)
        self.end = time.monotonic() + parameters.number("seconds", 1e9)

    def expired(self):
        return self.requests <= 0 or self.bytes <= 0 or time.monotonic() > self.end

    def spend(self, size):
        """Counts bytes that were sent; says whether there are no more to have."""
        self.bytes -= size
        return self.bytes <= 0


class FaultServer:
    """start() listens; stop() ends every connection. `ports` plain ports; tls=(certificate, key) adds a TLS port."""

    def __init__(self, ports=2, tls=None, log=None, directory=None, upstream=None, rate=0):
        self.directory, self.upstream, self.rate = directory, upstream, rate
        self._tls, self._count, self._log_path = tls, ports, log
        self._schedule, self._counters, self._requests = Schedule(), {}, []
        self._files, self._signed = {}, {}
        self._lock, self._stopped, self._serial, self._since = threading.Lock(), threading.Event(), 0, 0
        self._listeners, self._connections = [], set()
        self.ports, self.tls_port = [], None

    # -- life ------------------------------------------------------------------------------------------------------
    def start(self):
        context = None
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
        for number in range(self._count + (1 if context else 0)):
            listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            secure = context if number == self._count else None
            port = listener.getsockname()[1]
            if secure:
                self.tls_port = port
            else:
                self.ports.append(port)
            self._listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener, port, secure), daemon=True).start()
        return self

    def stop(self):
        self._stopped.set()
        for listener in self._listeners:
            # shutdown wakes a thread that waits in accept(); close alone does not
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.ports[0]

    @property
    def other_url(self):
        """The same server under another origin."""
        return "http://127.0.0.1:%d" % self.ports[1]

    @property
    def tls_url(self):
        return "https://127.0.0.1:%d" % self.tls_port

    # -- for tests -------------------------------------------------------------------------------------------------
    def rules(self, rules):
        """Replaces the rules; see schedule.py."""
        self._schedule.set(rules)

    def reset(self):
        self._schedule.reset()
        with self._lock:
            self._counters, self._signed, self._requests, self._since = {}, {}, [], self._serial

    def put(self, name, *versions):
        """Serves bytes (or Served) as /f/NAME. With several versions the first stands until a fault `change` is met."""
        served = [data if isinstance(data, Served) else Served(data) for data in versions]
        with self._lock:
            self._files[name] = served
        return self.url + "/f/" + name

    def change(self, name):
        """The file's next version is the one from now on. There is no next one to the last."""
        with self._lock:
            if len(self._files.get(name, ())) > 1:
                self._files[name] = self._files[name][1:]

    def sign(self, name, parameters):
        """A fresh signed path of a file; see Signed."""
        with self._lock:
            token = "%08x" % (len(self._signed) + 1)
            self._signed[token] = Signed(name, parameters)
        return "/signed/%s/%s" % (token, name)

    def requests(self, path=None, event="end", wait=1.0):
        """What was asked so far, oldest first. An answer ends a moment after its client has it: those get `wait` seconds to end."""
        until = time.monotonic() + wait
        while event == "end" and time.monotonic() < until:
            with self._lock:
                if sum(1 if r["event"] == "begin" else -1 for r in self._requests) == 0:
                    break
            time.sleep(0.01)
        with self._lock:
            wanted = [r for r in self._requests if r["event"] == event and (path is None or r["path"] == path)]
        return sorted(wanted, key=lambda r: r["n"])

    def sent(self, path=None):
        """Body bytes sent for a path (or for all)."""
        return sum(r["sent"] for r in self.requests(path))

    # -- connections -----------------------------------------------------------------------------------------------
    def _accept(self, listener, port, context):
        while not self._stopped.is_set():
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, peer, port, context), daemon=True).start()

    def _serve(self, connection, peer, port, context):
        with self._lock:
            self._connections.add(connection)
        plain = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(120)
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while not self._stopped.is_set():
                request = self._read(reader)
                if request is None or not self._exchange(connection, request, peer, port, context is not None):
                    break
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._connections.discard(plain)
            try:
                connection.close()
            except OSError:
                pass

    @staticmethod
    def _read(reader):
        line = reader.readline(65536)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        while True:
            line = reader.readline(65536).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        length = next((int(v) for n, v in headers if n.lower() == "content-length"), 0)
        return Request(method, target, headers, reader.read(length) if length else b"")

    def _record(self, entry):
        with self._lock:
            if entry["n"] > self._since:  # one from before a reset may end only now
                self._requests.append(entry)
            if self._log_path:
                with open(self._log_path, "a", encoding="utf-8") as log:
                    log.write(json.dumps(entry) + "\n")

    def _exchange(self, connection, request, peer, port, secure):
        """One request and its answer. Returns whether the connection can serve another."""
        with self._lock:
            self._serial += 1
            serial = self._serial
        entry = {"event": "begin", "n": serial, "time": time.time(), "port": port, "tls": secure, "peer": peer[1],
                 "method": request.method, "target": request.target, "path": request.path,
                 "headers": [[n, v] for n, v in request.headers], "range": request.header("Range")}
        if request.path.startswith("/_"):
            return self._control(connection, request)
        self._record(entry)
        wire = Wire(connection, self._stopped, request.method == "HEAD")
        outcome, keep = "complete", True
        fault = None
        try:
            fault = self._schedule.choose(request)
            answer = self.answer(request, fault)
            wire.signed = getattr(answer, "signed", None)
            keep = Faults(self, wire, request, answer, port, secure).run(fault)
        except Hangup as end:
            outcome, keep = str(end), False
        except OSError as end:
            outcome, keep = "client left: %s" % end.__class__.__name__, False
        finally:
            self._record(dict(entry, event="end", time=time.time(), status=wire.status, sent=wire.sent, outcome=outcome,
                              fault=fault.text("fault") if fault else None))
        return keep and (request.header("Connection") or "").lower() != "close"

    # -- what to answer --------------------------------------------------------------------------------------------
    def served(self, name, size):
        with self._lock:
            if name in self._files:
                return self._files[name][0]
        if self.directory:
            path = os.path.realpath(os.path.join(self.directory, name))
            if path.startswith(os.path.realpath(self.directory) + os.sep) and os.path.isfile(path):
                with open(path, "rb") as file:
                    return Served(file.read())
        return noise(name, size)

    def answer(self, request, parameters):
        if parameters.text("body") is not None or parameters.text("body_file") is not None:
            return self._told(parameters)
        if request.path.startswith("/f/"):
            return self.file_answer(request, request.path[3:])
        if request.path.startswith("/signed/"):
            return self._signed_file(request)
        if self.upstream:
            return self._passed_on(request)
        return Answer(404, [("Content-Type", "text/plain")], b"nothing here\n")

    def _signed_file(self, request):
        token, _, name = request.path[len("/signed/") :].partition("/")
        with self._lock:
            signed = self._signed.get(token)
            good = signed is not None and signed.name == name and not signed.expired()
            if good:
                signed.requests -= 1
        if not good:  # as S3 says it
            return Answer(403, [("Content-Type", "application/xml")],
                          b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
        answer = self.file_answer(request, name)
        answer.signed = signed
        return answer

    @staticmethod
    def _told(parameters):
        body = parameters.text("body", "").encode()
        if parameters.text("body_file"):
            with open(parameters.text("body_file"), "rb") as file:
                body = file.read()
        return Answer(parameters.whole("status", 200), [("Content-Type", parameters.text("type", "application/octet-stream"))], body)

    def file_answer(self, request, name):
        """The good answer about a file: the whole, a range, 416."""
        served = self.served(name, Parameters(request.arguments).whole("size", 65536))
        body, etag = memoryview(served.data), served.etag
        headers = [("Content-Type", "application/octet-stream"), ("ETag", etag), ("Accept-Ranges", "bytes"),
                   ("Last-Modified", served.modified)]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range") or "")
        condition = request.header("If-Range")
        if not asked or (condition and condition not in (etag, served.modified)):
            answer = Answer(200, headers, body)
            answer.name, answer.served = name, served
            return answer
        first = int(asked.group(1))
        last = min(int(asked.group(2) or len(body) - 1), len(body) - 1)
        if first >= len(body) or last < first:
            return Answer(416, headers + [("Content-Range", "bytes */%d" % len(body))], b"")
        answer = Answer(206, headers + [("Content-Range", "bytes %d-%d/%d" % (first, last, len(body)))], body[first : last + 1])
        answer.name, answer.served = name, served
        answer.whole, answer.first, answer.last = body, first, last
        return answer

    def _passed_on(self, request):
        base = urllib.parse.urlsplit(self.upstream)
        upstream = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
        try:
            upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                if name.lower() not in ("host", "connection"):
                    upstream.putheader(name, value)
            upstream.putheader("Host", base.netloc)
            upstream.endheaders(request.body or None)
            got = upstream.getresponse()
            body = got.read()
            drop = ("connection", "transfer-encoding", "keep-alive")
            answer = Answer(got.status, [(n, v) for n, v in got.getheaders() if n.lower() not in drop], body)
            part = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.get("Content-Range") or "")
            if part:
                answer.first, answer.last = int(part.group(1)), int(part.group(2))
            return answer
        finally:
            upstream.close()

    # -- control ---------------------------------------------------------------------------------------------------
    def _control(self, connection, request):
        status, body = 200, b"ok\n"
        try:
            if request.path == "/_rules":
                self.rules(json.loads(request.body))
            elif request.path == "/_reset":
                self.reset()
            elif request.path.startswith("/_sha256/"):
                size = Parameters(request.arguments).whole("size", 65536)
                body = self.served(request.path[9:], size).sha256.encode() + b"\n"
            elif request.path == "/_log":
                with self._lock:
                    body = json.dumps(self._requests).encode()
            else:
                status, body = 404, b"no such control\n"
        except (ValueError, KeyError, TypeError, re.error) as fault:
            status, body = 400, ("%s\n" % fault).encode()
        wire = Wire(connection, self._stopped, False)
        wire.head(status, [("Content-Length", len(body)), ("Connection", "close")])
        wire.body(body)
        return False


def main():
    parser = argparse.ArgumentParser(description="HTTP server with faults on demand; see the top of this file")
    parser.add_argument("--state", help="folder for `env` (shell lines with the URLs) and `requests.jsonl`")
    parser.add_argument("--log", help="request log; default STATE/requests.jsonl")
    parser.add_argument("--dir", help="serve these files below /f/")
    parser.add_argument("--upstream", help="pass everything else on to this http:// server")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--ports", type=int, default=2)
    parser.add_argument("--rate", type=int, default=0, help="bytes per second and connection")
    parser.add_argument("--lifetime", type=float, default=3600, help="seconds after which it stops by itself")
    parser.add_argument("--list", action="store_true", help="list the faults")
    options = parser.parse_args()
    if options.list:
        for name, text in Faults.table():
            print("%-20s %s" % (name, text))
        return 0
    log = options.log or (os.path.join(options.state, "requests.jsonl") if options.state else None)
    server = FaultServer(options.ports, options.tls, log, options.dir, options.upstream, options.rate).start()
    lines = ["FAULT_URL=%s" % server.url, "FAULT_OTHER_URL=%s" % (server.other_url if len(server.ports) > 1 else ""),
             "FAULT_TLS_URL=%s" % (server.tls_url if server.tls_port else ""), "FAULT_LOG=%s" % (log or ""), "FAULT_PID=%d" % os.getpid()]
    if options.state:
        os.makedirs(options.state, exist_ok=True)
        path = os.path.join(options.state, "env")
        with open(path + ".new", "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        os.replace(path + ".new", path)  # whoever waits for it sees it whole
    print("\n".join(lines), flush=True)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *unused: done.set())
    end, parent = time.monotonic() + options.lifetime, os.getppid()
    while not done.wait(0.3) and time.monotonic() < end and os.getppid() == parent:
        pass  # an orphan stops, too
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
