# SPDX-License-Identifier: MIT
"""What a command costs, and how several are compared: in rounds, one after the other, never one alone five times."""
import os
import statistics
import subprocess


class Failed(Exception):
    """A command did not do its work. Being slow is no failure."""


def expect(path, size):
    """That a command has made the whole file."""
    got = os.path.getsize(path) if os.path.exists(path) else -1
    if got != size:
        raise Failed("%s has %d bytes, not %d" % (os.path.basename(path), got, size))


class Missed(Exception):
    """What was to be measured did not come about. Nobody's failure."""


class Cost:
    """Seconds of wall clock and CPU, and MiB of the largest process, of one run with all its children."""

    def __init__(self, wall, cpu, rss):
        self.wall, self.cpu, self.rss = wall, cpu, rss

    def facts(self):
        return {"wall_s": round(self.wall, 4), "cpu_s": round(self.cpu, 4), "peak_rss_mib": round(self.rss, 1)}


def environment(home):
    """No settings, proxies or tokens of the user's."""
    return {"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8", "NO_PROXY": "*", "no_proxy": "*"}


def measure(helper, command, folder, env=None, allowed=(0,)):
    """Runs `command` in `folder` through the measuring helper."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as told:
        with open(os.path.join(folder, "stderr"), "w+", encoding="utf-8", errors="replace") as errors:
            process = subprocess.Popen([helper, str(writer), *command], cwd=folder, env=env or environment(folder), pass_fds=[writer],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
            os.close(writer)
            try:
                text = told.read()
                process.wait()
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            errors.seek(0)
            tail = "; ".join(errors.read().splitlines()[-2:])
    if not text:
        raise Failed("%s could not be started: %s" % (command[0], tail))
    status, wall, user, system, rss = text.split()
    if int(status) not in allowed:
        raise Failed("%s ended with %s: %s" % (command[0], status, tail))
    return Cost(float(wall), float(user) + float(system), int(rss) / 1024)


class Runner:
    """One who runs: `run(round)` does the work and returns its Cost. `missing` says why it does not run at all."""

    def __init__(self, name, run=None, missing=None):
        self.name, self.run, self.missing, self.failure = name, run, missing, None
        self.costs = []

    def ran(self):
        return bool(self.costs) and not self.failure

    def median(self, what):
        return statistics.median(getattr(cost, what) for cost in self.costs)

    def peak(self):
        return max(cost.rss for cost in self.costs)


def race(runners, rounds, say):
    """Each round gives everyone one run; who begins changes from round to round."""
    for number in range(rounds):
        for place in range(len(runners)):
            runner = runners[(place + number) % len(runners)]
            if runner.missing or runner.failure:
                continue
            os.sync()  # what the last one left to be written is not the next one's burden
            try:
                cost = runner.run(number)
            except Missed as reason:
                runner.missing = str(reason)
                say("%s: %s" % (runner.name, reason))
                continue
            except Failed as failure:
                runner.failure = str(failure)
                say("%s FAILED: %s" % (runner.name, runner.failure))
                continue
            runner.costs.append(cost)
            say("round %d: %-40s %8.3f s  cpu %7.3f s  rss %5.1f MiB" % (number + 1, runner.name, cost.wall, cost.cpu, cost.rss))


def ratio(ours, theirs, what="wall"):
    """The median of the ratios of each round, ours divided by theirs; None when one of them did not run."""
    if not ours.ran() or not theirs.ran():
        return None
    return statistics.median(getattr(a, what) / max(getattr(b, what), 1e-6) for a, b in zip(ours.costs, theirs.costs))
