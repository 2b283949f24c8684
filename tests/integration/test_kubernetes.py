#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""deploy/kubernetes: read by Kubernetes' own types, and its containers run as they are written; and the image's list of packages."""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import kubernetes_peer
import kubernetes_pod
import ollama_peer
from harness import BINARY, SOURCE, TOKENS, Case, gguf, sanitizers
from hub import sha256
from peer import Skip

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
import s3_site  # noqa: E402

try:
    import yaml
except ImportError:
    yaml = None
FILES = sorted(glob.glob(os.path.join(SOURCE, "deploy/kubernetes/*.yaml")))


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class TypesTest(unittest.TestCase):
    """Decoded by k8s.io/api, strictly."""

    def read(self, *paths):
        try:
            program = kubernetes_peer.prepare()
        except Skip as why:
            self.skipTest(str(why))
        return subprocess.run([program, *paths], capture_output=True, text=True, check=False)

    def test_all_of_them(self):
        made = self.read(*FILES)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        self.assertEqual(sorted(made.stdout.split("\n")[:-1]), [
            "ConfigMap ncmodel", "CronJob ncmodel-nightly", "DaemonSet ncmodel-node", "Deployment llama-server",
            "Deployment ollama", "PersistentVolumeClaim models", "Secret ncmodel-tokens", "Service llama-server", "Service ollama"])

    def test_what_is_wrong_is_refused(self):
        text = text_of(os.path.join(SOURCE, "deploy/kubernetes/llama-server.yaml"))
        for old, new in (("readOnlyRootFilesystem", "readOnlyRootFileSystem"), ("replicas: 1", "replicas: one"),
                         ("apps/v1", "apps/v0"), ("  replicas: 1\n", "  replicas: 1\n  replicas: 2\n")):
            self.assertIn(old, text)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text.replace(old, new, 1))
                file.flush()
                self.assertEqual(self.read(file.name).returncode, 1, new)


def pods():
    """(name, spec of a pod, labels of it, labels that its owner selects)"""
    for path in FILES:
        for each in yaml.safe_load_all(text_of(path)):
            spec = each.get("spec", {})
            spec = spec.get("jobTemplate", {}).get("spec", spec)
            if "template" in spec:
                template = spec["template"]
                yield (each["metadata"]["name"], template["spec"], template.get("metadata", {}).get("labels"),
                       spec.get("selector", {}).get("matchLabels"))


@unittest.skipUnless(yaml, "python3-yaml is not installed")
class WholeTest(unittest.TestCase):
    """What the types do not say: that names lead somewhere, and that no container has more rights than it needs."""

    def test_names_lead_somewhere(self):
        found = list(pods())
        self.assertEqual(len(found), 4)
        for name, spec, labels, selected in found:
            self.assertEqual(labels, selected, name)
            volumes = [volume["name"] for volume in spec["volumes"]]
            containers = spec["initContainers"] + spec["containers"]
            self.assertEqual(len({each["name"] for each in containers}), len(containers))
            used = {mount["name"] for each in containers for mount in each.get("volumeMounts", [])}
            self.assertEqual(used, set(volumes), name)

    def test_no_container_has_more_than_it_needs(self):
        for name, spec, _, _ in pods():
            self.assertFalse(spec["automountServiceAccountToken"], name)
            self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}, name)
            for each in spec["initContainers"] + spec["containers"]:
                self.assertEqual(each["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                           "capabilities": {"drop": ["ALL"]}}, name)
                self.assertIn("memory", each["resources"]["limits"], name)
                self.assertNotIn(":latest", each["image"])


class ImageTest(unittest.TestCase):
    def test_the_libraries_are_in_it(self):
        """The packages of what the program is linked with, and no others but certificates."""
        if sanitizers():
            self.skipTest("it has other libraries here")
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True, check=True).stdout)
        paths = dict(re.findall(r"(\S+) => (\S+)", subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout))
        packages = set()
        for name in needed:
            for path in (paths[name], os.path.realpath(paths[name]), paths[name].removeprefix("/usr")):
                owner = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True, check=False).stdout
                packages |= {owner.split(":")[0]} if owner else set()
        last = text_of(os.path.join(SOURCE, "deploy/container/Containerfile")).split("\nFROM ")[-1]
        listed = re.search(r"install -y --no-install-recommends ([^\\]+)", last).group(1).split()
        self.assertEqual(sorted(listed), sorted(packages - {"libc6"} | {"ca-certificates"}))

    def test_it_is_built_of_the_sources_alone(self):
        """Neither history nor what lies beside the sources gets into the build, and all that it names does."""
        rules = [line for line in text_of(os.path.join(SOURCE, ".dockerignore")).splitlines() if not line.startswith("#")]
        self.assertEqual(rules[0], "*")
        let_in = [rule[1:] for rule in rules if rule.startswith("!")]
        self.assertTrue(all(glob.glob(os.path.join(SOURCE, each)) for each in let_in), let_in)
        self.assertFalse([each for each in let_in if each.startswith(".")])
        built = text_of(os.path.join(SOURCE, "meson.build"))
        needed = set(re.findall(r"(?:install_)?subdir\('(\w+)[/']", built)) - {"tests", "debian"}
        self.assertEqual(needed - set(let_in), set())
        self.assertIn("deploy/kubernetes/tokens.yaml", rules)


@unittest.skipUnless(yaml, "python3-yaml is not installed")
@unittest.skipUnless(os.geteuid() == 0, "a container's mounts and users need root")
class PodTest(Case):
    MODEL = gguf("qwen", 300_000)
    REPOSITORY, NAME = "unsloth/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q4_K_M.gguf"

    def setUp(self):
        super().setUp()
        if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
            self.skipTest("no mounts of one's own here")
        self.objects = {(each["kind"], each["metadata"]["name"]): each for path in FILES for each in yaml.safe_load_all(text_of(path))}
        self.serve()

    def serve(self):
        """The example's model from the tests' hub, which has other bytes than the real one: of the files these alone change."""
        data = self.objects["ConfigMap", "ncmodel"]["data"]
        lock = json.loads(data["ncmodel.lock"])
        (entry,) = lock["entries"].values()
        self.hub.hf(self.REPOSITORY, {self.NAME: self.MODEL}, commit=entry["revision"], gated=True, token=TOKENS["HF_TOKEN"])
        entry["files"][0].update(sha256=sha256(self.MODEL), size=len(self.MODEL))
        data["ncmodel.lock"] = json.dumps(lock)
        config = {**json.loads(data["config.json"]), "endpoints": {"huggingface": self.hub.service.url}, "reserve": 0}
        data["config.json"] = json.dumps(config)
        self.objects["Secret", "ncmodel-tokens"]["stringData"]["huggingface"] = TOKENS["HF_TOKEN"]

    def pod(self, kind, name):
        spec = self.objects[kind, name]["spec"]
        spec = spec["jobTemplate"]["spec"] if kind == "CronJob" else spec
        os.chmod(self.machine.home, 0o755)  # the pod's user gets there
        return kubernetes_pod.Pod(spec["template"]["spec"], self.objects, tempfile.mkdtemp(dir=self.machine.home))

    def run_container(self, pod, container, code=0):
        made = pod.run(container)
        self.assertEqual(made.returncode, code, made.stderr + made.stdout)
        self.assertNotIn("warning", made.stderr)
        return json.loads(made.stdout)["data"] if "--json" in container["command"] else made.stdout

    def test_the_server_finds_its_model(self):
        pod = self.pod("Deployment", "llama-server")
        (init,), (server,) = pod.spec["initContainers"], pod.spec["containers"]
        self.assertEqual(self.run_container(pod, init)["result"]["pulled"], 1)
        model = server["args"][server["args"].index("--model") + 1]
        path = pod.path("models", os.path.relpath(model, "/models"))
        self.assertEqual(self.read(path), self.MODEL)
        self.assertEqual((os.stat(path).st_uid, os.stat(path).st_gid, os.stat(path).st_mode & 0o777), (10001, 10001, 0o664))
        self.hub.forget()
        self.assertEqual(self.run_container(pod, init)["result"]["pulled"], 0)
        self.assertEqual(self.hub.asked(), [])

    def test_many_start_at_once(self):
        """The volume is filled once; whoever comes second waits, and finds it."""
        pod = self.pod("Deployment", "llama-server")
        (init,) = pod.spec["initContainers"]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            made = list(pool.map(pod.run, [init] * 4))
        self.assertEqual([each.returncode for each in made], [0] * 4, made[0].stderr)
        self.assertEqual(sum(r["sent"] for r in self.hub.asked(server="cdn")), len(self.MODEL))

    def test_the_cluster_has_a_cache(self):
        """As the page says: a key of the configuration, and the file with its keys. The source is asked for no byte of it."""
        site = s3_site.Site()
        self.addCleanup(site.close)
        digest = sha256(self.MODEL)
        site.objects["models/cache/blobs/sha256/%s/%s" % (digest[:2], digest)] = self.MODEL
        data = self.objects["ConfigMap", "ncmodel"]["data"]
        config = json.loads(data["config.json"])
        config["endpoints"]["s3"] = site.url
        data["config.json"] = json.dumps({**config, "cache": "s3:models/cache"})
        self.objects["Secret", "ncmodel-tokens"]["stringData"]["s3"] = "%s:%s" % (s3_site.ACCESS, s3_site.SECRET)
        pod = self.pod("Deployment", "llama-server")
        (init,) = pod.spec["initContainers"]
        init["volumeMounts"].append({"name": "tokens", "mountPath": "/tokens/ncmodel/s3-keys", "subPath": "s3", "readOnly": True})
        self.assertEqual(self.run_container(pod, init)["result"]["pulled"], 1)
        self.assertEqual([r for r in self.hub.asked() if "/resolve/" in r["path"] or r["server"] == "cdn"], [])
        self.assertTrue(all("authorization" in headers for _, _, headers in site.seen))

    def serve_ollama(self):
        """A model of Ollama's in the manifest and in the lock, beside the example's."""
        self.hub.ollama("library/tiny-chat", [("model", self.MODEL), ("template", b"{{ .Prompt }}")])
        data = self.objects["ConfigMap", "ncmodel"]["data"]
        config, manifest, lock = (json.loads(data[key]) for key in ("config.json", "phase-1-high.json", "ncmodel.lock"))
        config["endpoints"]["ollama"] = self.hub.service.url
        manifest["models"].append({"id": "tiny-chat", "name": "Tiny", "kind": "llm", "use_cases": ["General"],
                                   "files": [{"from": ["ollama:tiny-chat"], "to": [{"store": "ollama"}]}]})
        self.machine.manifest(manifest["models"][1:])
        path = os.path.join(self.machine.home, "own.lock")
        self.assertEqual(self.machine.run("lock", "--lock", path, env={"NCMODEL_OLLAMA_REGISTRY": self.hub.service.url}).returncode, 0)
        lock["entries"].update(json.loads(self.read(path))["entries"])
        for key, value in (("config.json", config), ("phase-1-high.json", manifest), ("ncmodel.lock", lock)):
            data[key] = json.dumps(value)

    def test_ollama_finds_its_model(self):
        """In the folder that its variables name, which it cannot write; the real one lists it there, and leaves it as it is."""
        self.serve_ollama()
        pod = self.pod("Deployment", "ollama")
        (init,), (server,) = pod.spec["initContainers"], pod.spec["containers"]
        self.assertEqual(self.run_container(pod, init)["result"]["pulled"], 2)
        (models,) = [entry["value"] for entry in server["env"] if entry["name"] == "OLLAMA_MODELS"]
        folder = pod.path("models", os.path.relpath(models, "/models"))
        self.assertEqual(self.read(os.path.join(folder, "blobs", "sha256-" + sha256(self.MODEL))), self.MODEL)
        program = ollama_peer.find()
        if not program:
            self.skipTest("Ollama is not built here: ollama_peer.py build")
        loose = os.path.join(folder, "blobs", "sha256-" + "0" * 64)
        with open(loose, "w", encoding="ascii"):
            pass
        listen = ("ollama %s 2>$HOME/log & for i in $(seq 300); do grep -q 'inference compute' $HOME/log && ollama list && break;"
                  " sleep 0.1; done; kill $!; cat $HOME/log >&2" % " ".join(server["args"]))
        made = pod.run({**server, "command": ["sh", "-c", listen]}, programs=[program], alone=True)
        self.assertIn("tiny-chat:latest", made.stdout, made.stderr)
        self.assertNotIn("read-only file system", made.stderr)
        self.assertTrue(os.path.exists(loose))
        server["env"] = [entry for entry in server["env"] if entry["name"] != "OLLAMA_NOPRUNE"]
        os.makedirs(os.path.join(folder, "manifests/registry.ollama.ai/library/empty"))
        made = pod.run({**server, "command": ["timeout", "20", "ollama", *server["args"]]}, programs=[program], alone=True)
        self.assertEqual(made.returncode, 1, made.stderr)
        self.assertIn("read-only file system", made.stderr)

    def test_the_token_may_be_empty(self):
        self.hub.hf(self.REPOSITORY, {self.NAME: self.MODEL}, commit="50968a4468ef4233ed78cd7c3de230dd1d61a56b")
        self.objects["Secret", "ncmodel-tokens"]["stringData"]["huggingface"] = ""
        pod = self.pod("Deployment", "llama-server")
        self.assertEqual(self.run_container(pod, pod.spec["initContainers"][0])["result"]["pulled"], 1)

    def test_every_night(self):
        pod = self.pod("CronJob", "ncmodel-nightly")
        (pull,), (verify,) = pod.spec["initContainers"], pod.spec["containers"]
        self.run_container(pod, pull)
        path = pod.path("models", "server/ai/llama-cpp/models/qwen3-0.6b-q4.gguf")
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"x")
        self.assertEqual([m["outcome"] for m in self.run_container(pod, verify)["repair"]["models"]], ["repaired"])
        self.assertEqual(self.read(path), self.MODEL)
        self.assertNotIn("repair", self.run_container(pod, verify))

    def test_a_node_has_models_and_labels(self):
        pod = self.pod("DaemonSet", "ncmodel-node")
        models, features = pod.spec["initContainers"]
        self.run_container(pod, models)
        self.run_container(pod, features)
        self.assertIn(b"ncmodel-model.qwen3-0.6b=present\n", self.read(pod.path("features", "ncmodel")))
        self.assertEqual(os.listdir(pod.path("features")), ["ncmodel"])

    def test_a_failure_says_why(self):
        self.objects["Secret", "ncmodel-tokens"]["stringData"]["huggingface"] = "hf_another"
        pod = self.pod("Deployment", "llama-server")
        made = pod.run(pod.spec["initContainers"][0])
        self.assertEqual(made.returncode, 6, made.stderr)
        self.assertEqual(json.loads(made.stdout)["errors"][0]["code"], "auth_required")
        self.assertNotIn("hf_another", made.stdout + made.stderr)


if __name__ == "__main__":
    unittest.main()
