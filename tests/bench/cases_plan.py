# SPDX-License-Identifier: MIT
"""(plan) Catalogs of many models: how long a plan, a comparison and a list take, and whether the time grows as the number does."""
import hashlib
import json
import os

from cases_registry import Registered, another
from machine import STORE
from material import HEAD
from report import Bar, Case

MOST = 10_000  # models in one manifest
POINTS = ((8_000, 0.3), (32_000, None), (100_000, 4.0))  # models, and seconds that a plan of them may take
STRAIGHT = 1.5  # a model among the most may cost so many times what it costs among the fewest


class Catalog(Registered):
    """Of the registered models, the first `wanted` are on the disk and in manifests."""

    def __init__(self, bench, folder, wanted, registered):
        self.wanted, self.specs = wanted, []
        super().__init__(bench, folder, registered)
        self.manifests = [self._manifest(first) for first in range(0, wanted, MOST)]

    def entry(self, written, number):
        model = another(written, number)
        if number < self.wanted:
            self._place(model)
        return model

    def _place(self, model):
        content = HEAD + model["id"].encode()
        file = model["files"][0]
        path = os.path.join(self.machine.root, os.path.dirname(STORE), file["path"])
        with open(path, "wb") as out:
            out.write(content)
        file.update(size=len(content), sha256=hashlib.sha256(content).hexdigest(), mtime_ns=os.stat(path).st_mtime_ns)
        described = ("id", "use_cases", "tags", "capabilities", "license", "format", "architecture", "quantization", "parameters", "context_length", "vram_gb")
        self.specs.append({**{key: model[key] for key in described}, "name": model["display_name"], "kind": "llm",
                           "description": "A model among many, to see what many cost.",
                           "files": [{"from": [file["source"]], "to": [{"store": "llama-cpp"}], "size": file["size"], "sha256": file["sha256"]}]})

    def _manifest(self, first):
        path = os.path.join(self.folder, "many-%d.json" % first)
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"schema_version": 1, "profile": "bench", "phase": 1, "priority": "high", "models": self.specs[first:first + MOST]}, out, indent=1)
        return path

    def command(self, *words):
        return [self.bench.binary, *words, *(word for path in self.manifests for word in ("-f", path))]


def measured(bench, key, title, catalog, command, limit):
    case = Case(key, title, catalog.runner("ncmodel " + " ".join(command), catalog.command(*command)))
    case.holds_all = True
    bench.race(case)
    if limit and case.ours.ran():
        case.bar(Bar("≤ %g s" % limit, case.ours.median("wall"), limit, "s"))
    return case


def plan(bench, count, limit):
    with bench.folder() as folder:
        # It ends with 3, and so fails, if anything were to be done.
        return measured(bench, "plan-%dk" % (count // 1000), "%d models, all registered and in place" % count,
                        Catalog(bench, folder, count, count), ("plan", "--offline", "--exit-code"), limit)


def plans(bench):
    cases = [plan(bench, count, limit) for count, limit in POINTS]
    each = [case.ours.median("cpu") / count if case.ours.ran() else None for case, (count, _) in zip(cases, POINTS)]
    cases[-1].bar(Bar("CPU a model ≤ %g × that of %d" % (STRAIGHT, POINTS[0][0]), each[-1] / each[0] if all(each) else None, STRAIGHT))
    return cases


def few_of_many(bench):
    with bench.folder() as folder:
        catalog = Catalog(bench, folder, 500, 100_000)
        title = "500 models of manifests, 100000 in models.json"
        return [measured(bench, "many-diff", title, catalog, ("diff",), 1.5),
                measured(bench, "many-available", title, catalog, ("list", "--available"), 1.5)]


def register(cases):
    cases["plan"] = plans
    cases["many"] = few_of_many
