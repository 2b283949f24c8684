"""push oci:…, against the real docker-registry and against a stand-in that breaks off, refuses and forgets."""
import base64
import json
import os
import re
import signal
import threading
import time
import unittest

import oras_peer
import push_case
from harness import gguf, safetensors, sha256
from push_case import LLAMA, PASSWORD, USER, PushCase

import make_models
import oci_site as site
import registry_site
from listener import Handler, Listener

servers = None


def setUpModule():
    global servers
    servers = push_case.start("open", "clear", "token")


FILES = {"model.gguf": gguf("push", 300000), "config.json": b'{"a":1}', "sub/README.md": b"# read\n", "LICENSE": b"MIT\n"}


class Push(PushCase):
    def test_there_and_back_into_any_store(self):
        model = self.installed(FILES)
        told = self.push(self.place(), model)["data"]
        self.assertEqual({file["path"]: file["sha256"] for file in told["files"]},
                         {path: site.digest(data) for path, data in FILES.items()})
        manifest = self.manifest(self.place())
        self.assertEqual(manifest["artifactType"], "application/vnd.cncf.model.manifest.v1+json")
        self.assertEqual({layer["annotations"][site.PATH]: re.search(r"model[.](.*)[.]v1", layer["mediaType"])[1] for layer in manifest["layers"]},
                         {"model.gguf": "weight", "config.json": "weight.config", "sub/README.md": "doc", "LICENSE": "doc", "ncmodel.lock": "lock"})
        for store, folder in (("llama-cpp", LLAMA), ("lmstudio", ".lmstudio/models"), ("comfyui/checkpoints", "ComfyUI/models/checkpoints")):
            with self.subTest(store):
                self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
                self.pull(self.place(), "--to", store)
                found = self.files()
                self.assertTrue(all(path.startswith(folder) for path in found), found)
                self.assertEqual(sorted(found.values()), sorted(sha256(data) for data in FILES.values()))
                self.check_registry()

    def test_again_is_nothing_and_the_same_bytes(self):
        model = self.installed(FILES)
        first = self.push(self.place(), model)["data"]
        self.assertGreater(first["sent"] + sum(file["state"] == "mounted" for file in first["files"]), 0)
        again = self.push(self.place(), model)["data"]
        self.assertEqual((again["unchanged"], again["sent"], again["digest"]), (True, 0, first["digest"]))
        other = self.push(self.place(tag="v2"), model)["data"]
        self.assertEqual((other["digest"], {file["state"] for file in other["files"]}), (first["digest"], {"there"}))

    def test_what_came_from_the_same_registry_is_mounted(self):
        model = self.installed(FILES)
        told = self.push(self.place(), model)["data"]
        self.assertEqual({file["state"] for file in told["files"]}, {"mounted"})
        self.assertEqual(told["sent"], 0)

    def lock_of(self, place):
        layer = next(layer for layer in self.manifest(place)["layers"] if layer["mediaType"].startswith("application/vnd.ncmodel.lock."))
        return self.blob(place, layer["digest"])

    def test_the_lock_goes_along(self):
        """what is pinned of what is pushed, and nothing of what is not; by it the sources are pulled as they were"""
        model = self.installed(FILES)
        source = self.machine.registry()["models"][0]["source"]
        self.installed({"other.gguf": gguf("other", 9000)}, name=f"origin/other{self.count}")
        told = self.push(self.place(), model)["data"]
        lock = json.loads(self.lock_of(self.place()))
        self.assertEqual(told["pins"], 1)
        self.assertEqual([entry["pinned"] for entry in lock["entries"].values()], [source])
        self.assertEqual({file["sha256"] for entry in lock["entries"].values() for file in entry["files"]}, {sha256(data) for data in FILES.values()})
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.write(os.path.join(self.machine.home, "given.lock"), self.lock_of(self.place()))
        self.pull("--lock", os.path.join(self.machine.home, "given.lock"), "--locked", next(iter(lock["entries"])), "--to", "llama-cpp")
        self.assertEqual(sorted(self.files().values()), sorted(sha256(data) for data in FILES.values()))

    def test_the_lock_is_the_same_whenever_it_was_written(self):
        model = self.installed(FILES)
        first = self.push(self.place(), model)["data"]
        path = self.machine.store("ncmodel.lock")
        document = json.loads(self.read(path))
        for entry in document["entries"].values():
            entry["resolved_at"] = "2031-02-03T04:05:06Z"
        self.write(path, json.dumps(document).encode())
        self.assertTrue(self.push(self.place(), model)["data"]["unchanged"])
        self.assertEqual(self.push(self.place(tag="v2"), model)["data"]["digest"], first["digest"])

    def test_a_lock_does_not_lead_to_itself(self):
        """what was pulled from there and is pushed there again has no pins of another place"""
        model = self.installed(FILES)
        self.push(self.place(), model)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.pull(self.place(), "--to", "llama-cpp")
        self.assertEqual(self.push("-n", self.place(tag="v2"), self.machine.registry()["models"][0]["id"])["data"]["pins"], 0)

    def test_without_pins_no_lock(self):
        model = self.installed(FILES)
        os.remove(self.machine.store("ncmodel.lock"))
        self.assertEqual(self.push(self.place(), model)["data"]["pins"], 0)
        self.assertEqual(len(self.manifest(self.place())["layers"]), len(FILES))

    def test_a_lock_that_cannot_be_read(self):
        model = self.installed(FILES)
        self.write(self.machine.store("ncmodel.lock"), b"{")
        self.push(self.place(), model, code=2)
        self.assertIsNone(self.manifest(self.place()))

    def test_more_files_than_a_manifest_has_room_for(self):
        """told before anything is sent"""
        model = self.installed({"m.gguf": gguf("many", 9000)})
        path = self.machine.store("models.json")
        document = json.loads(self.read(path))
        [file] = document["models"][0]["files"]
        document["models"][0]["files"] = [{**file, "path": file["path"].replace("m.gguf", f"{i}.gguf")} for i in range(13000)]
        self.write(path, json.dumps(document).encode())
        for arguments in ([], ["--tar"], ["-n"]):
            errors = self.push(*arguments, self.place(), model, code=11)["errors"]
            self.assertRegex(errors[0]["message"], r"13000 files make a manifest of [0-9.]+ MB, and registries take 4[.]19 MB")
        status, _, _ = registry_site._ask(servers.ports["open"], "HEAD", f"/v2/pushed/p{self.count}/blobs/{site.digest(gguf('many', 9000))}")
        self.assertEqual(status, 404)

    def test_dry_run_sends_nothing(self):
        model = self.installed(FILES)
        told = self.push("-n", self.place(), model)["data"]
        self.assertEqual({file["state"] for file in told["files"]}, {"to-send"})
        self.assertIsNone(self.manifest(self.place()))

    def test_a_tag_that_names_something_else_stays(self):
        model = self.installed(FILES)
        artifact = site.image(f"pushed/p{self.count}", "v1")
        site.push(servers.ports["open"], artifact)
        self.assertIn("would", self.machine.run("push", "-n", self.place(), model).out)
        errors = self.push(self.place(), model, code=11)["errors"]
        self.assertIn("a container image", errors[0]["message"])
        self.assertIn(artifact.digest[:19], errors[0]["message"])
        self.assertEqual(self.manifest(self.place()), artifact.document)
        told = self.push("--force", self.place(), model)["data"]
        self.assertEqual((told["replaces"], told["replaced"]), (True, artifact.digest))
        self.assertEqual(len(self.manifest(self.place())["layers"]), len(FILES) + 1)
        other = self.installed({"other.gguf": gguf("other", 9000)}, name=f"origin/other{self.count}")
        self.assertIn(f"a model of {len(FILES)} files", self.push(self.place(), other, code=11)["errors"][0]["message"])

    def test_what_is_not_what_models_json_says_is_never_pushed(self):
        data = {"model.gguf": gguf("damage", 3 << 20)}
        model = self.machine_of_its_own(data)
        path = os.path.join(self.machine.root, next(iter(self.files())))
        with open(path, "r+b") as file:
            file.seek(-5, 2)
            file.write(b"#")
        for piece in ("100MiB", "1MiB"):
            result = self.push("--piece", piece, self.place(), model, code=4)
            self.assertIn("is not what models.json says", result["errors"][0]["message"])
            self.assertIn(f"ncmodel verify --repair {model}", result["errors"][0]["hint"])
        self.assertIsNone(self.manifest(self.place()))
        for content in (self.read(path), data["model.gguf"]):
            status, _, _ = registry_site._ask(servers.ports["open"], "HEAD", f"/v2/pushed/p{self.count}/blobs/{site.digest(content)}")
            self.assertEqual(status, 404)
        self.assertEqual(self.machine.run("verify", "--repair", "-y", model).returncode, 0)
        self.push(self.place(), model)
        os.truncate(path, 10)
        self.push(self.place("b"), model, code=4)
        os.remove(path)
        self.push(self.place("b"), model, code=4)

    def test_an_entry_without_a_digest(self):
        """an older script wrote none: adopt does, and then it can be pushed"""
        model = self.installed({"m.gguf": gguf("older", 9000)})
        document = self.machine.registry()
        document["models"][0].pop("ncmodel", None)
        document["models"][0].pop("files", None)
        self.write(self.machine.store("models.json"), json.dumps(document).encode())
        model = self.machine.registry()["models"][0]["id"]
        self.assertIn("ncmodel adopt", self.push(self.place(), model, code=11)["errors"][0]["hint"])
        self.assertEqual(self.machine.run("adopt").returncode, 0)
        self.push(self.place(), model)

    def machine_of_its_own(self, files):
        """The origin is another registry, so nothing can be mounted."""
        name = f"liar/m{self.count}"
        liar = site.Liar()
        self.addCleanup(liar.close)
        liar.serve(site.modelpack(name, "v1", files))
        self.pull(f"oci:localhost:{liar.port}/{name}:v1", "--to", "llama-cpp")
        return self.machine.registry()["models"][-1]["id"]

    def test_pieces(self):
        files = {"model.gguf": gguf("pieces", (3 << 20) + 7), "small.json": b"{}"}
        model = self.machine_of_its_own(files)
        told = self.push("--piece", "1MiB", self.place(), model)["data"]
        self.assertEqual(told["sent"], told["size"])
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.pull(self.place(), "--to", "llama-cpp")
        self.assertEqual(sorted(self.files().values()), sorted(sha256(data) for data in files.values()))

    def test_many_files_some_of_them_alike(self):
        """several are on their way at once; one content is sent once"""
        files = {f"part-{i}.safetensors": safetensors(f"part {i % 9}", 70000) for i in range(12)}
        model = self.machine_of_its_own(files)
        told = self.push(self.place(), model)["data"]
        self.assertEqual(told["sent"], sum(len(data) for data in set(files.values())))
        self.assertEqual(sorted(file["state"] for file in told["files"]), ["sent"] * 9 + ["there"] * 3)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.pull(self.place(), "--to", "llama-cpp")
        self.assertEqual(sorted(self.files().values()), sorted(sha256(data) for data in files.values()))

    def test_several_models(self):
        one = self.installed({"a.gguf": gguf("one", 9000)}, name=f"origin/one{self.count}")
        self.installed({"a.gguf": gguf("two", 9000), "b.json": b"[]"}, name=f"origin/two{self.count}")
        ids = sorted(entry["id"] for entry in self.machine.registry()["models"])
        told = self.push(self.place(), "--all")["data"]
        self.assertEqual({file["path"].split("/")[0] for file in told["files"]}, {re.sub("[/:]", "-", model) for model in ids})
        self.assertEqual(len(told["files"]), 3)
        self.assertIn(one, ids)

    def test_what_cannot_be_meant(self):
        model = self.installed({"a.gguf": gguf("meant", 9000)})
        for arguments in (["hf:org/name", model], ["oci:localhost:1/x@sha256:" + "0" * 64, model], [self.place() + "//a.gguf", model],
                          [self.place()], [self.place(), "no-such-model"], []):
            with self.subTest(arguments):
                self.push(*arguments, code=2)

    def test_a_user_s_words(self):
        model = self.installed(FILES)
        result = self.machine.run("push", self.place(), model)
        self.assertEqual(result.returncode, 0, result.err)
        pinned = re.search(r"oci:localhost:\d+/pushed/p\d+:v1@sha256:[0-9a-f]{64}\n", result.out)[0]
        self.assertEqual(self.machine.run("push", "-q", self.place(), model).out, pinned)
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.pull(pinned.strip(), "--to", "llama-cpp")


class Ollama(PushCase):
    def test_its_blobs_by_what_they_are(self):
        """weights and texts under names that say so; its own manifest and configuration stay behind"""
        _, images = make_models.generate(servers._path(f"fixtures{self.count}"), 1, 1 << 16, False)
        image = images[2]
        registry_site.push(servers.ports["open"], image)
        self.pull(f"ollama:localhost:{servers.ports['open']}/{image.name}:{image.tag}")
        entry = self.machine.registry()["models"][0]
        told = self.push(self.place(), entry["id"])["data"]
        roles = {"sha256:" + file["sha256"]: file["role"] for file in entry["files"]}
        names = {file["path"]: roles[file["sha256"]] for file in told["files"]}
        self.assertNotIn("manifest", names.values())
        self.assertNotIn("config", names.values())
        weights = [path for path, role in names.items() if role == "model"]
        self.assertEqual([path.rsplit(".", 1)[1] for path in weights], ["gguf"])
        self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
        self.pull(self.place(), "--to", "llama-cpp")
        self.assertEqual(sorted(self.files().values()), sorted(sha256(image.blobs[file["sha256"]]) for file in told["files"]))


class Oras(PushCase):
    """The real oras reads what is pushed, and what it pushed is read."""

    def setUp(self):
        super().setUp()
        self.binary, why = oras_peer.prepare()
        if not self.binary:
            self.skipTest(why)

    def oras(self, *arguments, folder):
        os.makedirs(folder, exist_ok=True)
        return oras_peer.run(self.binary, folder, *arguments)

    def test_pull(self):
        told = self.push(self.place(), self.installed(FILES))["data"]
        folder = os.path.join(self.machine.home, "oras")
        self.oras("pull", self.place().removeprefix("oci:"), folder=folder)
        for path, data in FILES.items():
            self.assertEqual(self.read(os.path.join(folder, path)), data)
        self.assertIn(b'"entries"', self.read(os.path.join(folder, "ncmodel.lock")))
        self.assertIn(told["digest"], self.oras("resolve", self.place().removeprefix("oci:"), folder=folder))

    def test_push(self):
        folder = os.path.join(self.machine.home, "oras")
        for path, data in FILES.items():
            self.write(os.path.join(folder, path), data)
        self.oras("push", self.place().removeprefix("oci:"), *(f"{path}:application/octet-stream" for path in FILES), folder=folder)
        self.pull(self.place(), "--to", "llama-cpp")
        self.assertEqual(sorted(digest for path, digest in self.files().items() if path.startswith(LLAMA)), sorted(sha256(data) for data in FILES.values()))


class SignIn(PushCase):
    def sign_in(self, port, host="registry.localhost"):
        auths = {f"{host}:{port}": {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}
        self.write(os.path.join(self.machine.home, ".docker", "config.json"), json.dumps({"auths": auths}).encode())

    def test_token_that_may_write(self):
        model = self.installed(FILES)
        place = self.place(port=servers.ports["token"], host="registry.localhost")
        errors = self.push(place, model, code=6)["errors"]
        self.assertIn("docker login", errors[0]["hint"])
        self.sign_in(servers.ports["token"])
        told = self.push(place, model)["data"]
        self.assertEqual(told["sent"], told["size"])
        self.assertTrue(self.manifest(self.place()))

    def test_mounting_wants_a_token_for_both(self):
        self.sign_in(servers.ports["token"])
        artifact = site.modelpack(f"origin/t{self.count}", "v1", FILES)
        site.push(servers.ports["open"], artifact)
        self.pull(f"oci:registry.localhost:{servers.ports['token']}/{artifact.name}:v1", "--to", "llama-cpp")
        told = self.push(self.place(port=servers.ports["token"], host="registry.localhost"), self.machine.registry()["models"][0]["id"])["data"]
        self.assertEqual({file["state"] for file in told["files"]}, {"mounted"})

    def test_plain_http_only_where_it_is_allowed(self):
        model = self.installed(FILES)
        place = self.place(port=servers.ports["clear"], host="registry.localhost")
        self.sign_in(servers.ports["clear"])
        self.push(place, model, code=15)
        self.assertIsNone(self.manifest(self.place()))
        self.push("--insecure-registry", f"registry.localhost:{servers.ports['clear']}", place, model)
        self.assertTrue(self.manifest(self.place()))


class Breaking(Handler):
    """A registry with strict pieces, that a plan has break off; it keeps the bytes that came."""

    def fault(self):
        self.server.asked.append((self.command, self.path.split("?")[0]))
        return next((plan for plan in self.server.plans if plan["method"] == self.command and self.server.take(plan)), None)

    def where(self, upload):
        size = len(self.server.uploads[upload])
        return [("Location", f"{self.server.base}/up/{upload}?state={size}"), ("Range", f"0-{max(size - 1, 0)}")]

    def do_HEAD(self):
        digest = self.path.rsplit("/", 1)[1]
        self.reply(200 if digest in self.server.blobs else 404)

    def do_GET(self):
        self.fault()
        if self.path.startswith("/up/"):
            upload = self.path.split("?")[0][4:]
            return self.reply(204, headers=self.where(upload)) if upload in self.server.uploads else self.reply(404)
        if self.path.startswith("/token"):
            self.server.wishes.append(self.path)
            return self.reply(200, b'{"token":"t%d"}' % len(self.server.wishes), [("Content-Type", "application/json")])
        body = self.server.tags.get(self.path.rsplit("/", 1)[1])
        return self.reply(404) if body is None else self.reply(200, body, [("Content-Type", site.MANIFEST)])

    def do_POST(self):
        self.fault()
        upload = str(len(self.server.uploads))
        self.server.uploads[upload] = b""
        self.reply(202, headers=self.where(upload))

    def do_PATCH(self):
        plan, upload = self.fault(), self.path.split("?")[0][4:]
        first = int(self.headers["Content-Range"].split("-")[0])
        size = int(self.headers["Content-Length"])
        if plan and plan.get("hang"):
            self.server.hanging.wait(20)
            self.close_connection = True
            return self.connection.close()
        if plan and plan.get("refuses"):
            self.rfile.read(size)
            return self.reply(401, headers=[("WWW-Authenticate", f'Bearer realm="http://{self.headers["Host"]}/token",service="x"')])
        if plan and plan.get("forget"):
            del self.server.uploads[upload]
        if upload not in self.server.uploads:
            self.close_connection = True
            return self.reply(404)
        if first != len(self.server.uploads[upload]):
            self.close_connection = True
            return self.reply(416, headers=self.where(upload))
        if plan and "after" in plan:
            self.server.uploads[upload] += self.rfile.read(plan["after"])
            self.close_connection = True
            return self.connection.close()
        self.server.uploads[upload] += self.rfile.read(size)
        self.look_for_more()
        return self.reply(plan["status"]) if plan else self.reply(202, headers=self.where(upload))

    def look_for_more(self):
        """Nothing comes behind a body before it was answered."""
        self.connection.settimeout(0.05)
        try:
            self.server.more += len(self.rfile.peek(1))
        except TimeoutError:
            pass
        self.connection.settimeout(None)

    def do_PUT(self):
        plan, body = self.fault(), self.rfile.read(int(self.headers["Content-Length"]))
        if plan:
            return self.reply(plan["status"], plan.get("body", b""))
        if self.path.startswith("/up/"):
            upload, digest = self.path.split("?")[0][4:], re.search(r"digest=(sha256:[0-9a-f]+)", self.path)[1]
            data = self.server.uploads.pop(upload) + body
            self.server.uploads[upload] = b""
            if site.digest(data) != digest:
                return self.reply(400)
            self.server.blobs[digest] = data
            return self.reply(201)
        self.server.tags[self.path.rsplit("/", 1)[1]] = body
        return self.reply(201)

    def do_DELETE(self):
        self.fault()
        self.reply(204)


class Breaks(PushCase):
    def setUp(self):
        super().setUp()
        self.site = Listener(Breaking)
        self.addCleanup(self.site.close)
        self.site.uploads, self.site.blobs, self.site.tags, self.site.plans, self.site.wishes, self.site.base = {}, {}, {}, [], [], ""
        self.site.more = 0
        self.site.take, self.site.hanging = self.take, threading.Event()
        self.addCleanup(self.site.hanging.set)

    def take(self, plan):
        if plan.get("skip", 0) > 0:
            plan["skip"] -= 1
            return False
        plan["times"] = plan.get("times", 1) - 1
        return plan["times"] >= 0

    def pushed(self, *plans, code=0, piece="1MiB"):
        data = gguf("breaks", 5 << 20)
        model = self.installed({"m.gguf": data})
        self.site.plans = list(plans)
        told = self.push("--piece", piece, self.place(port=self.site.server_port), model, code=code)
        if code == 0:
            self.assertEqual(self.site.blobs[site.digest(data)], data)
            self.assertIn("v1", self.site.tags)
        else:
            self.assertEqual(self.site.tags, {})
        return told

    def requests(self, method):
        return sum(asked[0] == method for asked in self.site.asked)

    def begin(self, pieces, *arguments):
        """A push that has begun with so many pieces."""
        running = self.machine.start("push", "--piece", "1MiB", self.place(port=self.site.server_port), *arguments)
        for _ in range(400):
            if self.requests("PATCH") >= pieces:
                break
            time.sleep(0.05)
        return running

    def test_whole(self):
        self.pushed()
        self.assertEqual(self.requests("PATCH"), 5)

    def test_pieces_of_any_size(self):
        """each is as long as it says: no byte of the next one comes with it"""
        self.pushed(piece="999999")
        self.assertEqual((self.requests("PATCH"), self.site.more), (6, 0))

    def test_pieces_of_a_tar(self):
        """its head has a length of its own"""
        model = self.installed({"m.gguf": gguf("tarred", 5 << 20)})
        self.push("--tar", "--piece", "1MiB", self.place(port=self.site.server_port), model)
        self.assertEqual((self.requests("PATCH"), self.site.more), (6, 0))

    def test_cut_in_a_piece_goes_on_in_it(self):
        self.pushed({"method": "PATCH", "skip": 2, "after": 300000})
        self.assertEqual(self.requests("POST"), 3, "one for the file, one for the lock, one for the configuration")

    def test_cut_many_times_as_long_as_it_comes_further(self):
        self.pushed({"method": "PATCH", "after": 400000, "times": 8})

    def test_an_upload_that_is_forgotten_starts_again(self):
        self.pushed({"method": "PATCH", "skip": 3, "forget": True})
        self.assertEqual(self.requests("POST"), 4)

    def test_addresses_as_registries_behind_a_proxy_tell_them(self):
        """without the port, or with another scheme: it is the same registry"""
        self.site.base = "https://localhost"
        self.pushed()

    def test_addresses_elsewhere_are_not_sent_to_in_clear(self):
        self.site.base = "http://registry.invalid"
        self.assertIn("plain http", self.pushed(code=11)["errors"][0]["message"])

    def test_one_that_fails_ends_the_others(self):
        files = {f"part-{i}.safetensors": safetensors(f"part {i}", 3 << 20) for i in range(6)}
        model = self.installed(files)
        with open(os.path.join(self.machine.root, sorted(self.files())[2]), "r+b") as file:
            file.seek(-1, 2)
            file.write(b"#")
        told = self.push("--piece", "1MiB", self.place(port=self.site.server_port), model, code=4)
        self.assertEqual([error["code"] for error in told["errors"]], ["damaged"])
        self.assertIn("part-2", told["errors"][0]["message"])
        self.assertEqual(self.site.tags, {})

    def test_a_token_that_ends_in_the_middle(self):
        """the piece is sent again, with another one that may write"""
        self.pushed({"method": "PATCH", "skip": 2, "refuses": True}, {"method": "PATCH", "skip": 3, "refuses": True})
        self.assertEqual(len(self.site.wishes), 2)
        self.assertIn("%3Apull%2Cpush", self.site.wishes[0])
        self.assertEqual(self.requests("POST"), 3)

    def test_killed_and_run_again(self):
        """what had arrived is there, and is not sent again"""
        model = self.installed({f"part-{i}.safetensors": safetensors(f"killed {i}", 3 << 20) for i in range(3)})
        self.machine.env["NCMODEL_JOBS"] = "1"
        self.site.plans = [{"method": "PATCH", "skip": 5, "hang": True}]
        running = self.begin(6, model)
        running.kill()
        running.communicate()
        self.assertEqual((len(self.site.blobs), self.site.tags), (1, {}))
        self.site.hanging.set()
        told = self.push(self.place(port=self.site.server_port), model)["data"]
        self.assertEqual([file["state"] for file in told["files"]], ["there", "sent", "sent"])

    def uploads(self):
        folder = os.path.join(self.machine.home, ".local", "state", "ncmodel", "uploads")
        return sorted(os.path.join(folder, name) for name in os.listdir(folder)) if os.path.exists(folder) else []

    def killed(self, pieces=4, size=6 << 20):
        """A push of one file that is killed when so many pieces of 1 MiB are there; returns the model and the bytes."""
        data = gguf("resumed", size)
        model = self.installed({"m.gguf": data})
        self.site.plans = [{"method": "PATCH", "skip": pieces, "hang": True}]
        running = self.begin(pieces + 1, model)
        running.kill()
        running.communicate()
        self.site.hanging.set()
        self.site.asked.clear()
        self.assertEqual(len(self.uploads()), 1)
        return model, data

    def goes_on(self, model, data, patches, posts=2):
        self.push("--piece", "1MiB", self.place(port=self.site.server_port), model)
        self.assertEqual(self.site.blobs[site.digest(data)], data)
        self.assertEqual((self.requests("PATCH"), self.requests("POST")), (patches, posts))
        self.assertEqual(self.uploads(), [])

    def test_killed_and_gone_on_with(self):
        """in the same upload, with what is missing"""
        model, data = self.killed()
        self.goes_on(model, data, 2)

    def test_killed_when_all_pieces_were_there(self):
        model, data = self.killed(pieces=5)
        self.site.uploads["0"] += data[5 << 20:]
        self.goes_on(model, data, 0)

    def test_what_is_kept_is_the_user_s_alone(self):
        self.killed()
        [path] = self.uploads()
        self.assertEqual((os.stat(path).st_mode & 0o777, os.stat(os.path.dirname(path)).st_mode & 0o777), (0o600, 0o700))
        self.assertIn("/up/0?state=", self.read(path).decode())
        self.assertRegex(os.path.basename(path), r"^[0-9a-f]{64}$")

    def test_a_registry_that_has_forgotten_it(self):
        model, data = self.killed()
        self.site.uploads["0"] = b""
        self.goes_on(model, data, 6, posts=3)

    def test_what_is_kept_is_not_believed(self):
        """an address elsewhere is asked for nothing, and what is no upload's begins anew"""
        for change in (lambda _: b"{", lambda _: b"[]", lambda text: text.replace(b"localhost:", b"elsewhere.invalid:"), lambda text: b" " * (1 << 20),
                       lambda text: text.replace(b"sha256:", b"sha256:0"), lambda text: text.replace(b"/up/0", b"/up/7"),
                       lambda text: text.replace(b"http://localhost", b"file:///etc/passwd?")):
            with self.subTest(change):
                self.site.uploads.clear()
                self.site.blobs.clear()
                self.site.tags.clear()
                self.site.hanging.clear()
                self.site.asked.clear()
                model, data = self.killed()
                [path] = self.uploads()
                self.write(path, change(self.read(path)))
                self.push("--piece", "1MiB", self.place(port=self.site.server_port), model)
                self.assertEqual(self.site.blobs[site.digest(data)], data)
                self.assertEqual(self.machine.run("rm", "-y", "--all").returncode, 0)
                for path in self.uploads():
                    os.remove(path)

    def test_old_ones_are_dropped(self):
        model, _ = self.killed()
        [path] = self.uploads()
        self.write(os.path.join(os.path.dirname(path), "0" * 64), b"old")
        os.utime(os.path.join(os.path.dirname(path), "0" * 64), (1, 1))
        self.push(self.place(port=self.site.server_port), model)
        self.assertEqual(self.uploads(), [])

    def test_a_state_folder_that_cannot_be_had(self):
        self.write(os.path.join(self.machine.home, ".local", "state", "ncmodel"), b"a file")
        self.pushed()

    def test_interrupted(self):
        model = self.installed({"m.gguf": gguf("interrupted", 5 << 20)})
        self.site.plans = [{"method": "PATCH", "skip": 2, "hang": True}]
        running = self.begin(3, model)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
        self.assertEqual((running.returncode, self.site.tags), (130, {}))

    def test_trouble_that_passes(self):
        self.pushed({"method": "PATCH", "status": 503, "times": 2})

    def test_trouble_that_stays(self):
        self.machine.env["NCMODEL_RETRIES"] = "2"
        self.pushed({"method": "PUT", "status": 503, "times": 99}, code=7, piece="1GiB")

    def test_refused(self):
        told = self.pushed({"method": "PUT", "status": 413, "times": 99, "body": b'{"errors":[{"message":"too \\u001b[31mlarge"}]}'}, code=15, piece="1GiB")
        self.assertIn("--piece", told["errors"][0]["hint"])
        self.assertNotIn("\x1b", told["errors"][0]["message"].encode("unicode_escape").decode())


if __name__ == "__main__":
    unittest.main()
