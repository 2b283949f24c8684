"""`list` and `show` over the shipped profile `noa`, its weights stood in for by small files."""
import glob
import json
import os
import re
import unittest

from harness import SOURCE, Case, gguf, sha256


class ListTest(Case):
    def setUp(self):
        super().setUp()
        m = self.machine
        m.env["NCMODEL_PROFILE"] = "noa"
        folder = os.path.join(m.manifests, "noa")
        os.makedirs(folder)
        for path in glob.glob(os.path.join(SOURCE, "manifests/noa/phase-*.json")):
            with open(path) as file:
                document = json.load(file)
            for model in document["models"]:
                model.pop("variants", None)
                for number, spec in enumerate(model["files"]):
                    name = f"{model['id']}-{number}.gguf"
                    data = gguf(name, 2_000)
                    spec.update({"from": [self.hub.url("/noa/" + name, data)], "insecure_http": True,
                                 "sha256": sha256(data), "size": len(data)})
                    for key in ("include", "exclude", "layers", "digest", "expected_size", "expected_size_source"):
                        spec.pop(key, None)
            with open(os.path.join(folder, os.path.basename(path)), "w") as file:
                json.dump(document, file)

    def test_use_cases_of_noa(self):
        self.pull()
        self.check_registry()
        result = self.machine.run("list", "--by-usecase")
        self.assertEqual(result.returncode, 0, result.err)
        for word, count in (("CodeGeneration", 4), ("Reasoning", 6), ("General", 10), ("AgentTask", 5),
                            ("FunctionCalling", 2), ("Vision", 1)):
            self.assertRegex(result.out, re.compile(rf"^{word}\s+{count}\b", re.MULTILINE))
        self.assertEqual(self.machine.registry()["total_models"], 15)
        answer = json.loads(self.machine.run("list", "--json").out)
        self.assertTrue(answer["ok"])

    def test_available_marks_what_is_installed(self):
        self.pull("--phase", "3")
        text = self.machine.run("list", "--available").out
        self.assertGreaterEqual(len(text.splitlines()), 15)
        for how in ("--by-phase", "--by-store", "--by-source"):
            self.assertEqual(self.machine.run("list", how).returncode, 0)
        name = self.machine.registry()["models"][0]["id"]
        shown = self.machine.run("show", name)
        self.assertEqual(shown.returncode, 0, shown.err)
        self.assertIn(self.machine.registry()["models"][0]["files"][0]["sha256"], shown.out)
        # Times are local, both of them.
        self.assertRegex(shown.out, r"(?m)^  installed +[-\d]{10} [:\d]{8}$")
        self.assertRegex(shown.out, r"(?m)^  verified +[-\d]{10} [:\d]{8} ok$")

    def test_a_name_of_two_models_removes_neither(self):
        m = self.machine
        models = []
        for owner in ("A/x", "B/y"):
            data = gguf(owner, 3_000)
            path = m.store(owner.replace("/", "-") + "/mmproj-F16.gguf")
            os.makedirs(os.path.dirname(path))
            with open(path, "wb") as file:
                file.write(data)
            models.append({
                "name": f"{owner}/mmproj-F16.gguf", "id": f"{owner}/mmproj-F16.gguf", "display_name": "mmproj-F16.gguf",
                "file_path": path, "size_mb": 0, "source": f"hf:{owner}/mmproj-F16.gguf@{'0' * 40}",
                "profiles": ["noa", "nexus"], "files": [{
                    "path": path, "size": len(data), "sha256": sha256(data), "mtime_ns": os.stat(path).st_mtime_ns,
                    "role": "weights", "store": "llama-cpp", "origin": "fetched",
                    "source": f"hf:{owner}/mmproj-F16.gguf@{'0' * 40}"}]})
        with open(m.store("models.json"), "w") as file:
            json.dump({"models": models}, file)
        refused = m.run("rm", "-y", "mmproj-F16.gguf")
        self.assertEqual(refused.returncode, 2, refused.err)
        for model in models:
            self.assertIn(model["id"], refused.err)
            self.assertTrue(os.path.exists(model["file_path"]))
        self.assertEqual(m.run("show", "mmproj-F16.gguf").returncode, 2)
        shown = m.run("show", models[0]["id"]).out
        self.assertIn("noa, nexus", shown)
        self.assertIn("fetched from " + models[0]["source"], shown)
        listed = json.loads(m.run("show", "--json", models[0]["id"]).out)["data"]["models"][0]["registered"]
        self.assertEqual((listed["profiles"], listed["files"][0]["origin"]), (["noa", "nexus"], "fetched"))
        # The hint, followed; and the source, spelled out.
        self.assertEqual(m.run("rm", "-y", models[0]["id"]).returncode, 0)
        self.assertFalse(os.path.exists(models[0]["file_path"]))
        self.assertEqual(m.run("rm", "-y", "hf:B/y/mmproj-F16.gguf").returncode, 0)
        self.assertEqual(m.registry()["models"], [])


class ColumnsTest(Case):
    """What documents say of models, as they word it."""

    def setUp(self):
        super().setUp()
        self.data = gguf("told", 3_000)
        told = {**self.machine.simple("told.gguf", self.data), "purpose": "Quick responses", "speed": "Very Fast",
                "accuracy": "Basic", "resolution": "512x512", "duration": "4s clips", "vram_gb": {"min": 10},
                "license_class": "free", "license_source": "its text"}
        self.machine.manifest([told, self.machine.simple("silent.gguf", gguf("silent", 2_000))])

    def rows(self, *arguments):
        return [re.split(r"  +", line.strip()) for line in self.machine.run("list", *arguments).out.splitlines()]

    def test_they_are_shown_as_chosen(self):
        columns = ("--columns", "accuracy,id,speed,vram,resolution,duration,purpose")
        for more in ["--available"], []:
            if not more:
                self.pull()
            rows = self.rows(*columns, *more)
            self.assertEqual(rows[0], ["ACCURACY", "ID", "SPEED", "VRAM", "RESOLUTION", "DURATION", "PURPOSE"])
            self.assertIn(["Basic", "told", "Very Fast", "10+ GB", "512x512", "4s clips", "Quick responses"], rows)
            self.assertIn(["-", "silent", "-", "-", "-", "-", "-"], rows)
            answer = json.loads(self.machine.run("list", *columns, *more, "--json").out)["data"]["models"]
            told = next(model for model in answer if model["id"] == "told")
            self.assertEqual((told["speed"], told["accuracy"], told["purpose"]), ("Very Fast", "Basic", "Quick responses"))
        shown = json.loads(self.machine.run("show", "told", "--json").out)["data"]["models"][0]["manifest"]
        self.assertEqual((shown["vram_gb"], shown["vram_gb_at_least"], shown["resolution"]), (10, True, "512x512"))
        self.assertRegex(self.machine.run("show", "told").out, r"(?m)^  vram +10\+ GB$")

    def test_a_dump_keeps_them(self):
        self.pull()
        dumped = os.path.join(self.machine.home, "dumped.json")
        self.assertEqual(self.machine.run("manifest", "dump", "-o", dumped).returncode, 0)
        with open(dumped) as file:
            told = next(model for model in json.load(file)["models"] if model["id"] == "told")
        self.assertEqual([told[key] for key in ("purpose", "speed", "accuracy", "resolution", "duration", "vram_gb")],
                         ["Quick responses", "Very Fast", "Basic", "512x512", "4s clips", {"min": 10}])
        self.assertEqual((told["license_class"], told["license_source"]), ("free", "its text"))
        self.assertEqual(self.machine.run("manifest", "check", dumped).returncode, 0)

    def test_of_several_profiles_the_first_that_says_it_is_heard(self):
        self.machine.manifest([{**self.machine.simple("told.gguf", self.data), "speed": "Slow", "purpose": "Second"}], profile="other")
        self.machine.manifest([{**self.machine.simple("told.gguf", self.data), "speed": "Fast"}], profile="first")
        self.pull("--profile", "first,other")
        self.assertEqual(self.rows("--profile", "first,other", "--columns", "id,speed,purpose")[1], ["told", "Fast", "Second"])

    def test_what_is_no_column(self):
        refused = self.machine.run("list", "--columns", "id,colour")
        self.assertEqual(refused.returncode, 2)
        self.assertIn('"colour" is not one of the words', refused.err)
        self.assertEqual(self.machine.run("list", "--matrix", "--columns", "id").returncode, 2)


class UseCaseTest(Case):
    """Indexed by use case and performance."""

    def setUp(self):
        super().setUp()
        self.machine.manifest([
            {**self.machine.simple(name + ".gguf", gguf(name, 2_000)), "use_cases": use_cases, "tags": tags,
             **({"performance_score": score} if score is not None else {})}
            for name, score, use_cases, tags in (
                ("low", 0.2, ["General", "Vision"], []), ("none", None, ["General"], ["Overseer"]),
                ("high", 0.9, ["General"], []), ("same", 0.75, ["General", "AgentTask"], ["overseer"]),
                ("zero", 0, ["General"], []))])

    def groups(self, *arguments):
        """{group: ids in their order}"""
        found = {}
        for line in self.machine.run("list", "--by-usecase", *arguments).out.splitlines():
            title = re.match(r"(\w+) +\d+   ", line)
            if title:
                found[title[1]] = ids = []
            elif line.startswith("  ") and "NAME" not in line:
                ids.append(line.split()[1])
        return found

    def test_the_best_comes_first(self):
        order = ["high", "same", "low", "zero", "none"]
        self.assertEqual(self.groups("--available")["General"], order)
        self.pull()
        self.assertEqual(self.groups()["General"], order)

    def test_only_the_groups_that_were_chosen(self):
        self.pull()
        for more in [], ["--available"]:
            self.assertEqual(list(self.groups(*more)), ["AgentTask", "Vision", "General"])
            self.assertEqual(self.groups("--usecase", "vision", *more), {"Vision": ["low"]})
            self.assertEqual(self.groups("--usecase", "Vision,AgentTask", *more),
                             {"AgentTask": ["same"], "Vision": ["low"]})
            # A tag chooses, too: then it is the group.
            self.assertEqual(sorted(sum(self.groups("--usecase", "overseer", *more).values(), [])), ["none", "same"])

    def test_a_score_that_is_not_the_documents_says_so(self):
        self.machine.manifest([{**self.machine.simple("a.gguf", gguf("a", 2_000)), "performance_score": 0.85,
                                "performance_score_source": "a script", "cost_score": 0.5}])
        for more in ["--available"], []:
            if not more:
                self.pull()
            self.assertIn("(0.85)", self.machine.run("list", *more).out)
            model = json.loads(self.machine.run("list", "--json", *more).out)["data"]["models"][0]
            self.assertEqual((model["performance_score"], model["performance_score_source"]), (0.85, "a script"))
            self.assertNotIn("cost_score_source", model)
        entry, = self.machine.registry()["models"]
        self.assertEqual((entry["performance_score_by"], entry["cost_score_by"]), ("a script", "manifest"))
        self.assertRegex(self.machine.run("show", "a").out, r"(?m)^  performance +0\.85 \(by a script\)$")
        self.machine.manifest([])  # what models.json alone knows
        self.assertRegex(self.machine.run("show", "a").out, r"scores +performance 0\.85 \(by a script\), cost 0\.50\n")

    def test_words_match_without_case_and_joints(self):
        self.machine.manifest([{**self.machine.simple("a.gguf", gguf("a", 2_000)), "use_cases": ["CodeGeneration"], "tags": ["Chat", "QuickChat"]},
                               {**self.machine.simple("b.gguf", gguf("b", 2_000)), "use_cases": ["General"], "tags": ["C++"]}])
        self.pull()
        for more in [], ["--available"]:
            for chosen in ("--usecase", "Quick chat"), ("--usecase", "code-generation"), ("--tag", "QUICK_CHAT"), ("--usecase", "Code Generation"):
                result = self.machine.run("list", "-q", *chosen, *more)
                self.assertEqual((result.out, result.err), ("a\n", ""), chosen)
            self.assertEqual(self.machine.run("list", "-q", "--tag", "C", *more).returncode, 2)
            self.assertEqual(self.groups("--usecase", "quick chat", *more), {"QuickChat": ["a"]})
        self.assertEqual(self.machine.run("select", "--usecase", "code generation", "-q").out, "a\n")
        self.assertEqual(self.machine.run("select", "--rule", "selector", "--usecase", "code generation", "-q").out, "a\n")

    def test_chat_is_a_group(self):
        self.machine.manifest([{**self.machine.simple("a.gguf", gguf("a", 2_000)), "use_cases": ["General"], "tags": ["Fast", "Chat"]}])
        self.pull()
        for more in [], ["--available"]:
            self.assertEqual(self.groups(*more), {"General": ["a"], "Chat": ["a"]})

    def test_a_score_that_nobody_stated_is_none(self):
        self.pull()
        scores = {model["name"]: model["performance_score"] for model in self.machine.registry()["models"]}
        self.assertEqual(scores, {"low": 0.2, "none": 0.75, "high": 0.9, "same": 0.75, "zero": 0})
        for more in [], ["--available"]:
            lines = {line.split()[0]: line for line in self.machine.run("list", *more).out.splitlines()}
            self.assertNotIn("0.75", lines["none"])
            self.assertIn("0.75", lines["same"])
            self.assertIn("0.00", lines["zero"])
        registered = {model["id"]: model for model in json.loads(self.machine.run("list", "--json").out)["data"]["models"]}
        self.assertEqual([registered[name].get("performance_score") for name in ("none", "same", "zero")], [None, 0.75, 0])
        self.machine.manifest([])  # what models.json alone knows
        self.assertRegex(self.machine.run("show", "none").out, r"scores +performance -, cost -")
        self.assertRegex(self.machine.run("show", "same").out, r"scores +performance 0\.75, cost -")
        # What was not stated is not stated by a dump either; what was, is.
        dumped = os.path.join(self.machine.home, "dumped.json")
        self.assertEqual(self.machine.run("manifest", "dump", "-o", dumped).returncode, 0)
        with open(dumped) as file:
            dump = {model["id"]: model for model in json.load(file)["models"]}
        self.assertEqual([dump[name].get("performance_score") for name in ("none", "same", "zero")], [None, 0.75, 0])

    def test_the_score_of_an_older_entry(self):
        """Before, nothing told a stated 0.75 from the default: it is not known. Then ids alone tell the order."""
        self.pull()
        path = self.machine.store("models.json")
        with open(path) as file:
            document = json.load(file)
        for model in document["models"]:
            model.pop("performance_score_by", None)
        for models in document["models"], document["models"][::-1]:  # whichever download ended first
            with open(path, "w") as file:
                json.dump({**document, "models": models}, file)
            self.assertEqual(self.groups()["General"], ["high", "low", "zero", "none", "same"])


if __name__ == "__main__":
    unittest.main()
