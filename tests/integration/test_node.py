#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""node: one record of a machine, read back by PostgreSQL and Prometheus' own parser; and which node gets a job, against the same
query in SQL over random registries."""
import concurrent.futures
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import nvml
from harness import BINARY, SOURCE, Case, gguf, sanitizers
from peer import free_port

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import runtime_site  # noqa: E402

INITDB = next((path for path in ("/usr/lib/postgresql/%d/bin" % n for n in range(18, 13, -1)) if os.path.isdir(path)), None)


def odd(text):
    return "it's \"odd\" \\ %s; DROP TABLE ai_nodes; --" % text


class Postgres:
    """A server of its own, on a socket below a folder that its user may have."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="ncmodel-pg-")
        self.user = []
        if os.geteuid() == 0:  # it does not run as root
            shutil.chown(self.folder, "nobody")
            self.user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        self.run("initdb", "-D", self.folder + "/data", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C", "--no-sync")
        self.run("pg_ctl", "-D", self.folder + "/data", "-w", "-l", self.folder + "/log", "-o",
                 "-k %s -c listen_addresses='' -c fsync=off" % self.folder, "start")

    def run(self, program, *arguments):
        subprocess.run([*self.user, os.path.join(INITDB, program), *arguments], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C"})

    def sql(self, text, *options):
        """What psql prints, a row a line, or its error."""
        made = subprocess.run(["psql", "-h", self.folder, "-U", "test", "-d", "postgres", "-qtAX", "-v", "ON_ERROR_STOP=1", *options],
                              input=text, capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        return made.stdout.splitlines()

    def close(self):
        self.run("pg_ctl", "-D", self.folder + "/data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class NodeCase(Case):
    def setUp(self):
        super().setUp()
        self.machine.env["OLLAMA_HOST"] = "127.0.0.1:%d" % free_port()

    def node(self, *arguments, code=0):
        result = self.machine.run("node", *arguments)
        self.assertEqual(result.returncode, code, result.err + result.out)
        return result.out

    def record(self, *arguments):
        return json.loads(self.node("--json", *arguments))["data"]

    def records(self, document, name="n.json"):
        """A file of a registry's."""
        return self.write(os.path.join(self.machine.home, name), json.dumps(document).encode())

    def two_models(self):
        first = {**self.machine.simple("a.gguf", gguf("a", 3000)), "use_cases": ["General"], "tags": ["it's a tag"]}
        self.machine.manifest([first, self.machine.simple("b.gguf", gguf("b", 5000))])
        self.pull()


class RecordTest(NodeCase):
    def test_what_is_here(self):
        self.two_models()
        data = self.record("--name", "box", "--priority", "5", "--node-type", "cloud")
        self.assertEqual((data["name"], data["priority"], data["node_type"], data["cpu_cores"] > 0), ("box", 5, "cloud", True))
        self.assertEqual([(m["model_name"], m["provider"], m["model_type"], m["size_bytes"], m["is_loaded"]) for m in data["models"]],
                         [("a.gguf", "llama-cpp", "llm", 3000, None), ("b.gguf", "llama-cpp", "llm", 5000, None)])
        self.assertEqual(data["capabilities"], {"llm": True, "imageGen": False, "videoGen": False, "embedding": False,
                                                "speech": False})
        self.assertEqual([(p["model_count"], p["there"]) for p in data["phases"]], [(2, 2)])
        self.assertEqual(json.loads(self.node("--format", "json", "--name", "box"))["models"], data["models"])
        text = self.node("--name", "b\x1b[31mox")
        self.assertIn("a.gguf", text)
        self.assertNotIn("\x1b[31m", text)

    @unittest.skipUnless(nvml.COMPILER, "no compiler")
    def test_how_busy_and_how_hot(self):
        """Of each card; together the average and the hottest. A card that does not tell leaves it open."""
        env = nvml.library(self.machine.home, 2, "RTX 3060", 12 << 30, sensors=True)
        self.machine.env.update(env)
        data = self.record()
        self.assertEqual([(card["gpu_utilization"], card["gpu_temperature"]) for card in data["gpus"]], [(61, 50), (0, 60)])
        self.assertEqual((data["gpu_utilization"], data["gpu_temperature"]), (30, 60))
        lines = self.node("--format", "prometheus").splitlines()
        for line in ('ncmodel_gpu_utilization_percent{gpu="0"} 61', 'ncmodel_gpu_temperature_celsius{gpu="1"} 60'):
            self.assertIn(line, lines)
        self.assertIn("RTX 3060: 36.0 GiB, 18.0 GiB free; 30 % busy; 60 C\n", self.node())
        program = self.read("/proc/self/comm").decode().strip()
        self.assertEqual([card["processes"] for card in data["gpus"]], [
            [{"name": program, "pid": os.getpid(), "vram_mb": 3072}, {"name": None, "pid": 0x7ffffffe, "vram_mb": None}], []])
        self.assertIn("18432, 18432, 600, 30, 60, '[{\"name\"", self.node("--format", "sql"))
        nvml.library(self.machine.home, 2, "RTX 3060", 12 << 30)
        data = self.record()
        self.assertEqual((data["gpu_utilization"], data["gpu_temperature"], data["gpus"][0]["gpu_temperature"]), (None, None, None))
        self.assertNotIn('_celsius{', self.node("--format", "prometheus"))
        self.assertIn("NULL, NULL, DEFAULT)", self.node("--format", "sql"))

    def test_what_is_no_model(self):
        self.machine.manifest([{**self.machine.simple("a.gguf", gguf("a", 3000)), "kind": "config"}])
        self.pull()
        self.assertEqual(self.record()["models"], [])

    def test_what_is_loaded(self):
        self.two_models()
        site = runtime_site.Router("a", "b")
        self.addCleanup(site.close)
        server = ["--server", "x=" + site.url]
        self.assertEqual([m["is_loaded"] for m in self.record(*server)["models"]], [False, False])
        self.assertEqual(self.machine.run("load", "a", *server).returncode, 0)
        data = self.record(*server, "--address", "gpu.example")
        self.assertEqual([m["is_loaded"] for m in data["models"]], [True, False])
        self.assertEqual(list(data["endpoints"].values()), [site.url.replace("127.0.0.1", "gpu.example")])

    def test_a_server_has_the_time_that_is_given(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            begun = time.monotonic()
            self.record("--server", "x=http://127.0.0.1:%d" % silent.getsockname()[1], "--timeout", "4")
            self.assertGreater(time.monotonic() - begun, 3.5)

    def test_a_file_is_replaced_whole(self):
        path = os.path.join(self.machine.home, "ncmodel.prom")
        self.assertEqual(self.node("--format", "prometheus", "-o", path), "")
        self.assertTrue(self.read(path).endswith(b"\n"))
        self.node("-o", path, code=2)
        self.node("--format", "yaml", code=2)
        self.node("rout", code=2)

    def test_features(self):
        self.machine.manifest([{**self.machine.simple("a.gguf", gguf("a", 3000)), "id": "x" * 60 + "y"}])
        self.pull()
        lines = self.node("--format", "nfd").splitlines()
        self.assertTrue([line for line in lines if line.startswith("ncmodel-model.")])
        for line in lines:
            key, value = line.split("=")
            self.assertRegex(key, r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
            self.assertRegex(value, r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")

    def test_a_features_file_is_never_too_large(self):
        """Node feature discovery reads no file of more than 64 KiB."""
        self.machine.manifest([self.machine.simple("a.gguf", gguf("a", 3000))])
        self.pull()
        registry = self.machine.registry()
        (model,) = registry["models"]
        names = ["m%04d-%s" % (number, "x" * 40) for number in range(1500)]
        registry["models"] = [{**model, "id": name, "name": name} for name in names]
        with open(self.machine.store("models.json"), "w", encoding="ascii") as file:
            json.dump(registry, file)
        made = self.node("--format", "nfd")
        self.assertTrue(60_000 < len(made) <= 1 << 16, len(made))
        lines = made.splitlines()
        told = len([line for line in lines if line.startswith("ncmodel-model.")])
        self.assertEqual(lines[-1], "ncmodel-models.left-out=%d" % (1500 - told))

    def test_prometheus_reads_it(self):
        try:
            from prometheus_client.parser import text_string_to_metric_families
        except ImportError:
            self.skipTest("python3-prometheus-client is not installed")
        self.two_models()
        os.unlink(self.machine.store("a.gguf"))
        families = {f.name: f for f in text_string_to_metric_families(self.node("--format", "prometheus"))}
        self.assertEqual({f.type for f in families.values()}, {"gauge"})
        self.assertEqual([(s.labels, s.value) for s in families["ncmodel_models"].samples], [({"type": "llm"}, 2.0)])
        self.assertEqual([s.value for s in families["ncmodel_damaged"].samples], [1.0])
        self.assertEqual([(s.labels, s.value) for s in families["ncmodel_wanted"].samples], [({"profile": "test", "phase": "1"}, 2.0)])


@unittest.skipUnless(INITDB and shutil.which("psql"), "PostgreSQL is not installed")
class SqlTest(NodeCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.server.sql("DROP TABLE IF EXISTS ai_gpu_snapshots, ai_models, ai_nodes;")
        self.server.sql(self.node("--format", "schema"))

    def rows(self, query):
        return [line.split("|") for line in self.server.sql(query + ";")]

    def test_twice_is_once(self):
        self.two_models()
        made = self.node("--format", "sql", "--name", odd("name"))
        self.server.sql(made)
        everything = "SELECT * FROM ai_nodes; SELECT * FROM ai_models ORDER BY id; SELECT * FROM ai_gpu_snapshots"
        before = self.rows(everything)
        self.assertEqual(self.rows("SELECT name, status, priority, enabled FROM ai_nodes"), [[odd("name"), "online", "100", "t"]])
        self.assertEqual(self.rows("SELECT provider, model_name, size_bytes, is_loaded, tags FROM ai_models ORDER BY model_name")[0],
                         ["llama-cpp", "a.gguf", "3000", "", "{ncmodel,General,\"it's a tag\"}"])
        self.server.sql(made)
        self.server.sql(self.node("--format", "schema"))
        self.assertEqual(self.rows(everything), before)

    @unittest.skipUnless(nvml.COMPILER, "no compiler")
    def test_a_snapshot_of_the_cards(self):
        env = nvml.library(self.machine.home, 2, "RTX 3060", 12 << 30, sensors=True)
        self.machine.env.update(env)
        self.server.sql(self.node("--format", "sql"))
        query = ("SELECT total_vram_mb, reserved_vram_mb, gpu_utilization, gpu_temperature, jsonb_array_length(processes), "
                 "processes->0->>'vramMb' FROM ai_gpu_snapshots")
        self.assertEqual(self.rows(query), [["36864", "600", "30", "60", "2", "3072"]])

    def test_what_a_terminal_obeys_is_spelled(self):
        self.two_models()
        name = "a\x1b[31m\u202e\u009b'\\b\u00e9\U000e0041"
        made = self.node("--format", "sql", "--name", name)
        for text in (made, self.node("--format", "json", "--name", name)):
            self.assertNotRegex(text, "[\x1b\u202e\u009b\U000e0041]")
        self.server.sql(made)
        self.server.sql(made)
        self.assertEqual(self.rows("SELECT encode(convert_to(name, 'UTF8'), 'hex') FROM ai_nodes"), [[name.encode().hex()]])
        self.assertEqual(json.loads(self.node("--format", "json", "--name", name))["name"], name)

    def test_what_the_owner_decides_stays(self):
        self.two_models()
        self.server.sql(self.node("--format", "sql", "--name", "box", "--address", "10.0.0.1"))
        self.server.sql("UPDATE ai_nodes SET enabled = false, priority = 7;"
                        "INSERT INTO ai_models (node_id, provider, model_name) SELECT id, 'ollama', 'theirs' FROM ai_nodes;")
        self.assertEqual(self.machine.run("rm", "b", "--yes").returncode, 0)
        self.server.sql(self.node("--format", "sql", "--name", "box"))
        self.assertEqual(self.rows("SELECT enabled, priority, public_ip FROM ai_nodes"), [["f", "7", "10.0.0.1"]])
        self.assertEqual(self.rows("SELECT model_name FROM ai_models ORDER BY 1"), [["a.gguf"], ["theirs"]])
        self.server.sql(self.node("--format", "sql", "--name", "box", "--priority", "3"))
        self.assertEqual(self.rows("SELECT priority FROM ai_nodes"), [["3"]])

    CLUSTERS = 200 if sanitizers() else 1000  # that are slow to start
    WORDS = ["CodeGeneration", "code generation", "Code-Gene_ration", "Reasoning", "General"]

    def cluster(self, rng, number):
        def maybe(value):
            return value if rng.random() < 0.8 else None

        def model(index):
            return {"model_name": "m%d" % index, "provider": rng.choice(["ollama", "llama-cpp"]), "id": "m%d" % index,
                    "vram_required_mb": maybe(rng.choice([2000, 4000, 8000, 16000])), "is_loaded": rng.choice([True, False, False, None]),
                    "use_cases": rng.sample(self.WORDS, rng.randrange(3)), "tags": rng.sample(["general", "x"], rng.randrange(2))}
        return [{"name": "n%d-%s" % (number, chr(97 + i)), "status": rng.choice(["online", "online", "online", "busy", "offline"]),
                 "enabled": rng.random() < 0.9, "priority": rng.choice([1, 50, 100, 100]),
                 "free_vram_mb": maybe(rng.choice([0, 2000, 4000, 8000, 16000, 24000])),
                 "models": [model(k) for k in range(rng.randrange(5))]} for i in range(rng.randrange(1, 7))]

    def fill(self, clusters):
        """The rows of a registry that has these records. The oracle's own writing."""
        def text(value):
            return "NULL" if value is None else str(value) if not isinstance(value, str) else "'%s'" % value

        def array(words):
            return "ARRAY[%s]::text[]" % ",".join("'%s'" % word for word in words)
        lines, node_id = ["BEGIN;"], 0
        for record in (record for cluster in clusters for record in cluster):
            node_id += 1
            lines.append("INSERT INTO ai_nodes (id, name, node_type, status, enabled, priority) VALUES (%d, '%s', 'linux', '%s', %s, %d);"
                         % (node_id, record["name"], record["status"], record["enabled"], record["priority"]))
            lines.append("INSERT INTO ai_gpu_snapshots (node_id, created_at, free_vram_mb) VALUES (%d, '2026-01-01', 99999), (%d, '2026-01-02', %s);"
                         % (node_id, node_id, text(record["free_vram_mb"])))
            seen = set()
            for model in record["models"]:
                if (model["provider"], model["model_name"]) in seen:
                    continue
                seen.add((model["provider"], model["model_name"]))
                lines.append("INSERT INTO ai_models (node_id, provider, model_name, vram_required_mb, is_loaded, tags) VALUES (%d, '%s', '%s', %s, %s, %s);"
                             % (node_id, model["provider"], model["model_name"], text(model["vram_required_mb"]), text(model["is_loaded"]),
                                array(model["use_cases"] + model["tags"])))
        self.server.sql("\n".join(lines + ["COMMIT;"]))

    def ask(self, job):
        """What ncmodel says: its places in their order."""
        path, use_case, vram = job
        command = [BINARY, "node", "route", "--usecase", use_case, "--json", path] + (["--vram", "%dMiB" % vram] if vram else [])
        made = subprocess.run(command, env=self.machine.env, capture_output=True, text=True, check=False)
        places = json.loads(made.stdout)["data"]["places"]
        self.assertEqual(made.returncode, 0 if places else 12, made.stderr)
        return [[place["node"], place["model"], place["provider"]] for place in places]

    def test_the_query_in_sql_agrees(self):
        rng = random.Random(20261129)
        clusters = [self.cluster(rng, number) for number in range(self.CLUSTERS)]
        self.fill(clusters)
        with open(os.path.join(SOURCE, "docs", "nodes.md"), encoding="utf-8") as file:
            query = re.search(r"```sql\n(.*?)\n```", file.read(), re.S).group(1)
        query = query.replace("WHERE n.status", "WHERE n.name LIKE :'cluster' AND n.status")
        jobs, asked = [], []
        for number, cluster in enumerate(clusters):
            jobs.append((self.records(cluster, "%d.json" % number), rng.choice(self.WORDS), rng.choice([0, 0, 3000, 10000])))
            asked.append("\\set cluster 'n%d-%%'\n\\set usecase '%s'\n\\set vram %d\n\\echo =\n%s;\n" % (number, *jobs[-1][1:], query))
        answers = "\n".join(self.server.sql("".join(asked))).split("=")[1:]
        expected = [[line.split("|") for line in answer.split("\n") if line] for answer in answers]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            found = list(pool.map(self.ask, jobs))
        self.assertEqual(len(found), len(expected))
        for number, (mine, theirs) in enumerate(zip(found, expected)):
            self.assertEqual(mine, theirs, (number, clusters[number], jobs[number]))
        self.assertGreater(sum(1 for places in found if places), self.CLUSTERS // 5)
        self.assertGreater(sum(1 for places in found if len(places) > 1), self.CLUSTERS // 10)


class RouteTest(NodeCase):
    def test_words(self):
        path = self.records([{"name": "a", "status": "online", "free_vram_mb": 100, "models": []},
                             {"name": "b", "status": "offline", "models": []}])
        self.assertEqual(self.node("route", "--vram", "50MiB", "-q", path), "a\n")
        self.node("route", "--vram", "102401KiB", path, code=12)
        result = self.machine.run("node", "route", "--vram", "500MiB", path)
        self.assertEqual(result.returncode, 12)
        self.assertIn("a: it has not as much memory free; b: it is not known to be online", result.err)
        self.node("route", path, code=2)
        for line in (["route", "--vram", "1MiB", path, "-o", path], ["route", "--vram", "1MiB", path, "--format", "sql"],
                     ["--vram", "1MiB"], ["--usecase", "General"]):
            self.node(*line, code=2)
        self.node("route", "--vram", "1MiB", code=2)
        self.node("route", "--vram", "1MiB", self.records({}), code=2)

    def test_80_columns(self):
        model = {"model_name": "a-model-with-a-long-name.gguf", "provider": "llama-cpp", "tags": ["General"], "is_loaded": True}
        path = self.records({"name": "a-node-of-some-name", "status": "online", "free_vram_mb": 1024, "models": [model]})
        shown, code = self.on_terminal(["--no-color", "node", "route", "--usecase", "General", path], {"TERM": "xterm"}, columns=80)
        self.assertEqual(code, 0)
        self.assertLessEqual(max(map(len, shown.splitlines())), 80, shown)

    def test_use_cases_match_as_elsewhere(self):
        path = self.records({"name": "a", "status": "online", "free_vram_mb": 9, "models": [
            {"model_name": "m", "provider": "p", "vram_required_mb": 5, "use_cases": ["QuickChat"]}]})
        self.assertIn("a", self.node("route", "--usecase", "quick-chat", path))
        self.node("route", "--usecase", "quick", path, code=12)

    def test_a_record_of_its_own(self):
        self.two_models()
        path = self.write(os.path.join(self.machine.home, "n.json"), self.node("--json", "--name", "here").encode())
        self.assertEqual(self.machine.run("node", "route", "--model", "A.GGUF", path).returncode, 12)


if __name__ == "__main__":
    unittest.main()
