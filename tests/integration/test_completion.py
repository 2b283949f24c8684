"""Completions, pressed in a real shell on a terminal: what a key inserts is what the program is then called with.

usage: test_completion.py bash|zsh|fish     (exit code 77: that shell is not here)

Each line is typed up to the key, then ended: a stand-in for `ncmodel` in the path hands the questions of the completions
on, and writes down whatever else it is called with. No screen has to be read for that.
"""
import json
import os
import pty
import re
import select
import shutil
import signal
import sys
import time
import unittest

from harness import BINARY, Case, gguf

SHELL = ""
STAND_IN = """#!/bin/sh
if [ "$1" = completion ] && [ -z "$NCM_BROKEN" ]; then exec "$NCM_REAL" "$@"; fi
if [ "$1" = completion ]; then echo "trouble" >&2; exit 1; fi
for word; do printf '%s\\n' "$word"; done >"$NCM_CALLS.new"
echo "=cwd $PWD" >>"$NCM_CALLS.new"
mv "$NCM_CALLS.new" "$NCM_CALLS"
"""
COMMANDS = {
    "bash": ["bash", "--noprofile", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"],
}
SETUP = {
    "bash": "PS1='ready> '; bind 'set bell-style none'; unset HISTFILE; source {script}",
    "zsh": "PS1='ready> '; unsetopt beep; autoload -U compinit; compinit -u -D; source {script}",
    "fish": "function fish_prompt; echo -n 'ready> '; end; function fish_greeting; end; source {script}",
}


class Shell:
    """A shell on a terminal of its own."""

    def __init__(self, name, env, folder, script):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(COMMANDS[name][0], COMMANDS[name], env)
        self.screen = ""
        self.quiet(0.3)
        self.write(SETUP[name].format(script=script) + "\r")
        self.wait(lambda: self.screen.count("ready> ") >= 2, "no prompt")
        self.quiet(0.2)

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        if b"\x1b[c" in data:  # "what terminal are you?"
            os.write(self.fd, b"\x1b[?1;2c")
        self.screen += data.decode(errors="replace")
        return True

    def quiet(self, seconds):
        while self.read(seconds):
            pass

    def wait(self, done, why, seconds=30):
        end = time.monotonic() + seconds
        while not done():
            self.read(0.05)
            if time.monotonic() > end:
                raise AssertionError(f"{why}: {self.screen[-2000:]!r}")

    def write(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


class PressedTest(Case):
    """One shell; SHELL says which."""

    def setUp(self):
        super().setUp()
        m = self.machine
        self.bin = os.path.join(m.home, "bin")
        os.makedirs(self.bin)
        with open(os.path.join(self.bin, "ncmodel"), "w") as out:
            out.write(STAND_IN)
        os.chmod(out.name, 0o755)
        self.calls = os.path.join(m.home, "calls")
        self.work = os.path.join(m.home, "work")
        os.makedirs(os.path.join(self.work, "sub folder"))
        for name in ("notes.json", "sub folder/inner.json"):
            open(os.path.join(self.work, name), "w").close()
        self.script = os.path.join(m.home, "completion." + SHELL)
        with open(self.script, "w") as out:
            out.write(m.run("completion", SHELL).out)
        self.fill()

    def fill(self):
        """alpha and "colon:3b" are installed, alpine is offered, beta is another profile's."""
        m = self.machine
        alpha = {**m.simple("alpha.gguf", gguf("a", 100)), "use_cases": ["Summarization"], "tags": ["Verbatim"]}
        m.manifest([alpha])
        self.pull()
        self.change(lambda models: models.append({**models[0], "id": "colon:3b", "name": "colon"}))
        alpine = {**m.simple("alpine.gguf", gguf("b", 100)), "use_cases": ["Translation"], "tags": ["Quiet"]}
        alpine["variants"] = [{"name": "q8_0", "files": alpine["files"]}]
        m.manifest([alpine])
        m.manifest([m.simple("beta.gguf", gguf("d", 100))], profile="second")

    def change(self, change):
        document = self.machine.registry()
        change(document["models"])
        with open(self.machine.store("models.json"), "w") as file:
            json.dump(document, file)

    def shell(self, **env):
        m = self.machine
        env = {**m.env, "PATH": self.bin + ":" + m.env["PATH"], "TERM": "xterm", "NCM_REAL": BINARY,
               "NCM_CALLS": self.calls, "XDG_DATA_HOME": os.path.join(m.home, "data"), **env}
        shell = Shell(SHELL, env, self.work, self.script)
        self.addCleanup(shell.close)
        return shell

    def press(self, shell, typed, keys="\t"):
        """The words that ncmodel is called with."""
        if os.path.exists(self.calls):
            os.unlink(self.calls)
        shell.write(typed + keys)
        shell.quiet(0.4)
        shell.write("\r")
        shell.wait(lambda: os.path.exists(self.calls), f"{typed!r} never ran")
        shell.quiet(0.1)
        with open(self.calls) as file:
            words = file.read().splitlines()
        return words[:-1]

    def test_what_a_key_inserts(self):
        shell = self.shell()
        for typed, expected in (
                ("ncmodel verif", ["verify"]),
                ("ncmodel pull --offl", ["pull", "--offline"]),
                ("ncmodel --manifest-d", ["--manifest-dir"]),
                ("ncmodel pull alp", ["pull", "alpine"]),  # offered
                ("ncmodel plan alp", ["plan", "alpine"]),
                ("ncmodel rm alp", ["rm", "alpha"]),  # installed
                ("ncmodel verify alp", ["verify", "alpha"]),
                ("ncmodel show alph", ["show", "alpha"]),
                ("ncmodel show alpi", ["show", "alpine"]),
                ("ncmodel ls alp", ["ls", "alpha"]),
                ("ncmodel list --available alp", ["list", "--available", "alpine"]),
                ("ncmodel manifest dump alp", ["manifest", "dump", "alpha"]),
                ("ncmodel pull --profile second b", ["pull", "--profile", "second", "beta"]),
                ("ncmodel --profile=second pull b", ["--profile=second", "pull", "beta"]),
                ('ncmodel rm "alp', ["rm", "alpha"]),
                ("NCM_SET=1 ncmodel rm alp", ["rm", "alpha"]),
                ("ncmodel pull --phase 1 --to=comfyui/check", ["pull", "--phase", "1", "--to=comfyui/checkpoints"]),
                ("ncmodel rm colon:", ["rm", "colon:3b"]),
                ("ncmodel pull --profile sec", ["pull", "--profile", "second"]),
                ("ncmodel pull --profile=sec", ["pull", "--profile=second"]),
                ("ncmodel pull --profile test,sec", ["pull", "--profile", "test,second"]),
                ("ncmodel pull --profile=test,sec", ["pull", "--profile=test,second"]),
                ("ncmodel list --store whi", ["list", "--store", "whisper-cpp"]),
                ("ncmodel adopt --store=whi", ["adopt", "--store=whisper-cpp"]),
                ("ncmodel verify --store whi", ["verify", "--store", "whisper-cpp"]),
                ("ncmodel pull --to comfyui/check", ["pull", "--to", "comfyui/checkpoints"]),
                ("ncmodel --store-path whi", ["--store-path", "whisper-cpp="]),
                ("ncmodel list --usecase Tran", ["list", "--usecase", "Translation"]),
                ("ncmodel list --usecase Summ", ["list", "--usecase", "Summarization"]),
                ("ncmodel select --profile nexus --role over", ["select", "--profile", "nexus", "--role", "overseer"]),
                ("ncmodel select --profile nebula-rtx3060 --task Qui", ["select", "--profile", "nebula-rtx3060", "--task", "Quick chat"]),
                ("ncmodel pull --tag Qui", ["pull", "--tag", "Quiet"]),
                ("ncmodel pull alpine --variant q", ["pull", "alpine", "--variant", "q8_0"]),
                ("ncmodel pull --source civ", ["pull", "--source", "civitai"]),
                ("ncmodel pull --priority me", ["pull", "--priority", "medium"]),
                ("ncmodel --layout li", ["--layout", "linux"]),
                ("ncmodel help exit", ["help", "exit-codes"]),
                ("ncmodel help outd", ["help", "outdated"])):
            with self.subTest(typed):
                self.assertEqual(self.press(shell, typed), expected)

    def test_paths(self):
        shell = self.shell()
        for typed, expected in (
                ("ncmodel pull -f no", ["pull", "-f", "notes.json"]),
                ("ncmodel --lock=no", ["--lock=notes.json"]),
                ("ncmodel --root su", ["--root", "sub folder/"]),
                ("ncmodel manifest check no", ["manifest", "check", "notes.json"]),
                ("ncmodel adopt no", ["adopt", "notes.json"]),
                ("ncmodel --store-path comfyui=su", ["--store-path", "comfyui=sub folder/"]),
                ("ncmodel --root no", ["--root", "no"])):  # no folder
            with self.subTest(typed):
                got = self.press(shell, typed)
                self.assertEqual([word.rstrip("/") for word in got], [word.rstrip("/") for word in expected])

    def test_nothing_is_inserted_where_nothing_is_known(self):
        shell = self.shell()
        for typed in ("link", "adopt", "gc", "df", "limits", "version", "manifest init", "pull --reserve"):
            with self.subTest(typed):
                # `null` was offered where a command has no words
                self.assertNotIn("null", " ".join(self.press(shell, f"ncmodel {typed} nu")[1:]))
        self.assertEqual(self.press(shell, "ncmodel gc a"), ["gc", "a"])
        self.assertNotIn("(null)", self.machine.run("completion", SHELL).out)

    def test_words_stay_words(self):
        """A name with a space, and one that would be a command."""
        self.change(lambda models: models[0].update(tags=["two words", "z$(touch${IFS}ran)"]))
        shell = self.shell()
        self.assertEqual(self.press(shell, "ncmodel list --tag tw"), ["list", "--tag", "two words"])
        self.assertEqual(self.press(shell, "ncmodel list --tag z"), ["list", "--tag", "z$(touch${IFS}ran)"])
        self.assertEqual(sorted(os.listdir(self.work)), ["notes.json", "sub folder"])

    def test_a_name_that_would_be_an_option_is_not_offered(self):
        self.change(lambda models: models.append({**models[0], "id": "--all", "name": "--all"}))
        answer = self.machine.run("completion", "--answer", "--", "rm", "").out
        self.assertIn("alpha", answer)
        self.assertNotIn("--all", answer)

    def test_words_stay_words_in_an_open_quote(self):
        names = ["x$(touch${IFS}ran)", "y`touch ran`", "u'$(touch ran)", 'v"$(touch ran)', "w\\$(touch ran)"]
        self.change(lambda models: models[0].update(tags=names))
        shell = self.shell()
        for quote in "\"'":
            for name in names:
                # bash offers none that would end the quote; zsh's _describe takes a backslash away
                if (SHELL == "bash" and quote in name) or (SHELL == "zsh" and "\\" in name):
                    continue
                with self.subTest(quote + name):
                    self.assertEqual(self.press(shell, f"ncmodel list --tag {quote}{name[0]}"), ["list", "--tag", name])
        self.assertEqual(sorted(os.listdir(self.work)), ["notes.json", "sub folder"])

    def test_a_failing_program_says_nothing(self):
        shell = self.shell(NCM_BROKEN="1")
        shell.screen = ""
        self.assertEqual(self.press(shell, "ncmodel pull al"), ["pull", "al"])
        self.assertNotIn("trouble", shell.screen)

    def test_nothing_is_said_when_nothing_can_be_read(self):
        m = self.machine
        os.makedirs(os.path.join(m.home, ".config/ncmodel"))
        with open(os.path.join(m.home, ".config/ncmodel/config.json"), "w") as out:
            out.write("{ broken")
        shell = self.shell()
        shell.screen = ""
        self.assertEqual(self.press(shell, "ncmodel rm al"), ["rm", "al"])
        self.assertEqual(self.press(shell, "ncmodel verif"), ["verify"])
        self.assertNotIn("config.json", shell.screen)

    def test_all_are_listed(self):
        shell = self.shell()
        shell.screen = ""
        shell.write("ncmodel list --by-\t\t")
        wanted = {"--by-usecase", "--by-phase", "--by-store", "--by-source"}
        shell.wait(lambda: wanted <= set(re.findall(r"--by-[a-z]+", shell.screen)), "not all are listed")


if __name__ == "__main__":
    SHELL = sys.argv.pop(1)
    if not shutil.which(SHELL):
        sys.exit(77)
    unittest.main()
