#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random worlds and random commands, and an oracle that knows whose bytes lie where.

usage: test_property.py [--steps N] [--seed N] [--binary PATH] [--only INVARIANT]... [--ignore REGEX]... [--all | --count]

A violation is shrunk and printed as the commands that lead to it; the exit code is 1 then. --ignore passes by what its regular
expression finds in "INVARIANT: cause". --all goes on after a violation until the steps are used up, and lists each kind once;
--count shrinks nothing and tells how often each kind was seen.
Environment: NCMODEL (the binary), NCM_PROPERTY_STEPS, NCM_PROPERTY_SEED.
"""
import argparse
import collections
import os
import random
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("NCM_TEST_SOURCE") or os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "tests", "integration"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

try:
    import hypothesis
except ImportError:
    print("python3-hypothesis is not installed (scripts/setup --test)")
    sys.exit(77)
from hypothesis.errors import Flaky  # noqa: E402
from hypothesis.stateful import run_state_machine_as_test  # noqa: E402

import invariants  # noqa: E402
import machine  # noqa: E402
import place  # noqa: E402

LENGTH = 30  # steps of one run; the next run has a fresh machine


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=int(os.environ.get("NCM_PROPERTY_STEPS", "3000")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("NCM_PROPERTY_SEED", random.randrange(1 << 30))))
    parser.add_argument("--binary", default=os.environ.get("NCMODEL") or os.path.join(SOURCE, "build-plain", "cmd", "ncmodel"))
    parser.add_argument("--only", action="append", default=[], choices=sorted(invariants.INVARIANTS), metavar="INVARIANT")
    parser.add_argument("--ignore", action="append", default=[], metavar="REGEX")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--length", type=int, default=LENGTH)
    return parser.parse_args()


class Search:
    def __init__(self, given):
        self.given, self.found, self.counts = given, {}, collections.Counter()

    def passed(self, key):
        if self.given.count:
            self.counts[key] += 1
            return True
        return key in self.found or any(re.search(pattern, key) for pattern in self.given.ignore)

    def run(self, steps, seed):
        """None, or the violation with the commands that lead to it."""
        rules = machine.Rules
        rules.names = tuple(self.given.only) or tuple(invariants.INVARIANTS)
        rules.passed = staticmethod(self.passed)
        settings = hypothesis.settings(
            max_examples=max(20, steps // self.given.length), stateful_step_count=self.given.length, deadline=None, database=None,
            print_blob=False, report_multiple_bugs=False, verbosity=hypothesis.Verbosity.quiet,
            suppress_health_check=list(hypothesis.HealthCheck))
        try:
            run_state_machine_as_test(hypothesis.seed(seed)(type("Run", (rules,), {})), settings=settings)
        except invariants.Violation as fault:
            return *rules.shortest[fault.key], True
        except Flaky:
            return *rules.shortest[rules.last], False
        return None


def main():
    given = options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what is on the disk goes
    base = place.Base(given.binary, SOURCE)
    machine.Rules.base = base
    search, seed, start = Search(given), given.seed, time.monotonic()
    try:
        while machine.Rules.steps < given.steps:
            result = search.run(given.steps - machine.Rules.steps, seed)
            seed += 1
            if result is None:
                continue
            fault, trace, again = result
            search.found[fault.key] = trace
            print(f"\n{fault}\n  after:" + "".join(f"\n    {line}" for line in trace) + (
                "" if again else "\n  (not seen again when repeated: it hangs on the moment of a kill)"), flush=True)
            if not given.all:
                break
    finally:
        base.close()
    for key, count in search.counts.most_common():
        fault, trace = machine.Rules.shortest[key]
        print(f"\n{count} times {fault}\n  after:" + "".join(f"\n    {line}" for line in trace))
    seconds = time.monotonic() - start
    print(f"\n{machine.Rules.steps} steps, seed {given.seed}, {seconds:.0f} s "
          f"({seconds / max(1, machine.Rules.steps) * 1000:.0f} ms each), {len(search.found) + len(search.counts)} kinds of violations", flush=True)
    return 1 if search.found or search.counts else 0


if __name__ == "__main__":
    sys.exit(main())
