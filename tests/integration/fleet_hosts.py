# SPDX-License-Identifier: MIT
"""Machines to log in to: each is an sshd with a network, mounts, processes and a name of its own, and this machine's files below a
layer that it alone writes. On each a user `keeper` may become root. They hang on a bridge. All of it is in namespaces that go with the process that made them.

    if __name__ == "__main__":
        fleet_hosts.alone()     # goes on in a namespace of its own, where it may
"""
import os
import shutil
import signal
import subprocess
import sys
import time

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")
INSIDE = "NCM_FLEET_INSIDE"
BRIDGE = "10.93.0.1"  # this process
NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
START = r"""
set -e
folder=$1 name=$2 address=$3
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
cd "$folder/root"
mount -t proc proc proc
mount --rbind /dev dev
for each in tmp run var/tmp root; do mount -t tmpfs -o mode=755 tmpfs $each; done
chmod 1777 tmp var/tmp
mkdir -p run/sshd
hostname "$name"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip address add "$address/24" dev eth0
ip link set eth0 up
exec chroot . "$4" -D -e -f /etc/fleet/sshd_config
"""
CONFIG = """
ListenAddress %s
HostKey /etc/fleet/host_key
AuthorizedKeysFile /etc/fleet/authorized_keys
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""


def missing():
    """Why there can be no such machines here; None: they can be."""
    if os.geteuid() != 0:
        return "machines of one's own need root"
    for program in ("ansible-playbook", "ssh", "ssh-keygen", "sudo", "ip", "unshare"):
        if not shutil.which(program):
            return program + " is not installed"
    if not SSHD:
        return "sshd is not installed"
    made = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return "no namespaces here: " + made.stderr.strip() if made.returncode else None


def alone():
    if INSIDE not in os.environ and not missing():
        os.execvpe("unshare", [*NAMESPACES, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Fleet:
    """`folder`: where keys and layers lie; the layers are in memory, since not every disk can hold them."""

    def __init__(self, folder, names):
        self.folder, self.hosts = folder, {}
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "address", "add", BRIDGE + "/24", "dev", "bridge")
        run("ip", "link", "set", "bridge", "up")
        os.makedirs(self.path("layers"))
        run("mount", "-t", "tmpfs", "tmpfs", self.path("layers"))
        for key in ("key", "host_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(key))
        for number, name in enumerate(names):
            self.hosts[name] = Host(self, name, number)
        with open(self.path("host_key.pub"), encoding="ascii") as key, open(self.path("known_hosts"), "w", encoding="ascii") as known:
            words = " ".join(key.read().split()[:2])
            known.writelines("%s %s\n" % (host.address, words) for host in self.hosts.values())
        for host in self.hosts.values():
            host.start()
            host.sh("useradd -m -p '*' keeper && echo 'keeper ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/keeper")

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def ssh_options(self):
        return ["-i", self.path("key"), "-o", "UserKnownHostsFile=" + self.path("known_hosts"), "-o", "StrictHostKeyChecking=yes",
                "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]

    def close(self):
        for host in self.hosts.values():
            host.stop()
        run("umount", "-l", self.path("layers"))


class Host:
    def __init__(self, fleet, name, number):
        self.fleet, self.name, self.number, self.process = fleet, name, number, None
        self.address = "10.93.0.%d" % (10 + number)
        self.folder = fleet.path("layers", name)
        for layer in ("upper", "work", "root"):
            os.makedirs(os.path.join(self.folder, layer))
        self.put("sshd_config", CONFIG % self.address, 0o644)
        for key, called, mode in (("host_key", "host_key", 0o600), ("key.pub", "authorized_keys", 0o644)):
            with open(fleet.path(key), encoding="ascii") as file:
                self.put(called, file.read(), mode)

    def put(self, name, text, mode):
        path = os.path.join(self.folder, "upper", "etc", "fleet", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, mode), "w", encoding="ascii") as file:
            file.write(text)

    def start(self):
        with open(self.fleet.path(self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen([*NAMESPACES[:-1], "sh", "-c", START, "sh", self.folder, self.name, self.address, SSHD],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while os.readlink("/proc/%d/ns/net" % self.process.pid) == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        outer = "veth%d" % self.number
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", str(self.process.pid))
        run("ip", "link", "set", outer, "master", "bridge", "up")
        end = time.monotonic() + 120
        while self.ssh("true").returncode != 0:
            if time.monotonic() > end:
                raise AssertionError(self.log())
            time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self):
        with open(self.fleet.path(self.name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def ssh(self, command):
        return subprocess.run(["ssh", *self.fleet.ssh_options(), "root@" + self.address, command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)

    def sh(self, command):
        """What it prints there."""
        made = self.ssh(command)
        if made.returncode:
            raise AssertionError(made.stderr + self.log())
        return made.stdout
