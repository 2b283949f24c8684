"""The shipped schemas of what ncmodel prints for programs. Without python3-jsonschema nothing can be checked (AVAILABLE)."""
import json
import os
import threading

try:
    import jsonschema
    AVAILABLE = True
except ImportError:
    AVAILABLE = False

SOURCE = os.environ.get("NCM_TEST_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(SOURCE, "manifests", "schema")
BASE = "file:///schema/"  # wherever they lie, they name each other by relative paths


def load():
    """All schemas by their addresses."""
    found = {}
    for folder in ("", "output/"):
        for name in sorted(os.listdir(os.path.join(FOLDER, folder))):
            if name.endswith(".json"):
                with open(os.path.join(FOLDER, folder, name), encoding="utf-8") as file:
                    found[BASE + folder + name] = json.load(file)
    return found


STORE = load()
VALIDATORS = {}
LOCK = threading.Lock()  # a resolver remembers where it stands: two threads would lead each other astray


def validator(name):
    if name not in VALIDATORS:
        address = f"{BASE}output/{name}.schema.json"
        schema = STORE[address]
        resolver = jsonschema.RefResolver(address, schema, store=STORE)
        VALIDATORS[name] = jsonschema.Draft202012Validator(schema, resolver=resolver)
    return VALIDATORS[name]


def leaves(error):
    """What is wrong, of the alternative that comes nearest."""
    if not error.context:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        return [f"${path}: {error.message[:300]}"]
    groups = {}
    for inner in error.context:
        groups.setdefault(inner.schema_path[0], []).append(inner)
    nearest = max(groups.values(), key=lambda group: (max(len(e.absolute_path) for e in group), -len(group)))
    return [leaf for inner in nearest for leaf in leaves(inner)]


def faults(name, value):
    """Why a value is not what output/NAME.schema.json says; none: it is."""
    with LOCK:
        return [leaf for error in validator(name).iter_errors(value) for leaf in leaves(error)]


def check_run(arguments, out, err):
    """Raises AssertionError if what a run printed for programs is not as its schemas say."""
    if "--json" in arguments and out:
        found = faults("envelope", json.loads(out))
        assert not found, f"{arguments}: {found}\n{out}"
    if "json" in arguments[arguments.index("--progress") + 1:][:1] if "--progress" in arguments else False:
        for line in err.splitlines():
            found = faults("event", json.loads(line)) if line.startswith("{") else []
            assert not found, f"{arguments}: {found}\n{line}"
