# SPDX-License-Identifier: MIT
"""The tables that read the five formats and the schemas of manifests/schema say the same: of documents that are right but for one
thing, at every place of the schema, both take or both refuse each."""
import json
import os
import re
import subprocess
import tempfile
import unittest

import jsonschema

SOURCE = os.environ.get("NCM_TEST_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DIGEST = "0123456789abcdef" * 4
HTTPS = "https://a.example/x"

CONFIG = {
    "$schema": "config.schema.json", "root": "~/models", "layout": "default", "profile": ["noa", "nexus"],
    "registry": "models.json", "lock": "ncmodel.lock", "manifest_dirs": ["mine"],
    "endpoints": {"$schema": 1, "huggingface": HTTPS, "civitai": "http://127.0.0.1:8080", "ollama": "HTTPS://[::1]:443/", "docker": HTTPS, "comfy": HTTPS, "s3": HTTPS},
    "mirrors": {"https://a.example/": "https://b.example/x"}, "bundles": ["b", HTTPS], "stores": {"comfyui": "/srv/comfyui"}, "servers": {"small": HTTPS}, "cache": "s3:models/cache", "cache_fill": False, "cache_refs": True, "s3_region": "eu-west-1",
    "insecure_registries": ["a.example:5000"], "cacert": "ca.pem", "reserve": "2GiB", "limit_rate": 1000, "speed_limit": 0,
    "speed_time": 9, "jobs": 3, "connections": 4, "timeout": 20, "retries": 6, "allow_http_token": False, "allow_private": True}
LAYOUT = {
    "$schema": "layout.schema.json", "schema_version": 1, "layout": "mine", "title": "T", "registry": "a/models.json", "stores": {
        "comfyui": {"kind": "folders", "path": "comfyui", "env": "COMFYUI_HOME", "found": ["/srv/comfyui"], "extra_paths": "extra_model_paths.yaml",
                    "service": {"user": "comfyui", "path": "/var/comfyui"}, "folders": {"vae": "models/vae", "x-own": 1}},
        "ollama": {"kind": "ollama", "path": "/srv/ollama"}, "x-own": [1]}}
TO = [{"store": "comfyui", "folder": "checkpoints", "name": "n.gguf"}]
MANIFEST = {
    "$schema": "manifest.schema.json", "schema_version": 1, "profile": "mine", "phase": 2, "priority": "medium", "title": "T",
    "description": "D", "runtime": {"preload": ["a"], "idle_unload_seconds": 300}, "models": [
        {"id": "a", "name": "A", "aliases": ["an a"], "kind": "llm", "description": "D", "purpose": "P", "architecture": "llama",
         "speed": "Fast", "accuracy": "Good", "resolution": "512x512", "duration": "4s clips", "parameters": "1B", "quantization": "Q4", "format": "gguf", "context_length": 4096, "dimensions": 7, "vram_gb": 4.5,
         "license": "MIT", "license_class": "free", "license_source": "its text", "license_url": HTTPS, "gated": True, "gate_url": HTTPS, "use_cases": ["General"], "tags": ["t"],
         "capabilities": ["chat"], "performance_score": 0.5, "cost_score": 1, "performance_score_source": "s", "cost_score_source": "s", "privacy_tier": "Public",
         "stars": {"code": 1, "reasoning": 2, "vision": 3, "agents": 4, "speed": 5}, "latency_ms": 900, "requires": ["b"], "notes": ["N"],
         "files": [{"from": ["hf:o/r/a.gguf"], "to": TO, "size": 7, "sha256": DIGEST, "role": "weights", "allow_pickle": False,
                    "insecure_http": False, "confidence": "A"}],
         "variants": [{"name": "v", "description": "D", "quantization": "Q8", "format": "gguf", "files": [
             {"from": ["civitai:7"], "to": [{"store": "llama-cpp"}]}]}]},
        {"id": "b", "name": "B", "kind": "llm", "use_cases": [], "vram_gb": {"min": 1, "max": 2}, "files": [
            {"from": ["ollama:b"], "digest": "sha256:" + DIGEST, "layers": [
                {"digest": "sha256:" + DIGEST, "size": 5, "type": "model"}]}]},
        {"id": "c", "name": "C", "kind": "diffusion", "use_cases": [], "files": [
            {"from": ["hf:o/whole"], "to": [{"store": "llama-cpp"}], "include": ["*.json"], "exclude": ["*.bin"],
             "expected_size": 9, "expected_size_source": "a list"}]},
        {"id": "d", "name": "D", "kind": "custom-node", "use_cases": [], "files": [
            {"from": ["https://a.example/d.zip"], "to": [{"store": "llama-cpp", "name": "d"}], "extract": {"strip": 1}}]}],
    "rules": [{"role": "r", "models": ["a", "b"], "words": "w", "document": "d"},
              {"task": "t", "models": ["a"], "saving": "s", "fallback": {"model": "m", "words": "w"}, "words": "w", "document": "d"},
              {"task": "u", "cloud": "c", "words": "w", "document": "d"},
              {"pipeline": "p", "models": ["a"], "words": "w", "document": "d"},
              {"parallel_agents": {"min": 2, "max": 4}, "models": ["a"], "words": "w", "document": "d"}]}
LOCK = {
    "$schema": "lock.schema.json", "schema_version": 1, "entries": {"hf:o/r/a.gguf": {
        "pinned": "hf:o/r/a.gguf@" + "a" * 40, "signed": False, "revision": "a" * 40, "digest": None, "ollama_name": None,
        "kind": "lora", "trust": "upstream", "resolved_at": "2026-01-02T03:04:05Z", "files": [
            {"path": "a.gguf", "size": 7, "sha256": DIGEST, "git_sha1": DIGEST[:40], "url": HTTPS, "type": None,
             "places": ["hf:o/other/a.gguf"], "role": "weights"}]}}}
MODELS = {
    "$schema": "models.schema.json", "schema_version": 1, "registered_at": "2026-01-02 03:04:05", "total_models": 1,
    "total_size_gb": 0.5, "models": [
        {"name": "a", "file_path": "a.gguf", "size_mb": 7, "capabilities": ["chat"], "performance_score": 0.75,
         "cost_score": 0.5, "performance_score_by": "manifest", "cost_score_by": "manifest", "privacy_tier": "Public",
         "use_cases": ["General"], "display_name": "A", "installed_at": "2026-01-02 03:04:05", "id": "a", "kind": "llm",
         "profile": "p", "profiles": ["p"], "aliases": ["b"], "phase": 1, "priority": "high", "variant": "v", "store": "s", "source": "hf:o/r/a.gguf", "signed": False,
         "revision": "r", "trust": "upstream", "license": "MIT", "format": "gguf", "architecture": "llama",
         "quantization": "Q4", "parameters": "1B", "context_length": 1, "dimensions": 1, "vram_gb": 1, "vram_gb_at_least": True, "license_class": "free", "tags": ["t"],
         "trigger_words": ["w"], "base_model": "SDXL", "model_name": "M", "version_name": "v", "page": HTTPS, "preview": HTTPS,
         "preferred_weight": 0.8,
         "files": [{"path": "a.gguf", "store": "s", "size": 7, "sha256": DIGEST, "mtime_ns": -7, "role": "weights",
                    "archive_sha256": DIGEST, "origin": "adopted", "source": "hf:o/r/a.gguf", "signed": False, "revision": "r",
                    "target": "/srv/a.gguf"}],
         "verified_at": "2026-01-02T03:04:05Z", "verify_result": "ok"}]}

# Of every kind, and the edges of what is written in texts.
KINDS = [None, True, 0, -1, 1.5, 9007199254740992, "", "x", "A B", [], {}, [1], {"a": 1}, {"x-a": 1}]
TEXTS = ["~", "~/a", "noa,nexus", "1", "2GiB", "1.5gib", "1.GB", "20 MB", "20 M B", "5i", "2GBB", " 2G", "-2G", "12345678901234567890",
         "HTTP://a.example:8080/x/y/", "https://u:p@a.example", "https://a.example/?x", "https://a.example/a#b", "ftp://a.example",
         "https://", "https:///x", "https://a b", "https://a/[x]~^$;=!", "https://a/\"", "https://a/\u00e9", "https://a/<",
         "https://a/\\", ["a"], ["a", "b"], ["A_b-c", "[fd00::1]:80"], ["a:0"], ["a:123456"], ["a:5x"], ["[]:1"], ["[::1"], ["[g]"],
         ["http://a"], ["a/b"], ["a b"], [""], ["a", ""], [None], {"a": "b"}, {"a": ""}, {"huggingface": HTTPS},
         {"huggingface": "a.example"}, {"hugingface": HTTPS}, {"https://a.example/": HTTPS}, {"https://a/": "b"}, {"a": HTTPS},
         {"https://a/": 1}, {"https://u@a/": HTTPS}, 2, 16, 17, 100, 101, 3600, 3601]

# What the tables or the rules beside them refuse though no schema can say it.
BEYOND = {
    "config": r"$^",
    "layout": r"refused path|its name must be a (store's id|name)|only a store of kind folders|is not a portable",
    "manifest": r"no model has the id|a circle|the layout \"default\" has no|has no folder|takes no files|is not an Ollama store|"
                r"but phase \d has the priority|in the folder of|files\[\d\]\.from\[\d\]: |refused path|names its files itself|"
                r"only Ollama models go without|means nothing|only an Ollama model has layers|is of an Ollama manifest|"
                r"needs an? \"(expected_size|license)_source\"|is the source of an|is the id of another model|the same place as|"
                r"more than the \d+ bytes that one file|is too large|the sha256 is not that of an empty file|the least is more|a min above its max|"
                r"is called \"v\" too|is unpacked into one folder|^and \d+ more$",
    "lock": r"$^",
    "models": r"is that of another model too",
}


def schema_of(name):
    with open(os.path.join(SOURCE, "manifests", "schema", name + ".schema.json"), encoding="utf-8") as file:
        return json.load(file)


class Mutator:
    """All documents that are `document` but for one thing; `places` are those of the schema that were met."""

    def __init__(self, schema, document, values):
        self.schema, self.document, self.values = schema, document, values
        self.places = set()

    def target(self, schema):
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self.schema["$defs"][schema["$ref"].split("/")[-1]]
        return schema if isinstance(schema, dict) else {}

    def all(self):
        yield self.document
        yield from self.value(self.schema, self.document, lambda new: new)

    def value(self, schema, value, put):
        """`put` makes a whole document with another value in this place."""
        schema = self.target(schema)
        for other in self.values:
            yield put(other)
        for word in schema.get("enum", []):
            yield put(word)
        if isinstance(value, dict):
            yield from self.members(schema, value, put)
        elif isinstance(value, list):
            yield from self.items(schema, value, put)
        elif isinstance(value, str):
            yield from (put(text) for text in self.texts(schema, value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from (put(number) for number in self.numbers(schema))

    def members(self, schema, value, put):
        yield put({**value, "zz": 1})
        yield put({**value, "x-zz": {"anything": 1}})
        for key, member in value.items():
            without = {k: v for k, v in value.items() if k != key}
            self.places.add((id(schema.get("properties")), key))
            yield put(without)
            yield put({**without, key + "s": member})
            inner = schema.get("properties", {}).get(key)
            if inner is None and key.startswith("x-"):
                continue
            if inner is None:
                inner = schema.get("additionalProperties")
            yield from self.value(inner, member, lambda new, key=key: put({**value, key: new}))

    def items(self, schema, value, put):
        yield put(value + value[-1:])
        if value and "maxItems" in schema and schema["maxItems"] <= 300:
            for count in (schema["maxItems"], schema["maxItems"] + 1):
                yield put([f"{value[0]}{i}" if isinstance(value[0], str) else value[0] for i in range(count)])
        for i, item in enumerate(value):
            yield from self.value(schema.get("items"), item, lambda new, i=i: put(value[:i] + [new] + value[i + 1:]))

    def texts(self, schema, value):
        yield from (value + " ", " " + value, value.upper(), "/" + value, value + "/")
        for count in (schema.get("maxLength"), schema.get("maxLength", 0) + 1):
            if count:
                yield (value + value[-1] * count)[:count]
        if "pattern" in schema:
            yield value[1:]

    def numbers(self, schema):
        for key in ("minimum", "exclusiveMinimum", "maximum"):
            if key in schema:
                yield from (schema[key] - 1, schema[key], schema[key] + 1)


class SchemasTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.facts = subprocess.Popen(
            [os.environ["NCM_SCHEMA_FACTS"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"HOME": cls.folder.name, "NCMODEL_DATADIR": os.path.join(SOURCE, "manifests")})

    @classmethod
    def tearDownClass(cls):
        cls.facts.stdin.close()
        cls.facts.wait()
        cls.facts.stdout.close()
        cls.folder.cleanup()

    def ask(self, name, document):
        """None if it is taken, else why not."""
        path = os.path.join(self.folder.name, name + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        self.facts.stdin.write(f"{name} {path}\n")
        self.facts.stdin.flush()
        answer = self.facts.stdout.readline().rstrip("\n")
        return None if answer == "taken" else answer[len("refused "):]

    def agree(self, name, documents, values, lenient=None):
        schema = schema_of(name)
        validator = jsonschema.Draft202012Validator(schema)
        beyond, seen, verdicts = re.compile(BEYOND[name]), set(), {True: 0, False: 0}
        for document in documents:
            self.assertIsNone(self.ask(name, document), "the document itself is refused")
            for mutant in Mutator(schema, document, values).all():
                text = json.dumps(mutant)
                if text in seen:
                    continue
                seen.add(text)
                refused = self.ask(name, mutant)
                faults = list(validator.iter_errors(mutant))
                verdicts[not faults] += 1
                if faults and refused is None:
                    if lenient and all(lenient(fault) for fault in faults):
                        continue
                    self.fail(f"taken, though {faults[0].json_path}: {faults[0].message[:300]}\n{text[:3000]}")
                if not faults and refused is not None:
                    for told in refused.split("\t"):
                        self.assertRegex(told, beyond, f"refused, though the schema takes it\n{text[:3000]}")
        # a mutator that finds nothing wrong, or nothing right, tests nothing
        self.assertGreater(verdicts[True], 20)
        self.assertGreater(verdicts[False], 100)

    def test_configuration(self):
        self.agree("config", [CONFIG, {**CONFIG, "profile": "noa", "reserve": 7}, {}], KINDS + TEXTS)

    def test_layout(self):
        self.agree("layout", [LAYOUT], KINDS)

    def test_manifest(self):
        self.agree("manifest", [MANIFEST], KINDS)

    # Locks and registries of older versions, and what others wrote into them, are read too: what we do not need to read may be
    # missing or anything, and the schemas say what we write.
    def test_lock(self):
        def lenient(fault):
            last = fault.path[-1] if fault.path else None
            if fault.validator == "required":
                return re.match("'(schema_version|entries|resolved_at)' is", fault.message)
            return last in ("$schema", "schema_version", "resolved_at", "digest", "type") and last != "entries" or (
                fault.validator in ("minLength", "maxLength", "pattern", "maximum", "uniqueItems", "maxItems") and last not in ("sha256", "git_sha1"))

        self.agree("lock", [LOCK], KINDS, lenient)

    def test_models(self):
        exact = {"name", "path", "size", "sha256", "models", "files", "capabilities", "use_cases", "tags", "profiles", "aliases",
                 "mtime_ns", "archive_sha256"}

        def lenient(fault):
            last = next((part for part in reversed(fault.path) if isinstance(part, str)), None)
            if fault.validator == "required":
                return not re.match(r"'(name|path|size|models)' is", fault.message)
            if fault.validator == "type":
                return (fault.instance is None or isinstance(fault.instance, float)) and last not in exact - {"sha256", "mtime_ns", "archive_sha256"} or last in (
                    "$schema", "registered_at", "total_models", "total_size_gb", "signed", "vram_gb_at_least")
            return last not in exact or fault.validator in ("enum", "maximum")

        self.agree("models", [MODELS], KINDS, lenient)

    def test_every_key_of_a_schema_is_in_its_document(self):
        for name, document in (("config", CONFIG), ("layout", LAYOUT), ("manifest", MANIFEST), ("lock", LOCK), ("models", MODELS)):
            keys, found = set(), set()

            def collect(schema):
                if isinstance(schema, dict):
                    keys.update(schema.get("properties", {}))
                    for member in schema.values():
                        collect(member)
                elif isinstance(schema, list):
                    for member in schema:
                        collect(member)

            def look(value):
                if isinstance(value, dict):
                    found.update(value)
                    value = list(value.values())
                if isinstance(value, list):
                    for member in value:
                        look(member)

            collect(schema_of(name))
            look(document)
            self.assertEqual(keys - found, set(), name)


if __name__ == "__main__":
    unittest.main()
