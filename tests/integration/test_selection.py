"""`ncmodel select` and `list --matrix`: the loading plan's examples, the Selector's scoring and the documents' rules, against
references that share no code with the program."""
import glob
import json
import os
import random
import subprocess
import sys
import unittest

from harness import BINARY, SOURCE, Case

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import runtime_site  # noqa: E402

USE_CASES = ("CodeGeneration", "CodeAnalysis", "Reasoning", "QuestionAnswering", "Documentation", "Translation",
             "Summarization", "AgentTask", "FunctionCalling", "Vision", "General")
TIERS = ("Public", "Internal", "Confidential", "Restricted")
COLUMNS = {"CodeGeneration": "code", "CodeAnalysis": "code", "Reasoning": "reasoning", "Vision": "vision", "AgentTask": "agents"}
# The plan's three examples, as its document has them.
PLAN = [
    (["--usecase", "CodeGeneration", "--privacy-tier", "Internal", "--min-quality", "0.9"], "deepseek-coder-v2"),
    (["--usecase", "Reasoning", "--min-quality", "0.9"], "mistral-nemo-12b"),
    (["--usecase", "AgentTask", "--max-latency-ms", "1000"], "octopus-v2"),
]


def shipped(profile):
    models = []
    for path in sorted(glob.glob(os.path.join(SOURCE, "manifests", profile, "phase-*.json"))):
        with open(path) as file:
            models += json.load(file)["models"]
    return models


def entry(name, **members):
    """What the Selector reads of a model."""
    return {"name": name, "file_path": f"models/{name}.gguf", "size_mb": 1000, "capabilities": [], "performance_score": 0.75,
            "cost_score": 0.75, "privacy_tier": "Internal", "use_cases": ["General"], **members}


def stated(model):
    """An entry of models.json of a manifest's model."""
    scores = {key: model[key] for key in ("performance_score", "cost_score") if key in model}
    return entry(model["id"], id=model["id"], profile="noa", profiles=["noa"], use_cases=model["use_cases"],
                 **scores, **{key + "_by": "manifest" for key in scores})


class SelectCase(Case):
    def install(self, models):
        path = self.machine.store("models.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            json.dump({"registered_at": "2026-01-31 09:05:00", "total_models": len(models), "total_size_gb": 1.0,
                       "models": models}, file)

    def select(self, *arguments, code=0, profile=None):
        result = self.machine.run(*(["--profile", profile] if profile else []), "select", "--json", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        document = json.loads(result.out)
        return document["data"] if code == 0 else document["errors"][0]

    def unchecked(self, *arguments):
        """The same without a look at the schema: for many runs."""
        result = subprocess.run([BINARY, "select", "--json", *arguments], env=self.machine.env, capture_output=True, text=True,
                                cwd=self.machine.home)
        self.assertIn(result.returncode, (0, 12), result.stderr)
        return json.loads(result.stdout)["data"] if result.returncode == 0 else None

    @staticmethod
    def picks(data):
        return [data["answer"], *data["alternatives"]]

    def order(self, data):
        return [pick["id"] for pick in self.picks(data)]


class PlanTest(SelectCase):
    def test_the_three_examples_of_the_plan(self):
        for arguments, best in PLAN:
            data = self.select(*arguments, profile="noa")
            self.assertEqual((data["answer"]["id"], data["considered"], data["rule"]), (best, 15, "plan"))
            self.assertEqual(self.machine.run("--profile", "noa", "select", "-q", *arguments).out, best + "\n")

    def test_the_three_examples_over_the_full_registry(self):
        self.install([stated(model) for model in shipped("noa")])
        for arguments, best in PLAN:
            data = self.select(*arguments, "--installed", profile="noa")
            self.assertEqual((data["answer"]["id"], data["answer"]["installed"]), (best, True))

    def test_what_nobody_knows_is_said(self):
        data = self.select(*PLAN[2][0], profile="noa")
        self.assertEqual(data["answer"]["unknown"], ["--max-latency-ms"])
        self.assertIn("not known whether it meets --max-latency-ms", data["answer"]["reason"])
        self.assertIsNone(data["answer"]["score"])

    def test_what_is_known_to_meet_all_comes_first(self):
        m = self.machine
        m.manifest([{**m.simple(name + ".gguf", name.encode()), **members} for name, members in (
            ("better", {"performance_score": 0.9}), ("slow", {"performance_score": 0.99, "latency_ms": 1001}),
            ("known", {"performance_score": 0.1, "latency_ms": 1000}),
            ("between", {"performance_score": 0.8, "vram_gb": {"min": 4, "max": 9}, "latency_ms": 5}))])
        self.assertEqual(self.order(self.select("--usecase", "General")), ["slow", "better", "between", "known"])
        self.assertEqual(self.order(self.select("--usecase", "General", "--max-latency-ms", "1000")),
                         ["between", "known", "better"])
        for vram, answer in (("3GB", None), ("4GB", ["--vram"]), ("9GB", [])):
            found = {pick["id"]: pick for pick in self.picks(self.select("--usecase", "General", "--vram", vram))}
            self.assertEqual(found["between"]["unknown"] if "between" in found else None, answer, vram)
            self.assertEqual(found["better"]["unknown"], ["--vram"])

    def test_that_much_or_more_may_be_more(self):
        m = self.machine
        m.manifest([{**m.simple(name + ".gguf", name.encode()), "vram_gb": vram, "performance_score": score}
                    for name, vram, score in (("open", {"min": 4}, 0.9), ("known", 3, 0.1))])
        for installed in False, True:
            if installed:
                self.pull()
            for card, order in (("3GB", ["known"]), ("4GB", ["known", "open"]), ("90GB", ["known", "open"])):
                data = self.select("--usecase", "General", "--vram", card, *["--installed"] * installed)
                self.assertEqual(self.order(data), order)
                self.assertEqual([pick["unknown"] for pick in self.picks(data)], [[], ["--vram"]][:len(order)])

    def reference(self, models, task):
        """The documented rule, over manifest entries."""
        def known(value, holds):
            return None if value is None else holds(value)
        ranked = []
        for place, model in enumerate(models):
            vram = model.get("vram_gb")
            answers = [task["use_case"] in model["use_cases"]]
            if "privacy" in task:
                answers.append(TIERS.index(model.get("privacy_tier", "Internal")) >= TIERS.index(task["privacy"]))
            if "quality" in task:
                answers.append(known(model.get("performance_score"), lambda v: v >= task["quality"]))
            if "latency" in task:
                answers.append(known(model.get("latency_ms"), lambda v: v <= task["latency"]))
            if "cost" in task:
                answers.append(known(model.get("cost_score"), lambda v: v <= task["cost"]))
            if "vram" in task:
                answers.append(known(vram, lambda v: v <= task["vram"]))
            if "context" in task:
                answers.append(known(model.get("context_length"), lambda v: v >= task["context"]))
            if False in answers:
                continue
            stars = model.get("stars", {})
            ranked.append((None in answers, -stars.get(COLUMNS.get(task["use_case"]), -1), -model.get("performance_score", -1),
                           -stars.get("speed", -1), model["files"][0].get("size", float("inf")), place, model["id"]))
        return [row[-1] for row in sorted(ranked)[:4]]

    def test_the_rule_agrees_with_its_reference(self):
        dice = random.Random(15)
        few = lambda *values: dice.choice([*values, None])  # None: nobody states it
        options = {"privacy": "--privacy-tier", "quality": "--min-quality", "latency": "--max-latency-ms", "cost": "--max-cost",
                   "context": "--context"}
        fitted = 0
        for turn in range(150):
            models = []
            for number in range(dice.randint(1, 12)):
                stars = {key: dice.randint(0, 5) for key in ("code", "reasoning", "vision", "agents", "speed") if dice.random() < 0.6}
                facts = {"performance_score": few(0.5, 0.9, 1), "cost_score": few(0, 0.4), "privacy_tier": few(*TIERS),
                         "latency_ms": few(10, 999, 1000), "vram_gb": few(4, 10), "context_length": few(2048, 8192),
                         "stars": stars or None}
                models.append({"id": f"m{number}", "use_cases": dice.sample(USE_CASES[:1] + USE_CASES[2:3] + USE_CASES[7:], 3),
                               "files": [{"from": [f"https://a.invalid/{number}.gguf"], "to": [{"store": "llama-cpp"}],
                                          **({"size": dice.choice([7, 8])} if dice.random() < 0.7 else {})}],
                               **{key: value for key, value in facts.items() if value is not None}})
            self.machine.manifest(models)
            task = {"use_case": dice.choice(["CodeGeneration", "Reasoning", "AgentTask", "Vision", "General"])}
            for key, values in (("privacy", TIERS), ("quality", (0.5, 0.9)), ("latency", (10, 999)), ("cost", (0.3, 0.4)),
                                ("vram", (4, 9)), ("context", (4096, 8192))):
                if dice.random() < 0.3:
                    task[key] = dice.choice(values)
            arguments = ["--usecase", task["use_case"]]
            for key, option in options.items():
                arguments += [option, str(task[key])] if key in task else []
            arguments += ["--vram", f"{task['vram']}GB"] if "vram" in task else []
            data, expected = self.unchecked(*arguments), self.reference(models, task)
            self.assertEqual(self.order(data) if data else [], expected, (turn, task, models))
            fitted += bool(data)
        self.assertGreater(fitted, 75)

    def test_no_model_left_names_the_demand(self):
        error = self.select("--usecase", "CodeGeneration", "--min-quality", "0.96", "--privacy-tier", "Internal", code=12,
                            profile="noa")
        self.assertEqual(error["code"], "no_fit")
        self.assertIn("of 4 models for CodeGeneration, --min-quality leaves out 4", error["message"])
        error = self.select("--usecase", "Reasonin", code=12, profile="noa")
        self.assertIn("none of 15 models is for Reasonin", error["message"])
        self.assertIn("did you mean Reasoning", error["hint"])
        error = self.select("--usecase", "Vision", "--installed", code=12, profile="noa")
        self.assertIn("--installed leaves out 1", error["message"])

    def test_wrong_lines(self):
        for arguments, says in (([], "what for"), (["--usecase", "General", "--role", "x"], "one purpose"),
                                (["--role", "x", "--rule", "plan"], "--rule is of --usecase"),
                                (["--usecase", "General", "--min-quality", "1.1"], '"1.1" is not a number from 0 to 1'),
                                (["--usecase", "General", "--max-cost", "cheap"], "not a number"),
                                (["--usecase", "General", "--max-cost", "."], "not a number"),
                                (["--usecase", "General", "--vram", "0"], "without memory"),
                                (["--usecase", "General", "--privacy-tier", "secret"], "one of the words"),
                                (["--usecase", "Embedding", "--rule", "selector"], "knows no use case")):
            self.assertIn(says, self.select(*arguments, code=2, profile="noa")["message"])

    def test_foreign_words_do_not_reach_the_terminal(self):
        m = self.machine
        m.manifest([{**m.simple("a.gguf", b"a"), "name": "A\x1b[31m"}],
                   rules=[{"role": "x", "models": ["a"], "words": "w\x1b[31m", "document": "d\x07"}])
        out = m.run("select", "--role", "X").out
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\x07", out)
        self.assertIn("\\x1b[31m", out)


# nc-dev's table, row by row: task, local model, cloud model, what the last column says.
TABLE = """
Mock API responses | qwen2.5-coder-32b | - | 100% saved
Test fixtures | llama-3.1-8b | - | 100% saved
Bulk seed data | llama-3.1-8b | - | 100% saved
Screenshot pre-screen | qwen2.5-vl-7b | - | ~70% saved (only failures go to cloud)
Code review pre-filter | qwen2.5-coder-32b | - | ~50% saved
Simple refactoring | qwen2.5-coder-32b | - | 100% saved
Feature implementation | - | Sonnet 4.5 | Cloud (quality critical)
Architecture decisions | - | Opus 4.6 | Cloud (reasoning critical)
Complex test generation | - | Sonnet 4.5 | Cloud (context needed)
Final visual verification | - | Claude Vision | Cloud (accuracy critical)
Delivery report | - | Sonnet 4.5 | Cloud (quality matters)
"""


class CloudTest(SelectCase):
    def test_the_table_of_eleven_tasks(self):
        for row in TABLE.strip().splitlines():
            task, local, cloud, last = row.split(" | ")
            with self.subTest(task):
                data = self.select("--task", task, profile="nc-dev-rtx4090")
                if cloud == "-":
                    self.assertEqual((data["source"], data["answer"]["id"], data["cloud"], data["saving"]), ("local", local, None, last))
                else:
                    self.assertEqual((data["source"], data["answer"], data["cloud"], data["saving"]), ("cloud", None, cloud, None))
                    self.assertEqual((data["alternatives"], data["considered"]), ([], 0))
                self.assertIn(last, data["words"])
                quiet = self.machine.run("--profile", "nc-dev-rtx4090", "select", "-q", "--task", task).out
                self.assertEqual(quiet, (local if cloud == "-" else "cloud:" + cloud) + "\n")

    def test_nothing_goes_to_the_cloud_that_must_not(self):
        for demand in (["--privacy-tier", "Confidential"], ["--installed"], ["--vram", "12GB"], ["--min-quality", "0.1"]):
            error = self.select("--task", "delivery report", *demand, code=12, profile="nc-dev-rtx4090")
            self.assertIn("of that model nobody states " + demand[0], error["message"])

    def down(self, *arguments):
        """Nothing listens at port 1."""
        result = self.machine.run("--profile", "nc-dev-rtx4090", "select", "--json", "--ask-runtime", *arguments,
                                  env={"OLLAMA_HOST": "127.0.0.1:1"})
        self.assertEqual(result.returncode, 14, result.err)
        document = json.loads(result.out)
        self.assertEqual(document["errors"][0]["code"], "runtime")
        return document["data"]

    def test_the_documents_fall_back(self):
        data = self.down("--task", "Screenshot pre-screen")
        self.assertEqual((data["source"], data["cloud"], data["answer"]["id"]), ("cloud", "Claude Vision", "qwen2.5-vl-7b"))
        self.assertIn("Screenshot analysis goes directly to Claude Vision", data["fallback"])
        self.assertEqual(self.down("--task", "simple refactoring")["cloud"], "Sonnet")
        # what must stay here does
        data = self.down("--task", "simple refactoring", "--privacy-tier", "Internal")
        self.assertEqual((data["source"], data["cloud"], data["fallback"]), ("local", None, None))
        shown = self.machine.run("--profile", "nc-dev-rtx4090", "select", "--ask-runtime", "--task", "Mock API responses",
                                 env={"OLLAMA_HOST": "127.0.0.1:1"})
        self.assertEqual(shown.returncode, 14)
        self.assertIn("cloud: Sonnet", shown.out)
        self.assertIn("otherwise qwen2.5-coder-32b", shown.out)

    def test_a_runtime_that_answers(self):
        ollama = runtime_site.Ollama()
        self.addCleanup(ollama.close)
        result = self.machine.run("--profile", "nc-dev-rtx4090", "select", "--json", "--ask-runtime", "--task", "test fixtures",
                                  env={"OLLAMA_HOST": ollama.address})
        followed = self.machine.run("--profile", "nc-dev-rtx4090", "select", "-q", "--ask-runtime", "--task", "test fixtures",
                                    "--server", "x=" + ollama.url)
        self.assertEqual(result.returncode, 0, result.err)
        self.assertEqual(json.loads(result.out)["data"]["source"], "local")
        self.assertEqual((followed.returncode, followed.out), (0, "llama-3.1-8b\n"))


class SelectorTest(SelectCase):
    @staticmethod
    def reference(models, use_case, tier, quality, cost):
        """models-json's contract: 1. keep by privacy, 2. the sum, 3. the penalties, 4. the highest wins."""
        scored = []
        for place, model in enumerate(models):
            if tier and TIERS.index(model["privacy_tier"]) < TIERS.index(tier):
                continue
            score = 0.4 if use_case in model["use_cases"] else 0.2 if "General" in model["use_cases"] else 0
            score = score + 0.30 * model["performance_score"] + 0.15 * model["cost_score"]
            score = score * (0.5 if cost is not None and model["cost_score"] > cost else 1)
            score = score * (0.7 if quality is not None and model["performance_score"] < quality else 1)
            scored.append((-score, place, model["name"]))
        return [(name, -score) for score, _, name in sorted(scored)]

    def test_a_thousand_registries(self):
        dice = random.Random(1)
        scores = [0, 0.25, 0.5, 0.75, 0.9, 1]
        for turn in range(1000):
            models = [entry(f"m{number}", performance_score=dice.choice([*scores, dice.random()]),
                            cost_score=dice.choice([*scores, dice.random()]), privacy_tier=dice.choice(TIERS),
                            use_cases=dice.sample(USE_CASES, dice.randint(0, 4)))
                      for number in range(dice.randint(1, 10))]
            self.install(models)
            use_case, tier = dice.choice(USE_CASES), dice.choice([None, *TIERS])
            quality, cost = dice.choice([None, *scores, dice.random()]), dice.choice([None, *scores, dice.random()])
            arguments = ["--rule", "selector", "--usecase", use_case]
            arguments += ["--privacy-tier", tier] if tier else []
            arguments += ["--min-quality", f"{quality:.20f}"] if quality is not None else []
            arguments += ["--max-cost", f"{cost:.20f}"] if cost is not None else []
            data, expected = self.unchecked(*arguments), self.reference(models, use_case, tier, quality, cost)
            picks = self.picks(data) if data else []
            self.assertEqual([pick["id"] for pick in picks], [name for name, _ in expected[:4]], (turn, arguments, models))
            for pick, (_, score) in zip(picks, expected):
                self.assertAlmostEqual(pick["score"], score, delta=1e-12)

    def test_it_says_where_it_differs_from_the_plan(self):
        self.install([stated(model) for model in shipped("noa")])
        data = self.select("--rule", "selector", *PLAN[0][0], profile="noa")
        self.assertEqual((data["answer"]["id"], data["plan"]["id"]), ("llama-3.1-8b", "deepseek-coder-v2"))
        text = self.machine.run("--profile", "noa", "select", "--rule", "selector", *PLAN[0][0]).out
        self.assertIn("The loading plan's rule chooses deepseek-coder-v2 instead: code 5 of 5 stars", text)
        data = self.select("--rule", "selector", *PLAN[2][0], profile="noa")
        self.assertEqual((data["answer"]["id"], data["plan"]["id"], data["ignored"]),
                         ("octopus-v2", "octopus-v2", ["--max-latency-ms"]))
        text = self.machine.run("--profile", "noa", "select", "--rule", "selector", *PLAN[2][0]).out
        self.assertIn("does not look at --max-latency-ms", text)
        self.assertIn("chooses it, too", text)

    def test_what_is_installed_needs_no_profile(self):
        self.install([entry("a"), entry("b", performance_score=0.9, privacy_tier="Public")])
        for arguments in (["--installed"], ["--rule", "selector"]):
            result = self.machine.run("-f", self.write("bad.json", b"{}"), "select", "-q", "--usecase", "General", *arguments)
            self.assertEqual((result.returncode, result.out), (0, "b\n"), result.err)
            self.assertIn("no stars are known", result.err)

    def test_a_number_that_nobody_stated_is_said_to_be_one(self):
        self.install([entry("a", id="a", profile="noa", profiles=["noa"]), entry("b", performance_score=0.5)])
        data = self.select("--rule", "selector", "--usecase", "General")
        reasons = {pick["id"]: pick["reason"] for pick in self.picks(data)}
        self.assertIn("quality 0.75 (stated by nobody)", reasons["a"])
        self.assertIn("quality 0.50,", reasons["b"])

    def test_nothing_installed(self):
        error = self.select("--rule", "selector", "--usecase", "General", code=12, profile="noa")
        self.assertIn("nothing is installed", error["message"])


class RulesTest(SelectCase):
    NEBULA = {"Quick chat": "llama-3.2-3b", "Deep reasoning": "deepseek-r1-8b", "Code generation": "deepseek-coder-v2",
              "Fast code assist": "qwen2.5-coder-7b", "Document search": "nomic-embed-text", "Image generation": "dreamshaper-8",
              "Video generation": "animatediff-mm-sd15-v2", "Transcription": "whisper-small"}
    NC_DEV = {"Mock API responses": "qwen2.5-coder-32b", "Test fixtures": "llama-3.1-8b", "Bulk seed data": "llama-3.1-8b",
              "Screenshot pre-screen": "qwen2.5-vl-7b", "Code review pre-filter": "qwen2.5-coder-32b",
              "Simple refactoring": "qwen2.5-coder-32b"}

    def test_the_documents_tables(self):
        for profile, tasks in (("nebula-rtx3060", self.NEBULA), ("nc-dev-rtx4090", self.NC_DEV)):
            for task, best in tasks.items():
                for spelled in (task, task.upper().replace(" ", ""), task.replace(" ", "  ")):
                    data = self.select("--task", spelled, profile=profile)
                    self.assertEqual((data["answer"]["id"], data["rule"]), (best, "task"))
                    self.assertTrue(data["words"].startswith(task + " | "), data["words"])

    def test_roles_pipelines_and_agents(self):
        for profile, arguments, order in (
                ("nexus", ["--role", "overseer"], ["llama-3.1-8b"]),
                ("nexus", ["--role", "Implementation"], ["qwen2.5-coder-7b", "codellama-7b"]),
                ("vector-weight", ["--parallel-agents", "2"], ["qwen2.5-coder-7b-q4_0", "mistral-7b"]),
                ("vector-weight", ["--parallel-agents", "4"], ["qwen2.5-coder-7b-q4_0", "mistral-7b"]),
                ("vector-weight", ["--pipeline", "heavy"], ["llama2-13b"]),
                ("vector-weight", ["--task", "one-off deep analysis"], ["llama2-13b"])):
            self.assertEqual(self.order(self.select(*arguments, profile=profile)), order)

    def test_of_several_profiles_a_rule_means_its_own_models(self):
        """noa has an id deepseek-coder-v2, too: another file of another source."""
        for profiles in ("noa,nebula-rtx3060", "nebula-rtx3060,noa"):
            answer = self.select("--task", "Code generation", profile=profiles)["answer"]
            self.assertEqual((answer["id"], answer["profile"]), ("deepseek-coder-v2", "nebula-rtx3060"))

    def test_what_no_document_speaks_of(self):
        for number in ("1", "5"):
            error = self.select("--parallel-agents", number, code=2, profile="vector-weight")
            self.assertIn("2 to 4", error["hint"])
        self.assertIn("overseer, implementation", self.select("--role", "tester", code=2, profile="nexus")["hint"])
        self.assertIn("nexus (overseer, implementation)", self.select("--role", "overseer", code=2, profile="noa")["hint"])

    def test_demands_count_for_rules_too(self):
        error = self.select("--role", "overseer", "--installed", code=12, profile="nexus")
        self.assertIn("of 1 model of the document, --installed leaves out 1", error["message"])
        data = self.select("--pipeline", "heavy", "--min-quality", "0.5", profile="vector-weight")
        self.assertEqual(data["answer"]["unknown"], ["--min-quality"])

    def test_a_rule_is_checked(self):
        models = [self.machine.simple("a.gguf", b"a")]
        rule = {"role": "x", "models": ["a"], "words": "w", "document": "d"}
        agents = {key: value for key, value in rule.items() if key != "role"}
        for bad, says in (({**rule, "models": ["aa"]}, 'no model has the id "aa" (did you mean "a"?)'),
                          ({**rule, "task": "t"}, "exactly one purpose"), (agents, "exactly one purpose"),
                          ({**rule, "models": []}, "rules[0].models"), ({**rule, "stage": 1}, "stage"),
                          ({**agents, "parallel_agents": {"min": 3, "max": 2}}, "min above its max")):
            path = self.machine.manifest(models, rules=[bad])
            result = self.machine.run("manifest", "check", path)
            self.assertEqual(result.returncode, 2, bad)
            self.assertIn(says, result.err)
        path = self.machine.manifest(models, rules=[rule])
        self.assertEqual(self.machine.run("manifest", "check", path).returncode, 0)
        self.assertEqual(self.machine.run("-f", path, "select", "--role", "X", "-q").out, "a\n")


class MatrixTest(SelectCase):
    def rows(self, *arguments):
        result = self.machine.run("list", "--matrix", *arguments, env={"NCMODEL_PROFILE": "noa"})
        self.assertEqual(result.returncode, 0, result.err)
        lines = result.out.splitlines()
        self.assertEqual(lines[0].split(), ["ID", "SIZE", "CODE", "REASONING", "VISION", "AGENTS", "SPEED"])
        return {line.split()[0]: line.split()[-5:] for line in lines[1:]}

    def test_the_plans_matrix(self):
        expected = {model["id"]: ["★" * model["stars"][key] or "no" for key in ("code", "reasoning", "vision", "agents", "speed")]
                    if "stars" in model else ["-"] * 5 for model in shipped("noa")}
        self.assertEqual(self.rows("--available"), expected)
        ascii_only = self.machine.run("--profile", "noa", "list", "--available", "--matrix", env={"LC_ALL": "C"}).out
        self.assertTrue(ascii_only.isascii())
        self.assertIn("*****", ascii_only)

    def test_sorted_by_stars(self):
        for key in ("code", "reasoning", "vision", "agents", "speed"):
            result = self.machine.run("--profile", "noa", "list", "--available", "--json", "--sort", "stars." + key)
            stars = [model.get("stars", {}).get(key, -1) for model in json.loads(result.out)["data"]["models"]]
            self.assertEqual(stars, sorted(stars, reverse=True))
            self.assertEqual(len(stars), 15)
        self.assertEqual(self.machine.run("list", "--sort", "stars.beauty").returncode, 2)
        self.assertEqual(self.machine.run("list", "--matrix", "--by-phase").returncode, 2)
        self.assertEqual(self.machine.run("list", "--by-usecase", "--sort", "stars.code").returncode, 2)

    def test_installed_models_have_the_stars_of_their_manifest(self):
        self.install([stated(model) for model in shipped("noa")] + [entry("foreign")])
        rows = self.rows("--sort", "stars.code")
        self.assertEqual((list(rows)[0], rows["deepseek-coder-v2"][0], rows["foreign"]), ("deepseek-coder-v2", "★" * 5, ["-"] * 5))


if __name__ == "__main__":
    unittest.main()
