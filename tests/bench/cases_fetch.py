# SPDX-License-Identifier: MIT
"""(a) one big file, (b) a limit for each connection, (c) a long round trip, (d) many small files; four large ones, known checkpoints."""
import contextlib
import os
import random
import shlex
import shutil

import rivals
from meter import Runner, expect, ratio
from report import Bar, Case, human
from servers import RATE, Wire

ROUND_TRIP = 40  # ms
WINDOW = 3 << 20  # what Linux' default of 6 MiB for tcp_rmem offers; 75 MiB a second at 40 ms


def title(binary, options):
    return " ".join(["ncmodel pull", *options] + (["of the earlier build"] if binary else []))


class One:
    """One file at one address, and everyone who fetches it."""

    def __init__(self, bench, file, url, ca=None):
        self.bench, self.file, self.url, self.ca = bench, file, url, ca

    def ncmodel(self, *options, name=None, binary=None, beside=None):
        """With the checkpoints of the folder `beside`, if any."""
        def run(number):
            with self.bench.folder() as folder:
                machine = self.bench.machine(folder, self.ca, binary).want([self.file], lambda name: self.url)
                if beside:
                    shutil.copytree(beside, machine.checkpoints())
                cost = self.bench.measure(machine.pull(*options), folder, machine.env)
                expect(machine.path(self.file.name), self.file.size)
                if number == 0:  # once is enough: it checks the digest itself
                    self.bench.check_digest(machine.path(self.file.name), self.file.sha256)
                return cost
        return Runner(name or title(binary, options), run)

    @contextlib.contextmanager
    def checkpoints(self):
        """The folder with them, as `ncmodel lock --checkpoints` makes it where the file was pulled."""
        with self.bench.folder() as folder:
            machine = self.bench.machine(folder, self.ca).want([self.file], lambda name: self.url)
            self.bench.measure(machine.pull(), folder, machine.env)
            self.bench.measure([machine.binary, "lock", "--checkpoints"], folder, machine.env)
            yield machine.checkpoints()

    def rival(self, name, command, *programs):
        def run(number):
            with self.bench.folder() as folder:
                out = os.path.join(folder, self.file.name)
                cost = self.bench.measure(command(out), folder)
                expect(out, self.file.size)
                return cost
        return Runner(name, run, rivals.missing(*programs))

    def curl(self, name="curl -o"):
        return self.rival(name, lambda out: rivals.curl(self.url, out, self.ca), "curl")

    def curl_sha256sum(self):
        return self.rival("curl -o, then sha256sum", lambda out: rivals.then(rivals.curl(self.url, out, self.ca),
                          rivals.sha256sum(out, self.file.sha256)), "curl", "sha256sum")

    def curl_openssl(self):
        return self.rival("curl -o, then openssl dgst -sha256", lambda out: rivals.then(rivals.curl(self.url, out, self.ca),
                          rivals.openssl(out)), "curl", "openssl")

    def aria2(self, checksum=True):
        return self.rival("aria2c -x16 -s16" + (" --checksum" if checksum else ""), lambda out: rivals.aria2(
            self.url, out, self.file.size, self.ca, self.file.sha256 if checksum else None), "aria2c")

    def wget(self):
        return self.rival("wget", lambda out: rivals.wget(self.url, out, self.ca), "wget")

    def axel(self):
        return self.rival("axel -n16", lambda out: rivals.axel(self.url, out, self.ca), "axel")


def big_file(bench):
    return bench.served("big.gguf", bench.size(2 << 30) + 123)  # as with real files, the end is no whole page


def one_file(bench, key, title, tls):
    file = big_file(bench)
    one = One(bench, file, bench.nginx.url(file.name, tls), bench.nginx.ca if tls else None)
    case = Case(key, "%s, %s" % (title, human(file.size)), one.ncmodel())
    case.add(one.curl(), 1.1 if tls else 1.0)
    case.add(one.curl_sha256sum(), *([] if tls else [0.45]))
    both = case.add(one.curl_openssl())
    case.add(one.aria2(), *([] if tls else [0.4]))
    case.add(one.aria2(checksum=False))
    case.add(one.wget())
    case.add(one.axel())
    bench.race(case)
    case.bar(Bar("CPU ≤ 1.00 × of curl and one openssl dgst", ratio(case.ours, both, "cpu"), 1.0))
    return case


def http(bench):
    return one_file(bench, "a", "HTTP", False)


def https(bench):
    return one_file(bench, "a-tls", "HTTPS", True)


def limited(bench, key, title, file, url, note):
    one = One(bench, file, url)
    options = ("--connections", "16") if bench.knows("--connections") else ()
    case = Case(key, "%s, %s" % (title, human(file.size)), one.ncmodel(*options))
    case.add(one.curl("curl -o (one connection)"), 0.1, "≥ 10 × its rate")
    case.add(one.aria2(checksum=False), 1.0, "≥ 1.00 × its rate")
    case.add(one.aria2())
    case.add(one.axel())
    case.note(note)
    bench.race(case)
    return case


def limit_by_nginx(bench):
    file = big_file(bench)
    return limited(bench, "b-request", "40 MiB/s a request", file, bench.nginx.url(file.name, place="limited"),
                   "nginx's limit_rate holds for each request, and its first second's 40 MiB come at once: ranges below 40 MiB are "
                   "not limited at all. b-connection is the strict one.")


def limit_by_wire(bench):
    file = big_file(bench)
    with Wire(bench.helper("wire"), bench.nginx.plain, rate=RATE) as wire:
        return limited(bench, "b-connection", "40 MiB/s a connection", file, bench.nginx.url(file.name, port=wire.port),
                       "a token bucket of 20 ms for each TCP connection: small ranges gain nothing.")


def round_trip(bench):
    file = big_file(bench)
    with Wire(bench.helper("wire"), bench.nginx.plain, rtt=ROUND_TRIP, window=WINDOW) as wire:
        one = One(bench, file, bench.nginx.url(file.name, port=wire.port))
        case = Case("c", "%d ms round trip, %s" % (ROUND_TRIP, human(file.size)), one.ncmodel())
        case.add(one.curl(), 1 / 3, "≥ 3 × its rate")
        case.add(one.aria2(checksum=False), 1.0, "≥ 1.00 × its rate")
        case.add(one.aria2())
        case.add(one.axel())
        case.note("through wire.c: each connection has at most %d MiB under way, begins with ten packets and doubles each round trip."
                  % (WINDOW >> 20))
        bench.race(case)
    return case


class Many:
    """Many files, and everyone who fetches them all."""

    def __init__(self, bench, files):
        self.bench, self.files = bench, files

    def ncmodel(self, *options, binary=None):
        def run(_):
            with self.bench.folder() as folder:
                machine = self.bench.machine(folder, binary=binary).want(self.files, self.bench.nginx.url)
                cost = self.bench.measure(machine.pull(*options), folder, machine.env)
                for file in self.files:
                    expect(machine.path(file.name), file.size)
                return cost
        return Runner(title(binary, options), run)

    def rival(self, name, write, command, *programs):
        """`write` says what stands in the list of one file, `command` what is done with the list."""
        def run(_):
            with self.bench.folder() as folder:
                for extra, text in (("list", write), ("sums", lambda file: "%s  %s\n" % (file.sha256, file.name))):
                    with open(os.path.join(folder, extra), "w", encoding="utf-8") as out:
                        out.writelines(map(text, self.files))
                cost = self.bench.measure(["sh", "-c", command], folder)
                for file in self.files:
                    expect(os.path.join(folder, file.name), file.size)
                return cost
        return Runner(name, run, rivals.missing(*programs))


def many_files(bench):
    dice = random.Random(200)
    files = [bench.served("small-%03d.gguf" % i, bench.size(dice.randrange(1_000_000, 5_000_000))) for i in range(200)]
    many, url = Many(bench, files), bench.nginx.url
    case = Case("d", "200 files, %s" % human(sum(file.size for file in files)), many.ncmodel("-j", "8"))
    pairs = (lambda file: "%s %s\n" % (file.name, url(file.name)))
    fetch = "xargs -P8 -n2 curl -q -sSf -o <list"
    case.add(many.rival("xargs -P8 curl, then sha256sum", pairs, fetch + " && sha256sum -c --status sums", "curl", "sha256sum"), 0.5)
    case.add(many.rival("xargs -P8 curl", pairs, fetch, "curl"))
    case.add(many.rival("aria2c -j8 with checksums", lambda file: "%s\n  out=%s\n  checksum=sha-256=%s\n" % (
        url(file.name), shlex.quote(file.name), file.sha256), "aria2c --no-conf -q -j8 -i list", "aria2c"), 1.0)
    bench.race(case)
    return case


def four_files(bench):
    """Files that arrive together share a core's lanes."""
    files = [bench.served("quarter-%d.gguf" % i, bench.size(1 << 30) + i) for i in range(4)]
    many, url = Many(bench, files), bench.nginx.url
    case = Case("four", "4 files, %s" % human(sum(file.size for file in files)), many.ncmodel())
    pairs = (lambda file: "%s %s\n" % (file.name, url(file.name)))
    case.add(many.rival("xargs -P4 curl", pairs, "xargs -P4 -n2 curl -q -sSf -o <list", "curl"))
    before = bench.before and case.add(many.ncmodel(binary=bench.before))
    bench.race(case)
    if before:
        case.bar(Bar("CPU ≤ 0.80 × of the earlier build", ratio(case.ours, before, "cpu"), 0.8))
    return case


def known(bench, key, title, tls):
    """A file whose checkpoints lie beside the lock."""
    file = big_file(bench)
    one = One(bench, file, bench.nginx.url(file.name, tls), bench.nginx.ca if tls else None)
    with one.checkpoints() as beside:
        case = Case(key, "%s, checkpoints known, %s" % (title, human(file.size)), one.ncmodel(beside=beside))
        case.add(one.curl(), 1.12 if tls else 0.9)
        plain = case.add(one.ncmodel(name="ncmodel pull, without them"))
        before = bench.before and case.add(one.ncmodel(binary=bench.before))
        bench.race(case)
    limit = 0.85 if tls else 0.8
    case.bar(Bar("CPU ≤ %.2f × of without them" % limit, ratio(case.ours, plain, "cpu"), limit))
    if before:
        case.bar(Bar("CPU ≤ %.2f × of the earlier build" % limit, ratio(case.ours, before, "cpu"), limit))
    return case


def known_http(bench):
    return known(bench, "known", "HTTP", False)


def known_https(bench):
    return known(bench, "known-tls", "HTTPS", True)


def register(cases):
    cases.update({"four": four_files, "known": known_http, "known-tls": known_https, "a": http, "a-tls": https, "b-request": limit_by_nginx, "b-connection": limit_by_wire, "c": round_trip, "d": many_files})
