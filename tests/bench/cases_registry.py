# SPDX-License-Identifier: MIT
"""(registry) models.json with ten and with a hundred thousand models: list, and the update that a pull makes; jq reads the same file."""
import copy
import hashlib
import json
import os

import rivals
from machine import STORE
from material import make, warm
from meter import Failed, Runner
from report import Bar, Case, human

SMALL = 20_000  # bytes of a model that is pulled: no time to speak of


def another(written, number):
    """A model as a pull has written one, by another name and from another source."""
    model = copy.deepcopy(written)
    name = "model-%06d-7b-instruct-q4" % number
    digest = hashlib.sha256(name.encode()).hexdigest()
    path, source, revision = "models/%s.gguf" % name, "hf:example/%s-GGUF/%s.gguf@%s" % (name, name, digest[:40]), digest[:40]
    model.update(name=name, id=name, display_name="Model %d 7B Instruct" % number, file_path=path, size_mb=4168,
                 use_cases=["CodeGeneration", "Reasoning"], tags=["gguf", "instruct"], capabilities=["chat"],
                 source=source, revision=revision, license="apache-2.0",
                 format="gguf", architecture="llama", quantization="Q4_K_M", parameters="7B", context_length=32768, vram_gb=6.5)
    model["files"][0].update(path=path, size=4_370_000_000 + number, sha256=digest, source=source, revision=revision)
    return model


class Registered:
    """A machine whose models.json has many models, each as a pull of ours has written one."""

    def __init__(self, bench, folder, count):
        self.bench, self.folder, self.count = bench, folder, count
        self.files = [make(bench.memory, "new-%d.gguf" % i, SMALL, seed=40 + i) for i in range(bench.runs + 1)]
        self.machine = bench.machine(folder).want(self.files, bench.nginx.url)
        bench.measure(self.machine.pull("new-0"), folder, self.machine.env)
        self.path = os.path.join(self.machine.root, STORE, "models.json")
        self._fill()

    def _fill(self):
        with open(self.path, encoding="utf-8") as file:
            document = json.load(file)
        written = document["models"][0]
        document["models"] += [self.entry(written, number) for number in range(self.count - 1)]
        document["total_models"] = len(document["models"])
        document["total_size_gb"] = round(sum(model["size_mb"] for model in document["models"]) / 1024, 2)
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.write("\n")

    def entry(self, written, number):
        return another(written, number)

    def title(self, what):
        return "%s, models.json of %d models, %s" % (what, self.count, human(os.path.getsize(self.path)))

    def runner(self, name, command, *programs):
        def run(_):
            warm([self.path])
            return self.bench.measure(command, self.folder, self.machine.env)
        return Runner(name, run, rivals.missing(*programs))

    def jq(self):
        return self.runner("jq .", ["jq", ".", self.path], "jq")

    def models(self):
        with open(self.path, encoding="utf-8") as file:
            return {model["name"] for model in json.load(file)["models"]}


def listing(bench, key, count, limit):
    with bench.folder() as folder:
        registered = Registered(bench, folder, count)
        case = Case(key, registered.title("list"), registered.runner("ncmodel list", [bench.binary, "list"]))
        case.holds_all = True
        case.add(registered.jq())
        bench.race(case)
        if case.ours.ran():
            case.bar(Bar("≤ %g s" % limit, case.ours.median("wall"), limit, "s"))
        return case


def update(bench, key, count, limit):
    """The update alone, by a program of ours that does nothing else, and the pull that it is a part of."""
    with bench.folder() as folder:
        registered = Registered(bench, folder, count)
        put = os.path.join(os.path.dirname(os.path.dirname(bench.binary)), "tests", "registry_put")

        def run(name, command):
            def one(number):
                warm([registered.path])
                return bench.measure(command(number), folder, registered.machine.env)
            return Runner(name, one)

        ours = run("one model put into it", lambda number: [put, registered.path, "put-%d" % number])
        if not os.path.exists(put):
            ours.missing = "tests/registry_put is not built beside ncmodel"
        case = Case(key, registered.title("update"), ours)
        case.holds_all = True
        pull = run("ncmodel pull of %d kB" % (SMALL // 1000), lambda number: registered.machine.pull("new-%d" % (number + 1)))
        case.add(pull)
        case.add(registered.jq())
        bench.race(case)
        if ours.ran():
            case.bar(Bar("≤ %g s" % limit, ours.median("wall"), limit, "s"))
        if pull.ran():
            case.bar(Bar("the pull ≤ %g s" % limit, pull.median("wall"), limit, "s"))
        if pull.ran() and len(registered.models()) != count + len(ours.costs) + len(pull.costs):
            raise Failed("models.json has not all models")
        return case


def register(cases):
    cases["registry-10k"] = lambda bench: listing(bench, "registry-10k", 10_000, 0.06)
    cases["registry-100k"] = lambda bench: listing(bench, "registry-100k", 100_000, 0.5)
    cases["registry-update"] = lambda bench: update(bench, "registry-update", 100_000, 1.0)
