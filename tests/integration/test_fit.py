"""`ncmodel fit`: against llama.cpp's own log (tests/data/memory.json), and what a profile's document says of memory."""
import json
import os
import shutil
import signal
import socket
import tempfile
import unittest

from harness import SOURCE, Case, sha256
import memory_models  # the harness knows where it is
import nvml

MIB, GIB = 1 << 20, 1 << 30


class FitCase(Case):
    def fit(self, *arguments, code=0, env=None):
        result = self.machine.run("fit", "--json", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err)
        return json.loads(result.out)["data"]

    def model(self, *arguments):
        return self.fit(*arguments)["models"][0]

    def written(self, model, name="model.gguf"):
        path = os.path.join(self.machine.home, name)
        model.write(path)
        return path

    def library(self, cards=1, name="NVIDIA GeForce RTX 3060", total=12 * GIB, memory_code=0):
        """The environment in which the machine has such cards."""
        if not nvml.COMPILER:
            self.skipTest("no compiler")
        return nvml.library(tempfile.mkdtemp(dir=self.machine.home), cards, name, total, memory_code)


class TruthTest(FitCase):
    """Weights, KV and state as llama.cpp took them. Where it lays its tensors out with a hole (a mask that the logits do not fit
    into), computation is told with that as its error."""

    def test_what_llama_cpp_took(self):
        with open(os.path.join(SOURCE, "tests", "data", "memory.json"), encoding="utf-8") as file:
            rows = json.load(file)["rows"]
        self.assertGreaterEqual(len({row["model"] for row in rows}), 14)
        within = 0
        for row in rows:
            with self.subTest(**row):
                within += self.compare(row)
        self.assertGreaterEqual(within, len(rows) * 85 // 100)

    def compare(self, row):
        path = os.path.join(self.machine.home, row["model"] + ".gguf")
        if not os.path.exists(path):
            memory_models.MODELS[row["model"]]().write(path)
        way = [path, "--context", str(row["context"]), "--kv", row["kv_type"]] + ([] if row["flash"] else ["--no-flash"])
        took = self.model(*way, "--gpu-layers", "0")["host"]
        for part in ("weights", "kv", "state", "output"):
            self.assertAlmostEqual(took[part] / MIB, row[part], delta=0.02, msg=part)
        # On a card it is the same, and its error is told: that of the driver's part is 100 MiB.
        bound = self.model(*way)["error"] - 100 * MIB
        self.assertLessEqual(abs(took["compute"] - row["compute"] * MIB), bound)
        whole = sum(row[part] for part in ("weights", "kv", "state", "compute", "output"))
        close = abs(took["compute"] / MIB / row["compute"] - 1) <= 0.10
        if close:
            self.assertLess(abs(took["total"] / MIB / whole - 1), 0.06)
        return close


class LimitsTest(FitCase):
    def test_the_most_that_fits_fits_and_more_does_not(self):
        path = self.written(memory_models.MODELS["llama"]())
        room = "450MB"
        found = self.model(path, "--vram", room, "--context", "65536")
        self.assertEqual(found["verdict"], "too-large" if found["card"]["total"] - found["error"] > 450 * MIB else "close")
        layers, context = found["layers_that_fit"], found["context_that_fits"]
        if context:
            self.assertEqual(context % 256, 0)
            spare = 450 * MIB - found["error"]
            self.assertLessEqual(self.model(path, "--context", str(context))["card"]["total"], spare)
            self.assertGreater(self.model(path, "--context", str(context + 256))["card"]["total"], spare)
        if layers:
            self.assertLess(layers, found["layers"])

    def test_layers_in_main_memory_are_taken_from_the_card(self):
        path = self.written(memory_models.MODELS["qwen3moe"]())
        before = None
        for layers in range(6):
            found = self.model(path, "--gpu-layers", str(layers))
            self.assertEqual(found["layers_on_card"], layers)
            if before is not None:
                self.assertGreater(found["card"]["weights"], before)
            before = found["card"]["weights"]
        self.assertEqual(found["host"]["kv"], 0)
        experts = self.model(path, "--cpu-moe")
        self.assertEqual(found["card"]["weights"] - experts["card"]["weights"], 4 * 3 * 8 * 256 * 128 * 2)

    def test_what_is_not_known_is_not_taken_for_fitting(self):
        path = self.written(memory_models.MODELS["llama"]())
        self.fit(path, "--require-fit", "--gpu-layers", "0", code=12)  # no card here
        self.fit(path, "--require-fit", "--vram", "24GB")
        self.fit(path, "--require-fit", "--vram", "100MB", code=12)

    def test_numbers_that_run_over_do_not_fit(self):
        """Whoever made the file chose them. A model of 2^N is too large or no model at all, whatever N is."""
        keys = ("embedding_length", "feed_forward_length", "attention__key_length", "attention__value_length",
                "attention__head_count", "attention__head_count_kv", "expert_used_count", "block_count", "ssm__inner_size")
        for key in keys:
            for number in [1 << power for power in range(36, 64, 3)] + [(1 << 64) - 1]:
                model = memory_models.MODELS["llama"]()
                model.more({key: number})
                with self.subTest(key=key, number=number):
                    found = self.model(self.written(model), "--vram", "8GB")
                    self.assertIn(found["verdict"], ("too-large", "unknown"))

    def test_a_model_without_all_its_parts_is_not_known_to_fit(self):
        model = memory_models.MODELS["llama"]()
        model.keys.update({"split.count": 2, "split.no": 0})
        path = self.written(model, "model-00001-of-00002.gguf")
        found = self.model(path, "--vram", "24GB")
        self.assertEqual((found["verdict"], found["context_that_fits"]), ("unknown", None))
        self.fit(path, "--vram", "24GB", "--require-fit", code=12)
        self.assertEqual(self.model(path, "--vram", "100MB")["verdict"], "too-large")

    def test_wrong_words(self):
        for wrong in (["--vram", "much"], ["--vram", "-3GB"], ["--gpu", "RTX 9999"], ["--image", "12"], ["--kv", "q3"]):
            result = self.machine.run("fit", *wrong)
            self.assertEqual(result.returncode, 2, wrong)


class BrokenTest(FitCase):
    """What the reader found wrong is why there is no figure, or one that is not to be relied on."""

    def shown(self, *arguments, code=0):
        result = self.machine.run("fit", *arguments, "--vram", "24GB")
        self.assertEqual(result.returncode, code, result.err)
        return " ".join(result.out.split())

    def cut(self, size):
        path = self.written(memory_models.MODELS["llama"](), "cut.gguf")
        os.truncate(path, size)
        return path

    def test_a_header_that_ends_too_early(self):
        path = self.cut(30000)
        self.assertIn("cut.gguf is truncated: it ends within its header", self.shown(path))
        self.shown(path, "--require-fit", code=12)

    def test_a_header_that_contradicts_itself(self):
        path = os.path.join(self.machine.home, "broken.gguf")
        self.write(path, b"GGUF" + (3).to_bytes(4, "little") + ((1 << 63) - 1).to_bytes(8, "little") + (1).to_bytes(8, "little"))
        self.assertIn("broken.gguf is broken: it counts more than its header can hold", self.shown(path))
        row = self.model(path, "--vram", "24GB")
        self.assertEqual((row["verdict"], row["card"]), ("unknown", None))
        self.assertTrue(any("is broken: " in remark for remark in row["remarks"]))

    def test_tensors_that_are_not_there(self):
        """Its header is whole: the figure holds, and the file does not, so it is not known to fit."""
        path = self.written(memory_models.MODELS["llama"](), "cut.gguf")
        os.truncate(path, os.path.getsize(path) - 4096)
        self.assertIn("cut.gguf is truncated", self.shown(path))
        row = self.model(path, "--vram", "24GB")
        self.assertEqual((row["verdict"], row["card"]["kv"] > 0), ("unknown", True))

    def test_of_what_is_installed(self):
        m = self.machine
        with open(self.written(memory_models.MODELS["llama"]()), "rb") as file:
            data = file.read()
        m.manifest([m.simple("a.gguf", data)])
        self.pull()
        os.truncate(m.store("a.gguf"), 30000)
        row = self.model("a", "--offline", "--vram", "24GB")
        self.assertEqual((row["basis"], row["verdict"]), ("size", "unknown"))
        self.assertTrue(any("it ends within its header" in remark for remark in row["remarks"]))
        self.assertIn("it ends within its header", self.shown("a", "--offline"))

    def test_what_is_no_model(self):
        path = os.path.join(self.machine.home, "text.gguf")
        self.write(path, b"no model")
        self.assertIn("is no model file", self.machine.run("fit", path).err)


class InstalledTest(FitCase):
    def test_what_is_here_is_read_and_what_is_named_is_asked_for(self):
        m = self.machine
        with open(self.written(memory_models.MODELS["gemma3"]()), "rb") as file:
            data = file.read()
        self.hub.hf("org/repo", {"a.gguf": data})
        spec = {"from": ["hf:org/repo/a.gguf"], "to": [{"store": "llama-cpp", "name": "a.gguf"}], "sha256": sha256(data),
                "size": len(data)}
        m.manifest([{"id": "a", "vram_gb": 3, "files": [spec]}])
        self.assertEqual(self.model()["basis"], "stated")
        asked = self.model("a")
        self.assertEqual((asked["basis"], asked["stated_gib"]), ("header", 3))
        self.assertEqual(self.model("a", "--offline")["basis"], "stated")
        m.manifest([{"id": "a", "files": [spec]}])
        guess = self.model("--offline")
        self.assertEqual((guess["basis"], guess["card"]["weights"]), ("size", len(data)))
        self.pull()
        self.assertEqual(self.model("--offline"), {**asked, "stated_gib": None})
        self.assertEqual(self.model("hf:org/repo/a.gguf")["card"], asked["card"])


    def test_what_is_here_and_in_no_manifest_has_its_name(self):
        """Adopted, or a source spelled out that was pulled: beside it, too."""
        path = self.written(memory_models.MODELS["qwen3"]())
        self.machine.manifest([self.machine.simple("mine-2.gguf", b"GGUF")])
        shutil.copy(path, self.write(self.machine.store("mine.gguf")))
        self.assertEqual(self.machine.run("adopt").returncode, 0)
        found = self.model("mine", "--offline")
        self.assertEqual((found["id"], found["basis"], found["card"]), ("mine", "header", self.model(path)["card"]))
        both = self.fit("mine", "mine-2", "--with", "mine", "--offline")
        self.assertEqual(([row["id"] for row in both["models"]], [row["id"] for row in both["resident"]]),
                         (["mine", "mine-2"], ["mine"]))
        self.fit("mine-3", code=2)

    def test_a_file_without_a_role(self):
        """models.json may be of another's hand: what its one file is need not stand there."""
        path = self.written(memory_models.MODELS["qwen3"]())
        shutil.copy(path, self.write(self.machine.store("mine.gguf")))
        self.assertEqual(self.machine.run("adopt").returncode, 0)
        with open(self.machine.store("models.json"), encoding="utf-8") as file:
            document = json.load(file)
        del document["models"][0]["files"][0]["role"]
        self.write(self.machine.store("models.json"), json.dumps(document).encode())
        self.assertEqual(self.model("mine", "--offline")["card"], self.model(path)["card"])


class OllamaTest(FitCase):
    """Ollama lets llama.cpp keep the whole context in windowed layers; what it runs itself keeps the window."""

    def counted(self, name):
        with open(self.written(memory_models.MODELS[name]()), "rb") as file:
            self.hub.ollama("library/" + name, [("model", file.read())])
        self.machine.manifest([{"id": name, "files": [{"from": ["ollama:" + name], "to": [{"store": "ollama"}]}]}])
        asked = self.model(name)
        self.pull()
        self.assertEqual(self.model(name, "--offline"), asked)
        return asked

    def test_the_whole_context(self):
        row, path = self.counted("gemma2"), self.written(memory_models.MODELS["gemma2"]())
        self.assertEqual(row["card"], self.model(path, "--swa-full")["card"])
        self.assertGreater(row["card"]["kv"], self.model(path)["card"]["kv"])
        self.assertTrue(any(remark.startswith("counted as Ollama keeps it") for remark in row["remarks"]))

    def test_latent_values(self):
        """5 layers of 128 for keys and 96 for values, as the log of Ollama 0.17.4 has it: 8.75 MiB at 4096 tokens."""
        self.assertEqual(self.counted("deepseek2")["card"]["kv"], 5 * 8192 * (128 + 96) * 2)

    def test_the_window(self):
        row, path = self.counted("gemma3"), self.written(memory_models.MODELS["gemma3"]())
        self.assertEqual((row["card"], row["remarks"]), (self.model(path)["card"], []))


class RepositoryTest(FitCase):
    def test_the_best_that_fits(self):
        files = {}
        for name, wide in (("m-Q2_K.gguf", 512), ("m-Q4_K_M.gguf", 2048), ("m-Q8_0.gguf", 16384)):
            model = memory_models.plain("llama", wide=wide)
            model.own(feed_forward_length=512)
            with open(self.written(model, name), "rb") as file:
                files[name] = file.read()
        half = len(files["m-Q8_0.gguf"]) // 2
        whole = files.pop("m-Q8_0.gguf")
        files["m-Q8_0-00001-of-00002.gguf"], files["m-Q8_0-00002-of-00002.gguf"] = whole[:half], whole[half:]
        files["mmproj-f16.gguf"] = b"GGUF" + bytes(20)
        self.hub.hf("org/quants", files)
        data = self.fit("--quantizations", "hf:org/quants", "--vram", "560MB")
        found = {row["name"]: row for row in data["repositories"][0]["files"]}
        self.assertEqual(sorted(found), ["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf"])
        self.assertEqual(found["m-Q8_0-00001-of-00002.gguf"]["size"], len(whole))
        self.assertEqual([name for name, row in found.items() if row["best"]], ["m-Q4_K_M.gguf"])
        self.assertEqual(self.machine.run("fit", "--quantizations").returncode, 2)
        self.assertEqual(self.machine.run("fit", "--quantizations", "hf:org/quants/m-Q2_K.gguf").returncode, 2)
        # The hint at a repository alone, followed both ways.
        result = self.machine.run("fit", "hf:org/quants")
        self.assertEqual(result.returncode, 2)
        self.assertIn("`ncmodel fit --quantizations hf:ORG/REPO`", result.err)
        self.assertNotIn("--to", result.err)
        self.assertEqual(self.fit("hf:org/quants/m-Q2_K.gguf")["models"][0]["basis"], "header")

    def test_without_the_table_of_cards(self):
        """The hint, followed, does without."""
        env = {"NCMODEL_DATADIR": self.machine.home}
        path = self.written(memory_models.MODELS["llama"]())
        self.assertIn("--vram 12GB", self.machine.run("fit", path, "--gpu", "RTX 3060", env=env).err)
        self.assertEqual(self.machine.run("fit", path, "--vram", "12GB", env=env).returncode, 0)

    def test_what_was_interrupted_is_no_answer(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            process = self.machine.start("fit", "hf:org/repo/a.gguf",
                                         env={"HF_ENDPOINT": "http://127.0.0.1:%d" % silent.getsockname()[1]})
            asking, _ = silent.accept()
            with asking:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (130, ""), err)


class DocumentTest(FitCase):
    ENV = {"NCMODEL_PROFILE": "nebula-rtx3060"}

    def test_the_preload_set_leaves_no_room(self):
        data = self.fit("deepseek-coder-v2:16b", "--profile", "nebula-rtx3060", "--gpu", "RTX 3060", "--offline")
        rule = data["rules"][0]
        self.assertEqual(rule["with_preload"], 13 * GIB)
        self.assertTrue(rule["breaks_budget"] and rule["breaks_card"])
        self.assertEqual(rule["unload_first"], ["llama-3.2-3b", "nomic-embed-text"])
        shown = self.machine.run("fit", "deepseek-coder-v2:16b", "--profile", "nebula-rtx3060", "--gpu", "rtx3060", "--offline")
        self.assertRegex(" ".join(shown.out.split()), "With the preload set resident .* breaks budget and card: unload first")

    def test_of_several_profiles_the_document_that_speaks_of_it(self):
        """Whichever is named first, and with its own models of an id that several have."""
        card = ("--vram", "12GB", "--offline")
        for others in ("noa,{}", "{},noa", "noa,nexus,{}"):
            nebula, nc_dev = others.format("nebula-rtx3060"), others.format("nc-dev-rtx4090")
            rules = self.fit("deepseek-coder-v2:16b", "--profile", nebula, *card)["rules"]
            self.assertEqual([(rule["with_preload"], rule["breaks_card"]) for rule in rules], [(13 * GIB, True)])
            self.assertEqual([stage["sum"] // GIB for stage in self.fit("--profile", nc_dev, "--stages", *card)["stages"]],
                             [0, 20, 9, 14, 10, 0])
            self.assertTrue(self.fit("--profile", nebula, "--train", "qlora", *card)["training"])

    def test_embeddings_run_beside_chat(self):
        rule = self.fit("llama-3.1-8b", "--profile", "nebula-rtx3060", "--vram", "12GB", "--offline")["rules"][0]
        self.assertFalse(rule["breaks_budget"] or rule["breaks_card"])
        self.assertEqual(rule["unload_first"], ["llama-3.2-3b"])

    def test_the_stages_of_the_document(self):
        stages = self.fit("--profile", "nc-dev-rtx4090", "--stages", "--gpu", "RTX 4090")["stages"]
        self.assertEqual([stage["stated_gib"] for stage in stages], [0, 20, 9, 14, 10, 0])
        self.assertEqual([stage["sum"] / GIB for stage in stages], [0, 20, 9, 14, 10, 0])
        self.assertEqual({stage["verdict"] for stage in stages}, {"fits"})
        small = self.fit("--profile", "nc-dev-rtx4090", "--stages", "--vram", "12GB")["stages"]
        self.assertEqual([stage["verdict"] for stage in small],
                         ["fits", "too-large", "fits", "too-large", "fits", "fits"])
        self.assertEqual(self.machine.run("fit", "--stages", "--profile", "noa").returncode, 2)

    def test_the_context_that_the_document_works_at(self):
        """nebula's code models: 32K tokens, and a model that has fewer is counted for its own."""
        at = lambda *more: {row["id"]: row["document_context"] for row in self.fit("--profile", "nebula-rtx3060", "--offline", *more)["models"]}
        found = at()
        code = {"deepseek-coder-v2", "codellama-13b", "qwen2.5-coder-7b", "starcoder2-7b"}
        self.assertEqual({name: tokens for name, tokens in found.items() if tokens}, dict.fromkeys(code, 32768))
        self.assertEqual(set(at("--context", "4096").values()), {None})
        self.assertIn("works at 32768 tokens", self.machine.run("fit", "deepseek-coder-v2", "--profile", "nebula-rtx3060", "--offline").out)

    def test_a_header_is_counted_at_the_documents_context(self):
        m = self.machine
        with open(self.written(memory_models.MODELS["llama"]()), "rb") as file:
            data = file.read()
        m.manifest([m.simple("coder.gguf", data)])
        self.pull()
        memory = os.path.join(m.manifests, "memory")
        os.makedirs(memory)
        with open(os.path.join(memory, "test.json"), "w") as out:
            json.dump({"schema_version": 1, "profile": "test", "contexts": [
                {"models": ["coder"], "tokens": 32768, "words": "32K"}]}, out)
        [row], [asked] = self.fit("coder")["models"], self.fit("coder", "--context", "32768")["models"]
        self.assertEqual((row["context"], row["document_context"], asked["document_context"]), (32768, 32768, None))
        self.assertEqual(row["card"], asked["card"])

    def test_the_largest_of_a_family_that_fits(self):
        """32b, 14b, 7b: by the documents' figures, which round."""
        def sibling(vram, model="qwen2.5-coder-32b"):
            [row] = self.fit(model, "--profile", "nc-dev-rtx4090", "--offline", "--vram", vram)["models"]
            return row["sibling"]
        self.assertEqual([sibling(vram) for vram in ("24GB", "16GB", "12GB", "8GB", "4GB")],
                         [None, "qwen2.5-coder-14b", "qwen2.5-coder-14b", "qwen2.5-coder-7b", None])
        self.assertIsNone(sibling("4GB", "codestral-22b"))
        self.assertIn("the largest of its family that fits: qwen2.5-coder-7b",
                      self.machine.run("fit", "qwen2.5-coder-32b", "--profile", "nc-dev-rtx4090", "--offline", "--vram", "8GB").out)

    def test_one_of_a_group_is_active(self):
        [rule] = self.fit("llama-3.1-8b", "--profile", "nebula-rtx3060", "--vram", "12GB", "--offline")["rules"]
        self.assertEqual(rule["pick_one"], ["llama-3.2-3b", "llama-3.1-8b", "mistral-7b", "qwen2.5-7b", "deepseek-r1-8b"])
        [rule] = self.fit("deepseek-coder-v2", "--profile", "nebula-rtx3060", "--vram", "12GB", "--offline")["rules"]
        self.assertNotIn("pick_one", rule)

    def test_what_can_be_trained(self):
        def trained(vram, *more):
            data = self.fit("--profile", "nebula-rtx3060", "--train", "qlora", "--vram", vram, *more)["training"]
            self.assertEqual((data["exclusive"], data["unload_first"]), (True, ["llama-3.2-3b", "nomic-embed-text"]))
            return {row["id"]: row["verdict"] for row in data["models"]}
        found = trained("12GB")
        self.assertEqual({found[name] for name in ("llama-3.2-3b", "llama-3.1-8b", "deepseek-r1-8b", "llama-3.1-8b-lora-base")}, {"fits"})
        self.assertEqual({found[name] for name in ("codellama-13b", "deepseek-coder-v2")}, {"too-large"})
        self.assertNotIn("nomic-embed-text", found)
        self.assertEqual(trained("10GB", "llama-3.1-8b"), {"llama-3.1-8b": "fits"})
        self.assertEqual(trained("8GB", "llama-3.1-8b"), {"llama-3.1-8b": "too-large"})
        run = lambda *more: self.machine.run("fit", "--train", "qlora", *more).returncode
        self.assertEqual(run("--profile", "noa"), 2)
        self.assertEqual(run("--profile", "nebula-rtx3060", "--vram", "12GB", "--require-fit", "llama-3.1-8b"), 0)
        self.assertEqual(run("--profile", "nebula-rtx3060", "--vram", "12GB", "--require-fit"), 12)

    def test_stages_are_demanded_and_say_against_what(self):
        stages = ("fit", "--profile", "nc-dev-rtx4090", "--stages")
        self.assertEqual(self.machine.run(*stages, "--vram", "12GB", "--require-fit").returncode, 12)
        self.assertEqual(self.machine.run(*stages, "--vram", "12GB").returncode, 0)
        self.assertEqual(self.machine.run(*stages, "--vram", "24GB", "--require-fit").returncode, 0)
        self.assertIn("Held against: a card of 12.0 GiB.", self.machine.run(*stages, "--vram", "12GB").out)


class CardTest(FitCase):
    def test_the_largest_of_several(self):
        gpu = self.fit(self.written(memory_models.MODELS["llama"]()), env=self.library(cards=2))["gpu"]
        self.assertEqual(gpu, {"name": "NVIDIA GeForce RTX 3060", "told_by": "nvml", "total": 24 * GIB, "free": 12 * GIB,
                               "unified": False})

    def test_doctor_tells_them(self):
        def cards(**way):
            result = self.machine.run("doctor", "--offline", "--json", **way)
            return [(f["state"], f["subject"], f["text"]) for f in json.loads(result.out)["data"]["findings"] if f["area"] == "gpu"]

        self.assertEqual(cards(env=self.library(cards=2)), [
            ("good", "NVIDIA GeForce RTX 3060", "12.0 GiB, driver 550.54.14, told by nvml"),
            ("good", "NVIDIA GeForce RTX 3060", "24.0 GiB, driver 550.54.14, told by nvml")])
        self.assertEqual([state for state, _, _ in cards(env=self.library(cards=0))], ["note"])

    def hardware(self, profile, **way):
        result = self.machine.run("doctor", "--offline", "--json", "--profile", profile, **way)
        return [(f["state"], f["subject"], f["text"]) for f in json.loads(result.out)["data"]["findings"] if f["area"] == "hardware"]

    def test_doctor_holds_the_machine_against_the_document(self):
        here = self.hardware("nebula-rtx3060", env=self.library())
        self.assertIn(("good", "nebula-rtx3060", "written for RTX 3060, 12 GB; here NVIDIA GeForce RTX 3060, 12.0 GiB"), here)
        self.assertIn(("good", "nebula-rtx3060", "written for CUDA 12, which takes a driver of 525 or newer; here 550.54.14"), here)
        self.assertEqual(len(here), 4, here)  # and memory, and disk
        [card] = self.hardware("nc-dev-rtx4090", env=self.library())
        self.assertEqual((card[0], card[2]), ("note", "written for RTX 4090, 24 GB; here NVIDIA GeForce RTX 3060, 12.0 GiB"))
        [card] = self.hardware("nc-dev-rtx4090", env=self.library(cards=0))
        self.assertEqual((card[0], card[2]), ("note", "written for RTX 4090, 24 GB; here there is no graphics card"))

    def test_a_5080_has_16_gb(self):
        found = self.hardware("vector-weight", env=self.library(name="NVIDIA GeForce RTX 5080", total=16 * GIB))
        self.assertEqual([(state, text) for state, _, text in found], [
            ("note", "its document takes the RTX 5080 for a card of 48 GB; it has 16 GB"),
            ("note", "written for RTX 5080, 48 GB; here NVIDIA GeForce RTX 5080, 16.0 GiB")])

    def test_all_documents_at_once(self):
        found = self.hardware("noa,nexus,vector-weight", env=self.library(cards=0))
        self.assertEqual([subject for _, subject, _ in found], ["noa", "nexus", "vector-weight", "vector-weight"])
        self.assertIn("names no hardware", found[1][2])

    def test_by_its_program(self):
        folder = os.path.join(self.machine.home, "bin")
        os.makedirs(folder)
        program = os.path.join(folder, "nvidia-smi")
        with open(program, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n[ -z \"$HF_TOKEN\" ] && echo '24564, 20000, 3, [N/A], 550.54.14, NVIDIA GeForce RTX 4090'\n")
        os.chmod(program, 0o755)
        path = self.written(memory_models.MODELS["llama"]())
        gpu = self.fit(path, env={"PATH": folder + ":/usr/bin:/bin", "HF_TOKEN": "hf_canaryCanaryCanary0001"})["gpu"]
        self.assertEqual(gpu, {"name": "NVIDIA GeForce RTX 4090", "told_by": "nvidia-smi", "total": 24564 * MIB,
                               "free": 20000 * MIB, "unified": False})

    def test_memory_of_the_machine(self):
        gpu = self.fit(self.written(memory_models.MODELS["llama"]()), env=self.library(memory_code=3))["gpu"]
        self.assertTrue(gpu["unified"])
        with open("/proc/meminfo", encoding="ascii") as file:
            total = int(file.readline().split()[1]) * 1024
        self.assertLessEqual(gpu["total"], total)
        self.assertGreater(gpu["total"], 0)

    def test_a_name_cannot_steer_the_terminal(self):
        env = self.library(name="RTX\\033[2J")
        shown = self.machine.run("fit", self.written(memory_models.MODELS["llama"]()), env=env)
        self.assertNotIn("\x1b", shown.out)

    def test_a_plan_says_what_cannot_fit(self):
        m = self.machine
        data = b"GGUF" + bytes(20)
        model = {**m.simple("a.gguf", data), "vram_gb": 20}
        m.manifest([model])
        env = self.library()
        result = m.run("plan", env=env)
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("does not fit as a whole", result.err)
        result = m.run("pull", "--require-fit", "-y", env=env)
        self.assertEqual(result.returncode, 12, result.err)
        self.assertFalse(os.path.exists(m.store("llama.cpp", "models", "a.gguf")))
        result = m.run("plan", "--vram", "24GB", "--require-fit")
        self.assertEqual(result.returncode, 0, result.err)


if __name__ == "__main__":
    unittest.main()
