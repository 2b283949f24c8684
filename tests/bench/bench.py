#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs ncmodel beside the tools that people use today, against the same servers on loopback, and compares.

Never fails because something is slow: it ends with 1 only when ncmodel itself did not do its work.
"""
import argparse
import contextlib
import fractions
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases_again  # noqa: E402
import cases_carry  # noqa: E402
import cases_fetch  # noqa: E402
import cases_plan  # noqa: E402
import cases_registry  # noqa: E402
import cases_services  # noqa: E402
import cases_verify  # noqa: E402
import meter  # noqa: E402
import report  # noqa: E402
import rivals  # noqa: E402
import servers  # noqa: E402
from machine import Machine, SOURCE, has_option  # noqa: E402
from material import make, warm  # noqa: E402

MEMORY = 64  # MiB that ncmodel may hold in any case
CASES = {}
for module in (cases_fetch, cases_verify, cases_again, cases_services, cases_registry, cases_plan, cases_carry):
    module.register(CASES)


class Bench:
    """What the cases work with: a folder on the disk, a server, the helpers, and the settings."""

    def __init__(self, options, work):
        self.binary, self.runs, self.scale = os.path.abspath(options.ncmodel), options.runs, options.size
        self.work, self.files = work, {}
        self.before = options.before and os.path.abspath(options.before)
        self.memory = tempfile.mkdtemp(prefix="ncmodel-bench-", dir=options.served or self._fast_folder(work))
        self.nginx = servers.Nginx(os.path.join(work, "nginx"), self.memory)

    def _fast_folder(self, work):
        """Memory, so that the server never reads from the disk that is measured; the work folder if there is little of it."""
        shared = "/dev/shm"
        need = 4 * self.size(1 << 30)
        with open("/proc/meminfo", encoding="ascii") as lines:
            free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
        return shared if os.path.isdir(shared) and shutil.disk_usage(shared).free > need and free > 2 * need else work

    def say(self, text):
        print(time.strftime("%H:%M:%S ") + text, file=sys.stderr, flush=True)

    def size(self, full):
        return int(full * self.scale)

    def knows(self, option):
        return has_option(self.binary, option)

    def machine(self, folder, ca=None, binary=None):
        return Machine(binary or self.binary, folder, ca)

    def measure(self, command, folder, env=None, allowed=(0,)):
        return meter.measure(self.helper("measure"), command, folder, env, allowed)

    def race(self, case):
        self.say("%s: %s" % (case.key, case.title))
        meter.race(case.runners, self.runs, self.say)

    def helper(self, name):
        """A small C program beside this file, compiled when it is first wanted."""
        path = os.path.join(self.work, name)
        if not os.path.exists(path):
            compiled = subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", path, os.path.join(HERE, name + ".c")],
                                      capture_output=True, text=True)
            if compiled.returncode:
                raise meter.Failed("%s.c does not compile: %s" % (name, compiled.stderr))
        return path

    def served(self, name, size):
        """A file that nginx serves."""
        if name not in self.files:
            self.files[name] = make(self.memory, name, size, seed=len(self.files) + 1)
        warm([self.files[name].path])
        return self.files[name]

    @contextlib.contextmanager
    def folder(self):
        """A fresh one on the disk that is measured; gone afterwards."""
        path = tempfile.mkdtemp(prefix="run-", dir=self.work)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)  # what is left goes with the work folder

    def check_digest(self, path, sha256):
        told = subprocess.run(["openssl", "dgst", "-sha256", "-r", path], capture_output=True, text=True).stdout
        if told.split()[:1] != [sha256]:
            raise meter.Failed("%s has not the right bytes" % path)

    def close(self):
        self.nginx.close()
        shutil.rmtree(self.memory, ignore_errors=True)


def machine_facts(options, work):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    system = subprocess.run(["df", "--output=fstype", work], capture_output=True, text=True).stdout.split()[-1]
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1),
            "kernel": platform.release(), "file_system": system, "load_before": os.getloadavg()[0], "runs": options.runs,
            "size": str(options.size), "versions": rivals.versions()}


def memory_case(cases):
    """The last row: how much ncmodel held at most, wherever that is bounded."""
    ours = [case.ours for case in cases if case.ours.ran() and not case.holds_all]
    case = report.Case("memory", "ncmodel in all of these cases", meter.Runner("ncmodel"))
    case.bar(report.Bar("peak RSS ≤ %d MiB" % MEMORY, max((runner.peak() for runner in ours), default=None), MEMORY, "MiB"))
    return case


def run_cases(bench, wanted):
    done = []
    for key in wanted:
        try:
            made = CASES[key](bench)
        except meter.Failed as failure:
            broken = report.Case(key, "could not be run", meter.Runner("ncmodel"))
            broken.ours.failure = str(failure)
            bench.say("%s: %s" % (key, failure))
            made = broken
        done += made if isinstance(made, list) else [made]
    return done + [memory_case(done)]


def heading(facts):
    return "%s, %d cores, %.1f GiB, Linux %s, %s; %d runs, size × %s, load %.1f before and %.1f after\n" % (
        facts["cpu"], facts["cores"], facts["memory_gib"], facts["kernel"], facts["file_system"], facts["runs"], facts["size"],
        facts["load_before"], facts["load_after"])


def choose(text):
    """Cases by name; `a` means `a` and all `a-…`."""
    wanted = []
    for word in text.split(","):
        found = [key for key in CASES if key == word or key.startswith(word + "-")]
        if not found:
            raise argparse.ArgumentTypeError("no case %r; there are %s" % (word, " ".join(CASES)))
        wanted += [key for key in found if key not in wanted]
    return wanted


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="cases: " + " ".join(CASES))
    parser.add_argument("--case", type=choose, default=list(CASES), metavar="A,B", help="only these; `a` takes all that begin with `a-`, too")
    parser.add_argument("--runs", type=int, default=5, help="rounds; the figures are medians (default 5)")
    parser.add_argument("--size", type=fractions.Fraction, default=fractions.Fraction(1), metavar="SCALE", help="1/16 for a quick look (default 1)")
    parser.add_argument("--ncmodel", default=os.path.join(SOURCE, "build-bench", "cmd", "ncmodel"), metavar="BINARY", help="a release build")
    parser.add_argument("--before", metavar="BINARY", help="an earlier release build, to compare with in `four` and `known`")
    parser.add_argument("--json", metavar="FILE", help="write everything there, too")
    parser.add_argument("--work", metavar="DIR", default=os.path.join(SOURCE, "build-bench"), help="a folder on the disk to measure; ~20 GiB at full size")
    parser.add_argument("--served", metavar="DIR", help="where nginx finds the files (default: /dev/shm if it is large enough)")
    options = parser.parse_args()
    if options.runs < 1 or options.size <= 0:
        parser.error("--runs and --size must be positive")
    if not os.access(options.ncmodel, os.X_OK):
        parser.error("%s is no program; scripts/bench builds it" % options.ncmodel)
    return options


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background, and that is handed on
    options = read_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # so that what was started is stopped, and what was written removed
    os.makedirs(options.work, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.work) as work:
        facts = machine_facts(options, work)
        bench = Bench(options, work)
        try:
            cases = run_cases(bench, options.case)
        finally:
            bench.close()
    facts["load_after"] = os.getloadavg()[0]
    print("\n".join([heading(facts), report.table(cases), "", report.notes(cases), "", report.summary(cases)]))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"machine": facts, "cases": [case.facts() for case in cases]}, out, indent=1)
            out.write("\n")
    return 1 if any(case.ours.failure for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
