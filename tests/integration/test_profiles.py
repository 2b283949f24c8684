"""Several profiles at once: what each of them offers, content that they share, and places that they cannot share."""
import json
import os
import shutil
import sys
import unittest

from harness import SOURCE, Case, gguf, sha256

SHIPPED = ["noa", "nebula-rtx3060", "nc-dev-rtx4090", "nexus", "vector-weight"]


class ShippedTest(Case):
    """All five that come with ncmodel, in one run."""

    def all(self, *arguments, code=0):
        flags = [part for name in SHIPPED[:3] for part in ("--profile", name)] + ["--profile", ",".join(SHIPPED[3:])]
        result = self.machine.run(*flags, *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result

    def offered(self, profile):
        return json.loads(self.machine.run("--profile", profile, "list", "--available", "--json").out)["data"]["models"]

    def test_available_lists_what_each_offers(self):
        each = [(m["profile"], m["id"]) for name in SHIPPED for m in self.offered(name)]
        together = json.loads(self.all("list", "--available", "--json").out)["data"]["models"]
        self.assertEqual([(m["profile"], m["id"]) for m in together], each)
        ids = self.all("list", "--available", "-q").out.split()
        self.assertEqual(sorted(ids), sorted({i for _, i in each}), "each id once")
        self.assertLess(len(ids), len(each), "they share some, or this shows nothing")
        text = self.all("list", "--available").out
        self.assertIn("PROFILE", text.splitlines()[0])
        self.assertIn(f"Total: {len(ids)} models", text)
        self.assertNotIn("PROFILE", self.machine.run("--profile", "noa", "list", "--available").out)

    def test_the_hardware_of_the_documents(self):
        """What each was written for, right or not."""
        told = {h["profile"]: h for h in json.loads(self.machine.run("profiles", "--json").out)["data"]["hardware"]}
        self.assertEqual({name: (h["gpu"], h["vram_gb"], h["ram_gb"], h["disk_gb"], h["cuda"]) for name, h in told.items()},
                         {"nebula-rtx3060": ("RTX 3060", 12, 32, 500, 12), "nc-dev-rtx4090": ("RTX 4090", 24, None, None, None),
                          "vector-weight": ("RTX 5080", 48, None, None, None), "noa": (None, None, None, 1340, None),
                          "nexus": (None,) * 5})
        self.assertIn('written for: "Local GPU: RTX 5080 (assumed 48GB VRAM)"', self.machine.run("profiles", "-v").out)

    def test_one_plan(self):
        alone = {m["id"] for name in SHIPPED for m in self.offered(name)}
        document = json.loads(self.machine.run(*[p for n in SHIPPED for p in ("--profile", n)], "plan", "--offline",
                                               "--json").out)
        self.assertLessEqual({m["id"] for m in document["data"]["models"]}, alone)
        self.assertGreater(len(document["data"]["models"]), 60)
        self.assertFalse([e for e in document["errors"] if e["code"] in ("manifest_invalid", "usage")])

    def test_names_of_the_documents(self):
        """What a document calls a model finds it in that document's profile."""
        names = {"noa": {"Phi-4 Mini": "phi-4-mini", "Mistral Nemo 12B": "mistral-nemo-12b", "DeepSeek Coder V2": "deepseek-coder-v2"},
                 "nc-dev-rtx4090": {"Qwen 2.5 Coder 32B": "qwen2.5-coder-32b", "Qwen 2.5 Coder 14B": "qwen2.5-coder-14b",
                                    "Qwen2.5-VL 7B": "qwen2.5-vl-7b", "Llama 3.1 8B": "llama-3.1-8b"},
                 "nebula-rtx3060": {"SVD": "svd-xt", "Llama 3.1": "llama-3.1-8b", "whisper:small": "whisper-small",
                                    "DreamShaper": "dreamshaper-8"},
                 "nexus": {"Llama 3.1": "llama-3.1-8b"},
                 "vector-weight": {"Llama 2 13B": "llama2-13b", "qwen2.5-coder:7b-q4_0": "qwen2.5-coder-7b-q4_0"}}
        for profile, wanted in names.items():
            for name, model in wanted.items():
                listed = self.machine.run("--profile", profile, "list", "--available", "-q", name)
                self.assertEqual((listed.returncode, listed.out.split()), (0, [model]), f"{profile}: {name}: {listed.err}")

    def test_each_name_in_the_documents(self):
        """In selectors and `show`, all of a document at once, and each with its profile beside all others."""
        sys.path.insert(0, os.path.join(SOURCE, "tests", "data"))
        import test_documents as documents
        for profile in documents.PROFILES:
            names = documents.Document(profile).names()
            wanted = [documents.Profile(profile).find(name)["id"] for name in names]
            shown = json.loads(self.machine.run("--profile", profile, "show", "--json", *names).out)["data"]["models"] if names else []
            self.assertEqual([model["manifest"]["id"] for model in shown], wanted)
            planned = self.machine.run("--profile", profile, "list", "--available", "-q", *names)
            self.assertEqual(set(planned.out.split()) if names else set(), set(wanted), planned.err)

    def test_files_of_all_profiles_by_hand(self):
        files = [os.path.join(SOURCE, "manifests", name, file) for name in SHIPPED
                 for file in sorted(os.listdir(os.path.join(SOURCE, "manifests", name)))]
        flags = [part for file in files for part in ("-f", file)]
        listed = self.machine.run(*flags, "list", "--available", "-q")
        self.assertEqual(listed.returncode, 0, listed.err)
        self.assertEqual(listed.out, self.all("list", "--available", "-q").out)
        checked = self.machine.run("manifest", "check", *files)
        self.assertEqual(checked.returncode, 0, checked.err)


class ProfilesTest(Case):
    def setUp(self):
        super().setUp()
        self.data = gguf("shared", 40_000)
        self.shared = self.machine.simple("shared.gguf", self.data)
        self.other = self.machine.simple("other.gguf", gguf("other", 30_000))
        self.machine.manifest([self.shared, self.machine.simple("mine.gguf", gguf("mine", 20_000))], profile="one")
        self.machine.manifest([self.shared, self.other], profile="two")

    def ids(self, *arguments, env=None):
        result = self.machine.run(*arguments, "-q", env=env)
        self.assertEqual(result.returncode, 0, result.err)
        return sorted(result.out.split())

    def test_ways_to_say_it(self):
        both = ["mine", "other", "shared"]
        self.assertEqual(self.ids("--profile", "one", "--profile", "two", "list", "--available"), both)
        self.assertEqual(self.ids("list", "--available", "--profile", "one,two"), both)
        self.assertEqual(self.ids("list", "--available", env={"NCMODEL_PROFILE": "one,two"}), both)
        config = os.path.join(self.machine.home, "config.json")
        with open(config, "w") as out:
            json.dump({"profile": ["one", "two"]}, out)
        del self.machine.env["NCMODEL_PROFILE"]
        self.assertEqual(self.ids("--config", config, "list", "--available"), both)
        self.assertEqual(self.ids("--config", config, "--profile", "two", "list", "--available"), ["other", "shared"])
        named = self.machine.run("--profile", "one,two", "profiles").out
        self.assertEqual([line.split()[0] for line in named.splitlines() if line.endswith("(in use)")], ["one", "two"])

    def test_what_both_want_is_fetched_once(self):
        self.pull("--profile", "one", "--profile", "two")
        self.assertEqual(sum(r["sent"] for r in self.hub.asked("/files/shared.gguf")), len(self.data))
        self.assertEqual({m["id"] for m in self.machine.registry()["models"]}, {"mine", "other", "shared"})
        with open(self.machine.store("shared.gguf"), "rb") as file:
            self.assertEqual(sha256(file.read()), sha256(self.data))

    def test_one_tag_of_ollama_in_two_profiles(self):
        """As Llama 3.1 8B, which four documents want: the manifest that both name is one, too."""
        self.hub.ollama("library/tiny", [("model", gguf("tiny", 9_000))])
        self.hub.ollama("library/tiny", [("model", gguf("tiny", 9_000))], tag="same")
        tiny = {"id": "tiny", "files": [{"from": ["ollama:tiny"]}]}
        self.machine.manifest([tiny], profile="one")
        self.machine.manifest([tiny, {"id": "another", "files": [{"from": ["ollama:tiny"]}]},
                               {"id": "same", "files": [{"from": ["ollama:tiny:same"]}]}], profile="two")
        self.pull("--profile", "one", "--profile", "two")
        self.assertEqual(len([r for r in self.hub.asked(server="cdn") if r["sent"] >= 9_000]), 1)
        entries = self.entries()
        self.assertEqual(entries["tiny"]["profiles"], ["one", "two"])
        self.assertLessEqual({"tiny", "same"}, set(entries))
        again = self.machine.run("--profile", "one,two", "plan", "--exit-code")
        self.assertEqual(again.returncode, 0, again.out + again.err)
        self.check_registry()
        removed = self.machine.run("rm", "-y", "tiny")
        self.assertEqual(removed.returncode, 0, removed.err)
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_one_content_with_several_purposes(self):
        """Each profile says what it has the model for; one that gives no score takes none away."""
        said = {"one": {"use_cases": ["General"], "tags": ["Chat"], "performance_score": 0.9},
                "two": {"use_cases": ["Reasoning"], "tags": ["Overseer"]}}
        for profile, facts in said.items():
            self.machine.manifest([{**self.shared, **facts}], profile=profile)
        for profiles in (["one"], ["two"]):
            self.pull("--profile", *profiles)
        entry, = self.machine.registry()["models"]
        self.assertEqual((set(entry["use_cases"]), set(entry["tags"])), ({"General", "Reasoning"}, {"Chat", "Overseer"}))
        self.assertEqual((entry["performance_score"], entry["performance_score_by"]), (0.9, "manifest"))
        self.assertEqual(len(entry["files"]), 1)
        for word in ("general", "reasoning", "chat", "overseer"):
            self.assertEqual(self.ids("list", "--usecase", word), ["shared"])
        self.assertEqual(self.ids("--profile", "one", "list", "--available", "--usecase", "General"), ["shared"])
        self.assertEqual(self.machine.run("--profile", "one", "list", "--available", "--usecase", "Reasoning").returncode, 2)

    def test_installed_models_of_a_profile(self):
        self.pull("--profile", "two", "other")
        self.pull("--profile", "one", "mine")
        self.assertEqual(self.ids("list"), ["mine", "other"])
        self.assertEqual(self.ids("--profile", "two", "list"), ["other"])
        self.assertEqual(self.ids("--profile", "one,two", "list"), ["mine", "other"])

    def test_an_unknown_one_among_them(self):
        result = self.machine.run("--profile", "one,tow", "list", "--available")
        self.assertEqual(result.returncode, 2)
        self.assertIn('there is no profile "tow"', result.err)
        self.assertIn("two", result.err)

    def test_files_of_two_profiles(self):
        one, two = (os.path.join(self.machine.manifests, name, "phase-1-high.json") for name in ("one", "two"))
        self.assertEqual(self.ids("-f", one, "-f", two, "list", "--available"), ["mine", "other", "shared"])
        again = os.path.join(self.machine.home, "again.json")
        shutil.copy(one, again)
        result = self.machine.run("-f", one, "-f", again, "list", "--available")
        self.assertEqual(result.returncode, 2)
        self.assertIn("is the id of another model too", result.err)


class PlacesTest(Case):
    def test_a_file_where_another_needs_a_folder(self):
        for first, second in (("d/x", "d/x/y.gguf"), ("d/x/y.gguf", "d/x"), ("d/X", "D/x/y.gguf")):
            with self.subTest(first=first):
                models = [self.machine.simple(f"{i}.gguf", gguf(name, 9_000)) for i, name in enumerate((first, second))]
                for model, name in zip(models, (first, second)):
                    model["files"][0]["to"][0]["name"] = name
                path = self.machine.manifest(models)
                result = self.machine.run("manifest", "check", path)
                self.assertEqual(result.returncode, 2, result.out)
                self.assertIn("folder", result.err)
                self.assertIn("$.models[1].files[0].to[0]", result.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
