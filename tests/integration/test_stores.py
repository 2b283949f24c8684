"""Where the stores lie and why, what `ncmodel stores` says of it, and what a plan says of one that cannot be written."""
import json
import os
import pwd
import shutil
import subprocess
import unittest

from harness import BINARY, SOURCE, Case, gguf

PORTABLE = "ComfyUI_windows_portable/ComfyUI"


class StoresTest(Case):
    def stores(self, *arguments, env=None):
        result = self.machine.run("stores", "--json", *arguments, env=env)
        self.assertEqual(result.returncode, 0, result.err)
        return {store["id"]: store for store in json.loads(result.out)["data"]["stores"]}

    def place(self, store, **options):
        found = self.stores(**options)[store]
        return os.path.relpath(found["path"], self.machine.root), found["why"], found["told_by"]

    def test_what_is_there_goes_before_what_is_not(self):
        self.assertEqual(self.place("comfyui"), ("ComfyUI", "layout", None))
        os.makedirs(os.path.join(self.machine.root, PORTABLE))
        self.assertEqual(self.place("comfyui"), (PORTABLE, "found", None))
        os.makedirs(os.path.join(self.machine.root, "ComfyUI"))
        self.assertEqual(self.place("comfyui"), ("ComfyUI", "layout", None))
        # Where ncmodel has worked already it goes on.
        os.makedirs(os.path.join(self.machine.root, PORTABLE, ".ncmodel"))
        self.assertEqual(self.place("comfyui"), (PORTABLE, "found", None))

    def test_two_stores_in_one_folder(self):
        """By a link: nobody waits for himself."""
        m = self.machine
        data = gguf("a", 3000)
        model = m.simple("a.gguf", data)
        model["files"][0]["to"] = [{"store": "llama-cpp", "name": "a.gguf"}, {"store": "training", "name": "b.gguf"}]
        m.manifest([model])
        os.makedirs(m.store())
        os.makedirs(os.path.join(m.root, "training"))
        os.symlink(m.store(), os.path.join(m.root, "training/models"))
        self.assertEqual(m.run("pull", "-y", timeout=30).returncode, 0)
        self.assertEqual([self.read(m.store(name)) for name in ("a.gguf", "b.gguf")], [data, data])
        self.assertEqual(m.run("adopt", timeout=30).returncode, 0)
        for name in sorted(self.entries()):
            removed = m.run("rm", "-y", name, timeout=30)
            self.assertEqual(removed.returncode, 0, removed.err)
        self.assertEqual([name for name in os.listdir(m.store()) if name.endswith(".gguf")], [])

    def test_who_says_so(self):
        m, elsewhere = self.machine, os.path.join(self.machine.home, "elsewhere")
        config = os.path.join(m.home, "config.json")
        with open(config, "w") as out:
            json.dump({"stores": {"ollama": "from-file", "a1111": "a"}}, out)
        env = {"NCMODEL_CONFIG": config}
        self.assertEqual(self.place("ollama", env=env), ("../from-file", "configuration", config))
        env["NCMODEL_STORE_OLLAMA"] = elsewhere
        self.assertEqual(self.place("ollama", env=env), ("../elsewhere", "environment", "NCMODEL_STORE_OLLAMA"))
        given = self.stores("--store-path", "ollama=" + m.home, env=env)["ollama"]
        self.assertEqual((given["path"], given["why"], given["told_by"]), (m.home, "flag", "--store-path"))
        self.assertEqual(self.place("ollama", env={"OLLAMA_MODELS": elsewhere}),
                         ("../elsewhere", "environment", "OLLAMA_MODELS"))
        self.assertEqual(self.place("hf", env={"HF_HOME": elsewhere}), ("../elsewhere/hub", "environment", "HF_HOME"))

    def test_who_named_a_store_that_is_not_there(self):
        m = self.machine
        config = os.path.join(m.home, "config.json")
        with open(config, "w") as out:
            json.dump({"stores": {"comfy": "/x"}}, out)
        for arguments, env, said in ((["--config", config], {}, config + ": $.stores"), (["--store-path", "comfy=/x"], {}, "--store-path"),
                                     ([], {"NCMODEL_STORE_COMFY": "/x"}, "NCMODEL_STORE_<STORE>")):
            result = m.run("list", *arguments, env=env)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f'ncmodel: {said}: the layout "default" has no store "comfy"', result.err)
            self.assertIn("did you mean comfyui?", result.err)

    def test_a_folder_behind_a_colon(self):
        self.hub.hf("org/some", {"a.safetensors": b"x" * 1000})
        result = self.machine.run("pull", "-n", "hf:org/some/a.safetensors", "--to", "comfyui:loras")
        self.assertIn("did you mean comfyui/loras?", result.err)

    def layout(self, user, path):
        with open(os.path.join(SOURCE, "manifests/layouts/default.json")) as file:
            layout = json.load(file)
        layout["stores"]["ollama"]["service"] = {"user": user, "path": path}
        name = os.path.join(self.machine.home, "layout.json")
        with open(name, "w") as out:
            json.dump(layout, out)
        return name

    def test_the_store_of_a_service(self):
        m = self.machine
        user, service = pwd.getpwuid(os.geteuid()).pw_name, os.path.join(m.home, "service")
        env = {"NCMODEL_LAYOUT": self.layout(user, service), "NCMODEL_ROOT": m.home}
        ours = os.path.join(m.home, ".ollama/models")

        def ollama(extra=None):
            found = self.stores(env={**env, **(extra or {})})["ollama"]
            return found["path"], found["why"]
        self.assertEqual(ollama(), (service, "service"))
        self.assertEqual(ollama({"NCMODEL_LAYOUT": self.layout("no-such-user", service)}), (ours, "layout"))
        env["NCMODEL_LAYOUT"] = self.layout(user, service)
        # Another root is a machine of its own.
        self.assertEqual(ollama({"NCMODEL_ROOT": m.root}), (os.path.join(m.root, ".ollama/models"), "layout"))
        os.makedirs(ours)
        self.assertEqual(ollama(), (ours, "layout"))
        os.makedirs(service)
        self.assertEqual(ollama(), (ours, "layout"))
        # Both are there: the service's, if it runs; and where ncmodel has worked in any case.
        program = os.path.join(m.home, "ollama")
        shutil.copy(shutil.which("sleep"), program)
        with subprocess.Popen([program, "60"]) as running:
            try:
                self.assertEqual(ollama(), (service, "service"))
                os.makedirs(os.path.join(ours, ".ncmodel"))
                self.assertEqual(ollama(), (ours, "layout"))
            finally:
                running.kill()

    def test_models_and_space(self):
        m = self.machine
        m.manifest([m.simple("a.gguf", gguf("a", 50_000)), m.simple("b.gguf", gguf("b", 60_000))])
        self.assertFalse(os.path.exists(m.store()))
        self.assertEqual(self.stores()["llama-cpp"]["there"], False)
        self.assertFalse(os.path.exists(m.store()), "looking makes nothing")
        self.pull()
        found = self.stores()
        self.assertEqual((found["llama-cpp"]["model_count"], found["llama-cpp"]["bytes"]), (2, 110_000))
        self.assertEqual((found["llama-cpp"]["there"], found["llama-cpp"]["writable"]), (True, True))
        self.assertEqual(found["ollama"]["model_count"], 0)
        room = os.statvfs(m.root)
        self.assertEqual(found["ollama"]["total"], room.f_blocks * room.f_frsize)
        text = m.run("stores")
        self.assertEqual((text.returncode, text.err), (0, ""))
        self.assertIn(m.store(), text.out)


class UnwritableTest(Case):
    """A folder that belongs to somebody else; as root the program runs as nobody, who owns all but that."""

    def setUp(self):
        super().setUp()
        self.user = 65534 if os.geteuid() == 0 else None

    def run_as_user(self, *arguments):
        m = self.machine
        process = subprocess.run([BINARY, *arguments], env=m.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 cwd=m.home, user=self.user, timeout=120)
        self.assertNotIn("Sanitizer", process.stderr)
        return process

    def block(self, store):
        path = os.path.join(self.machine.root, store)
        os.makedirs(path)
        for folder, folders, files in os.walk(self.machine.home):
            for name in [".", *folders, *files]:
                if self.user:
                    os.chown(os.path.join(folder, name), self.user, self.user)
        os.chmod(path, 0o555)
        if self.user:
            os.chown(path, 0, 0)
        if subprocess.run([BINARY, "version"], env=self.machine.env, capture_output=True, user=self.user).returncode:
            self.skipTest("another user may not run the program here")
        return path

    def test_plan_and_pull_say_so_before_anything_is_fetched(self):
        m = self.machine
        m.manifest([m.simple("good.gguf", gguf("g", 50_000)),
                    {**m.simple("bad.gguf", gguf("b", 50_000)), "id": "bad"}])
        with open(os.path.join(m.manifests, "test/phase-1-high.json")) as file:
            manifest = json.load(file)
        manifest["models"][1]["files"][0]["to"] = [{"store": "training", "name": "bad.gguf"}]
        with open(os.path.join(m.manifests, "test/phase-1-high.json"), "w") as out:
            json.dump(manifest, out)
        path = self.block("training/models")
        listed = json.loads(self.run_as_user("stores", "--json").stdout)["data"]["stores"]
        found = [store for store in listed if store["id"] == "training"][0]
        self.assertFalse(found["writable"])
        self.assertIn(f"{path} belongs to ", found["barrier"])
        plan = json.loads(self.run_as_user("plan", "--json").stdout)
        self.assertEqual([model["error"] for model in plan["data"]["models"]], [None, "io"])
        self.assertIn('bad: the store "training" cannot be written', self.run_as_user("plan").stderr)
        self.hub.forget()
        pulled = self.run_as_user("pull", "-y")
        self.assertEqual(pulled.returncode, 1, pulled.stderr)
        self.assertIn('the store "training" cannot be written', pulled.stderr)
        self.assertIn("ncmodel stores", pulled.stderr)
        self.assertEqual([r["path"] for r in self.hub.asked() if r["path"].startswith("/files/bad")], [])
        self.assertEqual(list(self.entries()), ["good"])
        # The hint, followed.
        elsewhere = "training=" + os.path.join(m.home, "other")
        pulled = self.run_as_user("pull", "-y", "--store-path", elsewhere)
        self.assertEqual(pulled.returncode, 0, pulled.stderr)
        self.assertEqual(sorted(self.entries()), ["bad", "good"])
        # What is in place is written nowhere, and does not fail with what is not.
        late = m.simple("late.gguf", gguf("late", 50_000))
        late["files"][0]["to"] = [{"store": "training", "name": "late.gguf"}]
        m.manifest([late], phase=2)
        os.chmod(os.path.join(m.home, "other/.ncmodel/staging"), 0)
        pulled = self.run_as_user("pull", "-y", "--json", "--store-path", elsewhere)
        self.assertEqual({x["id"]: x["outcome"] for x in json.loads(pulled.stdout)["data"]["result"]["models"]},
                         {"good": "present", "bad": "present", "late": "failed"}, pulled.stderr)
        os.chmod(os.path.join(m.home, "other/.ncmodel/staging"), 0o755)
        os.chmod(os.path.join(m.home, "other"), 0o555)
        planned = self.run_as_user("plan", "--exit-code", "--phase", "1", "--store-path", elsewhere)
        self.assertEqual(planned.returncode, 0, planned.stdout + planned.stderr)
        os.chmod(os.path.join(m.home, "other"), 0o755)


if __name__ == "__main__":
    unittest.main()
