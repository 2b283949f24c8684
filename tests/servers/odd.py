# SPDX-License-Identifier: MIT
"""Servers that are odd without being broken: proxies, old TLS, mirrors of the hub that know a part of its API.

Each names the public behaviour that it follows. All listen on loopback, count what they are asked, and end with close().
"""
import hashlib
import json
import socket
import threading
import urllib.parse

from listener import Handler, Listener

# RFC 8446, 6 and RFC 2246, 7.2: a fatal alert (2), protocol_version (70), as a server sends it that speaks TLS 1.0 alone.
ALERT_PROTOCOL_VERSION = bytes((0x15, 3, 1, 0, 2, 2, 70))
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy(Listener):
    """A proxy that says no, to CONNECT and to plain http alike.

    407: squid's `http_access deny` without credentials (RFC 9110, 11.7.1), with its Proxy-Authenticate and X-Squid-Error. Each
    wrong password counts where accounts are locked after a few (Active Directory behind squid's basic_ldap_auth).
    403: squid's and corporate filters' (Zscaler, Blue Coat) answer for a host that is not on the list.
    503: squid, when the host's name has no address.
    """

    def __init__(self, status, challenge='Basic realm="Squid proxy-caching web server"'):
        self.status, self.challenge = status, challenge
        super().__init__(ProxyHandler)


class ProxyHandler(Handler):
    def do_GET(self):
        self.note()
        server = self.server
        error = {407: "ERR_CACHE_ACCESS_DENIED", 403: "ERR_ACCESS_DENIED", 503: "ERR_DNS_FAIL"}.get(server.status, "ERR_NONE")
        headers = [("Server", "squid/5.7"), ("X-Squid-Error", error + " 0"), ("Content-Type", "text/html;charset=utf-8"),
                   ("Connection", "close")]
        if server.status == 407:
            headers.append(("Proxy-Authenticate", server.challenge))
        self.reply(server.status, b"<html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>", headers)
        self.close_connection = True

    do_HEAD = do_CONNECT = do_GET


class Raw:
    """A server that speaks no HTTP: serve() has each connection, and closes it by returning."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.asked = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.asked += 1
            with connection:
                try:
                    self.serve(connection)
                except OSError:
                    pass  # a client that goes away in the middle is what the tests are about

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Socks(Raw):
    """A SOCKS5 proxy that wants a user and password, and rejects each (RFC 1928, 3; RFC 1929, 2); `ssh -D` and dante do."""

    def serve(self, connection):
        hello = connection.recv(300)
        if 2 not in hello[2:]:
            connection.sendall(b"\x05\xff")
            return
        connection.sendall(b"\x05\x02")
        connection.recv(600)
        connection.sendall(b"\x01\x01")


class NoTls(Raw):
    """A server that answers a TLS 1.2 hello with other bytes, and closes.

    ALERT_PROTOCOL_VERSION: one that speaks TLS 1.0 and 1.1 alone. BAD_REQUEST: nginx and Apache on a port for plain http.
    """

    def __init__(self, answer):
        self.answer = answer
        super().__init__()
        self.url = "https://" + self.address

    def serve(self, connection):
        connection.recv(4096)
        connection.sendall(self.answer)


class Mirror(Listener):
    """A mirror of the hub with one repository, of whose API `lacks` names what it does not have:

    tree      the list of files: caches that pass on /resolve/ and /api/models/R/revision/ alone (olah before 0.3, nginx
              recipes that people share)
    api       all of /api/: folders behind a static web server with the hub's addresses
    commit    X-Repo-Commit: mirrors that drop the header on HEAD (padeoe/hf-mirror#56)
    size      X-Linked-Size and Content-Length on HEAD (same)
    """

    COMMIT = "d" * 40

    def __init__(self, repo, files, lacks=()):
        self.repo, self.files, self.lacks = repo, files, set(lacks)
        super().__init__(MirrorHandler)


class MirrorHandler(Handler):
    def entries(self):
        return [{"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
                 "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}}
                for path, data in self.server.files.items()]

    def do_GET(self):
        self.note()
        server, path = self.server, urllib.parse.unquote(self.path.split("?")[0])
        api, file = "/api/models/%s/" % server.repo, "/%s/resolve/" % server.repo
        if path.startswith("/api/") and "api" in server.lacks:
            return self.reply(404, b"not found\n", [("Content-Type", "text/plain")])
        if path.startswith(api + "revision/"):
            return self.reply(200, json.dumps({"id": server.repo, "sha": server.COMMIT}).encode(),
                              [("Content-Type", "application/json")])
        if path.startswith(api + "tree/") and "tree" not in server.lacks:
            return self.reply(200, json.dumps(self.entries()).encode(), [("Content-Type", "application/json")])
        name = path[len(file):].partition("/")[2] if path.startswith(file) else None
        if name in server.files:
            return self.file(server.files[name])
        return self.reply(404, b"not found\n", [("Content-Type", "text/plain")])

    do_HEAD = do_GET

    def file(self, data):
        headers = [("ETag", '"%s"' % hashlib.sha256(data).hexdigest()), ("Content-Type", "application/octet-stream")]
        if "commit" not in self.server.lacks:
            headers.append(("X-Repo-Commit", self.server.COMMIT))
        if self.command == "HEAD" and "size" in self.server.lacks:
            self.send_response(200)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            return None
        return self.reply(200, data, headers)
