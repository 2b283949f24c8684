"""kill -9 at every step of what writes to the cache in S3, by the step's name: nothing wrong is there afterwards, another machine gets
what it wants, and the same command ends what it had begun. A run that nobody kills says which steps there are."""
import collections
import concurrent.futures
import os
import queue
import re
import sys
import threading
import time
import unittest

from flights import PART, Origin, content
from harness import SOURCE, Case, Machine, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import s3_site  # noqa: E402
import s3_store  # noqa: E402

PARTS = 3
DATA = content("steps", (PARTS - 1) * PART + 4321)
DIGEST = sha256(DATA)
BLOB, CHECKPOINTS = (f"models/team/{folder}/sha256/{DIGEST[:2]}/{DIGEST}" for folder in ("blobs", "checkpoints"))
LOCK = "models/team/locks/here.lock"
KINDS = {"blob": "blobs/", "checkpoints": "checkpoints/", "lock": "locks/", "join lease": r"parts/.*/join\.lease$",
         "lease": r"parts/.*\.lease$", "part": r"parts/.*/\d+$", "parts": "parts/.*/$"}
READS = ("GetObject", "HeadObject", "ListObjectsV2", "ListParts", "ListMultipartUploads")
MOMENTS = (s3_store.ASKED, s3_store.DONE, s3_store.ANSWERED)
KILLS_AT_ONCE = 4
VOID_SECONDS = 60  # that old is no lease


def step_of(operation, name):
    key = name.removeprefix("models/team/")
    return operation + " " + next(kind for kind, pattern in KINDS.items() if re.match(pattern, key))


class Watch:
    """Counts the steps of a run, and kills it when a request of `step` is at `moment` for the nth time."""

    def __init__(self, step=None, nth=1, moment=None):
        self.kills_at, self.nth = (step, moment), nth
        self.process, self.started = None, threading.Event()
        self.met, self.killed, self.lock = collections.Counter(), False, threading.Lock()

    def __call__(self, moment, operation, name):
        at = step_of(operation, name), moment
        with self.lock:
            self.met[at] += 1
            if self.killed or at != self.kills_at or self.met[at] != self.nth:
                return self.killed and moment == s3_store.ASKED  # what the dead one still had on its way
            self.killed = True
        self.started.wait()
        self.process.kill()
        self.process.wait()
        return True

    def steps(self):
        return {step: count for (step, moment), count in self.met.items() if moment == s3_store.ASKED}


def new_store(like=None):
    store = s3_store.Store()
    store.objects["models/other"] = b"here"
    if like:
        store.objects, store.count = dict(like.objects), like.count
        store.uploads = {upload: (name, dict(parts)) for upload, (name, parts) in like.uploads.items()}
    return store


def let_time_pass(store):
    """Leases of who is dead become void."""
    store.modified = {name: time.time() - VOID_SECONDS for name in store.objects}


class Writer:
    """Who is killed: a machine, what it runs, and a bucket."""

    command, pinned = ("pull", "-y"), True

    def __init__(self, case, watch):
        self.case, self.watch, self.store = case, watch, new_store()
        self.store.watch = watch
        self.machine = self.take_machine()

    def take_machine(self):
        return self.case.new_machine(self.pinned)

    def close(self):
        self.store.close()
        self.machine.close()

    @staticmethod
    def env(store):
        return {"NCMODEL_CACHE": "s3:models/team", "NCMODEL_S3_ENDPOINT": store.url, "NCMODEL_S3_ACCESS_KEY": s3_site.ACCESS,
                "NCMODEL_S3_SECRET_KEY": s3_site.SECRET}

    def run_watched(self):
        """The exit code. What the bucket was sent whole has become of it what it does."""
        process = self.watch.process = self.machine.start(*self.command, env=self.env(self.store))
        self.watch.started.set()
        self.said = "".join(process.communicate(timeout=100))
        end = time.monotonic() + 30
        while self.store.busy and time.monotonic() < end:
            time.sleep(0.005)
        self.case.assertEqual(self.store.busy, 0)
        self.store.watch = None
        return process.returncode

    def run(self, machine, store, *arguments):
        result = machine.run(*arguments, env=self.env(store))
        self.case.assertEqual(result.returncode, 0, result.out + result.err)

    def expect(self, holds, what):
        if not holds:
            self.case.fail(what)

    def check_nothing_wrong(self, store):
        for name, data in store.objects.items():
            if "/blobs/" in name:
                self.expect(name == BLOB and data == DATA, f"{name} has {len(data)} bytes that are not its content")
            if "/checkpoints/" in name:
                self.expect(name == CHECKPOINTS and data == self.case.checkpoints, f"{name}: these are not the checkpoints")

    def check_whole(self, store):
        self.check_nothing_wrong(store)
        self.expect(BLOB in store.objects, "the blob is not there")
        self.check_uploads(store)

    def check_uploads(self, store):
        self.expect(not store.uploads, f"under way: {list(store.uploads)}")

    def check_complete(self):
        self.check_whole(self.store)
        self.expect(CHECKPOINTS in self.store.objects, "the checkpoints are not there")

    def check_another(self):
        """Another machine gets the right bytes, and makes the blob of what is there."""
        store, machine = new_store(self.store), self.case.new_machine(pinned=True)
        try:
            let_time_pass(store)
            self.run(machine, store, "pull", "-y")
            self.expect(self.case.read(machine.store("m.gguf")) == DATA, "another machine got wrong bytes")
            self.check_whole(store)
        finally:
            machine.close()
            store.close()

    def check_again(self):
        """The same command once more, and what is left then a gc takes."""
        let_time_pass(self.store)
        self.run(self.machine, self.store, *self.command)
        self.check_complete()
        self.run(self.machine, self.store, "cache", "gc", "--days", "0", "-y", "--for", self.machine.store("ncmodel.lock"))
        self.check_complete()
        self.case.assertEqual([name for name in self.store.objects if "/parts/" in name], [])


class Push(Writer):
    command = ("cache", "push", "m", "--name", "here")

    def take_machine(self):
        """One that has it: a push changes nothing there."""
        try:
            return self.case.idle.get_nowait()
        except queue.Empty:
            machine = super().take_machine()
            self.case.addCleanup(machine.close)
            self.case.assertEqual(machine.run("pull", "-y").returncode, 0)
            return machine

    def close(self):
        self.store.close()
        self.case.idle.put(self.machine)

    def check_complete(self):
        super().check_complete()
        self.expect(LOCK in self.store.objects, "the lock is not there")


class PushOn(Push):
    """It goes on with one of two uploads that were cut short."""

    def __init__(self, case, watch):
        super().__init__(case, watch)
        self.store.uploads = {"begun": (BLOB, {}), "further": (BLOB, {2: DATA[PART:2 * PART]})}

    def check_uploads(self, store):
        """Who dies when the blob is there leaves the other to the bucket's rule: nobody goes on with it."""
        self.expect(set(store.uploads) <= {"begun"}, f"under way: {list(store.uploads)}")


class Fill(Writer):
    """What has no digest beforehand does not fly: it is sent when it was placed."""

    pinned = False


class Flight(Writer):
    """Its parts fly."""


class Killed(Case):
    checkpoints = None

    def setUp(self):
        super().setUp()
        self.idle = queue.SimpleQueue()
        self.origin = Origin()
        self.origin.files["/m.gguf"] = DATA
        self.addCleanup(self.origin.close)

    def new_machine(self, pinned):
        machine = Machine()
        machine.manifest([{"id": "m", "files": [
            {"from": [self.origin.url + "/m.gguf"], "insecure_http": True, "to": [{"store": "llama-cpp", "name": "m.gguf"}],
             **({"sha256": DIGEST, "size": len(DATA)} if pinned else {})}]}])
        return machine

    def undisturbed(self, kind):
        """The steps of a run that nobody kills. It says what the checkpoints are."""
        writer = kind(self, Watch())
        try:
            self.assertEqual(writer.run_watched(), 0, writer.said)
            self.checkpoints = writer.store.objects[CHECKPOINTS]
            writer.check_again()
            writer.run(writer.machine, writer.store, "cache", "verify")
            return writer.watch.steps()
        finally:
            writer.close()

    def kill_at(self, kind, step, nth, moment):
        writer = kind(self, Watch(step, nth, moment))
        try:
            code = writer.run_watched()
            ends = (-9, 0) if moment == s3_store.ANSWERED else (-9,)  # the last answer may end it before
            self.assertTrue(writer.watch.killed and code in ends, (code, writer.said))
            writer.check_nothing_wrong(writer.store)
            writer.check_another()
            writer.check_again()
        finally:
            writer.close()

    @staticmethod
    def plan(reads, writes):
        """The first and the last of each, and one between. Reads change nothing, and how many they are is a matter of time."""
        for step in reads:
            yield step, 1, s3_store.ASKED
        for step, count in writes.items():
            for nth in sorted({1, count}):
                for moment in MOMENTS:
                    yield step, nth, moment
            if count > 2:
                yield step, (count + 1) // 2, s3_store.DONE

    def kill_everywhere(self, kind, writes):
        """`writes`: how often there is each, at least: who is slow renews leases."""
        steps = self.undisturbed(kind)
        reads = sorted(step for step in steps if step.startswith(READS))
        self.assertEqual(set(steps) - set(reads), set(writes))
        self.assertFalse([step for step, count in writes.items() if steps[step] < count], steps)
        with concurrent.futures.ThreadPoolExecutor(KILLS_AT_ONCE) as pool:
            runs = {one: pool.submit(self.kill_at, kind, *one) for one in self.plan(reads, writes)}
        faults = {one: run.exception() for one, run in runs.items() if run.exception()}
        self.assertFalse(faults, "\n".join(f"{' '.join(map(str, one))}: {fault!r}" for one, fault in faults.items()))

    def test_push(self):
        self.kill_everywhere(Push, {
            "CreateMultipartUpload blob": 1, "UploadPart blob": PARTS, "CompleteMultipartUpload blob": 1,
            "PutObject checkpoints": 1, "PutObject lock": 1})

    def test_push_that_goes_on(self):
        self.kill_everywhere(PushOn, {
            "UploadPart blob": PARTS - 1, "CompleteMultipartUpload blob": 1, "AbortMultipartUpload blob": 1,
            "PutObject checkpoints": 1, "PutObject lock": 1})

    def test_fill(self):
        self.kill_everywhere(Fill, {
            "CreateMultipartUpload blob": 1, "UploadPart blob": PARTS, "CompleteMultipartUpload blob": 1,
            "PutObject checkpoints": 1})

    def test_flight(self):
        self.kill_everywhere(Flight, {
            "PutObject lease": PARTS, "PutObject part": PARTS, "DeleteObject lease": PARTS, "PutObject join lease": 1,
            "CreateMultipartUpload blob": 1, "UploadPartCopy blob": PARTS, "CompleteMultipartUpload blob": 1,
            "DeleteObject part": PARTS, "DeleteObject join lease": 1, "PutObject checkpoints": 1})


if __name__ == "__main__":
    unittest.main()
