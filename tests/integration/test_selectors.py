"""Selectors choose the same models in every command that takes models; the others refuse them."""
import json
import os
import unittest

from harness import Case, gguf

# How each command tells which models it works on, without changing anything.
COMMANDS = {
    "plan": (["plan"], lambda data: {model["id"] for model in data["models"]}),
    "pull": (["pull", "-n"], lambda data: {model["id"] for model in data["plan"]["models"]}),
    "verify": (["verify"], lambda data: {file["model"] for file in data["files"]}),
    "list": (["list"], lambda data: {model["id"] for model in data["models"]}),
    "list --available": (["list", "--available"], lambda data: {model["id"] for model in data["models"]}),
    "show": (["show"], lambda data: {(model["registered"] or model["manifest"])["id"] for model in data["models"]}),
    "rm": (["rm", "-n"], lambda data: set(data["models"])),
    "lock": (["lock"], lambda data: {entry["model"] for entry in data["entries"]}),
    "diff": (["diff"], lambda data: {entry["model"] for entry in data["entries"]}),
    "outdated": (["outdated"], lambda data: {entry["model"] for entry in data["entries"]}),
    "manifest dump": (["manifest", "dump"], lambda data: {model["id"] for model in data["manifest"]["models"]}),
}
SELECTORS = {
    ("one",): {"one"}, ("one", "three"): {"one", "three"}, ("One Model",): {"one"},
    ("--phase", "1"): {"one", "two"}, ("--phase", "2,3"): {"three", "four"}, ("--phase", "3", "--phase", "1"): {"one", "two", "four"},
    ("--priority", "medium"): {"three"}, ("--priority", "high,low"): {"one", "two", "four"},
    ("--usecase", "Vision"): {"two", "three"}, ("--usecase", "vision,Translation"): {"two", "three", "four"},
    ("--tag", "small"): {"one", "three"}, ("--source", "hf"): {"four"}, ("--source", "https"): {"one", "two", "three"},
    ("--profile", "test"): {"one", "two", "three", "four"}, ("--all",): {"one", "two", "three", "four"},
    ("--phase", "1", "--tag", "small"): {"one"}, ("two", "three", "--phase", "2"): {"three"},
    ("--store", "comfyui"): {"two"}, ("--store", "llama-cpp", "--usecase", "Vision"): {"three"},
}
CHOOSES_NOTHING = [["adopt"], ["link"], ["gc"], ["df"], ["profiles"], ["limits"], ["version"], ["completion", "bash"], ["help"]]


class SelectCase(Case):
    def setUp(self):
        super().setUp()
        m = self.machine
        self.hub.hf("org/four", {"four.gguf": gguf("four", 4_000)})
        m.manifest([{**m.simple("one.gguf", gguf("one", 1_000)), "name": "One Model", "tags": ["small"]},
                    {**m.simple("two.gguf", gguf("two", 2_000), to=[{"store": "comfyui", "folder": "llm", "name": "two.gguf"}]),
                     "use_cases": ["Vision"]}])
        m.manifest([{**m.simple("three.gguf", gguf("three", 3_000)), "use_cases": ["Vision"], "tags": ["small"]}], phase=2)
        m.manifest([{"id": "four", "use_cases": ["Translation"], "files": [
            {"from": ["hf:org/four/four.gguf@main"], "to": [{"store": "llama-cpp", "name": "four.gguf"}]}]}], phase=3)

    def run_ok(self, *arguments, code=0):
        result = self.machine.run(*arguments)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.err}{result.out}")
        return result


class SameEverywhereTest(SelectCase):
    def test_every_command_chooses_the_same(self):
        self.pull()
        for name, (command, models) in COMMANDS.items():
            for selector, wanted in SELECTORS.items():
                # `verify --store` looks at a store itself, whatever is registered there.
                if name == "verify" and "--store" in selector:
                    continue
                with self.subTest(command=name, selector=selector):
                    data = json.loads(self.run_ok(*command, *selector, "--json").out)["data"]
                    self.assertEqual(models(data), wanted)

    def test_every_command_says_that_nothing_is_left(self):
        self.pull()
        for name, (command, _) in COMMANDS.items():
            for selector, says in ((["--phase", "1", "--tag", "none"], "--tag none"), (["--usecase", "Visoin"], "Vision"),
                                   (["nosuch"], "nosuch"), (["--all", "--phase", "1"], "contradict"), ([""], "empty"),
                                   (["--source", "hf", "--priority", "high"], "--source hf")):
                with self.subTest(command=name, selector=selector):
                    self.assertIn(says, self.run_ok(*command, *selector, code=2).err)

    def test_others_refuse_them_and_say_who_takes_them(self):
        for command in CHOOSES_NOTHING:
            for selector in (["--phase", "1"], ["--priority=high"], ["--usecase", "Vision"], ["--tag", "small"],
                             ["--source", "hf"], ["--variant", "x"]):
                with self.subTest(command=command, selector=selector):
                    error = self.run_ok(*command, *selector, code=2).err
                    self.assertIn(f"{command[0]} chooses no models, so it takes no {selector[0].split('=')[0]}", error)
                    self.assertIn("selectors are for plan, pull, verify, list, show, rm", error)
        for command in ("check", "import", "init"):
            for selector in (["--tag", "small"], ["--store", "hf"], ["--all"], ["--usecase=Vision"]):
                error = self.run_ok("manifest", command, "x", *selector, code=2).err
                self.assertIn(f"manifest {command} chooses no models, so it takes no {selector[0].split('=')[0]}", error)
                self.assertIn("manifest dump", error)


class RemoveTest(SelectCase):
    def test_nothing_chosen_is_nothing_removed(self):
        self.pull()
        before = self.machine.registry()
        for arguments in ([], ["-y"], ["-n"], ["--force", "-y"]):
            error = self.run_ok("rm", *arguments, code=2).err
            self.assertIn("which models", error)
            self.assertEqual(self.machine.registry(), before)

    def test_the_question_names_what_was_chosen(self):
        self.pull()
        before = self.machine.registry()
        text, code = self.answer(b"n\n", "rm", "--phase", "1,2", "--usecase", "Vision")
        self.assertEqual(code, 0, text)
        self.assertIn("Remove 2 models (--phase 1,2 --usecase Vision)", text)
        for model in ("two", "three"):
            self.assertRegex(text, rf"(?m)^{model} ")
        self.assertEqual(self.machine.registry(), before)
        text, code = self.answer(b"y\n", "rm", "--phase", "1,2", "--usecase", "Vision")
        self.assertEqual(code, 0, text)
        self.assertEqual(set(self.entries()), {"one", "four"})

    def test_all_of_them(self):
        self.pull()
        self.run_ok("rm", "-y", "--all")
        self.assertEqual(self.entries(), {})
        self.assertEqual([name for name in self.machine.snapshot() if not name.endswith((".json", ".lock"))], [])
        self.assertIn("Nothing to remove", self.run_ok("rm", "-y", "--phase", "3").out)

    def test_what_another_profile_has_is_told(self):
        m = self.machine
        m.manifest([m.simple("one.gguf", gguf("one", 1_000))], profile="other")
        self.pull("--profile", "test,other")
        result = self.run_ok("rm", "-n", "--profile", "other")
        self.assertIn("one is of the profile test, too", result.err)
        self.assertIn("Would remove 1 model (--profile other)", result.out)


class ShowTest(SelectCase):
    def shown(self, *arguments, code=0):
        data = json.loads(self.run_ok("show", *arguments, "--json", code=code).out)["data"]
        return [((model["manifest"] or model["registered"])["id"], bool(model["manifest"]), bool(model["registered"]))
                for model in data["models"]]

    def test_offered_and_installed_are_chosen_from_alike(self):
        self.pull("one", "two")
        self.hub.hf("org/own", {"own.gguf": gguf("own", 4_000)})
        self.pull("hf:org/own/own.gguf@main", "--to", "llama-cpp//spelled.gguf")
        self.assertEqual(self.shown("--phase", "1"), [("one", True, True), ("two", True, True)])
        self.assertEqual(self.shown("--usecase", "Vision"), [("two", True, True), ("three", True, False)])
        self.assertEqual(self.shown("--source", "hf"), [("four", True, False), ("org/own/own.gguf", False, True)])
        self.assertEqual(len(self.shown("--all")), 5)
        self.assertEqual(self.shown("one", "three", "--phase", "2"), [("three", True, False)])
        self.assertEqual(self.shown("one", "nosuch", code=2), [("one", True, True)])
        self.assertEqual(self.shown("one", "two", "--phase", "2", code=2), [])
        self.assertIn("which model", self.run_ok("show", code=2).err)

    def test_what_is_installed_is_found_by_the_end_of_its_name(self):
        """a repository by its name alone; an id that is spelled so goes first; of two neither is taken"""
        for repository in ("org/Some-Repo", "other/Some-Repo"):
            self.hub.hf(repository, {repository.split("/")[0] + "-own.gguf": gguf(repository, 100_000)})
        self.run_ok("pull", "-y", "hf:org/Some-Repo", "--to", "llama-cpp")
        for command in (["show"], ["list"], ["verify"], ["rm", "-n"]):
            self.assertIn("org/Some-Repo", self.run_ok(*command, "some-repo").out)
        self.run_ok("pull", "-y", "hf:other/Some-Repo", "--to", "llama-cpp")
        result = self.run_ok("show", "Some-Repo", code=2)
        self.assertIn("org/Some-Repo, other/Some-Repo", result.err)

    def test_what_is_installed_is_shown_without_manifests(self):
        self.pull("one")
        with open(os.path.join(self.machine.manifests, "test", "phase-1-high.json"), "w") as file:
            file.write("{")
        self.assertEqual(self.shown("--tag", "small"), [("one", False, True)])


if __name__ == "__main__":
    unittest.main()
