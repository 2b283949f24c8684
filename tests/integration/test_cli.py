"""The command line itself: help, options, exit codes, the JSON document, terminals, hostile names, signals."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from harness import BINARY, SOURCE, Case, gguf, sha256

COMMANDS = ["plan", "pull", "verify", "list", "show", "manifest", "profiles", "limits", "completion", "help", "version"]
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "::set-output name=x::\u001b]52;c;aGk=\u0007 \u202egnp.exe \u009b31m ##[group]"


class CliCase(Case):
    def run_cli(self, *arguments, code=0, env=None):
        result = self.machine.run(*arguments, env=env)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.err}{result.out}")
        return result

    def document(self, *arguments, code=0, env=None):
        """Exactly one document on standard output, whatever happens."""
        result = self.run_cli(*arguments, code=code, env=env)
        answer = json.loads(result.out)
        self.check_envelope(answer, code)
        return answer

    def check_envelope(self, answer, code):
        self.assertEqual(list(answer), ["schema", "command", "ok", "exit_code", "data", "errors", "warnings"])
        self.assertEqual((answer["schema"], answer["exit_code"], answer["ok"]), ("ncmodel/1", code, code == 0))
        self.assertIsInstance(answer["data"], dict)
        for error in answer["errors"]:
            self.assertEqual(list(error), ["code", "message", "hint", "model", "retryable"])
            self.assertTrue(error["message"])
        self.assertEqual(bool(answer["errors"]), code != 0)

    def terminal(self, *arguments, columns=100, answer=None, env=None):
        return self.on_terminal(arguments, {"TERM": "xterm", **(env or {})}, b"[Y/n]", answer, columns)


class HelpTest(CliCase):
    def test_every_command_explains_itself(self):
        overview = self.run_cli("help").out
        self.assertEqual(self.run_cli("--help").out, overview)
        self.assertEqual(self.run_cli().out, overview)
        for command in COMMANDS:
            self.assertRegex(overview, rf"(?m)^  {command} ")
            text = self.run_cli("help", command)
            self.assertIn(f"usage: ncmodel {command}", text.out)
            self.assertEqual(text.err, "")
            if command != "help":
                self.assertEqual(self.run_cli(command, "--help").out, text.out)
                self.assertEqual(self.run_cli("-h", command).out, text.out)
        self.assertIn("usage: ncmodel list", self.run_cli("help", "ls").out)
        for topic in ("exit-codes", "environment", "files"):
            self.assertTrue(self.run_cli("help", topic).out)

    def test_version(self):
        self.assertRegex(self.run_cli("--version").out, r"^ncmodel \d+\.\d+\.\d+\n$")
        self.assertEqual(self.run_cli("version").out, self.run_cli("--version").out)

    def test_man_pages(self):
        """One for the program and one for each command: complete, and without a warning of those who read them."""
        page = self.run_cli("help", "--man").out
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "CONFIGURATION", "ENVIRONMENT", "FILES",
                        "EXAMPLES", "SEE ALSO"):
            self.assertIn(f".SH {section}\n", page)
        pages = {"ncmodel": page}
        for command in re.findall(r"(?m)^  (\w+) ", self.run_cli("help").out.split("To begin")[0]):
            self.assertIn(f".BR ncmodel\\-{command} (1)", page)
            pages[command] = self.run_cli("help", "--man", command).out
            self.assertIn(f"\nncmodel\\-{command} \\- ", pages[command])
            for option in re.findall(r"(?m)^  (?:-\w, |    )--([\w-]+)", self.run_cli("help", command).out):
                self.assertIn("\\-\\-" + option.replace("-", "\\-") + "\\fR", pages[command], command)
        with open(os.path.join(SOURCE, "cmd", "meson.build")) as build:
            installed = re.search(r"foreach name : \[(.*?)\]", build.read(), re.S).group(1)
        self.assertEqual(sorted(re.findall(r"\w+", installed)), sorted(pages.keys() - {"ncmodel"}))
        self.run_cli("help", "--man", "nosuch", code=2)
        for reader in (["mandoc", "-T", "lint"], ["groff", "-man", "-ww", "-Tutf8"]):
            for name, text in pages.items() if shutil.which(reader[0]) else ():
                lint = subprocess.run(reader, input=text, capture_output=True, text=True)
                told = lint.stdout + lint.stderr if reader[0] == "mandoc" else lint.stderr
                self.assertEqual(told, "", (reader, name))

    def test_limits_and_profiles(self):
        self.assertRegex(self.run_cli("limits").out, r"(?m)^redirects +10")
        self.assertIn("test", self.run_cli("profiles", "-q").out.splitlines())


class CompletionTest(CliCase):
    def script(self, shell):
        path = os.path.join(self.machine.home, "completion." + shell)
        with open(path, "w") as out:
            out.write(self.run_cli("completion", shell).out)
        return path

    def complete(self, *words):
        """What bash offers for the last word."""
        folder = os.path.join(self.machine.home, "bin")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.symlink(BINARY, os.path.join(folder, "ncmodel"))
        script = f"""source {self.script("bash")}
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE=$*; COMP_POINT=${{#COMP_LINE}}
            _ncmodel 2>/dev/null; printf '%s\\n' "${{COMPREPLY[@]}}" """
        result = subprocess.run(["bash", "-c", script, "bash", "ncmodel", *words], capture_output=True, text=True,
                                env={**self.machine.env, "PATH": folder + ":" + self.machine.env["PATH"]})
        return result.stdout.split("\n")[:-1]

    def test_syntax(self):
        for shell in ("bash", "zsh", "fish"):
            path = self.script(shell)
            if shutil.which(shell):
                check = subprocess.run([shell, "-n", path], capture_output=True, text=True)
                self.assertEqual((check.returncode, check.stderr), (0, ""))
        self.run_cli("completion", "tcsh", code=2)

    def test_bash_offers(self):
        m = self.machine
        m.manifest([m.simple("alpha.gguf", gguf("a", 100)), m.simple("beta.gguf", gguf("b", 100))])
        self.assertEqual(self.complete("ver"), ["verify", "version"])
        self.assertEqual(self.complete("pull", "--lo"), ["--lock", "--locked"])
        self.assertEqual(self.complete("pull", "al"), ["alpha"])
        self.assertEqual(self.complete("pull", "--progress", "b"), ["bar"])
        self.assertEqual(self.complete("pull", "--profile", "te"), ["test"])
        self.assertEqual(self.complete("ls", "--by-p"), ["--by-phase"])
        self.assertEqual(sorted(self.complete("manifest", "")), ["check", "dump", "import", "init"])

    def test_purposes_of_the_profiles_documents(self):
        """Each word that is offered is one that select takes."""
        for profile, option in (("nexus", "--role"), ("nebula-rtx3060", "--task"), ("vector-weight", "--pipeline")):
            words = self.answer("select", "--profile", profile, option, "")
            self.assertGreater(len(words), 0, option)
            self.assertEqual(len(words), len(set(words)))
            for word in words:
                with self.subTest(option=option, word=word):
                    result = self.machine.run("select", "--profile", profile, option, word, "-q")
                    self.assertNotEqual(result.returncode, 2, result.err)

    def answer(self, *words, env=None):
        result = self.run_cli("completion", "--answer", "--", *words, env=env)
        self.assertEqual(result.err, "")
        return [line.split("\t")[0] for line in result.out.splitlines()]

    def test_every_option_is_offered_and_its_value_known(self):
        """The help is the oracle: what it lists can be completed."""
        everywhere = set(re.findall(r"(?m)^  (?:-\w, |    )(--[\w-]+)", self.run_cli("help").out.split("Global options")[1]))
        for command in re.findall(r"(?m)^  (\w+) ", self.run_cli("help").out.split("To begin")[0]):
            text = self.run_cli("help", command).out
            own = re.findall(r"(?m)^  (?:-\w, |    )(--[\w-]+) ?([A-Z][^ \n]*)?", text)
            offered = self.answer(command, "--")
            self.assertEqual(set(offered), everywhere | {name for name, _ in own}, command)
            for name, value in own:
                words = self.answer(command, name, "")
                if value.startswith("STORE"):
                    self.assertIn("comfyui", words, (command, name))
                if value.startswith(("FILE", "DIR")):
                    self.assertIn(words[0], (":files", ":folders"), (command, name))

    def test_what_mv_moves(self):
        """A store and then a folder, or installed models; with --to models alone."""
        m = self.machine
        m.manifest([m.simple("alpha.gguf", gguf("a", 100)), m.simple("beta.gguf", gguf("b", 100))])
        self.pull("alpha")
        self.assertLess({"alpha", "comfyui", "ollama"}, set(self.answer("mv", "")))
        self.assertNotIn("beta", self.answer("mv", ""))
        self.assertEqual(self.answer("mv", "-n", "ollama", ""), [":folders"])
        self.assertEqual(self.answer("mv", "ollama", "/srv", ""), [])
        self.assertEqual(self.answer("mv", "alpha", ""), ["alpha"])
        self.assertEqual(self.answer("mv", "--to", "comfyui", ""), ["alpha"])
        self.assertIn("comfyui/loras", self.answer("mv", "alpha", "--to", "comfyui/"))
        self.assertEqual(self.answer("stores", ""), [])

    def test_an_answer_is_never_a_complaint(self):
        m = self.machine
        m.manifest([m.simple("alpha.gguf", gguf("a", 100))])
        self.pull()
        document = m.registry()
        document["models"] = [{**document["models"][0], "id": f"m{i}", "name": f"m{i}"} for i in range(5000)]
        with open(m.store("models.json"), "w") as file:
            json.dump(document, file)
        self.assertEqual(len(self.answer("rm", "")), 5000)
        for words in ([], ["nosuch", ""], ["pull", "--nosuch", ""], ["pull", "--phase", "9", ""], ["--root"], ["--", ""],
                      ["-j"], ["pull", "-"], ["pull", "--config", "/none", ""], ["pull", "--layout", "none", "--store", ""],
                      ["pull", "--to", "none/"], ["-" * 5000], ["pull", "\udcff", ""], ["--=", ""], ["--profile=,", ""]):
            self.answer(*words)
        with open(m.store("models.json"), "w") as file:
            file.write("{")
        self.assertEqual(self.answer("rm", ""), [])

    def test_names_are_never_run(self):
        m = self.machine
        m.manifest([m.simple("good.gguf", gguf("a", 100))])
        self.pull()
        with open(m.store("models.json")) as file:
            document = json.load(file)
        document["models"][0]["name"] = document["models"][0]["id"] = "x$(touch${IFS}ran)"
        with open(m.store("models.json"), "w") as file:
            json.dump(document, file)
        self.complete("show", "")
        self.assertNotIn("ran", os.listdir(os.getcwd()) + os.listdir(m.home))


class UsageTest(CliCase):
    def test_wrong_words_exit_2_and_say_what_may_be_meant(self):
        for arguments, says in ((["pul"], "pull"), (["verfy"], "verify"), (["pull", "--lokced"], "--locked"),
                                (["list", "--by-fase"], "--by-phase"), (["--jsn", "list"], "--json"),
                                (["--phase", "1", "pull"], "after it"), (["pull", "--phase"], "needs a value"),
                                (["pull", "--phase", "4"], "phase"), (["pull", "--phase", "1,,2"], "phase"),
                                (["pull", "-j", "0"], "1 to 16"), (["pull", "-j99999999999999999999"], "1 to 16"),
                                (["pull", "--limit-rate", "fast"], "size"), (["pull", "--progress", "dots"], "plain"),
                                (["pull", "--priority", "urgent"], "high"), (["pull", "--locked=yes"], "no value"),
                                (["limits", "all"], "no argument"), (["show"], "which model"),
                                (["manifest", "chek", "x"], "check"), (["manifest"], "check"), (["pull", ""], "empty"),
                                (["list", "--by-phase", "--by-store"], "one way"), (["pull", "--all", "x"], "--all"),
                                (["pull", "-nZ"], "-Z"), (["--store-path", "nonsense", "list"], "STORE=PATH")):
            result = self.run_cli(*arguments, code=2)
            self.assertIn(says, result.err, arguments)
            self.assertTrue(result.err.startswith("ncmodel: "), result.err)
            self.assertEqual(result.out, "")

    def test_spellings_of_options(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 100))])
        for arguments in (["pull", "-nq"], ["pull", "-n", "-j", "2"], ["pull", "-j2", "-n"], ["pull", "--jobs=2", "-n"],
                          ["-q", "pull", "--dry-run"], ["pull", "-nj2"], ["--profile=test", "plan"],
                          ["plan", "--phase=1", "--phase", "1"], ["plan", "--", "a"]):
            self.run_cli(*arguments)
        self.run_cli("plan", "--", "--all", code=2)
        self.assertEqual(os.listdir(m.root), [])

    def test_unknown_model_names_the_nearest(self):
        m = self.machine
        m.manifest([m.simple("alpha.gguf", gguf("a", 100))])
        for command in ("plan", "pull", "show"):
            self.assertIn("alpha", self.run_cli(command, "alpa", code=2).err)
        self.run_cli("list", "alpa", code=2)
        self.run_cli("verify", "alpa", code=2)


class JsonTest(CliCase):
    def test_usage_errors_keep_the_envelope(self):
        for arguments in (["--json", "pul"], ["pul", "--json"], ["pull", "--bogus", "--json"], ["--json", "show"],
                          ["--json", "pull", "nosuch"], ["completion", "--json"], ["help", "nosuch", "--json"],
                          ["--json", "--config", "/nonexistent", "list"], ["manifest", "check", "/none", "--json"]):
            answer = self.document(*arguments, code=2)
            self.assertIn(answer["errors"][0]["code"], ("usage", "manifest_invalid"))

    def test_every_command_answers(self):
        m = self.machine
        path = m.manifest([m.simple("a.gguf", gguf("a", 1_000))])
        for arguments in (["list"], ["list", "--available"], ["plan"], ["pull"], ["verify"], ["verify", "--quick"],
                          ["show", "a"], ["manifest", "check", path], ["profiles"], ["limits"], ["completion", "bash"],
                          ["help"], ["version"], ["plan", "--help"], ["verify", "--store", "llama-cpp"], ["adopt"], ["link"],
                          ["link", "--unlink"], ["gc"], ["df"], ["lock"], ["lock", "--check"], ["diff"], ["outdated"],
                          ["manifest", "dump"], ["rm", "-n", "a"]):
            answer = self.document(*arguments, "--json")
            self.assertTrue(answer["command"])
        self.assertEqual(self.document("list", "--json")["data"]["models"][0]["id"], "a")
        self.assertEqual(self.document("show", "a", "--json")["data"]["models"][0]["registered"]["size"], 1_000)

    def test_failures_keep_the_envelope(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 1_000)), m.simple("b.gguf", gguf("b", 1_000))])
        self.assertEqual(self.document("plan", "--exit-code", "--json", code=3)["errors"][0]["code"], "changes_pending")
        self.assertEqual(self.document("pull", "--reserve", "100T", "--json", code=9)["errors"][0]["code"], "no_space")
        self.hub.fault("/files/b.gguf", "status", None, status=404)
        answer = self.document("pull", "--json", code=5)
        self.assertEqual([(e["code"], e["model"]) for e in answer["errors"]], [("not_found", "b")])
        self.assertEqual([x["outcome"] for x in answer["data"]["result"]["models"]], ["pulled", "failed"])
        with open(m.store("a.gguf"), "r+b") as file:
            file.seek(500)
            file.write(b"\0\0\0\0")
        answer = self.document("verify", "--json", code=4)
        self.assertEqual([(e["code"], e["model"]) for e in answer["errors"]], [("damaged", "a")])
        self.assertEqual(answer["data"]["files"][0]["verdict"], "damaged")

    def test_an_interrupted_pull_ends_with_one_document(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 20_000_000))])
        self.hub.rate = 200_000
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            self.hub.forget()
            process = m.start("pull", "--json")
            end = time.monotonic() + 20
            while not self.hub.asked("/files/a.gguf") and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.3)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
            self.assertEqual(process.returncode, code, err)
            answer = json.loads(out)
            self.check_envelope(answer, code)
            self.assertEqual([e["code"] for e in answer["errors"]], ["interrupted"])
            self.assertIn("run the same command", err)

    def test_an_ignored_hangup_stays_ignored(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 300_000))])
        self.hub.rate = 300_000
        process = m.start("pull", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        end = time.monotonic() + 20
        while not self.hub.asked("/files/a.gguf") and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, err)

    def test_progress_as_events(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 50_000)), m.simple("b.gguf", gguf("b", 1_000))])
        self.hub.fault("/files/b.gguf", "status", None, status=404)
        result = self.run_cli("pull", "--progress", "json", code=5)
        events = [json.loads(line) for line in result.err.splitlines()]
        names = [event["event"] for event in events]
        for name in ("started", "fetched", "placed", "registered", "failed", "error"):
            self.assertIn(name, names)


class ManifestTest(CliCase):
    def test_check(self):
        m = self.machine
        good = m.manifest([m.simple("a.gguf", gguf("a", 100))])
        bad, wrong = os.path.join(m.home, "bad.json"), os.path.join(m.home, "wrong.json")
        with open(bad, "w") as out:
            out.write('{"schema_version": 1,\n "models": [')
        with open(good) as file:
            document = json.load(file)
        document["models"][0]["kind"] = "spaceship"
        document["models"][0]["files"][0]["sha256"] = "XYZ"
        with open(wrong, "w") as out:
            json.dump(document, out, indent=1)
        self.assertIn("ok", self.run_cli("manifest", "check", good).out)
        self.assertIn("bad.json:2", self.run_cli("manifest", "check", bad, code=2).err)
        both = self.run_cli("manifest", "check", good, bad, wrong, code=2)
        for word in ("bad.json:2", "kind", "sha256"):
            self.assertIn(word, both.err)
        files = self.document("manifest", "check", good, wrong, "--json", code=2)["data"]["files"]
        self.assertEqual([file["ok"] for file in files], [True, False])
        self.assertGreaterEqual(len(files[1]["faults"]), 2)

    def faults(self, *specs, name="m.json", indent=1, code=2):
        path = os.path.join(self.machine.home, name)
        with open(path, "w") as out:
            json.dump({"schema_version": 1, "profile": "x", "phase": 1, "priority": "high", "models": [
                {"id": f"m{number}", "name": "M", "kind": "llm", "use_cases": [], "files": [
                    {"from": [f"https://example.org/{number}.gguf"], "to": [{"store": "llama-cpp"}], **spec}]}
                for number, spec in enumerate(specs)]}, out, indent=indent)
        return self.document("manifest", "check", path, "--json", code=code)["data"]["files"][0]["faults"]

    def test_stores_and_folders_are_those_of_the_layout(self):
        cases = (({"store": "comfui", "folder": "loras"}, "to[0].store", '"comfyui"'),
                 ({"store": "comfyui", "folder": "lora"}, "to[0].folder", '"loras"'),
                 ({"store": "llama-cpp", "folder": "loras"}, "to[0].folder", "no folders"),
                 ({"store": "ollama"}, "to[0].store", "takes no files"))
        for target, place, nearest in cases:
            faults = self.faults({"to": [target]})
            self.assertEqual(len(faults), 1, faults)
            self.assertIn("$.models[0].files[0]." + place, faults[0])
            self.assertIn(nearest, faults[0])
        faults = self.faults({"from": ["ollama:tiny:1b"], "to": [{"store": "llama-cpp"}]})
        self.assertIn("not an Ollama store", faults[0])
        self.assertEqual(self.faults({"to": [{"store": "comfyui", "folder": "loras"}]}, code=0), [])
        # Another layout has other stores; what a profile says of them does not keep anyone from the rest of it.
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 100)),
                    {"id": "b", "files": [{"from": ["https://example.org/b.gguf"], "to": [{"store": "elsewhere"}]}]}])
        self.assertEqual(m.run("plan", "a").returncode, 0)

    def test_faults_come_in_the_order_of_the_file(self):
        specs = [{"sha256": "a" * 64, "size": 0} if number % 2 else {"to": [{"store": "nowhere"}]} for number in range(12)]
        for indent in (1, None):  # each on a line of its own, and all on one
            faults = self.faults(*specs, indent=indent)
            self.assertEqual([int(re.search(r"models\[(\d+)\]", fault)[1]) for fault in faults], list(range(12)))

    def test_http_with_a_pinned_digest(self):
        http = "http://example.org/x.gguf"
        self.assertIn("sha256", self.faults({"from": [http]})[0])
        for spec in ({"from": [http], "sha256": "a" * 64}, {"from": [http + "#sha256=" + "a" * 64]},
                     {"from": [http], "insecure_http": True}):
            self.assertEqual(self.faults(spec, code=0), [])
        # And it is fetched, as on the command line.
        m, data = self.machine, gguf("plain", 2_000)
        url = self.hub.url("/plain.gguf", data)
        m.manifest([{"id": "pinned", "files": [{"from": [url], "to": [{"store": "llama-cpp"}], "sha256": sha256(data)}]},
                    {"id": "marked", "files": [{"from": [url + "#sha256=" + sha256(data)],
                                                "to": [{"store": "llama-cpp", "name": "other.gguf"}]}]}])
        self.pull()
        self.check_registry()


class EmptyTest(CliCase):
    def test_an_empty_registry_is_no_error(self):
        for arguments in (["list"], ["list", "--by-usecase"], ["verify"], ["list", "--phase", "1"]):
            result = self.run_cli(*arguments)
            self.assertEqual(result.out, "")
            self.assertIn("Nothing is installed yet", result.err)
        self.assertEqual(self.run_cli("list", "-q").err, "")
        self.assertEqual(os.listdir(self.machine.root), [])

    def test_nothing_to_do_is_one_line(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 1_000)), m.simple("b.gguf", gguf("b", 1_000))])
        self.pull()
        self.assertEqual(self.run_cli("pull").out, "All 2 models are in place (2.00 kB).\n")
        self.assertEqual(self.run_cli("plan", "--exit-code").out, "All 2 models are in place (2.00 kB).\n")
        self.assertEqual(self.run_cli("pull", "-q").out, "")


class OutputTest(CliCase):
    def hostile(self):
        m = self.machine
        model = m.simple("evil.gguf", gguf("e", 1_000))
        model.update(name=HOSTILE, license=HOSTILE, description=HOSTILE, tags=[HOSTILE], notes=[HOSTILE])
        m.manifest([model])
        return model

    def assert_clean(self, text):
        self.assertIsNone(CONTROL.search(text), repr(text))
        for line in text.splitlines():
            self.assertFalse(line.strip().startswith("::"), line)
            self.assertNotIn("##[", line)

    def test_no_foreign_byte_reaches_the_output(self):
        self.hostile()
        if self.machine.run("plan").returncode == 2:
            self.skipTest("the manifest's rules refuse such names before they can be shown")
        for arguments in (["list", "--available"], ["plan", "-v"], ["pull", "-v"], ["list"], ["list", "--by-usecase"],
                          ["show", "evil"], ["verify", "-v"], ["show", "evil", "--json"], ["list", "--json"],
                          ["pull", "--progress", "json"]):
            result = self.run_cli(*arguments)
            if "--json" in arguments:
                self.assertIsNone(CONTROL.search(result.out))
            else:
                self.assert_clean(result.out)
            self.assert_clean(result.err)

    def test_what_the_user_typed_is_escaped_too(self):
        for arguments in ([HOSTILE], ["--" + HOSTILE], ["show", HOSTILE], ["list", "--store", HOSTILE, HOSTILE],
                          ["manifest", "check", "/" + HOSTILE.replace("/", "")], ["--config", HOSTILE, "list"]):
            result = self.machine.run(*arguments)
            self.assertEqual(result.returncode, 2, result.err)
            self.assert_clean(result.err)
        result = self.run_cli("show", "x" * 100_000, code=2)
        self.assertLess(len(result.err), 20_000)

    def test_no_control_bytes_off_a_terminal(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 50_000))])
        for arguments in (["plan"], ["pull"], ["verify"], ["list"], ["help"], ["pull", "--progress", "bar", "--force"]):
            result = self.run_cli(*arguments, env={"TERM": "xterm"})
            self.assert_clean(result.out)
            self.assert_clean(result.err)

    def test_colour_by_the_environment(self):
        coloured = self.run_cli("limits", env={"CLICOLOR_FORCE": "1"}).out
        self.assertIn("\x1b[", coloured)
        for env in ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, {"CLICOLOR_FORCE": "0"}):
            self.assert_clean(self.run_cli("limits", env=env).out)
        self.assert_clean(self.run_cli("limits", "--no-color", env={"CLICOLOR_FORCE": "1"}).out)

    def test_full_and_closed_output(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([BINARY, "help"], env=self.machine.env, stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output", result.stderr)
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([BINARY, "help"], env=self.machine.env, stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_token_that_others_can_read_is_warned_of_once(self):
        path = os.path.join(self.machine.home, "token")
        with open(path, "w") as out:
            out.write("hf_abcdefghijklmnopqrstuvwxyz")
        for mode, times in ((0o644, 1), (0o600, 0)):
            os.chmod(path, mode)
            result = self.run_cli("list", "--available", env={"HF_TOKEN_PATH": path})
            self.assertEqual(result.err.count("ncmodel: warning:"), times, result.err)
            self.assertNotIn("hf_abc", result.out + result.err)


class TerminalTest(CliCase):
    def setUp(self):
        super().setUp()
        m = self.machine
        self.hub.rate = 500_000
        m.manifest([m.simple(f"model-{i}.gguf", gguf(f"t{i}", 250_000)) for i in range(3)])

    def test_the_question(self):
        text, code = self.terminal("pull", answer=b"n\n")
        self.assertEqual(code, 0, text)
        self.assertIn("Nothing was done", text)
        self.assertEqual(os.listdir(self.machine.root), [])
        text, code = self.terminal("pull", answer=b"\x03")
        self.assertEqual(code, 130, text)
        self.assertIn("run the same command", text)
        text, code = self.terminal("pull", answer=b"\n")
        self.assertEqual(code, 0, text)
        self.assertIn("Pulled 3", text)
        text, code = self.terminal("pull")
        self.assertNotIn("[Y/n]", text)

    def test_bars_fit_the_terminal(self):
        for columns in (30, 72):
            text, code = self.terminal("pull", "-y", columns=columns, env={"NO_COLOR": "1"})
            self.assertEqual(code, 0, text)
            self.assertIn("\x1b[J", text, "the bars are drawn over again")
            self.assertRegex(text, r"Total \d of 3")
            for line in re.findall(r"(?m)^(?:\x1b\[\d+A\x1b\[J)?(model-\d .*|Total.*)$", text.replace("\r", "")):
                self.assertLess(len(line), columns, line)
            shutil.rmtree(self.machine.root)
            os.makedirs(self.machine.root)

    def test_tables_fit_the_terminal(self):
        m = self.machine
        m.manifest([{**m.simple(f"model-{i}-of-some-length.gguf", gguf(f"t{i}", 1_000)), "quantization": "Q4_K_M",
                     "name": "A Model With a Long Name ☃☃ for Instruction 模型", "vram_gb": 12,
                     "use_cases": ["CodeGeneration", "Reasoning", "General"]} for i in range(3)])
        for columns in (50, 80, 120, 200):
            text, _ = self.terminal("list", "--available", columns=columns, env={"NO_COLOR": "1"})
            self.assertIn("model-1-of-some-length", text)
            self.assertEqual("CodeGeneration, Reasoning, General" in text, columns == 200)
            for line in text.replace("\r", "").splitlines():
                self.assertLessEqual(len(line) + len(re.findall("[\u4e00-\u9fff]", line)), columns)

    def test_plain_where_bars_cannot_be(self):
        for env in ({"TERM": "dumb"}, {"CI": "1", "NO_COLOR": "1"}):
            text, code = self.terminal("pull", "-y", env=env)
            self.assertEqual(code, 0, text)
            self.assertNotIn("\x1b", text)
            self.assertIn("fetched  model-0  ", text)  # a model of one file is called as the model
            shutil.rmtree(self.machine.root)
            os.makedirs(self.machine.root)


if __name__ == "__main__":
    unittest.main()
