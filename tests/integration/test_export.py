"""`ncmodel export`: each format as its reader takes it, and every path as it was."""
import configparser
import json
import os
import plistlib
import random
import re
import shlex
import shutil
import subprocess
import unittest
import xml.etree.ElementTree

import export_peers
from harness import Case, gguf, safetensors

try:
    import yaml
except ImportError:
    yaml = None

FORMATS = ("compose", "compose-gpu", "llama-swap", "llama-server", "litellm", "continue", "open-webui", "env", "systemd",
           "launchd", "schtasks")
UNSAFE = set("\u2028\u202e\u0085\ufeff\x7f\x1b\t\n")  # signs that steer a terminal, or hide
ODD = "it's a $HOME 100% model, n°1 {x} & y.gguf"


def windows_words(line):
    """As CommandLineToArgvW takes it apart: 2n backslashes before a quote are n, 2n+1 are n and the quote itself."""
    words, word, quoted, at = [], None, False, 0
    while at < len(line):
        slashes = len(line) - at - len(line[at:].lstrip("\\"))
        at += slashes
        sign = line[at:at + 1]
        if sign == '"':
            word = (word or "") + "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
        elif sign in (" ", "") and not quoted and not slashes:
            words += [word] if word is not None else []
            word = None
        else:
            word = (word or "") + "\\" * slashes + sign
        at += 1
    return words + ([word] if word is not None else [])


class ExportTest(Case):
    def setUp(self):
        super().setUp()
        m = self.machine
        self.llm = {**m.simple("a.gguf", gguf("a", 3000)), "id": "llama-a", "context_length": 8192}
        self.llm["files"][0]["to"][0]["name"] = ODD
        self.embedding = {**m.simple("b.gguf", gguf("b", 3000)), "kind": "embedding"}
        self.diffusion = {**m.simple("d.gguf", gguf("d", 3000)), "kind": "diffusion"}
        m.hub.ollama("library/tiny", [("model", gguf("o", 4000))])
        m.hub.ollama("library/big", [("model", gguf("p", 4000))], tag="13b")
        m.hub.ollama("library/words", [("model", gguf("q", 4000))])
        self.small = {"id": "tiny", "context_length": 4096, "capabilities": ["chat", "fill-in-middle"],
                      "files": [{"from": ["ollama:tiny"], "to": [{"store": "ollama-small"}]}]}
        self.large = {"id": "big", "files": [{"from": ["ollama:big:13b"], "to": [{"store": "ollama-large"}]}]}
        self.words = {"id": "words", "kind": "embedding", "files": [{"from": ["ollama:words"], "to": [{"store": "ollama-small"}]}]}
        self.models = [self.llm, self.embedding, self.diffusion, self.small, self.words]
        m.manifest(self.models)
        m.manifest([self.large], phase=2)

    def export(self, name, *arguments):
        result = self.machine.run("export", name, *arguments)
        self.assertEqual(result.returncode, 0, result.err)
        return result

    def parsed(self, name, *arguments):
        """As a YAML parser that shares nothing with ours reads it, and as the format's own reader does where that is there."""
        text = self.export(name, *arguments).out
        path = os.path.join(self.machine.home, name + ".yaml")
        with open(path, "w") as out:
            out.write(text)
        command = export_peers.commands().get(name)
        own = export_peers.read(command, path) if command else None
        return (yaml.safe_load(text) if yaml else None), own

    def path(self, name=ODD):
        return self.machine.store(name)

    def test_compose(self):
        self.pull()
        plain, own = self.parsed("compose")
        small = os.path.join(self.machine.root, ".ollama-small/models")
        if plain:
            services = plain["services"]
            self.assertEqual(sorted(services), ["ollama-large", "ollama-small"])
            self.assertEqual(services["ollama-small"]["volumes"][0]["source"], small)
            self.assertEqual(services["ollama-small"]["ports"], ["127.0.0.1:11434:11434"])
            self.assertEqual(services["ollama-large"]["ports"], ["127.0.0.1:11435:11434"])
            # What has no model of phase 1 starts on demand.
            self.assertNotIn("profiles", services["ollama-small"])
            self.assertEqual(services["ollama-large"]["profiles"], ["ollama-large"])
        if own:
            self.assertEqual(sorted(own["services"]), ["ollama-large", "ollama-small"])
            self.assertEqual(own["services"]["ollama-small"]["volumes"][0]["source"], small)

    def test_a_root_that_compose_could_take_for_a_variable(self):
        root = os.path.join(self.machine.home, "$HOME ${x:-y} $$")
        os.makedirs(root)
        self.pull("--root", root)
        plain, own = self.parsed("compose", "--root", root)
        path = os.path.join(root, ".ollama-small/models")
        if plain:
            self.assertEqual(plain["services"]["ollama-small"]["volumes"][0]["source"], path.replace("$", "$$"))
        if own:
            self.assertEqual(own["services"]["ollama-small"]["volumes"][0]["source"], path)

    def test_what_the_profile_wants_is_served_before_it_is_there(self):
        plain, _ = self.parsed("compose")
        if plain:
            self.assertEqual(sorted(plain["services"]), ["ollama-large", "ollama-small"])

    def test_what_other_profiles_have_installed_does_not_matter(self):
        self.machine.manifest([self.machine.simple("other.gguf", gguf("other", 3000))], profile="other")
        before = self.export("compose", "--profile", "test").out
        self.pull("--profile", "other")
        self.assertEqual(self.export("compose", "--profile", "test").out, before)
        self.assertEqual(self.machine.run("export", "compose", "none-such", "--profile", "test").returncode, 2)

    def swapped(self):
        """The words of each command, as a shell takes them apart."""
        plain, _ = self.parsed("llama-swap")
        return {name: shlex.split(model["cmd"]) for name, model in plain["models"].items()}

    @unittest.skipUnless(yaml, "no YAML parser")
    def test_llama_swap(self):
        self.pull()
        commands = self.swapped()
        self.assertEqual(sorted(commands), ["b", "llama-a"])
        self.assertEqual(commands["llama-a"][-2:], ["--model", self.path()])
        self.assertEqual(commands["b"][-1], "--embeddings")
        self.assertIn("not in it: d:", self.export("llama-swap").err)

    @unittest.skipUnless(yaml, "no YAML parser")
    def test_every_path_comes_back(self):
        """Folders of the signs that shells, YAML and macros have a meaning for; what a format cannot say is left out, not bent."""
        chance = random.Random(20261129)
        signs = "aab  '\"$$`!#%&*?[]{}()<>|;:,~^=+@-\\é\u00a0猫\U0001f408\u2028\u202e\u0085\ufeff\x7f\x1b\t\n"
        self.machine.manifest([self.embedding, self.small])
        for number in range(25):
            root = os.path.join(self.machine.home, "r" + "".join(chance.choice(signs) for _ in range(12)))
            os.makedirs(root)
            self.pull("--root", root)
            path = os.path.join(root, "server/ai/llama-cpp/models/b.gguf")
            with self.subTest(root):
                plain, own = self.parsed("compose", "--root", root)
                source = os.path.join(root, ".ollama-small/models")
                self.assertEqual(plain["services"]["ollama-small"]["volumes"][0]["source"], source.replace("$", "$$"))
                if own:
                    self.assertEqual(own["services"]["ollama-small"]["volumes"][0]["source"], source)
                self.check_swapped(root, path)
                presets = self.machine.run("export", "llama-server", "--root", root)
                self.assertEqual(presets.returncode, 2 if re.search("[;#]", root) or not UNSAFE.isdisjoint(root) else 0)
                if presets.returncode == 0:
                    self.assertEqual(self.presets(presets.out)["b"]["model"], path)

    def check_swapped(self, root, path):
        result = self.machine.run("export", "llama-swap", "--root", root)
        self.assertEqual(result.returncode, 2 if re.search(r"\$\{|\n", root) else 0, result.err)
        if result.returncode == 0:
            self.assertEqual(shlex.split(yaml.safe_load(result.out)["models"]["b"]["cmd"])[-2], path)

    def presets(self, text):
        reader = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=(";", "#"), inline_comment_prefixes=(";", "#"))
        reader.read_string("[file]\n" + text)
        self.assertEqual(reader["file"]["version"], "1")
        return {name: dict(reader[name]) for name in reader.sections() if name != "file"}

    def test_llama_server(self):
        self.pull()
        presets = self.presets(self.export("llama-server").out)
        self.assertEqual(presets, {"llama-a": {"model": self.path()},
                                   "b": {"model": self.path("b.gguf"), "embeddings": "true"}})

    def test_a_name_that_would_be_all_models(self):
        """llama-server's section "*" is of all models: a model that is called so is none."""
        self.pull()
        path = self.machine.store("models.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('"llama-a"', '"*"'))
        result = self.export("llama-server")
        self.assertNotIn("[*]", result.out)
        self.assertIn("no spelling", result.err)
        self.assertIn("[b]", result.out)

    def test_litellm(self):
        self.pull()
        plain, own = self.parsed("litellm")
        want = {"llama-a": ("openai/llama-a", "http://127.0.0.1:8080/v1"), "b": ("openai/b", "http://127.0.0.1:8080/v1"),
                "tiny": ("ollama_chat/tiny:latest", "http://127.0.0.1:11434"), "words": ("ollama/words:latest", "http://127.0.0.1:11434"),
                "big": ("ollama_chat/big:13b", "http://127.0.0.1:11435")}
        if plain:
            self.assertEqual({m["model_name"]: (m["litellm_params"]["model"], m["litellm_params"]["api_base"])
                              for m in plain["model_list"]}, want)
            self.assertEqual({m["model_name"]: m["model_info"].get("max_input_tokens") for m in plain["model_list"]},
                             {"llama-a": 8192, "b": None, "tiny": 4096, "words": None, "big": None})
        if own:
            self.assertEqual({m["name"]: (m["model"], m["api_base"]) for m in own}, want)

    def test_continue(self):
        self.pull()
        plain, own = self.parsed("continue")
        for read in (plain, own):
            if read:
                roles = {m["model"]: m.get("roles") for m in read["models"]}
                self.assertEqual(roles, {"llama-a": None, "b": ["embed"], "tiny:latest": ["chat", "edit", "apply", "autocomplete"],
                                         "words:latest": ["embed"], "big:13b": None})

    def rename(self, names, ids):
        """In models.json, as whoever may write it does."""
        path = self.machine.store("models.json")
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        for entry in document["models"]:
            entry["display_name"] = names.get(entry["id"], entry["display_name"])
            entry["id"] = ids.get(entry["id"], entry["id"])
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)

    def test_the_order_of_the_record_is_not_told(self):
        """Models are recorded as they come to their end: which was first is an accident, and no file says so."""
        self.pull("--phase", "1", "--phase", "2")
        path = self.machine.store("models.json")
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        self.assertEqual(len(document["models"]), 6)
        before = {name: self.export(name).out for name in FORMATS}
        for _ in range(3):
            random.shuffle(document["models"])
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file)
            for name, text in before.items():
                self.assertEqual(self.export(name).out, text, name)

    @unittest.skipUnless(yaml, "no YAML parser")
    def test_a_name_that_llama_swap_would_take_for_a_macro(self):
        """It fills in ${NAME} and ${env.NAME} in names, too; what its schema says of a model holds."""
        self.pull()
        self.rename({"llama-a": "A ${env.HOME}"}, {"b": "b${PORT}"})
        result = self.export("llama-swap")
        models = yaml.safe_load(result.out)["models"]
        self.assertEqual(set(models), {"llama-a"})
        self.assertEqual(set(models["llama-a"]), {"cmd"})
        self.assertIn("not in it: b${PORT}", result.err)
        self.rename({"llama-a": "A" * 128}, {})
        for model in yaml.safe_load(self.export("llama-swap").out)["models"].values():
            self.assertLessEqual(set(model), {"cmd", "name"})
            self.assertLessEqual(len(model["name"]), 128)

    def test_a_name_that_continue_would_take_for_a_secret(self):
        """It fills in ${{ secrets.X }} wherever that stands: the id is the name then, and a model with such an id is left out."""
        self.pull()
        self.rename({"tiny": "Tiny ${{ secrets.TOKEN }}"}, {"b": "b${{ secrets.TOKEN }}"})
        result = self.export("continue")
        self.assertNotIn("${{", result.out)
        self.assertIn("not in it:", result.err)
        plain, own = self.parsed("continue")
        for read in (plain, own):
            if read:
                self.assertEqual({m["model"]: m["name"] for m in read["models"]}["tiny:latest"], "tiny")

    def variables(self, text):
        """As a shell reads the file."""
        path = os.path.join(self.machine.home, "variables")
        with open(path, "w") as out:
            out.write(text)
        told = subprocess.run(["sh", "-c", 'set -a; . "$1"; exec env -0', "sh", path], env={}, stdout=subprocess.PIPE, check=True).stdout
        return dict(entry.split("=", 1) for entry in told.decode().split("\0") if "=" in entry)

    def test_open_webui(self):
        self.pull()
        told = self.variables(self.export("open-webui").out)
        self.assertEqual(told["OLLAMA_BASE_URLS"], "http://127.0.0.1:11434;http://127.0.0.1:11435")
        self.assertEqual(told["OPENAI_API_BASE_URLS"], "http://127.0.0.1:8080/v1")
        self.assertEqual(told["RAG_EMBEDDING_MODEL"], "words:latest")

    def test_env(self):
        root = os.path.join(self.machine.home, "a \"$HOME\" `x` \\ root")
        os.makedirs(os.path.join(root, ".ollama/models"))
        self.pull("--root", root)
        told = self.variables(self.export("env", "--root", root).out)
        self.assertEqual(told["OLLAMA_MODELS"], os.path.join(root, ".ollama/models"))
        self.assertNotIn("LOCALAI_MODELS_PATH", told)

    def test_env_of_several_profiles(self):
        for profiles in ("nebula-rtx3060", "noa,nebula-rtx3060", "nebula-rtx3060,noa"):
            self.assertIn("OLLAMA_CONTEXT_LENGTH=32768\n", self.export("env", "--profile", profiles).out, profiles)

    def test_systemd(self):
        self.pull()
        text = self.export("systemd", "tiny", "words").out
        lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
        requests = [shlex.split(line.replace("%%", "%").replace("$$", "$")) for line in lines]
        self.assertEqual([(json.loads(words[-2]), words[-1]) for words in requests],
                         [({"model": "tiny:latest"}, "http://127.0.0.1:11434/api/generate"),
                          ({"model": "words:latest", "input": ""}, "http://127.0.0.1:11434/api/embed")])
        checker = shutil.which("systemd-analyze")
        if checker and os.path.exists("/usr/bin/curl"):
            path = os.path.join(self.machine.home, "ncmodel-preload.service")
            with open(path, "w") as out:
                out.write(text)
            checked = subprocess.run([checker, "verify", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual((checked.returncode, checked.stdout), (0, ""))

    def requests(self, words):
        """Of curl's arguments: what is sent where."""
        found, body = [], None
        for number, word in enumerate(words):
            if words[number - 1] == "--data":
                body = json.loads(word)
            elif word.startswith("http"):
                found.append((body, word))
        return found

    WANTED = [({"model": "tiny:latest"}, "http://127.0.0.1:11434/api/generate"),
              ({"model": "words:latest", "input": ""}, "http://127.0.0.1:11434/api/embed")]

    def test_launchd(self):
        self.pull()
        agent = plistlib.loads(self.export("launchd", "tiny", "words").out.encode())
        self.assertEqual((agent["Label"], agent["RunAtLoad"]), ("ncmodel.preload", True))
        words = agent["ProgramArguments"]
        self.assertEqual(self.requests(words), self.WANTED)
        self.assertEqual((words.count("--next"), words.count("--fail")), (1, 2))

    def test_schtasks(self):
        self.pull()
        text = self.export("schtasks", "tiny", "words").out
        root = xml.etree.ElementTree.fromstring(text)
        space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
        actions = root.findall("t:Actions/t:Exec", space)
        self.assertEqual({a.find("t:Command", space).text for a in actions}, {"%SystemRoot%\\System32\\curl.exe"})
        sent = []
        for action in actions:
            sent += self.requests(windows_words(action.find("t:Arguments", space).text))
        self.assertEqual(sent, self.WANTED)
        self.assertIsNotNone(root.find("t:Triggers/t:LogonTrigger", space))

    def test_what_is_loaded_at_start(self):
        """The profile's preload set, unless models are named."""
        self.machine.manifest([self.small, self.words], runtime={"preload": ["words"], "idle_unload_seconds": 300})
        self.pull()
        for name in ("systemd", "launchd", "schtasks"):
            self.assertEqual(json.loads(self.export(name, "--json").out)["data"]["models"], ["words"])
            self.assertEqual(json.loads(self.export(name, "--json", "tiny").out)["data"]["models"], ["tiny"])
        self.assertIn("OLLAMA_KEEP_ALIVE=300s\n", self.export("env").out)
        self.assertIn("OLLAMA_KEEP_ALIVE: \"${OLLAMA_KEEP_ALIVE:-300s}\"", self.export("compose").out)

    def test_one_compose_file_a_store_and_the_cards(self):
        rules = [{"parallel_agents": {"min": 2, "max": 4}, "models": ["tiny"], "words": "w", "document": "d"}]
        self.machine.manifest(self.models, rules=rules)
        if not yaml:
            self.skipTest("no YAML parser")
        for name, port, parallel in (("small", 11434, "${OLLAMA_NUM_PARALLEL:-4}"), ("large", 11435, None)):
            plain, own = self.parsed("compose", "--store", "ollama-" + name)
            [(service, body)] = plain["services"].items()
            self.assertEqual((service, body["ports"]), ("ollama-" + name, [f"127.0.0.1:{port}:11434"]))
            self.assertEqual(body["environment"]["OLLAMA_NUM_PARALLEL"], parallel)
            self.assertEqual(body["healthcheck"]["test"], ["CMD", "ollama", "list"])
            if own and parallel:
                self.assertEqual(own["services"][service]["environment"]["OLLAMA_NUM_PARALLEL"], "4")
        self.machine.manifest([{**self.small, "files": [{**self.small["files"][0], "to": [{"store": "ollama-large"}]}]}],
                              profile="other")
        both, _ = self.parsed("compose", "--profile", "other,test")
        self.assertEqual(both["services"]["ollama-large"]["environment"]["OLLAMA_NUM_PARALLEL"], None)
        cards = yaml.safe_load(self.export("compose-gpu", "--store", "ollama-large").out)["services"]
        self.assertEqual(cards, {"ollama-large": {"deploy": {"resources": {"reservations": {"devices": [
            {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]}}}}})

    def test_a1111(self):
        """The flags are the document's, to the letter."""
        result = self.machine.run("export", "a1111")
        self.assertEqual(result.returncode, 2)
        picture = {**self.machine.simple("p.safetensors", safetensors("p", 3000)), "kind": "checkpoint"}
        picture["files"][0]["to"] = [{"store": "a1111", "folder": "checkpoints"}]
        self.machine.manifest([picture])
        self.pull()
        told = self.variables(self.export("a1111").out)
        self.assertEqual(told["COMMANDLINE_ARGS"], "--api --listen --xformers --opt-sdp-attention")
        self.assertEqual(json.loads(self.export("a1111", "--json").out)["data"]["models"], ["p"])

    def test_routes(self):
        said = {"words": "w", "document": "d"}
        rules = [{"task": "Chat", "models": ["b", "tiny"], "fallback": {"model": "Sonnet", "words": "w"}, **said},
                 {"role": "searcher", "models": ["words"], **said}, {"pipeline": "heavy", "models": ["llama-a"], **said},
                 {"parallel_agents": {"min": 2, "max": 4}, "models": ["tiny"], **said}, {"task": "Report", "cloud": "Opus", **said}]
        self.machine.manifest(self.models, rules=rules)
        before = json.loads(self.export("routes").out)["routes"]
        self.assertEqual([route.get("installed") for route in before], [False, False, False, False, None])
        self.assertEqual([route["model"] for route in before], ["b", "words", "llama-a", "tiny", "Opus"])
        self.pull("tiny", "words", "llama-a")
        routes = json.loads(self.export("routes").out)["routes"]
        self.assertEqual(routes, [
            {"task": "Chat", "source": "local", "id": "tiny", "installed": True, "model": "tiny:latest",
             "endpoint": "http://127.0.0.1:11434/api/chat", "fallback": "Sonnet"},
            {"role": "searcher", "source": "local", "id": "words", "installed": True, "model": "words:latest",
             "endpoint": "http://127.0.0.1:11434/api/embed"},
            {"pipeline": "heavy", "source": "local", "id": "llama-a", "installed": True, "model": "llama-a",
             "endpoint": "http://127.0.0.1:8080/v1/chat/completions"},
            {"parallel_agents": {"min": 2, "max": 4}, "source": "local", "id": "tiny", "installed": True, "model": "tiny:latest",
             "endpoint": "http://127.0.0.1:11434/api/chat"},
            {"task": "Report", "source": "cloud", "model": "Opus", "endpoint": None}])

    def script(self, text, running=True):
        """As sh runs it with an `ollama` that writes down what it is asked."""
        folder = os.path.join(self.machine.home, "bin")
        os.makedirs(folder, exist_ok=True)
        log = os.path.join(self.machine.home, "asked")
        with open(os.path.join(folder, "ollama"), "w") as out:
            out.write(f"#!/bin/sh\n[ {int(running)} = 1 ] || exit 1\necho \"$OLLAMA_HOST $*\" >>{log}\n")
        os.chmod(os.path.join(folder, "ollama"), 0o755)
        result = subprocess.run(["sh"], input=text, env={"PATH": folder + ":/usr/bin:/bin"}, capture_output=True, text=True)
        asked = self.read(log).decode().splitlines() if os.path.exists(log) else []
        return result, asked

    def test_setup_ollama(self):
        self.small["name"], self.small["description"] = "It's $HOME `tiny`", "for all\\033[1m\\c"
        self.machine.manifest([self.llm, self.small, self.words])
        text = self.export("setup-ollama").out
        result, asked = self.script(text, running=False)
        self.assertEqual((result.returncode, asked), (1, []))
        self.assertEqual(result.stderr, "ERROR: Ollama is not running. Start it with: ollama serve\n")
        result, asked = self.script(text)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(asked, [" list", " pull tiny", " pull words", "127.0.0.1:11435 pull big:13b", " list"])
        self.assertIn("[1/3] It's $HOME `tiny`: for all\\033[1m\\c\n", result.stdout)
        self.assertIn("[3/3] big\n", result.stdout)
        self.assertIn("not in it: llama-a: Ollama does not have it", self.export("setup-ollama").err)
        self.assertEqual(json.loads(self.export("setup-ollama", "--json", "--phase", "2").out)["data"]["models"], ["big"])
        self.assertEqual(self.machine.run("export", "setup-ollama", "llama-a").returncode, 2)

    def test_what_is_chosen(self):
        self.pull()
        for name in FORMATS:
            with self.subTest(name):
                result = self.machine.run("export", name, "--json", "tiny")
                if name.startswith("llama"):
                    self.assertEqual(result.returncode, 2)
                    continue
                self.assertEqual(json.loads(result.out)["data"]["models"], ["tiny"])

    def test_nothing_is_there(self):
        self.machine.manifest([self.llm])
        self.machine.manifest([self.diffusion], phase=2)
        for name in FORMATS:
            result = self.machine.run("export", name)
            self.assertEqual((result.returncode, result.out), (2, ""), name)
            self.assertIn("`ncmodel list` shows what is installed", result.err)


if __name__ == "__main__":
    unittest.main()
