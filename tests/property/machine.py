# SPDX-License-Identifier: MIT
"""The rules: what a user, other programs, the services and ncmodel do, in any order; after each command the oracle looks."""
import json
import os
import re
import shlex

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

import contents
import invariants
import oracle
import places
import reach
import world
from disk import ours
from hub import sha256
from step import Registry, Step
from wants import Want, key_of

HF = [("hf:%s/mmproj-F16.gguf", "llama-cpp", None), ("hf:%s/model.safetensors", "a1111/loras", None),
      ("hf:%s/model.safetensors", "comfyui/loras", None), ("hf:%s/model.safetensors", "a1111/loras", "mine.safetensors"),
      ("hf:%s", "comfyui/llm", None), ("hf:%s/config.json", "comfyui/llm", None)]
SPELLED = [(source % repo, to, name) for source, to, name in HF for repo in world.REPOS]
SPELLED += [("hf:bob/chat/sub/vae.safetensors", "a1111/vae", None)]
SPELLED += [(f"civitai:{version}", to, None) for version in world.VERSIONS for to in ("a1111/loras", "comfyui/loras")]
SPELLED += [(world.HOST + name, "llama-cpp" if name.endswith(".gguf") else "a1111/loras",
             name.replace("?id=", "") + ".safetensors" if "?" in name else None) for name in world.ADDRESSES]
SPELLED += [(f"ollama:{name}", to, None) for name in world.TAGS for to in (None, "ollama-small")]
FLAGS = [[], [], [], [], ["--update"], ["--update"], ["--force"], ["--offline"], ["--locked"], ["-n"]]
OWN = ["a1111/loras", "comfyui/loras", "comfyui/llm", "llama-cpp", "a1111/vae"]
NAMES = ["model.safetensors", "lora-model.safetensors", "mmproj-F16.gguf", "config.json", "mine.safetensors", "own.safetensors"]
COPIED, MIXED, LOCAL = "mycopy", "mixed", "local"

number = st.integers(0, 40)
kills = st.one_of(st.none(), st.none(), st.none(), st.none(), st.tuples(st.just("request"), st.integers(1, 8)),
                  st.tuples(st.just("ms"), st.integers(1, 25)))


def pick(things, index):
    things = sorted(things)
    return things[index % len(things)] if things else None


class Rules(RuleBasedStateMachine):
    base = None  # a place.Base
    names = tuple(invariants.INVARIANTS)  # the invariants that count
    passed = staticmethod(lambda key: False)  # which violations are passed by
    steps = 0
    shortest = {}  # violation -> (it, the commands of the shortest run that showed it)
    last = None  # the violation that was seen last

    def __init__(self):
        super().__init__()
        from place import Place
        self.place, self.oracle, self.told = Place(self.base), oracle.Oracle(), []
        self.disk = self.place.look()
        self.pulled = None  # the pull that succeeded, if nothing has happened since

    def teardown(self):
        self.place.close()

    # what is common to all

    def note(self, text):
        self.told.append(text)
        Rules.steps += 1
        self.pulled = None

    def user(self, text, moves=None):
        """Takes in what was just done by hand."""
        before, self.disk = self.disk, self.place.look()
        self.oracle.user(before, self.disk, moves)
        self.note(f"# {text}")

    def command(self, *words, wants=(), ids=(), kill=None, again=False, what=""):
        step = Step(list(words), self.disk, self.place.world, self.place.closed, wants, ids, again)
        code, out, err, killed = self.place.run(words, kill)
        self.disk = self.place.look()
        step.end(code, out, err, killed, self.disk)
        self.note("ncmodel " + " ".join(shlex.quote(w.replace(self.place.top, "~")) for w in words) +
                  (f"   # killed: {kill}" if killed else f"   # {code}") + (f", {what}" if what else ""))
        for name, cause, text in invariants.check(self.oracle, step, self.names):
            fault = invariants.Violation.of(name, cause, text)
            known = Rules.shortest.get(fault.key)
            if known is None or len(self.told) <= len(known[1]):
                Rules.shortest[fault.key] = fault, tuple(self.told)
            if not self.passed(fault.key):
                Rules.last = fault.key
                raise fault
        self.oracle.settle(step)
        return step

    def registered(self):
        """Paths below the top of files that models.json names and that are there as files."""
        return [p for p in Registry(self.disk).owners if p in self.disk and self.disk[p].kind == "f"]

    def models(self):
        return [p for p, n in self.disk.items() if n.kind == "f" and not ours(p) and places.store_of(p, self.disk)]

    def want(self, spelled, pinned=False):
        source, to, name = spelled
        if pinned and source.startswith("https:"):
            source += "#sha256=" + sha256(self.place.world.addresses[key_of(source)[1]])
        return Want(source, to, name)

    # pull and plan

    def pull(self, words, wants, kill, what=""):
        step = self.command("pull", "-y", *words, wants=wants, kill=kill, what=what)
        if step.killed:
            step = self.command("pull", "-y", *words, wants=wants, what=what)
        if step.code == 0 and not step.dry:
            self.pulled = (words, wants, what)

    @rule(spelled=st.sampled_from([s for s in SPELLED if s[0].startswith("hf:")]), flags=st.sampled_from(FLAGS), kill=kills,
          told=st.booleans())
    def pull_from_hugging_face(self, spelled, flags, kill, told):
        want = self.want(spelled)
        self.pull([*want.arguments(), *flags, *(["--json"] if told else [])], [want], kill)

    @rule(spelled=st.sampled_from([s for s in SPELLED if s[0].startswith(("https:", "civitai:"))]), pinned=st.booleans(),
          flags=st.sampled_from(FLAGS), kill=kills)
    def pull_from_civitai_or_an_address(self, spelled, pinned, flags, kill):
        want = self.want(spelled, pinned)
        self.pull([*want.arguments(), *flags], [want], kill)

    @rule(spelled=st.sampled_from([s for s in SPELLED if s[0].startswith("ollama:")]), flags=st.sampled_from(FLAGS), kill=kills)
    def pull_from_ollama(self, spelled, flags, kill):
        want = self.want(spelled)
        self.pull([*want.arguments(), *flags], [want], kill)

    @rule(one=st.sampled_from(SPELLED), flags=st.sampled_from(FLAGS))
    def pull_an_older_commit(self, one, flags):
        want = self.want(one)
        if want.key[0] == "hf":
            want = Want(f"{want.source}@{self.place.world.commits[want.key[1]][0].id}", want.to, want.name)
            self.pull([*want.arguments(), *flags], [want], None)

    @rule(some=st.lists(st.sampled_from(SPELLED), min_size=1, max_size=3, unique=True), flags=st.sampled_from(FLAGS), kill=kills,
          pinned=st.booleans(), profile=st.booleans())
    def pull_of_a_manifest(self, some, flags, kill, pinned, profile):
        wants = []
        for source, to, name in some:
            want = Want(source, to, name, id=re.sub("[^a-z0-9]+", "-", f"{source}-{to}-{name}".lower())[:90].strip("-"))
            if pinned and want.key[0] == "url":
                want.pin = sha256(self.place.world.addresses[want.key[1]])
            wants.append(want)
        what = "a manifest of " + ", ".join(f"{w.id} = {w.source} to {'/'.join(filter(None, (w.to, w.name)))}"
                                            f"{' pinned' if w.pin else ''}" for w in wants)
        if profile:
            self.place.profile(wants)
            self.pull(flags, wants, kill, what)
            self.place.profile([])
            self.pulled = None
        else:
            self.pull(["-f", self.place.manifest(wants), *flags], wants, kill, what)

    @rule(some=st.lists(st.sampled_from([s for s in SPELLED if s[1] == "a1111/loras" and not s[2]]), min_size=2, max_size=2,
                        unique=True), kill=kills)
    def pull_two_spelled_out(self, some, kill):
        wants = [self.want(spelled) for spelled in some]
        self.pull([want.source for want in wants] + ["--to", "a1111/loras"], wants, kill)

    @rule()
    def pull_the_same_again(self):
        if self.pulled:
            words, wants, what = self.pulled
            self.command("pull", "-y", *words, wants=wants, again=True, what=what)
            self.pulled = (words, wants, what)

    @rule(spelled=st.sampled_from(SPELLED), flags=st.sampled_from([[], ["--update"], ["--offline"], ["--exit-code"], ["--force"]]))
    def plan(self, spelled, flags):
        want = self.want(spelled)
        self.command("plan", *want.arguments(), *flags, "--json", wants=[want])

    @rule(spelled=st.sampled_from(SPELLED), how=st.sampled_from([[], ["--update"], ["--check"], ["-n"], ["--update", "-n"]]))
    def lock(self, spelled, how):
        want = self.want(spelled)
        self.command("lock", *want.arguments(), *how, "--json")

    # what looks, and what takes away

    @rule(how=st.sampled_from([["--json"], ["--json"], [], ["--quick"], ["--repair"], ["--repair", "--offline"], ["--repair", "-n"]]),
          kill=kills)
    def verify(self, how, kill):
        self.command("verify", *how, kill=kill)

    @rule(store=st.sampled_from(["a1111", "a1111", "comfyui", "ollama", "ollama", "hf", "llama-cpp", "ollama-small"]),
          how=st.sampled_from([[], ["--json"], ["--repair"], ["--repair"], ["--quick"], ["--repair", "-n"]]))
    def verify_a_store(self, store, how):
        self.command("verify", "--store", store, *how)

    @rule(how=st.sampled_from([[], ["--json"], ["-n"], ["--store", "a1111"], ["--store", "ollama"], ["~/elsewhere"]]), kill=kills)
    def adopt(self, how, kill):
        self.command("adopt", *[word.replace("~", self.place.top) for word in how], kill=kill)

    @rule(how=st.sampled_from([[], ["-n"], ["--unlink"]]), kill=kills)
    def link(self, how, kill):
        self.command("link", "--least", "0", *how, kill=kill)

    @rule(index=number, how=st.sampled_from([[], [], [], ["-n"], ["--force"]]), kill=kills)
    def rm(self, index, how, kill):
        name = pick(Registry(self.disk).ids(), index)
        if name is None or index == 40:
            self.command("rm", "-y", "nothing-of-that-name")
            return
        step = self.command("rm", "-y", name, *how, ids=[name], kill=kill)
        if step.killed:
            self.command("gc", "-y")

    @rule(how=st.sampled_from([[], ["--min-age", "0"], ["--min-age", "0", "--all"], ["-n", "--min-age", "0"]]), kill=kills)
    def gc(self, how, kill):
        self.command("gc", "-y", *how, kill=kill)

    @rule(what=st.sampled_from([["list", "--json"], ["df", "--json"], ["diff", "--json"], ["outdated", "--json"], ["manifest", "dump"],
                                ["show"]]), index=number)
    def look(self, what, index):
        if what == ["show"]:
            what = ["show", pick(Registry(self.disk).ids(), index) or "nothing-of-that-name", "--json"]
        self.command(*what)

    # what moves upstream

    @rule(repo=st.sampled_from(world.REPOS), how=st.sampled_from(["all", "weights", "config", "drop", "back"]))
    def upstream_moves(self, repo, how):
        self.place.world.move(repo, how)
        self.note(f"# upstream: {repo} has a new commit ({how})")

    @rule(name=st.sampled_from(world.TAGS), version=st.integers(1, 3))
    def upstream_pushes(self, name, version):
        self.place.world.push(name, version)
        self.place.world.note_known()
        self.note(f"# upstream: ollama:{name} names version {version}")

    @rule(name=st.sampled_from(world.ADDRESSES), version=st.integers(1, 3))
    def upstream_replaces(self, name, version):
        self.place.world.put(name, version)
        self.place.world.note_known()
        self.note(f"# upstream: {world.HOST}{name} has version {version}")

    @rule(address=st.sampled_from([("url", name) for name in world.ADDRESSES] * 2 + [("civitai", 11), ("ollama", "tiny")] + [
        ("hf", repo, name) for repo in world.REPOS[:2] for name in ("model.safetensors", "config.json")]),
        lie=st.sampled_from(world.LIES))
    def upstream_lies(self, address, lie):
        self.place.world.lie(address, lie)
        self.note(f"# upstream: {address} is served as: {lie}")

    @rule()
    def upstream_is_honest(self):
        if self.place.world.lies:
            self.place.world.lies.clear()
            self.note("# upstream: no lies any more")

    # what the user does

    @rule(to=st.sampled_from(OWN), name=st.sampled_from(NAMES), like=st.integers(0, 3))
    def user_puts_a_file(self, to, name, like):
        path = f"{places.FOLDERS[to]}/{name}"
        if path in self.disk or self.shut(path) or not self.real(path):
            return
        data = self.own(name, like)
        self.place.write(path, data)
        self.user(f"user: own file {path}, number {like}")

    def own(self, name, like):
        if name.endswith(".json"):
            return json.dumps({"mine": like}).encode()
        if like == 3:
            return b"<!DOCTYPE html><html>saved by mistake</html>"
        return contents.gguf(f"own {like}", 300) if name.endswith(".gguf") else contents.safetensors(f"own {like}", 310)

    def shut(self, path):
        return any((path + "/").startswith(folder + "/") for folder in self.place.closed)

    def real(self, path):
        """Whether the folder is there as a folder, or nothing is."""
        folder = os.path.dirname(path)
        return folder not in self.disk or self.disk[folder].kind == "d"

    @rule(to=st.sampled_from(OWN), name=st.sampled_from(NAMES), dangling=st.booleans())
    def user_makes_a_link(self, to, name, dangling):
        path, target = f"{places.FOLDERS[to]}/{name}", f"{places.ELSEWHERE}/app/{name}"
        if path in self.disk or self.shut(path) or not self.real(path):
            return
        if not dangling and target not in self.disk:
            self.place.write(target, self.own(name, 0))
        self.place.link(path, self.place.path(target))
        self.user(f"user: link {path} -> ~/{target}")

    @rule(to=st.sampled_from(["a1111/loras", "comfyui/loras", "comfyui/llm"]))
    def user_links_a_folder(self, to):
        path = places.FOLDERS[to]
        if path in self.disk or self.shut(path):
            return
        target = f"{places.ELSEWHERE}/big/{to.replace('/', '-')}"
        os.makedirs(self.place.path(target), exist_ok=True)
        self.place.link(path, self.place.path(target))
        self.user(f"user: folder link {path} -> ~/{target}")

    @rule(index=number, how=st.sampled_from(["edit", "own", "touch"]))
    def user_edits_a_file(self, index, how):
        self.change(pick(self.models(), index), index, how)

    @rule(index=number, how=st.sampled_from(["flip", "cut", "empty", "delete"]))
    def something_damages_a_file(self, index, how):
        self.change(pick(self.registered() or self.models(), index), index, how)

    def change(self, path, index, how):
        if path is None or self.shut(path):
            return
        data = self.disk[path].data
        if how == "flip" and data:
            self.place.overwrite(path, data[:-2] + bytes([data[-2] ^ 1 if len(data) > 1 else 0]) + data[-1:])
        elif how == "cut" and len(data) > 40:
            self.place.overwrite(path, data[:-30])
        elif how == "edit":
            self.place.write(path, contents.edited(data))
        elif how == "own":
            self.place.write(path, self.own(os.path.basename(path), 2))
        elif how == "empty":
            self.place.overwrite(path, b"")
        elif how == "delete":
            os.unlink(self.place.path(path))
        elif how == "touch":
            os.utime(self.place.path(path), (1700000000 + index, 1700000000 + index))
        else:
            return
        self.user(f"user: {how} {path}")

    @rule(index=number, deep=st.booleans())
    def user_moves_a_file(self, index, deep):
        path = pick([p for p in self.registered() if p.endswith((".gguf", ".safetensors")) and
                     places.store_of(p) not in places.OLLAMA + ("hf",)], index)
        if path is None or self.shut(path):
            return
        folder, name = os.path.split(path)
        new = f"{folder}/{'SDXL/' if deep else ''}renamed-{name}"
        if new in self.disk or self.shut(new):
            return
        os.makedirs(os.path.dirname(self.place.path(new)), exist_ok=True)
        registry, digest = Registry(self.disk), sha256(self.disk[path].data)
        owners = [(m, f) for m, f in registry.owners[path]]
        os.rename(self.place.path(path), self.place.path(new))
        self.user(f"user: moves {path} to {new}", {new: path})
        if len(owners) == 1 and owners[0][1].get("sha256") == digest and places.store_of(path):
            self.oracle.moved.append((owners[0][0].get("id"), path, new, digest))

    @rule(index=number, how=st.sampled_from(["both", "primary", "sha256"]))
    def other_tool_writes_a_sidecar(self, index, how):
        path = pick([p for p in self.models() if p.endswith(".safetensors") and p.startswith((
            places.FOLDERS["a1111/loras"], places.FOLDERS["comfyui/loras"]))], index)
        if path is None or self.shut(path) or not self.real(path):
            return
        digest, other = sha256(self.disk[path].data), sha256(self.place.world.versions[11])
        name = os.path.basename(path)
        if how == "sha256":
            self.place.write(path + ".sha256", f"{digest}  {name}\n".encode())
        else:
            files = [{"id": 110, "name": name, "primary": True, "type": "Model", "metadata": {"fp": "fp16"},
                      "hashes": {"SHA256": other.upper()}}]
            if how == "both":
                files.append({"id": 111, "name": name, "type": "Model", "metadata": {"fp": "fp32"},
                              "hashes": {"SHA256": digest.upper()}})
            self.place.write(path.rsplit(".", 1)[0] + ".civitai.info", json.dumps({
                "id": 11, "modelId": 1, "model": {"name": "Lora 1", "type": "LORA"}, "files": files}).encode())
        self.oracle.unsettled.add(path)
        self.user(f"other tool: sidecar ({how}) of {path}")

    @rule(index=number)
    def user_closes_a_folder(self, index):
        if self.place.closed:
            self.place.open_all()
            self.user("user: chmod 755, all folders are readable again")
            return
        folders = [p for p, n in self.disk.items() if n.kind == "d" and p.startswith(places.ROOT + "/") and not ours(p) and
                   ".ncmodel" not in p and not (places.REGISTRY + "/").startswith(p + "/")]
        folder = pick(folders, index * 7)
        if folder:
            self.place.close_folder(folder)
            self.user(f"user: chmod 000 {folder}")

    @rule(what=st.sampled_from(["note", "models.json"]), index=number)
    def somebody_forges(self, what, index):
        precious = f"{places.ELSEWHERE}/precious.safetensors"
        if self.place.closed:
            return
        if what != "note" and not Registry(self.disk).models:
            return
        if precious not in self.disk:
            self.place.write(precious, contents.safetensors("precious", 250))
        status = os.stat(self.place.path(precious))
        if what == "note":
            note = {"ncmodel_removal": 1, "models": ["x"], "files": [{
                "path": self.place.path(precious), "kind": "file", "store": "llama-cpp", "size": status.st_size,
                "mtime_ns": status.st_mtime_ns}]}
            self.place.write(f"{places.STORES['llama-cpp']}/.ncmodel/removing-0123456789abcdef", json.dumps(note).encode())
        else:
            document = json.loads(Registry(self.disk).text)
            model = document["models"][index % len(document["models"])]
            model["files"].append({**model["files"][0], "path": self.place.path(precious), "size": status.st_size,
                                   "sha256": sha256(contents.safetensors("precious", 250)), "mtime_ns": status.st_mtime_ns})
            self.place.write(places.REGISTRY, json.dumps(document).encode())
            self.oracle.forged = True
        self.user(f"somebody: a {what} that names ~/{precious}")

    # other programs' stores

    def put_blob(self, store, data):
        path = reach.blob(store, "sha256-" + sha256(data))
        if path not in self.disk:
            self.place.write(path, data)
        return path

    def second(self, store, name, data):
        """A name in the second layout, as Ollama writes it."""
        blob, entry = self.put_blob(store, data), f"{places.STORES[store]}/manifests-v2/ollama.com/library/{name}/latest"
        if os.path.lexists(self.place.path(entry)):
            os.unlink(self.place.path(entry))
        self.place.link(entry, os.path.relpath(self.place.path(blob), os.path.dirname(self.place.path(entry))))

    @rule(what=st.sampled_from(["copy", "list", "anchor", "local", "newer", "torn"]), index=number)
    def ollama_writes(self, what, index):
        store = "ollama"
        if any(places.STORES[store] in folder or folder in places.STORES[store] for folder in self.place.closed):
            return
        found = {name: entry for name, entry in reach.names(self.disk, store).items() if entry.whole}
        name = pick(found, index)
        weights, config = contents.gguf(f"local {index}", 400), b'{"model_format":"gguf","model_type":"1B"}'
        made = contents.image(config, [("model", weights)])
        if what == "copy":
            if not name:
                return
            self.second(store, COPIED, found[name].data)
        elif what in ("list", "newer"):
            if what == "newer" and not name:
                return
            for data in (weights, config, made):
                self.put_blob(store, data)
            tag = name.rsplit("/", 1)[-1].rsplit(":", 1)[0] if what == "newer" else MIXED
            self.second(store, tag, contents.manifest_list(made))
        elif what == "anchor":
            if not name or "/manifests/" not in found[name].path or b"manifest.list" in found[name].data:
                return
            original, model = found[name].data, name.rsplit("/", 1)[-1].rsplit(":", 1)[0]
            if len(json.loads(original)["layers"]) > 2:
                return
            for data in (weights, config, made, original):
                self.put_blob(store, data)
            both = contents.manifest_list(original, made)
            self.second(store, model, both)
            self.place.write(found[name].path, contents.anchor(original, (contents.LIST, both), (contents.MANIFEST, made)))
            self.place.write(f"{places.STORES[store]}/manifests/registry.ollama.ai/library/llamacpp/{sha256(made)}", made)
        elif what == "local":
            for data in (weights, config):
                self.put_blob(store, data)
            self.place.write(f"{places.STORES[store]}/manifests/registry.ollama.ai/library/{LOCAL}/latest", made)
        else:
            self.place.write(f"{places.STORES[store]}/manifests/registry.ollama.ai/library/torn/latest", b"not JSON")
            self.oracle.unsettled.add("torn")
        self.user(f"ollama: {what} {name or ''}")

    @rule(linked=st.booleans(), number=st.integers(0, 1), orphan=st.booleans())
    def hugging_face_fills_its_cache(self, linked, number, orphan):
        base = f"{places.STORES['hf']}/models--cat--cache{number}"
        if base in self.disk or any(folder in base or base in folder for folder in self.place.closed):
            return
        commit = sha256(base.encode())[:40]
        shown = f"{base}/.shown" if linked else f"{base}/snapshots"
        for name, data in (("model.safetensors", contents.safetensors(f"cache {number}", 260)), ("config.json", b'{"c": %d}' % number)):
            etag = sha256(data) if name.endswith("s") else world.git_sha1(data)
            self.place.write(f"{base}/blobs/{etag}", data)
            self.place.link(f"{shown}/{commit}/{name}", f"../../blobs/{etag}")
        if linked:
            os.symlink(".shown", self.place.path(base, "snapshots"))
        if orphan:
            data = contents.gguf("orphan", 200)
            self.place.write(f"{base}/blobs/{sha256(data)}", data)
        self.place.write(f"{base}/refs/main", commit.encode())
        self.user(f"huggingface_hub: {os.path.basename(base)}{', its snapshots is a link' if linked else ''}")
