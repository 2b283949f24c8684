# SPDX-License-Identifier: MIT
"""ncmodel on a machine of its own: a fresh root, home and profile in one folder."""
import glob
import json
import os
import subprocess

from meter import environment

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STORE = "server/ai/llama-cpp/models"


def has_option(binary, option):
    """Whether this ncmodel's pull knows an option."""
    told = subprocess.run([binary, "help", "pull"], capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    return option in told.stdout


class Machine:
    def __init__(self, binary, folder, ca=None):
        self.binary, self.folder = binary, folder
        self.root = os.path.join(folder, "root")
        os.makedirs(os.path.join(folder, "manifests", "bench"))
        os.makedirs(self.root)
        self.env = {
            **environment(folder), "NCMODEL_ROOT": self.root, "XDG_CONFIG_HOME": os.path.join(folder, ".config"),
            "NCMODEL_DATADIR": os.path.join(SOURCE, "manifests"), "NCMODEL_LAYOUT": "default",
            "NCMODEL_MANIFEST_DIR": os.path.join(folder, "manifests"), "NCMODEL_RESERVE": "0",
        }
        if ca:
            self.env["SSL_CERT_FILE"] = ca

    def want(self, files, url, pinned=True):
        """A manifest with one model for each file; `url(name)` says where it is. Not pinned, it says no more."""
        models = [{"id": file.name.rsplit(".", 1)[0], "name": file.name, "kind": "llm", "use_cases": ["General"],
                   "files": [{"from": [url(file.name)], "to": [{"store": "llama-cpp", "name": file.name}],
                              **({"size": file.size, "sha256": file.sha256} if pinned else {}), **({"insecure_http": True} if url(file.name).startswith("http:") else {})}]}
                  for file in files]
        with open(os.path.join(self.folder, "manifests", "bench", "phase-1-high.json"), "w", encoding="utf-8") as out:
            json.dump({"schema_version": 1, "profile": "bench", "phase": 1, "priority": "high", "models": models}, out)
        self.env["NCMODEL_PROFILE"] = "bench"
        return self

    def pull(self, *options):
        return [self.binary, "pull", "-y", *options]

    def verify(self, *options):
        return [self.binary, "verify", *options]

    def checkpoints(self):
        """Beside the lock."""
        return os.path.join(self.root, STORE, "ncmodel.lock.checkpoints")

    def path(self, name):
        return os.path.join(self.root, STORE, name)

    def partials(self):
        """What unfinished pulls left, largest first."""
        found = glob.glob(os.path.join(self.root, "**", ".ncmodel", "staging", "*"), recursive=True)
        found += glob.glob(os.path.join(self.root, "**", ".*", "staging", "*"), recursive=True)
        return sorted({path for path in found if os.path.isfile(path)}, key=os.path.getsize, reverse=True)
