# SPDX-License-Identifier: MIT
"""The ways in which an answer goes wrong: one method a fault. schedule.py decides which request meets which."""
import gzip
import hashlib
import time

from heads import COMMIT, HeadFaults
from wire import Answer, Hangup, Wire, content  # noqa: F401

ENDLESS = 1 << 34  # even a client that never stops is stopped
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to download.</body></html>\n"


class Faults(HeadFaults):
    """One method a fault. Each sends the whole (spoilt) answer; True: the connection stays usable."""

    def __init__(self, server, wire, request, answer, port, secure):
        self.server, self.wire, self.request, self.answer, self.port, self.secure = server, wire, request, answer, port, secure

    def run(self, parameters):
        self.p = parameters
        self.wire.rate = parameters.whole("rate", self.server.rate)
        for name in parameters.all("remove"):
            self.answer.remove(name)
        for header in parameters.all("header"):
            name, _, value = header.partition(":")
            self.answer.headers.append((name.strip(), value.strip()))
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

    def _place(self, default):
        """Where in this answer's body; "random" leaves it to the dice."""
        return self.p.place("at", len(self.answer.body), default)

    def _head(self, **headers):
        for name, value in headers.items():
            self.answer.set(name.replace("_", "-"), value)
        self.wire.head(self.answer.status, self.answer.headers)

    def _cut(self, text):
        if self.p.text("rst"):
            self.wire.reset()
        raise Hangup(text)

    def _as_large_file(self):
        for name, value in (("X-Repo-Commit", COMMIT), ("X-Linked-Size", len(self._whole())),
                            ("X-Linked-Etag", '"%s"' % self._sha256())):
            self.answer.set(name, value)

    def _sha256(self):
        served = getattr(self.answer, "served", None)
        return served.sha256 if served else hashlib.sha256(self._whole()).hexdigest()

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
        """Full Content-Length, closed after at= body bytes (default half, or random); rst=1 resets instead."""
        at = self._place(len(self.answer.body) // 2)
        self._head(Content_Length=len(self.answer.body))
        self.wire.body(self.answer.body[:at])
        self._cut("closed early")

    def fault_stall(self):
        """Sends at= bytes (default half, or random), then nothing for seconds= (default 3600), then the rest, or then=close."""
        at = self._place(len(self.answer.body) // 2)
        self._head(Content_Length=len(self.answer.body))
        self.wire.body(self.answer.body[:at])
        self.wire.wait(self.p.number("seconds", 3600))
        self._or_close("closed after a stall")
        self.wire.body(self.answer.body[at:])

    def _or_close(self, text):
        if self.p.text("then") == "close":
            self._cut(text)

    def fault_drip(self):
        """bytes= (default 1) every= seconds (default 1); after seconds= of it the rest at once, or then=close."""
        self._head(Content_Length=len(self.answer.body))
        step, sent = self.p.whole("bytes", 1), 0
        end = time.monotonic() + self.p.number("seconds", 1e9)
        while sent < len(self.answer.body) and time.monotonic() < end:
            self.wire.body(self.answer.body[sent : sent + step], rate=0)
            sent += step
            self.wire.wait(self.p.number("every", 1))
        self._or_close("closed after a drip")
        self.wire.body(self.answer.body[sent:], rate=0)

    def fault_flip(self):
        """One bit of the byte at= (of the whole file; default 0) is wrong; at=random: somewhere in this answer."""
        first = getattr(self.answer, "first", 0)
        at = self._place(0) if self.p.text("at") == "random" else self.p.whole("at", 0) - first
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
                          % (self._sha256().encode(), len(body))))

    def fault_gzip(self):
        """Content-Encoding: gzip, though identity was asked for."""
        self.answer.body = gzip.compress(self.answer.body, 1)
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
        if self.request.method == "HEAD":
            return
        self.wire.raw(b"%x\r\n" % len(data))
        self.wire.body(data)
        self.wire.raw(b"\r\n")

    def _last_chunk(self):
        if self.request.method != "HEAD":
            self.wire.raw(b"0\r\n\r\n")

    def fault_chunked(self):
        """A good body in chunks."""
        self.answer.remove("Content-Length")
        self._head(Transfer_Encoding="chunked")
        step = max(8192, len(self.answer.body) // 64)
        for start in range(0, len(self.answer.body), step):
            self._chunk(self.answer.body[start : start + step])
        self._last_chunk()

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
        self._last_chunk()

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
        if self.answer.status == 206:  # not a 403 or 416, which would be given out as the file
            self.answer.remove("Content-Range")
            self.answer = Answer(200, self.answer.headers, self._whole())
        self._send(self.answer)

    def fault_no_content_range(self):
        """206 without Content-Range."""
        self.answer.remove("Content-Range")
        self._send(self.answer)

    def fault_wrong_range(self):
        """206 whose Content-Range is value= (default one that starts at 0), or by= bytes off; the body unchanged."""
        total, by = len(self._whole()), self.p.whole("by", 0)
        if by and hasattr(self.answer, "first"):
            self.p.values["value"] = ["bytes %d-%d/%d" % (self.answer.first + by, self.answer.last + by, total)]
        self.answer.set("Content-Range", self.p.text("value", "bytes 0-%d/%d" % (len(self.answer.body) - 1, total)))
        self._send(self.answer)

    def fault_wrong_total(self):
        """206 whose total is total= (default 99999)."""
        if hasattr(self.answer, "first"):
            self.answer.set("Content-Range", "bytes %d-%d/%s" % (self.answer.first, self.answer.last, self.p.text("total", "99999")))
        self._send(self.answer)

    def fault_other_range(self):
        """206 that starts by= bytes (default 1000) later than asked (or earlier, below zero), with headers that say so."""
        if hasattr(self.answer, "first"):
            whole, last = self._whole(), self.answer.last
            first = min(max(0, self.answer.first + self.p.whole("by", 1000)), last)
            self.answer.body = whole[first : last + 1]
            self.answer.set("Content-Range", "bytes %d-%d/%d" % (first, last, len(whole)))
        self._send(self.answer)

    def fault_short_range(self):
        """206 with only the first part of what was asked for, and headers that say so: a server may."""
        if hasattr(self.answer, "first"):
            self.answer.body = self.answer.body[: max(1, len(self.answer.body) // 2)]
            last = self.answer.first + len(self.answer.body) - 1
            self.answer.set("Content-Range", "bytes %d-%d/%d" % (self.answer.first, last, len(self._whole())))
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
        """416 with Content-Range bytes */total= (default the true size); none: without the header; asked: where the range began."""
        total = self.p.text("total", str(len(self._whole())))
        if total == "asked":
            total = str(getattr(self.answer, "first", 0))
        headers = [] if total == "none" else [("Content-Range", "bytes */%s" % total)]
        self._send(Answer(416, headers, b""))

    def fault_unasked_206(self):
        """206 for a request without Range: the first half only."""
        half = self.answer.body[: len(self.answer.body) // 2]
        self.answer.set("Content-Range", "bytes 0-%d/%d" % (len(half) - 1, len(self.answer.body)))
        self._send(Answer(206, self.answer.headers, half))

    # -- versions and validators
    def fault_change(self):
        """From now on the file is its next version (see put); this answer is the old one's, cut after at= bytes if told."""
        if hasattr(self.answer, "name"):
            self.server.change(self.answer.name)
        return self.fault_close() if self.p.text("at") else self._send(self.answer)

    def fault_no_if_range(self):
        """If-Range counts for nothing: a range of what is there now, whatever was there before."""
        self.request.headers = [(n, v) for n, v in self.request.headers if n.lower() != "if-range"]
        if hasattr(self.answer, "name"):
            self.answer = self.server.file_answer(self.request, self.answer.name)
            for name in self.p.all("remove"):
                self.answer.remove(name)
        self._send(self.answer)

    def fault_wrong_etag(self):
        """The right bytes under another ETag."""
        self.answer.set("ETag", '"another-%s"' % self._sha256())
        self._send(self.answer)

    def fault_etag_changes(self):
        """Another ETag at each try; with bytes=1 other bytes too, so that a spliced file is wrong. If-Range is honoured: 200."""
        if self.answer.status not in (200, 206):
            return self._send(self.answer)
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
