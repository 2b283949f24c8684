# SPDX-License-Identifier: MIT
"""What tests of `push` share: registries of their own, and models to push."""
import json
import os
import re
import sys

from harness import SOURCE, Case

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers"), os.path.join(SOURCE, "tests", "fixtures")]
import oci_site as site  # noqa: E402
import registries  # noqa: E402
import registry_site  # noqa: E402

USER, PASSWORD = "modelwriter", "pass:Canary-4718-word"
LLAMA = "server/ai/llama-cpp/models"
servers = None


def start(*kinds):
    """Runs registries of these kinds for a module."""
    global servers
    servers = registries.for_module(USER, PASSWORD, "refresh-Canary-0818-token", kinds)
    return servers


class PushCase(Case):
    count = 0

    def setUp(self):
        super().setUp()
        PushCase.count += 1
        self.machine.env |= {"SSL_CERT_FILE": servers._path("ca.pem"), "NO_PROXY": "localhost,127.0.0.1,::1"}

    def installed(self, files, store="llama-cpp", name=None):
        """A model of these files, registered; returns its id."""
        artifact = site.modelpack(name or f"origin/m{self.count}", "v1", files)
        site.push(servers.ports["open"], artifact)
        self.pull(f"oci:localhost:{servers.ports['open']}/{artifact.name}:v1", "--to", store)
        return self.machine.registry()["models"][-1]["id"]

    def place(self, name="", tag="v1", port=None, host="localhost"):
        return f"oci:{host}:{port or servers.ports['open']}/pushed/p{self.count}{name}:{tag}"

    def push(self, *arguments, code=0, env=None):
        result = self.machine.run("push", *arguments, "--json", env=env)
        self.assertEqual(result.returncode, code, result.out + result.err)
        return json.loads(result.out)

    def manifest(self, place, port=None):
        repository, tag = re.fullmatch(r"oci:[^/]+/(.*):([^:]+)", place).groups()
        status, headers, body = registry_site._ask(port or servers.ports["open"], "GET", f"/v2/{repository}/manifests/{tag}",
                                                   headers={"Accept": site.MANIFEST})
        return json.loads(body) if status == 200 else None

    def blob(self, place, digest, port=None):
        repository = re.fullmatch(r"oci:[^/]+/(.*):[^:]+", place)[1]
        status, _, body = registry_site._ask(port or servers.ports["open"], "GET", f"/v2/{repository}/blobs/{digest}")
        self.assertEqual((status, site.digest(body)), (200, digest))
        return body
