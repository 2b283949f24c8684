"""A server that misbehaves on purpose: the right digest or a clear error, never a wrong file and never a hang.

First every fault alone (fault_table.py), then random schedules of them over several files at once.
  NCM_FAULT_SEED     repeats a run; "SEED/ROUND" one round of the random schedules
  NCM_FAULT_SECONDS  how long the random schedules go on (default 20)
  NCM_FAULT_CASES    a regular expression: only these cases of the sweep ("large: stall")
"""
import collections
import concurrent.futures
import itertools
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import traceback
import unittest

from harness import SOURCE, Machine

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import selector_check  # noqa: E402
from fault_table import EVERY, GOOD, NO_END, SITUATIONS, TABLE, on_ranges  # noqa: E402
from faultserver import FaultServer, Served, content  # noqa: E402

SEED = os.environ.get("NCM_FAULT_SEED") or str(random.randrange(1 << 30))
SECONDS = float(os.environ.get("NCM_FAULT_SECONDS", "20"))
CASES = re.compile(os.environ.get("NCM_FAULT_CASES", ""))
HANG = 60  # seconds: a pull that takes longer does not end
# What a transfer can end with.
EXITS = {"not_found": 5, "auth_required": 6, "network": 7, "rate_limited": 8, "checksum": 10, "policy": 11, "protocol": 15,
         "server_refused": 15}
SIZES = {"fresh": 300_000, "resumed": 3 << 20, "unpinned": 3 << 20, "large": 24 << 20}


def weights(name, size):
    """A GGUF file of noise: no part of it is like another, so that none can stand in for another."""
    return Served(b"GGUF\3\0\0\0" + bytes(16) + content(name, size - 24))


class Bench:
    """A machine and a server for one case."""

    def __init__(self):
        self.machine, self.server = Machine(), FaultServer().start()
        self.files = {}  # name: digests of the versions that may be there
        self.models = []

    def close(self):
        self.server.stop()
        self.machine.close()

    def file(self, name, *versions, pinned=True):
        url = self.server.put(name, *versions)
        known = {"sha256": versions[0].sha256, "size": len(versions[0].data)} if pinned else {}
        self.files[name] = {data.sha256 for data in (versions[:1] if pinned else versions)}
        self.models.append({"id": name.split(".")[0], "files": [
            {"from": [url], "insecure_http": True, "to": [{"store": "llama-cpp", "name": name}], **known}]})
        self.machine.manifest(self.models)

    def pull(self, *more):
        result = self.machine.run("pull", "-y", *more, timeout=HANG)
        self.look(result)
        return result

    def look(self, result):
        """After any pull: what has a final name is right, and models.json tells the truth."""
        seen = result.err[-3000:]
        there = self.on_disk()
        for name, digest in there.items():
            check(digest in self.files.get(name, ()), f"{name} has a final name and the wrong content\n{seen}")
        if os.path.exists(self.machine.store("models.json")):
            with open(self.machine.store("models.json"), encoding="utf-8") as file:
                check(list(selector_check.check(file.read())) == [], "models.json breaks its contract")
            entries = [file for model in self.machine.registry()["models"] for file in model["files"]]
            for entry in entries:
                check(there.get(os.path.basename(entry["path"])) == entry["sha256"], f"models.json is wrong: {entry}")
        if result.returncode == 0:
            check(set(there) == set(self.files), f"success, but only {sorted(there)} are there\n{seen}")

    def on_disk(self):
        own = ("models.json", "ncmodel.lock")
        return {os.path.basename(p): d for p, d in self.machine.snapshot().items() if os.path.basename(p) not in own}

    def recovers(self, good):
        """The server is healthy now: the next pull gets what is not there, and asks for nothing if all is."""
        self.server.reset()
        for name, data in good.items():
            self.server.put(name, data)
        before = self.on_disk()
        result = self.pull()
        check(result.returncode == 0, f"a healthy server, and yet exit {result.returncode}\n{result.err[-3000:]}")
        after = self.on_disk()
        for name, data in good.items():
            check(after[name] == before.get(name, data.sha256), f"{name} is not what the server has")
        check(set(before) != set(good) or not self.server.requests(wait=0), "all is there, and it asks for something")


class Wrong(Exception):
    pass


def check(holds, text):
    if not holds:
        raise Wrong(text)


# each fault alone

class Case:
    def __init__(self, row, situation):
        self.row, self.situation = row, situation
        self.name = f"{situation}: {row.name}"
        self.end = row.ends[situation]
        self.file = situation + ".gguf"

    def is_slow(self):
        """Waits for the limit on stalls."""
        return any(rule["fault"] in ("stall", "silence", "drip") and "seconds" not in rule for rule in self.row.rules)

    def rules(self):
        """The row's rules for this case's file. Of many requests for one file any may be hit, not only the first."""
        return [self.rule(number, fault) for number, fault in enumerate(self.row.rules)]

    def rule(self, number, fault):
        where = f"^/f/{self.situation}" if fault.get("first") else f"^/(f|signed/[^/]+)/{self.situation}"
        hits = int(fault.get("times", EVERY if number else self.row.hits))
        rule = {"match": where, "only": fault.get("only", "get"), "seed": f"{SEED}/{self.name}/{number}", "most": hits}
        if self.situation != "large" or hits == EVERY or number or fault.get("first"):
            return {**rule, "faults": [fault], "chance": 1}
        if hits == 1:
            return {**rule, "nth": {str(random.Random(rule["seed"]).choice(fault.get("nth", range(4)))): fault}}
        return {**rule, "faults": [fault], "chance": 0.5}

    def run(self):
        bench = Bench()
        try:
            return self.on(bench)
        finally:
            bench.close()

    def on(self, bench):
        good = DATA[self.situation]["good"]
        later = DATA[self.situation][self.row.rules[0].get("to", "other")]
        bench.file(self.file, good, later, pinned=self.situation != "unpinned")
        if self.situation == "resumed":
            self.leave_half(bench)
        bench.server.reset()
        bench.server.rules(self.rules())
        result = bench.pull("--retries", "4")
        asked = [r for r in bench.server.requests() if r["method"] == "GET"]
        met = sum(r["fault"] == self.row.rules[0]["fault"] for r in asked)
        end = self.end if met else GOOD
        seen = f"exit {result.returncode}, met {met}\n{result.err[-3000:]}"
        check(result.returncode in end.codes, f"not exit {sorted(end.codes)} but {seen}")
        words = (*end.says, self.file) if result.returncode else ()
        check(all(word in result.err for word in words), f"it does not say {words}: {seen}")
        if self.row.name == "none" and self.situation == "resumed":
            check(sum(r["sent"] for r in asked) < len(good.data), "what was there came again")
        bench.recovers({self.file: good})
        return met

    def leave_half(self, bench):
        bench.server.rules([{"match": self.situation, "only": "get", "nth": {"0": {"fault": "close"}}},
                            {"match": self.situation, "only": "get", "fault": "drop"}])
        result = bench.pull("--retries", "1")
        check(result.returncode == 7, f"preparing: exit {result.returncode}\n{result.err[-3000:]}")


def data_of(situation, size):
    return {"good": weights(situation, size), "other": weights(situation + " again", size),
            "longer": weights(situation + " longer", size + size // 10),
            "shorter": weights(situation + " shorter", size - size // 10)}


DATA = {situation: data_of(situation, size) for situation, size in SIZES.items()}


def outcome(case):
    """(case, requests that met the fault, what is wrong or None)."""
    try:
        return case, case.run(), None
    except (Wrong, AssertionError) as wrong:
        return case, 0, str(wrong)
    except subprocess.TimeoutExpired:
        return case, 0, f"it hangs: not at its end after {HANG} s"
    except Exception:  # of the test itself: not lost in a thread
        return case, 0, traceback.format_exc()


def sweep(cases):
    """Runs all; those that wait for a stall's limit do it side by side."""
    slow = [case for case in cases if case.is_slow()]
    quick = [case for case in cases if not case.is_slow()]
    pool = concurrent.futures.ThreadPoolExecutor
    with pool(max(1, len(slow))) as waiting, pool(10) as working:
        running = [waiting.submit(outcome, case) for case in slow] + [working.submit(outcome, case) for case in quick]
        return [one.result() for one in running]


# schedules

def of(fault, **more):
    return {"fault": fault, **more}


# By what they are about: faults of one kind bite when they come together.
THEMES = {
    "connection": [
        of("close", at="random", rst="1"), of("drop", burst="2"), of("silence", seconds="1"),
        of("stall", at="random", seconds="1"), of("stall", at="random", seconds="0.5", then="close"),
        of("drip", bytes="900", every="0.02", seconds="1"),
        of("drip", bytes="900", every="0.02", seconds="0.5", then="close")],
    "status": [
        of("status", code="429", **{"retry-after": "1"}), of("status", code="429"), of("status", code="500"),
        of("status", code="503", burst="3"), of("redirect-loop"), of("html"),
        on_ranges("416"), on_ranges("416", total="none"), on_ranges("416", total="asked")],
    "body": [
        of("gzip"), of("gzip-claim"), on_ranges("gzip"), of("chunked"), of("chunked-cut"), of("long-length"),
        of("no-length"), of("no-length-cut"), on_ranges("short-length")],
    "range": [
        on_ranges("wrong-range", by="1"), on_ranges("wrong-range"), on_ranges("other-range"), on_ranges("short-range"),
        on_ranges("other-range", by="-7"), on_ranges("wrong-total"), on_ranges("no-content-range"),
        on_ranges("multipart"), on_ranges("ignore-range")],
    "version": [
        of("change"), of("change", at="random"), of("change", at="random", remove=["ETag", "Last-Modified"]),
        on_ranges("no-if-range"), on_ranges("no-if-range"), of("wrong-etag"), of("weak-etag"), of("no-etag")],
}
DIGEST_ONLY = [of("flip", at="random"), of("other"), of("short-length"), on_ranges("range-from-zero")]


class Round:
    """One machine, several files, a schedule for each, pulled until the server behaves."""

    def __init__(self, seed):
        self.seed, self.dice = seed, random.Random(seed)
        self.rules, self.good, self.lines = [], {}, []

    def run(self):
        bench = Bench()
        try:
            for number in range(self.dice.randrange(2, 5)):
                self.add(bench, f"m{number}.gguf")
            for _ in range(2):  # the second goes on from what the first left
                self.judge(bench, bench.pull("--json", "--retries", str(self.dice.randrange(2, 5))))
            bench.recovers(self.good)
        finally:
            bench.close()

    def add(self, bench, name):
        dice = self.dice
        pinned, signed = dice.random() < 0.5, dice.random() < 0.3
        size = dice.randrange(*dice.choice(((1_000, 100_000), (1 << 20, 4 << 20), (8 << 20, 20 << 20))))
        good = weights(f"{self.seed}/{name}", size)
        other = weights(f"{self.seed}/{name} again", size + dice.choice((0, 0, 1000, -500)))
        self.good[name] = good
        # A pinned file that changes comes back: what is pinned is to be had in the end.
        bench.file(name, *((good, other, good) if pinned else (good, other)), pinned=pinned)
        faults = [of("close", at="random")]  # a cut is what makes ranges
        for theme in dice.sample(sorted(THEMES), dice.randrange(1, 3)):
            faults += dice.sample(THEMES[theme], dice.randrange(1, 5))
        faults += dice.sample(DIGEST_ONLY, dice.randrange(0, 3)) if pinned else []
        self.rules.append({"match": f"^/(f|signed/[^/]+)/{name}", "seed": f"{self.seed}/{name}", "faults": faults,
                           "chance": dice.uniform(0.2, 0.9), "most": dice.randrange(1, 9)})
        if signed:
            limit = dice.choice(({"requests": "1"}, {"requests": "3"}, {"bytes": str(size // 2)}, {"seconds": "0.5"},
                                 {"requests": "0", "times": "1"}))
            self.rules.append({"match": f"^/f/{name}", **of("redirect-signed", only="get", **limit)})
        bench.server.rules(self.rules)

    def judge(self, bench, result):
        """Right, or a clear error: documented exit code, its class, a message that names what failed."""
        document = json.loads(result.out)
        errors = document["errors"]
        check(document["exit_code"] == result.returncode, "the document and the process differ")
        self.lines.append("/".join(sorted({e["code"] for e in errors})) or "good")
        if result.returncode == 0:
            check(errors == [], "success with errors")
            return
        check(errors != [], f"exit {result.returncode} without an error\n{result.err[-3000:]}")
        for error in errors:
            check(error["code"] in EXITS, f"no failure of a transfer: {error}")
            check(re.search(r"\bm\d\b", error["message"]) and len(error["message"]) > 15, f"says nothing: {error}")
        exits = {EXITS[error["code"]] for error in errors}
        check(result.returncode == (exits.pop() if len(exits) == 1 else 1), f"exit {result.returncode}: {errors}")


class FaultTest(unittest.TestCase):
    maxDiff = None

    def test_each_fault_alone(self):
        cases = [Case(row, situation) for row in TABLE for situation in SITUATIONS if row.ends[situation] is not NO_END]
        cases = [case for case in cases if CASES.search(case.name)]
        print(f"seed {SEED}: {len(cases)} cases", flush=True)
        began = time.monotonic()
        results = sweep(cases)
        unmet = [case.name for case, met, wrong in results if not wrong and not met and case.row.name != "none"]
        print(f"{len(unmet)} of them met no fault; {time.monotonic() - began:.0f} s", flush=True)
        if os.environ.get("NCM_FAULT_VERBOSE"):
            print("met no fault: " + ", ".join(unmet), flush=True)
        self.report([(case.name, wrong) for case, _, wrong in results if wrong])

    def test_random_schedules(self):
        print(f"seed {SEED}: random schedules for {SECONDS:.0f} s", flush=True)
        master, _, single = SEED.partition("/")
        numbers = iter([int(single)]) if single else itertools.count()
        end = time.monotonic() + SECONDS
        ends, wrongs, lock = collections.Counter(), [], threading.Lock()

        def work():
            while time.monotonic() < end and not wrongs:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                one = Round(f"{master}/{number}")
                _, _, wrong = outcome(one)
                with lock:
                    ends.update(one.lines)
                    wrongs.extend([(f"round {one.seed}", wrong)] if wrong else [])

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(f"{sum(ends.values())} pulls: {dict(ends)}", flush=True)
        self.report(wrongs)

    def report(self, wrongs):
        if wrongs:
            self.fail(f"NCM_FAULT_SEED={SEED}\n" + "\n".join(f"--- {name}\n{wrong}" for name, wrong in wrongs))


if __name__ == "__main__":
    unittest.main()
