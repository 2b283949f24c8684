# SPDX-License-Identifier: MIT
"""(e) verify of 8 GiB, as one file and as a tree, from the page cache and from the disk; and of many small files."""
import os
import shlex

import rivals
from material import cached, cool, make, warm
from meter import Runner, expect
from report import Case, human


class Installed:
    """Files that ncmodel has pulled, and everyone who hashes them."""

    def __init__(self, bench, folder, files):
        self.bench, self.folder = bench, folder
        self.machine = bench.machine(folder)
        made = [make(bench.nginx.disk, name, size, seed=7 + i) for i, (name, size) in enumerate(files)]
        self.machine.want(made, lambda name: bench.nginx.url(name, place="disk"))
        bench.say("pulling %d files, %.1f GiB, to verify them" % (len(made), sum(f.size for f in made) / (1 << 30)))
        bench.measure(self.machine.pull(), folder, self.machine.env)
        for file in made:
            expect(self.machine.path(file.name), file.size)
            os.unlink(file.path)
        self.paths = [self.machine.path(file.name) for file in made]
        self.left = []

    def check_that_it_reads(self):
        """One wrong bit, put right again: verify must see it, or its speed says nothing."""
        path = self.paths[-1]
        with open(path, "r+b", buffering=0) as file:
            for expected in (4, 0):
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 1]))
                self.bench.measure(self.machine.verify(), self.folder, self.machine.env, (expected,))

    def runner(self, name, command, ready, after=None, *programs):
        def run(_):
            ready(self.paths)
            cost = self.bench.measure(command, self.folder, self.machine.env)
            if after:
                after()
            return cost
        return Runner(name, run, rivals.missing(*programs))

    def case(self, key, title, ready, cold, limit=0.55):
        def look():
            self.left.append(sum(cached(path) * os.path.getsize(path) for path in self.paths) / (1 << 20))

        self.left = []
        case = Case(key, title, self.runner("ncmodel verify", self.machine.verify(), ready, look))
        words = [shlex.quote(path) for path in self.paths]
        serial = case.add(self.runner("openssl dgst -sha256", ["openssl", "dgst", "-sha256", *self.paths], ready, None, "openssl"),
                          *([] if cold else [limit]))
        one = len(self.paths) == 1
        case.add(self.runner("sha256sum", ["sha256sum", *self.paths], ready, None, "sha256sum"), *([] if cold or not one else [0.15]))
        if not one and sum(map(len, words)) < 100_000:  # what one argument may have
            case.add(self.runner("xargs -P%d openssl dgst" % os.cpu_count(), ["sh", "-c", "printf '%%s\\0' %s | xargs -0 -n1 -P%d openssl dgst -sha256"
                                 % (" ".join(words), os.cpu_count())], ready, None, "openssl"))
        if cold:
            read = "for file in %s; do dd if=$file of=/dev/null bs=4M iflag=direct status=none || exit; done" % " ".join(words)
            case.add(self.runner("dd iflag=direct (the disk)", ["sh", "-c", read], ready, None, "dd"), 1.1, "within 10 %")
        self.bench.race(case)
        total = sum(map(os.path.getsize, self.paths))
        for runner in (case.ours, serial):
            if runner.ran():
                case.note("%s: %.2f GB/s" % (runner.name, total / runner.median("wall") / 1e9))
        if self.left:
            case.note("in the page cache after ncmodel verify: %.0f of %.0f MiB" % (max(self.left) if cold else min(self.left), total / (1 << 20)))
        return case


def both(bench, key, files):
    title = "verify of %s in %d file%s" % (human(sum(size for _, size in files)), len(files), "s" if len(files) > 1 else "")

    def cold(paths):
        left = cool(paths)
        if left > 0.001:
            bench.say("%.1f %% stay in the page cache: not cold" % (100 * left))

    with bench.folder() as folder:
        installed = Installed(bench, folder, files)
        warm_case = installed.case(key + "-warm", title + ", warm", warm, False)
        cold_case = installed.case(key + "-cold", title + ", cold", cold, True)
        cold_case.note("cold means that this kernel holds nothing of the files; what lies below a virtual disk may")
        installed.check_that_it_reads()  # last, so that no measured run meets what it leaves
        return [warm_case, cold_case]


def one_file(bench):
    return both(bench, "e-one", [("one.gguf", bench.size(8 << 30) + 123)])


def tree(bench):
    size = bench.size(8 << 30) // 20
    return both(bench, "e-tree", [("part-%02d.gguf" % i, size + 123) for i in range(20)])


def small(bench):
    with bench.folder() as folder:
        installed = Installed(bench, folder, [("small-%04d.gguf" % i, bench.size(100_000)) for i in range(2000)])
        case = installed.case("e-small", "verify of 2,000 files of 100 kB, warm", warm, False, 0.8)
        installed.check_that_it_reads()
        return case


def register(cases):
    cases.update({"e-one": one_file, "e-tree": tree, "e-small": small})
