# SPDX-License-Identifier: MIT
"""What must hold after every command. One function an invariant; each yields (cause, text) for what it finds wrong. A cause is short
and the same for the same fault, so that faults can be told apart.
"""
import json
import os
import sys

from hub import sha256

import contents
import places
import reach
from disk import ours
from step import lock_of
from wants import key_of, same

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data"))
import selector_check  # noqa: E402  (its folder is known only now)

EXITS = set(range(15)) | {129, 130, 143}
INVARIANTS = {}


def invariant(function):
    INVARIANTS[function.__name__] = function
    return function


def check(oracle, step, names):
    for name in names:
        for cause, text in INVARIANTS[name](oracle, step) or ():
            yield name, cause, text


class Violation(AssertionError):
    """One class a fault, so that a search does not slip from one to another."""

    classes = {}

    @classmethod
    def of(cls, name, cause, text):
        key = f"{name}: {cause}"
        kind = cls.classes.setdefault(key, type("Violation", (cls,), {"key": key}))
        return kind(f"{key}\n  {text}")


# every command

@invariant
def documented_exit(_, step):
    if step.code < 0 and not step.killed:
        yield f"{step.command} dies", f"signal {-step.code}"
    elif step.code >= 0 and step.code not in EXITS:
        yield f"{step.command} ends with {step.code}", step.err
    if "Sanitizer" in step.err or "runtime error:" in step.err:
        yield f"{step.command}: sanitizer", step.err


@invariant
def json_is_one_document(_, step):
    if step.json and not step.killed:
        document = step.document()
        if document is None or document.get("exit_code") != step.code:
            yield step.command, step.out[:500]


@invariant
def no_foreign_byte_lost(oracle, step):
    for path, old, new in step.changed():
        if oracle.by_user(path) and not oracle.may(step, path, old, new):
            yield f"{step.name()} {'changes' if new else 'removes'} {oracle.what(step, path, old)}", path


@invariant
def no_fetched_byte_lost(oracle, step):
    for path, old, new in step.changed():
        if not oracle.by_user(path) and step.registry.owners.get(path) and not oracle.may(step, path, old, new):
            yield f"{step.name()} {'changes' if new else 'removes'} {oracle.what(step, path, old)}", path


@invariant
def ollama_names_stay_whole(oracle, step):
    gone = {key_of(m.get("source")) for m in step.registry.models if m.get("id") in step.ids} if step.command == "rm" else set()
    if step.command == "gc":  # it ends a removal that was killed
        gone = oracle.doomed_keys - {key_of(model.get("source")) for model in step.registry.models}
    pulled = {want.key for want in step.wants} if step.command == "pull" else set()
    for store in places.OLLAMA:
        later = reach.names(step.after, store)
        for name, found in reach.names(step.before, store).items():
            key = ("ollama", *name.rsplit("/", 1)[-1].rsplit(":", 1))
            if not found.whole or key in gone or key in pulled:
                continue
            now = later.get(name)
            layout = "second" if "/manifests-v2/" in found.path else "first"
            if now is None or not now.whole:
                yield f"{step.name()}: a model of Ollama's {layout} layout is broken", f"{name} in {store}"


@invariant
def snapshots_stay_whole(_, step):
    gone = {places.registered(file["path"], step.registry.top) or "" for model in step.registry.models
            if model.get("id") in step.ids for file in model["files"]}
    for repo, files in reach.snapshots(step.before).items():
        if step.repair or any(path.startswith(repo + "/") for path in gone):
            continue
        for path, data in files.items():
            if step.after.read(path) != data:
                yield f"{step.name()}: a file of a snapshot is gone", path


@invariant
def removed_names_are_gone(_, step):
    if step.command != "rm" or step.code != 0 or step.dry or step.closed:
        return  # what may be a file that cannot be looked at is kept, and told
    for model in step.registry.models:
        key = key_of(model.get("source"))
        if model.get("id") in step.ids and key and key[0] == "ollama":
            stores = {file.get("store") for file in model["files"]} & set(places.OLLAMA)
            for store in stores:
                for name, path, data in reach.entries(step.after, store):
                    # what was written to it since is kept, and told
                    if name == reach.logical(key[1], key[2]) and data is not None and any(
                            file.get("sha256") == sha256(data) or anchored(step, path, file, data) for file in model["files"]):
                        yield "an entry of the removed model is left", path


def traces(step, told):
    """What a command has left that was to leave nothing."""
    for path, _, new in step.changed():
        yield f"{told} {'changes' if new else 'removes'} a file", path
    for path, _ in step.added():
        yield f"{told} makes a file", path
    if step.registry.paths() != step.later.paths():
        yield f"{told} changes what models.json names", ""


@invariant
def reading_changes_nothing(_, step):
    if not step.reads:
        return
    yield from traces(step, step.name())


@invariant
def adopt_and_lock_touch_no_file(_, step):
    if step.command in ("adopt", "lock"):
        for path, _, new in step.changed():
            yield f"{step.name()} {'changes' if new else 'removes'} a file", path
        for path, _ in step.added():
            yield f"{step.name()} makes a file", path


# models.json and the lock

@invariant
def registry_only_grows(oracle, step):
    if step.later.fault:
        return
    gone = step.ids if step.command == "rm" else set()
    lost = set(step.registry.ids()) - set(step.later.ids()) - gone
    for name in sorted(lost):
        yield f"{step.name()} forgets a model", name
    now = step.later.paths()
    for (name, path), _ in step.registry.paths().items():
        if name in lost or name in gone or (name, path) in now:
            continue
        here = places.registered(path, step.registry.top)
        if step.command == "adopt" and (here is None or step.before.read(here) is None or oracle.by_user(here)):
            continue
        if step.command == "pull" and replaced_by_update(step, name, here):
            continue
        yield f"{step.name()} forgets a place of a model", f"{name}: {path}"


def replaced_by_update(step, name, path):
    """Whether a pull of that very model brought a revision that has no such file in that folder any more."""
    model = next(m for m in step.registry.models if m.get("id") == name)
    for want in step.wants:
        if not same(want.key, key_of(model.get("source"))):
            continue
        if want.key[0] == "ollama":
            return True
        expected = step.expected(want) or {}
        folder = places.FOLDERS[want.to]
        if path and path.startswith(folder + "/") and path not in expected and os.path.basename(path) not in {
                os.path.basename(p) for p in expected}:
            return True
    return False


@invariant
def registry_is_sound(oracle, step):
    if step.later.fault:
        yield f"{step.command}: models.json cannot be read", step.later.fault
        return
    if step.later.text is None or oracle.forged:
        return
    for fault in selector_check.check(step.later.text.decode()):
        yield f"{step.command}: the readers' contract is broken", fault
    ids = step.later.ids()
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"{step.command}: an id is there twice", name


@invariant
def one_path_one_content(oracle, step):
    if step.later.text == step.registry.text or step.force:
        return
    for path, owners in step.later.owners.items():
        if len(step.later.digests(path)) > 1 and len(step.registry.digests(path)) <= 1:
            data = step.before.read(path)
            if data is not None and sha256(data) in step.later.digests(path) - step.registry.digests(path):
                continue  # --force had left the bytes of one there, to which its model comes back
            yield f"{step.name()}: two models claim one path with other bytes", f"{path}: {[m.get('id') for m, _ in owners]}"


@invariant
def no_zero_digest(oracle, step):
    if oracle.forged:
        return
    before = step.registry.paths()
    for key, digest in step.later.paths().items():
        if (not digest or set(digest) == {"0"}) and before.get(key, "") not in (digest,):
            yield f"{step.name()}: models.json has no digest of a file", str(key)
    lock = lock_of(step.after)
    old = {str(e) for e in step.lock.get("entries", {}).values()}
    for name, entry in lock.get("entries", {}).items():
        if str(entry) not in old and any(set(file.get("sha256") or "x") == {"0"} for file in entry.get("files") or ()):
            yield f"{step.name()}: the lock has a digest of zeros", name


@invariant
def recorded_is_true(oracle, step):
    """What a command writes into models.json of a file is what lies there."""
    if step.killed or step.command not in ("pull", "adopt") or oracle.forged:
        return
    before = step.registry.paths()
    for (name, path), digest in step.later.paths().items():
        here = places.registered(path, step.later.top)
        if here and before.get((name, path)) != digest and digest and set(digest) != {"0"}:
            data = step.after.read(here)
            if "/manifests" in here and data is not None and digest in {sha256(n.data) for n in step.after.values() if n.kind == "f"}:
                continue  # an anchor's model is the manifest that it leads to, a blob
            if data is None or sha256(data) != digest and not anchored(step, here, {"sha256": digest}, data):
                yield f"{step.name()}: records bytes that are not there", f"{name}: {here}"


# pull

@invariant
def exit0_means_served(oracle, step):
    if step.command != "pull" or step.code != 0 or step.dry:
        return
    for want in step.wants:
        if want.key[0] == "ollama":
            yield from ollama_is_served(step, want)
            continue
        expected = step.expected(want)
        if expected is None:
            yield "a revision that has no such file is called pulled", want.source
            continue
        for path, digest in expected.items():
            data = step.after.read(path)
            if data is None:
                yield "a file is not there", f"{want.source}: {path}"
            elif sha256(data) != digest:
                small = "" if path.endswith((".gguf", ".safetensors")) else "a small file: "
                whose = "another's bytes" if oracle.by_user(path) or step.before.get(path) is None or not mine(step, path, want) \
                    else "bytes of another revision"
                yield f"{small}{whose} are called pulled", f"{want.source}: {path}"


def mine(step, path, want):
    return any(same(key_of(model.get("source")), want.key) for model, _ in step.registry.owners.get(path, ()))


def ollama_is_served(step, want):
    store = want.to or "ollama"
    found = reach.names(step.after, store).get(reach.logical(want.key[1]))
    served = step.here.manifests.get(want.revision(step.here, step.lock, step.update))
    if found is None or not found.whole:
        yield "an Ollama model is not whole", f"{want.source} in {store}"
    elif served is not None and not runs(step.after, store, served, found.data):
        yield "Ollama runs another manifest than the pulled one", f"{want.source} in {store}: {found.path}"


def runs(disk, store, served, data):
    verdict = reach.same_model(served, data)
    if verdict is None:
        children = [disk.read(reach.blob(store, child["digest"])) for child in json.loads(data)["manifests"]]
        return any(child is not None and reach.same_model(served, child) for child in children)
    return verdict


@invariant
def exit0_is_registered(oracle, step):
    if step.command != "pull" or step.code != 0 or step.dry:
        return
    for want in step.wants:
        for path in step.expected(want, step.after) or ():
            owners = [m for m, _ in step.later.owners.get(path, ()) if m.get("id") == want.id or same(key_of(m.get("source")), want.key)]
            if not owners:
                yield "what was pulled is not in models.json", f"{want.source}: {path}"


@invariant
def error_leaves_what_was(oracle, step):
    single = step.command == "pull" and len(step.wants) == 1 or step.command == "rm" and step.code == 2 or step.command == "lock"
    if step.code == 0 or step.killed or not single:
        return
    yield from traces(step, f"{step.name()} ends with {step.code} and")


@invariant
def told_before_bytes(oracle, step):
    """What is in the way is told when the plan is made, with an exit code of its own, and costs no byte."""
    if step.command != "pull" or step.force or step.killed or step.dry or len(step.wants) != 1 or step.code == 0:
        return
    want = step.wants[0]
    if want.key[0] != "ollama" and oracle.in_the_way(step, want):
        if step.sent:
            yield "bytes are fetched before what is in the way is told", f"{want.source}: {step.sent}"
        if step.code != 11 and not (step.closed or want.lie(step.here) or step.offline or step.locked):
            yield f"what is in the way ends with {step.code}", step.err


@invariant
def two_of_one_name_are_told(oracle, step):
    """Two models of one command that go to one path with other bytes: told before bytes."""
    if step.command != "pull" or step.killed or len(step.wants) < 2 or step.force:
        return
    seen, places_of = {}, {}
    for want in step.wants:
        for path, digest in (step.expected(want) or {}).items():
            places_of.setdefault(digest, set()).add(path)
    for want in step.wants:
        for path, digest in (step.expected(want) or {}).items():
            other = seen.setdefault(path, (digest, want))
            if other[0] == digest or len(places_of[digest]) > 1 or len(places_of[other[0]]) > 1:
                continue  # one content, or one that goes to another place as well
            if step.code == 0:
                yield "two of one name end with 0", path
            if want.fetched(step.sent, digest) and other[1].fetched(step.sent, other[0]):
                yield "both of one name are fetched before one is refused", f"{path}: {step.sent}"


@invariant
def nothing_in_the_way_means_0(oracle, step):
    """A pull that nothing hinders succeeds."""
    if step.command != "pull" or step.code == 0 or step.killed or step.closed or step.offline or step.locked or oracle.forged:
        return
    if any(lie != "typed" for lie in step.here.lies.values()):
        return
    seen, through = {}, ""
    for want in step.wants:
        if want.key[0] == "ollama":
            store = want.to or "ollama"
            if oracle.unsettled or reach.named(step.before, store) is None:
                return
            if step.code == 11 and any("/manifests-v2/" in path and name == reach.logical(*want.key[1:3])
                                       for name, path, _ in reach.entries(step.before, store)):
                return  # Ollama's second layout has another model of that name
            continue
        expected = step.expected(want)
        if expected is None or oracle.in_the_way(step, want) or not can_serve(step, want):
            return
        for path, digest in expected.items():
            if seen.setdefault(path, digest) != digest or not free(step, want, path, digest):
                return
            if places.store_of(path) is None:
                through = " through a folder link"
    typed = " of bytes that are called text/html" if any(want.lie(step.here) for want in step.wants) else ""
    yield f"{step.name()}{typed}{through} ends with {step.code}", step.err[-600:]


def can_serve(step, want):
    """Whether the world has what is pinned of it, and serves it as what it is."""
    revision = want.revision(step.here, step.lock, step.update)
    if want.key[0] == "url":
        pinned = "#sha256=" in want.source or want.pin
        return revision == sha256(step.here.addresses[want.key[1]]) and (pinned or ("url", want.key[1]) not in step.here.lies)
    if want.key[0] == "hf" and want.pin:
        return want.pin == sha256(step.here.commit(want.key[1], revision).files[want.key[2]])
    return True


def free(step, want, path, digest):
    """Whether a place is empty, has the right bytes already, or has a file of this entry alone."""
    folder = path.rpartition("/")[0]
    while folder:
        if folder in step.before and step.before[folder].kind != "d":
            return False
        folder = folder.rpartition("/")[0]
    node, owners = step.before.get(path), step.registry.owners.get(path, [])
    if node is not None and node.kind != "f":
        return False
    if node is None and not owners or node is not None and sha256(node.data) == digest:
        return True
    if node is not None and owners and (
            sha256(node.data) != owners[0][1].get("sha256") or sha256(node.data) not in step.here.known):
        return False  # written to since, whether adopt took it in or not: no source has that
    return len(owners) == 1 and key_of(owners[0][0].get("source")) == want.key and (
        owners[0][0].get("id") == want.id or want.id is None and owners[0][0].get("profile") is None)


@invariant
def again_fetches_nothing(_, step):
    if step.again and not step.killed:
        if step.code != 0:
            yield f"the same {step.name()} again ends with {step.code}", step.err[-600:]
        # a look-up of Ollama's registry reads the configuration
        sent = [path for path in step.sent if not path.startswith("/blob/") or not json_like(step.here.layers.get(path.split("/")[3], b""))]
        if sent and not (step.update and any(want.key[0] in ("url", "ollama") for want in step.wants)):
            yield f"the same {step.name()} again fetches", str(sent)


@invariant
def only_served_bytes_appear(oracle, step):
    if step.command not in ("pull", "verify", "rm", "gc"):
        return
    known = None
    for path, node in [(p, n) for p, _, n in step.changed() if n] + list(step.added()):
        if node.kind != "f" or "/manifests" in path or path.endswith(".tmp") and step.killed:
            continue
        if sha256(node.data) in step.here.known:
            continue
        known = known or {sha256(n.data) for n in step.before.values() if n.kind == "f"}
        if sha256(node.data) not in known:
            yield f"{step.name()} places bytes that no source serves rightly", path


@invariant
def page_is_no_model(oracle, step):
    """What is plainly no model is never registered, by pull or adopt, unless a digest from elsewhere matches."""
    if step.command not in ("pull", "adopt") or step.killed:
        return
    before = step.registry.paths()
    for model in step.later.models:
        for file in model.get("files", ()):
            path = places.registered(file["path"], step.later.top)
            if not path or before.get((model.get("id"), file["path"])) == file.get("sha256"):
                continue
            if not path.endswith((".gguf", ".safetensors")) or file.get("sha256") in step.here.known:
                continue
            if path in oracle.unsettled:
                continue  # a sidecar has its digest
            why = contents.no_model(step.after.read(path) or b"x")
            if why:
                yield f"{step.command} registers a file that is {why}", path


@invariant
def replaced_is_kept(oracle, step):
    """What --force or --repair replaces is kept aside."""
    if step.command not in ("pull", "verify") or not (step.force or step.repair) or step.killed:
        return
    kept = {sha256(n.data) for p, n in step.after.items() if n.kind == "f" and ".ncmodel/" in p}
    for path, old, new in step.changed():
        if oracle.by_user(path) and old.kind == "f" and new and contents.no_model(old.data) is None and places.store_of(
                path) not in places.OLLAMA + ("hf",) and sha256(old.data) not in kept:
            yield f"{step.name()} keeps nothing of what it replaces", path


# verify, adopt and others that look

def hidden(step, folders):
    """Something lies in a folder that nobody may read, below one of these."""
    for closed in sorted(step.closed):
        for folder in folders:
            inner = closed if (closed + "/").startswith(folder + "/") else folder if folder.startswith(closed + "/") else None
            if inner and any(not ours(path) for path in step.before.below(inner)):
                return closed
    return None


@invariant
def verify_is_truth(oracle, step):
    if step.command != "verify" or step.store or step.repair or step.killed or oracle.forged:
        return
    bad, unread = set(), False
    for path, owners in step.registry.owners.items():
        spelled = {path} | {places.registered(file["path"], step.registry.top) for _, file in owners}
        if any((way + "/").startswith(folder + "/") for folder in step.closed for way in spelled):
            unread = True
            continue
        data = step.before.read(path)
        for model, file in owners:
            if not file.get("sha256") or set(file["sha256"]) == {"0"}:
                continue  # told by no_zero_digest
            if step.quick:
                if data is None or len(data) != file["size"] and not anchored(step, path, file, data):
                    bad.add(path)
            elif data is None or sha256(data) != file.get("sha256"):
                if data is not None and anchored(step, path, file, data):
                    continue
                bad.add(path)
    if unread:
        if step.code == 0:
            yield "verify of what cannot be read ends with 0", str(step.closed)
        return
    if bad and step.code != 4:
        yield f"verify of damage ends with {step.code}", str(sorted(bad))
    if not bad and step.code != 0 and not step.quick:
        yield f"verify of sound models ends with {step.code}", step.out[-800:] + step.err[-300:]
    document = step.document() if step.json else None
    if document and step.code == 4:
        named = {f["path"][len(step.before.top) + 1:] for f in document["data"]["files"] if f["verdict"] not in ("ok", "extra")}
        named, bad = ({step.before.canonical(path) for path in paths} for paths in (named, bad))
        if not step.quick and named != bad:
            yield "verify names other files than the damaged ones", f"{sorted(named)}, not {sorted(bad)}"


def anchored(step, path, file, data):
    """The registered manifest in another form: an anchor, or a list that has it."""
    store = places.store_of(path)
    if "/manifests" not in path or store not in places.OLLAMA:
        return False
    served = step.here.manifests.get(file.get("sha256")) or step.before.read(reach.blob(store, "sha256-" + str(file.get("sha256"))))
    return served is not None and json_like(data) and bool(runs(step.before, store, served, data))


def json_like(data):
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


@invariant
def store_verify_is_truth(oracle, step):
    if step.command != "verify" or not step.store or step.repair or step.killed or step.quick:
        return
    store = step.store
    folder = places.STORES[store]
    closed = hidden(step, [folder])
    if closed:
        if step.code == 0:
            yield "verify --store of what cannot be read ends with 0", closed
        return
    bad, doubt = set(), any((shut + "/").startswith(folder + "/") or folder.startswith(shut + "/") for shut in step.closed)
    if store in places.OLLAMA:
        for name, found in reach.names(step.before, store).items():
            if reach.reached(step.before, store, found.data) is None:
                doubt = True
            elif not found.whole:
                bad.add(name)
    elif store == "hf":
        doubt = True
    else:
        for name, path in places.FOLDERS.items():
            if name.split("/")[0] != store:
                continue
            real = step.before.resolve(path) or path
            for file, node in step.before.below(real).items():
                data = step.before.read(file)
                if not file.endswith((".gguf", ".safetensors")) or ours(file):
                    continue
                if data is None:
                    doubt = True  # a dangling link
                elif contents.no_model(data) and not step.registry.owners.get(file):
                    bad.add(file)
                elif contents.no_model(data) and sha256(data) not in step.registry.digests(file):
                    bad.add(file)
                elif contents.no_model(data) or step.registry.owners.get(file) and {sha256(data)} != step.registry.digests(file):
                    doubt = True
        doubt |= bool(oracle.unsettled)
    if bad and step.code == 0:
        yield f"verify --store of damage ends with 0 ({'Ollama' if store in places.OLLAMA else 'a file that is no model'})", str(sorted(bad))
    if not bad and not doubt and step.code != 0:
        yield f"verify --store of a sound store ends with {step.code}", step.out[-800:] + step.err[-300:]


@invariant
def unreadable_is_an_error(oracle, step):
    if step.killed or step.code != 0:
        return
    if step.command in ("adopt", "link", "df"):
        closed = hidden(step, step.looked())
        if closed:
            yield f"{step.name()} of what cannot be read ends with 0", closed


@invariant
def adopt_follows_moves(oracle, step):
    if step.command != "adopt" or step.dry or step.killed or step.store or step.closed or oracle.forged or not step.looked():
        return
    for name, old, new, digest in oracle.moved:
        data = step.after.read(new)
        copies = [p for p, n in step.before.files().items() if n.kind == "f" and sha256(n.data) == digest and not ours(p)]
        if data is None or sha256(data) != digest or step.before.get(old) or len(copies) != 1 or contents.no_model(data):
            continue
        if name not in step.registry.ids():
            continue
        owners = {m.get("id") for m, _ in step.later.owners.get(new, ())}
        if owners - {name}:
            yield "a moved file becomes a second model", f"{old} -> {new}: {sorted(owners)}"
        elif not owners:
            yield "a moved file is not found again", f"{old} -> {new}"
