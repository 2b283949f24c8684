"""`ncmodel status`: the manifests against the machine, and its page."""
import html.parser
import json
import os
import socket
import sys
import time
import unittest

from harness import SOURCE, Case, gguf

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import runtime_site  # noqa: E402


class Page(html.parser.HTMLParser):
    """What a browser would read: tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


class StatusTest(Case):
    def setUp(self):
        super().setUp()
        self.one, self.two = gguf("a", 3000), gguf("b", 5000)
        self.first = {**self.machine.simple("a.gguf", self.one), "use_cases": ["General"]}
        self.second = {**self.machine.simple("b.gguf", self.two), "use_cases": ["General", "CodeGeneration"]}
        self.machine.manifest([self.first, self.second])

    def status(self, *arguments, offline=True):
        """Without the servers of the machine that the test runs on, unless it says which."""
        result = self.machine.run("status", "--json", *(["--offline"] if offline else []), *arguments)
        self.assertEqual(result.returncode, 0, result.err)
        return json.loads(result.out)["data"]

    def test_phases_and_use_cases(self):
        data = self.status()
        self.assertEqual((data["model_count"], data["there"], data["registered"]), (2, 0, 0))
        self.pull(self.first["id"])
        data = self.status()
        self.assertEqual((data["model_count"], data["there"], data["extra"], data["damaged"]), (2, 1, 0, []))
        phase, = data["phases"]
        self.assertEqual((phase["name"], phase["profile"], phase["there"], phase["model_count"], phase["bytes"], phase["stated"]),
                         ("Phase 1 (high)", "test", 1, 2, 3000, 8000))
        uses = {use["name"]: (use["there"], use["model_count"], use["bytes"]) for use in data["use_cases"]}
        self.assertEqual(uses, {"General": (1, 2, 3000), "CodeGeneration": (0, 1, 0)})
        room = os.statvfs(self.machine.root)
        self.assertEqual(data["disks"][0]["total"], room.f_blocks * room.f_frsize)
        text = self.machine.run("status", "--offline")
        self.assertEqual((text.returncode, text.err), (0, ""))
        self.assertIn("1 of 2", text.out)
        self.assertIn("Damaged: nothing is known to be.", text.out)

    def test_phases_of_several_profiles_are_told_apart_at_80_columns(self):
        models = [self.machine.simple(f"{i}.gguf", b"x", pinned=i == 0) for i in range(3)]
        names = ("one-with-a-long-name", "two-with-a-long-name")
        for name in names:
            self.machine.manifest(models, profile=name)
        for columns in (80, 40):
            shown, code = self.on_terminal(["status", "--offline", "--profile", ",".join(names)], {"TERM": "xterm"},
                                           columns=columns)
            self.assertEqual((code, [name in shown for name in names]), (0, [True, True]), shown)

    def test_what_a_look_sees(self):
        self.pull()
        os.unlink(self.machine.store("a.gguf"))
        data = self.status()
        fault, = data["damaged"]
        self.assertEqual((fault["model"], fault["what"], fault["seen"], fault["path"]),
                         (self.first["id"], "missing", True, self.machine.store("a.gguf")))
        self.assertEqual((data["there"], data["phases"][0]["damaged"]), (1, 1))
        self.assertIn("ncmodel verify --repair", self.machine.run("status", "--offline").out)

    def test_what_the_last_verify_found(self):
        """Bytes that rot under the same size and time are seen by a verify alone, and stay told."""
        self.pull()
        path = self.machine.store("b.gguf")
        before = os.stat(path)
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            file.seek(4000)
            file.write(b"rot")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(self.status()["damaged"], [])
        self.assertEqual(self.machine.run("verify").returncode, 4)
        fault, = self.status()["damaged"]
        self.assertEqual((fault["model"], fault["what"], fault["seen"], fault["path"]), (self.second["id"], "damaged", False, None))

    def test_what_is_of_no_manifest(self):
        self.pull()
        self.machine.manifest([self.first])
        data = self.status()
        self.assertEqual((data["model_count"], data["there"], data["registered"], data["extra"]), (1, 1, 2, 1))

    def test_page(self):
        self.pull()
        os.unlink(self.machine.store("a.gguf"))
        file = os.path.join(self.machine.home, "status.html")
        result = self.machine.run("status", "--offline", "--html", file)
        self.assertEqual((result.returncode, result.out, result.err), (0, "", ""))
        page = Page(self.read(file).decode())
        text = " ".join(page.text)
        for said in ("1 of 2 models here", "Phase 1 (high)", "CodeGeneration", "missing", self.machine.store("a.gguf")):
            self.assertIn(said, text)
        self.assertFalse({"script", "link", "img", "iframe", "object"} & set(page.tags))
        self.assertFalse([name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")])
        self.assertNotIn("url(", self.read(file).decode())

    def serve(self, site):
        self.addCleanup(site.close)
        return site

    def test_what_servers_have_loaded(self):
        ollama = self.serve(runtime_site.Ollama({"name": "<b>tiny", "size": 3 << 30, "size_vram": 2 << 30, "context_length": 4096,
                                                 "expires_at": "2318-01-01T00:00:00Z"}))
        idle = self.serve(runtime_site.LmStudio("other"))
        servers = ["--server", "big=" + ollama.url, "--server", "lms=" + idle.url]
        data = self.status(*servers, offline=False)
        asked = json.loads(self.machine.run("ps", "--json", *servers).out)["data"]
        self.assertEqual(data["servers"], asked["servers"])
        (model,) = data["servers"][0]["models"]
        self.assertEqual((model["name"], model["vram"], model["for_ever"]), ("<b>tiny", 2 << 30, True))
        text = self.machine.run("status", *servers).out
        self.assertRegex(text, r"big: Ollama 0\.17\.4 at .*\n.*MODEL.*\n<b>tiny .*for ever")
        self.assertIn("nothing is loaded", text)
        page = Page(self.machine.run("status", "--html", "-", *servers).out)
        self.assertNotIn("b", page.tags)
        for said in ("<b>tiny", "Ollama 0.17.4", "never", "nothing is loaded"):
            self.assertIn(said, "".join(page.text))

    def test_servers_that_do_not_answer(self):
        """No error of status, and no long wait: not running. What answers as something else is not that."""
        stranger = self.serve(runtime_site.Stranger(200, b"<html>a router's page</html>"))
        with socket.socket() as silent, socket.socket() as unused:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            unused.bind(("127.0.0.1", 0))
            nobody = "http://127.0.0.1:%d" % unused.getsockname()[1]
            mute = "http://127.0.0.1:%d" % silent.getsockname()[1]
            servers = ["--server", "a=" + nobody, "--server", "b=" + mute, "--server", "c=" + stranger.url]
            more = [word for name in "def" for word in ("--server", "%s=%s" % (name, mute))]
            begun = time.monotonic()
            data = self.status(*servers, *more, offline=False)
            self.assertLess(time.monotonic() - begun, 7, "they are waited for together")
            self.assertEqual([(s["name"], s["known"], s["models"], bool(s["problem"])) for s in data["servers"]],
                             [(name, False, [], True) for name in "abcdef"])
            text = self.machine.run("status", *servers)
            self.assertEqual((text.returncode, text.err), (0, ""))
            self.assertRegex(text.out, "a: not running: nothing answers at %s\\.\nb: not running: .*\nc: not known: .* is no Ollama" % nobody)
            page = Page(self.machine.run("status", "--html", "-", *servers).out)
            self.assertIn("a: not running", "".join(page.text))

    def test_offline_asks_no_server(self):
        site = self.serve(runtime_site.LmStudio("other"))
        self.assertIsNone(self.status("--server", site.url)["servers"])
        self.assertEqual(site.seen, [])

    def test_vram_by_stage(self):
        """As `fit --stages` has it, of each profile that has stages."""
        fit = json.loads(self.machine.run("fit", "--profile", "nc-dev-rtx4090", "--stages", "--json").out)["data"]["stages"]
        stages = self.status("--profile", "noa,nc-dev-rtx4090")["stages"]
        self.assertEqual([{key: stage[key] for key in fit[0]} for stage in stages], fit)
        self.assertEqual({(stage["profile"], stage["card"]) for stage in stages}, {("nc-dev-rtx4090", 24 << 30)})
        self.assertEqual([round(stage["sum"] / (1 << 30)) for stage in stages], [0, 20, 9, 14, 10, 0])
        text = self.machine.run("status", "--offline", "--profile", "nc-dev-rtx4090").out
        self.assertRegex(text, r"VRAM by stage of nc-dev-rtx4090, against 24\.0 GiB:\nSTAGE .*\nPhase 1: Understand .*nothing")
        page = Page(self.machine.run("status", "--offline", "--html", "-", "--profile", "nc-dev-rtx4090").out)
        self.assertIn("Phase 4: Test + Verify", "".join(page.text))
        self.assertEqual(self.status()["stages"], [])

    def test_page_escapes(self):
        """A folder whose name tries to be HTML is text, and what turns writing around is shown as what it is."""
        root = os.path.join(self.machine.home, "<script>alert(1)<script>\"' onload=x &amp; \u202e")
        os.makedirs(root)
        result = self.machine.run("pull", "-y", "--root", root)
        self.assertEqual(result.returncode, 0, result.err)
        file = os.path.join(self.machine.home, "status.html")
        result = self.machine.run("status", "--offline", "--root", root, "--html", file)
        self.assertEqual(result.returncode, 0, result.err)
        page = Page(self.read(file).decode())
        self.assertNotIn("script", page.tags)
        self.assertIn("<script>alert(1)<script>\"' onload=x &amp; \\u{202e}", "".join(page.text))
        self.assertFalse([name for name, _ in page.attributes if name == "onload"])

    def test_page_that_cannot_be_written(self):
        result = self.machine.run("status", "--html", os.path.join(self.machine.home, "no/such/folder.html"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("no/such", result.err)

    def test_page_follows_no_link(self):
        """Whoever owns the folder does not choose what is overwritten."""
        mine, file = (os.path.join(self.machine.home, name) for name in ("mine", "status.html"))
        with open(mine, "w", encoding="utf-8") as out:
            out.write("mine")
        os.symlink(mine, file)
        result = self.machine.run("status", "--offline", "--html", file)
        self.assertEqual(result.returncode, 11, result.err)
        self.assertEqual(self.read(mine), b"mine")
        self.assertTrue(os.path.islink(file))
        self.assertTrue(self.machine.run("status", "--html", "-").out.startswith("<!"))
        self.assertEqual(self.machine.run("status", "--html", "-", "--json").returncode, 2)


if __name__ == "__main__":
    unittest.main()
