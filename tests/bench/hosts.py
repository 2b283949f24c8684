#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Many hosts that want the same models at the same time, with a cache between them and the origin, and without.

Hosts are network namespaces with links of a rate of their own (network.py); the origin is nginx, the cache MinIO. Wants root.
"""
import argparse
import fractions
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]
import network  # noqa: E402
import s3_peer  # noqa: E402
from machine import Machine, SOURCE  # noqa: E402
from material import make, warm  # noqa: E402
from meter import Failed, environment, expect  # noqa: E402
from servers import CONFIGURATION, die_with_parent, program, stop  # noqa: E402

MIB, MBIT = 1 << 20, 1000 * 1000
PORT = 8000
ORIGIN = """  server {{
    listen {address};
    location / {{ autoindex on; root "{files}"; }}
  }}
"""
# A server without conditional writes says so; what it lets through it changes nothing of.
PLAIN = """  client_max_body_size 0;
  server {{
    listen {address};
    location / {{
      if ($http_if_none_match) {{ return 501; }}
      if ($http_if_match) {{ return 501; }}
      proxy_pass http://{cache};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
"""


class Server:
    """An nginx; `inside(command)` is the command where it is to run."""

    def __init__(self, state, servers, inside=lambda command: command):
        self.state = state
        os.makedirs(os.path.join(state, "tmp"))
        with open(os.path.join(state, "nginx.conf"), "w", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(user="user root;\n", state=state, servers=servers))
        self.process = subprocess.Popen(
            inside([program("nginx"), "-p", state, "-e", os.path.join(state, "nginx-error.log"), "-c", os.path.join(state, "nginx.conf")]),
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        for _ in range(100):
            if os.path.exists(os.path.join(state, "nginx.pid")):
                return
            time.sleep(0.05)
        raise Failed("nginx does not start")

    def requests(self, mark):
        with open(os.path.join(self.state, "requests.jsonl"), encoding="utf-8") as log:
            log.seek(mark)
            return [json.loads(line) for line in log]

    def mark(self):
        return os.path.getsize(os.path.join(self.state, "requests.jsonl"))


class Farm:
    """The hosts, the origin with the files, and what a run wants of them."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.host_rate, self.origin_rate = int(100 * MBIT * options.rate), int(400 * MBIT * options.rate)
        self.hosts = [network.Host(number + 2, self.host_rate) for number in range(options.hosts)]
        origin = network.Host(1, self.origin_rate)
        served = os.path.join(work, "files")
        sizes = [int(1024 * MIB * options.size)] + [int(50 * MIB * options.size)] * 10
        self.files = [make(served, "model-%d.gguf" % number, size, seed=number + 1) for number, size in enumerate(sizes)]
        warm([file.path for file in self.files])
        self.set_size = sum(sizes)
        self.address = "http://%s:%d" % (origin.address, PORT)
        self.origin = Server(os.path.join(work, "origin"), ORIGIN.format(address="%s:%d" % (origin.address, PORT), files=served), origin.inside)
        self.started = [self.origin.process]

    def bound(self):
        """Seconds below which nobody can be: each host has to get the set, and the origin to give it."""
        return 8 * self.set_size / min(self.host_rate, self.origin_rate)

    def cache(self, conditional):
        """An empty bucket, and the address that it is asked at."""
        peer = s3_peer.Peer(s3_peer.build(), host=network.HERE, parent=self.work).__enter__()
        peer.bucket("models")
        if conditional:
            return peer, peer.url
        address = "%s:%d" % (network.HERE, PORT)
        plain = Server(tempfile.mkdtemp(prefix="plain-", dir=self.work), PLAIN.format(address=address, cache=peer.address))
        self.started.append(plain.process)
        return peer, "http://" + address

    def start(self, host, folder, command, env):
        with open(os.path.join(folder, "told"), "wb") as told:
            return subprocess.Popen(host.inside(command), cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=told, stderr=told,
                                    preexec_fn=die_with_parent)

    def race(self, prepare):
        """All hosts at once: `prepare(folder)` gives command, environment and the folder with the files. Seconds and the origin's bytes."""
        folders = [tempfile.mkdtemp(prefix="host-", dir=self.work) for _ in self.hosts]
        try:
            prepared = [prepare(folder) for folder in folders]
            mark, began = self.origin.mark(), time.monotonic()
            running = [self.start(host, folder, command, env)
                       for host, folder, (command, env, _) in zip(self.hosts, folders, prepared)]
            ends = []
            for process, folder in zip(running, folders):
                if process.wait():
                    with open(os.path.join(folder, "told"), encoding="utf-8", errors="replace") as told:
                        raise Failed("%s: %s" % (" ".join(process.args[:6]), told.read()[-600:]))
                ends.append(time.monotonic() - began)
            for _, _, place in prepared:
                for file in self.files:
                    expect(os.path.join(place, file.name), file.size)
            time.sleep(0.5)  # nginx writes down a request when it has ended
            return max(ends), sum(request["sent"] for request in self.origin.requests(mark) if request["target"].endswith(".gguf"))
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    def ncmodel(self, env=None, pinned=True):
        def prepare(folder):
            machine = Machine(self.options.ncmodel, folder).want(self.files, lambda name: "%s/%s" % (self.address, name), pinned)
            config = os.path.join(folder, "config.json")
            with open(config, "w", encoding="utf-8") as out:
                json.dump({} if pinned else {"cache_refs": True}, out)
            return machine.pull(), {**machine.env, "NCMODEL_CONFIG": config, **(env or {})}, os.path.dirname(machine.path("x"))
        return self.race(prepare)

    def cached(self, conditional=True, pinned=True):
        peer, url = self.cache(conditional)
        try:
            return self.ncmodel({"NCMODEL_CACHE": "s3:models/team", "NCMODEL_S3_ENDPOINT": url, "NCMODEL_S3_ACCESS_KEY": s3_peer.ACCESS,
                                 "NCMODEL_S3_SECRET_KEY": s3_peer.SECRET}, pinned)
        finally:
            peer.__exit__()

    def rclone(self):
        """It knows neither cache nor digests here: what hosts do that know nothing of each other."""
        if not shutil.which("rclone"):
            raise Failed("no rclone here")

        def prepare(folder):
            out = os.path.join(folder, "out")
            return ["rclone", "copy", "--config", "", "--http-url", self.address, ":http:", out], environment(folder), out
        return self.race(prepare)

    def close(self):
        for process in self.started:
            stop(process)


MODES = {
    "cache": ("ncmodel, one cache", Farm.cached),
    "plain": ("ncmodel, a cache without conditional writes", lambda farm: farm.cached(False)),
    "refs": ("ncmodel, one cache, no digests (cache_refs)", lambda farm: farm.cached(pinned=False)),
    "direct": ("ncmodel, no cache", Farm.ncmodel),
    "rclone": ("rclone copy, no cache", Farm.rclone),
}


def row(farm, name, runs):
    seconds, sent = sorted(runs)[len(runs) // 2]
    return "| %s | %.2f | %.1f | %.2f |" % (name, sent / farm.set_size, seconds, seconds / farm.bound())


def table(farm, results):
    head = ("%d hosts of %d Mbit/s, an origin of %d Mbit/s, %d files of %.0f MiB together: no host can be done before %.1f s.\n"
            % (len(farm.hosts), farm.host_rate // MBIT, farm.origin_rate // MBIT, len(farm.files), farm.set_size / MIB, farm.bound()))
    return "\n".join([head, "| what ran | bytes from the origin ÷ set | seconds | ÷ bound |", "|---|---|---|---|",
                      *(row(farm, MODES[key][0], runs) for key, runs in results.items() if runs)])


def measure(farm, options):
    results, failed = {key: [] for key in options.mode}, False
    for number in range(options.runs):
        for key in options.mode:
            try:
                seconds, sent = MODES[key][1](farm)
            except Failed as failure:
                print("%s FAILED: %s" % (MODES[key][0], failure), file=sys.stderr, flush=True)
                failed = failed or key != "rclone"
                continue
            results[key].append((seconds, sent))
            print("round %d: %-44s %7.1f s  origin %.2f" % (number + 1, MODES[key][0], seconds, sent / farm.set_size), file=sys.stderr, flush=True)
    return results, failed


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=16)
    parser.add_argument("--size", type=fractions.Fraction, default=fractions.Fraction(1), metavar="SCALE",
                        help="of the files: 1 GiB and ten of 50 MiB at 1 (default); each host keeps them")
    parser.add_argument("--rate", type=fractions.Fraction, default=fractions.Fraction(1), metavar="SCALE",
                        help="of the links: 100 Mbit/s a host and 400 the origin at 1 (default)")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--mode", type=lambda text: text.split(","), default=list(MODES), metavar="A,B", help=" ".join(MODES))
    parser.add_argument("--ncmodel", default=os.path.join(SOURCE, "build-bench", "cmd", "ncmodel"), metavar="BINARY")
    parser.add_argument("--work", metavar="DIR", default=os.path.join(SOURCE, "build-bench"), help="for what the hosts and the cache keep")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if set(options.mode) - set(MODES):
        parser.error("modes: " + " ".join(MODES))
    options.ncmodel = os.path.abspath(options.ncmodel)
    return options


def main():
    options = read_options()
    try:
        network.enter()
    except Failed as why:
        print("hosts.py: %s" % why, file=sys.stderr)
        return 77
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    os.makedirs(options.work, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hosts-", dir=options.work) as work:
        farm = Farm(options, work)
        try:
            results, failed = measure(farm, options)
        finally:
            farm.close()
        print(table(farm, results))
        if options.json:
            with open(options.json, "w", encoding="utf-8") as out:
                json.dump({"hosts": options.hosts, "size": str(options.size), "rate": str(options.rate), "set_bytes": farm.set_size,
                           "bound_s": farm.bound(), "runs": {key: [{"wall_s": s, "origin_bytes": b} for s, b in runs]
                                                             for key, runs in results.items()}}, out, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
