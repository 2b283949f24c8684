"""Machines that pull the same at once through one cache in S3: each part comes from its source once, whoever dies meanwhile."""
import contextlib
import json
import os
import random
import sys
import threading
import time
import unittest

from flights import PART, Flight, StoreFlight
from harness import SOURCE, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import s3_peer  # noqa: E402


class Real:
    def test_together(self):
        """four machines at once: the origin gives each byte once, and the cache has the whole in the end"""
        size = self.want((64 << 20) + 4321, 20 << 20, 1 << 20)
        self.origin.rate = 16 << 20
        self.pull_together(self.hosts(4))
        self.assertLess(self.origin.sent / size, 1.01)
        self.check_cache()
        self.origin.files.clear()
        self.pull_together(self.hosts(1))

    def test_alone(self):
        """one machine alone fills the cache as it goes"""
        size = self.want(40 << 20)
        self.pull_together(self.hosts(1))
        self.assertLess(self.origin.sent / size, 1.01)
        self.check_cache()


class Versity(Real, Flight):
    """Against versitygw."""

    program, make = s3_peer.VERSITY, s3_peer.Versity


class Minio(Real, Flight):
    """Against MinIO."""

    def test_late(self):
        """one that comes when the other has begun waits for no more than what is missing"""
        size = self.want(80 << 20)
        self.origin.rate = 4 << 20
        first, second = self.hosts(2)
        early = first.start("pull", "-y")
        time.sleep(4)
        late = second.start("pull", "-y")
        self.ended(early)
        self.ended(late)
        self.arrived(first, second)
        self.assertLess(self.origin.sent / size, 1.01)

    def test_holder_killed(self):
        """kill -9 of one that has leases: others have them when these are void, and no more comes twice than it had begun"""
        size = self.want(96 << 20)
        self.origin.rate = 2 << 20
        first, *others = self.hosts(3)
        dying = first.start("pull", "-y")
        while not any(key.endswith(".lease") for key in self.keys()):
            time.sleep(0.1)
        time.sleep(1)
        dying.kill()
        dying.communicate()
        self.origin.rate = 16 << 20
        self.pull_together(others)
        self.assertLess(self.origin.sent, size + 3 * PART)
        self.check_cache()
        self.pull_together([first])

    def test_wrong_part(self):
        """what somebody put there in place of a part is believed by nobody"""
        self.want(40 << 20)
        data = self.wanted["m0.gguf"]
        begins = f"team/parts/sha256/{sha256(data)}/"
        self.peer.put(self.bucket, begins + str(PART), data[PART:PART + 5] + b"?" + data[PART + 6:2 * PART])
        self.peer.put(self.bucket, begins + "0", b"half of it")
        self.pull_together(self.hosts(1))
        machines = self.hosts(2)
        self.pull_together(machines)
        self.check_no_wrong_blob()

    def test_many_kills(self):
        """kill -9 of machines at random moments, over and over: no half object, and the last ones end with the right bytes"""
        rounds = int(os.environ.get("NCM_FLIGHT_KILLS", "6"))
        self.want(50 << 20, 17 << 20)
        self.origin.rate = 8 << 20
        machines, chance = self.hosts(3), random.Random(7)
        for _ in range(rounds):
            processes = [machine.start("pull", "-y") for machine in machines]
            time.sleep(chance.uniform(0.1, 3))
            chance.choice(processes).kill()
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.communicate()
            self.check_no_wrong_blob()
        self.pull_together(machines)
        self.check_no_wrong_blob()


class StandIn(StoreFlight):
    """Against servers that know less, or are in trouble: right always, if not single."""

    def test_together(self):
        size = self.want(50 << 20, 2 << 20)
        self.pull_together(self.hosts(3))
        self.assertLess(self.origin.sent / size, 1.01)
        self.check_cache()

    def test_without_conditions(self):
        for conditions in ("no", "ignored"):
            with self.subTest(conditions=conditions):
                self.peer.objects = {"models/other": b"here"}
                self.peer.conditions = conditions
                self.want(50 << 20)
                self.pull_together(self.hosts(3))
                self.check_cache()

    def test_two_write_the_same(self):
        """a server that sees two writes of one part asks to try again: what was brought is handed on all the same"""
        self.want(40 << 20)
        asked = {}

        def trouble(path):
            if "/parts/" not in path or ".lease" in path or "?" in path or path[1:] in self.peer.objects:
                return None
            asked[path] = asked.get(path, 0) + 1
            return (409, "ConditionalRequestConflict") if asked[path] <= 2 else None
        self.peer.trouble = trouble
        self.pull_together(self.hosts(1))
        self.assertEqual(set(asked.values()), {3})
        self.check_cache()

    def test_without_copies(self):
        """where the server cannot join parts they are read as they are until one machine has sent the whole, which then removes them"""
        self.want(40 << 20)
        self.peer.copies = False
        self.pull_together(self.hosts(2))
        self.check_cache()
        self.assertFalse(self.peer.uploads)
        before = self.origin.sent
        self.peer.objects = {"models/other": b"here", **self.as_parts()}
        self.pull_together(self.hosts(1))
        self.assertEqual(self.origin.sent, before)
        self.check_cache()

    def as_parts(self):
        data = self.wanted["m0.gguf"]
        return {f"models/team/parts/sha256/{sha256(data)}/{at}": data[at:at + PART] for at in range(0, len(data), PART)}

    def test_parts_that_go_while_they_are_read(self):
        """who reads them has the rest from the blob, which is there before they go"""
        self.want(70 << 20)
        parts = self.as_parts()
        self.peer.objects.update(parts)
        self.origin.files.clear()

        def trouble(path):
            if path.endswith(f"/{2 * PART}"):
                for blob in self.blobs():
                    self.peer.objects[f"models/{blob}"] = self.wanted["m0.gguf"]
                for part in parts:
                    self.peer.objects.pop(part, None)
        self.peer.trouble = trouble
        self.pull_together(self.hosts(1))
        self.check_cache()

    def test_rewritten_before_its_copy(self):
        """a part that another machine writes over between the look at it and its copy gets into no blob"""
        self.want(40 << 20)
        left = [1]

        def rewrite(part):
            if left[0] > 0 and part.endswith(f"/{PART}"):
                left[0] -= 1
                self.peer.objects[part] = b"?" * PART
        self.peer.before_copy = rewrite
        self.pull_together(self.hosts(1))
        self.assertEqual(left, [0])
        self.check_cache()

    def test_wrong_part_beside_an_earlier_run(self):
        """what this machine has of an earlier run says nothing of what lies in the cache: it is compared, and written over"""
        self.want(64 << 20)
        self.origin.rate = 8 << 20
        machine, = self.hosts(1)
        first = machine.start("pull", "-y")
        begins = f"models/team/parts/sha256/{sha256(self.wanted['m0.gguf'])}/"
        while not (mine := [key for key in list(self.peer.objects) if key.startswith(begins) and not key.endswith(".lease")]):
            time.sleep(0.05)
        first.kill()
        first.communicate()
        self.peer.objects = {"models/other": b"here", mine[0]: b"?" * PART}
        self.pull_together([machine])
        self.check_cache()

    def test_tags_that_are_no_digests(self):
        """where an ETag says nothing of the bytes a part that this machine has not put is put over before it is joined"""
        size = self.want(50 << 20)
        self.peer.tag = lambda data: '"%s-1"' % sha256(data)[:32]
        self.pull_together(self.hosts(3))
        self.assertLess(self.origin.sent / size, 1.01)
        self.check_cache()

    def test_read_only(self):
        """keys that may only read: what is there is used, the rest comes from its source"""
        self.want(40 << 20)
        data = self.wanted["m0.gguf"]
        self.peer.objects[f"models/team/parts/sha256/{sha256(data)}/{PART}"] = data[PART:2 * PART]
        self.only("GET", "HEAD")
        self.pull_together(self.hosts(1))
        self.assertEqual(self.origin.sent, len(data) - PART)
        self.assertEqual(len(self.keys()), 1)

    def test_no_list(self):
        """a cache that lists nothing shares nothing, and stops nobody"""
        size = self.want(40 << 20)
        self.peer.listing = lambda request, bucket, asked: self.peer.error(request, 403, "AccessDenied")
        self.pull_together(self.hosts(2))
        self.assertEqual(self.origin.sent, 2 * size)

    def test_lost_meanwhile(self):
        """a cache that goes away while the file comes stops nobody"""
        self.want(60 << 20)
        left = [12]

        def trouble(path):
            left[0] -= 1
            return (503, "SlowDown") if left[0] < 0 else None
        self.peer.trouble = trouble
        config = {"retries": 1}
        machines = self.hosts(2)
        for machine in machines:
            path = os.path.join(machine.home, ".config", "ncmodel", "config.json")
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as out:
                json.dump(config, out)
        self.pull_together(machines)

    def test_void_lease(self):
        """a lease that is void by the server's clock is taken over, whatever this machine's clock says; one that is not is waited for"""
        self.want(40 << 20)
        data = self.wanted["m0.gguf"]
        lease = f"models/team/parts/sha256/{sha256(data)}/{PART}.lease"
        for age, least in ((31, 0), (22, 7)):
            with self.subTest(age=age):
                self.peer.objects = {"models/other": b"here", lease: b"{}"}
                self.peer.modified[lease] = time.time() - age
                began = time.monotonic()
                self.pull_together(self.hosts(1))
                self.assertGreater(time.monotonic() - began, least)
                self.assertLess(time.monotonic() - began, least + 15)
                self.check_cache()

    def test_wrong_origin(self):
        """what the source gives is wrong: nothing of it is joined"""
        self.want(40 << 20)
        data = self.wanted["m0.gguf"]
        self.origin.files["/m0.gguf"] = data[:-1] + b"?"
        for machine in self.hosts(1):
            self.ended(machine.start("pull", "-y"), code=10)
        self.assertFalse(self.keys() & self.blobs())
        self.origin.files["/m0.gguf"] = data
        self.pull_together(self.hosts(2))

    def test_source_gone(self):
        """the source has dropped it, and all parts are there"""
        self.want(40 << 20)
        self.peer.objects.update(self.as_parts())
        del self.origin.files["/m0.gguf"]
        self.pull_together(self.hosts(1))
        self.check_cache()


if __name__ == "__main__":
    unittest.main()
