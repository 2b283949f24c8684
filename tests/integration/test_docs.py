"""The documentation says what the program does: its commands are run, its tables compared with the sources."""
import glob
import json
import os
import re
import subprocess
import unittest

from harness import BINARY, SOURCE, Case, gguf

PAGES = ["README.md"] + sorted(os.path.relpath(page, SOURCE) for page in glob.glob(os.path.join(SOURCE, "docs", "*.md")))


def page_text(page):
    with open(os.path.join(SOURCE, page), encoding="utf-8") as file:
        return file.read()


def blocks(page, *kinds):
    return [text for kind, text in re.findall(r"(?ms)^```([^\n]*)\n(.*?)^```$", page_text(page)) if kind in kinds]


def table(text, head):
    """The first cells of the table that begins with this head."""
    rows = re.search(rf"(?m)^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text).group(1)
    return [row.split(" | ")[0] for row in rows.splitlines()]


class TableTest(Case):
    def help_terms(self, topic):
        return re.findall(r"(?m)^  (\S.*?)(?:  .*)?$", self.machine.run("help", topic).out)

    def test_configuration_keys(self):
        """The schema, which a unit test holds against the reader, is what the others are compared with."""
        with open(os.path.join(SOURCE, "manifests/schema/config.schema.json")) as file:
            properties = json.load(file)["properties"]
        keys = list(properties)[1:]
        self.assertEqual(list(properties)[0], "$schema")
        text = page_text("docs/configuration.md")
        self.assertEqual([cell.strip("|` ") for cell in table(text, "key")], keys)
        self.assertEqual(self.help_terms("configuration"), keys)
        readme = page_text("README.md")
        for key in keys:
            self.assertIn(f"`{key}`", readme)
        for service in list(properties["endpoints"]["properties"])[1:]:
            self.assertRegex(text, rf"`endpoints` .*`{service}`")

    def read_variables(self):
        """Names in the sources of whatever looks into the environment, and in the layouts."""
        names = set()
        for path in glob.glob(os.path.join(SOURCE, "src/*/*.c")) + glob.glob(os.path.join(SOURCE, "cmd/**/*.c"), recursive=True):
            text = page_text(path)
            if re.search(r"\bgetenv|config_env|config_xdg|store_variable|\benviron\b", text):
                names |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]*)*|[a-z]+_proxy)"', text))
            for row in re.findall(r'_variables\[\] = \{[^}]*\}|_variable = "[^"]*"', text):  # of a source's settings
                names |= set(re.findall(r'"([^"]+)"', row))
        for path in glob.glob(os.path.join(SOURCE, "manifests/layouts/*.json")):
            names |= set(re.findall(r'"env": "([^"]+)"', page_text(path)))
        return {"NCMODEL_STORE_<STORE>" if name == "NCMODEL_STORE_" else name for name in names if len(name) < 36}

    def test_environment_variables(self):
        read = self.read_variables()
        self.assertIn("HF_TOKEN", read)
        told = {name for term in self.help_terms("environment") for name in term.split(", ")}
        self.assertEqual(sorted(told), sorted(read))
        documented = {name for cell in table(page_text("docs/configuration.md"), "variable")
                      for name in re.findall(r"`([^`]+)`", cell)}
        self.assertEqual(sorted(documented), sorted(read))

    def test_exit_codes(self):
        codes = {code for term in self.help_terms("exit-codes") for code in term.split(", ")}
        chapters = re.findall(r"(?m)^\*\*([\d, ]+) – ", page_text("docs/troubleshooting.md"))
        self.assertEqual({code for chapter in chapters for code in chapter.split(", ")}, codes - {"0"})

    def test_links_lead_somewhere(self):
        deploy = [os.path.relpath(page, SOURCE) for page in glob.glob(os.path.join(SOURCE, "deploy/**/README.md"), recursive=True)]
        self.assertEqual(len(deploy), 2)
        for page in PAGES + deploy + ["ARCHITECTURE.md", "CONTRIBUTING.md"]:
            for target in re.findall(r"\]\(([^)#]+)", page_text(page)):
                path = os.path.join(SOURCE, os.path.dirname(page), target)
                self.assertTrue(os.path.exists(path), f"{page}: {target}")
        for page in PAGES[1:]:
            self.assertIn(f"({page})", page_text("README.md"))

    def test_commands_are_spelled_right(self):
        """Every command line, also those that are not run: the parser takes its options."""
        seen = 0
        for page in PAGES:
            lines = [line for text in blocks(page, "", "sh", "sh skip") for line in text.splitlines()]
            lines += re.findall(r"`(ncmodel [^`]+)`", page_text(page))
            for line in lines:
                line = re.sub(r"^sudo (-\S+ )*(?:ollama |models )?(-H )?", "", line.split("  #")[0].strip())
                if not line.startswith("ncmodel ") or "|" in line or "…" in line or " · " in line:
                    continue
                words = re.split(r"  +", line)[0].split(">")[0].split()[1:]
                words = [word.strip("'\"") for word in words if not word.startswith("[")]
                if words and words[0] != "help":
                    result = self.machine.run(*words, "--help")
                    self.assertEqual(result.returncode, 0, f"{page}: {line}\n{result.err}")
                    seen += 1
        self.assertGreater(seen, 60)


class PageTest(Case):
    """The shell blocks of a page, one after the other, in a fresh home folder with a profile `noa` of three small models."""

    def setUp(self):
        super().setUp()
        m = self.machine
        m.manifests = os.path.join(m.home, ".config/ncmodel/manifests")
        self.bin = os.path.join(m.home, "bin")
        os.makedirs(self.bin)
        os.symlink(BINARY, os.path.join(self.bin, "ncmodel"))
        self.hub.ollama("library/llama3.2", [("model", gguf("ollama", 70_000))], tag="3b")
        self.hub.ollama("library/tiny", [("model", gguf("tiny", 50_000))])
        checkpoint = m.simple("checkpoint.gguf", gguf("c", 60_000))
        checkpoint["files"][0]["to"] = [{"store": "a1111", "folder": "checkpoints"}]
        m.manifest([{**m.simple("llama.gguf", gguf("a", 80_000)), "id": "llama-3.2-3b"}, checkpoint,
                    {"id": "tiny", "files": [{"from": ["ollama:tiny"], "to": [{"store": "ollama"}]}]}], profile="noa")

    def run_page(self, page, prepare=""):
        m = self.machine
        env = {key: value for key, value in m.env.items() if key not in ("NCMODEL_ROOT", "NCMODEL_PROFILE", "NCMODEL_MANIFEST_DIR")}
        env["PATH"] = self.bin + ":" + env["PATH"]
        work = os.path.join(m.home, "work")
        os.makedirs(work)
        script = "set -ex\n" + prepare + "\n".join(blocks(page, "sh"))
        result = subprocess.run(["bash", "-c", script], env=env, cwd=work, stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=300)
        self.assertEqual(result.returncode, 0, f"{page}:\n{result.stdout}\n{result.stderr}")
        return result

    def test_first_machine(self):
        self.run_page("docs/first-machine.md")

    def test_ci(self):
        self.run_page("docs/ci.md")
        with open(os.path.join(self.machine.home, "work/ncmodel.lock")) as lock:
            self.assertNotIn(self.machine.home, lock.read())  # "no paths of your machine"
        with open(os.path.join(self.machine.home, "work/pulled.json")) as document:
            self.assertTrue(json.load(document)["ok"])

    def test_services(self):
        self.run_page("docs/services.md", "mkdir -p ~/ComfyUI\nncmodel pull --phase 1\n")

    def test_moving(self):
        result = self.run_page("docs/moving.md", "ncmodel pull --phase 1\n")
        self.assertEqual(result.stdout.count("3 of 3 models ok"), 5, result.stdout)
        self.assertEqual(len(re.findall(r"(?m)^Moved [1-9]\d* files?", result.stdout)), 4, result.stdout)

    def test_fleet(self):
        self.run_page("docs/fleet.md")

    def test_troubleshooting(self):
        self.run_page("docs/troubleshooting.md", "ncmodel pull --phase 1\n")

    def test_configuration(self):
        self.run_page("docs/configuration.md")
        for page in ("docs/configuration.md", "docs/first-machine.md"):
            for text in blocks(page, "json"):
                path = os.path.join(self.machine.home, "config.json")
                with open(path, "w") as out:
                    out.write(text)
                result = self.machine.run("--config", path, "profiles")
                self.assertEqual(result.returncode, 0, result.err)


if __name__ == "__main__":
    unittest.main()
