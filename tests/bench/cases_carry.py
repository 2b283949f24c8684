# SPDX-License-Identifier: MIT
"""What is carried from machine to machine: bundles beside cp, and a cache in S3 (MinIO) beside rclone."""
import glob
import os
import shutil
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import s3_peer  # noqa: E402
from cases_fetch import big_file  # noqa: E402
from machine import STORE  # noqa: E402
from material import cool, make  # noqa: E402
from meter import Failed, Runner, environment, expect  # noqa: E402
from report import Case, human  # noqa: E402

VOLUME = 2_000_000_000


class Carried:
    """A machine with models, and a folder for what is made of them."""

    def __init__(self, bench, folder, count):
        self.bench, self.folder = bench, folder
        here = os.path.join(folder, "here")
        os.makedirs(here)
        self.machine = bench.machine(here)
        made = [make(bench.nginx.disk, "carried-%d.gguf" % i, bench.size(8 << 30) // count + 123, seed=31 + i) for i in range(count)]
        self.machine.want(made, lambda name: bench.nginx.url(name, place="disk"))
        bench.measure(self.machine.pull(), here, self.machine.env)
        for file in made:
            os.unlink(file.path)
        self.files, self.paths = made, [self.machine.path(file.name) for file in made]
        self.size = sum(file.size for file in made)
        self.usb = os.path.join(folder, "usb")

    def copy(self, paths):
        """The bytes and nothing else, on the disk at the end."""
        def run(_):
            cool(paths)
            with self.bench.folder() as folder:
                command = ["sh", "-c", 'cp --sparse=never "$@" . && sync', "sh", *paths]
                cost = self.bench.measure(command, folder)
                for path in paths:
                    expect(os.path.join(folder, os.path.basename(path)), os.path.getsize(path))
                return cost
        return Runner("cp --sparse=never, sync", run)

    def create(self, *options):
        def run(_):
            shutil.rmtree(self.usb, ignore_errors=True)
            os.makedirs(self.usb)
            cool(self.paths)
            return self.bench.measure([self.machine.binary, "bundle", "create", *options], self.folder, self.machine.env)
        return Runner("ncmodel bundle create", run)

    def importing(self):
        def run(_):
            cool([path for path in glob.glob(self.usb + "/**", recursive=True) if os.path.isfile(path)])
            with self.bench.folder() as folder:
                there = self.bench.machine(folder)
                cost = self.bench.measure([there.binary, "bundle", "import", self.usb, "-y"], folder, there.env)
                for file in self.files:
                    expect(there.path(file.name), file.size)
                return cost
        return Runner("ncmodel bundle import", run)


def race(bench, case, about):
    case.note(about)
    bench.race(case)
    return case


def volumes(bench):
    with bench.folder() as folder:
        carried = Carried(bench, folder, 1)
        create = Case("bundle-create", "%s in volumes of 2 GB, cold" % human(carried.size),
                      carried.create(os.path.join(carried.usb, "models.tar"), "--volume", str(bench.size(VOLUME))))
        create.add(carried.copy(carried.paths), 1.15)
        race(bench, create, "hashed while it is written; both are on the disk at the end")
        importing = Case("bundle-import", "the same volumes imported, cold", carried.importing())
        importing.add(carried.copy(sorted(glob.glob(carried.usb + "/*.tar"))), 1.15)
        return [create, race(bench, importing, "every byte proven, registered, and on the disk at the end")]


class Bucket:
    """MinIO with a file in a cache of ncmodel's and in a plain bucket, and everyone who reads and writes there."""

    def __init__(self, bench, peer, file):
        self.bench, self.peer, self.file, self.tool = bench, peer, file, shutil.which("rclone")
        self.ours = {"NCMODEL_S3_ENDPOINT": peer.url, "NCMODEL_S3_ACCESS_KEY": s3_peer.ACCESS, "NCMODEL_S3_SECRET_KEY": s3_peer.SECRET}
        self.theirs = {"RCLONE_CONFIG_S3_TYPE": "s3", "RCLONE_CONFIG_S3_PROVIDER": "Minio", "RCLONE_CONFIG_S3_ENDPOINT": peer.url,
                       "RCLONE_CONFIG_S3_ACCESS_KEY_ID": s3_peer.ACCESS, "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": s3_peer.SECRET}
        for name in ("cache", "plain"):
            peer.bucket(name)
        with bench.folder() as folder:
            machine = self.machine(folder)
            bench.measure(machine.pull("--no-fill"), folder, self.env(machine, "cache"))
            bench.measure([machine.binary, "cache", "push", "--all"], folder, self.env(machine, "cache"))
        if self.tool:
            self.rclone("copy", file.path, "s3:plain")

    def machine(self, folder):
        return self.bench.machine(folder).want([self.file], self.bench.nginx.url)

    def env(self, machine, bucket):
        return {**machine.env, **self.ours, "NCMODEL_CACHE": "s3:%s/team" % bucket}

    def rclone(self, *arguments, folder=None, after=""):
        """Sent and fetched without any check."""
        folder = folder or self.bench.work
        command = [self.tool, *arguments, "--config", "", "--ignore-checksum", "--s3-disable-checksum"]
        return self.bench.measure(["sh", "-c", '"$@"' + after, "sh", *command], folder, {**environment(folder), **self.theirs})

    def pull(self, bucket, empty):
        def run(number):
            with self.bench.folder() as folder:
                machine = self.machine(folder)
                name = bucket + ("-%d" % number if empty else "")
                if empty:
                    self.peer.bucket(name)
                cost = self.bench.measure(machine.pull(), folder, self.env(machine, name))
                expect(machine.path(self.file.name), self.file.size)
            if empty and self.tool:
                self.rclone("purge", "s3:" + name)
            return cost
        return Runner("ncmodel pull, %s the cache" % ("which fills" if empty else "from"), run)

    def rival(self, name, work):
        def run(_):
            with self.bench.folder() as folder:
                return work(folder)
        return Runner(name, run, None if self.tool else "no rclone here")

    def fetch(self, name, *options, after=""):
        def work(folder):
            cost = self.rclone("copy", *options, "s3:plain", folder, folder=folder, after=after)
            expect(os.path.join(folder, self.file.name), self.file.size)
            return cost
        return self.rival(name, work)

    def send(self, name):
        def work(folder):
            cost = self.rclone("copy", self.file.path, "s3:away", folder=folder)
            self.rclone("purge", "s3:away")
            return cost
        return self.rival(name, work)


def cache(bench):
    binary, file = s3_peer.find(), big_file(bench)
    if not binary:
        raise Failed("no MinIO here; tests/integration/s3_peer.py build makes one")
    with s3_peer.Peer(binary, parent=bench.work) as peer:
        bucket = Bucket(bench, peer, file)
        read = Case("cache-read", "from MinIO, %s" % human(file.size), bucket.pull("cache", False))
        read.add(bucket.fetch("rclone copy"), 1.0)
        read.add(bucket.fetch("rclone copy, and sync", after=" && sync"))
        read.add(bucket.fetch("rclone copy, one stream", "--multi-thread-streams", "0"))
        race(bench, read, "ncmodel proves every byte and has it on the disk at the end; rclone proves none and leaves it to the page cache")
        fill = Case("cache-fill", "into MinIO, %s" % human(file.size), bucket.pull("empty", True))
        fill.add(bucket.send("rclone copy to it"), 1.2)
        return [read, race(bench, fill, "ncmodel's time has the download from nginx in it")]


def register(cases):
    cases.update({"bundle": volumes, "cache": cache})
