# SPDX-License-Identifier: MIT
"""The tools of two services, where they are at hand: `hf download` and `ollama pull`, each against a server of its own protocol."""
import os
import shutil
import subprocess
import time
import urllib.request

import hubs
from cases_fetch import big_file
from meter import Cost, Failed, Runner, environment, expect
from report import Case, human
from servers import die_with_parent, free_ports, stop


def ncmodel(bench, source, settings, path, file):
    """A pull of a source spelled out."""
    def run(_):
        with bench.folder() as folder:
            machine = bench.machine(folder)
            cost = bench.measure(machine.pull(*source), folder, {**machine.env, **settings})
            expect(os.path.join(machine.root, path), file.size)
            return cost
    return Runner("ncmodel pull " + source[0].split(":")[0] + ":…", run)


# -- Hugging Face
def find_hf():
    return os.environ.get("NCM_HF") or shutil.which("hf")


def hugging_face(bench):
    file, tool = big_file(bench), find_hf()
    hub = hubs.HuggingFace(os.path.join(bench.work, "hf"), file, bench.nginx.url(file.name))
    settings = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HUB_DISABLE_XET": "1"}
    source = "hf:%s/%s" % (hub.REPOSITORY, file.name)

    def download(check):
        def run(_):
            with bench.folder() as folder:
                out = os.path.join(folder, "out", file.name)
                command = "%s download %s %s --local-dir out -q" % (tool, hub.REPOSITORY, file.name)
                cost = bench.measure(["sh", "-c", command + (" && sha256sum %s" % out if check else "")], folder, {**environment(folder), **settings})
                expect(out, file.size)
                return cost
        return Runner("hf download" + (", then sha256sum" if check else ""), run, None if tool else "no hf here")

    try:
        case = Case("hf", "from Hugging Face's hub, %s" % human(file.size), ncmodel(
            bench, [source, "--to", "llama-cpp"], settings, "server/ai/llama-cpp/models/" + file.name, file))
        case.add(download(False), 1.0)
        case.add(download(True))
        case.note("hf checks the size only")
        bench.race(case)
        return case
    finally:
        hub.close()


# -- Ollama
def find_ollama():
    """What is named, what the integration tests have built, or what is installed."""
    cache = os.environ.get("NCMODEL_TEST_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ncmodel-test")
    built = [os.path.join(cache, name, "ollama") for name in sorted(os.listdir(cache))] if os.path.isdir(cache) else []
    named = [os.environ.get(name) for name in ("NCM_OLLAMA", "NCMODEL_TEST_OLLAMA")]
    return next((path for path in [*named, *reversed(built)] if path and os.access(path, os.X_OK)), None) or shutil.which("ollama")


class OllamaServer:
    """`ollama serve`, which does the work of `ollama pull`."""

    def __init__(self, binary, folder):
        self.binary, self.host = binary, "127.0.0.1:%d" % free_ports(1)[0]
        self.env = {**environment(folder), "OLLAMA_HOST": self.host, "OLLAMA_MODELS": os.path.join(folder, "models"), "OLLAMA_NO_CLOUD": "1"}
        with open(os.path.join(folder, "ollama.log"), "wb") as log:
            self.process = subprocess.Popen([binary, "serve"], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(400):
            try:
                opener.open("http://%s/api/version" % self.host, timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        stop(self.process)
        raise Failed("ollama serve does not answer")

    def used(self):
        """CPU seconds and MiB of its peak, so far."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as lines:
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak / 1024


def ollama(bench):
    binary, file = find_ollama(), big_file(bench)
    folder = os.path.join(bench.memory, "registry")
    hub = hubs.Ollama(os.path.join(bench.work, "ollama"), file, folder, (bench.nginx.ca, bench.nginx.key))
    blob = "models/blobs/sha256-" + file.sha256

    def pull(_):
        with bench.folder() as place:
            server = OllamaServer(binary, place)
            try:
                before, _ = server.used()
                cost = bench.measure([binary, "pull", "--insecure", "http://%s/%s:latest" % (hub.host, hub.MODEL)], place, server.env)
                after, peak = server.used()
            finally:
                stop(server.process)
            expect(os.path.join(place, blob), file.size)
            return Cost(cost.wall, cost.cpu + after - before, max(cost.rss, peak))

    try:
        case = Case("ollama", "from Ollama's registry, %s" % human(file.size), ncmodel(
            bench, ["ollama:big"], {"NCMODEL_OLLAMA_REGISTRY": "http://" + hub.host}, ".ollama/" + blob, file))
        case.add(Runner("ollama pull", pull, None if binary else "no ollama here"), 1.0)
        case.note("the figures of ollama pull are those of its server and its client together")
        bench.race(case)
        return case
    finally:
        hub.close()
        shutil.rmtree(folder, ignore_errors=True)


def register(cases):
    cases.update({"hf": hugging_face, "ollama": ollama})
