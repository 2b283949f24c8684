"""`ncmodel manifest import` of other tools' lists: what each form gives, what is refused, and that no token comes through."""
import json
import os
import re
import shlex
import time
import unittest

from harness import Case, safetensors
from lists_corpus import CORPUS, KEY, TOKEN


def places(model):
    for target in model["files"][0]["to"]:
        yield "/".join(target[key] for key in ("store", "folder", "name") if key in target)


# A sanitizer that checks strings strictly reads a text to its end for each look at it: a square of its own making.
HASTY = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":strict_string_checks=0"}


class ListCase(Case):
    def write(self, text, name="list.txt"):
        return super().write(os.path.join(self.machine.home, name), text.encode())

    def take(self, path, *arguments, code=0):
        result = self.machine.run("manifest", "import", path, *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        self.check_secrets(result.out + result.err)
        return result

    def check_secrets(self, text):
        for secret in (TOKEN, TOKEN[3:], KEY):
            self.assertNotIn(secret, text)


class CorpusTest(ListCase):
    def judge(self, row):
        path = self.write(row.text, "models.json" if row.suffix == "models.json" else "list." + row.suffix)
        result = self.take(path, *row.arguments, code=2 if row.left_out else 0)
        manifest = json.loads(result.out)
        if row.models is not None:
            self.assertEqual([(m["files"][0]["from"][0], *places(m)) for m in manifest["models"]], row.models)
        for uri, digest in row.pins.items():
            self.assertIn((uri, digest), [(m["files"][0]["from"][0], m["files"][0].get("sha256")) for m in manifest["models"]])
        for word in row.left_out:
            self.assertRegex(result.err, rf"left out.*{word}|{word}.*left out")
        self.assertEqual(result.err.count("left out"), len(row.left_out), result.err)
        for word in row.told:
            self.assertIn(word, result.err)
        if not row.told and not row.left_out:
            self.assertEqual(result.err, "")
        checked = self.machine.run("manifest", "check", self.write(result.out, "taken.json"))
        self.assertEqual(checked.returncode, 0, checked.err)
        self.take(path, *row.arguments, "--json", code=2 if row.left_out else 0)

    def test_corpus(self):
        self.assertGreaterEqual(len(CORPUS), 25)
        for row in CORPUS:
            with self.subTest(row.name):
                self.judge(row)

    def test_tokens_are_in_the_corpus(self):
        self.assertTrue(any(TOKEN in row.text for row in CORPUS) and any(KEY in row.text for row in CORPUS))


class RefusalTest(ListCase):
    def refuse(self, text, *words):
        result = self.take(self.write(text), code=2)
        self.assertEqual(result.out, "")
        for word in words:
            self.assertIn(word, result.err)

    def test_what_is_no_list_is_refused_with_what_was_looked_for(self):
        looked_for = ("no list that ncmodel knows", "ollama list", "comfy-lock.yaml", "wget", "a ComfyUI workflow")
        self.refuse("Dear all,\nplease get the models that we spoke of.\n", *looked_for)
        self.refuse('{"some": "other JSON"}', "JSON, of another kind", *looked_for)
        self.refuse("<html><body>Sign in</body></html>\n", *looked_for)
        self.refuse("llama3\nphi4\ntwo words\n", *looked_for)

    def test_bare_words_are_asked_about(self):
        path = self.write("apples\npears\n")
        result = self.take(path, code=2)
        self.assertIn("bare words", result.err)
        self.assertIn("apples", result.err)
        self.assertIn("-y", result.err)
        self.assertEqual(result.out, "")
        self.assertEqual(len(json.loads(self.take(path, "-y").out)["models"]), 2)
        self.assertEqual(len(json.loads(self.take(path, "--format", "ollama").out)["models"]), 2)

    def test_the_words_are_shown_in_the_question(self):
        path, mine = self.write("apples\npears\n"), os.path.join(self.machine.manifests, "mine")
        text, code = self.answer(b"n\n", "manifest", "import", path, "--as-profile", "mine")
        self.assertEqual(code, 0, text)
        self.assertIn("apples:latest, pears:latest?", text)
        self.assertFalse(os.path.exists(mine))
        text, code = self.answer(b"y\n", "manifest", "import", path, "--as-profile", "mine")
        self.assertEqual(code, 0, text)
        self.assertTrue(os.path.exists(mine))

    def test_scripts_are_not_run(self):
        proof = os.path.join(self.machine.home, "proof")
        self.take(self.write(f"#!/bin/bash\ntouch {proof}\nX=$(touch {proof})\n`touch {proof}`\nollama pull x:1b\n"))
        self.assertFalse(os.path.exists(proof))

    def test_hostile_scripts_end(self):
        start = time.monotonic()
        deep = "".join(f"f{i}() {{ f{i + 1} \"$@\" \"$@\"; f{i + 1} \"$@\" \"$@\"; }}\n" for i in range(40))
        loops = "A=(" + " ".join(map(str, range(3000))) + ")\n" + 'for a in "${A[@]}"; do\n' * 12 + "wget $a\n" + "done\n" * 12
        grow = 'X=aaaaaaaaaaaaaaaa\n' + 'X="$X$X"\n' * 200 + 'for i in 1 2 3; do wget "$X"; done\n'
        cuts = "X=" + "a" * 2000 + "\n" + 'Y="${X##*b*b*b*b*b}"\n' * 500 + "wget $Y\n"
        for text in (deep + "f0 https://h/x.gguf\n", "f() { f; f; }\nwget -V\nf\n", loops, grow, cuts,
                     "wget " + "$(" * 50_000, "wget " + '"' * 99_999, "wget <<EOF\n" * 5000, "for " * 20_000 + "wget",
                     "A=(" * 9000 + "https://h/x.gguf", "wget ${" * 20_000, "wget " + "\\" * 100_001,
                     "for a in b; do\n" * 60_000 + "wget https://h/x.gguf\n" + "done\n" * 60_000, 'x="' + "${}" * 1_000_000 + '"',
                     "#lora\n" + "some words\n" * 300_000 + "https://h/x.safetensors\n"):
            self.machine.run("manifest", "import", self.write(text), env=HASTY)
        self.assertLess(time.monotonic() - start, 60)

    def test_the_work_for_a_script_does_not_grow_with_its_square(self):
        many = " ".join(f"x{i}" for i in range(5_000))
        start = time.monotonic()
        for text in ("for a in x\ndo\n" * 20_000, "f()\n" * 60_000, "A=" + "${a}" * 200_000,
                     "cat <<" + "E" * 1_000_000 + "\n" * 2_000_000,
                     f"for i in {many}\ndo\nfor j in {many}\ndo\ncat <<E\n" + "abcdefgh\n" * 100_000 + "E\ndone\ndone\n",
                     f"for i in {many}\ndo\necho " + "a" * 1_000_000 + "\ndone\n",
                     f"for i in {many}\ndo\necho " + "a " * 500_000 + "\ndone\n",
                     f"A=({many})\n" + "".join(f"local -n a{i}=A\n" for i in range(20_000)),
                     "A=" + "a" * 2000 + "\nB=${A##*" + "[a" * 100_000 + "}\n"):
            self.machine.run("manifest", "import", self.write("#!/bin/sh\n" + text), env=HASTY)
        self.assertLess(time.monotonic() - start, 100)

    def test_files_of_one_name_in_two_repositories_are_two(self):
        result = self.take(self.write("hf download a/b model.safetensors\nhf download c/d model.safetensors\n"))
        self.assertEqual([m["files"][0]["from"] for m in json.loads(result.out)["models"]],
                         [["hf:a/b/model.safetensors"], ["hf:c/d/model.safetensors"]])
        self.assertEqual(result.err, "")


class NextTest(ListCase):
    def test_what_is_next_can_be_pasted(self):
        """Also where a path has blanks, quotes and brackets."""
        self.hub.hf("org/x", {"a.gguf": b"GGUF"})
        written = os.path.join(self.machine.home, "my [list] it's.json")
        told = self.take(self.write("https://huggingface.co/org/x/resolve/main/a.gguf\n"), "-o", written)
        commands = re.findall("`ncmodel ([^`]*)`", told.err)
        self.assertEqual(len(commands), 2, told.err)
        for command in commands:
            result = self.machine.run(*shlex.split(command))
            self.assertEqual(result.returncode, 0, result.err)


class PathsTest(ListCase):
    def test_extra_model_paths(self):
        m = self.machine
        outside = os.path.join(m.home, "big disk")
        os.makedirs(os.path.join(outside, "loras"))
        os.makedirs(os.path.join(outside, "vae"))
        text = f"mine:\n  base_path: {outside}\n  is_default: true\n  loras: loras/\n  vae: |\n    vae\n    more\n"
        os.makedirs(os.path.join(m.root, "ComfyUI_windows_portable", "ComfyUI"))
        self.write(text, os.path.join(m.root, "ComfyUI_windows_portable", "ComfyUI", "extra_model_paths.yaml"))
        data = safetensors("lora", 4000)
        self.hub.hf("org/l", {"l.safetensors": data}, "c" * 40)
        pulled = m.run("pull", "hf:org/l/l.safetensors", "--to", "comfyui/loras", "-y")
        self.assertEqual(pulled.returncode, 0, pulled.err)
        self.assertTrue(os.path.exists(os.path.join(outside, "loras", "l.safetensors")))
        path = self.write(text, "extra_model_paths.yaml")
        result = self.take(path)
        models = json.loads(result.out)["models"]
        self.assertEqual([(x["files"][0]["from"][0], *places(x)) for x in models],
                         [(f"hf:org/l/l.safetensors@{'c' * 40}", "comfyui/loras/l.safetensors")])
        self.assertIn("ncmodel adopt", result.err)
        self.assertIn("/vae", result.err)


if __name__ == "__main__":
    unittest.main()
