"""`ncmodel fit --with`: models beside others that stay loaded."""
import json
import unittest

from harness import sha256
from test_fit import MIB, FitCase
import memory_models


class BesideTest(FitCase):
    def setUp(self):
        super().setUp()
        self.large = self.written(memory_models.MODELS["llama-large-vocabulary"](), "large.gguf")
        self.small = self.written(memory_models.MODELS["qwen3"](), "small.gguf")
        self.alone = {path: self.model(path) for path in (self.large, self.small)}

    def total(self, path):
        return self.alone[path]["card"]["total"]

    def test_the_sum_of_both_is_held_against_the_card(self):
        """Each in its process: all parts of both, and both errors, decide."""
        both = self.total(self.large) + self.total(self.small)
        error = self.alone[self.large]["error"] + self.alone[self.small]["error"]
        for room, verdict in ((both + error, "fits"), (both + error - MIB, "close"), (both - error - MIB, "too-large")):
            data = self.fit(self.large, "--with", self.small, "--vram", "%dMB" % (room // MIB + (verdict == "fits")))
            [row] = data["models"]
            self.assertEqual((row["together"], row["verdict"]), (both, verdict))
            self.assertEqual(row["card"], self.alone[self.large]["card"])
            self.assertEqual(data["resident"], [{"id": self.small, "basis": "header", "total": self.total(self.small)}])

    def test_several_and_each_asked_for_alone(self):
        data = self.fit(self.large, self.small, "--with", self.small, "--with", self.large)
        self.assertEqual([row["together"] for row in data["models"]], [self.total(self.large) + self.total(self.small)] * 2)
        self.assertEqual([row["id"] for row in data["resident"]], [self.small, self.large])

    def test_the_most_that_fits_is_what_is_left(self):
        """The context beside it is that of a card which is smaller by what stays loaded."""
        other, spare = self.alone[self.small], 1200
        beside = self.model(self.large, "--with", self.small, "--vram", "%dMB" % spare)
        left = spare * MIB - other["card"]["total"] - other["error"] - self.alone[self.large]["error"]
        context = beside["context_that_fits"]
        self.assertLessEqual(self.model(self.large, "--context", str(context))["card"]["total"], left)
        self.assertGreater(self.model(self.large, "--context", str(context + 256))["card"]["total"], left)

    def test_what_stays_loaded_is_whole_on_the_card(self):
        row = self.model(self.large, "--with", self.small, "--gpu-layers", "0")
        self.assertEqual(row["together"] - row["card"]["total"], self.total(self.small))

    def test_what_is_not_known_is_not_taken_for_room(self):
        m = self.machine
        m.manifest([{"id": "nothing", "files": [{"from": ["https://unused.invalid/x.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        way = (self.large, "--with", "nothing", "--offline")
        row = self.model(*way, "--vram", "24GB")
        self.assertEqual((row["verdict"], row["together"], row["context_that_fits"]), ("unknown", None, None))
        self.fit(*way, "--vram", "24GB", "--require-fit", code=12)
        self.assertEqual(self.model(*way, "--vram", "100MB")["verdict"], "too-large")
        self.assertRegex(m.run("fit", *way, "--vram", "24GB").out, r">\S+ [GM]iB")

    def test_names_of_manifests_are_asked_for_as_ever(self):
        with open(self.small, "rb") as file:
            data = file.read()
        self.hub.hf("org/repo", {"a.gguf": data})
        spec = {"from": ["hf:org/repo/a.gguf"], "to": [{"store": "llama-cpp", "name": "a.gguf"}], "sha256": sha256(data),
                "size": len(data)}
        self.machine.manifest([{"id": "a", "files": [spec]}, {"id": "b", "vram_gb": 2, "files": [spec]}])
        found = self.fit("b", "--with", "a")
        self.assertEqual(found["resident"], [{"id": "a", "basis": "header", "total": self.total(self.small)}])
        self.assertEqual([row["id"] for row in found["models"]], ["b"])
        whole = self.fit("--with", "a", "--offline")  # every model of the profile beside it; itself is there once
        self.assertEqual([row["together"] - row["card"]["total"] > 0 for row in whole["models"]], [False, True])
        self.fit("--with", "none-such", code=2)

    def test_the_best_quantization_beside_it(self):
        files = {}
        for name, wide in (("m-Q2_K.gguf", 512), ("m-Q4_K_M.gguf", 16384)):
            with open(self.written(memory_models.plain("llama", wide=wide), name), "rb") as file:
                files[name] = file.read()
        self.hub.hf("org/quants", files)

        def best(*more):
            [found] = self.fit("--quantizations", "hf:org/quants", "--vram", "1130MB", *more)["repositories"]
            return [row["name"] for row in found["files"] if row["best"]]

        self.assertEqual((best(), best("--with", self.small)), (["m-Q4_K_M.gguf"], ["m-Q2_K.gguf"]))
        self.assertEqual(best("--with", self.small, "--with", self.large), [])

    def test_what_people_see(self):
        shown = self.machine.run("fit", self.large, "--with", self.small, "--vram", "2GB").out
        self.assertRegex(shown, r"Resident beside each: \S*small\.gguf \(\d+\.\d MiB\)\.")
        self.assertIn("TOGETHER", shown)
        self.assertRegex(shown, r"[░+]{2,}")
        self.assertNotIn("TOGETHER", self.machine.run("fit", self.large, "--vram", "2GB").out)

    def test_what_is_no_count_makes_the_sum_none(self):
        self.machine.manifest([{**self.machine.simple("stated.gguf", b"GGUF"), "vram_gb": 1}])
        for line in (["stated", "--with", self.small], [self.small, "--with", "stated"]):
            shown = self.machine.run("fit", *line, "--vram", "4GB", "--offline").out
            self.assertRegex(shown, r"~\d\.\d GiB +(1 GB +)?fits")

    def test_stages_have_their_own_sets(self):
        for line in (["--stages", "--with", self.small], ["--stages", "llama-3.1-8b"], ["--stages", "--phase", "1"],
                     ["--stages", "--train", "qlora"], ["--vram", "12GB", "--gpu", "RTX 4090"]):
            result = self.machine.run("fit", *line, "--profile", "nc-dev-rtx4090", "--offline")
            self.assertEqual((result.returncode, "leave out one of them" in result.err), (2, True), (line, result.err))


class SelectTest(FitCase):
    """`select --vram`: what is installed is counted from its header, for the context asked for; else the statement counts."""

    def test_the_header_before_the_statement(self):
        m = self.machine
        with open(self.written(memory_models.plain("llama", layers=16, kv_heads=8)), "rb") as file:
            data = file.read()
        m.manifest([{**m.simple("here.gguf", data), "vram_gb": 20, "context_length": 131072},
                    {**m.simple("there.gguf", data + b"1"), "vram_gb": 2, "context_length": 131072}])
        self.assertEqual(m.run("pull", "here", "-y").returncode, 0)

        def select(*more):
            result = m.run("select", "--json", "--usecase", "General", *more)
            found = json.loads(result.out)["data"]
            return {pick["id"]: (pick["vram_by"], pick["vram_gb"], pick["unknown"]) for pick in [found["answer"], *found["alternatives"]]}

        short, long = (self.model("here", "--context", context) for context in ("4096", "65536"))
        most = [(found["card"]["total"] + found["error"]) / (1 << 30) for found in (short, long)]
        self.assertLess(most[0], 0.8)
        self.assertGreater((long["card"]["total"] - long["error"]) / (1 << 30), 0.8)
        self.assertEqual(select("--vram", "20GB"), {"here": ("header", select("--vram", "20GB")["here"][1], []),
                                                    "there": ("stated", 2, [])})
        [answer] = select("--vram", "800MB", "--context", "4096").items()
        self.assertEqual(answer, ("here", ("header", answer[1][1], [])))
        self.assertAlmostEqual(answer[1][1], most[0])
        self.assertEqual(m.run("select", "--usecase", "General", "--vram", "800MB", "--context", "65536").returncode, 12)
        self.assertEqual(select()["here"][0], "stated")  # nobody asked
        told = m.run("select", "--usecase", "General", "--vram", "20GB").out
        self.assertIn("GB of VRAM (counted)", told)
        self.assertIn("2 GB of VRAM (stated)", told)


class QuietTest(FitCase):
    def test_errors_only(self):
        path = self.written(memory_models.MODELS["llama"]())
        nebula = ["fit", "--profile", "nebula-rtx3060", "--vram", "12GB", "--offline"]
        for way in (["fit", path], ["fit", "--profile", "nc-dev-rtx4090", "--stages"], [*nebula, "llama-3.1-8b"],
                    [*nebula, "--train", "qlora"], ["status"], ["df"]):
            self.machine.manifest([])
            result = self.machine.run(*way, "-q")
            self.assertEqual((result.returncode, result.out, result.err), (0, "", ""), way)
            self.assertTrue(json.loads(self.machine.run(*way, "-q", "--json").out)["data"])


if __name__ == "__main__":
    unittest.main()
