# SPDX-License-Identifier: MIT
"""Hosts on one machine: network namespaces around a bridge, each with a link of its own rate.

Everything is in namespaces of this process (`enter`), so nothing of it is left when that ends, and the machine's own network is not touched.
"""
import os
import shutil
import subprocess
import sys

from meter import Failed

NET = "10.88"
BRIDGE = "hosts0"
MARK = "NCM_BENCH_NETWORK"
BURST, WAIT = "256kb", "100ms"


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Failed("%s: %s" % (" ".join(command), (done.stderr or done.stdout).strip()))


def enter():
    """Begins this program anew in namespaces of its own; returns in there."""
    if MARK not in os.environ:
        for name in ("unshare", "ip", "tc"):
            if not shutil.which(name):
                raise Failed("no %s here (Debian: util-linux, iproute2)" % name)
        if os.geteuid():
            raise Failed("network namespaces want root")
        os.execvpe("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv], {**os.environ, MARK: "1"})
    os.makedirs("/run/netns", exist_ok=True)
    run("mount", "-t", "tmpfs", "netns", "/run/netns")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "add", NET + ".0.1/16", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


HERE = NET + ".0.1"  # of who has entered: its link has no limit


class Host:
    """A namespace of its own on the bridge. `rate`: bits a second, each way."""

    def __init__(self, number, rate):
        self.name, self.address = "host%d" % number, "%s.1.%d" % (NET, number)
        outside, inside = "out%d" % number, "in%d" % number
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        run("ip", "link", "set", outside, "master", BRIDGE, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", self.address + "/16", "dev", inside)
        self.run("ip", "link", "set", inside, "up")
        limit = ["root", "tbf", "rate", "%dbit" % rate, "burst", BURST, "latency", WAIT]
        run("tc", "qdisc", "add", "dev", outside, *limit)
        self.run("tc", "qdisc", "add", "dev", inside, *limit)

    def inside(self, command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command):
        run(*self.inside(command))
