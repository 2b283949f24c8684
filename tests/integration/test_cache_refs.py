"""Content without a digest that anybody publishes ("cache_refs"): one machine fetches it from its source for all, and tells what it was."""
import itertools
import json
import os
import signal
import sys
import threading
import time
import unittest

import nvml
from flights import Flight, StoreFlight, content
from harness import SOURCE, sanitizers, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import s3_peer  # noqa: E402


# To the program itself, and to no library, an hour goes by in six seconds.
HURRIED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
	const int failed = (int)syscall(SYS_clock_gettime, clock, now);
	Dl_info caller;
	if (failed || clock != CLOCK_MONOTONIC || !dladdr(__builtin_return_address(0), &caller) || !strstr(caller.dli_fname, "ncmodel"))
		return failed;
	const __int128 ns = (__int128)600 * ((__int128)now->tv_sec * 1000000000 + now->tv_nsec);
	now->tv_sec = (time_t)(ns / 1000000000);
	now->tv_nsec = (long)(ns % 1000000000);
	return 0;
}
"""


class Unpinned:
    """Machines whose manifests say where files are, and no more."""

    believes = True

    def want(self, *sizes):
        size = super().want(*sizes)
        self.origin.tags = {"/" + name: '"%s"' % sha256(data)[:12] for name, data in self.wanted.items()}
        return size

    def configured(self, machine, **others):
        """Believes the cache, as `believes` says."""
        path = os.path.join(machine.home, ".config", "ncmodel", "config.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"cache_refs": self.believes, **others}, out)
        return machine

    def model(self, id_, *names):
        return {"id": id_, "files": [{"from": [f"{self.origin.url}/{name}"], "insecure_http": True,
                                      "to": [{"store": "llama-cpp", "name": name}]} for name in names]}

    def host(self):
        machine = self.configured(super().host())
        machine.manifest([self.model(name.split(".")[0], name) for name in self.wanted])
        return machine

    def one_model(self, machine):
        machine.manifest([self.model("all", *self.wanted)])
        return machine

    def gave(self, size, before=0):
        self.assertEqual(self.origin.sent - before, size)

    def refs(self):
        return {key for key in self.keys() if key.startswith("team/refs/")}

    def check_told(self, count):
        """Of each one ref, and nothing that is held."""
        refs = self.refs()
        self.assertEqual((len(refs), [key for key in refs if key.endswith(".lease")]), (count, []))
        self.assertLessEqual(self.blobs(), self.keys())


class Together(Unpinned):
    def test_together(self):
        """three machines at once: the origin gives each byte once, and nothing to one that comes later"""
        size = self.want(20 << 20, 3 << 20, (5 << 20) + 321, 2 << 20)
        self.pull_together(self.hosts(3))
        self.gave(size)
        self.check_told(4)
        self.pull_together(self.hosts(1))
        self.gave(size)


class Minio(Together, Flight):
    pass


class Versity(Together, Flight):
    program, make = s3_peer.VERSITY, s3_peer.Versity


class Refs(Unpinned, StoreFlight):
    def tell(self, name, said):
        """Puts words into the cache: what all refs of a file say is changed."""
        for key, data in list(self.peer.objects.items()):
            if "/refs/" in key and name in data.decode():
                self.peer.objects[key] = said(json.loads(data))

    def test_many_files_of_one_model(self):
        """machines that want models of many files never wait for each other"""
        size = self.want(3 << 20, 4 << 20, 5 << 20, 6 << 20, 2 << 20, 2 << 20)
        self.pull_together([self.one_model(machine) for machine in self.hosts(3)])
        self.gave(size)
        self.check_told(6)

    def test_models_that_share_files(self):
        """whatever order their models have, and which one each machine wants first"""
        self.want(3 << 20, 4 << 20, 5 << 20)
        names = list(self.wanted)
        machines = self.hosts(3)
        for shift, machine in enumerate(machines):
            pairs = [(names[i], names[(i + 1) % 3]) for i in range(3)]
            machine.manifest([self.model(f"pair{shift}{i}", *(pair if shift % 2 else pair[::-1]))
                              for i, pair in enumerate(pairs[shift:] + pairs[:shift])])
        began = time.monotonic()
        self.pull_together(machines)
        self.assertLess(time.monotonic() - began, 60)
        self.check_told(3)

    def test_nobody_is_believed_unasked(self):
        """without the key each machine asks the source, and tells nothing"""
        self.believes = False
        size = self.want(3 << 20)
        self.pull_together(self.hosts(1))
        self.pull_together(self.hosts(1))
        self.gave(2 * size)
        self.assertEqual(self.refs(), set())

    def test_another_state(self):
        """what the source has in another state is another content"""
        self.want(3 << 20)
        self.pull_together(self.hosts(1))
        self.want(4 << 20)
        before = self.origin.sent
        self.pull_together(self.hosts(1))
        self.gave(4 << 20, before)
        self.check_told(2)

    def test_no_state(self):
        """what a server does not tell apart is shared by nobody"""
        size = self.want(3 << 20)
        for tag in (None, 'W/"weak"'):
            self.origin.tags = {"/m0.gguf": tag} if tag else {}
            before = self.origin.sent
            self.pull_together(self.hosts(1))
            self.pull_together(self.hosts(1))
            self.gave(2 * size, before)
            self.assertEqual(self.refs(), set())

    def test_a_state_of_any_bytes(self):
        """an ETag need not be UTF-8"""
        size = self.want(3 << 20)
        self.origin.tags["/m0.gguf"] = '"caf\xe9"'
        for _ in range(2):
            self.pull_together(self.hosts(1))
        self.gave(size)

    def test_it_changes_meanwhile(self):
        """what is not the source's any more when it has come is not told"""
        self.want(3 << 20)
        give = self.origin.give

        def changing(request):
            give(request)
            if request.command == "GET":
                self.origin.tags["/m0.gguf"] = '"another"'
        self.origin.give = changing
        self.pull_together(self.hosts(1))
        self.assertEqual(self.refs(), set())

    def test_what_is_asked_is_not_what_comes(self):
        """a server of many machines, of which the one that is asked has the new file and the one that gives the old: the ETag of the bytes counts"""
        self.want(3 << 20)
        give = self.origin.give

        def behind(request):
            self.origin.tags["/m0.gguf"] = '"old"' if request.command == "GET" else '"new"'
            give(request)
        self.origin.give = behind
        self.pull_together(self.hosts(1))
        self.assertEqual(self.refs(), set())

    def test_lies(self):
        """what is no ref of that file is none; one of bytes that nobody has is refuted by the source"""
        size = self.want(3 << 20)
        self.pull_together(self.hosts(1))
        lies = {"no JSON": lambda said: b"{", "nothing": lambda said: b"", "another file": lambda said: json.dumps({**said, "source": "https://a.example/x"}).encode(),
                "no digest": lambda said: json.dumps({**said, "sha256": "0"}).encode(), "too much": lambda said: b" " * (1 << 20) + json.dumps(said).encode()}
        true = dict(self.peer.objects)
        for lie, said in lies.items():
            with self.subTest(lie=lie):
                self.peer.objects = dict(true)
                self.tell("m0", said)
                before = self.origin.sent
                self.pull_together(self.hosts(1))
                self.gave(size, before)
        self.peer.objects = dict(true)
        for lie in ({"sha256": "1" * 64}, {"size": size + 1}, {"size": 1 << 60}):
            self.tell("m0", lambda said: json.dumps({**said, **lie}).encode())
            machine = self.host()
            result = machine.run("pull", "-y")
            self.assertEqual(result.returncode, 0, result.err)
            self.assertIn("its source has other bytes than s3:models/team says", result.err)
            self.arrived(machine)
            self.assertEqual(self.refs(), set())
            self.pull_together(self.hosts(1))
            self.check_told(1)

    def test_a_blob_is_gone(self):
        """what the cache has no more comes from the source, and is there again"""
        size = self.want(20 << 20)
        self.pull_together(self.hosts(1))
        for blob in self.blobs():
            del self.peer.objects["models/" + blob]
        self.pull_together(self.hosts(1))
        self.gave(2 * size)
        self.check_told(1)

    def test_a_web_page_is_no_model(self):
        """bytes that do not look like the file's kind are refused, whoever says that they are the source's"""
        self.want(3 << 20)
        self.origin.files["/m0.gguf"] = b"<!DOCTYPE html>" + bytes((3 << 20) - 15)
        for _ in range(2):
            self.assertEqual(self.host().run("pull", "-y").returncode, 11)
        self.assertEqual(self.refs(), set())

    def held(self, name):
        """The key of a lease that somebody has who brings nothing."""
        named = "".join(part + "\n" for part in (f"{self.origin.url}/{name}", name, self.origin.tags["/" + name]))
        key = f"models/team/refs/{sha256(named.encode())}.lease"
        self.peer.objects[key], self.peer.modified[key] = b"{}", time.time()
        return key

    def test_space_for_what_is_waited_for(self):
        """what has come meanwhile is not counted again"""
        self.want(24 << 20, 3 << 20)
        self.origin.rate = 0
        machine = self.machine = self.one_model(self.host())
        model = self.model("all", *self.wanted)
        model["files"] = [{**self.model("all", name)["files"][0], **pinned} for name, pinned in
                          (("m0.gguf", {"sha256": sha256(self.wanted["m0.gguf"]), "size": 24 << 20}), ("m1.gguf", {}))]
        machine.manifest([model])
        lease = self.held("m1.gguf")
        self.peer.modified[lease] = time.time() - 26
        result = self.run_with_mounts("mount -t tmpfs -o size=40m tmpfs " + machine.root, "pull", "-y", "--reserve", "0", "--no-fill")
        self.assertIn("another machine fetches it", result.stderr)
        self.assertEqual(result.returncode, 0, result.stderr)

    @unittest.skipIf(sanitizers() or not nvml.COMPILER, "no C compiler here, or a sanitizer asks for the time in the program's place")
    def test_patience(self):
        """whoever holds a model's files without end is waited for once, not once for each file"""
        self.want(3 << 20, 3 << 20, 3 << 20)
        machine = self.one_model(self.host())
        hurried = os.path.join(machine.home, "hurried.so")
        nvml.compiled(HURRIED, hurried)
        machine.env["LD_PRELOAD"] = hurried
        leases, ended, began = [self.held(name) for name in self.wanted], threading.Event(), time.monotonic()

        def renew():
            while not ended.wait(1):
                self.peer.modified.update(dict.fromkeys(leases, time.time()))
        renewing = threading.Thread(target=renew)
        renewing.start()
        self.addCleanup(renewing.join)
        self.addCleanup(ended.set)
        self.pull_together([machine])
        self.assertGreater(time.monotonic() - began, 5)
        self.assertLess(time.monotonic() - began, 11)

    def holding(self, machine):
        """One that has begun, and holds a lease."""
        process = machine.start("pull", "-y")
        while not any(key.endswith(".lease") for key in self.refs()):
            self.assertIsNone(process.poll())
            time.sleep(0.05)
        return process

    def test_holder_killed(self):
        """kill -9 of the one that all wait for: when its lease is void another has it"""
        size = self.want(12 << 20)
        self.origin.rate = 1 << 20
        first, *others = self.hosts(3)
        dying = self.holding(first)
        waiting = [machine.start("pull", "-y") for machine in others]
        time.sleep(2)
        dying.kill()
        dying.communicate()
        begun, self.origin.rate = self.origin.sent, 16 << 20
        self.assertLess(begun, size)
        for key in self.refs():
            self.peer.modified["models/" + key] = time.time() - 60
        for process in waiting:
            self.ended(process)
        self.arrived(*others)
        self.assertLess(self.origin.sent, begun + size * 1.2)
        self.check_told(1)

    def test_interrupted(self):
        """who waits says so, and ends when it is told to; who leads and is told to leaves nothing that is not true"""
        self.want(12 << 20)
        self.origin.rate = 1 << 20
        first, second = self.hosts(2)
        leading = self.holding(first)
        waiting = second.start("pull", "-y")
        time.sleep(2)
        waiting.send_signal(signal.SIGINT)
        self.assertIn("another machine fetches it", self.ended(waiting, 130, 10))
        leading.send_signal(signal.SIGINT)
        self.ended(leading, 130, 10)
        self.assertEqual({key for key in self.refs() if not key.endswith(".lease")}, set())
        self.origin.rate = 64 << 20
        self.pull_together([first])

    def test_source_is_gone(self):
        """who was to fetch it and cannot lets go: each learns why from the source"""
        self.want(3 << 20)
        give = self.origin.give
        self.origin.give = lambda request: give(request) if request.command == "HEAD" else request.reply(404)
        result = self.host().run("pull", "-y")
        self.assertEqual(result.returncode, 5, result.err)
        self.assertEqual(self.refs(), set())

    def at_once(self, machines, give):
        """How many of them have the origin give at the same time, at most; `give` may be told that of each GET."""
        giving, most = set(), [0]

        def counted(request):
            if request.command == "GET":
                giving.add(request)
                most[0] = max(most[0], len(giving))
            give(request)
            giving.discard(request)
        self.origin.give = counted
        processes = [machine.start("pull", "-y") for machine in machines]
        for process in processes:
            process.communicate(timeout=200)
        return most[0]

    def test_it_cannot_be_had(self):
        """who was waited for in vain is not followed by the next one of whom that is true: all ask the source at once"""
        self.want(3 << 20)
        give = self.origin.give

        def slow_404(request):
            if request.command == "HEAD":
                return give(request)
            time.sleep(3)
            return request.reply(404)
        self.assertGreaterEqual(self.at_once(self.hosts(5), slow_404), 3)
        self.assertEqual(self.refs(), set())

    def test_it_changes_all_the_time(self):
        """the same where the source is in another state whenever it has been asked"""
        self.want(3 << 20)
        self.origin.rate = 1 << 20
        give, count = self.origin.give, itertools.count()

        def changing(request):
            give(request)
            if request.command == "GET":
                self.origin.tags["/m0.gguf"] = '"%d"' % next(count)
        machines = self.hosts(5)
        self.assertGreaterEqual(self.at_once(machines, changing), 3)
        self.arrived(*machines)

    def ends_before(self, give):
        """A machine that waits for one of the two files of another ends before that other has the second one; returns its code."""
        self.want(3 << 20, 2 << 20)
        self.origin.rate, self.ends = 4 << 20, threading.Event()
        first, second = self.hosts(2)
        second.manifest([self.model("m0", "m0.gguf")])
        self.origin.give = give(self.origin.give)
        leading = self.holding(first)
        waiting = second.start("pull", "-y")
        waiting.communicate(timeout=60)
        self.assertIsNone(leading.poll())
        leading.kill()
        leading.communicate()
        self.ends.set()
        return waiting.returncode

    def slow(self, give):
        """The second of them does not come before the end."""
        def held_up(request):
            if request.path == "/m1.gguf" and request.command == "GET":
                self.ends.wait(60)
            give(request)
        return held_up

    def test_it_cannot_be_sent(self):
        """who fetched it and may not send it lets go when it knows that"""
        refusal = self.peer.refusal
        self.peer.refusal = lambda request, headers: "AccessDenied" if "/blobs/" in request.path and request.command == "PUT" else refusal(request, headers)
        self.assertEqual(self.ends_before(self.slow), 0)

    def test_it_cannot_be_placed(self):
        """who fetched it and cannot have it where it belongs lets go at once"""
        def page(give):
            self.origin.files["/m0.gguf"] = b"<!DOCTYPE html>" + bytes((3 << 20) - 15)
            return self.slow(give)
        self.assertEqual(self.ends_before(page), 11)

    def test_a_cache_that_is_gone(self):
        """once it does not answer what is held is left to time, not asked about one by one"""
        self.want(*[2 << 20] * 6)
        self.origin.rate, asked = 1 << 20, set()
        machine = self.one_model(self.configured(self.host(), retries=2))
        leading = self.holding(machine)
        while len(self.refs()) < 6:
            time.sleep(0.05)

        def trouble(path):
            if path.endswith(".lease"):
                asked.add(path)
            return 503, "SlowDown"
        self.peer.trouble = trouble
        self.ended(leading)
        self.arrived(machine)
        self.assertLess(len(asked), 4)

    def test_the_same_bytes_twice(self):
        """both addresses of them are told of, though they went into the cache once"""
        size = self.want(3 << 20, 3 << 20)
        self.wanted["m1.gguf"] = self.origin.files["/m1.gguf"] = self.wanted["m0.gguf"]
        machine = self.host()
        machine.env["NCMODEL_JOBS"] = "1"
        self.pull_together([machine])
        self.check_told(2)
        self.pull_together(self.hosts(1))
        self.pull_together([self.one_model(self.host())])
        self.assertLessEqual(self.origin.sent, 2 * size)

    def test_without_conditions(self):
        """servers that know no conditions: right, if not single"""
        for conditions in ("no", "ignored"):
            with self.subTest(conditions=conditions):
                self.peer.objects = {"models/other": b"here"}
                self.peer.conditions = conditions
                self.want(4 << 20)
                self.pull_together(self.hosts(2))
                self.check_told(1)

    def test_read_only(self):
        """keys that may only read: what others found is taken, the rest comes from its source"""
        size = self.want(3 << 20)
        self.pull_together(self.hosts(1))
        self.only("GET", "HEAD")
        self.pull_together(self.hosts(1))
        self.gave(size)
        for key in self.refs():
            del self.peer.objects["models/" + key]
        self.pull_together(self.hosts(1))
        self.gave(2 * size)

    def test_a_later_pull(self):
        """what came by another machine's word is installed as what came from the source is"""
        self.want(3 << 20)
        machines = self.hosts(2)
        told = [machine.run("pull", "-y") for machine in machines]
        self.arrived(*machines)
        self.assertNotIn("believed", told[0].err)
        self.assertIn("m0.gguf: which bytes its source has, s3:models/team says; they are believed", told[1].err)
        first, second = ([{key: model.get(key) for key in ("id", "source", "trust", "size_mb")} for model in machine.registry()["models"]]
                         for machine in machines)
        self.assertEqual(first, second)
        self.assertEqual(machines[1].run("verify").returncode, 0)
        before = self.origin.sent
        self.pull_together(machines)
        self.assertEqual(self.origin.sent, before)

    def test_a_file_in_git(self):
        """of what Hugging Face has git's SHA-1 of alone, the commit is the state; the bytes are held against both digests"""
        data = content("git", (2 << 20) + 5)
        self.wanted = {"a.gguf": data}
        machines = self.hosts(2)
        for machine in machines:
            machine.hub.hf("org/repo", {"a.gguf": data}, small=("a.gguf",))
            machine.manifest([{"id": "a", "files": [{"from": ["hf:org/repo/a.gguf"], "to": [{"store": "llama-cpp", "name": "a.gguf"}]}]}])
        self.pull_together(machines[:1])
        self.check_told(1)
        self.pull_together(machines[1:])
        came = [sum(entry["sent"] for entry in machine.hub.requests if "/resolve/" in entry["path"]) for machine in machines]
        self.assertEqual(came, [len(data), 0])

    def test_gc(self):
        """a ref goes with what it tells of, and stays with what a lock keeps"""
        self.want(3 << 20, 2 << 20)
        machine = self.host()
        self.pull_together([machine])
        self.assertEqual(machine.run("cache", "push", "m0").returncode, 0)
        self.peer.objects["models/team/refs/" + "0" * 64 + ".lease"] = b"{}"
        self.peer.objects["models/team/refs/README"] = b"ours"
        for key in self.peer.objects:
            self.peer.modified[key] = time.time() - 90 * 24 * 3600
        result = machine.run("cache", "gc", "--yes")
        self.assertEqual(result.returncode, 0, result.err)
        kept = {key for key in self.keys() if not key.startswith(("team/locks/", "team/checkpoints/"))}
        data = self.wanted["m0.gguf"]
        self.assertEqual(len(kept & self.refs()), 2)
        self.assertEqual(kept - self.refs(), {f"team/blobs/sha256/{sha256(data)[:2]}/{sha256(data)}"})
        self.assertIn("team/refs/README", kept)


if __name__ == "__main__":
    unittest.main()
