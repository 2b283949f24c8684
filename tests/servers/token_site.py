# SPDX-License-Identifier: MIT
"""The service at a registry's realm: hands out the tokens that docker-registry believes (RS256, certificate in the header).

As the distribution specification has it: GET with Basic gives an access token, GET without a user one that gives nothing, POST
with a refresh token the same as Basic. As ollama.com has it (ollama/ollama server/auth.go, auth/auth.go): GET with "<public
key>:<signature>" over "GET,<URL>,<base64 of the hex SHA-256 of nothing>", in OpenSSH's form of the key.
"""
import base64
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

EMPTY = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()
SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what precedes an Ed25519 key of 32 bytes


def _openssl(folder, *arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, cwd=folder, check=False)


def _url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenSite:
    """`users`: name to password; `refresh`: the identity token; `keys`: public keys (base64) that have an account."""

    def __init__(self, folder, certificate, users, refresh, service="models", issuer="token-site"):
        self.folder, self.service, self.issuer = folder, service, issuer
        self.users, self.refresh, self.keys = users, refresh, set()
        self.bundle = os.path.join(folder, "issuer.pem")
        made = _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-keyout", "issuer.key",
                        "-out", "issuer.pem", "-subj", "/CN=token issuer")
        if made.returncode:
            raise RuntimeError(made.stderr.decode())
        self.asked = []  # (method, headers, query or form, who it was taken for)
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.startswith("/v2/"):
                    site.challenge(self)
                    return
                site.answer(self, urllib.parse.urlsplit(self.path).query)

            def do_POST(self):
                site.answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def challenge(self, request):
        """A registry at the same address, as Ollama's client wants it; it asks for a token and has nothing."""
        known = (request.headers["Authorization"] or "").startswith("Bearer ")
        request.send_response(404 if known else 401)
        if not known:
            host = request.headers["Host"]
            request.send_header("WWW-Authenticate", 'Bearer realm="https://%s/token",service="%s",scope="repository:acme/x:pull"'
                                % (host, self.service))
        request.send_header("Content-Length", "0")
        request.end_headers()

    def who(self, request, wish):
        """The account, "" for nobody in particular, None for somebody who is refused."""
        header = request.headers["Authorization"]
        if request.command == "POST":
            right = wish.get("grant_type") == ["refresh_token"] and wish.get("refresh_token") == [self.refresh] and wish.get("client_id")
            return "token" if right else None
        if not header:
            return ""
        if header.startswith("Basic "):
            user, _, password = base64.b64decode(header[6:]).decode().partition(":")
            return user if self.users.get(user) == password else None
        return "key" if self.signed(header, request) else None

    def signed(self, header, request):
        public, _, signature = header.partition(":")
        blob = base64.b64decode(public)
        if public not in self.keys or blob[:15] != b"\0\0\0\x0bssh-ed25519" or blob[15:19] != b"\0\0\0\x20":
            return False
        url = "https://%s%s" % (request.headers["Host"], request.path)
        with tempfile.TemporaryDirectory() as folder:
            for name, data in (("key.der", SPKI + blob[19:]), ("signature", base64.b64decode(signature)),
                               ("data", ("GET,%s,%s" % (url, EMPTY)).encode())):
                with open(os.path.join(folder, name), "wb") as out:
                    out.write(data)
            return _openssl(folder, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin",
                            "-in", "data", "-sigfile", "signature").returncode == 0

    def token(self, account, scopes):
        with open(self.bundle, encoding="ascii") as file:
            certificate = "".join(line.strip() for line in file if "-----" not in line)
        access = []
        for scope in scopes if account else []:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        parts = ({"typ": "JWT", "alg": "RS256", "x5c": [certificate]},
                 {"iss": self.issuer, "aud": self.service, "sub": account, "iat": now, "nbf": now - 60, "exp": now + 300,
                  "jti": str(len(self.asked)), "access": access})
        text = ".".join(_url64(json.dumps(part).encode()) for part in parts)
        signature = _openssl(self.folder, "dgst", "-sha256", "-sign", "issuer.key", data=text.encode()).stdout
        return text + "." + _url64(signature)

    def answer(self, request, text):
        wish = urllib.parse.parse_qs(text)
        account = self.who(request, wish)
        self.asked.append((request.command, dict(request.headers), wish, account))
        refused = account is None or wish.get("service") != [self.service]
        body = json.dumps({"details": "incorrect username or password"} if refused else
                          {("access_token" if request.command == "POST" else "token"): self.token(account, wish.get("scope", []))})
        request.send_response(401 if refused else 200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body.encode())
