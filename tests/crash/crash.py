# SPDX-License-Identifier: MIT
"""What a crash leaves: one folder for each point of a history and each way in which the machine may have gone down there.

kill        the process ended: the kernel has all that it was given
kill-torn   likewise, in the middle of a write

and of a power cut, after which the kernel is another one:

all         everything was on disk by chance
data-lost   writes that were not synced are not there
data-zero   likewise, but the length counts them: zeros
torn-512    of each file the last write that was not synced broke off after 512 bytes, zeros follow; the others are there
torn-4096   of that last write 4096 bytes are there, of the others none
names-lost  names that were not synced are not there; all data is
all-lost    neither are the data and the names
mix-N       dice for each write; names are lost from some record on, or in each folder from some record on
"""
import os
import random
import re

import history as h

MIXES = 3
KILLS = ("kill", "kill-torn")
CUTS = ("all", "data-lost", "data-zero", "torn-512", "torn-4096", "names-lost", "all-lost") + tuple(
    f"mix-{number + 1}" for number in range(MIXES))
BOOT = re.compile(rb'"boot_id":"([0-9a-f-]{36})"')
OTHER_BOOT = b"00000000-dead-4bee-8000-000000000000"


class Left:
    """A folder after a crash. paths: {path: (File, Content or None for a folder or link, mode, mtime)}."""

    def __init__(self, same_boot, paths):
        self.same_boot, self.paths = same_boot, paths

    @property
    def key(self):
        return self.same_boot, hash(frozenset((path, file.number, content and content.key, mtime)
                                              for path, (file, content, _, mtime) in self.paths.items()))

    def bytes(self, path):
        """As the next run reads it: a journal tells of another boot after a power cut."""
        return self.as_read(path, self.paths[path][1].bytes())

    def as_read(self, path, data):
        if not self.same_boot and is_journal(path):
            data = BOOT.sub(b'"boot_id":"' + OTHER_BOOT + b'"', data)
        return data

    def store(self, root, old_root):
        """Writes the folder. Names of files in it that begin with the folder of the recording begin with the new one."""
        made = {}
        folders = []
        for path in sorted(self.paths):
            file, content, mode, mtime = self.paths[path]
            target = os.path.join(root, path) if path else root
            if file.folder:
                os.makedirs(target, exist_ok=True)
                folders.append((target, mode))
            elif file.link is not None:
                os.symlink(file.link, target)
            elif file.number in made:
                os.link(made[file.number], target)
            else:
                made[file.number] = target
                if is_journal(path) or os.path.basename(path).lstrip(".").startswith(
                        ("models.json", "ncmodel.lock", "removing-", "moving-")):
                    with open(target, "wb") as out:
                        out.write(self.bytes(path).replace(old_root.encode(), root.encode()))
                else:
                    content.store(target)
                os.chmod(target, mode & 0o7777)
                os.utime(target, ns=(mtime, mtime))
        for target, mode in folders:
            os.chmod(target, mode & 0o7777)


def is_journal(path):
    return path.endswith((".journal", ".journal.new"))


class Fate:
    """What becomes of the records before a point, file by file."""

    def __init__(self, past, point, way, dice):
        self.past, self.point, self.way, self.dice = past, point, way, dice

    def tree(self):
        past, count = self.past, self.past.names_before(self.point)
        durable = past.durable_names(self.point)
        if self.way in ("names-lost", "all-lost"):
            return past.tree(durable)
        if not self.way.startswith("mix"):
            return past.tree(count)
        if self.dice.random() < 0.5:
            return past.tree(self.dice.randint(durable, count))
        return past.tree_of(self.folder_by_folder(count))

    def folder_by_folder(self, count):
        """Some file systems keep the order within a folder only. What a name that is on disk needs is on disk too."""
        names, past = self.past.names[:count], self.past
        needed, durable = set(), set()
        for op in reversed(names):
            if needed & {op.file.number, op.path, op.other or None} or any(
                    op.index < past.synced_before(folder, self.point) for folder in op.folders):
                durable.add(op.index)
                needed |= {op.file.number, op.path} | ({op.other} if op.other else set())
                needed |= {folder.number for folder in op.folders}
        lost, chosen = set(), []
        for op in names:
            numbers = {folder.number for folder in op.folders}
            if op.index not in durable and (numbers & lost or self.dice.random() < 0.3):
                lost |= numbers
            else:
                chosen.append(op)
        return chosen

    def content(self, file):
        """(Content, mode, mtime) of it."""
        before = [op for op in file.ops if op.index < self.point]
        if self.way in KILLS:
            return self.killed(file, before)
        synced = self.past.synced_before(file, self.point)
        durable = sum(1 for op in before if op.index < synced)
        loose = before[durable:]
        kept = self.choose(loose)
        whole = 0
        while whole < len(kept) and kept[whole][:2] == (loose[whole], len(loose[whole].data)):
            whole += 1
        content = self.past.content(file, durable + whole, kept[whole:])
        last = kept[-1][0] if kept else before[durable - 1] if durable else None
        return (content,) + attributes(file, before[:durable] + [op for op, _, _ in kept], last)

    def killed(self, file, before):
        more = []
        if self.way == "kill-torn":
            op = self.past.ops[self.point]
            if op.file is file:
                keep = self.dice.randrange(0, len(op.data), 4096)
                more.append((op, keep, keep))
        return (self.past.content(file, len(before), more),) + attributes(file, before, before[-1] if before else None)

    def choose(self, loose):
        """[(record, bytes kept, bytes that the length counts)] of those that were not synced."""
        writes = [op for op in loose if op.kind == h.WRITE]
        last = writes[-1] if writes else None
        sized, lossy = self.dice.random() < 0.5, self.dice.random()
        chosen = []
        for op in loose:
            size = len(op.data)
            if op.kind != h.WRITE:
                if self.way == "all-lost" or (self.way.startswith("mix") and self.dice.random() < lossy):
                    continue
                chosen.append((op, 0, 0))
                continue
            keep = {"data-lost": None, "all-lost": None, "data-zero": 0,
                    "torn-512": min(512, size) if op is last else size,
                    "torn-4096": min(4096, size) if op is last else None}.get(self.way, size)
            if self.way.startswith("mix"):
                keep = size
                if self.dice.random() < lossy:
                    keep = self.dice.choice((0 if sized else None, min(512, size), min(4096, size)))
            if keep is not None:
                chosen.append((op, keep, size))
        return chosen


def attributes(file, ops, last):
    modes = [op.mode & 0o7777 for op in ops if op.kind == h.MODE]
    return modes[-1] if modes else file.mode, last.mtime if last else file.mtime


def ways_at(past, point):
    ways = list(KILLS[:1] + CUTS)
    if point < len(past.ops):
        op = past.ops[point]
        if op.kind == h.WRITE and len(op.data) > 4096:
            ways.append("kill-torn")
    return ways


def left(past, point, way, seed):
    """The folder, the same each time."""
    fate = Fate(past, point, way, random.Random(f"{seed}/{point}/{way}"))
    paths = {}
    contents = {}
    for path, file in sorted(fate.tree().items()):
        if file.folder or file.link is not None:
            paths[path] = (file, None, folder_mode(file, point), 0)
        else:
            if file.number not in contents:
                contents[file.number] = fate.content(file)
            paths[path] = (file,) + contents[file.number]
    return Left(way in KILLS, paths)


def folder_mode(file, point):
    modes = [op.mode & 0o7777 for op in file.ops if op.kind == h.MODE and op.index < point]
    return modes[-1] if modes else file.mode
