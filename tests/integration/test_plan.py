"""What is known before a pull: failed look-ups, sizes that nobody tells, and what pins alone are enough for."""
import json
import os
import re
import socket
import unittest

from harness import Case, gguf, sha256


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class PlanCase(Case):
    def plan(self, *arguments, code=0):
        result = self.machine.run("plan", "--retries", "1", *arguments)
        self.assertEqual(result.returncode, code, result.out + result.err)
        return result

    def data(self, *arguments, code=0):
        return json.loads(self.plan("--json", *arguments, code=code).out)["data"]

    def total(self, result):
        return next(line for line in result.out.splitlines() if line.startswith("Plan: "))

    def unpinned(self, name, url, **extra):
        return {"id": name, "files": [{"from": [url], "insecure_http": True,
                                       "to": [{"store": "llama-cpp", "name": name + ".gguf"}], **extra}]}

    def away(self, name, **extra):
        """A model whose server does not answer."""
        return self.unpinned(name, f"http://127.0.0.1:{closed_port()}/{name}.gguf", **extra)

    def sizeless(self, name, **extra):
        """A model whose server does not say its size."""
        self.hub.fault(f"/{name}.gguf", "long", times=None)
        return self.unpinned(name, self.hub.url(f"/{name}.gguf", gguf(name, 9_000)), **extra)


class LookUpTest(PlanCase):
    def test_a_failed_look_up_is_told(self):
        m = self.machine
        m.manifest([self.away("away"), m.simple("here.gguf", gguf("here", 5_000))])
        result = self.plan(code=7)
        self.assertIn("look-up failed: network", result.out)
        self.assertRegex(result.err, r"away: the look-up of its size failed.*127\.0\.0\.1")
        self.assertIn("2 to fetch (5.00 kB and 1 of unknown size)", self.total(result))
        data = self.data(code=7)
        away, here = data["models"]
        self.assertEqual((away["lookup_error"], away["error"], here["lookup_error"]), ("network", None, None))
        self.assertIn("127.0.0.1", away["reason"])
        self.assertIsNone(here["reason"])
        self.assertEqual((away["to_get_unknown"], data["to_get_unknown"], data["to_get"]), (1, 1, 5_000))

    def test_a_server_that_only_does_not_tell_is_no_failure(self):
        self.machine.manifest([self.sizeless("silent")])
        result = self.plan()
        self.assertIn("1 to fetch (1 of unknown size)", self.total(result))
        self.assertNotIn("failed", result.out)
        self.hub.fault("/refuses.gguf", "status", times=None, status=416)
        self.machine.manifest([self.unpinned("refuses", self.hub.service.url + "/refuses.gguf")])
        result = self.plan()
        self.assertIn("size not told by its source", result.out)
        self.assertIn("416", self.data()["models"][0]["reason"])
        self.hub.faults.clear()
        self.hub.fault("/refuses.gguf", "status", times=None, status=405)  # to GET, too: it is not to be had
        self.assertIn("cannot be planned: server_refused", self.plan(code=15).out)

    def test_what_cannot_be_planned_is_in_no_sum_and_told(self):
        m = self.machine
        gone = {"id": "gone", "files": [{"from": ["hf:org/gone/gone.gguf"], "to": [{"store": "llama-cpp"}],
                                         "sha256": "a" * 64, "size": 7_000_000}]}
        m.manifest([gone, m.simple("here.gguf", gguf("here", 5_000))])
        result = self.plan(code=5)
        self.assertIn("cannot be planned: not_found", result.out)
        self.assertRegex(self.total(result), r"1 to fetch \(5\.00 kB\).*1 cannot be planned and is in no sum.*7\.00 MB")
        self.assertIn("2 models, 5.00 kB to fetch, without 1 that cannot be planned", result.out)
        data = self.data(code=5)
        self.assertEqual((data["left_out"], data["left_out_size"], data["to_get"]), (1, 7_000_000, 5_000))
        self.assertIn("gone", data["models"][0]["reason"])


class SizeTest(PlanCase):
    EXPECTED = {"expected_size": 3_000_000, "expected_size_source": "a list"}

    def test_expected_sizes_count_and_are_marked(self):
        m = self.machine
        m.manifest([self.sizeless("about", **self.EXPECTED), m.simple("here.gguf", gguf("here", 5_000))])
        result = self.plan()
        self.assertRegex(self.total(result), r"2 to fetch \(~3\.0\d MB\)")
        self.assertRegex(result.out, r"about +~3\.00 MB")
        self.assertRegex(result.out, r"Disk .*needs ~3\.0")
        self.assertRegex(result.out, r"Time at 25 Mbit/s: ~")
        data = self.data()
        self.assertEqual((data["to_get"], data["to_get_expected"], data["to_get_unknown"]), (3_005_000, 3_000_000, 0))
        self.assertTrue(data["models"][0]["files"][0]["size_expected"])
        self.assertFalse(data["models"][1]["files"][0]["size_expected"])
        self.assertEqual(data["disks"][0]["needed_expected"], 3_000_000)
        offered = self.machine.run("list", "--available").out
        self.assertRegex(offered, r"about .*~3\.00 MB")
        self.assertRegex(offered, r"Total: 2 models, ~3\.0")
        shown = self.machine.run("show", "about").out
        self.assertRegex(shown, r"expected size +~3\.00 MB.*a list")

    def test_unknown_sizes_are_not_0(self):
        m = self.machine
        m.manifest([self.sizeless("silent"), self.sizeless("mute"), m.simple("here.gguf", gguf("here", 5_000))])
        result = self.plan()
        for line in ("Phase 1 (high): 3 models, 5.00 kB and 2 of unknown size to fetch",
                     "3 to fetch (5.00 kB and 2 of unknown size)"):
            self.assertIn(line, result.out)
        self.assertRegex(result.out, r"Disk .*needs 5\.00 kB and 2 of unknown size.*not known")
        self.assertRegex(result.out, r"Time at .*, and 2 of unknown size")
        data = self.data()
        self.assertEqual((data["disks"][0]["needed_unknown"], data["to_get_unknown"]), (2, 2))
        self.assertRegex(m.run("list", "--available").out, r"Total: 3 models, 5\.00 kB and 2 of unknown size")

    def test_an_expected_size_is_held_against_the_disk(self):
        self.machine.manifest([self.sizeless("vast", expected_size=1 << 52, expected_size_source="a list")])
        result = self.plan(code=9)
        self.assertRegex(result.err, r"not enough disk space.*~4\.50 PB needed")

    def test_what_was_expected_does_not_bind(self):
        data = gguf("other", 9_000)
        self.hub.url("/other.gguf", data)
        self.machine.manifest([self.unpinned("other", self.hub.service.url + "/other.gguf", **self.EXPECTED)])
        self.pull()
        self.assertEqual(self.entries()["other"]["files"][0]["size"], 9_000)
        self.check_registry()

    def test_a_figure_has_a_source_and_no_exact_one_beside_it(self):
        m = self.machine
        for extra, reason in (({"expected_size": 5}, "expected_size_source"),
                              ({"expected_size_source": "a list"}, "which is missing"),
                              ({**self.EXPECTED, "size": 7}, "means nothing beside"),
                              ({**self.EXPECTED, "expected_size": 0}, "expected_size")):
            path = m.manifest([self.unpinned("m", "https://example.org/m.gguf", **extra)])
            result = m.run("manifest", "check", path)
            self.assertEqual(result.returncode, 2, extra)
            self.assertIn(reason, result.err)
        path = m.manifest([self.unpinned("m", "https://example.org/m.gguf", **self.EXPECTED)])
        self.assertEqual(m.run("manifest", "check", path).returncode, 0)


class SparedTest(PlanCase):
    def test_small_layers_that_are_here_do_not_make_it_look_so(self):
        """Another model brought the licence: this one is not "there already"."""
        licence = ("license", b"l" * 70)
        self.hub.ollama("library/small", [("model", gguf("s", 300_000)), licence])
        self.hub.ollama("library/other", [("model", gguf("o", 300_000)), licence])
        self.machine.manifest([{"id": name, "files": [{"from": ["ollama:" + name]}]} for name in ("small", "other")])
        self.pull("small")
        out = self.machine.run("plan", "other").out
        self.assertIn("1 to fetch (300 kB)", out)
        self.assertNotIn("already, will be", out)
        out = self.machine.run("plan", "other", "--store-path", "ollama=" + os.path.join(self.machine.home, "elsewhere")).out
        self.assertNotIn("linked from", out)


class NameTest(PlanCase):
    """An error names the model as its user does, in plan and pull alike, and once."""

    def test_a_source_spelled_out(self):
        self.hub.hf("org/gated", {"x.gguf": gguf("x", 5_000)}, gated=True, token="hf_other")
        self.hub.hf("org/some", {"x-Q8_0.gguf": gguf("x", 5_000)})
        for source, arguments, code in (("hf:org/gated", ["--to", "training"], 6), ("hf:org/some:Q4_0", [], 5),
                                        ("ollama:missing:1b", [], 5), ("ollama:localhost:1/a/b:1b", ["--retries", "1"], 7),
                                        ("ollama:missing:1b", ["--offline"], 11)):
            said = [self.machine.run(*command, source, *arguments) for command in (["plan"], ["pull", "-y"])]
            told = [[re.sub(r"after \d+ ms", "after a while", line) for line in result.err.splitlines() if line.startswith("ncmodel: ")]
                    for result in said]
            self.assertEqual(told[0], told[1])
            self.assertEqual([result.returncode for result in said], [code, code])
            self.assertTrue(told[0][0].startswith("ncmodel: " + source), told)
            self.assertEqual(told[0][0].count(source.partition(":")[2]), 1, told)


class HintTest(PlanCase):
    def test_variants_are_offered_once(self):
        model = self.machine.simple("one.gguf", gguf("one", 5_000))
        self.hub.blobs["service"].clear()
        self.machine.manifest([{**model, "variants": [{"name": "other", "files": [
            {**model["files"][0], "from": [self.hub.url("/files/other.gguf", gguf("two", 5_000))], "sha256": sha256(gguf("two", 5_000))}]}]}])
        self.assertEqual(self.pull("one", code=5).err.count("--variant other"), 1)

    def test_a_store_of_the_wrong_kind(self):
        self.hub.ollama("library/small", [("model", gguf("small", 5_000))])
        self.assertRegex(self.plan("ollama:small", "--to", "llama-cpp", code=2).err, "--to ollama")
        self.assertEqual(self.plan("ollama:small", "--to", "ollama").returncode, 0)

    def test_all_of_a_repository_is_no_part(self):
        self.hub.hf("org/one", {"one.gguf": gguf("one", 5_000), "two.gguf": gguf("two", 5_000)})
        self.pull("hf:org/one", "--to", "training", "--include", "one*")
        self.assertIn("as chosen before", self.pull("hf:org/one", "--to", "training").err)
        self.pull("hf:org/one", "--to", "training", "--include", "*")
        self.assertNotIn("as chosen before", self.pull("hf:org/one", "--to", "training").err)


class SumsTest(PlanCase):
    """Every sum is what its models are, whatever is known of them: an oracle adds them up by itself."""

    def model(self, random, number):
        """A model, what counts of it as (to_get, expected, unknown), and whether it can be planned."""
        name, size, about = f"m{number}", random.randrange(1, 9_000), random.randrange(1, 9_000_000)
        kind = random.choice(["pinned", "told", "silent", "expected", "gone", "gone-expected", "gone-unknown"])
        expected = {"expected_size": about, "expected_size_source": "a list"}
        if kind == "pinned":
            return self.machine.simple(name + ".gguf", gguf(name, size + 40)), (size + 40, 0, 0), True
        if kind == "told":
            return self.unpinned(name, self.hub.url(f"/{name}.gguf", gguf(name, size + 40)),
                                 **random.choice([{}, expected])), (size + 40, 0, 0), True
        if kind == "silent":
            return self.sizeless(name), (0, 0, 1), True
        if kind == "expected":
            return self.sizeless(name, **expected), (about, about, 0), True
        exact = {"size": size, "sha256": sha256(name.encode())}
        says, counts = {"gone": (exact, (size, 0, 0)), "gone-expected": (expected, (about, about, 0)),
                        "gone-unknown": ({}, (0, 0, 1))}[kind]
        return {"id": name, "files": [{"from": [f"hf:org/gone/{name}.gguf"], "to": [{"store": "llama-cpp"}],
                                       **says}]}, counts, False

    def test_sums(self):
        import random as randomness
        for seed in range(8):
            random = randomness.Random(seed)
            worlds = {phase: [self.model(random, 100 * seed + 10 * phase + i) for i in range(random.randrange(1, 6))]
                      for phase in (1, 2, 3)}
            for phase, models in worlds.items():
                self.machine.manifest([model for model, _, _ in models], phase=phase)
            every = [entry for models in worlds.values() for entry in models]
            sums = {planned: tuple(map(sum, zip(*[(0, 0, 0)] + [counts for _, counts, ok in every if ok == planned])))
                    for planned in (True, False)}
            left_out = sum(not ok for _, _, ok in every)
            result = self.machine.run("plan", "--json")
            self.assertEqual(result.returncode, 5 if left_out else 0, result.err)
            data = json.loads(result.out)["data"]
            with self.subTest(seed=seed):
                for key in ("to_get", "size"):
                    self.assertEqual((data[key], data[key + "_expected"], data[key + "_unknown"]), sums[True])
                self.assertEqual((data["left_out"], data["left_out_size"], data["left_out_size_expected"],
                                  data["left_out_size_unknown"]), (left_out, *sums[False]))
                for disk in data["disks"]:
                    self.assertEqual((disk["needed"], disk["needed_expected"], disk["needed_unknown"]), sums[True])
                for entry, (_, counts, ok) in zip(data["models"], every):
                    counted = (entry["to_get"], entry["to_get_expected"], entry["to_get_unknown"])
                    self.assertEqual(counted, counts if ok else (0, 0, 0))


class PinsTest(PlanCase):
    """A manifest's digests are enough for a plan without a network, and for nothing more."""

    LAYERS = [("model", gguf("tiny", 5_000)), ("template", b"hello"), ("license", b"do")]

    def ollama(self, **extra):
        text = self.hub.ollama("library/tiny", self.LAYERS, tag="1b")
        manifest = json.loads(text)
        kinds = [kind for kind, _ in self.LAYERS] + ["config"]
        layers = [{"digest": layer["digest"], "size": layer["size"], "type": kind}
                  for kind, layer in zip(kinds, [*manifest["layers"], manifest["config"]])]
        return {"id": "tiny", "files": [{"from": ["ollama:tiny:1b"], "digest": "sha256:" + sha256(text), "layers": layers,
                                         **extra}]}

    def test_an_ollama_model(self):
        m = self.machine
        m.manifest([self.ollama()])
        size = sum(layer["size"] for layer in self.ollama()["files"][0]["layers"])
        before = len(self.hub.requests)
        data = self.data("--offline")
        self.assertEqual(len(self.hub.requests), before)
        self.assertEqual((data["to_get"], data["left_out"], data["to_get_unknown"]), (size, 0, 0))
        online = self.data()
        self.assertEqual(online["to_get"], size)
        self.assertEqual([f["path"] for f in data["models"][0]["files"]],
                         [f["path"] for f in online["models"][0]["files"]])
        # Its manifest's bytes are not here: nothing is carried out by pins.
        before, seen = len(self.hub.requests), m.snapshot()
        self.assertIn("--offline", self.pull("--offline", code=11).err)
        self.assertEqual((len(self.hub.requests), m.snapshot()), (before, seen))
        self.pull()
        data = self.data("--offline", "--exit-code")
        self.assertFalse(data["changes"])

    def test_without_the_lock_what_is_in_place_is_seen(self):
        m = self.machine
        m.manifest([self.ollama()])
        self.pull()
        data = self.data("--offline", "--exit-code", "--lock", m.home + "/none.lock")
        self.assertEqual({file["step"] for file in data["models"][0]["files"]}, {"keep"})

    def test_a_digest_alone_says_nothing_of_the_layers(self):
        model = self.ollama()
        del model["files"][0]["layers"]
        self.machine.manifest([model])
        self.plan("--offline", code=11)

    def test_files_without_a_revision(self):
        models = [{"id": name, "files": [{"from": [uri], "size": 6_000, "sha256": sha256(name.encode()),
                                          "to": [{"store": "llama-cpp"}]}]}
                  for name, uri in (("one", "hf:org/one/one.gguf"), ("two", "https://example.invalid/two.gguf"),
                                    ("three", "civitai:4@9"))]
        models[2]["files"][0]["to"][0]["name"] = "three.gguf"
        del models[1]["files"][0]["size"]
        self.machine.manifest(models)
        data = self.data("--offline")
        self.assertEqual((data["to_get"], data["to_get_unknown"], data["left_out"]), (12_000, 1, 0))
        self.assertTrue(all(file["path"].endswith(f"/{model['id']}.gguf")
                            for model in data["models"] for file in model["files"]))
        self.assertEqual(self.hub.requests, [])

    def test_what_nothing_pins_is_not_known(self):
        self.machine.manifest([self.unpinned("a", "https://example.invalid/a.gguf"),
                               {"id": "b", "files": [{"from": ["hf:org/b/b.gguf"], "to": [{"store": "llama-cpp"}],
                                                      "expected_size": 4_000_000, "expected_size_source": "a list"}]}])
        result = self.plan("--offline", code=11)
        self.assertRegex(self.total(result), r"2 cannot be planned and are in no sum \(by the manifests: "
                                             r"~4\.00 MB and 1 of unknown size\)")

    def test_what_the_lock_pins_is_enough_too(self):
        m = self.machine
        self.hub.hf("org/one", {"one.gguf": gguf("one", 5_000)})
        self.assertEqual(m.run("lock", "hf:org/one/one.gguf").returncode, 0)
        data = self.data("--offline", "hf:org/one/one.gguf")
        self.assertEqual((data["to_get"], data["models"][0]["files"][0]["step"]), (5_000, "fetch"))
        self.assertIn("--offline", self.pull("--offline", "hf:org/one/one.gguf", code=11).err)

    def test_shipped_manifests_can_be_planned(self):
        result = self.machine.run("plan", "--offline", "--profile", "nc-dev-rtx4090", "--phase", "1", "--reserve", "0", "--json")
        data = json.loads(result.out)["data"]
        self.assertEqual((len(data["models"]), data["left_out"], data["to_get_unknown"]), (5, 0, 0))
        self.assertGreater(data["to_get"], 45 * 10**9)
        # this machine's disk may be smaller
        fits = all(disk["needed"] <= disk["free"] for disk in data["disks"])
        self.assertEqual(result.returncode, 0 if fits else 9)


if __name__ == "__main__":
    unittest.main()
