"""Machines that pull the same files at once through one cache in S3, from an origin that counts what it gives."""
import os
import random
import sys
import time

from harness import SOURCE, Case, Machine, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import s3_peer  # noqa: E402
import s3_site  # noqa: E402
import s3_store  # noqa: E402
from listener import Handler, Listener  # noqa: E402

PART = 16 << 20
CHUNK = 256 << 10


class Request(Handler):
    def do_GET(self):
        self.server.give(self)

    do_HEAD = do_GET


class Origin(Listener):
    """Gives ranges of files, as fast as `rate` bytes a second and connection, and counts what it has sent of each byte; `tags` has the ETag of each that has one."""

    def __init__(self, rate=0):
        self.files, self.tags, self.rate, self.sent, self.spans = {}, {}, rate, 0, []
        super().__init__(Request)

    def give(self, request):
        data = self.files.get(request.path)
        if data is None:
            return request.reply(404)
        start, end, status = 0, len(data), 200
        if "Range" in request.headers:
            first, _, last = request.headers["Range"].removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(int(last) + 1 if last else len(data), len(data)), 206
        request.send_response(status)
        request.send_header("Content-Length", str(end - start))
        request.send_header("Accept-Ranges", "bytes")
        if request.path in self.tags:
            request.send_header("ETag", self.tags[request.path])
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        request.end_headers()
        if request.command == "HEAD":
            return None
        with self.lock:
            self.spans.append((start, end))
        for at in range(start, end, CHUNK):
            if self.rate:
                time.sleep(CHUNK / self.rate)
            piece = data[at:min(at + CHUNK, end)]
            request.wfile.write(piece)
            with self.lock:
                self.sent += len(piece)
        return None


def content(seed, size):
    """That no two parts of it are alike."""
    return b"GGUF\x03\0\0\0" + bytes(16) + random.Random(seed).randbytes(size - 24)


class Flight(Case):
    program, make = s3_peer.PROGRAM, s3_peer.Peer

    @classmethod
    def setUpClass(cls):
        cls.peer = cls.make(s3_peer.built(cls.program, cls.make.name)).__enter__()
        cls.addClassCleanup(cls.peer.__exit__)

    def setUp(self):
        super().setUp()
        self.bucket = "b" + os.urandom(6).hex()
        self.peer.bucket(self.bucket)
        self.endpoint = self.peer.url
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def want(self, *sizes):
        """Files that all machines are to have."""
        self.wanted = {f"m{i}.gguf": content(f"{self.id()}{i}", size) for i, size in enumerate(sizes)}
        self.origin.files.update({"/" + name: data for name, data in self.wanted.items()})
        return sum(sizes)

    def host(self):
        machine = Machine()
        self.addCleanup(machine.close)
        machine.env.update({"NCMODEL_CACHE": f"s3:{self.bucket}/team", "NCMODEL_S3_ENDPOINT": self.endpoint,
                            "NCMODEL_S3_ACCESS_KEY": s3_peer.ACCESS, "NCMODEL_S3_SECRET_KEY": s3_peer.SECRET})
        machine.manifest([{"id": name.split(".")[0], "files": [
            {"from": [f"{self.origin.url}/{name}"], "insecure_http": True, "to": [{"store": "llama-cpp", "name": name}],
             "sha256": sha256(data), "size": len(data)}]} for name, data in self.wanted.items()])
        return machine

    def hosts(self, count):
        return [self.host() for _ in range(count)]

    def ended(self, process, code=0, seconds=200):
        out, err = process.communicate(timeout=seconds)
        self.assertEqual(process.returncode, code, out + err)
        return err

    def arrived(self, *machines):
        for machine in machines:
            got = {os.path.basename(path): digest for path, digest in machine.snapshot().items() if path.endswith(".gguf")}
            self.assertEqual(got, {name: sha256(data) for name, data in self.wanted.items()})

    def keys(self):
        return set(self.objects())

    def objects(self):
        """Key → size, of what is in the bucket."""
        _, body = self.peer.must("GET", "/" + self.bucket, query="list-type=2&prefix=")
        keys, sizes = (body.decode().split(f"<{word}>")[1:] for word in ("Key", "Size"))
        return {key.split("<")[0]: int(size.split("<")[0]) for key, size in zip(keys, sizes)}

    def blobs(self):
        return {f"team/blobs/sha256/{sha256(data)[:2]}/{sha256(data)}" for data in self.wanted.values()}

    def check_cache(self):
        """Whole blobs, and nothing that is left of the way there."""
        self.assertEqual({key for key in self.keys() if "/checkpoints/" not in key}, self.blobs())
        self.check_no_wrong_blob()

    def blob(self, key):
        return self.peer.must("GET", f"/{self.bucket}/{key}")[1]

    def check_no_wrong_blob(self):
        for key in self.keys() & self.blobs():
            self.assertEqual(sha256(self.blob(key)), key.rsplit("/", 1)[1])

    def pull_together(self, machines):
        processes = [machine.start("pull", "-y") for machine in machines]
        for process in processes:
            self.ended(process)
        self.arrived(*machines)


class StoreFlight(Flight):
    """Against the stand-in."""

    @classmethod
    def setUpClass(cls):
        pass

    def setUp(self):
        Case.setUp(self)
        self.bucket = "models"
        self.peer = s3_store.Store()
        self.peer.objects["models/other"] = b"here"
        self.addCleanup(self.peer.close)
        self.endpoint = self.peer.url
        self.origin = Origin(rate=16 << 20)
        self.addCleanup(self.origin.close)

    def host(self):
        machine = super().host()
        machine.env.update({"NCMODEL_S3_ACCESS_KEY": s3_site.ACCESS, "NCMODEL_S3_SECRET_KEY": s3_site.SECRET})
        return machine

    def objects(self):
        return {key.removeprefix("models/"): len(data) for key, data in dict(self.peer.objects).items() if key != "models/other"}

    def blob(self, key):
        return self.peer.objects[f"models/{key}"]

    def only(self, *methods):
        """All but requests of these methods are refused, as to who has no right to them."""
        refusal = self.peer.refusal

        def refuse(request, headers):
            return refusal(request, headers) if request.command in methods else "AccessDenied"
        self.peer.refusal = refuse
