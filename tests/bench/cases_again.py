# SPDX-License-Identifier: MIT
"""(f) pull again when all is there, (g) go on after half."""
import json
import os
import re
import signal
import subprocess

import rivals
from meter import Failed, Missed, Runner, expect
from report import Bar, Case, human
from servers import Wire

SLOWLY = 64  # seconds that one connection would need for the file: there is to be a middle to stop at
TRIES = 3  # to meet that middle, on a busy machine
PIECES = (1 << 20, 64 << 10, 4 << 10)  # how finely a partial file is compared


# -- (f)
def network_calls(bench, machine, folder):
    """How many calls for the network a pull makes, and how many sockets of the internet it opens."""
    log = os.path.join(folder, "strace.log")
    bench.measure(["strace", "-f", "-o", log, "-e", "trace=%network", *machine.pull()], folder, machine.env)
    with open(log, encoding="utf-8", errors="replace") as lines:
        calls = [line for line in lines if re.search(r"^\d+ +\w+\(", line)]
    return len(calls), sum("AF_INET" in line for line in calls)


def again(bench):
    files = [bench.served("again-%03d.gguf" % i, 200_000 + i) for i in range(100)]
    with bench.folder() as folder:
        machine = bench.machine(folder).want(files, bench.nginx.url)
        bench.measure(machine.pull(), folder, machine.env)
        for file in files:
            expect(machine.path(file.name), file.size)
        case = Case("f", "pull again, 100 models there", Runner("ncmodel pull", lambda _: bench.measure(machine.pull(), folder, machine.env)))
        mark = bench.nginx.mark()
        bench.race(case)
        case.bar(Bar("≤ 50 ms", case.ours.median("wall") * 1000 if case.ours.ran() else None, 50, "ms"))
        calls = None
        if not rivals.missing("strace"):
            total, calls = network_calls(bench, machine, folder)
            case.note("strace -f -e trace=%%network: %d calls, %d of them with an internet address" % (total, calls))
        case.bar(Bar("no internet socket (strace)", calls, 0, "calls"))
        case.bar(Bar("no request at the server", len(bench.nginx.requests(mark)), 0, "requests"))
    return case


# -- (g)
def spans(requests, size):
    """What a server sent of a file, as a sorted list of (first, end), and the sum of all that was sent."""
    sent = []
    for request in requests:
        if request["status"] in (200, 206) and request["sent"]:
            found = re.match(r"bytes=(\d+)-", request["range"])
            first = int(found.group(1)) if found and request["status"] == 206 else 0
            sent.append((first, min(size, first + request["sent"])))
    return merge(sent), sum(end - first for first, end in sent)


def merge(ranges):
    merged = []
    for first, end in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((first, end))
    return merged


def length(ranges):
    return sum(end - first for first, end in ranges)


def common(a, b):
    """The bytes that two merged lists share."""
    return length(a) + length(b) - length(merge(a + b))


def right_parts(partial, source, size):
    """Which parts of a partial file hold the right bytes: compared by large pieces, and by small ones where those differ."""
    found = []

    def look(first, end, level):
        ours, true = (os.pread(file, end - first, first) for file in (one, other))
        if ours == true:
            found.append((first, end))
        elif level + 1 < len(PIECES) and ours.strip(b"\0"):
            step = PIECES[level + 1]
            for place in range(first, end, step):
                look(place, min(end, place + step), level + 1)

    one, other = os.open(partial, os.O_RDONLY), os.open(source, os.O_RDONLY)
    try:
        for place in range(0, size, PIECES[0]):
            look(place, min(size, place + PIECES[0]), 0)
    finally:
        os.close(one)
        os.close(other)
    return merge(found)


def stop_at_half(machine, folder, size, how):
    """Starts a pull and sends it the signal `how` once half of the file is there. False when it was over before that."""
    process = subprocess.Popen(machine.pull("--progress", "json"), env=machine.env, cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    done = 0
    try:
        for line in process.stderr:
            event = json.loads(line) if line.startswith("{") else {}
            done = max(done, event.get("done", 0)) if event.get("event") == "progress" else done
            if done >= size / 2:
                break
        process.send_signal(how)
        process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode == 0 and size / 2 <= done < size * 0.9:
        raise Failed("a signal at %d %% did not stop the pull" % (100 * done / size))
    return process.returncode != 0


def resume_once(bench, file, how):
    """One pull that is stopped and one that goes on. Returns the second one's cost and a few counts in bytes,
    or None when it could not be stopped in time."""
    with bench.folder() as folder, Wire(bench.helper("wire"), bench.nginx.counted, rate=file.size // SLOWLY) as wire:
        machine = bench.machine(folder).want([file], lambda name: bench.nginx.url(name, port=wire.port))
        mark = bench.nginx.mark()
        if not stop_at_half(machine, folder, file.size, how):
            expect(machine.path(file.name), file.size)
            return None
        before, before_sum = spans(bench.nginx.requests(mark), file.size)
        partials = [path for path in machine.partials() if os.path.getsize(path) > file.size / 64]
        there = right_parts(partials[0], file.path, file.size) if partials else []
        mark = bench.nginx.mark()
        cost = bench.measure(machine.pull(), folder, machine.env)
        after, after_sum = spans(bench.nginx.requests(mark), file.size)
        bench.check_digest(machine.path(file.name), file.sha256)
    counts = {"there_at_stop": length(there), "sent_before": length(before), "sent_after": length(after), "sent_twice": common(before, after),
              "on_disk_and_sent_again": common(there, after), "repeats_within_a_run": before_sum + after_sum - length(before) - length(after)}
    bench.say("  " + ", ".join("%s %.1f MiB" % (name, value / (1 << 20)) for name, value in counts.items()))
    return cost, counts


def resume_after(bench, key, title, how, text):
    file = bench.served("big.gguf", bench.size(2 << 30) + 123)
    counted = []

    def run(_):
        measured = next(filter(None, (resume_once(bench, file, how) for _ in range(TRIES))), None)
        if not measured:
            raise Missed("the pull was over each time before it could be stopped")
        cost, counts = measured
        counted.append(counts)
        return cost

    case = Case(key, "%s, %s" % (title, human(file.size)), Runner("ncmodel pull, the second", run))
    bench.race(case)
    worst = max((c["on_disk_and_sent_again"] for c in counted), default=None)
    case.bar(Bar(text, worst, 0, "bytes, the worst of %d" % len(counted)))
    for name in counted[0] if counted else ():
        case.note("%s: %s MiB" % (name.replace("_", " "), ", ".join("%.1f" % (c[name] / (1 << 20)) for c in counted)))
    return case


def resume_killed(bench):
    return resume_after(bench, "g-kill", "resume after kill -9 at half", signal.SIGKILL, "no byte on disk sent again")


def resume_stopped(bench):
    return resume_after(bench, "g-stop", "resume after Ctrl-C at half", signal.SIGINT, "no byte on disk sent again")


def register(cases):
    cases.update({"f": again, "g-kill": resume_killed, "g-stop": resume_stopped})
