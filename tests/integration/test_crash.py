# SPDX-License-Identifier: MIT
"""Crashes, all of them: what the program does to its files is recorded, the folder is made again as a kill or a power cut would
have left it after each step (tests/crash/crash.py says in which ways), and the next run has to end right.

Every such folder is looked at: nothing wrong has a final name, no journal vouches for bytes that are not there. The next run
is made in as many different ones as fit into NCM_CRASH_SECONDS (default 45); NCM_CRASH_ALL=1: in all.
The seed is printed; NCM_CRASH_SEED repeats a run. By hand: NCMODEL=build-plain/cmd/ncmodel tests/integration/test_crash.py [Case...]
"""
import collections
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("NCM_TEST_SOURCE", os.path.dirname(os.path.dirname(HERE)))
SOURCE = os.environ["NCM_TEST_SOURCE"]
sys.path[:0] = [os.path.join(SOURCE, "tests", "crash"), os.path.join(SOURCE, "tests", "data")]

import cases  # noqa: E402
import cases_hub  # noqa: E402
import cases_move  # noqa: E402
import cases_upkeep  # noqa: E402
import crash  # noqa: E402
import history  # noqa: E402
import selector_check  # noqa: E402
from oracle import Oracle  # noqa: E402
from record import record  # noqa: E402

BINARY = os.environ.get("NCMODEL") or os.path.join(SOURCE, "build-plain", "cmd", "ncmodel")
SEED = int(os.environ.get("NCM_CRASH_SEED") or random.randrange(1 << 30))
SECONDS = float(os.environ.get("NCM_CRASH_SECONDS") or 45)
ALL = os.environ.get("NCM_CRASH_ALL") == "1"
WORKERS = max(2, min(8, os.cpu_count() or 2))
ROOM = 2 << 30  # that the folders need in memory


class Plan:
    """What the workers share: they are forked from it."""

    case = past = oracle = folder = deadline = None
    mirror = home = None  # each worker's own


PLAN = Plan()


def look_at_point(point):
    """[(way, key of the folder, key of its names, what is wrong)]."""
    found = []
    for way in crash.ways_at(PLAN.past, point):
        left = crash.left(PLAN.past, point, way, SEED)
        found.append((way, left.key, hash(frozenset(left.paths)), PLAN.oracle.look(left)))
    return point, found


def run(arguments):
    return subprocess.run([BINARY, *arguments], env=PLAN.case.environment(PLAN.home, PLAN.mirror), cwd=PLAN.home, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          check=False)


def run_after(state):
    """The next run after a crash: (point, way, what is wrong, files that nobody needs), or None when the time is over."""
    if PLAN.deadline and time.monotonic() > PLAN.deadline:
        return None
    if not PLAN.home:
        PLAN.home = tempfile.mkdtemp(prefix="run-", dir=PLAN.folder)
        PLAN.mirror = PLAN.case.mirror()
    point, way = state
    root = os.path.join(PLAN.home, "root")
    shutil.rmtree(root, ignore_errors=True)
    left = crash.left(PLAN.past, point, way, SEED)
    left.store(root, PLAN.case.recorded_root)
    PLAN.mirror.forget()
    for arguments in PLAN.case.again:
        result = run(arguments)
        if result.returncode != 0:
            return point, way, [f"{' '.join(arguments)} ended with {result.returncode}:\n{result.stdout}"], []
    wrong, rest = PLAN.oracle.compare_folder(root, selector_check)
    wrong += PLAN.oracle.compare_sent(PLAN.oracle.proved(left), PLAN.mirror.sent)
    result = run(["verify"])
    if result.returncode != 0:
        wrong.append(f"verify ended with {result.returncode}:\n{result.stdout}")
    return point, way, wrong, rest


def has_room(folder):
    return os.path.isdir(folder) and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM


def recorder():
    """Built by meson, or by hand."""
    if os.environ.get("NCM_RECORDER"):
        return os.environ["NCM_RECORDER"]
    built = os.path.join(tempfile.mkdtemp(prefix="ncmodel-recorder-"), "recorder.so")
    unittest.addModuleCleanup(shutil.rmtree, os.path.dirname(built))
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-fPIC", "-shared", "-o", built,
                    os.path.join(SOURCE, "tests", "crash", "recorder.c"), "-ldl"], check=True)
    return built


def points_of(past, thin):
    """All of them; of a long row of writes only some."""
    points = []
    for point in range(len(past.ops) + 1):
        around = past.ops[max(0, point - 3):point + 3]
        if point % thin == 0 or any(op.kind != history.WRITE for op in around):
            points.append(point)
    return points


def plain(text):
    """Without what is another in every run."""
    return re.sub(r"[0-9a-f]{8,}|[0-9]+", "N", text)


def in_turn(states):
    """[(point, way, key of the names)] in the order of the dice, but all sets of names in turn: first one folder of each."""
    rows = collections.defaultdict(list)
    for point, way, names in random.Random(SEED).sample(states, len(states)):
        rows[names].append((point, way))
    return [row[i] for i in range(max(map(len, rows.values()))) for row in rows.values() if i < len(row)]


class CrashTest(unittest.TestCase):
    shares = 12.0

    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}", flush=True)
        cls.recorder = recorder()

    def setUp(self):
        self.folders = [tempfile.mkdtemp(prefix="ncmodel-crash-")]
        if has_room("/dev/shm"):
            self.folders.append(tempfile.mkdtemp(prefix="ncmodel-crash-", dir="/dev/shm"))
        for folder in self.folders:
            self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        history.Content.known.clear()

    def crash(self, case):
        past = record(case, BINARY, self.recorder, os.path.join(self.folders[0], "recorded"))
        PLAN.case, PLAN.past, PLAN.oracle, PLAN.folder = case, past, getattr(case, "Oracle", Oracle)(case), self.folders[-1]
        PLAN.deadline = None
        with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
            states = self.look_at_all(pool, points_of(past, 1 if ALL else case.thin))
            PLAN.deadline = None if ALL else time.monotonic() + SECONDS * case.share / self.shares
        with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
            self.run_after_all(pool, states)

    def look_at_all(self, pool, points):
        states, wrong, looked = {}, [], 0
        for point, found in pool.imap(look_at_point, points, chunksize=8):
            for way, key, names, faults in found:
                looked += 1
                states.setdefault(key, (point, way, names))
                wrong += [(point, way, fault) for fault in faults]
        direct = sum(1 for op in PLAN.past.ops if op.kind == history.WRITE and op.flags & history.DIRECT)
        print(f"{type(PLAN.case).__name__}: {len(PLAN.past.ops)} records ({direct} direct writes), {len(points)} points, "
              f"{looked} crashes, {len(states)} different folders, all looked at", flush=True)
        self.tell(wrong)
        return sorted(states.values())

    def run_after_all(self, pool, states):
        wrong, rest, done = [], {}, 0
        for result in pool.imap_unordered(run_after, in_turn(states)):
            if result:
                done += 1
                wrong += [(result[0], result[1], fault) for fault in result[2]]
                rest.update({plain(path): size for path, size in result[3]})
        print(f"{type(PLAN.case).__name__}: the next run was made in {done} of {len(states)}", flush=True)
        for path, size in sorted(rest.items()):
            print(f"    what may stay and nobody needs: {path} ({size} bytes)", flush=True)
        self.tell(wrong)
        self.assertGreater(done, 0)

    def tell(self, wrong):
        """One of each kind."""
        kinds = collections.defaultdict(list)
        for point, way, fault in sorted(wrong):
            kinds[plain(fault.split("\n")[0])].append((point, way, fault))
        lines = [f"{len(wrong)} wrong (seed {SEED})"]
        for found in kinds.values():
            point, way, fault = found[0]
            before = PLAN.past.ops[point - 1] if point else "nothing"
            lines.append(f"{len(found)} times, first in a crash after {before}, {way}: {fault}")
        if wrong:
            self.fail("\n".join(lines))

    def test_pull(self):
        self.crash(cases.Pull())

    def test_resume(self):
        self.crash(cases.Resume())

    def test_first_use(self):
        self.crash(cases.FirstUse())

    def test_twins(self):
        self.crash(cases.Twins())

    def test_update(self):
        self.crash(cases.Update())

    def test_changed(self):
        self.crash(cases.Changed())

    def test_long(self):
        if shutil.disk_usage(self.folders[0]).free < ROOM:
            self.skipTest("no room for files of some hundred MiB")
        self.crash(cases.Long())

    def test_remove(self):
        self.crash(cases_upkeep.Remove())

    def test_collect(self):
        self.crash(cases_upkeep.Collect())

    def test_move(self):
        self.crash(cases_move.Move())

    def test_hub(self):
        self.crash(cases_hub.Hub())

    def test_link(self):
        self.crash(cases.Link())

    def test_unlink(self):
        self.crash(cases.Unlink())

    def test_repair(self):
        text = subprocess.run([BINARY, "verify", "--help"], capture_output=True, text=True, check=True).stdout
        if "--repair" not in text:
            self.skipTest("this ncmodel does not repair")
        self.crash(cases.Repair())


if __name__ == "__main__":
    unittest.main()
