# SPDX-License-Identifier: MIT
"""An answer before it goes wrong, and the wire that it goes out on."""
import random
import socket
import ssl
import struct
import time

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other",
           304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 410: "Gone", 416: "Range Not Satisfiable", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


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
        self.signed = None  # whose bytes these are, if its address is good for so many only

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
        step = max(1, min(65536, int(rate / 20))) if rate else 262144
        start, sent = time.monotonic(), 0
        view = memoryview(data)
        while sent < len(view):
            part = view[sent : sent + step]
            self.raw(part)
            sent += len(part)
            self.sent += len(part)
            if self.signed and self.signed.spend(len(part)):
                raise Hangup("signature spent")
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
