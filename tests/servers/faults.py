# SPDX-License-Identifier: MIT
"""The ways in which an answer goes wrong: one method a fault. faultserver.py decides which request meets which."""
import gzip
import hashlib
import random
import socket
import ssl
import struct
import time
import urllib.parse

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other",
           304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 410: "Gone", 416: "Range Not Satisfiable", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
ENDLESS = 1 << 34  # even a client that never stops is stopped
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to download.</body></html>\n"
COMMIT = "45ce642d3fab2033d167ec09641a159010f7d9d9"


class Hangup(Exception):
    """Ends the connection; the text goes to the log."""


def content(name, size):
    """The good bytes of a generated file."""
    return random.Random("%s/%d" % (name, size)).randbytes(size)


class Answer:
    """A good answer, which a fault then spoils."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, list(headers), body

    def get(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    def remove(self, name):
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]

    def set(self, name, value):
        self.remove(name)
        self.headers.append((name, str(value)))


class Wire:
    """Counts what goes out, and slows it down."""

    def __init__(self, connection, stopped, headless):
        self._connection, self._stopped, self._headless = connection, stopped, headless
        self.status, self.sent, self.rate = None, 0, 0

    def raw(self, data):
        self._connection.sendall(data)

    def head(self, status, headers, version="HTTP/1.1"):
        self.status = status
        lines = ["%s %d %s" % (version, status, REASONS.get(status, "Status"))] + ["%s: %s" % (n, v) for n, v in headers]
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))

    def body(self, data, rate=None):
        if self._headless:
            return
        rate = self.rate if rate is None else rate
        step = max(1, min(65536, int(rate / 20))) if rate else 65536
        start, sent = time.monotonic(), 0
        view = memoryview(data)
        while sent < len(view):
            part = view[sent : sent + step]
            self.raw(part)
            sent += len(part)
            self.sent += len(part)
            if rate:
                self.wait(start + sent / rate - time.monotonic())

    def wait(self, seconds):
        """Sleeps, but not beyond the server's stop or the client's leaving."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._stopped.wait(min(0.2, max(0, end - time.monotonic()))):
                raise Hangup("server stopped")
            if self._left():
                raise Hangup("client left")

    def _left(self):
        if isinstance(self._connection, ssl.SSLSocket):
            return False
        self._connection.setblocking(False)
        try:
            return self._connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        finally:
            self._connection.settimeout(120)

    def reset(self):
        """The next close sends RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Faults:
    """One method a fault. Each sends the whole (spoilt) answer; True: the connection stays usable."""

    def __init__(self, server, wire, request, answer, port, secure):
        self.server, self.wire, self.request, self.answer, self.port, self.secure = server, wire, request, answer, port, secure

    def run(self, parameters):
        self.p = parameters
        self.wire.rate = parameters.whole("rate", self.server.rate)
        for header in parameters.all("header"):
            name, _, value = header.partition(":")
            self.answer.headers.append((name.strip(), value.strip()))
        for name in parameters.all("remove"):
            self.answer.remove(name)
        if parameters.text("lfs") is not None:
            self._as_large_file()
        name = (parameters.text("fault") or "none").replace("-", "_")
        method = getattr(self, "fault_" + name, None)
        if not method:
            self._send(Answer(400, [], ("no fault %r\n" % name).encode()))
            return True
        return method() is not False

    @classmethod
    def table(cls):
        return [(n[6:].replace("_", "-"), getattr(cls, n).__doc__) for n in sorted(dir(cls)) if n.startswith("fault_")]

    # -- helpers
    def _send(self, answer):
        if answer.status not in (204, 304):
            answer.set("Content-Length", len(answer.body) if answer.get("Content-Length") is None or self.request.method != "HEAD"
                       else answer.get("Content-Length"))
        self.wire.head(answer.status, answer.headers)
        self.wire.body(answer.body)

    def _whole(self):
        """The full body, whatever part was asked for."""
        return getattr(self.answer, "whole", self.answer.body)

    def _head(self, **headers):
        for name, value in headers.items():
            self.answer.set(name.replace("_", "-"), value)
        self.wire.head(self.answer.status, self.answer.headers)

    def _cut(self, text):
        if self.p.text("rst"):
            self.wire.reset()
        raise Hangup(text)

    def _as_large_file(self):
        body = self._whole()
        for name, value in (("X-Repo-Commit", COMMIT), ("X-Linked-Size", len(body)),
                            ("X-Linked-Etag", '"%s"' % hashlib.sha256(body).hexdigest())):
            self.answer.set(name, value)

    def _error(self, status, code, message, body, kind="application/json"):
        headers = [("Content-Type", kind), ("X-Request-Id", "Root=1-test")]
        headers += [("X-Error-Code", code)] if code else []
        headers += [("X-Error-Message", message)] if message else []
        extra = [(n.partition(":")[0].strip(), n.partition(":")[2].strip()) for n in self.p.all("header")]
        self._send(Answer(status, headers + extra, body))

    # -- bodies
    def fault_none(self):
        """The good answer."""
        self._send(self.answer)

    def fault_close(self):
        """Full Content-Length, closed after at= body bytes (default half); rst=1 resets instead."""
        self._head(Content_Length=len(self.answer.body))
        self.wire.body(self.answer.body[: self.p.whole("at", len(self.answer.body) // 2)])
        self._cut("closed early")

    def fault_stall(self):
        """Sends at= bytes (default half), then nothing for seconds= (default 3600)."""
        at = self.p.whole("at", len(self.answer.body) // 2)
        self._head(Content_Length=len(self.answer.body))
        self.wire.body(self.answer.body[:at])
        self.wire.wait(self.p.number("seconds", 3600))
        self.wire.body(self.answer.body[at:])

    def fault_drip(self):
        """bytes= (default 1) every= seconds (default 1)."""
        self._head(Content_Length=len(self.answer.body))
        step = self.p.whole("bytes", 1)
        for start in range(0, len(self.answer.body), step):
            self.wire.body(self.answer.body[start : start + step], rate=0)
            self.wire.wait(self.p.number("every", 1))

    def fault_flip(self):
        """One bit of the byte at= (of the whole file; default 0) is wrong."""
        first = getattr(self.answer, "first", 0)
        at = self.p.whole("at", 0) - first
        if 0 <= at < len(self.answer.body):
            body = bytearray(self.answer.body)
            body[at] ^= 1
            self.answer.body = bytes(body)
        self._send(self.answer)

    def fault_other(self):
        """Other bytes of the same length."""
        self.answer.body = content("other", len(self.answer.body))
        self._send(self.answer)

    def fault_html(self):
        """A sign-in page with status 200."""
        self._send(Answer(200, [("Content-Type", "text/html; charset=utf-8")], HTML))

    def fault_json(self):
        """A JSON error with status 200 (or code=)."""
        self._send(Answer(self.p.whole("code", 200), [("Content-Type", "application/json")],
                          b'{"error":"Unauthorized","message":"The creator of this asset requires you to be logged in"}\n'))

    def fault_pointer(self):
        """A Git LFS pointer in place of the file."""
        body = self._whole()
        self._send(Answer(200, [("Content-Type", "text/plain")], b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
                          % (hashlib.sha256(body).hexdigest().encode(), len(body))))

    def fault_gzip(self):
        """Content-Encoding: gzip, though identity was asked for."""
        self.answer.body = gzip.compress(self.answer.body)
        self.answer.set("Content-Encoding", "gzip")
        self._send(self.answer)

    def fault_gzip_claim(self):
        """Says Content-Encoding: gzip, sends plain bytes."""
        self.answer.set("Content-Encoding", "gzip")
        self._send(self.answer)

    # -- lengths
    def fault_short_length(self):
        """Content-Length is by= (default 100) less than the body, which is sent whole."""
        self._head(Content_Length=len(self.answer.body) - self.p.whole("by", 100))
        self.wire.body(self.answer.body)
        self._cut("said less")

    def fault_long_length(self):
        """Content-Length is by= (default 100) more than the body; then closes."""
        self._head(Content_Length=len(self.answer.body) + self.p.whole("by", 100))
        self.wire.body(self.answer.body)
        self._cut("said more")

    def fault_length(self):
        """Content-Length: value= (such as -5 or 10000000000000000000000), then the body."""
        self._head(Content_Length=self.p.text("value", "-5"))
        self.wire.body(self.answer.body)
        self._cut("odd length")

    def fault_two_lengths(self):
        """Two Content-Length headers that differ."""
        self.answer.remove("Content-Length")
        self.answer.headers += [("Content-Length", len(self.answer.body)), ("Content-Length", len(self.answer.body) // 2)]
        self.wire.head(self.answer.status, self.answer.headers)
        self.wire.body(self.answer.body)
        self._cut("two lengths")

    def fault_no_length(self):
        """No Content-Length; the body is whole and ends with the connection."""
        self.answer.remove("Content-Length")
        self._head(Connection="close")
        self.wire.body(self.answer.body)
        raise Hangup("end is the end")

    def fault_no_length_cut(self):
        """No Content-Length, and the body ends at= bytes early on (default half)."""
        self.answer.remove("Content-Length")
        self._head(Connection="close")
        self.wire.body(self.answer.body[: self.p.whole("at", len(self.answer.body) // 2)])
        self._cut("cut without length")

    def _chunk(self, data):
        self.wire.raw(b"%x\r\n" % len(data))
        self.wire.body(data)
        self.wire.raw(b"\r\n")

    def fault_chunked(self):
        """A good body in chunks."""
        self.answer.remove("Content-Length")
        self._head(Transfer_Encoding="chunked")
        for start in range(0, len(self.answer.body), 8192):
            self._chunk(self.answer.body[start : start + 8192])
        self.wire.raw(b"0\r\n\r\n")

    def fault_chunked_cut(self):
        """Chunks, closed before the last one."""
        self.answer.remove("Content-Length")
        self._head(Transfer_Encoding="chunked")
        self._chunk(self.answer.body[: len(self.answer.body) // 2])
        self._cut("chunks cut")

    def fault_chunked_gzip(self):
        """Transfer-Encoding: gzip, chunked: a small body that grows to 50 MB."""
        self.answer.remove("Content-Length")
        self._head(Transfer_Encoding="gzip, chunked")
        self._chunk(gzip.compress(bytes(50_000_000)))
        self.wire.raw(b"0\r\n\r\n")

    def fault_endless(self):
        """No Content-Length and no end. With chunked=1 in chunks; length=1 says the right length and sends on."""
        self.answer.remove("Content-Length")
        chunked = self.p.text("chunked")
        if self.p.text("length"):
            self._head(Content_Length=len(self.answer.body))
        elif chunked:
            self._head(Transfer_Encoding="chunked")
        else:
            self._head(Connection="close")
        self.wire.body(self.answer.body) if not chunked else self._chunk(self.answer.body)
        more = bytes(65536)
        while self.wire.sent < ENDLESS:
            self._chunk(more) if chunked else self.wire.body(more)
        raise Hangup("enough")

    # -- ranges
    def fault_ignore_range(self):
        """200 and the whole file for a range."""
        self.answer.remove("Content-Range")
        self._send(Answer(200, self.answer.headers, self._whole()))

    def fault_no_content_range(self):
        """206 without Content-Range."""
        self.answer.remove("Content-Range")
        self._send(self.answer)

    def fault_wrong_range(self):
        """206 whose Content-Range is value= (default one that starts at 0), the body unchanged."""
        total = len(self._whole())
        self.answer.set("Content-Range", self.p.text("value", "bytes 0-%d/%d" % (len(self.answer.body) - 1, total)))
        self._send(self.answer)

    def fault_wrong_total(self):
        """206 whose total is total= (default 99999)."""
        if hasattr(self.answer, "first"):
            self.answer.set("Content-Range", "bytes %d-%d/%s" % (self.answer.first, self.answer.last, self.p.text("total", "99999")))
        self._send(self.answer)

    def fault_range_from_zero(self):
        """206, right headers, but the bytes are those of offset 0."""
        self.answer.body = self._whole()[: len(self.answer.body)]
        self._send(self.answer)

    def fault_multipart(self):
        """206 as multipart/byteranges."""
        if not hasattr(self.answer, "first"):
            return self.fault_none()
        part = ("--part\r\nContent-Type: application/octet-stream\r\nContent-Range: %s\r\n\r\n" % self.answer.get("Content-Range")).encode()
        self.answer.remove("Content-Range")
        self.answer.set("Content-Type", "multipart/byteranges; boundary=part")
        self.answer.body = part + self.answer.body + b"\r\n--part--\r\n"
        self._send(self.answer)

    def fault_416(self):
        """416 with Content-Range bytes */total= (default the true size); total=none: without the header."""
        total = self.p.text("total", str(len(self._whole())))
        headers = [] if total == "none" else [("Content-Range", "bytes */%s" % total)]
        self._send(Answer(416, headers, b""))

    def fault_unasked_206(self):
        """206 for a request without Range: the first half only."""
        half = self.answer.body[: len(self.answer.body) // 2]
        self.answer.set("Content-Range", "bytes 0-%d/%d" % (len(half) - 1, len(self.answer.body)))
        self._send(Answer(206, self.answer.headers, half))

    # -- validators
    def fault_etag_changes(self):
        """Another ETag at each try; with bytes=1 other bytes too, so that a spliced file is wrong. If-Range is honoured: 200."""
        with self.server._lock:
            turn = self.server._counters["etag"] = self.server._counters.get("etag", 0) + 1
        whole = self._whole()
        if self.p.text("bytes"):
            whole = content("turn-%d" % turn, len(whole))
        headers = [(n, v) for n, v in self.answer.headers if n.lower() not in ("etag", "content-range")] + [("ETag", '"turn-%d"' % turn)]
        if self.answer.status == 206 and not self.request.header("If-Range"):
            part = Answer(206, headers + [("Content-Range", self.answer.get("Content-Range"))],
                          whole[self.answer.first : self.answer.last + 1])
        else:
            part = Answer(200, headers, whole)
        cut = self.p.whole("at", len(whole))
        part.set("Content-Length", len(part.body))
        self.wire.head(part.status, part.headers)
        self.wire.body(part.body[:cut])
        if cut < len(part.body):
            self._cut("closed early")

    def fault_weak_etag(self):
        """W/ before the ETag."""
        self.answer.set("ETag", 'W/"weak"')
        self._send(self.answer)

    def fault_no_etag(self):
        """Neither ETag nor Last-Modified."""
        self.answer.remove("ETag")
        self.answer.remove("Last-Modified")
        self._send(self.answer)

    def fault_big_etag(self):
        """An ETag of bytes= (default a million)."""
        self.answer.set("ETag", '"%s"' % ("x" * self.p.whole("bytes", 1_000_000)))
        self._send(self.answer)

    # -- status
    def fault_status(self):
        """code= (default 500), retry-after= (seconds or a date), text= body; type= of the body."""
        headers = [("Content-Type", self.p.text("type", "text/plain"))]
        if self.p.text("retry-after") is not None:
            headers.append(("Retry-After", self.p.text("retry-after")))
        if self.p.text("ratelimit") is not None:
            headers.append(("RateLimit", '"resolvers";r=0;t=%s' % self.p.text("ratelimit")))
        headers += [(n.partition(":")[0].strip(), n.partition(":")[2].strip()) for n in self.p.all("header")]
        code = self.p.whole("code", 500)
        self._send(Answer(code, headers, b"" if code in (204, 304) else self.p.text("text", "status %d\n" % code).encode()))

    def fault_flaky(self):
        """Fails chance= percent (default 50) of all requests with 500, 408, 429 or a cut."""
        if random.random() * 100 < self.p.number("chance", 50):
            code = random.choice((500, 408, 429, 0))
            if code == 0:
                return self.fault_close()
            return self._send(Answer(code, [("Retry-After", "0")], b"flaky\n"))
        self._send(self.answer)

    def fault_hf_gated_401(self):
        """As Hugging Face: gated, no token."""
        self._error(401, "GatedRepo", "Access to model org/gated is restricted. You must be authenticated to access it.",
                    b'{"error":"Access to model org/gated is restricted."}')

    def fault_hf_gated_403(self):
        """As Hugging Face: gated, the token has no access."""
        self._error(403, "GatedRepo", "Access to model org/gated is restricted and you are not in the authorized list. "
                    "Visit https://huggingface.co/org/gated to ask for access.", b'{"error":"restricted"}')

    def fault_hf_bad_token(self):
        """As Hugging Face: the token is wrong."""
        self._error(401, None, "Invalid credentials in Authorization header", b'{"error":"Invalid credentials in Authorization header"}')

    def fault_hf_repo_missing(self):
        """As Hugging Face: missing or private."""
        self._error(401, "RepoNotFound", "Repository not found", b'{"error":"Invalid username or password."}')

    def fault_hf_revision_missing(self):
        """As Hugging Face: no such revision."""
        self._error(404, "RevisionNotFound", "Invalid rev id: foo", b'{"error":"Invalid rev id: foo"}')

    def fault_hf_entry_missing(self):
        """As Hugging Face: no such file."""
        self.p.values.setdefault("header", []).append("X-Repo-Commit: " + COMMIT)
        self._error(404, "EntryNotFound", "Entry not found", b"Entry not found", "text/plain; charset=utf-8")

    # -- redirects
    def _query(self, **change):
        """This request's query with some values replaced; None drops one."""
        pairs = [(k, v) for k, vs in self.request.arguments.items() for v in vs if k not in change]
        pairs += [(k, v) for k, v in change.items() if v is not None]
        return self.request.path + "?" + urllib.parse.urlencode(pairs)

    def _clean(self):
        gone = dict.fromkeys(("fault", "times", "code", "to", "lfs"))
        return self._query(**gone)

    def _redirect(self, location):
        self.answer.headers = [(n, v) for n, v in self.answer.headers if n.lower().startswith("x-")]
        self.answer.set("Location", location)
        self._send(Answer(self.p.whole("code", 302), self.answer.headers, b"moved\n"))

    def fault_redirect(self):
        """To to= literally, such as file:///etc/passwd, ftp://127.0.0.1/, http://user:password@127.0.0.1:1/, //host/x."""
        self._redirect(self.p.text("to", "/"))

    def fault_redirect_same(self):
        """To the good file, same origin, relative."""
        self._redirect(self._clean())

    def fault_redirect_port(self):
        """To the good file on another port (another origin). lfs=1 adds Hugging Face's headers."""
        other = self.server.ports[1] if self.port != self.server.ports[1] else self.server.ports[0]
        self._redirect("http://127.0.0.1:%d%s" % (other, self._clean()))

    def fault_redirect_host(self):
        """To the good file under the name localhost (another host)."""
        self._redirect("http://localhost:%d%s" % (self.port, self._clean()))

    def fault_redirect_tls(self):
        """From http to the good file over https."""
        self._redirect("https://127.0.0.1:%d%s" % (self.server.tls_port, self._clean()))

    def fault_redirect_plain(self):
        """To the good file over http: a downgrade when asked over https."""
        self._redirect("http://127.0.0.1:%d%s" % (self.server.ports[0], self._clean()))

    def fault_redirect_loop(self):
        """To itself, for ever."""
        hop = self.request.arguments.get("hop", ["0"])[0]
        self._redirect(self._query(hop=str(int(hop) + 1 if hop.isdigit() else 1)))

    def fault_redirect_bounce(self):
        """To another port, and from there back to the good file here."""
        other = self.server.ports[1] if self.port != self.server.ports[1] else self.server.ports[0]
        self._redirect("http://127.0.0.1:%d%s" % (other, self._query(fault="redirect-port")))

    def fault_login(self):
        """As Civitai for browsers: to /login with reason=download-auth."""
        self._redirect("/login?returnUrl=%2Fmodel-versions%2F1&reason=download-auth")

    # -- headers
    def fault_slow_header(self):
        """The status line, then one header byte every= seconds (default 1)."""
        self.wire.raw(b"HTTP/1.1 200 OK\r\n")
        for byte in b"X-Slow: " + b"x" * 100000:
            self.wire.raw(bytes([byte]))
            self.wire.wait(self.p.number("every", 1))

    def fault_silence(self):
        """No answer at all for seconds= (default 3600)."""
        self.wire.wait(self.p.number("seconds", 3600))
        raise Hangup("silent")

    def fault_drop(self):
        """Closes before any answer; rst=1 resets."""
        self._cut("dropped")

    def fault_many_headers(self):
        """count= headers (default a million)."""
        self.wire.raw(b"HTTP/1.1 200 OK\r\n")
        for start in range(0, self.p.whole("count", 1_000_000), 1000):
            self.wire.raw(b"".join(b"X-%d: 0123456789012345678901234567\r\n" % n for n in range(start, start + 1000)))
        self.wire.raw(b"Content-Length: 0\r\n\r\n")

    def fault_long_header(self):
        """One header of bytes= (default 2 MB)."""
        self.answer.set("X-Long", "x" * self.p.whole("bytes", 2_000_000))
        self._send(self.answer)

    def fault_nul_header(self):
        """A NUL byte in a header."""
        self.answer.set("X-Nul", "a\0b")
        self._send(self.answer)

    def fault_escape_header(self):
        """Terminal escapes in the status text, the file name and the error message."""
        self.answer.set("Content-Disposition", 'attachment; filename="\x1b[2J\x1b]0;owned\x07.gguf"')
        self.answer.set("X-Error-Message", "\x1b[31mred\x1b[0m")
        self.answer.status = self.p.whole("code", 200)
        self._send(self.answer)

    def fault_disposition(self):
        """Content-Disposition: attachment; filename="value="."""
        self.answer.set("Content-Disposition", 'attachment; filename="%s"' % self.p.text("value", "../../evil.gguf"))
        self._send(self.answer)

    def fault_interim(self):
        """count= 103 answers (default 10000) before the real one."""
        for _ in range(self.p.whole("count", 10000)):
            self.wire.raw(b"HTTP/1.1 103 Early Hints\r\nX-Pad: " + b"x" * 80 + b"\r\n\r\n")
        self._send(self.answer)

    def fault_http09(self):
        """Bytes without any header."""
        self.wire.status = 0
        self.wire.body(self.answer.body)
        raise Hangup("no header")
