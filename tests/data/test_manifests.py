#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shipped manifests, layouts and schemas: do they say what they mean, and do they agree with each other?

Each check is a function that returns the faults it finds in a `Shipped`. The checks run over the real files, and then
each one is shown faulty data that it has to object to. Python's standard library is enough; if the module jsonschema
is there, it is asked for a second opinion about the schemas.
"""
import copy
import json
import os
import re
import sys
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "manifests")
PRIORITIES = {1: "high", 2: "medium", 3: "low"}
PROFILES = ["nc-dev-rtx4090", "nebula-rtx3060", "nexus", "noa", "vector-weight"]
LAYOUTS = ["default", "linux"]
SCHEMAS = ["config", "gpus", "layout", "lock", "manifest", "memory", "models"]
NOA_USE_CASES = {"CodeGeneration": 4, "Reasoning": 6, "General": 10, "AgentTask": 5, "FunctionCalling": 2, "Vision": 1}
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
HEX = re.compile(r"[0-9a-f]{64}\Z")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


class DuplicateKey(Exception):
    pass


def parse_json(text):
    """JSON in which no object has a key twice."""

    def pairs(items):
        result = {}
        for key, value in items:
            if key in result:
                raise DuplicateKey(key)
            result[key] = value
        return result

    return json.loads(text, object_pairs_hook=pairs)


class Shipped:
    """All files below manifests/, as text and parsed."""

    def __init__(self, root):
        self.texts = {}
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", newline="") as file:
                    self.texts[os.path.relpath(path, root).replace(os.sep, "/")] = file.read()
        self.docs = {path: parse_json(text) for path, text in self.texts.items()}

    def manifests(self):
        for path in sorted(self.docs):
            if path.split("/")[0] not in ("schema", "layouts", "memory", "gpus.json"):
                yield path, self.docs[path]

    def profiles(self):
        """Profile -> [(path, manifest)], phases in order."""
        result = {}
        for path, doc in self.manifests():
            result.setdefault(path.split("/")[0], []).append((path, doc))
        return result

    def models(self):
        for path, doc in self.manifests():
            for model in doc["models"]:
                yield f"{path}: {model['id']}", model

    def files(self):
        """(place in words, model, variant or None, file)"""
        for where, model in self.models():
            for file in model["files"]:
                yield where, model, None, file
            for variant in model.get("variants", []):
                for file in variant["files"]:
                    yield f"{where} ({variant['name']})", model, variant, file

    def schema(self, name):
        return self.docs[f"schema/{name}.schema.json"]

    def layout(self, name):
        return self.docs[f"layouts/{name}.json"]

    def model(self, profile, model_id):
        for _, doc in self.profiles()[profile]:
            for model in doc["models"]:
                if model["id"] == model_id:
                    return model
        raise KeyError(model_id)


# ---------------------------------------------------------------------------------------------------- JSON Schema

KEYWORDS = {
    "$schema", "$id", "$ref", "$defs", "title", "description", "default", "type", "properties", "patternProperties", "required",
    "additionalProperties", "enum", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength",
    "minProperties", "minItems", "maxItems", "uniqueItems", "items", "oneOf", "anyOf",
}


def has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return {
        "object": isinstance(value, dict), "array": isinstance(value, list), "string": isinstance(value, str),
        "integer": isinstance(value, int), "number": isinstance(value, (int, float)), "null": value is None,
    }.get(name, False)


def matches(pattern, text):
    """As POSIX has it: "$" is the very end."""
    if pattern.endswith("$"):
        pattern = pattern[:-1] + r"\Z"
    return re.search(pattern, text) is not None


def validate(root, schema, value, path="$"):
    """The faults of a value, by the part of JSON Schema 2020-12 that our schemas use."""
    if schema is True:
        return []
    if schema is False:
        return [f"{path}: not allowed"]
    faults = []
    if "$ref" in schema:
        faults += validate(root, root["$defs"][schema["$ref"][len("#/$defs/"):]], value, path)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(has_type(value, name) for name in types):
        return faults + [f"{path}: is not {' or '.join(types)}"]
    if "enum" in schema and not any(type(word) is type(value) and word == value for word in schema["enum"]):
        faults.append(f"{path}: {value!r} is not one of {schema['enum']}")
    if "const" in schema and not (type(schema["const"]) is type(value) and schema["const"] == value):
        faults.append(f"{path}: {value!r} is not {schema['const']!r}")
    if isinstance(value, dict):
        if len(value) < schema.get("minProperties", 0):
            faults.append(f"{path}: has {len(value)} members")
        faults += [f"{path}: \"{key}\" is missing" for key in schema.get("required", []) if key not in value]
        for key, member in value.items():
            rules = [schema["properties"][key]] if key in schema.get("properties", {}) else []
            rules += [rule for pattern, rule in schema.get("patternProperties", {}).items() if matches(pattern, key)]
            for rule in rules or [schema.get("additionalProperties", True)]:
                faults += validate(root, rule, member, f"{path}.{key}")
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            faults.append(f"{path}: has {len(value)} items")
        if schema.get("uniqueItems") and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
            faults.append(f"{path}: holds something twice")
        for index, item in enumerate(value):
            faults += validate(root, schema.get("items", True), item, f"{path}[{index}]")
    elif isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            faults.append(f"{path}: has {len(value)} characters")
        if "pattern" in schema and not matches(schema["pattern"], value):
            faults.append(f"{path}: {value!r} does not have the form {schema['pattern']}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            faults.append(f"{path}: {value} is out of bounds")
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            faults.append(f"{path}: {value} is out of bounds")
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            right = sum(not validate(root, branch, value, path) for branch in schema[keyword])
            if right == 0 or (keyword == "oneOf" and right > 1):
                faults.append(f"{path}: fits {right} of the forms")
    return faults


def subschemas(schema, path):
    """(path, schema, is it the rule of a named property) for a schema and all below it."""
    yield path, schema, False
    for key in ("properties", "patternProperties"):
        for name, rule in schema.get(key, {}).items():
            for index, found in enumerate(subschemas(rule, f"{path}/{name}")):
                yield found[0], found[1], found[2] or index == 0
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key], f"{path}/{key}")
    for name, rule in schema.get("$defs", {}).items():
        yield from subschemas(rule, f"{path}/$defs/{name}")
    for key in ("oneOf", "anyOf"):
        for index, rule in enumerate(schema.get(key, [])):
            yield from subschemas(rule, f"{path}/{key}/{index}")


# -------------------------------------------------------------------------------------------------------- sources

OLLAMA = re.compile(r"ollama:(?:(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?)/)?(?:(?P<space>[A-Za-z0-9][A-Za-z0-9._-]*)/)?"
                    r"(?P<model>[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@sha256:[0-9a-f]{64})?\Z")
HF = re.compile(r"hf:(?P<org>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<repo>[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<path>[^@\s#?]+))?(?:@(?P<revision>[A-Za-z0-9._/-]+))?\Z")
CIVITAI = re.compile(r"civitai:[0-9]+(?:@[0-9]+)?(?:\?(?P<query>[A-Za-z]+=[A-Za-z0-9]+(?:&[A-Za-z]+=[A-Za-z0-9]+)*))?\Z")
HTTPS = re.compile(r"https://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?P<path>/[^\s?#]+)(?:\?[^\s#]*)?(?:#sha256=[0-9a-f]{64})?\Z")
CIVITAI_KEYS = {"fileId", "type", "format", "size", "fp"}


def parse_source(uri):
    """(scheme, its parts), or None if the source's grammar does not have it."""
    for scheme, grammar in (("ollama", OLLAMA), ("hf", HF), ("civitai", CIVITAI), ("https", HTTPS)):
        match = grammar.match(uri)
        if not match:
            continue
        parts = match.groupdict()
        if scheme == "hf" and parts["path"] and ".." in parts["path"].split("/"):
            return None
        if scheme == "civitai" and parts["query"]:
            keys = [pair.split("=")[0] for pair in parts["query"].split("&")]
            if len(set(keys)) < len(keys) or set(keys) - CIVITAI_KEYS:
                return None
        return scheme, parts
    return None


def is_glob(path):
    return any(sign in path for sign in "*?[")


def many_files(file):
    """A whole repository, or the part of one that a pattern chooses."""
    source = parse_source(file["from"][0])
    return source is not None and source[0] == "hf" and (source[1]["path"] is None or is_glob(source[1]["path"]))


def base_name(uri):
    source = parse_source(uri)
    if source is None or source[0] not in ("hf", "https") or not source[1]["path"]:
        return None
    return source[1]["path"].rsplit("/", 1)[-1]


def final_names(file):
    """The names that a file may come to have: as asked, else the source's own."""
    return [target.get("name") or base_name(file["from"][0]) or "" for target in file.get("to", [])]


# --------------------------------------------------------------------------------------------------------- checks


def check_texts(shipped):
    faults = []
    for path, text in shipped.texts.items():
        if not text.endswith("}\n") or text.endswith("\n\n"):
            faults.append(f"{path}: does not end with one line feed")
        for number, line in enumerate(text.split("\n"), 1):
            if "\t" in line or "\r" in line or line != line.rstrip():
                faults.append(f"{path}:{number}: has a tab, a carriage return or trailing space")
            if (len(line) - len(line.lstrip(" "))) % 2:
                faults.append(f"{path}:{number}: is not indented by twos")
        try:
            parse_json(text)
        except DuplicateKey as error:
            faults.append(f"{path}: the key {error} is there twice")
    return faults


def check_all_there(shipped):
    wanted = {f"schema/{name}.schema.json" for name in SCHEMAS} | {f"layouts/{name}.json" for name in LAYOUTS}
    faults = [f"{path} is missing" for path in sorted(wanted - set(shipped.docs))]
    # what is printed has schemas of its own, which tests/integration/test_output.py holds against it
    others = [path for path in shipped.docs if path.split("/")[0] in ("schema", "layouts") and not path.startswith("schema/output/")]
    faults += [f"{path} should not be there" for path in others if path not in wanted]
    if sorted(shipped.profiles()) != PROFILES:
        faults.append(f"the profiles are {sorted(shipped.profiles())}")
    return faults


def check_schemas(shipped):
    faults = []
    for name in SCHEMAS:
        root = shipped.schema(name)
        for path, schema, named in subschemas(root, name):
            faults += [f"{path}: the keyword {key} is not in our subset" for key in schema if key not in KEYWORDS]
            faults += [f"{path}: has no description" for _ in [0] if named and "description" not in schema]
            # an alternative that is nothing else says which of the keys that are described around it
            faults += [f"{path}: requires {key}, which it does not describe" for key in schema.get("required", [])
                       if key not in schema.get("properties", {}) and set(schema) != {"required"}]
            # the keys of mirrors are URLs, those of servers names of the user's; elsewhere a pattern would hide a misspelt key
            if any(key != "^x-" for key in schema.get("patternProperties", {})) and path not in ("config/mirrors", "config/servers"):
                faults.append(f"{path}: a patternProperties other than ^x-")
            if "$ref" in schema and schema["$ref"][len("#/$defs/"):] not in root.get("$defs", {}):
                faults.append(f"{path}: {schema['$ref']} leads nowhere")
            # both kinds of expression have \[ and \] for brackets, and nothing else for both of them
            pattern = re.sub(r"\\[][]", "", schema.get("pattern", ""))
            if "\\" in pattern or "(?" in pattern or re.search(r"[*+?}][?+]", pattern):
                faults.append(f"{path}: {pattern} is not a POSIX extended regular expression")
        if root.get("$schema") != "https://json-schema.org/draft/2020-12/schema":
            faults.append(f"{name}: is not of draft 2020-12")
    return faults


def kind_of(path):
    """The schema that a shipped file keeps to."""
    return {"schema": None, "layouts": "layout", "memory": "memory", "gpus.json": "gpus"}.get(path.split("/")[0], "manifest")


def check_memory(shipped):
    """The models that a profile's rules of memory name are its own."""
    faults = []
    for profile, manifests in shipped.profiles().items():
        doc = shipped.docs.get(f"memory/{profile}.json", {})
        ids = {model["id"] for _, manifest in manifests for model in manifest["models"]}
        preload = [name for _, manifest in manifests for name in manifest.get("runtime", {}).get("preload", [])]
        named = list(preload)
        for row in doc.get("tasks", []) + doc.get("stages", []) + doc.get("contexts", []) + doc.get("pick_one", []):
            named += row["models"]
        faults += [f"memory/{profile}.json: of {row['title']} more than one is preloaded"
                   for row in doc.get("pick_one", []) if len(set(preload) & set(row["models"])) > 1]
        faults += [f"memory/{profile}.json: {name} is no model of the profile" for name in named if name not in ids]
        if doc.get("profile", profile) != profile:
            faults.append(f"memory/{profile}.json: says it is of the profile {doc['profile']}")
    return faults


def check_against_schemas(shipped):
    faults = []
    for path, doc in shipped.docs.items():
        kind = kind_of(path)
        if kind:
            schema = shipped.schema(kind)
            faults += [f"{path}: {fault}" for fault in validate(schema, schema, doc)]
            beside = os.path.normpath(os.path.join(os.path.dirname(path), doc.get("$schema", ""))).replace(os.sep, "/")
            if beside != f"schema/{kind}.schema.json":
                faults.append(f"{path}: \"$schema\" does not name its schema")
    return faults


def check_phases(shipped):
    faults = []
    for profile, manifests in shipped.profiles().items():
        for path, doc in manifests:
            if PRIORITIES.get(doc["phase"]) != doc["priority"]:
                faults.append(f"{path}: phase {doc['phase']} is not {doc['priority']}")
            if path != f"{profile}/phase-{doc['phase']}-{doc['priority']}.json":
                faults.append(f"{path}: is not the name of phase {doc['phase']}, {doc['priority']}")
            if doc["profile"] != profile:
                faults.append(f"{path}: says it is of the profile {doc['profile']}")
        phases = [doc["phase"] for _, doc in manifests]
        if phases[0] != 1 or phases != sorted(set(phases)):  # a document may have nothing between what is needed and what is optional
            faults.append(f"{profile}: the phases are {phases}")
    return faults


def check_ids(shipped):
    faults = []
    for profile, manifests in shipped.profiles().items():
        names = {}
        for _, doc in manifests:
            for model in doc["models"]:
                for word in {word.casefold() for word in [model["id"], model["name"], *model.get("aliases", [])]}:
                    if names.setdefault(word, model) is not model:
                        faults.append(f"{profile}: \"{word}\" is {names[word]['id']} and {model['id']}")
                variants = [variant["name"] for variant in model.get("variants", [])]
                if len(set(variants)) < len(variants):
                    faults.append(f"{profile}: {model['id']} has two variants of one name")
    return faults


def check_requires(shipped):
    faults = []
    for profile, manifests in shipped.profiles().items():
        order, needs = {}, {}
        for _, doc in manifests:
            for model in doc["models"]:
                order[model["id"]] = len(order)
                needs[model["id"]] = model.get("requires", [])
        for model, required in needs.items():
            for other in required:
                if other not in order:
                    faults.append(f"{profile}: {model} requires {other}, which is not there")
                elif order[other] >= order[model]:
                    faults.append(f"{profile}: {model} requires {other}, which comes no earlier")
    return faults


def check_digests(shipped):
    """Forms, and that one digest has one size and one content wherever it is written."""
    faults, sizes, contents = [], {}, {}

    def one_size(where, digest, size):
        if sizes.setdefault(digest, size) != size:
            faults.append(f"{where}: {digest} has {size} bytes here, {sizes[digest]} elsewhere")

    for where, _, _, file in shipped.files():
        layers = file.get("layers", [])
        for digest in [layer["digest"] for layer in layers] + ([file["digest"]] if "digest" in file else []):
            if not digest.startswith("sha256:") or not HEX.match(digest[len("sha256:"):]):
                faults.append(f"{where}: {digest} is not a digest")
        if "sha256" in file and not HEX.match(file["sha256"]):
            faults.append(f"{where}: {file['sha256']} is not a SHA-256")
        if "sha256" in file and "size" in file:
            one_size(where, "sha256:" + file["sha256"], file["size"])
        for layer in layers:
            one_size(where, layer["digest"], layer["size"])
        if layers and [layer["type"] for layer in layers].count("config") != 1:
            faults.append(f"{where}: the layers do not have one config")
        if layers and not any(layer["type"] == "model" for layer in layers):
            faults.append(f"{where}: no layer is the model")
        if "digest" in file and not layers:
            faults.append(f"{where}: a digest without layers")
        if "digest" in file and contents.setdefault(file["digest"], layers) != layers:
            faults.append(f"{where}: {file['digest']} has other layers elsewhere")
        is_ollama = file["from"][0].startswith("ollama:")
        if is_ollama and {"sha256", "size", "extract", "include", "exclude"} & set(file):
            faults.append(f"{where}: an Ollama model is pinned by digest and layers")
        if not is_ollama and {"digest", "layers"} & set(file):
            faults.append(f"{where}: only an Ollama model has layers")
        if ("expected_size" in file) != ("expected_size_source" in file):
            faults.append(f"{where}: an expected size and its source go together")
        if "expected_size" in file and {"size", "layers"} & set(file):
            faults.append(f"{where}: an expected size beside an exact one")
    return faults


def check_sources(shipped):
    faults = []
    for where, _, _, file in shipped.files():
        for uri in file["from"]:
            source = parse_source(uri)
            if source is None:
                faults.append(f"{where}: {uri} is not a source")
                continue
            scheme, parts = source
            if scheme == "hf" and parts["revision"] and not re.fullmatch("[0-9a-f]{40}", parts["revision"]):
                faults.append(f"{where}: {uri} is pinned to what can move")
            if scheme == "https" and parts["host"] == "codeload.github.com" and not re.fullmatch(r"/[^/]+/[^/]+/tar\.gz/[0-9a-f]{40}", parts["path"]):
                faults.append(f"{where}: {uri} is not the archive of a commit")
        if ("include" in file or "exclude" in file) and not many_files(file):
            faults.append(f"{where}: patterns for a single file")
        if many_files(file) and {"size", "sha256"} & set(file):
            faults.append(f"{where}: a size or SHA-256 for several files")
    return faults


def check_alternates(shipped):
    """Several places are the same bytes only if a SHA-256 says so."""
    faults = []
    for where, _, _, file in shipped.files():
        if len(file["from"]) < 2:
            continue
        sources = [parse_source(uri) or ("?", {}) for uri in file["from"]]
        if "sha256" not in file:
            faults.append(f"{where}: several places, but no SHA-256")
        if any(scheme == "ollama" for scheme, _ in sources) or many_files(file) or "extract" in file:
            faults.append(f"{where}: several places of what is not one file")
        if len({(scheme, parts.get("org"), parts.get("repo"), parts.get("host")) for scheme, parts in sources}) < len(sources):
            faults.append(f"{where}: the same place twice")
        names = [base_name(uri) for uri in file["from"]]
        if len({os.path.splitext(name)[1] for name in names if name}) > 1:
            faults.append(f"{where}: places of different kinds of file")
        if len(set(names)) > 1 and any("name" not in target for target in file.get("to", [])):
            faults.append(f"{where}: the places call it differently, and it has no name of its own")
    return faults


def check_places(shipped):
    faults = []
    for name in LAYOUTS:
        layout = shipped.layout(name)
        for store, facts in layout["stores"].items():
            for word in [store, *facts.get("folders", {})]:
                if not NAME.match(word):
                    faults.append(f"layout {name}: {word} is not a name")
            for path in facts.get("folders", {}).values():
                if path.startswith("/") or {"", ".", ".."} & set(path.split("/")) or "\\" in path:
                    faults.append(f"layout {name}: {store} has the folder {path}")
            if facts["kind"] == "ollama" and "folders" in facts:
                faults.append(f"layout {name}: {store} has folders")
        for where, _, _, file in shipped.files():
            is_ollama = file["from"][0].startswith("ollama:")
            if not is_ollama and "to" not in file:
                faults.append(f"{where}: does not say where it goes")
            for target in file.get("to", [{"store": "ollama"}]):
                store = layout["stores"].get(target["store"])
                if store is None:
                    faults.append(f"{where}: the layout {name} has no store {target['store']}")
                    continue
                if "folder" in target and target["folder"] not in store.get("folders", {}):
                    faults.append(f"{where}: {target['store']} has no folder {target['folder']} in the layout {name}")
                if (store["kind"] == "ollama") != is_ollama:
                    faults.append(f"{where}: is not for the store {target['store']}")
                if is_ollama and ("folder" in target or "name" in target):
                    faults.append(f"{where}: an Ollama store names its files itself")
                if many_files(file) and "name" not in target:
                    faults.append(f"{where}: several files without a folder of their own")
                parts = target.get("name", "x").split("/")
                if any(part in ("", ".", "..") or part[0] in "-~ " or part[-1] in ". " or re.search(r'[\\<>:"|?*\x00-\x1f]', part) for part in parts):
                    faults.append(f"{where}: {target['name']} is not a safe path")
        if "extract" in file and len(file["to"]) > 1:
            faults.append(f"{where}: an archive for several places")
    for store in shipped.layout("default")["stores"]:
        if store not in shipped.layout("linux")["stores"]:
            faults.append(f"the layout linux has no store {store}")
    return faults


def check_collisions(shipped):
    """In a profile no two files have one path unless they are the same bytes; letter case does not tell paths apart."""
    faults = []
    for name in LAYOUTS:
        stores = shipped.layout(name)["stores"]
        for profile, manifests in shipped.profiles().items():
            taken = {}
            inside = Shipped.__new__(Shipped)
            inside.docs = dict(manifests)
            for where, _, _, file in inside.files():
                for target in file.get("to", [{"store": "ollama"}]):
                    store = stores.get(target["store"], {"path": target["store"]})
                    if file["from"][0].startswith("ollama:"):
                        scheme_parts = parse_source(file["from"][0])
                        own = "/".join(filter(None, scheme_parts[1].values())) if scheme_parts else file["from"][0]
                    else:
                        own = target.get("name") or base_name(file["from"][0]) or ""
                    folder = store.get("folders", {}).get(target.get("folder"), "")
                    path = "/".join(part for part in (store["path"], folder, own) if part).casefold()
                    content = file.get("sha256") or json.dumps([file["from"][0], file.get("digest"), file.get("include")])
                    other = taken.setdefault(path, (where, content))
                    if other[1] != content:
                        faults.append(f"{where}: {path} is {other[0]}'s place")
                    if many_files(file) or "extract" in file:
                        taken[path + "/"] = (where, content)
            folders = [(path, owner) for path, owner in taken.items() if path.endswith("/")]
            for folder, owner in folders:
                for path, other in taken.items():
                    if path != folder and path != folder[:-1] and path.startswith(folder):
                        faults.append(f"{other[0]}: {path} lies in the folder of {owner[0]}")
    return faults


def check_pickles(shipped):
    faults = []
    for where, model, variant, file in shipped.files():
        if "allow_pickle" in file or "insecure_http" in file:
            faults.append(f"{where}: loosens what the user has to loosen")
        names = final_names(file) + [base_name(uri) or "" for uri in file["from"]]
        if not any(name.lower().endswith(PICKLES) for name in names) or "sha256" in file:
            continue
        if variant is None:
            faults.append(f"{where}: a pickle without SHA-256 in the default form")
        elif not any("--allow-pickle" in note and variant["name"] in note for note in model.get("notes", [])):
            faults.append(f"{where}: a pickle without SHA-256, and no note says so")
    return faults


def check_gates(shipped):
    return [f"{where}: gated, but no page to accept the licence" for where, model in shipped.models() if model.get("gated") and "gate_url" not in model]


def check_licences(shipped):
    """Each has a class and its source; what nobody states is not called free, and what says "non-commercial" is not sold."""
    faults = []
    for where, model in shipped.models():
        if "license_class" not in model or "license_source" not in model:
            faults.append(f"{where}: no licence class, or no source of it")
        elif "license" not in model and model["license_class"] != "unknown":
            faults.append(f"{where}: {model['license_class']} without a licence")
        elif re.search(r"non-?commercial|-NC-|research", model.get("license", ""), re.IGNORECASE) and model["license_class"] != "non-commercial":
            faults.append(f"{where}: {model['license']} is not {model['license_class']}")
    return faults


def check_noa(shipped):
    counts, models = dict.fromkeys(NOA_USE_CASES, 0), []
    for _, doc in shipped.profiles()["noa"]:
        models += doc["models"]
    for model in models:
        for word in model["use_cases"]:
            counts[word] = counts.get(word, 0) + 1
    faults = [f"noa: {word} has {counts[word]} models, not {wanted}" for word, wanted in NOA_USE_CASES.items() if counts[word] != wanted]
    if len(models) != 15:
        faults.append(f"noa: has {len(models)} models, not 15")
    for model in models:
        if model["files"][0].get("to", [{}])[0].get("store") != "llama-cpp":
            faults.append(f"noa: {model['id']} does not go to llama.cpp")
        if "performance_score" not in model or "cost_score" not in model:
            faults.append(f"noa: {model['id']} has no scores")
    return faults


def check_same_models(shipped):
    """One id is one model, whatever the profile; what it is for, and how good, each document says for itself."""
    faults, known = [], {}
    shared = ("name", "aliases", "kind", "architecture", "parameters", "license", "license_class", "license_source", "gated", "context_length", "dimensions", "requires")
    for where, model in shipped.models():
        facts = {key: model.get(key) for key in shared}
        other = known.setdefault(model["id"], (where, facts))
        faults += [f"{where}: {key} is not that of {other[0]}" for key in shared if other[1][key] != facts[key]]
    return faults


def check_vram(shipped):
    faults = []
    for where, model in shipped.models():
        vram = model.get("vram_gb")
        if isinstance(vram, dict) and vram["min"] > vram.get("max", vram["min"]):
            faults.append(f"{where}: the least VRAM is more than the most")
    return faults


def check_words(shipped):
    """Texts are for users: nothing of where the facts come from, no paths of ours."""
    unwanted = re.compile(r"\bseeds?\b|\bcatalog|provenance|\bidx:|/tmp/|\bTODO\b|\bGK\b", re.IGNORECASE)
    return [f"{path}: says {match.group(0)!r}" for path, text in shipped.texts.items() for match in unwanted.finditer(text)
            if match.group(0).lower() not in ("seed",) or "seed data" not in text[match.start():match.start() + 12].lower()]


CHECKS = [check_texts, check_all_there, check_schemas, check_against_schemas, check_memory, check_phases, check_ids, check_requires, check_digests, check_sources,
          check_alternates, check_places, check_collisions, check_pickles, check_gates, check_licences, check_noa, check_same_models, check_vram, check_words]

# --------------------------------------------------------------------------------------- faulty data for each check


def first(shipped, path):
    return shipped.docs[path]["models"][0]


def noa(shipped, model_id):
    return shipped.model("noa", model_id)


def nebula(shipped, model_id):
    return shipped.model("nebula-rtx3060", model_id)


def put_text(path, old, new):
    def change(shipped):
        assert old in shipped.texts[path], f"{old!r} is not in {path}"
        shipped.texts[path] = shipped.texts[path].replace(old, new, 1)

    return change


def ollama_file(shipped):
    return nebula(shipped, "llama-3.2-3b")["files"][0]


NOA1 = "noa/phase-1-high.json"
HOW_TO_SPOIL = {
    check_texts: [
        put_text(NOA1, '"phase": 1,', '"phase": 1,\n  "phase": 1,'),
        put_text(NOA1, '  "phase": 1,', '\t"phase": 1,'),
        put_text(NOA1, '"phase": 1,', '"phase": 1, '),
        put_text(NOA1, '  "phase": 1,', '   "phase": 1,'),
        lambda s: s.texts.update({NOA1: s.texts[NOA1].rstrip("\n")}),
    ],
    check_all_there: [
        lambda s: s.docs.pop("layouts/linux.json"),
        lambda s: s.docs.update({"schema/other.schema.json": {}}),
        lambda s: [s.docs.pop(path) for path, _ in s.profiles()["nexus"]],
    ],
    check_schemas: [
        lambda s: s.schema("manifest").update(maxProperties=1),
        lambda s: s.schema("manifest")["$defs"]["model"]["properties"]["id"].update(pattern="^\\d+$"),
        lambda s: s.schema("manifest")["$defs"]["model"]["properties"]["id"].update(pattern="^(?!a)"),
        lambda s: s.schema("manifest")["$defs"]["model"]["properties"]["id"].update(pattern="a.*?b"),
        lambda s: s.schema("lock")["$defs"]["entry"]["properties"]["trust"].pop("description"),
        lambda s: s.schema("models")["$defs"].pop("file"),
        lambda s: s.schema("layout").update(patternProperties={"^y": {"description": "?"}}),
        lambda s: s.schema("layout")["required"].append("nothing"),
        lambda s: s.schema("layout").pop("$schema"),
    ],
    check_against_schemas: [
        lambda s: first(s, NOA1).pop("id"),
        lambda s: first(s, NOA1).update(id="Upper"),
        lambda s: first(s, NOA1).update(colour="red"),
        lambda s: first(s, NOA1).update(use_cases=["Cooking"]),
        lambda s: first(s, NOA1).update(use_cases=["General", "General"]),
        lambda s: first(s, NOA1).update(vram_gb=0),
        lambda s: first(s, NOA1).update(vram_gb={"max": 3}),
        lambda s: first(s, NOA1).update(context_length=1.5),
        lambda s: first(s, NOA1).update(gated="yes"),
        lambda s: first(s, NOA1).update(files=[]),
        lambda s: first(s, NOA1)["files"][0].update(sha256="ABC"),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["ftp://host/file"]}),
        lambda s: s.docs[NOA1].update(schema_version=True),
        lambda s: s.docs[NOA1].update(phase=4),
        lambda s: s.docs[NOA1].update({"$schema": "manifest.schema.json"}),
        lambda s: s.layout("linux")["stores"]["ollama"].update(kind="tape"),
    ],
    check_memory: [
        lambda s: s.docs["nebula-rtx3060/phase-1-high.json"]["runtime"]["preload"].append("nobody"),
        lambda s: s.docs["memory/nc-dev-rtx4090.json"]["stages"][1].update(models=["nobody"]),
        lambda s: s.docs["memory/nc-dev-rtx4090.json"].update(profile="noa"),
        lambda s: s.docs["memory/nebula-rtx3060.json"]["contexts"][0].update(models=["nobody"]),
        lambda s: s.docs["memory/nebula-rtx3060.json"]["pick_one"][0]["models"].append("nomic-embed-text"),
    ],
    check_phases: [
        lambda s: s.docs[NOA1].update(priority="low"),
        lambda s: s.docs[NOA1].update(phase=2, priority="medium"),
        lambda s: s.docs[NOA1].update(profile="nexus"),
        lambda s: s.docs.pop("noa/phase-1-high.json"),
    ],
    check_ids: [
        lambda s: first(s, "noa/phase-2-medium.json").update(id=first(s, NOA1)["id"]),
        lambda s: first(s, NOA1).update(aliases=["QWEN3-4B"]),
        lambda s: first(s, NOA1)["variants"].append(copy.deepcopy(first(s, NOA1)["variants"][0])),
    ],
    check_requires: [
        lambda s: first(s, NOA1).update(requires=["nothing"]),
        lambda s: first(s, NOA1).update(requires=[first(s, NOA1)["id"]]),
        lambda s: first(s, NOA1).update(requires=["octopus-v2"]),
    ],
    check_digests: [
        lambda s: first(s, NOA1)["files"][0].update(sha256="A" * 64),
        lambda s: first(s, NOA1)["files"][0].update(sha256="a" * 63),
        lambda s: ollama_file(s).update(digest="a" * 64),
        lambda s: ollama_file(s)["layers"][0].update(size=1),
        lambda s: ollama_file(s)["layers"].pop(),
        lambda s: ollama_file(s)["layers"].pop(0),
        lambda s: ollama_file(s).pop("layers"),
        lambda s: ollama_file(s)["layers"].reverse(),
        lambda s: ollama_file(s).update(sha256="a" * 64),
        lambda s: first(s, NOA1)["files"][0].update(layers=[]),
        lambda s: noa(s, "llama-3.2-3b")["files"][0].update(size=5),
        lambda s: noa(s, "stable-code-3b")["files"][0].pop("expected_size_source"),
        lambda s: noa(s, "llama-3.2-3b")["files"][0].update(expected_size=5, expected_size_source="a list"),
    ],
    check_sources: [
        lambda s: first(s, NOA1)["files"][0].update({"from": ["hf:no-repository"]}),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["hf:a/b/../c"]}),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["http://host.example/file"]}),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["civitai:1?token=x"]}),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["hf:a/b/c@main"]}),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["ollama:a/b/c/d"]}),
        lambda s: first(s, NOA1)["files"][0].update({"from": ["https://codeload.github.com/a/b/tar.gz/main"]}),
        lambda s: first(s, NOA1)["files"][0].update(include=["*"]),
        lambda s: nebula(s, "cogvideox-2b")["files"][0].update(size=5),
    ],
    check_alternates: [
        lambda s: nebula(s, "dreamshaper-8")["files"][0].pop("sha256"),
        lambda s: nebula(s, "dreamshaper-8")["files"][0]["from"].append("ollama:dreamshaper"),
        lambda s: nebula(s, "dreamshaper-8")["files"][0]["from"].append("hf:Lykon/DreamShaper/other.safetensors"),
        lambda s: nebula(s, "dreamshaper-8")["files"][0]["from"].append("hf:Other/Mirror/dreamshaper_8.ckpt"),
        lambda s: nebula(s, "dreamshaper-8")["files"][0]["to"][0].pop("name"),
    ],
    check_places: [
        lambda s: first(s, NOA1)["files"][0].pop("to"),
        lambda s: first(s, NOA1)["files"][0].update(to=[{"store": "cellar"}]),
        lambda s: first(s, NOA1)["files"][0].update(to=[{"store": "comfyui", "folder": "cellar"}]),
        lambda s: first(s, NOA1)["files"][0].update(to=[{"store": "ollama"}]),
        lambda s: ollama_file(s).update(to=[{"store": "ollama", "name": "x"}]),
        lambda s: ollama_file(s).update(to=[{"store": "comfyui"}]),
        lambda s: first(s, NOA1)["files"][0]["to"][0].update(name="../x.gguf"),
        lambda s: first(s, NOA1)["files"][0]["to"][0].update(name="a:b.gguf"),
        lambda s: nebula(s, "cogvideox-2b")["files"][0]["to"][0].pop("name"),
        lambda s: s.layout("linux")["stores"].pop("tts"),
        lambda s: s.layout("linux")["stores"]["comfyui"]["folders"].pop("custom_nodes"),
        lambda s: s.layout("default")["stores"]["comfyui"]["folders"].update(x="../x"),
    ],
    check_collisions: [
        lambda s: noa(s, "phi-4-mini")["files"][0]["to"][0].update(name="Deepseek-Coder-V2-Q4.gguf"),
        lambda s: nebula(s, "xtts-v2")["files"][0]["to"][0].update(name="openvoice/checkpoints_v2/converter/checkpoint.pth"),
        lambda s: nebula(s, "dreamshaper-8")["files"][0]["to"].append({"store": "comfyui", "folder": "custom_nodes", "name": "ComfyUI-GGUF/x.safetensors"}),
        lambda s: nebula(s, "llama-3.1-8b")["files"][0].update({"from": ["ollama:llama3.2:3b"]}),
    ],
    check_pickles: [
        lambda s: nebula(s, "animatediff-mm-sd15-v2")["files"][0].pop("sha256"),
        lambda s: nebula(s, "openvoice-v2").pop("notes"),
        lambda s: nebula(s, "openvoice-v2")["files"][0].update(allow_pickle=True),
    ],
    check_gates: [lambda s: nebula(s, "flux1-dev").pop("gate_url")],
    check_licences: [
        lambda s: noa(s, "phi-4-mini").pop("license_source"),
        lambda s: noa(s, "phi-4-mini").pop("license"),
        lambda s: nebula(s, "xtts-v2").update(license_class="free"),
    ],
    check_noa: [
        lambda s: noa(s, "phi-4-mini")["use_cases"].append("CodeGeneration"),
        lambda s: noa(s, "phi-4-mini")["use_cases"].remove("Reasoning"),
        lambda s: s.docs[NOA1]["models"].append({"id": "x", "use_cases": [], "files": [{"to": [{"store": "llama-cpp"}]}], "performance_score": 1, "cost_score": 1}),
        lambda s: noa(s, "phi-4-mini")["files"][0]["to"][0].update(store="tts"),
        lambda s: noa(s, "phi-4-mini").pop("cost_score"),
    ],
    check_same_models: [
        lambda s: noa(s, "llama-3.2-3b").update(license="MIT"),
        lambda s: noa(s, "llama-3.2-3b").update(parameters="4B"),
    ],
    check_vram: [lambda s: s.model("vector-weight", "mistral-7b").update(vram_gb={"min": 9, "max": 8})],
    check_words: [put_text(NOA1, "Essential", "Seed 001"), put_text(NOA1, "Essential", "from the catalogue"), put_text(NOA1, "Essential", "/tmp/x")],
}

LOCK = {
    "schema_version": 1,
    "entries": {
        "hf:a/b/c.gguf": {
            "revision": "0" * 40, "digest": None, "trust": "upstream", "resolved_at": "2026-01-02T03:04:05Z",
            "files": [{"path": "c.gguf", "size": 3, "sha256": "a" * 64}, {"path": "d.json", "size": 2, "sha256": None, "git_sha1": "b" * 40}],
        },
        "ollama:x:1b": {"revision": None, "digest": "sha256:" + "a" * 64, "trust": "manifest", "resolved_at": "2026-01-02T03:04:05.5Z",
                        "files": [{"path": "sha256:" + "c" * 64, "size": 3, "sha256": "c" * 64, "type": "model"}], "later": 1},
    },
}
LOCK_FAULTS = [
    lambda d: d.update(schema_version=2),
    lambda d: d.pop("entries"),
    lambda d: d["entries"]["ollama:x:1b"].update(trust="hope"),
    lambda d: d["entries"]["ollama:x:1b"].update(digest="c" * 64),
    lambda d: d["entries"]["ollama:x:1b"].update(resolved_at="yesterday"),
    lambda d: d["entries"]["ollama:x:1b"].pop("files"),
    lambda d: d["entries"]["hf:a/b/c.gguf"]["files"][0].update(size=-1),
    lambda d: d["entries"]["hf:a/b/c.gguf"]["files"][0].update(sha256="x"),
]
MODELS = {
    "schema_version": 1, "registered_at": "2026-01-02 03:04:05", "total_models": 2, "total_size_gb": 4.58, "theirs": True,
    "models": [
        {"name": "phi-4-mini", "file_path": "models/phi-4-mini-q4.gguf", "size_mb": 2376, "capabilities": [], "performance_score": 0.88, "cost_score": 0.75,
         "privacy_tier": "Internal", "use_cases": ["Reasoning", "General"], "display_name": "Phi-4-mini", "installed_at": "2026-01-02 03:04:05", "phase": 1,
         "priority": "high", "vram_gb": {"min": 3, "max": 6}, "tags": [], "verified_at": None,
         "files": [{"path": "models/phi-4-mini-q4.gguf", "size": 2491874688, "sha256": "a" * 64, "mtime_ns": 1767323045123456789, "role": "weights"}]},
        {"name": "found", "file_path": "models/found.gguf", "size_mb": 1, "capabilities": [], "performance_score": 0.75, "cost_score": 0.75,
         "privacy_tier": "Internal", "use_cases": [], "their_key": [1]},
    ],
}
MODELS_FAULTS = [lambda d, key=key: d["models"][1].pop(key) for key in
                 ("name", "file_path", "size_mb", "capabilities", "performance_score", "cost_score", "privacy_tier", "use_cases")] + [
    lambda d: d["models"][0].update(size_mb=2376.4),
    lambda d: d["models"][0].update(size_mb=-1),
    lambda d: d["models"][0].update(performance_score=1.1),
    lambda d: d["models"][0].update(privacy_tier="Secret"),
    lambda d: d["models"][0].update(use_cases=["Embedding"]),
    lambda d: d["models"][0]["files"][0].update(sha256="?"),
    lambda d: d.update(registered_at="2026-01-02T03:04:05Z"),
    lambda d: d.pop("models"),
]


class Manifests(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.shipped = Shipped(ROOT)

    def test_shipped_files_have_no_faults(self):
        for check in CHECKS:
            with self.subTest(check.__name__):
                self.assertEqual(check(self.shipped), [])

    def test_each_check_objects_to_what_it_is_there_for(self):
        self.assertEqual(set(HOW_TO_SPOIL), set(CHECKS))
        for check, ways in HOW_TO_SPOIL.items():
            for number, spoil in enumerate(ways):
                with self.subTest(f"{check.__name__}, way {number}"):
                    spoiled = copy.deepcopy(self.shipped)
                    spoil(spoiled)
                    self.assertNotEqual(check(spoiled), [])

    def test_duplicate_keys_are_refused(self):
        with self.assertRaises(DuplicateKey):
            parse_json('{"a": {"b": 1, "b": 1}}')

    def samples(self):
        for name, good, faults in (("lock", LOCK, LOCK_FAULTS), ("models", MODELS, MODELS_FAULTS)):
            yield name, good, True
            for spoil in faults:
                bad = copy.deepcopy(good)
                spoil(bad)
                yield name, bad, False

    def test_lock_and_models_schemas(self):
        for name, doc, right in self.samples():
            schema = self.shipped.schema(name)
            with self.subTest(f"{name} {json.dumps(doc)[:60]}"):
                self.assertEqual(not validate(schema, schema, doc), right)

    def test_second_opinion(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("the module jsonschema is not here; our own validator has checked everything")
        validators = {}
        for name in SCHEMAS:
            jsonschema.Draft202012Validator.check_schema(self.shipped.schema(name))
            validators[name] = jsonschema.Draft202012Validator(self.shipped.schema(name))
        for path, doc in self.shipped.docs.items():
            kind = kind_of(path)
            if kind:
                with self.subTest(path):
                    self.assertEqual([error.message for error in validators[kind].iter_errors(doc)], [])
        for name, doc, right in self.samples():
            with self.subTest(f"{name} {json.dumps(doc)[:60]}"):
                self.assertEqual(validators[name].is_valid(doc), right)
        for number, spoil in enumerate(HOW_TO_SPOIL[check_against_schemas]):
            spoiled = copy.deepcopy(self.shipped)
            spoil(spoiled)
            doc = spoiled.docs[NOA1]
            schema = spoiled.schema("manifest")
            with self.subTest(f"way {number}"):
                self.assertEqual(validators["manifest"].is_valid(doc), not validate(schema, schema, doc))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
