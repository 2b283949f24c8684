#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whatever YAML a user has: with our block every other key keeps its value, and --undo gives the first bytes back; or it is refused
and not touched."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
except ImportError:
    print("python3-hypothesis or python3-yaml is not installed (scripts/setup --test)")
    sys.exit(77)

BINARY, SOURCE = os.environ["NCMODEL"], os.environ["NCM_TEST_SOURCE"]

text = st.text(st.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n"), max_size=12) | st.sampled_from(
    ["", "~", "yes", "null", "- a", "# x", "a: b", "models/loras", "a\nb\n", "a\n\n", " b", "# >>> ncmodels", "<<", "'", '"', "|", "---", "..."])
leaf = text | st.booleans() | st.none() | st.integers(-5, 5)
section = st.dictionaries(text, leaf | st.lists(leaf, max_size=3), max_size=4)
document = st.dictionaries(text.filter(lambda key: not key.startswith("ncmodel-")), section | leaf, min_size=1, max_size=4)
style = st.fixed_dictionaries({"default_flow_style": st.sampled_from([False] * 8 + [None, True]), "indent": st.sampled_from([2, 4]),
                               "allow_unicode": st.booleans(), "explicit_start": st.booleans(), "explicit_end": st.sampled_from([False] * 8 + [True]),
                               "default_style": st.sampled_from([None, None, "|", '"']), "line_break": st.sampled_from(["\n", "\r\n"])})


class ConfigureProperty(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory(prefix="ncmodel-configure-")
        cls.comfyui = os.path.join(cls.home.name, "ComfyUI")
        cls.path = os.path.join(cls.comfyui, "extra_model_paths.yaml")
        for folder in ("ComfyUI", "stable-diffusion-webui/models/Lora", "Fooocus/models/vae"):
            os.makedirs(os.path.join(cls.home.name, folder))
        cls.env = {"HOME": cls.home.name, "PATH": os.environ["PATH"], "NCMODEL_DATADIR": os.path.join(SOURCE, "manifests")}
        cls.written = cls.refused = 0

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()
        if cls.written <= cls.refused:
            raise AssertionError(f"{cls.refused} refused, {cls.written} written")

    def configure(self, *arguments):
        result = subprocess.run([BINARY, "link", "--configure", "comfyui", "--json", *arguments], env=self.env, capture_output=True, text=True)
        self.assertIn(result.returncode, (0, 11), result.stderr)
        return json.loads(result.stdout)["data"]["files"][0]["state"]

    def read(self):
        with open(self.path, "rb") as file:
            return file.read()

    @settings(max_examples=int(os.environ.get("NCM_EXAMPLES", "120")), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(document, style, st.sampled_from(["", "# a comment\n", "\ufeff"]), st.sampled_from(["", "\n\n", "# last", "cut"]))
    def test_values_and_bytes_stay(self, value, how, before, behind):
        whole = before + yaml.dump(value, sort_keys=False, **how)
        whole = whole.rstrip("\r\n") if behind == "cut" else whole + behind
        data = whole.encode()
        with open(self.path, "wb") as file:
            file.write(data)
        try:
            users = yaml.safe_load(whole if whole.endswith("\n") else whole + "\n") or {}
        except yaml.YAMLError:
            return
        state = self.configure()
        type(self).written += state == "written"
        type(self).refused += state == "refused"
        if state == "refused":
            self.assertEqual(self.read(), data)
            return
        now = yaml.safe_load(self.read().decode())
        ours = {key: now.pop(key) for key in list(now) if isinstance(key, str) and key.startswith("ncmodel-")}
        self.assertEqual(now, users)
        self.assertEqual(list(now), list(users))
        self.assertEqual({name: (part["base_path"], *sorted(set(part) - {"base_path"})) for name, part in ours.items()}, {
            "ncmodel-a1111": (os.path.join(self.home.name, "stable-diffusion-webui"), "loras"),
            "ncmodel-fooocus": (os.path.join(self.home.name, "Fooocus"), "vae")})
        self.assertEqual(self.configure(), "same")
        self.assertEqual(self.configure("--undo"), "written")
        self.assertEqual(self.read(), data)


if __name__ == "__main__":
    unittest.main()
