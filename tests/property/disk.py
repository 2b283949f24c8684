# SPDX-License-Identifier: MIT
"""What lies on the disk: every file, link and folder below one top, with bytes, inode and time. Links are never followed."""
import contextlib
import os
import stat


class Node:
    __slots__ = ("kind", "data", "inode", "mtime", "mode")

    def __init__(self, kind, data, status):
        self.kind, self.data, self.inode = kind, data, status.st_ino
        self.mtime, self.mode = status.st_mtime_ns, stat.S_IMODE(status.st_mode)

    def same(self, other):
        """The same thing with the same bytes (or the same target), whatever its inode and time."""
        return other is not None and (self.kind, self.data) == (other.kind, other.data)


class Disk(dict):
    """Path below the top -> Node: kind "f" with its bytes, "l" with its target, "d"."""

    def files(self):
        return {path: node for path, node in self.items() if node.kind != "d"}

    def below(self, folder):
        return {path: node for path, node in self.items() if path.startswith(folder + "/") and node.kind != "d"}

    def resolve(self, path, depth=0):
        """Where a path leads through links, or None when it leads nowhere or out of what was looked at."""
        at, parts = "", path.split("/")
        while parts:
            part = parts.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}" if at else part
            node = self.get(here)
            if node is None or depth > 20:
                return None
            if node.kind == "l":
                if os.path.isabs(node.data):
                    if not node.data.startswith(self.top + "/"):
                        return None
                    at, target = "", node.data[len(self.top) + 1:]
                else:
                    target = node.data
                depth += 1
                parts = target.split("/") + parts
                continue
            at = here
        return at

    def canonical(self, path):
        """The same name in the real folder: links above it are followed, the name itself is not."""
        folder, _, name = path.rpartition("/")
        real = self.resolve(folder)
        return f"{real}/{name}" if real else path

    def read(self, path):
        """The bytes that an application finds under a name, through links; None if there are none."""
        real = self.resolve(path)
        node = self.get(real) if real else None
        return node.data if node and node.kind == "f" else None


@contextlib.contextmanager
def opened(top, closed):
    """The folders that nobody may read, readable for a moment."""
    for folder in sorted(closed):
        os.chmod(os.path.join(top, folder), 0o755)
    try:
        yield
    finally:
        for folder in sorted(closed, reverse=True):
            os.chmod(os.path.join(top, folder), 0)


def look(top, closed=()):
    disk = Disk()
    disk.top = top
    with opened(top, closed):
        folders = [""]
        while folders:
            folder = folders.pop()
            with os.scandir(os.path.join(top, folder)) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        disk[path] = Node("d", None, status)
                        folders.append(path)
                    elif stat.S_ISLNK(status.st_mode):
                        disk[path] = Node("l", os.readlink(entry.path), status)
                    else:
                        with open(entry.path, "rb") as file:
                            disk[path] = Node("f", file.read(), status)
    return disk


def ours(path):
    """Our own notes, locks and staging: what a user never looks for."""
    name = os.path.basename(path)
    return ".ncmodel" in path.split("/") or name in ("models.json", "ncmodel.lock") or (
        name.startswith((".models.json.", ".ncmodel.lock.")) and name.endswith(".tmp"))  # a write that was killed
