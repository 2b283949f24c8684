"""The log: what was changed, by which command, with which digests and sources; and `ncmodel log`."""
import json
import os
import re
import stat
import time
import unittest

from harness import Case, TOKENS, filling, gguf, sha256

MIB = 1 << 20
LIMIT = 4 * MIB
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def digest(data):
    return "sha256:" + sha256(data)


class LogTest(Case):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.machine.home, ".local/state/ncmodel/log.jsonl")

    def lines(self):
        try:
            with open(self.path, encoding="ascii") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def added(self, *arguments, code=0, env=None):
        """The lines that a command adds."""
        before = len(self.lines())
        result = self.machine.run(*arguments, env=env)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return self.lines()[before:]

    def told(self, lines):
        return [(line["command"], line["action"], line.get("model")) for line in lines]

    def two(self):
        data = gguf("a", 3000), gguf("b", 2000)
        self.machine.manifest([self.machine.simple("a.gguf", data[0]), self.machine.simple("b.gguf", data[1])])
        return data

    def test_a_pull_tells_digests_and_sources_and_nothing_when_it_did_nothing(self):
        data, _ = self.two()
        lines = self.added("pull", "-y", "a")
        self.assertEqual(self.told(lines), [("pull", "registered", "a")])
        source = self.hub.service.url + "/files/a.gguf"
        self.assertEqual(lines[0]["files"], [{
            "path": self.machine.store("a.gguf"), "store": "llama-cpp", "how": "fetched", "size": 3000, "sha256": digest(data),
            "source": source}])
        self.assertEqual(lines[0]["source"], source)
        self.assertRegex(lines[0]["time"], TIME)
        for command in (["pull", "-y", "a"], ["pull", "--dry-run", "b"], ["plan"], ["verify"], ["list"], ["rm", "--dry-run", "a"],
                        ["gc", "-y"], ["log"], ["diff"], ["lock", "--check", "a"], ["adopt"]):
            self.assertEqual(self.added(*command), [], command)

    def test_rm_tells_what_was_known_of_the_model_and_what_went(self):
        data, _ = self.two()
        self.pull()
        lines = self.added("rm", "-y", "a")
        self.assertEqual(self.told(lines), [("rm", "removed", "a"), ("rm", "deleted", "a")])
        self.assertEqual(lines[0]["files"][0]["sha256"], digest(data))
        self.assertEqual([(f["path"], f["how"]) for f in lines[1]["files"]], [(self.machine.store("a.gguf"), "file")])
        self.assertEqual(len({line["run"] for line in lines}), 1)

    def test_gc_tells_what_it_deleted(self):
        data = gguf("orphan", 4000)
        blob = self.write(f".ollama/models/blobs/sha256-{sha256(data)}", data)
        os.makedirs(os.path.join(self.machine.root, ".ollama/models/manifests"))
        lines = self.added("gc", "-y", "--min-age", "0")
        self.assertEqual(self.told(lines), [("gc", "deleted", None)])
        self.assertEqual([(f["path"], f["how"], f["size"]) for f in lines[0]["files"]], [(blob, "blob", 4000)])

    def test_adopt_and_link_and_unlink(self):
        data = gguf("same", 2 * MIB)
        places = [self.write(f"server/ai/llama-cpp/models/{name}.gguf", data) for name in ("one", "two")]
        lines = self.added("adopt")
        self.assertEqual([x[:2] for x in self.told(lines)], [("adopt", "registered")] * len(lines))
        self.assertEqual({f["path"] for line in lines for f in line["files"]}, set(places))
        self.assertEqual({f["how"] for line in lines for f in line["files"]}, {"adopted"})
        for command, action in ((["link"], "linked"), (["link", "--unlink"], "unlinked")):
            lines = self.added(*command)
            if action == "linked" and {f["how"] for f in lines[0]["files"]} == {"kept", "reflink"}:
                return  # there is nothing to take apart
            self.assertEqual(self.told(lines), [("link", action, None)])
            self.assertEqual({f["path"] for f in lines[0]["files"]}, set(places))
            self.assertEqual({f["sha256"] for f in lines[0]["files"]} if action == "linked" else {digest(data)}, {digest(data)})
        self.assertEqual(self.added("link", "--dry-run"), [])

    def test_a_repair_tells_the_files_that_it_mended_and_no_others(self):
        data = gguf("big", MIB) + filling("big'", 39 * MIB)
        small = gguf("small", 3000)
        self.machine.manifest([{"id": "pair", "files": [self.machine.simple("big.gguf", data)["files"][0],
                                                        self.machine.simple("small.gguf", small)["files"][0]]}])
        self.pull()
        path = self.machine.store("big.gguf")
        before = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(20 * MIB)
            file.write(b"damage")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(self.added("verify", code=4), [])
        self.assertEqual(self.added("verify", "--repair", "--dry-run", code=4), [])
        lines = self.added("verify", "--repair")
        self.assertEqual(self.told(lines), [("verify", "repaired", "pair")])
        self.assertEqual([(f["path"], f["sha256"]) for f in lines[0]["files"]], [(path, digest(data))])
        os.unlink(self.machine.store("small.gguf"))
        lines = self.added("verify", "--repair")
        self.assertEqual([(f["path"], f["how"], f["sha256"]) for f in lines[0]["files"]],
                         [(self.machine.store("small.gguf"), "fetched", digest(small))])

    def test_lock_tells_what_it_pinned_and_dropped(self):
        data = gguf("a", 5000)
        self.hub.hf("org/model", {"model.gguf": data}, commit="c" * 40)
        model = {"id": "hub", "files": [{"from": ["hf:org/model/model.gguf"], "to": [{"store": "llama-cpp", "name": "a.gguf"}]}]}
        self.machine.manifest([model])
        self.assertEqual(self.added("lock", "--dry-run"), [])
        lines = self.added("lock")
        self.assertEqual(self.told(lines), [("lock", "pinned", "hub")])
        self.assertEqual((lines[0]["revision"], lines[0]["files"][0]["sha256"]), ("c" * 40, digest(data)))
        self.assertEqual(self.added("lock"), [])
        self.hub.hf("org/other", {"model.gguf": data}, commit="d" * 40)
        self.machine.manifest([{**model, "files": [{**model["files"][0], "from": ["hf:org/other/model.gguf"]}]}])
        lines = self.added("lock", "--prune")
        self.assertEqual(self.told(lines), [("lock", "pinned", "hub"), ("lock", "unpinned", None)])
        self.assertEqual(lines[1]["source"], "hf:org/model/model.gguf")

    def test_mv_tells_each_model_with_its_new_place_and_what_went_from_the_old(self):
        data, _ = self.two()
        self.pull()
        new = os.path.join(self.machine.home, "new")
        self.assertEqual(self.added("mv", "-n", "llama-cpp", new), [])
        mine = self.write(self.machine.store("notes.txt"), b"mine")
        old = {self.machine.store(name) for name in ("a.gguf", "b.gguf")} | {mine}
        lines = self.added("mv", "-y", "--all", "llama-cpp", new)
        self.assertEqual(sorted(self.told(lines[:2])), [("mv", "moved", "a"), ("mv", "moved", "b")])
        source = self.hub.service.url + "/files/a.gguf"
        self.assertEqual(next(line for line in lines if line.get("model") == "a")["files"], [{
            "path": os.path.join(new, "a.gguf"), "store": "llama-cpp", "how": "fetched", "size": 3000, "sha256": digest(data),
            "source": source}])
        self.assertEqual(self.told(lines[2:]), [("mv", "moved", None), ("mv", "deleted", None)])
        self.assertLessEqual({os.path.join(new, "notes.txt")}, {f["path"] for f in lines[2]["files"]})
        self.assertLessEqual(old, {f["path"] for f in lines[3]["files"]})
        self.assertEqual(self.told(self.added("mv", "-y", "b", "--to", "comfyui/loras"))[0], ("mv", "moved", "b"))
        out = self.machine.run("log", "b").out
        self.assertEqual([line.split()[2:5] for line in out.splitlines()[1:]],
                         [["pull", "registered", "b"], ["mv", "moved", "b"], ["mv", "moved", "b"]])
        self.write(self.machine.store("a.gguf"), b"x" * len(data))  # seen when it is read
        lines = self.added("mv", "-y", "llama-cpp", self.machine.store(), code=11)
        self.assertEqual(self.told(lines), [("mv", "failed", None)])

    def test_a_failure_is_told_with_its_reason(self):
        self.two()
        self.hub.fault("/files/a.gguf", "status", times=99, status=404)
        lines = self.added("pull", "-y", "--retries", "1", code=5)
        self.assertEqual(sorted(self.told(lines), key=str), [("pull", "failed", None), ("pull", "registered", "b")])
        failed = next(line for line in lines if line["action"] == "failed")
        self.assertEqual(failed["exit_code"], 5)
        self.assertEqual([(e["code"], e["model"]) for e in failed["errors"]], [("not_found", "a")])
        self.assertEqual(self.added("pull", "-y", "nosuch", code=2), [], "nothing was begun")

    def test_each_model_that_failed_has_a_row_of_its_own(self):
        self.two()
        for name in "ab":
            self.hub.fault(f"/files/{name}.gguf", "status", times=99, status=404)
        self.pull("--retries", "1", code=5)
        rows = self.machine.run("log").out.splitlines()[1:]
        self.assertEqual([row.split()[2:5] for row in rows], [["pull", "failed", "a"], ["pull", "failed", "b"]])
        for name, row in zip("ab", rows):
            self.assertNotIn(f" {name}: ", row, "the model is told once")
            self.assertEqual(self.machine.run("log", name.upper()).out.splitlines()[1:], [row])

    def test_what_is_nobodys_is_told_by_its_file(self):
        self.two()
        self.pull("a")
        self.machine.run("mv", "llama-cpp", os.path.join(self.machine.home, "other"), "-y")
        rows = [row for row in self.machine.run("log").out.splitlines() if " deleted " in row]
        self.assertEqual([row.split()[4] for row in rows], ["-"] * len(rows))
        for row in rows:
            self.assertIn("a.gguf", row)

    def test_nothing_secret_is_in_it(self):
        data = gguf("a", 3000)
        canary = "CANARYcanaryCANARY"
        url = self.hub.url("/files/a.gguf", data)
        self.machine.manifest([{"id": "a", "files": [{"from": [url + "?token=" + canary], "insecure_http": True,
                                                      "sha256": sha256(data), "to": [{"store": "llama-cpp", "name": "a.gguf"}]}]}])
        self.assertEqual(self.machine.run("pull", "-y", env=TOKENS).returncode, 0)
        self.machine.run("pull", "-y", "https://127.0.0.1:1/b.gguf?key=" + canary, "--retries", "1", env=TOKENS)
        self.machine.run("verify", "--repair", env=TOKENS)
        self.machine.run("lock", env=TOKENS)
        self.machine.run("rm", "-y", "a", env=TOKENS)
        self.assertTrue(self.lines())
        with open(self.path, encoding="ascii") as file:
            text = file.read()
        for secret in (canary, *TOKENS.values()):
            self.assertNotIn(secret, text)

    def test_it_is_its_owners_alone_and_goes_where_the_state_goes(self):
        self.two()
        self.added("pull", "-y", "a")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o700)
        state = os.path.join(self.machine.home, "state")
        self.assertEqual(self.added("pull", "-y", "b", env={"XDG_STATE_HOME": state}), [])
        self.assertTrue(os.path.isfile(os.path.join(state, "ncmodel/log.jsonl")))

    def test_a_log_that_cannot_be_written_is_a_warning(self):
        self.two()
        os.makedirs(self.path)
        result = self.pull()
        self.assertEqual(result.err.count("warning"), 1, "once, not for each model: " + result.err)
        self.assertIn(self.path, result.err)
        os.rmdir(self.path)
        os.mkfifo(self.path)
        result = self.machine.run("rm", "-y", "a", timeout=20)
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("no regular file", result.err)
        result = self.machine.run("log", timeout=20)
        self.assertEqual(result.returncode, 1, result.err)

    def test_many_at_once_lose_no_line(self):
        names = [f"m{i}" for i in range(8)]
        self.machine.manifest([self.machine.simple(name + ".gguf", gguf(name, 2000)) for name in names])
        runs = [self.machine.start("pull", "-y", name) for name in names]
        for run in runs:
            run.communicate(timeout=60)
        self.assertEqual(sorted(self.told(self.lines())), [("pull", "registered", name) for name in names])

    def test_it_is_bounded(self):
        self.two()
        self.added("pull", "-y", "a")
        first = self.lines()[0]
        with open(self.path, "a", encoding="ascii") as file:
            file.write((json.dumps({**first, "model": "filler"}) + "\n") * (LIMIT // 300))
        size = os.stat(self.path).st_size
        self.assertGreater(size, LIMIT)
        self.machine.run("pull", "-y", "b")
        self.assertEqual(self.told(self.lines()), [("pull", "registered", "b")])
        self.assertEqual(os.stat(self.path + ".1").st_size, size, "one older file is kept")
        result = self.machine.run("log", "a", "b", "--json")
        self.assertEqual([e["model"] for e in json.loads(result.out)["data"]["entries"]], ["a", "b"], "the newest last")

    def test_of_one_that_others_let_grow_the_newest_is_shown(self):
        self.two()
        self.pull("a")
        os.rename(self.path, self.path + ".2")
        with open(self.path + ".1", "wb") as older, open(self.path + ".2", "rb") as lines:
            older.truncate(4 << 30)
            older.seek(0, os.SEEK_END)
            older.write(b"\n" + lines.read())
        self.pull("b")
        result = self.machine.run("log", "--json")
        self.assertEqual(result.returncode, 0, result.err)
        data = json.loads(result.out)["data"]
        self.assertEqual(([e["model"] for e in data["entries"]], data["unreadable"]), (["a", "b"], 1))

    def test_the_command_shows_it(self):
        data, _ = self.two()
        result = self.machine.run("log")
        self.assertEqual((result.returncode, result.out), (0, ""))
        self.assertIn("nothing was changed yet", result.err)
        self.pull("b")
        self.pull("a")
        self.machine.run("rm", "-y", "a")
        out = self.machine.run("log", env={"TZ": "Asia/Tokyo"}).out
        local = time.gmtime(time.time() + 9 * 3600)
        self.assertIn(time.strftime("%Y-%m-%d %H:", local), out)
        self.assertEqual([line.split()[2:5] for line in out.splitlines()[1:]],
                         [["pull", "registered", "b"], ["pull", "registered", "a"], ["rm", "removed", "a"], ["rm", "deleted", "a"]])
        out = self.machine.run("log", "A", "-v").out
        self.assertNotIn(" b ", out)
        self.assertIn(digest(data), out)
        document = json.loads(self.machine.run("log", "a", "--json").out)
        self.assertEqual([e["action"] for e in document["data"]["entries"]], ["registered", "removed", "deleted"])
        result = self.machine.run("log", "aa")
        self.assertEqual(result.returncode, 2)
        self.assertIn("did you mean `ncmodel log a`?", result.err)

    def test_what_others_wrote_there_steers_no_terminal_and_stops_nothing(self):
        self.two()
        self.pull("a")
        line = {**self.lines()[0], "model": "\x1b[31mred\u202e", "action": "\x9b", "command": "a\nb"}
        with open(self.path, "a", encoding="ascii") as file:
            file.write("half a line {\n" + json.dumps(line) + "\n" + '{"time": ')
        self.pull("b")
        result = self.machine.run("log")
        self.assertEqual(result.returncode, 0)
        self.assertIn("2 lines", result.err)
        for bad in ("\x1b", "\x9b", "\u202e"):
            self.assertNotIn(bad, result.out)
        self.assertEqual(len(result.out.splitlines()), 4)
        self.assertEqual(self.machine.run("log", "b").returncode, 0, "the line after the half one is whole")


class EventTest(Case):
    def test_every_event_has_its_time(self):
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 3000))])
        os.makedirs(os.path.join(self.machine.home, ".local/state/ncmodel/log.jsonl"))
        self.hub.fault("/files/a.gguf", "status", times=99, status=404)
        events = []
        for code in (5, 0):
            result = self.machine.run("pull", "-y", "--progress", "json", "--retries", "1")
            self.assertEqual(result.returncode, code, result.err)
            events += [json.loads(line) for line in result.err.splitlines()]
            self.hub.faults.clear()
        self.assertLessEqual({"error", "warning", "failed", "fetched"}, {e["event"] for e in events})
        for event in events:
            self.assertRegex(event.get("time", ""), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", event)


if __name__ == "__main__":
    unittest.main()
