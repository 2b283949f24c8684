#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads models.json as strictly as the Model Selector does, and says every way in which it would fail to.

usage: selector_check.py MODELS_JSON...    exit 0: every rule holds; 1: the faults are printed, one a line
       selector_check.py --self-test

The rules are the readers' contract: the Selector's fields (a Rust program with serde: a missing field, a number of
another type or an unknown word in one model makes the whole file unreadable), and what the older scripts read.
"""

import datetime
import json
import math
import sys

PRIVACY = ("Public", "Internal", "Confidential", "Restricted")
USE_CASES = (
    "CodeGeneration", "CodeAnalysis", "Reasoning", "QuestionAnswering", "Documentation", "Translation",
    "Summarization", "AgentTask", "FunctionCalling", "Vision", "General",
)


class Number(float):
    """A number that was written with a point or an exponent; 3.0 is not an integer to serde."""


def is_integer(value):
    return type(value) is int


def is_number(value):
    return (type(value) is int or isinstance(value, Number)) and math.isfinite(value)


def is_string(value):
    return isinstance(value, str)


def is_time(value):
    if not is_string(value) or len(value) != len("YYYY-MM-DD HH:MM:SS"):
        return False
    try:
        datetime.datetime.strptime(value, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return False
    return True


def is_utc(value):
    """RFC 3339 in UTC, to the second or finer."""
    if not is_string(value) or not value.endswith("Z"):
        return False
    try:
        datetime.datetime.strptime(value.split(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return False
    return True


def is_score(value):
    return is_number(value) and 0 <= value <= 1


def are_words(value, words):
    return isinstance(value, list) and all(is_string(v) and (words is None or v in words) for v in value)


MODEL_RULES = {
    "name": (lambda v: is_string(v) and v != "", "a string that is not empty"),
    "file_path": (lambda v: is_string(v) and v != "", "a string that is not empty"),
    "size_mb": (lambda v: is_integer(v) and 0 <= v < 2**64, "an unsigned integer"),
    "capabilities": (lambda v: are_words(v, None), "an array of strings"),
    "performance_score": (is_score, "a number from 0 to 1"),
    "cost_score": (is_score, "a number from 0 to 1"),
    "privacy_tier": (lambda v: is_string(v) and v in PRIVACY, "one of " + ", ".join(PRIVACY)),
    "use_cases": (lambda v: are_words(v, USE_CASES), "an array of " + ", ".join(USE_CASES)),
    "display_name": (is_string, "a string"),
    "installed_at": (is_time, "a time as YYYY-MM-DD HH:MM:SS"),
}

# Keys of ours: checked where they are there, for the Selector does not read them.
OWN_RULES = {
    "verified_at": (lambda v: v is None or is_utc(v), "a time in RFC 3339, UTC, or null"),
    "tags": (lambda v: are_words(v, None), "an array of strings"),
    "files": (lambda v: isinstance(v, list), "an array"),
}

FILE_RULES = {
    "path": (lambda v: is_string(v) and v != "", "a string that is not empty"),
    "size": (lambda v: is_integer(v) and v >= 0, "an unsigned integer"),
    "sha256": (lambda v: v is None or (is_string(v) and len(v) == 64 and set(v) <= set("0123456789abcdef")),
               "64 lower-case hex digits"),
    "mtime_ns": (is_integer, "an integer"),
    "role": (lambda v: v is None or is_string(v), "a string"),
}


def check_members(value, rules, where, faults, required=True):
    for key, (holds, words) in rules.items():
        if key not in value:
            if required:
                faults.append(f"{where}: the key {key!r} is missing")
        elif not holds(value[key]):
            faults.append(f"{where}.{key}: is {value[key]!r}, must be {words}")


def check_size(model, where, faults):
    """size_mb is of all files; the same bytes in two places count once."""
    files = model.get("files")
    if not files or not is_integer(model.get("size_mb")):
        return
    if not all(isinstance(f, dict) and is_integer(f.get("size")) for f in files):
        return
    sizes = {f.get("sha256") or f.get("path"): f["size"] for f in files}
    expected = (sum(sizes.values()) + 2**19) // 2**20
    if model["size_mb"] != expected:
        faults.append(f"{where}.size_mb: is {model['size_mb']}, but its files have {expected} MiB")


def check_model(model, where, faults):
    if not isinstance(model, dict):
        faults.append(f"{where}: is not an object")
        return
    check_members(model, MODEL_RULES, where, faults)
    check_members(model, OWN_RULES, where, faults, required=False)
    if "id" in model and model["id"] != model.get("name"):
        faults.append(f"{where}.id: is {model['id']!r}, but the name is {model.get('name')!r}")
    path = model.get("file_path")
    if is_string(path) and (".." in path.split("/") or "\\" in path):
        faults.append(f"{where}.file_path: {path!r} is neither below the tree nor absolute")
    files = model.get("files")
    for i, file in enumerate(files if isinstance(files, list) else []):
        if isinstance(file, dict):
            check_members(file, FILE_RULES, f"{where}.files[{i}]", faults)
        else:
            faults.append(f"{where}.files[{i}]: is not an object")
    if files and isinstance(files, list) and path not in [f.get("path") for f in files if isinstance(f, dict)]:
        faults.append(f"{where}.file_path: {path!r} is none of its files")
    check_size(model, where, faults)


def check_totals(document, models, faults):
    if "total_models" not in document or not is_integer(document["total_models"]):
        faults.append("$.total_models: must be an integer")
    elif document["total_models"] != len(models):
        faults.append(f"$.total_models: is {document['total_models']}, but there are {len(models)} models")
    total = document.get("total_size_gb")
    if not is_number(total) or total < 0:
        faults.append("$.total_size_gb: must be a number, 0 or more")
        return
    if abs(total * 100 - round(total * 100)) > 1e-6:
        faults.append(f"$.total_size_gb: {float(total)!r} has more than 2 decimals")
    sizes = [m["size_mb"] for m in models if isinstance(m, dict) and is_integer(m.get("size_mb"))]
    if abs(total - sum(sizes) / 1024) > 0.00501:
        faults.append(f"$.total_size_gb: is {float(total)}, but the models have {sum(sizes) / 1024:.2f} GiB")


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def unique_keys(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {key!r} is there twice")
    return dict(pairs)


def check(text):
    """All faults of a models.json, as a list of lines."""
    faults = []
    try:
        document = json.loads(text, parse_float=Number, parse_constant=refuse, object_pairs_hook=unique_keys)
    except ValueError as error:
        return [f"$: not valid JSON: {error}"]
    if not isinstance(document, dict):
        return ["$: is not an object"]
    if not is_time(document.get("registered_at")):
        faults.append("$.registered_at: must be a time as YYYY-MM-DD HH:MM:SS")
    if "schema_version" in document and document["schema_version"] != 1:
        faults.append("$.schema_version: must be 1")
    models = document.get("models")
    if not isinstance(models, list):
        return faults + ["$.models: must be an array"]
    check_totals(document, models, faults)
    names = set()
    for i, model in enumerate(models):
        check_model(model, f"$.models[{i}]", faults)
        name = model.get("name") if isinstance(model, dict) else None
        if is_string(name):
            if name in names:
                faults.append(f"$.models[{i}].name: {name!r} is the name of another model too")
            names.add(name)
    return faults


def sample():
    digest = "ab" * 32
    return {
        "schema_version": 1,
        "registered_at": "2026-01-31 09:05:00",
        "total_models": 2,
        "total_size_gb": 9.5,
        "models": [
            {
                "name": "deepseek-coder-v2", "display_name": "DeepSeek Coder V2",
                "file_path": "models/deepseek-coder-v2-q4.gguf", "size_mb": 9728, "capabilities": ["chat"],
                "performance_score": 0.95, "cost_score": 1, "privacy_tier": "Internal",
                "use_cases": ["CodeGeneration"], "installed_at": "2026-01-31 09:05:00",
                "id": "deepseek-coder-v2", "tags": [], "verified_at": "2026-01-31T08:05:00Z", "x-kept": {"a": None},
                "files": [{"path": "models/deepseek-coder-v2-q4.gguf", "size": 9728 * 2**20, "sha256": digest,
                           "mtime_ns": 1769850300000000000, "role": "weights"}],
            },
            {
                "name": "vae", "display_name": "VAE", "file_path": "/srv/vae.safetensors", "size_mb": 0,
                "capabilities": [], "performance_score": 0.75, "cost_score": 0.75, "privacy_tier": "Public",
                "use_cases": [], "installed_at": "2026-01-31 09:05:00",
            },
        ],
    }


def self_test():
    """Each change to a good file must be found, and named by the key that it is about."""
    good = sample()
    assert check(json.dumps(good)) == [], check(json.dumps(good))
    nothing = {"registered_at": "2026-01-31 09:05:00", "total_models": 0, "total_size_gb": 0.0, "models": []}
    assert check(json.dumps(nothing)) == []

    def model(**changes):
        document = sample()
        document["models"][0].update(changes)
        return document

    def top(**changes):
        return {**sample(), **changes}

    def without(key, of_model=True):
        document = sample()
        del (document["models"][0] if of_model else document)[key]
        return document

    def file(**changes):
        document = sample()
        document["models"][0]["files"][0].update(changes)
        return document

    bad = [(key, without(key)) for key in MODEL_RULES]
    bad += [(key, without(key, False)) for key in ("registered_at", "total_models", "total_size_gb", "models")]
    bad += [("size_mb", model(size_mb=v)) for v in (9728.0, -1, True, "9728", None, 2**64, 9727)]
    bad += [(k, model(**{k: v})) for k in ("performance_score", "cost_score") for v in (1.01, -0.1, True, "1", None)]
    bad += [("use_cases", model(use_cases=v)) for v in (["Embedding"], ["general"], "General", None, [1])]
    bad += [("privacy_tier", model(privacy_tier=v)) for v in ("internal", "", None, 1)]
    bad += [("capabilities", model(capabilities=v)) for v in (None, "chat", [None])]
    bad += [("name", model(name=v, id=v)) for v in ("", None, 7, "vae")]
    bad += [("id", model(id="another"))]
    bad += [("file_path", model(file_path=v)) for v in ("../up.gguf", "", None, "models\\a.gguf", "models/other.gguf")]
    bad += [("installed_at", model(installed_at=v))
            for v in ("2026-01-31T09:05:00", "2026-1-31 09:05:00", "2026-02-30 09:05:00", None, 0)]
    bad += [("verified_at", model(verified_at=v)) for v in ("2026-01-31 08:05:00", "2026-01-31T08:05:00+01:00", 1)]
    bad += [("total_models", top(total_models=v)) for v in (1, 2.0, "2", True)]
    bad += [("total_size_gb", top(total_size_gb=v)) for v in (9.49, "9.5", None, 9.501)]
    bad += [("registered_at", top(registered_at=v)) for v in ("2026-01-31", None, "2026-01-31 09:05:00Z")]
    bad += [("schema_version", top(schema_version=2)), ("models", top(models={})), ("models", top(models=[1, 2]))]
    bad += [("sha256", file(sha256="AB" * 32)), ("size", file(size=1.5)), ("mtime_ns", file(mtime_ns="1"))]
    for key, document in bad:
        faults = check(json.dumps(document))
        assert any(key in fault for fault in faults), (key, faults)
    for text in ('{"models": NaN}', '{"a":1,"a":2}', "[]", "", '{"models":', '{"x": Infinity}'):
        assert check(text), text
    print(f"selector_check: {len(bad) + 6} bad files found out, 2 good ones passed")
    return 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    failed = False
    for path in arguments:
        try:
            with open(path, encoding="utf-8") as file:
                faults = check(file.read())
        except (OSError, UnicodeDecodeError) as error:
            faults = [str(error)]
        for fault in faults:
            print(f"{path}: {fault}")
        failed = failed or bool(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
