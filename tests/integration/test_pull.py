"""`pull` and what follows it, over the stand-ins: every source, every store, again, and what is told."""
import io
import json
import os
import tarfile
import time
import unittest
import zipfile

from harness import Case, gguf, safetensors, sha256, TOKENS


def tarball(files, top="node-1.0"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def content_of(path):
    with open(path, "rb") as file:
        return file.read()


class PullTest(Case):
    def test_every_source_lands_in_its_store(self):
        m, hub = self.machine, self.hub
        weights, shard = gguf("hf", 300_000), [gguf(f"shard{i}", 50_000) for i in range(3)]
        hub.hf("org/model-GGUF", {"model-Q4_K_M.gguf": weights, "README.md": b"# hi\n"})
        hub.hf("org/split-GGUF", {f"big-{i + 1:05d}-of-00003.gguf": shard[i] for i in range(3)})
        picture = safetensors("sd", 200_000)
        hub.civitai(128713, 4384, "dreamshaper_8.safetensors", picture)
        manifest = hub.ollama("library/tiny", [("model", gguf("ollama", 120_000)), ("template", b"{{ .Prompt }}"),
                                               ("license", b"MIT")], tag="1b")
        node = tarball({"__init__.py": b"NODES = {}\n", "lib/x.py": b"pass\n"})
        hub.url("/node.tar.gz", node)
        m.manifest([
            {"id": "hf-one", "files": [{"from": ["hf:org/model-GGUF/model-Q4_K_M.gguf"],
                                        "to": [{"store": "llama-cpp", "name": "model-q4.gguf"}]}]},
            {"id": "hf-split", "files": [{"from": ["hf:org/split-GGUF/big-00001-of-00003.gguf"],
                                          "to": [{"store": "llama-cpp", "name": "big"}]}]},
            {"id": "picture", "kind": "checkpoint", "use_cases": [], "tags": ["ImageGeneration"],
             "files": [{"from": ["civitai:128713"], "to": [{"store": "a1111", "folder": "checkpoints"},
                                                           {"store": "comfyui", "folder": "checkpoints"}]}]},
            {"id": "tiny", "files": [{"from": ["ollama:tiny:1b"]}]},
            {"id": "node", "kind": "custom-node", "use_cases": [],
             "files": [{"from": [hub.service.url + "/node.tar.gz"], "insecure_http": True, "sha256": sha256(node),
                        "extract": {"strip": 1}, "to": [{"store": "comfyui", "folder": "custom_nodes", "name": "node"}]}]},
        ])
        result = self.pull("--json")
        self.assertTrue(json.loads(result.out)["ok"])
        disk = m.snapshot()
        models = "server/ai/llama-cpp/models/"
        self.assertEqual(disk[models + "model-q4.gguf"], sha256(weights))
        for i in range(3):
            self.assertEqual(disk[f"{models}big/big-{i + 1:05d}-of-00003.gguf"], sha256(shard[i]))
        a1111 = "stable-diffusion-webui/models/Stable-diffusion/dreamshaper_8.safetensors"
        comfy = "ComfyUI/models/checkpoints/dreamshaper_8.safetensors"
        self.assertEqual(disk[a1111], sha256(picture))
        self.assertEqual(disk[comfy], sha256(picture))
        self.assertEqual(len(hub.asked("/storage/128713", "cdn")), 1, "one download for two stores")
        self.assertEqual(disk[".ollama/models/manifests/registry.ollama.ai/library/tiny/1b"], sha256(manifest))
        for layer in [json.loads(manifest)["config"]] + json.loads(manifest)["layers"]:
            blob = layer["digest"].replace(":", "-")
            self.assertEqual("sha256-" + disk[f".ollama/models/blobs/{blob}"], blob)
        self.assertIn("ComfyUI/custom_nodes/node/lib/x.py", disk)
        self.check_registry()
        verify = m.run("verify", "--json")
        self.assertEqual(verify.returncode, 0, verify.err)
        self.assertTrue(json.loads(verify.out)["ok"])

    def test_long_names_stay_two_and_keep_their_endings(self):
        m, hub = self.machine, self.hub
        stem = "e" * 200
        files = {f"{stem}-{i}{'x' * size}.gguf": gguf(f"{i}/{size}", 3_000) for i in "ab" for size in (10, 47, 48)}
        hub.hf("org/long", files)
        m.manifest([{"id": f"long-{n}", "files": [{"from": [f"hf:org/long/{name}"], "to": [{"store": "llama-cpp"}]}]}
                    for n, name in enumerate(files)])
        self.pull()
        names = [n for n in os.listdir(m.store()) if n.endswith(".gguf")]
        self.assertEqual({content_of(m.store(n)) for n in names}, set(files.values()))
        kept = [n for n in files if len(n) <= 255]
        self.assertGreaterEqual(len(kept), 4)
        self.assertLessEqual(set(kept), set(names))
        verify = m.run("verify")
        self.assertEqual(verify.returncode, 0, verify.err)
        m.run("rm", "-y", *(f"long-{n}" for n in range(len(files))))
        self.assertEqual([n for n in os.listdir(m.store()) if n.endswith(".gguf")], [])

    def test_pulling_again_touches_no_network(self):
        hub = self.hub
        hub.hf("org/model-GGUF", {"a.gguf": gguf("a", 50_000)})
        hub.ollama("library/tiny", [("model", gguf("o", 50_000))])
        hub.url("/plain.gguf", gguf("p", 5_000))
        self.machine.manifest([
            {"id": "one", "files": [{"from": ["hf:org/model-GGUF/a.gguf"], "to": [{"store": "llama-cpp"}]}]},
            {"id": "tiny", "files": [{"from": ["ollama:tiny"]}]},
            {"id": "plain", "files": [{"from": [hub.service.url + "/plain.gguf"], "insecure_http": True,
                                       "to": [{"store": "llama-cpp"}]}]},
        ])
        self.pull()
        before, listed = self.machine.snapshot(), self.machine.registry()
        hub.forget()
        self.pull()
        self.assertEqual(hub.asked(), [])
        self.assertEqual(self.machine.snapshot(), before)
        self.assertEqual(self.machine.registry(), listed)
        self.pull("--locked", "--offline")

    def test_dry_run_writes_nothing(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 10_000))])
        for command in (["pull", "--dry-run"], ["plan"], ["plan", "--json"]):
            result = m.run(*command)
            self.assertEqual(result.returncode, 0, result.err)
            self.assertIn("a", result.out)
            self.assertEqual(os.listdir(m.root), [])
        self.assertEqual(m.run("plan", "--exit-code").returncode, 3)

    def test_a_source_spelled_out_needs_no_manifest(self):
        hub = self.hub
        data = gguf("x", 10_000)
        url = hub.url("/x.gguf", data)
        hub.ollama("library/tiny", [("model", gguf("o", 5_000))], tag="3b")
        hub.hf("Org/Repo", {"sub/file.gguf": data})
        self.pull("ollama:tiny:3b")
        self.pull("hf:Org/Repo/sub/file.gguf@main")
        self.pull(f"{url}#sha256={sha256(data)}")
        self.pull(f"{hub.url('/y.gguf', data)}#sha256={'0' * 64}", code=10)
        self.check_registry()
        disk = self.machine.snapshot()
        self.assertEqual(disk["server/ai/llama-cpp/models/file.gguf"], sha256(data))
        self.assertEqual(disk["server/ai/llama-cpp/models/x.gguf"], sha256(data))
        self.assertNotIn("server/ai/llama-cpp/models/y.gguf", disk)

    def test_an_alternate_serves_when_the_first_place_cannot(self):
        m, hub = self.machine, self.hub
        data = gguf("alt", 40_000)
        bad, good = hub.url("/bad.gguf", gguf("other", 40_000)), hub.url("/good.gguf", data)
        m.manifest([{"id": "alt", "files": [{"from": [hub.service.url + "/none.gguf", bad, good], "insecure_http": True,
                                             "sha256": sha256(data), "size": len(data),
                                             "to": [{"store": "llama-cpp", "name": "alt.gguf"}]}]}])
        result = self.pull()
        self.assertIn("/good.gguf", result.out + result.err, "the summary names who served it")
        self.assertEqual(m.snapshot()["server/ai/llama-cpp/models/alt.gguf"], sha256(data))
        self.check_registry()

    def test_what_verify_found_damaged_is_not_believed_by_its_mtime(self):
        m, data = self.machine, gguf("rotten", 50_000)
        m.manifest([m.simple("rotten.gguf", data)])
        self.pull()
        path = m.store("rotten.gguf")
        status = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(30_000)
            file.write(b"\0!")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual(m.run("verify").returncode, 4)
        self.pull()
        self.assertEqual(m.snapshot()["server/ai/llama-cpp/models/rotten.gguf"], sha256(data))
        self.assertEqual(m.run("verify").returncode, 0)

    def mirrored(self, data):
        """A model that two hosts serve: the service's and the CDN's, which answer alike."""
        url = self.hub.url("/files/big.gguf", data)
        self.hub.blobs["cdn"]["/files/big.gguf"] = data
        self.machine.manifest([{"id": "big", "files": [{
            "from": [url, url.replace(self.hub.service.url, self.hub.cdn.url)], "insecure_http": True,
            "sha256": sha256(data), "size": len(data), "to": [{"store": "llama-cpp", "name": "big.gguf"}]}]}])

    def test_two_places_of_one_digest_serve_it_together(self):
        data = gguf("mirrored", 24 << 20)
        self.mirrored(data)
        self.hub.rate = 20_000_000
        self.pull()
        sent = {}
        # a server counts what it sent when it is through with a request, which may be after the last byte came
        for _ in range(100):
            sent = {name: sum(r["sent"] for r in self.hub.asked("/files/big.gguf", name)) for name in ("service", "cdn")}
            if sum(sent.values()) >= len(data):
                break
            time.sleep(0.05)
        self.assertGreater(min(sent.values()), 1 << 20, sent)
        # What was on its way when a range's second half went to another connection is all that comes twice.
        self.assertLess(sum(sent.values()), len(data) + (2 << 20))
        self.assertEqual(self.machine.snapshot()["server/ai/llama-cpp/models/big.gguf"], sha256(data))

    def test_a_place_that_fails_in_the_middle_is_left_for_the_other(self):
        data = gguf("half-mirrored", 24 << 20)
        self.mirrored(data)
        self.hub.rate = 20_000_000
        puller = self.machine.start("pull", "-y")
        while not sum(r["sent"] for r in self.hub.asked("/files/big.gguf", "service")) > 0:
            time.sleep(0.02)
        self.hub.service.gone = True
        out, err = puller.communicate(timeout=60)
        self.assertEqual(puller.returncode, 0, err)
        self.assertIn("retry", err)
        served = sum(r["sent"] for r in self.hub.asked("/files/big.gguf", "cdn"))
        self.assertGreater(served, len(data) // 4, "the other place went on")
        self.assertEqual(self.machine.snapshot()["server/ai/llama-cpp/models/big.gguf"], sha256(data))
        self.check_registry()

    def test_a_variant_is_taken_only_when_chosen(self):
        m, hub = self.machine, self.hub
        small = gguf("small", 9_000)
        model = m.simple("first.gguf", gguf("first", 10_000))
        model["variants"] = [{"name": "small", "quantization": "Q2_K",
                              "files": [{"from": [hub.url("/small.gguf", small)], "insecure_http": True,
                                         "sha256": sha256(small), "to": [{"store": "llama-cpp"}]}]}]
        m.manifest([model])
        hub.fault("/files/first.gguf", "status", None, status=404)
        result = self.pull(code=5)
        self.assertIn("--variant small", result.err, "the variant is offered")
        self.assertFalse(hub.asked("/small.gguf"))
        self.pull("--variant", "small")
        self.assertEqual(m.registry()["models"][0]["quantization"], "Q2_K")

    def test_one_failure_does_not_stop_the_others(self):
        m, hub = self.machine, self.hub
        m.manifest([m.simple("gone.gguf", gguf("g", 1_000)), m.simple("fine.gguf", gguf("f", 1_000))])
        hub.fault("/files/gone.gguf", "status", None, status=404)
        result = self.pull("--json", code=5)
        answer = json.loads(result.out)
        self.assertFalse(answer["ok"])
        self.assertEqual([e["code"] for e in answer["errors"]], ["not_found"])
        self.assertEqual([x["id"] for x in m.registry()["models"]], ["fine"])

    def test_first_use_is_told_and_pinned(self):
        m, hub = self.machine, self.hub
        data = gguf("tofu", 20_000)
        m.manifest([m.simple("tofu.gguf", data, pinned=False)])
        result = self.pull()
        self.assertIn("first use", (result.out + result.err).lower())
        with open(m.store("ncmodel.lock")) as file:
            self.assertIn(sha256(data), file.read())
        hub.blobs["service"]["/files/tofu.gguf"] = gguf("changed", 20_000)
        os.unlink(m.store("tofu.gguf"))
        self.pull(code=10)
        self.assertNotIn("server/ai/llama-cpp/models/tofu.gguf", m.snapshot())
        self.pull("--update")
        self.assertEqual(m.snapshot()["server/ai/llama-cpp/models/tofu.gguf"], sha256(gguf("changed", 20_000)))

    def test_locked_takes_only_what_is_pinned(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 1_000), pinned=False)])
        self.pull("--locked", code=11)
        self.assertFalse(os.path.exists(m.store("a.gguf")))
        self.pull()
        os.unlink(m.store("a.gguf"))
        self.pull("--locked")
        self.check_registry()

    def test_a_foreign_file_is_never_overwritten(self):
        m = self.machine
        os.makedirs(m.store())
        with open(m.store("a.gguf"), "w") as file:
            file.write("mine")
        m.manifest([m.simple("a.gguf", gguf("a", 1_000))])
        self.pull(code=11)
        with open(m.store("a.gguf")) as file:
            self.assertEqual(file.read(), "mine")
        self.assertFalse(self.hub.asked("/files/a.gguf"), "told before anything is fetched")
        self.pull("--force")
        self.assertEqual(m.snapshot()["server/ai/llama-cpp/models/a.gguf"], sha256(gguf("a", 1_000)))

    def test_a_right_file_that_is_there_is_taken_over(self):
        m = self.machine
        data = gguf("a", 5_000)
        os.makedirs(m.store())
        with open(m.store("a.gguf"), "wb") as file:
            file.write(data)
        m.manifest([m.simple("a.gguf", data)])
        self.pull()
        self.assertFalse(self.hub.asked("/files/a.gguf"))
        self.check_registry()

    def test_the_same_bytes_of_another_model_are_linked(self):
        m = self.machine
        data = gguf("same", 60_000)
        m.manifest([m.simple("a.gguf", data)])
        self.pull()
        self.hub.forget()
        m.manifest([m.simple("a.gguf", data), m.simple("b.gguf", data)])
        self.pull()
        self.assertFalse([r for r in self.hub.asked() if r["path"].startswith("/files/")])
        self.check_registry()
        self.assertEqual(len(m.registry()["models"]), 2)

    def test_damage_is_found_and_pulled_again(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 50_000)), m.simple("b.gguf", gguf("b", 50_000))])
        self.pull()
        with open(m.store("a.gguf"), "r+b") as file:
            file.seek(40_000)
            file.write(b"\xff")
        os.unlink(m.store("b.gguf"))
        result = m.run("verify", "--json")
        self.assertEqual(result.returncode, 4, result.err)
        text = m.run("verify").out
        self.assertIn("DAMAGED", text)
        self.assertIn("MISSING", text)
        self.pull()
        self.assertEqual(m.run("verify").returncode, 0)
        self.check_registry()

    def test_archives_with_tricks_are_refused_whole(self):
        m = self.machine
        for name, member in (("up.zip", "../evil.txt"), ("abs.zip", "/evil.txt"), ("dev.zip", "a/CON")):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr("top/good.txt", "good")
                archive.writestr(member, "evil")
            m.manifest([m.simple(name, out.getvalue(), extract={"strip": 0},
                                 to=[{"store": "comfyui", "folder": "custom_nodes", "name": "node"}])])
            self.pull(code=11)
            self.assertEqual(m.snapshot(), {})

    def serve_nameless(self, data, told=None):
        """An address that names no file; the answer may."""
        headers = {"Content-Type": "application/octet-stream"}
        if told:
            headers["Content-Disposition"] = f'attachment; filename="{told}"'
        self.hub.routes["service"]["/"] = lambda _: (200, data, headers)
        return {"from": [self.hub.service.url + "/?id=1"], "insecure_http": True}

    def test_a_name_that_the_answer_tells_is_that_of_every_place(self):
        m = self.machine
        spec = self.serve_nameless(safetensors("told", 30_000), "told.safetensors")
        m.manifest([{"id": "one", "files": [{**spec, "to": [
            {"store": "a1111", "folder": "loras", "name": "kept.safetensors"}, {"store": "a1111", "folder": "loras"}]}]},
            {"id": "two", "files": [{**spec, "to": [{"store": "comfyui", "folder": "loras"}]}]}])
        for _ in range(2):
            self.pull()
            files = [path for path in m.snapshot() if "/Lora/" in path or "/loras/" in path]
            self.assertEqual(sorted(map(os.path.basename, files)),
                             ["kept.safetensors", "told.safetensors", "told.safetensors"], files)
        self.check_registry()

    def test_what_nobody_names_keeps_its_name_and_its_pin(self):
        m, data = self.machine, safetensors("nameless", 30_000)
        spec = self.serve_nameless(data)
        m.manifest([{"id": "one", "files": [{**spec, "to": [{"store": "a1111", "folder": "loras"}]}]}])
        for _ in range(2):
            self.pull()
            files = [path for path in m.snapshot() if "/Lora/" in path]
            self.assertEqual(len(files), 1, files)
        os.unlink(os.path.join(m.root, files[0]))
        self.serve_nameless(safetensors("other", 30_000))
        self.pull(code=10)
        self.assertEqual([path for path in m.snapshot() if "/Lora/" in path], [])

    def test_one_url_has_one_size(self):
        m, data = self.machine, gguf("sized", 30_000)
        first = m.simple("first.gguf", data, pinned=False, size=len(data))
        other = m.simple("other.gguf", b"", pinned=False, size=len(data) + 1)
        other["files"][0]["from"] = first["files"][0]["from"]
        m.manifest([first, other])
        result = self.pull(code=10)
        self.assertIn("other: ", result.err)
        self.assertEqual([model["id"] for model in m.registry()["models"]], ["first"])

    def test_a_registered_link_that_leads_elsewhere_now_is_not_in_place(self):
        m, data = self.machine, gguf("linked", 30_000)
        models, disk = os.path.join(m.root, "server/ai/llama-cpp/models"), os.path.join(m.home, "disk")
        for folder in (models, disk):
            os.makedirs(folder)
        for name, content in (("a.gguf", data), ("b.gguf", gguf("other", 30_000))):
            with open(os.path.join(disk, name), "wb") as file:
                file.write(content)
        link = os.path.join(models, "a.gguf")
        os.symlink(os.path.join(disk, "a.gguf"), link)
        m.manifest([m.simple("a.gguf", data)])
        self.assertEqual(m.run("adopt").returncode, 0)
        self.pull()
        os.unlink(link)
        os.symlink(os.path.join(disk, "b.gguf"), link)
        result = self.pull(code=11)
        self.assertIn("a symbolic link of a is in the way", result.err)
        self.assertEqual(os.readlink(link), os.path.join(disk, "b.gguf"))

    def test_pickles_need_a_pin_or_a_word(self):
        m = self.machine
        data = b"PK\3\4" + b"x" * 1000
        m.manifest([m.simple("a.ckpt", data, pinned=False)])
        result = self.pull(code=11)
        self.assertIn("pickle", result.err)
        m.manifest([m.simple("a.ckpt", data)])
        self.pull()
        self.hub.hf("org/legacy", {"c.bin": data})
        published = [{"id": "c", "files": [{"from": ["hf:org/legacy/c.bin"], "to": [{"store": "llama-cpp"}]}]}]
        m.manifest(published)
        self.pull(code=11)
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("archive/data.pkl", data)
        m.manifest([m.simple("b.pt", whole.getvalue(), pinned=False)])
        self.pull("--allow-pickle")

    def test_a_file_that_is_not_what_its_name_says_is_refused(self):
        m = self.machine
        data = b"\x80\x04pickle" + b"x" * 1000
        m.manifest([m.simple("a.safetensors", data, pinned=False)])
        self.pull(code=11)
        self.assertEqual(m.snapshot(), {})
        # a digest that matches beats every other sign
        m.manifest([m.simple("a.safetensors", data)])
        self.pull()

    def test_tokens_go_to_their_service_alone(self):
        m, hub = self.machine, self.hub
        hub.hf("org/gated", {"g.gguf": gguf("gated", 30_000)}, gated=True, token=TOKENS["HF_TOKEN"])
        hub.civitai(7, 70, "c.safetensors", safetensors("c", 20_000), token=TOKENS["CIVITAI_TOKEN"])
        m.manifest([
            {"id": "gated", "gated": True, "files": [{"from": ["hf:org/gated/g.gguf"], "to": [{"store": "llama-cpp"}]}]},
            {"id": "civ", "kind": "checkpoint", "files": [
                {"from": ["civitai:7"], "to": [{"store": "a1111", "folder": "checkpoints"}]}]},
        ])
        result = self.pull(code=6)
        self.assertIn("HF_TOKEN", result.err)
        self.assertIn("CIVITAI_TOKEN", result.err)
        hub.forget()
        result = self.pull("-vv", env=TOKENS)
        sent = [r for r in hub.asked(server="service") if "authorization" in r["headers"]]
        self.assertTrue(sent, "the service did get the token")
        for request in hub.asked(server="cdn"):
            self.assertNotIn("authorization", request["headers"])
        everything = [result.out, result.err]
        for folder, _, files in os.walk(m.home):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    everything.append(file.read().decode("latin-1"))
        for request in hub.asked():
            everything.append(request["target"])
        for secret in [*TOKENS.values()]:
            self.assertFalse([t for t in everything if secret in t])
        self.assertFalse([t for t in everything[:-len(hub.asked())] if "secret-signature" in t])


if __name__ == "__main__":
    unittest.main()
