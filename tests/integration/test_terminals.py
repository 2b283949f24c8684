"""What a pull and a list show on terminals of 40 to 120 columns, as tmux draws them.

The golden captures lie in terminals/. NCM_GOLDEN=write makes them anew: read them before you commit them.
"""
import os
import re
import shutil
import sys
import tempfile
import unittest

import tmux
from harness import BINARY, Case, gguf, safetensors, sha256

WIDTHS = (40, 60, 80, 120)
MIB = 1 << 20
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "terminals")
SHARDS = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
IDS = ("qwen2.5-72b-instruct", "llama3.2-3b", "llama-3.1-8b-gated", "lost-model-of-a-long-name-q4_k_m")
RATE = re.compile(r" *\d[\d.]* [kMG]?B/s")
LEFT = re.compile(r" *\d[\dhms ]* left")


def masked(text, folder):
    """What is not the same in every run; each kept as wide as it was, where others stand beside it."""
    text = text.replace(folder, "<root>")
    text = re.sub(r"127\.0\.0\.1:\d+", "server.test", text)
    # How full the disk is decides where these lines are wrapped.
    text = re.sub(r"(?ms)^Disk.*?(?=^Time)|^Disk.*?failed\.\n", "", text)
    text = LEFT.sub(lambda m: "<left>".rjust(len(m.group())), text)
    return RATE.sub(lambda m: "<rate>".rjust(len(m.group())), text)


class Golden(Case):
    def setUp(self):
        super().setUp()
        # Of one length everywhere: it decides where lines are wrapped.
        self.machine.env["NCMODEL_ROOT"] = self.machine.root = tempfile.mkdtemp(prefix="ncmodel-test-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.machine.root, ignore_errors=True)

    def terminal(self, columns, *command):
        terminal = tmux.Terminal([BINARY, *command], columns, 50, self.machine.env, self.machine.home)
        self.addCleanup(terminal.close)
        return terminal

    def world(self):
        """Four slow files of two models, one model that is gated, and one that is not there any more."""
        hub = self.hub
        shards = {name: safetensors(name, 2 * MIB) for name in SHARDS}
        weights = gguf("weights", 3 * MIB)
        hub.hf("Qwen/Qwen2.5-72B-Instruct", shards)
        hub.hf("meta-llama/Llama-3.1-8B", {"model.safetensors": safetensors("gated", 3000)}, gated=True, token="x")
        hub.ollama("library/llama3.2", [("model", weights), ("template", b"t" * 300), ("license", b"l" * 7000),
                                        ("params", b'{"stop":[]}'), ("system", b"hello")], tag="3b")
        for name, data in shards.items():
            hub.hold(f"/xet/Qwen/Qwen2.5-72B-Instruct/{name}", len(data) // 2)
        hub.hold(f"/blob/{sha256(weights)}", MIB)
        place = [{"store": "llama-cpp"}]
        self.machine.manifest([
            {"id": IDS[0], "name": "Qwen2.5 72B Instruct",
             "files": [{"from": [f"hf:Qwen/Qwen2.5-72B-Instruct/{name}"], "to": place} for name in SHARDS]},
            {"id": IDS[1], "name": "Llama 3.2 3B", "files": [{"from": ["ollama:llama3.2:3b"]}]},
            {"id": IDS[2], "name": "Llama 3.1 8B (gated)", "gated": True,
             "files": [{"from": ["hf:meta-llama/Llama-3.1-8B/model.safetensors"], "to": place}]},
            {"id": IDS[3], "name": "Lost model of a long name Q4_K_M",
             "files": [{"from": [f"{hub.service.url}/gone/lost-model-of-a-long-name.Q4_K_M.gguf"], "insecure_http": True,
                        "sha256": "a" * 64, "size": 5_000_000, "to": place}]}])

    def check(self, name, text):
        path = os.path.join(GOLDEN, name + ".txt")
        text = masked(text, self.machine.root)
        if os.environ.get("NCM_GOLDEN") == "write":
            with open(path, "w", encoding="utf-8") as out:
                out.write(text + "\n")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(text + "\n", file.read(), name)

    def rows(self, text):
        """From the first row of a bar to the last."""
        lines = text.splitlines()
        total = next(i for i, line in enumerate(lines) if line.startswith("Total "))
        plan = next(i for i in range(total, 0, -1) if lines[i].startswith("Plan:"))
        plan = next(i for i in range(plan, total) if lines[i].endswith("."))
        return lines[plan + 1:total + 1]

    def pulled(self, columns):
        self.world()
        terminal = self.terminal(columns, "pull", "-y")
        under_way = terminal.wait(lambda text: text.count(" 50%") == 3 and text.count(" 33%") == 1 and
                                  text.count("B/s") >= 5)
        self.hub.release()
        self.assertEqual(terminal.code(), 1)
        return under_way, terminal.text()

    def judge(self, columns):
        under_way, after = self.pulled(columns)
        rows = self.rows(under_way)
        # No two rows alike, the model on each or above it.
        labels = [row.split("%")[0] for row in rows if "%" in row]
        self.assertEqual(len(labels), len(set(re.sub(r"\d+$", "", label) for label in labels)), rows)
        for shard in ("00001-of-00003", "00002-of-00003", "00003-of-00003"):
            self.assertEqual(sum(shard in row for row in rows), 1, rows)
        for name in IDS[:2]:
            self.assertTrue(any(row.startswith(name) for row in rows), rows)
        # Names, classes and reasons are whole, or go on in the next line at a place where they may.
        joined = re.sub(r"\n +", " ", after)
        for whole in ("auth_required", "not_found", "accept the licence at", "404 Not Found", "small files, ", "Pulled 2 ("):
            self.assertIn(whole, joined)
        for name in IDS:
            self.assertIn(name, re.sub(r"\n +", "", after))
        # Five layers are one line; no rate of theirs.
        self.assertEqual(after.count("small file"), 1)
        self.assertEqual(len([line for line in after.splitlines() if line.startswith("fetched ")]), 5)
        # A reason is told once.
        self.assertEqual(joined.count("404 Not Found"), 1)
        end = after[after.index("pulled  "):]
        self.check(f"pull-{columns}-under-way", "\n".join(rows))
        self.check(f"pull-{columns}-plan", under_way[under_way.index("Phase 1"):under_way.index(rows[0])].rstrip())
        self.check(f"pull-{columns}-end", end)

    def test_40_columns(self):
        self.judge(40)

    def test_60_columns(self):
        self.judge(60)

    def test_80_columns(self):
        self.judge(80)

    def test_120_columns(self):
        self.judge(120)

    def test_list(self):
        """Columns go as a whole, and it is said which."""
        data = gguf("both", 4000)
        url = self.hub.url("/files/a-model-with-quite-a-long-name.Q4_K_M.gguf", data)
        self.machine.manifest([{
            "id": "a-model-with-quite-a-long-name-q4_k_m", "name": "A model with quite a long name", "quantization": "Q4_K_M",
            "performance_score": 0.87, "use_cases": ["CodeGeneration", "Reasoning"],
            "files": [{"from": [url], "insecure_http": True, "sha256": sha256(data), "size": len(data),
                       "to": [{"store": "llama-cpp"}, {"store": "comfyui", "folder": "unet"}]}]}])
        self.pull()
        for columns in WIDTHS:
            terminal = self.terminal(columns, "list")
            self.assertEqual(terminal.code(), 0)
            text = terminal.text()
            self.assertIn("a-model-with-quite-a-long-name-q4_k_m", re.sub(r"\n +", "", text))
            heading = text.splitlines()[0].split()
            left_out = re.search(r"Not shown for want of room: ([A-Z, \n]+)\.", text)
            told = {t.strip().replace("\n", " ") for t in left_out.group(1).split(",")} if left_out else set()
            for title in ("NAME", "QUANT", "VRAM", "SCORE", "PHASE", "STORE"):
                self.assertNotEqual(title in heading, title in told, text)
            self.check(f"list-{columns}", text)

    def test_groups_leave_out_the_same_columns(self):
        """What is said to have no room is in no group: a table of short names could hold more than the next."""
        models = [self.machine.simple(name + ".gguf", gguf(name, 3000)) for name in ("a", "a-name-of-a-model-that-is-longer")]
        for model, use_case in zip(models, ("Reasoning", "General")):
            model["use_cases"] = [use_case]
        self.machine.manifest(models)
        self.pull()
        for columns in WIDTHS:
            terminal = self.terminal(columns, "list", "--by-usecase")
            self.assertEqual(terminal.code(), 0)
            text = terminal.text()
            headings = {tuple(line.split()) for line in text.splitlines() if line.startswith("  ") and " SIZE" in line}
            self.assertEqual(len(headings), 1, text)
            told = re.sub(r"\s+", " ", text.partition("for want of room: ")[2])
            for title in ("NAME", "QUANT", "VRAM", "SCORE", "PHASE", "STORE"):
                self.assertNotEqual(title in headings.copy().pop(), title in told, text)

    def test_df_shows_the_folders_however_narrow(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 3000))])
        self.pull()
        for columns in WIDTHS:
            terminal = self.terminal(columns, "df")
            self.assertEqual(terminal.code(), 0)
            self.assertIn(self.machine.store().rstrip("/"), terminal.text().replace("\n", "").partition("Disk of")[0])
        terminal = self.terminal(100, "df")
        self.assertEqual(terminal.code(), 0)
        bars = [line for line in terminal.text().splitlines() if "stores" in line and "others" in line]
        self.assertEqual(len(bars), 1, bars)
        signs = bars[0].split()[0]
        self.assertEqual(len(signs), 40, bars)
        # what is there shows, however little; the parts stand in their order
        self.assertRegex(signs, r"^(█+▓+|#+=+)[·.]*$")
        self.assertNotIn("others", self.machine.run("df").out)


if __name__ == "__main__":
    if not tmux.there():
        print("skipped: tmux is not there")
        sys.exit(77)
    unittest.main()
