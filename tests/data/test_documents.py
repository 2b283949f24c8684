#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shipped manifests against the documents that they are made from: each table, cell by cell.

tests/data/documents has the documents' tables, lists and commands, word for word. Where a manifest says something else
than its document, a note of the model has to name what the document says; a name that a document uses has to find its
model. What is not in a table of a document (a score, stars, words) a manifest does not say in its name.
"""
import glob
import json
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MANIFESTS = os.path.join(HERE, "..", "..", "manifests")
PROFILES = ("nc-dev-rtx4090", "nebula-rtx3060", "nexus", "noa", "vector-weight")
STARS = ("code", "reasoning", "vision", "agents", "speed")


def plain(cell):
    """A cell without what only decorates it."""
    return re.sub(r"[*`✅]", "", cell).strip()


def words(text):
    """As selectors compare words: letters and digits, in any case."""
    return re.sub(r"[^a-z0-9]", "", text.casefold())


class Document:
    def __init__(self, profile):
        with open(os.path.join(HERE, "documents", profile + ".md"), encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.text = "\n".join(self.lines)

    def tables(self):
        """Each as a list of rows, {column: cell}."""
        at = 0
        while at < len(self.lines):
            rows = []
            while at < len(self.lines) and self.lines[at].startswith("|"):
                rows.append([plain(cell) for cell in self.lines[at].strip("|").split("|")])
                at += 1
            if rows:
                yield [dict(zip(rows[0], row)) for row in rows[2:]]
            at += 1

    def table(self, *columns):
        """The rows of all tables that have these columns."""
        found = [row for table in self.tables() for row in table if all(column in row for column in columns)]
        assert found, columns
        return found

    def section(self, heading):
        """The text below a heading, up to the next one."""
        return re.split(r"\n##+ ", self.text.split(heading, 1)[1])[0]

    def commands(self, command):
        """What follows a command, each once, in order."""
        return list(dict.fromkeys(re.findall(rf"^ *(?:\S*\\)?{command} ([^\s#]+)", self.text, re.MULTILINE)))

    def names(self):
        """What it calls models: the cells of its tables that name one, and its commands."""
        found = [row[column] for table in self.tables() for row in table for column in ("Model", "Workflow", "Local Model") if column in row]
        for command in ("ollama pull", "ollama run", r"download-all-models\.ps1 -ModelName"):
            found += self.commands(command)
        return [name for name in dict.fromkeys(found) if name != "—" and not name.startswith("Mixed")]


class Profile:
    def __init__(self, name):
        self.name = name
        self.phases = {}
        self.models = []
        self.rules = []
        for path in sorted(glob.glob(os.path.join(MANIFESTS, name, "phase-*.json"))):
            with open(path, encoding="utf-8") as file:
                manifest = json.load(file)
            self.phases[manifest["phase"]] = [model["id"] for model in manifest["models"]]
            self.models += manifest["models"]
            self.rules += manifest.get("rules", [])

    def find(self, name):
        """The model of that id, name or alias, as the tool finds it; None if none or several have it."""
        key = name.casefold()
        found = [m for m in self.models if key == m["id"]]
        found = found or [m for m in self.models if key in [n.casefold() for n in (m["name"], *m.get("aliases", []))]]
        return found[0] if len(found) == 1 else None

    def tagged(self, tag):
        return {model["id"] for model in self.models if tag in model.get("tags", [])}

    def of_use_case(self, word):
        return {model["id"] for model in self.models if word in model["use_cases"]}


def vram(said):
    """What `vram_gb` has to be: 2.5, {"min": 3, "max": 6}, or {"min": 10} of "10GB+" and "10GB minimum"."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", said)]
    if len(numbers) == 2:
        return {"min": numbers[0], "max": numbers[1]}
    return {"min": numbers[0]} if "+" in said or "minimum" in said else numbers[0]


def count(text):
    """Millions of parameters."""
    match = re.match(r"([\d.]+)([BM])", text)
    return float(match[1]) * (1000 if match[2] == "B" else 1)


def stated(model):
    """(bytes, whether they are exact) of the default files."""
    size, exact = 0, True
    for spec in model["files"]:
        layers = sum(layer["size"] for layer in spec.get("layers", []))
        size += spec.get("size") or layers or spec["expected_size"]
        exact = exact and "expected_size" not in spec
    return size, exact


def is_rounded(said, size):
    """Whether "1.8 GB" is a rounding of that many bytes, in GB or in GiB."""
    number, unit = re.match(r"([\d.]+) ?([GM]B)", said).groups()
    half = 0.5 * 10 ** -len(number.partition(".")[2]) if unit == "GB" else 10
    units = (1e9, 2**30) if unit == "GB" else (1e6, 2**20)
    return any(abs(size / one - float(number)) <= half + 1e-9 for one in units)


class DocumentsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.profiles = {name: Profile(name) for name in PROFILES}
        cls.documents = {name: Document(name) for name in PROFILES}

    def model(self, profile, name):
        model = self.profiles[profile].find(name)
        self.assertIsNotNone(model, f"{profile}: {name} finds no model")
        return model

    def check(self, model, what, same, said):
        """A difference needs a note that names what the document says."""
        if same:
            return
        noted = any(said.casefold().replace(" ", "") in note.casefold().replace(" ", "") for note in model.get("notes", []))
        self.assertTrue(noted, f"{model['id']}: {what}: the document says {said}, and no note names it")

    def check_cells(self, model, row, columns):
        """Cells that a manifest has as they stand."""
        for column, key in columns.items():
            if column in row:
                with self.subTest(f"{model['id']}: {column}"):
                    self.check(model, column, model.get(key) == row[column], row[column])

    def check_vram(self, model, said):
        self.check(model, "VRAM", model.get("vram_gb") == vram(said), said)


class NebulaTest(DocumentsTest):
    NAME = "nebula-rtx3060"
    CELLS = {"Speed": "speed", "Accuracy": "accuracy", "Resolution": "resolution", "Duration": "duration", "Use Case": "purpose"}

    def rows(self, *columns):
        for row in self.documents[self.NAME].table(*columns):
            yield self.model(self.NAME, row.get("Model") or row["Workflow"]), row

    def test_chat_and_code(self):
        for model, row in self.rows("Model", "Params", "Quantization"):
            with self.subTest(row["Model"]):
                # "7B" is what models of 7 to 7.7 billion are called.
                self.check(model, "Params", abs(count(model["parameters"]) - count(row["Params"])) < 700, row["Params"])
                self.check(model, "Quantization", model["quantization"] == row["Quantization"], row["Quantization"])
                self.check_vram(model, row["VRAM"])
                self.check_cells(model, row, self.CELLS)

    def test_another_quantization_is_a_variant(self):
        for model, row in self.rows("Model", "Params", "Quantization"):
            builds = [v["quantization"] for v in model.get("variants", []) if v["files"][0]["from"][0].startswith("ollama:")]
            self.assertTrue(row["Quantization"] in (model["quantization"], *builds), f"{model['id']}: no {row['Quantization']} for Ollama")

    def test_embeddings(self):
        for model, row in self.rows("Model", "Dimensions"):
            self.assertEqual(str(model["dimensions"]), row["Dimensions"])
            self.check_vram(model, row["VRAM"])
            self.check_cells(model, row, self.CELLS)

    def test_images_videos_and_speech(self):
        for columns in (("Model", "Resolution"), ("Workflow", "Duration"), ("Model", "Accuracy")):
            for model, row in self.rows(*columns):
                with self.subTest(model["id"]):
                    self.check_vram(model, row["VRAM"])
                    self.check_cells(model, row, self.CELLS)
                    if "Size" in row:
                        self.assertEqual(model["parameters"], row["Size"])

    def test_capabilities_have_their_models(self):
        profile, document = self.profiles[self.NAME], self.documents[self.NAME]
        chat = {self.model(self.NAME, row["Model"])["id"] for row in document.table("Model", "Params", "Speed")}
        code = {self.model(self.NAME, row["Model"])["id"] for row in document.table("Model", "Params") if "Speed" not in row}
        self.assertEqual((len(chat), len(code)), (5, 4))
        self.assertEqual(profile.tagged("Chat"), chat)
        self.assertEqual(profile.of_use_case("CodeGeneration"), code)
        self.assertNotIn("Reasoning", profile.find("deepseek-coder-v2:16b")["use_cases"])
        self.assertEqual(profile.find("llama3.1:8b")["use_cases"], ["General"])

    def test_required_custom_nodes_come_first(self):
        nodes = re.findall(r"^- (ComfyUI-\S+)", self.documents[self.NAME].section("### Required Custom Nodes"), re.MULTILINE)
        self.assertEqual(len(nodes), 3)
        for node in nodes:
            self.assertIn(self.model(self.NAME, node)["id"], self.profiles[self.NAME].phases[1])

    def test_the_checklist_is_the_first_phase(self):
        first = re.search(r"Pull core Ollama models: (.*)", self.documents[self.NAME].text)[1]
        for name in (*re.findall(r"`(.*?)`", first), "DreamShaper 8", "AnimateDiff"):
            self.assertIn(self.model(self.NAME, name)["id"], self.profiles[self.NAME].phases[1])

    def test_tasks(self):
        for row in self.documents[self.NAME].table("Task", "Command"):
            model = self.model(self.NAME, row["Model"])
            self.check_vram(model, row["VRAM"])
            said = [words(word) for word in (*model["use_cases"], *model.get("tags", []))]
            self.assertIn(words(row["Task"]), said, f"--usecase \"{row['Task']}\" does not find {model['id']}")

    def test_training(self):
        model = self.model(self.NAME, "llama-3.1-8b-lora-base")
        rows = {row["Component"]: row["Requirement"] for row in self.documents[self.NAME].table("Component")}
        self.check_vram(model, rows["VRAM"])
        self.assertEqual(model["purpose"], rows["Base Model"])


class NoaTest(DocumentsTest):
    NAME = "noa"

    def test_the_plan(self):
        priorities = {"HIGH": 1, "MEDIUM": 2, "LOW": 3}
        for row in self.documents[self.NAME].table("Priority", "Performance"):
            model = self.model(self.NAME, row["Model"])
            with self.subTest(model["id"]):
                self.assertIn(model["id"], self.profiles[self.NAME].phases[priorities[row["Priority"]]])
                self.assertEqual(model["performance_score"], float(row["Performance"].split()[0]))
                self.assertEqual(model["purpose"], row["Use Case"])
                self.check(model, "Size", is_rounded(row["Size"], stated(model)[0]), row["Size"])

    def test_what_is_installed_already(self):
        name, size, purpose = re.search(r"^- (.*) \((.*?)\) - (.*)$", self.documents[self.NAME].text, re.MULTILINE).groups()
        model = self.model(self.NAME, name)
        self.assertTrue(is_rounded(size, stated(model)[0]))
        self.assertEqual(model["purpose"], purpose)

    def test_a_size_that_nobody_published_has_its_source(self):
        for model in self.profiles[self.NAME].models:
            for spec in model["files"]:
                self.assertIn("size" if "size" in spec else "expected_size_source", spec, model["id"])

    def test_the_matrix(self):
        rated = {}
        for row in self.documents[self.NAME].table("Code", "Agents"):
            model = self.model(self.NAME, row["Model"])
            rated[model["id"]] = {star: row[star.capitalize()].count("⭐") for star in STARS}
            self.check(model, "Size", is_rounded(row["Size"], stated(model)[0]), row["Size"])
        self.assertEqual({m["id"]: m["stars"] for m in self.profiles[self.NAME].models if "stars" in m}, rated)

    def test_the_counts(self):
        for word, number in re.findall(r"^  - (\w+): (\d+) model", self.documents[self.NAME].text, re.MULTILINE):
            self.assertEqual(len(self.profiles[self.NAME].of_use_case(word)), int(number), word)


class NcDevTest(DocumentsTest):
    NAME = "nc-dev-rtx4090"

    def pulls(self, heading):
        """(name, VRAM, use) of each command there."""
        text = self.documents[self.NAME].section(heading)
        return re.findall(r"^ollama pull (\S+)\n# Size: (\S+ ?\S*).*\n# Use: (.*)$", text, re.MULTILINE)

    def check_pulls(self, heading, phase, number):
        found = self.pulls(heading)
        self.assertEqual(len(found), number)
        for name, size, use in found:
            model = self.model(self.NAME, name)
            with self.subTest(name):
                self.assertIn(model["id"], self.profiles[self.NAME].phases[phase])
                self.check_vram(model, size)
                self.assertEqual(model["purpose"], use)

    def test_required_and_optional(self):
        self.check_pulls("### Required Models (Download First)", 1, 5)
        self.check_pulls("### Optional Models (Pull When Needed)", 3, 4)

    def test_what_the_script_leaves_out(self):
        script = self.documents[self.NAME].section("## Setup Script")
        for name, _, _ in self.pulls("### Required Models (Download First)"):
            self.check(self.model(self.NAME, name), "script", f"ollama pull {name}" in script, "script")

    def test_all_are_of_one_quantization(self):
        said = re.search(r"All 24GB recommendations use (\S+) quantization", self.documents[self.NAME].text)[1]
        for model in self.profiles[self.NAME].models:
            self.check(model, "Quantization", model["quantization"] == said, said)
            builds = [v["quantization"] for v in model.get("variants", []) if v["files"][0]["from"][0].startswith("ollama:")]
            self.assertIn(said, (model["quantization"], *builds), model["id"])

    def test_the_larger_build_of_the_32b(self):
        said = re.search(r"Q5_K_M for the 32B model uses ~(\d+)GB \(barely fits, no room for second model\)", self.documents[self.NAME].text)[1]
        variants = {v["name"]: v for v in self.model(self.NAME, "qwen2.5-coder:32b")["variants"]}
        for word in (said + " GB", "barely fits", "no room for a second model"):
            self.assertIn(word, variants["q5_k_m"]["description"])

    def test_local_tasks_and_stages(self):
        for row in self.documents[self.NAME].table("Task", "Local Model"):
            if row["Local Model"] != "—":
                self.model(self.NAME, row["Local Model"])
        for row in self.documents[self.NAME].table("Phase", "Models Loaded"):
            for name in re.sub(r"\(.*?\)", "", row["Models Loaded"]).split(" + "):
                if name.strip() != "None":
                    self.model(self.NAME, name.strip())


class NexusTest(DocumentsTest):
    NAME = "nexus"

    def test_recommended_models(self):
        found = re.findall(r"^\d\. \*\*(.*?)\*\*([^:\n]*)\n((?: +- .*\n)+)", self.documents[self.NAME].section("### Via Ollama:"), re.MULTILINE)
        self.assertEqual([name for name, _, _ in found], ["Qwen2.5-Coder", "Llama 3.1", "Mistral 7B", "CodeLlama"])
        for name, _, lines in found:
            self.assertIn(self.model(self.NAME, name)["purpose"], lines)

    def test_the_overseer(self):
        self.assertEqual(self.model(self.NAME, "Llama 3.1")["use_cases"], ["Reasoning", "Documentation", "AgentTask", "General"])

    def test_larger_ones(self):
        self.assertIn("(8B or larger)", self.documents[self.NAME].text)
        self.assertIn("Multiple sizes available", self.documents[self.NAME].text)
        self.assertEqual({m["id"] for m in self.profiles[self.NAME].models if m["id"].startswith(("llama-3.1", "codellama"))},
                         {"llama-3.1-8b", "llama-3.1-70b", "codellama-7b", "codellama-13b", "codellama-34b", "codellama-70b"})


class VectorWeightTest(DocumentsTest):
    NAME = "vector-weight"
    MIXED = "Mixed 7B+13B"

    def rows(self):
        return [row for row in self.documents[self.NAME].table("Typical Size", "Notes") if row["Model"] != self.MIXED]

    def test_the_matrix(self):
        for row in self.rows():
            model = self.model(self.NAME, row["Model"])
            with self.subTest(model["id"]):
                self.check(model, "Size", abs(count(model["parameters"]) - count(row["Typical Size"])) < 700, row["Typical Size"])
                self.check(model, "Quantization", model["quantization"].casefold() == row["Quantization"], row["Quantization"])
                self.check_vram(model, row["Approx VRAM (q4)"])
                self.assertEqual(model["purpose"], row["Use case"])

    def test_the_mixed_row_is_a_set(self):
        sizes = {self.model(self.NAME, row["Model"])["id"] for row in self.rows() if row["Typical Size"] in ("7B", "13B")}
        self.assertEqual(self.profiles[self.NAME].tagged("Mixed"), sizes)

    def test_all_free_is_a_tag(self):
        said = re.search(r"'all-free' pulling \(I used (.*?) by default\)", self.documents[self.NAME].text)[1]
        free = self.profiles[self.NAME].tagged("AllFree")
        for name in said.split(" + "):
            self.assertEqual(len([model for model in free if model.startswith(name)]), 1, name)
        self.assertEqual(len(free), 3)

    def test_a_larger_model(self):
        self.assertIn("a larger 30B model if VRAM is sufficient", self.documents[self.NAME].text)
        larger = [m for m in self.profiles[self.NAME].models if 29_000 < count(m["parameters"]) < 31_000]
        self.assertEqual([m["purpose"] for m in larger], ["a larger 30B model if VRAM is sufficient"])
        self.assertIn(larger[0]["id"], self.profiles[self.NAME].phases[3])

    def test_candidates(self):
        for name in re.findall(r"^- (.*?) — ", self.documents[self.NAME].section("Key candidate models"), re.MULTILINE):
            self.model(self.NAME, re.sub(r" \(7B\)$", "", name))


class AllTest(DocumentsTest):
    def test_names_find_their_models(self):
        found = {profile: [self.model(profile, name)["id"] for name in document.names()] for profile, document in self.documents.items()}
        self.assertGreater(sum(len(names) for names in found.values()), 60)

    def test_names_that_never_were_are_noted(self):
        """A name that looks like Ollama's, and that no source of its model has."""
        for profile, document in self.documents.items():
            for name in re.findall(r"(?<![\w./-])[a-z][\w.-]*:[\w.-]+(?![\w/])", document.text):
                model = self.profiles[profile].find(name)
                if model is None:
                    continue
                specs = [*model["files"], *(spec for variant in model.get("variants", []) for spec in variant["files"])]
                served = any(f"ollama:{name}" in spec["from"] for spec in specs)
                self.check(model, "name", served, name)

    def test_a_document_says_what_is_told_in_its_name(self):
        for name, profile in self.profiles.items():
            for model in profile.models:
                for key in ("purpose", "speed", "accuracy", "resolution", "duration"):
                    if key in model:
                        self.assertIn(model[key], plain(self.documents[name].text), f"{name}: {model['id']}: {key}")

    def test_no_score_that_no_document_gives(self):
        """NOA's plan alone has scores; what is not in it says whose it is."""
        for name, profile in self.profiles.items():
            for model in profile.models:
                if name != "noa":
                    self.assertFalse({"performance_score", "cost_score", "stars"} & set(model), f"{name}: {model['id']}")
                else:
                    self.assertIn("cost_score_source", model)
        given = {self.model("noa", row["Model"])["id"] for row in self.documents["noa"].table("Priority", "Performance")}
        others = {model["id"] for model in self.profiles["noa"].models if "performance_score_source" in model}
        self.assertEqual(others, {model["id"] for model in self.profiles["noa"].models} - given)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
