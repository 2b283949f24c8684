"""The source oci:, against the real docker-registry: what ModelPack, Docker Model Runner, KitOps and ORAS push, with and without
sign-ins; tags that move, indexes, images. What no honest registry would serve comes from a stand-in.
"""
import base64
import io
import json
import os
import shlex
import signal
import sys
import tarfile
import time
import unittest

from harness import SOURCE, Case, gguf, safetensors, sha256

sys.path[:0] = [os.path.join(SOURCE, "tests", "servers")]
import oci_site as site  # noqa: E402
import registries  # noqa: E402
import registry_site  # noqa: E402

USER, PASSWORD = "modelreader", "pass:Canary-4712-word"
servers = None


def setUpModule():
    global servers
    servers = registries.for_module(USER, PASSWORD, "refresh-Canary-0816-token", ("open", "clear", "token"))


def archive(files, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class OciCase(Case):
    def push(self, *artifacts):
        for artifact in artifacts:
            site.push(servers.ports["open"], artifact)
        return artifacts[0]

    def source(self, artifact, rest="", name="open", host="localhost"):
        return f"oci:{host}:{servers.ports[name]}/{artifact.name}:{artifact.tag}{rest}"

    def arrived(self, folder, files):
        self.assertEqual(self.files(), {f"{folder}/{path}": sha256(data) for path, data in files.items()})
        self.check_registry()

    def refused(self, *arguments, words):
        result = self.machine.run("pull", "-y", *arguments)
        self.assertNotEqual(result.returncode, 0, result.out)
        for word in words if isinstance(words, (list, tuple)) else [words]:
            self.assertIn(word, result.err + result.out)
        self.assertEqual(self.files(), {})
        return result


LLAMA, COMFYUI = "server/ai/llama-cpp/models", "ComfyUI/models"


class Dialects(OciCase):
    def test_modelpack(self):
        """each raw layer is the file that its annotation names; facts stand in models.json"""
        files = {"weights/model.gguf": gguf("pack", 300000), "config.json": b'{"a":1}', "README.md": b"# read me\n"}
        artifact = self.push(site.modelpack("acme/pack", "1b", files))
        self.pull(self.source(artifact), "--to", "llama-cpp")
        self.arrived(LLAMA + "/pack-1b", files)
        entry = self.machine.registry()["models"][0]
        self.assertEqual(entry["revision"], artifact.digest)
        self.assertEqual(entry["source"], self.source(artifact, "@" + artifact.digest))
        self.assertEqual((entry["license"], entry["quantization"]), ("Apache-2.0", "Q4_K_M"))
        again = self.pull(self.source(artifact), "--to", "llama-cpp")
        self.assertIn("in place", again.out + again.err)
        self.assertEqual(self.machine.run("verify").returncode, 0)

    def test_what_another_source_has_no_longer(self):
        """the lock remembers that a registry has these bytes, whichever file of whichever artifact they are"""
        files = {"weights/model.gguf": gguf("pack", 300000), "config.json": b'{"a":1}'}
        artifact = self.push(site.modelpack("acme/kept", "1b", files))
        self.hub.hf("org/lost", {"m.gguf": files["weights/model.gguf"]})
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/lost/m.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.pull()
        os.unlink(self.machine.store("m.gguf"))
        self.hub.routes["service"].clear()
        self.pull(code=5)
        lock = self.machine.store("ncmodel.lock")
        entries = json.loads(self.read(lock))
        entries["entries"]["hf:org/lost/m.gguf"]["files"][0]["places"] = [self.source(artifact)]
        self.write(lock, json.dumps(entries).encode())
        self.pull()
        self.arrived(LLAMA, {"m.gguf": files["weights/model.gguf"]})
        self.assertIn(self.source(artifact, "@" + artifact.digest), self.read(lock).decode())

    def test_docker_model_runner(self):
        """layers without names are called by the model's name and by what they are"""
        files = {"smol-360M.gguf": gguf("smol", 200000), "mmproj-smol-360M.gguf": gguf("eyes", 1000), "LICENSE": b"MIT\n"}
        artifact = self.push(site.docker_model("ai/smol", "360M", [
            ("gguf.v3", files["smol-360M.gguf"]), ("mmproj", files["mmproj-smol-360M.gguf"]), ("license", files["LICENSE"])]))
        self.pull(self.source(artifact), "--to", "llama-cpp")
        self.arrived(LLAMA + "/smol-360M", files)

    def test_docker_model_for_lm_studio(self):
        """LM Studio sees the projector beside the model, in one folder called as the model is; and a dump of it can be pulled"""
        files = {"smol-360M.gguf": gguf("smol", 200000), "mmproj-smol-360M.gguf": gguf("eyes", 1000), "LICENSE": b"MIT\n"}
        artifact = self.push(site.docker_model("ai/smol", "360M", [
            ("gguf.v3", files["smol-360M.gguf"]), ("mmproj", files["mmproj-smol-360M.gguf"]), ("license", files["LICENSE"])]))
        self.pull(self.source(artifact), "--to", "lmstudio")
        self.arrived(".lmstudio/models/imported-models/smol-360M", files)
        dump = self.machine.run("manifest", "dump")
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        with open(os.path.join(self.machine.home, "dump.json"), "w", encoding="utf-8") as out:
            out.write(dump.out)
        self.pull("-f", os.path.join(self.machine.home, "dump.json"))
        self.arrived(".lmstudio/models/imported-models/smol-360M", files)

    def test_docker_split_and_named(self):
        parts = [gguf("part 1", 9000), gguf("part 2", 8000)]
        artifact = self.push(site.docker_model("ai/split", "latest", [("gguf.v3", part) for part in parts]))
        self.pull(self.source(artifact), "--to", "llama-cpp")
        self.arrived(LLAMA + "/split", {f"split-0000{n + 1}-of-00002.gguf": part for n, part in enumerate(parts)})

    def test_docker_one_layer_a_file(self):
        files = {"model.safetensors": safetensors("v2", 5000), "sub/config.json": b"{}"}
        artifact = self.push(site.docker_model("ai/v2", "latest", [
            ("safetensors", files["model.safetensors"], "model.safetensors"), ("model.file", files["sub/config.json"], "sub/config.json")]))
        self.pull(self.source(artifact), "--to", "comfyui/checkpoints")
        self.arrived(COMFYUI + "/checkpoints/v2", files)

    def test_oras(self):
        files = {"lora.safetensors": safetensors("oras", 7000), "notes.txt": b"notes\n"}
        artifact = self.push(site.oras("acme/lora", "v1", files))
        self.pull(self.source(artifact, "//lora.safetensors"), "--to", "comfyui/loras")
        self.arrived(COMFYUI + "/loras", {"lora.safetensors": files["lora.safetensors"]})

    def test_docker_media_types(self):
        """artifacts are also pushed as docker's manifests are"""
        artifact = site.modelpack("acme/docker-typed", "latest", {"m.gguf": gguf("typed", 3000)})
        artifact.document["mediaType"] = artifact.media_type = registry_site.MANIFEST
        artifact.document.pop("artifactType")
        artifact.manifest = json.dumps(artifact.document).encode()
        artifact.digest = site.digest(artifact.manifest)
        self.push(artifact)
        self.pull(self.source(artifact), "--to", "llama-cpp")
        self.arrived(LLAMA + "/docker-typed", {"m.gguf": gguf("typed", 3000)})

    def test_kitops_is_unpacked_where_a_manifest_says_so(self):
        files = {"model.gguf": gguf("kit", 40000)}
        artifact = self.push(site.kit("acme/kit", "v1", [("model.v1.tar+gzip", archive(files, "w:gz")), ("docs.v1.tar", archive({"README.md": b"x"}))]))
        self.refused(self.source(artifact), "--to", "llama-cpp", words=["is an archive", '"extract"', "--exclude 'model.tar.gz'"])
        self.machine.manifest([{"id": "kit", "files": [{"from": [self.source(artifact, "//model.tar.gz")], "extract": {},
                                                        "to": [{"store": "llama-cpp"}]}]}])
        self.pull("kit")
        self.arrived(LLAMA + "/model", files)

    def test_oras_folder(self):
        files = {"a/one.json": b"1", "two.json": b"2"}
        artifact = self.push(site.oras("acme/folder", "v1", {"data": archive(files, "w:gz"), "x.gguf": gguf("x", 2000)}, unpack=["data"]))
        self.machine.manifest([{"id": "folder", "files": [
            {"from": [self.source(artifact)], "extract": {}, "to": [{"store": "llama-cpp"}]},
            {"from": [self.source(artifact, "//x.gguf")], "to": [{"store": "llama-cpp"}]}]}])
        self.pull("folder")
        self.arrived(LLAMA, {"x.gguf": gguf("x", 2000), **{"data/" + path: data for path, data in files.items()}})

    def test_packed_without_a_tar(self):
        artifact = self.push(site.docker_model("ai/packed", "latest", [("gguf.v3+gzip", b"\x1f\x8b...")]))
        self.refused(self.source(artifact), "--to", "llama-cpp", words="packed")


class Choosing(OciCase):
    FILES = {"a/q4.gguf": gguf("q4", 4000), "a/q8.gguf": gguf("q8", 8000), "config.json": b"{}"}

    def setUp(self):
        super().setUp()
        self.artifact = self.push(site.modelpack("acme/many", "v2", self.FILES))

    def test_one_file_goes_where_it_belongs(self):
        self.pull(self.source(self.artifact, "//a/q4.gguf"))
        self.arrived(LLAMA, {"q4.gguf": self.FILES["a/q4.gguf"]})

    def test_glob_and_folder(self):
        self.pull(self.source(self.artifact, "//a/"), "--to", "llama-cpp")
        self.assertEqual({os.path.basename(path) for path in self.files()}, {"q4.gguf", "q8.gguf"})

    def test_include_is_remembered(self):
        self.pull(self.source(self.artifact), "--to", "llama-cpp", "--include", "*.gguf", "--exclude", "*q8*")
        self.arrived(LLAMA + "/many-v2", {"a/q4.gguf": self.FILES["a/q4.gguf"]})
        self.assertIn("?include=*.gguf&exclude=*q8*", self.machine.registry()["models"][0]["source"])
        again = self.pull(self.source(self.artifact), "--to", "llama-cpp")
        self.assertIn("in place", again.out + again.err)

    def test_what_is_not_there(self):
        self.refused(self.source(self.artifact, "//b.gguf"), words=["no file b.gguf", "there is: a/q4.gguf"])
        self.refused("oci:localhost:%d/acme/none" % servers.ports["open"], "--to", "llama-cpp", words="no such repository")

    def test_where_it_goes_is_asked(self):
        self.refused(self.source(self.artifact), words="--to")

    def test_an_ollama_store_wants_an_ollama_source(self):
        self.refused(self.source(self.artifact), "--to", "ollama", words="ollama: source")


class Moving(OciCase):
    def test_tag_moves(self):
        old = self.push(site.modelpack("acme/moves", "latest", {"m.gguf": gguf("old", 5000)}))
        source = self.source(old)
        self.pull(source, "--to", "llama-cpp")
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        new = self.push(site.modelpack("acme/moves", "latest", {"m.gguf": gguf("new", 6000)}))
        outdated = self.machine.run("outdated", "--json")
        told = json.loads(outdated.out)
        self.assertIn(new.digest, outdated.out, told)
        same = self.pull(source, "--to", "llama-cpp")
        self.assertIn("in place", same.out + same.err)
        self.pull(source, "--to", "llama-cpp", "--update")
        self.arrived(LLAMA + "/moves", {"m.gguf": gguf("new", 6000)})
        self.assertEqual(self.machine.registry()["models"][0]["revision"], new.digest)
        self.assertEqual(self.machine.run("outdated").returncode, 0)
        self.pull(source + "@" + old.digest, "--to", "llama-cpp", "--force")
        self.arrived(LLAMA + "/moves", {"m.gguf": gguf("old", 5000)})

    def test_lock_and_diff(self):
        old = self.push(site.modelpack("acme/locked", "v1", {"m.gguf": gguf("v1", 5000)}))
        self.machine.manifest([{"id": "locked", "files": [{"from": [self.source(old)], "to": [{"store": "llama-cpp"}]}]}])
        self.assertEqual(self.machine.run("lock").returncode, 0)
        self.push(site.modelpack("acme/locked", "v1", {"m.gguf": gguf("v1 again", 5000)}))
        self.pull("locked", "--locked")
        self.arrived(LLAMA + "/locked-v1", {"m.gguf": gguf("v1", 5000)})
        self.assertEqual(self.machine.run("diff").returncode, 0)

    def test_digest_alone(self):
        artifact = self.push(site.modelpack("acme/digest", "v1", {"m.gguf": gguf("digest", 5000)}))
        source = f"oci:localhost:{servers.ports['open']}/acme/digest@{artifact.digest}"
        self.pull(source, "--to", "llama-cpp")
        self.assertEqual(self.machine.registry()["models"][0]["source"], source)
        self.assertEqual(self.machine.run("outdated").returncode, 0)

    def test_kill_and_resume(self):
        data = gguf("large", 48 << 20)
        artifact = self.push(site.modelpack("acme/large", "latest", {"m.gguf": data}))
        process = self.machine.start("pull", "-y", self.source(artifact), "--to", "llama-cpp", "--limit-rate", "8M")
        staging, end = self.machine.store(".ncmodel", "staging"), time.monotonic() + 30
        while time.monotonic() < end and not (os.path.isdir(staging) and os.listdir(staging)):
            time.sleep(0.05)
        time.sleep(2.5)  # some 20 MB
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(self.files(), {})
        result = self.pull(self.source(artifact), "--to", "llama-cpp", "--json")
        self.arrived(LLAMA + "/large", {"m.gguf": data})
        self.assertLess(json.loads(result.out)["data"]["result"]["fetched"], 40 << 20)


class Indexes(OciCase):
    def test_what_is_for_no_platform(self):
        model = site.modelpack("acme/index", "m", {"m.gguf": gguf("in an index", 5000)})
        images = [site.image("acme/index", tag) for tag in ("amd64", "arm64")]
        index = site.Index("acme/index", "latest", [(images[0], {"platform": {"os": "linux", "architecture": "amd64"}}), (model, {}),
                                                    (images[1], {"platform": {"os": "linux", "architecture": "arm64"}})])
        self.push(model, *images, index)
        self.pull(self.source(index), "--to", "llama-cpp")
        self.arrived(LLAMA + "/index", {"m.gguf": gguf("in an index", 5000)})
        self.assertEqual(self.machine.registry()["models"][0]["revision"], model.digest)
        self.assertEqual(self.machine.run("outdated").returncode, 0)

    def test_the_one_that_is_a_model(self):
        model, image = site.modelpack("acme/mixed", "m", {"m.gguf": gguf("mixed", 5000)}), site.image("acme/mixed", "i")
        index = site.Index("acme/mixed", "latest", [(image, {}), (model, {})])
        self.push(model, image, index)
        self.pull(self.source(index), "--to", "llama-cpp")
        self.arrived(LLAMA + "/mixed", {"m.gguf": gguf("mixed", 5000)})

    def test_two_models_are_listed(self):
        models = [site.modelpack("acme/two", arch, {"m.gguf": gguf(arch, 5000)}) for arch in ("amd64", "arm64")]
        index = site.Index("acme/two", "latest", [(m, {"platform": {"os": "linux", "architecture": m.tag}}) for m in models],
                           "application/vnd.docker.distribution.manifest.list.v2+json")
        for model in models:
            model.document["mediaType"] = model.media_type = registry_site.MANIFEST
            model.manifest = json.dumps(model.document).encode()
            model.digest = site.digest(model.manifest)
        index = site.Index("acme/two", "latest", [(m, {"platform": {"os": "linux", "architecture": m.tag}}) for m in models],
                           "application/vnd.docker.distribution.manifest.list.v2+json")
        self.push(*models, index)
        result = self.refused(self.source(index), "--to", "llama-cpp", words=["linux/amd64 " + models[0].digest, "linux/arm64"])
        hint = [word for word in result.err.split() if word.startswith("oci:") and "@sha256:" in word][-1]
        self.pull(hint, "--to", "llama-cpp")
        self.arrived(LLAMA + "/two", {"m.gguf": gguf("amd64", 5000)})

    def test_attestations_are_no_models(self):
        model = site.modelpack("acme/attested", "m", {"m.gguf": gguf("attested", 5000)})
        other = site.oras("acme/attested", "a", {"provenance.json": b"{}"})
        index = site.Index("acme/attested", "latest", [
            (model, {"platform": {"os": "linux", "architecture": "amd64"}}),
            (other, {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}})])
        self.push(model, other, index)
        self.pull(self.source(index), "--to", "llama-cpp")
        self.arrived(LLAMA + "/attested", {"m.gguf": gguf("attested", 5000)})

    def test_images_are_no_models(self):
        image = self.push(site.image("acme/image", "latest"))
        self.refused(self.source(image), "--to", "llama-cpp", words="is a container image")

    def test_a_chart_is_no_model(self):
        chart = self.push(site.Artifact("acme/chart", "1", ("application/vnd.cncf.helm.config.v1+json", b"{}"),
                                        [("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart", None)]))
        self.refused(self.source(chart), "--to", "llama-cpp", words="no model")

    def test_models_of_ollama(self):
        model = self.push(site.Artifact("acme/tiny", "1", ("application/vnd.docker.container.image.v1+json", b"{}"),
                                        [("application/vnd.ollama.image.model", gguf("o", 500), None)]))
        self.refused(self.source(model), "--to", "llama-cpp", words="write ollama: in the place of oci:")


class DockerHub(OciCase):
    def setUp(self):
        super().setUp()
        self.machine.env["NCMODEL_DOCKER_REGISTRY"] = f"http://localhost:{servers.ports['open']}"

    def test_what_stands_in_for_it(self):
        """docker: and pages of hub.docker.com are one source, whose GGUF files go to llama.cpp"""
        data = gguf("hub", 9000)
        self.push(site.docker_model("ai/hub", "latest", [("gguf.v3", data)]))
        for spelled in ("docker:ai/hub", "https://hub.docker.com/r/ai/hub", "oci://docker.io/ai/hub:latest", "oci:index.docker.io/ai/hub"):
            self.pull(spelled)
            self.arrived(LLAMA + "/hub", {"hub.gguf": data})
        self.assertEqual(list(self.entries()), ["oci:docker.io/ai/hub:latest"])
        self.assertEqual(self.machine.run("rm", "-y", "docker:ai/hub").returncode, 0)
        self.assertEqual(self.files(), {})

    def test_filter(self):
        self.push(site.docker_model("ai/hub", "2", [("gguf.v3", gguf("hub 2", 900))]))
        self.pull("docker:ai/hub:2")
        for word in "oci", "docker", "OCI":
            result = self.machine.run("list", "--source", word)
            self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("hub-2", result.out, result.err)


class SignedIn(OciCase):
    def setUp(self):
        super().setUp()
        self.machine.env |= {"SSL_CERT_FILE": servers._path("ca.pem"), "NO_PROXY": "localhost,127.0.0.1"}
        self.artifact = self.push(site.modelpack("acme/private", "v1", {"m.gguf": gguf("private", 9000)}))

    def sign_in(self, host):
        path = os.path.join(self.machine.home, ".docker", "config.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"auths": {host: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}}, out)

    def check(self, name, host):
        source = self.source(self.artifact, name=name, host=host)
        result = self.machine.run("pull", "-y", source, "--to", "llama-cpp")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("docker login", result.err)
        self.sign_in(f"{host}:{servers.ports[name]}")
        result = self.pull(source, "--to", "llama-cpp")
        self.arrived(LLAMA + "/private-v1", {"m.gguf": gguf("private", 9000)})
        self.assertNotIn(PASSWORD, result.out + result.err + json.dumps(self.machine.registry()))

    def test_password(self):
        self.check("clear", "localhost")

    def test_token(self):
        # localhost is spoken to by http: by its name it is a host like any other
        source = self.source(self.artifact, name="token", host="registry.localhost")
        self.sign_in(f"registry.localhost:{servers.ports['token']}")
        self.pull(source, "--to", "llama-cpp")
        self.arrived(LLAMA + "/private-v1", {"m.gguf": gguf("private", 9000)})

    def test_a_place_of_the_lock(self):
        """it is asked as if it were named, over TLS and signed in"""
        data = gguf("private", 9000)
        self.hub.hf("org/lost", {"m.gguf": data})
        self.machine.manifest([{"id": "m", "files": [{"from": ["hf:org/lost/m.gguf"], "to": [{"store": "llama-cpp"}]}]}])
        self.pull()
        os.unlink(self.machine.store("m.gguf"))
        self.hub.routes["service"].clear()
        lock = self.machine.store("ncmodel.lock")
        entries = json.loads(self.read(lock))
        entries["entries"]["hf:org/lost/m.gguf"]["files"][0]["places"] = [
            self.source(self.artifact, name="token", host="registry.localhost")]
        self.write(lock, json.dumps(entries).encode())
        self.assertIn("(not known: auth_required)", " ".join(self.pull(code=5).err.split()))
        self.sign_in(f"registry.localhost:{servers.ports['token']}")
        self.pull()
        self.arrived(LLAMA, {"m.gguf": data})

    def test_clear_text_is_the_users_to_allow(self):
        host = f"registry.localhost:{servers.ports['clear']}"
        source = self.source(self.artifact, name="clear", host="registry.localhost")
        self.sign_in(host)
        self.refused(source, "--to", "llama-cpp", words="registry.localhost")
        self.pull(source, "--to", "llama-cpp", "--insecure-registry", host)
        self.arrived(LLAMA + "/private-v1", {"m.gguf": gguf("private", 9000)})


class Hostile(OciCase):
    def setUp(self):
        super().setUp()
        self.liar = site.Liar()
        self.addCleanup(self.liar.close)

    def lie(self, artifact, **changes):
        artifact.document.update(changes)
        artifact.manifest = json.dumps(artifact.document).encode()
        artifact.digest = site.digest(artifact.manifest)
        self.liar.serve(artifact)
        return f"oci:localhost:{self.liar.port}/{artifact.name}:{artifact.tag}"

    def named(self, *names):
        return self.lie(site.Artifact("evil/names", "latest", site.EMPTY, [
            ("application/vnd.acme.file", gguf(f"{n} {name}", 600 + n), {site.TITLE: name}) for n, name in enumerate(names)]))

    def test_names_that_lead_elsewhere(self):
        for name in ("../../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "a//x.gguf", "x\u0007.gguf", "x\n.gguf", "", "..", "\u001b[31mx.gguf"):
            for names in ((name,), ("good.gguf", name)):
                with self.subTest(name=name, count=len(names)):
                    result = self.refused(self.named(*names), "--to", "llama-cpp", words="refused")
                    self.assertNotIn("\x07", result.err)
                    self.assertNotIn("\x1b[31m", result.err)
        self.assertFalse(any("blobs" in path for path in self.liar.asked))

    def test_a_name_in_a_hint_stays_one_word(self):
        for name in ("a'; touch pwned #.tar", "$(touch pwned) `x`.tar", "plain.tar"):
            with self.subTest(name):
                source = self.lie(site.Artifact("evil/hint", "latest", site.EMPTY, [
                    ("application/vnd.acme.file", b"tar", {site.TITLE: name, "io.deis.oras.content.unpack": "true"})]))
                hint = self.refused(source, "--to", "llama-cpp", words="--exclude").err.split("leave it out with ")[1].splitlines()[0]
                self.assertEqual(shlex.split(hint), ["--exclude", name])

    def test_names_of_which_none_can_be_had(self):
        """are no model that is there, whole, without a file"""
        result = self.refused(self.named("x\u202egguf.exe"), "--to", "llama-cpp", words="none of its files")
        self.assertEqual(result.returncode, 11)

    def test_twins(self):
        self.refused(self.named("m.gguf", "m.gguf"), "--to", "llama-cpp", words="two of its files are called m.gguf")
        self.pull(self.named("m.gguf", "M.gguf"), "--to", "llama-cpp")
        self.assertEqual(len(self.files()), 2)
        self.assertEqual(len({path.lower() for path in self.files()}), 2)

    def test_one_layer_twice(self):
        data = gguf("twice", 700)
        source = self.lie(site.Artifact("evil/twice", "latest", site.EMPTY, [
            ("application/vnd.acme.file", data, {site.TITLE: name}) for name in ("a.gguf", "a.gguf", "b.gguf")]))
        self.pull(source, "--to", "llama-cpp")
        self.arrived(LLAMA + "/twice", {"a.gguf": data, "b.gguf": data})

    def test_a_file_that_is_a_folder_too(self):
        self.refused(self.named("a.gguf", "a.gguf/b.gguf"), "--to", "llama-cpp", words="a.gguf")

    def test_sizes_that_lie(self):
        artifact = site.modelpack("evil/size", "latest", {"m.gguf": gguf("size", 5000)})
        for size in (4999, 5001):
            artifact.document["layers"][0]["size"] = size
            self.refused(self.lie(artifact), "--to", "llama-cpp", words="m.gguf")
        for size in (-1, 0, 1 << 50, "5000", 5000.5):
            artifact.document["layers"][0]["size"] = size
            self.refused(self.lie(artifact), "--to", "llama-cpp", words="no valid size")
        twice = site.modelpack("evil/twice", "latest", {"m.gguf": gguf("size", 5000), "n.gguf": gguf("size", 5000)})
        twice.document["layers"][1]["size"] = 4000
        self.refused(self.lie(twice), "--to", "llama-cpp", words="two sizes")

    def test_wrong_bytes(self):
        artifact = site.modelpack("evil/bytes", "latest", {"m.gguf": gguf("right", 5000)})
        source = self.lie(artifact)
        self.liar.blobs[site.digest(gguf("right", 5000))] = gguf("wrong", 5000)
        self.refused(source, "--to", "llama-cpp", words="sha256")
        self.liar.manifests[artifact.digest] = artifact.manifest + b"\n"
        self.refused(source + "@" + artifact.digest, "--to", "llama-cpp", words="the registry serves")

    def test_digests_that_are_none(self):
        artifact = site.modelpack("evil/digest", "latest", {"m.gguf": gguf("digest", 500)})
        for digest in ("sha256:../../../../etc/passwd", "sha512:" + "0" * 128, "", None, "sha256:" + "A" * 64):
            artifact.document["layers"][0]["digest"] = digest
            self.refused(self.lie(artifact), "--to", "llama-cpp", words="digest that is none")

    def test_manifests_that_are_none(self):
        artifact = site.modelpack("evil/form", "latest", {"m.gguf": gguf("form", 500)})
        for changes, words in (({"schemaVersion": 1}, "schema version"), ({"schemaVersion": 2, "layers": []}, "no layers"),
                               ({"layers": {}}, "no layers"), ({"layers": [17]}, "digest"), ({"manifests": []}, "index without manifests")):
            self.refused(self.lie(artifact, **changes), "--to", "llama-cpp", words=words)
        for body in (b"", b"[]", b"{", b"<html>", b"[" * 100000):
            self.liar.manifests["latest"] = body
            self.assertNotEqual(self.machine.run("pull", "-y", f"oci:localhost:{self.liar.port}/evil/form", "--to", "llama-cpp").returncode, 0)

    def test_an_index_in_an_index(self):
        model = site.modelpack("evil/deep", "m", {"m.gguf": gguf("deep", 500)})
        inner = site.Index("evil/deep", "inner", [(model, {})])
        outer = site.Index("evil/deep", "latest", [(inner, {})])
        self.liar.serve(model, inner, outer)
        self.refused(f"oci:localhost:{self.liar.port}/evil/deep", "--to", "llama-cpp", words="an index in an index")

    def test_many_layers(self):
        """ten thousand layers are planned as they are"""
        artifact = site.Artifact("evil/many", "latest", site.EMPTY, [
            ("application/vnd.acme.file", b"%d" % n, {site.TITLE: f"part/{n}.json"}) for n in range(10000)])
        source = self.lie(artifact)
        start = time.monotonic()
        result = self.machine.run("plan", source, "--to", "llama-cpp")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertLess(time.monotonic() - start, 20)
        self.assertLess(len(self.liar.asked), 5)


class Offline(OciCase):
    def test_what_is_locked_is_planned(self):
        artifact = self.push(site.modelpack("acme/offline", "v1", {"m.gguf": gguf("offline", 5000)}))
        self.machine.manifest([{"id": "offline", "files": [{"from": [self.source(artifact)], "to": [{"store": "llama-cpp"}]}]}])
        self.assertEqual(self.machine.run("lock").returncode, 0)
        result = self.machine.run("plan", "--offline", "offline")
        self.assertEqual(result.returncode, 0, result.err)

    def test_repair(self):
        data = gguf("repair", 50000)
        artifact = self.push(site.modelpack("acme/repair", "v1", {"a.gguf": data, "b.json": b"{}"}))
        self.pull(self.source(artifact), "--to", "llama-cpp")
        path = self.machine.store("repair-v1", "a.gguf")
        with open(path, "r+b") as out:
            out.seek(30000)
            out.write(b"damage")
        self.assertNotEqual(self.machine.run("verify").returncode, 0)
        result = self.machine.run("verify", "--repair", "-y")
        self.assertEqual(result.returncode, 0, result.err + result.out)
        self.arrived(LLAMA + "/repair-v1", {"a.gguf": data, "b.json": b"{}"})


if __name__ == "__main__":
    unittest.main()
