"""What is told where several stores have a model, where no server answers, in which letters, and when nobody can read it."""
import json
import os
import re
import subprocess
import time
import unittest

from harness import BINARY, Case, gguf, sha256

MIB = 1 << 20


class Stores(Case):
    def test_two_stores_one_size(self):
        """A model in two stores shows both; one copy of it counts once, two count twice."""
        data = gguf("both", 2 * MIB)
        url = self.hub.url("/files/both.gguf", data)
        self.machine.manifest([{"id": "both", "files": [{
            "from": [url], "insecure_http": True, "sha256": sha256(data), "size": len(data),
            "to": [{"store": "llama-cpp"}, {"store": "comfyui", "folder": "unet"}]}]}])
        self.pull()
        paths = [file["path"] for file in json.loads(self.machine.run("list", "--json").out)["data"]["models"][0]["files"]]
        os.unlink(paths[1])
        os.link(paths[0], paths[1])
        self.assertEqual(self.listed(), (["llama-cpp", "comfyui"], 2 * len(data), len(data)))
        self.assertIn("llama-cpp, comfyui", self.machine.run("list").out)
        self.assertIn("2.10 MB", self.machine.run("list").out)
        by_store = self.machine.run("list", "--by-store").out
        self.assertEqual(len(re.findall(r"^(?:comfyui|llama-cpp) ", by_store, re.M)), 2, by_store)
        os.unlink(paths[1])
        subprocess.run(["cp", "--reflink=never", paths[0], paths[1]], check=True)
        self.assertEqual(self.listed()[2], 2 * len(data))
        self.assertIn("4.19 MB", self.machine.run("list").out)

    def listed(self):
        model = json.loads(self.machine.run("list", "--json").out)["data"]["models"][0]
        return model["stores"], model["size"], model["on_disk"]


class ServedBy(Case):
    def test_shared_licence(self):
        """Two models share a licence, which comes once: each is told by its own weights."""
        licence = b"the licence" * 1000
        for name in ("one", "two"):
            self.hub.ollama(f"library/{name}", [("license", licence), ("model", gguf(name, 50_000))])
        result = json.loads(self.pull("--json", "ollama:two", "ollama:one").out)["data"]["result"]
        for model in result["models"]:
            self.assertIn(f"ollama:{model['id'].split(':')[0]}", model["served_by"])
        out = self.machine.run("list", "--json").out
        self.assertIn("ollama:one", out)


class CutOff(Case):
    """Nothing answers: a port without a server, and a name that does not exist."""

    def offline(self, *arguments):
        dead = "http://127.0.0.1:1"
        began = time.monotonic()
        result = self.machine.run(*arguments, env={"HF_ENDPOINT": dead, "NCMODEL_OLLAMA_REGISTRY": dead,
                                                   "NCMODEL_CIVITAI_ENDPOINT": dead})
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(result.returncode, 7, result.err)
        return result

    def world(self):
        place = [{"store": "llama-cpp"}]
        pinned = {"sha256": "b" * 64, "size": 3_000_000, "to": place}
        self.machine.manifest(
            [{"id": f"unpinned-{i}", "files": [{"from": [f"hf:Org/Repo{i}/x{i}.gguf"], "to": place}]} for i in range(4)] +
            [{"id": f"tag-{i}", "files": [{"from": [f"ollama:x{i}"]}]} for i in range(4)] +
            [{"id": f"pinned-{i}", "files": [{"from": [f"https://nowhere{i}.invalid/p{i}.gguf"], **pinned,
                                             "sha256": f"{i:064x}"}]} for i in range(1, 9)])

    def test_once(self):
        self.world()
        result = self.offline("pull", "-y")
        self.assertEqual(result.err.count("ncmodel: "), 1, result.err)
        self.assertEqual(result.err.count("hint:"), 1, result.err)
        self.assertIn("no network: 16 models", result.err)
        self.assertNotRegex(result.err, r"(?m)^(?:retry|failed|fetch)\b")
        self.assertNotIn("failed  ", result.out)

    def test_for_programs_of_each(self):
        self.world()
        document = json.loads(self.offline("pull", "-y", "--json").out)
        self.assertEqual({error["code"] for error in document["errors"]}, {"network"})
        self.assertEqual(len({error["model"] for error in document["errors"]}), 16)
        self.assertEqual(len(document["errors"]), 16)

    def test_as_it_was_typed(self):
        result = self.offline("pull", "-y", "hf:Org/Repo/x.gguf")
        self.assertIn("hf:Org/Repo/x.gguf", result.err)
        self.hub.routes["service"].clear()
        result = self.machine.run("pull", "-y", "ollama:nosuch:1b")
        self.assertEqual(result.returncode, 5)
        self.assertIn("ncmodel: ollama:nosuch:1b: ", result.err)
        self.assertIn("failed  ollama:nosuch:1b  not_found", result.out)

    def test_one_that_answers_is_enough_for_patience(self):
        """A server that answers, and then is away for a while: it is asked again as ever."""
        data = gguf("x", 2000)
        model = self.machine.simple("x.gguf", data, pinned=False)
        self.machine.manifest([model])
        self.hub.fault("/files/x.gguf", "drop", times=3)
        self.pull()


class Letters(Case):
    def setUp(self):
        super().setUp()
        data = gguf("umlaut", 3000)
        self.machine.manifest([{**self.machine.simple("umlaut.gguf", data), "name": "Müller – größer"}])

    def test_ascii_where_the_locale_is(self):
        for locale in ({"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "", "LC_CTYPE": "de_DE.ISO-8859-1"},
                       {"LC_ALL": "", "LANG": "C"}, {"LC_ALL": ""}):
            for command in (["plan"], ["list", "--available"], ["show", "umlaut"], ["diff"], ["pull", "-y", "-n"]):
                result = self.machine.run(*command, env=locale)
                (result.out + result.err).encode("ascii")
                self.assertNotIn("�", result.out)
            self.assertIn("M\\u{fc}ller - gr", self.machine.run("plan", env=locale).out)

    def test_utf8_where_the_locale_is(self):
        for locale in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "", "LANG": "de_DE.utf8"}, {"LC_ALL": "", "LC_CTYPE": "en_US.UTF-8"}):
            self.assertIn("Müller – größer", self.machine.run("plan", env=locale).out)


class Unwritable(Case):
    """An answer that cannot be written was not given: exit code 1, whatever the command."""
    COMMANDS = (["list", "--available"], ["list", "--available", "--json"], ["plan"], ["show", "x"], ["profiles"], ["limits"],
                ["help"], ["help", "pull"], ["version"], ["completion", "bash"], ["df"], ["gc"], ["verify"],
                ["manifest", "dump", "--all"], ["diff"], ["list", "-q", "--available"], ["help", "--man"])

    def setUp(self):
        super().setUp()
        self.machine.manifest([self.machine.simple("x.gguf", gguf("x", 3000))])

    def shell(self, command, redirection):
        return subprocess.run(["sh", "-c", f'exec "$@" {redirection}', "sh", BINARY, *command], env=self.machine.env,
                              cwd=self.machine.home, capture_output=True, text=True, check=False)

    def test_closed_or_full(self):
        for command in self.COMMANDS:
            if not self.machine.run(*command).out:
                continue
            for redirection in (">&-", ">/dev/full"):
                with self.subTest(command=command, redirection=redirection):
                    result = self.shell(command, redirection)
                    self.assertEqual(result.returncode, 1, result.stderr)
                    self.assertIn("cannot write to standard output", result.stderr)

    def test_nothing_is_written_into_files(self):
        """A closed standard output is not the next file that is opened."""
        result = self.shell(["pull", "-y"], ">&- 2>&- <&-")
        self.assertEqual(result.returncode, 1)
        self.check_registry()
        self.assertEqual(len(self.entries()), 1)

    def test_a_reader_that_goes_away(self):
        result = subprocess.run(["sh", "-c", '"$1" help --man | true', "sh", BINARY], env=self.machine.env,
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.stderr, "")


if __name__ == "__main__":
    unittest.main()
