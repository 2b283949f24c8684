# SPDX-License-Identifier: MIT
"""What stands before a docker-registry: it may list referrers, as newer registries do, and lie."""
import http.client
import json

import oci_site as site
from listener import Handler, Listener


class Request(Handler):
    def forward(self):
        size = self.headers.get("Content-Length")
        body = self.rfile.read(int(size)) if size else None
        self.server.asked.append((self.command, self.path))
        for lie in self.server.lies:
            answer = lie(self.command, self.path)
            if answer:
                return self.reply(*answer)
        if self.server.lists and "/referrers/" in self.path:
            return self.list()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.registry, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            self.hand_on(answer, answer.read(), body)
        finally:
            connection.close()

    def hand_on(self, answer, data, body):
        headers = [(name, value) for name, value in answer.getheaders() if name not in ("Content-Length", "Connection", "Date")]
        if self.server.lists and self.command == "PUT" and "/manifests/" in self.path and b'"subject"' in body:
            document = json.loads(body)
            self.server.referrers.append((document["subject"]["digest"], site.descriptor(site.MANIFEST, body, artifactType=document["artifactType"])))
            headers.append(("OCI-Subject", document["subject"]["digest"]))
        for change in self.server.changes:
            data = change(self.path, answer.getheader("Content-Range"), data)
        if self.command == "HEAD":
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            return self.end_headers()
        self.reply(answer.status, data, headers)

    def list(self):
        subject = self.path.split("?")[0].rsplit("/", 1)[1]
        found = [descriptor for of, descriptor in self.server.referrers if of == subject]
        self.reply(200, json.dumps({"schemaVersion": 2, "mediaType": site.INDEX, "manifests": found}).encode(), [("Content-Type", site.INDEX)])

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward


class Proxy(Listener):
    """`lies`: called with method and path, give an answer in the registry's place; `changes`: with path, range and body, the body to send."""

    def __init__(self, registry, lists=False):
        self.registry, self.lists, self.referrers, self.lies, self.changes = registry, lists, [], [], []
        super().__init__(Request)
        self.port = self.server_port
