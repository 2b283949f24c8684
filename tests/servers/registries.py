# SPDX-License-Identifier: MIT
"""docker-registry in several kinds over one storage: open, with htpasswd and with tokens, over http and over TLS."""
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import loopback
import registry_site
import token_site


class Registries(loopback.Loopback):
    """`names`: of the kinds below that are wanted. `ports`, `tokens` (the service at the realms) and `log` are for tests."""

    def __init__(self, state, user, password, refresh, names):
        super().__init__(state)
        self.user, self.password, self.refresh, self.names = user, password, refresh, names

    def _kinds(self, certificate):
        secure, users = registry_site.tls(certificate), registry_site.htpasswd(self._path("htpasswd"))
        own, by_name = (registry_site.token(f"https://{host}:{self.tokens.port}/token", "models", self.tokens.issuer, self.tokens.bundle)
                        for host in ("localhost", "registry.localhost"))
        return {"open": {}, "basic": {"more": users, "tls": secure}, "clear": {"more": users},
                "own": {"more": own, "tls": secure}, "token": {"more": by_name, "tls": secure}}

    def start(self):
        os.makedirs(self._path("registry"))
        self._certificates()
        certificate = (self._path("server.pem"), self._path("server.key"))
        subprocess.run([loopback.program("htpasswd"), "-Bbc", self._path("htpasswd"), self.user, self.password], check=True, capture_output=True)
        self.tokens = token_site.TokenSite(self.state, certificate, {self.user: self.password}, self.refresh)
        kinds = self._kinds(certificate)
        self.ports = dict(zip(self.names, loopback.free_ports(len(self.names))))
        for name, port in self.ports.items():
            self.serve(name, port, "127.0.0.1", **kinds[name])
        return self

    def stop(self):
        super().stop()
        self.tokens.stop()

    def serve(self, name, port, address, **kind):
        """One more registry over the same storage."""
        with open(self._path(name + ".yml"), "w", encoding="utf-8") as out:
            out.write(registry_site.configuration(self._path("registry"), port, address, **kind))
        self._spawn(name + ".log", loopback.program("docker-registry"), "serve", self._path(name + ".yml"))
        self._await_port(address.strip("[]"), port)

    def _await_port(self, address, port):
        for _ in range(200):
            try:
                socket.create_connection((address, port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"{address} {port} does not answer")

    def log(self, name):
        with open(self._path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()


def for_module(*arguments):
    """Runs them, in a folder of their own, until the tests of a module are done."""
    folder = tempfile.mkdtemp(prefix="ncmodel-registries-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    servers = Registries(folder, *arguments)
    servers.start()
    unittest.addModuleCleanup(servers.stop)
    return servers
