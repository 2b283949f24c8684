# SPDX-License-Identifier: MIT
"""What recorder.c wrote down, and the folder as it is after any part of it.

A file is its inode: names come and go apart from it. What a file has is a list of extents that point into the log, so that a
crash of a program that wrote hundreds of MiB costs no more to look at than a small one.
"""
import mmap
import os
import struct

MAGIC = 0x4e43524c
HEAD = struct.Struct("<IHHIIQqqIIQ")
DIRECT, EXCHANGE, WHOLE = 1, 2, 4
(CREATE, MKDIR, RENAME, LINK, UNLINK, RMDIR, WRITE, TRUNCATE, MODE, TIMES, SYNC_BEGIN, SYNC_END, UNKNOWN, SYMLINK) = range(1, 15)
NAMES = {CREATE, MKDIR, SYMLINK, RENAME, LINK, UNLINK, RMDIR}
CONTENT = {WRITE, TRUNCATE, MODE, TIMES}
WORDS = ("", "create", "mkdir", "rename", "link", "unlink", "rmdir", "write", "truncate", "mode", "times", "sync begins",
         "sync ends", "unknown", "symlink")


class Op:
    __slots__ = ("index", "kind", "flags", "thread", "mode", "inode", "offset", "mtime", "path", "other", "data", "file",
                 "folders", "begin")

    def __str__(self):
        words = f"#{self.index} {WORDS[self.kind]} {self.path}"
        if self.kind in (RENAME, LINK, UNKNOWN):
            words += f" to {self.other}"
        if self.kind == WRITE:
            words += f" {self.offset}+{len(self.data)}"
        return words


class File:
    """A file, folder or link, whatever it is called. `ops` change its content, `syncs` are (begin, end). `link`: its text; it is
    there with its name."""

    link = None

    def __init__(self, number, folder, mode=0o644, mtime=0, base=b""):
        self.number, self.folder, self.mode, self.mtime, self.base = number, folder, mode, mtime, base
        self.ops, self.syncs = [], []


class Content:
    """extents: [(start, end, source, offset in the source)]; what lies between them is zeros."""

    known = {}  # answers that cost something

    def __init__(self, size=0, extents=()):
        self.size, self.extents = size, list(extents)

    @property
    def key(self):
        """Equal for equal contents that came from the same records."""
        return self.size, hash(tuple((start, end, id(source), offset) for start, end, source, offset in self.extents))

    def copy(self):
        return Content(self.size, self.extents)

    def write(self, start, source, keep, size):
        """The first `keep` bytes of the source; the file is as long as after `size` of them."""
        end = start + keep
        self.size = max(self.size, start + size)
        if keep == 0:
            return
        if not self.extents or self.extents[-1][1] <= start:
            self.extents.append((start, end, source, 0))
            return
        rest = [(start, end, source, 0)]
        for a, b, data, offset in self.extents:
            if a < start:
                rest.append((a, min(b, start), data, offset))
            if b > end:
                cut = max(a, end)
                rest.append((cut, b, data, offset + cut - a))
        self.extents = sorted(rest, key=lambda extent: extent[0])

    def truncate(self, size):
        self.size = size
        self.extents = [(a, min(b, size), data, offset) for a, b, data, offset in self.extents if a < size]

    def pieces(self, start, end):
        """(position, length, source or None for zeros, offset in the source), in order."""
        at, end = start, min(end, self.size)
        for a, b, source, offset in self.extents:
            first, last = max(a, at), min(b, end)
            if first >= last:
                continue
            if first > at:
                yield at, first - at, None, 0
            yield first, last - first, source, offset + first - a
            at = last
        if end > at:
            yield at, end - at, None, 0

    def bytes(self):
        return b"".join(bytes(size) if source is None else source[offset:offset + size]
                        for _, size, source, offset in self.pieces(0, self.size))

    def differs(self, expected, start=0, end=None):
        """Where the first piece from start to end begins that is not as expected, or None."""
        end = max(self.size, len(expected)) if end is None else end
        for at, size, source, offset in self.pieces(start, end):
            if not self.is_same(expected, at, size, source, offset):
                return at
        return None if end <= min(self.size, len(expected)) else min(self.size, len(expected))

    @classmethod
    def is_same(cls, expected, at, size, source, offset):
        key = (id(expected), at, size, id(source), offset)
        if size < 4096 or key not in cls.known:
            data = bytes(size) if source is None else bytes(source[offset:offset + size])
            answer = bytes(expected[at:at + size]) == data
            if size < 4096:
                return answer
            cls.known[key] = answer
        return cls.known[key]

    def store(self, path):
        with open(path, "wb") as out:
            for start, end, source, offset in self.extents:
                out.seek(start)
                out.write(source[offset:offset + end - start])
            out.truncate(self.size)


class History:
    def __init__(self, log, initial):
        """initial: {path: (inode, stat mode, mtime, bytes or None for a folder)} before the first record, "" the root."""
        self.files, self.ops, self.names = [], [], []
        self.contents, self.trees = {}, {}
        self.whole_syncs = []
        by_inode, self.first = {}, {}
        for path, (inode, mode, mtime, base) in initial.items():
            if inode not in by_inode:
                by_inode[inode] = self.add(base is None, mode, mtime, base)
            self.first[path] = by_inode[inode]
        self.read(log)
        self.resolve(by_inode)

    def add(self, folder, mode=0o644, mtime=0, base=None):
        self.files.append(File(len(self.files), folder, mode, mtime, base or b""))
        return self.files[-1]

    def read(self, path):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        view, at = memoryview(self.map), 0
        while at < size:
            op = Op()
            (magic, op.kind, op.flags, op.thread, op.mode, op.inode, op.offset, op.mtime, path_size, other_size,
             data_size) = HEAD.unpack_from(view, at)
            if magic != MAGIC:
                raise ValueError(f"the log is damaged at {at}")
            at += HEAD.size
            op.path = os.path.normpath(bytes(view[at:at + path_size]).decode() or ".")
            op.path = "" if op.path == "." else op.path
            at += path_size
            op.other = bytes(view[at:at + other_size]).decode()
            at += other_size
            op.data = view[at:at + data_size]
            at += data_size
            op.index, op.file, op.folders, op.begin = len(self.ops), None, (), None
            self.ops.append(op)

    def resolve(self, by_inode):
        """Which file each record is about, and what each sync covers."""
        tree, begun = dict(self.first), {}
        for op in self.ops:
            if op.kind == UNKNOWN:
                raise ValueError(f"the recorder cannot follow this: {op}")
            if op.kind in (CREATE, MKDIR, SYMLINK):
                op.file = by_inode[op.inode] = self.add(op.kind == MKDIR, op.mode & 0o7777, op.mtime)
                op.file.link = bytes(op.data).decode() if op.kind == SYMLINK else None
            elif op.kind in NAMES:
                op.file = tree[op.path]
            else:
                op.file = by_inode[op.inode]
            if op.kind in NAMES:
                paths = [op.path] + ([op.other] if op.kind in (RENAME, LINK) else [])
                op.folders = [tree[os.path.dirname(path)] for path in paths]
                self.names.append(op)
                if not apply(tree, op):
                    raise ValueError(f"this cannot have happened: {op}")
            elif op.kind in CONTENT:
                op.file.ops.append(op)
            elif op.kind == SYNC_BEGIN:
                begun[op.thread] = op.index
            elif op.kind == SYNC_END:
                op.begin = begun.pop(op.thread)
                if op.flags & WHOLE:
                    self.whole_syncs.append((op.begin, op.index))
                else:
                    op.file.syncs.append((op.begin, op.index))

    def synced_before(self, file, point):
        """Records about the file with a lower index than this are on disk, whatever happens after `point` records."""
        return max((begin for begin, end in file.syncs + self.whole_syncs if end < point), default=0)

    def durable_names(self, point):
        """How many of the names' records are: they reach the disk in order."""
        count = 0
        for position, op in enumerate(self.names):
            if op.index >= point:
                break
            if any(op.index < self.synced_before(folder, point) for folder in op.folders):
                count = position + 1
        return count

    def names_before(self, point):
        return sum(1 for op in self.names if op.index < point)

    def tree(self, count):
        """{path: File} after the first `count` records of names."""
        if count not in self.trees:
            if count == 0:
                self.trees[0] = dict(self.first)
            else:
                tree = dict(self.tree(count - 1))
                apply(tree, self.names[count - 1])
                self.trees[count] = tree
        return self.trees[count]

    def tree_of(self, chosen):
        """The same after some of them; what is not possible without the others does not happen."""
        tree = dict(self.first)
        for op in chosen:
            apply(tree, op)
        return tree

    def content(self, file, count, more=()):
        """After the first `count` records of its content, and of those that follow [(record, bytes that are kept, bytes that
        the length counts)]."""
        if (file.number, count) not in self.contents:
            if count == 0:
                content = Content(len(file.base), [(0, len(file.base), file.base, 0)] if file.base else [])
            else:
                op = file.ops[count - 1]
                content = self.content(file, count - 1).copy()
                change(content, op, len(op.data), len(op.data))
            self.contents[file.number, count] = content
        content = self.contents[file.number, count]
        if more:
            content = content.copy()
            for op, keep, size in more:
                change(content, op, keep, size)
        return content


def change(content, op, keep, size):
    if op.kind == TRUNCATE:
        content.truncate(op.offset)
    elif op.kind == WRITE:
        content.write(op.offset, op.data, keep, size)


def apply(tree, op):
    """Changes the tree as the record says. False if it cannot."""
    if os.path.dirname(op.path) not in tree:
        return False
    if op.kind in (CREATE, MKDIR, SYMLINK):
        if op.path in tree:
            return False
        tree[op.path] = op.file
        return True
    if tree.get(op.path) is not op.file or (op.other and os.path.dirname(op.other) not in tree):
        return False
    if op.kind == RMDIR and any(path.startswith(op.path + "/") for path in tree):
        return False
    if op.kind == LINK:
        tree[op.other] = op.file
    elif op.kind in (UNLINK, RMDIR):
        del tree[op.path]
    elif op.flags & EXCHANGE:
        ours, theirs = subtree(tree, op.path), subtree(tree, op.other)
        tree.update({op.other + path: file for path, file in ours.items()})
        tree.update({op.path + path: file for path, file in theirs.items()})
    elif tree.get(op.other) is not op.file:
        subtree(tree, op.other)
        tree.update({op.other + path: file for path, file in subtree(tree, op.path).items()})
    return True


def subtree(tree, path):
    """Takes a file, or a folder with all that is in it, out of the tree: {"": file, "/name": ...}."""
    found = {name[len(path):]: file for name, file in tree.items() if name == path or name.startswith(path + "/")}
    for name in found:
        del tree[path + name]
    return found
