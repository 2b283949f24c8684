"""What licences allow: chosen by --license, demanded by --license-policy."""
import glob
import json
import os
import unittest

from harness import SOURCE, Case, gguf

CLASSES = {"free": ("MIT", "free"), "conditions": ("Llama 2 Community License", "free-with-conditions"),
           "research": ("CC-BY-NC-4.0", "non-commercial"), "trial": ("MNPL", "non-production"), "silent": (None, None)}
FITS = {"free": {"free"}, "commercial": {"free", "free-with-conditions"}}


class LicencesTest(Case):
    def setUp(self):
        super().setUp()
        models = []
        for name, (license, license_class) in CLASSES.items():
            model = self.machine.simple(name + ".gguf", gguf(name, 2_000))
            for key, value in (("license", license), ("license_class", license_class), ("license_source", license_class and "its text")):
                model.pop(key, None)
                if value:
                    model[key] = value
            models.append(model)
        models.append({**self.machine.simple("gate.gguf", gguf("gate", 2_000)), "gated": True, "gate_url": "https://a.example/x"})
        self.machine.manifest(models)

    def ids(self, *arguments):
        return self.machine.run("list", "-q", *arguments).out.split()

    def test_they_choose(self):
        for more in ["--available"], []:
            if not more:
                self.pull("free", "conditions", "research", "silent")
            self.assertEqual(self.ids("--license", "free", *more), ["free"])
            self.assertEqual(self.ids("--license", "mit", *more), ["free"])
            self.assertEqual(sorted(self.ids("--license", "free,Non Commercial", *more)), ["free", "research"])
            self.assertIn("silent", self.ids("--license", "unknown", *more))
        self.assertEqual(self.ids("--available", "--license", "gated"), ["gate"])
        wrong = self.machine.run("list", "--available", "--license", "non-comercial")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("did you mean non-commercial?", wrong.err)
        shown = self.machine.run("show", "conditions").out
        self.assertRegex(shown, r"(?m)^  licence class +free-with-conditions\n    by +its text$")

    def test_it_is_a_selector_as_the_others_are(self):
        self.pull("free", "conditions")
        shown = self.machine.run("show", "--license", "free")
        self.assertEqual((shown.returncode, shown.out.splitlines()[0]), (0, "free"), shown.err)
        for command in (["lock", "--prune"], ["rm", "-n", "--all"], ["verify", "--store", "llama-cpp"], ["plan", "--all"]):
            result = self.machine.run(*command, "--license", "free")
            self.assertEqual((result.returncode, "leave out one of them" in result.err), (2, True), (command, result.err))
        self.assertIn("(--license free)", self.machine.run("rm", "-n", "--license", "free").out)

    def test_a_policy_refuses_what_does_not_fit(self):
        for policy, fits in FITS.items():
            result = self.pull("--license-policy", policy, "--json", code=11)
            document = json.loads(result.out)
            expected = {name for name, (_, said) in CLASSES.items() if said in fits}
            self.assertEqual({model["id"] for model in self.machine.registry()["models"]}, expected)
            self.assertEqual({error["model"] for error in document["errors"]}, {*CLASSES, "gate"} - expected)
            self.assertEqual({error["code"] for error in document["errors"]}, {"policy"})
        for name in ("research", "trial", "silent", "gate"):
            self.assertEqual(self.hub.asked(f"/files/{name}.gguf"), [], "asked for, though it is refused")

    def test_it_says_why_and_what_helps(self):
        refused = self.machine.run("pull", "-y", "research", "--license-policy", "commercial")
        self.assertEqual(refused.returncode, 11)
        self.assertIn("research: its licence (CC-BY-NC-4.0) is non-commercial, and the licence policy is commercial", refused.err)
        self.assertIn("silent: what its licence allows is not known", self.machine.run("plan", "silent", "--license-policy", "free").err)
        self.pull("--license", "free,free-with-conditions", "--license-policy", "commercial")
        self.assertEqual({model["id"] for model in self.machine.registry()["models"]}, {"free", "conditions"})
        self.assertEqual(self.machine.run("pull", "free", "--license-policy", "best").returncode, 2)
        self.assertEqual(self.machine.run("pull", "free", "--via-server", "--license-policy", "free").returncode, 2)

    def test_of_a_source_spelled_out_nothing_is_known(self):
        refused = self.machine.run("pull", "-y", "hf:org/one/one.gguf", "--license-policy", "commercial")
        self.assertEqual(refused.returncode, 11, refused.err)
        self.assertIn("is not known", refused.err)

    def test_a_class_needs_its_source(self):
        path = self.machine.manifest([{**self.machine.simple("a.gguf", gguf("a", 2_000)), "license_class": "free"}])
        result = self.machine.run("manifest", "check", path)
        self.assertEqual(result.returncode, 2)
        self.assertIn('$.models[0].license_class: needs a "license_source"', result.err)


class ShippedTest(Case):
    def test_every_profile_by_both_policies(self):
        for profile in os.listdir(os.path.join(SOURCE, "manifests")):
            classes = {}
            for path in glob.glob(os.path.join(SOURCE, "manifests", profile, "phase-*.json")):
                with open(path) as file:
                    classes.update({model["id"]: model["license_class"] for model in json.load(file)["models"]})
            for policy, fits in FITS.items() if classes else ():
                result = self.machine.run("--profile", profile, "plan", "--offline", "--reserve", "0", "--license-policy", policy, "--json")
                errors = [error for error in json.loads(result.out)["errors"] if "licence policy" in error["message"]]
                self.assertEqual({error["model"] for error in errors}, {name for name, said in classes.items() if said not in fits}, profile)


if __name__ == "__main__":
    unittest.main(verbosity=2)
