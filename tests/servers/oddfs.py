#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A file system that refuses what vfat, SMB and NFS refuse: FUSE over a folder (Debian's python3-fusepy).

  oddfs.py BACKING MOUNTPOINT QUIRK...     in the foreground; SIGTERM unmounts it

Each quirk is what a file system in use answers:

  chmod     EPERM for chmod and chown; every mode reads 0755 and root's (vfat, exFAT; CIFS without UNIX extensions)
  utimens   EPERM (vfat mounted without allow_utime, for whoever is not the mount's owner)
  fsync     EINVAL for fsync and fdatasync of files and folders (some FUSE and SMB mounts)
  fsync-eio EIO: the disk itself fails, which no tolerance may hide
  link      EPERM for hard and symbolic links (vfat, exFAT)
  link-nosys  ENOSYS (a FUSE file system without them), link-notsup  EOPNOTSUPP (CIFS)
  case      names that differ in the case of letters are one name (vfat, exFAT, SMB)
  colon     EINVAL for a name with a ':' or another of  " * < > ? \\ |  (vfat, exFAT, SMB)
  statvfs   0 blocks of everything (FUSE mounts of object stores, some SMB servers)
  flock     ENOLCK (NFS without lockd)
  reads     a read stops short of what was asked for, now and then (network file systems after a signal)
  stale     ESTALE for every 13th file that ncmodel opens, when it is read (NFS after the server lost the handle)
  stale-ever  the same of every file, always
  over      EBUSY for a rename over a file that is open (exFAT drivers; SMB servers of Windows)
"""
import ctypes
import errno
import os
import sys
import threading

import fusepy

PROFILES = {
    "vfat": ["chmod", "utimens", "link", "case", "colon", "over"],
    "smb": ["chmod", "fsync", "link-notsup", "case", "colon", "statvfs", "over"],
    "nfs": ["utimens", "statvfs", "flock", "reads", "stale"],
    "all": ["chmod", "utimens", "fsync", "link", "case", "colon", "statvfs", "flock", "reads", "over"],
}
FORBIDDEN = set(':"*<>?\\|')


def flock_type():
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(fusepy.fuse_file_info), ctypes.c_int)


class AllOperations(ctypes.Structure):
    """libfuse 2.9 knows operations that fusepy does not."""
    _fields_ = fusepy.fuse_operations._fields_ + [
        ("poll", ctypes.c_voidp), ("write_buf", ctypes.c_voidp), ("read_buf", ctypes.c_voidp), ("flock", flock_type())]


fusepy.fuse_operations = AllOperations


class Mount(fusepy.FUSE):
    def flock(self, path, fip, operation):
        return self.operations("flock", path, operation)


def refuse(number):
    raise fusepy.FuseOSError(number)


def is_program():
    """Whether ncmodel asks, and not the test that looks after it."""
    try:
        with open("/proc/%d/comm" % fusepy.fuse_get_context()[2]) as name:
            return name.read().startswith("ncmodel")
    except OSError:
        return False


class Odd(fusepy.Operations):
    use_ns = True

    def __init__(self, backing, quirks):
        self.backing = os.fsencode(os.path.abspath(backing)).decode()
        self.quirks = set(quirks)
        self.open_files = {}  # descriptor -> the name that it was opened by, or has got since
        self.opened = 0
        self.stale = set()
        self.guard = threading.Lock()
        if "flock" in self.quirks:
            self.flock = lambda path, operation: refuse(errno.ENOLCK)

    def __call__(self, op, *args):
        if not hasattr(self, op):
            refuse(errno.ENOSYS)
        return getattr(self, op)(*args)

    def real(self, path):
        """The backing name; where case does not count, the one that is there."""
        at = self.backing
        for part in path.strip("/").split("/") if path != "/" else []:
            at = os.path.join(at, self.spelling(at, part))
        return at

    def spelling(self, folder, name):
        if "case" not in self.quirks or os.path.lexists(os.path.join(folder, name)):
            return name
        try:
            found = [entry for entry in os.listdir(folder) if entry.casefold() == name.casefold()]
        except OSError:
            found = []
        return found[0] if found else name

    def check_name(self, path):
        if "colon" in self.quirks and FORBIDDEN & set(os.path.basename(path)):
            refuse(errno.EINVAL)

    def check_link(self):
        for quirk, number in (("link", errno.EPERM), ("link-nosys", errno.ENOSYS), ("link-notsup", errno.EOPNOTSUPP)):
            if quirk in self.quirks:
                refuse(number)

    def remember(self, descriptor, path):
        with self.guard:
            self.open_files[descriptor] = path
            self.opened += 1
            if is_program() and ("stale-ever" in self.quirks or "stale" in self.quirks and self.opened % 13 == 0):
                self.stale.add(descriptor)
        return descriptor

    def getattr(self, path, fh=None):
        self.check_look_up(path)
        status = os.fstat(fh) if fh is not None else os.lstat(self.real(path))
        found = {key: getattr(status, key) for key in ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks")}
        found.update({key: getattr(status, key + "_ns") for key in ("st_atime", "st_mtime", "st_ctime")})
        if "chmod" in self.quirks:
            found.update(st_mode=status.st_mode & ~0o7777 | 0o755, st_uid=0, st_gid=0)
        return found

    def check_look_up(self, path):
        if "colon" in self.quirks and FORBIDDEN & set(path):
            refuse(errno.EINVAL)

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.real(path))]

    def readlink(self, path):
        return os.readlink(self.real(path))

    def mkdir(self, path, mode):
        self.check_name(path)
        os.mkdir(self.real(path), mode)

    def create(self, path, mode, fi=None):
        self.check_name(path)
        real = self.real(path)
        return self.remember(os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), real)

    def open(self, path, flags):
        # The kernel has looked after access and append; what is written may have to be read here.
        kept = os.O_RDWR if flags & os.O_ACCMODE != os.O_RDONLY else os.O_RDONLY
        real = self.real(path)
        return self.remember(os.open(real, kept | flags & os.O_TRUNC), real)

    def release(self, path, fh):
        with self.guard:
            self.open_files.pop(fh, None)
            self.stale.discard(fh)
        os.close(fh)

    def read(self, path, size, offset, fh):
        if fh in self.stale:
            refuse(errno.ESTALE)
        if "reads" in self.quirks and size > 4096:
            size -= size // 3
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self.real(path) if fh is None else fh, length)

    def flush(self, path, fh):
        """The program closed it; the kernel releases it when it finds the time."""
        with self.guard:
            self.open_files.pop(fh, None)

    def fsync(self, path, datasync, fh):
        if "fsync-eio" in self.quirks:
            refuse(errno.EIO)
        if "fsync" in self.quirks:
            refuse(errno.EINVAL)

    def fsyncdir(self, path, datasync, fh):
        self.fsync(path, datasync, fh)

    def chmod(self, path, mode):
        if "chmod" in self.quirks:
            refuse(errno.EPERM)
        os.chmod(self.real(path), mode)

    def chown(self, path, uid, gid):
        if "chmod" in self.quirks:
            refuse(errno.EPERM)
        os.lchown(self.real(path), uid, gid)

    def utimens(self, path, times=None):
        if "utimens" in self.quirks:
            refuse(errno.EPERM)
        os.utime(self.real(path), ns=times, follow_symlinks=False)

    def link(self, target, source):
        self.check_link()
        self.check_name(target)
        os.link(self.real(source), self.real(target), follow_symlinks=False)

    def symlink(self, target, source):
        self.check_link()
        self.check_name(target)
        os.symlink(source, self.real(target))

    def rename(self, old, new):
        self.check_name(new)
        source, target = self.real(old), self.real(new)
        with self.guard:
            if "over" in self.quirks and target in self.open_files.values() and source != target:
                refuse(errno.EBUSY)
        if "case" in self.quirks and os.path.lexists(target) and os.path.samefile(source, target):
            target = os.path.join(os.path.dirname(target), os.path.basename(new))
        os.rename(source, target)
        with self.guard:
            self.open_files = {fh: target if name == source else name for fh, name in self.open_files.items()}

    def unlink(self, path):
        os.unlink(self.real(path))

    def rmdir(self, path):
        os.rmdir(self.real(path))

    def statfs(self, path):
        room = os.statvfs(self.backing)
        names = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax")
        found = {name: getattr(room, name) for name in names}
        if "statvfs" in self.quirks:
            found.update(f_blocks=0, f_bfree=0, f_bavail=0, f_files=0, f_ffree=0, f_favail=0)
        return found


def main():
    backing, mountpoint, *words = sys.argv[1:]
    quirks = [quirk for word in words for quirk in PROFILES.get(word, [word])]
    options = {"direct_io": True} if "reads" in quirks else {}
    if "over" in quirks:
        options["hard_remove"] = True  # else libfuse moves an open file aside before it is renamed over
    Mount(Odd(backing, quirks), mountpoint, foreground=True, big_writes=True, use_ino=True, attr_timeout=0, entry_timeout=0,
          fsname="oddfs", **options)


if __name__ == "__main__":
    main()
