"""What people paste, and what repositories have: gates that are told early, odd and long names, parts, spellings of one thing."""
import json
import os
import re
import unittest

from harness import SOURCE, TOKENS, Case, gguf, safetensors, sha256


class NamesCase(Case):
    def plan(self, *arguments, code=0, env=None):
        result = self.machine.run("plan", "--json", *arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return json.loads(result.out)

    def files(self, *parts):
        place = os.path.join(self.machine.root, *parts)
        found = {}
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if name != ".ncmodel"]
            for name in names:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, place)] = self.read(path)
        return found

    def training(self, *parts):
        with open(os.path.join(self.machine.env["NCMODEL_DATADIR"], "layouts/default.json"), encoding="utf-8") as file:
            return self.files(json.load(file)["stores"]["training"]["path"], *parts)

    def refused(self, *arguments, code, words=(), hint=()):
        """A pull that is refused before any byte of a file."""
        result = self.machine.run("pull", "-y", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        for word in (*words, *hint):
            self.assertIn(word, result.err)
        self.assertEqual(self.hub.asked(server="cdn"), [])
        return result


class EarlyTest(NamesCase):
    """What would be refused is told by the plan."""

    def setUp(self):
        super().setUp()
        self.hub.hf("org/Gated", {"model.gguf": gguf("gated", 40_000), "config.json": b"{}"}, gated=True, token=TOKENS["HF_TOKEN"],
                    small=("config.json",))
        self.hub.hf("org/Open", {"open.gguf": gguf("open", 30_000)}, commit="d" * 40)

    def test_without_a_token(self):
        data = self.plan("hf:org/Gated/model.gguf", "hf:org/Open/open.gguf", code=6)
        gated, there = data["data"]["models"]
        self.assertEqual((gated["error"], there["error"]), ("auth_required", None))
        self.assertIn("no token was sent", gated["reason"])
        self.assertIn("HF_TOKEN", data["errors"][0]["hint"])
        self.assertIn("org/Gated/model.gguf: its licence", gated["reason"])
        self.assertEqual(data["data"]["to_get"], 30_000)
        self.assertEqual([disk["needed"] for disk in data["data"]["disks"]], [30_000], "what is not fetched needs no space")
        self.assertEqual(data["data"]["files_to_get"], 1)
        self.assertEqual(self.hub.fetched(server="cdn"), [])

    def test_a_token_without_access(self):
        data = self.plan("hf:org/Gated/model.gguf", code=6, env={"HF_TOKEN": "hf_notIn"})
        self.assertIn("not been granted access", data["data"]["models"][0]["reason"])
        self.assertIn(self.hub.service.url + "/org/Gated", data["errors"][0]["hint"])

    def test_a_pull_gets_the_rest_first(self):
        """Nothing of what is gated, all of what is not, and the reason at the end."""
        result = self.machine.run("pull", "-y", "--json", "hf:org/Gated/model.gguf", "hf:org/Open/open.gguf")
        self.assertEqual(result.returncode, 6, result.err)
        outcome = {model["id"]: model["outcome"] for model in json.loads(result.out)["data"]["result"]["models"]}
        self.assertEqual(outcome, {"org/Gated/model.gguf": "failed", "org/Open/open.gguf": "pulled"})
        self.assertEqual({r["path"] for r in self.hub.asked(server="cdn")}, {"/xet/org/Open/open.gguf"})

    def test_one_small_request_a_repository(self):
        self.plan("hf:org/Gated/model.gguf", "hf:org/Gated", "--to", "training", code=0, env=TOKENS)
        asked = [r for r in self.hub.asked() if "/resolve/" in r["path"]]
        self.assertEqual([r["method"] for r in asked], ["HEAD"])
        self.hub.forget()
        self.plan("hf:org/Open/open.gguf")
        self.assertEqual([r for r in self.hub.fetched() if "/resolve/" in r["path"]], [], "an open one says so itself")

    def test_what_is_in_place_is_not_asked_about(self):
        self.pull("hf:org/Gated/model.gguf", env=TOKENS)
        self.hub.forget()
        self.assertEqual(self.plan("hf:org/Gated/model.gguf")["data"]["changes"], False)
        self.plan("--offline", "hf:org/Gated/model.gguf")
        self.assertEqual(self.hub.asked(), [])

    def test_a_manifest_that_says_so(self):
        path = f"/org/Gated/resolve/{'c' * 40}/model.gguf"
        spec = {"from": [f"hf:org/Gated/model.gguf@{'c' * 40}"], "to": [{"store": "llama-cpp"}], "size": 40_000,
                "sha256": sha256(gguf("gated", 40_000))}
        self.machine.manifest([{"id": "gated", "gated": True, "files": [spec]}])
        self.assertEqual(self.plan("gated", code=6)["data"]["models"][0]["error"], "auth_required")
        self.assertEqual({r["method"] for r in self.hub.asked(path)}, {"HEAD", "GET"}, "a HEAD may be refused for itself")
        self.hub.forget()
        self.plan("--offline", "gated")
        self.assertEqual(self.hub.asked(), [])

    def test_a_head_that_is_refused_is_no_answer(self):
        route = f"/org/Gated/resolve/{'c' * 40}/model.gguf"
        resolve = self.hub.routes["service"][route]
        self.hub.routes["service"][route] = lambda handler: (403, b"", {}) if handler.command == "HEAD" else resolve(handler)
        self.plan("hf:org/Gated/model.gguf", env=TOKENS)

    def test_civitai(self):
        self.hub.civitai(77, 7, "style.safetensors", safetensors("style", 9_000), token=TOKENS["CIVITAI_TOKEN"])
        data = self.plan("civitai:77", code=6)
        self.assertIn("login", data["data"]["models"][0]["reason"])
        self.assertIn("CIVITAI_TOKEN", data["errors"][0]["hint"])
        self.plan("civitai:77", env=TOKENS)
        self.assertEqual(self.hub.fetched(server="cdn"), [])


class SpellingTest(NamesCase):
    def test_a_quantization(self):
        self.hub.hf("org/Repo", {"m-Q4_K_M.gguf": gguf("q4", 9_000), "m-Q4_K_S.gguf": gguf("q4s", 9_000),
                                 "big/m-Q8_0-00001-of-00002.gguf": gguf("a", 9_000), "big/m-Q8_0-00002-of-00002.gguf": gguf("b", 9_000),
                                 "x-F16.gguf": gguf("f", 9_000), "y-F16.gguf": gguf("g", 9_000)})
        self.pull("hf:org/Repo:q4_k_m")
        self.pull("hf:org/Repo:Q8_0")
        found = self.files("server/ai/llama-cpp/models")
        self.assertEqual({name for name in found if name.endswith("gguf")},
                         {"m-Q4_K_M.gguf", "big/m-Q8_0-00001-of-00002.gguf", "big/m-Q8_0-00002-of-00002.gguf"})
        self.assertIn("in place", self.pull("hf:org/Repo:q4_k_m").out)
        self.check_registry()
        self.hub.forget()
        self.refused("hf:org/Repo:F16", code=2, words=["x-F16.gguf, y-F16.gguf"], hint=["hf:org/Repo/x-F16.gguf"])
        self.refused("hf:org/Repo:Q2_K", code=5, hint=["m-Q4_K_M.gguf", "big/m-Q8_0-00001-of-00002.gguf"])

    def test_the_first_models_have_no_organization(self):
        self.hub.hf("gpt2", {"config.json": b'{"n": 1}', "model.gguf": gguf("gpt2", 9_000), "onnx/model.onnx": b"onnx" * 100},
                    small=("config.json",))
        for source in ("hf:gpt2/model.gguf", "https://huggingface.co/gpt2/resolve/main/model.gguf?download=true",
                       "https://huggingface.co/gpt2/blob/main/model.gguf", "hf:gpt2@main/model.gguf"):
            out = self.pull(source).out
        self.assertIn("in place", out)
        self.assertEqual(len(self.entries()), 1)
        self.pull("hf:gpt2/onnx/model.onnx", "--to", "training")
        self.pull("https://huggingface.co/gpt2/tree/main", "--to", "training")
        self.assertEqual(self.training("gpt2").keys(), {"config.json", "model.gguf", "onnx/model.onnx"})
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.check_registry()

    def test_the_hub_tells_the_case(self):
        files = {"model.gguf": gguf("case", 9_000), "config.json": b"{}"}
        self.hub.hf("org/Model", files, small=("config.json",), also=("org/model", "ORG/Model"))
        self.pull("hf:org/Model/model.gguf")
        for source in ("hf:org/model/model.gguf", "hf:ORG/Model/model.gguf"):
            self.assertIn("in place", self.pull(source).out)
        self.assertEqual(len(self.entries()), 1)
        self.pull("hf:org/model", "--to", "training")
        self.assertIn("in place", self.pull("hf:org/Model", "--to", "training").out)
        self.assertEqual(self.training(), {f"Model/{name}": data for name, data in files.items()})
        self.assertEqual({entry["source"].split("@")[0] for entry in self.entries().values()}, {"hf:org/Model", "hf:org/Model/model.gguf"})

    def test_two_spellings_in_one_command(self):
        self.hub.hf("org/Model", {"model.gguf": gguf("case", 9_000)}, also=("org/model",))
        self.hub.hf("gpt2", {"model.json": b"{}"}, small=("model.json",), commit="d" * 40)
        self.pull("hf:org/model/model.gguf", "hf:org/Model/model.gguf")
        self.assertEqual(self.entries().keys(), {"org/Model/model.gguf"})
        self.pull("hf:gpt2/model.json", "https://huggingface.co/gpt2/blob/main/model.json", "--to", "training")
        self.assertEqual(len(self.entries()), 2)
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.check_registry()

    def test_the_lock_holds_in_any_case(self):
        """Whoever spells it otherwise gets what is pinned all the same."""
        self.hub.hf("org/Model", {"model.gguf": gguf("one", 9_000)}, also=("org/model",))
        self.pull("hf:org/Model/model.gguf")
        self.hub.hf("org/Model", {"model.gguf": gguf("two", 9_500)}, commit="d" * 40, also=("org/model",))
        self.assertIn("in place", self.pull("hf:org/model/model.gguf").out)
        self.pull("hf:org/model/model.gguf", "--update")
        self.assertEqual(self.entries()["org/Model/model.gguf"]["files"][0]["sha256"], sha256(gguf("two", 9_500)))

    def test_branches_and_odd_bytes(self):
        """Slashes and spaces in branches, '@' in names."""
        self.hub.hf("org/Repo", {"a@2x.gguf": gguf("at", 9_000), "b.gguf": gguf("b", 8_000)}, branches=("refs/pr/1", "feature/x", "my branch"))
        for source in ("hf:org/Repo/a@2x.gguf", "hf:org/Repo/b.gguf@refs/pr/1", "hf:org/Repo/b.gguf@feature/x",
                       "https://huggingface.co/org/Repo/blob/feature%2Fx/b.gguf", "https://huggingface.co/org/Repo/resolve/my%20branch/b.gguf"):
            self.pull(source)
        self.assertEqual(len(self.entries()), 2)
        self.pull("hf:org/Repo@feature/x", "--to", "training")
        self.assertEqual(self.training("Repo").keys(), {"a@2x.gguf", "b.gguf"})

    def test_ollamas_pages(self):
        self.hub.ollama("library/tiny", [("model", gguf("tiny", 9_000))], tag="1b")
        self.pull("https://ollama.com/library/tiny:1b")
        for source in ("ollama:tiny:1b", "https://ollama.com/tiny:1b", "ollama.com/library/tiny:1b"):
            self.assertIn("in place", self.pull(source).out)


class DocumentedTest(NamesCase):
    def test_each_is_understood(self):
        """The table of docs/sources.md."""
        with open(os.path.join(SOURCE, "docs/sources.md"), encoding="utf-8") as page:
            rows = re.findall(r"(?m)^\| `([^`]+)` \|", page.read())
        self.assertGreater(len(rows), 10)
        for source in rows:
            to = () if source.startswith(("ollama", "https://ollama", "hf.co")) else ("--to", "training")
            self.assertIn(self.machine.run("plan", "--offline", source, *to).returncode, (0, 11), source)


class PartTest(NamesCase):
    """--include and --exclude."""

    def setUp(self):
        super().setUp()
        self.publish(1)

    def publish(self, edition):
        self.all = {"config.json": b'{"e": %d}' % edition, "m.gguf": gguf(f"m{edition}", 9_000), "m.safetensors": safetensors("m", 9_000),
                    "onnx/m.onnx": b"onnx" * 200, "sub/m.gguf": gguf(f"s{edition}", 8_000)}
        self.hub.hf("org/Repo", self.all, commit="cdef"[edition - 1] * 40, small=("config.json",))

    def test_only_these(self):
        data = self.plan("hf:org/Repo", "--to", "training", "--include", "*.gguf", "--include", "*.json", "--exclude", "sub/")
        self.assertEqual({file["name"] for file in data["data"]["models"][0]["files"]}, {"config.json", "m.gguf"})
        self.pull("hf:org/Repo", "--to", "training", "--include", "*.gguf", "--include", "*.json", "--exclude", "sub/")
        self.assertEqual(self.training("Repo").keys(), {"config.json", "m.gguf"})
        self.check_registry()

    def test_it_is_remembered(self):
        self.pull("hf:org/Repo", "--to", "training", "--include", "*.gguf")
        again = self.pull("hf:org/Repo", "--to", "training")
        self.assertIn("in place", again.out)
        self.assertIn("include=*.gguf", again.err)
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.publish(2)
        self.assertEqual(self.machine.run("outdated").returncode, 3)
        self.pull("hf:org/Repo", "--to", "training", "--update")
        self.assertEqual(self.training("Repo"), {name: self.all[name] for name in ("m.gguf", "sub/m.gguf")})
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        os.unlink(os.path.join(self.machine.root, self.entries()["org/Repo"]["files"][0]["path"]))
        self.machine.run("verify", "--repair")
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.assertEqual(self.training("Repo").keys(), {"m.gguf", "sub/m.gguf"})
        # another choice is one
        self.pull("hf:org/Repo", "--to", "training", "--include", "*")
        self.assertEqual(self.training("Repo"), self.all)
        self.assertEqual(len(self.entries()), 1)
        self.check_registry()

    def test_nothing_matches(self):
        self.refused("hf:org/Repo", "--to", "training", "--include", "*.bin", code=5,
                     words=["leave no file"], hint=["config.json, m.gguf, m.safetensors, onnx/m.onnx, sub/m.gguf"])

    def test_only_of_a_repository(self):
        for source in ("hf:org/Repo/m.gguf", "ollama:tiny:1b"):
            self.refused(source, "--include", "*", code=2, words=["whole repository"])
        self.refused("--include", "*", code=2, words=["spelled out"])


class OddTest(NamesCase):
    """One odd name does not keep a repository from being had, and is told."""

    def digits(self, name):
        return sha256(name.encode())[:16]

    def odd(self, data):
        return {item["name"]: item["as"] for item in data["data"]["models"][0]["odd_names"]}

    def test_they_are_renamed_or_left_out(self):
        long, longer = "n" * 250 + ".json", "\u00e4" * 145 + ".json"
        names = ["aux/x.json", "CON", "x.", "y ", "a:b?.json", "tab\there.json", "models.json", "-opt.json", longer, "\u202ertl.json"]
        plain = {"config.json": b"{}", "m.gguf": gguf("m", 9_000), long: b"long"}
        odd = {name: name.encode() for name in names}
        self.hub.hf("org/Odd", {**plain, **odd, "*.pt": b"\x80\x02" + b"x" * 100}, small=[*names, "config.json", long])
        data = self.plan("hf:org/Odd", "--to", "training")
        told = self.odd(data)
        self.assertEqual(told.keys(), {*odd, "*.pt"})
        self.assertIsNone(told["*.pt"])
        self.assertEqual(told["aux/x.json"], f"Odd/aux-{self.digits('aux')}/x.json")
        self.assertEqual(told["a:b?.json"], f"Odd/a_b_-{self.digits('a:b?.json')}.json")
        self.assertEqual(told["CON"], f"Odd/CON-{self.digits('CON')}")
        result = self.pull("hf:org/Odd", "--to", "training")
        self.assertIn("*.pt is left out", result.err)
        self.assertIn("aux/x.json is no name for every system", result.err)
        self.assertEqual(self.training(), {**{f"Odd/{name}": content for name, content in plain.items()},
                                           **{told[name]: content for name, content in odd.items()}})
        self.assertLessEqual(max(len(part.encode()) for name in told.values() if name for part in name.split("/")), 255)
        again = self.pull("hf:org/Odd", "--to", "training")
        self.assertIn("in place", again.out)
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        checked = self.machine.run("lock", "--check", "hf:org/Odd", "--to", "training")
        self.assertEqual(checked.returncode, 0, checked.out + checked.err)
        os.unlink(os.path.join(self.machine.root, self.machine.registered_path(self.entries()["org/Odd"]["files"][0]["path"])))
        self.pull("hf:org/Odd", "--to", "training")
        self.assertEqual(len(self.training()), len(plain) + len(odd), "what is pinned is not let in by that")
        self.check_registry()
        self.pull("hf:org/Odd", "--to", "training", "--allow-pickle", "--update")
        self.assertEqual(len(self.training()), len(plain) + len(odd) + 1)

    def test_names_that_differ_in_case_alone(self):
        files = {"README.md": b"upper", "readme.md": b"lower", "sub/A.json": b"1", "sub/a.json": b"2"}
        self.hub.hf("org/Twins", files, small=list(files))
        told = self.odd(self.plan("hf:org/Twins", "--to", "training"))
        self.assertEqual(told, {name: f"Twins/{name.rsplit('.', 1)[0]}-{self.digits(os.path.basename(name))}.{name.rsplit('.', 1)[1]}"
                                for name in ("readme.md", "sub/a.json")})
        self.pull("hf:org/Twins", "--to", "training")
        self.assertEqual(sorted(self.training().values()), sorted(files.values()))
        self.assertIn("in place", self.pull("hf:org/Twins", "--to", "training").out)
        self.check_registry()

    def test_a_name_that_is_no_text(self):
        """The Hub's JSON has U+FFFD in it, and no file of that name."""
        self.hub.hf("org/Bytes", {"na\ufffdve.json": b"?", "config.json": b"{}"}, small=("na\ufffdve.json", "config.json"))
        for route in [r for r in self.hub.routes["service"] if "/resolve/" in r and "\ufffd" in r]:
            del self.hub.routes["service"][route]
        result = self.pull("hf:org/Bytes", "--to", "training")
        self.assertIn("not valid UTF-8", result.err)
        self.assertEqual(self.training("Bytes").keys(), {"config.json"})
        self.assertIn("in place", self.pull("hf:org/Bytes", "--to", "training").out)
        self.assertEqual(self.machine.run("lock", "--check", "hf:org/Bytes", "--to", "training").returncode, 0)

    def test_what_policy_refuses_can_be_left_out(self):
        files = {"modeling.py": b"import os", "pytorch_model.bin": b"\x80\x02" * 99, "config.json": b"{}"}
        self.hub.hf("org/Code", files, small=("modeling.py", "config.json"))
        self.refused("hf:org/Code", "--to", "training", code=11, hint=["--exclude '*.py'"])
        self.refused("hf:org/Code", "--to", "training", "--exclude", "*.py", code=11, hint=["--allow-pickle", "--exclude '*.bin'"])
        self.pull("hf:org/Code", "--to", "training", "--exclude", "*.py", "--exclude", "*.bin")
        self.assertEqual(self.training("Code").keys(), {"config.json"})

    def test_a_repair_finds_them(self):
        self.hub.hf("org/Odd", {"aux/x.json": b"odd", "config.json": b"{}"}, small=("aux/x.json", "config.json"))
        self.pull("hf:org/Odd", "--to", "training")
        for entry in self.entries()["org/Odd"]["files"]:
            os.unlink(self.machine.registered_path(entry["path"]))
        self.assertEqual(self.machine.run("verify", "--repair").returncode, 0)
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_one_of_them(self):
        self.hub.hf("org/Odd", {"sub/CON.gguf": gguf("con", 9_000)})
        data = self.plan("hf:org/Odd/sub/CON.gguf")
        self.assertEqual(self.odd(data).keys(), {"sub/CON.gguf"})
        self.pull("hf:org/Odd/sub/CON.gguf")
        self.check_registry()

    def test_what_leads_elsewhere_is_refused(self):
        for name in ("../x.json", "a/../../x.json", "/etc/x.json", "a//x.json"):
            self.hub.hf("org/Evil", {name: b"evil", "config.json": b"{}"}, small=(name, "config.json"))
            self.refused("hf:org/Evil", "--to", "training", code=11)

    def test_long_names_stay_two(self):
        """220 bytes of UTF-8, 255 and more, of one file each and of a repository."""
        for size in (110, 125, 200):
            with self.subTest(size=size):
                names = ["\u00e4" * size + end + ".gguf" for end in "ab"]
                self.hub.hf(f"org/Long{size}", {name: gguf(name, 9_000) for name in names})
                for name in names:
                    self.pull(f"hf:org/Long{size}/{name}")
                self.pull(f"hf:org/Long{size}", "--to", "training")
                self.assertEqual(len(self.training(f"Long{size}")), 2)
        found = [name for name in os.listdir(self.machine.store()) if name.endswith(".gguf")]
        self.assertEqual(len(found), 6)
        self.assertLessEqual(max(len(name.encode()) for name in found), 255)
        self.assertEqual(self.machine.run("verify").returncode, 0)
        self.check_registry()


class ShardTest(NamesCase):
    """Split models are completed or refused, however they are spelled."""

    def publish(self, missing=(), more=None):
        names = [f"m-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
        files = {name: gguf(name, 9_000) for name in names if name not in missing}
        self.hub.hf("org/Split", {**files, "a.txt": b"a", **(more or {})}, small=("a.txt", "model.safetensors.index.json"))

    def test_completed(self):
        self.publish()
        for number, source in enumerate(("hf:org/Split/m-00002-of-00003.gguf", "hf:org/Split/*00003*")):
            self.pull(source, "--to", f"training//{number}")
            self.assertEqual({os.path.basename(name) for name in self.training(str(number))}, {f"m-0000{i}-of-00003.gguf" for i in (1, 2, 3)})
        self.pull("hf:org/Split", "--include", "*00001*", "--to", "training//c")
        self.assertEqual(len(self.training("c")), 3)

    def test_a_hole(self):
        self.publish(missing=("m-00002-of-00003.gguf",))
        for source in ("hf:org/Split/m-00001-of-00003.gguf", "hf:org/Split/*.gguf", "hf:org/Split", "hf:org/Split/m-00003-of-00003.gguf"):
            self.refused(source, "--to", "training", code=5, words=["m-00002-of-00003.gguf is missing"])
        self.pull("hf:org/Split", "--to", "training", "--exclude", "*.gguf")

    def test_parts_cut_by_hand(self):
        self.publish(more={"x.gguf.part1of2": b"GGUF" * 99, "y.gguf.part1of2": b"GGUF" * 98, "y.gguf.part2of2": b"more" * 98})
        self.refused("hf:org/Split", "--to", "training", code=5, words=["x.gguf.part2of2 is missing"])
        self.pull("hf:org/Split/y.gguf.part2of2", "--to", "training//y")
        self.assertEqual(len(self.training("y")), 2)

    def test_an_index_names_what_is_not_there(self):
        index = json.dumps({"weight_map": {"a": "w-1.safetensors", "b": "w-2.safetensors"}}).encode()
        self.publish(more={"model.safetensors.index.json": index, "w-1.safetensors": safetensors("w1", 9_000)})
        for source in ("hf:org/Split", "hf:org/Split/model.safetensors.index.json", "hf:org/Split/*"):
            self.refused(source, "--to", "training", code=5, words=["names w-2.safetensors, which is missing"])
        self.pull("hf:org/Split", "--to", "training", "--exclude", "*.safetensors")


if __name__ == "__main__":
    unittest.main()
