# SPDX-License-Identifier: MIT
"""What goes wrong without a byte of the file: statuses, redirects, headers."""
import email.utils
import random
import time
import urllib.parse

from wire import Answer, Hangup

COMMIT = "45ce642d3fab2033d167ec09641a159010f7d9d9"


class HeadFaults:
    """Part of Faults."""

    # -- status
    def fault_status(self):
        """code= (default 500), retry-after= (seconds, a date, or +N: the date in N seconds), text= body; type= of the body."""
        headers = [("Content-Type", self.p.text("type", "text/plain"))]
        after = self.p.text("retry-after")
        if after is not None:
            date = email.utils.formatdate(time.time() + float(after), usegmt=True) if after.startswith("+") else after
            headers.append(("Retry-After", date))
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

    def fault_redirect_signed(self):
        """To a signed address of this file on another port. It answers 403 after requests= requests, bytes= bytes (and is
        cut there) or seconds=; the next request here is given a new one."""
        other = self.server.ports[1] if self.port != self.server.ports[1] else self.server.ports[0]
        if not hasattr(self.answer, "name"):
            return self._send(self.answer)
        path = urllib.parse.quote(self.server.sign(self.answer.name, self.p))
        query = "?" + self.request.query if self.request.query else ""
        self._redirect("http://127.0.0.1:%d%s%s" % (other, path, query))

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
