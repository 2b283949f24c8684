# SPDX-License-Identifier: MIT
"""ComfyUI's own workflow templates, as its package index has them, in the test cache."""
import glob
import json
import os
import shutil

from peer import cache, locked, unpack_wheel

PACKAGE = "comfyui-workflow-templates-json==0.1.123"


def prepare():
    """The paths of what the package has there, or None with a word why."""
    home = os.path.join(cache(), PACKAGE.replace("==", "-"))
    with locked("templates-lock"):
        if not os.path.isdir(home):
            new = home + ".new"
            shutil.rmtree(new, ignore_errors=True)
            why = unpack_wheel(new, PACKAGE)
            if why:
                shutil.rmtree(new, ignore_errors=True)
                return None, why
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
