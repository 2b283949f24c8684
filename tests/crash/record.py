# SPDX-License-Identifier: MIT
"""Runs a case under the recorder."""
import os
import signal
import subprocess
import time

import crash
from cases import Stop
from history import History

QUIET_SECONDS = 1.5  # longer than the engine keeps bytes of a slow connection in memory


def preload(binary, recorder):
    """A sanitizer's library has to be the first."""
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    first = [line.split("=>")[1].split()[0] for line in listed.splitlines() if "libasan" in line or "libtsan" in line]
    return " ".join(first + [recorder])


def look(root):
    """{path: (inode, mode, mtime, bytes or None)}. Of a link no bytes: there may be none before the first record."""
    found = {}
    for folder, _, names in os.walk(root):
        for path in [folder] + [os.path.join(folder, name) for name in names]:
            status = os.lstat(path)
            content = None
            if path != folder and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = file.read()
            relative = os.path.relpath(path, root)
            found["" if relative == "." else relative] = (status.st_ino, status.st_mode & 0o7777, status.st_mtime_ns, content)
    return found


def wait_until_quiet(process, mirror, log):
    size, since = -1, time.monotonic()
    while process.poll() is None and (mirror.left or time.monotonic() - since < QUIET_SECONDS):
        time.sleep(0.05)
        now = os.path.getsize(log) if os.path.exists(log) else 0
        if now != size or mirror.left:
            size, since = now, time.monotonic()


def heed_interrupts():
    """A shell makes what it runs in the background ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_step(case, binary, environment, mirror, arguments, end):
    log = environment["NCM_RECORD_LOG"]
    if isinstance(end, Stop):
        mirror.hold_after(end.after)
    process = subprocess.Popen([binary, *arguments], env=environment, cwd=environment["HOME"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heed_interrupts)
    if isinstance(end, Stop):
        wait_until_quiet(process, mirror, log)
        process.send_signal(end.number)
    out, _ = process.communicate(timeout=300)
    mirror.release()
    expected = end if not isinstance(end, Stop) else {9: -9, 2: 130}[end.number]
    if process.returncode != expected:
        raise AssertionError(f"{arguments} ended with {process.returncode}, not {expected}:\n{out}")


def record(case, binary, recorder, home):
    """Runs the case in home, and returns the History."""
    root, log = os.path.join(home, "root"), os.path.join(home, "log")
    os.makedirs(root)
    case.recorded_root = root
    mirror = case.mirror()

    def run(*arguments):
        mirror.files.update({**case.served, **case.other})
        subprocess.run([binary, *arguments], env=case.environment(home, mirror), cwd=home, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)

    case.prepare(run)
    mirror.files, mirror.tags = {**case.served, **case.other}, {}
    initial = look(root)
    environment = {**case.environment(home, mirror), "LD_PRELOAD": preload(binary, recorder), "NCM_RECORD_ROOT": root,
                   "NCM_RECORD_LOG": log, "NCM_RECORD_PAUSE": "30"}
    try:
        for number, (arguments, end) in enumerate(case.steps):
            case.before_step(number, mirror)
            run_step(case, binary, environment, mirror, arguments, end)
    finally:
        mirror.close()
    past = History(log, initial)
    compare_with_reality(past, root)
    return past


def compare_with_reality(past, root):
    """Did the recorder see everything?"""
    after, real = crash.left(past, len(past.ops), "kill", 0).paths, look(root)
    wrong = [f"{path} was not recorded" for path in real if path not in after]
    wrong += [f"{path} is not there" for path in after if path not in real]
    for path, (_, mode, mtime, data) in real.items():
        _, content, told_mode, told_mtime = after.get(path, (None, None, mode, mtime))
        if content and content.differs(data) is not None:
            wrong.append(f"{path} has other bytes than were recorded")
        if told_mode != mode or (content and told_mtime != mtime):
            wrong.append(f"{path} has other attributes than were recorded")
    if wrong:
        raise AssertionError("the recorder missed something:\n" + "\n".join(wrong))
