# SPDX-License-Identifier: MIT
"""Runs the containers of a pod as its YAML says, with no cluster: command, environment, user, groups, capabilities, a root that
cannot be written, and volumes as the kubelet makes them. The image is this machine's root with the program in its place."""
import os
import subprocess
import tempfile

from harness import BINARY, DATA

ROOT = r"""
set -e
folder=$1; shift
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
cd "$folder/root"
mount --rbind /proc proc
mount --rbind /dev dev
mkdir -p usr/local/bin usr/local/share/ncmodel/manifests
cp "$1" usr/local/bin/ncmodel
cp -r "$2/." usr/local/share/ncmodel/manifests
shift 2
"""


def put(path, text, mode=0o644, group=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chown(path, 0, group)
    os.chmod(path, mode)


class Pod:
    """`objects`: what the cluster has, by (kind, name). Volumes lie below `folder`, by their names."""

    def __init__(self, spec, objects, folder):
        self.spec, self.folder = spec, folder
        self.security = spec.get("securityContext", {})
        os.chmod(folder, 0o755)
        for volume in spec["volumes"]:
            self.make(volume, objects)

    def path(self, name, *more):
        return os.path.join(self.folder, "volumes", name, *more)

    def make(self, volume, objects):
        group, path = self.security.get("fsGroup", 0), self.path(volume["name"])
        if "configMap" in volume:
            data = objects["ConfigMap", volume["configMap"]["name"]]["data"]
            for item in volume["configMap"]["items"]:
                put(os.path.join(path, "..data_1", item["path"]), data[item["key"]], group=group)
            self.link(path)
        elif "secret" in volume:
            mode = volume["secret"].get("defaultMode", 0o644) | (0o440 if group else 0)
            for key, text in objects["Secret", volume["secret"]["secretName"]]["stringData"].items():
                put(os.path.join(path, "..data_1", key), text, mode, group)
            self.link(path)
        elif "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in objects
            self.folder_of(path, group, 0o2775)
        elif "emptyDir" in volume:
            self.folder_of(path, group, 0o2777)
        else:
            assert volume["hostPath"]["type"] == "DirectoryOrCreate"
            self.folder_of(path, 0, 0o755)

    @staticmethod
    def folder_of(path, group, mode):
        os.makedirs(path)
        os.chown(path, 0, group)
        os.chmod(path, mode)

    @staticmethod
    def link(path):
        """What is there lies behind two links, so that all of it can be replaced at once."""
        os.symlink("..data_1", os.path.join(path, "..data"))
        for name in os.listdir(os.path.join(path, "..data_1")):
            os.symlink(os.path.join("..data", name), os.path.join(path, name))

    def mount(self, mount):
        source, target = self.path(mount["name"], mount.get("subPath", "")), "." + mount["mountPath"]
        make = "mkdir -p '%s'" % target if os.path.isdir(source) else "mkdir -p '%s'; touch '%s'" % (os.path.dirname(target), target)
        readonly = "; mount -o remount,bind,ro '%s'" % target if mount.get("readOnly") else ""
        return "%s; mount --bind '%s' '%s'%s\n" % (make, os.path.realpath(source), target, readonly)

    def user(self, container):
        """The words that make a process what its securityContext says."""
        security = {**self.security, **container["securityContext"]}
        assert security["runAsUser"] != 0 or not security.get("runAsNonRoot")
        assert not security["allowPrivilegeEscalation"] and security["capabilities"] == {"drop": ["ALL"]}
        groups = ["--groups=%d" % security["fsGroup"]] if "fsGroup" in security else ["--clear-groups"]
        return ["setpriv", "--reuid=%d" % security["runAsUser"], "--regid=%d" % security["runAsGroup"], *groups, "--no-new-privs",
                "--bounding-set=-all", "--inh-caps=-all"]

    def run(self, container, programs=(), alone=False):
        """`programs`: what the image has besides; `alone`: with a network of its own, where no port is taken."""
        script = ROOT + "".join("cp '%s' usr/local/bin\n" % program for program in programs)
        script += "ip link set lo up\n" if alone else ""
        script += "".join(self.mount(mount) for mount in container["volumeMounts"])
        if container["securityContext"]["readOnlyRootFilesystem"]:
            script += "mount -o remount,ro \"$folder/root\"\n"
        environment = ["PATH=/usr/local/bin:/usr/bin:/bin", *("%s=%s" % (entry["name"], entry["value"]) for entry in container["env"])]
        image = tempfile.mkdtemp(dir=self.folder, prefix="image-")
        return subprocess.run(["unshare", "--mount", *(["--net"] if alone else []), "sh", "-c", script + 'exec chroot . "$@"', "sh", image,
                               BINARY, DATA, *self.user(container), "env", "-i", *environment, *container["command"]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
