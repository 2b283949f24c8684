# SPDX-License-Identifier: MIT
"""Files to fetch and to verify, and what the kernel holds of them."""
import ctypes
import hashlib
import mmap
import os
import random
import struct

BLOCK = 1 << 20
PAGE = mmap.PAGESIZE
HEAD = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)  # no tensors, no metadata: the smallest beginning that is one


class File:
    def __init__(self, name, path, size, sha256):
        self.name, self.path, self.size, self.sha256 = name, path, size, sha256


def make(folder, name, size, seed=1):
    """A GGUF file that no disk or wire can shrink: one random block, numbered each time."""
    os.makedirs(folder, exist_ok=True)
    path, digest = os.path.join(folder, name), hashlib.sha256()
    block = bytearray(random.Random(seed).randbytes(BLOCK))
    with open(path, "wb") as out:
        for number in range(-(-size // BLOCK)):
            for place in range(0, BLOCK, PAGE):
                block[place : place + 8] = (seed << 40 | number << 8 | place // PAGE).to_bytes(8, "little")
            if not number:
                block[: len(HEAD)] = HEAD
            part = memoryview(block)[: min(BLOCK, size - number * BLOCK)]
            digest.update(part)
            out.write(part)
    return File(name, path, size, digest.hexdigest())


def cached(path):
    """The share of a file that the page cache holds."""
    size = os.path.getsize(path)
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as view:
        address = ctypes.addressof(ctypes.c_char.from_buffer(view))
        pages = -(-size // PAGE)
        seen = (ctypes.c_ubyte * pages)()
        if libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), seen):
            raise OSError(ctypes.get_errno(), "mincore")
        return bytes(seen).count(1) / pages


def warm(paths):
    """Reads what is not in the page cache yet."""
    for path in paths:
        if cached(path) < 1:
            with open(path, "rb", buffering=0) as file:
                while file.read(BLOCK):
                    pass


def cool(paths):
    """Drops files from the page cache. Returns the largest share that would not go."""
    os.sync()
    for path in paths:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    left = max(map(cached, paths))
    if left > 0.001:
        try:
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
                drop.write("1")
        except OSError:
            pass  # not root; what is left is reported
        left = max(map(cached, paths))
    return left
